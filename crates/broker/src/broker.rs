//! The broker as a whole: its state, how it starts and how it stops.
//!
//! Start: lock the data directory, replay the cluster metadata, open the logs, bind the listeners,
//! load the groups. Stop: answer what is parked, let connections end, sync and close the logs, and
//! say so in the data directory. Kafka: `BrokerServer`, `KafkaRaftServer`.

use std::{
    io,
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use ottla_config::{Listener, ServerConfig, keys};
use ottla_metadata::{
    Endpoint, Image,
    decide::{BrokerStart, Decision, InternalTopic, assign_directories},
};
use ottla_types::{BrokerId, ErrorCode, TopicIdPartition, Uuid};
use ottla_wire::Str;
use tokio::{
    runtime::Handle,
    sync::{Semaphore, watch},
};

use crate::{
    api::APIS,
    cleaner::Cleaners,
    clock::now_ms,
    controller::Controller,
    deleted_names::DeletedNames,
    failures,
    fetch_sessions::FetchSessions,
    groups::Groups,
    housekeeping,
    http::{self, HttpServer},
    initial_topics,
    inventory::Inventory,
    journal::Journal,
    log_dirs::{self, LogDirs},
    metadata_log,
    metrics::{Gauges, Metrics},
    moves::Moves,
    net::{
        budget::Budget,
        clients::Clients,
        connection::Peer,
        container,
        listener::{Bound, Connections},
    },
    partitions::Partitions,
    producer_ids::ProducerIds,
    runtimes::Home,
    stopping::Stopping,
    storage,
    transactions::Transactions,
    views::Views,
};

/// How long connections may take to end when the broker stops.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// How many look at old batches ahead of their readers at a time: as many as keep a disk busy.
const LOOKS_MAX: usize = 4;

/// Why a broker does not start. The text says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket or file could not be used.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The data directory could not be used.
    #[error("{0}")]
    Storage(#[from] ottla_log::LogError),
    /// The cluster metadata could not be read.
    #[error("{0}")]
    Metadata(String),
    /// The configuration asks for what this broker cannot do.
    #[error("{0}")]
    Config(String),
}

/// Limits that do not change while the broker runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// `socket.request.max.bytes`, inclusive.
    pub(crate) request_bytes_max: usize,
    /// `fetch.max.bytes`, inclusive but for the first batch.
    pub(crate) fetch_bytes_max: usize,
    /// `connections.max.idle.ms`.
    pub(crate) idle_max: Duration,
    /// How long a client may take to read a response.
    pub(crate) slow_read_max: Duration,
    /// How long a listener rests after it could not accept.
    pub(crate) accept_pause: Duration,
}

/// What every request handler sees.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) cluster_id: Str,
    pub(crate) broker_id: BrokerId,
    pub(crate) rack: Option<Str>,
    pub(crate) limits: Limits,
    pub(crate) budget: Budget,
    pub(crate) connections: Connections,
    pub(crate) stopping: Stopping,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) partitions: Partitions,
    pub(crate) fetch_sessions: FetchSessions,
    pub(crate) groups: Groups,
    pub(crate) transactions: Transactions,
    pub(crate) producer_ids: ProducerIds,
    pub(crate) controller: Controller,
    pub(crate) log_dirs: LogDirs,
    pub(crate) moves: Moves,
    pub(crate) deleted_names: DeletedNames,
    pub(crate) cleaners: Cleaners,
    /// Turns of those who look at old batches ahead of their readers.
    pub(crate) looks: Arc<Semaphore>,
    pub(crate) journal: Journal,
    pub(crate) clients: Clients,
    /// Why the broker cannot go on, if it cannot.
    pub(crate) fatal: watch::Sender<Option<String>>,
    /// What clients connect to, with the real ports; set when the listeners are bound.
    pub(crate) listeners: OnceLock<Vec<Listener>>,
    /// Where work goes that belongs to no connection.
    runtime: OnceLock<Handle>,
    /// What `advertised.listeners` says.
    pub(crate) advertised: Vec<Listener>,
    /// In a container, where the clients of its own machine come from.
    gateway: Option<IpAddr>,
    /// When the broker started, in ms since 1970.
    pub(crate) started_ms: i64,
    is_ready: AtomicBool,
}

/// An address that a client is told.
#[derive(Clone, Debug)]
pub(crate) struct AdvertisedEndpoint {
    pub(crate) host: Str,
    pub(crate) port: i32,
}

