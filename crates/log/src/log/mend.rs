//! Making indexes of aborted transactions anew that say something else than the markers.
//!
//! Only a reader of committed records finds that out, or the cleaner (`reader/committed.rs`): it
//! tells the owner of the log, who mends it here, and reads again. That holds the log up for as
//! long as it takes to read the segments in question, once.
//! Kafka: nothing; `LogSegment.recover` makes this index anew after an unclean stop.

use std::io;

use ottla_record::body;
use ottla_types::Offset;

use super::Log;
use crate::{
    error::{LogError, ReadError},
    names::Kind,
    producers::{ProducerState, TxnMarker},
    scan::{Scan, ScanError},
    segment::Segment,
    txn_index::AbortedTxn,
};

impl Log {
    /// Makes the indexes of aborted transactions anew, where they are wrong, of the segments that
    /// hold the offsets from `from` to `to`, inclusive: those of [`ReadError::WronglyIndexed`].
    /// [`ReadError::Damaged`] where none of them is, and where a batch is damaged that says it.
    /// `seen` is how often what readers look at had changed when it was read: if it has since, it
    /// is to be read again.
    pub fn mend_txn_indexes(
        &mut self,
        from: Offset,
        to: Offset,
        seen: u64,
    ) -> Result<(), ReadError> {
        if self.index_changes != seen {
            return Ok(());
        }
        let (first, last) = (self.place_of(from), self.place_of(to));
        let segments = self.segments.clone();
        let path = || {
            let segment = segments.get(first);
            segment.map(|segment| segment.path(Kind::TxnIndex)).unwrap_or_default()
        };
        if let Some(reason) = &self.failed {
            let source = io::Error::other(reason.to_string());
            return Err(ReadError::Io { path: path(), source });
        }
        let (begin, mut producers) = self.producers_by(first);
        let mut is_mended = false;
        for (at, segment) in segments.iter().enumerate().take(last + 1).skip(begin) {
            let aborted = aborted_by_markers(segment, &mut producers)?;
            is_mended |= at >= first && self.mend_txn_index(segment, &aborted)?;
        }
        if is_mended {
            return Ok(());
        }
        Err(ReadError::damaged(&path(), 0, "it says something else than the markers"))
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

    /// Whether the index had to be made anew.
    fn mend_txn_index(
        &mut self,
        segment: &Segment,
        aborted: &[AbortedTxn],
    ) -> Result<bool, ReadError> {
        let replaced = segment.replace_aborted(aborted);
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
    segment: &Segment,
    producers: &mut ProducerState,
) -> Result<Vec<AbortedTxn>, ReadError> {
    let file = segment.file().map_err(segment.failed(Kind::Log))?;
    let size = segment.size().map_err(segment.failed(Kind::Log))?;
    let mut scan = Scan::batches(file.as_ref(), 0, size);
    let mut aborted = Vec::new();
    loop {
        let position = scan.position();
        match scan.next_whole() {
            Ok(Some((header, batch))) => {
                let marker = TxnMarker::read(&header, body(batch));
                let completed = producers.update(&header, marker);
                aborted.extend(completed.filter(|txn| !txn.committed).map(AbortedTxn::from));
            }
            Ok(None) => return Ok(aborted),
            Err(ScanError::Io(source)) => return Err(segment.failed(Kind::Log)(source)),
            Err(ScanError::Batch(cause)) => {
                return Err(segment.damage(position, &cause.to_string()));
            }
        }
    }
}
