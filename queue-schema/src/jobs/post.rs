//! Post: publish what a review of a change comes to at its pull or merge request.

use super::{JobKind, Pool};
use crate::forge::{ForgeKind, PostTo};
use crate::ids::{JobId, SweepId};
use crate::sweep::PostSpec;
use serde::{Deserialize, Serialize};

/// Brings one request to what the reviews of a sweep say. What is there already is not sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Which sweep.
    pub sweep: SweepId,
    /// Where, and what of it.
    #[serde(flatten)]
    pub what: PostSpec,
    /// When it was asked for, in milliseconds: it may be asked for again. The end of the sweep, where its record asks.
    pub asked_ms: u64,
}

impl Post {
    /// The pool of all posts to a kind of forge: they go one after the other.
    pub fn pool(&self) -> String {
        Self::pool_of(self.what.to.forge)
    }

    /// The pool of all posts to a kind of forge.
    pub fn pool_of(forge: ForgeKind) -> String {
        format!("forge-{}", forge.name())
    }

    /// The lane of all posts to a kind of forge.
    pub fn lane_of(forge: ForgeKind) -> String {
        format!("{}:{}", Self::KIND, Self::pool_of(forge))
    }
}

impl JobKind for Post {
    const KIND: &'static str = "post";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::Own;
    fn id(&self) -> JobId {
        let PostTo { forge, repo, number } = &self.what.to;
        let place = repo.replace('/', ".");
        format!("{}.post.{}.{place}.{number}.{}", self.sweep, forge.name(), self.asked_ms).into()
    }
    fn lane(&self) -> String {
        Self::lane_of(self.what.to.forge)
    }
    fn sweep(&self) -> &SweepId {
        &self.sweep
    }
    fn target(&self) -> Option<u32> {
        None
    }
}
