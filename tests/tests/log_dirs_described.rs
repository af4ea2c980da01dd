//! What client, command line, Kafka's tools and console say of a broker with a failed directory.
//!
//! The broker has `a` and `b`; `halved` has a partition in each, and `b` has failed.

use std::process::{Command, Stdio};

use ottla_client::{BrokerId, Client, ErrorCode, ErrorKind, LogDir};
use ottla_console::Settings;
use ottla_tests::{
    batch,
    console::{ConsoleAt, TestConsole},
    in_process::TestBroker,
    log_dirs::{TWO, break_partition, spread, wait_until_offline},
    process::ottla,
};
use serde_json::{Value, json};

/// Two directories, and nothing expires however long a test takes: its records are of 2023.
const KEYS: &[(&str, &str)] = &[TWO, ("log.retention.ms", "-1")];

/// Lets `b` fail under the partition of `halved` whose number this gives. The other has records.
fn fail_b(broker: &TestBroker) -> i32 {
    let lost = spread(broker, "halved");
    let mut client = broker.client();
    client.produce("halved", 1 - lost, batch::plain(3));
    break_partition(&broker.data_dir().join("b"), "halved", lost);
    let _refused = client.try_produce("halved", lost, batch::plain(1));
    wait_until_offline(&mut client, "halved", lost);
    lost
}

/// The paths of `a` and `b`.
fn paths(broker: &TestBroker) -> [String; 2] {
    ["a", "b"].map(|name| broker.data_dir().join(name).display().to_string())
}

/// What the client says of the broker's directories.
fn described(broker: &TestBroker) -> Vec<LogDir> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(async {
        let client = Client::connect(&broker.address().to_string()).await.unwrap();
        client.admin().describe_log_dirs(BrokerId(1)).await.unwrap()
    })
}

