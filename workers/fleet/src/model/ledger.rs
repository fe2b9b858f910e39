//! What asking a model adds to the counters of a sweep and to the ledgers. Counted in the commit of the try,
//! so that a try that is committed is counted once, whoever dies.

use super::{Answer, class};
use queue_schema::effects::Effect;
use queue_schema::events;
use queue_schema::ids::{ReviewId, SweepId};
use queue_schema::ledger::{self, MOST_PER_CALL, TaskClass, Tried};
use queue_schema::records::{self, Counter, SweepRecord};
use queue_schema::rows::Outcome;
use queue_schema::sweep::Rung;
use scrum_domain::observe::{Class, Event, clipped};
use scrum_domain::pathway::file_prefix;
use scrum_providers::ChatError;
use std::time::Duration;

/// Who is asked for what: what a try is counted under.
#[derive(Debug, Clone)]
pub(super) struct Account {
    pub(super) sweep: SweepId,
    pub(super) provider: String,
    pub(super) model: String,
    pub(super) task: TaskClass,
    target: Option<u32>,
    area: String,
    /// Milliseconds of the call, once it was made.
    ms: u64,
}

impl Account {
    pub(super) fn of(sweep: &SweepId, rung: &Rung, task: TaskClass) -> Self {
        let (provider, model) = (rung.provider.clone(), rung.model.clone());
        let (sweep, target, area) = (sweep.clone(), None, String::new());
        Self { sweep, provider, model, task, target, area, ms: 0 }
    }

    /// Says which file it is about.
    pub(super) fn about(mut self, review: Option<&ReviewId>, path: &str) -> Self {
        self.target = review.and_then(ReviewId::target);
        file_prefix(path).clone_into(&mut self.area);
        self
    }

    /// The call has taken so long.
    pub(super) fn took(&mut self, time: Duration) {
        self.ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).min(MOST_PER_CALL);
    }

    /// The event of a try.
    pub(super) fn event(
        &self,
        outcome: &str,
        class: Option<Class>,
        reason: &str,
        answer: Option<&Answer>,
    ) -> Option<Effect> {
        let event = Event {
            source: events::ATTEMPTS.to_owned(),
            endpoint: format!("{}/{}", self.provider, self.model),
            success: class.is_none(),
            duration_ms: self.ms,
            sweep: self.sweep.clone(),
            task: self.task.as_str().to_owned(),
            outcome: outcome.to_owned(),
            class: class.map(Class::as_str).unwrap_or_default().to_owned(),
            area: self.area.clone(),
            target: self.target,
            reason: clipped(reason),
            cached: answer.is_some_and(|a| a.cached),
            ..Event::default()
        };
        event.effect(events::ATTEMPTS)
    }

    /// A call was made. A failed one counts too: it may be charged for; its tokens nobody knows.
    pub(super) fn called(&self) -> Effect {
        SweepRecord::of(&self.sweep).count(Counter::Calls, 1)
    }

    /// A call met a transient error and is made again.
    pub(super) fn again(&self, error: &ChatError) -> Vec<Effect> {
        let event = self.event("transient", Some(class::of(error)), error.message(), None);
        std::iter::once(self.called()).chain(self.tally(Tried::Again)).chain(event).collect()
    }

    /// A try ended, with an answer or without one.
    pub(super) fn ended(&self, outcome: Outcome, answer: Option<&Answer>) -> Vec<Effect> {
        let record = SweepRecord::of(&self.sweep);
        // Patches and diagnoses are paid for by the sweep, and are no attempt at any of its reviews.
        let other = matches!(self.task, TaskClass::Patch | TaskClass::Diagnose);
        let attempt = (!other).then(|| record.count(Counter::Attempts, 1));
        let tried = match answer {
            None => Tried::Failed(outcome),
            Some(answer) => match answer.taken() {
                None => Tried::Found(outcome),
                Some(taken) => Tried::Answered(outcome, taken),
            },
        };
        let spent = self.spent(answer).into_iter().chain(self.works(answer));
        attempt.into_iter().chain(spent).chain(self.tally(tried)).collect()
    }

    /// The provider has answered a call: what the operator was told of its failures is over.
    fn works(&self, answer: Option<&Answer>) -> Option<Effect> {
        let called = answer.is_some_and(|a| !a.cached && !a.free);
        let about = format!("{}/{}", self.provider, self.model);
        called.then(|| SweepRecord::of(&self.sweep).works_again(about))
    }

    fn spent(&self, answer: Option<&Answer>) -> Vec<Effect> {
        let Some((answer, taken)) = answer.and_then(|a| Some((a, a.taken()?))) else {
            return Vec::new();
        };
        let counts = [
            (Counter::Calls, u64::from(!answer.free)),
            (Counter::TokensIn, taken.tokens_in),
            (Counter::TokensOut, taken.tokens_out),
            (Counter::TokensGuessed, answer.guessed),
            (Counter::CostMicroUsd, taken.cost_micro_usd.unwrap_or(0)),
        ];
        let some = counts.into_iter().filter(|(_, by)| *by > 0);
        some.map(|(counter, by)| SweepRecord::of(&self.sweep).count(counter, by)).collect()
    }

    /// In the sweep's ledger, and in the one of all sweeps.
    fn tally(&self, tried: Tried) -> [Effect; 2] {
        let adds = ledger::adds(&self.provider, &self.model, self.task, tried);
        [SweepRecord::of(&self.sweep).ledger(adds.clone()), records::trust(adds)]
    }
}
