//! Transactions: what is open, what it holds back, what happened to it, and how it is ended.
//!
//! Kafka: `ListTransactions`, `DescribeTransactions`, `DescribeProducers`, `WriteTxnMarkers`.

use std::{cmp::Ordering, collections::BTreeMap};

use axum::{Json, extract::State, http::StatusCode};
use ottla_broker::views::{Asked, Event as Entry, Moment};
use ottla_client::{AbortSpec, ErrorKind};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::events::Event;
use crate::{
    clock::now_ms,
    cluster::{BlockedPlace, Open, Source, Transaction, WHY_ABSENT},
    console::{CLIENT_ID, Console},
    error::{ApiError, ErrorBody},
    extract::{Body, Named, Params},
    number::{Long, int},
    page::{Page, Paging},
    past::AtQuery,
};

/// Most partitions of a transaction that are named.
const PARTITIONS_MAX: usize = 200;

/// Most events of a transactional id that are told.
const EVENTS_MAX: usize = 500;

/// Which transactional ids are listed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TransactionsQuery {
    /// Only in these states, as in `Ongoing,PrepareCommit`.
    #[serde(default)]
    state: String,
    /// Only those with an open transaction in this topic.
    topic: Option<String>,
}

/// A transactional id.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransactionRow {
    transactional_id: String,
    /// `Empty`, `Ongoing`, `PrepareCommit`, `PrepareAbort`, `CompleteCommit` or `CompleteAbort`.
    state: String,
    producer_id: Long,
    producer_epoch: i32,
    /// The broker that coordinates it.
    coordinator: i32,
    /// After how long a transaction is aborted.
    timeout_ms: i32,
    /// When the last transaction began; `null` where there was none.
    start_ms: Option<Long>,
    /// How long the open transaction has taken; `null` where none is open or being ended.
    age_ms: Option<Long>,
    /// `null` where only the cluster's own brokers could tell.
    last_update_ms: Option<Long>,
    /// Whether it has taken longer than its timeout.
    is_late: bool,
    /// Those of the open transaction, the first 200.
    partitions: Vec<PlaceRef>,
    partition_count: i32,
}

/// A partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct PlaceRef {
    topic: String,
    partition: i32,
}

impl TransactionRow {
    fn new(it: Transaction, now: i64) -> Self {
        let age = it.age_ms(now);
        let partitions = it.partitions.iter().take(PARTITIONS_MAX);
        let partitions = partitions
            .map(|(topic, partition)| PlaceRef { topic: topic.clone(), partition: *partition });
        Self {
            partitions: partitions.collect(),
            partition_count: int(it.partitions.len()),
            transactional_id: it.transactional_id,
            state: it.state,
            producer_id: it.producer_id.into(),
            producer_epoch: it.producer_epoch,
            coordinator: it.coordinator,
            timeout_ms: it.timeout_ms,
            start_ms: (it.start_ms >= 0).then(|| it.start_ms.into()),
            age_ms: age.map(Long::from),
            last_update_ms: it.last_update_ms.map(Long::from),
            is_late: age.is_some_and(|age| age > it.timeout_ms.into()),
        }
    }
}

/// Transactional ids, a page of them.
#[utoipa::path(get, path = "/transactions", tag = "transactions",
    params(Paging, TransactionsQuery, AtQuery),
    responses((status = 200, body = Page<TransactionRow>), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn list(
    State(console): State<Console>,
    Params(paging): Params<Paging>,
    Params(query): Params<TransactionsQuery>,
    Params(at): Params<AtQuery>,
) -> Result<Json<Page<TransactionRow>>, ApiError> {
    let moment = at.moment_in(&console, Asked::Transactions)?;
    let all = console.transactions(moment).await?;
    let now = moment.map_or_else(now_ms, |moment| moment.time_ms);
    let states: Vec<&str> = query.state.split(',').filter(|it| !it.is_empty()).collect();
    let is_shown = |it: &Transaction| {
        let is_in = |wanted: &String| it.partitions.iter().any(|(topic, _)| topic == wanted);
        paging.matches(&it.transactional_id)
            && (states.is_empty() || states.contains(&it.state.as_str()))
            && query.topic.as_ref().is_none_or(is_in)
    };
    let shown: Vec<Transaction> = all.into_iter().filter(is_shown).collect();
    let page = paging.cut(shown, |field, a, b| compare(field, a, b, now))?;
    Ok(Json(page.map(|it| TransactionRow::new(it, now))))
}

fn compare(field: &str, a: &Transaction, b: &Transaction, now: i64) -> Option<Ordering> {
    Some(match field {
        "transactionalId" => a.transactional_id.cmp(&b.transactional_id),
        "state" => a.state.cmp(&b.state),
        "producerId" => a.producer_id.cmp(&b.producer_id),
        "ageMs" => a.age_ms(now).cmp(&b.age_ms(now)),
        "timeoutMs" => a.timeout_ms.cmp(&b.timeout_ms),
        "partitions" => a.partitions.len().cmp(&b.partitions.len()),
        "lastUpdateMs" => a.last_update_ms.cmp(&b.last_update_ms),
        _ => return None,
    })
}

/// A transactional id with what happened to it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransactionDetail {
    #[serde(flatten)]
    row: TransactionRow,
    /// Where its open transaction has written, as the logs have it.
    places: Vec<TransactionPlace>,
    /// What happened to it, oldest first, as far back as the journal goes.
    events: Vec<Event>,
    /// Why there are no events, where nobody tells them.
    events_not_told: Option<String>,
    now_ms: Long,
}

