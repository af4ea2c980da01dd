//! The way of one record: from its producer into the log, to clients, and behind groups.
//!
//! What the broker saw is told with how well it knows it; what nobody saw is not guessed. A group
//! fetches under no name of its own: what a client was sent counts for a group where, at that time,
//! a member that calls itself the same and comes from the same machine was to read the partition.
//! Kafka: none.

use std::{net::SocketAddr, ops::RangeInclusive};

use axum::{Json, extract::State};
use ottla_broker::views::{Asked, JourneyView, LookError, MemberLook, Passed, SentView, Views};
use ottla_client::{Offset, TimestampType};
use serde::Serialize;
use utoipa::ToSchema;

use super::{groups::assignment_of, log::look, record::read};
use crate::{
    clock::now_ms,
    cluster::{Source, WHY_ABSENT},
    console::{CLIENT_ID, Console},
    error::{ApiError, ErrorBody},
    extract::Named,
    number::Long,
};

/// Most groups of a journey.
const GROUPS_MAX: usize = 50;

/// The way of a record, as far as it is known.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Journey {
    /// The record's timestamp; −1: it has none.
    timestamp_ms: Long,
    /// `CreateTime`: set by the producer. `LogAppendTime`: set by the broker.
    timestamp_type: String,
    /// Written into the log.
    appended: Step,
    /// On the broker's disk, for sure.
    durable: Step,
    /// Below the high watermark: consumers may read it.
    readable: Step,
    /// The groups that read the topic, at most 50, by id.
    groups: Vec<GroupSteps>,
    /// Clients that it was sent to and that are in none of these groups.
    others: Vec<OtherReader>,
    /// Since when the broker looks, in ms; `null` from outside of it.
    known_since_ms: Option<Long>,
    /// Why times are missing, if they are missing for all.
    not_told: Option<String>,
    now_ms: Long,
}

/// A step of the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Step {
    /// `known`: it happened between the two times, which may be the same. `before`: it happened,
    /// not after `untilMs`. `maybe`: it may have happened at `untilMs`. `done`: it happened, nobody
    /// tells when. `notYet`: it has not happened. `notTold`: nobody tells whether.
    state: StepState,
    from_ms: Option<Long>,
    until_ms: Option<Long>,
}

/// How well a step is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum StepState {
    Known,
    Before,
    Maybe,
    Done,
    NotYet,
    NotTold,
}

/// How far a record has come in a group.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupSteps {
    group_id: String,
    /// Sent to a member of the group for the first time.
    fetched: Step,
    /// To which.
    fetched_by: Option<Fetcher>,
    /// An offset behind it was committed for the first time.
    committed: Step,
    /// Where the group stands now in the partition.
    committed_offset: Option<Long>,
}

/// The member of a group that a record was sent to.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fetcher {
    member_id: String,
    client_id: String,
    client_host: String,
    /// Whether it may as well have been a member of another group: both call themselves the same
    /// and are on one machine.
    is_ambiguous: bool,
}

/// A client in no group that a record was sent to.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OtherReader {
    client_id: Option<String>,
    remote: String,
    fetched: Step,
}

impl Step {
    fn of(state: StepState) -> Self {
        Self { state, from_ms: None, until_ms: None }
    }

    fn known(times: &RangeInclusive<i64>) -> Self {
        Self::between((*times.start()).into(), *times.end())
    }

    fn between(from_ms: Option<i64>, until_ms: i64) -> Self {
        Self {
            state: if from_ms.is_some() { StepState::Known } else { StepState::Before },
            from_ms: from_ms.map(Long::from),
            until_ms: Some(until_ms.into()),
        }
    }

    fn passed(passed: &Passed, started_ms: i64) -> Self {
        match passed {
            Passed::Within(times) => Self::known(times),
            Passed::Earlier => Self::between(None, started_ms),
            Passed::NotYet => Self::of(StepState::NotYet),
        }
    }

    fn sent(sent: &SentView) -> Self {
        match &sent.at_ms {
            Some(times) => Self::known(times),
            None => Self { state: StepState::Maybe, ..Self::between(None, sent.asked_ms) },
        }
    }

    /// Which of two comes first, for sure or maybe.
    fn rank(&self) -> (bool, Option<Long>) {
        (self.state == StepState::Maybe, self.until_ms)
    }
}

