//! ElectLeaders, AlterPartitionReassignments, ListPartitionReassignments, DescribeQuorum and
//! ListConfigResources: what tools ask of a cluster, as one of a single broker answers it.

use ottla_wire::{
    Str,
    alter_partition_reassignments_request::{
        AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
    },
    describe_quorum_request::{DescribeQuorumRequest, PartitionData, TopicData},
    elect_leaders_request::{ElectLeadersRequest, TopicPartitions},
    incremental_alter_configs_request::{
        AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
    },
    list_config_resources_request::ListConfigResourcesRequest,
    list_partition_reassignments_request::{
        ListPartitionReassignmentsRequest, ListPartitionReassignmentsTopics,
    },
};

use crate::session::{Session, versions};

pub fn elections(session: &mut Session) {
    session.topic("elected", 2, &[]);
    let request = |election_type: i8, topics: &[(&str, &[i32])]| ElectLeadersRequest {
        election_type,
        topic_partitions: Some(
            topics
                .iter()
                .map(|&(topic, partitions)| TopicPartitions {
                    topic: Str::from(topic),
                    partitions: partitions.to_vec(),
                })
                .collect(),
        ),
        timeout_ms: 30_000,
    };
    for version in versions::<ElectLeadersRequest>() {
        let types: &[i8] = if version == 0 { &[0] } else { &[0, 1, 2, -1] };
        for &election_type in types {
            let note = |what| format!("{what}, type {election_type}");
            let both = request(election_type, &[("elected", &[1, 0])]);
            session.ask(note("both partitions"), version, &both);
            let twice = request(election_type, &[("elected", &[0, 0]), ("elected", &[0])]);
            session.ask(note("one twice"), version, &twice);
            let unknown = request(election_type, &[("elected", &[2, -1]), ("elected-none", &[0])]);
            session.ask(note("unknown ones"), version, &unknown);
            session.ask(note("a bad name"), version, &request(election_type, &[("a b", &[0])]));
            session.ask(note("nothing"), version, &request(election_type, &[]));
            session.ask(
                note("no partitions"),
                version,
                &request(election_type, &[("elected", &[])]),
            );
            let all = ElectLeadersRequest { topic_partitions: None, ..both };
            session.ask(note("all"), version, &all);
        }
    }
}

pub fn reassignments(session: &mut Session) {
    session.topic("moved", 2, &[]);
    let to = |name: &str, partition_index: i32, replicas: Option<&[i32]>| ReassignableTopic {
        name: Str::from(name),
        partitions: vec![ReassignablePartition {
            partition_index,
            replicas: replicas.map(<[i32]>::to_vec),
        }],
    };
    for version in versions::<AlterPartitionReassignmentsRequest>() {
        let flags: &[bool] = if version == 0 { &[true] } else { &[true, false] };
        for &allow_replication_factor_change in flags {
            let request = |topics: Vec<ReassignableTopic>| AlterPartitionReassignmentsRequest {
                timeout_ms: 30_000,
                allow_replication_factor_change,
                topics,
            };
            let fixed = if allow_replication_factor_change { "" } else { ", as many replicas" };
            for (what, topic) in [
                ("where it is", to("moved", 0, Some(&[1]))),
                ("to nowhere", to("moved", 0, Some(&[]))),
                ("to a broker that is none", to("moved", 0, Some(&[2]))),
                ("to one that is and one that is not", to("moved", 0, Some(&[1, 2]))),
                ("to one broker twice", to("moved", 0, Some(&[1, 1]))),
                ("to broker -1", to("moved", 0, Some(&[-1]))),
                ("not any more", to("moved", 0, None)),
                ("of no partition", to("moved", 2, Some(&[1]))),
                ("not any more of no partition", to("moved", 2, None)),
                ("of no topic", to("moved-none", 0, Some(&[1]))),
                ("of a topic with a bad name", to("a b", 0, Some(&[1]))),
            ] {
                session.ask(format!("{what}{fixed}"), version, &request(vec![topic]));
            }
            let several =
                vec![to("moved", 0, Some(&[1])), to("moved", 0, None), to("moved", 1, Some(&[3]))];
            session.ask(format!("several{fixed}"), version, &request(several));
            session.ask(format!("nothing{fixed}"), version, &request(Vec::new()));
        }
    }
    let listed = |topics: Option<&[(&str, &[i32])]>| ListPartitionReassignmentsRequest {
        timeout_ms: 30_000,
        topics: topics.map(|topics| {
            topics
                .iter()
                .map(|&(name, indexes)| ListPartitionReassignmentsTopics {
                    name: Str::from(name),
                    partition_indexes: indexes.to_vec(),
                })
                .collect()
        }),
    };
    for version in versions::<ListPartitionReassignmentsRequest>() {
        session.ask("all", version, &listed(None));
        session.ask("none", version, &listed(Some(&[])));
        session.ask("of partitions", version, &listed(Some(&[("moved", &[0, 1])])));
        session.ask(
            "of what is not there",
            version,
            &listed(Some(&[("moved", &[9]), ("x y", &[0])])),
        );
    }
}

pub fn quorum(session: &mut Session) {
    let request = |topics: &[(&str, &[i32])]| DescribeQuorumRequest {
        topics: topics
            .iter()
            .map(|&(name, partitions)| TopicData {
                topic_name: Str::from(name),
                partitions: partitions
                    .iter()
                    .map(|&partition_index| PartitionData { partition_index })
                    .collect(),
            })
            .collect(),
    };
    let metadata = "__cluster_metadata";
    for version in versions::<DescribeQuorumRequest>() {
        session.ask("of the metadata", version, &request(&[(metadata, &[0])]));
        session.ask("of another partition", version, &request(&[(metadata, &[1])]));
        session.ask("of two partitions", version, &request(&[(metadata, &[0, 1])]));
        session.ask("of another topic", version, &request(&[("moved", &[0])]));
        session.ask("of two topics", version, &request(&[(metadata, &[0]), ("moved", &[0])]));
        session.ask("of no partition", version, &request(&[(metadata, &[])]));
        session.ask("of nothing", version, &request(&[]));
    }
}

pub fn config_resources(session: &mut Session) {
    session.topic("resource", 1, &[]);
    let group = AlterConfigsResource {
        resource_type: 32,
        resource_name: Str::from("resource-group"),
        configs: vec![AlterableConfig {
            name: Str::from("consumer.session.timeout.ms"),
            config_operation: 0,
            value: Some(Str::from("50000")),
        }],
    };
    let alteration =
        IncrementalAlterConfigsRequest { resources: vec![group], validate_only: false };
    session.ask("a group's configuration", 1, &alteration);
    session.caught_up();
    let request = |types: &[i8]| ListConfigResourcesRequest { resource_types: types.to_vec() };
    session.ask("client metrics", 0, &request(&[]));
    for types in
        [&[16][..], &[32], &[2], &[4], &[8], &[8, 4], &[32, 32], &[0], &[1], &[64], &[4, 1], &[-1]]
    {
        session.ask(format!("of types {types:?}"), 1, &request(types));
    }
}
