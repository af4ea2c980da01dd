//! `compaction ADDRESS LOG_DIR OUT`: produces the same to an Apache Kafka, whose data is in
//! `LOG_DIR`, and to an Ottla, has both compact it, and compares what is left, batch by batch.
//! Ottla's files are then in `OUT`. Neither may verify transactions: those here have no
//! coordinator.

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
    session::produce,
};
use ottla_types::ProducerId;
use ottla_wire::{
    Str,
    write_txn_markers_request::{
        WritableTxnMarker, WritableTxnMarkerTopic, WriteTxnMarkersRequest,
    },
};

const TOPIC: &str = "compaction";
/// With transactions, and with tombstones that are kept for a while. Markers have the broker's
/// time, so that its segments are rolled by their size.
const TRANSACTIONAL: &str = "compaction-transactional";
/// The last version of Produce that does not ask a coordinator to add the partition.
const PRODUCE_VERSION: i16 = 11;
/// How long tombstones of the first half of the phases are kept: longer than any run.
const LONG_MS: i64 = 86_400_000;
/// And those of the second half.
const SHORT_MS: i64 = 500;
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
    let mut ottla = TestBroker::start(&[
        ("log.cleaner.backoff.ms", "100"),
        ("transaction.partition.verification.enable", "false"),
    ]);
    let mut sides = [
        Side { name: "kafka", client: Client::connect(address), log_dir: log_dir.into() },
        Side { name: "ottla", client: ottla.client(), log_dir: ottla.data_dir().to_owned() },
    ];
    // Kafka forgets producers whose records are old.
    let start = batch::now_ms() - 600_000;
    let mut differences = 0;
    for topic in [TOPIC, TRANSACTIONAL] {
        for phase in 0..4 {
            let left: Vec<Vec<String>> = sides
                .iter_mut()
                .map(|side| run(side, topic, phase, start))
                .collect::<Result<_, _>>()?;
            let [kafka, ottla] = &left[..] else { return Err("two sides".into()) };
            differences += compare(topic, phase, kafka, ottla);
            if topic == TRANSACTIONAL {
                of_transactions(phase, kafka)?;
            }
        }
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

/// How many lines differ.
fn compare(topic: &str, phase: i64, kafka: &[String], ottla: &[String]) -> usize {
    println!("{topic}, phase {phase}: {} batches and records are left in Kafka", kafka.len());
    let mut differences = kafka.len().abs_diff(ottla.len());
    for (kafka, ottla) in kafka.iter().zip(ottla).filter(|(kafka, ottla)| kafka != ottla) {
        println!("  kafka: {kafka}\n  ottla: {ottla}");
        differences += 1;
    }
    differences
}

/// Fails unless what is left shows what it is there for: tombstones of the first half are kept,
/// those of the second half are gone but in what was just compacted.
fn of_transactions(phase: i64, left: &[String]) -> Result<(), Box<dyn Error>> {
    let tombstone = |phase: i64| {
        left.iter()
            .filter(|line| line.contains(&format!(" gone-{phase}-")) && is_tombstone(line))
            .count()
    };
    let markers = left.iter().filter(|line| line.contains("a marker")).count();
    println!(
        "  {markers} markers; tombstones by phase: {:?}",
        (0..4).map(tombstone).collect::<Vec<_>>()
    );
    if markers == 0 || tombstone(0) == 0 {
        return Err("no markers or tombstones are left to compare".into());
    }
    if phase == 3 && tombstone(2) >= tombstone(1) {
        return Err("tombstones whose time is over are still there".into());
    }
    Ok(())
}

fn is_tombstone(line: &str) -> bool {
    line.ends_with(" = (null)")
}

/// Produces a part, has all of it cleaned in one round, and says what is left.
fn run(
    side: &mut Side,
    topic: &str,
    phase: i64,
    start: i64,
) -> Result<Vec<String>, Box<dyn Error>> {
    // A log is never dirtier than 1: nothing is cleaned.
    configure(side, topic, phase, "1");
    for (at, batch) in batches(topic, phase, start).into_iter().enumerate() {
        // Kafka answers CreateTopics before the partition has a leader.
        let answer = eventually("a leader", || {
            let mut request = produce(topic, 0, batch.bytes.clone());
            request.transactional_id = batch.is_transactional.then(|| Str::from("none"));
            let mut response = side.client.call(PRODUCE_VERSION, &request);
            let answer = response.responses.remove(0).partition_responses.remove(0);
            (!matches!(answer.error_code, 3 | 5 | 6)).then_some(answer)
        });
        if answer.error_code != 0 {
            return Err(format!("{}, batch {at}: {answer:?}", side.name).into());
        }
        for (producer_id, is_committed) in batch.ends {
            end(side, producer_id, is_committed)?;
        }
    }
    // The last segment is not compacted, nor is one with an open transaction.
    let stable = side.client.try_fetch(topic, 0, 0).last_stable_offset;
    let first_segment_left = last_segment(&side.log_dir, topic, stable)?;
    let is_over = batch::now_ms() + SHORT_MS;
    eventually("tombstones of the last phase have had their time", || {
        (topic == TOPIC || batch::now_ms() > is_over).then_some(())
    });
    configure(side, topic, phase + 1, "0");
    let checkpoint = side.log_dir.join("cleaner-offset-checkpoint");
    let noted = format!("{topic} 0 {first_segment_left}");
    let deadline = Instant::now() + PATIENCE;
    while !fs::read_to_string(&checkpoint).unwrap_or_default().lines().any(|it| it == noted) {
        if Instant::now() > deadline {
            return Err(format!("{} has not cleaned up to {first_segment_left}", side.name).into());
        }
        std::thread::yield_now();
    }
    Ok(left(&mut side.client, topic))
}

/// Writes the marker that ends a producer's transaction, as a coordinator would.
fn end(side: &mut Side, producer_id: i64, is_committed: bool) -> Result<(), Box<dyn Error>> {
    let topic =
        WritableTxnMarkerTopic { name: Str::from(TRANSACTIONAL), partition_indexes: vec![0] };
    let marker = WritableTxnMarker {
        producer_id,
        producer_epoch: 0,
        transaction_result: is_committed,
        topics: vec![topic],
        coordinator_epoch: 0,
        transaction_version: 1,
    };
    let response = side.client.call(1, &WriteTxnMarkersRequest { markers: vec![marker] });
    let answer = &response.markers[0].topics[0].partitions[0];
    if answer.error_code != 0 {
        return Err(format!("{}: {answer:?}", side.name).into());
    }
    Ok(())
}

/// `phase` is the next one once this one is compacted.
fn configure(side: &mut Side, topic: &str, phase: i64, ratio: &str) {
    let roll =
        if topic == TOPIC { ("segment.ms", "9500") } else { ("internal.segment.bytes", "4000") };
    let keep = match (topic, phase) {
        (TOPIC, _) => 0,
        (_, 0..=2) => LONG_MS,
        _ => SHORT_MS,
    };
    let keep = keep.to_string();
    let configs = [
        ("cleanup.policy", "compact"),
        roll,
        ("delete.retention.ms", &keep),
        ("min.cleanable.dirty.ratio", ratio),
    ];
    if phase == 0 {
        side.client.topic(topic, 1, &configs);
    } else {
        side.client.alter((2, topic), &configs);
    }
}

/// The base offset of the last segment that begins before `end` or there.
fn last_segment(log_dir: &Path, topic: &str, end: i64) -> Result<i64, Box<dyn Error>> {
    let mut last = 0;
    for entry in fs::read_dir(log_dir.join(format!("{topic}-0")))? {
        let name = entry?.file_name().into_string().unwrap_or_default();
        if let Some(base) = name.strip_suffix(".log") {
            last = last.max(Some(base.parse::<i64>()?).filter(|&base| base <= end).unwrap_or(0));
        }
    }
    Ok(last)
}

/// A batch, and what happens after it.
struct Produced {
    bytes: Bytes,
    is_transactional: bool,
    /// The producers whose transactions end, and whether they are committed.
    ends: Vec<(i64, bool)>,
}

/// A hundred batches a second apart: plain and idempotent ones, every codec, tombstones, keys that
/// come again soon, late or never. Those of the other topic are in transactions: of one producer
/// they are committed, of one aborted, and that of a third stays open.
fn batches(topic: &str, phase: i64, start: i64) -> Vec<Produced> {
    let mut seed = 0x9e37_79b9_u64.wrapping_add(phase.unsigned_abs());
    let mut below = |end: i64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(seed >> 33).unwrap_or(0) % end
    };
    // A marker in front of the first record makes the producer known, and then it begins at 0.
    let mut sequences = [if topic == TOPIC { phase * 1000 } else { 0 }; 4];
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
                        _ if topic == TOPIC => format!("once-{phase}-{at}"),
                        _ => format!("gone-{phase}-{at}"),
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
                // The one that stays open begins late, since nothing after it is compacted.
                options.transactional =
                    topic == TRANSACTIONAL && (who < 3 || (phase, at) >= (3, 60));
            }
            let mut ends = Vec::new();
            if topic == TRANSACTIONAL && (at == 99 || below(5) == 0) {
                ends.extend([(7001 + phase * 10, true), (7002 + phase * 10, false)]);
            }
            let is_transactional = options.transactional;
            Produced { bytes: batch::build(options, &records).freeze(), is_transactional, ends }
        })
        .collect()
}

