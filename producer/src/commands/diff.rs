//! `scrum diff`: a change, reviewed by several models at once, and what they come to.

use super::{post, unresolved};
use crate::change::{self, Prepared};
use crate::cli::{DiffArgs, Global};
use crate::enqueue;
use crate::output::{duration, plain, say, say_json, tell, width};
use crate::posting;
use crate::progress::Progress;
use crate::report;
use crate::session::Session;
use crate::wait;
use crate::workers::{Local, Workers};
use anyhow::Context;
use queue_schema::budget::BudgetRequest;
use queue_schema::client::{SweepState, SweepStatus};
use queue_schema::effects::Priority;
use queue_schema::ids::SweepId;
use queue_schema::sweep::{DiffFailOn, SweepSpec};
use scrum_domain::text::{clip_marked, counted};
use scrum_knowledge::{Change, Reviewed, sweeps};
use std::time::Duration;

/// How often it is looked whether the review is over: people wait for it before they commit.
const EVERY: Duration = Duration::from_millis(20);
/// Columns that findings are shown in where stdout is no terminal.
const WIDTH: usize = 160;

/// Reviews a change.
///
/// # Errors
/// Whatever a person can get wrong, with what to do.
pub async fn execute(global: &Global, args: DiffArgs) -> anyhow::Result<u8> {
    let mut session = Session::open(global).await?;
    if let Some(out) = &args.out {
        report::check_out(&session, out)?;
    }
    let mut progress = Progress::new(global.quiet);
    let var = |name: &str| std::env::var(name).ok();
    let private = session.private.is_some();
    let posting = posting::of(&args, &session.settings, private, var)?;
    let mut prepared =
        change::prepare(&args, &change::open(&args, &session.state)?, &session.settings)?;
    if let Some(change) = &mut prepared.spec.diff {
        change.post = posting.as_ref().map(|posting| posting.what.clone());
    }
    let own = posting.as_ref().map(|posting| posting.own.clone()).unwrap_or_default();
    let (begun, waited) =
        run_sweep(global, &mut session, (&args, &[]), &mut prepared, (own, &mut progress)).await?;
    progress.finish();
    let id = begun.id;
    let Some(status) = waited else {
        tell(&format!("interrupted; run the same command again to go on with review {id}"));
        return Ok(130);
    };
    if let Some(failure) = wait::failure(&status) {
        anyhow::bail!(failure);
    }
    let fail_on = args.fail_on.unwrap_or(session.settings.diff.fail_on);
    let posted = match posting {
        Some(posting) => {
            let told = status.ended_ms.filter(|_| begun.posts);
            Some(post::execute(global, &mut session, &id, posting, told, &progress).await?)
        }
        None => None,
    };
    let reviewed = read(&session, &id).await?;
    if let Some(out) = &args.out {
        report::write_change(&reviewed, &session, out)?;
    }
    let mut code = exit_code(&reviewed, &status, fail_on);
    if posted.as_ref().is_some_and(Result::is_err) {
        code = 2;
    }
    if global.json {
        let mut json = reviewed.json();
        if let Some(map) = json.as_object_mut() {
            map.insert("exit_code".into(), code.into());
            let out = args.out.as_ref().map(|out| out.display().to_string());
            map.insert("out".into(), out.into());
            let row = posted.as_ref().and_then(|posted| posted.as_ref().ok());
            map.insert("posted".into(), serde_json::to_value(row)?);
        }
        say_json(&json)?;
    } else {
        say_all(&reviewed, &status)?;
        if let Some(out) = &args.out {
            say(&format!("report: {}", out.join(report::CHANGE_PAGE).display()))?;
        }
        for (rung, message) in sweeps::alerts(&session.queue, &id).await? {
            say(&wait::alert(&rung, &message))?;
        }
    }
    match posted {
        Some(Ok(row)) if !global.json => post::say_row(&row)?,
        Some(Err(why)) => tell(&format!("not posted: {why}")),
        _ => {}
    }
    Ok(code)
}

/// A change with what its reviewers come to.
///
/// # Errors
/// A sweep over files, or a failure of Redis.
pub async fn read(session: &Session, id: &SweepId) -> anyhow::Result<Reviewed> {
    let change = Change::open(&session.queue, id).await?;
    let change =
        change.with_context(|| format!("sweep {id} is about files, not about a change"))?;
    Ok(Reviewed::read(&session.queue, change).await?)
}

/// 2 also for a review that was stopped.
fn exit_code(reviewed: &Reviewed, status: &SweepStatus, fail_on: DiffFailOn) -> u8 {
    match reviewed.tally.exit_code(fail_on) {
        0 if status.state == SweepState::Cancelled => 2,
        code => code,
    }
}

/// A sweep over a change that was begun.
pub struct Begun {
    /// Its id.
    pub id: SweepId,
    /// Whether its end has it published as this request asks.
    posts: bool,
}

