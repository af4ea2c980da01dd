//! Compaction in a running broker: what goes, what stays, and what is known after a restart.

use std::{fs, os::unix::fs::FileExt, path::Path};

use ottla_record::BuilderOptions;
use ottla_tests::{
    batch,
    client::{Client, text_of},
    group::{commit, committed},
    in_process::{TestBroker, eventually},
    log_dirs::{TWO, holds, move_to},
};

/// Every batch begins a segment, since each is a second younger than the one before.
const COMPACTED: &[(&str, &str)] = &[
    ("cleanup.policy", "compact"),
    ("segment.ms", "1"),
    ("min.cleanable.dirty.ratio", "0"),
    ("delete.retention.ms", "0"),
];

const CLEANER_OFFSETS: &str = "cleaner-offset-checkpoint";

/// How often each group commits.
const COMMITS: i64 = 40;

/// A broker that cleans as often as it can.
fn eager() -> TestBroker {
    TestBroker::start(&[("log.cleaner.backoff.ms", "1"), ("log.cleaner.threads", "2")])
}

/// Produces a batch with one record for each key, at a time of its own. Without a value a
/// tombstone.
fn put(client: &mut Client, topic: &str, second: i64, keys: &[&str], value: Option<&str>) {
    let records: Vec<_> = keys
        .iter()
        .map(|key| {
            let mut record = batch::record(key, value.unwrap_or_default(), second * 1000);
            record.value = record.value.filter(|_| value.is_some());
            record
        })
        .collect();
    client.produce(topic, 0, batch::build(BuilderOptions::default(), &records).freeze());
}

/// Offset, key and value of every record.
fn stored(client: &mut Client, topic: &str) -> Vec<(i64, String, String)> {
    let records = client.records(topic, 0, 0);
    let texts = records.iter().map(|(offset, record)| {
        (offset.get(), text_of(record.key.as_ref()), text_of(record.value.as_ref()))
    });
    texts.collect()
}

fn wait_until_stored(client: &mut Client, topic: &str, expected: &[(i64, &str, &str)]) {
    let mut last = Vec::new();
    eventually(&format!("{topic} is compacted to {expected:?}"), || {
        last = stored(client, topic);
        let found = last.iter().map(|(offset, key, value)| (*offset, key.as_str(), value.as_str()));
        found.eq(expected.iter().copied()).then_some(())
    });
}

#[test]
fn of_every_key_the_last_record_stays_through_a_stop_and_a_crash() {
    let mut broker = eager();
    let mut client = broker.client();
    client.topic("t", 1, COMPACTED);
    put(&mut client, "t", 0, &["a", "b", "c"], Some("old")); // 0-2
    put(&mut client, "t", 1, &["b", "d"], Some("new")); // 3-4
    put(&mut client, "t", 2, &["c"], None); // 5
    put(&mut client, "t", 3, &["a"], Some("new")); // 6
    let newest = [("a", 6), ("b", 3), ("d", 4)];
    // The tombstone goes in a later round than what it deletes, and a round needs something new.
    let mut second = 3;
    eventually("only the newest are left", || {
        second += 1;
        put(&mut client, "t", second, &["z"], Some("v"));
        let found = stored(&mut client, "t");
        let mut others: Vec<_> = found.iter().filter(|(_, key, _)| key != "z").collect();
        others.sort_by_key(|(_, key, _)| key);
        let others = others.into_iter().map(|(offset, key, _)| (key.as_str(), *offset));
        others.eq(newest).then_some(())
    });
    let end = client.offset("t", 0, -1);
    for crash in [false, true] {
        if crash {
            broker.crash_and_restart()
        } else {
            broker.restart()
        }
        client = broker.client();
        let found = stored(&mut client, "t");
        for (key, offset) in newest {
            assert!(found.contains(&(offset, key.to_owned(), "new".to_owned())), "{found:?}");
        }
        assert!(!found.iter().any(|(_, key, _)| key == "c"), "{found:?}");
    }
    assert_eq!(client.offset("t", 0, -1), end);
    assert_eq!(client.produce("t", 0, batch::plain(1)), end);
}

