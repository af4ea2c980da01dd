//! Shards are loaded from their partitions.
//!
//! Kafka: `TransactionStateManager.loadTransactionsForTxnTopicPartition`.

use std::sync::Arc;

use ottla_config::keys;

use super::shard::Shard;
use crate::{
    broker::Shared,
    clock::now_ms,
    shards::{self, Replayed},
};

/// Loads shards one after another.
pub(super) fn load_all(shared: &Arc<Shared>, shards: &[Arc<Shard>]) {
    for shard in shards {
        if let Err(error) = load(shared, shard) {
            let partition = &shard.partition.topic_partition;
            tracing::error!(%partition, "transactions cannot be loaded: {error}");
            // Else everybody waits for it, those who ask for all of them, too.
            shared.transactions.resign(partition.partition);
        }
    }
}

/// Replays a shard's partition from its start.
fn load(shared: &Arc<Shared>, shard: &Arc<Shard>) -> Result<(), String> {
    let buffer = shared.config().get(&keys::TRANSACTION_STATE_LOG_LOAD_BUFFER_SIZE);
    let buffer = usize::try_from(buffer).unwrap_or(1 << 20);
    let mut state = shard.lock();
    shards::replay(&shard.partition, buffer, |replayed| {
        // Nothing writes markers here.
        let Replayed::Record(_, record) = replayed else { return };
        let key = record.key.as_deref().unwrap_or_default();
        // A record that cannot be read is named and passed over: one bad record must not take the
        // other ids of the partition with it.
        if let Err(error) = state.shard.replay(key, record.value.as_deref()) {
            tracing::warn!("a record of __transaction_state cannot be read: {error}");
        }
    })?;
    drop(state);
    shared.transactions.run(shared, shard, |state, effects| state.shard.loaded(now_ms(), effects));
    shared.transactions.shards.has_loaded(shard);
    Ok(())
}
