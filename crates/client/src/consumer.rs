//! The consumer without a group: reads the partitions it is told to, from where it is told to.
//!
//! Invariants: records of a partition come in order, each once; aborted and control records never
//! come with [`Isolation::Committed`], control records never at all; memory is bounded per
//! partition.
//! Kafka: `KafkaConsumer` with `assign`.

mod fetch;
mod once;
mod read;
pub(crate) mod state;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use ottla_types::Offset;
use tokio::sync::Notify;

use crate::{
    Client, ConsumedRecord, OffsetSpec, Result,
    client::{AutoCreate, Lane},
    topology::PartitionInfo,
};
pub use once::{PartitionReader, Piece};
use read::Reading;
use state::{FetchState, Key};

/// Which records of transactions are visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Isolation {
    /// All, also of open and aborted transactions.
    #[default]
    Uncommitted,
    /// Only committed ones, up to the first open transaction.
    Committed,
}

impl Isolation {
    pub(crate) const fn wire(self) -> i8 {
        match self {
            Self::Uncommitted => 0,
            Self::Committed => 1,
        }
    }
}

/// Where in a partition to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// The oldest record there is.
    Start,
    /// Behind the newest: only what comes from now on.
    End,
    /// This offset.
    Offset(Offset),
    /// This many records before the end.
    BeforeEnd(i64),
    /// The first record at or after this time in ms since 1970; the end if there is none.
    Timestamp(i64),
}

/// What happens when the offset to read does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutOfRange {
    /// Go on at the oldest record.
    Start,
    /// Go on at the end.
    End,
    /// Give the error to whoever reads.
    Fail,
}

/// How a consumer reads.
#[derive(Clone, Debug)]
pub struct ConsumerConfig {
    /// Which records of transactions are visible.
    pub isolation: Isolation,
    /// What happens when the offset to read does not exist.
    pub out_of_range: OutOfRange,
    /// How long a broker may wait for `fetch_bytes_min`.
    pub fetch_wait: Duration,
    /// How much is worth an answer, in bytes.
    pub fetch_bytes_min: i32,
    /// The most that one answer carries, in bytes.
    pub fetch_bytes_max: i32,
    /// The most that one answer carries of one partition, in bytes.
    pub partition_bytes_max: i32,
    /// The most that one batch may decompress to, in bytes.
    pub decompressed_max: usize,
}

impl Default for ConsumerConfig {
    fn default() -> Self {
        Self {
            isolation: Isolation::Uncommitted,
            out_of_range: OutOfRange::Start,
            fetch_wait: Duration::from_millis(500),
            fetch_bytes_min: 1,
            fetch_bytes_max: 50 << 20,
            partition_bytes_max: 1 << 20,
            decompressed_max: 1 << 30,
        }
    }
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) config: ConsumerConfig,
    pub(crate) connection_lane: Lane,
    pub(crate) wake_fetcher: Arc<Notify>,
    pub(crate) wake_reader: Arc<Notify>,
    state: Mutex<FetchState>,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, FetchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Assigns partitions at once, so that the first fetch asks for all of them.
    pub(crate) fn set_all(&self, offsets: Vec<(Key, i64)>) {
        let mut state = self.state();
        for (key, offset) in offsets {
            state.set(key, offset);
        }
        drop(state);
        self.wake_fetcher.notify_one();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.client.close_lane(self.connection_lane);
        self.wake_fetcher.notify_one();
    }
}

/// Reads partitions. Prefetches in the background.
#[derive(Debug)]
pub struct Consumer {
    pub(crate) shared: Arc<Shared>,
    reading: Option<Reading>,
}

impl Consumer {
    pub(crate) fn new(client: Client, config: ConsumerConfig) -> Self {
        let shared = Arc::new(Shared {
            connection_lane: client.new_lane(),
            client,
            config,
            wake_fetcher: Arc::default(),
            wake_reader: Arc::default(),
            state: Mutex::default(),
        });
        tokio::spawn(fetch::run(Arc::downgrade(&shared)));
        Self { shared, reading: None }
    }

