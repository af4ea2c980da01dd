//! The clients of the simulation. They take turns; what one does in a turn is done at once.

use serde_json::{Value, json};

use super::{
    Fault,
    log::{Cluster, Stand, View},
};

const TURNS: u64 = 900;

/// Everything that one run has.
pub(super) struct Run {
    cluster: Cluster,
    lines: String,
    random: u64,
    turn: u64,
    t_ns: i64,
    i: u64,
    value: u64,
    process: u32,
    fault: Option<Fault>,
    /// From which turn on the fault may strike.
    armed: u64,
    has_struck: bool,
}

/// Lets all clients do what they like, and gives the history and whether the fault struck.
pub(super) fn run(seed: u64, fault: Option<Fault>) -> (String, bool) {
    let mut run = Run {
        cluster: Cluster::default(),
        lines: String::new(),
        random: seed,
        turn: 0,
        t_ns: 0,
        i: 0,
        value: 0,
        process: 0,
        fault,
        armed: 0,
        has_struck: false,
    };
    run.armed = run.below(TURNS / 2);
    let settings = json!({
        "compacted": ["c"], "copies": [{"input": "in", "output": "out", "group": "copier"}],
    });
    run.push(&json!({"type": "settings", "settings": settings}));
    let mut clients: Vec<Box<dyn Client>> = vec![
        Box::new(Plain::new(&mut run, "p-0")),
        Box::new(Plain::new(&mut run, "in-0")),
        Box::new(Plain::new(&mut run, "c-0")),
        Box::new(Transactor::new(&mut run, "t1", false)),
        Box::new(Transactor::new(&mut run, "t1", false)),
        Box::new(Transactor::new(&mut run, "t2", false)),
        Box::new(Transactor::new(&mut run, "copier", true)),
        Box::new(Consumer::new(&mut run, "x-0", View::Committed)),
        Box::new(Consumer::new(&mut run, "x-1", View::Committed)),
        Box::new(Consumer::new(&mut run, "x-0", View::All)),
        Box::new(Consumer::new(&mut run, "p-0", View::Committed)),
        Box::new(Watcher::new(&mut run)),
        Box::new(Members::new(&mut run)),
    ];
    while run.turn < TURNS {
        run.turn += 1;
        let at = run.below(clients.len() as u64) as usize;
        clients[at].turn(&mut run);
    }
    drop(clients);
    run.end();
    (run.lines, run.has_struck)
}

trait Client {
    fn turn(&mut self, run: &mut Run);
}

impl Run {
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    fn new_value(&mut self) -> u64 {
        self.value += 1;
        self.value
    }

    fn new_process(&mut self) -> u32 {
        self.process += 1;
        self.process
    }

    /// Whether this is the place and the time for the fault.
    fn strikes(&mut self, fault: Fault) -> bool {
        let now = self.fault == Some(fault) && !self.has_struck && self.turn >= self.armed;
        self.has_struck |= now;
        now
    }

    fn push(&mut self, event: &Value) {
        self.lines.push_str(&event.to_string());
        self.lines.push('\n');
    }

    fn say(&mut self, process: u32, kind: &str, function: &str, steps: &Value, more: &Value) {
        self.i += 1;
        self.t_ns += 1000;
        let mut event = json!({"i": self.i, "proc": process, "t_ns": self.t_ns, "type": kind,
            "f": function, "v": steps});
        let fields = event.as_object_mut().unwrap();
        fields.extend(more.as_object().cloned().unwrap_or_default());
        self.push(&event);
    }

    fn at_once(&mut self, process: u32, function: &str, steps: &Value, more: &Value) {
        self.say(process, "invoke", function, &json!([]), more);
        self.say(process, "ok", function, steps, more);
    }

    fn logs(&self, key: &str) -> Value {
        let (stable, high) = (self.cluster.stable(key), self.cluster.end(key));
        json!(["logs", {key: {"start": 0, "hw": high, "lso": stable}}])
    }

