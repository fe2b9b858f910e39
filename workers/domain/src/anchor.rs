//! Where in the file a finding is, and what may be done with a review.
//!
//! Lines come from the quote and the file, never from the model: a model's line numbers are
//! wrong more often than its quotes, and a quote can be checked.

use crate::clean::is_unseen;
use crate::redact::{self, MASK_START};
use queue_schema::limits::TierLimits;
use queue_schema::rows::Finding;

/// Fewer characters than this occur everywhere; they prove nothing.
const LEAST_QUOTE: usize = 4;

/// Gives every finding whose quote is in the file its lines. With several places the first
/// counts: the claim holds for the text, wherever it stands.
///
/// A model that is not local was shown the file with its secrets masked, and quotes the masks.
/// Such a quote is looked for in the file as it was shown; masking moves no line.
pub fn anchor(findings: &mut [Finding], source: &str) {
    let file = Lines::new(source);
    let is_masked = |f: &Finding| f.quote.as_deref().is_some_and(|q| q.contains(MASK_START));
    let shown = findings.iter().any(is_masked).then(|| redact::mask(source).text);
    let shown = shown.as_deref().map(Lines::new);
    for finding in findings {
        let place = finding.quote.as_deref().and_then(|quote| {
            file.find(quote).or_else(|| {
                let shown = shown.as_ref().filter(|_| quote.contains(MASK_START));
                shown.and_then(|shown| shown.find(quote))
            })
        });
        finding.anchored = place.is_some();
        finding.line = place.map(|(first, _)| first);
        finding.end_line = place.map(|(_, last)| last);
    }
}

/// A source with what repeated searches need.
struct Lines<'a> {
    source: &'a str,
    /// Line number and normalised text of every line that is not blank.
    normal: Vec<(u32, String)>,
}

impl<'a> Lines<'a> {
    fn new(source: &'a str) -> Self {
        let numbered = source.lines().zip(1u32..);
        let normal = numbered
            .map(|(line, n)| (n, normalise(line)))
            .filter(|(_, line)| !line.is_empty())
            .collect();
        Self { source, normal }
    }

    fn find(&self, quote: &str) -> Option<(u32, u32)> {
        let quote = quote.trim_matches(['\n', '\r']);
        if quote.chars().filter(|c| !c.is_whitespace()).count() < LEAST_QUOTE {
            return None;
        }
        self.verbatim(quote)
            .or_else(|| self.verbatim(quote.trim()))
            .or_else(|| self.normalised(quote))
    }

    /// The quote as it stands; a name is not found inside a longer name.
    fn verbatim(&self, quote: &str) -> Option<(u32, u32)> {
        let at = self
            .source
            .match_indices(quote)
            .map(|(at, _)| at)
            .find(|at| whole_words(self.source, *at, quote))?;
        let first = line_at(self.source, at);
        Some((first, first + count_breaks(quote)))
    }

    /// The quote line by line, with every run of white space as one space and blank lines left
    /// out. The first line may start, and the last may end, within a line of the file.
    fn normalised(&self, quote: &str) -> Option<(u32, u32)> {
        let wanted: Vec<String> =
            quote.lines().map(normalise).filter(|line| !line.is_empty()).collect();
        let (first, rest) = wanted.split_first()?;
        let Some((last, middle)) = rest.split_last() else {
            let hit = self.normal.iter().find(|(_, line)| {
                line.match_indices(first.as_str()).any(|(at, _)| whole_words(line, at, first))
            });
            return hit.map(|(n, _)| (*n, *n));
        };
        self.normal.windows(wanted.len()).find_map(|window| {
            let ((start, head), (end, tail)) = (window.first()?, window.last()?);
            let inner = &window[1..window.len() - 1];
            let same = head.ends_with(first.as_str())
                && tail.starts_with(last.as_str())
                && inner.iter().zip(middle).all(|((_, a), b)| a == b);
            same.then_some((*start, *end))
        })
    }
}

fn normalise(line: &str) -> String {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    // Marks that are not seen are dropped from answers, so a line that holds some is found without.
    if line.contains(is_unseen) { words(&line.replace(is_unseen, "")) } else { words(line) }
}

fn count_breaks(text: &str) -> u32 {
    u32::try_from(text.matches('\n').count()).unwrap_or(u32::MAX)
}

