//! Every command of the README and of the guides in docs/ is run, page by page, in order, in one
//! shell for each page; those that can't be (they build, install, download, or start containers)
//! are checked in another way. A command that is neither fails.
//!
//! In a ```console block a line that starts with `$ ` is a command; the lines below it are what it
//! prints, where `...` stands for any lines. A command may end in a comment that names its exit
//! code: `# exit code 1`. A ```toml block whose first line is `# NAME.toml` is that file, on all
//! pages; any other one must be valid as settings or as a ladder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "guides/links.rs"]
mod links;
#[path = "guides/world.rs"]
mod world;

use scrum_config::{Ladders, LoadOptions, Settings};
use scrum_tests::process::program;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Stands before the number of a command in the transcript.
const MARK: char = '\u{1}';

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// A page for readers, by its name and its text.
struct Page {
    name: String,
    text: String,
}

/// The README and all guides.
fn pages() -> Vec<Page> {
    let mut names = vec!["README.md".to_owned()];
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if Path::new(&name).extension().is_some_and(|e| e == "md") {
            names.push(format!("docs/{name}"));
        }
    }
    names.sort();
    let text = |name: &String| std::fs::read_to_string(root().join(name)).unwrap();
    names.into_iter().map(|name| Page { text: text(&name), name }).collect()
}

/// A fenced block: what stands behind the fence, and its lines.
fn blocks(text: &str) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let body = lines.by_ref().take_while(|l| *l != "```").map(str::to_owned).collect();
        found.push((kind.to_owned(), body));
    }
    found
}

/// One command with what its page says about it.
#[derive(Debug)]
struct Step {
    line: String,
    code: i32,
    shown: Vec<String>,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (kind, body) in blocks(text) {
        if kind != "console" {
            continue;
        }
        assert!(body[0].starts_with("$ "), "a console block starts with a command: {body:?}");
        for line in body {
            if let Some(command) = line.strip_prefix("$ ") {
                let code =
                    command.rsplit_once("# exit code ").map_or(0, |(_, n)| n.parse().unwrap());
                steps.push(Step { line: command.to_owned(), code, shown: Vec::new() });
            } else {
                steps.last_mut().unwrap().shown.push(line);
            }
        }
    }
    steps
}

/// Checks a command that can't be run here. False when it is one to be run.
fn checked_instead(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["make", targets @ ..] => {
            assert!(!targets.is_empty(), "{line}");
            let dry = Command::new("make").arg("-n").args(targets).current_dir(root()).output();
            let dry = dry.unwrap();
            assert!(dry.status.success(), "{line}: {}", String::from_utf8_lossy(&dry.stderr));
        }
        ["docker", "compose", rest @ ..] => check_compose(line, rest),
        ["ollama", "pull", model] => {
            let named = |file: &str| {
                let ladder = std::fs::read_to_string(root().join("config/ladders").join(file));
                ladder.unwrap().contains(&format!("model = \"{model}\""))
            };
            assert!(named("local-first.toml"), "{line}: no ladder names it");
        }
        ["scrum-worker", arguments @ ..] if arguments.first() == Some(&"--lane") => {
            accepted("scrum-worker", arguments, line);
        }
        _ => return false,
    }
    true
}

/// Checks that a program accepts these arguments: `--help` after them reads all before it.
fn accepted(name: &str, arguments: &[&str], line: &str) {
    let help = Command::new(program(name)).args(arguments).arg("--help").output().unwrap();
    assert!(help.status.success(), "{line}: {}", String::from_utf8_lossy(&help.stderr));
}

