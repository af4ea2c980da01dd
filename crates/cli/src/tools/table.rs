//! Columns as Kafka's tools print them.

/// Cells filled up with spaces to their widths, with a space between them.
pub(crate) fn padded<T: AsRef<str>>(cells: &[(T, usize)]) -> String {
    let cells = cells.iter().map(|(cell, width)| format!("{:width$}", cell.as_ref()));
    cells.collect::<Vec<_>>().join(" ")
}

/// The width of a column: that of its longest cell, but not less than `least`.
pub(crate) fn width<'a>(least: usize, cells: impl Iterator<Item = &'a str>) -> usize {
    cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(least)
}

/// Lines of cells, each filled up to the width of its column and followed by a tab.
pub(crate) fn tabbed(rows: &[Vec<String>]) -> Vec<String> {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(String::len).max().unwrap_or(0)
    };
    let line = |row: &Vec<String>| {
        let cells = row.iter().enumerate();
        let cells = cells.map(|(column, cell)| format!("{cell:width$}\t", width = width(column)));
        cells.collect::<Vec<_>>().concat()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_filled_up() {
        assert_eq!(padded(&[("a", 3), ("b", 1), ("c", 0)]), "a   b c");
        assert_eq!(width(3, ["ab", "abcd"].into_iter()), 4);
        let rows =
            [vec!["Id".to_owned(), "X".to_owned()], vec!["longer".to_owned(), "1".to_owned()]];
        assert_eq!(tabbed(&rows), ["Id    \tX\t", "longer\t1\t"]);
    }
}
