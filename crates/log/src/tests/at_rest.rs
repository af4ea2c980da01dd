//! Files that change while nobody looks: no read gives something else than what was written,
//! nothing that was on disk for good is missing in silence, and what does not concern a log does
//! not harm it.
//!
//! `OTTLA_ROT_CASES=20000 cargo test -p ottla-log at_rest` tries more, from `OTTLA_ROT_FROM` on;
//! `OTTLA_ROT_CASE=…` repeats one.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use ottla_record::{BatchHeader, Batches, check_crc};
use ottla_types::Offset;

use super::{
    asked,
    disk::SimDisk,
    model::{Model, Written},
    owner::Found,
    random::Random,
    rest::{Damage, Kept, Rest, segment_of},
    world::NOW,
};
use crate::{
    AbortedTxn, EpochCache, FileRange, Log, LogReader, ReadError, checkpoint,
    log_dir::{LOG_STARTS, RECOVERY_POINTS},
    names::{self, Kind},
};

/// One log of a damaged directory, and what is to be held against it.
struct Case<'a> {
    rest: &'a Rest,
    kept: &'a Kept,
    damage: &'a Damage,
    /// What may be read: the truth, and what else it passes for.
    truths: Vec<Model>,
    context: String,
}

impl<'a> Case<'a> {
    fn new(rest: &'a Rest, kept: &'a Kept, damage: &'a Damage, seed: u64) -> Self {
        let mut truths = vec![kept.model.clone()];
        truths.extend(damage.passes_for(kept, rest));
        let context = format!("case {seed}, {damage} (clean: {}), {}", rest.was_clean, kept.at);
        Self { rest, kept, damage, truths, context }
    }

    /// What a damaged checkpoint says of the log, if it says something else than before.
    fn line(&self, checkpoint: &str) -> Option<i64> {
        let of = |content: &[u8]| {
            let offsets = checkpoint::parse_offsets(content).unwrap_or_default();
            offsets.get(&self.kept.at).map_or(0, |offset| offset.0)
        };
        let after = of(self.damage.after.as_deref().unwrap_or_default());
        let is_changed = self.damage.name == checkpoint && after != of(&self.damage.before);
        is_changed.then_some(after)
    }

    fn is_own_file(&self) -> bool {
        self.damage.name.starts_with(&format!("{}/", self.kept.at))
    }

    /// Whether it is the checkpoint of the log's leader epochs, for which no batch is refused.
    fn is_of_epochs(&self) -> bool {
        self.is_own_file() && self.damage.name.ends_with(names::LEADER_EPOCHS)
    }

    /// Whether the log may be refused or complained of: its own file is damaged, or a line about
    /// it. A file that is shared and cannot be read counts as empty, which harms none. An index of
    /// aborted transactions is made anew.
    fn may_complain(&self) -> bool {
        let found = segment_of(&self.damage.name, &self.kept.at);
        if found.is_some_and(|(_, kind)| kind == Kind::TxnIndex) {
            return false;
        }
        let claims = [LOG_STARTS, RECOVERY_POINTS].map(|name| self.line(name));
        let claims_too_much = claims.iter().flatten().any(|line| *line > self.kept.model.end);
        self.is_own_file() || claims_too_much
    }

    /// Whether a segment has lost its log.
    fn is_log_gone(&self) -> bool {
        let found = segment_of(&self.damage.name, &self.kept.at);
        found.is_some_and(|(_, kind)| kind == Kind::Log) && self.damage.after.is_none()
    }

    /// Whether a segment has lost its log and has an index.
    fn is_log_gone_beside_its_index(&self) -> bool {
        self.is_log_gone() && self.rest.has_file(&self.damage.name.replace(".log", ".index"))
    }

    /// The file that a refusal names: where nothing tells of a last segment that has no index yet,
    /// the line that says how far the log was on disk.
    fn told_name(&self) -> &str {
        let is_untold = self.is_log_gone() && !self.is_log_gone_beside_its_index();
        if is_untold { RECOVERY_POINTS } else { &self.damage.name }
    }

