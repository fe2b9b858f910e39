//! Repositories that are swept by the clock: a finding in each file, and workers whose schedules are ahead of the clock of
//! Redis by as much as a test says.

use crate::model_stub::{ModelStub, Recorded, Reply};
use crate::process::{Bench, Process};
use crate::repo::TestRepo;
use serde_json::Value;

/// Writes a file that the stub has one finding in.
pub fn write(repo: &TestRepo, name: &str) {
    let file = format!("{}.rs", name.to_lowercase());
    repo.write(&file, format!("pub const {name}_LIMIT: usize = 10 + 1;\n").as_bytes());
}

/// A repository of such files.
pub fn repo(names: &[&str]) -> TestRepo {
    let repo = TestRepo::new();
    for name in names {
        write(&repo, name);
    }
    repo.commit("files");
    repo
}

/// One finding in each file, at the line of its constant.
pub fn stub() -> ModelStub {
    ModelStub::with(|call: &Recorded| Reply::ok(review(&call.prompt)))
}

/// The review of the file that a prompt shows. One whose constant has no sum is without a finding.
pub fn review(prompt: &str) -> String {
    if !prompt.contains("_LIMIT: usize = 10 + 1;") {
        return format!(
            "## Findings\nNone.\n\n## What was checked\n{}\n\n## Verdict\npass\n",
            "Its constant, its type and its value, and every place that goes by them. ".repeat(4)
        );
    }
    let end = prompt.find("_LIMIT: usize").unwrap_or(0);
    let name = prompt[..end].rsplit("pub const ").next().unwrap_or_default();
    format!(
        "## Findings\n1. Quote: `pub const {name}_LIMIT: usize = 10 + 1;`\n   Claim: `{name}_LIMIT` is one more than the \
         ten that are meant\n   Fails for: ten values, where eleven are taken and ten should\n   Change: `pub const \
         {name}_LIMIT: usize = 10;`\n   Severity: minor\n   Evidence: the sum on its line\n   Confidence: 80%\n\n\
         ## Verdict\nneeds_patch\n"
    )
}

/// Adds a schedule with the ladder of the bench, and what else it is told.
///
/// # Panics
/// When it is not taken.
pub fn add(bench: &Bench, repo: &TestRepo, name: &str, more: &[&str]) {
    let (path, ladder) = (repo.path().to_str().unwrap(), bench.ladder());
    let of = ["schedule", "add", path, "--ladder", ladder.to_str().unwrap(), "--name", name];
    let done = bench.run(&[&of[..], more].concat()).expect(0);
    assert_eq!(done.stdout.trim(), name);
}

/// A worker whose schedules are so many seconds ahead.
pub fn worker_ahead(bench: &Bench, seconds: u64, args: &[&str]) -> Process {
    bench.worker_with(args, |command| {
        command.env("SCRUM__SCHEDULES__CLOCK_OFFSET_S", seconds.to_string());
    })
}

/// The runs of a schedule, the latest first.
///
/// # Panics
/// When there is no such schedule.
pub fn runs(bench: &Bench, name: &str) -> Vec<Value> {
    let shown = bench.run(&["schedule", "show", name, "--limit", "0", "--json"]).expect(0).stdout;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    shown["runs"].as_array().unwrap().clone()
}

/// The runs of a schedule once there are so many and the findings of all their sweeps are counted.
pub fn told(bench: &Bench, name: &str, n: usize) -> Option<Vec<Value>> {
    let runs = runs(bench, name);
    (runs.len() >= n && runs.iter().all(|run| run["news"].is_u64())).then_some(runs)
}
