//! Every partition this broker hosts, by topic name and by topic id.
//!
//! Readers take a short read lock and go on with an `Arc`; writers are the controller's thread
//! alone. Kafka: `ReplicaManager`.

use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    hash::BuildHasherDefault,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard,
        atomic::{AtomicBool, Ordering},
    },
};

use ottla_types::{ErrorCode, TopicName, Uuid};
use prometheus_client::metrics::counter::Counter;

use crate::{log_dirs::DataDir, partition::Partition, settings::TopicSettings};

/// This broker's replica of a partition.
#[derive(Clone, Debug)]
pub(crate) enum Replica {
    /// Its log is open, or was until its directory failed.
    Open(Arc<Partition>),
    /// Its log cannot be made for lack of room; that is tried again.
    Waiting {
        /// Where it is to lie.
        dir: Arc<DataDir>,
    },
    /// Its log cannot be opened.
    Offline {
        /// Where it lies, if that is known.
        dir: Option<Arc<DataDir>>,
    },
}

impl Replica {
    /// The partition, if it can be served.
    pub(crate) fn online(&self) -> Option<&Arc<Partition>> {
        match self {
            Self::Open(partition) if !partition.is_offline() => Some(partition),
            Self::Open(_) | Self::Waiting { .. } | Self::Offline { .. } => None,
        }
    }
}

/// A topic's partitions and settings.
#[derive(Debug)]
pub(crate) struct HostedTopic {
    /// Its name.
    pub(crate) name: TopicName,
    /// Its id.
    pub(crate) id: Uuid,
    /// By number, from 0.
    replicas: Vec<Replica>,
    settings: RwLock<Arc<TopicSettings>>,
    /// Bytes of record batches appended; the topic's row in the metrics.
    pub(crate) bytes_in: Counter,
}

impl HostedTopic {
    /// A topic with the replicas of all of its partitions, by number.
    pub(crate) fn new(
        name: TopicName,
        id: Uuid,
        replicas: Vec<Replica>,
        settings: Arc<TopicSettings>,
        bytes_in: Counter,
    ) -> Self {
        Self { name, id, replicas, settings: RwLock::new(settings), bytes_in }
    }

    /// The replica of the partition with this number.
    pub(crate) fn replica(&self, partition: i32) -> Option<&Replica> {
        usize::try_from(partition).ok().and_then(|place| self.replicas.get(place))
    }

    /// The partition with this number, or what to answer where there is none to serve.
    pub(crate) fn partition(&self, partition: i32) -> Result<Arc<Partition>, ErrorCode> {
        let replica = self.replica(partition).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        replica.online().cloned().ok_or(ErrorCode::KafkaStorageError)
    }

    /// The partitions that can be served, by number.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = &Arc<Partition>> {
        self.replicas.iter().filter_map(Replica::online)
    }

    /// The replicas of all partitions, by number.
    pub(crate) fn replicas(&self) -> &[Replica] {
        &self.replicas
    }

    /// The settings that hold now.
    pub(crate) fn settings(&self) -> Arc<TopicSettings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// New settings, for every later request; the logs take over what concerns them.
    pub(crate) fn change_settings(&self, settings: &Arc<TopicSettings>) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(settings);
        for partition in self.partitions() {
            partition.change_settings(settings);
        }
    }
}

/// All topics.
#[derive(Debug, Default)]
pub(crate) struct Partitions {
    inner: RwLock<Inner>,
    /// Whether a replica is waiting for room.
    has_waiting: AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    by_name: HashMap<TopicName, Arc<HostedTopic>>,
    /// Its ids are ours, so nobody can choose them to collide; and without random keys the order of
    /// what is done to all topics in turn can be repeated.
    by_id: HashMap<Uuid, Arc<HostedTopic>, BuildHasherDefault<DefaultHasher>>,
}

impl Partitions {
    /// The topic with this name.
    pub(crate) fn topic(&self, name: &str) -> Option<Arc<HostedTopic>> {
        self.read().by_name.get(name).cloned()
    }

    /// The topic with this id.
    pub(crate) fn topic_by_id(&self, id: Uuid) -> Option<Arc<HostedTopic>> {
        self.read().by_id.get(&id).cloned()
    }

    /// Adds a topic, or replaces it where it got more partitions.
    pub(crate) fn insert(&self, topic: Arc<HostedTopic>) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.by_name.insert(topic.name.clone(), Arc::clone(&topic));
        inner.by_id.insert(topic.id, topic);
    }

    /// Says whether a replica is waiting for room; gives what was said before.
    pub(crate) fn set_waiting(&self, has_waiting: bool) -> bool {
        self.has_waiting.swap(has_waiting, Ordering::AcqRel)
    }

    /// Takes a topic out.
    pub(crate) fn remove(&self, id: Uuid) -> Option<Arc<HostedTopic>> {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let topic = inner.by_id.remove(&id)?;
        inner.by_name.remove(&topic.name);
        Some(topic)
    }

    /// Every topic, in no order.
    pub(crate) fn topics(&self) -> Vec<Arc<HostedTopic>> {
        self.read().by_id.values().cloned().collect()
    }

    /// Every partition that can be served, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<Partition>> {
        self.read().by_id.values().flat_map(|topic| topic.partitions().cloned()).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }
}
