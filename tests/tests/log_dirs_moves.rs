//! Replicas that move from one data directory to another while they are used.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ottla_tests::{
    batch,
    client::Client,
    in_process::{TestBroker, copy_directory, eventually},
    log_dirs::{TWO, described, holds, mount, move_to, unmount},
};

const SLOWLY: (&str, &str) = ("replica.alter.log.dirs.io.max.bytes.per.second", "1000");
const QUICKLY: (&str, &str) = (SLOWLY.0, "1000000000");

/// Where the only partition of a topic is, and where it is not.
fn places(broker: &TestBroker, topic: &str) -> (PathBuf, PathBuf) {
    let (a, b) = (broker.data_dir().join("a"), broker.data_dir().join("b"));
    if a.join(format!("{topic}-0")).exists() { (a, b) } else { (b, a) }
}

fn wait_until_in(client: &mut Client, dir: &Path, topic: &str) {
    eventually("the replica has moved", || {
        let is_done = holds(client, dir, topic, 0)
            && !described(client).iter().any(|dir| dir.partitions.iter().any(|part| part.3));
        is_done.then_some(())
    });
}

/// Names in both directories that begin like a partition of the topic.
fn names(broker: &TestBroker, topic: &str) -> Vec<String> {
    let dirs = ["a", "b"].map(|dir| broker.data_dir().join(dir));
    let entries = dirs.iter().flat_map(|dir| fs::read_dir(dir).unwrap().flatten());
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(&format!("{topic}-"))).collect()
}

#[test]
fn a_replica_moves_while_it_is_written_and_read() {
    let mut broker = TestBroker::start(&[TWO]);
    let mut client = broker.client();
    client.topic("moving", 1, &[("segment.bytes", "1048576"), ("file.delete.delay.ms", "0")]);
    let (from, to) = places(&broker, "moving");
    for _ in 0..50 {
        client.produce("moving", 0, batch::plain(100));
    }
    assert_eq!(move_to(&mut client, &to, "moving", 0), 0);
    let mut written = 5000;
    eventually("the replica has moved", || {
        assert_eq!(client.produce("moving", 0, batch::plain(100)), written);
        written += 100;
        assert_eq!(client.values("moving", 0, written - 100).len(), 100);
        holds(&mut client, &to, "moving", 0).then_some(())
    });
    assert_eq!(client.produce("moving", 0, batch::plain(100)), written);
    let all = |client: &mut Client| client.values("moving", 0, 0).len();
    assert_eq!(i64::try_from(all(&mut client)).unwrap(), written + 100);
    assert!(to.join("moving-0").exists() && !from.join("moving-0").exists());
    broker.crash_and_restart();
    let mut client = broker.client();
    let to = broker.data_dir().join(to.file_name().unwrap());
    assert!(holds(&mut client, &to, "moving", 0));
    assert_eq!(i64::try_from(all(&mut client)).unwrap(), written + 100);
}

#[test]
fn a_move_is_no_faster_than_allowed() {
    let broker = TestBroker::start(&[TWO, SLOWLY]);
    let mut client = broker.client();
    client.topic("slow", 1, &[("segment.bytes", "1048576")]);
    let (_, to) = places(&broker, "slow");
    for _ in 0..300 {
        client.produce("slow", 0, batch::plain(1000));
    }
    assert_eq!(move_to(&mut client, &to, "slow", 0), 0);
    // Without a limit it is done after a few of these; with it, after an hour.
    for _ in 0..500 {
        client.produce("slow", 0, batch::plain(1));
        assert!(!holds(&mut client, &to, "slow", 0));
    }
    client.alter((4, "1"), &[QUICKLY]);
    wait_until_in(&mut client, &to, "slow");
}

