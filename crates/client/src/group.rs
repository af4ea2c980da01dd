//! A member of a consumer group: gets its share of the partitions, reads them, commits.
//!
//! Invariants: after a rebalance began, no record of a partition that went elsewhere is returned;
//! what is committed was returned and dealt with (a record counts as dealt with when the next one
//! is asked for, or when `commit` is called), so delivery is at least once.
//! Kafka: `KafkaConsumer` with `subscribe`, classic protocol.

mod assignor;
mod membership;
mod protocol;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use ottla_types::{LeaderEpoch, Offset};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

pub use assignor::Assignor;

use crate::{
    Client, CommittedOffset, ConsumedRecord, Consumer, ConsumerConfig, Error, GroupMembership,
    Position, Result,
    admin::{Committer, Offsets},
    consumer::{self, state::Key},
};

/// How a member takes part.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) group_id: String,
    pub(crate) topics: Vec<String>,
    pub(crate) from: Position,
    pub(crate) assignors: Vec<Assignor>,
    pub(crate) session_timeout: Duration,
    pub(crate) heartbeat_interval: Duration,
    pub(crate) rebalance_timeout: Duration,
    pub(crate) auto_commit: Option<Duration>,
    pub(crate) group_instance_id: Option<String>,
}

/// A group member that is still to be set up.
#[derive(Clone, Debug)]
pub struct GroupBuilder {
    client: Client,
    settings: Settings,
    config: ConsumerConfig,
}

impl GroupBuilder {
    pub(crate) fn new(client: Client, group_id: &str) -> Self {
        let settings = Settings {
            group_id: group_id.to_owned(),
            topics: Vec::new(),
            from: Position::End,
            assignors: vec![Assignor::Range, Assignor::RoundRobin],
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(3),
            rebalance_timeout: Duration::from_mins(5),
            auto_commit: None,
            group_instance_id: None,
        };
        Self { client, settings, config: ConsumerConfig::default() }
    }

    /// The topics to read.
    #[must_use]
    pub fn topics<T: Into<String>>(mut self, topics: impl IntoIterator<Item = T>) -> Self {
        self.settings.topics.extend(topics.into_iter().map(Into::into));
        self
    }

    /// Where to start in partitions for which the group has no offset. The end, if not said.
    #[must_use]
    pub const fn from(mut self, position: Position) -> Self {
        self.settings.from = position;
        self
    }

    /// The assignors this member supports, the preferred one first.
    #[must_use]
    pub fn assignors(mut self, assignors: Vec<Assignor>) -> Self {
        self.settings.assignors = assignors;
        self
    }

    /// After how long without a heartbeat the member counts as dead.
    #[must_use]
    pub const fn session_timeout(mut self, limit: Duration) -> Self {
        self.settings.session_timeout = limit;
        self
    }

    /// How often the member says that it lives.
    #[must_use]
    pub const fn heartbeat_interval(mut self, interval: Duration) -> Self {
        self.settings.heartbeat_interval = interval;
        self
    }

    /// How long the others may take to rejoin.
    #[must_use]
    pub const fn rebalance_timeout(mut self, limit: Duration) -> Self {
        self.settings.rebalance_timeout = limit;
        self
    }

    /// Commits by itself this often, before each rebalance and at close.
    #[must_use]
    pub const fn auto_commit(mut self, interval: Duration) -> Self {
        self.settings.auto_commit = Some(interval);
        self
    }

    /// A fixed identity: the member keeps its partitions over a restart within the session timeout.
    #[must_use]
    pub fn group_instance_id(mut self, id: impl Into<String>) -> Self {
        self.settings.group_instance_id = Some(id.into());
        self
    }

    /// How records are fetched.
    #[must_use]
    pub fn config(mut self, config: ConsumerConfig) -> Self {
        self.config = config;
        self
    }

    /// Starts to join. Records come once the group has given this member partitions.
    #[expect(clippy::unused_async, reason = "so that starting may wait for the coordinator later")]
    pub async fn start(self) -> Result<GroupConsumer> {
        if self.settings.topics.is_empty() {
            let what = format!("cannot join group {}", self.settings.group_id);
            return Err(Error::invalid(what, "no topic was named"));
        }
        if self.settings.assignors.is_empty() {
            let what = format!("cannot join group {}", self.settings.group_id);
            return Err(Error::invalid(what, "no assignor was named"));
        }
        let consumer = self.client.consumer_with(self.config);
        let (assignment, _) = watch::channel(Assignment::default());
        let shared = Arc::new(Shared {
            client: self.client,
            settings: self.settings,
            fetching: consumer.shared.clone(),
            progress: Mutex::default(),
            idle: Notify::new(),
            assignment,
        });
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(membership::Membership::new(shared.clone()).run(stopped));
        Ok(GroupConsumer { consumer, shared, stop, task })
    }
}

/// What a member has to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    /// The generation of the group, −1 while there is none.
    pub generation_id: i32,
    /// This member's id.
    pub member_id: String,
    /// Whether this member computes the assignments.
    pub is_leader: bool,
    /// The partitions. Empty during a rebalance.
    pub partitions: Vec<(String, i32)>,
}

/// What the reading and the membership side of a member share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) settings: Settings,
    pub(crate) fetching: Arc<consumer::Shared>,
    progress: Mutex<Progress>,
    /// Told when no record is in anybody's hands.
    pub(crate) idle: Notify,
    pub(crate) assignment: watch::Sender<Assignment>,
}

#[derive(Debug, Default)]
struct Progress {
    committer: Committer,
    /// The record that was returned last and may still be worked on.
    in_hand: Option<(Key, CommittedOffset)>,
    committed: BTreeMap<Key, Offset>,
}

