//! What happened in the broker, who is connected, and how to connect, as the console shows it.

use std::io::Write as _;

use ottla_tests::{
    client::Client,
    console::TestConsole,
    group::{commit, join, leaving},
    in_process::eventually,
};
use serde_json::{Value, json};

fn kinds(list: &Value) -> Vec<String> {
    let events = list["events"].as_array().unwrap();
    events.iter().map(|it| it["kind"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_happens_to_a_topic_is_told_in_order_and_as_it_happens() {
    let console = TestConsole::start(&[]);
    let mut events = console.events("/events/stream?kinds=topic");
    console.post("/topics", &json!({"name": "London", "partitions": 2}));
    let (name, first) = events.next().expect("an event");
    assert_eq!((name.as_str(), &first["kind"]), ("event", &json!("topic.created")));
    assert_eq!(first["detail"]["partitions"], "2");
    assert!(first["text"].as_str().unwrap().contains("London"));

    console.post("/topics/London/records", &json!({"value": {"text": "14.2"}, "count": 5}));
    console.send("POST", "/topics/London/partitions", &json!({"count": 3}));
    console.ask("DELETE", "/topics/London");
    let list = console.get("/events?kinds=topic&topic=London");
    assert_eq!(kinds(&list), ["topic.created", "topic.partitions", "topic.deleted"]);
    assert_eq!(list["lost"], false);
    let last = console.get("/events?kinds=topic.deleted,topic.created&order=desc&limit=1");
    assert_eq!(kinds(&last), ["topic.deleted"]);
    let next = list["next"].as_str().unwrap();
    assert_eq!(kinds(&console.get(&format!("/events?since={next}&kinds=topic"))), [""; 0]);
    let timeline = console.get("/timeline");
    let marks = timeline["marks"].as_array().unwrap();
    assert!(marks.iter().any(|it| it["kind"] == "topic.created" && it["count"] == 1), "{timeline}");
    let records = eventually("appends are summed up", || {
        let list = console.get("/events?kinds=produce");
        let counts = list["events"].as_array()?.iter().map(|it| it["detail"]["records"].clone());
        let sum: i64 = counts.map(|it| it.as_str().unwrap().parse::<i64>().unwrap()).sum();
        (sum == 5).then_some(sum)
    });
    assert_eq!(records, 5);
}

#[test]
fn a_rebalance_has_a_cause() {
    let console = TestConsole::start(&[]);
    let mut client = console.broker.client();
    client.find_coordinator("readers");
    let joined = join(&mut client, "readers", 30_000);
    client.call(4, &leaving("readers", &joined.member_id));
    let timeline = console.get("/groups/readers/timeline");
    let entries = timeline["entries"].as_array().unwrap();
    let shown: Vec<(&str, &Value, &Value)> =
        entries.iter().map(|it| (it["kind"].as_str().unwrap(), &it["cause"], &it["to"])).collect();
    let null = Value::Null;
    let (joins, leaves) = (json!("memberJoined"), json!("memberLeft"));
    assert_eq!(shown[0], ("group.joined", &null, &null));
    assert_eq!(shown[1], ("group.state", &joins, &json!("PreparingRebalance")));
    // That all have joined is nobody's doing.
    assert_eq!(shown[2], ("group.state", &null, &json!("CompletingRebalance")));
    assert_eq!(shown[3], ("group.left", &leaves, &null));
    assert_eq!(shown.last().unwrap().2, &json!("Empty"));
    assert!(entries.last().unwrap()["durationMs"].is_string());
}

#[test]
fn the_lag_of_a_group_has_a_history() {
    let console = TestConsole::start(&[]);
    console.post("/topics", &json!({"name": "London", "partitions": 1}));
    console.post("/topics/London/records", &json!({"value": {"text": "14.2"}, "count": 10}));
    let mut client = console.broker.client();
    client.find_coordinator("readers");
    assert_eq!(commit(&mut client, "readers", "London", 0, (3, "")), 0);
    eventually("the commit is seen", || {
        let list = console.get("/events?kinds=group.committed&group=readers");
        (!list["events"].as_array()?.is_empty()).then_some(())
    });
    let lag = eventually("a point of the history", || {
        let history = console.get("/groups/readers/lag?points=10");
        let last = history["total"].as_array()?.last()?["lag"].clone();
        (last == "7").then_some(history)
    });
    let point = lag["series"][0]["points"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&point["committedOffset"], &point["endOffset"]), (&json!("3"), &json!("10")));
}

#[test]
fn connections_say_who_they_are() {
    let console = TestConsole::start(&[]);
    let mut client = Client::connect(console.broker.address());
    client.topic("London", 1, &[]);
    let list = console.get("/connections?sort=-requests");
    let rows = list["items"].as_array().unwrap();
    assert!(rows.iter().any(|it| it["lastRequest"] == "CreateTopics"), "{list}");
    assert_eq!(rows[0]["listener"], "PLAINTEXT");
    console.get("/clients");
    console.post("/topics/London/records", &json!({"value": {"text": "1"}}));
    let own = console.get("/connections?q=ottla-console");
    assert_ne!(own["total"], 0);
    assert_eq!(console.get("/connections?listener=OTHER")["total"], 0);
}

#[test]
fn the_doctor_names_what_a_client_did_wrong() {
    let console = TestConsole::start(&[]);
    let mut browser = std::net::TcpStream::connect(console.broker.address()).unwrap();
    browser.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let attempt = eventually("the attempt is shown", || {
        let connect = console.get("/connect");
        let attempts = connect["attempts"].as_array()?.clone();
        attempts.into_iter().find(|it| it["outcome"] != "open" && it["outcome"] != "closed")
    });
    assert_eq!(attempt["outcome"], "http-on-kafka", "{attempt}");
    let connect = console.get("/connect");
    assert_eq!(connect["listeners"][0]["check"]["reachable"], true);
    let states: Vec<&Value> =
        connect["checks"].as_array().unwrap().iter().map(|it| &it["state"]).collect();
    assert!(states.contains(&&json!("pass")) && !states.contains(&&json!("fail")), "{connect}");
    let container = &connect["places"][1];
    assert_eq!((&container["id"], &container["works"]), (&json!("container"), &json!(false)));
}
