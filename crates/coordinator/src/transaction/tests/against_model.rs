//! Random requests to a shard and to a model of the protocol that keeps no log, no pending states
//! and no markers. Both must say the same.

use ottla_types::ErrorCode;
use proptest::prelude::*;

use super::{
    super::{ProducerIdAndEpoch, TransactionReply, TransactionResult},
    world::{ABORT, COMMIT, V2, World, producer},
};

/// One transactional id as KIP-98, KIP-360 and KIP-890 describe it.
#[derive(Clone, Debug, Default)]
struct Model {
    it: Option<ProducerIdAndEpoch>,
    /// What the producer was called before, if a request under that name may be a retry of the one
    /// that changed it: an InitProducerId, or an EndTxn with this result.
    before_init: Option<ProducerIdAndEpoch>,
    before_end: Option<ProducerIdAndEpoch>,
    is_open: bool,
    ended: Option<TransactionResult>,
    ids: i64,
}

impl Model {
    fn next_id(&mut self) -> ProducerIdAndEpoch {
        self.ids += 1;
        producer(999 + self.ids, 0)
    }

    fn renamed(&mut self, it: ProducerIdAndEpoch) -> ProducerIdAndEpoch {
        if it.producer_epoch >= i16::MAX - 1 {
            return self.next_id();
        }
        ProducerIdAndEpoch { producer_epoch: it.producer_epoch + 1, ..it }
    }

    fn init(&mut self, expected: Option<ProducerIdAndEpoch>) -> TransactionReply {
        let Some(it) = self.it else {
            let new = self.next_id();
            self.it = Some(new);
            return TransactionReply::granted(new);
        };
        if let Some(expected) = expected.filter(|expected| *expected != it) {
            let may_repeat = !self.is_open && self.before_init == Some(expected);
            return if may_repeat {
                (self.ended, self.before_end) = (None, None);
                TransactionReply::granted(it)
            } else if self.is_open && expected.producer_id == it.producer_id {
                self.fence()
            } else {
                TransactionReply::refused(ErrorCode::ProducerFenced)
            };
        }
        if self.is_open {
            return self.fence();
        }
        let new = self.renamed(it);
        self.it = Some(new);
        (self.ended, self.before_end) = (None, None);
        self.before_init = expected;
        TransactionReply::granted(new)
    }

    fn fence(&mut self) -> TransactionReply {
        self.close(ABORT);
        TransactionReply::refused(ErrorCode::ConcurrentTransactions)
    }

    fn close(&mut self, result: TransactionResult) {
        (self.before_init, self.before_end) = (self.it, self.it);
        self.it = self.it.map(|it| self.renamed(it));
        (self.is_open, self.ended) = (false, Some(result));
    }

    fn add(&mut self, asker: ProducerIdAndEpoch) -> ErrorCode {
        match self.it {
            Some(it) if it == asker => {
                (self.is_open, self.ended) = (true, None);
                if it.producer_epoch == 0 {
                    // Its id has a predecessor no more.
                    self.before_init = None;
                }
                ErrorCode::None
            }
            Some(it) if it.producer_id == asker.producer_id => ErrorCode::ProducerFenced,
            _ => ErrorCode::InvalidProducerIdMapping,
        }
    }

    fn end(&mut self, asker: ProducerIdAndEpoch, result: TransactionResult) -> TransactionReply {
        let refused = TransactionReply::refused;
        let Some(it) = self.it else { return refused(ErrorCode::InvalidProducerIdMapping) };
        if self.ended.is_some() && self.before_end == Some(asker) {
            return if self.ended == Some(result) {
                TransactionReply::granted(it)
            } else {
                refused(ErrorCode::InvalidTxnState)
            };
        }
        if it.producer_id != asker.producer_id {
            return refused(ErrorCode::InvalidProducerIdMapping);
        }
        if it != asker {
            return refused(ErrorCode::ProducerFenced);
        }
        if !self.is_open && result == COMMIT {
            return refused(ErrorCode::InvalidTxnState);
        }
        self.close(result);
        self.it.map_or(refused(ErrorCode::UnknownServerError), TransactionReply::granted)
    }
}

#[derive(Clone, Debug)]
enum Op {
    Init { expected: Option<Name> },
    Add { name: Name },
    End { name: Name, result: TransactionResult },
}

/// How a producer calls itself, beside the last producer's name.
#[derive(Clone, Copy, Debug)]
enum Name {
    Current,
    OneEpochBack,
    OneEpochAhead,
    Before,
    OtherId,
}

fn name() -> impl Strategy<Value = Name> {
    prop_oneof![
        10 => Just(Name::Current),
        2 => Just(Name::OneEpochBack),
        1 => Just(Name::OneEpochAhead),
        3 => Just(Name::Before),
        1 => Just(Name::OtherId),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    let result = prop_oneof![Just(COMMIT), Just(ABORT)];
    prop_oneof![
        2 => proptest::option::of(name()).prop_map(|expected| Op::Init { expected }),
        5 => name().prop_map(|name| Op::Add { name }),
        5 => (name(), result).prop_map(|(name, result)| Op::End { name, result }),
    ]
}

/// `first_epoch` is where the producer's epochs begin: all of them take too long.
fn run(first_epoch: i16, ops: &[Op]) {
    let mut world = World::new();
    let first = world.take_over("a");
    let mut metadata = world.metadata("a").clone();
    metadata.producer.producer_epoch = first_epoch;
    let first = ProducerIdAndEpoch { producer_epoch: first_epoch, ..first };
    world.shard.set_committed(&"a".into(), Some(metadata));
    let mut model = Model { it: Some(first), ids: 1, ..Model::default() };
    let mut names = vec![first];
    for op in ops {
        let current = model.it.unwrap_or(first);
        if names.last() != Some(&current) {
            names.push(current);
        }
        let before = names.len().checked_sub(2).map_or(current, |place| names[place]);
        let ahead = |epochs: i16| ProducerIdAndEpoch {
            producer_epoch: current.producer_epoch.saturating_add(epochs).max(0),
            ..current
        };
        let named = |name| match name {
            Name::Current => current,
            Name::OneEpochBack => ahead(-1),
            Name::OneEpochAhead => ahead(1),
            Name::Before => before,
            Name::OtherId => producer(3, current.producer_epoch),
        };
        match op {
            Op::Init { expected } => {
                let expected = expected.map(named);
                let waiter = world.init("a", expected);
                let reply = world.take(waiter);
                assert_eq!(reply, model.init(expected), "{op:?} of {model:?}");
            }
            Op::Add { name } => {
                let waiter = world.add("a", named(*name), &[0], V2);
                assert_eq!(world.code(waiter), model.add(named(*name)), "{op:?} of {model:?}");
            }
            Op::End { name, result } => {
                let asker = named(*name);
                let waiter = world.end("a", asker, *result, V2);
                let reply = world.take(waiter);
                assert_eq!(reply, model.end(asker, *result), "{op:?} of {model:?}");
            }
        }
        assert_eq!(!world.metadata("a").partitions.is_empty(), model.is_open);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_shard_says_what_the_protocol_says(
        first_epoch in prop_oneof![Just(0_i16), Just(i16::MAX - 8)],
        ops in proptest::collection::vec(ops(), 1..60),
    ) {
        run(first_epoch, &ops);
    }
}
