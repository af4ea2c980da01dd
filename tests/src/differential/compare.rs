//! The comparison of two trees, without what may differ.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{
    explained::{self, Leeway},
    tree::{Node, Value},
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// One place where two responses differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// From the response down, with the names of array elements where they have one.
    pub path: String,
    pub left: String,
    pub right: String,
}

impl Difference {
    pub fn whole(left: &str, right: &str) -> Self {
        Self { path: String::new(), left: left.to_owned(), right: right.to_owned() }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = first_difference(&self.left, &self.right);
        write!(f, "{}: {} ≠ {}", self.path, excerpt(&self.left, at), excerpt(&self.right, at))
    }
}

/// Every difference between two responses that no leeway explains.
pub fn trees(label: &str, left: &Node, right: &Node, texts: bool) -> Vec<Difference> {
    let mut comparison = Comparison { label, texts, found: Vec::new() };
    comparison.nodes("", "", left, right);
    comparison.found
}

struct Comparison<'a> {
    label: &'a str,
    texts: bool,
    found: Vec<Difference>,
}

impl Comparison<'_> {
    /// `shown` is the path for people, `path` the one without elements' names, for the leeways.
    fn nodes(&mut self, shown: &str, path: &str, left: &Node, right: &Node) {
        let leeway = explained::leeway(self.label, shown, path, self.texts);
        if leeway == Some(Leeway::Anything) {
            return;
        }
        match (&left.value, &right.value) {
            (Value::Struct(left), Value::Struct(right)) => self.structs(shown, path, left, right),
            (Value::Array(_) | Value::Leaf(_), Value::Array(_) | Value::Leaf(_))
                if is_array(left) && is_array(right) =>
            {
                self.arrays(shown, path, (elements(left), elements(right)), leeway);
            }
            (Value::Leaf(l), Value::Leaf(r)) => {
                let more = leeway == Some(Leeway::MorePresent) && is_none(left);
                if !more && normalised(l, leeway) != normalised(r, leeway) {
                    self.differ(shown, l, r);
                }
            }
            _ if leeway == Some(Leeway::PresenceOnly) && is_none(left) == is_none(right) => {}
            _ if leeway == Some(Leeway::MorePresent) && is_none(left) => {}
            _ => self.differ(shown, &bare(left), &bare(right)),
        }
    }

    fn structs(&mut self, shown: &str, path: &str, left: &[Node], right: &[Node]) {
        for node in left {
            match right.iter().find(|other| other.field == node.field) {
                Some(other) => {
                    let (shown, path) = (join(shown, &node.field), join(path, &node.field));
                    self.nodes(&shown, &path, node, other);
                }
                None => self.differ(&join(shown, &node.field), &bare(node), "(no such field)"),
            }
        }
    }

    fn arrays(
        &mut self,
        shown: &str,
        path: &str,
        (left, right): (&[Node], &[Node]),
        leeway: Option<Leeway>,
    ) {
        let keyed = left.iter().chain(right).all(|node| key(node).is_some());
        if keyed && matches!(leeway, Some(Leeway::AnyOrder | Leeway::Fewer)) {
            return self.keyed_arrays(shown, path, (left, right), leeway);
        }
        for index in 0..left.len().max(right.len()) {
            let node = left.get(index).or(right.get(index));
            let name = node.and_then(key).unwrap_or_else(|| index.to_string());
            let shown = format!("{shown}[{name}]");
            match (left.get(index), right.get(index)) {
                (Some(left), Some(right)) => self.nodes(&shown, path, left, right),
                (Some(left), None) => self.differ(&shown, &bare(left), "(missing)"),
                (None, Some(right)) => self.differ(&shown, "(missing)", &bare(right)),
                (None, None) => {}
            }
        }
    }

    fn keyed_arrays(
        &mut self,
        shown: &str,
        path: &str,
        (left, right): (&[Node], &[Node]),
        leeway: Option<Leeway>,
    ) {
        for node in left {
            let shown = format!("{shown}[{}]", key(node).unwrap_or_default());
            match right.iter().find(|other| key(other) == key(node)) {
                Some(other) => self.nodes(&shown, path, node, other),
                None if leeway == Some(Leeway::Fewer) => {}
                None => self.differ(&shown, &bare(node), "(missing)"),
            }
        }
        for (index, node) in right.iter().enumerate() {
            let shown = format!("{shown}[{}]", key(node).unwrap_or_default());
            let explained = explained::leeway(self.label, &shown, path, self.texts);
            let same_key = |nodes: &[Node]| nodes.iter().filter(|n| key(n) == key(node)).count();
            // One that comes twice here and once there is one too many.
            if explained != Some(Leeway::Anything)
                && same_key(right.get(..=index).unwrap_or_default()) > same_key(left)
            {
                self.differ(&shown, "(missing)", &bare(node));
            }
        }
    }

    fn differ(&mut self, path: &str, left: &str, right: &str) {
        let (path, left, right) = (path.to_owned(), left.to_owned(), right.to_owned());
        self.found.push(Difference { path, left, right });
    }
}

