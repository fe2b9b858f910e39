//! What was published of a review of a change.

use super::Row;
use crate::forge::ForgeKind;
use serde::{Deserialize, Serialize};

/// Version written into rows of this kind.
pub const SCHEMA_VERSION: u32 = 1;

/// What publishing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PostState {
    /// The request shows the review.
    Posted,
    /// The request had another head by then: only the status of the reviewed commit was set.
    Moved,
    /// The request was closed or merged by then: nothing was sent.
    Closed,
}

/// One publishing at one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PostRow {
    /// Which sweep.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}([0-9a-f]{8})?$")))]
    pub sweep_id: String,
    /// The job that did it.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub job: String,
    /// Which kind of forge.
    pub forge: ForgeKind,
    /// `OWNER/NAME`.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub repo: String,
    /// Number of the request.
    pub number: u64,
    /// The commit that was reviewed, hex.
    #[cfg_attr(test, schemars(regex(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$")))]
    pub head: String,
    /// What it came to.
    pub state: PostState,
    /// Findings with a comment at their line, those of before included.
    pub inline: u32,
    /// Findings that only the summary holds.
    pub in_summary: u32,
    /// Comments whose findings are gone.
    pub gone: u32,
    /// Findings whose lines the forge refused, by their ids.
    pub refused: Vec<String>,
    /// What could not be done and did not stop the rest.
    pub troubles: Vec<String>,
    /// When: RFC 3339, UTC.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub ts: String,
    /// Always 1.
    #[cfg_attr(test, schemars(extend("const" = SCHEMA_VERSION)))]
    pub schema_version: u32,
}

impl Row for PostRow {
    const STREAM: &'static str = "posts";
    fn row_id(&self) -> String {
        self.job.clone()
    }
}