#[test]
fn committed_offsets_are_the_same_after_their_topic_was_compacted() {
    let mut broker = eager();
    let mut client = broker.client();
    client.topic("t", 3, &[]);
    client.find_coordinator("group-0");
    client.alter(
        (2, "__consumer_offsets"),
        &[("cleanup.policy", "compact"), ("segment.ms", "1"), ("min.cleanable.dirty.ratio", "0")],
    );
    for offset in 1..=COMMITS {
        for group in 0..3 {
            let partition = i32::try_from(offset % 3).expect("small");
            let group = format!("group-{group}");
            assert_eq!(commit(&mut client, &group, "t", partition, (offset, "")), 0);
        }
        broker.wait_for_next_millisecond();
    }
    eventually("most commits are gone", || {
        let left: usize =
            (0..2).map(|partition| client.records("__consumer_offsets", partition, 0).len()).sum();
        (left < 60).then_some(())
    });
    for crash in [false, true] {
        for group in 0..3 {
            let group = format!("group-{group}");
            for partition in 0..3 {
                let last = (1..=COMMITS).rev().find(|offset| offset % 3 == i64::from(partition));
                let found = committed(&mut client, &group, "t", partition);
                assert_eq!(Some(found.committed_offset), last, "{group} {partition}");
            }
        }
        if crash {
            broker.crash_and_restart()
        } else {
            broker.restart()
        }
        client = broker.client();
        client.find_coordinator("group-0");
    }
}

#[test]
fn a_topic_that_is_created_again_is_not_taken_for_clean() {
    let broker = eager();
    let mut client = broker.client();
    for round in 0..2 {
        client.topic("again", 1, COMPACTED);
        for second in 0..4 {
            put(&mut client, "again", second, &["a"], Some("v"));
        }
        wait_until_stored(&mut client, "again", &[(2, "a", "v"), (3, "a", "v")]);
        let checkpoint = broker.data_dir().join("cleaner-offset-checkpoint");
        eventually("the end of what is clean is noted", || {
            let text = fs::read_to_string(&checkpoint).unwrap_or_default();
            text.lines().any(|line| line == "again 0 3").then_some(())
        });
        if round == 0 {
            client.delete_topic("again");
        }
    }
}

/// Says in a directory's checkpoint that a partition is clean up to an offset.
fn note_clean(dir: &Path, partition: &str, to: i64) {
    fs::write(dir.join(CLEANER_OFFSETS), format!("0\n1\n{partition} {to}\n")).expect("a line");
}

/// Whether a directory's checkpoint says something of a partition.
fn has_line(dir: &Path, partition: &str) -> bool {
    let text = fs::read_to_string(dir.join(CLEANER_OFFSETS)).unwrap_or_default();
    text.lines().any(|line| line.starts_with(&format!("{partition} ")))
}

/// Cleans from now on, and waits until of four records with the same key only the last is left, and
/// the one of the active segment.
fn assert_not_clean(broker: &mut TestBroker, topic: &str) {
    broker.stop();
    broker.set("log.cleaner.enable", "true");
    broker.set("log.cleaner.backoff.ms", "1");
    broker.start_again();
    wait_until_stored(&mut broker.client(), topic, &[(2, "a", "v"), (3, "a", "v")]);
}

/// What a power cut leaves between the end of a topic and that of its line.
#[test]
fn the_line_of_a_topic_that_is_gone_says_nothing_of_a_new_one() {
    for is_there_before_the_start in [true, false] {
        let mut broker = TestBroker::start(&[("log.cleaner.enable", "false")]);
        let dir = broker.data_dir().to_owned();
        if is_there_before_the_start {
            broker.stop();
            note_clean(&dir, "again 0", 3);
            broker.start_again();
            assert!(!has_line(&dir, "again 0"), "nothing of that name is there");
        } else {
            // One that was never cleaned, or not that far: its line is not its own either.
            broker.client().topic("again", 1, COMPACTED);
            broker.stop();
            note_clean(&dir, "again 0", 3);
            broker.start_again();
            broker.client().delete_topic("again");
            assert!(!has_line(&dir, "again 0"), "it is gone");
        }
        let mut client = broker.client();
        client.topic("again", 1, COMPACTED);
        for second in 0..4 {
            put(&mut client, "again", second, &["a"], Some("v"));
        }
        assert_not_clean(&mut broker, "again");
    }
}

