//! What a finding says, in the parts that a person acts on: a title, why, the case it fails for, what to write
//! instead. Reviewers write them in one text, under labels or not; what the report has places of its own for
//! is left out, so that nothing stands there twice.

use crate::parse::code::is_code_fence;
use crate::parse::items::{label, list_marker};
use crate::parse::labels::{Role, role};
use crate::text::{clip, clip_marked};
use queue_schema::rows::Finding;

/// Characters of a title; a claim that is longer gives its first sentence.
const TITLE: usize = 120;
/// Characters of each other part.
const PART: usize = 1_200;
/// Lines of code that are shown of a quote or a change.
const CODE_LINES: usize = 24;

/// The parts of a finding. All of it is foreign text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// What is wrong, on one line.
    pub title: String,
    /// The rest of the claim, line by line.
    pub why: Vec<String>,
    /// Where it is in the reviewer's words, if the program could not tell.
    pub place: Option<String>,
    /// Input or state, what happens, what should.
    pub fails_for: Option<String>,
    /// What to do, in words.
    pub instead: Option<String>,
    /// What to write, as code.
    pub change: Vec<String>,
    /// Whether the change is a diff already.
    pub is_diff: bool,
    /// The code that it is about.
    pub quote: Vec<String>,
    /// What the reviewer offered as proof.
    pub evidence: Option<String>,
}

/// Where a line of a finding's text belongs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Claim,
    Place,
    FailsFor,
    Change,
    /// What the row has in a field of its own.
    Elsewhere,
}

impl Part {
    fn of(label: &str) -> Self {
        match role(label) {
            Some(Role::Where) => Self::Place,
            Some(Role::FailsFor) => Self::FailsFor,
            Some(Role::Change) => Self::Change,
            Some(Role::Quote | Role::Confidence | Role::Severity | Role::Flag) => Self::Elsewhere,
            Some(Role::Why) if label == "evidence" => Self::Elsewhere,
            _ => Self::Claim,
        }
    }
}

/// The lines of a finding's text by their parts.
#[derive(Default)]
struct Lines {
    claim: Vec<String>,
    place: Vec<String>,
    fails_for: Vec<String>,
    instead: Vec<String>,
    change: Vec<String>,
    is_diff: bool,
}

impl Said {
    /// Takes a finding apart.
    pub fn of(finding: &Finding) -> Self {
        let lines = Lines::of(finding);
        let (title, why) = titled(lines.claim);
        let text = |lines: &[String]| {
            let text = lines.join(" ");
            (!text.trim().is_empty()).then(|| clip_marked(text.trim(), PART))
        };
        let quote = finding.quote.as_deref().map(code_lines).unwrap_or_default();
        let (instead, change) = match (text(&lines.instead), lines.change) {
            // A change that is one code span is code.
            (Some(words), change) if change.is_empty() => match lone_span(&words) {
                Some(code) => (None, vec![code.to_owned()]),
                None => (Some(words), change),
            },
            (words, change) => (words, cut(change)),
        };
        let evidence = finding.evidence.as_deref().map(str::trim);
        let told = |part: &str| why.iter().chain([&title]).any(|line| line.contains(part));
        let evidence = evidence.filter(|e| !e.is_empty() && !told(e));
        Self {
            place: text(&lines.place).filter(|place| {
                // The path alone says nothing more.
                let is_path =
                    place.trim_matches('`').contains(['.', '/']) && !place.contains([' ', ',']);
                !is_path && (!finding.anchored || place.contains("also"))
            }),
            fails_for: text(&lines.fails_for),
            instead,
            is_diff: lines.is_diff && !change.is_empty(),
            change,
            quote,
            evidence: evidence.map(|e| clip_marked(e, PART)),
            title,
            why,
        }
    }

    /// What to write instead as the lines of a diff against the quote; none where there is no change in
    /// code, or no place for it.
    pub fn diff(&self, anchored: bool) -> Option<Vec<String>> {
        if self.is_diff {
            return Some(self.change.clone());
        }
        if self.change.is_empty() || self.quote.is_empty() || !anchored || self.change == self.quote
        {
            return None;
        }
        let (old, new) = (&self.quote, &self.change);
        let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        let room = old.len().min(new.len()) - head;
        let tail = old.iter().rev().zip(new.iter().rev()).take(room).take_while(|(a, b)| a == b);
        let tail = tail.count();
        let marked = |mark: char, lines: &[String]| -> Vec<String> {
            lines.iter().map(|line| format!("{mark}{line}")).collect()
        };
        let mut diff = marked(' ', &old[..head]);
        diff.extend(marked('-', &old[head..old.len() - tail]));
        diff.extend(marked('+', &new[head..new.len() - tail]));
        diff.extend(marked(' ', &old[old.len() - tail..]));
        Some(diff)
    }
}

