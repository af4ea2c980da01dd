//! Every API this broker speaks: one file each, one row each in [`APIS`].
//!
//! ApiVersions, dispatch and the metrics' labels all come from the table, so an API that is not
//! in it is not advertised. Kafka: `ApiKeys`, `KafkaApis.handle`.

use std::{future::Future, ops::RangeInclusive, sync::Arc};

use bytes::Bytes;
use ottla_log::FileRange;
use ottla_wire::{ApiKey, DecodeError, Message, Reader, Request, RequestHeader, Str, Writer};

use crate::{
    broker::Shared,
    journal::Event,
    net::{
        connection::{Begun, ClientIdentity, Peer},
        rope::Rope,
    },
};

mod add_offsets_to_txn;
mod add_partitions_to_txn;
mod alter_configs;
mod alter_partition_reassignments;
mod alter_replica_log_dirs;
mod api_versions;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod describe_transactions;
mod elect_leaders;
mod end_txn;
mod fetch;
mod find_coordinator;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod list_transactions;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;
mod sasl_handshake;
mod sync_group;
mod txn_offset_commit;
mod write_txn_markers;

/// One Kafka API whose whole work is a future.
pub(crate) trait Api: 'static {
    /// What clients send.
    type Request: Request + Send;
    /// The versions that are served.
    const VERSIONS: RangeInclusive<i16> = <Self::Request as Message>::VERSIONS;
    /// Answers a request.
    fn handle(ctx: Context, request: Self::Request) -> impl Future<Output = Outcome> + Send;
}

/// One Kafka API. Produce and Fetch do what they can at once; every [`Api`] only makes its future.
trait Begin: 'static {
    type Request: Request;
    const VERSIONS: RangeInclusive<i16> = <Self::Request as Message>::VERSIONS;
    /// Starts a request.
    fn begin(ctx: Context, request: Self::Request) -> Begun;
}

impl<A: Api> Begin for A {
    type Request = A::Request;
    const VERSIONS: RangeInclusive<i16> = <A as Api>::VERSIONS;

    fn begin(ctx: Context, request: A::Request) -> Begun {
        Begun::Pending { order_is_fixed: false, outcome: Box::pin(A::handle(ctx, request)) }
    }
}

/// How a request ends.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// With these bytes.
    Reply(Rope),
    /// With no answer at all (acks=0).
    Nothing,
    /// With the end of the connection, and why.
    Close(String),
}

/// Room that a response gets at first: most Produce and Fetch responses take less.
const RESPONSE_BYTES_USUAL: usize = 256;

/// The circumstances of one request.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) shared: Arc<Shared>,
    pub(crate) peer: Peer,
    pub(crate) client_id: Option<Str>,
    pub(crate) key: ApiKey,
    pub(crate) version: i16,
    pub(crate) correlation_id: i32,
    /// Whether requests that came before it on the connection are still to be answered.
    pub(crate) is_behind_others: bool,
}

impl Context {
    /// An event that the client of this request has caused.
    pub(crate) fn event(&self, kind: &'static str) -> Event {
        Event::new(kind).client(self.client_id.as_deref()).remote(self.peer.remote)
    }

    /// Encodes a response.
    pub(crate) fn reply<R: Message>(&self, response: &R) -> Outcome {
        self.reply_with_files(response, Vec::new())
    }

    /// Encodes a response whose deferred records are these file ranges, by slot.
    pub(crate) fn reply_with_files<R: Message>(
        &self,
        response: &R,
        files: Vec<FileRange>,
    ) -> Outcome {
        self.encode(response, self.version, files)
    }

    /// Encodes a response in another version than the request's (only ApiVersions does that).
    pub(crate) fn reply_in_version<R: Message>(&self, response: &R, version: i16) -> Outcome {
        self.encode(response, version, Vec::new())
    }

    fn encode<R: Message>(&self, response: &R, version: i16, files: Vec<FileRange>) -> Outcome {
        let mut writer = Writer::with_capacity(RESPONSE_BYTES_USUAL);
        // The size, once it is known.
        writer.put_i32(0);
        writer.put_i32(self.correlation_id);
        // The header of ApiVersions' response never has tags: its reader may know no version yet.
        if self.key.is_flexible(version) && self.key != ApiKey::ApiVersions {
            writer.put_u8(0);
        }
        if let Err(error) = response.encode(&mut writer, version) {
            return Outcome::Close(format!(
                "{} v{version} cannot be answered: {error}",
                self.key.name()
            ));
        }
        match Rope::new(writer, files) {
            Some(rope) => Outcome::Reply(rope),
            None => Outcome::Close(format!("{} v{version}: no response fits", self.key.name())),
        }
    }
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    /// Which API.
    pub(crate) key: ApiKey,
    /// The versions that are handled (ApiVersions says more about Produce).
    pub(crate) versions: RangeInclusive<i16>,
    begin: fn(Context, Bytes, usize) -> Result<Begun, DecodeError>,
}

