//! The HTTP listener: what operators and their probes see.

use std::{collections::BTreeMap, time::Duration};

use ottla_client::{NewTopic, Record};
use ottla_record::BuilderOptions;
use ottla_tests::{
    batch,
    client::{FETCH_VERSION, PRODUCE_VERSION, fetching},
    group::commit,
    http::{get, try_get},
    in_process::{TestBroker, eventually},
    session::produce,
};
use ottla_wire::messages::ProduceRequest;

/// A broker with its HTTP listener, and where that is.
fn start() -> (TestBroker, String) {
    let broker = TestBroker::start(&[("ottla.console.listen", "127.0.0.1:0")]);
    let address = broker.broker().console().expect("an HTTP listener").to_owned();
    (broker, address)
}

/// The samples of a page of metrics, by name and labels.
fn samples(page: &str) -> BTreeMap<String, f64> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.rsplit_once(' '));
    pairs.map(|(name, value)| (name.to_owned(), value.parse().expect("a number"))).collect()
}

fn metric(address: &str, name: &str) -> Option<f64> {
    samples(&get(address, "/metrics").text()).get(name).copied()
}

#[test]
fn a_broker_that_serves_says_that_it_is_well_and_ready() {
    let (mut broker, address) = start();
    let health = get(&address, "/health");
    assert_eq!((health.status, health.text().as_str()), (200, "ok\n"));
    let ready = get(&address, "/ready");
    assert_eq!((ready.status, ready.text().as_str()), (200, "ready\n"));
    assert_eq!(get(&address, "/nothing-here").status, 404);
    let index = get(&address, "/");
    assert!(index.text().contains(broker.broker().cluster_id()), "{}", index.text());
    broker.stop();
    assert!(try_get(&address, "/health").is_err(), "nobody answers for a broker that is gone");
}

#[test]
fn a_broker_that_stops_is_not_ready_and_says_why() {
    let (mut broker, address) = start();
    let mut client = broker.client();
    client.topic("large", 1, &[]);
    let value = "x".repeat(900_000);
    let record = batch::record("k", &value, 0);
    let large = batch::build(BuilderOptions::default(), std::slice::from_ref(&record)).freeze();
    for _ in 0..20 {
        client.produce("large", 0, large.clone());
    }
    drop(client);
    // A client that does not read its answer keeps the broker from being done.
    let mut reader = broker.client();
    let mut request = fetching("large", 0, 0);
    request.topics[0].partitions[0].partition_max_bytes = 50 << 20;
    let id = reader.send(FETCH_VERSION, &request);
    reader.connection().wait_readable().expect("an answer begins");
    std::thread::scope(|scope| {
        let stop = scope.spawn(|| broker.stop());
        eventually("it is not ready", || {
            let page = try_get(&address, "/ready").expect("an answer while it stops");
            let is_stopping = (page.status, page.text().as_str()) == (503, "not ready: stopping\n");
            is_stopping.then_some(())
        });
        assert_eq!(get(&address, "/health").status, 200, "it is well nevertheless");
        reader.receive::<ottla_wire::messages::FetchRequest>(id, FETCH_VERSION);
        stop.join().unwrap();
    });
    assert!(try_get(&address, "/ready").is_err());
}

#[test]
fn metrics_count_what_happens() {
    let (broker, address) = start();
    let page = get(&address, "/metrics");
    assert_eq!(page.status, 200);
    assert!(page.head.contains("application/openmetrics-text"), "{}", page.head);
    assert!(page.text().ends_with("# EOF\n"), "the page is whole");
    let before = samples(&page.text());

    let mut client = broker.client();
    client.topic("counted", 3, &[]);
    let batch = batch::plain(5);
    for _ in 0..4 {
        client.produce("counted", 1, batch.clone());
    }
    client.records("counted", 1, 0);
    client.find_coordinator("counters");
    assert_eq!(commit(&mut client, "counters", "counted", 0, (1, "")), 0);

    let after = samples(&get(&address, "/metrics").text());
    let grown = |name: &str| {
        let value = |samples: &BTreeMap<String, f64>| samples.get(name).copied().unwrap_or(0.0);
        value(&after) - value(&before)
    };
    let of_topic = "kafka_server_brokertopicmetrics_bytesin_total{topic=\"counted\"}";
    for (name, wanted) in [
        ("kafka_network_requestmetrics_requests_total{request=\"Produce\"}", 4.0),
        ("kafka_network_requestmetrics_requests_total{request=\"CreateTopics\"}", 1.0),
        ("kafka_network_requestmetrics_requests_total{request=\"Heartbeat\"}", 0.0),
        (of_topic, 4.0 * batch.len() as f64),
        ("kafka_server_brokertopicmetrics_messagesin_total", 20.0),
        ("kafka_server_socket_connections", 1.0),
        // Three of the topic, two of the groups' own.
        ("kafka_server_replicamanager_partitioncount", 5.0),
        ("kafka_controller_globaltopiccount", 2.0),
        ("kafka_coordinator_group_groupcount", 1.0),
    ] {
        assert!((grown(name) - wanted).abs() < 0.5, "{name}: {} and not {wanted}", grown(name));
    }
    let stored = 4.0 * batch.len() as f64;
    assert!(grown("kafka_log_log_size_bytes") > stored);
    assert!(grown("kafka_server_socket_in_bytes_total") > stored);
    assert!(grown("kafka_server_socket_out_bytes_total") > stored, "what was read went out");
    assert!(after["process_resident_memory_bytes"] > 1e6);
    assert!(after["ottla_request_memory_free_bytes"] > 1e6);

    client.delete_topic("counted");
    assert_eq!(metric(&address, of_topic), None, "a label goes with its topic");
    drop(client);
    eventually("the connection is gone", || {
        (metric(&address, "kafka_server_socket_connections") == Some(0.0)).then_some(())
    });
}

