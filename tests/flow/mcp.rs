//! Coding agents ask the fleet: `scrum mcp` against the official client, and against one that sends what it likes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "mcp/client.rs"]
mod client;

use client::Client;
use scrum_tests::model_stub::{ModelStub, Recorded, Reply};
use scrum_tests::process::{Bench, Process, program};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A key that the model repeats.
const CANARY: &str = "AKIAIOSFODNN7REALKEY";
const PATIENCE: Duration = Duration::from_secs(60);

/// A fleet with a worker, and a repository whose files have a finding each.
struct World {
    repo: TestRepo,
    bench: Bench,
    server: RedisServer,
    _worker: Process,
    _stub: ModelStub,
}

fn review(_: &Recorded) -> Reply {
    Reply::ok(format!(
        "## Findings\n1. Quote: `values[..=limit].iter()`\n   Claim: `total` reads one value behind `limit` \
         \u{202e}, as {CANARY} does\n   Fails for: a limit of the length, which panics and should not\n   Change: \
         `values[..limit].iter().sum::<u64>()`\n   Severity: major\n   Evidence: the signature of `total`\n   Flag: \
         OffByOne\n   Confidence: 85%\n\n## Verdict\nneeds_patch\n"
    ))
}

impl World {
    /// Reviewed once.
    fn reviewed() -> Self {
        let repo = TestRepo::new();
        for file in ["src/a/x.rs", "src/a/y.rs", "src/b/z.rs"] {
            let name = file.replace(['/', '.'], "_");
            let text = format!(
                "pub fn {name}() {{}}\n\npub fn total(values: &[u64], limit: usize) -> u64 {{\n    \
                 values[..=limit].iter().sum::<u64>()\n}}\n"
            );
            repo.write(file, text.as_bytes());
        }
        repo.commit("three files");
        let stub = ModelStub::with(review);
        let server = RedisServer::start();
        let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
        let worker = bench.worker(&[]);
        bench.sweep(&repo, &["--wait", "--quiet"]).expect(0);
        Self { repo, bench, server, _worker: worker, _stub: stub }
    }

    fn client(&self, args: &[&str]) -> Client {
        Client::start(&self.bench, &self.repo, args)
    }
}

