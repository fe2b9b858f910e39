//! Hostile text from every side, and what reaches a terminal, a report and a file's name of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use queue_schema::keys;
use scrum_tests::model_stub::{ModelStub, Recorded, Reply, answers};
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// A title for the terminal, an erasure of it (in 8 bits), a text turned round, an isolate, characters
/// without width, a hidden tag, and a line that looks like one of ours.
const EVIL: &str = "<\u{1b}]0;owned\u{7}\u{9b}2J\u{202e}\u{2066}\u{200b}\u{ad}\u{feff}\u{e0041}>";

/// Where each of [`EVIL`] stands in a text that should hold none of it.
#[track_caller]
fn inert(what: &str, text: &str) {
    for (at, c) in text.char_indices() {
        let bad = c.is_control() && c != '\n' && c != '\t'
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}');
        if bad {
            let start = text[..at].rfind('\n').map_or(0, |i| i + 1);
            let line = text[start..].lines().next().unwrap_or_default();
            panic!("{what} shows {c:?} in {line:?}");
        }
    }
}

/// As [`inert`], and somebody who reads it sees that something was there.
#[track_caller]
fn inert_and_seen(what: &str, text: &str) {
    inert(what, text);
    // Of answers some marks are dropped before they are judged.
    let seen = ["u{202e}", "u202e", "u{ad}", "u00ad", r"\xe2\x80\xae"];
    assert!(seen.iter().any(|s| text.contains(s)), "{what} hides it: {text}");
}

/// What a command printed; `is_shown` where the hostile text is part of it.
#[track_caller]
fn judge(args: &[&str], is_shown: bool, text: &str) {
    let check = if is_shown { inert_and_seen } else { inert };
    check(&format!("{args:?}"), text);
}

fn evil_path(name: &str) -> String {
    // A slash would make folders; the ends of the escapes stay.
    format!("src/{name}{EVIL}.rs")
}

/// A repository whose names, sources and patterns are hostile.
fn repo() -> TestRepo {
    let repo = TestRepo::new();
    for name in ["good", "thin", "deny"] {
        let source = format!("pub fn {name}() -> usize {{ // {EVIL} is quoted\n    1\n}}\n");
        repo.write(&evil_path(name), source.as_bytes());
    }
    repo.write(&format!("data{EVIL}.bin"), b"\0\0");
    repo.write(".scrumignore", format!("[z-a{EVIL}]/\n").as_bytes());
    repo.commit("hostile");
    repo
}

/// A model that answers with the same.
fn stub() -> ModelStub {
    ModelStub::with(|call: &Recorded| {
        if call.prompt.contains("fn deny") {
            let error = serde_json::json!({ "error": { "message": format!("no {EVIL}\nforged") } });
            return Reply::status(400, error.to_string());
        }
        if call.prompt.contains("fn thin") {
            return Reply::ok(format!("{EVIL} looks fine to me."));
        }
        let quote = format!("// {EVIL} is quoted");
        let review = answers::markdown_review_quoting("any", &[&quote, &quote]);
        let review = review.replace("The error of the parser", &format!("## {EVIL} The error"));
        Reply::ok(review.replace("return the error", &format!("[{EVIL}](x) {EVIL}")))
    })
}

