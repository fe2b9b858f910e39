//! `scrum sweep`: enqueue, and perhaps wait.

use super::unresolved;
use crate::auditing::{self, Options};
use crate::cli::{Global, Request, SweepArgs};
use crate::enqueue;
use crate::ladder;
use crate::looking;
use crate::output::{say, say_json, tell};
use crate::progress::Progress;
use crate::request::{self, Prepared};
use crate::session::{self, Session};
use crate::{original, report, wait};
use queue_schema::budget::BudgetRequest;
use queue_schema::client::{Created, DeadFilter, SweepState};
use queue_schema::ids::SweepId;
use queue_schema::rows::CalibrationRow;
use queue_schema::sweep::{Expected, Ladder, ModelMap, Rung, SweepSpec};
use scrum_config::Settings;
use scrum_knowledge::{Letters, sweeps};
use scrum_shown::shell_quoted;
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Enqueues a sweep; prints its id.
///
/// # Errors
/// Whatever a person can get wrong, with what to do.
pub async fn execute(global: &Global, mut args: SweepArgs) -> anyhow::Result<u8> {
    original::fill_request(&mut args.request, global.quiet)?;
    if args.request.dry_run {
        let ladder = session::load(global)?.sweep.ladder;
        let ladder = args.request.ladder.as_deref().unwrap_or(&ladder);
        return super::dry_run::execute(global, &args.request, ladder);
    }
    let session = Session::open(global).await?;
    if session.private.is_some() {
        // The server would stop with this command, and nothing would ever run; with --wait, neither.
        anyhow::bail!(
            "no fleet is configured, so no worker would run the sweep; set SCRUM_REDIS_URL, or use `scrum run`"
        );
    }
    if let Some(out) = &args.out {
        report::check_out(&session, out)?;
    }
    let name = args.request.ladder.clone().unwrap_or_else(|| session.settings.sweep.ladder.clone());
    let progress = Progress::new(global.quiet);
    let created = create(&session, &args.request, &name, &progress).await?;
    if !args.wait {
        if global.json {
            let mut json = serde_json::json!({ "sweep": created.id, "new": created.new });
            created.tell(&mut json);
            say_json(&json)?;
        } else {
            say(&created.id)?;
        }
        return Ok(0);
    }
    let mut progress = progress;
    let ended = wait::until_over(&session, &created.id, &mut progress, |_| Ok(())).await?;
    let Some(status) = ended else {
        progress.finish();
        tell(&format!(
            "stopped waiting; the fleet continues the sweep: scrum status {}",
            shell_quoted(&created.id)
        ));
        return Ok(130);
    };
    progress.finish();
    let told = match &args.out {
        Some(out) => Some(Box::pin(report::write(&session, &created.id, out, &report::ALL)).await?),
        None => None,
    };
    let out = args.out.as_deref().zip(told.as_ref());
    let verdict = wait::Verdict { out, asked: &created, fail_on: args.fail_on };
    verdict.give(global, &session, &status).await
}

/// A sweep as it was asked for.
pub struct Asked {
    /// Its id.
    pub id: SweepId,
    /// False when it was there before.
    pub new: bool,
    /// Target globs that match nothing in its commit.
    pub unused: Vec<String>,
}

impl Asked {
    /// Adds to what a program is told.
    pub fn tell(&self, json: &mut serde_json::Value) {
        if let Some(map) = json.as_object_mut() {
            map.insert("unused_targets".into(), self.unused.clone().into());
        }
    }
}

/// Checks the request, records the sweep or finds the one that is there, and mends one that
/// failed to be planned.
///
/// # Errors
/// Whatever a person can get wrong, with what to do.
pub async fn create(
    session: &Session,
    request: &Request,
    ladder_name: &str,
    progress: &Progress,
) -> anyhow::Result<Asked> {
    create_on(session, request, climbed(session, request, ladder_name)?, progress).await
}

/// The ladders that a request means.
///
/// # Errors
/// An unknown name, with the known ones.
pub fn climbed(session: &Session, request: &Request, ladder_name: &str) -> anyhow::Result<Climbed> {
    let settings = &session.settings;
    let config = session.config.as_deref();
    let (ladder, why) = ladder::choose(ladder_name, settings, config)?;
    let shard_ladder: Ladder = match request.shard_ladder.as_deref() {
        Some(name) => ladder::choose(name, settings, config)?.0,
        None if settings.sweep.shard_ladder.is_empty() => ladder.clone(),
        None => ladder::choose(&settings.sweep.shard_ladder, settings, config)?.0,
    };
    Ok(Climbed { ladder, shard_ladder, why, planted: false })
}

