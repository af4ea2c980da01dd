//! Every fuzz target on inputs that a seed makes out of real files, batches and messages. libFuzzer
//! goes further: see `fuzz/`.
//!
//! `OTTLA_FUZZ_SEEDS=100000 cargo test -p ottla-tests --test fuzzing` tries as many new seeds of
//! each target; `OTTLA_FUZZ_SEED=…` repeats one. `OTTLA_FUZZ_CORPUS=fuzz/corpus` has the first
//! inputs written there, for libFuzzer.
//!
//! An allocator that counts watches, too: no input costs more memory than [`MEMORY_MAX`].

use std::{
    fs,
    hash::{BuildHasher, Hasher},
    path::Path,
};

use ottla_tests::{
    fuzzing::{TARGETS, Target, mutated},
    memory::{Counting, peak_of},
};

/// What one input may cost. The targets' own limits are a MiB; what is unpacked, checked and packed
/// again is there several times.
const MEMORY_MAX: usize = 24 << 20;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Says how to repeat a seed that fails.
struct Running {
    target: &'static str,
    seed: u64,
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { target, seed } = self;
            println!(
                "seed {seed}; again with: OTTLA_FUZZ_SEED={seed} cargo test -p ottla-tests --test fuzzing {target}"
            );
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// The seeds to run: those of every run, and as many new ones as asked for.
fn seeds(cases: u64) -> Box<dyn Iterator<Item = u64>> {
    if let Some(seed) = number("OTTLA_FUZZ_SEED") {
        return Box::new(std::iter::once(seed));
    }
    let new = number("OTTLA_FUZZ_SEEDS").unwrap_or(0);
    let mut hasher = std::hash::RandomState::new().build_hasher();
    hasher.write_u64(new);
    let first = hasher.finish() >> 16;
    Box::new((0..cases).chain(first..first + new))
}

fn run(name: &str) {
    let target = TARGETS.into_iter().find(|target| target.name == name).unwrap();
    let Target { name, run, first_inputs, cases } = target;
    let inputs = first_inputs();
    assert!(!inputs.is_empty());
    if let Ok(corpus) = std::env::var("OTTLA_FUZZ_CORPUS") {
        // Cargo runs a test in its own package's directory.
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(corpus).join(name);
        fs::create_dir_all(&dir).unwrap();
        for (at, input) in inputs.iter().enumerate() {
            fs::write(dir.join(format!("first-{at}")), input).unwrap();
        }
    }
    inputs.iter().for_each(|input| run(input));
    for seed in seeds(cases) {
        let _running = Running { target: name, seed };
        let input = mutated(&inputs, seed);
        let cost = peak_of(|| run(&input));
        assert!(cost <= MEMORY_MAX, "an input of {} bytes took {cost} bytes", input.len());
    }
}

#[test]
fn every_target_is_run_here_and_by_libfuzzer() {
    let targets = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets"));
    let names = targets.unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    let mut known: Vec<String> =
        TARGETS.iter().map(|target| format!("{}.rs", target.name)).collect();
    names.sort();
    known.sort();
    assert_eq!(names, known);
}

macro_rules! tests {
    ($($name:ident),+) => {
        $(
            #[test]
            fn $name() {
                run(stringify!($name));
            }
        )+
    };
}

tests!(
    request,
    message,
    batch,
    decompress,
    segment,
    small_file,
    index,
    write_ahead,
    metadata_file,
    metadata_records,
    metadata_log,
    coordinator_records
);
