//! The pages, one file a subject. Each has a view that is shown as a page and is the JSON of the same address.

pub mod diff;
pub mod file;
pub mod findings;
pub mod fleet;
pub mod kb;
pub mod letters;
pub mod login;
pub mod memory;
pub mod models;
pub mod observer;
pub mod settings;
pub mod sweep;
pub mod trends;

use crate::error::Refused;
use crate::server::App;
use crate::show::{self, badge};
use maud::{Markup, html};
use queue_schema::client::{SweepState, SweepStatus};
use queue_schema::ids::{MemoryId, SweepId};
use queue_schema::rows::{AuditVerdict, FindingState, Severity};
use queue_schema::sweep::{Rung, SweepSpec, TargetStatus};
use queue_schema::url::public_address;
use scrum_knowledge::{Sweep, memory as remembered, sweeps};
use serde::Serialize;
use std::collections::BTreeMap;

/// What a sweep was asked for.
#[derive(Debug, Clone, Serialize)]
pub struct Head {
    /// Its id.
    pub id: SweepId,
    /// The repository, without credentials.
    pub repo: String,
    /// What the user asked for.
    pub rev: String,
    /// What it meant.
    pub commit: String,
    /// `files`, `change`, `claims`, or `audit` of another sweep.
    pub about: &'static str,
    /// The rungs of its ladder.
    pub ladder: Vec<String>,
    /// The user's labels.
    pub labels: BTreeMap<String, String>,
}

impl Head {
    fn new(id: &SweepId, spec: &SweepSpec) -> Self {
        let about = match (&spec.diff, &spec.audit) {
            (Some(diff), _) if diff.claims.is_some() => "claims",
            (Some(_), _) => "change",
            (None, Some(audit)) if audit.of.is_some() => "audit",
            _ => "files",
        };
        Self {
            id: id.clone(),
            repo: public_address(&spec.repo),
            rev: spec.rev.clone(),
            commit: spec.commit.clone(),
            about,
            ladder: spec.ladder.rungs.iter().map(Rung::name).collect(),
            labels: spec.labels.clone(),
        }
    }

    /// A link to its page.
    fn link(&self) -> Markup {
        sweep_link(&self.id)
    }
}

/// A link to the page of a sweep.
fn sweep_link(id: &SweepId) -> Markup {
    html! { a href={ "/sweeps/" (show::part(id)) } { code { (show::text(id.request())) } } }
}

/// The sweep that a name means.
async fn sweep_of(app: &App, name: &str) -> Result<SweepId, Refused> {
    Ok(sweeps::find(&app.queue, name).await?)
}

/// The sweep that a name means, opened.
async fn opened(app: &App, name: &str) -> Result<(SweepId, Sweep), Refused> {
    let id = sweep_of(app, name).await?;
    let sweep = Sweep::open(&app.queue, &id).await?;
    Ok((id, sweep))
}

/// The remembered repositories, by id.
async fn memories(app: &App) -> Result<BTreeMap<MemoryId, String>, Refused> {
    Ok(app.queue.memories().await?)
}

/// The repository that a name means, and how it is known.
async fn memory_of(app: &App, name: &str) -> Result<(MemoryId, String), Refused> {
    let known = memories(app).await?;
    let missing = || {
        Refused::missing("nothing is remembered of this repository; /memory lists those that are")
    };
    remembered::named(&known, name).ok_or_else(missing)
}

/// The words and colours of states.
fn state(state: SweepState) -> Markup {
    let colour = match state {
        SweepState::Planning => "wait",
        SweepState::Running => "run",
        SweepState::Done => "good",
        SweepState::Failed => "bad",
        SweepState::Cancelled => "off",
    };
    badge(colour, state.as_str())
}

fn target(status: TargetStatus) -> Markup {
    match status {
        TargetStatus::Waiting => badge("wait", "waiting"),
        TargetStatus::Live => badge("run", "in progress"),
        TargetStatus::Resolved => badge("good", "reviewed"),
        TargetStatus::Unresolved => badge("bad", "unresolved"),
        TargetStatus::Skipped => badge("off", "skipped"),
        TargetStatus::Cancelled => badge("off", "cancelled"),
        TargetStatus::LeftOut => badge("warn", "left out"),
    }
}

fn finding(state: FindingState) -> Markup {
    let kind = match state {
        FindingState::New | FindingState::Reopened => "bad",
        FindingState::Open | FindingState::Changed => "warn",
        FindingState::Dismissed => "off",
        FindingState::Fixed => "good",
    };
    badge(kind, state.as_str())
}

fn severity(of: Severity) -> Markup {
    let kind = match of {
        Severity::Critical => "bad",
        Severity::Major => "warn",
        Severity::Minor => "run",
        Severity::Info => "off",
    };
    badge(kind, of.as_str())
}

fn verdict(of: AuditVerdict) -> Markup {
    let kind = match of {
        AuditVerdict::Upheld => "good",
        AuditVerdict::Rejected => "bad",
        AuditVerdict::Split | AuditVerdict::Undecided => "warn",
    };
    badge(kind, of.as_str())
}

/// How far a sweep is, with its counters.
fn progress(status: &SweepStatus) -> Markup {
    let (settled, total) = (status.settled(), status.total);
    let words = [
        (status.resolved, "reviewed"),
        (status.unresolved, "unresolved"),
        (status.skipped, "skipped"),
        (status.left_out, "left out"),
        (status.cancelled, "cancelled"),
        (status.live, "in progress"),
        (status.waiting, "waiting"),
    ];
    let words: Vec<String> = words
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, word)| format!("{} {word}", show::number(*n)))
        .collect();
    html! {
        progress value=(settled) max=(total.max(1)) aria-label="Files that are done" {}
        span class="counts" { (show::number(settled)) " of " (show::number(total)) }
        @if !words.is_empty() { span class="quiet" { (words.join(", ")) } }
    }
}

/// A list to choose from, in a form.
fn choice(name: &str, label: &str, chosen: Option<&str>, all: &[(&str, &str)]) -> Markup {
    html! {
        label { (label)
            select name=(name) {
                @for (value, word) in all {
                    option value=(value) selected[chosen == Some(*value)] { (word) }
                }
            }
        }
    }
}
