//! Arguments of `scrum audit`.

use super::DiffArgs;
use clap::Args;
use std::path::PathBuf;

/// `scrum audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Audit what the commit messages, and a text, say of a change.
    #[arg(long, required = true)]
    pub claims: bool,
    /// Repository: a path or a URL.
    pub repo: String,
    /// The change: BASE..HEAD, BASE...HEAD (from where the two parted) or one commit.
    pub range: String,
    /// A text about the change besides its commit messages: that of a pull request.
    #[arg(long, value_name = "FILE")]
    pub text: Option<PathBuf>,
    /// Who votes: a name, and the model or the ladder behind it; may be repeated. Default: [diff.reviewers] of the
    /// settings. One alone has three votes.
    #[arg(long = "voter", value_name = "NAME=PROVIDER/MODEL", value_parser = super::diff::reviewer)]
    pub voters: Vec<(String, String)>,
    /// Who is asked besides when the votes split.
    #[arg(long, value_name = "NAME=PROVIDER/MODEL", value_parser = super::diff::reviewer)]
    pub tie_breaker: Option<(String, String)>,
    /// Dollars that the votes may cost; 0 for no limit.
    #[arg(long, value_name = "USD", value_parser = super::dollars, allow_negative_numbers = true)]
    pub budget_usd: Option<u64>,
    /// Ask again even if the same was asked before.
    #[arg(long)]
    pub again: bool,
}

impl AuditArgs {
    /// The change, as `scrum diff` takes it.
    pub fn change(&self) -> DiffArgs {
        DiffArgs {
            repo: self.repo.clone(),
            range: Some(self.range.clone()),
            staged: false,
            patch: None,
            reviewers: self.voters.clone(),
            // Voters are shown as much of it as there is room for.
            force: true,
            fail_on: None,
            out: None,
            post: None,
            post_repo: None,
            number: None,
            token_env: None,
            budget_usd: self.budget_usd,
            labels: Vec::new(),
            again: self.again,
        }
    }
}
