//! A disk that refuses one call: nothing that was acked is lost, and nothing panics.

use ottla_record::{BatchHeader, BuilderOptions};
use ottla_types::{LeaderEpoch, Offset};

use crate::AppendError;

use super::{
    crash::Between,
    disk::{Call, Failure, SimDisk},
    model::{Model, build, of_producer},
    owner::Owner,
    power_cut::outcomes,
    random::Random,
    world::{NOW, World, read_all, small},
};

const CALLS: [(Call, Failure); 11] = [
    (Call::Open, Failure::Io),
    (Call::Open, Failure::Full),
    (Call::Read, Failure::Io),
    (Call::Read, Failure::Short),
    (Call::Write, Failure::Io),
    (Call::Write, Failure::Full),
    (Call::Sync, Failure::Io),
    (Call::Rename, Failure::Io),
    (Call::Rename, Failure::Full),
    (Call::Remove, Failure::Io),
    (Call::SetSize, Failure::Full),
];

/// Appends, syncs and the like, until something fails. Whether it did.
fn work(world: &mut World, model: &mut Model) -> bool {
    for at in 0..40_i64 {
        let result = match world.random.below(8) {
            0..=3 => {
                let mut batch = build(BuilderOptions::default(), NOW + at, 2, 100);
                let appended = world.log().append_as_leader(&mut batch, LeaderEpoch(900), NOW);
                // One that failed may yet be in the log; not one for which there was no room, or
                // that failed before it had its place.
                let has_place = BatchHeader::parse(&batch).unwrap().base_offset.0 == model.end;
                if has_place && !matches!(appended, Err(AppendError::Full(_))) {
                    model.push(&batch);
                }
                appended.map(drop).map_err(|error| error.to_string())
            }
            4 => {
                let synced = world.log().sync(NOW);
                model.acked = synced.as_ref().map_or(model.acked, |_| model.end);
                synced.map(drop).map_err(|error| error.to_string())
            }
            5 => world.log().roll(NOW).map_err(|error| error.to_string()),
            6 => {
                let end = world.log().log_end_offset();
                let retained = world.log().apply_retention(NOW, end).map(drop);
                let removed = retained.and_then(|()| world.log().remove_retired(NOW).map(drop));
                model.start = world.log().log_start_offset().0;
                removed.map_err(|error| error.to_string())
            }
            _ => world.owner().checkpoint().map_err(|error| error.to_string()),
        };
        if result.is_err() {
            return true;
        }
    }
    false
}

/// What was promised before the failure still holds after a kill and after a power cut.
fn check(disk: &SimDisk, model: &Model, world: &World, context: &str, random: &mut Random) {
    let mut disks = vec![disk.copy()];
    for outcome in outcomes(&disk.choices(), 3, random) {
        disks.push(disk.after_power_cut(&outcome));
    }
    for disk in disks {
        let context = context.to_owned();
        Between { before: model, after: model, config: &world.config, context }.check(&disk);
    }
}

#[test]
fn a_call_that_fails_loses_nothing_that_was_acked() {
    let mut failed = 0;
    for seed in 0..70 {
        let mut world = World::new(seed, small());
        for _ in 0..30 {
            world.step();
        }
        let mut random = Random::new(seed);
        let (call, failure) = CALLS[random.below(CALLS.len())];
        let mut model = world.model.clone();
        world.disk.fail(call, random.below(6) as u64, failure);
        let has_failed = work(&mut world, &mut model);
        failed += usize::from(has_failed);
        let context = format!("seed {seed}, {call:?} fails with {failure:?}");
        if has_failed && world.log().failure().is_some() {
            let mut batch = build(BuilderOptions::default(), NOW, 1, 1);
            assert!(world.log().append_as_leader(&mut batch, LeaderEpoch(900), NOW).is_err());
            assert!(world.log().sync(NOW).is_err(), "{context}: tried again");
        }
        // Reading goes on.
        world.disk.heal();
        let readable = world.log().log_end_offset().0.min(model.acked);
        let start = world.log().log_start_offset();
        let bytes = read_all(world.log(), start).unwrap();
        let expected: Vec<u8> =
            model.up_to(readable).from(start.0).flat_map(|batch| batch.bytes.clone()).collect();
        assert!(bytes.starts_with(&expected), "{context}: reads from {start}");
        check(&world.disk, &model, &world, &context, &mut random);
    }
    assert!(failed > 25, "only {failed} calls failed");
}

