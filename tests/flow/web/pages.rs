//! The dashboard over the wire: every page in both forms, decisions, and who may make them.

use scrum_tests::process::Bench;
use scrum_tests::scene::{CART, HOSTILE, LINES, NAMES, STUCK, Scene, TOKEN};
use scrum_tests::wait::eventually;
use scrum_tests::web::{Answer, FORM, Web};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Bytes of a page at most.
const MOST: usize = 200_000;

/// What stands for the parts of a path.
struct Known {
    sweep: String,
    diff: String,
    repo: String,
    finding: String,
    letter: String,
    number: String,
}

impl Known {
    fn of(web: &Web) -> Self {
        let findings = web.ask("GET", "/findings.json?state=all", "").json;
        let letters = web.ask("GET", "/letters.json", "").json;
        let diffs = web.ask("GET", "/diffs.json", "").json;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let finding = findings["findings"].as_array().unwrap().iter().find(|f| f["file"] == CART);
        let letter = &letters["letters"][0];
        let sweep = text(&letter["sweep"]);
        let files = web.ask("GET", &format!("/sweeps/{sweep}.json"), "").json;
        let cart = files["files"].as_array().unwrap().iter().find(|f| f["path"] == CART).unwrap();
        Self {
            sweep,
            diff: text(&diffs["changes"][0]["sweep"]["id"]),
            repo: text(&findings["memory"]),
            finding: text(&finding.unwrap()["id"]),
            letter: text(&letter["id"]),
            number: cart["number"].to_string(),
        }
    }

    fn fill(&self, path: &str) -> String {
        let sweep = if path.starts_with("/diffs") { &self.diff } else { &self.sweep };
        path.replace("{sweep}", sweep)
            .replace("{repo}", &self.repo)
            .replace("{finding}", &self.finding)
            .replace("{letter}", &self.letter)
            .replace("{number}", &self.number)
    }
}

/// Adds a review of a change to what there is.
fn diff(scene: &Scene) {
    scene.repo.write(CART, b"def total(items):\n    return sum(item.price for item in items)\n");
    scene.repo.commit("shorter");
    let repo = scene.repo.path().to_str().unwrap();
    let range = "HEAD~1..HEAD";
    let by = ["--reviewer=a=stub/small", "--reviewer=b=builtin/static-checks"];
    let done = scene.bench.run(&[&["diff", repo, range, "--quiet"][..], &by].concat());
    assert!(done.stderr.is_empty() || done.code < 3, "{}", done.stderr);
}

#[test]
fn every_page_is_json_at_its_address_and_as_the_document_says() {
    let scene = Scene::reviewed();
    let _worker = scene.worker();
    diff(&scene);
    let web = scene.web();
    let document = web.ask("GET", "/openapi.json", "").json;
    assert_eq!(document["openapi"], "3.1.0");
    let known = Known::of(&web);
    let (mut pages, mut posts) = (0, 0);
    for (path, of) in document["paths"].as_object().unwrap() {
        if of["post"].is_object() {
            // It is there, whatever it says to an empty question.
            let answer = web.ask("POST", &known.fill(path).replace("{forge}", "github"), "");
            assert!(
                ![404, 405].contains(&answer.status) || path.contains("pathway"),
                "{path}: {answer:?}"
            );
            posts += 1;
        }
        let answer = &of["get"]["responses"]["200"]["content"];
        if !answer["text/html"].is_object() || path == "/sweeps/{sweep}/file" {
            continue;
        }
        pages += 1;
        let at = known.fill(path);
        let page = web.page(&at);
        assert_eq!(page.status, 200, "{at}: {page:?}");
        assert!(page.body.starts_with("<!DOCTYPE html>") && page.body.len() < MOST, "{at}");
        inert(&at, &page);
        let json = match at.as_str() {
            "/" => web.send(
                "GET",
                "/",
                &format!("Host: {}\r\nAccept: application/json\r\n", web.address),
                "",
            ),
            at => web.ask("GET", &format!("{at}.json"), ""),
        };
        assert_eq!(json.status, 200, "{at}: {json:?}");
        let schema = &answer["application/json"]["schema"];
        let validator = jsonschema::validator_for(schema).unwrap();
        let faults: Vec<String> =
            validator.iter_errors(&json.json).map(|e| e.to_string()).collect();
        assert!(faults.is_empty(), "{at}: {faults:?}");
    }
    assert!(pages >= 18 && posts >= 9, "{pages} pages, {posts} posts");
    // No address is without its description: they are added in one place.
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../workers/web/src");
    for file in std::fs::read_dir(source).unwrap().flatten().filter(|f| f.path().is_file()) {
        let text = std::fs::read_to_string(file.path()).unwrap();
        let routes = text.matches(".route(").count();
        let wanted = usize::from(file.file_name() == "routes.rs");
        assert_eq!(routes, wanted, "{:?}", file.file_name());
    }
}

