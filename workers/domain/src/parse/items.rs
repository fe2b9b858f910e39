//! The list items of a Markdown review, and what stands inside one.

use super::code::{between_marks, code_spans, is_code_fence, is_name};
use super::nothing;

/// What a section of a review holds, by its title.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Suggestions,
    Contradictions,
    /// A title that says nothing, or no title yet.
    Neutral,
    /// Scores, summaries, what was checked: lists here are no findings.
    Excluded,
}

/// Reads a title.
pub(super) fn classify(title: &str) -> Section {
    const CONTRADICTIONS: &[&str] = &["contradict", "mismatch", "conflict", "inconsisten"];
    const SUGGESTIONS: &[&str] = &[
        "suggest",
        "change",
        "recommend",
        "improve",
        "finding",
        "issue",
        "problem",
        "action",
        "fixes",
        "concern",
        "weakness",
        "risk",
    ];
    const EXCLUDED: &[&str] = &[
        "score",
        "summary",
        "overview",
        "checked",
        "verified",
        "strength",
        "positive",
        "well",
        "conclusion",
        "verdict",
        "flags",
        "alignment",
        "coverage",
        "purpose",
        "notes",
        "good",
    ];
    let title = title.to_lowercase().replace("change proposal", "");
    let has = |words: &[&str]| words.iter().any(|w| title.contains(w));
    if has(CONTRADICTIONS) {
        Section::Contradictions
    } else if has(SUGGESTIONS) {
        Section::Suggestions
    } else if has(EXCLUDED) {
        Section::Excluded
    } else {
        Section::Neutral
    }
}

/// How an item was marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Numbered,
    Bullet,
    Heading,
}

/// One item, as it grows line by line.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) section: Section,
    pub(super) style: Style,
    pub(super) indent: usize,
    pub(super) lines: Vec<String>,
}

/// A line's list marker: (indent, style, what follows).
pub(crate) fn list_marker(line: &str) -> Option<(usize, Style, &str)> {
    let body = line.trim_start();
    let indent = line.len() - body.len();
    if let Some(rest) = ["- ", "* ", "+ ", "• "].iter().find_map(|m| body.strip_prefix(m)) {
        return Some((indent, Style::Bullet, rest.trim_start()));
    }
    // `**1. Title**` is a number in bold, not emphasis.
    let plain = body.trim_start_matches('*');
    let digits = plain.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=3).contains(&digits) {
        return None;
    }
    let rest = plain[digits..].strip_prefix(['.', ')'])?;
    // `1.5 times` is a number, `1.` alone an item still empty.
    (rest.is_empty() || rest.starts_with([' ', '*', '\t']))
        .then(|| (indent, Style::Numbered, rest.trim_start()))
}

/// The title of a heading that is itself a finding: `### 2. Lock`, `### Suggestion 2: Lock`.
pub(super) fn numbered_title(title: &str) -> Option<(Option<Section>, &str)> {
    if let Some((_, Style::Numbered, rest)) = list_marker(title) {
        return Some((None, rest));
    }
    let plain = title.trim_start_matches(['*', ' ']);
    let lower = plain.to_ascii_lowercase();
    let words = [
        "suggestion",
        "change",
        "finding",
        "issue",
        "recommendation",
        "contradiction",
        "fix",
        "action",
        "problem",
    ];
    let word = words.into_iter().find(|w| lower.starts_with(w))?;
    let tail = plain[word.len()..].trim_start_matches([' ', '#']);
    let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
    let section = (word == "contradiction").then_some(Section::Contradictions);
    (1..=3)
        .contains(&digits)
        .then(|| (section, tail[digits..].trim_start_matches([':', '.', ')', ' ', '-', '–', '—'])))
}

