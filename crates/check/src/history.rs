//! A history: what clients asked for, what came of it, and when.
//!
//! Invariant: operations are in the order in which they began, and an operation's number is its
//! place in [`History::ops`].

use std::collections::BTreeMap;

use serde::Deserialize;

/// A name that was read once: a group, a transactional id, the key of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Symbol(pub(crate) u32);

/// A partition, by its name such as `orders-3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(pub(crate) Symbol);

/// A point of time: its place among all events, and what the clock said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    /// The place among all events.
    pub order: u32,
    /// Nanoseconds of a clock that all processes share.
    pub t_ns: i64,
}

impl Moment {
    /// After everything.
    pub const NEVER: Self = Self { order: u32::MAX, t_ns: i64::MAX };
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// Writes records without a transaction.
    Send,
    /// Polls records without a transaction.
    Poll,
    /// A transaction: sends, polls and group offsets that happen together or not at all.
    Txn,
    /// Makes the process the instance that owns a transactional id.
    Init,
    /// Takes partitions by their names; with offsets, also the positions in them.
    Assign,
    /// Joins a group, which gives it partitions.
    Subscribe,
    /// Was given partitions by its group.
    Rebalance,
    /// Moves the position of a consumer.
    Seek,
    /// Commits offsets of a group without a transaction.
    Commit,
    /// Asks for a group's committed offsets.
    Committed,
    /// Asks for the ends of partitions.
    ListOffsets,
    /// Reads partitions as a whole, after everything.
    Read,
    /// Writes settings, such as a topic's configuration.
    Set,
    /// Reads settings.
    Get,
    /// The process ends without a word; what it was at has an unknown end.
    Crash,
    /// Something is broken on purpose.
    Fault,
    /// Everything works again.
    Heal,
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It happened.
    Ok,
    /// It did not happen, and never will.
    Fail,
    /// Nobody knows.
    Info,
}

/// What a poll shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// What was written outside of transactions and by those that were committed.
    #[default]
    ReadCommitted,
    /// Everything.
    ReadUncommitted,
}

/// A record that was written, or was to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Where to.
    pub key: Key,
    /// What; no other record has it.
    pub value: u64,
    /// Where it lies, as far as the producer was told.
    pub offset: Option<i64>,
    /// The value that this one is a copy of.
    pub from: Option<u64>,
    /// Its key in a compacted topic.
    pub record_key: Option<Symbol>,
    /// Whether it deletes its key in a compacted topic.
    pub tombstone: bool,
}

/// A record that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Polled {
    /// Where.
    pub key: Key,
    /// Where in the partition.
    pub offset: i64,
    /// What; nothing where the content is not what any producer wrote.
    pub value: Option<u64>,
}

/// The ends of a partition as the broker told them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Log {
    /// Which partition.
    pub key: Key,
    /// The log start offset.
    pub start: Option<i64>,
    /// The high watermark: exclusive.
    pub high_watermark: Option<i64>,
    /// The last stable offset: exclusive.
    pub last_stable: Option<i64>,
    /// The broker that leads.
    pub leader: Option<i32>,
    /// Since which epoch.
    pub leader_epoch: Option<i32>,
}

/// A part of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A record goes out.
    Send(Sent),
    /// Records come in.
    Poll(Vec<Polled>),
    /// Offsets of a group, or positions.
    Offsets(Vec<(Key, Option<i64>)>),
    /// Partitions without more.
    Keys(Vec<Key>),
    /// Ends of partitions.
    Logs(Vec<Log>),
    /// Settings by their names; nothing where one is not set.
    Values(Vec<(Symbol, Option<Symbol>)>),
}

/// How an operation is found again in the files it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpName {
    /// Who did it.
    pub process: u32,
    /// The `i` of the line where it began.
    pub line: u64,
}

/// An operation from its beginning to its end.
#[derive(Clone, Debug)]
pub struct Op {
    /// Its place in the history.
    pub number: u32,
    /// How it is found again.
    pub name: OpName,
    /// What it does.
    pub function: Function,
    /// How it ended.
    pub outcome: Outcome,
    /// When it began.
    pub invoked: Moment,
    /// When its process decided to commit it, where it says so.
    pub decided: Option<Moment>,
    /// When its end was known.
    pub completed: Moment,
    /// What it did, as far as its process could say.
    pub steps: Vec<Step>,
    /// What its polls show.
    pub isolation: Isolation,
    /// Whether its producer is idempotent.
    pub idempotent: bool,
    /// The consumer group.
    pub group: Option<Symbol>,
    /// The generation of the group.
    pub generation: Option<i32>,
    /// The transactional id.
    pub transactional_id: Option<Symbol>,
    /// Partitions that came or went while it ran.
    pub rebalanced: Vec<Key>,
    /// Which replica was read.
    pub replica: Option<i32>,
}

