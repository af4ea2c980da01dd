//! What a broker says of its data directories, and what lies in them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ottla_wire::{
    Str,
    alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic},
    messages::{AlterReplicaLogDirsRequest, DescribeLogDirsRequest},
};

use crate::{
    client::Client,
    in_process::{TestBroker, eventually},
};

/// For a broker with two data directories.
pub const TWO: (&str, &str) = ("log.dirs", "{dir}/a,{dir}/b");

const LEADER_NOT_AVAILABLE: i16 = 5;

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

/// Creates a topic of two partitions, one in each of [`TWO`]; gives the number of the one in `b`.
pub fn spread(broker: &TestBroker, name: &str) -> i32 {
    broker.client().topic(name, 2, &[]);
    let in_b = partitions_in(&broker.data_dir().join("b"));
    let number = (0..2).find(|number| in_b.contains(&format!("{name}-{number}")));
    number.expect("one partition is in the second directory")
}

/// Makes the disk refuse the next sync of a partition that was never synced: its directory goes.
pub fn break_partition(dir: &Path, topic: &str, partition: i32) {
    fs::remove_dir_all(dir.join(format!("{topic}-{partition}"))).expect("a partition's directory");
}

/// Returns once clients are told that a partition of a single broker has no leader.
pub fn wait_until_offline(client: &mut Client, topic: &str, partition: i32) {
    eventually("the leader is gone", || {
        let topic = client.metadata(topic, false);
        let found = topic.partitions.into_iter().find(|one| one.partition_index == partition)?;
        (found.leader_id == -1).then(|| {
            assert_eq!(found.error_code, LEADER_NOT_AVAILABLE);
            assert_eq!(found.offline_replicas, [1]);
        })
    });
}

/// Puts a file where a data directory was, so that it cannot be opened. Gives where that is.
pub fn unmount(dir: &Path) -> PathBuf {
    let aside = dir.with_extension("aside");
    fs::rename(dir, &aside).expect("a data directory");
    fs::write(dir, "no directory").expect("a place for a file");
    aside
}

/// Puts a directory back where it was.
pub fn mount(dir: &Path, aside: &Path) {
    fs::remove_file(dir).expect("the file that is in its place");
    fs::rename(aside, dir).expect("what was unmounted");
}