fn line_at(source: &str, at: usize) -> u32 {
    count_breaks(&source[..at]).saturating_add(1)
}

fn whole_words(text: &str, at: usize, part: &str) -> bool {
    let ident = |c: Option<char>| c.is_some_and(crate::text::is_ident);
    let cut_before = ident(part.chars().next()) && ident(text[..at].chars().next_back());
    let after = &text[at + part.len()..];
    let cut_after = ident(part.chars().next_back()) && ident(after.chars().next());
    !cut_before && !cut_after
}

/// What may be done with a review.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tiers {
    /// Least confidence of all findings; `None` without any.
    pub min: Option<u8>,
    /// Mean confidence of all findings; `None` without any.
    pub avg: Option<f64>,
    /// auto | `dry_run` | simulation | block, from the least.
    pub tier: &'static str,
    /// The same, from the mean.
    pub tier_avg: &'static str,
}

/// The gradient tier of a review.
///
/// `min` and `avg` are plain statistics of every confidence given, as readers of the row expect.
/// The tiers are stricter: each is the lower of what all findings say and of what the anchored
/// ones alone say. A finding whose quote is not in the file can thus lower a tier (with a low
/// confidence) and never raise one, and a review without any anchored confidence is blocked.
pub fn tier(findings: &[Finding], limits: TierLimits) -> Tiers {
    let all: Vec<u8> = findings.iter().filter_map(|f| f.confidence).collect();
    let anchored: Vec<u8> =
        findings.iter().filter(|f| f.anchored).filter_map(|f| f.confidence).collect();
    let least = |v: &[u8]| v.iter().min().copied().map(f64::from);
    let lower = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a.min(b));
    Tiers {
        min: all.iter().min().copied(),
        avg: mean(&all),
        tier: name(lower(least(&all), least(&anchored)), limits),
        tier_avg: name(lower(mean(&all), mean(&anchored)), limits),
    }
}

fn mean(values: &[u8]) -> Option<f64> {
    let sum: f64 = values.iter().map(|v| f64::from(*v)).sum();
    (!values.is_empty()).then(|| sum / values.len() as f64)
}

