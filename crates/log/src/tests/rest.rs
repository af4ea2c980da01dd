//! A data directory at rest: two partitions, their truth, and what can happen to a file while
//! nobody looks.
//!
//! Kafka: nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use ottla_record::{BatchHeader, Batches, BuilderOptions, Compression};
use ottla_types::{LeaderEpoch, Offset, TopicPartition, Uuid};

use super::{
    compacted::Script,
    disk::SimDisk,
    model::{Model, Written, build},
    owner::{Found, OF_LOG, OF_OTHER, Owner, first_of},
    random::Random,
    world::{NOW, World, read_all, small},
};
use crate::{
    EpochCache, LogConfig, checkpoint,
    log_dir::RECOVERY_POINTS,
    names::{self, Kind},
};

/// Things done to the logs before they rest.
const STEPS: usize = 120;
/// When the older versions of the files are from.
const OLDER_STEP: usize = 80;

/// A partition at rest.
pub(crate) struct Kept {
    pub(crate) at: TopicPartition,
    pub(crate) topic_id: Uuid,
    /// What can be read of it while no file is damaged.
    pub(crate) model: Model,
    /// The base offsets of its segments.
    pub(crate) bases: Vec<i64>,
    /// Of the checkpoint: what is before it was on disk for good.
    pub(crate) point: i64,
    /// What it knows of leader epochs when it is opened, and what their checkpoint says.
    pub(crate) epochs: [EpochCache; 2],
}

/// A data directory at rest, what it holds, and older versions of its files.
pub(crate) struct Rest {
    pub(crate) disk: SimDisk,
    pub(crate) config: LogConfig,
    pub(crate) kept: Vec<Kept>,
    pub(crate) was_clean: bool,
    files: BTreeMap<String, Vec<u8>>,
    older: BTreeMap<String, Vec<u8>>,
}

/// One file that is no longer what it was.
pub(crate) struct Damage {
    pub(crate) name: String,
    pub(crate) what: &'static str,
    pub(crate) before: Vec<u8>,
    /// `None` if the file is gone.
    pub(crate) after: Option<Vec<u8>>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.what)
    }
}

/// The other partition of the directory, while it is filled.
struct Beside {
    model: Model,
    random: Random,
    is_compressed: bool,
}

impl Beside {
    fn new(owner: &mut Owner, seed: u64, is_compressed: bool) -> Self {
        owner.add_other();
        Self { model: Model::default(), random: Random::new(seed), is_compressed }
    }

    fn step(&mut self, owner: &mut Owner, step: usize) {
        if self.random.one_in(2) {
            return;
        }
        let compression = if self.is_compressed {
            Compression::ALL[self.random.below(Compression::ALL.len())]
        } else {
            Compression::None
        };
        let options = BuilderOptions { compression, ..BuilderOptions::default() };
        let timestamp = NOW + i64::try_from(step).unwrap();
        let mut batch = build(options, timestamp, self.random.range(1, 4), self.random.below(200));
        let epoch = LeaderEpoch(i32::try_from(step / 50).unwrap());
        owner.other.as_mut().unwrap().append_as_leader(&mut batch, epoch, NOW).unwrap();
        self.model.push(&batch);
    }
}

impl Rest {
    /// Of a log that all kinds of things were done to.
    pub(crate) fn new(seed: u64, is_compressed: bool) -> Self {
        let config = LogConfig { retention_bytes: 10_000, ..small() };
        let mut world = World::new(seed, config.clone());
        world.is_compressed = is_compressed;
        let mut beside = Beside::new(world.owner(), !seed, is_compressed);
        let mut older = BTreeMap::new();
        for step in 0..STEPS {
            world.step();
            beside.step(world.owner(), step);
            if step == OLDER_STEP {
                older = world.disk.files();
            }
        }
        let was_clean = seed.is_multiple_of(2);
        if was_clean {
            world.stop();
        }
        let mut this = Self::of(world.disk.copy(), config, was_clean, older);
        for (kept, model) in this.kept.iter_mut().zip([world.model, beside.model]) {
            let written: Vec<&Written> = model.from(kept.model.start).collect();
            assert_eq!(kept.model.batches.iter().collect::<Vec<_>>(), written);
            assert_eq!(kept.model.end, model.end);
            // Transactions may have begun in what was deleted.
            kept.model.batches = model.batches;
        }
        this
    }

