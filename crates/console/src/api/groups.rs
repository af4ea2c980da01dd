//! Groups: listed with their lag, described, deleted.
//!
//! Kafka: `ListGroups`, `DescribeGroups`, `OffsetFetch`, `DeleteGroups`, `OffsetDelete`.

use std::{cmp::Ordering, collections::BTreeMap};

use axum::{Json, extract::State, http::StatusCode};
use ottla_broker::views::{
    Asked, CommittedView, CursorsView, GroupLook, GroupSummary, LookError, Moment, Views,
};
use ottla_client::Offset;
use ottla_wire::{Message as _, Reader, messages::ConsumerProtocolAssignment};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::log::look;
use crate::{
    clock::now_ms,
    console::Console,
    error::{ApiError, ErrorBody},
    extract::{Body, Named, Params},
    lag::{self, TimeLag},
    number::{Long, int},
    page::{Page, Paging},
    past::AtQuery,
};

/// Topics of a group that a list names.
const TOPICS_SHOWN: usize = 10;

/// Partitions whose lag is told in time, too: each costs a look at a batch.
const TIMED_MAX: usize = 64;

/// Which groups are listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct GroupsQuery {
    /// Only in these states, as in `Stable,Empty`.
    #[serde(default)]
    state: String,
    /// Only those that have committed offsets of this topic.
    topic: Option<String>,
}

/// A group in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupRow {
    pub(crate) group_id: String,
    /// `classic`; of other clusters also `consumer` and `share`.
    pub(crate) r#type: String,
    /// `consumer` for consumers; empty where nobody has said.
    pub(crate) protocol_type: String,
    pub(crate) state: String,
    /// `null` where it is not told.
    pub(crate) members: Option<i32>,
    /// The first ten that it has committed offsets of.
    pub(crate) topics: Vec<String>,
    pub(crate) topic_count: i32,
    /// How many partitions it has committed offsets of.
    pub(crate) partitions: i32,
    /// Records between its offsets and the ends; `null` without offsets.
    pub(crate) lag: Option<Long>,
    /// How long ago the first record came that it has not read, in the partition where that is
    /// longest; `null` without offsets, and from outside of the broker.
    pub(crate) lag_ms: Option<Long>,
    /// Whether it may be longer: the record came before the broker was started, or longer than an
    /// hour ago.
    pub(crate) lag_ms_at_least: bool,
    /// `rising`, `falling` or `steady` against five minutes ago; `null` where that is not known.
    pub(crate) trend: Option<String>,
    /// The lag in records over the last hour, or since the group was first seen, oldest first.
    pub(crate) lag_history: Vec<Long>,
}

/// A group that is to be listed, with all its topics, by which lists are filtered.
#[derive(Debug)]
pub(crate) struct GroupEntry {
    /// Without what costs a look of its own: the lag in time, unless it is sorted by, and its
    /// history.
    pub(crate) row: GroupRow,
    pub(crate) topics: Vec<String>,
}

impl From<GroupSummary> for GroupEntry {
    fn from(group: GroupSummary) -> Self {
        let row = GroupRow {
            group_id: group.group_id,
            r#type: "classic".to_owned(),
            protocol_type: group.protocol_type,
            state: group.state.name().to_owned(),
            members: Some(int(group.members)),
            topics: Vec::new(),
            topic_count: int(group.topics.len()),
            partitions: int(group.partitions),
            lag: group.lag.map(Long::from),
            lag_ms: None,
            lag_ms_at_least: false,
            trend: None,
            lag_history: Vec::new(),
        };
        Self { row, topics: group.topics }
    }
}

impl From<GroupEntry> for GroupRow {
    fn from(mut entry: GroupEntry) -> Self {
        entry.topics.truncate(TOPICS_SHOWN);
        Self { topics: entry.topics, ..entry.row }
    }
}

impl GroupRow {
    /// Fills in the lag in time and its history, which the broker's journal has.
    fn complete(self, views: &Views, moment: Option<Moment>, timed: &mut usize) -> Self {
        let committed = committed_of(views, &self.group_id, moment);
        let now = moment.map_or_else(now_ms, |moment| moment.time_ms);
        let time_lag = lag::of_group(views, &committed, moment, |it| {
            record_age(views, (&it.topic, it.partition), it.committed_offset, now, timed)
        });
        let picture = lag::picture(views, &self.group_id, &committed, moment);
        let before = picture.before.map(Long::from);
        let trend = self.lag.zip(before).map(|(now, before)| match now.cmp(&before) {
            Ordering::Greater => "rising".to_owned(),
            Ordering::Less => "falling".to_owned(),
            Ordering::Equal => "steady".to_owned(),
        });
        Self {
            lag_ms: time_lag.map(|lag| lag.ms().into()),
            lag_ms_at_least: matches!(time_lag, Some(TimeLag::AtLeast(_))),
            trend,
            lag_history: picture.points.into_iter().map(Long::from).collect(),
            ..self
        }
    }
}

