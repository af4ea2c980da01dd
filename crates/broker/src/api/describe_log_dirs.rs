//! DescribeLogDirs (35), versions 1-5: the data directories and what lies in them.
//!
//! - v3: an error code for all. v4: total and usable bytes (KIP-827). v5: cordoned (KIP-1066).
//!
//! Kafka: `ReplicaManager.describeLogDirs`.

use std::collections::BTreeMap;

use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    describe_log_dirs_response::{
        DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
    },
    messages::{DescribeLogDirsRequest, DescribeLogDirsResponse},
};

use super::{Api, Context, Outcome};

pub(super) struct DescribeLogDirs;

impl Api for DescribeLogDirs {
    type Request = DescribeLogDirsRequest;

    async fn handle(ctx: Context, request: DescribeLogDirsRequest) -> Outcome {
        let is_wanted = |topic: &str, partition: i32| {
            request.topics.as_ref().is_none_or(|topics| {
                topics.iter().any(|t| t.topic == *topic && t.partitions.contains(&partition))
            })
        };
        let mut topics: BTreeMap<String, Vec<DescribeLogDirsPartition>> = BTreeMap::new();
        for topic in ctx.shared.partitions.topics() {
            for partition in topic.partitions() {
                let index = partition.topic_partition.partition;
                if !is_wanted(&topic.name, index) {
                    continue;
                }
                let size = partition.size_bytes();
                topics.entry(topic.name.to_string()).or_default().push(DescribeLogDirsPartition {
                    partition_index: index,
                    partition_size: i64::try_from(size).unwrap_or(i64::MAX),
                    offset_lag: 0,
                    is_future_key: false,
                });
            }
        }
        let space = rustix::fs::statvfs(ctx.shared.data_dir.as_path()).ok();
        let bytes =
            |blocks: u64, size: u64| i64::try_from(blocks.saturating_mul(size)).unwrap_or(-1);
        let topics = topics
            .into_iter()
            .map(|(name, partitions)| DescribeLogDirsTopic { name: Str::from(name), partitions });
        let result = DescribeLogDirsResult {
            error_code: ErrorCode::None.code(),
            log_dir: Str::from(ctx.shared.data_dir.display().to_string()),
            topics: topics.collect(),
            total_bytes: space.as_ref().map_or(-1, |fs| bytes(fs.f_blocks, fs.f_frsize)),
            usable_bytes: space.as_ref().map_or(-1, |fs| bytes(fs.f_bavail, fs.f_frsize)),
            is_cordoned: false,
        };
        ctx.reply(&DescribeLogDirsResponse { results: vec![result], ..Default::default() })
    }
}
