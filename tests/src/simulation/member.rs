//! A member of a consumer group: it joins, polls what it is given, commits how far it got, and now
//! and then leaves, falls silent or comes back as somebody else.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_broker::simulation::Random;
use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    heartbeat_request::HeartbeatRequest,
    join_group_request::{JoinGroupRequest, JoinGroupRequestProtocol},
    join_group_response::JoinGroupResponse,
    leave_group_request::{LeaveGroupRequest, MemberIdentity},
    sync_group_request::{SyncGroupRequest, SyncGroupRequestAssignment},
};
use serde_json::{Value, json};

use super::{
    client::{Client, Lost},
    consumer::{Ask, Isolation, ends, fetch, read},
    group_offsets::{self, Place},
    history::{End, More, Steps, with},
    world::Env,
};

/// The group of all members.
pub const MEMBERS: &str = "members";

/// How long a member may be silent, in ms.
const SESSION_TIMEOUT_MS: i32 = 1_500;

/// How long a rebalance waits for members, in ms.
const REBALANCE_TIMEOUT_MS: i32 = 1_500;

/// A member, which outlives the broker.
#[derive(Debug)]
pub struct Member {
    process: u32,
    random: Random,
    /// The partitions that the members share. An assignment names them by their places here.
    all: Vec<Place>,
    /// Empty while the coordinator has not given it one.
    member_id: Str,
    /// The generation in which it owns what it has positions in.
    generation: Option<i32>,
    positions: BTreeMap<Place, i64>,
    /// It got further than it has committed.
    is_ahead: bool,
    /// An operation was written down that no line has ended.
    open: Option<&'static str>,
    /// Commits that were acknowledged.
    pub commits: usize,
}

impl Member {
    pub fn new(process: u32, seed: u64, all: &[Place]) -> Self {
        Self {
            process,
            random: Random::new(seed),
            all: all.to_vec(),
            member_id: Str::default(),
            generation: None,
            positions: BTreeMap::new(),
            is_ahead: false,
            open: None,
            commits: 0,
        }
    }

    /// Takes part until it is to stop. After a start of the broker it goes on as who it was.
    pub async fn run(&mut self, env: &Env) {
        self.end(env, End::Info, Steps::new());
        while !env.is_stopping() {
            let mut client = env.connect(&mut self.random, "member");
            while !env.is_stopping() {
                if self.step(env, &mut client).await == Err(Lost) {
                    if self.open == Some("commit") {
                        // It may arrive yet, and must not be taken for one of its later ones.
                        self.forget();
                    }
                    self.end(env, End::Info, Steps::new());
                    break;
                }
                env.pause(&mut self.random, 100).await;
            }
        }
    }

    async fn step(&mut self, env: &Env, client: &mut Client) -> Result<(), Lost> {
        let Some(generation) = self.generation else { return self.join(env, client).await };
        match self.random.below(60) {
            0 => self.leave(client).await,
            // Longer than its session lasts: whoever it was, it is no more.
            1 => {
                env.pause(&mut self.random, 4_000).await;
                Ok(())
            }
            2..15 => self.beat(client, generation).await,
            15..30 if self.is_ahead => self.commit(env, client, generation).await,
            _ if self.positions.is_empty() => self.beat(client, generation).await,
            _ => self.poll(env, client).await,
        }
    }

    /// Joins, and takes what it is given; nothing where that has to be tried again.
    async fn join(&mut self, env: &Env, client: &mut Client) -> Result<(), Lost> {
        let request = JoinGroupRequest {
            group_id: Str::from(MEMBERS),
            session_timeout_ms: SESSION_TIMEOUT_MS,
            rebalance_timeout_ms: REBALANCE_TIMEOUT_MS,
            member_id: self.member_id.clone(),
            protocol_type: Str::from("consumer"),
            protocols: vec![JoinGroupRequestProtocol {
                name: Str::from("turns"),
                metadata: Bytes::from_static(b"m"),
            }],
            ..Default::default()
        };
        let joined = client.call(7, &request).await?;
        if ErrorCode::from_code(joined.error_code) == ErrorCode::MemberIdRequired {
            self.member_id = joined.member_id;
            return Ok(());
        }
        if !self.is_accepted(joined.error_code) {
            return Ok(());
        }
        self.member_id = joined.member_id.clone();
        let synced = client.call(5, &self.sync(&joined)).await?;
        if !self.is_accepted(synced.error_code) {
            return Ok(());
        }
        let mine: Vec<Place> =
            synced.assignment.iter().map(|place| self.all[usize::from(*place)]).collect();
        self.own(env, joined.generation_id, &mine);
        if !self.go_to_committed(env, client, &mine).await? {
            self.generation = None;
        }
        Ok(())
    }

    /// The leader says who gets what: each generation moves all of it on by one member.
    fn sync(&self, joined: &JoinGroupResponse) -> SyncGroupRequest {
        let count = joined.members.len();
        let turn = joined.generation_id as usize;
        let assignments = joined.members.iter().enumerate().map(|(number, member)| {
            let places = (0..self.all.len()).filter(|place| (place + turn) % count == number);
            SyncGroupRequestAssignment {
                member_id: member.member_id.clone(),
                assignment: places.map(|place| place as u8).collect(),
            }
        });
        SyncGroupRequest {
            group_id: Str::from(MEMBERS),
            generation_id: joined.generation_id,
            member_id: self.member_id.clone(),
            protocol_type: Some(Str::from("consumer")),
            protocol_name: joined.protocol_name.clone(),
            assignments: assignments.collect(),
            ..Default::default()
        }
    }