/// Enqueues a sweep over a change, with its documents, and waits for its end; no status when it was interrupted. `own`
/// are settings of the workers that it starts.
///
/// # Errors
/// A cancelled sweep, or a failure of Redis.
pub async fn run_sweep(
    global: &Global,
    session: &mut Session,
    (args, documents): (&DiffArgs, &[(String, String)]),
    prepared: &mut Prepared,
    (own, progress): (Vec<(&'static str, String)>, &mut Progress),
) -> anyhow::Result<(Begun, Option<SweepStatus>)> {
    let begun = create(session, (args, documents), prepared, progress).await?;
    let waited = wait_for(global, session, &begun.id, (own, progress)).await?;
    Ok((begun, waited))
}

async fn create(
    session: &Session,
    (args, documents): (&DiffArgs, &[(String, String)]),
    prepared: &mut Prepared,
    progress: &Progress,
) -> anyhow::Result<Begun> {
    if args.again
        && let Some(again) = sweeps::unfinished(&session.queue, &prepared.spec).await?
    {
        prepared.spec.again = again;
    }
    for note in prepared.notes.iter().chain(&prepared.plan.warnings) {
        progress.note(note);
    }
    let defaults = session.settings.budget.caps();
    let budget = BudgetRequest { calls: None, tokens: None, micro_usd: args.budget_usd, defaults };
    let spec = &prepared.spec;
    let claims = spec.diff.as_ref().is_some_and(|change| change.claims.is_some());
    let parts = counted(prepared.plan.bundles.len(), "part", "parts");
    let about = format!("{}: {parts}", spec.rev);
    let what = if claims { "audit" } else { "review" };
    let asked = Asked { spec, documents, budget, what, about: &about };
    let (id, before) = ask_for(session, asked, progress).await?;
    let Some(before) = before else { return Ok(Begun { id, posts: true }) };
    let kept = session.queue.sweep_spec(&id).await?.and_then(|kept| kept.diff?.post);
    let wanted = spec.diff.as_ref().and_then(|change| change.post.as_ref());
    let posts = !before.is_over() && kept.as_ref() == wanted;
    Ok(Begun { id, posts })
}

/// A sweep that a command asks for and waits for, with what to say of it.
pub struct Asked<'a> {
    /// Its record.
    pub spec: &'a SweepSpec,
    /// Hash and text of its documents.
    pub documents: &'a [(String, String)],
    /// What it may spend.
    pub budget: BudgetRequest,
    /// What it is called: a review, an audit.
    pub what: &'a str,
    /// What it is about.
    pub about: &'a str,
}

/// Enqueues a sweep, or finds the one that is there, which goes on; with how that one stood.
///
/// # Errors
/// A cancelled sweep, or a failure of Redis.
pub async fn ask_for(
    session: &Session,
    asked: Asked<'_>,
    progress: &Progress,
) -> anyhow::Result<(SweepId, Option<SweepStatus>)> {
    let Asked { spec, documents, budget, what, about } = asked;
    let queue = &session.queue;
    let created = enqueue::sweep(queue, spec, documents, Priority::High, &budget).await?;
    let id = created.id;
    if created.new {
        progress.note(&format!("{what} {id} of {about}"));
        return Ok((id, None));
    }
    let status = queue.sweep_status(&id).await?;
    if status.as_ref().is_some_and(|s| s.state == SweepState::Cancelled) {
        anyhow::bail!("{what} {id} was cancelled; pass --again to start a new one");
    }
    let there = format!("{what} {id}");
    progress.note(&unresolved::there_already(&there, status.as_ref(), "--again starts a new one"));
    unresolved::take_up(session, &id, true, progress).await?;
    Ok((id, status))
}

/// Waits until a sweep is over and what follows its end done, and does them where there is no fleet. `own` are settings of
/// the workers that it starts.
///
/// # Errors
/// A failure of Redis that waiting doesn't mend.
pub async fn wait_for(
    global: &Global,
    session: &mut Session,
    id: &SweepId,
    (own, progress): (Vec<(&'static str, String)>, &mut Progress),
) -> anyhow::Result<Option<SweepStatus>> {
    let status = session.queue.sweep_status(id).await?;
    if let Some(status) = status.filter(SweepStatus::is_over)
        && !session.queue.is_followed(id).await?
    {
        return Ok(Some(status));
    }
    if session.private.is_none() {
        return until_tallied(session, id, progress, |_| Ok(())).await;
    }
    let server = session.private.take();
    let workers = Workers::start(global, session, 1, own)?;
    let mut local = Local { workers, server };
    let ended = until_tallied(session, id, progress, |progress| local.tend(progress)).await;
    local.stop(session.settings.worker.grace_s);
    // It is read from before it stops.
    session.private = local.server.take();
    ended
}

async fn until_tallied(
    session: &Session,
    id: &SweepId,
    progress: &mut Progress,
    mut tend: impl FnMut(&Progress) -> anyhow::Result<()>,
) -> anyhow::Result<Option<SweepStatus>> {
    let over = wait::until_over_within(EVERY, session, id, progress, &mut tend).await?;
    let Some(status) = over else { return Ok(None) };
    let tallied = wait::until(EVERY, async || {
        tend(progress)?;
        match session.queue.is_followed(id).await {
            Ok(followed) => Ok((!followed).then_some(())),
            Err(error) if error.is_outage() => Ok(None),
            Err(error) => Err(error.into()),
        }
    });
    Ok(tallied.await?.map(|()| status))
}

/// The tally for a person.
fn say_all(reviewed: &Reviewed, status: &SweepStatus) -> anyhow::Result<()> {
    say(&format!("review {} in {}", status.id, duration(status.took_ms(0))))?;
    let width = width().unwrap_or(WIDTH);
    reviewed.lines().iter().try_for_each(|line| say(&clip_marked(&plain(line), width)))?;
    if reviewed.tally.bundles == 0 && reviewed.tally.unreviewed.is_empty() {
        say("nothing was there to be reviewed")?;
    }
    Ok(())
}
