//! Vote: what one voter says of a claim about a change. A vote that no rung gives is missing, and the others are
//! counted. When all voters are heard, the last job counts the votes, and asks the tie-breaker where they split.

use crate::context::Context;
use crate::model::{self, Answer, Question, Said};
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use crate::{change, pipeline};
use queue_schema::effects::Effects;
use queue_schema::ids::ReviewId;
use queue_schema::jobs::Vote;
use queue_schema::ledger::TaskClass;
use queue_schema::records::ReviewState;
use queue_schema::rows::ClaimRow;
use queue_schema::rows::claim::{CLAIM_SCHEMA_VERSION, ClaimVerdict, ClaimVote, Stand, VoteSaid};
use queue_schema::sweep::{ClaimsSpec, DiffSpec, Reviewer, Rung, SweepSpec};
use scrum_config::Wire;
use scrum_domain::claims::{self, Asked, Claim, Decision, Material};
use scrum_domain::redact;
use scrum_domain::text::clip;
use scrum_providers::Subject;
use std::sync::Arc;

/// Characters of a reason that are kept.
const REASON_CHARS: usize = 300;

/// One vote, with what it is about.
struct Work {
    spec: Arc<SweepSpec>,
    job: Vote,
    review: ReviewId,
    state: ReviewState,
    claim: Claim,
    material: Material,
    fence: String,
}

/// Asks one voter, or counts the votes.
///
/// # Errors
/// When the repository or Redis can't be read.
pub async fn run(ctx: &Context, info: JobInfo, job: Vote) -> Result<Effects, HandlerError> {
    let work = load(ctx, job).await?;
    if !work.is_last()? {
        return work.ask(ctx, &info).await;
    }
    match work.decide(None)? {
        Decision::Split => work.ask(ctx, &info).await,
        Decision::Decided(verdict, reason) => work.settle(Effects::done(), None, verdict, reason),
    }
}

async fn load(ctx: &Context, job: Vote) -> Result<Work, HandlerError> {
    let spec = ctx.spec(&job.sweep).await?;
    let review = ReviewId::new(&job.sweep, job.target);
    let (state, all, plan) = tokio::try_join!(
        ctx.review_state(&review),
        ctx.claims(&job.sweep, &spec),
        change::plan(ctx, &spec),
    )?;
    let claim = all.get(job.target as usize).cloned();
    let claim =
        claim.ok_or_else(|| HandlerError::Fatal(format!("there is no claim {}", job.target)))?;
    let parts: Vec<(&str, &str)> =
        plan.bundles.iter().map(|part| (part.name.as_str(), part.text.as_str())).collect();
    let most = change::spec_of(&spec)?.bounds.split_over_bytes;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let material = claims::material(&parts, &claim.text, most);
    let fence = model::fence(&job.sweep, &spec);
    Ok(Work { spec, job, review, state, claim, material, fence })
}

impl Work {
    fn change(&self) -> Result<(&DiffSpec, &ClaimsSpec), HandlerError> {
        let change = change::spec_of(&self.spec)?;
        let claims = change.claims.as_ref();
        claims
            .map(|claims| (change, claims))
            .ok_or_else(|| HandlerError::Fatal("the sweep is about no claims".to_owned()))
    }

    /// Whether it is the job that counts.
    fn is_last(&self) -> Result<bool, HandlerError> {
        Ok(self.job.voter as usize >= self.change()?.0.reviewers.len())
    }

    fn voter(&self) -> Result<&Reviewer, HandlerError> {
        let (change, claims) = self.change()?;
        let voter = change.reviewers.get(self.job.voter as usize);
        let voter = voter.or(claims.tie_breaker.as_ref());
        voter.ok_or_else(|| HandlerError::Fatal("there is no such voter".to_owned()))
    }

    /// The votes so far, those that are missing included.
    fn votes(&self) -> Vec<ClaimVote> {
        self.state.votes.values().filter_map(|json| serde_json::from_str(json).ok()).collect()
    }

    fn decide(&self, tie_breaker: Option<&ClaimVote>) -> Result<Decision, HandlerError> {
        let (change, claims) = self.change()?;
        let stands: Vec<Stand> = self.votes().iter().filter_map(counted).collect();
        let asked = tie_breaker.is_some() || claims.tie_breaker.is_none();
        let tie = tie_breaker.and_then(counted);
        Ok(claims::decide(&stands, change.reviewers.len(), tie, asked))
    }

    async fn ask(self, ctx: &Context, info: &JobInfo) -> Result<Effects, HandlerError> {
        let voter = self.voter()?;
        let rung = voter.ladder.rungs.get(self.job.rung as usize).cloned();
        let rung = rung.ok_or_else(|| {
            HandlerError::Fatal(format!("the voter {} has no such rung", voter.name))
        })?;
        let provider = ctx.settings().providers.get(&rung.provider);
        if provider.is_some_and(|p| p.wire == Wire::Builtin) {
            let why = format!("{} is no model and can't vote", rung.provider);
            return self.missing(Effects::done(), Some(&rung), &why);
        }
        let question = self.question(ctx, &rung)?;
        let tried = match model::ask(ctx, info, question).await? {
            Said::Tried(tried) => tried,
            Said::Later(effects) => return Ok(effects),
            Said::PassOver(why) | Said::LeftOut(why) => {
                let why = format!("left out because of the budget: {why}");
                return self.missing(Effects::done(), None, &why);
            }
        };
        let judged = tried.judge(|answer| claims::judge(&answer.seen(), &self.material));
        let effects = Effects::done().with_all(judged.effects);
        match (judged.verdict, judged.answer) {
            (Ok(said), Some(answer)) => {
                let vote = self.vote(&rung, said, &answer)?;
                self.heard(effects, vote)
            }
            (Err((outcome, reason)), _) => {
                if let Some(next) = pipeline::next_vote(&self.voter()?.ladder, &self.job) {
                    return Ok(effects.enqueue(&next)?);
                }
                self.missing(effects, Some(&rung), &format!("{outcome}: {reason}"))
            }
            (Ok(_), None) => self.missing(effects, Some(&rung), "there is no answer"),
        }
    }