/// What a power cut leaves behind a partition that has moved away.
#[test]
fn the_line_of_another_directory_says_nothing_of_a_partition_that_moves_there() {
    let mut broker = TestBroker::start(&[("log.cleaner.enable", "false"), TWO]);
    let mut client = broker.client();
    client.topic("moving", 1, COMPACTED);
    for second in 0..4 {
        put(&mut client, "moving", second, &["a"], Some("v"));
    }
    let (a, b) = (broker.data_dir().join("a"), broker.data_dir().join("b"));
    let (_, to) = if a.join("moving-0").exists() { (a, b) } else { (b, a) };
    broker.stop();
    note_clean(&to, "moving 0", 3);
    broker.start_again();
    let mut client = broker.client();
    assert_eq!(move_to(&mut client, &to, "moving", 0), 0);
    eventually("it has moved", || holds(&mut client, &to, "moving", 0).then_some(()));
    assert!(!has_line(&to, "moving 0"));
    assert_not_clean(&mut broker, "moving");
}

#[test]
fn a_damaged_log_is_left_alone_and_others_go_on() {
    let mut broker = TestBroker::start(&[("log.cleaner.enable", "false")]);
    let mut client = broker.client();
    for topic in ["broken", "whole"] {
        client.topic(topic, 1, COMPACTED);
        for second in 0..4 {
            put(&mut client, topic, second, &["a"], Some("v"));
        }
    }
    broker.stop();
    let segment = broker.data_dir().join("broken-0/00000000000000000001.log");
    let file = fs::File::options().read(true).write(true).open(&segment).expect("a segment");
    let mut byte = [0];
    file.read_exact_at(&mut byte, 65).expect("a byte of its record");
    file.write_all_at(&[byte[0] ^ 1], 65).expect("another byte");
    let damaged = fs::read(&segment).expect("the segment");
    broker.set("log.cleaner.enable", "true");
    broker.set("log.cleaner.backoff.ms", "1");
    broker.start_again();
    let mut client = broker.client();
    wait_until_stored(&mut client, "whole", &[(2, "a", "v"), (3, "a", "v")]);
    // Appends go on, and so does the cleaner.
    put(&mut client, "broken", 4, &["a"], Some("v"));
    put(&mut client, "whole", 4, &["a"], Some("v"));
    wait_until_stored(&mut client, "whole", &[(3, "a", "v"), (4, "a", "v")]);
    assert_eq!(fs::read(&segment).expect("the segment"), damaged);
}

#[test]
fn a_topic_with_both_policies_is_compacted_and_loses_what_is_too_old() {
    let broker = TestBroker::start(&[
        ("log.cleaner.backoff.ms", "1"),
        ("log.retention.check.interval.ms", "1"),
        ("log.initial.task.delay.ms", "0"),
    ]);
    let mut client = broker.client();
    client.topic("both", 1, &[]);
    let mut configs = COMPACTED.to_vec();
    configs[0].1 = "compact,delete";
    configs.push(("retention.ms", "-1"));
    client.alter((2, "both"), &configs);
    for (second, key) in [(0, "a"), (1, "b"), (2, "a"), (3, "z")] {
        put(&mut client, "both", second, &[key], Some("v"));
    }
    wait_until_stored(&mut client, "both", &[(1, "b", "v"), (2, "a", "v"), (3, "z", "v")]);
    assert_eq!(client.offset("both", 0, -2), 0);
    configs.pop();
    configs.push(("retention.ms", "3600000"));
    client.alter((2, "both"), &configs);
    eventually("all is gone", || (client.offset("both", 0, -2) == 4).then_some(()));
    let again = batch::build(BuilderOptions::default(), &batch::numbered_now(1)).freeze();
    assert_eq!(client.produce("both", 0, again), 4);
    assert_eq!(client.records("both", 0, 4).len(), 1);
}

