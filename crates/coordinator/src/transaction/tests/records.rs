//! The bytes of `__transaction_state`.

use super::{
    super::{
        TransactionReplayError, TransactionShard, TransactionState, metadata::Metadata, record,
    },
    world::{V0, V2, World},
};

/// Everything but the epoch that records do not have.
fn as_recorded(metadata: &Metadata) -> Metadata {
    Metadata { last_producer_epoch: -1, ..metadata.clone() }
}

#[test]
fn a_record_says_all_that_a_restart_needs() {
    let mut world = World::new();
    let it = world.take_over("a");
    world.add("a", it, &[3, 1], V2);
    let metadata = world.metadata("a").clone();
    for state in
        [TransactionState::Ongoing, TransactionState::PrepareCommit, TransactionState::PrepareAbort]
    {
        let metadata = Metadata { state, next_producer_id: 9.into(), ..metadata.clone() };
        let encoded = record::encode(&"a".into(), Some(&metadata), V2).unwrap();
        let decoded = record::decode(&encoded.key, encoded.value.as_deref()).unwrap().unwrap();
        assert_eq!(decoded, ("a".into(), Some(as_recorded(&metadata))));
    }
}

#[test]
fn level_0_has_records_of_version_0() {
    let mut world = World::new();
    world.set_version(V0);
    world.take_over("a");
    let value = world.log[0].value.clone().unwrap();
    assert_eq!(&value[..2], [0, 0]);
    // Producer id, epoch, timeout, status, no partitions, two timestamps.
    assert_eq!(value.len(), 2 + 8 + 2 + 4 + 1 + 4 + 8 + 8);
    world.crash();
    assert_eq!(world.state("a"), TransactionState::Empty);
}

#[test]
fn what_cannot_be_read_is_an_error_and_what_is_not_known_is_skipped() {
    let mut shard = TransactionShard::default();
    assert!(matches!(shard.replay(&[0], None), Err(TransactionReplayError::Key(_))));
    assert!(shard.replay(&[0, 7, 1, 2], Some(&[])).is_ok(), "a type of a later Kafka");
    let key = [0, 0, 0, 1, b'a'];
    assert!(matches!(shard.replay(&key, Some(&[0, 9])), Err(TransactionReplayError::Value(_))));
    let mut value = vec![0, 0];
    value.extend([0; 8 + 2 + 4]);
    value.push(6);
    value.extend([0xff; 4]);
    value.extend([0; 16]);
    assert_eq!(shard.replay(&key, Some(&value)), Err(TransactionReplayError::State(6)));
    assert!(shard.is_empty());
}
