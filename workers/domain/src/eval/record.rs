//! What an eval leaves behind, as `eval.json` has it.

use super::case::Case;
use super::compare::Comparison;
use super::figures::{Figures, figures, paired, slices};
use super::gates::{Gate, gates};
use super::score::{Label, Outcome, labels};
use super::worth::{Worth, worth};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of `eval.json`.
pub const EVAL_VERSION: u32 = 1;

/// All runs over one set of cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Always [`EVAL_VERSION`].
    pub schema_version: u32,
    /// Where the cases are from: a repository, or a directory of cases.
    pub source: String,
    /// The commit of the repository; empty for a directory.
    pub commit: String,
    /// What the choice and the places of the cases depend on.
    pub seed: u64,
    /// How the mutants were chosen; null for a directory of cases.
    pub mutants: Option<Tried>,
    /// The cases, by their places.
    pub cases: Vec<Case>,
    /// One for each ladder or rung.
    pub runs: Vec<Run>,
    /// Each two of them against each other.
    pub comparisons: Vec<Comparison>,
}

/// What was tried to find the mutants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tried {
    /// Those that the project's tests could judge, or might have without any.
    pub tried: usize,
    /// Those that the tests killed, which are the cases; without tests, all.
    pub kept: usize,
    /// Those that passed the tests: they may change nothing that matters.
    pub survived: usize,
    /// Those that failed the check, such as a build.
    pub broken: usize,
    /// Those with which a command took too long.
    pub timed_out: usize,
    /// Whether tests judged them.
    pub by_tests: bool,
}

/// What one ladder or rung came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The ladder or the rung, as it was asked for.
    pub label: String,
    /// Its rungs, `provider/model`.
    pub rungs: Vec<String>,
    /// The sweep that reviewed the cases.
    pub sweep: String,
    /// What became of each case, in their order.
    pub cases: Vec<Outcome>,
    /// What they come to.
    pub figures: Figures,
    /// The same by category, language, size, and how the file was read.
    pub slices: BTreeMap<String, BTreeMap<String, Figures>>,
    /// Findings that are known to be right or wrong.
    pub labels: Vec<Label>,
    /// What the checks and second opinions tell apart.
    #[serde(default)]
    pub worth: Vec<Worth>,
    /// What the gates that reject an answer cost and save.
    #[serde(default)]
    pub gates: Vec<Gate>,
}

impl Run {
    /// The run of a sweep over some cases.
    pub fn new(
        label: &str,
        rungs: Vec<String>,
        sweep: &str,
        cases: &[Case],
        outcomes: Vec<Outcome>,
    ) -> Self {
        let pairs = paired(cases, &outcomes);
        let (figures, slices, worth) = (figures(&pairs), slices(&pairs), worth(&pairs));
        Self {
            label: label.to_owned(),
            rungs,
            sweep: sweep.to_owned(),
            figures,
            slices,
            labels: labels(&outcomes),
            worth,
            gates: gates(&pairs),
            cases: outcomes,
        }
    }
}

impl Record {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let record: Self = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if record.schema_version != EVAL_VERSION {
            return Err(format!(
                "its schema_version is {}, and this program reads {EVAL_VERSION}",
                record.schema_version
            ));
        }
        Ok(record)
    }
}
