//! What the journal tells of transactions, of changes, and of what the broker does by itself.

use std::time::Duration;

use ottla_client::{Client, Record, TransactionalProducer};
use ottla_tests::{batch, console::TestConsole, in_process::eventually, log_dirs::partitions_in};
use serde_json::{Value, json};

const TIMEOUT: Duration = Duration::from_secs(30);

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

async fn teller(console: &TestConsole) -> TransactionalProducer {
    let client = Client::connect(&console.broker.address().to_string()).await.expect("a client");
    client.transactional_producer("teller", TIMEOUT).await.expect("a transactional producer")
}

/// The events of these kinds once there are `count`, as kind and a detail.
fn told(console: &TestConsole, query: &str, detail: &str, count: usize) -> Vec<(String, Value)> {
    eventually("the events", || {
        let list = console.get(&format!("/events?{query}"));
        let events = list["events"].as_array()?;
        let shown = events.iter().map(|event| {
            (event["kind"].as_str().unwrap().to_owned(), event["detail"][detail].clone())
        });
        (events.len() >= count).then(|| shown.collect())
    })
}

#[test]
fn a_transaction_is_told_from_its_beginning_to_its_end() {
    let console = TestConsole::start(&[]);
    console.post("/topics", &json!({"name": "ledger", "partitions": 2}));
    block_on(async {
        let mut teller = teller(&console).await;
        teller.begin().unwrap();
        for partition in [0, 1] {
            teller.send(Record::to("ledger").partition(partition).value("1")).await.unwrap();
        }
        teller.commit().await.unwrap();
    });
    let of_teller = "kinds=transaction&transactionalId=teller";
    let kinds: Vec<String> =
        told(&console, of_teller, "result", 6).into_iter().map(|(kind, _)| kind).collect();
    let expected = ["initialized", "begun", "partitions", "prepared", "markers", "completed"];
    assert_eq!(kinds, expected.map(|kind| format!("transaction.{kind}")));
    let list = console.get(&format!("/events?{of_teller}"));
    assert_eq!(list["events"][1]["detail"]["partitions"], "ledger-0");
    assert_eq!(list["events"][2]["detail"]["partitions"], "ledger-1");
    assert_eq!(list["events"][3]["detail"]["cause"], "client");
    assert_eq!(list["events"][4]["detail"]["markers"], "2");
    let begun = list["events"][1]["text"].as_str().unwrap();
    assert!(begun.contains("teller") && begun.contains("ledger-0"), "{begun}");
}

#[test]
fn the_end_of_a_transaction_has_a_cause() {
    let console = TestConsole::start(&[]);
    console.post("/topics", &json!({"name": "ledger", "partitions": 1}));
    block_on(async {
        let mut old = teller(&console).await;
        old.begin().unwrap();
        old.send(Record::to("ledger").partition(0).value("1")).await.unwrap();
        let mut new = teller(&console).await;
        new.begin().unwrap();
        new.send(Record::to("ledger").partition(0).value("2")).await.unwrap();
        new.abort().await.unwrap();
        new.begin().unwrap();
        new.send(Record::to("ledger").partition(0).value("3")).await.unwrap();
        // As `ottla txn abort` does it.
        let address = console.broker.address().to_string();
        let builder = Client::builder().bootstrap(&address).client_id("ottla-cli");
        let admin = builder.connect().await.unwrap().admin();
        admin.fence_producer("teller").await.unwrap();
    });
    let causes: Vec<Value> = told(&console, "kinds=transaction.prepared", "cause", 3)
        .into_iter()
        .map(|(_, cause)| cause)
        .collect();
    assert_eq!(causes, [json!("fenced"), json!("client"), json!("operator")]);
    let list = console.get("/events?kinds=transaction.prepared");
    let last = list["events"][2]["text"].as_str().unwrap();
    assert!(last.ends_with("an administrator aborted it"), "{last}");
}

