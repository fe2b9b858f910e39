//! The command line of `scrum estimate`.

use super::Request;
use clap::Args;

/// What `--help` shows.
pub const EXAMPLES: &str = "Examples:
  scrum estimate .                                as `scrum run .` would review it
  scrum estimate ~/src/app --target 'src/**/*.rs' --ladder cloud-first --no-facts
Exit code 1 when nothing would cost anything.";

/// `scrum estimate`.
#[derive(Debug, Args)]
pub struct EstimateArgs {
    /// What would be reviewed.
    #[command(flatten)]
    pub request: Request,
}
