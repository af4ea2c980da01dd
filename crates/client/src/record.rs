//! Records as a program has them: to be produced, delivered, consumed.
//!
//! Invariant: they own their bytes (slices of a batch that is kept alive), so they go anywhere.
//! Kafka: `ProducerRecord`, `RecordMetadata`, `ConsumerRecord`.

use std::sync::Arc;

use bytes::Bytes;
use ottla_record::{Header, TimestampType};
use ottla_types::{LeaderEpoch, Offset};

/// A record to be produced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: Option<i32>,
    pub(crate) body: ottla_record::Record,
    pub(crate) has_timestamp: bool,
}

impl Record {
    /// A record without key and value for this topic.
    pub fn to(topic: impl Into<Arc<str>>) -> Self {
        let body = ottla_record::Record::default();
        Self { topic: topic.into(), partition: None, body, has_timestamp: false }
    }

    /// With a key: records with the same key go to the same partition.
    #[must_use]
    pub fn key(mut self, key: impl Into<Bytes>) -> Self {
        self.body.key = Some(key.into());
        self
    }

    /// With a value. A record without one is a tombstone.
    #[must_use]
    pub fn value(mut self, value: impl Into<Bytes>) -> Self {
        self.body.value = Some(value.into());
        self
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, key: impl Into<String>, value: Option<Bytes>) -> Self {
        self.body.headers.push(Header { key: key.into(), value });
        self
    }

    /// To this partition, whatever the key.
    #[must_use]
    pub const fn partition(mut self, partition: i32) -> Self {
        self.partition = Some(partition);
        self
    }

    /// With this time, in ms since 1970, instead of that of sending.
    #[must_use]
    pub const fn timestamp(mut self, timestamp: i64) -> Self {
        self.body.timestamp = timestamp;
        self.has_timestamp = true;
        self
    }

    /// The topic it goes to.
    pub fn topic(&self) -> &str {
        &self.topic
    }
}

/// Where a record was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The record's offset, −1 where the broker does not say (acks=0, or an old duplicate).
    pub offset: Offset,
    /// When the broker appended it in ms, −1 where the topic keeps the producer's time.
    pub log_append_time: i64,
}

/// A record that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumedRecord {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// Its offset.
    pub offset: Offset,
    /// The epoch of the leader that wrote it, −1 if not known.
    pub leader_epoch: LeaderEpoch,
    /// Its time in ms since 1970, −1 if it has none.
    pub timestamp: i64,
    /// Whether the time is the producer's or the broker's.
    pub timestamp_type: TimestampType,
    /// The key, if it has one.
    pub key: Option<Bytes>,
    /// The value, `None` for a tombstone.
    pub value: Option<Bytes>,
    /// The headers, in their order.
    pub headers: Vec<Header>,
}
