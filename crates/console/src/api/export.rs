//! Records as a file: JSON lines or comma-separated values.
//!
//! Kafka: none.

use axum::{body::Bytes, extract::State, response::Response};

use super::{
    records::fresh_topic,
    records_query::{Allowed, RecordsQuery},
};
use crate::{
    console::Console,
    error::{ApiError, ErrorBody},
    extract::Named,
    payload::Payload,
    scan::{RecordRow, Scan},
    stream::{Feed, Gone},
};

const EXPORT: Allowed = Allowed { limit: 1_000_000, limit_max: 1_000_000_000, from: "beginning" };

/// Bytes that are collected before they are sent.
const CHUNK: usize = 64 << 10;

#[derive(Clone, Copy, Debug)]
enum Format {
    Jsonl,
    Csv,
}

/// Downloads what matches, in the order of time.
#[utoipa::path(get, path = "/topics/{topic}/records/export", tag = "records",
    params(("topic" = String, Path), RecordsQuery),
    responses((status = 200, body = String, content_type = "application/x-ndjson"),
        (status = "4XX", body = ErrorBody)))]
pub(crate) async fn export(
    State(console): State<Console>,
    Named(name): Named<String>,
    query: RecordsQuery,
) -> Result<Response, ApiError> {
    let topic = fresh_topic(&console, &name).await?;
    let (format, content_type, end) = match query.format() {
        "jsonl" => (Format::Jsonl, "application/x-ndjson", "jsonl"),
        "csv" => (Format::Csv, "text/csv; charset=utf-8", "csv"),
        other => {
            return Err(ApiError::bad_request(format!("'{other}' is neither jsonl nor csv")));
        }
    };
    let mut plan = query.plan(&console, &topic, EXPORT).await?;
    plan.payload_max = query.payload_max(crate::payload::SHOWN_BYTES_MAX);
    // What is wanted in all is no measure of what to keep.
    let wanted = std::mem::replace(&mut plan.limit, 1_000);
    let scan = Scan::new(console.client().await?, console.pieces(), plan);
    let file_name = format!("{name}.{end}");
    console.streams().download((content_type, &file_name), |feed| async move {
        drop(run(&feed, scan, format, wanted).await);
    })
}

async fn run(
    feed: &Feed<Bytes>,
    mut scan: Scan,
    format: Format,
    wanted: usize,
) -> Result<(), Gone> {
    let mut text = match format {
        Format::Jsonl => String::new(),
        Format::Csv => "partition,offset,timestamp,key,value,headers\r\n".to_owned(),
    };
    let mut sent = 0;
    while sent < wanted {
        if let Some(record) = scan.next_merged() {
            sent += 1;
            append(&mut text, &record, format);
            if text.len() >= CHUNK {
                feed.put(Bytes::from(std::mem::take(&mut text))).await?;
            }
            continue;
        }
        let advanced = tokio::select! {
            advanced = scan.advance() => advanced,
            () = feed.closed() => return Err(Gone),
        };
        match advanced {
            Ok(true) => {}
            Ok(false) => break,
            // The head has gone out: an end in the middle of nothing is all that can be said.
            Err(error) => {
                tracing::warn!("an export of records ended early: {error}");
                break;
            }
        }
    }
    feed.put(Bytes::from(text)).await
}

fn append(text: &mut String, record: &RecordRow, format: Format) {
    match format {
        Format::Jsonl => {
            text.push_str(&serde_json::to_string(record).unwrap_or_default());
            text.push('\n');
        }
        Format::Csv => {
            let headers = record.headers.iter().map(|header| {
                let value = header.value.as_ref().map_or("", Payload::shown);
                format!("{}={value}", header.key)
            });
            let headers = headers.collect::<Vec<_>>().join(";");
            let shown = |payload: &Option<Payload>| {
                payload.as_ref().map_or(String::new(), |it| cell(it.shown()))
            };
            let (key, value, headers) = (shown(&record.key), shown(&record.value), cell(&headers));
            let (partition, offset, time) = (record.partition, record.offset, record.timestamp_ms);
            let cells = [
                &*partition.to_string(),
                &offset.to_string(),
                &time.to_string(),
                &key,
                &value,
                &headers,
            ];
            text.push_str(&cells.join(","));
            text.push_str("\r\n");
        }
    }
}

/// A cell of CSV. What a spreadsheet would take for a formula is made text.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '@', '\t', '\r'])
        || (text.starts_with('-') && text.parse::<f64>().is_err());
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_keep_their_text_and_run_nothing() {
        for (text, wanted) in [
            ("London", "London"),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "'=1+1"),
            ("-14.2", "-14.2"),
            ("-cmd", "'-cmd"),
            ("9007199254740993", "9007199254740993"),
        ] {
            assert_eq!(cell(text), wanted);
        }
    }
}
