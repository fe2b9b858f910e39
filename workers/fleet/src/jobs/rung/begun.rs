//! A review and what is remembered: whether it begins at another model, and how it ended.

use super::Work;
use crate::context::Context;
use crate::memory::End;
use crate::model;
use crate::passages::{Documents, Found};
use crate::runtime::HandlerError;
use queue_schema::effects::Effect;
use queue_schema::records::ReviewRecord;
use queue_schema::rows::Attempt;
use scrum_domain::fit;
use scrum_domain::prompt::Body;

impl Work {
    /// Whether it is to begin at a remembered model, and the first rung of the sweep's ladder was asked the same before:
    /// its answer costs nothing, and an unchanged repository asks nobody.
    pub(super) async fn was_answered(
        &mut self,
        ctx: &Context,
        documents: &Documents,
        found: &Found,
    ) -> Result<bool, HandlerError> {
        let hit = self.remembered.as_ref().is_some_and(|remembered| remembered.hit);
        let first = self.spec.ladder.rungs.first().filter(|_| hit && self.job.attempt == 1);
        let Some(first) = first.cloned() else { return Ok(false) };
        let leaves = model::sweep_leaves(ctx, &self.spec, &first);
        let shown = documents.shown(found, leaves);
        self.define(ctx, &first, false).await;
        let whole =
            |work: &Self| work.prompt(&first, leaves, documents, &shown, Body::Whole(&work.source));
        let fits =
            |work: &Self, asked: &_| fit::reads_whole(&first, asked, work.max_tokens(&first), 0, 0);
        let prompt = self.with_room(whole, fits);
        // Notes are made for the rung that reads them.
        Ok(self.reads_whole(&first, &prompt)
            && model::is_kept(ctx, &self.question(&first, documents, prompt, shown.2)).await?)
    }

    /// It climbs the sweep's own ladder after all.
    pub(super) fn go_back(&mut self) {
        self.ladder = self.spec.ladder.clone();
        self.went_back = true;
        self.remembered.iter_mut().for_each(|remembered| remembered.hit = false);
    }

    /// What the further attempts of a review must know that went back.
    pub(super) fn gone_back(&self) -> Result<Vec<Effect>, HandlerError> {
        let Some(remembered) = self.remembered.as_ref().filter(|_| self.went_back) else {
            return Ok(Vec::new());
        };
        let review = ReviewRecord::of(&self.review);
        Ok(vec![review.ladder(&self.ladder)?, review.memory(&serde_json::to_string(remembered)?)])
    }

    /// Every attempt so far, and this one.
    pub(super) fn attempts(&self, last: Attempt) -> Vec<Attempt> {
        let mut attempts = self.history.clone();
        attempts.push(last);
        attempts
    }

    /// How it ended, where it went by what is remembered.
    pub(super) fn end<'a>(&'a self, attempts: &'a [Attempt]) -> Option<End<'a>> {
        let remembered = self.remembered.as_ref()?;
        let (spec, record, source) = (&self.spec, &self.record, self.source.as_str());
        Some(End { spec, remembered, record, source, attempts })
    }
}
