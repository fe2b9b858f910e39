//! Every command of the README is run, in order, in one shell; those that can't be (they build,
//! install, or start containers) are checked in another way. A command that is neither fails.
//!
//! In a ```console block a line that starts with `$ ` is a command; the lines below it are what it
//! prints, where `...` stands for any lines. A command may end in a comment that names its exit
//! code: `# exit code 1`. A ```toml block whose first line is `# NAME.toml` is that file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use scrum_tests::model_stub::{ModelStub, Recorded, Reply, answers};
use scrum_tests::process::program;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(180);
/// What the README writes where a reader has an address of their own.
const REDIS_IN_README: &str = "redis://scrum:$SCRUM_REDIS_PASSWORD@127.0.0.1:6379";
const MODEL_IN_README: &str = "http://127.0.0.1:8080/v1";
const PASSWORD: &str = "0123456789abcdef";
/// Nothing listens there, whatever this machine runs.
const NOWHERE: &str = "http://127.0.0.1:9";
/// Stands before the number of a command in the transcript.
const MARK: char = '\u{1}';

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// A fenced block: what stands behind the fence, and its lines.
fn blocks(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let body = lines.by_ref().take_while(|l| *l != "```").map(str::to_owned).collect();
        found.push((kind.to_owned(), body));
    }
    found
}

/// One command with what the README says of it.
#[derive(Debug)]
struct Step {
    line: String,
    code: i32,
    shown: Vec<String>,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (kind, body) in blocks(text) {
        if kind != "console" {
            continue;
        }
        assert!(body[0].starts_with("$ "), "a console block starts with a command: {body:?}");
        for line in body {
            if let Some(command) = line.strip_prefix("$ ") {
                let code =
                    command.rsplit_once("# exit code ").map_or(0, |(_, n)| n.parse().unwrap());
                steps.push(Step { line: command.to_owned(), code, shown: Vec::new() });
            } else {
                steps.last_mut().unwrap().shown.push(line);
            }
        }
    }
    steps
}

/// Checks a command that can't be run here. False when it is one to be run.
fn checked_instead(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["make", targets @ ..] => {
            assert!(!targets.is_empty(), "{line}");
            let dry = Command::new("make").arg("-n").args(targets).current_dir(root()).output();
            let dry = dry.unwrap();
            assert!(dry.status.success(), "{line}: {}", String::from_utf8_lossy(&dry.stderr));
        }
        ["cargo", "install", "--locked", "--path", path] => {
            let manifest = std::fs::read_to_string(root().join(path).join("Cargo.toml")).unwrap();
            let manifest: toml::Table = manifest.parse().unwrap();
            let named = manifest.get("bin").and_then(|b| b[0].get("name")?.as_str());
            let name = named.expect("the package names its program");
            assert!(program(name).is_file(), "{line}: {name} is not a program of the workspace");
        }
        ["docker", "compose", rest @ ..] => check_compose(line, rest),
        _ => return false,
    }
    true
}

fn check_compose(line: &str, words: &[&str]) {
    let file = std::fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    let services = file.split("\nservices:\n").nth(1).unwrap();
    let has = |name: &str| {
        assert!(services.contains(&format!("\n  {name}:\n")), "{line}: no service '{name}'");
    };
    match words {
        ["up", options @ ..] => {
            for option in options {
                match option.split_once('=') {
                    Some((service, n)) => {
                        has(service);
                        assert!(n.parse::<u8>().is_ok(), "{line}");
                    }
                    None => assert!(["-d", "--build", "--scale"].contains(option), "{line}"),
                }
            }
        }
        ["run", "--rm", "scrum", arguments @ ..] => {
            has("scrum");
            // The command line is taken: `--help` after it looks at all before it.
            let help = Command::new(program("scrum")).args(arguments).arg("--help").output();
            let help = help.unwrap();
            assert!(help.status.success(), "{line}: {}", String::from_utf8_lossy(&help.stderr));
        }
        ["logs", service] => has(service),
        ["down"] => {}
        _ => panic!("nobody checks: {line}"),
    }
}

/// The script: each command between marks, its exit code held against the README's.
fn script(steps: &[Step]) -> String {
    let mut script = String::from("set -uo pipefail\n");
    for (i, step) in steps.iter().enumerate() {
        let Step { line, code, .. } = step;
        let _ = write!(
            script,
            "printf '\\n{MARK}{i}\\n'\n{line}\ncode=$?\n\
             [ $code -eq {code} ] || {{ printf '\\n{MARK}bad %s\\n' $code; exit 1; }}\n"
        );
    }
    script
}

/// A shell and all that it starts; killed when dropped.
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

