//! Shards are loaded from their partitions.
//!
//! Kafka: `TransactionStateManager.loadTransactionsForTxnTopicPartition`.

use std::sync::Arc;

use ottla_config::keys;
use ottla_coordinator::{TransactionEffects, TransactionShard};
use ottla_types::Offset;

use super::shard::Shard;
use crate::{broker::Shared, clock::now_ms, partition::Isolation};

/// Loads shards one after another.
pub(super) fn load_all(shared: &Arc<Shared>, shards: &[Arc<Shard>]) {
    for shard in shards {
        load(shared, shard);
    }
}

/// Replays a shard's partition from its start.
fn load(shared: &Arc<Shared>, shard: &Arc<Shard>) {
    let buffer = shared.config().get(&keys::TRANSACTION_STATE_LOG_LOAD_BUFFER_SIZE);
    let buffer = usize::try_from(buffer).unwrap_or(1 << 20);
    let partition = &shard.partition;
    let mut offset = partition.log_start_offset();
    {
        let mut state = shard.lock();
        loop {
            let range = match partition.read(offset, buffer, true, Isolation::Uncommitted) {
                Ok(read) => read.range,
                Err(code) => {
                    tracing::error!(partition = %partition.topic_partition, "transactions cannot be loaded: {code}");
                    return;
                }
            };
            let Some(range) = range else { break };
            match replay_range(&mut state.shard, &range) {
                Ok(next) if next > offset => offset = next,
                Ok(_) => break,
                Err(error) => {
                    tracing::error!(
                        partition = %partition.topic_partition,
                        "transactions cannot be loaded at offset {offset}: {error}"
                    );
                    return;
                }
            }
        }
    }
    let loaded = |shard: &mut TransactionShard, effects: &mut TransactionEffects| {
        shard.loaded(now_ms(), effects);
    };
    shared.transactions.run(shared, shard, |state, effects| loaded(&mut state.shard, effects));
    shard.is_loaded.send_replace(true);
    shared.transactions.timer.notify_one();
}

/// Replays whole batches; the offset after the last one.
fn replay_range(
    shard: &mut TransactionShard,
    range: &ottla_log::FileRange,
) -> Result<Offset, String> {
    let bytes = range.read().map_err(|error| error.to_string())?;
    let mut next = Offset::NONE;
    for batch in ottla_record::Batches::new(&bytes) {
        let (header, batch) = batch.map_err(|error| error.to_string())?;
        let batch = bytes.slice_ref(batch);
        next = header.next_offset();
        if header.attributes.is_control() {
            continue;
        }
        let (_, records) =
            ottla_record::decode_batch(&batch, usize::MAX).map_err(|error| error.to_string())?;
        for (_, record) in records {
            let key = record.key.as_deref().unwrap_or_default();
            // A record that cannot be read is named and passed over: one bad record must not take
            // the other ids of the partition with it.
            if let Err(error) = shard.replay(key, record.value.as_deref()) {
                tracing::warn!("a record of __transaction_state cannot be read: {error}");
            }
        }
    }
    Ok(next)
}
