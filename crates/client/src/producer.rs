//! The producer: takes records, batches them per partition, and says where each was written.
//!
//! Invariants: with idempotence (the default) every record is written at most once and in order per
//! partition, whatever is retried; memory is bounded by `buffer_bytes`, behind which callers wait.
//! Kafka: `KafkaProducer`, `RecordAccumulator`.

pub(crate) mod batch;
mod lane;
pub(crate) mod partitioner;
mod request;
mod sender;

use std::{
    collections::{BTreeMap, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ottla_record::{BatchBuilder, BuilderOptions, Compression};
use ottla_types::ProducerId;
use tokio::{
    sync::{Notify, Semaphore, watch},
    time::Instant,
};

pub use batch::Delivery;
use batch::{OpenBatch, Outcome, PartitionKey, wait_for};
use partitioner::{Sticky, partition_for_key};

use crate::{Client, Delivered, Error, Record, Result, client::AutoCreate, topology::TopicInfo};

/// How many replicas must have a record before it counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acks {
    /// All that are in sync.
    All,
    /// The leader.
    Leader,
    /// None: the broker does not even answer.
    None,
}

/// How a producer works.
#[derive(Clone, Debug)]
pub struct ProducerConfig {
    /// When a record counts as written.
    pub acks: Acks,
    /// Whether retries can neither duplicate nor reorder. Needs [`Acks::All`].
    pub is_idempotent: bool,
    /// How long a batch that is not full waits for more. Zero: it goes as soon as the broker has
    /// answered what was sent before, so a lone record never waits.
    pub linger: Duration,
    /// When a batch is full, in bytes before compression.
    pub batch_bytes: usize,
    /// The most that one request carries, unless one batch alone is larger.
    pub request_bytes_max: usize,
    /// The most that waits to be sent or answered; `send` waits behind it.
    pub buffer_bytes: usize,
    /// How batches are compressed.
    pub compression: Compression,
    /// The codec's level, `None` for its default.
    pub compression_level: Option<i32>,
    /// How long a record may take from being accepted to being written, with all retries.
    pub delivery_timeout: Duration,
    /// Unanswered requests per broker. At most 5 with idempotence: brokers remember five batches.
    pub in_flight_max: usize,
}

impl Default for ProducerConfig {
    fn default() -> Self {
        Self {
            acks: Acks::All,
            is_idempotent: true,
            linger: Duration::ZERO,
            batch_bytes: 128 << 10,
            request_bytes_max: 1 << 20,
            buffer_bytes: 32 << 20,
            compression: Compression::None,
            compression_level: None,
            delivery_timeout: Duration::from_mins(2),
            in_flight_max: 5,
        }
    }
}

/// Writes records. Cheap to clone; clones share the batches.
///
/// When the last clone is dropped, what was accepted is still sent in the background while the
/// runtime lives. [`Producer::close`] waits for it.
#[derive(Clone, Debug)]
pub struct Producer {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    shared: Arc<Shared>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.state().is_closing = true;
        self.shared.wake.notify_one();
    }
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) config: ProducerConfig,
    /// Whose transactions the records belong to.
    pub(crate) transactional_id: Option<Arc<str>>,
    pub(crate) wake: Notify,
    memory: Semaphore,
    state: Mutex<State>,
}

/// Batches that were not taken by the sender yet.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) queues: BTreeMap<PartitionKey, Queue>,
    /// Batches that the sender took and that have no outcome yet, by their id.
    pub(crate) taken: BTreeMap<u64, watch::Receiver<Outcome>>,
    pub(crate) sticky: BTreeMap<Arc<str>, Sticky>,
    pub(crate) is_closing: bool,
    /// What a transactional producer is called until its transaction ends.
    pub(crate) identity: Option<(ProducerId, i16)>,
    /// The first failure since somebody asked.
    pub(crate) failure: Option<Error>,
}

/// One partition's batches: full ones in order, then the one that takes records.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) full: VecDeque<OpenBatch>,
    pub(crate) open: Option<OpenBatch>,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn give_back(&self, memory: usize) {
        self.memory.add_permits(memory);
    }

    fn builder_options(&self) -> BuilderOptions {
        BuilderOptions {
            compression: self.config.compression,
            level: self.config.compression_level,
            transactional: self.transactional_id.is_some(),
            ..BuilderOptions::default()
        }
    }
}

impl Producer {
    pub(crate) fn new(client: Client, config: ProducerConfig) -> Self {
        Self::start(client, config, None)
    }

