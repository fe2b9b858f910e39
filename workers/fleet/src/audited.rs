//! What an audit says of a review, written down where later reviews and readers look: the ledger of findings, the
//! pathway of the review, the mistakes of its area, and the trust in the model that wrote it.

use crate::context::Context;
use crate::jobs::now_ms;
use crate::runtime::HandlerError;
use queue_schema::client::Queue;
use queue_schema::effects::Effect;
use queue_schema::ids::{FindingId, MemoryId, PathwayId};
use queue_schema::ledger::{self, AUDIT_REJECTED, AUDIT_UPHELD};
use queue_schema::records::{
    self, AreaRecord, Audited, FindingsRecord, KeptFinding, PathwayRecord,
};
use queue_schema::rows::audit::AuditedFinding;
use queue_schema::rows::{AuditConsensusRow, AuditVerdict, Finding, ReviewRow};
use queue_schema::sweep::SweepSpec;
use scrum_domain::findings::{View, code_in};
use scrum_domain::pathway::{self, file_prefix, fingerprints, keys_of};
use std::collections::{BTreeMap, BTreeSet};

/// Effects, and verdicts of earlier audits by the places of findings in the review.
type Known = (Vec<Effect>, BTreeMap<u32, AuditVerdict>);

/// An audit, and what it is about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settled<'a> {
    /// The sweep that asked for it.
    pub(crate) spec: &'a SweepSpec,
    /// The review.
    pub(crate) review: &'a ReviewRow,
    /// The file.
    pub(crate) source: &'a str,
    /// What the votes come to.
    pub(crate) audit: &'a AuditConsensusRow,
}

impl Settled<'_> {
    /// All of it, to be committed with the row.
    ///
    /// # Errors
    /// When Redis can't be read.
    pub(crate) async fn effects(&self, ctx: &Context) -> Result<Vec<Effect>, HandlerError> {
        let Some((memory, _)) = self.spec.memory() else {
            return Ok(self.trust(&BTreeMap::new()).into_iter().collect());
        };
        let (mut effects, before) = self.ledger(ctx, &memory).await?;
        effects.extend(self.trust(&before));
        effects.extend(self.pathway(ctx, &memory).await?);
        effects.extend(self.mistakes(ctx, &memory).await?);
        Ok(effects)
    }

    fn findings(&self) -> impl Iterator<Item = (&AuditedFinding, &Finding)> {
        let of = |audited: &AuditedFinding| self.review.findings.get(audited.index as usize);
        self.audit.findings.iter().filter_map(move |audited| Some((audited, of(audited)?)))
    }

    /// What was upheld and rejected, of the model that said it. A finding that was audited before counts once, by its last
    /// verdict.
    fn trust(&self, before: &BTreeMap<u32, AuditVerdict>) -> Option<Effect> {
        let what = |verdict| match verdict {
            AuditVerdict::Upheld => Some(AUDIT_UPHELD),
            AuditVerdict::Rejected => Some(AUDIT_REJECTED),
            AuditVerdict::Split | AuditVerdict::Undecided => None,
        };
        let mut adds = Vec::new();
        for (audited, finding) in self.findings() {
            let old = before.get(&audited.index).copied();
            if old == Some(audited.verdict) {
                continue;
            }
            for (what, by) in [(old.and_then(what), -1), (what(audited.verdict), 1)] {
                let became = |what| ledger::became(&self.audit.model, what, &finding.flags, by);
                adds.extend(what.into_iter().flat_map(became));
            }
        }
        (!adds.is_empty()).then(|| records::trust(adds))
    }

    /// The findings in the ledger, in whichever file they are now; and what an audit said of them before, by their places.
    async fn ledger(&self, ctx: &Context, memory: &MemoryId) -> Result<Known, HandlerError> {
        let known: Vec<(FindingId, &AuditedFinding, &Finding)> = self
            .findings()
            .filter_map(|(audited, f)| Some((audited.id.as_ref()?.parse().ok()?, audited, f)))
            .collect();
        let (mut effects, mut before) = (Vec::new(), BTreeMap::new());
        if known.is_empty() {
            return Ok((effects, before));
        }
        let ids: Vec<&FindingId> = known.iter().map(|(id, ..)| id).collect();
        let asked = ids.as_slice();
        let read = |queue: Queue| async move { queue.finding_places(memory, asked).await };
        let places = ctx.read("where findings are", read).await?;
        let view = View::new(&self.review.file, self.source);
        let at_ms = now_ms();
        let here = || self.review.file.clone();
        let paths: Vec<String> =
            places.into_iter().map(|place| place.map_or_else(here, |(_, path)| path)).collect();
        let asked: Vec<&String> = paths.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let asked = asked.as_slice();
        let read = |queue: Queue| async move { queue.findings_of(memory, asked).await };
        let files = ctx.read("the findings of a file", read).await?;
        for ((id, audited, finding), path) in known.iter().zip(&paths) {
            let kept = files.iter().find_map(|file| file.get(id));
            let old = kept.and_then(KeptFinding::audit).map(|audit| audit.verdict);
            before.extend(old.map(|verdict| (audited.index, verdict)));
            let what = Audited {
                audit: audited.short(&self.audit.sweep_id),
                at_ms,
                code: code_in(&view, finding, kept.map(|k| &k.observed), &self.review.sweep_id),
            };
            effects.push(FindingsRecord::of(memory, path).audited(id, &what)?);
        }
        Ok((effects, before))
    }

    /// The trace of the review, or those of its model that stand for it: a review adds no trace where its model has one.
    async fn pathway(&self, ctx: &Context, memory: &MemoryId) -> Result<Vec<Effect>, HandlerError> {
        let Some(id) = self.review.pathway_id.as_ref().and_then(|id| id.parse::<PathwayId>().ok())
        else {
            return Ok(Vec::new());
        };
        let of = &id;
        let read = |queue: Queue| async move { queue.pathway(memory, of).await };
        let traces = pathway::traces(ctx.read("the pathway", read).await?);
        let record = PathwayRecord::of(memory, &id);
        let spoken_of = pathway::traces_of(&traces, self.review);
        Ok(spoken_of.into_iter().map(|trace| record.audited(trace, self.audit.consensus)).collect())
    }

    /// Mistakes that only rejected findings show are not shown to reviewers any more.
    async fn mistakes(
        &self,
        ctx: &Context,
        memory: &MemoryId,
    ) -> Result<Vec<Effect>, HandlerError> {
        let keys = |wanted: bool| -> BTreeSet<String> {
            let rejected = |audited: &AuditedFinding| audited.verdict == AuditVerdict::Rejected;
            let of = |f: &Finding| keys_of(&fingerprints(std::slice::from_ref(f), ""));
            let some = self.findings().filter(|(audited, _)| rejected(audited) == wanted);
            some.flat_map(|(_, f)| of(f)).collect()
        };
        let kept = keys(false);
        let keys: Vec<String> = keys(true).into_iter().filter(|key| !kept.contains(key)).collect();
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (area, asked) = (file_prefix(&self.review.file), &keys);
        let read = |queue: Queue| async move { queue.prints(memory, area, asked).await };
        let known = ctx.read("the fingerprints", read).await?;
        let record = AreaRecord::of(memory, area);
        let why = format!("rejected by audit {}", self.audit.sweep_id);
        let known = keys.iter().zip(known).filter(|(_, known)| known.is_some());
        Ok(known.map(|(key, _)| record.rejected(key, &why)).collect())
    }
}
