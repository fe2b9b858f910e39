//! The command line of `scrum memory`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What it may look like.
pub(super) const EXAMPLES: &str = "Examples:
  scrum memory                                    numbers of the repository you are in
  scrum memory ~/src/app list
  scrum memory show 3f2a91c07be4d512…             a pathway, by the beginning of its id
  scrum memory export > memory.json";

/// `scrum memory`.
#[derive(Debug, Args)]
pub struct MemoryArgs {
    /// Repository: a path or a URL.
    #[arg(default_value = ".")]
    pub repo: String,
    /// What to do with it; its numbers without one.
    #[command(subcommand)]
    pub action: Option<MemoryAction>,
}

/// What to do with what is remembered.
#[derive(Debug, Subcommand)]
pub enum MemoryAction {
    /// Its pathways, a line each.
    List,
    /// A pathway: its reviews, and the mistakes of its area.
    Show {
        /// Its id, or how that begins.
        pathway: String,
    },
    /// A mistake is none: reviewers are not told of it any more.
    Reject {
        /// A pathway of the area, by its id or how that begins.
        pathway: String,
        /// The pattern key, as `show` prints it.
        key: String,
        /// Why.
        #[arg(long)]
        why: String,
    },
    /// Everything as JSON, to keep, to move and for other programs.
    Export,
    /// Adds what `export` wrote, here or elsewhere.
    Import {
        /// The file.
        file: PathBuf,
    },
    /// Deletes a pathway.
    Forget {
        /// Its id, or how that begins.
        pathway: String,
    },
}
