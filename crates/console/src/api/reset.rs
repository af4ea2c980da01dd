//! Resetting the offsets of a group: looked at first, then done, then perhaps undone.
//!
//! Kafka: `kafka-consumer-groups --reset-offsets`.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Json, extract::State};
use ottla_client::{CommittedOffset, Isolation, LeaderEpoch, Offset, OffsetSpec};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::groups::{GroupDetail, GroupOffset};
use crate::{
    clock::now_ms,
    console::Console,
    error::{ApiError, ErrorBody},
    extract::{Body, Named},
    number::{Long, int},
};

/// How long a reset can be undone.
const UNDO_MS: i64 = 24 * 3_600_000;

/// Resets that can be undone.
const UNDOS_MAX: usize = 1_000;

/// A reset.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Reset {
    to: ResetTo,
    /// `null`: every topic that the group has offsets of.
    topics: Option<Vec<ResetTopic>>,
    /// Whether it is only looked at.
    #[serde(default)]
    dry_run: bool,
}

/// Where the offsets go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", tag = "kind", deny_unknown_fields)]
pub(crate) enum ResetTo {
    Beginning,
    End,
    Offset {
        offset: Long,
    },
    /// The first record at or after a time.
    #[serde(rename_all = "camelCase")]
    Time {
        time_ms: Long,
    },
    /// So many records further; less than 0, back.
    Shift {
        by: Long,
    },
    Explicit {
        offsets: Vec<ExplicitOffset>,
    },
}

/// An offset for a partition.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExplicitOffset {
    topic: String,
    partition: i32,
    offset: Long,
}

/// A topic whose offsets are reset.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResetTopic {
    topic: String,
    /// `null`: all of them.
    partitions: Option<Vec<i32>>,
}

/// What a reset changes, or would.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ResetResult {
    applied: bool,
    changes: Vec<OffsetChange>,
    undo: Option<Undo>,
    /// Why it cannot be applied now.
    blocked_by: Option<String>,
}

/// One offset that changes.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OffsetChange {
    topic: String,
    partition: i32,
    /// `null` where none was committed.
    from: Option<Long>,
    to: Long,
    /// `to` minus `from`.
    delta: Long,
    /// Whether what was asked for lies outside of the log.
    clamped: bool,
}

/// How a reset can be undone.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Undo {
    id: String,
    made_ms: Long,
    expires_ms: Long,
    changes: i32,
}

/// The resets of a group that can be undone, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Undos {
    items: Vec<Undo>,
}

/// Which reset is undone.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UndoRequest {
    id: String,
}

/// Offsets as they were before resets.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<VecDeque<KeptReset>>);

#[derive(Debug)]
struct KeptReset {
    group: String,
    undo: Undo,
    made_ms: i64,
    before: BTreeMap<(String, i32), i64>,
}

impl Kept {
    fn keep(&self, group: &str, before: BTreeMap<(String, i32), i64>) -> Undo {
        let now = now_ms();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|it| it.made_ms.saturating_add(UNDO_MS) > now);
        if kept.len() >= UNDOS_MAX {
            kept.pop_front();
        }
        let last = kept.back().and_then(|it| it.undo.id.parse::<i64>().ok()).unwrap_or(0);
        let undo = Undo {
            id: now.max(last.saturating_add(1)).to_string(),
            made_ms: now.into(),
            expires_ms: now.saturating_add(UNDO_MS).into(),
            changes: int(before.len()),
        };
        let (group, made_ms) = (group.to_owned(), now);
        kept.push_back(KeptReset { group, undo: undo.clone(), made_ms, before });
        undo
    }

    fn find(&self, group: &str, id: &str) -> Option<BTreeMap<(String, i32), i64>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|it| it.group == group && it.undo.id == id).map(|it| it.before.clone())
    }

    fn forget(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|it| it.undo.id != id);
    }

    fn of(&self, group: &str) -> Vec<Undo> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = kept.iter().rev().filter(|it| it.group == group);
        own.map(|it| it.undo.clone()).collect()
    }
}

/// Resets offsets of a group, or shows what a reset would do.
#[utoipa::path(post, path = "/groups/{group}/reset", tag = "groups",
    params(("group" = String, Path)), request_body = Reset,
    responses((status = 200, body = ResetResult), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn reset(
    State(console): State<Console>,
    Named(group): Named<String>,
    Body(body): Body<Reset>,
) -> Result<Json<ResetResult>, ApiError> {
    let detail = console.group(&group).await?;
    let committed = committed_of(&detail);
    let targets = targets(&console, &body, &committed).await?;
    let changes = changes(&console, &committed, targets).await?;
    apply(&console, &detail, changes, body.dry_run).await.map(Json)
}

/// The resets of a group that can be undone.
#[utoipa::path(get, path = "/groups/{group}/reset/undo", tag = "groups",
    params(("group" = String, Path)), responses((status = 200, body = Undos)))]
pub(crate) async fn undos(
    State(console): State<Console>,
    Named(group): Named<String>,
) -> Json<Undos> {
    Json(Undos { items: console.kept().of(&group) })
}

