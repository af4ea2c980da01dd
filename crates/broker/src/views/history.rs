//! What happened, who is connected, and where cursors stood.
//!
//! Kafka: none.

use std::{net::SocketAddr, sync::Arc, sync::atomic::Ordering};

use tokio::sync::watch;

use super::Views;
use crate::{
    api::APIS,
    journal::{Arrival, Event, Events, Sample},
    net::clients::ClientEntry,
};

/// A connection that is open.
#[derive(Clone, Debug)]
pub struct ConnectionView {
    /// Its number since the start.
    pub id: u64,
    /// Where the client is.
    pub remote: SocketAddr,
    /// The address that it came in by.
    pub local: SocketAddr,
    /// The listener that it came in by.
    pub listener: Arc<str>,
    /// When it was opened, in ms.
    pub opened_ms: i64,
    /// What the client calls itself.
    pub client_id: Option<String>,
    /// What it is.
    pub software_name: Option<String>,
    /// Which version of it.
    pub software_version: Option<String>,
    /// Requests that came.
    pub requests: u64,
    /// Kafka's name of the last one.
    pub last_request: Option<&'static str>,
    /// When that came, in ms.
    pub last_request_ms: i64,
    /// Bytes of requests.
    pub bytes_in: u64,
    /// Bytes of responses.
    pub bytes_out: u64,
}

/// A connection that was open at a moment of the past.
#[derive(Clone, Debug)]
pub struct PastConnection {
    /// Its number since the start.
    pub id: u64,
    /// Where the client was.
    pub remote: SocketAddr,
    /// The address that it came in by.
    pub local: String,
    /// The listener that it came in by.
    pub listener: String,
    /// When it was opened, in ms.
    pub opened_ms: i64,
    /// What the client called itself, in the end.
    pub client_id: Option<String>,
    /// What it was.
    pub software_name: Option<String>,
    /// Which version of it.
    pub software_version: Option<String>,
}

impl From<ConnectionView> for PastConnection {
    fn from(view: ConnectionView) -> Self {
        Self {
            id: view.id,
            remote: view.remote,
            local: view.local.to_string(),
            listener: view.listener.to_string(),
            opened_ms: view.opened_ms,
            client_id: view.client_id,
            software_name: view.software_name,
            software_version: view.software_version,
        }
    }
}

impl PastConnection {
    /// The connection whose end an event tells.
    pub(super) fn of(event: &Event) -> Option<Self> {
        if !matches!(event.kind, "connection.closed" | "connection.failed") {
            return None;
        }
        let of = |name| event.detail.iter().find(|(it, _)| *it == name).map(|(_, text)| text);
        let lasted_ms: i64 = of("ms")?.parse().ok()?;
        Some(Self {
            id: of("connection")?.parse().ok()?,
            remote: event.remote?,
            local: of("local")?.clone(),
            listener: of("listener")?.clone(),
            opened_ms: event.time_ms.saturating_sub(lasted_ms),
            client_id: event.client_id.clone(),
            software_name: of("software").cloned(),
            software_version: of("version").cloned(),
        })
    }
}

impl From<Arc<ClientEntry>> for ConnectionView {
    fn from(entry: Arc<ClientEntry>) -> Self {
        let said = entry.said();
        let text = |it: Option<ottla_wire::Str>| it.map(|it| it.to_string());
        let key = entry.last_key.load(Ordering::Relaxed);
        let row = APIS.iter().find(|row| i64::from(row.key.code()) == key);
        Self {
            id: entry.id,
            remote: entry.remote(),
            local: entry.peer.local,
            listener: Arc::clone(&entry.peer.listener),
            opened_ms: entry.opened_ms,
            client_id: text(said.client_id),
            software_name: text(said.software_name),
            software_version: text(said.software_version),
            requests: entry.requests.load(Ordering::Relaxed),
            last_request: row.map(|row| row.key.name()),
            last_request_ms: entry.last_request_ms.load(Ordering::Relaxed),
            bytes_in: entry.bytes_in.load(Ordering::Relaxed),
            bytes_out: entry.bytes_out.load(Ordering::Relaxed),
        }
    }
}

impl Views {
    /// At most `max` events from `since` on that are wanted, in their order.
    pub fn events(&self, since: u64, max: usize, wanted: impl Fn(&Event) -> bool) -> Events {
        self.shared.journal.since(since, max, wanted)
    }

    /// The last events that are wanted, at most `max`, newest first.
    pub fn last_events(&self, max: usize, wanted: impl Fn(&Event) -> bool) -> Vec<Arc<Event>> {
        self.shared.journal.last(max, wanted)
    }

    /// Tells the number of the next event whenever that grows.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.shared.journal.news()
    }

    /// Where the end of a partition stood, a sample for each time it had moved.
    pub fn ends(&self, topic: &str, partition: i32) -> Vec<Sample> {
        self.shared.journal.ends(topic, partition)
    }

    /// Where a group stood in each partition, a sample for each time it had moved.
    pub fn group_samples(&self, group_id: &str) -> Vec<((String, i32), Vec<Sample>)> {
        self.shared.journal.positions(group_id)
    }

    /// When the record at an offset came.
    pub fn arrival(&self, topic: &str, partition: i32, offset: i64) -> Arrival {
        self.shared.journal.samples(|all| all.arrival(topic, partition, offset))
    }

    /// Where the end of a partition stood at each time; `None` where it never moved.
    pub fn ends_at(&self, topic: &str, partition: i32, times: &[i64]) -> Option<Vec<i64>> {
        self.shared.journal.samples(|all| all.ends_at(topic, partition, times))
    }

    /// Where a group stood in a partition at each time; `None` where it never moved.
    pub fn position_at(
        &self,
        group_id: &str,
        place: (&str, i32),
        times: &[i64],
    ) -> Option<Vec<Option<i64>>> {
        self.shared.journal.samples(|all| all.position_at(group_id, place, times))
    }

    /// When a group was first seen to move, in ms.
    pub fn first_moved(&self, group_id: &str) -> Option<i64> {
        self.shared.journal.samples(|all| all.first_moved(group_id))
    }

    /// Every connection that is open, oldest first.
    pub fn connections(&self) -> Vec<ConnectionView> {
        self.shared.clients.all().into_iter().map(ConnectionView::from).collect()
    }
}
