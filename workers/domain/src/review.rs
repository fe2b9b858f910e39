//! The review row, schema v4, from an accepted answer.

use crate::parse::{Format, Parsed};
use crate::report::public_address;
use crate::text::clip;
use crate::tier::tier;
use queue_schema::limits::{HistoryLimits, TierLimits};
use queue_schema::rows::review::{SCHEMA_VERSION, TopChunk};
use queue_schema::rows::{Attempt, ReviewRow, TypeHint};

/// What is known of the pathway that a review took.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Pathway {
    /// The ladder was started at a remembered model.
    pub hot_swap_hit: bool,
    /// Which pathway.
    pub id: Option<String>,
    /// How close it was, 0 to 1.
    pub similarity: Option<f64>,
    /// How often its model had succeeded, 0 to 1.
    pub success_rate: Option<f64>,
    /// Rungs skipped by the swap.
    pub rungs_saved: u32,
}

/// Everything that a row is made of.
#[derive(Debug, Clone, Copy)]
pub struct Accepted<'a> {
    /// RFC 3339, UTC.
    pub reviewed_at: &'a str,
    /// Which sweep asked for it.
    pub sweep_id: &'a str,
    /// Which review it is.
    pub review_id: &'a str,
    /// Repository as the sweep named it.
    pub repo: &'a str,
    /// Commit that was read.
    pub commit: &'a str,
    /// Path in the repository.
    pub path: &'a str,
    /// Git object id of the content.
    pub blob: &'a str,
    /// The accepted answer.
    pub answer: &'a str,
    /// What it says, its findings anchored.
    pub parsed: &'a Parsed,
    /// Every attempt in order; the last one is the accepted one.
    pub attempts: &'a [Attempt],
    /// Tokens, money and time of the calls around it: the shard summaries, the confirmation.
    pub spent_around: Spent,
    /// Shards of the file; 0 when it was not split.
    pub shards_total: u32,
    /// What the file was read as; empty for UTF-8.
    pub encoding: &'a str,
    /// Byte ranges that nobody summarised.
    pub shards_missing: &'a [(u64, u64)],
    /// Shards whose notes were cut.
    pub shards_shortened: u32,
    /// Document chunks that stood in the prompt.
    pub top_chunks: &'a [TopChunk],
    /// Secrets masked in what the shard readers were sent.
    pub shards_masked: u32,
    /// How the chunks were found.
    pub retrieval: &'a str,
    /// Definitions from elsewhere that stood in the accepted prompt.
    pub type_hints: &'a [TypeHint],
    /// The pathway it took.
    pub pathway: &'a Pathway,
    /// The sweep's bounds.
    pub limits: RowLimits,
}

/// What shapes a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowLimits {
    /// From which confidence on a review has a tier.
    pub tiers: TierLimits,
    /// What is kept of the answer.
    pub history: HistoryLimits,
}

/// What model calls took.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spent {
    /// Prompt tokens.
    pub tokens_in: u64,
    /// Generated tokens.
    pub tokens_out: u64,
    /// Dollars; `None` when no provider said.
    pub cost_usd: Option<f64>,
    /// Milliseconds.
    pub duration_ms: u64,
}

impl Spent {
    /// The sum of some attempts.
    pub fn of(attempts: &[Attempt]) -> Self {
        attempts.iter().fold(Self::default(), |sum, a| {
            let took = Self {
                tokens_in: a.tokens_in,
                tokens_out: a.tokens_out,
                cost_usd: a.cost_usd,
                duration_ms: a.duration_ms,
            };
            sum.plus(&if a.cached { took.found() } else { took })
        })
    }

    /// What the same takes when its answer is found: it was counted when it was paid for.
    #[must_use]
    pub fn found(&self) -> Self {
        Self { cost_usd: self.cost_usd.map(|_| 0.0), ..Self::default() }
    }

    /// The sum of two. A cost that nobody told stays unknown only if neither side knows one.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let cost_usd = match (self.cost_usd, other.cost_usd) {
            (None, None) => None,
            (a, b) => Some(a.unwrap_or(0.0) + b.unwrap_or(0.0)),
        };
        Self {
            tokens_in: self.tokens_in.saturating_add(other.tokens_in),
            tokens_out: self.tokens_out.saturating_add(other.tokens_out),
            cost_usd,
            duration_ms: self.duration_ms.saturating_add(other.duration_ms),
        }
    }
}