#[test]
fn a_start_that_fails_can_be_tried_again() {
    let mut failed = 0;
    for seed in 0..70 {
        let mut world = World::new(seed, small());
        for _ in 0..40 {
            world.step();
        }
        let mut random = Random::new(seed);
        let choices = world.disk.choices();
        let outcome = outcomes(&choices, 3, &mut random).pop().unwrap();
        let disk = world.disk.after_power_cut(&outcome);
        let (call, failure) = CALLS[random.below(CALLS.len())];
        disk.fail(call, random.below(8) as u64, failure);
        let started = Owner::start(&disk, &world.config);
        let context = format!("seed {seed}, {call:?} fails with {failure:?} at the start");
        failed += usize::from(started.is_err());
        drop(started);
        check(&disk.copy(), &world.model, &world, &context, &mut random);
    }
    assert!(failed > 20, "only {failed} starts failed");
}

/// What was never acknowledged may stay or go, but what is acknowledged after it must not follow a
/// hole.
#[test]
fn what_a_failed_sync_has_dropped_is_no_hole_after_the_next_start() {
    let disk = SimDisk::new();
    let mut owner = Owner::start(&disk, &small()).unwrap();
    let append = |owner: &mut Owner| {
        let mut batch = build(BuilderOptions::default(), NOW, 1, 900);
        owner.log.append_as_leader(&mut batch, LeaderEpoch(0), NOW).unwrap().base_offset
    };
    append(&mut owner);
    owner.log.sync(NOW).unwrap();
    append(&mut owner);
    disk.fail(Call::Sync, 0, Failure::Io);
    assert!(owner.log.sync(NOW).is_err());
    drop(owner);
    let mut owner = Owner::start(&disk, &small()).unwrap();
    owner.sync_recovered();
    let last = append(&mut owner);
    owner.log.sync(NOW).unwrap();
    let nothing = vec![0; disk.choices().len()];
    let left = Owner::start(&disk.after_power_cut(&nothing), &small()).unwrap();
    assert_eq!(left.log.log_end_offset(), last.plus(1));
}

/// What a leader sent is in one run up to where a segment ends. Without room for that run nothing
/// may follow it.
#[test]
fn a_run_without_room_is_not_rolled_over() {
    let disk = SimDisk::new();
    let mut owner = Owner::start(&disk, &small()).unwrap();
    let batch = |offset| {
        let base_offset = Offset(offset);
        build(BuilderOptions { base_offset, ..BuilderOptions::default() }, NOW, 1, 600)
    };
    let sent: Vec<u8> = (0..4).flat_map(batch).collect();
    assert!(sent.len() > 1500, "more than a segment");
    disk.fail(Call::Write, 0, Failure::Full);
    let refused = owner.log.append_as_follower(&sent, NOW).unwrap_err();
    assert!(matches!(refused, AppendError::Full(_)), "{refused}");
    assert_eq!(owner.log.log_end_offset(), Offset(0));
    assert_eq!(owner.log.append_as_follower(&sent, NOW).unwrap(), Offset(4));
    assert_eq!(read_all(&owner.log, Offset(0)).unwrap(), sent);
}

/// The snapshot at the end of a segment is not synced when it is written. Where it is lost, or a
/// failed sync has dropped it, it must be there again before the segment goes.
#[test]
fn a_snapshot_that_is_lost_is_made_again_before_its_segment_goes() {
    for is_power_cut in [true, false] {
        let mut disk = SimDisk::new();
        let mut owner = Owner::start(&disk, &small()).unwrap();
        let mut sent = build(of_producer(1, 0, false), NOW, 1, 100);
        owner.log.append_as_leader(&mut sent.clone(), LeaderEpoch(0), NOW).unwrap();
        owner.log.sync(NOW).unwrap();
        owner.checkpoint().unwrap();
        owner.log.roll(NOW).unwrap();
        let cut = |disk: &SimDisk| disk.after_power_cut(&vec![0; disk.choices().len()]);
        if is_power_cut {
            disk = cut(&disk);
        } else {
            disk.fail(Call::Sync, 0, Failure::Io);
            assert!(owner.sync_file_system().is_err());
        }
        drop(owner);
        let mut owner = Owner::start(&disk, &small()).unwrap();
        owner.sync_recovered();
        owner.log.roll(NOW).unwrap();
        let mut other = build(BuilderOptions::default(), NOW, 1, 100);
        owner.log.append_as_leader(&mut other, LeaderEpoch(0), NOW).unwrap();
        owner.log.sync(NOW).unwrap();
        owner.log.delete_records_before(Offset(1)).unwrap();
        assert_eq!(owner.log.apply_retention(NOW, Offset(2)).unwrap().len(), 1);
        owner.checkpoint().unwrap();
        let mut left = Owner::start(&cut(&disk), &small()).unwrap();
        let again = left.log.append_as_leader(&mut sent, LeaderEpoch(0), NOW).unwrap();
        assert!(again.duplicate, "power cut: {is_power_cut}");
    }
}
