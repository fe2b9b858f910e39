//! One sweep over the cases for each ladder or rung.

use super::Set;
use super::mutants::dir;
use crate::cli::{EvalArgs, Global, Request};
use crate::commands::sweep::{self, Climbed};
use crate::progress::Progress;
use crate::session::Session;
use crate::workers::{Local, Workers};
use crate::{ladder, wait};
use anyhow::bail;
use queue_schema::client::SweepStatus;
use queue_schema::sweep::{Ladder, Rung, TargetStatus};
use scrum_change::reviewer;
use scrum_config::Settings;
use scrum_domain::eval::case::Case;
use scrum_domain::eval::record::Run;
use scrum_domain::eval::score::{paid_before, score};
use scrum_domain::report::FileReport;
use scrum_knowledge::Sweep;
use scrum_repo::plant;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Ladders and rungs of one eval at most.
const MOST_RUNS: usize = 16;

/// A ladder that is tried, and what it is called.
pub struct Labelled {
    label: String,
    ladder: Ladder,
    why: Option<String>,
}

/// The ladders and rungs that were named, else `auto`.
///
/// # Errors
/// One that is not known, or is named twice.
pub fn labelled(
    args: &EvalArgs,
    settings: &Settings,
    config: Option<&Path>,
) -> anyhow::Result<Vec<Labelled>> {
    let mut out = Vec::new();
    let auto = ["auto".to_owned()];
    let ladders =
        if args.ladders.is_empty() && args.rungs.is_empty() { &auto[..] } else { &args.ladders };
    for name in ladders {
        let (ladder, why) = ladder::choose(name, settings, config)?;
        out.push(Labelled { label: name.clone(), ladder, why });
    }
    for name in &args.rungs {
        let provider = name.split_once('/').filter(|(_, model)| !model.is_empty());
        if provider.is_none_or(|(provider, _)| !settings.providers.contains_key(provider)) {
            let known: Vec<&str> = settings.providers.keys().map(String::as_str).collect();
            bail!(
                "--rung {name} is no PROVIDER/MODEL of a provider in the settings: {}",
                known.join(", ")
            );
        }
        let found = reviewer(&(name.clone(), name.clone()), settings)?;
        out.push(Labelled { label: name.clone(), ladder: found.ladder, why: None });
    }
    let labels: BTreeSet<&str> = out.iter().map(|l| l.label.as_str()).collect();
    if labels.len() < out.len() || out.len() > MOST_RUNS {
        bail!("name each --ladder and --rung once, and at most {MOST_RUNS} of them");
    }
    Ok(out)
}

/// Reviews the cases on each; `None` when the user left.
///
/// # Errors
/// What a person can get wrong, with what to do; a sweep that can't be planned.
pub async fn run(
    global: &Global,
    session: &mut Session,
    args: &EvalArgs,
    set: &Set,
    (ladders, progress): (Vec<Labelled>, &mut Progress),
) -> anyhow::Result<Option<Vec<Run>>> {
    let place = dir(&session.state).join(set.name());
    let files = set.cases.iter().map(|c| (c.case.place.as_str(), c.text.as_bytes()));
    let commit = plant(&place, files)?;
    let server = session.private.take();
    let workers = Workers::start(global, session, args.workers, Vec::new())?;
    let mut local = Local { workers, server };
    let cases: Vec<Case> = set.cases.iter().map(|built| built.case.clone()).collect();
    let (mut runs, mut before) = (Vec::new(), Vec::<BTreeMap<String, FileReport>>::new());
    for one in ladders {
        let request = request(args, &place, &commit, &one.label);
        let models: Vec<String> = one.ladder.rungs.iter().map(Rung::name).collect();
        // What is learnt of this eval must not make another sweep of the same one, and its cases must not teach each other
        // anything: a review would then depend on which other one came first.
        let climbed = Climbed {
            shard_ladder: one.ladder.clone(),
            ladder: one.ladder,
            why: one.why,
            planted: true,
        };
        let begun = Box::pin(sweep::create_on(session, &request, climbed, progress)).await?;
        let tend = |progress: &Progress| local.tend(progress);
        let ended = Box::pin(wait::until_over(session, &begun.id, progress, tend)).await;
        let Some(status) = ended? else {
            progress.finish();
            local.stop(session.settings.worker.grace_s);
            return Ok(None);
        };
        told(&status)?;
        let mut files = files_of(session, &begun.id).await?;
        paid_before(&mut files, &before.iter().collect::<Vec<_>>());
        let outcomes = score(&set.cases, &files);
        runs.push(Run::new(&one.label, models, begun.id.as_str(), &cases, outcomes));
        before.push(files);
    }
    progress.finish();
    local.stop(session.settings.worker.grace_s);
    Ok(Some(runs))
}

/// As `scrum run` would be asked, but for facts, which say nothing of findings.
fn request(args: &EvalArgs, repo: &Path, commit: &str, label: &str) -> Request {
    Request {
        repo: repo.to_string_lossy().into_owned(),
        rev: commit.to_owned(),
        no_facts: true,
        no_confirm: args.no_confirm,
        audit: args.audit,
        budget_usd: args.budget_usd,
        budget_tokens: args.budget_tokens,
        budget_calls: args.budget_calls,
        labels: vec![format!("eval={label}")],
        ..Request::default()
    }
}

fn told(status: &SweepStatus) -> anyhow::Result<()> {
    match wait::failure(status) {
        Some(failure) => bail!(failure),
        None => Ok(()),
    }
}

/// What became of each file of a sweep, by its path.
async fn files_of(
    session: &Session,
    id: &queue_schema::ids::SweepId,
) -> anyhow::Result<BTreeMap<String, FileReport>> {
    let sweep = Sweep::open(&session.queue, id).await?;
    let (mut files, mut out) = (sweep.files(&TargetStatus::ALL), BTreeMap::new());
    loop {
        let page = files.next_page().await?;
        if page.is_empty() {
            return Ok(out);
        }
        out.extend(page.into_iter().map(|file| (file.target.path.clone(), file)));
    }
}
