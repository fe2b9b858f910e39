//! `[forge]`: where reviews of changes are published, and within which bounds.

use queue_schema::forge::ForgeKind;
use serde::Deserialize;

/// `[forge]`. What is in it is the worker's own: no record in Redis decides where a token is sent.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgeSettings {
    /// Root of GitHub's API.
    pub github_url: String,
    /// Environment variable with the token for it.
    pub github_token_env: String,
    /// Root of GitLab's API.
    pub gitlab_url: String,
    /// Environment variable with the token for it.
    pub gitlab_token_env: String,
    /// Root of Gitea's or Forgejo's API; empty = none is known.
    pub gitea_url: String,
    /// Environment variable with the token for it.
    pub gitea_token_env: String,
    /// Name of the account that the tokens belong to; empty = the forge is asked.
    pub login: String,
    /// Name of the status, by which our comments are known too.
    pub context: String,
    /// Comments at lines of one commit at most.
    pub max_comments: u32,
    /// Seconds that a connection may take.
    pub connect_timeout_s: u64,
    /// Seconds that a request may take.
    pub timeout_s: u64,
    /// Bytes of an answer at most.
    pub max_answer_bytes: u64,
    /// Pages of a list that are read at most.
    pub max_pages: u32,
}

impl ForgeSettings {
    /// Root of the API, and the environment variable with the token.
    pub fn of(&self, kind: ForgeKind) -> (&str, &str) {
        match kind {
            ForgeKind::Github => (&self.github_url, &self.github_token_env),
            ForgeKind::Gitlab => (&self.gitlab_url, &self.gitlab_token_env),
            ForgeKind::Gitea => (&self.gitea_url, &self.gitea_token_env),
        }
    }
}
