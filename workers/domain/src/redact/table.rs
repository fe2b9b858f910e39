//! Columns and rows of tables whose name tells of a secret: `user,password` and what stands below.

use super::window;
use std::ops::Range;

/// Rows of one table that are looked at.
const MOST_ROWS: usize = 2_000;
/// Cells of one row.
const MOST_CELLS: usize = 64;
/// Bytes of a row.
const MOST_LINE: usize = 2_048;

/// The cells of the column that `name` heads, and the cell to its right where the row itself is a pair.
pub(super) fn find(text: &str, name: Range<usize>) -> Vec<Range<usize>> {
    let near = super::window_before(text, name.start, MOST_LINE);
    let behind = window(text, name.end, MOST_LINE);
    let (Some(start), Some(end)) = (
        begin(name.start, near),
        behind
            .find('\n')
            .or_else(|| (name.end + behind.len() == text.len()).then_some(behind.len())),
    ) else {
        return Vec::new();
    };
    let line = &text[start..name.end + end];
    [',', ';', '\t', '|']
        .iter()
        .find_map(|sign| column(text, start, line, &name, *sign))
        .unwrap_or_default()
}

/// Where the line of `at` begins, when that is in the text before it.
fn begin(at: usize, before: &str) -> Option<usize> {
    let start = at - before.len();
    before.rfind('\n').map(|i| start + i + 1).or_else(|| (start == 0).then_some(0))
}

fn column(
    text: &str,
    start: usize,
    line: &str,
    name: &Range<usize>,
    sign: char,
) -> Option<Vec<Range<usize>>> {
    let cells = cells(line, start, sign);
    let own = cells.iter().position(|cell| cell == name)?;
    if cells.len() < 2 {
        return None;
    }
    let first = cells.iter().position(|cell| !cell.is_empty());
    let filled = cells.iter().filter(|cell| !cell.is_empty()).count();
    if sign == '|' && first == Some(own) && filled == 2 {
        let right = cells.get(own + 1)?;
        if !right.is_empty() {
            return Some(vec![right.clone()]);
        }
    }
    let is_head = |cell: &Range<usize>| {
        let cell = &text[cell.clone()];
        cell.len() <= 40 && cell.chars().all(|c| c.is_alphanumeric() || " _-.#*".contains(c))
    };
    // Only the first row of a table is its head.
    let above = super::window_before(text, start.saturating_sub(1), MOST_LINE);
    let above = above.rsplit('\n').next().unwrap_or_default();
    let is_first = above.matches(sign).count() != cells.len() - 1;
    if !is_first || !cells.iter().all(is_head) {
        return None;
    }
    let mut found = Vec::new();
    let mut at = start + line.len() + 1;
    for row in text.get(at..)?.split('\n').take(MOST_ROWS) {
        if row.len() > MOST_LINE || row.matches(sign).count() != cells.len() - 1 {
            break;
        }
        found.extend(self::cells(row, at, sign).get(own).cloned());
        at += row.len() + 1;
    }
    Some(found)
}

/// Where the cells are, without blanks and quotes.
fn cells(line: &str, start: usize, sign: char) -> Vec<Range<usize>> {
    let outer = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`');
    let mut at = start;
    let mut all = Vec::new();
    for cell in line.split(sign).take(MOST_CELLS) {
        let left = cell.trim_start_matches(outer);
        let from = at + cell.len() - left.len();
        all.push(from..from + left.trim_end_matches(outer).len());
        at += cell.len() + sign.len_utf8();
    }
    all
}
