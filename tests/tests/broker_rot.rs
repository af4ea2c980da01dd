//! Damage at rest to the files that belong to a whole broker or a whole directory: no start on them
//! serves something else than what was written, and none hides that something is gone. What is
//! refused for it is refused with the name of the file, the place in it, and the command that shows
//! it; that command is run.
//!
//! `OTTLA_ROT_CASES=2000 cargo test -p ottla-tests --test broker_rot` tries more.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

use ottla_record::BuilderOptions;
use ottla_tests::{
    batch,
    client::Client,
    in_process::{self, TestBroker, address_of, copy_directory, eventually},
    process::ottla,
};

const SETTINGS: &[(&str, &str)] = &[
    ("log.dirs", "{dir}/a,{dir}/b"),
    ("log.cleaner.backoff.ms", "1"),
    ("metadata.log.max.record.bytes.between.snapshots", "2000"),
];
const COMPACTED: &[(&str, &str)] =
    &[("cleanup.policy", "compact"), ("segment.ms", "1"), ("min.cleanable.dirty.ratio", "0")];
const TOPICS: [&str; 4] = ["plain-0", "plain-1", "moved", "compacted"];

/// Numbers that a seed decides.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// What a client reads of each topic: offset and value.
type Stored = BTreeMap<&'static str, Vec<(i64, String)>>;

/// A data directory at rest, and what it holds.
struct Rest {
    dir: tempfile::TempDir,
    older: tempfile::TempDir,
    was_clean: bool,
    stored: Stored,
}

fn read(client: &mut Client, topic: &str) -> Vec<(i64, String)> {
    let start = client.offset(topic, 0, -2);
    let text = |value: Option<&bytes::Bytes>| ottla_tests::client::text_of(value);
    let records = client.records(topic, 0, start).into_iter();
    records.map(|(offset, record)| (offset.get(), text(record.value.as_ref()))).collect()
}

impl Rest {
    fn new(was_clean: bool) -> Self {
        let mut broker = TestBroker::start(SETTINGS);
        let older = tempfile::tempdir().unwrap();
        let mut client = broker.client();
        for topic in TOPICS {
            client.topic(topic, 1, if topic == "compacted" { COMPACTED } else { &[] });
            for second in 0..4 {
                let records = ["a", "b", "c", "d", "e"]
                    .map(|key| batch::record(key, &format!("{key}{second}"), second * 1000));
                client.produce(
                    topic,
                    0,
                    batch::build(BuilderOptions::default(), &records).freeze(),
                );
            }
        }
        client.delete_records("moved", 0, 7);
        eventually("a log is compacted", || {
            (read(&mut client, "compacted").len() < 20).then_some(())
        });
        broker.restart();
        copy_directory(broker.data_dir(), older.path());
        let mut client = broker.client();
        for topic in TOPICS {
            client.produce(topic, 0, batch::plain(3));
        }
        // Nothing is cleaned any more while the files are copied.
        broker.set("log.cleaner.enable", "false");
        broker.restart();
        let mut client = broker.client();
        let stored = TOPICS.iter().map(|topic| (*topic, read(&mut client, topic))).collect();
        if was_clean {
            broker.stop();
        } else {
            broker.crash(|_| {});
        }
        let dir = tempfile::tempdir().unwrap();
        copy_directory(broker.data_dir(), dir.path());
        Self { dir, older, was_clean, stored }
    }

