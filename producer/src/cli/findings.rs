//! The command line of `scrum findings`.

use super::dlq::{age, known};
use clap::{Args, Subcommand};
use queue_schema::rows::{AuditVerdict, FLAGS, FindingState, Severity};
use std::path::PathBuf;
use std::time::Duration;

/// `scrum findings`.
#[derive(Debug, Args)]
pub struct FindingsArgs {
    /// Repository: a path or a URL.
    #[arg(default_value = ".")]
    pub repo: String,
    /// What to do with them.
    #[command(subcommand)]
    pub action: FindingsAction,
}

/// Which findings.
#[derive(Debug, Clone, Default, Args)]
pub struct FindingFilter {
    /// Only of files that match.
    #[arg(long, value_name = "GLOB")]
    pub path: Option<String>,
    /// Only in these states: open, reopened, dismissed, fixed.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = state)]
    pub state: Vec<FindingState>,
    /// Only at least this grave: critical, major, minor, info.
    #[arg(long, value_parser = severity)]
    pub severity: Option<Severity>,
    /// Only with this semantic flag.
    #[arg(long, value_parser = flag)]
    pub flag: Option<String>,
    /// Only of reviews in this tier: auto, dry_run, simulation, block.
    #[arg(long, value_parser = tier)]
    pub tier: Option<String>,
    /// Only first found within the last 30s, 20m, 12h, 7d.
    #[arg(long, value_name = "TIME", value_parser = age)]
    pub since: Option<Duration>,
    /// Only those that another call or a rule has confirmed, or a test has proven.
    #[arg(long)]
    pub confirmed: bool,
    /// Only those of which an audit says this: upheld, rejected, split, undecided.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = verdict)]
    pub audited: Vec<AuditVerdict>,
}

/// What to do with the findings of a repository.
#[derive(Debug, Subcommand)]
pub enum FindingsAction {
    /// List them, file by file; open and reopened ones unless --state says otherwise.
    List {
        /// Which.
        #[command(flatten)]
        filter: FindingFilter,
        /// Maximum number; 0 for all.
        #[arg(long, value_name = "N", default_value_t = 50)]
        limit: usize,
    },
    /// Show one: what it says, where, how often it was seen, who decided what.
    Show {
        /// Its id, or how that begins.
        id: String,
    },
    /// Show them no more, until their code changes.
    Dismiss {
        /// Ids as `list` prints them.
        #[arg(required = true)]
        ids: Vec<String>,
        /// Why; reviewers of the same area are told.
        #[arg(long)]
        why: String,
        /// Who says so; default: the user.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// Only for so long: 12h, 30d.
        #[arg(long = "for", value_name = "TIME", value_parser = age)]
        lasts: Option<Duration>,
    },
    /// Show dismissed ones again.
    Reopen {
        /// Ids as `list` prints them.
        #[arg(required = true)]
        ids: Vec<String>,
        /// Why.
        #[arg(long, default_value = "")]
        why: String,
        /// Who says so; default: the user.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
    },
    /// Write them as JSON Lines.
    Export {
        /// Which; all states unless --state says otherwise.
        #[command(flatten)]
        filter: FindingFilter,
        /// Where to; default: standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Take in what `export` wrote, of this repository or of a copy: what is known here already keeps what sweeps
    /// saw of it.
    Import {
        /// The file.
        file: PathBuf,
    },
}

fn state(text: &str) -> Result<FindingState, String> {
    use FindingState as S;
    let all = [S::Open, S::Reopened, S::Dismissed, S::Fixed];
    known("state", text, all.iter().map(|state| state.as_str()))?;
    all.into_iter().find(|state| state.as_str() == text).ok_or_else(String::new)
}

fn verdict(text: &str) -> Result<AuditVerdict, String> {
    let all = AuditVerdict::ALL;
    known("verdict", text, all.iter().map(|verdict| verdict.as_str()))?;
    all.into_iter().find(|verdict| verdict.as_str() == text).ok_or_else(String::new)
}

pub(super) fn severity(text: &str) -> Result<Severity, String> {
    let all = [Severity::Critical, Severity::Major, Severity::Minor, Severity::Info];
    known("severity", text, all.iter().map(|severity| severity.as_str()))?;
    all.into_iter().find(|severity| severity.as_str() == text).ok_or_else(String::new)
}

fn flag(text: &str) -> Result<String, String> {
    known("flag", text, FLAGS.into_iter())
}

fn tier(text: &str) -> Result<String, String> {
    known("tier", text, ["auto", "dry_run", "simulation", "block"].into_iter())
}