    /// A producer of a transactional id, which is told what it is called.
    pub(crate) fn transactional(
        client: Client,
        mut config: ProducerConfig,
        transactional_id: Arc<str>,
    ) -> Self {
        (config.acks, config.is_idempotent) = (Acks::All, true);
        Self::start(client, config, Some(transactional_id))
    }

    fn start(
        client: Client,
        mut config: ProducerConfig,
        transactional_id: Option<Arc<str>>,
    ) -> Self {
        config.is_idempotent &= config.acks == Acks::All;
        let limit = if config.is_idempotent { 5 } else { 1000 };
        config.in_flight_max = config.in_flight_max.clamp(1, limit);
        config.buffer_bytes = config.buffer_bytes.clamp(64 << 10, Semaphore::MAX_PERMITS);
        let shared = Arc::new(Shared {
            memory: Semaphore::new(config.buffer_bytes),
            client,
            config,
            transactional_id,
            wake: Notify::new(),
            state: Mutex::default(),
        });
        tokio::spawn(sender::Sender::new(shared.clone()).run());
        Self { handle: Arc::new(Handle { shared }) }
    }

    /// Writes a record and waits until it is written.
    ///
    /// Cancelling takes nothing back: a record that was accepted is sent.
    pub async fn send(&self, record: Record) -> Result<Delivered> {
        self.enqueue(record).await?.wait().await
    }

    /// Takes a record and returns at once with a [`Delivery`] to wait for, unless memory is full or
    /// the topic is new to this client. Records of one caller keep their order per partition.
    pub async fn enqueue(&self, mut record: Record) -> Result<Delivery> {
        let shared = &self.handle.shared;
        let cannot = || format!("cannot produce to {}", record.topic);
        let known = shared.client.topology().topics.get(&record.topic).cloned();
        let topic = match known.filter(|topic| !topic.partitions.is_empty()) {
            Some(topic) => topic,
            None => shared.client.topic(&record.topic, AutoCreate::Yes).await?,
        };
        let partitions = topic.partition_count();
        if let Some(partition) = record.partition
            && !(0..partitions).contains(&partition)
        {
            let why = format!("partition {partition} does not exist: it has {partitions}");
            return Err(Error::invalid(cannot(), why));
        }
        let (key, value) = (record.body.key.as_deref(), record.body.value.as_deref());
        let size = BatchBuilder::record_size_max(key, value, &record.body.headers);
        let permits = u32::try_from(size).ok().filter(|_| size <= shared.config.buffer_bytes);
        let Some(permits) = permits else {
            let limit = shared.config.buffer_bytes;
            return Err(Error::invalid(
                cannot(),
                format!("a record of {size} bytes is over {limit}"),
            ));
        };
        match shared.memory.acquire_many(permits).await {
            Ok(permit) => permit.forget(),
            Err(_) => return Err(Error::closed(cannot())),
        }
        if !record.has_timestamp {
            record.body.timestamp = now_ms();
        }
        let (delivery, wakes) = shared.place(&record, &topic, size)?;
        if wakes {
            shared.wake.notify_one();
        }
        Ok(delivery)
    }

    /// Waits until every record that was taken so far is written, or gives the first failure.
    pub async fn flush(&self) -> Result<()> {
        let mut outcomes = Vec::new();
        {
            let mut state = self.handle.shared.state();
            outcomes.extend(state.taken.values().cloned());
            for queue in state.queues.values_mut() {
                for batch in queue.full.iter_mut().chain(queue.open.as_mut()) {
                    batch.is_urgent = true;
                    outcomes.push(batch.watcher());
                }
            }
        }
        self.handle.shared.wake.notify_one();
        let mut failure = Ok(());
        for mut outcome in outcomes {
            let done = wait_for(&mut outcome).await;
            if let (Ok(()), Err(error)) = (&failure, done) {
                failure = Err(error);
            }
        }
        failure
    }

    /// Says what a transactional producer is called from now on. Nothing may be on its way.
    pub(crate) fn identify(&self, identity: (ProducerId, i16)) {
        let mut state = self.handle.shared.state();
        (state.identity, state.failure) = (Some(identity), None);
    }

    /// What went wrong since the producer was identified.
    pub(crate) fn take_failure(&self) -> Option<Error> {
        self.handle.shared.state().failure.take()
    }

