//! Administration: topics that come by asking, configurations and their sources, and who may what.

use std::collections::BTreeSet;

use ottla_tests::{batch, client::Client, connection::Header, in_process::TestBroker};
use ottla_types::Uuid;
use ottla_wire::{
    Message as _, Reader, Str,
    alter_configs_request::{self, AlterConfigsRequest},
    api_versions_request::ApiVersionsRequest,
    api_versions_response::ApiVersionsResponse,
    create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic},
    create_topics_request::{CreatableTopic, CreateTopicsRequest},
    describe_cluster_request::DescribeClusterRequest,
    describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource},
    describe_configs_response::DescribeConfigsResourceResult,
    describe_groups_request::DescribeGroupsRequest,
    incremental_alter_configs_request::{
        AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
    },
    metadata_request::{MetadataRequest, MetadataRequestTopic},
    metadata_response::MetadataResponse,
};

const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const INVALID_TOPIC_EXCEPTION: i16 = 17;
const UNSUPPORTED_VERSION: i16 = 35;
const INVALID_PARTITIONS: i16 = 37;
const INVALID_REQUEST: i16 = 42;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// Kafka's `ConfigSource`.
const TOPIC_SOURCE: i8 = 1;
const BROKER_SOURCE: i8 = 2;
const CLUSTER_SOURCE: i8 = 3;
const STATIC_SOURCE: i8 = 4;
const DEFAULT_SOURCE: i8 = 5;

/// What is answered where operations were not asked for.
const NOT_ASKED: i32 = i32::MIN;

fn ask_metadata(client: &mut Client, names: &[&str], may_create: bool) -> MetadataResponse {
    let topics = names
        .iter()
        .map(|&name| MetadataRequestTopic { name: Some(Str::from(name)), ..Default::default() });
    let request = MetadataRequest {
        topics: Some(topics.collect()),
        allow_auto_topic_creation: may_create,
        ..Default::default()
    };
    client.call(12, &request)
}

/// Every key of a resource, with its synonyms.
fn describe(client: &mut Client, kind: i8, name: &str) -> Vec<DescribeConfigsResourceResult> {
    let resource = DescribeConfigsResource {
        resource_type: kind,
        resource_name: Str::from(name),
        configuration_keys: None,
    };
    let request = DescribeConfigsRequest {
        resources: vec![resource],
        include_synonyms: true,
        include_documentation: true,
    };
    let mut response = client.call(4, &request);
    assert_eq!(response.results[0].error_code, 0);
    response.results.remove(0).configs
}

/// One key's value and source.
fn look(client: &mut Client, kind: i8, name: &str, key: &str) -> (String, i8) {
    let all = describe(client, kind, name);
    let found = all.iter().find(|config| &*config.name == key).expect("the key is listed");
    (found.value.as_deref().unwrap_or("(null)").to_owned(), found.config_source)
}

/// An IncrementalAlterConfigs; gives the error code.
fn change(
    client: &mut Client,
    (kind, name): (i8, &str),
    configs: &[(&str, i8, Option<&str>)],
) -> i16 {
    let configs = configs.iter().map(|&(name, config_operation, value)| AlterableConfig {
        name: Str::from(name),
        config_operation,
        value: value.map(Str::from),
    });
    let resource = AlterConfigsResource {
        resource_type: kind,
        resource_name: Str::from(name),
        configs: configs.collect(),
    };
    let request =
        IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
    client.call(1, &request).responses[0].error_code
}

#[test]
fn a_topic_that_is_asked_for_is_there_when_the_answer_is() {
    let broker = TestBroker::start(&[("num.partitions", "3")]);
    let mut client = broker.client();
    assert_eq!(
        ask_metadata(&mut client, &["asked"], false).topics[0].error_code,
        UNKNOWN_TOPIC_OR_PARTITION
    );
    let response = ask_metadata(&mut client, &["asked", "not a name"], true);
    let topic = &response.topics[0];
    assert_eq!((topic.error_code, topic.partitions.len()), (0, 3));
    assert_ne!(topic.topic_id, Uuid::ZERO);
    for partition in &topic.partitions {
        assert_eq!((partition.error_code, partition.leader_id), (0, 1));
    }
    assert_eq!(response.topics[1].error_code, INVALID_TOPIC_EXCEPTION);
    // It serves at once, on every connection.
    assert_eq!(broker.client().produce("asked", 2, batch::plain(1)), 0);

    let broker = TestBroker::start(&[("auto.create.topics.enable", "false")]);
    let response = ask_metadata(&mut broker.client(), &["asked"], true);
    assert_eq!(response.topics[0].error_code, UNKNOWN_TOPIC_OR_PARTITION);
}

