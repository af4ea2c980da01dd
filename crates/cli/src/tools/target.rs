//! The cluster that a tool asks: `--bootstrap-server`, `--command-config`, and patterns of topics.
//!
//! Kafka: `CommandDefaultOptions`, `TopicFilter`.

use std::{sync::Arc, time::Duration};

use ottla_client::{Admin, Client, TopicInfo};
use regex::Regex;

use super::{Refusal, flags::Given};

/// A file of properties: `key=value` or `key: value` on a line each.
pub(crate) fn properties(path: &str) -> Result<Vec<(String, String)>, Refusal> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Refusal::Failed(format!("{path} ({error})")))?;
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with(['#', '!']));
    let pair = |line: &str| {
        let (key, value) = line.split_once(['=', ':']).unwrap_or((line, ""));
        (key.trim().to_owned(), value.trim().to_owned())
    };
    Ok(lines.map(pair).collect())
}

/// Connects. `settings` are the client's properties, of which the last wins.
pub(crate) async fn connect(
    bootstrap: &str,
    settings: &[(String, String)],
    name: &str,
) -> Result<Client, Refusal> {
    let setting = |key: &str| {
        settings.iter().rev().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    };
    if let Some(protocol) = setting("security.protocol").filter(|it| *it != "PLAINTEXT") {
        let text = format!("security.protocol={protocol} is not supported: PLAINTEXT is");
        return Err(Refusal::Failed(text));
    }
    let millis = |key: &str| setting(key).and_then(|it| it.parse().ok()).map(Duration::from_millis);
    let mut builder = Client::builder().bootstrap(bootstrap);
    builder = builder.client_id(setting("client.id").unwrap_or(name));
    if let Some(limit) = millis("request.timeout.ms") {
        builder = builder.request_timeout(limit);
    }
    if let Some(limit) = millis("default.api.timeout.ms") {
        builder = builder.api_timeout(limit).connect_timeout(limit);
    }
    Ok(builder.connect().await?)
}

/// Connects for a tool of administration.
pub(crate) async fn administrator(given: &Given) -> Result<Client, Refusal> {
    let settings = match given.value("command-config")? {
        Some(path) => properties(path)?,
        None => Vec::new(),
    };
    let bootstrap = given.value("bootstrap-server")?.unwrap_or_default();
    connect(bootstrap, &settings, "adminclient-1").await
}

/// A pattern of names as Kafka's tools take it: a regular expression that matches the whole name,
/// or several with commas between them.
pub(crate) fn pattern(text: &str) -> Result<Regex, Refusal> {
    let alternatives: String = text.trim().trim_matches(['"', '\'']).replace(',', "|");
    let alternatives: String = alternatives.chars().filter(|c| !c.is_whitespace()).collect();
    Regex::new(&format!("^(?:{alternatives})$"))
        .map_err(|_| Refusal::Failed(format!("{text} is an invalid regex.")))
}

/// All topics in order, without Kafka's own ones where they are not wanted.
pub(crate) async fn topics(
    admin: &Admin,
    wanted: Option<&Regex>,
    without_internal: bool,
) -> Result<Vec<Arc<TopicInfo>>, Refusal> {
    let mut topics = admin.list_topics().await?;
    topics.retain(|topic| {
        let is_wanted = wanted.is_none_or(|pattern| pattern.is_match(&topic.name));
        is_wanted && !(without_internal && topic.is_internal)
    });
    topics.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_whole_names() {
        let both = pattern("London, Paris.*").unwrap();
        for (name, matches) in
            [("London", true), ("Paris2", true), ("London2", false), ("a.London", false)]
        {
            assert_eq!(both.is_match(name), matches, "{name}");
        }
        assert!(pattern("*").is_err());
    }
}
