//! From the command line's request to a sweep record. Everything a person can get wrong is
//! found here, before anything is enqueued.

use crate::cli::Request;
use anyhow::{Context, bail};
use queue_schema::ids::sha256_hex;
use queue_schema::sweep::{DocRef, Ladder, Policy, SWEEP_VERSION, SweepSpec};
use scrum_config::Settings;
use scrum_disk as disk;
use scrum_domain::hints::Hints;
use scrum_domain::retrieve;
use scrum_knowledge::now_ms;
use scrum_repo::{Repo, TargetGlobs};
use std::collections::BTreeMap;
use std::path::Path;

/// The option of the text that stands before the question.
const FORENSIC: &str = "forensic";

/// A sweep record and the documents that go with it, by hash.
#[derive(Debug)]
pub struct Prepared {
    /// The record.
    pub spec: SweepSpec,
    /// Hash and text of each document.
    pub documents: Vec<(String, String)>,
    /// Findings of linters that were taken, and those that name no file of the repository.
    pub hints: Option<(usize, usize)>,
    /// Target globs that match nothing in the commit.
    pub unused: Vec<String>,
    /// The part of the repository that was named, when all of it is reviewed.
    pub below: Option<String>,
}

/// Checks a request and pins it to a commit.
///
/// # Errors
/// A path that is no repository, an unknown revision, ladder or policy, a missing document, a
/// bad glob: each with what to do.
pub fn prepare(
    request: &Request,
    settings: &Settings,
    state: &Path,
    ladder: Ladder,
    shard_ladder: Ladder,
) -> anyhow::Result<Prepared> {
    let repo = Repo::open_or_mirror(&request.repo, &state.join("mirrors"))?;
    let commit = repo.resolve(&request.rev)?;
    let globs = TargetGlobs::new(&request.targets)?;
    let policy: Policy = match &request.policy {
        Some(name) => name.parse().map_err(anyhow::Error::msg)?,
        None => settings.sweep.policy,
    };
    let mut documents = Vec::new();
    let mut read = |what: &str, path: Option<&Path>| -> anyhow::Result<Option<DocRef>> {
        let Some(path) = path else { return Ok(None) };
        let (doc, text) = document(what, path, settings)?;
        documents.push((doc.sha256.clone(), text));
        Ok(Some(doc))
    };
    let prd = read("prd", request.prd.as_deref())?;
    let proposal = read("proposal", request.proposal.as_deref())?;
    let forensic = read(FORENSIC, request.forensic.as_deref())?;
    let mut taken = None;
    let hints = match &request.hints {
        Some(path) => {
            let (doc, text, read) = linters(path, &repo.canonical().to_string_lossy(), settings)?;
            documents.push((doc.sha256.clone(), text));
            taken = Some((read.len(), read.elsewhere));
            Some(doc)
        }
        None => None,
    };
    let unused =
        if request.targets.is_empty() { Vec::new() } else { unused(&repo, &commit, &globs) };
    let is_url = Repo::is_url(&request.repo);
    let named = Some(&request.repo).filter(|_| request.targets.is_empty() && !is_url);
    let below = named.and_then(|path| repo.below_root(Path::new(path)));
    let confirm = settings.confirm.spec(&ladder, &settings.providers);
    let confirm = confirm.filter(|_| !request.no_confirm);
    let facts = settings.facts.spec(&ladder, &settings.providers).filter(|_| !request.no_facts);
    let fact_rungs = facts.iter().flat_map(|f| [&f.extractor, &f.verifier]);
    let confirmer = confirm.as_ref().and_then(|c| c.rung.as_ref());
    let rungs = ladder.rungs.iter().chain(&shard_ladder.rungs).chain(fact_rungs).chain(confirmer);
    let local = settings.local_of(rungs);
    let identity =
        if is_url { queue_schema::url::identity(&request.repo) } else { repo.identity(&commit)? };
    let spec = SweepSpec {
        v: SWEEP_VERSION,
        identity,
        // A path is made absolute, because workers run elsewhere; a URL stays one.
        repo: if is_url {
            request.repo.clone()
        } else {
            repo.canonical().to_string_lossy().into_owned()
        },
        rev: request.rev.clone(),
        commit,
        globs: request.targets.clone(),
        prd,
        proposal,
        forensic,
        hints,
        ladder,
        shard_ladder,
        policy,
        limits: settings.limits(),
        embedding: settings.embedding.model_in_use().to_owned(),
        local,
        facts,
        confirm,
        diff: None,
        audit: None,
        calibration: Vec::new(),
        expected: None,
        schedule: None,
        labels: labels(&request.labels)?,
        again: if request.again { now_ms() } else { 0 },
    };
    Ok(Prepared { spec, documents, hints: taken, unused, below })
}

