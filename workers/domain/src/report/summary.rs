//! `summary.json`: the sweep in numbers, for scripts. The first names are those of the original script;
//! `target_count` counts the files that were to be reviewed, and skipped ones stand apart with their
//! reasons. It is written in this order: [`head`], the lists of [`LISTS`], `per_file`, [`tail`].

use super::{FileReport, SweepReport, Totals, known, original, public_address};
use queue_schema::sweep::TargetStatus::{
    self, Cancelled, LeftOut, Live, Resolved, Skipped, Unresolved, Waiting,
};
use serde_json::{Value, json};

/// The lists of files that were not reviewed: name, and which files they hold.
pub const LISTS: [(&str, &[TargetStatus]); 4] = [
    ("unresolved", &[Unresolved]),
    ("left_out", &[LeftOut]),
    ("skipped", &[Skipped]),
    ("not_done", &[Waiting, Live, Cancelled]),
];

/// Members that are known before the files are.
pub fn head(report: &SweepReport) -> Value {
    let spent = report.spent;
    json!({
        "ran_at": report.generated_at,
        "total_duration_ms": report.duration_ms,
        "sweep_id": report.sweep_id,
        "repo": public_address(&report.repo),
        "commit": report.commit,
        "ladder": report.ladder.name,
        "labels": report.labels,
        "budget": report.budget.map(|b| {
            let mut json = json!(b);
            json["degraded"] = b.is_degraded().into();
            json["stopped"] = b.is_stopped().into();
            json
        }),
        "calls": report.calls,
        "tokens_in": spent.tokens_in,
        "tokens_out": spent.tokens_out,
        "cost_usd": spent.cost_usd,
        "call_duration_ms": spent.duration_ms,
        "models": report.models,
        "expected": report.expected.map(|basis| json!({"basis": basis, "numbers": report.off})),
    })
}

/// Members that all files come to.
pub fn tail(report: &SweepReport, totals: &Totals, applied: &Value) -> Value {
    let known = known::of(report, totals.known);
    json!({
        "findings": json!({
            "new": known.new,
            "reopened": known.reopened,
            "still_open": known.still_open(),
            "gone": known.fixed,
            "not_repeated": known.unrepeated,
            "dismissed": known.dismissed,
        }),
        "target_count": totals.reviewable(),
        "resolved": totals.with(Resolved),
        "total_attempts": totals.attempts,
        "masked": totals.masked,
        "applied": applied,
        "facts": totals.facts,
        "facts_failed": totals.facts_failed,
        "troubles": report.troubles,
    })
}

/// A file in one of [`LISTS`].
pub fn listed(file: &FileReport) -> Value {
    match file.status {
        Waiting | Live | Cancelled => json!({"file": file.target.path, "status": file.status}),
        _ => json!({"file": file.target.path, "reason": file.reason()}),
    }
}

/// A file that was to be reviewed, in `per_file`.
pub fn per_file(file: &FileReport) -> Value {
    let row = file.row.as_ref();
    let mut value = json!({
        "file": file.target.path,
        "resolved": file.status == Resolved,
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
    });
    original::add_per_file(&mut value, file);
    value
}
