//! The text of a `server.properties` file, by the grammar of Java's properties files.
//!
//! A line is a key, a separator (`=`, `:` or white space) and a value; `#` and `!` start comments;
//! a backslash at the end of a line continues it; `\t \n \r \f` and `\uXXXX` are escapes, and any
//! other escaped character stands for itself.
//!
//! Kafka: `java.util.Properties.load`, through `Utils.loadProps`.

/// A properties text that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProperties {
    /// An escape `\u` without four hexadecimal digits.
    #[error("line {line}: \\u must be followed by four hexadecimal digits")]
    BadUnicode {
        /// The number of the line on which the entry starts, from 1.
        line: usize,
    },
}

/// Reads all entries, in the order of the text; a key may come several times, and the last counts.
pub fn parse_properties(text: &str) -> Result<Vec<(String, String)>, InvalidProperties> {
    let mut entries = Vec::new();
    for (line, content) in logical_lines(text) {
        let (key, value) = split_entry(&content);
        let bad = || InvalidProperties::BadUnicode { line };
        entries.push((unescape(key).ok_or_else(bad)?, unescape(value).ok_or_else(bad)?));
    }
    Ok(entries)
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

/// Joins continued lines and leaves out comments and empty lines.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let unified = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = Vec::new();
    let mut natural = unified.split('\n').enumerate();
    while let Some((index, first)) = natural.next() {
        let first = first.trim_start_matches(is_blank);
        if first.is_empty() || first.starts_with(['#', '!']) {
            continue;
        }
        let mut content = first.to_owned();
        while ends_with_odd_backslashes(&content) {
            content.pop();
            match natural.next() {
                Some((_, next)) => content.push_str(next.trim_start_matches(is_blank)),
                None => break,
            }
        }
        if !content.is_empty() {
            lines.push((index + 1, content));
        }
    }
    lines
}

fn ends_with_odd_backslashes(line: &str) -> bool {
    line.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1
}

/// Cuts a logical line at its separator; both halves are still escaped.
fn split_entry(line: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == '=' || c == ':' || is_blank(c) {
            let (key, rest) = line.split_at(at);
            let rest = rest.trim_start_matches(is_blank);
            let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
            return (key, value.trim_start_matches(is_blank));
        }
    }
    (line, "")
}

/// Resolves escapes; `None` for a broken `\u`.
fn unescape(text: &str) -> Option<String> {
    if !text.contains('\\') {
        return Some(text.to_owned());
    }
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            units.extend(c.encode_utf16(&mut [0; 2]).iter());
            continue;
        }
        let unescaped = match chars.next() {
            None => continue,
            Some('u') => {
                units.push(take_hex(&mut chars)?);
                continue;
            }
            Some('t') => '\t',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('f') => '\x0c',
            Some(other) => other,
        };
        units.extend(unescaped.encode_utf16(&mut [0; 2]).iter());
    }
    Some(String::from_utf16_lossy(&units))
}

fn take_hex(chars: &mut std::str::Chars<'_>) -> Option<u16> {
    let mut unit = 0;
    for _ in 0..4 {
        unit = unit * 16 + u16::try_from(chars.next()?.to_digit(16)?).ok()?;
    }
    Some(unit)
}

#[cfg(test)]
mod tests;
