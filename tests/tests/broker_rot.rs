//! Damage at rest to the files that belong to a whole broker or a whole directory, the cluster
//! metadata and what was written ahead among them: no start on them serves something else than what
//! was written, and none hides that something is gone. What is refused for it is refused with the
//! name of the file, the place in it, and the command that shows it; that command is run.
//!
//! `OTTLA_ROT_CASES=2000 cargo test -p ottla-tests --test broker_rot` tries more.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

use ottla_record::{Batches, BuilderOptions};
use ottla_tests::{
    batch,
    client::Client,
    in_process::{self, TestBroker, address_of, copy_directory, eventually, memory_dir},
    process::ottla,
};
use ottla_wire::{
    Str,
    describe_configs_request::{DescribeConfigsRequest, DescribeConfigsResource},
};

const SETTINGS: &[(&str, &str)] = &[
    ("log.dirs", "{dir}/a,{dir}/b"),
    ("log.cleaner.backoff.ms", "1"),
    ("metadata.log.max.record.bytes.between.snapshots", "2000"),
];
const COMPACTED: &[(&str, &str)] =
    &[("cleanup.policy", "compact"), ("segment.ms", "1"), ("min.cleanable.dirty.ratio", "0.0")];
/// The last of them is made shortly before the broker stops.
const TOPICS: [&str; 7] =
    ["plain-0", "plain-1", "moved", "compacted", "ahead-0", "ahead-1", "late"];
/// Topics whose syncs make a directory write ahead. Nobody reads them.
const FILLERS: [&str; 2] = ["filler-0", "filler-1"];
const DIRS: [&str; 2] = ["a", "b"];
const METADATA: &str = "a/__cluster_metadata-0";
const AHEAD: [&str; 2] = ["write-ahead.0", "write-ahead.1"];
const BLOCK: usize = 4096;

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

/// How the broker went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// In order.
    Clean,
    /// Killed: the logs have everything.
    Killed,
    /// With the power: the logs of two topics lack what was only written ahead.
    Cut,
}

/// A data directory at rest, and what it holds.
struct Rest {
    /// The write-ahead files end where what they hold ends.
    dir: tempfile::TempDir,
    older: tempfile::TempDir,
    end: End,
    stored: Stored,
}

fn read(client: &mut Client, topic: &str) -> Vec<(i64, String)> {
    let start = client.offset(topic, 0, -2);
    let text = |value: Option<&bytes::Bytes>| ottla_tests::client::text_of(value);
    let records = client.records(topic, 0, start).into_iter();
    records.map(|(offset, record)| (offset.get(), text(record.value.as_ref()))).collect()
}

/// The configuration of a topic that was given one.
fn overrides(client: &mut Client, topic: &str) -> BTreeSet<(String, String)> {
    let request = DescribeConfigsRequest {
        resources: vec![DescribeConfigsResource {
            resource_type: 2,
            resource_name: Str::from(topic),
            configuration_keys: None,
        }],
        ..DescribeConfigsRequest::default()
    };
    let mut response = client.call(4, &request);
    let configs = response.results.remove(0).configs.into_iter();
    // 1 is the source of what the topic itself is given.
    configs
        .filter(|config| config.config_source == 1)
        .map(|config| (config.name.to_string(), config.value.unwrap_or_default().to_string()))
        .collect()
}