/// All files below a directory: names and contents.
fn files(dir: &Path) -> Vec<(String, String)> {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let text = std::fs::read(entry.path()).unwrap();
            (entry.file_name().into_string().unwrap(), String::from_utf8(text).unwrap())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_from_repositories_and_models_is_escaped() {
    let server = RedisServer::alone();
    let (repo, stub) = (repo(), stub());
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"]);
    let ladder = "name = 'L'\n[[rungs]]\nprovider = 'stub'\nmodel = 'm\u{200b}\u{202e}'\n";
    std::fs::write(bench.ladder(), ladder).unwrap();
    let (label, out) = (format!("who={EVIL}"), bench.out());
    let worker = bench.worker(&[]);
    let more = ["--label", &label, "--wait", "--out", out.to_str().unwrap()];
    let done = bench.sweep(&repo, &more).expect(1);
    inert_and_seen("what the sweep says", &done.stdout);
    inert_and_seen("what the sweep tells", &done.stderr);
    worker.terminate(LONG);

    // The report: names of files, Markdown, and JSON whose values are what they were.
    let files = files(&out);
    let reviews = files.iter().filter(|(name, _)| name.starts_with("review_"));
    assert_eq!(
        reviews.count(),
        8,
        "a page and a row for each: {:?}",
        files.iter().map(|f| &f.0).collect::<Vec<_>>()
    );
    for (name, text) in &files {
        inert(name, name);
        inert(name, text);
    }
    let file = |name: &str| &files.iter().find(|(n, _)| n == name).unwrap().1;
    let report = file("scrum_report.md");
    inert_and_seen("the report", report);
    let rows: Vec<Value> =
        file("scrum_reviews.jsonl").lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let good = evil_path("good");
    assert!(rows.iter().any(|row| row["file"] == *good), "the path itself");
    // A viewer of SARIF shows what the JSON means.
    let sarif: Value = serde_json::from_str(file("scrum.sarif")).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert!(!results.is_empty());
    let mut said = String::new();
    for result in results {
        let place = &result["locations"][0]["physicalLocation"];
        for (what, text) in [
            ("a message of SARIF", &result["message"]["text"]),
            ("an address in SARIF", &place["artifactLocation"]["uri"]),
            ("a snippet in SARIF", &place["region"]["snippet"]["text"]),
        ] {
            inert(what, text.as_str().unwrap_or_default());
            said.push_str(text.as_str().unwrap_or_default());
        }
    }
    inert_and_seen("SARIF", &said);

    // A person looks on.
    let letters = bench.run(&["dlq", "list", "--json"]).expect(0).stdout;
    let letters: Vec<Value> = serde_json::from_str(&letters).unwrap();
    let letter = letters.first().unwrap()["id"].as_str().unwrap();
    for (args, is_shown) in [
        (&["status"][..], true),
        (&["status", "latest"], true),
        (&["status", "--json"], false),
        (&["dlq", "list"], true),
        (&["dlq", "list", "--json"], true),
        (&["dlq", "show", letter], true),
        (&["dlq", "show", letter, "--json"], true),
        (&["dlq", "export"], true),
        (&["metrics"], false),
        (&["models"], true),
        (&["models", "--json"], true),
    ] {
        let done = bench.run(args);
        assert_ne!(done.code, 2, "{args:?}: {}", done.stderr);
        judge(args, is_shown, &(done.stdout + &done.stderr));
    }
    inert_and_seen("the log of the worker", &bench.worker_log());

    // The same as JSON.
    std::fs::remove_file(bench.dir.path().join("worker.log")).unwrap();
    let _worker = bench.worker_with(&[], |command| {
        command.env("SCRUM__LOG__FORMAT", "json");
    });
    bench.run(&["dlq", "retry", "--limit", "0"]).expect(0);
    let log = eventually(LONG, "an attempt is logged", || {
        Some(bench.worker_log()).filter(|log| log.contains("\"attempt\"") && log.contains("202e"))
    });
    inert_and_seen("the log as JSON", &log);
    for line in log.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{e}: {line:?}"));
    }
}

