//! The command line of `scrum kb`.

use super::dlq::{age, known};
use clap::{Args, Subcommand};
use scrum_knowledge::kb::KINDS;
use std::time::Duration;

/// `scrum kb`.
#[derive(Debug, Args)]
pub struct KbArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: KbAction,
}

/// Which rows.
#[derive(Debug, Args)]
pub struct RowFilter {
    /// Only of this repository: its path or URL.
    #[arg(long, value_name = "REPO")]
    pub repo: Option<String>,
    /// Only about files that match this glob.
    #[arg(long, value_name = "GLOB")]
    pub path: Option<String>,
    /// Only written within the last 30s, 20m, 12h, 7d.
    #[arg(long, value_name = "TIME", value_parser = age)]
    pub since: Option<Duration>,
}

/// What to do with the knowledge base.
#[derive(Debug, Subcommand)]
pub enum KbAction {
    /// Print the JSON Schema of a kind of row; without a kind, list the kinds.
    Schema {
        /// Kind of row, e.g. scrum_reviews.
        kind: Option<String>,
    },
    /// List the kinds of rows with how many there are and who reads them; exit code 1 if nobody reads one.
    Health,
    /// Print all rows of a kind as JSON, one a line.
    Export {
        /// Kind of row, e.g. scrum_reviews.
        #[arg(value_parser = kind)]
        kind: String,
        /// Which.
        #[command(flatten)]
        filter: RowFilter,
    },
    /// Print a page of rows of a kind as JSON, one a line, and where the next page begins.
    Query {
        /// Kind of row, e.g. scrum_reviews.
        #[arg(value_parser = kind)]
        kind: String,
        /// Which.
        #[command(flatten)]
        filter: RowFilter,
        /// Where the page before ended.
        #[arg(long, value_name = "CURSOR")]
        from: Option<String>,
    },
}

fn kind(text: &str) -> Result<String, String> {
    known("kind of row", text, KINDS.iter().map(|kind| kind.name))
}
