//! The power goes out after every single change that a round makes to the disk, and again while the
//! log is opened. `OTTLA_CRASH_OUTCOMES=32` tries more of each moment.

use std::{cell::RefCell, collections::BTreeSet};

use super::{
    compaction::{Alone, OPTIONS, Unpaced, clean_from, compacted},
    compaction_model::{Model, lasting, producers},
    *,
};
use crate::{
    CleanError, Cleanable, Cleaner, Cleaning,
    tests::{
        asked::{again, outcomes_of_a_moment, seeds},
        disk::{Call, Failure, SimDisk},
        power_cut::outcomes,
        random::Random,
    },
};

/// A log with everything in it, synced.
struct History {
    disk: SimDisk,
    model: Model,
    end: Offset,
}

impl History {
    fn new() -> Self {
        let disk = SimDisk::new();
        let mut model = Model::new();
        // Small segments, of which several are written into one.
        let config = LogConfig { segment_bytes: 300, ..compacted() };
        let mut log = open_on(&disk, &config, Offset(0)).unwrap();
        for n in 0..36_u8 {
            let producer = i64::from(n % 7);
            model.append(&mut log, producer, &[(n % 5, n % 4 != 0), (n % 7, true)], n % 5);
            if producer > 3 {
                model.end_txn(&mut log, producer, n % 4 < 2);
            }
        }
        log.roll(NOW).unwrap();
        log.close(NOW).unwrap();
        let end = log.log_end_offset();
        Self { disk, model, end }
    }

    fn config() -> LogConfig {
        LogConfig { segment_bytes: 1000, ..compacted() }
    }

    /// Opens what a power cut has left, compares everything, and cleans it.
    fn check(&self, disk: &SimDisk, point: Offset, context: &str) {
        let mut log = match open_on(disk, &Self::config(), point) {
            Ok(log) => log,
            Err(error) => panic!("{context}: {error}"),
        };
        assert_eq!(log.log_end_offset(), self.end, "{context}");
        self.model.check(&log);
        assert_eq!(lasting(&producers(&log)), self.producers(), "{context}");
        for name in log.dir.list().unwrap() {
            let is_left = [".cleaned", ".swap"].iter().any(|end| name.ends_with(end));
            assert!(!is_left, "{context}: {name}");
        }
        clean_from(&mut log, None, NOW).unwrap();
        self.model.check(&log);
    }

    /// The power goes out again, as long as something is left to be finished.
    fn cut_while_opening(&self, disk: &SimDisk, point: Offset, random: &mut Random, context: &str) {
        disk.keep_history();
        drop(open_on(disk, &Self::config(), point).unwrap());
        let moments = disk.take_history();
        for (at, moment) in moments.iter().enumerate().take_while(|(_, moment)| has_swap(moment)) {
            for outcome in outcomes(&moment.choices(), 2, random) {
                let left = moment.after_power_cut(&outcome);
                self.check(&left, point, &format!("{context}, and {at} of opening it"));
            }
        }
    }

    fn producers(&self) -> Lasting {
        lasting(&producers(&open_on(&self.disk.copy(), &Self::config(), self.end).unwrap()))
    }
}

type Lasting = Vec<(i64, i16, Option<i32>, Option<Offset>)>;

fn open_on(disk: &SimDisk, config: &LogConfig, point: Offset) -> Result<Log, LogError> {
    let topic_partition = TopicPartition::new(TopicName::new("t").unwrap(), 0);
    let options = OpenOptions {
        config: config.clone(),
        topic_id: Uuid([7; 16]),
        recovery_point: point,
        ..OpenOptions::new(topic_partition, NOW)
    };
    Log::open(disk.root().child("t-0"), options)
}

fn has_swap(disk: &SimDisk) -> bool {
    disk.files().keys().any(|name| name.ends_with(names::SWAP))
}

fn cleanable(log: &mut Log) -> Cleanable {
    log.advance_high_watermark(log.log_end_offset());
    log.cleanable(None, log.log_end_offset(), NOW).unwrap()
}

fn clean(log: &mut Log, cleanable: &Cleanable) -> Result<Cleaning, CleanError> {
    Cleaner::new(OPTIONS).clean(&Alone(RefCell::new(log)), cleanable, &mut Unpaced, NOW)
}

#[test]
fn after_a_power_cut_at_any_moment_a_round_is_finished_or_never_was() {
    let history = History::new();
    for seed in seeds(&[7]) {
        run(&history, seed);
    }
}

fn run(history: &History, seed: u64) {
    let mut random = Random::new(seed);
    let (mut seen, wanted) = (BTreeSet::new(), outcomes_of_a_moment());
    for point in [Offset(history.end.0 / 2), history.end] {
        let disk = history.disk.copy();
        let mut log = open_on(&disk, &History::config(), point).unwrap();
        let cleanable = cleanable(&mut log);
        disk.keep_history();
        let stats = clean(&mut log, &cleanable).unwrap().stats;
        assert!(stats.segments_written >= 2, "{stats:?}");
        assert!(stats.segments_read > stats.segments_written, "{stats:?}");
        let moments = disk.take_history();
        assert!(moments.len() > 50, "{}", moments.len());
        for (at, moment) in moments.iter().enumerate() {
            for outcome in outcomes(&moment.choices(), wanted, &mut random) {
                let left = moment.after_power_cut(&outcome);
                if !seen.insert((point, left.fingerprint())) {
                    continue;
                }
                let context = format!(
                    "after change {at}, recovery point {point}; {}",
                    again(seed, "a_round_is_finished")
                );
                let again = left.copy();
                history.check(&left, point, &context);
                if has_swap(&again) && random.one_in(3) {
                    history.cut_while_opening(&again, point, &mut random, &context);
                }
            }
        }
    }
}

#[test]
fn whatever_the_disk_refuses_the_log_loses_nothing() {
    let history = History::new();
    let calls = [Call::Open, Call::Read, Call::Write, Call::Sync, Call::Rename, Call::SetSize];
    for call in calls {
        for failure in [Failure::Io, Failure::Full] {
            for skip in 0.. {
                let disk = history.disk.copy();
                let mut log = open_on(&disk, &History::config(), history.end).unwrap();
                let cleanable = cleanable(&mut log);
                disk.fail(call, skip, failure);
                let cleaned = clean(&mut log, &cleanable);
                disk.heal();
                let context = format!("{failure:?} at {call:?} {skip}");
                match cleaned {
                    Ok(_) => break,
                    Err(CleanError::NoRoom { .. }) => {
                        assert_eq!(log.failure(), None, "{context}");
                        history.model.check(&log);
                        clean(&mut log, &cleanable).unwrap();
                    }
                    Err(CleanError::Storage(_)) => assert!(log.failure().is_some(), "{context}"),
                    Err(other) => panic!("{context}: {other}"),
                }
                drop(log);
                history.check(&disk, history.end, &context);
            }
        }
    }
}
