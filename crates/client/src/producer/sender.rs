//! The producer's background task: takes batches, sends them to their leaders, settles their fates.
//!
//! Invariants: one task owns all sending state, so nothing here is locked for long; at most
//! `in_flight_max` requests are unanswered per broker, and a partition's batches never overtake
//! each other.
//! Kafka: `org.apache.kafka.clients.producer.internals.Sender`.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use ottla_types::{BrokerId, ErrorCode, ProducerId};
use ottla_wire::messages::InitProducerIdRequest;
use tokio::{sync::mpsc, time::Instant};

use super::{
    Acks, Shared,
    batch::{Batch, OpenBatch, PartitionKey, Placed},
    lane::Lane,
    request::{Answer, send},
};
use crate::{Error, Result, client::ANY, client::Lane as ConnectionLane, connection::Connection};

/// Events that may wait for the sender.
const EVENTS_MAX: usize = 64;
/// How long the sender sleeps when nothing tells it otherwise.
const IDLE: Duration = Duration::from_secs(1);
/// The pause before an attempt is repeated, times the number of attempts.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
const RETRY_PAUSE_MAX: Duration = Duration::from_secs(1);

/// What other tasks report to the sender.
#[derive(Debug)]
pub(crate) enum Event {
    /// Batches came back, each with its answer.
    Answered { broker: BrokerId, answers: Vec<(Batch, Answer)> },
    /// A connection was made, or not.
    Connected { broker: BrokerId, result: Result<Connection> },
    /// The cluster was asked for its leaders.
    Refreshed(Result<()>),
    /// A producer id was given, or not.
    Identified(Result<(ProducerId, i16)>),
}

#[derive(Debug, Default)]
struct BrokerState {
    connection: Option<Connection>,
    is_connecting: bool,
    in_flight: usize,
    not_before: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Identity {
    /// Not asked for yet, or to be asked for again once nothing is in flight.
    Wanted,
    Asked,
    Known(ProducerId, i16),
}

#[derive(Debug)]
pub(crate) struct Sender {
    shared: Arc<Shared>,
    connection_lane: ConnectionLane,
    identity: Identity,
    identity_not_before: Option<Instant>,
    lanes: BTreeMap<PartitionKey, Lane>,
    brokers: BTreeMap<i32, BrokerState>,
    needs_refresh: bool,
    is_refreshing: bool,
    refresh_not_before: Option<Instant>,
    next_batch_id: u64,
    /// Where the next round over the partitions begins, so that all get their turn.
    turn: usize,
    events: mpsc::Receiver<Event>,
    report: mpsc::Sender<Event>,
}

impl Sender {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let (report, events) = mpsc::channel(EVENTS_MAX);
        let identity = if shared.config.is_idempotent {
            Identity::Wanted
        } else {
            Identity::Known(ProducerId::NONE, -1)
        };
        Self {
            connection_lane: shared.client.new_lane(),
            shared,
            identity,
            identity_not_before: None,
            lanes: BTreeMap::new(),
            brokers: BTreeMap::new(),
            needs_refresh: false,
            is_refreshing: false,
            refresh_not_before: None,
            next_batch_id: 0,
            turn: 0,
            events,
            report,
        }
    }

    /// Runs until the producer is closed and everything that was accepted has an outcome.
    pub(crate) async fn run(mut self) {
        loop {
            let now = Instant::now();
            self.expire(now);
            self.identify(now);
            self.refresh(now);
            let wakes_at = self.send_ready(now).await;
            if self.is_done() {
                break;
            }
            tokio::select! {
                Some(event) = self.events.recv() => {
                    self.handle(event);
                    while let Ok(event) = self.events.try_recv() {
                        self.handle(event);
                    }
                }
                () = self.shared.wake.notified() => {}
                () = tokio::time::sleep_until(wakes_at) => {}
            }
        }
        self.shared.client.close_lane(self.connection_lane);
    }

    fn is_done(&self) -> bool {
        let state = self.shared.state();
        state.is_closing
            && state.taken.is_empty()
            && state.queues.values().all(|queue| queue.full.is_empty() && queue.open.is_none())
    }

    fn in_flight(&self) -> usize {
        self.brokers.values().map(|broker| broker.in_flight).sum()
    }

