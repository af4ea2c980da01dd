//! DescribeLogDirs (35), versions 1-5: the data directories and what lies in them.
//!
//! - v3: an error code for all. v4: total and usable bytes (KIP-827). v5: cordoned (KIP-1066).
//!
//! Kafka: `ReplicaManager.describeLogDirs`.

use std::collections::BTreeMap;

use ottla_types::{ErrorCode, Uuid};
use ottla_wire::{
    Str,
    describe_log_dirs_response::{
        DescribeLogDirsPartition, DescribeLogDirsResult, DescribeLogDirsTopic,
    },
    messages::{DescribeLogDirsRequest, DescribeLogDirsResponse},
};

use super::{Api, Context, Outcome};
use crate::log_dirs::{DataDir, is_cordoned};

pub(super) struct DescribeLogDirs;

/// The partitions of one directory, by topic.
type Found = BTreeMap<String, Vec<DescribeLogDirsPartition>>;

impl Api for DescribeLogDirs {
    type Request = DescribeLogDirsRequest;

    async fn handle(ctx: Context, request: DescribeLogDirsRequest) -> Outcome {
        let mut found = find(&ctx, &request);
        let dirs = ctx.shared.log_dirs.all().iter();
        let results = dirs.map(|dir| describe(&ctx, dir, found.remove(&dir.id)));
        ctx.reply(&DescribeLogDirsResponse { results: results.collect(), ..Default::default() })
    }
}

/// What was asked for, by the id of the directory that it lies in.
fn find(ctx: &Context, request: &DescribeLogDirsRequest) -> BTreeMap<Uuid, Found> {
    let is_wanted = |topic: &str, partition: i32| {
        request.topics.as_ref().is_none_or(|topics| {
            topics.iter().any(|t| t.topic == *topic && t.partitions.contains(&partition))
        })
    };
    let mut found: BTreeMap<Uuid, Found> = BTreeMap::new();
    for one in ctx.shared.moves.all() {
        let at = one.at();
        let Some((size, end)) = one.progress().filter(|_| is_wanted(&at.topic, at.partition))
        else {
            continue;
        };
        let topic = ctx.shared.partitions.topic(&at.topic);
        let current = topic.and_then(|topic| topic.partition(at.partition).ok());
        let log_end_offset = current.map_or(end, |it| it.with_log(|log| log.log_end_offset()));
        let in_dir = found.entry(one.target.id).or_default();
        in_dir.entry(at.topic.to_string()).or_default().push(DescribeLogDirsPartition {
            partition_index: at.partition,
            partition_size: i64::try_from(size).unwrap_or(i64::MAX),
            offset_lag: log_end_offset.get().saturating_sub(end.get()).max(0),
            is_future_key: true,
        });
    }
    for topic in ctx.shared.partitions.topics() {
        for partition in topic.partitions() {
            let partition_index = partition.topic_partition.partition;
            if !is_wanted(&topic.name, partition_index) {
                continue;
            }
            let in_dir = found.entry(partition.data_dir().id).or_default();
            in_dir.entry(topic.name.to_string()).or_default().push(DescribeLogDirsPartition {
                partition_index,
                partition_size: i64::try_from(partition.size_bytes()).unwrap_or(i64::MAX),
                offset_lag: 0,
                is_future_key: false,
            });
        }
    }
    found
}

fn describe(ctx: &Context, dir: &DataDir, found: Option<Found>) -> DescribeLogDirsResult {
    let log_dir = Str::from(dir.path.display().to_string());
    let is_cordoned = is_cordoned(&ctx.shared.config(), dir);
    if !dir.is_online() {
        return DescribeLogDirsResult {
            error_code: ErrorCode::KafkaStorageError.code(),
            log_dir,
            total_bytes: -1,
            usable_bytes: -1,
            is_cordoned,
            ..Default::default()
        };
    }
    let space = rustix::fs::statvfs(dir.path.as_path()).ok();
    let bytes = |blocks: u64, size: u64| i64::try_from(blocks.saturating_mul(size)).unwrap_or(-1);
    let topics = found.unwrap_or_default().into_iter();
    DescribeLogDirsResult {
        error_code: ErrorCode::None.code(),
        log_dir,
        topics: topics
            .map(|(name, partitions)| DescribeLogDirsTopic { name: Str::from(name), partitions })
            .collect(),
        total_bytes: space.as_ref().map_or(-1, |fs| bytes(fs.f_blocks, fs.f_frsize)),
        usable_bytes: space.as_ref().map_or(-1, |fs| bytes(fs.f_bavail, fs.f_frsize)),
        is_cordoned,
    }
}
