//! Latencies, counted in buckets that are at most 1.6 % wide.
//!
//! Invariant: noting never allocates; merging loses nothing.

use std::time::Duration;

/// Buckets per doubling.
const STEPS: u64 = 64;
/// Doublings above the first `STEPS` microseconds: up to about 19 hours.
const DOUBLINGS: u64 = 30;

/// How often each latency came.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    count: u64,
    max: Duration,
}

impl Default for Histogram {
    fn default() -> Self {
        let length = usize::try_from(STEPS * (DOUBLINGS + 1)).unwrap_or(0);
        Self { buckets: vec![0; length], count: 0, max: Duration::ZERO }
    }
}

impl Histogram {
    pub(crate) fn note(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let last = self.buckets.len().saturating_sub(1);
        if let Some(bucket) = self.buckets.get_mut(bucket_of(micros).min(last)) {
            *bucket += 1;
        }
        self.count += 1;
        self.max = self.max.max(latency);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (bucket, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket += more;
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// The latency that this share of all did not exceed; `None` if nothing was noted.
    pub(crate) fn at(&self, share: f64) -> Option<Duration> {
        if self.count == 0 {
            return None;
        }
        if share >= 1.0 {
            return Some(self.max);
        }
        let mut missing = super::to_f64(self.count) * share;
        for (index, count) in self.buckets.iter().enumerate() {
            missing -= super::to_f64(*count);
            if missing <= 0.0 {
                let upper = Duration::from_micros(end_of(index));
                return Some(upper.min(self.max));
            }
        }
        Some(self.max)
    }
}

/// The bucket of a latency: one per microsecond at first, then `STEPS` per doubling.
fn bucket_of(micros: u64) -> usize {
    let doubling = (micros / STEPS).checked_ilog2().map_or(0, |log| u64::from(log) + 1);
    let bucket = match doubling.checked_sub(1) {
        None => micros,
        Some(shift) => STEPS * doubling + (micros >> shift) - STEPS,
    };
    usize::try_from(bucket).unwrap_or(usize::MAX)
}

/// The largest microsecond of a bucket.
fn end_of(bucket: usize) -> u64 {
    let bucket = u64::try_from(bucket).unwrap_or(0);
    match (bucket / STEPS).checked_sub(1) {
        None => bucket,
        Some(shift) => ((bucket % STEPS + STEPS + 1) << shift) - 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_latency_is_in_the_bucket_that_ends_at_or_just_after_it() {
        for micros in (0..5000).chain([65_535, 65_536, 1_000_000, 3_600_000_000]) {
            let end = end_of(bucket_of(micros));
            assert!(end >= micros, "{micros} {end}");
            assert!(end - micros <= micros / 64 + 1, "{micros} {end}");
        }
    }

    #[test]
    fn shares_are_those_of_what_was_noted() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.at(0.5), None);
        for millis in 1..=100 {
            histogram.note(Duration::from_millis(millis));
        }
        let near = |share: f64, millis: f64| {
            let at = histogram.at(share).unwrap().as_secs_f64() * 1e3;
            assert!((at - millis).abs() <= millis / 50.0, "{share}: {at}");
        };
        near(0.5, 50.0);
        near(0.99, 99.0);
        near(1.0, 100.0);
    }

    #[test]
    fn merging_adds_up() {
        let (mut one, mut other) = (Histogram::default(), Histogram::default());
        one.note(Duration::from_millis(1));
        other.note(Duration::from_millis(9));
        one.add(&other);
        assert_eq!(one.count, 2);
        assert_eq!(one.at(1.0), Some(Duration::from_millis(9)));
    }
}
