//! Names that older versions of Kafka knew, and what became of them.

/// What to say to somebody who still sets the name.
pub(super) fn note(name: &str) -> Option<&'static str> {
    const NO_ZOOKEEPER: &str = "no ZooKeeper is needed";
    const NO_FORMATS: &str = "records are always stored in the current format";
    if name.starts_with("zookeeper.") {
        return Some(NO_ZOOKEEPER);
    }
    if name.starts_with("password.encoder.") {
        return Some("it encrypted secrets in ZooKeeper, which is not needed");
    }
    Some(match name {
        "control.plane.listener.name" => "controllers have their own listeners",
        "inter.broker.protocol.version" => "versions are agreed on as features of the cluster",
        "log.message.format.version"
        | "message.format.version"
        | "log.message.downconversion.enable"
        | "message.downconversion.enable" => NO_FORMATS,
        "log.message.timestamp.difference.max.ms" => {
            "use log.message.timestamp.before.max.ms and log.message.timestamp.after.max.ms"
        }
        "broker.id.generation.enable" | "reserved.broker.max.id" => "set node.id",
        "host.name" | "port" => "use listeners",
        "advertised.host.name" | "advertised.port" => "use advertised.listeners",
        "delegation.token.master.key" => "use delegation.token.secret.key",
        "auto.include.jmx.reporter" => "use metric.reporters",
        "controlled.shutdown.max.retries" | "controlled.shutdown.retry.backoff.ms" => {
            "a controller decides when a broker may stop"
        }
        "replica.lag.max.messages" => "use replica.lag.time.max.ms",
        _ => return None,
    })
}
