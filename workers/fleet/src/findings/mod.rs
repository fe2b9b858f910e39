//! The ledger of findings: what an accepted review comes to for the findings that are known of its file, and what
//! a new commit does to those of files that it renames or no longer has.

mod plan;

pub(crate) use plan::planned;

use crate::aside::aside;
use crate::context::Context;
use crate::jobs::now_ms;
use crate::runtime::HandlerError;
use queue_schema::client::Queue;
use queue_schema::effects::Effect;
use queue_schema::ids::{FindingId, MemoryId, SweepId};
use queue_schema::ledger;
use queue_schema::records::{
    self, FileFindings, FindingsRecord, KeptFinding, Look, Observed, Sighting, SweepRecord,
};
use queue_schema::rows::metrics::Known;
use queue_schema::rows::{Finding, FindingState, ReviewRow};
use queue_schema::sweep::{SweepSpec, Target};
use scrum_domain::findings::{self, LineMap, Said, Settled, View};
use scrum_domain::tier;
use std::collections::BTreeSet;

/// New findings of a review whose code is looked for in other files.
const MOST_LOOKED_UP: usize = 50;
/// Findings of a file that are kept; of more, those that were fixed first are forgotten.
const MOST_KEPT: usize = 500;

/// A review that was accepted.
pub(crate) struct Reviewed<'a> {
    pub(crate) spec: &'a SweepSpec,
    pub(crate) sweep: &'a SweepId,
    pub(crate) record: &'a Target,
    pub(crate) source: &'a str,
}

/// Gives the findings of a row their identities and states, and returns what the ledger keeps of it; nothing for
/// a sweep that remembers nothing.
///
/// # Errors
/// When Redis can't be read.
pub(crate) async fn settle(
    ctx: &Context,
    of: Reviewed<'_>,
    row: &mut ReviewRow,
) -> Result<Vec<Effect>, HandlerError> {
    let Some((memory, _)) = of.spec.memory() else { return Ok(Vec::new()) };
    let Some(seq) = ctx.sweep_number(of.sweep).await? else { return Ok(Vec::new()) };
    let path = of.record.path.as_str();
    let file = load(ctx, &memory, &[path]).await?.pop().unwrap_or_default();
    let mut effects = vec![count(of.sweep, &Known { files: 1, ..Known::default() })];
    if row.findings.is_empty() && file.all.is_empty() {
        return Ok(effects);
    }
    let unchanged = file.look.as_ref().is_some_and(|look| look.blob == of.record.blob);
    let before = match &file.look {
        // One that is not in the repository any more tells nothing.
        Some(look) if !unchanged => ctx.source(of.spec, &look.blob).await.ok(),
        _ => None,
    };
    let said = Said {
        model: row.accepted_model.clone(),
        tier: row.gradient_tier.clone(),
        at: Sighting {
            seq,
            sweep: of.sweep.to_string(),
            commit: of.spec.commit.clone(),
            at_ms: now_ms(),
        },
    };
    let work = Work {
        memory,
        path: path.to_owned(),
        source: of.source.to_owned(),
        before,
        unchanged,
        said,
        findings: row.findings.clone(),
        known: file.all.clone(),
    };
    let (mut work, mut settled) = work.settle(Vec::new()).await?;
    let mut moved = elsewhere(ctx, &of, &work, &settled).await?;
    if !moved.is_empty() {
        let known = moved.iter().map(|(kept, _)| kept.clone()).collect();
        (work, settled) = work.settle(known).await?;
        moved.retain(|(kept, _)| settled.moved.contains(&kept.id));
    }
    mark(row, &settled);
    tier::renew(row, of.spec.limits.tiers);
    // A later sweep has looked at the file already: what it saw stands.
    if file.look.as_ref().is_none_or(|look| look.seq <= seq) {
        let blob = of.record.blob.clone();
        effects.extend(work.kept(&file, &settled, &Look { seq, blob })?);
        effects.extend(taken_over(&work, &moved, of.sweep)?);
    }
    Ok(effects)
}

/// Adds to what the sweep counts of known findings.
fn count(sweep: &SweepId, known: &Known) -> Effect {
    let adds = known.counters().into_iter().filter(|(_, by)| *by != 0);
    let adds = adds.map(|(counter, by)| (counter.to_owned(), by)).collect();
    SweepRecord::of(sweep).loop_counters(adds)
}

