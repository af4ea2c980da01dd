//! Files of a stopped broker that change while nobody looks: what is offline then, and until when.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ottla_tests::{
    batch,
    client::Client,
    group::{commit, try_committed},
    in_process::{TestBroker, eventually},
    log_dirs::TWO,
};
use ottla_wire::{
    Str,
    messages::{
        FindCoordinatorRequest, InitProducerIdRequest, ListGroupsRequest, ListTransactionsRequest,
    },
};

const KAFKA_STORAGE_ERROR: i16 = 56;
const CORRUPT_MESSAGE: i16 = 2;
const NOT_COORDINATOR: i16 = 16;
const LEADER_NOT_AVAILABLE: i16 = 5;

fn log_of(data_dir: &Path, partition: &str) -> PathBuf {
    data_dir.join(partition).join("00000000000000000000.log")
}

/// A broker with the topics `damaged` and `sound`, of three records each, that was stopped and has
/// lost the end of the first; and what that was.
fn damaged() -> (TestBroker, Vec<u8>) {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    for topic in ["damaged", "sound"] {
        client.topic(topic, 1, &[]);
        client.produce(topic, 0, batch::plain(3));
    }
    broker.stop();
    let path = log_of(broker.data_dir(), "damaged-0");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    (broker, whole)
}

fn assert_offline(client: &mut Client) {
    eventually("the partition has no leader", || {
        let topic = client.metadata("damaged", false);
        let partition = topic.partitions.first()?;
        (partition.leader_id == -1).then(|| {
            assert_eq!(partition.error_code, LEADER_NOT_AVAILABLE);
            assert_eq!(partition.offline_replicas, [1]);
        })
    });
    let refused = client.try_produce("damaged", 0, batch::plain(1));
    assert_eq!(refused.error_code, KAFKA_STORAGE_ERROR);
    assert_eq!(client.try_fetch("damaged", 0, 0).error_code, KAFKA_STORAGE_ERROR);
    assert_eq!(client.values("sound", 0, 0)[..3], ["v0", "v1", "v2"]);
    client.produce("sound", 0, batch::plain(1));
}

/// Starts the broker again and again: no start forgets what the one before has found.
fn assert_stays_offline(broker: &mut TestBroker) {
    broker.start_again();
    assert_offline(&mut broker.client());
    broker.restart();
    assert_offline(&mut broker.client());
    broker.crash_and_restart();
    assert_offline(&mut broker.client());
    broker.crash_and_restart();
    assert_offline(&mut broker.client());
}

#[test]
fn a_damaged_partition_has_no_leader_until_it_is_repaired() {
    let (mut broker, whole) = damaged();
    assert_stays_offline(&mut broker);
    broker.stop();
    fs::write(log_of(broker.data_dir(), "damaged-0"), &whole).unwrap();
    broker.start_again();
    let mut client = broker.client();
    assert_eq!(client.values("damaged", 0, 0), ["v0", "v1", "v2"]);
    assert_eq!(client.produce("damaged", 0, batch::plain(1)), 3);
    let topic = client.metadata("damaged", false);
    assert_eq!((topic.partitions[0].leader_id, topic.partitions[0].error_code), (1, 0));
    assert!(topic.partitions[0].offline_replicas.is_empty());
}

#[test]
fn a_damaged_partition_that_is_taken_away_begins_anew() {
    let (mut broker, _) = damaged();
    broker.start_again();
    assert_offline(&mut broker.client());
    broker.stop();
    fs::remove_dir_all(broker.data_dir().join("damaged-0")).unwrap();
    broker.start_again();
    assert_offline(&mut broker.client());
    broker.stop();
    // As the message says.
    let path = broker.data_dir().join("recovery-point-offset-checkpoint");
    let text = fs::read_to_string(&path).unwrap();
    let kept: Vec<&str> = text.lines().skip(2).filter(|line| *line != "damaged 0 3").collect();
    let text = format!("0\n{}\n{}\n", kept.len(), kept.join("\n"));
    fs::write(&path, text).unwrap();
    broker.start_again();
    let mut client = broker.client();
    eventually("it is led again", || {
        (client.metadata("damaged", false).partitions[0].leader_id == 1).then_some(())
    });
    assert_eq!(client.produce("damaged", 0, batch::plain(1)), 0);
}

