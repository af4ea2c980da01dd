//! A cluster that a client reaches: what the wire tells of it, in as few requests as it takes.
//!
//! Invariants: a list costs a number of requests that does not grow with what is in it, but for one
//! per broker; what is costly and moves slowly is asked once for all who look within some seconds.
//! Kafka: `AdminClient`.

mod batches;
mod groups;
mod transactions;

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use ottla_client::{
    BrokerId, Client, ConfigEntry, ConfigResource, ErrorCode, Isolation, Offset, OffsetSpec,
    TopicInfo,
};
use tokio::sync::Mutex;

pub(super) use self::batches::each_batch;
use self::groups::Known;
use super::{Place, Transaction};
use crate::{
    api::{
        groups::GroupPosition,
        topics::{Cursors, PartitionRow, TopicDetail, TopicRow},
    },
    clock::now_ms,
    error::ApiError,
    number::{Long, int},
};

/// How old the sizes of logs may be.
const SIZES_AGE: Duration = Duration::from_secs(5);

/// The configs that lists show.
const SHOWN_CONFIGS: [&str; 2] = ["cleanup.policy", "retention.ms"];

/// A cluster that a client reaches.
#[derive(Debug)]
pub(crate) struct Remote {
    /// What people call it.
    pub(crate) name: String,
    /// Its first addresses, `host:port`, separated by commas.
    pub(crate) bootstrap: String,
    sizes: Cached<BTreeMap<Place, i64>>,
    known_groups: Cached<Vec<Known>>,
    known_transactions: Cached<Vec<Transaction>>,
}

/// An answer that is kept for some seconds.
#[derive(Debug)]
struct Cached<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Default for Cached<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Cached<T> {
    /// The answer, asked anew by the first who finds it too old; the others wait for that.
    async fn get<F: Future<Output = Result<T, ApiError>>>(
        &self,
        age_max: Duration,
        ask: impl FnOnce() -> F,
    ) -> Result<Arc<T>, ApiError> {
        let mut kept = self.0.lock().await;
        if let Some((asked, answer)) = &*kept
            && asked.elapsed() < age_max
        {
            return Ok(Arc::clone(answer));
        }
        let answer = Arc::new(ask().await?);
        *kept = Some((Instant::now(), Arc::clone(&answer)));
        Ok(answer)
    }
}

/// Where a partition begins and ends.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    start: Offset,
    high_watermark: Offset,
    last_stable: Offset,
}

impl Remote {
    pub(crate) fn new(name: String, bootstrap: String) -> Self {
        Self {
            name,
            bootstrap,
            sizes: Cached::default(),
            known_groups: Cached::default(),
            known_transactions: Cached::default(),
        }
    }

    /// Every topic: its metadata, its offsets, its size, and two of its configs.
    pub(super) async fn topics(&self, client: &Client) -> Result<Vec<TopicRow>, ApiError> {
        let admin = client.admin();
        let topics = admin.list_topics().await?;
        let bounds = starts_and_ends(client, &led(&topics)).await?;
        let sizes = self.sizes(client).await;
        let names: Vec<String> = topics.iter().map(|it| it.name.to_string()).collect();
        let configs = admin.describe_topic_configs(&names, &SHOWN_CONFIGS).await;
        let configs = configs.unwrap_or_default();
        let row = |topic: &Arc<TopicInfo>| {
            let own = configs.get(&*topic.name).map_or(&[][..], Vec::as_slice);
            row(topic, &bounds, sizes.as_deref(), own)
        };
        Ok(topics.iter().map(row).collect())
    }

    /// A topic and its partitions.
    pub(super) async fn topic(&self, client: &Client, name: &str) -> Result<TopicDetail, ApiError> {
        let topic = info(client, name).await?;
        let bounds = bounds(client, &led(std::slice::from_ref(&topic))).await?;
        let sizes = self.sizes(client).await;
        let resource = ConfigResource::Topic(name.to_owned());
        let configs = client.admin().describe_configs(&resource).await.unwrap_or_default();
        Ok(TopicDetail {
            row: row(&topic, &bounds, sizes.as_deref(), &configs),
            partition_list: partitions(&topic, &bounds, sizes.as_deref()),
            configs_set: int(configs.iter().filter(|it| it.is_set).count()),
            now_ms: now_ms().into(),
        })
    }

