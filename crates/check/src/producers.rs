//! Transactional ids that change hands: anomaly 20.
//!
//! The answer to an instance's initialization fences the instances before it. What one of those
//! begins later must not be seen, and what it decides later must not be committed.

use std::collections::BTreeMap;

use crate::{
    anomaly::Anomaly,
    book::Book,
    history::{Function, Moment, Op, Symbol},
    report::Report,
};

pub(crate) fn check(book: &Book<'_>, report: &mut Report) {
    let mut owners: BTreeMap<Symbol, Vec<&Op>> = BTreeMap::new();
    for op in book.history.ops() {
        if let (Function::Init, true, Some(id)) = (op.function, op.is_ok(), op.transactional_id) {
            owners.entry(id).or_default().push(op);
        }
    }
    for op in book.history.ops().iter().filter(|op| op.function == Function::Txn) {
        let Some(owners) = op.transactional_id.and_then(|id| owners.get(&id)) else { continue };
        let own =
            owners.iter().rfind(|init| init.name.process == op.name.process && init.is_before(op));
        let Some(own) = own else { continue };
        let fenced = |moment: Moment| {
            owners.iter().find(|init| {
                let is_later = own.is_before(init) && init.completed < moment;
                is_later && init.name.process != op.name.process
            })
        };
        let changes = op.sends().next().is_some() || op.offsets().next().is_some();
        if let Some(fence) = fenced(op.decided.unwrap_or(op.invoked))
            && op.is_ok()
            && changes
        {
            report.violation(Anomaly::Zombie, &[own, fence, op], || {
                let id = op.transactional_id.map_or("?", |id| book.history.name(id));
                format!("{id}: a fenced producer committed")
            });
            continue;
        }
        let Some(fence) = fenced(op.invoked) else { continue };
        let mut writes = op.sends().filter_map(|sent| book.write(sent.value));
        let read = writes.find_map(|write| book.reads_of(write).first());
        if let Some(read) = read {
            report.violation(Anomaly::Zombie, &[own, fence, op, read.op], || {
                let key = book.history.key(read.key);
                format!("{key} offset {}: written by a fenced producer", read.offset)
            });
        }
    }
}