/// Every batch and record, as text.
fn left(client: &mut Client, topic: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut next = 0;
    loop {
        let data = client.try_fetch(topic, 0, next);
        assert_eq!(data.error_code, 0, "{data:?}");
        let bytes = bytes_of(&data);
        let before = next;
        for item in Batches::new(&bytes) {
            let (header, batch) = item.expect("a batch");
            next = header.next_offset().get();
            let is_marker = header.attributes.is_control();
            // What depends on the moment of cleaning or writing, or on the broker's past, is left
            // out.
            lines.push(format!(
                "{}-{} {} records, attributes {:x}, {:?} epoch {} sequence {}, newest {}",
                header.base_offset,
                header.last_offset(),
                header.record_count,
                header.attributes.0,
                header.producer_id,
                header.producer_epoch,
                header.base_sequence,
                if is_marker { -1 } else { header.max_timestamp },
            ));
            let (_, records) = decode_batch(&bytes.slice_ref(batch), 64 << 20).expect("records");
            lines.extend(records.iter().map(|(offset, record)| {
                if is_marker {
                    return format!("{offset} a marker {:?} {:?}", record.key, record.value);
                }
                let (key, value) = (text_of(record.key.as_ref()), text_of(record.value.as_ref()));
                format!("{offset} {} {key} = {value}", record.timestamp)
            }));
        }
        if next == before {
            return lines;
        }
    }
}
