//! Where a review of a diff is published: the forge, the repository and the pull or merge request.

use serde::{Deserialize, Serialize};

/// A kind of forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ForgeKind {
    /// github.com, or GitHub Enterprise Server.
    Github,
    /// gitlab.com, or a GitLab of one's own.
    Gitlab,
    /// Gitea or Forgejo.
    Gitea,
}

impl ForgeKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Github, Self::Gitlab, Self::Gitea];

    /// Its name in settings and commands.
    pub fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Gitea => "gitea",
        }
    }

    /// The kind with this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A pull or merge request. The address of the forge and the token are settings of the worker: a record
/// in Redis must not decide where a secret is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostTo {
    /// Which kind of forge.
    pub forge: ForgeKind,
    /// `OWNER/NAME`; on GitLab groups may be nested.
    pub repo: String,
    /// Number of the pull request, `iid` of the merge request.
    pub number: u64,
}

impl PostTo {
    /// The ref of its repository that names the commit which it proposes, also where that comes from a fork.
    pub fn head_ref(&self) -> String {
        let place = match self.forge {
            ForgeKind::Gitlab => "merge-requests",
            ForgeKind::Github | ForgeKind::Gitea => "pull",
        };
        format!("refs/{place}/{}/head", self.number)
    }

    /// What is wrong with the name of the repository, if anything is.
    pub fn fault(&self) -> Option<String> {
        let parts: Vec<&str> = self.repo.split('/').collect();
        let plain = |part: &&str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.len() <= MOST_NAME
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        };
        let counted = match self.forge {
            ForgeKind::Gitlab => (2..=MOST_GROUPS).contains(&parts.len()),
            ForgeKind::Github | ForgeKind::Gitea => parts.len() == 2,
        };
        let named = counted && parts.iter().all(plain);
        (!named).then(|| {
            format!("{:?} is no repository of {}: write OWNER/NAME", self.repo, self.forge.name())
        })
    }
}

/// Characters of a part of a repository's name.
const MOST_NAME: usize = 255;
/// Nested groups and the name that GitLab takes.
const MOST_GROUPS: usize = 21;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_named_by_plain_parts() {
        let cases = [
            (ForgeKind::Github, "o/r", true),
            (ForgeKind::Github, "o/r.js", true),
            (ForgeKind::Github, "o", false),
            (ForgeKind::Github, "o/r/s", false),
            (ForgeKind::Gitlab, "g/sub/r", true),
            (ForgeKind::Gitea, "o/..", false),
            (ForgeKind::Gitea, "o/r?x=1", false),
            (ForgeKind::Gitlab, "g//r", false),
        ];
        for (forge, repo, good) in cases {
            let to = PostTo { forge, repo: repo.to_owned(), number: 1 };
            assert_eq!(to.fault().is_none(), good, "{repo}");
        }
    }
}
