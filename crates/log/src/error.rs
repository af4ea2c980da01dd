//! What can go wrong with a log, and what a client is told.
//!
//! Kafka: the exceptions of `org.apache.kafka.common.errors` and
//! `org.apache.kafka.storage.internals.log`.

use std::{fmt, io, path::Path, path::PathBuf, sync::Arc};

use ottla_record::BatchError;
use ottla_types::{ErrorCode, Offset, Uuid};

/// What is wrong with a text file, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {cause}")]
pub struct BadLine {
    /// The number of the line, from 1 on.
    pub(crate) line: usize,
    /// What is wrong there.
    pub(crate) cause: String,
}

impl BadLine {
    pub(crate) fn new(line: usize, cause: impl Into<String>) -> Self {
        Self { line, cause: cause.into() }
    }
}

/// A log cannot be opened or changed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The operating system refused.
    #[error("cannot {what} {}: {source}", path.display())]
    Io {
        /// What was attempted, as a verb.
        what: &'static str,
        /// On which file or directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// What had been written to the disk for good is not what is there now.
    #[error(
        "{} is damaged at position {position}, in what was on disk for good: {cause}. \
         Look at it with: ottla log dump {}",
        path.display(),
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in the file, in bytes.
        position: u64,
        /// What is wrong there.
        cause: String,
    },
    /// The log ends before an offset up to which it was on disk for good.
    #[error(
        "{} ends at offset {log_end_offset}, but {} has the line \"{at} {expected}\": records are \
         missing. Bring the file back, or remove that line to go on with what is left. Look at both \
         with: ottla log dump {} {}",
        path.display(),
        checkpoint.display(),
        path.display(),
        checkpoint.display()
    )]
    Incomplete {
        /// The last file.
        path: PathBuf,
        /// Where the log ends, exclusive.
        log_end_offset: Offset,
        /// The partition, as the checkpoint writes it.
        at: String,
        /// Where it should end, or later.
        expected: Offset,
        /// The file that says so.
        checkpoint: PathBuf,
    },
    /// A log of which something was on disk for good is not there.
    #[error(
        "{} is missing, and {} has the line \"{at} {expected}\": records are missing. Bring it back, or delete \
         the topic, or remove that line to begin it anew. Look at it with: ottla log dump {}",
        path.display(),
        checkpoint.display(),
        checkpoint.display()
    )]
    Gone {
        /// The directory of the partition.
        path: PathBuf,
        /// The partition, as the checkpoint writes it.
        at: String,
        /// Where it should end, or later.
        expected: Offset,
        /// The file that says so.
        checkpoint: PathBuf,
    },
    /// A log that was left in order has lost its first segments.
    #[error(
        "{} begins at offset {first}, but {} has an epoch from offset {expected} on: records are missing. Bring \
         back the segments before it, or remove the second file to go on with what is left. Look at both with: \
         ottla log dump {} {}",
        path.display(),
        epochs.display(),
        path.display(),
        epochs.display()
    )]
    Beheaded {
        /// The first file.
        path: PathBuf,
        /// Its first offset.
        first: Offset,
        /// Where the log should begin, or before.
        expected: Offset,
        /// The file that says so.
        epochs: PathBuf,
    },
    /// What was written ahead of a log does not follow its end.
    #[error(
        "{} ends at offset {log_end_offset}, but what was written ahead of it goes on at {found}: records \
         are missing. Bring the file back, or remove the files write-ahead.0 and write-ahead.1 of the data \
         directory to go on without what all partitions have there. Look at it with: ottla log dump {}",
        path.display(),
        path.display()
    )]
    Hole {
        /// The last file.
        path: PathBuf,
        /// Where the log ends, exclusive.
        log_end_offset: Offset,
        /// The first offset that was written ahead and is not in it.
        found: Offset,
    },
    /// A segment's log is gone but not what belongs to it.
    #[error(
        "{} is missing, though {index} is there: its records are lost. Bring the file back, or \
         remove {index} to go on without them. Look at what is left with: ottla log verify {}",
        path.display(),
        path.parent().unwrap_or(path).display()
    )]
    Missing {
        /// The file that is missing.
        path: PathBuf,
        /// The name of an index of it.
        index: String,
    },
    /// The directory belongs to another topic of the same name.
    #[error(
        "{} has topic id {found} in line 2, not {expected}. Look at it with: ottla log dump {}",
        path.display(),
        path.display()
    )]
    InconsistentTopicId {
        /// The partition's `partition.metadata`.
        path: PathBuf,
        /// The id in it.
        found: Uuid,
        /// The id it was opened with.
        expected: Uuid,
    },
    /// A file cannot be understood.
    #[error(
        "{} is not valid in line {}: {}. Look at it with: ottla log dump {}",
        path.display(),
        fault.line,
        fault.cause,
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where, and why not.
        fault: BadLine,
    },
    /// Another process uses the data directory.
    #[error(
        "{} is in use by another process: stop it, or choose another directory with log.dirs",
        path.display()
    )]
    Locked {
        /// The data directory.
        path: PathBuf,
    },
    /// An offset lies outside of the log.
    #[error("offset {offset} is not between {log_start_offset} and {log_end_offset}")]
    OffsetOutOfRange {
        /// The offset asked for.
        offset: Offset,
        /// First offset of the log.
        log_start_offset: Offset,
        /// Next offset of the log.
        log_end_offset: Offset,
    },
    /// A write or sync failed before; the log takes nothing until it is opened anew.
    #[error("the log is offline: {0}")]
    Failed(Arc<str>),
}

