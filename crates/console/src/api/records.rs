//! Records of a topic, a page of them.
//!
//! Kafka: `Fetch`.

use std::time::{Duration, Instant};

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    records_query::{Allowed, RecordsQuery},
    topics::TopicDetail,
};
use crate::{
    console::Console,
    error::{ApiError, ErrorBody},
    extract::Named,
    number::Long,
    scan::{RecordRow, Scan},
};

/// How long a page is looked for before it is given out as it is.
const PATIENCE: Duration = Duration::from_millis(1_500);

const PAGE: Allowed = Allowed { limit: 50, limit_max: 500, from: "end" };

/// Records in the order of the direction: by time, and by offset within a partition.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Records {
    records: Vec<RecordRow>,
    /// Where to go on in this direction: `from=cursor:<this>`. `null` at the end of what there was.
    next: Option<String>,
    /// The same in the other direction, from where this page began.
    previous: String,
    scanned: Long,
    matched: Long,
    scanned_bytes: Long,
    stopped_by: StoppedBy,
    /// What could not be read on the way.
    problems: Vec<String>,
}

/// Why no more records are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StoppedBy {
    /// There are as many as were wanted.
    Limit,
    /// There are no more.
    End,
    /// It took too long; `next` goes on.
    Budget,
}

/// The topic with what is known of it anew, so that the client knows its partitions.
pub(crate) async fn fresh_topic(console: &Console, name: &str) -> Result<TopicDetail, ApiError> {
    let topic = console.topic(name).await?;
    let client = console.client().await?;
    let topology = client.topology();
    let known = topology.topics.get(name);
    let is_known = known.is_some_and(|it| {
        it.topic_id.to_string() == topic.row.topic_id
            && it.partitions.len() == topic.partition_list.len()
    });
    if !is_known {
        client.admin().describe_topics(&[name.to_owned()]).await?;
    }
    Ok(topic)
}

/// A page of records.
#[utoipa::path(get, path = "/topics/{topic}/records", tag = "records",
    params(("topic" = String, Path), RecordsQuery),
    responses((status = 200, body = Records), (status = "4XX", body = ErrorBody)))]
pub(crate) async fn page(
    State(console): State<Console>,
    Named(name): Named<String>,
    query: RecordsQuery,
) -> Result<Json<Records>, ApiError> {
    let topic = fresh_topic(&console, &name).await?;
    let plan = query.plan(&console, &topic, PAGE).await?;
    let limit = plan.limit;
    let mut scan = Scan::new(console.client().await?, console.pieces(), plan);
    let until = Instant::now() + PATIENCE;
    let mut records = Vec::new();
    let stopped_by = loop {
        if records.len() >= limit {
            break StoppedBy::Limit;
        }
        if let Some(record) = scan.next_merged() {
            records.push(record);
        } else if !scan.advance().await? {
            break StoppedBy::End;
        } else if Instant::now() > until {
            while records.len() < limit
                && let Some(record) = scan.next_found()
            {
                records.push(record);
            }
            break StoppedBy::Budget;
        }
    };
    let progress = scan.progress();
    Ok(Json(Records {
        records,
        next: scan.next_cursor().map(|cursor| cursor.to_string()),
        previous: scan.previous_cursor().to_string(),
        scanned: progress.scanned.into(),
        matched: progress.matched.into(),
        scanned_bytes: progress.scanned_bytes.into(),
        stopped_by,
        problems: scan.take_problems(),
    }))
}
