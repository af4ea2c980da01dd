//! Finding out what a log holds when it was not left in order.
//!
//! Every batch from the recovery point on is read and its checksum checked. Where that fails the
//! log is cut, with one line that says where and why; later segments go too, since nothing may
//! follow a hole that compaction may not have left, by the topic's settings, its checkpoint or the
//! batches themselves. Damage before the recovery point is not cut away: it is an error; nor is
//! damage that a crash cannot have left, where each batch was synced before the next one was
//! written.
//! Kafka: `LogLoader.recoverLog`, `LogSegment.recover`.

use std::{collections::BTreeSet, io, sync::Arc};

use ottla_record::{BATCH_OVERHEAD, BatchHeader};
use ottla_types::Offset;

use super::{Active, Log, append::push_time, listing::Listing, open::Left};
use crate::{
    dir::{Dir, LogFile, OpenMode},
    epochs::recovery::EpochRecovery,
    error::LogError,
    index::OffsetEntry,
    names::Kind,
    scan::{self, Scan, ScanError, header_at},
    segment::Segment,
};

/// How far a log was found in order, and what of its files is to go.
#[derive(Debug, Default)]
pub(super) struct Recovered {
    /// Producer snapshots after this offset are not believed.
    pub(super) from: Offset,
    pub(super) snapshots: BTreeSet<Offset>,
    /// The segments that were read, each with the offset from which its aborted transactions are to
    /// be indexed again.
    read: Vec<(Arc<Segment>, Offset)>,
    /// Where the last one of them was cut.
    cut: Option<Cut>,
    /// What came after that, or after a hole.
    removed: Vec<Arc<Segment>>,
}

/// Where a segment was cut.
#[derive(Debug)]
struct Cut {
    position: u64,
    cause: String,
}

impl Recovered {
    /// Of a log that is in order up to an offset.
    pub(super) fn at(from: Offset, snapshots: BTreeSet<Offset>) -> Self {
        Self { from, snapshots, ..Self::default() }
    }

    /// Whether there are segments behind where the log was found in order.
    pub(super) fn removes_segments(&self) -> bool {
        !self.removed.is_empty()
    }
}

impl Log {
    /// Reads everything from the recovery point on, and leaves the files as they are, but for
    /// entries of indexes: [`Log::cut_off`] is for when nothing that was found speaks against the
    /// log.
    pub(super) fn recover(&mut self, listing: &Listing, left: Left) -> Result<Recovered, LogError> {
        let segments = self.segments.clone();
        let point = self.recovery_point;
        let first = segments.partition_point(|segment| segment.base_offset <= point);
        let first = first.saturating_sub(1);
        let mut kept: Vec<Arc<Segment>> = segments.iter().take(first).cloned().collect();
        let (mut from, mut epochs) = (None, EpochRecovery::default());
        let mut recovered = Recovered::at(Offset::ZERO, listing.snapshots.clone());
        for (number, segment) in segments.iter().enumerate().skip(first) {
            let is_cut = recovered.cut.is_some() || !recovered.removed.is_empty();
            let follows = !is_cut && from.is_some();
            let behind = segments.get(number..).unwrap_or_default();
            let hole = follows && self.is_hole_before(behind, left)?;
            if hole && left == Left::TornLastBatch {
                let (path, position) = (self.active_segment.path(Kind::Log), self.active.size);
                let cause = format!(
                    "offset {} follows offset {}",
                    segment.base_offset, self.log_end_offset
                );
                return Err(LogError::Damaged { path, position, cause });
            }
            if is_cut || hole {
                recovered.removed.push(segment.clone());
                continue;
            }
            if from.is_some() {
                self.end_segment()?;
            }
            self.active_segment = segment.clone();
            self.active = Active::new(segment.base_offset, self.active.created_ms);
            kept.push(segment.clone());
            let indexed = listing.segments.get(&segment.base_offset).is_some_and(|kinds| {
                kinds.contains(&Kind::OffsetIndex) && kinds.contains(&Kind::TimeIndex)
            });
            let start = self.prepare_indexes(segment, indexed)?;
            let follows = from.replace(from.unwrap_or(start)).is_some();
            self.log_end_offset = if follows { self.log_end_offset.max(start) } else { start };
            let next_base = segments.get(number + 1).map(|next| next.base_offset);
            let ends = (left, next_base);
            recovered.cut = self.recover_segment(segment, start, ends, &mut epochs)?;
            // What lies before the recovery point is synced, and must stay so.
            recovered.read.push((segment.clone(), start.max(point)));
        }
        self.unsynced.epochs |= epochs.end(&mut self.epochs);
        if epochs.has_contradiction() {
            // Whoever reads there looks again, when all batches beside are known.
            kept.iter().skip(first).for_each(|segment| segment.verified.trust_from(u64::MAX));
        }
        self.set_segments(kept);
        recovered.from = from.unwrap_or(self.log_end_offset);
        Ok(recovered)
    }

