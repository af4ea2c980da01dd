//! DescribeTransactions and ListTransactions: what is known, as it is recorded.
//!
//! Kafka: `TransactionCoordinator.handleDescribeTransactions`,
//! `TransactionStateManager.listTransactionStates`.

use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    describe_transactions_response::{TopicData, TransactionState as Described},
    list_transactions_response::TransactionState as Listed,
};

use super::{TransactionLook, TransactionShard, TransactionState, metadata::Metadata};

/// Which transactional ids are wanted.
pub struct TransactionFilter<'a> {
    /// Of these producers; of any where there are none.
    pub producer_ids: &'a [i64],
    /// In these states; in any where this is absent.
    pub states: Option<&'a [TransactionState]>,
    /// Begun longer ago than this, in milliseconds; a negative number is no wish.
    pub duration_ms: i64,
    /// Whose name is one of these.
    pub matches: &'a (dyn Fn(&str) -> bool + Sync),
}

impl std::fmt::Debug for TransactionFilter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TransactionFilter")
            .field("producer_ids", &self.producer_ids)
            .field("states", &self.states)
            .field("duration_ms", &self.duration_ms)
            .finish_non_exhaustive()
    }
}

impl TransactionShard {
    /// One id of a `DescribeTransactions`.
    pub fn describe(&self, transactional_id: &Str) -> Described {
        let Some(current) = self.committed(transactional_id) else {
            return Described {
                transactional_id: transactional_id.clone(),
                error_code: ErrorCode::TransactionalIdNotFound.code(),
                ..Default::default()
            };
        };
        let topics = current
            .partitions
            .topics()
            .map(|(topic, partitions)| TopicData { topic: topic.clone(), partitions });
        Described {
            error_code: ErrorCode::None.code(),
            transactional_id: transactional_id.clone(),
            transaction_state: Str::from_static(current.state.name()),
            transaction_timeout_ms: current.timeout_ms,
            transaction_start_time_ms: current.start_ms,
            producer_id: current.producer.producer_id.get(),
            producer_epoch: current.producer.producer_epoch,
            topics: topics.collect(),
        }
    }

    /// The ids of this shard that a `ListTransactions` asks for, by name.
    pub fn list(&self, now_ms: i64, filter: &TransactionFilter<'_>) -> Vec<Listed> {
        let is_wanted = |id: &Str, current: &Metadata| {
            let producer_id = current.producer.producer_id.get();
            (filter.producer_ids.is_empty() || filter.producer_ids.contains(&producer_id))
                && filter.states.is_none_or(|states| states.contains(&current.state))
                && (filter.duration_ms < 0
                    || now_ms.saturating_sub(current.start_ms) > filter.duration_ms)
                && (filter.matches)(id)
        };
        let known =
            self.entries.iter().filter_map(|(id, entry)| Some((id, entry.committed.as_ref()?)));
        let wanted = known.filter(|(id, current)| is_wanted(id, current));
        let listed = wanted.map(|(id, current)| Listed {
            transactional_id: id.clone(),
            producer_id: current.producer.producer_id.get(),
            transaction_state: Str::from_static(current.state.name()),
        });
        listed.collect()
    }

    /// Every id with how it stands, by name.
    pub fn each(&self, mut look: impl FnMut(&Str, TransactionLook)) {
        for (id, entry) in &self.entries {
            if let Some(current) = &entry.committed {
                look(id, TransactionLook::from(current.clone()));
            }
        }
    }

    /// How one id stands.
    pub fn look(&self, transactional_id: &str) -> Option<TransactionLook> {
        self.committed(transactional_id).cloned().map(TransactionLook::from)
    }

    /// How many transactional ids there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no transactional id.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
