//! `bench`: how fast records go in and come out, and how long each takes.

mod histogram;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use clap::{Args, ValueEnum};
use ottla_client::{
    Client, ConsumerConfig, Delivery, ErrorCode, NewTopic, Position, Producer, Record,
};
use tokio::{sync::mpsc, time::Instant};

use super::{
    produce::{compression, parse_acks, producer_config, to_f64},
    topic::finish,
};
use crate::{
    exit::{Exit, Failure, Outcome},
    output::{Column, Report, Value, column},
    progress::Progress,
    session::Session,
    time::{parse_duration, parse_size},
};
use histogram::Histogram;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Phase {
    /// Writing, then reading the same.
    Both,
    /// Writing.
    Produce,
    /// Reading what is there.
    Consume,
}

/// Measure producing and consuming
#[derive(Args, Clone, Debug)]
pub struct Bench {
    /// What is measured
    #[arg(value_enum, default_value = "both")]
    phase: Phase,
    /// The topic. If it does not exist it is created, and deleted at the end
    #[arg(short, long, default_value = "ottla-bench")]
    topic: String,
    /// Partitions of the topic, if it is created
    #[arg(short, long, default_value_t = 6)]
    partitions: i32,
    /// Bytes of a record's value
    #[arg(short, long, default_value = "1KiB", value_parser = parse_size)]
    size: usize,
    /// Records to write [default: as many as go into --duration]
    #[arg(short = 'n', long)]
    records: Option<u64>,
    /// How long to write
    #[arg(short, long, default_value = "10s", value_parser = parse_duration)]
    duration: Duration,
    /// Producers that write at the same time
    #[arg(long, default_value_t = 1)]
    producers: usize,
    /// Consumers that read at the same time, each everything
    #[arg(long, default_value_t = 1)]
    consumers: usize,
    /// Compression: none, gzip, snappy, lz4, zstd
    #[arg(short = 'z', value_name = "CODEC")]
    compression: Option<String>,
    /// When a record counts as written: all, 1, 0
    #[arg(long)]
    acks: Option<String>,
    /// Wait for each record before the next: measures latency, not throughput
    #[arg(long)]
    one_by_one: bool,
    /// Do not delete the topic at the end
    #[arg(long)]
    keep: bool,
}

const RESULTS: &[Column] = &[
    column("phase", "PHASE"),
    column("records", "RECORDS"),
    column("bytes", "BYTES"),
    column("seconds", "SECONDS"),
    column("recordsPerSecond", "RECORDS/S"),
    column("megabytesPerSecond", "MB/S"),
    column("p50Ms", "P50 MS"),
    column("p95Ms", "P95 MS"),
    column("p99Ms", "P99 MS"),
    column("p999Ms", "P99.9 MS"),
    column("maxMs", "MAX MS"),
];

/// What is counted while it runs.
#[derive(Debug, Default)]
struct Counters {
    records: AtomicU64,
    bytes: AtomicU64,
    /// Somebody asks to end.
    is_over: AtomicBool,
}

