//! Transactions: listed, described, and those that nobody will end found and aborted.
//!
//! Kafka: `Admin.listTransactions`, `describeTransactions`, `describeProducers`,
//! `abortTransaction`, and `TransactionsCommand` for what hangs.

use std::{collections::BTreeMap, time::Duration};

use ottla_types::{BrokerId, Offset, ProducerId};
use ottla_wire::{
    describe_producers_request::TopicRequest,
    describe_producers_response::ProducerState as Producer,
    describe_transactions_response::{TopicData, TransactionState},
    messages::{
        DescribeProducersRequest, DescribeTransactionsRequest, ListTransactionsRequest,
        WriteTxnMarkersRequest,
    },
    write_txn_markers_request::{WritableTxnMarker, WritableTxnMarkerTopic},
};

use super::{Admin, verdict};
use crate::{
    Error, ErrorKind, Result,
    client::{ANY, AutoCreate, Coordinates, Lane},
    transaction::take_over,
};

/// A transactional id in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionListing {
    /// The id.
    pub transactional_id: String,
    /// Its producer.
    pub producer_id: ProducerId,
    /// `Empty`, `Ongoing`, `PrepareCommit` …
    pub state: String,
    /// The broker that coordinates it.
    pub coordinator: BrokerId,
}

/// A transactional id in detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionDescription {
    /// The id.
    pub transactional_id: String,
    /// The broker that coordinates it.
    pub coordinator: BrokerId,
    /// Its producer.
    pub producer_id: ProducerId,
    /// Which of the producer's lives.
    pub producer_epoch: i16,
    /// `Empty`, `Ongoing`, `PrepareCommit` …
    pub state: String,
    /// After how long the coordinator aborts a transaction, in ms.
    pub timeout_ms: i32,
    /// When the transaction began, in ms since 1970; −1 where there was none.
    pub start_ms: i64,
    /// Where it has written.
    pub partitions: Vec<(String, i32)>,
}

/// What a partition knows of a producer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProducerState {
    /// The producer.
    pub producer_id: ProducerId,
    /// Which of its lives.
    pub producer_epoch: i32,
    /// The sequence number of its last record.
    pub last_sequence: i32,
    /// When it wrote last, in ms since 1970.
    pub last_timestamp: i64,
    /// The epoch of the coordinator that wrote the last marker; −1 where there was none.
    pub coordinator_epoch: i32,
    /// Where its open transaction starts.
    pub open_since: Option<Offset>,
}

impl TransactionDescription {
    fn new(coordinator: BrokerId, it: &TransactionState) -> Self {
        let of_topic = |topic: &TopicData| {
            let name = topic.topic.to_string();
            topic.partitions.clone().into_iter().map(move |it| (name.clone(), it))
        };
        let mut partitions: Vec<_> = it.topics.iter().flat_map(of_topic).collect();
        partitions.sort_unstable();
        Self {
            transactional_id: it.transactional_id.to_string(),
            coordinator,
            producer_id: ProducerId(it.producer_id),
            producer_epoch: it.producer_epoch,
            state: it.transaction_state.to_string(),
            timeout_ms: it.transaction_timeout_ms,
            start_ms: it.transaction_start_time_ms,
            partitions,
        }
    }
}

impl From<&Producer> for ProducerState {
    fn from(it: &Producer) -> Self {
        Self {
            producer_id: ProducerId(it.producer_id),
            producer_epoch: it.producer_epoch,
            last_sequence: it.last_sequence,
            last_timestamp: it.last_timestamp,
            coordinator_epoch: it.coordinator_epoch,
            open_since: Some(Offset(it.current_txn_start_offset)).filter(|offset| offset.0 >= 0),
        }
    }
}

/// A transaction to be aborted in one partition, whatever its coordinator says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbortSpec {
    /// The topic.
    pub topic: String,
    /// The partition's number.
    pub partition: i32,
    /// The transaction's producer.
    pub producer_id: ProducerId,
    /// Which of the producer's lives.
    pub producer_epoch: i16,
    /// The epoch of the coordinator as the partition knows it.
    pub coordinator_epoch: i32,
}

