//! Power cuts after every change to a log that is compacted while it is written.
//!
//! `OTTLA_CRASH_SEEDS=100 cargo test -p ottla-log compacted` runs as many new seeds;
//! `OTTLA_CRASH_OUTCOMES=32` tries more of each moment.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use bytes::Bytes;
use ottla_record::{BatchBuilder, Batches, BuilderOptions, Compression, Record, Scratch};
use ottla_types::{LeaderEpoch, Offset};

use super::{
    asked::seeds,
    cuts::{Step, cut_after_each, cut_now_and_then},
    disk::SimDisk,
    owner::Owner,
    random::Random,
    world::{NOW, read_all, small},
};
use crate::{Cleaner, CleanerOptions, Interrupted, Log, LogConfig, Pace, SharedLog};

const STEPS: usize = 210;
const KEYS: usize = 6;
pub(crate) const OPTIONS: CleanerOptions =
    CleanerOptions { dedupe_bytes: 1 << 16, load_factor: 0.9, io_bytes: 8 << 10 };

/// A log that nobody else uses.
pub(crate) struct Alone<'a>(pub(crate) RefCell<&'a mut Log>);

impl SharedLog for Alone<'_> {
    fn with<T>(&self, run: impl FnOnce(&mut Log) -> T) -> T {
        run(&mut self.0.borrow_mut())
    }
}

pub(crate) struct Unpaced;

impl Pace for Unpaced {
    fn moved(&mut self, _bytes: u64) -> Result<(), Interrupted> {
        Ok(())
    }
}

/// What was appended, and how much of it may be gone.
#[derive(Clone, Debug, Default)]
struct Truth {
    /// The key of each offset.
    keys: Vec<usize>,
    /// Everything before it was synced.
    acked: usize,
    /// Before it compaction may have taken away what a later record replaces.
    cleanable_to: usize,
    /// What was gone when a power cut was survived.
    gone: BTreeSet<usize>,
}

pub(crate) struct Script {
    pub(crate) disk: SimDisk,
    truth: Truth,
    random: Random,
    owner: Option<Owner>,
    cleaned_to: Option<Offset>,
    /// How many keys there were when the write ahead began that is under way.
    written_to: usize,
    /// Whether producers compress what they send.
    pub(crate) is_compressed: bool,
}

fn config() -> LogConfig {
    LogConfig {
        cleanup_compact: true,
        cleanup_delete: false,
        segment_bytes: 900,
        retention_bytes: -1,
        ..small()
    }
}

pub(crate) fn keyed(
    base_offset: usize,
    keys: &[usize],
    size: usize,
    compression: Compression,
) -> Vec<u8> {
    let options = BuilderOptions {
        base_offset: Offset(i64::try_from(base_offset).unwrap()),
        leader_epoch: LeaderEpoch(3),
        compression,
        ..BuilderOptions::default()
    };
    let mut builder = BatchBuilder::new(options);
    for key in keys {
        let key = Some(Bytes::from(format!("k{key}")));
        let value = Some(Bytes::from(vec![7; size]));
        builder.append(&Record { timestamp: NOW, key, value, ..Record::default() }).unwrap();
    }
    builder.finish().unwrap().to_vec()
}

impl Script {
    pub(crate) fn new(seed: u64) -> Self {
        let disk = SimDisk::new();
        let owner = Some(Owner::start(&disk, &config()).unwrap());
        let (truth, random) = (Truth::default(), Random::new(seed));
        Self { disk, truth, random, owner, cleaned_to: None, written_to: 0, is_compressed: false }
    }

    pub(crate) fn owner(&mut self) -> &mut Owner {
        self.owner.as_mut().unwrap()
    }

