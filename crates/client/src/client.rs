//! The client: a pool of connections, what is known of the cluster, and calls that find their
//! broker.
//!
//! Invariants: clones share everything; a connection that serves long polls is never shared with
//! other calls, because a broker answers one connection's requests one after the other.
//! Kafka: `KafkaClient`, `Metadata`, `NetworkClient`.

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ottla_types::{BrokerId, ErrorCode};
use ottla_wire::{
    Request,
    messages::{FindCoordinatorRequest, MetadataRequest},
    metadata_request::MetadataRequestTopic,
    metadata_response::MetadataResponseTopic,
};
use tokio::{sync::Mutex as AsyncMutex, time::Instant};

use crate::{
    Admin, Consumer, Error, ErrorKind, Producer, ProducerConfig, Result, TransactionalProducer,
    connection::{ConnectOptions, Connection},
    topology::{Broker, PartitionInfo, TopicInfo, Topology, address_of},
};

/// Every version that both sides speak.
pub(crate) const ANY: RangeInclusive<i16> = 0..=i16::MAX;

/// How a client reaches its cluster.
#[derive(Clone, Debug)]
pub struct ClientBuilder {
    bootstrap: Vec<String>,
    client_id: String,
    connect_timeout: Duration,
    request_timeout: Duration,
    api_timeout: Duration,
    stays_at_bootstrap: bool,
}

impl Default for ClientBuilder {
    fn default() -> Self {
        Self {
            bootstrap: Vec::new(),
            client_id: "ottla".into(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(30),
            api_timeout: Duration::from_mins(1),
            stays_at_bootstrap: false,
        }
    }
}

impl ClientBuilder {
    /// Adds brokers to ask first: `host:port`, several separated by commas. Port 9092 where
    /// missing.
    #[must_use]
    pub fn bootstrap(mut self, addresses: &str) -> Self {
        let addresses = addresses.split(',').map(str::trim).filter(|address| !address.is_empty());
        self.bootstrap.extend(addresses.map(with_port));
        self
    }

    /// The name that brokers show for this client.
    #[must_use]
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// How long one attempt to connect may take.
    #[must_use]
    pub const fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long one request may go unanswered.
    #[must_use]
    pub const fn request_timeout(mut self, limit: Duration) -> Self {
        self.request_timeout = limit;
        self
    }

    /// How long a call may take with all its attempts.
    #[must_use]
    pub const fn api_timeout(mut self, limit: Duration) -> Self {
        self.api_timeout = limit;
        self
    }

    /// Reaches the cluster's one broker by the first bootstrap address, whatever it advertises: for
    /// who sits beside the broker, where an advertised address may not lead.
    #[must_use]
    pub const fn stay_at_bootstrap(mut self) -> Self {
        self.stays_at_bootstrap = true;
        self
    }

    /// Connects to the first broker that answers and learns the cluster's brokers.
    pub async fn connect(self) -> Result<Client> {
        if self.bootstrap.is_empty() {
            return Err(Error::invalid("cannot connect", "no bootstrap address was given"));
        }
        let client = self.build();
        // Nobody there at the start is an answer; nobody there later may pass.
        drop(client.any_connection().await?);
        client.fetch_metadata(Some(Vec::new()), AutoCreate::No).await?;
        Ok(client)
    }
}

impl ClientBuilder {
    fn build(self) -> Client {
        let options = ConnectOptions {
            client_id: self.client_id.into(),
            connect_timeout: self.connect_timeout,
            request_timeout: self.request_timeout,
        };
        let inner = Inner {
            options,
            bootstrap: self.bootstrap,
            api_timeout: self.api_timeout,
            stays_at_bootstrap: self.stays_at_bootstrap,
            slots: Mutex::new(BTreeMap::new()),
            topology: RwLock::new(Arc::new(Topology::default())),
            next_lane: AtomicU64::new(1),
        };
        Client { inner: Arc::new(inner) }
    }
}

fn with_port(address: &str) -> String {
    let has_port = match address.rsplit_once(':') {
        Some((host, port)) => {
            !port.is_empty()
                && port.bytes().all(|byte| byte.is_ascii_digit())
                && (!host.contains(':') || host.ends_with(']'))
        }
        None => false,
    };
    match (has_port, address.contains(':') && !address.starts_with('[')) {
        (true, _) => address.to_owned(),
        (false, true) => format!("[{address}]:9092"),
        (false, false) => format!("{address}:9092"),
    }
}

/// What a connection to a broker is used for: each gets its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lane {
    /// Calls that are answered at once.
    Shared,
    /// A producer's, a consumer's or a group member's own.
    Own(u64),
}