/// Builds the row. For Markdown the verdict is null and the counts are 0, as they were in the original.
pub fn row(accepted: &Accepted<'_>) -> ReviewRow {
    let Accepted { parsed, attempts, pathway, .. } = *accepted;
    let counts = parsed.counts.unwrap_or_default();
    let history = accepted.limits.history;
    let preview = clip(accepted.answer, history.preview_chars as usize);
    let kept = clip(accepted.answer, history.answer_chars as usize);
    let tiers = tier(&parsed.findings, accepted.limits.tiers);
    let spent = Spent::of(attempts).plus(&accepted.spent_around);
    let last = attempts.last();
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    ReviewRow {
        file: accepted.path.to_owned(),
        reviewed_at: accepted.reviewed_at.to_owned(),
        accepted_model: last.map(Attempt::model_name).unwrap_or_default(),
        accepted_on_attempt: last.map_or(0, |a| a.n),
        attempts_made: count(attempts.len()),
        tree_split_fired: accepted.shards_total > 0,
        suggestions_preview: preview.to_owned(),
        confidences_per_finding: parsed.findings.iter().filter_map(|f| f.confidence).collect(),
        confidence_avg: tiers.avg,
        confidence_min: tiers.min,
        findings_count: count(parsed.findings.len()),
        gradient_tier: tiers.tier.to_owned(),
        gradient_tier_avg: tiers.tier_avg.to_owned(),
        alignment_score: parsed.alignment_score,
        output_format: parsed.format.as_str().to_owned(),
        verdict: parsed.verdict.clone().filter(|_| parsed.format == Format::ForensicJson),
        critical_failures_count: counts.critical_failures,
        pseudocode_flags_count: counts.pseudocode_flags,
        prd_mismatches_count: counts.prd_mismatches,
        missing_components_count: counts.missing_components,
        verified_components_count: counts.verified_components,
        risk_points_count: counts.risk_points,
        schema_version: SCHEMA_VERSION,
        scrum_master_reviewed: true,
        pathway_hot_swap_hit: pathway.hot_swap_hit,
        pathway_id: pathway.id.clone(),
        pathway_similarity: pathway.similarity,
        pathway_success_rate: pathway.success_rate,
        rungs_saved: pathway.rungs_saved,
        sweep_id: accepted.sweep_id.to_owned(),
        review_id: accepted.review_id.to_owned(),
        repo: public_address(accepted.repo),
        commit: accepted.commit.to_owned(),
        blob: accepted.blob.to_owned(),
        findings: parsed.findings.clone(),
        attempts: attempts.to_vec(),
        tokens_in: spent.tokens_in,
        tokens_out: spent.tokens_out,
        cost_usd: spent.cost_usd,
        duration_ms: spent.duration_ms,
        shards_total: accepted.shards_total,
        shards_missing: accepted.shards_missing.to_vec(),
        top_chunks: accepted.top_chunks.to_vec(),
        masked: most_masked(attempts).saturating_add(accepted.shards_masked),
        retrieval: accepted.retrieval.to_owned(),
        shards_shortened: accepted.shards_shortened,
        encoding: accepted.encoding.to_owned(),
        answer: (kept.len() > preview.len()).then(|| kept.to_owned()),
        cut: parsed.cut,
        findings_gone: Vec::new(),
        findings_unrepeated: 0,
        type_hints_used: accepted.type_hints.to_vec(),
    }
}

