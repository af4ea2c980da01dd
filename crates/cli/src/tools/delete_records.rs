//! `kafka-delete-records.sh`: the records before given offsets deleted.
//!
//! Kafka: `DeleteRecordsCommand`.

use ottla_client::Offset;
use serde_json::Value as Json;

use super::{
    Refusal, exception,
    flags::{Flag, Given, text},
    target,
};
use crate::output::Out;

pub(super) const ABOUT: &str =
    "This tool helps to delete records of the given partitions down to the specified offset.";

pub(super) const FLAGS: &[Flag] = &[
    text("bootstrap-server", "server(s)", "REQUIRED: where brokers are."),
    text("command-config", "file", "Properties of the client."),
    text("offset-json-file", "file", "REQUIRED: the partitions, each with the offset to keep."),
];

pub(super) async fn run(given: &Given, out: &mut Out) -> Result<(), Refusal> {
    given.require(&["bootstrap-server", "offset-json-file"])?;
    let path = given.value("offset-json-file")?.unwrap_or_default();
    let before = offsets(&read(path)?)?;
    let client = target::administrator(given).await?;
    out.line("Executing records delete operation")?;
    let results = client.admin().delete_records(&before).await?;
    out.line("Records delete operation completed:")?;
    for (topic, partition, result) in results {
        out.line(&match result {
            Ok(offset) => format!("partition: {topic}-{partition}\tlow_watermark: {offset}"),
            Err(error) => {
                format!("partition: {topic}-{partition}\terror: {}", exception(&error))
            }
        })?;
    }
    Ok(())
}

/// A file of JSON.
pub(super) fn read(path: &str) -> Result<Json, Refusal> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Refusal::Failed(format!("{path} ({error})")))?;
    serde_json::from_str(&text)
        .map_err(|_| Refusal::Failed("The input string is not a valid JSON".into()))
}

/// The list that a file has under `partitions`, each with its topic and number.
pub(super) fn partitions(file: &Json) -> Result<Vec<(String, i32, &Json)>, Refusal> {
    let wrong = |what: &str| Refusal::Failed(format!("Missing {what} field"));
    let list = file.get("partitions").and_then(Json::as_array);
    let list = list.ok_or_else(|| wrong("partitions"))?;
    let item = |item| {
        let topic = Json::get(item, "topic").and_then(Json::as_str);
        let topic = topic.ok_or_else(|| wrong("topic"))?;
        let partition = item.get("partition").and_then(Json::as_i64);
        let partition = partition.and_then(|it| i32::try_from(it).ok());
        Ok((topic.to_owned(), partition.ok_or_else(|| wrong("partition"))?, item))
    };
    list.iter().map(item).collect()
}

fn offsets(file: &Json) -> Result<Vec<(String, i32, Offset)>, Refusal> {
    let mut offsets = Vec::new();
    for (topic, partition, item) in partitions(file)? {
        let offset = item.get("offset").and_then(Json::as_i64);
        let offset = offset.ok_or_else(|| Refusal::Failed("Missing offset field".into()))?;
        if offsets.iter().any(|(other, at, _)| *other == topic && *at == partition) {
            let text = "Offset json file contains duplicate topic partitions";
            return Err(Refusal::Failed(format!("{text}: {topic}-{partition}")));
        }
        offsets.push((topic, partition, Offset(offset)));
    }
    Ok(offsets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_may_stand_in_the_file_once() {
        let file = |text: &str| serde_json::from_str::<Json>(text).unwrap();
        let one = r#"{"topic":"a","partition":1,"offset":3}"#;
        let fine = file(&format!(r#"{{"partitions":[{one}],"version":1}}"#));
        assert_eq!(offsets(&fine), Ok(vec![("a".to_owned(), 1, Offset(3))]));
        let twice = file(&format!(r#"{{"partitions":[{one},{one}]}}"#));
        assert!(offsets(&twice).is_err());
        assert!(offsets(&file(r#"{"partitions":[{"topic":"a","partition":1}]}"#)).is_err());
    }
}
