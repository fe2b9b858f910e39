//! `scrum apply`: reviews become commits on a branch of their own, or nothing happens.

use crate::cli::{ApplyArgs, Global};
use crate::output::{say, say_json, say_lines, table, tell};
use crate::progress::Progress;
use crate::session::Session;
use crate::wait;
use crate::workers::{Local, Workers};
use crate::{applying, original};
use anyhow::bail;
use queue_schema::apply::ApplySpec;
use queue_schema::client::{ApplyRun, DeadLetter};
use queue_schema::ids::{RunId, SweepId};
use queue_schema::rows::AutoApplyRow;
use queue_schema::rows::apply::ApplyAction;
use scrum_domain::text::clip_marked;
use scrum_knowledge::runs::{self, Decisions};
use scrum_repo::Sandbox;
use scrum_shown::shell_quoted;

/// Characters of a reason that the table shows; --json has all of it.
const REASON: usize = 48;
/// Said whenever a check runs, or ran, without a sandbox.
const WITHOUT: &str =
    "without a sandbox: the check is code of the repository, and may do everything that you may";

/// Starts a run, or finds the one that is there, and perhaps waits for it.
///
/// # Errors
/// Whatever a person can get wrong, with what to do.
pub async fn execute(global: &Global, mut args: ApplyArgs) -> anyhow::Result<u8> {
    original::fill_apply(&mut args, global.quiet)?;
    let mut session = Session::open(global).await?;
    let id = session.find_reviewed(&args.sweep).await?;
    let progress = Progress::new(global.quiet);
    let Some(spec) = applying::request(&session, &id, &args, &progress).await? else {
        if global.json {
            say_json(&serde_json::json!({ "sweep": id, "run": null, "decisions": [] }))?;
        }
        return Ok(0);
    };
    sandbox(&session, &spec)?;
    let (run, new) = session.queue.start_apply(&spec).await?;
    let (files, branch) = (spec.files.len(), spec.branch_of(&run));
    let check = &spec.check;
    progress
        .note(&format!("run {run}: {files} files, for the branch {branch}, checked by `{check}`"));
    if !new {
        progress.note("this run exists already; continuing it (--again starts a new one)");
    }
    if !args.wait && session.private.is_none() {
        if global.json {
            say_json(&serde_json::json!({ "sweep": id, "run": run, "new": new }))?;
        } else {
            say(&run)?;
        }
        return Ok(0);
    }
    // With a private server nobody else would do it.
    let mut local = match session.private.take() {
        Some(private) => {
            let own = own_settings(&args, &spec);
            Some(Local {
                workers: Workers::start(global, &session, 1, own)?,
                server: Some(private),
            })
        }
        None => None,
    };
    let tend = || local.as_mut().map_or(Ok(()), |local| local.tend(&progress));
    let ended = wait_for(&session, &id, &run, tend).await;
    progress.finish();
    if let Some(local) = &mut local {
        local.stop(session.settings.worker.grace_s);
    }
    let Some(ended) = ended? else {
        tell(&format!("stopped waiting; run the same command again to continue run {run}"));
        return Ok(130);
    };
    outcome(global, &session, &id, &run, ended).await
}

/// What contains the check, as far as that shows from here: with a private server the workers run on this
/// machine. Says so when it is nothing.
fn sandbox(session: &Session, spec: &ApplySpec) -> anyhow::Result<()> {
    if spec.unsafe_no_sandbox {
        tell(&format!("warning: {WITHOUT}"));
        if session.private.is_none() {
            tell("a worker does so only if its own settings have apply.sandbox = \"none\"");
        }
    } else if session.private.is_some() {
        Sandbox::probe().map_err(|why| {
            anyhow::anyhow!(
                "nothing was run: {why} (with --unsafe-no-sandbox the check may do everything that you may)"
            )
        })?;
    }
    Ok(())
}

/// What the command's own workers are told of what was asked for: nobody else can write their Redis.
fn own_settings(args: &ApplyArgs, spec: &ApplySpec) -> Vec<(&'static str, String)> {
    let mut own = Vec::new();
    if let Some(n) = args.min_conf {
        own.push(("SCRUM__APPLY__MIN_CONF", n.to_string()));
    }
    if let Some(n) = args.max_files {
        own.push(("SCRUM__APPLY__MAX_FILES", n.to_string()));
    }
    if spec.unsafe_no_sandbox {
        own.push(("SCRUM__APPLY__SANDBOX", "none".to_owned()));
    }
    own
}

