//! Holds conversations with one broker and shows them, or with two and compares the answers.
//!
//! `differential [--only PART] [--texts] [--quiet] [--destructive] LEFT [RIGHT]`, with brokers as
//! `HOST:PORT`. `--only` picks the scenarios whose name has that part; `--texts` compares error
//! messages too. `--destructive` adds those that take the brokers' directories away.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    process::ExitCode,
    thread,
    time::Instant,
};

use anyhow::{Context, Result, bail};
use ottla_tests::{
    connection::Outcome,
    differential::{compare_transcripts, show},
    scenarios::{DESTRUCTIVE, SCENARIOS, Scenario},
    session::{Entry, Session},
};

#[derive(Default)]
struct Options {
    only: Vec<String>,
    texts: bool,
    quiet: bool,
    destructive: bool,
    brokers: Vec<SocketAddr>,
}

fn options() -> Result<Options> {
    let mut options = Options::default();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--only" => options.only.push(arguments.next().context("--only PART")?),
            "--texts" => options.texts = true,
            "--quiet" => options.quiet = true,
            "--destructive" => options.destructive = true,
            "--list" => {
                for scenario in SCENARIOS.iter().chain(DESTRUCTIVE) {
                    println!("{}", scenario.name);
                }
            }
            address => {
                let resolved = address.to_socket_addrs().context(argument.clone())?;
                let address = resolved.into_iter().find(SocketAddr::is_ipv4);
                options.brokers.push(address.with_context(|| format!("{argument}: no address"))?);
            }
        }
    }
    if options.brokers.is_empty() || options.brokers.len() > 2 {
        bail!(
            "usage: differential [--only PART] [--texts] [--quiet] [--destructive] [--list] LEFT [RIGHT]"
        );
    }
    Ok(options)
}

fn transcript(scenario: &Scenario, broker: SocketAddr) -> Vec<Entry> {
    let mut session = Session::new(broker, scenario.name);
    (scenario.run)(&mut session);
    session.entries
}

fn main() -> Result<ExitCode> {
    let options = options()?;
    let destructive = if options.destructive { DESTRUCTIVE } else { &[] };
    let chosen = SCENARIOS.iter().chain(destructive).filter(|scenario| {
        options.only.is_empty() || options.only.iter().any(|part| scenario.name.contains(part))
    });
    let (mut same, mut different) = (0, 0);
    for scenario in chosen {
        let started = Instant::now();
        let (left, right) = thread::scope(|scope| {
            let left = scope.spawn(|| transcript(scenario, options.brokers[0]));
            let right = options.brokers.get(1).map(|&broker| transcript(scenario, broker));
            (left.join().expect("a scenario does not panic"), right)
        });
        let (fine, wrong) = match right {
            None => print_transcript(&left, options.quiet),
            Some(right) => print_comparison(&left, &right, &options),
        };
        println!("# {}: {fine} fine, {wrong} not, {:.1?}", scenario.name, started.elapsed());
        same += fine;
        different += wrong;
    }
    println!("differential: {same} passed, {different} failed");
    Ok(if different == 0 && same > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Shows one broker's answers. What is wrong by itself counts as such.
fn print_transcript(entries: &[Entry], quiet: bool) -> (usize, usize) {
    let mut wrong = 0;
    for entry in entries {
        let garbled = matches!(entry.outcome, Outcome::Garbled(_)) || !entry.same_bytes;
        wrong += usize::from(garbled);
        if !quiet || garbled {
            println!(
                "{}\n    > {}\n    < {}",
                entry.label,
                cut(&entry.request),
                show(&entry.outcome)
            );
        }
        if !entry.same_bytes {
            println!("    ! written again by our codec, the response has other bytes");
        }
    }
    (entries.len() - wrong, wrong)
}

fn print_comparison(left: &[Entry], right: &[Entry], options: &Options) -> (usize, usize) {
    let (mut same, mut different) = (0, 0);
    for verdict in compare_transcripts(left, right, options.texts) {
        if verdict.differences.is_empty() {
            same += 1;
            continue;
        }
        different += 1;
        println!("{}", verdict.label);
        if !options.quiet {
            println!("    > {}", cut(&verdict.request));
        }
        for difference in verdict.differences.iter().take(40) {
            println!("    {difference}");
        }
        if verdict.differences.len() > 40 {
            println!("    … and {} more", verdict.differences.len() - 40);
        }
    }
    (same, different)
}

fn cut(text: &str) -> String {
    let short: String = text.chars().take(600).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
