//! What was asked of models and what came of it, over all sweeps. These counters stand in Redis and are added to by the
//! commit of each attempt: they are exact whichever worker dies, and no restart sets them back.

use super::text::Kind::{Counter, Histogram};
use super::{Durations, Exposition};
use queue_schema::ledger::{Asked, Counts, Ledger, bounds};
use queue_schema::rows::Outcome;
use std::collections::BTreeMap;

/// Every so many bounds of the ledger's latencies are a bucket here: it has one for each quarter more, which would be too
/// many series.
const EVERY: usize = 4;
const OUTCOMES: [Outcome; 7] = [
    Outcome::Accepted,
    Outcome::Thin,
    Outcome::Malformed,
    Outcome::Leaked,
    Outcome::Truncated,
    Outcome::Refused,
    Outcome::Error,
];

/// Adds the families of models.
pub(super) fn add(to: &mut Exposition, ledger: &Ledger) {
    to.family("scrum_attempts_total", Counter, "Attempts that ended, by outcome.");
    for (asked, counts) in ledger {
        for outcome in OUTCOMES.map(Outcome::as_str) {
            // Those that did not occur are there as well: Prometheus sees no growth in a counter that begins at 1.
            let n = counts.get(outcome).copied().unwrap_or(0);
            to.add(&with(asked, Some(("outcome", outcome))), n as f64);
        }
    }
    for (name, help, metric) in [
        ("scrum_calls_total", "Calls made.", "calls"),
        ("scrum_call_retries_total", "Calls that met a transient error.", "transient"),
        ("scrum_answers_reused_total", "Attempts that found a kept answer.", "cached"),
    ] {
        to.family(name, Counter, help);
        for (asked, counts) in ledger {
            if let Some(n) = counts.get(metric) {
                to.add(&with(asked, None), *n as f64);
            }
        }
    }
    to.family("scrum_tokens_total", Counter, "Tokens of answered calls, as providers count them.");
    for (asked, counts) in ledger {
        for (direction, metric) in [("in", "tokens_in"), ("out", "tokens_out")] {
            if let Some(n) = counts.get(metric) {
                to.add(&with(asked, Some(("direction", direction))), *n as f64);
            }
        }
    }
    to.family("scrum_cost_usd_total", Counter, "Dollars that providers charged, where they say.");
    for (asked, counts) in ledger {
        if let Some(micro) = counts.get("cost_micro_usd") {
            to.add(&with(asked, None), *micro as f64 / 1e6);
        }
    }
    durations(to, ledger);
}

fn with<'a>(asked: &'a Asked, more: Option<(&'a str, &'a str)>) -> Vec<(&'a str, &'a str)> {
    let own = [
        ("provider", asked.provider.as_str()),
        ("model", asked.model.as_str()),
        ("task", asked.task.as_str()),
    ];
    own.into_iter().chain(more).collect()
}

fn durations(to: &mut Exposition, ledger: &Ledger) {
    let mut by_model: BTreeMap<(&str, &str), Durations> = BTreeMap::new();
    for (asked, counts) in ledger {
        let of = by_model.entry((&asked.provider, &asked.model)).or_insert_with(empty);
        gather(of, counts);
    }
    to.family("scrum_call_duration_seconds", Histogram, "Time that answered calls took.");
    for ((provider, model), of) in by_model.iter().filter(|(_, of)| of.sum_s > 0.0) {
        to.add_durations(&[("provider", provider), ("model", model)], of);
    }
}

fn empty() -> Durations {
    let wide = bounds().skip(EVERY).step_by(EVERY);
    Durations { buckets: wide.map(|ms| (ms as f64 / 1e3, 0)).collect(), ..Durations::default() }
}

fn gather(of: &mut Durations, counts: &Counts) {
    of.sum_s += counts.get("ms").copied().unwrap_or(0) as f64 / 1e3;
    for (metric, n) in counts {
        let Some(ms) = metric.strip_prefix("ms:").and_then(|ms| ms.parse::<u64>().ok()) else {
            continue;
        };
        let seconds = ms as f64 / 1e3;
        match of.buckets.iter_mut().find(|(bound, _)| seconds <= *bound) {
            Some((_, count)) => *count += n,
            None => of.above += n,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use queue_schema::ledger::{Taken, TaskClass, Tried, adds, gather};

    #[test]
    fn a_ledger_is_counters_and_a_histogram_of_few_buckets() {
        let taken = Taken {
            tokens_in: 100,
            tokens_out: 7,
            cost_micro_usd: Some(250_000),
            ms: 1300,
            asked: 80,
        };
        let mut ledger = Ledger::new();
        for tried in [
            Tried::Again,
            Tried::Failed(Outcome::Error),
            Tried::Answered(Outcome::Accepted, taken),
            Tried::Answered(Outcome::Thin, Taken { ms: 90_000_000, ..taken }),
        ] {
            let added = adds("p", "m", TaskClass::Review, tried);
            gather(&mut ledger, added.into_iter().map(|(f, n)| (f, n.unsigned_abs())));
        }
        let mut to = Exposition::default();
        add(&mut to, &ledger);
        let text = to.finish();
        let who = r#"provider="p",model="m",task="review""#;
        for line in [
            format!("scrum_attempts_total{{{who},outcome=\"accepted\"}} 1"),
            format!("scrum_attempts_total{{{who},outcome=\"error\"}} 1"),
            format!("scrum_calls_total{{{who}}} 4"),
            format!("scrum_call_retries_total{{{who}}} 1"),
            format!("scrum_tokens_total{{{who},direction=\"in\"}} 200"),
            format!("scrum_cost_usd_total{{{who}}} 0.5"),
            r#"scrum_call_duration_seconds_count{provider="p",model="m"} 2"#.to_owned(),
            r#"scrum_call_duration_seconds_bucket{provider="p",model="m",le="+Inf"} 2"#.to_owned(),
        ] {
            assert!(text.lines().any(|l| l == line), "{line} is not in\n{text}");
        }
        let buckets: Vec<_> = text.lines().filter(|l| l.contains("_bucket{")).collect();
        assert!((10..25).contains(&buckets.len()), "{buckets:#?}");
        // The call of 1.3 s is below the first bound that is not smaller, and not before.
        let first = buckets.iter().find(|l| l.ends_with(" 1")).unwrap();
        let bound: f64 =
            first.split("le=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap();
        assert!((1.3..4.0).contains(&bound), "{first}");
    }
}