/// The findings of some files.
async fn load(
    ctx: &Context,
    memory: &MemoryId,
    paths: &[impl AsRef<str> + Sync],
) -> Result<Vec<FileFindings>, HandlerError> {
    let read = |queue: Queue| async move { queue.findings_of(memory, paths).await };
    let files = ctx.read("the findings of a file", read).await?;
    for file in files.iter().filter(|file| file.unreadable > 0) {
        tracing::warn!(file = %file.path, fields = file.unreadable, "of the ledger of findings can't be read");
    }
    Ok(files)
}

/// Findings of other files that do not have their code any more, among those that were said of the code of new
/// ones; with the files that they were in.
async fn elsewhere(
    ctx: &Context,
    of: &Reviewed<'_>,
    work: &Work,
    settled: &Settled,
) -> Result<Vec<(KeptFinding, String)>, HandlerError> {
    let new = settled.marks.iter().flatten().filter(|mark| mark.state == FindingState::New);
    let new: BTreeSet<&FindingId> = new.map(|mark| &mark.id).collect();
    let said = settled.observed.iter().filter(|(id, o)| new.contains(id) && o.quote.is_some());
    let keys: Vec<String> =
        said.map(|(_, o)| findings::place_key(o)).take(MOST_LOOKED_UP).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let (memory, asked) = (&work.memory, keys.as_slice());
    let read = |queue: Queue| async move { queue.finding_places(memory, asked).await };
    let places = ctx.read("where some code was", read).await?;
    let places = places.into_iter().flatten().filter(|(_, path)| *path != work.path);
    let paths: BTreeSet<String> = places.map(|(_, path)| path).collect();
    let (mut found, mut looked_at) = (Vec::new(), 0);
    for path in paths {
        let file = load(ctx, memory, &[path.as_str()]).await?.pop().unwrap_or_default();
        // A key leads to the last one that was seen of several.
        for kept in
            file.all.iter().filter(|kept| keys.contains(&findings::place_key(&kept.observed)))
        {
            looked_at += 1;
            if looked_at > MOST_LOOKED_UP {
                return Ok(found);
            }
            let seq = work.said.at.seq;
            if left(ctx, of.spec, &file, &path, &kept.observed, seq).await? {
                let mut kept = kept.clone();
                // A review of that file in this sweep looked for it in the wrong place.
                let looked = kept.observed.fixed == Some(seq) && file.gone.is_none();
                kept.looked = kept.looked.saturating_sub(u64::from(looked));
                found.push((kept, path.clone()));
            }
        }
    }
    Ok(found)
}

/// Whether a file of the sweep's commit does not have the code of one of its findings any more, and had it when
/// the sweep before saw it.
async fn left(
    ctx: &Context,
    spec: &SweepSpec,
    file: &FileFindings,
    path: &str,
    observed: &Observed,
    seq: u64,
) -> Result<bool, HandlerError> {
    // What never stood there did not leave.
    if observed.line.is_none() {
        return Ok(false);
    }
    if let Some(fixed) = observed.fixed {
        return Ok(fixed == seq);
    }
    let tree = ctx.tree(spec).await?;
    let Some(entry) = tree.iter().find(|entry| entry.path == path) else { return Ok(true) };
    // Of what can't be read nobody knows.
    let Ok(now) = ctx.source(spec, &entry.blob).await else { return Ok(false) };
    let before = match &file.look {
        Some(look) => ctx.source(spec, &look.blob).await.ok(),
        None => None,
    };
    Ok(!findings::stands_in(observed, path, &now, before.as_deref()))
}

/// Gives findings their identities and states.
fn mark(row: &mut ReviewRow, settled: &Settled) {
    for (finding, mark) in row.findings.iter_mut().zip(&settled.marks) {
        let Some(mark) = mark else { continue };
        finding.id = Some(mark.id.to_string());
        finding.state = Some(mark.state);
        finding.dismissed.clone_from(&mark.why);
        finding.audit.clone_from(&mark.audit);
        finding.proven.clone_from(&mark.proven);
    }
    row.findings_gone.clone_from(&settled.gone);
    row.findings_unrepeated = settled.unrepeated;
}

/// All that the settling of a file needs, so that a thread that may be busy can do it.
struct Work {
    memory: MemoryId,
    path: String,
    source: String,
    before: Option<String>,
    unchanged: bool,
    said: Said,
    findings: Vec<Finding>,
    known: Vec<KeptFinding>,
}

