//! Power cuts after every single change to the disk, with all that they may leave behind.
//!
//! `OTTLA_CRASH_SEEDS=100 cargo test -p ottla-log power_cut` runs as many new seeds;
//! `OTTLA_CRASH_SEED=…` repeats one; `OTTLA_CRASH_OUTCOMES=32` tries more of each moment.

use std::collections::BTreeSet;

use ottla_record::{Batches, BuilderOptions, check_crc};
use ottla_types::{LeaderEpoch, Offset};

use super::{
    asked::{is_for_one_seed, seeds},
    cuts::{Step, cut_after_each, cut_now_and_then},
    disk::SimDisk,
    model::{Model, build, end_of_transaction, of_producer},
    owner::Owner,
    power_cut::outcomes,
    random::Random,
    world::{NOW, World, read_all, small},
};
use crate::{AppendOrigin, LogConfig};

/// Things done per seed.
const STEPS: usize = 210;

/// What the log must be after a power cut between two things done.
pub(crate) struct Between<'a> {
    pub(crate) before: &'a Model,
    pub(crate) after: &'a Model,
    pub(crate) config: &'a LogConfig,
    pub(crate) context: String,
}

impl Between<'_> {
    /// Starts on the disk and compares everything.
    pub(crate) fn check(&self, disk: &SimDisk) {
        let context = &self.context;
        let mut owner = match Owner::start(disk, self.config) {
            Ok(owner) => owner,
            Err(error) => panic!("{context}: {error}"),
        };
        let (start, end, bytes) = self.content(&owner);
        let truth = self.timeline(start, end, &bytes);
        self.check_derived(&owner, &truth, start);
        // Once more, from what recovery has left: the same.
        drop(owner.log);
        owner = Owner::start(disk, self.config).unwrap();
        let again = self.content(&owner);
        assert_eq!((start, end, &bytes), (again.0, again.1, &again.2), "{context}: opened twice");
        self.check_derived(&owner, &truth, start);
        self.check_producers(&mut owner, &truth);
        self.go_on(&mut owner, disk, end);
    }

    fn content(&self, owner: &Owner) -> (i64, i64, Vec<u8>) {
        let log = &owner.log;
        let (start, end) = (log.log_start_offset(), log.log_end_offset());
        let bytes = read_all(log, start).unwrap_or_else(|e| panic!("{}: {e}", self.context));
        (start.0, end.0, bytes)
    }

    /// Which of the two models the log follows.
    fn timeline(&self, start: i64, end: i64, bytes: &[u8]) -> Model {
        let (context, before, after) = (&self.context, self.before, self.after);
        let acked = before.acked.min(after.acked);
        assert!(end >= acked, "{context}: ends at {end}, but {acked} was acked");
        assert!(start <= after.start, "{context}: starts at {start}, not {}", after.start);
        let durable_start = before.checkpointed_start.min(after.checkpointed_start);
        assert!(start >= durable_start, "{context}: {start} was deleted");
        for batch in Batches::new(bytes) {
            check_crc(batch.unwrap().1).unwrap();
        }
        let follows = |model: &Model| {
            let shorter = model.up_to(end);
            let expected: Vec<u8> =
                shorter.from(start).flat_map(|batch| batch.bytes.clone()).collect();
            (end <= model.end && expected == bytes).then_some(shorter)
        };
        follows(after).or_else(|| follows(before)).unwrap_or_else(|| {
            let found: Vec<(i64, i64)> = Batches::new(bytes)
                .map(|batch| batch.unwrap().0)
                .map(|header| (header.base_offset.0, header.next_offset().0))
                .collect();
            panic!("{context}: from {start} to {end} there is {found:?}")
        })
    }

    /// What is known beside the batches follows from them.
    fn check_derived(&self, owner: &Owner, truth: &Model, start: i64) {
        let (context, log) = (&self.context, &owner.log);
        for batch in truth.from(start) {
            let found = log.leader_epoch_for(batch.header.base_offset.max(Offset(start)));
            assert_eq!(
                found,
                Some(batch.header.leader_epoch),
                "{context}: epoch at {}",
                batch.base()
            );
        }
        let first = log.first_base_offset().0;
        let reader = log.reader();
        let mut aborted = truth.aborted();
        aborted.retain(|txn| txn.2 >= first.max(start));
        let found = reader.aborted_transactions(Offset(start), Offset(truth.end));
        let found = found.unwrap_or_else(|error| panic!("{context}: {error}"));
        let found: Vec<(i64, i64, i64)> = found
            .iter()
            .map(|txn| (txn.producer_id.0, txn.first_offset.0, txn.last_offset.0))
            .collect();
        assert_eq!(found, aborted, "{context}: aborted transactions");
        let stable = truth.open().into_values().min().unwrap_or(truth.end).max(start);
        assert_eq!(log.last_stable_offset(Offset(truth.end)).0, stable, "{context}: stable");
        for batch in truth.from(start).step_by(3) {
            let timestamp = batch.header.max_timestamp;
            let found = reader.offset_for_timestamp(timestamp).unwrap();
            let expected = truth.at_timestamp(start, timestamp);
            let found = found.map(|found| (found.offset.0, found.leader_epoch));
            assert_eq!(found, expected, "{context}: at {timestamp}");
            let offset = batch.header.base_offset.max(Offset(start));
            let range = reader.read(offset, 1, Offset(truth.end), true).unwrap();
            assert_eq!(range.read().unwrap(), batch.bytes, "{context}: read at {offset}");
        }
        assert_eq!(reader.offset_for_timestamp(i64::MAX).unwrap(), None);
        assert!(log.recovery_point() <= log.log_end_offset());
    }

    /// What a producer sends again is not appended again.
    fn check_producers(&self, owner: &mut Owner, truth: &Model) {
        let context = &self.context;
        for batch in truth.last_of_producers().into_values() {
            let mut again = batch.bytes.clone();
            let epoch = LeaderEpoch(1000);
            match owner.log.append_as_leader(&mut again, epoch, NOW) {
                Ok(appended) => {
                    assert!(appended.duplicate, "{context}: {} is appended again", batch.base());
                    assert_eq!(appended.base_offset, batch.header.base_offset, "{context}");
                }
                Err(error) => panic!("{context}: {} sent again: {error}", batch.base()),
            }
        }
    }

    /// Appending goes on where the log ends, and what is synced then is there after the next cut.
    fn go_on(&self, owner: &mut Owner, disk: &SimDisk, end: i64) {
        let context = &self.context;
        let mut batch = build(BuilderOptions::default(), NOW, 2, 10);
        let appended = owner.log.append_as_leader(&mut batch, LeaderEpoch(1000), NOW).unwrap();
        assert_eq!(appended.base_offset, Offset(end), "{context}: appended");
        owner.log.sync(NOW).unwrap();
        let nothing = vec![0; disk.choices().len()];
        let owner = Owner::start(&disk.after_power_cut(&nothing), self.config).unwrap();
        assert_eq!(owner.log.log_end_offset(), Offset(end + 2), "{context}: went on");
    }
}

