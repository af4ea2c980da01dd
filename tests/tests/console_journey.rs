//! The way of a record, as the console tells it: into the log, to members of groups, behind their
//! offsets.

use std::{sync::Arc, time::Duration};

use ottla_client::{CommittedOffset, GroupMembership, Offset};
use ottla_tests::{
    batch::now_ms,
    client::Client,
    console::TestConsole,
    group::{commit, committing, join, leaving, syncing},
    in_process::eventually,
};
use ottla_types::LeaderEpoch;
use serde_json::{Value, json};

/// What a leader gives itself: partition 0 of London.
const LONDON_0: &str = "\0\0\0\0\0\x01\0\x06London\0\0\0\x01\0\0\0\0\0\0\0\0";

/// London with one partition and a record.
fn london() -> TestConsole {
    let console = TestConsole::start(&[]);
    console.post("/topics", &json!({"name": "London", "partitions": 1}));
    produce(&console);
    console
}

fn produce(console: &TestConsole) {
    let record = json!({"key": {"text": "temperature"}, "value": {"text": "14.2"}, "partition": 0});
    console.post("/topics/London/records", &record);
}

fn journey(console: &TestConsole, offset: i64) -> Value {
    console.get(&format!("/topics/London/partitions/0/records/{offset}/journey"))
}

/// The steps of a journey and of its only group, in their order.
fn steps(journey: &Value) -> [&Value; 5] {
    let group = &journey["groups"][0];
    let own = ["appended", "durable", "readable"].map(|name| &journey[name]);
    [own[0], own[1], own[2], &group["fetched"], &group["committed"]]
}

fn ms(value: &Value) -> i64 {
    value.as_str().unwrap_or_else(|| panic!("{value} is no time")).parse().unwrap()
}

/// Reads what there is from an offset on, and asks for what follows, as consumers do.
fn read(client: &mut Client, offset: i64) {
    let read = client.try_fetch("London", 0, offset);
    assert_eq!(read.error_code, 0);
    client.try_fetch("London", 0, read.high_watermark);
}

#[test]
fn a_record_comes_into_the_log_to_a_member_and_behind_its_group() {
    let console = london();
    let mut client = console.broker.client();
    client.find_coordinator("readers");
    let joined = join(&mut client, "readers", 30_000);
    let synced = client.call(5, &syncing("readers", &joined, &[(&joined.member_id, LONDON_0)]));
    assert_eq!(synced.error_code, 0);

    let before = journey(&console, 0);
    let states = steps(&before).map(|step| step["state"].clone());
    assert_eq!(states, ["known", "known", "known", "notYet", "notYet"], "{before}");
    assert_eq!(
        (&before["groups"][0]["groupId"], &before["others"]),
        (&json!("readers"), &json!([]))
    );

    read(&mut client, 0);
    let mut request = committing("readers", "London", 0, (1, ""));
    request.generation_id_or_member_epoch = joined.generation_id;
    request.member_id = joined.member_id.clone();
    assert_eq!(client.call(8, &request).topics[0].partitions[0].error_code, 0);

    let after = journey(&console, 0);
    let mut last = ms(&after["timestampMs"]);
    for step in steps(&after) {
        assert_eq!(step["state"], "known", "{after}");
        assert!(ms(&step["fromMs"]) <= ms(&step["untilMs"]), "{step}");
        assert!(last <= ms(&step["untilMs"]), "{after}");
        last = ms(&step["untilMs"]);
    }
    let group = &after["groups"][0];
    assert_eq!(
        group["committed"]["fromMs"], group["committed"]["untilMs"],
        "it was the only commit"
    );
    let by = &group["fetchedBy"];
    assert_eq!(
        (&by["memberId"], &by["clientHost"], &by["isAmbiguous"]),
        (&json!(joined.member_id.as_str()), &json!("127.0.0.1"), &json!(false))
    );

    // Who has left was a member when it was sent the record.
    client.call(4, &leaving("readers", &joined.member_id));
    assert_eq!(journey(&console, 0)["groups"][0]["fetchedBy"], *by);

    produce(&console);
    let next = journey(&console, 1);
    let states = steps(&next).map(|step| step["state"].clone());
    assert_eq!(states, ["known", "known", "known", "notYet", "notYet"], "{next}");
    assert_eq!(console.ask("GET", "/topics/London/partitions/0/records/2/journey").status, 404);
}

