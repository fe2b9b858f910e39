//! `--dry-run`: what a sweep would review, what it would skip, calls and tokens. No model is asked, nothing is written.

use crate::cli::{Global, Request};
use crate::output::{Table, aligned, dollars, say, say_json, say_lines, short};
use crate::progress::Progress;
use crate::{ladder, request, session};
use anyhow::Context;
use queue_schema::sweep::{DocRef, SweepSpec};
use scrum_disk as disk;
use scrum_domain::definitions::{self, Index};
use scrum_domain::estimate::{Estimate, OfRung};
use scrum_domain::target::{self, SkipReason, Skipped};
use scrum_domain::text::counted;
use scrum_repo::{Entry, EntryKind, IgnoreFile, Repo, RepoError, TargetGlobs};
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

/// Files that are printed at a time.
const PAGE: usize = 256;

/// A file that would be reviewed.
#[derive(Debug, Serialize)]
struct Reviewed {
    file: String,
    bytes: u64,
    parts: usize,
    tokens_in: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    encoding: &'static str,
}

/// A file that would not.
#[derive(Debug, Serialize)]
struct Left {
    file: String,
    reason: String,
}

/// Says what a sweep would do; 1 if it would review nothing.
///
/// # Errors
/// Whatever a person can get wrong, with what to do; a repository that can't be read.
pub fn execute(global: &Global, asked: &Request, ladder_name: &str) -> anyhow::Result<u8> {
    let settings = session::load(global)?;
    let progress = Progress::new(global.quiet);
    let (ladder, why) = ladder::choose(ladder_name, &settings, global.config.as_deref())?;
    let shards = asked.shard_ladder.as_deref().unwrap_or(&settings.sweep.shard_ladder);
    let shard_ladder = match shards {
        "" => ladder.clone(),
        name => ladder::choose(name, &settings, global.config.as_deref())?.0,
    };
    // A mirror of a URL is gone when this ends.
    let temp = Repo::is_url(&asked.repo).then(disk::temp_dir).transpose();
    let temp = temp.context("no directory for temporary files can be made")?;
    let state = temp.as_ref().map_or(Path::new(""), |temp| temp.path());
    let prepared = request::prepare(asked, &settings, state, ladder, shard_ladder)?;
    super::sweep::note_targets(&prepared, &progress);
    let (spec, documents) = (&prepared.spec, &prepared.documents);
    let text = |doc: &DocRef| {
        let found = documents.iter().find(|(sha, _)| *sha == doc.sha256);
        found.map(|(_, text)| text.as_str())
    };
    let mut estimate = Estimate::new(spec, text);
    let (files, left) =
        look(spec, state, &mut estimate, settings.worker.definition_files as usize)?;
    let mut skipped = Skipped::default();
    for file in &left {
        skipped.add(&file.reason);
    }
    if global.json {
        say_json(&serde_json::json!({
            "repo": queue_schema::url::public_address(&spec.repo),
            "commit": spec.commit,
            "ladder": spec.ladder.name,
            "files": files,
            "skipped": left,
            "rungs": estimate.rungs,
            "facts": estimate.facts,
        }))?;
    } else {
        let why = why.map(|w| format!(" ({w})")).unwrap_or_default();
        print(&files, &left)?;
        say(&format!(
            "would review {} of {} at {:.10} on ladder {}{why}; {skipped}",
            counted(files.len(), "file", "files"),
            spec.repo,
            spec.commit,
            spec.ladder.name
        ))?;
        say("")?;
        say_lines(&rungs(&estimate.rungs))?;
        say("Of each rung, if all files are accepted there; the first one is asked first.")?;
        if let Some(facts) = &estimate.facts {
            say(&format!(
                "Facts of accepted reviews: {} calls more, at most {} tokens of prompts.",
                facts.calls,
                short(facts.tokens_in)
            ))?;
        }
        say("Dry run: no model was asked, nothing was written.")?;
    }
    Ok(u8::from(files.is_empty()))
}

/// Every file of the commit that the request names, as the workers will see it.
fn look(
    spec: &SweepSpec,
    state: &Path,
    estimate: &mut Estimate<'_>,
    most_indexed: usize,
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
        estimate.definitions = indexed(&repo, &tree, ignore.as_ref(), most_indexed);
    }
    let (mut files, mut left) = (Vec::new(), Vec::new());
    for entry in wanted() {
        let file = entry.path.clone();
        match read(&repo, entry, ignore.as_ref(), spec.limits.max_file_bytes)? {
            Ok((text, encoding)) => {
                let (parts, tokens_in) = estimate.add(&file, &text);
                files.push(Reviewed { file, bytes: entry.bytes, parts, tokens_in, encoding });
            }
            Err(reason) => left.push(Left { file, reason: reason.to_string() }),
        }
    }
    Ok((files, left))
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

/// The text of a file, or why it would be skipped.
fn read(
    repo: &Repo,
    entry: &Entry,
    ignore: Option<&IgnoreFile>,
    max: u64,
) -> anyhow::Result<Result<(String, &'static str), SkipReason>> {
    if let Some(reason) = skip(entry, ignore, max) {
        return Ok(Err(reason));
    }
    let bytes = repo.blob_within(&entry.blob, max)?;
    Ok(target::inspect(&bytes).map(|read| (read.text.into_owned(), read.encoding)))
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

/// The files, those that are skipped last.
fn print(files: &[Reviewed], left: &[Left]) -> anyhow::Result<()> {
    let mut table = Table::new(&["FILE", "READ", "TOKENS"]);
    for page in files.chunks(PAGE) {
        let rows: Vec<Vec<String>> = page
            .iter()
            .map(|f| {
                let read =
                    if f.parts > 1 { format!("in {} parts", f.parts) } else { "whole".to_owned() };
                let encoding = if f.encoding.is_empty() {
                    String::new()
                } else {
                    format!(", as {}", f.encoding)
                };
                vec![f.file.clone(), read + &encoding, f.tokens_in.to_string()]
            })
            .collect();
        say_lines(&table.page(&rows))?;
    }
    if !files.is_empty() && !left.is_empty() {
        say("")?;
    }
    let mut table = Table::new(&["SKIPPED", "REASON"]);
    for page in left.chunks(PAGE) {
        let rows: Vec<_> = page.iter().map(|f| vec![f.file.clone(), f.reason.clone()]).collect();
        say_lines(&table.page(&rows))?;
    }
    say("")?;
    Ok(())
}

fn rungs(rungs: &[OfRung]) -> String {
    let rows: Vec<Vec<String>> = rungs
        .iter()
        .map(|of| {
            vec![
                of.rung.clone(),
                of.whole.to_string(),
                of.in_parts.to_string(),
                of.calls.to_string(),
                short(of.tokens_in),
                short(of.tokens_out),
                dollars(of.usd),
            ]
        })
        .collect();
    let header = ["RUNG", "WHOLE", "IN PARTS", "CALLS", "TOKENS IN", "OUT AT MOST", "COST AT MOST"];
    aligned(&header, &rows, &[1, 2, 3, 4, 5, 6])
}
