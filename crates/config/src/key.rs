//! What is known of one configuration key.
//!
//! Invariant: a key's [`Kind`] is that of its Rust type, because one is computed from the other.
//!
//! Kafka: `ConfigDef.ConfigKey`.

use std::{marker::PhantomData, ops::Deref};

use crate::{InvalidValue, Parsed, Validator, Value};

/// The type of a value, as Kafka's protocol numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`, in any case.
    Boolean,
    /// Text, without surrounding white space.
    String,
    /// A 32-bit integer.
    Int,
    /// A 16-bit integer.
    Short,
    /// A 64-bit integer.
    Long,
    /// A 64-bit floating-point number.
    Double,
    /// Texts separated by commas.
    List,
    /// The name of a Java class.
    Class,
    /// Text that is never shown.
    Password,
}

impl Kind {
    /// The number DescribeConfigs sends for the type.
    pub const fn code(self) -> i8 {
        match self {
            Self::Boolean => 1,
            Self::String => 2,
            Self::Int => 3,
            Self::Short => 4,
            Self::Long => 5,
            Self::Double => 6,
            Self::List => 7,
            Self::Class => 8,
            Self::Password => 9,
        }
    }

    /// Kafka's name of the type, as its error messages have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Boolean => "BOOLEAN",
            Self::String => "STRING",
            Self::Int => "INT",
            Self::Short => "SHORT",
            Self::Long => "LONG",
            Self::Double => "DOUBLE",
            Self::List => "LIST",
            Self::Class => "CLASS",
            Self::Password => "PASSWORD",
        }
    }
}

/// How much a key matters to somebody who tunes a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Importance {
    /// Most installations look at it.
    High,
    /// Some installations look at it.
    Medium,
    /// Few installations look at it.
    Low,
}

/// Whether, and for whom, a broker's key may be changed while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Only at start.
    ReadOnly,
    /// For each broker on its own.
    PerBroker,
    /// For each broker on its own, and as a default of the whole cluster.
    ClusterWide,
}

/// What Ottla does with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The value changes what Ottla does.
    Honoured,
    /// The same, but a value that is set while the broker runs waits for the next start.
    HonouredAtStart,
    /// The value is checked, kept and shown, and changes nothing.
    Accepted,
}

/// One configuration key, whatever the type of its value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// The name people write.
    pub name: &'static str,
    /// The type of the value.
    pub kind: Kind,
    /// The value when nobody sets one, as text; `None` is Kafka's null.
    pub default: Option<&'static str>,
    /// Kafka's default, where Ottla's differs; `required` where Kafka has none.
    pub kafka_default: Option<&'static str>,
    /// Which values are allowed.
    pub validator: Validator,
    /// Whether a running broker takes a new value. Keys of topics and groups always do.
    pub scope: Scope,
    /// How much it matters.
    pub importance: Importance,
    /// Whether it is left out of listings, as Kafka's own undocumented keys are.
    pub internal: bool,
    /// Whether the value is only kept in the dynamic configuration, never in a file.
    pub dynamic_only: bool,
    /// What Ottla does with it.
    pub effect: Effect,
    /// The broker's key that gives a topic's or a group's key its value when it has none itself.
    pub broker_key: Option<&'static str>,
    /// One sentence about what the value means.
    pub doc: &'static str,
}

impl Key {
    /// Parses and checks a value.
    pub fn parse(&self, text: &str) -> Result<Parsed, InvalidValue> {
        let parsed = Parsed::parse(self.name, self.kind, text)?;
        self.validator.check(self.name, &parsed)?;
        Ok(match parsed {
            Parsed::List(items) if self.validator != Validator::ThrottledReplicas => {
                Parsed::List(without_duplicates(items))
            }
            other => other,
        })
    }

    /// Checks a value.
    pub fn validate(&self, text: &str) -> Result<(), InvalidValue> {
        self.parse(text).map(drop)
    }

    /// Whether the value must never be shown.
    pub const fn is_sensitive(&self) -> bool {
        matches!(self.kind, Kind::Password)
    }

    /// The parsed default; [`Parsed::Null`] where there is none.
    pub fn default_value(&self) -> Parsed {
        self.default.map_or(Parsed::Null, |text| self.parse(text).unwrap_or(Parsed::Null))
    }

    pub(crate) const fn documented(mut self, doc: &'static str) -> Self {
        self.doc = doc.trim_ascii_start();
        self
    }
}

fn without_duplicates(items: Vec<String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::with_capacity(items.len());
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}

/// Marks keys of a broker.
#[derive(Clone, Copy, Debug)]
pub enum Broker {}
/// Marks keys of a topic.
#[derive(Clone, Copy, Debug)]
pub enum Topic {}
/// Marks keys of a group.
#[derive(Clone, Copy, Debug)]
pub enum Group {}

/// A key of the resource `R` whose value is read as `T`.
#[derive(Debug)]
pub struct TypedKey<R, T> {
    pub(crate) key: Key,
    marker: PhantomData<fn() -> (R, T)>,
}

