//! The ledger of model calls: who was asked for what, how it ended, what it took. Counters in a hash,
//! added to in the commit of the attempt that they count, so that they are exact whoever dies; nobody
//! ever goes through rows to work them out.
//!
//! A field is `PROVIDER/MODEL|TASK|METRIC`. The metrics:
//!
//! | metric | counts |
//! |---|---|
//! | `attempts` | attempts that ended, each with one outcome |
//! | `accepted`, `thin`, `malformed`, `leaked`, `truncated`, `refused`, `error` | attempts by [`Outcome`] |
//! | `calls` | calls made: answered, refused and failed ones, and those that were tried again |
//! | `transient` | calls that met a transient error (429, 503, a stall) and were tried again |
//! | `cached` | attempts whose answer was found, so that no call was made |
//! | `tokens_in`, `tokens_out` | tokens of answered calls, as the provider counted them |
//! | `asked` | what their prompts were guessed to have before |
//! | `tokens_out_sq` | the squares of `tokens_out`, call by call: by how much answers differ |
//! | `cost_micro_usd` | what the provider charged, in millionths of a dollar; absent when it never said |
//! | `findings` | findings of accepted answers |
//! | `check:NAME` | those of them that failed a check by program |
//! | `fixed`, `fixed:FLAG` | findings of its reviews whose code was changed, so that nobody says them any more |
//! | `dismissed`, `dismissed:FLAG` | findings that a person dismissed |
//! | `audit_upheld`, `audit_upheld:FLAG` | findings that an audit upheld |
//! | `audit_rejected`, `audit_rejected:FLAG` | findings that an audit rejected |
//! | `ms` | milliseconds of answered calls |
//! | `ms:B` | answered calls that took at most B milliseconds, and more than the bound before: see [`bounds`] |
//!
//! So `attempts` is the sum of the outcomes, and `calls` is `attempts` - `cached` + `transient`.

use crate::ids::sha256_hex;
use crate::rows::{Finding, Outcome};
use std::collections::BTreeMap;

/// Bytes of a model's name in a field; a longer one is cut and told apart by a hash of the whole.
const MOST_NAME_BYTES: usize = 200;
/// What one call adds to a counter at most: whatever a provider claims, no counter of a fleet runs over.
pub const MOST_PER_CALL: u64 = 1 << 40;
/// The last bound of latencies, and with it the number of fields, ends here: over it lies no timeout.
const LAST_BOUND_MS: u64 = 24 * 3600 * 1000;

/// What a model was asked for: trust is kept for each by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskClass {
    /// The review of a file.
    Review,
    /// The summary of a shard.
    Shard,
    /// Facts taken out of an accepted review, or checked.
    Facts,
    /// Patches to a reviewed file.
    Patch,
    /// A second call about the findings of an accepted review.
    Confirm,
    /// Votes on the findings of a review.
    Audit,
    /// What failures that pile up say together.
    Diagnose,
}

impl TaskClass {
    /// The name in fields and rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::Shard => "shard",
            Self::Facts => "facts",
            Self::Patch => "patch",
            Self::Confirm => "confirm",
            Self::Audit => "audit",
            Self::Diagnose => "diagnose",
        }
    }
}

/// Who was asked for what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// Provider name from the configuration.
    pub provider: String,
    /// Model name as sent.
    pub model: String,
    /// [`TaskClass`] by name: another version may know more of them.
    pub task: String,
}

/// Counters by name.
pub type Counts = BTreeMap<String, u64>;

/// Counters of everybody who was asked.
pub type Ledger = BTreeMap<Asked, Counts>;

/// What one answered call took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// Prompt tokens.
    pub tokens_in: u64,
    /// Generated tokens.
    pub tokens_out: u64,
    /// Millionths of a dollar; `None` when the provider did not say.
    pub cost_micro_usd: Option<u64>,
    /// Milliseconds.
    pub ms: u64,
    /// Tokens that its prompt was guessed to have.
    pub asked: u64,
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// Passing trouble: it is tried again, and no attempt has ended.
    Again,
    /// An attempt ended without an answer.
    Failed(Outcome),
    /// An attempt ended with an answer that was found.
    Found(Outcome),
    /// An attempt ended with an answer that was called for.
    Answered(Outcome, Taken),
}

