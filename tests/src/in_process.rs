//! A whole broker in the test's own process, on a free port of 127.0.0.1 and a directory of its
//! own.
//!
//! It is spoken to over TCP like any broker: see [`Client`].

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    os::unix::fs::DirEntryExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use ottla_broker::{Broker, StartError};
use ottla_config::{Layer, ServerConfig, keys};
use tempfile::TempDir;

use crate::{batch::now_ms, client::Client};

/// How long a condition may take to come true. Only a broken broker needs it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// In the value of a key: the directory of the broker's data, wherever that is.
pub const DATA_DIR: &str = "{dir}";

/// Keys that every broker of a test gets: a free port, no HTTP, and nothing that waits for company.
const SETTINGS: &[(&str, &str)] = &[
    ("listeners", "PLAINTEXT://127.0.0.1:0"),
    ("ottla.console.listen", "off"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("offsets.topic.num.partitions", "2"),
];

/// A broker and its data directory, which is removed with it.
#[derive(Debug)]
pub struct TestBroker {
    dir: TempDir,
    settings: Vec<(String, String)>,
    broker: Option<Broker>,
    has_console: bool,
}

impl TestBroker {
    /// A broker with an empty directory and these keys on top of the usual ones.
    pub fn start(settings: &[(&str, &str)]) -> Self {
        Self::made(settings, false)
    }

    /// The same with the console on a free port.
    pub fn start_with_console(settings: &[(&str, &str)]) -> Self {
        let settings = [&[("ottla.console.listen", "127.0.0.1:0")], settings].concat();
        Self::made(&settings, true)
    }

    fn made(settings: &[(&str, &str)], has_console: bool) -> Self {
        let owned = settings.iter().map(|&(key, value)| (key.to_owned(), value.to_owned()));
        let mut this = Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
            settings: owned.collect(),
            broker: None,
            has_console,
        };
        this.start_again();
        this
    }

    /// The directory with the data.
    pub fn data_dir(&self) -> &Path {
        self.dir.path()
    }

    /// The segments of a partition, by name.
    pub fn segments(&self, partition: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.path().join(partition)).expect("a partition");
        let paths = entries.flatten().map(|entry| entry.path());
        let mut logs: Vec<_> =
            paths.filter(|path| path.extension().is_some_and(|end| end == "log")).collect();
        logs.sort();
        logs
    }

    /// The broker that runs.
    pub fn broker(&self) -> &Broker {
        self.broker.as_ref().expect("the broker runs")
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        address_of(self.broker())
    }

    /// A new connection.
    pub fn client(&self) -> Client {
        Client::connect(self.address())
    }

    /// Stops the broker in order.
    pub fn stop(&mut self) {
        let broker = self.broker.take().expect("the broker runs");
        broker.stop().expect("the broker stops in order");
    }

    /// Starts the broker, which must have been stopped.
    pub fn start_again(&mut self) {
        self.try_to_start().expect("the broker starts");
    }

    /// Starts the broker, which must have been stopped, if it can be started.
    ///
    /// # Errors
    ///
    /// Why it cannot.
    pub fn try_to_start(&mut self) -> Result<(), StartError> {
        assert!(self.broker.is_none(), "the broker runs already");
        let config = config(self.dir.path(), &self.settings);
        let broker =
            if self.has_console { start_with_console(config) } else { Broker::start(config) };
        self.broker = Some(broker?);
        Ok(())
    }

    /// Stops the broker in order and starts it on what it left.
    pub fn restart(&mut self) {
        self.stop();
        self.start_again();
    }

    /// Returns once the broker's clock shows another millisecond.
    pub fn wait_for_next_millisecond(&self) {
        let now = now_ms();
        eventually("time goes on", || (now_ms() > now).then_some(()));
    }

    /// Starts the broker on its files as they are now, as if it had been killed: what it does
    /// after this moment does not count.
    pub fn crash_and_restart(&mut self) {
        self.crash_with(|_| {});
    }

    /// The same, with something done to the files meanwhile.
    pub fn crash_with(&mut self, harm: impl FnOnce(&Path)) {
        self.crash(harm);
        self.start_again();
    }

    /// The same, and the broker is not started yet.
    pub fn crash(&mut self, harm: impl FnOnce(&Path)) {
        let copy = self.copy_at_once();
        self.stop();
        self.dir = copy;
        harm(self.dir.path());
    }

    /// The directory as it is at one moment: no file was made, renamed or removed while it was
    /// copied, which would leave what no crash leaves.
    fn copy_at_once(&self) -> TempDir {
        for _ in 0..1000 {
            let copy = tempfile::tempdir().expect("a temporary directory");
            let before = files(self.dir.path());
            copy_directory(self.dir.path(), copy.path());
            if files(self.dir.path()) == before {
                return copy;
            }
        }
        panic!("the broker renames its files all the time");
    }

    /// Changes a key for the next start.
    pub fn set(&mut self, key: &str, value: &str) {
        self.settings.push((key.to_owned(), value.to_owned()));
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        if let Some(broker) = self.broker.take() {
            // A test that failed already has said more than this could.
            drop(broker.stop());
        }
    }
}

