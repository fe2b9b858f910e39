//! All addresses, each with what it asks for and what it gives. The router and the OpenAPI document are made of the same
//! list, so that no address is without its description.

use crate::gate::{self, Change};
use crate::guard::{LOGIN, METRICS};
use crate::pages::{diff, findings, fleet, kb, letters, login, memory, models, observer};
use crate::pages::{file, settings, sweep, trends};
use crate::server::{App, Most};
use crate::{assets, chat, event, health, hooks, metrics, openapi, pathway};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{MethodRouter, get, post};

/// A parameter or a member: its name, its kind (`?` behind it where it may be null), what it is.
pub type Member = (&'static str, &'static str, &'static str);

/// What an address is for.
#[derive(Debug, Clone, Copy)]
pub struct Doc {
    /// In a few words.
    pub summary: &'static str,
    /// Its parameters; of a `POST` the members of its body.
    pub asks: &'static [Member],
    /// The members of its answer as JSON; none where it is described elsewhere.
    pub gives: &'static [Member],
}

/// What an address does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A page, which is JSON as well.
    Page,
    /// An answer for programs; nothing changes.
    Read,
    /// A program writes something.
    Write,
    /// A person decides something.
    Decision,
}

/// An address.
#[derive(Debug, Clone, Copy)]
pub struct Address {
    /// `get` or `post`.
    pub method: &'static str,
    /// Its path, with `{NAME}` for a part that varies.
    pub path: &'static str,
    /// What it does.
    pub kind: Kind,
    /// What it is for.
    pub doc: Doc,
}

/// A list of addresses under construction.
pub struct Routes {
    app: App,
    router: Router<App>,
    /// Those that are in it.
    pub all: Vec<Address>,
}

impl Routes {
    fn add(
        mut self,
        kind: Kind,
        method: &'static str,
        path: &'static str,
        handler: MethodRouter<App>,
        doc: Doc,
    ) -> Self {
        let change = match kind {
            Kind::Page | Kind::Read => None,
            Kind::Write => Some(Change::Write),
            Kind::Decision if path == LOGIN || path == login::LOGOUT => Some(Change::Login),
            Kind::Decision => Some(Change::Decision),
        };
        let handler = match change {
            Some(change) => handler
                .layer(middleware::from_fn_with_state((self.app.clone(), change), gate::pass)),
            None => handler,
        };
        self.router = self.router.route(path, handler);
        self.all.push(Address { method, path, kind, doc });
        self
    }

    fn page(self, path: &'static str, handler: MethodRouter<App>, doc: Doc) -> Self {
        self.add(Kind::Page, "get", path, handler, doc)
    }

    fn read(self, path: &'static str, handler: MethodRouter<App>, summary: &'static str) -> Self {
        self.add(Kind::Read, "get", path, handler, Doc { summary, asks: &[], gives: &[] })
    }

    fn ask(self, path: &'static str, handler: MethodRouter<App>, doc: Doc) -> Self {
        self.add(Kind::Read, "post", path, handler, doc)
    }

    fn call(self, path: &'static str, handler: MethodRouter<App>, doc: Doc) -> Self {
        self.add(Kind::Write, "post", path, handler, doc)
    }

    fn decision(self, path: &'static str, handler: MethodRouter<App>, doc: Doc) -> Self {
        self.add(Kind::Decision, "post", path, handler, doc)
    }

    /// All addresses as a router, and their list.
    pub fn finish(self) -> (Router<App>, Vec<Address>) {
        (self.router, self.all)
    }
}

/// All addresses. Their bodies have so many bytes at most.
pub fn all(app: &App, most: &Most) -> Routes {
    let routes = Routes { app: app.clone(), router: Router::new(), all: Vec::new() };
    for_programs(pages(routes), most)
}

fn pages(routes: Routes) -> Routes {
    routes
        .page("/", get(fleet::get), fleet::DOC)
        .page("/fleet", get(fleet::get), fleet::DOC)
        .page("/sweeps", get(sweep::list), sweep::LIST)
        .page("/sweeps/{sweep}", get(sweep::get), sweep::DOC)
        .page("/sweeps/{sweep}/findings", get(sweep::findings), sweep::FINDINGS)
        .page("/sweeps/{sweep}/file", get(file::find), file::FIND)
        .page("/sweeps/{sweep}/files/{number}", get(file::get), file::DOC)
        .page("/findings", get(findings::list), findings::LIST)
        .page("/findings/{repo}/{finding}", get(findings::get), findings::DOC)
        .decision("/findings/{repo}/{finding}/dismiss", post(findings::dismiss), findings::DISMISS)
        .decision("/findings/{repo}/{finding}/reopen", post(findings::reopen), findings::REOPEN)
        .page("/letters", get(letters::list), letters::LIST)
        .page("/letters/{letter}", get(letters::get), letters::DOC)
        .decision("/letters/{letter}/retry", post(letters::retry), letters::RETRY)
        .decision("/letters/{letter}/discard", post(letters::discard), letters::DISCARD)
        .page("/diffs", get(diff::list), diff::LIST)
        .page("/diffs/{sweep}", get(diff::get), diff::DOC)
        .page("/memory", get(memory::list), memory::LIST)
        .page("/memory/{repo}", get(memory::get), memory::DOC)
        .page("/models", get(models::get), models::DOC)
        .page("/trends", get(trends::get), trends::DOC)
        .page("/observer", get(observer::get), observer::DOC)
        .page("/kb", get(kb::get), kb::DOC)
        .page("/settings", get(settings::get), settings::DOC)
}

fn for_programs(routes: Routes, most: &Most) -> Routes {
    let sized = |handler: MethodRouter<App>, most| handler.layer(DefaultBodyLimit::max(most));
    routes
        .read("/health", get(health::get), "Whether the server and its Redis answer")
        .read(METRICS, get(metrics::get), "The fleet in figures, for Prometheus")
        .call("/event", post(event::post), event::POST)
        .read("/events", get(event::list), "Events by pages, or as a live stream")
        .read("/stats", get(event::stats), "What the events come to")
        .call("/hooks/{forge}", sized(post(hooks::take), most.hooks), hooks::DOC)
        .call(chat::CHAT, sized(post(chat::chat), most.chat), chat::DOC)
        .call(chat::COMPLETIONS, sized(post(chat::completions), most.chat), chat::DOC)
        .read("/v1/models", get(chat::models), "Models that may be asked")
        .call("/vectors/pathway/insert", post(pathway::insert), pathway::INSERT)
        .ask("/vectors/pathway/query", post(pathway::query), pathway::QUERY)
        .call("/vectors/pathway/record_replay", post(pathway::record_replay), pathway::REPLAY)
        .ask(
            "/vectors/pathway/bug_fingerprints",
            post(pathway::bug_fingerprints),
            pathway::FINGERPRINTS,
        )
        .read("/vectors/pathway/stats", get(pathway::stats), "A repository's memory")
        .page(LOGIN, get(login::page), login::PAGE)
        .decision(LOGIN, post(login::sign_in), login::LOGIN)
        .decision(login::LOGOUT, post(login::sign_out), login::OUT)
        .read("/assets/{name}", get(assets::get), "Style sheet, script and icon")
        .read("/openapi.json", get(openapi::get), "This document")
}
