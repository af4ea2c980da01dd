//! A log that a seed does things to, and a model beside it.

use std::sync::Arc;

use ottla_record::{BuilderOptions, Compression};
use ottla_types::{LeaderEpoch, Offset};

use super::{
    disk::SimDisk,
    model::{Model, build, end_of_transaction, of_producer},
    owner::Owner,
    random::Random,
};
use crate::{AppendOrigin, Log, LogConfig};

pub(crate) const NOW: i64 = 1_700_000_000_000;

/// What a seed makes of it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) disk: SimDisk,
    pub(crate) config: LogConfig,
    pub(crate) model: Model,
    pub(crate) random: Random,
    owner: Option<Owner>,
    leader_epoch: i32,
    timestamp: i64,
    /// Whether producers compress what they send.
    pub(crate) is_compressed: bool,
}

/// Small segments with many index entries.
pub(crate) fn small() -> LogConfig {
    LogConfig {
        segment_bytes: 1500,
        index_interval_bytes: 200,
        retention_ms: -1,
        retention_bytes: 8000,
        file_delete_delay_ms: 0,
        ..LogConfig::default()
    }
}

impl World {
    pub(crate) fn new(seed: u64, config: LogConfig) -> Self {
        let disk = SimDisk::new();
        let owner = Some(Owner::start(&disk, &config).unwrap());
        let (model, random) = (Model::default(), Random::new(seed));
        Self {
            disk,
            config,
            model,
            random,
            owner,
            leader_epoch: 0,
            timestamp: NOW,
            is_compressed: false,
        }
    }

    pub(crate) fn log(&mut self) -> &mut Log {
        &mut self.owner.as_mut().unwrap().log
    }

    pub(crate) fn owner(&mut self) -> &mut Owner {
        self.owner.as_mut().unwrap()
    }

    pub(crate) fn stop(&mut self) {
        let owner = self.owner.take().unwrap();
        owner.stop().unwrap();
        self.model.acked = self.model.end;
        self.model.checkpointed_start = self.model.start;
    }

    pub(crate) fn start(&mut self) {
        let mut owner = Owner::start(&self.disk, &self.config).unwrap();
        owner.sync_recovered();
        let end = owner.log.log_end_offset().0;
        self.owner = Some(owner);
        self.follow();
        self.model.acked = end;
    }

    /// Goes on with the disk that a power cut left.
    pub(crate) fn go_on_after_power_cut(&mut self, disk: SimDisk) {
        self.owner = None;
        self.disk = disk;
        self.start();
        let end = self.log().log_end_offset().0;
        self.model = self.model.up_to(end);
        // Without a broker to raise the epoch, the world does.
        self.leader_epoch += 1;
    }

