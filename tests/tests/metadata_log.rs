//! What a broker leaves of the cluster's metadata, for itself and for Kafka.

use std::fs;

use ottla_tests::in_process::TestBroker;

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
    let epoch = mark.trim_end_matches('}').rsplit(':').next().unwrap();
    assert!(epoch.parse::<i64>().unwrap() > 0, "the mark names the registration: {mark}");
    broker.start_again();
    assert_eq!(leader_epoch(&broker, "kept"), 2, "it gave the leadership away and took it back");
    broker.crash_and_restart();
    assert_eq!(leader_epoch(&broker, "kept"), 3, "after a crash it only takes it again");
}
