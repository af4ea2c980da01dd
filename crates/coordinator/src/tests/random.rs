//! Random requests, times and failures: the invariants hold after each step, nobody waits forever,
//! and the log holds all there is.

use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    leave_group_request::{LeaveGroupRequest, MemberIdentity},
};
use proptest::prelude::*;

use super::world::{Client, Join, Log, World, commit_request, subscription};
use crate::{GroupConfig, Reply, RequireStable, WaiterId};

#[derive(Clone, Debug)]
enum Op {
    Join { who: usize, version: i16, protocols: usize },
    Rejoin { who: usize, version: i16, protocols: usize },
    Sync { who: usize },
    Heartbeat { who: usize },
    Leave { who: usize, by_instance: bool },
    Commit { who: Option<usize>, offset: i64 },
    CommitIn { producer_id: i64, who: Option<usize>, offset: i64 },
    End { producer_id: i64, is_committed: bool },
    Fetch { require_stable: bool },
    DeleteOffset,
    DeleteGroup,
    Advance { ms: i64 },
    CommitAppend,
    FailAppend,
    Hold { is_held: bool },
    Restart,
}

fn ops() -> impl Strategy<Value = Op> {
    let who = 0..5_usize;
    let version = prop_oneof![Just(0_i16), Just(3), Just(4), Just(5), Just(9)];
    prop_oneof![
        6 => (who.clone(), version.clone(), 0..4_usize)
            .prop_map(|(who, version, protocols)| Op::Join { who, version, protocols }),
        6 => (who.clone(), version, 0..4_usize)
            .prop_map(|(who, version, protocols)| Op::Rejoin { who, version, protocols }),
        8 => who.clone().prop_map(|who| Op::Sync { who }),
        3 => who.clone().prop_map(|who| Op::Heartbeat { who }),
        2 => (who.clone(), any::<bool>())
            .prop_map(|(who, by_instance)| Op::Leave { who, by_instance }),
        3 => (proptest::option::of(who.clone()), 0..9_i64)
            .prop_map(|(who, offset)| Op::Commit { who, offset }),
        4 => (0..3_i64, proptest::option::of(who), 0..9_i64)
            .prop_map(|(producer_id, who, offset)| Op::CommitIn { producer_id, who, offset }),
        4 => (0..3_i64, any::<bool>())
            .prop_map(|(producer_id, is_committed)| Op::End { producer_id, is_committed }),
        2 => any::<bool>().prop_map(|require_stable| Op::Fetch { require_stable }),
        1 => Just(Op::DeleteOffset),
        1 => Just(Op::DeleteGroup),
        6 => prop_oneof![Just(1_i64), Just(1_000), Just(3_000), Just(9_000), Just(70_000)]
            .prop_map(|ms| Op::Advance { ms }),
        4 => Just(Op::CommitAppend),
        1 => Just(Op::FailAppend),
        2 => any::<bool>().prop_map(|is_held| Op::Hold { is_held }),
        1 => Just(Op::Restart),
    ]
}

/// Five clients; the last two have instance ids.
struct Run {
    world: World,
    clients: Vec<Client>,
    waiters: Vec<(WaiterId, Option<usize>)>,
}

impl Run {
    fn new(initial_rebalance_delay_ms: i32) -> Self {
        let client =
            |instance_id| Client { member_id: String::new(), instance_id, generation_id: -1 };
        Self {
            world: World::with(GroupConfig {
                initial_rebalance_delay_ms,
                group_size_max: 4,
                offsets_retention_ms: 60_000,
                offsets_retention_check_interval_ms: 30_000,
                ..GroupConfig::default()
            }),
            clients: vec![
                client(None),
                client(None),
                client(None),
                client(Some("a")),
                client(Some("b")),
            ],
            waiters: Vec::new(),
        }
    }

    fn join(&mut self, who: usize, member_id: String, version: i16, protocols: usize) {
        let metadata = || subscription(&["t"]);
        let protocols = match protocols {
            0 => vec![("range", metadata())],
            1 => vec![("sticky", metadata()), ("range", metadata())],
            2 => vec![("range", b"?".to_vec()), ("sticky", Vec::new())],
            _ => vec![("sticky", metadata())],
        };
        let instance_id = self.clients[who].instance_id.filter(|_| version >= 5);
        let waiter = self.world.join(&Join {
            version,
            member_id,
            instance_id,
            protocols,
            ..Join::default()
        });
        self.waiters.push((waiter, Some(who)));
    }

    fn leave(&mut self, who: usize, by_instance: bool) {
        let client = &self.clients[who];
        let member_id = if by_instance { "" } else { client.member_id.as_str() };
        let members = vec![MemberIdentity {
            member_id: Str::from(member_id),
            group_instance_id: client.instance_id.map(Str::from),
            reason: None,
        }];
        let request = LeaveGroupRequest { group_id: Str::from("g"), members, ..Default::default() };
        self.world.leave(3, &request);
    }

