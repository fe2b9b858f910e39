//! The report of a large sweep: short where a person begins, every row once, and never more of the sweep
//! at a time than a page.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/schemas.rs"]
mod schemas;

#[path = "report/filled.rs"]
mod filled;
#[path = "report/memory.rs"]
mod memory;
#[path = "report/original.rs"]
mod original;
#[path = "report/pages.rs"]
mod pages;
#[path = "report/told.rs"]
mod told;

use filled::{Fate, Filled};
use queue_schema::sweep::TargetStatus;
use scrum_knowledge::{PAGE, Sweep};
use scrum_tests::oracle;
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
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

fn fate(target: u32) -> Fate {
    match target {
        n if n < SKIPPED => Fate::Skipped,
        n if n >= TARGETS - OPEN => Fate::Open,
        n if n == TARGETS - OPEN - 1 => Fate::Grave,
        n if n % DIES == 0 => Fate::Dead,
        n if n % CLEAN == 0 => Fate::Clean,
        _ => Fate::Telling,
    }
}

fn count(what: Fate) -> usize {
    (0..TARGETS).filter(|n| fate(*n) == what).count()
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
    let id = Filled { number: 1, targets: TARGETS, fate }.write(&queue).await;

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

    let (telling, dead) = (count(Fate::Telling) + count(Fate::Grave), count(Fate::Dead));
    assert_eq!(schemas::check_report(&out), telling + count(Fate::Clean));
    let all = files(&out);
    let file =
        |name: &str| &all.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("{name}")).1;
    // All else together is not larger than the rows.
    let bytes: usize = all.iter().map(|(_, text)| text.len()).sum();
    let rows = file("scrum_reviews.jsonl").len();
    assert!(bytes <= 2 * rows, "{bytes} bytes, {rows} of them rows");
    let overview = file("scrum_report.md");
    assert!(overview.lines().count() <= MOST_LINES, "{} lines", overview.lines().count());
    let first = overview.split("# Findings\n\n").nth(1).unwrap();
    assert!(
        first.starts_with("## 1. loses data\n\n**critical** critical failure, [`src/"),
        "{first}"
    );
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