/// The ladders of a sweep, and why they were chosen where the choice was ours.
pub struct Climbed {
    /// That of reviews.
    pub ladder: Ladder,
    /// That of the summaries of shards.
    pub shard_ladder: Ladder,
    /// Why.
    pub why: Option<String>,
    /// Whether its faults were put there (`scrum eval`): it goes by nothing that was learnt, and nothing is learnt of
    /// it, for its code is nobody's.
    pub planted: bool,
}

/// The same as [`create`] on ladders that are known already.
///
/// # Errors
/// As there.
pub async fn create_on(
    session: &Session,
    request: &Request,
    climbed: Climbed,
    progress: &Progress,
) -> anyhow::Result<Asked> {
    let settings = &session.settings;
    let mut prepared = prepare(session, request, climbed, progress).await?;
    note_targets(&prepared, progress);
    if request.again
        && let Some(again) = sweeps::unfinished(&session.queue, &prepared.spec).await?
    {
        prepared.spec.again = again;
    }
    if session.queue.sweep_status(&prepared.spec.id()).await?.is_none() {
        prepared.spec.expected = expect(session, &prepared, progress).await;
    }
    let (spec, documents) = (&prepared.spec, &prepared.documents);
    let budget = budget(request, settings);
    let created =
        enqueue::sweep(&session.queue, spec, documents, request.priority, &budget).await?;
    let id = created.id.clone();
    if created.new {
        progress
            .note(&format!("sweep {id} of {} at {:.10}", prepared.spec.repo, prepared.spec.commit));
    } else {
        let anew = if request.again {
            format!("it is not finished; to start a new one: scrum cancel {}", shell_quoted(&id))
        } else {
            "--again starts a new one".to_owned()
        };
        let status = session.queue.sweep_status(&id).await?;
        let what = format!("sweep {id}");
        progress.note(&unresolved::there_already(&what, status.as_ref(), &anew));
        revive_plan(session, &id).await?;
        note_dropped(session, &created, request, spec, progress).await?;
        if created.put_back > 0 {
            let (files, _, _) = wait::files(created.put_back);
            progress.note(&format!("back in the sweep, left out by the old budget: {files}"));
        }
        let dead = unresolved::take_up(session, &id, request.retry_failed, progress).await?;
        if request.retry_failed && dead == 0 {
            progress.note("no job of it died of provider errors (--retry-failed)");
        }
    }
    let budget = session.queue.budget(&id).await?;
    if budget.is_some_and(|b| b.caps.most.micro_usd > 0) {
        note_unpriced(settings, spec, progress);
    }
    Ok(Asked { id, new: created.new, unused: prepared.unused })
}

/// Checks a request, says which ladder it gets, and pins it with all that is known of its models.
///
/// # Errors
/// Whatever a person can get wrong, with what to do.
pub async fn prepare(
    session: &Session,
    request: &Request,
    Climbed { ladder, shard_ladder, why, planted }: Climbed,
    progress: &Progress,
) -> anyhow::Result<Prepared> {
    let settings = &session.settings;
    let rungs: Vec<_> = ladder.rungs.iter().map(queue_schema::sweep::Rung::name).collect();
    let why = why.map(|w| format!(" ({w})")).unwrap_or_default();
    progress.note(&format!("ladder {}{why}: {}", ladder.name, rungs.join(" > ")));
    let mut prepared = request::prepare(request, settings, &session.state, ladder, shard_ladder)?;
    if planted {
        // What has no identity is remembered nowhere.
        prepared.spec.identity.clear();
    } else {
        prepared.spec.calibration = maps(session, &prepared.spec.ladder).await?;
    }
    if request.audit {
        audit(session, &mut prepared.spec, progress).await?;
    }
    Ok(prepared)
}

/// What the sweep is expected to take. Its planner tells what can't be read.
async fn expect(session: &Session, prepared: &Prepared, progress: &Progress) -> Option<Expected> {
    let expected = match looking::expected(session, prepared).await {
        Ok(expected) => expected,
        Err(error) => {
            progress.note(&format!("what the sweep may take can't be estimated: {error:#}"));
            None
        }
    };
    if let Some(told) = expected.as_ref().and_then(super::estimate::told) {
        progress.note(&told);
    }
    expected
}

/// What is known of the confidences of the models of a ladder, frozen: the same sweep has the same tiers whatever is
/// learnt while it runs.
async fn maps(session: &Session, ladder: &Ladder) -> anyhow::Result<Vec<ModelMap>> {
    let known = session.checking().calibrations().await?;
    let is_on = |model: &str| ladder.rungs.iter().any(|rung| rung.name() == model);
    let of_ladder = known.iter().filter(|row| is_on(&row.model));
    Ok(of_ladder.filter_map(CalibrationRow::frozen).collect())
}