    /// Reads every partition of a topic from `position`. One without a leader follows when it has
    /// one, and holds up no other.
    pub async fn assign_topic(&mut self, topic: &str, position: Position) -> Result<()> {
        let info = self.shared.client.topic(topic, AutoCreate::No).await?;
        let can_wait = info.partitions.values().any(PartitionInfo::is_led);
        let (mut offsets, mut later) = (Vec::new(), Vec::new());
        for (partition, found) in &info.partitions {
            let key: Key = (info.name.clone(), *partition);
            if can_wait && !found.is_led() && !matches!(position, Position::Offset(_)) {
                later.push(key);
                continue;
            }
            let isolation = self.shared.config.isolation;
            let offset = resolve(&self.shared.client, &key, position, isolation).await?;
            offsets.push((key, offset));
        }
        self.shared.set_all(offsets);
        for key in later {
            tracing::warn!(topic, partition = key.1, "has no leader: it is read when it has one");
            let client = self.shared.client.clone();
            tokio::spawn(assign_later(Arc::downgrade(&self.shared), client, key, position));
        }
        Ok(())
    }

    /// Reads a partition from `position`; moves it if it is read already.
    pub async fn assign(&mut self, topic: &str, partition: i32, position: Position) -> Result<()> {
        let info = self.shared.client.topic(topic, AutoCreate::No).await?;
        if !info.partitions.contains_key(&partition) {
            let what = format!("cannot read {topic}-{partition}");
            let why = format!("the topic has {} partitions", info.partitions.len());
            return Err(crate::Error::new(crate::ErrorKind::NotFound, what, why));
        }
        let key: Key = (info.name.clone(), partition);
        let isolation = self.shared.config.isolation;
        let offset = resolve(&self.shared.client, &key, position, isolation).await?;
        self.shared.set_all(vec![(key, offset)]);
        Ok(())
    }

    /// Continues elsewhere in a partition that is read.
    pub async fn seek(&mut self, topic: &str, partition: i32, position: Position) -> Result<()> {
        self.assign(topic, partition, position).await
    }

    /// Ends reading of a partition before this offset; [`Consumer::next`] gives `None` once every
    /// partition has ended.
    pub fn stop_at(&mut self, topic: &str, partition: i32, offset: Offset) {
        if let Some(state) = self.shared.state().partitions.get_mut(&(Arc::from(topic), partition))
        {
            state.stop_at = Some(offset.0);
        }
        self.shared.wake_fetcher.notify_one();
    }

    /// Ends reading of every partition where it ends now.
    pub async fn stop_at_end(&mut self) -> Result<()> {
        let keys: Vec<Key> = self.shared.state().partitions.keys().cloned().collect();
        let isolation = self.shared.config.isolation;
        for key in keys {
            let end = resolve(&self.shared.client, &key, Position::End, isolation).await?;
            self.stop_at(&key.0, key.1, Offset(end));
        }
        Ok(())
    }

    /// Whether to leave a partition alone for now. What was fetched is kept.
    pub fn set_paused(&mut self, topic: &str, partition: i32, is_paused: bool) {
        if let Some(state) = self.shared.state().partitions.get_mut(&(Arc::from(topic), partition))
        {
            state.is_paused = is_paused;
        }
        self.shared.wake_fetcher.notify_one();
    }

    /// The offset that is read next, of every assigned partition.
    pub fn positions(&self) -> Vec<(Arc<str>, i32, Offset)> {
        let state = self.shared.state();
        let positions = state.partitions.iter();
        positions.map(|(key, it)| (key.0.clone(), key.1, Offset(it.position))).collect()
    }

