//! Random requests, times, failures and crashes: the invariants hold after each step, nobody waits
//! forever, no transaction is torn, and the log holds all there is.

use std::collections::{BTreeMap, BTreeSet};

use ottla_types::{ErrorCode, ProducerId};
use proptest::prelude::*;

use super::{
    super::{ProducerIdAndEpoch, TransactionResult, TransactionState, metadata::Metadata},
    world::{ABORT, COMMIT, Pace, V2, World},
};
use crate::WaiterId;

const IDS: [&str; 2] = ["a", "b"];
const PARTITIONS: i32 = 3;

#[derive(Clone, Debug)]
enum Op {
    Init { who: usize, again: bool },
    Add { who: usize, partition: i32 },
    End { who: usize, result: TransactionResult },
    RetryEnd { who: usize },
    Advance { ms: i64 },
    CommitAppend,
    FailAppend,
    WriteMarkers { refused: Option<i32> },
    Supply,
    Hold { is_held: bool },
    Crash,
    CutPower,
}

fn ops() -> impl Strategy<Value = Op> {
    // Three clients; the first two share a transactional id.
    let who = 0..3_usize;
    let result = prop_oneof![2 => Just(COMMIT), 1 => Just(ABORT)];
    prop_oneof![
        3 => (who.clone(), any::<bool>()).prop_map(|(who, again)| Op::Init { who, again }),
        8 => (who.clone(), 0..PARTITIONS).prop_map(|(who, partition)| Op::Add { who, partition }),
        6 => (who.clone(), result).prop_map(|(who, result)| Op::End { who, result }),
        2 => who.prop_map(|who| Op::RetryEnd { who }),
        3 => prop_oneof![Just(1_i64), Just(100), Just(1_000), Just(70_000)]
            .prop_map(|ms| Op::Advance { ms }),
        6 => Just(Op::CommitAppend),
        1 => Just(Op::FailAppend),
        5 => proptest::option::of(0..PARTITIONS).prop_map(|refused| Op::WriteMarkers { refused }),
        2 => Just(Op::Supply),
        2 => any::<bool>().prop_map(|is_held| Op::Hold { is_held }),
        1 => Just(Op::Crash),
        1 => Just(Op::CutPower),
    ]
}

/// What a client waits for.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Init,
    Add { it: ProducerIdAndEpoch, partition: i32 },
    End { it: ProducerIdAndEpoch, result: TransactionResult },
}

#[derive(Debug, Default)]
struct Client {
    name: Option<ProducerIdAndEpoch>,
    last_end: Option<(ProducerIdAndEpoch, TransactionResult)>,
}

struct Run {
    world: World,
    clients: [Client; 3],
    waiters: Vec<(usize, WaiterId, Asked)>,
    /// Who was given a name, so that nobody else is.
    owners: BTreeMap<ProducerIdAndEpoch, usize>,
    /// The highest epoch of each producer id that the log has seen.
    epochs: BTreeMap<ProducerId, i16>,
    /// The transaction that is open in a partition: the name under which its records were written.
    open: BTreeMap<(&'static str, i32), ProducerIdAndEpoch>,
    /// How the transactions of each name ended in their partitions.
    ended: BTreeMap<ProducerIdAndEpoch, BTreeSet<bool>>,
    /// What clients were told of that.
    told: BTreeMap<ProducerIdAndEpoch, bool>,
    markers_seen: usize,
}

fn id_of(who: usize) -> &'static str {
    IDS[who / 2]
}

