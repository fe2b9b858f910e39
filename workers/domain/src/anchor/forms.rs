//! The forms in which reviewers write a quote that is not the line of the file as it stands: with the line's
//! number, the sign of a diff, a list's or a mail's mark, a label, or quotation marks before it.

use super::told::line_number;
use crate::parse::items::{label, list_marker};
use crate::parse::labels;

/// A quote in one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) text: String,
    /// The number of its first line, where it stood before it.
    pub(super) line: Option<u32>,
}

/// The quote as it stands, and then with more and more taken off.
pub(super) fn forms(quote: &str) -> Vec<Form> {
    type Step = fn(&mut Form);
    const STEPS: [Step; 8] =
        [decoded, unfenced, unsigned, unlabelled, unnumbered, unmarked, unremarked, unescaped];
    let mut form = Form { text: quote.trim().to_owned(), line: None };
    let mut forms = vec![form.clone()];
    // Twice: a number may stand before a sign, and a sign before a number.
    for step in STEPS.iter().chain(&STEPS) {
        let mut next = form.clone();
        step(&mut next);
        let text = next.text.trim_matches('\n').trim_end();
        next.text = String::from(text);
        if next.text != form.text && !next.text.is_empty() {
            forms.push(next.clone());
            form = next;
        }
    }
    forms
}

/// Parts of a quote with ellipses; more of them are no quote.
const MOST_PARTS: usize = 8;

/// The parts of a quote around what it leaves out; empty when it leaves out nothing.
pub(super) fn parts(quote: &str) -> Vec<&str> {
    let is_mark =
        |c: char| c.is_whitespace() || matches!(c, '/' | '#' | '[' | ']' | '(' | ')' | '*');
    let mut parts: Vec<&str> = quote.split("...").flat_map(|part| part.split('…')).collect();
    if !(2..=MOST_PARTS).contains(&parts.len()) {
        return Vec::new();
    }
    let last = parts.len() - 1;
    for (i, part) in parts.iter_mut().enumerate() {
        // `// ...` on a line of its own is the reviewer's.
        let own = |line: &str| line.chars().all(is_mark);
        if i < last
            && let Some((head, _)) = part.rsplit_once('\n').filter(|(_, l)| own(l))
        {
            *part = head;
        }
        *part = part.trim();
    }
    parts.retain(|part| part.chars().any(char::is_alphanumeric));
    parts
}

/// The text with a change to every line that is not blank, if that can be made to all.
fn each_line(text: &str, change: impl Fn(&str) -> Option<&str>) -> Option<String> {
    let lines: Option<Vec<&str>> = text
        .lines()
        .map(|line| if line.trim().is_empty() { Some(line) } else { change(line) })
        .collect();
    lines.map(|lines| lines.join("\n"))
}

/// Line ends and quotation marks that were escaped once too often.
fn decoded(form: &mut Form) {
    let text = form.text.replace("\\r\\n", "\n").replace("\\n", "\n");
    form.text = text.replace("\\t", "\t").replace("\\\"", "\"");
}

fn unfenced(form: &mut Form) {
    let kept: Vec<&str> =
        form.text.lines().filter(|line| !line.trim_start().starts_with("```")).collect();
    form.text = String::from(kept.join("\n").trim_matches('`'));
}

/// Without the signs of a diff or of a mail. Of a diff, the lines put in are not in the file where others are
/// taken away.
fn unsigned(form: &mut Form) {
    let begins = |line: &str, sign: char| line.trim_start().starts_with(sign);
    let any = |sign| form.text.lines().any(|line| begins(line, sign));
    let (minus, plus) = (any('-'), any('+'));
    if any('>') {
        let mail = each_line(&form.text, |line| line.trim_start().strip_prefix('>'));
        form.text = mail.unwrap_or_else(|| form.text.clone());
    } else if minus || plus {
        let kept = form.text.lines().filter(|line| !(minus && begins(line, '+')));
        let bare = kept.map(|line| line.trim_start().strip_prefix(['+', '-']).unwrap_or(line));
        form.text = bare.collect::<Vec<_>>().join("\n");
    }
}

/// Without a label before the first line, or the mark of a list.
fn unlabelled(form: &mut Form) {
    let (first, rest) = form.text.split_once('\n').unwrap_or((&form.text, ""));
    let inner = match (label(first), list_marker(first)) {
        (Some((_, inner)), _) => inner.trim_matches('`'),
        (None, Some((_, _, inner))) => inner,
        (None, None) => return,
    };
    form.text = format!("{inner}\n{rest}");
}

