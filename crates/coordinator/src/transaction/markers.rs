//! The markers of transactions that are being ended.
//!
//! Invariant: an id has markers under way exactly while it is in one of the two states of an end.
//!
//! Kafka: `TransactionMarkerChannelManager`, `TransactionMarkerRequestCompletionHandler`.

use ottla_types::ErrorCode;
use ottla_wire::Str;

use super::{
    ProducerIdAndEpoch, TopicPartitions, TransactionEffects, TransactionMarkers, TransactionShard,
    append::Transition,
};

/// How long a partition that could not take its marker is left alone.
const RETRY_MS: i64 = 1_000;

/// The end of a transaction.
#[derive(Debug)]
pub(super) struct OpenMarkers {
    /// Partitions without the marker.
    remaining: TopicPartitions,
    /// When to go on after a failure.
    pub(super) retry_at_ms: Option<i64>,
}

/// What an error means for the marker of a partition.
enum Outcome {
    /// It is there, or there is nothing to mark.
    Done,
    /// It may be written later.
    Later,
    /// Another coordinator has written to the partition, which ends the transaction, or has.
    Fenced,
}

impl TransactionShard {
    /// Has the markers of a transaction written.
    pub(super) fn begin_markers(
        &mut self,
        now_ms: i64,
        transactional_id: &Str,
        effects: &mut TransactionEffects,
    ) {
        let Some(current) = self.committed(transactional_id) else { return };
        let remaining = current.partitions.clone();
        let open = OpenMarkers { remaining, retry_at_ms: None };
        self.markers.insert(transactional_id.clone(), open);
        self.go_on_with_markers(now_ms, transactional_id, effects);
    }

    /// Says which markers of a transaction are safe, and what went wrong with the others.
    pub fn markers_written<'a>(
        &mut self,
        now_ms: i64,
        (transactional_id, producer): (&Str, ProducerIdAndEpoch),
        results: impl IntoIterator<Item = (&'a str, i32, ErrorCode)>,
        effects: &mut TransactionEffects,
    ) {
        // Of a transaction that has ended meanwhile, or of another one.
        let is_current = self
            .committed(transactional_id)
            .is_some_and(|it| it.producer == producer && it.state.ending().is_some());
        let Some(open) = self.markers.get_mut(transactional_id).filter(|_| is_current) else {
            return;
        };
        let mut is_fenced = false;
        for (topic, partition, code) in results {
            match outcome(code) {
                Outcome::Done => open.remaining.remove(topic, partition),
                Outcome::Later => open.retry_at_ms = Some(now_ms.saturating_add(RETRY_MS)),
                Outcome::Fenced => is_fenced = true,
            }
        }
        if is_fenced {
            // Not to be ended by this coordinator, which has yet to find out.
            open.retry_at_ms = None;
        } else if open.remaining.is_empty() {
            self.complete(now_ms, transactional_id, effects);
        }
    }

    /// Tries again what failed.
    pub(super) fn retry_markers(&mut self, now_ms: i64, effects: &mut TransactionEffects) {
        let is_due = |open: &OpenMarkers| open.retry_at_ms.is_some_and(|due| due <= now_ms);
        let due = self.markers.iter().filter(|(_, open)| is_due(open)).map(|(id, _)| id.clone());
        for transactional_id in due.collect::<Vec<_>>() {
            self.go_on_with_markers(now_ms, &transactional_id, effects);
        }
    }

    /// Keeps the end of a transaction for later that could not be recorded.
    pub(super) fn put_off_completion(&mut self, now_ms: i64, transactional_id: &Str) {
        if let Some(open) = self.markers.get_mut(transactional_id) {
            open.retry_at_ms = Some(now_ms.saturating_add(RETRY_MS));
        }
    }

    fn go_on_with_markers(
        &mut self,
        now_ms: i64,
        transactional_id: &Str,
        effects: &mut TransactionEffects,
    ) {
        let Some(current) = self.entries.get(transactional_id).and_then(|it| it.committed.as_ref())
        else {
            return;
        };
        let Some(result) = current.state.ending() else { return };
        let Some(open) = self.markers.get_mut(transactional_id) else { return };
        open.retry_at_ms = None;
        if open.remaining.is_empty() {
            return self.complete(now_ms, transactional_id, effects);
        }
        effects.markers.push(TransactionMarkers {
            transactional_id: transactional_id.clone(),
            producer: current.producer,
            result,
            version: current.client_version,
            partitions: open.remaining.clone(),
        });
    }

    /// Records that a transaction has ended. The next one may begin at once: its first record
    /// comes after this one.
    fn complete(&mut self, now_ms: i64, transactional_id: &Str, effects: &mut TransactionEffects) {
        let Some(current) = self.committed(transactional_id) else { return };
        let next = current.complete(now_ms);
        self.transit(transactional_id, Transition::repeatable(next), effects);
    }

    /// Forgets the markers of an end that is recorded.
    pub(super) fn end_markers(&mut self, transactional_id: &Str) {
        self.markers.remove(transactional_id);
    }
}

fn outcome(code: ErrorCode) -> Outcome {
    match code {
        ErrorCode::None
        // The topic is deleted, and its transactions with it.
        | ErrorCode::UnknownTopicOrPartition
        | ErrorCode::UnsupportedForMessageFormat
        | ErrorCode::UnsupportedVersion => Outcome::Done,
        ErrorCode::InvalidProducerEpoch | ErrorCode::TransactionCoordinatorFenced => {
            Outcome::Fenced
        }
        _ => Outcome::Later,
    }
}
