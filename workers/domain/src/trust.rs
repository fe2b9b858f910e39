//! The model trust journal from counters.

use queue_schema::ledger::{
    AUDIT_REJECTED, AUDIT_UPHELD, DISMISSED, FIXED, Ledger, became_by_flag, checks, percentile,
};
use queue_schema::rows::ModelTrustRow;
use queue_schema::rows::trust::SCHEMA_VERSION;

/// A row for each model and class of tasks, those with the most attempts first. `sweep` is the one that
/// was counted, `None` for all.
pub fn rows(ledger: &Ledger, sweep: Option<&str>) -> Vec<ModelTrustRow> {
    let mut rows: Vec<ModelTrustRow> = ledger
        .iter()
        .map(|(asked, counts)| {
            let n = |metric: &str| counts.get(metric).copied().unwrap_or(0);
            ModelTrustRow {
                provider: asked.provider.clone(),
                model: asked.model.clone(),
                task: asked.task.clone(),
                sweep_id: sweep.map(str::to_owned),
                attempts: n("attempts"),
                accepted: n("accepted"),
                thin: n("thin"),
                malformed: n("malformed"),
                leaked: n("leaked"),
                truncated: n("truncated"),
                refused: n("refused"),
                error: n("error"),
                transient: n("transient"),
                calls: n("calls"),
                cached: n("cached"),
                tokens_in: n("tokens_in"),
                tokens_out: n("tokens_out"),
                cost_usd: counts.get("cost_micro_usd").map(|micro| *micro as f64 / 1e6),
                duration_ms: n("ms"),
                findings: n("findings"),
                checks: checks(counts),
                fixed: became_by_flag(counts, FIXED),
                dismissed: became_by_flag(counts, DISMISSED),
                audit_upheld: became_by_flag(counts, AUDIT_UPHELD),
                audit_rejected: became_by_flag(counts, AUDIT_REJECTED),
                p50_ms: percentile(counts, 50),
                p90_ms: percentile(counts, 90),
                p99_ms: percentile(counts, 99),
                schema_version: SCHEMA_VERSION,
            }
        })
        .collect();
    // Stable: the ledger is in the order of names.
    rows.sort_by_key(|row| std::cmp::Reverse(row.attempts));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use queue_schema::ledger::{Asked, Counts};

    #[test]
    fn a_row_for_each_model_and_task() {
        let asked = |model: &str, task: &str| Asked {
            provider: "p".into(),
            model: model.into(),
            task: task.into(),
        };
        let counts = |all: &[(&str, u64)]| -> Counts {
            all.iter().map(|(metric, n)| ((*metric).to_owned(), *n)).collect()
        };
        let free = counts(&[("attempts", 1), ("cost_micro_usd", 0), ("ms:100", 1)]);
        let ledger = Ledger::from([
            (asked("a", "review"), free),
            (asked("b", "shard"), counts(&[("attempts", 9), ("cost_micro_usd", 1_500_000)])),
            // A metric and a task of some later version.
            (
                asked("b", "facts"),
                counts(&[
                    ("attempts", 2),
                    ("novel", 7),
                    ("fixed", 3),
                    ("fixed:OffByOne", 1),
                    ("dismissed", 0),
                ]),
            ),
        ]);
        let rows = rows(&ledger, Some("s"));
        let order: Vec<_> = rows.iter().map(|r| (r.model.as_str(), r.task.as_str())).collect();
        assert_eq!(order, [("b", "shard"), ("b", "facts"), ("a", "review")]);
        let costs: Vec<_> = rows.iter().map(|r| r.cost_usd).collect();
        assert_eq!(costs, [Some(1.5), None, Some(0.0)], "nothing is not the same as not told");
        assert_eq!((rows[2].p50_ms, rows[0].p50_ms), (Some(100), None));
        assert_eq!(rows[0].sweep_id.as_deref(), Some("s"));
        assert_eq!(rows[1].fixed, [("all".to_owned(), 3), ("OffByOne".to_owned(), 1)].into());
        assert!(rows[1].dismissed.is_empty() && rows[2].fixed.is_empty());
    }
}
