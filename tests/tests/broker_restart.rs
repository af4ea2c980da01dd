//! What a broker still knows after it was stopped in order, and after it was not.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicBool, Ordering},
};

use ottla_tests::{
    batch,
    client::{Client, text_of},
    group::{commit, committed},
    http::get,
    in_process::{self, TestBroker, eventually},
    process::{Process, ottla},
};
use ottla_wire::{
    Str,
    describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource},
};

/// The segment file with this base offset.
fn segment(data_dir: &Path, partition: &str, base_offset: i64) -> PathBuf {
    data_dir.join(partition).join(format!("{base_offset:020}.log"))
}

/// The value of a topic's or broker's key, and where it comes from.
fn config(client: &mut Client, resource_type: i8, name: &str, key: &str) -> (String, i8) {
    let resource = DescribeConfigsResource {
        resource_type,
        resource_name: Str::from(name),
        configuration_keys: Some(vec![Str::from(key)]),
    };
    let request = DescribeConfigsRequest { resources: vec![resource], ..Default::default() };
    let found = client.call(4, &request).results.remove(0).configs.remove(0);
    (found.value.unwrap_or_default().to_string(), found.config_source)
}

/// Fills a broker with one of everything that has to survive; gives the topic's id.
fn fill(client: &mut Client) -> ottla_types::Uuid {
    let id = client.topic("kept", 2, &[("retention.ms", "123456789")]);
    client.produce("kept", 0, batch::plain(3));
    client.produce("kept", 0, batch::compressed(ottla_record::Compression::Zstd, 4));
    client.produce("kept", 1, batch::plain(1));
    client.alter((4, ""), &[("message.max.bytes", "2000000")]);
    client.alter((4, "1"), &[("log.retention.bytes", "987654321")]);
    client.find_coordinator("readers");
    assert_eq!(commit(client, "readers", "kept", 0, (5, "five")), 0);
    id
}

fn assert_all_is_there(client: &mut Client, id: ottla_types::Uuid) {
    let topic = client.metadata("kept", false);
    assert_eq!((topic.error_code, topic.topic_id, topic.partitions.len()), (0, id, 2));
    assert_eq!(client.values("kept", 0, 0), ["v0", "v1", "v2", "v0", "v1", "v2", "v3"]);
    assert_eq!(client.values("kept", 1, 0), ["v0"]);
    assert_eq!(client.produce("kept", 0, batch::plain(1)), 7);
    assert_eq!(config(client, 2, "kept", "retention.ms").0, "123456789");
    assert_eq!(config(client, 2, "kept", "max.message.bytes").0, "2000000");
    assert_eq!(config(client, 2, "kept", "retention.bytes").0, "987654321");
    client.find_coordinator("readers");
    let found = committed(client, "readers", "kept", 0);
    assert_eq!(found.committed_offset, 5);
    assert_eq!(found.metadata.as_deref(), Some("five"));
}

#[test]
fn a_stop_in_order_keeps_everything_and_leaves_its_mark() {
    let mut broker = TestBroker::start(&[]);
    let id = fill(&mut broker.client());
    let mark = broker.data_dir().join(".kafka_cleanshutdown");
    assert!(!mark.exists(), "a running broker is not in order");
    broker.stop();
    assert!(mark.exists(), "a stop in order leaves a mark");
    broker.start_again();
    assert!(!mark.exists(), "the mark goes before anything is written");
    assert_all_is_there(&mut broker.client(), id);
}

#[test]
fn a_crash_keeps_everything() {
    let mut broker = TestBroker::start(&[]);
    let id = fill(&mut broker.client());
    broker.crash_and_restart();
    assert_all_is_there(&mut broker.client(), id);
}

#[test]
fn the_topic_configuration_that_a_broker_gives_holds_at_once_after_a_restart() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("limited", 1, &[]);
    client.alter((4, "1"), &[("message.max.bytes", "500")]);
    let too_large = || batch::plain(100);
    assert_eq!(client.try_produce("limited", 0, too_large()).error_code, 10);
    broker.restart();
    let mut client = broker.client();
    assert_eq!(client.try_produce("limited", 0, too_large()).error_code, 10);
}

