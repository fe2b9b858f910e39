//! Who is turned away, with a line in the audit log each; and whatever else may be sent breaks nothing.

use queue_schema::ids::sha256_hex;
use scrum_tests::process::{Bench, long_form};
use scrum_tests::redis::RedisServer;
use scrum_tests::scene::Scene;
use scrum_tests::web::{FORM, Web};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A token whose time is over, and one whose time is not.
const OVER: &str = "a-token-that-was-good-once";
const GOOD: &str = "a-token-that-is-good-still";

fn settings() -> String {
    let token = |name: &str, text: &str, expires: &str| {
        let hash = sha256_hex(text.as_bytes());
        format!("[web.tokens.{name}]\nsha256 = '{hash}'\nexpires = '{expires}'\n")
    };
    let hosts = "[web]\nhosts = ['fleet.example']\n";
    format!(
        "{hosts}{}{}",
        token("old", OVER, "2020-01-31"),
        token("ci", GOOD, "2999-12-31T00:00:00Z")
    )
}

#[test]
fn whoever_is_turned_away_leaves_a_line_in_the_audit_log() {
    let server = RedisServer::start();
    let bench = Bench::new(Some(server.url()), &settings());
    let web = Web::start(&bench);
    let own = format!("Host: {}\r\n", web.address);
    let far = "Host: fleet.example\r\n";
    let form = format!("{own}Origin: http://{}\r\n{FORM}\r\n", web.address);
    let log = || std::fs::read_to_string(bench.dir.path().join("web.log")).unwrap_or_default();
    let lines = |log: &str| {
        log.lines().filter(|line| line.contains("audit: ")).map(str::to_owned).collect::<Vec<_>>()
    };
    for (headers, body, status, why, word) in [
        (
            far.to_owned(),
            "{}",
            401,
            "send the token of this server",
            "no token from another address",
        ),
        (
            format!("{own}Origin: https://evil.example\r\n"),
            "{}",
            403,
            "another origin",
            "a foreign origin",
        ),
        ("Host: evil.example\r\n".to_owned(), "{}", 421, "web.hosts", "a foreign host"),
        (
            format!("{far}Authorization: Bearer {OVER}\r\n"),
            "{}",
            401,
            "'old' has expired",
            "an expired token",
        ),
        (
            format!("{own}Authorization: Bearer {OVER}\r\n"),
            "{}",
            401,
            "'old' has expired",
            "on this machine too",
        ),
        (
            format!("{far}Authorization: Bearer nothing-of-ours\r\n"),
            "{}",
            401,
            "no token of this server",
            "another token",
        ),
        (form.clone(), "why=x", 403, "none of ours", "no CSRF token"),
        (
            format!("{form}Authorization: Bearer {GOOD}\r\n"),
            "word=0123&why=x",
            403,
            "none of ours",
            "another one",
        ),
    ] {
        let before = lines(&log()).len();
        let refused = web.send("POST", "/letters/x/discard", &headers, body);
        assert_eq!(refused.status, status, "{word}: {refused:?}");
        assert!(refused.json["error"].as_str().unwrap().contains(why), "{word}: {refused:?}");
        let told = lines(&log())[before..].to_vec();
        assert_eq!(told.len(), 1, "{word}: {told:?}");
        for wanted in ["audit: refused", why, "/letters/x/discard", "from=127.0.0.1"] {
            assert!(told[0].contains(wanted), "{word}: {told:?}");
        }
    }
    // By its name, a good one is let through, and known in the log.
    let known = web.send(
        "POST",
        "/event",
        &format!("{far}Authorization: Bearer {GOOD}\r\n"),
        &super::event(),
    );
    assert_eq!(known.status, 200, "{known:?}");
    let log = log();
    assert!(
        log.lines().any(|line| line.contains("audit: changed") && line.contains("token ci")),
        "{log}"
    );
    for secret in [OVER, GOOD, "nothing-of-ours"] {
        assert!(!log.contains(secret), "{log}");
    }
}

/// schemathesis, in the target directory; `None` where it can't be had.
fn schemathesis() -> Option<PathBuf> {
    let dir = std::env::current_exe().ok()?.ancestors().nth(3)?.join("schemathesis");
    let program = dir.join("bin/schemathesis");
    let runs = |program: &Path, args: &[&str]| {
        Command::new(program).args(args).output().is_ok_and(|done| done.status.success())
    };
    if !runs(&program, &["--version"]) {
        let made = runs(Path::new("python3"), &["-m", "venv", dir.to_str()?]);
        let pip =
            ["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "schemathesis==4.32.5"];
        if !made || !runs(&dir.join("bin/python"), &pip) {
            return None;
        }
    }
    Some(program)
}

/// All routes, with whatever the document allows and what it does not: nothing is answered with a 5xx but the gateway's
/// words for a provider that fails.
#[test]
fn no_request_breaks_the_server() {
    let Some(program) = schemathesis() else {
        eprintln!(
            "SKIPPED: schemathesis can't be had from PyPI here; routes are not tried with it"
        );
        return;
    };
    let long = long_form();
    let mut scene = Scene::reviewed();
    // So that decisions are tried, and not only counted.
    scene.bench =
        scene.bench.set("web.decisions_per_minute", "100000").set("gateway.enabled", "true");
    let web = scene.web();
    let (seconds, examples) = if long { ("600", "2000") } else { ("20", "8") };
    let mut command = Command::new(program);
    command
        .args([
            "run",
            &format!("http://{}/openapi.json", web.address),
            "--checks",
            "not_a_server_error",
        ])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--mode",
            "all",
            "--max-examples",
            examples,
        ])
        .args(["--max-time", seconds, "--seed", "7", "--generation-database", "none", "--no-color"])
        .args(["--workers", "2", "--continue-on-failure", "--suppress-health-check", "all"])
        .current_dir(scene.bench.dir.path());
    let done = command.output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{told}{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(web.ask("GET", "/health", "").status, 200, "it still serves");
    assert!(!scene.web_log().contains("panicked"), "{}", scene.web_log());
}
