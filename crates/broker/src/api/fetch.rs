//! Fetch (1), versions 4-18: reads record batches, waiting for them if asked to.
//!
//! - v5: log start offset. v7: incremental sessions (KIP-227). v9: current leader epoch (KIP-320).
//! - v12: last fetched epoch and diverging epochs (KIP-595). v13: topic ids (KIP-516).
//! - v15: replica state. v16: node endpoints (KIP-951). v18: the replica's high watermark.
//!
//! Budget: records go from the page cache to the socket by `sendfile`, or by one read where they
//! are few (`net/rope.rs`); a response allocates for its structure only, as often as
//! `tests/tests/hot_path.rs` says. A long poll is one waiter per partition and one timer, and costs
//! nothing while it waits. Kafka: `KafkaApis.handleFetchRequest`, `DelayedFetch`.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use ottla_log::{Ahead, FileRange};
use ottla_types::{ErrorCode, LeaderEpoch, Offset};
use ottla_wire::{
    Records,
    fetch_response::{
        AbortedTransaction, EpochEndOffset, FetchableTopicResponse, LeaderIdAndEpoch, PartitionData,
    },
    messages::{FetchRequest, FetchResponse},
};
use tokio::{sync::Notify, time::Instant};

use super::{Begin, Context, Outcome};
use crate::{
    background,
    clock::now_ms,
    fetch_sessions::{
        FetchItem, Opened, PartitionKey, SessionItem, SessionRequest, SharedSession, Told,
    },
    net::connection::Begun,
    partition::{Asking, Isolation, Partition},
};

pub(super) struct Fetch;

/// The first version that names topics by id.
const TOPIC_IDS_VERSION: i16 = 13;

/// Partitions of one response that have records: each keeps a file open until it is sent.
const FILES_MAX: usize = 512;

/// The first version that says who leads where this broker does not.
const LEADER_HINT_VERSION: i16 = 16;

impl Begin for Fetch {
    type Request = FetchRequest;

    fn begin(ctx: Context, request: FetchRequest) -> Begun {
        let fetching = match Fetching::open(ctx, request) {
            Ok(fetching) => fetching,
            Err(refused) => return Begun::Answered(refused),
        };
        // What was asked for before this is answered before this is looked at.
        if !fetching.ctx.is_behind_others
            && let Some(found) = fetching.read_enough(fetching.partitions(), fetching.came_ms)
        {
            return Begun::Answered(fetching.respond(found));
        }
        let outcome = async move {
            let found = fetching.wait_for_records().await;
            fetching.respond(found)
        };
        Begun::Pending { order_is_fixed: false, outcome: Box::pin(outcome) }
    }
}

/// What is asked for. A partition asked for twice counts once, as it was asked for last.
fn items(request: &FetchRequest) -> Vec<SessionItem> {
    let topics = request.topics.iter();
    let all = topics.flat_map(|topic| {
        topic.partitions.iter().map(|part| SessionItem {
            item: FetchItem {
                topic: topic.topic.clone(),
                topic_id: topic.topic_id,
                partition: part.partition,
                fetch_offset: part.fetch_offset,
                current_leader_epoch: part.current_leader_epoch,
                last_fetched_epoch: part.last_fetched_epoch,
                max_bytes: part.partition_max_bytes,
            },
            told: Told::NOTHING,
        })
    });
    let all: Vec<SessionItem> = all.collect();
    if all.len() > 1 { once_each(all) } else { all }
}

fn once_each(all: Vec<SessionItem>) -> Vec<SessionItem> {
    let mut places = HashMap::with_capacity(all.len());
    let mut items: Vec<SessionItem> = Vec::with_capacity(all.len());
    for wanted in all {
        let place = *places.entry(wanted.item.key()).or_insert(items.len());
        match items.get_mut(place) {
            Some(known) => *known = wanted,
            None => items.push(wanted),
        }
    }
    items
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

    /// Tells a session's client; whether that is news to it.
    fn tell(&self, wanted: &mut SessionItem) -> bool {
        let told = Told {
            high_watermark: self.data.high_watermark,
            last_stable_offset: self.data.last_stable_offset,
            log_start_offset: self.data.log_start_offset,
        };
        let is_news = self.bytes() > 0 || self.is_urgent() || told != wanted.told;
        // An error is told again next time, until it is gone.
        wanted.told = if self.data.error_code == 0 { told } else { Told::NOTHING };
        is_news
    }

    /// Whether the client must hear of this now, records or not.
    fn is_urgent(&self) -> bool {
        self.data.error_code != 0 || self.data.diverging_epoch != EpochEndOffset::default()
    }
}