impl Admin {
    /// Every transactional id of the cluster, or those in these states.
    pub async fn list_transactions(&self, states: &[String]) -> Result<Vec<TransactionListing>> {
        self.client.refresh().await?;
        let brokers: Vec<BrokerId> =
            self.client.topology().brokers.values().map(|broker| broker.id).collect();
        let what = || "cannot list transactions".to_owned();
        let mut listed = Vec::new();
        for broker in brokers {
            let mut backoff = self.client.backoff();
            let response = loop {
                let to = (broker, Lane::Shared);
                let request = ListTransactionsRequest {
                    state_filters: states.iter().map(Into::into).collect(),
                    duration_filter: -1,
                    ..Default::default()
                };
                let response = self.client.call(to, ANY, Duration::ZERO, |_| request).await?;
                match verdict(response.error_code, what, None) {
                    Err(error) if error.is_retriable() => backoff.pause(error).await?,
                    verdict => break verdict.map(|()| response)?,
                }
            };
            if let Some(unknown) = response.unknown_state_filters.first() {
                return Err(Error::invalid(what(), format!("there is no state {unknown}")));
            }
            listed.extend(response.transaction_states.iter().map(|it| TransactionListing {
                transactional_id: it.transactional_id.to_string(),
                producer_id: ProducerId(it.producer_id),
                state: it.transaction_state.to_string(),
                coordinator: broker,
            }));
        }
        Ok(listed)
    }

    /// One transactional id.
    pub async fn describe_transaction(
        &self,
        transactional_id: &str,
    ) -> Result<TransactionDescription> {
        let what = || format!("cannot describe transactional id {transactional_id}");
        let mut backoff = self.client.backoff();
        loop {
            let coordinator =
                self.client.find_coordinator_of(transactional_id, Coordinates::Transaction).await?;
            let request =
                DescribeTransactionsRequest { transactional_ids: vec![transactional_id.into()] };
            let to = (coordinator, Lane::Shared);
            let response = self.client.call(to, ANY, Duration::ZERO, |_| request).await?;
            let Some(it) = response.transaction_states.into_iter().next() else {
                return Err(Error::new(ErrorKind::Protocol, what(), "the answer is empty"));
            };
            match verdict(it.error_code, what, None) {
                Err(error) if error.is_retriable() => backoff.pause(error).await?,
                Err(error) => return Err(error),
                Ok(()) => return Ok(TransactionDescription::new(coordinator, &it)),
            }
        }
    }

    /// What was listed, each with its details: one request per coordinator. Ids that have expired
    /// since are left out.
    pub async fn describe_transactions(
        &self,
        listed: &[TransactionListing],
    ) -> Result<Vec<TransactionDescription>> {
        let mut ids: BTreeMap<BrokerId, Vec<&str>> = BTreeMap::new();
        for it in listed {
            ids.entry(it.coordinator).or_default().push(&it.transactional_id);
        }
        let mut described = Vec::new();
        for (coordinator, ids) in ids {
            let transactional_ids = ids.into_iter().map(Into::into).collect();
            let request = DescribeTransactionsRequest { transactional_ids };
            let to = (coordinator, Lane::Shared);
            let response = self.client.call(to, ANY, Duration::ZERO, |_| request).await?;
            for it in response.transaction_states {
                let what = || format!("cannot describe transactional id {}", it.transactional_id);
                let found = match verdict(it.error_code, what, None) {
                    Ok(()) => Ok(TransactionDescription::new(coordinator, &it)),
                    // Its coordinator is another one by now, or not ready.
                    Err(error) if error.is_retriable() => {
                        self.describe_transaction(&it.transactional_id).await
                    }
                    Err(error) => Err(error),
                };
                match found {
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    found => described.push(found?),
                }
            }
        }
        Ok(described)
    }

    /// Every transactional id of the cluster, by its producer.
    pub async fn transactions_by_producer(
        &self,
    ) -> Result<BTreeMap<ProducerId, TransactionDescription>> {
        let listed = self.list_transactions(&[]).await?;
        let described = self.describe_transactions(&listed).await?;
        Ok(described.into_iter().map(|it| (it.producer_id, it)).collect())
    }