impl LogError {
    /// What a client is told.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            Self::InconsistentTopicId { .. } => ErrorCode::InconsistentTopicId,
            Self::Io { .. }
            | Self::Damaged { .. }
            | Self::Incomplete { .. }
            | Self::Gone { .. }
            | Self::Beheaded { .. }
            | Self::Missing { .. }
            | Self::Malformed { .. }
            | Self::Locked { .. }
            | Self::Hole { .. }
            | Self::Failed(_) => ErrorCode::KafkaStorageError,
        }
    }

    /// Whether there was no room on the disk: what was attempted can be attempted again.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_full(source))
    }

    /// Whether the disk refused a change and not only a read, for another reason than room: nothing
    /// in the directory can be relied on.
    pub fn is_refused_change(&self) -> bool {
        let reads = ["open", "read", "read the size of", "read for", "list"];
        matches!(self, Self::Io { what, source, .. } if !reads.contains(what) && !is_full(source))
    }

    /// Whether what was to be read or changed is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether something else has the name that something was to get.
    pub fn is_name_taken(&self) -> bool {
        use io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotADirectory};
        let taken = [AlreadyExists, DirectoryNotEmpty, NotADirectory];
        matches!(self, Self::Io { source, .. } if taken.contains(&source.kind()))
    }

    /// Wraps an [`io::Error`] with what was attempted on which path.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// Whether an error says that there is no room on the disk, or no more for this user.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// A batch was not appended.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// The bytes are not one batch.
    #[error(transparent)]
    Batch(#[from] BatchError),
    /// The batch is larger than a segment may be.
    #[error("the batch takes {size} bytes, more than segment.bytes, which is {segment_bytes}")]
    LargerThanSegment {
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes, inclusive.
        segment_bytes: u32,
    },
    /// The producer skipped a sequence number, or repeats one that is too old to look up.
    #[error("producer {producer_id} epoch {producer_epoch} sent sequence {found} after {last}")]
    OutOfOrderSequence {
        /// The producer.
        producer_id: i64,
        /// The epoch of the batch.
        producer_epoch: i16,
        /// The first sequence number of the batch.
        found: i32,
        /// The last sequence number before, −1 if there is none in this epoch.
        last: i32,
    },
    /// The producer was replaced by a newer one.
    #[error("producer {producer_id} has epoch {found}, older than {current}")]
    InvalidProducerEpoch {
        /// The producer.
        producer_id: i64,
        /// The epoch of the batch.
        found: i16,
        /// The epoch seen last.
        current: i16,
    },
    /// A batch outside of the producer's open transaction.
    #[error("producer {producer_id} has an open transaction but the batch is not part of it")]
    InvalidTxnState {
        /// The producer.
        producer_id: i64,
    },
    /// A batch of a transaction that is not open, as far as is known.
    #[error("a batch of producer {producer_id} is not part of an open transaction")]
    NotInTransaction {
        /// The producer.
        producer_id: i64,
    },
    /// A transaction marker of an old transaction coordinator.
    #[error("producer {producer_id}: coordinator epoch {found} is older than {current}")]
    TransactionCoordinatorFenced {
        /// The producer.
        producer_id: i64,
        /// The epoch of the marker.
        found: i32,
        /// The epoch seen last.
        current: i32,
    },
    /// A follower got offsets that its log has already.
    #[error("the batch starts at offset {found}, before the log's end at {log_end_offset}")]
    OffsetsOutOfOrder {
        /// Base offset of the batch.
        found: Offset,
        /// Next offset of the log.
        log_end_offset: Offset,
    },
    /// There is no room on the disk. The log is as it was before, and takes batches again once
    /// there is room.
    #[error("the disk is full: {0}")]
    Full(Arc<str>),
    /// The disk failed, now or before. The log takes nothing until it is opened anew.
    #[error("the log is offline: {0}")]
    Storage(Arc<str>),
}

