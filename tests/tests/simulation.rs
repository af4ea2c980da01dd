//! Worlds decided by seeds: no promise of Kafka's is broken in any, and each can be repeated.
//!
//! `OTTLA_SEEDS=FROM..END` looks at other seeds than those of the repository.

use std::ops::Range;

use ottla_check::{History, Options, check};
use ottla_tests::simulation::{Plan, run};

/// The seeds that are looked at each time.
const SEEDS: Range<u64> = 0..200;

/// Worlds that are lived through at the same time.
const THREADS: u64 = 2;

#[test]
fn one_seed_gives_one_history() {
    for seed in 0..10 {
        let first = run(Plan::of(seed)).history;
        let again = run(Plan::of(seed)).history;
        assert!(first.lines().count() > 500, "something happens");
        let pairs = first.lines().zip(again.lines());
        assert_eq!(pairs.clone().find(|(one, two)| one != two), None, "seed {seed}");
        assert_eq!(first.len(), again.len(), "seed {seed}");
    }
}

#[test]
fn no_promise_is_broken_in_any_world() {
    let seeds = seeds();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let seeds = seeds.clone().filter(move |seed| seed % THREADS == thread);
            scope.spawn(move || seeds.for_each(judge));
        }
    });
}

fn judge(seed: u64) {
    let text = run(Plan::of(seed)).history;
    let history = History::parse(&[&text]).expect("a history");
    let report = check(&history, Options::default());
    if !report.is_clean() {
        let file = std::env::temp_dir().join(format!("ottla-world-{seed}.jsonl"));
        std::fs::write(&file, &text).expect("a file for the history");
        panic!("seed {seed}: {report}; its history is in {}", file.display());
    }
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("OTTLA_SEEDS") else { return SEEDS };
    let (from, end) = text.split_once("..").expect("OTTLA_SEEDS=FROM..END");
    from.parse().expect("a number")..end.parse().expect("a number")
}
