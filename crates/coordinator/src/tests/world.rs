//! A shard with a clock, a log and the clients' mailboxes around it.
//!
//! Every reply is encoded in the version of its request, so that none is made that has no bytes.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use ottla_types::{ErrorCode, ProducerId};
use ottla_wire::{
    Message, Str, Writer,
    delete_groups_response::DeleteGroupsResponse,
    heartbeat_request::HeartbeatRequest,
    join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol},
    join_group_response::JoinGroupResponse,
    leave_group_request::LeaveGroupRequest,
    leave_group_response::LeaveGroupResponse,
    offset_commit_request::{
        OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    },
    offset_commit_response::OffsetCommitResponse,
    offset_delete_request::{
        OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
    },
    offset_delete_response::OffsetDeleteResponse,
    offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
    offset_fetch_response::OffsetFetchResponseGroup,
    sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment},
    sync_group_response::SyncGroupResponse,
    txn_offset_commit_request::{
        TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
    },
};

use crate::{
    Append, AppendKind, AppendToken, Call, CoordinatorRecord, Effects, GroupConfig, GroupShard,
    GroupState, Reply, RequireStable, WaiterId, offset_fetch,
};

/// How appends end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    /// At once, with success.
    Prompt,
    /// When the test says so.
    Held,
}

