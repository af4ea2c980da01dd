//! What a command has to say, once as data, shown as a table, JSON, YAML, TSV, CSV or names.
//!
//! Invariants: field names of JSON and columns of TSV are the contract and only ever grow; 64-bit
//! numbers are never rounded; everything goes out through one writer.

mod data;
mod table;

use std::io::{self, BufWriter, IsTerminal, Write};

use clap::ValueEnum;

pub(crate) use data::Value;

use crate::exit::Failure;

/// How output looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For people, with more columns.
    Wide,
    /// One object: kind, version, items, errors.
    Json,
    /// One object per item and line.
    Jsonl,
    /// The same object as JSON.
    Yaml,
    /// Columns separated by tabs, without a headline, `-` for nothing.
    Tsv,
    /// Columns separated by commas, with a headline.
    Csv,
    /// Only the names, one per line.
    Name,
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// The field's name in JSON.
    pub(crate) key: &'static str,
    pub(crate) title: &'static str,
    /// Only shown by `wide`.
    pub(crate) is_wide: bool,
}

/// A column that is always shown.
pub(crate) const fn column(key: &'static str, title: &'static str) -> Column {
    Column { key, title, is_wide: false }
}

/// A column of the wide table.
pub(crate) const fn wide(key: &'static str, title: &'static str) -> Column {
    Column { key, title, is_wide: true }
}

