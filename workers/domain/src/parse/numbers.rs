//! Scores in running text, and what all numbers of an answer are read with.

use super::code::closing;
use super::items::{Section, classify, list_marker, numbered_title};
use super::labels;

/// The text in lower case, its digits, percent signs, colons and brackets in ASCII, whatever the script.
pub(super) fn plain(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let ascii = |c: char| match c {
        // Full-width forms.
        '！'..='～' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        '٪' => '%',
        '٫' => '.',
        '【' => '[',
        '】' => ']',
        _ => digit(c).and_then(|d| char::from_digit(d, 10)).unwrap_or(c),
    };
    text.chars().map(ascii).flat_map(char::to_lowercase).collect()
}

/// The value of a decimal digit of the scripts that reviewers write.
pub(super) fn digit(c: char) -> Option<u32> {
    // The zeros of ASCII, Arabic, Persian, Devanagari, Bengali, and full width.
    let zeros = ['0', '٠', '۰', '०', '০', '０'];
    zeros.iter().find_map(|zero| (c as u32).checked_sub(*zero as u32).filter(|d| *d < 10))
}

/// Reads an unsigned decimal number at the start: (value, length).
pub(super) fn decimal(text: &str) -> Option<(f64, usize)> {
    let digits = |t: &str| t.bytes().take_while(u8::is_ascii_digit).count();
    let mut len = digits(text);
    if len == 0 {
        return None;
    }
    if let Some(tail) = text[len..].strip_prefix(['.', ',']) {
        let more = digits(tail);
        if more > 0 {
            len += 1 + more;
        }
    }
    text[..len].replace(',', ".").parse().ok().map(|v| (v, len))
}

/// A score at the start of `text`, alone or as `N/10`, and what follows it. Ranges, other
/// denominators, percentages and numbers out of range say something else, and are no score.
fn score_at(text: &str, needs_ten: bool) -> Option<(f64, &str)> {
    let (value, len) = decimal(text)?;
    let mut rest = text[len..].trim_start();
    let ten = ["/", "out of", "of"].iter().find_map(|s| rest.strip_prefix(s)).map(str::trim_start);
    match ten {
        Some(tail) => {
            let (of, used) = decimal(tail)?;
            if (of - 10.0).abs() > f64::EPSILON {
                return None;
            }
            rest = tail[used..].trim_start();
        }
        None if needs_ten => return None,
        None => {
            let upper = rest.trim_start_matches(['-', '–', '—', ' ']);
            let range = upper.len() < rest.len() && starts_with_digit(upper);
            let unit = text[len..].starts_with(|c: char| c.is_alphanumeric());
            if range || unit {
                return None;
            }
        }
    }
    (!rest.starts_with('%') && (1.0..=10.0).contains(&value)).then_some((value, rest))
}

pub(super) fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// True when a number at the end of `lead` would be below nought: `: -4`, but not ` - 4`.
fn is_negated(lead: &str) -> bool {
    lead.ends_with(['-', '−'])
}

/// What follows some signs between a label and its value; `None` when the value has a minus.
pub(super) fn value_after(text: &str, is_lead: impl Fn(char) -> bool) -> Option<&str> {
    let value = text.trim_start_matches(is_lead);
    let negated = is_negated(&text[..text.len() - value.len()]) && starts_with_digit(value);
    (!negated).then_some(value)
}

/// A score that is all its line says, a remark after it aside: `7`, `4/10 (mid)`.
fn lone_score(line: &str, needs_ten: bool) -> Option<f64> {
    let line = value_after(line, |c: char| c.is_whitespace() || "#-−=:≈–—".contains(c))?;
    let (score, rest) = score_at(line, needs_ten)?;
    let ends = rest.is_empty() || rest.starts_with(['(', '[', '.', ',', ':', ';', '-', '–', '—']);
    ends.then_some(score)
}

/// The alignment score of an answer: on a line that says so in full, else next to the word `score` or
/// `alignment`, on the line below such a heading, or a lone `N/10`. A score that is said not to be
/// given is none, whatever numbers follow.
pub(super) fn alignment_score(text: &str) -> Option<f64> {
    let lines = score_lines(text);
    let said = lines.iter().enumerate().find_map(|(i, line)| score_on(line, &lines[i + 1..], true));
    let said = said.or_else(|| {
        lines.iter().enumerate().find_map(|(i, line)| score_on(line, &lines[i + 1..], false))
    });
    match said? {
        Said::Score(score) => Some(score),
        Said::NotGiven => None,
    }
}

/// What a line says of the score.
enum Said {
    Score(f64),
    NotGiven,
}

