//! `scrum audit SWEEP`: second opinions on the findings of a sweep, by the votes of several models.

use crate::auditing::{self, Options};
use crate::cli::{AuditArgs, Global};
use crate::commands::diff::{Asked, ask_for, wait_for};
use crate::output::{plain, say, say_json, say_lines, table, tell, wrapped};
use crate::progress::Progress;
use crate::session::Session;
use crate::wait;
use anyhow::{Context as _, bail};
use queue_schema::budget::BudgetRequest;
use queue_schema::client::{SweepState, SweepStatus};
use queue_schema::rows::audit::AuditedFinding;
use queue_schema::rows::{AuditConsensusRow, AuditVerdict};
use queue_schema::sweep::SweepSpec;
use scrum_domain::text::{clip_marked, counted};
use scrum_knowledge::{audits, sweeps};
use scrum_shown::shell_quoted;

/// Characters of a finding in the table.
const FINDING_CHARS: usize = 72;
/// Columns of the lines below it.
const WIDTH: usize = 96;
/// Findings that were not upheld whose votes are shown; all are in the rows.
const MOST_SHOWN: usize = 50;

/// Puts the findings of a sweep to the vote.
///
/// # Errors
/// Whatever a person can get wrong, with what to do.
pub async fn execute(global: &Global, args: AuditArgs) -> anyhow::Result<u8> {
    let mut session = Session::open(global).await?;
    let mut progress = Progress::new(global.quiet);
    let (mut spec, budget) = prepare(&args, &session, &progress).await?;
    let of = spec.audits().map(ToString::to_string).unwrap_or_default();
    let about = format!("the findings of sweep {of}");
    if args.again
        && let Some(again) = sweeps::unfinished(&session.queue, &spec).await?
    {
        spec.again = again;
    }
    let asked = Asked { spec: &spec, documents: &[], budget, what: "audit", about: &about };
    let (id, _) = ask_for(&session, asked, &progress).await?;
    let waited = wait_for(global, &mut session, &id, (Vec::new(), &mut progress)).await?;
    progress.finish();
    let Some(status) = waited else {
        tell(&format!("interrupted; run the same command again to go on with audit {id}"));
        return Ok(130);
    };
    if let Some(failure) = wait::failure(&status) {
        bail!(failure);
    }
    let rows = audits::of_sweep(&session.queue, &id, &spec).await?;
    let code = exit_code(&rows, &status);
    if global.json {
        let total = |n: fn(&AuditConsensusRow) -> u32| rows.iter().map(n).sum::<u32>();
        say_json(&serde_json::json!({
            "sweep": id, "of": of, "reviews": rows, "upheld": total(|r| r.upheld),
            "rejected": total(|r| r.rejected), "split": total(|r| r.split),
            "undecided": total(|r| r.undecided), "unresolved": status.unresolved, "exit_code": code,
        }))?;
    } else {
        print(&rows, &status)?;
    }
    Ok(code)
}

/// The record of the sweep, and what it may spend.
async fn prepare(
    args: &AuditArgs,
    session: &Session,
    progress: &Progress,
) -> anyhow::Result<(SweepSpec, BudgetRequest)> {
    let of = session.find_reviewed(&args.of).await?;
    let (spec, status) =
        (session.queue.sweep_spec(&of).await?, session.queue.sweep_status(&of).await?);
    let known = spec.zip(status);
    let (spec, status) =
        known.with_context(|| format!("sweep {of} has no record; ask for it again"))?;
    if !spec.reviews_files() {
        bail!("sweep {of} is no review of files; name one that is (`scrum status` lists them)");
    }
    if !status.is_over() {
        bail!(
            "sweep {of} is not over; wait for its end: scrum status {} --watch",
            shell_quoted(&of)
        );
    }
    let options = Options {
        of: Some(of.clone()),
        voters: &args.voters,
        tie_breaker: args.tie_breaker.as_ref(),
        min_severity: args.min_severity,
    };
    let (audit, notes) = auditing::spec(&options, &spec.ladder, session).await?;
    for note in &notes {
        progress.note(note);
    }
    let budget = budget(args, session, &status)?;
    let spec = SweepSpec {
        local: session.settings.local_of(audit.rungs()),
        audit: Some(audit),
        prd: None,
        proposal: None,
        forensic: None,
        hints: None,
        facts: None,
        confirm: None,
        calibration: Vec::new(),
        expected: None,
        schedule: None,
        embedding: String::new(),
        labels: std::collections::BTreeMap::new(),
        again: if args.again { scrum_knowledge::now_ms() } else { 0 },
        ..spec
    };
    Ok((spec, budget))
}

