//! What brokers say of the ends and leaders of partitions: anomalies 18, 19 and 25.
//!
//! A high watermark lies above everything that was polled or acknowledged before, a last stable
//! offset above everything that was polled with `read_committed`. Whoever asks for both asks for
//! the last stable offset first.

use std::collections::BTreeMap;

use crate::{
    anomaly::Anomaly,
    book::Book,
    floor::Floor,
    history::{Function, Isolation, Key, Log, Op},
    report::Report,
};

/// What is known of a partition.
#[derive(Default)]
struct Floors<'h> {
    high_watermark: Floor<'h>,
    last_stable: Floor<'h>,
    leader_epoch: Floor<'h>,
}

pub(crate) fn check(book: &Book<'_>, report: &mut Report) {
    let floors = floors(book);
    for op in told(book) {
        for log in op.logs() {
            let Some(floors) = floors.get(&log.key) else { continue };
            let name = || book.history.key(log.key);
            back(&floors.high_watermark, log.high_watermark, op, report, |now, before| {
                format!("{}: the high watermark is {now}, it was {before} or more", name())
            });
            back(&floors.last_stable, log.last_stable, op, report, |now, before| {
                format!("{}: the last stable offset is {now}, it was {before} or more", name())
            });
            let epoch = log.leader_epoch.map(i64::from);
            if let (Some(epoch), Some((before, by))) = (epoch, floors.leader_epoch.known(op))
                && epoch < before
            {
                report.violation(Anomaly::EpochBack, &[by, op], || {
                    format!("{}: the leader epoch is {epoch}, it was {before}", name())
                });
            }
            if let (Some(stable), Some(high)) = (log.last_stable, log.high_watermark)
                && stable > high
            {
                report.violation(Anomaly::StableAboveHigh, &[op], || {
                    format!("{}: last stable offset {stable}, high watermark {high}", name())
                });
            }
        }
    }
    leaders(book, report);
    stuck(book, report);
}

/// The operations that were told ends of partitions.
pub(crate) fn told<'b, 'h>(book: &'b Book<'h>) -> impl Iterator<Item = &'h Op> + use<'b, 'h> {
    let tells =
        |op: &&Op| matches!(op.function, Function::ListOffsets | Function::Read | Function::Poll);
    book.history.ops().iter().filter(tells).filter(|op| op.is_ok() && op.replica.is_none())
}

fn floors<'h>(book: &Book<'h>) -> BTreeMap<Key, Floors<'h>> {
    let mut floors: BTreeMap<Key, Floors<'h>> = BTreeMap::new();
    for op in book.history.ops().iter().filter(|op| op.replica.is_none()) {
        let mut ends: BTreeMap<Key, i64> = BTreeMap::new();
        let mut at_least = |key, end| {
            let highest = ends.entry(key).or_insert(end);
            *highest = end.max(*highest);
        };
        if op.is_ok() {
            for sent in op.sends().filter(|sent| sent.offset.is_some()) {
                let position = book.write(sent.value).and_then(|write| write.position);
                if let Some(at) = position {
                    at_least(sent.key, at + 1);
                }
            }
        }
        for record in op.polled() {
            at_least(record.key, record.offset + 1);
        }
        for (key, end) in ends {
            floors.entry(key).or_default().high_watermark.add(end, op);
        }
        if op.isolation == Isolation::ReadCommitted {
            let mut last: BTreeMap<Key, i64> = BTreeMap::new();
            last.extend(op.polled().map(|record| (record.key, record.offset + 1)));
            for (key, end) in last {
                floors.entry(key).or_default().last_stable.add(end, op);
            }
        }
    }
    for op in told(book) {
        for log in op.logs() {
            let floors = floors.entry(log.key).or_default();
            floors.high_watermark.add(log.high_watermark, op);
            floors.last_stable.add(log.last_stable, op);
            floors.leader_epoch.add(log.leader_epoch.map(i64::from), op);
        }
    }
    for floors in floors.values_mut() {
        floors.high_watermark.sort();
        floors.last_stable.sort();
        floors.leader_epoch.sort();
    }
    floors
}

fn back(
    floor: &Floor<'_>,
    now: Option<i64>,
    op: &Op,
    report: &mut Report,
    text: impl FnOnce(i64, i64) -> String,
) {
    if let (Some(now), Some((before, by))) = (now, floor.known(op))
        && now < before
    {
        report.violation(Anomaly::WatermarkBack, &[by, op], || text(now, before));
    }
}

fn leaders(book: &Book<'_>, report: &mut Report) {
    let mut leaders: BTreeMap<(Key, i32), (i32, &Op)> = BTreeMap::new();
    for op in told(book) {
        for log in op.logs() {
            let (Some(leader), Some(epoch)) = (log.leader, log.leader_epoch) else { continue };
            let (first, by) = leaders.entry((log.key, epoch)).or_insert((leader, op));
            if *first != leader {
                report.violation(Anomaly::TwoLeaders, &[by, op], || {
                    let key = book.history.key(log.key);
                    format!("{key}: brokers {first} and {leader} lead in epoch {epoch}")
                });
            }
        }
    }
}

/// A last stable offset that does not move.
struct Standstill<'h> {
    at: i64,
    since: &'h Op,
    is_told: bool,
}

fn stuck(book: &Book<'_>, report: &mut Report) {
    let limit_ns = book.history.settings().transaction_limit_ms * 1_000_000;
    let mut standing: BTreeMap<Key, Standstill<'_>> = BTreeMap::new();
    let mut is_healed = false;
    for op in book.history.ops() {
        match op.function {
            Function::Fault => is_healed = false,
            Function::Heal => is_healed = true,
            Function::ListOffsets | Function::Read if is_healed && op.is_ok() => {
                for log in op.logs() {
                    stands(book, log, op, limit_ns, &mut standing, report);
                }
                continue;
            }
            _ => continue,
        }
        standing.clear();
    }
}

fn stands<'h>(
    book: &Book<'h>,
    log: &Log,
    op: &'h Op,
    limit_ns: i64,
    standing: &mut BTreeMap<Key, Standstill<'h>>,
    report: &mut Report,
) {
    let (Some(at), Some(high)) = (log.last_stable, log.high_watermark) else { return };
    if at >= high {
        standing.remove(&log.key);
        return;
    }
    let news = Standstill { at, since: op, is_told: false };
    let stand = standing.entry(log.key).or_insert(news);
    if stand.at != at {
        *stand = Standstill { at, since: op, is_told: false };
    }
    let stands_ns = op.invoked.t_ns - stand.since.completed.t_ns;
    if stands_ns > limit_ns && !stand.is_told {
        stand.is_told = true;
        report.violation(Anomaly::StableStuck, &[stand.since, op], || {
            let (key, seconds) = (book.history.key(log.key), stands_ns / 1_000_000_000);
            format!("{key}: the last stable offset is {at}, below {high}, for {seconds} s")
        });
    }
}
