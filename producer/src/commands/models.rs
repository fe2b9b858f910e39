//! `scrum models`: what each model has shown in each class of tasks.

use crate::cli::{Global, ModelsArgs};
use crate::output::{aligned, dollars, duration, plain, say, short};
use crate::session::Session;
use queue_schema::rows::ModelTrustRow;
use scrum_domain::trust;

/// Columns of numbers.
const NUMBERS: [usize; 7] = [2, 3, 4, 5, 6, 7, 8];

/// Prints the journal, or one sweep's ledger.
///
/// # Errors
/// No such sweep, a failure of Redis.
pub async fn execute(global: &Global, args: ModelsArgs) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    let rows = match &args.sweep {
        Some(name) => {
            let id = session.find_sweep(name).await?;
            trust::rows(&session.queue.ledger(&id).await?, Some(&id))
        }
        None => trust::rows(&session.queue.trust().await?, None),
    };
    if global.json {
        return say(&serde_json::to_string(&rows)?).map(|()| 0);
    }
    if rows.is_empty() {
        say("no model was asked yet")?;
        return Ok(0);
    }
    let header = ["MODEL", "TASK", "ACCEPTED", "P50", "P90", "P99", "IN", "OUT", "COST"];
    let cells: Vec<_> = rows.iter().map(cells).collect();
    let table = aligned(&header, &cells, &NUMBERS);
    let mut lines = table.lines();
    say(lines.next().unwrap_or_default())?;
    for (line, row) in lines.zip(&rows) {
        say(line)?;
        if let Some(rest) = rest(row) {
            say(&format!("  {rest}"))?;
        }
    }
    Ok(0)
}

fn cells(row: &ModelTrustRow) -> Vec<String> {
    let ms = |ms: Option<u64>| ms.map_or_else(|| "-".to_owned(), latency);
    vec![
        plain(&row.name()),
        plain(&row.task),
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
    let told: Vec<String> = [
        (row.thin, "thin"),
        (row.malformed, "malformed"),
        (row.leaked, "leaked"),
        (row.truncated, "truncated"),
        (row.refused, "refused"),
        (row.error, "error"),
        (row.transient, "transient"),
        (row.cached, "from the cache"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, what)| format!("{n} {what}"))
    .collect();
    (!told.is_empty()).then(|| told.join(", "))
}
