//! A client for tests that want answers: one connection, and everything unexpected is a panic.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use ottla_record::{Batches, Record, decode_batch};
use ottla_types::{Offset, Uuid};
use ottla_wire::{
    Records, Request, Str,
    create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest},
    delete_records_request::{DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsTopic},
    delete_topics_request::{DeleteTopicState, DeleteTopicsRequest},
    fetch_request::{FetchPartition, FetchRequest, FetchTopic},
    fetch_response::PartitionData,
    find_coordinator_request::FindCoordinatorRequest,
    incremental_alter_configs_request::{
        AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
    },
    init_producer_id_request::InitProducerIdRequest,
    list_offsets_request::{ListOffsetsPartition, ListOffsetsRequest, ListOffsetsTopic},
    metadata_request::{MetadataRequest, MetadataRequestTopic},
    metadata_response::MetadataResponseTopic,
    produce_request::ProduceRequest,
    produce_response::PartitionProduceResponse,
};

use crate::{
    connection::{Connection, Outcome},
    in_process::eventually,
    session::produce,
};

/// How long a broker may take to answer, long polls included.
const PATIENCE: Duration = Duration::from_secs(30);

/// The version of Produce that this client speaks: the last one that names topics.
pub const PRODUCE_VERSION: i16 = 12;
/// The version of Fetch that this client speaks: the last one that names topics.
pub const FETCH_VERSION: i16 = 12;

/// One connection.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
}

impl Client {
    /// A connection to a broker that must be there.
    pub fn connect(address: SocketAddr) -> Self {
        let mut connection = Connection::open(address, "test").expect("a connection");
        connection.set_patience(PATIENCE).expect("an open connection");
        Self { connection }
    }

    /// The connection itself.
    pub fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// Sends a request and gives its response.
    pub fn call<R: Request>(&mut self, version: i16, request: &R) -> R::Response {
        let id = self.send(version, request);
        self.receive::<R>(id, version)
    }

    /// Sends a request; gives its correlation id.
    pub fn send<R: Request>(&mut self, version: i16, request: &R) -> i32 {
        self.connection.send(version, request).expect("the request goes out")
    }

    /// Reads the response of the oldest request that has none yet, which must be this one.
    pub fn receive<R: Request>(&mut self, id: i32, version: i16) -> R::Response {
        let received = self.connection.receive::<R>(id, version, version);
        received.unwrap_or_else(|outcome| panic!("{} v{version}: {outcome:?}", R::KEY.name())).0
    }

