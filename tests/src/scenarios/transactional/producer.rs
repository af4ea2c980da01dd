//! A transactional producer of either protocol, one request at a time.

use std::time::{Duration, Instant};

use bytes::Bytes;
use ottla_wire::{
    Str,
    add_partitions_to_txn_request::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic},
    end_txn_request::EndTxnRequest,
    find_coordinator_request::FindCoordinatorRequest,
    init_producer_id_request::InitProducerIdRequest,
    produce_request::ProduceRequest,
};

use crate::{
    batch::transactional,
    session::{Session, produce},
};

/// CONCURRENT_TRANSACTIONS and those of a coordinator that is not there yet.
pub(super) const COME_BACK: [i16; 4] = [14, 15, 16, 51];
const PATIENCE: Duration = Duration::from_secs(20);

/// A transactional producer, as its client knows it.
#[derive(Clone, Debug)]
pub(super) struct Producer {
    pub(super) transactional_id: String,
    pub(super) id: i64,
    pub(super) epoch: i16,
}

/// Asks, quietly, until the answer is none of those that say to come back.
pub(super) fn until<T>(mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Some(found) = ask() {
            return Some(found);
        }
        std::thread::yield_now();
    }
    None
}

impl Producer {
    pub(super) fn new(session: &mut Session, transactional_id: &str) -> Self {
        let find = FindCoordinatorRequest {
            key_type: 1,
            coordinator_keys: vec![Str::from(transactional_id)],
            ..Default::default()
        };
        // To look for it is what makes the topic that it needs.
        until(|| {
            let found = session.quietly(4, &find)?;
            (found.coordinators.first()?.error_code == 0).then_some(())
        });
        let request = InitProducerIdRequest {
            transactional_id: Some(Str::from(transactional_id)),
            transaction_timeout_ms: 60_000,
            ..Default::default()
        };
        let response = until(|| {
            let response = session.quietly(4, &request)?;
            (!COME_BACK.contains(&response.error_code)).then_some(response)
        });
        let response = response.unwrap_or_default();
        let transactional_id = transactional_id.to_owned();
        Self { transactional_id, id: response.producer_id, epoch: response.producer_epoch }
    }

    pub(super) fn at(&self, epoch: i16) -> Self {
        Self { epoch, ..self.clone() }
    }

    pub(super) fn request(&self, topic: &str, batch: Bytes) -> ProduceRequest {
        let transactional_id = Some(Str::from(&self.transactional_id));
        ProduceRequest { transactional_id, ..produce(topic, 0, batch) }
    }

    pub(super) fn batch(&self, sequence: i32, count: usize) -> Bytes {
        transactional(self.id, self.epoch, sequence, count)
    }

    pub(super) fn send(&self, topic: &str, sequence: i32, count: usize) -> ProduceRequest {
        self.request(topic, self.batch(sequence, count))
    }

    pub(super) fn add(&self, session: &mut Session, topic: &str) {
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: Str::from(&self.transactional_id),
            v3_and_below_producer_id: self.id,
            v3_and_below_producer_epoch: self.epoch,
            v3_and_below_topics: vec![AddPartitionsToTxnTopic {
                name: Str::from(topic),
                partitions: vec![0],
            }],
            ..Default::default()
        };
        until(|| {
            let response = session.quietly(3, &request)?;
            let topic = response.results_by_topic_v3_and_below.first()?;
            let code = topic.results_by_partition.first()?.partition_error_code;
            (!COME_BACK.contains(&code)).then_some(())
        });
    }

    pub(super) fn end_request(&self, commit: bool) -> EndTxnRequest {
        EndTxnRequest {
            transactional_id: Str::from(&self.transactional_id),
            producer_id: self.id,
            producer_epoch: self.epoch,
            committed: commit,
        }
    }

    /// Ends the transaction as old clients do.
    pub(super) fn end(&self, session: &mut Session, commit: bool) {
        let request = self.end_request(commit);
        until(|| {
            let response = session.quietly(3, &request)?;
            (!COME_BACK.contains(&response.error_code)).then_some(())
        });
    }

    /// Ends the transaction as new clients do, and goes on in the epoch that it is told.
    pub(super) fn end_and_go_on(&mut self, session: &mut Session, commit: bool) {
        let request = self.end_request(commit);
        let response = until(|| {
            let response = session.quietly(5, &request)?;
            (!COME_BACK.contains(&response.error_code)).then_some(response)
        });
        let response = response.unwrap_or_default();
        (self.id, self.epoch) = (response.producer_id, response.producer_epoch);
    }
}
