//! What groups have committed: asking for it, and changing it.

use std::collections::BTreeMap;

use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    offset_commit_request::{
        OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    },
    offset_fetch_request::{OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics},
};
use serde_json::{Value, json};

use super::client::{Client, Lost};

/// A partition.
pub type Place = (&'static str, i32);

/// Offsets by partition; nothing where none was committed.
pub type Offsets = BTreeMap<Place, Option<i64>>;

/// Offsets as the step of a line.
pub fn step(offsets: &Offsets) -> Value {
    let named = offsets.iter().map(|((t, p), offset)| (format!("{t}-{p}"), json!(offset)));
    json!(["offsets", Value::Object(named.collect())])
}

/// Asks for offsets, with `is_stable` for such as no open transaction may change. The inner error
/// is the broker's.
pub async fn fetch(
    client: &mut Client,
    group: &str,
    places: &[Place],
    is_stable: bool,
) -> Result<Result<Offsets, ErrorCode>, Lost> {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in places {
        topics.entry(topic).or_default().push(*partition);
    }
    let topics = topics.into_iter().map(|(name, partition_indexes)| OffsetFetchRequestTopics {
        name: Str::from(name),
        partition_indexes,
        ..Default::default()
    });
    let request = OffsetFetchRequest {
        groups: vec![OffsetFetchRequestGroup {
            group_id: Str::from(group),
            topics: Some(topics.collect()),
            ..Default::default()
        }],
        require_stable: is_stable,
        ..Default::default()
    };
    let mut response = client.call(8, &request).await?;
    let group = response.groups.remove(0);
    let mut codes = vec![group.error_code];
    let mut found = BTreeMap::new();
    for topic in &group.topics {
        for partition in &topic.partitions {
            codes.push(partition.error_code);
            let at = (topic.name.as_str(), partition.partition_index);
            found.insert(at, partition.committed_offset);
        }
    }
    if let Some(code) = codes.into_iter().find(|code| *code != 0) {
        return Ok(Err(ErrorCode::from_code(code)));
    }
    let offset_of = |place: &Place| Some(found[place]).filter(|offset| *offset >= 0);
    Ok(Ok(places.iter().map(|place| (*place, offset_of(place))).collect()))
}

/// Commits offsets as a member of a generation. Gives the error code, which is that of all
/// partitions.
pub async fn commit(
    client: &mut Client,
    group: &str,
    (member_id, generation): (Str, i32),
    offsets: &BTreeMap<Place, i64>,
) -> Result<i16, Lost> {
    let mut topics: BTreeMap<&str, Vec<OffsetCommitRequestPartition>> = BTreeMap::new();
    for ((topic, partition), offset) in offsets {
        topics.entry(topic).or_default().push(OffsetCommitRequestPartition {
            partition_index: *partition,
            committed_offset: *offset,
            committed_leader_epoch: -1,
            committed_metadata: Some(Str::default()),
        });
    }
    let topics = topics.into_iter().map(|(name, partitions)| OffsetCommitRequestTopic {
        name: Str::from(name),
        partitions,
        ..Default::default()
    });
    let request = OffsetCommitRequest {
        group_id: Str::from(group),
        generation_id_or_member_epoch: generation,
        member_id,
        topics: topics.collect(),
        ..Default::default()
    };
    let response = client.call(8, &request).await?;
    let mut codes = response
        .topics
        .iter()
        .flat_map(|topic| topic.partitions.iter().map(|partition| partition.error_code));
    let code = codes.next().expect("an answer for each partition");
    assert!(codes.all(|other| other == code), "one answer for all partitions: {response:?}");
    Ok(code)
}
