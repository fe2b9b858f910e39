//! Webhooks: who is heard, what counts once, and that a change decides nothing about its own review.

use crate::forge_stub::{Act, ForgeStub};
use crate::{TOKEN, print};
use hmac::{Hmac, KeyInit as _, Mac as _};
use queue_schema::forge::ForgeKind;
use queue_schema::rows::DiffReview;
use scrum_tests::model_stub::{Gate, ModelStub, Recorded, Reply};
use scrum_tests::oracle;
use scrum_tests::process::Bench;
use scrum_tests::redis::RedisServer;
use scrum_tests::repo::TestRepo;
use scrum_tests::wait::eventually;
use scrum_tests::web::{Answer, Web};
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
const SECRET: &str = "a-secret-of-some-length";
const SAYS: &str = "SEVERITY: BLOCK\nWHERE: src/cart.rs:3\nQUOTE: `more();`\nWHAT: the call of more is not wanted here\n\
    WHY: the total is counted twice as soon as more has run once\n\nVERDICT: hold, it counts twice\n";
const SHIPS: &str = "I read the change of src/cart.rs line by line, and the total is the one that its callers expect \
    of it now.\n\nNo findings.\n\nVERDICT: ship\n";
const BEFORE: &str = "fn total() {\n    old();\n    rest();\n}\n";
/// As the stub's request changes it.
const AFTER: &str = "fn total() {\n    new();\n    more();\n    rest();\n}\n";
/// Who may write, and who may not.
const WRITER: (u64, &str) = (3, "ada");
const STRANGER: (u64, &str) = (8, "mallory");

