//! What becomes of a console's service: the broker's own console takes its place, or Ottla's alone
//! does.

use super::file::{Entry, File};

/// The variables of a service, however they are written.
pub(super) fn environment(file: &File, service: &Entry) -> Vec<(String, String)> {
    let Some(environment) = file.find(service, "environment") else { return Vec::new() };
    let keys = file.inside(&environment).into_iter().map(|it| (it.key, it.value));
    let items = file.items(&environment).into_iter().filter_map(|(item, _)| {
        let (key, value) = item.split_once('=')?;
        Some((key.to_owned(), value.to_owned()))
    });
    keys.chain(items).collect()
}

/// Why a console stays a service of its own, where the one that the broker has would not do.
/// `broker` is what the broker is called within the file.
pub(super) fn why_it_stays(file: &File, console: &Entry, broker: &[String]) -> Option<String> {
    let mut clusters = Vec::new();
    for (name, value) in environment(file, console) {
        let is_on = value.eq_ignore_ascii_case("true");
        match name.as_str() {
            // Whoever had to log in would not have to any more.
            "AUTH_TYPE" if value != "DISABLED" => return Some("it asks for a login".to_owned()),
            "SERVER_SERVLET_CONTEXT_PATH" if !["", "/"].contains(&value.as_str()) => {
                return Some(format!("it is served below {value}"));
            }
            _ if name.ends_with("_READONLY") && is_on => {
                return Some("it may change nothing".to_owned());
            }
            _ if is_bootstrap(&name) => clusters.push(value),
            _ => {}
        }
    }
    if clusters.len() > 1 {
        return Some(format!("it shows {} clusters", clusters.len()));
    }
    let is_here = |address: &str| {
        let host = address.trim().rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.rsplit_once("//").map_or(host, |(_, host)| host);
        broker.iter().any(|name| name == host) || THIS_MACHINE.contains(&host)
    };
    let elsewhere = clusters.iter().find(|it| !it.split(',').any(is_here));
    if let Some(elsewhere) = elsewhere {
        return Some(format!("it shows {elsewhere}, which is not of this file"));
    }
    let ports = file.find(console, "ports");
    let is_long = ports.is_some_and(|it| file.items(&it).iter().any(|(it, _)| it.contains(": ")));
    is_long.then(|| "its ports are written in the long form".to_owned())
}

/// Names of the machine that publishes the ports.
const THIS_MACHINE: [&str; 3] = ["localhost", "127.0.0.1", "host.docker.internal"];

fn is_bootstrap(variable: &str) -> bool {
    variable.starts_with("KAFKA_CLUSTERS_")
        && (variable.ends_with("_BOOTSTRAPSERVERS") || variable.ends_with("_BOOTSTRAP_SERVERS"))
}

/// The ports of a console, as they have to be for the broker's, which listens on 8080.
pub(super) fn ports(file: &File, console: &Entry) -> Vec<String> {
    let Some(ports) = file.find(console, "ports") else { return Vec::new() };
    let outside = |mapping: &String| match mapping.rsplit_once(':') {
        Some((outside, _)) => format!("{outside}:8080"),
        None => "8080".to_owned(),
    };
    file.texts(&ports).iter().map(outside).collect()
}
