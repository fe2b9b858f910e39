//! What models have shown: attempts, outcomes, latency, cost, and what became of their findings.

use super::sweep_of;
use crate::asked::{Asked, View};
use crate::error::Refused;
use crate::layout::Frame;
use crate::routes::Doc;
use crate::server::App;
use crate::show::{self, money, none, number, table, text};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use queue_schema::ids::SweepId;
use queue_schema::rows::ModelTrustRow;
use scrum_knowledge::models;
use serde::Serialize;

/// What the page says.
pub const DOC: Doc = Doc {
    summary: "Models: attempts, outcomes, latency, tokens, cost, and what became of their findings",
    asks: &[("sweep", "string", "Only in this sweep")],
    gives: &[
        ("sweep", "string?", "The sweep that is counted; null for all of the fleet"),
        ("models", "array", "A row for each model and task"),
        ("cost_usd", "number?", "What all of them cost, in dollars"),
    ],
};

#[derive(Debug, Serialize)]
struct Page {
    sweep: Option<SweepId>,
    models: Vec<ModelTrustRow>,
    cost_usd: Option<f64>,
}

/// The page.
///
/// # Errors
/// No such sweep, a failure of Redis.
pub async fn get(State(app): State<App>, asked: Asked) -> Result<Response, Refused> {
    let sweep = match asked.get("sweep") {
        Some(name) => Some(sweep_of(&app, name).await?),
        None => None,
    };
    let models = models(&app.queue, sweep.as_ref()).await?;
    let known: Vec<f64> = models.iter().filter_map(|row| row.cost_usd).collect();
    let cost_usd = (!known.is_empty()).then(|| known.iter().sum());
    Ok(asked.answer(&Page { sweep, models, cost_usd }))
}

impl View for Page {
    fn title(&self) -> String {
        "Models".to_owned()
    }

    fn body(&self, _frame: &Frame) -> Markup {
        html! {
            @match &self.sweep {
                Some(sweep) => p { "In sweep " (super::sweep_link(sweep)) " · " a href="/models" { "all sweeps" } },
                None => p { "Over all sweeps · " a href="/trends" { "sweeps over time" } },
            }
            @if self.models.is_empty() { (none("No model was asked yet.")) }
            @else {
                (rows(&self.models))
                p { "Together " strong { (money(self.cost_usd)) } }
                (became(&self.models))
            }
        }
    }
}

fn percent(part: u64, whole: u64) -> String {
    show::share((whole > 0).then(|| part as f64 / whole as f64))
}

/// Models as a table.
pub fn rows(all: &[ModelTrustRow]) -> Markup {
    let ms = |ms: Option<u64>| ms.map_or_else(|| "–".to_owned(), show::took);
    let rows = html! {
        @for row in all {
            tr {
                th scope="row" { (text(&row.name())) }
                td { (text(&row.task)) }
                td class="n" { (number(row.attempts)) }
                td class="n" { (number(row.accepted)) " (" (percent(row.accepted, row.attempts)) ")" }
                td { (failures(row)) }
                td class="n" { (number(row.calls)) @if row.cached > 0 { " + " (number(row.cached)) " kept" } }
                td class="n" { (number(row.tokens_in)) " / " (number(row.tokens_out)) }
                td class="n" { (money(row.cost_usd)) }
                td class="n" { (ms(row.p50_ms)) " / " (ms(row.p90_ms)) }
            }
        }
    };
    let heads = [
        "Model",
        "Task",
        "#Attempts",
        "#Accepted",
        "Rejected as",
        "#Calls",
        "#Tokens in / out",
        "#Cost",
        "#Median / 90%",
    ];
    table("Models", &heads, &rows)
}

fn failures(row: &ModelTrustRow) -> String {
    let all = row.rejections().into_iter().chain([(row.transient, "tried again")]);
    let said = all.filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
    said.collect::<Vec<_>>().join(", ")
}

/// What became of the findings of each model.
fn became(all: &[ModelTrustRow]) -> Markup {
    let of = ModelTrustRow::of_all;
    let told: Vec<&ModelTrustRow> = all.iter().filter(|row| row.findings > 0).collect();
    if told.is_empty() {
        return html! {};
    }
    let rows = html! {
        @for row in &told {
            tr {
                th scope="row" { (text(&row.name())) }
                td class="n" { (number(row.findings)) }
                td class="n" { (number(row.checks.values().sum::<u64>())) }
                td class="n" { (number(of(&row.fixed))) }
                td class="n" { (number(of(&row.dismissed))) }
                td class="n" { (number(of(&row.audit_upheld))) }
                td class="n" { (number(of(&row.audit_rejected))) }
            }
        }
    };
    let heads = ["Model", "#Findings", "#Doubted", "#Fixed", "#Dismissed", "#Upheld", "#Rejected"];
    html! {
        h2 { "What became of their findings" }
        (table("Findings by model", &heads, &rows))
    }
}
