//! `scrum schedule`: sweeps by the clock. A request is checked and frozen here, as that of a sweep; workers begin the
//! sweeps.

use crate::cli::{Global, Request, ScheduleAction, ScheduleArgs, WhenArgs};
use crate::output::{plain, say, say_json, say_lines, table, time};
use crate::progress::Progress;
use crate::session::Session;
use crate::{original, request};
use anyhow::{Context as _, bail};
use queue_schema::client::{Added, MOST_SCHEDULES};
use queue_schema::ids::ScheduleName;
use queue_schema::jobs::Due;
use queue_schema::schedule::{SCHEDULE_VERSION, Schedule, When};
use queue_schema::url::public_address;
use scrum_domain::schedule::{cron, daily, every, in_words, next_after};
use scrum_knowledge::schedules::{Ran, runs};
use scrum_shown::shell_quoted;

/// Characters of a name that is made of a path.
const NAME_CHARS: usize = 40;

/// Adds, lists, shows, removes, pauses or resumes schedules.
///
/// # Errors
/// Whatever a person can get wrong, with what to do; a failure of Redis.
pub async fn execute(global: &Global, args: ScheduleArgs) -> anyhow::Result<u8> {
    match args.action {
        ScheduleAction::Add { request, when, tz, name, replace } => {
            let when = due(&when, &tz)?;
            let asked = Asked { request: *request, when, name, replace };
            Box::pin(add(global, asked)).await?;
        }
        ScheduleAction::List => list(global, &open(global).await?).await?,
        ScheduleAction::Show { name, limit } => {
            let most = if limit == 0 { usize::MAX } else { limit };
            show(global, &open(global).await?, &name, most).await?;
        }
        ScheduleAction::Remove { name } => {
            let session = open(global).await?;
            there(session.queue.remove_schedule(&name).await?, &name)?;
            told(global, &name, "removed")?;
        }
        ScheduleAction::Pause { name } => {
            let session = open(global).await?;
            there(session.queue.pause_schedule(&name).await?, &name)?;
            told(global, &name, "paused")?;
        }
        ScheduleAction::Resume { name } => {
            let session = open(global).await?;
            let schedule = of(&session, &name).await?;
            let next = next(&session, &schedule.when, schedule.added_ms).await?;
            there(session.queue.resume_schedule(&name, next).await?, &name)?;
            told(global, &name, "resumed")?;
        }
    }
    Ok(0)
}

async fn open(global: &Global) -> anyhow::Result<Session> {
    let session = Session::open(global).await?;
    if session.private.is_some() {
        // The server would stop with this command, and nobody would be there when it is due.
        bail!(
            "no fleet is configured, so no worker would be there when a schedule is due; set SCRUM_REDIS_URL (docs/fleet.md says how to start one)"
        );
    }
    Ok(session)
}

fn there(is: bool, name: &ScheduleName) -> anyhow::Result<()> {
    if !is {
        bail!("there is no schedule '{name}'; `scrum schedule list` lists them");
    }
    Ok(())
}

async fn of(session: &Session, name: &ScheduleName) -> anyhow::Result<Schedule> {
    let found = session.queue.schedule(name).await?;
    there(found.is_some(), name)?;
    found.context("it was removed meanwhile")
}

fn told(global: &Global, name: &ScheduleName, what: &str) -> anyhow::Result<()> {
    if global.json {
        say_json(&serde_json::json!({ "schedule": name, "state": what }))
    } else {
        say(&format!("{name}: {what}"))
    }
}

/// When it is due, as the command line says.
fn due(when: &WhenArgs, zone: &str) -> anyhow::Result<When> {
    Ok(match (&when.cron, &when.every, &when.daily) {
        (Some(expr), _, _) => cron(expr, zone)?,
        (_, Some(time), _) => every(time.as_secs())?,
        (_, _, Some(time)) => daily(time, zone)?,
        // The command line demands one of them.
        (None, None, None) => bail!("say when: --cron, --every or --daily"),
    })
}

/// The next due time from now on.
async fn next(session: &Session, when: &When, added_ms: u64) -> anyhow::Result<u64> {
    let now_ms = session.settings.schedules.now_ms(session.queue.now_ms().await?);
    next_after(when, added_ms, now_ms)?
        .context("it is never due again; add it again with --replace")
}

/// A schedule as it is asked for.
struct Asked {
    request: Request,
    when: When,
    name: Option<ScheduleName>,
    replace: bool,
}

async fn add(global: &Global, mut asked: Asked) -> anyhow::Result<()> {
    original::fill_request(&mut asked.request, global.quiet)?;
    let request = &asked.request;
    for (is, flag) in [
        (request.dry_run, "--dry-run"),
        (request.again, "--again"),
        (request.retry_failed, "--retry-failed"),
    ] {
        if is {
            bail!(
                "{flag} is about one sweep, and a schedule makes a new one each time; leave it out"
            );
        }
    }
    let name = match asked.name.take() {
        Some(name) => name,
        None => named(&request.repo)?,
    };
    let session = open(global).await?;
    let ladder = request.ladder.clone().unwrap_or_else(|| session.settings.sweep.ladder.clone());
    let progress = Progress::new(global.quiet);
    let climbed = super::sweep::climbed(&session, request, &ladder)?;
    let prepared = super::sweep::prepare(&session, request, climbed, &progress).await?;
    super::sweep::note_targets(&prepared, &progress);
    let request::Prepared { spec, documents, .. } = prepared;
    let added_ms = session.settings.schedules.now_ms(session.queue.now_ms().await?);
    let schedule = Schedule {
        v: SCHEDULE_VERSION,
        name,
        when: asked.when,
        added_ms,
        spec,
        priority: request.priority as u64,
        budget_calls: request.budget_calls,
        budget_tokens: request.budget_tokens,
        budget_micro_usd: request.budget_usd,
    };
    let next = next(&session, &schedule.when, added_ms).await?;
    let name = &schedule.name;
    match session.queue.add_schedule(&schedule, &documents, next, asked.replace).await? {
        Added::Done => {}
        Added::Taken => bail!(
            "there is a schedule '{name}' already; give this one another --name, or put it in the place of that one with --replace"
        ),
        Added::TooMany => bail!(
            "there are {MOST_SCHEDULES} schedules already, which is as many as a fleet may have; remove some (scrum schedule remove NAME)"
        ),
    }
    progress.note(&format!("{}, next at {}", in_words(&schedule.when), time(next)));
    if global.json {
        say_json(&serde_json::json!({ "schedule": name, "next_ms": next }))
    } else {
        say(name)
    }
}