impl Shared {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has_record_in_hand(&self) -> bool {
        self.progress().in_hand.is_some()
    }

    /// The new generation's member, and where the group was.
    pub(crate) fn begin(&self, committer: Committer, committed: BTreeMap<Key, Offset>) {
        *self.progress() = Progress { committer, in_hand: None, committed };
    }

    /// What was dealt with and is not committed yet.
    fn uncommitted(&self) -> (Committer, Offsets) {
        let fetching = self.fetching.state();
        let progress = self.progress();
        let mut offsets = Offsets::new();
        for (key, partition) in &fetching.partitions {
            let reached = match &progress.in_hand {
                Some((other, reached)) if other == key => reached.clone(),
                _ => commit_of(Offset(partition.position), partition.position_epoch, ""),
            };
            if progress.committed.get(key) != Some(&reached.offset) {
                offsets.insert(key.clone(), reached);
            }
        }
        (progress.committer.clone(), offsets)
    }

    /// Commits what was dealt with.
    pub(crate) async fn commit_progress(&self) -> Result<()> {
        let (committer, offsets) = self.uncommitted();
        self.commit(committer, offsets).await
    }

    async fn commit(&self, committer: Committer, offsets: Offsets) -> Result<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        let group_id = &self.settings.group_id;
        self.client.admin().commit(group_id, &committer, &offsets).await?;
        let mut progress = self.progress();
        if progress.committer.generation_id == committer.generation_id {
            let committed = offsets.into_iter().map(|(key, it)| (key, it.offset));
            progress.committed.extend(committed);
        }
        Ok(())
    }
}

fn commit_of(offset: Offset, leader_epoch: LeaderEpoch, metadata: &str) -> CommittedOffset {
    CommittedOffset { offset, leader_epoch, metadata: metadata.to_owned() }
}

/// Reads as a member of a group.
///
/// Dropping it leaves the group in the background; [`GroupConsumer::close`] waits for that.
#[derive(Debug)]
pub struct GroupConsumer {
    consumer: Consumer,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl GroupConsumer {
    /// The next record; says at the same time that the one before is dealt with. `None` once
    /// closed.
    ///
    /// Cancel safe.
    pub async fn next(&mut self) -> Option<Result<ConsumedRecord>> {
        self.put_down();
        let result = self.consumer.next().await?;
        if let Ok(record) = &result {
            self.pick_up(record);
        }
        Some(result)
    }

    /// The next record if one was fetched already. Never waits.
    pub fn try_next(&mut self) -> Option<Result<ConsumedRecord>> {
        self.put_down();
        let result = self.consumer.try_next()?;
        if let Ok(record) = &result {
            self.pick_up(record);
        }
        Some(result)
    }

    fn pick_up(&self, record: &ConsumedRecord) {
        let key = (record.topic.clone(), record.partition);
        let reached = commit_of(record.offset, record.leader_epoch, "");
        self.shared.progress().in_hand = Some((key, reached));
    }

    fn put_down(&self) {
        self.shared.progress().in_hand = None;
        self.shared.idle.notify_one();
    }

    /// Commits everything that was returned, the last record included.
    ///
    /// Fails with `REBALANCE_IN_PROGRESS` or `ILLEGAL_GENERATION` when the partitions went to
    /// another member in the meantime: it will get those records again.
    pub async fn commit(&mut self) -> Result<()> {
        self.put_down();
        self.shared.commit_progress().await
    }

    /// Like [`GroupConsumer::commit`], without waiting. The task gives the result.
    pub fn commit_async(&mut self) -> JoinHandle<Result<()>> {
        self.put_down();
        let (committer, offsets) = self.shared.uncommitted();
        let shared = self.shared.clone();
        tokio::spawn(async move { shared.commit(committer, offsets).await })
    }

    /// What this member would commit now, and as whom: for
    /// [`TransactionalProducer::send_offsets`](crate::TransactionalProducer::send_offsets).
    pub fn uncommitted(&mut self) -> (GroupMembership, BTreeMap<(Arc<str>, i32), CommittedOffset>) {
        self.put_down();
        let (committer, offsets) = self.shared.uncommitted();
        let membership = GroupMembership {
            group_id: self.shared.settings.group_id.clone(),
            generation_id: committer.generation_id,
            member_id: committer.member_id,
            group_instance_id: committer.group_instance_id,
        };
        (membership, offsets)
    }

    /// Commits one partition with a note. `offset` is the next one to read.
    pub async fn commit_offset(
        &mut self,
        topic: &str,
        partition: i32,
        offset: Offset,
        metadata: &str,
    ) -> Result<()> {
        let committer = self.shared.progress().committer.clone();
        let key: Key = (Arc::from(topic), partition);
        let offsets = Offsets::from([(key, commit_of(offset, LeaderEpoch::NONE, metadata))]);
        self.shared.commit(committer, offsets).await
    }

    /// Tells of every new assignment, and of the empty one when a rebalance begins.
    pub fn assignments(&self) -> watch::Receiver<Assignment> {
        self.shared.assignment.subscribe()
    }

    /// How far behind the end this member is, summed over its partitions; `None` if not known yet.
    pub fn lag(&self) -> Option<i64> {
        self.consumer.lag()
    }

    /// Commits if it does so by itself, leaves the group, stops.
    pub async fn close(mut self) -> Result<()> {
        self.put_down();
        let committed = match self.shared.settings.auto_commit {
            Some(_) => self.shared.commit_progress().await,
            None => Ok(()),
        };
        self.stop.send_replace(true);
        self.consumer.close();
        if (&mut self.task).await.is_err() {
            tracing::debug!("the membership task was gone already");
        }
        committed
    }
}
