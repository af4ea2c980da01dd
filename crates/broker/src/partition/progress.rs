//! How far a partition has come, for those who wait for it.
//!
//! Whoever waits is woken in the order of coming, so that a run can be repeated; a
//! `tokio::sync::watch` wakes in any order. Kafka: `DelayedProduce`, `DelayedOperationPurgatory`.

use std::{
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
};

use ottla_types::{ErrorCode, Offset};
use tokio::sync::Notify;

use super::WaitFor;

/// The offsets that are waited for, and who waits.
#[derive(Debug)]
pub(super) struct Progress {
    reached: Mutex<Reached>,
    acknowledged: Notify,
    durable: Notify,
}

#[derive(Clone, Copy, Debug)]
struct Reached {
    /// Exclusive: acks=all is answered for what lies before.
    acknowledged: Offset,
    /// Exclusive: what lies before is on this broker's disk.
    durable: Offset,
    /// The disk failed: nothing more will become durable.
    has_failed: bool,
}

impl Progress {
    /// Both offsets are exclusive.
    pub(super) fn new(acknowledged: Offset, durable: Offset) -> Self {
        let reached = Mutex::new(Reached { acknowledged, durable, has_failed: false });
        Self { reached, acknowledged: Notify::new(), durable: Notify::new() }
    }

    /// acks=all may be answered for what lies before this offset.
    pub(super) fn acknowledge(&self, offset: Offset) {
        self.lock().acknowledged = offset;
        self.acknowledged.notify_waiters();
    }

    /// What lies before this offset is on the disk.
    pub(super) fn synced(&self, offset: Offset) {
        self.lock().durable = offset;
        self.durable.notify_waiters();
    }

    /// Nothing more will become durable.
    pub(super) fn fail(&self) {
        self.lock().has_failed = true;
        self.acknowledged.notify_waiters();
        self.durable.notify_waiters();
    }

    /// Returns once everything up to `last_offset` (inclusive) is what was waited for, or never
    /// will be.
    pub(super) async fn wait(&self, last_offset: Offset, what: WaitFor) -> Result<(), ErrorCode> {
        let notify = match what {
            WaitFor::Acknowledged => &self.acknowledged,
            WaitFor::Durable => &self.durable,
        };
        let mut moved = pin!(notify.notified());
        loop {
            // In the list before the look: what moves after the look wakes this.
            moved.as_mut().enable();
            let now = *self.lock();
            let reached = match what {
                WaitFor::Acknowledged => now.acknowledged,
                WaitFor::Durable => now.durable,
            };
            if reached > last_offset {
                return Ok(());
            }
            if now.has_failed {
                return Err(ErrorCode::KafkaStorageError);
            }
            moved.as_mut().await;
            moved.set(notify.notified());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Reached> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
