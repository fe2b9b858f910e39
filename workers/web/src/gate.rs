//! What changes something passes here: it is refused where the server only shows, decisions are counted, and each leaves a
//! line in the audit log.

use crate::error::Refused;
use crate::guard::Who;
use crate::server::App;
use axum::Extension;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The target of audit lines in the log.
pub const AUDIT: &str = "audit";
/// In which decisions are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// How many decisions were made lately.
#[derive(Debug)]
pub struct Counted {
    most: u32,
    since: Mutex<(Instant, u32)>,
}

impl Counted {
    /// At most so many in a minute.
    pub fn new(most: u32) -> Self {
        Self { most, since: Mutex::new((Instant::now(), 0)) }
    }

    /// Counts one; false when there were too many.
    fn takes(&self, now: Instant) -> bool {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(since.0) >= WINDOW {
            *since = (now, 0);
        }
        since.1 = since.1.saturating_add(1);
        since.1 <= self.most
    }
}

/// What kind of change a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A program writes.
    Write,
    /// A person decides.
    Decision,
    /// A browser signs in or out: nothing of the fleet changes.
    Login,
}

/// Lets a change through, or refuses it; writes down what came of it.
pub async fn pass(
    State((app, change)): State<(App, Change)>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Extension(who): Extension<Who>,
    request: Request,
    next: Next,
) -> Response {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let response = match refused(&app, change) {
        Some(refused) => refused.into_response(),
        None => next.run(request).await,
    };
    let status = response.status();
    let done = status.is_success() || status.is_redirection();
    let who = who.word();
    if done {
        tracing::info!(target: AUDIT, %from, who, %method, path, status = status.as_u16(), "audit: changed");
    } else {
        let why = response.extensions().get::<Refused>().map(Refused::why).unwrap_or_default();
        tracing::warn!(target: AUDIT, %from, who, %method, path, status = status.as_u16(), why, "audit: refused");
    }
    response
}

fn refused(app: &App, change: Change) -> Option<Refused> {
    if app.read_only && change != Change::Login {
        let why = "this server only shows: it was started with --read-only or web.read_only";
        return Some(Refused::new(StatusCode::FORBIDDEN, why));
    }
    if change != Change::Write && !app.decisions.takes(Instant::now()) {
        let why = "there were too many decisions in the last minute (web.decisions_per_minute); wait a moment";
        return Some(Refused::new(StatusCode::TOO_MANY_REQUESTS, why));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_takes_so_many_decisions() {
        let (counted, now) = (Counted::new(2), Instant::now());
        let takes: Vec<bool> = (0..3).map(|_| counted.takes(now)).collect();
        assert_eq!(takes, [true, true, false]);
        assert!(counted.takes(now + WINDOW), "the next minute begins anew");
    }
}