/// A broker's key.
pub type BrokerKey<T> = TypedKey<Broker, T>;
/// A topic's key.
pub type TopicKey<T> = TypedKey<Topic, T>;
/// A group's key.
pub type GroupKey<T> = TypedKey<Group, T>;

impl<R, T> Deref for TypedKey<R, T> {
    type Target = Key;

    fn deref(&self) -> &Key {
        &self.key
    }
}

impl<R, T: Value> TypedKey<R, T> {
    /// A key with a default.
    pub(crate) const fn with(name: &'static str, default: &'static str) -> Self {
        Self::new(name, Some(default))
    }

    const fn new(name: &'static str, default: Option<&'static str>) -> Self {
        let key = Key {
            name,
            kind: T::KIND,
            default,
            kafka_default: None,
            validator: Validator::Any,
            scope: Scope::ReadOnly,
            importance: Importance::Medium,
            internal: false,
            dynamic_only: false,
            effect: Effect::Accepted,
            broker_key: None,
            doc: "",
        };
        Self { key, marker: PhantomData }
    }
}

impl<R, T: Value> TypedKey<R, Option<T>> {
    /// A key whose default is null.
    pub(crate) const fn null(name: &'static str) -> Self {
        Self::new(name, None)
    }
}

/// The words in which the tables describe a key.
impl<R, T> TypedKey<R, T> {
    const fn allowing(mut self, validator: Validator) -> Self {
        self.key.validator = validator;
        self
    }

    pub(crate) const fn at_least(self, min: i32) -> Self {
        self.allowing(Validator::AtLeast(min))
    }

    pub(crate) const fn between(self, min: i32, max: i32) -> Self {
        self.allowing(Validator::Between(min, max))
    }

    pub(crate) const fn at_most_half(self) -> Self {
        self.allowing(Validator::AtMostHalf)
    }

    pub(crate) const fn one_of(self, words: &'static [&'static str]) -> Self {
        self.allowing(Validator::OneOf(words))
    }

    pub(crate) const fn one_of_any_case(self, words: &'static [&'static str]) -> Self {
        self.allowing(Validator::OneOfAnyCase(words))
    }

    pub(crate) const fn list_of(self, words: &'static [&'static str]) -> Self {
        self.allowing(Validator::ListOf(words))
    }

    pub(crate) const fn non_empty_list_of(self, words: &'static [&'static str]) -> Self {
        self.allowing(Validator::NonEmptyListOf(words))
    }

    pub(crate) const fn non_empty_list(self) -> Self {
        self.allowing(Validator::NonEmptyListOf(&[]))
    }

    pub(crate) const fn non_empty(self) -> Self {
        self.allowing(Validator::NonEmpty)
    }

    pub(crate) const fn gzip_level(self) -> Self {
        self.allowing(Validator::GzipLevel)
    }

    pub(crate) const fn throttled_replicas(self) -> Self {
        self.allowing(Validator::ThrottledReplicas)
    }

    pub(crate) const fn quorum_voters(self) -> Self {
        self.allowing(Validator::QuorumVoters)
    }

    pub(crate) const fn bootstrap_servers(self) -> Self {
        self.allowing(Validator::BootstrapServers)
    }

    pub(crate) const fn host_limits(self) -> Self {
        self.allowing(Validator::HostLimits)
    }

    pub(crate) const fn cluster_id(self) -> Self {
        self.allowing(Validator::ClusterId)
    }

    pub(crate) const fn topics_to_create(self) -> Self {
        self.allowing(Validator::TopicsToCreate)
    }

    pub(crate) const fn share_offset_reset(self) -> Self {
        self.allowing(Validator::ShareOffsetReset)
    }

    pub(crate) const fn instead_of(mut self, kafka_default: &'static str) -> Self {
        self.key.kafka_default = Some(kafka_default);
        self
    }

    pub(crate) const fn high(mut self) -> Self {
        self.key.importance = Importance::High;
        self
    }

    pub(crate) const fn low(mut self) -> Self {
        self.key.importance = Importance::Low;
        self
    }

    pub(crate) const fn per_broker(mut self) -> Self {
        self.key.scope = Scope::PerBroker;
        self
    }

    pub(crate) const fn cluster_wide(mut self) -> Self {
        self.key.scope = Scope::ClusterWide;
        self
    }

    pub(crate) const fn internal(mut self) -> Self {
        self.key.internal = true;
        self
    }

    pub(crate) const fn dynamic_only(mut self) -> Self {
        self.key.dynamic_only = true;
        self.cluster_wide()
    }

    pub(crate) const fn honoured(mut self) -> Self {
        self.key.effect = Effect::Honoured;
        self
    }

    pub(crate) const fn honoured_at_start(mut self) -> Self {
        self.key.effect = Effect::HonouredAtStart;
        self
    }

    pub(crate) const fn inherits(mut self, name: &'static str) -> Self {
        self.key.broker_key = Some(name);
        self
    }

    pub(crate) const fn documented(mut self, doc: &'static str) -> Self {
        self.key = self.key.documented(doc);
        self
    }
}
