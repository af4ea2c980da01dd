//! Histories as lines of JSON.
//!
//! One event a line: `{"i":7,"proc":3,"t_ns":8120,"type":"invoke","f":"txn","v":[…]}`.
//!
//! - `type` is `invoke`, then `ok`, `fail` (it did not happen and never will) or `info` (nobody
//!   knows). Between them `progress` says what was done so far, and when the process decided to
//!   commit: what it says counts where nothing later is known. `settings` is about the run.
//! - `proc` does one thing at a time, all in one file. What it was at when its file ends is `info`.
//!   That it was killed may stand elsewhere: `crash`, like `fault` and `heal`, has no end.
//! - `t_ns` is a clock that all processes of the machine share.
//! - `v` has the steps: `["send", partition, [offset or null, value], {"from", "key",
//!   "tombstone"}]`, `["poll", {partition: [[offset, value or null], …]}]`, `["offsets",
//!   {partition: offset or null}]`, `["keys", [partition, …]]`, `["values", {setting: value or
//!   null}]`, `["logs", {partition: {"start", "hw", "lso", "leader", "epoch"}}]`.
//! - Besides: `isolation`, `idempotent`, `group`, `generation`, `txn_id`, `rebalanced`, `replica`,
//!   `err`.
//!
//! Who writes a history promises: a transaction begins with all values that it will send, it is
//! committed only when all of its records are acknowledged, and before it commits there is a
//! `progress` line with what it did. Values are unique over all partitions.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

use crate::history::{
    Function, History, Isolation, Key, Log, Moment, Op, OpName, Outcome, Polled, Sent, Settings,
    Step,
};

/// Why a history cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// A line is not an event.
    #[error("line {line} of history {source_number} cannot be read: {error}")]
    Line {
        /// Which of the texts, from 1.
        source_number: usize,
        /// Which of its lines, from 1.
        line: usize,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// Something ends that did not begin.
    #[error("process {process} ends what it did not begin (i = {line})")]
    NotBegun {
        /// The process.
        process: u32,
        /// The `i` of the line.
        line: u64,
    },
    /// More events than there are numbers.
    #[error("the history is too long")]
    TooLong,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Type {
    Settings,
    Invoke,
    Progress,
    Ok,
    Fail,
    Info,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(default)]
    i: u64,
    #[serde(default)]
    proc: u32,
    #[serde(default)]
    t_ns: i64,
    r#type: Type,
    f: Option<Function>,
    #[serde(default, borrow)]
    v: Vec<StepText<'a>>,
    #[serde(default)]
    isolation: Isolation,
    idempotent: Option<bool>,
    #[serde(default, borrow)]
    group: Option<Cow<'a, str>>,
    generation: Option<i32>,
    #[serde(default, borrow)]
    txn_id: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    rebalanced: Vec<Name<'a>>,
    replica: Option<i32>,
    settings: Option<Settings>,
}

/// A name that is borrowed where JSON has it without escapes.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

