//! How the shards of the groups come to life: their partitions are replayed.
//!
//! Kafka: `CoordinatorLoaderImpl`.

use std::sync::Arc;

use ottla_coordinator::{Effects, GroupShard};
use ottla_log::TxnMarker;
use ottla_record::body;
use ottla_types::{Offset, ProducerId, TopicName};

use super::{Aside, Shard};
use crate::{broker::Shared, clock::now_ms, partition::Isolation};

/// Bytes read at once while a shard is loaded.
const LOAD_BYTES: usize = 1 << 20;

/// Replays a shard's partition from its start.
pub(super) fn load(shared: &Arc<Shared>, shard: &Arc<Shard>) {
    let partition = &shard.partition;
    let mut offset = partition.log_start_offset();
    let mut state = shard.lock();
    loop {
        let range = match partition.read(offset, LOAD_BYTES, true, Isolation::Uncommitted) {
            Ok(read) => read.range,
            Err(code) => {
                tracing::error!(partition = %partition.topic_partition, "groups cannot be loaded: {code}");
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
                    "groups cannot be loaded at offset {offset}: {error}"
                );
                return;
            }
        }
    }
    let mut effects = Effects::default();
    state.shard.loaded(now_ms(), &mut effects);
    let settings = shared.partitions.topic(TopicName::CONSUMER_OFFSETS).map(|t| t.settings());
    // Nobody waits for what loading writes: it is committed when the log has it.
    let pending = shard.carry_out(&mut state, settings.as_deref(), Aside::None, &mut effects);
    for last in pending {
        state.shard.append_committed(now_ms(), last.token, &mut effects);
    }
    drop(state);
    shard.is_loaded.send_replace(true);
    shared.groups.timer.notify_one();
}

/// Replays whole batches; the offset after the last one.
fn replay_range(shard: &mut GroupShard, range: &ottla_log::FileRange) -> Result<Offset, String> {
    let bytes = range.read().map_err(|error| error.to_string())?;
    let mut next = Offset::NONE;
    for batch in ottla_record::Batches::new(&bytes) {
        let (header, batch) = batch.map_err(|error| error.to_string())?;
        let batch = bytes.slice_ref(batch);
        next = header.next_offset();
        if header.attributes.is_control() {
            if let Some(marker) = TxnMarker::read(&header, body(&batch)) {
                shard.replay_end_transaction(header.producer_id, marker.committed);
            }
            continue;
        }
        let is_transactional = header.attributes.is_transactional();
        let (_, records) =
            ottla_record::decode_batch(&batch, usize::MAX).map_err(|error| error.to_string())?;
        for (_, record) in records {
            let key = record.key.as_deref().unwrap_or_default();
            // A record that cannot be read is named and passed over: one bad record must not take
            // the other groups of the partition with it.
            let producer_id = if is_transactional { header.producer_id } else { ProducerId::NONE };
            if let Err(error) = shard.replay(producer_id, key, record.value.as_deref()) {
                tracing::warn!("a record of __consumer_offsets cannot be read: {error}");
            }
        }
    }
    Ok(next)
}
