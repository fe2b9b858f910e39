//! What is remembered of repositories: pathways, and the mistakes that come back.

use super::{memories, memory_of};
use crate::asked::{Asked, View};
use crate::error::Refused;
use crate::layout::Frame;
use crate::routes::Doc;
use crate::server::App;
use crate::show::{self, badge, facts, none, number, part, share, table, text};
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};
use scrum_knowledge::memory::{MemoryStats, PathwayView, memory_stats, pathways};
use scrum_knowledge::mistakes::{self, Mistake, Mistakes};
use serde::Serialize;

/// Repositories of the list.
const REPOS: usize = 100;
/// Mistakes of a list.
const TOP: usize = 20;
/// Sweeps whose mistakes count.
const SWEEPS: u64 = 10;
/// Digits of a pathway that a page shows.
const DIGITS: usize = 12;

/// What the list says.
pub const LIST: Doc = Doc {
    summary: "The repositories that are remembered, with their numbers",
    asks: &[],
    gives: &[("repositories", "array", "Numbers of each repository")],
};

/// What a repository's page says.
pub const DOC: Doc = Doc {
    summary: "A repository's memory: top mistakes of the last sweeps, what the latest one taught, pathways",
    asks: &[
        ("sweeps", "integer", "How many of its latest sweeps count for the top mistakes; 10"),
        ("after", "string", "The cursor of the page before"),
    ],
    gives: &[
        ("stats", "object", "Its numbers"),
        (
            "mistakes",
            "object",
            "Mistakes: those of the latest sweeps, and those that the latest one found first",
        ),
        ("pathways", "array", "Pathways: traces of reviews in an area"),
        ("after", "string?", "The cursor of the next page"),
    ],
};

#[derive(Debug, Serialize)]
struct List {
    repositories: Vec<MemoryStats>,
}

#[derive(Debug, Serialize)]
struct Page {
    stats: MemoryStats,
    mistakes: Mistakes,
    pathways: Vec<PathwayView>,
    after: Option<String>,
}

/// The list.
///
/// # Errors
/// A failure of Redis.
pub async fn list(State(app): State<App>, asked: Asked) -> Result<Response, Refused> {
    let mut repositories = Vec::new();
    for id in memories(&app).await?.into_keys().take(REPOS) {
        repositories.push(memory_stats(&app.queue, &id).await?);
    }
    Ok(asked.answer(&List { repositories }))
}

/// The page of a repository.
///
/// # Errors
/// No such repository, a failure of Redis.
pub async fn get(
    State(app): State<App>,
    Path(repo): Path<String>,
    asked: Asked,
) -> Result<Response, Refused> {
    let (memory, _) = memory_of(&app, &repo).await?;
    let sweeps = asked.number("sweeps")?.unwrap_or(SWEEPS);
    // An address can't hold what stands between area and pathway in the list.
    let after = asked.get("after").and_then(|after| after.rsplit_once('/'));
    let from = after.map(|(area, id)| format!("{area}\0{id}")).unwrap_or_default();
    let page = pathways(&app.queue, &memory, &from).await?;
    let view = Page {
        stats: memory_stats(&app.queue, &memory).await?,
        mistakes: mistakes::of_memory(&app.queue, &memory, sweeps, TOP).await?,
        pathways: page.pathways,
        after: page.cursor.map(|entry| entry.replace('\0', "/")),
    };
    Ok(asked.answer(&view))
}

impl View for List {
    fn title(&self) -> String {
        "Memory".to_owned()
    }

