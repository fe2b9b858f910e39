//! Do two remarks say the same of the same place.

use crate::checks::{squeezed, words};
use crate::findings::FILLERS;
use crate::pathway::identifiers;
use queue_schema::rows::DiffRemark;
use std::collections::BTreeSet;

/// Lines between two places that are one.
const NEAR: u32 = 3;
/// How alike the claims must be, in thousandths, the nearer their places are.
const AT_ONE_LINE: u32 = 250;
const AT_NEAR_LINES: u32 = 330;
const IN_ONE_SYMBOL: u32 = 500;
const IN_ONE_FILE: u32 = 600;
/// How alike two claims of one reviewer are that are one.
const REPEATED: u32 = 600;

/// Words that reviewers use for one thing, by their beginnings.
const SAME: [&[&str]; 12] = [
    &["null", "none", "nil", "undefined", "nullptr"],
    &["crash", "panic", "throw", "raise", "exception", "abort", "unwrap", "segfault"],
    &["overflow", "underflow", "wraparound", "truncat"],
    &["race", "racy", "concurren", "atomic", "synchron", "unsynchron"],
    &["leak", "unclosed", "unreleased"],
    &["bound", "off-by-one", "index", "past", "one-past"],
    &["inject", "unescaped", "unsanit", "sanit"],
    &["wrong", "incorrect", "broken", "invert", "reversed"],
    &["lose", "lost", "drop", "discard", "swallow", "ignor", "delet", "remov"],
    &["infinite", "endless", "forever", "hang", "never-ending"],
    &["secret", "password", "credential", "token"],
    &["check", "valid", "verif", "guard"],
];

/// What a remark is compared by.
pub(super) struct Claim<'a> {
    pub(super) remark: &'a DiffRemark,
    /// Words of the claim, each as all its forms have it, without those of the code that it is about.
    said: BTreeSet<String>,
    /// The same with those, and with the reason.
    all: BTreeSet<String>,
    names: BTreeSet<String>,
    quote: Option<String>,
    foreign: bool,
}

impl<'a> Claim<'a> {
    pub(super) fn new(remark: &'a DiffRemark) -> Self {
        let why = remark.why.as_deref().unwrap_or_default();
        let code = format!(
            "{} {} {}",
            remark.quote.as_deref().unwrap_or_default(),
            remark.symbol.as_deref().unwrap_or_default(),
            remark.path.as_deref().unwrap_or_default()
        );
        let text = format!("{} {why}", remark.what);
        let mut names = identifiers(&text);
        let about: BTreeSet<String> =
            stems(&code).chain(names.iter().flat_map(|name| stems(name))).collect();
        names.extend(words(&remark.what).into_iter().filter(|word| word.contains('_')));
        let said = stems(&remark.what).filter(|word| !about.contains(word)).collect();
        Self {
            remark,
            said,
            all: stems(&text).collect(),
            names,
            quote: remark.quote.as_deref().map(squeezed).filter(|quote| !quote.is_empty()),
            foreign: is_foreign(&remark.what),
        }
    }

    /// The words by which it is known again.
    pub(super) fn words(&self) -> &BTreeSet<String> {
        &self.all
    }

    /// How surely two remarks about one file, or about none of the change, are one, in thousandths; `None` when they
    /// are not.
    pub(super) fn same(&self, other: &Self, one_reviewer: bool) -> Option<u32> {
        let (a, b) = (self.remark, other.remark);
        if elsewhere(a).zip(elsewhere(b)).is_some_and(|(a, b)| a != b) {
            return None;
        }
        let gap = lines(a)
            .zip(lines(b))
            .filter(|_| a.side == b.side)
            .map(|((a, b), (c, d))| c.saturating_sub(b).max(a.saturating_sub(d)));
        let far = gap.is_some_and(|lines| lines > NEAR);
        let quoted = self.quote.is_some() && self.quote == other.quote;
        let symbol = a.symbol.is_some() && a.symbol == b.symbol;
        let least = match gap {
            Some(0) => AT_ONE_LINE,
            // Whoever says the same of the same code at two places means both.
            _ if quoted && !(far && one_reviewer) => AT_ONE_LINE,
            Some(lines) if lines <= NEAR => AT_NEAR_LINES,
            _ if symbol => IN_ONE_SYMBOL,
            // Two known places that are far from each other are two.
            Some(_) => return None,
            None => IN_ONE_FILE,
        };
        let score = self.likeness(other, least == AT_ONE_LINE);
        let least = if one_reviewer { least.max(REPEATED) } else { least };
        (score >= least).then_some(score)
    }

