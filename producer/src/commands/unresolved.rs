//! What an earlier run of the same sweep left unresolved: told, or taken up with `--retry-failed`.

use crate::progress::Progress;
use crate::session::Session;
use queue_schema::client::{DeadFilter, SweepStatus};
use queue_schema::effects::DeadClass;
use queue_schema::ids::{JobId, SweepId};
use queue_schema::rows::Outcome;
use scrum_decide::letters as decide;
use scrum_domain::text::counted;
use scrum_knowledge::Letters;
use scrum_knowledge::letters::{self, Letter};
use scrum_shown::shell_quoted;

/// Letters that are looked at before they are only counted: each takes a round trip.
const MOST_LOOKED_AT: usize = 1_000;

/// What stands in the dead-letter queue of a sweep.
#[derive(Debug, Default)]
struct Found {
    /// Jobs that died of their provider.
    of_provider: Vec<JobId>,
    /// What the last of these met.
    why: String,
    /// The others: no answer was good enough, or the job itself failed.
    others: usize,
    /// Whether there are more than were looked at.
    more: bool,
}

/// What is said of a sweep or a review that is asked for again; `anew` says how to have another one.
pub fn there_already(what: &str, status: Option<&SweepStatus>, anew: &str) -> String {
    let over = status.is_some_and(SweepStatus::is_over);
    let goes_on = if over { ", and is over" } else { "; continuing it" };
    format!("{what} exists already{goes_on} ({anew})")
}

/// Says what stands, or puts back what died of its provider when that is asked for; returns how many jobs those are.
///
/// # Errors
/// A failure of Redis, a letter that can't be put back.
pub async fn take_up(
    session: &Session,
    id: &SweepId,
    retry: bool,
    progress: &Progress,
) -> anyhow::Result<usize> {
    let most = if retry { usize::MAX } else { MOST_LOOKED_AT };
    let found = look(session, id, most).await?;
    let more = if found.more { " or more" } else { "" };
    let word = shell_quoted(id);
    let n = found.of_provider.len();
    if retry && n > 0 {
        let revived = decide::revive(&session.queue, &found.of_provider, None, None).await?;
        progress.note(&format!(
            "{} back in the queue (--retry-failed)",
            counted(usize::try_from(revived).unwrap_or(usize::MAX), "job is", "jobs are")
        ));
    } else if n > 0 {
        progress.note(&format!(
            "{}{more} died of provider errors, the last of \"{}\"; --retry-failed asks again",
            counted(n, "job", "jobs"),
            found.why,
        ));
    }
    if found.others > 0 {
        progress.note(&format!(
            "{}{more} died otherwise and stay as they are: scrum dlq list --sweep {word}",
            counted(found.others, "job", "jobs")
        ));
    }
    Ok(n)
}

async fn look(session: &Session, id: &SweepId, most: usize) -> anyhow::Result<Found> {
    let filter = DeadFilter { sweep: Some(id.to_owned()), ..DeadFilter::default() };
    let (mut letters, mut found, mut seen) =
        (Letters::new(&session.queue, filter), Found::default(), 0);
    loop {
        let page = letters.next_page().await?;
        if page.is_empty() {
            return Ok(found);
        }
        for letter in page {
            seen += 1;
            if seen > most {
                found.more = true;
                return Ok(found);
            }
            match provider_error(session, &letter).await? {
                Some(why) => {
                    if found.of_provider.is_empty() {
                        found.why = why;
                    }
                    found.of_provider.push(letter.dead.id);
                }
                None => found.others += 1,
            }
        }
    }
}

/// What a letter's provider said last, if the job died of that.
async fn provider_error(session: &Session, letter: &Letter) -> anyhow::Result<Option<String>> {
    let exhausted = [DeadClass::LadderExhausted, DeadClass::AttemptsExhausted];
    if !exhausted.iter().any(|class| letter.dead.class == class.as_str()) {
        return Ok(None);
    }
    let attempts = letters::attempts(&session.queue, letter).await?;
    Ok(match attempts.last() {
        // Its parts, its facts or its last call: no answer was judged.
        None => Some(letter.dead.reason.clone()),
        Some(last) if last.outcome == Outcome::Error => Some(last.reason.clone()),
        Some(_) if letter.is_of_facts() => Some(letter.dead.reason.clone()),
        Some(_) => None,
    })
}

/// Whether there are letters of a sweep.
///
/// # Errors
/// A failure of Redis.
pub async fn any(session: &Session, id: &SweepId) -> anyhow::Result<bool> {
    let filter = DeadFilter { sweep: Some(id.to_owned()), limit: 1, ..DeadFilter::default() };
    Ok(!Letters::new(&session.queue, filter).next_page().await?.is_empty())
}
