//! Who of a group reads which partition: computed by the member that leads.
//!
//! Invariant: each partition of a subscribed topic goes to exactly one subscriber, and the same
//! members and topics always give the same assignment.
//! Kafka: `RangeAssignor`, `RoundRobinAssignor`.

use std::collections::BTreeMap;

/// How partitions are spread over the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assignor {
    /// Per topic, each member gets one run of partitions. Topics of equal size stay together.
    Range,
    /// All partitions of all topics are dealt out one by one.
    RoundRobin,
}

impl Assignor {
    /// The name in the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Range => "range",
            Self::RoundRobin => "roundrobin",
        }
    }

    /// The assignor with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Range, Self::RoundRobin].into_iter().find(|assignor| assignor.name() == name)
    }

    /// Gives each member its partitions. `partitions` holds each topic's number of partitions.
    pub(crate) fn assign(self, members: &[Member], partitions: &BTreeMap<String, i32>) -> Assigned {
        let mut members: Vec<&Member> = members.iter().collect();
        members.sort_by_key(|member| member.order());
        let mut assigned: Assigned =
            members.iter().map(|member| (member.member_id.clone(), Vec::new())).collect();
        match self {
            Self::Range => range(&members, partitions, &mut assigned),
            Self::RoundRobin => round_robin(&members, partitions, &mut assigned),
        }
        assigned
    }
}

/// What each member reads, by member id.
pub(crate) type Assigned = BTreeMap<String, Vec<(String, i32)>>;

/// A member as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) member_id: String,
    pub(crate) group_instance_id: Option<String>,
    pub(crate) topics: Vec<String>,
}

impl Member {
    /// Static members first, by the id they brought, so that a restart changes nothing.
    fn order(&self) -> (bool, &str) {
        match &self.group_instance_id {
            Some(instance) => (false, instance),
            None => (true, &self.member_id),
        }
    }

    fn reads(&self, topic: &str) -> bool {
        self.topics.iter().any(|name| name == topic)
    }
}

fn range(members: &[&Member], partitions: &BTreeMap<String, i32>, assigned: &mut Assigned) {
    for (topic, count) in partitions {
        let readers: Vec<_> = members.iter().filter(|member| member.reads(topic)).collect();
        let Ok(readers_count) = i32::try_from(readers.len()) else { continue };
        let (Some(each), Some(extra)) =
            (count.checked_div(readers_count), count.checked_rem(readers_count))
        else {
            continue;
        };
        let mut next = 0;
        for (index, reader) in (0..).zip(readers) {
            let end = next + each + i32::from(index < extra);
            let run = (next..end).map(|partition| (topic.clone(), partition));
            assigned.entry(reader.member_id.clone()).or_default().extend(run);
            next = end;
        }
    }
}

fn round_robin(members: &[&Member], partitions: &BTreeMap<String, i32>, assigned: &mut Assigned) {
    let mut turn = members.iter().cycle();
    for (topic, count) in partitions {
        if !members.iter().any(|member| member.reads(topic)) {
            continue;
        }
        for partition in 0..*count {
            let reader = turn.by_ref().find(|member| member.reads(topic));
            if let Some(reader) = reader {
                let list = assigned.entry(reader.member_id.clone()).or_default();
                list.push((topic.clone(), partition));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, topics: &[&str]) -> Member {
        let topics = topics.iter().map(ToString::to_string).collect();
        Member { member_id: id.into(), group_instance_id: None, topics }
    }

    fn shape(assigned: &Assigned) -> Vec<(&str, String)> {
        let text = |list: &Vec<(String, i32)>| {
            list.iter().map(|(topic, it)| format!("{topic}{it}")).collect::<Vec<_>>().join(" ")
        };
        assigned.iter().map(|(member, list)| (member.as_str(), text(list))).collect()
    }

    fn topics(counts: &[(&str, i32)]) -> BTreeMap<String, i32> {
        counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn range_gives_runs_with_the_first_members_one_more() {
        let members = [member("b", &["t", "u"]), member("a", &["t", "u"])];
        let assigned = Assignor::Range.assign(&members, &topics(&[("t", 3), ("u", 3)]));
        let expected = [("a", "t0 t1 u0 u1".to_owned()), ("b", "t2 u2".to_owned())];
        assert_eq!(shape(&assigned), expected);
    }

    #[test]
    fn round_robin_deals_all_partitions_out() {
        let members = [member("a", &["t", "u"]), member("b", &["t", "u"])];
        let assigned = Assignor::RoundRobin.assign(&members, &topics(&[("t", 3), ("u", 3)]));
        let expected = [("a", "t0 t2 u1".to_owned()), ("b", "t1 u0 u2".to_owned())];
        assert_eq!(shape(&assigned), expected);
    }

    #[test]
    fn round_robin_skips_who_did_not_subscribe() {
        let members =
            [member("a", &["t"]), member("b", &["t", "u"]), member("c", &["t", "u", "v"])];
        let counts = topics(&[("t", 1), ("u", 2), ("v", 3)]);
        let assigned = Assignor::RoundRobin.assign(&members, &counts);
        let expected =
            [("a", "t0".to_owned()), ("b", "u0".to_owned()), ("c", "u1 v0 v1 v2".to_owned())];
        assert_eq!(shape(&assigned), expected);
    }

    #[test]
    fn static_members_come_first_by_their_own_id() {
        let mut known = member("z", &["t"]);
        known.group_instance_id = Some("1".into());
        let members = [member("a", &["t"]), known];
        let assigned = Assignor::Range.assign(&members, &topics(&[("t", 1)]));
        assert_eq!(shape(&assigned), [("a", String::new()), ("z", "t0".to_owned())]);
    }

    #[test]
    fn more_members_than_partitions_leaves_some_idle() {
        for assignor in [Assignor::Range, Assignor::RoundRobin] {
            let members = [member("a", &["t"]), member("b", &["t"]), member("c", &["t"])];
            let assigned = assignor.assign(&members, &topics(&[("t", 2)]));
            let counts: Vec<usize> = assigned.values().map(Vec::len).collect();
            assert_eq!(counts, [1, 1, 0]);
        }
    }
}
