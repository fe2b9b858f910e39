//! The files a sweep leaves behind. Read from the queue, rendered by the domain, written here.

use crate::output;
use crate::past;
use crate::session::Session;
use anyhow::{Context, bail};
use queue_schema::client::{DeadFilter, DeadLetter};
use queue_schema::ids::review_id;
use queue_schema::rows::{AuditFactsRow, AutoApplyRow, LoopMetricsRow, ReviewRow, Row};
use queue_schema::sweep::TargetStatus;
use scrum_domain::report::{FileReport, SweepReport, file, markdown, sarif, summary};
use scrum_domain::review::Spent;
use scrum_domain::{metrics, trust};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

/// Every format.
pub const ALL: [&str; 4] = ["md", "json", "sarif", "jsonl"];

/// Writes the chosen files of a sweep into a directory; returns the report behind them.
///
/// # Errors
/// An unknown format, a directory that can't be written, a failure of Redis.
pub async fn write(
    session: &Session,
    id: &str,
    out: &Path,
    formats: &[impl AsRef<str>],
) -> anyhow::Result<SweepReport> {
    for format in formats {
        if !ALL.contains(&format.as_ref()) {
            bail!("unknown report format '{}'; known are {}", format.as_ref(), ALL.join(", "));
        }
    }
    let wants = |name: &str| formats.iter().any(|f| f.as_ref() == name);
    let report = gather(session, id).await?;
    std::fs::create_dir_all(out).with_context(|| {
        format!("the report directory {} can't be made; pass another --out", out.display())
    })?;
    let put = |name: &str, text: &str| {
        // Written beside and renamed, so that a reader never sees half a report.
        let (path, fresh) = (out.join(name), out.join(format!(".{name}.new")));
        std::fs::write(&fresh, text)
            .and_then(|()| std::fs::rename(&fresh, &path))
            .with_context(|| format!("the report file {} can't be written", path.display()))
    };
    if wants("md") {
        put("scrum_report.md", &markdown::render(&report))?;
    }
    if wants("json") {
        put("summary.json", &serde_json::to_string_pretty(&summary::render(&report))?)?;
        let reviewed: Vec<_> =
            report.files.iter().filter(|f| f.status != TargetStatus::Skipped).collect();
        let paths: Vec<&str> = reviewed.iter().map(|f| f.target.path.as_str()).collect();
        for (f, name) in reviewed.iter().zip(file::file_names(&paths)) {
            put(&name, &serde_json::to_string_pretty(&file::render(f))?)?;
        }
    }
    if wants("sarif") {
        put("scrum.sarif", &serde_json::to_string_pretty(&sarif::render(&report))?)?;
    }
    if wants("jsonl") {
        let mut lines = String::new();
        for row in report.files.iter().filter_map(|f| f.row.as_ref()) {
            let _ = writeln!(lines, "{}", serde_json::to_string(row)?);
        }
        put(&format!("{}.jsonl", ReviewRow::STREAM), &lines)?;
        if !report.applied.is_empty() {
            let mut lines = String::new();
            for row in &report.applied {
                let _ = writeln!(lines, "{}", serde_json::to_string(row)?);
            }
            put(&format!("{}.jsonl", AutoApplyRow::STREAM), &lines)?;
        }
        let mut lines = String::new();
        for row in report.files.iter().filter_map(|f| f.facts.as_ref()) {
            let _ = writeln!(lines, "{}", serde_json::to_string(row)?);
        }
        put(&format!("{}.jsonl", AuditFactsRow::STREAM), &lines)?;
        if let Some(metrics) = &report.metrics {
            let line = format!("{}\n", serde_json::to_string(metrics)?);
            put(&format!("{}.jsonl", LoopMetricsRow::STREAM), &line)?;
        }
    }
    Ok(report)
}

/// Why an accepted review has no facts when nobody has written down why.
const NO_FACTS: &str = "the sweep was cancelled first, or their dead letter thrown away";

/// Everything that is known of a sweep.
///
/// # Errors
/// No such sweep, or a failure of Redis.
pub async fn gather(session: &Session, id: &str) -> anyhow::Result<SweepReport> {
    let queue = &session.queue;
    let spec = queue.sweep_spec(id).await?.with_context(|| format!("there is no sweep {id}"))?;
    let status =
        queue.sweep_status(id).await?.with_context(|| format!("there is no sweep {id}"))?;
    let mut rows: HashMap<String, ReviewRow> =
        queue.rows::<ReviewRow>(id).await?.into_iter().map(|r| (r.review_id.clone(), r)).collect();
    let facts = queue.rows::<AuditFactsRow>(id).await?;
    let mut facts: HashMap<String, AuditFactsRow> =
        facts.into_iter().map(|r| (r.review_id.clone(), r)).collect();
    let mut without_facts = queue.without_facts(id).await?;
    let filter = DeadFilter { sweep: Some(id.to_owned()), ..DeadFilter::default() };
    let dead: HashMap<u32, DeadLetter> = queue
        .dead_letters(&filter)
        .await?
        .into_iter()
        .filter_map(|d| Some((d.target?, d)))
        .collect();
    let left = queue.left_out(id).await?;
    let mut files = Vec::new();
    for (ordinal, (target, status)) in (0_u32..).zip(queue.targets(id).await?) {
        let review = review_id(id, ordinal);
        let attempts = match status {
            TargetStatus::Unresolved | TargetStatus::Live | TargetStatus::LeftOut => {
                queue.attempts(&review).await?
            }
            _ => Vec::new(),
        };
        let dead_reason = dead.get(&ordinal).map(|d| format!("{}: {}", d.class, d.reason));
        let row = rows.remove(&review);
        let facts = facts.remove(&review);
        // What died after the review was accepted can only have been work on its facts.
        let is_resolved = status == TargetStatus::Resolved;
        let died = dead_reason.as_ref().filter(|_| is_resolved);
        let wanted = row.as_ref().and_then(|r| spec.facts_of(r.attempts.last()?.chars)).is_some();
        let facts_trouble = match (without_facts.remove(&ordinal), died) {
            (Some(why), _) => Some(why),
            (None, Some(why)) => Some(format!("in the dead-letter queue: {why}")),
            (None, None) => (is_resolved && wanted && facts.is_none()).then(|| NO_FACTS.to_owned()),
        };
        files.push(FileReport {
            target,
            status,
            row,
            attempts,
            dead_reason: match status {
                TargetStatus::LeftOut => left.get(&ordinal).cloned(),
                _ => dead_reason.filter(|_| !is_resolved),
            },
            facts,
            facts_trouble,
        });
    }
    let now = u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0);
    let ledger = queue.ledger(id).await?;
    let models = trust::rows(&ledger, Some(id));
    Ok(SweepReport {
        sweep_id: id.to_owned(),
        repo: spec.repo,
        commit: spec.commit,
        generated_at: output::time(now),
        duration_ms: status.took_ms(now),
        ladder: spec.ladder,
        labels: spec.labels,
        budget: status.budget,
        files,
        applied: queue.rows(id).await?,
        calls: status.calls,
        spent: Spent {
            tokens_in: status.tokens_in,
            tokens_out: status.tokens_out,
            cost_usd: metrics::told_cost(status.cost_micro_usd, &ledger),
            duration_ms: models.iter().map(|m| m.duration_ms).sum(),
        },
        models,
        metrics: past::row(session, id).await?,
    })
}