    /// Drops what was not sent, and waits for the rest.
    pub(crate) async fn discard(&self) {
        let shared = &self.handle.shared;
        let queues = std::mem::take(&mut shared.state().queues);
        let error = Error::closed("the transaction is aborted");
        for queue in queues.into_values() {
            for batch in queue.full.into_iter().chain(queue.open) {
                shared.give_back(batch.into_fate().settle(Err(error.clone())));
            }
        }
        // Whatever came of it does not count.
        let _outcome = self.flush().await;
    }

    /// Flushes, then stops.
    pub async fn close(self) -> Result<()> {
        self.flush().await
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Shared {
    /// Puts a record into its partition's open batch. Says whether the sender has to look.
    fn place(&self, record: &Record, topic: &TopicInfo, size: usize) -> Result<(Delivery, bool)> {
        let mut guard = self.state();
        let state = &mut *guard;
        if state.is_closing {
            self.give_back(size);
            return Err(Error::closed(format!("cannot produce to {}", record.topic)));
        }
        let is_sticky = record.partition.is_none() && record.body.key.is_none();
        let partition = match (record.partition, record.body.key.as_deref()) {
            (Some(partition), _) => partition,
            (None, Some(key)) => partition_for_key(key, topic.partition_count()),
            (None, None) => {
                let sticky = state.sticky.entry(record.topic.clone()).or_insert_with(|| {
                    let seed = RandomState::new().hash_one(&record.topic);
                    Sticky::new(u32::try_from(seed >> 32).unwrap_or(0))
                });
                sticky.partition_with_leader(topic)
            }
        };
        let queue = state.queues.entry((record.topic.clone(), partition)).or_default();
        let (mut wakes, mut closes) = (false, false);
        let is_full =
            |batch: &OpenBatch| batch.size().saturating_add(size) > self.config.batch_bytes;
        if let Some(full) = queue.open.take_if(|open| is_full(open)) {
            queue.full.push_back(full);
            closes = true;
        }
        let open = queue.open.get_or_insert_with(|| {
            wakes = true;
            OpenBatch::new(self.builder_options(), Instant::now())
        });
        let mut delivery = match open.append(record, size) {
            Ok(delivery) => delivery,
            Err(error) => {
                self.give_back(size);
                return Err(error);
            }
        };
        delivery.partition = partition;
        if open.size() >= self.config.batch_bytes
            && let Some(full) = queue.open.take()
        {
            queue.full.push_back(full);
            closes = true;
        }
        if is_sticky
            && closes
            && let Some(sticky) = state.sticky.get_mut(&record.topic)
        {
            sticky.advance();
        }
        Ok((delivery, wakes || closes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(batch_bytes: usize) -> Shared {
        Shared {
            client: Client::unconnected(),
            config: ProducerConfig { batch_bytes, ..ProducerConfig::default() },
            transactional_id: None,
            wake: Notify::new(),
            memory: Semaphore::new(1 << 20),
            state: Mutex::default(),
        }
    }

    fn shape(shared: &Shared) -> Vec<(i32, usize, bool)> {
        let state = shared.state();
        let queues = state.queues.iter();
        queues.map(|((_, it), queue)| (*it, queue.full.len(), queue.open.is_some())).collect()
    }

    #[test]
    fn a_full_batch_makes_room_for_the_next() {
        let shared = shared(200);
        let record = Record::to("t").partition(1).value(vec![0; 100]);
        let mut wakes = Vec::new();
        for _ in 0..3 {
            wakes.push(shared.place(&record, &TopicInfo::led_by(&[1, 1, 1]), 136).unwrap().1);
        }
        assert_eq!(shape(&shared), [(1, 2, true)]);
        assert_eq!(wakes, [true, true, true]);
    }

    #[test]
    fn records_that_fit_share_a_batch_and_wake_nobody_again() {
        let shared = shared(10_000);
        let record = Record::to("t").key("k").value("v");
        let wakes: Vec<bool> = (0..3)
            .map(|_| shared.place(&record, &TopicInfo::led_by(&[1, 1, 1]), 40).unwrap().1)
            .collect();
        assert_eq!(shape(&shared), [(partition_for_key(b"k", 3), 0, true)]);
        assert_eq!(wakes, [true, false, false]);
    }

    #[test]
    fn records_without_a_key_move_on_with_a_full_batch() {
        let shared = shared(200);
        let record = Record::to("t").value(vec![0; 300]);
        let partitions: Vec<i32> = (0..3)
            .map(|_| {
                shared.place(&record, &TopicInfo::led_by(&[1, 1, 1]), 336).unwrap().0.partition
            })
            .collect();
        let mut sorted = partitions.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 2], "{partitions:?}");
    }
}
