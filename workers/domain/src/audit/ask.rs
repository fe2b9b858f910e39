//! What a voter is shown and asked.

use crate::checks::claim_of;
use crate::prompt::{Prompt, audit_schema, fenced, fenced_file, fill};
use crate::redact;
use crate::text::{clip, counted, one_line};
use queue_schema::ids::content_id;
use queue_schema::rows::Finding;
use queue_schema::sweep::{AuditBounds, AuditSpec};
use std::fmt::Write as _;

pub(crate) const AUDIT: &str = include_str!("../../templates/audit.md");

/// How an answer looks where the provider keeps it to a schema.
const JSON: &str = "Answer with one JSON object whose member `votes` has one entry for each statement: `finding` is the number of the statement, then `quote`, `why` in one sentence, and `verdict`.";
/// How it looks elsewhere.
const LINES: &str = "Answer with these four lines for each statement, and nothing else:
FINDING: the number of the statement
QUOTE: the lines of the file that prove it; None for cant_tell
WHY: one sentence
VERDICT: one of these three: upheld, rejected, cant_tell";
/// Characters of a statement, a quote and an example that are shown.
const SHOWN_CHARS: usize = 1_200;
/// Lines around a finding are made fewer down to this, where those of all of them have no room.
const LEAST_AROUND: u32 = 2;

/// A finding as voters are shown it: without confidence, severity, author or tier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its place in the review, from 0.
    pub index: u32,
    /// What it claims.
    pub text: String,
    /// The code that it quotes.
    pub quote: Option<String>,
    /// When it is said to fail.
    pub fails_for: Option<String>,
    /// The first and the last of its lines, from 1.
    pub lines: Option<(u32, u32)>,
}

/// What is put to the vote: a file, and what a review says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ballot {
    /// Path of the file.
    pub path: String,
    /// The file.
    pub source: String,
    /// The findings.
    pub parts: Vec<Part>,
}

/// As much of a ballot as a voter is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The file, or lines of it with the numbers of the first and the last.
    pub regions: Vec<(u32, u32, String)>,
    /// Whether it is all of the file.
    pub whole: bool,
    /// The findings.
    pub parts: Vec<Part>,
    /// Secrets that are masked in it.
    pub masked: u32,
}

/// Everything that a voter's prompt is made of.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Path of the file.
    pub path: &'a str,
    /// What it is shown.
    pub shown: &'a Shown,
    /// Places of the findings in [`Shown::parts`], in the order in which it is asked about them.
    pub order: &'a [usize],
    /// Which vote, from 1: votes of one model are asked in other words, so that they are votes.
    pub vote: u32,
    /// Whether it answers by schema.
    pub wants_json: bool,
    /// A marker that no author can know.
    pub fence: &'a str,
}

/// The findings of a review that are put to the vote, in its order, and the places of those for which there is no room:
/// the gravest ones are asked about.
pub fn take(findings: &[Finding], spec: &AuditSpec) -> (Vec<Part>, Vec<u32>) {
    let index = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let mut taken: Vec<usize> =
        (0..findings.len()).filter(|at| spec.takes(&findings[*at])).collect();
    taken.sort_by_key(|at| (findings[*at].gravity(), *at));
    let room = taken.len().min(spec.bounds.max_findings as usize);
    let mut left: Vec<u32> = taken.split_off(room).into_iter().map(index).collect();
    taken.sort_unstable();
    left.sort_unstable();
    let part = |at: usize| {
        let finding = &findings[at];
        let ambiguous = || finding.ambiguous_lines.first().copied();
        let first = finding.line.or_else(ambiguous);
        Part {
            index: index(at),
            text: claim_of(&finding.text),
            quote: finding.quote.clone(),
            fails_for: finding.fails_for.clone(),
            lines: first.map(|first| (first, finding.end_line.unwrap_or(first).max(first))),
        }
    };
    (taken.into_iter().map(part).collect(), left)
}

impl Ballot {
    /// What a voter is shown of it, with secrets masked where it leaves the user's machines.
    pub fn shown(&self, bounds: &AuditBounds, leaves: bool) -> Shown {
        let (mut source, mut parts, mut masked) = (self.source.clone(), self.parts.clone(), 0);
        if leaves {
            // A quote may be the line of a key, which only who has the whole file knows for one.
            let known = redact::Known::of(&self.source);
            let mut mask = |text: &mut String| {
                let found = known.safe(text);
                masked += found.count();
                *text = found.text;
            };
            mask(&mut source);
            for part in &mut parts {
                mask(&mut part.text);
                part.quote.iter_mut().chain(&mut part.fails_for).for_each(&mut mask);
            }
        }
        let most = usize::try_from(bounds.file_bytes).unwrap_or(usize::MAX);
        let whole = source.len() <= most;
        let regions = if whole {
            let lines = u32::try_from(source.lines().count()).unwrap_or(u32::MAX);
            vec![(1, lines, source)]
        } else {
            regions(&source, &parts, bounds.around_lines, most)
        };
        Shown { regions, whole, parts, masked }
    }

