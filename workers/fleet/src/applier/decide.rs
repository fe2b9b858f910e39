//! From proposals to rows: gates, rounds, commits.

use super::Work;
use super::files::{self, File, Own};
use super::prove::{self, Prover};
use super::rounds::Rounds;
use super::runner::Runner;
use queue_schema::ids::content_id;
use queue_schema::rows::AutoApplyRow;
use queue_schema::rows::apply::ApplyAction;
use scrum_config::ApplySettings;
use scrum_domain::apply::detect::check_command;
use scrum_domain::apply::policy::{self, Refused};
use scrum_domain::apply::{Patch, PathRules, message};
use scrum_repo::{Begun, Cache, Change, ExportBounds, Landing, Repo, RepoError, Sandbox};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Worktrees older than this were left by workers that were killed.
const STALE_WORKTREE: Duration = Duration::from_secs(24 * 3600);

/// Entries of a tree that is checked at most.
const MOST_ENTRIES: usize = 1_000_000;

/// Where a run works on this machine.
#[derive(Debug, Clone)]
pub struct Place {
    /// Directory of worktrees and build caches.
    pub dir: PathBuf,
    /// Unique to this execution: a later one takes the branch over.
    pub token: String,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// One row a file, in the order of the request.
    pub rows: Vec<AutoApplyRow>,
    /// Rounds of check and test, the one without any patch included.
    pub checks: u32,
}

