//! Walks over batches that follow each other in one slice.
//!
//! Kafka: `org.apache.kafka.common.record.internal.ByteBufferLogInputStream`.

use crate::cursor::Cursor;
use crate::{BatchError, BatchHeader, LOG_OVERHEAD};

/// Bytes up to and with the magic, in every format.
const UP_TO_MAGIC: usize = 17;
/// The least that a length counts, in any format: that of an empty record of magic 0.
const LENGTH_MIN: i32 = 14;

/// Iterates over the consecutive batches of magic 2 in a slice.
///
/// A batch whose end is missing ends the walk without an error, as a Fetch response may be cut
/// anywhere: [`Batches::trailing`] says how many bytes were left over. After an error the walk is
/// over.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    bytes: &'a [u8],
    position: usize,
    failed: bool,
}

impl<'a> Batches<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0, failed: false }
    }

    /// Where the next batch starts: the bytes of all batches given so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Bytes not given out yet. At the end of the walk: those of a cut or invalid tail.
    pub fn trailing(&self) -> usize {
        self.rest().len()
    }

    fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or(&[])
    }

    /// Steps over the next whole batch, of whose header only magic and length are looked at.
    pub(crate) fn next_size(&mut self) -> Result<Option<usize>, BatchError> {
        let rest = self.rest();
        let Some(magic) = rest.get(UP_TO_MAGIC - 1) else { return Ok(None) };
        let size = size_at(rest)?.filter(|&size| size <= rest.len());
        let magic = magic.cast_signed();
        if magic != 2 {
            return Err(BatchError::UnsupportedMagic(magic));
        }
        self.position += size.unwrap_or(0);
        Ok(size)
    }

    fn read(&mut self) -> Result<Option<(BatchHeader, &'a [u8])>, BatchError> {
        let rest = self.rest();
        let start = self.position;
        let Some(size) = self.next_size()? else { return Ok(None) };
        let batch = rest.get(..size).unwrap_or(&[]);
        match BatchHeader::parse(batch) {
            Ok(header) => Ok(Some((header, batch))),
            Err(error) => {
                self.position = start;
                Err(error)
            }
        }
    }
}

/// The size of the batch at the start of `bytes`, if its length is there.
fn size_at(bytes: &[u8]) -> Result<Option<usize>, BatchError> {
    let mut cursor = Cursor::new(bytes);
    let (Some(_), Some(length)) = (cursor.i64(), cursor.i32()) else { return Ok(None) };
    match usize::try_from(length) {
        Ok(counted) if length >= LENGTH_MIN => Ok(Some(LOG_OVERHEAD.saturating_add(counted))),
        Ok(_) | Err(_) => Err(BatchError::InvalidLength(length)),
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<(BatchHeader, &'a [u8]), BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let item = self.read().transpose();
        self.failed = matches!(item, None | Some(Err(_)));
        item
    }
}

impl std::iter::FusedIterator for Batches<'_> {}