/// A line's number, and what follows it.
fn numbered(line: &str) -> Option<(&str, &str)> {
    let body = line.trim_start();
    let body = body.strip_prefix(['L', 'l']).unwrap_or(body);
    let rest = body.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &body[..body.len() - rest.len()];
    let code = rest.trim_start_matches(' ');
    let code = code.strip_prefix([':', '|', '│', ')', ']', '.', '\t', '→']).unwrap_or(code);
    (!digits.is_empty() && code.len() < rest.len()).then_some((digits, code))
}

/// Without `5:`, `5 |` or `L5` before each line.
fn unnumbered(form: &mut Form) {
    let Some(text) = each_line(&form.text, |line| numbered(line).map(|(_, code)| code)) else {
        return;
    };
    let first = form.text.lines().find_map(numbered);
    form.line = first.and_then(|(digits, _)| digits.parse().ok()).or(form.line);
    form.text = text;
}

/// Without quotation marks around it, and with straight ones within.
fn unmarked(form: &mut Form) {
    const MARKS: [(char, char); 7] =
        [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’'), ('«', '»'), ('「', '」'), ('`', '`')];
    let text = form.text.trim();
    let inner = |(open, close): &(char, char)| text.strip_prefix(*open)?.strip_suffix(*close);
    let inner = MARKS.iter().find_map(inner).unwrap_or(text);
    form.text = inner.replace(['“', '”'], "\"").replace(['‘', '’'], "'");
}

/// Without `(line 5)` behind it.
fn unremarked(form: &mut Form) {
    let Some((code, remark)) = form.text.rsplit_once(['(', '（']) else { return };
    let lower = remark.to_lowercase();
    let before = lower.split(|c: char| c.is_ascii_digit()).next().unwrap_or_default();
    if labels::is_line(before, "") {
        form.line = line_number(remark).or(form.line);
        form.text = code.trim_end().trim_matches('`').to_owned();
    }
}

/// Without what Markdown and HTML write for signs, and without the full stop of a sentence.
fn unescaped(form: &mut Form) {
    let text = form.text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    let text = text.replace("&amp;", "&");
    let mut plain = text.trim_end_matches('.').to_owned();
    for sign in ['_', '*', '`', '<', '>', '|', '#', '[', ']'] {
        plain = plain.replace(&format!("\\{sign}"), &sign.to_string());
    }
    form.text = plain;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_a_quote_is_taken_off() {
        for (quote, want, line) in [
            ("5: return None", "return None", Some(5)),
            ("5 | return None", "return None", Some(5)),
            ("L5 return None", "return None", Some(5)),
            ("  5\tif a:\n  6\t    return None", "if a:\nreturn None", Some(5)),
            ("+ return None", "return None", None),
            ("- return None", "return None", None),
            ("> if a:\n> return None", "if a:\nreturn None", None),
            ("- a = 1\n+ a = 2\n  b = 3", "a = 1\nb = 3", None),
            ("- Where: def load(path):", "def load(path):", None),
            ("Quote: `return None`", "return None", None),
            ("```python\nreturn None\n```", "return None", None),
            ("“say(‘x’)”", "say('x')", None),
            ("a = 1\\nb = 2", "a = 1\nb = 2", None),
            ("return None (line 5)", "return None", Some(5)),
            ("self.\\_load(\\*args)", "self._load(*args)", None),
            ("> 5: a &lt; b", "a < b", Some(5)),
        ] {
            let found = forms(quote);
            let trimmed = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
            let is_it = |form: &Form| trimmed(&form.text) == want && form.line == line;
            assert!(found.iter().any(is_it), "{quote}: {found:?}");
            assert_eq!(found[0].text, quote.trim());
        }
        // What begins like a number's dress is code.
        for (quote, begin) in [("3rd = load(x)", "3rd"), (": str = load(x)", ": str")] {
            let found = forms(quote);
            assert!(found.iter().all(|form| form.text.starts_with(begin)), "{found:?}");
        }
    }

    #[test]
    fn an_ellipsis_leaves_something_out() {
        assert_eq!(parts("fn a() {\n    // ...\n    b();"), ["fn a() {", "b();"]);
        assert_eq!(parts("call(a, …, z)"), ["call(a,", ", z)"]);
        assert_eq!(parts("return x..."), ["return x"]);
        assert_eq!(parts("fn a() {\n    let b ... c()"), ["fn a() {\n    let b", "c()"]);
        assert_eq!(parts("a(1) ... call(\n)"), ["a(1)", "call(\n)"], "it ends with code");
        assert!(parts("return x").is_empty());
    }
}
