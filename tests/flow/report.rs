//! The report of a large sweep: short where a person begins, every row once, and never more of the sweep
//! at a time than a page.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/schemas.rs"]
mod schemas;

use queue_schema::client::{ClaimRequest, ClaimedJob, Commit, Queue};
use queue_schema::effects::{DeadClass, Effect, Effects, Priority};
use queue_schema::keys;
use queue_schema::rows::{Attempt, Finding, FindingKind, Outcome, ReviewRow, Row};
use queue_schema::sweep::{Target, TargetStatus};
use scrum_domain::parse::{Format, Parsed};
use scrum_domain::review::{self, Accepted, Pathway, RowLimits, Spent};
use scrum_knowledge::{PAGE, Sweep};
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use scrum_tests::{oracle, requests};
use serde_json::Value;
use std::path::Path;

/// Targets that are planned, and of them those that are skipped and those that stay in work.
const TARGETS: u32 = 1_400;
const SKIPPED: u32 = 250;
const OPEN: u32 = 20;
/// Every so many-th review dies, and every so many-th has no finding.
const DIES: u32 = 10;
const CLEAN: u32 = 4;
/// Lines of an overview.
const MOST_LINES: usize = 500;
/// Commands that Redis is sent for a file.
const MOST_COMMANDS: u64 = 8;

fn kind(target: u32) -> &'static str {
    match target {
        n if n < SKIPPED => "skipped",
        n if n >= TARGETS - OPEN => "open",
        n if n % DIES == 0 => "dead",
        n if n % CLEAN == 0 => "clean",
        _ => "telling",
    }
}

fn count(what: &str) -> usize {
    (0..TARGETS).filter(|n| kind(*n) == what).count()
}

fn path_of(target: u32) -> String {
    format!("src/{}_{target}.rs", kind(target))
}

fn attempt(outcome: Outcome, reason: &str, target: u32) -> Attempt {
    Attempt {
        n: 1,
        rung: 0,
        provider: "stub".into(),
        model: "m".into(),
        outcome,
        reason: reason.into(),
        chars: 500,
        answer_preview: format!("answer of target {target}."),
        answer_sha256: None,
        tokens_in: 10,
        tokens_out: 10,
        cost_usd: None,
        duration_ms: 5,
        cached: false,
        masked: 0,
    }
}

fn row(sweep: &str, target: u32) -> ReviewRow {
    let grave = target == TARGETS - OPEN - 1;
    let finding = |text: String, kind| Finding {
        kind,
        text,
        quote: Some("let x = 1;".into()),
        line: Some(7),
        end_line: Some(7),
        anchored: true,
        confidence: Some(80),
        evidence: None,
        flags: Vec::new(),
    };
    let mut findings = Vec::new();
    if kind(target) == "telling" {
        findings.push(finding(format!("swallows error {target}"), FindingKind::Suggestion));
    }
    if grave {
        findings.push(finding("loses data".into(), FindingKind::CriticalFailure));
    }
    let parsed = Parsed {
        format: Format::Markdown,
        alignment_score: Some(6.0),
        verdict: None,
        findings,
        counts: None,
    };
    review::row(&Accepted {
        reviewed_at: "2026-01-02T03:04:05Z",
        sweep_id: sweep,
        review_id: &format!("{sweep}-{target}"),
        repo: "/r",
        commit: &"0".repeat(40),
        path: &path_of(target),
        blob: &"0".repeat(40),
        answer: &format!("answer of target {target}."),
        parsed: &parsed,
        attempts: &[attempt(Outcome::Accepted, "", target)],
        shards_spent: Spent::default(),
        shards_total: 0,
        shards_missing: &[],
        shards_shortened: 0,
        top_chunks: &[],
        shards_masked: 0,
        retrieval: "none",
        pathway: &Pathway::default(),
        limits: RowLimits::default(),
    })
}

fn effects(sweep: &str, target: u32) -> Option<Effects> {
    let review = format!("{sweep}-{target}");
    match kind(target) {
        "open" => None,
        "dead" => {
            let tried = attempt(Outcome::Malformed, "no JSON", target);
            let value = serde_json::to_string(&tried).unwrap();
            let append = Effect::Append { key: keys::attempts(&review), value };
            Some(Effects::dead(DeadClass::Fatal, "it can't be read").with(append))
        }
        _ => Some(
            Effects::done()
                .with(Effect::AppendRow {
                    sweep: sweep.to_owned(),
                    stream: ReviewRow::STREAM,
                    row_id: review,
                    json: serde_json::to_string(&row(sweep, target)).unwrap(),
                })
                .with(Effect::Settle {
                    sweep: sweep.to_owned(),
                    target,
                    status: TargetStatus::Resolved,
                }),
        ),
    }
}

async fn claim(queue: &Queue, serial: u32, lanes: &[&str]) -> Vec<ClaimedJob> {
    let request = ClaimRequest {
        worker: "w".into(),
        request: format!("w/{serial}"),
        want: 200,
        lanes: lanes.iter().map(|&lane| lane.to_owned()).collect(),
        ..ClaimRequest::default()
    };
    queue.claim(&request).await.unwrap().jobs
}

