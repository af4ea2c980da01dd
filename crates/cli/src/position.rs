//! Positions in partitions, and lists of partitions, as people write them.

use crate::time::parse_time;

/// A place in a partition: `start`, `end`, `committed`, `1042`, `-100`, `+100`,
/// `@2026-11-23T10:00`, `@-15m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The oldest record.
    Start,
    /// Behind the newest record.
    End,
    /// Where the group committed.
    Committed,
    /// This offset.
    Offset(i64),
    /// This many records before the end.
    BeforeEnd(i64),
    /// This many records on from where the group is; only for a reset.
    Onward(i64),
    /// This time in ms since 1970.
    Time(i64),
}

impl Place {
    /// Reads a place. `now_ms` is what a relative time is relative to.
    pub(crate) fn parse(text: &str, now_ms: i64) -> Result<Self, String> {
        let number = |digits: &str| {
            let parsed: Option<i64> = digits.parse().ok().filter(|number| *number >= 0);
            parsed.ok_or_else(|| {
                format!(
                    "'{text}' is not a position: start, end, committed, an offset, -N (before the \
                     end), +N, @TIME or @-15m are expected"
                )
            })
        };
        match text {
            "start" | "beginning" | "earliest" => return Ok(Self::Start),
            "end" | "latest" => return Ok(Self::End),
            "committed" | "stored" => return Ok(Self::Committed),
            _ => {}
        }
        if let Some(time) = text.strip_prefix('@') {
            return parse_time(time, now_ms).map(Self::Time);
        }
        if let Some(digits) = text.strip_prefix('-') {
            return number(digits).map(Self::BeforeEnd);
        }
        if let Some(digits) = text.strip_prefix('+') {
            return number(digits).map(Self::Onward);
        }
        number(text).map(Self::Offset)
    }
}

/// Reads `0,2-4` as 0, 2, 3, 4: sorted, each once.
pub(crate) fn parse_partitions(text: &str) -> Result<Vec<i32>, String> {
    let wrong = || format!("'{text}' is not a list of partitions: 0,2-4 is expected");
    let number = |digits: &str| {
        let parsed: Option<i32> = digits.trim().parse().ok().filter(|number| *number >= 0);
        parsed.ok_or_else(wrong)
    };
    let mut partitions = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            None => partitions.push(number(part)?),
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                if last < first || last - first > 100_000 {
                    return Err(wrong());
                }
                partitions.extend(first..=last);
            }
        }
    }
    partitions.sort_unstable();
    partitions.dedup();
    Ok(partitions)
}

/// Whether `name` matches a pattern in which `*` stands for any text and `?` for one character.
pub(crate) fn matches_glob(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut in_name) = (0, 0);
    // Where the last star was, and how much of the name it covers so far.
    let mut star: Option<(usize, usize)> = None;
    while in_name < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, in_name));
                at += 1;
            }
            Some(letter) if *letter == '?' || Some(letter) == name.get(in_name) => {
                at += 1;
                in_name += 1;
            }
            _ => match star {
                Some((star_at, covered)) => {
                    star = Some((star_at, covered + 1));
                    at = star_at + 1;
                    in_name = covered + 1;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_position_is_read() {
        let cases = [
            ("start", Place::Start),
            ("end", Place::End),
            ("committed", Place::Committed),
            ("1042", Place::Offset(1042)),
            ("-100", Place::BeforeEnd(100)),
            ("+100", Place::Onward(100)),
            ("@1000", Place::Time(1000)),
            ("@-1s", Place::Time(59_000)),
            ("@1970-01-01T00:00:01Z", Place::Time(1000)),
        ];
        for (text, place) in cases {
            assert_eq!(Place::parse(text, 60_000), Ok(place), "{text}");
        }
        for wrong in ["", "middle", "--1", "1.5", "@", "@soon"] {
            assert!(Place::parse(wrong, 0).is_err(), "{wrong}");
        }
    }

    #[test]
    fn partitions_are_lists_and_ranges() {
        assert_eq!(parse_partitions("0,2-4,2"), Ok(vec![0, 2, 3, 4]));
        for wrong in ["", "a", "3-1", "-1", "0-9999999"] {
            assert!(parse_partitions(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn globs_match_whole_names() {
        for (pattern, name, matches) in [
            ("tmp-*", "tmp-1", true),
            ("tmp-*", "a-tmp-1", false),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xaxxbc", false),
            ("?", "ä", true),
            ("London", "London", true),
            ("London", "Londo", false),
            ("*", "", true),
        ] {
            assert_eq!(matches_glob(pattern, name), matches, "{pattern} {name}");
        }
    }
}
