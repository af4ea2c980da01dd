//! One event.
//!
//! Kafka: none.

use std::{fmt::Display, net::SocketAddr};

use ottla_coordinator::{GroupChange, GroupNote};

/// Something that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its number: events are counted from 0 at the broker's start.
    pub seq: u64,
    /// When, in ms since 1970.
    pub time_ms: i64,
    /// What, as in `topic.created`.
    pub kind: &'static str,
    /// To which topic.
    pub topic: Option<String>,
    /// To which of its partitions.
    pub partition: Option<i32>,
    /// To which group.
    pub group_id: Option<String>,
    /// To or by which of its members.
    pub member_id: Option<String>,
    /// By which client.
    pub client_id: Option<String>,
    /// From where.
    pub remote: Option<SocketAddr>,
    /// What else there is to say.
    pub detail: Vec<(&'static str, String)>,
}

impl Event {
    pub(crate) fn new(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    pub(crate) fn topic(mut self, topic: &str) -> Self {
        self.topic = Some(topic.to_owned());
        self
    }

    pub(crate) fn partition(mut self, topic: &str, partition: i32) -> Self {
        self.partition = Some(partition);
        self.topic(topic)
    }

    pub(crate) fn group(mut self, group_id: &str) -> Self {
        self.group_id = Some(group_id.to_owned());
        self
    }

    pub(crate) fn member(mut self, member_id: &str, client_id: &str) -> Self {
        self.member_id = Some(member_id.to_owned());
        self.client(Some(client_id))
    }

    pub(crate) fn client(mut self, client_id: Option<&str>) -> Self {
        self.client_id = client_id.map(str::to_owned);
        self
    }

    pub(crate) fn remote(mut self, remote: SocketAddr) -> Self {
        self.remote = Some(remote);
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Display) -> Self {
        self.detail.push((name, value.to_string()));
        self
    }

    /// What a group's own rules say has happened to it.
    pub(super) fn of_group(note: &GroupNote) -> Self {
        let event =
            |kind| Self::new(kind).group(&note.group_id).with("generationId", note.generation_id);
        match &note.change {
            GroupChange::Joined { member_id, client_id } => {
                event("group.joined").member(member_id, client_id)
            }
            GroupChange::Left { member_id, client_id, cause } => {
                event("group.left").member(member_id, client_id).with("cause", cause.name())
            }
            GroupChange::State { from, to, cause } => {
                let event = event("group.state").with("from", from.name()).with("to", to.name());
                match cause {
                    Some(cause) => event.with("cause", cause.name()),
                    None => event,
                }
            }
        }
    }

    /// What it takes in memory, as far as can be told.
    pub(super) fn bytes(&self) -> usize {
        let texts = [&self.topic, &self.group_id, &self.member_id, &self.client_id];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        let detail: usize = self.detail.iter().map(|(_, value)| value.len() + 48).sum();
        size_of::<Self>() + texts + detail + 32
    }
}