/// A sweep that nobody has reviewed: its rows are written as workers write them.
async fn large_sweep(queue: &Queue) -> String {
    let spec = requests::sweep_spec(1, TARGETS);
    let (id, _) = queue.create_sweep(&spec, &[], Priority::Normal).await.unwrap();
    let plan = claim(queue, 0, &["plan"]).await.remove(0);
    let target = |n: u32| Target {
        path: path_of(n),
        blob: "0".repeat(40),
        bytes: 1,
        skip: (n < SKIPPED).then(|| "not a text file (by its name)".to_owned()),
    };
    let targets = (0..TARGETS).map(target).collect();
    let effects_of_plan = Effects::done()
        .with(Effect::PlanTargets { sweep: id.clone(), first: 0, targets })
        .with(Effect::PlanDone { sweep: id.clone() });
    let planned = Commit { lease: plan.lease, effects: effects_of_plan };
    assert!(queue.commit(&[planned]).await.unwrap()[0]);
    for serial in 1.. {
        let jobs = claim(queue, serial, &[]).await;
        if jobs.is_empty() {
            break;
        }
        let commits: Vec<Commit> = jobs
            .into_iter()
            .filter_map(|job| {
                let review = job.lease.job.split('.').next().unwrap();
                let target = review.rsplit('-').next().unwrap().parse().unwrap();
                Some(Commit { lease: job.lease, effects: effects(&id, target)? })
            })
            .collect();
        assert!(queue.commit(&commits).await.unwrap().iter().all(|done| *done));
    }
    id
}

/// The files of a report: name and content.
fn files(out: &Path) -> Vec<(String, String)> {
    let read = |entry: std::fs::DirEntry| {
        (entry.file_name().into_string().unwrap(), std::fs::read_to_string(entry.path()).unwrap())
    };
    std::fs::read_dir(out).unwrap().map(|entry| read(entry.unwrap())).collect()
}

#[tokio::test]
async fn the_report_of_a_large_sweep_has_a_short_overview_and_every_row_once() {
    let server = RedisServer::alone();
    let queue = oracle::queue(&server.url()).await;
    let id = large_sweep(&queue).await;

    // The read model never holds more than a page.
    let sweep = Sweep::open(&queue, &id).await.unwrap();
    let (mut pages, mut seen) = (sweep.files(&TargetStatus::ALL), 0);
    loop {
        let page = pages.next_page().await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= PAGE, "{}", page.len());
        seen += page.len();
    }
    assert_eq!(seen, TARGETS as usize);

    let bench = Bench::new(Some(server.url()), "");
    let out = bench.out();
    let before = server.info("total_commands_processed");
    let args = ["report", "latest", "--out", out.to_str().unwrap()];
    let done = bench.run(&args).expect(1);
    let commands = server.info("total_commands_processed") - before;
    assert!(commands <= u64::from(TARGETS) * MOST_COMMANDS, "{commands} commands");

    let (telling, dead) = (count("telling"), count("dead"));
    assert_eq!(schemas::check_report(&out), telling + count("clean"));
    let all = files(&out);
    let file =
        |name: &str| &all.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("{name}")).1;
    // All else together is not larger than the rows.
    let bytes: usize = all.iter().map(|(_, text)| text.len()).sum();
    let rows = file("scrum_reviews.jsonl").len();
    assert!(bytes <= 2 * rows, "{bytes} bytes, {rows} of them rows");
    let overview = file("scrum_report.md");
    assert!(overview.lines().count() <= MOST_LINES, "{} lines", overview.lines().count());
    let first = overview.split("# Findings\n\n").nth(1).unwrap().lines().next().unwrap();
    assert!(first.starts_with("1. **critical failure**, [`src/"), "{first}");
    assert!(overview.contains(&format!("{dead} unresolved, {SKIPPED} skipped")), "{overview}");
    // Every link leads somewhere.
    for link in overview.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        assert!(all.iter().any(|(name, _)| name == link), "{link}");
    }
    let pages = all.iter().filter(|(name, _)| name.starts_with("review_"));
    assert_eq!(pages.count(), telling + dead, "a page for what a line can't say");
    assert_eq!(file("scrum_files.md").matches("\n| ").count(), TARGETS as usize + 1);
    let summary: Value = serde_json::from_str(file("summary.json")).unwrap();
    let length = |list: &str| summary[list].as_array().unwrap().len();
    assert_eq!(length("per_file"), (TARGETS - SKIPPED) as usize);
    assert_eq!(["unresolved", "skipped", "not_done"].map(length), [dead, 250, 20]);
    assert_eq!(summary["unresolved"][0]["reason"], "fatal: it can't be read");

    // An answer stands in its row and nowhere else.
    for (name, text) in &all {
        assert!(!text.contains("answer of target") || name == "scrum_reviews.jsonl", "{name}");
    }

    // Who wants a file for each row is told how and can have it, and the summary alone as well.
    assert!(done.stderr.contains("no review_PATH.json is written"), "{}", done.stderr);
    let told = bench.run(&["report", "latest", "--json", "--format", "files", "--out", args[3]]);
    let told: Value = serde_json::from_str(&told.expect(1).stdout).unwrap();
    assert_eq!((&told["per_file"], &told["skipped"]), (&summary["per_file"], &summary["skipped"]));
    let one = std::fs::read_to_string(out.join("review_src_telling_1001.rs.json")).unwrap();
    assert!(one.contains("answer of target 1001."), "{one}");
}
