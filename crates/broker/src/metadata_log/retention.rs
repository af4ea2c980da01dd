//! When a snapshot is made, and which old snapshots and segments go.
//!
//! Invariant: the newest snapshot stays, and so does everything after the oldest one that stays.
//! Kafka: `SnapshotGenerator`, `KafkaRaftLog.maybeClean`.

use std::sync::Arc;

use ottla_log::{Dir, OpenMode};
use ottla_metadata::SnapshotId;

use super::{LocalMetadataLog, MetadataLogError, malformed, snapshots};

/// How often old snapshots and segments are looked for, in ms.
const CLEAN_EVERY_MS: i64 = 60_000;

impl LocalMetadataLog {
    /// Whether enough was written, or enough time has passed since something was.
    pub(crate) fn is_snapshot_due(&self, now_ms: i64) -> bool {
        let since_ms = now_ms.saturating_sub(self.snapshot_ms);
        let interval_ms = self.settings.snapshot_interval_ms;
        let is_time = interval_ms > 0 && since_ms >= interval_ms;
        self.bytes_since_snapshot >= self.settings.snapshot_bytes
            || (is_time && self.bytes_since_snapshot > 0)
    }

    /// Drops what is not needed any more, now and then.
    pub(crate) fn clean_if_due(&mut self, now_ms: i64) -> Result<(), MetadataLogError> {
        if now_ms.saturating_sub(self.cleaned_ms) < CLEAN_EVERY_MS {
            return Ok(());
        }
        self.clean(now_ms)
    }

    /// Drops the oldest snapshot, and the log up to the next one, as long as all of it is more or
    /// older than `metadata.max.retention.bytes` and `.ms` allow.
    pub(crate) fn clean(&mut self, now_ms: i64) -> Result<(), MetadataLogError> {
        self.cleaned_ms = now_ms;
        self.log.remove_retired(now_ms)?;
        let dir = Arc::clone(self.log.dir());
        let ids = snapshots::list(dir.as_ref())?;
        let mut dropped = Vec::new();
        for (oldest, next) in ids.iter().zip(ids.iter().skip(1)) {
            let kept = ids.get(dropped.len()..).unwrap_or_default();
            if !self.is_too_much(dir.as_ref(), kept)?
                && !self.is_too_old(dir.as_ref(), *oldest, now_ms)?
            {
                break;
            }
            self.log.delete_records_before(next.end_offset)?;
            let end = self.log.log_end_offset();
            self.log.apply_retention(now_ms, end)?;
            let name = oldest.file_name();
            dir.remove(&name).map_err(malformed)?;
            tracing::info!("metadata snapshot {name} is removed: later ones stand for it");
            dropped.push(name);
        }
        if dropped.is_empty() { Ok(()) } else { dir.sync().map_err(malformed) }
    }

    fn is_too_much(&self, dir: &dyn Dir, kept: &[SnapshotId]) -> Result<bool, MetadataLogError> {
        let Ok(retention_bytes) = u64::try_from(self.settings.retention_bytes) else {
            return Ok(false);
        };
        let mut bytes = self.log.size_bytes()?;
        for id in kept {
            let file = dir.open(&id.file_name(), OpenMode::Read).map_err(malformed)?;
            bytes = bytes.saturating_add(file.size().map_err(malformed)?);
        }
        Ok(bytes > retention_bytes)
    }

    fn is_too_old(
        &self,
        dir: &dyn Dir,
        id: SnapshotId,
        now_ms: i64,
    ) -> Result<bool, MetadataLogError> {
        if self.settings.retention_ms < 0 {
            return Ok(false);
        }
        let contents = snapshots::read(dir, &id.file_name())?;
        let timestamp = contents.map_or(now_ms, |contents| contents.last_contained_timestamp);
        Ok(now_ms.saturating_sub(timestamp) > self.settings.retention_ms)
    }
}
