//! What is acknowledged by the write-ahead log: there after a crash, gone where it was deleted, and
//! kept for a partition that is offline.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ottla_broker::import::{Import, ImportError};
use ottla_tests::{
    batch,
    client::Client,
    in_process::{TestBroker, copy_directory, eventually},
};

const FILES: [&str; 2] = ["write-ahead.0", "write-ahead.1"];
const EARLIEST: i64 = -2;
const LATEST: i64 = -1;
const KAFKA_STORAGE_ERROR: i16 = 56;

/// A broker with a topic of one partition, of which the last batches are written ahead, and its
/// end.
fn written_ahead() -> (TestBroker, i64) {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("ahead", 1, &[]);
    let files = FILES.map(|name| broker.data_dir().join(name));
    let mut append = || client.produce("ahead", 0, batch::plain(1)) + 1;
    let made = (0..10_000).find(|_| {
        append();
        files.iter().all(|file| file.exists())
    });
    assert!(made.is_some(), "nothing is written ahead");
    let end = (0..20).map(|_| append()).last().unwrap();
    (broker, end)
}

fn log(data: &Path) -> PathBuf {
    data.join("ahead-0/00000000000000000000.log")
}

/// Takes away the last batches, which a power cut might have left unwritten.
fn tear(data: &Path) {
    let file = fs::OpenOptions::new().write(true).open(log(data)).unwrap();
    file.set_len(file.metadata().unwrap().len() - 200).unwrap();
}

fn ends(client: &mut Client) -> (i64, i64) {
    (client.offset("ahead", 0, EARLIEST), client.offset("ahead", 0, LATEST))
}

#[test]
fn what_a_log_has_lost_comes_back() {
    let (mut broker, end) = written_ahead();
    broker.crash_with(tear);
    let mut client = broker.client();
    assert_eq!(ends(&mut client), (0, end));
    assert_eq!(client.values("ahead", 0, end - 20), vec!["v0"; 20]);
    assert_eq!(client.produce("ahead", 0, batch::plain(1)), end);
}

/// The recovery point lags behind what is only written ahead, and the start of a log is remembered
/// up to it.
#[test]
fn deleted_records_stay_deleted() {
    let (mut broker, end) = written_ahead();
    assert_eq!(broker.client().delete_records("ahead", 0, end - 2), end - 2);
    broker.crash_and_restart();
    assert_eq!(ends(&mut broker.client()), (end - 2, end));
}

/// Nobody but the write-ahead log has the end of it, also over a stop in order.
#[test]
fn what_a_log_lacks_that_cannot_be_opened_is_kept_for_it() {
    let (mut broker, end) = written_ahead();
    let mut whole = Vec::new();
    broker.crash(|data| {
        tear(data);
        whole = fs::read(log(data)).unwrap();
        fs::write(log(data), &whole[..100]).unwrap();
        // What tells of a lost log otherwise.
        fs::remove_file(data.join("recovery-point-offset-checkpoint")).unwrap();
    });
    broker.start_again();
    let refused = broker.client().try_produce("ahead", 0, batch::plain(1));
    assert_eq!(refused.error_code, KAFKA_STORAGE_ERROR);
    broker.client().topic("other", 1, &[]);
    assert_eq!(broker.client().produce("other", 0, batch::plain(1)), 0, "others are served");
    broker.stop();
    assert!(!broker.data_dir().join(".kafka_cleanshutdown").exists(), "not in order yet");
    fs::write(log(broker.data_dir()), &whole).unwrap();
    broker.start_again();
    eventually("it is led again", || {
        let topic = broker.client().metadata("ahead", false);
        (topic.partitions.first()?.leader_id == 1).then_some(())
    });
    assert_eq!(ends(&mut broker.client()), (0, end));
    broker.stop();
    assert!(broker.data_dir().join(".kafka_cleanshutdown").exists());
}

#[test]
fn what_only_the_write_ahead_log_has_is_not_left_behind_by_an_import() {
    let (broker, _) = written_ahead();
    let temp = tempfile::tempdir().unwrap();
    let crashed = temp.path().join("crashed");
    copy_directory(broker.data_dir(), &crashed);
    Import::look(std::slice::from_ref(&crashed)).unwrap();
    tear(&crashed);
    let refused = Import::look(&[crashed]).unwrap_err();
    assert!(matches!(&refused, ImportError::Refused(_)), "{refused}");
    assert!(refused.to_string().contains("write-ahead log"), "{refused}");
}
