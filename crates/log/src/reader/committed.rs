//! What a reader of committed records has to skip in what it read.
//!
//! Invariants: every aborted transaction with a record in the range is in the list; which others
//! are follows from the entries of the offset index, as in Kafka. What was on disk before the log
//! was opened is compared with the markers that follow it when it is read first, since nothing else
//! tells an index that has lost entries from one of a log without aborted transactions. That holds
//! for all parts of it, too, since whatever an entry says is compared (`aborted.rs`). Budget:
//! nothing where no batch is transactional; else the headers once more, and those up to the markers
//! of the transactions once for each of them, with one look at the checksums of both.
//! Kafka: `LocalLog.addAbortedTransactions`, `LogSegment.fetchUpperBoundOffset`, which believe the
//! index.

use std::{cmp::Reverse, collections::HashMap, io};

use ottla_record::BatchHeader;
use ottla_types::{Offset, ProducerId};

use super::{FileRange, LogReader};
use crate::{
    error::ReadError,
    names::Kind,
    producers::TxnMarker,
    scan::{Scan, ScanError, header_at},
    segment::Segment,
    txn_index::AbortedTxn,
    verify::TxnEnd,
};

/// What is looked at behind a range before it is asked whether that was enough.
const STEP_BYTES: u64 = 256 << 10;

impl LogReader {
    /// The aborted transactions that overlap what was read from `start` on, ordered by the offset
    /// of their markers. [`ReadError::WronglyIndexed`] where the log has to be mended first.
    pub fn aborted_in_range(
        &self,
        start: Offset,
        range: &FileRange,
    ) -> Result<Vec<AbortedTxn>, ReadError> {
        if range.file.is_none() {
            return Ok(Vec::new());
        }
        let at = self.segment_at(range.base_offset);
        let has_none = self.segments.iter().skip(at).all(|segment| !segment.has_txn_index());
        let mut told = if has_none {
            Told::default()
        } else {
            // Whoever begins within a batch compares for those who begin before it, too.
            let from = start.min(range.base_offset);
            self.aborted_from(at, from, self.upper_bound(at, range)?)?
        };
        let (position, end) = (range.position, range.position + range.length as u64);
        let (base_offset, end_offset) = (range.base_offset, range.end_offset);
        self.settle(&Part { at, position, end, base_offset, end_offset }, &told)?;
        told.aborted.retain(|entry| entry.last_offset >= start);
        Ok(told.aborted)
    }

    /// The same of a whole segment.
    pub(crate) fn aborted_in_segment(&self, at: usize) -> Result<Vec<AbortedTxn>, ReadError> {
        let Some(segment) = self.segments.get(at) else { return Ok(Vec::new()) };
        let (end, end_offset) = self.bounds(at, segment)?;
        let base_offset = segment.base_offset;
        let told = self.aborted_from(at, base_offset, end_offset)?;
        self.settle(&Part { at, position: 0, end, base_offset, end_offset }, &told)?;
        Ok(told.aborted)
    }

    /// What the indexes say of a range of offsets.
    #[cfg(test)]
    pub(crate) fn aborted_transactions(
        &self,
        start: Offset,
        end: Offset,
    ) -> Result<Vec<AbortedTxn>, ReadError> {
        Ok(self.aborted_from(self.segment_at(start), start, end)?.aborted)
    }

    /// What the indexes from the one at `first` on say of the transactions aborted in a range of
    /// offsets, `start` inclusive and `end` exclusive, ordered by the offset of their markers.
    fn aborted_from(&self, first: usize, start: Offset, end: Offset) -> Result<Told, ReadError> {
        let mut told = Told::default();
        for (at, segment) in self.segments.iter().enumerate().skip(first) {
            let (base, next) = (segment.base_offset, self.next_base(at));
            // No index that was there names a marker that was written since.
            let was_there = segment.verified.trusted_from() > 0;
            let indexed_to = if was_there { next.min(self.indexed_from) } else { next };
            let known = match segment.aborted_between(start, end, indexed_to) {
                // Retention removed the file after the snapshot was taken.
                Err(error) if segment.is_deleted() && error.kind() == io::ErrorKind::NotFound => {
                    return Err(self.out_of_range(start));
                }
                known => known.map_err(segment.failed(Kind::TxnIndex))?,
            };
            let Some(known) = known else {
                if at == first {
                    return Err(self.wrongly_indexed((base, base)));
                }
                told.wrong.get_or_insert(base);
                continue;
            };
            told.aborted.extend(known.into_iter().filter(|entry| {
                (base..next).contains(&entry.last_offset)
                    && entry.last_offset >= start
                    && entry.first_offset < end
            }));
        }
        Ok(told)
    }

