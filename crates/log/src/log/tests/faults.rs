//! A disk that refuses.

use std::{
    fs::File,
    io::{self, IoSlice},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use super::{
    transactions::{marker, transactional},
    *,
};
use crate::{AppendError, AppendOrigin, Deleted, Dir, LogFile, OpenMode};

#[derive(Debug, Default)]
struct Switches {
    writes_fail: AtomicBool,
    syncs_fail: AtomicBool,
    /// Nothing can be written or made, but for what was reserved: there is no room.
    is_full: AtomicBool,
    /// There is room for small things only.
    reserves_fail: AtomicBool,
    /// With no room, so many bytes of a write are written before that is seen.
    written_of_full: AtomicUsize,
    /// Bytes that were read, of all files.
    read: AtomicUsize,
}

/// A directory on disk whose writes and syncs can be made to fail, and whose reads are counted.
#[derive(Debug)]
struct FaultyDir(DiskDir, Arc<Switches>);

#[derive(Debug)]
struct FaultyFile(Arc<dyn LogFile>, Arc<Switches>);

fn fail_if(switch: &AtomicBool) -> io::Result<()> {
    if switch.load(Ordering::Relaxed) { Err(io::Error::other("made to fail")) } else { Ok(()) }
}

impl Dir for FaultyDir {
    fn path(&self) -> &Path {
        self.0.path()
    }
    fn create(&self) -> io::Result<bool> {
        self.0.create()
    }
    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }
    fn open(&self, name: &str, mode: OpenMode) -> io::Result<Arc<dyn LogFile>> {
        let is_new = mode == OpenMode::Create && !self.path().join(name).exists();
        if is_new && self.1.is_full.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(Arc::new(FaultyFile(self.0.open(name, mode)?, self.1.clone())))
    }
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let content = self.0.read(name)?;
        self.1.read.fetch_add(content.as_ref().map_or(0, Vec::len), Ordering::Relaxed);
        Ok(content)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }
    fn sync(&self) -> io::Result<()> {
        fail_if(&self.1.syncs_fail)
    }
    fn sync_parent(&self) -> io::Result<()> {
        fail_if(&self.1.syncs_fail)
    }
    fn child(&self, name: &str) -> Arc<dyn Dir> {
        self.0.child(name)
    }
    fn remove_child(&self, name: &str) -> io::Result<()> {
        self.0.remove_child(name)
    }
}

