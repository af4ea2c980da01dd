//! Consumer groups, their committed offsets, and transactions: requests in, replies and records
//! out.
//!
//! A [`GroupShard`] holds the groups of one partition of `__consumer_offsets`. Its caller feeds it
//! requests and the time, writes the records it asks for, says when they are durable, and sends the
//! replies. What outlives a restart is written by replay alone: a record that is asked for is
//! replayed at once as pending, and becomes visible when its append is committed.
//!
//! A [`TransactionShard`] does the same for the transactional ids of a partition of
//! `__transaction_state`.
//!
//! Architecture invariant: no I/O, no clock, no randomness, no threads; iteration in a fixed order.
//!
//! Kafka: `GroupCoordinatorService`, `GroupCoordinatorShard`, `TransactionCoordinator`.

mod answer;
mod census;
mod classic;
mod hard_state;
mod java;
mod record;
mod shard;
mod subscription;
mod timers;
mod transaction;

#[cfg(test)]
mod tests;

pub use answer::{offset_fetch, refusal};
pub use census::Census;
pub use classic::GroupState;
pub use hard_state::AppendToken;
pub use java::partition_for;
pub use record::{CoordinatorRecord, OffsetAndMetadata, ReplayError, Replayed};
pub use shard::{
    Append, AppendKind, Call, Cause, Effects, GroupChange, GroupConfig, GroupLook, GroupNote,
    GroupShard, MemberLook, Reply, RequireStable, WaiterId,
};
pub use transaction::{
    AddPartitions, CommitWhen, EndCause, InitProducer, ProducerIdAndEpoch, TopicPartitions,
    TransactionAppend, TransactionCall, TransactionConfig, TransactionEffects, TransactionFilter,
    TransactionLook, TransactionMarkers, TransactionNote, TransactionReplayError, TransactionReply,
    TransactionResult, TransactionShard, TransactionState, TransactionVersion,
};