    /// An offset that is after everything in the range: that of the first index entry whose
    /// position is not before the end of the range, else the end of the segment.
    fn upper_bound(&self, at: usize, range: &FileRange) -> Result<Offset, ReadError> {
        let segment_end = self.next_base(at);
        let Some(segment) = self.segments.get(at) else { return Ok(segment_end) };
        let end = range.position.saturating_add(range.length as u64);
        let first_from = |before: &dyn Fn(u64) -> bool| {
            let index = &segment.offset_index;
            let found = index.first_from(segment.dir(), |entry| before(entry.position.into()));
            found.map_err(segment.failed(Kind::OffsetIndex))
        };
        let mut after = first_from(&|position| position < end)?;
        // Kafka's search passes over the first entry of an index where its position is just that.
        if after.is_some_and(|entry| u64::from(entry.position) == end)
            && after == first_from(&|_| false)?
        {
            after = first_from(&|position| position <= end)?;
        }
        let Some(entry) = after else { return Ok(segment_end) };
        let named = segment.base_offset.plus(entry.relative.into());
        // One that names something else may be before what was read.
        let is_it = u64::from(entry.position) >= end && {
            let file = segment.file().map_err(segment.failed(Kind::Log))?;
            let (limit, _) = self.bounds(at, segment)?;
            let header = header_at(file.as_ref(), entry.position.into(), limit);
            header.is_ok_and(|header| header.is_some_and(|header| header.last_offset() == named))
        };
        Ok(if is_it { named } else { segment_end })
    }

