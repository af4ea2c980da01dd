//! Metadata (3), versions 0-13: brokers, topics and who leads their partitions.
//!
//! - v0: an empty list means all topics. v1: null does, and an empty list means none.
//! - v4: whether topics may be created. v7: leader epochs. v8: authorized operations.
//! - v10: topic ids (KIP-516). v12: topics asked for by id. v13: an error code for all (KIP-1102).
//!
//! A topic that is created here has its leader in the same answer, unless it was deleted before and
//! this is the first question since: see [`crate::deleted_names`].
//! Kafka: `KafkaApis.handleTopicMetadataRequest`, `AutoTopicCreationManager`.

use ottla_config::keys;
use ottla_metadata::{
    Image, Partition, Topic,
    decide::{self, InternalTopic},
};
use ottla_types::{BrokerId, ErrorCode, TopicName, Uuid};
use ottla_wire::{
    Str,
    create_topics_request::CreatableTopic,
    messages::{CreateTopicsRequest, MetadataRequest, MetadataResponse},
    metadata_request::MetadataRequestTopic,
    metadata_response::{MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic},
};

use super::{Api, Context, Outcome};
use crate::{authorized, journal::Event, random::new_id};

pub(super) struct Metadata;

impl Api for Metadata {
    type Request = MetadataRequest;

    async fn handle(ctx: Context, request: MetadataRequest) -> Outcome {
        let wanted = match &request.topics {
            Some(topics) if ctx.version == 0 && topics.is_empty() => None,
            other => other.as_deref(),
        };
        if let Some(topics) = wanted
            && topics.iter().any(|topic| is_unusable(topic, ctx.version))
        {
            return ctx.reply(&refuse(&ctx, topics));
        }
        if let Some(topics) = wanted
            && request.allow_auto_topic_creation
            && ctx.shared.config().get(&keys::AUTO_CREATE_TOPICS_ENABLE)
        {
            create_missing(&ctx, topics).await;
        }
        let image = ctx.shared.image();
        let operations = if request.include_topic_authorized_operations {
            authorized::TOPIC
        } else {
            authorized::NOT_ASKED
        };
        let topics = match wanted {
            None => image.topics().map(|topic| found(&image, topic, operations)).collect(),
            Some(topics) => {
                let mut seen = std::collections::HashSet::new();
                topics
                    .iter()
                    .filter(|topic| seen.insert((topic.topic_id, topic.name.clone())))
                    .map(|topic| look_up(&ctx, &image, topic, operations))
                    .collect()
            }
        };
        let endpoint = ctx.shared.advertised(&ctx.peer);
        ctx.shared.journal.put(
            Event::new("metadata.answered")
                .client(ctx.client_id.as_deref())
                .remote(ctx.peer.remote)
                .with("listener", &ctx.peer.listener)
                .with("broker", format_args!("{}:{}", endpoint.host, endpoint.port)),
        );
        let broker_id = ctx.shared.broker_id.get();
        ctx.reply(&MetadataResponse {
            brokers: vec![MetadataResponseBroker {
                node_id: broker_id,
                host: endpoint.host,
                port: endpoint.port,
                rack: ctx.shared.rack.clone(),
            }],
            cluster_id: Some(ctx.shared.cluster_id.clone()),
            controller_id: broker_id,
            topics,
            cluster_authorized_operations: if request.include_cluster_authorized_operations {
                authorized::CLUSTER
            } else {
                authorized::NOT_ASKED
            },
            ..Default::default()
        })
    }
}

/// Whether a topic is asked for by nothing, or by an id in a version that only knows names.
fn is_unusable(topic: &MetadataRequestTopic, version: i16) -> bool {
    if version < 12 {
        topic.name.is_none() || !topic.topic_id.is_zero()
    } else {
        topic.name.is_none() && topic.topic_id.is_zero()
    }
}

/// Refuses the request as a whole, as Kafka does: without brokers.
fn refuse(ctx: &Context, topics: &[MetadataRequestTopic]) -> MetadataResponse {
    let error_code = ErrorCode::InvalidRequest.code();
    let topics = topics.iter().map(|topic| MetadataResponseTopic {
        error_code,
        name: Some(topic.name.clone().unwrap_or_default()),
        topic_id: topic.topic_id,
        ..Default::default()
    });
    MetadataResponse {
        topics: topics.collect(),
        error_code: if ctx.version >= 13 { error_code } else { 0 },
        ..Default::default()
    }
}

