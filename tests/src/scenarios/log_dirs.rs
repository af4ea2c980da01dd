//! DescribeLogDirs and AlterReplicaLogDirs of a broker with two data directories, and what clients
//! are told once one of them has failed.
//!
//! The directories are called by the last part of their paths, which both brokers share.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use ottla_wire::{
    Str,
    alter_replica_log_dirs_request::{
        AlterReplicaLogDir, AlterReplicaLogDirTopic, AlterReplicaLogDirsRequest,
    },
    delete_records_request::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic},
    delete_topics_request::{DeleteTopicState, DeleteTopicsRequest},
    describe_log_dirs_request::{DescribableLogDirTopic, DescribeLogDirsRequest},
    describe_log_dirs_response::DescribeLogDirsResponse,
    describe_topic_partitions_request::{DescribeTopicPartitionsRequest, TopicRequest},
    elect_leaders_request::{ElectLeadersRequest, TopicPartitions},
    fetch_request::{FetchPartition, FetchRequest, FetchTopic},
    list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic},
    metadata_request::{MetadataRequest, MetadataRequestTopic},
};

use crate::{
    batch,
    session::{Session, produce, versions},
};

const PATIENCE: Duration = Duration::from_secs(20);

/// The paths of the directories that work, in order.
fn paths(session: &mut Session) -> Vec<PathBuf> {
    let response = session.quietly(4, &DescribeLogDirsRequest { topics: None }).unwrap_or_default();
    let works = response.results.iter().filter(|result| result.error_code == 0);
    let mut paths: Vec<PathBuf> = works.map(|result| PathBuf::from(&*result.log_dir)).collect();
    paths.sort();
    paths
}

fn of(name: &str, partitions: &[i32]) -> DescribeLogDirsRequest {
    DescribeLogDirsRequest {
        topics: Some(vec![DescribableLogDirTopic {
            topic: Str::from(name),
            partitions: partitions.to_vec(),
        }]),
    }
}

/// What a broker says of its directories, with short names and in order.
fn described(
    session: &mut Session,
    version: i16,
    request: &DescribeLogDirsRequest,
) -> DescribeLogDirsResponse {
    let mut response = session.quietly(version, request).unwrap_or_default();
    for result in &mut response.results {
        let path = Path::new(&*result.log_dir).file_name().unwrap_or_default();
        result.log_dir = Str::from(path.to_string_lossy().into_owned());
        for topic in &mut result.topics {
            topic.partitions.sort_by_key(|partition| partition.partition_index);
        }
        result.topics.sort_by(|a, b| a.name.cmp(&b.name));
    }
    response.results.sort_by(|a, b| a.log_dir.cmp(&b.log_dir));
    response
}

fn describe(session: &mut Session, note: &str, name: &str, partitions: &[i32]) {
    for version in versions::<DescribeLogDirsRequest>() {
        let request = of(name, partitions);
        let response = described(session, version, &request);
        session.observe(&format!("{note}: DescribeLogDirs v{version}"), &request, &response);
    }
}

fn moving(path: &Path, partitions: &[(&str, i32)]) -> AlterReplicaLogDirsRequest {
    let topics = partitions.iter().map(|&(name, partition)| AlterReplicaLogDirTopic {
        name: Str::from(name),
        partitions: vec![partition],
    });
    let path = Str::from(path.to_string_lossy().into_owned());
    AlterReplicaLogDirsRequest { dirs: vec![AlterReplicaLogDir { path, topics: topics.collect() }] }
}

/// Where a partition is, as a place in `paths`, once it is on its way nowhere.
fn settled_in(
    session: &mut Session,
    paths: &[PathBuf],
    name: &str,
    partition: i32,
) -> Option<usize> {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let response = session.quietly(4, &of(name, &[partition])).unwrap_or_default();
        let is_moving =
            |partition: &ottla_wire::describe_log_dirs_response::DescribeLogDirsPartition| {
                partition.is_future_key
            };
        let found: Vec<_> =
            response.results.iter().filter(|result| !result.topics.is_empty()).collect();
        if let [one] = found.as_slice()
            && !one.topics.iter().flat_map(|topic| &topic.partitions).any(is_moving)
        {
            return paths.iter().position(|path| path.to_str() == Some(&*one.log_dir));
        }
        thread::yield_now();
    }
    None
}