/// What the patch model proposes for `src/f1.rs`.
const PATCH: &str = r#"{"patches": [{"old_string": "/// Reads a number.", "new_string": "/// Reads a number; panics at others.", "rationale": "callers must know that it panics", "confidence": 96}]}"#;

/// The model server of the README's own ladder. The small model is no good at `src/f1.rs`, and
/// nobody is at `src/f2.rs` until it is tried a third time.
fn model_server() -> ModelStub {
    let calls: Mutex<HashMap<&str, u32>> = Mutex::default();
    ModelStub::with(move |call: &Recorded| {
        if call.prompt.contains("# Findings of the review") {
            return Reply::ok(PATCH);
        }
        if let Some(facts) = answers::facts_or(&call.system) {
            return Reply::ok(facts);
        }
        let file = ["src/f1.rs", "src/f2.rs"].into_iter().find(|f| call.prompt.contains(f));
        let good = match (file, call.model.as_str()) {
            (Some("src/f1.rs"), model) => model == "qwen3-30b",
            (Some(file), _) => {
                let mut calls = calls.lock().unwrap();
                let n = calls.entry(file).or_default();
                *n += 1;
                *n > 2
            }
            _ => true,
        };
        let quotes = answers::quotes_from(&call.prompt, 3);
        let quotes: Vec<&str> = quotes.iter().map(String::as_str).collect();
        let review = answers::markdown_review_quoting("the file", &quotes);
        // One review is sure enough to be applied.
        let sure = ["85%", "75%", "92%"].iter().fold(review.clone(), |r, c| r.replace(c, "95%"));
        Reply::ok(match (good, file) {
            (false, _) => answers::thin(),
            (true, Some("src/f1.rs")) => sure,
            (true, _) => review,
        })
    })
}

/// A home with the repository that the README speaks of, and the files that it shows.
fn home(text: &str, repo: &TestRepo, model_url: &str) -> tempfile::TempDir {
    for (name, words) in [
        ("prd", "# PRD\n\nThe function `read_0` returns an error for text that is no number.\n"),
        (
            "proposal",
            "# Proposal\n\nLet `read_1` return a Result instead of a panic, as `read_0` does.\n",
        ),
        ("forensic", "Look for code that only pretends to work.\n"),
    ] {
        repo.write(&format!("docs/{name}.md"), words.as_bytes());
    }
    repo.write(".scrumignore", b"docs/\n.scrumignore\n");
    repo.commit("documents");
    // So that HEAD~1 has the files too; the documents stay out of the reviews.
    repo.git(&["commit", "-q", "--allow-empty", "-m", "later"]);
    for (kind, body) in blocks(text) {
        if kind == "toml" {
            let name = body[0].strip_prefix("# ").expect("the first line names the file");
            repo.write(name, body.join("\n").replace(MODEL_IN_README, model_url).as_bytes());
        }
    }
    let home = tempfile::Builder::new().prefix("sf").tempdir().unwrap();
    std::fs::create_dir(home.path().join("src")).unwrap();
    std::os::unix::fs::symlink(repo.path(), home.path().join("src/app")).unwrap();
    home
}

/// Gives the server the user that the README speaks of, and nobody else; its address for a shell.
fn with_password(server: &RedisServer) -> String {
    let mut admin = server.connection();
    let mut ask = |words: &[&str]| redis::cmd(words[0]).arg(&words[1..]).query::<()>(&mut admin);
    let guide = std::fs::read_to_string(root().join("docs/operations.md")).unwrap();
    let user = guide.lines().find(|l| l.starts_with("user scrum on")).unwrap();
    let user = user.replace("user ", "ACL SETUSER ").replace("PASSWORD", PASSWORD);
    ask(&user.split(' ').collect::<Vec<_>>()).unwrap();
    ask(&["ACL", "SETUSER", "default", "off"]).unwrap();
    format!("{}?user=scrum&pass=$SCRUM_REDIS_PASSWORD", server.url())
}

