//! Brokers in the console: who they are, their configs, and where their data lies.

use ottla_tests::console::TestConsole;
use serde_json::json;

#[test]
fn a_broker_tells_its_configs_and_where_its_data_is() {
    let console = TestConsole::start(&[]);
    console.post("/topics", &json!({"name": "London", "partitions": 1}));
    console.post("/topics/London/records", &json!({"value": {"text": "14.2"}}));
    let brokers = console.get("/brokers");
    let broker = &brokers["brokers"][0];
    assert_eq!((&broker["isSelf"], &broker["isController"]), (&json!(true), &json!(true)));
    let id = &broker["brokerId"];
    let change = json!({"set": {"log.retention.ms": "3600000"}});
    let changed = console.send("PATCH", &format!("/brokers/{id}/config"), &change);
    assert_eq!(changed.status, 200);
    let configs = console.get(&format!("/brokers/{id}/config"));
    let entries = configs["entries"].as_array().unwrap();
    let retention = entries.iter().find(|entry| entry["name"] == "log.retention.ms").unwrap();
    assert_eq!(
        (&retention["value"], &retention["source"]),
        (&json!("3600000"), &json!("DYNAMIC_BROKER_CONFIG"))
    );
    let dirs = console.get(&format!("/brokers/{id}/log-dirs"));
    let largest = &dirs["dirs"][0]["largest"][0];
    assert_eq!((&largest["topic"], &largest["isFuture"]), (&json!("London"), &json!(false)));
    assert_ne!(largest["sizeBytes"], "0");
}
