//! A client of Kafka's protocol: producer, consumer, groups and administration, on tokio.
//!
//! ```no_run
//! # async fn hello() -> ottla_client::Result<()> {
//! use ottla_client::{Client, NewTopic, Position, Record};
//!
//! let kafka = Client::connect("localhost:9092").await?;
//! kafka.admin().create_topic(NewTopic::new("London").partitions(3)).await?;
//! let producer = kafka.producer();
//! let at = producer.send(Record::to("London").key("temperature").value("14.2")).await?;
//! let mut group = kafka.group("readers").topics(["London"]).from(Position::Start).start().await?;
//! while let Some(record) = group.next().await {
//!     println!("{:?} {:?}", record?.value, at.offset);
//!     group.commit().await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Invariants: every queue is bounded; errors carry the broker's code and a text for people; what
//! is retried by itself is what Kafka's own clients retry.
//! Architecture invariant: knows the protocol and the record format, nothing of a broker's inside.
//! Kafka: `org.apache.kafka.clients`.

mod admin;
mod client;
mod connection;
mod consumer;
mod error;
mod group;
mod producer;
mod record;
mod topology;
mod transaction;

pub use admin::{
    AbortSpec, Admin, BrokerDescription, ClusterDescription, CommittedOffset, ConfigChange,
    ConfigEntry, ConfigResource, ConfigSynonym, CreatedTopic, Election, EligibleReplicas,
    GroupDescription, GroupListing, GroupMember, ListedOffset, LogDir, LogDirPartition, NewTopic,
    OffsetSpec, PartitionReassignment, ProducerState, TransactionDescription, TransactionListing,
};
pub use client::{Client, ClientBuilder};
pub use consumer::{
    Consumer, ConsumerConfig, Isolation, OutOfRange, PartitionReader, Piece, Position,
};
pub use error::{Error, ErrorKind, Result};
pub use group::{Assignment, Assignor, GroupBuilder, GroupConsumer};
pub use ottla_record::{Compression, Header, TimestampType};
pub use ottla_types::{BrokerId, ErrorCode, LeaderEpoch, Offset, ProducerId, Uuid};
pub use producer::{
    Acks, Delivery, Producer, ProducerConfig,
    partitioner::{murmur2, partition_for_key},
};
pub use record::{ConsumedRecord, Delivered, Record};
pub use topology::{Broker, PartitionInfo, TopicInfo, Topology};
pub use transaction::{GroupMembership, TransactionalProducer};