#[test]
fn every_metric_says_what_it_is() {
    let (_broker, address) = start();
    let page = get(&address, "/metrics").text();
    let mut described = 0;
    let lines: Vec<&str> = page.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let Some(rest) = line.strip_prefix("# HELP ") else { continue };
        let (name, help) = rest.split_once(' ').expect("a sentence");
        assert!(!help.is_empty(), "{name}");
        let kind = format!("# TYPE {name} ");
        let near = &lines[at.saturating_sub(2)..(at + 3).min(lines.len())];
        assert!(near.iter().any(|line| line.starts_with(&kind)), "{name} has a type");
        described += 1;
    }
    assert!(described >= 10, "{page}");
}

#[test]
fn a_request_with_a_batch_for_each_of_a_hundred_partitions_is_synced_together() {
    const PARTITIONS: i32 = 100;
    let broker = TestBroker::start(&[
        ("ottla.console.listen", "127.0.0.1:0"),
        ("ottla.ack.durability", "fsync"),
    ]);
    let address = broker.broker().console().expect("an HTTP listener").to_owned();
    let mut client = broker.client();
    client.topic("wide", PARTITIONS, &[]);
    let mut request = produce("wide", 0, batch::plain(1));
    for index in 1..PARTITIONS {
        let mut other = produce("wide", index, batch::plain(1));
        let part = other.topic_data.remove(0).partition_data.remove(0);
        request.topic_data[0].partition_data.push(part);
    }
    let syncs = || metric(&address, "kafka_log_logflushstats_logflush_seconds_count");
    let mut ask = || {
        let id = client.send(PRODUCE_VERSION, &request);
        let answer = client.receive::<ProduceRequest>(id, PRODUCE_VERSION);
        let parts = &answer.responses[0].partition_responses;
        assert!(parts.iter().all(|part| part.error_code == 0), "{parts:?}");
    };
    // The first time leader epochs are written, which takes two.
    ask();
    let before = syncs().expect("a count");
    let after = eventually("a sync is counted", || {
        ask();
        syncs().filter(|after| *after > before)
    });
    assert!(after - before <= 3.0, "{before} and then {after} syncs");
}

#[test]
fn the_markers_of_a_transaction_over_a_hundred_partitions_are_synced_together() {
    const PARTITIONS: i32 = 100;
    let broker = TestBroker::start(&[
        ("ottla.console.listen", "127.0.0.1:0"),
        ("ottla.ack.durability", "fsync"),
    ]);
    let http = broker.broker().console().expect("an HTTP listener").to_owned();
    let syncs = || metric(&http, "kafka_log_logflushstats_logflush_seconds_count");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let client = ottla_client::Client::connect(&broker.address().to_string()).await.unwrap();
        let topic = NewTopic::new("wide").partitions(PARTITIONS);
        client.admin().create_topic(topic).await.unwrap();
        let timeout = Duration::from_secs(30);
        let mut teller = client.transactional_producer("teller", timeout).await.unwrap();
        for _ in 0..2 {
            teller.begin().unwrap();
            for partition in 0..PARTITIONS {
                teller.send(Record::to("wide").partition(partition).value("1")).await.unwrap();
            }
            let before = syncs().expect("a count");
            teller.commit().await.unwrap();
            let is_complete = async || {
                let told = client.admin().describe_transaction("teller").await.unwrap();
                told.state == "CompleteCommit"
            };
            while !is_complete().await {
                tokio::task::yield_now().await;
            }
            // What was decided, the markers, and that they are written.
            let after = syncs().expect("a count");
            assert!(after - before <= 6.0, "{before} and then {after} syncs");
        }
    });
}
