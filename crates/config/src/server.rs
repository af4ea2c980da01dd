//! The configuration of one server: its layers merged, checked, and read by key.
//!
//! Invariants: every key of a broker has a value, and every value is allowed by its key; so
//! reading cannot fail. A dynamic value that its key does not allow is left out, and reported.
//!
//! Kafka: `KafkaConfig`, `DynamicBrokerConfig`.

use std::collections::BTreeMap;

use crate::{
    BrokerKey, Effect, InitialTopic, InvalidListener, InvalidValue, Key, Parsed, Value,
    initial_topic::topics_to_create,
    keys::{self, broker_key},
    listener::{ListenerTexts, Listeners},
    nearest,
    validator::host_limits,
};

mod removed;

const NO_RETENTION: &str = "log.retention.ms must be unlimited (-1) or, greater than or equal to 1";

/// Values by name, as text.
pub type Properties = BTreeMap<String, String>;

/// Values that came from one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Where they came from, for messages: a file's name, `the environment`, `--set`.
    pub origin: String,
    /// The values; the last of a name counts.
    pub properties: Vec<(String, String)>,
}

/// Something about a configuration that its owner should read once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// A name that is not known.
    Unknown {
        /// The name.
        key: String,
        /// Where it came from.
        origin: String,
        /// The known name that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A name that meant something to an older Kafka.
    Removed {
        /// The name.
        key: String,
        /// Where it came from.
        origin: String,
        /// What became of it.
        note: &'static str,
    },
    /// Names that are known, have values of their own, and change nothing in this version.
    NoEffect {
        /// The names.
        keys: Vec<String>,
    },
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown { key, origin, nearest: Some(nearest) } => {
                write!(f, "unknown configuration {key} in {origin}: did you mean {nearest}?")
            }
            Self::Unknown { key, origin, nearest: None } => {
                write!(
                    f,
                    "unknown configuration {key} in {origin}: it is kept, and changes nothing"
                )
            }
            Self::Removed { key, origin, note } => {
                write!(f, "configuration {key} in {origin} changes nothing: {note}")
            }
            Self::NoEffect { keys } => {
                let keys = keys.join(", ");
                write!(f, "these configurations are set and change nothing in this version: {keys}")
            }
        }
    }
}

/// A configuration a server cannot start with: every fault that was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct InvalidServerConfig(pub Vec<String>);

/// A configuration and what there is to say about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: ServerConfig,
    /// What its owner should read.
    pub warnings: Vec<Warning>,
}

/// The configuration of one server.
#[derive(Clone)]
pub struct ServerConfig {
    fixed: Properties,
    origins: BTreeMap<String, String>,
    dynamic_defaults: Properties,
    dynamic: Properties,
    values: BTreeMap<&'static str, Parsed>,
    listeners: Listeners,
}

/// Values are left out, because some are secrets.
impl std::fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerConfig")
            .field("origins", &self.origins)
            .field("listeners", &self.listeners)
            .finish_non_exhaustive()
    }
}

impl ServerConfig {
    /// Merges layers, of which a later one wins, and checks the result.
    pub fn load(layers: &[Layer]) -> Result<Loaded, InvalidServerConfig> {
        let mut fixed = Properties::new();
        let mut origins = BTreeMap::new();
        for layer in layers {
            for (key, value) in &layer.properties {
                fixed.insert(key.clone(), value.clone());
                origins.insert(key.clone(), layer.origin.clone());
            }
        }
        unite_broker_id(&mut fixed, &mut origins)?;
        let mut warnings = warnings(&origins);
        let mut values = BTreeMap::new();
        let mut faults = Vec::new();
        for key in keys::broker_keys() {
            let parsed = match fixed.get(key.name) {
                Some(text) => key.parse(text).unwrap_or_else(|fault| {
                    let origin = origins.get(key.name).map_or("", String::as_str);
                    faults.push(format!("{fault} (from {origin})"));
                    Parsed::Null
                }),
                None => key.default_value(),
            };
            values.insert(key.name, parsed);
        }
        if !faults.is_empty() {
            return Err(InvalidServerConfig(faults));
        }
        warnings.extend(without_effect(&fixed));
        let listeners = parse_listeners(&values)
            .map_err(|fault| InvalidServerConfig(vec![fault.to_string()]))?;
        let config = Self {
            fixed,
            origins,
            dynamic_defaults: Properties::new(),
            dynamic: Properties::new(),
            values,
            listeners,
        };
        match config.contradictions() {
            faults if faults.is_empty() => Ok(Loaded { config, warnings }),
            faults => Err(InvalidServerConfig(faults)),
        }
    }