/// The label that a line starts with, as in `**Quote:** …`: (label in lower case, the rest).
pub(crate) fn label(line: &str) -> Option<(String, &str)> {
    let body = list_marker(line).map_or(line, |(_, _, rest)| rest).trim();
    let (name, rest) = body.split_once(':')?;
    let name = name.trim_matches(['*', '_', ' ']).to_ascii_lowercase();
    let known = [
        "where",
        "quote",
        "change",
        "confidence",
        "evidence",
        "why",
        "location",
        "line",
        "lines",
        "code",
        "impact",
        "rationale",
        "reason",
        "fix",
        "what",
        "how",
        "flag",
        "flags",
        "severity",
        "current",
        "current code",
        "suggested change",
        "proposed change",
        "suggestion",
        "recommendation",
        "explanation",
        "details",
        "function",
        "file",
        "snippet",
        "issue",
        "problem",
    ];
    known.contains(&name.as_str()).then(|| (name, rest.trim_start_matches(['*', '_', ' '])))
}

/// Labels of what stands in the file.
const QUOTES: [&str; 5] = ["quote", "code", "current", "current code", "snippet"];
/// Labels of what should stand there.
const INSTEAD: [&str; 7] =
    ["change", "fix", "how", "suggested change", "proposed change", "suggestion", "recommendation"];
/// Labels of names, places and numbers.
const PLACES: [&str; 10] = [
    "where",
    "location",
    "function",
    "file",
    "line",
    "lines",
    "flag",
    "flags",
    "confidence",
    "severity",
];

/// Whether a column of this title tells what is so, as [`Item::told`] has it for lines.
pub(super) fn tells(title: &str) -> bool {
    let other = |word: &str| PLACES.contains(&word) || INSTEAD.contains(&word);
    !title.split(|c: char| !c.is_alphanumeric()).any(other)
}

impl Item {
    /// Whether a bullet of this label at the item's own level begins the next item: the label that the
    /// item itself began with, or another quote after what to write instead of the first one.
    pub(super) fn begins_again(&self, name: &str) -> bool {
        let is_one_of = |line: &String, names: &[&str]| {
            label(line).is_some_and(|(name, _)| names.contains(&name.as_str()))
        };
        let last = |names: &[&str]| self.lines.iter().rposition(|line| is_one_of(line, names));
        let Some((first, _)) = self.lines.first().and_then(|line| label(line)) else {
            return false;
        };
        first == name
            || QUOTES.contains(&name)
                && last(&QUOTES).is_some_and(|quote| last(&INSTEAD) > Some(quote))
    }

    /// The claim as written, list marker and outer blank lines aside.
    pub(super) fn text(&self) -> String {
        let lines: Vec<&str> = self.lines.iter().map(|l| l.trim_end()).collect();
        lines.join("\n").trim().to_owned()
    }

    /// The text without its code blocks: numbers in code are no confidences.
    pub(super) fn prose(&self) -> String {
        let mut in_code = false;
        let mut out = String::new();
        for line in &self.lines {
            if is_code_fence(line) {
                in_code = !in_code;
            } else if !in_code {
                out.push_str(line);
                out.push('\n');
            }
        }
        out
    }

    /// The code that the item is about: what stands behind a label such as `Quote:`. Only an item
    /// without such a label may show it elsewhere: in its first code block, else in its first code
    /// span that is more than a name, but not where it says what to write instead.
    pub(super) fn quote(&self) -> Option<String> {
        let blocks = self.code_blocks();
        let mut labelled = false;
        for (i, line) in self.lines.iter().enumerate() {
            let Some((name, rest)) = label(line) else { continue };
            if !QUOTES.contains(&name.as_str()) {
                continue;
            }
            labelled = true;
            if let Some(inside) = between_marks(rest).filter(|i| !nothing::is_blank(i)) {
                return Some(inside.to_owned());
            }
            let span = code_spans(rest).into_iter().next();
            if let Some(span) = span.filter(|span| !nothing::is_blank(span)) {
                return Some(span);
            }
            // Right below, a blank line aside.
            let blank = self.lines.get(i + 1).is_some_and(|line| line.trim().is_empty());
            let below = i + 1 + usize::from(blank);
            if let Some((_, code)) = blocks.iter().find(|(at, _)| *at == below) {
                return Some(code.clone());
            }
        }
        if labelled {
            return None;
        }
        let told = self.told();
        if let Some((_, code)) = blocks.into_iter().find(|(at, _)| told.contains(at)) {
            return Some(code);
        }
        let prose = told.iter().filter_map(|at| self.lines.get(*at));
        let prose: Vec<&str> = prose.map(String::as_str).collect();
        code_spans(&prose.join("\n")).into_iter().find(|span| !is_name(span))
    }