impl Work {
    async fn settle(self, elsewhere: Vec<KeptFinding>) -> Result<(Self, Settled), HandlerError> {
        let bytes = self.source.len() + self.before.as_ref().map_or(0, String::len);
        let settled = aside(bytes, move || {
            let view = View::new(&self.path, &self.source);
            let old = self.before.as_ref().map(|old| View::new(&self.path, old));
            let map = old.as_ref().map(|old| LineMap::new(old.text(), view.text()));
            let look = findings::Look {
                memory: &self.memory,
                path: &self.path,
                view: &view,
                said: &self.said,
                unchanged: self.unchanged,
                before: old.as_ref().zip(map.as_ref()),
            };
            let settled = findings::settle(&self.findings, &self.known, &elsewhere, &look);
            (self, settled)
        });
        settled.await.map_err(|e| HandlerError::retry("matching the findings of a file", e))
    }

    /// What is kept of it.
    fn kept(
        &self,
        file: &FileFindings,
        settled: &Settled,
        look: &Look,
    ) -> Result<Vec<Effect>, HandlerError> {
        let record = FindingsRecord::of(&self.memory, &self.path);
        let mut effects = Vec::new();
        if file.all.is_empty() && settled.observed.is_empty() {
            return Ok(effects);
        }
        // What goes into one hash stands together: it is written by one command.
        let mut places = Vec::new();
        if file.path != self.path || file.all.is_empty() {
            let [path, listed] = record.listed();
            effects.push(path);
            places.push(listed);
        }
        effects.push(record.look(look)?);
        effects.extend(file.gone.map(|_| record.gone(None)));
        for (id, observed) in &settled.observed {
            effects.push(record.observed(id, observed)?);
            if observed.last.seq == look.seq {
                places.extend(record.place(&findings::place_key(observed), id));
            }
        }
        effects.extend(self.forgotten(settled).map(|id| record.forgotten(id)));
        effects.extend(places);
        effects.push(record.counts(&settled.counts));
        let fixed = settled.observed.iter().filter(|(_, o)| o.fixed == Some(look.seq));
        effects.extend(trust(fixed.map(|(_, observed)| observed)));
        Ok(effects)
    }

    /// The ids of those that were fixed first, of more than are kept.
    fn forgotten<'a>(&'a self, settled: &Settled) -> impl Iterator<Item = &'a FindingId> {
        let born = settled.observed.len().saturating_sub(self.known.len());
        let over = (self.known.len() + born).saturating_sub(MOST_KEPT);
        let mut fixed: Vec<(u64, &FindingId)> =
            self.known.iter().filter_map(|k| Some((k.observed.fixed?, &k.id))).collect();
        fixed.sort_unstable();
        fixed.into_iter().take(over).map(|(_, id)| id)
    }
}

/// What the findings that are fixed add to the trust in the models that said them.
fn trust<'a>(fixed: impl Iterator<Item = &'a Observed>) -> Option<Effect> {
    let became = |o: &Observed| ledger::became(&o.model, ledger::FIXED, &o.flags, 1);
    let adds: Vec<_> = fixed.flat_map(became).collect();
    (!adds.is_empty()).then(|| records::trust(adds))
}

/// What is changed where findings were that are in this file now.
fn taken_over(
    work: &Work,
    moved: &[(KeptFinding, String)],
    sweep: &SweepId,
) -> Result<Vec<Effect>, HandlerError> {
    let here = FindingsRecord::of(&work.memory, &work.path);
    let (mut effects, mut not_fixed) = (Vec::new(), 0);
    for (kept, from) in moved {
        effects.push(FindingsRecord::of(&work.memory, from).moved(&kept.id, Some(&work.path)));
        effects.push(here.moved(&kept.id, None));
        if let Some(decided) = &kept.decided {
            effects.push(here.decided(&kept.id, decided)?);
        }
        if let Some(audited) = &kept.audited {
            effects.push(here.audited(&kept.id, audited)?);
        }
        if let Some(proven) = &kept.proven {
            effects.push(here.proven(&kept.id, proven)?);
        }
        // The review of that file had counted it as gone.
        not_fixed += i64::from(kept.observed.fixed == Some(work.said.at.seq));
    }
    if not_fixed > 0 {
        effects.push(count(sweep, &Known { fixed: -not_fixed, ..Known::default() }));
    }
    Ok(effects)
}