    /// How many offsets lie between what is read and the end, as far as heard; `None` before the
    /// first answer.
    pub fn lag(&self) -> Option<i64> {
        let state = self.shared.state();
        state.partitions.values().try_fold(0_i64, |sum, it| {
            (it.end_offset >= 0).then(|| sum.saturating_add((it.end_offset - it.position).max(0)))
        })
    }

    /// How many offsets lie between what is read and where reading stops; `None` if it never does.
    pub fn remaining(&self) -> Option<i64> {
        let state = self.shared.state();
        state.partitions.values().try_fold(0_i64, |sum, it| {
            it.stop_at.map(|stop| sum.saturating_add((stop - it.position).max(0)))
        })
    }

    /// The next record. `None` once every partition is at its stop.
    ///
    /// Cancel safe: a record that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Option<Result<ConsumedRecord>> {
        loop {
            if let Some(result) = self.try_next() {
                return Some(result);
            }
            {
                let mut state = self.shared.state();
                if let Some(error) = state.errors.pop_front() {
                    return Some(Err(error));
                }
                if state.is_finished() || state.is_closed {
                    return None;
                }
            }
            self.shared.wake_reader.notified().await;
        }
    }

    /// The next record if one was fetched already. Never waits.
    pub fn try_next(&mut self) -> Option<Result<ConsumedRecord>> {
        loop {
            if self.shared.state().is_frozen {
                return None;
            }
            if let Some(reading) = &mut self.reading {
                if let Some(result) = reading.next(&self.shared) {
                    return Some(result);
                }
                self.reading = None;
            }
            let (key, version, chunk) = self.shared.state().take()?;
            self.shared.wake_fetcher.notify_one();
            self.reading = Some(Reading::new(key, version, chunk));
        }
    }

    /// Stops fetching; [`Consumer::next`] gives `None` from now on.
    pub fn close(&mut self) {
        self.reading = None;
        let mut state = self.shared.state();
        state.is_closed = true;
        state.clear();
        drop(state);
        self.shared.wake_fetcher.notify_one();
        self.shared.wake_reader.notify_one();
    }
}

/// Assigns a partition once somebody leads it, unless it was assigned by then.
async fn assign_later(shared: Weak<Shared>, client: Client, key: Key, position: Position) {
    loop {
        let Some(isolation) = shared.upgrade().map(|shared| shared.config.isolation) else {
            return;
        };
        let resolved = resolve(&client, &key, position, isolation).await;
        let Some(shared) = shared.upgrade() else { return };
        let mut state = shared.state();
        if state.is_closed || state.partitions.contains_key(&key) {
            return;
        }
        match resolved {
            Ok(offset) => {
                state.set(key, offset);
                drop(state);
                return shared.wake_fetcher.notify_one();
            }
            // It was tried for as long as a request may take.
            Err(error) if error.is_retriable() => {
                tracing::debug!(%error, partition = key.1, "still has no leader");
            }
            Err(error) => {
                state.errors.push_back(error);
                drop(state);
                return shared.wake_reader.notify_one();
            }
        }
    }
}

/// The offset that a position means at this moment.
pub(crate) async fn resolve(
    client: &Client,
    key: &Key,
    position: Position,
    isolation: Isolation,
) -> Result<i64> {
    let admin = client.admin();
    let list = async |spec| admin.list_offset(&key.0, key.1, spec, isolation).await;
    Ok(match position {
        Position::Offset(offset) => offset.0,
        Position::Start => list(OffsetSpec::Start).await?.offset.0,
        Position::End => list(OffsetSpec::End).await?.offset.0,
        Position::BeforeEnd(count) => {
            let end = list(OffsetSpec::End).await?.offset.0;
            let start = list(OffsetSpec::Start).await?.offset.0;
            end.saturating_sub(count).max(start)
        }
        Position::Timestamp(time) => {
            let found = list(OffsetSpec::Timestamp(time)).await?.offset.0;
            if found >= 0 { found } else { list(OffsetSpec::End).await?.offset.0 }
        }
    })
}
