//! What becomes of a review when an attempt has ended.

use super::Work;
use super::confirm::Confirmed;
use crate::aside::aside;
use crate::context::Context;
use crate::findings::{self, Reviewed};
use crate::model::{self, Answer, Judged};
use crate::passages::Found;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use crate::{lookup, pipeline};
use queue_schema::effects::Effects;
use queue_schema::ledger::{self, TaskClass};
use queue_schema::records::{self, SweepRecord};
use queue_schema::rows::{Attempt, ReviewRow};
use queue_schema::sweep;
use scrum_domain::checks::{self, Seen};
use scrum_domain::parse::Parsed;
use scrum_domain::review::{self, Accepted, Pathway, RowLimits, Spent};
use scrum_domain::{builtin, calibration, facts, metrics};

impl Work {
    pub(super) async fn settle(
        self,
        ctx: &Context,
        info: &JobInfo,
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
            let most = self.spec.limits.empty_retries;
            let again = pipeline::asks_once_more(&self.history, &attempt, most);
            let (job, attempts) = (self.job.clone(), self.attempts(attempt.clone()));
            let effects = effects.with_all(self.gone_back()?);
            let effects = pipeline::rejected(effects, &self.ladder, job, &attempt, again)?;
            return match self.end(&attempts) {
                Some(end) => end.unresolved(effects, &self.review),
                None => Ok(effects),
            };
        };
        let mut parsed = self.checked(ctx, parsed, &answer, &found).await?;
        let confirmed = self.confirm(ctx, info, (rung, &answer), &mut parsed.findings).await?;
        let (spent, effects) = match confirmed {
            Confirmed::Later(later) => return Ok(later),
            Confirmed::Done(spent, counted) => (spent, effects.with_all(counted)),
        };
        calibration::apply(&mut parsed.findings, &self.spec.calibration, &rung.name());
        let attempts = self.attempts(attempt);
        let end = self.end(&attempts);
        let pathway = end.map(|end| end.pathway()).unwrap_or_default();
        let mut row = self.row(&answer, &parsed, &attempts, &found, &pathway, spent);
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
        let audit = self.spec.audit.as_ref();
        let audit = audit.is_some_and(|audit| row.findings.iter().any(|f| audit.takes(f)));
        let Some(spec) = self.spec.facts_of(chars) else {
            return pipeline::accepted(effects, &self.job, &self.spec, audit, None);
        };
        // Masked now, while it is whole: afterwards nobody knows a secret that its end cuts in two.
        let mut readers = [&spec.extractor, &spec.verifier].into_iter();
        let leaves = readers.any(|rung| model::sweep_leaves(ctx, &self.spec, rung));
        let source = leaves.then_some(self.source.as_str());
        let kept = facts::Part::shown(&answer.text, spec.bounds.review_chars, source);
        let kept = serde_json::to_string(&kept)?;
        pipeline::accepted(effects, &self.job, &self.spec, audit, Some((spec, &kept)))
    }

    fn reviewed(&self) -> Reviewed<'_> {
        let (spec, sweep) = (&self.spec, &self.job.sweep);
        Reviewed { spec, sweep, record: &self.record, source: &self.source }
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
        confirmed: Spent,
    ) -> ReviewRow {
        review::row(&Accepted {
            reviewed_at: &crate::jobs::now(),
            sweep_id: &self.job.sweep,
            review_id: &self.review,
            repo: &self.spec.repo,
            commit: &self.spec.commit,
            path: &self.record.path,
            blob: &self.record.blob,
            answer: &answer.text,
            parsed,
            attempts,
            spent_around: self.gathered.spent.plus(&confirmed),
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

/// What an accepted review adds to the loop counters of its sweep. The file may be large: its markers are
/// counted where they hold up no other job.
async fn counted(row: &ReviewRow, source: &str) -> Result<Vec<(String, i64)>, HandlerError> {
    let (path, source) = (row.file.clone(), source.to_owned());
    let markers = aside(source.len(), move || builtin::markers(&path, &source))
        .await
        .map_err(|e| HandlerError::retry("counting markers", e))?;
    Ok(metrics::adds(row, markers))
}
