//! `/vectors/pathway/*`: what the fleet remembers of pathways, for other programs. The fleet itself does not ask here.

use crate::error::Refused;
use crate::routes::{Doc, Member};
use crate::sent::Sent;
use crate::server::App;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use queue_schema::effects::Effects;
use queue_schema::ids::{MemoryId, PathwayId};
use queue_schema::records::{MemoryCounter, MemoryRecord, PathwayRecord};
use queue_schema::url;
use scrum_domain::pathway::{
    self, Area, Fingerprint, Question, Trace, Traces, best, candidate, file_prefix, pathway_id,
    shown, swap, traces,
};
use scrum_knowledge::memory::{MemoryStats, known_prints, memory_stats, named};
use serde::Deserialize;
use serde_json::{Value, json};

const REPO: Member = ("repo", "string", "The repository; not needed where only one is remembered");
const FILE: Member = ("file_path", "string", "A file");

/// What a trace is sent as.
pub const INSERT: Doc = Doc {
    summary: "Keeps a trace",
    asks: &[
        REPO,
        FILE,
        ("task_class", "string", "What was done"),
        ("signal_class", "string", "How it goes in the area"),
        ("created_at", "string", "When, RFC 3339"),
        ("ladder_attempts", "array", "Each with rung, model, accepted"),
        ("bug_fingerprints", "array", "Each with flag, pattern_key, example, occurrences"),
    ],
    gives: &[],
};

/// What a remembered model is asked for with.
pub const QUERY: Doc = Doc {
    summary: "A remembered model",
    asks: &[
        REPO,
        FILE,
        ("task_class", "string", "What is to be done"),
        ("signal_class", "string", "How it goes in the area"),
    ],
    gives: &[],
};

/// What a replay is counted with.
pub const REPLAY: Doc = Doc {
    summary: "Counts a replay",
    asks: &[
        REPO,
        ("pathway_id", "string", "The pathway"),
        ("trace_id", "string", "The trace; the one tried most without it"),
        ("succeeded", "boolean", "Whether its model did it"),
    ],
    gives: &[],
};

/// What the mistakes of an area are asked for with.
pub const FINGERPRINTS: Doc = Doc {
    summary: "Mistakes of an area",
    asks: &[REPO, FILE, ("limit", "integer", "At most so many")],
    gives: &[],
};

/// Repositories that are named to somebody who named none.
const NAMES_SHOWN: usize = 5;
/// Bytes of the name of a repository at most.
const MOST_NAME_BYTES: usize = 2048;

/// A request about one repository.
#[derive(Debug, Deserialize)]
pub struct About<T> {
    /// Its address, or the name it is remembered by. Not needed where there is but one.
    repo: Option<String>,
    #[serde(flatten)]
    what: T,
}

/// A replay of a remembered review.
#[derive(Debug, Deserialize)]
pub struct Replay {
    pathway_id: PathwayId,
    /// Which trace; the one that was tried most when left out.
    trace_id: Option<String>,
    succeeded: bool,
}

/// An area, by a file of it.
#[derive(Debug, Deserialize)]
pub struct Place {
    file_path: String,
    limit: Option<u32>,
}

/// A repository by name.
#[derive(Debug, Deserialize)]
pub struct Which {
    repo: Option<String>,
}

/// Keeps a trace with its mistakes.
///
/// # Errors
/// A trace that is none; a failure of Redis.
pub async fn insert(
    State(app): State<App>,
    Sent(About { repo, what }): Sent<About<Trace>>,
) -> Result<Json<Value>, Refused> {
    let trace = what.checked().map_err(Refused::bad)?;
    let (memory, name) = which(&app, repo.as_deref(), true).await?;
    let kept = kept(&app, &memory, &trace.pathway_id).await?;
    let known = known_prints(&app.queue, &memory, &trace).await?;
    let seq = app.queue.memory_state(&memory).await?.sweeps;
    let most = app.memory.traces as usize;
    let effects = pathway::insert(&memory, seq, &trace, &kept, &known, most)
        .map_err(|e| Refused::bad(format!("the trace can't be kept: {e}")))?;
    let inserted = effects.is_some();
    if let Some(effects) = effects {
        let named = name.map(|name| MemoryRecord::of(&memory).named(&name));
        let all = Effects::done().with_all(named.into_iter().flatten()).with_all(effects);
        app.queue.change_memory(&memory, &all).await?;
    }
    let why = (!inserted).then_some("it is kept already, or its pathway is full (memory.traces)");
    Ok(Json(json!({ "inserted": inserted, "why": why, "pathway_id": trace.pathway_id })))
}

/// The remembered review that a new one may begin like; null, with the reason, where there is none.
///
/// # Errors
/// A question that is none; a failure of Redis.
pub async fn query(
    State(app): State<App>,
    Sent(About { repo, what: mut question }): Sent<About<Trace>>,
) -> Result<Json<Value>, Refused> {
    let (memory, _) = which(&app, repo.as_deref(), false).await?;
    if question.signal_class.is_empty() {
        let seq = app.queue.memory_state(&memory).await?.sweeps;
        let area = app.queue.area(&memory, file_prefix(&question.file_path)).await?;
        let signal = Area::of(area).signal(seq + 1);
        signal.as_str().clone_into(&mut question.signal_class);
    }
    let id = pathway_id(&question.task_class, &question.file_path, &question.signal_class);
    let kept = kept(&app, &memory, &id).await?;
    let question = Question::of(&question);
    let all = kept.iter().map(|(name, kept)| candidate(name, kept, &question, &app.memory));
    let found = best(all);
    let (candidate, why) = match &found {
        None => (None, Some("nothing is remembered of this pathway")),
        Some(found) => match swap(&id, found, &app.memory) {
            Ok(()) => (
                Some(json!({
                    "trace_id": found.trace,
                    "model": found.model,
                    "similarity": found.similarity,
                    "success_rate": found.rate(),
                    "replay_count": found.replays,
                    "replays_succeeded": found.succeeded,
                    "audit_consensus": found.audit_consensus,
                })),
                None,
            ),
            Err(blocked) => (None, Some(blocked.as_str())),
        },
    };
    Ok(Json(json!({ "pathway_id": id, "candidate": candidate, "why": why })))
}