    /// Faults end, transactions time out, and everything is read.
    fn end(&mut self) {
        self.turn = TURNS;
        let process = self.new_process();
        self.at_once(process, "heal", &json!([]), &json!({}));
        self.say(
            process,
            "invoke",
            "send",
            &json!([["send", "p-0", [null, 1_000_000]]]),
            &json!({}),
        );
        if !self.strikes(Fault::StandStill) {
            let at = self.cluster.append("p-0", 1_000_000, None);
            self.say(process, "ok", "send", &json!([["send", "p-0", [at, 1_000_000]]]), &json!({}));
            self.at_once(process, "poll", &json!([["poll", {}]]), &json!({}));
        }
        let open: Vec<usize> = self.cluster.open.values().copied().collect();
        for txn in open {
            if self.strikes(Fault::LeaveOpen) {
                continue;
            }
            self.cluster.finish(txn, Stand::Aborted);
        }
        let keys: Vec<String> = self.cluster.logs.keys().cloned().collect();
        // Open transactions without records bar nothing.
        let bars = keys.iter().any(|key| self.cluster.stable(key) < self.cluster.end(key));
        self.has_struck &= self.fault != Some(Fault::LeaveOpen) || bars;
        for wait_s in [0, 70, 70] {
            self.t_ns += wait_s * 1_000_000_000;
            for key in &keys {
                let logs = self.logs(key);
                let reader = self.new_process();
                self.at_once(reader, "list_offsets", &json!([logs]), &json!({}));
            }
        }
        self.ask("copier", "in-0");
        for key in &keys {
            self.read(key, View::Committed);
            self.read(key, View::All);
        }
    }

    fn ask(&mut self, group: &str, key: &str) {
        let at = self.cluster.offsets.get(&(group.to_owned(), key.to_owned())).copied();
        let steps = json!([["offsets", {key: at}]]);
        let process = self.new_process();
        self.at_once(process, "committed", &steps, &json!({"group": group}));
    }

    fn read(&mut self, key: &str, view: View) {
        let mut records = self.cluster.read(key, 0, view);
        if key == "c-0" {
            records = self.compacted(&records);
        }
        let isolation = isolation(view);
        let steps = json!([["poll", {key: records}], self.logs(key)]);
        let process = self.new_process();
        self.at_once(process, "read", &steps, &json!({"isolation": isolation}));
    }

    /// Keys are numbers below 3, and so what a value gives when it is divided by 3; what can be
    /// divided by 5 deletes its key.
    fn compacted(&mut self, records: &[(i64, u64)]) -> Vec<(i64, u64)> {
        let mut kept = Vec::new();
        for key in 0..3 {
            let of_key = records.iter().filter(|(_, value)| value % 3 == key);
            let of_key: Vec<(i64, u64)> = of_key.copied().collect();
            let Some((newest, older)) = of_key.split_last() else { continue };
            let deletes = newest.1.is_multiple_of(5);
            let fault = if deletes { Fault::ReviveKey } else { Fault::LoseNewestKey };
            let applies = !older.is_empty() && self.strikes(fault);
            match (applies, deletes) {
                (true, true) => kept.extend(older.last()),
                (true, false) => {}
                (false, _) => kept.push(*newest),
            }
        }
        kept.sort_unstable();
        kept
    }
}

fn isolation(view: View) -> &'static str {
    match view {
        View::Committed => "read_committed",
        View::All => "read_uncommitted",
    }
}

/// A producer without transactions.
struct Plain {
    process: u32,
    key: &'static str,
    values: Vec<u64>,
}

impl Plain {
    fn new(run: &mut Run, key: &'static str) -> Self {
        Self { process: run.new_process(), key, values: Vec::new() }
    }

    fn steps(&self, offsets: &[Option<i64>]) -> Value {
        let steps = self.values.iter().zip(offsets).map(|(value, offset)| {
            let mut about = json!({});
            if self.key == "c-0" {
                about = json!({"key": (value % 3).to_string(), "tombstone": value % 5 == 0});
            }
            json!(["send", self.key, [offset, value], about])
        });
        steps.collect()
    }
}

