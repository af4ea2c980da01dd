//! LZ4 frames: a header, blocks, an end mark.
//!
//! Written with independent blocks of 64 KiB and no checksums, as Kafka writes them. Read with any
//! block size, with linked blocks, block checksums and content size. The checksum of the whole
//! content is passed over, as Kafka does: the CRC of the batch covers the same bytes.
//! Kafka: `Lz4BlockOutputStream`, `Lz4BlockInputStream`.

use lz4_flex::block::{
    CompressTable, DecompressError, compress_into_with_table, decompress_into,
    decompress_into_with_dict, get_maximum_output_size,
};

use super::output::{Failure, Output};
use super::xxh32::xxh32;
use crate::cursor::Cursor;

const MAGIC: [u8; 4] = 0x184d_2204_u32.to_le_bytes();
/// Version 1, independent blocks, nothing else.
const FLAGS: u8 = 0x60;
/// Blocks of 64 KiB.
const DESCRIPTOR: u8 = 0x40;
const BLOCK_SIZE: usize = 64 << 10;
/// How far back a linked block may reach.
const WINDOW: usize = 64 << 10;
/// The bit of a block's size that says it is not compressed.
const STORED: u32 = 1 << 31;
/// No element of the format gives more bytes of output per byte of input.
const EXPANSION_MAX: usize = 255;

/// Whether the checksum of the frame's header is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderChecksum {
    /// It must match.
    Checked,
    /// Kafka's producers of magic 0 took it over the wrong bytes.
    Ignored,
}

/// Compresses into one frame.
pub(crate) fn compress(input: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(input.len() / 2 + 64);
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[FLAGS, DESCRIPTOR, header_checksum(&[FLAGS, DESCRIPTOR])]);
    let mut table = CompressTable::default();
    let mut block = vec![0; get_maximum_output_size(input.len().min(BLOCK_SIZE))];
    for chunk in input.chunks(BLOCK_SIZE) {
        let size = compress_into_with_table(chunk, &mut block, &mut table)
            .map_err(|error| error.to_string())?;
        let (bytes, stored) = match block.get(..size) {
            Some(packed) if size < chunk.len() => (packed, 0),
            Some(_) | None => (chunk, STORED),
        };
        let length = u32::try_from(bytes.len()).map_err(|error| error.to_string())?;
        out.extend_from_slice(&(length | stored).to_le_bytes());
        out.extend_from_slice(bytes);
    }
    out.extend_from_slice(&[0; 4]);
    Ok(out)
}

/// Decompresses the first frame of `input`.
pub(crate) fn decompress(
    input: &[u8],
    output: &mut Output,
    header_checksum: HeaderChecksum,
) -> Result<(), Failure> {
    let short = || Failure::corrupt("the LZ4 frame ends early");
    let mut cursor = Cursor::new(input);
    let frame = Frame::read(&mut cursor, header_checksum)?;
    loop {
        let size = u32::from_le_bytes(cursor.array().ok_or_else(short)?);
        if size == 0 {
            return Ok(());
        }
        let length = usize::try_from(size & !STORED).map_err(|_| short())?;
        if length > frame.block_size {
            return Err(Failure::corrupt("an LZ4 block is larger than its frame allows"));
        }
        let block = cursor.take(length).ok_or_else(short)?;
        if frame.block_checksums {
            let checksum = u32::from_le_bytes(cursor.array().ok_or_else(short)?);
            if xxh32(block) != checksum {
                return Err(Failure::corrupt("an LZ4 block does not match its checksum"));
            }
        }
        if size & STORED == 0 {
            frame.decompress_block(block, output)?;
        } else {
            output.push(block)?;
        }
    }
}

/// What the header says about the blocks.
struct Frame {
    block_size: usize,
    linked: bool,
    block_checksums: bool,
}

impl Frame {
    fn read(cursor: &mut Cursor<'_>, checksum: HeaderChecksum) -> Result<Self, Failure> {
        let short = || Failure::corrupt("the LZ4 header ends early");
        if cursor.array().ok_or_else(short)? != MAGIC {
            return Err(Failure::corrupt("not an LZ4 frame"));
        }
        let start = cursor.rest();
        let [flags, descriptor] = cursor.array().ok_or_else(short)?;
        if flags >> 6 != 1 {
            return Err(Failure::corrupt("the LZ4 frame is of an unknown version"));
        }
        if flags & 0b11 != 0 || descriptor & 0b1000_1111 != 0 {
            // The lowest bit of the flags announces a dictionary, which nobody has.
            return Err(Failure::corrupt("the LZ4 header has unknown flags"));
        }
        let block_size = match descriptor >> 4 {
            4 => 64 << 10,
            5 => 256 << 10,
            6 => 1 << 20,
            7 => 4 << 20,
            _ => return Err(Failure::corrupt("the LZ4 header has an unknown block size")),
        };
        let content_size = flags & 1 << 3 != 0;
        let described = if content_size { 10 } else { 2 };
        cursor.take(described - 2).ok_or_else(short)?;
        let stored = cursor.u8().ok_or_else(short)?;
        let computed = header_checksum(start.get(..described).unwrap_or(&[]));
        if checksum == HeaderChecksum::Checked && stored != computed {
            return Err(Failure::corrupt("the LZ4 header does not match its checksum"));
        }
        Ok(Self { block_size, linked: flags & 1 << 5 == 0, block_checksums: flags & 1 << 4 != 0 })
    }

    fn decompress_block(&self, block: &[u8], output: &mut Output) -> Result<(), Failure> {
        let most = block.len().saturating_mul(EXPANSION_MAX).min(self.block_size);
        let cut = most > output.room();
        let (filled, spare) = output.spare(most);
        let done = if self.linked {
            let window = filled.len().saturating_sub(WINDOW);
            decompress_into_with_dict(block, spare, filled.get(window..).unwrap_or(&[]))
        } else {
            decompress_into(block, spare)
        };
        match done {
            Ok(written) => {
                output.advance(written);
                Ok(())
            }
            Err(DecompressError::OutputTooSmall { .. }) if cut => Err(Failure::TooLarge),
            Err(error) => Err(Failure::Corrupt(error.to_string().into())),
        }
    }
}

/// The second byte of the hash of what the header says of itself.
fn header_checksum(described: &[u8]) -> u8 {
    xxh32(described).to_le_bytes()[1]
}
