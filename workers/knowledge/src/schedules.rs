//! Schedules: when they are due, what came of their due times, what their sweeps have found that those before had not.

use crate::{Error, Sweep};
use queue_schema::client::{Queue, SweepStatus};
use queue_schema::ids::{ScheduleName, SweepId};
use queue_schema::rows::FindingState;
use queue_schema::schedule::{Occasion, ScheduleRun};
use scrum_domain::schedule::News;
use serde::Serialize;
use std::collections::BTreeSet;

/// A due time, and how its sweep stands.
#[derive(Debug, Serialize)]
pub struct Ran {
    /// The due time.
    #[serde(flatten)]
    pub run: ScheduleRun,
    /// How its sweep stands; none until it is begun, and when it is forgotten.
    pub status: Option<SweepStatus>,
    /// Findings that the sweep before had not; none until its sweep is over.
    pub news: Option<u64>,
}

/// The latest due times of a schedule, at most `most`, the latest first.
///
/// # Errors
/// A failure of Redis.
pub async fn runs(queue: &Queue, name: &ScheduleName, most: usize) -> Result<Vec<Ran>, Error> {
    let mut all = Vec::new();
    for run in queue.schedule_runs(name).await?.into_iter().take(most) {
        let (mut status, mut news) = (None, None);
        if let Some(sweep) = &run.sweep {
            status = queue.sweep_status(&sweep.id).await?;
            news = queue.sweep_news(&sweep.id).await?;
        }
        all.push(Ran { run, status, news });
    }
    Ok(all)
}

/// What the sweep of a due time has found that the one before of its schedule had not. Where there is none before, what
/// no sweep of the repository had.
///
/// # Errors
/// No such sweep, or a failure of Redis.
pub async fn news(queue: &Queue, sweep: &SweepId, of: &Occasion) -> Result<News, Error> {
    let before = match before(queue, of).await? {
        Some(id) => Some(ids(queue, &id).await?),
        None => None,
    };
    let none = BTreeSet::new();
    let mut news = News::default();
    let opened = Sweep::open(queue, sweep).await?;
    let mut findings = opened.findings();
    loop {
        let page = findings.next_page().await?;
        if page.is_empty() {
            return Ok(news);
        }
        for found in page.iter().filter(|found| found.finding.is_shown()) {
            let Some(id) = &found.finding.id else { continue };
            let first = before.is_none() && found.finding.state.is_none_or(FindingState::is_news);
            if before.is_some() || first {
                news.see(id, &found.file, found.finding.line, before.as_ref().unwrap_or(&none));
            }
        }
    }
}

/// The latest sweep of the schedule for an earlier due time that is over and not forgotten.
async fn before(queue: &Queue, of: &Occasion) -> Result<Option<SweepId>, Error> {
    for run in queue.schedule_runs(&of.name).await? {
        let Some(sweep) = run.sweep.filter(|_| run.due_ms < of.due_ms) else { continue };
        if queue.sweep_status(&sweep.id).await?.is_some_and(|status| status.is_over()) {
            return Ok(Some(sweep.id));
        }
    }
    Ok(None)
}

/// The ids of all findings of a sweep, dismissed ones too.
async fn ids(queue: &Queue, sweep: &SweepId) -> Result<BTreeSet<String>, Error> {
    let opened = Sweep::open(queue, sweep).await?;
    let (mut findings, mut ids) = (opened.findings(), BTreeSet::new());
    loop {
        let page = findings.next_page().await?;
        if page.is_empty() {
            return Ok(ids);
        }
        ids.extend(page.into_iter().filter_map(|found| found.finding.id));
    }
}