/// The same once that is where it was sent: for a moment Kafka shows neither the copy nor that it
/// has taken the old one's place.
fn arrived_in(
    session: &mut Session,
    paths: &[PathBuf],
    name: &str,
    target: &Path,
) -> Option<usize> {
    let target = paths.iter().position(|path| path == target);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let place = settled_in(session, paths, name, 0);
        if place == target || Instant::now() >= deadline {
            return place;
        }
    }
}

/// Moves between two directories.
pub fn moves(session: &mut Session) {
    let paths = paths(session);
    session.observe("the directories that work", &(), &paths.len());
    let [first, second] = paths.as_slice() else { return };
    // Made there: Kafka that is asked to move a partition whose last move has not quite ended may
    // lose its records.
    session.quietly(2, &moving(first, &[("moving", 0)]));
    session.topic("moving", 1, &[]);
    session.append("moving", 0, batch::plain(5));
    arrived_in(session, &paths, "moving", first);
    describe(session, "before", "moving", &[0]);
    let relative = PathBuf::from(first.file_name().unwrap_or_default());
    let with_slash = PathBuf::from(format!("{}/", second.display()));
    for version in versions::<AlterReplicaLogDirsRequest>() {
        for (what, path, partitions) in [
            ("where it is", first.as_path(), &[("moving", 0)][..]),
            ("to no directory of the broker's", Path::new("/nowhere"), &[("moving", 0)]),
            ("to a relative path", &relative, &[("moving", 0)]),
            ("to a path with a slash at its end", &with_slash, &[("moving", 0)]),
            ("to an empty path", Path::new(""), &[("moving", 0)]),
            ("of no partition", second, &[("moving", 7)]),
            ("of partition -1", second, &[("moving", -1)]),
            ("of no topic", second, &[("moving-none", 0)]),
            ("of a topic with a bad name", second, &[("a b", 0)]),
            ("of no topic, to no directory", Path::new("/nowhere"), &[("moving-none", 0)]),
            ("of nothing", second, &[]),
        ] {
            session.ask(what, version, &moving(path, partitions));
            settled_in(session, &paths, "moving", 0);
        }
    }
    for version in versions::<AlterReplicaLogDirsRequest>() {
        for (at, target) in [second, first].into_iter().enumerate() {
            let note = format!("to directory {}", 1 - at);
            session.ask(note, version, &moving(target, &[("moving", 0)]));
            let place = arrived_in(session, &paths, "moving", target);
            session.observe(&format!("there, v{version}"), &at, &place);
            describe(session, &format!("after v{version} to {at}"), "moving", &[0]);
        }
        let twice = AlterReplicaLogDirsRequest {
            dirs: [first, second]
                .iter()
                .flat_map(|path| moving(path, &[("moving", 0)]).dirs)
                .collect(),
        };
        session.ask("to both", version, &twice);
        arrived_in(session, &paths, "moving", second);
    }
    session.append("moving", 0, batch::plain(2));
    fetch(session, "after the moves", "moving", 0);
    // A topic that is made later goes where its partition was sent.
    for (name, path) in [("sent-first", first), ("sent-second", second)] {
        session.ask("before it is there", 2, &moving(path, &[(name, 0)]));
        session.topic(name, 1, &[]);
        let place = settled_in(session, &paths, name, 0);
        session.observe(&format!("where {name} is"), &(), &place);
    }
}

