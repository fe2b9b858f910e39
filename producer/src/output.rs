//! Words for people: times, tables. What prints them is `scrum_shown`.

pub use scrum_knowledge::time;
pub use scrum_shown::plain;
pub use scrum_shown::print::{
    chain, clear_screen, fancy, say, say_json, say_lines, say_part, tell,
};

/// `1h02m`, `3m07s`, `4.2s`.
pub fn duration(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0..=9 => format!("{}.{}s", s, ms % 1000 / 100),
        10..=59 => format!("{s}s"),
        60..=3599 => format!("{}m{:02}s", s / 60, s % 60),
        _ => format!("{}h{:02}m", s / 3600, s % 3600 / 60),
    }
}

/// A large number in few characters: `812`, `12.3k`, `4.0M`.
pub fn short(n: u64) -> String {
    match n {
        0..=9_999 => n.to_string(),
        10_000..=999_949 => format!("{:.1}k", n as f64 / 1e3),
        _ => format!("{:.1}M", n as f64 / 1e6),
    }
}

/// Dollars; `-` when nobody told.
pub fn dollars(cost: Option<f64>) -> String {
    cost.map_or_else(|| "-".to_owned(), |d| format!("${d:.4}"))
}

/// Left-aligned columns, as wide as they need to be.
pub fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    aligned(header, rows, &[])
}

/// A table whose columns `right`, counted from 0, end where they end: numbers.
pub fn aligned(header: &[&str], rows: &[Vec<String>], right: &[usize]) -> String {
    Table { right, ..Table::new(header) }.page(rows)
}

/// A table that comes in pages: a column is as wide as its widest cell so far.
pub struct Table<'a> {
    /// The header, until it is said.
    header: Option<Vec<String>>,
    widths: Vec<usize>,
    right: &'a [usize],
}

impl Table<'_> {
    /// One whose header was not said.
    pub fn new(header: &[&str]) -> Self {
        let widths = vec![0; header.len()];
        let header = header.iter().map(|name| (*name).to_owned()).collect();
        Self { header: Some(header), widths, right: &[] }
    }

    /// Rows as lines, the first ones below the header. Cells are made [`plain`] here, before they are
    /// measured.
    pub fn page(&mut self, rows: &[Vec<String>]) -> String {
        let cells = rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect());
        let lines: Vec<Vec<String>> = self.header.take().into_iter().chain(cells).collect();
        for (i, width) in self.widths.iter_mut().enumerate() {
            let widest = lines.iter().filter_map(|line| line.get(i)).map(|c| c.chars().count());
            *width = widest.max().unwrap_or(0).max(*width);
        }
        lines.iter().map(|line| self.line(line)).collect::<Vec<_>>().join("\n")
    }

    fn line(&self, cells: &[String]) -> String {
        let mut text = String::new();
        for (i, (cell, width)) in cells.iter().zip(&self.widths).enumerate() {
            let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
            let parts =
                if self.right.contains(&i) { [&pad, cell, "  "] } else { [cell, &pad, "  "] };
            text.extend(parts);
        }
        text.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(duration(4_230), "4.2s");
        assert_eq!(duration(42_999), "42s");
        assert_eq!(duration(187_000), "3m07s");
        assert_eq!(duration(3_720_000), "1h02m");
    }

    #[test]
    fn numbers_are_short_and_end_together() {
        assert_eq!([812, 9_999, 12_345, 4_000_000].map(short), ["812", "9999", "12.3k", "4.0M"]);
        let rows = [vec!["a".into(), "1".into()], vec!["b".into(), "100".into()]];
        assert_eq!(aligned(&["x", "n"], &rows, &[1]), "x    n\na    1\nb  100");
    }

    #[test]
    fn tables_line_up() {
        let text = table(&["a", "long"], &[vec!["xyz".into(), "1".into()]]);
        assert_eq!(text, "a    long\nxyz  1");
        let mut pages = Table::new(&["a", "long"]);
        assert_eq!(pages.page(&[vec!["x".into(), "1".into()]]), "a  long\nx  1");
        assert_eq!(pages.page(&[vec!["xyz".into(), "1".into()]]), "xyz  1");
        assert_eq!(pages.page(&[vec!["z".into(), "2".into()]]), "z    2");
        let text = table(
            &["a", "b"],
            &[vec!["x\u{202e}\ny".into(), "1".into()], vec!["z".into(), "2".into()]],
        );
        assert_eq!(text, "a            b\nx\\u{202e} y  1\nz            2");
    }
}
