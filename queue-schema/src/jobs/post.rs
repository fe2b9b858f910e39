//! Post: publish what a review of a change comes to at its pull or merge request.

use super::{JobKind, Pool};
use crate::forge::{ForgeKind, PostTo};
use crate::ids::{JobId, SweepId};
use serde::{Deserialize, Serialize};

/// Brings one request to what the reviews of a sweep say. What is there already is not sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Which sweep.
    pub sweep: SweepId,
    /// Where.
    pub to: PostTo,
    /// When it was asked for, in milliseconds: it may be asked for again.
    pub asked_ms: u64,
    /// For which findings the status is a failure; empty = as the worker's settings say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fail_on: String,
    /// A page about the review, `http` or `https`: that of the CI job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_url: Option<String>,
}

impl Post {
    /// The pool of all posts to a kind of forge: they go one after the other.
    pub fn pool(&self) -> String {
        format!("forge-{}", self.to.forge.name())
    }

    /// The lane of all posts to a kind of forge.
    pub fn lane_of(forge: ForgeKind) -> String {
        format!("{}:forge-{}", Self::KIND, forge.name())
    }
}

impl JobKind for Post {
    const KIND: &'static str = "post";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::Own;
    fn id(&self) -> JobId {
        let PostTo { forge, repo, number } = &self.to;
        let place = repo.replace('/', ".");
        format!("{}.post.{}.{place}.{number}.{}", self.sweep, forge.name(), self.asked_ms).into()
    }
    fn lane(&self) -> String {
        Self::lane_of(self.to.forge)
    }
    fn sweep(&self) -> &SweepId {
        &self.sweep
    }
    fn target(&self) -> Option<u32> {
        None
    }
}
