//! Tables for people: aligned columns, no lines drawn, numbers to the right.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use super::{Column, Item, Out, Value, data::field};

/// These columns of the rows.
pub(crate) fn render(columns: &[&Column], rows: &[Item], out: &Out) -> String {
    let titles: Vec<&str> = columns.iter().map(|column| column.title).collect();
    let keys: Vec<&str> = columns.iter().map(|column| column.key).collect();
    build(&titles, &keys, rows, out)
}

/// Every field of the rows.
pub(crate) fn render_all(rows: &[Item], out: &Out) -> String {
    let keys: Vec<&str> =
        rows.first().map(|row| row.iter().map(|(key, _)| *key).collect()).unwrap_or_default();
    let titles: Vec<String> = keys.iter().map(|key| title_of(key)).collect();
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    build(&titles, &keys, rows, out)
}

/// An item's fields that are neither lists of objects nor objects, one per line.
pub(crate) fn scalars(item: &Item, out: &Out) -> String {
    let is_scalar = |value: &Value| match value {
        Value::List(values) => values.first().is_some_and(|first| first.as_object().is_none()),
        Value::Object(_) => false,
        _ => true,
    };
    let lines: Vec<(String, String)> = item
        .iter()
        .filter(|(_, value)| is_scalar(value))
        .map(|(key, value)| (title_of(key), dash(value)))
        .collect();
    let width = lines.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
    let (bold, plain) = if out.has_color() { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
    let line =
        |(title, value): &(String, String)| format!("{bold}{title:width$}{plain}  {value}\n");
    lines.iter().map(line).collect()
}

fn build(titles: &[&str], keys: &[&str], rows: &[Item], out: &Out) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let numeric: Vec<bool> = keys
        .iter()
        .map(|key| {
            let mut cells = rows.iter().filter_map(|row| field(row, key)).peekable();
            cells.peek().is_some()
                && cells.all(|cell| matches!(cell, Value::Int(_) | Value::Float(_) | Value::Null))
        })
        .collect();
    let align = |cell: Cell, is_numeric: bool| {
        if is_numeric { cell.set_alignment(CellAlignment::Right) } else { cell }
    };
    table.set_header(
        titles.iter().zip(&numeric).map(|(title, is_numeric)| align(Cell::new(title), *is_numeric)),
    );
    for row in rows {
        table.add_row(keys.iter().zip(&numeric).map(|(key, is_numeric)| {
            let text = field(row, key).map_or_else(|| "-".to_owned(), dash);
            align(Cell::new(text), *is_numeric)
        }));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    let (bold, plain) = if out.has_color() { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
    let lines = table.lines().enumerate().map(|(index, line)| {
        let line = line.trim_end();
        if index == 0 { format!("{bold}{line}{plain}") } else { line.to_owned() }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn dash(value: &Value) -> String {
    let text = value.plain();
    if text.is_empty() { "-".to_owned() } else { text }
}

/// `logEndOffset` as `LOG END OFFSET`.
fn title_of(key: &str) -> String {
    let mut title = String::new();
    for letter in key.chars() {
        if letter.is_uppercase() {
            title.push(' ');
        }
        title.extend(letter.to_uppercase());
    }
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_come_from_keys() {
        assert_eq!(title_of("logEndOffset"), "LOG END OFFSET");
    }

    #[test]
    fn numbers_stand_to_the_right_and_nothing_is_a_dash() {
        let rows: Vec<Item> = [("a", 5), ("bb", 1000)]
            .map(|(name, size)| {
                vec![("name", Value::text(name)), ("size", Value::Int(size)), ("x", Value::Null)]
            })
            .into();
        let text = render_all(&rows, &Out::new(None, true));
        assert_eq!(text, "NAME  SIZE  X\na        5  -\nbb    1000  -");
    }
}
