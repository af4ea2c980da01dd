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
    _permit: OwnedSemaphorePermit,
}

impl Budget {
    /// A budget of `bytes`, rounded up to whole KiB.
    pub(crate) fn new(bytes: usize) -> Self {
        let permits = u32::try_from(bytes.div_ceil(GRAIN)).unwrap_or(u32::MAX >> 4).max(1);
        let count = usize::try_from(permits).unwrap_or(usize::MAX);
        Self { semaphore: Arc::new(Semaphore::new(count)), permits }
    }

    /// Waits for `bytes`. A frame larger than the whole budget takes all of it, alone.
    pub(crate) async fn take(&self, bytes: usize) -> Share {
        let wanted =
            u32::try_from(bytes.div_ceil(GRAIN)).unwrap_or(u32::MAX).clamp(1, self.permits);
        loop {
            // The semaphore is never closed; the loop only spares an unwrap.
            if let Ok(permit) = Arc::clone(&self.semaphore).acquire_many_owned(wanted).await {
                return Share { _permit: permit };
            }
        }
    }

    /// Bytes not in use.
    pub(crate) fn available(&self) -> usize {
        self.semaphore.available_permits().saturating_mul(GRAIN)
    }
}
