//! Clients that write in transactions: one that writes at random and often aborts, and one that
//! copies what others wrote, exactly once.

use std::collections::{BTreeMap, BTreeSet};

use ottla_broker::simulation::Random;
use ottla_types::ErrorCode;
use ottla_wire::{
    Str,
    add_offsets_to_txn_request::AddOffsetsToTxnRequest,
    add_partitions_to_txn_request::{AddPartitionsToTxnRequest, AddPartitionsToTxnTopic},
    end_txn_request::EndTxnRequest,
    produce_request::ProduceRequest,
    txn_offset_commit_request::{
        TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
    },
};
use serde_json::{Value, json};

use super::{
    client::{Client, Lost},
    consumer::{Ask, Isolation, fetch, read},
    group_offsets,
    history::{End, More, Steps, with},
    producer::{Identity, TIMEOUT_MS, build, init},
    world::{COPY, Env, PLAIN, TXN},
};
use crate::session::produce;

/// The group whose offsets say how far the copy is.
pub const COPIER_GROUP: &str = "copier";

/// How a client speaks to the coordinator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Partitions are added by requests of their own, and the epoch stays.
    V1,
    /// Produce adds partitions, and each end raises the epoch (KIP-890).
    V2,
}

/// What a transaction writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Records of its own to some partitions.
    Writes,
    /// Copies of the records after a group's offset.
    Copies,
}

/// A transactional client, which outlives the broker.
#[derive(Debug)]
pub struct Transactor {
    process: u32,
    transactional_id: String,
    protocol: Protocol,
    kind: Kind,
    random: Random,
    identity: Option<Identity>,
    sequences: BTreeMap<(&'static str, i32), i32>,
    /// Where the copier reads next in each partition.
    positions: BTreeMap<i32, i64>,
    /// An operation is open that no later line may contradict.
    is_open: bool,
    /// Transactions that were committed in more than one partition.
    pub spread: usize,
}

/// What stops a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Lost,
    /// The broker refused, for good or for this instance.
    Refused(ErrorCode),
}

impl From<Lost> for Stop {
    fn from(_: Lost) -> Self {
        Self::Lost
    }
}

/// A record that a transaction writes.
#[derive(Clone, Copy, Debug)]
struct Write {
    at: (&'static str, i32),
    value: u64,
    from: Option<u64>,
    offset: Option<i64>,
}

/// What a copier has read.
#[derive(Debug)]
struct Input {
    at: (&'static str, i32),
    seen: Vec<(i64, u64)>,
    /// Where it goes on.
    next: i64,
}

/// What one transaction does.
#[derive(Debug, Default)]
struct Work {
    writes: Vec<Write>,
    read: Option<Input>,
}

impl Work {
    fn steps(&self) -> Steps {
        let mut steps = Steps::new();
        if let Some(Input { at, seen, next }) = &self.read {
            let at = format!("{}-{}", at.0, at.1);
            steps.push(json!(["poll", { &at: seen }]));
            steps.push(json!(["offsets", { &at: next }]));
        }
        steps.extend(self.writes.iter().map(|write| {
            let at = format!("{}-{}", write.at.0, write.at.1);
            let mut more = serde_json::Map::new();
            if let Some(from) = write.from {
                more.insert("from".to_owned(), Value::from(from));
            }
            json!(["send", at, [write.offset, write.value], more])
        }));
        steps
    }
}

impl Transactor {
    pub fn new(
        process: u32,
        seed: u64,
        transactional_id: &str,
        protocol: Protocol,
        kind: Kind,
    ) -> Self {
        Self {
            process,
            transactional_id: transactional_id.to_owned(),
            protocol,
            kind,
            random: Random::new(seed),
            identity: None,
            sequences: BTreeMap::new(),
            positions: BTreeMap::new(),
            is_open: false,
            spread: 0,
        }
    }

    /// Runs transactions until it is to stop.
    pub async fn run(&mut self, env: &Env) {
        while !env.is_stopping() {
            let mut client = env.connect(&mut self.random, "transactor");
            while !env.is_stopping() {
                let done = self.transact(env, &mut client).await;
                if done.is_err() {
                    // As a client that starts anew: the next id fences whatever is left.
                    self.identity = None;
                }
                if done == Err(Stop::Lost) {
                    break;
                }
                env.pause(&mut self.random, 60).await;
            }
        }
    }