    /// Takes out of the files what a recovery did not keep.
    pub(super) fn cut_off(&self, recovered: &Recovered) -> Result<(), LogError> {
        let dir = self.dir.as_ref();
        for (segment, indexed_from) in &recovered.read {
            let aborted = segment.truncate_aborted(*indexed_from);
            aborted.map_err(self.io("write", segment, Kind::TxnIndex))?;
            let is_ended = segment.base_offset != self.active_segment.base_offset;
            let (offsets, times) = (&segment.offset_index, &segment.time_index);
            let written = if is_ended { offsets.flush(dir) } else { offsets.cut_file(dir) };
            written.map_err(self.io("write", segment, Kind::OffsetIndex))?;
            let written = if is_ended { times.flush(dir) } else { times.cut_file(dir) };
            written.map_err(self.io("write", segment, Kind::TimeIndex))?;
        }
        self.remove_recovered(recovered)?;
        let Some(Cut { position, cause }) = &recovered.cut else { return Ok(()) };
        let segment = &self.active_segment;
        let path = segment.path(Kind::Log);
        let file = segment.file().map_err(LogError::io("open", &path))?;
        let size = file.size().map_err(LogError::io("read the size of", &path))?;
        // What is cut off must not come back beside what will be written there.
        let truncated = file.set_size(*position).and_then(|()| file.sync());
        truncated.map_err(LogError::io("truncate", &path))?;
        tracing::warn!(
            file = %path.display(),
            position,
            removed = size.saturating_sub(*position),
            %cause,
            log_end_offset = %self.log_end_offset,
            "truncated a log that was not closed"
        );
        Ok(())
    }

    /// Removes the segments that come after a cut or a hole.
    fn remove_recovered(&self, recovered: &Recovered) -> Result<(), LogError> {
        let Some(first) = recovered.removed.first() else { return Ok(()) };
        if recovered.cut.is_none() {
            tracing::warn!(
                file = %first.path(Kind::Log).display(),
                log_end_offset = %self.log_end_offset,
                "removed a segment of a log that was not closed: what comes before it is lost"
            );
        }
        // The last one first: a crash in between must not leave one without those before it.
        for segment in recovered.removed.iter().rev() {
            self.remove_segment(segment)?;
        }
        self.dir.sync().map_err(LogError::io("sync", self.dir.path()))
    }

    /// Keeps the index entries before the recovery point if they are in order, else none. Gives the
    /// offset from which the batches have to be read; the active state says from which position.
    fn prepare_indexes(&mut self, segment: &Segment, indexed: bool) -> Result<Offset, LogError> {
        let dir = self.dir.as_ref();
        let offsets_failed = self.io("read", segment, Kind::OffsetIndex);
        let times_failed = self.io("read", segment, Kind::TimeIndex);
        let file = segment.file().map_err(self.io("open", segment, Kind::Log))?;
        let size = file.size().map_err(self.io("read the size of", segment, Kind::Log))?;
        let point = self.recovery_point.0.saturating_sub(segment.base_offset.0);
        let kept = if indexed {
            let before = |entry: &OffsetEntry| i64::from(entry.relative) < point;
            let last = segment.offset_index.last_before(dir, before).map_err(offsets_failed)?;
            last.and_then(|last| check_entry(segment, file.as_ref(), size, last).map(|h| (last, h)))
        } else {
            None
        };
        let relative = kept.map_or(-1, |(last, _)| i64::from(last.relative));
        let sorted = segment
            .offset_index
            .keep_first(dir, |entry| i64::from(entry.relative) <= relative)
            .and_then(|()| {
                segment.offset_index.is_sorted(dir, |last, entry| {
                    last.is_none_or(|last| {
                        last.relative < entry.relative && last.position < entry.position
                    })
                })
            });
        let offsets_sorted = sorted.map_err(self.io("read", segment, Kind::OffsetIndex))?;
        let sorted = segment
            .time_index
            .keep_first(dir, |entry| i64::from(entry.relative) <= relative)
            .and_then(|()| {
                segment.time_index.is_sorted(dir, |last, entry| {
                    last.is_none_or(|last| {
                        last.relative < entry.relative && last.timestamp < entry.timestamp
                    })
                })
            });
        let times_sorted = sorted.map_err(times_failed)?;
        if let Some((last, header)) = kept.filter(|_| offsets_sorted && times_sorted) {
            self.active.size = u64::from(last.position);
            self.active.first_timestamp = first_timestamp(file.as_ref(), size);
            let end = u64::from(last.position) + header.size() as u64;
            let found = segment.find_largest_timestamp(end)?;
            self.active.largest = found.largest;
            self.active.unread = found.stopped_at.map(|_| found);
            return Ok(header.base_offset);
        }
        let reset = segment.offset_index.keep_first(dir, |_| false);
        reset.map_err(self.io("write", segment, Kind::OffsetIndex))?;
        let reset = segment.time_index.keep_first(dir, |_| false);
        reset.map_err(self.io("write", segment, Kind::TimeIndex))?;
        Ok(segment.base_offset)
    }