    /// Asks for a producer id when one is wanted and nothing is in flight under the old one.
    fn identify(&mut self, now: Instant) {
        if self.shared.transactional_id.is_some() {
            return self.take_identity();
        }
        let is_due = self.identity_not_before.is_none_or(|then| then <= now);
        if self.identity != Identity::Wanted || !is_due || self.in_flight() > 0 {
            return;
        }
        let has_work = {
            let state = self.shared.state();
            !state.queues.is_empty() || !state.taken.is_empty()
        };
        if !has_work {
            return;
        }
        self.identity = Identity::Asked;
        let (client, report) = (self.shared.client.clone(), self.report.clone());
        tokio::spawn(async move {
            let response = client.call_any(ANY, |_| InitProducerIdRequest {
                transactional_id: None,
                transaction_timeout_ms: i32::MAX,
                ..InitProducerIdRequest::default()
            });
            let result = response.await.and_then(|response| {
                match ErrorCode::from_code(response.error_code) {
                    ErrorCode::None => {
                        Ok((ProducerId(response.producer_id), response.producer_epoch))
                    }
                    code => Err(Error::broker(code, "cannot get a producer id", None)),
                }
            });
            // A sender that is gone needs no id.
            drop(report.send(Event::Identified(result)).await);
        });
    }

    /// Takes over what a transactional producer is called since its last transaction ended.
    fn take_identity(&mut self) {
        let told = self.shared.state().identity;
        let told = told.map_or(Identity::Wanted, |(id, epoch)| Identity::Known(id, epoch));
        if told != self.identity && self.in_flight() == 0 {
            self.identity = told;
            for lane in self.lanes.values_mut() {
                lane.restart();
            }
        }
    }

    fn refresh(&mut self, now: Instant) {
        let is_due = self.refresh_not_before.is_none_or(|then| then <= now);
        if !self.needs_refresh || self.is_refreshing || !is_due {
            return;
        }
        self.is_refreshing = true;
        self.needs_refresh = false;
        self.refresh_not_before = Some(now + RETRY_PAUSE);
        let (client, report) = (self.shared.client.clone(), self.report.clone());
        tokio::spawn(async move {
            let result = client.refresh().await;
            drop(report.send(Event::Refreshed(result)).await);
        });
    }

    fn connect(&mut self, broker: BrokerId) {
        self.brokers.entry(broker.0).or_default().is_connecting = true;
        let (client, report) = (self.shared.client.clone(), self.report.clone());
        let lane = self.connection_lane;
        tokio::spawn(async move {
            let result = client.connection(broker, lane).await;
            drop(report.send(Event::Connected { broker, result }).await);
        });
    }

    /// Sends what can be sent; says when to look again at the latest.
    async fn send_ready(&mut self, now: Instant) -> Instant {
        let mut wakes_at = now + IDLE;
        let Identity::Known(producer_id, producer_epoch) = self.identity else {
            return wakes_at.min(now + RETRY_PAUSE);
        };
        loop {
            let mut requests = self.collect(now, &mut wakes_at);
            if requests.is_empty() {
                return wakes_at;
            }
            for (broker, batches) in &mut requests {
                for batch in batches.iter_mut() {
                    self.lanes.entry(batch.key.clone()).or_default().sent(batch);
                    if !producer_id.is_some() {
                        batch.base_sequence = -1;
                    }
                }
                let state = self.brokers.entry(*broker).or_default();
                let Some(connection) = state.connection.clone() else { continue };
                state.in_flight += 1;
                let batches = std::mem::take(batches);
                let identity = (producer_id, producer_epoch);
                let to = (BrokerId(*broker), connection);
                send(&self.shared, to, batches, identity, self.report.clone()).await;
            }
        }
    }

    /// The next request for each broker that may have one.
    fn collect(&mut self, now: Instant, wakes_at: &mut Instant) -> BTreeMap<i32, Vec<Batch>> {
        let mut requests: BTreeMap<i32, (usize, Vec<Batch>)> = BTreeMap::new();
        let topology = self.shared.client.topology();
        let mut keys: Vec<PartitionKey> = self.waiting();
        if !keys.is_empty() {
            let turn = self.turn % keys.len();
            keys.rotate_left(turn);
            self.turn = self.turn.wrapping_add(1);
        }
        for key in keys {
            let Some((leader, _)) = topology.leader(&key.0, key.1) else {
                self.needs_refresh = true;
                *wakes_at = (*wakes_at).min(now + RETRY_PAUSE);
                continue;
            };
            if !self.may_send_to(leader, now, wakes_at) {
                continue;
            }
            let lane = self.lanes.entry(key.clone()).or_default();
            if !lane.is_open(now) {
                *wakes_at = (*wakes_at).min(lane.wakes_at().unwrap_or(now + IDLE));
                continue;
            }
            let (bytes, batches) = requests.entry(leader.0).or_default();
            let room = if batches.is_empty() {
                usize::MAX
            } else {
                self.shared.config.request_bytes_max.saturating_sub(*bytes)
            };
            let is_idle = self.brokers.get(&leader.0).is_none_or(|broker| broker.in_flight == 0);
            if let Some(batch) = self.take(&key, room, (now, is_idle), wakes_at) {
                *bytes = bytes.saturating_add(batch.size());
                batches.push(batch);
            }
        }
        let requests = requests.into_iter().filter(|(_, (_, batches))| !batches.is_empty());
        requests.map(|(broker, (_, batches))| (broker, batches)).collect()
    }

