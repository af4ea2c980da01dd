//! What becomes of each service: Kafka is Ottla, ZooKeeper goes, and a console's port leads to the
//! broker's own, or to Ottla's console alone where that of one broker would not do.

use anyhow::{Context as _, bail};

use super::{
    console,
    file::{Entry, File, inline},
    volumes,
};

/// A file with Ottla, and what was done to it, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rewritten {
    pub(super) text: String,
    pub(super) notes: Vec<String>,
}

/// What an image is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Kafka,
    ZooKeeper,
    Console,
}

const IMAGES: &[(&str, Role)] = &[
    ("apache/kafka", Role::Kafka),
    ("apache/kafka-native", Role::Kafka),
    ("bitnami/kafka", Role::Kafka),
    ("bitnami/zookeeper", Role::ZooKeeper),
    ("bitnamilegacy/kafka", Role::Kafka),
    ("bitnamilegacy/zookeeper", Role::ZooKeeper),
    ("confluentinc/confluent-local", Role::Kafka),
    ("confluentinc/cp-kafka", Role::Kafka),
    ("confluentinc/cp-server", Role::Kafka),
    ("confluentinc/cp-zookeeper", Role::ZooKeeper),
    ("kafbat/kafka-ui", Role::Console),
    ("provectuslabs/kafka-ui", Role::Console),
    ("spotify/kafka", Role::Kafka),
    ("wurstmeister/kafka", Role::Kafka),
    ("wurstmeister/zookeeper", Role::ZooKeeper),
    ("zookeeper", Role::ZooKeeper),
];

fn role(image: &str) -> Option<Role> {
    let name = image.split('@').next().unwrap_or_default();
    // A colon behind the last slash begins the tag; one before it a registry's port.
    let name = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    };
    let known = IMAGES.iter().find(|(known, _)| {
        name == *known || name.strip_suffix(known).is_some_and(|rest| rest.ends_with('/'))
    });
    known.map(|(_, role)| *role)
}

/// A service whose image is known.
struct Service {
    entry: Entry,
    image: Entry,
    role: Role,
    /// Whether it runs a broker, and not one of its tools.
    is_broker: bool,
}

/// A change of the file: lines that go, and lines that come in their place.
struct Edit {
    at: std::ops::Range<usize>,
    lines: Vec<String>,
}

/// Rewrites a compose file. `image` is the name of Ottla's.
pub(super) fn rewrite(text: &str, image: &str) -> anyhow::Result<Rewritten> {
    let file = File::read(text);
    let services = file.top().into_iter().find(|entry| entry.key == "services");
    let services = file.inside(&services.context("it has no services")?);
    let known: Vec<Service> = services.iter().filter_map(|it| service(&file, it)).collect();
    let brokers: Vec<&Service> = known.iter().filter(|it| it.is_broker).collect();
    let broker = match brokers.as_slice() {
        [] => bail!("it has no service with an image of Kafka"),
        [broker] => *broker,
        several => {
            let names: Vec<&str> = several.iter().map(|it| it.entry.key.as_str()).collect();
            bail!(
                "it has several brokers ({}), and Ottla is one: take one of them, with replication \
                 factors of 1",
                names.join(", ")
            );
        }
    };
    let broker_names = names_of(&file, &broker.entry);
    let mut edits = Vec::new();
    let mut notes = Vec::new();
    let mut gone = Vec::new();
    for service in &known {
        let change = (&mut edits, &mut notes);
        match service.role {
            Role::Kafka => become_ottla(&file, service, image, change),
            Role::Console => {
                let why = console::why_it_stays(&file, &service.entry, &broker_names);
                if let Some(why) = why {
                    let name = &service.entry.key;
                    become_ottla(&file, service, image, change);
                    notes.push(format!("{name}: stays a console of its own, since {why}"));
                } else {
                    gone.push(service);
                    go(&file, service, "Ottla has a console of its own", change);
                }
            }
            Role::ZooKeeper => {
                gone.push(service);
                go(&file, service, "Ottla needs no ZooKeeper", change);
            }
        }
    }
    let names: Vec<&str> = gone.iter().map(|it| it.entry.key.as_str()).collect();
    let left = services.iter().filter(|it| !names.contains(&it.key.as_str()));
    let left: Vec<&Entry> = left.collect();
    for entry in &left {
        for key in ["depends_on", "links"] {
            if let Some(list) = file.find(entry, key) {
                edits.extend(without(&file, &list, &names));
            }
        }
    }
    let gone_entries: Vec<&Entry> = gone.iter().map(|it| &it.entry).collect();
    for volume in volumes::only_of(&file, &gone_entries, &left) {
        notes.push(format!("{}: goes, with what used it", volume.key));
        edits.push(Edit { at: volume.at, lines: Vec::new() });
    }
    let consoles = gone.iter().filter(|it| it.role == Role::Console);
    let ports: Vec<String> = consoles.flat_map(|it| console::ports(&file, &it.entry)).collect();
    if !ports.is_empty() {
        let ports_note = ports.join(", ");
        notes.push(format!("{}: gets {ports_note}, where its console is", broker.entry.key));
        edits.push(with_ports(&file, broker, &ports));
    }
    Ok(Rewritten { text: apply(file, edits), notes })
}