const fn row<A: Begin>() -> Row {
    Row { key: A::Request::KEY, versions: A::VERSIONS, begin: decode_and_begin::<A> }
}

/// `body` is where the request begins in its frame, which nothing here holds on to.
fn decode_and_begin<A: Begin>(
    ctx: Context,
    frame: Bytes,
    body: usize,
) -> Result<Begun, DecodeError> {
    let request = A::Request::decode(&mut Reader::new(frame.slice(body..)), ctx.version)?;
    drop(frame);
    Ok(A::begin(ctx, request))
}

/// Every API, by key.
pub(crate) static APIS: &[Row] = &[
    row::<produce::Produce>(),
    row::<fetch::Fetch>(),
    row::<list_offsets::ListOffsets>(),
    row::<metadata::Metadata>(),
    row::<offset_commit::OffsetCommit>(),
    row::<offset_fetch::OffsetFetch>(),
    row::<find_coordinator::FindCoordinator>(),
    row::<join_group::JoinGroup>(),
    row::<heartbeat::Heartbeat>(),
    row::<leave_group::LeaveGroup>(),
    row::<sync_group::SyncGroup>(),
    row::<describe_groups::DescribeGroups>(),
    row::<list_groups::ListGroups>(),
    row::<sasl_handshake::SaslHandshake>(),
    row::<api_versions::ApiVersions>(),
    row::<create_topics::CreateTopics>(),
    row::<delete_topics::DeleteTopics>(),
    row::<delete_records::DeleteRecords>(),
    row::<init_producer_id::InitProducerId>(),
    row::<offset_for_leader_epoch::OffsetForLeaderEpoch>(),
    row::<add_partitions_to_txn::AddPartitionsToTxn>(),
    row::<add_offsets_to_txn::AddOffsetsToTxn>(),
    row::<end_txn::EndTxn>(),
    row::<write_txn_markers::WriteTxnMarkers>(),
    row::<txn_offset_commit::TxnOffsetCommit>(),
    row::<describe_configs::DescribeConfigs>(),
    row::<alter_configs::AlterConfigs>(),
    row::<alter_replica_log_dirs::AlterReplicaLogDirs>(),
    row::<describe_log_dirs::DescribeLogDirs>(),
    row::<create_partitions::CreatePartitions>(),
    row::<delete_groups::DeleteGroups>(),
    row::<elect_leaders::ElectLeaders>(),
    row::<incremental_alter_configs::IncrementalAlterConfigs>(),
    row::<alter_partition_reassignments::AlterPartitionReassignments>(),
    row::<list_partition_reassignments::ListPartitionReassignments>(),
    row::<offset_delete::OffsetDelete>(),
    row::<describe_quorum::DescribeQuorum>(),
    row::<describe_cluster::DescribeCluster>(),
    row::<describe_producers::DescribeProducers>(),
    row::<describe_transactions::DescribeTransactions>(),
    row::<list_transactions::ListTransactions>(),
    row::<list_config_resources::ListConfigResources>(),
    row::<describe_topic_partitions::DescribeTopicPartitions>(),
];

/// Starts the request in `frame`. An error ends the connection: its text says why.
pub(crate) fn begin(
    shared: &Arc<Shared>,
    peer: &Peer,
    client: &mut ClientIdentity,
    frame: Bytes,
    is_behind_others: bool,
) -> Result<Begun, String> {
    let mut reader = Reader::new(frame.clone());
    let header = RequestHeader::decode(&mut reader)
        .map_err(|error| format!("request header cannot be read: {error}"))?;
    let body = frame.len().saturating_sub(reader.remaining());
    drop(reader);
    let Some(row) = APIS.iter().find(|row| row.key.code() == header.api_key) else {
        return Err(format!("request for unknown API key {}", header.api_key));
    };
    let version = header.api_version;
    let ctx = Context {
        shared: Arc::clone(shared),
        peer: peer.clone(),
        client_id: client.remember_id(header.client_id),
        key: row.key,
        version,
        correlation_id: header.correlation_id,
        is_behind_others,
    };
    shared.metrics.request(row.key);
    if !row.versions.contains(&version) {
        if row.key == ApiKey::ApiVersions {
            return Ok(Begun::Answered(api_versions::unsupported(&ctx)));
        }
        return Err(format!("request for {} in unsupported version {version}", row.key.name()));
    }
    if row.key == ApiKey::ApiVersions {
        api_versions::note_client(client, &frame, body, version);
    }
    (row.begin)(ctx, frame, body)
        .map_err(|error| format!("{} v{version} request cannot be read: {error}", row.key.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_the_order_of_their_keys() {
        assert!(APIS.is_sorted_by_key(|row| row.key.code()));
    }
}
