//! The way of one record: appended, readable, on the disk, sent to clients, behind a group.
//!
//! These look-ups may read files: they belong on a thread that may wait. Kafka: none.

use std::{net::SocketAddr, ops::RangeInclusive};

use ottla_types::{ErrorCode, Offset};

use super::{BatchView, LookError, Views};
use crate::{
    journal::Past,
    partition::{Passed, Sent},
};

/// What is known of the way of a record.
#[derive(Clone, Debug)]
pub struct JourneyView {
    /// When it was written into the log.
    pub appended: Passed,
    /// When consumers could read it.
    pub readable: Passed,
    /// When it was on the disk for sure.
    pub durable: Passed,
    /// To whom it was sent, of those who asked last.
    pub sent: Vec<SentView>,
}

/// A client that a record was sent to.
#[derive(Clone, Debug)]
pub struct SentView {
    /// Where the client is.
    pub remote: SocketAddr,
    /// What it calls itself.
    pub client_id: Option<String>,
    /// When the record was sent to it first, between these times in ms. `None` where it may have
    /// been, with what the client asked for last.
    pub at_ms: Option<RangeInclusive<i64>>,
    /// When the client was answered last, in ms.
    pub asked_ms: i64,
}

impl Views {
    /// What is known of the way of the record at an offset.
    pub fn journey(
        &self,
        topic: &str,
        partition: i32,
        offset: Offset,
    ) -> Result<JourneyView, LookError> {
        let hosted = self.shared.partitions.topic(topic);
        let hosted = hosted.ok_or(LookError::Partition(ErrorCode::UnknownTopicOrPartition))?;
        let trail = hosted.partition(partition).map_err(LookError::Partition)?.trail(offset);
        let journal = &self.shared.journal;
        let looked = journal.samples(|all| all.appended(topic, partition, offset.get()));
        let appended = narrowed(trail.appended, looked.as_ref());
        let sent = trail.readers.into_iter().map(|sent| {
            let was_sent = sent.at_ms.is_none() && self.reached((topic, partition), offset, &sent);
            let last = sent.last.at_ms..=sent.last.at_ms;
            SentView {
                remote: sent.remote,
                client_id: sent.client_id.map(|it| it.to_string()),
                at_ms: if was_sent { Some(last) } else { sent.at_ms },
                asked_ms: sent.last.at_ms,
            }
        });
        Ok(JourneyView {
            sent: sent.collect(),
            readable: behind(trail.readable, &appended),
            durable: behind(trail.durable, &appended),
            appended,
        })
    }

    /// When a group committed more than an offset for the first time; `None` where it was never
    /// seen to. `there_ms` is when the record was appended, if that is known.
    pub fn committed_past(
        &self,
        group_id: &str,
        place: (&str, i32),
        offset: Offset,
        there_ms: Option<i64>,
    ) -> Option<Past> {
        let journal = &self.shared.journal;
        journal.look_now(&self.shared, group_id);
        journal.samples(|all| all.committed(group_id, place, offset.get(), there_ms))
    }

    /// The groups that read a topic: who has committed offsets of it, or has members that do; at
    /// most `max`, by id.
    pub fn readers_of(&self, topic: &str, max: usize) -> Vec<String> {
        let mut found = Vec::new();
        self.shared.groups.look_at_all(|shard| {
            found.extend(shard.readers_of(topic).iter().map(ToString::to_string));
            found.extend(shard.subscribers_of(topic).iter().map(ToString::to_string));
        });
        found.sort();
        found.dedup();
        found.truncate(max);
        found
    }

    /// Whether the last answer to a client was long enough to reach a record.
    fn reached(&self, (topic, partition): (&str, i32), offset: Offset, sent: &Sent) -> bool {
        let batch = |offset| self.batch(topic, partition, offset).ok().flatten();
        let last = sent.last;
        let (Some(first), Some(own)) = (batch(Offset(last.offset)), batch(offset)) else {
            return false;
        };
        let end = |batch: &BatchView| {
            batch.position.saturating_add(u64::try_from(batch.bytes.len()).unwrap_or(u64::MAX))
        };
        // An answer is of one segment, and has its first batch in any case.
        first.segment_base_offset == own.segment_base_offset
            && (first.position == own.position
                || end(&own).saturating_sub(first.position) <= last.max_bytes.into())
    }
}

/// The same, with what the journal saw.
fn narrowed(passed: Passed, looked: Option<&RangeInclusive<i64>>) -> Passed {
    let (Passed::Within(times), Some(looked)) = (&passed, looked) else { return passed };
    let both = *times.start().max(looked.start())..=*times.end().min(looked.end());
    if both.is_empty() { passed } else { Passed::Within(both) }
}

/// The same, of something that does not happen before another thing.
fn behind(passed: Passed, before: &Passed) -> Passed {
    let (Passed::Within(times), Passed::Within(before)) = (&passed, before) else { return passed };
    let both = *times.start().max(before.start())..=*times.end();
    if both.is_empty() { passed } else { Passed::Within(both) }
}