    /// Reads a segment's batches from where the active state stands. Where it is to be cut, if it
    /// is.
    fn recover_segment(
        &mut self,
        segment: &Segment,
        start: Offset,
        (left, next_base): (Left, Option<Offset>),
        epochs: &mut EpochRecovery,
    ) -> Result<Option<Cut>, LogError> {
        let file = segment.file().map_err(self.io("open", segment, Kind::Log))?;
        let size = file.size().map_err(self.io("read the size of", segment, Kind::Log))?;
        segment.verified.trust_from(self.active.size);
        // What a sync has failed to write is lost, whatever is shown of it: what follows would be
        // acknowledged after a hole, and what was written ahead would not be taken back.
        file.forget_clean(self.active.size);
        let ends = Ends { size, next_base, left };
        let cut = self.recover_batches(segment, file.as_ref(), (start, ends), epochs)?;
        segment.set_size(self.active.size);
        let Some(Cut { position, cause }) = cut else { return Ok(None) };
        let path = segment.path(Kind::Log);
        let is_short = self.log_end_offset < self.recovery_point;
        let may_be_torn = !is_short || self.is_deleted_to_point(left);
        let ends_there = || -> Result<bool, LogError> {
            let found = scan::finds_batch(file.as_ref(), position + 1, size);
            Ok(next_base.is_none() && !found.map_err(LogError::io("read", &path))?)
        };
        let is_last_only = is_short || left == Left::TornLastBatch;
        if !may_be_torn || is_last_only && !ends_there()? {
            return Err(LogError::Damaged { path, position, cause });
        }
        Ok(Some(Cut { position, cause }))
    }

    fn recover_batches(
        &mut self,
        segment: &Segment,
        file: &dyn LogFile,
        (start, ends): (Offset, Ends),
        epochs: &mut EpochRecovery,
    ) -> Result<Option<Cut>, LogError> {
        let (mut next, mut hole) = (start, start..start);
        let mut scan = Scan::batches(file, self.active.size, ends.size);
        loop {
            let position = scan.position();
            let header = match scan.next_batch() {
                Ok(Some(header)) => header,
                Ok(None) => return Ok(None),
                Err(ScanError::Io(source)) => {
                    return Err(self.io("read", segment, Kind::Log)(source));
                }
                Err(ScanError::Batch(cause)) => {
                    return Ok(Some(Cut { position, cause: cause.to_string() }));
                }
            };
            let span = header.last_offset().0.saturating_sub(segment.base_offset.0);
            let borne_out = || ends.bear_out(file, &header, scan.position());
            if self.is_hole_after(next, header.base_offset)
                && borne_out().map_err(self.io("read", segment, Kind::Log))?
            {
                self.set_compacted_to(header.base_offset);
            }
            let fits = header.base_offset >= next && !self.is_hole_after(next, header.base_offset);
            if !fits || span > i64::from(i32::MAX) {
                let cause = format!("offset {} follows offset {next}", header.base_offset);
                if hole.start <= header.base_offset && header.next_offset() <= hole.end {
                    // It has its place, so the offset before it was raised; no crash does that.
                    let path = segment.path(Kind::Log);
                    return Err(LogError::Damaged { path, position, cause });
                }
                return Ok(Some(Cut { position, cause }));
            }
            // In a compacted log nothing else tells of an offset that was raised.
            if ends.next_base.is_some_and(|next_base| header.next_offset() > next_base) {
                let cause = format!("offset {} belongs behind the segment", header.last_offset());
                return Ok(Some(Cut { position, cause }));
            }
            hole = next..header.base_offset;
            next = header.next_offset();
            self.unsynced.epochs |=
                epochs.take_in(&mut self.epochs, header.leader_epoch, header.base_offset);
            self.take_in_recovered(segment, &header)?;
        }
    }

