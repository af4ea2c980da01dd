//! A configuration key is marked as honoured exactly where something reads it.
//!
//! The reference, and the line at the start that names keys without effect, are only as true as
//! these marks. "Something" is the code that makes the server, and the methods of the configuration
//! that join several keys into one value.

use std::collections::BTreeSet;

use super::{Complaint, File};

/// Where a key's value turns into behaviour.
const READERS: &[&str] =
    &["crates/broker/src/", "crates/metadata/src/", "crates/coordinator/src/", "crates/ottla/src/"];

/// Methods of the configuration that read keys on behalf of the above.
const JOINING: &[&str] =
    &["crates/config/src/server.rs", "crates/config/src/resource.rs", "crates/config/src/env.rs"];

/// The tables.
const TABLES: &str = "crates/config/src/keys/";

/// A row of a table.
struct Row<'a> {
    /// As code outside of the tables names it, like `keys::NODE_ID`.
    path: String,
    file: &'a str,
    name: &'a str,
    is_honoured: bool,
    /// The broker's key that gives this one its value.
    inherits: Option<&'a str>,
}

/// Complaints about marks that are missing or wrong.
pub(super) fn check(files: &[File]) -> Vec<Complaint> {
    let rows: Vec<Row<'_>> = files.iter().flat_map(rows).collect();
    let read = paths_in(files, READERS);
    let joined = paths_in(files, JOINING);
    let inherited: BTreeSet<&str> =
        rows.iter().filter(|row| row.is_honoured).filter_map(|row| row.inherits).collect();
    let mut complaints = Vec::new();
    for row in &rows {
        let is_read = read.contains(&row.path);
        let gives = row.path.starts_with("keys::") && inherited.contains(row.name);
        if (is_read || gives) && !row.is_honoured {
            let what = format!("{} has an effect: add .honoured() to its row", row.name);
            complaints.push(Complaint::new(row.file, what));
        }
        if row.is_honoured && !(is_read || gives || joined.contains(&row.path)) {
            let what = format!("nothing reads {}: take .honoured() off its row", row.name);
            complaints.push(Complaint::new(row.file, what));
        }
    }
    complaints
}

/// The rows of a table's file: `NAME: type = start("the.name", …).word();`.
fn rows(file: &File) -> Vec<Row<'_>> {
    let Some(table) = file.path.strip_prefix(TABLES).and_then(|name| name.strip_suffix(".rs"))
    else {
        return Vec::new();
    };
    let text = std::str::from_utf8(&file.bytes).unwrap_or_default();
    let module = if matches!(table, "topic" | "group_resource") { table } else { "keys" };
    text.split("\n\n").filter_map(|part| row(part, module, &file.path)).collect()
}

fn row<'a>(part: &'a str, module: &str, file: &'a str) -> Option<Row<'a>> {
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let start = part.lines().filter(is_code).find(|line| line.contains(": "))?;
    let (constant, _) = start.trim_start().split_once(": ")?;
    let is_constant = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    if !constant.chars().all(is_constant) {
        return None;
    }
    let quoted = |after: &str| {
        let (_, rest) = part.split_once(after)?;
        rest.split_once('"').map(|(name, _)| name)
    };
    Some(Row {
        path: format!("{module}::{constant}"),
        file,
        name: quoted("(\"")?,
        is_honoured: part.contains(".honoured()") || part.contains(".honoured_at_start()"),
        inherits: quoted(".inherits(\""),
    })
}

/// Everything that looks like the path of a key in these places, tests left out.
fn paths_in(files: &[File], places: &[&str]) -> BTreeSet<String> {
    let is_test = |path: &str| path.contains("/tests/") || path.ends_with("/tests.rs");
    let mut found = BTreeSet::new();
    for file in files {
        let is_here = places.iter().any(|place| file.path.starts_with(place));
        if !is_here || is_test(&file.path) {
            continue;
        }
        let text = std::str::from_utf8(&file.bytes).unwrap_or_default();
        for module in ["keys", "topic", "group_resource"] {
            for (at, start) in text.match_indices(&format!("{module}::")) {
                let rest = text.get(at + start.len()..).unwrap_or_default();
                let end = rest
                    .find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
                let constant = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                found.insert(format!("{module}::{constant}"));
            }
        }
    }
    found
}