/// Creates the topics that are asked for by name and are not there. What cannot be created is
/// found missing, or invalid, when it is looked up.
async fn create_missing(ctx: &Context, topics: &[MetadataRequestTopic]) {
    let image = ctx.shared.image();
    let mut missing: Vec<&str> = topics
        .iter()
        .filter(|topic| topic.topic_id.is_zero())
        .filter_map(|topic| topic.name.as_deref())
        .filter(|name| image.topic(name).is_none() && TopicName::new(name).is_ok())
        .collect();
    missing.sort_unstable();
    missing.dedup();
    missing.retain(|name| !ctx.shared.deleted_names.take(name));
    // One by one: two names of one request may collide with each other.
    for name in missing {
        let internal = [InternalTopic::ConsumerOffsets, InternalTopic::TransactionState]
            .into_iter()
            .find(|topic| topic.name() == name);
        let created = match internal {
            Some(topic) => ctx.shared.controller.create_internal_topic(topic).await,
            None => create(ctx, name).await,
        };
        if let Err(code) = created {
            tracing::warn!("topic {name} cannot be created: {code}");
        }
    }
}

async fn create(ctx: &Context, name: &str) -> Result<(), ErrorCode> {
    let topic = CreatableTopic {
        name: Str::from(name),
        num_partitions: -1,
        replication_factor: -1,
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    let created = ctx
        .shared
        .controller
        .decide(move |context| decide::create_topics(context, &request, &mut new_id))
        .await?;
    match created.topics.first().map_or(0, |topic| topic.error_code) {
        0 => Ok(()),
        code => Err(ErrorCode::from_code(code)),
    }
}

fn look_up(
    ctx: &Context,
    image: &Image,
    wanted: &MetadataRequestTopic,
    operations: i32,
) -> MetadataResponseTopic {
    if !wanted.topic_id.is_zero() {
        return match image.topic_by_id(wanted.topic_id) {
            Some(topic) => found(image, topic, operations),
            None => missing(ErrorCode::UnknownTopicId, None, wanted.topic_id),
        };
    }
    let name = wanted.name.as_deref().unwrap_or_default();
    if let Some(topic) = image.topic(name) {
        return found(image, topic, operations);
    }
    let code = match TopicName::new(name) {
        Ok(_) => ErrorCode::UnknownTopicOrPartition,
        Err(_) => ErrorCode::InvalidTopicException,
    };
    // Before version 12 the name may not be null.
    let name = if ctx.version < 12 { Some(Str::from(name)) } else { wanted.name.clone() };
    missing(code, name, Uuid::ZERO)
}

fn missing(code: ErrorCode, name: Option<Str>, topic_id: Uuid) -> MetadataResponseTopic {
    let is_internal = name
        .as_deref()
        .and_then(|name| TopicName::new(name).ok())
        .is_some_and(|name| name.is_internal());
    MetadataResponseTopic {
        error_code: code.code(),
        name,
        topic_id,
        is_internal,
        ..Default::default()
    }
}

fn found(image: &Image, topic: &Topic, operations: i32) -> MetadataResponseTopic {
    MetadataResponseTopic {
        error_code: ErrorCode::None.code(),
        name: Some(Str::from(topic.name.as_str())),
        topic_id: topic.id,
        is_internal: topic.name.is_internal(),
        partitions: topic.partitions().map(|(index, part)| partition(image, index, part)).collect(),
        topic_authorized_operations: operations,
    }
}

fn partition(image: &Image, index: i32, partition: &Partition) -> MetadataResponsePartition {
    let ids = |ids: &[BrokerId]| ids.iter().map(|id| id.get()).collect::<Vec<i32>>();
    let code = if partition.has_leader() { ErrorCode::None } else { ErrorCode::LeaderNotAvailable };
    MetadataResponsePartition {
        error_code: code.code(),
        partition_index: index,
        leader_id: partition.leader.get(),
        leader_epoch: partition.leader_epoch.get(),
        replica_nodes: ids(&partition.replicas),
        isr_nodes: ids(&partition.isr),
        offline_replicas: ids(&image.offline_replicas(partition)),
    }
}