    fn own(&mut self, env: &Env, generation: i32, mine: &[Place]) {
        let keys: Vec<String> = mine.iter().map(|(t, p)| format!("{t}-{p}")).collect();
        let mut more = in_group();
        more.insert("generation".to_owned(), generation.into());
        self.begin(env, "rebalance", Steps::new(), more);
        self.end(env, End::Ok, vec![json!(["keys", keys])]);
        self.generation = Some(generation);
        self.positions.clear();
        self.is_ahead = false;
    }

    /// Begins where the group is. Whether it was told.
    async fn go_to_committed(
        &mut self,
        env: &Env,
        client: &mut Client,
        mine: &[Place],
    ) -> Result<bool, Lost> {
        if mine.is_empty() {
            return Ok(true);
        }
        let isolation = if self.random.one_in(2) { "read_committed" } else { "read_uncommitted" };
        let mut more = in_group();
        more.insert("isolation".to_owned(), isolation.into());
        self.begin(env, "committed", Steps::new(), more);
        let is_stable = isolation == "read_committed";
        let Ok(offsets) = group_offsets::fetch(client, MEMBERS, mine, is_stable).await? else {
            self.end(env, End::Fail, Steps::new());
            return Ok(false);
        };
        self.end(env, End::Ok, vec![group_offsets::step(&offsets)]);
        let offsets = offsets.into_iter().map(|(at, offset)| (at, offset.unwrap_or(0)));
        self.positions = offsets.collect();
        self.begin(env, "seek", Steps::new(), in_group());
        let positions = self.positions_step();
        self.end(env, End::Ok, vec![positions]);
        Ok(true)
    }

    async fn poll(&mut self, env: &Env, client: &mut Client) -> Result<(), Lost> {
        let places: Vec<_> = self.positions.keys().copied().collect();
        let place = places[self.random.below(places.len())];
        let position = self.positions[&place];
        let isolation = Isolation::Committed;
        let mut more = in_group();
        more.extend(with("isolation", "read_committed"));
        self.begin(env, "poll", Steps::new(), more);
        let bytes_max = if self.random.one_in(2) { 150 } else { 1 << 20 };
        let data =
            fetch(client, place, position, isolation, Ask { wait_ms: 100, bytes_max }).await?;
        if ErrorCode::from_code(data.error_code) != ErrorCode::None {
            self.end(env, End::Fail, Steps::new());
            return Ok(());
        }
        let (seen, next) = read(&data, position, isolation);
        self.is_ahead |= next > position;
        self.positions.insert(place, next);
        let at = format!("{}-{}", place.0, place.1);
        let logs = json!(["logs", { &at: ends(&data) }]);
        self.end(env, End::Ok, vec![json!(["poll", { &at: seen }]), logs]);
        Ok(())
    }

    async fn commit(
        &mut self,
        env: &Env,
        client: &mut Client,
        generation: i32,
    ) -> Result<(), Lost> {
        let positions = self.positions_step();
        self.begin(env, "commit", vec![positions], in_group());
        let member = (self.member_id.clone(), generation);
        let code = group_offsets::commit(client, MEMBERS, member, &self.positions).await?;
        let end = match ErrorCode::from_code(code) {
            ErrorCode::None => End::Ok,
            ErrorCode::IllegalGeneration
            | ErrorCode::UnknownMemberId
            | ErrorCode::RebalanceInProgress => End::Fail,
            _ => End::Info,
        };
        self.end(env, end, Steps::new());
        if self.is_accepted(code) {
            self.is_ahead = false;
            self.commits += 1;
        }
        Ok(())
    }

    async fn beat(&mut self, client: &mut Client, generation: i32) -> Result<(), Lost> {
        let request = HeartbeatRequest {
            group_id: Str::from(MEMBERS),
            generation_id: generation,
            member_id: self.member_id.clone(),
            ..Default::default()
        };
        let response = client.call(4, &request).await?;
        self.is_accepted(response.error_code);
        Ok(())
    }

    async fn leave(&mut self, client: &mut Client) -> Result<(), Lost> {
        let member = MemberIdentity { member_id: self.member_id.clone(), ..Default::default() };
        self.forget();
        let request = LeaveGroupRequest {
            group_id: Str::from(MEMBERS),
            members: vec![member],
            ..Default::default()
        };
        client.call(4, &request).await.map(drop)
    }

    /// Whether the coordinator did what it was asked. What it says otherwise is heeded.
    fn is_accepted(&mut self, code: i16) -> bool {
        match ErrorCode::from_code(code) {
            ErrorCode::None => return true,
            ErrorCode::RebalanceInProgress => self.generation = None,
            ErrorCode::IllegalGeneration | ErrorCode::UnknownMemberId => self.forget(),
            _ => {}
        }
        false
    }

    fn forget(&mut self) {
        self.member_id = Str::default();
        self.generation = None;
    }

    fn positions_step(&self) -> Value {
        let offsets = self.positions.iter().map(|(at, offset)| (*at, Some(*offset)));
        group_offsets::step(&offsets.collect())
    }

    fn begin(&mut self, env: &Env, function: &'static str, steps: Steps, more: More) {
        env.recorder.invoke(self.process, function, steps, more);
        self.open = Some(function);
    }

    fn end(&mut self, env: &Env, end: End, steps: Steps) {
        if let Some(function) = self.open.take() {
            env.recorder.complete(self.process, function, end, steps, More::new());
        }
    }
}

fn in_group() -> More {
    with("group", MEMBERS)
}