#[test]
fn hostile_text_in_redis_is_escaped() {
    let server = RedisServer::alone();
    let bench = Bench::new(Some(server.url()), "");
    let repo = TestRepo::with_files(1);
    let path = repo.path().to_str().unwrap();
    let id = bench.run(&["sweep", path, "--ladder", "builtin"]).expect(0).stdout;
    let id = id.trim();
    let mut conn = server.connection();
    let now: (u64, u64) = redis::cmd("TIME").query(&mut conn).unwrap();
    let now = (now.0 * 1000 + 3_600_000).to_string();
    let (worker, job) = (format!("w{EVIL}"), format!("{id}-0.rung.0{EVIL}$(id)"));
    let (record, evil) = (keys::job(&job), format!("{EVIL}\nok  all is well"));
    for words in [
        &["ZADD", "workers", &now, &worker][..],
        &["HSET", &keys::worker(&worker), "host", &evil, "pid", "1", "conc", "1"],
        &["HSET", "ready", &format!("rung:{EVIL}"), "1"],
        &["SADD", "paused", &format!("lane:{EVIL}")],
        &["HSET", &keys::alerts(id), &evil, &evil],
        &["HSET", &keys::sweep(id), "state", "failed", "error", &evil],
        &["ZADD", "dead", &now, &job],
        &["HSET", &record, "st", "dead", "p", "1", "l", &evil, "s", id, "g", "0", "dc", &evil],
        &["HSET", &record, "dr", &evil, "da", &now, "df", &now],
        &["SET", &keys::body(&job), &evil],
    ] {
        conn.ask::<redis::Value>(words);
    }
    // What is to be copied into a shell is one word of it, and no command.
    let shown = bench.run(&["dlq", "show", &job]).expect(0).stdout;
    let again = shown.lines().find_map(|l| l.strip_prefix("try again: ")).unwrap();
    let script = format!("scrum() {{ printf %s \"$3\"; }}; {again}");
    let out = std::process::Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout), job, "{again}");
    for (args, is_shown) in [
        (&["status"][..], true),
        (&["status", id], true),
        (&["status", "--json"], true),
        (&["dlq", "list"], true),
        (&["dlq", "show", &job], true),
        (&["dlq", "export"], true),
        (&["dlq", "retry", &job], false),
        (&["doctor", "--queue"], true),
        (&["report", id], true),
        (&["apply", id], false),
        (&["sweep", path, "--ladder", "builtin"], false),
    ] {
        let done = bench.run(args);
        let both = done.stdout + &done.stderr;
        judge(args, is_shown, &both);
        let forged = both.lines().any(|line| line.starts_with("ok  all is well"));
        assert!(!forged, "{args:?} shows a line that is none of ours: {both}");
    }
}

#[test]
fn hostile_text_in_arguments_and_settings_is_escaped() {
    let server = RedisServer::alone();
    let bench = Bench::new(Some(server.url()), "");
    let repo = TestRepo::with_files(1);
    let path = repo.path().to_str().unwrap();
    bench.run(&["sweep", path, "--ladder", "builtin"]).expect(0);
    let with = |text: &str| text.replace('@', EVIL);
    for (program, args) in [
        ("scrum", vec!["@"]),
        ("scrum", vec!["status", "--@"]),
        ("scrum", vec!["run", path, "--budget-usd", "@"]),
        ("scrum", vec!["run", path, "--workers", "@"]),
        ("scrum", vec!["run", path, "--priority", "@"]),
        ("scrum", vec!["run", path, "--label", "@"]),
        ("scrum", vec!["run", path, "--rev", "@"]),
        ("scrum", vec!["run", path, "--ladder", "@"]),
        ("scrum", vec!["run", path, "--policy", "@"]),
        ("scrum", vec!["run", path, "--prd", "@"]),
        ("scrum", vec!["run", path, "--target", "@["]),
        ("scrum", vec!["run", "/no/such/@"]),
        ("scrum", vec!["run", "https://host/@\nrm"]),
        ("scrum", vec!["run", "https://name:word@host/@"]),
        ("scrum", vec!["status", "@"]),
        ("scrum", vec!["dlq", "show", "@"]),
        ("scrum", vec!["dlq", "list", "--since", "@"]),
        ("scrum", vec!["kb", "schema", "@"]),
        ("scrum", vec!["kb", "query", "@"]),
        ("scrum", vec!["status", "--redis", "redis://@:x/"]),
        ("scrum", vec!["status", "--redis", "redis://127.0.0.1:1/@"]),
        ("scrum", vec!["status", "--config", "/no/@"]),
        ("scrum-worker", vec!["@"]),
        ("scrum-worker", vec!["--concurrency", "@"]),
        ("scrum-worker", vec!["--redis", "redis://@:x/"]),
        ("scrum-worker", vec!["models", "@"]),
    ] {
        let args: Vec<String> = args.into_iter().map(with).collect();
        let out = bench.command(program).args(&args).output().unwrap();
        let told = String::from_utf8(out.stderr).unwrap();
        assert_eq!(out.status.code(), Some(2), "{program} {args:?}: {told}");
        inert_and_seen(&format!("{program} {args:?}"), &told);
        assert!(!told.lines().any(|l| l.starts_with("rm")), "{told}");
        inert(program, &String::from_utf8(out.stdout).unwrap());
    }
    // TOML has an escape for each character.
    let mut escaped = String::new();
    for c in EVIL.chars() {
        write!(escaped, "\\U{:08x}", u32::from(c)).unwrap();
    }
    for settings in
        ["[queue.\"@\"]\nx = 1\n", "[queue]\n\"lease_ms@\" = 1\n", "[log]\nformat = \"@\"\n"]
    {
        let file = bench.dir.path().join("wrong.toml");
        std::fs::write(&file, settings.replace('@', &escaped)).unwrap();
        let told = bench.run(&["status", "--config", file.to_str().unwrap()]).expect(2).stderr;
        inert_and_seen(settings, &told);
    }
    let out =
        bench.command("scrum").arg("status").env("SCRUM__LOG__FILTER", EVIL).output().unwrap();
    inert_and_seen("log.filter", &String::from_utf8(out.stderr).unwrap());
}

