//! The member's background task: joins, computes assignments when it leads, heartbeats, leaves.
//!
//! States: *joining* → (JoinGroup, SyncGroup) → *stable* → (REBALANCE_IN_PROGRESS) → *releasing* →
//! *joining*. An unknown member id or generation loses the partitions without a commit.
//! Kafka: `AbstractCoordinator`, `ConsumerCoordinator`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ottla_types::{BrokerId, ErrorCode, Offset};
use ottla_wire::{
    join_group_request::JoinGroupRequestProtocol,
    leave_group_request::MemberIdentity,
    messages::{
        HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
    },
    sync_group_request::SyncGroupRequestAssignment,
};
use tokio::{sync::watch, time::Instant};

use super::{
    Assignment, Assignor, Shared,
    assignor::Member,
    protocol::{assignment, subscription, topics_of},
};
use crate::{
    Error, Position, Result,
    admin::{Committer, Pending, assignment_of},
    client::{ANY, AutoCreate, Lane},
    consumer::{resolve, state::Key},
};

/// How long a rebalance waits for the record in hand to be dealt with.
const RELEASE_WAIT: Duration = Duration::from_secs(3);
/// How often the leader looks whether topics grew.
const TOPICS_INTERVAL: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(200);

pub(crate) struct Membership {
    shared: Arc<Shared>,
    lane: Lane,
    member_id: String,
    generation_id: i32,
    /// With the leader: the topics' sizes that the assignment was made for.
    assigned_for: Option<BTreeMap<String, i32>>,
}

/// How a session ended.
enum Ended {
    /// The group rebalances.
    Rebalance,
    /// The coordinator does not know this member any more.
    Forgotten,
}

