//! The controller: decides on requests that change the cluster, one after the other.
//!
//! One thread owns the image and the metadata log. A decision is made on the image, its records
//! are committed and replayed, the partitions of this broker follow, the image is published, and
//! only then is the answer given: so a topic that was created can be used at once.
//! Kafka: `QuorumController`, `BrokerMetadataPublisher`.

use std::{
    sync::{
        Arc, OnceLock, PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    thread::JoinHandle,
};

use ottla_config::ServerConfig;
use ottla_metadata::{
    ConfigResource, Delta, Image, MetadataLog as _, MetadataRecord, ResourceType, Snapshot,
    SnapshotId,
    decide::{self, Context, Decision, InternalTopic, RECORDS_PER_BATCH_MAX},
};
use ottla_types::{BrokerId, ErrorCode, LeaderEpoch, Offset, TopicIdPartition, TopicName, Uuid};
use tokio::sync::{mpsc, oneshot};

use crate::{
    broker::{Shared, StartError},
    clock::now_ms,
    metadata_log::{Applied, LocalMetadataLog, Opened},
    partitions::Replica,
    random::new_id,
    storage,
};

/// Decisions that may wait for the controller's thread.
const WAITING_MAX: usize = 256;

type Job = Box<dyn FnOnce(&mut Owner) + Send>;

/// The way to the controller's thread, and what it published last.
#[derive(Debug)]
pub(crate) struct Controller {
    image: RwLock<(Arc<Image>, Offset)>,
    config: RwLock<Arc<ServerConfig>>,
    jobs: RwLock<Option<mpsc::Sender<Job>>>,
    /// The epoch in which this broker leads the quorum: one for each start.
    leader_epoch: OnceLock<LeaderEpoch>,
    /// Up to where the metadata log is on disk for good.
    recovery_point: AtomicI64,
}

/// What the controller's thread owns.
struct Owner {
    shared: Arc<Shared>,
    log: LocalMetadataLog,
    image: Image,
    applied: Applied,
}

impl Controller {
    /// The controller of this broker, which has replayed the log up to `image`.
    pub(crate) fn new(
        config: &ServerConfig,
        broker_id: BrokerId,
        image: Image,
        next: Offset,
    ) -> Self {
        let config = with_dynamic(config, &image, broker_id);
        Self {
            image: RwLock::new((Arc::new(image), next)),
            config: RwLock::new(Arc::new(config)),
            jobs: RwLock::new(None),
            leader_epoch: OnceLock::new(),
            recovery_point: AtomicI64::new(next.get()),
        }
    }

    /// The image as it is now.
    pub(crate) fn image(&self) -> Arc<Image> {
        Arc::clone(&self.image.read().unwrap_or_else(PoisonError::into_inner).0)
    }

    /// The offset of the last record the image contains.
    pub(crate) fn last_applied(&self) -> Offset {
        Offset(self.image.read().unwrap_or_else(PoisonError::into_inner).1.get() - 1)
    }

    /// The epoch in which this broker leads the quorum; 0 before it does.
    pub(crate) fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch.get().copied().unwrap_or(LeaderEpoch(0))
    }

    /// Up to where the metadata log is on disk for good, exclusive.
    pub(crate) fn recovery_point(&self) -> Offset {
        Offset(self.recovery_point.load(Ordering::Acquire))
    }

    /// The broker's configuration as it is now.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records a new cluster, if this is one, and the start of this broker; then starts the thread.
    pub(crate) fn start(
        &self,
        shared: &Arc<Shared>,
        opened: Opened,
        start: decide::BrokerStart,
    ) -> Result<Option<JoinHandle<()>>, StartError> {
        let Opened { log, image, applied, prepared } = opened;
        self.leader_epoch.get_or_init(|| log.leader_epoch());
        let mut owner = Owner { shared: Arc::clone(shared), log, image, applied };
        let failed = |code: ErrorCode| StartError::Metadata(format!("cluster metadata: {code}"));
        if owner.image.metadata_version() == 0 {
            owner.commit(&decide::bootstrap(&prepared)).map_err(failed)?;
        }
        let broker_epoch = owner.log.next_offset().get();
        let cordoned = shared.log_dirs.cordoned_ids(&self.config());
        let records = decide::start_broker(
            &owner.image,
            &decide::BrokerStart { broker_epoch, cordoned, ..start },
        );
        owner.commit(&records).map_err(failed)?;
        owner.publish(&Delta::default());
        owner.refresh_config();
        let (sender, mut receiver) = mpsc::channel::<Job>(WAITING_MAX);
        *self.jobs.write().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        #[cfg(feature = "simulation")]
        if crate::simulation::is_on() {
            let in_turn = async move {
                while let Some(job) = receiver.recv().await {
                    job(&mut owner);
                }
            };
            drop(tokio::spawn(in_turn));
            return Ok(None);
        }
        let thread = std::thread::Builder::new().name("ottla-controller".to_owned());
        let thread = thread.spawn(move || {
            while let Some(job) = receiver.blocking_recv() {
                job(&mut owner);
            }
            if let Err(error) = owner.log.close() {
                tracing::error!("the log of the cluster metadata cannot be closed: {error}");
            }
        })?;
        Ok(Some(thread))
    }

    /// Has the thread make a snapshot and drop old ones, where it is time for that. A thread that
    /// is busy is asked again next time.
    pub(crate) fn tend(&self) {
        let jobs = self.jobs.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(jobs) = jobs.as_ref() {
            drop(jobs.try_send(Box::new(Owner::tend)));
        }
    }

    /// Records that this broker stops in an orderly way, and lets the thread end after that and
    /// whatever else waits. For a thread that serves nobody.
    pub(crate) fn stop(&self) {
        let jobs = self.jobs.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(jobs) = jobs {
            // A thread that has ended has logged why.
            drop(jobs.blocking_send(Box::new(Owner::record_stop)));
        }
    }

    /// Has a decision made and carried out; its response, or why it could not be committed.
    pub(crate) async fn decide<R: Send + 'static>(
        &self,
        decide: impl FnOnce(Context<'_>) -> Decision<R> + Send + 'static,
    ) -> Result<R, ErrorCode> {
        let jobs = self.jobs.read().unwrap_or_else(PoisonError::into_inner).clone();
        let jobs = jobs.ok_or(ErrorCode::NotController)?;
        let (sender, receiver) = oneshot::channel();
        let job: Job = Box::new(move |owner| {
            // A client that has gone does not want the answer; what was decided stays.
            drop(sender.send(owner.carry_out(decide)));
        });
        jobs.send(job).await.map_err(|_stopped| ErrorCode::NotController)?;
        receiver.await.map_err(|_stopped| ErrorCode::NotController)?
    }

    /// Creates an internal topic unless it is there.
    pub(crate) async fn create_internal_topic(
        &self,
        topic: InternalTopic,
    ) -> Result<(), ErrorCode> {
        let response = self
            .decide(move |context| decide::create_internal_topic(context, topic, &mut new_id))
            .await?;
        let code = response.topics.first().map_or(0, |topic| topic.error_code);
        match ErrorCode::from_code(code) {
            ErrorCode::None | ErrorCode::TopicAlreadyExists => Ok(()),
            other => {
                tracing::error!("internal topic {} cannot be created: {other}", topic.name());
                Err(ErrorCode::CoordinatorNotAvailable)
            }
        }
    }
}

