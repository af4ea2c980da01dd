//! Keys of tiered storage.
//!
//! Kafka: `RemoteLogManagerConfig`.

use crate::value::Text;

keys! { REMOTE_KEYS: Broker;

    FOLLOWER_FETCH_LAST_TIERED_OFFSET_ENABLE: bool =
        with("follower.fetch.last.tiered.offset.enable", "false")
        .cluster_wide();

    LOG_LOCAL_RETENTION_BYTES: i64 = with("log.local.retention.bytes", "-2")
        .at_least(-2).cluster_wide();

    LOG_LOCAL_RETENTION_MS: i64 = with("log.local.retention.ms", "-2").at_least(-2).cluster_wide();

    LOG_REMOTE_COPY_LAG_BYTES: i64 = with("log.remote.copy.lag.bytes", "-1")
        .at_least(-1).cluster_wide();

    LOG_REMOTE_COPY_LAG_MS: i64 = with("log.remote.copy.lag.ms", "0").at_least(-1).cluster_wide();

    REMOTE_FETCH_MAX_WAIT_MS: i32 = with("remote.fetch.max.wait.ms", "500")
        .at_least(1).cluster_wide();

    REMOTE_LIST_OFFSETS_REQUEST_TIMEOUT_MS: i64 =
        with("remote.list.offsets.request.timeout.ms", "30000")
        .at_least(1).cluster_wide();

    REMOTE_LOG_INDEX_FILE_CACHE_TOTAL_SIZE_BYTES: i64 =
        with("remote.log.index.file.cache.total.size.bytes", "1073741824")
        .at_least(1).low().cluster_wide();

    REMOTE_LOG_INDEX_FILE_CACHE_TTL_MS: i64 = with("remote.log.index.file.cache.ttl.ms", "900000")
        .at_least(-1).low().internal();

    REMOTE_LOG_MANAGER_COPIER_THREAD_POOL_SIZE: i32 =
        with("remote.log.manager.copier.thread.pool.size", "10")
        .at_least(1).cluster_wide();

    REMOTE_LOG_MANAGER_COPY_MAX_BYTES_PER_SECOND: i64 =
        with("remote.log.manager.copy.max.bytes.per.second", "9223372036854775807")
        .at_least(1).cluster_wide();

    REMOTE_LOG_MANAGER_COPY_QUOTA_WINDOW_NUM: i32 =
        with("remote.log.manager.copy.quota.window.num", "11")
        .at_least(1);

    REMOTE_LOG_MANAGER_COPY_QUOTA_WINDOW_SIZE_SECONDS: i32 =
        with("remote.log.manager.copy.quota.window.size.seconds", "1")
        .at_least(1);

    REMOTE_LOG_MANAGER_EXPIRATION_THREAD_POOL_SIZE: i32 =
        with("remote.log.manager.expiration.thread.pool.size", "10")
        .at_least(1).cluster_wide();

    REMOTE_LOG_MANAGER_FETCH_MAX_BYTES_PER_SECOND: i64 =
        with("remote.log.manager.fetch.max.bytes.per.second", "9223372036854775807")
        .at_least(1).cluster_wide();

    REMOTE_LOG_MANAGER_FETCH_QUOTA_WINDOW_NUM: i32 =
        with("remote.log.manager.fetch.quota.window.num", "11")
        .at_least(1);

    REMOTE_LOG_MANAGER_FETCH_QUOTA_WINDOW_SIZE_SECONDS: i32 =
        with("remote.log.manager.fetch.quota.window.size.seconds", "1")
        .at_least(1);

    REMOTE_LOG_MANAGER_FOLLOWER_THREAD_POOL_SIZE: i32 =
        with("remote.log.manager.follower.thread.pool.size", "2")
        .at_least(1).cluster_wide();

    REMOTE_LOG_MANAGER_TASK_INTERVAL_MS: i64 = with("remote.log.manager.task.interval.ms", "30000")
        .at_least(1).low();

    REMOTE_LOG_MANAGER_TASK_RETRY_BACKOFF_MAX_MS: i64 =
        with("remote.log.manager.task.retry.backoff.max.ms", "30000")
        .at_least(1).low().internal();

    REMOTE_LOG_MANAGER_TASK_RETRY_BACKOFF_MS: i64 =
        with("remote.log.manager.task.retry.backoff.ms", "500")
        .at_least(1).low().internal();

    REMOTE_LOG_MANAGER_TASK_RETRY_JITTER: f64 = with("remote.log.manager.task.retry.jitter", "0.2")
        .at_most_half().low().internal();

    REMOTE_LOG_MANAGER_THREAD_POOL_SIZE: i32 = with("remote.log.manager.thread.pool.size", "2")
        .at_least(1);

    REMOTE_LOG_METADATA_CUSTOM_METADATA_MAX_BYTES: i32 =
        with("remote.log.metadata.custom.metadata.max.bytes", "128")
        .at_least(0).low();

    REMOTE_LOG_METADATA_MANAGER_CLASS_NAME: Text =
        with("remote.log.metadata.manager.class.name", "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager")
        .non_empty();

    REMOTE_LOG_METADATA_MANAGER_CLASS_PATH: Option<Text> =
        null("remote.log.metadata.manager.class.path");

    REMOTE_LOG_METADATA_MANAGER_IMPL_PREFIX: Text =
        with("remote.log.metadata.manager.impl.prefix", "rlmm.config.")
        .non_empty();

    REMOTE_LOG_METADATA_MANAGER_LISTENER_NAME: Option<Text> =
        null("remote.log.metadata.manager.listener.name")
        .non_empty();

    REMOTE_LOG_READER_MAX_PENDING_TASKS: i32 = with("remote.log.reader.max.pending.tasks", "100")
        .at_least(1);

    REMOTE_LOG_READER_THREADS: i32 = with("remote.log.reader.threads", "10")
        .at_least(1).cluster_wide();

    REMOTE_LOG_STORAGE_MANAGER_CLASS_NAME: Option<Text> =
        null("remote.log.storage.manager.class.name")
        .non_empty();

    REMOTE_LOG_STORAGE_MANAGER_CLASS_PATH: Option<Text> =
        null("remote.log.storage.manager.class.path");

    REMOTE_LOG_STORAGE_MANAGER_IMPL_PREFIX: Text =
        with("remote.log.storage.manager.impl.prefix", "rsm.config.")
        .non_empty();

    REMOTE_LOG_STORAGE_SYSTEM_ENABLE: bool = with("remote.log.storage.system.enable", "false");
}
