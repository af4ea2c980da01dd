//! Keys of the server as a whole.
//!
//! Kafka: `ServerConfigs`, `KRaftConfigs` and `ServerLogConfigs`.

use crate::value::{Class, List, Text};

keys! { SERVER_KEYS: Broker;

    /// Java class that may veto changes of configurations.
    ALTER_CONFIG_POLICY_CLASS_NAME: Option<Class> = null("alter.config.policy.class.name").low();

    /// Whether a topic that does not exist is created when a client asks for its metadata.
    AUTO_CREATE_TOPICS_ENABLE: bool = with("auto.create.topics.enable", "true").high().honoured();

    /// Number of threads for housekeeping.
    BACKGROUND_THREADS: i32 = with("background.threads", "10").at_least(1).high().cluster_wide();

    /// Time between two heartbeats that a broker sends to the controller.
    BROKER_HEARTBEAT_INTERVAL_MS: i32 = with("broker.heartbeat.interval.ms", "2000");

    /// Older name of node.id; set either, or both to the same number.
    BROKER_ID: i32 = with("broker.id", "1").instead_of("-1").high().honoured();

    /// Name of the rack or zone the broker stands in, used to spread replicas and to let consumers
    /// read nearby.
    BROKER_RACK: Option<Text> = null("broker.rack").honoured();

    /// Time without heartbeats after which the controller takes a broker for dead.
    BROKER_SESSION_TIMEOUT_MS: i32 = with("broker.session.timeout.ms", "9000");

    /// Names of plug-ins that replace placeholders in values, for example by the contents of a
    /// file.
    CONFIG_PROVIDERS: List = with("config.providers", "").low().cluster_wide();

    /// Java class that may veto the creation of topics.
    CREATE_TOPIC_POLICY_CLASS_NAME: Option<Class> = null("create.topic.policy.class.name").low();

    /// Whether topics may be deleted at all.
    DELETE_TOPIC_ENABLE: bool = with("delete.topic.enable", "true").high().honoured();

    /// Time a starting broker tries to register with the controller before it gives up.
    INITIAL_BROKER_REGISTRATION_TIMEOUT_MS: i32 =
        with("initial.broker.registration.timeout.ms", "60000");

    /// Number of this server, unique in the cluster.
    NODE_ID: i32 = with("node.id", "1").instead_of("required").at_least(0).high().honoured();

    /// Number of partitions of a topic whose creator named none, and of automatically created
    /// topics.
    NUM_PARTITIONS: i32 = with("num.partitions", "1").at_least(1).honoured();

    /// What this server is: broker, controller, or both.
    PROCESS_ROLES: List = with("process.roles", "broker,controller")
        .instead_of("required").non_empty_list_of(&["broker", "controller"]).high();

    /// Time a start may take before the server gives up.
    SERVER_MAX_STARTUP_TIME_MS: i64 = with("server.max.startup.time.ms", "9223372036854775807")
        .at_least(0).internal();

    /// Whether versions of APIs that are still in development are offered.
    UNSTABLE_API_VERSIONS_ENABLE: bool = with("unstable.api.versions.enable", "false")
        .high().internal();

    /// Whether versions of features that are still in development are offered.
    UNSTABLE_FEATURE_VERSIONS_ENABLE: bool = with("unstable.feature.versions.enable", "false")
        .high().internal();
}
