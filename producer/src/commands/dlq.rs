//! `scrum dlq`: what needs a person.

use super::export;
use super::letters::{self, one, path_of};
use crate::cli::{DlqAction, DlqArgs, Global, LetterFilter};
use crate::ladder;
use crate::output::{say, say_json, say_lines, table, time};
use crate::session::Session;
use anyhow::{Context, anyhow, bail};
use queue_schema::client::{DeadLetter, SweepState};
use queue_schema::effects::DeadClass;
use queue_schema::effects::NewJob;
use queue_schema::envelope::Envelope;
use queue_schema::ids::review_id;
use queue_schema::jobs::{Job, Rung};
use queue_schema::sweep::Ladder;
use scrum_shown::shell_quoted;

/// Letters listed unless a person says otherwise.
const LISTED: usize = 50;
/// Longest reason in a list, in characters.
const REASON_CHARS: usize = 100;

/// Lists, shows, retries, discards or exports.
///
/// # Errors
/// No such letter, a rung that the ladder has not, a failure of Redis.
pub async fn execute(global: &Global, args: DlqArgs) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    match args.action {
        DlqAction::List { filter } => {
            let filter = LetterFilter { limit: filter.limit.or(Some(LISTED)), ..filter };
            list(global, &session, &letters::find(&session, &filter).await?).await
        }
        DlqAction::Show { id } => show(global, &session, &id).await,
        DlqAction::Retry { ids, filter, from_rung, ladder } => {
            let ids = letters::named(&session, ids, &filter).await?;
            retry(global, &session, &ids, from_rung, ladder.as_deref()).await
        }
        DlqAction::Discard { ids, filter } => {
            let ids = letters::named(&session, ids, &filter).await?;
            discard(global, &session, &ids).await
        }
        DlqAction::Export { filter, out } => {
            let letters = letters::find(&session, &filter).await?;
            export::write(global, &session, &letters, out.as_deref()).await
        }
    }
}

async fn discard(global: &Global, session: &Session, ids: &[String]) -> anyhow::Result<u8> {
    for id in ids {
        one(session, id).await?;
    }
    let mut discarded = 0;
    for id in ids {
        discarded += u64::from(session.queue.discard(id).await?);
    }
    if global.json {
        say_json(&serde_json::json!({ "discarded": discarded }))?;
    } else {
        say(&format!("{discarded} discarded"))?;
    }
    Ok(0)
}

async fn list(global: &Global, session: &Session, letters: &[DeadLetter]) -> anyhow::Result<u8> {
    if global.json {
        say_json(letters)?;
        return Ok(0);
    }
    if letters.is_empty() {
        say("no dead letter matches")?;
        return Ok(0);
    }
    let mut rows = Vec::new();
    for letter in letters {
        let reason: String = letter.reason.chars().take(REASON_CHARS).collect();
        rows.push(vec![
            letter.id.clone(),
            path_of(session, letter).await?,
            letter.class.clone(),
            time(letter.last_ms),
            reason,
        ]);
    }
    say_lines(&table(&["ID", "FILE", "CLASS", "DIED", "REASON"], &rows))?;
    Ok(0)
}

async fn show(global: &Global, session: &Session, id: &str) -> anyhow::Result<u8> {
    let letter = one(session, id).await?;
    let attempts = match letter.target {
        Some(ordinal) => session.queue.attempts(&review_id(&letter.sweep, ordinal)).await?,
        None => Vec::new(),
    };
    if global.json {
        say_json(&serde_json::json!({ "letter": letter, "attempts": attempts }))?;
        return Ok(0);
    }
    say(&format!("job      {}", letter.id))?;
    say(&format!("file     {}", path_of(session, &letter).await?))?;
    say(&format!("sweep    {}", letter.sweep))?;
    say(&format!("lane     {}", letter.lane))?;
    say(&format!("class    {}", letter.class))?;
    say(&format!("reason   {}", letter.reason))?;
    say(&format!("died     {} (first {})", time(letter.last_ms), time(letter.first_ms)))?;
    say(&format!("tries    {}, worker deaths {}", letter.attempts, letter.crashes))?;
    if letter.lane.starts_with("facts:") {
        say("review   accepted; only the facts of the file are missing")?;
    }
    for a in &attempts {
        say("")?;
        say(&format!(
            "attempt {}  rung {}  {}  {}: {}",
            a.n,
            a.rung,
            a.model_name(),
            a.outcome,
            a.reason
        ))?;
        if !a.answer_preview.is_empty() {
            for line in a.answer_preview.lines() {
                say(&format!("  | {line}"))?;
            }
        }
    }
    say("")?;
    if letter.class == DeadClass::Unsigned.as_str() {
        say("it would be refused again; request the work again, and discard this letter:")?;
        say(&format!("  scrum dlq discard {}", shell_quoted(&letter.id)))?;
    } else {
        say(&format!("try again: scrum dlq retry {}", shell_quoted(&letter.id)))?;
    }
    Ok(0)
}

