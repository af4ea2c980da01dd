//! CreateTopics: new topics with their partitions and configuration.
//!
//! Kafka: `ControllerApis.createTopics`, `ReplicationControlManager.createTopics`.

use std::collections::BTreeMap;

use ottla_config::{Properties, describe_topic, keys, validate_topic};
use ottla_types::{BrokerId, ErrorCode, TopicName, Uuid};
use ottla_wire::{
    Str,
    clear_elr_record::ClearElrRecord,
    config_record::ConfigRecord,
    create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest},
    create_topics_response::{CreatableTopicConfigs, CreatableTopicResult, CreateTopicsResponse},
    topic_record::TopicRecord,
};

use super::{
    Context, Decision, NewId, RECORDS_PER_BATCH_MAX, Refusal, capitalized, placement, repeated,
};
use crate::{MetadataRecord, ResourceType};

/// A topic that is to be, with everything settled but its id.
struct Plan {
    name: TopicName,
    overrides: Properties,
    replicas: Vec<Vec<BrokerId>>,
}

/// Decides on a request to create topics. Topics that the client may not create are not in it any
/// more.
pub fn create_topics(
    context: Context<'_>,
    request: &CreateTopicsRequest,
    new_id: NewId<'_>,
) -> Decision<CreateTopicsResponse> {
    let twice = repeated(request.topics.iter().map(|topic| topic.name.as_str()));
    let once = || request.topics.iter().filter(|topic| !twice.contains(topic.name.as_str()));
    let mut decision = Decision { records: Vec::new(), response: CreateTopicsResponse::default() };
    if let Some(refusal) = too_many_partitions(context, once()) {
        refuse_all(once(), &refusal, &mut decision);
    } else {
        for topic in once() {
            let result = match plan(context, topic) {
                Ok(plan) => {
                    let id = fresh_id(context, new_id);
                    decision.records.extend(plan.records(context, id));
                    plan.result(context, id)
                }
                Err(refusal) => refused(&topic.name, refusal),
            };
            decision.response.topics.push(result);
        }
        if decision.records.len() > RECORDS_PER_BATCH_MAX {
            let refusal = Refusal::new(
                ErrorCode::PolicyViolation,
                "Unable to perform excessively large batch operation.",
            );
            refuse_all(once(), &refusal, &mut decision);
        }
    }
    for name in twice {
        let refusal = Refusal::new(ErrorCode::InvalidRequest, "Duplicate topic name.");
        decision.response.topics.push(refused(name, refusal));
    }
    if request.validate_only {
        decision.records.clear();
    }
    decision
}

fn fresh_id(context: Context<'_>, new_id: NewId<'_>) -> Uuid {
    loop {
        let id = new_id();
        let reserved = id.is_zero() || id == Uuid::METADATA_TOPIC;
        if !reserved && context.image.topic_by_id(id).is_none() {
            return id;
        }
    }
}

fn refused(name: &str, refusal: Refusal) -> CreatableTopicResult {
    let (error_code, error_message) = refusal.into_fields();
    CreatableTopicResult { name: name.into(), error_code, error_message, ..Default::default() }
}

fn refuse_all<'a>(
    topics: impl Iterator<Item = &'a CreatableTopic>,
    refusal: &Refusal,
    decision: &mut Decision<CreateTopicsResponse>,
) {
    decision.records.clear();
    decision.response.topics = topics.map(|topic| refused(&topic.name, refusal.clone())).collect();
}

/// Refuses the whole request where it asks for more partitions than one batch can make.
fn too_many_partitions<'a>(
    context: Context<'_>,
    topics: impl Iterator<Item = &'a CreatableTopic>,
) -> Option<Refusal> {
    let default = context.config.get(&keys::NUM_PARTITIONS);
    let count = |topic: &CreatableTopic| {
        let asked = if topic.num_partitions == -1 { default } else { topic.num_partitions };
        usize::try_from(asked).unwrap_or(0).max(topic.assignments.len())
    };
    (topics.map(count).fold(0, usize::saturating_add) > RECORDS_PER_BATCH_MAX).then(|| {
        Refusal::new(
            ErrorCode::PolicyViolation,
            "Excessively large number of partitions per request.",
        )
    })
}

fn plan(context: Context<'_>, topic: &CreatableTopic) -> Result<Plan, Refusal> {
    if topic.name == TopicName::CLUSTER_METADATA {
        return Err(Refusal::new(
            ErrorCode::InvalidRequest,
            format!("Creation of internal topic {} is prohibited.", topic.name),
        ));
    }
    let name = new_name(context, &topic.name)?;
    let overrides = overrides(context, topic)?;
    let replicas = if topic.assignments.is_empty() {
        automatic(context, topic)?
    } else {
        manual(context, topic)?
    };
    Ok(Plan { name, overrides, replicas })
}