#[test]
fn a_partition_that_is_missing_is_not_made_anew_here_or_in_another_directory() {
    let mut broker = TestBroker::start(&[TWO]);
    let mut client = broker.client();
    for topic in ["sound", "damaged"] {
        client.topic(topic, 1, &[]);
        client.produce(topic, 0, batch::plain(3));
    }
    broker.restart();
    for crash in [false, true] {
        if crash {
            broker.crash(|_| {})
        } else {
            broker.stop()
        }
        // Not in the first one, which a new partition would go to.
        let place = |broker: &TestBroker| broker.data_dir().join("b/damaged-0");
        fs::rename(place(&broker), broker.data_dir().join("aside")).unwrap();
        assert_stays_offline(&mut broker);
        broker.stop();
        assert!(!place(&broker).exists() && !broker.data_dir().join("a/damaged-0").exists());
        fs::rename(broker.data_dir().join("aside"), place(&broker)).unwrap();
        broker.start_again();
        assert_eq!(broker.client().values("damaged", 0, 0), ["v0", "v1", "v2"]);
    }
}

#[test]
fn a_log_that_has_lost_its_first_segment_has_no_leader() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("sound", 1, &[]);
    client.produce("sound", 0, batch::plain(3));
    client.topic("damaged", 1, &[("segment.bytes", "1048576"), ("retention.ms", "-1")]);
    for _ in 0..5 {
        let records = [batch::record("key", &"x".repeat(500_000), 0)];
        let batch = batch::build(ottla_record::BuilderOptions::default(), &records);
        client.produce("damaged", 0, batch.freeze());
    }
    broker.stop();
    let segments = broker.segments("damaged-0");
    assert!(segments.len() > 1);
    for kind in ["log", "index", "timeindex"] {
        fs::remove_file(segments[0].with_extension(kind)).unwrap();
    }
    broker.start_again();
    assert_offline(&mut broker.client());
}

#[test]
fn a_topic_made_anew_has_nothing_of_the_one_before() {
    let (mut broker, _) = damaged();
    broker.start_again();
    let mut client = broker.client();
    assert_offline(&mut client);
    // The one that was damaged, and one whose start and end were checkpointed far behind.
    client.topic("moved", 1, &[]);
    for _ in 0..5 {
        client.produce("moved", 0, batch::plain(100));
    }
    client.delete_records("moved", 0, 450);
    broker.restart();
    let mut client = broker.client();
    for topic in ["damaged", "moved"] {
        client.delete_topic(topic);
        client.topic(topic, 1, &[]);
        assert_eq!(client.produce(topic, 0, batch::plain(2)), 0);
    }
    for round in 0..3 {
        if round == 1 {
            broker.crash_and_restart();
        } else {
            broker.restart();
        }
        let mut client = broker.client();
        for topic in ["damaged", "moved"] {
            assert_eq!(client.values(topic, 0, 0), ["v0", "v1"], "{topic} in round {round}");
            assert_eq!(client.metadata(topic, false).partitions[0].leader_id, 1);
        }
    }
}