#[test]
fn a_torn_tail_is_cut_and_what_came_before_it_stays() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("torn", 1, &[]);
    client.produce("torn", 0, batch::plain(2));
    client.produce("torn", 0, batch::plain(3));
    broker.crash_with(|data| {
        let path = segment(data, "torn-0", 0);
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(file.metadata().unwrap().len() - 7).unwrap();
    });
    let mut client = broker.client();
    assert_eq!(client.values("torn", 0, 0), ["v0", "v1"]);
    assert_eq!(client.offset("torn", 0, -1), 2);
    assert_eq!(client.produce("torn", 0, batch::plain(1)), 2);
    assert_eq!(client.values("torn", 0, 0), ["v0", "v1", "v0"]);
}

#[test]
fn garbage_behind_the_last_batch_is_cut() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    client.topic("littered", 1, &[]);
    client.produce("littered", 0, batch::plain(2));
    broker.crash_with(|data| {
        let path = segment(data, "littered-0", 0);
        let mut bytes = fs::read(&path).unwrap();
        bytes.extend([0xa5; 300]);
        fs::write(&path, bytes).unwrap();
    });
    let mut client = broker.client();
    assert_eq!(client.values("littered", 0, 0), ["v0", "v1"]);
    assert_eq!(client.produce("littered", 0, batch::plain(1)), 2);
}

#[test]
fn a_torn_tail_of_the_metadata_loses_nothing_before_it() {
    let mut broker = TestBroker::start(&[]);
    let mut client = broker.client();
    let first = client.topic("first", 1, &[]);
    client.topic("second", 1, &[]);
    broker.crash_with(|data| {
        let path = segment(data, "__cluster_metadata-0", 0);
        let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(file.metadata().unwrap().len() - 1).unwrap();
    });
    let mut client = broker.client();
    assert_eq!(client.metadata("first", false).topic_id, first);
    assert_eq!(client.metadata("second", false).error_code, 3);
    // The directory of the topic that is forgotten must not be in the way of a new one.
    let again = client.topic("second", 1, &[]);
    assert_eq!(client.produce("second", 0, batch::plain(1)), 0);
    broker.restart();
    assert_eq!(broker.client().metadata("second", false).topic_id, again);
}

#[test]
fn two_brokers_cannot_have_one_directory() {
    let broker = TestBroker::start(&[]);
    let refused = in_process::start(broker.data_dir(), &[]).expect_err("the directory is taken");
    let text = refused.to_string();
    let directory = broker.data_dir().display().to_string();
    assert!(text.contains(&directory) && text.contains("in use"), "{text}");
    // The first one goes on.
    broker.client().topic("still-here", 1, &[]);
}

#[test]
fn a_port_in_use_is_named_with_its_key() {
    let broker = TestBroker::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let taken = format!("PLAINTEXT://{}", broker.address());
    let refused = in_process::start(dir.path(), &[("listeners".to_owned(), taken)])
        .expect_err("the port is taken");
    let text = refused.to_string();
    assert!(text.contains(&broker.address().port().to_string()), "{text}");
    assert!(text.contains("listeners"), "{text}");
}

#[test]
fn an_http_port_in_use_is_named_with_its_key() {
    let broker = TestBroker::start(&[("ottla.console.listen", "127.0.0.1:0")]);
    let taken = broker.broker().console().unwrap().to_owned();
    let dir = tempfile::tempdir().unwrap();
    let refused =
        in_process::start(dir.path(), &[("ottla.console.listen".to_owned(), taken.clone())])
            .expect_err("the port is taken");
    let text = refused.to_string();
    assert!(text.contains(&taken) && text.contains("ottla.console.listen"), "{text}");
}

#[test]
fn the_directory_of_another_broker_is_refused() {
    let mut broker = TestBroker::start(&[]);
    broker.stop();
    let refused = in_process::start(broker.data_dir(), &[("node.id".to_owned(), "7".to_owned())])
        .expect_err("it is broker 1's");
    let text = refused.to_string();
    assert!(text.contains("broker 1") && text.contains("node.id"), "{text}");
}

