//! What a person reads when the broker is up: where it is and what to do next.

use std::io::{self, Write as _};

use ottla_broker::Broker;

/// Prints the banner. A closed standard output is no reason not to serve.
pub(crate) fn print(broker: &Broker) {
    drop(io::stdout().lock().write_all(text(broker).as_bytes()));
}

fn text(broker: &Broker) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let data = broker.data_dir().display();
    let (cluster, ms) = (broker.cluster_id(), broker.ready_after().as_millis());
    let mut text =
        format!("ottla {version} · data {data} · cluster {cluster} · ready in {ms} ms\n");
    for listener in broker.listeners() {
        let host = if listener.host.is_empty() { "0.0.0.0" } else { &listener.host };
        text.push_str(&format!("  kafka     {host}:{}  ({})\n", listener.port, listener.name));
    }
    match broker.console() {
        Some(address) => {
            text.push_str(&format!("  http      http://{address}  (/metrics /health /ready)\n"))
        }
        None => text.push_str("  http      off\n"),
    }
    if let Some(first) = broker.listeners().first() {
        let flag = if first.port == 9092 {
            String::new()
        } else {
            format!(" -b localhost:{}", first.port)
        };
        text.push_str(&format!("  next      ottla topic create London{flag}\n"));
    }
    text
}
