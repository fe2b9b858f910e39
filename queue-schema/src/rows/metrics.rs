//! Loop metrics: a sweep in numbers, and what has changed since the one before.

use super::{FindingState, Row};
use serde::{Deserialize, Serialize};

/// Version written into every row of this kind.
pub const SCHEMA_VERSION: u32 = 1;

/// One sweep. Composed from counters when it is asked for, so it is not kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LoopMetricsRow {
    /// Which sweep.
    #[cfg_attr(test, schemars(regex(pattern = "^[0-9a-f]{16}([0-9a-f]{8})?$")))]
    pub sweep_id: String,
    /// Repository, without credentials.
    pub repo: String,
    /// Commit that was read, hex.
    #[cfg_attr(test, schemars(regex(pattern = "^([0-9a-f]{40}|[0-9a-f]{64})$")))]
    pub commit: String,
    /// Name of the ladder.
    pub ladder: String,
    /// planning, running, done, failed, cancelled.
    #[cfg_attr(test, schemars(extend("enum" = ["planning", "running", "done", "failed", "cancelled"])))]
    pub state: String,
    /// RFC 3339, UTC.
    #[cfg_attr(test, schemars(extend("format" = "date-time")))]
    pub started_at: String,
    /// The numbers.
    #[serde(flatten)]
    pub numbers: LoopNumbers,
    /// The sweep before on the same repository; null for the first that is known.
    pub previous_sweep: Option<String>,
    /// These numbers less those of the sweep before; null without one.
    pub delta: Option<LoopNumbers>,
    /// Why the two are not comparable like for like, a reason each; empty when they are.
    pub not_like_for_like: Vec<String>,
    /// Always 1.
    #[cfg_attr(test, schemars(extend("const" = SCHEMA_VERSION)))]
    pub schema_version: u32,
}

impl Row for LoopMetricsRow {
    const STREAM: &'static str = "scrum_loop_metrics";
    fn row_id(&self) -> String {
        self.sweep_id.clone()
    }
}

/// What is counted; as a difference, numbers may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct LoopNumbers {
    /// Files with an accepted review.
    pub resolved: i64,
    /// Files that no rung could review.
    pub unresolved: i64,
    /// Files that are not reviewed, each with a reason: no text, generated, too large.
    pub skipped: i64,
    /// Findings of accepted reviews.
    pub findings: i64,
    /// Findings by severity.
    pub severity: Severities,
    /// Findings whose quote is in the file.
    pub anchored: i64,
    /// Findings without a quote, or whose quote is not in the file.
    pub unanchored: i64,
    /// Forensic reviews by verdict.
    pub verdicts: Verdicts,
    /// Reviews by tier.
    pub tiers: Tiers,
    /// Lines of reviewed files that say that something is not done.
    pub markers: Markers,
    /// Attempts that ended, of reviews, shards and facts.
    pub attempts: i64,
    /// Files accepted on a later attempt than the first.
    pub escalations: i64,
    /// Calls made, those included that were tried again.
    pub calls: i64,
    /// Prompt tokens.
    pub tokens_in: i64,
    /// Generated tokens.
    pub tokens_out: i64,
    /// Dollars; null when no provider said, or for a difference when either side is unknown.
    pub cost_usd: Option<f64>,
    /// Milliseconds from its beginning to its end, or to now.
    pub wall_ms: i64,
    /// Reviews that began at a remembered model; 0 in rows of before.
    #[serde(default)]
    pub hot_swaps: i64,
    /// Rungs that were not climbed thanks to that; 0 in rows of before.
    #[serde(default)]
    pub rungs_saved: i64,
    /// Findings against those of the sweeps before; all 0 in rows of before.
    #[serde(default)]
    pub known: Known,
}

impl LoopNumbers {
    /// The difference to the numbers of another sweep.
    #[must_use]
    pub fn less(&self, before: &Self) -> Self {
        let (a, b) = (self, before);
        Self {
            resolved: a.resolved - b.resolved,
            unresolved: a.unresolved - b.unresolved,
            skipped: a.skipped - b.skipped,
            findings: a.findings - b.findings,
            severity: Severities {
                critical: a.severity.critical - b.severity.critical,
                major: a.severity.major - b.severity.major,
                minor: a.severity.minor - b.severity.minor,
                info: a.severity.info - b.severity.info,
            },
            anchored: a.anchored - b.anchored,
            unanchored: a.unanchored - b.unanchored,
            verdicts: Verdicts {
                pass: a.verdicts.pass - b.verdicts.pass,
                needs_patch: a.verdicts.needs_patch - b.verdicts.needs_patch,
                fail: a.verdicts.fail - b.verdicts.fail,
            },
            tiers: Tiers {
                auto: a.tiers.auto - b.tiers.auto,
                dry_run: a.tiers.dry_run - b.tiers.dry_run,
                simulation: a.tiers.simulation - b.tiers.simulation,
                block: a.tiers.block - b.tiers.block,
            },
            markers: Markers {
                todo: a.markers.todo - b.markers.todo,
                placeholder: a.markers.placeholder - b.markers.placeholder,
                dead_code: a.markers.dead_code - b.markers.dead_code,
            },
            attempts: a.attempts - b.attempts,
            escalations: a.escalations - b.escalations,
            calls: a.calls - b.calls,
            tokens_in: a.tokens_in - b.tokens_in,
            tokens_out: a.tokens_out - b.tokens_out,
            cost_usd: a.cost_usd.zip(b.cost_usd).map(|(a, b)| a - b),
            wall_ms: a.wall_ms - b.wall_ms,
            hot_swaps: a.hot_swaps - b.hot_swaps,
            rungs_saved: a.rungs_saved - b.rungs_saved,
            known: a.known.each(&b.known, |a, b| a - b),
        }
    }
}

