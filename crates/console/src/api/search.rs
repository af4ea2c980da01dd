//! A search through a topic as a stream: what matches, and how far it is.
//!
//! Kafka: none.

use std::time::{Duration, Instant};

use axum::{extract::State, response::Response, response::sse::Event};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    records::{StoppedBy, fresh_topic},
    records_query::{Allowed, RecordsQuery},
};
use crate::{
    console::Console,
    error::{ApiError, ErrorBody},
    extract::Named,
    number::Long,
    scan::{RecordRow, Scan},
    stream::{Feed, Gone},
};

const SEARCH: Allowed = Allowed { limit: 500, limit_max: 10_000, from: "beginning" };

/// How often a search says how far it is.
const PROGRESS: Duration = Duration::from_millis(250);

/// How far a search is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SearchProgress {
    scanned: Long,
    /// Offsets that were to be looked at when the search began; some may have no record any more.
    total: Long,
    matched: Long,
    scanned_bytes: Long,
    elapsed_ms: Long,
    records_per_second: Long,
}

/// How a search ended.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SearchDone {
    progress: SearchProgress,
    stopped_by: StoppedBy,
    /// Where to go on.
    next: Option<String>,
    /// What could not be read on the way.
    problems: Vec<String>,
}

/// The events of a search, by name.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SearchEvents {
    record: RecordRow,
    progress: SearchProgress,
    done: SearchDone,
    failed: crate::error::ErrorDetail,
}

/// Searches a topic; events `record`, `progress`, `done` and `failed`. Records of different
/// partitions come as they are found. Closing the stream ends the search.
#[utoipa::path(get, path = "/topics/{topic}/records/search", tag = "records",
    params(("topic" = String, Path), RecordsQuery),
    responses((status = 200, body = SearchEvents, content_type = "text/event-stream"),
        (status = "4XX", body = ErrorBody)))]
pub(crate) async fn search(
    State(console): State<Console>,
    Named(name): Named<String>,
    query: RecordsQuery,
) -> Result<Response, ApiError> {
    let topic = fresh_topic(&console, &name).await?;
    let plan = query.plan(&console, &topic, SEARCH).await?;
    let limit = plan.limit;
    let scan = Scan::new(console.client().await?, console.pieces(), plan);
    console.streams().events(|feed| async move {
        // A reader that has gone wants to hear nothing of it.
        drop(run(&feed, scan, limit).await);
    })
}

struct Search {
    began: Instant,
    total: u64,
    scan: Scan,
}

impl Search {
    fn progress(&self) -> SearchProgress {
        let progress = self.scan.progress();
        let elapsed_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        SearchProgress {
            scanned: progress.scanned.into(),
            total: self.total.into(),
            matched: progress.matched.into(),
            scanned_bytes: progress.scanned_bytes.into(),
            elapsed_ms: elapsed_ms.into(),
            records_per_second: (progress.scanned.saturating_mul(1_000) / elapsed_ms.max(1)).into(),
        }
    }
}

async fn run(feed: &Feed<Event>, scan: Scan, limit: usize) -> Result<(), Gone> {
    let mut search = Search { began: Instant::now(), total: scan.remaining(), scan };
    let mut told = Instant::now();
    feed.tell("progress", &search.progress()).await?;
    let mut sent = 0;
    let stopped_by = loop {
        while sent < limit
            && let Some(record) = search.scan.next_found()
        {
            feed.tell("record", &record).await?;
            sent += 1;
        }
        if sent >= limit {
            break StoppedBy::Limit;
        }
        let advanced = tokio::select! {
            advanced = search.scan.advance() => advanced,
            () = feed.closed() => return Err(Gone),
        };
        match advanced {
            Ok(true) => {}
            Ok(false) => break StoppedBy::End,
            Err(error) => return feed.fail(error).await,
        }
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            feed.tell("progress", &search.progress()).await?;
        }
    };
    let done = SearchDone {
        progress: search.progress(),
        stopped_by,
        next: search.scan.next_cursor().map(|cursor| cursor.to_string()),
        problems: search.scan.take_problems(),
    };
    feed.tell("done", &done).await
}