    /// Opens the log and reads everything. Whether there was a complaint.
    fn check(&self, disk: &SimDisk, found: &Found) -> bool {
        let context = &self.context;
        let before = disk.files();
        let open = || found.open(&self.kept.at, self.kept.topic_id, &self.rest.config);
        let mut log = match open() {
            Ok(log) => log,
            Err(error) => {
                assert!(self.may_complain(), "{context}: {error}");
                assert_told(&error.to_string(), self.told_name(), context);
                assert_same(&before, &disk.files(), &format!("{context}: {error}"));
                return true;
            }
        };
        assert!(!self.is_log_gone_beside_its_index(), "{context}: opened");
        let (start, end) = (log.log_start_offset().0, log.log_end_offset().0);
        let is_lost = self.check_start(start) | self.check_end(end);
        let complaints = self.check_reads(&mut log);
        // Indexes that readers found wrong are made anew, and nothing is deleted.
        log.apply_retention(NOW, Offset::ZERO).unwrap();
        let again = self.check_reads(&mut log);
        assert_eq!(complaints > 0, again > 0, "{context}: {complaints} complaints, then {again}");
        complaints > 0 || is_lost
    }

    /// Reads everything in many ways. How many complaints there were.
    fn check_reads(&self, log: &mut Log) -> usize {
        let context = &self.context;
        let bounds = (log.log_start_offset().0, log.log_end_offset().0);
        let reader = log.reader();
        self.check_epochs(log);
        let complaints = self.check_each(&reader, bounds)
            + usize::from(self.check_timestamps(&reader, bounds))
            + usize::from(self.check_committed(log, bounds))
            + usize::from(self.check_whole(&reader, bounds));
        let may_complain = self.may_complain() && !self.is_of_epochs();
        assert!(complaints == 0 || may_complain, "{context}: {complaints} complaints");
        complaints
    }

    /// The log starts where it did. Whether it does not, and that is no wonder.
    fn check_start(&self, start: i64) -> bool {
        let (context, kept) = (&self.context, self.kept);
        if let Some(line) = self.line(LOG_STARTS) {
            // After a stop in order the leader epochs tell a number that is too large. Else nothing
            // tells a wrong one from the right one.
            let told = line.max(kept.bases[0]);
            let is_known = start == kept.model.start && start < told;
            assert!(start == told || is_known, "{context}: starts at {start}, not {told}");
            return true;
        }
        if start == kept.model.start {
            return false;
        }
        assert!(self.is_of_epochs() && self.rest.was_clean, "{context}: starts at {start}");
        // Two checkpoints name a start, and of one that knows all epochs nothing tells that it is
        // the wrong one. The log has more than it should then, and not less.
        let epochs = EpochCache::parse(self.damage.after.as_ref().unwrap()).unwrap();
        let newest = kept.model.batches.last().map(|batch| batch.header.leader_epoch);
        let begun = epochs.entries()[0].1.0.max(kept.bases[0]);
        assert!(start == begun && epochs.latest() == newest, "{context}: starts at {start}");
        true
    }

    /// The log ends where it did. Whether it does not, and that is no wonder: after an unclean stop
    /// everything from the damage on may be gone, but nothing that was on disk for good.
    fn check_end(&self, end: i64) -> bool {
        let (context, kept) = (&self.context, self.kept);
        if end == kept.model.end {
            return false;
        }
        if self.truths.iter().any(|truth| truth.end == end) {
            return true;
        }
        let Some((base, intact_to)) = self.damage.intact_to(kept) else {
            panic!("{context}: ends at {end}, not {}", kept.model.end)
        };
        let next = kept.bases.iter().find(|next| **next > base);
        let was_on_disk = next.is_some_and(|next| *next <= kept.point);
        let least = kept.point.max(intact_to);
        assert!(
            !self.rest.was_clean && !was_on_disk && (least..kept.model.end).contains(&end),
            "{context}: ends at {end}, not {}; {intact_to} and {} were safe",
            kept.model.end,
            kept.point
        );
        true
    }

