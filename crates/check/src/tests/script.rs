//! Histories as short scripts.
//!
//! ```text
//! settings {"compacted": ["c"]}
//! 0: send x-0 1@0                                process 0 sends 1, acknowledged at offset 0
//! 1: txn send x-0 2@1, poll x-0 1@0 -> fail      a transaction with two steps is aborted
//! 2> send x-0 3                                  it begins …
//! 2< send x-0 3@2                                … and ends, with others in between
//! 2+ txn send x-0 3@2                            what it says before it commits
//! 4: set values retention 7                      a setting is written
//! 3: poll x-0 1@0 ?@1 | group=g uncommitted      ? is a record whose content is nobody's
//! at 90                                          the clock is at 90 s
//! ```

use serde_json::{Map, Value, json};

use crate::{Anomaly, History, Options, Report, Severity, check};

/// The lines of JSON that a script stands for.
pub(super) fn lines(script: &str) -> String {
    let mut writer = Writer { lines: String::new(), t_ns: 0, i: 0 };
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        writer.line(line);
    }
    writer.lines
}

pub(super) fn judge(script: &str) -> Report {
    judge_with(script, Options::default())
}

pub(super) fn judge_with(script: &str, options: Options) -> Report {
    let lines = lines(script);
    check(&History::parse(&[&lines]).unwrap(), options)
}

/// The anomalies that are not allowed.
pub(super) fn found(report: &Report) -> Vec<Anomaly> {
    let wrong = |anomaly: &&Anomaly| {
        let as_a = |severity| report.count_as(**anomaly, severity);
        as_a(Severity::Violation) + as_a(Severity::Liveness) > 0
    };
    Anomaly::ALL.iter().filter(wrong).copied().collect()
}

struct Writer {
    lines: String,
    t_ns: i64,
    i: u64,
}

impl Writer {
    fn line(&mut self, line: &str) {
        if let Some(settings) = line.strip_prefix("settings ") {
            let settings: Value = serde_json::from_str(settings).unwrap();
            self.push(&json!({"type": "settings", "settings": settings}));
        } else if let Some(seconds) = line.strip_prefix("at ") {
            self.t_ns = seconds.parse::<i64>().unwrap() * 1_000_000_000;
        } else {
            self.op(line);
        }
    }

    fn op(&mut self, line: &str) {
        let at = line.find([':', '>', '<', '+']).unwrap();
        let (process, rest) = line.split_at(at);
        let (mark, rest) = rest.split_at(1);
        let (process, rest) = (process.parse::<u32>().unwrap(), rest.trim());
        let (rest, outcome) = rest.rsplit_once(" -> ").unwrap_or((rest, "ok"));
        let (rest, attributes) = rest.split_once(" | ").unwrap_or((rest, ""));
        let (function, steps) = rest.split_once(' ').unwrap_or((rest, ""));
        let steps = match function {
            "send" | "poll" => rest,
            _ => steps,
        };
        let mut event = json!({"proc": process, "f": function, "v": steps_of(steps)});
        let fields = event.as_object_mut().unwrap();
        attributes.split_whitespace().for_each(|attribute| put(fields, attribute));
        let types: &[&str] = match mark {
            ">" => &["invoke"],
            "<" => &[outcome],
            "+" => &["progress"],
            _ if matches!(function, "crash" | "fault" | "heal") => &["info"],
            _ => &["invoke", outcome],
        };
        for kind in types {
            self.i += 1;
            self.t_ns += 1000;
            event["type"] = json!(kind);
            event["i"] = json!(self.i);
            event["t_ns"] = json!(self.t_ns);
            self.push(&event);
        }
    }

    fn push(&mut self, event: &Value) {
        self.lines.push_str(&event.to_string());
        self.lines.push('\n');
    }
}

fn put(fields: &mut Map<String, Value>, attribute: &str) {
    let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
    match name {
        "group" => fields.insert("group".into(), json!(value)),
        "id" => fields.insert("txn_id".into(), json!(value)),
        "generation" | "replica" => fields.insert(name.into(), number(value)),
        "rebalanced" => fields.insert(name.into(), json!([value])),
        "uncommitted" => fields.insert("isolation".into(), json!("read_uncommitted")),
        "unordered" => fields.insert("idempotent".into(), json!(false)),
        _ => panic!("no attribute is called {name}"),
    };
}

fn number(text: &str) -> Value {
    text.parse::<i64>().map_or(Value::Null, |number| json!(number))
}

fn steps_of(text: &str) -> Value {
    text.split(',').map(str::trim).filter(|step| !step.is_empty()).map(step).collect()
}

fn step(text: &str) -> Value {
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["send", key, record, more @ ..] => {
            let (value, offset) = record.split_once('@').unwrap_or((record, ""));
            let mut about = Map::new();
            for more in more {
                match more.split_once('=').unwrap_or((more, "")) {
                    ("from", value) => about.insert("from".into(), number(value)),
                    ("key", value) => about.insert("key".into(), json!(value)),
                    _ => about.insert("tombstone".into(), json!(true)),
                };
            }
            json!(["send", key, [number(offset), number(value)], about])
        }
        ["poll"] => json!(["poll", {}]),
        ["poll", key, records @ ..] => {
            let record = |record: &&str| {
                let (value, offset) = record.split_once('@').unwrap();
                json!([number(offset), number(value)])
            };
            json!(["poll", {*key: records.iter().map(record).collect::<Value>()}])
        }
        ["offsets", key, "null"] => json!(["offsets", {*key: null}]),
        ["offsets", key, offset] => json!(["offsets", {*key: number(offset)}]),
        ["values", name, "null"] => json!(["values", {*name: null}]),
        ["values", name, value] => json!(["values", {*name: value}]),
        ["keys", keys @ ..] => json!(["keys", keys]),
        ["logs", key, ends @ ..] => {
            let ends = ends.iter().map(|end| {
                let (name, value) = end.split_once('=').unwrap();
                (name.to_owned(), number(value))
            });
            json!(["logs", {*key: ends.collect::<Map<_, _>>()}])
        }
        _ => panic!("no step looks like {text}"),
    }
}
