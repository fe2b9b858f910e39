//! Rung: one attempt by one model; then a row, the next rung, or the dead-letter queue.

mod begun;
mod confirm;
mod settle;

use crate::context::Context;
use crate::memory;
use crate::model::{self, Answer, Question, Rejected, Said};
use crate::passages::{self, Documents, Found, Lookup};
use crate::pieces::pieces;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use crate::{definitions, pipeline};
use queue_schema::effects::Effects;
use queue_schema::ids::ReviewId;
use queue_schema::jobs::Rung;
use queue_schema::ledger::TaskClass;
use queue_schema::records::ReviewState;
use queue_schema::rows::{Attempt, TypeHint};
use queue_schema::sweep::{self, Ladder, SweepSpec, Target};
use scrum_domain::accept::{self, Judgement};
use scrum_domain::gathered::Gathered;
use scrum_domain::hints::{self, Hint};
use scrum_domain::parse::Parsed;
use scrum_domain::pathway::{self, Remembered};
use scrum_domain::prompt::{self, Body, Prompt, ReviewInput};
use scrum_domain::retrieve::Chunk;
use scrum_domain::{anchor, builtin, fit, redact, target};
use scrum_providers::{Checking, Task};
use std::sync::Arc;

/// A review at one of its rungs.
struct Work {
    spec: Arc<SweepSpec>,
    job: Rung,
    review: ReviewId,
    record: Target,
    history: Vec<Attempt>,
    state: ReviewState,
    source: String,
    encoding: &'static str,
    hints: Vec<Hint>,
    definitions: Vec<TypeHint>,
    gathered: Gathered,
    ladder: Ladder,
    fence: String,
    remembered: Option<Remembered>,
    preamble: String,
    /// Tokens of the prompt of this attempt, as a guess.
    asked_tokens: u64,
    /// It was to begin at a remembered model, and does not.
    went_back: bool,
}

/// Makes one attempt.
///
/// # Errors
/// When the repository or Redis can't be read.
pub async fn run(ctx: &Context, info: JobInfo, job: Rung) -> Result<Effects, HandlerError> {
    let mut work = load(ctx, job).await?;
    // A shard that the budget did not reach takes its review with it.
    if let Some(why) = &work.state.left_out {
        return Ok(pipeline::leave_out(&work.job.sweep, work.job.target, why.clone()));
    }
    let documents = Documents::of(ctx, &work.job.sweep, &work.spec).await?;
    let found = match passages::find(ctx, &work.asked(&documents)).await? {
        Lookup::Later(effects) => return Ok(effects),
        Lookup::Found(found) => found,
    };
    if work.was_answered(ctx, &documents, &found).await? {
        work.go_back();
    }
    let rung = work.rung()?;
    let leaves = model::sweep_leaves(ctx, &work.spec, &rung);
    let shown = documents.shown(&found, leaves);
    work.define(ctx, &rung, false).await;
    let prompt = |work: &Work, body: Body<'_>| work.prompt(&rung, leaves, &documents, &shown, body);
    let whole = |work: &Work| prompt(work, Body::Whole(&work.source));
    let fits =
        |work: &Work, asked: &Prompt| fit::reads_whole(&rung, asked, work.max_tokens(&rung), 0, 0);
    let mut asked = work.with_room(whole, fits);
    if work.reads_whole(&rung, &asked) {
        work.gathered.set_aside();
    } else if let Some(effects) = work.wants_notes(&asked).await? {
        return Ok(effects);
    } else {
        work.shorten_notes(&rung, &asked);
    }
    // A file of one piece goes as it is.
    if work.body().is_some() {
        work.define(ctx, &rung, true).await;
        let notes =
            |work: &Work| work.body().map_or_else(|| whole(work), |body| prompt(work, body));
        asked = work.with_room(notes, fits);
    }
    work.asked_tokens = fit::guess_asked(&asked);
    let question = work.question(&rung, &documents, asked, shown.2);
    let tried = match model::ask(ctx, &info, question).await? {
        Said::Tried(tried) => tried,
        Said::Later(effects) => return Ok(effects),
        Said::PassOver(why) => return pipeline::pass_over(&work.ladder, work.job, &why),
        Said::LeftOut(why) => {
            return Ok(pipeline::leave_out(&work.job.sweep, work.job.target, why));
        }
    };
    let judged = tried.judge(|answer| work.judge(answer, &documents, &found));
    work.settle(ctx, &info, &rung, judged, found).await
}

