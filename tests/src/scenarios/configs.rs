//! DescribeConfigs, AlterConfigs, IncrementalAlterConfigs and DescribeLogDirs.

use ottla_wire::{
    Str,
    alter_configs_request::{self, AlterConfigsRequest},
    describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource},
    describe_log_dirs_request::{DescribableLogDirTopic, DescribeLogDirsRequest},
    incremental_alter_configs_request::{self, IncrementalAlterConfigsRequest},
};

use crate::{
    batch,
    session::{Session, versions},
};

const TOPIC: i8 = 2;
const BROKER: i8 = 4;
const GROUP: i8 = 32;

fn resource(kind: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResource {
    DescribeConfigsResource {
        resource_type: kind,
        resource_name: Str::from(name),
        configuration_keys: keys.map(|keys| keys.iter().map(|&key| Str::from(key)).collect()),
    }
}

fn describing(resources: Vec<DescribeConfigsResource>) -> DescribeConfigsRequest {
    DescribeConfigsRequest { resources, ..Default::default() }
}

pub fn describe(session: &mut Session) {
    session.topic(
        "configured",
        1,
        &[("retention.ms", "777"), ("cleanup.policy", "compact,delete")],
    );
    for version in versions::<DescribeConfigsRequest>() {
        for (what, kind, name) in [
            ("a topic", TOPIC, "configured"),
            ("the broker", BROKER, "1"),
            ("all brokers", BROKER, ""),
            ("a group", GROUP, "configured"),
        ] {
            let request = DescribeConfigsRequest {
                include_synonyms: true,
                include_documentation: version >= 3,
                ..describing(vec![resource(kind, name, None)])
            };
            session.ask(what, version, &request);
            session.ask(
                format!("{what}, briefly"),
                version,
                &describing(vec![resource(kind, name, None)]),
            );
        }
        let some = ["retention.ms", "no.such.key", "segment.bytes", "retention.ms"];
        session.ask(
            "some keys",
            version,
            &describing(vec![resource(TOPIC, "configured", Some(&some))]),
        );
        session.ask(
            "no keys",
            version,
            &describing(vec![resource(TOPIC, "configured", Some(&[]))]),
        );
        for (what, kind, name) in [
            ("an unknown topic", TOPIC, "configured-none"),
            ("a bad name", TOPIC, "a b"),
            ("an empty name", TOPIC, ""),
            ("another broker", BROKER, "9"),
            ("a broker that is no number", BROKER, "one"),
            ("loggers of another broker", 8, "9"),
            ("client metrics", 16, "configured"),
            ("type 0", 0, ""),
            ("type 3", 3, "x"),
            ("type 99", 99, "x"),
        ] {
            session.ask(what, version, &describing(vec![resource(kind, name, None)]));
        }
        let two = vec![resource(TOPIC, "configured", Some(&["retention.ms"])); 2];
        session.ask("one twice", version, &describing(two));
    }
}

fn replacing(kind: i8, name: &str, configs: &[(&str, Option<&str>)]) -> AlterConfigsRequest {
    let configs = configs.iter().map(|&(name, value)| alter_configs_request::AlterableConfig {
        name: Str::from(name),
        value: value.map(Str::from),
    });
    AlterConfigsRequest {
        resources: vec![alter_configs_request::AlterConfigsResource {
            resource_type: kind,
            resource_name: Str::from(name),
            configs: configs.collect(),
        }],
        validate_only: false,
    }
}

fn changing(
    kind: i8,
    name: &str,
    configs: &[(&str, i8, Option<&str>)],
) -> IncrementalAlterConfigsRequest {
    let configs = configs.iter().map(|&(name, config_operation, value)| {
        incremental_alter_configs_request::AlterableConfig {
            name: Str::from(name),
            config_operation,
            value: value.map(Str::from),
        }
    });
    IncrementalAlterConfigsRequest {
        resources: vec![incremental_alter_configs_request::AlterConfigsResource {
            resource_type: kind,
            resource_name: Str::from(name),
            configs: configs.collect(),
        }],
        validate_only: false,
    }
}

/// What a topic's own settings are after a change.
fn look(session: &mut Session, after: &str, name: &str) {
    session.caught_up();
    let keys = ["retention.ms", "cleanup.policy", "segment.bytes", "max.message.bytes"];
    let request = DescribeConfigsRequest {
        include_synonyms: true,
        ..describing(vec![resource(TOPIC, name, Some(&keys))])
    };
    session.ask(format!("after {after}"), 4, &request);
}

pub fn alter(session: &mut Session) {
    let name = "altered";
    session.topic(name, 1, &[("segment.bytes", "1048576")]);
    for version in versions::<AlterConfigsRequest>() {
        let one = replacing(TOPIC, name, &[("retention.ms", Some("1000"))]);
        session.ask(
            "checked",
            version,
            &AlterConfigsRequest { validate_only: true, ..one.clone() },
        );
        look(session, "checking", name);
        session.ask("replaced", version, &one);
        look(session, "replacing", name);
        for (what, key, value) in [
            ("unknown key", "no.such.key", Some("1")),
            ("no value", "retention.ms", None),
            ("wrong type", "retention.ms", Some("soon")),
            ("out of bounds", "segment.bytes", Some("1")),
        ] {
            session.ask(what, version, &replacing(TOPIC, name, &[(key, value)]));
        }
        session.ask("unknown topic", version, &replacing(TOPIC, "altered-none", &[]));
        session.ask("unknown type", version, &replacing(77, name, &[]));
        session.ask("nothing", version, &AlterConfigsRequest::default());
    }
    for version in versions::<IncrementalAlterConfigsRequest>() {
        for (what, configs) in [
            (
                "set",
                &[("retention.ms", 0, Some("2000")), ("max.message.bytes", 0, Some("5000"))][..],
            ),
            ("deleted", &[("retention.ms", 1, None)]),
            ("appended", &[("cleanup.policy", 2, Some("compact"))]),
            ("appended again", &[("cleanup.policy", 2, Some("compact"))]),
            ("subtracted", &[("cleanup.policy", 3, Some("delete"))]),
            ("subtracted again", &[("cleanup.policy", 3, Some("delete"))]),
            ("appended to a number", &[("retention.ms", 2, Some("1"))]),
            ("an operation that is none", &[("retention.ms", 9, Some("1"))]),
            ("set to null", &[("retention.ms", 0, None)]),
            ("set to nonsense", &[("cleanup.policy", 0, Some("forget"))]),
            ("an unknown key", &[("no.such.key", 0, Some("1"))]),
            ("a key twice", &[("retention.ms", 0, Some("1")), ("retention.ms", 1, None)]),
            ("an empty name", &[("", 0, Some("1"))]),
        ] {
            session.ask(what, version, &changing(TOPIC, name, configs));
            look(session, what, name);
        }
        session.ask("unknown topic", version, &changing(TOPIC, "altered-none", &[]));
        let mut twice = changing(TOPIC, name, &[("retention.ms", 0, Some("1"))]);
        twice.resources.extend(changing(TOPIC, name, &[]).resources);
        session.ask("a topic twice", version, &twice);
    }
    brokers(session);
}

fn brokers(session: &mut Session) {
    for (what, name, configs) in [
        ("a broker's own", "1", &[("log.cleaner.threads", 0, Some("2"))][..]),
        ("all brokers'", "", &[("log.retention.ms", 0, Some("604800001"))]),
        ("read-only", "1", &[("node.id", 0, Some("2"))]),
        ("read-only for all", "", &[("process.roles", 0, Some("broker"))]),
        ("of one broker for all", "", &[("listeners", 0, Some("PLAINTEXT://:9999"))]),
        ("another broker", "9", &[("log.cleaner.threads", 0, Some("2"))]),
        ("no number", "one", &[("log.cleaner.threads", 0, Some("2"))]),
        ("back to the default", "1", &[("log.cleaner.threads", 1, None)]),
        ("back to the default for all", "", &[("log.retention.ms", 1, None)]),
    ] {
        session.ask(what, 1, &changing(BROKER, name, configs));
        session.caught_up();
        let keys = ["log.cleaner.threads", "log.retention.ms", "node.id"];
        let request = DescribeConfigsRequest {
            include_synonyms: true,
            ..describing(vec![
                resource(BROKER, "1", Some(&keys)),
                resource(BROKER, "", Some(&keys)),
            ])
        };
        session.ask(format!("after {what}"), 4, &request);
    }
}

pub fn log_dirs(session: &mut Session) {
    session.topic("logged", 2, &[]);
    session.append("logged", 1, batch::plain(3));
    let of = |name: &str, partitions: &[i32]| DescribeLogDirsRequest {
        topics: Some(vec![DescribableLogDirTopic {
            topic: Str::from(name),
            partitions: partitions.to_vec(),
        }]),
    };
    for version in versions::<DescribeLogDirsRequest>() {
        session.ask("both partitions", version, &of("logged", &[0, 1]));
        session.ask("one partition", version, &of("logged", &[1]));
        session.ask("an unknown partition", version, &of("logged", &[7]));
        session.ask("an unknown topic", version, &of("logged-none", &[0]));
        session.ask("nothing", version, &DescribeLogDirsRequest { topics: Some(Vec::new()) });
    }
}
