//! `scrum diff --post`: a review over a real repository, published at a forge by a worker.

use crate::forge_stub::{Act, ForgeStub};
use crate::{TOKEN, print};
use queue_schema::forge::ForgeKind;
use scrum_tests::model_stub::{Gate, ModelStub, Recorded, Reply};
use scrum_tests::process::{Bench, Done, Process, kill9};
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
const BEFORE: &str = "fn total() {\n    old();\n    rest();\n}\n";
/// As the stub's request changes it.
const AFTER: &str = "fn total() {\n    new();\n    more();\n    rest();\n}\n";
const SAYS: &str = "SEVERITY: BLOCK\nWHERE: src/cart.rs:3\nQUOTE: `more();`\nWHAT: the call of more is not wanted here, \
    ask @octo\nWHY: the total is counted twice as soon as more has run once\n\nVERDICT: hold, it counts twice\n";
/// The same in other words, by what a later head adds.
const IN_OTHER_WORDS: [(&str, &str); 2] = [
    (
        "second();",
        "calling more here adds items again\nWHY: the amount doubles, each of them was added by old code",
    ),
    ("third();", "a customer pays double after this runs\nWHY: the sum grows with every run of it"),
];
const SHIPS: &str = "I read the change of src/cart.rs line by line, and the total is the one that its callers expect \
    of it now.\n\nNo findings.\n\nVERDICT: ship\n";

fn repository() -> TestRepo {
    let repo = TestRepo::new();
    repo.write("src/cart.rs", BEFORE.as_bytes());
    repo.commit("before");
    repo.git(&["checkout", "-q", "-b", "feature"]);
    repo.write("src/cart.rs", AFTER.as_bytes());
    repo.commit("after");
    repo
}

fn head(repo: &TestRepo) -> String {
    repo.git(&["rev-parse", "HEAD"]).trim().to_owned()
}

/// Reviewers who say that a call is wrong for as long as it is there.
fn reviewers() -> ModelStub {
    ModelStub::with(|call: &Recorded| {
        Reply::ok(if call.prompt.contains("more();") { SAYS } else { SHIPS })
    })
}

fn bench(redis: Option<String>, models: &ModelStub, forge: &ForgeStub) -> Bench {
    let name = forge.kind.name();
    Bench::with_stub(redis, &models.openai_url(), &["a"])
        .set(&format!("forge.{name}_url"), &forge.url())
        .env(&format!("{}_TOKEN", name.to_uppercase()), TOKEN)
}

fn post(bench: &Bench, repo: &TestRepo, forge: &ForgeStub, more: &[&str]) -> Done {
    let path = repo.path().to_str().unwrap();
    let mut args = vec!["diff", path, "main..HEAD", "--reviewer=a=stub/a", "--reviewer=b=stub/b"];
    args.extend(["--post", forge.kind.name(), "--repo", "o/r", "--number", "5"]);
    args.extend(more);
    bench.run(&args)
}

#[test]
fn a_review_goes_from_the_command_to_the_forge_and_follows_the_next_push() {
    for kind in ForgeKind::ALL {
        let (repo, models, forge) = (repository(), reviewers(), ForgeStub::start(kind));
        let bench = bench(None, &models, &forge);
        forge.world(|world| world.head = head(&repo));
        let done = post(&bench, &repo, &forge, &[]).expect(1);
        assert!(done.stdout.contains("o/r 5: 1 comment"), "{}", done.stdout);
        forge.world(|world| {
            assert_eq!((world.comments.len(), world.notes.len()), (1, 1), "{}", kind.name());
            let comment = &world.comments[0];
            assert_eq!((comment.path.as_str(), comment.new), ("src/cart.rs", 3));
            assert!(comment.body.contains("`a`, `b`") && !comment.body.contains("@octo"));
            assert_eq!(world.statuses.last().unwrap().2.replace("failed", "failure"), "failure");
        });
        forge.hook(|_| Act::Pass);
        let done = post(&bench, &repo, &forge, &["--json"]).expect(1);
        assert_eq!(forge.writes(), Vec::<String>::new(), "{}", kind.name());
        let json: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!(
            (&json["posted"]["inline"], &json["posted"]["state"]),
            (&1.into(), &"posted".into())
        );

        repo.write("src/cart.rs", AFTER.replace("more", "fine").as_bytes());
        repo.commit("mended");
        forge.world(|world| world.head = head(&repo));
        post(&bench, &repo, &forge, &[]).expect(0);
        forge.world(|world| {
            assert_eq!((world.comments.len(), world.notes.len()), (1, 1), "{}", kind.name());
            assert!(world.comments[0].resolved);
            assert_eq!(world.statuses.last().unwrap().2, "success");
        });
    }
}

