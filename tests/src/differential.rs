//! Two brokers' answers to the same conversation, compared field by field.

pub mod compare;
pub mod explained;
pub mod tree;

use std::collections::BTreeMap;

use crate::{connection::Outcome, session::Entry};
use compare::Difference;
use tree::Node;

/// What the comparison of one request says.
#[derive(Debug)]
pub struct Verdict {
    pub label: String,
    pub request: String,
    pub differences: Vec<Difference>,
}

/// Compares two transcripts entry by entry. Entries are matched by label and by how often the
/// label came before, since a broker that answers otherwise may take another way.
pub fn compare_transcripts(left: &[Entry], right: &[Entry], texts: bool) -> Vec<Verdict> {
    let mut unmatched: BTreeMap<(String, usize), &Entry> = BTreeMap::new();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in right {
        let count = seen.entry(&entry.label).or_default();
        unmatched.insert((entry.label.clone(), *count), entry);
        *count += 1;
    }
    let mut verdicts = Vec::new();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in left {
        let count = seen.entry(&entry.label).or_default();
        let other = unmatched.remove(&(entry.label.clone(), *count));
        *count += 1;
        let differences = match other {
            Some(other) => compare_outcomes(entry, other, texts),
            None => vec![Difference::whole(&show(&entry.outcome), "(not asked)")],
        };
        let (label, request) = (entry.label.clone(), entry.request.clone());
        verdicts.push(Verdict { label, request, differences });
    }
    for (_, entry) in unmatched {
        let differences = vec![Difference::whole("(not asked)", &show(&entry.outcome))];
        let (label, request) = (entry.label.clone(), entry.request.clone());
        verdicts.push(Verdict { label, request, differences });
    }
    verdicts
}

fn compare_outcomes(left: &Entry, right: &Entry, texts: bool) -> Vec<Difference> {
    match (&left.outcome, &right.outcome) {
        (Outcome::Answered(left_text), Outcome::Answered(right_text)) => {
            let (left_tree, right_tree) = (Node::parse(left_text), Node::parse(right_text));
            compare::trees(&left.label, &left_tree, &right_tree, texts)
        }
        (left, right) if left == right => Vec::new(),
        (Outcome::Garbled(_), Outcome::Garbled(_)) => Vec::new(),
        (left, right) => vec![Difference::whole(&show(left), &show(right))],
    }
}

/// An outcome on as few lines as it takes.
pub fn show(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Answered(text) => Node::parse(text).to_string(),
        Outcome::Closed => "the connection was closed".to_owned(),
        Outcome::Silent => "no answer, the connection stayed open".to_owned(),
        Outcome::Garbled(what) => format!("not the response: {what}"),
        Outcome::NotSendable(why) => format!("cannot be sent: {why}"),
    }
}
