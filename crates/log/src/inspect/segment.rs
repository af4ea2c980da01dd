//! One segment: its batches, and whether its indexes lead to them.

use std::{io, iter::Peekable, path::PathBuf, vec::IntoIter};

use ottla_record::{BatchError, Scratch, check_crc};
use ottla_types::Offset;

use super::{
    DECOMPRESSED_BYTES_MAX, Finding, InspectedBatch, Inspection, SegmentBatches, entries,
    transactions::Transactions,
};
use crate::{
    dir::{Dir, DiskDir},
    epochs::EpochCache,
    index::{Entry, OffsetEntry, TimeEntry},
    names::{self, Kind},
};

/// An index that is compared with the batches as they come by.
struct Led<E> {
    path: PathBuf,
    entries: Peekable<IntoIter<E>>,
}

impl<E: Entry> Led<E> {
    fn open(dir: &DiskDir, base: Offset, kind: Kind, out: &mut Inspection) -> io::Result<Self> {
        let name = names::name(base, kind);
        let path = dir.path().join(&name);
        let content = dir.read(&name)?.unwrap_or_default();
        if content.len() % E::SIZE != 0 {
            let cause = format!("its size is not a multiple of {} bytes", E::SIZE);
            out.findings.push(Finding::new(&path, None, cause));
        }
        let entries: Vec<E> = entries(&content).collect();
        Ok(Self { path, entries: entries.into_iter().peekable() })
    }

    fn finding(&self, out: &mut Inspection, cause: String) {
        out.findings.push(Finding::new(&self.path, None, cause));
    }
}

/// Looks at the segment whose offsets go from `base` to `limit`, where the next one begins.
pub(super) fn inspect(
    dir: &DiskDir,
    (base, limit): (Offset, Offset),
    (epochs, transactions): (&EpochCache, &mut Transactions),
    out: &mut Inspection,
) -> io::Result<()> {
    let path = dir.path().join(names::name(base, Kind::Log));
    let mut walk = Walk {
        base,
        offsets: Led::open(dir, base, Kind::OffsetIndex, out)?,
        times: Led::open(dir, base, Kind::TimeIndex, out)?,
        scratch: Scratch::new(),
        max_timestamp: i64::MIN,
        epochs,
        next: base,
        limit,
    };
    transactions.begin(dir, base, out)?;
    out.segments += 1;
    // Where batches are wrong, whatever the indexes say of them means nothing.
    let mut is_sound = true;
    for batch in SegmentBatches::open(&path)? {
        match batch {
            Ok(batch) => {
                let faults = walk.faults(&batch, out);
                is_sound &= faults.is_empty();
                for cause in faults {
                    out.findings.push(Finding::new(&path, Some(batch.position), cause));
                }
                if is_sound {
                    walk.follow(&batch, out);
                    transactions.follow(&batch, out);
                }
                out.batches += 1;
                out.bytes += batch.bytes.len() as u64;
            }
            Err(finding) => {
                is_sound = false;
                out.findings.push(finding);
            }
        }
    }
    if is_sound {
        walk.end(out);
        transactions.end(out);
    } else {
        transactions.forget();
    }
    Ok(())
}

/// What is known on the way through a segment.
struct Walk<'a> {
    base: Offset,
    offsets: Led<OffsetEntry>,
    times: Led<TimeEntry>,
    scratch: Scratch,
    /// Largest timestamp of the batches so far.
    max_timestamp: i64,
    epochs: &'a EpochCache,
    /// The offset after the batches so far.
    next: Offset,
    /// Where the segment ends, exclusive.
    limit: Offset,
}

impl Walk<'_> {
    /// What is wrong with a batch by itself and after those before it.
    fn faults(&mut self, batch: &InspectedBatch, out: &mut Inspection) -> Vec<String> {
        let header = &batch.header;
        let mut faults = Vec::new();
        let next = std::mem::replace(&mut self.next, header.next_offset());
        if header.base_offset < next {
            faults.push(format!("its offset is {}, after {next} was reached", header.base_offset));
        }
        if header.next_offset() > self.limit {
            let (last, limit) = (header.last_offset(), self.limit);
            faults
                .push(format!("its last offset is {last}, and the next segment begins at {limit}"));
        }
        let known = self.epochs.epoch_of(header.base_offset);
        if let Some(known) = known.filter(|known| *known != header.leader_epoch) {
            let (own, file) = (header.leader_epoch, names::LEADER_EPOCHS);
            faults.push(format!("its leader epoch is {own}, and {known} by {file}"));
        }
        match self.count_records(batch) {
            Ok(count) => out.records += count,
            Err(error) => faults.push(error.to_string()),
        }
        faults
    }

    fn count_records(&mut self, batch: &InspectedBatch) -> Result<u64, BatchError> {
        check_crc(&batch.bytes)?;
        let records = self.scratch.records(&batch.header, &batch.bytes, DECOMPRESSED_BYTES_MAX)?;
        let (mut count, mut last) = (0, -1);
        for record in records {
            let delta = record?.offset_delta;
            if delta <= last || delta > batch.header.last_offset_delta {
                return Err(BatchError::InvalidOffsetDelta(delta));
            }
            last = delta;
            count += 1;
        }
        Ok(count)
    }

    /// Compares the entries that lead to this batch.
    fn follow(&mut self, batch: &InspectedBatch, out: &mut Inspection) {
        let (base, header) = (self.base, &batch.header);
        while let Some(entry) =
            self.offsets.entries.next_if(|entry| u64::from(entry.position) <= batch.position)
        {
            // Whoever looks for a later offset starts to read at the position.
            let leads_past = u64::from(entry.position) == batch.position
                && entry.offset(base) < header.base_offset;
            if u64::from(entry.position) < batch.position || leads_past {
                let (offset, position) = (entry.offset(base), entry.position);
                let cause = format!(
                    "its entry of offset {offset} leads to position {position}, where it is not"
                );
                self.offsets.finding(out, cause);
            }
        }
        let last = header.last_offset();
        while let Some(entry) = self.times.entries.next_if(|entry| entry.offset(base) <= last) {
            // Whoever looks for a later time starts to read at the offset.
            if entry.timestamp < self.max_timestamp {
                let (time, offset) = (entry.timestamp, entry.offset(base));
                let cause = format!(
                    "its entry of offset {offset} has time {time}, and records before it are later"
                );
                self.times.finding(out, cause);
            }
        }
        self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
    }

    /// Entries that are left lead to where no batch is.
    fn end(&mut self, out: &mut Inspection) {
        let left: Vec<OffsetEntry> = self.offsets.entries.by_ref().collect();
        if let Some(entry) = left.first() {
            let cause = format!(
                "{} entries from position {} on lead past the segment's end",
                left.len(),
                entry.position
            );
            self.offsets.finding(out, cause);
        }
        let left: Vec<TimeEntry> = self.times.entries.by_ref().collect();
        if let Some(entry) = left.iter().find(|entry| entry.offset(self.base) >= self.next) {
            let cause = format!(
                "its entry of offset {} is past the segment's end",
                entry.offset(self.base)
            );
            self.times.finding(out, cause);
        }
    }
}
