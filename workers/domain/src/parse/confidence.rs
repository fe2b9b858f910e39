//! Confidences in any form that reviewers write them: `85%`, `0.85`, `9/10`, `置信度：85％`.

use super::labels::{Role, words};
use super::nothing::is_blank;
use super::numbers::{decimal, not_given, plain, starts_with_digit, uncoded, value_after};
use crate::text::clip;
use aho_corasick::{AhoCorasick, MatchKind};
use queue_schema::rows::Finding;
use std::sync::LazyLock;

/// Characters that are looked at behind a label: a line may be as long as the answer.
const REMARK: usize = 80;
/// Characters of a label in a language that the tables do not have.
const LABEL: usize = 24;

/// What a reviewer says of how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Confidence {
    /// Nothing at all.
    NotGiven,
    /// Something, and no percentage can be read from it: it may be low.
    Unreadable,
    /// So many percent, rounded down: no rounding may lift a finding over a threshold.
    Percent(u8),
}

impl Confidence {
    /// Writes it into a finding.
    pub(super) fn set(self, finding: &mut Finding) {
        finding.confidence = self.percent();
        finding.confidence_unreadable = self == Self::Unreadable;
    }

    pub(super) const fn percent(self) -> Option<u8> {
        match self {
            Self::Percent(value) => Some(value),
            Self::NotGiven | Self::Unreadable => None,
        }
    }

    /// From a share of one, which is bound to be one.
    pub(super) fn share(value: f64) -> Self {
        if (0.0..=1.0).contains(&value) {
            // 0.29 is a little less than that in binary.
            Self::Percent((value * 100.0 + 1e-6) as u8)
        } else {
            Self::Unreadable
        }
    }
}

/// The words that may stand before a confidence.
static NAMES: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(words(Role::Confidence))
        .ok()
});

/// Where the words for it stand in a text in lower case.
fn names(lower: &str) -> Vec<(usize, usize)> {
    let found = NAMES.as_ref().map(|names| names.find_iter(lower));
    found.into_iter().flatten().map(|m| (m.start(), m.end())).collect()
}

/// The confidence that a finding gives: `Confidence: 85%` before `(85%)` at the end of a line, that before
/// `85% confident` and the like, which the claim itself may speak of, and `(85%)` elsewhere last.
pub(super) fn confidence(text: &str) -> Confidence {
    let lower = plain(&uncoded(text)).replace(['*', '_', '|'], " ");
    let names = names(&lower);
    let mut labelled = None;
    for (start, end) in &names {
        let (before, tail) = (&lower[..*start], &lower[*end..]);
        let tail = without_kind(tail).trim_start_matches([' ', '"', '\'']);
        let Some(tail) = tail.strip_prefix([':', '=']) else { continue };
        let value = match read_behind(tail) {
            Confidence::Unreadable => {
                percent_before(before).map_or(Confidence::Unreadable, Confidence::Percent)
            }
            value => value,
        };
        if let Confidence::Percent(_) = value {
            return value;
        }
        labelled = labelled.filter(|l| *l == Confidence::Unreadable).or(Some(value));
    }
    if let Some(labelled) = labelled {
        return labelled;
    }
    let unlabelled = in_parentheses(&lower, true)
        .or_else(|| names.iter().find_map(|(start, end)| around(&lower, *start, *end)))
        .or_else(|| lower.find("confident").and_then(|at| percent_before(&lower[..at])))
        .or_else(|| by_form(&lower))
        .or_else(|| in_parentheses(&lower, false));
    match unlabelled {
        Some(value) => Confidence::Percent(value),
        None if names.iter().any(|(start, end)| in_words(&lower, *start, *end)) => {
            Confidence::Unreadable
        }
        None => Confidence::NotGiven,
    }
}

/// A confidence as a value of its own: a table cell or a JSON string.
pub(super) fn lone_confidence(text: &str) -> Confidence {
    match confidence(text) {
        Confidence::Percent(value) => Confidence::Percent(value),
        _ => read(first_line(plain(text).replace(['*', '`', '_'], " ").trim_start())),
    }
}