/// The score on a line, or below it when it is a title.
fn score_on(line: &str, below: &[String], in_full: bool) -> Option<Said> {
    let words: &[&str] =
        if in_full { &["alignment score"] } else { &["score", "alignment", "aligned", "rating"] };
    for word in words {
        for (at, _) in line.match_indices(word) {
            let before = &line[..at];
            if before.ends_with(crate::text::is_ident) || before.trim_end().ends_with("confidence")
            {
                continue;
            }
            let tail = &line[at + word.len()..];
            // `alignment: 8 bytes` is about memory; only `score` may be followed loosely.
            let loose = word.ends_with("score");
            let score = if loose { score_after(tail) } else { lone_score(tail, false) };
            if let Some(score) = score {
                return Some(Said::Score(score));
            }
            if loose && tail.trim_start().starts_with([':', '=']) && not_given(tail) {
                return Some(Said::NotGiven);
            }
        }
    }
    let is_title = line.trim_start().starts_with('#') || line.trim_end().ends_with(':');
    let titles: &[&str] = if in_full { words } else { &["score", "alignment"] };
    if is_title && titles.iter().any(|word| line.contains(word)) {
        let below = below.iter().find(|l| !l.trim().is_empty());
        if let Some(score) = below.and_then(|l| lone_score(l, false)) {
            return Some(Said::Score(score));
        }
        if below.is_some_and(|l| not_given(l)) {
            return Some(Said::NotGiven);
        }
    }
    // `4/10 (mid)` on a line of its own, without the word.
    let alone = (!in_full).then(|| lone_score(line, true).or_else(|| labelled_score(line)));
    alone.flatten().map(Said::Score)
}

/// `评分: 4/10`, in the languages of the table.
fn labelled_score(line: &str) -> Option<f64> {
    let (name, value) = line.split_once(':')?;
    labels::names_score(name).then(|| lone_score(value, true)).flatten()
}

/// `not given`, and the other ways to say so.
pub(super) fn not_given(text: &str) -> bool {
    let plain = text.trim_start_matches(|c: char| c.is_whitespace() || ":=-–—([\"'".contains(c));
    ["not given", "not applicable", "n/a", "none", "null"].iter().any(|word| {
        let after = plain.strip_prefix(word);
        after.is_some_and(|after| !after.starts_with(crate::text::is_ident))
    })
}

/// The lines that may hold a score, in lower case: prose, but none of a finding. Once a score was said
/// or its section is over, list items hold findings.
fn score_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut section, mut of_score, mut seen, mut in_item) =
        (Section::Neutral, false, false, false);
    for (raw, line) in prose_lines(text) {
        let line = plain(&line);
        let title = line.trim_start_matches(['#', ' ']);
        if raw.starts_with('#') && numbered_title(title).is_none() {
            in_item = false;
            seen |= of_score;
            section = classify(title);
            of_score = section == Section::Excluded
                && (title.contains("score")
                    || title.contains("alignment")
                    || labels::names_score(title));
        } else if raw.starts_with('#') || list_marker(raw).is_some() {
            in_item = true;
        } else if !raw.starts_with([' ', '\t']) {
            in_item = false;
        }
        let of_finding = matches!(section, Section::Suggestions | Section::Contradictions);
        if in_item && !of_score && (seen || of_finding) {
            continue;
        }
        let begins = ["score", "alignment score", "alignment:", "overall score"];
        seen |= !in_item
            && !raw.starts_with('#')
            && (begins.iter().any(|b| title.starts_with(b))
                || score_on(&line, &[], false).is_some());
        lines.push(line);
    }
    lines
}

/// The text without its code spans: a quoted line that speaks of scores must not set one. A span
/// that is nothing but a number, as in `85%`, is how some write the value itself.
pub(super) fn uncoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('`') {
        let ticks = rest[start..].bytes().take_while(|b| *b == b'`').count();
        let body = &rest[start + ticks..];
        out.push_str(&rest[..start]);
        out.push(' ');
        if let Some(len) = closing(body, ticks) {
            let span = body[..len].trim();
            if span.len() <= 8 && starts_with_digit(span) {
                out.push_str(span);
            }
            out.push(' ');
            rest = &body[len + ticks..];
        } else {
            rest = body;
        }
    }
    out.push_str(rest);
    out
}

/// The lines outside fenced code, as they are and with code spans, emphasis and table bars taken out.
fn prose_lines(text: &str) -> impl Iterator<Item = (&str, String)> {
    let mut in_fence = false;
    text.lines().filter_map(move |line| {
        if line.trim_start().starts_with("```") {
            in_fence = !in_fence;
            return None;
        }
        (!in_fence).then(|| (line, uncoded(line).replace(['*', '_', '|', '~', '>'], " ")))
    })
}

/// The score in what follows the word `score` on its line.
fn score_after(tail: &str) -> Option<f64> {
    let is_lead = |c: char| c.is_whitespace() || ":=-−–—([≈".contains(c);
    // What is looked at is near: a line may be as long as the answer.
    let tail = crate::text::clip(tail, 200);
    // `score (1-10): 7`: what stands in parentheses before the number explains the scale.
    let trimmed = tail.trim_start();
    let scale = trimmed.strip_prefix('(').and_then(|t| t.split_once(')'));
    if let Some((_, after)) = scale
        && let Some((score, _)) = value_after(after, is_lead).and_then(|v| score_at(v, false))
    {
        return Some(score);
    }
    let tail = value_after(tail, is_lead)?;
    let plain = ["of ", "is "].iter().find_map(|w| tail.strip_prefix(w)).unwrap_or(tail);
    if let Some((score, _)) = score_at(plain.trim_start(), false) {
        return Some(score);
    }
    // `score for this file: 4/10`: a few words may stand between, but then only the full form
    // is beyond doubt.
    let near = crate::text::clip(tail, 60);
    let digit = near.find(|c: char| c.is_ascii_digit())?;
    if is_negated(&near[..digit]) {
        return None;
    }
    score_at(&tail[digit..], true).map(|(score, _)| score)
}

#[cfg(test)]
mod tests;
