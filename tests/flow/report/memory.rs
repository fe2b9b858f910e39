//! What a command that reads a sweep holds in memory does not grow with the sweep: each of them makes do with
//! a bound that all of the sweep would break.

use crate::filled::{Fate, Filled};
use scrum_tests::oracle;
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use std::process::{Command, Stdio};

const FILES: u32 = 3_000;
/// KiB of data that the kernel gives a command; they take 1,000 to 2,500, for 500 files as for 5,000.
const MOST_KIB: u64 = 4 << 10;

fn fate(target: u32) -> Fate {
    match target % 8 {
        0 => Fate::Clean,
        1 => Fate::Telling,
        _ => Fate::Dead,
    }
}

/// Runs `scrum` with no more than that much memory of its own.
fn run_within(bench: &Bench, kib: u64, args: &[&str]) {
    let scrum = bench.scrum(args);
    let out = std::fs::File::create(bench.dir.path().join("stdout")).unwrap();
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("ulimit -d {kib} && exec \"$0\" \"$@\""));
    command.arg(scrum.get_program()).args(scrum.get_args()).current_dir(bench.dir.path());
    for (name, value) in scrum.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let done = command.stdin(Stdio::null()).stdout(out).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(matches!(done.status.code(), Some(0 | 1)), "{args:?}: {}\n{said}", done.status);
}

#[tokio::test]
async fn commands_hold_a_page_of_a_sweep_and_not_all_of_it() {
    let server = RedisServer::with_fsync("no");
    let queue = oracle::queue(&server.url()).await;
    let _ = Filled { number: 1, targets: FILES, fate }.write(&queue).await;
    let bench = Bench::new(Some(server.url()), "");
    let (out, letters) = (bench.out(), bench.dir.path().join("letters.jsonl"));
    let (out, letters) = (out.to_str().unwrap(), letters.to_str().unwrap());
    let commands: [&[&str]; 7] = [
        &["status", "latest"],
        &["status", "--json"],
        &["report", "latest", "--json", "--out", out],
        &["dlq", "list", "--limit", "0"],
        &["dlq", "list", "--limit", "0", "--json"],
        &["dlq", "export", "--limit", "0", "--out", letters],
        &["metrics", "--json"],
    ];
    for args in commands {
        run_within(&bench, MOST_KIB, args);
    }
    // All letters came, in a list that is one value, and as many lines.
    let lines = std::fs::read_to_string(letters).unwrap();
    assert_eq!(lines.lines().count(), FILES as usize * 3 / 4);
}
