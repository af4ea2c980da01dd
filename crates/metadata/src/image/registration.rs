//! A broker as it registered.
//!
//! Kafka: `BrokerRegistration`.

use ottla_types::{BrokerId, Uuid};
use ottla_wire::{
    Str,
    broker_registration_change_record::BrokerRegistrationChangeRecord,
    register_broker_record::{BrokerEndpoint, BrokerFeature, RegisterBrokerRecord},
};

/// An address that a broker advertises on one of its listeners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The name of the listener.
    pub name: String,
    /// The host that clients are told.
    pub host: String,
    /// The port that clients are told.
    pub port: u16,
    /// Kafka's number of the security protocol: 0 PLAINTEXT, 1 SSL, 2 SASL_PLAINTEXT, 3 SASL_SSL.
    pub security_protocol: i16,
}

/// The levels of a feature that a broker can live with, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureRange {
    /// The name of the feature.
    pub name: String,
    /// The lowest level.
    pub min: i16,
    /// The highest level.
    pub max: i16,
}

/// A broker as it registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The broker.
    pub broker_id: BrokerId,
    /// The offset in the metadata log at which it registered.
    pub broker_epoch: i64,
    /// A new one at each start of its process.
    pub incarnation_id: Uuid,
    /// The addresses it advertises.
    pub endpoints: Vec<Endpoint>,
    /// What it can live with.
    pub features: Vec<FeatureRange>,
    /// Where it stands.
    pub rack: Option<String>,
    /// Whether it is kept out: not yet up, or not heard of for too long.
    pub fenced: bool,
    /// Whether it is about to stop and gives its leaderships away.
    pub in_controlled_shutdown: bool,
    /// Its log directories.
    pub directories: Vec<Uuid>,
    /// Those of them that take no new partitions; `None` where none ever was.
    pub cordoned_directories: Option<Vec<Uuid>>,
}

impl Registration {
    /// The address advertised on a listener.
    pub fn endpoint(&self, listener: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.name == listener)
    }

    /// Where a new replica goes: the directory, where there is only one that takes any.
    pub fn default_directory(&self) -> Uuid {
        match self.directories.as_slice() {
            [only] => *only,
            _ => Uuid::UNASSIGNED_DIR,
        }
    }

    /// Whether a directory is one of those that work; one that is not known is taken for one.
    pub fn has_online(&self, directory: Uuid) -> bool {
        directory.is_unknown_dir()
            || self.directories.is_empty()
            || self.directories.contains(&directory)
    }

    /// Whether there is a directory that takes new partitions.
    pub fn takes_partitions(&self) -> bool {
        let cordoned = self.cordoned_directories.as_deref().unwrap_or_default();
        self.directories.is_empty() || self.directories.iter().any(|id| !cordoned.contains(id))
    }

    pub(super) fn from_record(record: &RegisterBrokerRecord) -> Self {
        let endpoint = |endpoint: &BrokerEndpoint| Endpoint {
            name: endpoint.name.to_string(),
            host: endpoint.host.to_string(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        };
        let feature = |feature: &BrokerFeature| FeatureRange {
            name: feature.name.to_string(),
            min: feature.min_supported_version,
            max: feature.max_supported_version,
        };
        Self {
            broker_id: BrokerId(record.broker_id),
            broker_epoch: record.broker_epoch,
            incarnation_id: record.incarnation_id,
            endpoints: record.end_points.iter().map(endpoint).collect(),
            features: record.features.iter().map(feature).collect(),
            rack: record.rack.as_ref().map(Str::to_string),
            fenced: record.fenced,
            in_controlled_shutdown: record.in_controlled_shutdown,
            directories: record.log_dirs.clone(),
            cordoned_directories: record.cordoned_log_dirs.clone(),
        }
    }

    /// The record that makes this registration.
    pub(crate) fn to_record(&self) -> RegisterBrokerRecord {
        let endpoint = |endpoint: &Endpoint| BrokerEndpoint {
            name: endpoint.name.as_str().into(),
            host: endpoint.host.as_str().into(),
            port: endpoint.port,
            security_protocol: endpoint.security_protocol,
        };
        let feature = |feature: &FeatureRange| BrokerFeature {
            name: feature.name.as_str().into(),
            min_supported_version: feature.min,
            max_supported_version: feature.max,
        };
        RegisterBrokerRecord {
            broker_id: self.broker_id.0,
            is_migrating_zk_broker: false,
            incarnation_id: self.incarnation_id,
            broker_epoch: self.broker_epoch,
            end_points: self.endpoints.iter().map(endpoint).collect(),
            features: self.features.iter().map(feature).collect(),
            rack: self.rack.as_deref().map(Str::from),
            fenced: self.fenced,
            in_controlled_shutdown: self.in_controlled_shutdown,
            log_dirs: self.directories.clone(),
            cordoned_log_dirs: self.cordoned_directories.clone(),
        }
    }

    pub(super) fn merge(&mut self, change: &BrokerRegistrationChangeRecord) {
        match change.fenced {
            1 => self.fenced = true,
            -1 => self.fenced = false,
            _ => {}
        }
        if change.in_controlled_shutdown == 1 {
            self.in_controlled_shutdown = true;
        }
        if !change.log_dirs.is_empty() {
            self.directories.clone_from(&change.log_dirs);
        }
        if change.cordoned_log_dirs.is_some() {
            self.cordoned_directories.clone_from(&change.cordoned_log_dirs);
        }
    }
}
