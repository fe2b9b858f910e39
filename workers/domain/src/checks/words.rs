//! What a claim's own words tell.

use super::{All, One, says_phrase, words};
use crate::prompt::instructions;
use queue_schema::rows::{FindingKind, Severity};
use std::collections::BTreeSet;
use std::sync::OnceLock;

/// Documents that are cited. A file that speaks of such itself may be cited too.
const DOCUMENTS: [&str; 6] = [
    "prd",
    "product requirements document",
    "requirements document",
    "change proposal",
    "the proposal",
    "product requirements",
];

/// It cites documents, and none were given.
pub(super) fn no_documents(one: &One<'_>, all: &All<'_>) -> bool {
    if all.seen.documents {
        return false;
    }
    if matches!(one.finding.kind, FindingKind::PrdMismatch | FindingKind::Contradiction) {
        return true;
    }
    let file = all.seen.source.to_lowercase();
    let evidence = one.finding.evidence.as_deref().unwrap_or_default();
    let said = words(&format!("{} {evidence}", one.claim));
    DOCUMENTS.iter().any(|named| says_phrase(&said, named) && !file.contains(named))
}

/// What is said of good code.
const PRAISE: [&str; 26] = [
    "is correct",
    "are correct",
    "correctly",
    "works as expected",
    "as expected",
    "is properly",
    "are properly",
    "properly handles",
    "properly handled",
    "well structured",
    "well designed",
    "well documented",
    "is well",
    "good practice",
    "best practice",
    "is safe",
    "is valid",
    "is fine",
    "is clean",
    "is robust",
    "is efficient",
    "is consistent",
    "no issues",
    "no problem",
    "no errors",
    "handles all",
];

/// What any fault is told with. A claim with one of them is no praise.
const BUT: [&str; 52] = [
    "not",
    "isn't",
    "doesn't",
    "don't",
    "aren't",
    "won't",
    "can't",
    "cannot",
    "never",
    "but",
    "however",
    "should",
    "could",
    "would",
    "must",
    "may",
    "might",
    "missing",
    "lacks",
    "lack",
    "without",
    "fail",
    "fails",
    "failure",
    "wrong",
    "incorrect",
    "incorrectly",
    "instead",
    "if",
    "when",
    "unless",
    "only",
    "except",
    "although",
    "though",
    "while",
    "panic",
    "panics",
    "crash",
    "crashes",
    "lost",
    "loses",
    "drops",
    "leak",
    "leaks",
    "unsafe",
    "invalid",
    "overflow",
    "ignores",
    "ignored",
    "assumes",
    "rather",
];

/// It is a fault by its place and praise by its words.
pub(super) fn praise(one: &One<'_>, _: &All<'_>) -> bool {
    is_praise(&one.claim)
}

/// Whether a claim says that something is right, and nothing of what a fault is told with.
pub(crate) fn is_praise(claim: &str) -> bool {
    let said = words(claim);
    PRAISE.iter().any(|phrase| says_phrase(&said, &phrase.replace('-', " ")))
        && !said.iter().any(|word| BUT.contains(&word.as_str()))
}

/// A failure, and the verdict is that all is well.
pub(super) fn pass_with_failures(one: &One<'_>, all: &All<'_>) -> bool {
    use FindingKind as K;
    let failure = match one.finding.kind {
        K::CriticalFailure | K::PseudocodeFlag | K::BrokenPipeline | K::MissingComponent => true,
        K::Suggestion | K::Contradiction => {
            one.finding.severity.is_some_and(|s| s <= Severity::Major)
        }
        _ => false,
    };
    all.seen.verdict == Some("pass") && failure
}

/// Words in a row by which the instructions are known again.
const ECHOED: usize = 5;

/// The claim is made of the words of the instructions.
pub(super) fn echo(one: &One<'_>, _: &All<'_>) -> bool {
    static ASKED: OnceLock<BTreeSet<Vec<String>>> = OnceLock::new();
    let asked = ASKED.get_or_init(|| {
        let all = words(&instructions());
        all.windows(ECHOED).map(<[String]>::to_vec).collect()
    });
    let said = words(&one.claim);
    let all = said.windows(ECHOED).count();
    let echoed = said.windows(ECHOED).filter(|window| asked.contains(*window)).count();
    echoed > 0 && echoed * 2 >= all
}

/// What is a matter of taste.
const STYLE: [&str; 38] = [
    "naming",
    "variable name",
    "variable names",
    "function name",
    "function names",
    "more descriptive",
    "descriptive name",
    "descriptive names",
    "docstring",
    "docstrings",
    "doc comment",
    "documentation comment",
    "documentation",
    "add comments",
    "add a comment",
    "more comments",
    "comments explaining",
    "readability",
    "more readable",
    "formatting",
    "indentation",
    "whitespace",
    "white space",
    "line length",
    "too long",
    "type hint",
    "type hints",
    "type annotation",
    "type annotations",
    "magic number",
    "magic numbers",
    "coding style",
    "code style",
    "style guide",
    "pep 8",
    "pep8",
    "for clarity",
    "maintainability",
];

/// What comes of a real fault.
const COMES_OF_IT: [&str; 40] = [
    "crash",
    "crashes",
    "panic",
    "panics",
    "wrong",
    "incorrect",
    "fail",
    "fails",
    "failure",
    "lost",
    "loses",
    "corrupt",
    "corrupts",
    "leak",
    "leaks",
    "hang",
    "hangs",
    "infinite",
    "endless",
    "overflow",
    "overflows",
    "exception",
    "error",
    "errors",
    "race",
    "deadlock",
    "injection",
    "security",
    "undefined",
    "contradicts",
    "misleading",
    "mislead",
    "ignored",
    "overwrites",
    "raises",
    "throws",
    "returns",
    "truncated",
    "never",
    "null",
];

/// It is about names, comments or layout, and nothing goes wrong.
pub(super) fn style(one: &One<'_>, _: &All<'_>) -> bool {
    let said = words(&one.claim);
    let told = words(one.finding.fails_for.as_deref().unwrap_or_default());
    STYLE.iter().any(|phrase| says_phrase(&said, phrase))
        && !said.iter().chain(&told).any(|word| COMES_OF_IT.contains(&word.as_str()))
}
