//! The server: its routes, what all requests keep to, and how it ends.

use crate::error::Refused;
use crate::guard::{self, Guard, HOOKS};
use crate::hooks::{self, Hooks};
use crate::{event, health, pathway};
use anyhow::Context as _;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use queue_schema::client::Queue;
use queue_schema::limits::MemoryLimits;
use scrum_config::{ObserveSettings, Settings};
use scrum_shown::print;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, Semaphore, watch};

/// What all requests share; cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// The fleet's queue.
    pub queue: Queue,
    /// What a remembered model has to have shown, and how much is told.
    pub memory: MemoryLimits,
    /// Who retires a trace is alone, so that each is counted once.
    pub retiring: Arc<Mutex<()>>,
    /// How many others may send events under their names.
    pub observe: ObserveSettings,
    /// Room for live streams.
    pub followers: Arc<Semaphore>,
    /// Whether the server ends, and live streams with it.
    pub ending: watch::Receiver<bool>,
    /// Whose forges call.
    pub hooks: Arc<Hooks>,
    timeout: Duration,
}

/// Live streams of events at a time.
const MOST_FOLLOWERS: usize = 64;

/// Bytes of a body at most: of what forges tell, and of any other.
struct Most {
    hooks: usize,
    others: usize,
}

fn routes(app: App, guard: Guard, most: &Most) -> Router {
    let hook = post(hooks::take).layer(DefaultBodyLimit::max(most.hooks));
    Router::new()
        .route("/health", get(health::get))
        .route("/event", post(event::post))
        .route("/events", get(event::list))
        .route("/stats", get(event::stats))
        .route(&format!("{HOOKS}{{forge}}"), hook)
        .route("/vectors/pathway/insert", post(pathway::insert))
        .route("/vectors/pathway/query", post(pathway::query))
        .route("/vectors/pathway/record_replay", post(pathway::record_replay))
        .route("/vectors/pathway/bug_fingerprints", post(pathway::bug_fingerprints))
        .route("/vectors/pathway/stats", get(pathway::stats))
        .fallback(|| async {
            Refused::new(StatusCode::NOT_FOUND, "there is nothing at this address")
        })
        .method_not_allowed_fallback(|| async {
            let why = "this address is not asked that way; the headers name the methods it takes";
            Refused::new(StatusCode::METHOD_NOT_ALLOWED, why)
        })
        .layer(DefaultBodyLimit::max(most.others))
        .layer(middleware::from_fn_with_state(app.clone(), bounded))
        .layer(middleware::from_fn_with_state(guard, guard::check))
        .with_state(app)
}

/// Ends a request that takes too long; nothing that is answered is kept by a browser or taken for a page.
async fn bounded(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, Refused> {
    let answered = tokio::time::timeout(app.timeout, next.run(request)).await;
    let mut response = answered.map_err(|_| {
        Refused::new(StatusCode::GATEWAY_TIMEOUT, "it took longer than web.request_timeout_ms")
    })?;
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// Serves until SIGTERM or SIGINT; requests under way are answered first.
///
/// # Errors
/// When the address can't be listened on.
pub async fn serve(
    queue: Queue,
    settings: &Settings,
    (guard, hooks): (Guard, Hooks),
) -> anyhow::Result<()> {
    let web = &settings.web;
    let (end, ending) = watch::channel(false);
    let app = App {
        queue,
        observe: settings.observe.clone(),
        followers: Arc::new(Semaphore::new(MOST_FOLLOWERS)),
        ending,
        memory: settings.memory,
        retiring: Arc::default(),
        hooks: Arc::new(hooks),
        timeout: Duration::from_millis(web.request_timeout_ms),
    };
    let address = guard.listens();
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("web.listen {address} can't be listened on; is another program there? --listen takes another one")
    })?;
    let at = listener.local_addr()?;
    print::say(&format!("listening on http://{at}"))?;
    let bytes = |most: u64| usize::try_from(most).unwrap_or(usize::MAX);
    let most =
        Most { hooks: bytes(settings.hooks.max_body_bytes), others: bytes(web.max_body_bytes) };
    let routes = routes(app, guard, &most).into_make_service_with_connect_info::<SocketAddr>();
    let mut term = signal(SignalKind::terminate())?;
    let ends = async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        tracing::info!("ending");
        let _ = end.send(true);
    };
    axum::serve(listener, routes).with_graceful_shutdown(ends).await?;
    Ok(())
}
