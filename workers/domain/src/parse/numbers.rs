//! Scores and confidences in running text.

use super::code::closing;
use super::items::{Section, classify, list_marker, numbered_title};

/// Characters that are looked at behind a label: a line may be as long as the answer.
const REMARK: usize = 80;

/// Reads an unsigned decimal number at the start: (value, length).
fn decimal(text: &str) -> Option<(f64, usize)> {
    let digits = |t: &str| t.bytes().take_while(u8::is_ascii_digit).count();
    let mut len = digits(text);
    if len == 0 || len > 6 {
        return None;
    }
    if let Some(tail) = text[len..].strip_prefix(['.', ',']) {
        let more = digits(tail);
        if more > 0 && more < 6 {
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

fn starts_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

/// True when a number at the end of `lead` would be below nought: `: -4`, but not ` - 4`.
fn is_negated(lead: &str) -> bool {
    lead.ends_with(['-', '−'])
}

/// What follows some signs between a label and its value; `None` when the value has a minus.
fn value_after(text: &str, is_lead: impl Fn(char) -> bool) -> Option<&str> {
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
    (!in_full).then(|| lone_score(line, true)).flatten().map(Said::Score)
}

/// `not given`, and the other ways to say so.
fn not_given(text: &str) -> bool {
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
        let line = line.to_ascii_lowercase();
        let title = line.trim_start_matches(['#', ' ']);
        if raw.starts_with('#') && numbered_title(title).is_none() {
            in_item = false;
            seen |= of_score;
            section = classify(title);
            of_score = section == Section::Excluded
                && (title.contains("score") || title.contains("alignment"));
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
fn uncoded(text: &str) -> String {
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

/// A whole percentage at the start: (value, length, written with `%`). Of a range, the lower
/// end: that much the reviewer did claim.
fn percent_at(text: &str) -> Option<(u8, usize, bool)> {
    let (value, mut len) = decimal(text)?;
    let tail = &text[len..];
    let after_dash = tail.trim_start_matches([' ', '%']);
    if let Some(upper) = after_dash.strip_prefix(['-', '–', '—']).map(str::trim_start)
        && let Some((_, used)) = decimal(upper).filter(|(high, _)| *high >= value)
    {
        len = text.len() - upper.len() + used;
    }
    let tail = text[len..].trim_start();
    let sign = tail.starts_with('%') || tail.starts_with("percent");
    if tail.starts_with('/') || !(0.0..=100.0).contains(&value) {
        return None;
    }
    // Without a sign, `0.85` could be a fraction and `8` be out of ten.
    if !sign && (value.fract() != 0.0 || value <= 10.0) {
        return None;
    }
    // Rounded down: no rounding may lift a finding over a threshold.
    Some((value.floor() as u8, len, sign))
}

/// The confidence a finding gives: `Confidence: 85%` before `(85%)` at the end of a line, that before
/// `85% confident` and the like, which the claim itself may speak of, and `(85%)` elsewhere last.
pub(super) fn confidence(text: &str) -> Option<u8> {
    let lower = uncoded(text).to_ascii_lowercase().replace(['*', '_', '|'], " ");
    let mut labelled = false;
    for (at, word) in lower.match_indices("confidence") {
        let (before, tail) = (&lower[..at], &lower[at + word.len()..]);
        let tail = tail.trim_start();
        let tail = tail.strip_prefix("level").unwrap_or(tail).trim_start();
        if !tail.starts_with([':', '=']) {
            continue;
        }
        labelled = true;
        // `Confidence: high (85%)`
        let line = crate::text::clip(tail, REMARK).lines().next().unwrap_or_default();
        let value = confidence_after(tail).or_else(|| percent_before(before));
        if let Some(value) = value.or_else(|| in_parentheses(line, false)) {
            return Some(value);
        }
    }
    if labelled {
        return None;
    }
    if let Some(value) = in_parentheses(&lower, true) {
        return Some(value);
    }
    for (at, word) in lower.match_indices("confidence") {
        let tail = confidence_after(&lower[at + word.len()..]);
        if let Some(value) = tail.or_else(|| percent_before(&lower[..at])) {
            return Some(value);
        }
    }
    if let Some(value) = lower.find("confident").and_then(|at| percent_before(&lower[..at])) {
        return Some(value);
    }
    in_parentheses(&lower, false)
}

/// The value that follows the word `confidence`.
fn confidence_after(tail: &str) -> Option<u8> {
    let tail = value_after(tail, |c| c.is_whitespace() || ":=([-−–~≈`".contains(c))?;
    let tail = tail.strip_prefix("level").unwrap_or(tail);
    let tail = tail.strip_prefix("is").or_else(|| tail.strip_prefix("of")).unwrap_or(tail);
    let tail = value_after(tail, |c| " :~-−".contains(c))?;
    percent_at(tail).map(|(value, _, _)| value)
}

/// `(85%)`, anywhere or at the end of a line.
fn in_parentheses(lower: &str, at_end: bool) -> Option<u8> {
    lower.match_indices(['(', '[']).find_map(|(at, _)| {
        let inner = lower[at + 1..].trim_start_matches([' ', '~', '≈']);
        let (value, len, sign) = percent_at(inner)?;
        let rest = inner[len..].trim_start().trim_start_matches('%').trim_start();
        let closed = rest.starts_with([')', ']', ',', ';']);
        let ends = |rest: &str| {
            let line = crate::text::clip(rest, REMARK).lines().next().unwrap_or_default();
            line.chars().skip(1).all(|c| !c.is_alphanumeric())
        };
        (sign && closed && (!at_end || ends(rest))).then_some(value)
    })
}

/// `85% ` right before a word.
fn percent_before(text: &str) -> Option<u8> {
    let text = text.trim_end().strip_suffix('%')?.trim_end();
    let start = text
        .rfind(|c: char| !c.is_ascii_digit() && c != '.')
        .map_or(0, |i| i + text[i..].chars().next().map_or(1, char::len_utf8));
    // Of `80-90%` the lower end counts; a dash without a number before it is a minus.
    let before = text[..start].trim_end();
    if let Some(low) = before.strip_suffix(['-', '–', '—', '−']) {
        let low = low.trim_end().trim_end_matches('%');
        let from = low
            .rfind(|c: char| !c.is_ascii_digit())
            .map_or(0, |i| i + low[i..].chars().next().map_or(1, char::len_utf8));
        let spaced = before.ends_with(['–', '—']) || text[..start].ends_with(' ');
        match low[from..].parse::<u8>() {
            Ok(low) if low <= 100 => return Some(low),
            _ if !spaced => return None,
            _ => {}
        }
    }
    let value: f64 = text[start..].parse().ok()?;
    (0.0..=100.0).contains(&value).then_some(value.floor() as u8)
}

/// A confidence as a value of its own: a table cell or a JSON string.
pub(super) fn lone_confidence(text: &str) -> Option<u8> {
    let text = text.trim().trim_matches(['*', '`', '_', '(', ')', '~', '≈', ' ']);
    if let Some((value, len, _)) = percent_at(text) {
        let rest = text[len..].trim().trim_start_matches('%').trim();
        if rest.is_empty() || rest.starts_with(|c: char| !c.is_ascii_digit()) {
            return Some(value);
        }
    }
    confidence(text)
}

#[cfg(test)]
mod tests;
