//! `flush.messages`, `flush.ms`, and who waits for the disk. The disk of these tests refuses every
//! sync: whoever waits is told, and whoever does not is answered as if nothing were wrong.

use std::fs;

use bytes::Bytes;
use ottla_tests::{
    batch,
    client::Client,
    in_process::{TestBroker, eventually},
    log_dirs::TWO,
    session::produce,
};

const KAFKA_STORAGE_ERROR: i16 = 56;
const CONFIG_OF_TOPIC: i8 = 2;

/// A broker with a topic of one partition that has one record, none of it synced, and cannot be
/// synced.
fn unsyncable(configs: &[(&str, &str)]) -> (TestBroker, Client) {
    let broker = TestBroker::start(&[TWO, ("metadata.log.dir", "{dir}/meta")]);
    let mut client = broker.client();
    client.topic("t", 1, &[("ottla.ack.durability", "page-cache")]);
    assert_eq!(with_acks(&mut client, 1, batch::plain(1)), 0);
    let paths = ["a", "b"].map(|dir| broker.data_dir().join(dir).join("t-0"));
    let path = paths.iter().find(|path| path.exists()).expect("it is there");
    // Its file is open and can be written.
    fs::remove_dir_all(path).expect("it can be removed");
    client.alter((CONFIG_OF_TOPIC, "t"), configs);
    (broker, client)
}

fn with_acks(client: &mut Client, acks: i16, batch: Bytes) -> i16 {
    let mut request = produce("t", 0, batch);
    request.acks = acks;
    client.send_produce(&request).error_code
}

#[test]
fn acks_of_one_do_not_wait_for_the_disk_where_those_of_all_do() {
    let (_broker, mut client) = unsyncable(&[("ottla.ack.durability", "fsync")]);
    assert_eq!(with_acks(&mut client, 1, batch::plain(1)), 0);
    assert_eq!(with_acks(&mut client, -1, batch::plain(1)), KAFKA_STORAGE_ERROR);
}

#[test]
fn without_durability_nobody_waits_for_the_disk() {
    let (_broker, mut client) = unsyncable(&[("ottla.ack.durability", "page-cache")]);
    assert_eq!(with_acks(&mut client, -1, batch::plain(1)), 0);
    assert_eq!(with_acks(&mut client, 1, batch::plain(1)), 0);
}

#[test]
fn whoever_appends_the_last_of_flush_messages_waits_for_the_disk() {
    for acks in [1, -1] {
        let configs = [("ottla.ack.durability", "page-cache"), ("flush.messages", "3")];
        let (_broker, mut client) = unsyncable(&configs);
        assert_eq!(with_acks(&mut client, acks, batch::plain(1)), 0);
        assert_eq!(with_acks(&mut client, acks, batch::plain(1)), KAFKA_STORAGE_ERROR);
    }
}

#[test]
fn a_log_is_synced_within_flush_ms() {
    let configs = [("ottla.ack.durability", "page-cache"), ("flush.ms", "1")];
    let (_broker, mut client) = unsyncable(&configs);
    let code = eventually("it is synced", || {
        let code = with_acks(&mut client, 1, batch::plain(1));
        (code != 0).then_some(code)
    });
    assert_eq!(code, KAFKA_STORAGE_ERROR);
}
