//! Reviews of changes that are to be published.

use super::scripts::SCRIPTS;
use super::{PoolLimits, Queue, QueueError};
use crate::effects::{Effect, Effects, NewJob, Priority};
use crate::ids::JobId;
use crate::jobs::{JobKind as _, Post};
use crate::keys;

impl Queue {
    /// Asks for a review to be published. Sent again it is the same job while that is in the queue, and after that one
    /// that finds everything there.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn start_post(&self, post: &Post) -> Result<JobId, QueueError> {
        let bad = |e| QueueError::record("post", e);
        // One at a time, so that two reviews of a request do not write at once.
        self.set_limits(&post.pool(), PoolLimits::of(1)).await?;
        let (id, job) = (post.id(), NewJob::of(post).map_err(bad)?.priority(Priority::High));
        let mut args = vec![keys::job(&id).into_bytes()];
        Effects::done().with(Effect::Enqueue(job)).encode_list(self.sending(), &mut args);
        let part = self.of_sweep(&post.sweep);
        part.check_memory().await?;
        let _: i64 = part.run(&SCRIPTS.submit, args).await?;
        Ok(id)
    }
}
