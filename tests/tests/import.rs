//! What `ottla import` promises: it looks before it copies, and the source stays as it was.

use std::{fs, path::Path};

use ottla_broker::import::{Import, ImportError, Means};
use ottla_record::BuilderOptions;
use ottla_tests::{
    batch,
    client::Client,
    group::commit,
    in_process::{self, TestBroker, copy_directory},
};

/// A broker with two topics, four records and a committed offset.
fn source() -> TestBroker {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("kept", 2, &[("retention.ms", "123456789")]);
    client.topic("other", 1, &[]);
    client.produce("kept", 0, batch::plain(3));
    client.produce("other", 0, batch::plain(1));
    client.find_coordinator("readers");
    assert_eq!(commit(&mut client, "readers", "kept", 0, (2, "two")), 0);
    broker
}

/// Name, content and time of every file below a directory.
fn files(dir: &Path) -> Vec<(String, Vec<u8>, std::time::SystemTime)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let modified = entry.metadata().unwrap().modified().unwrap();
            found.push((path.display().to_string(), fs::read(&path).unwrap(), modified));
        }
    }
    found.sort();
    found
}

#[test]
fn a_copy_serves_what_the_source_held_and_the_source_is_untouched() {
    let mut broker = source();
    broker.stop();
    let from = broker.data_dir().to_owned();
    let before = files(&from);
    let temp = tempfile::tempdir().unwrap();
    let to = temp.path().join("copy");
    let import = Import::look(std::slice::from_ref(&from)).unwrap();
    let survey = import.survey();
    assert_eq!((survey.topics, survey.internal_topics, survey.partitions), (2, 1, 5));
    assert_eq!((survey.records, survey.groups, survey.committed_offsets), (4, 1, 1));
    assert!(survey.was_clean && survey.missing.is_empty() && survey.strays.is_empty());
    import.run(std::slice::from_ref(&to), Means::Link).unwrap();
    let copy = in_process::start(&to, &[]).unwrap();
    let mut client = Client::connect(in_process::address_of(&copy));
    assert_eq!(client.values("kept", 0, 0), ["v0", "v1", "v2"]);
    assert_eq!(client.produce("kept", 0, batch::plain(1)), 3);
    copy.stop().unwrap();
    drop(import);
    assert_eq!(files(&from), before);
}

#[test]
fn what_a_crash_left_is_counted_up_to_the_torn_tail() {
    let broker = source();
    let temp = tempfile::tempdir().unwrap();
    let crashed = temp.path().join("crashed");
    copy_directory(broker.data_dir(), &crashed);
    let log = crashed.join("kept-0/00000000000000000000.log");
    let mut bytes = fs::read(&log).unwrap();
    bytes.extend_from_slice(&[0; 100]);
    fs::write(&log, bytes).unwrap();
    let import = Import::look(std::slice::from_ref(&crashed)).unwrap();
    let survey = import.survey();
    assert_eq!((survey.records, survey.torn_bytes, survey.was_clean), (4, 100, false));
    import.run(&[temp.path().join("copy")], Means::Copy).unwrap();
}

#[test]
fn a_running_source_and_a_target_in_use_are_refused() {
    let mut broker = source();
    let from = broker.data_dir().to_owned();
    let running = Import::look(std::slice::from_ref(&from)).unwrap_err();
    assert!(matches!(running, ImportError::Log(_)), "{running}");
    broker.stop();
    let import = Import::look(std::slice::from_ref(&from)).unwrap();
    let temp = tempfile::tempdir().unwrap();
    fs::write(temp.path().join("mine"), "x").unwrap();
    let full = import.run(&[temp.path().to_owned()], Means::Copy).unwrap_err();
    assert!(full.to_string().ends_with("is not empty"), "{full}");
    let nobody = Import::look(&[temp.path().to_owned()]).unwrap_err();
    assert!(nobody.to_string().contains("meta.properties"), "{nobody}");
}

#[test]
fn damage_before_the_last_segment_is_named_and_not_copied() {
    let mut broker = source();
    broker.client().topic("rolled", 1, &[("segment.bytes", "1048576")]);
    let large = "x".repeat(600_000);
    for _ in 0..3 {
        let records = [batch::record("key", &large, 0)];
        let batch = batch::build(BuilderOptions::default(), &records).freeze();
        broker.client().produce("rolled", 0, batch);
    }
    broker.stop();
    let log = broker.data_dir().join("rolled-0/00000000000000000000.log");
    let mut bytes = fs::read(&log).unwrap();
    bytes[16] = 9;
    fs::write(&log, bytes).unwrap();
    let error = Import::look(&[broker.data_dir().to_owned()]).unwrap_err().to_string();
    assert!(error.contains("00000000000000000000.log"), "{error}");
}

#[test]
fn a_log_that_has_lost_its_end_or_all_is_named_and_not_copied() {
    let mut broker = source();
    broker.stop();
    let look = || Import::look(&[broker.data_dir().to_owned()]);
    let dir = broker.data_dir().join("kept-0");
    let log = dir.join("00000000000000000000.log");
    let whole = fs::read(&log).unwrap();
    fs::write(&log, &whole[..whole.len() - 1]).unwrap();
    let error = look().unwrap_err().to_string();
    assert!(error.contains("has the line \"kept 0 3\": records are missing"), "{error}");
    fs::write(&log, &whole).unwrap();
    let aside = broker.data_dir().join("aside");
    fs::rename(&dir, &aside).unwrap();
    let error = look().unwrap_err().to_string();
    assert!(error.contains("kept-0 is missing"), "{error}");
    fs::rename(&aside, &dir).unwrap();
    // Retention has deleted all that this one had.
    let emptied = broker.data_dir().join("kept-1");
    fs::rename(emptied.join("00000000000000000000.log"), emptied.join("00000000000000000007.log"))
        .unwrap();
    let points = broker.data_dir().join("recovery-point-offset-checkpoint");
    let text = fs::read_to_string(&points).unwrap();
    assert!(text.contains("kept 1 0"), "{text}");
    fs::write(&points, text.replace("kept 1 0", "kept 1 7")).unwrap();
    assert_eq!(look().unwrap().survey().missing, [] as [&str; 0]);
    // Nothing was ever in this one.
    fs::write(&points, text).unwrap();
    fs::remove_dir_all(broker.data_dir().join("kept-1")).unwrap();
    assert_eq!(look().unwrap().survey().missing, ["kept-1"]);
}

#[test]
fn a_damaged_metadata_log_is_not_taken_for_a_torn_one() {
    let mut broker = source();
    broker.stop();
    let log = broker.data_dir().join("__cluster_metadata-0/00000000000000000000.log");
    let whole = fs::read(&log).unwrap();
    let look = || Import::look(&[broker.data_dir().to_owned()]);
    for damage in [whole.len() / 2, whole.len() - 1] {
        let mut bytes = whole.clone();
        bytes[damage] ^= 0xff;
        fs::write(&log, bytes).unwrap();
        let error = look().unwrap_err().to_string();
        assert!(error.contains("00000000000000000000.log is damaged at position"), "{error}");
    }
    // A crash may leave a part of a batch that was not waited for.
    fs::remove_file(broker.data_dir().join(".kafka_cleanshutdown")).unwrap();
    fs::write(&log, [&whole[..], &whole[..40]].concat()).unwrap();
    look().unwrap();
    fs::write(&log, &whole[..whole.len() / 2]).unwrap();
    let error = look().unwrap_err().to_string();
    assert!(error.contains("are lost"), "{error}");
}
