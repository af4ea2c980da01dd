//! What happened in the broker.
//!
//! Kafka: none.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::State,
    response::{Response, sse},
};
use ottla_broker::views::{Asked, Complete, Event as Entry, Queue, Views};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    clock::now_ms,
    console::Console,
    error::{ApiError, ErrorBody},
    extract::Params,
    number::Long,
    stream::{Feed, Gone, event},
};

/// Most events of one answer.
const EVENTS_MAX: usize = 2_000;

/// Which events are wanted.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// The number of the first event; missing: the oldest, or of a stream the next one.
    since: Option<Long>,
    /// Only these kinds, as in `topic.created,group`: a kind or what it begins with.
    #[serde(default)]
    kinds: String,
    topic: Option<String>,
    group: Option<String>,
    /// Only those of this transactional id.
    #[serde(rename = "transactionalId")]
    transactional_id: Option<String>,
    /// At most 2,000.
    limit: Option<usize>,
    /// `asc` (without it) or `desc`, which gives the newest and knows no `since`.
    #[serde(default)]
    order: String,
}

/// Events.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventList {
    events: Vec<Event>,
    /// The number to go on from.
    next: Long,
    /// From this number on, no event is missing.
    oldest: Long,
    /// Whether events from `since` on are gone already.
    lost: bool,
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Event {
    /// Its number.
    seq: Long,
    time_ms: Long,
    /// What, as in `topic.created`.
    kind: String,
    topic: Option<String>,
    partition: Option<i32>,
    group_id: Option<String>,
    member_id: Option<String>,
    client_id: Option<String>,
    /// Where it came from.
    remote: Option<String>,
    transactional_id: Option<String>,
    /// What else there is to say, by name.
    detail: BTreeMap<String, String>,
    /// It as a sentence.
    text: String,
}

impl From<&Entry> for Event {
    fn from(entry: &Entry) -> Self {
        let detail = entry.detail.iter();
        Self {
            seq: entry.seq.into(),
            time_ms: entry.time_ms.into(),
            kind: entry.kind.to_owned(),
            topic: entry.topic.clone(),
            partition: entry.partition,
            group_id: entry.group_id.clone(),
            member_id: entry.member_id.clone(),
            client_id: entry.client_id.clone(),
            remote: entry.remote.map(|it| it.to_string()),
            transactional_id: entry.transactional_id.clone(),
            detail: detail.map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            text: sentence(entry),
        }
    }
}

/// What an entry says of itself under a name.
pub(crate) fn said<'a>(entry: &'a Entry, name: &str) -> Option<&'a str> {
    entry.detail.iter().find(|(it, _)| *it == name).map(|(_, value)| value.as_str())
}

/// An event for people.
pub(crate) fn sentence(entry: &Entry) -> String {
    let of = |name| said(entry, name).unwrap_or("?");
    let topic = entry.topic.as_deref().unwrap_or("?");
    let at = match entry.partition {
        Some(partition) => format!("{topic}-{partition}"),
        None => topic.to_owned(),
    };
    let group = entry.group_id.as_deref().unwrap_or("?");
    let client = match (entry.client_id.as_deref(), entry.remote) {
        (Some(id), Some(remote)) => format!("{id} ({remote})"),
        (Some(id), None) => id.to_owned(),
        (None, Some(remote)) => remote.to_string(),
        (None, None) => "a client".to_owned(),
    };
    match entry.kind {
        "connection.opened" => format!("{client} connected to {}", of("listener")),
        "connection.closed" => format!("{client} disconnected after {} ms", of("ms")),
        "connection.failed" => format!("the connection of {client} ended: {}", of("reason")),
        "connection.refused" => format!("{client} was refused: {} are open", of("reason")),
        "client.identified" => format!("{client} is {} {}", of("software"), of("version")),
        "metadata.answered" => format!("{client} was told to connect to {}", of("broker")),
        "topic.created" => {
            format!("topic {topic} was created with {} partitions", of("partitions"))
        }
        "topic.deleted" => format!("topic {topic} was deleted"),
        "topic.partitions" => format!("topic {topic} has {} partitions now", of("partitions")),
        "topic.config" => format!("the configuration of topic {topic} was read anew"),
        "produce" => format!("{} records were appended to {at}", of("records")),
        "segment.rolled" => format!("{at} began a new segment"),
        "segment.deleted" => {
            format!("{at} lost its segment at {}: {}", of("baseOffset"), cause_text(of("cause")))
        }
        "records.purged" => {
            format!("{client} deleted the records of {at} before {}", of("toOffset"))
        }
        "leader.changed" => format!("{at} is led in epoch {} now", of("leaderEpoch")),
        "logdir.failed" => format!(
            "the directory {} failed, and with it {} partitions: {}",
            of("path"),
            of("partitions"),
            of("reason")
        ),
        "compaction.finished" => format!(
            "{at} was compacted: {} of {} records and {} of {} bytes stayed",
            of("recordsAfter"),
            of("recordsBefore"),
            of("bytesAfter"),
            of("bytesBefore")
        ),
        "config.changed" => {
            format!(
                "{client} changed configs of {} {}: {}",
                of("resource"),
                of("name"),
                of("values")
            )
        }
        "group.committed" => {
            format!("{group} committed offsets of {} partitions", of("partitions"))
        }
        "group.assigned" => format!("{group} gave partitions to {} members", of("members")),
        "group.renamed" => format!("{client} came back to {group} as another process"),
        "group.joined" => format!("{client} joined {group}"),
        "group.left" => format!("{client} left {group}: {}", cause_text(of("cause"))),
        "group.state" => match said(entry, "cause") {
            Some(cause) => format!("{group} is {} now: {}", of("to"), cause_text(cause)),
            None => format!("{group} is {} now", of("to")),
        },
        kind if kind.starts_with("transaction.") => transaction_sentence(entry, &at),
        other => other.to_owned(),
    }
}

