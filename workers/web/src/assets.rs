//! The style sheet, the script and the icon, which are part of the program.

use crate::error::Refused;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use queue_schema::ids::sha256_hex;
use std::sync::LazyLock;

/// Digits of a file's hash in its address.
const DIGITS: usize = 12;

struct Asset {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
    address: String,
}

static ALL: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    let css = include_str!("../assets/app.css");
    let js = include_str!("../assets/app.js");
    let svg = include_str!("../assets/icon.svg");
    [
        asset("app.css", "text/css; charset=utf-8", css),
        asset("app.js", "text/javascript; charset=utf-8", js),
        asset("icon.svg", "image/svg+xml", svg),
    ]
});

fn asset(name: &'static str, kind: &'static str, text: &'static str) -> Asset {
    // The hash makes another address of another version, so that no browser keeps an old one.
    let hash = &sha256_hex(text.as_bytes())[..DIGITS];
    Asset { name, kind, text, address: format!("/assets/{name}?v={hash}") }
}

/// The address of the style sheet.
pub fn style() -> &'static str {
    &ALL[0].address
}

/// The address of the script.
pub fn script() -> &'static str {
    &ALL[1].address
}

/// The address of the icon.
pub fn icon() -> &'static str {
    &ALL[2].address
}

/// One of them.
///
/// # Errors
/// Another name.
pub async fn get(Path(name): Path<String>) -> Result<Response, Refused> {
    let found = ALL.iter().find(|asset| asset.name == name);
    let asset = found.ok_or_else(|| Refused::missing("there is nothing at this address"))?;
    let kept = "public, max-age=31536000, immutable";
    Ok(([(CONTENT_TYPE, asset.kind), (CACHE_CONTROL, kept)], asset.text).into_response())
}
