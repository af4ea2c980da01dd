//! Looking at what was on disk before the log was opened when it is read for the first time.
//!
//! A log that was left in order is opened without a look at its batches. Whoever reads them first
//! pays for one look at their checksums and at what those do not cover: the offsets, and the leader
//! epochs (`epochs/contradiction.rs`). Invariant: what a reader is given was written as it is, by
//! this process or by the one before. What cannot be found out: a leader epoch that was changed and
//! still lies between those before and after it, where the checkpoint might be what is wrong, or
//! after all others, where that might be an older one; and an offset that was raised within a hole
//! that compaction left. Whether records were aborted is another question, which
//! `reader/committed.rs` answers and only readers of committed records ask.
//! Kafka: nothing; clients find damage, if they look, and not damage to offsets and leader epochs.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use ottla_record::BatchHeader;
use ottla_types::{Offset, ProducerId};

use crate::{
    dir::LogFile,
    error::ReadError,
    names::Kind,
    reader::LogReader,
    scan::{Scan, ScanError, header_at, is_batch},
    segment::Segment,
};

/// Most places of a segment that are remembered apart from each other.
const SPANS_MAX: usize = 32;

/// How many ends of transactions may be remembered of a segment that no reader needs any more.
const TXN_ENDS_SPARE: usize = 256;

/// Most ends of transactions that are remembered of a segment: so many producers may have one open
/// at once before a reader has to look for the markers of some again and again.
const TXN_ENDS_MAX: usize = 16 << 10;

/// Which bytes of a segment need no look.
#[derive(Debug)]
pub(crate) struct Verified {
    /// From here on this process has written or recovered everything.
    trusted_from: AtomicU64,
    /// Whether somebody looks at it ahead of its readers.
    is_ahead: AtomicBool,
    /// Whether it was logged that a batch of it was believed and not the leader epochs.
    is_doubtful: AtomicBool,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// What is in order.
    batches: Spans,
    /// Where no batch is of a transaction.
    plain: Spans,
    /// Where the index of aborted transactions says what the markers say.
    transactions: Spans,
    /// Ends of transactions that were looked for, by their producers and markers.
    ends: BTreeMap<(ProducerId, Offset), TxnEnd>,
    was_compacted: Option<bool>,
    reported: Option<u64>,
}

/// Bytes of a file, from a batch's start to a batch's end, exclusive.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u64,
    end: u64,
    /// The offset behind it.
    next: Offset,
}

/// They are apart from each other.
#[derive(Debug, Default)]
struct Spans(Vec<Span>);

impl Spans {
    /// Whether everything from `from` to `last`, inclusive, is in one of them.
    fn hold(&self, from: u64, last: u64) -> bool {
        self.0.iter().any(|span| span.start <= from && last < span.end)
    }

    /// Where the one ends that what ends at `position` is in.
    fn end_around(&self, position: u64) -> Option<u64> {
        let around = |span: &&Span| span.start < position && position <= span.end;
        self.0.iter().find(around).map(|span| span.end)
    }

    /// The offset behind the one that ends at `position`.
    fn next_at(&self, position: u64) -> Option<Offset> {
        self.0.iter().find(|span| span.end == position).map(|span| span.next)
    }

    fn add(&mut self, mut new: Span) {
        self.0.retain(|span| {
            let apart = span.end < new.start || new.end < span.start;
            if !apart {
                new.start = new.start.min(span.start);
                if span.end > new.end {
                    (new.end, new.next) = (span.end, span.next);
                }
            }
            apart
        });
        if self.0.len() >= SPANS_MAX {
            // Whoever reads there again looks again.
            self.0.clear();
        }
        self.0.push(new);
    }
}

/// How a transaction ended that is longer than what was read of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TxnEnd {
    pub(crate) producer_id: ProducerId,
    /// From here on nothing of the producer is a marker but what ends it.
    pub(crate) from: Offset,
    /// Of the marker.
    pub(crate) marker: Offset,
    pub(crate) is_committed: bool,
}

/// What surrounds the batches that are looked at.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    /// Where the segment's batches end, in bytes.
    pub(crate) limit: u64,
    /// The offset after the segment, exclusive.
    pub(crate) next_base: Offset,
    /// Whether the topic's settings let offsets be missing.
    pub(crate) is_compacted: bool,
    /// What the segment is one of.
    pub(crate) log: LogReader,
}

impl Verified {
    /// Of a segment that this process has begun.
    pub(crate) fn everything() -> Self {
        Self::trusted(0)
    }