/// How a run ended.
enum Ended {
    /// All its jobs are done.
    Done(Box<ApplyRun>),
    /// Jobs of it are dead.
    Dead(Vec<DeadLetter>),
}

/// Waits until a run ended; `None` when the user left. `tend` runs between looks.
async fn wait_for(
    session: &Session,
    sweep: &SweepId,
    run: &RunId,
    mut tend: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<Option<Ended>> {
    let queue = &session.queue;
    wait::until(wait::EVERY, async || {
        tend()?;
        let state = match queue.apply_run(sweep, run).await {
            Ok(Some(state)) => state,
            Ok(None) => bail!("run {run} is gone from the queue; its sweep was forgotten"),
            // Nothing is lost while Redis is away.
            Err(error) if error.is_outage() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if state.ended.is_some() {
            return Ok(Some(Ended::Done(Box::new(state))));
        }
        match runs::dead_of_run(queue, sweep, run, &state).await {
            Ok(dead) => Ok(Some(dead).filter(|dead| !dead.is_empty()).map(Ended::Dead)),
            Err(error) if error.is_outage() => Ok(None),
            Err(error) => Err(error.into()),
        }
    })
    .await
}

/// Says how a run ended and turns it into the exit code.
async fn outcome(
    global: &Global,
    session: &Session,
    sweep: &SweepId,
    run: &RunId,
    ended: Ended,
) -> anyhow::Result<u8> {
    match ended {
        Ended::Done(done) => {
            let decided = runs::decisions(&session.queue, sweep, run, &done).await?;
            if decided.decisions.iter().any(|r| r.unsafe_no_sandbox) {
                tell(&format!("warning: this ran {WITHOUT}"));
            }
            if global.json {
                say_json(&serde_json::to_value(&decided)?)?;
            } else {
                print(&decided)?;
            }
            Ok(0)
        }
        Ended::Dead(letters) => {
            for DeadLetter { id, class, reason, .. } in letters {
                tell(&format!("{id}: {class}: {reason}"));
            }
            let word = shell_quoted(sweep);
            tell(&format!(
                "the run can't continue; fix the cause, then: scrum dlq retry --sweep {word}"
            ));
            Ok(1)
        }
    }
}

/// Says what became of each file.
fn print(decided: &Decisions) -> anyhow::Result<()> {
    let Decisions { decisions, landed, checks, .. } = decided;
    let tested = decisions.iter().any(|r| r.proof.is_some());
    let rows: Vec<_> = decisions.iter().map(|r| row(r, tested)).collect();
    let head = ["FILE", "ACTION", "PATCHES", "PROVEN", ""];
    let head: Vec<&str> = head.into_iter().filter(|word| tested || *word != "PROVEN").collect();
    say_lines(&table(&head, &rows))?;
    let per = if *landed > 0 {
        format!(", {:.1} for each file that passed", *checks as f64 / *landed as f64)
    } else {
        String::new()
    };
    let files = decisions.len();
    if tested {
        let proven = decisions.iter().filter(|r| r.proof.as_ref().is_some_and(|p| p.proven));
        say(&format!("{} of {files} findings are proven by a test", proven.count()))?;
    }
    say(&format!("{landed} of {files} files passed every gate; {checks} rounds of checks{per}"))?;
    if decisions.iter().any(|r| r.action == ApplyAction::Committed) {
        let (branch, word) = (&decided.branch, shell_quoted(&decided.branch));
        say(&format!("committed on {branch}; look at it with: git log -p {word}"))?;
    } else if *landed > 0 {
        say("dry run: nothing was committed; --commit does it")?;
    }
    Ok(())
}

fn row(r: &AutoApplyRow, tested: bool) -> Vec<String> {
    let reason = || clip_marked(&r.reason, REASON);
    let what = r.commit.as_ref().map_or_else(reason, |c| format!("{c:.10}"));
    let patches = format!("{}/{}", r.patches_applied, r.patches_applied + r.patches_rejected);
    let proof = r.proof.as_ref();
    let proven = if proof.is_some_and(|proof| proof.proven) { "yes" } else { "no" };
    // Why a finding is not proven tells more than that there was no patch.
    let why = proof.filter(|_| r.commit.is_none()).map(|proof| proof.reason.as_str());
    let what = why.filter(|why| !why.is_empty()).map_or(what, |why| clip_marked(why, REASON));
    let mut cells =
        vec![r.file.clone(), r.action.as_str().to_owned(), patches, proven.to_owned(), what];
    if !tested {
        cells.remove(3);
    }
    cells
}
