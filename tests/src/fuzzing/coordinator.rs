//! The records of `__consumer_offsets` and `__transaction_state`, replayed as a start does.

use ottla_coordinator::{Census, Effects, GroupShard, TransactionEffects, TransactionShard};
use ottla_types::ProducerId;
use ottla_wire::MessageType;

use super::input::{Input, push_part};

/// Keys and values as a log may hold them, replayed into groups and transactions, and brought to
/// life.
pub fn coordinator_records(data: &[u8]) {
    let mut input = Input(data);
    let (mut groups, mut transactions) = (GroupShard::default(), TransactionShard::default());
    let mut census = Census::default();
    while !input.is_empty() {
        let flags = input.byte();
        let (key, value) = (input.part(), input.part());
        let value = (!value.is_empty()).then_some(value);
        let producer_id = ProducerId(i64::from(flags & 3) - 1);
        let _unreadable = groups.replay(producer_id, key, value);
        let _unreadable = transactions.replay(key, value);
        let _unreadable = census.add(key, value);
        if flags & 4 != 0 {
            groups.replay_end_transaction(producer_id, flags & 8 != 0);
        }
    }
    let mut effects = Effects::default();
    groups.loaded(1000, &mut effects);
    let mut effects = TransactionEffects::default();
    transactions.loaded(1000, &mut effects);
    transactions.tick(i64::from(u32::MAX), &mut effects);
}

/// Made-up records of each type in each version, two of them together.
pub(super) fn record_lists() -> Vec<Vec<u8>> {
    let all = MessageType::all();
    let samples = |name: &str, seed: u64| -> Vec<Vec<u8>> {
        let message = all.iter().find(|message| message.name == name).expect("it is known");
        let sample = |version: i16| {
            let body = (message.sample)(seed, version, version).ok()?;
            Some([&version.to_be_bytes(), &body[..]].concat())
        };
        message.versions.clone().filter_map(sample).collect()
    };
    let mut lists = Vec::new();
    for (kind, key, value) in [
        (0_i16, "LegacyOffsetCommitKey", "LegacyOffsetCommitValue"),
        (1, "OffsetCommitKey", "OffsetCommitValue"),
        (2, "GroupMetadataKey", "GroupMetadataValue"),
        (0, "TransactionLogKey", "TransactionLogValue"),
    ] {
        for seed in 0..5 {
            let keys = samples(key, seed);
            let key = [&kind.to_be_bytes(), &keys[0][2..]].concat();
            for value in samples(value, seed) {
                let mut input = vec![1];
                push_part(&mut input, &key);
                push_part(&mut input, &value);
                input.push(6);
                push_part(&mut input, &key);
                push_part(&mut input, if seed == 0 { &[] } else { &value });
                lists.push(input);
            }
        }
    }
    lists
}