/// The static configuration with what the image says on top. Values that a newer or older version
/// wrote and this one cannot use are named once and left out.
fn with_dynamic(config: &ServerConfig, image: &Image, broker_id: BrokerId) -> ServerConfig {
    let own = image.broker_overrides(broker_id);
    let (config, invalid) = config.with_dynamic(image.cluster_overrides(), own);
    for error in invalid {
        tracing::warn!("dynamic configuration is left out: {error}");
    }
    config
}

fn is_of_brokers(resource: &ConfigResource) -> bool {
    resource.resource_type == ResourceType::BROKER
}

impl Owner {
    fn carry_out<R>(
        &mut self,
        decide: impl FnOnce(Context<'_>) -> Decision<R>,
    ) -> Result<R, ErrorCode> {
        let config = self.shared.config();
        let broker_id = self.shared.broker_id;
        let decision = decide(Context { image: &self.image, config: &config, broker_id });
        if !decision.records.is_empty() {
            let delta = self.commit(&decision.records)?;
            let unrecorded = self.apply(&delta);
            self.record_directories(&unrecorded);
            self.publish(&delta);
            if delta.configs.iter().any(is_of_brokers) {
                self.record_cordoned();
            }
            self.snapshot_if_due();
        }
        Ok(decision.response)
    }

    fn tend(&mut self) {
        self.host_waiting();
        self.snapshot_if_due();
        if let Err(error) = self.log.clean_if_due(now_ms()) {
            tracing::error!("old cluster metadata cannot be removed: {error}");
        }
    }

    /// Makes the logs again for which there was no room.
    fn host_waiting(&mut self) {
        if !self.shared.partitions.set_waiting(false) {
            return;
        }
        let is_waiting = |replica: &Replica| matches!(replica, Replica::Waiting { .. });
        for hosted in self.shared.partitions.topics() {
            if hosted.replicas().iter().any(is_waiting)
                && let Some(topic) = self.image.topic_by_id(hosted.id)
            {
                let unrecorded = storage::host_topic(&self.shared, &self.image, topic);
                self.record_directories(&unrecorded);
                self.lead_coordinators(hosted.id);
            }
        }
    }

    /// Makes a snapshot if enough has changed since the last one. That it cannot be made is no
    /// reason to stop: the log has everything.
    fn snapshot_if_due(&mut self) {
        let now = now_ms();
        if self.image.is_in_transaction() || !self.log.is_snapshot_due(now) {
            return;
        }
        let Applied { next, leader_epoch, timestamp } = self.applied;
        let snapshot = Snapshot {
            id: SnapshotId { end_offset: next, leader_epoch },
            last_contained_timestamp: timestamp,
            records: self.image.to_records(),
        };
        match self.log.save_snapshot(&snapshot).and_then(|()| self.log.clean(now)) {
            Ok(()) => tracing::info!("metadata snapshot {} is written", snapshot.id.file_name()),
            Err(error) => tracing::error!("a metadata snapshot cannot be written: {error}"),
        }
    }

    /// Records the stop. The partitions do not follow: they are closed next, by this process.
    fn record_stop(&mut self) {
        let records = decide::stop_broker(&self.image, self.shared.broker_id);
        if let Err(error) = self.commit(&records) {
            tracing::error!("that this broker stops in order cannot be recorded: {error}");
        }
    }

    /// Commits records and replays them.
    fn commit(&mut self, records: &[MetadataRecord]) -> Result<Delta, ErrorCode> {
        let mut delta = Delta::default();
        for batch in records.chunks(RECORDS_PER_BATCH_MAX) {
            self.log.propose(batch).map_err(|error| {
                tracing::error!("cluster metadata cannot be written: {error}");
                if !error.is_full() {
                    self.shared.log_dirs.metadata().fail(&error);
                }
                ErrorCode::KafkaStorageError
            })?;
        }
        let recovery_point = self.log.recovery_point().get();
        self.shared.controller.recovery_point.store(recovery_point, Ordering::Release);
        while let Some(batch) = self.log.next_committed(self.applied.next).map_err(|error| {
            tracing::error!("cluster metadata cannot be read: {error}");
            ErrorCode::KafkaStorageError
        })? {
            self.applied.advance(&batch);
            for record in &batch.records {
                if let Err(error) = self.image.replay_into(record, &mut delta) {
                    tracing::error!("a metadata record contradicts the image: {error}");
                    return Err(ErrorCode::UnknownServerError);
                }
            }
        }
        Ok(delta)
    }

    /// Records in which directories the broker has put its replicas, where it had a choice.
    fn record_directories(&mut self, unrecorded: &[(TopicIdPartition, Uuid)]) {
        let broker_id = self.shared.broker_id;
        let records = decide::assign_directories(&self.image, broker_id, unrecorded);
        if !records.is_empty()
            && let Err(code) = self.commit(&records)
        {
            // The next start finds the replicas where they are and records that.
            tracing::error!("directories of new partitions cannot be recorded: {code}");
        }
    }

    /// Records which directories take no new partitions, where that has changed.
    fn record_cordoned(&mut self) {
        let cordoned = self.shared.log_dirs.cordoned_ids(&self.shared.config());
        let records = decide::cordon_directories(&self.image, self.shared.broker_id, &cordoned);
        if records.is_empty() {
            return;
        }
        match self.commit(&records) {
            Ok(delta) => self.publish(&delta),
            Err(code) => tracing::error!("cordoned directories cannot be recorded: {code}"),
        }
    }

    /// Lets this broker's partitions follow. Gives the replicas whose directory is not recorded.
    fn apply(&self, delta: &Delta) -> Vec<(TopicIdPartition, Uuid)> {
        for (id, topic) in &delta.deleted_topics {
            storage::drop_topic(&self.shared, *id);
            self.shared.deleted_names.add(&topic.name);
            self.shared.groups.remove_topic(&self.shared, &topic.name, *id);
        }
        let mut grown: Vec<Uuid> = delta.partitions.iter().map(|part| part.topic_id).collect();
        grown.dedup();
        let mut unrecorded = Vec::new();
        for id in grown {
            let Some(topic) = self.image.topic_by_id(id) else { continue };
            unrecorded.extend(storage::host_topic(&self.shared, &self.image, topic));
            self.lead_coordinators(id);
        }
        unrecorded
    }

    /// Makes this broker the coordinator of what a topic's partitions keep, if it is a
    /// coordinator's.
    fn lead_coordinators(&self, topic_id: Uuid) {
        let Some(hosted) = self.shared.partitions.topic_by_id(topic_id) else { return };
        match &*hosted.name {
            TopicName::CONSUMER_OFFSETS => self.shared.groups.lead(&self.shared, &hosted),
            TopicName::TRANSACTION_STATE => self.shared.transactions.lead(&self.shared, &hosted),
            _ => {}
        }
    }

    /// Reads the dynamic values of this broker and of the whole cluster again.
    fn refresh_config(&self) {
        let config = with_dynamic(&self.shared.config(), &self.image, self.shared.broker_id);
        let current = &self.shared.controller.config;
        *current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
    }

    /// Shows everyone the image, and the settings that come with it.
    fn publish(&self, delta: &Delta) {
        let controller = &self.shared.controller;
        *controller.image.write().unwrap_or_else(PoisonError::into_inner) =
            (Arc::new(self.image.clone()), self.applied.next);
        if delta.configs.iter().any(is_of_brokers) {
            self.refresh_config();
            for topic in self.shared.partitions.topics() {
                storage::refresh_settings(&self.shared, &self.image, &topic);
            }
            return;
        }
        for resource in &delta.configs {
            if resource.resource_type == ResourceType::TOPIC
                && let Some(topic) = self.shared.partitions.topic(&resource.name)
            {
                storage::refresh_settings(&self.shared, &self.image, &topic);
            }
        }
    }
}
