//! How the shards of the groups come to life: their partitions are replayed.
//!
//! Kafka: `CoordinatorLoaderImpl`.

use std::sync::Arc;

use ottla_coordinator::Effects;
use ottla_types::{ProducerId, TopicName};

use super::{Aside, Shard};
use crate::{
    broker::Shared,
    clock::now_ms,
    shards::{self, Replayed},
};

/// Bytes read at once while a shard is loaded.
const LOAD_BYTES: usize = 1 << 20;

/// Loads shards one after another.
pub(super) fn load_all(shared: &Arc<Shared>, shards: &[Arc<Shard>]) {
    for shard in shards {
        if let Err(error) = load(shared, shard) {
            let partition = &shard.partition.topic_partition;
            tracing::error!(%partition, "groups cannot be loaded: {error}");
            // Else everybody waits for it, those who ask for all of them, too.
            shared.groups.resign(partition.partition);
        }
    }
}

/// Replays a shard's partition from its start.
fn load(shared: &Arc<Shared>, shard: &Arc<Shard>) -> Result<(), String> {
    let mut state = shard.lock();
    shards::replay(&shard.partition, LOAD_BYTES, |replayed| match replayed {
        Replayed::Marker(header, marker) => {
            state.shard.replay_end_transaction(header.producer_id, marker.committed);
        }
        Replayed::Record(header, record) => {
            let is_transactional = header.attributes.is_transactional();
            let producer_id = if is_transactional { header.producer_id } else { ProducerId::NONE };
            let key = record.key.as_deref().unwrap_or_default();
            // A record that cannot be read is named and passed over: one bad record must not take
            // the other groups of the partition with it.
            if let Err(error) = state.shard.replay(producer_id, key, record.value.as_deref()) {
                tracing::warn!("a record of __consumer_offsets cannot be read: {error}");
            }
        }
    })?;
    let mut effects = Effects::default();
    state.shard.loaded(now_ms(), &mut effects);
    let settings = shared.partitions.topic(TopicName::CONSUMER_OFFSETS).map(|t| t.settings());
    // Nobody waits for what loading writes: it is committed when the log has it.
    let pending = shard.carry_out(&mut state, settings.as_deref(), Aside::None, &mut effects);
    for last in pending {
        state.shard.append_committed(now_ms(), last.token, &mut effects);
    }
    drop(state);
    shared.groups.shards.has_loaded(shard);
    Ok(())
}