/// Flips a bit of a file, so many bytes before its end.
fn flip(path: &Path, before_end: usize) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() - before_end;
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_flipped_bit_is_served_to_nobody_and_what_is_around_it_is() {
    let (mut broker, whole) = damaged();
    let path = log_of(broker.data_dir(), "damaged-0");
    fs::write(&path, &whole).unwrap();
    broker.start_again();
    let mut client = broker.client();
    for _ in 0..2 {
        client.produce("damaged", 0, batch::plain(3));
    }
    broker.stop();
    // In the second of three batches.
    flip(&path, whole.len() + 5);
    broker.start_again();
    let mut client = broker.client();
    for _ in 0..2 {
        assert_eq!(client.try_fetch("damaged", 0, 3).error_code, CORRUPT_MESSAGE);
        assert_eq!(client.try_fetch("damaged", 0, 0).error_code, 0);
        assert_eq!(client.values("damaged", 0, 6), ["v0", "v1", "v2"]);
        assert_eq!(client.values("sound", 0, 0), ["v0", "v1", "v2"]);
    }
    assert_eq!(client.produce("damaged", 0, batch::plain(1)), 9);
}

#[test]
fn damaged_offsets_of_groups_cost_no_others() {
    let mut broker = TestBroker::start(&[("offsets.topic.num.partitions", "2")]);
    let mut client = broker.client();
    client.topic("sound", 1, &[]);
    let groups = ["a", "b", "c", "d", "e", "f"];
    for group in groups {
        client.find_coordinator(group);
        assert_eq!(commit(&mut client, group, "sound", 0, (5, "")), 0);
    }
    broker.stop();
    let path = log_of(broker.data_dir(), "__consumer_offsets-0");
    assert!(fs::metadata(&path).unwrap().len() > 0, "some group lies there");
    flip(&path, 5);
    broker.start_again();
    let mut client = broker.client();
    let all = |client: &mut Client| {
        groups.map(|group| {
            let found = try_committed(client, group, "sound", 0);
            found.map(|found| (found.error_code, found.committed_offset))
        })
    };
    eventually("the others are loaded", || all(&mut client).contains(&Ok((0, 5))).then_some(()));
    // Nobody is told that nothing was committed.
    let found = all(&mut client);
    assert!(found.iter().all(|it| *it == Ok((0, 5)) || *it == Err(NOT_COORDINATOR)), "{found:?}");
    assert!(found.contains(&Err(NOT_COORDINATOR)), "{found:?}");
    let listed = client.call(4, &ListGroupsRequest::default());
    assert_eq!(listed.error_code, 0);
    assert_eq!(listed.groups.len(), found.iter().filter(|it| it.is_ok()).count());
}

#[test]
fn damaged_transactions_cost_no_others() {
    let mut broker = TestBroker::start(&[("transaction.state.log.num.partitions", "2")]);
    let mut client = broker.client();
    let ids = ["a", "b", "c", "d", "e", "f"];
    let init = |client: &mut Client, id: &str| {
        let request = InitProducerIdRequest {
            transactional_id: Some(Str::from(id)),
            transaction_timeout_ms: 60_000,
            ..Default::default()
        };
        client.call(4, &request).error_code
    };
    let find = FindCoordinatorRequest {
        key_type: 1,
        coordinator_keys: ids.map(Str::from).to_vec(),
        ..Default::default()
    };
    client.call(4, &find);
    for id in ids {
        eventually("there is a coordinator", || (init(&mut client, id) == 0).then_some(()));
    }
    broker.stop();
    let path = log_of(broker.data_dir(), "__transaction_state-0");
    assert!(fs::metadata(&path).unwrap().len() > 0, "some id lies there");
    flip(&path, 5);
    broker.start_again();
    let mut client = broker.client();
    eventually("all is loaded, or given up", || {
        let found = ids.map(|id| init(&mut client, id));
        let is_settled = found.iter().all(|code| [0, NOT_COORDINATOR].contains(code));
        (is_settled && found.contains(&0) && found.contains(&NOT_COORDINATOR)).then_some(())
    });
    let listed = client.call(0, &ListTransactionsRequest::default());
    assert_eq!(listed.error_code, 0);
    let known = ids.iter().filter(|id| init(&mut client, id) == 0).count();
    assert_eq!(listed.transaction_states.len(), known);
}
