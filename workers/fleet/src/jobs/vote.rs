//! Vote: what one voter says of a claim about a change. A vote that no rung gives is missing, and the others are
//! counted. When all voters are heard, the last job counts the votes, and asks the tie-breaker where they split.

use crate::context::Context;
use crate::model::{self, Answer, Rejected};
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
use scrum_domain::diff::{self, Bundle, Plan};
use scrum_domain::prompt::Prompt;
use scrum_domain::redact;
use std::sync::Arc;

/// One vote, with what it is about.
struct Work {
    seat: Seat<Vote>,
    claim: Claim,
    material: Material,
    /// The same for voters that are not local; none where all are.
    safe: Option<Safe>,
}

/// What a claim is held against, without secrets.
struct Safe {
    text: String,
    masked: u32,
    /// The files that it is made of.
    files: Arc<str>,
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
    let safe = safe(ctx, &seat, &plan, &material).await?;
    Ok(Work { seat, claim, material, safe })
}

/// The parts that voters are shown, masked by their whole files, if any of the voters is not local.
async fn safe(
    ctx: &Context,
    seat: &Seat<Vote>,
    plan: &Plan,
    material: &Material,
) -> Result<Option<Safe>, HandlerError> {
    let change = change::spec_of(&seat.spec)?;
    let tie_breaker = change.claims.iter().filter_map(|claims| claims.tie_breaker.as_ref());
    let mut rungs = change.reviewers.iter().chain(tie_breaker).flat_map(|r| &r.ladder.rungs);
    if !rungs.any(|rung| model::sweep_leaves(ctx, &seat.spec, rung)) {
        return Ok(None);
    }
    let is_shown = |part: &&Bundle| !material.not_shown.contains(&part.name);
    let parts: Vec<&Bundle> = plan.bundles.iter().filter(is_shown).collect();
    let sides = change::sides(ctx, &seat.spec, &parts, true).await?;
    let found: Vec<_> = parts.iter().map(|part| diff::masked(part, &sides)).collect();
    let masked = found.iter().map(redact::Masked::count).sum();
    let texts: Vec<String> = found.into_iter().map(|part| part.text).collect();
    Ok(Some(Safe { text: texts.join("\n"), masked, files: sides.joined().into() }))
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

    fn unmasked(&self) -> Arc<str> {
        self.safe.as_ref().map(|safe| Arc::clone(&safe.files)).unwrap_or_default()
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
        let Some(safe) = self.safe.as_ref().filter(|_| leaves) else {
            return (claim, material, 0);
        };
        let said = redact::Known::of(&safe.files).safe(&claim.text);
        material.text.clone_from(&safe.text);
        let masked = safe.masked + said.count();
        claim.text = said.text;
        (claim, material, masked)
    }
}

/// What a vote counts for.
fn counted(vote: &ClaimVote) -> Option<Stand> {
    vote.said.as_ref().filter(|said| said.counts).map(|said| said.stand)
}
