//! What members tell each other inside of JoinGroup and SyncGroup.
//!
//! Kafka: `ConsumerProtocol`.

use bytes::Bytes;
use ottla_wire::{
    Message, Reader, Writer,
    consumer_protocol_assignment::{ConsumerProtocolAssignment, TopicPartition},
    messages::ConsumerProtocolSubscription,
};

use crate::{Error, ErrorKind, Result};

/// Version 1 has all that members of this client have to say.
const VERSION: i16 = 1;

fn framed<M: Message>(message: &M) -> Result<Bytes> {
    let mut writer = Writer::new();
    writer.put_i16(VERSION);
    message.encode(&mut writer, VERSION).map_err(|error| {
        Error::new(ErrorKind::Invalid, "cannot write a group's metadata", error.to_string())
    })?;
    Ok(writer.finish().0.freeze())
}

/// What a member wants to read.
pub(crate) fn subscription(topics: &[String]) -> Result<Bytes> {
    let topics = topics.iter().map(Into::into).collect();
    framed(&ConsumerProtocolSubscription { topics, ..ConsumerProtocolSubscription::default() })
}

/// The topics of a member's subscription; none if it cannot be read.
pub(crate) fn topics_of(bytes: &Bytes) -> Vec<String> {
    let mut reader = Reader::new(bytes.clone());
    let Ok(version) = reader.get_i16() else { return Vec::new() };
    let newest = *ConsumerProtocolSubscription::VERSIONS.end();
    let decoded = ConsumerProtocolSubscription::decode(&mut reader, version.clamp(0, newest));
    decoded.map_or_else(|_| Vec::new(), |it| it.topics.iter().map(ToString::to_string).collect())
}

/// What a member has to read.
pub(crate) fn assignment(partitions: &[(String, i32)]) -> Result<Bytes> {
    let mut assigned: Vec<TopicPartition> = Vec::new();
    for (topic, partition) in partitions {
        match assigned.iter_mut().find(|it| it.topic == *topic.as_str()) {
            Some(it) => it.partitions.push(*partition),
            None => {
                assigned.push(TopicPartition { topic: topic.into(), partitions: vec![*partition] });
            }
        }
    }
    let assigned_partitions = assigned;
    framed(&ConsumerProtocolAssignment {
        assigned_partitions,
        ..ConsumerProtocolAssignment::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let topics = vec!["a".to_owned(), "b".to_owned()];
        assert_eq!(topics_of(&subscription(&topics).unwrap()), topics);
        let partitions = vec![("a".to_owned(), 0), ("a".to_owned(), 2), ("b".to_owned(), 1)];
        let bytes = assignment(&partitions).unwrap();
        assert_eq!(crate::admin::assignment_of(&bytes), partitions);
    }

    #[test]
    fn nonsense_subscribes_to_nothing() {
        assert!(topics_of(&Bytes::from_static(b"\x00")).is_empty());
        assert!(topics_of(&Bytes::from_static(b"\x00\x01\xff\xff\xff\xff")).is_empty());
    }
}
