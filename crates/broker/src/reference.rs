//! What this version speaks and shows, for the reference: read from the tables that it runs by.

use std::ops::RangeInclusive;

use crate::{
    api::APIS,
    metrics::{Gauges, Metrics},
};

/// One API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiReference {
    /// Kafka's name.
    pub name: &'static str,
    /// Kafka's number.
    pub key: i16,
    /// The versions that are served.
    pub versions: RangeInclusive<i16>,
}

/// One metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricReference {
    /// The name, with its unit.
    pub name: String,
    /// `counter`, `gauge` or `histogram`.
    pub kind: String,
    /// One sentence.
    pub help: String,
    /// The names of its labels.
    pub labels: Vec<String>,
}

/// The APIs, by their numbers.
pub fn apis() -> impl Iterator<Item = ApiReference> {
    APIS.iter().map(|row| ApiReference {
        name: row.key.name(),
        key: row.key.code(),
        versions: row.versions.clone(),
    })
}

/// The metrics, as `/metrics` of a new broker describes them.
pub fn metrics() -> Vec<MetricReference> {
    let metrics = Metrics::new(APIS.iter().map(|row| row.key));
    // A metric with labels is shown once it has a value.
    metrics.topic_bytes_in("topic").inc_by(0);
    read(&metrics.page(&Gauges::default()).unwrap_or_default())
}

/// Reads OpenMetrics text: each metric has its lines HELP and TYPE, then its values.
fn read(page: &str) -> Vec<MetricReference> {
    let mut found: Vec<MetricReference> = Vec::new();
    for line in page.lines() {
        let mut words = line.splitn(4, ' ');
        match (words.next(), words.next(), words.next(), words.next()) {
            (Some("#"), Some("HELP"), Some(name), Some(help)) => found.push(MetricReference {
                name: name.to_owned(),
                kind: String::new(),
                help: help.to_owned(),
                labels: Vec::new(),
            }),
            (Some("#"), Some("TYPE"), Some(_), Some(kind)) => {
                if let Some(last) = found.last_mut() {
                    kind.clone_into(&mut last.kind);
                }
            }
            _ => {
                if let Some(last) = found.last_mut() {
                    note_labels(line, last);
                }
            }
        }
    }
    found
}

/// Remembers the labels of a line `name{label="value",…} number`, but for a histogram's own.
fn note_labels(line: &str, metric: &mut MetricReference) {
    let Some((_, rest)) = line.split_once('{') else { return };
    let Some((labels, _)) = rest.split_once('}') else { return };
    for label in labels.split(',').filter_map(|label| label.split_once('=')) {
        let name = label.0.to_owned();
        if name != "le" && !metric.labels.contains(&name) {
            metric.labels.push(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_a_kind_and_a_sentence() {
        let metrics = metrics();
        assert!(metrics.len() > 10, "{metrics:?}");
        for metric in metrics {
            assert!(["counter", "gauge", "histogram"].contains(&&*metric.kind), "{metric:?}");
            assert!(metric.help.ends_with('.'), "{metric:?}");
        }
    }

    #[test]
    fn labels_are_found() {
        let labels = |end: &str| {
            let metric = metrics().into_iter().find(|metric| metric.name.ends_with(end));
            metric.map(|metric| metric.labels)
        };
        assert_eq!(labels("bytesin"), Some(vec!["topic".to_owned()]));
        assert_eq!(labels("requests"), Some(vec!["request".to_owned()]));
        assert_eq!(labels("logflush_seconds"), Some(Vec::new()));
    }

    #[test]
    fn apis_have_versions() {
        assert!(apis().all(|api| !api.versions.is_empty()));
    }
}
