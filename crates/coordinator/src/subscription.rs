//! The topics in the metadata that a member of a `consumer` group sends.
//!
//! Kafka: `ConsumerProtocol`, `ClassicGroup.computeSubscribedTopics`.

use std::collections::BTreeSet;

use bytes::Bytes;
use ottla_wire::{
    Message, Reader, Str, consumer_protocol_subscription::ConsumerProtocolSubscription,
};

/// The protocol type whose metadata is understood here. All others are opaque.
pub(crate) const CONSUMER: &str = "consumer";

/// Adds the topics that `metadata` subscribes to; `None` when it is not a subscription.
pub(crate) fn add_topics(metadata: &Bytes, topics: &mut BTreeSet<Str>) -> Option<()> {
    let mut reader = Reader::new(metadata.clone());
    reader.get_i16().ok()?;
    // Every version begins with the fields of version 0.
    let subscription = ConsumerProtocolSubscription::decode(&mut reader, 0).ok()?;
    topics.extend(subscription.topics.iter().map(Str::detached));
    Some(())
}