/// What a call costs on average: the cost, over the calls without the two kinds that got no answer.
pub const COST_PER_ANSWER: [&str; 4] = ["cost_micro_usd", "calls", "transient", "error"];

/// The field of a metric.
pub fn field(provider: &str, model: &str, task: TaskClass, metric: &str) -> String {
    format!("{provider}/{}|{}|{metric}", name(model), task.as_str())
}

/// What is added to a ledger for one try.
pub fn adds(provider: &str, model: &str, task: TaskClass, tried: Tried) -> Vec<(String, i64)> {
    let mut adds = Vec::new();
    let mut add = |metric: &str, by: u64| {
        adds.push((field(provider, model, task, metric), by.min(MOST_PER_CALL).cast_signed()));
    };
    match tried {
        Tried::Again => add("transient", 1),
        Tried::Failed(outcome) | Tried::Found(outcome) | Tried::Answered(outcome, _) => {
            add("attempts", 1);
            add(outcome.as_str(), 1);
        }
    }
    add(if matches!(tried, Tried::Found(_)) { "cached" } else { "calls" }, 1);
    if let Tried::Answered(_, taken) = tried {
        for (metric, by) in [
            ("tokens_in", taken.tokens_in),
            ("tokens_out", taken.tokens_out),
            ("tokens_out_sq", taken.tokens_out.saturating_mul(taken.tokens_out)),
            ("asked", taken.asked),
            ("ms", taken.ms),
        ] {
            if by > 0 {
                add(metric, by);
            }
        }
        // A call that cost nothing is told apart from one whose price nobody knows.
        if let Some(cost) = taken.cost_micro_usd {
            add("cost_micro_usd", cost);
        }
        add(&format!("ms:{}", bound(taken.ms)), 1);
    }
    adds
}

/// What the findings of an accepted answer add: how many there are, and how many of them failed each check by program.
pub fn checked(
    provider: &str,
    model: &str,
    task: TaskClass,
    findings: &[Finding],
) -> Vec<(String, i64)> {
    let who = format!("{provider}/{}|{}", name(model), task.as_str());
    let mut counts: BTreeMap<String, i64> = BTreeMap::new();
    for finding in findings {
        *counts.entry("findings".to_owned()).or_default() += 1;
        for check in &finding.checks {
            *counts.entry(format!("{CHECK}{check}")).or_default() += 1;
        }
    }
    counts.into_iter().map(|(metric, n)| (format!("{who}|{metric}"), n)).collect()
}

/// What became of a finding, as `what` says, adds to those of the model that said it: to all of them, and to
/// those with each of its flags.
pub fn became(model: &str, what: &str, flags: &[String], by: i64) -> Vec<(String, i64)> {
    let Some((provider, model)) = model.split_once('/') else { return Vec::new() };
    let who = format!("{provider}/{}|{}|{what}", name(model), TaskClass::Review.as_str());
    let flagged = flags.iter().map(|flag| (format!("{who}:{flag}"), by));
    std::iter::once((who.clone(), by)).chain(flagged).collect()
}

/// How many findings became so: `all`, and by semantic flag.
pub fn became_by_flag(counts: &Counts, what: &str) -> BTreeMap<String, u64> {
    let flag = |metric: &String| match metric.strip_prefix(what)? {
        "" => Some("all".to_owned()),
        rest => rest.strip_prefix(':').map(str::to_owned),
    };
    let some = counts.iter().filter(|(_, n)| **n > 0);
    some.filter_map(|(metric, n)| Some((flag(metric)?, *n))).collect()
}

/// A finding's code was changed, and nobody says it any more.
pub const FIXED: &str = "fixed";
/// A person dismissed it.
pub const DISMISSED: &str = "dismissed";

/// An audit upheld it.
pub const AUDIT_UPHELD: &str = "audit_upheld";
/// An audit rejected it.
pub const AUDIT_REJECTED: &str = "audit_rejected";

/// What metrics of checks begin with.
const CHECK: &str = "check:";

/// The checks that findings failed, with how many did.
pub fn checks(counts: &Counts) -> BTreeMap<String, u64> {
    let check = |(metric, n): (&String, &u64)| Some((metric.strip_prefix(CHECK)?.to_owned(), *n));
    counts.iter().filter_map(check).collect()
}

