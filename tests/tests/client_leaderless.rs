//! The Rust client and a topic one of whose partitions has no leader: the others are served.

use std::{collections::BTreeSet, fs, time::Instant};

use ottla_client::{Client, ErrorCode, Isolation, NewTopic, OffsetSpec, Position, Record};
use ottla_tests::in_process::{PATIENCE, TestBroker};

const TOPIC: &str = "partly";
const LOST: i32 = 1;

/// A broker that has a topic of three partitions, with a record in each, and found one of them
/// damaged.
fn damaged() -> TestBroker {
    let mut broker = TestBroker::start(&[]);
    block_on(async {
        let client = Client::connect(&broker.address().to_string()).await.unwrap();
        client.admin().create_topic(NewTopic::new(TOPIC).partitions(3)).await.unwrap();
        let producer = client.producer();
        for partition in 0..3 {
            producer.send(Record::to(TOPIC).partition(partition).value("before")).await.unwrap();
        }
    });
    broker.stop();
    turn_last_byte(&broker);
    fs::remove_file(broker.data_dir().join(".kafka_cleanshutdown")).unwrap();
    broker.start_again();
    broker
}

/// Damages the record of the partition, or repairs it.
fn turn_last_byte(broker: &TestBroker) {
    let path = broker.data_dir().join(format!("{TOPIC}-{LOST}/00000000000000000000.log"));
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 0xff;
    fs::write(&path, bytes).unwrap();
}

/// Returns once nobody leads the damaged partition, which is known a moment after the start.
async fn until_leaderless(client: &Client) {
    let led = async || {
        let described = client.admin().describe_topics(&[TOPIC.to_owned()]).await.unwrap();
        described[0].1.as_ref().unwrap().partitions[&LOST].leader.0 >= 0
    };
    let deadline = Instant::now() + PATIENCE;
    while led().await {
        assert!(Instant::now() < deadline, "it stays led");
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}

#[test]
fn what_has_a_leader_is_listed_written_and_read() {
    let broker = damaged();
    block_on(async {
        let client = Client::connect(&broker.address().to_string()).await.unwrap();
        until_leaderless(&client).await;
        let asked = [0, 1, 2].map(|partition| (TOPIC.into(), partition, OffsetSpec::End));
        let listed = client.admin().list_offsets(&asked, Isolation::Uncommitted).await.unwrap();
        for (_, partition, result) in listed {
            match result {
                Ok(end) => assert_eq!((end.offset.0, partition == LOST), (1, false)),
                Err(error) => {
                    assert_eq!(partition, LOST, "{error}");
                    assert_eq!(error.code(), Some(ErrorCode::LeaderNotAvailable));
                }
            }
        }
        let producer = client.producer();
        let mut written = BTreeSet::new();
        for _ in 0..20 {
            let delivered = producer.send(Record::to(TOPIC).value("after")).await.unwrap();
            written.insert(delivered.partition);
        }
        assert_eq!(written, BTreeSet::from([0, 2]));
        let mut by_topic = client.consumer();
        by_topic.assign_topic(TOPIC, Position::Start).await.unwrap();
        let mut by_partition = client.consumer();
        by_partition.assign(TOPIC, 0, Position::Start).await.unwrap();
        by_partition.assign(TOPIC, 2, Position::Start).await.unwrap();
        for mut consumer in [by_topic, by_partition] {
            for _ in 0..22 {
                let record = consumer.next().await.unwrap().unwrap();
                assert_ne!(record.partition, LOST);
            }
        }
    });
}

#[test]
fn what_had_no_leader_when_its_topic_was_assigned_is_read_when_it_has_one() {
    let mut broker = damaged();
    let address = broker.address().to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut consumers = runtime.block_on(async {
        let client = Client::connect(&address).await.unwrap();
        until_leaderless(&client).await;
        let mut consumers = [client.consumer(), client.consumer()];
        for (consumer, position) in
            consumers.iter_mut().zip([Position::Start, Position::BeforeEnd(1)])
        {
            consumer.assign_topic(TOPIC, position).await.unwrap();
            let mut read = BTreeSet::new();
            for _ in 0..2 {
                read.insert(consumer.next().await.unwrap().unwrap().partition);
            }
            assert_eq!(read, BTreeSet::from([0, 2]));
        }
        consumers
    });
    broker.stop();
    turn_last_byte(&broker);
    // Where the client knows it.
    broker.set("listeners", &format!("PLAINTEXT://{address}"));
    broker.start_again();
    runtime.block_on(async {
        for consumer in &mut consumers {
            let record = tokio::time::timeout(PATIENCE, consumer.next()).await;
            let record = record.expect("it is read within the time").unwrap().unwrap();
            assert_eq!((record.partition, record.value.as_deref()), (LOST, Some(&b"before"[..])));
        }
    });
}