#[test]
fn every_command_of_the_readme_is_run_or_checked() {
    let text = readme();
    let all = steps(&text);
    assert!(all.len() > 20, "the README has lost its commands");
    let steps: Vec<Step> = all.into_iter().filter(|s| !checked_instead(&s.line)).collect();

    let server = RedisServer::alone();
    let address = with_password(&server);
    let stub = model_server();
    let repo = TestRepo::with_files(3);
    let home = home(&text, &repo, &stub.openai_url());
    let log = home.path().join("transcript");
    let out = std::fs::File::create(&log).unwrap();
    let programs = program("scrum").parent().unwrap().to_owned();
    assert!(program("scrum-worker").is_file());
    let path = std::env::var("PATH").unwrap();
    let mut shell = Command::new("bash");
    shell
        .args(["--norc", "--noprofile", "-c"])
        .arg(script(&steps).replace(REDIS_IN_README, &address))
        .env_clear()
        .env("SCRUM_REDIS_PASSWORD", PASSWORD)
        .env("HOME", home.path())
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("LANG", "C.UTF-8")
        .env("SCRUM__PROVIDERS__OLLAMA__BASE_URL", NOWHERE)
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(out.try_clone().unwrap())
        .stderr(out)
        .process_group(0);
    let mut shell = Shell(shell.spawn().unwrap());
    let status = eventually(LONG, "the README's commands end", || shell.0.try_wait().unwrap());
    let transcript = std::fs::read_to_string(&log).unwrap();
    assert!(status.success(), "{status}:\n{transcript}");

    for (i, step) in steps.iter().enumerate() {
        let printed = transcript.split(&format!("\n{MARK}{i}\n")).nth(1).expect("it was run");
        let printed = printed.split(MARK).next().unwrap();
        let shown = step.shown.iter().filter(|l| l.trim() != "...");
        let real: Vec<String> = printed.lines().map(blurred).collect();
        let mut from = 0;
        for line in shown {
            let at = real[from..].iter().position(|r| *r == blurred(line));
            let at = at.unwrap_or_else(|| {
                panic!("`{}` does not print {line:?} there, but:\n{printed}", step.line)
            });
            from += at + 1;
        }
    }
}

/// A line without what differs from run to run: ids, times, places.
fn blurred(line: &str) -> String {
    let hex = |word: &str| {
        let id = word.trim_end_matches([':', ',']);
        id.len() >= 10 && id.chars().all(|c| c.is_ascii_hexdigit())
    };
    let time = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_digit())
            && word.ends_with('s')
            && word.chars().all(|c| c.is_ascii_digit() || ".ms".contains(c))
    };
    line.split_whitespace()
        .map(|word| match word {
            _ if hex(word) => "ID",
            _ if time(word) => "TIME",
            _ if word.starts_with('/') => "PLACE",
            other => other,
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Commands stand in console blocks, so that the test above sees them.
#[test]
fn the_readme_has_no_commands_elsewhere() {
    for (kind, body) in blocks(&readme()) {
        assert!(["console", "toml"].contains(&kind.as_str()), "a block of kind {kind:?}: {body:?}");
    }
}

#[test]
fn what_the_readme_says_is_not_there_is_not_there() {
    let help = Command::new(program("scrum")).arg("--help").output().unwrap();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    for missing in ["diff", "audit", "memory"] {
        let there = help.lines().any(|l| l.split_whitespace().next() == Some(missing));
        assert!(!there, "`scrum {missing}` is there; take it out of \"Not there yet\"");
    }
}

#[test]
fn links_between_documents_lead_somewhere() {
    let out = Command::new("git")
        .args(["ls-files", "-co", "--exclude-standard", "*.md"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(out.status.success());
    for name in String::from_utf8(out.stdout).unwrap().lines() {
        let file = root().join(name);
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            assert!(file.parent().unwrap().join(path).exists(), "{name} links to {link}");
        }
    }
}

/// The test above has teeth: what is wrong in a README does not pass.
#[test]
fn a_command_that_is_neither_run_nor_checked_fails() {
    let ends_well = |block: &str| {
        let steps = steps(&format!("```console\n{block}\n```\n"));
        assert!(steps.iter().all(|s| !checked_instead(&s.line)));
        let path = format!("{}:{}", program("scrum").parent().unwrap().display(), "/usr/bin:/bin");
        let mut shell = Command::new("bash");
        shell.args(["-c", &script(&steps)]).env("PATH", path);
        shell.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    };
    assert!(ends_well("$ scrum --version\n$ scrum nosuch   # exit code 2"));
    assert!(!ends_well("$ scrum nosuch"));
    assert!(!ends_well("$ scrum --version   # exit code 1"));
    assert!(!ends_well("$ no-such-program\n$ scrum --version"));
    for line in [
        "make nosuch",
        "cargo install --locked --path nosuch",
        "docker compose up --scale nosuch=2",
        "docker compose exec worker sh",
        "docker compose run --rm scrum nosuch",
    ] {
        assert!(std::panic::catch_unwind(|| checked_instead(line)).is_err(), "{line}");
    }
    assert_ne!(blurred("3 of 7 files"), blurred("4 of 7 files"));
    assert_eq!(
        blurred("sweep 0123456789abcdef: in 0.2s"),
        blurred("sweep fedcba9876543210: in 3s")
    );
}
