//! Words for people: times, tables. What prints them is `scrum_shown`.

pub use scrum_knowledge::time;
pub use scrum_shown::plain;
pub use scrum_shown::print::{
    chain, clear_screen, fancy, say, say_json, say_lines, say_part, tell, width, width_of_progress,
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

/// Lines of at most `width` characters, broken between words; a word that is longer is broken itself.
pub fn wrapped(text: &str, width: usize) -> Vec<String> {
    let (mut lines, mut line, width) = (Vec::new(), String::new(), width.max(8));
    for word in text.split_whitespace() {
        let mut word: Vec<char> = word.chars().collect();
        let used = line.chars().count();
        if used > 0 && used + 1 + word.len() > width {
            lines.push(std::mem::take(&mut line));
        }
        while word.len() > width {
            let rest = word.split_off(width);
            lines.push(word.into_iter().collect());
            word = rest;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word);
    }
    lines.push(line);
    lines
}

/// A table whose columns `right`, counted from 0, end where they end: numbers.
pub fn aligned(header: &[&str], rows: &[Vec<String>], right: &[usize]) -> String {
    Table { right, ..Table::new(header) }.page(rows)
}

/// A table that comes in pages: a column is as wide as its widest cell so far. Where the terminal is too narrow
/// for it, a last column without a title goes below its row, and if that is not enough, each row is a block
/// with a cell a line.
pub struct Table<'a> {
    header: Vec<String>,
    /// Whether the header was said.
    headed: bool,
    widths: Vec<usize>,
    right: &'a [usize],
    /// Columns of the terminal.
    room: Option<usize>,
    shape: Shape,
}

/// How the rows of a table are laid out; once it is narrow it stays so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shape {
    Rows,
    RestBelow,
    Blocks,
}

/// Spaces before what stands below its row.
const INDENT: usize = 2;

impl Table<'_> {
    /// One whose header was not said.
    pub fn new(header: &[&str]) -> Self {
        let widths = vec![0; header.len()];
        let header = header.iter().map(|name| (*name).to_owned()).collect();
        let (room, shape) = (width(), Shape::Rows);
        Self { header, headed: false, widths, right: &[], room, shape }
    }

    /// Rows as lines, the first ones below the header. Cells are made [`plain`] here, before they are
    /// measured.
    pub fn page(&mut self, rows: &[Vec<String>]) -> String {
        let cells = rows.iter().map(|row| row.iter().map(|cell| plain(cell)).collect());
        let rows: Vec<Vec<String>> = cells.collect();
        let header = (!std::mem::replace(&mut self.headed, true)).then(|| self.header.clone());
        for (i, width) in self.widths.iter_mut().enumerate() {
            let lines = rows.iter().chain(&header);
            let widest = lines.filter_map(|line| line.get(i)).map(|c| c.chars().count());
            *width = widest.max().unwrap_or(0).max(*width);
        }
        self.shape = self.shape.max(self.fitting());
        if self.shape == Shape::Blocks {
            let blocks: Vec<String> = rows.iter().map(|row| self.block(row)).collect();
            return blocks.join("\n");
        }
        let head = header.iter().map(|line| self.line(line));
        head.chain(rows.iter().map(|line| self.line(line))).collect::<Vec<_>>().join("\n")
    }

    /// The widest shape that the terminal has room for.
    fn fitting(&self) -> Shape {
        let Some(room) = self.room else { return Shape::Rows };
        let columns = |n: usize| self.widths.iter().take(n).map(|w| w + 2).sum::<usize>();
        let all = self.widths.len();
        if columns(all) <= room + 2 {
            Shape::Rows
        } else if self.has_rest() && columns(all - 1) <= room + 2 {
            Shape::RestBelow
        } else {
            Shape::Blocks
        }
    }

    fn has_rest(&self) -> bool {
        self.header.last().is_some_and(String::is_empty)
    }

    /// A row with a cell a line, and an empty line behind it.
    fn block(&self, cells: &[String]) -> String {
        let (mut text, room) = (String::new(), self.room.unwrap_or(usize::MAX));
        let names = self.header.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        for (name, cell) in self.header.iter().zip(cells).filter(|(_, cell)| !cell.is_empty()) {
            for (n, line) in wrapped(cell, room.saturating_sub(names + 2)).iter().enumerate() {
                let name = if n == 0 { name.as_str() } else { "" };
                text.push_str(format!("{name:names$}  {line}").trim_end());
                text.push('\n');
            }
        }
        text
    }

    fn line(&self, cells: &[String]) -> String {
        let mut text = String::new();
        let below = usize::from(self.shape == Shape::RestBelow);
        let shown = cells.len().saturating_sub(below);
        for (i, (cell, width)) in cells.iter().zip(&self.widths).take(shown).enumerate() {
            let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
            let parts =
                if self.right.contains(&i) { [&pad, cell, "  "] } else { [cell, &pad, "  "] };
            text.extend(parts);
        }
        let mut text = text.trim_end().to_owned();
        for rest in cells.iter().skip(shown).filter(|rest| !rest.is_empty()) {
            for line in wrapped(rest, self.room.unwrap_or(usize::MAX).saturating_sub(INDENT)) {
                text.push('\n');
                text.push_str(&" ".repeat(INDENT));
                text.push_str(&line);
            }
        }
        text
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
        let rows = [vec![
            "0123456789".into(),
            "done".into(),
            "3 resolved, 1 unresolved, 4 in progress".into(),
        ]];
        for (room, want) in [
            (60, "ID          STATE\n0123456789  done   3 resolved, 1 unresolved, 4 in progress"),
            (
                30,
                "ID          STATE\n0123456789  done\n  3 resolved, 1 unresolved, 4\n  in progress",
            ),
            (
                16,
                "ID     012345678\n       9\nSTATE  done\n       3\n       resolved,\n       1\n       unresolve\n       d, 4 in\n       progress\n",
            ),
        ] {
            let mut narrow = Table { room: Some(room), ..Table::new(&["ID", "STATE", ""]) };
            let text = narrow.page(&rows);
            assert_eq!(text, want);
            assert!(text.lines().all(|line| line.chars().count() <= room), "{text}");
        }
        let text = table(
            &["a", "b"],
            &[vec!["x\u{202e}\ny".into(), "1".into()], vec!["z".into(), "2".into()]],
        );
        assert_eq!(text, "a            b\nx\\u{202e} y  1\nz            2");
    }
}