    fn body(&self, _frame: &Frame) -> Markup {
        if self.repositories.is_empty() {
            return none("Nothing is remembered yet: the first sweep of a repository begins to.");
        }
        let rows = html! {
            @for of in &self.repositories {
                tr {
                    th scope="row" { a href={ "/memory/" (part(&of.memory)) } { (show::repo(&of.repository)) } }
                    td class="n" { (number(of.sweeps)) }
                    td class="n" { (number(of.reviews)) }
                    td class="n" { (number(of.traces)) " (" (number(of.retired)) " retired)" }
                    td class="n" { (number(of.hits)) " (" (share(of.reuse_rate)) ")" }
                    td class="n" { (number(of.replays)) " (" (share(of.replay_success_rate)) ")" }
                    td class="n" { (number(of.rungs_saved)) }
                }
            }
        };
        let heads =
            ["Repository", "#Sweeps", "#Reviews", "#Traces", "#Hits", "#Replays", "#Rungs saved"];
        table("Repositories", &heads, &rows)
    }
}

impl View for Page {
    fn title(&self) -> String {
        format!("Memory of {}", self.stats.repository)
    }

    fn body(&self, frame: &Frame) -> Markup {
        let of = &self.stats;
        html! {
            (facts(&[
                ("Sweeps", html! { (number(of.sweeps)) }),
                ("Reviews", html! { (number(of.reviews)) ", " (number(of.hits)) " began at a remembered model (" (share(of.reuse_rate)) ")" }),
                ("Replays", html! { (number(of.replays)) ", " (share(of.replay_success_rate)) " succeeded" }),
                ("Rungs saved", html! { (number(of.rungs_saved)) }),
                ("Traces", html! { (number(of.traces)) ", " (number(of.retired)) " retired" }),
            ]))
            p { a href={ "/findings?repo=" (part(&of.memory)) } { "Findings of this repository" } }
            h2 { "Most frequent mistakes of the latest sweeps" }
            (mistakes("Most frequent mistakes", &self.mistakes.top))
            h2 { "Learnt in the latest sweep" }
            (mistakes("Mistakes that the latest sweep found first", &self.mistakes.learnt))
            @if self.mistakes.more { p class="quiet" { "Only the first " (self.mistakes.areas) " areas are looked at." } }
            h2 { "Pathways" }
            (self.pathways())
            (frame.pager(self.after.as_deref()))
        }
    }
}

fn mistakes(caption: &str, all: &[Mistake]) -> Markup {
    if all.is_empty() {
        return none("There are none.");
    }
    let rows = html! {
        @for of in all {
            tr {
                td { (badge("off", &of.flag)) }
                td class="claim" { code { (text(&of.pattern_key)) } p { (text(&super::sweep::clip(&of.example))) }
                    @if let Some(why) = &of.rejected { p class="quiet" { "rejected: " (text(why)) } } }
                td class="path" { (text(&of.area)) }
                td class="n" { (of.occurrences) }
                td class="n" { (of.since) "–" (of.last_seen) }
            }
        }
    };
    table(caption, &["Flag", "Mistake", "Area", "#Found", "#Sweeps"], &rows)
}

impl Page {
    fn pathways(&self) -> Markup {
        if self.pathways.is_empty() {
            return none("No pathway is remembered.");
        }
        let rows = html! {
            @for way in &self.pathways {
                @let replays: u32 = way.traces.iter().map(|t| t.trace.replay_count).sum();
                @let done: u32 = way.traces.iter().map(|t| t.trace.replays_succeeded).sum();
                @let model = way.traces.iter().find_map(|t| t.trace.accepted()).map(|a| a.model.as_str());
                @let retired = way.traces.iter().filter(|t| t.why_retired.is_some()).count();
                tr {
                    th scope="row" class="path" { (text(&way.area)) " " span class="quiet" { code { (text(way.pathway_id.get(..DIGITS).unwrap_or_default())) } } }
                    td { (text(&way.signal_class)) }
                    td { (text(model.unwrap_or("–"))) }
                    td class="n" { (way.traces.len()) @if retired > 0 { " (" (retired) " retired)" } }
                    td class="n" { (done) " of " (replays) }
                    td class="n" { (way.fingerprints.len()) }
                }
            }
        };
        table("Pathways", &["Area", "Class", "Model", "#Traces", "#Replays", "#Mistakes"], &rows)
    }
}
