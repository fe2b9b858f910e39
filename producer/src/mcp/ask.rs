//! The tools that only read.

use super::place::Place;
use anyhow::Context as _;
use queue_schema::rows::{FindingRow, FindingState, Severity};
use schemars::JsonSchema;
use scrum_domain::pathway::{Area, file_prefix, shown};
use scrum_knowledge::{Ledger, OfFile, Wanted, mistakes, runs, sweeps};
use scrum_repo::TargetGlobs;
use serde::Deserialize;
use serde_json::{Value, json};

/// Findings or mistakes of an answer, when nothing is asked for.
const USUAL: u32 = 20;
/// The same at most.
const MOST: u32 = 100;
/// Sweeps whose mistakes are told of a whole repository, counted from the latest.
const SWEEPS: u64 = 10;
/// Runs of the applier that are told of, counted from the latest.
const RUNS: usize = 5;
/// Decisions of a run that are told.
const DECISIONS: usize = 100;

/// Which findings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Findings {
    /// Only of this file, of the files below this directory, or of those that match this glob.
    path: Option<String>,
    /// Only those that stand like this; without it, open ones.
    state: Option<State>,
    /// Only at least this grave.
    severity: Option<Grave>,
    /// At most so many, 20 without it; a file is never cut in two unless it has more alone.
    #[schemars(range(min = 1, max = MOST))]
    limit: Option<u32>,
    /// Where the answer before ended.
    after: Option<String>,
}

/// How a finding stands.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum State {
    /// Open ones, and those that came back.
    Open,
    /// Those that a person dismissed.
    Dismissed,
    /// Those whose code is gone.
    Fixed,
    /// All of them.
    All,
}

impl State {
    fn wanted(self) -> Vec<FindingState> {
        match self {
            Self::Open => vec![FindingState::Open, FindingState::Reopened],
            Self::Dismissed => vec![FindingState::Dismissed],
            Self::Fixed => vec![FindingState::Fixed],
            Self::All => Vec::new(),
        }
    }
}

/// How grave a finding is.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Grave {
    Critical,
    Major,
    Minor,
    Info,
}

impl From<Grave> for Severity {
    fn from(grave: Grave) -> Self {
        match grave {
            Grave::Critical => Self::Critical,
            Grave::Major => Self::Major,
            Grave::Minor => Self::Minor,
            Grave::Info => Self::Info,
        }
    }
}

/// Findings of the ledger, page by page.
///
/// # Errors
/// A glob that is none, a repository of which nothing is remembered, a failure of Redis.
pub async fn findings(at: &Place, asked: Findings) -> anyhow::Result<Value> {
    let memory = at.known().await?;
    let globs = asked.path.map(|path| TargetGlobs::new(&[path]));
    let path = globs
        .transpose()
        .context("`path`")?
        .map(|globs| -> OfFile { Box::new(move |path| globs.matches(path)) });
    let wanted = Wanted {
        path,
        states: asked.state.unwrap_or(State::Open).wanted(),
        severity: asked.severity.map(Into::into),
        ..Wanted::default()
    };
    let mut all = Ledger::of(&at.session.queue, &memory, wanted).await?;
    if let Some(after) = &asked.after {
        all = all.from(after);
    }
    let limit = asked.limit.unwrap_or(USUAL).clamp(1, MOST) as usize;
    let mut found: Vec<FindingRow> = Vec::new();
    while found.len() < limit {
        let page = all.next_page().await?;
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    let mut after = all.cursor().map(str::to_owned);
    let left_out = cut(&mut found, limit, &mut after);
    let findings: Vec<Value> = found.iter().map(finding).collect();
    Ok(json!({ "findings": findings, "left_out": left_out, "after": after }))
}

/// Cuts the findings to so many whole files, or one file to so many; says how many are told by no later answer.
fn cut(found: &mut Vec<FindingRow>, limit: usize, after: &mut Option<String>) -> usize {
    let Some(beyond) = found.get(limit).map(|row| row.file.clone()) else { return 0 };
    let whole = found.iter().position(|row| row.file == beyond).unwrap_or(limit);
    let (end, last) = if whole > 0 { (whole, whole - 1) } else { (limit, limit - 1) };
    let file = found[last].file.clone();
    let left_out = found[end..].iter().filter(|row| row.file == file).count();
    let more = found.iter().any(|row| row.file > file) || after.is_some();
    found.truncate(end);
    *after = more.then_some(file);
    left_out
}

fn finding(row: &FindingRow) -> Value {
    let of = &row.observed;
    let dismissed = row.decided.as_ref().filter(|decided| decided.dismissed);
    json!({
        "id": row.id,
        "file": row.file,
        "line": of.line,
        "end_line": of.end_line,
        "state": row.state,
        "kind": of.kind,
        "severity": of.severity,
        "text": of.text,
        "quote": of.quote,
        "confidence": of.confidence,
        "confirmed": of.confirmed,
        "proven": row.proven.is_some(),
        "audit": row.audited.as_ref().map(|audited| audited.audit.verdict),
        "model": of.model,
        "seen": row.seen,
        "looked": row.looked,
        "commit": of.last.commit,
        "dismissed": dismissed.map(|decided| json!({ "why": decided.why, "by": decided.by })),
    })
}

/// A file of a sweep.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Path of the file in the repository, or the end of it.
    path: String,
    /// Which sweep, by its id or how that begins; the latest one without it.
    sweep: Option<String>,
}

