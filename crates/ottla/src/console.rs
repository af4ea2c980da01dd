//! `ottla console`: the console alone, for any cluster, and what belongs to it.
//!
//! Clusters come from the flags, or from the variables of kafka-ui, so that a service of that in a
//! compose file can be this one. Later layers win: environment, flags.

mod environment;

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use ottla_console::{Cluster, Settings, Users};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

use self::environment::Environment;

/// Serve the console for any Kafka cluster (--bootstrap), or for several (KAFKA_CLUSTERS_0_NAME …)
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Console {
    #[command(subcommand)]
    command: Option<ConsoleCommand>,
    /// Where the console is served [default: localhost:8080]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// What people call the cluster [default: kafka]
    #[arg(long)]
    name: Option<String>,
    /// Refuse every change
    #[arg(long)]
    read_only: bool,
    /// What comes before every path, such as /kafka
    #[arg(long, value_name = "PATH")]
    base_path: Option<String>,
    /// A file of users, as name:hash or name:hash:read-only, one a line
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,
    /// A name by which the console may be asked, beside addresses and names without a dot
    #[arg(long = "host", value_name = "NAME")]
    hosts: Vec<String>,
}

#[derive(Clone, Debug, Subcommand)]
enum ConsoleCommand {
    /// Print the Argon2id hash of a password from standard input, for ottla.console.users
    HashPassword,
}

/// Serves, or runs the command. `bootstrap` is what the flags say.
pub(crate) fn run(command: &Console, bootstrap: Option<&str>) -> ExitCode {
    let done = match command.command {
        Some(ConsoleCommand::HashPassword) => hash_password(),
        None => serve(command, bootstrap),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr().lock(), "ottla: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn serve(flags: &Console, bootstrap: Option<&str>) -> anyhow::Result<()> {
    crate::serve::start_logging(crate::serve::LogFormat::Text);
    let environment = Environment::read(std::env::vars())?;
    for warning in &environment.warnings {
        tracing::warn!("{warning}");
    }
    let listen = flags.listen.clone().or(environment.listen.clone());
    let listen = listen.unwrap_or_else(|| "localhost:8080".to_owned());
    let clusters = clusters(flags, bootstrap, &environment);
    let settings = settings(flags, environment)?;
    let base_path = settings.base_path.to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(&listen).await;
        let listener = listener.with_context(|| format!("cannot listen on {listen}"))?;
        let address = listener.local_addr()?;
        for cluster in &clusters {
            tracing::info!(cluster = cluster.name, bootstrap = cluster.bootstrap, "shown");
        }
        let host = listen.rsplit_once(':').map_or("localhost", |(host, _)| host);
        let port = address.port();
        let text = format!("console   http://{host}:{port}{base_path}/");
        writeln!(io::stdout().lock(), "{text}").context("cannot write")?;
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let stopped = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        let app = ottla_console::app_of(clusters, &settings);
        ottla_console::serve(listener, app, stopped).await.context("the HTTP listener failed")
    })
}

/// The flags name one cluster, or else the environment names some.
fn clusters(flags: &Console, bootstrap: Option<&str>, environment: &Environment) -> Vec<Cluster> {
    if bootstrap.is_none() && !environment.clusters.is_empty() {
        return environment.clusters.clone();
    }
    let of_environment = || std::env::var("OTTLA_BOOTSTRAP").ok().filter(|it| !it.is_empty());
    let bootstrap = bootstrap.map(str::to_owned).or_else(of_environment);
    vec![Cluster {
        name: flags.name.clone().unwrap_or_else(|| "kafka".to_owned()),
        bootstrap: bootstrap.unwrap_or_else(|| "localhost:9092".to_owned()),
        is_read_only: false,
    }]
}

fn settings(flags: &Console, environment: Environment) -> anyhow::Result<Settings> {
    let mut users = environment.users;
    if let Some(file) = &flags.users {
        let of_file = || format!("--users {}", file.display());
        let text = std::fs::read_to_string(file).with_context(of_file)?;
        users = Users::parse(&text).and_then(|own| users.and(own)).with_context(of_file)?;
    }
    let base_path = flags.base_path.as_ref().unwrap_or(&environment.base_path);
    let mut hosts = environment.hosts;
    hosts.extend(flags.hosts.iter().cloned());
    Ok(Settings {
        is_read_only: flags.read_only || environment.is_read_only,
        users,
        base_path: base_path.parse().context("the base path")?,
        hosts,
    })
}

fn hash_password() -> anyhow::Result<()> {
    let password = if io::stdin().is_terminal() { ask()? } else { line()? };
    anyhow::ensure!(!password.is_empty(), "a password has at least one character");
    let hash = ottla_console::hash_password(&password)?;
    writeln!(io::stdout().lock(), "{hash}").context("cannot write the hash")
}

fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    io::stdin().read_line(&mut line).context("cannot read the password")?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
}

/// Asks a person, whose terminal does not show what is typed.
fn ask() -> anyhow::Result<String> {
    let stdin = io::stdin();
    let usual = tcgetattr(&stdin).context("cannot silence the terminal")?;
    let mut silent = usual.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    drop(write!(io::stderr().lock(), "Password: "));
    tcsetattr(&stdin, OptionalActions::Flush, &silent).context("cannot silence the terminal")?;
    let password = line();
    tcsetattr(&stdin, OptionalActions::Flush, &usual).context("cannot restore the terminal")?;
    drop(writeln!(io::stderr().lock()));
    password
}
