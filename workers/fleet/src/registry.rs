//! From a job's kind to its handler. The list of kinds stands in `queue_schema`; each kind's
//! handler is the module of the same name in [`crate::handlers`].

use crate::context::Context;
use crate::handlers;
use crate::runtime::fetcher::Delivery;
use apalis::prelude::Data;
use queue_schema::client::ClaimedJob;
use queue_schema::effects::Effects;
use queue_schema::envelope::{DecodeError, Envelope};
use queue_schema::jobs::Job;
use std::convert::Infallible;

/// Why a handler could not say what should happen.
#[derive(Debug, thiserror::Error)]
pub enum HandlerError {
    /// The job's body can't be read: a dead letter.
    #[error(transparent)]
    Undecodable(#[from] DecodeError),
    /// It will never work: a dead letter, with what to do in the text.
    #[error("{0}")]
    Fatal(String),
    /// It may work later: tried again with backoff, a bounded number of times.
    #[error("{0}")]
    Retry(String),
}

impl HandlerError {
    /// A failure that may pass.
    pub fn retry(what: &str, error: impl std::fmt::Display) -> Self {
        Self::Retry(format!("{what}: {error}"))
    }
}

impl From<serde_json::Error> for HandlerError {
    fn from(error: serde_json::Error) -> Self {
        Self::Fatal(format!("could not be serialised: {error}"))
    }
}

/// What every handler gets beside its payload.
#[derive(Debug, Clone, Copy)]
pub struct JobInfo {
    /// Times this job failed before.
    pub attempt: u32,
}

macro_rules! dispatch {
    ($($module:ident $kind:ident,)*) => {
        async fn dispatch(ctx: &Context, info: JobInfo, job: Job) -> Result<Effects, HandlerError> {
            match job {
                $(Job::$kind(payload) => handlers::$module::run(ctx, info, payload).await,)*
            }
        }
    };
}

queue_schema::for_each_job_kind!(dispatch);

/// The one function that apalis calls. Its inner result is the handler's; the outer one is
/// apalis's, which never fails.
///
/// # Errors
/// None.
pub async fn handle(
    delivery: Delivery,
    ctx: Data<Context>,
) -> Result<Result<Effects, HandlerError>, Infallible> {
    Ok(run(&ctx, &delivery.job).await)
}

async fn run(ctx: &Context, claimed: &ClaimedJob) -> Result<Effects, HandlerError> {
    let envelope = Envelope::decode(&claimed.body)?;
    let job = Job::decode(&envelope)?;
    dispatch(ctx, JobInfo { attempt: claimed.attempt }, job).await
}
