//! What the clients of a world did and saw, in the lines that the checker reads.

use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};
use tokio::time::Instant;

/// The lines of all clients of one world.
#[derive(Clone, Debug)]
pub struct Recorder(Arc<Mutex<Lines>>);

#[derive(Debug)]
struct Lines {
    text: String,
    count: u64,
    last_ns: i64,
    /// The time of the world when its present runtime began.
    base_ns: i64,
    began: Option<Instant>,
}

/// How an operation ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It happened.
    Ok,
    /// It did not and never will.
    Fail,
    /// Nobody knows.
    Info,
}

/// What a line has beside its steps.
pub type More = Map<String, Value>;

/// The steps of a line.
pub type Steps = Vec<Value>;

impl Recorder {
    /// No lines yet.
    pub fn new(settings: &Value) -> Self {
        let text = format!("{}\n", json!({ "type": "settings", "settings": settings }));
        let lines = Lines { text, count: 0, last_ns: 0, base_ns: 0, began: None };
        Self(Arc::new(Mutex::new(lines)))
    }

    /// A runtime begins now, and the world is so old.
    pub fn begin(&self, age_ms: i64) {
        let mut lines = self.0.lock().expect("a lock");
        lines.base_ns = age_ms * 1_000_000;
        lines.began = Some(Instant::now());
    }

    /// No runtime runs, and the world is so old.
    pub fn stand_still(&self, age_ms: i64) {
        let mut lines = self.0.lock().expect("a lock");
        lines.base_ns = age_ms * 1_000_000;
        lines.began = None;
    }

    /// All that was written.
    pub fn text(&self) -> String {
        self.0.lock().expect("a lock").text.clone()
    }

    /// An operation begins.
    pub fn invoke(&self, process: u32, function: &str, steps: Steps, more: More) {
        self.line(process, "invoke", function, steps, more);
    }

    /// What it did so far is known, and it is to be committed.
    pub fn progress(&self, process: u32, function: &str, steps: Steps) {
        self.line(process, "progress", function, steps, More::new());
    }

    /// It ends.
    pub fn complete(&self, process: u32, function: &str, end: End, steps: Steps, more: More) {
        let kind = match end {
            End::Ok => "ok",
            End::Fail => "fail",
            End::Info => "info",
        };
        self.line(process, kind, function, steps, more);
    }

    fn line(&self, process: u32, kind: &str, function: &str, steps: Steps, more: More) {
        let mut lines = self.0.lock().expect("a lock");
        let elapsed = lines.began.map_or(0, |began| began.elapsed().as_nanos() as i64);
        // What happens one after the other in one instant keeps its order.
        let t_ns = (lines.base_ns + elapsed).max(lines.last_ns + 1);
        lines.last_ns = t_ns;
        let mut line = more;
        line.insert("i".to_owned(), json!(lines.count));
        line.insert("proc".to_owned(), json!(process));
        line.insert("t_ns".to_owned(), json!(t_ns));
        line.insert("type".to_owned(), json!(kind));
        line.insert("f".to_owned(), json!(function));
        if !steps.is_empty() {
            line.insert("v".to_owned(), Value::Array(steps));
        }
        lines.count += 1;
        let line = Value::Object(line).to_string();
        lines.text.push_str(&line);
        lines.text.push('\n');
    }
}

/// A record that goes out, with its offset where it is known.
pub fn send(topic: &str, partition: i32, value: u64, offset: Option<i64>) -> Value {
    json!(["send", format!("{topic}-{partition}"), [offset, value]])
}

/// One more thing of a line.
pub fn with(name: &str, value: impl Into<Value>) -> More {
    More::from_iter([(name.to_owned(), value.into())])
}
