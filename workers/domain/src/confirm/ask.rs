//! What the second call is shown: the claims, the lines that they are about, and no more than the review's price
//! allows.

use crate::checks::claim_of;
use crate::fit::guess_asked;
use crate::prompt::{Prompt, fenced, fenced_file, fill};
use crate::redact::Known;
use crate::text::{clip_marked, one_line};
use queue_schema::rows::Finding;
use queue_schema::sweep::ConfirmBounds;
use std::fmt::Write as _;
use std::ops::RangeInclusive;

pub(crate) const CONFIRM: &str = include_str!("../../templates/confirm.md");

/// Characters of a claim that are shown.
const CLAIM_CHARS: usize = 400;
/// Tokens that the answer to one claim has at most.
const ANSWER_TOKENS: u64 = 150;
/// Tokens without which no answer to a claim can be whole.
const LEAST_ANSWER_TOKENS: u64 = 50;

/// The second call.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// What is asked.
    pub prompt: Prompt,
    /// Which findings it is about, by their place in the list; claim 1 is the first of them.
    pub about: Vec<usize>,
    /// Tokens to generate at most.
    pub max_tokens: u32,
    /// Secrets that are masked in what it is made of.
    pub masked: u32,
}

/// Asks about as many of the findings as `bounds.max_share` percent of the tokens of their review pay for, each with
/// as many lines around its code; `None` when that is too little for one. Where it leaves the user's machines, secrets
/// are masked while file and claims are whole: nobody knows the line of a key by itself, with its number before it.
pub fn ask(
    path: &str,
    source: &str,
    findings: &[Finding],
    mut about: Vec<usize>,
    bounds: &ConfirmBounds,
    (review_tokens, fence, leaves): (u64, &str, bool),
) -> Option<Asked> {
    let known = leaves.then(|| Known::of(source));
    let mut masked = 0;
    let mut safe = |text: &str| {
        let Some(known) = &known else { return text.to_owned() };
        let found = known.safe(text);
        masked += found.count();
        found.text
    };
    let source = safe(source);
    let mut claims = findings.to_vec();
    for at in &about {
        if let Some(claim) = claims.get_mut(*at) {
            claim.text = safe(&claim.text);
        }
    }
    let most = review_tokens.saturating_mul(bounds.max_share.into()) / 100;
    while !about.is_empty() {
        let mut context = bounds.context_lines as usize;
        loop {
            let prompt = prompt(path, &source, &claims, &about, context, fence);
            let asked = about.len() as u64;
            let left = most.saturating_sub(guess_asked(&prompt));
            if left >= LEAST_ANSWER_TOKENS * asked {
                let tokens = left.min(ANSWER_TOKENS * asked);
                let max_tokens = u32::try_from(tokens).ok()?;
                return Some(Asked { prompt, about, max_tokens, masked });
            }
            if context == 0 {
                break;
            }
            context /= 2;
        }
        about.pop();
    }
    None
}

fn prompt(
    path: &str,
    source: &str,
    findings: &[Finding],
    about: &[usize],
    context: usize,
    fence: &str,
) -> Prompt {
    let lines: Vec<&str> = source.lines().collect();
    let mut user = String::new();
    let shown = regions(findings, about, context, lines.len());
    fenced_file(&mut user, fence, "the file", path, &numbered(&lines, &shown));
    let mut claims = String::new();
    for (n, finding) in about.iter().filter_map(|at| findings.get(*at)).enumerate() {
        let place = finding.line.map(|line| format!(" (line {line})")).unwrap_or_default();
        let claim = one_line(&claim_of(&finding.text));
        let _ = writeln!(claims, "CLAIM {}{place}: {}", n + 1, clip_marked(&claim, CLAIM_CHARS));
    }
    fenced(&mut user, fence, "the claims", &claims);
    let all = about.len();
    let which = if all == 1 { "claim 1".to_owned() } else { format!("claims 1 to {all}") };
    let _ = writeln!(user, "\nAnswer {which}.");
    Prompt { system: fill(CONFIRM, &[("fence", fence)]), user, schema: None }
}

/// The lines around each finding, from 0, in order; those that touch are one.
fn regions(
    findings: &[Finding],
    about: &[usize],
    context: usize,
    lines: usize,
) -> Vec<RangeInclusive<usize>> {
    let last = lines.saturating_sub(1);
    let around = about.iter().filter_map(|at| findings.get(*at)).filter_map(|finding| {
        let first = (finding.line? as usize).saturating_sub(1);
        let end = finding.end_line.map_or(first, |end| end as usize - 1).max(first);
        Some((first.saturating_sub(context), (end + context).min(last)))
    });
    let mut around: Vec<(usize, usize)> = around.collect();
    around.sort_unstable();
    let mut merged: Vec<RangeInclusive<usize>> = Vec::new();
    for (first, end) in around {
        match merged.last_mut() {
            Some(before) if first <= before.end() + 1 => {
                *before = *before.start()..=end.max(*before.end());
            }
            _ => merged.push(first..=end),
        }
    }
    merged
}

fn numbered(lines: &[&str], shown: &[RangeInclusive<usize>]) -> String {
    let mut out = String::new();
    for (n, region) in shown.iter().enumerate() {
        if n > 0 {
            out.push_str("...\n");
        }
        for at in region.clone() {
            let _ = writeln!(out, "{}: {}", at + 1, lines.get(at).copied().unwrap_or_default());
        }
    }
    out
}