    /// Of a log that was compacted.
    pub(crate) fn compacted(seed: u64, is_compressed: bool) -> Self {
        let mut script = Script::new(seed);
        script.is_compressed = is_compressed;
        let mut beside = Beside::new(script.owner(), !seed, is_compressed);
        let mut older = BTreeMap::new();
        for step in 0..STEPS {
            script.step();
            beside.step(script.owner(), step);
            if step == OLDER_STEP {
                older = script.disk.files();
            }
        }
        let was_clean = seed.is_multiple_of(2);
        let config = script.owner().log.config().clone();
        if was_clean {
            script.stop();
        }
        let this = Self::of(script.disk.copy(), config, was_clean, older);
        let has_holes =
            this.kept[0].model.batches.windows(2).any(|pair| pair[0].next() < pair[1].base());
        assert!(has_holes, "seed {seed} compacted nothing away");
        this
    }

    fn of(
        disk: SimDisk,
        config: LogConfig,
        was_clean: bool,
        older: BTreeMap<String, Vec<u8>>,
    ) -> Self {
        let files = disk.files();
        let points =
            files.get(RECOVERY_POINTS).map(|content| checkpoint::parse_offsets(content).unwrap());
        let found = Found::take(disk.copy().root()).unwrap();
        let kept = [OF_LOG, OF_OTHER].map(|(topic, topic_id)| {
            let at = first_of(topic);
            let log = found.open(&at, topic_id, &config).unwrap();
            let (start, end) = (log.log_start_offset(), log.log_end_offset());
            let bytes = read_all(&log, start).unwrap();
            let batches =
                Batches::new(&bytes).map(|batch| Written::new(batch.unwrap().1)).collect();
            let point = points.as_ref().and_then(|points| points.get(&at)).map_or(0, |at| at.0);
            let model = Model { batches, start: start.0, end: end.0, ..Model::default() };
            let names = files.keys().filter_map(|name| segment_of(name, &at));
            let bases = names.filter(|(_, kind)| *kind == Kind::Log).map(|(base, _)| base.0);
            let checkpoint = files.get(&format!("{at}/{}", names::LEADER_EPOCHS));
            let checkpoint = checkpoint.map(|content| EpochCache::parse(content).unwrap());
            let epochs = [log.epochs().clone(), checkpoint.unwrap_or_default()];
            Kept { bases: bases.collect(), at, topic_id, model, point, epochs }
        });
        Self { disk, config, kept: kept.into(), was_clean, files, older }
    }

    /// Whether there was a file of this name.
    pub(crate) fn has_file(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }

    /// Changes, one at a time, to the segment that holds the recovery point.
    pub(crate) fn around_the_recovery_point(&self, kept: &Kept) -> Vec<Damage> {
        let base = kept.bases.iter().rfind(|base| **base <= kept.point).unwrap();
        let name = format!("{}/{base:020}.log", kept.at);
        let before = &self.files[&name];
        let damage = |what, after| Damage {
            name: name.clone(),
            what,
            before: before.clone(),
            after: Some(after),
        };
        let places = (0..before.len()).step_by(61);
        let changes = places.flat_map(|at| {
            let mut flipped = before.clone();
            flipped[at] ^= 4;
            [damage("a flipped bit", flipped), damage("a lost end", before[..at].to_vec())]
        });
        changes.collect()
    }