/// The way of one record.
#[utoipa::path(get, path = "/topics/{topic}/partitions/{partition}/records/{offset}/journey", tag = "records",
    params(("topic" = String, Path), ("partition" = i32, Path), ("offset" = i64, Path)),
    responses((status = 200, body = Journey), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn show(
    State(console): State<Console>,
    Named((topic, partition, offset)): Named<(String, i32, i64)>,
) -> Result<Json<Journey>, ApiError> {
    let record = read(&console, (&topic, partition, offset)).await?;
    let offset = record.offset;
    let mut journey = match console.source() {
        Source::Own(views) => {
            let way = move |views: &Views| seen(views, (&topic, partition), offset);
            look(views, way).await?
        }
        Source::Remote(_) => from_outside(&console, (&topic, partition), offset).await?,
    };
    journey.timestamp_ms = record.timestamp.into();
    if record.timestamp_type == TimestampType::LogAppendTime {
        journey.timestamp_type = "LogAppendTime".into();
        if journey.appended.state == StepState::Done {
            journey.appended = Step::known(&(record.timestamp..=record.timestamp));
        }
    }
    Ok(Json(journey))
}

impl Journey {
    fn blank(groups: Vec<GroupSteps>) -> Self {
        Self {
            timestamp_ms: (-1_i64).into(),
            timestamp_type: "CreateTime".to_owned(),
            appended: Step::of(StepState::Done),
            durable: Step::of(StepState::NotTold),
            readable: Step::of(StepState::Done),
            groups,
            others: Vec::new(),
            known_since_ms: None,
            not_told: None,
            now_ms: now_ms().into(),
        }
    }
}

/// What a client can know: that it is there, and whether groups have committed more.
async fn from_outside(
    console: &Console,
    (topic, partition): (&str, i32),
    offset: Offset,
) -> Result<Journey, ApiError> {
    let mut groups = Vec::new();
    if let Some((_, mut positions)) = console.live(topic, GROUPS_MAX).await? {
        for position in positions.remove(&partition).unwrap_or_default() {
            let committed = position.committed_offset;
            let has_passed = committed.get().is_some_and(|committed| committed > offset.get());
            let state = if has_passed { StepState::Done } else { StepState::NotYet };
            groups.push(GroupSteps {
                group_id: position.group_id,
                fetched: Step::of(StepState::NotTold),
                fetched_by: None,
                committed: Step::of(state),
                committed_offset: Some(committed),
            });
        }
    }
    Ok(Journey { not_told: Some(WHY_ABSENT.to_owned()), ..Journey::blank(groups) })
}

/// What the broker has seen.
fn seen(
    views: &Views,
    (topic, partition): (&str, i32),
    offset: Offset,
) -> Result<Journey, LookError> {
    let started_ms = views.started_ms();
    let way = views.journey(topic, partition, offset)?;
    let there_ms = match &way.appended {
        Passed::Within(times) => Some(*times.start()),
        Passed::Earlier | Passed::NotYet => None,
    };
    let place = (topic, partition);
    let readers: Vec<Reader> = views
        .readers_of(topic, GROUPS_MAX)
        .into_iter()
        .map(|group_id| Reader::find(views, group_id, place, &way))
        .collect();
    let is_ambiguous = |sent: &SocketAddr| {
        readers.iter().filter(|it| it.members.iter().any(|(_, remote)| remote == sent)).count() > 1
    };
    let others = way.sent.iter().filter(|sent| {
        let is_own = sent.client_id.as_deref() == Some(CLIENT_ID);
        !is_own && !readers.iter().any(|it| it.members.iter().any(|(_, at)| *at == sent.remote))
    });
    let others = others.map(|sent| OtherReader {
        client_id: sent.client_id.clone(),
        remote: sent.remote.to_string(),
        fetched: Step::sent(sent),
    });
    let others = others.collect();
    let steps = readers.iter().map(|it| it.steps(views, place, offset, (&way, there_ms)));
    let mut groups: Vec<GroupSteps> = Vec::new();
    for (mut steps, fetched_from) in steps {
        if let (Some(by), Some(remote)) = (&mut steps.fetched_by, fetched_from) {
            by.is_ambiguous = is_ambiguous(&remote);
        }
        groups.push(steps);
    }
    Ok(Journey {
        appended: Step::passed(&way.appended, started_ms),
        durable: Step::passed(&way.durable, started_ms),
        readable: Step::passed(&way.readable, started_ms),
        others,
        known_since_ms: Some(started_ms.into()),
        ..Journey::blank(groups)
    })
}

/// A group that reads a partition, and its members among those that a record was sent to.
struct Reader {
    group_id: String,
    members: Vec<(Fetcher, SocketAddr)>,
}

impl Reader {
    fn find(views: &Views, group_id: String, place: (&str, i32), way: &JourneyView) -> Self {
        let member =
            |sent: &SentView| Some((member_of(views, &group_id, place, sent)?, sent.remote));
        let members = way.sent.iter().filter_map(member).collect();
        Self { group_id, members }
    }

    fn steps(
        &self,
        views: &Views,
        place: (&str, i32),
        offset: Offset,
        (way, there_ms): (&JourneyView, Option<i64>),
    ) -> (GroupSteps, Option<SocketAddr>) {
        let fetches = self.members.iter().filter_map(|(fetcher, remote)| {
            let sent = way.sent.iter().find(|sent| sent.remote == *remote)?;
            Some((Step::sent(sent), fetcher, *remote))
        });
        let first = fetches.min_by_key(|(step, ..)| step.rank());
        let (committed, position) = committed(views, &self.group_id, place, offset, there_ms);
        let is_behind = matches!(committed.state, StepState::Known | StepState::Before);
        // It was moved past the record, or was sent it by a connection that is forgotten.
        let unseen = if is_behind { StepState::NotTold } else { StepState::NotYet };
        let fetched = first.as_ref().map_or(Step::of(unseen), |(step, ..)| step.clone());
        let steps = GroupSteps {
            group_id: self.group_id.clone(),
            fetched,
            fetched_by: first.as_ref().map(|(_, fetcher, _)| (*fetcher).clone()),
            committed,
            committed_offset: position.map(Long::from),
        };
        (steps, first.map(|(.., remote)| remote))
    }
}

/// When a group committed more than an offset, and where it stands.
fn committed(
    views: &Views,
    group_id: &str,
    (topic, partition): (&str, i32),
    offset: Offset,
    there_ms: Option<i64>,
) -> (Step, Option<Offset>) {
    let now = views.group(group_id).and_then(|(_, committed)| {
        committed.into_iter().find(|it| it.topic == topic && it.partition == partition)
    });
    let position = now.as_ref().map(|it| it.committed_offset);
    if let Some(past) = views.committed_past(group_id, (topic, partition), offset, there_ms) {
        return (Step::between(past.from_ms, past.until_ms), position);
    }
    let step = match now {
        Some(now) if now.committed_offset > offset => Step::between(there_ms, now.commit_ms),
        _ => Step::of(StepState::NotYet),
    };
    (step, position)
}

/// The member of a group that a client was when a record was sent to it.
fn member_of(
    views: &Views,
    group_id: &str,
    place: (&str, i32),
    sent: &SentView,
) -> Option<Fetcher> {
    let times = sent.at_ms.clone().unwrap_or(sent.asked_ms..=sent.asked_ms);
    let known_since_ms = views.known_since(Asked::Groups);
    let mut moments = vec![*times.end()];
    if times.start() != times.end() {
        moments.push(*times.start());
    }
    moments.into_iter().filter(|time_ms| *time_ms >= known_since_ms).find_map(|time_ms| {
        let (look, _) = views.group_at(group_id, views.moment_at(time_ms))?;
        let member = look.members.iter().find(|member| is_it(member, place, sent))?;
        Some(Fetcher {
            member_id: member.member_id.to_string(),
            client_id: member.client_id.to_string(),
            client_host: host(member).to_owned(),
            is_ambiguous: false,
        })
    })
}

fn is_it(member: &MemberLook, (topic, partition): (&str, i32), sent: &SentView) -> bool {
    member.client_id.as_str() == sent.client_id.as_deref().unwrap_or_default()
        && host(member) == sent.remote.ip().to_string()
        && assignment_of(&member.assignment)
            .iter()
            .any(|(name, partitions)| name == topic && partitions.contains(&partition))
}

fn host(member: &MemberLook) -> &str {
    member.client_host.trim_start_matches('/')
}
