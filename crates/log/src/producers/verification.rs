//! Batches that want to begin a transaction, and whether the transaction coordinator has it.
//!
//! A producer's first batch in a transaction is only appended when the coordinator says that the
//! partition belongs to the open transaction. Between its answer and the append the transaction
//! may end: its marker is then in the log already, and the batch would begin a transaction that
//! nobody ends. So the log gives out a guard before the coordinator is asked, takes it back with
//! every batch and marker of the producer, and appends only where the guard still stands.
//! Kafka: `VerificationGuard`, `VerificationStateEntry` (KIP-890).

use std::sync::atomic::{AtomicU64, Ordering};

/// Stands for one question to the transaction coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerificationGuard(u64);

impl VerificationGuard {
    /// A guard that is like no other in this process: a log that forgot its guards must not give
    /// out the same ones again.
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// What is known of the transaction that a batch wants to be part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verification {
    /// Nothing: the transaction must be open in this log.
    None,
    /// The coordinator was asked under this guard, and has it.
    Guard(VerificationGuard),
    /// Nobody asks: `transaction.partition.verification.enable` is off.
    Off,
}

/// A question on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unverified {
    pub(crate) guard: VerificationGuard,
    asked_ms: i64,
    /// The lowest sequence that asked in this epoch. A higher one must not get ahead of it, or the
    /// lower one would be out of order for ever.
    pub(crate) lowest_sequence: i32,
    producer_epoch: i16,
    /// The producer raises its epoch with every transaction, so each begins at sequence 0.
    pub(crate) bumps_epoch: bool,
}

impl Unverified {
    pub(crate) fn new(first: &FirstBatch, now_ms: i64) -> Self {
        Self {
            guard: VerificationGuard::new(),
            asked_ms: now_ms,
            lowest_sequence: first.base_sequence,
            producer_epoch: first.producer_epoch,
            bumps_epoch: first.bumps_epoch,
        }
    }

    /// Takes in that another batch asks.
    pub(crate) fn ask_again(&mut self, first: &FirstBatch) {
        if first.producer_epoch > self.producer_epoch {
            self.producer_epoch = first.producer_epoch;
            self.lowest_sequence = first.base_sequence;
        } else if first.producer_epoch == self.producer_epoch {
            self.lowest_sequence = self.lowest_sequence.min(first.base_sequence);
        }
    }

    /// Whether the answer is long overdue.
    pub(crate) fn is_expired(&self, now_ms: i64, expiration_ms: i64) -> bool {
        now_ms.saturating_sub(self.asked_ms) >= expiration_ms
    }
}

/// What a batch says that may begin a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstBatch {
    /// Whose it is.
    pub producer_id: ottla_types::ProducerId,
    /// The producer's epoch.
    pub producer_epoch: i16,
    /// Its first sequence number; −1 if it has none.
    pub base_sequence: i32,
    /// Whether the producer raises its epoch with every transaction (KIP-890).
    pub bumps_epoch: bool,
}
