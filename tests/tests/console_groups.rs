//! Groups in the console: listed, described, reset, undone and deleted; and what a log is made of.

use ottla_tests::{
    batch,
    console::TestConsole,
    group::{commit, join},
};
use serde_json::{Value, json};

/// London with two partitions, ten records in partition 0, of which `readers` has read three.
fn london() -> TestConsole {
    let console = TestConsole::start(&[]);
    console.post("/topics", &json!({"name": "London", "partitions": 2}));
    let body =
        json!({"value": {"text": "14.2"}, "partition": 0, "count": 10, "timestampMs": "5000"});
    console.post("/topics/London/records", &body);
    let mut client = console.broker.client();
    client.find_coordinator("readers");
    assert_eq!(commit(&mut client, "readers", "London", 0, (3, "note")), 0);
    console
}

#[test]
fn a_group_is_listed_and_described_with_its_lag() {
    let console = london();
    let list = console.get("/groups?q=read&sort=-lag");
    assert_eq!(list["total"], 1);
    let row = &list["items"][0];
    assert_eq!(
        (&row["groupId"], &row["lag"], &row["state"]),
        (&json!("readers"), &json!("7"), &json!("Empty"))
    );
    assert_eq!(row["topics"], json!(["London"]));
    assert_eq!(console.get("/groups?state=Stable")["total"], 0);
    assert_eq!(console.get("/groups?topic=Paris")["total"], 0);

    let group = console.get("/groups/readers");
    assert_eq!((&group["lag"], &group["coordinator"]), (&json!("7"), &json!(1)));
    let offset = &group["offsets"][0];
    assert_eq!(offset["committedOffset"], "3");
    assert_eq!(offset["metadata"], "note");
    assert_eq!(offset["highWatermark"], "10");
    let age: i64 = offset["lagMs"].as_str().unwrap().parse().unwrap();
    assert!(age > 0, "{age}");
    assert_eq!(console.ask("GET", "/groups/nobody").status, 404);
}

#[test]
fn a_reset_is_looked_at_done_and_undone() {
    let console = london();
    let committed = || console.get("/groups/readers")["offsets"][0]["committedOffset"].clone();
    let reset = |to: Value, dry_run: bool| {
        console.post("/groups/readers/reset", &json!({"to": to, "dryRun": dry_run}))
    };
    let looked = reset(json!({"kind": "beginning"}), true);
    assert_eq!((&looked["applied"], &looked["undo"]), (&json!(false), &Value::Null));
    let change = &looked["changes"][0];
    assert_eq!(
        (&change["from"], &change["to"], &change["delta"]),
        (&json!("3"), &json!("0"), &json!("-3"))
    );
    assert_eq!(committed(), "3");

    let done = reset(json!({"kind": "shift", "by": "100"}), false);
    assert_eq!((&done["applied"], &done["changes"][0]["clamped"]), (&json!(true), &json!(true)));
    assert_eq!(committed(), "10");
    let id = &done["undo"]["id"];
    assert_eq!(&console.get("/groups/readers/reset/undo")["items"][0]["id"], id);
    let undone = console.post("/groups/readers/reset/undo", &json!({"id": id}));
    assert_eq!(undone["applied"], true);
    assert_eq!(committed(), "3");
    let again = console.send("POST", "/groups/readers/reset/undo", &json!({"id": id}));
    assert_eq!(again.status, 404);

    for (to, wanted) in [
        (json!({"kind": "time", "timeMs": "5000"}), "0"),
        (json!({"kind": "time", "timeMs": "5001"}), "10"),
        (json!({"kind": "offset", "offset": "4"}), "4"),
        (json!({"kind": "end"}), "10"),
        (
            json!({"kind": "explicit", "offsets": [{"topic": "London", "partition": 0, "offset": "6"}]}),
            "6",
        ),
    ] {
        assert_eq!(reset(to.clone(), false)["applied"], true, "{to}");
        assert_eq!(committed(), wanted, "{to}");
    }
    let topics = json!({"to": {"kind": "end"}, "topics": [{"topic": "London", "partitions": [1]}]});
    let other = console.post("/groups/readers/reset", &topics);
    assert_eq!(other["changes"][0]["partition"], 1);
    assert_eq!(other["changes"][0]["from"], Value::Null);
}

