//! Topics: created, deleted, listed, described, given more partitions; records deleted.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use ottla_types::{BrokerId, ErrorCode, Offset, Uuid};
use ottla_wire::{
    create_partitions_request::CreatePartitionsTopic,
    create_topics_request::{CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig},
    delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic},
    delete_topics_request::DeleteTopicState,
    messages::{
        CreatePartitionsRequest, CreateTopicsRequest, DeleteRecordsRequest, DeleteTopicsRequest,
    },
};

use super::{Admin, verdict};
use crate::{
    Error, Result,
    client::{ANY, AutoCreate, Lane},
    topology::{TopicInfo, topic_info},
};

/// A topic to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTopic {
    name: String,
    partitions: i32,
    replication_factor: i16,
    assignments: Vec<Vec<i32>>,
    configs: BTreeMap<String, String>,
}

impl NewTopic {
    /// With the broker's defaults for everything but the name.
    pub fn new(name: impl Into<String>) -> Self {
        let configs = BTreeMap::new();
        let name = name.into();
        Self { name, partitions: -1, replication_factor: -1, assignments: Vec::new(), configs }
    }

    /// With this many partitions.
    #[must_use]
    pub const fn partitions(mut self, partitions: i32) -> Self {
        self.partitions = partitions;
        self
    }

    /// With this many copies.
    #[must_use]
    pub const fn replication_factor(mut self, replication_factor: i16) -> Self {
        self.replication_factor = replication_factor;
        self
    }

    /// With the replicas of each partition given, the preferred leader first.
    #[must_use]
    pub fn assignments(mut self, assignments: Vec<Vec<i32>>) -> Self {
        self.assignments = assignments;
        self
    }

    /// With a config of its own.
    #[must_use]
    pub fn config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.configs.insert(name.into(), value.into());
        self
    }

    fn wire(&self) -> CreatableTopic {
        let assignments = (0_i32..).zip(&self.assignments).map(|(index, brokers)| {
            CreatableReplicaAssignment { partition_index: index, broker_ids: brokers.clone() }
        });
        let configs = self.configs.iter().map(|(name, value)| CreatableTopicConfig {
            name: name.into(),
            value: Some(value.into()),
        });
        let is_assigned = !self.assignments.is_empty();
        CreatableTopic {
            name: (&self.name).into(),
            num_partitions: if is_assigned { -1 } else { self.partitions },
            replication_factor: if is_assigned { -1 } else { self.replication_factor },
            assignments: assignments.collect(),
            configs: configs.collect(),
        }
    }
}

/// A topic that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedTopic {
    /// The name.
    pub name: String,
    /// The id, zero from old brokers.
    pub topic_id: Uuid,
    /// How many partitions it got, −1 where the broker does not say.
    pub partitions: i32,
    /// How many copies of each, −1 where the broker does not say.
    pub replication_factor: i16,
}

impl Admin {
    /// Creates topics, or with `validate_only` says whether it could.
    pub async fn create_topics(
        &self,
        topics: &[NewTopic],
        validate_only: bool,
    ) -> Result<Vec<(String, Result<CreatedTopic>)>> {
        let mut backoff = self.client.backoff();
        loop {
            let to = (self.controller().await?, Lane::Shared);
            let request = CreateTopicsRequest {
                topics: topics.iter().map(NewTopic::wire).collect(),
                timeout_ms: self.client.broker_timeout_ms(),
                validate_only,
            };
            let response = self.client.call(to, ANY, Duration::ZERO, |_| request).await?;
            if let Some(error) = not_controller(response.topics.iter().map(|it| it.error_code)) {
                self.client.refresh().await?;
                backoff.pause(error).await?;
                continue;
            }
            let results = response.topics.iter().map(|topic| {
                let what = || format!("cannot create topic {}", topic.name);
                let verdict = verdict(topic.error_code, what, topic.error_message.as_deref());
                let created = CreatedTopic {
                    name: topic.name.to_string(),
                    topic_id: topic.topic_id,
                    partitions: topic.num_partitions,
                    replication_factor: topic.replication_factor,
                };
                (topic.name.to_string(), verdict.map(|()| created))
            });
            return Ok(results.collect());
        }
    }

    /// Creates one topic.
    pub async fn create_topic(&self, topic: NewTopic) -> Result<CreatedTopic> {
        let name = topic.name.clone();
        let results = self.create_topics(&[topic], false).await?;
        results.into_iter().next().map_or_else(|| Err(left_out(&name)), |(_, result)| result)
    }

