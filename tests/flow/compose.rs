//! The compose file: accepted by compose where there is one, and the same processes with the same
//! settings really make a fleet.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use scrum_tests::model_stub::{ModelStub, Reply, answers};
use scrum_tests::process::{Bench, Process};
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

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
        .current_dir(root())
        .output()
        .unwrap();
    assert!(out.status.success(), "{compose:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// `up --scale worker=2`, without the containers: the commands are read from the file.
#[test]
fn the_same_processes_with_the_same_settings_make_a_fleet() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("s");
    let redis = words(&service("redis"), "command");
    assert!(redis.windows(2).any(|w| w == ["--appendfsync", "always"]), "{redis:?}");
    let _server = Process(
        Command::new(&redis[0])
            .args(&redis[1..])
            // Only where it listens and writes differs.
            .args(["--port", "0", "--unixsocket"])
            .arg(&socket)
            .arg("--dir")
            .arg(dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let healthy = words(&service("redis"), "test");
    assert_eq!(healthy[0], "CMD");
    eventually(LONG, "redis is healthy by its own check", || {
        let check =
            Command::new(&healthy[1]).arg("-s").arg(&socket).args(&healthy[2..]).output().unwrap();
        String::from_utf8_lossy(&check.stdout).contains("PONG").then_some(())
    });

    let stub = ModelStub::start(Reply::ok(answers::markdown_review("any")));
    let url = format!("redis+unix://{}", socket.display());
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

    let repo = TestRepo::with_files(4);
    let ladder = bench.ladder();
    let args =
        ["sweep", repo.path().to_str().unwrap(), "--ladder", ladder.to_str().unwrap(), "--wait"];
    let done = bench.run(&args).expect(0);
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
