//! The second call about the findings of an accepted review. It is made by the job of the review, before its row is
//! written; when it has to be made again, the answers that are there already are found. Whatever goes wrong with it,
//! the review stays accepted, and what nobody confirmed stays so.

use super::Work;
use crate::context::Context;
use crate::model::{self, Answer, Question, Said};
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::effects::{Effect, Effects};
use queue_schema::ledger::TaskClass;
use queue_schema::rows::Finding;
use queue_schema::sweep::{ConfirmSpec, Rung};
use scrum_config::Wire;
use scrum_domain::confirm::{self, Asked};
use scrum_domain::fit::guess;
use scrum_domain::review::Spent;

/// How it ended.
pub(super) enum Confirmed {
    /// The job comes back later. It then finds the answers that it has paid for and counts them, so that nothing is
    /// lost with the effects of now.
    Later(Effects),
    /// What the call took, if there was one, and what counts it.
    Done(Spent, Vec<Effect>),
}

impl Confirmed {
    fn without(file: &str, why: &str) -> Self {
        tracing::info!(file, why, "findings are not confirmed");
        Self::Done(Spent::default(), Vec::new())
    }
}

impl Work {
    /// Has the findings confirmed that are worth it.
    pub(super) async fn confirm(
        &self,
        ctx: &Context,
        info: &JobInfo,
        (rung, answer): (&Rung, &Answer),
        findings: &mut [Finding],
    ) -> Result<Confirmed, HandlerError> {
        let nothing = || Ok(Confirmed::Done(Spent::default(), Vec::new()));
        let Some(spec) = self.spec.confirm.as_ref().filter(|_| !answer.free) else {
            return nothing();
        };
        let about = confirm::candidates(findings, &spec.bounds);
        if about.is_empty() {
            return nothing();
        }
        let file = self.record.path.as_str();
        let Some(by) = self.confirmer(ctx, spec, rung) else {
            return Ok(Confirmed::without(file, "there is no model that this worker can ask"));
        };
        let price = self.asked_tokens + guess(answer.text.len());
        let leaves = model::sweep_leaves(ctx, &self.spec, &by);
        let how = (price, self.fence.as_str(), leaves);
        let asked = confirm::ask(file, &self.source, findings, about, &spec.bounds, how);
        let Some(asked) = asked else {
            return Ok(Confirmed::without(
                file,
                "a second call would cost too much beside its review",
            ));
        };
        let about = asked.about.clone();
        let question = self.confirmation(&by, asked);
        let tried = match model::ask(ctx, info, question).await? {
            Said::Tried(tried) => tried,
            Said::Later(effects) => return Ok(Confirmed::Later(effects)),
            Said::PassOver(why) | Said::LeftOut(why) => {
                let why = format!("left out because of the budget: {why}");
                return Ok(Confirmed::without(file, &why));
            }
        };
        let judged = tried.judge(|answer| confirm::judge(&answer.seen(), about.len()));
        let (outcome, reason) = (judged.outcome(), judged.reason());
        tracing::info!(file, by = %by.name(), %outcome, reason, "confirmation");
        let took = judged.answer.as_ref().map(Answer::took).unwrap_or_default();
        if let Ok(said) = judged.verdict {
            confirm::settle(findings, &about, said, &by.name());
        }
        Ok(Confirmed::Done(took, judged.effects))
    }

    /// Who is asked: whom the sweep names, else the next model of the ladder behind the one that wrote the review,
    /// else another one, else the same. Nobody whom this worker can't call: the job waits in the lane of the review's
    /// own provider, and none of those that serve it need have the key of another one.
    fn confirmer(&self, ctx: &Context, spec: &ConfirmSpec, rung: &Rung) -> Option<Rung> {
        let providers = &ctx.settings().providers;
        let asks = |rung: &&Rung| {
            let provider = providers.get(&rung.provider);
            provider.is_some_and(|provider| provider.wire != Wire::Builtin)
                && ctx.providers().unusable(&rung.provider).is_none()
        };
        let rungs = &self.ladder.rungs;
        let (before, after) = rungs.split_at(rungs.len().min(self.job.rung as usize + 1));
        let other = after.iter().chain(before).filter(asks).find(|r| r.name() != rung.name());
        spec.rung.as_ref().or(other).or(Some(rung)).filter(asks).cloned()
    }

    fn confirmation<'a>(&'a self, by: &'a Rung, asked: Asked) -> Question<'a> {
        let Asked { prompt, max_tokens, masked, .. } = asked;
        Question {
            spec: &self.spec,
            sweep: &self.job.sweep,
            review: Some(&self.review),
            path: &self.record.path,
            task: TaskClass::Confirm,
            rung: by,
            local: self.spec.says_local(&by.provider),
            ladder: &self.ladder,
            further: false,
            // What is left of a budget is for other reviews.
            optional: true,
            prompt,
            apart: "",
            fence: &self.fence,
            unmasked: self.source.as_str().into(),
            builtin: None,
            max_tokens,
            masked,
        }
    }
}
