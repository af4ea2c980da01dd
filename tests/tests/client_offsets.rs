//! The Rust client's offsets: asked for in one go, and committed with the epoch of what was read.

use ottla_client::{
    Client, Isolation, LeaderEpoch, NewTopic, Offset, OffsetSpec, Position, Record,
};
use ottla_tests::in_process::TestBroker;

const TOPIC: &str = "London";

async fn client(broker: &TestBroker) -> Client {
    Client::connect(&broker.address().to_string()).await.unwrap()
}

async fn write(client: &Client, count: i32) {
    let producer = client.producer();
    for number in 0..count {
        let record = Record::to(TOPIC).partition(0).value(number.to_string());
        producer.send(record).await.unwrap();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(future)
}

#[test]
fn a_partition_may_be_asked_for_several_things() {
    let broker = TestBroker::start(&[]);
    block_on(async {
        let client = client(&broker).await;
        client.admin().create_topic(NewTopic::new(TOPIC).partitions(2)).await.unwrap();
        write(&client, 3).await;
        let asked = [OffsetSpec::End, OffsetSpec::Start, OffsetSpec::End]
            .map(|spec| (TOPIC.into(), 0, spec))
            .into_iter()
            .chain([(TOPIC.into(), 1, OffsetSpec::End)]);
        let asked: Vec<_> = asked.collect();
        let listed = client.admin().list_offsets(&asked, Isolation::Uncommitted).await.unwrap();
        let of = |wanted: i32| {
            let own = listed.iter().filter(move |(_, partition, _)| *partition == wanted);
            own.map(|(_, _, found)| found.as_ref().unwrap().offset.0).collect::<Vec<_>>()
        };
        assert_eq!((of(0), of(1)), (vec![3, 0, 3], vec![0]));
    });
}

#[test]
fn a_group_commits_the_leader_epoch_of_what_it_has_read() {
    let mut broker = TestBroker::start(&[]);
    block_on(async {
        let client = client(&broker).await;
        client.admin().create_topic(NewTopic::new(TOPIC).partitions(1)).await.unwrap();
        write(&client, 2).await;
    });
    broker.crash_and_restart();
    block_on(async {
        let client = client(&broker).await;
        write(&client, 2).await;
        let mut seen = Vec::new();
        let group = client.group("readers").topics([TOPIC]).from(Position::Start);
        let mut reader = group.start().await.unwrap();
        for _ in 0..4 {
            let record = reader.next().await.unwrap().unwrap();
            reader.commit().await.unwrap();
            let committed = client.admin().list_group_offsets("readers").await.unwrap();
            let (_, committed) = committed.into_iter().next().unwrap();
            assert_eq!(committed.offset, Offset(record.offset.0 + 1));
            assert_eq!(committed.leader_epoch, record.leader_epoch);
            seen.push(record.leader_epoch);
        }
        reader.close().await.unwrap();
        assert!(seen[0] >= LeaderEpoch(0) && seen[0] == seen[1], "{seen:?}");
        assert!(seen[2] > seen[1] && seen[2] == seen[3], "{seen:?}");
    });
}
