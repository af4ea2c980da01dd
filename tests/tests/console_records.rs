//! Records in the console: sent, read in both directions, filtered, searched, followed and
//! exported.

use ottla_tests::{batch, console::TestConsole, http::Asking};
use serde_json::{Value, json};

/// London with three partitions and `count` records of value `{"n":…}`, one millisecond apart.
fn london(count: i64) -> TestConsole {
    let console = TestConsole::start(&[]);
    console.post("/topics", &json!({"name": "London", "partitions": 3}));
    for n in 0..count {
        let body = json!({
            "value": {"text": json!({"n": n}).to_string()},
            "partition": n % 3,
            "timestampMs": (1_000_000 + n).to_string(),
        });
        console.post("/topics/London/records", &body);
    }
    console
}

/// The `n` of records, in their order.
fn numbers(records: &Value) -> Vec<i64> {
    let n = |record: &Value| {
        let text = record["value"]["text"].as_str().expect("text");
        serde_json::from_str::<Value>(text).expect("JSON")["n"].as_i64().expect("n")
    };
    records.as_array().expect("records").iter().map(n).collect()
}

/// All pages from a path on, following `next`.
fn pages(console: &TestConsole, path: &str) -> Vec<Vec<i64>> {
    let mut pages = Vec::new();
    let mut page = console.get(path);
    loop {
        pages.push(numbers(&page["records"]));
        let Some(next) = page["next"].as_str() else { return pages };
        assert!(pages.len() < 100, "the pages end");
        page = console.get(&format!("/topics/London/records?limit=4&from=cursor:{next}"));
    }
}

#[test]
fn the_key_decides_on_the_partition_and_the_console_says_why() {
    let console = TestConsole::start(&[]);
    console.post("/topics", &json!({"name": "London", "partitions": 6}));
    let body = json!({
        "key": {"text": "temperature"},
        "value": {"text": "14.2"},
        "headers": [{"key": "source", "value": {"hex": "00ff"}}, {"key": "none", "value": null}],
        "count": 3,
    });
    let sent = console.post("/topics/London/records", &body);
    let partitioner = &sent["partitioner"];
    assert_eq!(partitioner["kind"], "murmur2");
    assert_eq!(partitioner, &console.get("/topics/London/partitioner?key=temperature"));
    let positive: i64 = partitioner["positive"].as_str().unwrap().parse().unwrap();
    assert_eq!(partitioner["partition"], positive % 6);
    let offsets: Vec<&Value> =
        sent["records"].as_array().unwrap().iter().map(|it| &it["offset"]).collect();
    assert_eq!(offsets, ["0", "1", "2"]);
    assert!(sent["records"].as_array().unwrap().iter().all(|it| it["partition"] == positive % 6));

    let record = &console.get("/topics/London/records?from=beginning&limit=1")["records"][0];
    assert_eq!(record["key"]["text"], "temperature");
    assert_eq!(record["keyHash"], partitioner["keyHash"]);
    assert_eq!(record["headers"][0]["value"]["base64"], "AP8=");
    assert_eq!(record["headers"][1]["value"], Value::Null);
    assert_eq!(record["timestampType"], "CreateTime");
}

#[test]
fn what_is_sent_wrongly_is_refused_and_creates_nothing() {
    let console = london(0);
    let send = |topic: &str, body: Value| {
        let page = console.send("POST", &format!("/topics/{topic}/records"), &body);
        (page.status, page.json()["error"]["code"].as_str().unwrap().to_owned())
    };
    assert_eq!(send("Paris", json!({})), (404, "UNKNOWN_TOPIC_OR_PARTITION".to_owned()));
    assert_eq!(console.get("/topics")["total"], 1);
    assert_eq!(send("London", json!({"key": {"base64": "!"}})).0, 400);
    assert_eq!(send("London", json!({"partition": 7})).0, 400);
    assert_eq!(send("London", json!({"count": 0})).0, 400);
    assert_eq!(send("London", json!({"colour": "red"})).0, 400);
}

