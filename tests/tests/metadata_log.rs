//! What a broker leaves of the cluster's metadata, for itself and for Kafka.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use ottla_tests::{
    batch,
    in_process::{TestBroker, eventually},
};

/// The leader epoch that clients are told.
fn leader_epoch(broker: &TestBroker, topic: &str) -> i32 {
    let mut topic = broker.client().metadata(topic, false);
    topic.partitions.remove(0).leader_epoch
}

#[test]
fn an_orderly_stop_is_recorded_as_kafka_records_it() {
    let mut broker = TestBroker::start(&[]);
    broker.client().topic("kept", 1, &[]);
    assert_eq!(leader_epoch(&broker, "kept"), 0);
    broker.stop();
    let mark = fs::read_to_string(broker.data_dir().join(".kafka_cleanshutdown")).unwrap();
    let epoch = mark.trim_end_matches(['}', '\n']).rsplit(':').next().unwrap();
    assert!(epoch.parse::<i64>().unwrap() > 0, "the mark names the registration: {mark}");
    broker.start_again();
    assert_eq!(leader_epoch(&broker, "kept"), 2, "it gave the leadership away and took it back");
    broker.crash_and_restart();
    assert_eq!(leader_epoch(&broker, "kept"), 3, "after a crash it only takes it again");
}

/// The files of the metadata log with this suffix, from the oldest on.
fn files(broker: &TestBroker, suffix: &str) -> Vec<PathBuf> {
    let dir = broker.data_dir().join("__cluster_metadata-0");
    let paths = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = paths.filter(|path| path.to_str().unwrap().ends_with(suffix)).collect();
    found.sort();
    found
}

/// A broker that makes snapshots all the time and keeps little else.
fn forgetful() -> TestBroker {
    TestBroker::start(&[
        ("metadata.log.max.record.bytes.between.snapshots", "3000"),
        ("metadata.max.retention.bytes", "30000"),
        ("internal.metadata.log.segment.bytes", "6000"),
        ("internal.metadata.delete.delay.millis", "0"),
    ])
}

fn create_topics(broker: &TestBroker, count: usize) {
    let mut client = broker.client();
    for number in 0..count {
        client.topic(&format!("topic-{number}"), 1, &[("retention.ms", "777777")]);
    }
}

fn assert_topics(broker: &TestBroker, count: usize) {
    let mut client = broker.client();
    for number in 0..count {
        let topic = client.metadata(&format!("topic-{number}"), false);
        assert_eq!((topic.error_code, topic.partitions.len()), (0, 1), "topic {number}");
    }
}

#[test]
fn a_snapshot_stands_for_the_log_before_it() {
    let mut broker = forgetful();
    create_topics(&broker, 80);
    eventually("the first segment of the log goes", || {
        let first = files(&broker, ".log").remove(0);
        (!first.ends_with("00000000000000000000.log")).then_some(())
    });
    let snapshots = files(&broker, ".checkpoint").len();
    assert!((1..10).contains(&snapshots), "{snapshots} snapshots are kept");
    broker.crash_and_restart();
    assert_topics(&broker, 80);
    broker.restart();
    assert_topics(&broker, 80);
}

#[test]
fn a_damaged_snapshot_is_passed_over_for_an_older_one() {
    let mut broker =
        TestBroker::start(&[("metadata.log.max.record.bytes.between.snapshots", "3000")]);
    create_topics(&broker, 30);
    broker.stop();
    let newest = files(&broker, ".checkpoint").pop().expect("there are snapshots");
    let mut bytes = fs::read(&newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&newest, bytes).unwrap();
    broker.start_again();
    assert_topics(&broker, 30);
}

/// The only segment of a small metadata log.
fn segment(data_dir: &Path) -> PathBuf {
    data_dir.join("__cluster_metadata-0/00000000000000000000.log")
}

/// Where each batch of a segment starts.
fn batches(bytes: &[u8]) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = 0;
    while let Some(length) = bytes.get(at + 8..at + 12) {
        starts.push(at);
        at += 12 + usize::try_from(u32::from_be_bytes(length.try_into().unwrap())).unwrap();
    }
    starts
}

