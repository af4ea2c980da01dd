//! `ottla serve`: configuration in layers, a broker, and a graceful stop.
//!
//! Later layers win: defaults, file, environment, `--set`, short flags.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Args;
use ottla_broker::Broker;
use ottla_config::{Layer, Loaded, ServerConfig, from_env, keys, parse_properties};
use ottla_console::Users;
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

use crate::banner;

/// The flags people type; everything else is `--set key=value` with Kafka's keys.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// Where data is kept (log.dirs) [default: ./ottla-data].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Where clients connect, as HOST:PORT or Kafka's NAME://HOST:PORT list (listeners) [default:
    /// localhost:9092].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// What clients are told to connect to (advertised.listeners) [default: by the address they
    /// came in by].
    #[arg(long, value_name = "ADDRESS")]
    advertise: Option<String>,
    /// A server.properties file.
    #[arg(long, short = 'c', value_name = "FILE")]
    config: Option<PathBuf>,
    /// One of Kafka's configuration keys.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Where the console, /metrics, /health and /ready are served, or `off` (ottla.console.listen).
    #[arg(long, value_name = "ADDRESS")]
    console: Option<String>,
    /// How standard output says that the broker serves [default: people].
    #[arg(long, value_enum, value_name = "TO")]
    announce: Option<Announce>,
    /// How log lines look [default: text].
    #[arg(long, value_enum, value_name = "FORMAT")]
    log_format: Option<LogFormat>,
}

impl Flags {
    /// What a script that starts Kafka says: a file of properties, and some of them overridden.
    pub(crate) fn like_kafka(config: PathBuf, overrides: Vec<String>) -> Self {
        Self {
            data_dir: None,
            listen: None,
            advertise: None,
            config: Some(config),
            set: overrides,
            console: None,
            announce: Some(Announce::Kafka),
            log_format: None,
        }
    }

    /// These flags, and those of `outer` where they do not say.
    pub(crate) fn or(self, outer: Self) -> Self {
        Self {
            data_dir: self.data_dir.or(outer.data_dir),
            listen: self.listen.or(outer.listen),
            advertise: self.advertise.or(outer.advertise),
            config: self.config.or(outer.config),
            set: outer.set.into_iter().chain(self.set).collect(),
            console: self.console.or(outer.console),
            announce: self.announce.or(outer.announce),
            log_format: self.log_format.or(outer.log_format),
        }
    }
}

/// For whom it is said that the broker serves.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Announce {
    /// Where it is and what to do next.
    People,
    /// Also the lines of Kafka's log that the scripts around its images wait for.
    Kafka,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// Runs a broker until it is told to stop.
pub(crate) fn run(flags: &Flags) -> ExitCode {
    start_logging(flags.log_format.unwrap_or(LogFormat::Text));
    match serve(flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr().lock(), "ottla: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

pub(crate) fn start_logging(format: LogFormat) {
    let filter = EnvFilter::try_from_env("OTTLA_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    match format {
        LogFormat::Text => builder.with_target(false).init(),
        LogFormat::Json => builder.json().init(),
    }
}

fn serve(flags: &Flags) -> anyhow::Result<()> {
    let config = load(flags)?;
    let signals = StopSignals::catch()?;
    let settings = console_settings(&config)?;
    let broker = Broker::start_with(config, |views| Some(ottla_console::app(views, &settings)))?;
    banner::print(&broker, flags.announce.unwrap_or(Announce::People));
    match signals.wait(&broker) {
        Ending::Signal(signal) => tracing::info!("{signal} received, stopping"),
        Ending::Failure(reason) => {
            tracing::error!("stopping: {reason}");
            broker.stop()?;
            anyhow::bail!(reason);
        }
    }
    broker.stop()?;
    tracing::info!("stopped; everything acknowledged is on disk");
    Ok(())
}

fn console_settings(config: &ServerConfig) -> anyhow::Result<ottla_console::Settings> {
    let mut users =
        Users::parse(config.get(&keys::OTTLA_CONSOLE_USERS)).context("ottla.console.users")?;
    let file = config.get(&keys::OTTLA_CONSOLE_USERS_FILE);
    if !file.is_empty() {
        let of_file = || format!("ottla.console.users.file: {file}");
        let text = std::fs::read_to_string(file).with_context(of_file)?;
        users = Users::parse(&text).and_then(|own| users.and(own)).with_context(of_file)?;
    }
    let base_path = config.get(&keys::OTTLA_CONSOLE_BASE_PATH).parse();
    Ok(ottla_console::Settings {
        is_read_only: config.get(&keys::OTTLA_CONSOLE_READ_ONLY),
        users,
        base_path: base_path.context("ottla.console.base.path")?,
        hosts: config.get(&keys::OTTLA_CONSOLE_HOSTS).to_vec(),
    })
}

fn load(flags: &Flags) -> anyhow::Result<ServerConfig> {
    let mut layers = Vec::new();
    if let Some(path) = &flags.config {
        let origin = path.display().to_string();
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {origin}"))?;
        let properties = parse_properties(&text).with_context(|| origin.clone())?;
        layers.push(Layer { origin, properties });
    }
    let environment = from_env(std::env::vars());
    if !environment.ignored.is_empty() {
        let names = environment.ignored.join(", ");
        tracing::info!("variables for a JVM or a script change nothing here: {names}");
    }
    let properties = environment.properties;
    layers.push(Layer { origin: "the environment".into(), properties });
    layers.push(Layer { origin: "--set".into(), properties: settings(&flags.set)? });
    layers.push(Layer { origin: "the command line".into(), properties: short(flags) });
    let Loaded { config, warnings } = ServerConfig::load(&layers)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    Ok(config)
}

fn settings(set: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    set.iter()
        .map(|text| {
            let (key, value) = text.split_once('=').with_context(|| {
                format!("--set {text}: expected KEY=VALUE, as in num.partitions=3")
            })?;
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        })
        .collect()
}

/// The short flags as Kafka's keys.
fn short(flags: &Flags) -> Vec<(String, String)> {
    let mut properties = Vec::new();
    let mut add = |key: &str, value: Option<String>| {
        properties.extend(value.map(|value| (key.to_owned(), value)));
    };
    add("log.dirs", flags.data_dir.as_ref().map(|dir| dir.display().to_string()));
    add("listeners", flags.listen.as_deref().map(as_listener));
    add("advertised.listeners", flags.advertise.as_deref().map(as_listener));
    add("ottla.console.listen", flags.console.clone());
    properties
}

/// `host:port` is short for a PLAINTEXT listener.
fn as_listener(text: &str) -> String {
    if text.contains("://") { text.to_owned() } else { format!("PLAINTEXT://{text}") }
}

/// Why the broker is stopped.
enum Ending {
    /// A signal with this name.
    Signal(&'static str),
    /// It cannot go on, for this reason.
    Failure(String),
}

/// SIGTERM and SIGINT, caught from the moment this is made: one that comes while the broker starts
/// stops it in order when it has.
struct StopSignals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
}

impl StopSignals {
    fn catch() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let context = runtime.enter();
        let (terminate, interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        drop(context);
        Ok(Self { runtime, terminate, interrupt })
    }

    /// Waits for one, or for a failure that the broker cannot go on with.
    fn wait(self, broker: &Broker) -> Ending {
        let Self { runtime, mut terminate, mut interrupt } = self;
        runtime.block_on(async {
            tokio::select! {
                _ = terminate.recv() => Ending::Signal("SIGTERM"),
                _ = interrupt.recv() => Ending::Signal("SIGINT"),
                reason = broker.failure() => Ending::Failure(reason),
            }
        })
    }
}