#[test]
fn whoever_looks_whether_a_topic_is_gone_does_not_bring_it_back() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    let id = client.topic("gone", 1, &[]);
    client.delete_topic("gone");
    let response = ask_metadata(&mut client, &["gone", "gone", "new"], true);
    let codes: Vec<i16> = response.topics.iter().map(|topic| topic.error_code).collect();
    assert_eq!(codes, [UNKNOWN_TOPIC_OR_PARTITION, 0]);
    let all = client.call(12, &MetadataRequest { topics: None, ..Default::default() });
    assert_eq!(all.topics.len(), 1, "it was not created on the way");
    // Who wants it asks again, as every client does.
    let topic = ask_metadata(&mut client, &["gone"], true).topics.remove(0);
    assert_eq!((topic.error_code, topic.partitions.len()), (0, 1));
    assert_ne!(topic.topic_id, id);
}

#[test]
fn many_that_ask_for_one_new_topic_get_one_topic() {
    let broker = TestBroker::start(&[]);
    let gate = std::sync::Barrier::new(16);
    let ids: BTreeSet<[u8; 16]> = std::thread::scope(|scope| {
        let askers: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = broker.client();
                    gate.wait();
                    let topic = ask_metadata(&mut client, &["wanted"], true).topics.remove(0);
                    assert_eq!((topic.error_code, topic.partitions.len()), (0, 1));
                    client.produce("wanted", 0, batch::plain(1));
                    topic.topic_id.0
                })
            })
            .collect();
        askers.into_iter().map(|asker| asker.join().unwrap()).collect()
    });
    assert_eq!(ids.len(), 1);
    assert_eq!(broker.client().offset("wanted", 0, -1), 16);
}

#[test]
fn every_key_is_listed_with_its_source_type_synonyms_and_sentence() {
    let broker = TestBroker::start(&[("log.retention.ms", "1234567")]);
    let mut client = broker.client();
    client.topic("listed", 1, &[("segment.ms", "7654321")]);
    let topic = describe(&mut client, TOPIC, "listed");
    let of_broker = describe(&mut client, BROKER, "1");
    assert!(topic.len() > 30 && of_broker.len() > 200, "{} {}", topic.len(), of_broker.len());
    for key in ["num.partitions", "default.replication.factor", "auto.create.topics.enable"] {
        assert!(of_broker.iter().any(|config| &*config.name == key), "{key}");
    }
    for config in topic.iter().chain(&of_broker) {
        let name = &*config.name;
        assert!((TOPIC_SOURCE..=DEFAULT_SOURCE).contains(&config.config_source), "{name}");
        assert_ne!(config.config_type, 0, "{name} has a type");
        let doc = config.documentation.as_deref().unwrap_or_default();
        assert!(!doc.is_empty(), "{name} has a sentence");
        // What holds is the first of what could.
        if let Some(first) = config.synonyms.first() {
            assert_eq!((&first.value, first.source), (&config.value, config.config_source));
        }
    }
    let found = |key: &str| topic.iter().find(|config| &*config.name == key).unwrap();
    let kept = found("retention.ms");
    assert_eq!((kept.value.as_deref(), kept.config_source), (Some("1234567"), STATIC_SOURCE));
    let names: Vec<&str> = kept.synonyms.iter().map(|synonym| &*synonym.name).collect();
    assert_eq!(names, ["log.retention.ms", "log.retention.hours"]);
    let rolled = found("segment.ms");
    assert_eq!((rolled.value.as_deref(), rolled.config_source), (Some("7654321"), TOPIC_SOURCE));
}

#[test]
fn each_level_of_configuration_shows_where_the_one_above_is_taken_away() {
    let mut broker = TestBroker::start(&[("log.retention.ms", "5000000")]);
    let mut client = broker.client();
    client.topic("levels", 1, &[("retention.ms", "1000000")]);
    assert_eq!(change(&mut client, (BROKER, "1"), &[("log.retention.ms", 0, Some("2000000"))]), 0);
    assert_eq!(change(&mut client, (BROKER, ""), &[("log.retention.ms", 0, Some("3000000"))]), 0);
    for (value, source, undo) in [
        ("1000000", TOPIC_SOURCE, (TOPIC, "levels", "retention.ms")),
        ("2000000", BROKER_SOURCE, (BROKER, "1", "log.retention.ms")),
        ("3000000", CLUSTER_SOURCE, (BROKER, "", "log.retention.ms")),
        ("5000000", STATIC_SOURCE, (BROKER, "", "log.retention.ms")),
    ] {
        let found = look(&mut client, TOPIC, "levels", "retention.ms");
        assert_eq!(found, (value.to_owned(), source));
        broker.restart();
        client = broker.client();
        let found = look(&mut client, TOPIC, "levels", "retention.ms");
        assert_eq!(found, (value.to_owned(), source), "after a restart");
        let (kind, name, key) = undo;
        assert_eq!(change(&mut client, (kind, name), &[(key, 1, None)]), 0);
    }
    let found = look(&mut client, TOPIC, "levels", "segment.ms");
    assert_eq!(found.1, DEFAULT_SOURCE);
}