#[test]
fn what_is_acknowledged_while_the_broker_stops_is_there_afterwards() {
    let mut broker = TestBroker::start(&[("ottla.ack.durability", "auto")]);
    broker.client().topic("busy", 1, &[]);
    let address = broker.address();
    let has_begun = AtomicBool::new(false);
    let (acknowledged, took) = std::thread::scope(|scope| {
        let producer = scope.spawn(|| {
            let mut acknowledged = 0;
            let mut client = Client::connect(address);
            let request = ottla_tests::session::produce("busy", 0, batch::plain(1));
            // Several requests are always under way, so that the stop comes between them.
            let mut sent = std::collections::VecDeque::new();
            loop {
                while sent.len() < 8 {
                    match client.connection().send(9, &request) {
                        Ok(id) => sent.push_back(id),
                        Err(_) => return acknowledged,
                    }
                }
                let id = sent.pop_front().unwrap();
                use ottla_wire::messages::ProduceRequest;
                match client.connection().receive::<ProduceRequest>(id, 9, 9) {
                    Ok((answer, _)) => {
                        let part = &answer.responses[0].partition_responses[0];
                        if part.error_code == 0 {
                            assert_eq!(part.base_offset, acknowledged);
                            acknowledged += 1;
                        }
                    }
                    Err(_) => return acknowledged,
                }
                has_begun.store(acknowledged > 50, Ordering::Release);
            }
        });
        eventually("50 acknowledgements", || has_begun.load(Ordering::Acquire).then_some(()));
        let began = std::time::Instant::now();
        broker.stop();
        (producer.join().unwrap(), began.elapsed())
    });
    assert!(took.as_secs() < 4, "a client that goes on sending held up the stop for {took:?}");
    broker.start_again();
    let end = broker.client().offset("busy", 0, -1);
    assert!(end >= acknowledged, "{acknowledged} acknowledged, {end} found");
}

#[test]
fn a_parked_client_does_not_hold_up_a_stop() {
    let mut broker = TestBroker::start(&[("ottla.console.listen", "127.0.0.1:0")]);
    let console = broker.broker().console().expect("an HTTP listener").to_owned();
    let mut client = broker.client();
    client.topic("quiet", 1, &[]);
    let mut request = ottla_tests::client::fetching("quiet", 0, 0);
    request.max_wait_ms = 60_000;
    let id = client.send(12, &request);
    // A request that the broker has not read when it stops is never answered.
    let counted = "kafka_network_requestmetrics_requests_total{request=\"Fetch\"} 1";
    eventually("the broker has the request", || {
        get(&console, "/metrics").text().contains(counted).then_some(())
    });
    let began = std::time::Instant::now();
    broker.stop();
    assert!(began.elapsed().as_secs() < 4, "the stop took {:?}", began.elapsed());
    let answer = client.receive::<ottla_wire::messages::FetchRequest>(id, 12);
    assert_eq!(answer.error_code, 0);
}

#[test]
fn a_killed_process_has_lost_nothing_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let process = Process::start(dir.path(), &[]);
    let mut client = Client::connect(process.address);
    client.topic("killed", 1, &[]);
    let last = (0..20).map(|_| client.produce("killed", 0, batch::plain(1))).last();
    assert_eq!(last, Some(19));
    process.signal("-KILL");

    let process = Process::start(dir.path(), &[]);
    let mut client = Client::connect(process.address);
    assert_eq!(client.records("killed", 0, 0).len(), 20);
    assert_eq!(client.produce("killed", 0, batch::plain(1)), 20);
    let records = client.records("killed", 0, 20);
    assert_eq!(text_of(records[0].1.key.as_ref()), "k0");
    let mark = dir.path().join(".kafka_cleanshutdown");
    assert!(!mark.exists());
    assert!(process.signal("-TERM").success(), "SIGTERM is a stop in order");
    assert!(mark.exists());
}

#[test]
fn a_second_process_on_the_directory_says_who_is_in_its_way() {
    let dir = tempfile::tempdir().unwrap();
    let _first = Process::start(dir.path(), &[]);
    let second = Command::new(ottla())
        .arg("--data-dir")
        .arg(dir.path())
        .args(["--listen", "127.0.0.1:0", "--console", "off"])
        .output()
        .unwrap();
    assert!(!second.status.success());
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(text.contains("in use") && text.contains(&dir.path().display().to_string()), "{text}");
}

#[test]
fn an_unknown_key_is_warned_of_with_the_nearest_known_one() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(ottla())
        .arg("--data-dir")
        .arg(dir.path())
        // It does not get far: the listener cannot be served.
        .args(["--listen", "SSL://127.0.0.1:0", "--console", "off"])
        .args(["--set", "log.retention.hour=3"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("log.retention.hour ") && text.contains("log.retention.hours"), "{text}");
}
