//! Fetch (1), versions 4-18: reads record batches, waiting for them if asked to.
//!
//! - v5: log start offset. v7: incremental sessions (KIP-227). v9: current leader epoch (KIP-320).
//! - v12: last fetched epoch and diverging epochs (KIP-595). v13: topic ids (KIP-516).
//! - v15: replica state. v16: node endpoints (KIP-951). v18: the replica's high watermark.
//!
//! Budget: records go from the page cache to the socket by `sendfile`, or by one read where they are few
//! (`net/rope.rs`); a response allocates for its structure only, as often as `tests/tests/hot_path.rs` says. A long poll is one waiter per partition and one timer, and costs nothing while
//! it waits. Kafka: `KafkaApis.handleFetchRequest`, `DelayedFetch`.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use ottla_log::FileRange;
use ottla_types::{ErrorCode, LeaderEpoch, Offset};
use ottla_wire::{
    Records,
    fetch_response::{
        AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
    },
    messages::{FetchRequest, FetchResponse},
};
use tokio::{sync::Notify, time::Instant};

use super::{Api, Context, Outcome};
use crate::{
    clock::now_ms,
    fetch_sessions::{
        FetchItem, Opened, PartitionKey, SessionItem, SessionRequest, SharedSession, Told,
    },
    partition::{Isolation, Partition},
};

pub(super) struct Fetch;

/// The first version that names topics by id.
const TOPIC_IDS_VERSION: i16 = 13;

/// Partitions of one response that have records: each keeps a file open until it is sent.
const FILES_MAX: usize = 512;

/// The first version that says who leads where this broker does not.
const LEADER_HINT_VERSION: i16 = 16;

impl Api for Fetch {
    type Request = FetchRequest;

    async fn handle(ctx: Context, request: FetchRequest) -> Outcome {
        let items = items(&request);
        let forgotten: Vec<PartitionKey> = request
            .forgotten_topics_data
            .iter()
            .flat_map(|topic| {
                topic.partitions.iter().map(|p| (topic.topic.clone(), topic.topic_id, *p))
            })
            .collect();
        let opened = ctx.shared.fetch_sessions.open(
            &SessionRequest {
                session_id: request.session_id,
                session_epoch: request.session_epoch,
                uses_topic_ids: ctx.version >= TOPIC_IDS_VERSION,
                items: &items,
                forgotten: &forgotten,
            },
            now_ms(),
        );
        match opened {
            Ok(opened) => serve(ctx, request, items, opened).await,
            Err(code) => {
                ctx.reply(&FetchResponse { error_code: code.code(), ..FetchResponse::default() })
            }
        }
    }
}

/// What is asked for. A partition asked for twice counts once, as it was asked for last.
fn items(request: &FetchRequest) -> Vec<FetchItem> {
    let mut items: Vec<FetchItem> = Vec::new();
    let mut places = HashMap::new();
    let topics = request.topics.iter();
    let all = topics.flat_map(|topic| {
        topic.partitions.iter().map(|part| FetchItem {
            topic: topic.topic.clone(),
            topic_id: topic.topic_id,
            partition: part.partition,
            fetch_offset: part.fetch_offset,
            current_leader_epoch: part.current_leader_epoch,
            last_fetched_epoch: part.last_fetched_epoch,
            max_bytes: part.partition_max_bytes,
        })
    });
    for item in all {
        let place = *places.entry(item.key()).or_insert(items.len());
        match items.get_mut(place) {
            Some(known) => *known = item,
            None => items.push(item),
        }
    }
    items
}

async fn serve(
    ctx: Context,
    request: FetchRequest,
    items: Vec<FetchItem>,
    opened: Opened,
) -> Outcome {
    let (session_id, session, is_incremental) = match opened {
        Opened::Sessionless => (0, None, false),
        Opened::Full(id, session) => (id, Some(session), false),
        Opened::Incremental(id, session) => (id, Some(session), true),
    };
    let wanted: Vec<SessionItem> = match &session {
        Some(session) => session.lock().unwrap_or_else(PoisonError::into_inner).items.clone(),
        None => items.into_iter().map(|item| SessionItem { item, told: Told::NOTHING }).collect(),
    };
    let reads = wait_for_records(&ctx, &request, &wanted).await;
    let (response, files) =
        respond(&ctx, wanted, reads, &Shape { session, is_incremental, session_id });
    ctx.reply_with_files(&response, files)
}

/// What was found for one partition.
struct Found {
    /// There is no such partition. Kafka answers these after all others.
    is_missing: bool,
    data: PartitionData,
    range: Option<FileRange>,
}

impl Found {
    fn bytes(&self) -> usize {
        self.range.as_ref().map_or(0, |range| range.length)
    }

    /// Whether the client must hear of this now, records or not.
    fn is_urgent(&self) -> bool {
        self.data.error_code != 0 || self.data.diverging_epoch != EpochEndOffset::default()
    }
}