async fn retry(
    global: &Global,
    session: &Session,
    ids: &[String],
    from_rung: Option<u32>,
    ladder: Option<&str>,
) -> anyhow::Result<u8> {
    let config = session.config.as_deref();
    let ladder = match ladder {
        Some(name) => Some(ladder::choose(name, &session.settings, config)?.0),
        None => None,
    };
    // All are checked before the first is touched.
    let mut edited = Vec::new();
    for id in ids {
        let letter = one(session, id).await?;
        let status = session.queue.sweep_status(&letter.sweep).await?;
        if status.is_some_and(|s| s.state == SweepState::Cancelled) {
            bail!(
                "dead letter {id}: its sweep {} was cancelled; discard it, or start a new sweep with --again",
                letter.sweep
            );
        }
        let job = edit(session, &letter, from_rung, ladder.as_ref())
            .await
            .with_context(|| format!("dead letter {id}"))?;
        edited.push((letter.id, job));
    }
    let mut revived = 0;
    for (id, job) in edited {
        if let (Some(ladder), Some(job)) = (&ladder, &job) {
            let review = review_id(&job.sweep, job.target.unwrap_or_default());
            session.queue.give_ladder(&review, ladder).await?;
        }
        let change = job.as_ref().map(|j| (j.lane.as_str(), j.body.as_str()));
        revived += session.queue.revive(&id, change).await?;
    }
    if global.json {
        say_json(&serde_json::json!({ "revived": revived }))?;
    } else {
        say(&format!("{revived} back in the queue"))?;
        if session.private.is_some() {
            say("no fleet is configured: run the same `scrum run` again to run them")?;
        }
    }
    Ok(0)
}

/// A spent rung job starts again at a rung, with a new attempt number: its history stays and is
/// the learning context. Other jobs go back as they were.
async fn edit(
    session: &Session,
    letter: &DeadLetter,
    from_rung: Option<u32>,
    ladder: Option<&Ladder>,
) -> anyhow::Result<Option<NewJob>> {
    let envelope = Envelope::decode(&letter.body);
    let queue = session.checking();
    if let Ok(envelope) = &envelope {
        queue.options().signer.check_job(envelope).map_err(|why| {
            let word = shell_quoted(&letter.id);
            anyhow!("{why}; a retry of this job would not run (scrum dlq discard {word})")
        })?;
    }
    let Ok(Job::Rung(rung)) = envelope.and_then(|e| Job::decode(&e)) else {
        if from_rung.is_some() || ladder.is_some() {
            bail!(
                "it is not a job of a ladder, so --from-rung and --ladder do not apply; retry it without them"
            );
        }
        return Ok(None);
    };
    let review = review_id(&letter.sweep, rung.target);
    let ladder = match ladder {
        Some(given) => given.clone(),
        None => queue.ladder_of(&letter.sweep, &review).await?,
    };
    let at = match from_rung {
        Some(n) => n,
        None if letter.class == "ladder_exhausted" => 0,
        None => rung.rung,
    };
    let Some(target) = ladder.rungs.get(at as usize) else {
        bail!(
            "the ladder '{}' has rungs 0 to {}; there is no rung {at}",
            ladder.name,
            ladder.rungs.len() - 1
        );
    };
    let made = session.queue.attempts(&review).await?.len();
    let attempt = u32::try_from(made + 1).unwrap_or(u32::MAX);
    Ok(Some(NewJob::of(&Rung { rung: at, attempt, provider: target.provider.clone(), ..rung })?))
}
