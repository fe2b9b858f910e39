//! What a new commit does to findings: files that it renames take theirs along, and those of files that it does not
//! have any more are gone.

use super::{count, load, trust};
use crate::context::Context;
use crate::runtime::HandlerError;
use queue_schema::client::Queue;
use queue_schema::effects::Effect;
use queue_schema::ids::{MemoryId, SweepId};
use queue_schema::records::{FileFindings, FindingsRecord, Look, MemoryState};
use queue_schema::rows::metrics::Known;
use queue_schema::sweep::SweepSpec;
use scrum_domain::findings::place_key;
use scrum_repo::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Paths that are read at once.
const PAGE: usize = 1_000;
/// Findings that one sweep moves or ends; the next one goes on with the rest.
const MOST_CHANGED: usize = 20_000;

/// A sweep is planned: what that changes. `before` is the repository's memory before it.
///
/// # Errors
/// When Redis can't be read, or the repository can't be read now.
pub(crate) async fn planned(
    ctx: &Context,
    sweep: &SweepId,
    spec: &SweepSpec,
    tree: &[Entry],
    (memory, before): (&MemoryId, &MemoryState),
) -> Result<Vec<Effect>, HandlerError> {
    let missing = missing(ctx, memory, tree).await?;
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let names = missing.iter().map(|file| file.path.clone()).collect();
    let renames = renames(ctx, spec, before, names).await?;
    let seq = before.sweeps + 1;
    let (mut effects, mut changed, mut fixed) = (Vec::new(), 0, Vec::new());
    for file in &missing {
        changed += file.all.len();
        if changed > MOST_CHANGED {
            tracing::info!(%sweep, "findings of further missing files are left to the next sweep");
            break;
        }
        if let Some(to) = renames.get(&file.path) {
            effects.extend(renamed(memory, file, to, seq)?);
            continue;
        }
        effects.extend(gone(memory, file, seq)?);
        let live = file.all.iter().filter(|kept| kept.observed.fixed.is_none());
        fixed.extend(live.map(|kept| &kept.observed));
    }
    if !fixed.is_empty() {
        let by = i64::try_from(fixed.len()).unwrap_or(i64::MAX);
        effects.push(count(sweep, &Known { fixed: by, ..Known::default() }));
        effects.extend(trust(fixed.into_iter()));
    }
    Ok(effects)
}

/// Files with findings that a tree does not have, unless that is known.
async fn missing(
    ctx: &Context,
    memory: &MemoryId,
    tree: &[Entry],
) -> Result<Vec<FileFindings>, HandlerError> {
    let there: BTreeSet<&str> = tree.iter().map(|entry| entry.path.as_str()).collect();
    let (mut missing, mut after) = (Vec::new(), None::<String>);
    loop {
        let from = after.as_deref();
        let read = |queue: Queue| async move { queue.finding_files(memory, from, PAGE).await };
        let page = ctx.read("the files with findings", read).await?;
        let more = page.len() == PAGE;
        after = page.last().cloned();
        let not_there: Vec<String> =
            page.into_iter().filter(|path| !there.contains(path.as_str())).collect();
        let files = load(ctx, memory, &not_there).await?;
        missing.extend(files.into_iter().filter(|f| f.gone.is_none() && !f.all.is_empty()));
        if !more {
            return Ok(missing);
        }
    }
}

/// Where the missing files are now.
async fn renames(
    ctx: &Context,
    spec: &SweepSpec,
    before: &MemoryState,
    names: BTreeSet<String>,
) -> Result<BTreeMap<String, String>, HandlerError> {
    if before.commit.is_empty() {
        return Ok(BTreeMap::new());
    }
    match ctx.renames(spec, &before.commit, names).await {
        // The repository may have lost the commit of the sweep before.
        Err(HandlerError::Fatal(why)) => {
            tracing::info!(why, "renames since the sweep before are not known");
            Ok(BTreeMap::new())
        }
        found => found,
    }
}

fn renamed(
    memory: &MemoryId,
    file: &FileFindings,
    to: &str,
    seq: u64,
) -> Result<Vec<Effect>, HandlerError> {
    let (old, new) = (FindingsRecord::of(memory, &file.path), FindingsRecord::of(memory, to));
    let mut effects: Vec<Effect> = new.listed().into();
    // A review of an earlier sweep that comes late changes nothing there.
    let look = file.look.clone().unwrap_or_default();
    effects.push(old.look(&Look { seq, ..look.clone() })?);
    effects.push(new.look(&look)?);
    for kept in &file.all {
        effects.push(new.observed(&kept.id, &kept.observed)?);
        effects.push(new.moved(&kept.id, None));
        if let Some(decided) = &kept.decided {
            effects.push(new.decided(&kept.id, decided)?);
        }
        if let Some(audited) = &kept.audited {
            effects.push(new.audited(&kept.id, audited)?);
        }
        effects.extend(new.place(&place_key(&kept.observed), &kept.id));
        effects.push(old.moved(&kept.id, Some(to)));
    }
    let counts: Vec<_> = file.all.iter().map(|k| (k.id.clone(), k.looked, k.seen)).collect();
    effects.push(new.counts(&counts));
    effects.push(old.unlisted());
    Ok(effects)
}

fn gone(memory: &MemoryId, file: &FileFindings, seq: u64) -> Result<Vec<Effect>, HandlerError> {
    let record = FindingsRecord::of(memory, &file.path);
    let look = file.look.clone().unwrap_or_default();
    let mut effects = vec![record.gone(Some(seq)), record.look(&Look { seq, ..look })?];
    for kept in file.all.iter().filter(|kept| kept.observed.fixed.is_none()) {
        let mut observed = kept.observed.clone();
        observed.fixed = Some(seq);
        effects.push(record.observed(&kept.id, &observed)?);
    }
    Ok(effects)
}