#[test]
fn offsets_of_a_transaction_are_committed_when_it_ends() {
    let console = london();
    let group = GroupMembership {
        group_id: "readers".to_owned(),
        generation_id: -1,
        member_id: String::new(),
        group_instance_id: None,
    };
    let read = CommittedOffset {
        offset: Offset(1),
        leader_epoch: LeaderEpoch::NONE,
        metadata: String::new(),
    };
    let offsets = [((Arc::from("London"), 0), read)].into();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended_ms = runtime.expect("a runtime").block_on(async {
        let address = console.broker.address().to_string();
        let client = ottla_client::Client::connect(&address).await.expect("a client");
        let timeout = Duration::from_secs(30);
        let teller = client.transactional_producer("teller", timeout).await;
        let mut teller = teller.expect("a transactional producer");
        teller.begin().unwrap();
        teller.send_offsets(&group, &offsets).await.unwrap();
        let ended_ms = now_ms();
        teller.commit().await.unwrap();
        ended_ms
    });
    let committed = eventually("the commit", || {
        let found = journey(&console, 0);
        let step = found["groups"][0]["committed"].clone();
        (step["state"] == "known").then_some(step)
    });
    assert_eq!(committed["fromMs"], committed["untilMs"], "it was the only commit");
    assert!(ms(&committed["fromMs"]) >= ended_ms, "{committed} and {ended_ms}");
}

#[test]
fn a_reader_without_a_group_is_one_of_the_others() {
    let console = london();
    let mut client = console.broker.client();
    read(&mut client, 0);
    client.find_coordinator("readers");
    assert_eq!(commit(&mut client, "readers", "London", 0, (1, "")), 0);
    let found = journey(&console, 0);
    assert_eq!(found["others"].as_array().unwrap().len(), 1, "the console itself is not told");
    assert_eq!(found["others"][0]["fetched"]["state"], "known");
    let group = &found["groups"][0];
    assert_eq!(
        (&group["fetched"]["state"], &group["fetchedBy"]),
        (&json!("notTold"), &Value::Null)
    );
}

#[test]
fn what_happened_before_the_start_is_said_to_have_been_before() {
    let mut console = london();
    let mut client = console.broker.client();
    client.find_coordinator("readers");
    assert_eq!(commit(&mut client, "readers", "London", 0, (1, "")), 0);
    console.restart();
    let found = journey(&console, 0);
    let states = steps(&found).map(|step| step["state"].clone());
    assert_eq!(states, ["before", "before", "before", "notTold", "before"], "{found}");
    for step in ["appended", "durable", "readable"] {
        assert_eq!(found[step]["untilMs"], found["knownSinceMs"]);
    }
    assert!(ms(&found["groups"][0]["committed"]["untilMs"]) <= ms(&found["knownSinceMs"]));
    assert_eq!(found["groups"][0]["committed"]["fromMs"], Value::Null);
}

#[test]
fn what_is_not_synced_is_not_on_the_disk_for_sure() {
    let console = TestConsole::start(&[("ottla.ack.durability", "page-cache")]);
    console.post("/topics", &json!({"name": "London", "partitions": 1}));
    produce(&console);
    let found = journey(&console, 0);
    assert_eq!(
        (&found["durable"]["state"], &found["readable"]["state"]),
        (&json!("notYet"), &json!("known"))
    );
    assert_eq!(found["appended"], found["readable"]);
}