/// Why a run was not done.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// What git or the sandbox says.
    #[error(transparent)]
    Repo(#[from] RepoError),
    /// This worker's settings don't allow it.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Decides about every file of a run and, unless it is a dry run, commits what passed.
///
/// # Errors
/// [`RepoError::Moved`] and [`RepoError::Fenced`] when somebody else wrote the branch meanwhile: then
/// nothing was written, and the run may be done again. Anything else that git or the sandbox says.
/// [`ApplyError::Refused`] for commands that this worker does not run.
pub fn run(
    work: &Work,
    settings: &ApplySettings,
    place: &Place,
    cancel: &AtomicBool,
) -> Result<Decided, ApplyError> {
    let repo = Repo::open(Path::new(&work.spec.repo))?;
    let branch = work.spec.branch_of(&work.run);
    repo.check_branch(&branch, &work.spec.rules.protected)?;
    allowed(&repo, work, settings)?;
    for over in &work.over {
        repo.forget_landed(over)?;
    }
    if work.spec.commit
        && let Begun::Landed(journal) = repo.begin(&branch, &work.run, &place.token)?
        && let Ok(decided) = serde_json::from_str(&journal)
    {
        tracing::info!(run = %work.run, "the commits of this run were there already");
        return Ok(decided);
    }
    let expected = repo.branch_head(&branch)?;
    let head = expected.clone().unwrap_or_else(|| work.spec.base.clone());
    let mut files = texts(&repo, &head, work, settings)?;
    let checks = checked(&repo, &head, work, settings, place, cancel, &mut files)?;
    if work.spec.commit && files.iter().any(|f| f.row.action == ApplyAction::Committed) {
        land(&repo, &branch, expected.as_deref(), work, place, checks, &mut files)?;
    }
    Ok(Decided { rows: files.into_iter().map(|f| f.row).collect(), checks })
}

/// Whether this worker runs the commands of a run.
fn allowed(repo: &Repo, work: &Work, settings: &ApplySettings) -> Result<(), ApplyError> {
    let (names, package) = repo.at_root(&work.spec.base)?;
    let detected = check_command(&names, package.as_deref());
    for command in std::iter::once(&work.spec.check).chain(&work.spec.test) {
        let list = &settings.allowed_checks;
        policy::command(command, detected.as_deref(), list, work.vouched)?;
    }
    prove::allowed(repo, work, settings)
}

/// The gates that need only the texts.
fn texts(
    repo: &Repo,
    head: &str,
    work: &Work,
    settings: &ApplySettings,
) -> Result<Vec<File>, RepoError> {
    let tree = repo.snapshot(head)?;
    let entries: HashMap<&str, _> = tree.iter().map(|e| (e.path.as_str(), e)).collect();
    let own = Own {
        paths: PathRules::new(&work.spec.rules.deny, &settings.permit, &settings.allow),
        max_files: settings.max_files as usize,
    };
    let mut files = Vec::with_capacity(work.spec.files.len());
    for (k, wanted) in work.spec.files.iter().enumerate() {
        let entry = entries.get(wanted.path.as_str()).copied();
        let fresh = entry.filter(|e| e.blob == wanted.blob);
        let content = fresh.map(|e| repo.blob(&e.blob)).transpose()?;
        files.push(files::look(work, &own, k, entry, content.as_deref()));
    }
    Ok(files)
}

/// The gates that need a worktree and a sandbox; returns the rounds that it took.
fn checked(
    repo: &Repo,
    head: &str,
    work: &Work,
    settings: &ApplySettings,
    place: &Place,
    cancel: &AtomicBool,
    files: &mut [File],
) -> Result<u32, RepoError> {
    if files.iter().all(|f| f.patched.is_none() && f.trial.is_none() && f.row.proof.is_none()) {
        return Ok(0);
    }
    let without = settings.goes_without_sandbox(work.spec.unsafe_no_sandbox);
    let sandbox = if without { Sandbox::unsafe_none() } else { Sandbox::probe()? };
    if without {
        tracing::warn!(run = %work.run, "the check runs without a sandbox, as its user requested");
    }
    let trees = place.dir.join("trees");
    scrum_repo::sweep_stale(&trees, STALE_WORKTREE)?;
    // Build results are kept between checks of one repository, else each would start from nothing.
    let cache = place.dir.join("cache").join(&content_id(&[work.spec.repo.as_bytes()])[..16]);
    let cache = Cache::take(&cache, cancel)?;
    let bounds = ExportBounds { bytes: settings.max_tree_bytes, entries: MOST_ENTRIES };
    let runner = Runner { settings, sandbox: &sandbox, cache: cache.path(), cancel };
    if let Some(rules) = work.spec.prove {
        // A worker asks for no less than its own settings do.
        let repeats = rules.repeats.max(settings.prove_repeats);
        Prover { repo, head, trees: &trees, bounds, runner, repeats }.run(files)?;
    }
    if files.iter().all(|f| f.patched.is_none()) {
        return Ok(0);
    }
    let worktree = repo.export(head, &trees, bounds)?;
    let mut rounds = Rounds { spec: &work.spec, runner, worktree: &worktree, done: 0 };
    rounds.run(files)?;
    Ok(rounds.done)
}

/// One commit a file, all with one move of the branch.
fn land(
    repo: &Repo,
    branch: &str,
    expected: Option<&str>,
    work: &Work,
    place: &Place,
    checks: u32,
    files: &mut [File],
) -> Result<(), RepoError> {
    let spec = &work.spec;
    let landing: Vec<usize> =
        (0..files.len()).filter(|k| files[*k].row.action == ApplyAction::Committed).collect();
    let changes: Vec<Change> = landing
        .iter()
        .map(|k| {
            let file = &files[*k];
            let patches: Vec<&Patch> = file.passed.iter().collect();
            let origin = message::Origin {
                sweep: &spec.sweep,
                review: &file.row.review_id,
                model: &file.row.patch_model,
                run: &work.run,
                test: file.trial.as_ref().map(|trial| trial.plan.path.as_str()),
            };
            Change {
                path: file.row.file.clone(),
                content: file.patched.clone().unwrap_or_default(),
                message: message::commit(&file.row.file, &patches, &origin),
                added: file
                    .trial
                    .as_ref()
                    .map(|t| (t.plan.path.clone(), t.text.clone().into_bytes())),
            }
        })
        .collect();
    let with = |files: &mut [File], commits: &[String]| {
        for (k, commit) in landing.iter().zip(commits) {
            files[*k].row.commit = Some(commit.clone());
        }
    };
    let commits = repo.land(
        &Landing {
            branch,
            expected,
            base: &spec.base,
            run: &work.run,
            token: &place.token,
            protected: &spec.rules.protected,
            author_name: &spec.rules.author.0,
            author_email: &spec.rules.author.1,
            time: work.now.0,
        },
        &changes,
        |commits| {
            let mut copy = files.to_vec();
            with(&mut copy, commits);
            let rows = copy.into_iter().map(|f| f.row).collect();
            serde_json::to_string(&Decided { rows, checks }).unwrap_or_default()
        },
    )?;
    with(files, &commits);
    Ok(())
}
