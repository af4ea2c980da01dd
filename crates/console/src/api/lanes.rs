//! Who read which partition when: the members of a group as lanes, and its rebalances as seams.
//!
//! The group as it stood at the beginning is carried forward, event by event. Kafka: none.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use ottla_broker::views::{
    Asked, Cause, Change, Event as Entry, GroupChange, GroupState, MemberLook, Views,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    events::{said, sentence},
    groups::{assignment_of, unknown_group},
    history::HistoryQuery,
};
use crate::{
    clock::now_ms,
    console::Console,
    error::{ApiError, ErrorBody},
    extract::{Named, Params},
    number::Long,
    past::AtQuery,
};

/// Most bars of one answer.
const SPANS_MAX: usize = 5_000;

/// Who read which partition when.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Lanes {
    /// Before it, nothing is shown.
    since_ms: Long,
    until_ms: Long,
    /// In the order in which they came.
    members: Vec<Lane>,
    rebalances: Vec<Rebalance>,
    /// Whether there were more bars than are shown.
    truncated: bool,
}

/// A member of a group, for as long as it was one.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Lane {
    member_id: String,
    client_id: String,
    client_host: String,
    group_instance_id: Option<String>,
    /// `null` where it was there before.
    joined_ms: Option<Long>,
    /// `null` where it is still there.
    left_ms: Option<Long>,
    /// Why it left.
    left_cause: Option<String>,
    spans: Vec<Span>,
}

/// A partition that a member read for a while.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Span {
    topic: String,
    partition: i32,
    from_ms: Long,
    /// `null` where it still reads it.
    to_ms: Option<Long>,
}

/// A rebalance: until its end, members read nothing, or what they keep where the assignor is
/// cooperative.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rebalance {
    from_ms: Long,
    /// `null` where it has not ended.
    to_ms: Option<Long>,
    /// The generation that it ended with.
    generation_id: Option<i32>,
    /// What began it, and what else happened to members meanwhile, each once.
    causes: Vec<String>,
    /// What happened, as sentences with their times.
    story: Vec<StoryLine>,
}

/// A sentence of a rebalance's story.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StoryLine {
    time_ms: Long,
    text: String,
}