/// One item: its fields in their order.
pub(crate) type Item = Vec<(&'static str, Value)>;

/// Items of one kind.
#[derive(Debug)]
pub(crate) struct Report {
    kind: &'static str,
    columns: &'static [Column],
    /// Where the rows of the table are inside of an item: a description has scalars and a list.
    rows_in: Option<&'static str>,
    items: Vec<Item>,
    errors: Vec<Failure>,
}

impl Report {
    /// A list: a row per item.
    pub(crate) const fn list(kind: &'static str, columns: &'static [Column]) -> Self {
        Self { kind, columns, rows_in: None, items: Vec::new(), errors: Vec::new() }
    }

    /// Descriptions: each item's scalars, and its list `rows_in` as a table.
    pub(crate) const fn details(
        kind: &'static str,
        rows_in: &'static str,
        columns: &'static [Column],
    ) -> Self {
        Self { kind, columns, rows_in: Some(rows_in), items: Vec::new(), errors: Vec::new() }
    }

    pub(crate) fn push(&mut self, item: Item) {
        self.items.push(item);
    }

    pub(crate) fn fail(&mut self, failure: impl Into<Failure>) {
        self.errors.push(failure.into());
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn failures(&self) -> &[Failure] {
        &self.errors
    }

    /// The whole as one value, as JSON and YAML show it.
    fn envelope(&self) -> Value {
        let items = self.items.iter().cloned().map(Value::Object).collect();
        let errors = self.errors.iter().map(|error| {
            Value::Object(vec![
                ("what", Value::text(&error.what)),
                ("why", Value::text(&error.why)),
                ("code", error.code.map_or(Value::Null, Value::text)),
                ("exitCode", Value::Int(i64::from(error.exit as u8))),
            ])
        });
        Value::Object(vec![
            ("kind", Value::text(self.kind)),
            ("version", Value::Int(1)),
            ("items", Value::List(items)),
            ("errors", Value::List(errors.collect())),
        ])
    }

    /// The rows of the table form.
    fn rows(&self) -> Vec<Item> {
        let Some(rows_in) = self.rows_in else { return self.items.clone() };
        let lists =
            self.items.iter().flat_map(|item| item.iter().filter(|(key, _)| *key == rows_in));
        let rows = lists.flat_map(|(_, value)| match value {
            Value::List(rows) => rows.clone(),
            _ => Vec::new(),
        });
        rows.filter_map(|row| if let Value::Object(row) = row { Some(row) } else { None }).collect()
    }

    /// Writes everything. Errors go to standard error as well, unless the format holds them.
    pub(crate) fn print(&self, out: &mut Out) -> io::Result<()> {
        match out.format() {
            Format::Json => {
                let json = serde_json::to_string_pretty(&self.envelope())?;
                out.line(&json)?;
            }
            Format::Yaml => {
                let yaml = self.envelope().to_yaml();
                out.write(yaml.as_bytes())?;
            }
            Format::Jsonl => {
                for item in &self.items {
                    let json = serde_json::to_string(&Value::Object(item.clone()))?;
                    out.line(&json)?;
                }
            }
            Format::Tsv => self.print_columns(out, '\t')?,
            Format::Csv => self.print_columns(out, ',')?,
            Format::Name => {
                for item in &self.items {
                    if let Some((_, name)) = item.first() {
                        out.line(&name.plain())?;
                    }
                }
            }
            Format::Table | Format::Wide => self.print_table(out)?,
        }
        out.flush()
    }

    fn print_columns(&self, out: &mut Out, separator: char) -> io::Result<()> {
        let quote = |text: String| data::quoted(text, separator);
        if separator == ',' {
            let keys: Vec<&str> = self.columns.iter().map(|column| column.key).collect();
            out.line(&keys.join(","))?;
        }
        for row in self.rows() {
            let cells: Vec<String> = self
                .columns
                .iter()
                .map(|column| {
                    let cell = data::field(&row, column.key).map_or_else(String::new, Value::plain);
                    if cell.is_empty() && separator == '\t' { "-".to_owned() } else { quote(cell) }
                })
                .collect();
            out.line(&cells.join(&separator.to_string()))?;
        }
        Ok(())
    }

    fn print_table(&self, out: &mut Out) -> io::Result<()> {
        let is_wide = out.format() == Format::Wide;
        let columns: Vec<&Column> =
            self.columns.iter().filter(|column| is_wide || !column.is_wide).collect();
        let Some(rows_in) = self.rows_in else {
            if !self.items.is_empty() {
                let text = table::render(&columns, &self.items, out);
                out.line(&text)?;
            }
            return Ok(());
        };
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                out.line("")?;
            }
            out.write(table::scalars(item, out).as_bytes())?;
            for (key, value) in item {
                let Value::List(rows) = value else { continue };
                let rows: Vec<Item> = rows.iter().filter_map(Value::as_object).cloned().collect();
                if rows.is_empty() {
                    continue;
                }
                out.line("")?;
                let text = if *key == rows_in {
                    table::render(&columns, &rows, out)
                } else {
                    table::render_all(&rows, out)
                };
                out.line(&text)?;
            }
        }
        Ok(())
    }
}

/// Standard output, held for the whole command.
pub(crate) struct Out {
    writer: BufWriter<io::Stdout>,
    format: Option<Format>,
    has_color: bool,
}

impl std::fmt::Debug for Out {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Out").field("format", &self.format).finish_non_exhaustive()
    }
}

impl Out {
    pub(crate) fn new(format: Option<Format>, no_color: bool) -> Self {
        let stdout = io::stdout();
        let is_terminal = stdout.is_terminal();
        let has_color = is_terminal
            && !no_color
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { writer: BufWriter::with_capacity(64 << 10, stdout), format, has_color }
    }

    /// The format that was asked for, or that for people.
    pub(crate) fn format(&self) -> Format {
        self.format.unwrap_or(Format::Table)
    }

    /// The format, if one was asked for.
    pub(crate) const fn asked_format(&self) -> Option<Format> {
        self.format
    }

    pub(crate) const fn has_color(&self) -> bool {
        self.has_color
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)
    }

    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        self.writer.write_all(text.as_bytes())?;
        self.writer.write_all(b"\n")
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Writes a line for people to standard error. Nobody reading it is no failure.
pub(crate) fn note(text: &str) {
    let mut stderr = io::stderr().lock();
    drop(writeln!(stderr, "{text}"));
}