enum StepText<'a> {
    Send(Name<'a>, (Option<i64>, u64), SendMore<'a>),
    Poll(BTreeMap<Name<'a>, Vec<(i64, Option<u64>)>>),
    Offsets(BTreeMap<Name<'a>, Option<i64>>),
    Keys(Vec<Name<'a>>),
    Logs(BTreeMap<Name<'a>, LogText>),
    Values(BTreeMap<Name<'a>, Option<Name<'a>>>),
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct SendMore<'a> {
    from: Option<u64>,
    #[serde(borrow)]
    key: Option<Name<'a>>,
    tombstone: bool,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct LogText {
    start: Option<i64>,
    hw: Option<i64>,
    lso: Option<i64>,
    leader: Option<i32>,
    epoch: Option<i32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum StepName {
    Send,
    Poll,
    Offsets,
    Keys,
    Logs,
    Values,
}

impl<'de: 'a, 'a> Deserialize<'de> for StepText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(StepVisitor)
    }
}

struct StepVisitor;

impl<'de> Visitor<'de> for StepVisitor {
    type Value = StepText<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a step, such as [\"send\", \"x-0\", [null, 1]]")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        Ok(match part(&mut seq)? {
            StepName::Send => StepText::Send(
                part(&mut seq)?,
                part(&mut seq)?,
                seq.next_element()?.unwrap_or_default(),
            ),
            StepName::Poll => StepText::Poll(seq.next_element()?.unwrap_or_default()),
            StepName::Offsets => StepText::Offsets(part(&mut seq)?),
            StepName::Keys => StepText::Keys(part(&mut seq)?),
            StepName::Logs => StepText::Logs(part(&mut seq)?),
            StepName::Values => StepText::Values(part(&mut seq)?),
        })
    }
}

fn part<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(seq: &mut A) -> Result<T, A::Error> {
    seq.next_element()?.ok_or_else(|| serde::de::Error::custom("a step has too few parts"))
}

/// When something was written down about an operation.
struct Stamp {
    t_ns: i64,
    kind: Type,
    /// Its place among the operations as they were read.
    op: usize,
}

impl Stamp {
    /// What has the same time is taken to overlap: beginnings come first.
    fn order(&self) -> (i64, bool) {
        (self.t_ns, self.kind > Type::Progress)
    }
}

impl History {
    /// Reads histories that were written at the same time, one text for each writer, with what one
    /// process did in one text. The last line of a text may be cut off.
    pub fn parse(texts: &[&str]) -> Result<Self, ParseError> {
        let mut history = Self::default();
        let mut stamps = Vec::new();
        for (source, text) in texts.iter().enumerate() {
            // What each process is at.
            let mut open = BTreeMap::new();
            for (number, line) in text.split_inclusive('\n').enumerate() {
                let is_whole = line.ends_with('\n');
                let line = line.trim();
                if line.is_empty() {
                    continue;
                }
                match serde_json::from_str::<Line<'_>>(line) {
                    Ok(line) => stamps.extend(history.line(line, &mut open)?),
                    // Its writer was killed in the middle.
                    Err(_) if !is_whole => {}
                    Err(error) => {
                        let (source_number, line) = (source + 1, number + 1);
                        return Err(ParseError::Line { source_number, line, error });
                    }
                }
            }
        }
        history.put_in_order(stamps)?;
        Ok(history)
    }

    fn line(
        &mut self,
        line: Line<'_>,
        open: &mut BTreeMap<u32, usize>,
    ) -> Result<Option<Stamp>, ParseError> {
        let (process, t_ns, kind) = (line.proc, line.t_ns, line.r#type);
        if kind == Type::Settings {
            self.settings = line.settings.unwrap_or_default();
            return Ok(None);
        }
        let is_alone = line.f.is_some_and(is_alone);
        if kind == Type::Invoke || is_alone {
            let op = self.ops.len();
            open.remove(&process);
            if !is_alone {
                open.insert(process, op);
            }
            let begun = self.op(line);
            self.ops.push(begun);
            return Ok(Some(Stamp { t_ns, kind: Type::Invoke, op }));
        }
        let at = open.get(&process).copied();
        let later = self.op(line);
        let begun = at.and_then(|at| Some((at, self.ops.get_mut(at)?)));
        let Some((op, begun)) = begun else {
            return Err(ParseError::NotBegun { process, line: later.name.line });
        };
        begun.take_from(later);
        if kind != Type::Progress {
            open.remove(&process);
        }
        Ok(Some(Stamp { t_ns, kind, op }))
    }

    fn op(&mut self, line: Line<'_>) -> Op {
        Op {
            number: 0,
            name: OpName { process: line.proc, line: line.i },
            function: line.f.unwrap_or(Function::Crash),
            outcome: match line.r#type {
                Type::Ok => Outcome::Ok,
                Type::Fail => Outcome::Fail,
                _ => Outcome::Info,
            },
            invoked: Moment::NEVER,
            decided: None,
            completed: Moment::NEVER,
            steps: line.v.into_iter().map(|step| self.step(step)).collect(),
            isolation: line.isolation,
            idempotent: line.idempotent.unwrap_or(true),
            group: line.group.map(|name| self.intern(&name)),
            generation: line.generation,
            transactional_id: line.txn_id.map(|name| self.intern(&name)),
            rebalanced: line.rebalanced.iter().map(|name| self.intern_key(name)).collect(),
            replica: line.replica,
        }
    }

    fn intern_key(&mut self, name: &Name<'_>) -> Key {
        Key(self.intern(&name.0))
    }

    fn step(&mut self, text: StepText<'_>) -> Step {
        match text {
            StepText::Send(key, (offset, value), more) => Step::Send(Sent {
                key: self.intern_key(&key),
                value,
                offset,
                from: more.from,
                record_key: more.key.map(|key| self.intern(&key.0)),
                tombstone: more.tombstone,
            }),
            StepText::Poll(of) => {
                let mut polled = Vec::with_capacity(of.values().map(Vec::len).sum());
                for (key, records) in of {
                    let key = self.intern_key(&key);
                    let records = records.into_iter();
                    polled.extend(records.map(|(offset, value)| Polled { key, offset, value }));
                }
                Step::Poll(polled)
            }
            StepText::Offsets(of) => {
                let offsets = of.into_iter();
                Step::Offsets(offsets.map(|(key, at)| (self.intern_key(&key), at)).collect())
            }
            StepText::Keys(keys) => {
                Step::Keys(keys.iter().map(|key| self.intern_key(key)).collect())
            }
            StepText::Logs(of) => {
                let logs = of.into_iter().map(|(key, log)| Log {
                    key: self.intern_key(&key),
                    start: log.start,
                    high_watermark: log.hw,
                    last_stable: log.lso,
                    leader: log.leader,
                    leader_epoch: log.epoch,
                });
                Step::Logs(logs.collect())
            }
            StepText::Values(of) => {
                let values = of.into_iter().map(|(name, value)| {
                    (self.intern(&name.0), value.map(|value| self.intern(&value.0)))
                });
                Step::Values(values.collect())
            }
        }
    }

    /// Gives everything its place in time.
    fn put_in_order(&mut self, mut stamps: Vec<Stamp>) -> Result<(), ParseError> {
        stamps.sort_by_key(Stamp::order);
        for (order, stamp) in stamps.into_iter().enumerate() {
            let order = u32::try_from(order).map_err(|_| ParseError::TooLong)?;
            let moment = Moment { order, t_ns: stamp.t_ns };
            self.end = Some(moment);
            let Some(op) = self.ops.get_mut(stamp.op) else { continue };
            match stamp.kind {
                Type::Settings => {}
                Type::Invoke => {
                    op.invoked = moment;
                    if is_alone(op.function) {
                        op.completed = moment;
                    }
                }
                Type::Progress => op.decided = Some(moment),
                Type::Ok | Type::Fail | Type::Info => op.completed = moment,
            }
        }
        self.ops.sort_unstable_by_key(|op| op.invoked);
        for (number, op) in (0..).zip(&mut self.ops) {
            op.number = number;
        }
        Ok(())
    }
}

/// Whether it has no end of its own.
fn is_alone(function: Function) -> bool {
    matches!(function, Function::Crash | Function::Fault | Function::Heal)
}

impl Op {
    /// Takes what a later line knows better.
    fn take_from(&mut self, later: Self) {
        self.outcome = later.outcome;
        if !later.steps.is_empty() {
            self.steps = later.steps;
        }
        self.group = later.group.or(self.group);
        self.generation = later.generation.or(self.generation);
        self.transactional_id = later.transactional_id.or(self.transactional_id);
        self.rebalanced.extend(later.rebalanced);
    }
}
