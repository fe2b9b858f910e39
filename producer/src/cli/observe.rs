//! The command line of `scrum observe`.

use clap::Args;

/// Shown below the help.
pub const EXAMPLES: &str = "Examples:
  scrum observe                                   sources with their numbers, the latest events
  scrum observe --follow --failures               each failure as it happens, until Ctrl-C
  scrum observe --sweep latest --source attempts --json";

/// `scrum observe`.
#[derive(Debug, Args)]
pub struct ObserveArgs {
    /// Print the latest events and then each new one, a line each, until Ctrl-C.
    #[arg(long)]
    pub follow: bool,
    /// Only events of this source.
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// Only failures.
    #[arg(long)]
    pub failures: bool,
    /// Only what is about this sweep; `latest` for the newest.
    #[arg(long, value_name = "SWEEP")]
    pub sweep: Option<String>,
}
