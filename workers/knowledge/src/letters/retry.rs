//! What a retry of a dead letter would be.

use super::Letter;
use crate::Error;
use queue_schema::client::{Queue, SweepState};
use queue_schema::effects::{DeadClass, NewJob};
use queue_schema::envelope::Envelope;
use queue_schema::ids::ReviewId;
use queue_schema::jobs::{Diff, Job, Rung};
use queue_schema::sweep::Ladder;

/// What a retry of a letter would be, from a rung or on another ladder if one is given; `None` where the
/// job goes back as it was. A spent rung job starts again at a rung with a new attempt number: its history
/// stays and is the learning context. Pass a queue that checks signatures: what is retried is acted on.
///
/// # Errors
/// A sweep that was cancelled, a job that lacks the fleet's signature, a rung that the ladder has not, a
/// job that climbs no ladder where one was given, a failure of Redis.
pub async fn retried(
    queue: &Queue,
    letter: &Letter,
    from_rung: Option<u32>,
    ladder: Option<&Ladder>,
) -> Result<Option<NewJob>, Error> {
    let dead = &letter.dead;
    let status = queue.sweep_status(&dead.sweep).await?;
    if status.is_some_and(|s| s.state == SweepState::Cancelled) {
        return Err(Error::Cancelled(dead.sweep.to_string()));
    }
    let envelope = Envelope::decode(&dead.body);
    if let Ok(envelope) = &envelope {
        let signed = queue.options().signer.check_job(envelope);
        signed
            .map_err(|why| Error::Refused { letter: dead.id.to_string(), why: why.to_string() })?;
    }
    let job = envelope.and_then(|e| Job::decode(&e)).ok();
    let place = match &job {
        Some(Job::Rung(job)) => Some((job.target, job.rung)),
        Some(Job::Diff(job)) => Some((job.target, job.rung)),
        _ => None,
    };
    let (Some(job), Some((of, rung))) = (job, place) else {
        let asked = from_rung.is_some() || ladder.is_some();
        return if asked { Err(Error::NoClimb) } else { Ok(None) };
    };
    let review = ReviewId::new(&dead.sweep, of);
    let ladder = match ladder {
        Some(given) => given.clone(),
        None => queue.ladder_of(&dead.sweep, &review).await?,
    };
    let at = match from_rung {
        Some(n) => n,
        None if dead.class == DeadClass::LadderExhausted.as_str() => 0,
        None => rung,
    };
    let target = ladder.rungs.get(at as usize).ok_or_else(|| Error::NoRung {
        ladder: ladder.name.clone(),
        last: ladder.rungs.len().saturating_sub(1),
        rung: at,
    })?;
    let made = queue.attempts(&review).await?.len();
    let attempt = u32::try_from(made + 1).unwrap_or(u32::MAX);
    let provider = target.provider.clone();
    let new = match job {
        Job::Rung(job) => NewJob::of(&Rung { rung: at, attempt, provider, ..job }),
        Job::Diff(job) => NewJob::of(&Diff { rung: at, attempt, provider, ..job }),
        _ => return Ok(None),
    };
    new.map(Some).map_err(|e| Error::Job(e.to_string()))
}
