//! CreateTopics, CreatePartitions, DeleteTopics and DeleteRecords.

use ottla_types::Uuid;
use ottla_wire::{
    Str,
    create_partitions_request::{
        CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
    },
    create_topics_request::{
        CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreateTopicsRequest,
    },
    delete_records_request::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic},
    delete_topics_request::{DeleteTopicState, DeleteTopicsRequest},
};

use crate::{
    batch,
    session::{Session, versions},
};

fn topic(name: &str, num_partitions: i32, replication_factor: i16) -> CreatableTopic {
    CreatableTopic {
        name: Str::from(name),
        num_partitions,
        replication_factor,
        ..Default::default()
    }
}

fn with_config(name: &str, key: &str, value: Option<&str>) -> CreatableTopic {
    let config = CreatableTopicConfig { name: Str::from(key), value: value.map(Str::from) };
    CreatableTopic { configs: vec![config], ..topic(name, 1, 1) }
}

fn assigned(name: &str, assignments: &[(i32, &[i32])]) -> CreatableTopic {
    let assignments = assignments.iter().map(|&(partition_index, broker_ids)| {
        CreatableReplicaAssignment { partition_index, broker_ids: broker_ids.to_vec() }
    });
    CreatableTopic { assignments: assignments.collect(), ..topic(name, -1, -1) }
}

fn creating(topics: Vec<CreatableTopic>) -> CreateTopicsRequest {
    CreateTopicsRequest { topics, timeout_ms: 30_000, ..Default::default() }
}

pub fn create(session: &mut Session) {
    for version in versions::<CreateTopicsRequest>() {
        let name = format!("created-{version}");
        let trial =
            CreateTopicsRequest { validate_only: true, ..creating(vec![topic(&name, 2, 1)]) };
        session.ask("only validated", version, &trial);
        session.ask("created", version, &creating(vec![topic(&name, 2, 1)]));
        session.ask("created again", version, &creating(vec![topic(&name, 2, 1)]));
        let trial =
            CreateTopicsRequest { validate_only: true, ..creating(vec![topic(&name, 2, 1)]) };
        session.ask("validated though there", version, &trial);
        let config = with_config(&format!("{name}-c"), "retention.ms", Some("12345"));
        session.ask("with a config", version, &creating(vec![config]));
        let manual = assigned(&format!("{name}-m"), &[(0, &[1]), (1, &[1])]);
        session.ask("with an assignment", version, &creating(vec![manual]));
        let several = vec![topic(&format!("{name}-x"), 1, 1), topic(&format!("{name}-y"), 1, 3)];
        session.ask("one good, one bad", version, &creating(several));
    }
    for version in 4..=7 {
        let name = format!("created-default-{version}");
        session.ask("with the defaults", version, &creating(vec![topic(&name, -1, -1)]));
    }
    session.ask("nothing", 7, &creating(Vec::new()));
}

pub fn create_badly(session: &mut Session) {
    for (what, topic) in [
        ("no partitions", topic("bad-1", 0, 1)),
        ("-2 partitions", topic("bad-1", -2, 1)),
        ("no replicas", topic("bad-1", 1, 0)),
        ("-2 replicas", topic("bad-1", 1, -2)),
        ("too many replicas", topic("bad-1", 1, 2)),
        ("empty name", topic("", 1, 1)),
        ("a dot", topic(".", 1, 1)),
        ("two dots", topic("..", 1, 1)),
        ("a space", topic("a b", 1, 1)),
        ("too long", topic(&"x".repeat(250), 1, 1)),
        ("longest", topic(&"x".repeat(249), 1, 1)),
        ("not ASCII", topic("größe", 1, 1)),
        ("internal name", topic("__cluster_metadata", 1, 1)),
        ("dots and underscores", topic("collide.a_b", 1, 1)),
        ("a name that collides with it", topic("collide_a.b", 1, 1)),
        ("unknown config", with_config("bad-2", "no.such.config", Some("1"))),
        ("config without a value", with_config("bad-2", "retention.ms", None)),
        ("config of a wrong type", with_config("bad-2", "retention.ms", Some("soon"))),
        ("config out of bounds", with_config("bad-2", "segment.bytes", Some("1"))),
        ("config not of the list", with_config("bad-2", "cleanup.policy", Some("forget"))),
        ("config of the broker", with_config("bad-2", "log.retention.ms", Some("1"))),
        ("unknown broker", assigned("bad-3", &[(0, &[9])])),
        ("a broker twice", assigned("bad-3", &[(0, &[1, 1])])),
        ("no brokers", assigned("bad-3", &[(0, &[])])),
        ("not from zero", assigned("bad-3", &[(1, &[1])])),
        ("a hole", assigned("bad-3", &[(0, &[1]), (2, &[1])])),
        ("a partition twice", assigned("bad-3", &[(0, &[1]), (0, &[1])])),
        (
            "assignment and count",
            CreatableTopic { num_partitions: 1, ..assigned("bad-3", &[(0, &[1])]) },
        ),
        (
            "assignment and replicas",
            CreatableTopic { replication_factor: 1, ..assigned("bad-3", &[(0, &[1])]) },
        ),
    ] {
        for version in [2, 5, 7] {
            session.ask(what, version, &creating(vec![topic.clone()]));
        }
    }
    let twice = creating(vec![topic("bad-4", 1, 1), topic("bad-4", 1, 1), topic("bad-5", 1, 1)]);
    session.ask("one name twice", 7, &twice);
    session.ask("defaults in an old version", 2, &creating(vec![topic("bad-6", -1, -1)]));
}

