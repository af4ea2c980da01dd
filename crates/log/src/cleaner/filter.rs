//! What stays of one batch.
//!
//! Invariants: a batch that stays keeps its first and last offset, its producer's fields and its
//! leader epoch; a record that stays keeps its offset, its timestamp and its bytes.
//! Kafka: the filter in `Cleaner.cleanInto`, `MemoryRecords.filterTo`.

use std::collections::BTreeMap;

use bytes::BytesMut;
use ottla_record::{
    BatchBuilder, BatchError, BatchHeader, BuilderOptions, RecordView, Scratch, TimestampType,
    body, set_max_timestamp,
};
use ottla_types::{Offset, ProducerId};

use super::{offset_map::OffsetMap, transactions::Transactions};
use crate::{CleanStats, producers::TxnMarker};

/// Most bytes that a batch may decompress to. What a broker took in it can clean.
pub(super) const DECOMPRESSED_MAX: usize = i32::MAX as usize;

/// The newest that is known of a producer, which the log must go on to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LastRecord {
    /// The last offset of its last batch in its epoch.
    pub(crate) last_data_offset: Option<Offset>,
    pub(crate) producer_epoch: i16,
}

/// What decides whether a record stays.
#[derive(Debug)]
pub(super) struct Filter<'a> {
    pub(super) map: &'a OffsetMap,
    pub(super) producers: BTreeMap<ProducerId, LastRecord>,
    /// Where the round ends, exclusive. The batch before it stays, if only as a header, so that the
    /// log still says where it ended.
    pub(super) end_offset: Offset,
    pub(super) delete_retention_ms: i64,
    pub(super) now_ms: i64,
}

/// What becomes of a batch.
#[derive(Debug)]
pub(super) enum Fate {
    Stays,
    Goes,
    /// This takes its place.
    Changes(BatchHeader, BytesMut),
}

/// What is known of a batch before its records are looked at.
#[derive(Clone, Copy)]
struct Verdict {
    /// All its records go.
    records_go: bool,
    stays_empty: bool,
    /// It is the marker of a transaction that has no data left.
    is_idle_marker: bool,
}

impl Filter<'_> {
    /// Decides on a whole batch.
    pub(super) fn decide(
        &self,
        header: &BatchHeader,
        batch: &[u8],
        transactions: &mut Transactions,
        scratch: &mut Scratch,
        stats: &mut CleanStats,
    ) -> Result<Fate, BatchError> {
        let verdict = self.judge(header, batch, transactions);
        stats.records_read += u64::from(header.record_count.unsigned_abs());
        if verdict.records_go {
            return Ok(if verdict.stays_empty { emptied(header)? } else { Fate::Goes });
        }
        let mut kept = Vec::new();
        let mut has_tombstone = false;
        for record in scratch.records(header, batch, DECOMPRESSED_MAX)? {
            let record = record?;
            let stays = header.attributes.is_control() || self.stays(header, &record, stats);
            has_tombstone |= stays && record.value.is_none();
            kept.push(stays);
        }
        let count = kept.iter().filter(|stays| **stays).count();
        if count == 0 {
            return Ok(if verdict.stays_empty { emptied(header)? } else { Fate::Goes });
        }
        stats.records_kept += count as u64;
        let needs_horizon =
            (has_tombstone || verdict.is_idle_marker) && header.delete_horizon_ms().is_none();
        if count == kept.len() && !needs_horizon {
            return Ok(Fate::Stays);
        }
        let horizon = if needs_horizon {
            Some(self.now_ms.saturating_add(self.delete_retention_ms))
        } else {
            header.delete_horizon_ms()
        };
        let changed = rebuilt(header, batch, &kept, horizon, scratch)?;
        Ok(Fate::Changes(BatchHeader::parse(&changed)?, changed))
    }

    fn judge(
        &self,
        header: &BatchHeader,
        batch: &[u8],
        transactions: &mut Transactions,
    ) -> Verdict {
        let (is_unneeded, is_control) = if header.attributes.is_control() {
            let marker = TxnMarker::read(header, body(batch));
            (transactions.see_control(header, marker), true)
        } else {
            (transactions.see_data(header), false)
        };
        let horizon_passed = header.delete_horizon_ms().is_some_and(|ms| ms <= self.now_ms);
        Verdict {
            records_go: is_unneeded && (!is_control || horizon_passed),
            stays_empty: self.is_last_of_producer(header)
                || header.next_offset() == self.end_offset,
            is_idle_marker: is_unneeded && is_control,
        }
    }

    /// Whether what is known of a producer hangs on this batch: the last sequence number, or only
    /// the epoch where that is all a marker left.
    fn is_last_of_producer(&self, header: &BatchHeader) -> bool {
        let Some(last) =
            self.producers.get(&header.producer_id).filter(|_| header.has_producer_id())
        else {
            return false;
        };
        match last.last_data_offset {
            Some(offset) => header.last_offset() == offset,
            None => header.attributes.is_control() && header.producer_epoch == last.producer_epoch,
        }
    }

    fn stays(&self, header: &BatchHeader, record: &RecordView<'_>, stats: &mut CleanStats) -> bool {
        let offset = record.offset(header);
        if offset >= self.map.next_offset() {
            return true;
        }
        let Some(key) = record.key else {
            stats.records_without_key += 1;
            return false;
        };
        let is_newest = self.map.get(key).is_none_or(|newest| offset >= newest);
        let is_due = header.delete_horizon_ms().is_some_and(|ms| ms <= self.now_ms);
        is_newest && (record.value.is_some() || !is_due)
    }
}

/// The batch without records.
fn emptied(header: &BatchHeader) -> Result<Fate, BatchError> {
    if header.record_count == 0 {
        return Ok(Fate::Stays);
    }
    let builder = BatchBuilder::new(options(header, None));
    let mut empty = builder.finish()?;
    if let Some(bytes) = empty.first_chunk_mut() {
        let timestamp_type = header.attributes.timestamp_type();
        set_max_timestamp(bytes, &[], timestamp_type, header.max_timestamp);
    }
    Ok(Fate::Changes(BatchHeader::parse(&empty)?, empty))
}

/// The batch with only those records that are kept.
fn rebuilt(
    header: &BatchHeader,
    batch: &[u8],
    kept: &[bool],
    delete_horizon_ms: Option<i64>,
    scratch: &mut Scratch,
) -> Result<BytesMut, BatchError> {
    let mut builder = BatchBuilder::new(BuilderOptions {
        compression: header.attributes.compression()?,
        ..options(header, delete_horizon_ms)
    });
    let records = scratch.records(header, batch, DECOMPRESSED_MAX)?;
    for (record, _) in records.zip(kept).filter(|(_, stays)| **stays) {
        let record = record?;
        builder.append_view(record.offset(header), record.timestamp(header), &record)?;
    }
    builder.finish()
}

fn options(header: &BatchHeader, delete_horizon_ms: Option<i64>) -> BuilderOptions {
    let timestamp_type = header.attributes.timestamp_type();
    BuilderOptions {
        timestamp_type,
        log_append_time: match timestamp_type {
            TimestampType::LogAppendTime => header.max_timestamp,
            TimestampType::CreateTime => ottla_record::NO_TIMESTAMP,
        },
        base_offset: header.base_offset,
        leader_epoch: header.leader_epoch,
        producer_id: header.producer_id,
        producer_epoch: header.producer_epoch,
        base_sequence: header.base_sequence,
        transactional: header.attributes.is_transactional(),
        control: header.attributes.is_control(),
        delete_horizon_ms,
        last_offset_delta: Some(header.last_offset_delta),
        ..BuilderOptions::default()
    }
}