/// A server that refuses every command, in words of its own.
#[test]
fn hostile_text_in_errors_of_redis_is_escaped() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            std::thread::spawn(move || {
                let mut buffer = [0; 4096];
                while let Ok(1..) = stream.read(&mut buffer) {
                    let n = String::from_utf8_lossy(&buffer).matches('*').count().max(1);
                    let refusal = format!("-ERR {EVIL}\r\n").repeat(n);
                    if stream.write_all(refusal.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    let bench = Bench::new(Some(url), "");
    let done = bench.run(&["status"]).expect(2);
    inert_and_seen("an error of Redis", &done.stderr);
    let done = bench.run(&["doctor"]);
    inert_and_seen("scrum doctor", &(done.stdout + &done.stderr));
    let out = bench.command("scrum-worker").arg("health").output().unwrap();
    inert_and_seen("scrum-worker health", &String::from_utf8(out.stderr).unwrap());
}

/// On a terminal there are colours and a bar, of our own and of nobody else's.
#[test]
fn on_a_terminal_the_only_escapes_are_ours() {
    let server = RedisServer::alone();
    let bench = Bench::new(Some(server.url()), "");
    let repo = TestRepo::with_files(1);
    let scrum = bench.command("scrum").get_program().to_str().unwrap().to_owned();
    let path = repo.path().to_str().unwrap();
    for (args, is_coloured) in [
        (format!("run '{path}' --priority '{EVIL}'"), true),
        (format!("sweep '{path}' --ladder builtin --label 'x={EVIL}' --rev '{EVIL}'"), false),
        (format!("run '/no/such/{EVIL}'"), false),
    ] {
        let mut command = std::process::Command::new("script");
        command.args(["-qec", &format!("{scrum} {args}"), "/dev/null"]);
        for (name, value) in bench.command("scrum").get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let out = command.env("TERM", "xterm").env_remove("NO_COLOR").output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        assert_eq!(text.contains("\u{1b}[31m"), is_coloured, "{text:?}");
        inert_and_seen(&args, &without_ours(&text));
    }
}

/// Without colours, without the erasures and line ends of a bar.
fn without_ours(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(part.len());
        let rest = part[digits..].strip_prefix(['m', 'K']).unwrap_or("\u{1b}");
        out.push_str(rest);
    }
    out.replace('\r', "\n")
}
