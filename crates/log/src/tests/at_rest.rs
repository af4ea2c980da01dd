//! Files that change while nobody looks: no read gives something else than what was written.
//!
//! `OTTLA_ROT_CASES=20000 cargo test -p ottla-log at_rest` tries more.

use std::collections::{BTreeMap, BTreeSet};

use ottla_record::check_crc;
use ottla_types::{Offset, TopicName, TopicPartition};

use super::{
    disk::SimDisk,
    model::Model,
    random::Random,
    world::{NOW, Owner, World, read_all, small},
};
use crate::{Log, LogConfig, OpenOptions, ReadError};

/// A data directory at rest, what it holds, and older versions of its files.
struct Rest {
    disk: SimDisk,
    config: LogConfig,
    model: Model,
    was_clean: bool,
    files: BTreeMap<String, Vec<u8>>,
    older: BTreeMap<String, Vec<u8>>,
}

impl Rest {
    fn new(seed: u64) -> Self {
        let config = LogConfig { retention_bytes: 10_000, ..small() };
        let mut world = World::new(seed, config.clone());
        let mut older = BTreeMap::new();
        for step in 0..120 {
            world.step();
            if step == 80 {
                older = world.disk.files();
            }
        }
        let was_clean = seed.is_multiple_of(2);
        if was_clean {
            world.stop();
        }
        let files = world.disk.files();
        // Another partition, in the same data directory, to which nothing happens.
        let beside = world.disk.root().child("u-0");
        beside.create().unwrap();
        for (name, content) in &files {
            if let Some(name) = name.strip_prefix("t-0/") {
                world.disk.put(&format!("u-0/{name}"), Some(content.clone()));
            }
        }
        Self {
            disk: world.disk.copy(),
            config,
            model: world.model.clone(),
            was_clean,
            files,
            older,
        }
    }

    /// Changes one file. Says which and how; `None` if nothing has changed.
    fn damage(&self, disk: &SimDisk, random: &mut Random) -> Option<String> {
        // Every kind of file as often as every other.
        let kind = |name: &String| name.rsplit(['.', '/']).next().unwrap().to_owned();
        let kinds: BTreeSet<String> = self.files.keys().map(kind).collect();
        let wanted = kinds.iter().nth(random.below(kinds.len())).unwrap();
        let names: Vec<&String> = self.files.keys().filter(|name| kind(name) == *wanted).collect();
        let name = names[random.below(names.len())];
        let content = &self.files[name];
        let size = content.len();
        let (what, changed) = match random.below(7) {
            0 | 1 if size > 0 => {
                let mut flipped = content.clone();
                flipped[random.below(size)] ^= 1 << random.below(8);
                ("a flipped bit", Some(flipped))
            }
            2 if size > 0 => {
                let mut zeroed = content.clone();
                let from = random.below(size) / 512 * 512;
                zeroed[from..size.min(from + 512)].fill(0);
                ("a zeroed block", Some(zeroed))
            }
            3 if size > 0 => ("a lost end", Some(content[..random.below(size)].to_vec())),
            4 => {
                let mut extended = content.clone();
                let more = random.range(1, 2000);
                let zeros = random.one_in(2);
                let byte =
                    |random: &mut Random| if zeros { 0 } else { random.any().to_le_bytes()[0] };
                extended.extend((0..more).map(|_| byte(random)));
                ("a longer end", Some(extended))
            }
            5 => {
                let older = self.older.get(name)?;
                // What a truncation has replaced was once right as well.
                if wanted == "log" && !content.starts_with(older) {
                    return None;
                }
                ("an older version", Some(older.clone()))
            }
            _ => ("no file", None),
        };
        if changed.as_ref() == Some(content) {
            return None;
        }
        disk.put(name, changed);
        Some(format!("{name}: {what} (clean: {})", self.was_clean))
    }

    /// The other partition is served whatever happened to this one.
    fn check_the_other(&self, disk: &SimDisk, context: &str) {
        let at = TopicPartition::new(TopicName::new("u").unwrap(), 0);
        let options = OpenOptions { config: self.config.clone(), ..OpenOptions::new(at, NOW) };
        let log = Log::open(disk.root().child("u-0"), options).unwrap();
        let start = log.log_start_offset();
        let expected: Vec<u8> =
            self.model.from(start.0).flat_map(|batch| batch.bytes.clone()).collect();
        assert_eq!(read_all(&log, start).unwrap(), expected, "{context}: the other partition");
    }