/// Every group of the broker, now or at a moment, with its lag in time if it is sorted by that.
pub(crate) fn own_entries(
    views: &Views,
    moment: Option<Moment>,
    is_by_time: bool,
) -> Vec<GroupEntry> {
    let groups = match moment {
        Some(moment) => views.groups_at(moment),
        None => views.groups(),
    };
    let mut entries: Vec<GroupEntry> = groups.into_iter().map(GroupEntry::from).collect();
    if is_by_time {
        for entry in &mut entries {
            let committed = committed_of(views, &entry.row.group_id, moment);
            let lag = lag::of_group(views, &committed, moment, |_| None);
            entry.row.lag_ms = lag.map(|lag| lag.ms().into());
        }
    }
    entries
}

/// How far a group has read a partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupPosition {
    pub(crate) group_id: String,
    /// The next offset to read.
    pub(crate) committed_offset: Long,
}

impl GroupPosition {
    pub(crate) fn new(group_id: String, committed_offset: Offset) -> Self {
        Self { group_id, committed_offset: committed_offset.into() }
    }
}

fn committed_of(views: &Views, group_id: &str, moment: Option<Moment>) -> Vec<CommittedView> {
    let found = match moment {
        Some(moment) => views.group_at(group_id, moment),
        None => views.group(group_id),
    };
    found.map(|(_, committed)| committed).unwrap_or_default()
}

/// How old the record at an offset is by its own timestamp, or the first one after it. Each costs a
/// look at a batch, so that there are only so many in one answer.
fn record_age(
    views: &Views,
    (topic, partition): (&str, i32),
    offset: Offset,
    now: i64,
    timed: &mut usize,
) -> Option<i64> {
    if *timed >= TIMED_MAX {
        return None;
    }
    *timed += 1;
    let next = views.batch(topic, partition, offset);
    let time = next.ok().flatten().map(|batch| batch.header.base_timestamp);
    time.filter(|time| *time >= 0).map(|time| now.saturating_sub(time).max(0))
}

/// Groups, a page of them.
#[utoipa::path(get, path = "/groups", tag = "groups", params(Paging, GroupsQuery, AtQuery),
    responses((status = 200, body = Page<GroupRow>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list(
    State(console): State<Console>,
    Params(paging): Params<Paging>,
    Params(query): Params<GroupsQuery>,
    Params(at): Params<AtQuery>,
) -> Result<Json<Page<GroupRow>>, ApiError> {
    let moment = at.moment_in(&console, Asked::Groups)?;
    let mut groups = console.groups(moment, paging.is_sorted_by("lagMs")).await?;
    groups.retain(|it| query.wants(it) && paging.matches(&it.row.group_id));
    groups.sort_by(|a, b| a.row.group_id.cmp(&b.row.group_id));
    let page = paging.cut(groups, |field, a, b| compare(field, &a.row, &b.row))?;
    let page = page.map(GroupRow::from);
    let Ok(views) = console.own() else { return Ok(Json(page)) };
    let rows = look(views, move |views| {
        let mut timed = 0;
        Ok::<_, LookError>(page.map(|row| row.complete(views, moment, &mut timed)))
    });
    Ok(Json(rows.await?))
}

impl GroupsQuery {
    fn wants(&self, group: &GroupEntry) -> bool {
        let mut states = self.state.split(',').filter(|it| !it.is_empty()).peekable();
        (states.peek().is_none() || states.any(|state| state == group.row.state))
            && self.topic.as_ref().is_none_or(|topic| group.topics.contains(topic))
    }
}

fn compare(field: &str, a: &GroupRow, b: &GroupRow) -> Option<Ordering> {
    Some(match field {
        "lagMs" => a.lag_ms.cmp(&b.lag_ms),
        "groupId" => a.group_id.cmp(&b.group_id),
        "state" => a.state.cmp(&b.state),
        "members" => a.members.cmp(&b.members),
        "lag" => a.lag.cmp(&b.lag),
        "topics" => a.topic_count.cmp(&b.topic_count),
        "partitions" => a.partitions.cmp(&b.partitions),
        _ => return None,
    })
}

/// A group.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupDetail {
    pub(crate) group_id: String,
    /// `classic`; of other clusters also `consumer` and `share`.
    pub(crate) r#type: String,
    pub(crate) protocol_type: String,
    /// The assignor in use.
    pub(crate) protocol: Option<String>,
    pub(crate) state: String,
    /// How often its members were given partitions; `null` from outside of the broker.
    pub(crate) generation_id: Option<i32>,
    /// The broker that coordinates it.
    pub(crate) coordinator: i32,
    pub(crate) state_since_ms: Option<Long>,
    pub(crate) members: Vec<Member>,
    /// Why nobody is among the members, where that says nothing.
    pub(crate) members_not_told: Option<String>,
    pub(crate) offsets: Vec<GroupOffset>,
    pub(crate) lag: Option<Long>,
    pub(crate) now_ms: Long,
}

/// A member of a group.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Member {
    pub(crate) member_id: String,
    pub(crate) group_instance_id: Option<String>,
    pub(crate) client_id: String,
    pub(crate) client_host: String,
    /// `null` from outside of the broker.
    pub(crate) is_leader: Option<bool>,
    /// What it was told to read, where the protocol is the consumers'.
    pub(crate) assignment: Vec<AssignedTopic>,
}

