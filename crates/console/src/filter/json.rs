//! Conditions on JSON: a path, an operator, a value, as in `$.city == "London"`.
//!
//! `$` is the value and `key$` the key. Whole numbers are compared as whole numbers, up to 64 bits
//! without rounding. Kafka: none.

use std::cmp::Ordering;

use serde_json::Value;

/// One condition.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    is_about_key: bool,
    path: Vec<Step>,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Field(String),
    Item(usize),
}

#[derive(Clone, Debug)]
enum Test {
    Exists,
    Equal(Value),
    Unequal(Value),
    /// Which orders of "what is there" against the value are fine.
    Ordered(&'static [Ordering], Value),
    Contains(Value),
}

impl Condition {
    /// Reads a condition.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (is_about_key, rest) = match text.strip_prefix("key$") {
            Some(rest) => (true, rest),
            None => {
                (false, text.strip_prefix('$').ok_or("a JSON condition begins with $ or key$")?)
            }
        };
        let (path, rest) = parse_path(rest)?;
        Ok(Self { is_about_key, path, test: parse_test(rest.trim())? })
    }

    pub(crate) fn is_about_key(&self) -> bool {
        self.is_about_key
    }

    /// Whether it holds. What is no JSON has no fields.
    pub(crate) fn holds(&self, key: Option<&Value>, value: Option<&Value>) -> bool {
        let mut found = if self.is_about_key { key } else { value };
        for step in &self.path {
            found = match step {
                Step::Field(name) => found.and_then(|it| it.get(name)),
                Step::Item(place) => found.and_then(|it| it.get(place)),
            };
        }
        let Some(found) = found else { return false };
        match &self.test {
            Test::Exists => true,
            Test::Equal(wanted) => compare(found, wanted) == Some(Ordering::Equal),
            Test::Unequal(wanted) => compare(found, wanted) != Some(Ordering::Equal),
            Test::Ordered(orders, wanted) => {
                compare(found, wanted).is_some_and(|order| orders.contains(&order))
            }
            Test::Contains(wanted) => contains(found, wanted),
        }
    }
}

/// The steps at the beginning of a text, and what follows them.
fn parse_path(mut rest: &str) -> Result<(Vec<Step>, &str), String> {
    let mut path = Vec::new();
    loop {
        if let Some(after) = rest.strip_prefix('.') {
            let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '@');
            let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
            let (name, behind) = after.split_at(end);
            if name.is_empty() {
                return Err("a field's name follows each dot".to_owned());
            }
            path.push(Step::Field(name.to_owned()));
            rest = behind;
        } else if let Some(after) = rest.strip_prefix('[') {
            let (inner, behind) = after.split_once(']').ok_or("a [ is not closed")?;
            path.push(parse_item(inner.trim())?);
            rest = behind;
        } else {
            return Ok((path, rest));
        }
    }
}

fn parse_item(inner: &str) -> Result<Step, String> {
    for quote in ['"', '\''] {
        let name = inner.strip_prefix(quote).and_then(|it| it.strip_suffix(quote));
        if let Some(name) = name {
            return Ok(Step::Field(name.to_owned()));
        }
    }
    let place = inner.parse().map_err(|_| format!("[{inner}] is neither a place nor a name"))?;
    Ok(Step::Item(place))
}

fn parse_test(text: &str) -> Result<Test, String> {
    use Ordering::{Equal, Greater, Less};
    if text == "exists" {
        return Ok(Test::Exists);
    }
    let value = |text: &str| {
        let text = text.trim();
        let parsed = serde_json::from_str(text);
        parsed.map_err(|_| format!("{text} is no JSON value (texts are in double quotes)"))
    };
    // Longer operators first: they begin with shorter ones.
    for (operator, orders) in
        [(">=", &[Greater, Equal][..]), ("<=", &[Less, Equal]), (">", &[Greater]), ("<", &[Less])]
    {
        if let Some(rest) = text.strip_prefix(operator) {
            return Ok(Test::Ordered(orders, value(rest)?));
        }
    }
    if let Some(rest) = text.strip_prefix("==") {
        Ok(Test::Equal(value(rest)?))
    } else if let Some(rest) = text.strip_prefix("!=") {
        Ok(Test::Unequal(value(rest)?))
    } else if let Some(rest) = text.strip_prefix("contains") {
        Ok(Test::Contains(value(rest)?))
    } else {
        Err(format!("'{text}' is none of == != > >= < <= contains exists"))
    }
}

/// How two values of one kind are ordered; `None` where they are of different kinds.
fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (whole(a), whole(b)) {
            (Some(a), Some(b)) => Some(a.cmp(&b)),
            _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
        },
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (a, b) => (a == b).then_some(Ordering::Equal),
    }
}

fn whole(number: &serde_json::Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn contains(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        (Value::Array(items), wanted) => {
            items.iter().any(|item| compare(item, wanted) == Some(Ordering::Equal))
        }
        (Value::Object(fields), Value::String(name)) => fields.contains_key(name),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(condition: &str, value: &str) -> bool {
        let value = serde_json::from_str(value).ok();
        Condition::parse(condition).unwrap().holds(None, value.as_ref())
    }

    #[test]
    fn paths_lead_through_fields_and_items() {
        let value = r#"{"a":{"b-c":[1,{"d e":"x"}]},"n":null}"#;
        assert!(holds(r#"$.a.b-c[1]["d e"] == "x""#, value));
        assert!(holds("$.a.b-c[0] == 1", value));
        assert!(holds("$.n == null", value));
        assert!(holds("$.a exists", value));
        assert!(!holds("$.missing exists", value));
        assert!(!holds("$.missing != 1", value), "what is not there is not unequal");
        assert!(!holds("$.a exists", "no JSON"));
    }

    #[test]
    fn numbers_of_64_bits_are_not_rounded() {
        assert!(holds("$ == 9007199254740993", "9007199254740993"));
        assert!(!holds("$ == 9007199254740993", "9007199254740992"));
        assert!(holds("$ == -7210194211959421178", "-7210194211959421178"));
        assert!(!holds("$ == -7210194211959421178", "-7210194211959421177"));
        assert!(holds("$ > 18446744073709551614", "18446744073709551615"));
        assert!(holds("$ < 14.3", "14.2"));
        assert!(holds("$ >= 14", "14"));
    }

    #[test]
    fn contains_looks_into_texts_lists_and_objects() {
        assert!(holds(r#"$ contains "ond""#, r#""London""#));
        assert!(holds("$ contains 2", "[1,2]"));
        assert!(holds(r#"$ contains "a""#, r#"{"a":1}"#));
        assert!(!holds("$ contains 3", "[1,2]"));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_a_reason() {
        for (text, reason) in [
            ("city == 1", "begins with $"),
            ("$.a = 1", "none of =="),
            ("$.a == London", "double quotes"),
            ("$.a[0 == 1", "not closed"),
            ("$.a[x] == 1", "neither"),
            ("$. == 1", "follows each dot"),
        ] {
            let error = Condition::parse(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