impl LogFile for FaultyFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let read = self.0.read_at(buffer, position)?;
        self.1.read.fetch_add(read, Ordering::Relaxed);
        Ok(read)
    }
    fn write_at(&self, slices: &mut [IoSlice<'_>], position: u64) -> io::Result<()> {
        fail_if(&self.1.writes_fail)?;
        if self.1.is_full.load(Ordering::Relaxed) {
            let all: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            let part = self.1.written_of_full.load(Ordering::Relaxed).min(all.len());
            self.0.write_at(&mut [IoSlice::new(&all[..part])], position)?;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.write_at(slices, position)
    }
    fn sync(&self) -> io::Result<()> {
        fail_if(&self.1.syncs_fail)
    }
    fn size(&self) -> io::Result<u64> {
        self.0.size()
    }
    fn set_size(&self, size: u64) -> io::Result<()> {
        self.0.set_size(size)
    }
    fn reserve(&self, size: u64) -> io::Result<()> {
        if [&self.1.is_full, &self.1.reserves_fail].iter().any(|it| it.load(Ordering::Relaxed)) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.reserve(size)
    }
    fn modified_ms(&self) -> io::Result<i64> {
        self.0.modified_ms()
    }
    fn as_file(&self) -> Option<&File> {
        None
    }
}

fn faulty() -> (TempDir, Arc<Switches>, Log) {
    let temp = tempfile::tempdir().unwrap();
    let switches = Arc::new(Switches::default());
    let log = open_faulty(&temp, &switches, |_| {});
    (temp, switches, log)
}

fn open_faulty(
    temp: &TempDir,
    switches: &Arc<Switches>,
    change: impl FnOnce(&mut OpenOptions),
) -> Log {
    let dir = FaultyDir(DiskDir::new(temp.path().join("t-0")), switches.clone());
    let at = TopicPartition::new(TopicName::new("t").unwrap(), 0);
    let mut options = OpenOptions::new(at, NOW);
    change(&mut options);
    Log::open(Arc::new(dir), options).unwrap()
}

#[test]
fn a_reader_of_committed_records_looks_at_little_of_a_long_transaction_index() {
    let (temp, switches, mut log) = faulty();
    let count = 2000;
    for sequence in 0..count {
        log.append_as_leader(&mut transactional(1, sequence, 1), EPOCH, NOW).unwrap();
        let mut end = marker(1, false, 0);
        log.append_from(AppendOrigin::COORDINATOR, &mut end, EPOCH, NOW).unwrap();
    }
    let index = 34 * usize::try_from(count).unwrap();
    let reads_three = |log: &Log, start: i64| {
        let (reader, before) = (log.reader(), switches.read.load(Ordering::Relaxed));
        let range = reader.read(Offset(start), 1 << 20, Offset(start + 6), true).unwrap();
        let found = reader.aborted_in_range(Offset(start), &range).unwrap();
        let first: Vec<_> = found.iter().take(3).map(|txn| txn.first_offset.0).collect();
        assert_eq!(first, [start, start + 2, start + 4]);
        switches.read.load(Ordering::Relaxed) - before
    };
    let starts = [0, 1000, 2 * i64::from(count) - 20];
    assert!(starts.iter().all(|start| reads_three(&log, *start) < index / 2));
    log.close(NOW).unwrap();
    let log = open_faulty(&temp, &switches, |options| {
        options.clean_shutdown = true;
        options.recovery_point = log.log_end_offset();
    });
    // What was there before is compared with the markers once.
    let first = starts.map(|start| reads_three(&log, start));
    let again = starts.map(|start| reads_three(&log, start));
    assert!(again.iter().zip(first).all(|(again, first)| *again + 500 < first));
    assert!(again.iter().all(|again| *again < index / 2));
}

#[test]
fn a_reader_looks_for_the_markers_of_many_producers_once() {
    let (temp, switches, mut log) = faulty();
    let (producers, rounds) = (400, 20);
    for round in 0..rounds {
        for producer in 0..producers {
            log.append_as_leader(&mut transactional(producer, round, 1), EPOCH, NOW).unwrap();
        }
    }
    for producer in 0..producers {
        let mut end = marker(producer, true, 0);
        log.append_from(AppendOrigin::COORDINATOR, &mut end, EPOCH, NOW).unwrap();
    }
    log.close(NOW).unwrap();
    let end = log.log_end_offset();
    let log = open_faulty(&temp, &switches, |options| {
        options.clean_shutdown = true;
        options.recovery_point = end;
    });
    let (reader, mut next, mut read) = (log.reader(), Offset(0), 0);
    while next < end {
        let range = reader.read(next, 64 << 10, end, true).unwrap();
        let before = switches.read.load(Ordering::Relaxed);
        assert_eq!(reader.aborted_in_range(next, &range).unwrap(), []);
        read += switches.read.load(Ordering::Relaxed) - before;
        next = headers(&range.read().unwrap()).last().unwrap().next_offset();
    }
    let size = usize::try_from(log.size_bytes().unwrap()).unwrap();
    // Of what is behind a part the checksums and the headers, and the headers of the part.
    assert!(read < 4 * size, "{read} of {size}");
}

#[test]
fn after_a_failed_write_nothing_is_taken_and_reads_go_on() {
    let (_temp, switches, mut log) = faulty();
    log.append_as_leader(&mut plain(3), EPOCH, NOW).unwrap();
    switches.writes_fail.store(true, Ordering::Relaxed);
    let error = log.append_as_leader(&mut plain(3), EPOCH, NOW).unwrap_err();
    assert_eq!(error.code(), ottla_types::ErrorCode::KafkaStorageError);
    switches.writes_fail.store(false, Ordering::Relaxed);
    let error = log.append_as_leader(&mut plain(3), EPOCH, NOW).unwrap_err();
    assert!(matches!(error, AppendError::Storage(_)));
    assert!(log.begin_sync(NOW).is_err());
    assert!(log.close(NOW).is_err());
    assert!(log.failure().unwrap().contains("made to fail"));
    assert_eq!(log.log_end_offset(), Offset(3));
    assert_eq!(headers(&read_all(&log.reader(), Offset(0))).len(), 1);
}

#[test]
fn a_failed_sync_takes_the_log_offline_and_moves_nothing() {
    let (_temp, switches, mut log) = faulty();
    log.append_as_leader(&mut plain(3), EPOCH, NOW).unwrap();
    switches.syncs_fail.store(true, Ordering::Relaxed);
    let task = log.begin_sync(NOW).unwrap();
    let error = task.run().unwrap_err();
    log.mark_failed(&error.to_string());
    assert_eq!(log.finish_sync(&task), Offset(0));
    switches.syncs_fail.store(false, Ordering::Relaxed);
    assert!(log.begin_sync(NOW).is_err());
}

#[test]
fn a_sync_covers_what_was_there_when_it_began() {
    let (_temp, _switches, mut log) = faulty();
    assert!(!log.is_flush_ms_over(i64::MAX));
    log.set_config(LogConfig { flush_messages: 5, flush_ms: 1000, ..LogConfig::default() });
    log.append_as_leader(&mut plain(3), EPOCH, NOW).unwrap();
    assert!(!log.has_flush_messages() && !log.is_flush_ms_over(NOW + 999));
    assert!(log.is_flush_ms_over(NOW + 1000));
    let task = log.begin_sync(NOW).unwrap();
    log.append_as_leader(&mut plain(5), EPOCH, NOW).unwrap();
    task.run().unwrap();
    assert_eq!(log.finish_sync(&task), Offset(3));
    assert!(log.has_flush_messages() && !log.is_flush_ms_over(NOW));
    assert_eq!(log.sync(NOW).unwrap(), Offset(8));
    assert!(log.begin_sync(NOW).unwrap().is_empty());
}

#[test]
fn what_is_left_to_a_sync_of_the_file_system_is_not_done_file_by_file() {
    let (_temp, _switches, mut log) = faulty();
    log.append_as_leader(&mut plain(3), EPOCH, NOW).unwrap();
    let task = log.begin_file_system_sync(NOW).unwrap();
    assert!(!task.is_empty());
    assert!(task.run().is_err(), "it has no files that it could sync");
    task.stage().unwrap();
    assert!(task.install().unwrap(), "leader epochs have their name, which has to be synced");
    assert_eq!(log.finish_sync(&task), Offset(3));
}

/// A log with some batches of a producer, on a disk that is full then.
fn filled(config: LogConfig) -> (TempDir, Arc<Switches>, Log) {
    let (temp, switches, mut log) = faulty();
    log.set_config(config);
    for sequence in 0..6 {
        log.append_as_leader(&mut produced(5, 0, sequence, 1), EPOCH, NOW).unwrap();
    }
    switches.is_full.store(true, Ordering::Relaxed);
    (temp, switches, log)
}

#[test]
fn without_room_the_log_stays_as_it_was_and_goes_on_when_there_is_some() {
    for written in [0, 1, 61, 70] {
        let (temp, switches, mut log) = filled(LogConfig::default());
        switches.written_of_full.store(written, Ordering::Relaxed);
        let before = read_all(&log.reader(), Offset(0));
        for _ in 0..3 {
            let refused = log.append_as_leader(&mut produced(5, 0, 6, 1), LeaderEpoch(9), NOW);
            assert!(matches!(refused, Err(AppendError::Full(_))), "{refused:?}");
            assert_eq!(log.log_end_offset(), Offset(6));
            assert_eq!(log.epochs().latest(), Some(EPOCH), "nothing of the batch stays");
            assert_eq!(read_all(&log.reader(), Offset(0)), before);
            let on_disk = std::fs::read(temp.path().join("t-0/00000000000000000000.log")).unwrap();
            assert_eq!(on_disk, before, "what was written of it is cut away");
        }
        assert!(log.failure().is_none());
        let duplicate = log.append_as_leader(&mut produced(5, 0, 5, 1), EPOCH, NOW).unwrap();
        assert!(duplicate.duplicate, "what is there is acknowledged");
        switches.is_full.store(false, Ordering::Relaxed);
        let appended = log.append_as_leader(&mut produced(5, 0, 6, 1), EPOCH, NOW).unwrap();
        assert_eq!((appended.base_offset, appended.duplicate), (Offset(6), false));
        log.close(NOW).unwrap();
        let again = open(temp.path(), &LogConfig::default(), |options| {
            options.topic_id = Uuid::ZERO;
        });
        let again = again.unwrap();
        assert_eq!(again.log_end_offset(), Offset(7));
        let (_, producer) = again.producers().next().unwrap();
        assert_eq!(producer.last_sequence(), 6);
    }
}

#[test]
fn without_room_for_another_segment_the_last_one_stays() {
    let config = LogConfig { segment_bytes: 500, ..LogConfig::default() };
    let (_temp, switches, mut log) = filled(config);
    let mut sequence = 6;
    switches.is_full.store(false, Ordering::Relaxed);
    while log.active_base_offset() == Offset(0) {
        log.append_as_leader(&mut produced(5, 0, sequence, 1), EPOCH, NOW).unwrap();
        sequence += 1;
    }
    let (segments, end) = (log.segment_count(), log.log_end_offset());
    switches.is_full.store(true, Ordering::Relaxed);
    log.set_config(LogConfig { segment_bytes: 100, ..LogConfig::default() });
    for _ in 0..2 {
        let refused = log.append_as_leader(&mut produced(5, 0, sequence, 1), EPOCH, NOW);
        assert!(matches!(refused, Err(AppendError::Full(_))), "{refused:?}");
        assert_eq!((log.segment_count(), log.log_end_offset()), (segments, end));
    }
    switches.is_full.store(false, Ordering::Relaxed);
    let appended = log.append_as_leader(&mut produced(5, 0, sequence, 1), EPOCH, NOW).unwrap();
    assert_eq!(appended.base_offset, end);
    assert_eq!(log.segment_count(), segments + 1);
}

#[test]
fn without_room_a_follower_takes_what_fits_in_whole_batches() {
    let (_temp, switches, mut log) = filled(LogConfig::default());
    let mut leader = Bench::new(LogConfig::default());
    for sequence in 0..9 {
        leader.append(produced(5, 0, sequence, 1));
    }
    let rest = read_all(&leader.log.reader(), Offset(6));
    let refused = log.append_as_follower(&rest, NOW);
    assert!(matches!(refused, Err(AppendError::Full(_))), "{refused:?}");
    assert_eq!(log.log_end_offset(), Offset(6));
    switches.is_full.store(false, Ordering::Relaxed);
    assert_eq!(log.append_as_follower(&rest, NOW).unwrap(), Offset(9));
}

#[test]
fn a_sync_without_room_for_the_leader_epochs_is_put_off() {
    let (_temp, switches, mut log) = filled(LogConfig::default());
    let task = log.begin_sync(NOW).unwrap();
    let error = task.run().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    log.put_off_sync(&task);
    assert_eq!(log.recovery_point(), Offset(0));
    switches.is_full.store(false, Ordering::Relaxed);
    assert_eq!(log.sync(NOW).unwrap(), Offset(6));
}

#[test]
fn retention_makes_room_where_there_is_none_for_another_segment() {
    let (_temp, switches, mut log) = faulty();
    for _ in 0..3 {
        log.append_as_leader(&mut plain(3), EPOCH, NOW).unwrap();
        log.roll(NOW).unwrap();
    }
    log.append_as_leader(&mut plain(3), EPOCH, NOW).unwrap();
    log.set_config(LogConfig { retention_bytes: 0, ..LogConfig::default() });
    switches.is_full.store(true, Ordering::Relaxed);
    let bases = |deleted: Vec<Deleted>| -> Vec<i64> {
        deleted.into_iter().map(|segment| segment.base_offset.0).collect()
    };
    assert_eq!(bases(log.apply_retention(NOW, Offset(12)).unwrap()), [0, 3, 6]);
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (Offset(9), Offset(12)));
    assert_eq!(log.failure(), None);
    switches.is_full.store(false, Ordering::Relaxed);
    assert_eq!(bases(log.apply_retention(NOW, Offset(12)).unwrap()), [9]);
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (Offset(12), Offset(12)));
}

