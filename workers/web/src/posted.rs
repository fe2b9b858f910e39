//! The body of a decision: the fields of a form, which must be one of ours, or JSON, which no page of another origin can
//! send.

use crate::error::Refused;
use crate::guard::Who;
use crate::server::App;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What was sent, and where its answer goes.
#[derive(Debug)]
pub struct Posted<T> {
    /// The fields.
    pub sent: T,
    /// The page that the form stands in; `None` for a program.
    pub back: Option<String>,
}

/// What every form has.
#[derive(Debug, Deserialize)]
struct Ours {
    #[serde(default)]
    word: String,
    #[serde(default)]
    back: String,
}

impl<T: DeserializeOwned> FromRequest<App> for Posted<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refused> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let (is_form, is_json) =
            (kind == "application/x-www-form-urlencoded", kind == "application/json");
        let who = request.extensions().get::<Who>().cloned().unwrap_or(Who::Anybody);
        let body = Bytes::from_request(request, &()).await.map_err(|rejected| {
            let status = rejected.into_response().status();
            Refused::new(status, "the body could not be read; see web.max_body_bytes")
        })?;
        if is_json {
            let sent = serde_json::from_slice(&body).map_err(unfit)?;
            return Ok(Self { sent, back: None });
        }
        if !is_form {
            let why = "send the fields of a form, or application/json";
            return Err(Refused::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
        }
        let ours: Ours = form(&body)?;
        let is_login = who == Who::Anybody;
        if !is_login && !app.guard.keys().is_form_word(who.session(), &ours.word) {
            let why = "the form is too old, or none of ours; load the page again and repeat";
            return Err(Refused::new(StatusCode::FORBIDDEN, why));
        }
        Ok(Self { sent: form(&body)?, back: Some(own(&ours.back).unwrap_or("/fleet").to_owned()) })
    }
}

impl<T> Posted<T> {
    /// Says what was done: a program is told, a browser goes back to its page.
    pub fn done(&self, word: &str, told: Value) -> Response {
        let Some(back) = &self.back else { return Json(told).into_response() };
        let mark = if back.contains('?') { '&' } else { '?' };
        see(&format!("{back}{mark}done={word}"))
    }
}

/// Sends a browser to a page of ours.
pub fn see(page: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, page)]).into_response()
}

/// An address of this server, and of no other one.
pub fn own(back: &str) -> Option<&str> {
    let is_own = back.starts_with('/') && !back.starts_with("//") && !back.contains('\\');
    let is_plain = back.bytes().all(|b| b.is_ascii_graphic());
    (is_own && is_plain && back.parse::<Uri>().is_ok()).then_some(back)
}

fn form<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    let text = std::str::from_utf8(body).map_err(unfit)?;
    // A field that is left empty is one that is not there.
    let filled: Vec<&str> =
        text.split('&').filter(|pair| !pair.ends_with('=') && !pair.is_empty()).collect();
    let uri = format!("/?{}", filled.join("&")).parse::<Uri>().map_err(unfit)?;
    let read = axum::extract::Query::<T>::try_from_uri(&uri);
    read.map(|axum::extract::Query(read)| read).map_err(unfit)
}

fn unfit(why: impl std::fmt::Display) -> Refused {
    Refused::bad(format!("the fields are not what is asked for here: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_leads_to_pages_of_this_server_alone() {
        for good in ["/", "/fleet", "/findings?state=open&path=a%2Fb"] {
            assert_eq!(own(good), Some(good));
        }
        for bad in
            ["", "fleet", "//evil.example", "/\\evil.example", "http://evil", "/a b", "/a\r\nb"]
        {
            assert_eq!(own(bad), None, "{bad}");
        }
    }

    #[test]
    fn fields_are_read_and_empty_ones_left_out() {
        #[derive(Deserialize, PartialEq, Debug)]
        struct Fields {
            why: String,
            days: Option<u32>,
        }
        let read: Fields = form(b"why=a+b%26c&days=&back=x").unwrap();
        assert_eq!(read, Fields { why: "a b&c".into(), days: None });
        assert!(form::<Fields>(b"days=7").unwrap_err().why().contains("why"));
        assert!(form::<Fields>(b"why=\xff").is_err());
    }
}
