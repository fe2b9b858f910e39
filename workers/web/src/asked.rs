//! How a page is asked for: as a page, as JSON, or only the part of it that changes while it is looked at.

use crate::error::Refused;
use crate::guard::Who;
use crate::layout::{self, Frame};
use crate::server::App;
use axum::Json;
use axum::extract::{FromRequestParts, Query};
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use axum::response::{Html, IntoResponse as _, Response};
use maud::Markup;
use serde::Serialize;

/// What a page shows: the same for a browser and for a program.
pub trait View: Serialize {
    /// The title of the page.
    fn title(&self) -> String;

    /// All of it but its title.
    fn body(&self, frame: &Frame) -> Markup;

    /// The part that changes while it is looked at; none in most.
    fn live(&self, _frame: &Frame) -> Option<Markup> {
        None
    }
}

/// Marks a request whose address ended with `.json`.
#[derive(Debug, Clone, Copy)]
pub struct AsJson;

/// How a page is asked for.
#[derive(Debug)]
pub struct Asked {
    json: bool,
    live: bool,
    /// What the page stands in.
    pub frame: Frame,
}

/// Whether a browser asks.
pub fn wants_page(headers: &HeaderMap) -> bool {
    accepts(headers).contains("text/html")
}

fn accepts(headers: &HeaderMap) -> &str {
    headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl Asked {
    /// A parameter of the address; `None` when it is missing or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.frame.get(name)
    }

    /// A parameter that is a number.
    ///
    /// # Errors
    /// A text that is none.
    pub fn number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Refused> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let read = text.parse().map_err(|_| Refused::bad(format!("'{name}' is a number")));
        read.map(Some)
    }

    /// A parameter that is one of some words, as the type spells them.
    ///
    /// # Errors
    /// Another word.
    pub fn word<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>, Refused> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let read = serde_json::from_value(text.into());
        read.map(Some).map_err(|e| Refused::bad(format!("'{name}': {e}")))
    }

    /// The answer.
    pub fn answer(&self, view: &impl View) -> Response {
        if self.json {
            return Json(view).into_response();
        }
        if self.live
            && let Some(part) = view.live(&self.frame)
        {
            return Html(part.into_string()).into_response();
        }
        let body = view.body(&self.frame);
        Html(layout::page(&view.title(), &body, &self.frame).into_string()).into_response()
    }
}

impl FromRequestParts<App> for Asked {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refused> {
        let who = parts.extensions.get::<Who>().cloned().unwrap_or(Who::Anybody);
        let accepts = accepts(&parts.headers);
        let asks_json = accepts.contains("application/json") && !accepts.contains("text/html");
        let query = query(&parts.uri)?;
        let live = query.iter().any(|(name, value)| name == "live" && value == "1");
        Ok(Self {
            json: asks_json || parts.extensions.get::<AsJson>().is_some(),
            live,
            frame: Frame {
                path: parts.uri.path().to_owned(),
                query: query.into_iter().filter(|(name, _)| name != "live").collect(),
                word: app.guard.keys().form_word(who.session()),
                read_only: app.read_only,
                signed_in: matches!(who, Who::Session(..)),
            },
        })
    }
}

fn query(uri: &Uri) -> Result<Vec<(String, String)>, Refused> {
    let read = Query::<Vec<(String, String)>>::try_from_uri(uri);
    read.map(|Query(all)| all).map_err(|_| Refused::bad("the part behind `?` can't be read"))
}
