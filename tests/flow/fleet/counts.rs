//! What an attempt costs, as a count that hangs on no machine.

use super::{LONG, review};
use scrum_tests::model_stub::ModelStub;
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::usage;
use scrum_tests::wait::eventually;
use std::time::Duration;

/// Files, each one attempt.
const FILES: usize = 128;
/// The most commands of Redis an attempt, planning and the review job included: 45 were measured with 16 calls in
/// flight. They are fewer where more commits share a call of a script, and more where fewer do.
const MOST: f64 = 60.0;
/// The same where the repository is remembered, which is the default: 64 were measured. What a review reads of its
/// area, its pathway and the findings of its file, and what it writes of them.
const MOST_WITH_MEMORY: f64 = 76.0;

#[test]
fn an_attempt_takes_few_commands() {
    few_commands("false", MOST);
}

#[test]
fn an_attempt_that_remembers_takes_few_commands_more() {
    few_commands("true", MOST_WITH_MEMORY);
}

fn few_commands(memory: &str, most: f64) {
    let server = RedisServer::alone();
    let repo = TestRepo::with_files(FILES);
    let stub = ModelStub::with(|_| review().after(Duration::from_millis(50)));
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .set("memory.enabled", memory);
    let id = bench.enqueue(&repo);
    let mut conn = server.connection();
    let before = usage::commands(&mut conn);
    let _worker = bench.worker(&["--concurrency", "16"]);
    let record = queue_schema::keys::sweep(&id);
    let mut own = 0;
    eventually(LONG, "the sweep ends", || {
        own += 1;
        let state: String = conn.ask(&["HGET", &record, "state"]);
        (state == "done").then_some(())
    });
    let took = usage::commands(&mut conn).since(&before);
    let each = (took.inner() - own) as f64 / FILES as f64;
    assert!(each <= most, "{each} commands an attempt: {took:?}");
}