fn fetch(session: &mut Session, note: &str, name: &str, partition: i32) {
    let request = FetchRequest {
        max_bytes: 1 << 20,
        topics: vec![FetchTopic {
            topic: Str::from(name),
            partitions: vec![FetchPartition {
                partition,
                partition_max_bytes: 1 << 20,
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    };
    session.ask(note, 12, &request);
}

fn metadata(name: &str) -> MetadataRequest {
    let topic = MetadataRequestTopic { name: Some(Str::from(name)), ..Default::default() };
    MetadataRequest {
        topics: Some(vec![topic]),
        allow_auto_topic_creation: false,
        ..Default::default()
    }
}

/// One of two directories is taken away, and the broker goes on with the other. Destroys it: only
/// for brokers that were started for this.
pub fn offline(session: &mut Session) {
    let paths = paths(session);
    session.observe("the directories that work", &(), &paths.len());
    let [first, second] = paths.as_slice() else { return };
    for (name, path) in [("stays", first), ("goes", second), ("breaks", second)] {
        // Made where it is to be: now and then Kafka tells its controller of a move, has it done,
        // and tells it that it is taken back.
        session.quietly(2, &moving(path, &[(name, 0)]));
        session.topic(name, 1, &[("segment.bytes", "1048576")]);
        session.append(name, 0, batch::plain(3));
        arrived_in(session, &paths, name, path);
    }
    let aside = second.with_extension("aside");
    let taken = fs::rename(second, &aside).and_then(|()| fs::write(second, "no directory"));
    session.observe("the second directory is taken away", &(), &taken.is_ok());
    // A new segment cannot be made.
    let large = batch::build(
        ottla_record::BuilderOptions::default(),
        &[batch::record("key", &"x".repeat(600_000), 0)],
    );
    let large = large.freeze();
    session.append("breaks", 0, large.clone());
    session.ask("what does not fit into the segment", 9, &produce("breaks", 0, large));
    for name in ["goes", "breaks"] {
        until_leaderless(session, name);
    }
    for name in ["goes", "breaks", "stays"] {
        tell(session, name);
    }
    for (what, path, partition) in [
        ("from a failed directory", first, ("goes", 0)),
        ("to a failed directory", second, ("stays", 0)),
        ("where it is, which has failed", second, ("goes", 0)),
        ("where it is, beside one that has failed", first, ("stays", 0)),
        ("of no topic to a failed directory", second, ("offline-none", 0)),
    ] {
        session.ask(what, 2, &moving(path, &[partition]));
    }
    session.topic("later", 2, &[]);
    tell(session, "later");
    for name in ["goes", "breaks"] {
        let topic = DeleteTopicState { name: Some(Str::from(name)), ..Default::default() };
        let request =
            DeleteTopicsRequest { topics: vec![topic], timeout_ms: 30_000, ..Default::default() };
        session.ask(format!("{name} is deleted"), 6, &request);
    }
    session.topic("goes", 1, &[]);
    tell(session, "goes");
}

/// Waits until clients are told that nobody leads the topic: of one after the other, as the
/// controller hears of them.
fn until_leaderless(session: &mut Session, name: &str) {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let response = session.quietly(12, &metadata(name)).unwrap_or_default();
        let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        if partitions.any(|partition| partition.leader_id == -1) {
            return;
        }
        thread::yield_now();
    }
}

/// What clients are told of a topic's first partition.
fn tell(session: &mut Session, name: &str) {
    let note = |what: &str| format!("{name}, {what}");
    for version in [5, 12, 13] {
        session.ask(note("metadata"), version, &metadata(name));
    }
    let topics = vec![TopicRequest { name: Str::from(name) }];
    let request = DescribeTopicPartitionsRequest {
        topics,
        response_partition_limit: 10,
        ..Default::default()
    };
    session.ask(note("partitions"), 0, &request);
    session.ask(note("produce"), 9, &produce(name, 0, batch::plain(1)));
    fetch(session, &note("fetch"), name, 0);
    let offsets = ListOffsetsRequest {
        replica_id: -1,
        topics: vec![ListOffsetsTopic {
            name: Str::from(name),
            partitions: vec![ListOffsetsPartition {
                partition_index: 0,
                timestamp: -1,
                current_leader_epoch: -1,
            }],
        }],
        ..Default::default()
    };
    session.ask(note("offsets"), 5, &offsets);
    let records = DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: Str::from(name),
            partitions: vec![DeleteRecordsPartition { partition_index: 0, offset: 0 }],
        }],
        timeout_ms: 30_000,
    };
    session.ask(note("delete records"), 2, &records);
    for election_type in [0, 1] {
        let elections = ElectLeadersRequest {
            election_type,
            topic_partitions: Some(vec![TopicPartitions {
                topic: Str::from(name),
                partitions: vec![0],
            }]),
            timeout_ms: 30_000,
        };
        session.ask(note(&format!("an election of type {election_type}")), 2, &elections);
    }
    describe(session, name, name, &[0]);
}
