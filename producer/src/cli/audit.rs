//! Arguments of `scrum audit`.

use super::DiffArgs;
use clap::Args;
use queue_schema::rows::Severity;
use std::path::PathBuf;

/// `scrum audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// Audit what the commit messages, and a text, say of a change, instead of the findings of a sweep.
    #[arg(long, requires = "range")]
    pub claims: bool,
    /// Which sweep's findings, `latest` for the newest; with --claims, the repository: a path or a URL.
    #[arg(value_name = "SWEEP|REPO")]
    pub of: String,
    /// With --claims, the change: BASE..HEAD, BASE...HEAD (from where the two parted) or one commit.
    #[arg(requires = "claims")]
    pub range: Option<String>,
    /// With --claims: a text about the change besides its commit messages, that of a pull request.
    #[arg(long, value_name = "FILE", requires = "claims")]
    pub text: Option<PathBuf>,
    /// Findings that are less grave are not audited: critical, major, minor, info. Default: audit.min_severity of the
    /// settings.
    #[arg(long, value_name = "SEVERITY", value_parser = super::findings::severity, conflicts_with = "claims")]
    pub min_severity: Option<Severity>,
    /// Who votes: a name, and the model or the ladder behind it; may be repeated. Default: [audit.voters] of the
    /// settings, with --claims [diff.reviewers]. One alone has three votes.
    #[arg(long = "voter", value_name = "NAME=PROVIDER/MODEL", value_parser = super::diff::reviewer)]
    pub voters: Vec<(String, String)>,
    /// Who is asked besides when the votes split. Default: audit.tie_breaker of the settings, with --claims nobody.
    #[arg(long, value_name = "NAME=PROVIDER/MODEL", value_parser = super::diff::reviewer)]
    pub tie_breaker: Option<(String, String)>,
    /// Dollars that the votes may cost; 0 for no limit. Default: what is left of the sweep's.
    #[arg(long, value_name = "USD", value_parser = super::dollars, allow_negative_numbers = true)]
    pub budget_usd: Option<u64>,
    /// Tokens that they may take; 0 for no limit. Default: what is left of the sweep's.
    #[arg(long, value_name = "N", value_parser = super::amount, allow_negative_numbers = true, conflicts_with = "claims")]
    pub budget_tokens: Option<u64>,
    /// Model calls that they may make; 0 for no limit. Default: what is left of the sweep's.
    #[arg(long, value_name = "N", value_parser = super::amount, allow_negative_numbers = true, conflicts_with = "claims")]
    pub budget_calls: Option<u64>,
    /// Ask again even if the same was asked before; answers that were given are found.
    #[arg(long)]
    pub again: bool,
}

impl AuditArgs {
    /// The change, as `scrum diff` takes it.
    pub fn change(&self) -> DiffArgs {
        DiffArgs {
            repo: self.of.clone(),
            range: self.range.clone(),
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