#[test]
fn lists_grow_and_shrink_and_the_old_request_replaces_everything() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("altered", 1, &[("retention.ms", "1000000")]);
    let topic = (TOPIC, "altered");
    assert_eq!(change(&mut client, topic, &[("cleanup.policy", 2, Some("compact"))]), 0);
    let policy = |client: &mut Client| look(client, TOPIC, "altered", "cleanup.policy");
    assert_eq!(policy(&mut client), ("delete,compact".to_owned(), TOPIC_SOURCE));
    assert_eq!(change(&mut client, topic, &[("cleanup.policy", 3, Some("delete"))]), 0);
    broker.crash_and_restart();
    let mut client = broker.client();
    assert_eq!(policy(&mut client), ("compact".to_owned(), TOPIC_SOURCE));
    // It holds: a compacted topic takes no record without a key.
    let keyless = ottla_record::Record { key: None, ..batch::record("", "v", 0) };
    let batch = batch::build(ottla_record::BuilderOptions::default(), &[keyless]).freeze();
    let refused = client.try_produce("altered", 0, batch);
    assert_eq!((refused.error_code, refused.record_errors.len()), (87, 1), "{refused:?}");

    let config = alter_configs_request::AlterableConfig {
        name: Str::from("max.message.bytes"),
        value: Some(Str::from("100000")),
    };
    let resource = alter_configs_request::AlterConfigsResource {
        resource_type: TOPIC,
        resource_name: Str::from("altered"),
        configs: vec![config],
    };
    let trial = AlterConfigsRequest { resources: vec![resource], validate_only: true };
    assert_eq!(client.call(2, &trial).responses[0].error_code, 0);
    assert_eq!(policy(&mut client).0, "compact", "only tried");
    let real = AlterConfigsRequest { validate_only: false, ..trial };
    assert_eq!(client.call(2, &real).responses[0].error_code, 0);
    assert_eq!(policy(&mut client), ("delete".to_owned(), DEFAULT_SOURCE));
    assert_eq!(look(&mut client, TOPIC, "altered", "retention.ms").1, DEFAULT_SOURCE);
    let found = look(&mut client, TOPIC, "altered", "max.message.bytes");
    assert_eq!(found, ("100000".to_owned(), TOPIC_SOURCE));
}

#[test]
fn every_topic_to_grow_has_its_own_result() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("one", 1, &[]);
    client.topic("two", 2, &[]);
    let topics = [("one", 4), ("none", 4), ("two", 1), ("two", 3)].map(|(name, count)| {
        CreatePartitionsTopic { name: Str::from(name), count, assignments: None }
    });
    let request = CreatePartitionsRequest {
        topics: topics.to_vec(),
        timeout_ms: 30_000,
        validate_only: false,
    };
    let response = client.call(3, &request);
    let mut results: Vec<(&str, i16)> =
        response.results.iter().map(|result| (&*result.name, result.error_code)).collect();
    results.sort_unstable();
    let wanted = [("none", UNKNOWN_TOPIC_OR_PARTITION), ("one", 0), ("two", INVALID_REQUEST)];
    assert_eq!(results, wanted, "a name that comes twice is refused, once");
    let alone = CreatePartitionsRequest { topics: vec![topics[2].clone()], ..request };
    assert_eq!(client.call(3, &alone).results[0].error_code, INVALID_PARTITIONS);
    assert_eq!(client.metadata("one", false).partitions.len(), 4);
    assert_eq!(client.metadata("two", false).partitions.len(), 2);
}

