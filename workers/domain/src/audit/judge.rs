//! What an answer says of the findings of a review.

use super::stance::{contradicts, stand, takes_back};
use super::{Ballot, Said};
use crate::accept::{Answer, refusal};
use crate::anchor;
use crate::clean::clean;
use crate::material::Material;
use crate::parse::objects_at;
use crate::text::{clip, one_line};
use queue_schema::rows::{AuditStand, Finding, FindingKind, Outcome};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Characters of a quote and of a reason that are kept.
const KEPT_CHARS: usize = 300;
/// What stands for "no line".
const NO_QUOTE: [&str; 6] = ["none", "n/a", "null", "no line", "-", "\"\""];

/// A vote as it is written: the number of the statement, and the words.
#[derive(Debug, Clone, Default)]
struct Entry {
    number: Option<usize>,
    verdict: String,
    quote: String,
    why: String,
}

/// Reads the votes of an answer on the findings that were shown in this order. A finding of which it says nothing that can
/// be read has none.
///
/// # Errors
/// Why there is none at all: an answer that declines, that is empty, or none of whose verdicts can be read.
pub fn judge(
    answer: &Answer<'_>,
    ballot: &Ballot,
    order: &[usize],
) -> Result<Vec<Said>, (Outcome, String)> {
    let text = clean(answer.text);
    let text = text.trim();
    refusal(&Answer { text, ..*answer })?;
    if text.is_empty() {
        return Err((Outcome::Thin, "empty answer".to_owned()));
    }
    let mut entries = entries(text, &ballot.source);
    if let [_] = order {
        for entry in &mut entries {
            entry.number.get_or_insert(1);
        }
    }
    let mut votes = BTreeMap::<usize, Said>::new();
    for entry in &entries {
        let at = entry.number.and_then(|n| order.get(n.checked_sub(1)?)).copied();
        let (Some(at), Some((stand, rest))) = (at, stand(&entry.verdict)) else { continue };
        let said = said(ballot.parts[at].index, stand, &rest, entry);
        match votes.get_mut(&at) {
            Some(before) if before.stand != stand => refuse(before, "it says two things of it"),
            Some(_) => {}
            None => {
                votes.insert(at, said);
            }
        }
    }
    if votes.is_empty() {
        return Err(match entries.first() {
            _ if answer.truncated => {
                (Outcome::Truncated, "cut at the token limit before its first vote".to_owned())
            }
            Some(entry) if stand(&entry.verdict).is_some() => {
                (Outcome::Malformed, "its votes are on none of the findings shown".to_owned())
            }
            Some(entry) if !entry.verdict.is_empty() => {
                let said = clip(&one_line(&entry.verdict), 60).to_owned();
                let why = format!("'{said}' is none of upheld, rejected, cant_tell");
                (Outcome::Malformed, why)
            }
            _ => (Outcome::Malformed, "no verdict in the answer".to_owned()),
        });
    }
    let mut votes: Vec<Said> = votes.into_values().collect();
    check_quotes(&mut votes, ballot);
    for said in &mut votes {
        clip(&one_line(&said.quote), KEPT_CHARS).clone_into(&mut said.quote);
    }
    Ok(votes)
}

fn said(index: u32, stand: AuditStand, rest: &str, entry: &Entry) -> Said {
    let why = clip(&one_line(&entry.why), KEPT_CHARS).to_owned();
    let quote = without_none(&entry.quote);
    let mut said = Said { index, stand, counts: true, note: String::new(), quote, why };
    if takes_back(rest) || contradicts(stand, rest) || contradicts(stand, &entry.why) {
        refuse(&mut said, "its reason says the opposite");
    }
    said
}

fn refuse(said: &mut Said, why: &str) {
    said.counts = false;
    why.clone_into(&mut said.note);
}

/// A vote that goes one way counts only with lines of the file.
fn check_quotes(votes: &mut [Said], ballot: &Ballot) {
    let needs = |said: &Said| said.counts && said.stand != AuditStand::CantTell;
    let quote = |said: &Said| Finding {
        quote: Some(said.quote.clone()).filter(|quote| !quote.is_empty()),
        ..Finding::new(FindingKind::Suggestion, "")
    };
    let mut quotes: Vec<Finding> = votes.iter().map(quote).collect();
    anchor::anchor(&mut quotes, &ballot.path, &ballot.source);
    for (said, found) in votes.iter_mut().zip(quotes) {
        if !needs(said) {
            continue;
        }
        if said.quote.is_empty() {
            refuse(said, "it quotes nothing that shows it");
        } else if !found.anchored && !found.is_ambiguous() {
            refuse(said, "it quotes what the file does not hold");
        }
    }
}

fn without_none(quote: &str) -> String {
    let plain = quote.trim().trim_matches(['`', '"', '*', '.', ' ']).to_lowercase();
    if plain.is_empty() || NO_QUOTE.contains(&plain.as_str()) {
        return String::new();
    }
    let quote = quote.trim();
    // On one line, a pair of marks is its dress.
    let bare = if quote.contains('\n') { quote } else { quote.trim_matches('`') };
    bare.to_owned()
}

