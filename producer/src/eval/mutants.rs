//! Cases from a repository: its files with faults, of which its own tests notice each.

use super::testing::{Tests, Verdict};
use super::{DIR, Set};
use crate::looking;
use anyhow::bail;
use queue_schema::ids::content_id;
use queue_schema::url::public_address;
use scrum_config::Settings;
use scrum_domain::eval::case::{self, Source};
use scrum_domain::eval::mutate::{is_mutable, mutations};
use scrum_domain::eval::pick::{Candidate, Picker};
use scrum_domain::eval::record::Tried;
use scrum_domain::text::counted;
use scrum_repo::{Entry, IgnoreFile, Repo, TargetGlobs};
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Files that are looked at for faults at most: those that the seed puts first.
const MOST_FILES: usize = 2_000;
/// Mutants that are tried at most for each one that is wanted.
const MOST_TRIES: usize = 10;
/// So often it is said how far the tests are.
const TELL_EVERY: usize = 10;

/// What cases are wanted.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The repository.
    pub repo: String,
    /// Its revision.
    pub rev: String,
    /// Which of its files.
    pub targets: Vec<String>,
    /// How many of them.
    pub mutants: usize,
    /// What the choice depends on.
    pub seed: u64,
    /// The project's tests, and what comes before them.
    pub test: Option<String>,
    /// See [`Asked::test`].
    pub check: Option<String>,
    /// Whether they run without a sandbox.
    pub unsafe_no_sandbox: bool,
    /// Our settings.
    pub settings: Arc<Settings>,
    /// The state directory.
    pub state: PathBuf,
    /// Set when the user leaves.
    pub cancel: Arc<AtomicBool>,
}

/// Chooses them; `None` when the user left. Blocks.
///
/// # Errors
/// What a person can get wrong, with what to do; tests that fail on the unchanged commit.
pub fn choose(asked: &Asked, tell: &dyn Fn(String)) -> anyhow::Result<Option<Set>> {
    let repo = Repo::open_or_mirror(&asked.repo, &asked.state.join("mirrors"))?;
    let commit = repo.resolve(&asked.rev)?;
    let files = files(&repo, &commit, asked)?;
    let mut picker = Picker::new(candidates(&repo, &files, asked.seed)?, asked.seed);
    if picker.left() == 0 {
        bail!(
            "no fault can be put into a file of {} at {commit:.10}; faults are known for Rust, Python, JavaScript, TypeScript, Go, Java and C, outside of tests: check --target, and {}",
            asked.repo,
            IgnoreFile::NAME
        );
    }
    let mut tests = Tests::new(asked, &repo, &commit)?;
    let (mut tried, mut sources) =
        (Tried { by_tests: tests.is_some(), ..Tried::default() }, Vec::new());
    // Two faults of different kinds may come to the same text.
    let mut known = HashSet::new();
    while sources.len() < asked.mutants && tried.tried < asked.mutants * MOST_TRIES {
        let Some(next) = picker.take() else { break };
        let Some(entry) = files.get(&next.path) else { continue };
        let Some(text) = text(&repo, entry)? else { continue };
        let Some(source) = Source::mutated(&next.path, &text, &next.mutation) else { continue };
        if !known.insert(content_id(&[source.file.as_bytes(), source.text.as_bytes()])) {
            continue;
        }
        let verdict = match &mut tests {
            Some(tests) => tests.judge(&repo, &source, tell)?,
            None => Some(Verdict::Killed),
        };
        let Some(verdict) = verdict else { return Ok(None) };
        tried.tried += 1;
        match verdict {
            Verdict::Killed => {
                picker.keep(&next.path);
                sources.push(source);
            }
            Verdict::Survived => tried.survived += 1,
            Verdict::Broken => tried.broken += 1,
            Verdict::TimedOut => tried.timed_out += 1,
        }
        if tests.is_some() && tried.tried.is_multiple_of(TELL_EVERY) {
            tell(format!(
                "{} of {} mutants tried are killed by the tests",
                sources.len(),
                tried.tried
            ));
        }
    }
    if let Some(tests) = &mut tests
        && tests.still_pass(tell)?.is_none()
    {
        return Ok(None);
    }
    tried.kept = sources.len();
    enough(asked, &tried, tell)?;
    let is_url = Repo::is_url(&asked.repo);
    let source = if is_url { asked.repo.clone() } else { repo.canonical().display().to_string() };
    let source = public_address(&source);
    let cases = case::set(sources, asked.seed);
    Ok(Some(Set { source, commit, seed: asked.seed, mutants: Some(tried), cases }))
}

/// All faults that are chosen from.
fn candidates(
    repo: &Repo,
    files: &HashMap<String, Entry>,
    seed: u64,
) -> anyhow::Result<Vec<Candidate>> {
    let mut out = Vec::new();
    for entry in files.values() {
        if let Some(text) = text(repo, entry)? {
            let of = |mutation| Candidate { path: entry.path.clone(), mutation };
            out.extend(mutations(&entry.path, &text, seed).into_iter().map(of));
        }
    }
    Ok(out)
}

/// Says when there are fewer than were wanted.
///
/// # Errors
/// There is none.
fn enough(asked: &Asked, tried: &Tried, tell: &dyn Fn(String)) -> anyhow::Result<()> {
    if tried.kept == 0 {
        bail!(
            "the tests killed none of {}, so there is no case: check that --test runs tests of the code in --target",
            counted(tried.tried, "mutant", "mutants")
        );
    }
    if tried.kept < asked.mutants {
        tell(format!(
            "{} of {} mutants were found; more files or more tests would give more",
            tried.kept, asked.mutants
        ));
    }
    Ok(())
}

/// The files that may get a fault, by their paths: those that a sweep would review.
fn files(repo: &Repo, commit: &str, asked: &Asked) -> anyhow::Result<HashMap<String, Entry>> {
    let tree = repo.snapshot(commit)?;
    let ignore = looking::ignore_file(repo, &tree)?;
    let globs = TargetGlobs::new(&asked.targets)?;
    let most = asked.settings.sweep.max_file_bytes;
    let fits = |entry: &Entry| {
        is_mutable(&entry.path)
            && !entry.path_escaped
            && globs.matches(&entry.path)
            && looking::skip(entry, ignore.as_ref(), most).is_none()
    };
    let mut files: Vec<Entry> = tree.into_iter().filter(fits).collect();
    let seed = asked.seed.to_le_bytes();
    files.sort_by_cached_key(|entry| content_id(&[&seed, entry.path.as_bytes()]));
    files.truncate(MOST_FILES);
    Ok(files.into_iter().map(|entry| (entry.path.clone(), entry)).collect())
}

/// The text of a file as it is; `None` for one that is not reviewed, or is not UTF-8.
fn text(repo: &Repo, entry: &Entry) -> anyhow::Result<Option<String>> {
    let bytes = repo.blob_within(&entry.blob, entry.bytes)?;
    let is_text = scrum_domain::target::inspect(&bytes).is_ok();
    Ok(String::from_utf8(bytes).ok().filter(|_| is_text))
}

/// Where what belongs to a set, or to tests, lies.
pub(super) fn dir(state: &std::path::Path) -> PathBuf {
    state.join(DIR)
}
