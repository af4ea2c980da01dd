//! Groups: listed with their lag, described, deleted.
//!
//! Kafka: `ListGroups`, `DescribeGroups`, `OffsetFetch`, `DeleteGroups`, `OffsetDelete`.

use std::{cmp::Ordering, collections::BTreeMap};

use axum::{Json, extract::State, http::StatusCode};
use ottla_broker::views::{
    Asked, CommittedView, CursorsView, GroupLook, GroupSummary, LookError, Moment, Views,
};
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
    group_id: String,
    /// `classic`.
    r#type: String,
    /// `consumer` for consumers; empty where nobody has said.
    protocol_type: String,
    state: String,
    members: i32,
    /// The first ten that it has committed offsets of.
    topics: Vec<String>,
    topic_count: i32,
    /// How many partitions it has committed offsets of.
    partitions: i32,
    /// Records between its offsets and the ends; `null` without offsets.
    lag: Option<Long>,
    /// How long ago the first record came that it has not read, in the partition where that is longest;
    /// `null` without offsets.
    lag_ms: Option<Long>,
    /// Whether it may be longer: the record came before the broker was started, or longer than an hour ago.
    lag_ms_at_least: bool,
    /// `rising`, `falling` or `steady` against five minutes ago; `null` where that is not known.
    trend: Option<String>,
    /// The lag in records over the last hour, or since the group was first seen, oldest first.
    lag_history: Vec<Long>,
}

/// A group that is to be listed.
struct Listed {
    summary: GroupSummary,
    /// Only where it is sorted by.
    lag_ms: Option<i64>,
}

impl GroupRow {
    fn new(
        views: &Views,
        mut group: GroupSummary,
        moment: Option<Moment>,
        timed: &mut usize,
    ) -> Self {
        let committed = committed_of(views, &group.group_id, moment);
        let now = moment.map_or_else(now_ms, |moment| moment.time_ms);
        let time_lag = lag::of_group(views, &committed, moment, |it| {
            record_age(views, (&it.topic, it.partition), it.committed_offset, now, timed)
        });
        let picture = lag::picture(views, &group.group_id, &committed, moment);
        let trend = group.lag.zip(picture.before).map(|(now, before)| match now.cmp(&before) {
            Ordering::Greater => "rising".to_owned(),
            Ordering::Less => "falling".to_owned(),
            Ordering::Equal => "steady".to_owned(),
        });
        let topic_count = int(group.topics.len());
        group.topics.truncate(TOPICS_SHOWN);
        Self {
            group_id: group.group_id,
            r#type: "classic".to_owned(),
            protocol_type: group.protocol_type,
            state: group.state.name().to_owned(),
            members: int(group.members),
            topics: group.topics,
            topic_count,
            partitions: int(group.partitions),
            lag: group.lag.map(Long::from),
            lag_ms: time_lag.map(|lag| lag.ms().into()),
            lag_ms_at_least: matches!(time_lag, Some(TimeLag::AtLeast(_))),
            trend,
            lag_history: picture.points.into_iter().map(Long::from).collect(),
        }
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
    offset: ottla_client::Offset,
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
    let moment = at.moment(console.views(), Asked::Groups)?;
    let by_time = paging.is_sorted_by("lagMs");
    let listed = look(&console, move |views| {
        let groups = match moment {
            Some(moment) => views.groups_at(moment),
            None => views.groups(),
        };
        let mut listed: Vec<Listed> = groups
            .into_iter()
            .filter(|group| query.wants(group))
            .map(|summary| Listed { summary, lag_ms: None })
            .collect();
        if by_time {
            for it in &mut listed {
                let committed = committed_of(views, &it.summary.group_id, moment);
                let lag = lag::of_group(views, &committed, moment, |_| None);
                it.lag_ms = lag.map(TimeLag::ms);
            }
        }
        listed.sort_by(|a, b| a.summary.group_id.cmp(&b.summary.group_id));
        Ok::<_, LookError>(listed)
    });
    let mut listed = listed.await?;
    listed.retain(|it| paging.matches(&it.summary.group_id));
    let page = paging.cut(listed, compare)?;
    let rows = look(&console, move |views| {
        let mut timed = 0;
        Ok::<_, LookError>(page.map(|it| GroupRow::new(views, it.summary, moment, &mut timed)))
    });
    Ok(Json(rows.await?))
}

impl GroupsQuery {
    fn wants(&self, group: &GroupSummary) -> bool {
        let mut states = self.state.split(',').filter(|it| !it.is_empty()).peekable();
        (states.peek().is_none() || states.any(|state| state == group.state.name()))
            && self.topic.as_ref().is_none_or(|topic| group.topics.contains(topic))
    }
}

fn compare(field: &str, one: &Listed, other: &Listed) -> Option<Ordering> {
    let (a, b) = (&one.summary, &other.summary);
    Some(match field {
        "lagMs" => one.lag_ms.cmp(&other.lag_ms),
        "groupId" => a.group_id.cmp(&b.group_id),
        "state" => a.state.name().cmp(b.state.name()),
        "members" => a.members.cmp(&b.members),
        "lag" => a.lag.cmp(&b.lag),
        "topics" => a.topics.len().cmp(&b.topics.len()),
        "partitions" => a.partitions.cmp(&b.partitions),
        _ => return None,
    })
}

/// A group.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupDetail {
    group_id: String,
    /// `classic`.
    r#type: String,
    protocol_type: String,
    /// The assignor in use.
    protocol: Option<String>,
    state: String,
    /// How often its members were given partitions.
    generation_id: i32,
    /// The broker that coordinates it.
    coordinator: i32,
    state_since_ms: Option<Long>,
    members: Vec<Member>,
    offsets: Vec<GroupOffset>,
    lag: Option<Long>,
    now_ms: Long,
}