    async fn transact(&mut self, env: &Env, client: &mut Client) -> Result<(), Stop> {
        self.give_up_what_was_open(env);
        let identity = match self.identity {
            Some(identity) => identity,
            None => self.init(env, client).await?,
        };
        let Some(mut work) = self.plan(env, client).await? else { return Ok(()) };
        let more = with("txn_id", self.transactional_id.as_str());
        env.recorder.invoke(self.process, "txn", work.steps(), self.more(more));
        self.is_open = true;
        let wrote = self.write(env, client, identity, &mut work).await;
        let aborts = self.random.one_in(if self.kind == Kind::Copies { 8 } else { 3 });
        let commits = wrote.is_ok() && !aborts;
        if wrote == Err(Stop::Lost) || matches!(wrote, Err(Stop::Refused(_))) {
            // Nobody asked for its commit, and nobody will.
            self.close(env, End::Fail, &work);
            return wrote;
        }
        if commits {
            env.recorder.progress(self.process, "txn", work.steps());
        }
        let ended = self.end(client, identity, commits).await;
        let end = match ended {
            Ok(()) if commits => {
                let places: BTreeSet<_> = work.writes.iter().map(|write| write.at).collect();
                self.spread += usize::from(places.len() > 1);
                End::Ok
            }
            Err(_) if commits => End::Info,
            Ok(()) | Err(_) => End::Fail,
        };
        self.close(env, end, &work);
        ended
    }

    fn more(&self, mut more: More) -> More {
        if self.kind == Kind::Copies {
            more.insert("group".to_owned(), COPIER_GROUP.into());
        }
        more
    }

    fn close(&mut self, env: &Env, end: End, work: &Work) {
        env.recorder.complete(self.process, "txn", end, work.steps(), More::new());
        self.is_open = false;
    }

    /// An operation that the end of a broker cut off: how it ended is unknown.
    fn give_up_what_was_open(&mut self, env: &Env) {
        if self.is_open {
            env.recorder.complete(self.process, "txn", End::Info, Steps::new(), More::new());
            self.is_open = false;
            self.identity = None;
        }
    }

    async fn init(&mut self, env: &Env, client: &mut Client) -> Result<Identity, Stop> {
        let more = with("txn_id", self.transactional_id.as_str());
        env.recorder.invoke(self.process, "init", Steps::new(), more);
        let asked = init(client, Some(&self.transactional_id), TIMEOUT_MS).await;
        let end = match &asked {
            Ok(Ok(_)) => End::Ok,
            Ok(Err(_)) | Err(Lost) => End::Info,
        };
        env.recorder.complete(self.process, "init", end, Steps::new(), More::new());
        let identity = asked?.map_err(Stop::Refused)?;
        self.sequences.clear();
        Ok(*self.identity.insert(identity))
    }

    /// What to do next; nothing where there is nothing to copy.
    async fn plan(&mut self, env: &Env, client: &mut Client) -> Result<Option<Work>, Stop> {
        if self.kind == Kind::Copies {
            return self.plan_copy(env, client).await;
        }
        let mut work = Work::default();
        for partition in 0..env.partitions {
            if partition == 0 || self.random.one_in(2) {
                let values = env.values(1 + self.random.below(3));
                work.writes.extend(values.into_iter().map(|value| Write {
                    at: (TXN, partition),
                    value,
                    from: None,
                    offset: None,
                }));
            }
        }
        Ok(Some(work))
    }

