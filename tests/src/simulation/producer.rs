//! An idempotent producer that never gives a batch up: it sends it again until it knows.

use std::collections::BTreeMap;

use bytes::Bytes;
use ottla_broker::simulation::Random;
use ottla_record::{BatchBuilder, BuilderOptions, Record};
use ottla_types::{ErrorCode, ProducerId};
use ottla_wire::{
    Str, init_producer_id_request::InitProducerIdRequest, produce_request::ProduceRequest,
    produce_response::PartitionProduceResponse,
};

use super::{
    client::{Client, Lost},
    history::{self, End, More},
    world::{Env, PLAIN},
};
use crate::session::produce;

/// Records of a batch at most.
const RECORDS_MAX: usize = 4;

/// How long a transaction may stay open whose producer comes back, in ms.
pub const TIMEOUT_MS: i32 = 60_000;

/// Whose records they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub producer_id: i64,
    pub epoch: i16,
}

/// The producer, which outlives the broker.
#[derive(Debug)]
pub struct Producer {
    process: u32,
    random: Random,
    identity: Option<Identity>,
    sequences: BTreeMap<i32, i32>,
    in_flight: Option<InFlight>,
}

#[derive(Clone, Debug)]
struct InFlight {
    partition: i32,
    sequence: i32,
    values: Vec<u64>,
}

impl Producer {
    pub fn new(process: u32, seed: u64) -> Self {
        Self {
            process,
            random: Random::new(seed),
            identity: None,
            sequences: BTreeMap::new(),
            in_flight: None,
        }
    }

    /// Produces until it is to stop. What is not answered by then is left unknown.
    pub async fn run(&mut self, env: &Env) {
        while self.in_flight.is_some() || !env.is_stopping() {
            let mut client = env.connect(&mut self.random, "producer");
            while self.in_flight.is_some() || !env.is_stopping() {
                if self.step(env, &mut client).await == Err(Lost) {
                    break;
                }
                env.pause(&mut self.random, 40).await;
            }
        }
    }

    async fn step(&mut self, env: &Env, client: &mut Client) -> Result<(), Lost> {
        let identity = match self.identity {
            Some(identity) => identity,
            None => {
                let Some(identity) = init(client, None, TIMEOUT_MS).await?.ok() else {
                    return Ok(());
                };
                self.sequences.clear();
                *self.identity.insert(identity)
            }
        };
        let batch = self.next_batch(env);
        let records = build(env, identity, batch.sequence, &batch.values, false);
        let request = ProduceRequest { ..produce(PLAIN, batch.partition, records) };
        let mut response = client.call(12, &request).await?;
        let answer = response.responses.remove(0).partition_responses.remove(0);
        self.settle(env, &batch, &answer);
        Ok(())
    }

    fn next_batch(&mut self, env: &Env) -> InFlight {
        if let Some(batch) = &self.in_flight {
            return batch.clone();
        }
        let partition = self.random.below(env.partitions as usize) as i32;
        let values = env.values(1 + self.random.below(RECORDS_MAX));
        let sequence = self.sequences.get(&partition).copied().unwrap_or(0);
        let steps = values.iter().map(|value| history::send(PLAIN, partition, *value, None));
        env.recorder.invoke(self.process, "send", steps.collect(), More::new());
        let batch = InFlight { partition, sequence, values };
        self.in_flight.insert(batch).clone()
    }

    fn settle(&mut self, env: &Env, batch: &InFlight, answer: &PartitionProduceResponse) {
        let sent = |base: Option<i64>| {
            let offsets = (0..).map(|at| base.map(|base| base + at));
            let records = batch.values.iter().zip(offsets);
            records
                .map(|(value, offset)| history::send(PLAIN, batch.partition, *value, offset))
                .collect()
        };
        let end = match ErrorCode::from_code(answer.error_code) {
            ErrorCode::None => {
                let base = (answer.base_offset >= 0).then_some(answer.base_offset);
                env.recorder.complete(self.process, "send", End::Ok, sent(base), More::new());
                let next = batch.sequence + batch.values.len() as i32;
                self.sequences.insert(batch.partition, next);
                self.in_flight = None;
                return;
            }
            ErrorCode::DuplicateSequenceNumber => End::Ok,
            // Nothing was lost, so the broker must know this producer and its sequences.
            code @ (ErrorCode::OutOfOrderSequenceNumber
            | ErrorCode::UnknownProducerId
            | ErrorCode::InvalidProducerEpoch) => {
                panic!("process {}: {code} for {batch:?}", self.process)
            }
            // To be tried again.
            _ => return,
        };
        env.recorder.complete(self.process, "send", end, sent(None), More::new());
        let next = batch.sequence + batch.values.len() as i32;
        self.sequences.insert(batch.partition, next);
        self.in_flight = None;
    }
}

/// Asks for a producer id; the inner error is the broker's.
pub async fn init(
    client: &mut Client,
    transactional_id: Option<&str>,
    transaction_timeout_ms: i32,
) -> Result<Result<Identity, ErrorCode>, Lost> {
    let request = InitProducerIdRequest {
        transactional_id: transactional_id.map(Str::from),
        transaction_timeout_ms,
        producer_id: -1,
        producer_epoch: -1,
        ..Default::default()
    };
    let response = client.call(5, &request).await?;
    Ok(match ErrorCode::from_code(response.error_code) {
        ErrorCode::None => {
            Ok(Identity { producer_id: response.producer_id, epoch: response.producer_epoch })
        }
        code => Err(code),
    })
}

/// A batch of records whose values are these numbers.
pub fn build(
    env: &Env,
    identity: Identity,
    sequence: i32,
    values: &[u64],
    transactional: bool,
) -> Bytes {
    let mut batch = BatchBuilder::new(BuilderOptions {
        producer_id: ProducerId(identity.producer_id),
        producer_epoch: identity.epoch,
        base_sequence: sequence,
        transactional,
        ..Default::default()
    });
    for value in values {
        let record = Record {
            timestamp: env.now_ms(),
            key: None,
            value: Some(Bytes::from(value.to_string())),
            headers: Vec::new(),
        };
        batch.append(&record).expect("the record fits");
    }
    batch.finish().expect("the batch fits").freeze()
}