/// The name, where a topic may have it and none has it yet.
fn new_name(context: Context<'_>, name: &str) -> Result<TopicName, Refusal> {
    let invalid = |text: String| Refusal::new(ErrorCode::InvalidTopicException, text);
    let name = TopicName::new(name).map_err(|error| invalid(capitalized(&error.to_string())))?;
    if context.image.topic(&name).is_some() {
        return Err(Refusal::new(
            ErrorCode::TopicAlreadyExists,
            format!("Topic '{name}' already exists."),
        ));
    }
    // As in Kafka, two new topics of one request are not held against each other.
    match context.image.colliding_topic(&name) {
        Some(other) => {
            Err(invalid(format!("Topic '{name}' collides with existing topic: {}", other.name)))
        }
        None => Ok(name),
    }
}

fn overrides(context: Context<'_>, topic: &CreatableTopic) -> Result<Properties, Refusal> {
    let mut overrides = Properties::new();
    let mut without_value = Vec::new();
    for config in &topic.configs {
        match &config.value {
            Some(value) => {
                overrides.insert(config.name.to_string(), value.to_string());
            }
            None => without_value.push(config.name.as_str()),
        }
    }
    let invalid = |text| Refusal::new(ErrorCode::InvalidConfig, text);
    if !without_value.is_empty() {
        return Err(invalid(format!(
            "Null value not supported for topic configs: {}",
            without_value.join(",")
        )));
    }
    validate_topic(context.config, &overrides).map_err(|error| invalid(error.to_string()))?;
    Ok(overrides)
}

/// Lets the controller choose the replicas.
fn automatic(context: Context<'_>, topic: &CreatableTopic) -> Result<Vec<Vec<BrokerId>>, Refusal> {
    let default = context.config.get(&keys::DEFAULT_REPLICATION_FACTOR);
    let replication_factor = match topic.replication_factor {
        -1 => i16::try_from(default).unwrap_or(i16::MAX),
        asked => asked,
    };
    if replication_factor < 1 {
        return Err(Refusal::new(
            ErrorCode::InvalidReplicationFactor,
            "Replication factor must be larger than 0, or -1 to use the default value.",
        ));
    }
    let partitions = match topic.num_partitions {
        -1 => context.config.get(&keys::NUM_PARTITIONS),
        asked if asked < 1 => {
            return Err(Refusal::new(
                ErrorCode::InvalidPartitions,
                "Number of partitions was set to an invalid non-positive value.",
            ));
        }
        asked => asked,
    };
    placement::place(context.image, 0, partitions, replication_factor)
}

/// Takes the replicas that the client chose.
fn manual(context: Context<'_>, topic: &CreatableTopic) -> Result<Vec<Vec<BrokerId>>, Refusal> {
    let contradiction = |field: &str| {
        Err(Refusal::new(
            ErrorCode::InvalidRequest,
            format!("A manual partition assignment was specified, but {field} was not set to -1."),
        ))
    };
    if topic.replication_factor != -1 {
        return contradiction("replication factor");
    }
    if topic.num_partitions != -1 {
        return contradiction("numPartitions");
    }
    let invalid = |text: String| Refusal::new(ErrorCode::InvalidReplicaAssignment, text);
    let mut by_number = BTreeMap::new();
    let mut replication_factor = None;
    for assignment in &topic.assignments {
        let number = assignment.partition_index;
        if by_number.contains_key(&number) {
            return Err(invalid(format!(
                "Found multiple manual partition assignments for partition {number}"
            )));
        }
        let replicas =
            placement::check_manual(context.image, &assignment.broker_ids, replication_factor)?;
        if !replicas.iter().any(|id| context.image.is_alive(*id)) {
            return Err(invalid(format!(
                "All brokers specified in the manual partition assignment for partition {number} \
                 are fenced or in controlled shutdown."
            )));
        }
        replication_factor = Some(replicas.len());
        by_number.insert(number, replicas);
    }
    let consecutive = (0_i32..).zip(by_number.keys()).all(|(expected, number)| expected == *number);
    if !consecutive {
        return Err(invalid(
            "partitions should be a consecutive 0-based integer sequence".to_owned(),
        ));
    }
    Ok(by_number.into_values().collect())
}

