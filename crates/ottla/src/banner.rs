//! What a person reads when the broker is up: where it is and what to do next.

use std::io::{self, Write as _};

use ottla_broker::Broker;

use crate::serve::Announce;

/// Prints the banner. A closed standard output is no reason not to serve.
pub(crate) fn print(broker: &Broker, announce: Announce) {
    let mut text = text(broker);
    if matches!(announce, Announce::Kafka) {
        let id = broker.id();
        text = format!(
            "{text}[BrokerLifecycleManager id={id}] The broker has been unfenced. Transitioning \
             from RECOVERY to RUNNING.\n[KafkaServer id={id}] started (ottla)\n"
        );
    }
    drop(io::stdout().lock().write_all(text.as_bytes()));
}

fn text(broker: &Broker) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let data: Vec<String> = broker.data_dirs().map(|dir| dir.display().to_string()).collect();
    let data = data.join(", ");
    let (cluster, ms) = (broker.cluster_id(), broker.ready_after().as_millis());
    let mut lines =
        vec![format!("ottla {version} · data {data} · cluster {cluster} · ready in {ms} ms")];
    for listener in broker.listeners() {
        let host = if listener.host.is_empty() { "0.0.0.0" } else { &listener.host };
        lines.push(format!("  kafka     {host}:{}  ({})", listener.port, listener.name));
    }
    lines.push(match broker.console() {
        Some(address) => format!("  console   http://{address}  (/metrics /health /ready)"),
        None => "  console   off".to_owned(),
    });
    if let Some(first) = broker.listeners().first() {
        let port = first.port;
        let flag = if port == 9092 { String::new() } else { format!(" -b localhost:{port}") };
        lines.push(format!("  next      ottla topic create London{flag}"));
    }
    lines.join("\n") + "\n"
}
