//! Several data directories: where partitions go, and where they are found again.

use std::{collections::BTreeMap, fs, path::Path};

use ottla_tests::{
    batch,
    client::Client,
    in_process::{self, TestBroker},
    log_dirs::{TWO, described, holds, partitions_in},
};

fn identity(dir: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(dir.join("meta.properties")).unwrap();
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

#[test]
fn new_partitions_go_where_the_fewest_are() {
    let broker = TestBroker::start(&[TWO]);
    let mut client = broker.client();
    client.topic("many", 5, &[]);
    let (a, b) = (broker.data_dir().join("a"), broker.data_dir().join("b"));
    let counts = [partitions_in(&a), partitions_in(&b)].map(|found| found.len());
    assert_eq!(counts.iter().sum::<usize>(), 5);
    assert!(counts.iter().all(|count| (2..=3).contains(count)), "{counts:?}");
    client.topic("one-more", 1, &[]);
    let counts = [partitions_in(&a), partitions_in(&b)].map(|found| found.len());
    assert_eq!(counts, [3, 3]);
    assert!(a.join("__cluster_metadata-0").exists() && !b.join("__cluster_metadata-0").exists());
}

#[test]
fn every_directory_is_of_the_same_cluster_and_has_an_id_of_its_own() {
    let mut broker = TestBroker::start(&[TWO]);
    let (a, b) = (broker.data_dir().join("a"), broker.data_dir().join("b"));
    broker.stop();
    let [of_a, of_b] = [identity(&a), identity(&b)];
    assert_eq!(of_a["cluster.id"], of_b["cluster.id"]);
    assert_eq!(of_a["node.id"], of_b["node.id"]);
    assert_ne!(of_a["directory.id"], of_b["directory.id"]);
    for dir in [&a, &b] {
        for name in [".kafka_cleanshutdown", "recovery-point-offset-checkpoint", ".lock"] {
            assert!(dir.join(name).exists(), "{name} in {}", dir.display());
        }
    }
}

#[test]
fn partitions_are_found_where_they_were_after_a_stop_and_after_a_crash() {
    let mut broker = TestBroker::start(&[TWO]);
    let mut client = broker.client();
    client.topic("spread", 4, &[]);
    for partition in 0..4 {
        client.produce("spread", partition, batch::plain(3));
    }
    let before = described(&mut client);
    broker.restart();
    let mut client = broker.client();
    assert_eq!(described(&mut client), before);
    assert_eq!(client.values("spread", 3, 0), ["v0", "v1", "v2"]);
    broker.crash_and_restart();
    let mut client = broker.client();
    for partition in 0..4 {
        assert_eq!(client.values("spread", partition, 0), ["v0", "v1", "v2"]);
    }
    let kept: Vec<_> = described(&mut client).into_iter().map(|dir| dir.partitions).collect();
    assert_eq!(kept, before.into_iter().map(|dir| dir.partitions).collect::<Vec<_>>());
}

#[test]
fn a_partition_that_was_carried_to_another_directory_is_served_from_there() {
    let mut broker = TestBroker::start(&[TWO]);
    let mut client = broker.client();
    client.topic("carried", 1, &[]);
    client.produce("carried", 0, batch::plain(2));
    broker.stop();
    let (a, b) = (broker.data_dir().join("a/carried-0"), broker.data_dir().join("b/carried-0"));
    let (from, to) = if a.exists() { (a, b) } else { (b, a) };
    fs::rename(from, &to).unwrap();
    broker.start_again();
    let mut client = broker.client();
    assert_eq!(client.values("carried", 0, 0), ["v0", "v1"]);
    assert_eq!(client.produce("carried", 0, batch::plain(1)), 2);
    assert!(holds(&mut client, to.parent().unwrap(), "carried", 0));
}

#[test]
fn a_copy_of_a_partition_in_another_directory_is_set_aside() {
    let mut broker = TestBroker::start(&[TWO]);
    let mut client = broker.client();
    client.topic("copied", 1, &[]);
    client.produce("copied", 0, batch::plain(2));
    broker.stop();
    let (a, b) = (broker.data_dir().join("a/copied-0"), broker.data_dir().join("b/copied-0"));
    let (from, to) = if a.exists() { (a, b) } else { (b, a) };
    fs::create_dir(&to).unwrap();
    in_process::copy_directory(&from, &to);
    broker.start_again();
    let mut client = broker.client();
    assert!(holds(&mut client, from.parent().unwrap(), "copied", 0), "the recorded one counts");
    assert!(from.exists() && !to.exists());
    let names = fs::read_dir(to.parent().unwrap()).unwrap().flatten();
    let is_stray = |name: &str| name.starts_with("copied-0.") && name.ends_with("-stray");
    assert!(names.into_iter().any(|entry| is_stray(&entry.file_name().to_string_lossy())));
}

#[test]
fn an_empty_directory_beside_others_joins_their_cluster() {
    let mut broker = TestBroker::start(&[("log.dirs", "{dir}/a")]);
    broker.client().topic("first", 1, &[]);
    broker.stop();
    broker.set("log.dirs", "{dir}/a,{dir}/b");
    broker.start_again();
    let mut client = broker.client();
    client.topic("second", 1, &[]);
    assert!(holds(&mut client, &broker.data_dir().join("b"), "second", 0));
}

#[test]
fn an_empty_directory_does_not_become_that_of_an_old_clusters_metadata() {
    let mut broker = TestBroker::start(&[("log.dirs", "{dir}/a")]);
    broker.stop();
    let settings = [("log.dirs".to_owned(), "{dir}/new,{dir}/a".to_owned())];
    let refused = in_process::start(broker.data_dir(), &settings).expect_err("no metadata");
    assert!(refused.to_string().contains("metadata.log.dir"), "{refused}");
    broker.set("log.dirs", "{dir}/new,{dir}/a");
    broker.set("metadata.log.dir", "{dir}/a");
    broker.start_again();
}

#[test]
fn the_cluster_metadata_may_have_a_directory_to_itself() {
    let mut broker =
        TestBroker::start(&[("log.dirs", "{dir}/a"), ("metadata.log.dir", "{dir}/meta")]);
    let mut client = broker.client();
    client.topic("apart", 2, &[]);
    client.produce("apart", 0, batch::plain(1));
    let meta = broker.data_dir().join("meta");
    assert!(meta.join("__cluster_metadata-0").exists());
    assert_eq!(partitions_in(&meta), Vec::<String>::new());
    let dirs = described(&mut client);
    assert_eq!(dirs.len(), 1, "only log.dirs are described");
    broker.restart();
    assert_eq!(broker.client().values("apart", 0, 0), ["v0"]);
}

#[test]
fn directories_of_two_clusters_are_refused() {
    let mut one = TestBroker::start(&[("log.dirs", "{dir}/a")]);
    let mut other = TestBroker::start(&[("log.dirs", "{dir}/b")]);
    one.stop();
    other.stop();
    let both = format!("{{dir}}/a,{}/b", other.data_dir().display());
    let settings = [("log.dirs".to_owned(), both)];
    let refused = in_process::start(one.data_dir(), &settings).expect_err("two clusters");
    let text = refused.to_string();
    assert!(text.contains("two clusters") && text.contains("log.dirs"), "{text}");
}

#[test]
fn a_copied_directory_is_refused_beside_its_original() {
    let mut broker = TestBroker::start(&[("log.dirs", "{dir}/a")]);
    broker.stop();
    let copy = broker.data_dir().join("b");
    fs::create_dir(&copy).unwrap();
    let meta = "meta.properties";
    fs::copy(broker.data_dir().join("a").join(meta), copy.join(meta)).unwrap();
    let settings = [("log.dirs".to_owned(), "{dir}/a,{dir}/b".to_owned())];
    let refused = in_process::start(broker.data_dir(), &settings).expect_err("one id twice");
    assert!(refused.to_string().contains("directory.id"), "{refused}");
}

#[test]
fn cordoned_directories_take_no_new_partitions() {
    let broker = TestBroker::start(&[TWO, ("cordoned.log.dirs", "{dir}/a")]);
    let mut client = broker.client();
    client.topic("kept-out", 3, &[]);
    let (a, b) = (broker.data_dir().join("a"), broker.data_dir().join("b"));
    assert_eq!((partitions_in(&a).len(), partitions_in(&b).len()), (0, 3));
    let cordoned = |client: &mut Client| {
        described(client).into_iter().map(|dir| dir.is_cordoned).collect::<Vec<_>>()
    };
    assert_eq!(cordoned(&mut client), [true, false]);
    client.alter((4, "1"), &[("cordoned.log.dirs", "")]);
    assert_eq!(cordoned(&mut client), [false, false]);
    client.topic("let-in", 1, &[]);
    assert!(holds(&mut client, &a, "let-in", 0));
}

#[test]
fn no_topic_is_created_once_every_directory_is_cordoned() {
    let broker = TestBroker::start(&[TWO]);
    let mut client = broker.client();
    client.alter((4, "1"), &[("cordoned.log.dirs", "*")]);
    let response = client.metadata("refused", true);
    assert_eq!(response.error_code, 3);
    client.alter((4, "1"), &[("cordoned.log.dirs", "")]);
    client.topic("refused", 1, &[]);
}
