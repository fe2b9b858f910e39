//! Review: look at one target and send it on its way: skipped, whole, or by shards.

use crate::context::Context;
use crate::registry::JobInfo;
use crate::runtime::HandlerError;
use queue_schema::effects::{DeadClass, Effect, Effects, NewJob};
use queue_schema::ids::review_id;
use queue_schema::jobs::{Review, Rung, Shard};
use queue_schema::keys;
use queue_schema::sweep::{SPLIT_VERSION, SweepSpec, TargetStatus};
use scrum_domain::{split, target};
use std::collections::HashMap;

/// Starts the work on one target.
///
/// # Errors
/// When the repository can't be read from here.
pub async fn run(ctx: &Context, _: JobInfo, job: Review) -> Result<Effects, HandlerError> {
    let spec = ctx.spec(&job.sweep).await?;
    let mut record = ctx.target(&job.sweep, job.target).await?;
    let bytes = ctx.blob(&spec, &record.blob).await?;
    let text = match target::inspect(&bytes) {
        Ok(text) => text,
        Err(reason) => {
            record.skip = Some(reason.to_string());
            return Ok(Effects::done()
                .with(Effect::Put {
                    key: keys::targets(&job.sweep),
                    field: job.target.to_string(),
                    value: serde_json::to_string(&record)?,
                })
                .with(Effect::Settle {
                    sweep: job.sweep,
                    target: job.target,
                    status: TargetStatus::Skipped,
                }));
        }
    };
    if text.len() as u64 <= spec.limits.split_over_bytes {
        return Ok(Effects::done().enqueue(&first_rung(&spec, &job)?)?);
    }
    let shards = shards(&spec, &record.path, text).await?;
    if shards.len() <= 1 {
        return Ok(Effects::done().enqueue(&first_rung(&spec, &job)?)?);
    }
    let first = first_rung(&spec, &job)?;
    by_shards(&spec, &first, &shards, 0)
}

/// What becomes of a review none of whose shards could be read: a reviewer would have nothing to go by. It
/// is a dead letter; when a person sends that back, all of its shards are asked again, and then `rung`.
///
/// # Errors
/// When the file can't be split.
pub(super) async fn unread(
    spec: &SweepSpec,
    path: &str,
    text: &str,
    state: &HashMap<String, String>,
    rung: Rung,
) -> Result<Effects, HandlerError> {
    let n = |field: &str| state.get(field).and_then(|v| v.parse().ok()).unwrap_or(0_u32);
    let (died, again) = (n(keys::UNREAD_FIELD), n(keys::AGAIN_FIELD));
    let put = |field: &str, value: u32| Effect::Put {
        key: keys::review_state(&review_id(&rung.sweep, rung.target)),
        field: field.into(),
        value: value.to_string(),
    };
    if died > again {
        let shards = shards(spec, path, text).await?;
        return Ok(by_shards(spec, &rung, &shards, died)?.with(put(keys::AGAIN_FIELD, died)));
    }
    let last = state.get(keys::GAP_FIELD).map(|why| format!("; last: {why}")).unwrap_or_default();
    let reason = format!(
        "no rung of the shard ladder '{}' could read any of the file's {} parts{last}; a retry asks for all of them again",
        spec.shard_ladder.name,
        n("shards"),
    );
    tracing::info!(file = path, reason, "no shard could be read");
    Ok(Effects::dead(DeadClass::LadderExhausted, reason).with(put(keys::UNREAD_FIELD, again + 1)))
}

/// The pieces of a file. On a thread of its own: a large file may take a second.
async fn shards(
    spec: &SweepSpec,
    path: &str,
    text: &str,
) -> Result<Vec<std::ops::Range<usize>>, HandlerError> {
    if spec.limits.split_version > SPLIT_VERSION {
        // Another worker may know how; this one would cut elsewhere.
        return Err(HandlerError::Retry(format!(
            "the sweep splits files by rules of version {}, this worker knows {SPLIT_VERSION}; upgrade it",
            spec.limits.split_version
        )));
    }
    let config = split::SplitConfig {
        over_bytes: spec.limits.split_over_bytes,
        shard_bytes: spec.limits.shard_bytes,
        mode: spec.limits.split,
    };
    let (path, text) = (path.to_owned(), text.to_owned());
    tokio::task::spawn_blocking(move || split::split(&path, &text, &config))
        .await
        .map_err(|e| HandlerError::retry("splitting the file", e))
}

/// All shards at once, or the first of a chain, and the rung when the last of them has arrived. The waiting review
/// holds no slot: it is a barrier.
fn by_shards(
    spec: &SweepSpec,
    job: &Rung,
    shards: &[std::ops::Range<usize>],
    round: u32,
) -> Result<Effects, HandlerError> {
    let review = review_id(&job.sweep, job.target);
    let of = u32::try_from(shards.len()).unwrap_or(u32::MAX);
    let provider = spec
        .shard_ladder
        .rungs
        .first()
        .map(|r| r.provider.clone())
        .ok_or_else(|| HandlerError::Fatal("the shard ladder is empty".into()))?;
    let mut effects = Effects::done()
        .with(Effect::Put {
            key: keys::review_state(&review),
            field: "shards".into(),
            value: of.to_string(),
        })
        .with(Effect::Barrier {
            name: keys::shard_barrier(&review),
            size: of,
            then: NewJob::of(job)?,
        });
    // In a chain each shard enqueues the next: see handlers/shard.rs.
    let at_once = if spec.limits.chained { 1 } else { shards.len() };
    if spec.limits.chained {
        let ends: Vec<String> = shards.iter().map(|r| r.end.to_string()).collect();
        effects = effects.with(Effect::Put {
            key: keys::review_state(&review),
            field: keys::CUTS_FIELD.into(),
            value: ends.join(","),
        });
    }
    for (k, range) in (0_u32..).zip(shards).take(at_once) {
        effects = effects.enqueue(&Shard {
            sweep: job.sweep.clone(),
            target: job.target,
            k,
            of,
            start: range.start as u64,
            end: range.end as u64,
            rung: 0,
            provider: provider.clone(),
            round,
        })?;
    }
    Ok(effects)
}

fn first_rung(spec: &SweepSpec, job: &Review) -> Result<Rung, HandlerError> {
    let rung = spec
        .ladder
        .rungs
        .first()
        .ok_or_else(|| HandlerError::Fatal("the ladder is empty".into()))?;
    Ok(Rung {
        sweep: job.sweep.clone(),
        target: job.target,
        rung: 0,
        attempt: 1,
        provider: rung.provider.clone(),
        passed: 0,
    })
}
