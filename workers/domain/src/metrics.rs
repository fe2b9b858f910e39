//! Loop metrics: what an accepted review adds to its sweep's counters, the row that is made of them, and
//! whether two sweeps can be compared at all.

use crate::severity::Severity;
use crate::text::counted;
use queue_schema::ledger::{Counts, Ledger};
use queue_schema::rows::metrics::{Known, Markers, SCHEMA_VERSION, Severities, Tiers, Verdicts};
use queue_schema::rows::{LoopMetricsRow, LoopNumbers, ReviewRow};
use queue_schema::sweep::{DocRef, Ladder, SweepSpec};
use queue_schema::url::repository;

/// What an accepted review adds to the counters of its sweep.
pub fn adds(row: &ReviewRow, markers: Markers) -> Vec<(String, i64)> {
    let mut adds = vec![("files".to_owned(), 1)];
    let mut add = |field: String, by: i64| {
        if by > 0 {
            adds.push((field, by));
        }
    };
    let size = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    add("findings".into(), size(row.findings.len()));
    for severity in [Severity::Critical, Severity::Major, Severity::Minor, Severity::Info] {
        let n = row.findings.iter().filter(|f| f.gravity() == severity).count();
        add(format!("severity.{}", severity.as_str()), size(n));
    }
    let anchored = row.findings.iter().filter(|f| f.anchored).count();
    add("anchored".into(), size(anchored));
    add("unanchored".into(), size(row.findings.len() - anchored));
    if let Some(verdict) = &row.verdict {
        add(format!("verdict.{verdict}"), 1);
    }
    add(format!("tier.{}", row.gradient_tier), 1);
    add("markers.todo".into(), markers.todo);
    add("markers.placeholder".into(), markers.placeholder);
    add("markers.dead_code".into(), markers.dead_code);
    add("escalations".into(), i64::from(row.accepted_on_attempt > 1));
    add("hot_swaps".into(), i64::from(row.pathway_hot_swap_hit));
    add("rungs_saved".into(), i64::from(row.rungs_saved));
    for (counter, by) in known(row).counters() {
        add(counter.into(), by);
    }
    adds
}

/// How the findings of a review stand against those of earlier sweeps; all 0 where there is no ledger.
pub fn known(row: &ReviewRow) -> Known {
    let states = || row.findings.iter().filter_map(|f| Some((f.state?, !f.checks.is_empty())));
    let mut known = Known {
        unrepeated: row.findings_unrepeated.into(),
        fixed: signed(row.findings_gone.len() as u64),
        ..Known::default()
    };
    states().for_each(|(state, doubted)| known.add(state, doubted));
    known
}

/// A sweep as far as its metrics go.
#[derive(Debug, Clone)]
pub struct Swept {
    /// Which sweep.
    pub id: String,
    /// The request.
    pub spec: SweepSpec,
    /// planning, running, done, failed, cancelled.
    pub state: String,
    /// RFC 3339, UTC.
    pub started_at: String,
    /// From its beginning to its end, or to now.
    pub wall_ms: u64,
    /// Targets by status.
    pub resolved: u64,
    /// In the dead-letter queue.
    pub unresolved: u64,
    /// Not reviewed, with a reason.
    pub skipped: u64,
    /// Not reviewed, because its budget did not reach them.
    pub left_out: u64,
    /// Attempts of its models.
    pub attempts: u64,
    /// Prompt tokens.
    pub tokens_in: u64,
    /// Generated tokens.
    pub tokens_out: u64,
    /// Millionths of a dollar.
    pub cost_micro_usd: u64,
    /// Its loop counters.
    pub counters: Counts,
    /// Its ledger.
    pub ledger: Ledger,
}

impl Swept {
    fn numbers(&self) -> LoopNumbers {
        let n = |field: &str| signed(self.counters.get(field).copied().unwrap_or(0));
        let ledger = |metric: &'static str| self.ledger.values().filter_map(move |c| c.get(metric));
        LoopNumbers {
            resolved: signed(self.resolved),
            unresolved: signed(self.unresolved),
            skipped: signed(self.skipped),
            findings: n("findings"),
            severity: Severities {
                critical: n("severity.critical"),
                major: n("severity.major"),
                minor: n("severity.minor"),
                info: n("severity.info"),
            },
            anchored: n("anchored"),
            unanchored: n("unanchored"),
            verdicts: Verdicts {
                pass: n("verdict.pass"),
                needs_patch: n("verdict.needs_patch"),
                fail: n("verdict.fail"),
            },
            tiers: Tiers {
                auto: n("tier.auto"),
                dry_run: n("tier.dry_run"),
                simulation: n("tier.simulation"),
                block: n("tier.block"),
            },
            markers: Markers {
                todo: n("markers.todo"),
                placeholder: n("markers.placeholder"),
                dead_code: n("markers.dead_code"),
            },
            attempts: signed(self.attempts),
            escalations: n("escalations"),
            calls: signed(ledger("calls").sum()),
            tokens_in: signed(self.tokens_in),
            tokens_out: signed(self.tokens_out),
            cost_usd: told_cost(self.cost_micro_usd, &self.ledger),
            wall_ms: signed(self.wall_ms),
            hot_swaps: n("hot_swaps"),
            rungs_saved: n("rungs_saved"),
            known: Known::from_counters(n),
        }
    }