impl Shared {
    /// The cluster's metadata as it is now.
    pub(crate) fn image(&self) -> Arc<Image> {
        self.controller.image()
    }

    /// The configuration as it is now, dynamic values included.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        self.controller.config()
    }

    /// The address to tell a client: what `advertised.listeners` says of its listener, else the
    /// listener's own host, else (it listens on every interface) the address the client came in by,
    /// which is `localhost` for one that the container's gateway passed on.
    pub(crate) fn advertised(&self, peer: &Peer) -> AdvertisedEndpoint {
        let told = self.advertised.iter().find(|one| one.name == *peer.listener);
        let bound =
            self.listeners.get().and_then(|all| all.iter().find(|one| one.name == *peer.listener));
        let port = told.map_or(peer.local.port(), |one| one.port);
        let host = told.or(bound).map_or("", |one| one.host.as_str());
        let is_any = host.is_empty() || host == "0.0.0.0" || host == "::";
        let host = if is_any && self.gateway == Some(peer.remote.ip().to_canonical()) {
            Str::from_static("localhost")
        } else if is_any {
            Str::from(peer.local.ip().to_canonical().to_string())
        } else {
            Str::from(host)
        };
        AdvertisedEndpoint { host, port: port.into() }
    }

    /// Creates an internal topic unless it is there, and waits until it can be used.
    pub(crate) async fn ensure_internal_topic(
        &self,
        topic: InternalTopic,
    ) -> Result<(), ErrorCode> {
        if self.partitions.topic(topic.name()).is_some() {
            return Ok(());
        }
        self.controller.create_internal_topic(topic).await
    }

    /// Says on which runtime work goes that belongs to no connection.
    pub(crate) fn enter_runtime(&self, home: Handle) {
        drop(self.runtime.set(home));
    }

    /// Reads the groups and transactional ids, if there are any.
    pub(crate) fn load_coordinators(self: &Arc<Self>) {
        if let Some(topic) = self.partitions.topic(ottla_types::TopicName::CONSUMER_OFFSETS) {
            self.groups.lead(self, &topic);
        }
        if let Some(topic) = self.partitions.topic(ottla_types::TopicName::TRANSACTION_STATE) {
            self.transactions.lead(self, &topic);
        }
    }

    /// Does what the coordinators do by themselves until the broker stops.
    pub(crate) async fn run_coordinators(self: Arc<Self>) {
        let groups = self.groups.run_timers(Arc::clone(&self));
        let transactions = self.transactions.run_timers(Arc::clone(&self));
        tokio::join!(groups, transactions);
    }

    /// The broker serves.
    pub(crate) fn is_ready_from_now_on(&self) {
        self.is_ready.store(true, Ordering::Release);
    }

    /// Runs something in the background, on the first runtime.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = self.runtime.get() {
            runtime.spawn(work);
        }
    }

    /// Records where replicas are that are in other directories than the image says.
    pub(crate) fn record_directories(self: &Arc<Self>, found: Vec<(TopicIdPartition, Uuid)>) {
        if found.is_empty() {
            return;
        }
        let shared = Arc::clone(self);
        self.spawn(async move {
            let told = shared.controller.decide(move |context| Decision {
                records: assign_directories(context.image, context.broker_id, &found),
                response: (),
            });
            if let Err(code) = told.await {
                tracing::error!("directories of partitions cannot be recorded: {code}");
            }
        });
    }

    /// Why the broker is not ready, if it is not.
    pub(crate) fn not_ready(&self) -> Option<&'static str> {
        if self.stopping.has_begun() {
            Some("stopping")
        } else if !self.is_ready.load(Ordering::Acquire) {
            Some("starting")
        } else if !self.groups.is_loaded() {
            Some("loading groups")
        } else if !self.transactions.is_loaded() {
            Some("loading transactions")
        } else {
            None
        }
    }

    /// Values for `/metrics`.
    pub(crate) fn gauges(&self) -> Gauges {
        let partitions = self.partitions.all();
        Gauges {
            connections: self.connections.open(),
            partitions: partitions.len(),
            topics: self.partitions.topics().len(),
            log_bytes: partitions.iter().map(|p| p.size_bytes()).sum(),
            groups: self.groups.count(),
            transactional_ids: self.transactions.count(),
            request_memory_free: self.budget.available(),
            uncleanable: self.cleaners.uncleanable(),
        }
    }
}