fn service(file: &File, entry: &Entry) -> Option<Service> {
    let image = file.find(entry, "image")?;
    let role = role(&image.value)?;
    let runs_a_tool =
        file.find(entry, "entrypoint").is_some() || file.find(entry, "command").is_some();
    let is_broker = role == Role::Kafka && !runs_a_tool;
    Some(Service { entry: entry.clone(), image, role, is_broker })
}

/// By which hosts others of the file find a service.
fn names_of(file: &File, service: &Entry) -> Vec<String> {
    let named = ["container_name", "hostname"].into_iter();
    let named = named.filter_map(|key| Some(file.find(service, key)?.value));
    std::iter::once(service.key.clone()).chain(named).collect()
}

/// Takes a service away, and says why.
fn go(
    file: &File,
    service: &Service,
    why: &str,
    (edits, notes): (&mut Vec<Edit>, &mut Vec<String>),
) {
    let (entry, name, was) = (&service.entry, &service.entry.key, &service.image.value);
    let indent = " ".repeat(file.indent(entry.at.start).unwrap_or_default());
    let line = format!("{indent}# {name} ({was}) is gone: {why}.");
    edits.push(Edit { at: entry.at.clone(), lines: vec![line] });
    notes.push(format!("{name}: goes ({was}); {why}"));
}

/// Gives a service Ottla's image, without what is for ZooKeeper alone.
fn become_ottla(
    file: &File,
    service: &Service,
    image: &str,
    (edits, notes): (&mut Vec<Edit>, &mut Vec<String>),
) {
    let Service { entry, image: old, .. } = service;
    let (name, was) = (&entry.key, &old.value);
    let indent = " ".repeat(file.indent(old.at.start).unwrap_or_default());
    let line = format!("{indent}image: {image}  # was {was}");
    edits.push(Edit { at: old.at.clone(), lines: vec![line] });
    notes.push(format!("{name}: {was} becomes {image}"));
    let Some(environment) = file.find(entry, "environment") else { return };
    for it in file.inside(&environment).into_iter().filter(|it| is_of_zookeeper(&it.key)) {
        notes.push(format!("{name}: {} goes", it.key));
        edits.push(Edit { at: it.at, lines: Vec::new() });
    }
    for (item, at) in file.items(&environment) {
        let key = item.split('=').next().unwrap_or_default();
        if is_of_zookeeper(key) {
            notes.push(format!("{name}: {key} goes"));
            edits.push(Edit { at, lines: Vec::new() });
        }
    }
}

fn is_of_zookeeper(variable: &str) -> bool {
    variable.starts_with("KAFKA_ZOOKEEPER_")
        || variable.starts_with("KAFKA_CFG_ZOOKEEPER_")
        || variable.starts_with("KAFKA_CLUSTERS_") && variable.ends_with("_ZOOKEEPER")
}

/// `depends_on` or `links` without these services; without all of it where nothing is left.
fn without(file: &File, list: &Entry, names: &[&str]) -> Vec<Edit> {
    let is_gone = |name: &str| names.contains(&name.split(':').next().unwrap_or_default());
    if let Some(all) = inline(&list.value) {
        let left: Vec<String> = all.into_iter().filter(|name| !is_gone(name)).collect();
        let indent = " ".repeat(file.indent(list.at.start).unwrap_or_default());
        let line = format!("{indent}{}: [{}]", list.key, left.join(", "));
        let lines = if left.is_empty() { Vec::new() } else { vec![line] };
        return vec![Edit { at: list.at.clone(), lines }];
    }
    let mut items = file.items(list);
    if items.is_empty() {
        items = file.inside(list).into_iter().map(|it| (it.key, it.at)).collect();
    }
    let count = items.len();
    let gone: Vec<_> = items.into_iter().filter(|(name, _)| is_gone(name)).collect();
    if gone.len() == count && count > 0 {
        return vec![Edit { at: list.at.clone(), lines: Vec::new() }];
    }
    gone.into_iter().map(|(_, at)| Edit { at, lines: Vec::new() }).collect()
}

