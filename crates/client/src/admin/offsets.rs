//! Offsets of partitions: where they begin, where they end, where a time is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use ottla_types::{BrokerId, ErrorCode, LeaderEpoch, Offset};
use ottla_wire::{
    list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
    messages::ListOffsetsRequest,
};

use super::{Admin, verdict};
use crate::{
    Error, ErrorKind, Isolation, Result,
    client::{ANY, AutoCreate, Lane},
};

/// Which offset is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first offset a client may read.
    Start,
    /// The offset that the next record gets; with read-committed, that of the first open
    /// transaction.
    End,
    /// The record with the largest timestamp.
    MaxTimestamp,
    /// The first offset that is on the broker's own disks.
    LocalStart,
    /// The last offset that is in remote storage.
    TieredEnd,
    /// The first offset that is still to be copied to remote storage.
    PendingUpload,
    /// The first record at or after this time in ms since 1970.
    Timestamp(i64),
}

impl OffsetSpec {
    const fn wire(self) -> i64 {
        match self {
            Self::End => -1,
            Self::Start => -2,
            Self::MaxTimestamp => -3,
            Self::LocalStart => -4,
            Self::TieredEnd => -5,
            Self::PendingUpload => -6,
            Self::Timestamp(time) => time,
        }
    }
}

/// An offset of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedOffset {
    /// The offset, −1 where no record is that young.
    pub offset: Offset,
    /// The record's time in ms, −1 for start and end.
    pub timestamp: i64,
    /// The epoch of the leader that wrote the record, −1 if not known.
    pub leader_epoch: LeaderEpoch,
}

/// A partition with what is asked for, or what was answered.
type Of<T> = (Arc<str>, i32, T);

/// What one request asks, by topic.
type Questions<'a> = BTreeMap<&'a str, Vec<ListOffsetsPartition>>;

impl Admin {
    /// The offset of one partition.
    pub async fn list_offset(
        &self,
        topic: &str,
        partition: i32,
        spec: OffsetSpec,
        isolation: Isolation,
    ) -> Result<ListedOffset> {
        let asked = [(Arc::from(topic), partition, spec)];
        let mut backoff = self.client.backoff();
        loop {
            let listed = self.list_offsets(&asked, isolation).await;
            let result = listed.and_then(|results| match results.into_iter().next() {
                Some((_, _, result)) => result,
                None => Err(left_out(topic, partition)),
            });
            match result {
                Err(error) if is_passing(&error) => {
                    self.client.forget_topic(topic);
                    backoff.pause(error).await?;
                }
                done => return done,
            }
        }
    }

    /// Offsets of many partitions, in one request per leader, each answered by itself.
    ///
    /// A partition may be asked for several things; its answers come in the order of the questions.
    /// Each further one costs a request more, since brokers refuse a request that names a partition
    /// twice.
    pub async fn list_offsets(
        &self,
        asked: &[Of<OffsetSpec>],
        isolation: Isolation,
    ) -> Result<Vec<Of<Result<ListedOffset>>>> {
        let mut results = Vec::new();
        for name in asked.iter().map(|(name, ..)| name).collect::<BTreeSet<_>>() {
            self.client.topic(name, AutoCreate::No).await?;
        }
        let mut requests: BTreeMap<(i32, usize), Questions<'_>> = BTreeMap::new();
        let mut times_asked: BTreeMap<(&str, i32), usize> = BTreeMap::new();
        for (name, partition, spec) in asked {
            let what = || format!("cannot list offsets of {name}-{partition}");
            let leader = match self.client.topology().leader_of(name, *partition, what) {
                Ok(leader) => leader,
                Err(error) => {
                    results.push((name.clone(), *partition, Err(error)));
                    continue;
                }
            };
            let times = times_asked.entry((name, *partition)).or_default();
            let questions = requests.entry((leader.0, *times)).or_default();
            questions.entry(name).or_default().push(ListOffsetsPartition {
                partition_index: *partition,
                timestamp: spec.wire(),
                ..ListOffsetsPartition::default()
            });
            *times += 1;
        }
        for ((leader, _), questions) in requests {
            self.ask_offsets(BrokerId(leader), questions, isolation, &mut results).await?;
        }
        Ok(results)
    }

    async fn ask_offsets(
        &self,
        leader: BrokerId,
        questions: Questions<'_>,
        isolation: Isolation,
        results: &mut Vec<Of<Result<ListedOffset>>>,
    ) -> Result<()> {
        let topics = questions.into_iter();
        let topics = topics
            .map(|(name, partitions)| ListOffsetsTopic { name: name.into(), partitions })
            .collect();
        let request = ListOffsetsRequest {
            replica_id: -1,
            isolation_level: isolation.wire(),
            topics,
            timeout_ms: self.client.broker_timeout_ms(),
        };
        let to = (leader, Lane::Shared);
        let response = self.client.call(to, ANY, Duration::ZERO, |_| request).await?;
        for topic in response.topics {
            let name: Arc<str> = Arc::from(topic.name.as_str());
            for it in topic.partitions {
                let what =
                    || format!("cannot list offsets of {}-{}", topic.name, it.partition_index);
                let result = verdict(it.error_code, what, None).map(|()| ListedOffset {
                    offset: Offset(it.offset),
                    timestamp: it.timestamp,
                    leader_epoch: LeaderEpoch(it.leader_epoch),
                });
                results.push((name.clone(), it.partition_index, result));
            }
        }
        Ok(())
    }
}

fn is_passing(error: &Error) -> bool {
    let code = error.code();
    error.is_retriable() && code != Some(ErrorCode::UnknownTopicOrPartition)
}

fn left_out(topic: &str, partition: i32) -> Error {
    let what = format!("cannot list offsets of {topic}-{partition}");
    Error::new(ErrorKind::Protocol, what, "the broker's answer leaves it out")
}