/// Counts a replay, and retires a model that has failed too often.
///
/// # Errors
/// No such trace; a failure of Redis.
pub async fn record_replay(
    State(app): State<App>,
    Sent(About { repo, what: replay }): Sent<About<Replay>>,
) -> Result<Json<Value>, Refused> {
    let (memory, _) = which(&app, repo.as_deref(), false).await?;
    let before = kept(&app, &memory, &replay.pathway_id).await?;
    let trace = match &replay.trace_id {
        Some(id) => before.contains_key(id).then_some(id),
        None => before.iter().max_by_key(|(_, kept)| kept.trace.replay_count).map(|(id, _)| id),
    };
    let Some(trace) = trace else {
        let why = "this pathway has no such trace; insert it first";
        return Err(Refused::new(StatusCode::NOT_FOUND, why));
    };
    let effects = pathway::replay(&memory, &replay.pathway_id, trace, replay.succeeded);
    app.queue.change_memory(&memory, &Effects::done().with_all(effects)).await?;
    // One after the other: each trace is retired, and counted as that, once.
    let _alone = app.retiring.lock().await;
    let after = kept(&app, &memory, &replay.pathway_id).await?;
    let Some(now) = after.get(trace) else { return Ok(Json(json!({ "recorded": true }))) };
    let as_is = candidate(trace, now, &Question::of(&now.trace), &app.memory);
    if now.retired.is_none() && as_is.has_failed(&app.memory) {
        let record = PathwayRecord::of(&memory, &replay.pathway_id);
        let retired = Effects::done()
            .with(record.retired(trace, &as_is.why_failed()))
            .with(MemoryRecord::of(&memory).count(&[(MemoryCounter::Retired, 1)]));
        app.queue.change_memory(&memory, &retired).await?;
    }
    Ok(Json(json!({
        "recorded": true,
        "trace_id": trace,
        "replay_count": as_is.replays,
        "replays_succeeded": as_is.succeeded,
        "retired": as_is.retired,
    })))
}

/// The mistakes that reviewers of an area are told of, most frequent first.
///
/// # Errors
/// A question that is none; a failure of Redis.
pub async fn bug_fingerprints(
    State(app): State<App>,
    Sent(About { repo, what }): Sent<About<Place>>,
) -> Result<Json<Value>, Refused> {
    let (memory, _) = which(&app, repo.as_deref(), false).await?;
    let seq = app.queue.memory_state(&memory).await?.sweeps;
    let area = app.queue.area(&memory, file_prefix(&what.file_path)).await?;
    let most = what.limit.unwrap_or(app.memory.fingerprints).min(app.memory.fingerprints.max(1));
    let shape = (most, app.memory.example_chars);
    let area = Area::of(area);
    let prints: Vec<Fingerprint> = shown(area.known.values(), seq, app.memory.forget_sweeps, shape);
    Ok(Json(json!({ "fingerprints": prints })))
}

/// What a repository's pathways come to.
///
/// # Errors
/// An unknown repository; a failure of Redis.
pub async fn stats(
    State(app): State<App>,
    Query(Which { repo }): Query<Which>,
) -> Result<Json<MemoryStats>, Refused> {
    let (memory, _) = which(&app, repo.as_deref(), false).await?;
    Ok(Json(memory_stats(&app.queue, &memory).await?))
}

async fn kept(app: &App, memory: &MemoryId, of: &PathwayId) -> Result<Traces, Refused> {
    Ok(traces(app.queue.pathway(memory, of).await?))
}

/// The repository that a request is about, and its name when it is `new` and not known yet.
async fn which(
    app: &App,
    repo: Option<&str>,
    new: bool,
) -> Result<(MemoryId, Option<String>), Refused> {
    let known = app.queue.memories().await?;
    let Some(repo) = repo else {
        let mut ids = known.keys();
        if let (Some(only), None) = (ids.next(), ids.next()) {
            return Ok((only.clone(), None));
        }
        let names: Vec<&str> = known.values().take(NAMES_SHOWN).map(String::as_str).collect();
        let why = if names.is_empty() {
            "nothing is remembered of any repository yet; name one in `repo`".to_owned()
        } else {
            format!("say in `repo` which repository is meant, such as {}", names.join(", "))
        };
        return Err(Refused::bad(why));
    };
    if let Some((id, _)) = named(&known, repo) {
        return Ok((id, None));
    }
    if !new {
        let why =
            "nothing is remembered of this repository; `scrum memory` lists those that are known";
        return Err(Refused::new(StatusCode::NOT_FOUND, why));
    }
    let name = url::identity(repo);
    if name.trim().is_empty() || name.len() > MOST_NAME_BYTES {
        return Err(Refused::bad("`repo` is no address of a repository"));
    }
    Ok((MemoryId::of(&name), Some(name)))
}