#[test]
fn who_changed_configs_and_deleted_records_is_told() {
    let console = TestConsole::start(&[]);
    let mut client = console.broker.client();
    client.topic("London", 1, &[]);
    client.produce("London", 0, batch::plain(3));
    client.alter((2, "London"), &[("retention.ms", "1000"), ("segment.bytes", "1048576")]);
    client.delete_records("London", 0, 2);
    let list = console.get("/events?kinds=config.changed,records.purged");
    let (config, purge) = (&list["events"][0], &list["events"][1]);
    assert_eq!(
        (&config["topic"], &config["detail"]["resource"]),
        (&json!("London"), &json!("topic"))
    );
    assert_eq!(config["detail"]["values"], "retention.ms=1000, segment.bytes=1048576");
    assert!(config["remote"].is_string(), "{config}");
    assert_eq!(
        (&purge["detail"]["fromOffset"], &purge["detail"]["toOffset"]),
        (&json!("0"), &json!("2"))
    );
    assert_eq!((&purge["topic"], &purge["partition"]), (&json!("London"), &json!(0)));
}

#[test]
fn what_a_cleaner_took_away_is_told() {
    let console = TestConsole::start(&[("log.cleaner.backoff.ms", "10")]);
    let mut client = console.broker.client();
    let configs =
        [("cleanup.policy", "compact"), ("segment.ms", "1"), ("min.cleanable.dirty.ratio", "0.01")];
    client.topic("latest", 1, &configs);
    for _ in 0..3 {
        let body = json!({"key": {"text": "k"}, "value": {"text": "v"}, "count": 5});
        console.post("/topics/latest/records", &body);
        console.broker.wait_for_next_millisecond();
    }
    told(&console, "kinds=compaction.finished", "recordsBefore", 1);
    let list = console.get("/events?kinds=compaction.finished");
    let detail = &list["events"][0]["detail"];
    let number = |name: &str| detail[name].as_str().unwrap().parse::<u64>().unwrap();
    assert!(number("recordsAfter") < number("recordsBefore"), "{detail}");
    assert!(number("bytesAfter") < number("bytesBefore"), "{detail}");
}

#[test]
fn retention_says_what_it_deleted_and_why() {
    let every = [("log.retention.check.interval.ms", "50"), ("log.initial.task.delay.ms", "10")];
    let console = TestConsole::start(&every);
    let mut client = console.broker.client();
    client.topic("old", 1, &[("retention.ms", "1")]);
    client.produce("old", 0, batch::plain(3));
    let deleted = told(&console, "kinds=segment.deleted", "cause", 1);
    assert_eq!(deleted[0].1, "retention.ms");
    let list = console.get("/events?kinds=segment.deleted");
    let text = list["events"][0]["text"].as_str().unwrap();
    assert!(text.contains("old-0") && text.contains("retention.ms"), "{text}");
}

#[test]
fn a_directory_that_fails_is_told_with_its_reason() {
    let console = TestConsole::start(&[("log.dirs", "{dir}/a,{dir}/b")]);
    let mut client = console.broker.client();
    client.topic("spread", 2, &[]);
    let in_b = partitions_in(&console.broker.data_dir().join("b"));
    let partition = (0..2).find(|number| in_b.contains(&format!("spread-{number}"))).unwrap();
    let dir = console.broker.data_dir().join(format!("b/spread-{partition}"));
    std::fs::remove_dir_all(dir).unwrap();
    // The disk refuses the first sync.
    client.try_produce("spread", partition, batch::plain(1));
    let failed = told(&console, "kinds=logdir.failed", "path", 1);
    assert!(failed[0].1.as_str().unwrap().ends_with("/b"), "{failed:?}");
    let list = console.get("/events?kinds=logdir.failed");
    let detail = &list["events"][0]["detail"];
    assert_eq!(detail["partitions"], "1");
    assert_ne!(detail["reason"], "it could not be opened");
}
