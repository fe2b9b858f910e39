//! What the second call says of each finding.

use super::ask::CONFIRM;
use crate::accept::{Answer, refusal};
use crate::clean::clean;
use crate::parse::objects;
use crate::text::{clip, one_line};
use queue_schema::rows::finding::{Confirmation, Stands};
use queue_schema::rows::{Confirmed, Finding, Outcome};
use serde_json::Value;

/// The name of the check that a finding fails when the second call rejects it.
pub const REJECTED: &str = "rejected";

/// Characters of an input or a result that are kept.
const KEPT_CHARS: usize = 300;
/// The parts of an answer to one claim.
const LABELS: [&str; 5] = ["claim", "input", "actual", "expected", "verdict"];
/// What stands for nothing.
const NOTHING: [&str; 5] = ["", "n/a", "na", "unknown", "-"];

/// What is said of one claim, as it was written.
#[derive(Debug, Clone, Default)]
struct Said {
    claim: String,
    input: String,
    actual: String,
    expected: String,
    verdict: String,
}

impl Said {
    fn part(&mut self, label: &str) -> &mut String {
        match label {
            "claim" => &mut self.claim,
            "input" => &mut self.input,
            "actual" => &mut self.actual,
            "expected" => &mut self.expected,
            _ => &mut self.verdict,
        }
    }
}

/// Reads what is said of `claims` claims, in their order; `None` for one of which nothing is said.
///
/// # Errors
/// Why the answer is of no use: it declines, is empty, or says nothing of any claim.
pub fn judge(
    answer: &Answer<'_>,
    claims: usize,
) -> Result<Vec<Option<Confirmation>>, (Outcome, String)> {
    let text = clean(answer.text);
    let text = text.trim();
    refusal(&Answer { text, ..*answer })?;
    if text.is_empty() {
        return Err((Outcome::Thin, "empty answer".to_owned()));
    }
    let said = read(text, claims);
    let all = (1..=claims).map(|n| {
        let mut of = said.iter().filter(|said| number(&said.claim) == Some(n));
        let first = confirmation(of.next()?);
        // Two answers to one claim that differ are none.
        let same = of.all(|other| confirmation(other).said == first.said);
        Some(if same { first } else { Confirmation { said: Stands::CantTell, ..first } })
    });
    let all: Vec<Option<Confirmation>> = all.collect();
    if all.iter().all(Option::is_none) {
        return Err(if answer.truncated {
            (Outcome::Truncated, "cut at the token limit before its first verdict".to_owned())
        } else {
            (Outcome::Malformed, "no CLAIM with a VERDICT in the answer".to_owned())
        });
    }
    Ok(all)
}

/// Writes into the findings what was said of them by `model`, and puts those last that were rejected.
pub fn settle(
    findings: &mut [Finding],
    about: &[usize],
    said: Vec<Option<Confirmation>>,
    model: &str,
) {
    for (at, said) in about.iter().zip(said) {
        let (Some(finding), Some(said)) = (findings.get_mut(*at), said) else { continue };
        match said.said {
            Stands::Upheld => finding.confirmed = Some(Confirmed::Call),
            Stands::Rejected => finding.checks.push(REJECTED.to_owned()),
            Stands::CantTell => {}
        }
        finding.confirmation = Some(Confirmation { by: model.to_owned(), ..said });
    }
    findings.sort_by_key(|f| !f.checks.is_empty());
}

fn confirmation(said: &Said) -> Confirmation {
    let kept = |text: &str| clip(&one_line(text), KEPT_CHARS).to_owned();
    Confirmation {
        said: stands(said),
        by: String::new(),
        input: kept(&said.input),
        actual: kept(&said.actual),
        expected: kept(&said.expected),
    }
}

/// What a verdict comes to: one that upholds without saying for what input the result is wrong shows nothing.
fn stands(said: &Said) -> Stands {
    let parts = [&said.input, &said.actual, &said.expected];
    // Small models copy the words of the question.
    let question = folded(CONFIRM);
    let copied = parts.iter().all(|part| question.contains(&folded(part)));
    let shows = parts.iter().all(|part| !is_nothing(part))
        && !copied
        && folded(&said.actual) != folded(&said.expected);
    match word(&said.verdict) {
        Some(Stands::Upheld) if !shows => Stands::CantTell,
        Some(stands) => stands,
        None => Stands::CantTell,
    }
}

