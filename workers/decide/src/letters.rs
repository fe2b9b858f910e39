//! Decisions about dead letters.

use crate::Error;
use queue_schema::client::Queue;
use queue_schema::ids::{JobId, ReviewId};
use queue_schema::sweep::Ladder;
use scrum_knowledge::letters;

/// Puts letters back into the queue, from a rung or on another ladder if one is given; returns how many jobs went.
///
/// # Errors
/// A letter that can't be put back: then none is; or a failure of Redis.
pub async fn revive(
    queue: &Queue,
    ids: &[JobId],
    from_rung: Option<u32>,
    ladder: Option<&Ladder>,
) -> Result<u64, Error> {
    // What is shown may be anybody's; what is acted on must be signed where the fleet has a key.
    let (trusting, checking) = (queue.trusting(), queue.checking());
    let retried = async |id: &JobId| {
        let letter = letters::letter(&trusting, id).await?;
        let job = letters::retried(&checking, &letter, from_rung, ladder).await;
        job.map_err(|why| Error::Letter { id: id.clone(), why: Box::new(why) })
    };
    for id in ids {
        retried(id).await?;
    }
    let mut revived = 0;
    for id in ids {
        // One that went back together with an earlier one is no letter any more.
        if trusting.dead_letter(id).await?.is_none() {
            continue;
        }
        let job = retried(id).await?;
        if let (Some(ladder), Some(job)) = (ladder, &job) {
            let review = ReviewId::new(&job.sweep, job.target.unwrap_or_default());
            trusting.give_ladder(&review, ladder).await?;
        }
        let change = job.as_ref().map(|j| (j.lane.as_str(), j.body.as_str()));
        revived += trusting.revive(id, change).await?;
    }
    Ok(revived)
}

/// Throws letters away; returns how many there were.
///
/// # Errors
/// A letter that is not there: then none is thrown away; or a failure of Redis.
pub async fn discard(queue: &Queue, ids: &[JobId]) -> Result<u64, Error> {
    let trusting = queue.trusting();
    for id in ids {
        letters::letter(&trusting, id).await?;
    }
    let mut discarded = 0;
    for id in ids {
        discarded += u64::from(trusting.discard(id).await?);
    }
    Ok(discarded)
}