/// What a sweep says of a file.
///
/// # Errors
/// No such sweep or file, a failure of Redis.
pub async fn review(at: &Place, asked: &Review) -> anyhow::Result<Value> {
    let sweep = at.opened(asked.sweep.as_deref()).await?;
    let file = sweep.file(&asked.path).await?;
    let mut told = json!({
        "sweep": sweep.status().id,
        "commit": sweep.spec().commit,
        "file": file.target.path,
        "status": file.status,
        "reason": file.reason(),
        "partial": file.is_partial(),
        "attempts": file.history().len(),
        "facts": file.facts.as_ref().map(|facts| &facts.facts),
    });
    if let Some(row) = &file.row {
        let findings = row.findings.iter().take(MOST as usize);
        told["review"] = json!({
            "reviewed_at": row.reviewed_at,
            "model": row.accepted_model,
            "tier": row.gradient_tier,
            "verdict": row.verdict,
            "alignment_score": row.alignment_score,
            "answer_preview": row.suggestions_preview,
            "findings": findings.collect::<Vec<_>>(),
            "findings_count": row.findings_count,
        });
    }
    Ok(told)
}

/// An area.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fingerprints {
    /// A file of the area; the whole repository without it.
    path: Option<String>,
    /// At most so many, 20 without it.
    #[schemars(range(min = 1, max = MOST))]
    limit: Option<u32>,
}

/// Mistakes that come back.
///
/// # Errors
/// A repository of which nothing is remembered, a failure of Redis.
pub async fn fingerprints(at: &Place, asked: &Fingerprints) -> anyhow::Result<Value> {
    let (queue, memory) = (&at.session.queue, at.known().await?);
    let limit = asked.limit.unwrap_or(USUAL).clamp(1, MOST);
    let Some(path) = &asked.path else {
        let all = mistakes::of_memory(queue, &memory, SWEEPS, limit as usize).await?;
        return Ok(json!({ "sweeps": SWEEPS, "fingerprints": all.top, "more_areas": all.more }));
    };
    let (prefix, limits) = (file_prefix(path), &at.session.settings.memory);
    let sweeps = queue.memory_state(&memory).await?.sweeps;
    let area = Area::of(queue.area(&memory, prefix).await?);
    let prints =
        shown(area.known.values(), sweeps, limits.forget_sweeps, (limit, limits.example_chars));
    Ok(
        json!({ "area": prefix, "signal": area.signal(sweeps + 1).as_str(), "fingerprints": prints }),
    )
}

/// A sweep.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OfSweep {
    /// Which sweep, by its id or how that begins; the latest one of the repository without it.
    sweep: Option<String>,
}

/// How a sweep stands.
///
/// # Errors
/// No such sweep, a failure of Redis.
pub async fn status(at: &Place, asked: &OfSweep) -> anyhow::Result<Value> {
    let queue = &at.session.queue;
    let id = at.sweep(asked.sweep.as_deref()).await?;
    let status = queue.sweep_status(&id).await?.context("the sweep is gone")?;
    let alerts = sweeps::alerts(queue, &id).await?;
    let is_over = status.is_over();
    Ok(json!({ "status": status, "is_over": is_over, "alerts": alerts }))
}

/// What the applier decided about a sweep.
///
/// # Errors
/// No such sweep, a failure of Redis.
pub async fn decisions(at: &Place, asked: &OfSweep) -> anyhow::Result<Value> {
    let queue = &at.session.queue;
    let id = at.sweep(asked.sweep.as_deref()).await?;
    let all = queue.apply_runs(&id).await?;
    let mut told = Vec::new();
    for run in all.iter().rev().take(RUNS) {
        let Some(state) = queue.apply_run(&id, run).await? else { continue };
        let decided = runs::decisions(queue, &id, run, &state).await?;
        let rows = decided.decisions.iter().take(DECISIONS).map(|row| {
            json!({
                "file": row.file,
                "action": row.action,
                "reason": row.reason,
                "patches_applied": row.patches_applied,
                "patches_rejected": row.patches_rejected,
            })
        });
        told.push(json!({
            "run": run,
            "is_over": state.ended.is_some(),
            "branch": decided.branch,
            "commits": decided.commit,
            "landed": decided.landed,
            "decisions": rows.collect::<Vec<_>>(),
            "decisions_count": decided.decisions.len(),
        }));
    }
    Ok(json!({ "sweep": id, "runs": told, "runs_count": all.len() }))
}
