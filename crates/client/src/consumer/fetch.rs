//! The consumer's background task: asks each leader for what its partitions lack.
//!
//! Invariants: at most one fetch per broker is unanswered; the task ends with its consumer.
//! Kafka: `AbstractFetch`, `FetchCollector`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
    time::Duration,
};

use bytes::Bytes;
use ottla_record::{BATCH_OVERHEAD, BatchHeader};
use ottla_types::{BrokerId, ErrorCode, Uuid};
use ottla_wire::{
    fetch_request::{FetchPartition, FetchTopic},
    fetch_response::PartitionData,
    messages::{FetchRequest, FetchResponse},
};
use tokio::{sync::mpsc, time::Instant};

use super::{
    OutOfRange, Shared,
    state::{Chunk, Key, Wanted},
};
use crate::{Error, ErrorKind, Position, Result};

const FIRST_WITH_IDS: i16 = 13;
const PAUSE: Duration = Duration::from_millis(100);
const IDLE: Duration = Duration::from_secs(5);

struct Done {
    broker: BrokerId,
    wanted: Vec<Wanted>,
    result: Result<FetchResponse>,
}

/// Fetches until the consumer is gone or closed.
pub(crate) async fn run(shared: Weak<Shared>) {
    let (report, mut answers) = mpsc::channel::<Done>(16);
    let mut busy: Vec<BrokerId> = Vec::new();
    loop {
        let Some(strong) = shared.upgrade() else { return };
        let now = Instant::now();
        let topology = strong.client.topology();
        let (wanted, lacks_leader, wakes_at) = {
            let mut state = strong.state();
            if state.is_closed {
                break;
            }
            let (wanted, lacks_leader) = state.wanted(&topology, &busy, now);
            (wanted, lacks_leader, state.wakes_at(now))
        };
        for (broker, wanted) in wanted {
            let broker = BrokerId(broker);
            busy.push(broker);
            let (shared, report) = (strong.clone(), report.clone());
            tokio::spawn(async move {
                let result = fetch(&shared, broker, &wanted).await;
                drop(report.send(Done { broker, wanted, result }).await);
            });
        }
        let mut wakes_at = wakes_at.unwrap_or(now + IDLE);
        if lacks_leader {
            if let Err(error) = refresh(&strong).await {
                tracing::debug!(%error, "consumer cannot refresh metadata");
            }
            wakes_at = wakes_at.min(now + PAUSE);
        }
        let wake = strong.wake_fetcher.clone();
        drop(strong);
        tokio::select! {
            Some(done) = answers.recv() => {
                busy.retain(|broker| *broker != done.broker);
                let Some(strong) = shared.upgrade() else { return };
                take_in(&strong, done).await;
                strong.wake_reader.notify_one();
            }
            () = wake.notified() => {}
            () = tokio::time::sleep_until(wakes_at) => {}
        }
    }
}

/// Asks one broker once and takes in what it answers.
pub(super) async fn ask(shared: &Arc<Shared>, broker: BrokerId, wanted: Vec<Wanted>) {
    let result = fetch(shared, broker, &wanted).await;
    take_in(shared, Done { broker, wanted, result }).await;
}

/// Asks for the leaders of what is assigned.
pub(super) async fn refresh(shared: &Shared) -> Result<()> {
    let mut topics: Vec<String> =
        shared.state().partitions.keys().map(|key| key.0.to_string()).collect();
    topics.dedup();
    shared.client.fetch_metadata(Some(topics), crate::client::AutoCreate::No).await.map(drop)
}

async fn fetch(shared: &Shared, broker: BrokerId, wanted: &[Wanted]) -> Result<FetchResponse> {
    let topology = shared.client.topology();
    let id_of = |name: &str| topology.topics.get(name).map_or(Uuid::ZERO, |it| it.topic_id);
    let has_ids = wanted.iter().all(|item| !id_of(&item.key.0).is_zero());
    let newest = if has_ids { i16::MAX } else { FIRST_WITH_IDS - 1 };
    let config = &shared.config;
    let mut topics: Vec<FetchTopic> = Vec::new();
    for item in wanted {
        let name = &*item.key.0;
        let partition = FetchPartition {
            partition: item.key.1,
            fetch_offset: item.offset,
            partition_max_bytes: config.partition_bytes_max,
            ..FetchPartition::default()
        };
        match topics.iter_mut().find(|topic| topic.topic == *name) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(FetchTopic {
                topic: name.into(),
                topic_id: id_of(name),
                partitions: vec![partition],
            }),
        }
    }
    let request = FetchRequest {
        max_wait_ms: i32::try_from(config.fetch_wait.as_millis()).unwrap_or(i32::MAX),
        min_bytes: config.fetch_bytes_min,
        max_bytes: config.fetch_bytes_max,
        isolation_level: config.isolation.wire(),
        topics,
        ..FetchRequest::default()
    };
    let to = (broker, shared.connection_lane);
    shared.client.call(to, 4..=newest, config.fetch_wait, |_| request).await
}