    /// The value of a key.
    pub fn get<'a, T: Value>(&'a self, key: &BrokerKey<T>) -> T::Out<'a> {
        let value = self.values.get(key.name).and_then(T::read);
        let Some(value) = value else {
            unreachable!("every key of a broker has a value of its own type: {}", key.name)
        };
        value
    }

    /// The value of a key whose name is only known at run time; `None` if there is no such key.
    pub fn value(&self, name: &str) -> Option<&Parsed> {
        self.values.get(name)
    }

    /// Where the value of a key came from; `None` if nobody set it before the start.
    pub fn origin(&self, key: &Key) -> Option<&str> {
        self.origins.get(key.name).map(String::as_str)
    }

    /// The listeners, checked against each other.
    pub fn listeners(&self) -> &Listeners {
        &self.listeners
    }

    /// The directories of the logs: `log.dirs`, or `log.dir` where that is not set.
    pub fn log_dirs(&self) -> &[String] {
        self.get(&keys::LOG_DIRS).unwrap_or_else(|| self.get(&keys::LOG_DIR))
    }

    /// The exceptions from `max.connections.per.ip`: hosts and their limits.
    pub fn max_connections_per_ip_overrides(&self) -> Vec<(&str, i32)> {
        host_limits(self.get(&keys::MAX_CONNECTIONS_PER_IP_OVERRIDES)).unwrap_or_default()
    }

    /// The topics that a start creates where they are missing.
    pub fn topics_to_create(&self) -> Vec<InitialTopic> {
        let text = self.get(&keys::OTTLA_CREATE_TOPICS).unwrap_or_default();
        topics_to_create(text).unwrap_or_default()
    }

    /// The directory of the metadata log: `metadata.log.dir`, or the first of the logs.
    pub fn metadata_log_dir(&self) -> &str {
        let first = || self.log_dirs().first().map_or("", String::as_str);
        self.get(&keys::METADATA_LOG_DIR).unwrap_or_else(first)
    }

    /// How long records are kept, in milliseconds: the finest of the three units that is set;
    /// -1 for ever.
    pub fn log_retention_ms(&self) -> i64 {
        let from_minutes =
            || self.get(&keys::LOG_RETENTION_MINUTES).map(|minutes| i64::from(minutes) * 60_000);
        let from_hours = || i64::from(self.get(&keys::LOG_RETENTION_HOURS)) * 3_600_000;
        let ms = self.get(&keys::LOG_RETENTION_MS).or_else(from_minutes).unwrap_or_else(from_hours);
        ms.max(-1)
    }

    /// After how many milliseconds a segment is rolled.
    pub fn log_roll_ms(&self) -> i64 {
        let hours = || i64::from(self.get(&keys::LOG_ROLL_HOURS)) * 3_600_000;
        self.get(&keys::LOG_ROLL_MS).unwrap_or_else(hours)
    }

    /// The most that is randomly taken off [`Self::log_roll_ms`], in milliseconds.
    pub fn log_roll_jitter_ms(&self) -> i64 {
        let hours = || i64::from(self.get(&keys::LOG_ROLL_JITTER_HOURS)) * 3_600_000;
        self.get(&keys::LOG_ROLL_JITTER_MS).unwrap_or_else(hours)
    }

    /// After how many milliseconds a record is synced to the disk.
    pub fn log_flush_interval_ms(&self) -> i64 {
        let scheduled = || self.get(&keys::LOG_FLUSH_SCHEDULER_INTERVAL_MS);
        self.get(&keys::LOG_FLUSH_INTERVAL_MS).unwrap_or_else(scheduled)
    }

    /// The same server with these dynamic values: `defaults` of the cluster, and `own` of this
    /// broker, which win. Values that are not allowed are left out and given back.
    pub fn with_dynamic(
        &self,
        defaults: &Properties,
        own: &Properties,
    ) -> (Self, Vec<InvalidValue>) {
        let mut changed = self.clone();
        let mut faults = Vec::new();
        changed.dynamic_defaults = defaults.clone();
        changed.dynamic = own.clone();
        for key in keys::broker_keys() {
            let texts = [own.get(key.name), defaults.get(key.name), self.fixed.get(key.name)];
            let mut value = key.default_value();
            for text in texts.into_iter().flatten() {
                match key.parse(text) {
                    Ok(parsed) => {
                        value = parsed;
                        break;
                    }
                    Err(fault) => faults.push(fault),
                }
            }
            changed.values.insert(key.name, value);
        }
        match parse_listeners(&changed.values) {
            Ok(listeners) => changed.listeners = listeners,
            Err(fault) => faults.push(InvalidValue::saying(fault.key, fault.to_string())),
        }
        (changed, faults)
    }

    /// What files, environment and flags set.
    pub fn static_properties(&self) -> &Properties {
        &self.fixed
    }

    /// The dynamic values of the whole cluster.
    pub fn dynamic_defaults(&self) -> &Properties {
        &self.dynamic_defaults
    }

    /// The dynamic values of this broker alone.
    pub fn dynamic_properties(&self) -> &Properties {
        &self.dynamic
    }

    /// Values that are allowed each on its own and not together.
    fn contradictions(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut require = |holds: bool, text: &str| {
            if !holds {
                faults.push(text.to_owned());
            }
        };
        require(self.log_retention_ms() != 0, NO_RETENTION);
        require(
            self.get(&keys::MAX_CONNECTIONS_PER_IP) > 0
                || !self.get(&keys::MAX_CONNECTIONS_PER_IP_OVERRIDES).is_empty(),
            "max.connections.per.ip can be set to zero only if max.connections.per.ip.overrides \
             property is set.",
        );
        require(
            self.get(&keys::CORDONED_LOG_DIRS)
                .iter()
                .all(|dir| dir == "*" || self.log_dirs().contains(dir)),
            "All entries in cordoned.log.dirs must be present in log.dirs or log.dir.",
        );
        require(
            self.get(&keys::QUEUED_MAX_REQUEST_BYTES) <= 0
                || self.get(&keys::QUEUED_MAX_REQUEST_BYTES)
                    >= i64::from(self.get(&keys::SOCKET_REQUEST_MAX_BYTES)),
            "queued.max.request.bytes must be larger or equal to socket.request.max.bytes",
        );
        require(
            self.get(&keys::REPLICA_FETCH_WAIT_MAX_MS)
                <= self.get(&keys::REPLICA_SOCKET_TIMEOUT_MS),
            "replica.socket.timeout.ms should be at least replica.fetch.wait.max.ms, or the \
             connection is dropped while a fetch still waits",
        );
        faults
    }
}