/// A member of a group.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Member {
    member_id: String,
    group_instance_id: Option<String>,
    client_id: String,
    client_host: String,
    is_leader: bool,
    /// What it was told to read, where the protocol is the consumers'.
    assignment: Vec<AssignedTopic>,
}

/// Partitions of a topic that a member reads.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AssignedTopic {
    topic: String,
    partitions: Vec<i32>,
}

/// How far a group has read a partition.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupOffset {
    topic: String,
    partition: i32,
    /// The next offset to read; `null` where none was committed.
    committed_offset: Option<Long>,
    metadata: Option<String>,
    commit_ms: Option<Long>,
    /// `null` where the partition is gone or offline, as the next ones.
    log_start_offset: Option<Long>,
    high_watermark: Option<Long>,
    log_end_offset: Option<Long>,
    lag: Option<Long>,
    /// How long ago the next record came that it has not read, or its age by its own timestamp where
    /// nobody saw it come; 0 without lag.
    lag_ms: Option<Long>,
    /// Who reads it.
    member_id: Option<String>,
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
    let views = console.views();
    let moment = at.moment(views, Asked::Groups)?;
    let found = match moment {
        Some(moment) => views.group_at(&group, moment),
        None => views.group(&group),
    };
    let (group_look, offsets) = found.ok_or_else(|| unknown_group(&group))?;
    let detail = look(&console, move |views| {
        Ok::<_, LookError>(detail(views, &group_look, offsets, moment))
    });
    Ok(Json(detail.await?))
}

/// What to answer where there is no such group.
pub(crate) fn unknown_group(group: &str) -> ApiError {
    let message = format!("there is no group {group}");
    ApiError::new(StatusCode::NOT_FOUND, "GROUP_ID_NOT_FOUND", message)
}

fn detail(
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
            is_leader: member.is_leader,
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
        generation_id: group.generation_id,
        coordinator: views.broker_id().get(),
        state_since_ms: group.since_ms.map(Long::from),
        members,
        offsets: offsets.into_values().collect(),
        lag: lag.map(Long::from),
        now_ms: now.into(),
    }
}

impl GroupOffset {
    fn blank(topic: String, partition: i32) -> Self {
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
    if console.views().group(&group).is_none() {
        return Err(unknown_group(&group));
    }
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
    let (_, offsets) = console.views().group(&group).ok_or_else(|| unknown_group(&group))?;
    let is_meant = |it: &&CommittedView| {
        let some = body.partitions.as_ref();
        it.topic == body.topic && some.is_none_or(|some| some.contains(&it.partition))
    };
    let meant: Vec<(String, i32)> =
        offsets.iter().filter(is_meant).map(|it| (it.topic.clone(), it.partition)).collect();
    for (_, _, result) in console.admin().await?.delete_group_offsets(&group, &meant).await? {
        result?;
    }
    Ok(StatusCode::NO_CONTENT)
}
