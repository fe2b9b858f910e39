//! A user of the server's ACL who may do what the operations guide says, and nothing more.

use super::{Server, plain};
use scrum_tests::model_stub::answers::markdown_review;
use scrum_tests::model_stub::{ModelStub, Reply};
use scrum_tests::process::Bench;
use scrum_tests::repo::TestRepo;

/// The line that `docs/operations.md` tells people to write.
fn documented_user() -> Vec<String> {
    let guide = include_str!("../../../docs/operations.md");
    let line = guide.lines().find(|l| l.starts_with("user scrum on")).expect("the guide has it");
    line.split_whitespace().map(|w| w.replace("PASSWORD", "s3cret")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_the_documented_rights_runs_a_sweep_and_none_without() {
    let server = Server::start(plain);
    let mut admin = server.connection();
    let mut rights = redis::cmd("ACL");
    rights.arg("SETUSER").arg(&documented_user()[1..]);
    rights.query::<()>(&mut admin).unwrap();
    redis::cmd("ACL").arg(&["SETUSER", "default", "off"]).query::<()>(&mut admin).unwrap();

    let stub = ModelStub::start(Reply::ok(markdown_review("src/part_0.rs")));
    let repo = TestRepo::with_files(3);
    let with = |user: &str| {
        let url = format!("redis://{user}127.0.0.1:{}", server.port);
        Bench::with_stub(Some(url), &stub.openai_url(), &["m"])
    };
    let bench = with("scrum:s3cret@");
    let ladder = bench.ladder();
    let path = repo.path().to_str().unwrap();
    let args = ["sweep", path, "--ladder", ladder.to_str().unwrap(), "--wait"];
    let _worker = bench.worker(&[]);
    bench.run(&args).expect(0);
    for args in [vec!["status", "--json"], vec!["dlq", "list"], vec!["doctor"]] {
        let done = bench.run(&args);
        assert!(done.code <= 1, "{args:?}: {}", done.stderr);
    }
    // The message names the trouble and not the password.
    for user in ["", "scrum:wr0ng@"] {
        let said = with(user).run(&args).expect(2).stderr;
        assert!(
            said.contains("NOAUTH") || said.contains("WRONGPASS") || said.contains("assword"),
            "{said}"
        );
        assert!(!said.contains("wr0ng"), "{said}");
    }
}