/// The votes of an answer, as JSON or in lines. What stands in the file is no answer to it.
fn entries(text: &str, source: &str) -> Vec<Entry> {
    let given = Material::of([source]);
    let objects: Vec<Map<String, Value>> = objects_at(text)
        .into_iter()
        .filter(|(range, _)| !given.holds_all_of(&text[range.clone()]))
        .map(|(_, map)| map)
        .collect();
    let lists = ["votes", "verdicts", "findings", "statements", "answers"];
    let list = |map: &Map<String, Value>| {
        lists.iter().find_map(|name| map.get(*name)?.as_array().cloned())
    };
    let of = |value: &Value| value.as_object().map(entry);
    if let Some(list) = objects.iter().rev().find_map(list) {
        return list.iter().filter_map(of).collect();
    }
    let alone: Vec<Entry> =
        objects.iter().filter(|map| map.contains_key("verdict")).map(entry).collect();
    if !alone.is_empty() {
        return alone;
    }
    in_lines(text)
        .into_iter()
        .filter(|(_, block)| !given.holds_all_of(block))
        .map(|b| b.0)
        .collect()
}

fn entry(map: &Map<String, Value>) -> Entry {
    let text = |names: &[&str]| {
        let found = names.iter().find_map(|name| map.get(*name));
        found.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let number =
        ["finding", "statement", "number", "n", "id"].iter().find_map(|name| map.get(*name));
    let number = number.and_then(|value| match value {
        Value::String(text) => first_number(text),
        value => usize::try_from(value.as_u64()?).ok(),
    });
    Entry {
        number,
        verdict: text(&["verdict", "vote", "stand"]),
        quote: text(&["quote", "evidence"]),
        why: text(&["why", "reason"]),
    }
}

fn first_number(text: &str) -> Option<usize> {
    let digits = text.trim_start_matches(|c: char| !c.is_ascii_digit());
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Votes in lines, each with all of its lines.
fn in_lines(text: &str) -> Vec<(Entry, String)> {
    let mut found: Vec<(Entry, String)> = Vec::new();
    let mut open = "";
    for line in text.lines() {
        let mut rest = line;
        if let Some(row) = row(line) {
            found.push((row, line.to_owned()));
            open = "";
            continue;
        }
        if let Some((number, after)) = heading(line) {
            found.push((Entry { number: Some(number), ..Entry::default() }, String::new()));
            (open, rest) = ("", after);
        }
        let label = labelled(rest);
        let begins = match (found.last(), label) {
            // A ballot of one statement needs no number.
            (None, Some(_)) => Some(None),
            // Another vote on the same statement.
            (Some((entry, _)), Some(("verdict", said)))
                if goes_another_way(&entry.verdict, said) =>
            {
                Some(entry.number)
            }
            _ => None,
        };
        if let Some(number) = begins {
            found.push((Entry { number, ..Entry::default() }, String::new()));
        }
        let Some((entry, block)) = found.last_mut() else { continue };
        block.push_str(line);
        block.push('\n');
        match label {
            Some((name, said)) => {
                open = name;
                add(entry, open, said);
            }
            None if open.is_empty() && entry.verdict.is_empty() && stand(rest).is_some() => {
                rest.clone_into(&mut entry.verdict);
            }
            None if rest.trim().starts_with("```") => {}
            None => add(entry, open, rest),
        }
    }
    found
}

fn goes_another_way(before: &str, now: &str) -> bool {
    matches!((stand(before), stand(now)), (Some((before, _)), Some((now, _))) if before != now)
}

fn add(entry: &mut Entry, label: &str, said: &str) {
    let part = match label {
        "quote" => &mut entry.quote,
        "why" => &mut entry.why,
        "verdict" if entry.verdict.is_empty() => &mut entry.verdict,
        _ => return,
    };
    if !part.is_empty() {
        part.push('\n');
    }
    part.push_str(said);
}

fn dress(c: char) -> bool {
    c.is_whitespace() || "*_#>-`[]()".contains(c)
}

/// A line that begins the vote on a statement: its number, and what follows.
fn heading(line: &str) -> Option<(usize, &str)> {
    let bare = line.trim_start_matches(dress);
    let lower = bare.to_ascii_lowercase();
    let word = ["finding", "statement", "claim"].iter().find(|word| lower.starts_with(**word));
    let after =
        bare[word.map_or(0, |word| word.len())..].trim_start_matches([' ', '#', ':', '*', '_']);
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    let number = after.get(..digits)?.parse().ok()?;
    let rest = after[digits..].trim_start_matches(|c: char| dress(c) || ".:–—".contains(c));
    let marked = after[digits..].starts_with(['.', ')', ':']);
    // A number alone begins a vote only where one follows.
    let begins = word.is_some() || marked && (stand(rest).is_some() || labelled(rest).is_some());
    begins.then_some((number, rest))
}

/// A line's label and what follows it, however it is dressed.
fn labelled(line: &str) -> Option<(&'static str, &str)> {
    let (label, said) = line.split_once([':', '：'])?;
    let label = label.trim_matches(dress).to_lowercase();
    let known = [("quote", "quote"), ("why", "why"), ("reason", "why"), ("verdict", "verdict")];
    let (_, known) = known.iter().find(|(name, _)| *name == label)?;
    Some((known, said.trim().trim_start_matches(['*', '_']).trim()))
}

/// A row of a table: the number of the statement, then a verdict, and the quote and the reason in this order.
fn row(line: &str) -> Option<Entry> {
    let line = line.trim().strip_prefix('|')?.trim_end_matches('|');
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let (first, rest) = cells.split_first()?;
    let number = first.trim_matches(dress).parse().ok()?;
    let at = rest.iter().position(|cell| stand(cell).is_some())?;
    let mut others = rest.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, cell)| *cell);
    let quote = others.next().unwrap_or_default().to_owned();
    let why = others.next().unwrap_or_default().to_owned();
    Some(Entry { number: Some(number), verdict: rest[at].to_owned(), quote, why })
}
