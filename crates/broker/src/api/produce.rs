//! Produce (0), versions 3-13: appends batches.
//!
//! - v5: log start offset. v7: zstd. v8: errors per record, and messages.
//! - v10: the current leader, where this broker is not it. v13: topic ids (KIP-516).
//!
//! Budget: a batch is not copied between the socket and the page cache. The frame is decoded in
//! place, cut into one mutable slice per batch, stamped there and written with one call under the
//! partition's lock by the connection's own task; what a request allocates besides its frame is counted in
//! `tests/tests/hot_path.rs`. The order of a connection's batches is fixed when [`Api::begin`] returns, so
//! the next request is read while the disk sync of this one is under way. Only where the transaction
//! coordinator has to be waited for, it is fixed when that has answered.
//! Kafka: `KafkaApis.handleProduceRequest`, `ReplicaManager.appendRecords`.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use ottla_log::Verification;
use ottla_record::BATCH_OVERHEAD;
use ottla_types::{ErrorCode, Offset};
use ottla_wire::{
    DecodeError, Message as _, Reader, Records, Str,
    messages::{ProduceRequest, ProduceResponse},
    produce_request::TopicProduceData,
    produce_response::{BatchIndexAndErrorMessage, PartitionProduceResponse, TopicProduceResponse},
};

mod transactional;

