//! Errors of providers that pass, and those that do not.

use super::*;

#[test]
fn a_transient_error_spends_no_rung() {
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::start(vec![
        Rule::any(Reply::overloaded()).times(2),
        Rule::any(Reply::ok(answers::markdown_review("src/f0.rs"))),
    ]);
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m", "never"]);
    bench.review(&repo, &[]).expect(0);
    let row = rows(&bench).remove(0);
    assert_eq!((row.accepted_model.as_str(), row.attempts_made), ("stub/m", 1));
    assert_eq!(stub.requests().len(), 3);
}

#[test]
fn a_server_that_is_not_ready_is_given_its_time() {
    const LEAST: Duration = Duration::from_millis(400);
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::start(vec![
        Rule::any(Reply::status(503, r#"{"error":{"message":"Loading model","code":503}}"#))
            .times(1),
        Rule::any(Reply::ok(answers::markdown_review("src/f0.rs"))),
    ]);
    let bench = Bench::with_stub(None, &stub.openai_url(), &["m"])
        .set("queue.backoff_base_ms", &LEAST.as_millis().to_string());
    bench.review(&repo, &[]).expect(0);
    let calls = stub.requests();
    assert_eq!((calls.len(), rows(&bench)[0].attempts_made), (2, 1));
    assert!(calls[1].at - calls[0].at >= LEAST, "{:?}", calls[1].at - calls[0].at);
}

#[test]
fn what_else_a_job_failed_on_spends_no_rung() {
    let server = RedisServer::start();
    let repo = TestRepo::with_files(1);
    let redis = Mutex::new(server.connection());
    let stub = ModelStub::with(move |call| {
        if call.n == 1 {
            // As after three tries that could not read the repository.
            let mut redis = redis.lock().unwrap();
            let jobs: Vec<String> = redis.keys(format!("*{}", keys::job("*.rung.1*"))).unwrap();
            let _: i64 = redis.hincr(&jobs[0], "a", 3).unwrap();
        }
        match call.n {
            1..=3 => Reply::overloaded(),
            _ => Reply::ok(answers::markdown_review("src/f0.rs")),
        }
    });
    let bench = Bench::with_stub(Some(server.url()), &stub.openai_url(), &["m"])
        .set("queue.unavailable_backoff_ms", "20");
    bench.review(&repo, &[]).expect(0);
    assert_eq!((stub.requests().len(), rows(&bench)[0].attempts_made), (4, 1));
}

#[test]
fn an_error_that_stays_counts_in_the_end() {
    let repo = TestRepo::with_files(1);
    let stub = ModelStub::start(vec![
        Rule::model("down", Reply::overloaded()),
        Rule::any(Reply::ok(answers::markdown_review("src/f0.rs"))),
    ]);
    let bench = Bench::with_stub(None, &stub.openai_url(), &["down", "up"]);
    bench.review(&repo, &[]).expect(0);
    let row = rows(&bench).remove(0);
    assert_eq!((row.attempts[0].outcome, row.accepted_model.as_str()), (Outcome::Error, "stub/up"));
    let down = stub.requests().iter().filter(|c| c.model == "down").count();
    assert!((4..=12).contains(&down), "{down}: until the job's patience is over");
}

#[test]
fn a_provider_that_keeps_saying_no_is_told_once() {
    let repo = TestRepo::with_files(6);
    let stub = ModelStub::start(vec![
        Rule::model(
            "gone",
            Reply::status(
                404,
                r#"{"error":{"message":"model 'gone' not found","code":"model_not_found"}}"#,
            ),
        ),
        Rule::any(Reply::ok(answers::markdown_review("src/f0.rs"))),
    ]);
    let bench = Bench::with_stub(None, &stub.openai_url(), &["gone", "good"]);
    let done = bench.review(&repo, &[]).expect(0);
    assert_eq!(done.stdout.matches("provider error").count(), 1, "{}", done.stdout);
    assert!(done.stdout.contains("stub/gone"), "{}", done.stdout);
    assert!(rows(&bench).iter().all(|r| r.accepted_model == "stub/good" && r.attempts_made == 2));
}

/// Each way in which a provider says no for good: told once a sweep, and the rung is skipped at once.
#[test]
fn whatever_does_not_pass_is_told_once_and_not_tried_again() {
    let quota = r#"{"error":{"message":"You exceeded your current quota","code":"insufficient_quota","type":"insufficient_quota"}}"#;
    for (status, body) in [
        (401, r#"{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"#),
        (402, r#"{"error":{"message":"Insufficient credits","code":402}}"#),
        (404, r#"{"error":{"message":"model 'no' not found","code":"model_not_found"}}"#),
        (429, quota),
    ] {
        let repo = TestRepo::with_files(4);
        let stub = ModelStub::start(vec![
            Rule::model("no", Reply::status(status, body)),
            Rule::any(Reply::ok(answers::markdown_review("src/f0.rs"))),
        ]);
        let bench = Bench::with_stub(None, &stub.openai_url(), &["no", "good"]);
        let done = bench.review(&repo, &[]).expect(0);
        assert_eq!(done.stdout.matches("provider error").count(), 1, "{status}: {}", done.stdout);
        assert_eq!(done.stdout.matches("stub/no").count(), 1, "{status}: {}", done.stdout);
        let asked = stub.requests().iter().filter(|c| c.model == "no").count();
        assert_eq!(asked, 4, "{status}: once a file, never again");
        assert!(rows(&bench).iter().all(|r| r.attempts[0].outcome == Outcome::Error));
    }
}
