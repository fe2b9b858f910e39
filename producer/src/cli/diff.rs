//! Arguments of `scrum diff`.

use clap::Args;
use queue_schema::sweep::DiffFailOn;
use scrum_config::diff::is_reviewer;
use std::path::PathBuf;

/// `scrum diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// Repository: a path or a URL.
    pub repo: String,
    /// The change: BASE..HEAD, BASE...HEAD (from where the two parted) or one commit.
    #[arg(required_unless_present_any = ["staged", "patch"], conflicts_with_all = ["staged", "patch"])]
    pub range: Option<String>,
    /// What is in the index and not in HEAD, as a pre-commit hook wants it.
    #[arg(long, conflicts_with = "patch")]
    pub staged: bool,
    /// What this patch changes of HEAD; no file is touched.
    #[arg(long, value_name = "FILE")]
    pub patch: Option<PathBuf>,
    /// Who reviews it: a name, and the model or the ladder behind it; may be repeated. Default: [diff.reviewers] of
    /// the settings.
    #[arg(long = "reviewer", value_name = "NAME=PROVIDER/MODEL", value_parser = reviewer)]
    pub reviewers: Vec<(String, String)>,
    /// Review also parts that are too large to be reviewed well.
    #[arg(long)]
    pub force: bool,
    /// For which findings the exit code is 1; default: `diff.fail_on` of the settings.
    #[arg(long, value_name = "WHICH", value_parser = fail_on)]
    pub fail_on: Option<DiffFailOn>,
    /// Where a report goes, as Markdown, JSON and SARIF; default: none is written.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Publish what the review comes to at a pull or merge request: github, gitlab, gitea (Forgejo too), or auto
    /// for the CI that this runs in. Needs a token, see docs/forges.md.
    #[arg(long, value_name = "FORGE", value_parser = ["github", "gitlab", "gitea", "auto"], conflicts_with_all = ["staged", "patch"])]
    pub post: Option<String>,
    /// The repository on the forge, with --post; default: what the CI says.
    #[arg(long = "repo", id = "post_repo", value_name = "OWNER/NAME", requires = "post")]
    pub post_repo: Option<String>,
    /// Number of the pull or merge request, with --post; default: what the CI says.
    #[arg(long, value_name = "N", requires = "post")]
    pub number: Option<u64>,
    /// Environment variable with the token, with --post; default: `forge.*_token_env` of the settings.
    #[arg(long, value_name = "NAME", requires = "post")]
    pub token_env: Option<String>,
    /// Dollars that the review may cost; 0 for no limit.
    #[arg(long, value_name = "USD", value_parser = super::dollars, allow_negative_numbers = true)]
    pub budget_usd: Option<u64>,
    /// Label shown in reports; may be repeated.
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub labels: Vec<String>,
    /// Start a new review even if the same one was done before.
    #[arg(long)]
    pub again: bool,
}

/// `opus=anthropic/claude-opus-4-5`.
pub(super) fn reviewer(text: &str) -> Result<(String, String), String> {
    let fix = "write NAME=PROVIDER/MODEL, or NAME= and the name of a ladder";
    let (name, model) =
        text.split_once('=').ok_or_else(|| format!("'{text}' has no '='; {fix}"))?;
    if !is_reviewer(name) {
        return Err(format!("'{name}' can't be a name; use 1 to 32 of a-z, 0-9, _, - and ."));
    }
    if model.trim().is_empty() {
        return Err(format!("nobody stands behind '{name}'; {fix}"));
    }
    Ok((name.to_owned(), model.to_owned()))
}

fn fail_on(text: &str) -> Result<DiffFailOn, String> {
    text.parse()
}
