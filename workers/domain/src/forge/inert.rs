//! Text of models and repositories in comments on a forge. Beside what markup does, words do things there: a name
//! behind `@` sends mail, a number behind `#` links, `/merge` at the start of a line merges.

use crate::parse::code::is_code_fence;
use crate::report::escape::{block, escape_by, inert as without_markup};
use crate::text::{clip, code_span};
use scrum_shown::shown;

/// Has no width; what a forge looks for is not found across it.
const BREAK: char = '\u{200b}';

/// Digits from which on a hexadecimal word is taken for a commit by forges.
const COMMIT_DIGITS: usize = 7;

/// Foreign text on one line.
pub fn inert_line(text: &str) -> String {
    let line = escape_by(text, |prose| without_markup(&broken(prose)), span);
    // A forge runs a command that begins a line; the backslash is not shown.
    if line.starts_with(['/', ':']) { format!("\\{line}") } else { line }
}

/// Foreign text of several lines: paragraphs, lists and blocks of code stay what they are.
pub fn inert_text(text: &str, most_chars: usize) -> String {
    let text = clip(text, most_chars).replace("\r\n", "\n").replace('\r', "\n");
    let text = shown(&text);
    let (mut out, mut lines) = (String::new(), text.lines());
    while let Some(line) = lines.next() {
        if is_code_fence(line) {
            let code = fenced(line, &mut lines);
            if !out.is_empty() && !out.ends_with("\n\n") {
                out.push('\n');
            }
            out.push_str(&code);
            continue;
        }
        let line = line.trim_start();
        let (bullet, rest) = match line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
            Some(rest) => ("- ", rest),
            None => ("", line),
        };
        // No more than one empty line after another.
        if rest.is_empty() && (out.is_empty() || out.ends_with("\n\n")) {
            continue;
        }
        out.push_str(bullet);
        out.push_str(&inert_line(rest));
        out.push('\n');
    }
    out.trim_end().to_owned()
}

/// The block of code that a line opens, up to its end or that of the text.
fn fenced<'a>(opening: &str, lines: &mut impl Iterator<Item = &'a str>) -> String {
    let opening = opening.trim_start();
    let mark = opening.chars().next().unwrap_or('`');
    let length = opening.chars().take_while(|c| *c == mark).count();
    let closes = |line: &str| {
        let line = line.trim();
        line.chars().count() >= length && line.chars().all(|c| c == mark)
    };
    let command = |line: &str| {
        let mut chars = line.chars();
        chars.next() == Some('/') && chars.next().is_some_and(|c| c.is_ascii_alphabetic())
    };
    let code: Vec<String> = lines
        .take_while(|line| !closes(line))
        .map(|line| if command(line) { format!(" {line}") } else { line.to_owned() })
        .collect();
    // A language such as `suggestion` would be a button that commits.
    let language = opening.trim_start_matches(mark).split_whitespace().next().unwrap_or_default();
    let known = LANGUAGES.contains(&language);
    block(if known { language } else { "" }, &code)
}

/// Names behind a fence that only colour what is in it.
const LANGUAGES: [&str; 19] = [
    "bash", "c", "cpp", "css", "diff", "go", "html", "java", "js", "json", "php", "py", "python",
    "rs", "ruby", "rust", "sql", "ts", "yaml",
];

/// Foreign text as a code span, in which nothing is looked for.
pub fn span(text: &str) -> String {
    if text.trim().is_empty() { String::new() } else { code_span(&shown(text)) }
}

/// The text with a [`BREAK`] in each word that a forge would act upon.
fn broken(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let chars: Vec<char> = text.chars().collect();
    let mut word = 0;
    for (at, c) in chars.iter().enumerate() {
        let next = chars.get(at + 1).copied();
        if !c.is_ascii_alphanumeric() {
            word = at + 1;
        }
        // In the middle of a commit's name, and after `www`.
        let length = at - word.min(at);
        let split = length == COMMIT_DIGITS / 2 && is_commit(&chars[word..]);
        if split || *c == '.' && ends_with(&chars[..at], "www") {
            out.push(BREAK);
        }
        out.push(*c);
        let joined = next.is_some_and(|n| n.is_alphanumeric() || "_\"'{".contains(n));
        let acts = match c {
            '@' | '[' => next.is_some_and(|n| !n.is_whitespace()),
            '#' | '!' | '$' | '%' | '~' | '&' | '^' | '*' => joined,
            ':' => next == Some('/') || is_emoji(&chars[at + 1..]),
            '-' => {
                at > 0
                    && chars[at - 1].is_ascii_alphanumeric()
                    && next.is_some_and(|n| n.is_ascii_digit())
            }
            _ => false,
        };
        if acts {
            out.push(BREAK);
        }
    }
    out
}

