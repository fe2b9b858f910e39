//! Votes, whatever they are on: one voter is asked, rung by rung, and heard in any case; when all are heard, the last job
//! counts, and asks the tie-breaker where they split. A [`Poll`] says what is shown, read and counted.

use crate::context::Context;
use crate::model::{self, Answer, Question, Rejected, Said};
use crate::pipeline::{self, Climb as _, Turn};
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::effects::Effects;
use queue_schema::ids::ReviewId;
use queue_schema::jobs::JobKind as _;
use queue_schema::ledger::TaskClass;
use queue_schema::records::ReviewState;
use queue_schema::rows::Heard;
use queue_schema::sweep::{Reviewer, Rung, SweepSpec};
use scrum_config::Wire;
use scrum_domain::prompt::Prompt;
use scrum_domain::text::clip;
use serde::{Serialize, de::DeserializeOwned};
use std::future::Future;
use std::sync::Arc;

/// Characters of the reason of a missing vote that are kept.
const REASON_CHARS: usize = 300;

/// Who is asked, and how.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Panel<'a> {
    /// Who votes.
    pub(crate) voters: &'a [Reviewer],
    /// Who is asked when they split.
    pub(crate) tie_breaker: Option<&'a Reviewer>,
    /// Tokens to generate for a vote.
    pub(crate) max_tokens: u32,
    /// Path of the file that it is about, or where the claim stands.
    pub(crate) path: &'a str,
    /// What calls are counted under.
    pub(crate) task: TaskClass,
    /// Whether the sweep can do without: near the cap nobody is asked.
    pub(crate) optional: bool,
}

/// A voter's job, with what any poll has.
#[derive(Debug)]
pub(crate) struct Seat<J> {
    /// The sweep.
    pub(crate) spec: Arc<SweepSpec>,
    /// The job.
    pub(crate) job: J,
    /// The review whose state keeps the votes.
    pub(crate) review: ReviewId,
    /// That state.
    pub(crate) state: ReviewState,
    /// The marker around material.
    pub(crate) fence: String,
}

/// What a prompt depends on besides what is voted on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    /// The text leaves the user's machines: secrets are masked.
    pub(crate) leaves: bool,
    /// The provider keeps answers to a schema.
    pub(crate) wants_json: bool,
}

/// All votes, those that are missing included.
#[derive(Debug)]
pub(crate) struct Votes<S> {
    /// Of the voters.
    pub(crate) heard: Vec<Heard<S>>,
    /// Of the tie-breaker, where it was asked.
    pub(crate) tie_breaker: Option<Heard<S>>,
}

/// Something that is put to the vote.
pub(crate) trait Poll: Sized + Send + Sync {
    /// The job of one voter.
    type Job: Turn;
    /// What an answer says.
    type Said: Serialize + DeserializeOwned + Send + Sync;

    /// The job, and what it is about.
    fn seat(&self) -> &Seat<Self::Job>;
    /// Who is asked.
    ///
    /// # Errors
    /// When the sweep puts nothing to the vote.
    fn panel(&self) -> Result<Panel<'_>, HandlerError>;
    /// The prompt of this voter, and the secrets that are masked in it.
    fn prompt(&self, seen: Seen) -> (Prompt, u32);
    /// The files that the prompt is made of: no piece of their secrets leaves.
    fn unmasked(&self) -> Arc<str>;
    /// Reads an answer.
    ///
    /// # Errors
    /// Why it is no vote.
    fn judge(&self, answer: &Answer) -> Result<Self::Said, Rejected>;
    /// Whether the votes split, so that the tie-breaker is needed.
    fn is_split(&self, votes: &[Heard<Self::Said>]) -> bool;
    /// What the votes come to.
    fn settle(
        self,
        ctx: &Context,
        effects: Effects,
        votes: Votes<Self::Said>,
    ) -> impl Future<Output = Result<Effects, HandlerError>> + Send;
}

impl<J: Turn> Seat<J> {
    /// Reads what any poll has.
    ///
    /// # Errors
    /// When Redis can't be read.
    pub(crate) async fn of(ctx: &Context, job: J) -> Result<Self, HandlerError> {
        let spec = ctx.spec(job.sweep()).await?;
        let review = ReviewId::new(job.sweep(), job.target().unwrap_or_default());
        let state = ctx.review_state(&review).await?;
        let fence = model::fence(job.sweep(), &spec);
        Ok(Self { spec, job, review, state, fence })
    }

    /// The votes so far.
    pub(crate) fn votes<S: DeserializeOwned>(&self) -> Vec<Heard<S>> {
        self.state.votes.values().filter_map(|json| serde_json::from_str(json).ok()).collect()
    }

    /// Whether it is the job that counts.
    pub(crate) fn is_last(&self, panel: &Panel<'_>) -> bool {
        self.job.voter() as usize >= panel.voters.len()
    }

    fn voter<'a>(&self, panel: &Panel<'a>) -> Result<&'a Reviewer, HandlerError> {
        let voter = panel.voters.get(self.job.voter() as usize).or(panel.tie_breaker);
        voter.ok_or_else(|| HandlerError::Fatal("there is no such voter".to_owned()))
    }
}