    async fn plan_copy(&mut self, env: &Env, client: &mut Client) -> Result<Option<Work>, Stop> {
        let partition = self.random.below(env.partitions as usize) as i32;
        let mut more = with("group", COPIER_GROUP);
        more.insert("isolation".to_owned(), "read_committed".into());
        env.recorder.invoke(self.process, "committed", Steps::new(), more);
        let places = [(PLAIN, partition)];
        let asked = group_offsets::fetch(client, COPIER_GROUP, &places, true).await;
        let (end, steps) = match &asked {
            Ok(Ok(offsets)) => (End::Ok, vec![group_offsets::step(offsets)]),
            Ok(Err(_)) | Err(Lost) => (End::Fail, Steps::new()),
        };
        env.recorder.complete(self.process, "committed", end, steps, More::new());
        let offsets = asked?.map_err(Stop::Refused)?;
        let position = offsets[&places[0]].unwrap_or(0);
        self.go_to(env, partition, position);
        let data =
            fetch(client, (PLAIN, partition), position, Isolation::Committed, Ask::default())
                .await?;
        refused(data.error_code)?;
        let (seen, next) = read(&data, position, Isolation::Committed);
        let seen: Vec<(i64, u64)> =
            seen.into_iter().filter_map(|(offset, value)| Some((offset, value?))).collect();
        if seen.is_empty() {
            return Ok(None);
        }
        self.positions.insert(partition, next);
        let values = env.values(seen.len());
        let writes = seen.iter().zip(values).map(|((_, from), value)| Write {
            at: (COPY, partition),
            value,
            from: Some(*from),
            offset: None,
        });
        let writes = writes.collect();
        Ok(Some(Work { writes, read: Some(Input { at: (PLAIN, partition), seen, next }) }))
    }

    /// Notes where the copier reads next, where that is not where it was: what it read for a
    /// transaction that came to nothing is read again.
    fn go_to(&mut self, env: &Env, partition: i32, position: i64) {
        if self.positions.insert(partition, position) != Some(position) {
            let steps = || vec![json!(["offsets", { format!("{PLAIN}-{partition}"): position }])];
            env.recorder.invoke(self.process, "seek", steps(), More::new());
            env.recorder.complete(self.process, "seek", End::Ok, steps(), More::new());
        }
    }

