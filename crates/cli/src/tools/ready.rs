//! `cub kafka-ready` and `ub kafka-ready`: wait until so many brokers answer.
//!
//! Health checks of compose files call them: `cub kafka-ready -b HOST:PORT BROKERS SECONDS`.
//! Kafka: Confluent's utilities of the same names, in its images.

use std::time::Duration;

use ottla_client::{Client, Error};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Refusal, target};

/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) async fn run(arguments: &[String]) -> Result<(), Refusal> {
    let wanted = Wanted::parse(arguments).map_err(Refusal::Options)?;
    let deadline = Instant::now() + wanted.patience;
    let mut last = String::from("no broker answered");
    loop {
        match timeout_at(deadline, wanted.count()).await {
            Ok(Ok(found)) if found >= wanted.brokers => return Ok(()),
            Ok(Ok(found)) => last = format!("found only {found}"),
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => {}
        }
        if Instant::now() + PAUSE >= deadline {
            let text = format!("Expected {} brokers but {last}", wanted.brokers);
            return Err(Refusal::Failed(text));
        }
        sleep(PAUSE).await;
    }
}

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    bootstrap: String,
    brokers: usize,
    patience: Duration,
}

impl Wanted {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let usage = || "usage: kafka-ready -b HOST:PORT [-c FILE] BROKERS SECONDS".to_owned();
        let mut words = arguments.iter().map(String::as_str);
        if words.next() != Some("kafka-ready") {
            return Err(usage());
        }
        let mut bootstrap = None;
        let mut numbers = Vec::new();
        while let Some(word) = words.next() {
            match word {
                "-b" | "--bootstrap-servers" | "--bootstrap_broker_list" => {
                    bootstrap = words.next().map(str::to_owned);
                }
                "-c" | "--config" => {
                    let path = words.next().ok_or_else(usage)?;
                    let properties =
                        target::properties(path).map_err(|_| format!("cannot read {path}"))?;
                    let found = properties.into_iter().find(|(key, _)| key == "bootstrap.servers");
                    bootstrap = bootstrap.or(found.map(|(_, value)| value));
                }
                "-s" | "--security-protocol" | "--security_protocol" => {
                    if words.next() != Some("PLAINTEXT") {
                        return Err("only PLAINTEXT is supported".to_owned());
                    }
                }
                number => numbers.push(number.parse::<u32>().map_err(|_| usage())?),
            }
        }
        let (Some(bootstrap), [brokers, seconds]) = (bootstrap, numbers.as_slice()) else {
            return Err(usage());
        };
        Ok(Self {
            bootstrap,
            brokers: usize::try_from(*brokers).unwrap_or(usize::MAX),
            patience: Duration::from_secs(u64::from(*seconds)),
        })
    }

    /// How many brokers take part.
    async fn count(&self) -> Result<usize, Error> {
        let builder = Client::builder().bootstrap(&self.bootstrap).client_id("kafka-ready");
        let client = builder.connect().await?;
        let cluster = client.admin().describe_cluster().await?;
        Ok(cluster.brokers.iter().filter(|broker| !broker.is_fenced).count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_orders_of_arguments_are_read() {
        let read = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            Wanted::parse(&words)
        };
        let expected = Wanted {
            bootstrap: "kafka:9092".into(),
            brokers: 1,
            patience: Duration::from_secs(20),
        };
        assert_eq!(read("kafka-ready -b kafka:9092 1 20"), Ok(expected.clone()));
        assert_eq!(read("kafka-ready 1 20 -b kafka:9092"), Ok(expected));
        for wrong in ["kafka-ready 1 20", "kafka-ready -b kafka:9092 1", "zk-ready kafka:2181 20"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
