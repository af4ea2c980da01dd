//! Damaged partitions and failing directories: what else goes on, and what clients are told.

use std::fs;

use ottla_tests::{
    batch,
    group::{commit, committed},
    in_process::{self, TestBroker},
    log_dirs::{
        TWO, break_partition, described, mount, partitions_in, spread, unmount, wait_until_offline,
    },
};

const KAFKA_STORAGE_ERROR: i16 = 56;

#[test]
fn damage_before_the_recovery_point_takes_only_its_partition_offline() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    for topic in ["damaged", "sound"] {
        client.topic(topic, 1, &[]);
        client.produce(topic, 0, batch::plain(3));
    }
    broker.stop();
    let data = broker.data_dir().to_owned();
    let path = data.join("damaged-0/00000000000000000000.log");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 0xff;
    fs::write(&path, bytes).unwrap();
    fs::remove_file(data.join(".kafka_cleanshutdown")).unwrap();
    broker.start_again();
    let mut client = broker.client();
    assert_eq!(client.try_produce("damaged", 0, batch::plain(1)).error_code, KAFKA_STORAGE_ERROR);
    assert_eq!(client.try_fetch("damaged", 0, 0).error_code, KAFKA_STORAGE_ERROR);
    assert_eq!(client.values("sound", 0, 0), ["v0", "v1", "v2"]);
    assert_eq!(client.produce("sound", 0, batch::plain(1)), 3);
    assert_eq!(described(&mut client)[0].error_code, 0, "the directory works");
    assert!(path.exists(), "what is damaged is not touched");
    client.delete_topic("damaged");
    assert!(!data.join("damaged-0").exists());
    client.topic("damaged", 1, &[]);
    assert_eq!(client.produce("damaged", 0, batch::plain(1)), 0);
}

#[test]
fn a_failed_sync_takes_its_directory_offline_and_the_others_go_on() {
    let broker = TestBroker::start(&[TWO]);
    let lost = spread(&broker, "halved");
    let neighbour = spread(&broker, "neighbour");
    let mut client = broker.client();
    client.produce("neighbour", neighbour, batch::plain(1));
    break_partition(&broker.data_dir().join("b"), "halved", lost);
    let answer = client.try_produce("halved", lost, batch::plain(1));
    assert_eq!(answer.error_code, KAFKA_STORAGE_ERROR, "{answer:?}");
    wait_until_offline(&mut client, "halved", lost);
    wait_until_offline(&mut client, "neighbour", neighbour);
    for (topic, partition) in [("halved", lost), ("neighbour", neighbour)] {
        let refused = client.try_produce(topic, partition, batch::plain(1));
        assert_eq!(refused.error_code, KAFKA_STORAGE_ERROR);
        assert_eq!(client.try_fetch(topic, partition, 0).error_code, KAFKA_STORAGE_ERROR);
    }
    assert_eq!(client.produce("halved", 1 - lost, batch::plain(2)), 0);
    assert_eq!(client.values("halved", 1 - lost, 0), ["v0", "v1"]);
    let dirs = described(&mut client);
    assert_eq!(dirs.iter().map(|dir| dir.error_code).collect::<Vec<_>>(), [0, 56]);
    assert!(dirs[1].partitions.is_empty());
    client.topic("later", 2, &[]);
    assert_eq!(client.produce("later", 1, batch::plain(1)), 0);
}

#[test]
fn a_directory_in_which_no_partition_can_be_made_is_offline() {
    let broker = TestBroker::start(&[TWO]);
    let neighbour = spread(&broker, "neighbour");
    let mut client = broker.client();
    fs::rename(broker.data_dir().join("b"), broker.data_dir().join("aside")).unwrap();
    client.topic("new", 2, &[]);
    let served = partitions_in(&broker.data_dir().join("a"));
    let made = (0..2).find(|number| served.contains(&format!("new-{number}"))).unwrap();
    wait_until_offline(&mut client, "new", 1 - made);
    wait_until_offline(&mut client, "neighbour", neighbour);
    assert_eq!(client.produce("new", made, batch::plain(1)), 0);
}

#[test]
fn what_was_acknowledged_in_a_failed_directory_is_there_after_a_restart() {
    let mut broker = TestBroker::start(&[TWO]);
    let lost = spread(&broker, "kept");
    let broken = spread(&broker, "broken");
    let mut client = broker.client();
    client.produce("kept", lost, batch::plain(2));
    break_partition(&broker.data_dir().join("b"), "broken", broken);
    client.try_produce("broken", broken, batch::plain(1));
    wait_until_offline(&mut client, "kept", lost);
    broker.stop();
    let mark = ".kafka_cleanshutdown";
    assert!(broker.data_dir().join("a").join(mark).exists());
    assert!(!broker.data_dir().join("b").join(mark).exists(), "it is not in order");
    broker.start_again();
    let mut client = broker.client();
    assert_eq!(client.values("kept", lost, 0), ["v0", "v1"]);
    assert_eq!(client.produce("kept", lost, batch::plain(1)), 2);
}

