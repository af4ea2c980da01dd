//! How far the metadata log is on disk for good, as `recovery-point-offset-checkpoint` says it.
//!
//! Each batch is synced before the next one is written, so a crash can have torn the last one only:
//! whatever else is wrong is damage, and a metadata log that has lost records is not opened. That
//! holds where the checkpoint has a line for it. Kafka writes none, drops Ottla's, and syncs
//! several batches together.
//! Kafka: `KafkaRaftLog`, which reads the whole log and cuts it where it is damaged.

use std::io::ErrorKind;

use ottla_log::{Log, LogConfig, LogDir, OpenOptions};
use ottla_types::{Offset, TopicPartition, Uuid};

use crate::broker::StartError;

/// Opens the log of the cluster metadata, unless records of it are lost.
pub(super) fn open(
    log_dir: &LogDir,
    at: &TopicPartition,
    config: LogConfig,
    now_ms: i64,
) -> Result<Log, StartError> {
    let checkpoints = log_dir.read_checkpoints()?;
    let recovery_point = checkpoints.recovery_points.get(at).copied();
    let options = OpenOptions {
        topic_id: Uuid::METADATA_TOPIC,
        config,
        recovery_point: recovery_point.unwrap_or_default(),
        clean_shutdown: log_dir.was_clean(),
        left_by_ottla: log_dir.was_left_by_ottla(),
        synced_one_by_one: recovery_point.is_some(),
        ..OpenOptions::new(at.clone(), now_ms)
    };
    let dir = log_dir.partition_dir(at);
    let is_there = !matches!(dir.list(), Err(error) if error.kind() == ErrorKind::NotFound);
    let is_gone = |point: &Offset| *point > Offset::ZERO && !is_there;
    if let Some(point) = recovery_point.filter(is_gone) {
        let checkpoint = log_dir.path().join("recovery-point-offset-checkpoint");
        let checkpoint = checkpoint.display();
        return Err(StartError::Metadata(format!(
            "{} is missing, and {checkpoint} has the line \"{} {} {point}\". Bring it back, or \
             remove that line to begin with a new cluster, which knows of no topic. Look at it with: \
             ottla log dump {checkpoint}",
            dir.path().display(),
            at.topic,
            at.partition
        )));
    }
    Ok(Log::open(dir, options)?)
}
