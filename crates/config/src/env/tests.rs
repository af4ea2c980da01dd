//! The mapping of variables, with the cases people's compose files have.

use super::*;

fn read(variables: &[(&str, &str)]) -> Environment {
    from_env(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn a_variable_is_a_key_by_the_rules_of_the_images() {
    let cases = [
        ("KAFKA_NODE_ID", "node.id"),
        ("KAFKA_KAFKA_METRICS_REPORTERS", "kafka.metrics.reporters"),
        (
            "KAFKA_LISTENER_NAME_SASL__SSL_SCRAM___SHA___256_SASL_JAAS_CONFIG",
            "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config",
        ),
        (
            "KAFKA_CFG_LISTENER_NAME_SASL_SSL_PLAIN_SASL_JAAS_CONFIG",
            "listener.name.sasl_ssl.plain.sasl.jaas.config",
        ),
        ("KAFKA_CFG_NODE_ID", "node.id"),
        ("KAFKA_SEGMENT_BYTES", "log.segment.bytes"),
        ("KAFKA_LOG_RETENTION_CHECK_INTERVALS_MS", "log.retention.check.interval.ms"),
        ("KAFKA_FOO____BAR", "foo-.bar"),
        ("KAFKA_LOGS_DIRS", "log.dirs"),
        ("KAFKA_MAX_MESSAGE_BYTES", "message.max.bytes"),
        ("KAFKA_ZOOKEEPER_CONNECT", "zookeeper.connect"),
        ("OTTLA_CONSOLE_LISTEN", "ottla.console.listen"),
        ("KAFKA_OTTLA_CONSOLE_LISTEN", "ottla.console.listen"),
    ];
    for (variable, key) in cases {
        let environment = read(&[(variable, "7")]);
        assert_eq!(environment.properties, [(key.to_owned(), "7".to_owned())], "{variable}");
    }
}

#[test]
fn variables_of_jvms_scripts_and_service_links_are_left_alone() {
    for variable in [
        "KAFKA_HEAP_OPTS",
        "KAFKA_OPTS",
        "KAFKA_JMX_PORT",
        "KAFKA_VERSION",
        "KAFKA_PORT",
        "KAFKA_SERVICE_HOST",
        "KAFKA_PORT_9092_TCP_ADDR",
        "KAFKA_CLUSTERS_0_NAME",
    ] {
        let environment = read(&[(variable, "x")]);
        assert_eq!(environment.properties, [], "{variable}");
        assert_eq!(environment.ignored, [variable]);
    }
}

#[test]
fn variables_that_are_not_ours_are_passed_over() {
    let environment = read(&[("PATH", "/bin"), ("OTTLA_LOG", "json"), ("KAFKAESQUE", "1")]);
    assert_eq!(environment, Environment::default());
}

#[test]
fn the_cluster_id_and_topics_to_create_are_keys_of_our_own() {
    for variable in ["CLUSTER_ID", "KAFKA_CLUSTER_ID", "KAFKA_KRAFT_CLUSTER_ID"] {
        assert_eq!(read(&[(variable, "abc")]).value("ottla.cluster.id"), Some("abc"));
        assert_eq!(read(&[(variable, "")]).properties, []);
    }
    let environment = read(&[("KAFKA_CREATE_TOPICS", "t:1:1")]);
    assert_eq!(environment.value("ottla.create.topics"), Some("t:1:1"));
}

#[test]
fn whoever_only_advertises_listens_on_the_same_ports() {
    let environment = read(&[(
        "KAFKA_ADVERTISED_LISTENERS",
        "INTERNAL://kafka:29092,EXTERNAL://localhost:9092,SIX://[::1]:9093",
    )]);
    assert_eq!(
        environment.value("listeners"),
        Some("INTERNAL://0.0.0.0:29092,EXTERNAL://0.0.0.0:9092,SIX://0.0.0.0:9093")
    );
}

#[test]
fn listeners_that_are_set_stay() {
    let environment = read(&[
        ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://kafka:9092"),
        ("KAFKA_CFG_LISTENERS", "PLAINTEXT://:9092"),
    ]);
    assert_eq!(environment.value("listeners"), Some("PLAINTEXT://:9092"));
}

#[test]
fn empty_listeners_count_as_not_set() {
    let environment =
        read(&[("KAFKA_LISTENERS", ""), ("KAFKA_ADVERTISED_LISTENERS", "PLAINTEXT://kafka:9092")]);
    assert_eq!(environment.value("listeners"), Some("PLAINTEXT://0.0.0.0:9092"));
}

#[test]
fn the_old_host_name_and_port_are_advertised() {
    let environment =
        read(&[("KAFKA_ADVERTISED_HOST_NAME", "box"), ("KAFKA_ADVERTISED_PORT", "9999")]);
    assert_eq!(environment.value("advertised.listeners"), Some("PLAINTEXT://box:9999"));
}