    /// Fences the producer of a transactional id, and aborts what it has open.
    pub async fn fence_producer(&self, transactional_id: &str) -> Result<()> {
        take_over(&self.client, transactional_id, Duration::from_mins(1)).await.map(drop)
    }

    /// The producers that a partition remembers.
    pub async fn describe_producers(
        &self,
        topic: &str,
        partition: i32,
    ) -> Result<Vec<ProducerState>> {
        let told = self.describe_producers_of(&[(topic.to_owned(), partition)]).await?;
        let Some((_, states)) = told.into_iter().next() else {
            let what = format!("cannot describe the producers of {topic}-{partition}");
            return Err(Error::new(ErrorKind::Protocol, what, "the answer is empty"));
        };
        states
    }

    /// The producers that each of these partitions remembers: one request per leader.
    pub async fn describe_producers_of(
        &self,
        places: &[(String, i32)],
    ) -> Result<Vec<((String, i32), Result<Vec<ProducerState>>)>> {
        let mut told = Vec::new();
        let mut asked: BTreeMap<BrokerId, BTreeMap<&str, Vec<i32>>> = BTreeMap::new();
        for (topic, partition) in places {
            let what = || format!("cannot describe the producers of {topic}-{partition}");
            match self.leader_of(topic, *partition, what).await {
                Ok(leader) => {
                    let topics = asked.entry(leader).or_default();
                    topics.entry(topic).or_default().push(*partition);
                }
                Err(error) => told.push(((topic.clone(), *partition), Err(error))),
            }
        }
        for (leader, topics) in asked {
            let topics = topics.into_iter().map(|(name, partition_indexes)| TopicRequest {
                name: name.into(),
                partition_indexes,
            });
            let request = DescribeProducersRequest { topics: topics.collect() };
            let to = (leader, Lane::Shared);
            let response = self.client.call(to, ANY, Duration::ZERO, |_| request).await?;
            for topic in &response.topics {
                for it in &topic.partitions {
                    let place = (topic.name.to_string(), it.partition_index);
                    let what =
                        || format!("cannot describe the producers of {}-{}", place.0, place.1);
                    let states = verdict(it.error_code, what, it.error_message.as_deref());
                    let states = states
                        .map(|()| it.active_producers.iter().map(ProducerState::from).collect());
                    told.push((place, states));
                }
            }
        }
        Ok(told)
    }

    /// Aborts a producer's transaction in one partition. For a transaction that hangs: its
    /// coordinator does not know of it, and so nobody else ends it.
    pub async fn abort_transaction(&self, spec: &AbortSpec) -> Result<()> {
        let AbortSpec { topic, partition, .. } = spec;
        let what = || format!("cannot abort the transaction in {topic}-{partition}");
        let leader = self.leader_of(topic, *partition, what).await?;
        let marker = WritableTxnMarker {
            producer_id: spec.producer_id.get(),
            producer_epoch: spec.producer_epoch,
            transaction_result: false,
            topics: vec![WritableTxnMarkerTopic {
                name: topic.into(),
                partition_indexes: vec![*partition],
            }],
            coordinator_epoch: spec.coordinator_epoch,
            ..Default::default()
        };
        let to = (leader, Lane::Shared);
        let request = WriteTxnMarkersRequest { markers: vec![marker] };
        let response = self.client.call(to, ANY, Duration::ZERO, |_| request).await?;
        let results = response.markers.iter().flat_map(|marker| &marker.topics);
        let Some(result) = results.flat_map(|topic| &topic.partitions).next() else {
            return Err(Error::new(ErrorKind::Protocol, what(), "the answer is empty"));
        };
        verdict(result.error_code, what, None)
    }

    async fn leader_of(
        &self,
        topic: &str,
        partition: i32,
        what: impl FnOnce() -> String,
    ) -> Result<BrokerId> {
        self.client.topic(topic, AutoCreate::No).await?;
        self.client.topology().leader_of(topic, partition, what)
    }
}
