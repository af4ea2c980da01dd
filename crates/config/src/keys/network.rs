//! Keys of listeners, connections and requests.
//!
//! Kafka: `SocketServerConfigs` and `ServerConfigs`.

use crate::value::{List, Text};

keys! { NETWORK_KEYS: Broker;

    ADVERTISED_LISTENERS: Option<List> = null("advertised.listeners").non_empty_list().high();

    CONNECTION_FAILED_AUTHENTICATION_DELAY_MS: i32 =
        with("connection.failed.authentication.delay.ms", "100")
        .at_least(0).low();

    CONNECTIONS_MAX_IDLE_MS: i64 = with("connections.max.idle.ms", "600000");

    CONNECTIONS_MAX_REAUTH_MS: i64 = with("connections.max.reauth.ms", "0");

    DELETE_RECORDS_PURGATORY_PURGE_INTERVAL_REQUESTS: i32 =
        with("delete.records.purgatory.purge.interval.requests", "1");

    EARLY_START_LISTENERS: Option<List> = null("early.start.listeners").high();

    FETCH_MAX_BYTES: i32 = with("fetch.max.bytes", "57671680").at_least(1024);

    FETCH_PURGATORY_PURGE_INTERVAL_REQUESTS: i32 =
        with("fetch.purgatory.purge.interval.requests", "1000");

    INTER_BROKER_LISTENER_NAME: Option<Text> = null("inter.broker.listener.name");

    LISTENER_SECURITY_PROTOCOL_MAP: Text =
        with("listener.security.protocol.map", "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT")
        .low().per_broker();

    LISTENERS: List = with("listeners", "PLAINTEXT://localhost:9092")
        .instead_of("PLAINTEXT://:9092").non_empty_list().high().per_broker();

    MAX_CONNECTION_CREATION_RATE: i32 = with("max.connection.creation.rate", "2147483647")
        .at_least(0).cluster_wide();

    MAX_CONNECTIONS: i32 = with("max.connections", "2147483647").at_least(0).cluster_wide();

    MAX_CONNECTIONS_PER_IP: i32 = with("max.connections.per.ip", "2147483647")
        .at_least(0).cluster_wide();

    MAX_CONNECTIONS_PER_IP_OVERRIDES: Text = with("max.connections.per.ip.overrides", "")
        .cluster_wide();

    MAX_INCREMENTAL_FETCH_SESSION_CACHE_SLOTS: i32 =
        with("max.incremental.fetch.session.cache.slots", "1000")
        .at_least(0);

    MAX_REQUEST_PARTITION_SIZE_LIMIT: i32 = with("max.request.partition.size.limit", "2000")
        .at_least(1);

    NUM_IO_THREADS: i32 = with("num.io.threads", "8").at_least(1).high().cluster_wide();

    NUM_NETWORK_THREADS: i32 = with("num.network.threads", "3").at_least(1).high().cluster_wide();

    PRODUCER_PURGATORY_PURGE_INTERVAL_REQUESTS: i32 =
        with("producer.purgatory.purge.interval.requests", "1000");

    QUEUED_MAX_REQUEST_BYTES: i64 = with("queued.max.request.bytes", "-1");

    QUEUED_MAX_REQUESTS: i32 = with("queued.max.requests", "500").at_least(1).high();

    REQUEST_TIMEOUT_MS: i32 = with("request.timeout.ms", "30000").high();

    SOCKET_CONNECTION_SETUP_TIMEOUT_MAX_MS: i64 =
        with("socket.connection.setup.timeout.max.ms", "30000");

    SOCKET_CONNECTION_SETUP_TIMEOUT_MS: i64 = with("socket.connection.setup.timeout.ms", "10000");

    SOCKET_LISTEN_BACKLOG_SIZE: i32 = with("socket.listen.backlog.size", "50").at_least(1);

    SOCKET_RECEIVE_BUFFER_BYTES: i32 = with("socket.receive.buffer.bytes", "102400").high();

    SOCKET_REQUEST_MAX_BYTES: i32 = with("socket.request.max.bytes", "104857600")
        .at_least(1).high();

    SOCKET_SEND_BUFFER_BYTES: i32 = with("socket.send.buffer.bytes", "102400").high();
}
