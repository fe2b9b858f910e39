//! Which dead letters a person means: by id, or by filters.

use crate::cli::LetterFilter;
use crate::session::Session;
use anyhow::{Context, bail};
use queue_schema::client::{DeadFilter, DeadLetter};
use queue_schema::sweep::Target;
use scrum_repo::TargetGlobs;

/// Letters that the filters leave, latest first.
///
/// # Errors
/// No such sweep, a glob that is none, a failure of Redis.
pub async fn find(session: &Session, filter: &LetterFilter) -> anyhow::Result<Vec<DeadLetter>> {
    let sweep = match &filter.sweep {
        Some(name) => Some(session.find_sweep(name).await?),
        None => None,
    };
    let globs = filter.path.clone().map(|glob| TargetGlobs::new(&[glob])).transpose()?;
    let limit = filter.limit.unwrap_or(0);
    let asked = DeadFilter {
        sweep,
        class: filter.class.clone(),
        lane: filter.lane.clone(),
        since: filter.since,
        // The queue knows no paths: with a glob, all others are looked at.
        limit: if globs.is_some() { 0 } else { limit },
    };
    let mut letters = session.queue.dead_letters(&asked).await?;
    if let Some(globs) = globs {
        let mut fit = Vec::new();
        for letter in letters {
            let target = target_of(session, &letter).await?;
            if target.is_some_and(|t| globs.matches(&t.path)) {
                fit.push(letter);
            }
            if limit > 0 && fit.len() >= limit {
                break;
            }
        }
        letters = fit;
    }
    Ok(letters)
}

/// Ids as given, or of the letters that the filters leave.
///
/// # Errors
/// Neither ids nor filters, or both; what [`find`] says.
pub async fn named(
    session: &Session,
    ids: Vec<String>,
    filter: &LetterFilter,
) -> anyhow::Result<Vec<String>> {
    match (ids.is_empty(), filter.is_empty()) {
        (false, true) => Ok(ids),
        (true, false) => Ok(find(session, filter).await?.into_iter().map(|l| l.id).collect()),
        (true, true) => bail!(
            "which letters? give ids as `scrum dlq list` prints them, or filters such as --sweep SWEEP; --limit 0 means all"
        ),
        (false, false) => bail!("give ids or filters, not both"),
    }
}

/// The letter of an id.
///
/// # Errors
/// When there is none.
pub async fn one(session: &Session, id: &str) -> anyhow::Result<DeadLetter> {
    session
        .queue
        .dead_letter(id)
        .await?
        .with_context(|| format!("there is no dead letter '{id}'; `scrum dlq list` lists them"))
}

/// The file that a letter is about; `None` for one of a whole sweep.
///
/// # Errors
/// A failure of Redis.
pub async fn target_of(session: &Session, letter: &DeadLetter) -> anyhow::Result<Option<Target>> {
    match letter.target {
        Some(ordinal) => Ok(session.queue.target(&letter.sweep, ordinal).await?),
        None => Ok(None),
    }
}

/// The same for a person.
///
/// # Errors
/// A failure of Redis.
pub async fn path_of(session: &Session, letter: &DeadLetter) -> anyhow::Result<String> {
    let Some(ordinal) = letter.target else { return Ok("(whole sweep)".to_owned()) };
    let target = target_of(session, letter).await?;
    Ok(target.map_or_else(|| format!("target {ordinal}"), |t| t.path))
}