fn growing(name: &str, count: i32, assignments: Option<Vec<Vec<i32>>>) -> CreatePartitionsRequest {
    let assignments = assignments.map(|lists| {
        lists.into_iter().map(|broker_ids| CreatePartitionsAssignment { broker_ids }).collect()
    });
    CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic { name: Str::from(name), count, assignments }],
        timeout_ms: 30_000,
        validate_only: false,
    }
}

pub fn partitions(session: &mut Session) {
    for version in versions::<CreatePartitionsRequest>() {
        let name = format!("grown-{version}");
        session.topic(&name, 2, &[]);
        let trial = CreatePartitionsRequest { validate_only: true, ..growing(&name, 3, None) };
        session.ask("only validated", version, &trial);
        session.ask("three", version, &growing(&name, 3, None));
        session.settled(&name, 3);
        session.ask("three again", version, &growing(&name, 3, None));
        session.ask("fewer", version, &growing(&name, 1, None));
        session.ask("none", version, &growing(&name, 0, None));
        session.ask("-1", version, &growing(&name, -1, None));
        session.ask("assigned", version, &growing(&name, 5, Some(vec![vec![1], vec![1]])));
        session.settled(&name, 5);
        session.ask("assigned too few", version, &growing(&name, 7, Some(vec![vec![1]])));
        session.ask("assigned too many", version, &growing(&name, 6, Some(vec![vec![1]; 2])));
        session.ask("assigned to nobody", version, &growing(&name, 6, Some(vec![vec![9]])));
        session.ask("assigned an empty list", version, &growing(&name, 6, Some(vec![vec![]])));
        session.ask("unknown topic", version, &growing("grown-none", 6, None));
        session.ask("bad name", version, &growing("grown none", 6, None));
    }
    let mut twice = growing("grown-0", 9, None);
    twice.topics.extend(growing("grown-0", 9, None).topics);
    twice.topics.extend(growing("grown-1", 6, None).topics);
    session.ask("one topic twice", 3, &twice);
    session.ask("nothing", 3, &CreatePartitionsRequest::default());
}

pub fn delete(session: &mut Session) {
    let by_names = |names: &[&str]| DeleteTopicsRequest {
        topic_names: names.iter().map(|&name| Str::from(name)).collect(),
        timeout_ms: 30_000,
        ..Default::default()
    };
    let states = |topics: Vec<DeleteTopicState>| DeleteTopicsRequest {
        topics,
        timeout_ms: 30_000,
        ..Default::default()
    };
    let by_name =
        |name: &str| DeleteTopicState { name: Some(Str::from(name)), ..Default::default() };
    let by_id = |topic_id: Uuid| DeleteTopicState { name: None, topic_id };
    for version in 1..=5 {
        let name = format!("deleted-{version}");
        session.topic(&name, 2, &[]);
        session.ask("deleted", version, &by_names(&[&name]));
        session.ask("deleted again", version, &by_names(&[&name]));
        session.ask("bad name", version, &by_names(&["a b"]));
    }
    session.topic("deleted-6", 1, &[]);
    let id = session.topic("deleted-7", 1, &[]);
    session.ask("by name", 6, &states(vec![by_name("deleted-6")]));
    session.ask("by id", 6, &states(vec![by_id(id)]));
    session.ask("by id again", 6, &states(vec![by_id(id)]));
    session.ask("by the id of nothing", 6, &states(vec![by_id(Uuid::ZERO)]));
    session.ask("unknown name", 6, &states(vec![by_name("deleted-none")]));
    let id = session.topic("deleted-8", 1, &[]);
    let both = DeleteTopicState { name: Some(Str::from("deleted-8")), topic_id: id };
    session.ask("by name and id", 6, &states(vec![both]));
    session.ask("by name, then id", 6, &states(vec![by_name("deleted-8"), by_id(id)]));
    session.topic("deleted-9", 1, &[]);
    session.ask("a name twice", 6, &states(vec![by_name("deleted-9"), by_name("deleted-9")]));
    session.ask("nothing", 6, &states(Vec::new()));
}

pub fn delete_records(session: &mut Session) {
    let request = |name: &str, partition_index: i32, offset: i64| DeleteRecordsRequest {
        topics: vec![DeleteRecordsTopic {
            name: Str::from(name),
            partitions: vec![DeleteRecordsPartition { partition_index, offset }],
        }],
        timeout_ms: 5_000,
    };
    for version in versions::<DeleteRecordsRequest>() {
        let name = format!("shortened-{version}");
        session.topic(&name, 1, &[]);
        session.append(&name, 0, batch::plain(10));
        session.ask("before 3", version, &request(&name, 0, 3));
        session.ask("before 3 again", version, &request(&name, 0, 3));
        session.ask("before 1", version, &request(&name, 0, 1));
        session.ask("beyond the end", version, &request(&name, 0, 11));
        session.ask("-2", version, &request(&name, 0, -2));
        session.ask("all", version, &request(&name, 0, -1));
        session.ask("all again", version, &request(&name, 0, 10));
        session.ask("unknown partition", version, &request(&name, 1, 1));
        session.ask("unknown topic", version, &request("shortened-none", 0, 1));
    }
    let name = "shortened-compacted";
    session.topic(name, 1, &[("cleanup.policy", "compact")]);
    session.append(name, 0, batch::plain(10));
    session.ask("of a compacted topic", 2, &request(name, 0, 3));
}