/// The value behind a label: on its line, or a percentage alone on the next one.
fn read_behind(tail: &str) -> Confidence {
    let line = first_line(tail);
    if !line.trim().is_empty() {
        return read(line);
    }
    match read(first_line(tail.trim_start())) {
        Confidence::Unreadable => Confidence::NotGiven,
        value => value,
    }
}

/// The first line, as far as it is looked at.
fn first_line(text: &str) -> &str {
    clip(text, REMARK).lines().next().unwrap_or_default()
}

/// The value behind a label.
fn read(value: &str) -> Confidence {
    let value = value.trim();
    if is_blank(value) || not_given(value) {
        return Confidence::NotGiven;
    }
    if let Some((rating, _)) = value_after(value, is_lead).and_then(rating_at) {
        return rating;
    }
    // `high (85%)`, `high, 85%`
    let word = value.trim_start_matches(|c: char| c.is_alphabetic() || c == ' ');
    let behind = value_after(word, |c| is_lead(c) || ",/;".contains(c));
    let behind = behind.filter(|rest| rest.len() < word.len()).and_then(percent_at);
    behind
        .map(|(value, _)| value)
        .or_else(|| in_parentheses(value, false))
        .map_or(Confidence::Unreadable, Confidence::Percent)
}

/// Signs and spaces before a value.
fn is_lead(c: char) -> bool {
    c.is_whitespace() || ":=([-−–—~≈≥>`\"'".contains(c)
}

/// A rating at the start, and what follows it: a percentage, a share of one, so many out of so many.
/// Of a range it is the lower end: that much the reviewer did claim. `None` without a number.
fn rating_at(text: &str) -> Option<(Confidence, &str)> {
    // `%85`, `.85`
    let (text, before) = text.strip_prefix('%').map_or((text, false), |rest| (rest, true));
    let dotted = text.strip_prefix('.').filter(|rest| starts_with_digit(rest));
    // No more than a number is copied: what follows may be as long as the answer.
    let dotted = dotted.map(|rest| format!("0.{}", clip(rest, LABEL)));
    let (value, len) = decimal(dotted.as_deref().unwrap_or(text))?;
    let len = len - usize::from(dotted.is_some());
    let fraction = text[..len].contains(['.', ',']);
    let mut rest = &text[len..];
    let after_dash = rest.trim_start_matches([' ', '%']);
    if let Some(upper) = after_dash.strip_prefix(['-', '–', '—', '~']).map(str::trim_start)
        && let Some((_, used)) = decimal(upper).filter(|(high, _)| *high >= value)
    {
        rest = &upper[used..];
    }
    let tail = rest.trim_start();
    let signs = ["%", "percent", "per cent", "prozent", "por ciento", "por cento", "pour cent"];
    if before || signs.iter().any(|sign| tail.starts_with(sign)) {
        let sane = (0.0..=100.0).contains(&value);
        let rating = if sane { Confidence::Percent(value as u8) } else { Confidence::Unreadable };
        return Some((rating, tail));
    }
    let of = ["/", "out of", "of"].iter().find_map(|s| tail.strip_prefix(s)).map(str::trim_start);
    if let Some((most, used)) = of.and_then(decimal) {
        return Some((Confidence::share(value / most), &of.unwrap_or_default()[used..]));
    }
    let rating = match value {
        _ if fraction && value <= 1.0 => Confidence::share(value),
        // Without a sign `8` may be out of ten.
        v if v > 10.0 && v <= 100.0 || v == 0.0 => Confidence::Percent(v as u8),
        _ => Confidence::Unreadable,
    };
    Some((rating, tail))
}

/// A percentage with its sign at the start, and what follows the sign.
fn percent_at(text: &str) -> Option<(u8, &str)> {
    let (rating, rest) = rating_at(text)?;
    let signed = rest.starts_with('%') || rest.starts_with("percent") || text.starts_with('%');
    Some((rating.percent().filter(|_| signed)?, rest.trim_start_matches('%')))
}

