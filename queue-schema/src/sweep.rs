//! The sweep record: one request, pinned to a commit, with all that workers need to serve it.

use crate::ids::{MemoryId, RepoId, SweepId, content_id};
pub use crate::limits::Limits;
use crate::limits::MemoryLimits;
use crate::rows::{AuditConsensusRow, ClaimRow, DiffReview, ReviewRow, Row as _};
use crate::schedule::Occasion;
use serde::{Deserialize, Serialize};

mod audit;
mod calibration;
mod confirm;
mod diff;
mod expected;
mod facts;
mod target;

pub use audit::{AuditBounds, AuditSpec};
pub use calibration::{MapStep, ModelMap};
pub use confirm::{ConfirmBounds, ConfirmSpec};
pub use diff::{ClaimsSpec, DiffBounds, DiffFailOn, DiffSpec, EMPTY_TREE, PostSpec, Reviewer};
pub use expected::{Basis, Expected, Span};
pub use facts::{FactsBounds, FactsSpec};
pub use target::{Target, TargetStatus};

/// Which answers are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// At least 200 characters and a bullet, numbered item or heading.
    Structured,
    /// At least 3,800 characters, and not a JSON dump that does not parse.
    Substantial,
    /// JSON with a verdict and findings, or a pass that cites evidence.
    Forensic,
    /// Forensic when the answer is JSON, else the one named for Markdown.
    #[default]
    Auto,
}

impl Policy {
    /// The name used in configuration files and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Structured => "structured",
            Self::Substantial => "substantial",
            Self::Forensic => "forensic",
            Self::Auto => "auto",
        }
    }
}

impl std::str::FromStr for Policy {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        match s {
            "structured" => Ok(Self::Structured),
            "substantial" => Ok(Self::Substantial),
            "forensic" => Ok(Self::Forensic),
            "auto" => Ok(Self::Auto),
            other => Err(format!(
                "unknown policy '{other}'; use one of structured, substantial, forensic, auto"
            )),
        }
    }
}

/// What [`Policy::Auto`] asks of an answer in Markdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum MarkdownPolicy {
    /// As [`Policy::Structured`]. What sweeps were held to that do not say.
    #[default]
    Structured,
    /// As [`Policy::Substantial`].
    Substantial,
}

impl From<MarkdownPolicy> for Policy {
    fn from(policy: MarkdownPolicy) -> Self {
        match policy {
            MarkdownPolicy::Structured => Self::Structured,
            MarkdownPolicy::Substantial => Self::Substantial,
        }
    }
}

/// What the boundaries of shards follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum SplitMode {
    /// The structure of the code where the language's is known, else lines.
    Syntax,
    /// What the lines look like. What sweeps were split by that do not say.
    #[default]
    Lines,
    /// Nothing: every shard has exactly the aimed-at size, but for a character across its end.
    Bytes,
}

/// Version of the rules by which files are split. Raised when a file would be split otherwise: a
/// worker must then still know the older rules, or leave sweeps that are older alone.
pub const SPLIT_VERSION: u32 = 1;

/// One entry of a ladder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rung {
    /// Name of a provider in the configuration.
    pub provider: String,
    /// Model name as the provider knows it.
    pub model: String,
    /// Why it stands here, for a person.
    #[serde(default)]
    pub note: String,
    /// Tokens to generate at most; the configured default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Tokens that its model reads and writes in one call; [`Rung::ANY_CONTEXT`] for one without a limit. A file
    /// whose prompt fits is read whole. Absent: files over [`Limits::split_over_bytes`] are read through shards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_tokens: Option<u32>,
    /// Findings asked for at most; the configured default when absent. Small models do better with fewer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_findings: Option<u32>,
    /// Sampling temperature; the configured default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Dollars for a million tokens of prompt; what the provider says of a call wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_million_in: Option<f64>,
    /// Dollars for a million generated tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_million_out: Option<f64>,
}

impl Rung {
    /// The [`Rung::context_tokens`] of what reads any file whole.
    pub const ANY_CONTEXT: u32 = u32::MAX;

    /// What so many tokens cost, in dollars; `None` without a price.
    pub fn price(&self, tokens_in: u64, tokens_out: u64) -> Option<f64> {
        self.has_price().then(|| {
            let of = |tokens: u64, per_million: Option<f64>| {
                tokens as f64 * per_million.unwrap_or(0.0) / 1e6
            };
            of(tokens_in, self.usd_per_million_in) + of(tokens_out, self.usd_per_million_out)
        })
    }

