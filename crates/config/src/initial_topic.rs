//! Topics that are to exist once a broker runs: `name:partitions:replicas[:cleanup.policy]`.
//!
//! The form is that of `KAFKA_CREATE_TOPICS` in wurstmeister's container image. Entries are
//! separated by commas or by white space, since some people write one on a line.

use ottla_types::TopicName;

use crate::keys::topic;

/// One topic that is to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialTopic {
    /// Its name.
    pub name: TopicName,
    /// How many partitions it gets.
    pub partitions: i32,
    /// How many replicas each of them gets.
    pub replicas: i16,
    /// Its `cleanup.policy`, where it is not the broker's.
    pub cleanup_policy: Option<String>,
}

/// Reads the entries; fails with what is wrong with the first that is wrong.
pub(crate) fn topics_to_create(text: &str) -> Result<Vec<InitialTopic>, String> {
    let entries = text.split(|c: char| c == ',' || c.is_whitespace());
    entries.filter(|entry| !entry.is_empty()).map(topic_to_create).collect()
}

fn topic_to_create(entry: &str) -> Result<InitialTopic, String> {
    let wrong = || {
        format!(
            "{entry} is not of the form name:partitions:replicas or \
             name:partitions:replicas:cleanup.policy"
        )
    };
    let mut parts = entry.split(':');
    let mut part = || parts.next().filter(|part| !part.is_empty());
    let name = part().ok_or_else(wrong)?;
    let name = TopicName::new(name).map_err(|error| format!("{entry}: {error}"))?;
    let partitions = part().and_then(|it| it.parse().ok()).filter(|it| *it > 0);
    let partitions = partitions.ok_or_else(wrong)?;
    let replicas = part().and_then(|it| it.parse().ok()).filter(|it| *it > 0);
    let replicas = replicas.ok_or_else(wrong)?;
    let cleanup_policy = part().map(str::to_owned);
    if let Some(policy) = &cleanup_policy {
        topic::CLEANUP_POLICY.validate(policy).map_err(|error| format!("{entry}: {error}"))?;
    }
    if parts.next().is_some() {
        return Err(wrong());
    }
    Ok(InitialTopic { name, partitions, replicas, cleanup_policy })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(name: &str, partitions: i32, replicas: i16, policy: Option<&str>) -> InitialTopic {
        InitialTopic {
            name: TopicName::new(name).unwrap(),
            partitions,
            replicas,
            cleanup_policy: policy.map(str::to_owned),
        }
    }

    #[test]
    fn entries_are_separated_by_commas_or_lines() {
        let expected = vec![topic("London", 3, 1, None), topic("state", 1, 2, Some("compact"))];
        for text in [
            "London:3:1,state:1:2:compact",
            "London:3:1:\n  state:1:2:compact\n",
            "London:3:1, state:1:2:compact,",
        ] {
            assert_eq!(topics_to_create(text), Ok(expected.clone()), "{text}");
        }
        assert_eq!(topics_to_create(""), Ok(Vec::new()));
    }

    #[test]
    fn an_entry_that_cannot_be_meant_is_named() {
        for wrong in [
            "London",
            "London:3",
            "London:x:1",
            "London:0:1",
            "London:1:1:nonsense",
            "London:1:1:compact:more",
            "Lon/don:1:1",
            ":1:1",
        ] {
            let why = topics_to_create(&format!("fine:1:1,{wrong}")).unwrap_err();
            assert!(why.contains(wrong), "{why}");
        }
    }
}
