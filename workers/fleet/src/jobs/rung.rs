//! Rung: one attempt by one model; then a row, the next rung, or the dead-letter queue.

use crate::context::Context;
use crate::findings::{self, Reviewed};
use crate::memory::{self, End};
use crate::model::{self, Answer, Judged, Question, Rejected, Said};
use crate::passages::{self, Documents, Found, Lookup};
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use crate::{counted::counted, definitions, lookup, pieces::pieces, pipeline};
use queue_schema::effects::Effects;
use queue_schema::ids::ReviewId;
use queue_schema::jobs::Rung;
use queue_schema::ledger::{self, TaskClass};
use queue_schema::records::{self, ReviewState, SweepRecord};
use queue_schema::rows::{Attempt, Outcome, ReviewRow, TypeHint};
use queue_schema::sweep::{self, Ladder, SweepSpec, Target};
use scrum_domain::accept::{self, Judgement};
use scrum_domain::checks::{self, Seen};
use scrum_domain::gathered::Gathered;
use scrum_domain::hints::{self, Hint};
use scrum_domain::parse::Parsed;
use scrum_domain::pathway::{self, Remembered};
use scrum_domain::prompt::{self, Body, Prompt, ReviewInput};
use scrum_domain::retrieve::Chunk;
use scrum_domain::review::{self, Accepted, Pathway, RowLimits};
use scrum_domain::{anchor, builtin, facts, fit, redact, target};
use scrum_providers::{Subject, Task};
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
    let rung = work.rung()?;
    let documents = Documents::of(ctx, &work.job.sweep, &work.spec).await?;
    let found = match passages::find(ctx, &work.asked(&documents)).await? {
        Lookup::Later(effects) => return Ok(effects),
        Lookup::Found(found) => found,
    };
    let leaves = model::sweep_leaves(ctx, &work.spec, &rung);
    let shown = documents.shown(&found, leaves);
    work.define(ctx, &rung, false).await;
    let mut prompt = work.prompt(&rung, leaves, &documents, &shown, Body::Whole(&work.source));
    if !work.definitions.is_empty() && !work.reads_whole(&rung, &prompt) {
        // They are the first to go where there is little room.
        work.definitions.clear();
        prompt = work.prompt(&rung, leaves, &documents, &shown, Body::Whole(&work.source));
    }
    if work.reads_whole(&rung, &prompt) {
        work.gathered.set_aside();
    } else if let Some(effects) = work.wants_notes(&prompt).await? {
        return Ok(effects);
    } else {
        work.shorten_notes(&rung, &prompt);
        work.define(ctx, &rung, true).await;
    }
    let of_notes = |work: &Work| {
        work.body().map(|notes| work.prompt(&rung, leaves, &documents, &shown, notes))
    };
    let fits = |p: &Prompt| fit::reads_whole(&rung, p, work.max_tokens(&rung), 0, 0);
    if of_notes(&work).is_some_and(|prompt| !fits(&prompt)) {
        work.definitions.clear();
    }
    let prompt = of_notes(&work).unwrap_or(prompt);
    let question = work.question(&rung, &documents, prompt, shown.2);
    let tried = match model::ask(ctx, &info, question).await? {
        Said::Tried(tried) => tried,
        Said::Later(effects) => return Ok(effects),
        Said::PassOver(why) => return pipeline::pass_over(&work.ladder, work.job, &why),
        Said::LeftOut(why) => {
            return Ok(pipeline::leave_out(&work.job.sweep, work.job.target, why));
        }
    };
    let judged = tried.judge(|answer| work.judge(answer, &documents, &found));
    work.settle(ctx, &rung, judged, found).await
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
    })
}

impl Work {
    fn max_tokens(&self, rung: &sweep::Rung) -> u32 {
        rung.max_tokens.unwrap_or(self.spec.limits.max_tokens)
    }

