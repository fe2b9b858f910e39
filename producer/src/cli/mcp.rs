//! The command line of `scrum mcp`.

use clap::Args;

/// What it may look like.
pub(super) const EXAMPLES: &str = "Examples:
  claude mcp add scrum -- scrum mcp ~/src/app     findings and reviews, for reading
  scrum mcp ~/src/app --write                     the agent may dismiss findings and start reviews";

/// `scrum mcp`.
#[derive(Debug, Args)]
pub struct McpArgs {
    /// Repository that all tools are about: a path or a URL.
    #[arg(default_value = ".")]
    pub repo: String,
    /// Let the tools that change something work: dismiss, reopen, start a review.
    #[arg(long)]
    pub write: bool,
}
