//! What goes: records by age, size and request, topics by name and id, and what is left then.

use std::sync::atomic::{AtomicBool, Ordering};

use ottla_record::BuilderOptions;
use ottla_tests::{
    batch,
    client::{Client, fetching, text_of},
    group::{commit, committed},
    in_process::{TestBroker, eventually},
    session::produce,
};
use ottla_types::Uuid;
use ottla_wire::{
    Str,
    create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic},
    delete_records_request::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic},
    delete_topics_request::{DeleteTopicState, DeleteTopicsRequest},
    messages::ProduceRequest,
};

const OFFSET_OUT_OF_RANGE: i16 = 1;
const UNKNOWN_TOPIC_OR_PARTITION: i16 = 3;
const POLICY_VIOLATION: i16 = 44;
const TOPIC_DELETION_DISABLED: i16 = 73;
const UNKNOWN_TOPIC_ID: i16 = 100;

const LATEST: i64 = -1;
const EARLIEST: i64 = -2;

const HOUR_MS: i64 = 3_600_000;

/// A broker that looks at retention as often as it can, and removes files when it is done.
fn eager() -> TestBroker {
    TestBroker::start(&[
        ("log.retention.check.interval.ms", "1"),
        ("log.initial.task.delay.ms", "0"),
        ("log.segment.delete.delay.ms", "0"),
    ])
}

/// A batch of two records of this time.
fn at(timestamp: i64) -> bytes::Bytes {
    let record = batch::record("k", "v", timestamp - batch::BASE_TIMESTAMP);
    batch::build(BuilderOptions::default(), &[record.clone(), record]).freeze()
}

/// Error and low watermark of a DeleteRecords.
fn delete_records(client: &mut Client, topic: &str, partition: i32, offset: i64) -> (i16, i64) {
    let partition = DeleteRecordsPartition { partition_index: partition, offset };
    let topics = vec![DeleteRecordsTopic { name: Str::from(topic), partitions: vec![partition] }];
    let request = DeleteRecordsRequest { topics, timeout_ms: 30_000 };
    let found = client.call(2, &request).topics.remove(0).partitions.remove(0);
    (found.error_code, found.low_watermark)
}

/// A Produce that names its topic by id.
fn produce_by_id(id: Uuid, batch: bytes::Bytes) -> ProduceRequest {
    let mut request = produce("", 0, batch);
    request.topic_data[0].topic_id = id;
    request
}

fn wait_for_start(client: &mut Client, topic: &str, offset: i64) {
    eventually("the log start moves", || {
        (client.offset(topic, 0, EARLIEST) == offset).then_some(())
    });
}

#[test]
fn deleted_records_stay_deleted_through_a_stop_and_a_crash() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("cut", 1, &[]);
    client.produce("cut", 0, batch::plain(10));
    assert_eq!(delete_records(&mut client, "cut", 0, 4), (0, 4));
    assert_eq!(delete_records(&mut client, "cut", 0, 2), (0, 4), "it never goes back");
    for round in 0..3 {
        assert_eq!(client.offset("cut", 0, EARLIEST), 4, "round {round}");
        assert_eq!(client.try_fetch("cut", 0, 3).error_code, OFFSET_OUT_OF_RANGE);
        assert_eq!(client.records("cut", 0, 4).len(), 6);
        match round {
            0 => broker.restart(),
            _ => broker.crash_and_restart(),
        }
        client = broker.client();
    }
    assert_eq!(client.produce("cut", 0, batch::plain(1)), 10);
}

#[test]
fn offsets_go_on_where_everything_was_deleted() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("emptied", 1, &[("segment.ms", "1")]);
    for hour in 0..4 {
        client.produce("emptied", 0, at(batch::BASE_TIMESTAMP + hour * HOUR_MS));
    }
    assert_eq!(delete_records(&mut client, "emptied", 0, -1), (0, 8), "−1 is the end");
    broker.crash_and_restart();
    let mut client = broker.client();
    assert_eq!(client.offset("emptied", 0, EARLIEST), 8);
    assert_eq!(client.offset("emptied", 0, LATEST), 8);
    assert_eq!(client.produce("emptied", 0, batch::plain(1)), 8);
    broker.restart();
    let mut client = broker.client();
    assert_eq!(client.values("emptied", 0, 8), ["v0"]);
}

#[test]
fn whole_segments_below_the_start_leave_the_disk() {
    let broker = eager();
    let mut client = broker.client();
    client.topic("freed", 1, &[("segment.ms", "1"), ("retention.ms", "-1")]);
    for hour in 0..5 {
        client.produce("freed", 0, at(batch::BASE_TIMESTAMP + hour * HOUR_MS));
    }
    assert_eq!(broker.segments("freed-0").len(), 5);
    assert_eq!(delete_records(&mut client, "freed", 0, 5), (0, 5));
    eventually("two segments go", || (broker.segments("freed-0").len() == 3).then_some(()));
    assert_eq!(client.records("freed", 0, 5).len(), 5);
}