/// Every record, read from each offset on: none of the holes is taken for damage.
fn assert_readable(
    client: &mut Client,
    topic: &str,
    expected: &[(i64, String, String)],
    what: &str,
) {
    assert_eq!(stored(client, topic), expected, "{what}");
    for from in 0..expected.last().map_or(0, |record| record.0) {
        let first = client.records(topic, 0, from).into_iter().map(|(offset, _)| offset.get());
        let wanted = expected.iter().map(|record| record.0).filter(|offset| *offset >= from);
        assert!(first.eq(wanted), "{what}: from {from}");
    }
}

#[test]
fn what_was_compacted_once_is_whole_after_the_policy_has_changed() {
    let mut broker = TestBroker::start(&[
        ("log.cleaner.backoff.ms", "1"),
        ("log.dirs", "{dir}/a,{dir}/b"),
        ("ottla.ack.durability", "page-cache"),
    ]);
    let mut client = broker.client();
    client.topic("was", 1, COMPACTED);
    for second in 0..12 {
        put(&mut client, "was", second, &["a", "b"], Some("v"));
    }
    put(&mut client, "was", 12, &["z"], Some("v"));
    let newest = [(22, "a", "v"), (23, "b", "v"), (24, "z", "v")];
    wait_until_stored(&mut client, "was", &newest);
    let line = |broker: &TestBroker, name: &str| {
        let path = broker.data_dir().join(name).join("cleaner-offset-checkpoint");
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().any(|line| line == "was 0 24")
    };
    eventually("the end of what is clean is noted", || {
        ["a", "b"].iter().any(|name| line(&broker, name)).then_some(())
    });
    let expected = stored(&mut client, "was");
    client.alter((2, "was"), &[("cleanup.policy", "delete"), ("retention.ms", "-1")]);
    broker.crash_and_restart();
    let mut client = broker.client();
    assert_readable(&mut client, "was", &expected, "after a crash");
    let is_in_a = broker.data_dir().join("a/was-0").exists();
    let (old, new) = if is_in_a { ("a", "b") } else { ("b", "a") };
    let target = broker.data_dir().join(new);
    assert_eq!(move_to(&mut client, &target, "was", 0), 0);
    eventually("it has moved", || holds(&mut client, &target, "was", 0).then_some(()));
    eventually("the line has moved, too", || {
        (line(&broker, new) && !line(&broker, old)).then_some(())
    });
    assert_readable(&mut client, "was", &expected, "after a move");
    for crash in [false, true, true] {
        if crash {
            broker.crash_and_restart()
        } else {
            broker.restart()
        }
        let mut client = broker.client();
        assert_readable(&mut client, "was", &expected, "after a move and a restart");
        assert_eq!(client.offset("was", 0, -1), 25);
    }
}

#[test]
fn compaction_is_no_faster_than_allowed() {
    let (slowly, quickly) = ("100", "100000000");
    let key = "log.cleaner.io.max.bytes.per.second";
    let broker = TestBroker::start(&[("log.cleaner.backoff.ms", "1"), (key, slowly)]);
    let mut client = broker.client();
    client.topic("slow", 1, COMPACTED);
    for second in 0..300 {
        put(&mut client, "slow", second, &["a", "b"], Some("v"));
    }
    // It takes a few of these without a limit, and minutes with it.
    for _ in 0..100 {
        assert!(stored(&mut client, "slow").len() > 500);
    }
    client.alter((4, "1"), &[(key, quickly)]);
    eventually("it is compacted", || (stored(&mut client, "slow").len() < 10).then_some(()));
}