    /// One more thing done to the log. Says what.
    pub(crate) fn step(&mut self) -> &'static str {
        match self.random.below(50) {
            0..=7 => self.append_plain(),
            8..=13 => self.append_idempotent(),
            14..=16 => self.append_several(),
            17..=20 => self.append_transactional(),
            21..=23 => self.end_a_transaction(),
            24 => self.repeat_a_batch(),
            25..=28 => self.sync(),
            29..=31 => self.checkpoint(),
            32 => self.roll(),
            33 => self.delete_records(),
            34 | 35 => self.retain(),
            36 => self.truncate(),
            37 => self.begin_an_epoch(),
            38 => self.restart(),
            39..=42 => self.append_as_follower(),
            43..=47 => self.sync_ahead(),
            48 => self.settle(),
            _ => self.restart_after_a_kill(),
        }
    }

    /// The same for a log that is mostly written ahead.
    pub(crate) fn step_ahead(&mut self) -> &'static str {
        match self.random.below(64) {
            0..=6 => self.append_plain(),
            7..=12 => self.append_idempotent(),
            13 => self.append_as_follower(),
            14..=16 => self.append_transactional(),
            17 | 18 => self.end_a_transaction(),
            19..=42 => self.sync_ahead(),
            43..=55 => self.settle(),
            56..=58 => self.checkpoint(),
            59 => self.retain(),
            60 => self.begin_an_epoch(),
            61 => self.roll(),
            62 => self.delete_records(),
            _ => self.restart_after_a_kill(),
        }
    }

    fn append(&mut self, mut batch: Vec<u8>, origin: AppendOrigin) {
        let epoch = LeaderEpoch(self.leader_epoch);
        let appended = self.log().append_from(origin, &mut batch, epoch, NOW).unwrap();
        assert!(!appended.duplicate);
        self.model.push(&batch);
    }

    /// Timestamps mostly grow.
    fn next_timestamp(&mut self) -> i64 {
        self.timestamp += 10;
        self.timestamp + i64::try_from(self.random.below(60)).unwrap() - 30
    }

    fn some(&mut self, mut options: BuilderOptions) -> Vec<u8> {
        if self.is_compressed {
            options.compression = Compression::ALL[self.random.below(Compression::ALL.len())];
        }
        let timestamp = self.next_timestamp();
        let (count, size) = (self.random.range(1, 4), self.random.below(200));
        build(options, timestamp, count, size)
    }

    fn append_plain(&mut self) -> &'static str {
        let batch = self.some(BuilderOptions::default());
        self.append(batch, AppendOrigin::CLIENT);
        "append"
    }

    fn next_sequence(&self, producer_id: i64) -> i32 {
        let last = self.model.last_of_producers();
        last.get(&producer_id).map_or(0, |batch| batch.header.last_sequence() + 1)
    }

    fn append_idempotent(&mut self) -> &'static str {
        let producer_id = i64::try_from(self.random.below(3)).unwrap();
        let batch = self.some(of_producer(producer_id, self.next_sequence(producer_id), false));
        self.append(batch, AppendOrigin::CLIENT);
        "append idempotent"
    }

    fn append_several(&mut self) -> &'static str {
        let count = self.random.range(2, 6);
        for _ in 0..count {
            let batch = self.some(BuilderOptions::default());
            self.append(batch, AppendOrigin::CLIENT);
        }
        "append several"
    }

    /// As a follower gets it: batches with offsets and epochs, of which a later one may be newer.
    fn append_as_follower(&mut self) -> &'static str {
        let mut bytes = Vec::new();
        for _ in 0..self.random.range(1, 5) {
            self.leader_epoch += i32::from(self.random.one_in(6));
            let producer_id = i64::try_from(self.random.below(3)).unwrap();
            let options = if self.random.one_in(3) {
                of_producer(producer_id, self.next_sequence(producer_id), false)
            } else {
                BuilderOptions::default()
            };
            let batch = self.some(BuilderOptions {
                base_offset: Offset(self.model.end),
                leader_epoch: LeaderEpoch(self.leader_epoch),
                ..options
            });
            self.model.push(&batch);
            bytes.extend(batch);
        }
        let end = self.log().append_as_follower(&bytes, NOW).unwrap();
        assert_eq!(end.0, self.model.end);
        "append as a follower"
    }

    fn append_transactional(&mut self) -> &'static str {
        let producer_id = 10 + i64::try_from(self.random.below(2)).unwrap();
        let batch = self.some(of_producer(producer_id, self.next_sequence(producer_id), true));
        self.append(batch, AppendOrigin::CLIENT);
        "append transactional"
    }

    fn end_a_transaction(&mut self) -> &'static str {
        let open: Vec<i64> = self.model.open().into_keys().collect();
        if open.is_empty() {
            return self.append_transactional();
        }
        let producer_id = open[self.random.below(open.len())];
        let committed = self.random.one_in(3);
        let timestamp = self.next_timestamp();
        let marker = end_of_transaction(producer_id, committed, timestamp);
        self.append(marker, AppendOrigin::COORDINATOR);
        if committed { "commit" } else { "abort" }
    }

    fn repeat_a_batch(&mut self) -> &'static str {
        let known = self.model.last_of_producers();
        let Some(batch) = known.values().next().map(|batch| (*batch).clone()) else {
            return self.append_plain();
        };
        let epoch = LeaderEpoch(self.leader_epoch);
        let appended = self.log().append_as_leader(&mut batch.bytes.clone(), epoch, NOW).unwrap();
        assert!(appended.duplicate);
        assert_eq!(appended.base_offset, batch.header.base_offset);
        "repeat a batch"
    }

    fn sync(&mut self) -> &'static str {
        assert_eq!(self.log().sync(NOW).unwrap().0, self.model.end);
        self.model.acked = self.model.end;
        "sync"
    }

    fn sync_ahead(&mut self) -> &'static str {
        let was_ahead = self.owner().sync_ahead();
        assert_eq!(self.log().durable_offset().0, self.model.end);
        self.model.acked = self.model.end;
        if was_ahead { "write ahead" } else { "sync, not written ahead" }
    }

    fn settle(&mut self) -> &'static str {
        self.owner().settle();
        "settle"
    }

    fn checkpoint(&mut self) -> &'static str {
        self.owner().checkpoint().unwrap();
        self.model.checkpointed_start = self.model.start.min(self.log().recovery_point().0);
        "checkpoint"
    }

    fn roll(&mut self) -> &'static str {
        self.log().roll(NOW).unwrap();
        "roll"
    }

    fn delete_records(&mut self) -> &'static str {
        let (start, end) = (self.model.start, self.model.end);
        let to = start
            + i64::try_from(self.random.below(1 + usize::try_from(end - start).unwrap() / 2))
                .unwrap();
        assert_eq!(self.log().delete_records_before(Offset(to)).unwrap().0, to);
        self.model.start = to;
        self.checkpoint();
        "delete records"
    }

    fn retain(&mut self) -> &'static str {
        let end = Offset(self.model.end);
        self.log().apply_retention(NOW, end).unwrap();
        self.log().remove_retired(NOW).unwrap();
        self.follow();
        "retain"
    }

    /// What was deleted is not waited for any more. A start that was only asked for says nothing of
    /// what is durable.
    fn follow(&mut self) {
        let start = self.log().log_start_offset().0;
        if start > self.model.start {
            self.model.acked = self.model.acked.max(start);
        }
        self.model.start = start;
    }

    fn truncate(&mut self) -> &'static str {
        let (start, end) = (self.model.start, self.model.end);
        let back = self.random.below(1 + usize::try_from(end - start).unwrap().min(12));
        let to = end - i64::try_from(back).unwrap();
        // Nothing may be claimed to be on disk that is about to change, nor come back from what was
        // written ahead.
        self.owner().empty_write_ahead();
        self.model.acked = self.model.end;
        self.log().lower_recovery_point(Offset(to));
        self.checkpoint();
        self.log().truncate_to(Offset(to), NOW).unwrap();
        self.model.truncate(to);
        self.leader_epoch += 1;
        "truncate"
    }

    fn begin_an_epoch(&mut self) -> &'static str {
        self.leader_epoch += 1;
        let epoch = LeaderEpoch(self.leader_epoch);
        self.log().assign_leader_epoch(epoch);
        "begin an epoch"
    }

    fn restart(&mut self) -> &'static str {
        self.stop();
        self.start();
        "restart"
    }

    fn restart_after_a_kill(&mut self) -> &'static str {
        self.owner = None;
        self.start();
        assert_eq!(self.log().log_end_offset().0, self.model.end);
        "restart after a kill"
    }
}

/// Every batch that a reader gets from `from` on, as bytes.
pub(crate) fn read_all(log: &Log, mut from: Offset) -> Result<Vec<u8>, crate::ReadError> {
    let reader = Arc::new(log.reader());
    let mut all = Vec::new();
    while from < reader.log_end_offset() {
        let range = reader.read(from, usize::MAX, reader.log_end_offset(), true)?;
        let bytes = range.read().unwrap();
        let Some(last) = ottla_record::Batches::new(&bytes).filter_map(Result::ok).last() else {
            break;
        };
        from = last.0.next_offset();
        all.extend_from_slice(&bytes);
    }
    Ok(all)
}