fn check_compose(line: &str, words: &[&str]) {
    let file = std::fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    let services = file.split("\nservices:\n").nth(1).unwrap();
    let has = |name: &str| {
        assert!(services.contains(&format!("\n  {name}:\n")), "{line}: no service '{name}'");
    };
    match words {
        ["up", options @ ..] => {
            for option in options {
                match option.split_once('=') {
                    Some((service, n)) => {
                        has(service);
                        assert!(n.parse::<u8>().is_ok(), "{line}");
                    }
                    None => assert!(["-d", "--build", "--scale"].contains(option), "{line}"),
                }
            }
        }
        ["run", "--rm", "scrum", arguments @ ..] => {
            has("scrum");
            accepted("scrum", arguments, line);
        }
        ["--profile", profile, rest @ ..] => {
            assert!(services.contains(&format!("profiles: [\"{profile}\"]")), "{line}");
            check_compose(line, rest);
        }
        ["logs", service] => has(service),
        ["down"] => {}
        _ => panic!("nobody checks: {line}"),
    }
}

/// The script: each command between marks, its exit code compared with the page's.
fn script(steps: &[Step]) -> String {
    let mut script = String::from("set -uo pipefail\n");
    for (i, step) in steps.iter().enumerate() {
        let Step { line, code, .. } = step;
        let _ = write!(
            script,
            "printf '\\n{MARK}{i}\\n'\n{line}\ncode=$?\n\
             [ $code -eq {code} ] || {{ printf '\\n{MARK}bad %s\\n' $code; exit 1; }}\n"
        );
    }
    script
}

/// Runs the commands of a page; what does not go as the page says.
fn run(page: &Page, files: &[(String, String)]) -> Result<(), String> {
    let steps = steps(&page.text);
    let steps: Vec<Step> = steps.into_iter().filter(|s| !checked_instead(&s.line)).collect();
    if steps.is_empty() {
        return Ok(());
    }
    let (status, transcript) = world::run(&script(&steps), &page.text, files);
    if !status.success() {
        return Err(format!("{status}:\n{transcript}"));
    }
    for (i, step) in steps.iter().enumerate() {
        let printed = transcript.split(&format!("\n{MARK}{i}\n")).nth(1).expect("it was run");
        let printed = printed.split(MARK).next().unwrap();
        let shown = step.shown.iter().filter(|l| l.trim() != "...");
        let real: Vec<String> = printed.lines().map(blurred).collect();
        let mut from = 0;
        for line in shown {
            let Some(at) = real[from..].iter().position(|r| *r == blurred(line)) else {
                return Err(format!("`{}` does not print {line:?}, but:\n{printed}", step.line));
            };
            from += at + 1;
        }
    }
    Ok(())
}

/// The files that pages show, by name. Each stands on one page only.
fn files(pages: &[Page]) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = Vec::new();
    for page in pages {
        for (kind, body) in blocks(&page.text) {
            let Some(name) = body[0].strip_prefix("# ").filter(|_| kind == "toml") else {
                continue;
            };
            assert!(files.iter().all(|(n, _)| n != name), "{}: {name} is there twice", page.name);
            files.push((name.to_owned(), body.join("\n")));
        }
    }
    files
}

