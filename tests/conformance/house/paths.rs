//! Paths: one crate touches them, and a table in the documents names every place that asks it to.

use super::{root, rust_files};
use std::collections::BTreeSet;

/// What reaches the file system without `scrum-disk`.
const AROUND: [&str; 17] = [
    "std::fs",
    "tokio::fs",
    "fs::",
    "File::open",
    "File::create",
    "OpenOptions",
    "DirBuilder",
    "tempfile",
    "env::temp_dir",
    ".canonicalize()",
    ".read_dir()",
    ".read_link()",
    ".symlink_metadata()",
    ".exists()",
    ".is_file()",
    ".is_dir()",
    "UnixStream",
];

/// Where that is right, and why.
const ALLOWED: [(&str, &str, &str); 5] = [
    ("workers/repo/src/guard.rs", ".is_dir()", "asked of a kind that is known"),
    ("workers/repo/src/guard.rs", ".is_file()", "asked of a kind that is known"),
    ("producer/src/embedded.rs", "UnixStream", "the socket lies in a directory of mode 700"),
    ("workers/repo/src/sandbox/tools.rs", ".is_dir()", "looks at the person's own PATH and home"),
    ("workers/repo/src/sandbox/tools.rs", ".is_file()", "looks at the person's own PATH"),
];

/// Programs and libraries that touch paths by themselves.
const OTHERS: [&str; 5] = [
    "Command::new",
    "Repository::open",
    "Repository::open_bare",
    "Repository::open_ext",
    "Config::open",
];

/// A place in the sources: its file, the function around it, and what is called there.
type Place = (String, String, String);

/// The product's sources: name, and text without tests and comments.
fn sources() -> Vec<(String, String)> {
    let folders = ["config/src", "queue-schema/src", "producer/src", "workers"];
    let files = folders.iter().flat_map(|folder| rust_files(folder));
    files
        .map(|file| (file.strip_prefix(root()).unwrap().to_str().unwrap().to_owned(), file))
        .filter(|(name, _)| !name.starts_with("workers/disk/"))
        .filter(|(name, _)| !name.contains("/tests/") && !name.ends_with("/tests.rs"))
        .map(|(name, file)| {
            let text = std::fs::read_to_string(file).unwrap();
            let text = text.split("#[cfg(test)]\nmod").next().unwrap();
            // Traits that tell more of what is open or known already.
            let text = text.replace("std::os::unix::fs::MetadataExt", "");
            let text = text.replace("std::os::unix::fs::FileTypeExt", "");
            let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            (name, lines.collect::<Vec<_>>().join("\n"))
        })
        .collect()
}

fn is_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Where a word stands that is not the end of a longer one, and the text behind it.
fn found<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = (usize, &'a str)> {
    let inside = move |at: usize| word.starts_with(is_part) && text[..at].ends_with(is_part);
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |at| !inside(*at))
        .map(move |at| (at, &text[at + word.len()..]))
}

#[test]
fn only_one_crate_touches_paths() {
    let mut around = Vec::new();
    for (name, text) in sources() {
        for word in AROUND {
            let is_allowed = |(file, what, _): &(&str, &str, &str)| {
                *file == name && (what.is_empty() || *what == word)
            };
            if found(&text, word).next().is_some() && !ALLOWED.iter().any(is_allowed) {
                around.push(format!("{name}: {word}"));
            }
        }
    }
    assert!(around.is_empty(), "these go around scrum-disk (workers/disk): {around:#?}");
}

/// The name of the function that a position lies in.
fn function(text: &str, at: usize) -> String {
    let mut heads = text[..at].lines().rev().filter_map(|line| {
        let (before, after) = line.split_once("fn ")?;
        let is_head = before.split_whitespace().all(|word| {
            matches!(word, "pub" | "async" | "const" | "unsafe") || word.starts_with("pub(")
        });
        let name = ident(after);
        (is_head && !name.is_empty()).then(|| name.to_owned())
    });
    heads.next().unwrap_or_default()
}

fn ident(text: &str) -> &str {
    &text[..text.find(|c: char| !is_part(c)).unwrap_or(text.len())]
}

/// Every place that asks `scrum-disk`, or starts something that touches paths.
fn places() -> BTreeSet<Place> {
    let mut all = BTreeSet::new();
    for (name, text) in sources() {
        let mut add = |at: usize, what: &str| {
            all.insert((name.clone(), function(&text, at), what.to_owned()));
        };
        for (at, rest) in found(&text, "disk::").chain(found(&text, "scrum_disk::")) {
            if rest.starts_with(|c: char| c.is_lowercase()) {
                add(at, ident(rest));
            }
            // A function that is imported by its name would not be seen.
            let list = rest.strip_prefix('{').map_or("", |list| list.split('}').next().unwrap());
            for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
                let is_type = item.starts_with(|c: char| c.is_uppercase());
                assert!(
                    is_type || item == "self as disk",
                    "{name}: write disk::{item} at the call"
                );
            }
        }
        for kind in ["OutDir", "OutFile"] {
            for (at, rest) in found(&text, kind) {
                let line = text[..at].lines().last().unwrap_or_default();
                if let Some(method) = rest.strip_prefix("::") {
                    add(at, &format!("{kind}::{}", ident(method)));
                } else if !line.trim_start().starts_with("use ") {
                    // Whoever is handed one writes with it.
                    add(at + 1, kind);
                }
            }
        }
        for word in OTHERS {
            for (at, _) in found(&text, word).filter(|(_, rest)| rest.starts_with('(')) {
                add(at, word);
            }
        }
    }
    all
}

/// The rows of the table: a place, what happens there, and by which functions.
fn table() -> BTreeSet<Place> {
    let text = std::fs::read_to_string(root().join("docs/paths.md")).unwrap();
    let spans = |cell: &str| -> Vec<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let mut all = BTreeSet::new();
    for row in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').collect();
        assert!(cells.len() == 3 && cells[1].len() > 5, "{row}");
        let place = spans(cells[0]);
        for function in &place[1..] {
            let by = spans(cells[2]).into_iter();
            all.extend(by.map(|call| (place[0].clone(), function.clone(), call)));
        }
    }
    all
}

#[test]
fn every_use_of_a_path_is_in_the_table() {
    let (places, table) = (places(), table());
    let show =
        |(file, function, call): &Place| format!("| `{file}` `{function}` | .. | `{call}` |");
    let missing: Vec<_> = places.difference(&table).map(show).collect();
    let stale: Vec<_> = table.difference(&places).map(show).collect();
    assert!(missing.is_empty(), "docs/paths.md lacks these: {missing:#?}");
    assert!(stale.is_empty(), "docs/paths.md has what is no more: {stale:#?}");
    assert!(places.len() > 40, "{}", places.len());
}
