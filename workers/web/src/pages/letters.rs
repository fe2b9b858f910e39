//! Dead letters: what needs a person, with its history, and what a person decides about it.

use super::{choice, sweep_of};
use crate::asked::{Asked, View};
use crate::error::Refused;
use crate::layout::Frame;
use crate::pages::file::attempts;
use crate::pages::sweep::clip;
use crate::posted::Posted;
use crate::routes::Doc;
use crate::server::App;
use crate::show::{self, badge, facts, lines, none, part, table, text};
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use queue_schema::client::{DeadFilter, DeadLetter};
use queue_schema::effects::DeadClass;
use queue_schema::ids::{JobId, ReviewId};
use queue_schema::rows::Attempt;
use queue_schema::sweep::Rung;
use queue_schema::url::public_address;
use scrum_config::Ladders;
use scrum_decide::letters as decide;
use scrum_knowledge::letters::{self, Letter, Letters};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Letters of a page.
const LETTERS: usize = 50;

/// What the list says.
pub const LIST: Doc = Doc {
    summary: "Dead letters, latest first",
    asks: &[
        ("sweep", "string", "Only of this sweep"),
        ("class", "string", "Only of this class of reasons"),
        ("after", "string", "The cursor of the page before"),
    ],
    gives: &[
        ("letters", "array", "Dead letters, each with its file"),
        ("after", "string?", "The cursor of the next page"),
    ],
};

/// What a letter's page says.
pub const DOC: Doc = Doc {
    summary: "A dead letter with its history",
    asks: &[],
    gives: &[
        ("letter", "object", "The letter, its file and whether a retry would run"),
        ("repo", "string?", "The repository, without credentials"),
        ("ladder", "array", "The rungs that it climbs; none for a job of no ladder"),
        ("ladders", "array", "Names of the ladders that it can be put on"),
        ("attempts", "array", "Every attempt of its review"),
    ],
};

/// What a retry asks for.
pub const RETRY: Doc = Doc {
    summary: "Puts a dead letter back into the queue",
    asks: &[
        ("from_rung", "integer", "The rung to start at, from 0; where it was when left out"),
        ("ladder", "string", "Another ladder, by its name; its own when left out"),
        ("word", "string", "The word of the form; not in JSON"),
        ("back", "string", "The page to go back to; not in JSON"),
    ],
    gives: &[("revived", "integer", "Jobs that went back")],
};

/// What a discard asks for.
pub const DISCARD: Doc = Doc {
    summary: "Throws a dead letter away; its file stays unresolved",
    asks: &[
        ("word", "string", "The word of the form; not in JSON"),
        ("back", "string", "The page to go back to; not in JSON"),
    ],
    gives: &[("discarded", "integer", "Letters that were thrown away")],
};

/// A letter, without the body of its job.
#[derive(Debug, Serialize)]
struct Line {
    id: JobId,
    file: String,
    class: String,
    reason: String,
    lane: String,
    sweep: String,
    target: Option<u32>,
    tries: u32,
    worker_deaths: u32,
    first_ms: u64,
    last_ms: u64,
    /// Whether only the facts of an accepted review are missing.
    of_facts: bool,
    /// Whether the job lacks the signature of the fleet, so that a retry would not run.
    unsigned: bool,
}

impl From<&Letter> for Line {
    fn from(letter: &Letter) -> Self {
        let DeadLetter { id, lane, sweep, target, class, reason, first_ms, last_ms, .. } =
            letter.dead.clone();
        Self {
            file: letter.path(),
            tries: letter.dead.attempts,
            worker_deaths: letter.dead.crashes,
            of_facts: letter.is_of_facts(),
            unsigned: letter.is_unsigned(),
            sweep: sweep.into(),
            id,
            class,
            reason,
            lane,
            target,
            first_ms,
            last_ms,
        }
    }
}

#[derive(Debug, Serialize)]
struct List {
    letters: Vec<Line>,
    after: Option<String>,
}

#[derive(Debug, Serialize)]
struct One {
    letter: Line,
    repo: Option<String>,
    ladder: Vec<String>,
    ladders: Vec<String>,
    attempts: Vec<Attempt>,
}

