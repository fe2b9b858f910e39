//! The settings in force, each with the place that it comes from.

use crate::asked::{Asked, View};
use crate::layout::Frame;
use crate::routes::Doc;
use crate::server::App;
use crate::show::{badge, table, text};
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use scrum_config::InForce;
use serde::Serialize;

/// What the page says.
pub const DOC: Doc = Doc {
    summary: "The settings in force in this server, each with the place that it comes from",
    asks: &[("changed", "string", "`true`: only those that differ from the defaults")],
    gives: &[(
        "settings",
        "array",
        "Each with key, value, origin, and whether it differs from its default",
    )],
};

#[derive(Debug, Serialize)]
struct Page {
    settings: Vec<InForce>,
}

/// The page.
pub async fn get(State(app): State<App>, asked: Asked) -> Response {
    let only = asked.get("changed") == Some("true");
    let wanted = app.in_force.iter().filter(|setting| setting.changed || !only);
    asked.answer(&Page { settings: wanted.cloned().collect() })
}

impl View for Page {
    fn title(&self) -> String {
        "Settings".to_owned()
    }

    fn body(&self, frame: &Frame) -> Markup {
        let rows = html! {
            @for setting in &self.settings {
                tr class=[setting.changed.then_some("meant")] {
                    th scope="row" { code { (text(&setting.key)) } }
                    td class="claim" { code { (text(&setting.value)) } }
                    td { (text(&setting.origin)) @if setting.changed { " " (badge("run", "changed")) } }
                }
            }
        };
        html! {
            p class="quiet" { "As this server has them: workers on other machines may have others. Passwords are masked." }
            form method="get" class="filter" {
                label class="check" {
                    input type="checkbox" name="changed" value="true" checked[frame.get("changed").is_some()];
                    " only those that differ from the defaults"
                }
                button { "Show" }
            }
            (table("Settings in force", &["Key", "Value", "From"], &rows))
        }
    }
}
