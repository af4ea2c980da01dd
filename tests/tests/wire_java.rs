//! Our bytes are Kafka's: every message, in every version, compared with Kafka's own serializer.
//!
//! `tests/java/WireBytes.java` decodes and encodes with the classes in Kafka's jars.

use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use ottla_wire::{EncodeError, MessageType};

/// One question to Kafka's serializer.
struct Case {
    message: &'static str,
    version: i16,
    encoded_in: i16,
    /// The message as hex, or "default".
    input: String,
    /// What we make of it.
    ours: String,
}

#[test]
fn kafka_decodes_our_bytes_and_gives_them_back() {
    let mut cases = Vec::new();
    for message in MessageType::all() {
        for version in message.versions.clone() {
            for seed in 0..25 {
                let ours = hex(&(message.sample)(seed, version, version).unwrap());
                let input = ours.clone();
                let name = message.name;
                cases.push(Case { message: name, version, encoded_in: version, input, ours });
            }
        }
    }
    compare(&cases);
}

#[test]
fn defaults_are_encoded_as_kafka_encodes_them() {
    let mut cases = Vec::new();
    for message in MessageType::all() {
        for version in message.versions.clone() {
            let ours = answer((message.default)(version));
            let input = "default".to_owned();
            let name = message.name;
            cases.push(Case { message: name, version, encoded_in: version, input, ours });
        }
    }
    compare(&cases);
}

#[test]
fn a_message_of_another_version_is_encoded_or_refused_as_by_kafka() {
    let mut cases = Vec::new();
    for message in MessageType::all() {
        for version in message.versions.clone() {
            for encoded_in in message.versions.clone() {
                for seed in 100..102 {
                    let input = hex(&(message.sample)(seed, version, version).unwrap());
                    let ours = answer((message.sample)(seed, version, encoded_in));
                    cases.push(Case { message: message.name, version, encoded_in, input, ours });
                }
            }
        }
    }
    compare(&cases);
}

/// Asks Kafka about all cases at once, and fails with the first few that differ.
fn compare(cases: &[Case]) {
    assert!(cases.len() > 500, "only {} cases", cases.len());
    let mut questions = String::new();
    for Case { message, version, encoded_in, input, .. } in cases {
        writeln!(questions, "{message} {version} {encoded_in} {input}").unwrap();
    }
    let output = ask_kafka(questions);
    let answers: Vec<&str> = output.lines().collect();
    assert_eq!(answers.len(), cases.len(), "Kafka's serializer stopped early");
    let differing = cases.iter().zip(answers).filter(|(case, theirs)| case.ours != **theirs);
    let report: Vec<String> = differing
        .map(|(case, theirs)| {
            let Case { message, version, encoded_in, input, ours } = case;
            format!(
                "{message} v{version} in v{encoded_in}: {input}\n  ours  {ours}\n  Kafka {theirs}"
            )
        })
        .collect();
    assert!(
        report.is_empty(),
        "{} of {} differ, such as\n{}",
        report.len(),
        cases.len(),
        report.iter().take(5).map(String::as_str).collect::<Vec<_>>().join("\n")
    );
}

fn ask_kafka(questions: String) -> String {
    let mut java = Command::new("java")
        .args(["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp"])
        .arg(jars().join("*"))
        .arg(root().join("tests/java/WireBytes.java"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starting java, which this test needs");
    let mut stdin = java.stdin.take().unwrap();
    // The answers fill their pipe while the questions are still being sent.
    let asking = std::thread::spawn(move || stdin.write_all(questions.as_bytes()));
    let output = java.wait_with_output().unwrap();
    assert!(output.status.success(), "Kafka's serializer failed: {}", output.status);
    asking.join().unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The folder with Kafka's jars, fetched where they are missing.
fn jars() -> PathBuf {
    let output = Command::new(env!("CARGO"))
        .args(["xtask", "jars"])
        .current_dir(root())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "`cargo xtask jars` failed: {}", output.status);
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn answer(encoded: Result<Vec<u8>, EncodeError>) -> String {
    encoded.map_or_else(|_| "unsupported".to_owned(), |bytes| hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".to_owned();
    }
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        write!(text, "{byte:02x}").unwrap();
    }
    text
}
