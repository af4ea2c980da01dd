//! Rules about single files: length, opening, name, size, and words that must not stay.

use super::{Complaint, File};

/// No file in the repository is larger.
const BYTES_MAX: usize = 512 * 1024;
/// No source file has more lines, unless it is a test or generated.
const LINES_MAX: usize = 600;
/// No test file has more lines.
const TEST_LINES_MAX: usize = 1000;

/// No comment is wider, unless it is a table.
const COMMENT_COLUMNS_MAX: usize = 100;

/// Documents that are read as a whole, and the lines that a reader has patience for.
const DOCUMENTS: &[(&str, usize)] =
    &[("README.md", 150), ("ARCHITECTURE.md", 300), ("STYLE.md", 250), ("CONTRIBUTING.md", 120)];

/// Names that say nothing about what is in the file.
const REFUSED_NAMES: &[&str] = &[
    "mod.rs",
    "util.rs",
    "utils.rs",
    "common.rs",
    "helper.rs",
    "helpers.rs",
    "misc.rs",
    "types.rs",
];

/// Attributes that silence a lint for ever. In pieces, so that this file does not have them.
const SILENCERS: &[&str] = &[concat!("#[", "allow("), concat!("#![", "allow(")];

/// Marks of unfinished work. In pieces, like the above.
const UNFINISHED: &[&str] = &[concat!("FIX", "ME"), concat!("XX", "X"), concat!("to", "do!")];

/// Complaints about one file.
pub(super) fn check(file: &File) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let path = file.path.as_str();
    let mut complain = |what: String| complaints.push(Complaint::new(path, what));
    if file.bytes.len() > BYTES_MAX {
        complain(format!("is larger than {} KiB", BYTES_MAX / 1024));
    }
    let Ok(text) = std::str::from_utf8(&file.bytes) else { return complaints };
    let lines = text.lines().count();
    if let Some((_, most)) = DOCUMENTS.iter().find(|(name, _)| *name == path)
        && lines > *most
    {
        complain(format!("has {lines} lines, {most} are allowed"));
    }
    if has_extension(path, "rs") {
        source(path, text, lines, &mut complain);
    }
    if has_extension(path, "rs") || has_extension(path, "md") {
        for word in UNFINISHED.iter().filter(|word| has_word(text, word)) {
            complain(format!("has {word} in it: finish it, or say what is missing in an issue"));
        }
    }
    complaints
}

fn source(path: &str, text: &str, lines: usize, complain: &mut impl FnMut(String)) {
    let name = path.rsplit('/').next().unwrap_or(path);
    if REFUSED_NAMES.contains(&name) {
        complain("has a name that does not say what is in it".to_owned());
    }
    if !text.starts_with("//! ") {
        complain("does not open with `//!` and what it promises".to_owned());
    }
    for silencer in SILENCERS.iter().filter(|silencer| text.contains(**silencer)) {
        complain(format!("has {silencer}…: use `expect` with a reason"));
    }
    if is_generated(path) {
        return;
    }
    for (number, line) in text.lines().enumerate().filter(|(_, line)| is_wide_comment(line)) {
        let columns = line.chars().count();
        complain(format!("has a comment of {columns} columns in line {}", number + 1));
    }
    let most = if is_test(path) { TEST_LINES_MAX } else { LINES_MAX };
    if lines > most {
        complain(format!("has {lines} lines, {most} are allowed: split it by subject"));
    }
}

fn is_wide_comment(line: &str) -> bool {
    let Some(comment) = line.trim_start().strip_prefix("//") else { return false };
    let words = comment.trim_start_matches(['/', '!', ' ']);
    line.chars().count() > COMMENT_COLUMNS_MAX && !words.starts_with('|')
}

fn has_extension(path: &str, extension: &str) -> bool {
    std::path::Path::new(path).extension().is_some_and(|own| own == extension)
}

fn is_generated(path: &str) -> bool {
    path.contains("/generated/") || path.ends_with("/generated.rs")
}

fn is_test(path: &str) -> bool {
    path.starts_with("tests/") || path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// Whether `word` stands in the text by itself.
fn has_word(text: &str, word: &str) -> bool {
    let part_of_word = |letter: char| letter.is_alphanumeric() || letter == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|tail| tail.chars().next());
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}
