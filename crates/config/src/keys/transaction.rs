//! Keys of transactions and producer ids.
//!
//! Kafka: `TransactionStateManagerConfig`, `TransactionLogConfig` and `AddPartitionsToTxnConfig`.

keys! { TRANSACTION_KEYS: Broker;

    /// Longest time the broker itself keeps retrying to add a partition to a transaction before it
    /// answers the producer.
    ADD_PARTITIONS_TO_TXN_RETRY_BACKOFF_MAX_MS: i32 =
        with("add.partitions.to.txn.retry.backoff.max.ms", "100")
        .at_least(0).high().honoured();

    /// Pause between two attempts of the broker to add a partition to a transaction.
    ADD_PARTITIONS_TO_TXN_RETRY_BACKOFF_MS: i32 =
        with("add.partitions.to.txn.retry.backoff.ms", "20")
        .at_least(1).high();

    /// Time between two looks for producers that were silent for too long.
    PRODUCER_ID_EXPIRATION_CHECK_INTERVAL_MS: i32 =
        with("producer.id.expiration.check.interval.ms", "600000")
        .at_least(1).low().internal().honoured();

    /// Time of silence after which the broker forgets the sequence numbers of a producer.
    PRODUCER_ID_EXPIRATION_MS: i32 = with("producer.id.expiration.ms", "86400000")
        .at_least(1).low().cluster_wide().honoured_at_start();

    /// Time between two looks for transactions that took too long.
    TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS: i32 =
        with("transaction.abort.timed.out.transaction.cleanup.interval.ms", "10000")
        .at_least(1).low().honoured();

    /// Longest timeout a transactional producer may ask for.
    TRANSACTION_MAX_TIMEOUT_MS: i32 = with("transaction.max.timeout.ms", "900000")
        .at_least(1).high().honoured();

    /// Whether a transactional write is checked against its coordinator before it is appended.
    TRANSACTION_PARTITION_VERIFICATION_ENABLE: bool =
        with("transaction.partition.verification.enable", "true")
        .low().cluster_wide().honoured();

    /// Time between two looks for transactional ids that expired.
    TRANSACTION_REMOVE_EXPIRED_TRANSACTION_CLEANUP_INTERVAL_MS: i32 =
        with("transaction.remove.expired.transaction.cleanup.interval.ms", "3600000")
        .at_least(1).low().honoured();

    /// Bytes read at a time when a transaction coordinator loads its state.
    TRANSACTION_STATE_LOG_LOAD_BUFFER_SIZE: i32 =
        with("transaction.state.log.load.buffer.size", "5242880")
        .at_least(1).high().honoured();

    /// Number of replicas that must have a record of the transaction topic.
    TRANSACTION_STATE_LOG_MIN_ISR: i32 = with("transaction.state.log.min.isr", "2")
        .at_least(1).high().honoured();

    /// Number of partitions of the transaction topic; not to be changed once it exists.
    TRANSACTION_STATE_LOG_NUM_PARTITIONS: i32 = with("transaction.state.log.num.partitions", "50")
        .at_least(1).high().honoured();

    /// Number of replicas of the transaction topic.
    TRANSACTION_STATE_LOG_REPLICATION_FACTOR: i16 =
        with("transaction.state.log.replication.factor", "3")
        .at_least(1).high().honoured();

    /// Size of a segment of the transaction topic; small ones are loaded and compacted faster.
    TRANSACTION_STATE_LOG_SEGMENT_BYTES: i32 =
        with("transaction.state.log.segment.bytes", "104857600")
        .at_least(1).high().honoured();

    /// Whether producers may take part in two-phase commits, whose transactions never time out.
    TRANSACTION_TWO_PHASE_COMMIT_ENABLE: bool = with("transaction.two.phase.commit.enable", "false")
        .low();

    /// Time without transactions after which a transactional id is forgotten.
    TRANSACTIONAL_ID_EXPIRATION_MS: i32 = with("transactional.id.expiration.ms", "604800000")
        .at_least(1).high().honoured();
}
