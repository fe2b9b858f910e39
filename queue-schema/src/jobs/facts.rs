//! Facts: what an accepted review says of its file, taken out by one model and checked by another.

use super::{JobKind, Pool};
use crate::ids::{JobId, SweepId};
use serde::{Deserialize, Serialize};

/// Which of the two models is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactsStage {
    /// Entities, facts and relationships are taken out of the review.
    Extract,
    /// The facts are held against the file.
    Verify,
}

impl FactsStage {
    /// The name used in ids and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Extract => "extract",
            Self::Verify => "verify",
        }
    }
}

/// One call for one accepted review.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Which sweep.
    pub sweep: SweepId,
    /// Ordinal of the target.
    pub target: u32,
    /// Which call.
    pub stage: FactsStage,
    /// Provider that is asked: the pool whose limit this job counts against.
    pub provider: String,
}

impl JobKind for Facts {
    const KIND: &'static str = "facts";
    const VERSION: u32 = 1;
    const POOL: Pool = Pool::Provider;
    fn id(&self) -> JobId {
        format!("{}-{}.facts.{}", self.sweep, self.target, self.stage.as_str()).into()
    }
    fn lane(&self) -> String {
        format!("facts:{}", self.provider)
    }
    fn sweep(&self) -> &SweepId {
        &self.sweep
    }
    fn target(&self) -> Option<u32> {
        Some(self.target)
    }
}