impl Client for Plain {
    fn turn(&mut self, run: &mut Run) {
        if self.values.is_empty() {
            let count = 1 + run.below(2);
            self.values = (0..count).map(|_| run.new_value()).collect();
            run.say(self.process, "invoke", "send", &self.steps(&[None, None]), &json!({}));
            // The newest record of a key is not known where the end of a later write is not.
            if self.key != "c-0" {
                return;
            }
        }
        let known = !run.percent(10) || self.key == "c-0";
        let applied = known || run.percent(50);
        let mut offsets = Vec::new();
        let swapped = known && self.values.len() == 2 && run.strikes(Fault::SwapSends);
        if swapped {
            self.values.reverse();
        }
        for value in &self.values {
            if !applied {
                offsets.push(None);
                continue;
            }
            let end = run.cluster.end(self.key);
            let at = if known && self.key != "c-0" && run.strikes(Fault::AckBeforeAppend) {
                end
            } else {
                run.cluster.append(self.key, *value, None)
            };
            if self.key == "p-0" && run.strikes(Fault::LeaveGap) {
                run.cluster.logs.get_mut(self.key).unwrap().push(None);
            }
            if self.key != "c-0" && run.strikes(Fault::AppendTwice) {
                run.cluster.append(self.key, *value, None);
            }
            let wrong = known && at > 0 && self.key != "c-0" && run.strikes(Fault::AckAtZero);
            offsets.push(known.then_some(if wrong { 0 } else { at }));
        }
        if swapped {
            self.values.reverse();
            offsets.reverse();
        }
        let fails = known && self.key != "c-0" && run.strikes(Fault::AckAsFailed);
        let end = if fails {
            "fail"
        } else if known {
            "ok"
        } else {
            "info"
        };
        run.say(self.process, end, "send", &self.steps(&offsets), &json!({}));
        self.values.clear();
        if known && !fails && self.key == "p-0" && run.strikes(Fault::Truncate) {
            run.cluster.logs.get_mut(self.key).unwrap().pop();
        }
    }
}

/// A transactional producer, as itself or as a copier.
struct Transactor {
    process: u32,
    id: &'static str,
    copies: bool,
    stand: At,
    txn: usize,
    /// Where to, what, where it went, and what it is a copy of.
    sends: Vec<(String, u64, Option<i64>, Option<u64>)>,
    polled: Vec<(i64, u64)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    New,
    Init,
    Idle,
    Sending(usize),
    Decided,
}

impl Transactor {
    fn new(run: &mut Run, id: &'static str, copies: bool) -> Self {
        let process = run.new_process();
        Self { process, id, copies, stand: At::New, txn: 0, sends: vec![], polled: vec![] }
    }

    fn more(&self) -> Value {
        if self.copies {
            json!({"txn_id": self.id, "group": "copier"})
        } else {
            json!({"txn_id": self.id})
        }
    }

    fn steps(&self) -> Value {
        let mut steps: Vec<Value> = Vec::new();
        if self.copies {
            steps.push(json!(["poll", {"in-0": self.polled}]));
        }
        for (key, value, at, from) in &self.sends {
            let about = from.map_or(json!({}), |from| json!({"from": from}));
            steps.push(json!(["send", key, [at, value], about]));
        }
        if let Some((last, _)) = self.polled.last() {
            steps.push(json!(["offsets", {"in-0": last + 1}]));
        }
        json!(steps)
    }

    fn begins(&mut self, run: &mut Run) {
        self.polled.clear();
        if self.copies {
            let group = ("copier".to_owned(), "in-0".to_owned());
            let at = run.cluster.offsets.get(&group).copied().unwrap_or(0);
            run.at_once(self.process, "seek", &json!([["offsets", {"in-0": at}]]), &json!({}));
            let mut records = run.cluster.read("in-0", at, View::Committed);
            records.truncate(2);
            if records.is_empty() {
                return;
            }
            let copy =
                |(_, from): &(i64, u64)| ("out-0".into(), run.new_value(), None, Some(*from));
            self.sends = records.iter().map(copy).collect();
            self.polled = records;
        } else {
            let count = 1 + run.below(3);
            let send = |_| (format!("x-{}", run.below(2)), run.new_value(), None, None);
            self.sends = (0..count).map(send).collect();
        }
        self.txn = run.cluster.begin(self.id, self.process);
        run.say(self.process, "invoke", "txn", &self.steps(), &self.more());
        self.stand = At::Sending(0);
    }

    fn ends(&mut self, run: &mut Run, end: &str) {
        run.say(self.process, end, "txn", &self.steps(), &self.more());
        self.stand = if end == "ok" { At::Idle } else { At::New };
    }

    fn is_fenced(&self, run: &Run) -> bool {
        run.cluster.owners.get(self.id) != Some(&self.process)
    }