    pub(crate) fn step(&mut self) -> &'static str {
        match self.random.below(50) {
            0..=8 => self.append(),
            9..=13 => self.follow(),
            14..=16 => self.sync(),
            17..=19 => {
                self.owner().checkpoint().unwrap();
                "checkpoint"
            }
            20..=22 => {
                self.owner().log.roll(NOW).unwrap();
                "roll"
            }
            23..=27 => self.clean(),
            28 => self.restart(),
            29..=38 => self.sync_ahead(),
            39..=42 => {
                self.finish_ahead();
                if self.owner().begin_ahead() {
                    self.written_to = self.truth.keys.len();
                }
                "begin to write ahead"
            }
            43..=46 => self.finish_ahead(),
            47 | 48 => {
                self.owner().settle();
                "settle"
            }
            _ => {
                self.start();
                "restart after a kill"
            }
        }
    }

    fn some(&mut self) -> Vec<u8> {
        let count = self.random.range(1, 4);
        let keys: Vec<usize> = (0..count).map(|_| self.random.below(KEYS)).collect();
        let size = self.random.below(60);
        let compression = if self.is_compressed {
            Compression::ALL[self.random.below(Compression::ALL.len())]
        } else {
            Compression::None
        };
        let batch = keyed(self.truth.keys.len(), &keys, size, compression);
        self.truth.keys.extend(keys);
        batch
    }

    fn append(&mut self) -> &'static str {
        let mut batch = self.some();
        self.owner().log.append_as_leader(&mut batch, LeaderEpoch(3), NOW).unwrap();
        "append"
    }

    fn follow(&mut self) -> &'static str {
        let count = self.random.range(1, 4);
        let bytes: Vec<u8> = (0..count).flat_map(|_| self.some()).collect();
        self.owner().log.append_as_follower(&bytes, NOW).unwrap();
        "append as a follower"
    }

    fn sync(&mut self) -> &'static str {
        self.owner().log.sync(NOW).unwrap();
        self.truth.acked = self.truth.keys.len();
        "sync"
    }

    fn finish_ahead(&mut self) -> &'static str {
        if self.owner().finish_ahead() {
            self.truth.acked = self.truth.acked.max(self.written_to);
        }
        "finish writing ahead"
    }

    fn sync_ahead(&mut self) -> &'static str {
        let was_ahead = self.owner().sync_ahead();
        self.truth.acked = self.truth.keys.len();
        if was_ahead { "write ahead" } else { "sync, not written ahead" }
    }

    fn clean(&mut self) -> &'static str {
        let cleaned_to = self.cleaned_to;
        let log = &mut self.owner.as_mut().unwrap().log;
        let cleanable = log.cleanable(cleaned_to, log.log_end_offset(), NOW).unwrap();
        let limit = usize::try_from(cleanable.first_uncleanable_offset.0).unwrap();
        self.truth.cleanable_to = self.truth.cleanable_to.max(limit);
        let alone = Alone(RefCell::new(log));
        let cleaned = Cleaner::new(OPTIONS).clean(&alone, &cleanable, &mut Unpaced, NOW).unwrap();
        self.cleaned_to = Some(cleaned.end_offset);
        let owner = self.owner();
        owner.note_cleaned(cleaned.end_offset).unwrap();
        owner.log.remove_retired(NOW).unwrap();
        "clean"
    }

    pub(crate) fn stop(&mut self) {
        self.owner.take().unwrap().stop().unwrap();
        self.truth.acked = self.truth.keys.len();
    }

    fn restart(&mut self) -> &'static str {
        self.stop();
        self.start();
        "restart"
    }

    fn start(&mut self) {
        self.owner = None;
        let mut owner = Owner::start(&self.disk, &config()).unwrap();
        owner.sync_recovered();
        self.owner = Some(owner);
    }

    fn go_on_after_power_cut(&mut self, disk: SimDisk) {
        self.disk = disk;
        self.start();
        let end = usize::try_from(self.owner().log.log_end_offset().0).unwrap();
        let there = found(&self.owner().log).unwrap();
        let truth = &mut self.truth;
        truth.gone = (0..end).filter(|offset| !there.contains_key(offset)).collect();
        truth.keys.truncate(end);
        truth.cleanable_to = truth.cleanable_to.min(end);
        self.cleaned_to = Some(self.owner().log.compacted_to());
    }
}

