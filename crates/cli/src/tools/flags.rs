//! Options as Kafka's tools take them.
//!
//! Invariants: a name may be written with one dash or two, after `=` or as the next word, and cut
//! short as long as it stays unambiguous; what is refused is refused in Kafka's words.
//! Kafka: `CommandDefaultOptions`, and the parser it builds on.

use super::Refusal;

/// What follows an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Nothing,
    /// A text, called this in the help.
    Text(&'static str),
    /// A whole number, called this in the help.
    Number(&'static str),
    /// A text, or nothing.
    Maybe(&'static str),
}

/// An option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    pub(crate) takes: Takes,
    pub(crate) about: &'static str,
}

/// An option without a value.
pub(crate) const fn switch(name: &'static str, about: &'static str) -> Flag {
    Flag { name, takes: Takes::Nothing, about }
}

/// An option with a value.
pub(crate) const fn text(name: &'static str, what: &'static str, about: &'static str) -> Flag {
    Flag { name, takes: Takes::Text(what), about }
}

/// An option with a number.
pub(crate) const fn number(name: &'static str, what: &'static str, about: &'static str) -> Flag {
    Flag { name, takes: Takes::Number(what), about }
}

/// An option with or without a value.
pub(crate) const fn maybe(name: &'static str, what: &'static str, about: &'static str) -> Flag {
    Flag { name, takes: Takes::Maybe(what), about }
}

/// What was given on a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Given {
    options: Vec<(&'static str, Option<String>)>,
}

impl Given {
    /// Reads a command line. Words that belong to no option are passed over, as Kafka does.
    pub(crate) fn parse(flags: &[Flag], arguments: &[String]) -> Result<Self, Refusal> {
        let mut options = Vec::new();
        let mut words = arguments.iter().peekable();
        while let Some(word) = words.next() {
            let Some(body) = word.strip_prefix('-').filter(|body| !body.is_empty()) else {
                continue;
            };
            if word == "--" {
                break;
            }
            let body = body.strip_prefix('-').unwrap_or(body);
            let (name, mut value) = match body.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (body, None),
            };
            let flag = find(flags, name)?;
            match flag.takes {
                Takes::Nothing => value = None,
                Takes::Text(_) | Takes::Number(_) => {
                    value = value.or_else(|| words.next().cloned());
                    if value.is_none() {
                        let text = format!("Option {} requires an argument", flag.name);
                        return Err(Refusal::Options(text));
                    }
                }
                Takes::Maybe(_) => {
                    value = value.or_else(|| words.next_if(|it| !it.starts_with('-')).cloned());
                }
            }
            if let (Takes::Number(_), Some(text)) = (flag.takes, &value)
                && text.parse::<i64>().is_err()
            {
                let text = format!("Cannot parse argument '{text}' of option {}", flag.name);
                return Err(Refusal::Options(text));
            }
            options.push((flag.name, value));
        }
        Ok(Self { options })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(given, _)| *given == name)
    }

    /// The value of an option that may be given once.
    pub(crate) fn value(&self, name: &str) -> Result<Option<&str>, Refusal> {
        let given = self.options.iter().filter(|(given, _)| *given == name);
        let mut values = given.filter_map(|(_, value)| value.as_deref());
        let first = values.next();
        if values.next().is_some() {
            let text =
                format!("Found multiple arguments for option {name}, but you asked for only one");
            return Err(Refusal::Options(text));
        }
        Ok(first)
    }

    /// All values of an option.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let given = self.options.iter().filter(move |(given, _)| *given == name);
        given.filter_map(|(_, value)| value.as_deref())
    }

    pub(crate) fn number<T: TryFrom<i64>>(&self, name: &str) -> Result<Option<T>, Refusal> {
        let Some(text) = self.value(name)? else { return Ok(None) };
        let number = text.parse::<i64>().ok().and_then(|number| T::try_from(number).ok());
        if number.is_some() {
            return Ok(number);
        }
        Err(Refusal::Options(format!("Cannot parse argument '{text}' of option {name}")))
    }

    /// How many of these options were given.
    pub(crate) fn count(&self, names: &[&str]) -> usize {
        names.iter().filter(|name| self.has(name)).count()
    }

    /// Refuses where an option is missing.
    pub(crate) fn require(&self, names: &[&str]) -> Result<(), Refusal> {
        match names.iter().find(|name| !self.has(name)) {
            None => Ok(()),
            Some(name) => Err(Refusal::Usage(format!("Missing required argument \"[{name}]\""))),
        }
    }

    /// Refuses one option beside any of others.
    pub(crate) fn exclude(&self, name: &str, others: &[&str]) -> Result<(), Refusal> {
        let other = others.iter().find(|other| self.has(name) && self.has(other));
        match other {
            None => Ok(()),
            Some(other) => Err(Refusal::Usage(format!(
                "Option \"[{name}]\" can't be used with option \"[{other}]\""
            ))),
        }
    }
}