fn name(confidence: Option<f64>, limits: TierLimits) -> &'static str {
    match confidence {
        Some(c) if c >= f64::from(limits.auto) => "auto",
        Some(c) if c >= f64::from(limits.dry_run) => "dry_run",
        Some(c) if c >= f64::from(limits.simulation) => "simulation",
        _ => "block",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use queue_schema::rows::FindingKind;

    fn tier(findings: &[Finding]) -> Tiers {
        super::tier(findings, TierLimits::default())
    }

    fn finding(quote: Option<&str>, confidence: Option<u8>, anchored: bool) -> Finding {
        Finding {
            kind: FindingKind::Suggestion,
            text: "x".into(),
            quote: quote.map(Into::into),
            line: None,
            end_line: None,
            anchored,
            confidence,
            evidence: None,
            flags: Vec::new(),
        }
    }

    const SOURCE: &str = "use std::fs;\n\nfn domain() {}\n\nfn main() {\n    let x = read( a,  b );\n\n    x.unwrap();\r\n}\n";

    fn lines(quote: &str) -> Option<(u32, u32)> {
        let mut f = [finding(Some(quote), None, false)];
        anchor(&mut f, SOURCE);
        assert_eq!(f[0].anchored, f[0].line.is_some());
        f[0].line.zip(f[0].end_line)
    }

    #[test]
    fn quotes_are_found() {
        assert_eq!(lines("use std::fs;"), Some((1, 1)));
        assert_eq!(lines("x.unwrap()"), Some((8, 8)));
        assert_eq!(lines("fn main() {\n    let x"), Some((5, 6)));
        assert_eq!(lines("let x = read( a, b );"), Some((6, 6)), "white space normalised");
        assert_eq!(lines("let x = read( a, b );\nx.unwrap();\n}"), Some((6, 9)));
        assert_eq!(lines("\n  x.unwrap();\n"), Some((8, 8)));
    }

    #[test]
    fn names_are_whole_words_and_the_first_place_counts() {
        assert_eq!(lines("main"), Some((5, 5)), "not inside domain");
        assert_eq!(lines("x.unwrap();\r"), Some((8, 8)));
        let mut f = [finding(Some("same(line)"), None, false)];
        anchor(&mut f, "a\nsame(line)\nsame(line)\n");
        assert_eq!((f[0].anchored, f[0].line), (true, Some(2)));
    }

    #[test]
    fn what_is_not_there_is_not_anchored() {
        assert_eq!(lines("x.expect()"), None);
        assert_eq!(lines("x.u"), None, "too short");
        assert_eq!(lines("}"), None);
        assert_eq!(lines(""), None);
        assert_eq!(lines("x.unwrap();\nlet x"), None, "order matters");
        let mut f = [finding(None, None, true)];
        anchor(&mut f, SOURCE);
        assert!(!f[0].anchored, "no quote, no anchor");
    }

    #[test]
    fn a_quote_with_a_mask_is_found_where_the_secret_stands() {
        let source = "fn a() {}\n\nlet password = \"Vt7kk#Qpw2xZ\";\nlet b = 1;\n";
        let place = |quote: &str| {
            let mut f = [finding(Some(quote), None, false)];
            anchor(&mut f, source);
            f[0].line.zip(f[0].end_line)
        };
        assert_eq!(place("let password = \"[masked:secret]\";"), Some((3, 3)));
        assert_eq!(place("password = \"[masked:secret]\";\nlet b = 1;"), Some((3, 4)));
        assert_eq!(place("let token = \"[masked:secret]\";"), None);
        assert_eq!(place("let password = \"[masked:jwt]\";"), None, "another kind");
        assert_eq!(place("let b = [masked:secret];"), None, "nothing was masked there");
        assert_eq!(place("let password = \"Vt7kk#Qpw2xZ\";"), Some((3, 3)), "a local model");
    }

    #[test]
    fn tiers_have_their_edges() {
        for (c, want) in [
            (100, "auto"),
            (90, "auto"),
            (89, "dry_run"),
            (70, "dry_run"),
            (69, "simulation"),
            (50, "simulation"),
            (49, "block"),
            (0, "block"),
        ] {
            assert_eq!(tier(&[finding(None, Some(c), true)]).tier, want, "{c}");
        }
        let none = tier(&[finding(None, None, true)]);
        assert_eq!((none.min, none.avg, none.tier, none.tier_avg), (None, None, "block", "block"));
        let mixed = tier(&[finding(None, Some(95), true), finding(None, Some(55), true)]);
        assert_eq!((mixed.min, mixed.avg), (Some(55), Some(75.0)));
        assert_eq!((mixed.tier, mixed.tier_avg), ("simulation", "dry_run"));
    }

    #[test]
    fn the_edges_are_as_set() {
        let limits = TierLimits { auto: 80, dry_run: 60, simulation: 0 };
        for (c, want) in [(80, "auto"), (79, "dry_run"), (59, "simulation"), (0, "simulation")] {
            assert_eq!(super::tier(&[finding(None, Some(c), true)], limits).tier, want, "{c}");
        }
        assert_eq!(super::tier(&[finding(None, None, true)], limits).tier, "block");
    }

    #[test]
    fn without_an_anchor_the_tier_is_block() {
        let t = tier(&[finding(None, Some(99), false)]);
        assert_eq!((t.min, t.tier, t.tier_avg), (Some(99), "block", "block"));
    }

    fn rank(name: &str) -> usize {
        ["block", "simulation", "dry_run", "auto"].iter().position(|n| *n == name).unwrap()
    }

    proptest! {
        #[test]
        fn an_unanchored_finding_never_raises_a_tier(
            given in proptest::collection::vec((proptest::option::of(0u8..=100), any::<bool>()), 0..8),
            more in proptest::option::of(0u8..=100),
        ) {
            let mut findings: Vec<Finding> =
                given.iter().map(|(c, a)| finding(None, *c, *a)).collect();
            let anchored: Vec<Finding> =
                findings.iter().filter(|f| f.anchored).cloned().collect();
            let base = tier(&anchored);
            findings.push(finding(None, more, false));
            let with = tier(&findings);
            prop_assert!(rank(with.tier) <= rank(base.tier));
            prop_assert!(rank(with.tier_avg) <= rank(base.tier_avg));
        }
    }
}
