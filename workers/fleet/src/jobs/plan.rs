//! Plan: one page of targets, then the next page or the end.

use crate::change;
use crate::context::Context;
use crate::findings;
use crate::pipeline;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::client::{Queue, QueueError};
use queue_schema::effects::{Effect, Effects, Ending};
use queue_schema::ids::{ReviewId, SweepId};
use queue_schema::jobs::Plan;
use queue_schema::records::{MemoryRecord, SweepRecord};
use queue_schema::rows::ReviewRow;
use queue_schema::sweep::{AuditSpec, SweepSpec, Target};
use scrum_domain::target::{self, SkipReason};
use scrum_repo::{Entry, EntryKind, IgnoreFile, RepoError, TargetGlobs};

/// Lines of the ignore file that an alert names.
const PROBLEMS_SHOWN: usize = 5;
/// Reviews that are read at once to be audited.
const AUDIT_PAGE: usize = 200;

/// Records the targets from `job.first` on.
///
/// # Errors
/// When the repository can't be read from here.
pub async fn run(ctx: &Context, _: JobInfo, job: Plan) -> Result<Effects, HandlerError> {
    if let Some(effects) = wait_for_memory(ctx, &job.sweep).await? {
        return Ok(effects);
    }
    let spec = ctx.spec_to_plan(&job.sweep).await?;
    if spec.diff.is_some() {
        return of_change(ctx, &spec, job).await;
    }
    if let Some(audit) = spec.audit.as_ref().filter(|audit| audit.of.is_some()) {
        return of_audit(ctx, &spec, audit, job).await;
    }
    let tree = ctx.tree(&spec).await?;
    let ignore = ctx.ignore_file(&spec, &tree).await?;
    let (of, rules, first) = (spec.clone(), ignore.clone(), job.first as usize);
    let all = tree.clone();
    // Thousands of paths, each held against every pattern.
    let listed = tokio::task::spawn_blocking(move || page(&of, &all, rules.as_deref(), first));
    let listed = listed.await.map_err(|e| HandlerError::retry("listing the targets", e))?;
    let (targets, more) = listed.map_err(|e| HandlerError::Fatal(e.to_string()))?;
    let written = u32::try_from(targets.len()).unwrap_or(u32::MAX);

    let mut effects = Effects::done()
        .with(SweepRecord::of(&job.sweep).planning_waits(""))
        .with(Effect::PlanTargets { sweep: job.sweep.clone(), first: job.first, targets });
    effects.list.extend(ignore.and_then(|i| alert(&job.sweep, i.problems())));
    if job.first == 0 {
        effects.list.extend(number(ctx, &job.sweep, &spec, &tree).await?);
    }
    pipeline::planned(effects, job, written, more)
}

/// The same of a sweep over a change. It has no number among those of its repository: it says nothing of files that
/// it does not change.
async fn of_change(ctx: &Context, spec: &SweepSpec, job: Plan) -> Result<Effects, HandlerError> {
    let change = change::spec_of(spec)?;
    let targets = if change.claims.is_some() {
        change::claims(&ctx.claims(&job.sweep, spec).await?)
    } else {
        change::targets(change, &*change::plan(ctx, spec).await?)
    };
    let (count, max) = (targets.len() as u64, u64::from(spec.limits.max_targets));
    if max > 0 && count > max {
        return Err(HandlerError::Fatal(RepoError::TooManyTargets { count, max }.to_string()));
    }
    let first = job.first as usize;
    let page = targets.into_iter().skip(first).take(spec.limits.plan_page as usize);
    let page: Vec<Target> = page.collect();
    let more = ((first + page.len()) as u64) < count;
    let written = u32::try_from(page.len()).unwrap_or(u32::MAX);
    let effects = Effects::done()
        .with(SweepRecord::of(&job.sweep).planning_waits(""))
        .with(Effect::PlanTargets { sweep: job.sweep.clone(), first: job.first, targets: page });
    pipeline::planned(effects, job, written, more)
}

/// The same of a sweep that audits another one: the targets are those of the other one, by the same numbers. It has no
/// number either: it reviews nothing.
async fn of_audit(
    ctx: &Context,
    spec: &SweepSpec,
    audit: &AuditSpec,
    job: Plan,
) -> Result<Effects, HandlerError> {
    let Some(of) = audit.of.as_ref() else { return Ok(Effects::done()) };
    let read = |queue: Queue| async move { queue.target_states(of).await };
    let total = ctx.read("the targets of the audited sweep", read).await?.len();
    let all = u32::try_from(total).unwrap_or(u32::MAX);
    let end = job.first.saturating_add(spec.limits.plan_page).min(all);
    let ordinals: Vec<u32> = (job.first..end).collect();
    let mut targets = Vec::with_capacity(ordinals.len());
    for some in ordinals.chunks(AUDIT_PAGE) {
        let reviews: Vec<ReviewId> = some.iter().map(|n| ReviewId::new(of, *n)).collect();
        let ids = &reviews;
        let read = |queue: Queue| async move {
            let rows = queue.rows_of::<ReviewRow>(of, ids).await?;
            Ok((queue.targets_of(of, some).await?, rows))
        };
        let (known, rows) = ctx.read("the reviews of the audited sweep", read).await?;
        targets
            .extend(known.into_iter().zip(rows).map(|(target, row)| to_audit(target, row, audit)));
    }
    let written = u32::try_from(targets.len()).unwrap_or(u32::MAX);
    let mut effects = Effects::done()
        .with(SweepRecord::of(&job.sweep).planning_waits(""))
        .with(Effect::PlanTargets { sweep: job.sweep.clone(), first: job.first, targets });
    if job.first == 0 {
        effects = effects.with(SweepRecord::of(of).audited_by(&job.sweep));
    }
    pipeline::planned(effects, job, written, end < all)
}

