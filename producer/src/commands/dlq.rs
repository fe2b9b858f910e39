//! `scrum dlq`: what needs a person.

use crate::cli::{DlqAction, DlqArgs, Global, LetterFilter};
use crate::ladder;
use crate::output::{Table, say, say_json, say_lines, say_part, time};
use crate::session::Session;
use anyhow::{Context, bail};
use queue_schema::client::DeadFilter;
use queue_schema::ids::JobId;
use queue_schema::rows::Attempt;
use scrum_decide::letters as decide;
use scrum_disk::OutFile;
use scrum_knowledge::letters::{self, Exporter, Letter, Letters};
use scrum_repo::TargetGlobs;
use scrum_shown::{shell_quoted, shown_json};
use std::io::Write;
use std::path::Path;

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
            let letters = find(&session, &filter).await?;
            if global.json { list_json(letters).await } else { list(letters).await }
        }
        DlqAction::Show { id } => show(global, &session, &id.into()).await,
        DlqAction::Retry { ids, filter, from_rung, ladder } => {
            let ids = named(&session, ids, &filter).await?;
            retry(global, &session, &ids, from_rung, ladder.as_deref()).await
        }
        DlqAction::Discard { ids, filter } => {
            let ids = named(&session, ids, &filter).await?;
            discard(global, &session, &ids).await
        }
        DlqAction::Export { filter, out } => {
            let letters = find(&session, &filter).await?;
            match out {
                Some(out) => export(global, &session, letters, &out).await,
                None => export_lines(&session, letters).await,
            }
        }
    }
}

/// The letters that the filters leave.
async fn find(session: &Session, filter: &LetterFilter) -> anyhow::Result<Letters> {
    let sweep = match &filter.sweep {
        Some(name) => Some(session.find_sweep(name).await?),
        None => None,
    };
    let asked = DeadFilter {
        sweep,
        class: filter.class.clone(),
        lane: filter.lane.clone(),
        since: filter.since,
        limit: filter.limit.unwrap_or(0),
    };
    let letters = Letters::new(&session.queue, asked);
    let Some(glob) = &filter.path else { return Ok(letters) };
    let globs = TargetGlobs::new(std::slice::from_ref(glob))?;
    Ok(letters.on_paths(move |path| globs.matches(path)))
}

/// Ids as given, or of the letters that the filters leave.
async fn named(
    session: &Session,
    ids: Vec<String>,
    filter: &LetterFilter,
) -> anyhow::Result<Vec<JobId>> {
    match (ids.is_empty(), filter.is_empty()) {
        (false, true) => Ok(ids.into_iter().map(JobId::from).collect()),
        (true, false) => {
            let (mut ids, mut letters) = (Vec::new(), find(session, filter).await?);
            loop {
                let page = letters.next_page().await?;
                if page.is_empty() {
                    return Ok(ids);
                }
                ids.extend(page.into_iter().map(|letter| letter.dead.id));
            }
        }
        (true, true) => bail!(
            "which letters? give ids as `scrum dlq list` prints them, or filters such as --sweep SWEEP; --limit 0 means all"
        ),
        (false, false) => bail!("give ids or filters, not both"),
    }
}

async fn discard(global: &Global, session: &Session, ids: &[JobId]) -> anyhow::Result<u8> {
    let discarded = decide::discard(&session.queue, ids).await?;
    if global.json {
        say_json(&serde_json::json!({ "discarded": discarded }))?;
    } else {
        say(&format!("{discarded} discarded"))?;
    }
    Ok(0)
}

async fn list_json(mut letters: Letters) -> anyhow::Result<u8> {
    let mut before = "[";
    loop {
        let page = letters.next_page().await?;
        if page.is_empty() {
            say_part(if before == "[" { "[]\n" } else { "]\n" })?;
            return Ok(0);
        }
        for letter in page {
            say_part(&format!("{before}{}", serde_json::to_string(&letter.dead)?))?;
            before = ",";
        }
    }
}

async fn list(mut letters: Letters) -> anyhow::Result<u8> {
    let (mut table, mut any) = (Table::new(&["ID", "FILE", "CLASS", "DIED", "REASON"]), false);
    loop {
        let page = letters.next_page().await?;
        if page.is_empty() {
            break;
        }
        any = true;
        say_lines(&table.page(&page.iter().map(row).collect::<Vec<_>>()))?;
    }
    if !any {
        say("no dead letter matches")?;
    }
    Ok(0)
}

