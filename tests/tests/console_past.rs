//! Looks back: groups, cursors, transactions and connections as they were.

use std::time::Duration;

use bytes::Bytes;
use ottla_client::{Client, Record};
use ottla_tests::{
    batch::transactional,
    console::TestConsole,
    group::{SYNC_VERSION, commit, join, leaving, syncing},
    in_process::eventually,
    session::produce,
};
use ottla_wire::{Str, produce_request::ProduceRequest};
use serde_json::{Value, json};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future)
}

/// The moment after everything that has happened so far, as `at` names it.
fn now(console: &TestConsole) -> String {
    let list = console.get("/events?order=desc&limit=1");
    format!("seq:{}", list["next"].as_str().unwrap())
}

/// The consumers' assignment of partition 0 of London.
const LONDON_0: &str = "\0\0\0\0\0\x01\0\x06London\0\0\0\x01\0\0\0\0\0\0\0\0";

#[test]
fn a_group_is_shown_as_it_was() {
    let console = TestConsole::start(&[]);
    console.post("/topics", &json!({"name": "London", "partitions": 1}));
    let mut client = console.broker.client();
    client.find_coordinator("readers");
    let before = now(&console);
    let joined = join(&mut client, "readers", 30_000);
    let member: &str = &joined.member_id;
    let synced = client.call(SYNC_VERSION, &syncing("readers", &joined, &[(member, LONDON_0)]));
    assert_eq!(
        (synced.error_code, synced.assignment),
        (0, Bytes::from_static(LONDON_0.as_bytes()))
    );
    let during = now(&console);
    client.call(4, &leaving("readers", &joined.member_id));
    assert_eq!(console.get("/groups/readers")["members"], json!([]));

    let then = console.get(&format!("/groups/readers?at={during}"));
    assert_eq!((&then["state"], &then["generationId"]), (&json!("Stable"), &json!(1)));
    assert_eq!(then["members"][0]["memberId"], member);
    assert_eq!(then["members"][0]["assignment"], json!([{"topic": "London", "partitions": [0]}]));
    let list = console.get(&format!("/groups?at={during}"));
    assert_eq!((&list["total"], &list["items"][0]["members"]), (&json!(1), &json!(1)));
    assert_eq!(console.get(&format!("/groups?at={before}"))["total"], 0);
    assert_eq!(console.ask("GET", &format!("/groups/readers?at={before}")).status, 404);

    let lanes = console.get("/groups/readers/lanes");
    let lane = &lanes["members"][0];
    assert_eq!((&lane["memberId"], &lane["leftCause"]), (&json!(member), &json!("memberLeft")));
    let span = &lane["spans"][0];
    assert_eq!((&span["topic"], &span["partition"]), (&json!("London"), &json!(0)));
    assert_eq!(span["toMs"], lane["leftMs"]);
    let rebalances = lanes["rebalances"].as_array().unwrap();
    assert_eq!(rebalances[0]["causes"], json!(["memberJoined"]));
    assert_eq!(rebalances[0]["generationId"], 1);
    assert_eq!(rebalances[1]["causes"], json!(["memberLeft"]));
    assert!(rebalances.iter().all(|it| it["toMs"].is_string()), "{lanes}");
}

