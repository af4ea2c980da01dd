//! The console as a client: what both know it tells as the broker's own console does, what only the
//! broker knows it names, and what can be changed it changes.

use std::time::Duration;

use ottla_client::{Client, Record, TransactionalProducer};
use ottla_console::Settings;
use ottla_tests::{
    batch::transactional,
    console::{ConsoleAt, TestConsole, routes},
    group::{commit, join},
    http::get,
    in_process::eventually,
    session::produce,
};
use ottla_wire::{Str, produce_request::ProduceRequest};
use serde_json::{Value, json};

/// Fields that move between two looks, or that nobody tells from outside.
const NOT_COMPARED: [&str; 21] = [
    "ageMs",
    "lastUpdateMs",
    "events",
    "eventsNotTold",
    "nowMs",
    "lagMs",
    "bytesIn",
    "sizeBytes",
    "durableOffset",
    "segments",
    "logDir",
    "generationId",
    "stateSinceMs",
    "commitMs",
    "isLeader",
    "segmentBaseOffset",
    "position",
    "index",
    "lagMsAtLeast",
    "lagHistory",
    "trend",
];

fn compared(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(compared).collect(),
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| !NOT_COMPARED.contains(&name.as_str()));
            kept.map(|(name, value)| (name.clone(), compared(value))).collect()
        }
        other => other.clone(),
    }
}

/// A route with names put into it.
fn filled(route: &str) -> String {
    let path = route.replace("{topic}", "London").replace("{group}", "readers");
    path.replace("{partition}", "0").replace("{id}", "0")
}

/// London with two partitions, ten records in partition 0, of which `readers` has read three; and a
/// console that is a client of it.
fn london() -> (TestConsole, ConsoleAt) {
    let own = TestConsole::start(&[]);
    let address = own.broker.address().to_string();
    let remote = ConsoleAt::of(&[("weather", &address)], Settings::default());
    let configs = json!({"retention.ms": "86400000"});
    remote.post("/topics", &json!({"name": "London", "partitions": 2, "configs": configs}));
    let record = json!({"key": {"text": "temp"}, "value": {"text": "14.2"}, "partition": 0,
        "count": 10, "timestampMs": "5000"});
    remote.post("/topics/London/records", &record);
    let mut client = own.broker.client();
    client.find_coordinator("readers");
    assert_eq!(commit(&mut client, "readers", "London", 0, (3, "note")), 0);
    (own, remote)
}

#[test]
fn a_client_tells_what_the_broker_itself_tells() {
    let (own, remote) = london();
    for path in [
        "/topics?internal=true",
        "/topics/London",
        "/topics/London/config",
        "/topics/London/records?from=beginning",
        "/topics/London/records?from=group:readers&limit=2",
        "/topics/London/records?from=offset:-3",
        "/topics/London/partitions/0/records/4",
        "/topics/London/partitions/0/batches",
        "/topics/London/partitions/0/batches?from=end&limit=3",
        "/topics/London/partitions/0/batches/7",
        "/topics/London/partitioner?key=temp",
        "/groups",
        "/groups?topic=London&sort=-lag",
        "/groups/readers",
    ] {
        let (of_broker, of_client) = (own.get(path), remote.get(path));
        assert_eq!(compared(&of_client), compared(&of_broker), "{path}");
    }
    let topic = remote.get("/topics/London");
    assert_eq!((&topic["records"], &topic["bytesIn"]), (&json!("10"), &Value::Null));
    assert_eq!(topic["retentionMs"], "86400000");
    let cursors = &topic["partitionList"][0]["cursors"];
    assert_eq!((&cursors["highWatermark"], &cursors["segments"]), (&json!("10"), &Value::Null));
    let offset = &remote.get("/groups/readers")["offsets"][0];
    let age: i64 = offset["lagMs"].as_str().unwrap().parse().unwrap();
    assert!(age > 1_000_000_000_000, "the records are of 1970: {age}");
    for path in ["/topics/Paris", "/groups/nobody", "/topics/London/partitions/0/records/99"] {
        let (of_broker, of_client) = (own.ask("GET", path), remote.ask("GET", path));
        assert_eq!(of_client.status, 404, "{path}");
        assert_eq!(of_client.json(), of_broker.json(), "{path}");
    }
}

