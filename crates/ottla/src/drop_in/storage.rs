//! `kafka-storage.sh`: `random-uuid`, `format` and `info`.
//!
//! Kafka: `StorageTool`.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use ottla_broker::format::{self, Formatted};
use ottla_config::{Layer, ServerConfig, from_env, keys, parse_properties};

/// The Kafka storage tool.
#[derive(Debug, Parser)]
#[command(name = "kafka-storage", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print a random id for a new cluster
    RandomUuid,
    /// Give the data directories to a cluster
    Format(Format),
    /// Say what the data directories are
    Info(Config),
}

#[derive(Debug, Args)]
struct Config {
    /// A server.properties file; where it does not exist, the environment says what it would
    #[arg(short, long)]
    config: PathBuf,
}

#[derive(Debug, Args)]
struct Format {
    #[command(flatten)]
    config: Config,
    /// The cluster's id
    #[arg(short = 't', long)]
    cluster_id: String,
    /// Leave directories that belong to the cluster alone
    #[arg(short = 'g', long)]
    ignore_formatted: bool,
    /// This node is the only voter of the quorum, as it always is here
    #[arg(short, long)]
    standalone: bool,
}

/// Runs one of its commands.
pub(super) fn run(words: &[String]) -> ExitCode {
    let words = std::iter::once("kafka-storage").chain(words.iter().map(String::as_str));
    let arguments = match Arguments::try_parse_from(words) {
        Ok(arguments) => arguments,
        Err(error) => {
            drop(error.print());
            return if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
        }
    };
    let done = match arguments.command {
        Command::RandomUuid => Ok(format!("{}\n", format::new_cluster_id())),
        Command::Format(command) => command.run(),
        Command::Info(config) => info(&config),
    };
    match done {
        Ok(text) => {
            drop(io::stdout().lock().write_all(text.as_bytes()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            drop(writeln!(io::stderr().lock(), "{error:#}"));
            ExitCode::FAILURE
        }
    }
}

impl Config {
    fn load(&self) -> anyhow::Result<ServerConfig> {
        let origin = self.config.display().to_string();
        let properties = match std::fs::read_to_string(&self.config) {
            Ok(text) => parse_properties(&text).with_context(|| origin.clone())?,
            // Scripts around Confluent's images format by a file that only those images write.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                from_env(std::env::vars()).properties
            }
            Err(error) => return Err(error).context(origin),
        };
        Ok(ServerConfig::load(&[Layer { origin, properties }])?.config)
    }
}

impl Format {
    fn run(&self) -> anyhow::Result<String> {
        let config = self.config.load()?;
        let formatted = if self.ignore_formatted { Formatted::Ignore } else { Formatted::Refuse };
        // The broker would refuse directories of another cluster than the one it is configured for.
        let configured = config.get(&keys::OTTLA_CLUSTER_ID).filter(|id| !id.is_empty());
        let cluster_id = configured.unwrap_or(&self.cluster_id);
        let done = format::format(&config, cluster_id, formatted)?;
        if done.is_empty() {
            return Ok("All of the log directories are already formatted.\n".to_owned());
        }
        let kinds = std::iter::once("metadata").chain(std::iter::repeat("data"));
        let lines = done
            .iter()
            .zip(kinds)
            .map(|(path, kind)| format!("Formatting {kind} directory {}.\n", path.display()));
        Ok(lines.collect::<Vec<_>>().concat())
    }
}

fn info(config: &Config) -> anyhow::Result<String> {
    let config = config.load()?;
    let mut lines = vec!["Found log directories:".to_owned()];
    lines.extend(config.log_dirs().iter().map(|path| format!("  {path}")));
    // Not opened: the mark of a clean shutdown stays.
    let meta = Path::new(config.metadata_log_dir()).join("meta.properties");
    lines.push(match std::fs::read_to_string(&meta) {
        Ok(meta) => {
            let mut pairs: Vec<String> = parse_properties(&meta)?
                .into_iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            pairs.sort_unstable();
            format!("\nFound metadata: {{{}}}\n", pairs.join(", "))
        }
        Err(_) => "\nFound no metadata: the directories are not formatted.\n".to_owned(),
    });
    Ok(lines.join("\n") + "\n")
}
