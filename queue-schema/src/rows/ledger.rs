//! A finding of the ledger, as programs read it.

use super::{FindingState, Row};
use crate::records::{Audited, Decided, Observed, Proven};
use serde::{Deserialize, Serialize};

/// Version written into every row of this kind.
pub const SCHEMA_VERSION: u32 = 1;

/// One finding over all sweeps of its repository. Composed when it is asked for, so it is not kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FindingRow {
    /// Its id, which outlives sweeps.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}$")))]
    pub id: String,
    /// The repository, as the ledger knows it.
    pub repo: String,
    /// The file that it is in.
    #[cfg_attr(test, schemars(length(min = 1)))]
    pub file: String,
    /// How it stands now: open, dismissed, fixed or reopened.
    pub state: FindingState,
    /// Reviews that could have said it.
    pub looked: u64,
    /// Reviews that did.
    pub seen: u64,
    /// What sweeps observed.
    pub observed: Observed,
    /// What a person decided; null where nobody did.
    pub decided: Option<Decided>,
    /// What an audit says of its code as it is now; null where nobody audited it.
    #[serde(default)]
    pub audited: Option<Audited>,
    /// The test that fails because of its code as it is now; left out where no test has proven it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proven: Option<Proven>,
    /// Always 1.
    #[cfg_attr(test, schemars(extend("const" = SCHEMA_VERSION)))]
    pub schema_version: u32,
}

impl Row for FindingRow {
    const STREAM: &'static str = "findings";
    fn row_id(&self) -> String {
        self.id.clone()
    }
}
