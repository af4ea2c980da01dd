//! Where the last batches of the active segment lie, so that a reader who follows the end of a log
//! need not look for them in its files.
//!
//! Invariants: places are in order, by offset and by position; every one is of a batch that this
//! process appended. Budget: 136 bytes for each log, one move of them for each batch and for each
//! read. Kafka: none.

use ottla_record::BatchHeader;
use ottla_types::Offset;

use crate::segment::Located;

/// How many batches are known. A reader who is further behind pays for the index and the headers.
const PLACES: usize = 8;

/// The last batches that were appended to the active segment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recent {
    /// The last ones are those in use.
    places: [Place; PLACES],
    count: usize,
}

/// Where a batch begins, and its offsets.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    base_offset: Offset,
    last_offset_delta: i32,
    position: u32,
}

impl Place {
    fn holds(&self, offset: Offset) -> bool {
        self.base_offset <= offset
            && offset <= self.base_offset.plus(i64::from(self.last_offset_delta))
    }
}

/// A batch that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) position: u64,
    pub(crate) base_offset: Offset,
    pub(crate) size: usize,
}

impl From<Located> for Found {
    fn from(Located { position, header }: Located) -> Self {
        Self { position, base_offset: header.base_offset, size: header.size() }
    }
}

impl Recent {
    /// A batch goes to this position.
    pub(crate) fn push(&mut self, header: &BatchHeader, position: u64) {
        // Positions in indexes have no more bits either.
        let Ok(position) = u32::try_from(position) else {
            *self = Self::default();
            return;
        };
        self.places.rotate_left(1);
        if let Some(last) = self.places.last_mut() {
            let (base_offset, last_offset_delta) = (header.base_offset, header.last_offset_delta);
            *last = Place { base_offset, last_offset_delta, position };
        }
        self.count = (self.count + 1).min(PLACES);
    }

    /// The batch that holds an offset, of those before `end`, an exclusive position; `None` where
    /// that has to be looked for.
    pub(crate) fn find(&self, offset: Offset, end: u64) -> Option<Found> {
        let known = self.places.get(PLACES - self.count..)?;
        let at = known.partition_point(|place| place.base_offset <= offset).checked_sub(1)?;
        let place = known.get(at).filter(|place| place.holds(offset))?;
        let position = u64::from(place.position);
        // What is staged only is behind the end.
        let next = known.get(at + 1).map_or(end, |next| u64::from(next.position).min(end));
        let size = usize::try_from(next.checked_sub(position)?).ok().filter(|&size| size > 0)?;
        Some(Found { position, base_offset: place.base_offset, size })
    }
}

#[cfg(test)]
mod tests {
    use ottla_record::{BatchBuilder, BuilderOptions, Record};

    use super::*;

    fn header(base_offset: i64, count: usize) -> BatchHeader {
        let base_offset = Offset(base_offset);
        let mut builder =
            BatchBuilder::new(BuilderOptions { base_offset, ..BuilderOptions::default() });
        for _ in 0..count {
            builder.append(&Record::default()).unwrap();
        }
        BatchHeader::parse(&builder.finish().unwrap()).unwrap()
    }

    #[test]
    fn the_last_batches_are_found_and_no_others() {
        let mut recent = Recent::default();
        assert_eq!(recent.find(Offset(0), 1_000), None);
        // Three records in 100 bytes each, with a hole of one offset before the last one.
        for batch in 0..11 {
            let hole = i64::from(batch == 10);
            recent.push(&header(batch * 3 + hole, 3), u64::try_from(batch * 100).unwrap());
        }
        let found = |offset: i64| recent.find(Offset(offset), 1_100);
        for offset in 0..9 {
            assert_eq!(found(offset), None, "{offset}");
        }
        for offset in 9..30 {
            let batch = offset / 3;
            let position = u64::try_from(batch * 100).unwrap();
            let base_offset = Offset(batch * 3);
            assert_eq!(found(offset), Some(Found { position, base_offset, size: 100 }), "{offset}");
        }
        assert_eq!(found(30), None, "a hole is somebody else's business");
        assert_eq!(found(31).unwrap().position, 1_000);
        assert_eq!(found(34), None);
    }

    #[test]
    fn what_is_staged_only_is_not_found() {
        let mut recent = Recent::default();
        recent.push(&header(0, 1), 0);
        recent.push(&header(1, 1), 100);
        assert_eq!(recent.find(Offset(0), 100).unwrap().size, 100);
        assert_eq!(recent.find(Offset(1), 100), None);
    }

    #[test]
    fn positions_that_have_too_many_bits_are_not_kept() {
        let mut recent = Recent::default();
        recent.push(&header(0, 1), 0);
        recent.push(&header(1, 1), 1 << 32);
        assert_eq!(
            (recent.find(Offset(0), 1 << 33), recent.find(Offset(1), 1 << 33)),
            (None, None)
        );
    }
}