#[test]
fn cursors_and_positions_are_shown_as_they_were() {
    let console = TestConsole::start(&[]);
    console.post("/topics", &json!({"name": "London", "partitions": 1}));
    let mut client = console.broker.client();
    client.find_coordinator("readers");
    let produce = |count: i64| {
        let body = json!({"value": {"text": "14.2"}, "count": count});
        console.post("/topics/London/records", &body);
    };
    let seen = |kinds: &str, count: usize| {
        eventually("the journal has looked", || {
            let list = console.get(&format!("/events?kinds={kinds}"));
            (list["events"].as_array()?.len() >= count).then(|| list.clone())
        })
    };
    produce(10);
    seen("produce", 1);
    assert_eq!(commit(&mut client, "readers", "London", 0, (4, "")), 0);
    let list = seen("group.committed", 1);
    let moment = list["events"][0]["timeMs"].as_str().unwrap().to_owned();
    console.broker.wait_for_next_millisecond();
    produce(5);
    let later = seen("produce", 2);
    assert_eq!(commit(&mut client, "readers", "London", 0, (12, "")), 0);
    seen("group.committed", 2);

    let now = console.get("/topics/London/cursors");
    assert_eq!(now["partitions"][0]["highWatermark"], "15");
    assert_eq!(now["partitions"][0]["positions"][0]["committedOffset"], "12");
    let then = console.get(&format!("/topics/London/cursors?at={moment}"));
    assert_eq!(then["partitions"][0]["highWatermark"], "10");
    assert_eq!(then["partitions"][0]["positions"][0]["committedOffset"], "4");
    assert_eq!(then["nowMs"], json!(moment));
    let topic = console.get(&format!("/topics/London?at={moment}"));
    assert_eq!(topic["partitionList"][0]["cursors"]["logEndOffset"], "10");
    let group = console.get(&format!("/groups/readers?at={moment}"));
    assert_eq!(
        (&group["lag"], &group["offsets"][0]["committedOffset"]),
        (&json!("6"), &json!("4"))
    );
    let row = console.get(&format!("/groups?at={moment}&sort=-lagMs"))["items"][0].clone();
    assert_eq!(row["lag"], "6");

    let row = console.get("/groups?sort=-lagMs")["items"][0].clone();
    assert_eq!((&row["lag"], &row["lagMsAtLeast"]), (&json!("3"), &json!(false)));
    let came: i64 = later["events"][1]["timeMs"].as_str().unwrap().parse().unwrap();
    let lag: i64 = row["lagMs"].as_str().unwrap().parse().unwrap();
    assert!((0..60_000).contains(&lag), "{lag} ms since {came}");
    assert_eq!(row["lagHistory"].as_array().unwrap().last().unwrap(), "3");
}

#[test]
fn what_the_journal_does_not_hold_is_gone() {
    let console = TestConsole::start(&[]);
    for path in ["/groups?at=1000", "/transactions?at=1000", "/connections?at=1000"] {
        let page = console.ask("GET", path);
        assert_eq!(page.status, 410, "{path}: {}", page.text());
        assert_eq!(page.json()["error"]["code"], "GONE");
        assert!(page.json()["error"]["hint"].is_string());
    }
    assert_eq!(console.ask("GET", "/groups?at=soon").status, 400);
    assert_eq!(console.ask("GET", "/groups?at=99999999999999").status, 400);
    let timeline = console.get("/timeline");
    assert!(timeline["knownSince"]["groups"].is_string(), "{timeline}");
}

#[test]
fn connections_are_shown_as_they_were() {
    let console = TestConsole::start(&[]);
    let mut client = console.broker.client();
    client.topic("London", 1, &[]);
    let open = now(&console);
    drop(client);
    eventually("the end of the connection", || {
        let list = console.get("/events?kinds=connection.closed");
        (!list["events"].as_array()?.is_empty()).then_some(())
    });
    assert_eq!(console.get("/connections")["total"], 0);
    let then = console.get(&format!("/connections?at={open}"));
    assert_eq!((&then["total"], &then["items"][0]["requests"]), (&json!(1), &Value::Null));
}

