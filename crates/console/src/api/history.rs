//! What a group did: its lag over time, and its rebalances with their causes.
//!
//! Kafka: none.

use axum::{Json, extract::State};
use ottla_broker::views::Sample;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    events::{said, sentence},
    groups::unknown_group,
};
use crate::{
    clock::now_ms,
    console::Console,
    error::{ApiError, ErrorBody},
    extract::{Named, Params},
    lag::at,
    number::Long,
};

/// What is shown unless more is asked for: an hour.
const SPAN_MS: i64 = 3_600_000;

/// Most entries of a timeline.
const ENTRIES_MAX: usize = 1_000;

/// Which part of the history is wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryQuery {
    /// From this time on, in ms; missing: the last hour.
    since_ms: Option<Long>,
    /// Points of each line, at most 1,000.
    points: Option<u32>,
}

impl HistoryQuery {
    pub(crate) fn since(&self, now: i64) -> i64 {
        let since = self.since_ms.and_then(Long::get);
        since.unwrap_or_else(|| now.saturating_sub(SPAN_MS)).min(now)
    }
}

/// The lag of a group over time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LagHistory {
    series: Vec<LagSeries>,
    /// Of all partitions.
    total: Vec<LagTotal>,
}

/// The lag in one partition over time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LagSeries {
    topic: String,
    partition: i32,
    points: Vec<LagPoint>,
}

/// The lag at a moment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LagPoint {
    time_ms: Long,
    committed_offset: Long,
    end_offset: Long,
    lag: Long,
}

/// The lag of all partitions at a moment.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LagTotal {
    time_ms: Long,
    lag: Long,
}

/// The lag of a group over time, as far back as it was seen to move.
#[utoipa::path(get, path = "/groups/{group}/lag", tag = "groups",
    params(("group" = String, Path), HistoryQuery),
    responses((status = 200, body = LagHistory), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn lag(
    State(console): State<Console>,
    Named(group): Named<String>,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<LagHistory>, ApiError> {
    let views = console.own()?;
    let (_, committed) = views.group(&group).ok_or_else(|| unknown_group(&group))?;
    let now = now_ms();
    let since = query.since(now);
    let count = i64::from(query.points.unwrap_or(300).clamp(2, 1_000));
    let step = (now.saturating_sub(since) / (count - 1)).max(1);
    let times: Vec<i64> = (0..count).map(|place| now - (count - 1 - place) * step).collect();
    let samples = views.group_samples(&group);
    let mut totals: Vec<Option<i64>> = times.iter().map(|_| None).collect();
    let mut series = Vec::new();
    for it in committed {
        let Some(cursors) = views.cursors(&it.topic, it.partition) else { continue };
        let key = (it.topic.clone(), it.partition);
        let own = samples.iter().find(|(other, _)| *other == key);
        // What was committed before anybody watched has stood since then.
        let still = [Sample::new(it.commit_ms, it.committed_offset.get())];
        let own = own.map_or(&still[..], |(_, samples)| samples.as_slice());
        let ends = views.ends(&it.topic, it.partition);
        let end_now = cursors.high_watermark.get();
        let mut points = Vec::new();
        for (time, total) in times.iter().zip(&mut totals) {
            let Some(committed) = at(own, *time) else { continue };
            // An end that never moved while somebody watched is where it is now.
            let first = ends.first().map_or(end_now, |first| first.offset);
            let end = at(&ends, *time).unwrap_or(first);
            let lag = end.saturating_sub(committed).max(0);
            *total = Some(total.unwrap_or(0).saturating_add(lag));
            points.push(LagPoint {
                time_ms: (*time).into(),
                committed_offset: committed.into(),
                end_offset: end.into(),
                lag: lag.into(),
            });
        }
        series.push(LagSeries { topic: it.topic, partition: it.partition, points });
    }
    let total = times
        .iter()
        .zip(totals)
        .filter_map(|(time, lag)| Some(LagTotal { time_ms: (*time).into(), lag: lag?.into() }));
    Ok(Json(LagHistory { series, total: total.collect() }))
}

/// What happened to a group, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GroupTimeline {
    entries: Vec<TimelineEntry>,
}

/// Something that happened to a group.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TimelineEntry {
    seq: Long,
    time_ms: Long,
    /// `group.joined`, `group.left`, `group.state` or `group.committed`.
    kind: String,
    /// `memberJoined`, `memberLeft`, `pollInterval`, `sessionTimeout`, `syncTimeout`,
    /// `subscriptionChanged`, `leaderRejoined`, `staticMemberReplaced` or `loaded`.
    cause: Option<String>,
    member_id: Option<String>,
    client_id: Option<String>,
    generation_id: Option<i32>,
    /// The state that it left.
    from: Option<String>,
    /// The state that it came to.
    to: Option<String>,
    /// How long the rebalance took that ends here.
    duration_ms: Option<Long>,
    text: String,
}

/// What happened to a group, as far back as the journal goes.
#[utoipa::path(get, path = "/groups/{group}/timeline", tag = "groups",
    params(("group" = String, Path), HistoryQuery),
    responses((status = 200, body = GroupTimeline), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn timeline(
    State(console): State<Console>,
    Named(group): Named<String>,
    Params(query): Params<HistoryQuery>,
) -> Result<Json<GroupTimeline>, ApiError> {
    let since = query.since(now_ms());
    let mut events = console.own()?.last_events(ENTRIES_MAX, |entry| {
        entry.group_id.as_ref() == Some(&group) && entry.time_ms >= since
    });
    events.reverse();
    let mut began = None;
    let mut entries = Vec::new();
    for entry in &events {
        let own = |name| said(entry, name).map(str::to_owned);
        let to = own("to");
        let mut duration_ms = None;
        match to.as_deref() {
            Some("PreparingRebalance") => began = began.or(Some(entry.time_ms)),
            Some("Stable" | "Empty") => {
                let began: Option<i64> = began.take();
                duration_ms = began.map(|began| entry.time_ms.saturating_sub(began).into());
            }
            _ => {}
        }
        entries.push(TimelineEntry {
            seq: entry.seq.into(),
            time_ms: entry.time_ms.into(),
            kind: entry.kind.to_owned(),
            cause: own("cause"),
            member_id: entry.member_id.clone(),
            client_id: entry.client_id.clone(),
            generation_id: said(entry, "generationId").and_then(|it| it.parse().ok()),
            from: own("from"),
            to,
            duration_ms,
            text: sentence(entry),
        });
    }
    Ok(Json(GroupTimeline { entries }))
}