/// Reads everything wanted; if that is less than the client's minimum, again whenever a partition
/// moves, until the client's time is over.
async fn wait_for_records(
    ctx: &Context,
    request: &FetchRequest,
    wanted: &[SessionItem],
) -> Vec<Found> {
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let min_bytes = usize::try_from(request.min_bytes).unwrap_or(0);
    let partitions: Vec<Result<Arc<Partition>, ErrorCode>> =
        wanted.iter().map(|wanted| locate(ctx, &wanted.item)).collect();
    let first = read_all(ctx, request, wanted, &partitions);
    if is_enough(&first, min_bytes) || wait.is_zero() || wanted.is_empty() {
        return first;
    }
    drop(first);
    let deadline = Instant::now() + wait;
    let notify = Arc::new(Notify::new());
    let _waiting: Vec<_> = partitions
        .iter()
        .filter_map(|partition| partition.as_ref().ok())
        .map(|partition| partition.waiters.register(&notify))
        .collect();
    loop {
        let found = read_all(ctx, request, wanted, &partitions);
        if is_enough(&found, min_bytes) || Instant::now() >= deadline {
            return found;
        }
        drop(found);
        tokio::select! {
            biased;
            // Long polls must not hold up a stop.
            () = ctx.shared.stopping.wait() => {
                return read_all(ctx, request, wanted, &partitions);
            }
            () = notify.notified() => {}
            () = tokio::time::sleep_until(deadline) => {}
        }
    }
}

fn is_enough(found: &[Found], min_bytes: usize) -> bool {
    found.iter().any(Found::is_urgent) || found.iter().map(Found::bytes).sum::<usize>() >= min_bytes
}

fn locate(ctx: &Context, item: &FetchItem) -> Result<Arc<Partition>, ErrorCode> {
    let partitions = &ctx.shared.partitions;
    let topic = if ctx.version >= TOPIC_IDS_VERSION {
        partitions.topic_by_id(item.topic_id).ok_or(ErrorCode::UnknownTopicId)?
    } else {
        partitions.topic(&item.topic).ok_or(ErrorCode::UnknownTopicOrPartition)?
    };
    topic.partition(item.partition)
}

fn read_all(
    ctx: &Context,
    request: &FetchRequest,
    wanted: &[SessionItem],
    partitions: &[Result<Arc<Partition>, ErrorCode>],
) -> Vec<Found> {
    let limit = usize::try_from(request.max_bytes).unwrap_or(0);
    let mut left = limit.min(ctx.shared.limits.fetch_bytes_max);
    let (mut at_least_one, mut files) = (true, 0);
    let isolation = Isolation::from(request.isolation_level);
    let replica_id = request.replica_id.max(request.replica_state.replica_id);
    wanted
        .iter()
        .zip(partitions)
        .map(|(wanted, partition)| {
            let item = &wanted.item;
            let found = partition
                .as_ref()
                .map_err(|code| *code)
                .and_then(|partition| {
                    if replica_id >= 0 {
                        // Nobody follows this broker.
                        return Err(ErrorCode::NotLeaderOrFollower);
                    }
                    read_one(partition, item, (left, at_least_one), isolation)
                })
                .unwrap_or_else(|code| failed(ctx, item.partition, code, partition.as_ref().ok()));
            left = left.saturating_sub(found.bytes());
            at_least_one &= found.bytes() == 0;
            files += usize::from(found.range.is_some());
            if files >= FILES_MAX {
                left = 0;
            }
            found
        })
        .collect()
}

fn read_one(
    partition: &Arc<Partition>,
    item: &FetchItem,
    (left, at_least_one): (usize, bool),
    isolation: Isolation,
) -> Result<Found, ErrorCode> {
    partition.check_leader_epoch(item.current_leader_epoch)?;
    let mut data = PartitionData { partition_index: item.partition, ..PartitionData::default() };
    if let Some(diverging) = diverging(partition, item)? {
        data.diverging_epoch = diverging;
        data.high_watermark = partition.high_watermark().get();
        data.last_stable_offset = partition.last_stable_offset().get();
        data.log_start_offset = partition.log_start_offset().get();
        data.aborted_transactions = None;
        data.records = Some(Records::default());
        return Ok(Found { is_missing: false, data, range: None });
    }
    let max_bytes = usize::try_from(item.max_bytes).unwrap_or(0).min(left);
    let read = partition.read(Offset(item.fetch_offset), max_bytes, at_least_one, isolation)?;
    data.high_watermark = read.high_watermark.get();
    data.last_stable_offset = read.last_stable_offset.get();
    data.log_start_offset = read.log_start_offset.get();
    data.aborted_transactions = read.aborted.map(|aborted| {
        let aborted = aborted.iter().map(|aborted| AbortedTransaction {
            producer_id: aborted.producer_id.get(),
            first_offset: aborted.first_offset.get(),
        });
        aborted.collect()
    });
    Ok(Found { is_missing: false, data, range: read.range })
}

