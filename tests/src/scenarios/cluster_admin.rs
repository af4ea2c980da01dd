//! DescribeQuorum and ListConfigResources.

use ottla_wire::{
    Str,
    describe_quorum_request::{DescribeQuorumRequest, PartitionData, TopicData},
    incremental_alter_configs_request::{
        AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
    },
    list_config_resources_request::ListConfigResourcesRequest,
};

use crate::session::{Session, versions};

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
    let request = |types: &[i8]| ListConfigResourcesRequest { resource_types: types.to_vec() };
    session.ask("client metrics", 0, &request(&[]));
    for types in
        [&[16][..], &[32], &[2], &[4], &[8], &[8, 4], &[32, 32], &[0], &[1], &[64], &[4, 1], &[-1]]
    {
        session.ask(format!("of types {types:?}"), 1, &request(types));
    }
}
