//! Listeners: the addresses a broker binds to and those it tells its clients.
//!
//! Kafka: `EndPoint`, `SocketServerConfigs.listenerListToEndPoints` and the checks of
//! `KafkaConfig.validateValues`.

use std::{collections::BTreeMap, fmt};

/// How the bytes of a connection are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecurityProtocol {
    /// Neither encrypted nor authenticated.
    Plaintext,
    /// TLS.
    Ssl,
    /// SASL without encryption.
    SaslPlaintext,
    /// SASL inside TLS.
    SaslSsl,
}

impl SecurityProtocol {
    /// Kafka's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    /// Kafka's number, as broker registrations hold it.
    pub const fn id(self) -> i16 {
        match self {
            Self::Plaintext => 0,
            Self::Ssl => 1,
            Self::SaslPlaintext => 2,
            Self::SaslSsl => 3,
        }
    }

    /// The protocol of this name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl]
            .into_iter()
            .find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }
}

/// One listener: a name, what protects it, and an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// The name in capitals, for example `PLAINTEXT` or `INTERNAL`.
    pub name: String,
    /// What protects its connections.
    pub protocol: SecurityProtocol,
    /// The host without brackets; empty means every interface (or, advertised, this machine).
    pub host: String,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "{}://[{}]:{}", self.name, self.host, self.port)
        } else {
            write!(f, "{}://{}:{}", self.name, self.host, self.port)
        }
    }
}

/// A list of listeners that cannot be used. The text names the key and the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {text}")]
pub struct InvalidListener {
    /// The key at fault.
    pub key: &'static str,
    text: String,
}

/// All listeners of a server, checked against each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listeners {
    /// What clients and other brokers connect to, from `listeners` without the controller's.
    pub brokers: Vec<Listener>,
    /// What controllers listen on: those of `listeners` that `controller.listener.names` names.
    pub controllers: Vec<Listener>,
    /// What clients are told, from `advertised.listeners`; a listener that is absent here is
    /// advertised by the address a client came in by.
    pub advertised: Vec<Listener>,
    /// The name of the listener that brokers use between themselves.
    pub inter_broker: String,
}

/// The texts of the five keys that make up [`Listeners`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListenerTexts<'a> {
    pub(crate) listeners: &'a [String],
    pub(crate) advertised: Option<&'a [String]>,
    pub(crate) protocol_map: &'a str,
    pub(crate) controller_names: &'a [String],
    pub(crate) inter_broker: Option<&'a str>,
    pub(crate) inter_broker_protocol: &'a str,
}

const LISTENERS: &str = "listeners";
const ADVERTISED: &str = "advertised.listeners";
const PROTOCOL_MAP: &str = "listener.security.protocol.map";
const INTER_BROKER: &str = "inter.broker.listener.name";

fn refuse<T>(key: &'static str, text: String) -> Result<T, InvalidListener> {
    Err(InvalidListener { key, text })
}

impl Listeners {
    pub(crate) fn parse(texts: ListenerTexts<'_>) -> Result<Self, InvalidListener> {
        let is_controller =
            |name: &str| texts.controller_names.iter().any(|it| it.eq_ignore_ascii_case(name));
        let map = parse_protocol_map(texts.protocol_map, is_controller)?;
        let all = parse_list(LISTENERS, texts.listeners, &map)?;
        check_names_and_ports(LISTENERS, &all)?;
        let advertised = parse_list(ADVERTISED, texts.advertised.unwrap_or_default(), &map)?;
        for listener in &advertised {
            check_advertised(listener, &all)?;
        }
        let (controllers, brokers): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|listener| is_controller(&listener.name));
        let inter_broker =
            texts.inter_broker.unwrap_or(texts.inter_broker_protocol).to_ascii_uppercase();
        let is_known = |listener: &Listener| listener.name == inter_broker;
        if texts.inter_broker.is_some() && !brokers.iter().any(is_known) {
            let names: Vec<&str> = brokers.iter().map(|it| it.name.as_str()).collect();
            let text = format!(
                "{inter_broker} is not a listener of this broker, which has {}",
                names.join(", ")
            );
            return refuse(INTER_BROKER, text);
        }
        let inter_broker = if brokers.iter().any(is_known) {
            inter_broker
        } else {
            brokers.first().map_or(inter_broker, |first| first.name.clone())
        };
        Ok(Self { brokers, controllers, advertised, inter_broker })
    }

    /// The address to tell clients of the listener `name`, where one was configured.
    pub fn advertised(&self, name: &str) -> Option<&Listener> {
        self.advertised.iter().find(|listener| listener.name == name)
    }
}

