//! A scripted conversation with one broker, every request and its outcome written down.

use std::{
    collections::HashMap,
    fmt::Debug,
    net::SocketAddr,
    ops::RangeInclusive,
    time::{Duration, Instant},
};

use bytes::Bytes;
use ottla_types::Uuid;
use ottla_wire::{
    ApiKey, Message, Request, Str, Writer,
    create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest},
    list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic},
    metadata_request::{MetadataRequest, MetadataRequestTopic},
    produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData},
};

use crate::{
    batch,
    connection::{Connection, Outcome, SendError, hex},
};

/// One request and what came of it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Scenario, note, API and version; the same in every broker's transcript.
    pub label: String,
    /// The request, as `{:?}` shows it.
    pub request: String,
    pub outcome: Outcome,
    /// Whether the response, written again by our codec, gives the bytes that came.
    pub same_bytes: bool,
}

/// A request whose response has not been read.
#[derive(Debug)]
pub struct Pending {
    on: u8,
    version: i16,
    sent: Result<i32, Outcome>,
    label: String,
    request: String,
}

/// The conversation. Requests go out on connection 0 unless another is named.
#[derive(Debug)]
pub struct Session {
    address: SocketAddr,
    connections: HashMap<u8, Connection>,
    scenario: String,
    note: String,
    barriers: u32,
    pub entries: Vec<Entry>,
}