    /// Why the numbers of this sweep are not those of a whole one.
    fn lacks(&self, which: &str, reasons: &mut Vec<String>) {
        match self.state.as_str() {
            "done" => {}
            "planning" | "running" => reasons.push(format!("{which} is not over")),
            "cancelled" => reasons.push(format!("{which} was cancelled")),
            state => reasons.push(format!("{which} is {state}")),
        }
        let counted_files = self.counters.get("files").copied().unwrap_or(0);
        let missing = self.resolved.saturating_sub(counted_files);
        let files = |n: u64| counted(usize::try_from(n).unwrap_or(usize::MAX), "file", "files");
        // What nobody reviewed has no findings, and that is no progress.
        if self.left_out > 0 {
            let files = files(self.left_out);
            reasons.push(format!("{which} left out {files} for its budget"));
        }
        if self.unresolved > 0 {
            reasons.push(format!("{which} has {} unresolved", files(self.unresolved)));
        }
        if missing > 0 {
            let files = files(missing);
            reasons.push(format!("{which} has {files} reviewed by a version that did not count"));
        }
    }
}

/// What a sweep cost in dollars; `None` when nobody told a price of its calls.
pub fn told_cost(micro_usd: u64, ledger: &Ledger) -> Option<f64> {
    // A counter that is there says that somebody told a price, were it nothing. Without calls nobody had to.
    let of = |metric: &'static str| ledger.values().filter_map(move |c| c.get(metric));
    let told = of("cost_micro_usd").next().is_some();
    let uncalled = !ledger.is_empty() && of("calls").sum::<u64>() == 0;
    (micro_usd > 0 || told || uncalled).then(|| micro_usd as f64 / 1e6)
}

/// The row of a sweep, held against the one before on the same repository.
pub fn row(now: &Swept, before: Option<&Swept>) -> LoopMetricsRow {
    let numbers = now.numbers();
    LoopMetricsRow {
        sweep_id: now.id.clone(),
        repo: crate::report::public_address(&now.spec.repo),
        commit: now.spec.commit.clone(),
        ladder: now.spec.ladder.name.clone(),
        state: now.state.clone(),
        started_at: now.started_at.clone(),
        numbers,
        previous_sweep: before.map(|b| b.id.clone()),
        delta: before.map(|b| numbers.less(&b.numbers())),
        not_like_for_like: before.map_or_else(Vec::new, |b| differences(now, b)),
        schema_version: SCHEMA_VERSION,
    }
}

/// Why two sweeps are not comparable like for like.
fn differences(now: &Swept, before: &Swept) -> Vec<String> {
    let (a, b) = (&now.spec, &before.spec);
    let mut reasons = Vec::new();
    let mut other = |differs: bool, what: String| {
        if differs {
            reasons.push(what);
        }
    };
    let rungs = |ladder: &Ladder| -> Vec<_> {
        let all = ladder.rungs.iter();
        all.map(|r| (r.name(), r.max_tokens, r.temperature.map(f64::to_bits))).collect()
    };
    other(rungs(&a.ladder) != rungs(&b.ladder), {
        let (new, old) = (&a.ladder.name, &b.ladder.name);
        if new == old {
            format!("the rungs of its ladder {new} have changed")
        } else {
            format!("another ladder ({new}, before {old})")
        }
    });
    other(
        rungs(&a.shard_ladder) != rungs(&b.shard_ladder) && rungs(&a.ladder) == rungs(&b.ladder),
        "another ladder for shards".to_owned(),
    );
    other(a.globs != b.globs, format!("other targets ({}, before {})", list(a), list(b)));
    let sha = |doc: &Option<DocRef>| doc.as_ref().map(|d| d.sha256.clone());
    for (what, new, old) in [
        ("PRD", &a.prd, &b.prd),
        ("proposal", &a.proposal, &b.proposal),
        ("forensic text", &a.forensic, &b.forensic),
        ("log of linters", &a.hints, &b.hints),
    ] {
        let how = match (new, old) {
            (Some(_), None) => "with a",
            (None, _) => "without a",
            _ => "another",
        };
        other(sha(new) != sha(old), format!("{how} {what}"));
    }
    other(
        a.policy != b.policy,
        format!("another policy ({}, before {})", a.policy.as_str(), b.policy.as_str()),
    );
    let facts = |spec: &SweepSpec| {
        spec.facts.as_ref().map(|f| (f.extractor.name(), f.verifier.name(), f.bounds))
    };
    let how = match (&a.facts, &b.facts) {
        (Some(_), None) => "with facts",
        (None, _) => "without facts",
        _ => "facts by other models or bounds",
    };
    other(facts(a) != facts(b), how.to_owned());
    // Second opinions take calls of their own.
    for (what, new, old) in [
        ("confirmation", a.confirm.is_some(), b.confirm.is_some()),
        ("audit", a.audit.is_some(), b.audit.is_some()),
    ] {
        other(new != old, format!("{} {what} of findings", if new { "with" } else { "without" }));
    }
    other(a.embedding != b.embedding, "passages were found in another way".to_owned());
    other(a.limits != b.limits, "other bounds (the settings under [sweep])".to_owned());
    now.lacks("this sweep", &mut reasons);
    before.lacks("the one before", &mut reasons);
    reasons
}

fn list(spec: &SweepSpec) -> String {
    if spec.globs.is_empty() { "all files".to_owned() } else { spec.globs.join(" ") }
}

/// Whether two sweeps name the same repository: the same path, or URLs that differ in their
/// credentials or their ending alone.
pub fn same_repository(a: &str, b: &str) -> bool {
    repository(a) == repository(b)
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
