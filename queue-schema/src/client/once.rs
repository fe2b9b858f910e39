//! What is done once, however often it is told.

use super::scripts::SCRIPTS;
use super::{Queue, QueueError};
use crate::effects::{NewJob, Priority};
use crate::jobs::{Hook, JobKind};
use crate::keys;
use std::time::Duration;

impl Queue {
    /// Enqueues what a forge has told, once for each of its marks within the time that they are kept, whichever
    /// process is told. False when one of them was there.
    ///
    /// # Errors
    /// [`QueueError::OutOfMemory`] before anything is sent, or a failure of Redis: then it is not known whether it was
    /// done, and telling it again is safe.
    pub async fn start_hook(
        &self,
        hook: &Hook,
        marks: &[String],
        kept: Duration,
    ) -> Result<bool, QueueError> {
        let bad = |e| QueueError::record("hook", e);
        let job = NewJob::of(hook).map_err(bad)?.priority(Priority::High);
        self.check_size(&job)?;
        let ms = u64::try_from(kept.as_millis()).unwrap_or(u64::MAX);
        let mut args = vec![ms.to_string().into_bytes(), marks.len().to_string().into_bytes()];
        args.extend(marks.iter().map(|mark| keys::once(mark).into_bytes()));
        job.encode(self.sending(), &mut args);
        let part = self.of_sweep(hook.sweep());
        part.check_memory().await?;
        Ok(part.run::<i64>(&SCRIPTS.once, args).await? == 1)
    }
}