/// Model names are a user's text: as long as they like, and any characters.
fn name(model: &str) -> String {
    let clean: String = model.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.len() <= MOST_NAME_BYTES {
        return clean;
    }
    let mut end = MOST_NAME_BYTES - 9;
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}~{}", &clean[..end], &sha256_hex(model.as_bytes())[..8])
}

/// A field taken apart: who, and the metric. `None` for one that is no ledger's.
pub fn read(field: &str) -> Option<(Asked, &str)> {
    // From the end: a model's name may hold a bar. A provider's holds no slash.
    let mut parts = field.rsplitn(3, '|');
    let (metric, task, who) = (parts.next()?, parts.next()?, parts.next()?);
    let (provider, model) = who.split_once('/')?;
    let asked =
        Asked { provider: provider.to_owned(), model: model.to_owned(), task: task.to_owned() };
    Some((asked, metric))
}

/// Adds the fields of a hash to a ledger.
pub fn gather(ledger: &mut Ledger, fields: impl IntoIterator<Item = (String, u64)>) {
    for (field, n) in fields {
        let Some((asked, metric)) = read(&field) else { continue };
        let count = ledger.entry(asked).or_default().entry(metric.to_owned()).or_default();
        *count = count.saturating_add(n);
    }
}

/// The bounds of latencies, ascending, in milliseconds: 1, 2, .. 8, 10, 12, 15, .. each a quarter above
/// the one before, up to a day. A bucket is named by the bound that it ends with, so that a reader needs
/// no formula.
pub fn bounds() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(1_u64), |b| {
        (*b < LAST_BOUND_MS).then(|| (b + (b / 4).max(1)).min(LAST_BOUND_MS))
    })
}

/// The bucket of a latency.
fn bound(ms: u64) -> u64 {
    bounds().find(|b| ms <= *b).unwrap_or(LAST_BOUND_MS)
}