    /// Compares what a client skips of a part of the log with the markers, unless that was done
    /// before.
    fn settle(&self, part: &Part, told: &Told) -> Result<(), ReadError> {
        let Part { at, position, end, base_offset, .. } = *part;
        let Some(segment) = self.segments.get(at) else { return Ok(()) };
        if base_offset >= self.indexed_from || part.is_plain(segment, &told.aborted) {
            return Ok(());
        }
        let wrong = told.wrong.map(|base| self.wrongly_indexed((base, base)));
        if segment.verified.is_settled(position, end) {
            return wrong.map_or(Ok(()), Err);
        }
        let mut skips = Skips::new(&told.aborted, segment);
        let mut place = (position, end);
        for (at, segment) in self.segments.iter().enumerate().skip(at) {
            match self.follow(at, segment, place, &mut skips) {
                Ok(Looked::On) => place = (0, 0),
                Ok(Looked::Contradiction(places)) => return Err(self.wrongly_indexed(places)),
                // Retention or a truncation has taken the file after the snapshot was taken.
                Err(_) if segment.is_deleted() => return Ok(()),
                // What follows is not known. Whoever reads it is told, and the index is believed.
                Ok(Looked::Enough) | Err(ReadError::Damaged { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        if let Some(marker) = skips.never_ended() {
            return Err(self.wrongly_indexed((marker, marker)));
        }
        match wrong {
            None => segment.verified.settle(position, end, skips.next),
            // Its index may be what tells of them.
            Some(wrong) if !skips.open.is_empty() => return Err(wrong),
            // Nothing of the part ends there.
            Some(_) => {}
        }
        Ok(())
    }

    /// Follows the batches of a segment from a position on. Those that begin before `range_end` are
    /// what was read.
    fn follow(
        &self,
        at: usize,
        segment: &Segment,
        (from, range_end): (u64, u64),
        skips: &mut Skips<'_>,
    ) -> Result<Looked, ReadError> {
        let (limit, _) = self.bounds(at, segment)?;
        let file = segment.file().map_err(segment.failed(Kind::Log))?;
        let mut scan = Scan::headers(file.as_ref(), from, limit);
        let mut in_order_to = from;
        let mut next = (from == 0).then_some(segment.base_offset);
        // What is missing at the end may be a marker.
        let on = |next: Option<Offset>| {
            next.map_or(Ok(()), |next| self.check_end(at, segment, next)).map(|()| Looked::On)
        };
        loop {
            let is_asked = scan.position() < range_end;
            if !is_asked && skips.is_decided() {
                return Ok(Looked::Enough);
            }
            if scan.position() >= in_order_to {
                let to = limit.min(range_end.max(scan.position() + STEP_BYTES));
                in_order_to = self.verified_end(at, segment, scan.position(), to)?;
                if in_order_to <= scan.position() {
                    return on(next);
                }
            }
            let (header, marker) = match scan.next_marked() {
                Ok(Some((_, header, marker))) => (header, marker),
                Ok(None) => return on(next),
                Err(ScanError::Io(source)) => return Err(segment.failed(Kind::Log)(source)),
                Err(ScanError::Batch(cause)) => {
                    return Err(segment.damage(scan.position(), &cause.to_string()));
                }
            };
            next = Some(header.next_offset());
            let contradiction =
                if is_asked { skips.read(&header, marker) } else { skips.pass(&header, marker) };
            if let Some(places) = contradiction {
                return Ok(Looked::Contradiction(places));
            }
        }
    }

    /// That an index is wrong in one of the segments that hold these offsets.
    fn wrongly_indexed(&self, (one, other): (Offset, Offset)) -> ReadError {
        let segment = self.segments.get(self.segment_at(one));
        let path = segment.map(|segment| segment.path(Kind::TxnIndex)).unwrap_or_default();
        ReadError::WronglyIndexed { path, one, other, seen: self.index_changes }
    }

    /// Where the segment at a place ends, exclusive.
    fn next_base(&self, at: usize) -> Offset {
        self.segments.get(at + 1).map_or(self.log_end_offset, |next| next.base_offset)
    }
}

/// What the indexes say.
#[derive(Default)]
struct Told {
    aborted: Vec<AbortedTxn>,
    /// Where the first segment begins, of those behind what was asked for, whose index cannot be
    /// right. What it says is left out: whoever has a transaction that ends there finds that out.
    wrong: Option<Offset>,
}

/// What is compared with the markers.
struct Part {
    /// The place of its segment.
    at: usize,
    position: u64,
    /// Exclusive, as a position.
    end: u64,
    base_offset: Offset,
    /// Not before its end, which is exclusive.
    end_offset: Offset,
}

impl Part {
    /// Whether there is nothing to skip in it, and no marker that an index names.
    fn is_plain(&self, segment: &Segment, aborted: &[AbortedTxn]) -> bool {
        let offsets = self.base_offset..self.end_offset;
        segment.verified.is_plain(self.position, self.end)
            && !aborted.iter().any(|entry| offsets.contains(&entry.last_offset))
    }
}

/// What came of a look at a segment.
enum Looked {
    /// The next one has to be looked at as well.
    On,
    Enough,
    /// An index of the segments that hold these two offsets is wrong.
    Contradiction((Offset, Offset)),
}

/// What a client skips of a range, and the transactions in it whose marker was not come by yet.
struct Skips<'a> {
    /// Those that were aborted, the one that begins last first.
    upcoming: Vec<&'a AbortedTxn>,
    /// Producers whose batches are skipped, with where the index has the marker.
    skipped: HashMap<ProducerId, Offset>,
    open: HashMap<ProducerId, Open>,
    /// Of the range. It remembers the markers that were found behind it.
    segment: &'a Segment,
    is_past: bool,
    /// Where the range ends, exclusive, as far as it was followed.
    next: Offset,
}

/// What a client does with the batches of a transaction.
#[derive(Clone, Copy)]
struct Open {
    first: Offset,
    reads: bool,
    skips: bool,
    /// Where the index has the marker, if that is known.
    marker: Option<Offset>,
}

impl Open {
    /// An offset of the segment whose index is wrong, if the marker at this offset says so: where
    /// the index has the marker of what was skipped, or where that of what was read is.
    fn contradiction(&self, marker: Offset, is_committed: bool) -> Option<(Offset, Offset)> {
        if is_committed {
            return self.marker.filter(|_| self.skips).map(|named| (named, named));
        }
        self.reads.then_some((marker, marker))
    }
}

impl<'a> Skips<'a> {
    fn new(aborted: &'a [AbortedTxn], segment: &'a Segment) -> Self {
        let mut upcoming: Vec<&AbortedTxn> = aborted.iter().collect();
        upcoming.sort_by_key(|txn| Reverse(txn.first_offset));
        let (skipped, open) = (HashMap::new(), HashMap::new());
        Self { upcoming, skipped, open, segment, is_past: false, next: Offset::ZERO }
    }

    /// Whether the markers of all transactions are known. To be asked behind the range only.
    fn is_decided(&mut self) -> bool {
        if !std::mem::replace(&mut self.is_past, true) {
            let ends = &self.segment.verified;
            // One that contradicts the index is looked for again: it may be of batches that are
            // gone.
            self.open.retain(|producer_id, open| {
                let end = ends.txn_end(*producer_id, open.first);
                end.is_none_or(|end| {
                    let is_named = !open.skips || open.marker == Some(end.marker);
                    !is_named || open.contradiction(end.marker, end.is_committed).is_some()
                })
            });
        }
        self.open.is_empty()
    }

    /// The last marker that the index has in the range and that is not there.
    fn never_ended(&self) -> Option<Offset> {
        self.skipped.values().filter(|marker| **marker < self.next).max().copied()
    }

    /// Does with the next batch of the range what a client does. Offsets of segments of which an
    /// index is wrong, where the marker says something else.
    fn read(
        &mut self,
        header: &BatchHeader,
        marker: Option<TxnMarker>,
    ) -> Option<(Offset, Offset)> {
        let is_reached = |txn: &mut &AbortedTxn| txn.first_offset <= header.last_offset();
        while let Some(txn) = self.upcoming.pop_if(is_reached) {
            if let Some(other) = self.skipped.insert(txn.producer_id, txn.last_offset) {
                return Some((other, txn.last_offset));
            }
        }
        self.next = header.next_offset();
        let (producer_id, at) = (header.producer_id, header.base_offset);
        if let Some(marker) = marker {
            return match self.end(producer_id, at, marker.committed) {
                Ok(open) => open?.contradiction(at, marker.committed),
                Err(places) => Some(places),
            };
        }
        let is_data = header.attributes.is_transactional() && !header.attributes.is_control();
        // Compaction leaves batches without records.
        if is_data && header.record_count > 0 {
            let new = Open { first: at, reads: false, skips: false, marker: None };
            let open = self.open.entry(producer_id).or_insert(new);
            match self.skipped.get(&producer_id) {
                Some(marker) => (open.skips, open.marker) = (true, open.marker.max(Some(*marker))),
                None => open.reads = true,
            }
        }
        None
    }

    /// The same of a batch behind the range.
    fn pass(
        &mut self,
        header: &BatchHeader,
        marker: Option<TxnMarker>,
    ) -> Option<(Offset, Offset)> {
        let TxnMarker { committed: is_committed, .. } = marker?;
        let (producer_id, marker) = (header.producer_id, header.base_offset);
        let open = match self.end(producer_id, marker, is_committed) {
            Ok(open) => open?,
            Err(places) => return Some(places),
        };
        let end = TxnEnd { producer_id, from: open.first, marker, is_committed };
        self.segment.verified.note_txn_end(end);
        open.contradiction(marker, is_committed)
    }

    /// Comes by a marker. The transaction of the range that it ends, or offsets of segments of
    /// which an index is wrong.
    fn end(
        &mut self,
        producer_id: ProducerId,
        marker: Offset,
        is_committed: bool,
    ) -> Result<Option<Open>, (Offset, Offset)> {
        // Who begins to read in between would skip what follows the marker, and what is truncated
        // in between would lose the entry.
        if let Some(expected) = self.skipped.remove(&producer_id)
            && (is_committed || expected != marker)
        {
            return Err((expected, marker));
        }
        Ok(self.open.remove(&producer_id))
    }
}