#[test]
fn what_delete_records_refuses() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("kept", 1, &[]);
    client.topic("compacted", 1, &[("cleanup.policy", "compact")]);
    client.produce("kept", 0, batch::plain(3));
    client.produce("compacted", 0, batch::plain(3));
    assert_eq!(delete_records(&mut client, "kept", 0, 4), (OFFSET_OUT_OF_RANGE, -1));
    assert_eq!(delete_records(&mut client, "kept", 0, -2), (OFFSET_OUT_OF_RANGE, -1));
    assert_eq!(delete_records(&mut client, "kept", 1, 0), (UNKNOWN_TOPIC_OR_PARTITION, -1));
    assert_eq!(delete_records(&mut client, "none", 0, 0), (UNKNOWN_TOPIC_OR_PARTITION, -1));
    assert_eq!(delete_records(&mut client, "compacted", 0, 1), (POLICY_VIOLATION, -1));
    assert_eq!(client.records("kept", 0, 0).len(), 3);
    assert_eq!(client.records("compacted", 0, 0).len(), 3);
}

#[test]
fn what_is_too_old_goes_and_its_offsets_do_not_come_back() {
    let mut broker = eager();
    let mut client = broker.client();
    client.topic("aged", 1, &[("retention.ms", "3600000"), ("segment.ms", "1000")]);
    client.topic("kept", 1, &[("retention.ms", "-1"), ("segment.ms", "1000")]);
    let now = batch::now_ms();
    for topic in ["aged", "kept"] {
        for age in [3 * HOUR_MS, 2 * HOUR_MS, HOUR_MS / 2] {
            client.produce(topic, 0, at(now - age));
        }
    }
    wait_for_start(&mut client, "aged", 4);
    assert_eq!(client.try_fetch("aged", 0, 3).error_code, OFFSET_OUT_OF_RANGE);
    assert_eq!(client.records("aged", 0, 4).len(), 2);
    assert_eq!(client.records("kept", 0, 0).len(), 6);
    broker.crash_and_restart();
    let mut client = broker.client();
    assert_eq!(client.offset("aged", 0, EARLIEST), 4);
    // A shorter time holds as soon as it is set, for the segment that is written to as well.
    client.alter((2, "kept"), &[("retention.ms", "1000")]);
    wait_for_start(&mut client, "kept", 6);
    assert_eq!(client.produce("kept", 0, at(batch::now_ms())), 6);
}

#[test]
fn what_is_too_much_goes_segment_by_segment() {
    let broker = eager();
    let mut client = broker.client();
    let one = at(batch::BASE_TIMESTAMP).len();
    let bytes = (3 * one).to_string();
    let configs =
        [("retention.bytes", bytes.as_str()), ("retention.ms", "-1"), ("segment.ms", "1000")];
    client.topic("sized", 1, &configs);
    for hour in 0..6 {
        client.produce("sized", 0, at(batch::BASE_TIMESTAMP + hour * HOUR_MS));
    }
    wait_for_start(&mut client, "sized", 6);
    assert_eq!(client.records("sized", 0, 6).len(), 6);
    client.alter((2, "sized"), &[("retention.bytes", "0")]);
    // Nothing fits: the segment that is written to is closed and goes, too.
    wait_for_start(&mut client, "sized", 12);
    assert_eq!(client.produce("sized", 0, at(batch::BASE_TIMESTAMP)), 12);
}

#[test]
fn a_compacted_topic_knows_no_age() {
    let broker = eager();
    let mut client = broker.client();
    let old = [("retention.ms", "1000"), ("segment.ms", "1000")];
    client.topic("compacted", 1, &[old[0], old[1], ("cleanup.policy", "compact")]);
    client.topic("deleted", 1, &old);
    for topic in ["compacted", "deleted"] {
        client.produce(topic, 0, at(batch::BASE_TIMESTAMP));
        client.produce(topic, 0, at(batch::BASE_TIMESTAMP + HOUR_MS));
    }
    // Both are looked at in the same round.
    wait_for_start(&mut client, "deleted", 4);
    wait_for_start(&mut client, "compacted", 0);
    assert_eq!(client.records("compacted", 0, 2).len(), 2);
}

