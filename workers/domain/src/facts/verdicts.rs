//! Verdicts on facts, in a verifier's own words: a line `N: supported` or `N: unsupported`, however it
//! is dressed. What is not said plainly is null.

use queue_schema::rows::facts::FactVerdict;

/// What an answer says of each of so many facts. A fact of which it says two things has no verdict.
pub fn verdicts(text: &str, facts: usize) -> Vec<Option<FactVerdict>> {
    let mut found: Vec<Option<FactVerdict>> = vec![None; facts];
    let mut torn = vec![false; facts];
    for (n, verdict) in text.lines().filter_map(line) {
        let Some(at) = n.checked_sub(1).filter(|at| *at < facts) else { continue };
        torn[at] |= found[at].is_some_and(|known| known != verdict);
        found[at] = Some(verdict);
    }
    for (verdict, torn) in found.iter_mut().zip(torn) {
        if torn {
            *verdict = None;
        }
    }
    found
}

/// Number and verdict of a line.
fn line(line: &str) -> Option<(usize, FactVerdict)> {
    let line = line.to_ascii_lowercase();
    let mut rest = line.trim_start_matches(|c: char| c.is_whitespace() || "-*•#>`[(|_".contains(c));
    for word in ["statement", "fact"] {
        if let Some(after) = rest.strip_prefix(word) {
            rest = after.trim_start_matches([' ', '#', '*', '`']);
        }
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let n = rest[..digits].parse().ok()?;
    let after = &rest[digits..];
    let said =
        after.trim_start_matches(|c: char| c.is_whitespace() || ".:)]|-–—=*`_>(".contains(c));
    // A number that runs into a word is no number of a fact.
    if said.len() == after.len() {
        return None;
    }
    let (verdict, tail) = if let Some(tail) = said.strip_prefix("supported") {
        (FactVerdict::Supported, tail)
    } else {
        let tail = ["unsupported", "not supported"].iter().find_map(|w| said.strip_prefix(w))?;
        (FactVerdict::Unsupported, tail)
    };
    let hedged = tail.trim_start_matches(|c: char| c.is_whitespace() || ",;*(".contains(c));
    let hedged = ["in part", "partly", "partially", "only", "or ", "/", "| unsupported"]
        .iter()
        .any(|w| hedged.starts_with(w));
    let runs_on = tail.starts_with(|c: char| c.is_alphanumeric());
    (!hedged && !runs_on).then_some((n, verdict))
}
