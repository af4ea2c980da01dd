//! A shard with a clock, a log, partitions that take markers, and the clients' mailboxes around it.

use std::collections::{BTreeMap, VecDeque};

use ottla_types::{ErrorCode, ProducerId};
use ottla_wire::Str;

use super::super::{
    AddPartitions, EndCause, InitProducer, ProducerIdAndEpoch, TransactionAppend, TransactionCall,
    TransactionConfig, TransactionEffects, TransactionMarkers, TransactionReply, TransactionResult,
    TransactionShard, TransactionState, TransactionVersion, metadata::Metadata,
};
use crate::{CommitWhen, CoordinatorRecord, WaiterId};

pub(super) const COMMIT: TransactionResult = TransactionResult::Commit;
pub(super) const ABORT: TransactionResult = TransactionResult::Abort;
pub(super) const V0: TransactionVersion = TransactionVersion::V0;
pub(super) const V2: TransactionVersion = TransactionVersion::V2;

/// How appends, markers and requests for producer ids end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// At once, with success.
    Prompt,
    /// When the test says so.
    Held,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) shard: TransactionShard,
    pub(super) now_ms: i64,
    pub(super) pace: Pace,
    /// What is written; the first `durable` records survive a power cut.
    pub(super) log: Vec<CoordinatorRecord>,
    durable: usize,
    /// What is on its way.
    pub(super) appends: VecDeque<TransactionAppend>,
    pub(super) markers: VecDeque<TransactionMarkers>,
    pub(super) wants_producer_id: bool,
    /// Markers that were written.
    pub(super) written: Vec<TransactionMarkers>,
    pub(super) next_producer_id: i64,
    version: TransactionVersion,
    config: TransactionConfig,
    replies: BTreeMap<WaiterId, TransactionReply>,
    next_waiter: u64,
}