    /// Places of the findings in the order in which a voter is asked about them: another one for each voter, and the
    /// same whenever the same is asked, so that its answer is found again. With `only`, just those at these places of the
    /// review.
    pub fn order(&self, voter: u32, only: Option<&[u32]>) -> Vec<usize> {
        let wanted = |at: &usize| only.is_none_or(|only| only.contains(&self.parts[*at].index));
        let mut order: Vec<usize> = (0..self.parts.len()).filter(wanted).collect();
        order.sort_by_cached_key(|at| {
            let part = &self.parts[*at];
            let quote = part.quote.as_deref().unwrap_or_default();
            (content_id(&[&voter.to_be_bytes(), part.text.as_bytes(), quote.as_bytes()]), *at)
        });
        order
    }
}

/// Lines around the findings, as many as there is room for.
fn regions(source: &str, parts: &[Part], around: u32, most: usize) -> Vec<(u32, u32, String)> {
    let lines: Vec<&str> = source.lines().collect();
    let end = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    let mut around = around;
    let cut = loop {
        let cut = ranges(parts, around, end);
        let bytes = |(first, last): &(u32, u32)| -> usize {
            lines[*first as usize - 1..*last as usize].iter().map(|line| line.len() + 1).sum()
        };
        if cut.iter().map(bytes).sum::<usize>() <= most || around <= LEAST_AROUND {
            break cut;
        }
        around = (around / 2).max(LEAST_AROUND);
    };
    let mut room = most;
    let mut found = Vec::new();
    for (first, last) in cut {
        let text = lines[first as usize - 1..last as usize].join("\n");
        let mut fits = text.len().min(room);
        while !text.is_char_boundary(fits) {
            fits -= 1;
        }
        room -= fits;
        if fits > 0 {
            found.push((first, last, text[..fits].to_owned()));
        }
    }
    found
}

/// The lines around findings, those that touch as one. What has no place is looked for at the beginning.
fn ranges(parts: &[Part], around: u32, end: u32) -> Vec<(u32, u32)> {
    let of = |part: &Part| {
        let (first, last) = part.lines.unwrap_or((1, around.max(1)));
        let first = first.saturating_sub(around).clamp(1, end.max(1));
        (first, last.saturating_add(around).clamp(first, end.max(first)))
    };
    let mut all: Vec<(u32, u32)> = parts.iter().map(of).filter(|_| end > 0).collect();
    all.sort_unstable();
    let mut merged: Vec<(u32, u32)> = Vec::new();
    for (first, last) in all {
        match merged.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}

/// The prompt for one vote on the findings of a review.
pub fn prompt(asked: &Asked<'_>) -> Prompt {
    let (mut user, fence) = (String::new(), asked.fence);
    for (first, last, text) in &asked.shown.regions {
        let label = if asked.shown.whole {
            "the file".to_owned()
        } else {
            format!("lines {first} to {last} of the file")
        };
        fenced_file(&mut user, fence, &label, asked.path, text);
    }
    if !asked.shown.whole {
        user.push_str(
            "The rest of the file is not shown; that something is absent from what you see shows nothing.\n",
        );
    }
    for (n, at) in (1..).zip(asked.order) {
        let part = &asked.shown.parts[*at];
        let mut text = clip(&one_line(&part.text), SHOWN_CHARS).to_owned();
        if let Some((first, last)) = part.lines {
            let _ = if first == last {
                write!(text, "\nat line {first}")
            } else {
                write!(text, "\nat lines {first} to {last}")
            };
        }
        if let Some(fails_for) = &part.fails_for {
            let _ = write!(text, "\nfails for: {}", clip(&one_line(fails_for), SHOWN_CHARS));
        }
        if let Some(quote) = &part.quote {
            let _ = write!(text, "\nabout this code:\n{}", clip(quote, SHOWN_CHARS));
        }
        user.push('\n');
        fenced(&mut user, fence, &format!("statement {n}"), &text);
    }
    let statements = counted(asked.order.len(), "statement", "statements");
    let _ = writeln!(user, "\nReading {}. Vote on the {statements} now.", asked.vote);
    let form = if asked.wants_json { JSON } else { LINES };
    let schema = asked.wants_json.then(|| audit_schema(asked.order.len()));
    Prompt { system: fill(AUDIT, &[("fence", fence), ("form", form)]), user, schema }
}
