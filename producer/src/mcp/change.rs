//! The tools that change something.

use super::place::Place;
use crate::cli::Request;
use crate::commands::sweep;
use crate::progress::Progress;
use anyhow::bail;
use schemars::JsonSchema;
use scrum_decide::findings::{Said, decide};
use scrum_domain::text::clip;
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

/// Characters of a reason at most.
const MOST_REASON: usize = 1_000;
/// Characters of who decides that are kept.
const MOST_NAME: usize = 100;
/// Days that a dismissal may be limited to.
const MOST_DAYS: u32 = 3_650;
/// Globs of a review at most.
const MOST_FILES: usize = 100;
/// Seconds of a day.
const DAY_S: u64 = 86_400;

/// A dismissal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dismiss {
    /// The finding, by its id or how that begins.
    id: String,
    /// Why it is none, or why it may stay: with what others can check.
    why: String,
    /// For so many days; for good without it.
    #[schemars(range(min = 1, max = MOST_DAYS))]
    days: Option<u32>,
}

/// Taking a dismissal back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Reopen {
    /// The finding, by its id or how that begins.
    id: String,
    /// Why.
    why: String,
}

/// A review.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Only these files: paths, directories or globs, from the root of the repository; all of them without it.
    #[schemars(length(max = MOST_FILES))]
    files: Option<Vec<String>>,
    /// Which commit; HEAD without it. What is not committed is not reviewed.
    rev: Option<String>,
    /// Ladder by name; that of the settings without it.
    ladder: Option<String>,
    /// Reviews again what was reviewed before in the same state.
    again: Option<bool>,
}

/// Who decides: the user of this machine, through a client of this name.
pub fn who(client: Option<&str>) -> String {
    let user = std::env::var("USER").unwrap_or_else(|_| "nobody named".to_owned());
    let client = client.filter(|name| !name.trim().is_empty()).unwrap_or("an agent");
    clip(&format!("{user}, through {client}"), MOST_NAME).to_owned()
}

/// Dismisses a finding.
///
/// # Errors
/// No reason, no such finding, one that is fixed; a failure of Redis.
pub async fn dismiss(at: &Place, asked: Dismiss, by: &str) -> anyhow::Result<Value> {
    let days = asked.days.map(u64::from);
    if days.is_some_and(|days| days == 0 || days > u64::from(MOST_DAYS)) {
        bail!("`days` is 1 to {MOST_DAYS}; leave it out for good");
    }
    let lasts = days.map(|days| Duration::from_secs(days * DAY_S));
    settle(at, asked.id, Said { dismissed: true, why: asked.why, by: by.to_owned(), lasts }).await
}

/// Reopens a finding.
///
/// # Errors
/// No reason, no such finding, one that nobody dismissed; a failure of Redis.
pub async fn reopen(at: &Place, asked: Reopen, by: &str) -> anyhow::Result<Value> {
    if asked.why.trim().is_empty() {
        bail!("`why` is empty; say why, others will ask");
    }
    let said = Said { dismissed: false, why: asked.why, by: by.to_owned(), lasts: None };
    settle(at, asked.id, said).await
}

async fn settle(at: &Place, id: String, said: Said) -> anyhow::Result<Value> {
    if said.why.chars().count() > MOST_REASON {
        bail!("`why` has at most {MOST_REASON} characters");
    }
    if id.is_empty() {
        bail!("`id` is empty; findings lists them");
    }
    let memory = at.known().await?;
    let before = decide(&at.session.checking(), &memory, &[id], &said).await?;
    let word = if said.dismissed { "dismissed" } else { "reopened" };
    let told = before.iter().map(|row| json!({ "id": row.id, "file": row.file, "was": row.state }));
    Ok(json!({ word: told.collect::<Vec<_>>(), "by": said.by }))
}

/// Enqueues a sweep. The same request gives the same sweep, however often it is made.
///
/// # Errors
/// A revision, a ladder or a glob that is none, no fleet; a failure of Redis.
pub async fn start(at: &Place, asked: Start) -> anyhow::Result<Value> {
    let files = asked.files.unwrap_or_default();
    if files.len() > MOST_FILES {
        bail!(
            "`files` has {} entries; at most {MOST_FILES}: name a directory or a glob",
            files.len()
        );
    }
    if at.session.private.is_some() {
        bail!(
            "no fleet is configured, so no worker would run the review; set SCRUM_REDIS_URL where the agent starts scrum mcp, or use `scrum run`"
        );
    }
    let ladder = asked.ladder.unwrap_or_else(|| at.session.settings.sweep.ladder.clone());
    let request = request(at, files, asked.rev, asked.again.unwrap_or(false));
    let created =
        Box::pin(sweep::create(&at.session, &request, &ladder, &Progress::new(true))).await?;
    Ok(json!({ "sweep": created.id, "new": created.new, "unused_files": created.unused }))
}

fn request(at: &Place, files: Vec<String>, rev: Option<String>, again: bool) -> Request {
    Request {
        repo: at.repo.clone(),
        rev: rev.unwrap_or_else(|| "HEAD".to_owned()),
        targets: files,
        again,
        ..Request::default()
    }
}