#[test]
fn a_group_with_members_is_neither_reset_nor_deleted() {
    let console = london();
    let mut client = console.broker.client();
    join(&mut client, "readers", 30_000);
    let body = json!({"to": {"kind": "end"}});
    let blocked = console.post("/groups/readers/reset", &body);
    assert_eq!(blocked["applied"], false);
    assert!(blocked["blockedBy"].as_str().unwrap().contains("1 member"), "{blocked}");
    let refused = console.ask("DELETE", "/groups/readers");
    assert_eq!(
        (refused.status, &refused.json()["error"]["code"]),
        (409, &json!("NON_EMPTY_GROUP"))
    );
    let member = &console.get("/groups/readers")["members"][0];
    assert_eq!((&member["isLeader"], &member["clientHost"]), (&json!(true), &json!("127.0.0.1")));
}

#[test]
fn a_group_is_deleted_with_its_offsets() {
    let console = london();
    assert_eq!(console.ask("DELETE", "/groups/readers").status, 204);
    assert_eq!(console.get("/groups")["total"], 0);
    assert_eq!(console.ask("DELETE", "/groups/readers").status, 404);
}

#[test]
fn a_log_is_shown_down_to_its_bytes() {
    let console = london();
    let segments = console.get("/topics/London/partitions/0/segments");
    assert_eq!(
        (&segments["logStartOffset"], &segments["logEndOffset"]),
        (&json!("0"), &json!("10"))
    );
    let segment = &segments["segments"][0];
    assert_eq!((&segment["isActive"], &segment["maxTimestampMs"]), (&json!(true), &json!("5000")));

    let batches = console.get("/topics/London/partitions/0/batches");
    let records: i64 = batches["batches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["records"].as_i64().unwrap())
        .sum();
    assert_eq!(records, 10);
    assert_eq!(batches["batches"][0]["isCrcValid"], true);
    assert_eq!(batches["next"], Value::Null);
    let limited = console.get("/topics/London/partitions/0/batches?limit=1");
    assert_eq!(limited["batches"].as_array().unwrap().len(), 1);

    let batch = console.get("/topics/London/partitions/0/batches/9");
    let fields = batch["fields"].as_array().unwrap();
    assert_eq!((&fields[0]["name"], &fields[12]["end"]), (&json!("baseOffset"), &json!(61)));
    assert_eq!(batch["headerHex"].as_str().unwrap().len(), 122);

    let record = console.get("/topics/London/partitions/0/records/4");
    assert_eq!(record["record"]["offset"], "4");
    assert_eq!((&record["previousOffset"], &record["nextOffset"]), (&json!("3"), &json!("5")));
    let names: Vec<&str> = record["recordFields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"value") && !names.contains(&"key"), "{names:?}");
    let value = console.ask("GET", "/topics/London/partitions/0/records/4/value");
    assert_eq!(value.body, b"14.2");
    assert!(value.header("content-disposition").unwrap().starts_with("attachment"));
    assert_eq!(console.ask("GET", "/topics/London/partitions/0/records/10").status, 404);
    assert_eq!(console.ask("GET", "/topics/London/partitions/7/segments").status, 404);
}

#[test]
fn a_record_of_a_compressed_batch_is_found_in_it() {
    let console = london();
    let mut client = console.broker.client();
    client.produce("London", 1, batch::compressed(ottla_record::Compression::Zstd, 20));
    let record = console.get("/topics/London/partitions/1/records/13");
    assert_eq!((&record["indexInBatch"], &record["decompressed"]), (&json!(13), &json!(true)));
    assert_eq!(record["batch"]["compression"], "zstd");
}

#[test]
fn cursors_are_shown_as_they_move() {
    let console = london();
    let mut events = console.events("/topics/London/live");
    let (name, all) = events.next().expect("an event");
    assert_eq!((name.as_str(), all["partitions"].as_array().unwrap().len()), ("cursors", 2));
    assert_eq!(
        all["partitions"][0]["positions"],
        json!([{"groupId": "readers", "committedOffset": "3"}])
    );
    console.post("/topics/London/records", &json!({"value": {"text": "9"}, "partition": 1}));
    let (_, moved) = events.next().expect("an event");
    assert_eq!(moved["partitions"].as_array().unwrap().len(), 1);
    assert_eq!(moved["partitions"][0]["appendedRecords"], "1");
    commit(&mut console.broker.client(), "readers", "London", 0, (5, ""));
    // That the record of before is on the disk may be told meanwhile.
    let mut of_first =
        events.by_ref().filter(|(_, moved)| moved["partitions"][0]["partition"] == 0);
    let (_, moved) = of_first.next().expect("an event");
    assert_eq!(moved["partitions"][0]["positions"][0]["committedOffset"], "5");
    assert_eq!(console.ask("DELETE", "/topics/London").status, 204);
    let (name, _) = events.last().expect("an event");
    assert_eq!(name, "failed");
}
