//! `compaction ADDRESS LOG_DIR OUT`: produces the same to an Apache Kafka, whose data is in `LOG_DIR`,
//! and to an Ottla, has both compact it, and compares what is left, batch by batch. Ottla's files
//! are then in `OUT`.

use std::{
    error::Error,
    fs,
    net::ToSocketAddrs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use ottla_record::{Batches, BuilderOptions, Compression, decode_batch};
use ottla_tests::{
    batch,
    client::{Client, bytes_of, text_of},
    in_process::{TestBroker, copy_directory, eventually},
};
use ottla_types::ProducerId;

const TOPIC: &str = "compaction";
/// Kafka looks for dirty logs now and then; nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A broker to compare.
struct Side {
    name: &'static str,
    client: Client,
    log_dir: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(address), Some(log_dir), Some(out)) = (args.next(), args.next(), args.next()) else {
        return Err("usage: compaction ADDRESS LOG_DIR OUT".into());
    };
    let address = address.to_socket_addrs()?.next().ok_or("no such address")?;
    let mut ottla = TestBroker::start(&[("log.cleaner.backoff.ms", "100")]);
    let mut sides = [
        Side { name: "kafka", client: Client::connect(address), log_dir: log_dir.into() },
        Side { name: "ottla", client: ottla.client(), log_dir: ottla.data_dir().to_owned() },
    ];
    // Kafka forgets producers whose records are old.
    let start = batch::now_ms() - 600_000;
    let mut differences = 0;
    for phase in 0..4 {
        let left: Vec<Vec<String>> =
            sides.iter_mut().map(|side| run(side, phase, start)).collect::<Result<_, _>>()?;
        let [kafka, ottla] = &left[..] else { return Err("two sides".into()) };
        println!("phase {phase}: {} batches and records are left in Kafka", kafka.len());
        for (kafka, ottla) in kafka.iter().zip(ottla).filter(|(kafka, ottla)| kafka != ottla) {
            println!("  kafka: {kafka}\n  ottla: {ottla}");
            differences += 1;
        }
        differences += kafka.len().abs_diff(ottla.len());
    }
    ottla.stop();
    fs::create_dir_all(&out)?;
    copy_directory(ottla.data_dir(), Path::new(&out));
    if differences > 0 {
        return Err(format!("{differences} differences").into());
    }
    println!("the same is left in both");
    Ok(())
}

/// Produces a part, has all of it cleaned in one round, and says what is left.
fn run(side: &mut Side, phase: i64, start: i64) -> Result<Vec<String>, Box<dyn Error>> {
    // A log is never dirtier than 1: nothing is cleaned.
    set_ratio(side, phase == 0, "1");
    for batch in batches(phase, start) {
        // Kafka answers CreateTopics before the partition has a leader.
        let answer = eventually("a leader", || {
            let answer = side.client.try_produce(TOPIC, 0, batch.clone());
            (!matches!(answer.error_code, 3 | 5 | 6)).then_some(answer)
        });
        if answer.error_code != 0 {
            return Err(format!("{}: {answer:?}", side.name).into());
        }
    }
    let first_segment_left = active_segment(&side.log_dir)?;
    set_ratio(side, false, "0");
    let checkpoint = side.log_dir.join("cleaner-offset-checkpoint");
    let noted = format!("{TOPIC} 0 {first_segment_left}");
    let deadline = Instant::now() + PATIENCE;
    while !fs::read_to_string(&checkpoint).unwrap_or_default().lines().any(|it| it == noted) {
        if Instant::now() > deadline {
            return Err(format!("{} has not cleaned up to {first_segment_left}", side.name).into());
        }
        std::thread::yield_now();
    }
    Ok(left(&mut side.client))
}

fn set_ratio(side: &mut Side, is_new: bool, ratio: &str) {
    let configs = [
        ("cleanup.policy", "compact"),
        ("segment.ms", "9500"),
        ("delete.retention.ms", "0"),
        ("min.cleanable.dirty.ratio", ratio),
    ];
    if is_new {
        side.client.topic(TOPIC, 1, &configs);
    } else {
        side.client.alter((2, TOPIC), &configs);
    }
}

/// The base offset of the segment that is written.
fn active_segment(log_dir: &Path) -> Result<i64, Box<dyn Error>> {
    let mut last = 0;
    for entry in fs::read_dir(log_dir.join(format!("{TOPIC}-0")))? {
        let name = entry?.file_name().into_string().unwrap_or_default();
        if let Some(base) = name.strip_suffix(".log") {
            last = last.max(base.parse()?);
        }
    }
    Ok(last)
}

/// A hundred batches a second apart: plain and idempotent ones, every codec, tombstones, keys that
/// come again soon, late or never.
fn batches(phase: i64, start: i64) -> Vec<Bytes> {
    let mut seed = 0x9e37_79b9_u64.wrapping_add(phase.unsigned_abs());
    let mut below = |end: i64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(seed >> 33).unwrap_or(0) % end
    };
    let mut sequences = [phase * 1000; 4];
    (0..100_i64)
        .map(|at| {
            let who = below(4);
            let count = 1 + below(5);
            let timestamp = start + (phase * 100 + at) * 1000;
            let records: Vec<_> = (0..count)
                .map(|_| {
                    let key = match below(3) {
                        0 => format!("hot-{}", below(5)),
                        1 => format!("cold-{}", below(200)),
                        _ => format!("once-{phase}-{at}"),
                    };
                    let value = format!("value of {key} in {phase} at {at}");
                    let mut record = batch::record(&key, &value, timestamp - batch::BASE_TIMESTAMP);
                    if below(6) == 0 {
                        record.value = None;
                    }
                    record
                })
                .collect();
            let mut options = BuilderOptions {
                compression: Compression::ALL[usize::try_from(below(5)).unwrap_or(0)],
                ..BuilderOptions::default()
            };
            if who > 0 {
                let sequence = &mut sequences[usize::try_from(who).unwrap_or(0)];
                options.producer_id = ProducerId(7000 + phase * 10 + who);
                options.producer_epoch = 0;
                options.base_sequence = i32::try_from(*sequence).unwrap_or(0);
                *sequence += count;
            }
            batch::build(options, &records).freeze()
        })
        .collect()
}

/// Every batch and record, as text.
fn left(client: &mut Client) -> Vec<String> {
    let mut lines = Vec::new();
    let mut next = 0;
    loop {
        let data = client.try_fetch(TOPIC, 0, next);
        assert_eq!(data.error_code, 0, "{data:?}");
        let bytes = bytes_of(&data);
        let before = next;
        for item in Batches::new(&bytes) {
            let (header, batch) = item.expect("a batch");
            next = header.next_offset().get();
            // What depends on the moment of cleaning, or on the broker's past, is left out.
            lines.push(format!(
                "{}-{} {} records, attributes {:x}, {:?} epoch {} sequence {}, newest {}",
                header.base_offset,
                header.last_offset(),
                header.record_count,
                header.attributes.0,
                header.producer_id,
                header.producer_epoch,
                header.base_sequence,
                header.max_timestamp,
            ));
            let (_, records) = decode_batch(&bytes.slice_ref(batch), 64 << 20).expect("records");
            lines.extend(records.iter().map(|(offset, record)| {
                let (key, value) = (text_of(record.key.as_ref()), text_of(record.value.as_ref()));
                format!("{offset} {} {key} = {value}", record.timestamp)
            }));
        }
        if next == before {
            return lines;
        }
    }
}
