//! Findings of a repository over all its sweeps: which stand, and what people decide about them.

mod show;

pub use show::decide;

use super::{memories, memory_of};
use crate::asked::Asked;
use crate::error::Refused;
use crate::posted::Posted;
use crate::routes::Doc;
use crate::server::App;
use axum::extract::{Path, State};
use axum::response::Response;
use queue_schema::ids::MemoryId;
use queue_schema::rows::{AuditVerdict, FindingRow, FindingState, Severity};
use scrum_decide::findings::{self, Said};
use scrum_knowledge::{Ledger, OfFile, Wanted};
use scrum_repo::TargetGlobs;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// Findings of a page; those of one file stay together.
const FINDINGS: usize = 50;
/// Characters of a reason at most.
const REASON: usize = 2000;
/// Characters of a name at most.
const NAME: usize = 100;
/// Who decides without saying who.
const NOBODY: &str = "nobody named";
const DAY_S: u64 = 24 * 3600;

/// What the list says.
pub const LIST: Doc = Doc {
    summary: "The findings of a repository over all its sweeps",
    asks: &[
        ("repo", "string", "The repository; may be left out where only one is remembered"),
        ("state", "string", "open (with reopened ones), dismissed, fixed, or all"),
        ("severity", "string", "At least this grave: critical, major, minor, info"),
        ("path", "string", "Only of files that fit this glob"),
        (
            "audited",
            "string",
            "Only those of which an audit says this: upheld, split, undecided, rejected",
        ),
        ("days", "integer", "Only first said in the last so many days"),
        ("after", "string", "The cursor of the page before"),
    ],
    gives: &[
        ("repos", "array", "The repositories that are remembered: id and name"),
        ("memory", "string?", "The id of the one that is shown"),
        ("findings", "array", "Its findings, as rows of the ledger"),
        ("after", "string?", "The cursor of the next page"),
    ],
};

/// What a finding says.
pub const DOC: Doc = Doc {
    summary: "A finding over all sweeps",
    asks: &[],
    gives: &[
        ("memory", "string", "The id of its repository"),
        ("finding", "object", "The finding, as a row of the ledger"),
    ],
};

/// What a dismissal asks for.
pub const DISMISS: Doc = Doc {
    summary: "Dismisses a finding: reports leave it out",
    asks: &[
        ("why", "string", "Why; reviewers of the area are told"),
        ("by", "string", "Who decides"),
        ("days", "integer", "For how long; for good when left out"),
        ("word", "string", "The word of the form; not in JSON"),
        ("back", "string", "The page to go back to; not in JSON"),
    ],
    gives: &[("dismissed", "array", "Its id")],
};

/// What a reopening asks for.
pub const REOPEN: Doc = Doc {
    summary: "Reopens a finding that was dismissed",
    asks: DISMISS.asks,
    gives: &[("reopened", "array", "Its id")],
};

/// A remembered repository.
#[derive(Debug, Serialize)]
struct Repo {
    id: MemoryId,
    name: String,
}

#[derive(Debug, Serialize)]
struct List {
    repos: Vec<Repo>,
    memory: Option<MemoryId>,
    findings: Vec<FindingRow>,
    after: Option<String>,
}

#[derive(Debug, Serialize)]
struct One {
    memory: MemoryId,
    finding: FindingRow,
}

/// The list.
///
/// # Errors
/// No such repository, a filter that is none, a failure of Redis.
pub async fn list(State(app): State<App>, asked: Asked) -> Result<Response, Refused> {
    let repos: Vec<Repo> =
        memories(&app).await?.into_iter().map(|(id, name)| Repo { id, name }).collect();
    let memory = match (asked.get("repo"), repos.as_slice()) {
        (Some(name), _) => Some(memory_of(&app, name).await?.0),
        (None, [only]) => Some(only.id.clone()),
        (None, _) => None,
    };
    let (mut findings, mut after) = (Vec::new(), None);
    if let Some(memory) = &memory {
        let mut all = Ledger::of(&app.queue, memory, wanted(&app, &asked).await?).await?;
        if let Some(cursor) = asked.get("after") {
            all = all.from(cursor);
        }
        while findings.len() < FINDINGS {
            let page = all.next_page().await?;
            if page.is_empty() {
                break;
            }
            findings.extend(page);
        }
        after = all.cursor().map(str::to_owned);
        if findings.len() > FINDINGS {
            after = cut(&mut findings).or(after);
        }
    }
    Ok(asked.answer(&List { repos, memory, findings, after }))
}