/// The findings of the sweep's own reviews are put to the vote.
async fn audit(session: &Session, spec: &mut SweepSpec, progress: &Progress) -> anyhow::Result<()> {
    let (audit, notes) = auditing::spec(&Options::default(), &spec.ladder, session).await?;
    for note in &notes {
        progress.note(note);
    }
    let facts = spec.facts.iter().flat_map(|f| [&f.extractor, &f.verifier]);
    let confirmer = spec.confirm.as_ref().and_then(|c| c.rung.as_ref());
    let rungs = spec.ladder.rungs.iter().chain(&spec.shard_ladder.rungs).chain(facts);
    let rungs = rungs.chain(confirmer);
    spec.local = session.settings.local_of(rungs.chain(audit.rungs()));
    spec.audit = Some(audit);
    Ok(())
}

/// Says which part of the commit was meant where the command line may have missed it.
pub fn note_targets(prepared: &Prepared, progress: &Progress) {
    for glob in &prepared.unused {
        progress.note(&format!(
            "--target '{glob}' matches no file of the commit; paths start at the repository's root"
        ));
    }
    if let Some((taken, elsewhere)) = prepared.hints {
        let mut said = format!("--hints: {taken} findings of linters");
        if elsewhere > 0 {
            let _ = write!(said, "; {elsewhere} left out, which name no file of the repository");
        }
        progress.note(&said);
    }
    if let Some(below) = &prepared.below {
        let word = shell_quoted(below);
        progress.note(&format!(
            "all of {} is reviewed, not only the path that you named; for that alone: --target {word}",
            prepared.spec.repo
        ));
    }
}

/// A sweep that is there keeps its labels and its rank.
async fn note_dropped(
    session: &Session,
    created: &Created,
    request: &Request,
    asked: &SweepSpec,
    progress: &Progress,
) -> anyhow::Result<()> {
    let kept = session.queue.sweep_spec(&created.id).await?.map(|s| s.labels).unwrap_or_default();
    let new = asked.labels.iter().filter(|(k, v)| kept.get(*k) != Some(v));
    let new: Vec<_> = new.map(|(k, v)| format!("{k}={v}")).collect();
    if !new.is_empty() {
        progress.note(&format!("it keeps its labels; ignored: {}", new.join(", ")));
    }
    let rank = session.queue.sweep_status(&created.id).await?.map(|s| s.priority);
    if let Some(rank) = rank.filter(|rank| *rank != request.priority) {
        progress.note(&format!(
            "it keeps its rank, {}; ignored: --priority {}",
            rank.as_str(),
            request.priority.as_str()
        ));
    }
    Ok(())
}

/// What the command line says of the budget, over what the settings say.
fn budget(request: &Request, settings: &Settings) -> BudgetRequest {
    BudgetRequest {
        calls: request.budget_calls,
        tokens: request.budget_tokens,
        micro_usd: request.budget_usd,
        defaults: settings.budget.caps(),
    }
}

/// A cap in dollars sees only what has a price.
fn note_unpriced(settings: &Settings, spec: &SweepSpec, progress: &Progress) {
    let paid = |r: &&Rung| settings.providers.get(&r.provider).is_none_or(|p| !p.local);
    let rungs = spec.ladder.rungs.iter().chain(&spec.shard_ladder.rungs);
    let names: BTreeSet<String> =
        rungs.filter(|r| !r.has_price()).filter(paid).map(Rung::name).collect();
    if !names.is_empty() {
        let names: Vec<_> = names.into_iter().collect();
        progress.note(&format!(
            "no price is known of {}: of the budget in dollars they take only what the provider says \
             that a call cost (usd_per_million_in and usd_per_million_out of a rung are its price)",
            names.join(", ")
        ));
    }
}

/// A sweep whose plan job died (the repository was away, say) is planned again when somebody
/// asks for it again. A cancelled one stays cancelled.
async fn revive_plan(session: &Session, id: &SweepId) -> anyhow::Result<()> {
    let status = session.queue.sweep_status(id).await?;
    if status.as_ref().is_some_and(|s| s.state == SweepState::Cancelled) {
        anyhow::bail!("sweep {id} was cancelled; pass --again to start a new one");
    }
    if let Some(status) = status.filter(|s| s.state == SweepState::Failed) {
        let filter = DeadFilter {
            sweep: Some(id.to_owned()),
            lane: Some("plan".into()),
            ..DeadFilter::default()
        };
        let (mut letters, mut any) = (Letters::new(&session.queue, filter), false);
        loop {
            let page = letters.next_page().await?;
            if page.is_empty() {
                break;
            }
            any = true;
            for letter in &page {
                session.queue.revive(&letter.dead.id, None).await?;
            }
        }
        if !any {
            // Somebody threw it away, or it was kept for as long as letters are.
            session.queue.replan(&status).await?;
        }
    }
    Ok(())
}
