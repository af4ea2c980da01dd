//! Keys of the server as a whole.
//!
//! Kafka: `ServerConfigs`, `KRaftConfigs` and `ServerLogConfigs`.

use crate::value::{Class, List, Text};

keys! { SERVER_KEYS: Broker;

    ALTER_CONFIG_POLICY_CLASS_NAME: Option<Class> = null("alter.config.policy.class.name").low();

    AUTO_CREATE_TOPICS_ENABLE: bool = with("auto.create.topics.enable", "true").high();

    BACKGROUND_THREADS: i32 = with("background.threads", "10").at_least(1).high().cluster_wide();

    BROKER_HEARTBEAT_INTERVAL_MS: i32 = with("broker.heartbeat.interval.ms", "2000");

    BROKER_ID: i32 = with("broker.id", "1").instead_of("-1").high();

    BROKER_RACK: Option<Text> = null("broker.rack");

    BROKER_SESSION_TIMEOUT_MS: i32 = with("broker.session.timeout.ms", "9000");

    CONFIG_PROVIDERS: List = with("config.providers", "").low().cluster_wide();

    CREATE_TOPIC_POLICY_CLASS_NAME: Option<Class> = null("create.topic.policy.class.name").low();

    DELETE_TOPIC_ENABLE: bool = with("delete.topic.enable", "true").high();

    INITIAL_BROKER_REGISTRATION_TIMEOUT_MS: i32 =
        with("initial.broker.registration.timeout.ms", "60000");

    NODE_ID: i32 = with("node.id", "1").instead_of("required").at_least(0).high();

    NUM_PARTITIONS: i32 = with("num.partitions", "1").at_least(1);

    PROCESS_ROLES: List = with("process.roles", "broker,controller")
        .instead_of("required").non_empty_list_of(&["broker", "controller"]).high();

    SERVER_MAX_STARTUP_TIME_MS: i64 = with("server.max.startup.time.ms", "9223372036854775807")
        .at_least(0).internal();

    UNSTABLE_API_VERSIONS_ENABLE: bool = with("unstable.api.versions.enable", "false")
        .high().internal();

    UNSTABLE_FEATURE_VERSIONS_ENABLE: bool = with("unstable.feature.versions.enable", "false")
        .high().internal();
}