/// Where something wanted is.
type Located = Result<Arc<Partition>, ErrorCode>;

/// A request, and what of the log it is about.
struct Fetching {
    ctx: Context,
    request: FetchRequest,
    /// When it came.
    came_ms: i64,
    wanted: Vec<SessionItem>,
    session: Option<SharedSession>,
    session_id: i32,
    /// Whether only what is new is answered.
    is_incremental: bool,
}

impl Fetching {
    /// The inner error is the answer.
    fn open(ctx: Context, request: FetchRequest) -> Result<Self, Outcome> {
        let items = items(&request);
        let forgotten: Vec<PartitionKey> = request
            .forgotten_topics_data
            .iter()
            .flat_map(|topic| {
                topic.partitions.iter().map(|p| (topic.topic.clone(), topic.topic_id, *p))
            })
            .collect();
        let came_ms = now_ms();
        let opened = ctx.shared.fetch_sessions.open(
            &SessionRequest {
                session_id: request.session_id,
                session_epoch: request.session_epoch,
                uses_topic_ids: ctx.version >= TOPIC_IDS_VERSION,
                items: &items,
                forgotten: &forgotten,
            },
            came_ms,
        );
        let (session_id, session, is_incremental) = match opened {
            Ok(Opened::Sessionless) => (0, None, false),
            Ok(Opened::Full(id, session)) => (id, Some(session), false),
            Ok(Opened::Incremental(id, session)) => (id, Some(session), true),
            Err(code) => {
                let refused = FetchResponse { error_code: code.code(), ..FetchResponse::default() };
                return Err(ctx.reply(&refused));
            }
        };
        let wanted = match &session {
            Some(session) => session.lock().unwrap_or_else(PoisonError::into_inner).items.clone(),
            None => items,
        };
        Ok(Self { ctx, request, came_ms, wanted, session, session_id, is_incremental })
    }

    /// Reads everything wanted, again whenever a partition moves, until that is as much as the
    /// client wants at least, or the client's time is over.
    async fn wait_for_records(&self) -> Vec<Found> {
        let deadline = Instant::now() + self.max_wait();
        let notify = Arc::new(Notify::new());
        let partitions: Vec<Located> = self.partitions().collect();
        let known = partitions.iter().filter_map(|partition| partition.as_ref().ok());
        let _waiting: Vec<_> = known.map(|partition| partition.waiters.register(&notify)).collect();
        let again = || partitions.iter().cloned();
        loop {
            if let Some(found) = self.read_enough(again(), now_ms()) {
                return found;
            }
            if Instant::now() >= deadline {
                return self.read(again(), now_ms());
            }
            tokio::select! {
                biased;
                // Long polls must not hold up a stop.
                () = self.ctx.shared.stopping.wait() => return self.read(again(), now_ms()),
                () = notify.notified() => {}
                () = tokio::time::sleep_until(deadline) => {}
            }
        }
    }