impl Membership {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let lane = shared.client.new_lane();
        Self { shared, lane, member_id: String::new(), generation_id: -1, assigned_for: None }
    }

    /// Takes part until told to stop or until the consumer is dropped.
    pub(crate) async fn run(mut self, mut stopped: watch::Receiver<bool>) {
        loop {
            let session = tokio::select! {
                biased;
                // An error says that the consumer is gone.
                _ = stopped.wait_for(|stopped| *stopped) => break,
                session = self.session() => session,
            };
            match session {
                Ok(Ended::Rebalance) => {}
                Ok(Ended::Forgotten) => {
                    tracing::info!(group = self.shared.settings.group_id, "membership lost");
                    self.lose();
                    self.member_id.clear();
                }
                Err(error) if error.is_retriable() => {
                    tracing::debug!(%error, "group session failed, joining again");
                    self.lose();
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => {
                    self.lose();
                    let fetching = &self.shared.fetching;
                    fetching.state().errors.push_back(error);
                    fetching.wake_reader.notify_one();
                    break;
                }
            }
        }
        self.leave().await;
        self.shared.client.close_lane(self.lane);
    }

    async fn session(&mut self) -> Result<Ended> {
        let group_id = &self.shared.settings.group_id;
        let coordinator = self.shared.client.find_coordinator(group_id).await?;
        let Some(joined) = self.join(coordinator).await? else { return Ok(Ended::Rebalance) };
        let is_leader = joined.leader == joined.member_id && !joined.member_id.is_empty();
        let assignments = if is_leader && !joined.skip_assignment {
            self.lead(&joined).await?
        } else {
            Vec::new()
        };
        let Some(partitions) = self.sync(coordinator, &joined, assignments).await? else {
            return Ok(Ended::Rebalance);
        };
        self.adopt(partitions, is_leader).await?;
        self.stay(coordinator, is_leader).await
    }

    /// Joins. `None`: to be tried again at once.
    async fn join(&mut self, coordinator: BrokerId) -> Result<Option<JoinGroupResponse>> {
        let settings = &self.shared.settings;
        let metadata = subscription(&settings.topics)?;
        let protocols = settings.assignors.iter().map(|assignor| JoinGroupRequestProtocol {
            name: assignor.name().into(),
            metadata: metadata.clone(),
        });
        let request = JoinGroupRequest {
            group_id: (&settings.group_id).into(),
            session_timeout_ms: millis(settings.session_timeout),
            rebalance_timeout_ms: millis(settings.rebalance_timeout),
            member_id: (&self.member_id).into(),
            group_instance_id: settings.group_instance_id.as_ref().map(Into::into),
            protocol_type: "consumer".into(),
            protocols: protocols.collect(),
            ..JoinGroupRequest::default()
        };
        let to = (coordinator, self.lane);
        let extra = settings.rebalance_timeout;
        let response = self.shared.client.call(to, ANY, extra, |_| request).await?;
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => {
                self.member_id = response.member_id.to_string();
                self.generation_id = response.generation_id;
                Ok(Some(response))
            }
            ErrorCode::MemberIdRequired => {
                self.member_id = response.member_id.to_string();
                Ok(None)
            }
            ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration => {
                self.member_id.clear();
                Ok(None)
            }
            ErrorCode::RebalanceInProgress => Ok(None),
            code => Err(Error::broker(code, self.cannot_join(), None)),
        }
    }

    fn cannot_join(&self) -> String {
        format!("cannot join group {}", self.shared.settings.group_id)
    }

    /// Computes who reads what.
    async fn lead(
        &mut self,
        joined: &JoinGroupResponse,
    ) -> Result<Vec<SyncGroupRequestAssignment>> {
        let members: Vec<Member> = joined
            .members
            .iter()
            .map(|member| Member {
                member_id: member.member_id.to_string(),
                group_instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
                topics: topics_of(&member.metadata),
            })
            .collect();
        let mut topics: Vec<String> =
            members.iter().flat_map(|member| member.topics.iter().cloned()).collect();
        topics.sort_unstable();
        topics.dedup();
        let sizes = self.sizes(topics).await?;
        let name = joined.protocol_name.as_deref().unwrap_or_default();
        let Some(assignor) = Assignor::from_name(name) else {
            let why = format!("the group chose the assignor {name}, which is not known here");
            return Err(Error::invalid(self.cannot_join(), why));
        };
        let assigned = assignor.assign(&members, &sizes);
        self.assigned_for = Some(sizes);
        let wire = |(member_id, partitions): (&String, &Vec<(String, i32)>)| {
            let assignment = assignment(partitions)?;
            Ok(SyncGroupRequestAssignment { member_id: member_id.into(), assignment })
        };
        assigned.iter().map(wire).collect()
    }

    /// How many partitions topics have; those that do not exist are left out.
    async fn sizes(&self, topics: Vec<String>) -> Result<BTreeMap<String, i32>> {
        let answers = self.shared.client.fetch_metadata(Some(topics), AutoCreate::No).await?;
        let sizes = answers.iter().filter(|topic| topic.error_code == 0).filter_map(|topic| {
            let count = i32::try_from(topic.partitions.len()).ok()?;
            Some((topic.name.as_ref()?.to_string(), count))
        });
        Ok(sizes.collect())
    }

    /// Gets this member's share. `None`: the group has begun to rebalance again.
    async fn sync(
        &mut self,
        coordinator: BrokerId,
        joined: &JoinGroupResponse,
        assignments: Vec<SyncGroupRequestAssignment>,
    ) -> Result<Option<Vec<(String, i32)>>> {
        let settings = &self.shared.settings;
        let request = SyncGroupRequest {
            group_id: (&settings.group_id).into(),
            generation_id: self.generation_id,
            member_id: (&self.member_id).into(),
            group_instance_id: settings.group_instance_id.as_ref().map(Into::into),
            protocol_type: Some("consumer".into()),
            protocol_name: joined.protocol_name.clone(),
            assignments,
        };
        let to = (coordinator, self.lane);
        let extra = settings.rebalance_timeout;
        let response = self.shared.client.call(to, ANY, extra, |_| request).await?;
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => Ok(Some(assignment_of(&response.assignment))),
            ErrorCode::RebalanceInProgress | ErrorCode::IllegalGeneration => Ok(None),
            ErrorCode::UnknownMemberId => {
                self.member_id.clear();
                Ok(None)
            }
            code => Err(Error::broker(code, self.cannot_join(), None)),
        }
    }

    /// Starts to read the partitions where the group was.
    async fn adopt(&self, partitions: Vec<(String, i32)>, is_leader: bool) -> Result<()> {
        let shared = &self.shared;
        let settings = &shared.settings;
        let isolation = shared.fetching.config.isolation;
        let committed = if partitions.is_empty() {
            BTreeMap::new()
        } else {
            shared.client.admin().group_offsets(&settings.group_id, Pending::WaitedFor).await?
        };
        let mut offsets: Vec<(Key, i64)> = Vec::new();
        for (topic, partition) in &partitions {
            let info = shared.client.topic(topic, AutoCreate::No).await?;
            let key: Key = (info.name.clone(), *partition);
            let position =
                committed.get(&key).map_or(settings.from, |it| Position::Offset(it.offset));
            let offset = resolve(&shared.client, &key, position, isolation).await?;
            offsets.push((key, offset));
        }
        let committer = Committer {
            generation_id: self.generation_id,
            member_id: self.member_id.clone(),
            group_instance_id: settings.group_instance_id.clone(),
        };
        let start = offsets.iter().map(|(key, offset)| (key.clone(), Offset(*offset)));
        shared.begin(committer, start.collect());
        {
            let mut state = shared.fetching.state();
            state.clear();
            state.is_frozen = false;
        }
        shared.fetching.set_all(offsets);
        shared.fetching.wake_reader.notify_one();
        shared.assignment.send_replace(Assignment {
            generation_id: self.generation_id,
            member_id: self.member_id.clone(),
            is_leader,
            partitions,
        });
        Ok(())
    }

    /// Heartbeats and commits until the group rebalances.
    async fn stay(&mut self, mut coordinator: BrokerId, is_leader: bool) -> Result<Ended> {
        let settings = self.shared.settings.clone();
        let mut heartbeat_at = Instant::now() + settings.heartbeat_interval;
        let mut commit_at = settings.auto_commit.map(|interval| Instant::now() + interval);
        let mut topics_at = Instant::now() + TOPICS_INTERVAL;
        let mut heard = Instant::now();
        loop {
            let next = heartbeat_at.min(commit_at.unwrap_or(heartbeat_at));
            tokio::time::sleep_until(next).await;
            let now = Instant::now();
            if let (Some(at), Some(interval)) = (commit_at, settings.auto_commit)
                && at <= now
            {
                commit_at = Some(now + interval);
                if let Err(error) = self.shared.commit_progress().await {
                    tracing::info!(%error, "auto-commit failed");
                }
            }
            if heartbeat_at > now {
                continue;
            }
            heartbeat_at = now + settings.heartbeat_interval;
            match self.heartbeat(coordinator).await {
                Ok(None) => heard = Instant::now(),
                Ok(Some(Ended::Rebalance)) => {
                    self.release().await;
                    return Ok(Ended::Rebalance);
                }
                Ok(Some(ended)) => return Ok(ended),
                Err(error) if error.is_retriable() => {
                    tracing::debug!(%error, "heartbeat failed");
                    if heard.elapsed() > settings.session_timeout {
                        return Ok(Ended::Forgotten);
                    }
                    coordinator = self.shared.client.find_coordinator(&settings.group_id).await?;
                }
                Err(error) => return Err(error),
            }
            if is_leader && topics_at <= Instant::now() {
                topics_at = Instant::now() + TOPICS_INTERVAL;
                if self.topics_changed().await? {
                    self.release().await;
                    return Ok(Ended::Rebalance);
                }
            }
        }
    }

    async fn topics_changed(&self) -> Result<bool> {
        let Some(sizes) = &self.assigned_for else { return Ok(false) };
        let mut topics: Vec<String> = sizes.keys().cloned().collect();
        topics.extend(self.shared.settings.topics.iter().cloned());
        topics.sort_unstable();
        topics.dedup();
        Ok(self.sizes(topics).await? != *sizes)
    }

    async fn heartbeat(&self, coordinator: BrokerId) -> Result<Option<Ended>> {
        let settings = &self.shared.settings;
        let request = HeartbeatRequest {
            group_id: (&settings.group_id).into(),
            generation_id: self.generation_id,
            member_id: (&self.member_id).into(),
            group_instance_id: settings.group_instance_id.as_ref().map(Into::into),
        };
        let to = (coordinator, self.lane);
        let response = self.shared.client.call(to, ANY, Duration::ZERO, |_| request).await?;
        match ErrorCode::from_code(response.error_code) {
            ErrorCode::None => Ok(None),
            ErrorCode::RebalanceInProgress => Ok(Some(Ended::Rebalance)),
            ErrorCode::IllegalGeneration | ErrorCode::UnknownMemberId => Ok(Some(Ended::Forgotten)),
            code => {
                let what = format!("cannot stay in group {}", settings.group_id);
                Err(Error::broker(code, what, None))
            }
        }
    }

    /// Gives the partitions up for a rebalance: waits a little for the record in hand, commits.
    async fn release(&self) {
        let shared = &self.shared;
        shared.fetching.state().is_frozen = true;
        let settled = async {
            while shared.has_record_in_hand() {
                shared.idle.notified().await;
            }
        };
        if tokio::time::timeout(RELEASE_WAIT, settled).await.is_err() {
            tracing::debug!("a record is still being worked on: rebalancing without it");
        }
        if shared.settings.auto_commit.is_some()
            && let Err(error) = shared.commit_progress().await
        {
            tracing::info!(%error, "commit before a rebalance failed");
        }
        self.lose();
    }

    /// Stops reading at once.
    fn lose(&self) {
        let mut state = self.shared.fetching.state();
        state.clear();
        state.is_frozen = false;
        drop(state);
        let nothing = Assignment {
            generation_id: -1,
            member_id: self.member_id.clone(),
            ..Assignment::default()
        };
        self.shared.assignment.send_if_modified(|assignment| {
            let is_new = !assignment.partitions.is_empty();
            *assignment = nothing;
            is_new
        });
    }

    /// Says goodbye, unless the member has a fixed identity and may come back.
    async fn leave(&self) {
        let settings = &self.shared.settings;
        if self.member_id.is_empty() || settings.group_instance_id.is_some() {
            return;
        }
        let build = |version| {
            let mut request =
                LeaveGroupRequest { group_id: (&settings.group_id).into(), ..Default::default() };
            if version >= 3 {
                request.members = vec![MemberIdentity {
                    member_id: (&self.member_id).into(),
                    ..MemberIdentity::default()
                }];
            } else {
                request.member_id = (&self.member_id).into();
            }
            request
        };
        let leaving = async {
            let coordinator = self.shared.client.find_coordinator(&settings.group_id).await?;
            // A lane of its own: the member's may be waiting in JoinGroup.
            let to = (coordinator, Lane::Shared);
            self.shared.client.call(to, ANY, Duration::ZERO, build).await
        };
        match tokio::time::timeout(Duration::from_secs(5), leaving).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::debug!(%error, "cannot leave the group"),
            Err(_) => tracing::debug!("leaving the group took too long"),
        }
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
