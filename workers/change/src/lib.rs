//! From two commits to the record of a sweep that reviews what lies between them: the same for `scrum diff`, for a
//! forge's call, and for the worker that cuts the change into its parts again.
//!
//! [`prepare`] makes the record, [`cut`] the parts, [`reviewers`] finds out who is asked.

mod reviewers;

pub use reviewers::{Found, NoReviewer, named_or_configured, reviewer, reviewers, with_votes};

use queue_schema::sweep::{DiffBounds, DiffSpec, PostSpec, Reviewer, SWEEP_VERSION, SweepSpec};
use queue_schema::url;
use scrum_config::Settings;
use scrum_domain::diff::{self, Bounds, Change, PatchError, Plan, Refused};
use scrum_repo::{DiffRange, Repo, RepoError};
use std::collections::BTreeMap;

/// What is to be reviewed, and by whom.
#[derive(Debug, Clone)]
pub struct Request {
    /// The repository, as it was named: a path or a URL.
    pub repo: String,
    /// The two commits.
    pub range: DiffRange,
    /// The words that named them.
    pub rev: String,
    /// Who reviews it; never empty.
    pub reviewers: Vec<Reviewer>,
    /// Whether parts that are too large are reviewed all the same.
    pub force: bool,
    /// Where the review is published.
    pub post: Option<PostSpec>,
    /// Shown in reports.
    pub labels: BTreeMap<String, String>,
    /// When the same is asked for anew, in milliseconds; 0 for the first time.
    pub again: u64,
}

/// Why a change can't be reviewed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The repository can't be read.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// What git says of the change can't be read.
    #[error("the change can't be read: {0}")]
    Patch(#[from] PatchError),
    /// It is too large.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// There are no reviewers.
    #[error("nobody is there to review the change")]
    Nobody,
}

/// The change between two commits in its parts. What is ignored says the commit before it: a change must not hide
/// itself.
///
/// # Errors
/// A commit that can't be read, or a change that is too large.
pub fn cut(
    repo: &Repo,
    range: &DiffRange,
    bounds: &DiffBounds,
    max_file_bytes: u64,
) -> Result<Plan, ChangeError> {
    let text = repo.diff(&range.base, &range.head, max_file_bytes)?;
    let ignore = repo.ignore_file(&range.base)?;
    let ignored = |path: &str| ignore.as_ref().is_some_and(|file| file.is_ignored(path));
    let mut patch = diff::parse(&text)?;
    for file in patch.files.iter_mut().filter(|file| file.binary && file.change != Change::Added) {
        let named = file.old_path();
        let before = repo.files(&range.base, std::slice::from_ref(&named), max_file_bytes)?;
        file.was_text = before.get(&named).is_some_and(|bytes| diff::can_be_shown(&named, bytes));
    }
    Ok(diff::bundles(&patch, &Bounds::from(bounds), &ignored)?)
}

/// The record of a sweep over a change, and the change in its parts. Only the settings and the commit before the
/// change decide how it is reviewed.
///
/// # Errors
/// As [`cut`]; no reviewers.
pub fn prepare(
    request: Request,
    repo: &Repo,
    settings: &Settings,
) -> Result<(SweepSpec, Plan), ChangeError> {
    let bounds = settings.diff.bounds(request.force);
    let mut limits = settings.limits();
    let plan = cut(repo, &request.range, &bounds, limits.max_file_bytes)?;
    // A change says nothing of the files that it leaves alone.
    limits.memory = None;
    let DiffRange { base, head } = request.range;
    let ladder = request.reviewers.first().map(|r| r.ladder.clone()).ok_or(ChangeError::Nobody)?;
    let is_url = Repo::is_url(&request.repo);
    let identity = if is_url { url::identity(&request.repo) } else { repo.identity(&head)? };
    let own = || repo.canonical().to_string_lossy().into_owned();
    let (reviewers, post) = (request.reviewers, request.post);
    let change = DiffSpec { base, reviewers, bounds, claims: None, post };
    let spec = SweepSpec {
        v: SWEEP_VERSION,
        identity,
        repo: if is_url { request.repo } else { own() },
        rev: request.rev,
        commit: head,
        globs: Vec::new(),
        prd: None,
        proposal: None,
        forensic: None,
        hints: None,
        shard_ladder: ladder.clone(),
        ladder,
        policy: settings.sweep.policy,
        limits,
        embedding: String::new(),
        local: settings.local_of(change.rungs()),
        facts: None,
        confirm: None,
        diff: Some(change),
        audit: None,
        calibration: Vec::new(),
        expected: None,
        schedule: None,
        labels: request.labels,
        again: request.again,
    };
    Ok((spec, plan))
}
