//! Reviews are published on GitHub, GitLab and Gitea: once, in place, whatever breaks off in between.

// Helpers of tests: a panic is how a check fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

#[path = "forges/command.rs"]
mod command;
#[path = "forges/examples.rs"]
mod examples;
#[path = "../support/forge_stub/mod.rs"]
mod forge_stub;
#[path = "forges/hooks.rs"]
mod hooks;

use forge_stub::{Act, Asked, Comment, ForgeStub, World};
use queue_schema::forge::{ForgeKind, PostTo};
use scrum_config::{LoadOptions, Settings};
use scrum_domain::forge::{Finding, Marker, Publication, Severity, Side, State};
use scrum_forges::{Client, ForgeError, Published, publish};
use std::time::Duration;

const TOKEN: &str = "tok-0123456789abcdef";
/// Text that does something on a forge unless it is made inert.
const EVIL: &str = "ping @octo and @all, fixes #12, see !7 :tada: https://forge.example/o/r/issues/1\n/merge\n\r/close\n\
    <img src=x onerror=1> ![i](http://e/i.png) [t](http://e \"title\")\n<!-- scrum-fleet:finding c=scrum-fleet f=stolen -->";

fn finding(print: &str, path: &str, line: u32, side: Side, severity: Severity) -> Finding {
    Finding {
        fingerprint: print.to_owned(),
        about: String::new(),
        path: path.to_owned(),
        line: Some(line),
        side,
        severity,
        title: format!("Trouble {print} @octo"),
        body: EVIL.to_owned(),
        reviewers: vec!["opus".to_owned(), "kimi".to_owned()],
    }
}

/// A review of the first head: an added line, one that was removed, one that stayed, one outside of the change.
fn publication(head: char) -> Publication {
    let findings = vec![
        finding("f-added", "src/cart.rs", 3, Side::New, Severity::Block),
        finding("f-removed", "src/cart.rs", 2, Side::Old, Severity::Warn),
        finding("f-stayed", "src/cart.rs", 4, Side::New, Severity::Info),
        finding("f-renamed", "src/pay.rs", 32, Side::New, Severity::Warn),
    ];
    Publication {
        head: head.to_string().repeat(40),
        context: "scrum-fleet".to_owned(),
        state: State::Failed,
        headline: "4 findings, 4 of them by two reviewers @octo".to_owned(),
        notes: vec!["qwen did not answer #3".to_owned()],
        complete: true,
        findings,
        left_out: Vec::new(),
        target_url: Some("https://ci.example/1".to_owned()),
    }
}

/// The second head: one is fixed, one is new.
fn second() -> Publication {
    let mut publication = publication('2');
    publication.findings.remove(0);
    publication.findings.push(finding("f-new", "src/pay.rs", 10, Side::New, Severity::Warn));
    publication
}

fn client(stub: &ForgeStub) -> Client {
    let url = format!("SCRUM__FORGE__{}_URL", stub.kind.name().to_uppercase());
    let env = vec![(url, stub.url())];
    let settings = Settings::load(LoadOptions { env, ..LoadOptions::default() }).unwrap();
    Client::new(stub.kind, &settings.forge, Some(TOKEN)).unwrap()
}

async fn post(stub: &ForgeStub, publication: &Publication) -> Result<Published, ForgeError> {
    post_with(&client(stub), publication, 10).await
}

async fn post_with(
    client: &Client,
    publication: &Publication,
    most: usize,
) -> Result<Published, ForgeError> {
    let to = PostTo { forge: client.kind(), repo: "o/r".to_owned(), number: 5 };
    publish(client, &to, publication, most).await
}

fn print(comment: &Comment) -> String {
    Marker::read(&comment.body).unwrap().get("f").to_owned()
}

/// What a person sees, without numbers.
fn seen(world: &World) -> (Vec<String>, Vec<String>, Option<(String, String)>) {
    let is_gone = |c: &Comment| c.resolved || c.body.contains("**Gone**");
    let mut comments: Vec<String> = world
        .seen()
        .into_iter()
        .map(|c| format!("{} {}:{}:{} gone={}", print(c), c.path, c.old, c.new, is_gone(c)))
        .collect();
    comments.sort();
    let notes = world.notes.iter().map(|n| n.body.clone()).collect();
    let status = world.statuses.last().map(|s| (s.0.clone(), s.2.clone()));
    (comments, notes, status)
}