impl Counters {
    fn count(&self, records: u64, bytes: u64) {
        self.records.fetch_add(records, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

/// What a phase gave.
struct Measured {
    phase: &'static str,
    records: u64,
    bytes: u64,
    seconds: f64,
    latency: Option<Histogram>,
}

impl Bench {
    pub(crate) async fn run(self, session: &mut Session) -> Outcome {
        let client = session.client().await?;
        let mut report = Report::list("Bench", RESULTS);
        let mut created = false;
        if self.phase != Phase::Consume {
            created = self.create_topic(&client).await?;
            let measured = self.produce(session, &client).await?;
            report.push(measured.item());
        }
        if self.phase != Phase::Produce && !session.stop.is_requested() {
            let measured = self.consume(session, &client).await?;
            report.push(measured.item());
        }
        if created && !self.keep {
            for (_, result) in
                client.admin().delete_topics(std::slice::from_ref(&self.topic)).await?
            {
                result?;
            }
        }
        let exit = finish(session, &report)?;
        Ok(if session.stop.is_requested() { Exit::Interrupted } else { exit })
    }

    /// Whether the topic did not exist before.
    async fn create_topic(&self, client: &Client) -> Result<bool, Failure> {
        let topic = NewTopic::new(&self.topic).partitions(self.partitions);
        match client.admin().create_topic(topic).await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some(ErrorCode::TopicAlreadyExists) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    async fn produce(&self, session: &Session, client: &Client) -> Result<Measured, Failure> {
        let mut config = producer_config(&session.settings()?)?;
        if let Some(name) = &self.compression {
            config.compression = compression(name)?;
        }
        if let Some(acks) = &self.acks {
            config.acks = parse_acks(acks)?;
        }
        let payload = noise(self.size.max(1) + (1 << 20));
        let counters = Arc::new(Counters::default());
        let started = Instant::now();
        let share =
            self.records.map(|all| all.div_ceil(u64::try_from(self.producers).unwrap_or(1)));
        let mut writers = Vec::new();
        for _ in 0..self.producers.max(1) {
            let writer = Writer {
                producer: client.producer_with(config.clone()),
                topic: Arc::from(self.topic.as_str()),
                payload: payload.clone(),
                size: self.size,
                records: share,
                until: share.is_none().then(|| started + self.duration),
                one_by_one: self.one_by_one,
                counters: counters.clone(),
            };
            writers.push(tokio::spawn(writer.run()));
        }
        let watching = self.watch(session, &counters, started, self.records);
        let mut latency = Histogram::default();
        let finished = async {
            for writer in writers {
                let measured = writer.await.map_err(|error| gone(&error))??;
                latency.add(&measured);
            }
            Ok::<(), Failure>(())
        };
        tokio::select! {
            done = finished => done?,
            () = watching => {}
        }
        Ok(Measured::new("produce", &counters, started, Some(latency)))
    }

    async fn consume(&self, session: &Session, client: &Client) -> Result<Measured, Failure> {
        let counters = Arc::new(Counters::default());
        let mut consumers = Vec::new();
        for _ in 0..self.consumers.max(1) {
            let mut consumer = client.consumer_with(ConsumerConfig::default());
            consumer.assign_topic(&self.topic, Position::Start).await?;
            consumer.stop_at_end().await?;
            consumers.push(consumer);
        }
        let total: i64 = consumers.iter().filter_map(ottla_client::Consumer::remaining).sum();
        let started = Instant::now();
        let mut readers = Vec::new();
        for mut consumer in consumers {
            let counters = counters.clone();
            readers.push(tokio::spawn(async move {
                let (mut records, mut bytes) = (0, 0);
                while !counters.is_over.load(Ordering::Relaxed) {
                    let next = if let Some(next) = consumer.try_next() {
                        Some(next)
                    } else {
                        counters.count(std::mem::take(&mut records), std::mem::take(&mut bytes));
                        consumer.next().await
                    };
                    let Some(record) = next.transpose()? else { break };
                    records += 1;
                    bytes += size_of_record(record.key.as_ref(), record.value.as_ref());
                    if records >= 1000 {
                        counters.count(std::mem::take(&mut records), std::mem::take(&mut bytes));
                        // A reader that always finds something never gives way by itself.
                        tokio::task::yield_now().await;
                    }
                }
                counters.count(records, bytes);
                Ok::<(), Failure>(())
            }));
        }
        let watching = self.watch(session, &counters, started, u64::try_from(total).ok());
        let finished = async {
            for reader in readers {
                reader.await.map_err(|error| gone(&error))??;
            }
            Ok::<(), Failure>(())
        };
        tokio::select! {
            done = finished => done?,
            () = watching => {}
        }
        Ok(Measured::new("consume", &counters, started, None))
    }

    /// Shows progress; ends a little after Ctrl-C.
    async fn watch(
        &self,
        session: &Session,
        counters: &Counters,
        started: Instant,
        total: Option<u64>,
    ) {
        let progress = Progress::new(total, session.global.quiet);
        loop {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(250)) => {}
                () = session.stop.requested() => {
                    counters.is_over.store(true, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_secs(10)).await;
                    return;
                }
            }
            let megabytes = to_f64(counters.bytes.load(Ordering::Relaxed)) / 1e6;
            progress.set(counters.records.load(Ordering::Relaxed));
            progress.message(format!("{:.1} MB/s", megabytes / started.elapsed().as_secs_f64()));
        }
    }
}

fn size_of_record(key: Option<&Bytes>, value: Option<&Bytes>) -> u64 {
    let size = |bytes: Option<&Bytes>| bytes.map_or(0, Bytes::len);
    u64::try_from(size(key) + size(value)).unwrap_or(0)
}

fn gone(error: &tokio::task::JoinError) -> Failure {
    Failure::new(Exit::Failed, "cannot measure", error.to_string())
}

/// Bytes that do not compress, the same in every run.
fn noise(size: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes.into()
}

/// One producer at work.
struct Writer {
    producer: Producer,
    topic: Arc<str>,
    payload: Bytes,
    size: usize,
    records: Option<u64>,
    until: Option<Instant>,
    one_by_one: bool,
    counters: Arc<Counters>,
}

impl Writer {
    async fn run(self) -> Result<Histogram, Failure> {
        let (sender, deliveries) = mpsc::channel::<(Instant, Delivery)>(65_536);
        let counters = self.counters.clone();
        let size = u64::try_from(self.size).unwrap_or(0);
        let collecting = tokio::spawn(collect(deliveries, counters, size));
        let mut sent = 0;
        let mut place = 0;
        let room = self.payload.len().saturating_sub(self.size).max(1);
        while !self.counters.is_over.load(Ordering::Relaxed)
            && self.records.is_none_or(|limit| sent < limit)
        {
            let now = Instant::now();
            if self.until.is_some_and(|until| now >= until) {
                break;
            }
            place = (place + 7919) % room;
            let value = self.payload.slice(place..place + self.size);
            let record = Record::to(self.topic.clone()).value(value);
            let delivery = self.producer.enqueue(record).await?;
            if self.one_by_one {
                delivery.clone().wait().await?;
            }
            sent += 1;
            if sender.send((now, delivery)).await.is_err() {
                break;
            }
        }
        drop(sender);
        self.producer.flush().await?;
        collecting.await.map_err(|error| gone(&error))?
    }
}

/// Waits for deliveries in the order they were sent, and notes how long each took.
async fn collect(
    mut deliveries: mpsc::Receiver<(Instant, Delivery)>,
    counters: Arc<Counters>,
    size: u64,
) -> Result<Histogram, Failure> {
    let mut latency = Histogram::default();
    while let Some((sent, delivery)) = deliveries.recv().await {
        delivery.wait().await?;
        latency.note(sent.elapsed());
        counters.count(1, size);
    }
    Ok(latency)
}

impl Measured {
    fn new(
        phase: &'static str,
        counters: &Counters,
        started: Instant,
        latency: Option<Histogram>,
    ) -> Self {
        Self {
            phase,
            records: counters.records.load(Ordering::Relaxed),
            bytes: counters.bytes.load(Ordering::Relaxed),
            seconds: started.elapsed().as_secs_f64(),
            latency,
        }
    }

    fn item(&self) -> crate::output::Item {
        let int = |number: u64| Value::Int(i64::try_from(number).unwrap_or(i64::MAX));
        let rate = to_f64(self.records) / self.seconds.max(1e-9);
        let megabytes = to_f64(self.bytes) / 1e6 / self.seconds.max(1e-9);
        let at = |share: f64| {
            let latency = self.latency.as_ref().and_then(|latency| latency.at(share));
            latency.map_or(Value::Null, |it| Value::Float(rounded(it.as_secs_f64() * 1e3, 1e3)))
        };
        vec![
            ("phase", Value::text(self.phase)),
            ("records", int(self.records)),
            ("bytes", int(self.bytes)),
            ("seconds", Value::Float(rounded(self.seconds, 1e3))),
            ("recordsPerSecond", Value::Float(rate.round())),
            ("megabytesPerSecond", Value::Float(rounded(megabytes, 10.0))),
            ("p50Ms", at(0.5)),
            ("p95Ms", at(0.95)),
            ("p99Ms", at(0.99)),
            ("p999Ms", at(0.999)),
            ("maxMs", at(1.0)),
        ]
    }
}

fn rounded(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}