/// A directory in memory, where there is such a thing: what is synced there is not waited for.
pub fn memory_dir() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory")
}

/// Starts a broker on a directory, which may go wrong.
pub fn start(dir: &Path, settings: &[(String, String)]) -> Result<Broker, StartError> {
    Broker::start(config(dir, settings))
}

fn start_with_console(config: ServerConfig) -> Result<Broker, StartError> {
    let settings = ottla_console::Settings {
        is_read_only: config.get(&keys::OTTLA_CONSOLE_READ_ONLY),
        users: ottla_console::Users::parse(config.get(&keys::OTTLA_CONSOLE_USERS)).expect("users"),
        base_path: config.get(&keys::OTTLA_CONSOLE_BASE_PATH).parse().expect("a base path"),
        hosts: config.get(&keys::OTTLA_CONSOLE_HOSTS).to_vec(),
    };
    Broker::start_with(config, |views| Some(ottla_console::app(views, &settings)))
}

fn config(dir: &Path, settings: &[(String, String)]) -> ServerConfig {
    let mut properties: Vec<(String, String)> =
        SETTINGS.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    properties.push(("log.dirs".to_owned(), dir.display().to_string()));
    let path = dir.display().to_string();
    let with_path = |(key, value): &(String, String)| (key.clone(), value.replace(DATA_DIR, &path));
    properties.extend(settings.iter().map(with_path));
    let layer = Layer { origin: "the test".to_owned(), properties };
    ServerConfig::load(&[layer]).expect("a valid configuration").config
}

/// Where a broker's first listener is.
pub fn address_of(broker: &Broker) -> SocketAddr {
    let listener = broker.listeners().first().expect("a listener");
    format!("{}:{}", listener.host, listener.port).parse().expect("an address")
}

/// Looks again and again until `look` has found what it looks for.
///
/// # Panics
///
/// After [`PATIENCE`], with `what` was waited for.
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::yield_now();
    }
}

/// Waits for something that a broker does in its own time.
///
/// # Panics
///
/// After [`PATIENCE`].
pub fn wait_for<T>(what: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let waited = runtime.block_on(async { tokio::time::timeout(PATIENCE, what).await });
    waited.expect("what was waited for has come")
}

/// Every file below a directory, by its name and its number in the file system.
fn files(dir: &Path) -> BTreeSet<(PathBuf, u64)> {
    // A directory that has just gone has none.
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let below = entries.flat_map(|entry| {
        let path = entry.path();
        let below = if path.is_dir() { files(&path) } else { BTreeSet::new() };
        below.into_iter().chain([(path, entry.ino())])
    });
    below.collect()
}

/// Copies the files of a broker that may be writing to them. A file that goes away meanwhile is
/// left out, as a kill at the right moment would have it.
pub fn copy_directory(from: &Path, to: &Path) {
    let entries = fs::read_dir(from).expect("a directory to copy");
    for entry in entries.flatten() {
        let target: PathBuf = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir_all(&target).expect("a directory");
            copy_directory(&entry.path(), &target);
        } else if let Err(error) = fs::copy(entry.path(), &target) {
            assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "copying {target:?}");
        }
    }
}
