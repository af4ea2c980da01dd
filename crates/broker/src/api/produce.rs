//! Produce (0), versions 3-13: appends batches.
//!
//! - v5: log start offset. v7: zstd. v8: errors per record, and messages.
//! - v10: the current leader, where this broker is not it. v13: topic ids (KIP-516).
//!
//! Budget: a batch is not copied between the socket and the page cache. The frame is decoded in
//! place; each batch is a slice of it, written with one call, behind a header of its own, under the
//! partition's lock by the connection's own task; what a request allocates besides its frame is
//! counted in `tests/tests/hot_path.rs`. The order of a connection's batches is fixed when
//! [`Begin::begin`] returns, so the next request is read while the disk sync of this one is under
//! way. Only where the transaction coordinator has to be waited for, it is fixed when that has
//! answered.
//! Kafka: `KafkaApis.handleProduceRequest`, `ReplicaManager.appendRecords`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use ottla_log::Verification;
use ottla_record::BATCH_OVERHEAD;
use ottla_types::{ErrorCode, Offset};
use ottla_wire::{
    Records, Str,
    messages::{ProduceRequest, ProduceResponse},
    produce_request::{PartitionProduceData, TopicProduceData},
    produce_response::{BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse},
};

mod transactional;

use super::{Begin, Context, Outcome};
use crate::{
    clock::now_ms,
    flusher::Gathering,
    net::connection::Begun,
    partition::{Appended, Partition, Producing, Refused, WaitFor},
    partitions::HostedTopic,
};

pub(super) struct Produce;

/// The first version in which zstd may be used.
const ZSTD_VERSION: i16 = 7;

/// A batch that is in the log and whose answer may have to wait.
struct Staged {
    topic: usize,
    partition: usize,
    log: Arc<Partition>,
    last_offset: Offset,
    wait_for: WaitFor,
}

impl Begin for Produce {
    type Request = ProduceRequest;

    fn begin(ctx: Context, request: ProduceRequest) -> Begun {
        let acks = request.acks;
        if !matches!(acks, -1..=1) {
            let response = refuse_all(&request, ErrorCode::InvalidRequiredAcks);
            let outcome = if acks == 0 { Outcome::Nothing } else { ctx.reply(&response) };
            return Begun::Answered(outcome);
        }
        let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
        let transactional_id = request.transactional_id.as_ref().map(Str::detached);
        let mut work = Work::new(request.topic_data);
        let producer = match work.producer(transactional_id.as_ref()) {
            Ok(producer) => producer,
            Err(refused) => {
                work.others = Err(Box::new(refused));
                None
            }
        };
        if let Some(producer) = producer
            && !work.admit_at_once(&ctx, &producer)
        {
            let outcome = async move {
                work.admit(&ctx, &producer).await;
                let (response, staged) = work.append(&ctx, acks);
                finish(&ctx, acks, &settle(response, staged, timeout).await)
            };
            return Begun::Pending { order_is_fixed: false, outcome: Box::pin(outcome) };
        }
        let (response, staged) = work.append(&ctx, acks);
        if staged.is_empty() {
            return Begun::Answered(finish(&ctx, acks, &response));
        }
        let outcome = async move {
            let response = settle(response, staged, timeout).await;
            finish(&ctx, acks, &response)
        };
        Begun::Pending { order_is_fixed: true, outcome: Box::pin(outcome) }
    }
}

/// The answer, or with acks=0 none: an error can then only be told by closing.
fn finish(ctx: &Context, acks: i16, response: &ProduceResponse) -> Outcome {
    if acks != 0 {
        return ctx.reply(response);
    }
    let failed = response.responses.iter().find_map(|topic| {
        let part = topic.partition_responses.iter().find(|part| part.error_code != 0)?;
        let code = ErrorCode::from_code(part.error_code);
        Some(format!("acks=0 Produce to {}-{} failed: {code}", topic.name, part.index))
    });
    failed.map_or(Outcome::Nothing, Outcome::Close)
}

/// What is known of a batch's transaction, if it has one, or why the batch is not appended.
type Admission = Result<Verification, Box<Refused>>;

/// What a request wants, and what of it may be done.
struct Work {
    topics: Vec<TopicProduceData>,
    /// By topic and partition, each as its place in the request.
    admissions: BTreeMap<(usize, usize), Admission>,
    /// That of all other batches.
    others: Admission,
}

impl Work {
    fn new(topics: Vec<TopicProduceData>) -> Self {
        Self { topics, admissions: BTreeMap::new(), others: Ok(Verification::None) }
    }