/// Asks one voter, or counts the votes.
///
/// # Errors
/// When the repository or Redis can't be read.
pub(crate) async fn run<P: Poll>(
    ctx: &Context,
    info: &JobInfo,
    poll: P,
) -> Result<Effects, HandlerError> {
    let panel = poll.panel()?;
    if !poll.seat().is_last(&panel) {
        return ask(ctx, info, poll).await;
    }
    let heard = poll.seat().votes();
    if panel.tie_breaker.is_some() && poll.is_split(&heard) {
        return ask(ctx, info, poll).await;
    }
    poll.settle(ctx, Effects::done(), Votes { heard, tie_breaker: None }).await
}

async fn ask<P: Poll>(ctx: &Context, info: &JobInfo, poll: P) -> Result<Effects, HandlerError> {
    let (seat, panel) = (poll.seat(), poll.panel()?);
    let voter = seat.voter(&panel)?;
    let rung = voter.ladder.rungs.get(seat.job.place().0 as usize).cloned();
    let rung = rung
        .ok_or_else(|| HandlerError::Fatal(format!("the voter {} has no such rung", voter.name)))?;
    let provider = ctx.settings().providers.get(&rung.provider);
    if provider.is_some_and(|p| p.wire == Wire::Builtin) {
        let why = format!("{} is no model and can't vote", rung.provider);
        return missing(ctx, Effects::done(), poll, Some(&rung), &why).await;
    }
    let tried = match model::ask(ctx, info, question(ctx, &poll, &rung)?).await? {
        Said::Tried(tried) => tried,
        Said::Later(effects) => return Ok(effects),
        Said::PassOver(why) | Said::LeftOut(why) => {
            let why = format!("left out because of the budget: {why}");
            return missing(ctx, Effects::done(), poll, None, &why).await;
        }
    };
    let judged = tried.judge(|answer| poll.judge(answer));
    let effects = Effects::done().with_all(judged.effects);
    match (judged.verdict, judged.answer) {
        (Ok(said), Some(answer)) => {
            let took = answer.took();
            let vote = Heard {
                voter: voter.name.clone(),
                model: Some(rung.name()),
                said: Some(said),
                missing: String::new(),
                tokens_in: took.tokens_in,
                tokens_out: took.tokens_out,
                cost_usd: took.cost_usd,
                duration_ms: took.duration_ms,
            };
            heard(ctx, effects, poll, vote).await
        }
        (Err((outcome, reason)), _) => {
            if let Some(next) = pipeline::next_vote(&voter.ladder, &seat.job) {
                return Ok(effects.enqueue(&next)?);
            }
            missing(ctx, effects, poll, Some(&rung), &format!("{outcome}: {reason}")).await
        }
        (Ok(_), None) => missing(ctx, effects, poll, Some(&rung), "there is no answer").await,
    }
}

fn question<'a, P: Poll>(
    ctx: &Context,
    poll: &'a P,
    rung: &'a Rung,
) -> Result<Question<'a>, HandlerError> {
    let (seat, panel) = (poll.seat(), poll.panel()?);
    let provider = ctx.settings().providers.get(&rung.provider);
    let seen = Seen {
        leaves: model::sweep_leaves(ctx, &seat.spec, rung),
        wants_json: provider.is_some_and(|p| p.json_schema),
    };
    let (prompt, masked) = poll.prompt(seen);
    Ok(Question {
        spec: &seat.spec,
        sweep: seat.job.sweep(),
        review: Some(&seat.review),
        task: panel.task,
        path: panel.path,
        rung,
        local: seat.spec.says_local(&rung.provider),
        ladder: &seat.voter(&panel)?.ladder,
        further: seat.job.place().1 > 1,
        optional: panel.optional,
        prompt,
        apart: "",
        fence: &seat.fence,
        unmasked: poll.unmasked(),
        builtin: None,
        max_tokens: rung.max_tokens.unwrap_or(panel.max_tokens),
        masked,
    })
}

/// There is no vote, and this is why.
async fn missing<P: Poll>(
    ctx: &Context,
    effects: Effects,
    poll: P,
    rung: Option<&Rung>,
    why: &str,
) -> Result<Effects, HandlerError> {
    let vote = Heard {
        voter: poll.seat().voter(&poll.panel()?)?.name.clone(),
        model: rung.map(Rung::name),
        said: None,
        missing: clip(why, REASON_CHARS).to_owned(),
        tokens_in: 0,
        tokens_out: 0,
        cost_usd: None,
        duration_ms: 0,
    };
    heard(ctx, effects, poll, vote).await
}

/// A voter is heard: the others are waited for; behind the tie-breaker there is nobody.
async fn heard<P: Poll>(
    ctx: &Context,
    effects: Effects,
    poll: P,
    vote: Heard<P::Said>,
) -> Result<Effects, HandlerError> {
    let seat = poll.seat();
    let (voter, model) = (&vote.voter, vote.model.as_deref().unwrap_or("nobody"));
    tracing::info!(review = %seat.review, voter, model, missing = vote.missing, "vote");
    if !seat.is_last(&poll.panel()?) {
        let json = serde_json::to_string(&vote)?;
        return Ok(pipeline::voted(effects, &seat.job, &json));
    }
    let heard = seat.votes();
    poll.settle(ctx, effects, Votes { heard, tie_breaker: Some(vote) }).await
}
