//! `scrum memory`: what earlier sweeps of a repository taught.

use crate::cli::{Global, MemoryAction, MemoryArgs};
use crate::output::{aligned, plain, say, say_json};
use crate::session::Session;
use anyhow::{Context as _, bail};
use queue_schema::client::Queue;
use queue_schema::effects::{Effect, Effects};
use queue_schema::ids::{MemoryId, PathwayId};
use queue_schema::records::{AreaRecord, MemoryRecord, PathwayRecord};
use queue_schema::rows::PathwayTraceRow;
use scrum_disk as disk;
use scrum_domain::pathway::{self, Trace};
use scrum_knowledge::memory::{
    MemoryStats, PathwayView, known_prints, memory_stats, named, pathway, pathways,
};
use scrum_repo::Repo;
use scrum_shown::shell_quoted;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// Bytes of a file that is imported at most.
pub const MOST_IMPORTED: u64 = 256 << 20;
/// Digits of a pathway's id that lists show: enough to name it.
const DIGITS: usize = 16;

/// What is exported: the shape that other programs read too.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Exported {
    pathways: BTreeMap<String, Vec<Trace>>,
    #[serde(default)]
    last_updated_at: u64,
}

/// Shows or changes what is remembered.
///
/// # Errors
/// Nothing is remembered, no such pathway, a file that is none, a failure of Redis.
pub async fn execute(global: &Global, args: MemoryArgs) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    let import = matches!(args.action, Some(MemoryAction::Import { .. }));
    // What is moved or changed is what the fleet signed; what is shown is what is there.
    let shows = matches!(args.action, None | Some(MemoryAction::List | MemoryAction::Show { .. }));
    let queue = &if shows { session.queue.clone() } else { session.checking() };
    let (memory, name) = find(queue, &args.repo, import).await?;
    match args.action {
        None => numbers(global, &memory_stats(queue, &memory).await?)?,
        Some(MemoryAction::List) => list(global, queue, &memory).await?,
        Some(MemoryAction::Show { pathway }) => {
            show(global, &name, &one(queue, &memory, &pathway).await?)?;
        }
        Some(MemoryAction::Reject { pathway, key, why }) => {
            let view = one(queue, &memory, &pathway).await?;
            if !view.fingerprints.iter().any(|known| known.pattern_key == key) {
                bail!("no mistake of {} has the key '{}'", plain(&view.area), plain(&key));
            }
            let rejected = AreaRecord::of(&memory, &view.area).rejected(&key, &why);
            change(queue, &memory, vec![rejected]).await?;
            done(global, &format!("reviewers of {} are not told of {key} any more", view.area))?;
        }
        Some(MemoryAction::Export) => say_json(&export(queue, &memory).await?)?,
        Some(MemoryAction::Import { file }) => {
            let read = read(&file)?;
            let most = session.settings.memory.traces as usize;
            change(queue, &memory, MemoryRecord::of(&memory).named(&name).to_vec()).await?;
            let kept = add(queue, &memory, read, most).await?;
            done(
                global,
                &format!("{} traces were added, {} were there or had no room", kept.0, kept.1),
            )?;
        }
        Some(MemoryAction::Forget { pathway }) => {
            let view = one(queue, &memory, &pathway).await?;
            let record = PathwayRecord::of(&memory, &view.pathway_id);
            change(queue, &memory, record.forgotten(&view.area)).await?;
            done(global, &format!("pathway {} is forgotten", view.pathway_id))?;
        }
    }
    Ok(0)
}

fn done(global: &Global, what: &str) -> anyhow::Result<()> {
    if global.json { say_json(&serde_json::json!({ "done": what })) } else { say(what) }
}

async fn change(queue: &Queue, memory: &MemoryId, list: Vec<Effect>) -> anyhow::Result<()> {
    Ok(queue.change_memory(memory, &Effects::done().with_all(list)).await?)
}

/// The memory of a repository and its name, by its path, its URL, or that name. `new`: also one of which nothing is
/// remembered yet.
///
/// # Errors
/// No repository, one of which nothing is remembered, or a failure of Redis.
pub async fn find(queue: &Queue, repo: &str, new: bool) -> anyhow::Result<(MemoryId, String)> {
    let known = queue.memories().await?;
    if let Some(found) = named(&known, repo) {
        return Ok(found);
    }
    let identity = if Repo::is_url(repo) {
        queue_schema::url::identity(repo)
    } else {
        let opened = Repo::open(Path::new(repo))?;
        let commit = opened.resolve("HEAD")?;
        opened.identity(&commit)?
    };
    let id = MemoryId::of(&identity);
    if !new && !known.contains_key(&id) {
        bail!("nothing is remembered of {} yet; `scrum run` of it begins to", plain(&identity));
    }
    Ok((id, identity))
}

/// A pathway by its id or how that begins.
async fn one(queue: &Queue, memory: &MemoryId, name: &str) -> anyhow::Result<PathwayView> {
    let none =
        || format!("no pathway has the id '{}'; `scrum memory list` lists them", plain(name));
    if let Ok(id) = name.parse::<PathwayId>() {
        return pathway(queue, memory, &id).await?.with_context(none);
    }
    let mut cursor = String::new();
    let mut found = Vec::new();
    loop {
        let page = queue.pathways(memory, &cursor, scrum_knowledge::PAGE).await?;
        let Some((last, ..)) = page.last() else { break };
        cursor.clone_from(last);
        let begins = page.into_iter().map(|(_, _, id)| id);
        found.extend(begins.filter(|id| !name.is_empty() && id.starts_with(name)));
    }
    match &found[..] {
        [id] => pathway(queue, memory, id).await?.with_context(none),
        [] => bail!(none()),
        more => bail!("{} pathways begin with '{}'; give more digits", more.len(), plain(name)),
    }
}

