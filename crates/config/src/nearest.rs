//! The known name that somebody probably meant.

/// The known name with the fewest edits from `name`, if they are few enough to be a slip.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (name.chars().count() / 4).clamp(1, 5);
    known
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(edits, _)| *edits <= limit)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// The edits between two words: insertions, deletions, replacements and swaps of neighbours.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    let mut previous = None;
    for (row, left) in from.chars().enumerate() {
        let mut current = Vec::with_capacity(above.len());
        current.push(row + 1);
        let mut last = row + 1;
        for (column, right) in to.iter().enumerate() {
            let at = |line: &[usize], index: usize| line.get(index).copied().unwrap_or(usize::MAX);
            let replaced = at(&above, column) + usize::from(left != *right);
            let mut best = replaced.min(at(&above, column + 1) + 1).min(last + 1);
            let neighbour = column.checked_sub(1).and_then(|index| to.get(index));
            if previous == Some(*right) && neighbour == Some(&left) {
                best = best.min(at(&before, column - 1).saturating_add(1));
            }
            current.push(best);
            last = best;
        }
        previous = Some(left);
        before = std::mem::replace(&mut above, current);
    }
    above.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted_and_a_swap_is_one() {
        let cases = [
            ("", "", 0),
            ("a", "", 1),
            ("abc", "abd", 1),
            ("acb", "abc", 1),
            ("kitten", "sitting", 3),
        ];
        for (from, to, edits) in cases {
            assert_eq!(distance(from, to), edits, "{from} {to}");
        }
    }

    #[test]
    fn a_slip_finds_its_name_and_a_stranger_does_not() {
        let known = || crate::keys::broker_keys().map(|key| key.name);
        assert_eq!(nearest("num.partition", known()), Some("num.partitions"));
        assert_eq!(nearest("log.retention.hour", known()), Some("log.retention.hours"));
        assert_eq!(nearest("advertised.listner", known()), Some("advertised.listeners"));
        assert_eq!(nearest("auto.create.topic.enable", known()), Some("auto.create.topics.enable"));
        assert_eq!(nearest("my.own.plugin.setting", known()), None);
    }
}