    fn max_wait(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.request.max_wait_ms).unwrap_or(0))
    }

    /// What there is, if the client need not wait for more.
    fn read_enough(
        &self,
        partitions: impl Iterator<Item = Located>,
        now_ms: i64,
    ) -> Option<Vec<Found>> {
        let min_bytes = usize::try_from(self.request.min_bytes).unwrap_or(0);
        let found = self.read(partitions, now_ms);
        let is_enough = self.max_wait().is_zero()
            || found.is_empty()
            || found.iter().any(Found::is_urgent)
            || found.iter().map(Found::bytes).sum::<usize>() >= min_bytes;
        is_enough.then_some(found)
    }

    /// Reads everything wanted, each from its partition.
    fn read(&self, partitions: impl Iterator<Item = Located>, now_ms: i64) -> Vec<Found> {
        let Self { ctx, request, .. } = self;
        let (remote, client_id) = (ctx.peer.remote, ctx.client_id.as_ref());
        let asking = Asking { remote, client_id, now_ms };
        let limit = usize::try_from(request.max_bytes).unwrap_or(0);
        let mut left = limit.min(ctx.shared.limits.fetch_bytes_max);
        let (mut at_least_one, mut files) = (true, 0);
        let wanted = self.wanted.iter().map(|wanted| &wanted.item);
        let found = wanted.zip(partitions).map(|(item, partition)| {
            let read = match &partition {
                Ok(partition) => self.read_one(partition, item, (left, at_least_one), &asking),
                Err(code) => Err(*code),
            };
            let found = read
                .unwrap_or_else(|code| failed(ctx, item.partition, code, partition.as_ref().ok()));
            left = left.saturating_sub(found.bytes());
            at_least_one &= found.bytes() == 0;
            files += usize::from(found.range.is_some());
            if files >= FILES_MAX {
                left = 0;
            }
            found
        });
        found.collect()
    }

    fn partitions(&self) -> impl Iterator<Item = Located> {
        self.wanted.iter().map(|wanted| self.locate(&wanted.item))
    }

    fn locate(&self, item: &FetchItem) -> Located {
        let partitions = &self.ctx.shared.partitions;
        let topic = if self.ctx.version >= TOPIC_IDS_VERSION {
            partitions.topic_by_id(item.topic_id).ok_or(ErrorCode::UnknownTopicId)?
        } else {
            partitions.topic(&item.topic).ok_or(ErrorCode::UnknownTopicOrPartition)?
        };
        topic.partition(item.partition)
    }

    fn read_one(
        &self,
        partition: &Arc<Partition>,
        item: &FetchItem,
        (left, at_least_one): (usize, bool),
        asking: &Asking<'_>,
    ) -> Result<Found, ErrorCode> {
        if self.request.replica_id.max(self.request.replica_state.replica_id) >= 0 {
            // Nobody follows this broker.
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        partition.check_leader_epoch(item.current_leader_epoch)?;
        let mut data =
            PartitionData { partition_index: item.partition, ..PartitionData::default() };
        if let Some(diverging) = diverging(partition, item)? {
            data.diverging_epoch = diverging;
            data.high_watermark = partition.high_watermark().get();
            data.last_stable_offset = partition.last_stable_offset().get();
            data.log_start_offset = partition.log_start_offset().get();
            data.aborted_transactions = None;
            return Ok(Found { is_missing: false, data, range: None });
        }
        let max_bytes = usize::try_from(item.max_bytes).unwrap_or(0).min(left);
        let isolation = Isolation::from(self.request.isolation_level);
        let offset = Offset(item.fetch_offset);
        let read = partition.read(offset, (max_bytes, at_least_one), isolation, Some(asking))?;
        if let Some(ahead) = read.ahead {
            self.look(ahead);
        }
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

    /// Has another thread look at what the client comes to next. Where enough of them are at it
    /// already, the client's own Fetch will.
    fn look(&self, ahead: Ahead) {
        let shared = Arc::clone(&self.ctx.shared);
        let Ok(turn) = Arc::clone(&shared.looks).try_acquire_owned() else { return };
        background::meanwhile(move || {
            ahead.look(|| shared.stopping.has_begun());
            drop(turn);
        });
    }

    /// Builds the response; a session is told what its client now knows.
    fn respond(self, mut found: Vec<Found>) -> Outcome {
        let Self { ctx, mut wanted, session, session_id, is_incremental, .. } = self;
        let mut response = FetchResponse { session_id, ..FetchResponse::default() };
        let mut files = Vec::new();
        let got_records: Vec<bool> = match session {
            Some(_) => found.iter().map(|found| found.bytes() > 0).collect(),
            None => Vec::new(),
        };
        for is_missing in [false, true] {
            let all = wanted.iter_mut().zip(&mut found);
            for (wanted, found) in all.filter(|(_, found)| found.is_missing == is_missing) {
                let is_news = found.tell(wanted);
                if is_incremental && !is_news {
                    continue;
                }
                let slot = files.len();
                let range = found.range.take();
                let records = range.as_ref().map(|it| Records::Deferred { len: it.length, slot });
                files.extend(range);
                found.data.records = Some(records.unwrap_or_default());
                push(&mut response, &ctx, &wanted.item, std::mem::take(&mut found.data));
            }
        }
        if let Some(session) = &session {
            remember(session, wanted, &got_records);
        }
        ctx.reply_with_files(&response, files)
    }
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