async fn load(ctx: &Context, job: Rung) -> Result<Work, HandlerError> {
    let spec = ctx.spec(&job.sweep).await?;
    let review = ReviewId::new(&job.sweep, job.target);
    let history = async {
        // Nothing stands before the first attempt.
        if job.attempt == 1 { Ok(Vec::new()) } else { ctx.attempts(&review).await }
    };
    let (record, history, state) =
        tokio::try_join!(ctx.target(&job.sweep, job.target), history, ctx.review_state(&review),)?;
    let (source, encoding) = ctx.decoded(&spec, &record.blob).await?;
    let hints = ctx.hints(&job.sweep, &spec, &record.path).await?;
    let gathered = Gathered::of(&state, &source, spec.limits.notes_chars);
    let ladder = state.ladder(&spec.ladder).map_err(|e| {
        HandlerError::Fatal(format!("the ladder given with a retry can't be read: {e}"))
    })?;
    let (ladder, fence) = (ladder.into_owned(), model::fence(&job.sweep, &spec));
    let remembered = memory::kept(state.memory.as_deref());
    let preamble = remembered.as_ref().map(|r| pathway::preamble(r, &fence)).unwrap_or_default();
    Ok(Work {
        spec,
        job,
        review,
        record,
        history,
        state,
        source,
        encoding,
        hints,
        definitions: Vec::new(),
        gathered,
        ladder,
        fence,
        remembered,
        preamble,
        asked_tokens: 0,
        went_back: false,
    })
}

impl Work {
    fn max_tokens(&self, rung: &sweep::Rung) -> u32 {
        rung.max_tokens.unwrap_or(self.spec.limits.max_tokens)
    }

    /// Looks up the definitions that the file uses; with its `own` ones for a reader of notes.
    async fn define(&mut self, ctx: &Context, rung: &sweep::Rung, own: bool) {
        let (path, source) = (&self.record.path, &self.source);
        self.definitions = definitions::of_file(ctx, &self.spec, rung, (path, source), own).await;
    }

    /// A prompt with the definitions, or without them where it does not fit: they are the first to go.
    fn with_room(
        &mut self,
        prompt: impl Fn(&Self) -> Prompt,
        fits: impl Fn(&Self, &Prompt) -> bool,
    ) -> Prompt {
        let asked = prompt(self);
        if self.definitions.is_empty() || fits(self, &asked) {
            return asked;
        }
        self.definitions.clear();
        prompt(self)
    }

    /// Whether a rung is given the file itself.
    fn reads_whole(&self, rung: &sweep::Rung, whole: &Prompt) -> bool {
        let over = self.spec.limits.split_over_bytes;
        fit::reads_whole(rung, whole, self.max_tokens(rung), self.source.len(), over)
    }

    /// What comes before a rung that can't take the whole file: notes on its pieces, unless they are there, or it
    /// is one piece all the same.
    async fn wants_notes(&self, whole: &Prompt) -> Result<Option<Effects>, HandlerError> {
        let cut = || pieces(&self.spec, &self.record.path, &self.source);
        if self.gathered.shards_total == 0 {
            let pieces = cut().await?;
            let split = || pipeline::shards_first(&self.spec, &self.job, &pieces);
            return (pieces.len() > 1).then(split).transpose();
        }
        if !self.gathered.is_unread() {
            return Ok(None);
        }
        let (mut pieces, mut other) = (None, None);
        if pipeline::asks_again(&self.state) {
            pieces = Some(cut().await?);
        } else {
            tracing::info!(file = %self.record.path, "no shard could be read");
            let after = (0_u32..).zip(&self.ladder.rungs).skip(self.job.rung as usize + 1);
            let mut whole = after.filter(|(_, rung)| self.reads_whole(rung, whole));
            other = whole.next().map(|(at, _)| (&self.ladder, at));
        }
        pipeline::unread(&self.spec, &self.state, &self.job, pieces.as_deref(), other).map(Some)
    }

    /// Keeps the notes to what the rung's context has room for.
    fn shorten_notes(&mut self, rung: &sweep::Rung, whole: &Prompt) {
        let (source, most) = (&self.source, self.spec.limits.notes_chars);
        let room = fit::notes_chars(rung, whole, self.max_tokens(rung), source, most);
        if room != most {
            self.gathered = Gathered::of(&self.state, source, room);
        }
    }