/// What is left of the sweep's budget, unless the command line says otherwise.
fn budget(
    args: &AuditArgs,
    session: &Session,
    status: &SweepStatus,
) -> anyhow::Result<BudgetRequest> {
    let defaults = session.settings.budget.caps();
    let asked = (args.budget_calls, args.budget_tokens, args.budget_usd);
    let Some(of) = status.budget else {
        let (calls, tokens, micro_usd) = asked;
        return Ok(BudgetRequest { calls, tokens, micro_usd, defaults });
    };
    let left = |asked: Option<u64>, cap: u64, spent: u64, flag: &str| {
        if asked.is_some() || cap == 0 {
            return Ok(asked);
        }
        match cap.saturating_sub(spent) {
            0 => bail!(
                "nothing is left of the budget of sweep {}; give the audit its own with {flag}",
                status.id
            ),
            left => Ok(Some(left)),
        }
    };
    let (most, spent) = (of.caps.most, of.spent);
    Ok(BudgetRequest {
        calls: left(asked.0, most.calls, spent.calls, "--budget-calls")?,
        tokens: left(asked.1, most.tokens, spent.tokens, "--budget-tokens")?,
        micro_usd: left(asked.2, most.micro_usd, spent.micro_usd, "--budget-usd")?,
        defaults,
    })
}

/// 1 where a finding is undecided or split, or a file was not audited; rejected ones are decided.
fn exit_code(rows: &[AuditConsensusRow], status: &SweepStatus) -> u8 {
    let undecided = rows.iter().any(|row| row.split + row.undecided > 0);
    let stopped = status.state == SweepState::Cancelled;
    u8::from(undecided || stopped || status.unresolved > 0)
}

/// Rejected ones first: they change what a reader makes of the reviews.
fn rank(verdict: AuditVerdict) -> u8 {
    match verdict {
        AuditVerdict::Rejected => 0,
        AuditVerdict::Split => 1,
        AuditVerdict::Undecided => 2,
        AuditVerdict::Upheld => 3,
    }
}

fn place(row: &AuditConsensusRow, finding: &AuditedFinding) -> String {
    let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
    format!("{}{line}", row.file)
}

fn print(rows: &[AuditConsensusRow], status: &SweepStatus) -> anyhow::Result<()> {
    let mut all: Vec<(&AuditConsensusRow, &AuditedFinding)> =
        rows.iter().flat_map(|row| row.findings.iter().map(move |f| (row, f))).collect();
    all.sort_by_key(|(_, f)| (rank(f.verdict), f.severity));
    let line = |(row, f): &(&AuditConsensusRow, &AuditedFinding)| {
        vec![
            f.verdict.as_str().to_owned(),
            format!("{}:{} of {}", f.upheld, f.rejected, f.voters),
            f.severity.as_str().to_owned(),
            place(row, f),
            clip_marked(&f.text.replace('`', ""), FINDING_CHARS),
        ]
    };
    let lines: Vec<_> = all.iter().map(line).collect();
    if lines.is_empty() {
        say("no finding was there to be audited")?;
    } else {
        say_lines(&table(&["VERDICT", "VOTES", "SEVERITY", "PLACE", "FINDING"], &lines))?;
    }
    let shown = all.iter().filter(|(_, f)| f.verdict != AuditVerdict::Upheld);
    for (row, finding) in shown.take(MOST_SHOWN) {
        say("")?;
        let text = plain(&clip_marked(&finding.text, FINDING_CHARS));
        say(&format!("{}: {} {text}", finding.verdict.as_str(), plain(&place(row, finding))))?;
        say_wrapped(&finding.reason)?;
        for vote in &finding.votes {
            let words = vote.stand.words();
            say_wrapped(&if vote.counts {
                format!("{}: {words}: {}", vote.voter, vote.why)
            } else {
                format!("{}: {words}, which does not count: {}", vote.voter, vote.note)
            })?;
        }
    }
    if status.unresolved > 0 {
        let n = usize::try_from(status.unresolved).unwrap_or(usize::MAX);
        let some = counted(n, "file was", "files were");
        say(&format!("{some} not audited; `scrum dlq list` says why"))?;
    }
    Ok(())
}

fn say_wrapped(text: &str) -> anyhow::Result<()> {
    for (n, part) in wrapped(text, WIDTH).iter().enumerate() {
        say(&format!("  {}{part}", if n == 0 { "" } else { "  " }))?;
    }
    Ok(())
}
