//! Walks over the batches of a segment file: headers only, or whole batches with their checksums.
//!
//! Invariant: a scan never goes past the end it was given and never allocates more than the batch
//! it looks at takes in the file.
//! Kafka: `FileLogInputStream`.

use std::io;

use ottla_record::{BATCH_OVERHEAD, BatchError, BatchHeader, body, check_crc};

use crate::{dir::LogFile, producers::TxnMarker};

/// Bytes read ahead while headers are looked at.
const HEADER_WINDOW: usize = 8 << 10;
/// Bytes read at once while whole batches are looked at.
const BATCH_WINDOW: usize = 1 << 20;

/// Why a scan stopped before the end.
#[derive(Debug)]
pub(crate) enum ScanError {
    Io(io::Error),
    /// The bytes at the scan's position are not a batch.
    Batch(BatchError),
}

impl std::fmt::Display for ScanError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Batch(error) => error.fmt(f),
        }
    }
}

/// The header of the batch at `position`; `None` where that is the end (exclusive).
pub(crate) fn header_at(
    file: &dyn LogFile,
    position: u64,
    end: u64,
) -> Result<Option<BatchHeader>, ScanError> {
    let left = end.saturating_sub(position);
    if left == 0 {
        return Ok(None);
    }
    let mut bytes = [0; BATCH_OVERHEAD];
    let read = file.read_at(&mut bytes, position).map_err(ScanError::Io)?;
    if (read as u64) < left.min(BATCH_OVERHEAD as u64) {
        return Err(ScanError::Io(io::ErrorKind::UnexpectedEof.into()));
    }
    parse(&bytes, left).map(Some)
}

/// The header of a batch that has so many bytes left to lie in.
fn parse(bytes: &[u8], left: u64) -> Result<BatchHeader, ScanError> {
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    let header =
        BatchHeader::parse(bytes.get(..left).unwrap_or(bytes)).map_err(ScanError::Batch)?;
    if header.size() > left {
        let needed = header.size();
        return Err(ScanError::Batch(BatchError::Truncated { needed, have: left }));
    }
    Ok(header)
}

/// Gives one batch after the other.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    file: &'a dyn LogFile,
    /// Where the next batch starts.
    position: u64,
    /// Where the batches end, exclusive.
    end: u64,
    window: Vec<u8>,
    window_position: u64,
    window_size: usize,
}

impl<'a> Scan<'a> {
    /// Looks at headers only.
    pub(crate) fn headers(file: &'a dyn LogFile, position: u64, end: u64) -> Self {
        Self::with_window(file, position, end, HEADER_WINDOW)
    }

    /// Reads whole batches.
    pub(crate) fn batches(file: &'a dyn LogFile, position: u64, end: u64) -> Self {
        Self::with_window(file, position, end, BATCH_WINDOW)
    }

    /// Reads so many bytes at once, or as many as a batch takes.
    pub(crate) fn with_window(
        file: &'a dyn LogFile,
        position: u64,
        end: u64,
        window_size: usize,
    ) -> Self {
        Self { file, position, end, window: Vec::new(), window_position: 0, window_size }
    }

    /// Where the next batch starts.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The next header and where its batch starts; `None` at the end.
    pub(crate) fn next_header(&mut self) -> Result<Option<(u64, BatchHeader)>, ScanError> {
        let Some(header) = self.peek()? else { return Ok(None) };
        let position = self.position;
        self.position += header.size() as u64;
        Ok(Some((position, header)))
    }

    /// The same, with the end of a transaction that the batch is, if it is one. Of others only the
    /// header is read.
    pub(crate) fn next_marked(
        &mut self,
    ) -> Result<Option<(u64, BatchHeader, Option<TxnMarker>)>, ScanError> {
        let Some(header) = self.peek()? else { return Ok(None) };
        let position = self.position;
        let mut marker = None;
        if header.attributes.is_control() {
            self.fill(header.size())?;
            marker = TxnMarker::read(&header, body(self.bytes(position, header.size())));
        }
        self.position += header.size() as u64;
        Ok(Some((position, header, marker)))
    }

    /// The header of the next batch, whose checksum was checked; `None` at the end.
    pub(crate) fn next_batch(&mut self) -> Result<Option<BatchHeader>, ScanError> {
        let Some(header) = self.peek()? else { return Ok(None) };
        self.fill(header.size())?;
        let position = self.position;
        self.position += header.size() as u64;
        let batch = self.bytes(position, header.size());
        check_crc(batch).map_err(ScanError::Batch)?;
        Ok(Some(header))
    }

    /// The next batch, whose checksum was checked; `None` at the end.
    pub(crate) fn next_whole(&mut self) -> Result<Option<(BatchHeader, &[u8])>, ScanError> {
        let position = self.position;
        let Some(header) = self.next_batch()? else { return Ok(None) };
        Ok(Some((header, self.bytes(position, header.size()))))
    }

    fn peek(&mut self) -> Result<Option<BatchHeader>, ScanError> {
        if self.position >= self.end {
            return Ok(None);
        }
        let left = self.end - self.position;
        self.fill(BATCH_OVERHEAD)?;
        parse(self.bytes(self.position, BATCH_OVERHEAD), left).map(Some)
    }

    /// Makes `size` bytes at the position available, or fewer at the end.
    fn fill(&mut self, size: usize) -> Result<(), ScanError> {
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let size = size.min(left);
        if self.bytes(self.position, size).len() == size {
            return Ok(());
        }
        self.window.resize(size.max(self.window_size).min(left), 0);
        let read = self.file.read_at(&mut self.window, self.position).map_err(ScanError::Io)?;
        self.window.truncate(read);
        self.window_position = self.position;
        if read < size {
            // The file was that large: this is not its end but a disk that hides it.
            return Err(ScanError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(())
    }

    fn bytes(&self, position: u64, size: usize) -> &[u8] {
        let Some(start) = position.checked_sub(self.window_position) else { return &[] };
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        let end = start.saturating_add(size).min(self.window.len());
        self.window.get(start..end).unwrap_or(&[])
    }
}

/// Whether a whole batch starts at a position, by its checksum.
pub(crate) fn is_batch(file: &dyn LogFile, position: u64, end: u64) -> bool {
    let mut scan = Scan::with_window(file, position, end, BATCH_OVERHEAD);
    scan.next_batch().is_ok_and(|batch| batch.is_some())
}

/// Whether a whole batch starts anywhere from `from` on. For what lies behind a batch that is
/// damaged, whose length may be wrong.
pub(crate) fn finds_batch(file: &dyn LogFile, from: u64, end: u64) -> io::Result<bool> {
    let mut window = Vec::new();
    let mut start = from;
    while start < end {
        let left = usize::try_from(end - start).unwrap_or(usize::MAX);
        window.resize(BATCH_WINDOW.min(left), 0);
        let read = file.read_at(&mut window, start)?;
        window.truncate(read);
        for (position, header) in (start..).zip(window.windows(BATCH_OVERHEAD)) {
            if BatchHeader::parse(header).is_ok() && is_batch(file, position, end) {
                return Ok(true);
            }
        }
        // What the next window begins with may be a header that this one ended within.
        let seen = (window.len() as u64).saturating_sub(BATCH_OVERHEAD as u64 - 1);
        if seen == 0 {
            break;
        }
        start += seen;
    }
    Ok(false)
}
