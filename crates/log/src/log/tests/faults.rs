//! A disk that refuses.

use std::{
    fs::File,
    io::{self, IoSlice},
    sync::atomic::{AtomicBool, Ordering},
};

use super::*;
use crate::{AppendError, Dir, LogFile, OpenMode};

#[derive(Debug, Default)]
struct Switches {
    writes_fail: AtomicBool,
    syncs_fail: AtomicBool,
}

/// A directory on disk whose writes and syncs can be made to fail.
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
        Ok(Arc::new(FaultyFile(self.0.open(name, mode)?, self.1.clone())))
    }
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.0.read(name)
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
        self.0.read_at(buffer, position)
    }
    fn write_at(&self, slices: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        fail_if(&self.1.writes_fail)?;
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
    let dir = FaultyDir(DiskDir::new(temp.path().join("t-0")), switches.clone());
    let at = TopicPartition::new(TopicName::new("t").unwrap(), 0);
    let log = Log::open(Arc::new(dir), OpenOptions::new(at, NOW)).unwrap();
    (temp, switches, log)
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
    assert!(!log.is_sync_due(NOW));
    log.set_config(LogConfig { flush_messages: 5, flush_ms: 1000, ..LogConfig::default() });
    log.append_as_leader(&mut plain(3), EPOCH, NOW).unwrap();
    assert!(!log.is_sync_due(NOW));
    assert!(log.is_sync_due(NOW + 1000));
    let task = log.begin_sync(NOW).unwrap();
    log.append_as_leader(&mut plain(5), EPOCH, NOW).unwrap();
    task.run().unwrap();
    assert_eq!(log.finish_sync(&task), Offset(3));
    assert!(log.is_sync_due(NOW));
    assert_eq!(log.sync(NOW).unwrap(), Offset(8));
    assert!(log.begin_sync(NOW).unwrap().is_empty());
}