    /// Of a segment that was there.
    pub(crate) fn nothing() -> Self {
        Self::trusted(u64::MAX)
    }

    fn trusted(from: u64) -> Self {
        Self {
            trusted_from: AtomicU64::new(from),
            is_ahead: AtomicBool::new(false),
            is_doubtful: AtomicBool::new(false),
            inner: Mutex::default(),
        }
    }

    /// Whether nothing from `from` to `end`, exclusive, is aborted that the index does not tell of,
    /// and nothing else.
    pub(crate) fn is_settled(&self, from: u64, end: u64) -> bool {
        end <= from || self.lock().transactions.hold(from, end - 1)
    }

    /// Whether no batch there is of a transaction, as far as was looked.
    pub(crate) fn is_plain(&self, from: u64, end: u64) -> bool {
        end <= from || self.lock().plain.hold(from, end - 1)
    }

    /// Says that it is settled. Whoever reads on begins at `next` or later.
    pub(crate) fn settle(&self, start: u64, end: u64, next: Offset) {
        let mut inner = self.lock();
        inner.transactions.add(Span { start, end, next });
        if inner.ends.len() > TXN_ENDS_SPARE {
            inner.ends.retain(|(_, marker), _| *marker >= next);
        }
    }

    /// How the transaction of a producer ended that it had data of at this offset, if that was
    /// found lately.
    pub(crate) fn txn_end(&self, producer_id: ProducerId, at: Offset) -> Option<TxnEnd> {
        let inner = self.lock();
        let (_, end) = inner.ends.range((producer_id, at.plus(1))..).next()?;
        (end.producer_id == producer_id && end.from <= at).then_some(*end)
    }

    /// Remembers it for whoever reads on.
    pub(crate) fn note_txn_end(&self, end: TxnEnd) {
        let mut inner = self.lock();
        if inner.ends.len() >= TXN_ENDS_MAX {
            inner.ends.clear();
        }
        let known = inner.ends.entry((end.producer_id, end.marker)).or_insert(end);
        known.from = known.from.min(end.from);
    }

    /// Everything from this position on needs no look.
    pub(crate) fn trust_from(&self, position: u64) {
        self.trusted_from.store(position, Ordering::Release);
    }

    /// Whether what lies from `from` to `last`, inclusive, needs no look.
    pub(crate) fn is_trusted(&self, from: u64, last: u64) -> bool {
        from >= self.trusted_from() || self.lock().batches.hold(from, last)
    }

    /// From where on this process has written everything.
    pub(crate) fn trusted_from(&self) -> u64 {
        self.trusted_from.load(Ordering::Acquire)
    }

    /// Where the batches end that were looked at together with what ends at `position`; `None`
    /// where that was not.
    pub(crate) fn trusted_to(&self, position: u64) -> Option<u64> {
        self.lock().batches.end_around(position)
    }