#[test]
fn of_the_way_of_a_record_a_client_knows_the_ends() {
    let (_own, remote) = london();
    let journey =
        |offset: i64| remote.get(&format!("/topics/London/partitions/0/records/{offset}/journey"));
    let read = journey(2);
    assert_eq!(
        (&read["timestampMs"], &read["timestampType"]),
        (&json!("5000"), &json!("CreateTime"))
    );
    let states = ["appended", "durable", "readable"].map(|step| read[step]["state"].clone());
    assert_eq!(states, ["done", "notTold", "done"], "{read}");
    let group = &read["groups"][0];
    assert_eq!((&group["groupId"], &group["committedOffset"]), (&json!("readers"), &json!("3")));
    assert_eq!(
        (&group["fetched"]["state"], &group["committed"]["state"]),
        (&json!("notTold"), &json!("done"))
    );
    assert!(read["notTold"].is_string(), "{read}");
    assert_eq!(journey(3)["groups"][0]["committed"]["state"], "notYet");
}

#[test]
fn what_only_the_broker_knows_is_named_and_said_why() {
    let (own, remote) = london();
    let session = remote.get("/session");
    assert_eq!((&session["role"], &session["cluster"]), (&json!("client"), &json!("weather")));
    let absent = session["absent"].as_array().unwrap();
    assert!(absent.len() > 5);
    let absent: Vec<String> = absent.iter().map(|route| filled(route.as_str().unwrap())).collect();
    for path in &absent {
        let page = remote.ask("GET", path);
        assert_eq!((page.status, &page.json()["error"]["code"]), (404, &json!("NOT_FROM_OUTSIDE")));
        assert_ne!(own.ask("HEAD", path).status, 404, "{path}");
    }
    assert_eq!(own.get("/session")["absent"], json!([]));
    for (method, path) in routes() {
        let is_stream = ["/live", "/tail", "/search", "/stream", "/export"];
        if method != "GET" || is_stream.iter().any(|end| path.ends_with(end)) {
            continue;
        }
        let page = get(remote.address(), &path);
        let is_absent = page.text().contains("NOT_FROM_OUTSIDE");
        let is_named = absent.iter().any(|route| path == format!("/api/v1{route}"));
        assert_eq!(is_absent, is_named, "{path}");
    }
    let (overview, of_broker) = (remote.get("/overview"), own.get("/overview"));
    assert_eq!(overview["clusterId"], of_broker["clusterId"]);
    assert_eq!(overview["counts"]["partitions"], of_broker["counts"]["partitions"]);
    assert_eq!(overview["bootstrap"], own.broker.address().to_string());
    assert_eq!((&overview["totals"], &overview["startedMs"]), (&Value::Null, &Value::Null));
    assert_eq!(get(remote.address(), "/health").status, 200);
}

#[test]
fn a_group_is_reset_and_the_reset_undone() {
    let (_own, remote) = london();
    let committed = || remote.get("/groups/readers")["offsets"][0]["committedOffset"].clone();
    let to_end = json!({"to": {"kind": "end"}, "dryRun": false});
    let done = remote.post("/groups/readers/reset", &to_end);
    assert_eq!((&done["applied"], committed()), (&json!(true), json!("10")));
    let undo = json!({"id": done["undo"]["id"]});
    let undone = remote.post("/groups/readers/reset/undo", &undo);
    assert_eq!((&undone["applied"], committed()), (&json!(true), json!("3")));
    assert_eq!(remote.ask("DELETE", "/groups/readers").status, 204);
    assert_eq!(remote.ask("GET", "/groups/readers").status, 404);
}

