//! Waiting for a sweep, through outages, until it is over or the user leaves.

use crate::cli::{FailOn, Global};
use crate::commands::sweep::Asked;
use crate::commands::unresolved;
use crate::output::{duration, plain, say, say_json, tell, width};
use crate::progress::Progress;
use crate::report::Told;
use crate::session::Session;
use crate::signals;
use crate::watch::Watch;
use queue_schema::client::{SweepState, SweepStatus};
use queue_schema::ids::SweepId;
use queue_schema::sweep::TargetStatus;
use scrum_domain::target::Skipped;
use scrum_domain::text::{clip_marked, counted};
use scrum_knowledge::{Sweep, metrics_of, sweeps};
use scrum_repo::IgnoreFile;
use scrum_shown::shell_quoted;
use std::path::Path;
use std::time::Duration;

/// How often the counters are read.
pub const EVERY: Duration = Duration::from_millis(200);
/// Of these looks, one in so many is also for what goes wrong: a second.
const WATCH_EVERY: u64 = 5;
/// And one in so many for lanes that nobody serves: some three seconds.
const LANES_EVERY: u64 = 16;
/// Columns that findings are shown in where stdout is no terminal.
const WIDTH: usize = 120;

/// Looks, and again after `every`, until there is something; `None` when the user interrupted.
///
/// # Errors
/// What a look says.
pub async fn until<T>(
    every: Duration,
    mut look: impl AsyncFnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<Option<T>> {
    let mut interrupted = std::pin::pin!(signals::interrupted());
    loop {
        let found = tokio::select! {
            () = &mut interrupted => return Ok(None),
            found = look() => found?,
        };
        if found.is_some() {
            return Ok(found);
        }
        tokio::select! {
            () = &mut interrupted => return Ok(None),
            () = tokio::time::sleep(every) => {}
        }
    }
}

/// Waits until the sweep is over; `None` when the user interrupted. `tend` runs between looks.
///
/// # Errors
/// What `tend` says, or a failure of Redis that waiting doesn't mend.
pub async fn until_over(
    session: &Session,
    id: &SweepId,
    progress: &mut Progress,
    tend: impl FnMut(&Progress) -> anyhow::Result<()>,
) -> anyhow::Result<Option<SweepStatus>> {
    until_over_within(EVERY, session, id, progress, tend).await
}

/// The same with a look `every` so often.
///
/// # Errors
/// As [`until_over`].
pub async fn until_over_within(
    every: Duration,
    session: &Session,
    id: &SweepId,
    progress: &mut Progress,
    mut tend: impl FnMut(&Progress) -> anyhow::Result<()>,
) -> anyhow::Result<Option<SweepStatus>> {
    let (mut away, mut looks, mut watch) = (false, 0_u64, Watch::default());
    let times = u64::try_from(EVERY.as_millis() / every.as_millis().max(1)).unwrap_or(1).max(1);
    until(every, async || {
        tend(progress)?;
        let status = match session.queue.sweep_status(id).await {
            Ok(status) => status,
            Err(error) if error.is_outage() => {
                if !away {
                    progress.note("Redis is away; waiting for it, nothing is lost");
                    away = true;
                }
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let Some(status) = status else { anyhow::bail!("sweep {id} is gone from the queue") };
        if std::mem::take(&mut away) {
            progress.note("Redis is back");
        }
        progress.update(&status);
        if status.is_over() {
            return Ok(Some(status));
        }
        looks += 1;
        if looks.is_multiple_of(WATCH_EVERY * times) {
            watch.look(session, id, progress).await;
        }
        if looks.is_multiple_of(LANES_EVERY * times) {
            watch.look_for_workers(session, progress).await;
        }
        Ok(None)
    })
    .await
}

/// How calls of a rung fail, or what is wrong with the ignore file.
pub fn alert(rung: &str, message: &str) -> String {
    if rung == IgnoreFile::NAME {
        return format!("{rung}: {message}");
    }
    format!("provider error: {rung}: {message}")
}

/// `3 files`, and what they are called after that.
pub fn files(n: u64) -> (String, &'static str, &'static str) {
    if n == 1 { ("1 file".to_owned(), "was", "it") } else { (format!("{n} files"), "were", "them") }
}

/// What a sweep comes to, for whoever waits for it: 0 when all was done, 1 when something was not or there was nothing
/// to review, 2 when it could not even be planned.
pub fn exit_code(s: &SweepStatus) -> u8 {
    match s.state {
        SweepState::Failed => 2,
        SweepState::Cancelled => 1,
        _ => u8::from(s.unresolved + s.left_out > 0 || is_empty(s)),
    }
}

/// Whether a sweep is over and no file was there to be reviewed.
fn is_empty(s: &SweepStatus) -> bool {
    s.state == SweepState::Done && s.resolved + s.unresolved + s.left_out == 0
}

/// Why no file was reviewed.
async fn why_empty(session: &Session, s: &SweepStatus) -> anyhow::Result<String> {
    let sweep = Sweep::open(&session.queue, &s.id).await?;
    let mut files = sweep.files(&[TargetStatus::Skipped]);
    let mut skipped = Skipped::default();
    loop {
        let page = files.next_page().await?;
        if page.is_empty() {
            break;
        }
        for file in &page {
            skipped.add(file.reason().unwrap_or_default());
        }
    }
    Ok(format!("nothing was reviewed; {skipped}"))
}

/// Why a sweep failed, and what to do; `None` for one that did not.
pub fn failure(s: &SweepStatus) -> Option<String> {
    let why = || s.error.as_deref().unwrap_or("no reason was recorded");
    (s.state == SweepState::Failed).then(|| {
        format!(
            "sweep {} could not be planned: {}; fix the cause and run the same command again",
            s.id,
            why()
        )
    })
}

/// The worst findings with file and line, or that there is none.
fn say_findings(s: &SweepStatus, told: &Told) -> anyhow::Result<()> {
    let rest = told.findings - told.worst.len();
    match told.findings {
        0 if told.unread > 0 => {
            let reviews = counted(told.unread, "review", "reviews");
            say(&format!("no finding could be read in {reviews}; the report shows the answers"))?;
        }
        0 if s.resolved > 0 && s.unresolved + s.left_out + s.cancelled == 0 => {
            say("clean: nothing was found")?;
        }
        0 => {}
        _ => say(&format!("{}:", counted(told.findings, "finding", "findings")))?,
    }
    if let Some(known) = &told.known {
        say(&format!("  since the sweep before: {known}"))?;
    }
    let width = width().unwrap_or(WIDTH);
    for line in &told.worst {
        say(&clip_marked(&format!("  {}", plain(line)), width))?;
    }
    if rest > 0 { say(&format!("  and {rest} more in the report")) } else { Ok(()) }
}

/// What is said of a sweep that is over.
pub struct Verdict<'a> {
    /// Its report.
    pub out: Option<(&'a Path, &'a Told)>,
    /// As it was asked for.
    pub asked: &'a Asked,
    /// Findings for which it is not fine.
    pub fail_on: Option<FailOn>,
}

impl Verdict<'_> {
    /// Says how the sweep ended and turns it into the exit code.
    ///
    /// # Errors
    /// A sweep that could not be done.
    pub async fn give(
        &self,
        global: &Global,
        session: &Session,
        s: &SweepStatus,
    ) -> anyhow::Result<u8> {
        let code = verdict(global, session, s, self.out, self.asked).await?;
        let Some(FailOn::New) = self.fail_on else { return Ok(code) };
        let known = metrics_of(&session.queue, &s.id).await?.map(|row| row.numbers.known);
        let known = known.unwrap_or_default();
        let held = u64::try_from(known.files).unwrap_or(0);
        if held < s.resolved {
            anyhow::bail!(
                "--fail-on new: {} of {} reviews were not held against the findings of earlier sweeps; request the sweep with --again",
                s.resolved - held,
                s.resolved
            );
        }
        let news = known.news();
        if news > 0 {
            let some =
                counted(usize::try_from(news).unwrap_or(usize::MAX), "new finding", "new findings");
            tell(&format!("--fail-on new: {some}; scrum findings list shows what is open"));
        }
        Ok(code.max(u8::from(news > 0)))
    }
}

async fn verdict(
    global: &Global,
    session: &Session,
    s: &SweepStatus,
    out: Option<(&Path, &Told)>,
    asked: &Asked,
) -> anyhow::Result<u8> {
    if let Some(failure) = failure(s) {
        anyhow::bail!(failure);
    }
    if s.total == 0 && s.state == SweepState::Done {
        tell("no file of the commit matches; check --target and .scrumignore");
    } else if is_empty(s) {
        tell(&why_empty(session, s).await?);
    }
    let alerts = sweeps::alerts(&session.queue, &s.id).await?;
    if global.json {
        let mut json = serde_json::to_value(s)?;
        asked.tell(&mut json);
        if let Some(map) = json.as_object_mut() {
            map.insert("alerts".into(), serde_json::to_value(&alerts)?);
        }
        if let (Some(map), Some((out, _))) = (json.as_object_mut(), out) {
            map.insert("out".into(), out.display().to_string().into());
        }
        say_json(&json)?;
    } else {
        // Nothing while it runs.
        let took = s.took_ms(0);
        say(&format!(
            "sweep {}: {} of {} files reviewed, {} unresolved, {} skipped, in {}",
            s.id,
            s.resolved,
            s.total,
            s.unresolved,
            s.skipped,
            duration(took)
        ))?;
        if s.state == SweepState::Cancelled {
            say(&format!("cancelled before it was finished: {} files were left out", s.cancelled))?;
        }
        if let Some((out, told)) = out {
            say_findings(s, told)?;
            say(&format!("report: {}", out.join("scrum_report.md").display()))?;
        }
        if s.left_out > 0 {
            let budget = s.budget.map(|b| format!(" ({b} spent)")).unwrap_or_default();
            let (files, were, them) = files(s.left_out);
            say(&format!(
                "{files} {were} left out because of the budget{budget}; run the same command with a larger budget to review {them}"
            ))?;
        }
        // Somebody may have discarded the letters: then there is nothing to list.
        if s.unresolved > 0 && unresolved::any(session, &s.id).await? {
            say(&format!("unresolved files: scrum dlq list --sweep {}", shell_quoted(&s.id)))?;
            if !alerts.is_empty() {
                say(
                    "to ask again for those that a provider failed: the same command with --retry-failed",
                )?;
            }
        }
        if let failed @ 1.. = s.facts_failed {
            let files = counted(usize::try_from(failed).unwrap_or(usize::MAX), "file", "files");
            tell(&format!(
                "facts of {files} could not be extracted or checked; the report says why"
            ));
        }
        for (rung, message) in &alerts {
            say(&alert(rung, message))?;
        }
    }
    Ok(exit_code(s))
}
