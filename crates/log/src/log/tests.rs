//! The log as a whole, on real files in a temporary directory.

mod ahead;
mod append;
mod compaction;
mod compaction_crash;
mod compaction_model;
mod faults;
mod inspect;
mod kafka_left;
mod leader_epochs;
mod model;
mod recovery;
mod relocate;
mod retention;
mod times;
mod transactions;
mod truncate;
mod wrong_indexes;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use ottla_record::{BatchBuilder, BatchHeader, Batches, BuilderOptions, Record};
use ottla_types::TopicName;
use tempfile::TempDir;

use super::*;
use crate::{Appended, DiskDir};

/// The time at which most tests happen, in ms.
const NOW: i64 = 1_700_000_000_000;
const EPOCH: LeaderEpoch = LeaderEpoch(3);

/// A log in a directory of its own.
struct Bench {
    temp: TempDir,
    config: LogConfig,
    log: Log,
}

impl Bench {
    fn new(config: LogConfig) -> Self {
        let temp = tempfile::tempdir().unwrap();
        let log = open(temp.path(), &config, |_| {}).unwrap();
        Self { temp, config, log }
    }

    fn path(&self) -> PathBuf {
        self.temp.path().join("t-0")
    }

    /// Closes the log in good order and opens it again.
    fn restart(mut self) -> Self {
        self.log.close(NOW).unwrap();
        let end = self.log.log_end_offset();
        let start = self.log.log_start_offset();
        self.log = open(self.temp.path(), &self.config, |options| {
            options.clean_shutdown = true;
            options.left_by_ottla = true;
            options.recovery_point = end;
            options.log_start_offset = start;
        })
        .unwrap();
        self
    }

    /// Drops the log as a crash does and opens it again, with nothing known.
    fn crash(mut self) -> Self {
        let point = self.log.recovery_point();
        let start = self.log.log_start_offset();
        self.log = open(self.temp.path(), &self.config, |options| {
            options.recovery_point = point;
            options.log_start_offset = start;
        })
        .unwrap();
        self
    }

    fn append(&mut self, mut batch: Vec<u8>) -> Appended {
        self.log.append_as_leader(&mut batch, EPOCH, NOW).unwrap()
    }

    /// All bytes of all segments, in order.
    fn bytes(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for name in self.files(".log") {
            all.extend(std::fs::read(self.path().join(name)).unwrap());
        }
        all
    }

    fn files(&self, suffix: &str) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(suffix))
            .collect();
        names.sort();
        names
    }
}

fn open(
    data: &Path,
    config: &LogConfig,
    change: impl FnOnce(&mut OpenOptions),
) -> Result<Log, LogError> {
    let topic_partition = TopicPartition::new(TopicName::new("t").unwrap(), 0);
    let mut options = OpenOptions::new(topic_partition, NOW);
    options.config = config.clone();
    options.topic_id = Uuid([7; 16]);
    change(&mut options);
    Log::open(Arc::new(DiskDir::new(data.join("t-0"))), options)
}

/// Small segments with many index entries.
fn small() -> LogConfig {
    LogConfig { segment_bytes: 1000, index_interval_bytes: 100, ..LogConfig::default() }
}

fn build(options: BuilderOptions, timestamps: &[i64], value_size: usize) -> Vec<u8> {
    let mut builder = BatchBuilder::new(options);
    for timestamp in timestamps {
        let value = Some(Bytes::from(vec![b'v'; value_size]));
        let record = Record { timestamp: *timestamp, value, ..Record::default() };
        builder.append(&record).unwrap();
    }
    builder.finish().unwrap().to_vec()
}

/// A batch of so many records, all made now.
fn plain(count: usize) -> Vec<u8> {
    build(BuilderOptions::default(), &vec![NOW; count], 10)
}

/// A batch of an idempotent producer.
fn produced(producer_id: i64, producer_epoch: i16, base_sequence: i32, count: usize) -> Vec<u8> {
    let options = BuilderOptions {
        producer_id: ProducerId(producer_id),
        producer_epoch,
        base_sequence,
        ..BuilderOptions::default()
    };
    build(options, &vec![NOW; count], 10)
}

/// Everything a reader gets from an offset to the end of the log.
fn read_all(reader: &LogReader, mut from: Offset) -> Vec<u8> {
    let mut all = Vec::new();
    while from < reader.log_end_offset() {
        let range = reader.read(from, usize::MAX, reader.log_end_offset(), true).unwrap();
        let bytes = range.read().unwrap();
        let Some(last) = Batches::new(&bytes).last() else { break };
        from = last.unwrap().0.next_offset();
        all.extend_from_slice(&bytes);
    }
    all
}

fn headers(bytes: &[u8]) -> Vec<BatchHeader> {
    Batches::new(bytes).map(|batch| batch.unwrap().0).collect()
}
