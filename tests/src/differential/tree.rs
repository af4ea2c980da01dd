//! The output of `{:#?}` as a tree of named values.

use std::fmt;

/// A value in a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The field's name; empty for an element of an array and for the whole.
    pub field: String,
    pub value: Value,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Anything that is written on one line.
    Leaf(String),
    Struct(Vec<Node>),
    Array(Vec<Node>),
}

impl Node {
    /// Reads what `{:#?}` wrote.
    pub fn parse(text: &str) -> Self {
        let mut lines = text.lines().map(str::trim);
        let first = lines.next().unwrap_or_default();
        parse_line(first, &mut lines)
    }

    /// The leaf of this name among a struct's fields.
    pub fn leaf(&self, field: &str) -> Option<&str> {
        let Value::Struct(fields) = &self.value else { return None };
        fields.iter().find(|node| node.field == field).and_then(|node| match &node.value {
            Value::Leaf(text) => Some(text.as_str()),
            _ => None,
        })
    }
}

fn parse_line<'a>(line: &str, lines: &mut impl Iterator<Item = &'a str>) -> Node {
    let (field, rest) = split_field(line);
    let rest = rest.trim_end_matches(',');
    let value = match rest.chars().last() {
        Some('{') => Value::Struct(parse_children(lines)),
        Some('[') => Value::Array(parse_children(lines)),
        // Some(…) and newtypes say nothing that what they hold does not.
        Some('(') => {
            let mut children = parse_children(lines);
            if children.len() == 1 { children.remove(0).value } else { Value::Array(children) }
        }
        _ => Value::Leaf(unwrap(rest).to_owned()),
    };
    Node { field: field.to_owned(), value }
}

fn parse_children<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Vec<Node> {
    let mut children = Vec::new();
    while let Some(line) = lines.next() {
        if matches!(line.trim_end_matches(','), "}" | "]" | ")") {
            break;
        }
        children.push(parse_line(line, lines));
    }
    children
}

/// `name: rest` where `name` is an identifier, raw or not.
fn split_field(line: &str) -> (&str, &str) {
    match line.split_once(": ") {
        Some((name, rest))
            if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '#') =>
        {
            (name.trim_start_matches("r#"), rest)
        }
        _ => ("", line),
    }
}

/// `Some(x)` and other wrappers written on one line, without the wrapper.
fn unwrap(leaf: &str) -> &str {
    leaf.strip_prefix("Some(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(leaf)
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        let (open, close, children) = match &self.value {
            Value::Leaf(text) => return f.write_str(text),
            Value::Struct(children) => ('{', '}', children),
            Value::Array(children) => ('[', ']', children),
        };
        write!(f, "{open}")?;
        for (index, child) in children.iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            write!(f, "{separator}{child}")?;
        }
        write!(f, "{close}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    #[expect(dead_code, reason = "read by Debug")]
    struct Inner {
        name: Option<&'static str>,
        ids: Vec<i32>,
    }

    #[derive(Debug)]
    #[expect(dead_code, reason = "read by Debug")]
    struct Outer {
        r#type: i8,
        empty: Vec<Inner>,
        inner: Option<Inner>,
        wrapped: Option<Option<i32>>,
    }

    #[test]
    fn what_debug_writes_is_read_back() {
        let inner = Inner { name: Some("a: {"), ids: vec![1, 2] };
        let outer = Outer { r#type: 7, empty: Vec::new(), inner: Some(inner), wrapped: None };
        assert_eq!(
            Node::parse(&format!("{outer:#?}")).to_string(),
            r#"{type: 7, empty: [], inner: {name: "a: {", ids: [1, 2]}, wrapped: None}"#
        );
    }

    #[test]
    fn a_leaf_is_found_by_its_name() {
        let inner = Inner { name: Some("orders"), ids: Vec::new() };
        assert_eq!(Node::parse(&format!("{inner:#?}")).leaf("name"), Some("\"orders\""));
        assert_eq!(Node::parse(&format!("{inner:#?}")).leaf("ids"), Some("[]"));
        assert_eq!(Node::parse(&format!("{inner:#?}")).leaf("no"), None);
    }
}
