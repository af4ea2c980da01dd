//! Power cuts after every change while a log moves between two data directories, and while its
//! topic is deleted and another one gets the name.
//!
//! `OTTLA_CRASH_SEEDS=100 cargo test -p ottla-log power_cut` runs as many new seeds;
//! `OTTLA_CRASH_OUTCOMES=32` tries more of each moment.

use std::collections::BTreeSet;

use ottla_record::BuilderOptions;
use ottla_types::{LeaderEpoch, Offset, Uuid};

use super::{
    asked::seeds,
    cuts::{Step, cut_after_each, cut_now_and_then},
    disk::SimDisk,
    model::{Model, build},
    random::Random,
    two_dirs::{Broker, Image, new_disk, places},
    world::{NOW, read_all, small},
};
use crate::LogConfig;

const STEPS: usize = 250;

/// What is known of the topic, and what was appended to it.
#[derive(Clone, Debug)]
struct Truth {
    image: Image,
    model: Model,
    /// Everything before it was asked to be deleted, and may be gone or not.
    deleted_to: i64,
}

struct World {
    disk: SimDisk,
    truth: Truth,
    random: Random,
    broker: Option<Broker>,
    last_topic: u8,
    /// Ids that directories have got.
    ids: u128,
}

fn config() -> LogConfig {
    LogConfig { retention_bytes: -1, ..small() }
}

impl World {
    fn new(seed: u64) -> Self {
        let disk = new_disk();
        let image = Image { topic_id: None, recorded: 0, is_recorded: false };
        let truth = Truth { image, model: Model::default(), deleted_to: 0 };
        let (random, broker) = (Random::new(seed), None);
        let mut this = Self { disk, truth, random, broker, last_topic: 0, ids: 0 };
        this.start();
        this.create();
        this
    }

    fn broker(&mut self) -> &mut Broker {
        self.broker.as_mut().unwrap()
    }

    fn start(&mut self) {
        self.broker = None;
        self.ids += 1 << 32;
        let broker = Broker::start(&self.disk, self.truth.image, &config(), self.ids).unwrap();
        self.broker = Some(broker);
        self.record();
        if let Some(log) = self.broker().log() {
            let (start, end) = (log.log_start_offset().0, log.log_end_offset().0);
            self.truth.model = self.truth.model.up_to(end);
            self.truth.model.start = start;
            self.truth.model.acked = end;
        }
    }

    /// The cluster gets to know where the replica is.
    fn record(&mut self) {
        if let Some(placed) = &self.broker().placed {
            let (recorded, topic_id) = (placed.dir, self.truth.image.topic_id);
            self.truth.image = Image { topic_id, recorded, is_recorded: true };
        }
    }

    /// One more thing done. Those of which the cluster knows first are known when this begins:
    /// `change` is called then.
    fn step(&mut self, change: impl Fn(&mut Self)) -> &'static str {
        if self.truth.image.topic_id.is_none() {
            self.last_topic += 1;
            self.truth.image = Image {
                topic_id: Some(Uuid([self.last_topic; 16])),
                recorded: self.random.below(2),
                is_recorded: false,
            };
            (self.truth.model, self.truth.deleted_to) = (Model::default(), 0);
            change(self);
            self.make();
            return "create the topic";
        }
        match self.random.below(64) {
            15..=19 => self.sync(),
            20..=29 => self.sync_ahead(),
            30..=32 => self.checkpoint(),
            33 | 34 => self.delete_records(),
            35 => self.roll(),
            36..=41 => self.begin_move(),
            42..=49 => self.copy(),
            50..=52 => self.finish_move(),
            53 => {
                self.broker().cancel();
                "cancel the move"
            }
            54 => self.restart(),
            55 | 56 => {
                self.start();
                "restart after a kill"
            }
            57 => {
                self.broker().remove_deleted();
                "remove what was deleted"
            }
            58 => {
                self.truth.image.topic_id = None;
                self.truth.model = Model::default();
                change(self);
                self.broker().delete();
                "delete the topic"
            }
            _ => self.append(),
        }
    }

    fn create(&mut self) {
        self.step(|_| {});
    }

    fn make(&mut self) {
        let Image { topic_id, recorded, .. } = self.truth.image;
        self.broker().create(recorded, topic_id.unwrap());
        self.record();
    }

    fn append(&mut self) -> &'static str {
        let (count, size) = (self.random.range(1, 4), self.random.below(200));
        let mut batch = build(BuilderOptions::default(), NOW, count, size);
        let log = self.broker.as_mut().unwrap().log().unwrap();
        log.append_as_leader(&mut batch, LeaderEpoch(0), NOW).unwrap();
        self.truth.model.push(&batch);
        "append"
    }

    fn sync(&mut self) -> &'static str {
        self.broker().log().unwrap().sync(NOW).unwrap();
        self.truth.model.acked = self.truth.model.end;
        "sync"
    }

    fn sync_ahead(&mut self) -> &'static str {
        self.broker().sync_ahead();
        self.truth.model.acked = self.truth.model.end;
        "write ahead"
    }

    fn checkpoint(&mut self) -> &'static str {
        self.broker().checkpoint().unwrap();
        "checkpoint"
    }

    fn delete_records(&mut self) -> &'static str {
        let Model { start, acked, .. } = self.truth.model;
        let count = usize::try_from(acked - start).unwrap();
        let to = start + i64::try_from(self.random.below(1 + count / 2)).unwrap();
        let log = self.broker().log().unwrap();
        log.sync_written_ahead(Offset(to)).unwrap();
        log.delete_records_before(Offset(to)).unwrap();
        log.apply_retention(NOW, Offset(acked)).unwrap();
        log.remove_retired(NOW).unwrap();
        self.truth.model.start = to;
        self.truth.deleted_to = self.truth.deleted_to.max(to);
        "delete records"
    }

    fn roll(&mut self) -> &'static str {
        self.broker().log().unwrap().roll(NOW).unwrap();
        "roll"
    }

    fn begin_move(&mut self) -> &'static str {
        if self.broker().is_moving() {
            return self.copy();
        }
        self.broker().begin_move();
        "begin a move"
    }

    fn copy(&mut self) -> &'static str {
        self.broker().copy();
        "copy"
    }

    fn finish_move(&mut self) -> &'static str {
        if !self.broker().is_moving() {
            return self.begin_move();
        }
        self.broker().finish_move();
        // It was closed, so all of it is on the disk.
        self.truth.model.acked = self.truth.model.end;
        self.record();
        "finish the move"
    }

    fn restart(&mut self) -> &'static str {
        self.broker.take().unwrap().stop();
        self.truth.model.acked = self.truth.model.end;
        self.start();
        "restart"
    }
}