/// The verdict that words are; none for words that are hedged, or that are more than one.
fn word(verdict: &str) -> Option<Stands> {
    let words = folded(&verdict.replace(['’', '\''], ""));
    let forms: [(&[&str], Stands); 3] = [
        (&["not upheld", "rejected", "reject"], Stands::Rejected),
        (&["cant tell", "cannot tell", "can not tell"], Stands::CantTell),
        (&["upheld", "uphold"], Stands::Upheld),
    ];
    let begins = |form: &&str| words == **form || words.starts_with(&format!("{form} "));
    let (form, stands) =
        forms.iter().find_map(|(all, stands)| Some((all.iter().find(|f| begins(f))?, *stands)))?;
    let hedged = ["upheld", "reject", "tell", "part", "but", "not"];
    let rest = &words[form.len()..];
    (!hedged.iter().any(|word| rest.contains(word))).then_some(stands)
}

fn folded(text: &str) -> String {
    let plain = text.to_lowercase();
    let plain = plain.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty());
    plain.collect::<Vec<_>>().join(" ")
}

fn is_nothing(text: &str) -> bool {
    let plain = text.trim().trim_matches(['`', '"', '.', '*', '<', '>']).trim().to_lowercase();
    NOTHING.contains(&plain.as_str())
}

fn number(text: &str) -> Option<usize> {
    let digits: String =
        text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// What is said of each claim, as labelled lines or as JSON. Of a single claim the number may be left out.
fn read(text: &str, claims: usize) -> Vec<Said> {
    let mut all = Vec::new();
    for map in objects(text).into_iter().filter(|map| map.contains_key("verdict")) {
        let mut said = Said::default();
        for label in LABELS {
            *said.part(label) = map.get(label).map(plain).unwrap_or_default();
        }
        all.push(said);
    }
    if all.is_empty() {
        all = lines(text);
    }
    if claims == 1 && all.len() == 1 && all[0].claim.is_empty() {
        "1".clone_into(&mut all[0].claim);
    }
    all.retain(|said| !said.verdict.trim().is_empty());
    all
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn lines(text: &str) -> Vec<Said> {
    let mut all: Vec<Said> = Vec::new();
    let mut last = "";
    for line in text.lines() {
        match labelled(line) {
            Some((label, said)) => {
                // Of several claims each begins with its number.
                if all.is_empty() || label == "claim" {
                    all.push(Said::default());
                }
                last = label;
                if let Some(one) = all.last_mut() {
                    append(one.part(label), said);
                }
            }
            None if last.is_empty() || last == "verdict" || line.trim().starts_with("```") => {}
            None => {
                if let Some(one) = all.last_mut() {
                    append(one.part(last), line);
                }
            }
        }
    }
    all
}

fn append(part: &mut String, line: &str) {
    if !part.is_empty() {
        part.push(' ');
    }
    part.push_str(line.trim());
}

/// A line's label and what follows it, however it is dressed: `**Claim 2:** x`, `- VERDICT: upheld`, or a label with
/// words of the question behind it.
fn labelled(line: &str) -> Option<(&'static str, &str)> {
    let dress = |c: char| c.is_whitespace() || "*_#>-`".contains(c);
    let (label, said) = line.split_once([':', '：'])?;
    let label = label.trim_matches(dress).to_lowercase();
    let mut words = label.split_whitespace();
    let first = words.next()?;
    let known = LABELS.into_iter().find(|name| *name == first)?;
    let said = said.trim().trim_start_matches(['*', '_']).trim();
    let rest = words.next();
    if known == "claim" && rest.is_some() {
        // `CLAIM 2: ..` with its number before the colon.
        let at = line.find(|c: char| c.is_ascii_digit())?;
        let digits = line[at..].find(|c: char| !c.is_ascii_digit()).unwrap_or(line.len() - at);
        return Some((known, &line[at..at + digits]));
    }
    (rest.is_none() || rest == Some("and")).then_some((known, said))
}