/// The list.
///
/// # Errors
/// No such sweep, a text that is no cursor, a failure of Redis.
pub async fn list(State(app): State<App>, asked: Asked) -> Result<Response, Refused> {
    let sweep = match asked.get("sweep") {
        Some(name) => Some(sweep_of(&app, name).await?),
        None => None,
    };
    let class = asked.get("class").map(str::to_owned);
    // The limit ends a list that pages go on with: it is not asked for.
    let mut all = Letters::new(&app.queue, DeadFilter { sweep, class, ..DeadFilter::default() });
    if let Some(after) = asked.get("after") {
        all = all.from(after)?;
    }
    let mut found = all.next_page().await?;
    let mut after = all.cursor();
    if found.len() > LETTERS {
        found.truncate(LETTERS);
        after = found.last().map(|last| format!("{}:{}", last.dead.last_ms, last.dead.id));
    }
    let letters = found.iter().map(Line::from).collect();
    Ok(asked.answer(&List { letters, after }))
}

/// The page of a letter.
///
/// # Errors
/// No such letter, a failure of Redis.
pub async fn get(
    State(app): State<App>,
    Path(id): Path<String>,
    asked: Asked,
) -> Result<Response, Refused> {
    let letter = letters::letter(&app.queue, &id.into()).await?;
    let attempts = letters::attempts(&app.queue, &letter).await?;
    let spec = app.queue.sweep_spec(&letter.dead.sweep).await?;
    let mut ladder = Vec::new();
    if let (Some(target), true) = (letter.dead.target, spec.is_some()) {
        let review = ReviewId::new(&letter.dead.sweep, target);
        let found = app.queue.ladder_of(&letter.dead.sweep, &review).await?;
        ladder = found.rungs.iter().map(Rung::name).collect();
    }
    let repo = spec.map(|spec| public_address(&spec.repo));
    let ladders = if ladder.is_empty() { Vec::new() } else { names(&ladders(&app)?) };
    Ok(asked.answer(&One { letter: Line::from(&letter), repo, ladder, ladders, attempts }))
}

/// The ladders of the settings.
fn ladders(app: &App) -> Result<Ladders, Refused> {
    Ladders::load(&app.settings)
        .map_err(|e| Refused::bad(format!("the ladders can't be read: {e}")))
}

fn names(ladders: &Ladders) -> Vec<String> {
    ladders.names().map(str::to_owned).collect()
}

/// A retry.
#[derive(Debug, Deserialize)]
pub struct Retry {
    from_rung: Option<u32>,
    ladder: Option<String>,
}

/// A discard.
#[derive(Debug, Deserialize)]
pub struct Discard {}

/// Puts a letter back.
///
/// # Errors
/// No such letter, one that can't be put back, a failure of Redis.
pub async fn retry(
    State(app): State<App>,
    Path(id): Path<String>,
    posted: Posted<Retry>,
) -> Result<Response, Refused> {
    let ids = [JobId::from(id)];
    let Retry { from_rung, ladder } = &posted.sent;
    // By its name alone: no file is read for whoever asks.
    let ladder = match ladder {
        None => None,
        Some(name) => {
            let known = ladders(&app)?;
            let found = known.iter().find(|ladder| ladder.name == *name).cloned();
            let none = || {
                let known = names(&known).join(", ");
                Refused::bad(format!("no ladder has the name '{name}'; there are: {known}"))
            };
            Some(found.ok_or_else(none)?)
        }
    };
    let revived = decide::revive(&app.queue, &ids, *from_rung, ladder.as_ref()).await?;
    Ok(posted.done("retried", json!({ "revived": revived })))
}

/// Throws a letter away.
///
/// # Errors
/// No such letter, a failure of Redis.
pub async fn discard(
    State(app): State<App>,
    Path(id): Path<String>,
    posted: Posted<Discard>,
) -> Result<Response, Refused> {
    let discarded = decide::discard(&app.queue, &[JobId::from(id)]).await?;
    Ok(posted.done("discarded", json!({ "discarded": discarded })))
}

const CLASSES: [(&str, &str); 7] = [
    ("", "any"),
    ("ladder_exhausted", "no rung could do it"),
    ("attempts_exhausted", "tried too often"),
    ("poison", "killed its workers"),
    ("undecodable", "can't be read"),
    ("fatal", "can't succeed"),
    ("unsigned", "lacks the signature"),
];