    /// Takes it upon the caller to look at it ahead of its readers; whether nobody did.
    pub(crate) fn begin_ahead(&self) -> bool {
        !self.is_ahead.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn end_ahead(&self) {
        self.is_ahead.store(false, Ordering::Release);
    }

    /// Notes that a batch is believed although the leader epochs contradict it; whether that is
    /// new.
    pub(crate) fn begin_doubt(&self) -> bool {
        !self.is_doubtful.swap(true, Ordering::AcqRel)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Segment {
    /// Looks at the batches from position `from` to the one that holds the byte `last`. Gives the
    /// position up to which they are in order, exclusive; an error if the first one is not.
    pub(crate) fn verify(&self, from: u64, last: u64, bounds: &Bounds) -> Result<u64, ReadError> {
        let file = self.file().map_err(self.failed(Kind::Log))?;
        match self.look(file.as_ref(), (from, last), bounds)? {
            (end, Some(cause)) if end == from => Err(self.damage(from, &cause)),
            (end, _) => Ok(end),
        }
    }

    /// The same, with what is wrong behind that position. Nothing is reported.
    pub(crate) fn look(
        &self,
        file: &dyn LogFile,
        (from, last): (u64, u64),
        bounds: &Bounds,
    ) -> Result<(u64, Option<String>), ReadError> {
        let mut scan = Scan::batches(file, from, bounds.limit);
        // What comes behind damage must not be taken for what nothing speaks against.
        let behind = self.verified.lock().batches.next_at(from);
        let mut next = if from == 0 { Some(self.base_offset) } else { behind };
        let mut end = from;
        let mut earlier = (end, next);
        let mut has_transactions = false;
        let mut before: Option<BatchHeader> = None;
        let mut is_placed = true;
        let cause = loop {
            if end > last {
                break None;
            }
            match scan.next_batch() {
                Ok(Some(header)) => {
                    if let Some(cause) = self.misplaced(&header, next, bounds) {
                        // Unless one before has borne out where the last one is, that may be wrong.
                        (end, next) = if is_placed { (end, next) } else { earlier };
                        break Some(cause);
                    }
                    has_transactions |= header.attributes.is_transactional();
                    let (log, place) = (&bounds.log, (end, &header));
                    if let Some(cause) = log.wrong_leader_epoch(self, place, before.as_ref()) {
                        break Some(cause);
                    }
                    before = Some(header);
                    is_placed = next == Some(header.base_offset);
                    earlier = (end, next);
                    (end, next) = (scan.position(), Some(header.next_offset()));
                }
                Ok(None) => break None,
                Err(ScanError::Io(source)) => return Err(self.failed(Kind::Log)(source)),
                // Every offset is there: what follows is no batch and never was.
                Err(ScanError::Batch(_)) if next == Some(bounds.next_base) => break None,
                Err(ScanError::Batch(cause)) => break Some(cause.to_string()),
            }
        };
        // The offsets of the last batch are right only if those of the one after it follow.
        let after =
            if cause.is_none() { header_at(file, end, bounds.limit).ok().flatten() } else { None };
        let cause = match after.and_then(|header| self.misplaced(&header, next, bounds)) {
            // Where every offset is there, something else than a batch may follow.
            Some(cause) if next != Some(bounds.next_base) || is_batch(file, end, bounds.limit) => {
                (end, next) = earlier;
                Some(cause)
            }
            Some(_) | None => cause,
        };
        if let Some(next) = next.filter(|_| end > from) {
            let mut verified = self.verified.lock();
            let span = Span { start: from, end, next };
            verified.batches.add(span);
            if !has_transactions {
                verified.plain.add(span);
            }
        }
        Ok((end, cause))
    }

    /// Offsets that should be in the segment and are not.
    pub(crate) fn hole(&self, position: u64, from: Offset, to: Offset) -> ReadError {
        self.damage(position, &format!("offsets {from} to {to}, exclusive, are missing"))
    }

    /// Reports damage, and logs it unless that was done before.
    pub(crate) fn damage(&self, position: u64, cause: &str) -> ReadError {
        let path = self.path(Kind::Log);
        if self.verified.lock().reported.replace(position) != Some(position) {
            tracing::error!(
                file = %path.display(),
                position,
                cause,
                "damaged: what lies there cannot be read. Look at it with: ottla log dump {}",
                path.display()
            );
        }
        ReadError::damaged(&path, position, cause)
    }

    /// Whether compaction has taken something out of the segment. Where the topic's settings do not
    /// say that it may have, the batches do.
    pub(crate) fn was_compacted(&self) -> bool {
        if let Some(known) = self.verified.lock().was_compacted {
            return known;
        }
        // What could not be read may be readable the next time.
        let Ok(found) = self.shows_compaction() else { return false };
        self.verified.lock().was_compacted = Some(found);
        found
    }

    /// Why a batch cannot be where it is, after one that ended before `next`.
    fn misplaced(
        &self,
        header: &BatchHeader,
        next: Option<Offset>,
        bounds: &Bounds,
    ) -> Option<String> {
        let base_offset = header.base_offset;
        if header.next_offset() > bounds.next_base {
            return Some(format!("offset {} belongs behind the segment", header.last_offset()));
        }
        if base_offset < self.base_offset {
            return Some(format!("offset {base_offset} belongs before the segment"));
        }
        let next = next?;
        let fits = base_offset == next
            || (base_offset > next && (bounds.is_compacted || self.was_compacted()));
        (!fits).then(|| format!("offset {base_offset} follows offset {next}"))
    }

    fn shows_compaction(&self) -> std::io::Result<bool> {
        let (file, end) = (self.file()?, self.size()?);
        let mut scan = Scan::batches(file.as_ref(), 0, end);
        let mut next = self.base_offset;
        let mut found = false;
        while let Ok(Some(header)) = scan.next_batch() {
            if header.base_offset < next {
                // That is damage, which looks like a hole before it.
                return Ok(false);
            }
            let records = i64::from(header.record_count);
            found |= header.base_offset > next || records <= i64::from(header.last_offset_delta);
            next = header.next_offset();
        }
        Ok(found)
    }
}