/// Who read which partition of a group's topics when, and why that changed.
#[utoipa::path(get, path = "/groups/{group}/lanes", tag = "groups",
    params(("group" = String, Path), HistoryQuery, AtQuery),
    responses((status = 200, body = Lanes), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn lanes(
    State(console): State<Console>,
    Named(group): Named<String>,
    Params(query): Params<HistoryQuery>,
    Params(at): Params<AtQuery>,
) -> Result<Json<Lanes>, ApiError> {
    let views = console.own()?;
    let until = at.moment(views, Asked::Groups)?;
    let until_ms = until.map_or_else(now_ms, |moment| moment.time_ms);
    let since_ms = query.since(until_ms).max(views.known_since(Asked::Groups));
    let since = views.moment_at(since_ms);
    let began = views.group_at(&group, since).map(|(look, _)| look);
    let is_own = |entry: &Entry| {
        entry.group_id.as_deref() == Some(group.as_str())
            && entry.change.is_some()
            && entry.seq >= since.seq
            && until.is_none_or(|until| entry.seq < until.seq)
    };
    let mut events = views.last_events(usize::MAX, is_own);
    events.reverse();
    if began.is_none() && events.is_empty() && is_unknown(views, &group) {
        return Err(unknown_group(&group));
    }
    let mut chart = Chart::default();
    if let Some(began) = began {
        chart.begin(&began.members, began.state, since_ms);
    }
    for event in &events {
        chart.follow(event);
    }
    Ok(Json(Lanes {
        since_ms: since_ms.into(),
        until_ms: until_ms.into(),
        members: chart.lanes,
        rebalances: chart.rebalances,
        truncated: chart.truncated,
    }))
}

fn is_unknown(views: &Views, group: &str) -> bool {
    views.group(group).is_none()
}

/// Whether this is more than what members do in every rebalance: they join again.
fn is_news(cause: &str) -> bool {
    !matches!(cause, "leaderRejoined" | "subscriptionChanged")
}

#[derive(Default)]
struct Chart {
    lanes: Vec<Lane>,
    /// The lanes of those who are members, by member id.
    open: BTreeMap<String, usize>,
    rebalances: Vec<Rebalance>,
    spans: usize,
    truncated: bool,
}

impl Chart {
    fn begin(&mut self, members: &[MemberLook], state: GroupState, since_ms: i64) {
        for member in members {
            self.enter(member, None);
            self.assign(&member.member_id, &member.assignment, since_ms);
        }
        if matches!(state, GroupState::PreparingRebalance | GroupState::CompletingRebalance) {
            self.rebalances.push(Rebalance::begun(since_ms));
        }
    }

    fn follow(&mut self, event: &Entry) {
        let Some(Change::Group(change)) = event.change.as_deref() else { return };
        let time_ms = event.time_ms;
        match change {
            GroupChange::Joined { member } => self.enter(member, Some(time_ms)),
            GroupChange::Left { member, cause } => {
                self.leave(&member.member_id, time_ms, Some(cause.name()));
            }
            GroupChange::Renamed { before, after } => {
                self.leave(&before.member_id, time_ms, Some("staticMemberReplaced"));
                self.enter(after, Some(time_ms));
                self.assign(&after.member_id, &after.assignment, time_ms);
            }
            GroupChange::Assigned { after, .. } => {
                for member_id in self.open.keys().cloned().collect::<Vec<_>>() {
                    let own = after.iter().find(|(id, _)| **id == *member_id);
                    let none = bytes::Bytes::new();
                    self.assign(&member_id, own.map_or(&none, |(_, it)| it), time_ms);
                }
            }
            GroupChange::State { to, cause, .. } => {
                let begins = *to == GroupState::PreparingRebalance;
                if begins && self.rebalances.last().is_none_or(|last| last.to_ms.is_some()) {
                    self.rebalances.push(Rebalance::begun(time_ms));
                }
                self.tell(event, cause.map(Cause::name));
                if matches!(to, GroupState::Stable | GroupState::Empty | GroupState::Dead) {
                    self.settle(event);
                }
                return;
            }
        }
        self.tell(event, said(event, "cause"));
    }

    /// Adds a line to the story of the rebalance that is under way.
    fn tell(&mut self, event: &Entry, cause: Option<&str>) {
        let Some(last) = self.rebalances.last_mut().filter(|last| last.to_ms.is_none()) else {
            return;
        };
        last.story.push(StoryLine { time_ms: event.time_ms.into(), text: sentence(event) });
        if let Some(cause) = cause
            && (last.causes.is_empty() || is_news(cause))
            && !last.causes.iter().any(|known| known == cause)
        {
            last.causes.push(cause.to_owned());
        }
    }

    fn settle(&mut self, event: &Entry) {
        if let Some(last) = self.rebalances.last_mut().filter(|last| last.to_ms.is_none()) {
            last.to_ms = Some(event.time_ms.into());
            last.generation_id = said(event, "generationId").and_then(|it| it.parse().ok());
        }
    }

    fn enter(&mut self, member: &MemberLook, joined_ms: Option<i64>) {
        let member_id = member.member_id.to_string();
        self.open.insert(member_id.clone(), self.lanes.len());
        self.lanes.push(Lane {
            member_id,
            client_id: member.client_id.to_string(),
            client_host: member.client_host.trim_start_matches('/').to_owned(),
            group_instance_id: member.group_instance_id.as_ref().map(ToString::to_string),
            joined_ms: joined_ms.map(Long::from),
            left_ms: None,
            left_cause: None,
            spans: Vec::new(),
        });
    }

    fn leave(&mut self, member_id: &str, time_ms: i64, cause: Option<&str>) {
        let lane = self.open.remove(member_id).and_then(|place| self.lanes.get_mut(place));
        if let Some(lane) = lane {
            lane.left_ms = Some(time_ms.into());
            lane.left_cause = cause.map(str::to_owned);
            lane.close_all(time_ms, |_| false);
        }
    }

    fn assign(&mut self, member_id: &str, assignment: &bytes::Bytes, time_ms: i64) {
        let lane = self.open.get(member_id).and_then(|place| self.lanes.get_mut(*place));
        let Some(lane) = lane else { return };
        let wanted: Vec<(String, i32)> = assignment_of(assignment)
            .into_iter()
            .flat_map(|(topic, all)| all.into_iter().map(move |one| (topic.clone(), one)))
            .collect();
        let is_kept = |span: &Span| wanted.iter().any(|it| span.is_of(it));
        lane.close_all(time_ms, is_kept);
        for place in wanted {
            let is_open = lane.spans.iter().any(|span| span.to_ms.is_none() && span.is_of(&place));
            if is_open {
                continue;
            }
            if self.spans >= SPANS_MAX {
                self.truncated = true;
                return;
            }
            self.spans += 1;
            let (topic, partition) = place;
            lane.spans.push(Span { topic, partition, from_ms: time_ms.into(), to_ms: None });
        }
    }
}

impl Lane {
    fn close_all(&mut self, time_ms: i64, is_kept: impl Fn(&Span) -> bool) {
        let open = self.spans.iter_mut().filter(|span| span.to_ms.is_none());
        for span in open {
            if !is_kept(span) {
                span.to_ms = Some(time_ms.into());
            }
        }
    }
}

impl Span {
    fn is_of(&self, (topic, partition): &(String, i32)) -> bool {
        self.topic == *topic && self.partition == *partition
    }
}

impl Rebalance {
    fn begun(time_ms: i64) -> Self {
        Self {
            from_ms: time_ms.into(),
            to_ms: None,
            generation_id: None,
            causes: Vec::new(),
            story: Vec::new(),
        }
    }
}
