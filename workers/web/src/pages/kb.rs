//! The knowledge base: which kinds of rows there are, how many, and who reads them.

use crate::asked::{Asked, View};
use crate::error::Refused;
use crate::layout::Frame;
use crate::routes::Doc;
use crate::server::App;
use crate::show::{bytes, number, table, text};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use scrum_knowledge::kb::{Health, health};
use serde::Serialize;

/// What the page says.
pub const DOC: Doc = Doc {
    summary: "The kinds of rows of the knowledge base, and who reads them",
    asks: &[],
    gives: &[("kinds", "array", "Each kind with rows, bytes, when the last was written, readers")],
};

/// Rows of a kind that are looked at, so that a page of a large fleet takes no longer.
const MOST_ROWS: u64 = 2_000;

#[derive(Debug, Serialize)]
struct Page {
    kinds: Vec<Health>,
}

/// The page.
///
/// # Errors
/// A failure of Redis, or a row that can't be read.
pub async fn get(State(app): State<App>, asked: Asked) -> Result<Response, Refused> {
    let kinds = Box::pin(health(&app.queue, MOST_ROWS)).await?;
    Ok(asked.answer(&Page { kinds }))
}

impl View for Page {
    fn title(&self) -> String {
        "Knowledge base".to_owned()
    }

    fn body(&self, _frame: &Frame) -> Markup {
        let rows = html! {
            @for kind in &self.kinds {
                tr {
                    th scope="row" { code { (kind.kind) } }
                    td class="n" { (number(kind.rows)) @if kind.more { "+" } }
                    td class="n" { (bytes(kind.bytes)) }
                    td { (text(kind.last_written.as_deref().unwrap_or("–"))) }
                    td {
                        @for (n, reader) in kind.readers.iter().enumerate() {
                            @if n > 0 { ", " }
                            code { (reader.command) }
                        }
                    }
                }
            }
        };
        html! {
            p class="quiet" { "The latest " (number(MOST_ROWS)) " rows of each kind, over the latest 1,000 sweeps. " code { "scrum kb export KIND" } " writes the rows of a kind." }
            (table("Kinds of rows", &["Kind", "#Rows", "#Size", "Last written", "Read by"], &rows))
        }
    }
}
