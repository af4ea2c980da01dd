//! A producer whose records, and a group's offsets with them, count together or not at all.
//!
//! Needs brokers with transactions of version 2 (Kafka 4.0, Ottla): partitions become part of the
//! transaction with the first record, and each end gives the producer a new epoch, so that what is
//! late belongs to no later transaction. Invariants: within a transaction nothing is sent before
//! [`TransactionalProducer::begin`] and after its end; after a failure only an abort is possible;
//! a producer in whose place another came never writes again.
//! Kafka: `KafkaProducer` with `transactional.id`, `TransactionManager`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ottla_types::{ErrorCode, ProducerId};
use ottla_wire::{
    Request,
    messages::{
        EndTxnRequest, InitProducerIdRequest, InitProducerIdResponse, TxnOffsetCommitRequest,
    },
    txn_offset_commit_request::{TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic},
};

use crate::{
    Client, CommittedOffset, Delivered, Delivery, Error, ErrorKind, Producer, ProducerConfig,
    Record, Result,
    client::{Coordinates, Lane},
};

/// The first version of EndTxn that gives a new epoch.
const END_TXN_MIN: i16 = 5;
/// TxnOffsetCommit: from 5 on the group becomes part of the transaction by itself; 6 has topic ids.
const TXN_OFFSET_COMMIT: std::ops::RangeInclusive<i16> = 5..=5;

/// Who reads: what a group's member is called, for its offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMembership {
    /// The group.
    pub group_id: String,
    /// Which of its generations; −1 for somebody outside of the group.
    pub generation_id: i32,
    /// The member; empty for somebody outside of the group.
    pub member_id: String,
    /// The id that the member brought, if it is a static member.
    pub group_instance_id: Option<String>,
}

/// What may be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Open,
    /// Something failed: the transaction can only be aborted.
    Failed,
    /// Another producer has the transactional id, or it is not known how the last one ended.
    Over,
}

/// Writes records in transactions.
#[derive(Debug)]
pub struct TransactionalProducer {
    client: Client,
    producer: Producer,
    transactional_id: Arc<str>,
    identity: (ProducerId, i16),
    phase: Phase,
    /// Whether the coordinator may know of the transaction.
    has_begun: bool,
}

impl TransactionalProducer {
    /// Takes over a transactional id: whoever had it before is fenced, and what that one left open
    /// is aborted. `timeout` is how long a transaction may take.
    pub(crate) async fn start(
        client: Client,
        transactional_id: &str,
        timeout: Duration,
        config: ProducerConfig,
    ) -> Result<Self> {
        let identity = take_over(&client, transactional_id, timeout).await?;
        let transactional_id: Arc<str> = transactional_id.into();
        let producer = Producer::transactional(client.clone(), config, transactional_id.clone());
        producer.identify(identity);
        let (phase, has_begun) = (Phase::Idle, false);
        Ok(Self { client, producer, transactional_id, identity, phase, has_begun })
    }

    /// Begins a transaction. The cluster hears of it with the first record.
    pub fn begin(&mut self) -> Result<()> {
        self.expect(&[Phase::Idle], "begin a transaction")?;
        self.phase = Phase::Open;
        self.has_begun = false;
        Ok(())
    }

    /// Writes a record and waits until it is written. It counts with the transaction.
    pub async fn send(&mut self, record: Record) -> Result<Delivered> {
        self.enqueue(record).await?.wait().await
    }

    /// Takes a record and returns at once with a [`Delivery`] to wait for. See
    /// [`Producer::enqueue`].
    pub async fn enqueue(&mut self, record: Record) -> Result<Delivery> {
        self.expect(&[Phase::Open], "produce")?;
        self.has_begun = true;
        self.producer.enqueue(record).await
    }

    /// Commits offsets of a group with the transaction: the next ones to read, by partition.
    pub async fn send_offsets(
        &mut self,
        group: &GroupMembership,
        offsets: &BTreeMap<(Arc<str>, i32), CommittedOffset>,
    ) -> Result<()> {
        self.expect(&[Phase::Open], "commit offsets")?;
        self.has_begun = true;
        let done = self.commit_offsets(group, offsets).await;
        if let Err(error) = &done {
            self.fail(error);
        }
        done
    }

    /// Commits the transaction: everything counts once this returns.
    pub async fn commit(&mut self) -> Result<()> {
        self.expect(&[Phase::Open], "commit the transaction")?;
        let written = self.producer.flush().await;
        let written = written.and_then(|()| self.producer.take_failure().map_or(Ok(()), Err));
        if let Err(error) = &written {
            self.fail(error);
            return written;
        }
        self.end(true).await
    }

    /// Aborts the transaction: nothing counts. Also the way out after a failure.
    pub async fn abort(&mut self) -> Result<()> {
        self.expect(&[Phase::Open, Phase::Failed], "abort the transaction")?;
        self.producer.discard().await;
        self.end(false).await
    }

    /// Aborts what is open, and stops.
    pub async fn close(mut self) -> Result<()> {
        if matches!(self.phase, Phase::Open | Phase::Failed) {
            self.abort().await?;
        }
        self.producer.close().await
    }

    fn expect(&self, phases: &[Phase], what: &str) -> Result<()> {
        if phases.contains(&self.phase) {
            return Ok(());
        }
        let why = match self.phase {
            Phase::Idle => "no transaction has begun",
            Phase::Open => "a transaction is open",
            Phase::Failed => "something in the transaction failed: it can only be aborted",
            Phase::Over => "the producer has lost its transactional id",
        };
        Err(Error::new(ErrorKind::Conflict, format!("cannot {what}"), why))
    }