/// A running broker. Dropping it does not stop it: see [`Broker::stop`].
#[derive(Debug)]
pub struct Broker {
    shared: Arc<Shared>,
    workers: Vec<(Handle, JoinHandle<()>)>,
    flusher_threads: Vec<JoinHandle<()>>,
    controller_thread: Option<JoinHandle<()>>,
    moves_threads: Vec<JoinHandle<()>>,
    http: Option<HttpServer>,
    ready_after: Duration,
}

impl Broker {
    /// Starts a broker: when this returns, it serves.
    pub fn start(config: ServerConfig) -> Result<Self, StartError> {
        Self::start_with(config, |_| None)
    }

    /// Starts a broker that serves over HTTP what `app` makes of its views, beside `/metrics`,
    /// `/health` and `/ready`.
    #[expect(clippy::needless_pass_by_value, reason = "a broker has its configuration to itself")]
    pub fn start_with(
        config: ServerConfig,
        app: impl FnOnce(Views) -> Option<axum::Router>,
    ) -> Result<Self, StartError> {
        let began = Instant::now();
        crate::limits::share_open_files();
        let metrics = Arc::new(Metrics::new(APIS.iter().map(|row| row.key)));
        let mut opened = log_dirs::open(&config, &metrics)?;
        let flusher_threads = std::mem::take(&mut opened.flusher_threads);
        let bound = bind_all(&config)?;
        let start = broker_start(&config, &opened, &bound);
        let Assembled { shared, controller_thread, unrecorded } =
            assemble(&config, opened, metrics, start)?;
        let moves_threads = Moves::start(&shared)?;
        let workers = start_workers(&shared)?;
        if let Some((home, _)) = workers.first() {
            shared.enter_runtime(home.clone());
        }
        let mut broker = Self {
            shared,
            workers,
            flusher_threads,
            controller_thread,
            moves_threads,
            http: None,
            ready_after: Duration::ZERO,
        };
        broker.shared.record_directories(unrecorded);
        broker.serve(&config, bound, app)?;
        broker.ready_after = began.elapsed();
        Ok(broker)
    }

    /// The listeners that clients connect to, with the ports that were really bound.
    pub fn listeners(&self) -> &[Listener] {
        self.shared.listeners.get().map_or(&[], Vec::as_slice)
    }

    /// Where HTTP is served, as `host:port`; `None` where it is off.
    pub fn console(&self) -> Option<&str> {
        self.http.as_ref().map(|http| http.address.as_str())
    }

    /// Its id (`node.id`).
    pub fn id(&self) -> i32 {
        self.shared.broker_id.get()
    }

    /// The id of the cluster.
    pub fn cluster_id(&self) -> &str {
        &self.shared.cluster_id
    }

    /// The data directories.
    pub fn data_dirs(&self) -> impl Iterator<Item = &std::path::Path> {
        self.shared.log_dirs.all().iter().map(|dir| dir.path.as_path())
    }

    /// Returns once the broker cannot go on, and says why: it is to be stopped then.
    pub fn failure(&self) -> impl Future<Output = String> + Send + use<> {
        let mut receiver = self.shared.fatal.subscribe();
        async move {
            let reason = receiver.wait_for(Option::is_some).await.ok().and_then(|it| it.clone());
            match reason {
                Some(reason) => reason,
                // The broker was stopped.
                None => std::future::pending().await,
            }
        }
    }

    /// How long the start took.
    pub fn ready_after(&self) -> Duration {
        self.ready_after
    }

    fn serve(
        &mut self,
        config: &ServerConfig,
        bound: Vec<Bound>,
        app: impl FnOnce(Views) -> Option<axum::Router>,
    ) -> Result<(), StartError> {
        let handles: Vec<Handle> = self.workers.iter().map(|(handle, _)| handle.clone()).collect();
        let Some(home) = handles.first() else { return Ok(()) };
        let listeners = bound.iter().map(|bound| bound.listener.clone()).collect();
        drop(self.shared.listeners.set(listeners));
        self.shared.load_coordinators();
        self.create_topics(config, home);
        let app = app(Views::of(&self.shared));
        self.http = http::start(&self.shared, config, app)?;
        let shared = Arc::clone(&self.shared);
        home.spawn(shared.run_coordinators());
        home.spawn(housekeeping::run(Arc::clone(&self.shared)));
        home.spawn(housekeeping::run_flush(Arc::clone(&self.shared)));
        let shared = Arc::clone(&self.shared);
        home.spawn(async move { shared.journal.run(Arc::clone(&shared)).await });
        home.spawn(failures::run(Arc::clone(&self.shared)));
        for bound in bound {
            bound.serve(&self.shared, &handles)?;
        }
        self.shared.is_ready_from_now_on();
        Ok(())
    }