/// What is delivered.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    Opened,
    Draft,
    Pushed,
    Closed,
    Asks((u64, &'static str)),
}

/// The body of a delivery, as the forge's schema has it.
fn body(kind: ForgeKind, event: Event, head: &str) -> Value {
    let draft = event == Event::Draft;
    let (id, login) = if let Event::Asks(by) = event { by } else { STRANGER };
    let (file, body) = match (kind, event) {
        (ForgeKind::Gitlab, Event::Asks(_)) => (
            "note",
            json!({"object_kind": "note", "event_type": "note", "user": {"id": id, "username": login},
                "project": {"id": 1, "path_with_namespace": "o/r"}, "merge_request": {"iid": 5},
                "object_attributes": {"id": 4, "note": "/scrum review", "noteable_type": "MergeRequest", "action": "create"}}),
        ),
        (ForgeKind::Gitlab, _) => {
            let action = match event {
                Event::Pushed => "update",
                Event::Closed => "close",
                _ => "open",
            };
            let mut body = json!({"object_kind": "merge_request", "user": {"id": id, "username": login},
                "project": {"id": 1, "path_with_namespace": "o/r"},
                "object_attributes": {"iid": 5, "action": action, "state": "opened", "target_project_id": 1,
                    "draft": draft, "last_commit": {"id": head}}});
            if event == Event::Pushed {
                body["object_attributes"]["oldrev"] = json!("1".repeat(40));
            }
            ("merge_request", body)
        }
        (_, Event::Asks(_)) => (
            "issue_comment",
            json!({"action": "created", "issue": {"number": 5, "pull_request": {}}, "is_pull": true,
                "comment": {"id": 4, "body": "/scrum review", "user": account(id, login),
                    // What the delivery says of the author is not believed.
                    "author_association": "OWNER"},
                "repository": repository(), "sender": account(id, login)}),
        ),
        _ => {
            let action = match event {
                Event::Pushed if kind == ForgeKind::Gitea => "synchronized",
                Event::Pushed => "synchronize",
                Event::Closed => "closed",
                _ => "opened",
            };
            let at = |sha: &str| json!({"ref": "x", "sha": sha, "repo": null});
            (
                "pull_request",
                json!({"action": action, "number": 5, "before": "1".repeat(40), "after": head,
                    "repository": repository(), "sender": account(id, login),
                    "pull_request": {"number": 5, "state": "open", "draft": draft, "title": "t", "body": "b",
                        "user": account(id, login), "merge_base": "2".repeat(40),
                        "base": at(&"2".repeat(40)), "head": at(head)}}),
            )
        }
    };
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/forges");
    let schema = std::fs::read_to_string(dir.join(format!("{}-webhooks.schema.json", kind.name())));
    let mut schema: Value = serde_json::from_str(&schema.unwrap()).unwrap();
    schema["$ref"] = json!(format!("#/$defs/{file}"));
    let wrong = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = wrong.iter_errors(&body).map(|e| e.to_string()).collect();
    assert_eq!(wrong, Vec::<String>::new(), "{body}");
    body
}

fn repository() -> Value {
    json!({"id": 1, "full_name": "o/r", "private": false, "clone_url": "https://forge.example/o/r.git"})
}

fn account(id: u64, login: &str) -> Value {
    json!({"id": id, "login": login, "type": "User"})
}

/// The headers of a delivery that is signed with a secret.
fn headers(kind: ForgeKind, event: Event, id: &str, secret: &str, body: &str) -> Headers {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let mut hex = String::new();
    for byte in mac.finalize().into_bytes() {
        let _ = write!(hex, "{byte:02x}");
    }
    let asks = matches!(event, Event::Asks(_));
    let name = if asks { "issue_comment" } else { "pull_request" };
    let all = match kind {
        ForgeKind::Github => vec![
            ("X-GitHub-Event", name.to_owned()),
            ("X-GitHub-Delivery", id.to_owned()),
            ("X-Hub-Signature-256", format!("sha256={hex}")),
        ],
        ForgeKind::Gitea => vec![
            // It sends GitHub's as well.
            ("X-GitHub-Event", name.to_owned()),
            ("X-Gitea-Event", name.to_owned()),
            ("X-Gitea-Delivery", id.to_owned()),
            ("X-Gitea-Signature", hex.clone()),
            ("X-Hub-Signature-256", format!("sha256={hex}")),
        ],
        ForgeKind::Gitlab => vec![
            ("X-Gitlab-Event", if asks { "Note Hook" } else { "Merge Request Hook" }.to_owned()),
            ("Idempotency-Key", id.to_owned()),
            ("X-Gitlab-Token", secret.to_owned()),
        ],
    };
    all.into_iter().collect()
}

type Headers = BTreeMap<&'static str, String>;

fn send(web: &Web, forge: &str, headers: &Headers, body: &str) -> Answer {
    let mut text = format!("Host: {}\r\n", web.address);
    for (name, value) in headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    web.send("POST", &format!("/hooks/{forge}"), &text, body)
}

/// A delivery as the forge makes it.
fn deliver(web: &Web, kind: ForgeKind, event: Event, id: &str, head: &str) -> Answer {
    let body = body(kind, event, head).to_string();
    send(web, kind.name(), &headers(kind, event, id, SECRET, &body), &body)
}

fn bench(redis: &RedisServer, models: &str, kind: ForgeKind, clone: &str) -> Bench {
    let bench = Bench::with_stub(Some(redis.url()), models, &["a"]).env("HOOK_SECRET", SECRET);
    let file = bench.dir.path().join("scrum.toml");
    let mut settings = std::fs::read_to_string(&file).unwrap();
    let _ = write!(
        settings,
        "\n[diff.reviewers]\nopus = \"\"\nkimi = \"\"\nqwen = \"\"\na = \"stub/a\"\nb = \"stub/b\"\n\
         [hooks]\nmax_body_bytes = 8192\n\
         [hooks.repositories.app]\nforge = \"{}\"\nrepository = \"o/r\"\nclone = \"{clone}\"\n\
         secret_env = \"HOOK_SECRET\"\ntoken_env = \"APP_TOKEN\"\nreviewers = [\"a\", \"b\"]\n",
        kind.name()
    );
    std::fs::write(&file, settings).unwrap();
    bench
}

#[test]
fn only_what_the_forge_has_signed_is_heard_and_once() {
    for kind in ForgeKind::ALL {
        let redis = RedisServer::start();
        let bench = bench(&redis, "http://127.0.0.1:9/v1", kind, "/nowhere");
        let (web, other) = (Web::start(&bench), Web::start(&bench));
        let head = "5".repeat(40);
        let opened = body(kind, Event::Opened, &head).to_string();
        let signed = |id: &str| headers(kind, Event::Opened, id, SECRET, &opened);
        let without = |names: &[&str]| {
            let mut headers = signed("1");
            headers.retain(|name, _| !names.contains(name));
            headers
        };
        let is_signature = |name: &str| name.contains("Signature") || name == "X-Gitlab-Token";
        let signatures: Vec<&str> =
            signed("1").keys().copied().filter(|n| is_signature(n)).collect();
        let closed = body(kind, Event::Closed, &head).to_string();
        let draft = body(kind, Event::Draft, &head).to_string();
        let elsewhere = opened.replace("o/r", "o/other");
        let long = format!("{opened}{}", " ".repeat(9000));
        let of = |body: &str| headers(kind, Event::Opened, "1", SECRET, body);
        let (push, mut ping) = (of(&opened), of("{}"));
        for name in ["X-GitHub-Event", "X-Gitea-Event", "X-Gitlab-Event"] {
            ping.entry(name).and_modify(|event| *event = "ping".to_owned());
        }
        let wrong = headers(kind, Event::Opened, "1", "another-secret-of-a-length", &opened);
        let name = kind.name();
        for (path, headers, body, status, why) in [
            (name, &without(&signatures), opened.as_str(), 401, "is not signed"),
            (name, &wrong, &opened, 401, "fits no secret"),
            ("nowhere", &push, &opened, 404, "/hooks/github"),
            (name, &of(&long), &long, 413, "hooks.max_body_bytes"),
            (name, &of("{\"a\":"), "{\"a\":", 400, "is not JSON"),
            (name, &of("{}"), "{}", 400, "lacks"),
            (name, &of(&elsewhere), &elsewhere, 403, "not that of this repository"),
            (name, &ping, "{}", 200, "a ping"),
            (name, &of(&closed), &closed, 200, "neither opened nor pushed to"),
            (name, &of(&draft), &draft, 200, "a draft"),
            (name, &push, &opened, 202, ".hook"),
            (name, &push, &opened, 409, "taken before"),
            // Its name is not signed.
            (name, &signed("2"), &opened, 409, "taken before"),
        ] {
            let answer = send(&web, path, headers, body);
            let said = answer.json.as_object().and_then(|o| o.values().next()?.as_str());
            let said = said.unwrap_or_default();
            assert_eq!(answer.status, status, "{name} {why}: {answer:?}");
            assert!(said.contains(why), "{name} {why}: {answer:?}");
            assert!(!answer.head.contains(SECRET) && !said.contains(SECRET));
        }
        if kind != ForgeKind::Gitlab {
            // One byte more, and it is another text than the one that was signed.
            let changed = format!("{opened} ");
            assert_eq!(send(&web, name, &of(&opened), &changed).status, 401, "{name}");
        }
        let foreign = ForgeKind::ALL.into_iter().find(|other| *other != kind).unwrap();
        let sent = send(&web, foreign.name(), &push, &opened);
        assert_eq!(sent.status, 401, "{name} calls as another forge: {sent:?}");
        // The same name with another body is the same delivery; two servers agree on who takes it.
        let second = body(kind, Event::Pushed, &"6".repeat(40)).to_string();
        let answers: Vec<u16> = std::thread::scope(|scope| {
            let ask = |web| {
                let headers = headers(kind, Event::Pushed, "3", SECRET, &second);
                let second = &second;
                scope.spawn(move || send(web, name, &headers, second).status)
            };
            let asked: Vec<_> = [&web, &other, &web, &other].into_iter().map(ask).collect();
            asked.into_iter().map(|one| one.join().unwrap()).collect()
        });
        let taken = answers.iter().filter(|status| **status == 202).count();
        assert_eq!((taken, answers.iter().filter(|s| **s == 409).count()), (1, 3), "{answers:?}");
        let third = body(kind, Event::Pushed, &"7".repeat(40)).to_string();
        let headers = headers(kind, Event::Pushed, "3", SECRET, &third);
        assert_eq!(send(&web, name, &headers, &third).status, 409, "{name}");
    }
}

#[test]
fn a_server_without_the_secret_does_not_start() {
    let redis = RedisServer::start();
    for (secret, why) in [("", "HOOK_SECRET"), ("short", "at least 16 characters")] {
        let bench = bench(&redis, "http://127.0.0.1:9/v1", ForgeKind::Github, "/nowhere");
        let mut command = bench.command("scrum-web");
        command.env("HOOK_SECRET", secret).args(["--listen", "127.0.0.1:0"]);
        let done = scrum_tests::process::Done::from(command.output().unwrap()).expect(2);
        assert!(done.stderr.contains(why) && done.stderr.contains("hooks.repositories.app"));
    }
}

/// A repository with a request whose commit no branch of it has, as that of a fork. The change would like to have a say.
fn repository_with_fork(kind: ForgeKind) -> TestRepo {
    let repo = TestRepo::new();
    repo.write("src/cart.rs", BEFORE.as_bytes());
    repo.commit("before");
    repo.git(&["branch", "-m", "main"]);
    repo.git(&["checkout", "-q", "--detach"]);
    repo.write(".scrumignore", b"*\n**\nsrc/\n");
    repo.write(
        "scrum.toml",
        b"[diff.reviewers]\na = \"builtin\"\nb = \"builtin\"\n[diff]\nfail_on = \"never\"\n",
    );
    repo.write(
        "config/ladders/a.toml",
        b"name = 'a'\n[[rungs]]\nprovider = 'builtin'\nmodel = 'static'\n",
    );
    repo.write("src/cart.rs", AFTER.as_bytes());
    propose(&repo, kind);
    repo
}

/// Commits what is there as the head of the request.
fn propose(repo: &TestRepo, kind: ForgeKind) -> String {
    repo.commit("the request");
    let head = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
    let place = if kind == ForgeKind::Gitlab { "merge-requests" } else { "pull" };
    repo.git(&["update-ref", &format!("refs/{place}/5/head"), &head]);
    head
}

#[test]
fn a_push_is_reviewed_and_posted_and_the_change_has_no_say() {
    for kind in ForgeKind::ALL {
        let (repo, gate) = (repository_with_fork(kind), Gate::new());
        let head = repo.git(&["rev-parse", "HEAD"]).trim().to_owned();
        repo.git(&["checkout", "-q", "main"]);
        let waits = gate.clone();
        let models = ModelStub::with(move |call: &Recorded| {
            let reply = Reply::ok(if call.prompt.contains("more();") { SAYS } else { SHIPS });
            // The first answer comes, the second one only after the kill.
            if call.n == 1 { reply } else { reply.held_by(&waits) }
        });
        let (redis, forge) = (RedisServer::start(), ForgeStub::start(kind));
        forge.world(|world| world.head.clone_from(&head));
        let url = format!("file://{}", repo.path().display());
        let clone = if kind == ForgeKind::Gitea { repo.path().to_str().unwrap() } else { &url };
        let bench = bench(&redis, &models.openai_url(), kind, clone)
            .set(&format!("forge.{}_url", kind.name()), &forge.url())
            .env("APP_TOKEN", TOKEN)
            .short_leases();
        let web = Web::start(&bench);
        let taken = deliver(&web, kind, Event::Opened, "1", &head);
        assert_eq!(taken.status, 202, "{taken:?}");
        let worker = bench.worker(&[]);
        eventually(LONG, "one has answered, one is asked", || {
            (answers(&redis) == 1 && models.stats().in_flight == 1).then_some(())
        });
        worker.kill9();
        gate.open();
        let _worker = bench.worker(&[]);
        let shown = || forge.world(|world| (world.comments.len(), world.notes.len()));
        eventually(LONG, "it is posted", || (shown() == (1, 1)).then_some(()));
        forge.world(|world| {
            assert_eq!(
                (world.comments[0].path.as_str(), world.comments[0].new),
                ("src/cart.rs", 3)
            );
            assert!(world.comments[0].body.contains("`a`, `b`"), "{}", world.comments[0].body);
            let note = &world.notes[0].body;
            assert!(!note.contains("Left out: src/cart.rs"), "{note}");
        });
        eventually(LONG, "the status is set", || {
            let word = |s: &(String, String, String, String)| s.2.replace("failed", "failure");
            forge.world(|world| world.statuses.last().map(word)).filter(|word| word == "failure")
        });
        let mut asked: Vec<String> = models.requests().iter().map(|r| r.model.clone()).collect();
        asked.sort();
        // Whose answer had come is not asked again.
        assert_eq!(asked.len(), 3, "{asked:?}");
        asked.dedup();
        assert_eq!(asked, ["a", "b"]);
        comments(&web, kind, &forge, &models, &head);
        pushes(&web, kind, &forge, &models, &repo);
    }
}

/// Answers that the fleet has kept.
#[tokio::main(flavor = "current_thread")]
async fn answers(redis: &RedisServer) -> usize {
    let queue = oracle::queue(&redis.url()).await;
    let Some(id) = queue.latest_sweeps(1).await.unwrap().pop() else { return 0 };
    queue.rows::<DiffReview>(&id).await.unwrap().len()
}

/// A comment asks for a review when its author may write.
fn comments(web: &Web, kind: ForgeKind, forge: &ForgeStub, models: &ModelStub, head: &str) {
    let calls = models.requests().len();
    for (id, by, reads) in [("c1", STRANGER, 0), ("c2", WRITER, 1)] {
        forge.hook(|_| Act::Pass);
        let taken = deliver(web, kind, Event::Asks(by), id, head);
        assert_eq!(taken.status, 202, "{taken:?}");
        let looked =
            |part: &str| forge.asked().iter().filter(|asked| asked.path.contains(part)).count();
        let who = if kind == ForgeKind::Gitlab { "/members/all/" } else { "/permission" };
        eventually(LONG, "the forge is asked who it is", || (looked(who) == 1).then_some(()));
        if reads > 0 {
            // It is published again: all is there, and nothing is sent.
            let lists = if kind == ForgeKind::Gitlab { "/discussions" } else { "/reviews" };
            eventually(LONG, "it is looked at what is there", || (looked(lists) > 0).then_some(()));
        }
        let commented = forge.world(|world| (world.comments.len(), world.notes.len()));
        assert_eq!(commented, (1, 1), "{}", kind.name());
    }
    assert_eq!(models.requests().len(), calls, "the same change is not reviewed twice");
}

/// A push is reviewed, and what it mends is resolved.
fn pushes(web: &Web, kind: ForgeKind, forge: &ForgeStub, models: &ModelStub, repo: &TestRepo) {
    let calls = models.requests().len();
    repo.git(&["checkout", "-q", "--detach", &forge.world(|world| world.head.clone())]);
    repo.write("src/cart.rs", AFTER.replace("more", "fine").as_bytes());
    let head = propose(repo, kind);
    forge.world(|world| world.head.clone_from(&head));
    let taken = deliver(web, kind, Event::Pushed, "p1", &head);
    assert_eq!(taken.status, 202, "{taken:?}");
    eventually(LONG, "the status of the new head is set", || {
        let of_head = |s: &&(String, String, String, String)| s.0 == head;
        forge.world(|world| world.statuses.iter().find(of_head).map(|s| s.2.clone()))
    });
    eventually(LONG, "the comment is resolved", || {
        forge.world(|world| world.comments[0].resolved).then_some(())
    });
    forge.world(|world| {
        assert_eq!((world.comments.len(), world.notes.len()), (1, 1));
        assert!(!print(&world.comments[0]).is_empty());
    });
    assert_eq!(models.requests().len(), calls + 2);
}
