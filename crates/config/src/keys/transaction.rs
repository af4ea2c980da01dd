//! Keys of transactions and producer ids.
//!
//! Kafka: `TransactionStateManagerConfig`, `TransactionLogConfig` and `AddPartitionsToTxnConfig`.

keys! { TRANSACTION_KEYS: Broker;

    ADD_PARTITIONS_TO_TXN_RETRY_BACKOFF_MAX_MS: i32 =
        with("add.partitions.to.txn.retry.backoff.max.ms", "100")
        .at_least(0).high();

    ADD_PARTITIONS_TO_TXN_RETRY_BACKOFF_MS: i32 =
        with("add.partitions.to.txn.retry.backoff.ms", "20")
        .at_least(1).high();

    PRODUCER_ID_EXPIRATION_CHECK_INTERVAL_MS: i32 =
        with("producer.id.expiration.check.interval.ms", "600000")
        .at_least(1).low().internal();

    PRODUCER_ID_EXPIRATION_MS: i32 = with("producer.id.expiration.ms", "86400000")
        .at_least(1).low().cluster_wide();

    TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS: i32 =
        with("transaction.abort.timed.out.transaction.cleanup.interval.ms", "10000")
        .at_least(1).low();

    TRANSACTION_MAX_TIMEOUT_MS: i32 = with("transaction.max.timeout.ms", "900000")
        .at_least(1).high();

    TRANSACTION_PARTITION_VERIFICATION_ENABLE: bool =
        with("transaction.partition.verification.enable", "true")
        .low().cluster_wide();

    TRANSACTION_REMOVE_EXPIRED_TRANSACTION_CLEANUP_INTERVAL_MS: i32 =
        with("transaction.remove.expired.transaction.cleanup.interval.ms", "3600000")
        .at_least(1).low();

    TRANSACTION_STATE_LOG_LOAD_BUFFER_SIZE: i32 =
        with("transaction.state.log.load.buffer.size", "5242880")
        .at_least(1).high();

    TRANSACTION_STATE_LOG_MIN_ISR: i32 = with("transaction.state.log.min.isr", "2")
        .at_least(1).high();

    TRANSACTION_STATE_LOG_NUM_PARTITIONS: i32 = with("transaction.state.log.num.partitions", "50")
        .at_least(1).high();

    TRANSACTION_STATE_LOG_REPLICATION_FACTOR: i16 =
        with("transaction.state.log.replication.factor", "3")
        .at_least(1).high();

    TRANSACTION_STATE_LOG_SEGMENT_BYTES: i32 =
        with("transaction.state.log.segment.bytes", "104857600")
        .at_least(1).high();

    TRANSACTION_TWO_PHASE_COMMIT_ENABLE: bool = with("transaction.two.phase.commit.enable", "false")
        .low();

    TRANSACTIONAL_ID_EXPIRATION_MS: i32 = with("transactional.id.expiration.ms", "604800000")
        .at_least(1).high();
}
