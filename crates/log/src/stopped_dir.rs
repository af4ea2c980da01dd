//! A data directory that no broker has, to be looked at and left as it is.
//!
//! Invariant: nothing in the directory is written, made or removed. Whoever has it is noticed, and
//! nobody can take it meanwhile, as far as there is a lock file to hold.
//! Kafka: `MetaPropertiesEnsemble.Loader`.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use ottla_types::{Offset, TopicPartition};

use crate::{
    checkpoint::partition_words,
    dir::{Dir, DiskDir, OpenMode},
    error::LogError,
    log_dir::{Checkpoints, Contents, LogDir, MetaProperties, RECOVERY_POINTS, lock_shared},
    names::{self, Kind},
    scan::{Scan, ScanError},
    write_ahead::WrittenAhead,
};

/// The directory of a broker that is stopped.
#[derive(Debug)]
pub struct StoppedDir {
    inner: LogDir,
    has_lock: bool,
}

/// What a partition's log holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSurvey {
    /// Records, without the markers of transactions.
    pub records: u64,
    /// Bytes of whole batches.
    pub bytes: u64,
    /// Bytes after the last whole batch, which a crash has left and recovery cuts.
    pub torn_bytes: u64,
    /// The offset after the last record; the log's start where there is none.
    pub log_end_offset: Offset,
}

/// A segment's file of batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentFile {
    /// Its first offset.
    pub base_offset: Offset,
    /// Its name.
    pub name: String,
}

