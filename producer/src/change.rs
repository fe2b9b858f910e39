//! From the command line's request to the record of a sweep over a change. Whatever a person can get wrong is found
//! here, before anything is enqueued.

use crate::cli::DiffArgs;
use crate::request;
use anyhow::{Context, bail};
use queue_schema::sweep::{DiffSpec, Ladder, Reviewer, Rung, SWEEP_VERSION, SweepSpec};
use scrum_config::{Ladders, ProviderConfig, Settings};
use scrum_disk as disk;
use scrum_domain::diff::{self, Bounds, Plan};
use scrum_knowledge::now_ms;
use scrum_repo::{DiffRange, Repo};
use std::path::{Path, PathBuf};

/// Bytes of a patch file at most.
const MOST_PATCH: u64 = 64 << 20;
/// Reviewers of a change at most.
const MOST_REVIEWERS: usize = 16;
/// The ladder of the reviewer that needs no model.
const BUILTIN: &str = "builtin";
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
    let is_url = Repo::is_url(&args.repo);
    let (range, rev) = range(args, repo)?;
    let (reviewers, notes) = reviewers(args, settings)?;
    let bounds = settings.diff.bounds(args.force);
    let text = repo.diff(&range.base, &range.head, settings.sweep.max_file_bytes)?;
    let ignore = repo.ignore_file(&range.base)?;
    let ignored = |path: &str| ignore.as_ref().is_some_and(|file| file.is_ignored(path));
    let plan = diff::bundles(&diff::parse(&text)?, &Bounds::from(&bounds), &ignored)?;
    let change = DiffSpec { base: range.base, reviewers, bounds, claims: None };
    let mut limits = settings.limits();
    // A change says nothing of the files that it leaves alone.
    limits.memory = None;
    let identity =
        if is_url { queue_schema::url::identity(&args.repo) } else { repo.identity(&range.head)? };
    let first = change.reviewers.first().map(|r| r.ladder.clone());
    let ladder = first.context("nobody is there to review the change")?;
    let spec = SweepSpec {
        v: SWEEP_VERSION,
        identity,
        repo: if is_url {
            args.repo.clone()
        } else {
            repo.canonical().to_string_lossy().into_owned()
        },
        rev,
        commit: range.head,
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
        diff: Some(change),
        audit: None,
        labels: request::labels(&args.labels)?,
        again: if args.again { now_ms() } else { 0 },
    };
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

/// One who is named on the command line, with the model or the ladder behind the name.
///
/// # Errors
/// No such ladder.
pub fn reviewer(of: &(String, String), settings: &Settings) -> anyhow::Result<Reviewer> {
    let (name, model) = of;
    let ladder = ladder(name, model, &Ladders::load(settings)?, settings)?;
    Ok(Reviewer { name: name.clone(), ladder })
}

/// Who reviews: those of the command line, else those of the settings that can be asked, else the built-in checks.
fn reviewers(args: &DiffArgs, settings: &Settings) -> anyhow::Result<(Vec<Reviewer>, Vec<String>)> {
    let ladders = Ladders::load(settings)?;
    let (mut found, mut notes) = (Vec::new(), Vec::new());
    for (name, model) in &args.reviewers {
        if found.iter().any(|r: &Reviewer| r.name == *name) {
            bail!("two reviewers are named '{name}'; give each a name of its own");
        }
        let ladder = ladder(name, model, &ladders, settings)?;
        found.push(Reviewer { name: name.clone(), ladder });
    }
    if found.is_empty() {
        let mut without = Vec::new();
        for (name, model) in settings.diff.reviewers.iter().filter(|(_, model)| !model.is_empty()) {
            let ladder = ladder(name, model, &ladders, settings)
                .with_context(|| format!("diff.reviewers.{name} of the settings"))?;
            match lacks(&ladder, settings) {
                Some(why) => without.push(format!("{name} ({why})")),
                None => found.push(Reviewer { name: name.clone(), ladder }),
            }
        }
        if !without.is_empty() {
            notes.push(format!("not asked: {}", without.join(", ")));
        }
    }
    if found.is_empty() {
        notes.push("no model is at hand: the built-in checks are the one reviewer".to_owned());
        let ladder = ladders.get(BUILTIN)?;
        found.push(Reviewer { name: BUILTIN.to_owned(), ladder });
    }
    if found.len() > MOST_REVIEWERS {
        bail!("{} reviewers are too many; at most {MOST_REVIEWERS} are asked", found.len());
    }
    Ok((found, notes))
}

/// A model as a ladder of one rung, or a ladder by its name or file.
fn ladder(
    name: &str,
    model: &str,
    ladders: &Ladders,
    settings: &Settings,
) -> anyhow::Result<Ladder> {
    let rung = model.split_once('/').filter(|(provider, model)| {
        settings.providers.contains_key(*provider) && !model.is_empty()
    });
    let Some((provider, model)) = rung else { return Ok(ladders.get(model)?) };
    let rung = Rung {
        provider: provider.to_owned(),
        model: model.to_owned(),
        note: String::new(),
        max_tokens: None,
        context_tokens: settings.providers.get(provider).and_then(ProviderConfig::rung_context),
        max_findings: None,
        temperature: None,
        usd_per_million_in: None,
        usd_per_million_out: None,
    };
    Ok(Ladder { name: name.to_owned(), description: String::new(), rungs: vec![rung] })
}

/// Why none of a ladder's rungs can be asked from this machine; of a fleet, only its workers know.
fn lacks(ladder: &Ladder, settings: &Settings) -> Option<String> {
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