/// Makes `node.id` and its old name `broker.id` one value.
fn unite_broker_id(
    fixed: &mut Properties,
    origins: &mut BTreeMap<String, String>,
) -> Result<(), InvalidServerConfig> {
    let (node, broker) = (keys::NODE_ID.name, keys::BROKER_ID.name);
    let copies = match (fixed.get(node), fixed.get(broker)) {
        (Some(id), Some(old)) if id.trim() != old.trim() => {
            let text = format!("{node} is {id}, and {broker} is {old}: they must be the same");
            return Err(InvalidServerConfig(vec![text]));
        }
        (Some(id), None) => Some((broker, node, id.clone())),
        (None, Some(id)) => Some((node, broker, id.clone())),
        _ => None,
    };
    if let Some((to, from, id)) = copies {
        fixed.insert(to.to_owned(), id);
        let origin = origins.get(from).cloned().unwrap_or_default();
        origins.insert(to.to_owned(), origin);
    }
    Ok(())
}

fn parse_listeners(values: &BTreeMap<&'static str, Parsed>) -> Result<Listeners, InvalidListener> {
    fn read<'a, T: Value>(
        values: &'a BTreeMap<&'static str, Parsed>,
        key: &BrokerKey<T>,
    ) -> Option<T::Out<'a>> {
        values.get(key.name).and_then(T::read)
    }
    Listeners::parse(ListenerTexts {
        listeners: read(values, &keys::LISTENERS).unwrap_or_default(),
        advertised: read(values, &keys::ADVERTISED_LISTENERS).flatten(),
        protocol_map: read(values, &keys::LISTENER_SECURITY_PROTOCOL_MAP).unwrap_or_default(),
        controller_names: read(values, &keys::CONTROLLER_LISTENER_NAMES).unwrap_or_default(),
        inter_broker: read(values, &keys::INTER_BROKER_LISTENER_NAME).flatten(),
        inter_broker_protocol: read(values, &keys::SECURITY_INTER_BROKER_PROTOCOL)
            .unwrap_or_default(),
    })
}