    /// Creates the topics that the configuration asks for, and waits for them.
    fn create_topics(&self, config: &ServerConfig, home: &Handle) {
        let (sender, done) = std::sync::mpsc::sync_channel(1);
        let (shared, config) = (Arc::clone(&self.shared), config.clone());
        home.spawn(async move {
            initial_topics::create(shared, &config).await;
            let _gone = sender.send(());
        });
        let _gone = done.recv();
    }

    /// Stops the broker: what was acknowledged is on disk when this returns.
    pub fn stop(mut self) -> Result<(), StartError> {
        let shared = Arc::clone(&self.shared);
        shared.is_ready.store(false, Ordering::Release);
        shared.stopping.begin();
        shared.groups.stop();
        shared.transactions.stop();
        shared.moves.stop();
        shared.cleaners.stop();
        let http = self.http.take().map(|http| http.thread);
        for thread in self.workers.drain(..).map(|(_, thread)| thread).chain(http) {
            drop(thread.join());
        }
        shared.controller.stop();
        shared.log_dirs.every().for_each(|dir| dir.stop_flusher());
        let threads = self.moves_threads.drain(..).chain(self.controller_thread.take());
        for thread in threads.chain(self.flusher_threads.drain(..)) {
            drop(thread.join());
        }
        storage::close(&shared)?;
        Ok(())
    }
}

/// The parts of a broker, which does not serve yet.
pub(crate) struct Assembled {
    pub(crate) shared: Arc<Shared>,
    pub(crate) controller_thread: Option<JoinHandle<()>>,
    /// Replicas that are in other directories than the cluster knows.
    pub(crate) unrecorded: Vec<(TopicIdPartition, Uuid)>,
}

/// Replays the cluster metadata and opens the logs.
pub(crate) fn assemble(
    config: &ServerConfig,
    opened: log_dirs::Opened,
    metrics: Arc<Metrics>,
    start: BrokerStart,
) -> Result<Assembled, StartError> {
    let broker_id = opened.broker_id;
    let metadata = metadata_log::open(config, &opened.log_dirs, broker_id)?;
    let mut inventory = Inventory::take(&opened.log_dirs, &metadata.image, broker_id);
    let start =
        BrokerStart { assignments: inventory.unrecorded(&metadata.image, broker_id), ..start };
    let (image, next) = (metadata.image.clone(), metadata.applied.next);
    let controller = Controller::new(config, broker_id, image, next);
    let shared = Arc::new(shared_state(config, opened, metrics, controller));
    let controller_thread = shared.controller.start(&shared, metadata, start)?;
    let unrecorded = storage::open_partitions(&shared, &mut inventory);
    shared.moves.resume(&shared, &inventory);
    shared.cleaners.start(&shared, &inventory);
    Ok(Assembled { shared, controller_thread, unrecorded })
}

fn bind_all(config: &ServerConfig) -> Result<Vec<Bound>, StartError> {
    let listeners = &config.listeners().brokers;
    if let Some(other) =
        listeners.iter().find(|one| one.protocol != ottla_config::SecurityProtocol::Plaintext)
    {
        return Err(StartError::Config(format!(
            "listener {other} asks for {}, and this version serves PLAINTEXT only (listeners, \
             listener.security.protocol.map)",
            other.protocol.name()
        )));
    }
    listeners.iter().map(|listener| Bound::bind(listener).map_err(StartError::from)).collect()
}

fn limits(config: &ServerConfig) -> Limits {
    let size = |value: i32| usize::try_from(value).unwrap_or(0);
    let idle_ms = config.get(&keys::CONNECTIONS_MAX_IDLE_MS);
    // A negative value means never, as in Kafka; ten years is that.
    let never = Duration::from_hours(10 * 365 * 24);
    Limits {
        request_bytes_max: size(config.get(&keys::SOCKET_REQUEST_MAX_BYTES)),
        fetch_bytes_max: size(config.get(&keys::FETCH_MAX_BYTES)),
        idle_max: u64::try_from(idle_ms).map_or(never, Duration::from_millis),
        slow_read_max: Duration::from_mins(1),
        accept_pause: Duration::from_millis(100),
    }
}