#[test]
fn as_many_moves_as_there_are_threads_are_under_way_at_once() {
    let one = ("num.replica.alter.log.dirs.threads", "1");
    for settings in [vec![TWO, SLOWLY], vec![TWO, SLOWLY, one]] {
        let broker = TestBroker::start(&settings);
        let mut client = broker.client();
        for topic in ["one", "two"] {
            client.topic(topic, 1, &[]);
            // At a thousand bytes a second a step of this takes minutes.
            for _ in 0..20 {
                client.produce(topic, 0, batch::plain(1000));
            }
            let (_, to) = places(&broker, topic);
            assert_eq!(move_to(&mut client, &to, topic, 0), 0);
        }
        let begun = |client: &mut Client| {
            let dirs = described(client);
            dirs.iter().flat_map(|dir| &dir.partitions).filter(|it| it.3 && it.2 > 0).count()
        };
        let threads = if settings.contains(&one) { 1 } else { 2 };
        eventually("they have begun", || (begun(&mut client) == threads).then_some(()));
        // A thread that moves nothing would have begun the other by now.
        for _ in 0..200 {
            client.produce("one", 0, batch::plain(1));
            assert_eq!(begun(&mut client), threads);
        }
    }
}

/// A broker with a move that is under way out of `from`, and its topic with 200,000 records.
fn under_way(from: &str) -> (TestBroker, &'static str, PathBuf, PathBuf) {
    let broker = TestBroker::start(&[TWO, SLOWLY]);
    let mut client = broker.client();
    let topics = ["one", "two"];
    for topic in topics {
        client.topic(topic, 1, &[]);
    }
    let lies_there = |topic: &&&str| places(&broker, topic).0.ends_with(from);
    let topic = topics.iter().find(lies_there).expect("one in each directory");
    for _ in 0..200 {
        client.produce(topic, 0, batch::plain(1000));
    }
    let (from, to) = places(&broker, topic);
    assert_eq!(move_to(&mut client, &to, topic, 0), 0);
    eventually("there is a copy", || (names(&broker, topic).len() == 2).then_some(()));
    (broker, topic, from, to)
}

#[test]
fn a_replica_whose_copy_cannot_have_its_name_goes_on_where_it_is() {
    let (mut broker, topic, from, to) = under_way("a");
    let mut client = broker.client();
    let in_the_way = to.join(format!("{topic}-0"));
    fs::create_dir(&in_the_way).unwrap();
    fs::write(in_the_way.join("something"), "else").unwrap();
    client.alter((4, "1"), &[QUICKLY]);
    eventually("the move is given up", || {
        let dirs = described(&mut client);
        assert!(dirs.iter().all(|dir| dir.error_code == 0));
        (!dirs.iter().any(|dir| dir.partitions.iter().any(|part| part.3))).then_some(())
    });
    assert_eq!(client.produce(topic, 0, batch::plain(10)), 200_000);
    assert!(from.join(format!("{topic}-0")).exists());
    fs::remove_dir_all(&in_the_way).unwrap();
    broker.restart();
    let mut client = broker.client();
    assert_eq!(client.values(topic, 0, 0).len(), 200_010);
    assert_eq!(move_to(&mut client, &to, topic, 0), 0);
    wait_until_in(&mut client, &to, topic);
    assert_eq!(client.values(topic, 0, 0).len(), 200_010);
}

#[test]
fn a_replica_that_cannot_be_set_aside_goes_on_where_its_copy_is() {
    let (mut broker, topic, from, to) = under_way("b");
    let mut client = broker.client();
    // As if the rename had been done, and was answered with an error.
    let old = from.join(format!("{topic}-0"));
    fs::rename(&old, from.join(format!("{topic}-0.{}-delete", "0e".repeat(16)))).unwrap();
    client.alter((4, "1"), &[QUICKLY]);
    let path = from.display().to_string();
    eventually("the directory has failed", || {
        described(&mut client)
            .iter()
            .any(|dir| dir.path == path && dir.error_code == 56)
            .then_some(())
    });
    assert!(holds(&mut client, &to, topic, 0));
    for _ in 0..2 {
        let mut client = broker.client();
        eventually("it is led", || {
            (client.metadata(topic, false).partitions[0].leader_id == 1).then_some(())
        });
        assert!(client.values(topic, 0, 0).len() >= 200_000);
        assert!(client.produce(topic, 0, batch::plain(1)) >= 200_000);
        broker.restart();
    }
}