#[test]
fn a_producer_is_known_though_its_records_are_gone() {
    let mut broker = eager();
    let mut client = broker.client();
    client.topic("gone", 1, &[]);
    let id = client.producer_id();
    for sequence in 0..2 {
        client.produce("gone", 0, batch::idempotent_now(id, 0, sequence, 1));
    }
    assert_eq!(delete_records(&mut client, "gone", 0, -1), (0, 2));
    client.alter((2, "gone"), &[("segment.ms", "1")]);
    for round in 0..3 {
        let again = client.try_produce("gone", 0, batch::idempotent_now(id, 0, 1, 1));
        assert_eq!((again.error_code, again.base_offset), (0, 1), "a duplicate in round {round}");
        let gap = client.try_produce("gone", 0, batch::idempotent_now(id, 0, 5, 1));
        assert_eq!(gap.error_code, 45, "out of order in round {round}");
        if round == 0 {
            broker.restart();
        } else {
            broker.crash_and_restart();
        }
        client = broker.client();
    }
}

#[test]
fn a_topic_that_is_created_again_has_nothing_of_the_old_one() {
    let mut broker = TestBroker::start(&[("log.segment.delete.delay.ms", "0")]);
    let mut client = broker.client();
    let old = client.topic("again", 2, &[("retention.ms", "12345")]);
    client.produce("again", 0, batch::plain(5));
    client.find_coordinator("readers");
    assert_eq!(commit(&mut client, "readers", "again", 0, (5, "")), 0);
    client.delete_topic("again");
    assert_eq!(client.metadata("again", false).error_code, UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(client.try_fetch("again", 0, 0).error_code, UNKNOWN_TOPIC_OR_PARTITION);
    let answer = client.try_produce("again", 0, batch::plain(1));
    assert_eq!(answer.error_code, UNKNOWN_TOPIC_OR_PARTITION);

    let new = client.topic("again", 1, &[]);
    assert_ne!(old, new);
    // The coordinator hears of it from the metadata, after the client.
    eventually("the group's offset goes", || {
        let offset = committed(&mut client, "readers", "again", 0).committed_offset;
        (offset == -1).then_some(())
    });
    for round in 0..3 {
        let topic = client.metadata("again", false);
        assert_eq!((topic.topic_id, topic.partitions.len()), (new, 1), "round {round}");
        assert_eq!(client.offset("again", 0, LATEST), round);
        client.find_coordinator("readers");
        let offset = committed(&mut client, "readers", "again", 0).committed_offset;
        assert_eq!(offset, -1, "the group's offset went with the topic");
        assert_eq!(client.produce("again", 0, batch::plain(1)), round);
        let stale = client.call(13, &produce_by_id(old, batch::plain(1)));
        assert_eq!(stale.responses[0].partition_responses[0].error_code, UNKNOWN_TOPIC_ID);
        match round {
            0 => broker.restart(),
            _ => broker.crash_and_restart(),
        }
        client = broker.client();
    }
    eventually("the old files go", || {
        let entries = std::fs::read_dir(broker.data_dir()).unwrap().flatten();
        let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        (!names.any(|name| name.starts_with("again") && name != "again-0")).then_some(())
    });
}

#[test]
fn a_deletion_survives_a_crash_and_its_files_go_after_it() {
    let mut broker = TestBroker::start(&[("log.segment.delete.delay.ms", "600000")]);
    let mut client = broker.client();
    client.topic("doomed", 1, &[]);
    client.produce("doomed", 0, batch::plain(5));
    client.delete_topic("doomed");
    broker.crash_and_restart();
    let mut client = broker.client();
    assert_eq!(client.metadata("doomed", false).error_code, UNKNOWN_TOPIC_OR_PARTITION);
    eventually("the files go", || {
        let entries = std::fs::read_dir(broker.data_dir()).unwrap().flatten();
        let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        (!names.any(|name| name.starts_with("doomed"))).then_some(())
    });
}

#[test]
fn no_record_for_the_old_topic_ever_lands_in_the_new_one() {
    let broker = TestBroker::start(&[("log.segment.delete.delay.ms", "0")]);
    let mut client = broker.client();
    for _ in 0..15 {
        let old = client.topic("renewed", 1, &[]);
        let has_begun = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let producer = scope.spawn(|| {
                let mut client = broker.client();
                let request = produce_by_id(old, at(batch::BASE_TIMESTAMP));
                loop {
                    // Always several under way, so that the deletion comes between them.
                    let sent: Vec<i32> = (0..16).map(|_| client.send(13, &request)).collect();
                    let mut codes = sent.into_iter().map(|id| {
                        let answer = client.receive::<ProduceRequest>(id, 13);
                        answer.responses[0].partition_responses[0].error_code
                    });
                    let last = codes.by_ref().fold(0, |_, code| {
                        let refused = [UNKNOWN_TOPIC_ID, UNKNOWN_TOPIC_OR_PARTITION];
                        assert!(code == 0 || refused.contains(&code), "{code}");
                        code
                    });
                    has_begun.store(true, Ordering::Release);
                    if last != 0 {
                        return;
                    }
                }
            });
            eventually("records", || has_begun.load(Ordering::Acquire).then_some(()));
            client.delete_topic("renewed");
            client.topic("renewed", 1, &[]);
            producer.join().unwrap();
        });
        assert_eq!(client.offset("renewed", 0, LATEST), 0);
        let files = std::fs::metadata(&broker.segments("renewed-0")[0]).unwrap();
        assert_eq!(files.len(), 0, "nothing is in its files either");
        client.delete_topic("renewed");
    }
}