impl Plan {
    /// The topic, its configuration, its partitions.
    fn records(&self, context: Context<'_>, id: Uuid) -> Vec<MetadataRecord> {
        let mut records: Vec<MetadataRecord> =
            vec![TopicRecord { name: self.name.as_str().into(), topic_id: id }.into()];
        let config = |(name, value): (&String, &String)| ConfigRecord {
            resource_type: ResourceType::TOPIC.0,
            resource_name: self.name.as_str().into(),
            name: name.as_str().into(),
            value: Some(value.as_str().into()),
        };
        records.extend(self.overrides.iter().map(config).map(MetadataRecord::from));
        if context.image.is_elr_enabled() && self.overrides.contains_key("min.insync.replicas") {
            records.push(ClearElrRecord { topic_name: self.name.as_str().into() }.into());
        }
        let partitions = (0..).zip(&self.replicas).filter_map(|(number, replicas)| {
            placement::new_partition(context.image, id, number, replicas.clone())
        });
        records.extend(partitions);
        records
    }

    fn result(&self, context: Context<'_>, id: Uuid) -> CreatableTopicResult {
        let mut described = describe_topic(context.config, &self.overrides);
        described.sort_by(|a, b| a.name.cmp(&b.name));
        let configs = described
            .into_iter()
            .map(|described| CreatableTopicConfigs {
                name: described.name.into(),
                value: described.value.map(Str::from),
                read_only: described.read_only,
                config_source: described.source.code(),
                is_sensitive: described.is_sensitive,
            })
            .collect();
        let replication_factor = self.replicas.first().map_or(0, Vec::len);
        CreatableTopicResult {
            name: self.name.as_str().into(),
            topic_id: id,
            error_code: 0,
            error_message: None,
            topic_config_error_code: 0,
            num_partitions: i32::try_from(self.replicas.len()).unwrap_or(i32::MAX),
            replication_factor: i16::try_from(replication_factor).unwrap_or(i16::MAX),
            configs: Some(configs),
        }
    }
}

/// A topic of Kafka's own, created when it is first needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InternalTopic {
    /// `__consumer_offsets`.
    ConsumerOffsets,
    /// `__transaction_state`.
    TransactionState,
}

impl InternalTopic {
    /// The topic's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ConsumerOffsets => TopicName::CONSUMER_OFFSETS,
            Self::TransactionState => TopicName::TRANSACTION_STATE,
        }
    }

    /// The request with which Kafka would create it: partitions, replicas and configuration as
    /// the broker's own keys say. There are no more replicas than brokers, since a topic that
    /// cannot be created serves nobody.
    pub fn request(self, context: Context<'_>) -> CreatableTopic {
        let config = context.config;
        let (partitions, replication_factor, segment_bytes) = match self {
            Self::ConsumerOffsets => (
                config.get(&keys::OFFSETS_TOPIC_NUM_PARTITIONS),
                config.get(&keys::OFFSETS_TOPIC_REPLICATION_FACTOR),
                config.get(&keys::OFFSETS_TOPIC_SEGMENT_BYTES),
            ),
            Self::TransactionState => (
                config.get(&keys::TRANSACTION_STATE_LOG_NUM_PARTITIONS),
                config.get(&keys::TRANSACTION_STATE_LOG_REPLICATION_FACTOR),
                config.get(&keys::TRANSACTION_STATE_LOG_SEGMENT_BYTES),
            ),
        };
        let brokers = i16::try_from(context.image.brokers().len()).unwrap_or(i16::MAX).max(1);
        let replication_factor = replication_factor.min(brokers);
        let compression = match self {
            Self::ConsumerOffsets => "producer",
            Self::TransactionState => "uncompressed",
        };
        let mut configs = vec![
            ("cleanup.policy", "compact".to_owned()),
            ("compression.type", compression.to_owned()),
            ("segment.bytes", segment_bytes.to_string()),
        ];
        if self == Self::TransactionState {
            let min_isr = config.get(&keys::TRANSACTION_STATE_LOG_MIN_ISR);
            let min_isr = min_isr.min(i32::from(replication_factor));
            configs.push(("min.insync.replicas", min_isr.to_string()));
            configs.push(("unclean.leader.election.enable", "false".to_owned()));
        }
        CreatableTopic {
            name: self.name().into(),
            num_partitions: partitions,
            replication_factor,
            assignments: Vec::new(),
            configs: configs
                .into_iter()
                .map(|(name, value)| CreatableTopicConfig {
                    name: name.into(),
                    value: Some(value.into()),
                })
                .collect(),
        }
    }
}

/// Decides to create a topic of Kafka's own. The response is about that one topic.
pub fn create_internal_topic(
    context: Context<'_>,
    topic: InternalTopic,
    new_id: NewId<'_>,
) -> Decision<CreateTopicsResponse> {
    let request =
        CreateTopicsRequest { topics: vec![topic.request(context)], ..Default::default() };
    create_topics(context, &request, new_id)
}

#[cfg(test)]
mod tests;
