//! `scrum apply`: reviews become commits on a branch of their own, or nothing happens.

use crate::cli::{ApplyArgs, Global};
use crate::output::{say, say_json, say_lines, table, tell};
use crate::progress::Progress;
use crate::session::Session;
use crate::signals;
use crate::workers::Workers;
use anyhow::{Context, bail};
use queue_schema::apply::{APPLY_VERSION, ApplyFile, ApplySpec};
use queue_schema::client::{ApplyRun, DeadFilter, SweepState};
use queue_schema::rows::apply::ApplyAction;
use queue_schema::rows::{AutoApplyRow, ReviewRow};
use queue_schema::sweep::{Rung, SweepSpec};
use scrum_config::{Wire, nearest};
use scrum_domain::apply::PathRules;
use scrum_domain::apply::detect::check_command;
use scrum_domain::apply::policy::{self, Vouched};
use scrum_domain::apply::select::{Criteria, select};
use scrum_domain::text::clip_marked;
use scrum_repo::{Repo, Sandbox};
use scrum_shown::shell_quoted;
use std::path::Path;
use std::time::Duration;

/// How often a run is looked at.
const EVERY: Duration = Duration::from_millis(200);
/// Characters of a reason that the table shows; --json has all of it.
const REASON: usize = 48;
/// Said whenever a check runs, or ran, without a sandbox.
const WITHOUT: &str =
    "without a sandbox: the check is code of the repository, and may do everything that you may";
/// Reviews that were passed over, told one by one.
const TOLD: usize = 10;

