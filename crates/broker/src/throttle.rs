//! How fast something may go on in the background: `log.cleaner.io.max.bytes.per.second` for all
//! cleaners together, `replica.alter.log.dirs.io.max.bytes.per.second` for moves.
//!
//! Kafka: `Throttler`.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Time over which the speed is looked at.
const SPAN: Duration = Duration::from_millis(300);

/// How often one who rests looks whether it may go faster by now.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What was moved lately.
#[derive(Debug)]
pub(crate) struct Throttle {
    span: Mutex<Span>,
}

#[derive(Debug)]
struct Span {
    began: Instant,
    bytes: u64,
    bytes_per_second: f64,
}

impl Throttle {
    pub(crate) fn new(now: Instant) -> Self {
        Self { span: Mutex::new(Span { began: now, bytes: 0, bytes_per_second: 0.0 }) }
    }

    /// Has whoever moved so many bytes rest until that was no faster than `allowed`, in bytes a
    /// second, or until that has changed. `wait` waits for so long, or less; its error ends the
    /// rest.
    pub(crate) fn pace<E>(
        &self,
        bytes: u64,
        allowed: impl Fn() -> f64,
        mut wait: impl FnMut(Duration) -> Result<(), E>,
    ) -> Result<(), E> {
        let (speed, now) = (allowed(), Instant::now());
        let until = now + self.moved(bytes, speed, now);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            wait(left.min(LOOK_EVERY))?;
            if left.is_zero() || allowed().total_cmp(&speed).is_ne() {
                return Ok(());
            }
        }
    }

    /// So many bytes were moved. How long to rest for this to have been no faster than allowed.
    fn moved(&self, bytes: u64, bytes_per_second: f64, now: Instant) -> Duration {
        let mut span = self.span.lock().unwrap_or_else(PoisonError::into_inner);
        if span.bytes_per_second.total_cmp(&bytes_per_second).is_ne() {
            // What was to be rested for is not any more.
            *span = Span { began: span.began.min(now), bytes: span.bytes, bytes_per_second };
        }
        span.bytes = span.bytes.saturating_add(bytes);
        let took = now.saturating_duration_since(span.began);
        let allowed = seconds_for(span.bytes, bytes_per_second);
        if now >= span.began && took < SPAN && allowed < SPAN {
            return Duration::ZERO;
        }
        // Where another one rests, the span begins when it is done, and this one rests after it.
        let until = (span.began + allowed).max(now);
        *span = Span { began: until, bytes: 0, bytes_per_second };
        until - now
    }
}

#[expect(clippy::cast_precision_loss, reason = "a speed need not be exact")]
fn seconds_for(bytes: u64, bytes_per_second: f64) -> Duration {
    let seconds = bytes as f64 / bytes_per_second;
    // A speed that is no number is no limit, and none rests longer than an hour at once.
    Duration::try_from_secs_f64(seconds.min(3600.0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_too_fast_is_rested_for() {
        let began = Instant::now();
        let at = |ms| began + Duration::from_millis(ms);
        let throttle = Throttle::new(began);
        assert_eq!(throttle.moved(200, 1000.0, at(100)), Duration::ZERO);
        // What is too much for a whole span does not wait for its end.
        assert_eq!(throttle.moved(800, 1000.0, at(200)), Duration::from_millis(800));
        // The time that was rested counts for the next span.
        assert_eq!(throttle.moved(100, 1000.0, at(1000)), Duration::ZERO);
        assert_eq!(throttle.moved(100, 1000.0, at(1500)), Duration::ZERO);
        assert_eq!(throttle.moved(1 << 40, f64::MAX, at(2000)), Duration::ZERO);
        // Two at once are together no faster than one.
        assert_eq!(throttle.moved(1000, 1000.0, at(2000)), Duration::from_secs(1));
        assert_eq!(throttle.moved(1000, 1000.0, at(2000)), Duration::from_secs(2));
        assert_eq!(throttle.moved(10, 1000.0, at(2000)), Duration::from_millis(2010));
        assert_eq!(throttle.moved(10, 2000.0, at(2000)), Duration::ZERO);
    }
}
