//! `kafka-configs.sh`: configs of topics, brokers and groups shown and changed.
//!
//! Kafka: `ConfigCommand`.

use ottla_client::{Admin, BrokerId, ConfigChange, ConfigEntry, ConfigResource, ConfigSynonym};

use super::{
    Refusal, exception,
    flags::{Flag, Given, switch, text},
    target,
};
use crate::output::{Out, note};

pub(super) const ABOUT: &str = "This tool helps to manipulate and describe entity config for a \
                                topic, client, user, broker, ip, client-metrics or group";

pub(super) const FLAGS: &[Flag] = &[
    text("bootstrap-server", "server to connect to", "REQUIRED: where a broker is."),
    text("command-config", "file", "Properties of the client."),
    switch("alter", "Change configs."),
    switch("describe", "Show configs."),
    switch("all", "Describe all configs, not only those that were set."),
    text("entity-type", "type", "topics, brokers, broker-loggers or groups."),
    text("entity-name", "name", "The topic, broker or group."),
    switch("entity-default", "The default of all brokers."),
    text("add-config", "k1=v1,k2=[v1,v2]", "Configs to set."),
    text("add-config-file", "path", "A file of configs to set."),
    text("delete-config", "k1,k2", "Configs to take back."),
    text("topic", "topic", "The same as --entity-type topics --entity-name."),
    text("broker", "broker id", "The same as --entity-type brokers --entity-name."),
    switch("broker-defaults", "The same as --entity-type brokers --entity-default."),
    text("broker-logger", "broker id", "The same as --entity-type broker-loggers --entity-name."),
    text("group", "group", "The same as --entity-type groups --entity-name."),
];

/// The short forms, with what type they stand for.
const SHORT: &[(&str, &str)] = &[
    ("topic", "topics"),
    ("broker", "brokers"),
    ("broker-logger", "broker-loggers"),
    ("group", "groups"),
];

/// What is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entity {
    kind: String,
    name: Option<String>,
    is_default: bool,
}

pub(super) async fn run(given: &Given, out: &mut Out) -> Result<(), Refusal> {
    if given.count(&["alter", "describe"]) != 1 {
        let text = "Command must include exactly one action: --describe, --alter";
        return Err(Refusal::Usage(text.into()));
    }
    if !given.has("bootstrap-server") {
        let text = "One of the required --bootstrap-server, --bootstrap-controller arguments must \
                    be specified";
        return Err(Refusal::Options(text.into()));
    }
    let entity = entity(given)?;
    if given.has("alter") {
        let sets = given.count(&["add-config", "add-config-file", "delete-config"]);
        if sets == 0 {
            let text = "At least one of --add-config, --add-config-file, or --delete-config must be \
                        specified with --alter";
            return Err(Refusal::Options(text.into()));
        }
        alter(given, &entity, out).await
    } else {
        describe(given, &entity, out).await
    }
}

fn entity(given: &Given) -> Result<Entity, Refusal> {
    let mut kinds: Vec<String> = given.values("entity-type").map(str::to_owned).collect();
    let mut name = given.value("entity-name")?.map(str::to_owned);
    let mut is_default = given.has("entity-default");
    for (short, kind) in SHORT {
        if let Some(value) = given.value(short)? {
            kinds.push((*kind).to_owned());
            name = Some(value.to_owned());
        }
    }
    if given.has("broker-defaults") {
        kinds.push("brokers".to_owned());
        is_default = true;
    }
    let kind = match kinds.as_slice() {
        [] => return Err(Refusal::Options("At least one entity type must be specified".into())),
        [kind] => kind.clone(),
        _ => {
            let text =
                "Only one entity type is supported: topics, brokers, broker-loggers or groups";
            return Err(Refusal::Options(text.into()));
        }
    };
    match kind.as_str() {
        "topics" | "brokers" | "broker-loggers" | "groups" => Ok(Entity { kind, name, is_default }),
        "users" | "clients" | "ips" | "client-metrics" => {
            Err(Refusal::Options(format!("Entity type {kind} is not supported by this tool")))
        }
        _ => Err(Refusal::Options(format!(
            "Invalid entity type {kind}, the entity type must be one of topics, clients, users, \
             brokers, ips, client-metrics, groups, broker-loggers"
        ))),
    }
}

impl Entity {
    /// `topic` for `topics`.
    fn singular(&self) -> &str {
        self.kind.strip_suffix('s').unwrap_or(&self.kind)
    }

    fn resource(&self, name: &str) -> Result<ConfigResource, Refusal> {
        let broker = || {
            name.parse().map(BrokerId).map_err(|_| {
                let text = "The entity name for brokers must be a valid integer broker id";
                Refusal::Options(format!("{text}, found: {name}"))
            })
        };
        Ok(match self.kind.as_str() {
            "brokers" if self.is_default => ConfigResource::Broker(None),
            "brokers" => ConfigResource::Broker(Some(broker()?)),
            "broker-loggers" => ConfigResource::BrokerLogger(broker()?),
            "groups" => ConfigResource::Group(name.to_owned()),
            _ => ConfigResource::Topic(name.to_owned()),
        })
    }
}

