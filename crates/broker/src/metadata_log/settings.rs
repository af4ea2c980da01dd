//! What the configuration says of the metadata log.
//!
//! Kafka: `MetadataLogConfig`, `QuorumConfig`.

use ottla_config::{ServerConfig, keys};
use ottla_log::LogConfig;
use ottla_metadata::control::Voter;
use ottla_types::{BrokerId, Uuid};

/// Where a Kafka that takes the directory over finds its controller: what its own example of a
/// configuration says.
const CONTROLLER: (&str, &str, u16) = ("CONTROLLER", "localhost", 9093);

/// The settings that hold for the whole run.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// `metadata.log.max.record.bytes.between.snapshots`.
    pub(super) snapshot_bytes: u64,
    /// `metadata.log.max.snapshot.interval.ms`; 0 for no limit.
    pub(super) snapshot_interval_ms: i64,
    /// `metadata.max.retention.bytes`, of log and snapshots together; negative for no limit.
    pub(super) retention_bytes: i64,
    /// `metadata.max.retention.ms`; negative for no limit.
    pub(super) retention_ms: i64,
    segment_bytes: u32,
    segment_ms: i64,
    file_delete_delay_ms: i64,
}

impl Settings {
    pub(super) fn new(config: &ServerConfig) -> Self {
        let segment_bytes = config
            .get(&keys::INTERNAL_METADATA_LOG_SEGMENT_BYTES)
            .unwrap_or_else(|| config.get(&keys::METADATA_LOG_SEGMENT_BYTES));
        let between = config.get(&keys::METADATA_LOG_MAX_RECORD_BYTES_BETWEEN_SNAPSHOTS);
        Self {
            snapshot_bytes: u64::try_from(between).unwrap_or(u64::MAX),
            snapshot_interval_ms: config.get(&keys::METADATA_LOG_MAX_SNAPSHOT_INTERVAL_MS),
            retention_bytes: config.get(&keys::METADATA_MAX_RETENTION_BYTES),
            retention_ms: config.get(&keys::METADATA_MAX_RETENTION_MS),
            segment_bytes: u32::try_from(segment_bytes).unwrap_or(u32::MAX),
            segment_ms: config.get(&keys::METADATA_LOG_SEGMENT_MS),
            file_delete_delay_ms: config.get(&keys::INTERNAL_METADATA_DELETE_DELAY_MILLIS),
        }
    }

    /// The settings of the log itself, which keeps everything that it is not told to drop.
    pub(super) fn log(&self) -> LogConfig {
        LogConfig {
            segment_bytes: self.segment_bytes,
            segment_ms: self.segment_ms,
            file_delete_delay_ms: self.file_delete_delay_ms,
            retention_ms: -1,
            retention_bytes: -1,
            ..LogConfig::default()
        }
    }
}

/// This node as the voter that it is in a quorum of its own. Ottla serves no controller listener:
/// the address is for a Kafka that takes the directory over, which corrects it once it leads.
pub(super) fn voter(config: &ServerConfig, (id, directory_id): (BrokerId, Uuid)) -> Voter {
    let listeners = &config.listeners().controllers;
    let mut endpoints: Vec<_> = listeners
        .iter()
        .map(|listener| {
            let host = if listener.host.is_empty() { "localhost" } else { &listener.host };
            (listener.name.clone(), host.to_owned(), listener.port)
        })
        .collect();
    if endpoints.is_empty() {
        let (name, host, port) = CONTROLLER;
        endpoints.push((name.to_owned(), host.to_owned(), port));
    }
    Voter { id, directory_id, endpoints }
}
