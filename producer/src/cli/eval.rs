//! The command line of `scrum eval`.

use super::{amount, dollars};
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What `--help` shows last.
pub(super) const EXAMPLES: &str = "Examples:
  scrum eval . --test 'python3 -m pytest -q' --ladder local-first --rung openai/gpt-5.4-mini
  scrum eval ~/src/app --target 'src/**/*.rs' --check 'cargo build' --test 'cargo test' --freeze cases
  scrum eval --cases cases --ladder cloud-first --out eval-cloud
  scrum eval compare eval-local eval-cloud
Exit code 1 when a case was not reviewed.";
/// Mutants of a set without another number.
const MUTANTS: u32 = 30;
/// Mutants of a set at most: each is reviewed, and so is its clean file.
const MOST_MUTANTS: i64 = 2_000;

/// `scrum eval`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct EvalArgs {
    /// What to do instead of an eval.
    #[command(subcommand)]
    pub action: Option<EvalAction>,
    /// Repository whose files get faults: a path or a URL.
    #[arg(required_unless_present_any = ["cases"])]
    pub repo: Option<String>,
    /// Which of its revisions.
    #[arg(long, default_value = "HEAD")]
    pub rev: String,
    /// Only files that match; may be repeated.
    #[arg(long = "target", value_name = "GLOB")]
    pub targets: Vec<String>,
    /// Ladder to try, by name or file; may be repeated. Default: auto.
    #[arg(long = "ladder", value_name = "NAME")]
    pub ladders: Vec<String>,
    /// One model to try, as a ladder of its own; may be repeated.
    #[arg(long = "rung", value_name = "PROVIDER/MODEL")]
    pub rungs: Vec<String>,
    /// Files with a fault.
    #[arg(long, value_name = "N", default_value_t = MUTANTS, value_parser = clap::value_parser!(u32).range(1..=MOST_MUTANTS))]
    pub mutants: u32,
    /// Another number chooses other faults, and other names of their directories.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The project's tests: only faults that they notice count. It runs in the sandbox of `scrum apply`, first on the
    /// unchanged commit.
    #[arg(long, value_name = "COMMAND", conflicts_with = "cases")]
    pub test: Option<String>,
    /// What comes before the tests, such as a build: a file that does not pass it is no case.
    #[arg(long, value_name = "COMMAND", requires = "test")]
    pub check: Option<String>,
    /// Run both without a sandbox, if apply.sandbox is none: they then may do whatever you may.
    #[arg(long, requires = "test")]
    pub unsafe_no_sandbox: bool,
    /// Review these cases, a directory with one directory for each, instead of making some.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["repo", "rev", "targets", "mutants"])]
    pub cases: Option<PathBuf>,
    /// Write the cases there, for --cases. Without --ladder and --rung nothing is reviewed then.
    #[arg(long, value_name = "DIR", conflicts_with = "cases")]
    pub freeze: Option<PathBuf>,
    /// Where eval.md and eval.json go; default: reports/eval-SET under the state directory.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Confirm no findings by a second call.
    #[arg(long)]
    pub no_confirm: bool,
    /// Put the findings to the vote of several models ([audit] of the settings).
    #[arg(long)]
    pub audit: bool,
    /// Dollars that each ladder or rung may spend; 0 for no limit.
    #[arg(long, value_name = "USD", value_parser = dollars, allow_negative_numbers = true)]
    pub budget_usd: Option<u64>,
    /// Tokens that each may spend; 0 for no limit.
    #[arg(long, value_name = "N", value_parser = amount, allow_negative_numbers = true)]
    pub budget_tokens: Option<u64>,
    /// Model calls that each may make; 0 for no limit.
    #[arg(long, value_name = "N", value_parser = amount, allow_negative_numbers = true)]
    pub budget_calls: Option<u64>,
    /// Worker processes.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
}

/// What else there is to do with evals.
#[derive(Debug, Subcommand)]
pub enum EvalAction {
    /// Hold two runs over the same cases against each other.
    Compare {
        /// An eval.json or its directory; of several runs one is named behind a #, as in eval.json#cloud-first.
        a: String,
        /// The other one.
        b: String,
    },
}
