//! Settings that clients write and read, such as a topic's configuration: anomaly 30.
//!
//! A register is linearizable when each operation can be given one moment between its beginning and
//! its end, so that every read sees the write before it. All such orders are followed at once: a
//! state is a value with the operations that have had their moment and not their end.
//! Kafka: `ConfigurationControlManager`, whose log decides on the order. Method: Lowe, Testing for
//! Linearizability (2017), just-in-time.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    anomaly::Anomaly,
    book::Book,
    history::{Function, Moment, Op, Outcome, Symbol},
    report::Report,
};

/// More states than this at once are not followed: what comes then is not judged.
const STATES_MAX: usize = 100_000;

pub(crate) fn check(book: &Book<'_>, report: &mut Report) {
    let mut registers: BTreeMap<Symbol, Vec<Access<'_>>> = BTreeMap::new();
    for op in book.history.ops() {
        for (register, value) in op.values() {
            registers.entry(register).or_default().extend(Access::of(op, value));
        }
    }
    for (register, accesses) in registers {
        if let Some(at) = first_without_a_moment(&accesses) {
            report.violation(Anomaly::NotLinearizable, &[at.op], || {
                let value = at.value.map_or("nothing", |value| book.history.name(value));
                let name = book.history.name(register);
                format!("{name}: no order of what was written gives {value} here")
            });
        }
    }
}

/// What one operation did to a register.
#[derive(Clone, Copy, Debug)]
struct Access<'a> {
    op: &'a Op,
    is_write: bool,
    value: Option<Symbol>,
    /// When it was over; [`Moment::NEVER`] where it may still happen.
    end: Moment,
}

impl<'a> Access<'a> {
    /// `None` for what tells nothing: a write that never happens, a read without an answer.
    fn of(op: &'a Op, value: Option<Symbol>) -> Option<Self> {
        let is_write = op.function == Function::Set;
        let end = match op.outcome {
            Outcome::Ok => op.completed,
            Outcome::Info if is_write => Moment::NEVER,
            Outcome::Info | Outcome::Fail => return None,
        };
        Some(Self { op, is_write, value, end })
    }
}

/// What a register holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Held {
    /// What it had before the history; the first read says what that is.
    Unknown,
    Value(Option<Symbol>),
}

/// A way in which things may have gone so far.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct State {
    held: Held,
    /// Open operations that have had their moment, by their numbers.
    done: BTreeSet<u32>,
}

impl State {
    /// This state after one more operation, if that can have its moment now.
    fn after(&self, access: &Access<'_>) -> Option<Self> {
        let fits = access.is_write
            || matches!(self.held, Held::Unknown)
            || self.held == Held::Value(access.value);
        fits.then(|| {
            let mut done = self.done.clone();
            done.insert(access.op.number);
            Self { held: Held::Value(access.value), done }
        })
    }
}

/// The first operation, by its end, that no order can explain.
fn first_without_a_moment<'a>(accesses: &[Access<'a>]) -> Option<Access<'a>> {
    let mut events: Vec<(Moment, bool, usize)> = Vec::new();
    for (place, access) in accesses.iter().enumerate() {
        events.push((access.op.invoked, false, place));
        events.push((access.end, true, place));
    }
    events.sort_unstable();
    let mut open: BTreeMap<u32, &Access<'a>> = BTreeMap::new();
    let mut states = BTreeSet::from([State { held: Held::Unknown, done: BTreeSet::new() }]);
    for (moment, is_end, place) in events {
        let access = accesses.get(place)?;
        if !is_end {
            open.insert(access.op.number, access);
        } else if moment == Moment::NEVER {
            break;
        } else {
            states = with_done(states, &open, access.op.number)?;
            if states.is_empty() {
                return Some(*access);
            }
            open.remove(&access.op.number);
        }
    }
    None
}

/// The states from here in which this operation has had its moment, which is then forgotten. `None`
/// where there are too many.
fn with_done(
    states: BTreeSet<State>,
    open: &BTreeMap<u32, &Access<'_>>,
    number: u32,
) -> Option<BTreeSet<State>> {
    let mut seen = states.clone();
    let mut left: Vec<State> = states.into_iter().collect();
    let mut reached = BTreeSet::new();
    while let Some(mut state) = left.pop() {
        if state.done.remove(&number) {
            reached.insert(state);
            continue;
        }
        let others = open.values().filter(|access| !state.done.contains(&access.op.number));
        for next in others.filter_map(|access| state.after(access)) {
            if seen.insert(next.clone()) {
                left.push(next);
            }
        }
        if seen.len() > STATES_MAX {
            return None;
        }
    }
    Some(reached)
}