fn with_ports(file: &File, broker: &Service, ports: &[String]) -> Edit {
    let keys = file.indent(broker.image.at.start).unwrap_or_default();
    let existing = file.find(&broker.entry, "ports");
    if let Some((list, before)) = existing.as_ref().and_then(|it| Some((it, inline(&it.value)?))) {
        let all = before.iter().chain(ports).map(|port| format!("\"{port}\""));
        let all = all.collect::<Vec<_>>().join(", ");
        let line = format!("{}ports: [{all}]  # one of them for the console", " ".repeat(keys));
        return Edit { at: list.at.clone(), lines: vec![line] };
    }
    let first = existing.as_ref().and_then(|it| file.items(it).into_iter().next());
    let deep = first.and_then(|(_, at)| file.indent(at.start)).unwrap_or(keys + 2);
    let indent = " ".repeat(deep);
    let mut lines: Vec<String> =
        ports.iter().map(|port| format!("{indent}- \"{port}\"  # the console")).collect();
    if let Some(existing) = existing {
        return Edit { at: existing.at.end..existing.at.end, lines };
    }
    lines.insert(0, format!("{}ports:", " ".repeat(keys)));
    Edit { at: broker.image.at.end..broker.image.at.end, lines }
}

fn apply(mut file: File, mut edits: Vec<Edit>) -> String {
    // From the end on, so that what is still to be done stays where it is.
    edits.sort_by_key(|edit| std::cmp::Reverse((edit.at.start, edit.at.end)));
    for Edit { at, lines } in edits {
        file.lines.splice(at, lines);
    }
    file.text()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_known_with_registries_tags_and_digests() {
        for (image, expected) in [
            ("confluentinc/cp-kafka:7.4.0", Some(Role::Kafka)),
            ("docker.io/bitnami/kafka@sha256:12", Some(Role::Kafka)),
            ("registry:5000/apache/kafka", Some(Role::Kafka)),
            ("zookeeper", Some(Role::ZooKeeper)),
            ("ghcr.io/kafbat/kafka-ui:main", Some(Role::Console)),
            ("confluentinc/cp-kafka-connect", None),
            ("notapache/kafka", None),
            ("postgres:16", None),
        ] {
            assert_eq!(role(image), expected, "{image}");
        }
    }

    #[test]
    fn the_learners_file_keeps_its_broker_with_the_consoles_port() {
        let text = include_str!("../../../../tests/image/compose/learner.yml");
        let rewritten = rewrite(text, "ottla").unwrap();
        let expected = "\
# What a course shows: ZooKeeper, Kafka and a console.
version: \"2.1\"
services:
  # zookeeper (confluentinc/cp-zookeeper:7.4.0) is gone: Ottla needs no ZooKeeper.
  broker:
    image: ottla  # was confluentinc/cp-kafka:7.4.0
    container_name: broker
    ports:
      - \"${PORT:-9092}:${PORT:-9092}\"
      - \"8080:8080\"  # the console
    environment:
      KAFKA_BROKER_ID: 1
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: PLAINTEXT:PLAINTEXT,PLAINTEXT_INTERNAL:PLAINTEXT
      KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://localhost:${PORT:-9092},PLAINTEXT_INTERNAL://broker:29092
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 1
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: 1
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: 1
  # kafka-ui (provectuslabs/kafka-ui:latest) is gone: Ottla has a console of its own.
";
        assert_eq!(rewritten.text, expected);
        assert!(rewritten.notes.iter().any(|note| note.contains("8080:8080")));
    }

    #[test]
    fn volumes_go_with_those_who_alone_used_them() {
        let text = include_str!("../../../../tests/image/compose/zookeeper-volumes.yml");
        let rewritten = rewrite(text, "ottla").unwrap();
        let expected = "\
# ZooKeeper with volumes of its own, as the documentation of cp-all-in-one's relatives has it.
services:
  # zookeeper (confluentinc/cp-zookeeper:7.4.0) is gone: Ottla needs no ZooKeeper.
  kafka:
    image: ottla  # was confluentinc/cp-kafka:7.4.0
    ports: [\"${PORT:-9092}:${PORT:-9092}\", \"8090:8080\"]  # one of them for the console
    environment:
      KAFKA_BROKER_ID: 1
      KAFKA_ADVERTISED_LISTENERS: PLAINTEXT://localhost:${PORT:-9092}
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 1
    volumes:
      - kafka-data:/var/lib/kafka/data
  # ui (ghcr.io/kafbat/kafka-ui:latest) is gone: Ottla has a console of its own.
volumes:
  kafka-data:
";
        assert_eq!(rewritten.text, expected);
        assert!(rewritten.notes.contains(&"zookeeper-log: goes, with what used it".to_owned()));
        let alone = text.replace("kafka-data:/", "./data:/").replace("  kafka-data:\n", "");
        let rewritten = rewrite(&alone, "ottla").unwrap().text;
        assert!(!rewritten.lines().any(|line| line == "volumes:"), "{rewritten}");
        // What others mount, too, stays.
        let shared = text.replace("kafka-data:/", "zookeeper-log:/");
        assert!(rewrite(&shared, "ottla").unwrap().text.contains("  zookeeper-log:\n    driver"));
    }

    #[test]
    fn a_console_of_several_clusters_stays_and_shows_them() {
        let text = include_str!("../../../../tests/image/compose/two-clusters.yml");
        let rewritten = rewrite(text, "ottla").unwrap();
        let expected: Vec<String> = text
            .lines()
            .filter(|line| !line.contains("ZOOKEEPER"))
            .map(|line| match line.split_once("image: ") {
                Some((indent, was)) => format!("{indent}image: ottla  # was {was}"),
                None => line.to_owned(),
            })
            .collect();
        assert_eq!(rewritten.text.lines().collect::<Vec<_>>(), expected);
        let note = "kafka-ui: stays a console of its own, since it shows 2 clusters";
        assert!(rewritten.notes.contains(&note.to_owned()), "{:?}", rewritten.notes);
    }

    #[test]
    fn a_console_that_is_more_than_the_brokers_stays() {
        let file = |variables: &str| {
            format!(
                "services:\n  k:\n    image: apache/kafka\n    hostname: broker\n  ui:\n    image: \
                 kafbat/kafka-ui\n    environment:\n      {variables}\n"
            )
        };
        for (variables, stays) in [
            ("KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS: k:9092", false),
            ("KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS: PLAINTEXT://broker:29092", false),
            ("KAFKA_CLUSTERS_0_BOOTSTRAP_SERVERS: host.docker.internal:9092", false),
            ("- DYNAMIC_CONFIG_ENABLED=true", false),
            ("AUTH_TYPE: DISABLED", false),
            ("KAFKA_CLUSTERS_0_BOOTSTRAPSERVERS: kafka.example:9092", true),
            ("- AUTH_TYPE=LOGIN_FORM", true),
            ("KAFKA_CLUSTERS_0_READONLY: \"true\"", true),
            ("SERVER_SERVLET_CONTEXT_PATH: /ui", true),
        ] {
            let rewritten = rewrite(&file(variables), "ottla").unwrap().text;
            assert_eq!(rewritten.contains("  ui:\n    image: ottla"), stays, "{rewritten}");
        }
    }

    #[test]
    fn files_without_zookeeper_change_in_their_image_alone() {
        for text in [
            include_str!("../../../../tests/image/compose/apache.yml"),
            include_str!("../../../../tests/image/compose/confluent-local.yml"),
            include_str!("../../../../tests/image/compose/cp-kafka.yml"),
            include_str!("../../../../tests/image/compose/bitnami.yml"),
        ] {
            let rewritten = rewrite(text, "ottla").unwrap().text;
            assert_eq!(rewritten.lines().count(), text.lines().count());
            for (old, new) in text.lines().zip(rewritten.lines()) {
                assert!(old == new || new.trim().starts_with("image: ottla  # was "), "{new}");
            }
        }
    }

    #[test]
    fn what_waited_for_zookeeper_waits_for_the_rest() {
        let text = "services:\n  z:\n    image: zookeeper\n  k:\n    image: bitnami/kafka\n    environment:\n      \
                    - KAFKA_CFG_ZOOKEEPER_CONNECT=z:2181\n      - KAFKA_CFG_NODE_ID=1\n    depends_on: [z, db]\n  \
                    db:\n    image: postgres\n    depends_on:\n      z:\n        condition: service_started\n      \
                    k:\n        condition: service_started\n";
        let rewritten = rewrite(text, "ottla").unwrap().text;
        let expected = "services:\n  # z (zookeeper) is gone: Ottla needs no ZooKeeper.\n  k:\n    image: ottla  # was \
                        bitnami/kafka\n    environment:\n      - KAFKA_CFG_NODE_ID=1\n    depends_on: [db]\n  db:\n    \
                        image: postgres\n    depends_on:\n      k:\n        condition: service_started\n";
        assert_eq!(rewritten, expected);
    }

    #[test]
    fn what_cannot_be_one_broker_is_refused() {
        let two = "services:\n  a:\n    image: apache/kafka\n  b:\n    image: apache/kafka\n";
        assert!(rewrite(two, "ottla").unwrap_err().to_string().contains("a, b"));
        assert!(rewrite("services:\n  a:\n    image: postgres\n", "ottla").is_err());
        assert!(rewrite("volumes:\n", "ottla").is_err());
    }
}
