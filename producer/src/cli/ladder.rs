//! The command line of `scrum ladder`.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// What `--help` shows.
pub const EXAMPLES: &str = "Examples:
  scrum ladder suggest > best.toml                for each accepted review
  scrum ladder suggest --eval eval/eval.json      for each true finding
  scrum run . --ladder best.toml
Exit code 1 when the evidence is too thin.";

/// `scrum ladder`.
#[derive(Debug, Args)]
pub struct LadderArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: LadderAction,
}

/// What to do with ladders.
#[derive(Debug, Subcommand)]
pub enum LadderAction {
    /// Print the ladder that costs least, by what this fleet has counted, with the evidence in comments; exit code 1
    /// when that is too thin.
    Suggest(SuggestArgs),
}

/// `scrum ladder suggest`.
#[derive(Debug, Args)]
pub struct SuggestArgs {
    /// An eval.json of `scrum eval`: then it is the cost of a true finding that counts, not that of an accepted review; may
    /// be repeated.
    #[arg(long = "eval", value_name = "FILE")]
    pub evals: Vec<PathBuf>,
    /// What costs: dollars, or seconds of calls. Default: dollars where they are known of every model.
    #[arg(long, value_name = "WHAT")]
    pub by: Option<CostBy>,
    /// Percent of the files that some rung should accept.
    #[arg(long, value_name = "PERCENT", default_value_t = 98, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub accept: u8,
    /// Rungs at most.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=12))]
    pub rungs: u8,
    /// Name of the ladder.
    #[arg(long, value_name = "NAME", default_value = "suggested")]
    pub name: String,
}

/// What costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CostBy {
    /// What providers charged.
    Dollars,
    /// How long calls took.
    Seconds,
}
