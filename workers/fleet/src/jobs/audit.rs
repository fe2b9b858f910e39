//! Audit: what one voter says of the findings of a review. When all voters are heard, the last job counts the votes, asks
//! the tie-breaker about the findings on which they split, and writes down what they come to.

use crate::audited::Settled;
use crate::context::Context;
use crate::model::{Answer, Rejected};
use crate::pipeline;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use crate::votes::{self, Panel, Poll, Seat, Seen, Votes};
use queue_schema::effects::Effects;
use queue_schema::ids::ReviewId;
use queue_schema::jobs::Audit;
use queue_schema::ledger::TaskClass;
use queue_schema::rows::audit::{AuditVote, AuditedFinding};
use queue_schema::rows::{AuditConsensusRow, Heard, ReviewRow};
use queue_schema::sweep::AuditSpec;
use scrum_domain::audit::{self, Asked, Ballot, Decided, Said, Vote};
use scrum_domain::prompt::Prompt;
use std::sync::Arc;

/// One vote, with what it is about.
struct Work {
    seat: Seat<Audit>,
    row: ReviewRow,
    ballot: Ballot,
    /// Places in the review of findings for which there is no room on the ballot.
    left: Vec<u32>,
    /// The findings that this voter is asked about, in its order.
    order: Vec<usize>,
}

/// Asks one voter, or counts the votes.
///
/// # Errors
/// When the repository or Redis can't be read.
pub async fn run(ctx: &Context, info: JobInfo, job: Audit) -> Result<Effects, HandlerError> {
    let work = load(ctx, job).await?;
    Box::pin(votes::run(ctx, &info, work)).await
}

async fn load(ctx: &Context, job: Audit) -> Result<Work, HandlerError> {
    let seat = Seat::of(ctx, job).await?;
    let spec = spec_of(&seat)?;
    let reviewed = spec.of.as_ref().unwrap_or(&seat.job.sweep);
    let review = ReviewId::new(reviewed, seat.job.target);
    let row = ctx.review_row(reviewed, &review).await?;
    let source = ctx.source(&seat.spec, &row.blob).await?;
    let (parts, left) = audit::take(&row.findings, spec);
    let ballot = Ballot { path: row.file.clone(), source, parts };
    let voter = seat.job.voter;
    let order = if voter as usize >= spec.voters.len() {
        let split = split(&ballot, &seat.votes());
        ballot.order(voter, Some(&split))
    } else {
        ballot.order(voter, None)
    };
    Ok(Work { seat, row, ballot, left, order })
}

fn spec_of(seat: &Seat<Audit>) -> Result<&AuditSpec, HandlerError> {
    let audit = seat.spec.audit.as_ref();
    audit.ok_or_else(|| HandlerError::Fatal("the sweep audits nothing".to_owned()))
}

/// Places of the findings on which voters split.
fn split(ballot: &Ballot, votes: &[Vote]) -> Vec<u32> {
    let places = ballot.parts.iter().map(|part| part.index);
    places.filter(|index| audit::decide(*index, votes, None, false).is_none()).collect()
}

impl Poll for Work {
    type Job = Audit;
    type Said = Vec<Said>;

    fn seat(&self) -> &Seat<Audit> {
        &self.seat
    }

