//! Keys of listeners, connections and requests.
//!
//! Kafka: `SocketServerConfigs` and `ServerConfigs`.

use crate::value::{List, Text};

keys! { NETWORK_KEYS: Broker;

    /// Addresses that clients are told to connect to; without it they are told the address they
    /// came in by.
    ADVERTISED_LISTENERS: Option<List> = null("advertised.listeners").non_empty_list().high()
        .honoured();

    /// Time a connection is kept open after it failed to authenticate, which slows down guessing.
    CONNECTION_FAILED_AUTHENTICATION_DELAY_MS: i32 =
        with("connection.failed.authentication.delay.ms", "100")
        .at_least(0).low();

    /// Time without requests after which a connection is closed by the broker.
    CONNECTIONS_MAX_IDLE_MS: i64 = with("connections.max.idle.ms", "600000").honoured();

    /// Longest time a SASL session lives before the client must authenticate again; 0 sets no
    /// limit.
    CONNECTIONS_MAX_REAUTH_MS: i64 = with("connections.max.reauth.ms", "0");

    /// Number of finished DeleteRecords waits after which they are cleared from memory.
    DELETE_RECORDS_PURGATORY_PURGE_INTERVAL_REQUESTS: i32 =
        with("delete.records.purgatory.purge.interval.requests", "1");

    /// Listeners that accept connections before the authorizer has loaded its rules.
    EARLY_START_LISTENERS: Option<List> = null("early.start.listeners").high();

    /// Most bytes in one answer to a Fetch, whatever the client allows; a single larger batch still
    /// goes out.
    FETCH_MAX_BYTES: i32 = with("fetch.max.bytes", "57671680").at_least(1024).honoured();

    /// Number of finished Fetch waits after which they are cleared from memory.
    FETCH_PURGATORY_PURGE_INTERVAL_REQUESTS: i32 =
        with("fetch.purgatory.purge.interval.requests", "1000");

    /// Name of the listener that brokers use among themselves; not together with
    /// security.inter.broker.protocol.
    INTER_BROKER_LISTENER_NAME: Option<Text> = null("inter.broker.listener.name");

    /// Security protocol of each listener name, as NAME:PROTOCOL pairs.
    LISTENER_SECURITY_PROTOCOL_MAP: Text =
        with("listener.security.protocol.map", "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT")
        .low().per_broker().honoured_at_start();

    /// Addresses the server listens on, as NAME://host:port; an empty host means all interfaces.
    LISTENERS: List = with("listeners", "PLAINTEXT://localhost:9092")
        .instead_of("PLAINTEXT://:9092").non_empty_list().high().per_broker().honoured_at_start();

    /// New connections per second that the whole broker accepts.
    MAX_CONNECTION_CREATION_RATE: i32 = with("max.connection.creation.rate", "2147483647")
        .at_least(0).cluster_wide();

    /// Connections that the whole broker keeps open at a time.
    MAX_CONNECTIONS: i32 = with("max.connections", "2147483647").at_least(0).cluster_wide()
        .honoured();

    /// Connections that one client address may keep open at a time.
    MAX_CONNECTIONS_PER_IP: i32 = with("max.connections.per.ip", "2147483647")
        .at_least(0).cluster_wide().honoured();

    /// Exceptions from max.connections.per.ip, as host:number pairs.
    MAX_CONNECTIONS_PER_IP_OVERRIDES: Text = with("max.connections.per.ip.overrides", "").host_limits()
        .cluster_wide();

    /// Number of fetch sessions the broker remembers.
    MAX_INCREMENTAL_FETCH_SESSION_CACHE_SLOTS: i32 =
        with("max.incremental.fetch.session.cache.slots", "1000")
        .at_least(0).honoured();

    /// Most partitions in one answer to DescribeTopicPartitions.
    MAX_REQUEST_PARTITION_SIZE_LIMIT: i32 = with("max.request.partition.size.limit", "2000")
        .at_least(1).honoured();

    /// Number of threads that handle requests in Kafka, disk included.
    NUM_IO_THREADS: i32 = with("num.io.threads", "8").at_least(1).high().cluster_wide();

    /// Number of threads that read requests from and write responses to the network.
    NUM_NETWORK_THREADS: i32 = with("num.network.threads", "3").at_least(1).high().cluster_wide();

    /// Number of finished Produce waits after which they are cleared from memory.
    PRODUCER_PURGATORY_PURGE_INTERVAL_REQUESTS: i32 =
        with("producer.purgatory.purge.interval.requests", "1000");

    /// Bytes of requests in memory above which no more are read; -1 sets no limit.
    QUEUED_MAX_REQUEST_BYTES: i64 = with("queued.max.request.bytes", "-1").honoured();

    /// Number of requests waiting to be handled above which no more are read.
    QUEUED_MAX_REQUESTS: i32 = with("queued.max.requests", "500").at_least(1).high();

    /// Time a request of this broker to another one may take.
    REQUEST_TIMEOUT_MS: i32 = with("request.timeout.ms", "30000").high();

    /// Longest time an outgoing connection may take after repeated failures.
    SOCKET_CONNECTION_SETUP_TIMEOUT_MAX_MS: i64 =
        with("socket.connection.setup.timeout.max.ms", "30000");

    /// Time an outgoing connection may take to open.
    SOCKET_CONNECTION_SETUP_TIMEOUT_MS: i64 = with("socket.connection.setup.timeout.ms", "10000");

    /// Number of connections that may wait to be accepted.
    SOCKET_LISTEN_BACKLOG_SIZE: i32 = with("socket.listen.backlog.size", "50").at_least(1);

    /// Receive buffer of client connections; -1 leaves it to the operating system.
    SOCKET_RECEIVE_BUFFER_BYTES: i32 = with("socket.receive.buffer.bytes", "102400").high();

    /// Largest request that is read; a larger one closes its connection.
    SOCKET_REQUEST_MAX_BYTES: i32 = with("socket.request.max.bytes", "104857600")
        .at_least(1).high().honoured();

    /// Send buffer of client connections; -1 leaves it to the operating system.
    SOCKET_SEND_BUFFER_BYTES: i32 = with("socket.send.buffer.bytes", "102400").high();
}
