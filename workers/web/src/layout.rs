//! What all pages stand in: navigation, styles, the script that keeps them fresh.

use crate::assets;
use crate::show::{self, part};
use maud::{DOCTYPE, Markup, html};

/// Pages by their names in the navigation.
const PLACES: [(&str, &str); 9] = [
    ("/fleet", "Fleet"),
    ("/findings", "Findings"),
    ("/letters", "Dead letters"),
    ("/diffs", "Changes"),
    ("/memory", "Memory"),
    ("/models", "Models"),
    ("/observer", "Observer"),
    ("/kb", "Knowledge base"),
    ("/settings", "Settings"),
];

/// What a page stands in, and how it was asked for.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// Its path.
    pub path: String,
    /// Its parameters.
    pub query: Vec<(String, String)>,
    /// The word for its forms.
    pub word: String,
    /// Whether nothing can be changed.
    pub read_only: bool,
    /// Whether there is a session to end.
    pub signed_in: bool,
}

impl Frame {
    /// A parameter; `None` when it is missing or empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The address of this page with another value of a parameter; without the parameter for an empty one.
    pub fn with(&self, name: &str, value: &str) -> String {
        let kept = self.query.iter().filter(|(known, _)| known != name);
        let mut all: Vec<String> =
            kept.map(|(name, value)| format!("{}={}", part(name), part(value))).collect();
        if !value.is_empty() {
            all.push(format!("{}={}", part(name), part(value)));
        }
        let mark = if all.is_empty() { "" } else { "?" };
        format!("{}{mark}{}", self.path, all.join("&"))
    }

    /// This page, for a form to come back to.
    pub fn here(&self) -> String {
        self.with("done", "")
    }

    /// What every form holds that changes something.
    pub fn hidden(&self) -> Markup {
        html! {
            input type="hidden" name="word" value=(self.word);
            input type="hidden" name="back" value=(self.here());
        }
    }

    /// Links to the next page of a list and back to its first one.
    pub fn pager(&self, after: Option<&str>) -> Markup {
        let begun = self.get("after").is_some();
        html! {
            @if begun || after.is_some() {
                nav class="pager" aria-label="Pages of the list" {
                    @if begun { a href=(self.with("after", "")) { "First page" } }
                    @if let Some(after) = after {
                        a rel="next" href=(self.with("after", after)) { "Next page" }
                    }
                }
            }
        }
    }
}

/// A part of a page that the script asks for again until it says that it is done.
pub fn live(part: Option<Markup>) -> Markup {
    html! { div id="live" data-live { (part.unwrap_or_default()) } }
}

/// What a decision came to, by the word behind `done=`: never by a text of the address.
fn done(word: &str) -> Option<&'static str> {
    Some(match word {
        "dismissed" => "The finding is dismissed; reports leave it out from the next sweep on.",
        "reopened" => "The finding is open again.",
        "retried" => "The job is back in the queue.",
        "discarded" => "The dead letter is discarded.",
        _ => return None,
    })
}

/// A whole page.
pub fn page(title: &str, body: &Markup, frame: &Frame) -> Markup {
    let at = |place: &str| frame.path.starts_with(place).then_some("page");
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (show::text(title)) " · Scrum Fleet" }
                link rel="stylesheet" href=(assets::style());
                link rel="icon" href=(assets::icon()) type="image/svg+xml";
                script src=(assets::script()) defer {}
            }
            body {
                a class="skip" href="#main" { "Skip to the content" }
                header {
                    a class="brand" href="/fleet" { "Scrum Fleet" }
                    nav aria-label="Pages" {
                        @for (path, name) in PLACES { a href=(path) aria-current=[at(path)] { (name) } }
                    }
                    @if frame.signed_in {
                        form method="post" action="/logout" class="out" {
                            (frame.hidden())
                            button { "Sign out" }
                        }
                    }
                }
                main id="main" {
                    h1 { (show::text(title)) }
                    @if let Some(done) = frame.get("done").and_then(done) { p role="status" class="done" { (done) } }
                    (body)
                }
                footer {
                    "Scrum Fleet " (env!("CARGO_PKG_VERSION"))
                    @if frame.read_only { " · read-only" }
                    " · " a href="/openapi.json" { "API" }
                    " " span id="pulse" {}
                }
            }
        }
    }
}

/// The page of a refusal.
pub fn refusal(status: u16, why: &str, frame: &Frame) -> Markup {
    let title = match status {
        401 => "Sign in",
        403 => "Not allowed",
        404 => "Not found",
        429 => "Too many requests",
        500.. => "It failed",
        _ => "It can't be done",
    };
    let body = html! {
        p { (show::text(why)) }
        @if status == 401 { (sign_in(&frame.here())) }
    };
    page(title, &body, frame)
}

/// The form that takes the token.
pub fn sign_in(back: &str) -> Markup {
    html! {
        form method="post" action="/login" class="box" {
            input type="hidden" name="back" value=(back);
            label { "Token of this server" input type="password" name="token" autocomplete="current-password" required; }
            button { "Sign in" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_other_parameters_and_nothing_breaks_out_of_them() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let query = vec![pair("state", "open"), pair("path", "a&b=\"<"), pair("after", "x")];
        let frame = Frame { path: "/findings".into(), query, ..Frame::default() };
        assert_eq!(
            frame.with("after", "y z"),
            "/findings?state=open&path=a%26b%3D%22%3C&after=y%20z"
        );
        assert_eq!(frame.with("after", ""), "/findings?state=open&path=a%26b%3D%22%3C");
        let odd = Frame { query: vec![pair("done", "<b>")], ..frame };
        let shown = page("<i>", &html! {}, &odd).into_string();
        assert!(!shown.contains("<b>") && !shown.contains("<i>"), "{shown}");
    }
}