    /// Starts on the disk and reads everything. Whether there was a complaint.
    fn check(&self, disk: &SimDisk, context: &str) -> bool {
        let owner = match Owner::start(disk, &self.config) {
            Ok(owner) => owner,
            Err(error) => {
                assert_told(&error.to_string(), context);
                return true;
            }
        };
        let log = &owner.log;
        let (start, end) = (log.log_start_offset().0, log.log_end_offset().0);
        assert!(end <= self.model.end, "{context}: ends at {end}, not {}", self.model.end);
        let reader = log.reader();
        let mut complaints = 0;
        for batch in self.model.from(start).filter(|batch| batch.base() < end) {
            let offset = start.max(i64::midpoint(batch.base(), batch.next()));
            match reader.read(Offset(offset), 1, Offset(end), true) {
                Ok(range) => {
                    let mut bytes = range.read().unwrap().to_vec();
                    // No checksum covers the leader epoch.
                    bytes[12..16].copy_from_slice(&batch.bytes[12..16]);
                    assert_eq!(bytes, batch.bytes, "{context}: read at {offset}");
                    check_crc(&bytes).unwrap();
                }
                Err(ReadError::Damaged { .. }) => complaints += 1,
                Err(error) => panic!("{context}: {error}"),
            }
        }
        complaints += usize::from(self.check_timestamps(&reader, (start, end), context));
        complaints += usize::from(self.check_aborted(&reader, (start, end), context));
        complaints += usize::from(self.check_whole(&reader, (start, end), context));
        let lost = end < self.model.end || start != self.model.start;
        let is_told = !lost || !self.was_clean || context.contains("log-start");
        assert!(is_told, "{context}: from {start} to {end}, not {}", self.model.end);
        complaints > 0 || lost
    }

    /// Many batches in one read.
    fn check_whole(
        &self,
        reader: &crate::LogReader,
        (start, end): (i64, i64),
        context: &str,
    ) -> bool {
        let mut complained = false;
        for batch in self.model.from(start).filter(|batch| batch.next() <= end).step_by(7) {
            let from = batch.header.base_offset.max(Offset(start));
            match reader.read(from, 4000, Offset(end), true) {
                Ok(range) => {
                    let bytes = range.read().unwrap();
                    let expected: Vec<u8> =
                        self.model.from(from.0).flat_map(|batch| batch.bytes.clone()).collect();
                    let same = |(at, byte): (usize, &u8)| expected[at] == *byte;
                    let epochs = bytes.iter().enumerate().filter(|found| !same(*found)).count();
                    assert!(epochs <= 1, "{context}: {epochs} bytes differ from {from} on");
                }
                Err(ReadError::Damaged { .. }) => complained = true,
                Err(error) => panic!("{context}: {error}"),
            }
        }
        complained
    }

    fn check_aborted(
        &self,
        reader: &crate::LogReader,
        (start, end): (i64, i64),
        context: &str,
    ) -> bool {
        // What is not there looks like a segment without aborted transactions.
        let is_shorter = ["lost end", "no file", "older version"]
            .iter()
            .any(|what| context.contains("txnindex") && context.contains(what));
        let (mut expected, first) =
            (self.model.up_to(end).aborted(), reader.segments[0].base_offset);
        expected.retain(|txn| txn.2 >= start.max(first.0));
        match reader.aborted_transactions(Offset(start), Offset(end)) {
            Ok(found) => {
                let found = found
                    .iter()
                    .map(|txn| (txn.producer_id.0, txn.first_offset.0, txn.last_offset.0));
                let found: Vec<(i64, i64, i64)> = found.collect();
                assert!(found == expected || is_shorter, "{context}: {found:?}, not {expected:?}");
                false
            }
            Err(ReadError::Damaged { .. }) => true,
            Err(error) => panic!("{context}: {error}"),
        }
    }

    fn check_timestamps(
        &self,
        reader: &crate::LogReader,
        (start, end): (i64, i64),
        context: &str,
    ) -> bool {
        let (model, mut complained) = (self.model.up_to(end), false);
        for batch in model.from(start).step_by(6) {
            let timestamp = batch.header.max_timestamp;
            match reader.offset_for_timestamp(timestamp) {
                Ok(found) => {
                    let expected = model.at_timestamp(start, timestamp);
                    let found = found.map(|found| found.offset.0);
                    assert_eq!(found, expected, "{context}: at {timestamp}");
                }
                Err(ReadError::Damaged { .. }) => complained = true,
                Err(error) => panic!("{context}: {error}"),
            }
        }
        complained
    }
}

/// A refusal names the file, the place in it where there is one, and the command that shows it.
fn assert_told(message: &str, context: &str) {
    let name = context.split([' ', ':']).find(|word| word.contains('/') || word.contains('-'));
    assert!(message.contains(name.unwrap()), "{context}: the file is not named in: {message}");
    let places = ["at position ", "at offset ", "in line ", "has the line ", ".log is missing"];
    assert!(places.iter().any(|place| message.contains(place)), "{context}: where? {message}");
    assert!(message.contains(" with: ottla log "), "{context}: no command in: {message}");
}

#[test]
fn at_rest_damage_never_gives_a_wrong_read() {
    let cases = std::env::var("OTTLA_ROT_CASES").ok().map_or(2000, |text| text.parse().unwrap());
    let rests: Vec<Rest> = (0..8).map(Rest::new).collect();
    let (mut tried, mut complaints, mut seed) = (0, 0, 0);
    while tried < cases {
        seed += 1;
        let mut random = Random::new(seed);
        let rest = &rests[random.below(rests.len())];
        let disk = rest.disk.copy();
        let Some(context) = rest.damage(&disk, &mut random) else { continue };
        tried += 1;
        let context = format!("case {seed}, {context}");
        complaints += usize::from(rest.check(&disk, &context));
        if seed.is_multiple_of(10) {
            rest.check_the_other(&disk, &context);
        }
    }
    assert!(complaints > cases / 10, "only {complaints} complaints");
}
