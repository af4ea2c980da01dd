//! When a cursor passed the offsets of a partition: to the millisecond for what came last, the
//! coarser the longer ago.
//!
//! Offsets that were passed in one millisecond are one run. When there are too many runs,
//! neighbours that lie close together, held against how long ago they are, become one. So a track
//! reaches far back and never grows past [`RUNS_MAX`].
//! Invariants: runs are in order and do not overlap; an offset was passed within the times of its
//! run.
//! Budget: a cursor that moves pays for a few comparisons, and once in several milliseconds for a
//! walk over the runs. Kafka: none.

use std::ops::RangeInclusive;

/// Most runs of a track: 24 bytes each.
const RUNS_MAX: usize = 32;

/// How many there are left after some were put together, at most.
const RUNS_KEPT: usize = RUNS_MAX - RUNS_MAX / 4;

/// How long a run may last, held against how long ago it is: what suffices of these, as fractions.
const SHARES: [(i64, i64); 6] = [(1, 64), (1, 16), (1, 4), (1, 1), (4, 1), (16, 1)];

/// When a cursor passed offsets.
#[derive(Debug)]
pub(super) struct Track {
    runs: Vec<Run>,
    /// Where the cursor is.
    end: i64,
}

/// Offsets that were passed between two moments.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// The first of them.
    base: i64,
    first_ms: i64,
    count: u32,
    /// From the first moment to the last.
    lasted_ms: u32,
}

impl Track {
    /// A track of a cursor that is here.
    pub(super) fn new(end: i64) -> Self {
        Self { runs: Vec::new(), end }
    }

    /// Where the cursor is: the first offset that it has not passed.
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// The cursor has moved on to here.
    pub(super) fn pass(&mut self, end: i64, now_ms: i64) {
        let (base, count) = (self.end, end.saturating_sub(self.end));
        if count <= 0 {
            return;
        }
        self.end = end;
        let run = Run {
            base,
            first_ms: now_ms,
            count: u32::try_from(count).unwrap_or(u32::MAX),
            lasted_ms: 0,
        };
        if self.runs.last_mut().is_some_and(|last| last.last_ms() == now_ms && last.take(&run)) {
            return;
        }
        if self.runs.len() >= RUNS_MAX {
            self.thin(now_ms);
        }
        self.runs.push(run);
    }

    /// The cursor has come here otherwise: what lies between, it has not passed.
    pub(super) fn skip(&mut self, end: i64) {
        self.end = self.end.max(end);
    }

    /// From when to when the cursor may have passed an offset, in ms; `None` where that is not
    /// known, or where it has not.
    pub(super) fn passed(&self, offset: i64) -> Option<RangeInclusive<i64>> {
        let behind = self.runs.partition_point(|run| run.base <= offset);
        let run = self.runs.get(behind.checked_sub(1)?)?;
        (offset < run.end()).then(|| run.first_ms..=run.last_ms())
    }

    /// What it takes in memory at most.
    #[cfg(test)]
    pub(super) const BYTES_MAX: usize = size_of::<Self>() + RUNS_MAX * size_of::<Run>();

    /// Makes room for a run.
    fn thin(&mut self, now_ms: i64) {
        for (share, of) in SHARES {
            self.runs.dedup_by(|next, last| {
                let lasts_ms = next.last_ms().saturating_sub(last.first_ms);
                let ago_ms = now_ms.saturating_sub(next.last_ms());
                lasts_ms.saturating_mul(of) <= ago_ms.saturating_mul(share) && last.take(next)
            });
            if self.runs.len() <= RUNS_KEPT {
                return;
            }
        }
        if self.runs.len() >= RUNS_MAX {
            self.runs.remove(0);
        }
    }
}

impl Run {
    /// Exclusive.
    fn end(&self) -> i64 {
        self.base.saturating_add(self.count.into())
    }

    fn last_ms(&self) -> i64 {
        self.first_ms.saturating_add(self.lasted_ms.into())
    }

    /// Whether the run that follows has become part of this one.
    fn take(&mut self, next: &Self) -> bool {
        let lasted_ms = next.last_ms().saturating_sub(self.first_ms);
        // A clock that was set back, and months in one run, are told apart.
        let (Some(count), Ok(lasted_ms)) =
            (self.count.checked_add(next.count), u32::try_from(lasted_ms))
        else {
            return false;
        };
        if next.base != self.end() || lasted_ms < self.lasted_ms {
            return false;
        }
        (self.count, self.lasted_ms) = (count, lasted_ms);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, the same each time.
    fn numbers(mut seed: u64) -> impl FnMut(u64) -> i64 {
        move |below| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((seed >> 33) % below).unwrap()
        }
    }

    #[test]
    fn an_offset_was_passed_within_the_times_of_its_run() {
        for seed in 0..200 {
            let mut number = numbers(seed);
            let (mut track, mut now_ms) = (Track::new(5), 1_000);
            let mut passed = Vec::new();
            for _ in 0..2_000 {
                let pauses = [0, 0, 1, 3, 1_000];
                now_ms += pauses[usize::try_from(number(5)).unwrap()] * number(3);
                let end = track.end() + number(4);
                passed.extend((track.end()..end).map(|offset| (offset, now_ms)));
                track.pass(end, now_ms);
                assert!(track.runs.len() <= RUNS_MAX);
            }
            for (offset, at_ms) in &passed {
                let times = track.passed(*offset).unwrap();
                assert!(times.contains(at_ms), "{offset} at {at_ms}: {times:?}");
                let (lasted_ms, ago_ms) = (times.end() - times.start(), now_ms - times.end());
                assert!(lasted_ms <= ago_ms.max(1), "{times:?} at {now_ms}");
            }
            assert_eq!((track.passed(4), track.passed(track.end())), (None, None));
        }
    }

    #[test]
    fn what_came_last_is_known_to_the_millisecond() {
        let mut track = Track::new(0);
        for now_ms in 0..100_000 {
            track.pass(now_ms + 1, now_ms);
        }
        for offset in 99_996..100_000 {
            assert_eq!(track.passed(offset), Some(offset..=offset));
        }
        for offset in (0..100_000).step_by(100) {
            let times = track.passed(offset).unwrap();
            let (lasted_ms, ago_ms) = (times.end() - times.start(), 100_000 - times.end());
            assert!(lasted_ms <= 4 * ago_ms, "{times:?}");
        }
    }

    #[test]
    fn a_record_now_and_then_is_known_to_the_millisecond_for_long() {
        let mut track = Track::new(0);
        for second in 0..i64::try_from(RUNS_MAX).unwrap() {
            track.pass(second + 1, second * 1_000);
        }
        assert_eq!(track.passed(0), Some(0..=0));
    }

    #[test]
    fn what_was_skipped_was_not_passed() {
        let mut track = Track::new(10);
        track.pass(12, 1);
        track.skip(20);
        track.skip(3);
        track.pass(22, 2);
        let times: Vec<_> = [9, 11, 12, 19, 20, 22].map(|offset| track.passed(offset)).into();
        assert_eq!(times, [None, Some(1..=1), None, None, Some(2..=2), None]);
    }

    #[test]
    fn a_clock_that_is_set_back_makes_no_run_longer() {
        let mut track = Track::new(0);
        for (at, now_ms) in [5_000, 1_000, 1_000, 2_000].into_iter().enumerate() {
            track.pass(i64::try_from(at).unwrap() + 1, now_ms);
        }
        assert_eq!((track.passed(0), track.passed(2)), (Some(5_000..=5_000), Some(1_000..=1_000)));
    }
}