/// A crash came before the cluster was told of the new place, and the directory with it is not
/// there at the next start.
#[test]
fn a_replica_that_was_moved_out_of_reach_is_not_made_anew_where_it_was() {
    let mut broker = TestBroker::start(&[TWO]);
    let mut client = broker.client();
    let topics = ["one", "two"];
    for topic in topics {
        client.topic(topic, 1, &[]);
    }
    let topic = topics.into_iter().find(|topic| places(&broker, topic).0.ends_with("a")).unwrap();
    client.produce(topic, 0, batch::plain(10));
    broker.crash(|_| {});
    let (a, b) = (broker.data_dir().join("a"), broker.data_dir().join("b"));
    let name = format!("{topic}-0");
    fs::create_dir(b.join(&name)).unwrap();
    copy_directory(&a.join(&name), &b.join(&name));
    let aside = a.join(format!("{name}.{}-delete", "0c".repeat(16)));
    fs::rename(a.join(&name), &aside).unwrap();
    fs::remove_file(a.join("recovery-point-offset-checkpoint")).ok();
    let hidden = unmount(&b);
    broker.start_again();
    let mut client = broker.client();
    assert_eq!(client.try_fetch(topic, 0, 0).error_code, 56, "KAFKA_STORAGE_ERROR");
    assert!(aside.exists() && !a.join(&name).exists());
    broker.stop();
    mount(&b, &hidden);
    broker.start_again();
    let mut client = broker.client();
    assert_eq!(client.values(topic, 0, 0).len(), 10);
    assert_eq!(client.produce(topic, 0, batch::plain(1)), 10);
}

#[test]
fn a_move_takes_the_log_start_offset_and_the_producers_with_it() {
    let broker = TestBroker::start(&[TWO]);
    let mut client = broker.client();
    client.topic("whole", 1, &[]);
    let (_, to) = places(&broker, "whole");
    let id = client.producer_id();
    for sequence in 0..4 {
        client.produce("whole", 0, batch::idempotent(id, 0, sequence * 10, 10));
    }
    client.delete_records("whole", 0, 15);
    assert_eq!(move_to(&mut client, &to, "whole", 0), 0);
    wait_until_in(&mut client, &to, "whole");
    assert_eq!((client.offset("whole", 0, -2), client.offset("whole", 0, -1)), (15, 40));
    let again = client.produce("whole", 0, batch::idempotent(id, 0, 20, 10));
    assert_eq!(again, 20, "the producer's batches are remembered");
    assert_eq!(client.produce("whole", 0, batch::idempotent(id, 0, 40, 10)), 40);
    assert_eq!(client.values("whole", 0, 15).len(), 35);
}

#[test]
fn a_replica_that_is_called_back_stays_and_leaves_nothing_behind() {
    let broker = TestBroker::start(&[TWO]);
    let mut client = broker.client();
    client.topic("called-back", 1, &[("file.delete.delay.ms", "0")]);
    let (from, to) = places(&broker, "called-back");
    client.produce("called-back", 0, batch::plain(10));
    assert_eq!(move_to(&mut client, &to, "called-back", 0), 0);
    assert_eq!(move_to(&mut client, &from, "called-back", 0), 0);
    wait_until_in(&mut client, &from, "called-back");
    assert_eq!(client.values("called-back", 0, 0).len(), 10);
    eventually("the copy is removed", || {
        (names(&broker, "called-back") == ["called-back-0"]).then_some(())
    });
}

