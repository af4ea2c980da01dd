//! Layers, warnings and faults of a server's configuration.

use super::*;

fn layer(origin: &str, properties: &[(&str, &str)]) -> Layer {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    Layer { origin: origin.to_owned(), properties: properties.iter().map(owned).collect() }
}

fn load(properties: &[(&str, &str)]) -> Loaded {
    ServerConfig::load(&[layer("a test", properties)]).expect("a valid configuration")
}

fn faults(properties: &[(&str, &str)]) -> Vec<String> {
    ServerConfig::load(&[layer("a test", properties)]).expect_err("a broken configuration").0
}

fn properties(pairs: &[(&str, &str)]) -> Properties {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn an_empty_configuration_is_a_server_on_this_machine() {
    let loaded = load(&[]);
    let config = loaded.config;
    assert_eq!(loaded.warnings, []);
    assert_eq!(config.get(&keys::NODE_ID), 1);
    assert_eq!(config.log_dirs(), ["./ottla-data"]);
    assert_eq!(config.metadata_log_dir(), "./ottla-data");
    assert_eq!(config.listeners().brokers[0].to_string(), "PLAINTEXT://localhost:9092");
    assert_eq!(config.listeners().advertised, []);
    assert_eq!(config.get(&keys::OTTLA_CONSOLE_LISTEN), "localhost:8080");
}

#[test]
fn every_key_can_be_read() {
    let config = load(&[]).config;
    for key in keys::broker_keys() {
        let value = config.value(key.name).expect(key.name);
        assert_eq!(value.to_text().as_deref(), key.default, "{}", key.name);
    }
}

#[test]
fn a_later_layer_wins_and_is_the_origin() {
    let layers = [
        layer("server.properties", &[("num.partitions", "2"), ("num.io.threads", "2")]),
        layer("the environment", &[("num.partitions", "3")]),
        layer("--set", &[("num.partitions", "4"), ("num.partitions", "5")]),
    ];
    let config = ServerConfig::load(&layers).expect("valid layers").config;
    assert_eq!(config.get(&keys::NUM_PARTITIONS), 5);
    assert_eq!(config.origin(&keys::NUM_PARTITIONS), Some("--set"));
    assert_eq!(config.get(&keys::NUM_IO_THREADS), 2);
    assert_eq!(config.origin(&keys::NUM_IO_THREADS), Some("server.properties"));
    assert_eq!(config.origin(&keys::NUM_NETWORK_THREADS), None);
}

#[test]
fn all_faults_are_told_at_once_with_their_origin() {
    assert_eq!(
        faults(&[("num.partitions", "x"), ("num.io.threads", "0")]),
        [
            "Invalid value x for configuration num.partitions: Not a number of type INT (from a \
             test)",
            "Invalid value 0 for configuration num.io.threads: Value must be at least 1 (from a \
             test)",
        ]
    );
}

#[test]
fn values_that_contradict_each_other_are_refused() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("log.retention.ms", "0")], NO_RETENTION),
        (&[("log.retention.hours", "0")], NO_RETENTION),
        (
            &[("queued.max.request.bytes", "5")],
            "queued.max.request.bytes must be larger or equal to socket.request.max.bytes",
        ),
        (
            &[("max.connections.per.ip", "0")],
            "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides \
             property is set.",
        ),
        (
            &[("cordoned.log.dirs", "/nope")],
            "All entries in cordoned.log.dirs must be present in log.dirs or log.dir.",
        ),
        (
            &[("node.id", "1"), ("broker.id", "2")],
            "node.id is 1, and broker.id is 2: they must be the same",
        ),
        (
            &[("listeners", "nonsense")],
            "listeners: 'nonsense' is not of the form NAME://host:port (no ://)",
        ),
    ];
    for (given, text) in cases {
        assert_eq!(faults(given), [*text]);
    }
}

#[test]
fn the_old_name_of_the_node_id_counts() {
    let config = load(&[("broker.id", "7")]).config;
    assert_eq!(config.get(&keys::NODE_ID), 7);
    let config = load(&[("node.id", "8")]).config;
    assert_eq!(config.get(&keys::BROKER_ID), 8);
}

#[test]
fn unknown_names_warn_with_the_nearest_one() {
    let warnings = load(&[("num.partition", "3"), ("my.plugin.setting", "x")]).warnings;
    let texts: Vec<String> = warnings.iter().map(Warning::to_string).collect();
    assert_eq!(
        texts,
        [
            "unknown configuration my.plugin.setting in a test: it is kept, and changes nothing",
            "unknown configuration num.partition in a test: did you mean num.partitions?",
        ]
    );
}

#[test]
fn names_of_older_kafkas_warn_with_what_became_of_them() {
    for name in
        ["zookeeper.connect", "inter.broker.protocol.version", "log.message.format.version", "port"]
    {
        let warnings = load(&[(name, "1")]).warnings;
        assert!(matches!(&*warnings, [Warning::Removed { key, .. }] if key == name), "{name}");
    }
}