impl StoppedDir {
    /// Looks at a directory; an error if a broker has it.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, LogError> {
        let dir = DiskDir::new(path);
        let lock = lock_shared(dir.path())?;
        let has_lock = lock.is_some();
        Ok(Self { inner: LogDir::read_in(Arc::new(dir), lock)?, has_lock })
    }

    /// An error if a broker has taken the directory since: one that found no lock file made one.
    pub fn check_still_stopped(&self) -> Result<(), LogError> {
        if self.has_lock {
            return Ok(());
        }
        lock_shared(self.path()).map(drop)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.inner.path()
    }

    /// Whether it was left in order.
    pub fn was_clean(&self) -> bool {
        self.inner.was_clean()
    }

    /// Whose it is; `None` if nobody's yet.
    pub fn meta(&self) -> Option<&MetaProperties> {
        self.inner.meta()
    }

    /// What lies here, by the names of the directories.
    pub fn contents(&self) -> Result<Contents, LogError> {
        self.inner.contents()
    }

    /// The checkpoints.
    pub fn read_checkpoints(&self) -> Result<Checkpoints, LogError> {
        self.inner.read_checkpoints()
    }

    /// What was written ahead of the partitions.
    pub fn read_written_ahead(&self) -> Result<WrittenAhead, LogError> {
        self.inner.read_written_ahead()
    }

    /// The directory itself.
    pub fn root(&self) -> Arc<dyn Dir> {
        self.inner.root()
    }

    /// The directory of a partition.
    pub fn partition_dir(&self, at: &TopicPartition) -> Arc<dyn Dir> {
        self.inner.partition_dir(at)
    }

    /// The files with a partition's batches, from the oldest on.
    pub fn segments(&self, at: &TopicPartition) -> Result<Vec<SegmentFile>, LogError> {
        let dir = self.partition_dir(at);
        let names = dir.list().map_err(LogError::io("list", dir.path()))?;
        let mut segments: Vec<SegmentFile> = names
            .into_iter()
            .filter_map(|name| match names::parse(&name) {
                Some((base_offset, Kind::Log)) => Some(SegmentFile { base_offset, name }),
                _ => None,
            })
            .collect();
        segments.sort_unstable_by_key(|segment| segment.base_offset);
        Ok(segments)
    }

    /// An error where a partition's log ends before its recovery point, as a start refuses it;
    /// `end` is its end, exclusive, and `None` where it is not there.
    pub fn check_end(
        &self,
        at: &TopicPartition,
        end: Option<Offset>,
        recovery_point: Offset,
    ) -> Result<(), LogError> {
        if end.unwrap_or(Offset::ZERO) >= recovery_point {
            return Ok(());
        }
        let (words, expected) = (partition_words(at), recovery_point);
        let (mut path, checkpoint) =
            (self.path().join(at.to_string()), self.path().join(RECOVERY_POINTS));
        let Some(log_end_offset) = end else {
            return Err(LogError::Gone { path, at: words, expected, checkpoint });
        };
        if let Some(last) = self.segments(at)?.pop() {
            path.push(last.name);
        }
        Err(LogError::Incomplete { path, log_end_offset, at: words, expected, checkpoint })
    }

    /// What a partition's log holds from `log_start_offset` on. The last segment is read as a whole
    /// and its checksums are checked, since a crash may have torn it; of the others, the headers.
    pub fn survey(
        &self,
        at: &TopicPartition,
        log_start_offset: Offset,
    ) -> Result<LogSurvey, LogError> {
        let dir = self.partition_dir(at);
        let segments = self.segments(at)?;
        let mut survey = LogSurvey { log_end_offset: log_start_offset, ..LogSurvey::default() };
        for (place, segment) in segments.iter().enumerate() {
            survey.log_end_offset = survey.log_end_offset.max(segment.base_offset);
            let path = dir.path().join(&segment.name);
            let file =
                dir.open(&segment.name, OpenMode::Read).map_err(LogError::io("open", &path))?;
            let size = file.size().map_err(LogError::io("read", &path))?;
            let is_last = place + 1 == segments.len();
            let mut scan = if is_last {
                Scan::batches(file.as_ref(), 0, size)
            } else {
                Scan::headers(file.as_ref(), 0, size)
            };
            loop {
                let start = scan.position();
                let next = if is_last {
                    scan.next_batch()
                } else {
                    scan.next_header().map(|found| found.map(|(_, header)| header))
                };
                match next {
                    Ok(None) => break,
                    Ok(Some(header)) => {
                        survey.bytes = survey.bytes.saturating_add(scan.position() - start);
                        let next_offset = header.next_offset();
                        survey.log_end_offset = survey.log_end_offset.max(next_offset);
                        if !header.attributes.is_control() {
                            let kept = next_offset.get().saturating_sub(log_start_offset.get());
                            let records = i64::from(header.record_count).min(kept).max(0);
                            let records = u64::try_from(records).unwrap_or(0);
                            survey.records = survey.records.saturating_add(records);
                        }
                    }
                    Err(ScanError::Batch(_)) if is_last => {
                        survey.torn_bytes = size - start;
                        break;
                    }
                    Err(ScanError::Io(error)) => return Err(LogError::io("read", &path)(error)),
                    Err(error) => {
                        let (position, cause) = (start, error.to_string());
                        return Err(LogError::Damaged { path, position, cause });
                    }
                }
            }
        }
        Ok(survey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_somebody_has_is_not_looked_at() {
        let temp = tempfile::tempdir().unwrap();
        let taken = LogDir::open(temp.path()).unwrap();
        assert!(matches!(StoppedDir::open(temp.path()), Err(LogError::Locked { .. })));
        drop(taken);
        let looking = StoppedDir::open(temp.path()).unwrap();
        assert!(matches!(LogDir::open(temp.path()), Err(LogError::Locked { .. })));
        looking.check_still_stopped().unwrap();
    }

    #[test]
    fn looking_changes_nothing_and_notices_who_comes_meanwhile() {
        let temp = tempfile::tempdir().unwrap();
        LogDir::open(temp.path()).unwrap().mark_clean_shutdown(3).unwrap();
        std::fs::remove_file(temp.path().join(".lock")).unwrap();
        let looking = StoppedDir::open(temp.path()).unwrap();
        assert!(looking.was_clean());
        let names = looking.root().list().unwrap();
        assert_eq!(names, [".kafka_cleanshutdown"]);
        looking.check_still_stopped().unwrap();
        let _taken = LogDir::open(temp.path()).unwrap();
        assert!(matches!(looking.check_still_stopped(), Err(LogError::Locked { .. })));
    }
}
