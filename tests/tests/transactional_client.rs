//! Transactions of the Rust client against a broker: whole or not at all, also over restarts.

use std::time::Duration;

use ottla_client::{
    Client, ConsumerConfig, ErrorCode, ErrorKind, Isolation, NewTopic, Offset, Position, Record,
    TransactionalProducer,
};
use ottla_tests::in_process::TestBroker;

const TOPIC: &str = "ledger";
const TIMEOUT: Duration = Duration::from_secs(30);

async fn client(broker: &TestBroker) -> Client {
    Client::connect(&broker.address().to_string()).await.expect("a client")
}

async fn with_topic(broker: &TestBroker) -> Client {
    let client = client(broker).await;
    client.admin().create_topic(NewTopic::new(TOPIC).partitions(2)).await.expect("a topic");
    client
}

async fn teller(client: &Client) -> TransactionalProducer {
    client.transactional_producer("teller", TIMEOUT).await.expect("a transactional producer")
}

/// Returns once the last transaction has its markers: a commit is answered before.
async fn settled(client: &Client) {
    while client.admin().describe_transaction("teller").await.unwrap().state.starts_with("Prepare")
    {
        tokio::task::yield_now().await;
    }
}

/// The values that a reader of committed records sees, up to the end.
async fn committed(client: &Client) -> Vec<String> {
    settled(client).await;
    let config = ConsumerConfig { isolation: Isolation::Committed, ..ConsumerConfig::default() };
    let mut consumer = client.consumer_with(config);
    consumer.assign_topic(TOPIC, Position::Start).await.expect("an assignment");
    consumer.stop_at_end().await.expect("an end");
    let mut values = Vec::new();
    while let Some(record) = consumer.next().await {
        let value = record.expect("a record").value.expect("a value");
        values.push(String::from_utf8(value.to_vec()).expect("text"));
    }
    values.sort();
    values
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

#[test]
fn a_transaction_is_seen_whole_or_not_at_all() {
    let broker = TestBroker::start(&[]);
    block_on(async {
        let client = with_topic(&broker).await;
        let mut teller = teller(&client).await;
        for (round, commits) in [(0, true), (1, false), (2, true), (3, false), (4, true)] {
            teller.begin().unwrap();
            for part in 0..4 {
                let record = Record::to(TOPIC).partition(part % 2).value(format!("{round}-{part}"));
                teller.send(record).await.unwrap();
            }
            if commits {
                teller.commit().await.unwrap();
            } else {
                teller.abort().await.unwrap();
            }
        }
        teller.begin().unwrap();
        teller.send(Record::to(TOPIC).partition(0).value("open")).await.unwrap();
        let of = |round: i32| (0..4).map(move |part| format!("{round}-{part}"));
        let expected: Vec<String> = [0, 2, 4].into_iter().flat_map(of).collect();
        assert_eq!(committed(&client).await, expected);
        teller.close().await.unwrap();
        assert_eq!(committed(&client).await, expected, "closing aborts what is open");
    });
}

#[test]
fn who_takes_over_fences_who_was_there() {
    let broker = TestBroker::start(&[]);
    block_on(async {
        let client = with_topic(&broker).await;
        let mut old = teller(&client).await;
        old.begin().unwrap();
        old.send(Record::to(TOPIC).partition(0).value("lost")).await.unwrap();
        let mut new = teller(&client).await;
        let late = old.commit().await.unwrap_err();
        assert_eq!(late.code(), Some(ErrorCode::ProducerFenced), "{late}");
        assert_eq!(old.begin().unwrap_err().kind(), ErrorKind::Conflict);
        new.begin().unwrap();
        new.send(Record::to(TOPIC).partition(0).value("kept")).await.unwrap();
        new.commit().await.unwrap();
        assert_eq!(committed(&client).await, ["kept"]);
    });
}

#[test]
fn a_transaction_goes_on_after_the_broker_was_killed() {
    let mut broker = TestBroker::start(&[]);
    broker.set("listeners", &format!("PLAINTEXT://{}", broker.address()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let (client, mut teller) = runtime.block_on(async {
        let client = with_topic(&broker).await;
        let mut teller = teller(&client).await;
        teller.begin().unwrap();
        teller.send(Record::to(TOPIC).partition(0).value("before")).await.unwrap();
        (client, teller)
    });
    broker.crash_and_restart();
    runtime.block_on(async {
        teller.send(Record::to(TOPIC).partition(1).value("after")).await.unwrap();
        teller.commit().await.unwrap();
        assert_eq!(committed(&client).await, ["after", "before"]);
        let described = client.admin().describe_transaction("teller").await.unwrap();
        assert_eq!((described.state.as_str(), described.partitions.len()), ("CompleteCommit", 0));
    });
}

#[test]
fn what_hangs_can_be_found_and_what_is_open_be_aborted() {
    let broker = TestBroker::start(&[]);
    block_on(async {
        let client = with_topic(&broker).await;
        let admin = client.admin();
        let mut teller = teller(&client).await;
        teller.begin().unwrap();
        teller.send(Record::to(TOPIC).partition(1).value("open")).await.unwrap();
        let listed = admin.list_transactions(&["Ongoing".to_owned()]).await.unwrap();
        assert_eq!(listed[0].transactional_id, "teller");
        // What has expired since it was listed is left out.
        let gone = ottla_client::TransactionListing {
            transactional_id: "expired".to_owned(),
            ..listed[0].clone()
        };
        let both = [listed[0].clone(), gone];
        let described = admin.describe_transactions(&both).await.unwrap();
        assert_eq!(described, [admin.describe_transaction("teller").await.unwrap()]);
        let by_producer = admin.transactions_by_producer().await.unwrap();
        assert_eq!(by_producer[&listed[0].producer_id], described[0]);
        let producers = admin.describe_producers(TOPIC, 1).await.unwrap();
        assert_eq!(producers[0].open_since, Some(Offset(0)));
        admin.fence_producer("teller").await.unwrap();
        settled(&client).await;
        let producers = admin.describe_producers(TOPIC, 1).await.unwrap();
        assert_eq!(producers[0].open_since, None);
        assert!(teller.commit().await.is_err());
        let nobody = admin.describe_transaction("nobody").await.unwrap_err();
        assert_eq!(nobody.kind(), ErrorKind::NotFound);
    });
}
