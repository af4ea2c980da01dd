//! How the beginning of a file and a group of appends are written down.
//!
//! All numbers are big-endian, as in Kafka's files. The first block of a file:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | [`FILE_MAGIC`] |
//! | 4 | CRC32C of all that follows |
//! | 8 | generation: how often a file was used so far, this time included |
//! | 8 | an id of this use that nobody can guess |
//!
//! Every group begins at a block:
//!
//! | bytes | what |
//! |---|---|
//! | 4 | [`GROUP_MAGIC`] |
//! | 4 | CRC32C of all that follows |
//! | 4 | bytes of the entries |
//! | 4 | how many entries there are |
//! | 8 | the id of the use it belongs to |
//! | 8 | its number within that use, from 0 on |
//!
//! An entry is the topic's id (16), the partition (4), the bytes of its batches (4), and those.
//! What a client has put into a record is not taken for a group, since no client knows the id.

use ottla_types::Uuid;

/// What every file begins with: "OtWA".
const FILE_MAGIC: u32 = 0x4f74_5741;
/// What every group begins with: "OtWG".
const GROUP_MAGIC: u32 = 0x4f74_5747;
/// Bytes of a file's header.
const FILE_HEADER_BYTES: usize = 24;
/// Bytes before the entries.
pub(crate) const HEADER_BYTES: usize = 32;
/// Bytes of an entry before its batches.
pub(crate) const ENTRY_OVERHEAD: usize = 24;
/// Groups begin at multiples of it: what is written after a group is in none of its blocks, so that
/// a power cut cannot tear what was acknowledged before.
pub(crate) const BLOCK: usize = 4096;

/// One use of a file, from its beginning on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) generation: u64,
    pub(crate) id: u64,
}

impl Use {
    /// `None` if no use begins with this block.
    pub(crate) fn parse(block: &[u8]) -> Option<Self> {
        let (magic, rest) = block.split_first_chunk()?;
        let (crc, rest) = rest.split_first_chunk()?;
        let (generation, after) = rest.split_first_chunk()?;
        let (id, _) = after.split_first_chunk()?;
        let found = crc_fast::crc32_iscsi(rest.get(..FILE_HEADER_BYTES - 8)?);
        let is_whole =
            u32::from_be_bytes(*magic) == FILE_MAGIC && u32::from_be_bytes(*crc) == found;
        let (generation, id) = (u64::from_be_bytes(*generation), u64::from_be_bytes(*id));
        is_whole.then_some(Self { generation, id })
    }

    /// The first block of the file.
    pub(crate) fn to_block(self) -> Vec<u8> {
        let numbers = [self.generation.to_be_bytes(), self.id.to_be_bytes()].concat();
        let crc = crc_fast::crc32_iscsi(&numbers);
        let mut block = [FILE_MAGIC.to_be_bytes(), crc.to_be_bytes()].concat();
        block.extend(numbers);
        block.resize(BLOCK, 0);
        block
    }
}

/// What stands before the entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    crc: u32,
    /// Bytes of the entries.
    length: usize,
    count: u32,
    pub(crate) use_id: u64,
    pub(crate) number: u64,
}

impl Header {
    /// `None` if no group begins here.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk()?;
        let (crc, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let (use_id, rest) = rest.split_first_chunk()?;
        let (number, _) = rest.split_first_chunk()?;
        (u32::from_be_bytes(*magic) == GROUP_MAGIC).then(|| Self {
            crc: u32::from_be_bytes(*crc),
            length: usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX),
            count: u32::from_be_bytes(*count),
            use_id: u64::from_be_bytes(*use_id),
            number: u64::from_be_bytes(*number),
        })
    }

    /// Bytes of the group, without what fills its last block.
    pub(crate) fn size(&self) -> usize {
        self.length.saturating_add(HEADER_BYTES)
    }
}

/// What one partition has in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry<'a> {
    pub(crate) topic_id: Uuid,
    pub(crate) partition: i32,
    pub(crate) batches: &'a [u8],
}

/// The entries of a whole group; `None` if it is not what was written.
pub(crate) fn entries(group: &[u8]) -> Option<Vec<Entry<'_>>> {
    let header = Header::parse(group)?;
    if group.len() != header.size() || crc(group) != header.crc {
        return None;
    }
    let mut rest = group.get(HEADER_BYTES..)?;
    let mut entries = Vec::new();
    for _ in 0..header.count {
        let (topic_id, after) = rest.split_first_chunk()?;
        let (partition, after) = after.split_first_chunk()?;
        let (length, after) = after.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (batches, after) = after.split_at_checked(length)?;
        let partition = i32::from_be_bytes(*partition);
        entries.push(Entry { topic_id: Uuid(*topic_id), partition, batches });
        rest = after;
    }
    rest.is_empty().then_some(entries)
}