#[test]
fn a_move_that_cannot_be_is_refused() {
    let broker = TestBroker::start(&[TWO]);
    let mut client = broker.client();
    client.topic("stays", 1, &[]);
    let (from, to) = places(&broker, "stays");
    let nowhere = broker.data_dir().join("nowhere");
    assert_eq!(move_to(&mut client, &nowhere, "stays", 0), 57, "LOG_DIR_NOT_FOUND");
    assert_eq!(move_to(&mut client, &to, "missing", 0), 3, "UNKNOWN_TOPIC_OR_PARTITION");
    assert_eq!(move_to(&mut client, &to, "stays", 7), 3, "UNKNOWN_TOPIC_OR_PARTITION");
    assert_eq!(move_to(&mut client, &from, "stays", 0), 0, "it is there");
    let cordoned = to.display().to_string();
    client.alter((4, "1"), &[("cordoned.log.dirs", &cordoned)]);
    assert_eq!(move_to(&mut client, &to, "stays", 0), 39, "INVALID_REPLICA_ASSIGNMENT");
}

#[test]
fn a_topic_that_is_deleted_on_its_way_leaves_nothing_behind() {
    let broker = TestBroker::start(&[TWO]);
    let mut client = broker.client();
    client.topic("going", 1, &[("file.delete.delay.ms", "0")]);
    let (_, to) = places(&broker, "going");
    client.produce("going", 0, batch::plain(10));
    assert_eq!(move_to(&mut client, &to, "going", 0), 0);
    client.delete_topic("going");
    eventually("everything is removed", || names(&broker, "going").is_empty().then_some(()));
}

#[test]
fn a_copy_that_a_stop_interrupted_is_gone_on_with() {
    let mut broker = TestBroker::start(&[TWO]);
    let mut client = broker.client();
    client.topic("resumed", 1, &[]);
    let (from, to) = places(&broker, "resumed");
    for _ in 0..3 {
        client.produce("resumed", 0, batch::plain(10));
    }
    broker.stop();
    let copy = to.join(format!("resumed-0.{}-future", "0a".repeat(16)));
    fs::create_dir(&copy).unwrap();
    let log = "00000000000000000000.log";
    let whole = fs::read(from.join("resumed-0").join(log)).unwrap();
    // Two thirds of the records, and a torn batch.
    fs::write(copy.join(log), &whole[..whole.len() - 10]).unwrap();
    fs::remove_file(to.join(".kafka_cleanshutdown")).unwrap();
    broker.start_again();
    let mut client = broker.client();
    wait_until_in(&mut client, &to, "resumed");
    assert_eq!(client.values("resumed", 0, 0).len(), 30);
    assert_eq!(client.produce("resumed", 0, batch::plain(1)), 30);
    assert_eq!(fs::read(to.join("resumed-0").join(log)).unwrap()[..whole.len()], whole);
}

#[test]
fn a_copy_does_not_take_the_place_of_a_partition_that_is_out_of_reach() {
    let mut broker = TestBroker::start(&[TWO]);
    let mut client = broker.client();
    client.topic("elsewhere", 1, &[]);
    client.topic("pad", 1, &[]);
    let topic = if places(&broker, "elsewhere").0.ends_with("b") { "elsewhere" } else { "pad" };
    client.produce(topic, 0, batch::plain(10));
    broker.stop();
    let (a, b) = (broker.data_dir().join("a"), broker.data_dir().join("b"));
    let copy = a.join(format!("{topic}-0.{}-future", "0d".repeat(16)));
    fs::create_dir(&copy).unwrap();
    let aside = unmount(&b);
    broker.start_again();
    let mut client = broker.client();
    assert_eq!(client.try_fetch(topic, 0, 0).error_code, 56, "KAFKA_STORAGE_ERROR");
    broker.stop();
    mount(&b, &aside);
    broker.start_again();
    let mut client = broker.client();
    assert_eq!(client.values(topic, 0, 0).len(), 10);
    wait_until_in(&mut client, &a, topic);
    assert_eq!(client.values(topic, 0, 0).len(), 10);
}