#[test]
fn names_of_extensions_do_not_warn() {
    let given = [
        ("rsm.config.bucket", "b"),
        ("confluent.support.metrics.enable", "false"),
        ("log.initial.task.delay.ms", "1"),
    ];
    assert_eq!(load(&given).warnings, []);
}

#[test]
fn keys_without_effect_are_named_in_one_line() {
    let given = [
        ("num.partitions", "3"),
        ("num.network.threads", "5"),
        ("num.io.threads", "8"),
        ("listener.name.plaintext.max.connections", "5"),
    ];
    let texts: Vec<String> = load(&given).warnings.iter().map(Warning::to_string).collect();
    assert_eq!(
        texts,
        ["these configurations are set and change nothing in this version: \
          listener.name.plaintext.max.connections, num.network.threads"]
    );
}

#[test]
fn the_finest_unit_of_time_wins() {
    let hour = 3_600_000;
    assert_eq!(load(&[]).config.log_retention_ms(), 168 * hour);
    assert_eq!(load(&[("log.retention.hours", "2")]).config.log_retention_ms(), 2 * hour);
    let minutes = [("log.retention.hours", "2"), ("log.retention.minutes", "3")];
    assert_eq!(load(&minutes).config.log_retention_ms(), 180_000);
    let ms = [("log.retention.minutes", "3"), ("log.retention.ms", "-5")];
    assert_eq!(load(&ms).config.log_retention_ms(), -1);
    assert_eq!(load(&[("log.roll.hours", "1")]).config.log_roll_ms(), hour);
    assert_eq!(load(&[("log.roll.jitter.hours", "1")]).config.log_roll_jitter_ms(), hour);
    assert_eq!(load(&[("log.flush.scheduler.interval.ms", "9")]).config.log_flush_interval_ms(), 9);
    assert_eq!(load(&[]).config.log_flush_interval_ms(), i64::MAX);
}

#[test]
fn dynamic_values_win_and_broken_ones_are_left_out() {
    let fixed = load(&[("log.cleaner.threads", "2"), ("num.io.threads", "3")]).config;
    let defaults = properties(&[("log.cleaner.threads", "4"), ("num.io.threads", "5")]);
    let own = properties(&[("log.cleaner.threads", "6"), ("num.io.threads", "x")]);
    let (changed, faults) = fixed.with_dynamic(&defaults, &own);
    assert_eq!(changed.get(&keys::LOG_CLEANER_THREADS), 6);
    assert_eq!(changed.get(&keys::NUM_IO_THREADS), 5);
    assert_eq!(faults.len(), 1);
    let (back, faults) = changed.with_dynamic(&Properties::new(), &Properties::new());
    assert_eq!(back.get(&keys::LOG_CLEANER_THREADS), 2);
    assert_eq!(back.get(&keys::NUM_IO_THREADS), 3);
    assert_eq!(faults, []);
}

#[test]
fn dynamic_values_are_refused_in_kafkas_words() {
    let cases = [
        (
            "log.cleaner.threads",
            "-1",
            "Invalid value -1 for configuration log.cleaner.threads: Value must be at least 0",
        ),
        (
            "log.retention.ms",
            "0",
            "requirement failed: log.retention.ms must be unlimited (-1) or, greater than or equal \
             to 1",
        ),
        (
            "ssl.keystore.password",
            "abc",
            "These security configs can be dynamically updated only per-listener using the \
             listener prefix: [ssl.keystore.password]",
        ),
        (
            "listener.name.internal.max.connections",
            "x",
            "Invalid value x for configuration max.connections: Not a number of type INT",
        ),
        (
            "follower.replication.throttled.rate",
            "-1",
            "Invalid value -1 for configuration follower.replication.throttled.rate: Value must be \
             at least 0",
        ),
    ];
    for (name, value, text) in cases {
        let refusal = validate_broker(&properties(&[(name, value)])).expect_err(name);
        assert_eq!(refusal.to_string(), text);
    }
    let allowed = [
        ("log.retention.ms", "-5"),
        ("foo.bar", "3"),
        ("sasl.jaas.config", "abc"),
        ("listener.name.internal.ssl.keystore.password", "abc"),
        ("max.connections.per.ip.overrides", "127.0.0.1:5"),
    ];
    assert_eq!(validate_broker(&properties(&allowed)), Ok(()));
}

#[test]
fn exceptions_for_hosts_are_read() {
    let config = load(&[("max.connections.per.ip.overrides", "127.0.0.1:5, host:7")]).config;
    assert_eq!(config.max_connections_per_ip_overrides(), [("127.0.0.1", 5), ("host", 7)]);
}

#[test]
fn a_secret_is_not_shown_for_debugging() {
    let config = load(&[("ssl.keystore.password", "do-not-tell")]).config;
    assert!(!format!("{config:?}").contains("do-not-tell"));
}
