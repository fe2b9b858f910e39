//! The dashboard in a real browser: a sweep as it goes on, findings at their lines, decisions, hostile text, no script.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use scrum_tests::browser::{Browser, PATIENCE, is_left_out};
use scrum_tests::scene::{CART, LINES, NAMES, STUCK, Scene};
use scrum_tests::wait::eventually;
use scrum_tests::web::Web;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;

/// The pages, without those that name something.
const PAGES: [&str; 10] = [
    "/fleet",
    "/findings",
    "/letters",
    "/diffs",
    "/memory",
    "/models",
    "/trends",
    "/observer",
    "/kb",
    "/settings",
];

fn settled(browser: &Browser) -> u64 {
    let value = browser.run("const p = document.querySelector('progress'); return p ? p.value : 0");
    value.as_f64().map_or(0, |value| value as u64)
}

#[test]
fn a_sweep_is_followed_reviewed_and_decided_upon() {
    if is_left_out() {
        return;
    }
    let scene = Scene::new();
    scene.gate.close();
    let (web, _worker) = (scene.web(), scene.worker());
    let browser = Browser::open(true);
    let at = |path: &str| format!("http://{}{path}", web.address);
    browser.go(&at("/fleet"));
    browser.wait_text("There are no sweeps yet");

    // Progress moves by itself.
    let sweep = scene.bench.enqueue(&scene.repo);
    browser.wait_text("running");
    browser.click("main table a");
    browser.wait_text("in progress");
    assert_eq!(settled(&browser), 0);
    scene.gate.open();
    eventually(PATIENCE, "progress moves", || (settled(&browser) == 5).then_some(()));
    browser.wait_text("1 unresolved");

    // A review has its findings at their lines.
    browser.run(&format!(
        "[...document.querySelectorAll('a')].find((a) => a.textContent === '{CART}').click()"
    ));
    eventually(PATIENCE, "the file is open", || browser.url().contains("/files/").then_some(()));
    let notes = browser.run(
        "return [...document.querySelectorAll('tr.note')].map((row) => row.previousElementSibling.id)",
    );
    let wanted = LINES.map(|line| Value::from(format!("L{line}"))).to_vec();
    assert_eq!(notes, Value::Array(wanted));

    // A finding is dismissed, and the next report leaves it out.
    let claims = browser.count(".finding");
    assert_eq!(claims, 2);
    browser.click(".finding .decide summary");
    browser.fill(".finding textarea", "callers pass two items or more");
    browser.fill(".finding input[name=by]", "ada");
    browser.click(".finding .decide button");
    browser.wait_text("The finding is dismissed");
    let again = scene.bench.on("sweep", &scene.repo, &["--wait", "--again", "--quiet"]);
    let out = scene.bench.out();
    let done = { again }.args(["--out", out.to_str().unwrap()]).output().unwrap();
    let report = std::fs::read_to_string(out.join("scrum_report.md"));
    let report =
        report.unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&done.stderr)));
    assert!(report.contains("hides every error"), "{report}");
    assert!(!report.contains("leaves out the first item"), "{report}");

    // A dead letter is retried, and its file is reviewed.
    scene.mended.store(true, Ordering::SeqCst);
    browser.go(&at(&format!("/letters?sweep={sweep}")));
    browser.click("main table a");
    browser.wait_text("ladder exhausted");
    browser.click(".buttons form button");
    browser.wait_text("The job is back in the queue");
    browser.go(&at(&format!("/sweeps/{sweep}")));
    browser.wait_text("5 reviewed");
    let text = browser.text();
    assert!(text.contains(STUCK) && !text.contains("unresolved,"), "{text}");

    nothing_runs(&browser, &web, &sweep);
    accessible(&browser, &web, &sweep);
}

/// What hostile text would do if it were markup; and what it would be.
fn nothing_runs(browser: &Browser, web: &Web, sweep: &str) {
    let files = (0..2 + NAMES.len()).map(|n| format!("/sweeps/{sweep}/files/{n}"));
    let own = [format!("/sweeps/{sweep}"), format!("/sweeps/{sweep}/findings")];
    let pages = PAGES.iter().map(|page| (*page).to_owned());
    for page in pages.chain(own).chain(files) {
        browser.go(&format!("http://{}{page}", web.address));
        // Whatever can be pointed at is.
        let owned = browser.run(
            "document.querySelectorAll('*').forEach((one) => one.dispatchEvent(new MouseEvent('mouseover'))); return window.owned ?? null",
        );
        assert_eq!(owned, Value::Null, "{page}");
        for foreign in [
            "main script",
            "main img",
            "[onerror]",
            "[onmouseover]",
            "a[href^=javascript]",
            "[style]",
        ] {
            assert_eq!(browser.count(foreign), 0, "{page} has {foreign}");
        }
    }
}

