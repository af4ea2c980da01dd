//! A client that begins transactions and goes away without a word: the coordinator has to end them.

use ottla_broker::simulation::Random;
use ottla_wire::{Str, produce_request::ProduceRequest};
use serde_json::json;

use super::{
    client::{Client, Lost},
    history::{End, More, Steps, with},
    producer::{build, init},
    world::{Env, TXN},
};
use crate::session::produce;

/// How long its transactions may stay open, in ms.
const TIMEOUT_MS: i32 = 700;

/// The client, which outlives the broker.
#[derive(Debug)]
pub struct Leaver {
    process: u32,
    random: Random,
    /// Transactions begun so far: each has an id of its own, which nobody takes over.
    begun: u32,
    /// A transaction was written down that no line has ended.
    is_open: bool,
}

impl Leaver {
    pub fn new(process: u32, seed: u64) -> Self {
        Self { process, random: Random::new(seed), begun: 0, is_open: false }
    }

    /// Leaves transactions behind until it is to stop.
    pub async fn run(&mut self, env: &Env) {
        self.close(env);
        while !env.is_stopping() {
            env.pause(&mut self.random, 3_000).await;
            let mut client = env.connect(&mut self.random, "leaver");
            let _: Result<(), Lost> = self.leave(env, &mut client).await;
            self.close(env);
        }
    }

    async fn leave(&mut self, env: &Env, client: &mut Client) -> Result<(), Lost> {
        self.begun += 1;
        let transactional_id = format!("left-{}", self.begun);
        let Ok(identity) = init(client, Some(&transactional_id), TIMEOUT_MS).await? else {
            return Ok(());
        };
        let partition = self.random.below(env.partitions as usize) as i32;
        let values = env.values(1);
        let steps: Steps =
            vec![json!(["send", format!("{TXN}-{partition}"), [null, values[0]], {}])];
        let more = with("txn_id", transactional_id.as_str());
        env.recorder.invoke(self.process, "txn", steps, more);
        self.is_open = true;
        let request = ProduceRequest {
            transactional_id: Some(Str::from(transactional_id.as_str())),
            ..produce(TXN, partition, build(env, identity, 0, &values, true))
        };
        client.call(12, &request).await.map(drop)
    }

    /// Nobody asked for a commit, and nobody will.
    fn close(&mut self, env: &Env) {
        if self.is_open {
            env.recorder.complete(self.process, "txn", End::Fail, Steps::new(), More::new());
            self.is_open = false;
        }
    }
}
