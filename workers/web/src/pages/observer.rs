//! What happened lately: events, failures that pile up, and their diagnoses.

use crate::asked::{Asked, View};
use crate::error::Refused;
use crate::layout::{Frame, live};
use crate::routes::Doc;
use crate::server::App;
use crate::show::{self, badge, lines, none, number, share, table, text};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use queue_schema::ids::SweepId;
use queue_schema::rows::DiagnosisRow;
use scrum_knowledge::observe::{Asked as Which, EventStats, Events, Shown, latest_troubles, stats};
use serde::Serialize;

/// Events of the page.
const EVENTS: usize = 100;
/// Sweeps whose troubles are looked for.
const SWEEPS: usize = 20;
/// Characters of an event in the list.
const CHARS: usize = 300;

/// What the page says.
pub const DOC: Doc = Doc {
    summary: "Events of the fleet, failures that pile up, diagnoses",
    asks: &[
        ("source", "string", "Only events of this source"),
        ("failures", "string", "`true`: only failures"),
        ("sweep", "string", "Only about this sweep, by its whole id"),
    ],
    gives: &[
        ("stats", "object", "Numbers of each source"),
        ("troubles", "array", "Failures that pile up, and diagnoses, the latest first"),
        ("events", "array", "The latest events, newest first"),
    ],
};

#[derive(Debug, Serialize)]
struct Page {
    stats: EventStats,
    troubles: Vec<DiagnosisRow>,
    events: Vec<Shown>,
}

/// The page.
///
/// # Errors
/// A failure of Redis.
pub async fn get(State(app): State<App>, asked: Asked) -> Result<Response, Refused> {
    let which = Which {
        source: asked.get("source").map(str::to_owned),
        failures: asked.get("failures") == Some("true"),
        sweep: asked.get("sweep").map(SweepId::from),
    };
    let mut events = Events::of(&app.queue, which).latest(EVENTS).await?;
    events.reverse();
    let troubles = latest_troubles(&app.queue, SWEEPS, 0, app.trouble_bounds());
    let view =
        Page { stats: stats(&app.queue).await?, troubles: Box::pin(troubles).await?, events };
    Ok(asked.answer(&view))
}

impl View for Page {
    fn title(&self) -> String {
        "Observer".to_owned()
    }

    fn body(&self, frame: &Frame) -> Markup {
        html! {
            form method="get" class="filter" {
                label { "Source"
                    select name="source" {
                        option value="" { "all" }
                        @for source in self.stats.by_source.keys() {
                            option value=(source) selected[frame.get("source") == Some(source)] { (text(source)) }
                        }
                    }
                }
                label class="check" {
                    input type="checkbox" name="failures" value="true" checked[frame.get("failures").is_some()];
                    " failures only"
                }
                button { "Show" }
            }
            (live(self.live(frame)))
        }
    }

    fn live(&self, _frame: &Frame) -> Option<Markup> {
        Some(html! {
            h2 { "Failures that pile up" }
            @if self.troubles.is_empty() { (none("Nothing piles up.")) }
            @for of in &self.troubles { (trouble(of)) }
            h2 { "Sources" }
            (self.sources())
            h2 { "Latest events" }
            (self.events())
        })
    }
}

/// A trouble with its diagnosis.
pub fn trouble(of: &DiagnosisRow) -> Markup {
    html! {
        details class="box trouble" {
            summary {
                (badge("bad", &of.class)) " " (number(of.count)) " failures of " (text(&of.task)) " by " (text(&of.endpoint))
                @if !of.area.is_empty() { " in " (text(&of.area)) }
                span class="quiet" { " since " (show::when(of.since_ms)) }
            }
            p { strong { "What to do: " } (text(&of.what_to_do)) }
            @if let Some(said) = &of.text { p class="text" { (lines(said)) } }
            @if let Some(model) = &of.model { p class="quiet" { "says " (text(model)) } }
            @if !of.samples.is_empty() { ul { @for sample in &of.samples { li { (text(sample)) } } } }
            @if !of.files.is_empty() { p class="quiet" { "Among its files: " (text(&of.files.join(", "))) } }
        }
    }
}

impl Page {
    fn sources(&self) -> Markup {
        if self.stats.by_source.is_empty() {
            return none("There are no events yet.");
        }
        let ms = |ms: Option<f64>| ms.map_or_else(|| "–".to_owned(), |ms| show::took(ms as u64));
        let rows = html! {
            @for (source, of) in &self.stats.by_source {
                tr {
                    th scope="row" { (text(source)) }
                    td class="n" { (number(of.total)) }
                    td class="n" { (number(of.kept)) }
                    td class="n" { (number(of.failures)) }
                    td class="n" { (share(of.success_rate)) }
                    td class="n" { (ms(of.p50_ms)) " / " (ms(of.p95_ms)) }
                }
            }
        };
        table(
            "Sources",
            &["Source", "#Events", "#Kept", "#Failures", "#Success", "#Median / 95%"],
            &rows,
        )
    }

    fn events(&self) -> Markup {
        if self.events.is_empty() {
            return none("No event matches.");
        }
        let rows = html! {
            @for of in &self.events {
                tr {
                    td { (show::when(of.at_ms)) }
                    td { (text(&of.source)) }
                    td class="claim" { code { (text(&scrum_domain::text::clip_marked(of.event.get(), CHARS))) } }
                }
            }
        };
        table("Latest events", &["When", "Source", "Event"], &rows)
    }
}
