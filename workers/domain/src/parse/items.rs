//! The list items of a Markdown review, and what stands inside one.

use super::code::{code_spans, is_code_fence, is_name};
use super::labels::{self, Role, role};
use super::numbers::digit;
use super::{nothing, quote};

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

impl Section {
    /// Whether what stands in it are findings, by its title.
    pub(super) const fn has_findings(self) -> bool {
        matches!(self, Self::Suggestions | Self::Contradictions)
    }
}

/// Reads a title.
pub(super) fn classify(title: &str) -> Section {
    let title = title.to_lowercase().replace("change proposal", "");
    labels::section(&title)
}

/// Whether what stands below a title is no finding: scores, summaries, what was checked.
pub(crate) fn is_excluded(title: &str) -> bool {
    classify(title) == Section::Excluded
}

/// Whether a title is that of suggested changes, which most reviews call their findings.
pub(crate) fn is_suggestions(title: &str) -> bool {
    classify(title) == Section::Suggestions
}

/// How an item was marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Numbered,
    Bullet,
    Heading,
    /// Not at all: its first label begins it.
    Labels,
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
    let bullets = ["- ", "* ", "+ ", "• ", "● ", "◦ ", "・"];
    if let Some(rest) = bullets.iter().find_map(|m| body.strip_prefix(m)) {
        return Some((indent, Style::Bullet, rest.trim_start()));
    }
    // `**1. Title**` is a number in bold, not emphasis.
    let plain = body.trim_start_matches('*');
    if let Some(rest) = plain.strip_prefix(|c| matches!(c, '①'..='⑳')) {
        return Some((indent, Style::Numbered, rest.trim_start()));
    }
    let opened = plain.strip_prefix(['(', '（']);
    let (digits, after) = leading_digits(opened.unwrap_or(plain));
    if !(1..=3).contains(&digits) {
        return None;
    }
    let ends: &[char] = if opened.is_some() { &[')', '）'] } else { &['.', ')'] };
    // `1.5 times` is a number, `1.` alone an item still empty.
    let spaced = after.strip_prefix(ends);
    let rest = spaced.filter(|rest| rest.is_empty() || rest.starts_with([' ', '*', '\t']));
    // After these no space is written.
    let rest = rest.or_else(|| after.strip_prefix(['、', '．', '）']))?;
    Some((indent, Style::Numbered, rest.trim_start()))
}

/// How many digits a text begins with, and what follows them.
fn leading_digits(text: &str) -> (usize, &str) {
    let rest = text.trim_start_matches(|c| digit(c).is_some());
    (text[..text.len() - rest.len()].chars().count(), rest)
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
    let word = match words.into_iter().find(|w| lower.starts_with(w)) {
        Some(word) => word.len(),
        // In other languages: one word that such a section is called by.
        None => lower.find(|c: char| !c.is_alphabetic())?,
    };
    let section = classify(plain.get(..word)?);
    let tail = plain[word..].trim_start_matches([' ', '#', '\u{a0}']);
    let (digits, after) = leading_digits(tail);
    let known = words.iter().any(|w| lower.starts_with(w))
        || matches!(section, Section::Suggestions | Section::Contradictions);
    let section = (section == Section::Contradictions).then_some(section);
    let ends = |c: char| c.is_whitespace() || ":.)-–—：、．）".contains(c);
    (known && (1..=3).contains(&digits)).then(|| (section, after.trim_start_matches(ends)))
}

/// Whether a title is itself a finding.
pub(crate) fn is_numbered(title: &str) -> bool {
    numbered_title(title).is_some()
}

/// Bytes of a line in which a label ends.
const LABEL: usize = 80;

/// The label that a line starts with, as in `**Quote:** …`: (label in lower case, the rest). It may stand in
/// backquotes, a remark may follow it, and in bold it needs no colon.
pub(crate) fn label(line: &str) -> Option<(String, &str)> {
    let body = list_marker(line).map_or(line, |(_, _, rest)| rest).trim();
    let (name, rest) = split_label(body)?;
    role(&name).map(|_| (name, rest))
}

/// What may be a label, by its form alone.
fn split_label(body: &str) -> Option<(String, &str)> {
    let is_mark = |c: char| c.is_whitespace() || matches!(c, '*' | '_' | '`');
    let start = body.trim_start_matches(is_mark);
    let colon = start.find([':', '：']).filter(|at| *at <= LABEL);
    let (name, rest) = if let Some(at) = colon {
        let (name, rest) = start.split_at(at);
        (name, rest.trim_start_matches([':', '：']))
    } else {
        let (name, rest) = start.split_once("**").filter(|_| body.starts_with("**"))?;
        (name, rest.trim_start_matches([' ', '-', '–', '—']))
    };
    let opened = body[..body.len() - start.len()].contains('`') && !name.contains('`');
    let rest = if opened { rest.trim_start().strip_prefix('`').unwrap_or(rest) } else { rest };
    let name = name.split(['(', '（']).next().unwrap_or_default();
    let name = name.trim_matches(is_mark).to_lowercase();
    // What ends the emphasis of the label is no code; `_name` and `*pointer` behind it are.
    let mut rest = rest.trim_start_matches(['*', '_']).trim_start();
    if !matches!(role(&name), Some(Role::Quote | Role::Where)) {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '*' | '_'));
    }
    Some((name, rest))
}

/// What stands behind the label of a line.
pub(super) fn role_of(line: &str) -> Option<Role> {
    label(line).and_then(|(name, _)| role(&name))
}