    /// Whether it has a price.
    pub fn has_price(&self) -> bool {
        self.usd_per_million_in.is_some() || self.usd_per_million_out.is_some()
    }

    /// By which rungs are cheaper or dearer than others; a rung without a price counts as free.
    pub fn rate(&self) -> f64 {
        self.usd_per_million_in.unwrap_or(0.0) + self.usd_per_million_out.unwrap_or(0.0)
    }

    /// `provider/model`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }
}

/// The ordered list of rungs a review climbs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// Name by which `--ladder` finds it.
    pub name: String,
    /// One line for a person.
    #[serde(default)]
    pub description: String,
    /// First to last; never empty.
    pub rungs: Vec<Rung>,
}

impl Ladder {
    /// Whether some rung is cheaper than this one.
    pub fn has_cheaper(&self, than: &Rung) -> bool {
        self.rungs.iter().any(|r| r.rate() < than.rate())
    }

    /// The first rung after this one that none is cheaper than; `None` when there is none left.
    pub fn cheapest_after(&self, rung: u32) -> Option<u32> {
        let after = self.rungs.iter().enumerate().skip(rung as usize + 1);
        let mut cheapest = after.filter(|(_, r)| !self.has_cheaper(r));
        cheapest.next().and_then(|(i, _)| u32::try_from(i).ok())
    }
}

/// How the embedding endpoint is called among the providers; no setting can have that name.
pub const EMBEDDING: &str = "[embedding]";

/// A document of a sweep, kept under the hash of its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocRef {
    /// Where the user's copy was read from.
    pub name: String,
    /// Key of the content: SHA-256, hex.
    pub sha256: String,
    /// Length in bytes.
    pub bytes: u64,
}

/// One request: a repository at one commit, its targets, documents, ladder and policy.
///
/// Everything that changes what reviews say is part of [`SweepSpec::id`]; asking for the same
/// again finds the sweep that was there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SweepSpec {
    /// Record version.
    pub v: u32,
    /// Repository: an absolute path or a URL.
    pub repo: String,
    /// What names the repository wherever its clones lie: its remote as [`crate::url::identity`] has it, else
    /// `root:COMMIT`, else its path. Empty in sweeps of before, which remember nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub identity: String,
    /// What the user asked for, e.g. `HEAD`.
    pub rev: String,
    /// What it meant when the sweep was made: a full commit id, hex.
    pub commit: String,
    /// Target globs; empty = every tracked text file.
    pub globs: Vec<String>,
    /// Product requirements document.
    pub prd: Option<DocRef>,
    /// Change proposal.
    pub proposal: Option<DocRef>,
    /// Forensic preamble; its presence asks for forensic JSON.
    pub forensic: Option<DocRef>,
    /// Findings of the project's linters, in the form that workers read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hints: Option<DocRef>,
    /// The ladder as it was when the sweep was made.
    pub ladder: Ladder,
    /// The ladder for shard summaries.
    pub shard_ladder: Ladder,
    /// Acceptance policy.
    pub policy: Policy,
    /// Bounds of the pipeline, frozen into the sweep so that all its workers agree.
    pub limits: Limits,
    /// The model that ranks passages of the documents; empty = by their words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub embedding: String,
    /// Providers, and [`EMBEDDING`], that text may be sent to as it is: they were local when the sweep was
    /// made. A worker that does not find them local masks all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub local: Vec<String>,
    /// How facts are taken out of accepted reviews; none when they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<FactsSpec>,
    /// How findings of accepted reviews are confirmed; none when they are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirm: Option<ConfirmSpec>,
    /// The change that is reviewed instead of files; none in a sweep over files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<DiffSpec>,
    /// Votes on findings: of its own reviews, or of another sweep's. None where nobody votes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditSpec>,
    /// What the confidences of its models have proved to be worth, of those of which that is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calibration: Vec<ModelMap>,
    /// What it was expected to take when it began; none where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
    /// The due time of a schedule that it was made for; none for a sweep that somebody asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Occasion>,
    /// Free labels, shown in reports.
    #[serde(default)]
    pub labels: std::collections::BTreeMap<String, String>,
    /// 0, or a number that sets a forced repetition (`--again`) apart.
    #[serde(default)]
    pub again: u64,
}

/// Version of [`SweepSpec`] records.
pub const SWEEP_VERSION: u32 = 1;

// Pace is no part of an id. What stands in its place is what ids were made of first, so that sweeps of
// before keep theirs.
const ID_ADMISSION_WINDOW: u32 = 256;
const ID_PLAN_PAGE: u32 = 2000;
const ID_TRANSIENT_RETRIES: u32 = 3;

