//! `cargo run --release -p ottla-log --example clean -- DIR [KEYS [VALUE_BYTES]]`: how fast a log
//! is compacted, and in how much memory. Writes each of so many keys twice, in random order, and
//! cleans the log with the default buffer of 128 MiB.

use std::{
    error::Error,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use ottla_log::{
    Cleaner, CleanerOptions, DiskDir, Interrupted, Log, LogConfig, OpenOptions, Pace, SharedLog,
};
use ottla_record::{BatchBuilder, BuilderOptions};
use ottla_types::{LeaderEpoch, TopicName, TopicPartition};

const NOW_MS: i64 = 1_700_000_000_000;
const RECORDS_PER_BATCH: u64 = 500;

struct Shared(Mutex<Log>);

impl SharedLog for Shared {
    fn with<T>(&self, run: impl FnOnce(&mut Log) -> T) -> T {
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Unpaced;

impl Pace for Unpaced {
    fn moved(&mut self, _bytes: u64) -> Result<(), Interrupted> {
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "that is what it is for")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().ok_or("usage: clean DIR [KEYS [VALUE_BYTES]]")?;
    let keys: u64 = args.next().map_or(Ok(10_000_000), |text| text.parse())?;
    let value_bytes: usize = args.next().map_or(Ok(20), |text| text.parse())?;
    let log = fill(Path::new(&dir), keys, value_bytes)?;
    let before = log.size_bytes()?;
    let resident = resident_mib("VmRSS");
    let shared = Shared(Mutex::new(log));
    let cleanable = shared.with(|log| log.cleanable(None, log.log_end_offset(), NOW_MS))?;
    let options = CleanerOptions { dedupe_bytes: 128 << 20, load_factor: 0.9, io_bytes: 512 << 10 };
    let began = Instant::now();
    let cleaning = Cleaner::new(options).clean(&shared, &cleanable, &mut Unpaced, NOW_MS)?;
    let seconds = began.elapsed().as_secs_f64();
    let stats = cleaning.stats;
    let after = shared.with(|log| log.size_bytes())?;
    println!(
        "log: {} MB, then {} MB; cleaned to {}",
        before / 1_000_000,
        after / 1_000_000,
        cleaning.end_offset
    );
    println!("keys: {} in {} MiB (room for {})", stats.keys, stats.map_bytes >> 20, stats.keys_max);
    println!(
        "records: {} read, {} kept, {:.0} a second",
        stats.records_read,
        stats.records_kept,
        rate(stats.records_read, seconds)
    );
    println!("{:.1} s: {:.0} MB/s of log", seconds, rate(before, seconds) / 1e6);
    println!("memory: {resident} MiB before, {} MiB at the most", resident_mib("VmHWM"));
    Ok(())
}

/// Every key in two records.
fn fill(dir: &Path, keys: u64, value_bytes: usize) -> Result<Log, Box<dyn Error>> {
    let at = TopicPartition::new(TopicName::new("bench")?, 0);
    let config =
        LogConfig { cleanup_compact: true, segment_bytes: 256 << 20, ..LogConfig::default() };
    let options = OpenOptions { config, ..OpenOptions::new(at, NOW_MS) };
    let mut log = Log::open(Arc::new(DiskDir::new(dir.join("bench-0"))), options)?;
    let value = vec![b'v'; value_bytes];
    let mut record = 0_u64;
    while record < keys * 2 {
        let mut builder = BatchBuilder::new(BuilderOptions::default());
        for number in record..(record + RECORDS_PER_BATCH).min(keys * 2) {
            // Odd multipliers permute: each key comes once in each half.
            let key = (number % keys).wrapping_mul(2_654_435_761) % keys.next_power_of_two();
            let key = format!("key-{key:012}");
            builder.append_parts(NOW_MS, Some(key.as_bytes()), Some(&value), std::iter::empty())?;
        }
        log.append_as_leader(&mut builder.finish()?, LeaderEpoch(0), NOW_MS)?;
        record += RECORDS_PER_BATCH;
    }
    log.roll(NOW_MS)?;
    Ok(log)
}

#[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
fn rate(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

/// A line of Linux's account of this process, in MiB.
fn resident_mib(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