/// Runs one seed. Gives how many power cuts there were.
fn run(seed: u64, config: LogConfig, step: fn(&mut World) -> &'static str) -> usize {
    let mut world = World::new(seed, config);
    let mut random = Random::new(!seed);
    let (mut cuts, mut seen) = (0, BTreeSet::new());
    for at in 0..STEPS {
        let before = world.model.clone();
        world.disk.keep_history();
        let what = step(&mut world);
        let history = world.disk.take_history();
        let done = Step { seed, at, what, filter: "power_cut" };
        let (config, after) = (&world.config, &world.model);
        cuts += cut_after_each(&history, done, &mut random, |disk, is_done, context| {
            let before = if is_done { after } else { &before };
            // What was right stays right unless more was acked.
            let promised = (before.acked, before.checkpointed_start, after.start, after.end);
            if seen.insert((disk.fingerprint(), promised)) {
                Between { before, after, config, context }.check(disk);
            }
        });
        if let Some(disk) = cut_now_and_then(&world.disk, &mut random) {
            world.go_on_after_power_cut(disk);
        }
    }
    cuts
}

#[test]
fn after_a_power_cut_at_any_moment_the_log_is_right() {
    // The second one retained a segment whose producers were never synced: it ended where all was
    // durable. The third one cut off an aborted transaction whose index was never synced either.
    for seed in seeds(&[4, 178_700_897_327_921, 12_659_521_313_942]) {
        let cuts = run(seed, preallocated(seed), World::step);
        assert!(cuts > 1000, "only {cuts} power cuts");
    }
}

