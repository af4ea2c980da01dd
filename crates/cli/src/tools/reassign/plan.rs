//! Which replicas partitions are to have: read from a file, written, or proposed.
//!
//! Kafka: `ReassignPartitionsCommand`, `AdminUtils`.

use std::collections::BTreeMap;

use ottla_client::BrokerId;
use serde_json::Value as Json;

use crate::tools::{
    Refusal,
    delete_records::{partitions, read},
};

/// The replicas of one partition, each with its directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Replicas {
    pub(super) brokers: Vec<BrokerId>,
    pub(super) dirs: Vec<String>,
}

/// The replicas of partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) partitions: BTreeMap<(String, i32), Replicas>,
}

/// Any directory will do.
const ANY: &str = "any";

impl Plan {
    pub(super) fn read(path: &str) -> Result<Self, Refusal> {
        Self::parse(&read(path)?)
    }

    fn parse(file: &Json) -> Result<Self, Refusal> {
        let mut plan = BTreeMap::new();
        for (topic, partition, item) in partitions(file)? {
            let ids = item.get("replicas").and_then(Json::as_array);
            let ids = ids.ok_or_else(|| Refusal::Failed("Missing replicas field".into()))?;
            let id = |id: &Json| id.as_i64().and_then(|id| i32::try_from(id).ok()).map(BrokerId);
            let wrong = || Refusal::Failed(format!("Invalid replicas of {topic}-{partition}"));
            let brokers: Vec<BrokerId> =
                ids.iter().map(id).collect::<Option<_>>().ok_or_else(wrong)?;
            let dirs = match item.get("log_dirs").and_then(Json::as_array) {
                None => vec![ANY.to_owned(); brokers.len()],
                Some(dirs) => {
                    dirs.iter().map(|dir| dir.as_str().unwrap_or(ANY).to_owned()).collect()
                }
            };
            if dirs.len() != brokers.len() {
                let text = format!(
                    "Size of replicas list {brokers:?} is different from size of log dirs list for \
                     partition {topic}-{partition}"
                );
                return Err(Refusal::Failed(text));
            }
            let place = (topic.clone(), partition);
            if plan.insert(place, Replicas { brokers, dirs }).is_some() {
                let text = "Partition reassignment contains duplicate topic partitions";
                return Err(Refusal::Failed(format!("{text}: {topic}-{partition}")));
            }
        }
        if plan.is_empty() {
            return Err(Refusal::Failed("Partition reassignment list cannot be empty".into()));
        }
        Ok(Self { partitions: plan })
    }

    /// Whether a replica is to lie in another directory than it does `now`.
    pub(super) fn moves_between_directories(&self, now: &Self) -> bool {
        let dirs = |it: &Replicas| -> BTreeMap<BrokerId, String> {
            it.brokers.iter().copied().zip(it.dirs.iter().cloned()).collect()
        };
        self.partitions.iter().any(|(place, wanted)| {
            let now = now.partitions.get(place).map(dirs).unwrap_or_default();
            let mut wanted = dirs(wanted).into_iter();
            wanted.any(|(broker, dir)| dir != ANY && now.get(&broker) != Some(&dir))
        })
    }

    /// As many replicas as there are, spread over these brokers in turn.
    pub(super) fn spread(
        now: &BTreeMap<(String, i32), Vec<BrokerId>>,
        brokers: &[BrokerId],
    ) -> Result<Self, Refusal> {
        let mut brokers = brokers.to_vec();
        brokers.sort_unstable();
        let mut partitions = BTreeMap::new();
        for (index, ((topic, partition), replicas)) in now.iter().enumerate() {
            if replicas.len() > brokers.len() {
                let (factor, count) = (replicas.len(), brokers.len());
                return Err(Refusal::Failed(format!(
                    "Replication factor: {factor} larger than available brokers: {count}"
                )));
            }
            let turn = brokers.iter().cycle().skip(index % brokers.len()).take(replicas.len());
            let chosen: Vec<BrokerId> = turn.copied().collect();
            let dirs = vec![ANY.to_owned(); chosen.len()];
            partitions.insert((topic.clone(), *partition), Replicas { brokers: chosen, dirs });
        }
        Ok(Self { partitions })
    }

    /// One line of JSON, with its fields in Kafka's order.
    pub(super) fn text(&self) -> String {
        let items = self.partitions.iter().map(|((topic, partition), it)| {
            let ids: Vec<String> = it.brokers.iter().map(ToString::to_string).collect();
            let dirs: Vec<String> =
                it.dirs.iter().map(|dir| Json::String(dir.clone()).to_string()).collect();
            format!(
                "{{\"topic\":{},\"partition\":{partition},\"replicas\":[{}],\"log_dirs\":[{}]}}",
                Json::String(topic.clone()),
                ids.join(","),
                dirs.join(",")
            )
        });
        let items: Vec<String> = items.collect();
        format!("{{\"version\":1,\"partitions\":[{}]}}", items.join(","))
    }
}

/// The topics that a file names.
pub(super) fn topics(path: &str) -> Result<Vec<String>, Refusal> {
    let file = read(path)?;
    let list = file.get("topics").and_then(Json::as_array);
    let names = list.into_iter().flatten();
    let names = names.filter_map(|item| item.get("topic").and_then(Json::as_str));
    Ok(names.map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_as_it_is_written() {
        let text = "{\"version\":1,\"partitions\":[{\"topic\":\"a\",\"partition\":0,\"replicas\":[2,1],\
                    \"log_dirs\":[\"any\",\"any\"]}]}";
        let plan = Plan::parse(&serde_json::from_str(text).unwrap()).unwrap();
        assert_eq!(plan.text(), text);
        assert!(!plan.moves_between_directories(&plan));
        let moved: Json = serde_json::from_str(&text.replacen("any", "/elsewhere", 1)).unwrap();
        assert!(Plan::parse(&moved).unwrap().moves_between_directories(&plan));
        assert!(Plan::parse(&serde_json::from_str("{\"partitions\":[]}").unwrap()).is_err());
    }

    #[test]
    fn replicas_are_spread_over_brokers_in_turn() {
        let place = |partition| ("a".to_owned(), partition);
        let now = BTreeMap::from([(place(0), vec![BrokerId(1)]), (place(1), vec![BrokerId(1)])]);
        let plan = Plan::spread(&now, &[BrokerId(2), BrokerId(1)]).unwrap();
        let brokers: Vec<_> = plan.partitions.values().map(|it| it.brokers.clone()).collect();
        assert_eq!(brokers, [vec![BrokerId(1)], vec![BrokerId(2)]]);
        assert!(Plan::spread(&BTreeMap::from([(place(0), vec![BrokerId(1)])]), &[]).is_err());
    }
}