/// All that a finding says under labels: its text, and what it has in fields of its own.
fn written(finding: &Finding) -> String {
    let mut text = finding.text.clone();
    for (label, part) in [("Fails for", &finding.fails_for), ("Change", &finding.change)] {
        if let Some(part) = part.as_ref().filter(|part| !finding.text.contains(part.as_str())) {
            let sep = if is_code_fence(part) { '\n' } else { ' ' };
            text = format!("{text}\n{label}:{sep}{part}");
        }
    }
    text
}

impl Lines {
    fn of(finding: &Finding) -> Self {
        let (mut lines, mut part) = (Self::default(), Part::Claim);
        let mut block: Option<(bool, Vec<String>)> = None;
        for line in written(finding).lines() {
            if is_code_fence(line) {
                match block.take() {
                    None => block = Some((line.trim_end().ends_with("diff"), Vec::new())),
                    Some((is_diff, code)) => lines.block(part, is_diff, &code, finding),
                }
                continue;
            }
            if let Some((_, code)) = &mut block {
                code.push(line.trim_end().to_owned());
                continue;
            }
            let label = label(line);
            if let Some((name, _)) = &label {
                part = Part::of(name);
            }
            let said = label.map_or_else(|| body(line), |(_, rest)| rest.to_owned());
            let said = without_confidence(&said.replace("**", "")).trim().to_owned();
            let to = match part {
                Part::Claim => &mut lines.claim,
                Part::Place => &mut lines.place,
                Part::FailsFor => &mut lines.fails_for,
                Part::Change => &mut lines.instead,
                Part::Elsewhere => continue,
            };
            if !said.is_empty() {
                to.push(said);
            }
        }
        if let Some((is_diff, code)) = block {
            lines.block(part, is_diff, &code, finding);
        }
        lines
    }

    /// A block of code: below a label what that says; else what to write, unless it is the quote again.
    fn block(&mut self, part: Part, is_diff: bool, code: &[String], finding: &Finding) {
        let quote = finding.quote.as_deref().unwrap_or_default();
        let is_quote = || code.join("\n").trim() == quote.trim();
        if part == Part::Elsewhere || !self.change.is_empty() || (!is_diff && is_quote()) {
            return;
        }
        (self.change, self.is_diff) = (dedented(code), is_diff);
    }
}

/// A title of one line, and what the claim says beyond it.
fn titled(mut claim: Vec<String>) -> (String, Vec<String>) {
    if claim.is_empty() {
        return ("(nothing is said)".to_owned(), Vec::new());
    }
    let first = claim.remove(0);
    if first.chars().nth(TITLE).is_none() {
        return (first.trim_end_matches(':').to_owned(), bounded(claim));
    }
    let head = clip(&first, TITLE);
    let end = head.rmatch_indices(". ").map(|(at, _)| at + 1).next();
    // A code span must not be cut in two.
    let whole = |end: &usize| first[..*end].matches('`').count().is_multiple_of(2);
    let (title, rest) = match end.filter(whole) {
        Some(end) => (first[..end].to_owned(), first[end..].trim().to_owned()),
        None => (clip_marked(&first, TITLE), first),
    };
    claim.insert(0, rest);
    (title, bounded(claim))
}

/// Lines until they have as many characters as a part may have.
fn bounded(lines: Vec<String>) -> Vec<String> {
    let mut left = PART;
    let mut kept = Vec::new();
    for line in lines {
        if left == 0 {
            break;
        }
        let line = clip_marked(&line, left);
        left -= line.chars().count().min(left);
        kept.push(line);
    }
    kept
}

/// A line without its list marker.
fn body(line: &str) -> String {
    list_marker(line).map_or(line, |(_, _, rest)| rest).to_owned()
}

fn without_confidence(line: &str) -> &str {
    match line.rfind("(Confidence:") {
        Some(at) if line.trim_end().ends_with("%)") => line[..at].trim_end(),
        _ => line,
    }
}

/// The code of a text that is one code span and nothing else.
fn lone_span(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('`')?.trim_end_matches('.').strip_suffix('`')?;
    (!inner.is_empty() && !inner.contains('`')).then_some(inner)
}

fn code_lines(code: &str) -> Vec<String> {
    let lines: Vec<String> =
        code.trim_matches('\n').lines().map(|l| l.trim_end().to_owned()).collect();
    cut(lines)
}

fn cut(mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > CODE_LINES {
        let more = lines.len() - CODE_LINES;
        lines.truncate(CODE_LINES);
        lines.push(format!("… {more} more lines"));
    }
    lines
}

/// Code without what all its lines are indented by: a block in a list item is indented as the item is.
fn dedented(code: &[String]) -> Vec<String> {
    let full = code.iter().filter(|line| !line.trim().is_empty());
    let by = full.map(|line| line.len() - line.trim_start_matches(' ').len()).min().unwrap_or(0);
    let lines = code.iter().map(|line| line.get(by..).unwrap_or_default().to_owned());
    let lines: Vec<String> = lines.skip_while(|line| line.trim().is_empty()).collect();
    let end = lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |at| at + 1);
    lines[..end].to_vec()
}