/// Nothing that stands in a page runs, and nothing foreign is markup.
fn inert(at: &str, page: &Answer) {
    let head = page.head.to_lowercase();
    for wanted in [
        "content-security-policy: default-src 'none'; style-src 'self'; script-src 'self'",
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "cache-control: no-store",
    ] {
        assert!(head.contains(wanted), "{at}: {wanted}: {head}");
    }
    for bad in [
        "<script>",
        "<img",
        " style=",
        " onclick=",
        " onmouseover=",
        " onerror=",
        "href=\"javascript:",
    ] {
        // As an attribute of ours: escaped text has no quotes that end one.
        assert!(!page.body.contains(bad) || is_text(&page.body, bad), "{at} holds {bad}");
    }
}

/// Whether a word stands in text alone: the `<` before it was closed.
fn is_text(body: &str, word: &str) -> bool {
    body.match_indices(word).all(|(at, _)| {
        let before = &body[..at];
        !word.starts_with('<') && before.rfind('>') > before.rfind('<')
    })
}

#[test]
fn a_file_shows_its_source_with_findings_at_their_lines() {
    let scene = Scene::reviewed();
    let web = scene.web();
    let known = Known::of(&web);
    let page = web.ask("GET", &known.fill("/sweeps/{sweep}/files/{number}.json"), "").json;
    assert_eq!(page["source"]["lines"][2], "    for item in items[1:]:");
    let lines: Vec<&Value> =
        page["row"]["findings"].as_array().unwrap().iter().map(|f| &f["line"]).collect();
    assert_eq!(lines, LINES.map(Value::from).iter().collect::<Vec<_>>());
    assert_eq!(page["known"].as_array().map(Vec::len), Some(2));
    assert!(page["attempts"][0]["answer_preview"].as_str().unwrap().contains("<script>"));
    let found = web.page(&known.fill(&format!("/sweeps/{{sweep}}/file?path={CART}&line=3")));
    let to = known.fill("/sweeps/{sweep}/files/{number}?line=3#L3");
    assert!(found.status == 303 && found.head.contains(&to), "{found:?}");
    let part = web.page(&known.fill("/sweeps/{sweep}/files/{number}?from=4"));
    assert!(part.body.contains("id=\"L4\"") && !part.body.contains("id=\"L3\""));
    let only = web.ask("GET", &known.fill("/sweeps/{sweep}.json?status=unresolved"), "").json;
    assert_eq!(only["files"][0]["path"], STUCK);
    assert_eq!(only["files"].as_array().map(Vec::len), Some(1));
    let stuck = format!("/sweeps/{}/files/{}", known.sweep, only["files"][0]["number"]);
    let page = web.page(&stuck);
    assert!(page.body.contains("PASSWORD") && !page.body.contains("hunter2"), "it is masked");
    for (path, status) in [
        ("/sweeps/nonsense", 404),
        ("/sweeps/{sweep}/files/99", 404),
        ("/sweeps/{sweep}/files/x", 400),
        ("/sweeps/{sweep}?status=nonsense", 400),
        ("/sweeps/{sweep}?after=nonsense", 400),
        ("/findings?repo=nonsense", 404),
        ("/letters/nonsense", 404),
        ("/diffs/{sweep}", 404),
        ("/findings?path=[", 400),
    ] {
        let path = path.replace("{sweep}", &known.sweep);
        let (page, json) = (web.page(&path), web.ask("GET", &path, ""));
        assert_eq!((page.status, page.body.starts_with("<!DOCTYPE")), (status, true), "{path}");
        assert!(json.status == status && json.json["error"].is_string(), "{path}: {json:?}");
    }
    // Where no source may be shown, the findings are shown without it.
    let closed = Web::start(&scene.bench.set("web.show_sources", "false"));
    let page = closed.ask("GET", &known.fill("/sweeps/{sweep}/files/{number}.json"), "").json;
    assert!(page["source"]["why"].as_str().unwrap().contains("web.show_sources"));
}