#[test]
fn pages_go_through_all_partitions_in_the_order_of_time_in_both_directions() {
    let console = london(10);
    let forward = pages(&console, "/topics/London/records?limit=4&from=beginning");
    assert_eq!(forward, [vec![0, 1, 2, 3], vec![4, 5, 6, 7], vec![8, 9]]);
    let backward = pages(&console, "/topics/London/records?limit=4");
    assert_eq!(backward, [vec![9, 8, 7, 6], vec![5, 4, 3, 2], vec![1, 0]]);
    let one = console.get("/topics/London/records?partitions=1&from=beginning");
    assert_eq!(numbers(&one["records"]), [1, 4, 7]);
    assert_eq!(one["stoppedBy"], "end");
}

#[test]
fn a_page_leads_back_to_where_it_came_from() {
    let console = london(10);
    let first = console.get("/topics/London/records?limit=4&from=beginning");
    let cursor = first["next"].as_str().unwrap();
    let second = console.get(&format!("/topics/London/records?limit=4&from=cursor:{cursor}"));
    let back = second["previous"].as_str().unwrap();
    let again = console.get(&format!("/topics/London/records?limit=4&from=cursor:{back}"));
    assert_eq!(numbers(&again["records"]), [3, 2, 1, 0]);
}

#[test]
fn reading_begins_at_an_offset_a_time_or_a_while_before_the_end() {
    let console = london(10);
    let at = |from: &str| {
        let page = console.get(&format!("/topics/London/records?from={from}"));
        numbers(&page["records"])
    };
    assert_eq!(at("offset:2"), [6, 7, 8, 9]);
    assert_eq!(at("offset:-1"), [7, 8, 9]);
    assert_eq!(at("time:1000008"), [8, 9]);
    assert_eq!(at("offset:0&direction=backward"), [2, 1, 0]);
    assert_eq!(at("time:1000002&direction=backward"), [1, 0]);
    assert_eq!(at("offset:99&direction=backward&limit=1"), [9]);
    assert_eq!(at("ago:1h"), [0_i64; 0], "all of it is of 1970");
    let wrong = console.ask("GET", "/topics/London/records?from=yesterday");
    assert_eq!(wrong.status, 400);
    let unknown = console.ask("GET", "/topics/London/records?colour=red");
    assert!(unknown.text().contains("colour"), "{}", unknown.text());
}

#[test]
fn filters_are_applied_in_both_directions_without_gaps() {
    let console = london(30);
    let of =
        |query: &str| numbers(&console.get(&format!("/topics/London/records?{query}"))["records"]);
    let tens = "json=%24.n%20%3E%3D%2010&json=%24.n%20%3C%2020";
    assert_eq!(of(&format!("from=beginning&{tens}")), (10..20).collect::<Vec<i64>>());
    assert_eq!(of(&format!("from=end&{tens}")), (10..20).rev().collect::<Vec<i64>>());
    assert_eq!(of("from=beginning&q=%22N%22%3A2"), [2, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29]);
    assert_eq!(of("from=beginning&fromMs=1000005&toMs=1000006"), [5, 6]);
    let paged = pages(&console, &format!("/topics/London/records?limit=4&from=end&{tens}"));
    assert_eq!(paged[0], [19, 18, 17, 16]);
}

#[test]
fn numbers_of_64_bits_are_kept_and_found() {
    let console = london(0);
    let numbers = ["9007199254740993", "-7210194211959421178", "18446744073709551615"];
    for number in numbers {
        let value = format!("{{\"id\":{number}}}");
        console.post("/topics/London/records", &json!({"value": {"text": value}}));
    }
    for number in numbers {
        let query = format!("from=beginning&json=%24.id%20%3D%3D%20{number}");
        let found = console.get(&format!("/topics/London/records?{query}"));
        assert_eq!(found["matched"], "1", "{number}");
        assert_eq!(found["records"][0]["value"]["text"], format!("{{\"id\":{number}}}"));
    }
}

#[test]
fn a_large_payload_is_cut_and_says_so() {
    let console = london(0);
    let text = "x".repeat(100_000);
    console.post("/topics/London/records", &json!({"value": {"text": text}}));
    let value = console.get("/topics/London/records")["records"][0]["value"].clone();
    assert_eq!(
        (value["size"].as_str(), value["truncated"].as_bool()),
        (Some("100000"), Some(true))
    );
    assert_eq!(value["text"].as_str().map(str::len), Some(64 << 10));
    let whole = console.get("/topics/London/records?maxBytes=1000000");
    assert_eq!(whole["records"][0]["value"]["truncated"], false);
}