#[test]
fn a_directory_that_cannot_be_opened_is_offline_and_the_rest_serves() {
    let mut broker = TestBroker::start(&[TWO]);
    let lost = spread(&broker, "split");
    let mut client = broker.client();
    for partition in 0..2 {
        client.produce("split", partition, batch::plain(2));
    }
    broker.stop();
    let b = broker.data_dir().join("b");
    let aside = unmount(&b);
    broker.start_again();
    let mut client = broker.client();
    wait_until_offline(&mut client, "split", lost);
    assert_eq!(client.values("split", 1 - lost, 0), ["v0", "v1"]);
    assert_eq!(client.try_produce("split", lost, batch::plain(1)).error_code, KAFKA_STORAGE_ERROR);
    assert_eq!(described(&mut client)[1].error_code, KAFKA_STORAGE_ERROR);
    assert!(!broker.data_dir().join(format!("a/split-{lost}")).exists(), "it is not made anew");
    broker.stop();
    mount(&b, &aside);
    broker.start_again();
    let mut client = broker.client();
    assert_eq!(client.values("split", lost, 0), ["v0", "v1"]);
    assert_eq!(client.produce("split", lost, batch::plain(1)), 2);
}

#[test]
fn an_empty_directory_in_the_place_of_a_full_one_hides_nothing() {
    let mut broker = TestBroker::start(&[TWO]);
    let lost = spread(&broker, "mounted");
    let mut client = broker.client();
    client.produce("mounted", lost, batch::plain(2));
    broker.stop();
    let b = broker.data_dir().join("b");
    let aside = b.with_extension("aside");
    fs::rename(&b, &aside).unwrap();
    broker.start_again();
    let mut client = broker.client();
    wait_until_offline(&mut client, "mounted", lost);
    broker.stop();
    fs::remove_dir_all(&b).unwrap();
    fs::rename(&aside, &b).unwrap();
    broker.start_again();
    assert_eq!(broker.client().values("mounted", lost, 0), ["v0", "v1"]);
}

#[test]
fn groups_of_a_failed_directory_have_no_coordinator_and_the_others_do() {
    let broker = TestBroker::start(&[TWO]);
    let mut client = broker.client();
    client.topic("read", 1, &[]);
    for group in ["g0", "g1", "g2", "g3", "g4", "g5"] {
        client.find_coordinator(group);
    }
    let broken = spread(&broker, "broken");
    break_partition(&broker.data_dir().join("b"), "broken", broken);
    client.try_produce("broken", broken, batch::plain(1));
    wait_until_offline(&mut client, "broken", broken);
    let codes: Vec<i16> = ["g0", "g1", "g2", "g3", "g4", "g5"]
        .iter()
        .map(|group| commit(&mut client, group, "read", 0, (5, "")))
        .collect();
    assert!(codes.iter().all(|code| matches!(code, 0 | 16)), "{codes:?}");
    assert!(codes.contains(&0) && codes.contains(&16), "{codes:?}");
    let served = codes.iter().position(|code| *code == 0).unwrap();
    let group = format!("g{served}");
    assert_eq!(committed(&mut client, &group, "read", 0).committed_offset, 5);
}

#[test]
fn the_broker_cannot_go_on_without_the_cluster_metadata() {
    let broker = TestBroker::start(&[TWO]);
    let failure = broker.broker().failure();
    let mut client = broker.client();
    client.topic("broken", 2, &[]);
    let in_a = partitions_in(&broker.data_dir().join("a"));
    let name = in_a.first().unwrap();
    let partition = name.rsplit_once('-').unwrap().1.parse().unwrap();
    break_partition(&broker.data_dir().join("a"), "broken", partition);
    let _refused = client.try_produce("broken", partition, batch::plain(1));
    let reason = in_process::wait_for(failure);
    assert!(reason.contains("/a ") && reason.contains("metadata"), "{reason}");
}

#[test]
fn a_broker_starts_with_at_least_one_directory() {
    let mut broker =
        TestBroker::start(&[("log.dirs", "{dir}/a"), ("metadata.log.dir", "{dir}/meta")]);
    broker.stop();
    unmount(&broker.data_dir().join("a"));
    let settings = [
        ("log.dirs".to_owned(), "{dir}/a".to_owned()),
        ("metadata.log.dir".to_owned(), "{dir}/meta".to_owned()),
    ];
    let refused = in_process::start(broker.data_dir(), &settings).expect_err("no directory works");
    assert!(refused.to_string().contains("log.dirs"), "{refused}");
}