/// An event of a transaction for people.
fn transaction_sentence(entry: &Entry, at: &str) -> String {
    let of = |name| said(entry, name).unwrap_or("?");
    let id = entry.transactional_id.as_deref().unwrap_or("?");
    let ends = if of("result") == "commit" { "commit" } else { "abort" };
    let why = said(entry, "cause").map(|cause| format!(": {}", cause_text(cause)));
    let why = why.unwrap_or_default();
    match entry.kind {
        "transaction.initialized" => {
            let (producer, epoch) = (of("producerId"), of("producerEpoch"));
            format!("{id} belongs to producer {producer} in epoch {epoch} now")
        }
        "transaction.begun" => format!("{id} began a transaction with {}", of("partitions")),
        "transaction.partitions" => format!("{id} added {}", of("partitions")),
        "transaction.prepared" => format!("{id} is to {ends} after {} ms{why}", of("ms")),
        "transaction.markers" if of("failed") != "0" => {
            format!("{} markers of {id} were written, {} were not", of("markers"), of("failed"))
        }
        "transaction.markers" => format!("{} markers of {id} were written", of("markers")),
        "transaction.completed" => format!("{id} has ended with {ends} after {} ms", of("ms")),
        "transaction.abort" => {
            let client = entry.client_id.as_deref().unwrap_or("?");
            format!("somebody at {client} had the transaction of {id} aborted")
        }
        "transaction.forgotten" => format!("{id} was forgotten: nobody had used it for long"),
        "transaction.marker" => {
            format!("producer {} was made to {ends} in {at}{why}", of("producerId"))
        }
        other => other.to_owned(),
    }
}

/// A cause for people.
fn cause_text(cause: &str) -> &str {
    match cause {
        "memberJoined" => "a member joined",
        "memberLeft" => "a member left",
        "pollInterval" => "a member did not ask for records in time (max.poll.interval.ms)",
        "sessionTimeout" => "a member was not heard of (session.timeout.ms)",
        "syncTimeout" => "a member did not ask for its partitions in time",
        "subscriptionChanged" => "a member reads other topics",
        "leaderRejoined" => "the leader joined again, as when partitions were added",
        "staticMemberReplaced" => "a static member came back as another process",
        "loaded" => "the coordinator was started",
        "client" => "its producer said so",
        "timeout" => "it took longer than its timeout",
        "fenced" => "another producer took over the transactional id",
        "operator" => "an administrator aborted it",
        "retention.ms" => "its newest record is older than retention.ms",
        "retention.bytes" => "the log was larger than retention.bytes",
        "logStartOffset" => "all its records are before the start of the log",
        other => other,
    }
}

impl EventsQuery {
    fn wants(&self, entry: &Entry) -> bool {
        let is_of_kind = |kind: &str| {
            let rest = entry.kind.strip_prefix(kind);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        (self.kinds.is_empty() || self.kinds.split(',').any(is_of_kind))
            && self.topic.as_ref().is_none_or(|topic| entry.topic.as_ref() == Some(topic))
            && self.group.as_ref().is_none_or(|group| entry.group_id.as_ref() == Some(group))
            && self
                .transactional_id
                .as_ref()
                .is_none_or(|id| entry.transactional_id.as_ref() == Some(id))
    }

    /// From which number on no event of the wanted kinds is missing.
    fn oldest(&self, complete: &Complete) -> u64 {
        if self.kinds.is_empty() {
            return complete.of_all().seq;
        }
        let kinds = self.kinds.split(',');
        kinds.map(|kind| complete.of(Queue::of(kind)).seq).max().unwrap_or(0)
    }

    fn since(&self) -> Option<u64> {
        self.since.and_then(Long::get).and_then(|since| u64::try_from(since).ok())
    }
}

/// What happened, in order, as far back as the journal goes.
#[utoipa::path(get, path = "/events", tag = "events", params(EventsQuery),
    responses((status = 200, body = EventList), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list(
    State(console): State<Console>,
    Params(query): Params<EventsQuery>,
) -> Result<Json<EventList>, ApiError> {
    let limit = query.limit.unwrap_or(500).clamp(1, EVENTS_MAX);
    let views = console.own()?;
    let since = query.since().unwrap_or(0);
    if query.order == "desc" {
        let bounds = views.events(u64::MAX, 0, |_| false);
        let last = views.last_events(limit, |entry| query.wants(entry));
        let events = last.iter().map(|entry| Event::from(entry.as_ref())).collect();
        let next = *views.news().borrow();
        return Ok(Json(EventList {
            events,
            next: next.into(),
            oldest: query.oldest(&bounds.complete).into(),
            lost: false,
        }));
    }
    let found = views.events(since, limit, |entry| query.wants(entry));
    let oldest = query.oldest(&found.complete);
    Ok(Json(EventList {
        events: found.events.iter().map(|entry| Event::from(entry.as_ref())).collect(),
        next: found.next.into(),
        oldest: oldest.into(),
        lost: query.since.is_some() && since < oldest,
    }))
}

/// Events that are gone.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LostEvents {
    from: Long,
    /// Exclusive.
    to: Long,
}

/// The events of the stream, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventStream {
    event: Event,
    lost: LostEvents,
}

