//! Signing in with the token, for browsers on other machines.

use crate::asked::{Asked, View};
use crate::error::Refused;
use crate::guard::LOGIN as AT;
use crate::layout::{self, Frame};
use crate::posted::{Posted, own, see};
use crate::routes::Doc;
use crate::server::App;
use crate::session::Keys;
use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse as _, Response};
use maud::Markup;
use scrum_knowledge::now_ms;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Where a session ends.
pub const LOGOUT: &str = "/logout";

/// What the form says.
pub const PAGE: Doc = Doc { summary: "The form to sign in", asks: &[], gives: &[] };

/// What signing in asks for.
pub const LOGIN: Doc = Doc {
    summary: "Begins a session of a browser",
    asks: &[
        ("token", "string", "The token of this server"),
        ("back", "string", "The page to go to; not in JSON"),
    ],
    gives: &[("signed_in", "boolean", "True")],
};

/// What signing out asks for.
pub const OUT: Doc = Doc {
    summary: "Ends a session of a browser",
    asks: &[
        ("word", "string", "The word of the form; not in JSON"),
        ("back", "string", "The page to go back to; not in JSON"),
    ],
    gives: &[("signed_in", "boolean", "False")],
};

#[derive(Debug, Serialize)]
struct Page {}

impl View for Page {
    fn title(&self) -> String {
        "Sign in".to_owned()
    }

    fn body(&self, frame: &Frame) -> Markup {
        layout::sign_in(frame.get("back").and_then(own).unwrap_or("/fleet"))
    }
}

/// The form.
pub async fn page(asked: Asked) -> Response {
    asked.answer(&Page {})
}

/// What is sent to sign in.
#[derive(Debug, Deserialize)]
pub struct Given {
    #[serde(default)]
    token: String,
}

/// What is sent to sign out.
#[derive(Debug, Deserialize)]
pub struct Nothing {}

/// Begins a session.
///
/// # Errors
/// None of this server's tokens, or one that is over.
pub async fn sign_in(
    State(app): State<App>,
    headers: HeaderMap,
    posted: Posted<Given>,
) -> Result<Response, Refused> {
    let now_ms = now_ms();
    let token = app.guard.token(&posted.sent.token, now_ms)?;
    // Who says so comes by TLS, or only harms their own session.
    let secure = headers.get("x-forwarded-proto").is_some_and(|value| value == "https");
    let cookie = app.guard.keys().begin(token, now_ms, secure);
    let answer = match &posted.back {
        Some(back) if !back.starts_with(AT) => see(back),
        Some(_) => see("/fleet"),
        None => Json(json!({ "signed_in": true })).into_response(),
    };
    Ok(([(SET_COOKIE, cookie)], answer).into_response())
}

/// Ends a session.
pub async fn sign_out(posted: Posted<Nothing>) -> Response {
    let answer = match &posted.back {
        Some(_) => see(AT),
        None => Json(json!({ "signed_in": false })).into_response(),
    };
    ([(SET_COOKIE, Keys::end())], answer).into_response()
}