/// The latency that so many percent of the answered calls did not exceed: the bound of their bucket,
/// so at most a quarter too high. `None` without a call.
pub fn percentile(counts: &Counts, percent: u64) -> Option<u64> {
    let mut buckets: Vec<(u64, u64)> = counts
        .iter()
        .filter_map(|(metric, n)| Some((metric.strip_prefix("ms:")?.parse().ok()?, *n)))
        .collect();
    buckets.sort_unstable();
    let all: u64 = buckets.iter().map(|(_, n)| n).sum();
    // The nearest rank, from 1.
    let rank = (all.saturating_mul(percent)).div_ceil(100).max(1);
    let mut seen = 0;
    buckets.into_iter().find_map(|(bound, n)| {
        seen += n;
        (seen >= rank).then_some(bound)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger_of(tries: &[(&str, Tried)]) -> Ledger {
        let mut ledger = Ledger::new();
        for (model, tried) in tries {
            let adds = adds("p", model, TaskClass::Review, *tried);
            gather(&mut ledger, adds.into_iter().map(|(f, n)| (f, n.unsigned_abs())));
        }
        ledger
    }

    #[test]
    fn outcomes_add_up_to_attempts_and_calls_to_what_was_sent() {
        let taken =
            Taken { tokens_in: 100, tokens_out: 7, cost_micro_usd: Some(0), ms: 1_300, asked: 80 };
        let ledger = ledger_of(&[
            ("m", Tried::Again),
            ("m", Tried::Again),
            ("m", Tried::Failed(Outcome::Error)),
            ("m", Tried::Found(Outcome::Thin)),
            ("m", Tried::Answered(Outcome::Accepted, taken)),
        ]);
        let [(asked, counts)] = &ledger.into_iter().collect::<Vec<_>>()[..] else { panic!("one") };
        assert_eq!((asked.provider.as_str(), asked.model.as_str()), ("p", "m"));
        assert_eq!(asked.task, "review");
        let n = |metric: &str| counts.get(metric).copied().unwrap_or(0);
        assert_eq!((n("attempts"), n("accepted"), n("thin"), n("error")), (3, 1, 1, 1));
        assert_eq!((n("calls"), n("transient"), n("cached")), (4, 2, 1));
        assert_eq!(n("calls"), n("attempts") - n("cached") + n("transient"));
        assert_eq!((n("tokens_in"), n("tokens_out"), n("ms")), (100, 7, 1_300));
        assert_eq!((n("tokens_out_sq"), n("asked")), (49, 80));
        assert_eq!(counts.get("cost_micro_usd"), Some(&0), "nothing, and that was told");
        assert_eq!(counts.iter().filter(|(m, _)| m.starts_with("ms:")).count(), 1);
    }

    #[test]
    fn checks_of_findings_are_counted_by_name() {
        let finding = |checks: &[&str]| Finding {
            checks: checks.iter().map(|c| (*c).to_owned()).collect(),
            ..Finding::default()
        };
        let findings = [finding(&[]), finding(&["praise"]), finding(&["praise", "style"])];
        let adds = checked("p", "m|x", TaskClass::Review, &findings);
        let mut ledger = Ledger::new();
        gather(&mut ledger, adds.into_iter().map(|(f, n)| (f, n.unsigned_abs())));
        let counts = ledger.into_values().next().unwrap();
        assert_eq!(counts.get("findings"), Some(&3));
        let told: Vec<_> = checks(&counts).into_iter().collect();
        assert_eq!(told, [("praise".to_owned(), 2), ("style".to_owned(), 1)]);
        assert!(checked("p", "m", TaskClass::Review, &[]).is_empty());
    }

    #[test]
    fn no_provider_makes_a_counter_run_over() {
        let taken = Taken {
            tokens_in: u64::MAX,
            tokens_out: u64::MAX,
            cost_micro_usd: Some(u64::MAX),
            ms: u64::MAX,
            asked: u64::MAX,
        };
        let adds = adds("p", "m", TaskClass::Review, Tried::Answered(Outcome::Accepted, taken));
        assert!(adds.iter().all(|(_, by)| *by >= 0 && *by < i64::MAX / 1_000_000), "{adds:?}");
    }

    #[test]
    fn names_of_models_are_any_text() {
        let long = "é".repeat(300);
        let other = format!("{}x", "é".repeat(299));
        for model in ["hf.co/a/b:q4", "odd|review|attempts", "", long.as_str(), "a\nb"] {
            let field = &adds("p", model, TaskClass::Shard, Tried::Again)[0].0;
            assert!(field.len() < 300 && !field.contains('\n'), "{field}");
            let (asked, metric) = read(field).unwrap();
            assert_eq!((asked.task.as_str(), metric), ("shard", "transient"));
            assert_eq!(asked.provider, "p");
            if model.len() < 200 && model != "a\nb" {
                assert_eq!(asked.model, model);
            }
        }
        assert_ne!(name(&long), name(&other), "what was cut is told apart");
        assert_eq!(read("attempts"), None);
    }

    #[test]
    fn buckets_are_a_quarter_wide_and_hold_each_latency() {
        let all: Vec<u64> = bounds().collect();
        assert_eq!(all[..12], [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18]);
        assert!(all.len() < 100, "{}", all.len());
        assert!(all.windows(2).all(|w| w[0] < w[1] && (w[1] - w[0]) * 4 <= w[0].max(4)));
        assert_eq!(all.last(), Some(&LAST_BOUND_MS));
        for (ms, want) in [(0, 1), (1, 1), (8, 8), (9, 10), (10, 10), (u64::MAX, LAST_BOUND_MS)] {
            assert_eq!(bound(ms), want, "{ms}");
        }
    }

    #[test]
    fn percentiles_are_those_of_the_calls() {
        let mut counts = Counts::new();
        assert_eq!(percentile(&counts, 50), None);
        // 90 calls of about 100 ms, 9 of about a second, one of about a minute.
        for (ms, n) in [(100, 90), (1_000, 9), (60_000, 1)] {
            counts.insert(format!("ms:{}", bound(ms)), n);
        }
        let at = |percent| percentile(&counts, percent).unwrap();
        assert_eq!((at(50), at(90)), (bound(100), bound(100)));
        assert_eq!((at(91), at(99), at(100)), (bound(1_000), bound(1_000), bound(60_000)));
        for ms in [100, 1_000, 60_000] {
            assert!(bound(ms) >= ms && bound(ms) * 4 <= ms * 5, "{ms}: {}", bound(ms));
        }
    }
}