    /// The lines outside code that tell what is so, by number: none that names a place, and none that
    /// tells what to write instead, up to the next label or item. A block of code counts by its opening.
    fn told(&self) -> Vec<usize> {
        let (mut told, mut in_code, mut instead) = (Vec::new(), false, false);
        for (at, line) in self.lines.iter().enumerate() {
            if is_code_fence(line) {
                if !in_code && !instead {
                    told.push(at);
                }
                in_code = !in_code;
                continue;
            }
            if in_code {
                continue;
            }
            let name = label(line).map(|(name, _)| name).unwrap_or_default();
            if !name.is_empty() || list_marker(line).is_some() {
                instead = INSTEAD.contains(&name.as_str());
            }
            if !instead && !PLACES.contains(&name.as_str()) {
                told.push(at);
            }
        }
        told
    }

    /// What stands behind a label such as `Evidence:`.
    pub(super) fn evidence(&self) -> Option<String> {
        self.lines.iter().find_map(|line| {
            let (name, rest) = label(line)?;
            let named = matches!(name.as_str(), "evidence" | "why" | "reason" | "rationale");
            (named && !rest.is_empty()).then(|| rest.to_owned())
        })
    }

    /// The semantic flags on its lines `Flag: NAME`. A flag in passing, in prose or in code, is none.
    pub(super) fn flags(&self) -> Vec<String> {
        let named: Vec<&str> = self
            .lines
            .iter()
            .filter_map(|line| label(line))
            .filter(|(name, _)| matches!(name.as_str(), "flag" | "flags"))
            .map(|(_, rest)| rest)
            .collect();
        super::flags(&named.join(" "))
    }

    /// Code blocks with the index of their opening line. Of a diff, the lines taken away are
    /// what stands in the file.
    fn code_blocks(&self) -> Vec<(usize, String)> {
        let mut blocks = Vec::new();
        let mut open: Option<(usize, bool, Vec<&str>)> = None;
        for (i, line) in self.lines.iter().enumerate() {
            if !is_code_fence(line) {
                if let Some((_, _, code)) = open.as_mut() {
                    code.push(line);
                }
                continue;
            }
            match open.take() {
                None => open = Some((i, line.trim().ends_with("diff"), Vec::new())),
                Some((at, is_diff, code)) => {
                    let removed: Vec<&str> = code
                        .iter()
                        .filter(|_| is_diff)
                        .filter_map(|l| l.trim_start().strip_prefix('-'))
                        .filter(|l| !l.starts_with("--"))
                        .collect();
                    let code = if removed.is_empty() { code } else { removed }.join("\n");
                    let code = code.trim_matches('\n').trim_end();
                    if !code.trim().is_empty() {
                        blocks.push((at, code.to_owned()));
                    }
                }
            }
        }
        blocks
    }

    /// True for an item that says there is nothing to say, or whose labels all stand before nothing.
    pub(super) fn is_nothing(&self) -> bool {
        let mut lines = self.lines.iter().filter(|line| !line.trim().is_empty()).peekable();
        let empty = |line: &String| label(line).is_some_and(|(_, rest)| nothing::is_blank(rest));
        nothing::says_nothing(&self.text()) || (lines.peek().is_some() && lines.all(empty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers() {
        assert_eq!(list_marker("  - a"), Some((2, Style::Bullet, "a")));
        assert_eq!(list_marker("12) b"), Some((0, Style::Numbered, "b")));
        assert_eq!(list_marker("**3. Title**"), Some((0, Style::Numbered, "Title**")));
        assert_eq!(list_marker("1.5 times"), None);
        assert_eq!(list_marker("-x"), None);
        assert_eq!(list_marker("2024. was a year"), None);
    }

    #[test]
    fn titles() {
        assert_eq!(classify("Suggested changes"), Section::Suggestions);
        assert_eq!(classify("Alignment with the change proposal"), Section::Excluded);
        assert_eq!(classify("Contradictions with the PRD"), Section::Contradictions);
        assert_eq!(classify("What was checked"), Section::Excluded);
        assert_eq!(classify("src/main.rs"), Section::Neutral);
    }
}