fn expected_overrides(topic: &str) -> BTreeSet<(String, String)> {
    let given = if topic == "compacted" { COMPACTED } else { &[] };
    given.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// The segment of a topic that has one, wherever it is.
fn segment(data: &Path, topic: &str) -> PathBuf {
    let paths = DIRS.map(|dir| data.join(dir).join(format!("{topic}-0/00000000000000000000.log")));
    paths.into_iter().find(|path| path.exists()).unwrap()
}

/// Produces until both directories write ahead, and then what is only written ahead.
fn write_ahead(data: &Path, client: &mut Client) {
    let begun = |dir: &str| {
        AHEAD.iter().any(|name| {
            let Ok(file) = fs::File::open(data.join(dir).join(name)) else { return false };
            let mut block = [0; BLOCK];
            file.read_exact_at(&mut block, BLOCK as u64).is_ok() && block != [0; BLOCK]
        })
    };
    let made = (0..10_000).find(|_| {
        for topic in FILLERS {
            client.produce(topic, 0, batch::plain(1));
        }
        DIRS.into_iter().all(begun)
    });
    assert!(made.is_some(), "nothing is written ahead");
    for second in 0..6 {
        for topic in ["ahead-0", "ahead-1"] {
            let record = batch::record("k", &format!("ahead{second}"), second * 1000);
            let built = batch::build(BuilderOptions::default(), &[record]);
            client.produce(topic, 0, built.freeze());
        }
    }
}

/// Takes the last three batches away, which a power cut might have left unwritten.
fn tear(data: &Path, topic: &str) {
    let path = segment(data, topic);
    let content = fs::read(&path).unwrap();
    let sizes: Vec<usize> =
        Batches::new(&content).map(|batch| batch.unwrap().1.len()).collect::<Vec<_>>();
    let lost: usize = sizes[sizes.len() - 3..].iter().sum();
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len((content.len() - lost) as u64).unwrap();
}

/// Copies a directory at rest, whose write-ahead files get their size back.
fn copy_rest(from: &Path, to: &Path) {
    copy_directory(from, to);
    for (dir, name) in DIRS.iter().flat_map(|dir| AHEAD.map(|name| (dir, name))) {
        let file = fs::OpenOptions::new().write(true).open(to.join(dir).join(name)).unwrap();
        file.set_len(32 << 20).unwrap();
    }
}

impl Rest {
    fn new(end: End) -> Self {
        let mut broker = TestBroker::start(SETTINGS);
        let older = tempfile::tempdir().unwrap();
        let mut client = broker.client();
        for topic in FILLERS {
            client.topic(topic, 1, &[]);
        }
        for topic in &TOPICS[..6] {
            client.topic(topic, 1, if *topic == "compacted" { COMPACTED } else { &[] });
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
        for topic in &TOPICS[..6] {
            client.produce(topic, 0, batch::plain(3));
        }
        // Nothing is cleaned any more while the files are copied.
        broker.set("log.cleaner.enable", "false");
        broker.restart();
        let mut client = broker.client();
        client.topic("late", 1, &[]);
        client.produce("late", 0, batch::plain(3));
        write_ahead(broker.data_dir(), &mut client);
        let stored = TOPICS.iter().map(|topic| (*topic, read(&mut client, topic))).collect();
        match end {
            End::Clean => broker.stop(),
            End::Killed => broker.crash(|_| {}),
            End::Cut => {
                broker.crash(|data| ["ahead-0", "ahead-1"].iter().for_each(|it| tear(data, it)))
            }
        }
        let dir = tempfile::tempdir().unwrap();
        copy_directory(broker.data_dir(), dir.path());
        for (sub, name) in DIRS.iter().flat_map(|dir| AHEAD.map(|name| (dir, name))) {
            let path = dir.path().join(sub).join(name);
            let content = fs::read(&path).unwrap();
            assert_eq!(content.len(), 32 << 20);
            let used = content.iter().rposition(|byte| *byte != 0).map_or(BLOCK, |last| last + 1);
            fs::write(&path, &content[..used]).unwrap();
        }
        Self { dir, older, end, stored }
    }

    /// The files that are no partition's records, from the data directory on, by kind: small ones
    /// of a directory, those of the cluster metadata, and what was written ahead.
    fn files(&self) -> [Vec<PathBuf>; 3] {
        let mut found = [const { Vec::new() }; 3];
        for (kind, dir) in [(0, "a"), (0, "b"), (1, METADATA)] {
            for entry in fs::read_dir(self.dir.path().join(dir)).unwrap().flatten() {
                let name = entry.file_name().into_string().unwrap();
                if entry.path().is_file() && name != ".lock" {
                    let kind = if AHEAD.contains(&&*name) { 2 } else { kind };
                    found[kind].push(Path::new(dir).join(name));
                }
            }
        }
        found.iter_mut().for_each(|names| names.sort());
        found
    }

    /// Changes one file of a copy; `None` if nothing has changed.
    fn damage(&self, copy: &Path, random: &mut Random) -> Option<Damage> {
        let kinds = self.files();
        let files = &kinds[random.below(3)];
        let name = &files[random.below(files.len())];
        let content = fs::read(self.dir.path().join(name)).unwrap();
        let size = content.len();
        let mut from = 0;
        let (what, changed) = match random.below(6) {
            0 | 1 if size > 0 => {
                let mut flipped = content.clone();
                from = random.below(size);
                flipped[from] ^= 1 << random.below(8);
                ("a flipped bit", Some(flipped))
            }
            2 if size > 0 => {
                let mut zeroed = content.clone();
                from = random.below(size) / 512 * 512;
                zeroed[from..size.min(from + 512)].fill(0);
                ("a zeroed block", Some(zeroed))
            }
            3 if size > 0 => {
                from = random.below(size);
                ("a lost end", Some(content[..from].to_vec()))
            }
            4 => ("an older version", Some(fs::read(self.older.path().join(name)).ok()?)),
            _ => ("no file", None),
        };
        if changed.as_ref() == Some(&content) {
            return None;
        }
        let is_ahead =
            name.file_name().is_some_and(|name| AHEAD.iter().any(|ahead| name == *ahead));
        match changed {
            Some(changed) => {
                fs::write(copy.join(name), changed).unwrap();
                if is_ahead && what != "a lost end" {
                    let file = fs::OpenOptions::new().write(true).open(copy.join(name)).unwrap();
                    file.set_len(32 << 20).unwrap();
                }
            }
            None => fs::remove_file(copy.join(name)).unwrap(),
        }
        let how = format!("{}: {what} ({:?})", name.display(), self.end);
        // What begins last may not have been acknowledged, for all that can be told.
        let is_last = from >= size.saturating_sub(1) / BLOCK * BLOCK;
        Some(Damage { path: copy.join(name), is_gone: what == "no file", is_ahead, is_last, how })
    }

    /// Starts on the copy and reads everything. What was said to refuse the start or a partition,
    /// or of what is lost.
    fn check(&self, damage: &Damage, copy: &Path, log: &Log, context: &str) -> Option<String> {
        let settings = SETTINGS.iter().chain(&[("log.cleaner.enable", "false")]);
        let owned = settings.map(|&(key, value)| (key.to_owned(), value.to_owned()));
        let owned: Vec<_> = owned.collect();
        let broker = match in_process::start(copy, &owned) {
            Ok(broker) => broker,
            Err(error) => {
                let again = in_process::start(copy, &owned);
                assert!(again.is_err(), "{context}: refused only once: {error}");
                return Some(error.to_string());
            }
        };
        let mut refused = log.find(damage.path.to_str().unwrap(), " may be lost");
        let may_be_shorter = damage.is_ahead && (refused.is_some() || damage.is_last);
        let mut client = Client::connect(address_of(&broker));
        for (topic, expected) in &self.stored {
            let described = client.metadata(topic, false);
            assert_eq!(described.error_code, 0, "{context}: {topic} is gone");
            let found = overrides(&mut client, topic);
            assert_eq!(found, expected_overrides(topic), "{context}: configuration of {topic}");
            let fetched = client.try_fetch(topic, 0, 0);
            if fetched.error_code == 56 {
                let line = log.find(&format!("partition={topic}-0"), "the partition is offline");
                let line = line.unwrap_or_else(|| panic!("{context}: {topic} is offline"));
                refused = refused.or(Some(line));
                continue;
            }
            let found = read(&mut client, topic);
            let start = found.first().map_or(0, |record| record.0);
            let same = expected.iter().filter(|record| record.0 >= start);
            // Records before a start that is forgotten may come back.
            let known: Vec<_> = found.iter().filter(|it| it.0 >= expected[0].0).collect();
            let same: Vec<_> =
                if may_be_shorter { same.take(known.len()).collect() } else { same.collect() };
            assert!(known == same, "{context}: {topic} holds {found:?}, not {expected:?}");
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
    is_ahead: bool,
    /// Whether it is only in what was written last.
    is_last: bool,
    how: String,
}

impl Damage {
    /// The command that shows it, out of a message that has to say everything.
    fn command<'a>(&self, message: &'a str, context: &str) -> Vec<&'a str> {
        let path = self.path.to_str().unwrap();
        assert!(message.contains(path), "{context}: {path} is not named in: {message}");
        let has_place = !places(message).is_empty();
        assert!(has_place || self.is_gone, "{context}: no place is named in: {message}");
        let command = message.split_once(" with: ottla ").map(|(_, rest)| rest);
        let command = command.unwrap_or_else(|| panic!("{context}: no command in: {message}"));
        command.split_whitespace().collect()
    }

    /// Runs the command: it shows the place, or that there is no file. By then a write-ahead file
    /// is begun anew, and an empty segment may be where one was.
    fn is_shown(&self, command: &[&str], message: &str, context: &str) {
        let output = Command::new(ottla()).args(command).output().unwrap();
        let shown = [output.stdout, output.stderr].concat();
        let shown = String::from_utf8_lossy(&shown);
        let expected = match places(message) {
            places if !places.is_empty() && !self.is_gone => places,
            _ => vec![format!("cannot read {}", self.path.display())],
        };
        let is_new = self.is_ahead || self.is_gone && self.path.exists();
        let is_shown = is_new || expected.iter().any(|place| shown.contains(place));
        assert!(is_shown, "{context}: {expected:?} is not in: {shown}");
    }
}

/// The place in a file that a message names, as the command may show it: a line's number, or what
/// it says; a position.
fn places(message: &str) -> Vec<String> {
    if let Some((_, rest)) = message.split_once(" has the line \"") {
        return rest.split_once('"').map(|(line, _)| format!(": {line}\n")).into_iter().collect();
    }
    if let Some(position) = number_after(message, "at position ") {
        return vec![format!("position={position} "), format!("at position {position}: ")];
    }
    number_after(message, "line ").map(|line| format!("line {line}: ")).into_iter().collect()
}

fn number_after(message: &str, word: &str) -> Option<String> {
    let (_, rest) = message.split_once(word)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
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
    let rests = [End::Clean, End::Killed, End::Cut].map(Rest::new);
    let log = Log::captured();
    let (mut tried, mut refused, mut seed) = (0, 0, 0);
    // Of each file and kind of damage, one is looked at with the command.
    let mut shown = BTreeSet::new();
    while tried < cases {
        seed += 1;
        let mut random = Random(seed);
        random.below(2);
        let rest = &rests[random.below(3)];
        let copy = memory_dir();
        copy_rest(rest.dir.path(), copy.path());
        let Some(damage) = rest.damage(copy.path(), &mut random) else { continue };
        tried += 1;
        log.clear();
        let context = format!("case {seed}, {}", damage.how);
        let Some(message) = rest.check(&damage, copy.path(), &log, &context) else { continue };
        refused += 1;
        let command = damage.command(&message, &context);
        if shown.insert(damage.how.clone()) {
            damage.is_shown(&command, &message, &context);
        }
    }
    assert!(refused > 0 && refused < cases, "{refused} of {cases} starts were refused");
}
