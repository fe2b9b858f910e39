//! Whatever reaches a terminal goes through one place, and docs/output.md lists it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The one file that prints.
const SINKS: &str = "workers/shown/src/print.rs";

/// Ways to write to a terminal around it.
const PRINTS: &[&str] = &[
    "print!(",
    "println!(",
    "dbg!(",
    "stdout()",
    "stderr()",
    "io::stdout",
    "io::stderr",
    "/dev/tty",
    "/dev/std",
    "from_raw_fd",
    "Stdio::inherit",
    "set_hook",
    "tracing_subscriber",
    "::parse()",
    "Term::std",
    ".exit()",
];

/// What makes text safe, by the import that brings it in.
const THROUGH: &[(&[&str], &[&str])] = &[
    (
        &["scrum_shown", "output::"],
        &[
            "say",
            "say_lines",
            "say_json",
            "say_part",
            "tell",
            "note",
            "fail",
            "begin",
            "start_log",
            "clear_screen",
            "plain",
            "shown",
            "shown_json",
            "shell_quoted",
        ],
    ),
    (&["super::escape"], &["escape", "code"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The programs' own sources, without their tests.
fn sources() -> Vec<(String, String)> {
    let out = Command::new("git").arg("ls-files").current_dir(root()).output().unwrap();
    let files = String::from_utf8(out.stdout).unwrap();
    let others = ["tests/", "benches/"];
    files
        .lines()
        .filter(|f| Path::new(f).extension().is_some_and(|e| e == "rs"))
        .filter(|f| !others.iter().any(|dir| f.starts_with(dir)))
        .filter(|f| !f.contains("/tests"))
        .filter_map(|f| Some((f.to_owned(), std::fs::read_to_string(root().join(f)).ok()?)))
        .map(|(f, text)| (f, text.split("#[cfg(test)]").next().unwrap().to_owned()))
        .collect()
}

/// Lines of code, without comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

#[test]
fn nothing_prints_around_the_one_place() {
    let mut around = Vec::new();
    for (file, text) in sources().iter().filter(|(file, _)| file != SINKS) {
        for (n, line) in code(text) {
            // A bar is drawn by its library; its words are checked below.
            let is_bar = file == "producer/src/progress.rs" && line.contains("stderr_with_hz");
            if !is_bar && PRINTS.iter().any(|word| line.contains(word)) {
                around.push(format!("{file}:{n}: {}", line.trim()));
            }
        }
    }
    assert!(around.is_empty(), "use scrum_shown::print: {around:#?}");
}

#[test]
fn a_bar_shows_safe_words_only() {
    for (file, text) in sources() {
        for (n, line) in code(&text) {
            let sets = ["set_message(", "with_message(", "finish_with_message(", ".set_prefix("];
            let is_safe = line.contains("plain(");
            assert!(!sets.iter().any(|s| line.contains(s)) || is_safe, "{file}:{n}: {line}");
        }
    }
}

/// A child with our own terminal would write to it what it likes. The sandbox's is given its pipes by
/// its caller.
#[test]
fn no_program_that_is_started_has_the_terminal() {
    for (file, text) in sources() {
        if file == "workers/repo/src/sandbox.rs" {
            continue;
        }
        let lines: Vec<_> = code(&text).collect();
        for (at, (n, _)) in
            lines.iter().enumerate().filter(|(_, (_, line))| line.contains("Command::new("))
        {
            let rest: String = lines[at..].iter().take(40).map(|(_, line)| *line).collect();
            let is_caught = rest.contains(".output()")
                || (rest.contains(".stdout(") && rest.contains(".stderr("));
            assert!(is_caught, "{file}:{n}: the program that is started inherits the terminal");
        }
    }
}

/// Commands that a person is told to run: what is foreign in one is quoted for a shell. In the text it
/// is `{}` with the quoted word behind it, or a `{word}` that was quoted before.
#[test]
fn foreign_text_in_commands_to_copy_is_quoted() {
    let mut bare = Vec::new();
    for (file, text) in sources() {
        let lines: Vec<_> = code(&text).collect();
        for (at, (n, line)) in lines.iter().enumerate() {
            for part in commands(line) {
                let after: String = lines[at..].iter().take(4).map(|(_, line)| *line).collect();
                let is_quoted = match &part[part.find('{').unwrap_or(0)..] {
                    "" => continue,
                    rest if rest.starts_with("{}") => after.contains("shell_quoted("),
                    rest => rest.starts_with("{word}"),
                };
                if part.contains('{') && !is_quoted {
                    bare.push(format!("{file}:{n}: {}", line.trim()));
                }
            }
        }
    }
    assert!(bare.is_empty(), "shell_quoted is for these: {bare:#?}");
}

/// What stands in a line of code behind `: scrum `, a backtick and `git `, and the like, up to the end
/// of the command.
fn commands(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for program in ["scrum ", "git ", "--target "] {
        for before in [": ", "`", "; ", "(", "then "] {
            for (at, start) in line.match_indices(&format!("{before}{program}")) {
                let rest = &line[at + start.len()..];
                found.push(&rest[..rest.find(['`', '"', ';', ',']).unwrap_or(rest.len())]);
            }
        }
    }
    found
}

/// The rows of the list in docs/output.md: file, then the functions it goes through.
fn listed() -> BTreeMap<String, BTreeSet<String>> {
    let text = std::fs::read_to_string(root().join("docs/output.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `") && line.contains(".rs` |")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [file, what, through] = cells[..] else { panic!("{line}: three cells") };
        assert!(!what.is_empty(), "{line}: what is foreign in it");
        let names = through.split(", ").map(|name| name.trim_matches('`').to_owned()).collect();
        assert!(rows.insert(file.trim_matches('`').to_owned(), names).is_none(), "{line}: twice");
    }
    rows
}

/// Which of [`THROUGH`] a file calls.
fn calls(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let known = THROUGH.iter().filter(|(imports, _)| imports.iter().any(|i| text.contains(i)));
    for name in known.flat_map(|(_, names)| *names) {
        let call = format!("{name}(");
        let is_called = code(text).any(|(_, line)| {
            line.match_indices(&call).any(|(at, _)| {
                let before = &line[..at];
                let is_longer = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
                // A file of a report is begun as well.
                let is_file = *name == "begin" && before.ends_with('.');
                !is_longer && !is_file && !before.ends_with("fn ")
            })
        });
        if is_called {
            found.insert((*name).to_owned());
        }
    }
    found
}

#[test]
fn the_list_of_prints_is_what_the_sources_do() {
    let listed = listed();
    let ours = sources().into_iter().filter(|(file, _)| !file.starts_with("workers/shown/"));
    let real: BTreeMap<_, _> = ours
        .map(|(file, text)| (file, calls(&text)))
        .filter(|(_, names)| !names.is_empty())
        .collect();
    for (file, names) in &real {
        assert_eq!(listed.get(file), Some(names), "{file} in docs/output.md");
    }
    let gone: Vec<_> = listed.keys().filter(|file| !real.contains_key(*file)).collect();
    assert!(gone.is_empty(), "docs/output.md lists what shows nothing: {gone:?}");
}