/// Request memory where `queued.max.request.bytes` does not say: a quarter of the machine's.
fn request_memory(config: &ServerConfig) -> usize {
    match usize::try_from(config.get(&keys::QUEUED_MAX_REQUEST_BYTES)) {
        Ok(bytes) if bytes > 0 => bytes,
        Ok(_) | Err(_) => crate::limits::memory_bytes() / 4,
    }
}

fn shared_state(
    config: &ServerConfig,
    opened: log_dirs::Opened,
    metrics: Arc<Metrics>,
    controller: Controller,
) -> Shared {
    let size = |value: i32| usize::try_from(value).unwrap_or(0);
    Shared {
        cluster_id: Str::from(opened.cluster_id.as_str()),
        broker_id: opened.broker_id,
        rack: config.get(&keys::BROKER_RACK).map(Str::from),
        limits: limits(config),
        budget: Budget::new(request_memory(config)),
        connections: Connections::new(),
        stopping: Stopping::new(),
        metrics,
        partitions: Partitions::default(),
        fetch_sessions: FetchSessions::new(size(
            config.get(&keys::MAX_INCREMENTAL_FETCH_SESSION_CACHE_SLOTS),
        )),
        groups: Groups::new(crate::settings::group_config(config)),
        transactions: Transactions::new(
            crate::settings::transaction_config(config),
            config.get(&keys::ADD_PARTITIONS_TO_TXN_RETRY_BACKOFF_MAX_MS).into(),
        ),
        producer_ids: ProducerIds::default(),
        controller,
        log_dirs: opened.log_dirs,
        moves: Moves::new(),
        deleted_names: DeletedNames::default(),
        cleaners: Cleaners::new(),
        looks: Arc::new(Semaphore::new(LOOKS_MAX)),
        journal: Journal::new(),
        clients: Clients::default(),
        fatal: watch::Sender::new(None),
        listeners: OnceLock::new(),
        runtime: OnceLock::new(),
        advertised: config.listeners().advertised.clone(),
        gateway: container::gateway(),
        started_ms: now_ms(),
        is_ready: AtomicBool::new(false),
    }
}

/// What the cluster is told of this broker.
fn broker_start(config: &ServerConfig, opened: &log_dirs::Opened, bound: &[Bound]) -> BrokerStart {
    let advertised = &config.listeners().advertised;
    let endpoints = bound.iter().map(|bound| {
        let told = advertised.iter().find(|one| one.name == bound.listener.name);
        let listener = told.unwrap_or(&bound.listener);
        let host = if listener.host.is_empty() { "localhost" } else { &listener.host };
        Endpoint {
            name: listener.name.clone(),
            host: host.to_owned(),
            port: listener.port,
            security_protocol: listener.protocol.id(),
        }
    });
    BrokerStart {
        broker_id: opened.broker_id,
        broker_epoch: 0,
        incarnation_id: crate::random::new_id(),
        endpoints: endpoints.collect(),
        rack: config.get(&keys::BROKER_RACK).map(str::to_owned),
        directories: opened.log_dirs.online_ids(),
        cordoned: Vec::new(),
        assignments: Vec::new(),
    }
}

/// One current-thread runtime per core: a connection stays on its own.
fn start_workers(shared: &Arc<Shared>) -> Result<Vec<(Handle, JoinHandle<()>)>, StartError> {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    (0..count)
        .map(|number| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let handle = runtime.handle().clone();
            let shared = Arc::clone(shared);
            let thread = std::thread::Builder::new().name(format!("ottla-net-{number}")).spawn(
                move || {
                    drop(runtime.spawn(Home::settle().wake_others()));
                    runtime.block_on(until_drained(shared));
                },
            )?;
            Ok((handle, thread))
        })
        .collect()
}

/// Keeps a runtime going until the broker stops and its connections are gone.
pub(crate) async fn until_drained(shared: Arc<Shared>) {
    shared.stopping.wait().await;
    let _timed_out = tokio::time::timeout(DRAIN_MAX, shared.connections.none()).await;
}

#[cfg(test)]
mod tests;
