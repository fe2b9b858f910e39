//! Facts: what an accepted review says of its file, taken out by one model and checked by another;
//! then the row, and only then the file is done. Whatever goes wrong here, the review stays accepted:
//! trouble costs the facts, is counted, and has its reason kept.

use super::ask::{self, Answer, Asked, Question};
use super::budget;
use super::ledger;
use super::rung::gather;
use super::whom;
use crate::context::Context;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::effects::{Effect, Effects};
use queue_schema::ids::review_id;
use queue_schema::jobs::Facts;
use queue_schema::jobs::facts::FactsStage;
use queue_schema::keys;
use queue_schema::ledger::TaskClass;
use queue_schema::rows::{AuditFactsRow, Outcome};
use queue_schema::sweep::{FactsSpec, Rung, SweepSpec, Target, TargetStatus};
use scrum_config::Wire;
use scrum_domain::facts::{self, Extracted, Known, Verified};
use scrum_domain::prompt::{self, ExtractInput, Prompt, Shown, VerifyInput};
use scrum_domain::review::Spent;
use scrum_domain::text::clip;
use scrum_domain::{accept, redact, target};
use scrum_providers::{Subject, Task};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// Characters of a reason that are kept.
const REASON_CHARS: usize = 300;

/// The accepted review as it waits for the extractor.
#[derive(Debug, Serialize, Deserialize)]
struct Accepted {
    text: String,
    masked: u32,
}

/// The facts as they wait for the verifier.
#[derive(Debug, Serialize, Deserialize)]
struct Taken {
    at: String,
    facts: Extracted,
    tokens_in: u64,
    tokens_out: u64,
    cost_usd: Option<f64>,
    duration_ms: u64,
    masked: u32,
}

/// One of the two calls, with what it is about.
struct Call<'a> {
    ctx: &'a Context,
    info: JobInfo,
    job: &'a Facts,
    spec: Arc<SweepSpec>,
    record: Target,
    review: String,
    state: HashMap<String, String>,
}

/// How asking ended, for good.
struct Said {
    effects: Effects,
    answer: Result<Answer, String>,
}

/// What follows an accepted review: its facts, or the end of the work on its file. Given are the answer
/// and the file; `effects` hold the row; the review's state lives until the end.
///
/// # Errors
/// Only if a payload does not serialise.
pub(super) fn after(
    ctx: &Context,
    spec: &SweepSpec,
    sweep: &str,
    ordinal: u32,
    (answer, source): (&str, &str),
    effects: Effects,
) -> Result<Effects, HandlerError> {
    let review = review_id(sweep, ordinal);
    let chars = u32::try_from(answer.chars().count()).unwrap_or(u32::MAX);
    let Some(facts) = spec.facts_of(chars) else { return Ok(over(effects, sweep, ordinal)) };
    // Masked now, while it is whole: afterwards nobody knows a secret that its end cuts in two.
    let leaves =
        [&facts.extractor, &facts.verifier].iter().any(|rung| whom::sweep_leaves(ctx, spec, rung));
    let shown = shown(answer, facts.bounds.review_chars, leaves.then_some(source));
    let accepted = Accepted { text: shown.text, masked: shown.masked };
    let effects = effects.with(Effect::Put {
        key: keys::review_state(&review),
        field: keys::ACCEPTED_FIELD.into(),
        value: serde_json::to_string(&accepted)?,
    });
    Ok(effects.enqueue(&Facts {
        sweep: sweep.to_owned(),
        target: ordinal,
        stage: FactsStage::Extract,
        provider: facts.extractor.provider.clone(),
    })?)
}