/// Every forge, one that can't resolve included.
fn stubs() -> Vec<ForgeStub> {
    let mut stubs: Vec<ForgeStub> = ForgeKind::ALL.into_iter().map(ForgeStub::start).collect();
    for kind in [ForgeKind::Github, ForgeKind::Gitea] {
        let older = ForgeStub::start(kind);
        older.world(|world| world.can_resolve = false);
        stubs.push(older);
    }
    stubs
}

#[tokio::test]
async fn a_review_is_posted_once_updated_in_place_and_what_is_fixed_is_resolved() {
    for stub in stubs() {
        // Pages of one entry: nothing may depend on the first page.
        stub.world(|world| world.page_size = 1);
        let published = post(&stub, &publication('1')).await.unwrap();
        assert_eq!((published.outcome.inline, published.outcome.in_summary), (4, 0));
        assert_eq!(published.troubles, Vec::<String>::new());
        let name = stub.kind.name();
        let (comments, notes, status) = stub.world(|world| seen(world));
        let added = "f-added src/cart.rs:0:3 gone=false";
        assert_eq!((comments.len(), comments[0].as_str(), notes.len()), (4, added, 1), "{name}");
        assert_eq!(status.unwrap().0, "1".repeat(40));
        if stub.kind != ForgeKind::Gitlab {
            let writes = stub.writes();
            assert_eq!(writes.len(), 3, "a review, a status, a summary: {writes:?}");
        }

        stub.hook(|_| Act::Pass);
        post(&stub, &publication('1')).await.unwrap();
        assert_eq!(stub.writes(), Vec::<String>::new(), "{name}: nothing is sent again");

        let id = stub.world(|world| {
            world.head = "2".repeat(40);
            world.notes[0].id
        });
        let published = post(&stub, &second()).await.unwrap();
        assert_eq!((published.outcome.inline, published.outcome.gone), (4, 1), "{name}");
        let (comments, notes, status) = stub.world(|world| seen(world));
        let gone: Vec<_> = comments.iter().filter(|c| c.ends_with("gone=true")).collect();
        assert_eq!((comments.len(), gone.len()), (5, 1), "{name}: {comments:?}");
        assert!(gone[0].starts_with("f-added"), "{gone:?}");
        assert_eq!(
            (notes.len(), stub.world(|world| world.notes[0].id)),
            (1, id),
            "{name}: in place"
        );
        assert!(notes[0].contains("1 finding of earlier reviews"), "{}", notes[0]);
        assert_eq!(status.unwrap().0, "2".repeat(40));

        stub.hook(|_| Act::Pass);
        post(&stub, &second()).await.unwrap();
        assert_eq!(stub.writes(), Vec::<String>::new(), "{name}");
    }
}

/// From one request on nobody is there any more, as for a process that was killed; then all is run again.
async fn killed_at(
    (stub, client): (&ForgeStub, &Client),
    n: usize,
    applied: bool,
    publication: &Publication,
) -> bool {
    stub.hook(move |asked: &Asked| match asked.n {
        at if at == n && applied => Act::LoseReply,
        at if at >= n => Act::LoseRequest,
        _ => Act::Pass,
    });
    let ended = post_with(client, publication, 10).await.is_ok();
    stub.hook(|_| Act::Pass);
    post_with(client, publication, 10).await.unwrap();
    ended
}

#[tokio::test]
async fn nothing_is_posted_twice_after_a_kill_at_any_step() {
    for kind in ForgeKind::ALL {
        let whole = ForgeStub::start(kind);
        post(&whole, &publication('1')).await.unwrap();
        let first = whole.world(|world| seen(world));
        whole.world(|world| world.head = "2".repeat(40));
        post(&whole, &second()).await.unwrap();
        let then = whole.world(|world| seen(world));
        // What a client keeps of the process before is its connections alone.
        let (mut steps, stub) = (0, ForgeStub::start(kind));
        let client = client(&stub);
        for (n, applied) in (1..60).flat_map(|n| [(n, false), (n, true)]) {
            stub.reset();
            let first_ended = killed_at((&stub, &client), n, applied, &publication('1')).await;
            assert_eq!(
                stub.world(|world| seen(world)),
                first,
                "{} killed at {n}, {applied}",
                kind.name()
            );
            stub.world(|world| world.head = "2".repeat(40));
            let ended = killed_at((&stub, &client), n, applied, &second()).await;
            assert_eq!(
                stub.world(|world| seen(world)),
                then,
                "{} killed at {n}, {applied}",
                kind.name()
            );
            steps = n;
            if ended && first_ended {
                break;
            }
        }
        assert!((9..50).contains(&steps), "{}: {steps} steps", kind.name());
    }
}