/// The last part of a path or URL, as far as a name may have it.
fn named(repo: &str) -> anyhow::Result<ScheduleName> {
    let absolute = if repo.contains("://") {
        repo.to_owned()
    } else {
        std::path::absolute(repo).map_or_else(|_| repo.to_owned(), |p| p.display().to_string())
    };
    let last = absolute.trim_end_matches(['/', '.']).rsplit(['/', ':']).next().unwrap_or_default();
    let last = last.trim_end_matches(".git").to_lowercase();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    let name: String =
        last.chars().map(|c| if fits(c) { c } else { '-' }).take(NAME_CHARS).collect();
    let name = name.trim_matches('-');
    name.parse().ok().with_context(|| {
        format!(
            "no name can be made of the repository's path; give one, such as --name nightly ({})",
            plain(repo)
        )
    })
}

async fn list(global: &Global, session: &Session) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    let mut json = Vec::new();
    for (schedule, next) in session.queue.schedules().await? {
        let latest = runs(&session.queue, &schedule.name, 1).await?;
        if global.json {
            json.push(as_json(&schedule, next, &latest));
            continue;
        }
        let last = latest.first().map_or_else(|| "-".to_owned(), |ran| time(ran.run.due_ms));
        rows.push(vec![
            schedule.name.to_string(),
            plain(&in_words(&schedule.when)),
            next.map_or_else(|| "paused".to_owned(), time),
            last,
            plain(&public_address(&schedule.spec.repo)),
        ]);
    }
    if global.json {
        say_json(&json)
    } else if rows.is_empty() {
        say("there are no schedules; `scrum schedule add REPO --daily 02:00` makes one")
    } else {
        say_lines(&table(&["NAME", "WHEN", "NEXT", "LAST", "REPOSITORY"], &rows))
    }
}

fn as_json(schedule: &Schedule, next_ms: Option<u64>, latest: &[Ran]) -> serde_json::Value {
    serde_json::json!({
        "schedule": schedule.name,
        "when": in_words(&schedule.when),
        "repo": public_address(&schedule.spec.repo),
        "rev": schedule.spec.rev,
        "ladder": schedule.spec.ladder.name,
        "added_ms": schedule.added_ms,
        "next_ms": next_ms,
        "paused": next_ms.is_none(),
        "runs": latest,
    })
}

async fn show(
    global: &Global,
    session: &Session,
    name: &ScheduleName,
    most: usize,
) -> anyhow::Result<()> {
    let schedule = of(session, name).await?;
    let all = session.queue.schedules().await?;
    let next = all.into_iter().find(|(other, _)| other.name == *name).and_then(|(_, next)| next);
    let latest = runs(&session.queue, name, most).await?;
    if global.json {
        return say_json(&as_json(&schedule, next, &latest));
    }
    let spec = &schedule.spec;
    say(&plain(&format!(
        "{name}: {} at {}, ladder {}, {}; {}",
        public_address(&spec.repo),
        spec.rev,
        spec.ladder.name,
        in_words(&schedule.when),
        next.map_or_else(|| "paused".to_owned(), |next| format!("next at {}", time(next)))
    )))?;
    if latest.is_empty() {
        return say("it was not due yet");
    }
    let rows: Vec<Vec<String>> = latest.iter().map(cells).collect();
    say_lines(&table(&["DUE", "MISSED", "SWEEP", "STATE", "FILES", "NEW"], &rows))?;
    if let Some(late) = latest.iter().find(|ran| ran.run.sweep.is_none()) {
        let id = Due::id_of(name, late.run.due_ms);
        say(&format!(
            "a due time has no sweep yet: a worker must take it up, or its job has failed (scrum dlq show {})",
            shell_quoted(id.as_str())
        ))?;
    }
    Ok(())
}

fn cells(ran: &Ran) -> Vec<String> {
    let none = || "-".to_owned();
    let state = match (&ran.status, &ran.run.sweep) {
        (Some(status), _) => status.state.as_str().to_owned(),
        (None, Some(_)) => "forgotten".to_owned(),
        (None, None) => none(),
    };
    vec![
        time(ran.run.due_ms),
        ran.run.missed.to_string(),
        ran.run.sweep.as_ref().map_or_else(none, |sweep| sweep.id.to_string()),
        state,
        ran.status.as_ref().map_or_else(none, |s| format!("{} of {}", s.resolved, s.total)),
        ran.news.map_or_else(none, |n| n.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_named_after_its_repository() {
        for (repo, name) in [
            ("/home/me/src/App", "app"),
            ("https://example.org/o/my%20app.git", "my-20app"),
            ("https://example.org/o/app/", "app"),
            ("git@example.org:app.git", "app"),
            ("/r/ünïcode", "n-code"),
        ] {
            assert_eq!(named(repo).unwrap().as_str(), name, "{repo}");
        }
        assert!(named("/").unwrap_err().to_string().contains("--name"));
    }
}
