//! Metadata, DescribeCluster, DescribeTopicPartitions and FindCoordinator.

use ottla_types::Uuid;
use ottla_wire::{
    Str,
    describe_cluster_request::DescribeClusterRequest,
    describe_topic_partitions_request::{Cursor, DescribeTopicPartitionsRequest, TopicRequest},
    find_coordinator_request::FindCoordinatorRequest,
    metadata_request::{MetadataRequest, MetadataRequestTopic},
};

use crate::session::{Session, versions};

pub fn cluster(session: &mut Session) {
    for version in versions::<DescribeClusterRequest>() {
        session.ask("plain", version, &DescribeClusterRequest::default());
        let operations = DescribeClusterRequest {
            include_cluster_authorized_operations: true,
            ..Default::default()
        };
        session.ask("with operations", version, &operations);
        for endpoint_type in [0, 2, 3] {
            let request = DescribeClusterRequest { endpoint_type, ..Default::default() };
            session.ask(format!("endpoint type {endpoint_type}"), version, &request);
        }
        let fenced = DescribeClusterRequest { include_fenced_brokers: true, ..Default::default() };
        session.ask("with fenced brokers", version, &fenced);
    }
}

fn named(names: &[&str], auto_create: bool) -> MetadataRequest {
    let topics = names
        .iter()
        .map(|&name| MetadataRequestTopic { name: Some(Str::from(name)), ..Default::default() });
    MetadataRequest {
        topics: Some(topics.collect()),
        allow_auto_topic_creation: auto_create,
        ..Default::default()
    }
}

fn by_id(topic_id: Uuid) -> MetadataRequest {
    let topic = MetadataRequestTopic { topic_id, name: None };
    MetadataRequest {
        topics: Some(vec![topic]),
        allow_auto_topic_creation: false,
        ..Default::default()
    }
}

pub fn topics(session: &mut Session) {
    let id = session.topic("metadata-one", 3, &[]);
    session.topic("metadata-two", 1, &[]);
    for version in versions::<MetadataRequest>() {
        // Before version 4 a client cannot say that nothing is to be created.
        let auto = version < 4;
        session.ask("two topics", version, &named(&["metadata-two", "metadata-one"], auto));
        session.ask("one twice", version, &named(&["metadata-one", "metadata-one"], auto));
        session.ask(
            "bad names",
            version,
            &named(&["bad name", "", ".", "..", &"x".repeat(250)], auto),
        );
        // In version 0 no topics means all of them.
        if version > 0 {
            session.ask("no topics", version, &named(&[], auto));
        }
        let operations = MetadataRequest {
            include_topic_authorized_operations: version >= 8,
            include_cluster_authorized_operations: (8..=10).contains(&version),
            ..named(&["metadata-one"], auto)
        };
        session.ask("with operations", version, &operations);
    }
    for version in 4..=13 {
        session.ask("unknown", version, &named(&["metadata-none", "metadata-one"], false));
    }
    for version in 10..=13 {
        session.ask("by id", version, &by_id(id));
        session.ask("by an unknown id", version, &by_id(Uuid([7; 16])));
        session.ask("by the id of nothing", version, &by_id(Uuid::ZERO));
    }
    let both = MetadataRequestTopic { topic_id: id, name: Some(Str::from("metadata-one")) };
    let both = MetadataRequest { topics: Some(vec![both]), ..by_id(id) };
    session.ask("by id and name", 12, &both);
}

pub fn auto_creation(session: &mut Session) {
    for version in [0, 1, 4, 7, 9, 12, 13] {
        let name = format!("auto-{version}");
        // The first answer may still say that there is no leader: only what follows is compared.
        session.quietly(version, &named(&[&name], true));
        session.settled(&name, 1);
        session.ask("created by asking", version, &named(&[&name], version < 4));
    }
    session.ask("a name that cannot be", 9, &named(&["auto creation"], true));
    session.ask("names that collide", 9, &named(&["auto.creation"], true));
}

pub fn coordinators(session: &mut Session) {
    // The first question creates the offsets topic; it is asked until that has leaders.
    let request = FindCoordinatorRequest { key: Str::from("any"), ..Default::default() };
    for _ in 0..200 {
        if session.quietly(3, &request).is_some_and(|response| response.error_code == 0) {
            break;
        }
        session.settled("__consumer_offsets", 5);
    }
    for version in versions::<FindCoordinatorRequest>() {
        for (what, key_type, key) in
            [("group", 0, "any"), ("empty group", 0, ""), ("a type that is none", 9, "any")]
        {
            if key_type != 0 && version == 0 {
                continue;
            }
            let key = Str::from(key);
            let request = if version < 4 {
                FindCoordinatorRequest { key, key_type, ..Default::default() }
            } else {
                let coordinator_keys = vec![key.clone(), key, Str::from("other")];
                FindCoordinatorRequest { key_type, coordinator_keys, ..Default::default() }
            };
            session.ask(what, version, &request);
        }
    }
    session.ask("no keys", 4, &FindCoordinatorRequest::default());
    let internal = named(&["__consumer_offsets"], false);
    session.ask("the offsets topic", 12, &internal);
}

pub fn topic_partitions(session: &mut Session) {
    session.topic("described-a", 3, &[]);
    session.topic("described-b", 2, &[]);
    let topics = |names: &[&str]| {
        names.iter().map(|&name| TopicRequest { name: Str::from(name) }).collect::<Vec<_>>()
    };
    let request = |names: &[&str], limit: i32| DescribeTopicPartitionsRequest {
        topics: topics(names),
        response_partition_limit: limit,
        ..Default::default()
    };
    session.ask("both", 0, &request(&["described-b", "described-a"], 2000));
    session.ask("with an unknown one", 0, &request(&["described-a", "described-none"], 2000));
    session.ask("bad name", 0, &request(&["described none"], 2000));
    session.ask("four partitions at most", 0, &request(&["described-a", "described-b"], 4));
    session.ask("three partitions at most", 0, &request(&["described-a", "described-b"], 3));
    session.ask("a limit of zero", 0, &request(&["described-a"], 0));
    for (what, name, partition) in [
        ("from the middle", "described-a", 1),
        ("from a topic that is not asked for", "described-aa", 0),
        ("from beyond", "described-b", 9),
        ("from a negative partition", "described-a", -1),
    ] {
        let cursor = Cursor { topic_name: Str::from(name), partition_index: partition };
        let request = DescribeTopicPartitionsRequest {
            cursor: Some(cursor),
            ..request(&["described-a", "described-b"], 2000)
        };
        session.ask(what, 0, &request);
    }
}
