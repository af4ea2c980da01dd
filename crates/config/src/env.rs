//! Environment variables as configuration, by the rules of the container images people know.
//!
//! `KAFKA_LOG_DIRS` is `log.dirs`: without its prefix, in lower case, `_` is a dot, `__` an
//! underscore and `___` a dash, as in the images of Apache and Confluent. `KAFKA_CFG_LOG_DIRS` is
//! the same key by Bitnami's rule, in which every `_` is a dot. `OTTLA_CONSOLE_LISTEN` is
//! `ottla.console.listen`. `CLUSTER_ID` and `KAFKA_CREATE_TOPICS`, which are no keys of Kafka's,
//! stand for `ottla.cluster.id` and `ottla.create.topics`. Variables that steer a JVM or a script
//! are left alone.
//!
//! Kafka: `KafkaDockerWrapper` of the container image.

use crate::{
    Key,
    keys::{self, broker_key},
};

/// What the environment says about a server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// Values of configuration keys, sorted by the names of their variables.
    pub properties: Vec<(String, String)>,
    /// Variables that mean something to Kafka's images and nothing here.
    pub ignored: Vec<String>,
}

/// Reads the variables that concern a server; all others are passed over.
pub fn from_env(variables: impl IntoIterator<Item = (String, String)>) -> Environment {
    let mut variables: Vec<(String, String)> = variables.into_iter().collect();
    variables.sort();
    let mut environment = Environment::default();
    let mut host = None;
    let mut port = None;
    for (variable, value) in variables {
        match variable.as_str() {
            "CLUSTER_ID" | "KAFKA_CLUSTER_ID" | "KAFKA_KRAFT_CLUSTER_ID" => {
                environment.set(&keys::OTTLA_CLUSTER_ID, value);
            }
            "KAFKA_CREATE_TOPICS" => environment.set(&keys::OTTLA_CREATE_TOPICS, value),
            "KAFKA_ADVERTISED_HOST_NAME" => host = Some(value),
            "KAFKA_ADVERTISED_PORT" => port = Some(value),
            name if is_for_others(name) => environment.ignored.push(variable),
            name => {
                if let Some(key) = key_of(name) {
                    environment.properties.push((key, value));
                }
            }
        }
    }
    environment.properties.retain(|(key, value)| !(value.is_empty() && is_address_list(key)));
    if let Some(host) = host {
        environment.advertise_unless_set(&host, port.as_deref().unwrap_or("9092"));
    }
    environment.listen_where_advertised();
    environment
}

impl Environment {
    /// Sets what has a variable of its own; an empty one counts as not set.
    fn set(&mut self, key: &Key, value: String) {
        if !value.trim().is_empty() {
            self.properties.push((key.name.to_owned(), value));
        }
    }

    fn value(&self, key: &str) -> Option<&str> {
        self.properties.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn advertise_unless_set(&mut self, host: &str, port: &str) {
        if self.value(keys::ADVERTISED_LISTENERS.name).is_none() {
            let value = format!("PLAINTEXT://{host}:{port}");
            self.properties.push((keys::ADVERTISED_LISTENERS.name.to_owned(), value));
        }
    }

    /// Whoever says only what to advertise listens on the same ports of every interface.
    fn listen_where_advertised(&mut self) {
        if self.value(keys::LISTENERS.name).is_some() {
            return;
        }
        let Some(advertised) = self.value(keys::ADVERTISED_LISTENERS.name) else { return };
        let listen = |item: &str| match item.split_once("://") {
            Some((name, address)) => {
                let port = address.rsplit_once(':').map_or("", |(_, port)| port);
                format!("{name}://0.0.0.0:{port}")
            }
            None => item.to_owned(),
        };
        let value = advertised.split(',').map(listen).collect::<Vec<_>>().join(",");
        self.properties.push((keys::LISTENERS.name.to_owned(), value));
    }
}

fn is_address_list(key: &str) -> bool {
    key == keys::LISTENERS.name || key == keys::ADVERTISED_LISTENERS.name
}

/// Variables of the images' scripts and JVMs, of a web console, and of Kubernetes' service links.
fn is_for_others(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "KAFKA_VERSION",
        "KAFKA_CREATE_TOPICS_SEPARATOR",
        "KAFKA_HOME",
        "KAFKA_HEAP_OPTS",
        "KAFKA_OPTS",
        "KAFKA_DEBUG",
        "KAFKA_LOG4J_OPTS",
        "KAFKA_LOG4J_ROOT_LOGLEVEL",
        "KAFKA_LOG4J_LOGGERS",
        "KAFKA_TOOLS_LOG4J_LOGLEVEL",
        "KAFKA_JMX_OPTS",
        "KAFKA_JMX_PORT",
        "KAFKA_JMX_HOSTNAME",
        "KAFKA_JVM_PERFORMANCE_OPTS",
        "KAFKA_GC_LOG_OPTS",
        "KAFKA_PORT",
        "KAFKA_HOST",
        "KAFKA_NODE_ID_COMMAND",
        "KAFKA_TLS_TYPE",
        "KAFKA_TLS_CLIENT_AUTH",
        "KAFKA_CERTIFICATE_PASSWORD",
        "KAFKA_CLIENT_USERS",
        "KAFKA_CLIENT_PASSWORDS",
        "KAFKA_INTER_BROKER_USER",
        "KAFKA_INTER_BROKER_PASSWORD",
        "KAFKA_CONTROLLER_USER",
        "KAFKA_CONTROLLER_PASSWORD",
        "KAFKA_SSL_KEYSTORE_FILENAME",
        "KAFKA_SSL_KEYSTORE_CREDENTIALS",
        "KAFKA_SSL_KEY_CREDENTIALS",
        "KAFKA_SSL_TRUSTSTORE_FILENAME",
        "KAFKA_SSL_TRUSTSTORE_CREDENTIALS",
    ];
    let is_service_link = |rest: &str| {
        rest.starts_with("SERVICE_") || rest.starts_with("PORT_") || rest.starts_with("CLUSTERS_")
    };
    NAMES.contains(&name)
        || name.strip_prefix("KAFKA_").is_some_and(is_service_link)
        || name.starts_with("KAFKA_REST_")
}

/// The key a variable stands for; `None` if it stands for none.
fn key_of(name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix("KAFKA_CFG_") {
        return Some(by_dots(rest));
    }
    if let Some(rest) = name.strip_prefix("KAFKA_") {
        let key = by_underscores(rest);
        return Some(alias(&key).map_or(key, str::to_owned));
    }
    // Other variables of Ottla are not configuration keys, so only known names count.
    let key = by_dots(name.strip_prefix("OTTLA_")?);
    Some(format!("ottla.{key}")).filter(|key| broker_key(key).is_some())
}

/// Bitnami's rule, with its two exceptions for the names of security protocols.
fn by_dots(rest: &str) -> String {
    let dotted = rest.to_ascii_lowercase().replace('_', ".");
    dotted.replace("sasl.ssl", "sasl_ssl").replace("sasl.plaintext", "sasl_plaintext")
}

/// Apache's rule: the replacements are made one after the other, over the whole name.
fn by_underscores(rest: &str) -> String {
    rest.to_ascii_lowercase().replace('_', ".").replace("...", "-").replace("..", "_")
}

/// Names that only Bitnami's image has.
fn alias(key: &str) -> Option<&'static str> {
    match key {
        "logs.dirs" => Some("log.dirs"),
        "segment.bytes" => Some("log.segment.bytes"),
        "max.message.bytes" => Some("message.max.bytes"),
        "log.retention.check.intervals.ms" => Some("log.retention.check.interval.ms"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