/// What happens, as it happens; events `event` (with its number as id) and `lost`.
#[utoipa::path(get, path = "/events/stream", tag = "events", params(EventsQuery),
    responses((status = 200, body = EventStream, content_type = "text/event-stream"),
        (status = "4XX", body = ErrorBody)))]
pub(crate) async fn stream(
    State(console): State<Console>,
    Params(query): Params<EventsQuery>,
) -> Result<Response, ApiError> {
    let views = console.own()?.clone();
    let since = query.since().unwrap_or_else(|| *views.news().borrow());
    console.streams().events(|feed| async move {
        drop(run(&feed, views, query, since).await);
    })
}

async fn run(
    feed: &Feed<sse::Event>,
    views: Views,
    query: EventsQuery,
    mut next: u64,
) -> Result<(), Gone> {
    let mut news = views.news();
    loop {
        let found = views.events(next, 200, |entry| query.wants(entry));
        let oldest = query.oldest(&found.complete);
        if next < oldest {
            let lost = LostEvents { from: next.into(), to: oldest.into() };
            feed.tell("lost", &lost).await?;
        }
        next = found.next;
        for entry in &found.events {
            let entry: &Arc<Entry> = entry;
            let told = event("event", &Event::from(entry.as_ref()));
            feed.put(told.id(entry.seq.to_string())).await?;
        }
        if next < *news.borrow_and_update() {
            continue;
        }
        tokio::select! {
            changed = news.changed() => if changed.is_err() { return Ok(()) },
            () = feed.closed() => return Err(Gone),
        }
    }
}

/// Parts that the last hour is shown in.
const BUCKETS: i64 = 120;

/// Ms of a part.
const BUCKET_MS: i64 = 30_000;

/// How much happened when, in the last hour.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Timeline {
    /// Before it, no event is known.
    oldest_ms: Long,
    known_since: KnownSince,
    now_ms: Long,
    marks: Vec<Mark>,
}

/// Since when it is known how things stood, in ms: how far `at` may go back.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KnownSince {
    groups: Long,
    cursors: Long,
    transactions: Long,
    connections: Long,
}

/// How often something happened in half a minute.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mark {
    /// When the half minute begins.
    time_ms: Long,
    kind: String,
    count: i32,
}

/// How much happened when, in the last hour: for a bar of time.
#[utoipa::path(get, path = "/timeline", tag = "events",
    responses((status = 200, body = Timeline), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn timeline(State(console): State<Console>) -> Result<Json<Timeline>, ApiError> {
    let now = now_ms();
    let since = (now / BUCKET_MS - BUCKETS + 1).saturating_mul(BUCKET_MS);
    let views = console.own()?;
    let events = views.last_events(usize::MAX, |entry| entry.time_ms >= since);
    let mut counts: BTreeMap<(i64, &'static str), i32> = BTreeMap::new();
    for entry in &events {
        let bucket = entry.time_ms / BUCKET_MS * BUCKET_MS;
        let count = counts.entry((bucket, entry.kind)).or_default();
        *count = count.saturating_add(1);
    }
    let oldest = views.events(0, 1, |_| true).events.first().map_or(now, |it| it.time_ms);
    let mark = |((time, kind), count): ((i64, &str), i32)| Mark {
        time_ms: time.into(),
        kind: kind.to_owned(),
        count,
    };
    Ok(Json(Timeline {
        oldest_ms: oldest.into(),
        known_since: KnownSince {
            groups: views.known_since(Asked::Groups).into(),
            cursors: views.known_since(Asked::Cursors).into(),
            transactions: views.known_since(Asked::Transactions).into(),
            connections: views.known_since(Asked::Connections).into(),
        },
        now_ms: now.into(),
        marks: counts.into_iter().map(mark).collect(),
    }))
}