/// What the binary prints, which must succeed.
fn printed(arguments: &[&str]) -> String {
    let mut command = Command::new(ottla());
    let output = command.args(arguments).env_clear().stdin(Stdio::null()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{arguments:?}: {out}{err}");
    out
}

/// What a tool of Kafka's prints about a broker.
fn tool(broker: &TestBroker, name: &str, arguments: &[&str]) -> String {
    let address = broker.address().to_string();
    printed(&[&[name, "--bootstrap-server", &address], arguments].concat())
}

/// What a command prints about a broker.
fn command(broker: &TestBroker, arguments: &[&str]) -> String {
    let address = broker.address().to_string();
    printed(&[arguments, &["-b", &address]].concat())
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_client_is_told_which_directory_has_failed_and_what_lies_in_the_other() {
    let broker = TestBroker::start(KEYS);
    let lost = fail_b(&broker);
    let dirs = described(&broker);
    assert_eq!(dirs.iter().map(|dir| dir.path.clone()).collect::<Vec<_>>(), paths(&broker));
    let [a, b] = dirs.as_slice() else { panic!("{dirs:?}") };
    assert!(a.error.is_none() && a.total_bytes > 0, "{a:?}");
    let held: Vec<_> = a.partitions.iter().map(|it| (it.topic.as_str(), it.partition)).collect();
    assert_eq!(held, [("halved", 1 - lost)]);
    assert!(a.partitions[0].size > 0);
    let error = b.error.as_ref().expect("an error");
    assert_eq!(error.code(), Some(ErrorCode::KafkaStorageError));
    assert_eq!(error.kind(), ErrorKind::Broker);
    assert!(error.to_string().contains(&b.path), "{error}");
    assert_eq!((b.partitions.len(), b.total_bytes, b.usable_bytes), (0, -1, -1));
}

/// Apache Kafka 4.4 with such directories was asked by its own tool.
#[test]
fn kafka_log_dirs_prints_the_failed_directory_as_kafkas_does() {
    let broker = TestBroker::start(KEYS);
    let lost = fail_b(&broker);
    let size = described(&broker)[0].partitions[0].size;
    let [a, b] = paths(&broker);
    let error = "\"org.apache.kafka.common.errors.KafkaStorageException\"";
    let dirs = |held: &str| {
        format!(
            "Querying brokers for log directories information\n\
             Received log directory information from brokers 1\n\
             {{\"brokers\":[{{\"broker\":1,\"logDirs\":[\
             {{\"partitions\":[{held}],\"error\":null,\"logDir\":\"{a}\"}},\
             {{\"partitions\":[],\"error\":{error},\"logDir\":\"{b}\"}}]}}],\"version\":1}}\n"
        )
    };
    let held = format!(
        "{{\"partition\":\"halved-{}\",\"size\":{size},\"offsetLag\":0,\"isFuture\":false}}",
        1 - lost
    );
    assert_eq!(tool(&broker, "kafka-log-dirs", &["--describe"]), dirs(&held));
    let of_no_topic = tool(&broker, "kafka-log-dirs", &["--describe", "--topic-list", "other"]);
    assert_eq!(of_no_topic, dirs(""));
}

#[test]
fn a_reassignment_takes_any_directory_for_a_replica_whose_own_has_failed() {
    let broker = TestBroker::start(KEYS);
    let lost = fail_b(&broker);
    let topics = broker.data_dir().join("topics.json");
    std::fs::write(&topics, r#"{"topics":[{"topic":"halved"}],"version":1}"#).unwrap();
    let topics = topics.to_str().unwrap();
    let arguments = ["--generate", "--broker-list", "1", "--topics-to-move-json-file", topics];
    let text = tool(&broker, "kafka-reassign-partitions", &arguments);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "Current partition replica assignment");
    let [a, _] = paths(&broker);
    let current = json_of(lines[1]);
    for partition in [0, 1] {
        let expected = if partition == lost { "any" } else { &a };
        let item = &current["partitions"][usize::try_from(partition).unwrap()];
        assert_eq!(
            (&item["partition"], &item["log_dirs"]),
            (&json!(partition), &json!([expected]))
        );
    }
}

#[test]
fn a_topics_description_counts_the_bytes_of_the_directories_that_work() {
    let broker = TestBroker::start(KEYS);
    let lost = fail_b(&broker);
    let size = described(&broker)[0].partitions[0].size;
    let text = command(&broker, &["topic", "describe", "halved", "--storage", "-o", "json"]);
    let report = json_of(&text);
    for partition in [0, 1] {
        let expected = if partition == lost { Value::Null } else { json!(size) };
        let item = &report["items"][0]["partitions"][usize::try_from(partition).unwrap()];
        assert_eq!((&item["partition"], &item["bytes"]), (&json!(partition), &expected), "{text}");
    }
}

#[test]
fn cluster_info_lists_failed_directories_with_their_errors() {
    let broker = TestBroker::start(KEYS);
    let whole = json_of(&command(&broker, &["cluster", "info", "-o", "json"]));
    assert_eq!(whole["items"][0]["offlineLogDirs"], json!([]));
    fail_b(&broker);
    let size = described(&broker)[0].partitions[0].size;
    let text = command(&broker, &["cluster", "info", "-o", "json"]);
    let (paths, item) = (paths(&broker), &json_of(&text)["items"][0]);
    let row = &item["brokers"][0];
    assert_eq!((&row["logDirs"], &row["bytes"]), (&json!(paths), &json!(size)), "{text}");
    let failed = json!([{"brokerId": 1, "logDir": paths[1], "error": "KAFKA_STORAGE_ERROR"}]);
    assert_eq!(item["offlineLogDirs"], failed, "{text}");
    let table = command(&broker, &["cluster", "info"]);
    let lines: Vec<Vec<&str>> =
        table.lines().map(|line| line.split_whitespace().collect()).collect();
    let headline = ["BROKER", "ID", "LOG", "DIR", "ERROR"];
    let at = lines.iter().position(|line| *line == headline).expect("a table of them");
    assert_eq!(lines[at + 1], ["1", &paths[1], "KAFKA_STORAGE_ERROR"], "{table}");
}

#[test]
fn the_console_shows_a_failed_directory_as_offline_and_what_lies_in_the_other() {
    let console = TestConsole::start(KEYS);
    let lost = fail_b(&console.broker);
    let size = described(&console.broker)[0].partitions[0].size.to_string();
    let address = console.broker.address().to_string();
    let remote = ConsoleAt::of(&[("weather", &address)], Settings::default());
    for (of, partitions) in [(&*console, 1), (&remote, 0)] {
        let dirs = of.get("/brokers/1/log-dirs");
        let dirs = dirs["dirs"].as_array().unwrap();
        let shown: Vec<_> = dirs.iter().map(|dir| (&dir["path"], &dir["isOnline"])).collect();
        let [a, b] = paths(&console.broker).map(|path| json!(path));
        assert_eq!(shown, [(&a, &json!(true)), (&b, &json!(false))]);
        assert_eq!((&dirs[0]["partitions"], &dirs[0]["sizeBytes"]), (&json!(1), &json!(size)));
        assert_eq!(dirs[0]["largest"][0]["partition"], json!(1 - lost));
        let failed = &dirs[1];
        assert_eq!((&failed["totalBytes"], &failed["sizeBytes"]), (&Value::Null, &json!("0")));
        assert_eq!(failed["partitions"], json!(partitions), "the broker's own console knows them");
    }
    assert_eq!(remote.get("/topics/halved")["sizeBytes"], json!(size));
}
