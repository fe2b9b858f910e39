//! The files of a commit as workers will see them: which are reviewed, and what they ask of each rung. No model is
//! asked, nothing is written.

use crate::request::Prepared;
use crate::session::Session;
use queue_schema::sweep::{DocRef, Expected, Rung, SweepSpec};
use scrum_domain::definitions::{self, Index};
use scrum_domain::estimate::{Estimate, expect};
use scrum_domain::target::{self, SkipReason};
use scrum_knowledge::past;
use scrum_repo::{Entry, EntryKind, IgnoreFile, Repo, RepoError, TargetGlobs};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// Files from which definitions are taken at most where only some of the files are looked at.
const MOST_INDEXED: usize = 2000;

/// A file that would be reviewed.
#[derive(Debug, Serialize)]
pub struct Reviewed {
    pub file: String,
    pub bytes: u64,
    pub parts: usize,
    pub tokens_in: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub encoding: &'static str,
}

/// A file that would not.
#[derive(Debug, Serialize)]
pub struct Left {
    pub file: String,
    pub reason: String,
}

/// How closely it is looked.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Files that are read at most, evenly spread over those that may be reviewed; they stand for all of them.
    pub files: usize,
    /// Files from which definitions are taken.
    pub indexed: usize,
}

/// The text of a document of a request.
pub fn text_of<'a>(prepared: &'a Prepared, doc: &DocRef) -> Option<&'a str> {
    let found = prepared.documents.iter().find(|(sha, _)| *sha == doc.sha256);
    found.map(|(_, text)| text.as_str())
}

/// What a sweep is expected to take, by a sample of its files and the ledgers of earlier sweeps; `None` where no rung
/// costs anything, and where no file would be reviewed.
///
/// # Errors
/// A repository that can't be read, a failure of Redis.
pub async fn expected(session: &Session, prepared: &Prepared) -> anyhow::Result<Option<Expected>> {
    let (spec, settings) = (&prepared.spec, &session.settings);
    let is_free = |rung: &Rung| rung.context_tokens == Some(Rung::ANY_CONTEXT);
    let files = settings.estimate.sample_files as usize;
    if files == 0 || spec.ladder.rungs.iter().all(is_free) {
        return Ok(None);
    }
    let mut estimate = Estimate::new(spec, |doc: &DocRef| text_of(prepared, doc));
    let indexed = MOST_INDEXED.min(settings.worker.definition_files as usize);
    look(spec, &session.state, &mut estimate, Effort { files, indexed })?;
    if estimate.files() == 0 {
        return Ok(None);
    }
    Ok(Some(expect(&estimate, &past(&session.queue).await?)))
}

/// Every file of the commit that the request names, as the workers will see it.
///
/// # Errors
/// A repository that can't be read, too many files.
pub fn look(
    spec: &SweepSpec,
    state: &Path,
    estimate: &mut Estimate<'_>,
    effort: Effort,
) -> anyhow::Result<(Vec<Reviewed>, Vec<Left>)> {
    let repo = Repo::open_at(&spec.repo, &state.join("mirrors"), &spec.commit)?;
    let tree = repo.snapshot(&spec.commit)?;
    let ignore = ignore_file(&repo, &tree)?;
    let globs = TargetGlobs::new(&spec.globs)?;
    let wanted = || tree.iter().filter(|entry| globs.matches(&entry.path));
    let (count, max) = (wanted().count() as u64, u64::from(spec.limits.max_targets));
    if max > 0 && count > max {
        return Err(RepoError::TooManyTargets { count, max }.into());
    }
    if definitions::limits_of(&spec.limits).count > 0 {
        estimate.definitions = indexed(&repo, &tree, ignore.as_ref(), effort.indexed);
    }
    let (mut files, mut left, mut open) = (Vec::new(), Vec::new(), Vec::new());
    for entry in wanted() {
        match skip(entry, ignore.as_ref(), spec.limits.max_file_bytes) {
            Some(reason) => {
                left.push(Left { file: entry.path.clone(), reason: reason.to_string() });
            }
            None => open.push(entry),
        }
    }
    let step = open.len().div_ceil(effort.files.max(1)).max(1);
    let (mut looked, mut taken) = (0_u64, 0_u64);
    for entry in open.iter().step_by(step) {
        looked += 1;
        let bytes = repo.blob_within(&entry.blob, spec.limits.max_file_bytes)?;
        let file = entry.path.clone();
        match target::inspect(&bytes) {
            Ok(read) => {
                taken += 1;
                let (parts, tokens_in) = estimate.add(&file, &read.text);
                let (bytes, encoding) = (entry.bytes, read.encoding);
                files.push(Reviewed { file, bytes, parts, tokens_in, encoding });
            }
            Err(reason) => left.push(Left { file, reason: reason.to_string() }),
        }
    }
    if step > 1 {
        estimate.stand_for((open.len() as u64 * taken).div_ceil(looked.max(1)));
    }
    Ok((files, left))
}

/// The definitions of the commit, of as many files as workers take them from.
fn indexed(repo: &Repo, tree: &[Entry], ignore: Option<&IgnoreFile>, most: usize) -> Index {
    let fits = |entry: &&Entry| {
        entry.is_regular()
            && definitions::is_indexed(&entry.path, entry.bytes)
            && !ignore.is_some_and(|rules| rules.is_ignored(&entry.path))
    };
    let extracted = |entry: &Entry| {
        let bytes = repo.blob_within(&entry.blob, entry.bytes).ok()?;
        Some((entry.path.clone(), Arc::new(definitions::of_bytes(&entry.path, &bytes))))
    };
    Index::new(tree.iter().filter(fits).take(most).filter_map(extracted))
}

/// The ignore file of a commit.
///
/// # Errors
/// One that can't be read.
pub fn ignore_file(repo: &Repo, tree: &[Entry]) -> anyhow::Result<Option<IgnoreFile>> {
    let Some(entry) = tree.iter().find(|entry| entry.path == IgnoreFile::NAME) else {
        return Ok(None);
    };
    IgnoreFile::check(entry)?;
    Ok(Some(IgnoreFile::read(&repo.blob_within(&entry.blob, IgnoreFile::MAX_BYTES)?)?))
}

/// Why a file would be skipped, before it is read.
pub fn skip(entry: &Entry, ignore: Option<&IgnoreFile>, max: u64) -> Option<SkipReason> {
    match entry.kind {
        EntryKind::Symlink => Some(SkipReason::Symlink),
        EntryKind::Submodule => Some(SkipReason::Submodule),
        EntryKind::File | EntryKind::Executable => ignore
            .is_some_and(|rules| rules.is_ignored(&entry.path))
            .then_some(SkipReason::Ignored)
            .or_else(|| target::skip_by_path(&entry.path))
            .or_else(|| target::skip_by_size(entry.bytes, max)),
    }
}
