//! What the commands of a page meet: a home with a repository and the files that the pages show, a
//! fleet's Redis, and a server of models.

use super::{blocks, root};
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, answers};
use scrum_tests::process::program;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::collections::HashMap;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(180);
/// What the pages write where a reader has an address of their own.
const REDIS_ON_PAGES: &str = "redis://scrum:$SCRUM_REDIS_PASSWORD@127.0.0.1:6379";
const MODEL_ON_PAGES: &str = "http://127.0.0.1:8080/v1";
const PASSWORD: &str = "0123456789abcdef";
/// The server's socket and directory on the pages.
const SOCKET_ON_PAGES: &str = "/run/redis/redis.sock";
const DATA_ON_PAGES: &str = "/var/lib/redis/";
/// Nothing listens there, whatever this machine runs.
const NOWHERE: &str = "http://127.0.0.1:9";

/// A shell and all that it starts; killed when dropped.
struct Shell(Child);

impl Drop for Shell {
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.0.wait();
    }
}

/// Runs the script of a page in a world of its own: how it ended, and what it printed.
pub fn run(script: &str, page: &str, files: &[(String, String)]) -> (ExitStatus, String) {
    let server = RedisServer::alone();
    let address = with_password(&server);
    let stub = model_server();
    // Who pulls a model has an Ollama.
    let pulls = blocks(page).iter().any(|(_, b)| b.iter().any(|l| l.starts_with("$ ollama pull ")));
    let ollama = if pulls { stub.ollama_url() } else { NOWHERE.to_owned() };
    let repo = TestRepo::with_files(3);
    let home = home(files, &repo, &stub.openai_url());
    let log = home.path().join("transcript");
    let out = std::fs::File::create(&log).unwrap();
    let programs = program("scrum").parent().unwrap().to_owned();
    assert!(program("scrum-worker").is_file());
    let path = std::env::var("PATH").unwrap();
    let mut shell = Command::new("bash");
    shell
        .args(["--norc", "--noprofile", "-c"])
        .arg(
            script
                .replace(REDIS_ON_PAGES, &address)
                .replace(SOCKET_ON_PAGES, server.socket().to_str().unwrap())
                .replace(
                    DATA_ON_PAGES,
                    server.appendonlydir().with_file_name("").to_str().unwrap(),
                ),
        )
        .env_clear()
        .env("SCRUM_REDIS_PASSWORD", PASSWORD)
        .env("HOME", home.path())
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("LANG", "C.UTF-8")
        .env("SCRUM__PROVIDERS__OLLAMA__BASE_URL", ollama)
        .env("SCRUM__PROVIDERS__OLLAMA_CLOUD__BASE_URL", stub.ollama_url())
        .current_dir(home.path().join("src/app"))
        .stdin(Stdio::null())
        .stdout(out.try_clone().unwrap())
        .stderr(out)
        .process_group(0);
    let mut shell = Shell(shell.spawn().unwrap());
    let status = eventually(LONG, "the page's commands end", || shell.0.try_wait().unwrap());
    (status, std::fs::read_to_string(&log).unwrap())
}

/// What the patch model proposes for `src/f1.rs`.
const PATCH: &str = r#"{"patches": [{"old_string": "/// Reads a number.", "new_string": "/// Reads a number; panics at others.", "rationale": "callers must know that it panics", "confidence": 96}]}"#;

/// The models of `team.toml` and others. The small one of that ladder is no good at `src/f1.rs`, and
/// neither of them is at `src/f2.rs` until it is tried a third time.
fn model_server() -> ModelStub {
    let calls: Mutex<HashMap<&str, u32>> = Mutex::default();
    let stub = ModelStub::with(move |call: &Recorded| {
        if call.prompt.contains("# Findings of the review") {
            return Reply::ok(PATCH);
        }
        if call.system.starts_with("You review a change") {
            return Reply::ok(
                "Each line that is added was checked.\n\nVERDICT: ship, nothing breaks",
            );
        }
        if let Some(facts) = answers::facts_or(&call.system) {
            return Reply::ok(facts);
        }
        let file = ["src/f1.rs", "src/f2.rs"].into_iter().find(|f| call.prompt.contains(f));
        let good = match (file, call.model.as_str()) {
            (Some("src/f1.rs"), model) => model != "qwen3-4b",
            (Some(file), "qwen3-4b" | "qwen3-30b") => {
                let mut calls = calls.lock().unwrap();
                let n = calls.entry(file).or_default();
                *n += 1;
                *n > 2
            }
            _ => true,
        };
        let quotes = answers::code_quotes_from(&call.prompt, 3);
        let quotes: Vec<&str> = quotes.iter().map(String::as_str).collect();
        let review = answers::markdown_review_quoting("the file", &quotes);
        // One review is sure enough to be applied.
        let sure = ["85%", "75%", "92%"].iter().fold(review.clone(), |r, c| r.replace(c, "95%"));
        Reply::ok(match (good, file) {
            (false, _) => answers::thin(),
            (true, Some("src/f1.rs")) => sure,
            (true, _) => review,
        })
    });
    stub.set_models(&["qwen3.5:latest"]);
    stub
}

/// A home with the repository that the pages speak of, and the files that they show.
fn home(files: &[(String, String)], repo: &TestRepo, model_url: &str) -> tempfile::TempDir {
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
    repo.write("docs/lint.sarif", br#"{"version":"2.1.0","runs":[]}"#);
    repo.write(".scrumignore", b"docs/\n.scrumignore\n");
    repo.commit("documents");
    // So that HEAD~1 has the files too; the documents stay out of the reviews.
    repo.git(&["commit", "-q", "--allow-empty", "-m", "later"]);
    for (name, text) in files {
        repo.write(name, text.replace(MODEL_ON_PAGES, model_url).as_bytes());
    }
    let home = tempfile::Builder::new().prefix("sf").tempdir().unwrap();
    std::fs::create_dir(home.path().join("src")).unwrap();
    std::os::unix::fs::symlink(repo.path(), home.path().join("src/app")).unwrap();
    home
}

/// Gives the server the user that the guide speaks of, and nobody else; its address for a shell.
fn with_password(server: &RedisServer) -> String {
    let mut admin = server.connection();
    let mut ask = |words: &[&str]| redis::cmd(words[0]).arg(&words[1..]).query::<()>(&mut admin);
    let guide = std::fs::read_to_string(root().join("docs/fleet.md")).unwrap();
    let user = guide.lines().find(|l| l.starts_with("user scrum on")).unwrap();
    let user = user.replace("user ", "ACL SETUSER ").replace("PASSWORD", PASSWORD);
    ask(&user.split(' ').collect::<Vec<_>>()).unwrap();
    ask(&["ACL", "SETUSER", "admin", "on", &format!(">{PASSWORD}"), "~*", "&*", "+@all"]).unwrap();
    ask(&["ACL", "SETUSER", "default", "off"]).unwrap();
    format!("{}?user=scrum&pass=$SCRUM_REDIS_PASSWORD", server.url())
}