    fn panel(&self) -> Result<Panel<'_>, HandlerError> {
        let spec = spec_of(&self.seat)?;
        Ok(Panel {
            voters: &spec.voters,
            tie_breaker: spec.tie_breaker.as_ref(),
            max_tokens: spec.bounds.max_tokens,
            path: &self.row.file,
            task: TaskClass::Audit,
            // In a sweep that reviews, what is left of a budget is for other reviews.
            optional: spec.of.is_none(),
        })
    }

    fn prompt(&self, seen: Seen) -> (Prompt, u32) {
        let bounds = self.seat.spec.audit.as_ref().map(|spec| spec.bounds).unwrap_or_default();
        let shown = self.ballot.shown(&bounds, seen.leaves);
        let asked = Asked {
            path: &self.ballot.path,
            shown: &shown,
            order: &self.order,
            vote: self.seat.job.voter + 1,
            wants_json: seen.wants_json,
            fence: &self.seat.fence,
        };
        (audit::prompt(&asked), shown.masked)
    }

    fn unmasked(&self) -> Arc<str> {
        self.ballot.source.as_str().into()
    }

    fn judge(&self, answer: &Answer) -> Result<Vec<Said>, Rejected> {
        audit::judge(&answer.seen(), &self.ballot, &self.order)
    }

    fn is_split(&self, _: &[Vote]) -> bool {
        !self.order.is_empty()
    }

    async fn settle(
        self,
        ctx: &Context,
        effects: Effects,
        votes: Votes<Vec<Said>>,
    ) -> Result<Effects, HandlerError> {
        let row = self.consensus(&votes)?;
        tracing::info!(
            file = row.file,
            row.upheld,
            row.rejected,
            row.split,
            row.undecided,
            "audit"
        );
        let (spec, job) = (&self.seat.spec, &self.seat.job);
        let settled = Settled { spec, review: &self.row, source: &self.ballot.source, audit: &row };
        let known = settled.effects(ctx).await?;
        let effects = effects.append_row(&job.sweep, &row)?.with_all(known);
        Ok(pipeline::over(effects, &job.sweep, job.target))
    }
}

impl Work {
    /// What the votes on a finding come to. Only those on which the voters split were put to the tie-breaker.
    fn decided(&self, index: u32, votes: &Votes<Vec<Said>>) -> Decided {
        let asked = self.order.iter().any(|at| self.ballot.parts[*at].index == index);
        let tie = votes.tie_breaker.as_ref().filter(|_| asked);
        audit::decide(index, &votes.heard, tie, true).unwrap_or_else(|| self.not_asked())
    }

    fn not_asked(&self) -> Decided {
        let most = self.seat.spec.audit.as_ref().map_or(0, |spec| spec.bounds.max_findings);
        Decided::not_asked(&format!("audit.max_findings is {most}"))
    }

    fn finding(&self, index: u32, votes: &Votes<Vec<Said>>) -> Option<AuditedFinding> {
        let finding = self.row.findings.get(index as usize)?;
        let left = self.left.contains(&index);
        let decided = if left { self.not_asked() } else { self.decided(index, votes) };
        let vote = |vote: &Vote| {
            let said = vote.said.as_ref()?.iter().find(|said| said.index == index)?;
            Some(AuditVote {
                voter: vote.voter.clone(),
                stand: said.stand,
                counts: said.counts,
                note: said.note.clone(),
                quote: said.quote.clone(),
                why: said.why.clone(),
            })
        };
        let votes = votes.heard.iter().chain(&votes.tie_breaker).filter_map(vote).collect();
        Some(audit::audited(index, finding, decided, votes))
    }

    fn consensus(&self, votes: &Votes<Vec<Said>>) -> Result<AuditConsensusRow, HandlerError> {
        let bounds = spec_of(&self.seat)?.bounds;
        let parts = self.ballot.parts.iter().map(|part| part.index);
        let mut places: Vec<u32> = parts.chain(self.left.iter().copied()).collect();
        places.sort_unstable();
        let findings: Vec<AuditedFinding> =
            places.into_iter().filter_map(|index| self.finding(index, votes)).collect();
        let all = || votes.heard.iter().chain(&votes.tie_breaker);
        let costs: Vec<f64> = all().filter_map(|vote| vote.cost_usd).collect();
        let count = |said: &Vec<Said>| u32::try_from(said.len()).unwrap_or(u32::MAX);
        Ok(AuditConsensusRow {
            audited_at: super::now(),
            voters: all().map(|vote: &Vote| -> Heard<u32> { vote.map(count) }).collect(),
            tie_broken: votes.tie_breaker.is_some(),
            whole: self.ballot.source.len() as u64 <= bounds.file_bytes,
            tokens_in: all().map(|vote| vote.tokens_in).sum(),
            tokens_out: all().map(|vote| vote.tokens_out).sum(),
            cost_usd: (!costs.is_empty()).then(|| costs.iter().sum()),
            ..audit::empty_row(&self.row, &self.seat.job.sweep, findings)
        })
    }
}