    fn question<'a>(&'a self, ctx: &Context, rung: &'a Rung) -> Result<Question<'a>, HandlerError> {
        let (change, _) = self.change()?;
        let leaves = model::sweep_leaves(ctx, &self.spec, rung);
        let (claim, material, masked) = self.shown(leaves);
        let asked = Asked {
            claim: &claim,
            material: &material,
            vote: self.job.voter + 1,
            fence: &self.fence,
        };
        Ok(Question {
            spec: &self.spec,
            sweep: &self.job.sweep,
            review: Some(&self.review),
            task: TaskClass::Review,
            path: &self.claim.source,
            rung,
            local: self.spec.says_local(&rung.provider),
            ladder: &self.voter()?.ladder,
            further: self.job.attempt > 1,
            optional: false,
            prompt: claims::prompt(&asked),
            apart: "",
            fence: &self.fence,
            subject: Subject::none(),
            max_tokens: rung.max_tokens.unwrap_or(change.bounds.max_tokens),
            masked,
        })
    }

    /// What a voter sees; for one that is not local, with secrets masked.
    fn shown(&self, leaves: bool) -> (Claim, Material, u32) {
        let (mut claim, mut material) = (self.claim.clone(), self.material.clone());
        if !leaves {
            return (claim, material, 0);
        }
        let (text, said) = (redact::mask(&material.text), redact::mask(&claim.text));
        let masked = text.count() + said.count();
        material.text = text.text;
        claim.text = said.text;
        (claim, material, masked)
    }

    fn vote(
        &self,
        rung: &Rung,
        said: VoteSaid,
        answer: &Answer,
    ) -> Result<ClaimVote, HandlerError> {
        let took = answer.took();
        Ok(ClaimVote {
            voter: self.voter()?.name.clone(),
            model: Some(rung.name()),
            said: Some(said),
            missing: String::new(),
            tokens_in: took.tokens_in,
            tokens_out: took.tokens_out,
            cost_usd: took.cost_usd,
            duration_ms: took.duration_ms,
        })
    }

    fn missing(
        self,
        effects: Effects,
        rung: Option<&Rung>,
        why: &str,
    ) -> Result<Effects, HandlerError> {
        let vote = ClaimVote {
            voter: self.voter()?.name.clone(),
            model: rung.map(Rung::name),
            said: None,
            missing: clip(why, REASON_CHARS).to_owned(),
            tokens_in: 0,
            tokens_out: 0,
            cost_usd: None,
            duration_ms: 0,
        };
        self.heard(effects, vote)
    }

    /// A voter is heard: the others are waited for; behind the tie-breaker there is nobody.
    fn heard(self, effects: Effects, vote: ClaimVote) -> Result<Effects, HandlerError> {
        let (voter, model) = (&vote.voter, vote.model.as_deref().unwrap_or("nobody"));
        let stand = vote.said.as_ref().map_or("missing", |said| said.stand.as_str());
        tracing::info!(claim = %self.claim.text, voter, model, stand, why = vote.missing, "vote");
        if !self.is_last()? {
            let json = serde_json::to_string(&vote)?;
            return Ok(pipeline::voted(effects, &self.job, &json));
        }
        match self.decide(Some(&vote))? {
            Decision::Decided(verdict, reason) => self.settle(effects, Some(vote), verdict, reason),
            Decision::Split => Err(HandlerError::Fatal("votes split for ever".to_owned())),
        }
    }

    fn settle(
        self,
        effects: Effects,
        tie_breaker: Option<ClaimVote>,
        verdict: ClaimVerdict,
        reason: String,
    ) -> Result<Effects, HandlerError> {
        let (change, _) = self.change()?;
        let tie_broken = tie_breaker.is_some();
        let row = ClaimRow {
            checked_at: super::now(),
            sweep_id: self.job.sweep.to_string(),
            review_id: self.review.to_string(),
            repo: queue_schema::url::public_address(&self.spec.repo),
            base: change.base.clone(),
            head_sha: self.spec.commit.clone(),
            claim: self.claim.text.clone(),
            source: self.claim.source.clone(),
            verdict,
            reason,
            votes: self.votes().into_iter().chain(tie_breaker).collect(),
            tie_broken,
            not_shown: self.material.not_shown.clone(),
            schema_version: CLAIM_SCHEMA_VERSION,
        };
        tracing::info!(claim = row.claim, verdict = verdict.words(), row.reason, "claim");
        let effects = effects.append_row(&self.job.sweep, &row)?;
        Ok(pipeline::over(effects, &self.job.sweep, self.job.target))
    }
}

/// What a vote counts for.
fn counted(vote: &ClaimVote) -> Option<Stand> {
    vote.said.as_ref().filter(|said| said.counts).map(|said| said.stand)
}
