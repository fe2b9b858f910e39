//! From the command line's request to the record of a sweep over a change. Whatever a person can get wrong is found
//! here, before anything is enqueued.

use crate::cli::DiffArgs;
use crate::request;
use anyhow::{Context, bail};
use queue_schema::sweep::{Ladder, SweepSpec};
use scrum_change::{Found, Request, reviewers};
use scrum_config::Settings;
use scrum_disk as disk;
use scrum_domain::diff::Plan;
use scrum_knowledge::now_ms;
use scrum_repo::{DiffRange, Repo};
use std::path::{Path, PathBuf};

/// Bytes of a patch file at most.
const MOST_PATCH: u64 = 64 << 20;
/// What git names the index by that a commit is made of, for its hooks.
const INDEX: &str = "GIT_INDEX_FILE";

/// The record of a sweep over a change, and what to say of it.
pub struct Prepared {
    /// The record.
    pub spec: SweepSpec,
    /// The change in its parts.
    pub plan: Plan,
    /// What a person should know of the reviewers.
    pub notes: Vec<String>,
}

/// Opens the repository of a request; the mirror of a URL is brought up to date.
///
/// # Errors
/// A path or URL that is no repository, and one of another machine where it must be of this one.
pub fn open(args: &DiffArgs, state: &Path) -> anyhow::Result<Repo> {
    if Repo::is_url(&args.repo) && (args.staged || args.patch.is_some()) {
        bail!("--staged and --patch are about a repository on this machine; pass its path");
    }
    Ok(Repo::open_or_mirror(&args.repo, &state.join("mirrors"))?)
}

/// Checks a request and pins it to two commits.
///
/// # Errors
/// An unknown revision, a change that is too large, an unknown provider: each with what to
/// do.
pub fn prepare(args: &DiffArgs, repo: &Repo, settings: &Settings) -> anyhow::Result<Prepared> {
    let (range, rev) = range(args, repo)?;
    let Found { reviewers, notes } =
        reviewers(&args.reviewers, settings, |ladder| lacks(ladder, settings))?;
    let request = Request {
        repo: args.repo.clone(),
        range,
        rev,
        reviewers,
        force: args.force,
        post: None,
        labels: request::labels(&args.labels)?,
        again: if args.again { now_ms() } else { 0 },
    };
    let (spec, plan) = scrum_change::prepare(request, repo, settings)?;
    Ok(Prepared { spec, plan, notes })
}

/// The two commits, and the words that named them.
fn range(args: &DiffArgs, repo: &Repo) -> anyhow::Result<(DiffRange, String)> {
    if let Some(range) = &args.range {
        return Ok((repo.range(range)?, range.clone()));
    }
    if args.staged {
        let index = std::env::var_os(INDEX).filter(|name| !name.is_empty()).map(PathBuf::from);
        return Ok((repo.staged(index.as_deref())?, "--staged".to_owned()));
    }
    let path = args.patch.as_deref().context("name a change, as in main...HEAD")?;
    let shown = path.display();
    let text = disk::read_file(path, MOST_PATCH)
        .with_context(|| format!("the patch --patch {shown} can't be read; check the path"))?;
    let range = repo.patched(&text).with_context(|| format!("--patch {shown}"))?;
    Ok((range, "--patch".to_owned()))
}

/// Why none of a ladder's rungs can be asked from this machine; of a fleet, only its workers know.
pub fn lacks(ladder: &Ladder, settings: &Settings) -> Option<String> {
    if !settings.redis.is_private() {
        return None;
    }
    let mut why = None;
    for rung in &ladder.rungs {
        let mut keys = settings.providers.get(&rung.provider)?.key_variables().peekable();
        keys.peek()?;
        let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let names: Vec<&str> = keys.collect();
        if names.iter().any(|name| set(name)) {
            return None;
        }
        why = why.or_else(|| Some(format!("{} is not set", names.join(" or "))));
    }
    why
}