/// What an open transaction has done to a partition.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransactionPlace {
    topic: String,
    partition: i32,
    /// The offset of its first record.
    first_offset: Long,
    last_stable_offset: Long,
    high_watermark: Long,
    /// Whether it is the one that holds back readers of committed records here.
    is_first: bool,
}

/// A transactional id with what happened to it.
#[utoipa::path(get, path = "/transactions/{id}", tag = "transactions",
    params(("id" = String, Path), AtQuery),
    responses((status = 200, body = TransactionDetail), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn show(
    State(console): State<Console>,
    Named(id): Named<String>,
    Params(at): Params<AtQuery>,
) -> Result<Json<TransactionDetail>, ApiError> {
    let moment = at.moment_in(&console, Asked::Transactions)?;
    let now = moment.map_or_else(now_ms, |moment| moment.time_ms);
    let transaction = console.transaction(&id, moment).await?.ok_or_else(|| unknown(&id))?;
    // What logs have open is only known of now.
    let places = match moment {
        None => places(console.blocked_by(&transaction).await?, &transaction),
        Some(_) => Vec::new(),
    };
    let events = events(&console, &id, moment);
    Ok(Json(TransactionDetail {
        row: TransactionRow::new(transaction, now),
        places,
        events_not_told: events.is_none().then(|| WHY_ABSENT.to_owned()),
        events: events.unwrap_or_default(),
        now_ms: now.into(),
    }))
}

/// What happened to an id, oldest first; `None` where there is no journal.
fn events(console: &Console, id: &str, moment: Option<Moment>) -> Option<Vec<Event>> {
    let Source::Own(views) = console.source() else { return None };
    let is_own = |entry: &Entry| {
        entry.transactional_id.as_deref() == Some(id)
            && moment.is_none_or(|moment| entry.seq < moment.seq)
    };
    let mut events = views.last_events(EVENTS_MAX, is_own);
    events.reverse();
    Some(events.iter().map(|entry| Event::from(entry.as_ref())).collect())
}

fn unknown(id: &str) -> ApiError {
    let message = format!("there is no transactional id {id}");
    ApiError::new(StatusCode::NOT_FOUND, "TRANSACTIONAL_ID_NOT_FOUND", message)
}

fn places(blocked: Vec<BlockedPlace>, transaction: &Transaction) -> Vec<TransactionPlace> {
    let mut places = Vec::new();
    for it in blocked {
        let own = it.open.iter().position(|open| open.producer_id == transaction.producer_id);
        let Some((rank, own)) = own.and_then(|rank| Some((rank, it.open.get(rank)?))) else {
            continue;
        };
        places.push(TransactionPlace {
            first_offset: own.first_offset.into(),
            last_stable_offset: it.last_stable_offset.into(),
            high_watermark: it.high_watermark.into(),
            is_first: rank == 0,
            topic: it.topic,
            partition: it.partition,
        });
    }
    places
}

/// Which partitions are looked at.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct BlockedQuery {
    /// Only those of this topic.
    topic: Option<String>,
}

/// Partitions with records that readers of committed ones do not see yet.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BlockedList {
    /// Those with the most hidden records first.
    partitions: Vec<Blocked>,
    now_ms: Long,
}

/// A partition with records that readers of committed ones do not see yet.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Blocked {
    topic: String,
    partition: i32,
    /// Exclusive: what a reader of committed records may see.
    last_stable_offset: Long,
    /// Exclusive: what a consumer may see.
    high_watermark: Long,
    /// Offsets between the two.
    hidden: Long,
    /// The open transactions, the first in the log first: it is the one that holds readers back.
    open: Vec<Blocker>,
}

/// A transaction that is open in a partition.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Blocker {
    producer_id: Long,
    producer_epoch: i32,
    /// `null` where no coordinator knows the producer.
    transactional_id: Option<String>,
    /// `open`; `ending`: markers are on their way; `late`: it has taken longer than its timeout; or
    /// `hanging`: no coordinator knows of it, and nobody will end it.
    verdict: String,
    first_offset: Long,
    /// `null` where no coordinator knows of it.
    age_ms: Option<Long>,
    timeout_ms: Option<i32>,
    /// The timestamp of the last record that its producer has written here.
    last_written_ms: Long,
}