    /// The notes, where they are what this rung reads.
    fn body(&self) -> Option<Body<'_>> {
        (self.gathered.shards_total > 1).then_some(Body::Distilled {
            scratchpad: &self.gathered.notes.text,
            shortened: self.gathered.notes.shortened,
            bytes: self.record.bytes,
            missing: &self.gathered.missing,
        })
    }

    fn rung(&self) -> Result<sweep::Rung, HandlerError> {
        let at = self.ladder.rungs.get(self.job.rung as usize).cloned();
        at.ok_or_else(|| HandlerError::Fatal(format!("the ladder has no rung {}", self.job.rung)))
    }

    fn asked<'a>(&'a self, documents: &'a Documents) -> passages::Asked<'a> {
        passages::Asked {
            spec: &self.spec,
            sweep: &self.job.sweep,
            review: &self.review,
            attempt: self.job.attempt,
            tries: self.state.lookups(self.job.attempt),
            documents,
            source: &self.source,
        }
    }

    fn prompt(
        &self,
        rung: &sweep::Rung,
        leaves: bool,
        documents: &Documents,
        (prd_chunks, proposal_chunks, masked): &(Vec<Chunk>, Vec<Chunk>, u32),
        body: Body<'_>,
    ) -> Prompt {
        let text = match body {
            Body::Whole(text) => text,
            Body::Distilled { scratchpad, .. } => scratchpad,
        };
        let has_masks = text.contains(redact::MASK_START);
        let masked = *masked > 0 || has_masks || (leaves && redact::mask(text).count() > 0);
        prompt::review_prompt(&ReviewInput {
            path: &self.record.path,
            language: target::language(&self.record.path),
            body,
            prd_chunks,
            proposal_chunks,
            forensic: documents.forensic.as_ref().map(|d| d.text.as_str()),
            wants_forensic: self.spec.wants_forensic(),
            hints: &self.hints,
            remembered: &self.preamble,
            definitions: &self.definitions,
            max_findings: rung.max_findings.unwrap_or(self.spec.limits.max_findings),
            masked,
            history: &self.history,
            fence: &self.fence,
            shown_chars: self.spec.limits.documents.shown_chars,
            reason_chars: self.spec.limits.history.reason_chars,
        })
    }

    fn question<'a>(
        &'a self,
        rung: &'a sweep::Rung,
        documents: &'a Documents,
        prompt: Prompt,
        masked: u32,
    ) -> Question<'a> {
        let prd = documents.prd.as_ref();
        let source: Arc<str> = self.source.as_str().into();
        Question {
            spec: &self.spec,
            sweep: &self.job.sweep,
            review: Some(&self.review),
            task: TaskClass::Review,
            path: &self.record.path,
            rung,
            local: self.spec.says_local(&rung.provider),
            ladder: &self.ladder,
            further: self.job.attempt > 1,
            optional: false,
            prompt,
            apart: &self.preamble,
            fence: &self.fence,
            unmasked: Arc::clone(&source),
            builtin: Some(Checking {
                task: Task::Review { forensic: self.spec.wants_forensic() },
                path: self.record.path.clone(),
                source,
                prd_terms: prd.map(|d| builtin::prd_terms(&d.text)).unwrap_or_default(),
            }),
            max_tokens: self.max_tokens(rung),
            masked,
        }
    }

    fn judge(
        &self,
        answer: &Answer,
        documents: &Documents,
        found: &Found,
    ) -> Result<Parsed, Rejected> {
        let listed = scrum_domain::definitions::list(&self.definitions);
        let given = [documents.texts(), vec![&listed]].concat();
        let against = accept::Context {
            policy: self.spec.policy,
            markdown_policy: self.spec.limits.markdown_policy,
            wants_forensic: self.spec.wants_forensic(),
            shards_total: self.gathered.shards_total,
            source: &self.source,
            given: &given,
            documents: found.has_passages(),
            fence: &self.fence,
            limits: self.spec.limits.accept,
        };
        match accept::judge(&answer.seen(), &against) {
            Judgement::Accepted(mut parsed) => {
                anchor::anchor(&mut parsed.findings, &self.record.path, &self.source);
                hints::mark(&mut parsed.findings, &self.hints);
                Ok(parsed)
            }
            Judgement::Rejected { outcome, reason } => Err((outcome, reason)),
        }
    }
}