/// The word of the forms of a page.
fn word(page: &Answer) -> String {
    let after = page.body.split_once("name=\"word\" value=\"").expect("a form").1;
    after.split('"').next().unwrap().to_owned()
}

#[test]
fn findings_are_dismissed_and_reopened_by_forms_of_ours() {
    let scene = Scene::reviewed();
    let web = scene.web();
    let known = Known::of(&web);
    let (list, dismiss) = ("/findings", known.fill("/findings/{repo}/{finding}/dismiss"));
    let word = word(&web.page(list));
    let own = format!("Host: {}\r\n", web.address);
    let state = || web.ask("GET", &known.fill("/findings/{repo}/{finding}.json"), "").json;
    for (fields, origin, status) in [
        ("why=no", "", 403),
        ("why=no&word=0123", "", 403),
        (&format!("why=+&word={word}"), "", 400),
        (&format!("why=no&days=x&word={word}"), "", 400),
        (&format!("why=no&word={word}"), "Origin: http://evil.example\r\n", 403),
        (&format!("why={}&word={word}", "x".repeat(2001)), "", 400),
    ] {
        let headers = format!("{own}{origin}{FORM}\r\n");
        let refused = web.send("POST", &dismiss, &headers, fields);
        assert_eq!(refused.status, status, "{fields:.40} {origin}: {refused:?}");
    }
    assert_eq!(state()["finding"]["state"], "open");
    let plain = web.send("POST", &dismiss, &format!("{own}Content-Type: text/plain\r\n"), "{}");
    assert_eq!(plain.status, 415, "what a page of another origin can send without asking");

    let done = web.form(
        &dismiss,
        &format!("why=the+caller+checks&by=ada&days=&word={word}&back=%2Ffindings"),
    );
    assert!(done.status == 303 && done.head.contains("/findings?done=dismissed"), "{done:?}");
    let dismissed = state();
    assert_eq!(dismissed["finding"]["state"], "dismissed");
    assert_eq!(dismissed["finding"]["decided"]["by"], "ada");
    let repo = scene.repo.path().to_str().unwrap();
    let told = scene.bench.run(&["findings", repo, "list", "--state", "dismissed"]).expect(0);
    assert!(told.stdout.contains(&known.finding), "{}", told.stdout);
    let gone = web.page(list);
    assert!(!gone.body.contains(&known.finding), "the list shows open ones");

    let reopen = known.fill("/findings/{repo}/{finding}/reopen");
    let back = web.post(&reopen, &json!({"why": "one does not"}));
    assert_eq!((back.status, &back.json), (200, &json!({"reopened": [known.finding]})));
    let again = web.post(&reopen, &json!({"why": "twice"}));
    assert!(again.status == 400 && again.body.contains("not dismissed"), "{again:?}");
    let elsewhere = web.form(&dismiss, &format!("why=x&word={word}&back=%2F%2Fevil.example"));
    assert!(elsewhere.head.contains("location: /fleet?done=dismissed"), "{elsewhere:?}");

    let log = scene.web_log();
    let audit =
        |what: &str| log.lines().filter(|l| l.contains("audit") && l.contains(what)).count();
    assert_eq!(audit("changed"), 3, "{log}");
    assert_eq!(audit("refused"), 8, "{log}");
}