/// Whether the client's log history leaves ours before its fetch offset, and where.
fn diverging(partition: &Partition, item: &FetchItem) -> Result<Option<EpochEndOffset>, ErrorCode> {
    if item.last_fetched_epoch < 0 {
        return Ok(None);
    }
    let believed = LeaderEpoch(item.last_fetched_epoch);
    let end = partition.with_log(|log| log.epoch_end_offset(believed));
    let (epoch, end_offset) = end.ok_or(ErrorCode::OffsetOutOfRange)?;
    let diverges = epoch < believed || end_offset.get() < item.fetch_offset;
    Ok(diverges.then_some(EpochEndOffset { epoch: epoch.get(), end_offset: end_offset.get() }))
}

fn failed(
    ctx: &Context,
    partition_index: i32,
    code: ErrorCode,
    partition: Option<&Arc<Partition>>,
) -> Found {
    let mut data = PartitionData {
        partition_index,
        error_code: code.code(),
        high_watermark: -1,
        records: Some(Records::default()),
        ..PartitionData::default()
    };
    let is_missing = partition.is_none() && code != ErrorCode::KafkaStorageError;
    if !is_missing {
        data.aborted_transactions = None;
    }
    let is_about_leaders =
        matches!(code, ErrorCode::FencedLeaderEpoch | ErrorCode::NotLeaderOrFollower);
    if let (true, true, Some(partition)) =
        (ctx.version >= LEADER_HINT_VERSION, is_about_leaders, partition)
    {
        data.current_leader = LeaderIdAndEpoch {
            leader_id: ctx.shared.broker_id.get(),
            leader_epoch: partition.leader_epoch().get(),
        };
    }
    Found { is_missing, data, range: None }
}

/// How the answer is to look.
struct Shape {
    session: Option<SharedSession>,
    is_incremental: bool,
    session_id: i32,
}

/// Builds the response; a session is told what its client now knows.
fn respond(
    ctx: &Context,
    mut wanted: Vec<SessionItem>,
    found: Vec<Found>,
    shape: &Shape,
) -> (FetchResponse, Vec<FileRange>) {
    let mut response = FetchResponse { session_id: shape.session_id, ..FetchResponse::default() };
    let mut files = Vec::new();
    let got_records: Vec<bool> = found.iter().map(|found| found.bytes() > 0).collect();
    let mut pairs: Vec<(&mut SessionItem, Found)> = wanted.iter_mut().zip(found).collect();
    pairs.sort_by_key(|(_, found)| found.is_missing);
    for (wanted, mut found) in pairs {
        let told = Told {
            high_watermark: found.data.high_watermark,
            last_stable_offset: found.data.last_stable_offset,
            log_start_offset: found.data.log_start_offset,
        };
        let is_news = found.bytes() > 0 || found.is_urgent() || told != wanted.told;
        // An error is told again next time, until it is gone.
        wanted.told = if found.data.error_code == 0 { told } else { Told::NOTHING };
        if shape.is_incremental && !is_news {
            continue;
        }
        if let Some(range) = found.range.take() {
            found.data.records = Some(Records::Deferred { len: range.length, slot: files.len() });
            files.push(range);
        } else if found.data.records.is_none() {
            found.data.records = Some(Records::default());
        }
        push(&mut response, ctx, &wanted.item, found.data);
    }
    if let Some(session) = &shape.session {
        remember(session, wanted, &got_records);
    }
    (response, files)
}

fn push(response: &mut FetchResponse, ctx: &Context, item: &FetchItem, data: PartitionData) {
    let by_id = ctx.version >= TOPIC_IDS_VERSION;
    let is_same = response.responses.last().is_some_and(|last| {
        if by_id { last.topic_id == item.topic_id } else { last.topic == item.topic }
    });
    match response.responses.last_mut().filter(|_| is_same) {
        Some(last) => last.partitions.push(data),
        None => response.responses.push(FetchableTopicResponse {
            topic: item.topic.clone(),
            topic_id: item.topic_id,
            partitions: vec![data],
        }),
    }
}

/// Stores what was told. Partitions that got records go to the end of the session, so that the
/// others come first when the next response is full.
fn remember(session: &SharedSession, wanted: Vec<SessionItem>, got_records: &[bool]) {
    let mut items = Vec::with_capacity(wanted.len());
    let mut served = Vec::new();
    for (item, got_records) in wanted.into_iter().zip(got_records) {
        if *got_records { served.push(item) } else { items.push(item) }
    }
    items.append(&mut served);
    session.lock().unwrap_or_else(PoisonError::into_inner).items = items;
}
