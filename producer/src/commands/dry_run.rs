//! `--dry-run`: what a sweep would review, what it would skip, calls and tokens. No model is asked, nothing is written.

use crate::cli::{Global, Request};
use crate::looking::{Effort, Left, Reviewed, look, text_of};
use crate::output::{Table, aligned, dollars, say, say_json, say_lines, short};
use crate::progress::Progress;
use crate::{ladder, request, session};
use anyhow::Context;
use queue_schema::sweep::DocRef;
use scrum_disk as disk;
use scrum_domain::estimate::{Estimate, OfRung};
use scrum_domain::target::Skipped;
use scrum_domain::text::counted;
use scrum_repo::Repo;
use std::path::Path;

/// Files that are printed at a time.
const PAGE: usize = 256;

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
    let spec = &prepared.spec;
    let mut estimate = Estimate::new(spec, |doc: &DocRef| text_of(&prepared, doc));
    let effort = Effort { files: usize::MAX, indexed: settings.worker.definition_files as usize };
    let (files, left) = look(spec, state, &mut estimate, effort)?;
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