/// Secrets that were masked in some attempts. The same ones are masked in each, so the most in one
/// is how many there are.
pub fn most_masked(attempts: &[Attempt]) -> u32 {
    attempts.iter().map(|a| a.masked).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{anchor::anchor, parse};
    use queue_schema::rows::{FindingProof, Outcome};

    fn attempt(n: u32, outcome: Outcome, cost: Option<f64>) -> Attempt {
        Attempt {
            model: format!("m{n}"),
            chars: 10,
            tokens_in: 100,
            tokens_out: 10,
            cost_usd: cost,
            duration_ms: 5,
            masked: 4 * (n - 1),
            ..crate::fixtures::attempt(n, outcome)
        }
    }

    fn build(answer: &str, parsed: &Parsed, attempts: &[Attempt]) -> ReviewRow {
        let pathway = Pathway::default();
        row(&Accepted {
            reviewed_at: "2026-01-02T03:04:05Z",
            sweep_id: "s",
            review_id: "s-0",
            repo: "https://token@host/r",
            commit: "c",
            path: "a.rs",
            blob: "b",
            answer,
            parsed,
            attempts,
            spent_around: Spent { tokens_in: 7, ..Spent::default() },
            shards_total: 0,
            encoding: "",
            shards_missing: &[],
            shards_shortened: 0,
            top_chunks: &[],
            shards_masked: 2,
            retrieval: "lexical",
            type_hints: &[],
            pathway: &pathway,
            limits: RowLimits::default(),
        })
    }

    #[test]
    fn a_markdown_row() {
        let text = "## Changes\n1. a `fn main()` (80%)\n2. b (60%)\nScore: 7/10";
        let mut parsed = parse::markdown(text);
        anchor(&mut parsed.findings, "a.rs", "fn main() {}");
        let attempts = [attempt(1, Outcome::Thin, None), attempt(2, Outcome::Accepted, Some(0.5))];
        let row = build(&"é".repeat(3000), &parsed, &attempts);
        assert_eq!((row.accepted_model.as_str(), row.repo.as_str()), ("p/m2", "https://host/r"));
        assert_eq!((row.accepted_on_attempt, row.attempts_made), (2, 2));
        assert_eq!(row.confidences_per_finding, [80, 60]);
        assert_eq!((row.confidence_min, row.confidence_avg), (Some(60), Some(70.0)));
        assert_eq!(
            (row.gradient_tier.as_str(), row.gradient_tier_avg.as_str()),
            ("simulation", "dry_run")
        );
        assert_eq!(row.suggestions_preview.chars().count(), 2000);
        assert_eq!(row.kept_answer().chars().count(), 3000);
        assert_eq!((row.tokens_in, row.tokens_out, row.duration_ms), (207, 20, 10));
        assert_eq!(row.cost_usd, Some(0.5));
        assert_eq!(row.verdict, None);
        assert_eq!((row.critical_failures_count, row.risk_points_count), (0, 0));
        assert_eq!((row.schema_version, row.scrum_master_reviewed), (4, true));
        assert!(!row.tree_split_fired);
        assert_eq!(row.masked, 6, "the most of one attempt, and what the shards had");
    }

    #[test]
    fn what_was_found_is_not_paid_for_again() {
        let parsed = parse::markdown("## Changes\n1. a (80%)\nScore: 7/10");
        let found = Attempt { cached: true, ..attempt(1, Outcome::Thin, Some(0.5)) };
        let row = build("a", &parsed, &[found.clone(), attempt(2, Outcome::Accepted, Some(0.25))]);
        assert_eq!((row.tokens_in, row.tokens_out, row.cost_usd), (107, 10, Some(0.25)));
        assert_eq!(row.attempts[0].tokens_in, 100, "the attempt says what its answer took");
        assert_eq!(build("a", &parsed, &[found]).cost_usd, Some(0.0), "a price, and nothing of it");
    }

    #[test]
    fn a_forensic_row_has_counts() {
        let text = r#"{"verdict":"fail","critical_failures":["a","b"],"risk_points":[]}"#;
        let parsed = parse::forensic(text).unwrap();
        let row = build(text, &parsed, &[attempt(1, Outcome::Accepted, None)]);
        assert_eq!(row.output_format, "forensic_json");
        assert_eq!(row.verdict.as_deref(), Some("fail"));
        assert_eq!((row.critical_failures_count, row.risk_points_count), (2, 0));
        assert_eq!(row.cost_usd, None, "nobody told a price");
    }

    #[test]
    fn the_tiers_are_told_once_more_only_where_a_test_has_proven_a_finding() {
        let mut parsed = parse::markdown("## Changes\n1. a `fn main()` (95%)\nScore: 7/10");
        anchor(&mut parsed.findings, "a.rs", "fn main() {}");
        let attempts = [attempt(1, Outcome::Accepted, None)];
        for (proven, tier) in [(None, "block"), (Some(FindingProof::default()), "auto")] {
            let mut row = build("a", &parsed, &attempts);
            row.findings[0].proven = proven;
            "block".clone_into(&mut row.gradient_tier);
            "block".clone_into(&mut row.gradient_tier_avg);
            crate::tier::renew(&mut row, queue_schema::limits::TierLimits::default());
            assert_eq!((row.gradient_tier.as_str(), row.gradient_tier_avg.as_str()), (tier, tier));
        }
    }
}