/// What follows the word that says which measure it is: `confidence level`.
fn without_kind(tail: &str) -> &str {
    let tail = tail.trim_start();
    ["level", "score", "rating"].iter().find_map(|w| tail.strip_prefix(w)).unwrap_or(tail)
}

/// The value around the word without a colon: `confidence 85`, `85% confidence`.
fn around(lower: &str, start: usize, end: usize) -> Option<u8> {
    let after = || {
        let tail = value_after(&lower[end..], is_lead)?;
        let tail = without_kind(tail);
        let tail = tail.strip_prefix("is").or_else(|| tail.strip_prefix("of")).unwrap_or(tail);
        let (rating, _) = rating_at(value_after(tail, is_lead)?)?;
        rating.percent()
    };
    after().or_else(|| percent_before(&lower[..start]))
}

/// `(high confidence)`: given, in a remark of its own, and in words.
fn in_words(lower: &str, start: usize, end: usize) -> bool {
    let from = lower[..start].char_indices().rev().take(LABEL).last().map_or(start, |(at, _)| at);
    let Some((_, before)) = lower[from..start].rsplit_once(['(', '[']) else { return false };
    let after = clip(&lower[end..], LABEL).trim_start();
    let word = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
    // One word, before or behind: a script without spaces puts none between.
    let before: Vec<&str> = before.split_whitespace().collect();
    let is_word = |word: &&str| !word.contains([')', ']']);
    after[word..].starts_with([')', ']'])
        && match before[..] {
            [] => word > 0,
            [before] => word == 0 && is_word(&before),
            _ => false,
        }
}

/// `Độ chắc chắn: 85%`: a label in a script or a language that the tables do not have, and nothing but a
/// percentage behind it.
fn by_form(lower: &str) -> Option<u8> {
    lower.lines().find_map(|line| {
        let (label, value) = line.rsplit_once(':')?;
        let label = label.rsplit(['(', '[']).next()?.trim_matches([' ', '-', '\t']);
        let named = label.chars().count() <= LABEL
            && label.chars().all(|c| c.is_alphabetic() || c == ' ')
            && !label.is_ascii();
        let (percent, rest) = percent_at(value.trim_start_matches(is_lead)).filter(|_| named)?;
        rest.chars().all(|c| !c.is_alphanumeric()).then_some(percent)
    })
}

/// `(85%)`, anywhere or at the end of a line.
fn in_parentheses(lower: &str, at_end: bool) -> Option<u8> {
    lower.match_indices(['(', '[']).find_map(|(at, _)| {
        let inner = lower[at + 1..].trim_start_matches([' ', '~', '≈']);
        let (value, rest) = percent_at(inner)?;
        let rest = rest.trim_start();
        let closed = rest.starts_with([')', ']', ',', ';']);
        let ends = |rest: &str| first_line(rest).chars().skip(1).all(|c| !c.is_alphanumeric());
        (closed && (!at_end || ends(rest))).then_some(value)
    })
}

/// `85% ` right before a word.
fn percent_before(text: &str) -> Option<u8> {
    let text = text.trim_end().strip_suffix('%')?.trim_end();
    let digits = |text: &str, is_part: fn(char) -> bool| {
        text.rfind(|c| !is_part(c))
            .map_or(0, |i| i + text[i..].chars().next().map_or(1, char::len_utf8))
    };
    let start = digits(text, |c| c.is_ascii_digit() || c == '.');
    // Of `80-90%` the lower end counts; a dash without a number before it is a minus.
    let before = text[..start].trim_end();
    if let Some(low) = before.strip_suffix(['-', '–', '—', '−']) {
        let low = low.trim_end().trim_end_matches('%');
        let spaced = before.ends_with(['–', '—']) || text[..start].ends_with(' ');
        match low[digits(low, |c| c.is_ascii_digit())..].parse::<u8>() {
            Ok(low) if low <= 100 => return Some(low),
            _ if !spaced => return None,
            _ => {}
        }
    }
    let value: f64 = text[start..].parse().ok()?;
    (0.0..=100.0).contains(&value).then_some(value.floor() as u8)
}

#[cfg(test)]
mod tests;
