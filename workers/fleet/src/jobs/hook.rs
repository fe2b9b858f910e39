//! Hook: a forge has told of a request. What it is now is asked of the forge, and the review of its change is begun.
//!
//! Nothing in the change decides how it is reviewed: all settings are this worker's own, what is left out says the commit
//! before the change, and the commits are those that the forge names. So it does no harm when a delivery comes late, or
//! twice: the same commits are the same sweep.

use crate::context::Context;
use crate::forge;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use crate::runtime::places::{self, Patience};
use queue_schema::budget::BudgetRequest;
use queue_schema::client::{Created, Queue, SweepState, SweepStatus};
use queue_schema::effects::{Effects, Ending, Priority};
use queue_schema::forge::PostTo;
use queue_schema::jobs::{Hook, Post};
use queue_schema::sweep::{DiffFailOn, PostSpec, SweepSpec};
use scrum_change::{ChangeError, Request, reviewers};
use scrum_config::HookRepository;
use scrum_domain::hook::Account;
use scrum_forges::{Client, ForgeError, Pull, may_write, pull};
use scrum_repo::{DiffRange, Repo, RepoError};
use std::collections::BTreeMap;

/// Begins a review, or finds that there is none to begin.
///
/// # Errors
/// When the forge refuses, the repository can't be read, or the change is too large.
pub async fn run(ctx: &Context, _: JobInfo, job: Hook) -> Result<Effects, HandlerError> {
    let of = ctx.settings().hooks.repositories.get(&job.repository);
    let of = of.filter(|of| of.forge == job.forge).ok_or_else(|| {
        HandlerError::Fatal(format!(
            "the settings of this worker have no hooks.repositories.{}; add it as scrum-web has it",
            job.repository
        ))
    })?;
    let to = of.request(job.number);
    let Ok(mut place) = places::take(&job.pool(), Patience::ENDLESS).await else {
        return Ok(Effects::done().ending(Ending::HandBack));
    };
    let client = forge::client(ctx, &to)?;
    place.begin();
    let asked = ask(&client, &to, &job, of.drafts).await;
    let pull = match forge::ended(job.forge, place, asked)? {
        Ok(Ok(pull)) => pull,
        Ok(Err(why)) => {
            tracing::info!(repo = %to.repo, number = to.number, why, "no review is begun");
            return Ok(Effects::done());
        }
        Err(later) => return Ok(later),
    };
    let spec = wanted(ctx, of, &to, pull).await?;
    begin(ctx, &job, spec).await?;
    Ok(Effects::done())
}

/// The request as it is now; or why it is not reviewed.
async fn ask(
    client: &Client,
    to: &PostTo,
    job: &Hook,
    drafts: bool,
) -> Result<Result<Pull, &'static str>, ForgeError> {
    let pull = pull(client, to).await?;
    if !pull.open {
        return Ok(Err("it is closed"));
    }
    match &job.by {
        Some(by) => {
            let who = Account { id: by.id, login: by.login.clone() };
            if !may_write(client, to, &who).await? {
                return Ok(Err("who asked for it may not write to the repository"));
            }
        }
        None if pull.draft && !drafts => return Ok(Err("it is a draft")),
        None => {}
    }
    Ok(Ok(pull))
}

/// The record of the review.
async fn wanted(
    ctx: &Context,
    of: &HookRepository,
    to: &PostTo,
    pull: Pull,
) -> Result<SweepSpec, HandlerError> {
    let settings = ctx.settings();
    let fatal = |why: String| HandlerError::Fatal(why);
    let named: Vec<(String, String)> = of
        .reviewers
        .iter()
        .filter_map(|name| Some((name.clone(), settings.diff.reviewers.get(name)?.clone())))
        .collect();
    // Whether a model can be asked, only the workers know that serve it.
    let found = reviewers(&named, settings, |_| None).map_err(|e| fatal(e.to_string()))?;
    let fail_on = of.fail_on.map_or("", DiffFailOn::as_str).to_owned();
    let mut request = Request {
        repo: of.clone.clone(),
        range: DiffRange { base: String::new(), head: String::new() },
        rev: to.head_ref(),
        reviewers: found.reviewers,
        force: false,
        post: Some(PostSpec { to: to.clone(), fail_on, target_url: None }),
        labels: BTreeMap::new(),
        again: 0,
    };
    let owned = settings.clone();
    let read = ctx.with_fresh_repo(&of.clone, move |repo| {
        let Some(range) = range(repo, &request.rev, &pull)? else { return Ok(None) };
        request.range = range;
        match scrum_change::prepare(request, repo, &owned) {
            Ok((spec, _)) => Ok(Some(Ok(spec))),
            Err(ChangeError::Repo(error)) => Err(error),
            Err(error) => Ok(Some(Err(error.to_string()))),
        }
    });
    let Some(spec) = read.await? else {
        let why = "the repository does not have the commit yet that the forge names";
        return Err(HandlerError::Retry(format!("{} {}: {why}", to.repo, to.number)));
    };
    spec.map_err(fatal)
}

/// From where the request parted from its branch to what it proposes; `None` while the repository is behind the forge.
fn range(repo: &Repo, head: &str, pull: &Pull) -> Result<Option<DiffRange>, RepoError> {
    if repo.resolve(head)? != pull.head {
        return Ok(None);
    }
    let base = repo.resolve(&format!("refs/heads/{}", pull.base))?;
    repo.range(&format!("{base}...{}", pull.head)).map(Some)
}

/// Writes the record; one that is there is published again, or begun again where a person asks for what has failed.
async fn begin(ctx: &Context, job: &Hook, mut spec: SweepSpec) -> Result<(), HandlerError> {
    let mut created = create(ctx, &spec).await?;
    let look = |queue: Queue| {
        let id = created.id.clone();
        async move { queue.sweep_status(&id).await }
    };
    let status = ctx.read("how far the review is", look).await?;
    let failed =
        |s: &SweepStatus| s.is_over() && (s.state == SweepState::Cancelled || s.unresolved > 0);
    if !created.new && job.by.is_some() && status.as_ref().is_some_and(failed) {
        spec.again = job.told_ms;
        created = create(ctx, &spec).await?;
    }
    let id = &created.id;
    tracing::info!(sweep = %id, rev = %spec.rev, head = %spec.commit, new = created.new, "a review of a change");
    let Some(what) = spec.diff.and_then(|change| change.post).filter(|_| !created.new) else {
        return Ok(());
    };
    let kept = ctx.read("the review", |queue| async move { queue.sweep_spec(id).await }).await?;
    let kept = kept.and_then(|kept| kept.diff?.post);
    if kept.as_ref() == Some(&what) && status.is_some_and(|status| !status.is_over()) {
        return Ok(());
    }
    let post = &Post { sweep: id.clone(), what, asked_ms: job.told_ms };
    let start = |queue: Queue| async move { queue.start_post(post).await };
    ctx.read("the request to publish the review", start).await.map(drop)
}

async fn create(ctx: &Context, spec: &SweepSpec) -> Result<Created, HandlerError> {
    let defaults = ctx.settings().budget.caps();
    let budget = &BudgetRequest { calls: None, tokens: None, micro_usd: None, defaults };
    let create = |queue: Queue| async move {
        queue.create_sweep_within(spec, &[], Priority::High, budget).await
    };
    let span = scrum_traces::sweep(&spec.id());
    let created = ctx.read("the record of the review", create).await;
    if !created.as_ref().is_ok_and(|created| created.new) {
        span.discard();
    }
    created
}
