//! Every configuration key once: its name, type, default, bounds, scope and one sentence of doc.
//!
//! What follows from the tables: parsing and validation with Kafka's own messages, the layers a
//! value may come from (file, environment, flags, dynamic updates, topic overrides), and the
//! answers of DescribeConfigs.
//! Architecture invariant: knows nothing of who reads a key, and does no I/O; files arrive as text.
//!
//! Kafka: `ConfigDef`, `KafkaConfig`, `LogConfig`, `GroupConfig`, `DynamicBrokerConfig`,
//! `ConfigHelper`.

mod describe;
mod env;
mod initial_topic;
mod key;
pub mod keys;
mod listener;
mod nearest;
mod properties;
mod resource;
mod server;
mod validator;
mod value;

pub use describe::{Described, Source, Synonym, describe_broker, describe_broker_defaults};
pub use describe::{describe_group, describe_topic};
pub use env::{Environment, from_env};
pub use initial_topic::InitialTopic;
pub use key::{Broker, BrokerKey, Effect, Group, GroupKey, Importance, Key, Kind, Scope, Topic};
pub use key::{TopicKey, TypedKey};
pub use listener::{InvalidListener, Listener, Listeners, SecurityProtocol};
pub use nearest::nearest;
pub use properties::{InvalidProperties, parse_properties};
pub use resource::{GroupConfig, InvalidConfigs, TopicConfig, validate_group, validate_topic};
pub use server::validate_broker;
pub use server::{InvalidServerConfig, Layer, Loaded, Properties, ServerConfig, Warning};
pub use validator::{InvalidValue, Validator};
pub use value::{Class, List, Parsed, Password, Text, Value};
