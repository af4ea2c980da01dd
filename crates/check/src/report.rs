//! What was found, with the evidence.

use std::{collections::BTreeMap, fmt};

use crate::{
    anomaly::{Anomaly, Severity},
    history::{Function, History, Op, OpName, Outcome},
};

/// Of each anomaly so many are told in full; all are counted.
const TOLD_MOST: usize = 10;

/// An anomaly that is there.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which one.
    pub anomaly: Anomaly,
    /// How bad it is here.
    pub severity: Severity,
    /// What was seen, in a sentence.
    pub text: String,
    /// The operations that show it.
    pub ops: Vec<OpName>,
}

/// What the history had in it, and how fast records arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Operations.
    pub ops: usize,
    /// Those that happened.
    pub ok: usize,
    /// Those that did not.
    pub failed: usize,
    /// Those of which nobody knows.
    pub unknown: usize,
    /// Records that were acknowledged.
    pub acknowledged: usize,
    /// Transactions that were committed for certain.
    pub committed: usize,
    /// Transactions that were aborted for certain.
    pub aborted: usize,
    /// Records that were polled.
    pub polled: usize,
    /// 15: the longest time between an acknowledgement and the first poll that gave the record.
    pub lag_ms_longest: i64,
}

/// Everything that is wrong with a history.
#[derive(Debug)]
pub struct Report {
    /// Findings to be told, by anomaly and severity.
    told: Vec<Finding>,
    counts: BTreeMap<(Anomaly, Severity), usize>,
    /// What the history had in it.
    pub figures: Figures,
}

impl Report {
    pub(crate) fn new(history: &History) -> Self {
        let mut figures = Figures { ops: history.ops().len(), ..Figures::default() };
        for op in history.ops() {
            let is_txn = op.function == Function::Txn;
            match op.outcome {
                Outcome::Ok => figures.ok += 1,
                Outcome::Fail => figures.failed += 1,
                Outcome::Info if op.invoked == op.completed => {}
                Outcome::Info => figures.unknown += 1,
            }
            figures.committed += usize::from(is_txn && op.is_ok());
            figures.aborted += usize::from(is_txn && op.outcome == Outcome::Fail);
        }
        Self { told: Vec::new(), counts: BTreeMap::new(), figures }
    }

    /// Adds what was found.
    pub(crate) fn add(
        &mut self,
        anomaly: Anomaly,
        severity: Severity,
        ops: &[&Op],
        text: impl FnOnce() -> String,
    ) {
        let count = self.counts.entry((anomaly, severity)).or_default();
        *count += 1;
        if *count <= TOLD_MOST {
            let ops = ops.iter().map(|op| op.name).collect();
            self.told.push(Finding { anomaly, severity, text: text(), ops });
        }
    }

    /// Adds a broken promise.
    pub(crate) fn violation(
        &mut self,
        anomaly: Anomaly,
        ops: &[&Op],
        text: impl FnOnce() -> String,
    ) {
        self.add(anomaly, Severity::Violation, ops, text);
    }

    /// The findings; of each anomaly only the first are told.
    pub fn findings(&self) -> &[Finding] {
        &self.told
    }

    /// How often an anomaly was found, whatever its severity.
    pub fn count(&self, anomaly: Anomaly) -> usize {
        Severity::ALL.iter().filter_map(|severity| self.counts.get(&(anomaly, *severity))).sum()
    }

    /// How often it was found with a severity.
    pub fn count_as(&self, anomaly: Anomaly, severity: Severity) -> usize {
        self.counts.get(&(anomaly, severity)).copied().unwrap_or(0)
    }

    /// The worst that was found.
    pub fn worst(&self) -> Option<Severity> {
        self.counts.keys().map(|(_, severity)| *severity).max()
    }

    /// Whether no promise is broken and there was progress.
    pub fn is_clean(&self) -> bool {
        self.worst().is_none_or(|worst| worst == Severity::Allowed)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let it = &self.figures;
        writeln!(
            f,
            "{} operations: {} ok, {} failed, {} unknown; {} transactions committed, {} aborted; \
             {} records acknowledged, {} polled, the slowest {} ms after its acknowledgement",
            it.ops,
            it.ok,
            it.failed,
            it.unknown,
            it.committed,
            it.aborted,
            it.acknowledged,
            it.polled,
            it.lag_ms_longest
        )?;
        for ((anomaly, severity), count) in &self.counts {
            writeln!(f, "{severity}: {anomaly}, {count} times")?;
            if *severity == Severity::Allowed {
                continue;
            }
            let of = |found: &&Finding| (found.anomaly, found.severity) == (*anomaly, *severity);
            for finding in self.told.iter().filter(of) {
                write!(f, "  {}", finding.text)?;
                for op in &finding.ops {
                    write!(f, " [process {}, i {}]", op.process, op.line)?;
                }
                writeln!(f)?;
            }
        }
        f.write_str(if self.is_clean() { "valid" } else { "NOT valid" })
    }
}