#[test]
fn a_change_that_hides_itself_is_no_pass_and_its_finding_is_not_gone() {
    let (repo, models, forge) = (repository(), reviewers(), ForgeStub::start(ForgeKind::Github));
    let bench = bench(None, &models, &forge).set("sweep.max_file_bytes", "2000");
    for (content, code, status) in [
        (format!("{AFTER}\n"), 1, "failure"),
        (format!("// @generated\n{AFTER}"), 1, "failure"),
        (format!("{AFTER}\0"), 2, "error"),
        (format!("{AFTER}{}", "// Longer.\n".repeat(200)), 2, "error"),
        (AFTER.replace("more", "fine"), 0, "success"),
    ] {
        repo.write("src/cart.rs", content.as_bytes());
        repo.commit("head");
        forge.world(|world| world.head = head(&repo));
        let done = post(&bench, &repo, &forge, &[]).expect(code);
        forge.world(|world| {
            let (comments, said) = (&world.comments, &world.statuses.last().unwrap().2);
            assert_eq!((comments.len(), said.as_str()), (1, status), "{}", done.stdout);
            assert_eq!(comments[0].resolved, code == 0, "{}", done.stdout);
        });
    }
}

/// Reviewers whose words change from head to head, who have nothing to say of `quiet();`, and who find another thing wrong
/// with the change of `src/pay.rs`.
fn unsteady_reviewers() -> ModelStub {
    ModelStub::with(|call: &Recorded| {
        let has = |code: &str| call.prompt.contains(code);
        let (head, _) = SAYS.split_once("the call").unwrap();
        let (_, verdict) = SAYS.split_once("\n\n").unwrap();
        let words = IN_OTHER_WORDS.iter().find(|(code, _)| has(code));
        Reply::ok(match words {
            _ if has("quiet();") => String::new(),
            Some((_, words)) => format!("{head}{words}\n\n{verdict}"),
            None if has("pay") => SAYS.replace("cart", "pay"),
            None => SAYS.to_owned(),
        })
    })
}

#[test]
fn a_finding_keeps_its_comment_and_its_identity_whatever_lies_between_two_heads() {
    let all = ["nothing", "a head", "another request", "an audit", "no answer", "a new state"];
    let kept = all.map(|between| (between, kept_through(between)));
    assert_eq!(kept, all.map(|between| (between, (between != "a new state", true))));
}

/// Whether the finding of a first head has its identity at a later one, and whether its one comment stands.
fn kept_through(between: &str) -> (bool, bool) {
    let (repo, models) = (repository(), unsteady_reviewers());
    let forge = ForgeStub::start(ForgeKind::Github);
    let first_job = bench(None, &models, &forge).set("diff.retries", "0");
    let pushed = |code: &str| {
        repo.write("src/cart.rs", AFTER.replace('}', &format!("    {code}\n}}")).as_bytes());
        repo.commit("Call more of it");
        forge.world(|world| world.head = head(&repo));
    };
    let reviewed = |bench: &Bench| -> serde_json::Value {
        let done = post(bench, &repo, &forge, &["--json"]);
        serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{}", done.stderr))
    };
    pushed("first();");
    let first = reviewed(&first_job);
    let path = repo.path().to_str().unwrap();
    match between {
        "a head" => {
            pushed("second();");
            reviewed(&first_job);
        }
        "another request" => {
            repo.git(&["checkout", "-q", "-b", "other", "main"]);
            repo.write("src/pay.rs", AFTER.replace("total", "pay").as_bytes());
            repo.commit("another");
            let more = ["--post=github", "--repo=o/r", "--number=6"];
            let by = ["diff", path, "main..other", "--reviewer=a=stub/a"];
            let done = first_job.run(&[&by[..], &more].concat());
            assert!(done.stdout.contains("src/pay.rs"), "{}", done.stdout);
            repo.git(&["checkout", "-q", "feature"]);
        }
        "an audit" => {
            let asked = models.requests().len();
            let by = ["audit", "--claims", path, "main..HEAD", "--voter=a=stub/a"];
            let done = first_job.run(&by);
            assert!(models.requests().len() > asked, "{} {}", done.stdout, done.stderr);
        }
        "no answer" => {
            pushed("quiet();");
            assert_eq!(reviewed(&first_job)["exit_code"], 2);
        }
        _ => {}
    }
    pushed("third();");
    let next_job = bench(None, &models, &forge);
    let last = reviewed(if between == "a new state" { &next_job } else { &first_job });
    let [first, last] = [&first, &last].map(|told| told["findings"][0].clone());
    assert_ne!(last["remark"]["what"], first["remark"]["what"], "{between}");
    let stands = forge.world(|world| {
        let of_cart = || world.comments.iter().filter(|c| c.path.ends_with("cart.rs"));
        of_cart().count() == 1 && of_cart().all(|comment| !comment.resolved)
    });
    (last["id"] == first["id"] && last["state"] == "open", stands)
}