/// Globs that match nothing in a commit. A tree that can't be read, of a partial clone say, is the planner's to tell: it
/// may have more.
fn unused(repo: &Repo, commit: &str, globs: &TargetGlobs) -> Vec<String> {
    let tree = repo.snapshot(commit).unwrap_or_default();
    let unused = globs.unused(tree.iter().map(|entry| entry.path.as_str()));
    unused.into_iter().filter(|_| !tree.is_empty()).map(str::to_owned).collect()
}

/// Bytes of a SARIF log at most.
const MOST_LOG: u64 = 64 << 20;
/// Bytes at most of what is kept of one, which each worker holds.
const MOST_HINTS: usize = 8 << 20;

/// What linters found, from their log to the form that workers read.
fn linters(
    path: &Path,
    root: &str,
    settings: &Settings,
) -> anyhow::Result<(DocRef, String, Hints)> {
    let shown = path.display();
    let bytes = disk::read_file(path, MOST_LOG).map_err(|e| {
        let why = match disk::too_large(&e) {
            Some(bytes) => format!(
                "is {bytes} bytes, over the limit of {MOST_LOG}; let the linters report less"
            ),
            None => "can't be read; check the path".to_owned(),
        };
        anyhow::Error::new(e).context(format!("the log --hints {shown} {why}"))
    })?;
    let log = String::from_utf8(bytes).map_err(|e| {
        let at = e.utf8_error().valid_up_to();
        anyhow::anyhow!("the log --hints {shown} is not text: byte {at} is not UTF-8; convert it")
    })?;
    let most = settings.hints.max_count as usize;
    let hints = Hints::read(&log, root, most)
        .map_err(|e| anyhow::anyhow!("the log --hints {shown} {e}"))?;
    let text = hints.to_text();
    if text.len() > MOST_HINTS {
        bail!(
            "the log --hints {shown} holds {} findings, {} bytes of them, over the limit of {MOST_HINTS}; lower hints.max_count, or let the linters report less",
            hints.len(),
            text.len()
        );
    }
    let name = path.to_string_lossy().into_owned();
    let doc = DocRef { name, sha256: sha256_hex(text.as_bytes()), bytes: text.len() as u64 };
    Ok((doc, text, hints))
}

fn document(what: &str, path: &Path, settings: &Settings) -> anyhow::Result<(DocRef, String)> {
    let (shown, max) = (path.display(), settings.sweep.max_file_bytes);
    let bytes = match disk::read_file(path, max) {
        Ok(bytes) => bytes,
        Err(e) => {
            if let Some(bytes) = disk::too_large(&e) {
                bail!(
                    "the document --{what} {shown} is {bytes} bytes, over the limit of {max} (sweep.max_file_bytes); shorten it or raise the limit"
                );
            }
            let failed = format!("the document --{what} {shown} can't be read; check the path");
            return Err(anyhow::Error::new(e).context(failed));
        }
    };
    let text = String::from_utf8(bytes).map_err(|e| {
        anyhow::anyhow!(
            "the document --{what} {shown} is not text: byte {} is not UTF-8; convert it",
            e.utf8_error().valid_up_to()
        )
    })?;
    if text.trim().is_empty() {
        bail!(
            "the document --{what} {shown} is empty; leave the option out or pass a file with text"
        );
    }
    // The forensic text is shown whole, the others by passages.
    if what != FORENSIC && retrieve::chunk(what, &text, &settings.documents).is_empty() {
        bail!(
            "the document --{what} {shown} has no passage of more than {} characters (documents.least_chars), so no reviewer would see any of it; leave the option out, write more, or lower the limit",
            settings.documents.least_chars
        );
    }
    let doc = DocRef {
        name: path.to_string_lossy().into_owned(),
        sha256: sha256_hex(text.as_bytes()),
        bytes: text.len() as u64,
    };
    Ok((doc, text))
}

/// Labels as they are given.
///
/// # Errors
/// One that is not KEY=VALUE.
pub fn labels(given: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    given
        .iter()
        .map(|l| {
            l.split_once('=')
                .filter(|(k, _)| !k.is_empty())
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .with_context(|| format!("the label '{l}' is not KEY=VALUE"))
        })
        .collect()
}