/// axe-core finds nothing serious, where it can be had.
fn accessible(browser: &Browser, web: &Web, sweep: &str) {
    let Some(axe) = axe() else {
        eprintln!("axe-core can't be had here; pages are not checked with it");
        return;
    };
    let own = [format!("/sweeps/{sweep}"), format!("/sweeps/{sweep}/files/0")];
    for dark in [false, true] {
        browser.dress(dark, 1200);
        for page in PAGES.iter().map(|page| (*page).to_owned()).chain(own.clone()) {
            browser.go(&format!("http://{}{page}", web.address));
            browser.run(&axe);
            browser.run("window.found = null; axe.run().then((all) => { window.found = all.violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => v.id + ': ' + v.nodes.slice(0, 3).map((n) => n.html).join(' ')); }); return null");
            let found = eventually(PATIENCE, "axe has looked", || {
                let found = browser.run("return window.found");
                (!found.is_null()).then_some(found)
            });
            assert_eq!(found, Value::Array(Vec::new()), "{page} dark {dark}");
        }
    }
}

/// The text of axe-core, from the npm registry, kept in the target directory.
fn axe() -> Option<String> {
    let dir = std::env::current_exe().ok()?.ancestors().nth(3)?.join("axe");
    let file = dir.join("package/axe.min.js");
    if !file.is_file() {
        std::fs::create_dir_all(&dir).ok()?;
        let pack = ["pack", "--silent", "axe-core@4.14.1"];
        let packed = Command::new("npm").args(pack).current_dir(&dir).output().ok()?;
        let name = String::from_utf8(packed.stdout).ok()?;
        Command::new("tar").args(["-xzf", name.trim()]).current_dir(&dir).output().ok()?;
    }
    std::fs::read_to_string(file).ok()
}

#[test]
fn all_of_it_works_without_a_script() {
    if is_left_out() {
        return;
    }
    let scene = Scene::reviewed();
    let web = scene.web();
    let browser = Browser::open(false);
    browser.go(
        "data:text/html,<p>none</p><script>document.querySelector('p').textContent='runs'</script>",
    );
    assert_eq!(browser.text(), "none", "no script runs");
    browser.go(&format!("http://{}/findings", web.address));
    assert!(browser.text().contains(CART), "{}", browser.text());
    let before = browser.count(".decide");
    browser.click(".decide summary");
    browser.fill(".decide textarea", "no");
    browser.click(".decide button");
    browser.wait_text("The finding is dismissed");
    assert_eq!(browser.count(".decide"), before - 1);
    browser.go(&format!("http://{}/letters", web.address));
    browser.click(".buttons details summary");
    browser.click(".buttons details button");
    browser.wait_text("The dead letter is discarded");
    assert!(browser.text().contains("nothing needs a person"));
}

/// With SCRUM_SCREENSHOTS=DIR: pictures of every page, light, dark and narrow.
#[test]
fn pictures_are_taken_when_they_are_asked_for() {
    let Some(dir) = std::env::var_os("SCRUM_SCREENSHOTS").map(PathBuf::from) else { return };
    std::fs::create_dir_all(&dir).unwrap();
    let scene = Scene::reviewed();
    let _worker = scene.worker();
    scene.repo.write(CART, b"def total(items):\n    return sum(item.price for item in items)\n");
    scene.repo.commit("shorter");
    let repo = scene.repo.path().to_str().unwrap().to_owned();
    let by = ["--reviewer=a=stub/small", "--reviewer=b=stub/large"];
    scene.bench.run(&[&["diff", &repo, "HEAD~1..HEAD", "--quiet"][..], &by].concat());
    scene.bench.on("sweep", &scene.repo, &["--wait", "--quiet"]).output().unwrap();
    let web = scene.web();
    let json = |path: &str| web.ask("GET", path, "").json;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let letter = &json("/letters.json")["letters"][0];
    let sweep = text(&letter["sweep"]);
    let findings = json("/findings.json?state=all");
    let memory = text(&findings["memory"]);
    let change = text(&json("/diffs.json")["changes"][0]["sweep"]["id"]);
    let named = [
        ("sweep", format!("/sweeps/{sweep}")),
        ("sweep-findings", format!("/sweeps/{sweep}/findings")),
        ("file", format!("/sweeps/{sweep}/files/3")),
        ("finding", format!("/findings/{memory}/{}", text(&findings["findings"][0]["id"]))),
        ("letter", format!("/letters/{}", text(&letter["id"]))),
        ("diff", format!("/diffs/{change}")),
        ("memory-of", format!("/memory/{memory}")),
        ("login", "/login".to_owned()),
    ];
    let plain = PAGES.map(|page| (page.trim_start_matches('/'), page.to_owned()));
    let browser = Browser::open(true);
    for (look, dark, width) in
        [("light", false, 1200), ("dark", true, 1200), ("narrow", false, 400)]
    {
        browser.dress(dark, width);
        for (name, path) in plain.iter().chain(&named) {
            browser.go(&format!("http://{}{path}", web.address));
            browser.picture(&dir.join(format!("{name}-{look}.png")), width, 1600);
            let wide = browser.run("return document.documentElement.scrollWidth");
            assert!(wide.as_u64() <= Some(width.into()), "{name} {look} is {wide} wide");
        }
    }
    assert!(Path::new(&dir).join("fleet-light.png").is_file());
}
