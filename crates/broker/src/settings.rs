//! A topic's configuration as the broker uses it, read once per change.

use ottla_config::{ServerConfig, TopicConfig, keys, keys::topic};
use ottla_coordinator::{GroupConfig, TransactionConfig};
use ottla_log::LogConfig;
use ottla_partition::Durability;
use ottla_record::{Compression, ProduceRules, TargetCompression, TimestampType};

/// Most bytes the records of one batch may take once decompressed, as a multiple of
/// `max.message.bytes`, and never below [`DECOMPRESSED_BYTES_MIN`].
const DECOMPRESSED_RATIO_MAX: usize = 16;

/// Room for the decompressed records of any batch.
const DECOMPRESSED_BYTES_MIN: usize = 64 << 20;

/// The settings of one topic.
#[derive(Clone, Debug)]
pub(crate) struct TopicSettings {
    pub(crate) log: LogConfig,
    pub(crate) durability: Durability,
    pub(crate) max_message_bytes: usize,
    /// For the records that coordinators write. Kafka: `offsets.topic.compression.codec`.
    pub(crate) offsets_compression: Compression,
    rules: ProduceRules,
}

impl TopicSettings {
    /// Reads the settings of a topic.
    pub(crate) fn new(server: &ServerConfig, config: &TopicConfig) -> Self {
        let size = |value: i32| usize::try_from(value).unwrap_or(0);
        let max_message_bytes = size(config.get(&topic::MAX_MESSAGE_BYTES));
        let codec = u8::try_from(server.get(&keys::OFFSETS_TOPIC_COMPRESSION_CODEC)).unwrap_or(0);
        Self {
            log: log_config(config),
            durability: config.get(&topic::OTTLA_ACK_DURABILITY).parse().unwrap_or_default(),
            max_message_bytes,
            offsets_compression: Compression::from_id(codec).unwrap_or(Compression::None),
            rules: ProduceRules {
                compression: target_compression(config),
                timestamp_type: TimestampType::from_name(
                    config.get(&topic::MESSAGE_TIMESTAMP_TYPE),
                )
                .unwrap_or(TimestampType::CreateTime),
                now_ms: 0,
                before_max_ms: config.get(&topic::MESSAGE_TIMESTAMP_BEFORE_MAX_MS),
                after_max_ms: config.get(&topic::MESSAGE_TIMESTAMP_AFTER_MAX_MS),
                compacted: config.is_compacted(),
                batch_bytes_max: max_message_bytes,
                record_bytes_max: size(config.get(&topic::MAX_DECOMPRESSED_MESSAGE_BYTES)),
                decompressed_bytes_max: max_message_bytes
                    .saturating_mul(DECOMPRESSED_RATIO_MAX)
                    .max(DECOMPRESSED_BYTES_MIN),
            },
        }
    }

    /// What a batch that is produced now must be.
    pub(crate) fn produce_rules(&self, now_ms: i64) -> ProduceRules {
        ProduceRules { now_ms, ..self.rules }
    }
}

fn target_compression(config: &TopicConfig) -> Option<TargetCompression> {
    let name = config.get(&topic::COMPRESSION_TYPE);
    let compression = match name {
        "producer" => return None,
        "uncompressed" => Compression::None,
        name => Compression::from_name(name)?,
    };
    let level = match compression {
        Compression::Gzip => Some(config.get(&topic::COMPRESSION_GZIP_LEVEL)),
        Compression::Zstd => Some(config.get(&topic::COMPRESSION_ZSTD_LEVEL)),
        // The lz4 codec here has one level.
        Compression::None | Compression::Snappy | Compression::Lz4 => None,
    };
    Some(TargetCompression { compression, level })
}

fn log_config(config: &TopicConfig) -> LogConfig {
    let size = |value: i32| u32::try_from(value).unwrap_or(0);
    let segment_bytes = config.get(&topic::INTERNAL_SEGMENT_BYTES);
    LogConfig {
        segment_bytes: size(segment_bytes.unwrap_or_else(|| config.get(&topic::SEGMENT_BYTES))),
        segment_ms: config.get(&topic::SEGMENT_MS),
        segment_jitter_ms: config.get(&topic::SEGMENT_JITTER_MS),
        index_interval_bytes: size(config.get(&topic::INDEX_INTERVAL_BYTES)),
        segment_index_bytes: size(config.get(&topic::SEGMENT_INDEX_BYTES)),
        retention_ms: config.get(&topic::RETENTION_MS),
        retention_bytes: config.get(&topic::RETENTION_BYTES),
        cleanup_delete: config.is_deleted(),
        cleanup_compact: config.is_compacted(),
        min_cleanable_ratio: config.get(&topic::MIN_CLEANABLE_DIRTY_RATIO),
        min_compaction_lag_ms: config.get(&topic::MIN_COMPACTION_LAG_MS),
        max_compaction_lag_ms: config.get(&topic::MAX_COMPACTION_LAG_MS),
        delete_retention_ms: config.get(&topic::DELETE_RETENTION_MS),
        file_delete_delay_ms: config.get(&topic::FILE_DELETE_DELAY_MS),
        flush_messages: config.get(&topic::FLUSH_MESSAGES),
        flush_ms: config.get(&topic::FLUSH_MS),
        preallocate: config.get(&topic::PREALLOCATE),
    }
}

/// What the group coordinator needs of the configuration.
pub(crate) fn group_config(server: &ServerConfig) -> GroupConfig {
    GroupConfig {
        session_timeout_ms_min: server.get(&keys::GROUP_MIN_SESSION_TIMEOUT_MS),
        session_timeout_ms_max: server.get(&keys::GROUP_MAX_SESSION_TIMEOUT_MS),
        initial_rebalance_delay_ms: server.get(&keys::GROUP_INITIAL_REBALANCE_DELAY_MS),
        group_size_max: server.get(&keys::GROUP_MAX_SIZE),
        offset_metadata_max: server.get(&keys::OFFSET_METADATA_MAX_BYTES),
        offsets_retention_ms: i64::from(server.get(&keys::OFFSETS_RETENTION_MINUTES))
            .saturating_mul(60_000),
        offsets_retention_check_interval_ms: server.get(&keys::OFFSETS_RETENTION_CHECK_INTERVAL_MS),
        ..GroupConfig::default()
    }
}

/// What the transaction coordinator needs of the configuration.
pub(crate) fn transaction_config(server: &ServerConfig) -> TransactionConfig {
    let abort_check = &keys::TRANSACTION_ABORT_TIMED_OUT_TRANSACTION_CLEANUP_INTERVAL_MS;
    let expiry_check = &keys::TRANSACTION_REMOVE_EXPIRED_TRANSACTION_CLEANUP_INTERVAL_MS;
    TransactionConfig {
        timeout_ms_max: server.get(&keys::TRANSACTION_MAX_TIMEOUT_MS),
        id_expiration_ms: server.get(&keys::TRANSACTIONAL_ID_EXPIRATION_MS).into(),
        abort_check_interval_ms: server.get(abort_check).into(),
        expiry_check_interval_ms: server.get(expiry_check).into(),
    }
}
