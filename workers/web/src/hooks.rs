//! `POST /hooks/FORGE`: what forges tell. Who sends it is known by its signature over the bytes as they came, which is
//! checked before they are read; the same delivery counts once, whichever server takes it.

use crate::error::Refused;
use crate::routes::Doc;
use crate::server::App;
use crate::signature;
use anyhow::bail;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use queue_schema::forge::ForgeKind;
use queue_schema::ids::{SweepId, sha256_hex};
use queue_schema::jobs::{Hook, JobKind as _, hook::Asker};
use scrum_config::{HookRepository, HookSettings};
use scrum_domain::hook::{self, Told};
use serde_json::{Value, json};
use std::time::Duration;

/// What a forge sends.
pub const DOC: Doc = Doc {
    summary: "What a forge tells",
    asks: &[
        ("action", "string", "What happened"),
        ("number", "integer", "The pull request"),
        ("object_kind", "string", "The same, by GitLab"),
    ],
    gives: &[],
};

/// Least characters of a secret.
const MIN_SECRET_CHARS: usize = 16;
/// Digits that tell a delivery from others in the name of its job.
const DELIVERY_DIGITS: usize = 32;

/// The repositories whose forges call, each with its secret.
#[derive(Debug)]
pub struct Hooks {
    all: Vec<Known>,
    kept: Duration,
}

struct Known {
    name: String,
    of: HookRepository,
    secret: String,
}

// By hand: a secret must not end up in a log.
impl std::fmt::Debug for Known {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Known").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Hooks {
    /// Those of the settings. `env` answers for the environment.
    ///
    /// # Errors
    /// A secret that is not set, or is too short.
    pub fn new(
        settings: &HookSettings,
        env: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Self> {
        let mut all = Vec::new();
        for (name, of) in &settings.repositories {
            let variable = &of.secret_env;
            let secret = env(variable).map(|secret| secret.trim().to_owned()).unwrap_or_default();
            if secret.chars().count() < MIN_SECRET_CHARS {
                bail!(
                    "hooks.repositories.{name}: the secret of its webhook belongs into the environment variable {variable}, and has at least {MIN_SECRET_CHARS} characters, for instance those of `openssl rand -hex 32`"
                );
            }
            all.push(Known { name: name.clone(), of: of.clone(), secret });
        }
        let kept = Duration::from_secs(u64::from(settings.replay_hours) * 3600);
        Ok(Self { all, kept })
    }
}

/// Takes a delivery.
///
/// # Errors
/// One that no known forge has signed, that can't be read, or that came before.
pub async fn take(
    State(app): State<App>,
    Path(forge): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Refused> {
    let body = body.map_err(|rejected| {
        let status = rejected.into_response().status();
        let why = match status {
            StatusCode::PAYLOAD_TOO_LARGE => "the delivery is longer than hooks.max_body_bytes",
            _ => "the delivery could not be read to its end",
        };
        Refused::new(status, why)
    })?;
    let kind = ForgeKind::named(&forge).ok_or_else(|| {
        Refused::new(
            StatusCode::NOT_FOUND,
            "forges call /hooks/github, /hooks/gitlab or /hooks/gitea",
        )
    })?;
    let now_ms = app.queue.now_ms().await?;
    let (hook, marks) = match heard(&app.hooks, kind, &headers, &body, now_ms)? {
        Heard::Nothing(why) => return Ok(Json(json!({ "ignored": why })).into_response()),
        Heard::Review(hook, marks) => (hook, marks),
    };
    if !app.queue.start_hook(&hook, &marks, app.hooks.kept).await? {
        let why = "this delivery was taken before";
        return Err(Refused::new(StatusCode::CONFLICT, why));
    }
    tracing::info!(
        forge,
        repository = hook.repository,
        number = hook.number,
        "a delivery is taken"
    );
    Ok((StatusCode::ACCEPTED, Json(json!({ "job": hook.id() }))).into_response())
}

/// What a delivery comes to.
enum Heard {
    /// Nothing, and why.
    Nothing(&'static str),
    /// A job, and by what the delivery is known again.
    Review(Hook, Vec<String>),
}

/// Whether a delivery is to be believed, and what it says.
fn heard(
    hooks: &Hooks,
    kind: ForgeKind,
    headers: &HeaderMap,
    body: &[u8],
    now_ms: u64,
) -> Result<Heard, Refused> {
    let sent = signature::sent(kind, headers, body);
    let of_kind = hooks.all.iter().filter(|known| known.of.forge == kind);
    let signed: Vec<&Known> =
        of_kind.filter(|known| sent.is_by(&known.secret, now_ms, hooks.kept)).collect();
    if signed.is_empty() {
        tracing::warn!(forge = kind.name(), why = sent.lacks(), "a delivery is refused");
        return Err(Refused::new(StatusCode::UNAUTHORIZED, sent.lacks()));
    }
    let read: Value = serde_json::from_slice(body).map_err(|_| {
        Refused::bad(
            "the delivery is not JSON; set the content type of the webhook to application/json",
        )
    })?;
    let told = hook::read(kind, sent.event.unwrap_or_default(), &read).map_err(Refused::bad)?;
    let (repo, number, draft, by) = match told {
        Told::Nothing(why) => return Ok(Heard::Nothing(why)),
        Told::Review { repo, number, draft, by } => (repo, number, draft, by),
    };
    let known = signed.iter().find(|known| known.of.repository.eq_ignore_ascii_case(&repo));
    let known = known.ok_or_else(|| {
        let why = "the secret is not that of this repository in hooks.repositories";
        Refused::new(StatusCode::FORBIDDEN, why)
    })?;
    if draft && !known.of.drafts {
        return Ok(Heard::Nothing("a draft"));
    }
    // The name of a delivery is not signed everywhere: whoever sends it again may change that, but not the body.
    let (content, forge) = (sha256_hex(body), kind.name());
    let mut marks = vec![format!("{forge}.{content}")];
    marks.extend(sent.delivery.map(|id| format!("{forge}.{}", sha256_hex(id.as_bytes()))));
    let hook = Hook {
        repository: known.name.clone(),
        forge: kind,
        number,
        by: by.map(|by| Asker { id: by.id, login: by.login }),
        delivery: content[..DELIVERY_DIGITS].to_owned(),
        told_ms: now_ms,
        sweep: SweepId::default(),
    };
    Ok(Heard::Review(hook, marks))
}