    fn sends(&mut self, run: &mut Run, at: usize) {
        let Some((key, value, place, _)) = self.sends.get_mut(at) else {
            if run.strikes(Fault::ShowOwn) {
                let (key, value, place, _) = &self.sends[0];
                let steps =
                    json!([["poll", {key: [[place, value]]}], ["send", key, [place, value]]]);
                run.cluster.finish(self.txn, Stand::Committed);
                run.say(self.process, "ok", "txn", &steps, &self.more());
                self.stand = At::Idle;
                return;
            }
            run.say(self.process, "progress", "txn", &self.steps(), &self.more());
            self.stand = At::Decided;
            return;
        };
        *place = Some(run.cluster.append(key, *value, Some(self.txn)));
        self.stand = At::Sending(at + 1);
    }

    fn decides(&mut self, run: &mut Run) {
        let commits = run.percent(75);
        let keys: std::collections::BTreeSet<_> = self.sends.iter().map(|send| &send.0).collect();
        let set_stand = |run: &mut Run, key: &str, stand| {
            let records = run.cluster.logs.get_mut(key).unwrap().iter_mut().flatten();
            for record in records.filter(|record| record.txn == Some(self.txn)) {
                record.overruled = Some(stand);
            }
        };
        if commits && keys.len() > 1 && run.strikes(Fault::TearCommit) {
            set_stand(run, &self.sends[0].0, Stand::Aborted);
        }
        let shows = !commits && run.strikes(Fault::ShowAborted);
        if shows {
            set_stand(run, &self.sends[0].0, Stand::Committed);
        }
        let group = ("copier".to_owned(), "in-0".to_owned());
        if let Some((last, _)) = self.polled.last() {
            let pending = (group.0.clone(), group.1.clone(), last + 1);
            run.cluster.pending.insert(self.txn, pending);
        }
        let before = run.cluster.offsets.get(&group).copied();
        run.cluster.finish(self.txn, if commits { Stand::Committed } else { Stand::Aborted });
        if let Some((last, _)) = self.polled.last() {
            if commits && run.strikes(Fault::LoseCopiedOffset) {
                run.cluster.offsets.insert(group.clone(), before.unwrap_or(0));
            }
            if !commits && run.strikes(Fault::CommitAbortedOffsets) {
                run.cluster.offsets.insert(group, last + 1);
                self.ends(run, "fail");
                run.ask("copier", "in-0");
                return;
            }
        }
        let end = if run.percent(15) && !shows {
            "info"
        } else if commits {
            "ok"
        } else {
            "fail"
        };
        self.ends(run, end);
    }
}

impl Client for Transactor {
    fn turn(&mut self, run: &mut Run) {
        let is_busy = matches!(self.stand, At::Sending(_) | At::Decided);
        if is_busy && run.percent(3) {
            run.say(self.process, "info", "crash", &json!([]), &json!({}));
            self.process = run.new_process();
            self.stand = At::New;
            return;
        }
        if is_busy && self.is_fenced(run) {
            let is_undecided = self.stand != At::Decided;
            if is_undecided && run.strikes(Fault::LetZombiesIn) {
                run.say(self.process, "progress", "txn", &self.steps(), &self.more());
                return self.ends(run, "ok");
            }
            return self.ends(run, "fail");
        }
        match self.stand {
            At::New => {
                run.say(self.process, "invoke", "init", &json!([]), &self.more());
                self.stand = At::Init;
            }
            At::Init => {
                run.cluster.init(self.id, self.process);
                run.say(self.process, "ok", "init", &json!([]), &self.more());
                self.stand = At::Idle;
            }
            At::Idle => self.begins(run),
            At::Sending(at) => self.sends(run, at),
            At::Decided => self.decides(run),
        }
    }
}

/// Reads one partition from its start on, and commits how far it is.
struct Consumer {
    process: u32,
    key: &'static str,
    view: View,
    position: Option<i64>,
    polled: bool,
}

impl Consumer {
    fn new(run: &mut Run, key: &'static str, view: View) -> Self {
        Self { process: run.new_process(), key, view, position: None, polled: false }
    }

    fn group(&self) -> String {
        format!("g{}", self.process)
    }
}