    /// Changes, one at a time, to the leader epochs of batches and to what the checkpoint says of
    /// them.
    pub(crate) fn around_leader_epochs(&self, kept: &Kept) -> Vec<Damage> {
        let flipped = |name: &String, at: usize, bit: usize| {
            let (before, what) = (self.files[name].clone(), "a flipped bit");
            let mut after = before.clone();
            after[at] ^= 1 << bit;
            Damage { name: name.clone(), what, before, after: Some(after) }
        };
        let mut damages = Vec::new();
        for (name, content) in &self.files {
            if *name == format!("{}/{}", kept.at, names::LEADER_EPOCHS) {
                damages.extend((0..content.len()).map(|at| flipped(name, at, at % 5)));
            } else if segment_of(name, &kept.at).is_some_and(|(_, kind)| kind == Kind::Log) {
                let mut position = 0;
                while let Some(Ok((header, _))) = Batches::new(&content[position..]).next() {
                    // The low bits decide what it is mistaken for.
                    let (byte, bit) = [(15, 0), (15, 1), (15, 2), (12, 7)][damages.len() % 4];
                    damages.push(flipped(name, position + byte, bit));
                    position += header.size();
                }
            }
        }
        damages
    }

    /// Changes one file; `None` if nothing has changed.
    pub(crate) fn damage(&self, disk: &SimDisk, random: &mut Random) -> Option<Damage> {
        // Every kind of file as often as every other.
        let kind = |name: &String| name.rsplit(['.', '/']).next().unwrap().to_owned();
        let kinds: BTreeSet<String> = self.files.keys().map(kind).collect();
        let wanted = kinds.iter().nth(random.below(kinds.len())).unwrap();
        let names: Vec<&String> = self.files.keys().filter(|name| kind(name) == *wanted).collect();
        let name = names[random.below(names.len())];
        let content = &self.files[name];
        let (what, after) = match random.below(7) {
            5 => {
                let older = self.older.get(name)?;
                // What a truncation has replaced was once right as well.
                if wanted == "log" && !content.starts_with(older) {
                    return None;
                }
                ("an older version", Some(older.clone()))
            }
            how => changed(content, how, random),
        };
        if after.as_ref() == Some(content) {
            return None;
        }
        disk.put(name, after.clone());
        Some(Damage { name: name.clone(), what, before: content.clone(), after })
    }
}

impl Kept {
    /// Whether a batch cannot have this leader epoch. It can where epochs still only grow and the
    /// checkpoint might as well be what has changed, and where the checkpoint does not know the
    /// batch's yet.
    fn contradicts(&self, batch: &Written, changed: LeaderEpoch) -> bool {
        let batches = &self.model.batches;
        let at = batches.iter().position(|it| it == batch).unwrap();
        let own = batch.header.leader_epoch;
        let epoch = |it: &Written| it.header.leader_epoch;
        let before = at.checked_sub(1).map(|at| &batches[at]);
        let before = before.filter(|it| it.base() >= self.bases[0]).map(epoch);
        let after = batches.get(at + 1).map(epoch);
        let in_order = before.is_none_or(|before| before <= changed)
            && after.is_none_or(|after| changed <= after);
        let knows = |epoch| self.epochs[1].entries().iter().any(|entry| entry.0 == epoch);
        let is_unheard_of = Some(own) == after && before != Some(changed);
        !in_order || is_unheard_of && knows(own) && !knows(changed)
    }
}

/// One of the ways in which a file may change, whatever it holds.
fn changed(content: &[u8], how: usize, random: &mut Random) -> (&'static str, Option<Vec<u8>>) {
    let (size, mut after) = (content.len(), content.to_vec());
    match how {
        0 | 1 if size > 0 => {
            after[random.below(size)] ^= 1 << random.below(8);
            ("a flipped bit", Some(after))
        }
        2 if size > 0 => {
            let from = random.below(size) / 512 * 512;
            after[from..size.min(from + 512)].fill(0);
            ("a zeroed block", Some(after))
        }
        3 if size > 0 => ("a lost end", Some(content[..random.below(size)].to_vec())),
        4 => {
            let more = random.range(1, 2000);
            let zeros = random.one_in(2);
            let byte = |random: &mut Random| if zeros { 0 } else { random.any().to_le_bytes()[0] };
            after.extend((0..more).map(|_| byte(random)));
            ("a longer end", Some(after))
        }
        _ => ("no file", None),
    }
}

/// The segment and the kind of a partition's file.
pub(crate) fn segment_of(name: &str, at: &TopicPartition) -> Option<(Offset, Kind)> {
    let (dir, name) = name.split_once('/')?;
    names::parse(name).filter(|_| dir == at.to_string())
}

