//! `[hooks]`: which forges' calls start reviews, and how those are made.

use crate::validate::Checks;
use queue_schema::forge::{ForgeKind, PostTo};
use queue_schema::sweep::DiffFailOn;
use serde::Deserialize;
use std::collections::BTreeMap;

/// `[hooks]`. All of it is the server's own: nothing in a change, and nothing that a forge sends, decides any of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookSettings {
    /// Hours for which a delivery is known again.
    pub replay_hours: u32,
    /// Bytes of a delivery at most.
    pub max_body_bytes: u64,
    /// Repositories by names of the user's choosing.
    pub repositories: BTreeMap<String, HookRepository>,
}

/// `[hooks.repositories.NAME]`: a repository whose forge calls.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookRepository {
    /// Which kind of forge.
    pub forge: ForgeKind,
    /// `OWNER/NAME` there.
    pub repository: String,
    /// Where workers read it: a URL, or a path that all of them have.
    pub clone: String,
    /// Environment variable of `scrum-web` with the secret of the webhook.
    pub secret_env: String,
    /// Environment variable of the workers with the token for it; empty = `forge.*_token_env`.
    #[serde(default)]
    pub token_env: String,
    /// Who reviews, of `diff.reviewers`; empty = all of them.
    #[serde(default)]
    pub reviewers: Vec<String>,
    /// Whether what its author calls a draft is reviewed.
    #[serde(default)]
    pub drafts: bool,
    /// For which findings the status is a failure; absent = `diff.fail_on`.
    #[serde(default)]
    pub fail_on: Option<DiffFailOn>,
}

impl HookRepository {
    /// A request of it.
    pub fn request(&self, number: u64) -> PostTo {
        PostTo { forge: self.forge, repo: self.repository.clone(), number }
    }
}

impl HookSettings {
    /// The variable with the token for a repository on a forge, where it has one of its own.
    pub fn token_env(&self, forge: ForgeKind, repository: &str) -> Option<&str> {
        let is_it = |of: &&HookRepository| of.forge == forge && of.repository == repository;
        let own = self.repositories.values().find(is_it).map(|of| of.token_env.as_str());
        own.filter(|variable| !variable.is_empty())
    }

    pub(crate) fn validate(&self, reviewers: &BTreeMap<String, String>, check: &mut Checks) {
        check.range("hooks.replay_hours", self.replay_hours.into(), 1, 24 * 366);
        check.range("hooks.max_body_bytes", self.max_body_bytes, 1024, 64 << 20);
        for (name, of) in &self.repositories {
            let key = |field: &str| format!("hooks.repositories.{name}.{field}");
            if let Some(fault) = of.request(1).fault() {
                check.add(&key("repository"), fault, "as the forge has it in its address");
            }
            if of.clone.trim().is_empty() {
                let fix = "write the URL of the repository, or a path that all workers have";
                check.add(&key("clone"), "it can't be read from nowhere".to_owned(), fix);
            }
            check.names_a_variable(&key("secret_env"), &of.secret_env);
            if !of.token_env.is_empty() {
                check.names_a_variable(&key("token_env"), &of.token_env);
            }
            for reviewer in of.reviewers.iter().filter(|name| !reviewers.contains_key(*name)) {
                let what = format!("no reviewer is called '{reviewer}'");
                check.add(&key("reviewers"), what, "use names of diff.reviewers");
            }
        }
    }
}