#[test]
fn what_delete_topics_refuses() {
    let broker = TestBroker::start(&[]);
    let mut client = broker.client();
    let id = client.topic("once", 1, &[]);
    let ask = |client: &mut Client, name: Option<&str>, topic_id: Uuid| {
        let topic = DeleteTopicState { name: name.map(Str::from), topic_id };
        let request =
            DeleteTopicsRequest { topics: vec![topic], timeout_ms: 30_000, ..Default::default() };
        let found = client.call(6, &request).responses.remove(0);
        (found.error_code, text_of_name(found.name))
    };
    assert_eq!(ask(&mut client, None, Uuid([7; 16])).0, UNKNOWN_TOPIC_ID);
    assert_eq!(ask(&mut client, Some("none"), Uuid::ZERO).0, UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(ask(&mut client, None, id), (0, "once".to_owned()), "by its id");
    assert_eq!(ask(&mut client, None, id).0, UNKNOWN_TOPIC_ID);
    assert_eq!(ask(&mut client, Some("once"), Uuid::ZERO).0, UNKNOWN_TOPIC_OR_PARTITION);

    let broker = TestBroker::start(&[("delete.topic.enable", "false")]);
    let mut client = broker.client();
    client.topic("safe", 1, &[]);
    assert_eq!(ask(&mut client, Some("safe"), Uuid::ZERO).0, TOPIC_DELETION_DISABLED);
    client.produce("safe", 0, batch::plain(1));
}

fn text_of_name(name: Option<Str>) -> String {
    name.map_or_else(String::new, |name| name.to_string())
}

#[test]
fn a_topic_grows_without_touching_what_it_has() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    let id = client.topic("growing", 1, &[]);
    client.produce("growing", 0, batch::plain(3));
    let mut waiting = broker.client();
    let poll = fetching("growing", 0, 3);
    let poll = ottla_wire::messages::FetchRequest { max_wait_ms: 60_000, ..poll };
    let sent = waiting.send(12, &poll);
    let grow = |count: i32| CreatePartitionsRequest {
        topics: vec![CreatePartitionsTopic {
            name: Str::from("growing"),
            count,
            assignments: None,
        }],
        timeout_ms: 30_000,
        validate_only: false,
    };
    let response = client.call(3, &grow(3));
    assert_eq!((response.results.len(), response.results[0].error_code), (1, 0));
    // The new ones serve at once, the old one's readers have not noticed.
    assert_eq!(client.produce("growing", 2, batch::plain(2)), 0);
    client.produce("growing", 0, batch::plain(1));
    let response = waiting.receive::<ottla_wire::messages::FetchRequest>(sent, 12);
    assert_eq!(response.responses[0].partitions[0].high_watermark, 4);
    assert_eq!(client.call(3, &grow(2)).results[0].error_code, 37, "it does not shrink");
    broker.crash_and_restart();
    let mut client = broker.client();
    let topic = client.metadata("growing", false);
    assert_eq!((topic.topic_id, topic.partitions.len()), (id, 3));
    let counts: Vec<i64> = (0..3).map(|part| client.offset("growing", part, LATEST)).collect();
    assert_eq!(counts, [4, 0, 2]);
    let first = &client.records("growing", 2, 0)[0].1;
    assert_eq!(text_of(first.value.as_ref()), "v0");
}

#[test]
fn a_topic_that_is_deleted_while_its_records_expire_harms_no_other() {
    let broker = eager();
    let mut client = broker.client();
    client.topic("other", 1, &[]);
    let partitions = 200;
    for round in 0..3 {
        // Their records are so old that a look at retention begins a new segment in each.
        client.topic("expiring", partitions, &[("ottla.ack.durability", "page-cache")]);
        for partition in 0..partitions {
            client.produce("expiring", partition, batch::plain(1));
        }
        // It is at the first: the others are deleted before it comes to them, and one of them
        // meanwhile.
        eventually("records expire", || (client.offset("expiring", 0, EARLIEST) > 0).then_some(()));
        client.delete_topic("expiring");
        assert_eq!(client.produce("other", 0, batch::plain(1)), round);
    }
}