    /// Whether the broker closes the connection without another word.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.connection.receive_frame(), Ok(None))
    }

    /// Whether nothing comes within this time, and the connection stays.
    pub fn is_silent_for(&mut self, time: Duration) -> bool {
        self.connection.set_patience(time).expect("an open connection");
        let silent = matches!(self.connection.receive_frame(), Err(Outcome::Silent));
        self.connection.set_patience(PATIENCE).expect("an open connection");
        silent
    }

    /// Creates a topic; gives its id.
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
        let response = self.call(7, &request);
        assert_eq!(response.topics[0].error_code, 0, "{response:?}");
        response.topics[0].topic_id
    }

    /// Deletes a topic.
    pub fn delete_topic(&mut self, name: &str) {
        let topic = DeleteTopicState { name: Some(Str::from(name)), ..Default::default() };
        let request =
            DeleteTopicsRequest { topics: vec![topic], timeout_ms: 30_000, ..Default::default() };
        let response = self.call(6, &request);
        assert_eq!(response.responses[0].error_code, 0, "{response:?}");
    }

    /// What Metadata says of a topic.
    pub fn metadata(&mut self, name: &str, may_create: bool) -> MetadataResponseTopic {
        let topic = MetadataRequestTopic { name: Some(Str::from(name)), ..Default::default() };
        let request = MetadataRequest {
            topics: Some(vec![topic]),
            allow_auto_topic_creation: may_create,
            ..Default::default()
        };
        self.call(12, &request).topics.remove(0)
    }

    /// Sets keys of a resource: 2 is a topic, 4 a broker.
    pub fn alter(&mut self, (resource_type, name): (i8, &str), configs: &[(&str, &str)]) {
        let configs = configs.iter().map(|&(name, value)| AlterableConfig {
            name: Str::from(name),
            config_operation: 0,
            value: Some(Str::from(value)),
        });
        let resource = AlterConfigsResource {
            resource_type,
            resource_name: Str::from(name),
            configs: configs.collect(),
        };
        let request =
            IncrementalAlterConfigsRequest { resources: vec![resource], ..Default::default() };
        let response = self.call(1, &request);
        assert_eq!(response.responses[0].error_code, 0, "{response:?}");
    }

    /// Produces a batch with acks=all and gives the answer, whatever it is.
    pub fn try_produce(
        &mut self,
        topic: &str,
        partition: i32,
        batch: Bytes,
    ) -> PartitionProduceResponse {
        self.send_produce(&produce(topic, partition, batch))
    }

    /// Sends a Produce of one partition and gives the answer.
    pub fn send_produce(&mut self, request: &ProduceRequest) -> PartitionProduceResponse {
        let mut response = self.call(PRODUCE_VERSION, request);
        response.responses.remove(0).partition_responses.remove(0)
    }

    /// Produces a batch with acks=all; gives its base offset.
    pub fn produce(&mut self, topic: &str, partition: i32, batch: Bytes) -> i64 {
        let answer = self.try_produce(topic, partition, batch);
        assert_eq!(answer.error_code, 0, "{answer:?}");
        answer.base_offset
    }

    /// Fetches one partition without waiting, whatever comes of it.
    pub fn try_fetch(&mut self, topic: &str, partition: i32, offset: i64) -> PartitionData {
        let mut response = self.call(FETCH_VERSION, &fetching(topic, partition, offset));
        response.responses.remove(0).partitions.remove(0)
    }

    /// Every record from an offset to the end, with its offset.
    pub fn records(&mut self, topic: &str, partition: i32, from: i64) -> Vec<(Offset, Record)> {
        let mut all = Vec::new();
        let mut next = from;
        loop {
            let data = self.try_fetch(topic, partition, next);
            assert_eq!(data.error_code, 0, "at {next}: {data:?}");
            let found = records_of(&data);
            let Some((last, _)) = found.last() else { return all };
            next = last.get() + 1;
            all.extend(found.into_iter().filter(|(offset, _)| offset.get() >= from));
        }
    }

    /// The values of every record from an offset to the end, as text.
    pub fn values(&mut self, topic: &str, partition: i32, from: i64) -> Vec<String> {
        let records = self.records(topic, partition, from);
        records.iter().map(|(_, record)| text_of(record.value.as_ref())).collect()
    }

    /// An offset by its special timestamp: −1 is the end, −2 the start.
    pub fn offset(&mut self, topic: &str, partition: i32, timestamp: i64) -> i64 {
        let partition =
            ListOffsetsPartition { partition_index: partition, timestamp, ..Default::default() };
        let request = ListOffsetsRequest {
            replica_id: -1,
            topics: vec![ListOffsetsTopic { name: Str::from(topic), partitions: vec![partition] }],
            ..Default::default()
        };
        let response = self.call(5, &request);
        let found = &response.topics[0].partitions[0];
        assert_eq!(found.error_code, 0, "{found:?}");
        found.offset
    }

    /// Deletes the records before an offset; gives the new start.
    pub fn delete_records(&mut self, topic: &str, partition: i32, before: i64) -> i64 {
        let partition = DeleteRecordsPartition { partition_index: partition, offset: before };
        let request = DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: Str::from(topic),
                partitions: vec![partition],
            }],
            timeout_ms: 30_000,
        };
        let response = self.call(2, &request);
        let found = &response.topics[0].partitions[0];
        assert_eq!(found.error_code, 0, "{found:?}");
        found.low_watermark
    }

    /// A producer id that nobody has had.
    pub fn producer_id(&mut self) -> i64 {
        let request = InitProducerIdRequest {
            transactional_id: None,
            transaction_timeout_ms: 60_000,
            ..Default::default()
        };
        let response = self.call(4, &request);
        assert_eq!(response.error_code, 0, "{response:?}");
        response.producer_id
    }

    /// Waits until the broker coordinates this group.
    pub fn find_coordinator(&mut self, group: &str) {
        let request = FindCoordinatorRequest {
            coordinator_keys: vec![Str::from(group)],
            ..Default::default()
        };
        eventually("a coordinator", || {
            (self.call(4, &request).coordinators[0].error_code == 0).then_some(())
        });
    }
}

/// A Fetch of one partition that does not wait.
pub fn fetching(topic: &str, partition: i32, fetch_offset: i64) -> FetchRequest {
    let partition = FetchPartition {
        partition,
        fetch_offset,
        partition_max_bytes: 1 << 20,
        ..Default::default()
    };
    FetchRequest {
        max_wait_ms: 0,
        min_bytes: 1,
        max_bytes: 50 << 20,
        topics: vec![FetchTopic {
            topic: Str::from(topic),
            partitions: vec![partition],
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// The bytes of a fetched partition.
pub fn bytes_of(data: &PartitionData) -> Bytes {
    match &data.records {
        Some(Records::Bytes(bytes)) => bytes.clone(),
        Some(Records::Deferred { .. }) | None => Bytes::new(),
    }
}

/// The records of the whole batches of a fetched partition, with their offsets.
pub fn records_of(data: &PartitionData) -> Vec<(Offset, Record)> {
    let bytes = bytes_of(data);
    let mut all = Vec::new();
    for batch in Batches::new(&bytes) {
        let (_, batch) = batch.expect("a batch");
        let (_, records) = decode_batch(&bytes.slice_ref(batch), 64 << 20).expect("its records");
        all.extend(records);
    }
    all
}

/// Bytes as text, for comparing.
pub fn text_of(bytes: Option<&Bytes>) -> String {
    bytes.map_or_else(|| "(null)".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
}
