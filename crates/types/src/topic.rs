//! Topic names, and partitions of topics.
//!
//! Kafka: `org.apache.kafka.common.internals.Topic`, `TopicPartition`, `TopicIdPartition`.

use std::{fmt, sync::Arc};

use crate::Uuid;

/// A valid topic name; cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(Arc<str>);

/// Why a string is not a topic name. The text is what a client reads.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTopicName {
    /// The empty string.
    #[error("topic name is invalid: the empty string is not allowed")]
    Empty,
    /// `.` or `..`, which would be directories.
    #[error("topic name is invalid: '.' or '..' is not allowed")]
    Dots,
    /// More than 249 characters.
    #[error("topic name is invalid: the length of '{0}' is longer than the max allowed length 249")]
    TooLong(String),
    /// A character other than ASCII letters, digits, `.`, `_` and `-`.
    #[error(
        "topic name is invalid: '{0}' contains one or more characters other than ASCII \
         alphanumerics, '.', '_' and '-'"
    )]
    BadCharacter(String),
}

impl TopicName {
    /// The longest name in bytes, inclusive.
    pub const LENGTH_MAX: usize = 249;
    /// The topic that holds groups and committed offsets.
    pub const CONSUMER_OFFSETS: &'static str = "__consumer_offsets";
    /// The topic that holds the state of transactions.
    pub const TRANSACTION_STATE: &'static str = "__transaction_state";
    /// The topic that holds the state of share groups, which only Kafka serves.
    pub const SHARE_GROUP_STATE: &'static str = "__share_group_state";
    /// The log that holds the cluster's metadata. It is not a topic that clients can see.
    pub const CLUSTER_METADATA: &'static str = "__cluster_metadata";

    /// Checks a name by Kafka's rules.
    pub fn new(name: &str) -> Result<Self, InvalidTopicName> {
        if name.is_empty() {
            return Err(InvalidTopicName::Empty);
        }
        if name == "." || name == ".." {
            return Err(InvalidTopicName::Dots);
        }
        if name.len() > Self::LENGTH_MAX {
            return Err(InvalidTopicName::TooLong(name.to_owned()));
        }
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-')) {
            return Err(InvalidTopicName::BadCharacter(name.to_owned()));
        }
        Ok(Self(name.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether clients may read but not write this topic.
    pub fn is_internal(&self) -> bool {
        matches!(
            self.as_str(),
            Self::CONSUMER_OFFSETS | Self::TRANSACTION_STATE | Self::SHARE_GROUP_STATE
        )
    }

    /// The name with `.` and `_` made equal: two topics whose collision keys are equal would
    /// clash in metric names, so Kafka refuses the second one.
    pub fn collision_key(&self) -> String {
        self.0.replace('.', "_")
    }
}

impl std::ops::Deref for TopicName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for TopicName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One partition of a topic, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicName,
    /// The partition's number, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// The partition of this topic with this number.
    pub const fn new(topic: TopicName, partition: i32) -> Self {
        Self { topic, partition }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// One partition of a topic, by the topic's id: a topic deleted and created again is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicIdPartition {
    /// The topic's id.
    pub topic_id: Uuid,
    /// The partition's number, from 0.
    pub partition: i32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kafkas_rules() {
        for good in ["a", "London", "a.b_c-1", &"x".repeat(249)] {
            assert!(TopicName::new(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a b", "ä", "a/b", &"x".repeat(250)] {
            assert!(TopicName::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn dots_and_underscores_collide() {
        let (a, b) = (TopicName::new("a.b").unwrap(), TopicName::new("a_b").unwrap());
        assert_eq!(a.collision_key(), b.collision_key());
    }
}
