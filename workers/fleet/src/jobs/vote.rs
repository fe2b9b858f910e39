//! Vote: what one voter says of a claim about a change. A vote that no rung gives is missing, and the others are
//! counted. When all voters are heard, the last job counts the votes, and asks the tie-breaker where they split.

use crate::context::Context;
use crate::model::{Answer, Rejected};
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use crate::votes::{self, Panel, Poll, Seat, Seen, Votes};
use crate::{change, pipeline};
use queue_schema::effects::Effects;
use queue_schema::jobs::Vote;
use queue_schema::ledger::TaskClass;
use queue_schema::rows::ClaimRow;
use queue_schema::rows::claim::{CLAIM_SCHEMA_VERSION, ClaimVote, Stand, VoteSaid};
use queue_schema::sweep::{ClaimsSpec, DiffSpec};
use scrum_domain::claims::{self, Asked, Claim, Decision, Material};
use scrum_domain::prompt::Prompt;
use scrum_domain::redact;

/// One vote, with what it is about.
struct Work {
    seat: Seat<Vote>,
    claim: Claim,
    material: Material,
}

/// Asks one voter, or counts the votes.
///
/// # Errors
/// When the repository or Redis can't be read.
pub async fn run(ctx: &Context, info: JobInfo, job: Vote) -> Result<Effects, HandlerError> {
    let work = load(ctx, job).await?;
    votes::run(ctx, &info, work).await
}

async fn load(ctx: &Context, job: Vote) -> Result<Work, HandlerError> {
    let seat = Seat::of(ctx, job).await?;
    let (sweep, spec) = (&seat.job.sweep, &seat.spec);
    let (all, plan) = tokio::try_join!(ctx.claims(sweep, spec), change::plan(ctx, spec))?;
    let target = seat.job.target;
    let claim = all.get(target as usize).cloned();
    let claim = claim.ok_or_else(|| HandlerError::Fatal(format!("there is no claim {target}")))?;
    let parts: Vec<(&str, &str)> =
        plan.bundles.iter().map(|part| (part.name.as_str(), part.text.as_str())).collect();
    let most = change::spec_of(spec)?.bounds.split_over_bytes;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let material = claims::material(&parts, &claim.text, most);
    Ok(Work { seat, claim, material })
}

impl Poll for Work {
    type Job = Vote;
    type Said = VoteSaid;

    fn seat(&self) -> &Seat<Vote> {
        &self.seat
    }

    fn panel(&self) -> Result<Panel<'_>, HandlerError> {
        let (change, claims) = self.change()?;
        Ok(Panel {
            voters: &change.reviewers,
            tie_breaker: claims.tie_breaker.as_ref(),
            max_tokens: change.bounds.max_tokens,
            path: &self.claim.source,
            task: TaskClass::Review,
            optional: false,
        })
    }

    fn prompt(&self, seen: Seen) -> (Prompt, u32) {
        let (claim, material, masked) = self.shown(seen.leaves);
        let (vote, fence) = (self.seat.job.voter + 1, self.seat.fence.as_str());
        (claims::prompt(&Asked { claim: &claim, material: &material, vote, fence }), masked)
    }

    fn judge(&self, answer: &Answer) -> Result<VoteSaid, Rejected> {
        claims::judge(&answer.seen(), &self.material)
    }

    fn is_split(&self, votes: &[ClaimVote]) -> bool {
        self.decide(votes, None, false) == Decision::Split
    }

    async fn settle(
        self,
        _: &Context,
        effects: Effects,
        votes: Votes<VoteSaid>,
    ) -> Result<Effects, HandlerError> {
        let (change, _) = self.change()?;
        let Votes { heard, tie_breaker } = votes;
        let decided = self.decide(&heard, tie_breaker.as_ref(), true);
        let Decision::Decided(verdict, reason) = decided else {
            return Err(HandlerError::Fatal("votes split for ever".to_owned()));
        };
        let Seat { spec, job, review, .. } = &self.seat;
        let row = ClaimRow {
            checked_at: super::now(),
            sweep_id: job.sweep.to_string(),
            review_id: review.to_string(),
            repo: queue_schema::url::public_address(&spec.repo),
            base: change.base.clone(),
            head_sha: spec.commit.clone(),
            claim: self.claim.text.clone(),
            source: self.claim.source.clone(),
            verdict,
            reason,
            tie_broken: tie_breaker.is_some(),
            votes: heard.into_iter().chain(tie_breaker).collect(),
            not_shown: self.material.not_shown.clone(),
            schema_version: CLAIM_SCHEMA_VERSION,
        };
        tracing::info!(claim = row.claim, verdict = verdict.words(), row.reason, "claim");
        let effects = effects.append_row(&job.sweep, &row)?;
        Ok(pipeline::over(effects, &job.sweep, job.target))
    }
}

impl Work {
    fn change(&self) -> Result<(&DiffSpec, &ClaimsSpec), HandlerError> {
        let change = change::spec_of(&self.seat.spec)?;
        let claims = change.claims.as_ref();
        claims
            .map(|claims| (change, claims))
            .ok_or_else(|| HandlerError::Fatal("the sweep is about no claims".to_owned()))
    }

    fn decide(&self, votes: &[ClaimVote], tie: Option<&ClaimVote>, last: bool) -> Decision {
        let asked = self.panel().map_or(0, |panel| panel.voters.len());
        let stands: Vec<Stand> = votes.iter().filter_map(counted).collect();
        claims::decide(&stands, asked, tie.and_then(counted), last)
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
}

/// What a vote counts for.
fn counted(vote: &ClaimVote) -> Option<Stand> {
    vote.said.as_ref().filter(|said| said.counts).map(|said| said.stand)
}