#[test]
fn a_search_streams_what_it_finds_and_how_far_it_is() {
    let console = london(30);
    let mut found = Vec::new();
    let mut done = Value::Null;
    for (name, data) in console.events("/topics/London/records/search?json=%24.n%20%3E%2024") {
        match name.as_str() {
            "record" => found.extend(numbers(&json!([data]))),
            "progress" => assert_eq!(data["total"], "30"),
            "done" => done = data,
            other => panic!("{other}: {data}"),
        }
    }
    found.sort_unstable();
    assert_eq!(found, [25, 26, 27, 28, 29]);
    assert_eq!(done["stoppedBy"], "end");
    assert_eq!(done["progress"]["scanned"], "30");
    assert_eq!(done["progress"]["matched"], "5");

    let limited = console.events("/topics/London/records/search?limit=2");
    let last = limited.last().expect("an event");
    assert_eq!(last.1["stoppedBy"], "limit");
    assert!(last.1["next"].is_string());
}

#[test]
fn a_search_ends_with_its_reader() {
    let console = london(0);
    let mut client = console.broker.client();
    for _ in 0..60 {
        let value = "x".repeat(1_000);
        let records: Vec<_> = (0..500).map(|n| batch::record("k", &value, n)).collect();
        let built = batch::build(ottla_record::BuilderOptions::default(), &records);
        client.produce("London", 0, built.freeze());
    }
    let open = || console.get("/overview")["counts"]["connections"].as_i64().unwrap();
    let before = open();
    let mut events = console.events("/topics/London/records/search?q=nowhere");
    assert_eq!(events.next().expect("an event").0, "progress");
    drop(events);
    ottla_tests::in_process::eventually("the search has ended", || {
        (open() <= before).then_some(())
    });
}

#[test]
fn a_tail_shows_records_as_they_come() {
    let console = london(3);
    let mut events = console.events("/topics/London/records/tail");
    let mut seen = Vec::new();
    let mut n = 100;
    // Where the tail begins is settled before its head is sent.
    while seen.len() < 3 {
        let body = json!({"value": {"text": json!({"n": n}).to_string()}});
        console.post("/topics/London/records", &body);
        n += 1;
        let (name, data) = events.next().expect("an event");
        assert_eq!((name.as_str(), &data["skipped"]), ("records", &json!("0")));
        seen.extend(numbers(&data["records"]));
    }
    assert_eq!(seen, [100, 101, 102]);
}

#[test]
fn an_export_is_a_file_with_all_that_matches() {
    let console = london(10);
    let jsonl = console.ask("GET", "/topics/London/records/export?q=n");
    let name = jsonl.header("content-disposition").unwrap().to_owned();
    assert_eq!(name, "attachment; filename=\"london.jsonl\"");
    let lines: Vec<Value> =
        jsonl.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(numbers(&json!(lines)), (0..10).collect::<Vec<i64>>());
    let csv = console.ask("GET", "/topics/London/records/export?format=csv&limit=2").text();
    assert_eq!(
        csv,
        "partition,offset,timestamp,key,value,headers\r\n\
         0,0,1000000,,\"{\"\"n\"\":0}\",\r\n1,0,1000001,,\"{\"\"n\"\":1}\",\r\n"
    );
}

#[test]
fn records_of_a_topic_that_was_made_anew_are_its_own() {
    let console = london(3);
    assert_eq!(console.ask("DELETE", "/topics/London").status, 204);
    let client =
        Asking::new("POST", "/api/v1/topics").body(&json!({"name": "London", "partitions": 5}));
    ottla_tests::in_process::eventually("the name is free", || {
        (client.ask(console.address()).status == 201).then_some(())
    });
    let body = json!({"value": {"text": "{\"n\":7}"}, "partition": 4});
    console.post("/topics/London/records", &body);
    assert_eq!(numbers(&console.get("/topics/London/records")["records"]), [7]);
}
