//! How cases ended, for people and for CI systems.

use super::{Compared, Difference, Outcome};
use crate::text::counted;

/// The lines below the table: each difference by its place, and sides that gave no answer.
pub fn said(all: &[Compared]) -> Vec<String> {
    let named = |compared: &Compared| {
        let lines = details(&compared.outcome).into_iter();
        lines.map(|line| format!("{}: {line}", compared.name)).collect::<Vec<_>>()
    };
    all.iter().flat_map(named).collect()
}

fn details(outcome: &Outcome) -> Vec<String> {
    match outcome {
        Outcome::Same => Vec::new(),
        Outcome::Different { differences, more } => {
            let line = |d: &Difference| format!("{}: {} in A, {} in B", d.path, d.a, d.b);
            let rest = (*more > 0).then(|| {
                format!("and {} that are not listed", counted(*more, "difference", "differences"))
            });
            differences.iter().map(line).chain(rest).collect()
        }
        Outcome::NotAsked { a, b } => {
            let sides = [("A", a), ("B", b)].into_iter();
            sides
                .filter_map(|(side, why)| {
                    why.as_ref().map(|why| format!("{side} gave no answer: {why}"))
                })
                .collect()
        }
    }
}

/// A report in the form of `JUnit`, which CI systems read: a case that differs is a failure, one that could not be asked an
/// error.
pub fn junit(all: &[Compared]) -> String {
    let count = |is: fn(&Outcome) -> bool| all.iter().filter(|c| is(&c.outcome)).count();
    let failures = count(|o| matches!(o, Outcome::Different { .. }));
    let errors = count(|o| matches!(o, Outcome::NotAsked { .. }));
    let suite = format!(
        "<testsuite name=\"parity\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\">",
        all.len()
    );
    let head = ["<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned(), suite];
    let lines =
        head.into_iter().chain(all.iter().map(test_case)).chain(["</testsuite>".to_owned()]);
    lines.map(|line| line + "\n").collect()
}

fn test_case(compared: &Compared) -> String {
    let ms = compared.a_ms.max(compared.b_ms).unwrap_or_default();
    let (name, seconds) = (escaped(&compared.name), ms as f64 / 1000.0);
    let begin = format!("  <testcase classname=\"parity\" name=\"{name}\" time=\"{seconds:.3}\"");
    let element = match compared.outcome {
        Outcome::Same => return begin + "/>",
        Outcome::Different { .. } => "failure",
        Outcome::NotAsked { .. } => "error",
    };
    let lines: Vec<String> = details(&compared.outcome).iter().map(|line| escaped(line)).collect();
    let (first, all) = (lines.first().map_or("", String::as_str), lines.join("\n"));
    format!("{begin}>\n    <{element} message=\"{first}\">{all}</{element}>\n  </testcase>")
}

/// Text within XML; characters that XML has not become `U+FFFD`.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