fn row(letter: &Letter) -> Vec<String> {
    let dead = &letter.dead;
    let reason = dead.reason.chars().take(REASON_CHARS).collect();
    vec![dead.id.to_string(), letter.path(), dead.class.clone(), time(dead.last_ms), reason]
}

async fn show(global: &Global, session: &Session, id: &JobId) -> anyhow::Result<u8> {
    let letter = letters::letter(&session.queue, id).await?;
    let attempts = letters::attempts(&session.queue, &letter).await?;
    let dead = &letter.dead;
    if global.json {
        say_json(&serde_json::json!({ "letter": dead, "attempts": attempts }))?;
        return Ok(0);
    }
    say(&format!("job      {}", dead.id))?;
    say(&format!("file     {}", letter.path()))?;
    say(&format!("sweep    {}", dead.sweep))?;
    say(&format!("lane     {}", dead.lane))?;
    say(&format!("class    {}", dead.class))?;
    say(&format!("reason   {}", dead.reason))?;
    say(&format!("died     {} (first {})", time(dead.last_ms), time(dead.first_ms)))?;
    say(&format!("tries    {}, worker deaths {}", dead.attempts, dead.crashes))?;
    if letter.is_of_facts() {
        say("review   accepted; only the facts of the file are missing")?;
    }
    attempts.iter().try_for_each(show_attempt)?;
    say("")?;
    let word = shell_quoted(&dead.id);
    if letter.is_unsigned() {
        say("it would be refused again; request the work again, and discard this letter:")?;
        say(&format!("  scrum dlq discard {word}"))?;
    } else {
        say(&format!("try again: scrum dlq retry {word}"))?;
    }
    Ok(0)
}

fn show_attempt(a: &Attempt) -> anyhow::Result<()> {
    let (n, rung, model) = (a.n, a.rung, a.model_name());
    say("")?;
    say(&format!("attempt {n}  rung {rung}  {model}  {}: {}", a.outcome, a.reason))?;
    a.answer_preview.lines().try_for_each(|line| say(&format!("  | {line}")))
}

async fn retry(
    global: &Global,
    session: &Session,
    ids: &[JobId],
    from_rung: Option<u32>,
    ladder: Option<&str>,
) -> anyhow::Result<u8> {
    let config = session.config.as_deref();
    let ladder = match ladder {
        Some(name) => Some(ladder::choose(name, &session.settings, config)?.0),
        None => None,
    };
    let revived = decide::revive(&session.queue, ids, from_rung, ladder.as_ref()).await?;
    if global.json {
        say_json(&serde_json::json!({ "revived": revived }))?;
    } else {
        say(&format!("{revived} back in the queue"))?;
        if session.private.is_some() && revived > 0 {
            say("no fleet is configured: run the same `scrum run` again to run them")?;
        }
    }
    Ok(0)
}

/// A line of JSON for each letter on stdout.
async fn export_lines(session: &Session, letters: Letters) -> anyhow::Result<u8> {
    each(session, letters, |json| say_part(&format!("{json}\n"))).await?;
    Ok(0)
}

/// The same in a file.
async fn export(
    global: &Global,
    session: &Session,
    letters: Letters,
    path: &Path,
) -> anyhow::Result<u8> {
    let failed = || format!("the export {} can't be written; pass another --out", path.display());
    // Written beside it and renamed, so that nobody reads half an export.
    let mut file = OutFile::at(path).with_context(failed)?;
    let put = |json: &str| writeln!(file, "{}", shown_json(json)).with_context(failed);
    let exported = each(session, letters, put).await?;
    file.finish().with_context(failed)?;
    if global.json {
        let out = path.display().to_string();
        say_json(&serde_json::json!({ "exported": exported, "out": out }))?;
    } else {
        say(&format!("{exported} letters: {}", path.display()))?;
    }
    Ok(0)
}

/// Writes each letter with all that is known of it; returns how many there were.
async fn each(
    session: &Session,
    mut letters: Letters,
    mut write: impl FnMut(&str) -> anyhow::Result<()>,
) -> anyhow::Result<usize> {
    let (mut exporter, mut count) = (Exporter::new(&session.queue), 0);
    loop {
        let page = letters.next_page().await?;
        if page.is_empty() {
            return Ok(count);
        }
        for letter in &page {
            write(&serde_json::to_value(exporter.export(letter).await?)?.to_string())?;
            count += 1;
        }
    }
}