fn names(list: &Value, member: &str) -> Vec<String> {
    let all = list.as_array().unwrap_or_else(|| panic!("no list: {list}"));
    all.iter().map(|one| one[member].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_agent_reads_what_is_known_and_changes_it_only_if_it_may() {
    let w = World::reviewed();
    let mut reads = w.client(&[]);
    let tools = reads.ask("tools/list", &json!({}))["result"]["tools"].clone();
    let changes = ["dismiss_finding", "reopen_finding", "start_review"];
    for (name, tool) in names(&tools, "name").iter().zip(tools.as_array().unwrap()) {
        let reads = !changes.contains(&name.as_str());
        assert_eq!(tool["annotations"]["readOnlyHint"], reads, "{tool}");
        assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
    }
    // Findings of a directory, and pages of whole files.
    let here = reads.call("findings", &json!({ "path": "src/a" }));
    assert_eq!(names(&here["findings"], "file"), ["src/a/x.rs", "src/a/y.rs"], "{here}");
    assert_eq!((&here["findings"][0]["line"], &here["after"]), (&4.into(), &Value::Null), "{here}");
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let page = reads.call("findings", &json!({ "limit": 1, "after": after }));
        all.extend(names(&page["findings"], "file"));
        after = page["after"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(all, ["src/a/x.rs", "src/a/y.rs", "src/b/z.rs"]);
    let none = reads.call("findings", &json!({ "severity": "critical" }));
    assert_eq!(none["findings"], json!([]));
    // The review of a file, by the end of its path.
    let file = reads.call("review", &json!({ "path": "x.rs" }));
    assert_eq!(
        (&file["file"], &file["status"]),
        (&"src/a/x.rs".into(), &"resolved".into()),
        "{file}"
    );
    assert_eq!(file["review"]["findings"][0]["line"], 4, "{file}");
    let area = reads.call("fingerprints", &json!({ "path": "src/a/x.rs" }));
    assert_eq!(names(&area["fingerprints"], "flag"), ["OffByOne"], "{area}");
    let everywhere = reads.call("fingerprints", &json!({}));
    assert!(!everywhere["fingerprints"].as_array().unwrap().is_empty(), "{everywhere}");
    let status = reads.call("sweep_status", &json!({}));
    assert_eq!((&status["is_over"], &status["status"]["resolved"]), (&true.into(), &3.into()));
    assert_eq!(reads.call("apply_decisions", &json!({}))["runs"], json!([]));
    for told in [&here, &file, &area, &everywhere] {
        let told = told.to_string();
        assert!(!told.contains(CANARY) && !told.contains('\u{202e}'), "{told}");
    }
    // What changes something is refused, and nothing has changed.
    let id = here["findings"][0]["id"].as_str().unwrap();
    let sent = json!({ "id": id, "why": "callers check it" });
    for (tool, sent) in
        [("dismiss_finding", &sent), ("reopen_finding", &sent), ("start_review", &json!({}))]
    {
        let why = reads.refused(tool, sent);
        assert!(why.contains("--write") && why.contains(tool), "{why}");
    }
    assert_eq!(reads.call("findings", &json!({ "path": "src/a" })), here);

    let mut writes = w.client(&["--write"]);
    let done = writes.call("dismiss_finding", &sent);
    assert_eq!(done["dismissed"][0]["id"], id, "{done}");
    assert!(done["by"].as_str().unwrap().contains("through tester"), "{done}");
    let dismissed = reads.call("findings", &json!({ "state": "dismissed" }));
    assert_eq!(names(&dismissed["findings"], "id"), [id], "two servers see the same");
    assert_eq!(dismissed["findings"][0]["dismissed"]["why"], "callers check it");
    let back = writes.call("reopen_finding", &sent);
    assert_eq!(back["reopened"][0]["was"], "dismissed", "{back}");
    let again = writes.refused("reopen_finding", &sent);
    assert!(again.contains("is not dismissed"), "{again}");

    // A review of one file; asked for again, it is the same.
    let ladder = w.bench.ladder().display().to_string();
    let one = json!({ "files": ["src/b"], "ladder": ladder });
    let started = writes.call("start_review", &one);
    assert_eq!(started["new"], true, "{started}");
    let same = writes.call("start_review", &one);
    assert_eq!((&same["new"], &same["sweep"]), (&false.into(), &started["sweep"]), "{same}");
    eventually(PATIENCE, "the review ends", || {
        let status = writes.call("sweep_status", &json!({ "sweep": started["sweep"] }));
        (status["is_over"] == true).then(|| assert_eq!(status["status"]["resolved"], 1, "{status}"))
    });
    for (sent, why) in [
        (json!({ "rev": "nope" }), "nope"),
        (json!({ "ladder": "nope" }), "nope"),
        (json!({ "files": ["/etc/passwd"] }), "repository's root"),
        (json!({ "files": vec!["a"; 101] }), "at most 100"),
    ] {
        let said = writes.refused("start_review", &sent);
        assert!(said.contains(why), "{said}");
    }
    reads.leave();
    writes.leave();
}

#[test]
fn what_can_not_be_answered_is_told_and_the_server_goes_on() {
    let mut w = World::reviewed();
    let mut client = w.client(&["--write"]);
    for line in ["", "{", "nonsense", "[]", "7", "{\"jsonrpc\":\"2.0\"}", "\u{0}", "{\"id\":{}}"] {
        client.send(line);
    }
    // Longer than any message may be.
    client.send(&format!("{{\"x\":\"{}\"}}", "x".repeat(5 << 20)));
    let unknown = client.ask("tools/call", &json!({ "name": "rm", "arguments": {} }));
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    assert!(unknown["error"]["message"].as_str().unwrap().contains("findings, review"));
    let method = client.ask("resources/nothing", &json!({}));
    assert_eq!(method["error"]["code"], -32601, "{method}");
    for (tool, sent, why) in [
        ("findings", json!({ "paths": "x" }), "unknown field `paths`, expected one of `path`"),
        ("findings", json!({ "limit": "many" }), "invalid type"),
        ("findings", json!({ "state": "lost" }), "unknown variant `lost`"),
        ("findings", json!({ "path": "/etc" }), "repository's root"),
        ("findings", json!({ "path": "x".repeat(70_000) }), "at most 65536"),
        ("review", json!({}), "missing field `path`; it takes: path, sweep"),
        ("review", json!({ "path": "src/a/w.rs" }), "src/a/"),
        ("review", json!({ "path": "x.rs", "sweep": "ffff" }), "no sweep is called 'ffff'"),
        ("dismiss_finding", json!({ "id": "0123456789abcdef", "why": "x" }), "no finding"),
        ("dismiss_finding", json!({ "id": "", "why": "x" }), "`id` is empty"),
        ("dismiss_finding", json!({ "id": "0", "why": " " }), "the reason is empty"),
        ("dismiss_finding", json!({ "id": "0", "why": "x".repeat(1_001) }), "1000 characters"),
        ("dismiss_finding", json!({ "id": "0", "why": "x", "days": 0 }), "`days`"),
    ] {
        let said = client.refused(tool, &sent);
        assert!(said.contains(why), "{tool} {why}: {said}");
    }
    // Redis goes and comes back: calls say so meanwhile, and nothing else is lost.
    w.server.kill9();
    let away = client.refused("findings", &json!({}));
    assert!(
        away.contains("Redis does not answer") && away.contains("nothing was changed"),
        "{away}"
    );
    w.server.restart();
    eventually(PATIENCE, "it answers again", || {
        let told = client.ask("tools/call", &json!({ "name": "findings", "arguments": {} }));
        (told["result"]["isError"] != true).then_some(())
    });
    client.leave();
    // A repository that nobody has reviewed, and none at all.
    let other = TestRepo::with_files(1);
    let mut client = Client::start(&w.bench, &other, &[]);
    let unknown = client.refused("findings", &json!({}));
    assert!(unknown.contains("nothing is remembered"), "{unknown}");
    let none = client.refused("review", &json!({ "path": "src/f0.rs" }));
    assert!(none.contains("no sweep has reviewed this repository yet"), "{none}");
    let theirs = w.bench.run(&["status", "--json"]).expect(0).stdout;
    let theirs: Value = serde_json::from_str(&theirs).unwrap();
    let theirs = theirs["sweeps"][0]["id"].as_str().unwrap();
    let other = client.refused("sweep_status", &json!({ "sweep": theirs }));
    assert!(other.contains("another repository"), "{other}");
    client.leave();
}

/// A Python with the official client, in the target directory; `None` where it can't be had.
fn official() -> Option<PathBuf> {
    let dir = std::env::current_exe().ok()?.ancestors().nth(3)?.join("mcp-client");
    let python = dir.join("bin/python");
    let runs = |python: &Path, args: &[&str]| {
        Command::new(python).args(args).output().is_ok_and(|done| done.status.success())
    };
    if !runs(&python, &["-c", "import mcp"]) {
        let made = runs(Path::new("python3"), &["-m", "venv", dir.to_str()?]);
        let pip = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "mcp==2.3.0"];
        if !made || !runs(&python, &pip) {
            return None;
        }
    }
    Some(python)
}

#[test]
fn the_official_client_lists_reads_and_dismisses() {
    let Some(python) = official() else {
        eprintln!(
            "SKIPPED: the package mcp can't be had from PyPI here; `scrum mcp` is not tried with it"
        );
        return;
    };
    let w = World::reviewed();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("flow/mcp/official.py");
    // The client passes on little of the environment: a shell has it.
    let mut command = w.bench.command("scrum");
    let env: Vec<_> =
        command.get_envs().map(|(k, v)| (k.to_owned(), v.map(ToOwned::to_owned))).collect();
    command = Command::new(&python);
    command.arg(&script).arg("env");
    for (key, value) in env {
        if let Some(value) = value {
            command.arg(format!("{}={}", key.to_string_lossy(), value.to_string_lossy()));
        }
    }
    command.arg(program("scrum")).args(["mcp", w.repo.path().to_str().unwrap()]);
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{said}");
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    for which in ["reads", "writes"] {
        let told = &told[which];
        let tools: Vec<&str> =
            told["tools"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(tools.len(), 8, "{told}");
        let found = names(&told["findings"][0]["findings"], "file");
        assert_eq!(found, ["src/a/x.rs", "src/a/y.rs"], "{told}");
        assert_eq!(told["fingerprints"][0]["fingerprints"][0]["flag"], "OffByOne", "{told}");
        assert_eq!(told["review"][0]["file"], "src/a/x.rs", "{told}");
    }
    let refused = told["reads"]["dismiss_finding"][0]["error"].as_str().unwrap();
    assert!(refused.contains("--write"), "{refused}");
    assert_eq!(told["reads"]["findings"][1], told["reads"]["findings"][0]);
    let left = names(&told["writes"]["findings"][1]["findings"], "file");
    assert_eq!(left, ["src/a/y.rs"], "the dismissed one is gone");
}
