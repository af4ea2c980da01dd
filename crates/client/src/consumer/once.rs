//! Reading without prefetching: one fetch of one partition when it is asked for.
//!
//! Invariant: between two calls nothing is fetched and nothing is kept.
//! Kafka: none; `Fetch` itself.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use ottla_types::{BrokerId, ErrorCode, Offset};
use tokio::{sync::Notify, time::Instant};

use super::{Consumer, Shared, fetch, state::Key};
use crate::{Client, ConsumedRecord, ConsumerConfig, Error, Result, client::AutoCreate};

/// Reads partitions a piece at a time.
#[derive(Debug)]
pub struct PartitionReader {
    consumer: Consumer,
}

/// What one fetch brought.
#[derive(Debug)]
pub struct Piece {
    /// The records, in order. One that cannot be read stands for all of its batch.
    pub records: Vec<Result<ConsumedRecord>>,
    /// Where to go on.
    pub next_offset: Offset,
    /// Exclusive: the end of what may be seen.
    pub end_offset: Offset,
}

impl PartitionReader {
    pub(crate) fn new(client: Client, config: ConsumerConfig) -> Self {
        let shared = Arc::new(Shared {
            connection_lane: client.new_lane(),
            client,
            config,
            wake_fetcher: Arc::new(Notify::new()),
            wake_reader: Arc::new(Notify::new()),
            state: Mutex::default(),
        });
        Self { consumer: Consumer { shared, reading: None } }
    }

    /// Fetches from `offset` (inclusive) on. Waits for records as long as the configuration says.
    pub async fn read(&mut self, topic: &str, partition: i32, offset: Offset) -> Result<Piece> {
        let key = self.fetch(topic, partition, offset).await?;
        Ok(self.take(&key, offset))
    }

    /// Fetches from `offset` (inclusive) on, and gives the batches as they are in the log: whole
    /// ones, and perhaps a part of one at the end.
    pub async fn read_batches(
        &mut self,
        topic: &str,
        partition: i32,
        offset: Offset,
    ) -> Result<Bytes> {
        let key = self.fetch(topic, partition, offset).await?;
        let mut state = self.consumer.shared.state();
        let chunk = state.partitions.get_mut(&key).and_then(|it| it.chunks.pop_front());
        Ok(chunk.map(|chunk| chunk.bytes).unwrap_or_default())
    }

    /// Fetches once; what came is in the state.
    async fn fetch(&mut self, topic: &str, partition: i32, offset: Offset) -> Result<Key> {
        let shared = Arc::clone(&self.consumer.shared);
        let info = shared.client.topic(topic, AutoCreate::No).await?;
        let key: Key = (info.name.clone(), partition);
        self.consumer.reading = None;
        {
            let mut state = shared.state();
            state.clear();
            state.errors.clear();
            state.set(key.clone(), offset.0);
        }
        let mut backoff = shared.client.backoff();
        loop {
            let topology = shared.client.topology();
            let (wanted, _) = shared.state().wanted(&topology, &[], Instant::now());
            let asked = wanted.into_iter().next();
            let Some((leader, wanted)) = asked else {
                backoff.pause(no_leader(&key)).await?;
                fetch::refresh(&shared).await?;
                continue;
            };
            fetch::ask(&shared, BrokerId(leader), wanted).await;
            let outcome = {
                let mut state = shared.state();
                let failure = state.errors.pop_front();
                let lane = state.partitions.get(&key);
                failure.map_or_else(|| Ok(lane.is_some_and(|it| it.not_before.is_some())), Err)
            };
            let has_to_wait = outcome?;
            if !has_to_wait {
                return Ok(key);
            }
            backoff.pause(no_leader(&key)).await?;
            // What was heard of the cluster meanwhile may have changed who leads.
            shared.state().set(key.clone(), offset.0);
        }
    }

    fn take(&mut self, key: &Key, offset: Offset) -> Piece {
        let mut records = Vec::new();
        while let Some(record) = self.consumer.try_next() {
            records.push(record);
        }
        let state = self.consumer.shared.state();
        let known = state.partitions.get(key);
        Piece {
            records,
            next_offset: known.map_or(offset, |it| Offset(it.position.max(offset.0))),
            end_offset: known.map_or(Offset::NONE, |it| Offset(it.end_offset)),
        }
    }
}

fn no_leader(key: &Key) -> Error {
    let what = format!("cannot read {}-{}", key.0, key.1);
    Error::broker(ErrorCode::LeaderNotAvailable, what, None)
}
