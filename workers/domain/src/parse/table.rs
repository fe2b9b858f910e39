//! Tables as lists of findings.

use super::code::{code_spans, is_name};
use super::confidence::{Confidence, confidence, lone_confidence};
use super::items::{Section, tells};
use super::labels::{Role, role};
use super::nothing;

/// One row that is a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableFinding {
    pub(super) text: String,
    pub(super) quote: Option<String>,
    pub(super) confidence: Confidence,
    pub(super) place: Option<String>,
    pub(super) flags: Vec<String>,
}

/// The findings of a table. It needs a header; outside a section of findings it also needs a
/// column of confidences, else a table of anything would become findings.
pub(super) fn findings(rows: &[String], section: Section) -> Vec<TableFinding> {
    let [header, separator, body @ ..] = rows else { return Vec::new() };
    if !is_separator(separator) || section == Section::Excluded {
        return Vec::new();
    }
    let header: Vec<String> = cells(header).iter().map(|c| c.to_lowercase()).collect();
    let of = |name: &str| role(name.trim_matches(['*', '_', '`', ' ']));
    let column = |wanted: Role, words: &[&str]| {
        let named = |c: &String| of(c) == Some(wanted) || words.iter().any(|w| c.contains(w));
        header.iter().position(named)
    };
    let confident = column(Role::Confidence, &["confidence", "certainty"]);
    if confident.is_none() && section == Section::Neutral {
        return Vec::new();
    }
    let quoted = column(Role::Quote, &["quote", "code", "snippet"]);
    let placed = column(Role::Where, &[]);
    let flagged = column(Role::Flag, &["semantic flag"]);
    let is_number = |i: usize| {
        matches!(
            header.get(i).map_or("", |c| c.trim_matches(['*', ' '])),
            "#" | "no" | "no." | "id" | "nr" | "nr." | "n°" | "№" | "序号" | "番号" | "번호"
        )
    };
    body.iter()
        .filter_map(|row| {
            let cells = cells(row);
            let said: Vec<(usize, &str)> = cells
                .iter()
                .enumerate()
                .filter(|(i, c)| Some(*i) != confident && !is_number(*i) && !c.is_empty())
                .filter(|(i, _)| Some(*i) != quoted && Some(*i) != flagged)
                .map(|(i, c)| (i, c.as_str()))
                .collect();
            let text = said.iter().map(|(_, c)| *c).collect::<Vec<_>>().join(" — ");
            let cell = |i: Option<usize>| i.and_then(|i| cells.get(i)).filter(|c| !c.is_empty());
            let quote = match quoted {
                Some(_) => cell(quoted)
                    .map(|c| code_spans(c).into_iter().next().unwrap_or_else(|| c.clone()))
                    .filter(|quote| !nothing::is_blank(quote)),
                None => said
                    .iter()
                    .filter(|(i, _)| header.get(*i).is_none_or(|title| tells(title)))
                    .flat_map(|(_, c)| code_spans(c))
                    .find(|span| !is_name(span)),
            };
            let confidence = match confident {
                Some(_) => cell(confident).map_or(Confidence::NotGiven, |c| lone_confidence(c)),
                None => confidence(&text),
            };
            let flags = super::flags(cell(flagged).map_or("", String::as_str));
            let wordless = text.chars().all(|c| !c.is_alphanumeric());
            let empty = said.iter().all(|(_, c)| nothing::is_blank(c));
            let silent = wordless
                || (confidence.percent().is_none() && (empty || nothing::says_nothing(&text)));
            let place = cell(placed).cloned();
            (!silent).then_some(TableFinding { text, quote, confidence, place, flags })
        })
        .collect()
}

fn is_separator(row: &str) -> bool {
    row.contains("--") && row.chars().all(|c| matches!(c, '|' | '-' | ':' | ' ' | '\t'))
}

/// The cells of a row. A bar that is escaped, or inside a code span, is content.
pub(crate) fn cells(row: &str) -> Vec<String> {
    let row = row.trim().trim_start_matches('|');
    let ticks_pair = row.matches('`').count().is_multiple_of(2);
    let (mut out, mut cell) = (Vec::new(), String::new());
    let (mut in_code, mut escaped) = (false, false);
    for c in row.chars() {
        match c {
            '|' if escaped => {
                cell.pop();
                cell.push('|');
            }
            '|' if !in_code => out.push(std::mem::take(&mut cell).trim().to_owned()),
            _ => cell.push(c),
        }
        in_code ^= ticks_pair && c == '`';
        escaped = c == '\\';
    }
    if !cell.trim().is_empty() {
        out.push(cell.trim().to_owned());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_confidence_column_makes_findings() {
        let table = rows(
            "| # | Change | Code | Confidence |\n|---|:--|---|--:|\n| 1 | Handle it | `a || b` | 85% |\n| 2 | Rename \\| it | | high |",
        );
        let found = findings(&table, Section::Neutral);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].text, "Handle it");
        assert_eq!(found[0].quote.as_deref(), Some("a || b"));
        assert_eq!(found[0].confidence, Confidence::Percent(85));
        assert_eq!(found[1].text, "Rename | it");
        assert_eq!(found[1].confidence, Confidence::Unreadable);
    }

    #[test]
    fn a_column_of_flags_is_read_as_such() {
        let table = rows(
            "| Change | Confidence | Flag |\n|---|---|---|\n| Count to n | 85% | `OffByOne`, DeadCode |\n| OffByOne? | 80% | none |",
        );
        let found = findings(&table, Section::Neutral);
        assert_eq!((found[0].text.as_str(), found[1].text.as_str()), ("Count to n", "OffByOne?"));
        assert_eq!(found[0].flags, ["OffByOne", "DeadCode"]);
        assert!(found[1].flags.is_empty());
    }

    #[test]
    fn other_tables_are_not_findings() {
        let table = rows("| Name | Type |\n|---|---|\n| a | u8 |");
        assert!(findings(&table, Section::Neutral).is_empty());
        assert_eq!(findings(&table, Section::Suggestions).len(), 1);
        assert!(findings(&table[..1], Section::Suggestions).is_empty());
        let unruled = rows("| Change | Confidence |\n| use x -- y | 85% |\n| use z | 80% |");
        assert!(findings(&unruled, Section::Suggestions).is_empty());
        assert_eq!(cells("| a | b"), ["a", "b"]);
        assert_eq!(cells("| a | | b |"), ["a", "", "b"]);
    }

    #[test]
    fn a_column_that_names_a_place_or_a_change_holds_no_quote() {
        let table = rows(
            "| Where in the file | Suggested fix | Problem |\n|---|---|---|\n| `a(b)` | `c(d)` | `e(f)` fails |",
        );
        assert_eq!(findings(&table, Section::Suggestions)[0].quote.as_deref(), Some("e(f)"));
    }
}