/// What an element of an array is called by its own fields.
fn key(node: &Node) -> Option<String> {
    const NAMES: [&str; 15] = [
        "api_key",
        "name",
        "topic",
        "partition_index",
        "partition",
        "index",
        "group_id",
        "transactional_id",
        "key",
        "resource_name",
        "member_id",
        "node_id",
        "broker_id",
        "log_dir",
        "topic_id",
    ];
    if let Value::Leaf(text) = &node.value {
        return Some(text.clone());
    }
    let name = NAMES.iter().find_map(|name| node.leaf(name).filter(|text| *text != "None"))?;
    Some(without_uuids(name.trim_matches('"')))
}

fn is_array(node: &Node) -> bool {
    matches!(&node.value, Value::Array(_)) || bare(node) == "[]"
}

fn elements(node: &Node) -> &[Node] {
    if let Value::Array(elements) = &node.value { elements } else { &[] }
}

fn is_none(node: &Node) -> bool {
    bare(node) == "None"
}

fn bare(node: &Node) -> String {
    Node { field: String::new(), value: node.value.clone() }.to_string()
}

/// A leaf as it is compared.
fn normalised(leaf: &str, leeway: Option<Leeway>) -> String {
    match leeway {
        Some(Leeway::PresenceOnly | Leeway::MorePresent) => {
            let absent = ["None", "0", "-1", "\"\"", "AAAAAAAAAAAAAAAAAAAAAA"];
            if absent.contains(&leaf) { leaf.to_owned() } else { "(something)".to_owned() }
        }
        _ if is_now(leaf) => "(now)".to_owned(),
        _ => without_uuids(leaf),
    }
}

/// Whether this is a timestamp of the last or next day: the scenarios' own are years old.
fn is_now(leaf: &str) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
    leaf.parse::<i64>().is_ok_and(|number| (number - now).abs() < DAY_MS)
}

/// The text with `(uuid)` for every 8-4-4-4-12 hexadecimal id, as in member ids.
fn without_uuids(text: &str) -> String {
    let bytes = text.as_bytes();
    let is_uuid = |at: usize| {
        bytes.get(at..at + 36).is_some_and(|slice| {
            slice.iter().enumerate().all(|(index, byte)| match index {
                8 | 13 | 18 | 23 => *byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
        })
    };
    let mut output = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if is_uuid(at) {
            output.extend(b"(uuid)");
            at += 36;
        } else {
            output.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&output).into_owned()
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") }
}

fn first_difference(left: &str, right: &str) -> usize {
    left.chars().zip(right.chars()).take_while(|(l, r)| l == r).count()
}

/// A long text around where it begins to differ.
fn excerpt(text: &str, at: usize) -> String {
    const SHOWN: usize = 160;
    let from = if text.chars().count() > SHOWN { at.saturating_sub(40) } else { 0 };
    let part: String = text.chars().skip(from).take(SHOWN).collect();
    let before = if from > 0 { "…" } else { "" };
    let after = if from + SHOWN < text.chars().count() { "…" } else { "" };
    format!("{before}{part}{after}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differences(label: &str, left: &str, right: &str) -> Vec<String> {
        let (left, right) = (Node::parse(left), Node::parse(right));
        trees(label, &left, &right, false).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_different_field_is_named_with_its_elements() {
        let left = "R {\n topics: [\n T {\n name: \"a\",\n error_code: 3,\n },\n ],\n}";
        let right = "R {\n topics: [\n T {\n name: \"a\",\n error_code: 0,\n },\n ],\n}";
        assert_eq!(differences("s: n: X v1", left, right), ["topics[a].error_code: 3 ≠ 0"]);
    }

    #[test]
    fn an_element_that_is_missing_is_shown() {
        let left = "R {\n topics: [\n T {\n name: \"a\",\n },\n ],\n}";
        let right = "R {\n topics: [],\n}";
        assert_eq!(
            differences("s: n: X v1", left, right),
            ["topics[a]: {name: \"a\"} ≠ (missing)"]
        );
    }

    #[test]
    fn in_any_order_means_neither_more_nor_fewer() {
        let topics = |names: &[&str]| {
            let all: String =
                names.iter().map(|name| format!("T {{\n name: \"{name}\",\n }},\n")).collect();
            format!("R {{\n topics: [\n {all} ],\n}}")
        };
        let of = |left: &[&str], right: &[&str]| {
            differences("s: n: Metadata v1", &topics(left), &topics(right)).len()
        };
        assert_eq!(of(&["a", "b"], &["b", "a"]), 0);
        assert_eq!(of(&["a", "b"], &["b"]), 1);
        assert_eq!(of(&["a"], &["a", "a"]), 1);
        assert_eq!(of(&["a"], &["a", "b"]), 1);
    }

    #[test]
    fn the_time_and_uuids_do_not_matter_but_a_missing_time_does() {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
        let left = format!("R {{\n t: {now},\n m: \"x-12345678-1234-1234-1234-123456789abc\",\n}}");
        let right =
            format!("R {{\n t: {},\n m: \"x-87654321-1234-1234-1234-123456789abc\",\n}}", now - 9);
        assert!(differences("s: n: X v1", &left, &right).is_empty());
        let never = left.replace(&now.to_string(), "-1");
        assert_eq!(differences("s: n: X v1", &left, &never).len(), 1);
    }
}