#[test]
fn dead_letters_are_retried_from_a_rung_and_discarded() {
    let scene = Scene::reviewed();
    let web = scene.web();
    let known = Known::of(&web);
    let letter = known.fill("/letters/{letter}");
    let shown = web.ask("GET", &format!("{letter}.json"), "").json;
    assert_eq!(shown["letter"]["class"], "ladder_exhausted");
    assert_eq!(shown["ladder"], json!(["stub/small", "stub/large"]));
    assert_eq!(shown["attempts"].as_array().map(Vec::len), Some(2));
    let beyond = web.post(&format!("{letter}/retry"), &json!({"from_rung": 7}));
    assert!(beyond.status == 400 && beyond.body.contains("rungs 0 to 1"), "{beyond:?}");
    let back = web.post(&format!("{letter}/retry"), &json!({"from_rung": 1}));
    assert_eq!((back.status, &back.json), (200, &json!({"revived": 1})));
    assert_eq!(web.ask("GET", &letter, "").status, 404);
    // It fails again, and is thrown away then.
    let _worker = scene.worker();
    let died = eventually(Duration::from_secs(60), "it dies again", || {
        let all = web.ask("GET", "/letters.json", "").json;
        all["letters"][0]["id"].as_str().map(str::to_owned)
    });
    let gone = web.post(&format!("/letters/{died}/discard"), &json!({}));
    assert_eq!((gone.status, &gone.json), (200, &json!({"discarded": 1})));
    assert_eq!(web.ask("GET", "/letters.json", "").json["letters"], json!([]));
}

#[test]
fn a_dead_letter_goes_on_on_another_ladder() {
    let scene = Scene::reviewed();
    let web = scene.web();
    let known = Known::of(&web);
    let letter = known.fill("/letters/{letter}");
    for name in ["nope", "/etc/passwd", "../x.toml"] {
        let none = web.post(&format!("{letter}/retry"), &json!({"ladder": name}));
        assert!(none.status == 400 && none.body.contains("builtin"), "{none:?}");
    }
    let page = web.page(&letter);
    assert!(page.body.contains("<option value=\"builtin\">"), "{}", page.body);
    let form = format!("ladder=builtin&from_rung=&word={}", word(&page));
    let done = web.form(&format!("{letter}/retry"), &form);
    assert_eq!(done.status, 303, "{done:?}");
    let _worker = scene.worker();
    eventually(Duration::from_secs(60), "it is reviewed", || {
        let sweep = web.ask("GET", &format!("/sweeps/{}.json", known.sweep), "").json;
        let stuck = sweep["files"].as_array()?.iter().find(|file| file["path"] == STUCK)?.clone();
        (stuck["status"] == "resolved").then_some(())
    });
    assert_eq!(web.ask("GET", "/letters.json", "").json["letters"], json!([]));
}

#[test]
fn a_server_that_only_shows_changes_nothing_and_too_many_decisions_are_refused() {
    let scene = Scene::with(|bench| bench.set("web.decisions_per_minute", "2"));
    let (shows, takes) = (Web::with(&scene.bench, &["--read-only"]), scene.web());
    let event = json!({"source": "ci", "endpoint": "e", "success": true, "duration_ms": 1});
    for (path, body) in [("/event", &event), ("/letters/x/discard", &json!({}))] {
        let refused = shows.post(path, body);
        assert!(refused.status == 403 && refused.body.contains("--read-only"), "{refused:?}");
    }
    assert!(!shows.page("/findings").body.contains("<form method=\"post\""));
    assert_eq!(takes.post("/event", &event).status, 200);
    let statuses = [0; 3].map(|_| takes.post("/letters/x/discard", &json!({})).status);
    assert_eq!(statuses, [404, 404, 429]);
    assert_eq!(takes.ask("GET", "/fleet", "").status, 200, "looking is no decision");
}

