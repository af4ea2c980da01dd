//! What a broker says of its data directories, and what lies in them.

use std::{fs, path::Path};

use ottla_wire::{
    Str,
    alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic},
    messages::{AlterReplicaLogDirsRequest, DescribeLogDirsRequest},
};

use crate::client::Client;

/// One directory, as DescribeLogDirs tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedDir {
    /// Its path.
    pub path: String,
    /// 0, or why it cannot be described.
    pub error_code: i16,
    /// Topic, partition, size in bytes, whether it is a copy; sorted.
    pub partitions: Vec<(String, i32, i64, bool)>,
    /// Whether it takes no new partitions.
    pub is_cordoned: bool,
}

/// Every directory, in the broker's order.
pub fn described(client: &mut Client) -> Vec<DescribedDir> {
    let response = client.call(5, &DescribeLogDirsRequest { topics: None });
    assert_eq!(response.error_code, 0);
    let dir = |result: ottla_wire::describe_log_dirs_response::DescribeLogDirsResult| {
        let mut partitions: Vec<_> = result
            .topics
            .iter()
            .flat_map(|topic| {
                topic.partitions.iter().map(|part| {
                    let name = topic.name.to_string();
                    (name, part.partition_index, part.partition_size, part.is_future_key)
                })
            })
            .collect();
        partitions.sort();
        let works = result.error_code == 0;
        assert_eq!(works, result.total_bytes > 0 && result.usable_bytes >= 0, "{result:?}");
        DescribedDir {
            path: result.log_dir.to_string(),
            error_code: result.error_code,
            partitions,
            is_cordoned: result.is_cordoned,
        }
    };
    response.results.into_iter().map(dir).collect()
}

/// Whether the broker says that a partition is in a directory, and no copy of it.
pub fn holds(client: &mut Client, dir: &Path, topic: &str, partition: i32) -> bool {
    let path = dir.display().to_string();
    described(client).iter().filter(|one| one.path == path).any(|one| {
        one.partitions.iter().any(|(name, number, _, is_future)| {
            (name.as_str(), *number, *is_future) == (topic, partition, false)
        })
    })
}

/// Asks for a move; gives the error code.
pub fn move_to(client: &mut Client, dir: &Path, topic: &str, partition: i32) -> i16 {
    let topics =
        vec![AlterReplicaLogDirTopic { name: Str::from(topic), partitions: vec![partition] }];
    let dir = AlterReplicaLogDir { path: Str::from(dir.display().to_string()), topics };
    let request = AlterReplicaLogDirsRequest { dirs: vec![dir] };
    client.call(2, &request).results[0].partitions[0].error_code
}

/// The directories of partitions in a data directory, by name.
pub fn partitions_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a data directory").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_partition = |name: &String| {
        name.rsplit_once('-').is_some_and(|(topic, number)| {
            topic != "__cluster_metadata" && number.parse::<i32>().is_ok()
        })
    };
    let mut names: Vec<String> = names.filter(is_partition).collect();
    names.sort();
    names
}