async fn take_in(shared: &Arc<Shared>, done: Done) {
    let now = Instant::now();
    let mut answers: BTreeMap<Key, PartitionData> = BTreeMap::new();
    let mut failure = None;
    match done.result {
        Ok(response) => match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => {
                let topology = shared.client.topology();
                for topic in response.responses {
                    let name = match topology.topic_by_id(topic.topic_id) {
                        Some(known) if !topic.topic_id.is_zero() => known.name.clone(),
                        _ => Arc::from(topic.topic.as_str()),
                    };
                    for partition in topic.partitions {
                        answers.insert((name.clone(), partition.partition_index), partition);
                    }
                }
            }
            code => failure = Some(Error::broker(code, "cannot fetch", None)),
        },
        Err(error) => failure = Some(error),
    }
    let mut needs_refresh = failure.is_some();
    let mut resets = Vec::new();
    {
        let mut state = shared.state();
        for item in &done.wanted {
            if let Some(partition) = state.current(&item.key, item.version) {
                partition.is_fetching = false;
            }
            let verdict = match (answers.remove(&item.key), &failure) {
                (Some(data), _) => store(&mut state, item, data),
                (None, Some(error)) => Err(error.clone()),
                (None, None) => Ok(()),
            };
            let Err(error) = verdict else { continue };
            if error.code() == Some(ErrorCode::OffsetOutOfRange)
                && shared.config.out_of_range != OutOfRange::Fail
            {
                resets.push(item.clone());
            } else if error.is_retriable() || is_of_metadata(&error) {
                tracing::debug!(%error, topic = &*item.key.0, partition = item.key.1, "fetch failed");
                needs_refresh = true;
            } else {
                state.errors.push_back(error);
            }
            if let Some(partition) = state.current(&item.key, item.version) {
                partition.not_before = Some(now + PAUSE);
            }
        }
    }
    for item in resets {
        reset(shared, &item).await;
    }
    if needs_refresh && let Err(error) = refresh(shared).await {
        tracing::debug!(%error, "consumer cannot refresh metadata");
    }
}

/// Errors that say that what is known of the cluster is old.
fn is_of_metadata(error: &Error) -> bool {
    matches!(
        error.code(),
        Some(
            ErrorCode::UnknownTopicId
                | ErrorCode::InconsistentTopicId
                | ErrorCode::FencedLeaderEpoch
                | ErrorCode::UnknownLeaderEpoch
                | ErrorCode::NotLeaderOrFollower
                | ErrorCode::UnknownTopicOrPartition
        )
    ) || error.kind() == ErrorKind::Connection
}

fn store(state: &mut super::state::FetchState, item: &Wanted, data: PartitionData) -> Result<()> {
    let code = ErrorCode::from_code(data.error_code);
    if code.is_error() {
        let what = format!("cannot fetch {}-{} at {}", item.key.0, item.key.1, item.offset);
        return Err(Error::broker(code, what, None));
    }
    if let Some(partition) = state.current(&item.key, item.version) {
        partition.not_before = None;
        let stable = data.last_stable_offset;
        partition.end_offset = if stable >= 0 { stable } else { data.high_watermark };
    }
    let bytes = match &data.records {
        Some(records) => records.bytes().cloned().unwrap_or_default(),
        None => Bytes::new(),
    };
    let Some(next_offset) = next_offset(&bytes) else {
        return Ok(());
    };
    let aborted = data.aborted_transactions.unwrap_or_default();
    let aborted = aborted.iter().map(|it| (it.producer_id, it.first_offset)).collect();
    state.add(&item.key, item.version, Chunk { bytes, aborted }, next_offset);
    Ok(())
}

/// The offset after the last whole batch.
fn next_offset(bytes: &Bytes) -> Option<i64> {
    let mut rest: &[u8] = bytes;
    let mut next = None;
    while rest.len() >= BATCH_OVERHEAD {
        let Ok(header) = BatchHeader::parse(rest) else {
            // Reading will say what is wrong with it.
            return next.or(Some(0));
        };
        let Some(behind) = rest.get(header.size()..) else { break };
        next = Some(header.next_offset().0);
        rest = behind;
    }
    next
}

/// Moves a partition whose offset does not exist any more, or not yet.
async fn reset(shared: &Arc<Shared>, item: &Wanted) {
    let position = match shared.config.out_of_range {
        OutOfRange::End => Position::End,
        OutOfRange::Start | OutOfRange::Fail => Position::Start,
    };
    tracing::info!(
        topic = &*item.key.0,
        partition = item.key.1,
        offset = item.offset,
        ?position,
        "offset out of range: starting elsewhere"
    );
    let offset = super::resolve(&shared.client, &item.key, position, shared.config.isolation).await;
    let mut state = shared.state();
    if state.current(&item.key, item.version).is_none() {
        return;
    }
    match offset {
        Ok(offset) => state.set(item.key.clone(), offset),
        Err(error) => state.errors.push_back(error),
    }
}