    /// Whether one of the truths has this.
    fn is_true<T: PartialEq>(&self, found: &T, of: impl Fn(&Model) -> T) -> bool {
        self.truths.iter().any(|truth| of(truth) == *found)
    }

    /// What is known of leader epochs, whatever a batch says.
    fn check_epochs(&self, log: &Log) {
        let damaged = self.damage.intact_to(self.kept).map(|(_, intact_to)| intact_to);
        // What a start that is gone lets read again was forgotten.
        let start = log.log_start_offset().max(Offset(self.kept.model.start));
        let end = log.log_end_offset().0;
        let batches = self.kept.model.from(start.0).filter(|batch| batch.next() <= end);
        for batch in batches.filter(|batch| damaged != Some(batch.base())) {
            let offset = start.max(batch.header.base_offset);
            let (found, expected) = (log.leader_epoch_for(offset), batch.header.leader_epoch);
            assert!(
                found == Some(expected) || self.is_of_epochs(),
                "{}: {found:?} wrote {offset}",
                self.context
            );
        }
    }

    /// One batch at a time. How many there is a complaint of.
    fn check_each(&self, reader: &LogReader, (start, end): (i64, i64)) -> usize {
        let context = &self.context;
        let mut complaints = 0;
        for batch in self.kept.model.from(start).filter(|batch| batch.base() < end) {
            let offset = start.max(i64::midpoint(batch.base(), batch.next()));
            match reader.read(Offset(offset), 1, Offset(end), true) {
                Ok(range) => {
                    let bytes = range.read().unwrap().to_vec();
                    let is_it = self.is_true(&bytes, |truth| {
                        let first = truth.from(offset).next().filter(|batch| batch.base() < end);
                        first.map_or(Vec::new(), |batch| batch.bytes.clone())
                    });
                    assert!(is_it, "{context}: read at {offset}");
                    assert!(bytes.is_empty() || check_crc(&bytes).is_ok());
                }
                Err(ReadError::Damaged { .. }) => complaints += 1,
                Err(error) => panic!("{context}: {error}"),
            }
        }
        complaints
    }

    /// Many batches in one read.
    fn check_whole(&self, reader: &LogReader, (start, end): (i64, i64)) -> bool {
        let context = &self.context;
        let mut complained = false;
        let whole = self.kept.model.from(start).filter(|batch| batch.next() <= end);
        for from in whole.step_by(7).map(|batch| batch.base().max(start)) {
            match reader.read(Offset(from), 4000, Offset(end), true) {
                Ok(range) => {
                    let bytes = range.read().unwrap();
                    let begins = |truth: &Model| {
                        let stream = truth.from(from).flat_map(|batch| batch.bytes.iter());
                        stream.take(bytes.len()).eq(bytes.iter())
                    };
                    assert!(self.truths.iter().any(begins), "{context}: read from {from} on");
                }
                Err(ReadError::Damaged { .. }) => complained = true,
                Err(error) => panic!("{context}: {error}"),
            }
        }
        complained
    }

