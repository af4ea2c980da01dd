//! What retention and compaction leave of a segment where the power goes in between: a start goes
//! on from it, however often the power goes while it tidies up, and nothing else that lacks a log
//! is taken for such a rest.

use std::cell::RefCell;

use ottla_record::BuilderOptions;
use ottla_types::{LeaderEpoch, Offset};

use super::{
    compacted::{Alone, OPTIONS, Unpaced, keyed},
    cuts::{Step, cut_after_each},
    disk::SimDisk,
    model::build,
    owner::Owner,
    random::Random,
    world::{NOW, read_all, small},
};
use crate::{Cleaner, LogConfig, LogError, names};

/// A log of several segments, and what is done to it while the power may go.
struct Scene {
    disk: SimDisk,
    config: LogConfig,
    owner: Owner,
}

impl Scene {
    fn new(config: LogConfig) -> Self {
        let disk = SimDisk::new();
        let owner = Owner::start(&disk, &config).unwrap();
        Self { disk, config, owner }
    }

    /// With keys, so that something can be compacted away.
    fn append(&mut self, count: usize) {
        for _ in 0..count {
            let end = usize::try_from(self.owner.log.log_end_offset().0).unwrap();
            let mut batch = if self.config.cleanup_compact {
                keyed(end, &[0, end % 5], 60, ottla_record::Compression::None)
            } else {
                build(BuilderOptions::default(), NOW, 2, 100)
            };
            self.owner.log.append_as_leader(&mut batch, LeaderEpoch(0), NOW).unwrap();
        }
        self.owner.log.sync(NOW).unwrap();
        self.owner.checkpoint().unwrap();
    }

    fn clean(&mut self) {
        let log = &mut self.owner.log;
        let cleanable = log.cleanable(None, log.log_end_offset(), NOW).unwrap();
        let alone = Alone(RefCell::new(log));
        Cleaner::new(OPTIONS).clean(&alone, &cleanable, &mut Unpaced, NOW).unwrap();
        self.owner.note_cleaned(self.owner.log.compacted_to()).unwrap();
    }

    /// Deletes about half of the segments. Their files wait to be removed.
    fn retain(&mut self) {
        let half = self.owner.log.log_end_offset().0 / 2;
        self.owner.log.delete_records_before(Offset(half)).unwrap();
        self.owner.checkpoint().unwrap();
        let deleted = self.owner.log.apply_retention(NOW, Offset(i64::MAX)).unwrap();
        assert!(!deleted.is_empty());
    }

    /// Cuts the power at every moment of what is done, and at every moment of the start that
    /// follows.
    fn check(mut self, what: &'static str, run: impl FnOnce(&mut Self)) {
        let end = self.owner.log.log_end_offset();
        let before = read_all(&self.owner.log, Offset(0)).unwrap();
        self.disk.keep_history();
        run(&mut self);
        let history = self.disk.take_history();
        let (config, mut random, mut leftovers) = (&self.config, Random::new(7), 0);
        let step = Step { seed: 0, at: 0, what, filter: "leftovers" };
        let mut again = Random::new(8);
        cut_after_each(&history, step, &mut random, |disk, _, context| {
            leftovers += orphans(disk).len();
            let cut = disk.copy();
            disk.keep_history();
            let started = start(disk, config, &context);
            assert_eq!(started.log.log_end_offset(), end, "{context}");
            let left: Vec<String> = disk.files().into_keys().collect();
            assert!(!left.iter().any(|name| name.ends_with(names::DELETED)), "{context}: {left:?}");
            let found = read_all(&started.log, started.log.log_start_offset()).unwrap();
            assert!(config.cleanup_compact || before.ends_with(&found), "{context}");
            refuse_any_other(&cut, config, &context);
            let step = Step { what: "start", ..step };
            cut_after_each(&disk.take_history(), step, &mut again, |disk, _, at| {
                let again = start(disk, config, &format!("{context}, then {at}"));
                assert_eq!(again.log.log_end_offset(), end, "{context}, then {at}");
            });
        });
        assert!(leftovers > 0, "{what} left no index without its log");
    }
}

fn start(disk: &SimDisk, config: &LogConfig, context: &str) -> Owner {
    match Owner::start(disk, config) {
        Ok(owner) => owner,
        Err(error) => panic!("{context}: {error}"),
    }
}

/// The indexes whose log is not there.
fn orphans(disk: &SimDisk) -> Vec<String> {
    let files = disk.files();
    let is_orphan = |name: &&String| {
        let log = name.strip_suffix(".index").map(|stem| format!("{stem}.log"));
        log.is_some_and(|log| !files.contains_key(&log))
    };
    files.keys().filter(is_orphan).cloned().collect()
}

/// Beside what a power cut has left, a log that is lost is noticed, whichever it is.
fn refuse_any_other(cut: &SimDisk, config: &LogConfig, context: &str) {
    let files = cut.files();
    let is_swapped = files.keys().any(|name| name.ends_with(names::SWAP));
    let stems = files.keys().filter_map(|name| name.strip_suffix(".index"));
    let logs = stems.map(|stem| format!("{stem}.log"));
    for log in logs.filter(|log| files.contains_key(log) && !is_swapped) {
        let disk = cut.copy();
        disk.put(&log, None);
        let refused = Owner::start(&disk, config);
        assert!(matches!(refused, Err(LogError::Missing { .. })), "{context}: without {log}");
    }
}

fn compacted() -> LogConfig {
    LogConfig { cleanup_compact: true, segment_bytes: 900, ..plain() }
}

/// Nothing but what is asked for is deleted, and what was deleted stays for a while.
fn plain() -> LogConfig {
    LogConfig { retention_bytes: -1, file_delete_delay_ms: 60_000, ..small() }
}

#[test]
fn leftovers_of_retention_are_tidied_up_and_a_lost_log_is_told_from_them() {
    let mut scene = Scene::new(plain());
    scene.append(15);
    scene.check("retention", Scene::retain);
}

/// What compaction has replaced a moment ago has the names that retention gives the same segments.
#[test]
fn leftovers_of_retention_after_a_compaction_are_tidied_up() {
    let mut scene = Scene::new(compacted());
    scene.append(15);
    scene.clean();
    scene.append(15);
    scene.check("retention", Scene::retain);
}

#[test]
fn leftovers_of_a_compaction_after_another_are_tidied_up() {
    let mut scene = Scene::new(compacted());
    scene.append(15);
    scene.clean();
    scene.append(15);
    scene.check("compaction", Scene::clean);
}
