//! Sweeps of a repository over time, as curves.

use crate::asked::{Asked, View};
use crate::error::Refused;
use crate::layout::Frame;
use crate::routes::Doc;
use crate::server::App;
use crate::show::{self, money, none, number, table, text};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use queue_schema::rows::LoopMetricsRow;
use queue_schema::rows::metrics::LoopNumbers;
use scrum_knowledge::metrics_of_all;
use serde::Serialize;
use std::fmt::Write as _;

/// Sweeps of a repository.
const SWEEPS: usize = 30;
/// Repositories of the page.
const REPOS: usize = 5;
/// Size of a curve, in units of its drawing.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 60.0;
/// Characters of a moment to the second.
const MOMENT: usize = 19;

/// What the page says.
pub const DOC: Doc = Doc {
    summary: "Figures of the sweeps of each repository, newest first",
    asks: &[("repo", "string", "Only this repository: its path or address")],
    gives: &[("repositories", "array", "The sweeps of each repository, as rows of loop metrics")],
};

#[derive(Debug, Serialize)]
struct Page {
    repositories: Vec<Vec<LoopMetricsRow>>,
}

/// The page.
///
/// # Errors
/// A failure of Redis.
pub async fn get(State(app): State<App>, asked: Asked) -> Result<Response, Refused> {
    let mut repositories = metrics_of_all(&app.queue, asked.get("repo"), SWEEPS).await?;
    repositories.truncate(REPOS);
    Ok(asked.answer(&Page { repositories }))
}

type Figure = (&'static str, fn(&LoopNumbers) -> f64);

const FIGURES: [Figure; 8] = [
    ("Findings", |n| n.findings as f64),
    ("New findings", |n| (n.known.new + n.known.reopened) as f64),
    ("Gone findings", |n| n.known.fixed as f64),
    ("Unresolved files", |n| n.unresolved as f64),
    ("Escalations", |n| n.escalations as f64),
    ("Calls", |n| n.calls as f64),
    ("Rungs saved", |n| n.rungs_saved as f64),
    ("Cost in dollars", |n| n.cost_usd.unwrap_or(0.0)),
];

impl View for Page {
    fn title(&self) -> String {
        "Sweeps over time".to_owned()
    }

    fn body(&self, _frame: &Frame) -> Markup {
        if self.repositories.iter().all(Vec::is_empty) {
            return none("There are no sweeps yet.");
        }
        html! {
            @for sweeps in &self.repositories {
                @if let Some(latest) = sweeps.first() {
                    h2 { (show::repo(&latest.repo)) }
                    div class="curves" { @for figure in FIGURES { (curve(figure, sweeps)) } }
                    (listed(sweeps))
                }
            }
        }
    }
}

/// A curve with the oldest sweep on its left side.
fn curve((name, of): Figure, sweeps: &[LoopMetricsRow]) -> Markup {
    let values: Vec<f64> = sweeps.iter().rev().map(|row| of(&row.numbers)).collect();
    let latest = values.last().copied().unwrap_or(0.0);
    let shown = if name.starts_with("Cost") { money(Some(latest)) } else { number(latest as i64) };
    let about = format!("{name}: {shown} in the latest of {} sweeps", values.len());
    html! {
        figure {
            figcaption { (name) " " strong { (shown) } }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(about) preserveAspectRatio="none" {
                polyline points=(points(&values)) {}
            }
        }
    }
}

fn points(values: &[f64]) -> String {
    let most = values.iter().copied().fold(1.0, f64::max);
    let step = WIDTH / (values.len().max(2) - 1) as f64;
    // One sweep is a line, not a point that nobody sees.
    let both = if let [only] = values { vec![*only, *only] } else { values.to_vec() };
    let mut out = String::new();
    for (n, value) in both.iter().enumerate() {
        let y = (HEIGHT - 4.0) * (1.0 - value / most) + 2.0;
        let _ = write!(out, "{:.1},{y:.1} ", n as f64 * step);
    }
    out
}

fn listed(sweeps: &[LoopMetricsRow]) -> Markup {
    let rows = html! {
        @for row in sweeps {
            @let of = &row.numbers;
            tr {
                th scope="row" { a href={ "/sweeps/" (show::part(&row.sweep_id)) } { (text(&row.started_at.replace('T', " ").chars().take(MOMENT).collect::<String>())) } }
                td { (show::commit(&row.commit)) }
                td class="n" { (number(of.resolved)) @if of.unresolved > 0 { " + " (number(of.unresolved)) " unresolved" } }
                td class="n" { (number(of.findings)) }
                td class="n" { (number(of.calls)) }
                td class="n" { (money(of.cost_usd)) }
                td class="n" { (show::took(of.wall_ms.unsigned_abs())) }
            }
        }
    };
    table("Sweeps", &["Begun", "Commit", "#Files", "#Findings", "#Calls", "#Cost", "#Time"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_from_left_to_right_and_up() {
        assert_eq!(points(&[0.0, 10.0]), "0.0,58.0 240.0,2.0 ");
        assert_eq!(points(&[5.0]).split(' ').count(), 3);
        assert_eq!(points(&[]), "");
    }
}