    /// What a reader of committed records gets to see.
    fn check_committed(&self, log: &mut Log, (start, end): (i64, i64)) -> bool {
        let (context, truth) = (&self.context, self.kept.model.up_to(end));
        let stable = truth.open().into_values().min().unwrap_or(end).max(start);
        assert_eq!(log.last_stable_offset(Offset(end)).0, stable, "{context}: stable");
        let (mut next, mut complained) = (start, false);
        while next < stable {
            let range = match log.reader().read(Offset(next), 1500, Offset(stable), true) {
                Ok(range) if range.is_empty() => break,
                Ok(range) => range,
                Err(ReadError::Damaged { .. }) => {
                    complained = true;
                    next = truth.from(next).next().map_or(stable, Written::next);
                    continue;
                }
                Err(error) => panic!("{context}: {error}"),
            };
            let bytes = range.read().unwrap();
            let batches = Batches::new(&bytes).map_while(Result::ok);
            let last = batches.clone().last();
            let after = last.map_or(stable, |(header, _)| header.next_offset().0);
            assert!(after > next, "{context}: from {next} on to {after}");
            next = after;
            match aborted(log, range.base_offset, &range) {
                Ok(aborted) => self.check_skipped(&truth, &aborted, batches),
                Err(ReadError::Damaged { .. }) => complained = true,
                Err(error) => panic!("{context}: {error}"),
            }
        }
        complained
    }

    /// A client that is told of these aborted transactions skips what was aborted, and nothing
    /// else.
    fn check_skipped<'b>(
        &self,
        truth: &Model,
        aborted: &[AbortedTxn],
        batches: impl Iterator<Item = (BatchHeader, &'b [u8])>,
    ) {
        let mut skipped = BTreeSet::new();
        let mut upcoming: Vec<&AbortedTxn> = aborted.iter().collect();
        upcoming.sort_by_key(|txn| Reverse(txn.first_offset));
        for (header, batch) in batches {
            while let Some(txn) = upcoming.pop_if(|txn| txn.first_offset <= header.last_offset()) {
                skipped.insert(txn.producer_id);
            }
            let producer_id = header.producer_id;
            if let Some(marker) = Written::new(batch).marker() {
                if !marker.committed {
                    skipped.remove(&producer_id);
                }
            } else if header.attributes.is_transactional() && header.record_count > 0 {
                let is_read = !skipped.contains(&producer_id);
                let at = header.base_offset;
                assert_eq!(is_read, truth.is_committed(&header), "{}: {at}", self.context);
            }
        }
    }

    fn check_timestamps(&self, reader: &LogReader, (start, end): (i64, i64)) -> bool {
        let (context, mut complained) = (&self.context, false);
        let batches: Vec<&Written> = self.kept.model.from(start).step_by(6).collect();
        for timestamp in batches.iter().map(|batch| batch.header.max_timestamp) {
            match reader.offset_for_timestamp(timestamp) {
                Ok(found) => {
                    let found = found.map(|found| (found.offset.0, found.leader_epoch));
                    let is_it = self
                        .is_true(&found, |truth| truth.up_to(end).at_timestamp(start, timestamp));
                    assert!(is_it, "{context}: {found:?} at {timestamp}");
                }
                Err(ReadError::Damaged { .. }) => complained = true,
                Err(error) => panic!("{context}: {error}"),
            }
        }
        complained
    }
}

/// As the owner of a log answers a reader.
fn aborted(log: &mut Log, start: Offset, range: &FileRange) -> Result<Vec<AbortedTxn>, ReadError> {
    loop {
        match log.reader().aborted_in_range(start, range) {
            Err(ReadError::WronglyIndexed { one, other, seen, .. }) => {
                log.mend_txn_indexes(one, other, seen)?;
            }
            aborted => return aborted,
        }
    }
}

/// A refusal changes nothing: a second look finds the same, and so does a file that is brought
/// back.
fn assert_same(
    before: &BTreeMap<String, Vec<u8>>,
    after: &BTreeMap<String, Vec<u8>>,
    context: &str,
) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let changed: Vec<&String> =
        names.into_iter().filter(|name| before.get(*name) != after.get(*name)).collect();
    assert!(changed.is_empty(), "{context}, which changed {changed:?}");
}

/// A refusal names the file, the place in it where there is one, and the command that shows it.
fn assert_told(message: &str, name: &str, context: &str) {
    assert!(message.contains(name), "{context}: the file is not named in: {message}");
    let places = ["at position ", "at offset ", "in line ", "has the line ", ".log is missing"];
    assert!(places.iter().any(|place| message.contains(place)), "{context}: where? {message}");
    assert!(message.contains(" with: ottla log "), "{context}: no command in: {message}");
}

