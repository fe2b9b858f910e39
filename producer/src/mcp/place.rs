//! The repository that a server is about, and its sweeps.

use crate::commands::memory;
use crate::session::Session;
use anyhow::bail;
use queue_schema::ids::{MemoryId, SweepId};
use scrum_knowledge::{Sweep, sweeps};
use std::rc::Rc;

/// A repository on a fleet.
pub struct Place {
    /// Settings and queue.
    pub session: Rc<Session>,
    /// The repository, as it was named.
    pub repo: String,
}

impl Place {
    /// Its memory, of which nothing may be known yet.
    ///
    /// # Errors
    /// No repository, or a failure of Redis.
    pub async fn memory(&self) -> anyhow::Result<MemoryId> {
        Ok(memory::find(&self.session.queue, &self.repo, true).await?.0)
    }

    /// The same of one that was reviewed before.
    ///
    /// # Errors
    /// As before, and that nothing is remembered.
    pub async fn known(&self) -> anyhow::Result<MemoryId> {
        Ok(memory::find(&self.session.queue, &self.repo, false).await?.0)
    }

    /// A sweep of the repository by its name; the latest one that reviews files without a name.
    ///
    /// # Errors
    /// No such sweep, or one of another repository; a failure of Redis.
    pub async fn sweep(&self, name: Option<&str>) -> anyhow::Result<SweepId> {
        let (queue, repo) = (&self.session.queue, self.memory().await?.repo());
        let Some(name) = name.filter(|name| *name != "latest") else {
            let Some(latest) = sweeps::latest_of(queue, &repo).await? else {
                bail!("no sweep has reviewed this repository yet; start_review begins one");
            };
            return Ok(latest);
        };
        let found = sweeps::find(queue, name).await?;
        if found.repo() != Some(repo) {
            bail!("sweep {found} is one of another repository than {}", self.repo);
        }
        Ok(found)
    }

    /// The same, opened.
    ///
    /// # Errors
    /// As before.
    pub async fn opened(&self, name: Option<&str>) -> anyhow::Result<Sweep> {
        let id = self.sweep(name).await?;
        Ok(Sweep::open(&self.session.queue, &id).await?)
    }
}