fn warnings(origins: &BTreeMap<String, String>) -> Vec<Warning> {
    let unknown = origins.iter().filter(|(key, _)| {
        broker_key(key).is_none_or(|key| key.dynamic_only) && !is_for_an_extension(key)
    });
    unknown
        .map(|(key, origin)| match removed::note(key) {
            Some(note) => Warning::Removed { key: key.clone(), origin: origin.clone(), note },
            None => Warning::Unknown {
                key: key.clone(),
                origin: origin.clone(),
                nearest: nearest(key, keys::broker_keys().map(|key| key.name)),
            },
        })
        .collect()
}

/// The keys that are set to something else than their default, and that nothing reads. No key is
/// read for one listener alone.
fn without_effect(fixed: &Properties) -> Option<Warning> {
    let is_in_vain = |(name, text): &(&String, &String)| match broker_key(name) {
        Some(key) => {
            let is_default = key.parse(text).is_ok_and(|value| value == key.default_value());
            key.effect == Effect::Accepted && !key.dynamic_only && !is_default
        }
        None => keys::listener_key(name).is_some(),
    };
    let keys: Vec<String> = fixed.iter().filter(is_in_vain).map(|(name, _)| name.clone()).collect();
    (!keys.is_empty()).then_some(Warning::NoEffect { keys })
}

/// Whether the name belongs to one listener, or to something a class name plugged in.
fn is_for_an_extension(name: &str) -> bool {
    ["listener.name.", "rlmm.config.", "rsm.config.", "confluent.", "client.quota.callback.static."]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

/// Checks the dynamic values of one broker, or of all brokers, without regard to their scope.
/// Names that are not known are allowed, as in Kafka.
pub fn validate_broker(properties: &Properties) -> Result<(), InvalidValue> {
    let unprefixed: Vec<&str> =
        properties.keys().map(String::as_str).filter(|name| is_of_one_listener(name)).collect();
    if let Some(first) = unprefixed.first() {
        let text = format!(
            "These security configs can be dynamically updated only per-listener using the \
             listener prefix: [{}]",
            unprefixed.join(", ")
        );
        return Err(InvalidValue::saying(first, text));
    }
    for (name, value) in properties {
        if let Some(key) = broker_key(name).or_else(|| keys::listener_key(name)) {
            key.validate(value)?;
        }
    }
    let retention = keys::LOG_RETENTION_MS.name;
    if properties.get(retention).is_some_and(|ms| ms.trim().parse() == Ok(0)) {
        return Err(InvalidValue::saying(retention, format!("requirement failed: {NO_RETENTION}")));
    }
    Ok(())
}

/// Whether a running broker takes the key for one listener at a time, but not for all together.
fn is_of_one_listener(name: &str) -> bool {
    let is_store = |rest: &str| {
        ["certificate.chain", "certificates", "key", "location", "password", "type"].contains(&rest)
    };
    name == keys::SSL_KEY_PASSWORD.name
        || ["ssl.keystore.", "ssl.truststore."]
            .iter()
            .any(|prefix| name.strip_prefix(prefix).is_some_and(is_store))
}

#[cfg(test)]
mod tests;
