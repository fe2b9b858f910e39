//! Foreign text, times and numbers as pages show them. Markup escapes what stands in it; here hidden characters become
//! visible ones, so that no name and no answer disguises itself.

use maud::{Markup, html};
use queue_schema::url::public_address;
use scrum_knowledge::time;
use scrum_shown::{plain, shown};
use std::fmt::Write as _;

/// Digits of a commit or sweep that a page shows.
const DIGITS: usize = 10;

/// Foreign text on one line.
pub fn text(foreign: &str) -> String {
    plain(foreign)
}

/// Foreign text with line breaks of its own.
pub fn lines(foreign: &str) -> String {
    shown(foreign).into_owned()
}

/// A repository, as it may be shown.
pub fn repo(address: &str) -> String {
    text(&public_address(address))
}

/// A part of an address: all but letters, digits and `-_.~` as `%XX`.
pub fn part(foreign: &str) -> String {
    let mut out = String::with_capacity(foreign.len());
    for byte in foreign.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The beginning of a commit.
pub fn commit(id: &str) -> Markup {
    html! { code title=(text(id)) { (text(id.get(..DIGITS).unwrap_or(id))) } }
}

/// A moment in milliseconds since the epoch.
pub fn when(ms: u64) -> Markup {
    let at = time(ms);
    html! { time datetime=(at) { (at.replace('T', " ").trim_end_matches('Z')) } }
}

/// A span of milliseconds: `0.4s`, `12s`, `3m 20s`, `2h 5m`.
pub fn took(ms: u64) -> String {
    let s = ms / 1000;
    match s {
        0..=9 => format!("{}.{}s", s, ms % 1000 / 100),
        10..=59 => format!("{s}s"),
        60..=3599 => format!("{}m {}s", s / 60, s % 60),
        _ => format!("{}h {}m", s / 3600, s % 3600 / 60),
    }
}

/// Dollars; a dash where nobody said.
pub fn money(usd: Option<f64>) -> String {
    match usd {
        None => "–".to_owned(),
        Some(usd) if usd > 0.0 && usd < 0.01 => format!("${usd:.4}"),
        Some(usd) => format!("${usd:.2}"),
    }
}

/// A share from 0 to 1; a dash where there is none.
pub fn share(of: Option<f64>) -> String {
    of.map_or_else(|| "–".to_owned(), |share| format!("{:.0}%", share * 100.0))
}

/// A large number with thin gaps: `12 345`.
pub fn number(n: impl TryInto<i128>) -> String {
    let n: i128 = n.try_into().unwrap_or_default();
    let digits = n.unsigned_abs().to_string();
    let mut out = String::from(if n < 0 { "−" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// Bytes: `812 B`, `4 KB`, `1.2 MB`.
pub fn bytes(n: u64) -> String {
    match n {
        0..=999 => format!("{n} B"),
        1_000..=999_999 => format!("{} KB", n / 1000),
        _ => format!("{:.1} MB", n as f64 / 1e6),
    }
}

/// A word in a coloured box; `kind` is its class in the style sheet.
pub fn badge(kind: &str, word: &str) -> Markup {
    html! { span class={ "badge " (kind) } { (text(word)) } }
}

/// `1 file`, `3 files`.
pub fn counted(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{} {many}", number(n)) }
}

/// Says that a list is empty.
pub fn none(why: &str) -> Markup {
    html! { p class="none" { (why) } }
}

/// Names and values in columns; what has no value is left out.
pub fn facts(all: &[(&str, Markup)]) -> Markup {
    html! {
        dl class="facts" {
            @for (name, value) in all.iter().filter(|(_, value)| !value.0.is_empty()) {
                div { dt { (name) } dd { (value) } }
            }
        }
    }
}

/// A table that scrolls by itself where the window is narrow. The head of a column of numbers begins with `#`.
pub fn table(caption: &str, heads: &[&str], rows: &Markup) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(caption) {
            table {
                caption { (caption) }
                thead {
                    tr {
                        @for head in heads {
                            th scope="col" class=[head.starts_with('#').then_some("n")] { (head.trim_start_matches('#')) }
                        }
                    }
                }
                tbody { (rows) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_spans_are_short() {
        assert_eq!(
            (number(1_234_567_u64), number(-12_i64)),
            ("1\u{202f}234\u{202f}567".into(), "−12".into())
        );
        let spans = [400, 12_000, 200_000, 7_500_000].map(took);
        assert_eq!(spans, ["0.4s", "12s", "3m 20s", "2h 5m"]);
        assert_eq!((money(Some(0.001)), money(None)), ("$0.0010".into(), "–".into()));
    }

    #[test]
    fn foreign_text_is_no_markup_and_no_address() {
        let name = "a\u{202e}/<script>.rs?\"#";
        assert_eq!(part(name), "a%E2%80%AE%2F%3Cscript%3E.rs%3F%22%23");
        let shown = html! { a href={ "/x/" (part(name)) } title=(text(name)) { (text(name)) } };
        assert!(!shown.0.contains("<script>") && !shown.0.contains('\u{202e}'), "{}", shown.0);
    }
}
