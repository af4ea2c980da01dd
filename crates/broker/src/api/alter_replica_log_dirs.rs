//! AlterReplicaLogDirs (34), versions 1-2: moves replicas to another data directory of this broker.
//!
//! The answer says that the move has begun; DescribeLogDirs shows how far it is. Moving a replica
//! to where it is ends the move it is on. A partition that is not there yet is made where it was
//! sent, though the answer is that it is unknown. Kafka: `ReplicaManager.alterReplicaLogDirs`.

use std::{collections::BTreeMap, sync::Arc};

use ottla_types::{ErrorCode, TopicName, TopicPartition};
use ottla_wire::{
    Str,
    alter_replica_log_dirs_response::{
        AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult,
    },
    messages::{AlterReplicaLogDirsRequest, AlterReplicaLogDirsResponse},
};

use super::{Api, Context, Outcome};
use crate::log_dirs::is_cordoned;

pub(super) struct AlterReplicaLogDirs;

/// The longest name of a partition whose copy still has a name of its own.
const NAME_MAX: usize = 215;

impl Api for AlterReplicaLogDirs {
    type Request = AlterReplicaLogDirsRequest;

    async fn handle(ctx: Context, request: AlterReplicaLogDirsRequest) -> Outcome {
        // A partition that is named twice goes to the directory that is named last.
        let mut wanted: BTreeMap<(&str, i32), &str> = BTreeMap::new();
        for dir in &request.dirs {
            for topic in &dir.topics {
                for partition in &topic.partitions {
                    wanted.insert((&topic.name, *partition), &dir.path);
                }
            }
        }
        let mut response = AlterReplicaLogDirsResponse::default();
        for ((topic, partition), path) in wanted {
            let code = alter(&ctx, topic, partition, path).err().unwrap_or(ErrorCode::None);
            let result = AlterReplicaLogDirPartitionResult {
                partition_index: partition,
                error_code: code.code(),
            };
            match response.results.last_mut().filter(|last| last.topic_name == *topic) {
                Some(last) => last.partitions.push(result),
                None => response.results.push(AlterReplicaLogDirTopicResult {
                    topic_name: Str::from(topic),
                    partitions: vec![result],
                }),
            }
        }
        ctx.reply(&response)
    }
}

fn alter(ctx: &Context, topic: &str, partition: i32, path: &str) -> Result<(), ErrorCode> {
    let shared = &ctx.shared;
    let target = shared.log_dirs.at_path(path).ok_or(ErrorCode::LogDirNotFound)?;
    if !target.is_online() {
        return Err(ErrorCode::KafkaStorageError);
    }
    let hosted = shared.partitions.topic(topic);
    if hosted.as_ref().is_none_or(|hosted| hosted.replica(partition).is_none()) {
        if let Ok(name) = TopicName::new(topic)
            && partition >= 0
            && !is_cordoned(&shared.config(), target)
        {
            shared.log_dirs.prefer(TopicPartition::new(name, partition), target);
        }
        return Err(ErrorCode::UnknownTopicOrPartition);
    }
    let hosted = hosted.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = hosted.partition(partition)?;
    let at = &partition.topic_partition;
    if at.to_string().len() > NAME_MAX {
        return Err(ErrorCode::InvalidTopicException);
    }
    if partition.data_dir().id == target.id {
        shared.moves.cancel(at);
        // The move may have ended before it was cancelled: then this is one back.
        if partition.data_dir().id == target.id {
            return Ok(());
        }
    }
    if is_cordoned(&shared.config(), target) {
        return Err(ErrorCode::InvalidReplicaAssignment);
    }
    match shared.moves.find(at) {
        Some(one) if Arc::ptr_eq(&one.target, target) => return Ok(()),
        Some(_) => shared.moves.cancel(at),
        None => {}
    }
    shared.moves.begin(shared, &partition, target).map_err(|error| {
        tracing::error!("{at} cannot be moved to {path}: {error}");
        error.code()
    })
}