#[test]
fn every_command_of_the_pages_is_run_or_checked() {
    let pages = pages();
    let with_commands = pages.iter().filter(|p| !steps(&p.text).is_empty()).count();
    assert!(with_commands > 8, "the pages have lost their commands");
    let files = files(&pages);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let runs: Vec<_> = pages.iter().map(|p| (p, scope.spawn(|| run(p, &files)))).collect();
        let ended = runs.into_iter().map(|(page, run)| match run.join() {
            Ok(Ok(())) => None,
            Ok(Err(wrong)) => Some(format!("{}: {wrong}", page.name)),
            Err(_) => Some(format!("{}: see the panic above", page.name)),
        });
        ended.flatten().collect()
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// A line without what differs from run to run: ids, times, places.
fn blurred(line: &str) -> String {
    let hex = |word: &str| {
        let id = word.trim_end_matches([':', ',']);
        id.len() >= 10 && id.chars().all(|c| c.is_ascii_hexdigit())
    };
    let time = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_digit())
            && word.ends_with('s')
            && word.chars().all(|c| c.is_ascii_digit() || ".ms".contains(c))
    };
    line.split_whitespace()
        .map(|word| match word {
            _ if hex(word) => "ID",
            _ if time(word) => "TIME",
            _ if word.starts_with('/') || word.starts_with("http://") => "PLACE",
            other => other,
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Commands stand in console blocks, so that the test above sees them.
#[test]
fn the_pages_have_no_commands_elsewhere() {
    let ours = ["$", "scrum", "scrum-worker", "scrum-web", "make", "cargo", "docker", "git"];
    for page in pages() {
        for (kind, body) in blocks(&page.text) {
            let name = &page.name;
            assert!(
                ["console", "toml", "text", "ini", "json"].contains(&kind.as_str()),
                "{name}: {kind:?}"
            );
            let json = serde_json::from_str::<serde_json::Value>(&body.join("\n"));
            assert!(kind != "json" || json.is_ok(), "{name}: {json:?}");
            let command = |l: &&String| ours.contains(&l.split(' ').next().unwrap());
            let found = (kind != "console").then(|| body.iter().find(command)).flatten();
            assert!(found.is_none(), "{name}: nobody runs {found:?}");
        }
    }
}

#[test]
fn the_settings_and_ladders_of_the_pages_are_valid() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("file.toml");
    for page in pages() {
        for (_, body) in blocks(&page.text).into_iter().filter(|(kind, _)| kind == "toml") {
            let mut text = body.join("\n");
            if text.contains("[[rungs]]") {
                if !text.contains("name = ") {
                    text = format!("name = \"a\"\ndescription = \"b\"\n{text}");
                }
                std::fs::write(&file, text).unwrap();
                let settings = Settings::load(LoadOptions::default()).unwrap();
                let ladders = Ladders::load(&settings).unwrap();
                let read = ladders.get(file.to_str().unwrap());
                assert!(read.is_ok(), "{}: {read:?}", page.name);
            } else {
                std::fs::write(&file, text).unwrap();
                let options =
                    LoadOptions { config_path: Some(file.clone()), ..LoadOptions::default() };
                let read = Settings::load(options);
                assert!(read.is_ok(), "{}: {:?}", page.name, read.err());
            }
        }
    }
}

#[test]
fn the_readme_is_a_first_page() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.lines().count() <= 200, "move something into a guide");
}

/// The tests above have teeth: what is wrong on a page does not pass.
#[test]
fn a_command_that_is_neither_run_nor_checked_fails() {
    let ends_well = |block: &str| {
        let steps = steps(&format!("```console\n{block}\n```\n"));
        assert!(steps.iter().all(|s| !checked_instead(&s.line)));
        let path = format!("{}:{}", program("scrum").parent().unwrap().display(), "/usr/bin:/bin");
        let mut shell = Command::new("bash");
        shell.args(["-c", &script(&steps)]).env("PATH", path);
        shell.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
    };
    assert!(ends_well("$ scrum --version\n$ scrum nosuch   # exit code 2"));
    assert!(!ends_well("$ scrum nosuch"));
    assert!(!ends_well("$ scrum --version   # exit code 1"));
    assert!(!ends_well("$ no-such-program\n$ scrum --version"));
    for line in [
        "make nosuch",
        "docker compose up --scale nosuch=2",
        "docker compose exec worker sh",
        "docker compose run --rm scrum nosuch",
        "ollama pull nosuch",
        "scrum-worker --lane plan --nosuch",
    ] {
        assert!(std::panic::catch_unwind(|| checked_instead(line)).is_err(), "{line}");
    }
    assert_ne!(blurred("3 of 7 files"), blurred("4 of 7 files"));
    assert_eq!(
        blurred("sweep 0123456789abcdef: in 0.2s"),
        blurred("sweep fedcba9876543210: in 3s")
    );
}
