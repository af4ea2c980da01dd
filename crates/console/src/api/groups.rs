//! Groups: listed with their lag, described, deleted.
//!
//! Kafka: `ListGroups`, `DescribeGroups`, `OffsetFetch`, `DeleteGroups`, `OffsetDelete`.

use std::{cmp::Ordering, collections::BTreeMap};

use axum::{Json, extract::State, http::StatusCode};
use ottla_broker::views::{CommittedView, CursorsView, GroupLook, GroupSummary, LookError, Views};
use ottla_wire::{Message as _, Reader, messages::ConsumerProtocolAssignment};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::log::look;
use crate::{
    clock::now_ms,
    console::Console,
    error::{ApiError, ErrorBody},
    extract::{Body, Named, Params},
    number::{Long, int},
    page::{Page, Paging},
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
}

impl From<GroupSummary> for GroupRow {
    fn from(mut group: GroupSummary) -> Self {
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
        }
    }
}

/// Groups, a page of them.
#[utoipa::path(get, path = "/groups", tag = "groups", params(Paging, GroupsQuery),
    responses((status = 200, body = Page<GroupRow>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list(
    State(console): State<Console>,
    Params(paging): Params<Paging>,
    Params(query): Params<GroupsQuery>,
) -> Result<Json<Page<GroupRow>>, ApiError> {
    let states: Vec<&str> = query.state.split(',').filter(|it| !it.is_empty()).collect();
    let is_shown = |group: &GroupSummary| {
        let topic = query.topic.as_ref();
        paging.matches(&group.group_id)
            && (states.is_empty() || states.contains(&group.state.name()))
            && topic.is_none_or(|topic| group.topics.contains(topic))
    };
    let mut groups: Vec<GroupSummary> =
        console.views().groups().into_iter().filter(is_shown).collect();
    groups.sort_by(|a, b| a.group_id.cmp(&b.group_id));
    Ok(Json(paging.cut(groups, compare)?.map(GroupRow::from)))
}

fn compare(field: &str, a: &GroupSummary, b: &GroupSummary) -> Option<Ordering> {
    Some(match field {
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
    /// How old the next record is that it has not read; 0 without lag.
    lag_ms: Option<Long>,
    /// Who reads it.
    member_id: Option<String>,
}

/// A group.
#[utoipa::path(get, path = "/groups/{group}", tag = "groups", params(("group" = String, Path)),
    responses((status = 200, body = GroupDetail), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn show(
    State(console): State<Console>,
    Named(group): Named<String>,
) -> Result<Json<GroupDetail>, ApiError> {
    let found = console.views().group(&group);
    let (group_look, offsets) = found.ok_or_else(|| unknown_group(&group))?;
    let detail =
        look(&console, move |views| Ok::<_, LookError>(detail(views, &group_look, offsets)));
    Ok(Json(detail.await?))
}

/// What to answer where there is no such group.
pub(crate) fn unknown_group(group: &str) -> ApiError {
    let message = format!("there is no group {group}");
    ApiError::new(StatusCode::NOT_FOUND, "GROUP_ID_NOT_FOUND", message)
}

fn detail(views: &Views, group: &GroupLook, committed: Vec<CommittedView>) -> GroupDetail {
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
    let mut timed = 0;
    let mut lag = None;
    for offset in offsets.values_mut() {
        if let Some(cursors) = views.cursors(&offset.topic, offset.partition) {
            let own = offset.measure(views, &cursors, &mut timed);
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
        now_ms: now_ms().into(),
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
    fn measure(&mut self, views: &Views, cursors: &CursorsView, timed: &mut usize) -> Option<u64> {
        self.log_start_offset = Some(cursors.log_start_offset.into());
        self.high_watermark = Some(cursors.high_watermark.into());
        self.log_end_offset = Some(cursors.log_end_offset.into());
        let committed = self.committed_offset.and_then(Long::get)?;
        let lag =
            u64::try_from(cursors.high_watermark.get().saturating_sub(committed)).unwrap_or(0);
        self.lag = Some(lag.into());
        if lag == 0 {
            self.lag_ms = Some(0_u64.into());
        } else if *timed < TIMED_MAX {
            *timed += 1;
            let next = views.batch(&self.topic, self.partition, committed.into());
            let time = next.ok().flatten().map(|batch| batch.header.base_timestamp);
            let age =
                time.filter(|time| *time >= 0).map(|time| now_ms().saturating_sub(time).max(0));
            self.lag_ms = age.map(Long::from);
        }
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