/// Partitions with records that readers of committed ones do not see yet, and who is to blame.
#[utoipa::path(get, path = "/blocked", tag = "transactions", params(BlockedQuery),
    responses((status = 200, body = BlockedList), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn blocked(
    State(console): State<Console>,
    Params(query): Params<BlockedQuery>,
) -> Result<Json<BlockedList>, ApiError> {
    let (found, known) = console.blocking(query.topic.as_deref()).await?;
    let now = now_ms();
    let mut partitions: Vec<(i64, Blocked)> =
        found.into_iter().map(|it| hidden(it, &known, now)).collect();
    partitions.sort_by_key(|(hidden, _)| std::cmp::Reverse(*hidden));
    let partitions = partitions.into_iter().map(|(_, it)| it).collect();
    Ok(Json(BlockedList { partitions, now_ms: now.into() }))
}

fn hidden(place: BlockedPlace, known: &BTreeMap<i64, Transaction>, now: i64) -> (i64, Blocked) {
    let at = (place.topic.as_str(), place.partition);
    let open = place.open.iter().map(|open| blocker(open, at, known, now)).collect();
    let (stable, end) = (place.last_stable_offset, place.high_watermark);
    let hidden = end.get().saturating_sub(stable.get()).max(0);
    let blocked = Blocked {
        open,
        last_stable_offset: stable.into(),
        high_watermark: end.into(),
        hidden: hidden.into(),
        topic: place.topic,
        partition: place.partition,
    };
    (hidden, blocked)
}

fn blocker(
    open: &Open,
    (topic, partition): (&str, i32),
    known: &BTreeMap<i64, Transaction>,
    now: i64,
) -> Blocker {
    let owner = known.get(&open.producer_id);
    let transaction = owner.filter(|it| it.holds(topic, partition));
    let age = transaction.and_then(|it| it.age_ms(now));
    let verdict = match transaction {
        None => "hanging",
        Some(it) if !it.is_open() => "ending",
        Some(it) if age.is_some_and(|age| age > it.timeout_ms.into()) => "late",
        Some(_) => "open",
    };
    Blocker {
        producer_id: open.producer_id.into(),
        producer_epoch: open.producer_epoch,
        transactional_id: owner.map(|it| it.transactional_id.clone()),
        verdict: verdict.to_owned(),
        first_offset: open.first_offset.into(),
        age_ms: age.map(Long::from),
        timeout_ms: transaction.map(|it| it.timeout_ms),
        last_written_ms: open.last_written_ms.into(),
    }
}

/// A transaction that was made to end.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransactionAborted {
    /// Where abort markers are written.
    partitions: Vec<PlaceRef>,
}

/// Aborts the open transaction of an id and fences its producer, whose next request fails.
#[utoipa::path(post, path = "/transactions/{id}/abort", tag = "transactions",
    params(("id" = String, Path)),
    responses((status = 200, body = TransactionAborted), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn abort(
    State(console): State<Console>,
    Named(id): Named<String>,
    Body(_): Body<Nothing>,
) -> Result<Json<TransactionAborted>, ApiError> {
    let transaction = console.transaction(&id, None).await?.ok_or_else(|| unknown(&id))?;
    if !transaction.is_open() {
        let message = format!("{id} has no open transaction: it is {}", transaction.state);
        return Err(ApiError::new(StatusCode::CONFLICT, "INVALID_TXN_STATE", message));
    }
    let admin = console.admin().await?;
    if let Source::Own(views) = console.source() {
        views.note_abort(&id, CLIENT_ID);
    }
    admin.fence_producer(&id).await?;
    let row = TransactionRow::new(transaction, now_ms());
    Ok(Json(TransactionAborted { partitions: row.partitions }))
}

/// A body without anything in it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Which hanging transaction is ended.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HangingAbort {
    /// The offset of its first record.
    first_offset: Long,
}

/// Writes an abort marker for a transaction that no coordinator will end.
#[utoipa::path(post, path = "/topics/{topic}/partitions/{partition}/abort", tag = "transactions",
    params(("topic" = String, Path), ("partition" = i32, Path)), request_body = HangingAbort,
    responses((status = 200, body = TransactionAborted), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn abort_hanging(
    State(console): State<Console>,
    Named((topic, partition)): Named<(String, i32)>,
    Body(body): Body<HangingAbort>,
) -> Result<Json<TransactionAborted>, ApiError> {
    let admin = console.admin().await?;
    let producers =
        admin.describe_producers(&topic, partition).await.map_err(|error| match error.kind() {
            ErrorKind::NotFound => ApiError::unknown_topic(&topic),
            _ => ApiError::from(error),
        })?;
    let wanted = body.first_offset.get();
    let begins_there =
        |open: Option<ottla_client::Offset>| open.map(ottla_client::Offset::get) == wanted;
    let producer =
        producers.iter().find(|it| it.open_since.is_some() && begins_there(it.open_since));
    let producer = producer.ok_or_else(|| {
        let place = format!("{topic}-{partition}");
        ApiError::not_found(format!("no transaction is open in {place} since that offset"))
    })?;
    admin
        .abort_transaction(&AbortSpec {
            topic: topic.clone(),
            partition,
            producer_id: producer.producer_id,
            producer_epoch: i16::try_from(producer.producer_epoch).unwrap_or(i16::MAX),
            coordinator_epoch: producer.coordinator_epoch.max(0),
        })
        .await?;
    Ok(Json(TransactionAborted { partitions: vec![PlaceRef { topic, partition }] }))
}