/// Makes one of the two calls.
///
/// # Errors
/// When the repository or Redis can't be read.
pub async fn run(ctx: &Context, info: JobInfo, job: Facts) -> Result<Effects, HandlerError> {
    let spec = ctx.spec(&job.sweep).await?;
    let record = ctx.target(&job.sweep, job.target).await?;
    let review = review_id(&job.sweep, job.target);
    let read = |queue: queue_schema::client::Queue| {
        let review = review.clone();
        async move { queue.review_state(&review).await }
    };
    let state = ctx.read("the review", read).await?;
    let Some(facts) = spec.facts.clone() else {
        return Ok(over(Effects::done(), &job.sweep, job.target));
    };
    let this = Call { ctx, info, job: &job, spec, record, review, state };
    match job.stage {
        FactsStage::Extract => this.extract(&facts).await,
        FactsStage::Verify => this.verify(&facts).await,
    }
}

impl Call<'_> {
    async fn extract(&self, spec: &FactsSpec) -> Result<Effects, HandlerError> {
        let Some(accepted) = self.kept::<Accepted>(keys::ACCEPTED_FIELD) else {
            return Ok(self.without(Effects::done(), "the accepted review is no longer there"));
        };
        let fence = ask::fence(&self.job.sweep, &self.spec);
        let prompt = prompt::extract_prompt(&ExtractInput {
            path: &self.record.path,
            review: &accepted.text,
            bounds: &spec.bounds,
            fence: &fence,
        });
        let said = self.ask(&spec.extractor, spec, prompt, &fence, accepted.masked).await?;
        let Said { effects, answer } = match said {
            Ok(said) => said,
            Err(later) => return Ok(later),
        };
        let mut effects = effects;
        let judged = answer.and_then(|answer| {
            let facts = facts::judge_extraction(&seen(&answer), &spec.bounds);
            effects.list.extend(self.judged(&spec.extractor, facts.as_ref().err(), &answer));
            Ok((facts.map_err(named)?, answer))
        });
        let (found, answer) = match judged {
            Ok(judged) => judged,
            Err(reason) => return Ok(self.without(effects, &reason)),
        };
        let took = answer.took();
        let taken = Taken {
            at: jiff::Timestamp::now().to_string(),
            facts: found,
            tokens_in: took.tokens_in,
            tokens_out: took.tokens_out,
            cost_usd: took.cost_usd,
            duration_ms: took.duration_ms,
            masked: answer.masked,
        };
        if taken.facts.facts.is_empty() {
            // Nothing to check, so nobody is asked.
            return self.with_row(effects, spec, &taken, Ok(&Verified::default()), None);
        }
        let effects = effects.with(Effect::Put {
            key: keys::review_state(&self.review),
            field: keys::FACTS_FIELD.into(),
            value: serde_json::to_string(&taken)?,
        });
        Ok(effects.enqueue(&Facts {
            stage: FactsStage::Verify,
            provider: spec.verifier.provider.clone(),
            ..self.job.clone()
        })?)
    }

    async fn verify(&self, spec: &FactsSpec) -> Result<Effects, HandlerError> {
        let Some(taken) = self.kept::<Taken>(keys::FACTS_FIELD) else {
            return Ok(self.without(Effects::done(), "the facts are no longer there"));
        };
        let bytes = self.ctx.blob(&self.spec, &self.record.blob).await?;
        let source = target::inspect(&bytes).map_err(|e| HandlerError::Fatal(e.to_string()))?;
        let gathered = gather(&self.state, source, self.spec.limits.notes_chars);
        let (kind, text) = if gathered.shards_total > 1 {
            (Shown::Notes, gathered.notes.text.as_str())
        } else {
            (Shown::File, source)
        };
        let leaves = whom::sweep_leaves(self.ctx, &self.spec, &spec.verifier);
        let shown = shown(text, spec.bounds.source_chars, leaves.then_some(source));
        let fence = ask::fence(&self.job.sweep, &self.spec);
        let prompt = prompt::verify_prompt(&VerifyInput {
            path: &self.record.path,
            language: target::language(&self.record.path),
            facts: &taken.facts.facts,
            shown: kind,
            source: &shown.text,
            cut: shown.cut,
            fence: &fence,
        });
        let said = self.ask(&spec.verifier, spec, prompt, &fence, shown.masked).await?;
        let Said { effects, answer } = match said {
            Ok(said) => said,
            Err(later) => return Ok(later),
        };
        let answer = answer.map_err(|reason| (reason, None));
        let mut effects = effects;
        let judged = answer.and_then(|answer| {
            let count = taken.facts.facts.len();
            let verified = facts::judge_verification(&seen(&answer), count, &spec.bounds);
            effects.list.extend(self.judged(&spec.verifier, verified.as_ref().err(), &answer));
            match verified {
                Ok(verified) => Ok((verified, answer)),
                Err(why) => Err((named(why), Some(Box::new(answer)))),
            }
        });
        match judged {
            Ok((verified, answer)) => {
                self.with_row(effects, spec, &taken, Ok(&verified), Some(&answer))
            }
            Err((reason, answer)) => {
                let effects = self.trouble(effects, &format!("not checked: {reason}"));
                self.with_row(effects, spec, &taken, Err(&reason), answer.as_deref())
            }
        }
    }

    /// Asks one of the two models; the outer error is the ending of a call that is tried again.
    async fn ask(
        &self,
        rung: &Rung,
        spec: &FactsSpec,
        prompt: Prompt,
        fence: &str,
        masked: u32,
    ) -> Result<Result<Said, Effects>, HandlerError> {
        let wire = self.ctx.settings().providers.get(&rung.provider).map(|p| p.wire);
        if wire == Some(Wire::Builtin) {
            // A sweep's record names models, but this worker may be set up otherwise.
            let answer = Err(format!("{} is no model and knows no facts", rung.provider));
            return Ok(Ok(Said { effects: Effects::done(), answer }));
        }
        // Reviews can do without their facts: what is left of a budget is for other reviews.
        if budget::is_degraded(self.ctx, &self.job.sweep).await? {
            let answer = Err("the budget of the sweep is nearly spent".to_owned());
            return Ok(Ok(Said { effects: Effects::done(), answer }));
        }
        let question = Question {
            spec: &self.spec,
            sweep: &self.job.sweep,
            review: Some(&self.review),
            rung,
            local: self.spec.says_local(&rung.provider),
            ladder: &self.spec.ladder,
            further: false,
            prompt,
            fence,
            // For the built-in reviewer, which is never asked.
            subject: Subject {
                task: Task::Shard,
                path: self.record.path.clone(),
                source: String::new(),
                prd_terms: Vec::new(),
            },
            max_tokens: spec.bounds.max_tokens,
            masked: if whom::sweep_leaves(self.ctx, &self.spec, rung) { masked } else { 0 },
        };
        let (answer, told) = match ask::ask(self.ctx, &self.info, question).await? {
            Asked::Later(effects) => {
                return Ok(Err(ledger::later(effects, &self.job.sweep, rung, TaskClass::Facts)));
            }
            // Nobody was asked, so no attempt was made.
            Asked::PassOver(why) | Asked::LeftOut(why) => {
                return Ok(Ok(Said { effects: Effects::done(), answer: Err(why) }));
            }
            Asked::Failed { outcome, reason, effects } => {
                let ended = ledger::ended(&self.job.sweep, rung, TaskClass::Facts, outcome, None);
                (Err(named((outcome, reason))), ended.into_iter().chain(effects).collect())
            }
            Asked::Answered(answer) => (Ok(answer), Vec::new()),
        };
        let mut effects = Effects::done();
        effects.list.extend(told);
        effects.list.extend(ask::count(&self.job.sweep, answer.as_ref().ok()));
        Ok(Ok(Said { effects, answer }))
    }

    /// An answer that was judged, in the ledgers.
    fn judged(
        &self,
        rung: &Rung,
        trouble: Option<&(Outcome, String)>,
        answer: &Answer,
    ) -> Vec<Effect> {
        let outcome = trouble.map_or(Outcome::Accepted, |(outcome, _)| *outcome);
        ledger::ended(&self.job.sweep, rung, TaskClass::Facts, outcome, Some(answer))
    }

    /// What an earlier step left in the review's state.
    fn kept<T: for<'de> Deserialize<'de>>(&self, field: &str) -> Option<T> {
        self.state.get(field).and_then(|json| serde_json::from_str(json).ok())
    }

    /// The end, with a row.
    fn with_row(
        &self,
        effects: Effects,
        spec: &FactsSpec,
        taken: &Taken,
        verified: Result<&Verified, &str>,
        answer: Option<&Answer>,
    ) -> Result<Effects, HandlerError> {
        let first = Spent {
            tokens_in: taken.tokens_in,
            tokens_out: taken.tokens_out,
            cost_usd: taken.cost_usd,
            duration_ms: taken.duration_ms,
        };
        let second = answer.map(Answer::took);
        let row: AuditFactsRow = facts::row(&Known {
            extracted_at: &taken.at,
            sweep_id: &self.job.sweep,
            review_id: &self.review,
            repo: &self.spec.repo,
            commit: &self.spec.commit,
            path: &self.record.path,
            blob: &self.record.blob,
            extractor: &spec.extractor.name(),
            verifier: &spec.verifier.name(),
            extracted: &taken.facts,
            verified,
            spent: first.plus(&second.unwrap_or_default()),
            masked: taken.masked.max(answer.map_or(0, |a| a.masked)),
        });
        tracing::info!(file = %self.record.path, facts = row.facts.len(), "facts");
        let effects = effects.append_row(&self.job.sweep, &row)?.with(self.add("facts"));
        Ok(over(effects, &self.job.sweep, self.job.target))
    }

    /// The end, without a row.
    fn without(&self, effects: Effects, reason: &str) -> Effects {
        over(self.trouble(effects, reason), &self.job.sweep, self.job.target)
    }

    /// Counts trouble, and keeps why.
    fn trouble(&self, effects: Effects, reason: &str) -> Effects {
        let stage = self.job.stage.as_str();
        tracing::warn!(file = %self.record.path, stage, reason, "facts could not be had");
        effects.with(self.add("facts_failed")).with(Effect::Put {
            key: keys::without_facts(&self.job.sweep),
            field: self.job.target.to_string(),
            value: clip(reason, REASON_CHARS).to_owned(),
        })
    }

    fn add(&self, field: &str) -> Effect {
        Effect::Add { key: keys::sweep(&self.job.sweep), field: field.to_owned(), by: 1 }
    }
}

/// The work on a file is over, and it is resolved.
fn over(effects: Effects, sweep: &str, ordinal: u32) -> Effects {
    effects.with(Effect::Delete { key: keys::review_state(&review_id(sweep, ordinal)) }).with(
        Effect::Settle { sweep: sweep.to_owned(), target: ordinal, status: TargetStatus::Resolved },
    )
}

/// The beginning of a text as a model may see it.
struct Part {
    text: String,
    cut: bool,
    masked: u32,
}

/// `masked_by` is the file, when the text leaves: its secrets are masked wherever they stand.
fn shown(text: &str, chars: u32, masked_by: Option<&str>) -> Part {
    let part = clip(text, chars as usize);
    let cut = part.len() < text.len();
    if let Some(file) = masked_by {
        let safe = redact::Known::of(file).mask(redact::mask_range(text, 0..part.len()));
        let masked = safe.count();
        return Part { text: safe.text, cut, masked };
    }
    Part { text: part.to_owned(), cut, masked: 0 }
}

fn seen(answer: &Answer) -> accept::Answer<'_> {
    accept::Answer { text: &answer.text, truncated: answer.truncated, refused: answer.refused }
}

fn named((outcome, reason): (Outcome, String)) -> String {
    format!("{outcome}: {reason}")
}