impl Session {
    pub fn new(address: SocketAddr, scenario: &str) -> Self {
        Self {
            address,
            connections: HashMap::new(),
            scenario: scenario.to_owned(),
            note: String::new(),
            barriers: 0,
            entries: Vec::new(),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Says what the next requests are about.
    pub fn note(&mut self, note: impl Into<String>) {
        self.note = note.into();
    }

    /// Sends a request on connection 0 and reads its response.
    pub fn call<R: Request>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        let pending = self.send(0, version, request);
        self.receive::<R>(pending)
    }

    /// The same with a note of its own.
    pub fn ask<R: Request>(
        &mut self,
        note: impl Into<String>,
        version: i16,
        request: &R,
    ) -> Option<R::Response> {
        self.note(note);
        self.call(version, request)
    }

    /// Sends a request on connection `on`.
    pub fn send<R: Request>(&mut self, on: u8, version: i16, request: &R) -> Pending {
        let label = format!("{}: {}: {} v{version}", self.scenario, self.note, R::KEY.name());
        let request_text = format!("{request:?}");
        let sent = match self.connection(on) {
            Err(outcome) => Err(outcome),
            Ok(connection) => connection.send(version, request).map_err(|error| match error {
                SendError::NotSendable(why) => Outcome::NotSendable(why),
                SendError::Closed => Outcome::Closed,
            }),
        };
        Pending { on, version, sent, label, request: request_text }
    }

    /// Reads the response of a request that was sent, and writes both down.
    pub fn receive<R: Request>(&mut self, pending: Pending) -> Option<R::Response> {
        let version = pending.version;
        self.receive_in::<R>(pending, version)
    }

    /// The same where the body's version is not the request's.
    pub fn receive_in<R: Request>(&mut self, pending: Pending, body: i16) -> Option<R::Response> {
        let Pending { on, version, sent, label, request } = pending;
        let result = sent.and_then(|id| {
            self.connections.get_mut(&on).ok_or(Outcome::Closed)?.receive::<R>(id, version, body)
        });
        let (outcome, same_bytes, response) = match result {
            Ok((response, bytes)) => {
                let mut writer = Writer::new();
                let written = response.encode(&mut writer, body).map(|()| writer.finish().0);
                let same = written.is_ok_and(|written| written[..] == bytes[..]);
                (Outcome::Answered(format!("{response:#?}")), same, Some(response))
            }
            Err(outcome) => {
                if !matches!(outcome, Outcome::NotSendable(_)) {
                    self.connections.remove(&on);
                }
                (outcome, true, None)
            }
        };
        self.entries.push(Entry { label, request, outcome, same_bytes });
        response
    }

    /// Sends a request on connection 0 and writes down what `show` makes of its response, where not
    /// all of it is the same with every broker.
    pub fn ask_and_show<R: Request>(
        &mut self,
        version: i16,
        request: &R,
        show: impl FnOnce(&R::Response) -> String,
    ) {
        let response = self.call(version, request);
        let entry = self.entries.last_mut();
        if let (Some(response), Some(entry)) = (response, entry) {
            entry.outcome = Outcome::Answered(show(&response));
        }
    }

    /// Sends bytes on a connection of their own, and writes down what comes back.
    pub fn raw(&mut self, note: &str, bytes: &[u8]) {
        self.raw_then(note, bytes, false);
    }

    /// The same, and then says that nothing more follows.
    pub fn raw_then_finish(&mut self, note: &str, bytes: &[u8]) {
        self.raw_then(note, bytes, true);
    }

    fn raw_then(&mut self, note: &str, bytes: &[u8], finish: bool) {
        let outcome = self.raw_outcome(bytes, finish);
        self.entries.push(Entry {
            label: format!("{}: {note}", self.scenario),
            request: hex(bytes),
            outcome,
            same_bytes: true,
        });
    }

    fn raw_outcome(&self, bytes: &[u8], finish: bool) -> Outcome {
        let Ok(mut connection) = Connection::open(self.address, "raw") else {
            return Outcome::Closed;
        };
        let quiet = connection.set_patience(Duration::from_secs(2));
        // A broker that closes at once may make the writing fail: that is its answer.
        if quiet.is_err() || connection.send_raw(bytes).is_err() {
            return Outcome::Closed;
        }
        if finish && connection.finish_sending().is_err() {
            return Outcome::Closed;
        }
        match connection.receive_frame() {
            Ok(None) => Outcome::Closed,
            Ok(Some(frame)) => Outcome::Answered(format!("Frame({})", hex(&frame))),
            Err(outcome) => outcome,
        }
    }

    fn connection(&mut self, on: u8) -> Result<&mut Connection, Outcome> {
        if !self.connections.contains_key(&on) {
            let connection = Connection::open(self.address, &format!("client-{on}"))
                .map_err(|_| Outcome::Closed)?;
            self.connections.insert(on, connection);
        }
        self.connections.get_mut(&on).ok_or(Outcome::Closed)
    }

    /// Drops connection `on`, so that the next request opens a new one.
    pub fn hang_up(&mut self, on: u8) {
        self.connections.remove(&on);
    }

    /// Sends a request without writing it down, for what only prepares the ground.
    pub fn quietly<R: Request>(&mut self, version: i16, request: &R) -> Option<R::Response> {
        let length = self.entries.len();
        let response = self.call(version, request);
        self.entries.truncate(length);
        response
    }

    /// Writes down something else that was found out, which is compared like an answer.
    pub fn observe(&mut self, note: &str, asked: &impl Debug, found: &impl Debug) {
        self.entries.push(Entry {
            label: format!("{}: {note}", self.scenario),
            request: format!("{asked:?}"),
            outcome: Outcome::Answered(format!("{found:#?}")),
            same_bytes: true,
        });
    }

    /// Creates a topic, quietly, and waits until it has leaders. Gives its id.
    pub fn topic(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Uuid {
        let configs = configs.iter().map(|&(name, value)| CreatableTopicConfig {
            name: Str::from(name),
            value: Some(Str::from(value)),
        });
        let request = CreateTopicsRequest {
            topics: vec![CreatableTopic {
                name: Str::from(name),
                num_partitions: partitions,
                replication_factor: 1,
                configs: configs.collect(),
                ..Default::default()
            }],
            timeout_ms: 30_000,
            ..Default::default()
        };
        self.quietly(7, &request);
        self.settled(name, partitions)
    }

    /// Waits until the topic has that many partitions and all of them have leaders that serve,
    /// which Kafka's may do a moment after Metadata names them. Gives the topic's id.
    pub fn settled(&mut self, name: &str, partitions: i32) -> Uuid {
        let topic = MetadataRequestTopic { name: Some(Str::from(name)), ..Default::default() };
        let request = MetadataRequest {
            topics: Some(vec![topic]),
            allow_auto_topic_creation: false,
            ..Default::default()
        };
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            let response = self.quietly(12, &request).unwrap_or_default();
            if let Some(topic) = response.topics.first()
                && topic.error_code == 0
                && topic.partitions.len() == partitions as usize
                && topic.partitions.iter().all(|partition| partition.leader_id >= 0)
                && self.serves(name, partitions)
            {
                return topic.topic_id;
            }
            std::thread::yield_now();
        }
        Uuid::ZERO
    }

    fn serves(&mut self, name: &str, partitions: i32) -> bool {
        let partitions = (0..partitions).map(|partition_index| ListOffsetsPartition {
            partition_index,
            timestamp: -1,
            ..Default::default()
        });
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: vec![ListOffsetsTopic {
                name: Str::from(name),
                partitions: partitions.collect(),
            }],
            ..Default::default()
        };
        let response = self.quietly(5, &request).unwrap_or_default();
        let mut partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.all(|partition| partition.error_code == 0)
    }

    /// Waits until the broker acts on every change it has acknowledged: Kafka applies the metadata
    /// log in order but a moment later, so a topic created now is seen after all that came before.
    pub fn caught_up(&mut self) {
        self.barriers += 1;
        let name = format!("barrier-{}-{}", self.scenario.replace(' ', "-"), self.barriers);
        self.topic(&name, 1, &[]);
    }

    /// Appends a batch to a partition, quietly.
    pub fn append(&mut self, topic: &str, partition: i32, batch: Bytes) {
        self.quietly(9, &produce(topic, partition, batch));
    }
}

/// A Produce with acks=all of one batch, for versions that name topics.
pub fn produce(topic: &str, partition: i32, batch: Bytes) -> ProduceRequest {
    ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            name: Str::from(topic),
            partition_data: vec![PartitionProduceData {
                index: partition,
                records: batch::field(batch),
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// The versions of an API that Kafka 4.4 lists as stable.
pub fn versions<R: Request>() -> RangeInclusive<i16> {
    R::KEY.kafka_versions()
}

/// An API by its number, which must be known.
pub fn api(key: i16) -> ApiKey {
    ApiKey::from_i16(key).expect("an API that Kafka has")
}
