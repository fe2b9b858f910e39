//! The server: its routes, what all requests keep to, and how it ends.

use crate::chat::{self, Caller};
use crate::error::Refused;
use crate::front::front;
use crate::gate::Counted;
use crate::guard::{self, Guard};
use crate::hooks::Hooks;
use crate::sources::Sources;
use crate::{openapi, routes};
use anyhow::Context as _;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use queue_schema::client::Queue;
use queue_schema::limits::MemoryLimits;
use scrum_config::{InForce, Settings};
use scrum_domain::observe::Bounds;
use scrum_shown::print;
use serde_json::Value;
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
    /// The settings.
    pub settings: Arc<Settings>,
    /// The settings again, each with the place that it comes from.
    pub in_force: Arc<Vec<InForce>>,
    /// Who may ask.
    pub guard: Guard,
    /// Whether nothing can be changed.
    pub read_only: bool,
    /// Decisions of the last minute.
    pub decisions: Arc<Counted>,
    /// What reads files of repositories.
    pub sources: Arc<Sources>,
    /// The description of all addresses.
    pub openapi: Arc<Value>,
    /// Room for live streams.
    pub followers: Arc<Semaphore>,
    /// Whether the server ends, and live streams with it.
    pub ending: watch::Receiver<bool>,
    /// Whose forges call.
    pub hooks: Arc<Hooks>,
    /// What asks models for others, where that is switched on.
    pub caller: Option<Arc<Caller>>,
    timeout: Duration,
}

/// Live streams of events at a time.
const MOST_FOLLOWERS: usize = 64;

/// Bytes of a body at most.
#[derive(Debug, Clone, Copy)]
pub struct Most {
    /// What forges tell.
    pub hooks: usize,
    /// Questions to models.
    pub chat: usize,
    others: usize,
}

impl App {
    /// From when on failures are a trouble.
    pub fn trouble_bounds(&self) -> Bounds {
        let (window_ms, threshold) = self.settings.observe.bounds();
        Bounds { window_ms, threshold }
    }

    /// How long one request may take.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }
}

fn router(mut app: App, most: &Most) -> Router {
    let (router, all) = routes::all(&app, most).finish();
    app.openapi = Arc::new(openapi::document(&all));
    let inner = router
        .fallback(|| async { Refused::missing("there is nothing at this address") })
        .method_not_allowed_fallback(|| async {
            let why = "this address is not asked that way; the headers name the methods it takes";
            Refused::new(StatusCode::METHOD_NOT_ALLOWED, why)
        })
        .layer(DefaultBodyLimit::max(most.others))
        .layer(middleware::from_fn_with_state(app.clone(), bounded))
        .layer(middleware::from_fn_with_state(app.guard.clone(), guard::check))
        .with_state(app);
    // Around the router: it changes the address by which the router goes.
    Router::new().fallback_service(inner).layer(middleware::from_fn(front))
}

/// Ends a request that takes too long.
async fn bounded(
    State(app): State<App>,
    request: Request,
    next: Next,
) -> Result<Response, Refused> {
    // A model takes longer; its call has bounds of its own.
    if [chat::CHAT, chat::COMPLETIONS].contains(&request.uri().path()) {
        return Ok(next.run(request).await);
    }
    let answered = tokio::time::timeout(app.timeout, next.run(request)).await;
    answered.map_err(|_| {
        Refused::new(StatusCode::GATEWAY_TIMEOUT, "it took longer than web.request_timeout_ms")
    })
}

/// Serves until SIGTERM or SIGINT; requests under way are answered first.
///
/// # Errors
/// When the address can't be listened on.
pub async fn serve(
    queue: Queue,
    (settings, in_force): (Settings, Vec<InForce>),
    (guard, hooks): (Guard, Hooks),
) -> anyhow::Result<()> {
    let web = settings.web.clone();
    let mirrors = settings.state_dir(|name| std::env::var(name).ok()).ok();
    let timeout = Duration::from_millis(web.request_timeout_ms);
    let (end, ending) = watch::channel(false);
    let bytes = |most: u64| usize::try_from(most).unwrap_or(usize::MAX);
    let most = Most {
        hooks: bytes(settings.hooks.max_body_bytes),
        chat: bytes(settings.gateway.max_body_bytes),
        others: bytes(web.max_body_bytes),
    };
    let settings = Arc::new(settings);
    let (caller, kept) = if settings.gateway.enabled {
        let (caller, kept) = Caller::start(&queue, &settings)?;
        (Some(Arc::new(caller)), Some(kept))
    } else {
        (None, None)
    };
    let app = App {
        queue,
        followers: Arc::new(Semaphore::new(MOST_FOLLOWERS)),
        ending,
        memory: settings.memory,
        retiring: Arc::default(),
        hooks: Arc::new(hooks),
        read_only: web.read_only,
        decisions: Arc::new(Counted::new(web.decisions_per_minute)),
        sources: Arc::new(Sources::new(mirrors.map(|state| state.join("mirrors")), timeout)),
        guard: guard.clone(),
        openapi: Arc::default(),
        timeout,
        in_force: Arc::new(in_force),
        settings,
        caller,
    };
    let address = guard.listens();
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("web.listen {address} can't be listened on; is another program there? --listen takes another one")
    })?;
    let at = listener.local_addr()?;
    print::say(&format!("listening on http://{at}"))?;
    let routes = router(app, &most).into_make_service_with_connect_info::<SocketAddr>();
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
    if let Some(kept) = kept {
        kept.end().await;
    }
    Ok(())
}
