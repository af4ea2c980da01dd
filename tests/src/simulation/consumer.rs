//! Consumers that read partitions from their start on, and the last look at everything.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use ottla_broker::simulation::Random;
use ottla_record::{Batches, decode_batch};
use ottla_types::ErrorCode;
use ottla_wire::{
    Records, Str,
    fetch_request::{FetchPartition, FetchRequest, FetchTopic},
    fetch_response::PartitionData,
};
use serde_json::{Value, json};

use super::{
    client::{Client, Lost},
    history::{End, Steps, with},
    world::Env,
};

/// What a reader wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    Committed,
    Uncommitted,
}

impl Isolation {
    fn name(self) -> &'static str {
        match self {
            Self::Committed => "read_committed",
            Self::Uncommitted => "read_uncommitted",
        }
    }
}

/// A record as it was read: its offset, and its value where that is a number.
pub type Seen = (i64, Option<u64>);

/// A consumer of some partitions, which outlives the broker.
#[derive(Debug)]
pub struct Consumer {
    process: u32,
    random: Random,
    isolation: Isolation,
    positions: BTreeMap<(&'static str, i32), i64>,
    is_assigned: bool,
    /// A poll has begun whose end nobody wrote down.
    is_polling: bool,
}

impl Consumer {
    pub fn new(
        process: u32,
        seed: u64,
        isolation: Isolation,
        partitions: &[(&'static str, i32)],
    ) -> Self {
        let positions = partitions.iter().map(|partition| (*partition, 0)).collect();
        Self {
            process,
            random: Random::new(seed),
            isolation,
            positions,
            is_assigned: false,
            is_polling: false,
        }
    }

    /// Polls until it is to stop.
    pub async fn run(&mut self, env: &Env) {
        if !self.is_assigned {
            let start: serde_json::Map<String, Value> =
                self.positions.iter().map(|((t, p), at)| (format!("{t}-{p}"), json!(at))).collect();
            let steps = || vec![json!(["offsets", start])];
            env.recorder.invoke(self.process, "assign", steps(), Default::default());
            env.recorder.complete(self.process, "assign", End::Ok, steps(), Default::default());
            self.is_assigned = true;
        }
        if self.is_polling {
            self.end_poll(env, End::Info, Vec::new());
        }
        while !env.is_stopping() {
            let mut client = env.connect(&mut self.random, "consumer");
            while !env.is_stopping() && self.poll(env, &mut client).await.is_ok() {
                env.pause(&mut self.random, 60).await;
            }
        }
    }

    async fn poll(&mut self, env: &Env, client: &mut Client) -> Result<(), Lost> {
        let places: Vec<_> = self.positions.keys().copied().collect();
        let (topic, partition) = places[self.random.below(places.len())];
        let position = self.positions[&(topic, partition)];
        let isolation = with("isolation", self.isolation.name());
        env.recorder.invoke(self.process, "poll", Vec::new(), isolation);
        self.is_polling = true;
        // With little room an answer ends within a transaction, and the next begins there.
        let bytes_max = if self.random.one_in(2) { 150 } else { 1 << 20 };
        let ask = Ask { wait_ms: 200, bytes_max };
        let fetched = fetch(client, (topic, partition), position, self.isolation, ask).await;
        let Ok(data) = fetched else {
            self.end_poll(env, End::Info, Vec::new());
            return Err(Lost);
        };
        if ErrorCode::from_code(data.error_code) != ErrorCode::None {
            self.end_poll(env, End::Fail, Vec::new());
            return Ok(());
        }
        let (seen, next) = read(&data, position, self.isolation);
        self.positions.insert((topic, partition), next);
        let at = format!("{topic}-{partition}");
        let steps = vec![json!(["poll", { &at: seen }]), json!(["logs", { &at: ends(&data) }])];
        self.end_poll(env, End::Ok, steps);
        Ok(())
    }

    fn end_poll(&mut self, env: &Env, end: End, steps: Steps) {
        env.recorder.complete(self.process, "poll", end, steps, Default::default());
        self.is_polling = false;
    }
}

/// Reads a partition from its start to its end and writes that down.
pub async fn read_whole(
    env: &Env,
    client: &mut Client,
    process: u32,
    at: (&str, i32),
    isolation: Isolation,
) -> Result<(), Lost> {
    let named = with("isolation", isolation.name());
    env.recorder.invoke(process, "read", Vec::new(), named.clone());
    let (mut all, mut position) = (Vec::new(), 0);
    loop {
        let data = fetch(client, at, position, isolation, Ask::default()).await?;
        assert_eq!(data.error_code, 0, "a last look at {at:?}: {data:?}");
        let (seen, next) = read(&data, position, isolation);
        all.extend(seen);
        let end = match isolation {
            Isolation::Committed => data.last_stable_offset,
            Isolation::Uncommitted => data.high_watermark,
        };
        assert!(next > position || next >= end, "{at:?} gives nothing at {position} of {end}");
        position = next;
        if position >= end {
            let name = format!("{}-{}", at.0, at.1);
            let steps =
                vec![json!(["poll", { &name: all }]), json!(["logs", { &name: ends(&data) }])];
            env.recorder.complete(process, "read", End::Ok, steps, named);
            return Ok(());
        }
    }
}

/// The ends of a partition, as an answer tells them.
pub fn ends(data: &PartitionData) -> Value {
    json!({
        "start": data.log_start_offset,
        "hw": data.high_watermark,
        "lso": data.last_stable_offset,
    })
}

/// How a fetch is to be answered.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// How long the broker may wait for records, in ms.
    pub wait_ms: i32,
    /// How many bytes it may send, besides the first batch.
    pub bytes_max: i32,
}

impl Default for Ask {
    fn default() -> Self {
        Self { wait_ms: 0, bytes_max: 1 << 20 }
    }
}

/// Fetches from one partition.
pub async fn fetch(
    client: &mut Client,
    (topic, partition): (&str, i32),
    offset: i64,
    isolation: Isolation,
    ask: Ask,
) -> Result<PartitionData, Lost> {
    let partition = FetchPartition {
        partition,
        current_leader_epoch: -1,
        fetch_offset: offset,
        partition_max_bytes: ask.bytes_max,
        ..Default::default()
    };
    let request = FetchRequest {
        max_wait_ms: ask.wait_ms,
        min_bytes: 1,
        max_bytes: 1 << 20,
        isolation_level: i8::from(isolation == Isolation::Committed),
        session_epoch: -1,
        topics: vec![FetchTopic {
            topic: Str::from(topic),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    };
    let mut response = client.call(12, &request).await?;
    Ok(response.responses.remove(0).partitions.remove(0))
}

/// What a consumer makes of an answer: the records it shows, and where it goes on. Kafka:
/// `CompletedFetch`.
pub fn read(data: &PartitionData, position: i64, isolation: Isolation) -> (Vec<Seen>, i64) {
    let bytes = match &data.records {
        Some(Records::Bytes(bytes)) => bytes.clone(),
        _ => Bytes::new(),
    };
    let mut aborted: Vec<(i64, i64)> = data
        .aborted_transactions
        .iter()
        .flatten()
        .map(|aborted| (aborted.first_offset, aborted.producer_id))
        .collect();
    aborted.sort_unstable();
    let mut aborted = aborted.into_iter().peekable();
    let mut hidden = BTreeSet::new();
    let (mut seen, mut next) = (Vec::new(), position);
    for batch in Batches::new(&bytes) {
        // The last batch may be cut off.
        let Ok((header, batch)) = batch else { break };
        let producer = header.producer_id.get();
        while let Some((_, producer)) =
            aborted.next_if(|(first, _)| *first <= header.last_offset().get())
        {
            hidden.insert(producer);
        }
        let (_, records) =
            decode_batch(&bytes.slice_ref(batch), usize::MAX).expect("a batch that is whole");
        next = header.next_offset().get();
        if header.attributes.is_control() {
            // Type 0 is an abort; the version comes before it.
            let is_abort = records
                .first()
                .and_then(|(_, record)| record.key.as_ref())
                .is_some_and(|key| key.get(2..4) == Some(&[0, 0]));
            if is_abort {
                hidden.remove(&producer);
            }
            continue;
        }
        let is_hidden = isolation == Isolation::Committed
            && header.attributes.is_transactional()
            && hidden.contains(&producer);
        if is_hidden {
            continue;
        }
        let wanted = records.into_iter().filter(|(offset, _)| offset.get() >= position);
        seen.extend(wanted.map(|(offset, record)| {
            let text = record.value.as_deref().and_then(|value| str::from_utf8(value).ok());
            (offset.get(), text.and_then(|text| text.parse().ok()))
        }));
    }
    (seen, next)
}
