//! Which sweeps there are.

use crate::{Error, PAGE, models};
use queue_schema::client::{Queue, SweepState, SweepStatus};
use queue_schema::ids::{RepoId, SweepId};
use queue_schema::sweep::SweepSpec;
use scrum_domain::text::counted;
use std::fmt::Write as _;

/// Sweeps that are looked through for those of a repository or of a request, newest first. A fleet may have
/// many, and what is older is no help to a person.
pub(crate) const LOOK_BACK: usize = 1000;

/// The sweep that a name means: an id, the beginning of one, or `latest`. All sweeps of a repository begin
/// alike, so what follows the repository may be given alone.
///
/// # Errors
/// When no sweep or more than one is meant, or a failure of Redis.
pub async fn find(queue: &Queue, name: &str) -> Result<SweepId, Error> {
    let (mut found, mut fits, mut any, mut after) = (None, 0, false, None);
    loop {
        let (ids, end) = queue.sweeps_page(after.as_ref(), PAGE).await?;
        any |= !ids.is_empty();
        for id in ids {
            if name == "latest" {
                return Ok(id);
            }
            if id.starts_with(name) || id.request().starts_with(name) {
                fits += 1;
                found = Some(id);
            }
        }
        after = end;
        if after.is_none() {
            break;
        }
    }
    match found {
        Some(id) if fits == 1 => Ok(id),
        Some(_) => Err(Error::Ambiguous { name: name.to_owned(), fits }),
        None if any => Err(Error::Unknown(name.to_owned())),
        None => Err(Error::NoSweeps),
    }
}

/// The newest sweeps as they stand, at most `most`.
///
/// # Errors
/// A failure of Redis.
pub async fn latest(queue: &Queue, most: usize) -> Result<Vec<SweepStatus>, Error> {
    let mut all = Vec::new();
    for id in queue.latest_sweeps(most).await? {
        all.extend(queue.sweep_status(&id).await?);
    }
    Ok(all)
}

/// The newest sweep that reviews files of a repository, among the latest of all.
///
/// # Errors
/// A failure of Redis.
pub async fn latest_of(queue: &Queue, repo: &RepoId) -> Result<Option<SweepId>, Error> {
    for id in queue.latest_sweeps(LOOK_BACK).await? {
        if id.repo().as_ref() == Some(repo)
            && queue.sweep_spec(&id).await?.is_some_and(|spec| spec.reviews_files())
        {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// What set the newest sweep apart that an equal request began anew and that is not finished: the same
/// request goes on with it.
///
/// # Errors
/// A failure of Redis.
pub async fn unfinished(queue: &Queue, spec: &SweepSpec) -> Result<Option<u64>, Error> {
    let wanted = spec.id();
    for id in queue.latest_sweeps(LOOK_BACK).await? {
        // A record that this version can't read is another sweep.
        let Ok(Some(mut older)) = queue.sweep_spec(&id).await else { continue };
        let again = std::mem::replace(&mut older.again, spec.again);
        if again == 0 || older.id() != wanted {
            continue;
        }
        let status = queue.sweep_status(&id).await?;
        if status.is_some_and(|s| !s.is_over() || s.state == SweepState::Failed) {
            return Ok(Some(again));
        }
    }
    Ok(None)
}

/// What the operator of a sweep must be told: rung and message, each once; of a model with how many of its
/// calls have failed.
///
/// # Errors
/// A failure of Redis.
pub async fn alerts(queue: &Queue, sweep: &SweepId) -> Result<Vec<(String, String)>, Error> {
    let mut alerts = queue.alerts(sweep).await?;
    if alerts.is_empty() {
        return Ok(alerts);
    }
    let models = models(queue, Some(sweep)).await?;
    for (about, message) in &mut alerts {
        let of = models.iter().filter(|row| row.name() == *about);
        let failed: u64 = of.map(|row| row.error + row.transient).sum();
        if let failed @ 1.. = usize::try_from(failed).unwrap_or(usize::MAX) {
            let _ = write!(message, " ({} failed)", counted(failed, "call", "calls"));
        }
    }
    Ok(alerts)
}
