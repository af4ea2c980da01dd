//! One partition as the sender sees it: what is unanswered, what goes again, and its sequence
//! numbers.
//!
//! Invariants: batches go out in the order of their sequence numbers; after a failure nothing new
//! goes out until everything in flight is answered, and then what failed goes first.
//! Kafka: `TxnPartitionEntry`, the in-flight part of `TransactionManager`.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::batch::{Batch, sequence_after};

/// The state of one partition.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// The sequence number of the next batch that goes out for the first time.
    next_sequence: i32,
    /// The sequence number after the last batch that the broker acknowledged.
    acknowledged: i32,
    in_flight: usize,
    /// What has to go again, in order.
    retries: VecDeque<Batch>,
    /// Whether something failed since the lane was last quiet.
    has_failed: bool,
    /// No attempt before this.
    not_before: Option<Instant>,
}

impl Lane {
    /// Whether anything may be sent now.
    pub(crate) fn is_open(&self, now: Instant) -> bool {
        let is_quiet = self.in_flight == 0;
        (is_quiet || !self.has_failed) && self.not_before.is_none_or(|then| then <= now)
    }

    /// When to look again, if it waits for a time.
    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        self.not_before.filter(|_| !self.retries.is_empty())
    }

    pub(crate) fn has_retries(&self) -> bool {
        !self.retries.is_empty()
    }

    pub(crate) fn next_retry(&self) -> Option<&Batch> {
        self.retries.front()
    }

    /// Takes the batch that has to go again first. Call only when [`Lane::is_open`].
    pub(crate) fn take_retry(&mut self) -> Option<Batch> {
        if self.in_flight == 0 && self.has_failed {
            self.renumber();
        }
        self.retries.pop_front()
    }

    /// Numbers what goes again from what the broker has: a batch before it may have failed for
    /// good.
    fn renumber(&mut self) {
        let mut sequence = self.acknowledged;
        for batch in &mut self.retries {
            batch.base_sequence = sequence;
            sequence = sequence_after(sequence, batch.count);
        }
        self.next_sequence = sequence;
        self.has_failed = false;
    }

    /// Notes that a batch goes out.
    pub(crate) fn sent(&mut self, batch: &mut Batch) {
        if self.in_flight == 0 && self.has_failed {
            self.renumber();
        }
        if batch.base_sequence < 0 {
            batch.base_sequence = self.next_sequence;
            self.next_sequence = sequence_after(self.next_sequence, batch.count);
        }
        batch.attempts = batch.attempts.saturating_add(1);
        batch.was_first = self.in_flight == 0;
        self.in_flight += 1;
        self.not_before = None;
    }

    /// A batch was written.
    pub(crate) fn acknowledged(&mut self, batch: &Batch) {
        self.in_flight = self.in_flight.saturating_sub(1);
        let next = sequence_after(batch.base_sequence, batch.count);
        // Answers may be reported in another order than they came: only ever move on.
        if next.wrapping_sub(self.acknowledged) & i32::MAX < i32::MAX / 2 {
            self.acknowledged = next;
        }
    }

    /// A batch failed for good, and was certainly not written.
    pub(crate) fn refused(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.has_failed = true;
    }

    /// A batch failed and goes again, not before `not_before`.
    pub(crate) fn failed(&mut self, batch: Batch, not_before: Instant) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.has_failed = true;
        self.not_before = Some(not_before);
        // Answers of one connection come in order, but a broken connection's may not.
        let place = self.retries.partition_point(|other| other.created <= batch.created);
        self.retries.insert(place, batch);
    }

    /// Takes the first batch to go again if it has waited since before `oldest`.
    pub(crate) fn take_expired(&mut self, oldest: Instant) -> Option<Batch> {
        let is_expired = self.retries.front().is_some_and(|batch| batch.created < oldest);
        if is_expired { self.retries.pop_front() } else { None }
    }

    pub(crate) fn take_all(&mut self) -> VecDeque<Batch> {
        std::mem::take(&mut self.retries)
    }

    /// Starts from 0 under a new producer id. Nothing may be in flight.
    pub(crate) fn restart(&mut self) {
        self.acknowledged = 0;
        self.renumber();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Record, producer::batch::OpenBatch};

    fn batch(id: u64, records: usize) -> Batch {
        let mut open = OpenBatch::new(ottla_record::BuilderOptions::default(), Instant::now());
        for _ in 0..records {
            open.append(&Record::to("a").value("1"), 1).unwrap();
        }
        open.close(id, ("a".into(), 0)).unwrap()
    }

    #[test]
    fn what_failed_goes_again_in_order_and_before_anything_new() {
        let now = Instant::now();
        let mut lane = Lane::default();
        let mut flying: Vec<Batch> = (0..3).map(|id| batch(id, 2)).collect();
        for it in &mut flying {
            lane.sent(it);
        }
        let sequences: Vec<i32> = flying.iter().map(|it| it.base_sequence).collect();
        assert_eq!(sequences, [0, 2, 4]);
        let third = flying.pop().unwrap();
        let second = flying.pop().unwrap();
        lane.acknowledged(&flying[0]);
        lane.failed(third, now);
        assert!(!lane.is_open(now), "one is still in flight");
        lane.failed(second, now);
        assert!(lane.is_open(now));
        let order: Vec<(u64, i32)> = std::iter::from_fn(|| {
            let mut it = lane.take_retry()?;
            lane.sent(&mut it);
            Some((it.id, it.base_sequence))
        })
        .collect();
        assert_eq!(order, [(1, 2), (2, 4)]);
    }

    #[test]
    fn behind_a_refused_batch_the_numbers_close_up() {
        let now = Instant::now();
        let mut lane = Lane::default();
        let (mut first, mut second) = (batch(0, 3), batch(1, 2));
        lane.sent(&mut first);
        lane.sent(&mut second);
        lane.refused();
        lane.failed(second, now);
        let again = lane.take_retry().unwrap();
        assert_eq!(again.base_sequence, 0);
        let mut next = batch(2, 1);
        lane.sent(&mut next);
        assert_eq!(next.base_sequence, 2);
    }

    #[test]
    fn a_new_producer_id_starts_at_zero() {
        let now = Instant::now();
        let mut lane = Lane::default();
        let mut first = batch(0, 3);
        lane.sent(&mut first);
        lane.acknowledged(&first);
        let mut second = batch(1, 2);
        lane.sent(&mut second);
        assert_eq!(second.base_sequence, 3);
        lane.failed(second, now);
        lane.restart();
        assert_eq!(lane.take_retry().unwrap().base_sequence, 0);
    }
}
