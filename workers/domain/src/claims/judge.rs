//! What an answer says of a claim.

use super::Material;
use crate::accept::{Answer, refusal};
use crate::clean::clean;
use crate::parse::objects;
use crate::text::{clip, one_line};
use queue_schema::rows::Outcome;
use queue_schema::rows::claim::{Stand, VoteSaid};
use serde_json::Value;

/// Characters of a quote and of a reason that are kept.
const KEPT_CHARS: usize = 300;
/// Characters of a quote that say something by themselves.
const LEAST_QUOTE: usize = 4;
/// What stands for "no line".
const NO_QUOTE: [&str; 5] = ["none", "n/a", "null", "no line", "-"];

/// Reads a vote.
///
/// # Errors
/// Why there is none: an answer that declines, that is empty, or whose verdict can't be read.
pub fn judge(answer: &Answer<'_>, material: &Material) -> Result<VoteSaid, (Outcome, String)> {
    let text = clean(answer.text);
    let text = text.trim();
    refusal(&Answer { text, ..*answer })?;
    if text.is_empty() {
        return Err((Outcome::Thin, "empty answer".to_owned()));
    }
    let (verdicts, quote, why) = read(text);
    let stands: Vec<Option<Stand>> = verdicts.iter().map(|said| stand(said)).collect();
    let stand = match stands.as_slice() {
        [] if answer.truncated => {
            return Err((
                Outcome::Truncated,
                "cut at the token limit before its verdict".to_owned(),
            ));
        }
        [] => return Err((Outcome::Malformed, "no VERDICT in the answer".to_owned())),
        [first, rest @ ..] if rest.iter().all(|other| other == first) => *first,
        _ => {
            return Err((Outcome::Malformed, "two verdicts that contradict each other".to_owned()));
        }
    };
    let Some(stand) = stand else {
        let said = clip(&verdicts[0], 60).to_owned();
        return Err((
            Outcome::Malformed,
            format!("'{said}' is none of backed, not backed, can't tell"),
        ));
    };
    let kept = |text: &str| clip(&one_line(text), KEPT_CHARS).to_owned();
    let mut said =
        VoteSaid { stand, counts: true, note: String::new(), quote: kept(&quote), why: kept(&why) };
    if let Some(note) = does_not_count(stand, &quote, material) {
        said.counts = false;
        note.clone_into(&mut said.note);
    }
    Ok(said)
}

/// Why a vote is none, for all it says.
fn does_not_count(stand: Stand, quote: &str, material: &Material) -> Option<&'static str> {
    let found = !quote.is_empty() && holds(&material.text, quote);
    match stand {
        Stand::CantTell => None,
        Stand::Backed if quote.is_empty() => Some("it quotes nothing that shows it"),
        // That something is missing can't be quoted.
        Stand::NotBacked if quote.is_empty() => {
            (!material.not_shown.is_empty()).then_some("it did not see the whole change")
        }
        _ if !found => Some("it quotes what the change does not hold"),
        Stand::Backed | Stand::NotBacked => None,
    }
}

/// Whether a text holds the lines of a quote, whatever their layout and the signs of a diff before them.
fn holds(text: &str, quote: &str) -> bool {
    let plain = |line: &str| {
        let line = line.trim().trim_matches('`');
        let line = line.trim_start_matches(|c: char| c.is_ascii_digit() || c.is_whitespace());
        let line = line.trim_start_matches(['+', '-', '|']);
        one_line(line)
    };
    let lines: Vec<String> = text.lines().map(plain).collect();
    let mut wanted = quote.lines().map(plain).filter(|l| !l.is_empty()).peekable();
    wanted.peek().is_some()
        && wanted.all(|quoted| {
            quoted.chars().count() >= LEAST_QUOTE && lines.iter().any(|line| line.contains(&quoted))
        })
}

/// The verdicts, the quote and the reason of an answer, in lines or as JSON.
fn read(text: &str) -> (Vec<String>, String, String) {
    let member = |map: &serde_json::Map<String, Value>, name: &str| {
        map.get(name).and_then(Value::as_str).map(str::to_owned)
    };
    if let Some(map) = objects(text).into_iter().rfind(|map| map.contains_key("verdict")) {
        let quote = member(&map, "quote").unwrap_or_default();
        return (
            member(&map, "verdict").into_iter().collect(),
            without_none(&quote),
            member(&map, "why").unwrap_or_default(),
        );
    }
    let (mut verdicts, mut quote, mut why) = (Vec::new(), String::new(), String::new());
    let mut into: Option<&mut String> = None;
    for line in text.lines() {
        match labelled(line) {
            Some(("verdict", said)) => {
                verdicts.push(said.to_owned());
                into = None;
            }
            Some((label, said)) => {
                let part = if label == "quote" { &mut quote } else { &mut why };
                if !part.is_empty() {
                    part.push('\n');
                }
                part.push_str(said);
                into = Some(part);
            }
            None if line.trim().starts_with("```") => {}
            None => {
                if let Some(part) = &mut into {
                    part.push('\n');
                    part.push_str(line);
                }
            }
        }
    }
    (verdicts, without_none(&quote), why)
}

fn without_none(quote: &str) -> String {
    let plain = quote.trim().trim_matches(['`', '"', '*', '.', ' ']).to_lowercase();
    if plain.is_empty() || NO_QUOTE.contains(&plain.as_str()) {
        return String::new();
    }
    quote.trim().to_owned()
}

