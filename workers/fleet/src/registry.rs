//! From a job's kind to its handler. The list of kinds stands in `queue_schema`; each kind's
//! handler is the module of the same name in [`crate::jobs`].

use crate::context::Context;
use crate::jobs;
use crate::runtime::{Handler, HandlerError};
use queue_schema::client::{ClaimedJob, Lease};
use queue_schema::effects::{Effects, Ending};
use queue_schema::envelope::{DecodeError, Envelope};
use queue_schema::ids::JobId;
use queue_schema::jobs::Job;
use queue_schema::sign::Unsigned;
use scrum_domain::observe;
use std::future::Future;

/// What every handler gets beside its payload.
#[derive(Debug, Clone)]
pub struct JobInfo {
    /// Times this job failed before.
    pub attempt: u32,
    /// The job and the token of its lease.
    pub lease: Lease,
    /// Names this life of the job, through crashes and retries: see [`ClaimedJob::enqueued_ms`].
    pub life: String,
}

impl JobInfo {
    /// What a claim says of a job.
    pub fn of(job: &ClaimedJob) -> Self {
        Self {
            attempt: job.attempt,
            lease: job.lease.clone(),
            life: format!("{}@{}", job.lease.job, job.enqueued_ms),
        }
    }
}

/// The handlers of all kinds, over one context.
#[derive(Debug, Clone)]
pub struct Registry(Context);

impl Registry {
    /// Handlers that read through `context`.
    pub fn new(context: Context) -> Self {
        Self(context)
    }
}

impl Handler for Registry {
    fn handle(
        &self,
        job: ClaimedJob,
    ) -> impl Future<Output = Result<Effects, HandlerError>> + Send + 'static {
        let ctx = self.0.clone();
        async move {
            let info = JobInfo::of(&job);
            let envelope = Envelope::decode(&job.body.map_err(DecodeError::from)?)?;
            match ctx.queue().options().signer.check_job(&envelope) {
                Ok(()) => {}
                Err(why @ Unsigned::NoKey) => return Ok(leave(&ctx, &job.lease.job, why)),
                Err(why) => {
                    return Err(HandlerError::Unsigned(format!("the job is refused: {why}")));
                }
            }
            dispatch(&ctx, info, Job::decode(&envelope)?).await.map(observe::told)
        }
    }
}

/// A fleet with a key has a worker without it: others can do the job, and no attempt is counted.
fn leave(ctx: &Context, job: &JobId, why: Unsigned) -> Effects {
    let reason = format!("this worker leaves the job to others: {why}");
    tracing::error!(%job, reason);
    let delay_ms = ctx.settings().queue.sweep_interval_ms;
    Effects::done().ending(Ending::Wait { delay_ms, reason })
}

macro_rules! dispatch {
    ($($module:ident $kind:ident,)*) => {
        async fn dispatch(ctx: &Context, info: JobInfo, job: Job) -> Result<Effects, HandlerError> {
            match job {
                $(Job::$kind(payload) => jobs::$module::run(ctx, info, payload).await,)*
            }
        }
    };
}

queue_schema::for_each_job_kind!(dispatch);
