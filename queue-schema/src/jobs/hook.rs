//! Hook: a forge has told of a request whose change is to be reviewed.

use super::{JobKind, Pool, Post};
use crate::forge::ForgeKind;
use crate::ids::{JobId, SweepId};
use serde::{Deserialize, Serialize};

/// Finds out what the request is now, and begins the review of its change. It belongs to no sweep: that is what it
/// begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Name of the repository in the settings, which say everything else of it.
    pub repository: String,
    /// Which kind of forge: whoever has its token takes the job.
    pub forge: ForgeKind,
    /// Number of the request.
    pub number: u64,
    /// Who has asked for it by a comment; nobody when it was opened or pushed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Asker>,
    /// What tells the delivery from others.
    pub delivery: String,
    /// When it was told, in milliseconds.
    pub told_ms: u64,
    /// None.
    #[serde(skip)]
    pub sweep: SweepId,
}

/// Somebody on a forge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asker {
    /// Number.
    pub id: u64,
    /// Name.
    pub login: String,
}

impl Hook {
    /// The pool of its calls: that of posts to the same forge.
    pub fn pool(&self) -> String {
        Post::pool_of(self.forge)
    }

    /// The lane of all that a kind of forge tells.
    pub fn lane_of(forge: ForgeKind) -> String {
        format!("{}:{}", Self::KIND, Post::pool_of(forge))
    }
}

impl JobKind for Hook {
    const KIND: &'static str = "hook";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::Own;
    fn id(&self) -> JobId {
        format!("{}.hook", self.delivery).into()
    }
    fn lane(&self) -> String {
        Self::lane_of(self.forge)
    }
    fn sweep(&self) -> &SweepId {
        &self.sweep
    }
    fn target(&self) -> Option<u32> {
        None
    }
}
