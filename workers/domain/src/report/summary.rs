//! `summary.json`: the sweep in numbers, for scripts.

use super::{FileReport, SweepReport, public_address};
use queue_schema::sweep::TargetStatus;
use serde_json::{Value, json};

/// The summary. The first names are those of the original script; `target_count` counts the
/// files that were to be reviewed, and skipped ones stand apart with their reasons.
pub fn render(report: &SweepReport) -> Value {
    let spent = report.spent;
    let listed = |status: TargetStatus| -> Vec<Value> {
        report.with(status).map(|f| json!({"file": f.target.path, "reason": reason(f)})).collect()
    };
    let open = report
        .with(TargetStatus::Waiting)
        .chain(report.with(TargetStatus::Live))
        .chain(report.with(TargetStatus::Cancelled));
    json!({
        "ran_at": report.generated_at,
        "target_count": report.reviewable().count(),
        "resolved": report.with(TargetStatus::Resolved).count(),
        "total_attempts": report.total_attempts(),
        "total_duration_ms": report.duration_ms,
        "per_file": report.reviewable().map(per_file).collect::<Vec<_>>(),
        "sweep_id": report.sweep_id,
        "repo": public_address(&report.repo),
        "commit": report.commit,
        "ladder": report.ladder.name,
        "labels": report.labels,
        "unresolved": listed(TargetStatus::Unresolved),
        "left_out": listed(TargetStatus::LeftOut),
        "budget": report.budget.map(|b| {
            let mut json = json!(b);
            json["degraded"] = b.is_degraded().into();
            json["stopped"] = b.is_stopped().into();
            json
        }),
        "skipped": listed(TargetStatus::Skipped),
        "not_done": open.map(|f| json!({"file": f.target.path, "status": f.status})).collect::<Vec<_>>(),
        "calls": report.calls,
        "tokens_in": spent.tokens_in,
        "tokens_out": spent.tokens_out,
        "cost_usd": spent.cost_usd,
        "call_duration_ms": spent.duration_ms,
        "masked": report.masked(),
        "applied": super::applied::summary(&report.applied),
        "facts": report.facts(),
        "facts_failed": report.facts_failed(),
        "models": report.models,
    })
}

fn reason(file: &FileReport) -> Option<&str> {
    file.target.skip.as_deref().or(file.dead_reason.as_deref())
}

fn per_file(file: &FileReport) -> Value {
    let row = file.row.as_ref();
    json!({
        "file": file.target.path,
        "resolved": file.status == TargetStatus::Resolved,
        "attempts": file.history().len(),
        "accepted_model": row.map(|r| &r.accepted_model),
        "accepted_on_attempt": row.map(|r| r.accepted_on_attempt),
        "status": file.status,
        "coverage": match (row.is_some(), file.is_partial()) {
            (true, false) => "reviewed",
            (true, true) => "partly",
            _ => "none",
        },
        "gradient_tier": row.map(|r| &r.gradient_tier),
        "confidence_min": row.and_then(|r| r.confidence_min),
        "alignment_score": row.and_then(|r| r.alignment_score),
        "verdict": row.and_then(|r| r.verdict.as_ref()),
        "findings": row.map(|r| r.findings_count),
        "duration_ms": file.spent().duration_ms,
        "masked": file.masked(),
        "facts": file.facts.as_ref().map(|f| f.facts.len()),
        "facts_trouble": file.facts_trouble,
    })
}