impl Run {
    fn new() -> Self {
        Self {
            world: World::new(),
            clients: Default::default(),
            waiters: Vec::new(),
            owners: BTreeMap::new(),
            epochs: BTreeMap::new(),
            open: BTreeMap::new(),
            ended: BTreeMap::new(),
            told: BTreeMap::new(),
            markers_seen: 0,
        }
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Init { who, again } => {
                let expected = self.clients[who].name.filter(|_| again);
                let waiter = self.world.init(id_of(who), expected);
                self.waiters.push((who, waiter, Asked::Init));
            }
            Op::Add { who, partition } => {
                let Some(it) = self.clients[who].name else { return };
                let waiter = self.world.add(id_of(who), it, &[partition], V2);
                self.waiters.push((who, waiter, Asked::Add { it, partition }));
            }
            Op::End { who, result } => {
                let Some(it) = self.clients[who].name else { return };
                self.clients[who].last_end = Some((it, result));
                let waiter = self.world.end(id_of(who), it, result, V2);
                self.waiters.push((who, waiter, Asked::End { it, result }));
            }
            Op::RetryEnd { who } => {
                let Some((it, result)) = self.clients[who].last_end else { return };
                let waiter = self.world.end(id_of(who), it, result, V2);
                self.waiters.push((who, waiter, Asked::End { it, result }));
            }
            Op::Advance { ms } => self.world.advance(ms),
            Op::CommitAppend if !self.world.appends.is_empty() => self.world.commit_append(),
            Op::FailAppend if !self.world.appends.is_empty() => {
                self.world.fail_append(ErrorCode::NotEnoughReplicas);
            }
            Op::WriteMarkers { refused } if !self.world.markers.is_empty() => {
                self.world.write_markers(&|_, partition| match refused {
                    Some(refused) if refused == partition => ErrorCode::KafkaStorageError,
                    _ => ErrorCode::None,
                });
            }
            Op::Supply if self.world.wants_producer_id => self.world.supply(),
            Op::Hold { is_held } => {
                self.world.pace = if is_held { Pace::Held } else { Pace::Prompt };
                if !is_held {
                    self.world.catch_up();
                }
            }
            Op::Crash => {
                self.world.crash();
                self.waiters.clear();
            }
            Op::CutPower => {
                self.world.cut_power();
                self.waiters.clear();
            }
            Op::CommitAppend | Op::FailAppend | Op::WriteMarkers { .. } | Op::Supply => {}
        }
        self.see_markers();
        self.read();
        self.see_epochs();
    }

    /// Lets the clients read their mail; who was let into a transaction writes to its partition.
    fn read(&mut self) {
        let (answered, waiting): (Vec<_>, Vec<_>) =
            self.waiters.drain(..).partition(|(_, waiter, _)| self.world.is_answered(*waiter));
        self.waiters = waiting;
        for (who, waiter, asked) in answered {
            let reply = self.world.take(waiter);
            if reply.code != ErrorCode::None {
                continue;
            }
            match asked {
                Asked::Init => self.name(who, reply.producer),
                Asked::Add { it, partition } => self.produce(id_of(who), it, partition),
                Asked::End { it, result } => {
                    let is_commit = result == COMMIT;
                    let told = self.told.insert(it, is_commit);
                    assert!(told.is_none_or(|told| told == is_commit), "{it:?} ended both ways");
                    self.name(who, reply.producer);
                }
            }
        }
    }

    fn name(&mut self, who: usize, it: ProducerIdAndEpoch) {
        let owner = *self.owners.entry(it).or_insert(who);
        assert_eq!(owner, who, "two clients are called {it:?}");
        self.clients[who].name = Some(it);
    }

    /// A record is written, unless its transaction is over: the partition looks once more.
    fn produce(&mut self, id: &'static str, it: ProducerIdAndEpoch, partition: i32) {
        if self.world.shard.is_part(id, it, ("t", partition)) {
            self.open.insert((id, partition), it);
        }
    }

    fn see_markers(&mut self) {
        for markers in &self.world.written[self.markers_seen..] {
            let id = IDS.iter().find(|id| markers.transactional_id == **id).unwrap();
            for (_, partition) in markers.partitions.iter() {
                let Some(open) = self.open.remove(&(*id, partition)) else { continue };
                assert_eq!(open.producer_id, markers.producer.producer_id);
                assert_eq!(open.producer_epoch + 1, markers.producer.producer_epoch);
                self.ended.entry(open).or_default().insert(markers.result == COMMIT);
            }
        }
        self.markers_seen = self.world.written.len();
        for id in IDS {
            let current = self.world.shard.committed(id);
            if current
                .is_none_or(|it| it.state != TransactionState::Ongoing && it.partitions.is_empty())
            {
                let is_open = self.open.keys().any(|(of, _)| *of == id);
                assert!(!is_open, "{id} is idle with an open transaction");
            }
        }
    }

    fn see_epochs(&mut self) {
        for id in IDS {
            let Some(current) = self.world.shard.committed(id) else { continue };
            let ProducerIdAndEpoch { producer_id, producer_epoch } = current.producer;
            let highest = self.epochs.entry(producer_id).or_insert(producer_epoch);
            assert!(*highest <= producer_epoch, "{producer_id} goes back to {producer_epoch}");
            *highest = producer_epoch;
        }
    }

    fn finish(mut self) {
        self.world.pace = Pace::Prompt;
        self.world.catch_up();
        self.world.advance(200_000);
        self.see_markers();
        self.read();
        assert!(self.waiters.is_empty(), "somebody waits forever: {:?}", self.waiters);
        assert!(self.open.is_empty(), "hanging transactions: {:?}", self.open);
        for (name, results) in &self.ended {
            assert_eq!(results.len(), 1, "the transaction of {name:?} is torn");
            if let Some(told) = self.told.get(name) {
                assert!(results.contains(told), "{name:?} ended otherwise than it was told");
            }
        }
        let recorded = |world: &World| {
            IDS.map(|id| {
                let current = world.shard.committed(id)?;
                Some(Metadata { last_producer_epoch: -1, ..current.clone() })
            })
        };
        let before = recorded(&self.world);
        self.world.crash();
        assert_eq!(recorded(&self.world), before, "a restart finds what there was");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_no_transaction_is_torn(
        ops in proptest::collection::vec(ops(), 1..120),
    ) {
        let mut run = Run::new();
        for op in &ops {
            run.apply(op);
        }
        run.finish();
    }

    #[test]
    fn any_bytes_are_a_record_or_an_error(
        key in proptest::collection::vec(any::<u8>(), 0..40),
        value in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..80)),
        version in 0..3_u8,
    ) {
        let mut shard = crate::TransactionShard::default();
        let key = [&[0, 0], key.as_slice()].concat();
        let value = value.map(|value| [&[0, version], value.as_slice()].concat());
        let replayed = shard.replay(&key, value.as_deref());
        if replayed.is_err() {
            prop_assert!(shard.is_empty());
        }
    }
}