/// Starts on what a power cut has left: what was acknowledged is there, once and in order.
fn check(disk: &SimDisk, before: &Truth, after: &Truth, context: &str) {
    let image = before.image;
    let start = |disk: &SimDisk, ids: u128| {
        Broker::start(disk, image, &config(), ids << 64)
            .unwrap_or_else(|e| panic!("{context}: {e}"))
    };
    let mut broker = start(disk, 1);
    let Some(log) = broker.log() else {
        assert_eq!(places(disk), [""; 0], "{context}: of a topic that is deleted");
        return;
    };
    let (first, end) = (log.log_start_offset().0, log.log_end_offset().0);
    let acked = before.model.acked.min(after.model.acked);
    assert!(end >= acked, "{context}: ends at {end}, but {acked} was acked");
    // A new topic's log that was not made in time is made where the deleted one's was said to
    // start.
    let is_made_now = first == end && after.model.batches.is_empty();
    assert!(first <= after.deleted_to || is_made_now, "{context}: starts at {first}");
    let bytes = |model: &Model, first: i64| {
        let batches =
            model.batches.iter().filter(|batch| (first..end).contains(&(batch.next() - 1)));
        batches.flat_map(|batch| batch.bytes.clone()).collect::<Vec<u8>>()
    };
    let expected = bytes(&after.model, first);
    let found = read_all(log, Offset(first)).unwrap_or_else(|e| panic!("{context}: {e}"));
    assert!(found == expected, "{context}: from {first} to {end}");
    assert_eq!(places(disk).len(), 1, "{context}");
    // The move goes on, and what is appended then is there after the next cut.
    let mut batch = build(BuilderOptions::default(), NOW, 2, 10);
    log.append_as_leader(&mut batch, LeaderEpoch(1), NOW).unwrap();
    log.sync(NOW).unwrap();
    if !broker.is_moving() {
        broker.begin_move();
    }
    broker.finish_move();
    drop(broker);
    let nothing = vec![0; disk.choices().len()];
    let left = disk.after_power_cut(&nothing);
    let mut broker = start(&left, 2);
    let log = broker.log().unwrap();
    assert_eq!(log.log_end_offset(), Offset(end + 2), "{context}: after another move");
    // A copy that was begun after a deletion lacks what that has deleted and the power brought
    // back.
    let again_first = log.log_start_offset();
    assert!(again_first.0 <= after.deleted_to.max(first), "{context}: starts at {again_first}");
    let again = read_all(log, again_first).unwrap_or_else(|e| panic!("{context}: {e}"));
    let expected = bytes(&after.model, again_first.0);
    let (old, added) = again.split_at(expected.len());
    assert!(old == expected, "{context}: after another move, from {again_first}");
    assert_eq!(added.len(), batch.len(), "{context}: after another move");
    assert_eq!(places(&left).len(), 1, "{context}");
}

fn run(seed: u64) -> usize {
    let mut world = World::new(seed);
    let mut random = Random::new(!seed);
    let (mut cuts, mut seen) = (0, BTreeSet::new());
    for at in 0..STEPS {
        let known = std::cell::RefCell::new(world.truth.clone());
        world.disk.keep_history();
        // What the cluster knows before the disk changes is known whatever happens to that.
        let what = world.step(|world| *known.borrow_mut() = world.truth.clone());
        let (before, after) = (known.into_inner(), world.truth.clone());
        let history = world.disk.take_history();
        let done = Step { seed, at, what, filter: "moves" };
        cuts += cut_after_each(&history, done, &mut random, |disk, is_done, context| {
            let promised = (before.model.acked, after.model.start, after.model.end, is_done);
            if !seen.insert((disk.fingerprint(), promised)) {
                return;
            }
            // Where the replica is may be known before the power goes, or not.
            if is_done && before.image != after.image {
                check(&disk.copy(), &after, &after, &context);
            }
            check(disk, &before, &after, &context);
        });
        if let Some(disk) = cut_now_and_then(&world.disk, &mut random) {
            world.disk = disk;
            world.start();
        }
    }
    cuts
}

#[test]
fn after_a_power_cut_at_any_moment_a_log_that_moves_is_in_one_place_and_right() {
    for seed in seeds(&[1, 2]) {
        let cuts = run(seed);
        assert!(cuts > 1000, "only {cuts} power cuts");
    }
}
