//! Names of topics that were deleted and that nobody has asked for since.
//!
//! Where a topic is created by asking for it, Kafka answers that it is unknown and has it a moment
//! later; here it is there with the answer. After a deletion that would be wrong: whoever looks
//! whether the topic is gone, with a client that lets topics be created, would bring it back and be
//! told that it is there. So the first to ask for such a name is answered as Kafka does, and who
//! really wants the topic asks again, as every client does.
//! Invariant: at most [`NAMES_MAX`] names; of more, the oldest are forgotten.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use ottla_types::TopicName;

/// Names that are remembered.
const NAMES_MAX: usize = 1000;

/// The names, oldest first.
#[derive(Debug, Default)]
pub(crate) struct DeletedNames {
    names: Mutex<VecDeque<TopicName>>,
}

impl DeletedNames {
    /// A topic was deleted.
    pub(crate) fn add(&self, name: &TopicName) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.retain(|known| known != name);
        if names.len() >= NAMES_MAX {
            names.pop_front();
        }
        names.push_back(name.clone());
    }

    /// Whether this is the first to ask for the name since its topic was deleted.
    pub(crate) fn take(&self, name: &str) -> bool {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let count = names.len();
        names.retain(|known| known.as_str() != name);
        names.len() < count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> TopicName {
        TopicName::new(&format!("topic-{number}")).unwrap()
    }

    #[test]
    fn the_first_to_ask_is_told_and_no_other() {
        let names = DeletedNames::default();
        names.add(&name(1));
        names.add(&name(1));
        assert!(!names.take("topic-2"));
        assert!(names.take("topic-1"));
        assert!(!names.take("topic-1"));
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let names = DeletedNames::default();
        (0..=NAMES_MAX).for_each(|number| names.add(&name(number)));
        assert!(!names.take("topic-0"));
        assert!(names.take("topic-1"));
        assert!(names.take(name(NAMES_MAX).as_str()));
    }
}
