//! What of a partition cannot be read, said once: whoever reads it tries again at once, thousands
//! of times a second.
//!
//! Kafka: nothing; `ReplicaManager.readFromLog` logs each time.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use ottla_log::ReadError;
use ottla_types::{Offset, TopicPartition};

/// Most different things that are said of one partition.
const REPORTS_MAX: usize = 16;

/// What was said.
#[derive(Debug, Default)]
pub(super) struct Unreadable {
    said: Mutex<BTreeSet<String>>,
}

impl Unreadable {
    /// Logs why something cannot be read, unless that was done before.
    pub(super) fn report(&self, partition: &TopicPartition, offset: Offset, error: &ReadError) {
        if let Some(text) = self.is_news(error) {
            tracing::error!(%partition, "cannot read at {offset}, and maybe elsewhere: {text}");
        }
    }

    /// The error, where it was not said before and there is room for one more.
    fn is_news(&self, error: &ReadError) -> Option<String> {
        let text = error.to_string();
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        (said.len() < REPORTS_MAX && said.insert(text.clone())).then_some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damaged(position: u64) -> ReadError {
        ReadError::Damaged { path: "a.log".into(), position, cause: "rot".to_owned() }
    }

    #[test]
    fn each_thing_is_said_once_and_not_too_many_are() {
        let unreadable = Unreadable::default();
        assert!(unreadable.is_news(&damaged(1)).is_some());
        assert!(unreadable.is_news(&damaged(1)).is_none());
        let news = (2..100).filter(|at| unreadable.is_news(&damaged(*at)).is_some()).count();
        assert_eq!(news, REPORTS_MAX - 1);
    }
}
