//! The compose file: accepted by compose where there is one, and the same processes with the same
//! settings really make a fleet.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use scrum_tests::cluster::free_port;
use scrum_tests::model_stub::{ModelStub, Reply, answers};
use scrum_tests::process::{Bench, Process};
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
const PASSWORD: &str = "0123456789abcdef";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The lines of one service.
fn service(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    let services = text.split("\nservices:\n").nth(1).unwrap();
    services
        .lines()
        .skip_while(|l| *l != format!("  {name}:"))
        .skip(1)
        .take_while(|l| l.is_empty() || l.starts_with("    "))
        .map(|l| l.trim().to_owned())
        .collect()
}

/// The words of `key:`, given as a line or as a list.
fn words(service: &[String], key: &str) -> Vec<String> {
    let line = service.iter().find_map(|l| l.strip_prefix(&format!("{key}:"))).unwrap().trim();
    match line.strip_prefix('[') {
        Some(list) => list
            .trim_end_matches(']')
            .split(',')
            .map(|w| w.trim().trim_matches('"').to_owned())
            .collect(),
        None => line.split_whitespace().map(str::to_owned).collect(),
    }
}

#[test]
fn compose_accepts_the_file() {
    let candidates: [&[&str]; 2] = [&["docker", "compose"], &["docker-compose"]];
    let found = candidates.iter().find(|c| {
        let mut version = Command::new(c[0]);
        version.args(&c[1..]).arg("version").stdout(Stdio::null()).stderr(Stdio::null());
        version.status().is_ok_and(|s| s.success())
    });
    let Some(compose) = found else {
        println!("skipped: no docker compose on this machine");
        return;
    };
    let out = Command::new(compose[0])
        .args(&compose[1..])
        .args(["-f", "docker-compose.yml", "config", "-q"])
        .env("SCRUM_REDIS_PASSWORD", PASSWORD)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(out.status.success(), "{compose:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// No password stands in the file, none is optional, and the server's does not become an argument.
#[test]
fn the_fleet_of_the_compose_file_has_a_password() {
    let text = std::fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    let uses: Vec<_> = text.split("${SCRUM_REDIS_PASSWORD").skip(1).collect();
    assert_eq!(uses.len(), 2, "the server's, and that in the URL of the programs");
    assert!(uses.iter().all(|u| u.starts_with(":?")), "compose refuses to start without it");
    let (server, settings) = server_script();
    assert!(!server.contains("REDISCLI_AUTH") && settings == "requirepass $REDISCLI_AUTH\n");
}

/// What the shell of the service `redis` is given: the line that starts the server, and its settings.
fn server_script() -> (String, String) {
    let text = std::fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    let redis = text.split("\n  redis:\n").nth(1).unwrap();
    let script = redis.split("      - |\n").nth(1).unwrap();
    let lines = script.lines().take_while(|l| l.starts_with("        "));
    let lines: Vec<_> = lines.map(|l| l.trim().replace("$$", "$")).collect();
    let [start, settings @ .., end] = lines.as_slice() else { panic!("{lines:?}") };
    assert!(start.ends_with("<<END") && end == "END", "{lines:?}");
    (start.clone(), settings.join("\n") + "\n")
}

/// The dashboard as the file starts it, but for its port; it is healthy by its own check, and closed without its token.
fn web(bench: &Bench) -> Process {
    let service = service("web");
    let variable = |name: &str| words(&service, name).join(" ");
    assert_eq!(words(&service, "command"), ["scrum-web"]);
    assert_eq!(variable("SCRUM__WEB__LISTEN"), "0.0.0.0:3950");
    assert_eq!(words(&service, "- 127.0.0.1"), ["3950:3950"], "nobody but this machine reaches it");
    let port = free_port();
    let command = |args: &[String]| {
        let mut command = bench.command("scrum-web");
        command.args(args).env("SCRUM__WEB__LISTEN", format!("0.0.0.0:{port}"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    let check = words(&service, "test");
    assert_eq!(check[..2], ["CMD", "scrum-web"]);
    let healthy = || command(&check[2..]).status().unwrap().success();
    assert!(!healthy(), "nothing runs yet");
    assert_eq!(command(&[]).status().unwrap().code(), Some(2), "it does not start without a token");
    let web = Process(command(&[]).env("SCRUM_WEB_TOKEN", PASSWORD).spawn().unwrap());
    eventually(LONG, "the dashboard is healthy by its own check", || healthy().then_some(()));
    web
}

/// `up --scale worker=2`, without the containers: the commands are read from the file.
#[test]
fn the_same_processes_with_the_same_settings_make_a_fleet() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let (start, settings) = server_script();
    assert!(start.contains("--appendfsync always"), "{start}");
    // In the place of the image's own entry point; only where it listens and writes differs.
    let entry = dir.path().join("docker-entrypoint.sh");
    let more = format!("--port 0 --unixsocket {} --dir {}", socket.display(), dir.path().display());
    std::fs::write(&entry, format!("#!/bin/sh\nexec \"$@\" {more}\n")).unwrap();
    std::fs::set_permissions(&entry, PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").unwrap());
    let server = Process(
        Command::new("sh")
            .args(["-c", &format!("{start}\n{settings}END\n")])
            .env("PATH", path)
            .env("REDISCLI_AUTH", PASSWORD)
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let healthy = words(&service("redis"), "test");
    assert_eq!(healthy[0], "CMD");
    eventually(LONG, "redis is healthy by its own check", || {
        let mut check = Command::new(&healthy[1]);
        check.arg("-s").arg(&socket).args(&healthy[2..]).env("REDISCLI_AUTH", PASSWORD);
        String::from_utf8_lossy(&check.output().unwrap().stdout).contains("PONG").then_some(())
    });
    let arguments = std::fs::read_to_string(format!("/proc/{}/cmdline", server.pid())).unwrap();
    assert!(arguments.contains("redis-server") && !arguments.contains(PASSWORD), "{arguments}");
    let stranger = Bench::new(Some(format!("redis+unix://{}", socket.display())), "");
    let said = stranger.run(&["status"]).expect(2).stderr;
    assert!(said.contains("uthentication") || said.contains("NOAUTH"), "{said}");

    let stub = ModelStub::start(Reply::ok(answers::markdown_review("any")));
    let url = format!("redis+unix://{}?pass={PASSWORD}", socket.display());
    let bench = Bench::with_stub(Some(url), &stub.openai_url(), &["m"]);
    let worker = words(&service("worker"), "command");
    assert_eq!(worker, ["scrum-worker"]);
    let workers = [bench.worker(&[]), bench.worker(&[])];
    let check = words(&service("worker"), "test");
    eventually(LONG, "the workers are healthy by their own check", || {
        let mut health = bench.command(&check[1]);
        health.args(&check[2..]).stderr(Stdio::null());
        health.status().unwrap().success().then_some(())
    });

    let _web = web(&bench);
    let repo = TestRepo::with_files(4);
    let done = bench.sweep(&repo, &["--wait"]).expect(0);
    assert!(done.stdout.contains("4 of 4 files reviewed"), "{}", done.stdout);
    let doctor = bench.run(&["doctor"]).expect(0).stdout;
    assert!(doctor.contains("appendfsync always"), "{doctor}");
    for worker in workers {
        assert_eq!(worker.terminate(LONG), 0);
    }
    // The grace time of the containers is longer than the workers' own.
    let stop = words(&service("worker"), "stop_grace_period");
    let seconds: u64 = stop[0].trim_end_matches('s').parse().unwrap();
    let settings = scrum_config::Settings::load(scrum_config::LoadOptions::default()).unwrap();
    assert!(seconds > settings.worker.grace_s);
}
