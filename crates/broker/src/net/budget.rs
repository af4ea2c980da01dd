//! One budget for the bytes of all requests in flight: a connection that cannot get its share is
//! not read until others are done, so memory stays bounded under any load.
//!
//! Kafka: `queued.max.request.bytes`, `SimpleMemoryPool`.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes per permit: a semaphore counts in `u32`, and frames come up to `i32::MAX` bytes.
const GRAIN: usize = 1024;

/// The budget.
#[derive(Clone, Debug)]
pub(crate) struct Budget {
    semaphore: Arc<Semaphore>,
    permits: u32,
}

/// A request's share of the budget; dropping it gives the bytes back.
#[derive(Debug)]
pub(crate) struct Share {
    permit: OwnedSemaphorePermit,
}

impl Budget {
    /// A budget of `bytes`, rounded up to whole KiB.
    pub(crate) fn new(bytes: usize) -> Self {
        let permits = u32::try_from(bytes.div_ceil(GRAIN)).unwrap_or(u32::MAX >> 4).max(1);
        let count = usize::try_from(permits).unwrap_or(usize::MAX);
        Self { semaphore: Arc::new(Semaphore::new(count)), permits }
    }

    /// Waits until `share` covers `bytes`; none is one of nothing. Safe to cancel: what is held
    /// stays. A frame larger than the whole budget takes all of it, alone.
    pub(crate) async fn cover(&self, share: &mut Option<Share>, bytes: usize) {
        let missing = self.missing(share.as_ref(), bytes);
        if missing == 0 {
            return;
        }
        // The semaphore is never closed, so there is no other outcome.
        if let Ok(permit) = Arc::clone(&self.semaphore).acquire_many_owned(missing).await {
            match share {
                Some(share) => share.permit.merge(permit),
                None => *share = Some(Share { permit }),
            }
        }
    }

    /// Whether `share` covers `bytes` already.
    pub(crate) fn covers(&self, share: Option<&Share>, bytes: usize) -> bool {
        self.missing(share, bytes) == 0
    }

    /// The permits that `share` lacks.
    fn missing(&self, share: Option<&Share>, bytes: usize) -> u32 {
        let wanted =
            u32::try_from(bytes.div_ceil(GRAIN)).unwrap_or(u32::MAX).clamp(1, self.permits);
        let held = share.map_or(0, |share| share.permit.num_permits());
        wanted.saturating_sub(u32::try_from(held).unwrap_or(u32::MAX))
    }

    /// Bytes not in use.
    pub(crate) fn available(&self) -> usize {
        self.semaphore.available_permits().saturating_mul(GRAIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Polls once: what is not there now is not waited for.
    fn now(work: impl Future<Output = ()>) -> bool {
        let mut work = std::pin::pin!(work);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        work.as_mut().poll(&mut context).is_ready()
    }

    #[test]
    fn a_share_grows_and_gives_everything_back() {
        let budget = Budget::new(10 * GRAIN);
        let mut share = None;
        assert!(now(budget.cover(&mut share, 3 * GRAIN)));
        assert!(now(budget.cover(&mut share, 7 * GRAIN)));
        assert!(budget.covers(share.as_ref(), 7 * GRAIN));
        assert!(!budget.covers(share.as_ref(), 7 * GRAIN + 1));
        assert_eq!(budget.available(), 3 * GRAIN);
        drop(share);
        assert_eq!(budget.available(), 10 * GRAIN);
    }

    #[test]
    fn what_is_not_there_is_waited_for_and_what_is_held_stays() {
        let budget = Budget::new(10 * GRAIN);
        let (mut first, mut second) = (None, None);
        assert!(now(budget.cover(&mut first, 6 * GRAIN)));
        assert!(now(budget.cover(&mut second, 2 * GRAIN)));
        assert!(!now(budget.cover(&mut second, 5 * GRAIN)));
        assert!(budget.covers(second.as_ref(), 2 * GRAIN));
        drop(first);
        assert!(now(budget.cover(&mut second, 5 * GRAIN)));
    }

    #[test]
    fn a_frame_above_the_whole_budget_takes_all_of_it() {
        let budget = Budget::new(2 * GRAIN);
        let mut share = None;
        assert!(now(budget.cover(&mut share, 100 * GRAIN)));
        assert_eq!(budget.available(), 0);
    }
}
