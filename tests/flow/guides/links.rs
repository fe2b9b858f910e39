//! Links between documents, and the documents that sources name.

use super::root;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

/// The tracked and new files that git knows, of these patterns.
fn files(patterns: &[&str]) -> Vec<String> {
    let mut git = Command::new("git");
    git.args(["ls-files", "-co", "--exclude-standard"]).args(patterns).current_dir(root());
    let out = git.output().unwrap();
    assert!(out.status.success());
    let names = String::from_utf8(out.stdout).unwrap();
    let there = names.lines().filter(|n| root().join(n).is_file());
    there.map(str::to_owned).collect()
}

/// The anchor that a forge gives a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// The anchors of a document.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut code = false;
    for line in text.lines() {
        code ^= line.starts_with("```");
        let heading = line.trim_start_matches('#');
        if !code && heading.len() < line.len() && heading.starts_with(' ') {
            found.insert(anchor(heading.trim()));
        }
    }
    found
}

/// Why a link of a document leads nowhere.
fn broken(from: &Path, link: &str) -> Option<&'static str> {
    if link.contains("://") {
        return None;
    }
    let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
    let target = match path {
        "" => from.to_owned(),
        path => from.parent().unwrap().join(path),
    };
    if !target.exists() {
        return Some("there is no such file");
    }
    let has = |fragment| anchors(&std::fs::read_to_string(&target).unwrap()).contains(fragment);
    (!fragment.is_empty() && !has(fragment)).then_some("there is no such heading")
}

#[test]
fn links_between_documents_lead_somewhere() {
    for name in files(&["*.md"]) {
        let file = root().join(&name);
        let text = std::fs::read_to_string(&file).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let wrong = broken(&file, link);
            assert!(wrong.is_none(), "{name} links to {link}: {}", wrong.unwrap());
        }
    }
    let readme = root().join("README.md");
    assert!(broken(&readme, "docs/nosuch.md").is_some());
    assert!(broken(&readme, "docs/fleet.md#no-such-heading").is_some());
    assert!(broken(&readme, "docs/fleet.md#redis").is_none());
}

/// Errors, settings and comments name pages; people follow them.
#[test]
fn pages_that_sources_name_are_there() {
    // Of the repositories in examples and tests.
    let examples = ["docs/prd.md", "docs/proposal.md", "docs/forensic.md", "docs/x.md"];
    let sources = ["*.rs", "*.toml", "*.yml", "*.lua", "*.sh", "Makefile", "Dockerfile"];
    for name in files(&sources) {
        if name.starts_with("tests/flow/guides") {
            continue;
        }
        let text = std::fs::read_to_string(root().join(&name)).unwrap();
        for rest in text.split("docs/").skip(1) {
            let Some((page, _)) = rest.split_once(".md") else { continue };
            if page.is_empty() || !page.chars().all(|c| c.is_ascii_lowercase() || c == '-') {
                continue;
            }
            let page = format!("docs/{page}.md");
            let known = examples.contains(&page.as_str()) || root().join(&page).is_file();
            assert!(known, "{name} names {page}");
        }
    }
}

/// Every guide can be found from the first page.
#[test]
fn the_readme_links_to_every_guide() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for name in files(&["docs/*.md"]) {
        let linked = readme.contains(&format!("]({name})")) || name.starts_with("docs/adr/");
        assert!(linked, "README.md does not link to {name}");
    }
}
