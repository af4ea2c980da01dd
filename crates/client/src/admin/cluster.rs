//! The cluster as a whole: its brokers, and what is on their disks.

use std::time::Duration;

use ottla_types::BrokerId;
use ottla_wire::messages::{DescribeClusterRequest, DescribeLogDirsRequest};

use super::{Admin, verdict};
use crate::{
    Error, ErrorKind, Result,
    client::{ANY, Lane},
    topology::Broker,
};

/// The cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    /// Its id.
    pub cluster_id: String,
    /// The controller that clients are told, −1 if there is none.
    pub controller_id: BrokerId,
    /// Its brokers.
    pub brokers: Vec<BrokerDescription>,
}

/// One broker of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerDescription {
    /// Who and where it is.
    pub broker: Broker,
    /// Whether it is registered but not taking part.
    pub is_fenced: bool,
}

/// A directory of a broker.
#[derive(Clone, Debug)]
pub struct LogDir {
    /// The broker.
    pub broker_id: BrokerId,
    /// The path on its machine.
    pub path: String,
    /// Why the broker cannot describe it: `KAFKA_STORAGE_ERROR` where it has failed. Then nothing
    /// else is known of it.
    pub error: Option<Error>,
    /// Bytes of the whole volume, −1 if not known.
    pub total_bytes: i64,
    /// Bytes free on the volume, −1 if not known.
    pub usable_bytes: i64,
    /// The partitions in it.
    pub partitions: Vec<LogDirPartition>,
}

/// A partition in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDirPartition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Bytes of its log.
    pub size: i64,
    /// How far it is behind, in offsets.
    pub offset_lag: i64,
    /// Whether it is a copy that will take the place of another.
    pub is_future: bool,
}

impl Admin {
    /// The cluster and its brokers, fenced ones included where the broker can say.
    pub async fn describe_cluster(&self) -> Result<ClusterDescription> {
        let build = |version| DescribeClusterRequest {
            include_fenced_brokers: version >= 2,
            ..DescribeClusterRequest::default()
        };
        let response = match self.client.call_any(ANY, build).await {
            Ok(response) => response,
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                self.client.refresh().await?;
                return Ok(self.cluster_from_metadata());
            }
            Err(error) => return Err(error),
        };
        let what = || "cannot describe the cluster".to_owned();
        verdict(response.error_code, what, response.error_message.as_deref())?;
        let brokers = response.brokers.iter().map(|it| BrokerDescription {
            broker: Broker {
                id: BrokerId(it.broker_id),
                host: it.host.to_string(),
                port: it.port,
                rack: it.rack.as_ref().map(ToString::to_string),
            },
            is_fenced: it.is_fenced,
        });
        Ok(ClusterDescription {
            cluster_id: response.cluster_id.to_string(),
            controller_id: BrokerId(response.controller_id),
            brokers: brokers.collect(),
        })
    }

    /// What brokers before 2.8 tell: the metadata.
    fn cluster_from_metadata(&self) -> ClusterDescription {
        let topology = self.client.topology();
        let brokers = topology.brokers.values().cloned();
        ClusterDescription {
            cluster_id: topology.cluster_id.clone().unwrap_or_default(),
            controller_id: topology.controller_id,
            brokers: brokers.map(|broker| BrokerDescription { broker, is_fenced: false }).collect(),
        }
    }

    /// The directories of a broker with the sizes of all partitions in them. One that has failed is
    /// told by its [`LogDir::error`], and the others are described all the same.
    pub async fn describe_log_dirs(&self, broker: BrokerId) -> Result<Vec<LogDir>> {
        let request = DescribeLogDirsRequest { topics: None };
        let to = (broker, Lane::Shared);
        let response = self.client.call(to, ANY, Duration::ZERO, |_| request).await?;
        let what = || format!("cannot describe the log directories of broker {broker}");
        verdict(response.error_code, what, None)?;
        let mut dirs = Vec::new();
        for dir in response.results {
            let what = || format!("cannot describe the log directory {}", dir.log_dir);
            let error = verdict(dir.error_code, what, None).err();
            let partitions = dir.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|it| LogDirPartition {
                    topic: topic.name.to_string(),
                    partition: it.partition_index,
                    size: it.partition_size,
                    offset_lag: it.offset_lag,
                    is_future: it.is_future_key,
                })
            });
            dirs.push(LogDir {
                broker_id: broker,
                path: dir.log_dir.to_string(),
                error,
                total_bytes: dir.total_bytes,
                usable_bytes: dir.usable_bytes,
                partitions: partitions.collect(),
            });
        }
        Ok(dirs)
    }
}