#[test]
fn a_browser_elsewhere_signs_in_with_the_token() {
    let scene = Scene::with(|bench| bench.set("web.hosts", "fleet.example"));
    let web = scene.web();
    let own = "Host: fleet.example\r\nOrigin: https://fleet.example\r\nAccept: text/html\r\n";
    let asked = web.send("GET", "/findings?state=all", own, "");
    assert_eq!(asked.status, 401);
    assert!(
        asked.body.contains("action=\"/login\"")
            && asked.body.contains("value=\"/findings?state=all\"")
    );
    assert_eq!(web.send("GET", "/assets/app.css", own, "").status, 200);
    let give = |token: &str, more: &str| {
        let fields = format!("token={token}&back=%2Ffindings%3Fstate%3Dall");
        web.send("POST", "/login", &format!("{own}{more}{FORM}\r\n"), &fields)
    };
    assert_eq!(give("wrong", "").status, 401);
    let done = give(TOKEN, "X-Forwarded-Proto: https\r\n");
    assert!(done.status == 303 && done.head.contains("location: /findings?state=all"), "{done:?}");
    let cookie = done.head.lines().find_map(|l| l.strip_prefix("set-cookie: ")).unwrap();
    for wanted in ["HttpOnly", "SameSite=Strict", "Secure"] {
        assert!(cookie.contains(wanted), "{cookie}");
    }
    assert!(!cookie.contains(TOKEN));
    let session = format!("{own}Cookie: {}\r\n", cookie.split(';').next().unwrap());
    let page = web.send("GET", "/fleet", &session, "");
    assert_eq!(page.status, 200);
    let word = word(&page);
    let out = |word: &str| {
        web.send("POST", "/logout", &format!("{session}{FORM}\r\n"), &format!("word={word}"))
    };
    assert_eq!(out("0123").status, 403, "the forms of a session are its own");
    let ended = out(&word);
    assert!(ended.status == 303 && ended.head.contains("Max-Age=0"), "{ended:?}");
    // What is known of another session is no word of this one.
    let local = web.page("/findings");
    assert!(!local.body.contains(&word));
}

#[test]
fn a_run_shows_itself_in_the_dashboard_until_it_is_left() {
    let scene = Scene::new();
    scene.mended.store(true, Ordering::SeqCst);
    scene.gate.close();
    let bench = Bench::with_stub(None, &scene.stub.openai_url(), &["small"])
        .set("web.listen", "127.0.0.1:0");
    let mut command = bench.on("run", &scene.repo, &["--web"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let said = lines.find_map(|line| line.strip_prefix("dashboard: ").map(str::to_owned)).unwrap();
    let (address, path) = said.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let looks = |path: &str| {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let text =
            format!("GET /{path}.json HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        std::io::Write::write_all(&mut stream, text.as_bytes()).unwrap();
        let answer = std::io::read_to_string(stream).unwrap();
        serde_json::from_str::<Value>(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    };
    eventually(Duration::from_secs(60), "files are in progress", || {
        (looks(path)["status"]["live"].as_u64()? > 0).then_some(())
    });
    scene.gate.open();
    lines.find(|line| line.contains("stays at")).expect("it stays");
    assert_eq!(looks(path)["status"]["state"], "done");
    let process = scrum_tests::process::Process(child);
    scrum_tests::process::signal(process.pid(), "INT");
    assert_eq!(process.wait(Duration::from_secs(60)), 0);
    assert!(std::net::TcpStream::connect(address).is_err(), "the server ends with the run");
}

#[test]
fn hostile_names_and_answers_are_text() {
    let scene = Scene::reviewed();
    let web = scene.web();
    let known = Known::of(&web);
    let sweep = web.page(&known.fill("/sweeps/{sweep}"));
    assert!(sweep.body.contains("src/&lt;script&gt;window.owned=1&lt;.py"));
    let all = web.ask("GET", &known.fill("/sweeps/{sweep}.json"), "").json;
    for name in NAMES {
        let file = all["files"].as_array().unwrap().iter().find(|f| f["path"] == name).unwrap();
        let at = format!("/sweeps/{}/files/{}", known.sweep, file["number"]);
        inert(&at, &web.page(&at));
        let source = &web.ask("GET", &format!("{at}.json"), "").json["source"];
        assert!(source["lines"].to_string().contains("onerror"), "{source}");
    }
    assert!(HOSTILE.contains("<script>"));
    // Nor is anything of an address.
    for path in [
        "/findings?state=%3Cscript%3E",
        "/fleet?done=%3Cscript%3E",
        "/%3Cscript%3E",
        "/login?back=javascript:x",
    ] {
        inert(path, &web.page(path));
    }
}
