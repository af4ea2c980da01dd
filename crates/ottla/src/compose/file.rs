//! A compose file as lines, and where its services and their keys begin and end.
//!
//! Only YAML's block style is read, which is what compose files are written in. Nothing is parsed
//! that need not be changed.

use std::ops::Range;

/// A compose file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) lines: Vec<String>,
}

/// A key with all that belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// What stands behind the colon, without quotes and comment.
    pub(super) value: String,
    /// Its lines.
    pub(super) at: Range<usize>,
}

impl File {
    pub(super) fn read(text: &str) -> Self {
        Self { lines: text.lines().map(str::to_owned).collect() }
    }

    pub(super) fn text(&self) -> String {
        self.lines.join("\n") + "\n"
    }

    fn line(&self, at: usize) -> &str {
        self.lines.get(at).map_or("", String::as_str)
    }

    /// How far a line is indented; none for an empty one or a comment.
    pub(super) fn indent(&self, at: usize) -> Option<usize> {
        let line = self.line(at);
        let text = line.trim_start();
        let is_blank = text.is_empty() || text.starts_with('#');
        (!is_blank).then(|| line.len() - text.len())
    }

    /// The keys at the top of the file.
    pub(super) fn top(&self) -> Vec<Entry> {
        self.entries(0..self.lines.len())
    }

    /// The keys inside of an entry.
    pub(super) fn inside(&self, entry: &Entry) -> Vec<Entry> {
        self.entries(entry.at.start + 1..entry.at.end)
    }

    /// The key of this name inside of an entry.
    pub(super) fn find(&self, entry: &Entry, key: &str) -> Option<Entry> {
        self.inside(entry).into_iter().find(|inner| inner.key == key)
    }

    fn entries(&self, range: Range<usize>) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        let Some(indent) = range.clone().find_map(|at| self.indent(at)) else { return entries };
        for at in range.clone() {
            if self.indent(at) != Some(indent) {
                continue;
            }
            let text = self.line(at).trim();
            // An item of a list is no key, even with a colon in it.
            let Some((key, value)) = text.split_once(':').filter(|_| !text.starts_with("- "))
            else {
                continue;
            };
            if let Some(last) = entries.last_mut() {
                last.at.end = self.before_comments(last.at.start, at);
            }
            let (key, value) = (plain(key), plain(value));
            entries.push(Entry { key, value, at: at..range.end });
        }
        if let Some(last) = entries.last_mut() {
            last.at.end = self.before_comments(last.at.start, range.end);
        }
        entries
    }

    /// The end of what began at `start`, without empty lines and comments that belong to what
    /// follows.
    fn before_comments(&self, start: usize, mut end: usize) -> usize {
        while end > start + 1 && self.indent(end - 1).is_none() {
            end -= 1;
        }
        end
    }

    /// What a list says, in one line or with a line for each, the lines of items' keys among them.
    pub(super) fn texts(&self, entry: &Entry) -> Vec<String> {
        if let Some(inline) = inline(&entry.value) {
            return inline;
        }
        let lines = (entry.at.start + 1..entry.at.end).filter(|at| self.indent(*at).is_some());
        let text = |at| {
            let line = self.line(at).trim();
            plain(line.strip_prefix("- ").unwrap_or(line))
        };
        lines.map(text).collect()
    }

    /// The items of a list that has a line for each.
    pub(super) fn items(&self, entry: &Entry) -> Vec<(String, Range<usize>)> {
        let mut items: Vec<(String, Range<usize>)> = Vec::new();
        for at in entry.at.start + 1..entry.at.end {
            let Some(item) = self.line(at).trim().strip_prefix("- ") else { continue };
            items.push((plain(item), at..at + 1));
        }
        items
    }
}

/// The items of a list in one line, as in `[a, "b:c"]`.
pub(super) fn inline(value: &str) -> Option<Vec<String>> {
    let items = value.strip_prefix('[')?.trim_end_matches(']').split(',');
    Some(items.map(plain).filter(|it| !it.is_empty()).collect())
}

/// A scalar without its quotes and the comment behind it.
fn plain(text: &str) -> String {
    let text = text.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner.split(quote).next().unwrap_or_default().to_owned();
        }
    }
    text.split(" #").next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "services:\n  one:\n    image: \"a:1\" # old\n    ports:\n      - '1:2'\n\n  # about two\n  \
                        two:\n    image: b\nvolumes:\n  data:\n";

    #[test]
    fn keys_end_where_the_next_begins() {
        let file = File::read(TEXT);
        let top = file.top();
        let keys: Vec<&str> = top.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["services", "volumes"]);
        let services = file.inside(&top[0]);
        assert_eq!(services[0].at, 1..5);
        assert_eq!(services[1].at, 7..9);
        assert_eq!(file.find(&services[0], "image").unwrap().value, "a:1");
        let ports = file.find(&services[0], "ports").unwrap();
        assert_eq!(file.items(&ports), [("1:2".to_owned(), 4..5)]);
        assert_eq!(file.text(), TEXT);
    }
}
