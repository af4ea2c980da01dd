//! The index of aborted transactions of a segment, while others read it and it grows.
//!
//! Invariants: what a reader is told of a range is a matter of the entries' offsets alone, so that
//! what was compared with the markers once holds for every part of it and for what it is a part of.
//! For that an index is looked at as a whole before it is believed, as what [`Outline`] is of; what
//! is appended keeps it so, or the index is made anew.
//! Kafka: `TransactionIndex`, which is believed.

use std::{io, sync::PoisonError};

use ottla_types::Offset;

use crate::{
    dir::write_atomically,
    names::{self, Kind},
    segment::Segment,
    txn_index::{self, AbortedTxn, Outline},
};

/// What is known of an index as a whole.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Known {
    /// Nobody has looked at what was on disk.
    Nothing,
    /// It cannot be right.
    Wrong,
    Whole(Outline),
}

impl From<Option<Outline>> for Known {
    fn from(outline: Option<Outline>) -> Self {
        outline.map_or(Self::Wrong, Self::Whole)
    }
}

impl Segment {
    /// The transactions whose abort marker is in the segment, in the order of the markers.
    pub(crate) fn aborted(&self) -> io::Result<Vec<AbortedTxn>> {
        if !self.has_txn_index() {
            return Ok(Vec::new());
        }
        let read = self.with_txn_index(|name| txn_index::read(self.dir(), name));
        // Looked at afterwards: if compaction has replaced the segment meanwhile, that may have
        // been the file of the new one.
        match self.held_aborted.get() {
            Some(held) => Ok(held.clone()),
            None => read,
        }
    }

    /// Those of them that tell of the offsets from `start` to `end`, exclusive; `None` where the
    /// index is wrong. More of it is not looked at once it was looked at as a whole.
    pub(crate) fn aborted_between(
        &self,
        start: Offset,
        end: Offset,
        next_base: Offset,
    ) -> io::Result<Option<Vec<AbortedTxn>>> {
        if !self.has_txn_index() {
            return Ok(Some(Vec::new()));
        }
        let outline = self.outline(next_base);
        let read = match &outline {
            Ok(Some(outline)) if outline.first_offset < end => {
                self.with_txn_index(|name| txn_index::read_between(self.dir(), name, start, end))
            }
            Ok(_) | Err(_) => Ok(Vec::new()),
        };
        // Looked at afterwards, for the same reason.
        if let Some(held) = self.held_aborted.get() {
            let first = held.partition_point(|entry| entry.last_offset < start);
            return Ok(Some(held.get(first..).unwrap_or_default().to_vec()));
        }
        Ok(if outline?.is_some() { Some(read?) } else { None })
    }

    /// The index as a whole; `None` if it is wrong. It is read once.
    fn outline(&self, next_base: Offset) -> io::Result<Option<Outline>> {
        let mut known = self.aborted_known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Known::Nothing = *known {
            // What was appended since it was opened is known.
            let content = self.with_txn_index(|name| self.read_txn_index(name))?;
            *known = Outline::of(&content, self.base_offset, next_base).into();
        }
        Ok(if let Known::Whole(outline) = *known { Some(outline) } else { None })
    }

    fn read_txn_index(&self, name: &str) -> io::Result<Vec<u8>> {
        Ok(self.dir().read(name)?.ok_or(io::ErrorKind::NotFound)?)
    }

    /// Adds a transaction whose marker is after all that were added. `end` is where the log ended
    /// before, exclusive.
    pub(crate) fn push_aborted(&self, aborted: AbortedTxn, end: Offset) -> io::Result<()> {
        let name = names::name(self.base_offset, Kind::TxnIndex);
        let mut known = self.aborted_known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Known::Nothing = *known {
            let content = self.read_txn_index(&name)?;
            *known = Outline::of(&content, self.base_offset, end).into();
        }
        txn_index::append(self.dir(), &name, aborted)?;
        if let Known::Whole(outline) = *known {
            // What is there may hide what was added: an offset of it is too large.
            *known = outline.followed_by(&aborted).into();
        }
        self.set_has_txn_index(true);
        Ok(())
    }

    /// Keeps only transactions whose marker is before `end`, durably.
    pub(crate) fn truncate_aborted(&self, end: Offset) -> io::Result<()> {
        if !self.has_txn_index() {
            return Ok(());
        }
        let name = names::name(self.base_offset, Kind::TxnIndex);
        let mut known = self.aborted_known.lock().unwrap_or_else(PoisonError::into_inner);
        txn_index::truncate(self.dir(), &name, end)?;
        if !matches!(*known, Known::Nothing) {
            *known = Outline::of(&self.read_txn_index(&name)?, self.base_offset, end).into();
        }
        Ok(())
    }

    /// Makes the index anew, durably but for its name. `None` if there is no need to, else how many
    /// entries it had. A reader that is at it goes on with the old one.
    pub(crate) fn replace_aborted(&self, aborted: &[AbortedTxn]) -> io::Result<Option<usize>> {
        let name = names::name(self.base_offset, Kind::TxnIndex);
        let mut known = self.aborted_known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = if self.has_txn_index() { self.read_txn_index(&name)? } else { Vec::new() };
        let after = txn_index::format(aborted);
        if before == after {
            return Ok(None);
        }
        self.set_has_txn_index(!aborted.is_empty());
        if aborted.is_empty() {
            self.dir().remove(&name)?;
        } else {
            write_atomically(self.dir(), &name, &after)?;
        }
        *known = Outline::of(&after, self.base_offset, Offset(i64::MAX)).into();
        Ok(Some(before.len() / txn_index::SIZE))
    }

    /// Reads the transaction index under the name that it has now, if there is one left.
    fn with_txn_index<T: Default>(&self, read: impl Fn(&str) -> io::Result<T>) -> io::Result<T> {
        let name = names::name(self.base_offset, Kind::TxnIndex);
        match read(&name) {
            // A segment is marked before its files get other names.
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.is_deleted() => {
                read(&format!("{name}{}", names::DELETED))
            }
            // Made anew: nothing was aborted.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !self.has_txn_index() => {
                Ok(T::default())
            }
            found => found,
        }
    }
}
