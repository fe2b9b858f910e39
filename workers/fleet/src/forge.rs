//! Calls of forges by handlers: with which token, and what their end means for the job.

use crate::context::Context;
use crate::runtime::HandlerError;
use crate::runtime::places::Place;
use queue_schema::client::CallEnding;
use queue_schema::effects::Effects;
use queue_schema::forge::{ForgeKind, PostTo};
use scrum_forges::{Client, ForgeError};

/// A client for the forge of a request, with the repository's own token where the settings name one.
///
/// # Errors
/// Fatal when no address or no token is set.
pub(crate) fn client(ctx: &Context, to: &PostTo) -> Result<Client, HandlerError> {
    let (kind, mut settings) = (to.forge, ctx.settings().forge.clone());
    if let Some(own) = ctx.settings().hooks.token_env(kind, &to.repo) {
        let variable = match kind {
            ForgeKind::Github => &mut settings.github_token_env,
            ForgeKind::Gitlab => &mut settings.gitlab_token_env,
            ForgeKind::Gitea => &mut settings.gitea_token_env,
        };
        own.clone_into(variable);
    }
    let token = std::env::var(settings.of(kind).1).ok();
    Client::new(kind, &settings, token.as_deref()).map_err(|error| fatal(kind, &error))
}

/// Gives the place of a call back. The inner error is a job that comes again later, for as long as the forge says.
///
/// # Errors
/// A retry for passing trouble, else fatal.
pub(crate) fn ended<T>(
    kind: ForgeKind,
    place: Place,
    result: Result<T, ForgeError>,
) -> Result<Result<T, Effects>, HandlerError> {
    let ending = match &result {
        Err(ForgeError::RateLimited { after, .. }) => {
            CallEnding::Refused { code: 429, wait: Some(*after) }
        }
        _ => CallEnding::Other,
    };
    let why = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
    place.end(ending, 1, why.clone());
    match result {
        Ok(value) => Ok(Ok(value)),
        Err(ForgeError::RateLimited { after, .. }) => {
            let ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
            Ok(Err(Effects::retry(ms, format!("{} {why}", kind.name()))))
        }
        Err(ForgeError::Transient(_)) => Err(HandlerError::Retry(format!("{} {why}", kind.name()))),
        Err(error) => Err(fatal(kind, &error)),
    }
}

fn fatal(kind: ForgeKind, error: &ForgeError) -> HandlerError {
    HandlerError::Fatal(format!("{} {error}", kind.name()))
}
