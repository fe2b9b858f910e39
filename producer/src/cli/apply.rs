//! The command line of `scrum apply`.

use clap::Args;

/// `scrum apply`.
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// Which sweep; `latest` for the newest.
    pub sweep: String,
    /// Commit what passes every gate; without, a dry run.
    #[arg(long)]
    pub commit: bool,
    /// Branch to commit to, created if it does not exist. Default: a new one for this run.
    #[arg(long, value_name = "NAME")]
    pub branch: Option<String>,
    /// Minimum mean confidence of a review, and confidence of a patch, in percent.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub min_conf: Option<u8>,
    /// Maximum number of files in this run, the best reviews first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub max_files: Option<u32>,
    /// Command that must succeed with the patches; default: what fits the project.
    #[arg(long, value_name = "CMD")]
    pub check: Option<String>,
    /// Second command that must succeed, for instance the tests.
    #[arg(long, value_name = "CMD")]
    pub test: Option<String>,
    /// Have each finding proven by a test that fails without its patch and passes with it; what no test proves is not
    /// committed.
    #[arg(long)]
    pub prove: bool,
    /// The patch model.
    #[arg(long, value_name = "PROVIDER/MODEL")]
    pub model: Option<String>,
    /// Run the check without a sandbox: it is code of the repository, and may then do everything that you may.
    /// On a fleet its workers must allow it too (apply.sandbox = "none").
    #[arg(long)]
    pub unsafe_no_sandbox: bool,
    /// Start a new run even if the same one was done before.
    #[arg(long)]
    pub again: bool,
    /// Wait until it is over.
    #[arg(long)]
    pub wait: bool,
}