/// The key of each offset that is there.
fn found(log: &Log) -> Result<BTreeMap<usize, String>, crate::ReadError> {
    let bytes = read_all(log, Offset(0))?;
    let (mut found, mut scratch) = (BTreeMap::new(), Scratch::new());
    for batch in Batches::new(&bytes) {
        let (header, batch) = batch.unwrap();
        for record in scratch.records(&header, batch, usize::MAX).unwrap() {
            let record = record.unwrap();
            let offset = usize::try_from(record.offset(&header).0).unwrap();
            found.insert(offset, String::from_utf8(record.key.unwrap().to_vec()).unwrap());
        }
    }
    Ok(found)
}

/// Starts on what a power cut has left, and holds it against what it may be.
fn check(disk: &SimDisk, (before, after): (&Truth, &Truth), context: &str) {
    let mut owner = match Owner::start(disk, &config()) {
        Ok(owner) => owner,
        Err(error) => panic!("{context}: {error}"),
    };
    let end = usize::try_from(owner.log.log_end_offset().0).unwrap();
    let acked = before.acked.min(after.acked);
    assert!(end >= acked, "{context}: ends at {end}, but {acked} was acked");
    assert!(end <= after.keys.len(), "{context}: ends at {end}");
    let there = found(&owner.log).unwrap_or_else(|error| panic!("{context}: {error}"));
    for (offset, key) in &there {
        assert_eq!(*key, format!("k{}", after.keys[*offset]), "{context}: at {offset}");
    }
    for (offset, key) in after.keys.iter().enumerate().take(end) {
        // What was not synced may be gone even before what is there: compaction, too, leaves holes.
        if there.contains_key(&offset) || offset >= acked || after.gone.contains(&offset) {
            continue;
        }
        assert!(offset < after.cleanable_to, "{context}: {offset} is gone, of {end}");
        let key = format!("k{key}");
        let is_replaced = there.range(offset..).any(|(_, later)| *later == key);
        assert!(is_replaced, "{context}: {key} at {offset} is gone and nothing replaces it");
    }
    // It goes on where it ends, and what is synced then is there after the next cut.
    let mut batch = keyed(end, &[0], 5, Compression::None);
    owner.log.append_as_leader(&mut batch, LeaderEpoch(9), NOW).unwrap();
    owner.log.sync(NOW).unwrap();
    let nothing = vec![0; disk.choices().len()];
    let owner = Owner::start(&disk.after_power_cut(&nothing), &config()).unwrap();
    let again = found(&owner.log).unwrap();
    assert!(again.contains_key(&end), "{context}: went on");
    assert!(there.keys().all(|offset| again.contains_key(offset)), "{context}: still there");
}

fn run(seed: u64) -> usize {
    let mut script = Script::new(seed);
    let mut random = Random::new(!seed);
    let (mut cuts, mut seen) = (0, BTreeSet::new());
    for at in 0..STEPS {
        let before = script.truth.clone();
        script.disk.keep_history();
        let what = script.step();
        let history = script.disk.take_history();
        let done = Step { seed, at, what, filter: "compacted" };
        let after = &script.truth;
        cuts += cut_after_each(&history, done, &mut random, |disk, is_done, context| {
            let before = if is_done { after } else { &before };
            let promised = (before.acked, after.keys.len(), after.cleanable_to);
            if seen.insert((disk.fingerprint(), promised)) {
                check(disk, (before, after), &context);
            }
        });
        if let Some(disk) = cut_now_and_then(&script.disk, &mut random) {
            script.go_on_after_power_cut(disk);
        }
    }
    cuts
}

#[test]
fn after_a_power_cut_at_any_moment_a_compacted_log_is_right() {
    for seed in seeds(&[1, 5]) {
        let cuts = run(seed);
        assert!(cuts > 1000, "only {cuts} power cuts");
    }
}