/// Findings against those that earlier sweeps of the repository made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Known {
    /// Reviews that were held against the ledger.
    pub files: i64,
    /// Nobody said them before.
    pub new: i64,
    /// Said again after their code had been gone, or changed after they were dismissed.
    pub reopened: i64,
    /// Those of the new and the reopened ones that fail a check by program.
    pub doubtful_news: i64,
    /// Said before.
    pub open: i64,
    /// Said before, and their code has changed.
    pub changed: i64,
    /// Open, and not said again though their code is there.
    pub unrepeated: i64,
    /// Their code is gone, and they are not said any more.
    pub fixed: i64,
    /// Said again after a person dismissed them.
    pub dismissed: i64,
}

impl Known {
    /// The counter of each number in its sweep, and the number.
    pub fn counters(&self) -> [(&'static str, i64); 9] {
        [
            ("known.files", self.files),
            ("known.new", self.new),
            ("known.reopened", self.reopened),
            ("known.doubtful_news", self.doubtful_news),
            ("known.open", self.open),
            ("known.changed", self.changed),
            ("known.unrepeated", self.unrepeated),
            ("known.fixed", self.fixed),
            ("known.dismissed", self.dismissed),
        ]
    }

    /// The numbers, by what gives that of a counter.
    pub fn from_counters(n: impl Fn(&str) -> i64) -> Self {
        Self {
            files: n("known.files"),
            new: n("known.new"),
            reopened: n("known.reopened"),
            doubtful_news: n("known.doubtful_news"),
            open: n("known.open"),
            changed: n("known.changed"),
            unrepeated: n("known.unrepeated"),
            fixed: n("known.fixed"),
            dismissed: n("known.dismissed"),
        }
    }

    /// A function of each number and that of others.
    #[must_use]
    pub fn each(&self, other: &Self, f: impl Fn(i64, i64) -> i64) -> Self {
        let (a, b) = (self, other);
        Self {
            files: f(a.files, b.files),
            new: f(a.new, b.new),
            reopened: f(a.reopened, b.reopened),
            doubtful_news: f(a.doubtful_news, b.doubtful_news),
            open: f(a.open, b.open),
            changed: f(a.changed, b.changed),
            unrepeated: f(a.unrepeated, b.unrepeated),
            fixed: f(a.fixed, b.fixed),
            dismissed: f(a.dismissed, b.dismissed),
        }
    }

    /// Findings that whoever knows the sweeps before has not seen, and that no check doubts.
    pub const fn news(&self) -> i64 {
        self.new + self.reopened - self.doubtful_news
    }

    /// Findings that were there before: what is said again, and what only was not repeated.
    pub const fn still_open(&self) -> i64 {
        self.open + self.changed + self.unrepeated
    }

    /// Adds a finding of a review, by its state; `doubted` when it fails a check by program.
    pub fn add(&mut self, state: FindingState, doubted: bool) {
        self.doubtful_news += i64::from(doubted && state.is_news());
        *match state {
            FindingState::New => &mut self.new,
            FindingState::Open => &mut self.open,
            FindingState::Changed => &mut self.changed,
            FindingState::Reopened => &mut self.reopened,
            FindingState::Dismissed => &mut self.dismissed,
            FindingState::Fixed => &mut self.fixed,
        } += 1;
    }
}

/// Findings by severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Severities {
    /// Must be mended.
    pub critical: i64,
    /// Wrong, missing or pretended.
    pub major: i64,
    /// Could be better, or may break.
    pub minor: i64,
    /// For the reader.
    pub info: i64,
}

/// Forensic reviews by verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Verdicts {
    /// Nothing to mend.
    pub pass: i64,
    /// Something to mend.
    pub needs_patch: i64,
    /// It does not do what it should.
    pub fail: i64,
}

/// Reviews by tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Tiers {
    /// Least confidence 90 or more.
    pub auto: i64,
    /// 70 or more.
    pub dry_run: i64,
    /// 50 or more.
    pub simulation: i64,
    /// Less, or none.
    pub block: i64,
}

/// Lines of code that say that something is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Markers {
    /// `todo!`, `unimplemented!` and their like, and comments with TODO, FIXME, XXX or HACK.
    pub todo: i64,
    /// Names and comments that speak of a placeholder, stub, mock or fake, outside tests.
    pub placeholder: i64,
    /// `allow(dead_code)` outside tests.
    pub dead_code: i64,
}