impl SweepSpec {
    /// Stable identity: the repository, then 16 hex digits over all that changes what the reviews say.
    pub fn id(&self) -> SweepId {
        // Labels, words for people, the spelling of revision and targets, the pace of the work, how many
        // targets it may have and how much of an answer is kept don't change a review; the rest does. The fixed order of the
        // fields makes serde_json's output canonical.
        let mut canon = self.clone();
        canon.labels.clear();
        canon.rev.clear();
        canon.identity.clear();
        canon.expected = None;
        canon.globs.sort();
        canon.globs.dedup();
        let facts = canon.facts.iter_mut().flat_map(|f| [&mut f.extractor, &mut f.verifier]);
        let rungs = canon.ladder.rungs.iter_mut().chain(&mut canon.shard_ladder.rungs);
        let confirm = canon.confirm.iter_mut().filter_map(|c| c.rung.as_mut());
        for rung in rungs.chain(facts).chain(confirm) {
            rung.note.clear();
        }
        canon.diff.iter_mut().for_each(DiffSpec::drop_words);
        canon.audit.iter_mut().for_each(AuditSpec::drop_words);
        canon.ladder.description.clear();
        canon.shard_ladder.description.clear();
        canon.limits.admission_window = ID_ADMISSION_WINDOW;
        canon.limits.plan_page = ID_PLAN_PAGE;
        canon.limits.max_targets = 0;
        canon.limits.transient_retries = ID_TRANSIENT_RETRIES;
        canon.limits.history.answer_chars = crate::limits::HistoryLimits::default().answer_chars;
        canon.limits.empty_retries = 0;
        let documents =
            [&mut canon.prd, &mut canon.proposal, &mut canon.forensic, &mut canon.hints];
        for document in documents.into_iter().flatten() {
            document.name.clear();
        }
        if !canon.limits.tiers.calibrated {
            // Then it is shown, and decides nothing.
            canon.calibration.clear();
        }
        let json = serde_json::to_string(&canon).unwrap_or_default();
        let named = if self.identity.is_empty() { &self.repo } else { &self.identity };
        SweepId::new(&RepoId::of(named), &content_id(&[json.as_bytes()]))
    }

    /// What is remembered of its repository; `None` for a sweep of before, and where nothing is to be.
    pub fn memory(&self) -> Option<(MemoryId, &MemoryLimits)> {
        let limits = self.limits.memory.as_ref().filter(|_| !self.identity.is_empty())?;
        Some((MemoryId::of(&self.identity), limits))
    }

    /// How facts are taken out of an accepted review of so many characters; none when they are not.
    pub fn facts_of(&self, chars: u32) -> Option<&FactsSpec> {
        self.facts.as_ref().filter(|facts| chars >= facts.bounds.min_chars)
    }

    /// The ladder that the review of a target climbs, unless it has one of its own.
    pub fn ladder_of(&self, target: u32) -> &Ladder {
        let reviewer = self.diff.as_ref().and_then(|diff| diff.place(target));
        reviewer.map_or(&self.ladder, |(_, reviewer)| &reviewer.ladder)
    }

    /// The stream whose row makes a target accepted.
    pub fn accepted_by(&self) -> &'static str {
        match &self.diff {
            Some(change) if change.claims.is_some() => ClaimRow::STREAM,
            Some(_) => DiffReview::STREAM,
            None if self.audits().is_some() => AuditConsensusRow::STREAM,
            None => ReviewRow::STREAM,
        }
    }

    /// The other sweep whose reviews it audits, instead of reviewing files.
    pub fn audits(&self) -> Option<&SweepId> {
        self.audit.as_ref().and_then(|audit| audit.of.as_ref())
    }

    /// Whether it reviews files: it is neither about a change nor about another sweep.
    pub fn reviews_files(&self) -> bool {
        self.diff.is_none() && self.audits().is_none()
    }

    /// Whether its reviews are tallied when it ends.
    pub fn is_tallied(&self) -> bool {
        self.diff.as_ref().is_some_and(|change| change.claims.is_none())
    }

    /// Whether a job of its own follows its end.
    pub fn is_followed(&self) -> bool {
        self.is_tallied() || self.schedule.is_some()
    }

    /// Whether a provider was local when the sweep was made.
    pub fn says_local(&self, provider: &str) -> bool {
        self.local.iter().any(|name| name == provider)
    }

    /// True when reviewers are asked for JSON by schema.
    pub fn wants_forensic(&self) -> bool {
        self.forensic.is_some() || self.policy == Policy::Forensic
    }
}

#[cfg(test)]
mod tests;