#[tokio::test]
async fn passing_errors_are_looked_into_before_anything_is_sent_again() {
    type Fault = fn(&Asked) -> Act;
    let lost: Fault = |_| Act::LoseReply;
    let done: Fault = |_| Act::DoneButRefused(502, "<html>bad gateway</html>".to_owned());
    let not_done: Fault = |_| Act::Refuse(500, Vec::new(), "{}".to_owned());
    for (kind, fault) in
        ForgeKind::ALL.into_iter().flat_map(|k| [lost, done, not_done].map(|f| (k, f)))
    {
        let (whole, stub) = (ForgeStub::start(kind), ForgeStub::start(kind));
        post(&whole, &publication('1')).await.unwrap();
        let (writes, client) = (whole.writes(), client(&stub));
        for (place, request) in writes.iter().enumerate() {
            stub.reset();
            let mut written = 0;
            stub.hook(move |asked| {
                written += usize::from(asked.writes());
                if asked.writes() && written == place + 1 { fault(asked) } else { Act::Pass }
            });
            post_with(&client, &publication('1'), 10).await.unwrap();
            let (stub, whole) = (stub.world(|w| seen(w)), whole.world(|w| seen(w)));
            assert_eq!(stub, whole, "{}: {}", kind.name(), request);
        }
    }
}

#[tokio::test]
async fn one_bad_line_does_not_cost_the_others() {
    for kind in ForgeKind::ALL {
        let stub = ForgeStub::start(kind);
        stub.world(|world| world.bad_lines = [4].into());
        let mut publication = publication('1');
        // Outside of the change: such lines are not even tried, but on Gitea, which takes any.
        publication.findings.push(finding(
            "f-outside",
            "src/cart.rs",
            400,
            Side::New,
            Severity::Warn,
        ));
        publication.findings.push(Finding {
            line: None,
            ..finding("f-nowhere", "a.rs", 1, Side::New, Severity::Info)
        });
        let published = post(&stub, &publication).await.unwrap();
        let (comments, notes, _) = stub.world(|world| seen(world));
        // Gitea checks nothing.
        let (inline, refused) = if kind == ForgeKind::Gitea { (5, 0) } else { (3, 1) };
        assert_eq!((comments.len(), published.refused.len()), (inline, refused), "{}", kind.name());
        assert_eq!(published.outcome.in_summary, 6 - inline);
        assert_eq!(notes.len(), 1);
        let in_full = |print: &str| {
            let after = notes[0].split(&format!("Trouble {print}")).nth(1).unwrap();
            after.lines().take(3).any(|line| line.contains("ping"))
        };
        assert!(in_full("f-nowhere") && !in_full("f-added"), "{}", notes[0]);
        assert_eq!(in_full("f-stayed"), kind != ForgeKind::Gitea, "{}", notes[0]);
        stub.hook(|_| Act::Pass);
        post(&stub, &publication).await.unwrap();
        assert_eq!(stub.writes(), Vec::<String>::new(), "{}: nor tried again", kind.name());
    }
}

