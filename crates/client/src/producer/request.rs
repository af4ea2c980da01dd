//! One Produce request: written in order, its answers read wherever they come.
//!
//! Kafka: `Sender.sendProduceRequest`, `Sender.handleProduceResponse`.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use ottla_types::{BrokerId, ErrorCode, ProducerId, Uuid};
use ottla_wire::{
    Records,
    messages::{ProduceRequest, ProduceResponse},
    produce_request::{PartitionProduceData, TopicProduceData},
};
use tokio::sync::mpsc;

use super::{
    Acks, Shared,
    batch::{Batch, Placed},
    sender::Event,
};
use crate::{Error, ErrorKind, Result, connection::Connection};

/// The first version that names topics by id.
const FIRST_WITH_IDS: i16 = 13;

/// The first version with which partitions become part of a transaction by themselves.
const FIRST_THAT_ADDS: i16 = 12;

/// What became of one batch of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    Written(Placed),
    Failed(Error),
}

/// Writes the request and leaves a task behind that reports its answers.
pub(crate) async fn send(
    shared: &Arc<Shared>,
    (broker, connection): (BrokerId, Connection),
    mut batches: Vec<Batch>,
    (producer_id, producer_epoch): (ProducerId, i16),
    report: mpsc::Sender<Event>,
) {
    let frames: Vec<Bytes> =
        batches.iter_mut().map(|it| it.stamped(producer_id, producer_epoch)).collect();
    let sent = write(shared, &connection, &batches, frames).await;
    let receipt = match sent {
        Ok(Some(receipt)) => receipt,
        Ok(None) => {
            let placed = Placed { base_offset: -1, log_append_time: -1 };
            let answers = batches.into_iter().map(|batch| (batch, Answer::Written(placed)));
            let answers = answers.collect();
            tokio::spawn(async move {
                drop(report.send(Event::Answered { broker, answers }).await);
            });
            return;
        }
        Err(error) => {
            let fail = |batch| (batch, Answer::Failed(error.clone()));
            let answers = batches.into_iter().map(fail).collect();
            tokio::spawn(async move {
                drop(report.send(Event::Answered { broker, answers }).await);
            });
            return;
        }
    };
    let client = shared.client.clone();
    tokio::spawn(async move {
        let response = receipt.response(Duration::ZERO).await;
        let topology = client.topology();
        let answers = batches.into_iter().map(|batch| {
            let topic_id =
                topology.topics.get(&batch.key.0).map_or(Uuid::ZERO, |topic| topic.topic_id);
            let answer = match &response {
                Ok(response) => answer_of(&batch, topic_id, response),
                Err(error) => Answer::Failed(error.clone()),
            };
            (batch, answer)
        });
        let answers = answers.collect();
        drop(report.send(Event::Answered { broker, answers }).await);
    });
}

type Receipt = crate::connection::Receipt<ProduceRequest>;

async fn write(
    shared: &Shared,
    connection: &Connection,
    batches: &[Batch],
    frames: Vec<Bytes>,
) -> Result<Option<Receipt>> {
    let topology = shared.client.topology();
    let id_of = |name: &str| topology.topics.get(name).map_or(Uuid::ZERO, |it| it.topic_id);
    let has_ids = batches.iter().all(|batch| !id_of(&batch.key.0).is_zero());
    let newest = if has_ids { i16::MAX } else { FIRST_WITH_IDS - 1 };
    let oldest = if shared.transactional_id.is_some() { FIRST_THAT_ADDS } else { 3 };
    let version = connection.version_of::<ProduceRequest>(oldest..=newest)?;
    let mut topic_data: Vec<TopicProduceData> = Vec::new();
    for (batch, frame) in batches.iter().zip(frames) {
        let name = &*batch.key.0;
        let data =
            PartitionProduceData { index: batch.key.1, records: Some(Records::Bytes(frame)) };
        match topic_data.iter_mut().find(|topic| topic.name == *name) {
            Some(topic) => topic.partition_data.push(data),
            None => topic_data.push(TopicProduceData {
                name: name.into(),
                topic_id: id_of(name),
                partition_data: vec![data],
            }),
        }
    }
    let acks = match shared.config.acks {
        Acks::All => -1,
        Acks::Leader => 1,
        Acks::None => 0,
    };
    let request = ProduceRequest {
        transactional_id: shared.transactional_id.as_deref().map(Into::into),
        acks,
        timeout_ms: shared.client.broker_timeout_ms(),
        topic_data,
    };
    if shared.config.acks == Acks::None {
        connection.send_only(version, &request).await?;
        return Ok(None);
    }
    connection.send(version, &request).await.map(Some)
}

fn answer_of(batch: &Batch, topic_id: Uuid, response: &ProduceResponse) -> Answer {
    let (name, partition) = (&*batch.key.0, batch.key.1);
    let what = || format!("cannot produce to {name}-{partition}");
    let partitions = response
        .responses
        .iter()
        .filter(|topic| topic.name == *name || (!topic_id.is_zero() && topic.topic_id == topic_id));
    let found = partitions.flat_map(|it| &it.partition_responses).find(|it| it.index == partition);
    let Some(found) = found else {
        let why = "the broker's answer leaves the partition out";
        return Answer::Failed(Error::new(ErrorKind::Protocol, what(), why));
    };
    match ErrorCode::from_code(found.error_code) {
        ErrorCode::None | ErrorCode::DuplicateSequenceNumber => Answer::Written(Placed {
            base_offset: found.base_offset,
            log_append_time: found.log_append_time_ms,
        }),
        code => {
            let first = found.record_errors.first();
            let detail = first
                .and_then(|it| it.batch_index_error_message.as_deref())
                .or(found.error_message.as_deref());
            Answer::Failed(Error::broker(code, what(), detail))
        }
    }
}