    fn fail(&mut self, error: &Error) {
        let is_fenced = matches!(
            error.code(),
            Some(
                ErrorCode::ProducerFenced
                    | ErrorCode::InvalidProducerEpoch
                    | ErrorCode::InvalidProducerIdMapping
                    | ErrorCode::TransactionalIdAuthorizationFailed
            )
        );
        self.phase = if is_fenced { Phase::Over } else { Phase::Failed };
    }

    async fn end(&mut self, committed: bool) -> Result<()> {
        if !self.has_begun {
            self.phase = Phase::Idle;
            return Ok(());
        }
        let (producer_id, producer_epoch) = self.identity;
        let transactional_id = &*self.transactional_id;
        let what = || {
            let verb = if committed { "commit" } else { "abort" };
            format!("cannot {verb} the transaction of {transactional_id}")
        };
        let request = || EndTxnRequest {
            transactional_id: transactional_id.into(),
            producer_id: producer_id.get(),
            producer_epoch,
            committed,
        };
        let ended =
            ask(&self.client, transactional_id, END_TXN_MIN..=i16::MAX, request, |response| {
                verdict(response.error_code, what())
            })
            .await;
        match ended {
            Ok(response) => {
                self.identity = (ProducerId(response.producer_id), response.producer_epoch);
                self.producer.identify(self.identity);
                self.phase = Phase::Idle;
                Ok(())
            }
            Err(error) => {
                self.fail(&error);
                if !committed {
                    // There is no other way to end it.
                    self.phase = Phase::Over;
                }
                Err(error)
            }
        }
    }

    async fn commit_offsets(
        &self,
        group: &GroupMembership,
        offsets: &BTreeMap<(Arc<str>, i32), CommittedOffset>,
    ) -> Result<()> {
        let mut topics: Vec<TxnOffsetCommitRequestTopic> = Vec::new();
        for ((name, partition), committed) in offsets {
            let item = TxnOffsetCommitRequestPartition {
                partition_index: *partition,
                committed_offset: committed.offset.get(),
                committed_leader_epoch: committed.leader_epoch.get(),
                committed_metadata: Some((&committed.metadata).into()),
            };
            match topics.last_mut().filter(|topic| topic.name == **name) {
                Some(topic) => topic.partitions.push(item),
                None => topics.push(TxnOffsetCommitRequestTopic {
                    name: (&**name).into(),
                    partitions: vec![item],
                    ..Default::default()
                }),
            }
        }
        let request = TxnOffsetCommitRequest {
            transactional_id: (&*self.transactional_id).into(),
            group_id: (&group.group_id).into(),
            producer_id: self.identity.0.get(),
            producer_epoch: self.identity.1,
            generation_id_or_member_epoch: group.generation_id,
            member_id: (&group.member_id).into(),
            group_instance_id: group.group_instance_id.as_ref().map(Into::into),
            topics,
        };
        let mut backoff = self.client.backoff();
        loop {
            let attempt = async {
                let coordinator = self.client.find_coordinator(&group.group_id).await?;
                let to = (coordinator, Lane::Shared);
                let build = |_| request.clone();
                let response =
                    self.client.call(to, TXN_OFFSET_COMMIT, Duration::ZERO, build).await?;
                for topic in &response.topics {
                    for it in &topic.partitions {
                        let (name, partition) = (&topic.name, it.partition_index);
                        let group_id = &group.group_id;
                        let what = format!("cannot commit {name}-{partition} for group {group_id}");
                        verdict(it.error_code, what)?;
                    }
                }
                Ok::<(), Error>(())
            };
            match attempt.await {
                Err(error) if error.is_retriable() => backoff.pause(error).await?,
                done => return done,
            }
        }
    }
}

/// Takes over a transactional id: fences its producer and aborts what that has open.
pub(crate) async fn take_over(
    client: &Client,
    transactional_id: &str,
    timeout: Duration,
) -> Result<(ProducerId, i16)> {
    let what = || format!("cannot take over transactional id {transactional_id}");
    let request = || InitProducerIdRequest {
        transactional_id: Some(transactional_id.into()),
        transaction_timeout_ms: i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX),
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    let judge = |response: &InitProducerIdResponse| verdict(response.error_code, what());
    let response = ask(client, transactional_id, 0..=i16::MAX, request, judge).await?;
    Ok((ProducerId(response.producer_id), response.producer_epoch))
}

fn verdict(code: i16, what: String) -> Result<()> {
    match ErrorCode::from_code(code) {
        ErrorCode::None => Ok(()),
        code => Err(Error::broker(code, what, None)),
    }
}

/// Asks the coordinator of a transactional id, again while the failure may pass.
async fn ask<R: Request>(
    client: &Client,
    transactional_id: &str,
    versions: std::ops::RangeInclusive<i16>,
    build: impl Fn() -> R,
    judge: impl Fn(&R::Response) -> Result<()>,
) -> Result<R::Response> {
    let mut backoff = client.backoff();
    loop {
        let attempt = async {
            let found = client.find_coordinator_of(transactional_id, Coordinates::Transaction);
            let to = (found.await?, Lane::Shared);
            let response = client.call(to, versions.clone(), Duration::ZERO, |_| build()).await?;
            judge(&response).map(|()| response)
        };
        match attempt.await {
            Err(error) if error.is_retriable() => backoff.pause(error).await?,
            done => return done,
        }
    }
}
