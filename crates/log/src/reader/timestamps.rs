//! Finding offsets by timestamp.
//!
//! Kafka: `UnifiedLog.fetchOffsetByTimestamp`, `LogSegment.findOffsetByTimestamp`.

use ottla_record::{BatchHeader, Compression, body, check_crc, records};
use ottla_types::{LeaderEpoch, Offset};

use super::LogReader;
use crate::{
    error::ReadError,
    names::Kind,
    scan::{Scan, ScanError},
    segment::{Segment, TimestampOffset},
};

/// Most bytes that a batch may decompress to while a timestamp is looked for in it.
const DECOMPRESSED_MAX: usize = 256 << 20;

/// A record's offset and timestamp, and the leader epoch that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimestampedOffset {
    /// The record's offset.
    pub offset: Offset,
    /// Its timestamp, in ms.
    pub timestamp: i64,
    /// The leader epoch of its batch.
    pub leader_epoch: LeaderEpoch,
}

impl LogReader {
    /// The first record, by offset, whose timestamp is `timestamp` or later.
    pub fn offset_for_timestamp(
        &self,
        timestamp: i64,
    ) -> Result<Option<TimestampedOffset>, ReadError> {
        for (at, segment) in self.segments.iter().enumerate() {
            if self.largest(at, segment)?.timestamp < timestamp {
                continue;
            }
            let (limit, _) = self.bounds(at, segment)?;
            let mut from = segment.indexed_offset(timestamp, limit)?.max(self.log_start_offset);
            let is_wanted = |header: &BatchHeader| header.max_timestamp >= timestamp;
            while let Some((header, batch)) = self.search(at, segment, from, is_wanted)? {
                let found =
                    first_record(segment, &header, &batch, timestamp, self.log_start_offset)?;
                if found.is_some() {
                    return Ok(found);
                }
                // The record that makes the batch that late lies before the log start, or
                // compaction dropped it.
                from = header.last_offset().plus(1);
            }
        }
        Ok(None)
    }

    /// The record with the largest timestamp; the first one, if several have it.
    pub fn max_timestamp(&self) -> Result<Option<TimestampedOffset>, ReadError> {
        let mut best: Option<(usize, TimestampOffset)> = None;
        for (at, segment) in self.segments.iter().enumerate() {
            let largest = self.largest(at, segment)?;
            if largest.timestamp >= 0
                && best.is_none_or(|(_, best)| best.timestamp < largest.timestamp)
            {
                best = Some((at, largest));
            }
        }
        let Some((at, largest)) = best else { return Ok(None) };
        let Some(segment) = self.segments.get(at) else { return Ok(None) };
        // The index names the batch that has the timestamp, but an index is only a hint.
        let named = self.search(at, segment, largest.offset, |header| {
            header.max_timestamp == largest.timestamp
        })?;
        let found = match named {
            Some(found) => Some(found),
            None => self.search(at, segment, segment.base_offset, |header| {
                header.max_timestamp == largest.timestamp
            })?,
        };
        match found {
            Some((header, batch)) => {
                first_record(segment, &header, &batch, largest.timestamp, Offset::ZERO)
            }
            None => Ok(None),
        }
    }

    fn largest(&self, at: usize, segment: &Segment) -> Result<TimestampOffset, ReadError> {
        let is_active = at + 1 == self.segments.len();
        let found = if is_active { self.active_largest } else { segment.largest_timestamp()? };
        if let Some(up_to) = found.up_to {
            self.check_end(at, segment, up_to)?;
            let (limit, next_base) = self.bounds(at, segment)?;
            if let Some(position) = found.stopped_at.filter(|_| up_to < next_base) {
                // A later timestamp may lie behind it, which in a compacted log nothing else tells.
                self.verify_all(at, segment, position, limit)?;
            }
        }
        Ok(found.largest)
    }

    /// The first batch that ends at `from` or later and is wanted, with its bytes.
    fn search(
        &self,
        at: usize,
        segment: &Segment,
        from: Offset,
        wanted: impl Fn(&BatchHeader) -> bool,
    ) -> Result<Option<(BatchHeader, Vec<u8>)>, ReadError> {
        let path = segment.path(Kind::Log);
        let (limit, _) = self.bounds(at, segment)?;
        let Some(first) = self.locate(at, segment, from, limit)? else { return Ok(None) };
        let file = segment.file().map_err(segment.failed(Kind::Log))?;
        let mut scan = Scan::headers(file.as_ref(), first.position, limit);
        loop {
            match scan.next_header() {
                Ok(Some((position, header))) if wanted(&header) => {
                    self.verify_all(at, segment, first.position, scan.position())?;
                    let mut batch = vec![0; header.size()];
                    let read = file.read_at(&mut batch, position);
                    let read = read.map_err(segment.failed(Kind::Log))?;
                    batch.truncate(read);
                    check_crc(&batch).map_err(|e| ReadError::damaged(&path, position, e))?;
                    return Ok(Some((header, batch)));
                }
                Ok(Some(_)) => {}
                Ok(None) => {
                    self.verify_all(at, segment, first.position, limit)?;
                    return Ok(None);
                }
                Err(ScanError::Io(source)) => return Err(ReadError::Io { path, source }),
                Err(ScanError::Batch(cause)) => {
                    return Err(ReadError::damaged(&path, scan.position(), cause));
                }
            }
        }
    }
}

/// The first record of a batch that has this timestamp or a later one.
fn first_record(
    segment: &Segment,
    header: &BatchHeader,
    batch: &[u8],
    timestamp: i64,
    log_start_offset: Offset,
) -> Result<Option<TimestampedOffset>, ReadError> {
    let leader_epoch = header.leader_epoch;
    let damaged = |cause| ReadError::damaged(&segment.path(Kind::Log), 0, cause);
    let decompressed;
    let body = match header.attributes.compression().map_err(damaged)? {
        Compression::None => body(batch),
        compression => {
            decompressed =
                compression.decompress(body(batch), DECOMPRESSED_MAX).map_err(damaged)?;
            &decompressed
        }
    };
    for record in records(header, body) {
        let record = record.map_err(damaged)?;
        let (offset, found) = (record.offset(header), record.timestamp(header));
        if found >= timestamp && offset >= log_start_offset {
            return Ok(Some(TimestampedOffset { offset, timestamp: found, leader_epoch }));
        }
    }
    Ok(None)
}