use super::{Api, Context, Outcome};
use crate::{
    clock::now_ms,
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

impl Api for Produce {
    type Request = ProduceRequest;

    fn begin(ctx: Context, frame: Bytes, body: usize) -> Result<Begun, DecodeError> {
        let mut reader = Reader::new(frame.slice(body.min(frame.len())..));
        let request = ProduceRequest::decode(&mut reader, ctx.version)?;
        drop(reader);
        let acks = request.acks;
        if !matches!(acks, -1..=1) {
            let response = refuse_all(&request, ErrorCode::InvalidRequiredAcks);
            let outcome = if acks == 0 { Outcome::Nothing } else { ctx.reply(&response) };
            return Ok(Begun {
                order_is_fixed: true,
                outcome: Box::pin(std::future::ready(outcome)),
            });
        }
        let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
        let transactional_id = request.transactional_id.as_ref().map(Str::detached);
        let mut work = Work::cut(&ctx, request, frame);
        let producer = match work.producer(transactional_id.as_ref()) {
            Ok(producer) => producer,
            Err(refused) => {
                work.refuse_all(&refused);
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
            return Ok(Begun { order_is_fixed: false, outcome: Box::pin(outcome) });
        }
        let (response, staged) = work.append(&ctx, acks);
        let outcome = async move {
            let response = settle(response, staged, timeout).await;
            finish(&ctx, acks, &response)
        };
        Ok(Begun { order_is_fixed: true, outcome: Box::pin(outcome) })
    }

    async fn handle(_ctx: Context, _request: ProduceRequest) -> Outcome {
        // Everything happens in `begin`.
        Outcome::Nothing
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

/// What one partition of the request wants.
struct Batch {
    index: i32,
    bytes: Option<BytesMut>,
    /// What is known of its transaction, if it has one, or why it is not appended.
    admission: Result<Verification, Box<Refused>>,
}

/// A topic of the request: name, id, what is hosted under it, and its batches.
type TopicWork = (Str, ottla_types::Uuid, Result<Arc<HostedTopic>, ErrorCode>, Vec<Batch>);

/// A request taken apart: names resolved, batches as mutable slices of the frame.
struct Work {
    topics: Vec<TopicWork>,
}

impl Work {
    /// Takes the request apart. Nothing may refer to the frame when it becomes mutable, so names
    /// are copied (they are short) and the records remembered as ranges.
    fn cut(ctx: &Context, request: ProduceRequest, frame: Bytes) -> Self {
        let start = frame.as_ptr() as usize;
        let mut plan = Vec::with_capacity(request.topic_data.len());
        for topic in request.topic_data {
            let hosted = resolve(ctx, &topic);
            let name = Str::from(topic.name.as_str());
            let ranges: Vec<(i32, Option<(usize, usize)>)> = topic
                .partition_data
                .iter()
                .map(|part| {
                    let range = match &part.records {
                        Some(Records::Bytes(records)) => {
                            Some(((records.as_ptr() as usize).wrapping_sub(start), records.len()))
                        }
                        Some(Records::Deferred { .. }) | None => None,
                    };
                    (part.index, range)
                })
                .collect();
            plan.push((name, topic.topic_id, hosted, ranges));
        }
        let mut frame = frame.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        let mut taken = 0_usize;
        let topics = plan.into_iter().map(|(name, id, hosted, ranges)| {
            let batches = ranges.into_iter().map(|(index, range)| {
                let bytes = range.map(|(at, len)| {
                    // Records follow each other in the frame in the order of the request.
                    let skip = at.saturating_sub(taken).min(frame.len());
                    drop(frame.split_to(skip));
                    let bytes = frame.split_to(len.min(frame.len()));
                    taken = at.saturating_add(len);
                    bytes
                });
                Batch { index, bytes, admission: Ok(Verification::None) }
            });
            (name, id, hosted, batches.collect())
        });
        Self { topics: topics.collect() }
    }

    fn refuse_all(&mut self, refused: &Refused) {
        for batch in self.topics.iter_mut().flat_map(|topic| &mut topic.3) {
            batch.admission = Err(Box::new(refused.clone()));
        }
    }

    /// Appends every batch. The response is complete for what need not wait.
    fn append(self, ctx: &Context, acks: i16) -> (ProduceResponse, Vec<Staged>) {
        let mut response = ProduceResponse::default();
        let mut staged = Vec::new();
        let asked_for = self.topics.into_iter().filter(|topic| !topic.3.is_empty());
        for (name, topic_id, hosted, batches) in asked_for {
            let mut parts = Vec::with_capacity(batches.len());
            for batch in batches {
                let index = batch.index;
                let part = match append_one(ctx, hosted.as_ref(), acks, batch) {
                    Ok((log, appended)) => {
                        let part = accepted(index, &appended);
                        if let Some(wait_for) = appended.wait_for {
                            let (topic, partition) = (response.responses.len(), parts.len());
                            staged.push(Staged {
                                topic,
                                partition,
                                log,
                                last_offset: appended.last_offset,
                                wait_for,
                            });
                        }
                        part
                    }
                    Err(refused) => rejected(index, refused),
                };
                parts.push(part);
            }
            response.responses.push(TopicProduceResponse {
                name,
                topic_id,
                partition_responses: parts,
            });
        }
        (response, staged)
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
    batch: Batch,
) -> Result<(Arc<Partition>, Appended), Refused> {
    let verification = batch.admission.map_err(|refused| *refused)?;
    let hosted = hosted.map_err(|code| Refused::from(*code))?;
    if hosted.name.is_internal() {
        let text = format!("Cannot append to internal topic {}", hosted.name);
        return Err(Refused::new(ErrorCode::InvalidTopicException, text));
    }
    let log = hosted.partition(batch.index)?;
    let Some(mut bytes) = batch.bytes.filter(|bytes| bytes.len() >= BATCH_OVERHEAD) else {
        let text = "No record batch was given for the partition";
        return Err(Refused::new(ErrorCode::InvalidRecord, text.to_owned()));
    };
    let allows_zstd = ctx.version >= ZSTD_VERSION;
    let settings = hosted.settings();
    let producing = Producing { acks, allows_zstd, verification };
    let appended = log.append(&settings, &mut bytes, producing, now_ms())?;
    if !appended.is_duplicate {
        hosted.bytes_in.inc_by(u64::try_from(bytes.len()).unwrap_or(0));
        ctx.shared.metrics.records_in(appended.record_count);
        ctx.shared.journal.moved(&log);
    }
    Ok((log, appended))
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
    for one in staged {
        // Waiting one after the other ends when the last one is safe: they are joined, not chained.
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
