//! The command line of `scrum parity`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Shown below the help.
pub const EXAMPLES: &str = "Examples:
  scrum parity cases.json http://127.0.0.1:8000 https://staging.example
  scrum parity cases.json http://127.0.0.1:8000 http://127.0.0.1:9000 --form junit > parity.xml
Exit code 1 when an answer differs, 2 when a side could not be asked.";

/// `scrum parity`.
#[derive(Debug, Args)]
pub struct ParityArgs {
    /// The requests, as JSON: a list of cases, each with `method`, `path`, `headers`, `body`.
    pub cases: PathBuf,
    /// Base address of the first server, A.
    pub a: String,
    /// Base address of the second server, B.
    pub b: String,
    /// How the outcome is printed; --json is short for --form json.
    #[arg(long, value_enum, default_value_t = ParityForm::Table)]
    pub form: ParityForm,
    /// Seconds that a server has for one answer.
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub timeout: u64,
}

/// How the outcome is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ParityForm {
    /// A table, and a line for each difference.
    Table,
    /// JSON.
    Json,
    /// XML in the form of `JUnit`, which CI systems read.
    Junit,
}