fn percent(rate: Option<f64>) -> String {
    rate.map_or_else(|| "-".to_owned(), |rate| format!("{:.0}%", rate * 100.0))
}

fn numbers(global: &Global, stats: &MemoryStats) -> anyhow::Result<()> {
    if global.json {
        return say_json(stats);
    }
    say(&format!(
        "{}: {} sweeps, {} reviews",
        plain(&stats.repository),
        stats.sweeps,
        stats.reviews
    ))?;
    say(&format!("{} traces, {} of them retired", stats.traces, stats.retired))?;
    let (replays, done) = (stats.replays, stats.replays_succeeded);
    let rate = percent(stats.replay_success_rate);
    say(&format!("{replays} replays, {done} of them succeeded ({rate})"))?;
    let (hits, rate) = (stats.hits, percent(stats.reuse_rate));
    say(&format!(
        "{hits} reviews began at a remembered model ({rate}), {} rungs saved",
        stats.rungs_saved
    ))
}

async fn list(global: &Global, queue: &Queue, memory: &MemoryId) -> anyhow::Result<()> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = pathways(queue, memory, &cursor).await?;
        all.extend(page.pathways);
        let Some(next) = page.cursor else { break };
        cursor = next;
    }
    if global.json {
        return say_json(&all);
    }
    if all.is_empty() {
        return say("nothing was learnt yet: no review had a finding whose code is in its file");
    }
    let rows: Vec<Vec<String>> = all.iter().map(cells).collect();
    let header = ["PATHWAY", "AREA", "CLASS", "TRACES", "REPLAYS", "MISTAKES"];
    aligned(&header, &rows, &[3, 5]).lines().try_for_each(say)
}

fn cells(view: &PathwayView) -> Vec<String> {
    let sum =
        |of: fn(&Trace) -> u32| view.traces.iter().map(|t| u64::from(of(&t.trace))).sum::<u64>();
    let (replays, done) = (sum(|t| t.replay_count), sum(|t| t.replays_succeeded));
    vec![
        view.pathway_id[..DIGITS].to_owned(),
        plain(&view.area),
        plain(&view.signal_class),
        view.traces.len().to_string(),
        format!("{done}/{replays}"),
        view.fingerprints.len().to_string(),
    ]
}

fn show(global: &Global, name: &str, view: &PathwayView) -> anyhow::Result<()> {
    if global.json {
        return say_json(view);
    }
    say(&format!("{}  {}, {}", view.pathway_id, plain(&view.area), plain(&view.signal_class)))?;
    view.traces.iter().try_for_each(|trace| say(&told(&trace.row(name))))?;
    for known in &view.fingerprints {
        say(&format!("  {}, {} found", plain(&known.pattern_key), known.occurrences))?;
        say(&format!("    {}", plain(&known.example)))?;
        if let Some(why) = &known.rejected {
            say(&format!("    rejected: {}", plain(why)))?;
        }
    }
    Ok(())
}

fn told(row: &PathwayTraceRow) -> String {
    let retired = row.retired.as_ref().map(|why| format!(", retired: {}", plain(why)));
    format!(
        "  {}  {} by {}, {} of {} replays succeeded{}",
        plain(&row.created_at),
        plain(&row.file),
        plain(&row.model),
        row.replays_succeeded,
        row.replay_count,
        retired.unwrap_or_default()
    )
}

async fn export(queue: &Queue, memory: &MemoryId) -> anyhow::Result<Exported> {
    let (mut all, mut cursor) = (Exported::default(), String::new());
    all.last_updated_at = queue.now_ms().await?;
    loop {
        let page = pathways(queue, memory, &cursor).await?;
        for view in page.pathways {
            let traces = view.traces.into_iter().map(|named| named.trace).collect();
            all.pathways.insert(view.pathway_id.to_string(), traces);
        }
        let Some(next) = page.cursor else { return Ok(all) };
        cursor = next;
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<Trace>> {
    let named = || shell_quoted(&file.to_string_lossy());
    let bytes = disk::read_file(file, MOST_IMPORTED).with_context(named)?;
    let read: Exported = serde_json::from_slice(&bytes)
        .with_context(|| format!("{} is no exported memory", named()))?;
    let checked = read.pathways.into_values().flatten().map(Trace::checked);
    let checked: Result<Vec<Trace>, String> = checked.collect();
    checked.map_err(|why| anyhow::anyhow!("{}: {why}", named()))
}

/// Adds traces, each once, and says how many were added and how many were not.
async fn add(
    queue: &Queue,
    memory: &MemoryId,
    traces: Vec<Trace>,
    most: usize,
) -> anyhow::Result<(usize, usize)> {
    let all = traces.len();
    let mut by_pathway: BTreeMap<PathwayId, Vec<Trace>> = BTreeMap::new();
    for trace in traces {
        by_pathway.entry(trace.pathway_id.clone()).or_default().push(trace);
    }
    let (mut added, seq) = (0, queue.memory_state(memory).await?.sweeps);
    for (id, traces) in by_pathway {
        let hash = queue.pathway(memory, &id).await?;
        let mut kept = pathway::traces(hash);
        for trace in traces {
            let known = known_prints(queue, memory, &trace).await?;
            let Some(effects) = pathway::insert(memory, seq, &trace, &kept, &known, most)? else {
                continue;
            };
            change(queue, memory, effects).await?;
            kept.insert(added.to_string(), pathway::KeptTrace { trace, retired: None });
            added += 1;
        }
    }
    Ok((added, all - added))
}