#[test]
fn damage_within_the_metadata_log_is_told_and_cuts_nothing() {
    let mut broker = TestBroker::start(&[]);
    create_topics(&broker, 10);
    broker.crash(|_| {});
    let path = segment(broker.data_dir());
    let whole = fs::read(&path).unwrap();
    let starts = batches(&whole);
    for at in [starts[1], starts[starts.len() / 2], starts[starts.len() - 2]] {
        let mut damaged = whole.clone();
        damaged[at + 70] ^= 1;
        fs::write(&path, &damaged).unwrap();
        let error = broker.try_to_start().expect_err("it is damaged").to_string();
        for part in [path.to_str().unwrap(), &format!("position {at}"), "ottla log dump"] {
            assert!(error.contains(part), "{error}");
        }
        assert_eq!(fs::read(&path).unwrap(), damaged, "it is left as it was");
    }
    fs::write(&path, &whole).unwrap();
    broker.start_again();
    assert_topics(&broker, 10);
}

/// The names and contents of all files in a data directory.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for path in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), fs::read(path).unwrap());
        }
    }
    found
}

/// A second look finds the same, and once the file is back all is as it was, in order.
#[test]
fn a_broker_without_its_metadata_log_changes_nothing() {
    for is_in_order in [true, false] {
        let mut broker = TestBroker::start(&[("ottla.ack.durability", "page-cache")]);
        create_topics(&broker, 3);
        broker.client().produce("topic-0", 0, batch::plain(10));
        if is_in_order {
            broker.stop()
        } else {
            broker.crash(|_| {})
        }
        let dir = broker.data_dir().to_owned();
        let (whole, path) = (contents(&dir), segment(&dir));
        fs::remove_file(&path).unwrap();
        let before = contents(&dir);
        for _ in 0..2 {
            let error = broker.try_to_start().expect_err("it has lost its metadata").to_string();
            assert!(error.contains(path.to_str().unwrap()), "{error}");
            let after = contents(&dir);
            let is_changed = |name: &&PathBuf| before.get(*name) != after.get(*name);
            let names = before.keys().chain(after.keys());
            assert_eq!(names.filter(is_changed).collect::<Vec<_>>(), [""; 0], "{is_in_order}");
        }
        fs::write(&path, &whole[&path]).unwrap();
        broker.start_again();
        assert_topics(&broker, 3);
    }
}

#[test]
fn a_torn_end_of_the_metadata_log_is_cut() {
    let mut broker = TestBroker::start(&[]);
    create_topics(&broker, 10);
    broker.crash(|data_dir| {
        let path = segment(data_dir);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    });
    broker.start_again();
    assert_topics(&broker, 9);
    assert_ne!(broker.client().metadata("topic-9", false).error_code, 0);
}

#[test]
fn a_metadata_log_that_has_lost_its_end_is_told() {
    let mut broker = TestBroker::start(&[]);
    create_topics(&broker, 5);
    broker.stop();
    let path = segment(broker.data_dir());
    let whole = fs::read(&path).unwrap();
    let starts = batches(&whole);
    // After a clean stop, and after a crash of the start that followed.
    for is_clean in [true, false] {
        if !is_clean {
            fs::remove_file(broker.data_dir().join(".kafka_cleanshutdown")).unwrap_or_default();
        }
        for size in [whole.len() - 5, starts[starts.len() - 1], starts[3], 0] {
            fs::write(&path, &whole[..size]).unwrap();
            let error = broker.try_to_start().expect_err("its end is lost").to_string();
            assert!(error.contains(path.to_str().unwrap()), "{error}");
            assert!(error.contains("ottla log dump"), "{error}");
        }
    }
    fs::write(&path, &whole).unwrap();
    let dir = broker.data_dir().join("__cluster_metadata-0");
    let elsewhere = broker.data_dir().join("elsewhere");
    fs::rename(&dir, &elsewhere).unwrap();
    let error = broker.try_to_start().expect_err("it is gone").to_string();
    assert!(error.contains("__cluster_metadata-0 is missing"), "{error}");
    fs::rename(&elsewhere, &dir).unwrap();
    broker.start_again();
    assert_topics(&broker, 5);
}
