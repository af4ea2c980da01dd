//! One-letter options as `getopt` takes them: `-C -e`, `-Ce`, `-t London`, `-tLondon`.

/// Letters that have something behind them.
const WITH_VALUE: &str = "tpbXKDkHocfzFmGrs";
/// Letters that stand alone.
const ALONE: &str = "PCLQeqJZlTuEvhVOAU";

/// What was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Letters {
    given: Vec<(char, Option<String>)>,
    /// Words that belong to no letter: files, or a group's topics.
    pub(super) words: Vec<String>,
}

impl Letters {
    pub(super) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut letters = Self::default();
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let cluster = word.strip_prefix('-').filter(|it| !it.is_empty() && word != "--");
            let Some(cluster) = cluster else {
                letters.words.push(word.clone());
                continue;
            };
            let mut rest = cluster.chars();
            while let Some(letter) = rest.next() {
                if ALONE.contains(letter) {
                    letters.given.push((letter, None));
                    continue;
                }
                if !WITH_VALUE.contains(letter) {
                    return Err(format!("-{letter} is not known"));
                }
                if matches!(letter, 'r' | 's') {
                    return Err(format!("-{letter}: schemas and packed values are not supported"));
                }
                let attached = rest.as_str();
                let value = if attached.is_empty() { words.next().cloned() } else { None };
                let value = value.or_else(|| Some(attached.to_owned()).filter(|it| !it.is_empty()));
                let Some(value) = value else { return Err(format!("-{letter} needs a value")) };
                letters.given.push((letter, Some(value)));
                break;
            }
        }
        Ok(letters)
    }

    pub(super) fn has(&self, letter: char) -> bool {
        self.given.iter().any(|(given, _)| *given == letter)
    }

    /// The last value of a letter.
    pub(super) fn value(&self, letter: char) -> Option<&str> {
        self.values(letter).last()
    }

    /// All values of a letter.
    pub(super) fn values(&self, letter: char) -> impl Iterator<Item = &str> {
        let given = self.given.iter().filter(move |(given, _)| *given == letter);
        given.filter_map(|(_, value)| value.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Letters, String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Letters::parse(&words)
    }

    #[test]
    fn letters_stand_alone_or_together() {
        for line in ["-C -t London -o -5 -e -q", "-Ceq -tLondon -o-5", "-eqCt London -o -5"] {
            let letters = read(line).unwrap();
            assert!(letters.has('C') && letters.has('e') && letters.has('q'), "{line}");
            assert_eq!(letters.value('t'), Some("London"), "{line}");
            assert_eq!(letters.value('o'), Some("-5"), "{line}");
        }
    }

    #[test]
    fn what_belongs_to_no_letter_is_kept() {
        let letters = read("-b x:1 -G readers London Paris -X a=b -X c=d").unwrap();
        assert_eq!(letters.words, ["London", "Paris"]);
        assert_eq!(letters.values('X').collect::<Vec<_>>(), ["a=b", "c=d"]);
    }

    #[test]
    fn unknown_letters_and_missing_values_are_refused() {
        assert!(read("-C -?").is_err());
        assert!(read("-C -t").is_err());
        assert!(read("-C -s avro").is_err());
    }
}