/// Another seed, for the other core.
#[test]
fn after_a_power_cut_at_any_other_moment_the_log_is_right() {
    if !is_for_one_seed() {
        run(2, preallocated(2), World::step);
    }
}

fn preallocated(seed: u64) -> LogConfig {
    LogConfig { preallocate: seed.is_multiple_of(2), ..small() }
}

#[test]
fn after_a_power_cut_at_any_moment_what_was_written_ahead_is_there() {
    for seed in seeds(&[1, 3]) {
        let config = LogConfig { segment_bytes: 12_000, retention_bytes: 30_000, ..small() };
        run(seed, config, World::step_ahead);
    }
}

/// Where the log ends at its recovery point again, nothing of it is left to sync.
#[test]
fn an_aborted_transaction_that_was_truncated_away_leaves_nothing_after_a_clean_stop() {
    let disk = SimDisk::new();
    let mut owner = Owner::start(&disk, &small()).unwrap();
    let append = |owner: &mut Owner, mut batch: Vec<u8>, origin| {
        owner.log.append_from(origin, &mut batch, LeaderEpoch(0), NOW).unwrap();
    };
    append(&mut owner, build(of_producer(1, 0, true), NOW, 1, 10), AppendOrigin::CLIENT);
    owner.log.sync(NOW).unwrap();
    append(&mut owner, end_of_transaction(1, false, NOW), AppendOrigin::COORDINATOR);
    owner.log.truncate_to(Offset(1), NOW).unwrap();
    let before = disk.copy();
    owner.stop().unwrap();
    for disk in [before, disk] {
        let choices = disk.choices();
        for outcome in outcomes(&choices, 200, &mut Random::new(1)) {
            let left = Owner::start(&disk.after_power_cut(&outcome), &small()).unwrap();
            assert_eq!(left.log.log_end_offset(), Offset(1));
            let aborted = left.log.reader().aborted_transactions(Offset(0), Offset(1));
            assert_eq!(aborted.unwrap(), []);
        }
    }
}

/// Every append synced: a segment is durable when it ends, and the snapshot that is written then is
/// not. Once the segment is deleted nothing else knows of what began in it.
#[test]
fn a_transaction_that_began_in_a_deleted_segment_is_open_after_a_power_cut() {
    let disk = SimDisk::new();
    let mut owner = Owner::start(&disk, &small()).unwrap();
    let append = |owner: &mut Owner, options| {
        let mut batch = build(options, NOW, 1, 10);
        owner.log.append_as_leader(&mut batch, LeaderEpoch(0), NOW).unwrap();
        owner.log.sync(NOW).unwrap();
    };
    append(&mut owner, of_producer(1, 0, true));
    owner.log.roll(NOW).unwrap();
    append(&mut owner, BuilderOptions::default());
    owner.log.delete_records_before(Offset(1)).unwrap();
    assert_eq!(owner.log.apply_retention(NOW, Offset(2)).unwrap().len(), 1);
    owner.checkpoint().unwrap();
    let nothing = vec![0; disk.choices().len()];
    let left = Owner::start(&disk.after_power_cut(&nothing), &small()).unwrap();
    assert_eq!((left.log.log_start_offset(), left.log.log_end_offset()), (Offset(1), Offset(2)));
    assert_eq!(left.log.last_stable_offset(Offset(2)), Offset(1));
}