    /// Deletes topics by name.
    pub async fn delete_topics(&self, names: &[String]) -> Result<Vec<(String, Result<()>)>> {
        let mut backoff = self.client.backoff();
        loop {
            let to = (self.controller().await?, Lane::Shared);
            let timeout_ms = self.client.broker_timeout_ms();
            let build = |version| {
                let mut request = DeleteTopicsRequest { timeout_ms, ..Default::default() };
                if version >= 6 {
                    let state = |name: &String| DeleteTopicState {
                        name: Some(name.into()),
                        ..DeleteTopicState::default()
                    };
                    request.topics = names.iter().map(state).collect();
                } else {
                    request.topic_names = names.iter().map(Into::into).collect();
                }
                request
            };
            let response = self.client.call(to, ANY, Duration::ZERO, build).await?;
            if let Some(error) = not_controller(response.responses.iter().map(|it| it.error_code)) {
                self.client.refresh().await?;
                backoff.pause(error).await?;
                continue;
            }
            let results = response.responses.iter().map(|topic| {
                let name = topic.name.as_deref().unwrap_or_default().to_owned();
                self.client.forget_topic(&name);
                let what = || format!("cannot delete topic {name}");
                let verdict = verdict(topic.error_code, what, topic.error_message.as_deref());
                (name, verdict)
            });
            return Ok(results.collect());
        }
    }

    /// Every topic of the cluster, Kafka's own included.
    pub async fn list_topics(&self) -> Result<Vec<Arc<TopicInfo>>> {
        let topics = self.client.fetch_metadata(None, AutoCreate::No).await?;
        Ok(topics.iter().filter_map(topic_info).map(Arc::new).collect())
    }

    /// These topics, each by itself.
    pub async fn describe_topics(
        &self,
        names: &[String],
    ) -> Result<Vec<(String, Result<Arc<TopicInfo>>)>> {
        let topics = self.client.fetch_metadata(Some(names.to_vec()), AutoCreate::No).await?;
        let infos = topics.iter().filter_map(topic_info);
        let infos: BTreeMap<Arc<str>, Arc<TopicInfo>> =
            infos.map(|info| (info.name.clone(), Arc::new(info))).collect();
        let found = |name: &String| {
            let info = infos.get(name.as_str()).ok_or_else(|| left_out(name))?;
            let what = || format!("cannot describe topic {name}");
            verdict(info.error.code(), what, None).map(|()| Arc::clone(info))
        };
        Ok(names.iter().map(|name| (name.clone(), found(name))).collect())
    }

    /// Gives a topic more partitions, `count` in all.
    pub async fn create_partitions(
        &self,
        topic: &str,
        count: i32,
        validate_only: bool,
    ) -> Result<()> {
        let to = (self.controller().await?, Lane::Shared);
        let request = CreatePartitionsRequest {
            topics: vec![CreatePartitionsTopic { name: topic.into(), count, assignments: None }],
            timeout_ms: self.client.broker_timeout_ms(),
            validate_only,
        };
        let response = self.client.call(to, ANY, Duration::ZERO, |_| request).await?;
        let result = response.results.first().ok_or_else(|| left_out(topic))?;
        self.client.forget_topic(topic);
        let what = || format!("cannot change the partitions of topic {topic}");
        verdict(result.error_code, what, result.error_message.as_deref())
    }

    /// Deletes the records before these offsets (exclusive; −1 means all). Gives the new first
    /// offsets.
    pub async fn delete_records(
        &self,
        before: &[(String, i32, Offset)],
    ) -> Result<Vec<(String, i32, Result<Offset>)>> {
        let mut results = Vec::new();
        let mut by_leader: BTreeMap<i32, Vec<DeleteRecordsTopic>> = BTreeMap::new();
        for name in before.iter().map(|(name, ..)| name).collect::<BTreeSet<_>>() {
            self.client.topic(name, AutoCreate::No).await?;
        }
        for (name, partition, offset) in before {
            let what = || format!("cannot delete records of {name}-{partition}");
            let leader = match self.client.topology().leader_of(name, *partition, what) {
                Ok(leader) => leader,
                Err(error) => {
                    results.push((name.clone(), *partition, Err(error)));
                    continue;
                }
            };
            let item = DeleteRecordsPartition { partition_index: *partition, offset: offset.0 };
            let topics = by_leader.entry(leader.0).or_default();
            match topics.iter_mut().find(|topic| topic.name == *name.as_str()) {
                Some(topic) => topic.partitions.push(item),
                None => {
                    topics.push(DeleteRecordsTopic { name: name.into(), partitions: vec![item] });
                }
            }
        }
        for (leader, topics) in by_leader {
            let request =
                DeleteRecordsRequest { topics, timeout_ms: self.client.broker_timeout_ms() };
            let to = (BrokerId(leader), Lane::Shared);
            let response = self.client.call(to, ANY, Duration::ZERO, |_| request).await?;
            for topic in response.topics {
                for it in topic.partitions {
                    let what = || {
                        format!("cannot delete records of {}-{}", topic.name, it.partition_index)
                    };
                    let result = verdict(it.error_code, what, None);
                    let result = result.map(|()| Offset(it.low_watermark));
                    results.push((topic.name.to_string(), it.partition_index, result));
                }
            }
        }
        Ok(results)
    }
}

fn left_out(name: &str) -> Error {
    let why = "the broker's answer leaves it out";
    Error::new(crate::ErrorKind::Protocol, format!("cannot use topic {name}"), why)
}

fn not_controller(codes: impl Iterator<Item = i16>) -> Option<Error> {
    let moved = codes.map(ErrorCode::from_code).find(|code| *code == ErrorCode::NotController);
    moved.map(|code| Error::broker(code, "cannot change topics", None))
}
