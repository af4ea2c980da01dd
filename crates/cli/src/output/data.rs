//! Values of output: what JSON can hold, with fields in the order they were given.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::Item;

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Object(Item),
}

impl Value {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// A list of integers.
    pub(crate) fn ints<I: Into<i64>>(numbers: impl IntoIterator<Item = I>) -> Self {
        Self::List(numbers.into_iter().map(|number| Self::Int(number.into())).collect())
    }

    /// Nothing where there is nothing.
    pub(crate) fn optional(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Null, Self::text)
    }

    pub(crate) const fn as_object(&self) -> Option<&Item> {
        match self {
            Self::Object(item) => Some(item),
            _ => None,
        }
    }

    /// The value in a table's cell.
    pub(crate) fn plain(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => value.to_string(),
            Self::Text(value) => value.clone(),
            Self::List(values) => values.iter().map(Self::plain).collect::<Vec<_>>().join(","),
            Self::Object(fields) => {
                let pairs = fields.iter().map(|(key, value)| format!("{key}={}", value.plain()));
                pairs.collect::<Vec<_>>().join(" ")
            }
        }
    }

    /// The value as a YAML document.
    pub(crate) fn to_yaml(&self) -> String {
        let mut out = String::new();
        match self {
            Self::Object(fields) if !fields.is_empty() => self.write_yaml(&mut out, 0),
            Self::List(values) if !values.is_empty() => self.write_yaml(&mut out, 0),
            scalar => {
                out.push_str(&scalar.yaml_scalar());
                out.push('\n');
            }
        }
        out
    }

    fn write_yaml(&self, out: &mut String, depth: usize) {
        let indent = "  ".repeat(depth);
        match self {
            Self::Object(fields) => {
                for (index, (key, value)) in fields.iter().enumerate() {
                    // The first field of a list's item stands behind its dash.
                    if index > 0 || !out.ends_with("- ") {
                        out.push_str(&indent);
                    }
                    out.push_str(key);
                    out.push(':');
                    value.write_yaml_child(out, depth);
                }
            }
            Self::List(values) => {
                for value in values {
                    out.push_str(&indent);
                    out.push_str("- ");
                    match value {
                        Self::Object(fields) if !fields.is_empty() => {
                            value.write_yaml(out, depth + 1);
                        }
                        other => {
                            out.push_str(&other.yaml_scalar());
                            out.push('\n');
                        }
                    }
                }
            }
            scalar => out.push_str(&scalar.yaml_scalar()),
        }
    }

    fn write_yaml_child(&self, out: &mut String, depth: usize) {
        match self {
            Self::Object(fields) if !fields.is_empty() => {
                out.push('\n');
                self.write_yaml(out, depth + 1);
            }
            Self::List(values) if !values.is_empty() => {
                out.push('\n');
                self.write_yaml(out, depth + 1);
            }
            scalar => {
                out.push(' ');
                out.push_str(&scalar.yaml_scalar());
                out.push('\n');
            }
        }
    }

    /// Text always quoted as JSON quotes it: YAML reads that, and never as anything but text.
    fn yaml_scalar(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(values) => serializer.collect_seq(values),
            Self::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

/// A field of an item.
pub(crate) fn field<'a>(item: &'a Item, key: &str) -> Option<&'a Value> {
    item.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
}

/// A cell that survives its separator: quoted in CSV, with blanks for tabs and line ends in TSV.
pub(crate) fn quoted(text: String, separator: char) -> String {
    if separator == '\t' {
        return text.replace(['\t', '\n', '\r'], " ");
    }
    if text.contains([separator, '"', '\n', '\r']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Value {
        Value::Object(vec![
            ("name", Value::text("a: b")),
            ("offset", Value::Int(9_007_199_254_740_993)),
            ("none", Value::Null),
            ("empty", Value::List(Vec::new())),
            (
                "rows",
                Value::List(vec![
                    Value::Object(vec![("x", Value::Int(1)), ("y", Value::Bool(true))]),
                    Value::Int(2),
                ]),
            ),
        ])
    }

    #[test]
    fn json_keeps_order_and_large_numbers() {
        let json = serde_json::to_string(&sample()).unwrap();
        let expected = r#"{"name":"a: b","offset":9007199254740993,"none":null,"empty":[],"rows":[{"x":1,"y":true},2]}"#;
        assert_eq!(json, expected);
    }

    #[test]
    fn yaml_nests_by_two_blanks() {
        let expected = "name: \"a: b\"\noffset: 9007199254740993\nnone: null\nempty: []\nrows:\n  - x: 1\n    y: true\n  - 2\n";
        assert_eq!(sample().to_yaml(), expected);
    }

    #[test]
    fn separators_inside_of_cells_do_no_harm() {
        assert_eq!(quoted("a,\"b\"".into(), ','), "\"a,\"\"b\"\"\"");
        assert_eq!(quoted("a\tb\nc".into(), '\t'), "a b c");
        assert_eq!(quoted("plain".into(), ','), "plain");
    }
}