/// Whether a word begins a hexadecimal name that is as long as a commit's short one.
fn is_commit(from: &[char]) -> bool {
    let word = from.iter().take_while(|c| c.is_ascii_alphanumeric());
    let digits = word.clone().filter(|c| c.is_ascii_hexdigit()).count();
    digits >= COMMIT_DIGITS && word.count() == digits
}

/// Whether what stands behind a colon is the rest of an `:emoji:`.
fn is_emoji(rest: &[char]) -> bool {
    let name = rest.iter().take_while(|c| c.is_ascii_alphanumeric() || "_+-".contains(**c)).count();
    name > 0 && rest.get(name) == Some(&':')
}

fn ends_with(chars: &[char], word: &str) -> bool {
    let length = word.len();
    chars.len() >= length
        && chars[chars.len() - length..]
            .iter()
            .zip(word.chars())
            .all(|(a, b)| a.to_ascii_lowercase() == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_forges_act_upon_are_broken() {
        let cases = [
            ("ask @octo about it", "@octo"),
            ("ask @all", "@all"),
            ("fixes #12", "#12"),
            ("see o/r#3 and o/r@abc", "r#3"),
            ("merge !7 into $2", "!7"),
            ("label ~bug and ~\"not it\"", "~bug"),
            ("milestone %1 of &4", "%1"),
            ("GH-12 and ABC-9", "GH-12"),
            ("in 8f3c2ab1d", "8f3c2ab1d"),
            ("https://example.com/o/r/issues/1", "https://"),
            ("www.example.com", "www."),
            ("nice :tada: :+1:", ":tada:"),
            ("<img src=x> <b>bold</b>", "<"),
            ("![i](http://e/i.png) [t](http://e \"ship it\")", "]("),
            ("/merge", "\n/merge"),
            ("\r/approve", "\n/approve"),
            ("a\n/close", "\n/close"),
            ("[vulnerability:1]", "[vulnerability"),
        ];
        for (text, gone) in cases {
            let out = format!("\n{}", inert_text(text, 1000)).replace("\\]", "");
            assert!(!out.contains(gone), "{text:?} became {out:?}");
        }
    }

    #[test]
    fn code_stays_code_and_plain_words_stay() {
        assert_eq!(inert_line("`a@b` is Vec::new, 3 - 2"), "`a@b` is Vec::new, 3 - 2");
        assert_eq!(inert_line("a `<b>` c"), "a `<b>` c");
        for (text, want) in [
            ("cafe is 1.5 at -7, x -1, 8f3c2a and 12345678x", None),
            ("-5 is below", Some("\\-5 is below")),
            ("in 8f3c2ab and 8f3c2ab1d", Some("in 8f3\u{200b}c2ab and 8f3\u{200b}c2ab1d")),
            ("at www.a.example, GH-12", Some("at www\u{200b}.a.example, GH-\u{200b}12")),
        ] {
            assert_eq!(inert_line(text), want.unwrap_or(text));
        }
        let text =
            "Why:\n- one\n- two @x\n\n\n\n```suggestion\nlet a = 1;\n/merge\n// fine\n```\nend";
        let out = inert_text(text, 1000);
        let wanted =
            "Why:\n- one\n- two @\u{200b}x\n\n```\nlet a = 1;\n /merge\n// fine\n```\n\nend";
        assert_eq!(out, wanted);
        // A fence that nobody closes ends with the text, and one inside does not end it.
        let out = inert_text("~~~rust\n```\n@x", 1000);
        assert_eq!(out, "````rust\n```\n@x\n````");
        let out = inert_text("````go\na\n\n```\nb\n````\n@x", 1000);
        assert_eq!(out, "````go\na\n\n```\nb\n````\n\n@\u{200b}x");
    }
}
