//! What the first version of this program that wrote rows leaves in Redis: the keys as the scripts of the commit `b0115c7`
//! wrote them. What they were given was put together by hand after the types of that commit. One sweep is done, with a file that no model could review; in the other
//! one two files wait for their model, and the worker of the third is gone. Both are of the repository that [`repo`] makes.

use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use serde_json::Value;

/// A command of Redis a line, its words as JSON.
const KEYS: &str = include_str!("../fixtures/first_version.jsonl");
/// Stands there for the path of the repository.
const REPO: &str = "@REPO@";
/// Ids of its sweeps: the one that is done, and the one in the middle.
const SWEEPS: [&str; 2] = ["800e648be5fbda2a", "9daa5232eeb148f1"];

/// The repository of its sweeps: the same commit on every machine.
pub fn repo() -> TestRepo {
    TestRepo::with_many_tiny_files("old", 3)
}

/// A server that has its keys.
pub fn server(repo: &TestRepo) -> RedisServer {
    let server = RedisServer::alone();
    let mut conn = server.connection();
    let path = serde_json::to_string(repo.path().to_str().unwrap()).unwrap();
    for line in KEYS.lines() {
        // Records are JSON within a word.
        let line = line.replace(REPO, path.trim_matches('"'));
        let words: Vec<String> = serde_json::from_str(&line).unwrap();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        redis::cmd(words[0]).arg(&words[1..]).query::<redis::Value>(&mut conn).unwrap();
    }
    server
}

/// Its sweeps: id, state and accepted reviews of each, however many newer ones there are.
pub fn sweeps(bench: &Bench) -> Vec<(String, String, u64)> {
    let of = |id: &str| {
        let told = bench.run(&["status", id, "--json"]).stdout;
        let all: Value = serde_json::from_str(&told).unwrap();
        let sweep = &all["sweeps"][0];
        let state = sweep["state"].as_str().unwrap().to_owned();
        (id.to_owned(), state, sweep["resolved"].as_u64().unwrap())
    };
    SWEEPS.map(of).to_vec()
}