    /// Whether offsets are missing before the first of these segments for which compaction is not
    /// to be blamed. It goes from the start of a log on: a segment that it has left holes in tells
    /// of all before.
    fn is_hole_before(&mut self, behind: &[Arc<Segment>], left: Left) -> Result<bool, LogError> {
        let Some(first) = behind.first() else { return Ok(false) };
        if !self.is_hole_after(self.log_end_offset, first.base_offset) {
            return Ok(false);
        }
        if left != Left::TornLastBatch {
            for segment in behind {
                let shown = shows_compaction(segment);
                if shown.map_err(self.io("read", segment, Kind::Log))? {
                    self.set_compacted_to(segment.base_offset);
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    fn is_hole_after(&self, next: Offset, base_offset: Offset) -> bool {
        let may_be = self.config.cleanup_compact || base_offset <= self.compacted_to;
        base_offset > next && !may_be
    }

    fn take_in_recovered(
        &mut self,
        segment: &Segment,
        header: &BatchHeader,
    ) -> Result<(), LogError> {
        self.log_end_offset = header.next_offset();
        let indexed = self.active.take_in(segment, header, &self.config);
        indexed.map_err(self.io("write", segment, Kind::OffsetIndex))
    }

    /// Ends the segment that was recovered last, since another one follows. Its indexes are written
    /// by [`Log::cut_off`].
    fn end_segment(&mut self) -> Result<(), LogError> {
        let (segment, largest) = (&self.active_segment, self.active.largest);
        push_time(segment, largest).map_err(self.io("write", segment, Kind::TimeIndex))?;
        segment.set_largest_timestamp(self.active.unread.is_none().then_some(largest));
        Ok(())
    }

    pub(super) fn remove_segment(&self, segment: &Segment) -> Result<(), LogError> {
        segment.mark_deleted();
        // The log last, so that a crash leaves no index without one: that would tell of a lost log.
        for name in segment.file_names().rev() {
            let removed = self.dir.remove(&name);
            removed.map_err(LogError::io("remove", &self.dir.path().join(&name)))?;
        }
        Ok(())
    }

    /// Takes the headers from a position to the end into the active state. Gives the last offset of
    /// the first batch; `None` if there is none, or if what is there is not batches up to the end.
    pub(super) fn walk_headers(
        &mut self,
        segment: &Segment,
        from: u64,
        end: u64,
    ) -> Result<Option<Offset>, LogError> {
        let file = segment.file().map_err(self.io("open", segment, Kind::Log))?;
        if from > 0 {
            self.active.first_timestamp = first_timestamp(file.as_ref(), end);
        }
        let (mut first, mut next) = (None, segment.base_offset);
        let mut scan = Scan::headers(file.as_ref(), from, end);
        loop {
            match scan.next_header() {
                // No checksum is over the offset.
                Ok(Some((_, header))) if header.base_offset < next => return Ok(None),
                Ok(Some((_, header))) => {
                    next = header.next_offset();
                    first.get_or_insert(header.last_offset());
                    self.log_end_offset = next;
                    let indexed = self.active.take_in(segment, &header, &self.config);
                    indexed.map_err(self.io("write", segment, Kind::OffsetIndex))?;
                }
                Ok(None) => return Ok(first),
                Err(ScanError::Batch(_)) => return Ok(None),
                Err(ScanError::Io(source)) => {
                    return Err(self.io("read", segment, Kind::Log)(source));
                }
            }
        }
    }

    /// Makes the indexes of a segment that is no longer written anew.
    pub(super) fn rebuild_indexes(&self, segment: &Segment) -> Result<(), LogError> {
        tracing::warn!(file = %segment.path(Kind::Log).display(), "making its indexes anew");
        let dir = self.dir.as_ref();
        let index_failed = self.io("write", segment, Kind::OffsetIndex);
        let mut active = Active::new(segment.base_offset, 0);
        let file = segment.file().map_err(self.io("open", segment, Kind::Log))?;
        let end = segment.size().map_err(self.io("read the size of", segment, Kind::Log))?;
        let in_order = self.reader().in_order_to(segment)?;
        let mut rebuild = || {
            segment.offset_index.truncate(dir, |_| false)?;
            segment.time_index.truncate(dir, |_| false)?;
            let mut scan = Scan::headers(file.as_ref(), 0, end);
            let mut next = segment.base_offset;
            loop {
                match scan.next_header() {
                    Ok(Some((_, header))) if header.base_offset < next => break,
                    Ok(Some((position, mut header))) => {
                        next = header.next_offset();
                        if position >= in_order {
                            // An index that tells of nothing from here on has whoever searches for
                            // a timestamp find the damage.
                            header.max_timestamp = -1;
                        }
                        active.take_in(segment, &header, &self.config)?;
                    }
                    Err(ScanError::Io(error)) => return Err(error),
                    // What cannot be read is found by whoever reads it.
                    Ok(None) | Err(ScanError::Batch(_)) => break,
                }
            }
            push_time(segment, active.largest)?;
            segment.offset_index.flush(dir)?;
            segment.time_index.flush(dir)
        };
        rebuild().map_err(index_failed)?;
        segment.set_largest_timestamp(None);
        segment.set_index_damaged(false);
        Ok(())
    }
}

/// What a segment that is recovered ends with.
#[derive(Clone, Copy, Debug)]
struct Ends {
    /// In bytes.
    size: u64,
    /// Base offset of the next segment.
    next_base: Option<Offset>,
    left: Left,
}

impl Ends {
    /// Whether a batch behind missing offsets is where it belongs, so that compaction took those
    /// away. What a crash loses within a file are blocks, which read as zeros then, and an offset
    /// that was raised lies behind what follows: a whole batch, or the next segment.
    fn bear_out(self, file: &dyn LogFile, header: &BatchHeader, after: u64) -> io::Result<bool> {
        if self.left == Left::TornLastBatch {
            return Ok(false);
        }
        // No more than the one batch is read: there may be as many holes as batches.
        match Scan::with_window(file, after, self.size, BATCH_OVERHEAD).next_batch() {
            Ok(Some(next)) => Ok(next.base_offset >= header.next_offset()),
            Ok(None) => Ok(self.next_base.is_some_and(|base| base >= header.next_offset())),
            Err(ScanError::Batch(_)) => Ok(false),
            Err(ScanError::Io(error)) => Err(error),
        }
    }
}

/// Whether compaction has left holes within a segment, beyond doubt: a last batch behind one may
/// have been raised.
fn shows_compaction(segment: &Segment) -> io::Result<bool> {
    let (file, end) = (segment.file()?, segment.size()?);
    let mut scan = Scan::batches(file.as_ref(), 0, end);
    let (mut next, mut is_behind_hole) = (segment.base_offset, false);
    loop {
        match scan.next_batch() {
            Ok(Some(header)) if header.base_offset >= next => {
                let records = i64::from(header.record_count);
                if is_behind_hole || records <= i64::from(header.last_offset_delta) {
                    return Ok(true);
                }
                is_behind_hole = header.base_offset > next;
                next = header.next_offset();
            }
            Ok(_) | Err(ScanError::Batch(_)) => return Ok(false),
            Err(ScanError::Io(error)) => return Err(error),
        }
    }
}

/// The batch that an entry names, if it is there.
fn check_entry(
    segment: &Segment,
    file: &dyn LogFile,
    size: u64,
    entry: OffsetEntry,
) -> Option<BatchHeader> {
    let header = header_at(file, u64::from(entry.position), size).ok()??;
    let named = segment.base_offset.plus(i64::from(entry.relative));
    (header.last_offset() == named).then_some(header)
}

/// The largest timestamp of a segment's first batch, if there is one.
fn first_timestamp(file: &dyn LogFile, end: u64) -> Option<i64> {
    let first = header_at(file, 0, end).ok()??;
    Some(first.max_timestamp)
}

/// The offset after the last batch of a segment file with this name.
pub(super) fn end_of_file(dir: &dyn Dir, name: &str, base: Offset) -> Result<Offset, LogError> {
    let failed = |what| LogError::io(what, &dir.path().join(name));
    let file = dir.open(name, OpenMode::Read).map_err(failed("open"))?;
    let size = file.size().map_err(failed("read the size of"))?;
    let mut scan = Scan::headers(file.as_ref(), 0, size);
    let mut end = base;
    while let Ok(Some((_, header))) = scan.next_header() {
        end = header.next_offset();
    }
    Ok(end)
}