#[test]
fn an_open_transaction_is_shown_with_what_it_hides_and_can_be_aborted() {
    let console = TestConsole::start(&[]);
    console.post("/topics", &json!({"name": "ledger", "partitions": 1}));
    let client = || async { Client::connect(&console.broker.address().to_string()).await.unwrap() };
    let mut teller = None;
    block_on(async {
        let client = client().await;
        let mut one =
            client.transactional_producer("teller", Duration::from_secs(30)).await.unwrap();
        one.begin().unwrap();
        one.send(Record::to("ledger").partition(0).value("1")).await.unwrap();
        let list = console.get("/transactions?state=Ongoing&sort=-ageMs");
        let row = &list["items"][0];
        assert_eq!((&list["total"], &row["transactionalId"]), (&json!(1), &json!("teller")));
        assert_eq!(row["partitions"], json!([{"topic": "ledger", "partition": 0}]));
        assert_eq!((&row["timeoutMs"], &row["isLate"]), (&json!(30_000), &json!(false)));
        let blocked = console.get("/blocked?topic=ledger");
        let place = &blocked["partitions"][0];
        assert_eq!((&place["lastStableOffset"], &place["hidden"]), (&json!("0"), &json!("1")));
        let blocker = &place["open"][0];
        assert_eq!(
            (&blocker["verdict"], &blocker["transactionalId"]),
            (&json!("open"), &json!("teller"))
        );
        let detail = console.get("/transactions/teller");
        assert_eq!(detail["places"][0]["isFirst"], true);
        teller = Some(one);
    });
    let open = now(&console);
    let aborted = console.post("/transactions/teller/abort", &json!({}));
    assert_eq!(aborted["partitions"], json!([{"topic": "ledger", "partition": 0}]));
    eventually("the markers are written", || {
        let blocked = console.get("/blocked");
        blocked["partitions"].as_array()?.is_empty().then_some(())
    });
    let again = console.send("POST", "/transactions/teller/abort", &json!({}));
    assert_eq!(again.status, 409, "{}", again.text());
    assert_eq!(console.ask("GET", "/transactions/nobody").status, 404);

    let then = console.get(&format!("/transactions/teller?at={open}"));
    assert_eq!((&then["state"], &then["partitionCount"]), (&json!("Ongoing"), &json!(1)));
    let kinds = then["events"].as_array().unwrap();
    assert_eq!(kinds.last().unwrap()["kind"], "transaction.begun");
    let list = console.get(&format!("/transactions?at={open}&topic=ledger"));
    assert_eq!(list["total"], 1);
    assert_eq!(console.get("/transactions?topic=ledger")["total"], 0);
    let now = console.get("/transactions/teller");
    assert_eq!(now["partitionCount"], 0);
    let causes = now["events"].as_array().unwrap().iter().map(|it| it["detail"]["cause"].clone());
    assert!(causes.into_iter().any(|cause| cause == "operator"), "{now}");
    let kinds = now["events"].as_array().unwrap().iter().map(|it| it["kind"].clone());
    assert!(kinds.into_iter().any(|kind| kind == "transaction.completed"), "{now}");
    drop(teller);
}

#[test]
fn a_transaction_that_no_coordinator_knows_hangs_and_can_be_aborted() {
    // Nobody asks a coordinator: clients of old could leave such transactions behind.
    let console = TestConsole::start(&[("transaction.partition.verification.enable", "false")]);
    let mut client = console.broker.client();
    client.topic("ledger", 1, &[]);
    let request = ProduceRequest {
        transactional_id: Some(Str::from("teller")),
        ..produce("ledger", 0, transactional(1_003, 0, 0, 2))
    };
    let answer = client.call(11, &request);
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0, "{answer:?}");
    let blocked = console.get("/blocked");
    let place = &blocked["partitions"][0];
    assert_eq!((&place["topic"], &place["hidden"]), (&json!("ledger"), &json!("2")));
    let blocker = &place["open"][0];
    assert_eq!((&blocker["verdict"], &blocker["producerId"]), (&json!("hanging"), &json!("1003")));
    assert_eq!(blocker["transactionalId"], Value::Null);

    let path = "/topics/ledger/partitions/0/abort";
    let wrong = console.send("POST", path, &json!({"firstOffset": "1"}));
    assert_eq!(wrong.status, 404, "{}", wrong.text());
    console.post(path, &json!({"firstOffset": "0"}));
    assert_eq!(console.get("/blocked")["partitions"], json!([]));
    let told = console.get("/events?kinds=transaction.marker");
    let detail = &told["events"][0]["detail"];
    assert_eq!((&detail["cause"], &detail["result"]), (&json!("operator"), &json!("abort")));
}