/// A line's label and what follows it, however it is dressed.
fn labelled(line: &str) -> Option<(&'static str, &str)> {
    let dress = |c: char| c.is_whitespace() || "*_#>-`".contains(c);
    let (label, said) = line.split_once([':', '：'])?;
    let label = label.trim_matches(dress).to_lowercase();
    let known = ["quote", "why", "verdict"].into_iter().find(|name| *name == label)?;
    Some((known, said.trim().trim_start_matches(['*', '_']).trim()))
}

/// The verdict that words are; none for words that are hedged, or that are more than one.
fn stand(said: &str) -> Option<Stand> {
    let words: String = said
        .to_lowercase()
        .replace('’', "'")
        .chars()
        .map(|c| if c.is_alphanumeric() || c == '\'' { c } else { ' ' })
        .collect();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let forms: [(&[&str], Stand); 3] = [
        (&["not backed", "unbacked", "isn't backed", "not supported"], Stand::NotBacked),
        (&["can't tell", "cannot tell", "can not tell", "cant tell"], Stand::CantTell),
        (&["backed", "supported"], Stand::Backed),
    ];
    let begins = |form: &str| words == form || words.starts_with(&format!("{form} "));
    let (form, stand) = forms
        .iter()
        .find_map(|(forms, stand)| forms.iter().find(|f| begins(f)).map(|f| (*f, *stand)))?;
    let rest = &words[form.len()..];
    // `backed, not backed or can't tell` is the question, and `backed in part` is no verdict.
    let hedged = ["backed", "tell", "partly", "partially", "in part", "mostly", "but"];
    (!hedged.iter().any(|word| rest.contains(word))).then_some(stand)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn material(not_shown: &[&str]) -> Material {
        let text = "src/a.rs\n+    let n = checked(len)?;\n-    let n = len as u8;\n".to_owned();
        let not_shown = not_shown.iter().map(|&name| name.to_owned()).collect();
        Material { text, not_shown }
    }

    fn judged(text: &str, not_shown: &[&str]) -> Result<VoteSaid, Outcome> {
        let answer = Answer { text, ..Answer::default() };
        judge(&answer, &material(not_shown)).map_err(|(outcome, _)| outcome)
    }

    #[test]
    fn a_vote_is_read_in_any_dress_and_counts_with_a_quote_that_is_there() {
        use Stand::{Backed, CantTell, NotBacked};
        let good = "QUOTE: let n = checked(len)?;\nWHY: it is checked\nVERDICT: backed";
        for (text, expected) in [
            (good, (Backed, true)),
            (
                "**Quote:** `+    let n = checked(len)?;`\n**Why:** x\n**Verdict:** Backed.",
                (Backed, true),
            ),
            (
                "- QUOTE:\n```\n-let n = len as u8;\n+  let n = checked(len)?;\n```\n- VERDICT: backed",
                (Backed, true),
            ),
            (
                r#"{"quote": "let n = len as u8;", "why": "w", "verdict": "not backed"}"#,
                (NotBacked, true),
            ),
            ("QUOTE: 12 +    let n = checked(len)?;\nVERDICT: backed", (Backed, true)),
            (
                "QUOTE: let n = checked(len)?;\nQUOTE: let n = len as u8;\nVERDICT: backed",
                (Backed, true),
            ),
            ("QUOTE:\n```rust\nlet n = checked(len)?;\n```\nVERDICT: backed", (Backed, true)),
            ("QUOTE: None\nWHY: nothing of it is there\nVERDICT: Not backed", (NotBacked, true)),
            ("WHY: by hand\nVERDICT: can’t tell (it was run elsewhere)", (CantTell, true)),
            // An invented quote, and none where one is needed.
            ("QUOTE: let n = invented();\nVERDICT: backed", (Backed, false)),
            ("QUOTE: let n = invented();\nVERDICT: not backed", (NotBacked, false)),
            ("QUOTE: n\nVERDICT: backed", (Backed, false)),
            ("QUOTE: None\nVERDICT: backed", (Backed, false)),
        ] {
            let said = judged(text, &[]).unwrap();
            assert_eq!((said.stand, said.counts), expected, "{text}");
            assert_eq!(said.counts, said.note.is_empty(), "{text}");
        }
        let said = judged("QUOTE: None\nVERDICT: backed", &[]).unwrap();
        assert_eq!(said.note, "it quotes nothing that shows it");
        // What is missing from a part may stand in the rest.
        let said = judged("QUOTE: None\nVERDICT: not backed", &["src/b.rs"]).unwrap();
        assert_eq!((said.counts, said.note.as_str()), (false, "it did not see the whole change"));
    }

    #[test]
    fn what_is_no_vote_says_why() {
        for (text, outcome) in [
            ("", Outcome::Thin),
            ("The statement is backed by the change.", Outcome::Malformed),
            ("VERDICT: backed | not backed | can't tell", Outcome::Malformed),
            ("VERDICT: backed in part", Outcome::Malformed),
            ("VERDICT: perhaps", Outcome::Malformed),
            ("VERDICT: backed\nVERDICT: not backed", Outcome::Malformed),
            ("I'm sorry, but I can't help with that.", Outcome::Refused),
        ] {
            assert_eq!(judged(text, &[]).unwrap_err(), outcome, "{text}");
        }
        let none = Answer { text: "QUOTE: a\nWHY: b", ..Answer::default() };
        assert_eq!(judge(&none, &material(&[])).unwrap_err().1, "no VERDICT in the answer");
        let cut = Answer { text: "QUOTE: a\nWHY: b", truncated: true, ..Answer::default() };
        assert_eq!(judge(&cut, &material(&[])).unwrap_err().0, Outcome::Truncated);
    }
}