/// Starts a run, or finds the one that is there, and perhaps waits for it.
///
/// # Errors
/// Whatever a person can get wrong, with what to do.
pub async fn execute(global: &Global, args: ApplyArgs) -> anyhow::Result<u8> {
    let mut session = Session::open(global).await?;
    let id = session.find_sweep(&args.sweep).await?;
    let progress = Progress::new(global.quiet);
    let Some(spec) = prepare(&session, &id, &args, &progress).await? else {
        if global.json {
            say_json(&serde_json::json!({ "sweep": id, "run": null, "decisions": [] }))?;
        }
        return Ok(0);
    };
    sandbox(&session, &spec)?;
    let (run, new) = session.queue.start_apply(&spec).await?;
    let branch = spec.branch_of(&run);
    let files = spec.files.len();
    progress.note(&format!(
        "run {run}: {files} files, for the branch {branch}, checked by `{}`",
        spec.check
    ));
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
    let mut private = session.private.take();
    let mut workers = match &private {
        Some(_) => Some(Workers::start_with(global, &session, 1, own_settings(&args, &spec))?),
        None => None,
    };
    let ended = wait(&session, &id, &run, || {
        if let Some(server) = private.as_mut()
            && server.revive()?
        {
            progress.note("the private Redis died and was started again");
        }
        workers.as_mut().map_or(Ok(()), |w| w.tend(&progress))
    })
    .await;
    progress.finish();
    if let Some(workers) = workers.as_mut() {
        workers.stop(session.settings.worker.grace_s);
    }
    let code = match ended? {
        Ended::Done(done) => outcome(global, &session, &id, &run, &done).await,
        Ended::Dead(letters) => {
            for (letter, reason) in letters {
                tell(&format!("{letter}: {reason}"));
            }
            tell(&format!(
                "the run can't continue; fix the cause, then: scrum dlq retry --sweep {}",
                shell_quoted(&id)
            ));
            Ok(1)
        }
        Ended::Left => {
            tell(&format!("stopped waiting; run the same command again to continue run {run}"));
            Ok(130)
        }
    };
    drop(private);
    code
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

/// The request, checked; `None` when no review is sure enough, which is told.
async fn prepare(
    session: &Session,
    id: &str,
    args: &ApplyArgs,
    progress: &Progress,
) -> anyhow::Result<Option<ApplySpec>> {
    // What becomes a signed request is read as workers read it.
    let queue = &session.checking();
    let status =
        queue.sweep_status(id).await?.with_context(|| format!("there is no sweep {id}"))?;
    if status.state == SweepState::Cancelled {
        bail!(
            "sweep {id} was cancelled and gets no more work; start a new sweep without the files that you don't want"
        );
    }
    let sweep = queue.sweep_spec(id).await?.with_context(|| format!("there is no sweep {id}"))?;
    let settings = &session.settings.apply;
    let rules = {
        let mut rules = settings.rules();
        rules.min_conf = args.min_conf.unwrap_or(rules.min_conf);
        rules
    };
    let repo = local(&sweep)?;
    let branch = args.branch.clone().unwrap_or_default();
    if !branch.is_empty() {
        repo.check_branch(&branch, &rules.protected)?;
    }
    let base = repo.resolve(&sweep.rev)?;
    let rows: Vec<ReviewRow> = queue.rows(id).await?;
    let criteria = Criteria {
        min_conf: rules.min_conf,
        min_each: settings.min_each,
        paths: PathRules {
            deny: rules.deny.clone(),
            permit: settings.permit.clone(),
            allow: settings.allow.clone(),
        },
        max_files: args.max_files.unwrap_or(settings.max_files) as usize,
    };
    let selection = select(&rows, &criteria);
    progress.note(&format!(
        "{} of {} reviews are confident enough",
        selection.chosen.len(),
        rows.len()
    ));
    for (row, why) in selection.passed_over.iter().take(TOLD) {
        progress.note(&format!("  not {}: {why}", row.file));
    }
    let more = selection.passed_over.len().saturating_sub(TOLD);
    if more > 0 {
        progress.note(&format!("  nor {more} others"));
    }
    if selection.chosen.is_empty() {
        return Ok(None);
    }
    let files = selection
        .chosen
        .iter()
        .map(|row| {
            let target = row.review_id.rsplit('-').next().and_then(|t| t.parse().ok());
            let target =
                target.with_context(|| format!("the review id {} is none", row.review_id))?;
            Ok(ApplyFile { target, path: row.file.clone(), blob: row.blob.clone() })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let check = match &args.check {
        Some(check) if check.trim().is_empty() => {
            bail!("--check is empty; give a command, for instance --check 'make check'")
        }
        Some(check) => check.clone(),
        None => detected(&repo, &base)?.context(
            "no check command is known for this project; give one, for instance --check 'make check'",
        )?,
    };
    if session.private.is_none() && !session.queue.options().signer.is_on() {
        tell_commands(&repo, &base, args, &settings.allowed_checks, progress)?;
    }
    let model = model(session, args.model.as_deref())?;
    let local = session.settings.local_of(std::iter::once(&model)).contains(&model.provider);
    Ok(Some(ApplySpec {
        v: APPLY_VERSION,
        sweep: id.to_owned(),
        repo: sweep.repo,
        base,
        branch,
        commit: args.commit,
        model,
        local,
        check,
        test: args.test.clone().filter(|t| !t.trim().is_empty()),
        rules,
        files,
        again: if args.again { scrum_knowledge::now_ms() } else { 0 },
        unsafe_no_sandbox: args.unsafe_no_sandbox,
    }))
}

/// The repository, which must be one that a branch of use can be made in.
fn local(sweep: &SweepSpec) -> anyhow::Result<Repo> {
    if Repo::is_url(&sweep.repo) {
        bail!(
            "sweep {} is of a URL, and commits in this machine's mirror would be lost; clone it, and sweep the clone by its path",
            sweep.id()
        );
    }
    Ok(Repo::open(Path::new(&sweep.repo))?)
}

fn detected(repo: &Repo, base: &str) -> anyhow::Result<Option<String>> {
    let (names, package) = repo.at_root(base)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(check_command(&names, package.as_deref()))
}

/// Says which commands a worker with these settings would not run.
fn tell_commands(
    repo: &Repo,
    base: &str,
    args: &ApplyArgs,
    allowed: &[String],
    progress: &Progress,
) -> anyhow::Result<()> {
    let detected = detected(repo, base)?;
    for command in args.check.iter().chain(&args.test) {
        if policy::command(command, detected.as_deref(), allowed, Vouched::Nobody).is_err() {
            progress.note(&format!(
                "a worker runs `{command}` only where its apply.allowed_checks names it"
            ));
        }
    }
    Ok(())
}

fn model(session: &Session, asked: Option<&str>) -> anyhow::Result<Rung> {
    let mut rung = session.settings.apply.rung();
    if let Some(name) = asked {
        let (provider, model) = name.split_once('/').filter(|(p, m)| !p.is_empty() && !m.is_empty()).with_context(|| {
            format!("the patch model '{name}' is not PROVIDER/MODEL; write for instance --model ollama/qwen3-coder")
        })?;
        provider.clone_into(&mut rung.provider);
        model.clone_into(&mut rung.model);
    }
    let providers = &session.settings.providers;
    match providers.get(&rung.provider) {
        Some(p) if p.wire == Wire::Builtin => {
            bail!(
                "the built-in checks are not a model and can't propose patches; give one with --model PROVIDER/MODEL, or set apply.provider and apply.model"
            )
        }
        Some(_) => Ok(rung),
        None => {
            let near = nearest(&rung.provider, providers.keys().map(String::as_str));
            let hint = near.map_or_else(String::new, |n| format!("; did you mean {n}?"));
            bail!("there is no provider '{}' for the patch model{hint}", rung.provider)
        }
    }
}

/// How waiting ended.
enum Ended {
    /// The run is over.
    Done(Box<ApplyRun>),
    /// Jobs of it are dead: id and reason.
    Dead(Vec<(String, String)>),
    /// The user left.
    Left,
}

async fn wait(
    session: &Session,
    sweep: &str,
    run: &str,
    mut tend: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<Ended> {
    let mut interrupted = std::pin::pin!(signals::interrupted());
    loop {
        tend()?;
        match session.queue.apply_run(sweep, run).await {
            Ok(Some(state)) if state.ended.is_some() => return Ok(Ended::Done(Box::new(state))),
            Ok(Some(_)) => {
                let dead = dead(session, sweep, run).await?;
                if !dead.is_empty() {
                    return Ok(Ended::Dead(dead));
                }
            }
            Ok(None) => bail!("run {run} is gone from the queue; its sweep was forgotten"),
            // Nothing is lost while Redis is away.
            Err(error) if error.is_outage() => {}
            Err(error) => return Err(error.into()),
        }
        tokio::select! {
            () = &mut interrupted => return Ok(Ended::Left),
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

async fn dead(session: &Session, sweep: &str, run: &str) -> anyhow::Result<Vec<(String, String)>> {
    let filter = DeadFilter { sweep: Some(sweep.to_owned()), ..DeadFilter::default() };
    let letters = match session.queue.dead_letters(&filter).await {
        Ok(letters) => letters,
        Err(error) if error.is_outage() => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let ours = [format!("{sweep}.patch.{run}."), format!("{sweep}.apply.{run}")];
    Ok(letters
        .into_iter()
        .filter(|l| l.id.starts_with(&ours[0]) || l.id == ours[1])
        .map(|l| (l.id, format!("{}: {}", l.class, l.reason)))
        .collect())
}

/// Says what became of each file.
async fn outcome(
    global: &Global,
    session: &Session,
    sweep: &str,
    run: &str,
    done: &ApplyRun,
) -> anyhow::Result<u8> {
    let mut rows: Vec<AutoApplyRow> = session.queue.rows(sweep).await?;
    rows.retain(|r| r.run_id == run);
    let checks = done
        .ended
        .as_deref()
        .and_then(|json| serde_json::from_str::<serde_json::Value>(json).ok())
        .and_then(|v| v["checks"].as_u64())
        .unwrap_or(0);
    let landed = rows.iter().filter(|r| r.action.passed()).count();
    let branch = done.spec.branch_of(run);
    if rows.iter().any(|r| r.unsafe_no_sandbox) {
        tell(&format!("warning: this ran {WITHOUT}"));
    }
    if global.json {
        say_json(&serde_json::json!({
            "sweep": sweep, "run": run, "branch": branch, "commit": done.spec.commit,
            "checks": checks, "landed": landed, "decisions": rows,
        }))?;
        return Ok(0);
    }
    let lines: Vec<_> = rows
        .iter()
        .map(|r| {
            let reason = || clip_marked(&r.reason, REASON);
            let what = r.commit.as_ref().map_or_else(reason, |c| format!("{c:.10}"));
            vec![
                r.file.clone(),
                r.action.as_str().to_owned(),
                format!("{}/{}", r.patches_applied, r.patches_applied + r.patches_rejected),
                what,
            ]
        })
        .collect();
    say_lines(&table(&["FILE", "ACTION", "PATCHES", ""], &lines))?;
    let per = if landed > 0 {
        format!(", {:.1} for each file that passed", checks as f64 / landed as f64)
    } else {
        String::new()
    };
    say(&format!(
        "{landed} of {} files passed every gate; {checks} rounds of checks{per}",
        rows.len()
    ))?;
    if rows.iter().any(|r| r.action == ApplyAction::Committed) {
        let word = shell_quoted(&branch);
        say(&format!("committed on {branch}; look at it with: git log -p {word}"))?;
    } else if landed > 0 {
        say("dry run: nothing was committed; --commit does it")?;
    }
    Ok(0)
}