    /// Lets the clients read their mail.
    fn read(&mut self) {
        let (answered, waiting) =
            self.waiters.drain(..).partition(|(waiter, _)| self.world.is_answered(*waiter));
        self.waiters = waiting;
        let answered: Vec<(WaiterId, Option<usize>)> = answered;
        for (waiter, who) in answered {
            let (reply, Some(who)) = (self.world.take(waiter), who) else { continue };
            if let Reply::JoinGroup(response) = reply
                && [0, ErrorCode::MemberIdRequired.code()].contains(&response.error_code)
            {
                self.clients[who].member_id = response.member_id.to_string();
                self.clients[who].generation_id = response.generation_id;
            }
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Join { who, version, protocols } => {
                self.join(who, String::new(), version, protocols);
            }
            Op::Rejoin { who, version, protocols } => {
                self.join(who, self.clients[who].member_id.clone(), version, protocols);
            }
            Op::Sync { who } => {
                let all = self.clients.iter().map(|client| (client.member_id.as_str(), "x"));
                let all = all.collect::<Vec<_>>();
                let waiter = self.world.sync(&self.clients[who], &all);
                self.waiters.push((waiter, None));
            }
            Op::Heartbeat { who } => {
                self.world.heartbeat(&self.clients[who]);
            }
            Op::Leave { who, by_instance } => self.leave(who, by_instance),
            Op::Commit { who, offset } => {
                let request = commit_request(who.map(|who| &self.clients[who]), offset);
                let waiter = self.world.commit(8, &request);
                self.waiters.push((waiter, None));
            }
            Op::CommitIn { producer_id, who, offset } => {
                let client = who.map(|who| self.clients[who].clone());
                let waiter = self.world.commit_in(producer_id, client.as_ref(), offset);
                self.waiters.push((waiter, None));
            }
            Op::End { producer_id, is_committed } => {
                let waiter = self.world.end(producer_id, is_committed);
                self.waiters.push((waiter, None));
            }
            Op::Fetch { require_stable } => {
                let waiter = self.world.fetch(None, RequireStable::from(require_stable));
                self.waiters.push((waiter, None));
            }
            Op::DeleteOffset
                if self.world.appends.is_empty() && self.world.log_mode == Log::Prompt =>
            {
                self.world.delete_offset("t", 0);
            }
            Op::DeleteGroup => {
                let group_ids = [Str::from("g")];
                let waiter = self.world.call(2, |shard, call, effects| {
                    shard.delete_groups(call, &group_ids, effects);
                });
                self.waiters.push((waiter, None));
            }
            Op::Advance { ms } => self.world.advance(ms),
            Op::CommitAppend if !self.world.appends.is_empty() => self.world.commit_append(),
            Op::FailAppend if !self.world.appends.is_empty() => {
                self.world.fail_append(ErrorCode::NotEnoughReplicas);
            }
            Op::Hold { is_held } => {
                self.world.log_mode = if is_held { Log::Held } else { Log::Prompt };
            }
            Op::Restart if self.world.appends.is_empty() && self.waiters.is_empty() => {
                self.world.restart();
            }
            Op::DeleteOffset | Op::CommitAppend | Op::FailAppend | Op::Restart => {}
        }
        self.read();
    }

    fn finish(mut self) {
        self.world.log_mode = Log::Prompt;
        while !self.world.appends.is_empty() {
            self.world.commit_append();
        }
        for producer_id in 0..3 {
            let waiter = self.world.end(producer_id, true);
            self.waiters.push((waiter, None));
        }
        self.world.advance(1_000_000);
        self.read();
        assert!(self.waiters.is_empty(), "somebody waits forever: {:?}", self.waiters);
        assert_eq!(self.world.state("g"), "Dead", "a group without members and offsets goes");
        self.world.restart();
        assert_eq!(self.world.state("g"), "Dead");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_invariants_hold(
        delay_ms in prop_oneof![Just(0), Just(3_000)],
        ops in proptest::collection::vec(ops(), 1..80),
    ) {
        let mut run = Run::new(delay_ms);
        for op in &ops {
            run.apply(op);
        }
        run.finish();
    }

    #[test]
    fn any_bytes_are_a_record_or_an_error(
        key in proptest::collection::vec(any::<u8>(), 0..40),
        value in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..80)),
        kind in 0..3_u8,
    ) {
        let mut shard = crate::GroupShard::default();
        let key = [&[0, kind], key.as_slice()].concat();
        let replayed = shard.replay(ottla_types::ProducerId::NONE, &key, value.as_deref());
        shard.loaded(0, &mut crate::Effects::default());
        shard.check();
        if replayed.is_err() {
            prop_assert_eq!(&shard.hard, &crate::GroupShard::default().hard);
        }
    }
}
