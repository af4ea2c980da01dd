//! Making indexes of aborted transactions anew that say something else than the markers.
//!
//! Only a reader of committed records finds that out, or the cleaner (`reader/committed.rs`): it
//! tells the owner of the log, who mends it here, and reads again. That holds the log up for as
//! long as it takes to read the segments in question, once.
//! Kafka: nothing; `LogSegment.recover` makes this index anew after an unclean stop.

use std::{collections::BTreeSet, io};

use ottla_record::body;
use ottla_types::Offset;

use super::Log;
use crate::{
    error::{LogError, ReadError},
    names::Kind,
    producers::{ProducerState, TxnMarker},
    reader::LogReader,
    scan::{Scan, ScanError},
    segment::Segment,
    txn_index::AbortedTxn,
};

impl Log {
    /// Makes the indexes of aborted transactions anew, where they are wrong, of the two segments
    /// that hold these offsets: those of [`ReadError::WronglyIndexed`]. [`ReadError::Damaged`]
    /// where none of them is, and where a batch is damaged that says it. `seen` is how often what
    /// readers look at had changed when it was read: if it has since, it is to be read again.
    pub fn mend_txn_indexes(
        &mut self,
        one: Offset,
        other: Offset,
        seen: u64,
    ) -> Result<(), ReadError> {
        if self.index_changes != seen {
            return Ok(());
        }
        let segment = self.segments.get(self.place_of(one));
        let path = segment.map(|segment| segment.path(Kind::TxnIndex)).unwrap_or_default();
        if let Some(reason) = &self.failed {
            let source = io::Error::other(reason.to_string());
            return Err(ReadError::Io { path, source });
        }
        let mut is_mended = false;
        for at in BTreeSet::from([one, other].map(|offset| self.place_of(offset))) {
            is_mended |= self.mend_txn_index(at)?;
        }
        if is_mended {
            return Ok(());
        }
        Err(ReadError::damaged(&path, 0, "it says something else than the markers"))
    }

    /// The producers where a segment begins, if that is known, else where one before it does, with
    /// that one's place.
    fn producers_by(&self, first: usize) -> (usize, ProducerState) {
        let known = self.segments.iter().enumerate().take(first + 1).rev();
        let mut known = known.filter_map(|(at, segment)| {
            let producers = segment.producers_before()?;
            Some((at, ProducerState::restored(segment.base_offset, producers)))
        });
        known.next().unwrap_or_default()
    }

    /// Whether the index of the segment at a place had to be made anew.
    fn mend_txn_index(&mut self, at: usize) -> Result<bool, ReadError> {
        let (segments, reader) = (self.segments.clone(), self.reader());
        let (begin, mut producers) = self.producers_by(at);
        let mut aborted = Vec::new();
        for (at, segment) in segments.iter().enumerate().take(at + 1).skip(begin) {
            aborted = aborted_by_markers(&reader, (at, segment), &mut producers)?;
        }
        let Some(segment) = segments.get(at) else { return Ok(false) };
        let replaced = segment.replace_aborted(&aborted);
        let replaced = replaced.map_err(self.io("write", segment, Kind::TxnIndex));
        let before = match self.checked(replaced) {
            Ok(Some(before)) => before,
            Ok(None) => return Ok(false),
            Err(LogError::Io { path, source, .. }) => return Err(ReadError::Io { path, source }),
            Err(error) => unreachable!("{error}"),
        };
        self.unsynced.directory = true;
        self.index_changes += 1;
        tracing::warn!(
            file = %segment.path(Kind::TxnIndex).display(),
            entries_before = before,
            entries = aborted.len(),
            "made it anew: it did not name the transactions that the markers abort"
        );
        Ok(true)
    }
}

/// The transactions that a segment's markers say were aborted. The producers are those where it
/// begins, and then those where it ends.
fn aborted_by_markers(
    reader: &LogReader,
    (at, segment): (usize, &Segment),
    producers: &mut ProducerState,
) -> Result<Vec<AbortedTxn>, ReadError> {
    let file = segment.file().map_err(segment.failed(Kind::Log))?;
    let (size, end) = reader.bounds(at, segment)?;
    let mut scan = Scan::batches(file.as_ref(), 0, size);
    let (mut aborted, mut next) = (Vec::new(), segment.base_offset);
    loop {
        let position = scan.position();
        match scan.next_whole() {
            Ok(Some((header, batch))) => {
                next = header.next_offset();
                let marker = TxnMarker::read(&header, body(batch));
                let completed = producers.update(&header, marker);
                aborted.extend(completed.filter(|txn| !txn.committed).map(AbortedTxn::from));
            }
            // What is missing may be a marker.
            Ok(None) => return reader.check_end(at, segment, next).map(|()| aborted),
            Err(ScanError::Io(source)) => return Err(segment.failed(Kind::Log)(source)),
            // Every offset is there: what follows is no batch and never was.
            Err(ScanError::Batch(_)) if next == end => return Ok(aborted),
            Err(ScanError::Batch(cause)) => {
                return Err(segment.damage(position, &cause.to_string()));
            }
        }
    }
}