#[test]
fn room_that_cannot_be_reserved_leaves_no_segment_behind() {
    let temp = tempfile::tempdir().unwrap();
    let switches = Arc::new(Switches::default());
    switches.reserves_fail.store(true, Ordering::Relaxed);
    let dir = || Arc::new(FaultyDir(DiskDir::new(temp.path().join("t-0")), switches.clone()));
    let options = || {
        let at = TopicPartition::new(TopicName::new("t").unwrap(), 0);
        let config = LogConfig { preallocate: true, ..LogConfig::default() };
        OpenOptions { config, ..OpenOptions::new(at, NOW) }
    };
    let refused = Log::open(dir(), options()).unwrap_err();
    assert!(refused.is_full(), "{refused}");
    let names: Vec<_> = std::fs::read_dir(temp.path().join("t-0")).unwrap().collect();
    let logs = names
        .into_iter()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|end| end == "log"));
    assert_eq!(logs.count(), 0);
    switches.reserves_fail.store(false, Ordering::Relaxed);
    let mut log = Log::open(dir(), options()).unwrap();
    log.append_as_leader(&mut plain(3), EPOCH, NOW).unwrap();
    switches.reserves_fail.store(true, Ordering::Relaxed);
    assert!(log.roll(NOW).unwrap_err().is_full());
    // It goes on in the segment that there is, and is found again.
    switches.reserves_fail.store(false, Ordering::Relaxed);
    log.append_as_leader(&mut plain(3), EPOCH, NOW).unwrap();
    log.close(NOW).unwrap();
    let left = OpenOptions { recovery_point: Offset(6), clean_shutdown: true, ..options() };
    assert_eq!(Log::open(dir(), left).unwrap().log_end_offset(), Offset(6));
}