    /// Where the cursors of partitions stand; those that are gone or offline are left out.
    pub(super) async fn cursors(
        &self,
        client: &Client,
        places: Vec<Place>,
    ) -> Result<BTreeMap<Place, Cursors>, ApiError> {
        let names: BTreeSet<String> = places.iter().map(|(topic, _)| topic.clone()).collect();
        let names: Vec<String> = names.into_iter().collect();
        let found = client.admin().describe_topics(&names).await?;
        let topics: Vec<Arc<TopicInfo>> =
            found.into_iter().filter_map(|(_, topic)| topic.ok()).collect();
        let mut led = led(&topics);
        led.retain(|place| places.contains(place));
        let sizes = self.sizes(client).await;
        let bounds = bounds(client, &led).await?;
        let cursors = bounds.into_iter().map(|(place, bounds)| {
            let cursors = cursors(bounds, sizes.as_deref(), &place);
            (place, cursors)
        });
        Ok(cursors.collect())
    }

    /// The partitions of a topic, and where groups stand in each.
    pub(super) async fn live(
        &self,
        client: &Client,
        name: &str,
        groups_max: usize,
    ) -> Result<super::Live, ApiError> {
        let topic = match info(client, name).await {
            Ok(topic) => topic,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let bounds = bounds(client, &led(std::slice::from_ref(&topic))).await?;
        let sizes = self.sizes(client).await;
        let mut positions: BTreeMap<i32, Vec<GroupPosition>> = BTreeMap::new();
        let known = self.known_groups(client).await?;
        let readers = known.iter().filter(|group| group.offsets.keys().any(|key| *key.0 == *name));
        for group in readers.take(groups_max) {
            let own = group.offsets.iter().filter(|((topic, _), _)| **topic == *name);
            for ((_, partition), committed) in own {
                let position = GroupPosition::new(group.id().to_owned(), committed.offset);
                positions.entry(*partition).or_default().push(position);
            }
        }
        Ok(Some((partitions(&topic, &bounds, sizes.as_deref()), positions)))
    }

    /// Bytes of every log, where its leader has it, but for those in directories that have failed;
    /// `None` where nobody tells.
    pub(crate) async fn sizes(&self, client: &Client) -> Option<Arc<BTreeMap<Place, i64>>> {
        let ask = || async {
            let admin = client.admin();
            let brokers: Vec<BrokerId> =
                client.topology().brokers.values().map(|it| it.id).collect();
            let mut sizes = BTreeMap::new();
            for broker in brokers {
                for dir in admin.describe_log_dirs(broker).await? {
                    for it in dir.partitions.into_iter().filter(|it| !it.is_future) {
                        // The largest replica is the one that is in sync.
                        let size = sizes.entry((it.topic, it.partition)).or_insert(0);
                        *size = it.size.max(*size);
                    }
                }
            }
            Ok(sizes)
        };
        // Who may not look into directories sees the rest.
        self.sizes.get(SIZES_AGE, ask).await.ok()
    }
}

/// One topic, asked for anew.
async fn info(client: &Client, name: &str) -> Result<Arc<TopicInfo>, ApiError> {
    let found = client.admin().describe_topics(&[name.to_owned()]).await?;
    let topic = found.into_iter().next().map(|(_, topic)| topic);
    match topic {
        Some(Ok(topic)) => Ok(topic),
        Some(Err(error)) if error.code() != Some(ErrorCode::UnknownTopicOrPartition) => {
            Err(error.into())
        }
        Some(Err(_)) | None => Err(ApiError::unknown_topic(name)),
    }
}

/// The partitions that somebody leads.
fn led(topics: &[Arc<TopicInfo>]) -> Vec<Place> {
    let of = |topic: &Arc<TopicInfo>| {
        let led = topic.partitions.values().filter(|it| it.leader.get() >= 0);
        led.map(|it| (topic.name.to_string(), it.partition)).collect::<Vec<_>>()
    };
    topics.iter().flat_map(of).collect()
}

/// Where partitions begin and end: three requests to each broker, at once. Those that cannot say
/// are left out.
async fn bounds(client: &Client, places: &[Place]) -> Result<BTreeMap<Place, Bounds>, ApiError> {
    let (mut known, stable) = tokio::try_join!(
        starts_and_ends(client, places),
        offsets(client, places, OffsetSpec::End, Isolation::Committed)
    )?;
    for (place, bounds) in &mut known {
        bounds.last_stable = stable.get(place).copied().unwrap_or(bounds.high_watermark);
        // They were asked for side by side: more may have come in between.
        bounds.high_watermark = bounds.high_watermark.max(bounds.last_stable);
    }
    Ok(known)
}

/// The same where nobody asks for the last stable offset: two requests to each broker, at once.
async fn starts_and_ends(
    client: &Client,
    places: &[Place],
) -> Result<BTreeMap<Place, Bounds>, ApiError> {
    let (starts, ends) = tokio::try_join!(
        offsets(client, places, OffsetSpec::Start, Isolation::Uncommitted),
        offsets(client, places, OffsetSpec::End, Isolation::Uncommitted)
    )?;
    let known = places.iter().filter_map(|place| {
        let (start, end) = (*starts.get(place)?, *ends.get(place)?);
        Some((place.clone(), Bounds { start, high_watermark: end, last_stable: end }))
    });
    Ok(known.collect())
}

/// One kind of offset of partitions: a request cannot ask for two kinds of the same one.
async fn offsets(
    client: &Client,
    places: &[Place],
    spec: OffsetSpec,
    isolation: Isolation,
) -> Result<BTreeMap<Place, Offset>, ApiError> {
    if places.is_empty() {
        return Ok(BTreeMap::new());
    }
    let mut asked = Vec::with_capacity(places.len());
    let mut name: Arc<str> = Arc::from("");
    for (topic, partition) in places {
        if *name != **topic {
            name = Arc::from(topic.as_str());
        }
        asked.push((Arc::clone(&name), *partition, spec));
    }
    let listed = client.admin().list_offsets(&asked, isolation).await?;
    let found = listed.into_iter().filter_map(|(topic, partition, result)| {
        Some(((topic.to_string(), partition), result.ok()?.offset))
    });
    Ok(found.collect())
}

fn cursors(bounds: Bounds, sizes: Option<&BTreeMap<Place, i64>>, place: &Place) -> Cursors {
    Cursors {
        log_start_offset: bounds.start.into(),
        last_stable_offset: bounds.last_stable.into(),
        high_watermark: bounds.high_watermark.into(),
        log_end_offset: bounds.high_watermark.into(),
        durable_offset: None,
        size_bytes: sizes.and_then(|sizes| sizes.get(place)).map(|size| Long::from(*size)),
        segments: None,
    }
}

fn partitions(
    topic: &TopicInfo,
    bounds: &BTreeMap<Place, Bounds>,
    sizes: Option<&BTreeMap<Place, i64>>,
) -> Vec<PartitionRow> {
    let row = |it: &ottla_client::PartitionInfo| {
        let place = (topic.name.to_string(), it.partition);
        let cursors = bounds.get(&place).map(|bounds| cursors(*bounds, sizes, &place));
        PartitionRow {
            partition: it.partition,
            leader: it.leader.get(),
            leader_epoch: it.leader_epoch.get(),
            replicas: it.replicas.iter().map(|id| id.get()).collect(),
            isr: it.isr.iter().map(|id| id.get()).collect(),
            is_offline: it.leader.get() < 0,
            log_dir: None,
            cursors,
        }
    };
    topic.partitions.values().map(row).collect()
}

fn row(
    topic: &TopicInfo,
    bounds: &BTreeMap<Place, Bounds>,
    sizes: Option<&BTreeMap<Place, i64>>,
    configs: &[ConfigEntry],
) -> TopicRow {
    let mut records = 0_i64;
    let mut size = sizes.map(|_| 0_i64);
    for partition in topic.partitions.keys() {
        let place = (topic.name.to_string(), *partition);
        if let Some(bounds) = bounds.get(&place) {
            let held = bounds.high_watermark.get().saturating_sub(bounds.start.get());
            records = records.saturating_add(held.max(0));
        }
        let own = sizes.and_then(|sizes| sizes.get(&place));
        size = size.map(|size| size.saturating_add(own.copied().unwrap_or(0)));
    }
    let config = |name: &str| {
        let entry = configs.iter().find(|it| it.name == name);
        entry.and_then(|it| it.value.clone())
    };
    let replicas = topic.partitions.values().next().map_or(0, |it| it.replicas.len());
    let offline = topic.partitions.values().filter(|it| it.leader.get() < 0).count();
    TopicRow {
        name: topic.name.to_string(),
        topic_id: topic.topic_id.to_string(),
        is_internal: topic.is_internal,
        partitions: int(topic.partitions.len()),
        replication_factor: int(replicas),
        records: records.into(),
        size_bytes: size.map(Long::from),
        bytes_in: None,
        cleanup_policy: config("cleanup.policy").unwrap_or_default(),
        retention_ms: config("retention.ms").and_then(|it| it.parse::<i64>().ok()).map(Long::from),
        offline_partitions: int(offline),
    }
}