/// What the directory was filled with: of each kind one that was left in order and one that was
/// not.
fn rests() -> Vec<Rest> {
    let plain = (0..8).map(|seed| Rest::new(seed, false));
    let compressed = (8..10).map(|seed| Rest::new(seed, true));
    let compacted = (10..12).map(|seed| Rest::compacted(seed, false));
    let both = (12..14).map(|seed| Rest::compacted(seed, true));
    plain.chain(compressed).chain(compacted).chain(both).collect()
}

#[test]
fn at_rest_damage_never_gives_a_wrong_read_and_harms_no_other_log() {
    let only: Option<u64> = asked::number("OTTLA_ROT_CASE");
    let cases = only.map_or_else(|| asked::number("OTTLA_ROT_CASES").unwrap_or(2000), |_| 1);
    let rests = rests();
    let from = asked::number("OTTLA_ROT_FROM").unwrap_or(0);
    let (mut tried, mut complaints, mut seed) = (0, 0, only.map_or(from, |only| only - 1));
    while tried < cases {
        seed += 1;
        let mut random = Random::new(seed);
        let rest = &rests[random.below(rests.len())];
        let disk: SimDisk = rest.disk.copy();
        let Some(damage) = rest.damage(&disk, &mut random) else { continue };
        tried += 1;
        let found = match Found::take(disk.root()) {
            Ok(found) => found,
            Err(error) => panic!("case {seed}, {damage}: {error}"),
        };
        for kept in &rest.kept {
            complaints += usize::from(Case::new(rest, kept, &damage, seed).check(&disk, &found));
        }
    }
    assert!(only.is_some() || complaints > cases / 10, "only {complaints} complaints");
}

/// Checks every one of these damages, of one log of a directory. Most of them are complained of.
fn check_each_damage(
    rests: impl Iterator<Item = Rest>,
    damages: impl Fn(&Rest, &Kept) -> Vec<Damage>,
) {
    let (mut seed, mut complaints) = (0, 0);
    for rest in rests {
        for kept in &rest.kept {
            for damage in damages(&rest, kept) {
                seed += 1;
                let disk = rest.disk.copy();
                disk.put(&damage.name, damage.after.clone());
                let found = Found::take(disk.root()).unwrap();
                let case = Case::new(&rest, kept, &damage, seed);
                complaints += u64::from(case.check(&disk, &found));
            }
        }
    }
    assert!(complaints > seed / 2, "only {complaints} complaints of {seed}");
}

/// Where recovery begins, before and after what was on disk for good: the one place where it could
/// cut off too much.
#[test]
fn at_rest_nothing_is_cut_off_before_the_recovery_point() {
    let unclean = rests().into_iter().filter(|rest| !rest.was_clean);
    check_each_damage(unclean, Rest::around_the_recovery_point);
}

/// Which of the two is wrong is decided by what lies beside it: every one of them is tried.
#[test]
fn at_rest_a_leader_epoch_that_changed_is_told_from_a_checkpoint_that_did() {
    check_each_damage(rests().into_iter(), Rest::around_leader_epochs);
}

/// Without it the other tests could not fail.
#[test]
fn at_rest_what_was_not_damaged_is_all_there() {
    for rest in rests() {
        let found = Found::take(rest.disk.copy().root()).unwrap();
        assert_eq!(found.log_dir.was_left_by_ottla(), rest.was_clean);
        for kept in &rest.kept {
            let log: Log = found.open(&kept.at, kept.topic_id, &rest.config).unwrap();
            assert!(kept.bases.len() > 2, "{}: {:?}", kept.at, kept.bases);
            assert_eq!(log.log_end_offset().0, kept.model.end, "{}", kept.at);
            assert!(!rest.was_clean || kept.point == kept.model.end, "{}", kept.at);
        }
    }
}