/// Whether what stands behind a label is a name, a place or a number.
const fn is_place(role: Role) -> bool {
    use Role as R;
    matches!(role, R::Where | R::Flag | R::Confidence | R::Severity | R::FailsFor)
}

/// Whether a column of this title tells what is so, as [`Item::told`] has it for lines.
pub(super) fn tells(title: &str) -> bool {
    let other = |word: &str| role(word).is_some_and(|r| is_place(r) || r == Role::Change);
    !other(title.trim()) && !title.split(|c: char| !c.is_alphanumeric()).any(other)
}

impl Item {
    /// Whether it is only the verdict, as one more item of the list.
    pub(super) fn is_verdict(&self) -> bool {
        let first = self.lines.first().and_then(|line| split_label(line.trim()));
        first.is_some_and(|(name, rest)| name == "verdict" && rest.len() < 20)
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
        for at in self.prose_lines() {
            let Some((name, rest)) = label(&self.lines[at]) else { continue };
            if role(&name) == Some(Role::Quote) {
                labelled = true;
                if let Some(quote) = quote::behind_label(&self.lines, at, rest, &blocks) {
                    return Some(quote);
                }
            }
        }
        if labelled {
            return None;
        }
        if let Some(quote) = self.quote_by_form() {
            return Some(quote);
        }
        let told = self.told();
        if let Some((_, code)) = blocks.into_iter().find(|(at, _)| told.contains(at)) {
            return Some(code);
        }
        let prose = told.iter().filter_map(|at| self.lines.get(*at));
        let prose: Vec<&str> = prose.map(String::as_str).collect();
        code_spans(&prose.join("\n")).into_iter().find(|span| !is_name(span))
    }

    /// The code that alone stands behind one of several labels, where none of them is known.
    fn quote_by_form(&self) -> Option<String> {
        let labels = self.prose_lines().into_iter().skip(1).filter_map(|at| {
            let (_, _, body) = list_marker(&self.lines[at])?;
            body.starts_with("**").then(|| split_label(body)).flatten()
        });
        let labels: Vec<(String, &str)> = labels.collect();
        if labels.len() < 2 || labels.iter().any(|(name, _)| role(name).is_some()) {
            return None;
        }
        labels.iter().find_map(|(_, rest)| quote::whole_span(rest).filter(|span| !is_name(span)))
    }

    /// The lines outside code, by number.
    fn prose_lines(&self) -> Vec<usize> {
        let mut in_code = false;
        let outside = |(at, line): (usize, &String)| {
            let fence = is_code_fence(line);
            in_code ^= fence;
            (!in_code && !fence).then_some(at)
        };
        self.lines.iter().enumerate().filter_map(outside).collect()
    }

    /// Whether it has a label of a quote, and something behind it.
    pub(super) fn has_quote(&self) -> bool {
        self.lines.iter().any(|line| role_of(line) == Some(Role::Quote)) && self.quote().is_some()
    }

    /// Where it is, in the reviewer's words: what stands behind `Where:`, and `(line 5)` behind `Quote`.
    pub(super) fn place(&self) -> Option<String> {
        let told = self.prose_lines().into_iter().filter_map(|at| {
            let line = self.lines[at].as_str();
            let (name, rest) = label(line)?;
            match role(&name)? {
                Role::Where => Some(rest),
                Role::Quote => {
                    let before = &line[..line.len() - rest.len()];
                    before.split_once(['(', '（']).map(|(_, remark)| remark)
                }
                _ => None,
            }
        });
        let told: Vec<&str> = told.filter(|told| !nothing::is_blank(told)).collect();
        (!told.is_empty()).then(|| told.join("; "))
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
            let role = role_of(line);
            if role.is_some() || list_marker(line).is_some() {
                instead = role == Some(Role::Change);
            }
            if !instead && !role.is_some_and(is_place) {
                told.push(at);
            }
        }
        told
    }

    /// What stands behind a label such as `Evidence:`.
    pub(super) fn evidence(&self) -> Option<String> {
        self.lines.iter().find_map(|line| {
            let (name, rest) = label(line)?;
            (role(&name)? == Role::Why && !rest.is_empty()).then(|| rest.to_owned())
        })
    }

    /// The semantic flags on its lines `Flag: NAME`. A flag in passing, in prose or in code, is none.
    pub(super) fn flags(&self) -> Vec<String> {
        let named: Vec<&str> = self
            .lines
            .iter()
            .filter_map(|line| label(line))
            .filter(|(name, _)| role(name) == Some(Role::Flag))
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
        assert_eq!(list_marker("100. c"), Some((0, Style::Numbered, "c")));
        assert_eq!(list_marker(". d"), None);
        assert_eq!(list_marker("1.5 times"), None);
        assert_eq!(list_marker("-x"), None);
        assert_eq!(list_marker("2024. was a year"), None);
    }

    #[test]
    fn titles_that_are_findings() {
        let none = None::<Section>;
        for (title, want) in [
            ("2. Lock it", Some((none, "Lock it"))),
            ("Suggestion 2: Lock it", Some((none, "Lock it"))),
            ("**Issue #100** - Lock it", Some((none, "** - Lock it"))),
            ("建议 1：加锁", Some((none, "加锁"))),
            ("Contradiction 3 – Lock it", Some((Some(Section::Contradictions), "Lock it"))),
            ("矛盾 2：加锁", Some((Some(Section::Contradictions), "加锁"))),
            ("Suggestion: Lock it", None),
            ("Issue 2024: Lock it", None),
            ("Line 5: Lock it", None),
            ("文件 5：加锁", None),
        ] {
            assert_eq!(numbered_title(title), want, "{title}");
        }
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
