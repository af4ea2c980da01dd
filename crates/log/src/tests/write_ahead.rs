//! The files by themselves: what is read back, what is told of, and when a file is used again.

use std::sync::Arc;

use bytes::Bytes;
use ottla_record::BuilderOptions;
use ottla_types::{LeaderEpoch, Offset, Uuid};

use super::{
    disk::{Call, Failure, SimDisk},
    model::build,
    owner::{Owner, first_of},
    world::{NOW, read_all, small},
};
use crate::{
    Log, LogDir, LogFile, OpenMode, OpenOptions, PendingWrite, WriteAhead, WrittenAhead, is_full,
    write_ahead::{FILE_NAMES, Mark, group::BLOCK, read::describe},
};

const TOPIC: Uuid = Uuid([5; 16]);
const SECRET: Uuid = Uuid([1; 16]);
/// Room for the header and six groups of one block.
const FILE_BYTES: u64 = 8 * BLOCK as u64;

fn open(disk: &SimDisk) -> WriteAhead {
    let root = disk.root();
    let found = WrittenAhead::read(root.as_ref()).unwrap();
    WriteAhead::open(root.as_ref(), &found, FILE_BYTES, SECRET).unwrap()
}

fn batch(base_offset: i64) -> Vec<u8> {
    let options = BuilderOptions { base_offset: Offset(base_offset), ..BuilderOptions::default() };
    build(options, NOW, 1, 100)
}

/// What a log would ask for that has this batch in its file.
fn pending(disk: &SimDisk, partition: i32, content: &[u8]) -> PendingWrite {
    let name = "segment";
    disk.put(name, Some([b"before", content].concat()));
    let file: Arc<dyn LogFile> = disk.root().open(name, OpenMode::Read).unwrap();
    let mark = Mark { offset: Offset(1), segment: Offset(0), position: 0, truncations: 0 };
    PendingWrite {
        file: Some(file),
        of: (TOPIC, partition),
        position: 6,
        size: content.len(),
        mark,
    }
}

fn write(disk: &SimDisk, log: &mut WriteAhead, partition: i32, content: &[u8]) {
    assert!(log.add(&mut pending(disk, partition, content)).unwrap());
    log.commit().unwrap();
}

fn found(disk: &SimDisk, partition: i32) -> Vec<Bytes> {
    let found = WrittenAhead::read(disk.root().as_ref()).unwrap();
    found.of(TOPIC, partition).to_vec()
}

#[test]
fn what_was_committed_is_found_in_its_order() {
    let disk = SimDisk::new();
    let mut log = open(&disk);
    assert!(log.add(&mut pending(&disk, 0, &batch(0))).unwrap());
    assert!(log.add(&mut pending(&disk, 1, &batch(70))).unwrap());
    log.commit().unwrap();
    write(&disk, &mut log, 0, &batch(1));
    assert!(log.add(&mut pending(&disk, 0, &batch(2))).unwrap());
    assert_eq!(found(&disk, 0), [batch(0), batch(1)]);
    assert_eq!(found(&disk, 1), [batch(70)]);
    let all = WrittenAhead::read(disk.root().as_ref()).unwrap();
    assert_eq!(all.end_offset(TOPIC, 0), Some(Offset(2)));
    assert_eq!(all.end_offset(Uuid([6; 16]), 0), None);
}

#[test]
fn a_file_is_used_again_only_once_it_is_settled() {
    let disk = SimDisk::new();
    let mut log = open(&disk);
    let mut offset = 0;
    let mut fill = |log: &mut WriteAhead| {
        while !log.is_full() {
            write(&disk, log, 0, &batch(offset));
            offset += 1;
        }
        offset
    };
    let first = fill(&mut log);
    assert!(log.turn().unwrap());
    let second = fill(&mut log);
    assert!(!log.turn().unwrap(), "what the first file holds may be nowhere else");
    let offsets = |from: i64, to: i64| (from..to).map(batch).collect::<Vec<_>>();
    assert_eq!(found(&disk, 0), offsets(0, second), "the older file comes first");
    log.settled();
    assert!(log.turn().unwrap());
    assert_eq!(found(&disk, 0), offsets(first, second));
    let third = fill(&mut log);
    assert_eq!(found(&disk, 0), offsets(first, third));
    log.empty().unwrap();
    assert!(WrittenAhead::read(disk.root().as_ref()).unwrap().is_empty());
}

/// Thousands of partitions wait in one round: more than files may be open.
#[test]
fn what_waits_for_its_group_keeps_no_file_open() {
    let disk = SimDisk::new();
    let mut log = open(&disk);
    let mut write = pending(&disk, 0, &batch(0));
    let file = write.file.as_ref().map(Arc::downgrade).unwrap();
    assert!(log.add(&mut write).unwrap());
    assert!(file.upgrade().is_none());
}