/// Cuts a page between two files; returns the last one that it holds.
fn cut(findings: &mut Vec<FindingRow>) -> Option<String> {
    let last = findings[FINDINGS - 1].file.clone();
    let end = findings.iter().position(|row| row.file > last)?;
    findings.truncate(end);
    Some(last)
}

async fn wanted(app: &App, asked: &Asked) -> Result<Wanted, Refused> {
    let path = match asked.get("path") {
        None => None,
        Some(glob) => {
            let globs = TargetGlobs::new(&[glob.to_owned()]);
            let globs = globs.map_err(|e| Refused::bad(format!("'path': {e}")))?;
            let takes: OfFile = Box::new(move |path| globs.matches(path));
            Some(takes)
        }
    };
    let states = match asked.get("state").unwrap_or("open") {
        "open" => vec![FindingState::Open, FindingState::Reopened],
        "all" => Vec::new(),
        _ => asked.word::<FindingState>("state")?.into_iter().collect(),
    };
    let since_ms = match asked.number::<u64>("days")? {
        None => 0,
        Some(days) => app.queue.now_ms().await?.saturating_sub(days.saturating_mul(DAY_S * 1000)),
    };
    Ok(Wanted {
        path,
        states,
        since_ms,
        severity: asked.word::<Severity>("severity")?,
        audited: asked.word::<AuditVerdict>("audited")?.into_iter().collect(),
        ..Wanted::default()
    })
}

/// The page of a finding.
///
/// # Errors
/// No such repository or finding, a failure of Redis.
pub async fn get(
    State(app): State<App>,
    Path((repo, finding)): Path<(String, String)>,
    asked: Asked,
) -> Result<Response, Refused> {
    let (memory, _) = memory_of(&app, &repo).await?;
    let finding = Ledger::of(&app.queue, &memory, Wanted::default()).await?.find(&finding).await?;
    Ok(asked.answer(&One { memory, finding }))
}

/// A decision.
#[derive(Debug, Deserialize)]
pub struct Decision {
    #[serde(default)]
    why: String,
    by: Option<String>,
    days: Option<u32>,
}

/// Dismisses a finding.
///
/// # Errors
/// No reason, no such finding, one that is fixed; a failure of Redis.
pub async fn dismiss(
    State(app): State<App>,
    Path(place): Path<(String, String)>,
    posted: Posted<Decision>,
) -> Result<Response, Refused> {
    settle(&app, place, posted, true).await
}

/// Reopens a finding.
///
/// # Errors
/// No reason, no such finding, one that nobody dismissed; a failure of Redis.
pub async fn reopen(
    State(app): State<App>,
    Path(place): Path<(String, String)>,
    posted: Posted<Decision>,
) -> Result<Response, Refused> {
    settle(&app, place, posted, false).await
}

async fn settle(
    app: &App,
    (repo, finding): (String, String),
    posted: Posted<Decision>,
    dismissed: bool,
) -> Result<Response, Refused> {
    let Decision { why, by, days } = &posted.sent;
    if why.chars().count() > REASON || by.iter().any(|by| by.chars().count() > NAME) {
        let said = format!("a reason has at most {REASON} characters, a name {NAME}");
        return Err(Refused::bad(said));
    }
    let (memory, _) = memory_of(app, &repo).await?;
    let lasts = days.filter(|days| *days > 0 && dismissed);
    let said = Said {
        dismissed,
        why: why.clone(),
        by: by.clone().unwrap_or_else(|| NOBODY.to_owned()),
        lasts: lasts.map(|days| Duration::from_secs(u64::from(days) * DAY_S)),
    };
    findings::decide(&app.queue.checking(), &memory, std::slice::from_ref(&finding), &said).await?;
    let word = if dismissed { "dismissed" } else { "reopened" };
    Ok(posted.done(word, json!({ word: [finding] })))
}
