//! What earlier sweeps found in an area, and how it goes there.

use super::fingerprint::{Fingerprint, Known};
use super::trace::Signal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Mistakes of an area that are learnt at most; a full area learns no new ones.
pub const MOST_KNOWN: usize = 100;

/// What one sweep found in an area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Accepted reviews.
    pub reviews: u64,
    /// Their findings.
    pub findings: u64,
    /// Mistakes among them, each once a review.
    pub prints: u64,
    /// Those of these that an earlier sweep had found.
    pub back: u64,
}

/// A mistake as an area keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KeptPrint {
    /// Its semantic flag.
    pub flag: String,
    /// The words that found it last.
    pub example: String,
    /// Number of the sweep that found it first.
    pub since: u64,
}

impl KeptPrint {
    /// What is kept of some mistakes, from their fields; what can't be read counts as missing.
    pub fn read(kept: Vec<Option<String>>) -> Vec<Option<Self>> {
        kept.into_iter().map(|kept| serde_json::from_str(&kept?).ok()).collect()
    }
}

/// A finding of the area that a person does not want to hear of.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dismissal {
    /// The claim.
    #[serde(default)]
    pub text: String,
    /// Why it was dismissed.
    #[serde(default)]
    pub why: String,
    /// When, in milliseconds since the epoch.
    #[serde(default)]
    pub at_ms: u64,
    /// Until when it holds, in milliseconds since the epoch; for good without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
}

/// An area of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Area {
    /// What each sweep found, by its number.
    pub sweeps: BTreeMap<u64, Seen>,
    /// Mistakes by their pattern keys.
    pub known: BTreeMap<String, Known>,
    /// Dismissed findings.
    pub dismissals: Vec<Dismissal>,
}

impl Area {
    /// From the fields of its hash. What can't be read counts as missing, and an empty value is none.
    pub fn of(fields: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>) -> Self {
        let mut area = Self::default();
        for (field, value) in fields {
            let (field, value) = (field.as_ref(), value.as_ref());
            let Some((what, name)) = field.split_once(':').filter(|_| !value.is_empty()) else {
                continue;
            };
            let number = value.parse::<u64>().ok();
            match (what, number) {
                ("v" | "g" | "p" | "b", Some(n)) => {
                    let Ok(seq) = name.parse() else { continue };
                    let seen = area.sweeps.entry(seq).or_default();
                    match what {
                        "v" => seen.reviews = n,
                        "g" => seen.findings = n,
                        "p" => seen.prints = n,
                        _ => seen.back = n,
                    }
                }
                ("o", Some(n)) => {
                    area.print(name).print.occurrences = u32::try_from(n).unwrap_or(u32::MAX);
                }
                ("l", Some(n)) => area.print(name).last_seen = n,
                ("r", _) => area.print(name).rejected = Some(value.to_owned()),
                ("f", _) => {
                    let Ok(kept) = serde_json::from_str::<KeptPrint>(value) else { continue };
                    let known = area.print(name);
                    (known.print.flag, known.print.example) = (kept.flag, kept.example);
                    known.since = kept.since;
                }
                ("d", _) => area.dismissals.extend(serde_json::from_str::<Dismissal>(value).ok()),
                _ => {}
            }
        }
        area
    }

    fn print(&mut self, key: &str) -> &mut Known {
        let known = self.known.entry(key.to_owned()).or_default();
        if known.print.pattern_key.is_empty() {
            known.print = Fingerprint { pattern_key: key.to_owned(), ..known.print.clone() };
        }
        known
    }

    /// Its class for a sweep of this number. Only earlier sweeps count, so that it is the same for all reviews of the
    /// sweep.
    pub fn signal(&self, seq: u64) -> Signal {
        let mut earlier =
            self.sweeps.range(..seq).rev().map(|(_, seen)| seen).filter(|s| s.reviews > 0);
        let (Some(last), Some(before)) = (earlier.next(), earlier.next()) else {
            return Signal::Fresh;
        };
        if last.back * 2 > last.prints {
            return Signal::Looping;
        }
        // As fractions with one denominator, so that nothing is rounded.
        let (now, then) = (last.findings * before.reviews, before.findings * last.reviews);
        if now <= then { Signal::Converging } else { Signal::Diverging }
    }

    /// The last dismissals that hold, as a reviewer is shown them.
    pub fn dismissed(&self, now_ms: u64, most: u32) -> Vec<Dismissal> {
        let holds =
            |d: &&Dismissal| d.until_ms.is_none_or(|until| now_ms < until) && !d.text.is_empty();
        let mut all: Vec<&Dismissal> = self.dismissals.iter().filter(holds).collect();
        all.sort_by(|a, b| b.at_ms.cmp(&a.at_ms).then_with(|| a.text.cmp(&b.text)));
        all.into_iter().take(most as usize).cloned().collect()
    }
}