    fn likeness(&self, other: &Self, one_line: bool) -> u32 {
        if self.foreign != other.foreign {
            // No word of one language is one of another; the code that both speak of is.
            let common = self.names.intersection(&other.names).next().is_some();
            let names = self.names.is_empty() || other.names.is_empty();
            return if one_line && (common || names) { 1_000 } else { 0 };
        }
        if self.said.is_empty() || other.said.is_empty() {
            return overlap(&self.all, &other.all) * 2 / 3;
        }
        overlap(&self.said, &other.said).max(overlap(&self.all, &other.all) * 4 / 5)
    }
}

/// The name of the file, none of the change, that a remark says it is about.
fn elsewhere(remark: &DiffRemark) -> Option<&str> {
    let mut words = remark.place.split(|c: char| c.is_whitespace() || "`:#".contains(c));
    let word = words.find(|word| !word.is_empty()).filter(|_| remark.path.is_none())?;
    word.rsplit('/').next().filter(|name| name.contains('.'))
}

/// First and last line.
fn lines(remark: &DiffRemark) -> Option<(u32, u32)> {
    let first = remark.line?;
    Some((first, remark.end_line.unwrap_or(first).max(first)))
}

/// What two sets share of the smaller one, in thousandths.
fn overlap(a: &BTreeSet<String>, b: &BTreeSet<String>) -> u32 {
    let least = a.len().min(b.len());
    if least == 0 {
        return 0;
    }
    u32::try_from(1_000 * a.intersection(b).count() / least).unwrap_or(0)
}

/// The words of a text that say something, each as all its forms have it.
fn stems(text: &str) -> impl Iterator<Item = String> {
    words(text).into_iter().filter(|word| !FILLERS.contains(&word.as_str())).map(|word| {
        let same = SAME.iter().find(|all| all.iter().any(|begin| word.starts_with(begin)));
        if let Some(all) = same {
            return all[0].to_owned();
        }
        let ends = ["ing", "ed", "es", "s"].iter().find_map(|end| word.strip_suffix(end));
        ends.filter(|stem| stem.chars().count() >= 3).map_or(word.clone(), str::to_owned)
    })
}

/// Whether a text is in another language than English, as far as its commonest words tell.
fn is_foreign(text: &str) -> bool {
    let said = words(text);
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let ascii = text.chars().filter(char::is_ascii_alphabetic).count();
    let common = said.iter().any(|word| {
        FILLERS.contains(&word.as_str())
            || matches!(word.as_str(), "not" | "no" | "when" | "if" | "never")
    });
    2 * ascii < letters || ascii < letters && !common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_a_word_are_one_and_fillers_are_none() {
        for (text, want) in [
            ("Opens the opened, opening file", "open open open file"),
            ("It was used as is, goes red", "was used goes red"),
            ("panics crashed None undefined", "crash crash null null"),
        ] {
            assert_eq!(stems(text).collect::<Vec<_>>().join(" "), want);
        }
    }

    #[test]
    fn the_language_of_a_claim_is_told_by_its_letters_and_commonest_words() {
        for (text, foreign) in [
            ("This loses data", false),
            ("Loses data", false),
            ("Datenverlust bei jedem Aufruf", false),
            ("Verlust bei großen Dateien", true),
            ("The größe is wrong", false),
            ("Never für null", false),
            ("长度少一", true),
            ("`limit` 长度少一", true),
            ("长度少 is", true),
            ("长度 is", false),
        ] {
            assert_eq!(is_foreign(text), foreign, "{text}");
        }
    }
}