/// What a coordinator is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coordinates {
    Group,
    Transaction,
}

/// Whether asking for a topic may create it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AutoCreate {
    Yes,
    No,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Bootstrap(String),
    Broker(i32),
}

type Slot = Arc<AsyncMutex<Option<Connection>>>;

#[derive(Debug)]
struct Inner {
    options: ConnectOptions,
    bootstrap: Vec<String>,
    api_timeout: Duration,
    stays_at_bootstrap: bool,
    slots: Mutex<BTreeMap<(Target, Lane), Slot>>,
    topology: RwLock<Arc<Topology>>,
    next_lane: AtomicU64,
}

/// A client of one cluster. Cheap to clone; clones share connections.
#[derive(Clone, Debug)]
pub struct Client {
    inner: Arc<Inner>,
}

impl Client {
    /// Connects with the defaults. See [`ClientBuilder`].
    pub async fn connect(bootstrap: &str) -> Result<Self> {
        Self::builder().bootstrap(bootstrap).connect().await
    }

    /// A client that knows no broker.
    #[cfg(test)]
    pub(crate) fn unconnected() -> Self {
        ClientBuilder::default().build()
    }

    /// A client that is still to be set up.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::default()
    }

    /// Topics, groups, configs and the like.
    pub fn admin(&self) -> Admin {
        Admin::new(self.clone())
    }

    /// A producer with the defaults: idempotent, acks=all.
    pub fn producer(&self) -> Producer {
        self.producer_with(ProducerConfig::default())
    }

    /// A producer.
    pub fn producer_with(&self, config: ProducerConfig) -> Producer {
        Producer::new(self.clone(), config)
    }

    /// A consumer without a group: it is told what to read.
    pub fn consumer(&self) -> Consumer {
        Consumer::new(self.clone(), crate::ConsumerConfig::default())
    }

    /// A consumer without a group, with its own settings.
    pub fn consumer_with(&self, config: crate::ConsumerConfig) -> Consumer {
        Consumer::new(self.clone(), config)
    }

    /// A reader of single pieces of partitions.
    pub fn reader(&self, config: crate::ConsumerConfig) -> crate::PartitionReader {
        crate::PartitionReader::new(self.clone(), config)
    }

    /// A member of a consumer group, still to be set up.
    pub fn group(&self, group_id: &str) -> crate::GroupBuilder {
        crate::GroupBuilder::new(self.clone(), group_id)
    }

    /// What is known of the cluster, without asking.
    pub fn topology(&self) -> Arc<Topology> {
        self.inner.topology.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The versions that some reachable broker offers, by API key.
    pub async fn api_versions(&self) -> Result<BTreeMap<i16, RangeInclusive<i16>>> {
        Ok(self.any_connection().await?.ranges().clone())
    }

    /// The versions that this broker offers, by API key.
    pub async fn api_versions_of(
        &self,
        broker: BrokerId,
    ) -> Result<BTreeMap<i16, RangeInclusive<i16>>> {
        Ok(self.connection(broker, Lane::Shared).await?.ranges().clone())
    }

    pub(crate) fn new_lane(&self) -> Lane {
        Lane::Own(self.inner.next_lane.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn backoff(&self) -> Backoff {
        Backoff::until(Instant::now() + self.inner.api_timeout)
    }

    /// The timeout that a request carries for the broker's own waiting, in ms.
    pub(crate) fn broker_timeout_ms(&self) -> i32 {
        i32::try_from(self.inner.options.request_timeout.as_millis()).unwrap_or(i32::MAX)
    }

    /// A connection to this broker. Makes one where there is none or where it broke.
    pub(crate) async fn connection(&self, broker: BrokerId, lane: Lane) -> Result<Connection> {
        let bootstrap = self.inner.bootstrap.first().filter(|_| self.inner.stays_at_bootstrap);
        let advertised = || self.topology().brokers.get(&broker.0).map(Broker::address);
        let address = bootstrap.cloned().or_else(advertised);
        let Some(address) = address else {
            let what = format!("cannot reach broker {broker}");
            return Err(Error::new(ErrorKind::Connection, what, "the cluster does not list it"));
        };
        let opened = self.open(Target::Broker(broker.0), &address, lane).await;
        opened.map_err(|error| {
            if self.inner.bootstrap.contains(&address) {
                return error;
            }
            let through = self.inner.bootstrap.join(",");
            error.with_next(format!(
                "an address that this machine can reach: {through} answered and advertised \
                 {address} (see advertised.listeners)"
            ))
        })
    }

    async fn open(&self, target: Target, address: &str, lane: Lane) -> Result<Connection> {
        let slot = {
            let mut slots = self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.entry((target, lane)).or_default().clone()
        };
        let mut held = slot.lock().await;
        if let Some(connection) = held.as_ref()
            && connection.is_alive()
            && connection.address() == address
        {
            return Ok(connection.clone());
        }
        let connection = Connection::open(address, &self.inner.options).await?;
        *held = Some(connection.clone());
        Ok(connection)
    }

    /// Forgets a lane's connections, which close once nobody uses them.
    pub(crate) fn close_lane(&self, lane: Lane) {
        let mut slots = self.inner.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|(_, other), _| *other != lane);
    }

    /// A connection to any broker: a known one first, then the bootstrap addresses.
    async fn any_connection(&self) -> Result<Connection> {
        let mut failure = None;
        let brokers: Vec<BrokerId> = self.topology().brokers.values().map(|b| b.id).collect();
        for broker in brokers {
            match self.connection(broker, Lane::Shared).await {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = Some(error),
            }
        }
        for address in &self.inner.bootstrap {
            let target = Target::Bootstrap(address.clone());
            match self.open(target, address, Lane::Shared).await {
                Ok(connection) => return Ok(connection),
                // What the first says is what a person wants to read.
                Err(error) => failure = failure.or(Some(error)),
            }
        }
        Err(failure.unwrap_or_else(|| Error::invalid("cannot connect", "no address is known")))
    }

    /// One request to any broker. Tried again while the failure may pass.
    pub(crate) async fn call_any<R: Request>(
        &self,
        versions: RangeInclusive<i16>,
        build: impl Fn(i16) -> R,
    ) -> Result<R::Response> {
        let mut backoff = self.backoff();
        loop {
            let attempt = async {
                let connection = self.any_connection().await?;
                let version = connection.version_of::<R>(versions.clone())?;
                let receipt = connection.send(version, &build(version)).await?;
                receipt.response(Duration::ZERO).await
            };
            match attempt.await {
                Err(error) if error.is_retriable() => backoff.pause(error).await?,
                done => return done,
            }
        }
    }

    /// One request to one broker, not tried again.
    pub(crate) async fn call<R: Request>(
        &self,
        (broker, lane): (BrokerId, Lane),
        versions: RangeInclusive<i16>,
        extra: Duration,
        build: impl FnOnce(i16) -> R,
    ) -> Result<R::Response> {
        let connection = self.connection(broker, lane).await?;
        let version = connection.version_of::<R>(versions)?;
        connection.send(version, &build(version)).await?.response(extra).await
    }

    /// Asks for topics (`None`: all of them) and lays the answer over what is known.
    pub(crate) async fn fetch_metadata(
        &self,
        topics: Option<Vec<String>>,
        create: AutoCreate,
    ) -> Result<Vec<MetadataResponseTopic>> {
        let names = topics.as_deref();
        let response = self
            .call_any(ANY, |version| MetadataRequest {
                topics: match names {
                    None if version == 0 => Some(Vec::new()),
                    None => None,
                    Some(names) => Some(
                        names
                            .iter()
                            .map(|name| MetadataRequestTopic {
                                name: Some(name.as_str().into()),
                                ..MetadataRequestTopic::default()
                            })
                            .collect(),
                    ),
                },
                allow_auto_topic_creation: create == AutoCreate::Yes || version < 4,
                ..MetadataRequest::default()
            })
            .await?;
        let code = ErrorCode::from_code(response.error_code);
        if code.is_error() {
            return Err(Error::broker(code, "cannot read the cluster's metadata", None));
        }
        let mut topology = self.inner.topology.write().unwrap_or_else(PoisonError::into_inner);
        let next = topology.with(&response, topics.is_none());
        *topology = Arc::new(next);
        Ok(response.topics)
    }

    /// Asks again for every topic that is known and for who leads it.
    pub(crate) async fn refresh(&self) -> Result<()> {
        let names: Vec<_> = self.topology().topics.keys().map(ToString::to_string).collect();
        self.fetch_metadata(Some(names), AutoCreate::No).await.map(drop)
    }

    /// A topic, from memory or from the cluster. Waits for a moment for partitions that have no
    /// leader: those of a new topic get theirs soon, and the others are not to wait for one that is
    /// damaged.
    pub(crate) async fn topic(&self, name: &str, create: AutoCreate) -> Result<Arc<TopicInfo>> {
        if let Some(topic) = self.topology().topics.get(name)
            && !topic.partitions.is_empty()
            && topic.partitions.values().all(PartitionInfo::is_led)
        {
            return Ok(topic.clone());
        }
        // A topic may be known to its creator before every broker knows it.
        let patience = match create {
            AutoCreate::Yes => Duration::from_secs(10),
            AutoCreate::No => Duration::from_millis(700),
        };
        let mut unknown_backoff = Backoff::until(Instant::now() + patience);
        let mut leader_backoff = Backoff::until(Instant::now() + Duration::from_millis(700));
        let mut backoff = self.backoff();
        loop {
            let answers = self.fetch_metadata(Some(vec![name.to_owned()]), create).await?;
            let answer = answers.iter().find(|topic| topic.name.as_deref() == Some(name));
            let code = answer.map_or(ErrorCode::UnknownTopicOrPartition, |topic| {
                ErrorCode::from_code(topic.error_code)
            });
            let error = || Error::broker(code, format!("cannot use topic {name}"), None);
            match code {
                ErrorCode::None => {
                    let code = ErrorCode::LeaderNotAvailable;
                    let error = || Error::broker(code, format!("cannot use topic {name}"), None);
                    let Some(topic) = self.topology().topics.get(name).cloned() else {
                        backoff.pause(error()).await?;
                        continue;
                    };
                    let mut partitions = topic.partitions.values();
                    if partitions.all(PartitionInfo::is_led)
                        || leader_backoff.pause(error()).await.is_err()
                    {
                        return Ok(topic);
                    }
                }
                ErrorCode::UnknownTopicOrPartition => unknown_backoff.pause(error()).await?,
                code if code.is_retriable() => backoff.pause(error()).await?,
                _ => return Err(error()),
            }
        }
    }

    /// Forgets a topic, so that the next use asks for it.
    pub(crate) fn forget_topic(&self, name: &str) {
        let mut topology = self.inner.topology.write().unwrap_or_else(PoisonError::into_inner);
        let next = topology.without(name);
        *topology = Arc::new(next);
    }

    /// Takes over a transactional id, whose transactions may take as long as `timeout`.
    pub async fn transactional_producer(
        &self,
        transactional_id: &str,
        timeout: Duration,
    ) -> Result<TransactionalProducer> {
        let config = ProducerConfig::default();
        TransactionalProducer::start(self.clone(), transactional_id, timeout, config).await
    }

    /// The broker that coordinates a group.
    pub(crate) async fn find_coordinator(&self, group_id: &str) -> Result<BrokerId> {
        self.find_coordinator_of(group_id, Coordinates::Group).await
    }

    /// The broker that coordinates a group or a transactional id.
    pub(crate) async fn find_coordinator_of(&self, key: &str, of: Coordinates) -> Result<BrokerId> {
        let mut backoff = self.backoff();
        loop {
            match self.ask_coordinator(key, of).await {
                Err(error) if error.is_retriable() => backoff.pause(error).await?,
                done => return done,
            }
        }
    }

    async fn ask_coordinator(&self, key: &str, of: Coordinates) -> Result<BrokerId> {
        let response = self
            .call_any(ANY, |version| {
                let key_type = i8::from(of == Coordinates::Transaction);
                let mut request = FindCoordinatorRequest { key_type, ..Default::default() };
                if version >= 4 {
                    request.coordinator_keys = vec![key.into()];
                } else {
                    request.key = key.into();
                }
                request
            })
            .await?;
        let found = response.coordinators.first().map(|it| {
            (it.error_code, it.error_message.clone(), it.node_id, it.host.clone(), it.port)
        });
        let (code, text, broker_id, host, port) = found.unwrap_or((
            response.error_code,
            response.error_message,
            response.node_id,
            response.host,
            response.port,
        ));
        let code = ErrorCode::from_code(code);
        if code.is_error() {
            let noun = match of {
                Coordinates::Group => "group",
                Coordinates::Transaction => "transactional id",
            };
            let what = format!("cannot find the coordinator of {noun} {key}");
            return Err(Error::broker(code, what, text.as_deref()));
        }
        self.learn_broker(BrokerId(broker_id), &host, port);
        Ok(BrokerId(broker_id))
    }

    /// Notes a broker that some response named.
    fn learn_broker(&self, id: BrokerId, host: &str, port: i32) {
        let mut topology = self.inner.topology.write().unwrap_or_else(PoisonError::into_inner);
        let known = topology.brokers.get(&id.0).map(Broker::address);
        if known.is_some_and(|address| address == address_of(host, port)) {
            return;
        }
        let mut next = Topology::clone(&topology);
        next.brokers.insert(id.0, Broker { id, host: host.to_owned(), port, rack: None });
        *topology = Arc::new(next);
    }
}

/// Pauses between attempts: 50 ms, doubling to 1 s, until a deadline.
#[derive(Debug)]
pub(crate) struct Backoff {
    deadline: Instant,
    delay: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(1);

    pub(crate) const fn until(deadline: Instant) -> Self {
        Self { deadline, delay: Self::FIRST }
    }

    /// Waits before the next attempt, or gives `error` back when there is no time for one.
    pub(crate) async fn pause(&mut self, error: Error) -> Result<()> {
        if Instant::now() + self.delay > self.deadline {
            return Err(error);
        }
        tracing::debug!(%error, delay = ?self.delay, "trying again");
        tokio::time::sleep(self.delay).await;
        self.delay = (self.delay * 2).min(Self::LONGEST);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_port_is_9092() {
        assert_eq!(with_port("localhost"), "localhost:9092");
        assert_eq!(with_port("localhost:1"), "localhost:1");
        assert_eq!(with_port("[::1]:1"), "[::1]:1");
        assert_eq!(with_port("::1"), "[::1]:9092");
        assert_eq!(with_port("[::1]"), "[::1]:9092");
    }
}