    /// Partitions with anything to send.
    fn waiting(&self) -> Vec<PartitionKey> {
        let mut state = self.shared.state();
        state.queues.retain(|_, queue| queue.open.is_some() || !queue.full.is_empty());
        let mut keys: Vec<PartitionKey> = state.queues.keys().cloned().collect();
        drop(state);
        let retries = self.lanes.iter().filter(|(_, lane)| lane.has_retries());
        for (key, _) in retries {
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        keys
    }

    /// Whether a broker can take a request now; connects where there is no connection.
    fn may_send_to(&mut self, broker: BrokerId, now: Instant, wakes_at: &mut Instant) -> bool {
        let in_flight_max = self.shared.config.in_flight_max;
        let state = self.brokers.entry(broker.0).or_default();
        if let Some(then) = state.not_before.filter(|then| *then > now) {
            *wakes_at = (*wakes_at).min(then);
            return false;
        }
        if state.connection.as_ref().is_some_and(Connection::is_alive) {
            return state.in_flight < in_flight_max;
        }
        state.connection = None;
        if !state.is_connecting {
            self.connect(broker);
        }
        false
    }

    /// The next batch of a partition, if one is due and fits into `room`.
    fn take(
        &mut self,
        key: &PartitionKey,
        room: usize,
        (now, is_idle): (Instant, bool),
        wakes_at: &mut Instant,
    ) -> Option<Batch> {
        let lane = self.lanes.entry(key.clone()).or_default();
        if lane.has_retries() {
            let fits = lane.next_retry().is_some_and(|batch| batch.size() <= room);
            return if fits { lane.take_retry() } else { None };
        }
        let linger = self.shared.config.linger;
        let mut guard = self.shared.state();
        let state = &mut *guard;
        let is_closing = state.is_closing;
        let queue = state.queues.get_mut(key)?;
        let is_due = |batch: &OpenBatch| {
            let has_lingered = !linger.is_zero() && batch.created + linger <= now;
            batch.is_urgent || is_closing || has_lingered || (linger.is_zero() && is_idle)
        };
        let batch = if let Some(full) = queue.full.front() {
            if full.size() > room {
                return None;
            }
            queue.full.pop_front()?
        } else {
            let open = queue.open.as_ref()?;
            if !is_due(open) {
                if !linger.is_zero() {
                    *wakes_at = (*wakes_at).min(open.created + linger);
                }
                return None;
            }
            if open.size() > room {
                return None;
            }
            if let Some(sticky) = state.sticky.get_mut(&key.0) {
                sticky.advance();
            }
            queue.open.take()?
        };
        let id = self.next_batch_id;
        self.next_batch_id += 1;
        state.taken.insert(id, batch.watcher());
        drop(guard);
        match batch.close(id, key.clone()) {
            Ok(batch) => Some(batch),
            Err((fate, error)) => {
                self.settle(id, fate, Err(error));
                None
            }
        }
    }

    fn settle(&self, id: u64, fate: super::batch::Fate, outcome: Result<Placed>) {
        if let Err(error) = &outcome {
            self.shared.state().failure.get_or_insert_with(|| error.clone());
        }
        let memory = fate.settle(outcome);
        self.shared.give_back(memory);
        self.shared.state().taken.remove(&id);
    }

    fn handle(&mut self, event: Event) {
        let now = Instant::now();
        match event {
            Event::Answered { broker, answers } => {
                let state = self.brokers.entry(broker.0).or_default();
                state.in_flight = state.in_flight.saturating_sub(1);
                for (batch, answer) in answers {
                    self.answered(batch, answer, now);
                }
            }
            Event::Connected { broker, result } => {
                let state = self.brokers.entry(broker.0).or_default();
                state.is_connecting = false;
                match result {
                    Ok(connection) => state.connection = Some(connection),
                    Err(error) => {
                        tracing::debug!(%broker, %error, "producer cannot connect");
                        state.not_before = Some(now + RETRY_PAUSE * 4);
                        self.needs_refresh = true;
                    }
                }
            }
            Event::Refreshed(result) => {
                self.is_refreshing = false;
                if let Err(error) = result {
                    tracing::debug!(%error, "producer cannot refresh metadata");
                    self.needs_refresh = true;
                }
            }
            Event::Identified(Ok((producer_id, producer_epoch))) => {
                self.identity = Identity::Known(producer_id, producer_epoch);
                for lane in self.lanes.values_mut() {
                    lane.restart();
                }
            }
            Event::Identified(Err(error)) => {
                self.identity = Identity::Wanted;
                self.identity_not_before = Some(now + RETRY_PAUSE);
                if !error.is_retriable() {
                    self.fail_everything(&error);
                }
            }
        }
    }

    fn answered(&mut self, batch: Batch, answer: Answer, now: Instant) {
        let lane = self.lanes.entry(batch.key.clone()).or_default();
        let error = match answer {
            Answer::Written(placed) => {
                lane.acknowledged(&batch);
                return self.settle(batch.id, batch.fate, Ok(placed));
            }
            Answer::Failed(error) => error,
        };
        // A transactional producer gets no new name within a transaction: that has to be aborted.
        let renames = self.shared.transactional_id.is_none();
        let is_idempotent = self.shared.config.is_idempotent;
        let lost_sequence = match error.code() {
            Some(ErrorCode::OutOfOrderSequenceNumber) => batch.was_first,
            Some(
                ErrorCode::UnknownProducerId
                | ErrorCode::InvalidProducerEpoch
                | ErrorCode::InvalidProducerIdMapping,
            ) => true,
            _ => false,
        };
        let is_behind_a_failure = error.code() == Some(ErrorCode::OutOfOrderSequenceNumber);
        let goes_again = if is_idempotent && lost_sequence {
            renames
        } else {
            error.is_retriable()
                || (is_idempotent && is_behind_a_failure)
                || error.code() == Some(ErrorCode::UnknownTopicId)
        };
        tracing::debug!(%error, topic = &*batch.key.0, partition = batch.key.1, "batch failed");
        if !goes_again || (self.shared.config.acks != Acks::All && batch.attempts > 5) {
            lane.refused();
            return self.settle(batch.id, batch.fate, Err(error));
        }
        if lost_sequence && is_idempotent && renames && matches!(self.identity, Identity::Known(..))
        {
            self.identity = Identity::Wanted;
        }
        self.needs_refresh = true;
        if matches!(
            error.code(),
            Some(ErrorCode::UnknownTopicId | ErrorCode::UnknownTopicOrPartition)
        ) {
            self.shared.client.forget_topic(&batch.key.0);
            let (client, topic) = (self.shared.client.clone(), batch.key.0.clone());
            tokio::spawn(async move {
                // The next attempt sees what this one learned.
                drop(client.topic(&topic, crate::client::AutoCreate::Yes).await);
            });
        }
        let pause = (RETRY_PAUSE * batch.attempts).min(RETRY_PAUSE_MAX);
        lane.failed(batch, now + pause);
    }

    /// Gives up on batches that are too old.
    fn expire(&mut self, now: Instant) {
        let limit = self.shared.config.delivery_timeout;
        let Some(oldest) = now.checked_sub(limit) else { return };
        let mut expired = Vec::new();
        for lane in self.lanes.values_mut() {
            while let Some(batch) = lane.take_expired(oldest) {
                expired.push(batch);
            }
        }
        for batch in expired {
            // It may have been written: under its sequence number nothing else may go out.
            let renames = self.shared.transactional_id.is_none();
            if batch.attempts > 0 && self.shared.config.is_idempotent && renames {
                self.identity = Identity::Wanted;
            }
            let what = format!("cannot produce to {}-{}", batch.key.0, batch.key.1);
            self.settle(batch.id, batch.fate, Err(Error::timeout(what, limit)));
        }
        let mut unsent = Vec::new();
        for (key, queue) in &mut self.shared.state().queues {
            while queue.full.front().is_some_and(|batch| batch.created < oldest) {
                unsent.extend(queue.full.pop_front().map(|batch| (key.clone(), batch)));
            }
            let old = queue.open.take_if(|batch| batch.created < oldest);
            unsent.extend(old.map(|batch| (key.clone(), batch)));
        }
        for (key, batch) in unsent {
            let what = format!("cannot produce to {}-{}", key.0, key.1);
            let memory = batch.into_fate().settle(Err(Error::timeout(what, limit)));
            self.shared.give_back(memory);
        }
    }

    fn fail_everything(&mut self, error: &Error) {
        let mut batches = Vec::new();
        for lane in self.lanes.values_mut() {
            batches.extend(lane.take_all());
        }
        for batch in batches {
            self.settle(batch.id, batch.fate, Err(error.clone()));
        }
        let queues = std::mem::take(&mut self.shared.state().queues);
        for queue in queues.into_values() {
            for batch in queue.full.into_iter().chain(queue.open) {
                let memory = batch.into_fate().settle(Err(error.clone()));
                self.shared.give_back(memory);
            }
        }
    }
}
