//! `scrum models`: what each model has shown in each class of tasks.

use crate::cli::{Global, ModelsArgs};
use crate::output::{aligned, dollars, duration, say, say_json, short};
use crate::session::Session;
use queue_schema::rows::ModelTrustRow;
use scrum_knowledge::models;

/// Columns of numbers.
const NUMBERS: [usize; 7] = [1, 2, 3, 4, 5, 6, 7];

/// Prints the journal, or one sweep's ledger.
///
/// # Errors
/// No such sweep, a failure of Redis.
pub async fn execute(global: &Global, args: ModelsArgs) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    let sweep = match &args.sweep {
        Some(name) => Some(session.find_sweep(name).await?),
        None => None,
    };
    let rows = models(&session.queue, sweep.as_ref()).await?;
    if global.json {
        return say_json(&rows).map(|()| 0);
    }
    if rows.is_empty() {
        say("no model was asked yet")?;
        return Ok(0);
    }
    let mut lines = table(&rows).into_iter();
    lines.try_for_each(|line| say(&line)).map(|()| 0)
}

/// A line for each model, whose name may be long, and below it one for each task, with what was not
/// accepted under it.
fn table(rows: &[ModelTrustRow]) -> Vec<String> {
    let header = ["  TASK", "ACCEPTED", "P50", "P90", "P99", "TOKENS IN", "TOKENS OUT", "COST"];
    let cells: Vec<_> = rows.iter().map(cells).collect();
    let table = aligned(&header, &cells, &NUMBERS);
    let mut lines = table.lines();
    let mut out: Vec<String> = lines.next().map(str::to_owned).into_iter().collect();
    let tasks: Vec<(&str, &ModelTrustRow)> = lines.zip(rows).collect();
    let mut told: Vec<String> = Vec::new();
    for (_, row) in &tasks {
        let name = row.name();
        if told.contains(&name) {
            continue;
        }
        out.push(name.clone());
        for (line, row) in tasks.iter().filter(|(_, row)| row.name() == name) {
            out.push((*line).to_owned());
            out.extend(rest(row).map(|rest| format!("    {rest}")));
        }
        told.push(name);
    }
    out
}

fn cells(row: &ModelTrustRow) -> Vec<String> {
    let ms = |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), latency);
    vec![
        format!("  {}", row.task),
        match (row.accepted * 100).checked_div(row.attempts) {
            Some(share) => format!("{}/{} {share:>3}%", row.accepted, row.attempts),
            None => "-".to_owned(),
        },
        ms(row.p50_ms),
        ms(row.p90_ms),
        ms(row.p99_ms),
        short(row.tokens_in),
        short(row.tokens_out),
        dollars(row.cost_usd),
    ]
}

/// `7ms`, and from a second on as durations are.
fn latency(ms: u64) -> String {
    if ms < 1000 { format!("{ms}ms") } else { duration(ms) }
}

/// What was not accepted, and why; what else cost a call, or none.
fn rest(row: &ModelTrustRow) -> Option<String> {
    let others = [(row.transient, "transient"), (row.cached, "from the cache")];
    let told: Vec<String> = row
        .rejections()
        .into_iter()
        .chain(others)
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{n} {what}"))
        .chain(failed_checks(row))
        .chain(became(row))
        .collect();
    (!told.is_empty()).then(|| told.join(", "))
}

/// What became of its findings over the sweeps.
fn became(row: &ModelTrustRow) -> Option<String> {
    let n = ModelTrustRow::of_all;
    let (fixed, dismissed) = (n(&row.fixed), n(&row.dismissed));
    let (upheld, rejected) = (n(&row.audit_upheld), n(&row.audit_rejected));
    let ends =
        (fixed + dismissed > 0).then(|| format!("findings fixed {fixed}, dismissed {dismissed}"));
    let audits = (upheld + rejected > 0)
        .then(|| format!("findings upheld by audits {upheld}, rejected {rejected}"));
    let told: Vec<String> = ends.into_iter().chain(audits).collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// Checks named for a model at most, those that failed most often first.
const CHECKS_SHOWN: usize = 3;

/// How many findings there are, and which checks by program failed most often.
fn failed_checks(row: &ModelTrustRow) -> Option<String> {
    let mut checks: Vec<(&String, &u64)> = row.checks.iter().collect();
    checks.sort_by_key(|(_, n)| std::cmp::Reverse(**n));
    let all: u64 = row.checks.values().sum();
    let named: Vec<String> =
        checks.iter().take(CHECKS_SHOWN).map(|(name, n)| format!("{name} {n}")).collect();
    (all > 0)
        .then(|| format!("{} findings, failed checks: {all} ({})", row.findings, named.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use queue_schema::ledger::{self, Ledger, Taken, TaskClass, Tried};
    use queue_schema::rows::Outcome;
    use scrum_domain::trust;

    #[test]
    fn models_of_any_name_fit_a_terminal() {
        let mut sums = Ledger::new();
        let taken = Taken {
            tokens_in: 9_999_999,
            tokens_out: 1_234_567,
            cost_micro_usd: Some(12_345_678),
            ms: 75_000,
            asked: 0,
        };
        let long = "openrouter-name/of-a-model-that-is-long:free";
        for (model, task, tried) in [
            (long, TaskClass::Review, Tried::Answered(Outcome::Accepted, taken)),
            (long, TaskClass::Review, Tried::Failed(Outcome::Error)),
            (long, TaskClass::Review, Tried::Again),
            ("m", TaskClass::Review, Tried::Found(Outcome::Thin)),
            (long, TaskClass::Shard, Tried::Answered(Outcome::Accepted, taken)),
        ] {
            let adds = ledger::adds("p", model, task, tried);
            ledger::gather(&mut sums, adds.into_iter().map(|(f, n)| (f, n.unsigned_abs())));
        }
        let lines = table(&trust::rows(&sums, None));
        assert!(lines.iter().all(|l| l.chars().count() <= 100), "{lines:#?}");
        let starts: Vec<&str> = lines.iter().map(|l| l.trim_end()).collect();
        assert_eq!(starts[1], format!("p/{long}"), "{lines:#?}");
        assert!(starts[2].starts_with("  review  1/2  50%  1m"), "{lines:#?}");
        assert_eq!(starts[3], "    1 error, 1 transient");
        assert!(starts[4].starts_with("  shard   1/1 100%"), "{lines:#?}");
        assert_eq!((starts[5], starts[7]), ("p/m", "    1 thin, 1 from the cache"));
    }
}