/// A target of a sweep that audits another one.
fn to_audit(target: Target, row: Option<ReviewRow>, audit: &AuditSpec) -> Target {
    let skip = match (&target.skip, row) {
        (Some(why), _) => Some(why.clone()),
        (None, None) => Some("it has no review".to_owned()),
        (None, Some(row)) if row.findings.iter().any(|f| audit.takes(f)) => None,
        (None, Some(_)) => {
            Some(format!("no finding of it is {} or graver", audit.min_severity.as_str()))
        }
    };
    Target { skip, ..target }
}

/// Gives the sweep its number among those of its repository, and the findings of files that its commit renames or
/// lacks their place, unless it was planned before.
async fn number(
    ctx: &Context,
    sweep: &SweepId,
    spec: &SweepSpec,
    tree: &[Entry],
) -> Result<Vec<Effect>, HandlerError> {
    let Some((memory, _)) = spec.memory() else { return Ok(Vec::new()) };
    if ctx.sweep_number(sweep).await?.is_some() {
        return Ok(Vec::new());
    }
    let of = &memory;
    let read = |queue: Queue| async move { queue.memory_state(of).await };
    let state = ctx.read("what is remembered of the repository", read).await?;
    let record = MemoryRecord::of(&memory);
    let mut effects = record.sweep_begins(&spec.identity, sweep, &spec.commit, &state);
    effects.extend(findings::planned(ctx, sweep, spec, tree, (&memory, &state)).await?);
    Ok(effects)
}

/// The targets from `first` on, up to a page of them, and whether there are more.
fn page(
    spec: &SweepSpec,
    tree: &[Entry],
    ignore: Option<&IgnoreFile>,
    first: usize,
) -> Result<(Vec<Target>, bool), RepoError> {
    let globs = TargetGlobs::new(&spec.globs)?;
    let wanted = || tree.iter().filter(|e| globs.matches(&e.path));
    let max = u64::from(spec.limits.max_targets);
    if first == 0 && max > 0 {
        let count = wanted().count() as u64;
        if count > max {
            return Err(RepoError::TooManyTargets { count, max });
        }
    }
    let mut wanted = wanted().skip(first);
    let some = wanted.by_ref().take(spec.limits.plan_page as usize);
    let targets = some.map(|e| describe(e, spec, ignore)).collect();
    Ok((targets, wanted.next().is_some()))
}

/// Pages are what fills a server. While it has too little left, planning waits, so that reviews that
/// are under way have room to end; no attempt is counted, however long that takes.
async fn wait_for_memory(ctx: &Context, sweep: &SweepId) -> Result<Option<Effects>, HandlerError> {
    let look = |queue: Queue| async move {
        match queue.of_sweep(sweep).check_memory().await {
            Ok(()) => Ok(None),
            Err(error @ QueueError::OutOfMemory { .. }) => Ok(Some(error.to_string())),
            Err(error) => Err(error),
        }
    };
    let Some(why) = ctx.read("the memory of Redis", look).await? else { return Ok(None) };
    tracing::warn!(%sweep, why, "planning waits");
    let delay_ms = ctx.settings().queue.sweep_interval_ms;
    let ending = Ending::Wait { delay_ms, reason: why.clone() };
    Ok(Some(Effects::done().with(SweepRecord::of(sweep).planning_waits(&why)).ending(ending)))
}

/// Says which lines of the ignore file keep nothing out.
fn alert(sweep: &SweepId, problems: &[String]) -> Option<Effect> {
    let mut told: Vec<String> = problems.iter().take(PROBLEMS_SHOWN).cloned().collect();
    let more = problems.len() - told.len();
    told.extend((more > 0).then(|| format!("and {more} more")));
    let alert = |said| SweepRecord::of(sweep).alert(IgnoreFile::NAME.to_owned(), said);
    (!told.is_empty()).then(|| alert(told.join("; ")))
}

/// A target with the reason for skipping it, as far as the tree alone tells.
fn describe(entry: &Entry, spec: &SweepSpec, ignore: Option<&IgnoreFile>) -> Target {
    let reason = match entry.kind {
        EntryKind::Symlink => Some(SkipReason::Symlink),
        EntryKind::Submodule => Some(SkipReason::Submodule),
        EntryKind::File | EntryKind::Executable => {
            if ignore.is_some_and(|i| i.is_ignored(&entry.path)) {
                Some(SkipReason::Ignored)
            } else {
                target::skip_by_path(&entry.path)
                    .or_else(|| target::skip_by_size(entry.bytes, spec.limits.max_file_bytes))
            }
        }
    };
    Target {
        path: entry.path.clone(),
        blob: entry.blob.clone(),
        bytes: entry.bytes,
        skip: reason.map(|r| r.to_string()),
    }
}
