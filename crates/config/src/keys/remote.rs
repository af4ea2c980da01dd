//! Keys of tiered storage.
//!
//! Kafka: `RemoteLogManagerConfig`.

use crate::value::Text;

keys! { REMOTE_KEYS: Broker;

    /// Whether a new follower starts after the data that is already in remote storage.
    FOLLOWER_FETCH_LAST_TIERED_OFFSET_ENABLE: bool =
        with("follower.fetch.last.tiered.offset.enable", "false")
        .cluster_wide();

    /// Bytes of a partition kept on this disk when older ones are in remote storage; -2 follows
    /// log.retention.bytes.
    LOG_LOCAL_RETENTION_BYTES: i64 = with("log.local.retention.bytes", "-2")
        .at_least(-2).cluster_wide();

    /// Time records are kept on this disk when older ones are in remote storage; -2 follows
    /// log.retention.ms.
    LOG_LOCAL_RETENTION_MS: i64 = with("log.local.retention.ms", "-2").at_least(-2).cluster_wide();

    /// Bytes behind the end of the log that a segment must be before it goes to remote storage.
    LOG_REMOTE_COPY_LAG_BYTES: i64 = with("log.remote.copy.lag.bytes", "-1")
        .at_least(-1).cluster_wide();

    /// Age a segment must have before it goes to remote storage.
    LOG_REMOTE_COPY_LAG_MS: i64 = with("log.remote.copy.lag.ms", "0").at_least(-1).cluster_wide();

    /// Longest time a Fetch waits for data from remote storage.
    REMOTE_FETCH_MAX_WAIT_MS: i32 = with("remote.fetch.max.wait.ms", "500")
        .at_least(1).cluster_wide();

    /// Longest time a ListOffsets waits for an answer from remote storage.
    REMOTE_LIST_OFFSETS_REQUEST_TIMEOUT_MS: i64 =
        with("remote.list.offsets.request.timeout.ms", "30000")
        .at_least(1).cluster_wide();

    /// Bytes of local disk for copies of indexes from remote storage.
    REMOTE_LOG_INDEX_FILE_CACHE_TOTAL_SIZE_BYTES: i64 =
        with("remote.log.index.file.cache.total.size.bytes", "1073741824")
        .at_least(1).low().cluster_wide();

    /// Time an unused copy of a remote index is kept; -1 keeps it while there is room.
    REMOTE_LOG_INDEX_FILE_CACHE_TTL_MS: i64 = with("remote.log.index.file.cache.ttl.ms", "900000")
        .at_least(-1).low().internal();

    /// Number of threads that copy segments to remote storage.
    REMOTE_LOG_MANAGER_COPIER_THREAD_POOL_SIZE: i32 =
        with("remote.log.manager.copier.thread.pool.size", "10")
        .at_least(1).cluster_wide();

    /// Bytes per second that may be copied to remote storage.
    REMOTE_LOG_MANAGER_COPY_MAX_BYTES_PER_SECOND: i64 =
        with("remote.log.manager.copy.max.bytes.per.second", "9223372036854775807")
        .at_least(1).cluster_wide();

    /// Number of samples kept to measure copies to remote storage.
    REMOTE_LOG_MANAGER_COPY_QUOTA_WINDOW_NUM: i32 =
        with("remote.log.manager.copy.quota.window.num", "11")
        .at_least(1);

    /// Length of one sample when copies to remote storage are measured.
    REMOTE_LOG_MANAGER_COPY_QUOTA_WINDOW_SIZE_SECONDS: i32 =
        with("remote.log.manager.copy.quota.window.size.seconds", "1")
        .at_least(1);

    /// Number of threads that delete expired segments from remote storage.
    REMOTE_LOG_MANAGER_EXPIRATION_THREAD_POOL_SIZE: i32 =
        with("remote.log.manager.expiration.thread.pool.size", "10")
        .at_least(1).cluster_wide();

    /// Bytes per second that may be read from remote storage.
    REMOTE_LOG_MANAGER_FETCH_MAX_BYTES_PER_SECOND: i64 =
        with("remote.log.manager.fetch.max.bytes.per.second", "9223372036854775807")
        .at_least(1).cluster_wide();

    /// Number of samples kept to measure reads from remote storage.
    REMOTE_LOG_MANAGER_FETCH_QUOTA_WINDOW_NUM: i32 =
        with("remote.log.manager.fetch.quota.window.num", "11")
        .at_least(1);

    /// Length of one sample when reads from remote storage are measured.
    REMOTE_LOG_MANAGER_FETCH_QUOTA_WINDOW_SIZE_SECONDS: i32 =
        with("remote.log.manager.fetch.quota.window.size.seconds", "1")
        .at_least(1);

    /// Number of threads that followers use to look into remote storage.
    REMOTE_LOG_MANAGER_FOLLOWER_THREAD_POOL_SIZE: i32 =
        with("remote.log.manager.follower.thread.pool.size", "2")
        .at_least(1).cluster_wide();

    /// Time between two rounds of copying to and deleting from remote storage.
    REMOTE_LOG_MANAGER_TASK_INTERVAL_MS: i64 = with("remote.log.manager.task.interval.ms", "30000")
        .at_least(1).low();

    /// Longest pause before a failed task of remote storage is repeated.
    REMOTE_LOG_MANAGER_TASK_RETRY_BACKOFF_MAX_MS: i64 =
        with("remote.log.manager.task.retry.backoff.max.ms", "30000")
        .at_least(1).low().internal();

    /// First pause before a failed task of remote storage is repeated.
    REMOTE_LOG_MANAGER_TASK_RETRY_BACKOFF_MS: i64 =
        with("remote.log.manager.task.retry.backoff.ms", "500")
        .at_least(1).low().internal();

    /// Random part of the pause before a failed task of remote storage is repeated, as a fraction.
    REMOTE_LOG_MANAGER_TASK_RETRY_JITTER: f64 = with("remote.log.manager.task.retry.jitter", "0.2")
        .at_most_half().low().internal();

    /// Number of threads that schedule the work of remote storage.
    REMOTE_LOG_MANAGER_THREAD_POOL_SIZE: i32 = with("remote.log.manager.thread.pool.size", "2")
        .at_least(1);

    /// Most bytes of its own that a storage plug-in may keep with a segment's metadata.
    REMOTE_LOG_METADATA_CUSTOM_METADATA_MAX_BYTES: i32 =
        with("remote.log.metadata.custom.metadata.max.bytes", "128")
        .at_least(0).low();

    /// Java class that remembers which segments are in remote storage.
    REMOTE_LOG_METADATA_MANAGER_CLASS_NAME: Text =
        with("remote.log.metadata.manager.class.name", "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager")
        .non_empty();

    /// Class path of the plug-in that remembers remote segments.
    REMOTE_LOG_METADATA_MANAGER_CLASS_PATH: Option<Text> =
        null("remote.log.metadata.manager.class.path");

    /// Prefix of keys that are handed to the plug-in that remembers remote segments.
    REMOTE_LOG_METADATA_MANAGER_IMPL_PREFIX: Text =
        with("remote.log.metadata.manager.impl.prefix", "rlmm.config.")
        .non_empty();

    /// Listener by which the plug-in that remembers remote segments connects to the broker.
    REMOTE_LOG_METADATA_MANAGER_LISTENER_NAME: Option<Text> =
        null("remote.log.metadata.manager.listener.name")
        .non_empty();

    /// Number of reads from remote storage that may wait for a thread.
    REMOTE_LOG_READER_MAX_PENDING_TASKS: i32 = with("remote.log.reader.max.pending.tasks", "100")
        .at_least(1);

    /// Number of threads that read from remote storage.
    REMOTE_LOG_READER_THREADS: i32 = with("remote.log.reader.threads", "10")
        .at_least(1).cluster_wide();

    /// Java class that stores segments remotely.
    REMOTE_LOG_STORAGE_MANAGER_CLASS_NAME: Option<Text> =
        null("remote.log.storage.manager.class.name")
        .non_empty();

    /// Class path of the plug-in that stores segments remotely.
    REMOTE_LOG_STORAGE_MANAGER_CLASS_PATH: Option<Text> =
        null("remote.log.storage.manager.class.path");

    /// Prefix of keys that are handed to the plug-in that stores segments remotely.
    REMOTE_LOG_STORAGE_MANAGER_IMPL_PREFIX: Text =
        with("remote.log.storage.manager.impl.prefix", "rsm.config.")
        .non_empty();

    /// Whether tiered storage is available to topics at all.
    REMOTE_LOG_STORAGE_SYSTEM_ENABLE: bool = with("remote.log.storage.system.enable", "false");
}
