//! Operations that each must lie before another of them: anomaly 14.
//!
//! An edge goes from what must be first:
//! - *wr*: to who polls a record, from who wrote it;
//! - *ww*: to who wrote a version, from who wrote the one before it in the partition;
//! - *process*: from one operation of a process to its next;
//! - *realtime*: to an operation, from those that ended before it began.
//!
//! A record is shown when its transaction is committed, and that comes after all of the
//! transaction's polls: so a cycle with wr, process and realtime edges cannot be. One with ww edges
//! can, since Kafka takes writes as they come.

use std::collections::BTreeMap;

use crate::{
    Options,
    anomaly::{Anomaly, Severity},
    book::{Book, Fate},
    history::{Function, Op},
    report::Report,
};

mod graph;

use graph::{Graph, Kind};

/// A class of cycles: those with an edge of one kind among edges of several.
struct Class {
    anomaly: Anomaly,
    with: Kind,
    among: &'static [Kind],
}

const READS: [Class; 3] = [
    Class { anomaly: Anomaly::G1c, with: Kind::Wr, among: &[Kind::Wr] },
    Class { anomaly: Anomaly::G1cProcess, with: Kind::Process, among: &[Kind::Wr, Kind::Process] },
    Class {
        anomaly: Anomaly::G1cRealtime,
        with: Kind::Realtime,
        among: &[Kind::Wr, Kind::Process, Kind::Realtime],
    },
];

const WRITES: [Class; 6] = [
    Class { anomaly: Anomaly::G0, with: Kind::Ww, among: &[Kind::Ww] },
    Class { anomaly: Anomaly::G0Process, with: Kind::Process, among: &[Kind::Ww, Kind::Process] },
    Class {
        anomaly: Anomaly::G0Realtime,
        with: Kind::Realtime,
        among: &[Kind::Ww, Kind::Process, Kind::Realtime],
    },
    Class { anomaly: Anomaly::G1c, with: Kind::Wr, among: &[Kind::Ww, Kind::Wr] },
    Class {
        anomaly: Anomaly::G1cProcess,
        with: Kind::Process,
        among: &[Kind::Ww, Kind::Wr, Kind::Process],
    },
    Class {
        anomaly: Anomaly::G1cRealtime,
        with: Kind::Realtime,
        among: &[Kind::Ww, Kind::Wr, Kind::Process, Kind::Realtime],
    },
];

pub(crate) fn check(book: &Book<'_>, options: Options, report: &mut Report) {
    let graph = graph(book, options);
    // Mostly there is no cycle of any kind, and then this one search is all.
    if graph.components(&[Kind::Wr, Kind::Process, Kind::Realtime]).is_some() {
        classes(book, &graph, &READS, Severity::Violation, report);
    }
    if options.write_order {
        classes(book, &graph, &WRITES, Severity::Allowed, report);
    }
}

fn classes(
    book: &Book<'_>,
    graph: &Graph,
    classes: &[Class],
    severity: Severity,
    report: &mut Report,
) {
    for class in classes {
        for cycle in graph.cycles(class.with, class.among) {
            let ops =
                cycle.iter().filter_map(|(vertex, _)| book.history.ops().get(*vertex as usize));
            let ops: Vec<&Op> = ops.collect();
            report.add(class.anomaly, severity, &ops, || {
                let parts = cycle.iter().map(|(vertex, kind)| format!("{vertex} {kind}→ "));
                let back = cycle.first().map_or(0, |(vertex, _)| *vertex);
                format!("operations {}{back}", parts.collect::<String>())
            });
        }
    }
}

/// Whether an operation happened, so that something must lie before or behind it.
fn happened(book: &Book<'_>, op: &Op) -> bool {
    let counts = matches!(op.function, Function::Send | Function::Poll | Function::Txn);
    let mut writes = op.sends().filter_map(|sent| book.write(sent.value));
    counts && (op.is_ok() || writes.any(|write| write.fate == Fate::Committed))
}

fn graph(book: &Book<'_>, options: Options) -> Graph {
    let ops = book.history.ops();
    let is_vertex: Vec<bool> = ops.iter().map(|op| happened(book, op)).collect();
    let is_vertex = |op: &Op| is_vertex.get(op.number as usize).copied().unwrap_or(false);
    let mut graph = Graph::new(ops.len());
    for write in book.writes().iter().filter(|write| is_vertex(write.op)) {
        for read in book.committed_reads_of(write).filter(|read| is_vertex(read.op)) {
            graph.add(write.op.number, read.op.number, Kind::Wr);
        }
    }
    if options.write_order {
        for (one, next) in book.versions.iter().zip(book.versions.iter().skip(1)) {
            let writer = |value| book.write(value).map(|write| write.op).filter(|op| is_vertex(op));
            if let (true, Some(first), Some(then)) =
                (one.key == next.key, writer(one.value), writer(next.value))
            {
                graph.add(first.number, then.number, Kind::Ww);
            }
        }
    }
    time(ops.iter().filter(|op| is_vertex(op)), &mut graph);
    graph.seal();
    graph
}

/// The edges of processes and of time. Of what ended before something began only the last is
/// needed: what ended before that began has a way through it.
fn time<'h>(ops: impl Iterator<Item = &'h Op>, graph: &mut Graph) {
    let mut events: Vec<(u32, &Op)> = Vec::new();
    for op in ops {
        events.push((op.invoked.order, op));
        if op.is_ok() {
            events.push((op.completed.order, op));
        }
    }
    events.sort_unstable_by_key(|(order, _)| *order);
    // What ended last: nothing among it ended before another of it began.
    let mut last: Vec<&Op> = Vec::new();
    let mut last_of: BTreeMap<u32, &Op> = BTreeMap::new();
    for (order, op) in events {
        let process = op.name.process;
        if order == op.invoked.order {
            if let Some(before) = last_of.get(&process) {
                graph.add(before.number, op.number, Kind::Process);
            }
            for before in last.iter().filter(|before| before.name.process != process) {
                graph.add(before.number, op.number, Kind::Realtime);
            }
        } else {
            last.retain(|before| !before.is_before(op));
            last.push(op);
            last_of.insert(process, op);
        }
    }
}