#[test]
fn operations_are_told_to_those_who_ask() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("allowed", 1, &[]);
    for asks in [false, true] {
        let is_told = |operations: i32| (operations > 0, operations == NOT_ASKED);
        let wanted = (asks, !asks);
        let topic = MetadataRequestTopic { name: Some(Str::from("allowed")), ..Default::default() };
        let request = MetadataRequest {
            topics: Some(vec![topic]),
            include_topic_authorized_operations: asks,
            include_cluster_authorized_operations: asks,
            ..Default::default()
        };
        let response = client.call(10, &request);
        assert_eq!(is_told(response.topics[0].topic_authorized_operations), wanted);
        assert_eq!(is_told(response.cluster_authorized_operations), wanted);
        let request = DescribeClusterRequest {
            include_cluster_authorized_operations: asks,
            ..Default::default()
        };
        let response = client.call(1, &request);
        assert_eq!(is_told(response.cluster_authorized_operations), wanted);
        client.find_coordinator("g");
        let request = DescribeGroupsRequest {
            groups: vec![Str::from("g")],
            include_authorized_operations: asks,
        };
        let response = client.call(5, &request);
        assert_eq!(is_told(response.groups[0].authorized_operations), wanted);
    }
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_so_that_anybody_can_read_it() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    for version in [6, 99, i16::MAX] {
        let header = Header { key: 18, version, correlation_id: 77 };
        let frame = header.frame("new", true, b"whatever a later version has here");
        client.connection().send_raw(&frame).unwrap();
        let frame = client.connection().receive_frame().unwrap().expect("an answer");
        let mut reader = Reader::new(frame);
        assert_eq!(reader.get_i32().unwrap(), 77);
        let response = ApiVersionsResponse::decode(&mut reader, 0).unwrap();
        assert_eq!((response.error_code, reader.remaining()), (UNSUPPORTED_VERSION, 0));
        let range: Vec<_> = response
            .api_keys
            .iter()
            .map(|api| (api.api_key, api.min_version, api.max_version))
            .collect();
        assert_eq!(range, [(18, 0, 5)], "the range to try again with");
    }
    // The connection goes on with a version that is known.
    let request = ApiVersionsRequest {
        client_software_name: Str::from("test"),
        client_software_version: Str::from("1"),
        ..Default::default()
    };
    for version in 0..=5 {
        let response = client.call(version, &request);
        assert_eq!(response.error_code, 0, "v{version}");
        let produce = response.api_keys.iter().find(|api| api.api_key == 0).unwrap();
        assert_eq!(produce.min_version, 0, "librdkafka would not compress otherwise");
        let features = response.supported_features.iter();
        let has_zero = features.clone().any(|feature| feature.min_version == 0);
        // Clients of version 3 fail on a lowest level of 0.
        assert!(!has_zero || version >= 4, "v{version}");
    }
}

#[test]
fn a_client_is_sent_to_the_listener_it_came_by() {
    let broker = TestBroker::start(&[
        ("listeners", "PLAINTEXT://127.0.0.1:0,INSIDE://127.0.0.1:0"),
        ("listener.security.protocol.map", "PLAINTEXT:PLAINTEXT,INSIDE:PLAINTEXT"),
    ]);
    let listeners = broker.broker().listeners().to_vec();
    assert_eq!(listeners.len(), 2);
    assert_ne!(listeners[0].port, listeners[1].port);
    for listener in listeners {
        let address = format!("{}:{}", listener.host, listener.port).parse().unwrap();
        let mut client = Client::connect(address);
        let response = ask_metadata(&mut client, &[], false);
        let port = i32::from(listener.port);
        assert_eq!((&*response.brokers[0].host, response.brokers[0].port), ("127.0.0.1", port));
        let response = client.call(1, &DescribeClusterRequest::default());
        assert_eq!(response.brokers[0].port, port);
    }
}

#[test]
fn advertised_listeners_are_what_clients_are_told() {
    let broker = TestBroker::start(&[
        ("advertised.listeners", "PLAINTEXT://broker.example:1234"),
        ("broker.rack", "rack-7"),
    ]);
    let response = ask_metadata(&mut broker.client(), &[], false);
    let told = &response.brokers[0];
    assert_eq!((&*told.host, told.port), ("broker.example", 1234));
    assert_eq!(told.rack.as_deref(), Some("rack-7"));
}

#[test]
fn requests_of_one_connection_see_what_those_before_them_did() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    // All on their way before the first one is answered.
    let topic = CreatableTopic {
        name: Str::from("piped"),
        num_partitions: 1,
        replication_factor: 1,
        ..Default::default()
    };
    let create =
        CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, ..Default::default() };
    let produce = ottla_tests::session::produce("piped", 0, batch::plain(2));
    let fetch = ottla_tests::client::fetching("piped", 0, 0);
    let created = client.send(7, &create);
    let produced = client.send(12, &produce);
    let fetched = client.send(12, &fetch);
    let response = client.receive::<CreateTopicsRequest>(created, 7);
    assert_eq!(response.topics[0].error_code, 0);
    let response = client.receive::<ottla_wire::messages::ProduceRequest>(produced, 12);
    assert_eq!(response.responses[0].partition_responses[0].base_offset, 0);
    let response = client.receive::<ottla_wire::messages::FetchRequest>(fetched, 12);
    assert_eq!(response.responses[0].partitions[0].high_watermark, 2);
}