/// A batch of a segment file as it was, and where it lay in the file.
struct Lain {
    position: usize,
    batch: Written,
}

impl Damage {
    /// The first byte that is not what it was.
    fn position(&self) -> usize {
        let Some(after) = &self.after else { return 0 };
        let same = self.before.iter().zip(after).take_while(|(before, after)| before == after);
        same.count()
    }

    fn lain(&self) -> Vec<Lain> {
        let mut position = 0;
        let mut lain = Vec::new();
        for batch in Batches::new(&self.before) {
            let batch = Written::new(batch.unwrap().1);
            let size = batch.bytes.len();
            lain.push(Lain { position, batch });
            position += size;
        }
        lain
    }

    /// The segment whose batches were damaged, with what of it is as it was, exclusive.
    pub(crate) fn intact_to(&self, kept: &Kept) -> Option<(i64, i64)> {
        let (base, _) = segment_of(&self.name, &kept.at).filter(|(_, kind)| *kind == Kind::Log)?;
        let position = self.position();
        let whole = self.lain().into_iter().rfind(|lain| {
            self.after.is_some() && lain.position + lain.batch.bytes.len() <= position
        });
        let end = whole.map_or(base.0, |lain| lain.batch.next());
        Some((base.0, end))
    }

    /// What else the log may now be taken for, since nothing in the directory speaks against it.
    pub(crate) fn passes_for(&self, kept: &Kept, rest: &Rest) -> Option<Model> {
        let is_log = segment_of(&self.name, &kept.at).is_some_and(|(_, kind)| kind == Kind::Log);
        if !is_log {
            return None;
        }
        let may_have_holes = rest.config.cleanup_compact;
        let (lain, position) = (self.lain(), self.position());
        let mut model = kept.model.clone();
        match &self.after {
            // Of a compacted log whole segments go, as the power may between those of one round.
            // The index that is left is then one of those that the crash has left.
            None if may_have_holes && !rest.was_clean => {
                model.batches.retain(|kept| lain.iter().all(|lain| lain.batch != *kept));
            }
            None => return None,
            // Compaction may have taken away the last records of any segment but the active one.
            Some(after) if may_have_holes && after.len() == position => {
                let is_boundary = lain.iter().any(|lain| lain.position == position);
                if !is_boundary {
                    return None;
                }
                let lost = |kept: &Written| {
                    lain.iter().any(|lain| lain.position >= position && lain.batch == *kept)
                };
                model.batches.retain(|kept| !lost(kept));
            }
            Some(after) => {
                let at = lain.iter().rposition(|lain| lain.position <= position)?;
                let Lain { position: from, batch } = &lain[at];
                let bytes = after.get(*from..from + batch.bytes.len())?;
                let differing = self.before.iter().zip(after).filter(|(was, is)| was != is).count();
                if differing != 1 || after.len() != self.before.len() {
                    return None;
                }
                match position - from {
                    // No checksum is over the leader epoch.
                    12..16 => {
                        let header = BatchHeader::parse(bytes).ok()?;
                        if kept.contradicts(batch, header.leader_epoch) {
                            return None;
                        }
                    }
                    // Nor is one over the offset, which may have moved within what may be a hole.
                    0..8 if may_have_holes => {
                        let header = BatchHeader::parse(bytes).ok()?;
                        let base = segment_of(&self.name, &kept.at)?.0.0;
                        let before = at.checked_sub(1).map_or(base, |at| lain[at].batch.next());
                        let next = kept.model.batches.iter().find(|it| it.base() > batch.base());
                        let has_room =
                            next.is_none_or(|next| header.next_offset().0 <= next.base());
                        if header.base_offset.0 < before || !has_room {
                            return None;
                        }
                    }
                    _ => return None,
                }
                *model.batches.iter_mut().find(|it| **it == *batch)? = Written::new(bytes);
            }
        }
        let last = model.batches.last().map_or(model.end, Written::next);
        model.end = model.end.max(last);
        Some(model)
    }
}
