//! What all requests pass first and all answers last: `.json` behind an address, the headers that keep a browser from doing
//! what no page of ours asks for, and a page instead of JSON for a browser that is refused.

use crate::asked::{AsJson, wants_page};
use crate::error::Refused;
use crate::layout::{self, Frame};
use axum::extract::Request;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Response};

/// What a page may load: its own style sheet, script and icon. Nothing that stands in a page runs.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// What anything else may: nothing.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// The one address that ends like the JSON of a page and is none.
const DOCUMENT: &str = "/openapi.json";

/// Takes a request in, and sends its answer out.
pub async fn front(mut request: Request, next: Next) -> Response {
    if let Some(uri) = without_json(request.uri()) {
        *request.uri_mut() = uri;
        request.extensions_mut().insert(AsJson);
    }
    let is_program = request.extensions().get::<AsJson>().is_some();
    let browser = !is_program && wants_page(request.headers());
    let path = request.uri().path_and_query().map_or("/", PathAndQuery::as_str).to_owned();
    let mut response = next.run(request).await;
    if browser && let Some(refused) = response.extensions().get::<Refused>() {
        // The address is the one to come back to after signing in.
        let frame = Frame { path, ..Frame::default() };
        let status = refused.status();
        let page = layout::refusal(status.as_u16(), refused.why(), &frame);
        response = (status, Html(page.into_string())).into_response();
    }
    protect(response.headers_mut());
    response
}

/// The address of a page whose JSON is asked for.
fn without_json(uri: &Uri) -> Option<Uri> {
    let path = uri.path().strip_suffix(".json").filter(|path| path.len() > 1)?;
    if uri.path() == DOCUMENT {
        return None;
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(format!("{path}{query}").parse().ok()?);
    Uri::from_parts(parts).ok()
}

fn protect(headers: &mut HeaderMap) {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let policy = if kind.starts_with("text/html") { POLICY } else { NOTHING };
    let set = [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (CONTENT_SECURITY_POLICY, policy),
        // A form that says nothing of where it comes from would be refused as one of another origin.
        (REFERRER_POLICY, "same-origin"),
        (OPENER, "same-origin"),
        (RESOURCE, "same-origin"),
    ];
    for (name, value) in set {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let no_store = || HeaderValue::from_static("no-store");
    headers.entry(CACHE_CONTROL).or_insert_with(no_store);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_behind_a_page_is_asked_of_that_page() {
        for (given, wanted) in [
            ("/fleet.json", Some("/fleet")),
            ("/findings.json?state=open&path=a.json", Some("/findings?state=open&path=a.json")),
            ("/sweeps/3f2a/files/7.json", Some("/sweeps/3f2a/files/7")),
            ("/openapi.json", None),
            ("/fleet", None),
            ("/.json", None),
        ] {
            let uri = without_json(&given.parse().unwrap());
            assert_eq!(uri.map(|uri| uri.to_string()).as_deref(), wanted, "{given}");
        }
    }
}
