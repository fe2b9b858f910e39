//! What is kept of a finding, and what it is compared by.

use super::matching::Likeness;
use super::view::View;
use crate::checks::{claim_of, squeezed, words};
use crate::pathway::{identifiers, pattern_key};
use crate::text::clip;
use queue_schema::ids::content_id;
use queue_schema::records::{Observed, Sighting};
use queue_schema::rows::Finding;

/// Characters of a claim that are kept.
const CLAIM_KEPT: usize = 400;
/// Characters of code that are kept.
const CODE_KEPT: usize = 800;
/// Bytes without the layout below which code says little of where it is from.
const COMMON_BYTES: usize = 40;
/// Digits of the key of some code.
const KEY_DIGITS: usize = 16;
/// Words without which a claim says the same.
pub(crate) const FILLERS: [&str; 24] = [
    "a", "an", "the", "is", "are", "be", "of", "in", "to", "it", "its", "this", "that", "and",
    "or", "for", "on", "with", "as", "by", "at", "from", "which", "will",
];

/// What a review says of itself, for all of its findings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// The model.
    pub model: String,
    /// The tier of the review.
    pub tier: String,
    /// When, and in which sweep.
    pub at: Sighting,
}

/// What is kept of a finding that a review says of a file.
pub fn observe(finding: &Finding, view: &View, said: &Said) -> Observed {
    // Other files' reviewers are told of what was dismissed, and they may not be local.
    let text = clip(&view.safe(&claim_of(&finding.text)), CLAIM_KEPT).to_owned();
    let quote = view.code_of(finding).map(|code| clip(&view.safe(&code), CODE_KEPT).to_owned());
    // Of what is kept: it must be found again by that.
    let code = key(quote.as_deref().map_or_else(|| squeezed(&text), squeezed).as_str());
    let pattern = finding.flags.iter().find_map(|flag| pattern_key(flag, &text));
    Observed {
        kind: finding.kind,
        severity: Some(finding.gravity()),
        text,
        quote,
        code,
        symbol: finding.line.and_then(|line| view.symbol(line)),
        pattern,
        flags: finding.flags.clone(),
        line: finding.line,
        end_line: finding.end_line,
        confidence: finding.confidence,
        confirmed: finding.confirmed,
        doubted: !finding.checks.is_empty(),
        tier: said.tier.clone(),
        model: said.model.clone(),
        first: said.at.clone(),
        last: said.at.clone(),
        fixed: None,
        came_back: None,
    }
}

/// What a finding is compared by.
pub fn likeness(of: &Observed) -> Likeness {
    Likeness {
        code: of.code.clone(),
        names: identifiers(&of.text),
        symbol: of.symbol.clone(),
        pattern: of.pattern.clone(),
        words: words(&of.text).into_iter().filter(|w| !FILLERS.contains(&w.as_str())).collect(),
        lines: of.line.map(|line| (line, of.end_line.unwrap_or(line).max(line))),
    }
}

/// By what a finding is known again in another file: its code and the names in its claim; where so little code could
/// stand anywhere, such as `except:`, its function too.
pub fn place_key(of: &Observed) -> String {
    let names = identifiers(&of.text).into_iter().collect::<Vec<_>>().join(" ");
    let is_common = of.quote.as_ref().is_some_and(|quote| squeezed(quote).len() < COMMON_BYTES);
    let symbol = of.symbol.as_deref().filter(|_| is_common).unwrap_or_default();
    key(&format!("{} {names} {symbol}", of.code))
}

fn key(text: &str) -> String {
    content_id(&[text.as_bytes()])[..KEY_DIGITS].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use queue_schema::rows::FindingKind;

    #[test]
    fn a_finding_that_fails_a_check_is_kept_as_doubted() {
        let view = View::new("a.rs", "fn f() {}\n");
        for (checks, doubted) in [(vec![], false), (vec!["style".to_owned()], true)] {
            let finding = Finding { checks, ..Finding::new(FindingKind::Suggestion, "x") };
            assert_eq!(observe(&finding, &view, &Said::default()).doubted, doubted);
        }
    }

    #[test]
    fn nothing_is_kept_of_a_secret_that_only_the_file_knows() {
        let frame = ["PRIVATE", " KEY-----"].concat();
        let line = "MHcCAQEEIq7Rz0KpW3mX9vLb2Ns8TfY4cHd6J";
        let source = format!("-----BEGIN EC {frame}\n{line}\n-----END EC {frame}\nfn f() {{}}\n");
        let finding = Finding {
            quote: Some(line.to_owned()),
            ..Finding::new(FindingKind::Suggestion, format!("a key: {}", &line[4..20]))
        };
        let view = View::new("a.rs", &source);
        let kept = observe(&finding, &view, &Said::default());
        assert_eq!(kept.quote.as_deref(), Some("[masked:private_key]"));
        assert_eq!(kept.text, "a key: [masked:private_key]");
        assert!(view.count(&squeezed(&kept.quote.unwrap())) > 0, "it is found again");
    }

    #[test]
    fn claims_are_compared_without_fillers_and_short_code_by_its_function() {
        let of = |code: &str, symbol: &str| Observed {
            code: "k".into(),
            quote: Some(code.to_owned()),
            symbol: Some(symbol.to_owned()),
            text: "the loop is lost in it".into(),
            ..Observed::default()
        };
        let words = likeness(&of("", "f")).words;
        assert_eq!(words.into_iter().collect::<Vec<_>>(), ["loop", "lost"]);
        for (bytes, same) in [(39, false), (40, true)] {
            let code = "x ".repeat(bytes);
            assert_eq!(place_key(&of(&code, "f")) == place_key(&of(&code, "g")), same, "{bytes}");
        }
        let other = Observed { code: "l".into(), ..of("x", "f") };
        assert_ne!(place_key(&of("x", "f")), place_key(&other));
    }
}