/// Reads `NAME:PROTOCOL,…`; the controller's listeners are plaintext unless it says otherwise.
fn parse_protocol_map(
    text: &str,
    is_controller: impl Fn(&str) -> bool,
) -> Result<impl Fn(&str) -> Option<SecurityProtocol>, InvalidListener> {
    let mut map = BTreeMap::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        let Some((name, protocol)) = entry.split_once(':') else {
            return refuse(PROTOCOL_MAP, format!("'{entry}' is not of the form NAME:PROTOCOL"));
        };
        let Some(protocol) = SecurityProtocol::from_name(protocol.trim()) else {
            let text = format!(
                "'{protocol}' in '{entry}' is not one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"
            );
            return refuse(PROTOCOL_MAP, text);
        };
        if map.insert(name.trim().to_ascii_uppercase(), protocol).is_some() {
            return refuse(PROTOCOL_MAP, format!("the listener '{name}' comes twice"));
        }
    }
    Ok(move |name: &str| {
        let default = || is_controller(name).then_some(SecurityProtocol::Plaintext);
        map.get(name).copied().or_else(default)
    })
}

fn parse_list(
    key: &'static str,
    items: &[String],
    protocol_of: impl Fn(&str) -> Option<SecurityProtocol>,
) -> Result<Vec<Listener>, InvalidListener> {
    items.iter().map(|item| parse_one(key, item, &protocol_of)).collect()
}

fn parse_one(
    key: &'static str,
    item: &str,
    protocol_of: impl Fn(&str) -> Option<SecurityProtocol>,
) -> Result<Listener, InvalidListener> {
    let broken =
        |why: &str| refuse(key, format!("'{item}' is not of the form NAME://host:port ({why})"));
    let Some((name, address)) = item.split_once("://") else {
        return broken("no ://");
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || !name.chars().all(is_name) {
        return broken("no name before ://");
    }
    let Some((host, port)) = address.rsplit_once(':') else {
        return broken("no port");
    };
    let Ok(port) = port.parse::<u16>() else {
        return broken("the port is not a number from 0 to 65535");
    };
    let host = match host.strip_prefix('[').map(|inner| inner.strip_suffix(']')) {
        Some(Some(inner)) => inner,
        None if !host.contains(':') || host.parse::<std::net::Ipv6Addr>().is_ok() => host,
        Some(None) | None => return broken("an IPv6 address needs square brackets"),
    };
    let name = name.to_ascii_uppercase();
    let Some(protocol) = protocol_of(&name) else {
        let text = format!(
            "no security protocol is known for the listener '{name}' of {key}; add {name}:PLAINTEXT \
             (or another protocol)"
        );
        return refuse(PROTOCOL_MAP, text);
    };
    Ok(Listener { name, protocol, host: host.to_owned(), port })
}

/// Each name once; each port once, unless one is for IPv4 and the other for IPv6.
fn check_names_and_ports(key: &'static str, all: &[Listener]) -> Result<(), InvalidListener> {
    for (at, one) in all.iter().enumerate() {
        for other in all.iter().skip(at + 1) {
            if one.name == other.name && !are_two_families(one, other) {
                return refuse(
                    key,
                    format!("each listener must have a different name: {one}, {other}"),
                );
            }
            if one.port == other.port && one.port != 0 && !are_two_families(one, other) {
                let hosts_differ = one.host != other.host && !is_any(one) && !is_any(other);
                if !hosts_differ {
                    return refuse(
                        key,
                        format!("each listener must have a different port: {one}, {other}"),
                    );
                }
            }
        }
    }
    Ok(())
}

fn is_any(listener: &Listener) -> bool {
    matches!(listener.host.as_str(), "" | "0.0.0.0" | "::")
}

fn are_two_families(one: &Listener, other: &Listener) -> bool {
    let is_v4 = |it: &Listener| it.host.parse::<std::net::Ipv4Addr>().is_ok();
    let is_v6 = |it: &Listener| it.host.parse::<std::net::Ipv6Addr>().is_ok();
    is_v4(one) && is_v6(other) || is_v6(one) && is_v4(other)
}

fn check_advertised(listener: &Listener, all: &[Listener]) -> Result<(), InvalidListener> {
    if !all.iter().any(|it| it.name == listener.name) {
        let names: Vec<&str> = all.iter().map(|it| it.name.as_str()).collect();
        let text =
            format!("'{listener}' has the name of no listener; listeners has {}", names.join(", "));
        return refuse(ADVERTISED, text);
    }
    if matches!(listener.host.as_str(), "0.0.0.0" | "::") {
        let text = format!(
            "'{listener}' cannot use the nonroutable address {}; use a name or address that \
             clients can reach",
            listener.host
        );
        return refuse(ADVERTISED, text);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
