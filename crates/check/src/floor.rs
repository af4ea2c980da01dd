//! What was known when something began, of a number that only grows.

use crate::history::Op;

/// What is known of one number.
#[derive(Default)]
pub(crate) struct Floor<'h> {
    /// That the number was at least so high when an operation was over.
    facts: Vec<(i64, &'h Op)>,
}

impl<'h> Floor<'h> {
    /// The number was at least this, where it was told, when the operation was over.
    pub(crate) fn add(&mut self, at: impl Into<Option<i64>>, op: &'h Op) {
        self.facts.extend(at.into().map(|at| (at, op)));
    }

    /// Makes it ready for questions: only what was news stays.
    pub(crate) fn sort(&mut self) {
        self.facts.sort_by_key(|(_, op)| op.completed);
        let mut highest = None;
        self.facts.retain(|(at, _)| {
            let is_news = highest.is_none_or(|highest| *at > highest);
            highest = highest.max(Some(*at));
            is_news
        });
    }

    /// The highest that was known for certain when `op` began, and from whom.
    pub(crate) fn known(&self, op: &Op) -> Option<(i64, &'h Op)> {
        let known = self.facts.partition_point(|(_, fact)| fact.is_before(op));
        self.facts.get(known.checked_sub(1)?).copied()
    }
}