/// The option with this name, or the only one that begins so.
fn find<'a>(flags: &'a [Flag], name: &str) -> Result<&'a Flag, Refusal> {
    if let Some(flag) = flags.iter().find(|flag| flag.name == name) {
        return Ok(flag);
    }
    let mut alike = flags.iter().filter(|flag| flag.name.starts_with(name));
    match (alike.next(), alike.next()) {
        (Some(flag), None) if !name.is_empty() => Ok(flag),
        _ => Err(Refusal::Options(format!("{name} is not a recognized option"))),
    }
}

const NAME_WIDTH: usize = 40;
const ABOUT_WIDTH: usize = 39;

/// The options in two columns, sorted.
pub(crate) fn help(flags: &[Flag]) -> String {
    let mut sorted: Vec<&Flag> = flags.iter().collect();
    sorted.sort_by_key(|flag| flag.name);
    let mut lines = vec![
        format!("{:NAME_WIDTH$} Description", "Option"),
        format!("{:NAME_WIDTH$} -----------", "------"),
    ];
    for flag in sorted {
        let name = match flag.takes {
            Takes::Nothing => format!("--{}", flag.name),
            Takes::Text(what) => format!("--{} <String: {what}>", flag.name),
            Takes::Number(what) => format!("--{} <Integer: {what}>", flag.name),
            Takes::Maybe(what) => format!("--{} [String: {what}]", flag.name),
        };
        let names = wrapped(&name, NAME_WIDTH);
        let abouts = wrapped(flag.about, ABOUT_WIDTH);
        for line in 0..names.len().max(abouts.len()) {
            let name = names.get(line).map_or("", String::as_str);
            let about = abouts.get(line).map_or("", String::as_str);
            let both = format!("{name:NAME_WIDTH$} {about}");
            lines.push(both.trim_end().to_owned());
        }
    }
    lines.join("\n")
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLAGS: &[Flag] = &[
        switch("list", "List."),
        switch("describe", "Describe."),
        text("topic", "topic", "The topic."),
        text("topic-id", "id", "Its id."),
        number("partitions", "count", "How many."),
        maybe("state", "states", "The state."),
    ];

    fn given(line: &str) -> Result<Given, Refusal> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Given::parse(FLAGS, &words)
    }

    fn refused(line: &str) -> String {
        match given(line) {
            Err(Refusal::Options(text)) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn values_come_as_the_next_word_or_behind_an_equals_sign() {
        for line in ["--topic a --partitions 3", "--topic=a -partitions=3", "--part 3 --topic a x"]
        {
            let given = given(line).unwrap();
            assert_eq!(given.value("topic").unwrap(), Some("a"), "{line}");
            assert_eq!(given.number::<i32>("partitions").unwrap(), Some(3), "{line}");
        }
    }

    #[test]
    fn a_value_may_be_left_out_where_it_is_optional() {
        assert_eq!(given("--state --list").unwrap().value("state").unwrap(), None);
        assert!(given("--state --list").unwrap().has("list"));
        assert_eq!(given("--state empty").unwrap().value("state").unwrap(), Some("empty"));
    }

    #[test]
    fn refusals_are_in_kafkas_words() {
        assert_eq!(refused("--nonsense"), "nonsense is not a recognized option");
        assert_eq!(refused("--topi x"), "topi is not a recognized option");
        assert_eq!(refused("--topic"), "Option topic requires an argument");
        assert_eq!(refused("--partitions x"), "Cannot parse argument 'x' of option partitions");
        let twice = given("--topic a --topic b").unwrap();
        assert!(twice.value("topic").is_err());
        assert_eq!(twice.values("topic").collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn the_help_lists_every_option_in_order() {
        let text = help(FLAGS);
        let at = |name: &str| text.find(name).unwrap();
        assert!(at("--describe") < at("--list") && at("--list") < at("--partitions <Integer"));
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
    }
}