    /// Sends the records of a transaction, and the offset of what they are copies of.
    async fn write(
        &mut self,
        env: &Env,
        client: &mut Client,
        identity: Identity,
        work: &mut Work,
    ) -> Result<(), Stop> {
        let mut by_partition: BTreeMap<(&'static str, i32), Vec<usize>> = BTreeMap::new();
        for (place, write) in work.writes.iter().enumerate() {
            by_partition.entry(write.at).or_default().push(place);
        }
        if self.protocol == Protocol::V1 {
            self.add_partitions(client, identity, by_partition.keys()).await?;
        }
        for (at, places) in self.batches(by_partition) {
            if self.random.one_in(4) {
                // Long enough for another instance to come between.
                env.pause(&mut self.random, 150).await;
            }
            let values: Vec<u64> = places.iter().map(|place| work.writes[*place].value).collect();
            let sequence = self.sequences.get(&at).copied().unwrap_or(0);
            let records = build(env, identity, sequence, &values, true);
            let request = ProduceRequest {
                transactional_id: Some(Str::from(self.transactional_id.as_str())),
                ..produce(at.0, at.1, records)
            };
            let version = if self.protocol == Protocol::V1 { 11 } else { 12 };
            let answer = loop {
                let mut response = client.call(version, &request).await?;
                let answer = response.responses.remove(0).partition_responses.remove(0);
                if !is_to_be_tried_again(answer.error_code) {
                    break answer;
                }
                env.pause(&mut self.random, 20).await;
            };
            refused(answer.error_code)?;
            self.sequences.insert(at, sequence + values.len() as i32);
            for (offset, place) in (answer.base_offset..).zip(places) {
                work.writes[place].offset = Some(offset);
            }
        }
        if let Some(Input { at, next, .. }) = &work.read {
            self.commit_offset(env, client, identity, (*at, *next)).await?;
        }
        Ok(())
    }

    /// What goes into a partition, as one batch or as two.
    fn batches(
        &mut self,
        by_partition: BTreeMap<(&'static str, i32), Vec<usize>>,
    ) -> Vec<((&'static str, i32), Vec<usize>)> {
        let mut batches = Vec::new();
        for (at, mut places) in by_partition {
            if places.len() > 1 && self.random.one_in(2) {
                let rest = places.split_off(1);
                batches.push((at, places));
                places = rest;
            }
            batches.push((at, places));
        }
        batches
    }

    async fn add_partitions(
        &mut self,
        client: &mut Client,
        identity: Identity,
        partitions: impl Iterator<Item = &(&'static str, i32)>,
    ) -> Result<(), Stop> {
        let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
        for (topic, partition) in partitions {
            topics.entry(topic).or_default().push(*partition);
        }
        let topics = topics.into_iter().map(|(name, partitions)| AddPartitionsToTxnTopic {
            name: Str::from(name),
            partitions,
        });
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: Str::from(self.transactional_id.as_str()),
            v3_and_below_producer_id: identity.producer_id,
            v3_and_below_producer_epoch: identity.epoch,
            v3_and_below_topics: topics.collect(),
            ..Default::default()
        };
        loop {
            let response = client.call(3, &request).await?;
            let results = response.results_by_topic_v3_and_below.iter();
            let codes = results.flat_map(|topic| {
                topic.results_by_partition.iter().map(|result| result.partition_error_code)
            });
            let codes: Vec<i16> = codes.collect();
            if !codes.iter().any(|code| is_to_be_tried_again(*code)) {
                return codes.into_iter().try_for_each(refused);
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    async fn commit_offset(
        &mut self,
        env: &Env,
        client: &mut Client,
        identity: Identity,
        ((topic, partition), next): ((&'static str, i32), i64),
    ) -> Result<(), Stop> {
        if self.protocol == Protocol::V1 {
            let request = AddOffsetsToTxnRequest {
                transactional_id: Str::from(self.transactional_id.as_str()),
                producer_id: identity.producer_id,
                producer_epoch: identity.epoch,
                group_id: Str::from(COPIER_GROUP),
            };
            while let response = client.call(3, &request).await?
                && refused_unless_again(response.error_code)?
            {
                env.pause(&mut self.random, 20).await;
            }
        }
        let request = TxnOffsetCommitRequest {
            transactional_id: Str::from(self.transactional_id.as_str()),
            group_id: Str::from(COPIER_GROUP),
            producer_id: identity.producer_id,
            producer_epoch: identity.epoch,
            generation_id_or_member_epoch: -1,
            topics: vec![TxnOffsetCommitRequestTopic {
                name: Str::from(topic),
                partitions: vec![TxnOffsetCommitRequestPartition {
                    partition_index: partition,
                    committed_offset: next,
                    committed_leader_epoch: -1,
                    committed_metadata: Some(Str::default()),
                }],
                ..Default::default()
            }],
            ..Default::default()
        };
        let version = if self.protocol == Protocol::V1 { 4 } else { 5 };
        while let response = client.call(version, &request).await?
            && refused_unless_again(response.topics[0].partitions[0].error_code)?
        {
            env.pause(&mut self.random, 20).await;
        }
        Ok(())
    }

    /// Asks for the end until the coordinator has heard.
    async fn end(
        &mut self,
        client: &mut Client,
        identity: Identity,
        committed: bool,
    ) -> Result<(), Stop> {
        let request = EndTxnRequest {
            transactional_id: Str::from(self.transactional_id.as_str()),
            producer_id: identity.producer_id,
            producer_epoch: identity.epoch,
            committed,
        };
        let version = if self.protocol == Protocol::V1 { 4 } else { 5 };
        loop {
            let response = client.call(version, &request).await?;
            if is_to_be_tried_again(response.error_code) {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                continue;
            }
            refused(response.error_code)?;
            if self.protocol == Protocol::V2 {
                let raised =
                    Identity { producer_id: response.producer_id, epoch: response.producer_epoch };
                assert_ne!(raised, identity, "an end raises the epoch");
                self.identity = Some(raised);
                self.sequences.clear();
            }
            return Ok(());
        }
    }
}

fn refused(code: i16) -> Result<(), Stop> {
    match ErrorCode::from_code(code) {
        ErrorCode::None => Ok(()),
        code => Err(Stop::Refused(code)),
    }
}

/// Whether it is to be tried again; an error where that would not help.
fn refused_unless_again(code: i16) -> Result<bool, Stop> {
    if is_to_be_tried_again(code) { Ok(true) } else { refused(code).map(|()| false) }
}

fn is_to_be_tried_again(code: i16) -> bool {
    matches!(
        ErrorCode::from_code(code),
        ErrorCode::ConcurrentTransactions
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator
    )
}