pub(super) fn producer(producer_id: i64, producer_epoch: i16) -> ProducerIdAndEpoch {
    ProducerIdAndEpoch { producer_id: ProducerId(producer_id), producer_epoch }
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(TransactionConfig::default())
    }

    pub(super) fn with(config: TransactionConfig) -> Self {
        let mut shard = TransactionShard::new(config.clone());
        shard.set_version(V2);
        Self {
            shard,
            now_ms: 1_700_000_000_000,
            pace: Pace::Prompt,
            log: Vec::new(),
            durable: 0,
            appends: VecDeque::new(),
            markers: VecDeque::new(),
            wants_producer_id: false,
            written: Vec::new(),
            next_producer_id: 1_000,
            version: V2,
            config,
            replies: BTreeMap::new(),
            next_waiter: 0,
        }
    }

    pub(super) fn set_version(&mut self, version: TransactionVersion) {
        self.version = version;
        self.shard.set_version(version);
    }

    pub(super) fn settle(&mut self, effects: TransactionEffects) {
        for (waiter, reply) in effects.replies {
            let earlier = self.replies.insert(waiter, reply);
            assert!(earlier.is_none(), "a request is answered once");
        }
        for append in effects.appends {
            if append.commit_when == CommitWhen::Written && self.pace == Pace::Held {
                // It is in the log, and counts. Whether it survives is a matter of what follows.
                self.write(append);
            } else {
                self.appends.push_back(append);
            }
        }
        self.markers.extend(effects.markers);
        self.wants_producer_id |= effects.wants_producer_id;
        self.shard.check();
        if self.pace == Pace::Prompt {
            self.catch_up();
        }
    }

    /// Lets everything that is on its way arrive.
    pub(super) fn catch_up(&mut self) {
        loop {
            if !self.appends.is_empty() {
                self.commit_append();
            } else if !self.markers.is_empty() {
                self.write_markers(&|_, _| ErrorCode::None);
            } else if self.wants_producer_id {
                self.supply();
            } else {
                return;
            }
        }
    }

    pub(super) fn commit_append(&mut self) {
        let append = self.appends.pop_front().expect("an append is on its way");
        self.write(append);
    }

    fn write(&mut self, append: TransactionAppend) {
        self.log.extend(append.records);
        if append.commit_when == CommitWhen::Safe {
            self.durable = self.log.len();
        }
        self.act(|world, effects| {
            world.shard.append_committed(world.now_ms, append.token, effects);
        });
    }

    pub(super) fn fail_append(&mut self, error: ErrorCode) {
        let append = self.appends.pop_front().expect("an append is on its way");
        self.act(|world, effects| {
            world.shard.append_failed(world.now_ms, append.token, error, effects);
        });
    }

    pub(super) fn write_markers(&mut self, outcome: &dyn Fn(&str, i32) -> ErrorCode) {
        let mut markers = self.markers.pop_front().expect("markers are on their way");
        let all: Vec<(Str, i32)> =
            markers.partitions.iter().map(|(topic, number)| (topic.clone(), number)).collect();
        let results: Vec<_> = all
            .iter()
            .map(|(topic, number)| (&**topic, *number, outcome(topic, *number)))
            .collect();
        for (topic, number, code) in &results {
            if *code != ErrorCode::None {
                markers.partitions.remove(topic, *number);
            }
        }
        self.written.push(markers.clone());
        self.act(|world, effects| {
            let whose = (&markers.transactional_id, markers.producer);
            world.shard.markers_written(world.now_ms, whose, results.iter().copied(), effects);
        });
    }

    pub(super) fn supply(&mut self) {
        self.wants_producer_id = false;
        let id = ProducerId(self.next_producer_id);
        self.next_producer_id += 1;
        self.act(|world, effects| {
            world.shard.supply_producer_id(world.now_ms, Ok(id), effects);
        });
    }

    pub(super) fn act(&mut self, act: impl FnOnce(&mut Self, &mut TransactionEffects)) {
        let mut effects = TransactionEffects::default();
        act(self, &mut effects);
        self.settle(effects);
    }

    pub(super) fn call(
        &mut self,
        act: impl FnOnce(&mut TransactionShard, &TransactionCall, &mut TransactionEffects),
    ) -> WaiterId {
        let waiter = WaiterId(self.next_waiter);
        self.next_waiter += 1;
        let call = TransactionCall { now_ms: self.now_ms, waiter };
        self.act(|world, effects| act(&mut world.shard, &call, effects));
        waiter
    }

    pub(super) fn init(&mut self, id: &str, expected: Option<ProducerIdAndEpoch>) -> WaiterId {
        self.call(|shard, call, effects| {
            let (transactional_id, end_cause) = (Str::from(id), EndCause::Fenced);
            let request =
                InitProducer { transactional_id, timeout_ms: 60_000, expected, end_cause };
            shard.init_producer_id(call, request, effects);
        })
    }

    /// Takes over an id that has no transaction.
    pub(super) fn take_over(&mut self, id: &str) -> ProducerIdAndEpoch {
        let waiter = self.init(id, None);
        let reply = self.take(waiter);
        assert_eq!(reply.code, ErrorCode::None);
        reply.producer
    }

    pub(super) fn add(
        &mut self,
        id: &str,
        producer: ProducerIdAndEpoch,
        partitions: &[i32],
        client_version: TransactionVersion,
    ) -> WaiterId {
        let request = AddPartitions {
            transactional_id: Str::from(id),
            producer,
            partitions: partitions.iter().map(|partition| ("t", *partition)).collect(),
            client_version,
            wait_until_ms: self.now_ms + 100,
        };
        self.call(|shard, call, effects| shard.add_partitions(call, request, effects))
    }

    pub(super) fn end(
        &mut self,
        id: &str,
        producer: ProducerIdAndEpoch,
        result: TransactionResult,
        version: TransactionVersion,
    ) -> WaiterId {
        self.call(|shard, call, effects| {
            shard.end_txn(call, id, producer, (result, version), effects);
        })
    }

    pub(super) fn is_answered(&self, waiter: WaiterId) -> bool {
        self.replies.contains_key(&waiter)
    }

    pub(super) fn take(&mut self, waiter: WaiterId) -> TransactionReply {
        self.replies.remove(&waiter).expect("the request is answered")
    }

    pub(super) fn code(&mut self, waiter: WaiterId) -> ErrorCode {
        self.take(waiter).code
    }

    pub(super) fn metadata(&self, id: &str) -> &Metadata {
        self.shard.committed(id).expect("the id is known")
    }

    pub(super) fn state(&self, id: &str) -> TransactionState {
        self.metadata(id).state
    }

    /// Moves the clock, and does what is due on the way.
    pub(super) fn advance(&mut self, ms: i64) {
        let until = self.now_ms + ms;
        while let Some(due) = self.shard.next_deadline().filter(|due| *due <= until) {
            self.now_ms = due.max(self.now_ms);
            self.act(|world, effects| world.shard.tick(world.now_ms, effects));
            if self.shard.next_deadline() == Some(due) {
                break;
            }
        }
        self.now_ms = until;
    }

    /// The power is cut: what is not on the disk is lost.
    pub(super) fn cut_power(&mut self) {
        self.log.truncate(self.durable);
        self.crash();
    }

    /// The broker is killed: what was on its way is lost, and nobody is answered.
    pub(super) fn crash(&mut self) {
        self.appends.clear();
        self.markers.clear();
        self.wants_producer_id = false;
        self.shard = TransactionShard::new(self.config.clone());
        self.shard.set_version(self.version);
        for CoordinatorRecord { key, value } in &self.log {
            self.shard.replay(key, value.as_deref()).expect("the log can be replayed");
        }
        self.act(|world, effects| world.shard.loaded(world.now_ms, effects));
    }
}
