//! Offsets that are committed in transactions.

use ottla_types::Uuid;
use ottla_wire::{
    Str,
    add_offsets_to_txn_request::AddOffsetsToTxnRequest,
    find_coordinator_request::FindCoordinatorRequest,
    offset_fetch_request::{
        OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic,
        OffsetFetchRequestTopics,
    },
    txn_offset_commit_request::{
        TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
    },
};

use crate::session::Session;

use super::producer::{COME_BACK, Producer, until};

/// A group's offsets, stable ones and any.
fn offsets(session: &mut Session, note: &str, group: &str, topic: &str) {
    for (version, require_stable) in [(7, false), (7, true), (9, true)] {
        let mut request = OffsetFetchRequest { require_stable, ..Default::default() };
        if version < 8 {
            request.group_id = Str::from(group);
            request.topics = None;
        } else {
            request.groups = vec![OffsetFetchRequestGroup {
                group_id: Str::from(group),
                topics: Some(vec![OffsetFetchRequestTopics {
                    name: Str::from(topic),
                    partition_indexes: vec![0, 1],
                    ..Default::default()
                }]),
                ..Default::default()
            }];
        }
        session.ask(format!("{note}, stable: {require_stable}"), version, &request);
    }
}

fn commit(producer: &Producer, group: &str, topic: &str, offset: i64) -> TxnOffsetCommitRequest {
    TxnOffsetCommitRequest {
        transactional_id: Str::from(&producer.transactional_id),
        group_id: Str::from(group),
        producer_id: producer.id,
        producer_epoch: producer.epoch,
        topics: vec![TxnOffsetCommitRequestTopic {
            name: Str::from(topic),
            partitions: vec![TxnOffsetCommitRequestPartition {
                committed_offset: offset,
                committed_metadata: Some(Str::from("m")),
                ..Default::default()
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// Waits until the group's coordinator serves.
fn find_group(session: &mut Session, group: &str) {
    let find =
        FindCoordinatorRequest { coordinator_keys: vec![Str::from(group)], ..Default::default() };
    until(|| {
        let found = session.quietly(4, &find)?;
        (found.coordinators.first()?.error_code == 0).then_some(())
    });
    let warm = OffsetFetchRequest { group_id: Str::from(group), ..Default::default() };
    until(|| (!COME_BACK.contains(&session.quietly(6, &warm)?.error_code)).then_some(()));
}

/// Waits until no offset of the group is pending.
fn stable(session: &mut Session, group: &str, topic: &str) {
    until(|| {
        let request = OffsetFetchRequest {
            group_id: Str::from(group),
            require_stable: true,
            topics: Some(vec![OffsetFetchRequestTopic {
                name: Str::from(topic),
                partition_indexes: vec![0, 1],
            }]),
            ..Default::default()
        };
        let response = session.quietly(7, &request)?;
        let parts = response.topics.iter().flat_map(|topic| &topic.partitions);
        let unstable = |part: i16| part == 88;
        (!parts.map(|part| part.error_code).any(unstable)).then_some(())
    });
}

pub fn offsets_of_old_clients(session: &mut Session) {
    let (topic, group) = ("txn-offsets", "txn-offsets");
    session.topic(topic, 2, &[]);
    let old = Producer::new(session, "txn-offsets-old");
    find_group(session, group);
    let add = AddOffsetsToTxnRequest {
        transactional_id: Str::from(&old.transactional_id),
        producer_id: old.id,
        producer_epoch: old.epoch,
        group_id: Str::from(group),
    };
    for version in [0, 3, 4] {
        session.ask("not added", version, &commit(&old, group, topic, 5));
    }
    until(|| (!COME_BACK.contains(&session.quietly(3, &add)?.error_code)).then_some(()));
    for version in 0..=4 {
        let offset = 5 + i64::from(version);
        session.ask("in a transaction", version, &commit(&old, group, topic, offset));
    }
    offsets(session, "open", group, topic);
    let unknown = commit(&old, group, "txn-none", 1);
    session.ask("an unknown topic", 4, &unknown);
    let mut large = commit(&old, group, topic, 1);
    large.topics[0].partitions[0].committed_metadata = Some(Str::from("x".repeat(5000)));
    session.ask("large metadata", 4, &large);
    let mut generation = commit(&old, group, topic, 1);
    generation.generation_id_or_member_epoch = 3;
    session.ask("a generation of nobody", 4, &generation);
    let elsewhere = commit(&old, "txn-offsets-none", topic, 1);
    let elsewhere = TxnOffsetCommitRequest { generation_id_or_member_epoch: 0, ..elsewhere };
    session.ask("a generation of no group", 4, &elsewhere);
    session.ask("no group", 4, &commit(&old, "", topic, 1));
    old.end(session, true);
    stable(session, group, topic);
    offsets(session, "committed", group, topic);
}

pub fn offsets_of_new_clients(session: &mut Session) {
    let (topic, group) = ("txn-offsets-new", "txn-offsets-new");
    let topic_id = session.topic(topic, 2, &[]);
    find_group(session, group);
    let mut new = Producer::new(session, "txn-offsets-new");
    session.ask("added with the offset", 5, &commit(&new, group, topic, 20));
    let mut by_id = commit(&new, group, "", 21);
    by_id.topics[0].topic_id = topic_id;
    by_id.topics[0].partitions[0].partition_index = 1;
    session.ask("by topic id", 6, &by_id);
    by_id.topics[0].topic_id = Uuid::from_random([7; 16]).unwrap_or_default();
    session.ask("by an unknown id", 6, &by_id);
    offsets(session, "open again", group, topic);
    let before = new.clone();
    new.end_and_go_on(session, false);
    stable(session, group, topic);
    offsets(session, "aborted", group, topic);
    session.ask("the ended epoch", 5, &commit(&before, group, topic, 30));
    session.ask("the next", 5, &commit(&new, group, topic, 31));
    let high = Producer { epoch: new.epoch + 1, ..new.clone() };
    session.ask("an epoch too high", 5, &commit(&high, group, topic, 32));
    let stranger = Producer { transactional_id: "txn-offsets-x".to_owned(), ..new.clone() };
    session.ask("an unknown transactional id", 5, &commit(&stranger, group, topic, 33));
    new.end_and_go_on(session, true);
    stable(session, group, topic);
    offsets(session, "committed at last", group, topic);
}