#[test]
fn a_group_with_members_says_who_reads_what_and_is_not_reset() {
    let (own, remote) = london();
    let mut member = own.broker.client();
    member.find_coordinator("crew");
    join(&mut member, "crew", 30_000);
    let group = remote.get("/groups/crew");
    assert_eq!(group["members"].as_array().unwrap().len(), 1);
    let reset = json!({"to": {"kind": "end"}, "topics": [{"topic": "London"}]});
    let blocked = remote.post("/groups/crew/reset", &reset);
    assert_eq!(blocked["applied"], false);
    assert!(blocked["blockedBy"].as_str().unwrap().contains("1 member"));
}

#[test]
fn topics_are_changed_purged_and_deleted() {
    let (own, remote) = london();
    let change = json!({"set": {"retention.ms": "1000"}});
    assert_eq!(remote.send("PATCH", "/topics/London/config", &change).status, 200);
    assert_eq!(own.get("/topics/London")["retentionMs"], "1000");
    let more = remote.send("POST", "/topics/London/partitions", &json!({"count": 4}));
    assert_eq!(more.status, 204);
    assert_eq!(remote.get("/topics/London")["partitions"], 4);
    let purged = remote.post("/topics/London/purge", &json!({}));
    assert_eq!(purged["partitions"][0]["logStartOffset"], "10");
    assert_eq!(remote.get("/topics/London")["records"], "0");
    assert_eq!(remote.ask("DELETE", "/topics/London").status, 204);
    assert_eq!(remote.ask("GET", "/topics/London").status, 404);
}

#[test]
fn cursors_and_records_come_as_they_move() {
    let (_own, remote) = london();
    let mut live = remote.events("/topics/London/live?partitions=0");
    let (name, first) = live.next().unwrap();
    assert_eq!(name, "cursors");
    assert_eq!(first["partitions"][0]["highWatermark"], "10");
    assert_eq!(first["partitions"][0]["positions"][0]["groupId"], "readers");
    let mut tail = remote.events("/topics/London/records/tail?from=end");
    let record = json!({"value": {"text": "15.0"}, "partition": 0});
    remote.post("/topics/London/records", &record);
    let (_, moved) = live.next().unwrap();
    assert_eq!(moved["partitions"][0]["appendedRecords"], "1");
    let (_, records) = tail.next().unwrap();
    assert_eq!(records["records"][0]["value"]["text"], "15.0");
}

/// A producer that has a record in each partition of London, in a transaction that stays open.
async fn with_open_transaction(own: &TestConsole) -> TransactionalProducer {
    let client = Client::connect(&own.broker.address().to_string()).await.unwrap();
    let timeout = Duration::from_secs(30);
    let mut teller = client.transactional_producer("teller", timeout).await.unwrap();
    teller.begin().unwrap();
    for partition in 0..2 {
        teller.send(Record::to("London").partition(partition).value("14.2")).await.unwrap();
    }
    teller
}

#[test]
fn transactions_are_told_and_aborted() {
    let (own, remote) = london();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let teller = runtime.block_on(with_open_transaction(&own));
    for path in [
        "/transactions",
        "/transactions?state=Ongoing&topic=London&sort=-ageMs",
        "/transactions?state=Empty",
        "/transactions/teller",
        "/blocked",
        "/blocked?topic=London",
        "/blocked?topic=Paris",
    ] {
        let (of_broker, of_client) = (own.get(path), remote.get(path));
        assert_eq!(compared(&of_client), compared(&of_broker), "{path}");
    }
    let detail = remote.get("/transactions/teller");
    assert_eq!((&detail["state"], &detail["partitionCount"]), (&json!("Ongoing"), &json!(2)));
    assert_eq!(detail["places"][0]["firstOffset"], "10");
    let why = detail["eventsNotTold"].as_str().unwrap();
    assert!(detail["events"] == json!([]) && why.contains("journal"), "{why}");
    assert_eq!(own.get("/transactions/teller")["eventsNotTold"], Value::Null);
    let past = remote.ask("GET", "/transactions?at=1");
    assert_eq!((past.status, &past.json()["error"]["code"]), (404, &json!("NOT_FROM_OUTSIDE")));
    assert_eq!(remote.get("/blocked")["partitions"][0]["open"][0]["verdict"], "open");

    let aborted = remote.post("/transactions/teller/abort", &json!({}));
    assert_eq!(aborted["partitions"].as_array().unwrap().len(), 2);
    eventually("the markers are written", || {
        remote.get("/blocked")["partitions"].as_array()?.is_empty().then_some(())
    });
    let again = remote.send("POST", "/transactions/teller/abort", &json!({}));
    assert_eq!(again.status, 409, "{}", again.text());
    for path in ["/transactions/nobody", "/transactions/nobody/abort"] {
        let method = if path.ends_with("abort") { "POST" } else { "GET" };
        assert_eq!(remote.send(method, path, &json!({})).status, 404, "{path}");
    }
    drop(teller);
}