/// Sets the offsets back to what they were before a reset.
#[utoipa::path(post, path = "/groups/{group}/reset/undo", tag = "groups",
    params(("group" = String, Path)), request_body = UndoRequest,
    responses((status = 200, body = ResetResult), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn undo(
    State(console): State<Console>,
    Named(group): Named<String>,
    Body(body): Body<UndoRequest>,
) -> Result<Json<ResetResult>, ApiError> {
    let detail = console.group(&group).await?;
    let before = console.kept().find(&group, &body.id);
    let before =
        before.ok_or_else(|| ApiError::not_found("that reset cannot be undone any more"))?;
    let changes = changes(&console, &committed_of(&detail), before).await?;
    let result = apply(&console, &detail, changes, false).await?;
    if result.applied {
        console.kept().forget(&body.id);
    }
    Ok(Json(result))
}

/// Offsets by partition.
type Offsets = BTreeMap<(String, i32), i64>;

/// What the group has committed.
fn committed_of(group: &GroupDetail) -> Offsets {
    let committed = |it: &GroupOffset| {
        let offset = it.committed_offset.and_then(Long::get)?;
        Some(((it.topic.clone(), it.partition), offset))
    };
    group.offsets.iter().filter_map(committed).collect()
}

/// Where each partition is to go, as asked.
async fn targets(
    console: &Console,
    body: &Reset,
    committed: &Offsets,
) -> Result<Offsets, ApiError> {
    let number =
        |it: &Long| it.get().ok_or_else(|| ApiError::bad_request("an offset is too large"));
    if let ResetTo::Explicit { offsets } = &body.to {
        let each = offsets.iter();
        return each
            .map(|it| Ok(((it.topic.clone(), it.partition), number(&it.offset)?)))
            .collect();
    }
    let mut partitions = Vec::new();
    match &body.topics {
        None => partitions.extend(committed.keys().cloned()),
        Some(topics) => {
            for wanted in topics {
                let topic = console.topic(&wanted.topic).await?;
                let is_meant =
                    |it: i32| wanted.partitions.as_ref().is_none_or(|some| some.contains(&it));
                let own = topic.partition_list.iter().map(|it| it.partition);
                partitions
                    .extend(own.filter(|it| is_meant(*it)).map(|it| (wanted.topic.clone(), it)));
            }
        }
    }
    let times = match &body.to {
        ResetTo::Time { time_ms } => at_time(console, &partitions, number(time_ms)?).await?,
        _ => BTreeMap::new(),
    };
    let mut targets = BTreeMap::new();
    for (key, cursors) in console.cursors(partitions).await? {
        let (start, end) = cursors.bounds();
        let now = committed.get(&key).copied();
        let target = match &body.to {
            ResetTo::Beginning => start,
            ResetTo::End => end,
            ResetTo::Offset { offset } => number(offset)?,
            ResetTo::Shift { by } => now.unwrap_or(start).saturating_add(number(by)?),
            ResetTo::Time { .. } => times.get(&key).copied().filter(|it| *it >= 0).unwrap_or(end),
            ResetTo::Explicit { .. } => continue,
        };
        targets.insert(key, target);
    }
    Ok(targets)
}

async fn at_time(
    console: &Console,
    partitions: &[(String, i32)],
    time: i64,
) -> Result<BTreeMap<(String, i32), i64>, ApiError> {
    let asked: Vec<_> = partitions
        .iter()
        .map(|(topic, partition)| {
            (Arc::from(topic.as_str()), *partition, OffsetSpec::Timestamp(time))
        })
        .collect();
    let listed = console.admin().await?.list_offsets(&asked, Isolation::Uncommitted).await?;
    let mut found = BTreeMap::new();
    for (topic, partition, result) in listed {
        found.insert((topic.to_string(), partition), result?.offset.get());
    }
    Ok(found)
}

/// What changes, within the logs. Partitions that are gone are left out.
async fn changes(
    console: &Console,
    committed: &Offsets,
    targets: Offsets,
) -> Result<Vec<OffsetChange>, ApiError> {
    let mut changes = Vec::new();
    for (place, cursors) in console.cursors(targets.keys().cloned().collect::<Vec<_>>()).await? {
        let Some(target) = targets.get(&place).copied() else { continue };
        let (start, end) = cursors.bounds();
        let to = target.clamp(start, end.max(start));
        let from = committed.get(&place).copied();
        let (topic, partition) = place;
        changes.push(OffsetChange {
            topic,
            partition,
            from: from.map(Long::from),
            to: to.into(),
            delta: to.saturating_sub(from.unwrap_or(start)).into(),
            clamped: to != target,
        });
    }
    Ok(changes)
}

async fn apply(
    console: &Console,
    group: &GroupDetail,
    changes: Vec<OffsetChange>,
    is_dry: bool,
) -> Result<ResetResult, ApiError> {
    let blocked_by = match group.state.as_str() {
        "Empty" | "Dead" => None,
        state if group.members_not_told.is_some() => Some(format!(
            "the group is {state}: offsets can be reset once its members have stopped"
        )),
        state => Some(format!(
            "the group is {state} with {} member(s): offsets can be reset once they have stopped",
            group.members.len()
        )),
    };
    let group = group.group_id.as_str();
    if is_dry || blocked_by.is_some() || changes.is_empty() {
        return Ok(ResetResult { applied: false, changes, undo: None, blocked_by });
    }
    let offset = |change: &OffsetChange| {
        let committed = CommittedOffset {
            offset: Offset(change.to.get().unwrap_or(0)),
            leader_epoch: LeaderEpoch(-1),
            metadata: String::new(),
        };
        ((Arc::from(change.topic.as_str()), change.partition), committed)
    };
    let offsets = changes.iter().map(offset).collect();
    console.admin().await?.alter_group_offsets(group, &offsets).await?;
    let before = changes
        .iter()
        .filter_map(|it| Some(((it.topic.clone(), it.partition), it.from.and_then(Long::get)?)));
    let undo = console.kept().keep(group, before.collect());
    Ok(ResetResult { applied: true, changes, undo: Some(undo), blocked_by: None })
}