#[tokio::test]
async fn text_of_models_does_nothing_there() {
    for kind in ForgeKind::ALL {
        let stub = ForgeStub::start(kind);
        let mut publication = publication('1');
        publication.findings.push(Finding {
            line: None,
            ..finding("f-full", "@octo/#1.rs", 1, Side::New, Severity::Info)
        });
        post(&stub, &publication).await.unwrap();
        stub.world(|world| {
            let notes = world.notes.iter().map(|n| n.body.clone());
            let bodies: Vec<String> =
                world.comments.iter().map(|c| c.body.clone()).chain(notes).collect();
            assert_eq!((bodies.len(), world.commands.as_slice()), (5, &[][..]));
            for body in bodies {
                let (mark, rest) = body.split_once('\n').unwrap();
                assert!(
                    mark.starts_with("<!-- scrum-fleet:") && !mark.contains("stolen"),
                    "{mark}"
                );
                // Nothing is looked for in code.
                let rest: String =
                    rest.split('`').step_by(2).collect::<String>().replace("\\]", "");
                for word in
                    ["@octo", "@all", "#12", "#3", "!7", ":tada:", "https://", "<", "](", "\n/"]
                {
                    assert!(!rest.contains(word), "{}: {word} in {rest}", kind.name());
                }
            }
        });
    }
}