/// Writes what stands before the entries of a group of this size, besides how many there are and
/// its number.
fn seal(group: &mut [u8], use_id: u64) {
    let length = u32::try_from(group.len().saturating_sub(HEADER_BYTES)).unwrap_or(u32::MAX);
    put(group, 0, &GROUP_MAGIC.to_be_bytes());
    put(group, 8, &length.to_be_bytes());
    put(group, 16, &use_id.to_be_bytes());
    let crc = crc(group);
    put(group, 4, &crc.to_be_bytes());
}

/// These bytes as a group, for fuzzing.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn sealed(mut bytes: Vec<u8>, use_id: u64) -> Vec<u8> {
    bytes.resize(bytes.len().max(HEADER_BYTES), 0);
    seal(&mut bytes, use_id);
    bytes
}

/// The group that begins with these bytes, with the checksum of what it holds, for fuzzing. `None`
/// if none begins there, or it does not end.
#[cfg(any(test, feature = "testing"))]
pub(crate) fn sealed_again(bytes: &[u8], use_id: u64) -> Option<Vec<u8>> {
    let size = Header::parse(bytes)?.size();
    Some(sealed(bytes.get(..size)?.to_vec(), use_id))
}

fn put(group: &mut [u8], at: usize, what: &[u8]) {
    if let Some(place) = group.get_mut(at..at + what.len()) {
        place.copy_from_slice(what);
    }
}

/// Of everything after the checksum.
fn crc(group: &[u8]) -> u32 {
    crc_fast::crc32_iscsi(group.get(8..).unwrap_or_default())
}

/// A group that is being put together, in memory that is used again for the next one.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    bytes: Vec<u8>,
    count: u32,
}

impl Builder {
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of the group so far.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len().max(HEADER_BYTES)
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    /// Adds an entry whose batches, so many bytes, `fill` writes. Without it if that fails.
    pub(crate) fn push<E>(
        &mut self,
        (topic_id, partition): (Uuid, i32),
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let begun = self.size();
        self.bytes.resize(begun, 0);
        self.bytes.extend(topic_id.0);
        self.bytes.extend(partition.to_be_bytes());
        self.bytes.extend(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        let start = self.bytes.len();
        self.bytes.resize(start + length, 0);
        let filled = fill(self.bytes.get_mut(start..).unwrap_or_default());
        if filled.is_ok() {
            self.count += 1;
        } else {
            self.bytes.truncate(begun);
        }
        filled
    }

    /// The whole group, filled up to the end of a block.
    pub(crate) fn finish(&mut self, use_id: u64, number: u64) -> &[u8] {
        let size = self.size();
        self.bytes.resize(size.next_multiple_of(BLOCK), 0);
        let group = self.bytes.get_mut(..size).unwrap_or_default();
        put(group, 12, &self.count.to_be_bytes());
        put(group, 24, &number.to_be_bytes());
        seal(group, use_id);
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built() -> Vec<u8> {
        let mut group = Builder::default();
        for (partition, batches) in [(0, b"one".as_slice()), (7, b"another"), (8, b"")] {
            let fill = |place: &mut [u8]| {
                place.copy_from_slice(batches);
                Ok::<(), ()>(())
            };
            group.push((Uuid([3; 16]), partition), batches.len(), fill).unwrap();
        }
        group.push((Uuid([4; 16]), 1), 5, |_| Err(())).unwrap_err();
        group.finish(6, 2).to_vec()
    }

    #[test]
    fn a_group_is_read_as_it_was_written() {
        let bytes = built();
        assert_eq!(bytes.len(), BLOCK);
        let header = Header::parse(&bytes).unwrap();
        assert_eq!((header.use_id, header.number), (6, 2));
        let found = entries(&bytes[..header.size()]).unwrap();
        let found: Vec<_> = found.iter().map(|entry| (entry.partition, entry.batches)).collect();
        assert_eq!(found, [(0, b"one".as_slice()), (7, b"another"), (8, b"")]);
    }

    #[test]
    fn the_beginning_of_a_file_is_read_as_it_was_written() {
        let begun = Use { generation: 3, id: 0x1234_5678_9abc_def0 };
        let block = begun.to_block();
        assert_eq!(Use::parse(&block), Some(begun));
        for at in 0..FILE_HEADER_BYTES {
            let mut block = block.clone();
            block[at] ^= 1;
            assert_eq!(Use::parse(&block), None, "byte {at}");
        }
    }

    #[test]
    fn a_bit_that_flips_anywhere_is_noticed() {
        let whole = built();
        let size = Header::parse(&whole).unwrap().size();
        for at in 0..size {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            let found = Header::parse(&bytes).and_then(|it| entries(bytes.get(..it.size())?));
            assert_eq!(found, None, "byte {at}");
        }
    }
}
