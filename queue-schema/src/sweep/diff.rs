//! What a sweep that reviews a change has besides: the commit before it, its reviewers, its bounds.

use super::{DocRef, Ladder, Rung};
use crate::forge::PostTo;
use serde::{Deserialize, Serialize};

/// A change under review: from `base` to the sweep's commit, by several reviewers. A target of such a sweep is a
/// part of the change for one reviewer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiffSpec {
    /// The commit before the change, or [`EMPTY_TREE`]; hex.
    pub base: String,
    /// Who reviews it; never empty.
    pub reviewers: Vec<Reviewer>,
    /// What its parts keep to.
    pub bounds: DiffBounds,
    /// What its author says of it. Where it is given, this is held against the change, and nobody reviews it: the
    /// reviewers vote, and a target is a claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claims: Option<ClaimsSpec>,
    /// Where its review is published once it is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<PostSpec>,
}

/// Where the review of a change is published, and what of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostSpec {
    /// Where.
    pub to: PostTo,
    /// For which findings the status is a failure; empty = as the worker's settings say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub fail_on: String,
    /// A page about the review, `http` or `https`: that of the CI job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_url: Option<String>,
}

/// Claims about a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimsSpec {
    /// The claims, in the form that workers read.
    pub doc: DocRef,
    /// Who is asked when votes split; nobody when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tie_breaker: Option<Reviewer>,
}

/// The base of a change that adds everything: git's name of a tree without entries.
pub const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// One who reviews every part of a change, without seeing what others say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reviewer {
    /// Its name in the tally; unique in its sweep.
    pub name: String,
    /// The models that speak for it, first to last.
    pub ladder: Ladder,
}

/// Bounds of a change under review; defaults live in `config/default.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiffBounds {
    /// Bytes of a part at most, where a file or a hunk is not larger by itself.
    pub split_over_bytes: u64,
    /// A part of more bytes is warned of.
    pub warn_over_bytes: u64,
    /// A part of more bytes is refused, unless forced.
    pub refuse_over_bytes: u64,
    /// Whether larger parts are reviewed all the same.
    pub force: bool,
    /// Bytes of the code around its hunks that a reviewer sees of a part.
    pub context_bytes: u64,
    /// Findings of earlier sweeps in its files that a reviewer is told of at most.
    #[serde(default)]
    pub max_hints: u32,
    /// Tokens to generate for the review of a part, unless the rung says otherwise.
    pub max_tokens: u32,
    /// Findings of a part that a reviewer is asked for at most, unless the rung says otherwise.
    pub max_findings: u32,
    /// How often the last rung of a reviewer is asked again after an answer that can't be used. 0 in records of older
    /// versions.
    #[serde(default)]
    pub retries: u32,
}

impl DiffSpec {
    /// Which part of the change a target is, and who reviews it. `None` for a number that no target has, and where
    /// targets are claims.
    pub fn place(&self, target: u32) -> Option<(u32, &Reviewer)> {
        if self.claims.is_some() {
            return None;
        }
        let reviewers = u32::try_from(self.reviewers.len()).ok()?;
        let part = target.checked_div(reviewers)?;
        Some((part, self.reviewers.get((target % reviewers) as usize)?))
    }

    /// The rungs of all reviewers.
    pub fn rungs(&self) -> impl Iterator<Item = &Rung> {
        let tie_breaker = self.claims.iter().filter_map(|claims| claims.tie_breaker.as_ref());
        self.reviewers.iter().chain(tie_breaker).flat_map(|r| &r.ladder.rungs)
    }

    /// Words for people decide no id, nor does who is told.
    pub(super) fn drop_words(&mut self) {
        self.post = None;
        let (mut names, mut last) = (None, None);
        if let Some(claims) = &mut self.claims {
            names = Some(&mut claims.doc.name);
            last = claims.tie_breaker.as_mut();
        }
        names.into_iter().for_each(String::clear);
        self.reviewers.iter_mut().chain(last).for_each(Reviewer::drop_words);
    }
}

impl Reviewer {
    /// Words for people decide no id.
    pub(super) fn drop_words(&mut self) {
        self.ladder.description.clear();
        for rung in &mut self.ladder.rungs {
            rung.note.clear();
        }
    }
}

/// For which findings of a change its review is not fine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiffFailOn {
    /// A BLOCK that two reviewers or more say of one thing, or that one of them says and another one agrees with.
    #[default]
    ConvergentBlock,
    /// Any BLOCK.
    Block,
    /// Any BLOCK or WARN.
    Warn,
    /// None.
    Never,
}

impl DiffFailOn {
    /// All of them.
    const ALL: [Self; 4] = [Self::ConvergentBlock, Self::Block, Self::Warn, Self::Never];

    /// The name in settings and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConvergentBlock => "convergent-block",
            Self::Block => "block",
            Self::Warn => "warn",
            Self::Never => "never",
        }
    }
}

impl std::str::FromStr for DiffFailOn {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::as_str).join(", ");
        let found = Self::ALL.into_iter().find(|which| which.as_str() == text);
        found.ok_or_else(|| format!("unknown '{text}'; use one of {}", known()))
    }
}