#[test]
fn who_comes_later_counts_on_from_what_it_finds() {
    let disk = SimDisk::new();
    let mut log = open(&disk);
    write(&disk, &mut log, 0, &batch(0));
    let before = log.use_id();
    drop(log);
    let mut log = open(&disk);
    assert_ne!(log.use_id(), before);
    write(&disk, &mut log, 0, &batch(1));
    assert_eq!(found(&disk, 0).last(), Some(&batch(1).into()));
}

#[test]
fn a_group_that_is_not_whole_is_left_out_and_what_follows_is_not() {
    let disk = SimDisk::new();
    let mut log = open(&disk);
    for offset in 0..3 {
        write(&disk, &mut log, 0, &batch(offset));
    }
    let name = FILE_NAMES.iter().find(|name| {
        let content = disk.root().read(name).unwrap().unwrap();
        content[BLOCK..].iter().any(|byte| *byte != 0)
    });
    let name = name.unwrap();
    let mut content = disk.root().read(name).unwrap().unwrap();
    content[2 * BLOCK + 100] ^= 1;
    disk.put(name, Some(content.clone()));
    assert_eq!(found(&disk, 0), [batch(0), batch(2)]);
    content.truncate(3 * BLOCK + 10);
    disk.put(name, Some(content.clone()));
    assert_eq!(found(&disk, 0), [batch(0)]);
    content[0] ^= 1;
    disk.put(name, Some(content));
    assert!(found(&disk, 0).is_empty());
}

#[test]
fn without_room_for_the_files_none_is_left_and_there_is_room_again() {
    let mut refused = 0;
    for skip in 0.. {
        let disk = SimDisk::new();
        disk.fail(Call::Write, skip, Failure::Full);
        let found = WrittenAhead::default();
        let opened = WriteAhead::open(disk.root().as_ref(), &found, FILE_BYTES, SECRET);
        let Err(error) = opened else { break };
        refused += 1;
        assert!(is_full(&error), "{error}");
        // The last write is that of the header of a file that is whole.
        let is_made = WriteAhead::is_made(disk.root().as_ref());
        assert!(is_made || disk.files().is_empty(), "{skip}: {:?}", disk.files().keys());
        disk.heal();
        let mut log = open(&disk);
        write(&disk, &mut log, 0, &batch(0));
        assert_eq!(self::found(&disk, 0), [batch(0)]);
    }
    assert!(refused > 2, "only {refused}");
}

#[test]
fn files_that_were_removed_bring_nothing_back() {
    let disk = SimDisk::new();
    let mut log = open(&disk);
    write(&disk, &mut log, 0, &batch(0));
    WriteAhead::remove(disk.root().as_ref()).unwrap();
    let nothing = vec![0; disk.choices().len()];
    let disk = disk.after_power_cut(&nothing);
    assert!(found(&disk, 0).is_empty() && !WriteAhead::is_made(disk.root().as_ref()));
}

/// Else a power cut could leave the next segment without it, which in a compacted log is no hole to
/// anybody.
#[test]
fn before_a_segment_follows_what_is_being_written_ahead_is_on_the_disk() {
    let disk = SimDisk::new();
    let mut owner = Owner::start(&disk, &small()).unwrap();
    let append = |owner: &mut Owner, offset| {
        let epoch = LeaderEpoch(0);
        owner.log.append_as_leader(&mut batch(offset), epoch, NOW).unwrap();
    };
    append(&mut owner, 0);
    owner.log.sync(NOW).unwrap();
    append(&mut owner, 1);
    assert!(owner.begin_ahead());
    owner.log.roll(NOW).unwrap();
    let nothing = vec![0; disk.choices().len()];
    let left = Owner::start(&disk.after_power_cut(&nothing), &small()).unwrap();
    assert_eq!(left.log.log_end_offset(), Offset(2));
}

/// The kernel goes on showing what it could not write, and takes it for written: whoever starts on
/// that without a power cut in between must not believe it.
#[test]
fn what_a_failed_sync_has_dropped_is_taken_back_at_the_next_start() {
    let disk = SimDisk::new();
    let mut owner = Owner::start(&disk, &small()).unwrap();
    owner.log.append_as_leader(&mut batch(0), LeaderEpoch(0), NOW).unwrap();
    owner.log.sync(NOW).unwrap();
    for offset in 1..4 {
        owner.log.append_as_leader(&mut batch(offset), LeaderEpoch(0), NOW).unwrap();
        assert!(owner.sync_ahead());
    }
    disk.fail(Call::Sync, 0, Failure::Io);
    assert!(owner.sync_file_system().is_err());
    drop(owner);
    let mut owner = Owner::start(&disk, &small()).unwrap();
    assert_eq!(owner.log.log_end_offset(), Offset(4));
    owner.sync_recovered();
    let nothing = vec![0; disk.choices().len()];
    let left = Owner::start(&disk.after_power_cut(&nothing), &small()).unwrap();
    assert_eq!(left.log.log_end_offset(), Offset(4));
    assert_eq!(read_all(&left.log, Offset(0)).unwrap().len(), 4 * batch(0).len());
}

