//! The cursors of a topic as they move.
//!
//! Kafka: none.

use std::collections::BTreeMap;

use axum::{Json, extract::State, response::Response, response::sse::Event};
use ottla_broker::views::Asked;
use ottla_client::Offset;
use serde::{Deserialize, Serialize};
use tokio::time::{MissedTickBehavior, interval};
use utoipa::ToSchema;

use super::{groups::GroupPosition, topics::Cursors};
use crate::{
    clock::now_ms,
    console::Console,
    error::{ApiError, ErrorBody},
    extract::{Named, Params},
    number::Long,
    past::AtQuery,
    scan::position::parse_partitions,
    stream::{Feed, Gone},
};

/// Most groups whose positions are shown.
const GROUPS_MAX: usize = 50;

/// Which partitions are watched.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct LiveQuery {
    /// As in `0,2-4`; all of them where it is missing.
    #[serde(default)]
    partitions: String,
}

/// Cursors that have moved; the first time, all of them.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LiveCursors {
    now_ms: Long,
    partitions: Vec<LivePartition>,
}

/// A partition whose cursors have moved.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LivePartition {
    partition: i32,
    #[serde(flatten)]
    cursors: Cursors,
    /// Of the groups that read it, at most 50.
    positions: Vec<GroupPosition>,
    /// Since the last event.
    appended_records: Long,
    /// Since the last event.
    appended_bytes: Long,
}

/// The events of a live topic, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveEvents {
    cursors: LiveCursors,
    failed: crate::error::ErrorDetail,
}

/// The cursors of a topic as they move; events `cursors` and, when the topic is gone, `failed`.
#[utoipa::path(get, path = "/topics/{topic}/live", tag = "log",
    params(("topic" = String, Path), LiveQuery),
    responses((status = 200, body = LiveEvents, content_type = "text/event-stream"),
        (status = "4XX", body = ErrorBody)))]
pub(crate) async fn live(
    State(console): State<Console>,
    Named(name): Named<String>,
    Params(query): Params<LiveQuery>,
) -> Result<Response, ApiError> {
    if console.live(&name, 0).await?.is_none() {
        return Err(ApiError::unknown_topic(&name));
    }
    let partitions = parse_partitions(&query.partitions).map_err(ApiError::bad_request)?;
    let live = Live { console: console.clone(), name, partitions, told: BTreeMap::new() };
    console.streams().events(|feed| async move {
        drop(live.run(&feed).await);
    })
}

/// The cursors of a topic and the positions of the groups that read it, now or at a moment.
#[utoipa::path(get, path = "/topics/{topic}/cursors", tag = "log",
    params(("topic" = String, Path), LiveQuery, AtQuery),
    responses((status = 200, body = LiveCursors), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn cursors(
    State(console): State<Console>,
    Named(name): Named<String>,
    Params(query): Params<LiveQuery>,
    Params(at): Params<AtQuery>,
) -> Result<Json<LiveCursors>, ApiError> {
    let wanted = parse_partitions(&query.partitions).map_err(ApiError::bad_request)?;
    let now = now_ms();
    let moment = at.moment_in(&console, Asked::Cursors)?;
    let mut live = Live {
        console: console.clone(),
        name: name.clone(),
        partitions: wanted,
        told: BTreeMap::new(),
    };
    let mut partitions = live.moved().await?;
    if let Some(moment) = moment {
        let views = console.own()?;
        let mut positions = by_partition(views.positions_at(&name, GROUPS_MAX, moment));
        for view in &mut partitions {
            if let Some(then) = views.cursors_at(&name, view.partition, moment) {
                view.cursors = then.into();
            }
            view.positions = positions.remove(&view.partition).unwrap_or_default();
        }
    }
    let now_ms = moment.map_or(now, |moment| moment.time_ms).into();
    Ok(Json(LiveCursors { now_ms, partitions }))
}

/// The positions of groups, by partition.
pub(crate) fn by_partition(
    groups: Vec<(String, Vec<(i32, Offset)>)>,
) -> BTreeMap<i32, Vec<GroupPosition>> {
    let mut positions: BTreeMap<i32, Vec<GroupPosition>> = BTreeMap::new();
    for (group_id, of_group) in groups {
        for (partition, committed) in of_group {
            let position = GroupPosition::new(group_id.clone(), committed);
            positions.entry(partition).or_default().push(position);
        }
    }
    positions
}

/// What was told of a partition.
type Told = (Cursors, Vec<GroupPosition>);

struct Live {
    console: Console,
    name: String,
    partitions: Vec<i32>,
    told: BTreeMap<i32, Told>,
}

impl Live {
    async fn run(mut self, feed: &Feed<Event>) -> Result<(), Gone> {
        let mut ticks = interval(self.console.look_interval());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = feed.closed() => return Err(Gone),
            }
            let moved = match self.moved().await {
                Ok(moved) => moved,
                Err(error) => return feed.fail(error).await,
            };
            if !moved.is_empty() {
                let now_ms = now_ms().into();
                feed.tell("cursors", &LiveCursors { now_ms, partitions: moved }).await?;
            }
        }
    }

    /// The partitions whose cursors have moved.
    async fn moved(&mut self) -> Result<Vec<LivePartition>, ApiError> {
        let live = self.console.live(&self.name, GROUPS_MAX).await?;
        let (partitions, mut positions) =
            live.ok_or_else(|| ApiError::unknown_topic(&self.name))?;
        let mut moved = Vec::new();
        for row in partitions {
            let number = row.partition;
            let Some(cursors) = row.cursors else { continue };
            if !self.partitions.is_empty() && !self.partitions.contains(&number) {
                continue;
            }
            let now = (cursors, positions.remove(&number).unwrap_or_default());
            if self.told.get(&number) == Some(&now) {
                continue;
            }
            let before =
                self.told.insert(number, now.clone()).map_or(cursors, |(before, _)| before);
            let grown = |now: Option<i64>, before: Option<i64>| {
                now.unwrap_or(0).saturating_sub(before.unwrap_or(0)).max(0)
            };
            let size = |cursors: &Cursors| cursors.size_bytes.and_then(Long::get);
            let end = |cursors: &Cursors| cursors.log_end_offset.get();
            moved.push(LivePartition {
                partition: number,
                cursors,
                positions: now.1,
                appended_records: grown(end(&cursors), end(&before)).into(),
                appended_bytes: grown(size(&cursors), size(&before)).into(),
            });
        }
        Ok(moved)
    }
}