impl AppendError {
    /// What a client is told.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Batch(error) => error.code(),
            Self::LargerThanSegment { .. } => ErrorCode::RecordListTooLarge,
            Self::OutOfOrderSequence { .. } => ErrorCode::OutOfOrderSequenceNumber,
            Self::InvalidProducerEpoch { .. } => ErrorCode::InvalidProducerEpoch,
            Self::InvalidTxnState { .. } | Self::NotInTransaction { .. } => {
                ErrorCode::InvalidTxnState
            }
            Self::TransactionCoordinatorFenced { .. } => ErrorCode::TransactionCoordinatorFenced,
            Self::OffsetsOutOfOrder { .. } => ErrorCode::UnknownServerError,
            Self::Full(_) | Self::Storage(_) => ErrorCode::KafkaStorageError,
        }
    }
}

/// Records cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log does not have that offset (any more).
    #[error("offset {offset} is not between {log_start_offset} and {log_end_offset}")]
    OffsetOutOfRange {
        /// The offset asked for.
        offset: Offset,
        /// First offset of the log.
        log_start_offset: Offset,
        /// Next offset of the log.
        log_end_offset: Offset,
    },
    /// The operating system refused.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// There is no batch where there should be one.
    #[error(
        "{} is damaged at position {position}: {cause}. Look at it with: ottla log dump {}",
        path.display(),
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where in the file, in bytes.
        position: u64,
        /// What is wrong there.
        cause: String,
    },
    /// An index of aborted transactions says something else than the markers. See
    /// [`crate::Log::mend_txn_indexes`].
    #[error("{} or another one does not name the transactions that were aborted", path.display())]
    WronglyIndexed {
        /// The index of the first segment in question.
        path: PathBuf,
        /// An offset in that segment.
        one: Offset,
        /// An offset in the other segment in question, or in the same.
        other: Offset,
        /// What had changed until it was read, for [`crate::Log::mend_txn_indexes`].
        seen: u64,
    },
}

impl ReadError {
    /// What a client is told.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::OffsetOutOfRange { .. } => ErrorCode::OffsetOutOfRange,
            Self::Io { .. } => ErrorCode::KafkaStorageError,
            Self::Damaged { .. } | Self::WronglyIndexed { .. } => ErrorCode::CorruptMessage,
        }
    }

    pub(crate) fn damaged(path: &Path, position: u64, cause: impl fmt::Display) -> Self {
        Self::Damaged { path: path.to_owned(), position, cause: cause.to_string() }
    }
}

impl From<ReadError> for LogError {
    fn from(error: ReadError) -> Self {
        let says = error.to_string();
        match error {
            ReadError::OffsetOutOfRange { offset, log_start_offset, log_end_offset } => {
                Self::OffsetOutOfRange { offset, log_start_offset, log_end_offset }
            }
            ReadError::Io { path, source } => Self::Io { what: "read", path, source },
            ReadError::Damaged { path, position, cause } => Self::Damaged { path, position, cause },
            ReadError::WronglyIndexed { path, .. } => {
                Self::Damaged { path, position: 0, cause: says }
            }
        }
    }
}