/// Somebody who does not know of the write-ahead log recovers after a power cut, goes on, and dies
/// as well.
#[test]
fn what_was_written_ahead_does_not_follow_what_came_after_it() {
    let disk = SimDisk::new();
    let mut owner = Owner::start(&disk, &small()).unwrap();
    for offset in 0..4 {
        owner.log.append_as_leader(&mut batch(offset), LeaderEpoch(0), NOW).unwrap();
        owner.sync_ahead();
    }
    let nothing = vec![0; disk.choices().len()];
    let disk = disk.after_power_cut(&nothing);
    let options = OpenOptions { config: small(), ..OpenOptions::new(first_of("t"), NOW) };
    let mut other = Log::open(disk.root().child("t-0"), options).unwrap();
    assert_eq!(other.log_end_offset(), Offset(1));
    other.assign_leader_epoch(LeaderEpoch(1));
    other.append_as_leader(&mut batch(1), LeaderEpoch(1), NOW).unwrap();
    other.sync(NOW).unwrap();
    drop(other);
    let owner = Owner::start(&disk, &small()).unwrap();
    assert_eq!(owner.log.log_end_offset(), Offset(2));
    assert_eq!(owner.log.leader_epoch_for(Offset(1)), Some(LeaderEpoch(1)));
}

/// As after a power cut that Kafka has recovered from in its way.
#[test]
fn what_somebody_left_in_order_who_does_not_know_the_files_does_not_count() {
    let disk = SimDisk::new();
    let mut log = open(&disk);
    write(&disk, &mut log, 0, &batch(0));
    drop(log);
    disk.put(".kafka_cleanshutdown", Some(b"{\"version\":0,\"brokerEpoch\":1}".to_vec()));
    let log_dir = LogDir::open_in(disk.root(), None).unwrap();
    assert!(log_dir.read_written_ahead().unwrap().is_empty());
    drop(log_dir);
    let nothing = vec![0; disk.choices().len()];
    for disk in [disk.copy(), disk.after_power_cut(&nothing)] {
        let log_dir = LogDir::open_in(disk.root(), None).unwrap();
        assert!(log_dir.read_written_ahead().unwrap().is_empty());
    }
}

/// A record may hold what looks like a group, but not with the id of this use.
#[test]
fn a_record_is_not_taken_for_a_group() {
    let (disk, other) = (SimDisk::new(), SimDisk::new());
    let mut of_other = WriteAhead::open(
        other.root().as_ref(),
        &WrittenAhead::default(),
        FILE_BYTES,
        Uuid([2; 16]),
    )
    .unwrap();
    write(&other, &mut of_other, 0, &batch(1000));
    let forged = FILE_NAMES.iter().map(|name| other.root().read(name).unwrap().unwrap());
    let forged = forged.map(|content| content[BLOCK..2 * BLOCK].to_vec());
    let mut log = open(&disk);
    for group in forged {
        // The group is as long as its block, so the forged one stands at the start of the next.
        let mut content = vec![0; BLOCK - 56];
        content.extend(group);
        assert!(content.len() <= log.write_bytes_max());
        write(&disk, &mut log, 3, &content);
    }
    let active = FILE_NAMES.map(|name| disk.root().read(name).unwrap().unwrap());
    for (name, mut content) in FILE_NAMES.into_iter().zip(active) {
        // What is before it is torn, so that whoever reads looks at every block.
        content[BLOCK + 8] ^= 1;
        disk.put(name, Some(content));
    }
    assert!(found(&disk, 0).is_empty());
}

#[test]
fn what_a_file_holds_can_be_looked_at() {
    let disk = SimDisk::new();
    let mut log = open(&disk);
    write(&disk, &mut log, 4, &batch(9));
    let lines = FILE_NAMES.map(|name| describe(&disk.root().read(name).unwrap().unwrap()).unwrap());
    let lines = lines.concat();
    let size = batch(9).len();
    let expected = format!(
        "position=4096 group=0 topic_id={TOPIC} partition=4 first_offset=9 last_offset=9 bytes={size}"
    );
    assert_eq!(lines, ["generation=1".to_owned(), expected]);
    assert!(describe(&[]).is_err());
}
