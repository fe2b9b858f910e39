//! Quotes, changes and claims, held against the file and against each other.

use super::{All, One, folded, squeezed};
use crate::parse::code::{code_spans, is_code_fence};
use crate::redact::MASK_START;

/// Lines of a quote at most.
const QUOTED_LINES: usize = 3;
/// So many findings don't share a quote.
const SHARED: usize = 3;
/// Likeness of two long claims that say the same, 0 to 1.
const SAME: f64 = 0.88;
/// Letters of a claim from which on likeness tells something.
const LONG: usize = 40;
/// Words beside the code of a change, which then is no more than its code.
const FEW_WORDS: usize = 3;

/// What would be written is what stands there.
pub(super) fn no_change(one: &One<'_>, _: &All<'_>) -> bool {
    let Some(change) = &one.finding.change else { return false };
    if one.quote.is_empty() {
        return false;
    }
    let quote = bare(&one.quote);
    if bare(&squeezed(change)) == quote {
        return true;
    }
    let inside: Vec<String> = match block(change) {
        Some(code) => vec![code],
        None => code_spans(change),
    };
    // `Replace A with B` has two, and `remove A` says more than its code.
    let [code] = &inside[..] else { return false };
    let removes = ["remove", "delete", "drop", "move", "omit"];
    let prose = change.replace(code.as_str(), " ").to_lowercase();
    let said: Vec<&str> =
        prose.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    bare(&squeezed(code)) == quote
        && said.len() <= FEW_WORDS
        && !said.iter().any(|word| removes.iter().any(|r| word.starts_with(r)))
}

/// Code without the marks that models put around it.
fn bare(code: &str) -> &str {
    code.trim_matches(['`', ';', ',', '.'])
}

/// The code of the only block in a text.
fn block(text: &str) -> Option<String> {
    let mut inside = false;
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| {
            let fence = is_code_fence(line);
            inside ^= fence;
            inside && !fence
        })
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// `Replace A with B`, and there is no A.
pub(super) fn nothing_to_replace(one: &One<'_>, all: &All<'_>) -> bool {
    const VERBS: [&str; 6] = ["replace ", "change ", "rename ", "remove ", "delete ", "drop "];
    let Some(change) = &one.finding.change else { return false };
    let lower = change.to_lowercase();
    if lower.len() != change.len() {
        return false;
    }
    let Some((at, verb)) = VERBS.iter().find_map(|v| Some((lower.find(v)?, v))) else {
        return false;
    };
    let rest = change[at + verb.len()..].trim_start_matches("the ");
    let of = code_spans(rest).into_iter().next();
    let code = of.filter(|_| rest.starts_with('`')).map(|code| squeezed(&code));
    code.is_some_and(|code| {
        let code = code.trim_end_matches("()").trim_matches([';', ',']);
        !code.contains(MASK_START)
            && !code.contains("...")
            && !code.contains('…')
            && !all.squeezed().contains(code)
    })
}

/// The lines of the quote hold no code.
pub(super) fn comment_only(one: &One<'_>, all: &All<'_>) -> bool {
    let (Some(first), Some(last)) = (one.finding.line, one.finding.end_line) else { return false };
    let lines = (first as usize).saturating_sub(1)..last as usize;
    let quoted = all.comments().get(lines).unwrap_or_default();
    !quoted.is_empty() && quoted.iter().all(|comment| *comment)
}

/// More than a person would read as the place.
pub(super) fn long_quote(one: &One<'_>, _: &All<'_>) -> bool {
    let lines = one.finding.quote.iter().flat_map(|quote| quote.lines());
    lines.filter(|line| !line.trim().is_empty()).count() > QUOTED_LINES
}

/// The same lines for one claim after the other.
pub(super) fn same_quote(one: &One<'_>, all: &All<'_>) -> bool {
    let same = |other: &&One<'_>| other.finding.kind.is_actionable() && other.quote == one.quote;
    !one.quote.is_empty() && all.findings.iter().filter(same).count() >= SHARED
}

/// A finding before this one says the same.
pub(super) fn said_twice(one: &One<'_>, all: &All<'_>) -> bool {
    let before = all.findings[..one.at].iter().filter(|other| other.finding.kind.is_actionable());
    !one.folded.is_empty() && before.into_iter().any(|other| is_same(&one.folded, &other.folded))
}

/// The evidence says nothing that the claim does not.
pub(super) fn evidence_is_claim(one: &One<'_>, _: &All<'_>) -> bool {
    let evidence = folded(one.finding.evidence.as_deref().unwrap_or_default());
    !evidence.is_empty() && is_same(&evidence, &one.folded)
}

fn is_same(a: &str, b: &str) -> bool {
    let long = a.len().min(b.len()) >= LONG;
    a == b || (long && strsim::sorensen_dice(a, b) >= SAME)
}