    /// Appends every batch. The response is complete for what need not wait.
    fn append(mut self, ctx: &Context, acks: i16) -> (ProduceResponse, Vec<Staged>) {
        let _syncs = Gathering::begin();
        let mut responses = Vec::with_capacity(self.topics.len());
        let mut staged = Vec::new();
        for (topic_place, topic) in self.topics.into_iter().enumerate() {
            if topic.partition_data.is_empty() {
                continue;
            }
            let hosted = resolve(ctx, &topic);
            let mut parts = Vec::with_capacity(topic.partition_data.len());
            for (place, batch) in topic.partition_data.iter().enumerate() {
                let index = batch.index;
                let admission = self.admissions.remove(&(topic_place, place));
                let admission = admission.unwrap_or_else(|| self.others.clone());
                let part = match append_one(ctx, hosted.as_ref(), acks, batch, admission) {
                    Ok((log, appended)) => {
                        if let Some(wait_for) = appended.wait_for {
                            staged.push(Staged {
                                topic: responses.len(),
                                partition: parts.len(),
                                log,
                                last_offset: appended.last_offset,
                                wait_for,
                            });
                        }
                        accepted(index, &appended)
                    }
                    Err(refused) => rejected(index, refused),
                };
                parts.push(part);
            }
            responses.push(TopicProduceResponse {
                name: topic.name,
                topic_id: topic.topic_id,
                partition_responses: parts,
            });
        }
        if !staged.is_empty() {
            // What waits does not keep the request's frame.
            for topic in &mut responses {
                topic.name = topic.name.detached();
            }
        }
        (ProduceResponse { responses, ..ProduceResponse::default() }, staged)
    }
}

fn resolve(ctx: &Context, topic: &TopicProduceData) -> Result<Arc<HostedTopic>, ErrorCode> {
    let partitions = &ctx.shared.partitions;
    let hosted = if ctx.version >= 13 {
        partitions.topic_by_id(topic.topic_id).ok_or(ErrorCode::UnknownTopicId)?
    } else {
        partitions.topic(&topic.name).ok_or(ErrorCode::UnknownTopicOrPartition)?
    };
    Ok(hosted)
}

fn append_one(
    ctx: &Context,
    hosted: Result<&Arc<HostedTopic>, &ErrorCode>,
    acks: i16,
    batch: &PartitionProduceData,
    admission: Admission,
) -> Result<(Arc<Partition>, Appended), Refused> {
    let verification = admission.map_err(|refused| *refused)?;
    let hosted = hosted.map_err(|code| Refused::from(*code))?;
    if hosted.name.is_internal() {
        let text = format!("Cannot append to internal topic {}", hosted.name);
        return Err(Refused::new(ErrorCode::InvalidTopicException, text));
    }
    let log = hosted.partition(batch.index)?;
    let Some(bytes) = bytes(batch).filter(|bytes| bytes.len() >= BATCH_OVERHEAD) else {
        let text = "No record batch was given for the partition";
        return Err(Refused::new(ErrorCode::InvalidRecord, text.to_owned()));
    };
    let allows_zstd = ctx.version >= ZSTD_VERSION;
    let settings = hosted.settings();
    let producing = Producing { acks, allows_zstd, verification };
    let appended = log.append(&settings, bytes.clone(), producing, now_ms())?;
    if !appended.is_duplicate {
        hosted.bytes_in.inc_by(u64::try_from(appended.size_bytes).unwrap_or(0));
        ctx.shared.metrics.records_in(appended.record_count);
        ctx.shared.journal.moved(&log);
    }
    Ok((log, appended))
}

/// What was sent for a partition.
fn bytes(batch: &PartitionProduceData) -> Option<&Bytes> {
    batch.records.as_ref().and_then(Records::bytes)
}

fn accepted(index: i32, appended: &Appended) -> PartitionProduceResponse {
    PartitionProduceResponse {
        index,
        base_offset: appended.base_offset.get(),
        log_append_time_ms: appended.log_append_time_ms,
        log_start_offset: appended.log_start_offset.get(),
        ..Default::default()
    }
}

fn rejected(index: i32, refused: Refused) -> PartitionProduceResponse {
    let record_errors = refused.record_errors.into_iter().map(|(batch_index, text)| {
        BatchIndexAndErrorMessage { batch_index, batch_index_error_message: Some(Str::from(text)) }
    });
    PartitionProduceResponse {
        index,
        error_code: refused.code.code(),
        base_offset: -1,
        log_start_offset: refused.log_start_offset.get(),
        record_errors: record_errors.collect(),
        error_message: refused.text.map(Str::from),
        ..Default::default()
    }
}

fn refuse_all(request: &ProduceRequest, code: ErrorCode) -> ProduceResponse {
    let responses = request.topic_data.iter().map(|topic| TopicProduceResponse {
        name: topic.name.clone(),
        topic_id: topic.topic_id,
        partition_responses: topic
            .partition_data
            .iter()
            .map(|part| rejected(part.index, Refused::from(code)))
            .collect(),
    });
    ProduceResponse { responses: responses.collect(), ..Default::default() }
}

/// Waits until every staged batch is safe, or says for which it is not.
async fn settle(
    mut response: ProduceResponse,
    staged: Vec<Staged>,
    timeout: Duration,
) -> ProduceResponse {
    if staged.is_empty() {
        return response;
    }
    let deadline = tokio::time::Instant::now() + timeout;
    // The last first: it is synced last, so mostly this wakes up once. Waiting one after the other
    // ends when all are safe: they are joined, not chained.
    for one in staged.into_iter().rev() {
        let safe =
            tokio::time::timeout_at(deadline, one.log.wait(one.last_offset, one.wait_for)).await;
        let code = match safe {
            Ok(Ok(())) => continue,
            Ok(Err(code)) => code,
            Err(_elapsed) => ErrorCode::RequestTimedOut,
        };
        let part = response
            .responses
            .get_mut(one.topic)
            .and_then(|topic| topic.partition_responses.get_mut(one.partition));
        if let Some(part) = part {
            *part = rejected(part.index, Refused::from(code));
        }
    }
    response
}