#[tokio::test]
async fn refusals_say_what_to_do_next() {
    let wait = |e: &ForgeError| match e {
        ForgeError::RateLimited { after, .. } => Some(after.as_secs()),
        _ => None,
    };
    for kind in ForgeKind::ALL {
        let stub = ForgeStub::start(kind);
        for (status, header, body, secs) in [
            (403, Some(("retry-after", "17")), r#"{"message": "secondary rate limit"}"#, 17),
            (429, Some(("retry-after", "3")), "Retry later", 3),
            (429, None, "Retry later", 60),
        ] {
            stub.hook(move |asked| {
                let headers = header.map(|(n, v)| (n, v.to_owned())).into_iter().collect();
                if asked.writes() {
                    Act::Refuse(status, headers, body.to_owned())
                } else {
                    Act::Pass
                }
            });
            let error = post(&stub, &publication('1')).await.unwrap_err();
            assert_eq!(wait(&error), Some(secs), "{error}");
            assert_eq!(stub.writes().len(), 1, "nothing is sent in the meantime");
        }
        // What may not be set costs nothing else; the rest is published and it is said.
        stub.hook(|asked| {
            let status = asked.path.contains("/statuses/");
            if status {
                Act::Refuse(403, Vec::new(), "{\"message\": \"no\"}".to_owned())
            } else {
                Act::Pass
            }
        });
        let published = post(&stub, &publication('1')).await.unwrap();
        assert!(published.troubles[0].contains("the token needs"), "{:?}", published.troubles);
        assert_eq!(stub.world(|world| (world.notes.len(), world.statuses.len())), (1, 0));
        // Once the token may, it is set, and then left alone.
        for (writes, statuses) in [(2, 1), (0, 1)] {
            stub.hook(|_| Act::Pass);
            let published = post(&stub, &publication('1')).await.unwrap();
            assert_eq!(published.troubles, Vec::<String>::new());
            assert_eq!(stub.writes().len(), writes, "{}: {:?}", kind.name(), stub.writes());
            let there = stub.world(|world| (world.notes.len(), world.statuses.len()));
            assert_eq!(there, (1, statuses), "{}", kind.name());
        }
        stub.world(|world| world.token = "another".to_owned());
        let error = post(&stub, &publication('1')).await.unwrap_err();
        assert!(
            matches!(error, ForgeError::Forbidden { .. }) && !error.to_string().contains(TOKEN),
            "{error}"
        );
        // A reply that echoes the token does not reach anybody.
        stub.hook(|_| Act::Refuse(422, Vec::new(), format!("{{\"message\": \"bad {TOKEN}\"}}")));
        let error = post(&stub, &publication('1')).await.unwrap_err();
        assert!(error.to_string().contains("bad [key]"), "{error}");
    }
}

#[tokio::test]
async fn what_others_wrote_and_changed_is_borne() {
    for kind in ForgeKind::ALL {
        let stub = ForgeStub::start(kind);
        // Somebody writes our mark before we do.
        let mark = Marker::new("summary")
            .with("c", "scrum-fleet")
            .with("posted", "f-added,f-renamed")
            .written();
        stub.world(|world| world.add_note((8, "mallory"), &format!("{mark}\nAll is well.")));
        post(&stub, &publication('1')).await.unwrap();
        stub.world(|world| {
            assert_eq!((world.notes.len(), world.comments.len()), (2, 4), "{}", kind.name());
            assert!(world.notes[0].body.ends_with("All is well."));
            // A comment is taken away, one loses its mark, one is resolved by hand, and the summary is changed.
            world.comments.remove(3);
            let text = world.comments[0].body.split_once('\n').unwrap().1.to_owned();
            world.comments[0].body = text;
            world.comments[1].resolved = true;
            world.notes[1].body = world.notes[1].body.replace("### Review", "### Nothing");
        });
        let before = stub.world(|world| world.comments.clone());
        post(&stub, &publication('1')).await.unwrap();
        stub.world(|world| {
            assert_eq!(world.comments, before, "{}: nothing is posted again", kind.name());
            assert!(world.notes.len() == 2 && world.notes[1].body.contains("### Review"));
        });
    }
}

#[tokio::test]
async fn a_review_that_comes_too_late_or_is_not_whole_spoils_nothing() {
    for kind in ForgeKind::ALL {
        let stub = ForgeStub::start(kind);
        post(&stub, &publication('1')).await.unwrap();
        stub.world(|world| world.head = "2".repeat(40));
        let before = stub.world(|world| (world.comments.clone(), world.notes.clone()));
        // Of a head that was pushed over meanwhile.
        let late = Publication { findings: Vec::new(), state: State::Passed, ..publication('3') };
        let published = post(&stub, &late).await.unwrap();
        assert!(published.outcome.moved);
        assert_eq!(stub.world(|world| (world.comments.clone(), world.notes.clone())), before);
        // A part was not reviewed: what it held may still be there.
        let partial = Publication {
            complete: false,
            state: State::Unreviewed,
            findings: Vec::new(),
            ..publication('2')
        };
        post(&stub, &partial).await.unwrap();
        assert!(stub.world(|world| world.comments.iter().all(|c| !c.resolved)));
        stub.world(|world| world.open = false);
        stub.hook(|_| Act::Pass);
        assert!(post(&stub, &second()).await.unwrap().outcome.closed);
        assert_eq!(stub.writes(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn drafts_that_were_left_over_are_not_published_with_the_next_review() {
    let stub = ForgeStub::start(ForgeKind::Gitea);
    let mut reviews = 0;
    stub.hook(move |asked| {
        reviews += usize::from(asked.path.ends_with("/reviews") && asked.writes());
        if asked.path.ends_with("/reviews") && asked.writes() && reviews == 1 {
            Act::BreakOff(2)
        } else {
            Act::Pass
        }
    });
    post(&stub, &publication('1')).await.unwrap();
    let comments = stub.world(|world| seen(world).0);
    assert_eq!(comments.len(), 4, "{comments:?}");
    assert!(stub.writes().iter().any(|w| w.starts_with("DELETE")), "{:?}", stub.writes());
}

#[tokio::test]
async fn comments_are_counted_for_each_head() {
    for kind in ForgeKind::ALL {
        let stub = ForgeStub::start(kind);
        let client = client(&stub);
        for _ in 0..2 {
            let published = post_with(&client, &publication('1'), 2).await.unwrap();
            assert_eq!((published.outcome.inline, published.outcome.in_summary), (2, 2));
        }
        assert_eq!(stub.world(|world| world.comments.len()), 2);
        stub.world(|world| world.head = "2".repeat(40));
        post_with(&client, &second(), 2).await.unwrap();
        assert_eq!(stub.world(|world| world.comments.len()), 4);
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for_without_end() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let env = [
        ("URL", format!("http://{}", listener.local_addr().unwrap())),
        ("TIMEOUT_S", "1".to_owned()),
    ];
    let name = |n: &str| format!("SCRUM__FORGE__{}{n}", if n == "URL" { "GITEA_" } else { "" });
    let env = env.iter().map(|(n, v)| (name(n), v.clone())).collect();
    let settings = Settings::load(LoadOptions { env, ..LoadOptions::default() }).unwrap();
    let client = Client::new(ForgeKind::Gitea, &settings.forge, Some(TOKEN)).unwrap();
    let publication = publication('1');
    let posting = post_with(&client, &publication, 10);
    let error = tokio::time::timeout(Duration::from_secs(30), posting).await.unwrap().unwrap_err();
    assert!(matches!(error, ForgeError::Transient(_)), "{error}");
}
