//! A broker whose every step is decided by a seed: one thread, one runtime with paused time, a disk
//! in memory and connections that are pipes. What it does twice with one seed is the same.
//!
//! For tests only: nothing here is part of a release. What the world is made of is kept per thread,
//! so that tests run side by side. A broker is killed by dropping the runtime it runs on; what it
//! left on the disk is [`SimDisk::copy`], or after a power cut [`SimDisk::after_power_cut`].

use std::{
    cell::RefCell,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use ottla_config::ServerConfig;
pub use ottla_log::simulation::{disk::SimDisk, power_cut, random::Random};
use ottla_log::{FileSystem, LogDir, LogError};
use ottla_metadata::{Endpoint, decide::BrokerStart};
use tokio::{io::DuplexStream, runtime::Handle, time::Instant};

use crate::{
    api::APIS,
    broker::{self, Shared, StartError},
    failures, housekeeping, log_dirs,
    metrics::Metrics,
    net::{connection, connection::Peer, socket::Socket},
};

/// Bytes that a connection holds in each direction before its writer has to wait.
const PIPE_BYTES: usize = 64 * 1024;

/// The port that the simulated broker says it listens on.
const PORT: u16 = 9092;

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// What a simulated broker runs in.
#[derive(Debug)]
struct World {
    disk: SimDisk,
    random: Random,
    began: Instant,
    began_ms: i64,
    /// The disk has become slow.
    is_slow: bool,
}

/// Whether this thread runs a simulation.
pub(crate) fn is_on() -> bool {
    WORLD.with_borrow(Option::is_some)
}

/// The time of day in the simulation, in ms since 1970.
pub(crate) fn now_ms() -> Option<i64> {
    WORLD.with_borrow(|world| {
        let world = world.as_ref()?;
        let elapsed = i64::try_from(world.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        Some(world.began_ms.saturating_add(elapsed))
    })
}

/// Random bytes of the simulation.
pub(crate) fn random_bytes() -> Option<[u8; 16]> {
    WORLD.with_borrow_mut(|world| {
        let random = &mut world.as_mut()?.random;
        let high = u128::from(random.any()) << 64;
        Some((high | u128::from(random.any())).to_be_bytes())
    })
}

/// How long half a sync takes: mostly about a millisecond, now and then much longer, and always so
/// on a slow disk.
pub(crate) fn sync_time() -> Duration {
    WORLD.with_borrow_mut(|world| {
        let Some(World { random, is_slow, .. }) = world else { return Duration::ZERO };
        let most_micros = match (*is_slow, random.one_in(20)) {
            (true, _) => 800_000,
            (false, true) => 200_000,
            (false, false) => 2_000,
        };
        Duration::from_micros(100 + random.any() % most_micros)
    })
}

/// The data directory of the simulation, which is the whole disk.
pub(crate) fn log_dir() -> Option<Result<LogDir, LogError>> {
    WORLD.with_borrow(|world| world.as_ref().map(|world| LogDir::simulated(&world.disk)))
}

/// The file system of the simulation.
pub(crate) fn file_system() -> Option<FileSystem> {
    WORLD.with_borrow(|world| world.as_ref().map(|world| FileSystem::simulated(&world.disk)))
}

/// A broker in a simulation.
#[derive(Debug)]
pub struct SimulatedBroker {
    shared: Arc<Shared>,
    connected: AtomicU16,
}

impl SimulatedBroker {
    /// Starts a broker on what `disk` holds, at `began_ms` (in ms since 1970), with a seed for what
    /// it leaves to chance. Must be called within a current-thread runtime with paused time, which
    /// this broker has to itself.
    pub fn start(
        config: &ServerConfig,
        disk: &SimDisk,
        (seed, began_ms): (u64, i64),
    ) -> Result<Self, StartError> {
        let world = World {
            disk: disk.clone(),
            random: Random::new(seed),
            began: Instant::now(),
            began_ms,
            is_slow: false,
        };
        WORLD.set(Some(world));
        let metrics = Arc::new(Metrics::new(APIS.iter().map(|row| row.key)));
        let opened = log_dirs::open(config, &metrics)?;
        let endpoint = Endpoint {
            name: "PLAINTEXT".to_owned(),
            host: "localhost".to_owned(),
            port: PORT,
            security_protocol: 0,
        };
        let start = BrokerStart {
            broker_id: opened.broker_id,
            broker_epoch: 0,
            incarnation_id: crate::random::new_id(),
            endpoints: vec![endpoint],
            rack: None,
            directories: opened.log_dirs.online_ids(),
            cordoned: Vec::new(),
            assignments: Vec::new(),
        };
        let assembled = broker::assemble(config, opened, metrics, start)?;
        let shared = assembled.shared;
        shared.enter_runtime(Handle::current());
        shared.record_directories(assembled.unrecorded);
        shared.load_coordinators();
        drop(tokio::spawn(Arc::clone(&shared).run_coordinators()));
        drop(tokio::spawn(housekeeping::run(Arc::clone(&shared))));
        drop(tokio::spawn(housekeeping::run_flush(Arc::clone(&shared))));
        drop(tokio::spawn(failures::run(Arc::clone(&shared))));
        shared.is_ready_from_now_on();
        Ok(Self { shared, connected: AtomicU16::new(0) })
    }

    /// A new connection. Dropping it closes it.
    pub fn connect(&self) -> DuplexStream {
        let (client, server) = tokio::io::duplex(PIPE_BYTES);
        let port = self.connected.fetch_add(1, Ordering::Relaxed);
        let at = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let peer = Peer { remote: at(port), local: at(PORT), listener: "PLAINTEXT".into() };
        let shared = Arc::clone(&self.shared);
        drop(tokio::spawn(connection::serve(shared, Socket::Memory(server), peer)));
        client
    }

    /// From now on each sync takes long, so that much is on its way to the disk at any moment.
    pub fn slow_the_disk(&self) {
        WORLD.with_borrow_mut(|world| {
            if let Some(world) = world {
                world.is_slow = true;
            }
        });
    }

    /// Why the broker cannot go on, if it cannot.
    pub fn failure(&self) -> Option<String> {
        self.shared.fatal.borrow().clone()
    }
}