fn class(of: &str) -> Markup {
    let of_unsigned = of == DeadClass::Unsigned.as_str();
    badge(if of_unsigned { "warn" } else { "bad" }, &of.replace('_', " "))
}

impl View for List {
    fn title(&self) -> String {
        "Dead letters".to_owned()
    }

    fn body(&self, frame: &Frame) -> Markup {
        let rows = html! {
            @for letter in &self.letters {
                tr {
                    th scope="row" class="path" {
                        a href={ "/letters/" (part(&letter.id)) } { (text(&letter.file)) }
                        @if letter.of_facts { " " (badge("off", "facts only")) }
                    }
                    td { (class(&letter.class)) }
                    td class="claim" { (text(&clip(&letter.reason))) }
                    td class="n" { (letter.tries) }
                    td { (show::when(letter.last_ms)) }
                    td { (buttons(letter, &[], &[], frame)) }
                }
            }
        };
        html! {
            form method="get" class="filter" {
                (choice("class", "Class", frame.get("class"), &CLASSES))
                label { "Sweep" input name="sweep" value=[frame.get("sweep")] placeholder="latest"; }
                button { "Show" }
            }
            @if self.letters.is_empty() { (none("No dead letter matches: nothing needs a person.")) }
            @else { (table("Dead letters", &["File", "Class", "Reason", "#Tries", "Died", "Decide"], &rows)) }
            (frame.pager(self.after.as_deref()))
        }
    }
}

/// The forms to decide about a letter; rungs to start at and ladders to go on where there are some.
fn buttons(letter: &Line, rungs: &[String], ladders: &[String], frame: &Frame) -> Markup {
    if frame.read_only {
        return html! {};
    }
    let id = part(&letter.id);
    html! {
        div class="buttons" {
            @if !letter.unsigned {
                form method="post" action={ "/letters/" (id) "/retry" } {
                    (frame.hidden())
                    @if !rungs.is_empty() {
                        label { "From rung"
                            select name="from_rung" {
                                option value="" { "where it was" }
                                @for (n, rung) in rungs.iter().enumerate() { option value=(n) { (n) ": " (text(rung)) } }
                            }
                        }
                    }
                    @if !ladders.is_empty() {
                        label { "On ladder"
                            select name="ladder" {
                                option value="" { "its own" }
                                @for name in ladders { option value=(text(name)) { (text(name)) } }
                            }
                        }
                    }
                    button { "Retry" }
                }
            }
            details class="decide" {
                summary { "Discard" }
                form method="post" action={ "/letters/" (id) "/discard" } {
                    (frame.hidden())
                    p class="quiet" { "The job is thrown away for good; its file stays unresolved." }
                    button class="danger" { "Discard it" }
                }
            }
        }
    }
}

impl View for One {
    fn title(&self) -> String {
        format!("Dead letter: {}", self.letter.file)
    }

    fn body(&self, frame: &Frame) -> Markup {
        let of = &self.letter;
        // The letter is gone after a decision: the list is what to go back to.
        let frame = &Frame { path: "/letters".to_owned(), query: Vec::new(), ..frame.clone() };
        let sweep = part(&of.sweep);
        html! {
            (facts(&[
                ("Job", html! { code { (text(&of.id)) } }),
                ("Class", class(&of.class)),
                ("File", html! {
                    @if let Some(target) = of.target { a href={ "/sweeps/" (sweep) "/files/" (target) } { (text(&of.file)) } }
                    @else { (text(&of.file)) }
                }),
                ("Sweep", html! { a href={ "/sweeps/" (sweep) } { (text(&of.sweep)) } " " (text(self.repo.as_deref().unwrap_or_default())) }),
                ("Lane", html! { code { (text(&of.lane)) } }),
                ("Died", html! { (show::when(of.last_ms)) " (first " (show::when(of.first_ms)) ")" }),
                ("Tries", html! { (of.tries) ", worker deaths " (of.worker_deaths) }),
            ]))
            p class="alert text" { (lines(&of.reason)) }
            @if of.of_facts { p { "The review is accepted; only the facts of the file are missing." } }
            @if of.unsigned { p { "A retry would be refused again: request the work again, and discard this letter." } }
            (buttons(of, &self.ladder, &self.ladders, frame))
            h2 { "Attempts" }
            (attempts(&self.attempts))
        }
    }
}
