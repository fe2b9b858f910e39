//! The command line of `scrum calibrate`.

use clap::Args;
use std::path::PathBuf;

/// What `--help` shows.
pub const EXAMPLES: &str = "Examples:
  scrum calibrate                                 from findings that were fixed, dismissed, audited
  scrum calibrate --eval eval/eval.json           and from seeded bugs
  scrum calibrate --show                          the maps that are kept
Exit code 1 when no model has enough judged findings.";

/// `scrum calibrate`.
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// An eval.json of `scrum eval`: its judged findings count too; may be repeated.
    #[arg(long = "eval", value_name = "FILE")]
    pub evals: Vec<PathBuf>,
    /// Only the eval files: not what became of findings in the ledgers of repositories.
    #[arg(long, requires = "evals")]
    pub no_ledger: bool,
    /// Only say what it comes to; no map is kept.
    #[arg(long)]
    pub dry_run: bool,
    /// Show the maps that are kept instead.
    #[arg(long, conflicts_with_all = ["evals", "dry_run", "no_ledger"])]
    pub show: bool,
    /// Forget the map of PROVIDER/MODEL instead; may be repeated.
    #[arg(long, value_name = "MODEL", conflicts_with_all = ["evals", "dry_run", "show", "no_ledger"])]
    pub forget: Vec<String>,
}