impl Client for Consumer {
    fn turn(&mut self, run: &mut Run) {
        let key = self.key;
        let Some(position) = self.position else {
            let steps = json!([["offsets", {key: 0}]]);
            run.at_once(self.process, "assign", &steps, &json!({}));
            self.position = Some(0);
            return;
        };
        if std::mem::take(&mut self.polled) {
            let more = json!({"group": self.group(), "isolation": isolation(self.view)});
            let steps = json!([["offsets", {key: position}]]);
            run.at_once(self.process, "commit", &steps, &more);
            let place = (self.group(), key.to_owned());
            let before = run.cluster.offsets.insert(place.clone(), position);
            if before != Some(position) && run.strikes(Fault::LoseGroupOffset) {
                run.cluster.offsets.remove(&place);
            }
            let group = self.group();
            run.ask(&group, key);
            return;
        }
        let mut records = run.cluster.read(key, position, self.view);
        records.truncate(1 + run.below(4) as usize);
        let Some((last, _)) = records.last().copied() else { return };
        self.position = Some(last + 1);
        self.polled = true;
        // Only a record that another poll will show, or another consumer has seen, is known.
        if records.len() > 1 && self.view == View::Committed {
            if run.strikes(Fault::SkipInPoll) {
                records.remove(0);
            } else if run.strikes(Fault::SwapWithinPoll) {
                records.swap(0, 1);
            } else if records.len() > 2 && run.strikes(Fault::SkipWithinPoll) {
                records.remove(1);
            }
        }
        if position > 0 && run.strikes(Fault::RepeatInPoll) {
            let again = run.cluster.read(key, 0, self.view)[0];
            records.insert(0, again);
            records.truncate(1);
        }
        let mut shown: Vec<(i64, Option<u64>)> =
            records.iter().map(|(at, value)| (*at, Some(*value))).collect();
        if run.strikes(Fault::ChangeContent) {
            shown[0].1 = None;
        }
        let more = json!({"isolation": isolation(self.view)});
        run.at_once(self.process, "poll", &json!([["poll", {key: shown}]]), &more);
    }
}

/// Asks for the ends of partitions, and sometimes reads what it must not.
struct Watcher {
    process: u32,
}

impl Watcher {
    fn new(run: &mut Run) -> Self {
        Self { process: run.new_process() }
    }
}

impl Client for Watcher {
    fn turn(&mut self, run: &mut Run) {
        let key = ["x-0", "x-1", "p-0"][run.below(3) as usize];
        let (stable, high) = (run.cluster.stable(key), run.cluster.end(key));
        let logs = run.logs(key);
        run.at_once(self.process, "list_offsets", &json!([logs]), &json!({}));
        let (mut lower_stable, mut lower_high) = (stable, high);
        if stable > 0 && run.strikes(Fault::LowerLastStable) {
            lower_stable -= 1;
        } else if high > 0 && run.strikes(Fault::LowerHighWatermark) {
            (lower_stable, lower_high) = (stable.min(high - 1), high - 1);
        } else if run.strikes(Fault::StableAbove) {
            lower_stable = high + 1;
        }
        let logs = json!([["logs", {key: {"hw": lower_high, "lso": lower_stable}}]]);
        run.at_once(self.process, "list_offsets", &logs, &json!({}));
        // What is open and will be aborted is shown.
        let all = run.cluster.read(key, stable, View::All);
        let of_open = all
            .first()
            .and_then(|_| run.cluster.logs[key][stable as usize].and_then(|record| record.txn));
        if let (Some(txn), Some(record)) = (of_open, all.first())
            && run.strikes(Fault::ShowOpen)
        {
            run.at_once(self.process, "assign", &json!([["keys", [key]]]), &json!({}));
            run.at_once(self.process, "poll", &json!([["poll", {key: [record]}]]), &json!({}));
            run.cluster.finish(txn, Stand::Aborted);
            let id = run.process;
            // Whoever had it is told so, when it asks.
            run.cluster.owners.values_mut().for_each(|owner| *owner = id + 1000);
        }
    }
}

/// The members of a group who share partitions.
struct Members {
    processes: [u32; 2],
    generation: i32,
}

impl Members {
    fn new(run: &mut Run) -> Self {
        Self { processes: [run.new_process(), run.new_process()], generation: 0 }
    }
}

impl Client for Members {
    fn turn(&mut self, run: &mut Run) {
        self.generation += 1;
        let [mut first, mut second] = if run.percent(50) {
            [vec!["x-0"], vec!["x-1", "p-0"]]
        } else {
            [vec!["x-0", "x-1"], vec!["p-0"]]
        };
        if run.strikes(Fault::GiveTwice) {
            first.push("p-0");
        }
        if run.percent(50) {
            std::mem::swap(&mut first, &mut second);
        }
        let more = json!({"group": "members", "generation": self.generation});
        for (process, keys) in self.processes.into_iter().zip([first, second]) {
            run.at_once(process, "rebalance", &json!([["keys", keys]]), &more);
        }
    }
}
