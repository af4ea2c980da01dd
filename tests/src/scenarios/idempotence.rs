//! InitProducerId, sequence numbers, and DescribeProducers.

use ottla_wire::{
    Str,
    describe_producers_request::{DescribeProducersRequest, TopicRequest},
    init_producer_id_request::InitProducerIdRequest,
};

use crate::{
    batch,
    session::{Session, produce, versions},
};

fn fresh() -> InitProducerIdRequest {
    InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: 60_000,
        ..Default::default()
    }
}

/// A producer id that the broker handed out.
fn new_id(session: &mut Session) -> i64 {
    for _ in 0..1000 {
        let response = session.quietly(4, &fresh()).unwrap_or_default();
        if response.error_code == 0 && response.producer_id >= 0 {
            return response.producer_id;
        }
    }
    -1
}

pub fn producer_ids(session: &mut Session) {
    let fresh = fresh();
    // The first ids take Kafka a moment: it fetches a block of them from the controller.
    new_id(session);
    for version in versions::<InitProducerIdRequest>() {
        session.ask("a new id", version, &fresh);
        if version < 3 {
            continue;
        }
        let response = session.quietly(version, &fresh).unwrap_or_default();
        let (producer_id, producer_epoch) = (response.producer_id, response.producer_epoch);
        let bumped = InitProducerIdRequest { producer_id, producer_epoch, ..fresh.clone() };
        session.ask("the next epoch", version, &bumped);
        let odd = InitProducerIdRequest { producer_id, producer_epoch: -1, ..fresh.clone() };
        session.ask("an id without epoch", version, &odd);
        let odd = InitProducerIdRequest { producer_id: -1, producer_epoch: 5, ..fresh.clone() };
        session.ask("an epoch without id", version, &odd);
    }
    let empty = InitProducerIdRequest { transactional_id: Some(Str::from("")), ..fresh };
    session.ask("an empty transactional id", 4, &empty);
}

pub fn sequences(session: &mut Session) {
    let name = "idempotent";
    session.topic(name, 2, &[]);
    let id = new_id(session);
    let send = |epoch: i16, sequence: i32, count: usize| {
        produce(name, 0, batch::idempotent(id, epoch, sequence, count))
    };
    for (what, epoch, sequence, count) in [
        ("first", 0, 0, 3),
        ("first again", 0, 0, 3),
        ("first again but longer", 0, 0, 4),
        ("a gap", 0, 5, 1),
        ("second", 0, 3, 2),
        ("third", 0, 5, 1),
        ("fourth", 0, 6, 1),
        ("fifth", 0, 7, 1),
        ("first once more", 0, 0, 3),
        ("sixth", 0, 8, 1),
        ("first, too late", 0, 0, 3),
        ("second once more", 0, 3, 2),
        ("half of the second", 0, 4, 1),
        ("an older epoch", -1, 9, 1),
        ("a newer epoch, not from 0", 1, 9, 1),
        ("a newer epoch", 1, 0, 1),
        ("a newer epoch again", 1, 0, 1),
        ("the old epoch", 0, 9, 1),
        ("a negative sequence", 1, -2, 1),
    ] {
        for version in [3, 9, 12] {
            session.ask(what, version, &send(epoch, sequence, count));
        }
    }
    let unknown = produce(name, 1, batch::idempotent(id, 0, 17, 1));
    session.ask("unknown producers may start anywhere", 9, &unknown);
    let late = produce(name, 1, batch::idempotent(id, 0, i32::MAX, 1));
    session.ask("far ahead", 9, &late);
    let other = new_id(session);
    session.ask(
        "another at the end",
        9,
        &produce(name, 1, batch::idempotent(other, 0, i32::MAX, 1)),
    );
    session.ask("it wraps to zero", 9, &produce(name, 1, batch::idempotent(other, 0, 0, 1)));
    session.ask("never handed out", 9, &produce(name, 1, batch::idempotent(99_999_999, 0, 0, 1)));

    let topic = |name: &str, partitions: &[i32]| TopicRequest {
        name: Str::from(name),
        partition_indexes: partitions.to_vec(),
    };
    let request = |topics: Vec<TopicRequest>| DescribeProducersRequest { topics };
    session.ask("producers", 0, &request(vec![topic(name, &[0])]));
    session.ask("producers of an unknown partition", 0, &request(vec![topic(name, &[5])]));
    session.ask("producers of an unknown topic", 0, &request(vec![topic("idempotent-none", &[0])]));
    session.ask("producers of a bad name", 0, &request(vec![topic("a b", &[0])]));
}
