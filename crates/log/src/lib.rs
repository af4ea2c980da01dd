//! One partition on disk, byte for byte as Kafka keeps it.
//!
//! A [`Log`] is written by one owner; [`LogReader`]s are snapshots of it that read without holding
//! it up. Everything is synchronous; time is an argument; files are reached through [`Dir`].
//! Architecture invariant: knows nothing of the network, the time of day or async.
//!
//! What an owner does, in this order:
//! 1. [`LogDir::open`] locks the data directory and says whether the last stop was clean.
//! 2. [`Log::open`] for each partition, in parallel if it likes.
//! 3. [`Log::append_as_leader`], [`Log::reader`] and so on. To make appends durable:
//!    [`Log::begin_sync`] under the log's lock, [`SyncTask::run`] without it, [`Log::finish_sync`]
//!    under it again; or [`Log::begin_write_ahead`], [`WriteAhead::commit`] for many logs at once,
//!    and [`Log::finish_write_ahead`].
//! 4. Now and then [`Log::apply_retention`], [`Log::expire_producers`], [`Log::checkpoint`] and
//!    [`LogDir::write_checkpoints`].
//! 5. [`Log::close`] for each, [`LogDir::write_checkpoints`], then [`LogDir::mark_clean_shutdown`].
//!
//! Kafka: `UnifiedLog`, `LocalLog`, `LogManager`.

mod aborted;
mod checkpoint;
mod cleaner;
mod config;
mod dir;
mod epochs;
mod error;
mod index;
pub mod inspect;
mod log;
mod log_dir;
mod names;
mod open_files;
mod producers;
mod reader;
mod scan;
mod segment;
#[cfg(any(test, feature = "simulation"))]
pub mod simulation;
mod stopped_dir;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod txn_index;
mod verify;
mod write_ahead;

pub use cleaner::{
    CleanError, CleanStats, Cleaner, CleanerOptions, Cleaning, Interrupted, Pace, SharedLog,
};
pub use config::LogConfig;
pub use dir::{Dir, DiskDir, LogFile, OpenMode, write_atomically};
pub use epochs::EpochCache;
pub use error::{AppendError, BadLine, LogError, ReadError, is_full};
pub use log::{
    Log, OpenOptions,
    ahead::Settling,
    append::Appended,
    compact::Cleanable,
    retention::{Deleted, DeletionReason},
    sync::{FileSystem, SyncTask},
};
pub use log_dir::{Checkpoints, Contents, LogDir, MetaProperties};
pub use open_files::limit_open_files;
pub use producers::{
    AppendOrigin, BATCHES_KEPT, EndMarker, FirstBatch, ProducedBatch, Producer, TxnMarker,
    TxnResult, Verification, VerificationGuard,
};
pub use reader::{
    FileRange, LogReader,
    ahead::Ahead,
    look::{IndexPath, SegmentLook},
    timestamps::TimestampedOffset,
};
pub use stopped_dir::{LogSurvey, SegmentFile, StoppedDir};
pub use txn_index::AbortedTxn;
pub use write_ahead::{PendingWrite, WriteAhead, WrittenAhead};