    /// The files that are no partition's records: of each name one path, from the data directory on.
    fn files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for dir in ["a", "b", "a/__cluster_metadata-0"] {
            for entry in fs::read_dir(self.dir.path().join(dir)).unwrap().flatten() {
                let name = entry.file_name().into_string().unwrap();
                let is_data = [".log", "index", ".snapshot", ".lock"];
                let is_small = !is_data.iter().any(|end| name.ends_with(end));
                if entry.path().is_file() && is_small {
                    found.push(Path::new(dir).join(name));
                }
            }
        }
        found.sort();
        found
    }

    /// Changes one file of a copy; `None` if nothing has changed.
    fn damage(&self, copy: &Path, random: &mut Random) -> Option<Damage> {
        let files = self.files();
        let name = &files[random.below(files.len())];
        let content = fs::read(copy.join(name)).unwrap();
        let size = content.len();
        let (what, changed) = match random.below(6) {
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
            4 => ("an older version", Some(fs::read(self.older.path().join(name)).ok()?)),
            _ => ("no file", None),
        };
        if changed.as_ref() == Some(&content) {
            return None;
        }
        match changed {
            Some(changed) => fs::write(copy.join(name), changed).unwrap(),
            None => fs::remove_file(copy.join(name)).unwrap(),
        }
        let how = format!("{}: {what} (clean: {})", name.display(), self.was_clean);
        Some(Damage { path: copy.join(name), is_gone: what == "no file", how })
    }

    /// Starts on the copy and reads everything. What was said to refuse the start or a partition.
    fn check(&self, copy: &Path, log: &Log, context: &str) -> Option<String> {
        let settings = SETTINGS.iter().chain(&[("log.cleaner.enable", "false")]);
        let owned = settings.map(|&(key, value)| (key.to_owned(), value.to_owned()));
        let broker = match in_process::start(copy, &owned.collect::<Vec<_>>()) {
            Ok(broker) => broker,
            Err(error) => return Some(error.to_string()),
        };
        let mut refused = None;
        let mut client = Client::connect(address_of(&broker));
        for (topic, expected) in &self.stored {
            let described = client.metadata(topic, false);
            assert_eq!(described.error_code, 0, "{context}: {topic} is gone");
            let fetched = client.try_fetch(topic, 0, 0);
            if fetched.error_code == 56 {
                let line = log.find(&format!("partition={topic}-0"), "the partition is offline");
                refused = Some(line.unwrap_or_else(|| panic!("{context}: {topic} is offline")));
                continue;
            }
            let found = read(&mut client, topic);
            let start = found.first().map_or(0, |record| record.0);
            let same = expected.iter().filter(|record| record.0 >= start);
            // Records before a start that is forgotten may come back.
            let known = found.iter().filter(|record| record.0 >= expected[0].0);
            assert!(known.eq(same), "{context}: {topic} holds {found:?}, not {expected:?}");
            let may_start_later = context.contains("log-start");
            assert!(start <= expected[0].0 || may_start_later, "{context}: {topic} from {start}");
            client.produce(topic, 0, batch::plain(1));
        }
        broker.stop().unwrap();
        refused
    }
}

/// What was done to a file.
struct Damage {
    path: PathBuf,
    is_gone: bool,
    how: String,
}

impl Damage {
    /// The command that shows it, out of a message that has to say everything.
    fn command<'a>(&self, message: &'a str, context: &str) -> Vec<&'a str> {
        let path = self.path.to_str().unwrap();
        assert!(message.contains(path), "{context}: {path} is not named in: {message}");
        let has_place = place(message).is_some();
        assert!(has_place || self.is_gone, "{context}: no place is named in: {message}");
        let command = message.split_once(" with: ottla ").map(|(_, rest)| rest);
        let command = command.unwrap_or_else(|| panic!("{context}: no command in: {message}"));
        command.split_whitespace().collect()
    }

    /// Runs the command: it shows the place, or that there is no file.
    fn is_shown(&self, command: &[&str], message: &str, context: &str) {
        let output = Command::new(ottla()).args(command).output().unwrap();
        let shown = [output.stdout, output.stderr].concat();
        let shown = String::from_utf8_lossy(&shown);
        let path = self.path.to_str().unwrap();
        let expected = match place(message) {
            Some(place) if !self.is_gone => place,
            _ => format!("cannot read {path}"),
        };
        assert!(shown.contains(&expected), "{context}: {expected} is not in: {shown}");
    }
}

/// The line of a file that a message names, as the command shows it: its number, or what it says.
fn place(message: &str) -> Option<String> {
    if let Some((_, rest)) = message.split_once(" has the line \"") {
        return rest.split_once('"').map(|(line, _)| format!(": {line}\n"));
    }
    let (_, rest) = message.split_once("line ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then(|| format!("line {digits}: "))
}

/// What brokers of this process log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn captured() -> Self {
        let log = Self::default();
        let writer = log.clone();
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
        log
    }

    /// The line with these parts.
    fn find(&self, one: &str, other: &str) -> Option<String> {
        let bytes = self.0.lock().unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let line = text.lines().find(|line| line.contains(one) && line.contains(other));
        line.map(str::to_owned)
    }

    fn clear(&self) {
        self.0.lock().unwrap().clear();
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn no_damage_to_a_brokers_own_files_is_served_or_hidden() {
    let cases = std::env::var("OTTLA_ROT_CASES").ok().map_or(120, |text| text.parse().unwrap());
    let rests = [true, false].map(Rest::new);
    let log = Log::captured();
    let (mut tried, mut refused, mut seed) = (0, 0, 0);
    // Of each file and kind of damage, one is looked at with the command.
    let mut shown = BTreeSet::new();
    while tried < cases {
        seed += 1;
        let mut random = Random(seed);
        random.below(2);
        let rest = &rests[random.below(2)];
        let copy = tempfile::tempdir().unwrap();
        copy_directory(rest.dir.path(), copy.path());
        let Some(damage) = rest.damage(copy.path(), &mut random) else { continue };
        tried += 1;
        log.clear();
        let context = format!("case {seed}, {}", damage.how);
        let Some(message) = rest.check(copy.path(), &log, &context) else { continue };
        refused += 1;
        let command = damage.command(&message, &context);
        if shown.insert(damage.how.clone()) {
            damage.is_shown(&command, &message, &context);
        }
    }
    assert!(refused > 0 && refused < cases, "{refused} of {cases} starts were refused");
}
