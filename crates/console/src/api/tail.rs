//! Records as they come.
//!
//! Kafka: a consumer without a group.

use std::time::Duration;

use axum::{extract::State, response::Response, response::sse::Event};
use ottla_client::{Consumer, ConsumerConfig, Position};
use serde::Serialize;
use tokio::time::{Instant, sleep_until};
use utoipa::ToSchema;

use super::{
    records::fresh_topic,
    records_query::{Allowed, RecordsQuery},
};
use crate::{
    console::Console,
    error::{ApiError, ErrorBody},
    extract::Named,
    filter::Filter,
    number::Long,
    scan::RecordRow,
    stream::{Feed, Gone},
};

/// Bytes of each payload unless more is asked for.
const PAYLOAD_BYTES: usize = 1_024;

/// The least time between two events.
const INTERVAL: Duration = Duration::from_millis(100);

const TAIL: Allowed = Allowed { limit: 1, limit_max: 1, from: "end" };

/// Records that came.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TailRecords {
    records: Vec<RecordRow>,
    /// Records that matched since the last event and are not here: they came faster than was asked
    /// for, or than they are read.
    skipped: Long,
}

/// The events of a tail, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TailEvents {
    records: TailRecords,
    failed: crate::error::ErrorDetail,
}

/// Records as they come; events `records` and `failed`, at most ten in a second.
#[utoipa::path(get, path = "/topics/{topic}/records/tail", tag = "records",
    params(("topic" = String, Path), RecordsQuery),
    responses((status = 200, body = TailEvents, content_type = "text/event-stream"),
        (status = "4XX", body = ErrorBody)))]
pub(crate) async fn tail(
    State(console): State<Console>,
    Named(name): Named<String>,
    query: RecordsQuery,
) -> Result<Response, ApiError> {
    let topic = fresh_topic(&console, &name).await?;
    let plan = query.plan(&console, &topic, TAIL).await?;
    let config = ConsumerConfig {
        isolation: plan.isolation,
        fetch_bytes_max: 4 << 20,
        partition_bytes_max: 256 << 10,
        decompressed_max: 32 << 20,
        ..ConsumerConfig::default()
    };
    let mut consumer = console.client().await?.consumer_with(config);
    for lane in &plan.lanes {
        let position = Position::Offset(lane.next.into());
        consumer.assign(&name, lane.partition, position).await?;
    }
    let tail = Tail {
        filter: plan.filter,
        payload_max: query.payload_max(PAYLOAD_BYTES),
        per_interval: query.per_second().div_ceil(10),
        records: Vec::new(),
        skipped: 0,
    };
    console.streams().events(|feed| async move {
        drop(tail.run(&feed, consumer).await);
    })
}

struct Tail {
    filter: Filter,
    payload_max: usize,
    per_interval: usize,
    records: Vec<RecordRow>,
    skipped: u64,
}

impl Tail {
    async fn run(mut self, feed: &Feed<Event>, mut consumer: Consumer) -> Result<(), Gone> {
        let mut due = Instant::now();
        loop {
            let has_news = !self.records.is_empty() || self.skipped > 0;
            tokio::select! {
                () = feed.closed() => return Err(Gone),
                () = sleep_until(due), if has_news => {
                    due = Instant::now() + INTERVAL;
                    self.send(feed).await?;
                }
                next = consumer.next() => match next {
                    Some(Ok(record)) => self.take(&record),
                    Some(Err(error)) => return feed.fail(error.into()).await,
                    None => return Ok(()),
                },
            }
        }
    }

    fn take(&mut self, record: &ottla_client::ConsumedRecord) {
        if !self.filter.matches(record) {
            return;
        }
        if self.records.len() < self.per_interval {
            self.records.push(RecordRow::new(record, self.payload_max));
        } else {
            self.skipped += 1;
        }
    }

    /// Sends what has come, unless the reader is behind: then it is skipped.
    async fn send(&mut self, feed: &Feed<Event>) -> Result<(), Gone> {
        let records = std::mem::take(&mut self.records);
        if !feed.has_room() {
            self.skipped += u64::try_from(records.len()).unwrap_or(0);
            return Ok(());
        }
        let skipped = std::mem::take(&mut self.skipped).into();
        feed.tell("records", &TailRecords { records, skipped }).await
    }
}
