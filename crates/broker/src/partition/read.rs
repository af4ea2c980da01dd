//! What of a partition a client may read, and where that lies.
//!
//! The lock is held for as long as it takes to look at the log; files are read without it.
//! Kafka: `Partition.fetchRecords`, `LocalLog.read`.

use ottla_log::{AbortedTxn, Ahead, FileRange, LogReader, ReadError};
use ottla_types::{ErrorCode, Offset};

use super::{Asked, Asking, Inner, Partition, Tracks};

/// Which records a reader wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Isolation {
    /// All up to the high watermark.
    Uncommitted,
    /// Those up to the last stable offset; it is told which of them were aborted.
    Committed,
}

impl From<i8> for Isolation {
    /// As requests say it.
    fn from(level: i8) -> Self {
        if level == 1 { Self::Committed } else { Self::Uncommitted }
    }
}

/// What a client may read at an offset.
#[derive(Debug)]
pub(crate) struct Read {
    /// The records; `None` where there are none yet.
    pub(crate) range: Option<FileRange>,
    /// Exclusive.
    pub(crate) high_watermark: Offset,
    /// Inclusive.
    pub(crate) log_start_offset: Offset,
    /// Exclusive.
    pub(crate) last_stable_offset: Offset,
    /// The aborted transactions in it. `None` where nobody asked for them, and where a first batch
    /// was too large.
    pub(crate) aborted: Option<Vec<AbortedTxn>>,
    /// What a client that reads on comes to next and should not have to wait for.
    pub(crate) ahead: Option<Ahead>,
}

impl Read {
    /// Exclusive end of what such a reader may read.
    fn end(&self, isolation: Isolation) -> Offset {
        match isolation {
            Isolation::Uncommitted => self.high_watermark,
            Isolation::Committed => self.last_stable_offset,
        }
    }
}

impl Partition {
    /// Reads at `offset`, up to `max_bytes`; a first batch larger than that comes whole when
    /// `at_least_one`. `asking` is whose reading is to be remembered.
    pub(crate) fn read(
        &self,
        offset: Offset,
        (max_bytes, at_least_one): (usize, bool),
        isolation: Isolation,
        asking: Option<&Asking<'_>>,
    ) -> Result<Read, ErrorCode> {
        let (reader, mut read, replacements) = {
            let mut inner = self.lock();
            inner.check_usable()?;
            let high_watermark = inner.replication.high_watermark();
            let read = Read {
                range: None,
                high_watermark,
                log_start_offset: inner.log.log_start_offset(),
                last_stable_offset: inner.log.last_stable_offset(high_watermark),
                aborted: None,
                ahead: None,
            };
            let reader = inner.log.reader();
            if offset < read.log_start_offset || offset > reader.log_end_offset() {
                return Err(ErrorCode::OffsetOutOfRange);
            }
            if let Some(asking) = asking
                && (max_bytes > 0 || at_least_one)
            {
                let Inner { replication, tracks, .. } = &mut *inner;
                let asked = Asked::new(offset, read.end(isolation), max_bytes, asking.now_ms);
                Tracks::asked(tracks, replication, asking, asked);
            }
            (reader, read, inner.replacements)
        };
        let end = read.end(isolation);
        match read_range(&reader, (offset, end), (max_bytes, at_least_one), isolation) {
            Ok((range, aborted)) => {
                read.ahead = asking.and_then(|_| reader.ahead(range.as_ref()?));
                read.range = range;
                read.aborted = aborted;
                Ok(read)
            }
            // The log has moved, and the old files are out of reach.
            Err(_) if self.lock().replacements != replacements => {
                self.read(offset, (max_bytes, at_least_one), isolation, asking)
            }
            Err(ReadError::WronglyIndexed { one, other, seen, .. }) => {
                let mended = self.lock().log.mend_txn_indexes(one, other, seen);
                mended.map_err(|error| self.refused(offset, &error))?;
                self.read(offset, (max_bytes, at_least_one), isolation, asking)
            }
            Err(error) => Err(self.refused(offset, &error)),
        }
    }

    /// Reports why a record cannot be read, and says it as a client is told.
    fn refused(&self, offset: Offset, error: &ReadError) -> ErrorCode {
        self.unreadable.report(&self.topic_partition, offset, error);
        error.code()
    }
}

/// The records between two offsets, and the aborted transactions among them.
fn read_range(
    reader: &LogReader,
    (offset, end): (Offset, Offset),
    (max_bytes, at_least_one): (usize, bool),
    isolation: Isolation,
) -> Result<(Option<FileRange>, Option<Vec<AbortedTxn>>), ReadError> {
    let is_committed = isolation == Isolation::Committed;
    let takes_none = max_bytes == 0 && !at_least_one;
    if offset >= end || (takes_none && !is_committed) {
        return Ok((None, is_committed.then(Vec::new)));
    }
    let range = reader.read(offset, max_bytes, end, at_least_one)?;
    let is_too_large = range.is_empty() && !takes_none;
    let aborted = if is_committed && !is_too_large {
        Some(reader.aborted_in_range(offset, &range)?)
    } else {
        None
    };
    Ok(((!takes_none).then_some(range), aborted))
}