async fn alter(given: &Given, entity: &Entity, out: &mut Out) -> Result<(), Refusal> {
    let Some(name) = entity.name.clone().or_else(|| entity.is_default.then(String::new)) else {
        let text = "An entity name must be specified with --alter of";
        return Err(Refusal::Options(format!("{text} {}", entity.kind)));
    };
    let mut changes = Vec::new();
    for text in given.values("add-config") {
        let pairs = pairs(text)?;
        changes.extend(pairs.into_iter().map(|(key, value)| ConfigChange::Set(key, value)));
    }
    if let Some(path) = given.value("add-config-file")? {
        let properties = target::properties(path)?;
        changes.extend(properties.into_iter().map(|(key, value)| ConfigChange::Set(key, value)));
    }
    for names in given.values("delete-config") {
        let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
        changes.extend(names.map(|name| ConfigChange::Unset(name.to_owned())));
    }
    let client = target::administrator(given).await?;
    let resource = entity.resource(&name)?;
    if let Err(error) = client.admin().alter_configs(&resource, &changes, false).await {
        note("Error while executing config command");
        return Err(Refusal::Failed(exception(&error)));
    }
    let done = if name.is_empty() {
        format!("Completed updating default config for {} in the cluster.", entity.kind)
    } else {
        format!("Completed updating config for {} {name}.", entity.singular())
    };
    Ok(out.line(&done)?)
}

/// Reads `k1=v1,k2=[v1,v2]`: commas in brackets belong to the value.
fn pairs(text: &str) -> Result<Vec<(String, String)>, Refusal> {
    let mut items = vec![String::new()];
    let mut depth = 0_usize;
    for letter in text.chars() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                items.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(item) = items.last_mut() {
            item.push(letter);
        }
    }
    let pair = |item: &String| {
        let (key, value) = item.split_once('=').ok_or_else(|| {
            let text = "requirement failed: Invalid entity config: all configs to be added must be \
                        in the format \"key=val\".";
            Refusal::Options(text.into())
        })?;
        let value = value.trim();
        let inner = value.strip_prefix('[').and_then(|value| value.strip_suffix(']'));
        Ok((key.trim().to_owned(), inner.unwrap_or(value).to_owned()))
    };
    items.iter().filter(|item| !item.trim().is_empty()).map(pair).collect()
}

async fn describe(given: &Given, entity: &Entity, out: &mut Out) -> Result<(), Refusal> {
    let client = target::administrator(given).await?;
    let admin = client.admin();
    let shows_all = given.has("all");
    if entity.is_default {
        return show(entity, &admin, ("", shows_all), out).await;
    }
    let names = match &entity.name {
        Some(name) => vec![name.clone()],
        None => names(entity, &admin).await?,
    };
    for name in names {
        show(entity, &admin, (&name, shows_all), out).await?;
    }
    if entity.kind == "brokers" && entity.name.is_none() {
        let defaults = Entity { is_default: true, ..entity.clone() };
        show(&defaults, &admin, ("", shows_all), out).await?;
    }
    Ok(())
}

/// Everything of this kind.
async fn names(entity: &Entity, admin: &Admin) -> Result<Vec<String>, Refusal> {
    match entity.kind.as_str() {
        "topics" => {
            let topics = target::topics(admin, None, false).await?;
            Ok(topics.iter().map(|topic| topic.name.to_string()).collect())
        }
        "groups" => {
            let mut groups: Vec<String> =
                admin.list_groups().await?.into_iter().map(|group| group.group_id).collect();
            groups.sort_unstable();
            Ok(groups)
        }
        _ => {
            let brokers = admin.describe_cluster().await?.brokers;
            Ok(brokers.iter().map(|it| it.broker.id.to_string()).collect())
        }
    }
}

async fn show(
    entity: &Entity,
    admin: &Admin,
    (name, shows_all): (&str, bool),
    out: &mut Out,
) -> Result<(), Refusal> {
    let resource = entity.resource(name)?;
    let mut configs = admin
        .describe_configs(&resource)
        .await
        .map_err(|error| Refusal::Failed(exception(&error)))?;
    if !shows_all {
        configs.retain(|config| config.is_set);
    }
    configs.sort_by(|one, other| one.name.cmp(&other.name));
    let all = if shows_all { "All" } else { "Dynamic" };
    out.line(&match name {
        "" => format!("Default configs for {} in the cluster are:", entity.kind),
        name => format!("{all} configs for {} {name} are:", entity.singular()),
    })?;
    for config in &configs {
        out.line(&line(config))?;
    }
    Ok(())
}

fn line(config: &ConfigEntry) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "null".to_owned());
    let synonym = |it: &ConfigSynonym| format!("{}:{}={}", it.source, it.name, value(&it.value));
    let synonyms: Vec<String> = config.synonyms.iter().map(synonym).collect();
    format!(
        "  {}={} sensitive={} synonyms={{{}}}",
        config.name,
        value(&config.value),
        config.is_sensitive,
        synonyms.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_brackets_belong_to_the_value() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            pairs("retention.ms=1,cleanup.policy=[compact,delete],a=").unwrap(),
            [pair("retention.ms", "1"), pair("cleanup.policy", "compact,delete"), pair("a", "")]
        );
        assert!(pairs("retention.ms").is_err());
    }
}