    async fn define(&mut self, ctx: &Context, rung: &sweep::Rung, own: bool) {
        let (path, source) = (&self.record.path, &self.source);
        self.definitions = definitions::of_file(ctx, &self.spec, rung, (path, source), own).await;
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
        Question {
            spec: &self.spec,
            sweep: &self.job.sweep,
            review: Some(&self.review),
            task: TaskClass::Review,
            rung,
            local: self.spec.says_local(&rung.provider),
            ladder: &self.ladder,
            further: self.job.attempt > 1,
            optional: false,
            prompt,
            apart: &self.preamble,
            fence: &self.fence,
            subject: Subject {
                task: Task::Review { forensic: self.spec.wants_forensic() },
                path: self.record.path.clone(),
                source: self.source.clone(),
                prd_terms: prd.map(|d| builtin::prd_terms(&d.text)).unwrap_or_default(),
            },
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

    async fn settle(
        self,
        ctx: &Context,
        rung: &sweep::Rung,
        judged: Judged<Parsed>,
        found: Found,
    ) -> Result<Effects, HandlerError> {
        let (outcome, reason) = (judged.outcome(), judged.reason());
        tracing::info!(file = %self.record.path, rung = %rung.name(), attempt = self.job.attempt, %outcome, reason, "attempt");
        let attempt = model::attempt(
            (self.job.attempt, self.job.rung),
            rung,
            (outcome, reason),
            judged.answer.as_ref(),
            self.spec.limits.history.preview_chars,
        );
        let effects = Effects::done().with_all(found.alert.clone()).with_all(judged.effects);
        let (Ok(parsed), Some(answer)) = (judged.verdict, judged.answer) else {
            let again = self.asks_again(&attempt);
            let (job, attempts) = (self.job.clone(), self.attempts(attempt.clone()));
            let effects = pipeline::rejected(effects, &self.ladder, job, &attempt, again)?;
            return match self.end(&attempts) {
                Some(end) => end.unresolved(effects, &self.review),
                None => Ok(effects),
            };
        };
        let parsed = self.checked(ctx, parsed, &answer, &found).await?;
        let attempts = self.attempts(attempt);
        let end = self.end(&attempts);
        let pathway = end.map(|end| end.pathway()).unwrap_or_default();
        let mut row = self.row(&answer, &parsed, &attempts, &found, &pathway);
        let known = findings::settle(ctx, self.reviewed(), &mut row).await?;
        let effects = match end {
            Some(end) => effects.with_all(end.learn(ctx, &self.review, &row).await?),
            None => effects,
        };
        let counted = counted(&row, &self.source).await?;
        let told = ledger::checked(&rung.provider, &rung.model, TaskClass::Review, &row.findings);
        let effects = if told.is_empty() {
            effects
        } else {
            let sweep = SweepRecord::of(&self.job.sweep).ledger(told.clone());
            effects.with(sweep).with(records::trust(told))
        };
        let effects = effects
            .with_all(known)
            .with(SweepRecord::of(&self.job.sweep).loop_counters(counted))
            .append_row(&self.job.sweep, &row)?;
        let chars = u32::try_from(answer.text.chars().count()).unwrap_or(u32::MAX);
        let Some(spec) = self.spec.facts_of(chars) else {
            return pipeline::accepted(effects, &self.job, None);
        };
        // Masked now, while it is whole: afterwards nobody knows a secret that its end cuts in two.
        let mut readers = [&spec.extractor, &spec.verifier].into_iter();
        let leaves = readers.any(|rung| model::sweep_leaves(ctx, &self.spec, rung));
        let source = leaves.then_some(self.source.as_str());
        let kept = facts::Part::shown(&answer.text, spec.bounds.review_chars, source);
        let kept = serde_json::to_string(&kept)?;
        pipeline::accepted(effects, &self.job, Some((spec, &kept)))
    }

    /// Every attempt so far, and this one.
    fn attempts(&self, last: Attempt) -> Vec<Attempt> {
        let mut attempts = self.history.clone();
        attempts.push(last);
        attempts
    }

    /// How it ended, where it went by what is remembered.
    fn end<'a>(&'a self, attempts: &'a [Attempt]) -> Option<End<'a>> {
        let remembered = self.remembered.as_ref()?;
        Some(End { spec: &self.spec, remembered, record: &self.record, attempts })
    }

    fn reviewed(&self) -> Reviewed<'_> {
        let (spec, sweep) = (&self.spec, &self.job.sweep);
        Reviewed { spec, sweep, record: &self.record, source: &self.source }
    }

    /// Whether the rung is asked once more: an empty answer is mostly a server's mishap, and the next one is not empty.
    fn asks_again(&self, attempt: &Attempt) -> bool {
        let is_empty = |a: &Attempt| a.outcome == Outcome::Thin && a.reason == accept::EMPTY;
        let same = |a: &&Attempt| a.rung == attempt.rung && is_empty(a);
        let before = self.history.iter().rev().take_while(same).count();
        is_empty(attempt) && before < self.spec.limits.empty_retries as usize
    }

    /// The findings held against all checks by program. Those of the built-in reviewer are a program's already.
    async fn checked(
        &self,
        ctx: &Context,
        mut parsed: Parsed,
        answer: &Answer,
        found: &Found,
    ) -> Result<Parsed, HandlerError> {
        if answer.free {
            builtin::confirm(&mut parsed.findings);
            return Ok(parsed);
        }
        let (path, source) = (self.record.path.as_str(), self.source.as_str());
        let elsewhere = lookup::elsewhere(ctx, &self.spec, path, source, &parsed).await?;
        let Parsed { findings, verdict, .. } = &mut parsed;
        let seen = Seen {
            path,
            source,
            documents: found.has_passages(),
            verdict: verdict.as_deref(),
            elsewhere: &elsewhere,
            beside: &self.definitions,
        };
        checks::run(findings, &seen);
        Ok(parsed)
    }

    fn row(
        &self,
        answer: &Answer,
        parsed: &Parsed,
        attempts: &[Attempt],
        found: &Found,
        pathway: &Pathway,
    ) -> ReviewRow {
        review::row(&Accepted {
            reviewed_at: &super::now(),
            sweep_id: &self.job.sweep,
            review_id: &self.review,
            repo: &self.spec.repo,
            commit: &self.spec.commit,
            path: &self.record.path,
            blob: &self.record.blob,
            answer: &answer.text,
            parsed,
            attempts,
            shards_spent: self.gathered.spent,
            shards_total: self.gathered.shards_total,
            encoding: self.encoding,
            shards_missing: &self.gathered.missing,
            shards_shortened: self.gathered.notes.shortened,
            top_chunks: &found.top,
            retrieval: &found.retrieval,
            shards_masked: self.gathered.masked,
            type_hints: &self.definitions,
            pathway,
            limits: RowLimits { tiers: self.spec.limits.tiers, history: self.spec.limits.history },
        })
    }
}
