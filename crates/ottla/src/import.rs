//! `ottla import`: takes over the data directories of a Kafka that is stopped.
//!
//! Without `--apply` it only looks. The source is never written.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use ottla_broker::import::{Done, Import as Source, ImportError, Means, Survey};

/// Take over the data directories of a stopped Kafka; without --apply, only look at them
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Its directories (log.dirs), separated by commas; that of the cluster's metadata first
    #[arg(long, value_name = "DIRS", value_delimiter = ',', required = true)]
    from: Vec<PathBuf>,
    /// Where they go, as many
    #[arg(long, value_name = "DIRS", value_delimiter = ',', default_value = "./ottla-data")]
    to: Vec<PathBuf>,
    /// Give closed segments a second name instead of copying them (on one file system)
    #[arg(long)]
    link: bool,
    /// Do it
    #[arg(long)]
    apply: bool,
}

/// Looks, and copies if that is asked for.
pub(crate) fn run(command: &Import) -> ExitCode {
    match import(command) {
        Ok(text) => {
            drop(io::stdout().lock().write_all(text.as_bytes()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            drop(writeln!(io::stderr().lock(), "ottla: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn import(command: &Import) -> Result<String, ImportError> {
    let source = Source::look(&command.from)?;
    let mut lines = describe(source.survey());
    lines.push(String::new());
    if !command.apply {
        lines.push("nothing is written yet: add --apply to do it\n".to_owned());
        return Ok(lines.join("\n"));
    }
    let means = if command.link { Means::Link } else { Means::Copy };
    let Done { copied, linked, copied_bytes } = source.run(&command.to, means)?;
    let to: Vec<String> = command.to.iter().map(|dir| dir.display().to_string()).collect();
    let to = to.join(",");
    lines.push(format!("{copied} files copied ({copied_bytes} bytes), {linked} linked"));
    lines.push(format!("{to} holds the same"));
    let node = match source.survey().node_id {
        1 => String::new(),
        other => format!(" --set node.id={other}"),
    };
    lines.push(format!("next        ottla --data-dir {to}{node}\n"));
    Ok(lines.join("\n"))
}

fn describe(survey: &Survey) -> Vec<String> {
    let left = if survey.was_clean { "in order" } else { "not in order: logs will be recovered" };
    let mut lines = vec![
        format!("cluster     {}", survey.cluster_id),
        format!("node        {}", survey.node_id),
        format!("stopped     {left}"),
        format!("topics      {} (and {} of Kafka's own)", survey.topics, survey.internal_topics),
        format!("partitions  {}", survey.partitions),
        format!("records     {}", survey.records),
        format!("bytes       {}", survey.bytes),
        format!("groups      {} ({} committed offsets)", survey.groups, survey.committed_offsets),
    ];
    if survey.torn_bytes > 0 {
        lines.push(format!("torn        {} bytes that a crash has left", survey.torn_bytes));
    }
    if !survey.missing.is_empty() {
        lines.push(format!("missing     {}", survey.missing.join(" ")));
    }
    if !survey.strays.is_empty() {
        lines.push(format!("of no topic {}", survey.strays.join(" ")));
    }
    lines
}
