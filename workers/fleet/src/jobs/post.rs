//! Post: a pull or merge request is brought to what the reviews of a change come to.

use crate::change;
use crate::context::Context;
use crate::forge;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use crate::runtime::places::{self, Patience};
use queue_schema::client::Queue;
use queue_schema::effects::{Effects, Ending};
use queue_schema::ids::SweepId;
use queue_schema::jobs::{JobKind as _, Post};
use queue_schema::rows::post::SCHEMA_VERSION;
use queue_schema::rows::{PostRow, PostState};
use queue_schema::sweep::DiffFailOn;
use scrum_domain::diff::Tally;
use scrum_domain::forge::Publication;
use scrum_domain::text::counted;
use scrum_forges::{Published, publish};
use scrum_knowledge::Change;

/// Publishes. Whatever was sent before is found there, and not sent again.
///
/// # Errors
/// When Redis can't be read, or the forge refuses.
pub async fn run(ctx: &Context, _: JobInfo, job: Post) -> Result<Effects, HandlerError> {
    if let Some(effects) = wait_for_end(ctx, &job.sweep).await? {
        return Ok(effects);
    }
    let Ok(mut place) = places::take(&job.pool(), Patience::ENDLESS).await else {
        return Ok(Effects::done().ending(Ending::HandBack));
    };
    let (kind, settings) = (job.what.to.forge, &ctx.settings().forge);
    let client = forge::client(ctx, &job.what.to)?;
    let publication = publication(ctx, &job).await?;
    place.begin();
    let most = usize::try_from(settings.max_comments).unwrap_or(usize::MAX);
    let published = publish(&client, &job.what.to, &publication, most).await;
    match forge::ended(kind, place, published)? {
        Ok(published) => {
            let row = row(&job, publication.head, published);
            tracing::info!(forge = kind.name(), repo = %row.repo, number = row.number, inline = row.inline, "posted");
            Ok(Effects::done().append_row(&job.sweep, &row)?)
        }
        Err(later) => Ok(later),
    }
}

/// Somebody asked while the reviews are still under way, and their record does not say what is to be published.
async fn wait_for_end(ctx: &Context, sweep: &SweepId) -> Result<Option<Effects>, HandlerError> {
    let look = |queue: Queue| async move { queue.sweep_status(sweep).await };
    let status = ctx.read("how far the sweep is", look).await?;
    if status.is_none_or(|status| status.is_over()) {
        return Ok(None);
    }
    let delay_ms = ctx.settings().queue.sweep_interval_ms;
    let reason = "the review is not over yet".to_owned();
    Ok(Some(Effects::done().ending(Ending::Wait { delay_ms, reason })))
}

/// What the request should show.
async fn publication(ctx: &Context, job: &Post) -> Result<Publication, HandlerError> {
    let asked = if job.what.fail_on.is_empty() {
        ctx.settings().diff.fail_on.as_str()
    } else {
        &job.what.fail_on
    };
    let fail_on: DiffFailOn = asked.parse().map_err(HandlerError::Fatal)?;
    let tallied = change::tallied(ctx, &job.sweep).await?;
    let (change, tally) =
        tallied.ok_or_else(|| HandlerError::Fatal("the sweep is about no change".to_owned()))?;
    let publication = Publication {
        head: change.sweep.spec().commit.clone(),
        context: ctx.settings().forge.context.clone(),
        state: Publication::state_of(tally.exit_code(fail_on)),
        headline: headline(&tally),
        notes: notes(&change, &tally),
        complete: tally.missing.is_empty() && tally.unreviewed.is_empty(),
        findings: Vec::new(),
        left_out: change.left_out.iter().map(|(path, _)| path.clone()).collect(),
        target_url: job.what.target_url.clone(),
    };
    Ok(publication.with_findings(&change.rows(&tally)))
}

fn headline(tally: &Tally) -> String {
    let answered = tally.reviewers.iter().filter(|voter| voter.answered > 0).count();
    let convergent = tally.findings.iter().filter(|group| group.is_convergent()).count();
    let findings = counted(tally.findings.len(), "finding", "findings");
    let asked = counted(tally.reviewers.len(), "reviewer", "reviewers");
    format!("{findings}, {convergent} of them by several; {answered} of {asked} answered")
}

/// Who did not answer, and what nobody was shown.
fn notes(change: &Change, tally: &Tally) -> Vec<String> {
    let missing = tally.missing.iter();
    let missing =
        missing.map(|m| format!("Not reviewed: {} by {}: {}", m.bundle, m.reviewer, m.reason));
    let left_out = change.left_out.iter();
    let left_out = left_out.map(|(path, reason)| format!("Left out: {path} ({reason})"));
    missing.chain(left_out).collect()
}

fn row(job: &Post, head: String, published: Published) -> PostRow {
    let (outcome, count) = (published.outcome, |n: usize| u32::try_from(n).unwrap_or(u32::MAX));
    PostRow {
        sweep_id: job.sweep.to_string(),
        job: job.id().to_string(),
        forge: job.what.to.forge,
        repo: job.what.to.repo.clone(),
        number: job.what.to.number,
        head,
        state: match outcome {
            o if o.closed => PostState::Closed,
            o if o.moved => PostState::Moved,
            _ => PostState::Posted,
        },
        inline: count(outcome.inline),
        in_summary: count(outcome.in_summary),
        gone: count(outcome.gone),
        refused: published.refused.into_iter().collect(),
        troubles: published.troubles,
        ts: super::now(),
        schema_version: SCHEMA_VERSION,
    }
}