#[test]
fn a_transaction_that_hangs_is_found_and_aborted() {
    // Nobody asks a coordinator: clients of old could leave such transactions behind.
    let own = TestConsole::start(&[("transaction.partition.verification.enable", "false")]);
    let address = own.broker.address().to_string();
    let remote = ConsoleAt::of(&[("weather", &address)], Settings::default());
    let mut client = own.broker.client();
    client.topic("London", 1, &[]);
    let request = ProduceRequest {
        transactional_id: Some(Str::from("teller")),
        ..produce("London", 0, transactional(1_003, 0, 0, 2))
    };
    let answer = client.call(11, &request);
    assert_eq!(answer.responses[0].partition_responses[0].error_code, 0, "{answer:?}");
    let (of_broker, of_client) = (own.get("/blocked"), remote.get("/blocked"));
    assert_eq!(compared(&of_client), compared(&of_broker));
    let blocker = &of_client["partitions"][0]["open"][0];
    assert_eq!((&blocker["verdict"], &blocker["producerId"]), (&json!("hanging"), &json!("1003")));
    remote.post("/topics/London/partitions/0/abort", &json!({"firstOffset": "0"}));
    assert_eq!(remote.get("/blocked")["partitions"], json!([]));
}

#[test]
fn several_clusters_have_a_path_each_and_one_log_in() {
    let (own, _) = london();
    let other = TestConsole::start(&[]);
    let users = ottla_console::Users::single("ada", "umbrella").unwrap();
    let base_path = "/kafka".parse().unwrap();
    let settings = Settings { users, base_path, ..Settings::default() };
    let addresses = [own.broker.address().to_string(), other.broker.address().to_string()];
    let clusters = [("The weather", addresses[0].as_str()), ("tides", addresses[1].as_str())];
    let both = ConsoleAt::of(&clusters, settings);
    let first = get(both.address(), "/kafka/");
    assert_eq!(
        (first.status, first.header("location")),
        (307, Some("/kafka/clusters/the-weather/"))
    );
    assert_eq!(get(both.address(), "/kafka/clusters/the-weather/").status, 200);
    let session = get(both.address(), "/kafka/clusters/tides/api/v1/session").json();
    let links = json!([
        {"name": "The weather", "path": "/kafka/clusters/the-weather"},
        {"name": "tides", "path": "/kafka/clusters/tides"},
    ]);
    assert_eq!((&session["cluster"], &session["clusters"]), (&json!("tides"), &links));
    let body = json!({"user": "ada", "password": "umbrella"});
    let path = "/kafka/clusters/tides/api/v1/session";
    let page = ottla_tests::http::Asking::new("POST", path).body(&body).ask(both.address());
    let set = page.header("set-cookie").unwrap();
    assert!(set.contains("path=/kafka/;"), "{set}");
    let cookie = set.split(';').next().unwrap();
    for (name, topics) in [("the-weather", 1), ("tides", 0)] {
        let path = format!("/kafka/clusters/{name}/api/v1/topics");
        let asking = ottla_tests::http::Asking::new("GET", &path).header("Cookie", cookie);
        let page = asking.ask(both.address());
        assert_eq!((page.status, &page.json()["total"]), (200, &json!(topics)), "{name}");
    }
    assert_eq!(get(both.address(), "/kafka/clusters/tides/api/v1/topics").status, 401);
}
