//! The files a sweep leaves behind. Read from the queue, rendered by the domain, written here.

use crate::output::{self, tell};
use crate::past;
use crate::session::Session;
use anyhow::{Context, bail};
use queue_schema::client::{DeadFilter, DeadLetter};
use queue_schema::ids::review_id;
use queue_schema::rows::{
    AuditFactsRow, AutoApplyRow, LoopMetricsRow, ModelTrustRow, ReviewRow, Row,
};
use queue_schema::sweep::TargetStatus;
use scrum_disk::OutDir;
use scrum_domain::report::{
    FileReport, SweepReport, file, markdown, public_address, sarif, summary,
};
use scrum_domain::review::Spent;
use scrum_domain::text::counted;
use scrum_domain::{metrics, trust};
use scrum_shown::shown_json;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::path::Path;

/// Every format.
pub const ALL: [&str; 4] = ["md", "json", "sarif", "jsonl"];

/// Writes the chosen files of a sweep into a directory; returns the report behind them.
///
/// # Errors
/// An unknown format, a directory that can't be used, a failure of Redis.
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
    let out = OutDir::open(out, &session.state, is_ours).with_context(|| unusable(out))?;
    let put = |name: &str, text: &str| {
        // The report has escaped what is foreign in it; of JSON that is done to the whole.
        let text = if name == "scrum_report.md" { text.into() } else { shown_json(text) };
        out.put(name, &text).with_context(|| {
            format!("the report file {} can't be written", out.path().join(name).display())
        })
    };
    if wants("md") {
        put("scrum_report.md", &markdown::render(&report))?;
    }
    if wants("json") {
        put("summary.json", &serde_json::to_string_pretty(&summary::render(&report))?)?;
        let reviewed: Vec<_> =
            report.files.iter().filter(|f| f.status != TargetStatus::Skipped).collect();
        let paths: Vec<&str> = reviewed.iter().map(|f| f.target.path.as_str()).collect();
        let names = file::file_names(&paths);
        for (f, name) in reviewed.iter().zip(&names) {
            put(name, &serde_json::to_string_pretty(&file::render(f))?)?;
        }
        remove_others(&out, &names)?;
    }
    if wants("sarif") {
        put("scrum.sarif", &serde_json::to_string_pretty(&sarif::render(&report))?)?;
    }
    if wants("jsonl") {
        // Empty ones as well: what an earlier report left under the name would pass for this one's.
        for (name, text) in [
            lines(report.files.iter().filter_map(|f| f.row.as_ref()))?,
            lines(report.files.iter().filter_map(|f| f.facts.as_ref()))?,
            lines(&report.applied)?,
            lines(&report.models)?,
            lines(&report.metrics)?,
        ] {
            put(&name, &text)?;
        }
    }
    Ok(report)
}

/// The file of a kind of row: its name, and a line a row.
fn lines<'a, R: Row + 'a>(
    rows: impl IntoIterator<Item = &'a R>,
) -> anyhow::Result<(String, String)> {
    let mut text = String::new();
    for row in rows {
        let _ = writeln!(text, "{}", serde_json::to_string(row)?);
    }
    Ok((format!("{}.jsonl", R::STREAM), text))
}

/// Removes reports of files that an earlier report has left here and that are not of this one: they
/// would pass for its own. What is not surely ours stays.
fn remove_others(out: &OutDir, names: &[String]) -> anyhow::Result<()> {
    // Case is folded, because some file systems do.
    let ours: BTreeSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let mut removed = 0;
    for name in out.names()? {
        if !is_file_report(&name) || ours.contains(&name.to_lowercase()) {
            continue;
        }
        let Ok(Some(bytes)) = out.read(&name, MOST_REPORT_BYTES) else { continue };
        if String::from_utf8(bytes).is_ok_and(|text| file::is_report(&name, &text)) {
            out.remove(&name).with_context(|| {
                let path = out.path().join(&name);
                format!("{} is of an earlier report and can't be removed", path.display())
            })?;
            removed += 1;
        }
    }
    if removed > 0 {
        let files = counted(removed, "file", "files");
        tell(&format!("{files} of an earlier report removed from {}", out.path().display()));
    }
    Ok(())
}

/// No report of a file is larger; what is, is not looked into.
const MOST_REPORT_BYTES: u64 = 64 << 20;

/// Whether a report can be written into a directory; said before any work is done for it.
///
/// # Errors
/// A directory that is refused, with why.
pub fn check_out(session: &Session, out: &Path) -> anyhow::Result<()> {
    OutDir::check(out, &session.state, is_ours).with_context(|| unusable(out))
}

fn unusable(out: &Path) -> String {
    format!("the report directory {} can't be used; pass another --out", out.display())
}

/// The names of a report's files. Reports of older versions, which left no mark in their directory,
/// are known by them.
fn is_ours(name: &str) -> bool {
    let whole = ["scrum_report.md", "summary.json", "scrum.sarif"];
    let rows = [
        ReviewRow::STREAM,
        AuditFactsRow::STREAM,
        AutoApplyRow::STREAM,
        ModelTrustRow::STREAM,
        LoopMetricsRow::STREAM,
    ];
    whole.contains(&name)
        || name.strip_suffix(".jsonl").is_some_and(|stream| rows.contains(&stream))
        || is_file_report(name)
        // What an older version that was killed was writing.
        || (name.starts_with(".scrum-") && name.ends_with(".new"))
}

fn is_file_report(name: &str) -> bool {
    name.strip_suffix(".json").is_some_and(|name| name.starts_with("review_"))
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
        // Older workers wrote addresses down as they were given, credentials and all.
        let mut row = rows.remove(&review);
        if let Some(row) = row.as_mut() {
            row.repo = public_address(&row.repo);
        }
        let mut facts = facts.remove(&review);
        if let Some(facts) = facts.as_mut() {
            facts.repo = public_address(&facts.repo);
        }
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