/// A `JoinGroup`, with what most tests do not care about filled in.
#[derive(Clone, Debug)]
pub(super) struct Join {
    pub(super) version: i16,
    pub(super) group_id: &'static str,
    pub(super) member_id: String,
    pub(super) instance_id: Option<&'static str>,
    pub(super) session_timeout_ms: i32,
    pub(super) rebalance_timeout_ms: i32,
    pub(super) protocol_type: &'static str,
    pub(super) protocols: Vec<(&'static str, Vec<u8>)>,
}

impl Default for Join {
    fn default() -> Self {
        Self {
            version: 3,
            group_id: "g",
            member_id: String::new(),
            instance_id: None,
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 60_000,
            protocol_type: "consumer",
            protocols: vec![("range", subscription(&["t"]))],
        }
    }
}

/// A member as its client knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) member_id: String,
    pub(super) instance_id: Option<&'static str>,
    pub(super) generation_id: i32,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) shard: GroupShard,
    pub(super) now_ms: i64,
    pub(super) log_mode: Log,
    /// What is durable.
    pub(super) log: Vec<CoordinatorRecord>,
    /// Whose transactions records of the log belong to, by their place.
    owners: BTreeMap<usize, ProducerId>,
    /// The markers, and the place of the record that they come before.
    markers: Vec<(usize, ProducerId, bool)>,
    /// How the transactions whose markers are on their way end.
    ends: BTreeMap<AppendToken, bool>,
    /// What is on its way.
    pub(super) appends: VecDeque<Append>,
    replies: BTreeMap<WaiterId, Reply>,
    versions: BTreeMap<WaiterId, i16>,
    next_waiter: u64,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(GroupConfig::default())
    }

    pub(super) fn with(config: GroupConfig) -> Self {
        let mut world = Self {
            shard: GroupShard::new(config),
            now_ms: 1_700_000_000_000,
            log_mode: Log::Prompt,
            log: Vec::new(),
            owners: BTreeMap::new(),
            markers: Vec::new(),
            ends: BTreeMap::new(),
            appends: VecDeque::new(),
            replies: BTreeMap::new(),
            versions: BTreeMap::new(),
            next_waiter: 0,
        };
        let mut effects = Effects::default();
        world.shard.loaded(world.now_ms, &mut effects);
        world.settle(effects);
        world
    }

    /// A world in which joins are answered without the initial delay.
    pub(super) fn prompt() -> Self {
        Self::with(GroupConfig { initial_rebalance_delay_ms: 0, ..GroupConfig::default() })
    }

    pub(super) fn settle(&mut self, effects: Effects) {
        for (waiter, reply) in effects.replies {
            encode(&reply, self.versions[&waiter]);
            let earlier = self.replies.insert(waiter, reply);
            assert!(earlier.is_none(), "a request is answered once");
        }
        self.appends.extend(effects.appends);
        self.shard.check();
        if self.log_mode == Log::Prompt {
            while !self.appends.is_empty() {
                self.commit_append();
            }
        }
    }

    pub(super) fn commit_append(&mut self) {
        let append = self.appends.pop_front().expect("an append is on its way");
        match append.kind {
            AppendKind::Plain => {}
            AppendKind::Transactional { producer_id, .. } => {
                let places = self.log.len()..self.log.len() + append.records.len();
                self.owners.extend(places.map(|place| (place, producer_id)));
            }
            AppendKind::EndTransaction { producer_id } => {
                let is_committed = self.ends.remove(&append.token).expect("its end was asked for");
                self.markers.push((self.log.len(), producer_id, is_committed));
            }
        }
        self.log.extend(append.records);
        let mut effects = Effects::default();
        self.shard.append_committed(self.now_ms, append.token, &mut effects);
        self.settle(effects);
    }

    pub(super) fn fail_append(&mut self, error: ErrorCode) {
        let append = self.appends.pop_front().expect("an append is on its way");
        let mut effects = Effects::default();
        self.shard.append_failed(self.now_ms, append.token, error, &mut effects);
        self.settle(effects);
    }

    /// Lets time pass, with a tick at every deadline on the way.
    pub(super) fn advance(&mut self, ms: i64) {
        let end_ms = self.now_ms + ms;
        while let Some(deadline_ms) = self.shard.next_deadline().filter(|at| *at <= end_ms) {
            self.now_ms = deadline_ms.max(self.now_ms);
            let mut effects = Effects::default();
            self.shard.tick(self.now_ms, &mut effects);
            self.settle(effects);
        }
        self.now_ms = end_ms;
    }

    pub(super) fn call(
        &mut self,
        version: i16,
        act: impl FnOnce(&mut GroupShard, &Call<'_>, &mut Effects),
    ) -> WaiterId {
        let waiter = WaiterId(self.next_waiter);
        self.next_waiter += 1;
        self.versions.insert(waiter, version);
        let mut effects = Effects::default();
        let call = Call {
            now_ms: self.now_ms,
            waiter,
            version,
            client_id: "c",
            client_host: "/127.0.0.1",
        };
        act(&mut self.shard, &call, &mut effects);
        self.settle(effects);
        waiter
    }

    pub(super) fn is_answered(&self, waiter: WaiterId) -> bool {
        self.replies.contains_key(&waiter)
    }

    pub(super) fn take(&mut self, waiter: WaiterId) -> Reply {
        self.replies.remove(&waiter).expect("the request is answered")
    }

    pub(super) fn state(&self, group_id: &str) -> &'static str {
        let described = self.shard.describe_group(&Str::from(group_id), 5);
        let states = [
            GroupState::Empty,
            GroupState::PreparingRebalance,
            GroupState::CompletingRebalance,
            GroupState::Stable,
            GroupState::Dead,
        ];
        let state = states.into_iter().find(|state| described.group_state == state.name());
        state.expect("a state that exists").name()
    }

    pub(super) fn members(&self, group_id: &str) -> Vec<String> {
        let described = self.shard.describe_group(&Str::from(group_id), 5);
        described.members.iter().map(|member| member.member_id.to_string()).collect()
    }

    pub(super) fn join(&mut self, join: &Join) -> WaiterId {
        let request = JoinGroupRequest {
            group_id: Str::from(join.group_id),
            session_timeout_ms: join.session_timeout_ms,
            rebalance_timeout_ms: join.rebalance_timeout_ms,
            member_id: Str::from(&join.member_id),
            group_instance_id: join.instance_id.map(Str::from),
            protocol_type: Str::from(join.protocol_type),
            protocols: join
                .protocols
                .iter()
                .map(|(name, metadata)| JoinGroupRequestProtocol {
                    name: Str::from(*name),
                    metadata: Bytes::from(metadata.clone()),
                })
                .collect(),
            reason: None,
        };
        let uuid = format!("u{}", self.next_waiter);
        self.call(join.version, |shard, call, effects| {
            shard.join_group(call, &request, &uuid, effects);
        })
    }

    /// Lets just the time pass that it takes to answer all of these.
    pub(super) fn advance_until_answered(&mut self, waiters: &[WaiterId]) {
        for _ in 0..1_000 {
            if waiters.iter().all(|waiter| self.is_answered(*waiter)) {
                return;
            }
            self.advance(100);
        }
        panic!("not answered: {waiters:?}");
    }

    pub(super) fn joined(&mut self, waiter: WaiterId) -> JoinGroupResponse {
        match self.take(waiter) {
            Reply::JoinGroup(response) => response,
            other => panic!("not of a join: {other:?}"),
        }
    }

    pub(super) fn sync(&mut self, client: &Client, assignments: &[(&str, &str)]) -> WaiterId {
        let request = SyncGroupRequest {
            group_id: Str::from("g"),
            generation_id: client.generation_id,
            member_id: Str::from(&client.member_id),
            group_instance_id: client.instance_id.map(Str::from),
            assignments: assignments
                .iter()
                .map(|(member_id, assignment)| SyncGroupRequestAssignment {
                    member_id: Str::from(*member_id),
                    assignment: Bytes::copy_from_slice(assignment.as_bytes()),
                })
                .collect(),
            ..Default::default()
        };
        self.sync_as(4, &request)
    }

    pub(super) fn sync_as(&mut self, version: i16, request: &SyncGroupRequest) -> WaiterId {
        self.call(version, |shard, call, effects| shard.sync_group(call, request, effects))
    }

    pub(super) fn synced(&mut self, waiter: WaiterId) -> SyncGroupResponse {
        match self.take(waiter) {
            Reply::SyncGroup(response) => response,
            other => panic!("not of a sync: {other:?}"),
        }
    }

    pub(super) fn heartbeat(&mut self, client: &Client) -> ErrorCode {
        let request = HeartbeatRequest {
            group_id: Str::from("g"),
            generation_id: client.generation_id,
            member_id: Str::from(&client.member_id),
            group_instance_id: client.instance_id.map(Str::from),
        };
        let waiter = self.call(4, |shard, call, effects| shard.heartbeat(call, &request, effects));
        match self.take(waiter) {
            Reply::Heartbeat(response) => ErrorCode::from_code(response.error_code),
            other => panic!("not of a heartbeat: {other:?}"),
        }
    }

    pub(super) fn leave(
        &mut self,
        version: i16,
        request: &LeaveGroupRequest,
    ) -> LeaveGroupResponse {
        let waiter =
            self.call(version, |shard, call, effects| shard.leave_group(call, request, effects));
        match self.take(waiter) {
            Reply::LeaveGroup(response) => response,
            other => panic!("not of a leave: {other:?}"),
        }
    }

    pub(super) fn commit(&mut self, version: i16, request: &OffsetCommitRequest) -> WaiterId {
        self.call(version, |shard, call, effects| shard.commit_offsets(call, request, effects))
    }

    /// The error of the only partition of a commit.
    pub(super) fn commit_code(&mut self, version: i16, request: &OffsetCommitRequest) -> ErrorCode {
        let waiter = self.commit(version, request);
        self.committed(waiter)
    }

    pub(super) fn committed(&mut self, waiter: WaiterId) -> ErrorCode {
        let OffsetCommitResponse { topics, .. } = match self.take(waiter) {
            Reply::OffsetCommit(response) => response,
            other => panic!("not of a commit: {other:?}"),
        };
        let partitions = topics.iter().flat_map(|topic| &topic.partitions);
        let codes = partitions.map(|partition| partition.error_code).collect::<Vec<_>>();
        assert_eq!(codes.len(), 1);
        ErrorCode::from_code(codes[0])
    }

    /// Commits an offset of the only partition in a transaction.
    pub(super) fn commit_in(
        &mut self,
        producer_id: i64,
        client: Option<&Client>,
        offset: i64,
    ) -> WaiterId {
        let request = TxnOffsetCommitRequest {
            group_id: Str::from("g"),
            producer_id,
            generation_id_or_member_epoch: client.map_or(-1, |client| client.generation_id),
            member_id: client.map(|client| Str::from(&client.member_id)).unwrap_or_default(),
            group_instance_id: client.and_then(|client| client.instance_id).map(Str::from),
            topics: vec![TxnOffsetCommitRequestTopic {
                name: Str::from("t"),
                partitions: vec![TxnOffsetCommitRequestPartition {
                    committed_offset: offset,
                    ..Default::default()
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        self.call(3, |shard, call, effects| {
            shard.commit_transactional_offsets(call, &request, effects);
        })
    }

    /// The error of the only partition of a commit in a transaction.
    pub(super) fn committed_in(&mut self, waiter: WaiterId) -> ErrorCode {
        match self.take(waiter) {
            Reply::TxnOffsetCommit(response) => {
                ErrorCode::from_code(response.topics[0].partitions[0].error_code)
            }
            other => panic!("not of a commit in a transaction: {other:?}"),
        }
    }

    /// Ends a producer's transaction.
    pub(super) fn end(&mut self, producer_id: i64, is_committed: bool) -> WaiterId {
        let is_held = std::mem::replace(&mut self.log_mode, Log::Held);
        let waiter = self.call(0, |shard, call, effects| {
            shard.end_transaction(call.waiter, ProducerId(producer_id), is_committed, effects);
        });
        let token = self.appends.back().expect("a marker is asked for").token;
        self.ends.insert(token, is_committed);
        self.log_mode = is_held;
        self.settle(Effects::default());
        waiter
    }

    pub(super) fn fetch(
        &mut self,
        topics: Option<Vec<OffsetFetchRequestTopics>>,
        require_stable: RequireStable,
    ) -> WaiterId {
        let group =
            OffsetFetchRequestGroup { group_id: Str::from("g"), topics, ..Default::default() };
        self.call(9, |shard, call, effects| {
            shard.fetch_offsets(call, group, require_stable, effects);
        })
    }

    pub(super) fn fetched(&mut self, waiter: WaiterId) -> OffsetFetchResponseGroup {
        match self.take(waiter) {
            Reply::OffsetFetch(group) => group,
            other => panic!("not of a fetch: {other:?}"),
        }
    }

    /// All offsets of group `g`, as `topic-partition@offset`.
    pub(super) fn offsets(&mut self) -> Vec<String> {
        let waiter = self.fetch(None, RequireStable::No);
        let group = self.fetched(waiter);
        let mut offsets = Vec::new();
        for topic in group.topics {
            for partition in topic.partitions {
                let (index, offset) = (partition.partition_index, partition.committed_offset);
                offsets.push(format!("{}-{index}@{offset}", topic.name));
            }
        }
        offsets
    }

    pub(super) fn delete_groups(&mut self, group_ids: &[&str]) -> Vec<(String, ErrorCode)> {
        let group_ids = group_ids.iter().map(|id| Str::from(*id)).collect::<Vec<_>>();
        let waiter = self.call(3, |shard, call, effects| {
            shard.delete_groups(call, &group_ids, effects);
        });
        let DeleteGroupsResponse { results, .. } = match self.take(waiter) {
            Reply::DeleteGroups(response) => response,
            other => panic!("not of a deletion: {other:?}"),
        };
        let results = results.into_iter();
        results.map(|r| (r.group_id.to_string(), ErrorCode::from_code(r.error_code))).collect()
    }

    pub(super) fn delete_offset(
        &mut self,
        topic: &str,
        partition_index: i32,
    ) -> OffsetDeleteResponse {
        let request = OffsetDeleteRequest {
            group_id: Str::from("g"),
            topics: vec![OffsetDeleteRequestTopic {
                name: Str::from(topic),
                partitions: vec![OffsetDeleteRequestPartition { partition_index }],
            }],
        };
        let waiter = self.call(0, |shard, call, effects| {
            shard.delete_offsets(call, &request, effects);
        });
        match self.take(waiter) {
            Reply::OffsetDelete(response) => response,
            other => panic!("not of a deletion: {other:?}"),
        }
    }

    /// Members that join together, and get an assignment named after them.
    pub(super) fn stable(&mut self, joins: &[Join]) -> Vec<Client> {
        let waiters = joins.iter().map(|join| self.join(join)).collect::<Vec<_>>();
        self.advance_until_answered(&waiters);
        let responses = waiters.into_iter().map(|waiter| self.joined(waiter)).collect::<Vec<_>>();
        let clients = responses.iter().zip(joins).map(|(response, join)| Client {
            member_id: response.member_id.to_string(),
            instance_id: join.instance_id,
            generation_id: response.generation_id,
        });
        let clients = clients.collect::<Vec<_>>();
        let leader = responses[0].leader.to_string();
        let assignments = clients
            .iter()
            .map(|client| (client.member_id.as_str(), client.member_id.as_str()))
            .collect::<Vec<_>>();
        for client in &clients {
            let is_leader = client.member_id == leader;
            self.sync(client, if is_leader { &assignments } else { &[] });
        }
        assert_eq!(self.state("g"), "Stable");
        clients
    }

    /// What a shard knows that reads the log from its start.
    pub(super) fn replayed(&self, config: GroupConfig) -> GroupShard {
        let mut shard = GroupShard::new(config);
        let mut markers = self.markers.iter().peekable();
        for place in 0..=self.log.len() {
            while let Some((_, id, is_committed)) = markers.next_if(|marker| marker.0 == place) {
                shard.replay_end_transaction(*id, *is_committed);
            }
            let Some(record) = self.log.get(place) else { break };
            let producer_id = self.owners.get(&place).copied().unwrap_or(ProducerId::NONE);
            shard
                .replay(producer_id, &record.key, record.value.as_deref())
                .expect("what was written can be read");
        }
        shard
    }

    /// The broker stops, and another takes over from the log.
    pub(super) fn restart(&mut self) {
        assert!(self.appends.is_empty(), "what is on its way would be lost");
        let mut shard = self.replayed(self.shard.config.clone());
        assert_eq!(shard.hard, self.shard.hard, "the log holds all there is");
        let mut effects = Effects::default();
        shard.loaded(self.now_ms, &mut effects);
        self.shard = shard;
        self.settle(effects);
    }
}

pub(super) fn commit_request(client: Option<&Client>, offset: i64) -> OffsetCommitRequest {
    OffsetCommitRequest {
        group_id: Str::from("g"),
        generation_id_or_member_epoch: client.map_or(-1, |client| client.generation_id),
        member_id: client.map(|client| Str::from(&client.member_id)).unwrap_or_default(),
        group_instance_id: client.and_then(|client| client.instance_id).map(Str::from),
        topics: vec![OffsetCommitRequestTopic {
            name: Str::from("t"),
            partitions: vec![OffsetCommitRequestPartition {
                partition_index: 0,
                committed_offset: offset,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// The metadata of a consumer that reads these topics.
pub(super) fn subscription(topics: &[&str]) -> Vec<u8> {
    let mut bytes = vec![0, 1];
    bytes.extend(u32::try_from(topics.len()).unwrap().to_be_bytes());
    for topic in topics {
        bytes.extend(u16::try_from(topic.len()).unwrap().to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    // No user data, and no partitions owned.
    bytes.extend([0xff; 4]);
    bytes.extend([0; 4]);
    bytes
}

fn encode(reply: &Reply, version: i16) {
    let mut writer = Writer::new();
    let encoded = match reply {
        Reply::JoinGroup(response) => response.encode(&mut writer, version),
        Reply::SyncGroup(response) => response.encode(&mut writer, version),
        Reply::Heartbeat(response) => response.encode(&mut writer, version),
        Reply::LeaveGroup(response) => response.encode(&mut writer, version),
        Reply::OffsetCommit(response) => response.encode(&mut writer, version),
        Reply::OffsetFetch(group) => {
            offset_fetch::response(vec![group.clone()], version).encode(&mut writer, version)
        }
        Reply::DeleteGroups(response) => response.encode(&mut writer, version),
        Reply::OffsetDelete(response) => response.encode(&mut writer, version),
        Reply::TxnOffsetCommit(response) => response.encode(&mut writer, version),
        Reply::EndTransaction(_) => Ok(()),
    };
    assert!(encoded.is_ok(), "{reply:?} has no bytes in version {version}: {encoded:?}");
}