#[test]
fn a_worker_that_is_killed_while_it_posts_posts_nothing_twice() {
    for kind in ForgeKind::ALL {
        let (repo, models, forge) = (repository(), reviewers(), ForgeStub::start(kind));
        let redis = RedisServer::start();
        let bench = bench(Some(redis.url()), &models, &forge).short_leases();
        forge.world(|world| world.head = head(&repo));
        let worker = bench.worker(&[]);
        post(&bench, &repo, &forge, &[]).expect(1);
        let writes = forge.writes().len();
        let shown = forge.world(|world| (world.comments.len(), world.notes.len()));
        assert_eq!((writes, shown), (3, (1, 1)), "{}", kind.name());
        drop(worker);
        for (step, applied) in (1..=writes).flat_map(|step| [(step, false), (step, true)]) {
            forge.reset();
            forge.world(|world| world.head = head(&repo));
            let first = bench.worker(&[]);
            let pid = Arc::new(AtomicU32::new(first.pid()));
            let next: Arc<Mutex<Option<Process>>> = Arc::default();
            let (mut written, dead) = (0, Arc::clone(&pid));
            let (kept, mut start) = (Arc::clone(&next), bench.starter(&[]));
            forge.hook(move |asked| {
                written += usize::from(asked.writes());
                let victim = if asked.writes() && written == step {
                    dead.swap(0, Ordering::SeqCst)
                } else {
                    0
                };
                if victim == 0 {
                    return Act::Pass;
                }
                kill9(victim);
                *kept.lock().unwrap() = Some(start());
                if applied { Act::LoseReply } else { Act::LoseRequest }
            });
            post(&bench, &repo, &forge, &[]).expect(1);
            assert_eq!(pid.load(Ordering::SeqCst), 0, "the worker was killed at write {step}");
            forge.world(|world| {
                let prints: Vec<String> = world.comments.iter().map(print).collect();
                let shown = (prints.len(), world.notes.len());
                assert_eq!(shown, (1, 1), "{} killed at {step}, {applied}", kind.name());
            });
        }
    }
}

#[test]
fn a_review_whose_command_was_killed_is_posted_all_the_same() {
    let (repo, gate) = (repository(), Gate::new());
    let held = gate.clone();
    let models = ModelStub::with(move |_: &Recorded| Reply::ok(SAYS).held_by(&held));
    let (redis, forge) = (RedisServer::start(), ForgeStub::start(ForgeKind::Github));
    let bench = bench(Some(redis.url()), &models, &forge);
    forge.world(|world| world.head = head(&repo));
    let _worker = bench.worker(&[]);
    let path = repo.path().to_str().unwrap();
    let mut args = vec!["diff", path, "main..HEAD", "--reviewer=a=stub/a", "--reviewer=b=stub/b"];
    args.extend(["--post", "github", "--repo", "o/r", "--number", "5"]);
    let command = Process(bench.scrum(&args).spawn().unwrap());
    eventually(LONG, "both are asked", || (models.stats().in_flight == 2).then_some(()));
    command.kill9();
    gate.open();
    let posted = || forge.world(|world| (world.comments.len(), world.notes.len()) == (1, 1));
    eventually(LONG, "it is posted", || posted().then_some(()));
    // Asked for again, it is there: nothing is sent, and its exit code is that of the review.
    forge.hook(|_| Act::Pass);
    let done = post(&bench, &repo, &forge, &[]).expect(1);
    assert!(done.stdout.contains("o/r 5: 1 comment"), "{}", done.stdout);
    assert_eq!(forge.writes(), Vec::<String>::new());
    assert_eq!(models.requests().len(), 2);
}

#[test]
fn what_keeps_a_review_from_being_posted_is_said() {
    let (repo, models) = (repository(), reviewers());
    let forge = ForgeStub::start(ForgeKind::Github);
    let bench = bench(None, &models, &forge);
    forge.world(|world| {
        world.head = head(&repo);
        world.token = "another".to_owned();
    });
    let done = post(&bench, &repo, &forge, &[]).expect(2);
    assert!(done.stderr.contains("not posted: github forbids it"), "{}", done.stderr);
    assert!(done.stdout.contains("BLOCK"), "the review is shown all the same: {}", done.stdout);
    assert!(!done.stderr.contains(TOKEN) && !bench.worker_log().contains(TOKEN));
    // A limit is waited out, as the forge says.
    forge.world(|world| world.token = TOKEN.to_owned());
    let mut refused = 0;
    forge.hook(move |asked| {
        refused += usize::from(asked.writes());
        let headers = vec![("retry-after", "1".to_owned())];
        if asked.writes() && refused == 1 {
            Act::Refuse(403, headers, "{}".to_owned())
        } else {
            Act::Pass
        }
    });
    post(&bench, &repo, &forge, &[]).expect(1);
    forge.world(|world| assert_eq!((world.comments.len(), world.notes.len()), (1, 1)));
    let done = bench.run(&["diff", ".", "HEAD", "--post", "auto"]);
    assert!(done.expect(2).stderr.contains("name the forge"));
}