impl Op {
    /// Whether it happened for certain.
    pub fn is_ok(&self) -> bool {
        self.outcome == Outcome::Ok
    }

    /// Whether it ended before another one began.
    pub fn is_before(&self, other: &Self) -> bool {
        self.completed < other.invoked
    }

    /// The records it wrote or was to write.
    pub fn sends(&self) -> impl Iterator<Item = &Sent> {
        self.steps.iter().filter_map(|step| match step {
            Step::Send(sent) => Some(sent),
            _ => None,
        })
    }

    /// The records it read.
    pub fn polled(&self) -> impl Iterator<Item = &Polled> {
        self.steps.iter().flat_map(|step| match step {
            Step::Poll(records) => records.as_slice(),
            _ => &[],
        })
    }

    /// The offsets it committed, was told, or went to.
    pub fn offsets(&self) -> impl Iterator<Item = (Key, Option<i64>)> {
        self.steps
            .iter()
            .flat_map(|step| match step {
                Step::Offsets(offsets) => offsets.as_slice(),
                _ => &[],
            })
            .copied()
    }

    /// The partitions it names.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.steps
            .iter()
            .flat_map(|step| match step {
                Step::Keys(keys) => keys.as_slice(),
                _ => &[],
            })
            .copied()
    }

    /// The settings that it wrote or read.
    pub fn values(&self) -> impl Iterator<Item = (Symbol, Option<Symbol>)> {
        self.steps
            .iter()
            .flat_map(|step| match step {
                Step::Values(values) => values.as_slice(),
                _ => &[],
            })
            .copied()
    }

    /// The ends of partitions that it was told.
    pub fn logs(&self) -> impl Iterator<Item = &Log> {
        self.steps.iter().flat_map(|step| match step {
            Step::Logs(logs) => logs.as_slice(),
            _ => &[],
        })
    }
}

/// A topic that others are copied from in transactions, with the group that does so.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Copied {
    /// The topic with the input.
    pub input: String,
    /// The topic with the output.
    pub output: String,
    /// The group whose offsets say how far the copy is.
    pub group: String,
}

/// What the checker has to know of the run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Topics that are compacted.
    pub compacted: Vec<String>,
    /// Topics that are copied exactly once.
    pub copies: Vec<Copied>,
    /// How long a transaction may stay open, with what the broker needs to notice.
    pub transaction_limit_ms: i64,
    /// How long after faults nothing may happen.
    pub progress_limit_ms: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            compacted: Vec::new(),
            copies: Vec::new(),
            transaction_limit_ms: 120_000,
            progress_limit_ms: 60_000,
        }
    }
}

/// What all processes did.
#[derive(Debug, Default)]
pub struct History {
    pub(crate) ops: Vec<Op>,
    pub(crate) names: Vec<String>,
    pub(crate) symbols: BTreeMap<String, Symbol>,
    pub(crate) settings: Settings,
    /// The last event.
    pub(crate) end: Option<Moment>,
}

impl History {
    /// The operations in the order in which they began.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// What is known of the run.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The name behind a symbol.
    pub fn name(&self, symbol: Symbol) -> &str {
        self.names.get(symbol.0 as usize).map_or("?", String::as_str)
    }

    /// The name of a partition.
    pub fn key(&self, key: Key) -> &str {
        self.name(key.0)
    }

    /// The topic of a partition.
    pub fn topic(&self, key: Key) -> &str {
        self.key(key).rsplit_once('-').map_or("", |(topic, _)| topic)
    }

    /// Whether the topic of a partition is compacted.
    pub fn is_compacted(&self, key: Key) -> bool {
        self.settings.compacted.iter().any(|topic| topic == self.topic(key))
    }

    /// The symbol of a name.
    pub(crate) fn intern(&mut self, name: &str) -> Symbol {
        if let Some(symbol) = self.symbols.get(name) {
            return *symbol;
        }
        let symbol = Symbol(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        self.names.push(name.to_owned());
        self.symbols.insert(name.to_owned(), symbol);
        symbol
    }
}
