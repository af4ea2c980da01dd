//! `ottla reference`: what there is to set, to call, to measure and to type, as Markdown.
//!
//! Everything is read from the tables that Ottla runs by; `docs/reference` holds these pages.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use ottla_broker::reference;
use ottla_config::{Effect, Key, Scope, keys};

/// Print a page of the reference as Markdown.
#[derive(Debug, Args)]
pub(crate) struct Reference {
    /// Which page
    page: Page,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Page {
    /// Every configuration key
    Configuration,
    /// Kafka's APIs and their versions.
    Apis,
    /// What /metrics shows.
    Metrics,
    /// Every command and flag.
    Cli,
    /// The console's HTTP API, OpenAPI 3.1 as JSON.
    ConsoleApi,
}

/// Prints the page.
pub(crate) fn run(command: &Reference, root: &mut clap::Command) -> ExitCode {
    let page = match command.page {
        Page::Configuration => configuration(),
        Page::Apis => apis(),
        Page::Metrics => metrics(),
        Page::Cli => command_line(root),
        Page::ConsoleApi => ottla_console::openapi() + "\n",
    };
    match io::stdout().lock().write_all(page.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// A page's head: its title, and where it comes from.
fn head(title: &str) -> String {
    format!("# {title}\n\n<!-- Written by `cargo xtask docs`. -->\n\n")
}

/// Appends a line.
fn put(page: &mut String, line: impl AsRef<str>) {
    page.push_str(line.as_ref());
    page.push('\n');
}

fn configuration() -> String {
    let mut page = head("Configuration");
    page.push_str(
        "Keys, types, bounds and defaults are Kafka's unless a row says otherwise. Values come, the \
         later winning, from\nthe defaults, `--config FILE` (a `server.properties`), the environment \
         (`KAFKA_LOG_DIRS` is `log.dirs`), `--set\nkey=value`, short flags, and what was changed \
         while the broker ran. Keys that have no effect yet are checked, kept\nand shown, and named \
         in one line of the log when they are set.\n",
    );
    table(&mut page, "Broker", keys::broker_keys());
    table(&mut page, "Topic", keys::topic_keys());
    table(&mut page, "Group", keys::group_keys());
    page
}

fn table(page: &mut String, title: &str, keys: impl Iterator<Item = &'static Key>) {
    let mut keys: Vec<&Key> = keys.filter(|key| !key.internal).collect();
    keys.sort_by_key(|key| key.name);
    for (has_effect, title) in [(true, title.to_owned()), (false, no_effect(title))] {
        let fits = |key: &&&Key| (key.effect != Effect::Accepted) == has_effect;
        let keys: Vec<&&Key> = keys.iter().filter(fits).collect();
        if keys.is_empty() {
            continue;
        }
        let columns = "| Key | Type | Default | Change | Meaning |\n|---|---|---|---|---|";
        put(page, format!("\n## {title}\n\n{columns}"));
        for key in keys {
            let name = key.name;
            let (kind, default) = (kind(key), default(key));
            let (change, doc) = (change(key), cell(key.doc));
            put(page, format!("| `{name}` | {kind} | {default} | {change} | {doc} |"));
        }
    }
}

fn no_effect(title: &str) -> String {
    format!("{title}: keys without effect yet")
}

fn kind(key: &Key) -> String {
    let kind = key.kind.name().to_ascii_lowercase();
    match key.validator.to_string() {
        bounds if bounds.is_empty() => kind,
        bounds => format!("{kind}: {}", cell(&bounds)),
    }
}

fn default(key: &Key) -> String {
    let shown = |text: &str| match text {
        "" => "empty".to_owned(),
        text => format!("`{text}`"),
    };
    let own = key.default.map_or_else(|| "none".to_owned(), shown);
    let inherited = key.broker_key.map(|name| format!("the broker's `{name}`"));
    match key.kafka_default {
        Some("required") => format!("{own} (Kafka has none)"),
        Some(kafka) => format!("{own} (Kafka: {})", shown(kafka)),
        None => inherited.unwrap_or(own),
    }
}

/// When the key may be changed. Those of topics and groups may always.
fn change(key: &Key) -> &'static str {
    let is_of_broker = keys::broker_key(key.name).is_some_and(|row| std::ptr::eq(row, key));
    match key.scope {
        _ if !is_of_broker => "any time",
        _ if key.effect == Effect::HonouredAtStart => "start (Kafka: any time)",
        Scope::ReadOnly => "start",
        Scope::PerBroker => "any time, per broker",
        Scope::ClusterWide => "any time",
    }
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn apis() -> String {
    let mut page = head("APIs");
    page.push_str(
        "What ApiVersions advertises. An API that is missing here is not advertised, and a request \
         for it ends its\nconnection, as in Kafka. Produce is advertised from version 0 and served \
         from 3, because librdkafka would not\ncompress otherwise.\n\n| API | Key | Versions |\n\
         |---|---|---|\n",
    );
    for api in reference::apis() {
        let (first, last) = (api.versions.start(), api.versions.end());
        put(&mut page, format!("| {} | {} | {first} to {last} |", api.name, api.key));
    }
    page
}

fn metrics() -> String {
    let mut page = head("Metrics");
    page.push_str(
        "What `/metrics` shows, in the OpenMetrics format, at the address of `ottla.console.listen`. \
         Counters end in\n`_total` there. Names are those of the usual Kafka exporters where they \
         have one.\n\n| Metric | Kind | Labels | Meaning |\n|---|---|---|---|\n",
    );
    for metric in reference::metrics() {
        let labels = metric.labels.join(", ");
        let (name, kind, help) = (&metric.name, &metric.kind, cell(&metric.help));
        put(&mut page, format!("| `{name}` | {kind} | {labels} | {help} |"));
    }
    page
}

fn command_line(root: &mut clap::Command) -> String {
    let mut page = head("The command line");
    page.push_str(
        "`ottla` alone runs a broker. Flags that every command has are listed once, at the end.\n",
    );
    let everywhere: Vec<clap::Arg> =
        root.get_arguments().filter(|flag| flag.is_global_set()).cloned().collect();
    commands(&mut page, root, "ottla");
    put(&mut page, "\n## Everywhere\n");
    for flag in &everywhere {
        argument(&mut page, flag);
    }
    page
}

fn commands(page: &mut String, command: &mut clap::Command, path: &str) {
    let has_more = command.has_subcommands();
    if !has_more || path == "ottla" {
        let about = command.get_long_about().or(command.get_about());
        let about = about.map(ToString::to_string).unwrap_or_default();
        put(page, format!("\n## {path}\n\n{about}\n"));
        if !has_more {
            let usage = command.render_usage().to_string().replace('\n', " ");
            put(page, format!("`{}`\n", usage.trim_start_matches("Usage: ")));
        }
        let own = command.get_arguments().filter(|it| !it.is_global_set() && !is_for_help(it));
        for flag in own {
            argument(page, flag);
        }
    }
    for inner in command.get_subcommands_mut().filter(|it| it.get_name() != "help") {
        let path = format!("{path} {}", inner.get_name());
        commands(page, inner, &path);
    }
}

fn is_for_help(argument: &clap::Arg) -> bool {
    matches!(argument.get_id().as_str(), "help" | "version")
}

fn argument(page: &mut String, argument: &clap::Arg) {
    let short = argument.get_short().map(|short| format!("-{short}"));
    let long = argument.get_long().map(|long| format!("--{long}"));
    let mut names: Vec<String> = short.into_iter().chain(long).collect();
    let takes_value = argument.get_action().takes_values();
    let value = argument.get_value_names().unwrap_or_default().first();
    let value =
        value.map_or_else(|| argument.get_id().to_string().to_uppercase(), ToString::to_string);
    if names.is_empty() {
        names.push(value);
    } else if takes_value && let Some(last) = names.last_mut() {
        *last = format!("{last} {value}");
    }
    let help = argument.get_long_help().or(argument.get_help());
    let mut text = help.map(ToString::to_string).unwrap_or_default().replace('\n', " ");
    if takes_value && !argument.is_hide_possible_values_set() {
        let values = argument.get_possible_values();
        let values: Vec<&str> = values.iter().map(clap::builder::PossibleValue::get_name).collect();
        if !values.is_empty() {
            text = format!("{text} [{}]", values.join(", "));
        }
    }
    let defaults = argument.get_default_values();
    if takes_value && let Some(default) = defaults.first() {
        text = format!("{text} [default: {}]", default.to_string_lossy());
    }
    put(page, format!("- `{}`: {}", names.join("`, `"), text.replace('<', "&lt;")));
}