/// Partitions of a topic that a member reads.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AssignedTopic {
    pub(crate) topic: String,
    pub(crate) partitions: Vec<i32>,
}

/// How far a group has read a partition.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupOffset {
    pub(crate) topic: String,
    pub(crate) partition: i32,
    /// The next offset to read; `null` where none was committed.
    pub(crate) committed_offset: Option<Long>,
    pub(crate) metadata: Option<String>,
    pub(crate) commit_ms: Option<Long>,
    /// `null` where the partition is gone or offline, as the next ones.
    pub(crate) log_start_offset: Option<Long>,
    pub(crate) high_watermark: Option<Long>,
    pub(crate) log_end_offset: Option<Long>,
    pub(crate) lag: Option<Long>,
    /// How long ago the next record came that it has not read, or its age by its own timestamp
    /// where nobody saw it come; 0 without lag.
    pub(crate) lag_ms: Option<Long>,
    /// Who reads it.
    pub(crate) member_id: Option<String>,
}

/// A group.
#[utoipa::path(get, path = "/groups/{group}", tag = "groups",
    params(("group" = String, Path), AtQuery),
    responses((status = 200, body = GroupDetail), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn show(
    State(console): State<Console>,
    Named(group): Named<String>,
    Params(at): Params<AtQuery>,
) -> Result<Json<GroupDetail>, ApiError> {
    let moment = at.moment_in(&console, Asked::Groups)?;
    console.group_at(&group, moment).await.map(Json)
}

/// What to answer where there is no such group.
pub(crate) fn unknown_group(group: &str) -> ApiError {
    let message = format!("there is no group {group}");
    ApiError::new(StatusCode::NOT_FOUND, "GROUP_ID_NOT_FOUND", message)
}

pub(crate) fn detail(
    views: &Views,
    group: &GroupLook,
    committed: Vec<CommittedView>,
    moment: Option<Moment>,
) -> GroupDetail {
    let mut offsets: BTreeMap<(String, i32), GroupOffset> = BTreeMap::new();
    for it in committed {
        let key = (it.topic.clone(), it.partition);
        let mut offset = GroupOffset::blank(it.topic, it.partition);
        offset.committed_offset = Some(it.committed_offset.into());
        offset.metadata = it.metadata;
        offset.commit_ms = Some(it.commit_ms.into());
        offsets.insert(key, offset);
    }
    let mut members = Vec::new();
    for member in &group.members {
        let assignment = assignment_of(&member.assignment);
        for (topic, partitions) in &assignment {
            for partition in partitions {
                let offset = offsets.entry((topic.clone(), *partition));
                let offset =
                    offset.or_insert_with(|| GroupOffset::blank(topic.clone(), *partition));
                offset.member_id = Some(member.member_id.to_string());
            }
        }
        members.push(Member {
            member_id: member.member_id.to_string(),
            group_instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
            client_id: member.client_id.to_string(),
            client_host: member.client_host.trim_start_matches('/').to_owned(),
            is_leader: Some(member.is_leader),
            assignment: assignment
                .into_iter()
                .map(|(topic, partitions)| AssignedTopic { topic, partitions })
                .collect(),
        });
    }
    let now = moment.map_or_else(now_ms, |moment| moment.time_ms);
    let mut timed = 0;
    let mut lag = None;
    for offset in offsets.values_mut() {
        let cursors = match moment {
            Some(moment) => views.cursors_at(&offset.topic, offset.partition, moment),
            None => views.cursors(&offset.topic, offset.partition),
        };
        if let Some(cursors) = cursors {
            let own = offset.measure(views, &cursors, now, &mut timed);
            lag = own.map_or(lag, |own| Some(lag.unwrap_or(0_u64).saturating_add(own)));
        }
    }
    GroupDetail {
        group_id: group.group_id.to_string(),
        r#type: "classic".to_owned(),
        protocol_type: group.protocol_type.as_ref().map(ToString::to_string).unwrap_or_default(),
        protocol: group.protocol_name.as_ref().map(ToString::to_string),
        state: group.state.name().to_owned(),
        generation_id: Some(group.generation_id),
        coordinator: views.broker_id().get(),
        state_since_ms: group.since_ms.map(Long::from),
        members,
        members_not_told: None,
        offsets: offsets.into_values().collect(),
        lag: lag.map(Long::from),
        now_ms: now.into(),
    }
}

impl GroupOffset {
    pub(crate) fn blank(topic: String, partition: i32) -> Self {
        Self {
            topic,
            partition,
            committed_offset: None,
            metadata: None,
            commit_ms: None,
            log_start_offset: None,
            high_watermark: None,
            log_end_offset: None,
            lag: None,
            lag_ms: None,
            member_id: None,
        }
    }

    /// Fills in how far it is behind; gives the records.
    fn measure(
        &mut self,
        views: &Views,
        cursors: &CursorsView,
        now: i64,
        timed: &mut usize,
    ) -> Option<u64> {
        self.log_start_offset = Some(cursors.log_start_offset.into());
        self.high_watermark = Some(cursors.high_watermark.into());
        self.log_end_offset = Some(cursors.log_end_offset.into());
        let committed = self.committed_offset.and_then(Long::get)?;
        let lag =
            u64::try_from(cursors.high_watermark.get().saturating_sub(committed)).unwrap_or(0);
        self.lag = Some(lag.into());
        let place = (self.topic.as_str(), self.partition);
        self.lag_ms = if lag == 0 {
            Some(0_u64.into())
        } else {
            let arrival = views.arrival(place.0, place.1, committed);
            let age = match lag::time_lag(arrival, now, views.started_ms()) {
                TimeLag::Known(ms) => Some(ms),
                TimeLag::AtLeast(_) => record_age(views, place, committed.into(), now, timed),
            };
            age.map(Long::from)
        };
        Some(lag)
    }
}

/// The consumers' assignment: a version, then the partitions. Empty where it cannot be read.
pub(crate) fn assignment_of(bytes: &bytes::Bytes) -> Vec<(String, Vec<i32>)> {
    let mut reader = Reader::new(bytes.clone());
    let Ok(version) = reader.get_i16() else { return Vec::new() };
    let newest = *ConsumerProtocolAssignment::VERSIONS.end();
    let decoded = ConsumerProtocolAssignment::decode(&mut reader, version.clamp(0, newest));
    let Ok(assignment) = decoded else { return Vec::new() };
    let topics = assignment.assigned_partitions.into_iter();
    topics.map(|topic| (topic.topic.to_string(), topic.partitions)).collect()
}

/// Deletes a group that has no members, with its offsets.
#[utoipa::path(delete, path = "/groups/{group}", tag = "groups", params(("group" = String, Path)),
    responses((status = 204), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn delete(
    State(console): State<Console>,
    Named(group): Named<String>,
) -> Result<StatusCode, ApiError> {
    console.group(&group).await?;
    let deleted = console.admin().await?.delete_groups(std::slice::from_ref(&group)).await?;
    for (_, result) in deleted {
        result?;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Which offsets are forgotten.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OffsetsDeletion {
    topic: String,
    /// `null`: of all partitions.
    partitions: Option<Vec<i32>>,
}

/// Forgets offsets of a topic that the group does not read now.
#[utoipa::path(delete, path = "/groups/{group}/offsets", tag = "groups",
    params(("group" = String, Path)), request_body = OffsetsDeletion,
    responses((status = 204), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn delete_offsets(
    State(console): State<Console>,
    Named(group): Named<String>,
    Body(body): Body<OffsetsDeletion>,
) -> Result<StatusCode, ApiError> {
    let offsets = console.group(&group).await?.offsets;
    let is_meant = |it: &&GroupOffset| {
        let some = body.partitions.as_ref();
        it.committed_offset.is_some()
            && it.topic == body.topic
            && some.is_none_or(|some| some.contains(&it.partition))
    };
    let meant: Vec<(String, i32)> =
        offsets.iter().filter(is_meant).map(|it| (it.topic.clone(), it.partition)).collect();
    for (_, _, result) in console.admin().await?.delete_group_offsets(&group, &meant).await? {
        result?;
    }
    Ok(StatusCode::NO_CONTENT)
}
