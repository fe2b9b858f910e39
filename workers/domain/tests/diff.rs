//! Diffs as git makes them, of trees that nobody wrote by hand: each file and each hunk is shown once, or left out
//! with its reason.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use queue_schema::rows::DiffSide;
use scrum_domain::diff::{Bounds, Bundle, Change, Patch, Plan, Sign, bundles, parse};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A repository in a folder of its own, which goes with it.
struct Repo(PathBuf);

impl Repo {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("scrum-diff-{}-{n}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let repo = Self(dir);
        repo.git(&["init", "-q"]);
        repo.git(&["config", "core.autocrlf", "false"]);
        repo
    }

    fn git(&self, args: &[&str]) -> Vec<u8> {
        let mut git = Command::new("git");
        git.args(args).current_dir(&self.0).env("GIT_CONFIG_GLOBAL", "/dev/null");
        let out = git.env("GIT_CONFIG_NOSYSTEM", "1").output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        out.stdout
    }

    /// Makes the folder hold these files, and gives their tree.
    fn tree(&self, files: &BTreeMap<String, Entry>) -> String {
        for entry in fs::read_dir(&self.0).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_name() == ".git" {
                continue;
            }
            let is_dir = entry.file_type().unwrap().is_dir();
            if is_dir { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        self.git(&["read-tree", "--empty"]);
        for (name, entry) in files {
            let path = self.0.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match entry {
                Entry::File(bytes, _) => fs::write(&path, bytes).unwrap(),
                Entry::Link(to) => std::os::unix::fs::symlink(to, &path).unwrap(),
                Entry::Module(_) => {}
            }
        }
        self.git(&["add", "-A"]);
        for (name, entry) in files {
            match entry {
                Entry::File(_, true) => drop(self.git(&["update-index", "--chmod=+x", name])),
                Entry::Module(id) => {
                    let what = format!("160000,{id:040x},{name}");
                    self.git(&["update-index", "--add", "--cacheinfo", &what]);
                }
                _ => {}
            }
        }
        String::from_utf8(self.git(&["write-tree"])).unwrap().trim().to_owned()
    }

    fn diff(&self, options: &[&str], base: &str, head: &str) -> Vec<u8> {
        let fixed = ["diff-tree", "-r", "-M", "--full-index"];
        self.git(&[&fixed[..], options, &[base, head]].concat())
    }
}

impl Drop for Repo {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Entry {
    File(Vec<u8>, bool),
    Link(String),
    Module(u64),
}

const NAMES: [&str; 14] = [
    "src/a.rs",
    "src/deep/er/b.rs",
    "src/with blank.py",
    "src/q\"uote.py",
    "src/tab\there.py",
    "docs/ä ö.md",
    "docs/a -> b.md",
    "b/a b/b.txt",
    "top",
    "Cargo.lock",
    "vendor/x.go",
    "web/app.min.js",
    "img/logo.png",
    "link",
];

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z ]{0,12}",
        1 => Just("--- a/src/a.rs".to_owned()),
        1 => Just("+++ b/x".to_owned()),
        1 => Just("@@ -1 +1 @@".to_owned()),
        1 => Just("diff --git a/x b/x".to_owned()),
        1 => Just("\\ No newline at end of file".to_owned()),
        1 => "[ä-ü漢]{1,5}",
        1 => "[a-z]{0,5}\r",
    ]
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let text =
        (proptest::collection::vec(line(), 0..40), any::<bool>()).prop_map(|(lines, end)| {
            let mut text = lines.join("\n");
            if end && !text.is_empty() {
                text.push('\n');
            }
            text.into_bytes()
        });
    let latin = "[a-z]{3,9}".prop_map(|s| [s.as_bytes(), b"\xe9\xfc\n"].concat());
    prop_oneof![8 => text, 1 => Just(b"a\0b\xff".to_vec()), 1 => latin]
}

fn entry() -> impl Strategy<Value = Entry> {
    prop_oneof![
        12 => (content(), any::<bool>()).prop_map(|(bytes, x)| Entry::File(bytes, x)),
        1 => "[a-z]{1,8}".prop_map(Entry::Link),
        1 => (1..u64::MAX).prop_map(Entry::Module),
    ]
}

/// What becomes of a file.
#[derive(Debug, Clone)]
enum Edit {
    Keep,
    Delete,
    Rename,
    Chmod,
    Lines(Vec<(usize, String)>),
    Replace(Entry),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        Just(Edit::Keep),
        Just(Edit::Delete),
        Just(Edit::Rename),
        Just(Edit::Chmod),
        proptest::collection::vec((0_usize..60, line()), 1..6).prop_map(Edit::Lines),
        entry().prop_map(Edit::Replace),
    ]
}

fn edited(name: &str, old: &Entry, edit: &Edit) -> Option<(String, Entry)> {
    let same = |entry| Some((name.to_owned(), entry));
    match (edit, old) {
        (Edit::Delete, _) => None,
        (Edit::Rename, _) => Some((format!("moved/{name}"), old.clone())),
        (Edit::Chmod, Entry::File(bytes, x)) => same(Entry::File(bytes.clone(), !x)),
        (Edit::Lines(edits), Entry::File(bytes, x)) => {
            let mut lines: Vec<&[u8]> = bytes.split(|b| *b == b'\n').collect();
            for (at, text) in edits {
                let at = at % (lines.len() + 1);
                lines.insert(at, text.as_bytes());
            }
            same(Entry::File(lines.join(&b'\n'), *x))
        }
        (Edit::Replace(entry), _) => same(entry.clone()),
        _ => same(old.clone()),
    }
}

/// Each file, hunk and line of a patch is in exactly one bundle, or in what is left out.
fn covers(patch: &Patch, plan: &Plan) {
    let mut times: BTreeMap<(usize, usize, usize), u32> = BTreeMap::new();
    let mut shown: BTreeMap<usize, u32> = BTreeMap::new();
    for piece in plan.bundles.iter().flat_map(|bundle| &bundle.pieces) {
        *shown.entry(piece.file).or_default() += 1;
        for hunk in piece.hunks.clone() {
            let all = 0..patch.files[piece.file].hunks[hunk].lines.len();
            for line in piece.lines.clone().unwrap_or(all) {
                *times.entry((piece.file, hunk, line)).or_default() += 1;
            }
        }
    }
    let left: BTreeSet<usize> = plan.left_out.iter().map(|left| left.file).collect();
    assert_eq!(left.len(), plan.left_out.len());
    assert!(plan.left_out.iter().all(|left| !left.reason.is_empty()));
    for (at, file) in patch.files.iter().enumerate() {
        assert_ne!(left.contains(&at), shown.contains_key(&at), "{}", file.path());
        for (h, hunk) in file.hunks.iter().enumerate().filter(|_| !left.contains(&at)) {
            for line in 0..hunk.lines.len() {
                assert_eq!(times.get(&(at, h, line)), Some(&1), "{} {h} {line}", file.path());
            }
        }
        if file.hunks.is_empty() && !left.contains(&at) {
            assert_eq!(shown[&at], 1, "{}", file.path());
        }
    }
    let names: BTreeSet<&str> = plan.bundles.iter().map(|bundle| bundle.name.as_str()).collect();
    assert_eq!(names.len(), plan.bundles.len(), "{names:?}");
}

/// Lines added and removed of each path, by git's own count. A file that became a link counts once.
fn counted_by_git(repo: &Repo, base: &str, head: &str) -> BTreeMap<String, Option<(usize, usize)>> {
    let mut out = BTreeMap::new();
    let numstat = repo.diff(&["--numstat", "-z"], base, head);
    let mut fields = numstat.split(|b| *b == 0).map(|f| String::from_utf8_lossy(f).into_owned());
    while let Some(field) = fields.next().filter(|f| !f.is_empty()) {
        let mut parts = field.splitn(3, '\t');
        // Of a binary file it counts nothing.
        let mut count = || parts.next().unwrap().parse().ok();
        let counts = (count(), count());
        let mut path = parts.next().unwrap().to_owned();
        if path.is_empty() {
            path = fields.nth(1).unwrap();
        }
        out.insert(path, counts.0.zip(counts.1));
    }
    out
}

fn counted(patch: &Patch) -> BTreeMap<String, (usize, usize)> {
    let mut out: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for file in &patch.files {
        let lines = || file.hunks.iter().flat_map(|hunk| &hunk.lines);
        let of = |sign| lines().filter(|line| line.sign == sign).count();
        let counts = out.entry(file.path()).or_default();
        *counts = (counts.0 + of(Sign::Added), counts.1 + of(Sign::Removed));
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_file_and_hunk_is_shown_once_or_left_out(
        files in proptest::collection::vec((entry(), edit()), NAMES.len()),
        split_over in prop_oneof![Just(200_usize), Just(600), Just(60_000)],
        refuse_over in prop_oneof![Just(300_usize), Just(100_000)],
        context in 0..4,
    ) {
        let repo = Repo::new();
        let old: BTreeMap<String, Entry> =
            NAMES.iter().zip(&files).map(|(name, (entry, _))| ((*name).to_owned(), entry.clone())).collect();
        let new: BTreeMap<String, Entry> =
            NAMES.iter().zip(&files).filter_map(|(name, (old, edit))| edited(name, old, edit)).collect();
        let (base, head) = (repo.tree(&old), repo.tree(&new));
        let text = repo.diff(&["-p", &format!("-U{context}")], &base, &head);
        let patch = parse(&text).unwrap();
        let (ours, gits) = (counted(&patch), counted_by_git(&repo, &base, &head));
        prop_assert_eq!(ours.keys().collect::<Vec<_>>(), gits.keys().collect::<Vec<_>>());
        prop_assert!(gits.iter().all(|(path, lines)| lines.is_none_or(|lines| ours[path] == lines)), "{gits:?} {ours:?}");
        for hunk in patch.files.iter().flat_map(|file| &file.hunks) {
            let (old, new) = (hunk.range(DiffSide::Old), hunk.range(DiffSide::New));
            let olds = hunk.numbered().filter_map(|(old, _, _)| old).last();
            let news = hunk.numbered().filter_map(|(_, new, _)| new).last();
            prop_assert_eq!(olds.map_or(old.start, |n| n + 1), old.end);
            prop_assert_eq!(news.map_or(new.start, |n| n + 1), new.end);
        }
        let bounds = Bounds { split_over, warn_over: split_over, refuse_over, force: true };
        let plan = bundles(&patch, &bounds, &|path| path == "top").unwrap();
        covers(&patch, &plan);
        let text = repo.diff(&["-p", &format!("-U{context}")], &base, &head);
        let again = bundles(&parse(&text).unwrap(), &bounds, &|path| path == "top").unwrap();
        prop_assert_eq!(again, plan);
    }
}

/// A diff of one folder each for some letters, of `lines` changed lines, each in a hunk of its own.
fn folders(lines: &[(&str, usize)]) -> Vec<u8> {
    let mut out = String::new();
    for (folder, lines) in lines {
        for file in 0..4 {
            let path = format!("{folder}/f{file}.rs");
            write!(out, "diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n").unwrap();
            for n in 0..lines / 4 {
                let at = 10 * n + 1;
                write!(
                    out,
                    "@@ -{at} +{at} @@\n-    let before_{n} = old();\n+    let after_{n} = new();\n"
                )
                .unwrap();
            }
        }
    }
    out.into_bytes()
}

fn plan(text: &[u8]) -> (Patch, Plan) {
    let patch = parse(text).unwrap();
    let plan = bundles(&patch, &Bounds::default(), &|_| false).unwrap();
    covers(&patch, &plan);
    (patch, plan)
}

#[test]
fn a_large_diff_is_split_by_component_and_stays_as_it_is_elsewhere() {
    let size = |text: &[u8]| text.len() / 1000;
    let all = [("api", 280), ("core/a", 720), ("core/b", 480), ("docs", 80), ("web", 740)];
    let text = folders(&all);
    assert!((160..=170).contains(&size(&text)), "{}", size(&text));
    let (_, before) = plan(&text);
    assert!((3..=8).contains(&before.bundles.len()), "{:?}", names(&before.bundles));
    assert!(before.bundles.iter().all(|b| b.text.len() <= 60_000 && b.bytes <= 60_000));
    assert!(before.warnings.is_empty());
    let (_, after) = plan(&folders(&[all[0], all[1], ("core/b", 484), all[3], all[4]]));
    let of = |plan: &Plan, has: &str| -> Vec<String> {
        let with = |b: &&Bundle| b.files.iter().any(|f| f.path().starts_with(has));
        plan.bundles.iter().filter(with).map(|b| b.id.clone()).collect()
    };
    for folder in ["api", "core/a", "docs", "web"] {
        assert_eq!(of(&before, folder), of(&after, folder), "{folder}");
    }
    assert_ne!(of(&before, "core/b"), of(&after, "core/b"));
    let (_, small) = plan(&folders(&[("api", 8), ("web", 8)]));
    assert_eq!(names(&small.bundles), ["./"]);
    let (_, one) = plan(&folders(&[("api/v1", 8)]));
    assert_eq!(names(&one.bundles), ["api/v1/"]);
}

fn names(bundles: &[Bundle]) -> Vec<&str> {
    bundles.iter().map(|bundle| bundle.name.as_str()).collect()
}

#[test]
fn a_hunk_that_nobody_can_read_is_refused_unless_it_is_forced() {
    let new = |lines: usize| {
        let body = (0..lines)
            .fold(String::new(), |s, n| s + &format!("+    let value_{n:05} = compute(n);  \n"));
        format!(
            "diff --git a/big.rs b/big.rs\nnew file mode 100644\n--- /dev/null\n+++ b/big.rs\n@@ -0,0 +1,{lines} @@\n{body}"
        )
    };
    let big = parse(new(3_300).as_bytes()).unwrap();
    let refused = bundles(&big, &Bounds::default(), &|_| false).unwrap_err();
    let said = refused.to_string();
    assert!(
        said.contains("big.rs (1") && said.contains("100000") && said.contains("--force"),
        "{said}"
    );
    assert!((118_000..=125_000).contains(&refused.bundles[0].1), "{said}");
    let forced = Bounds { force: true, ..Bounds::default() };
    let plan = bundles(&big, &forced, &|_| false).unwrap();
    covers(&big, &plan);
    assert!(plan.bundles.iter().all(|b| b.text.len() <= 60_000), "{:?}", names(&plan.bundles));
    assert!(
        plan.warnings[0].contains("big.rs is cut at lines into 3 parts"),
        "{:?}",
        plan.warnings
    );
    let second = &plan.bundles[1].files[0].hunks[0];
    let first = plan.bundles[0].files[0].hunks[0].new_lines;
    assert_eq!((second.new_start, second.old_start, second.old_lines), (first + 1, 0, 0));
    let middle = parse(new(2_000).as_bytes()).unwrap();
    let plan = bundles(&middle, &Bounds::default(), &|_| false).unwrap();
    assert_eq!(plan.bundles.len(), 1);
    assert!(plan.warnings[0].contains("big.rs has 7"), "{:?}", plan.warnings);
}

#[test]
fn what_git_says_in_modes_is_said_in_words() {
    let repo = Repo::new();
    let file = |text: &str| Entry::File(text.as_bytes().to_vec(), false);
    let old = BTreeMap::from([
        ("gone.rs".to_owned(), file("a\nb\n")),
        ("link".to_owned(), Entry::Link("to/old".to_owned())),
        ("mod".to_owned(), Entry::Module(1)),
        ("name.rs".to_owned(), file("1\n2\n3\n4\n5\n6\n7\n8\n")),
        ("run.sh".to_owned(), file("x\n")),
        ("end.txt".to_owned(), file("a")),
        ("crlf.txt".to_owned(), file("a\r\nb\r\n")),
        ("gen.rs".to_owned(), file("// @generated\na\n")),
        ("Cargo.lock".to_owned(), file("a\n")),
        ("pic".to_owned(), Entry::File(b"\0a".to_vec(), false)),
    ]);
    let new = BTreeMap::from([
        ("link".to_owned(), Entry::Link("to/new".to_owned())),
        ("mod".to_owned(), Entry::Module(2)),
        ("other name.rs".to_owned(), old["name.rs"].clone()),
        ("run.sh".to_owned(), Entry::File(b"x\n".to_vec(), true)),
        ("end.txt".to_owned(), file("a\n")),
        ("crlf.txt".to_owned(), file("a\nb\r\n")),
        ("gen.rs".to_owned(), file("// @generated\nb\n")),
        ("Cargo.lock".to_owned(), file("b\n")),
        ("pic".to_owned(), Entry::File(b"\0b".to_vec(), false)),
        ("latin.txt".to_owned(), Entry::File(b"gr\xfcn und sch\xf6n\n".to_vec(), false)),
        ("empty".to_owned(), file("")),
    ]);
    let (base, head) = (repo.tree(&old), repo.tree(&new));
    let (patch, plan) = plan(&repo.diff(&["-p"], &base, &head));
    let [bundle] = &plan.bundles[..] else { panic!("{:?}", names(&plan.bundles)) };
    for said in [
        "=== gone.rs (deleted)\n@@ -1,2 +0,0 @@\n -a\n -b\n",
        "=== link (symbolic link from to/old to to/new)\n",
        "=== mod (submodule from 0000000000000000000000000000000000000001 to 0000000000000000000000000000000000000002)\n",
        "=== other name.rs (renamed from name.rs, content unchanged)\n",
        "=== run.sh (mode 100644 -> 100755)\n",
        "=== end.txt\n@@ -1,1 +1,1 @@\n -a\n\\ No newline at end of file\n1 +a\n",
        "=== crlf.txt\n@@ -1,2 +1,2 @@\n -a\u{240d}\n1 +a\n2  b\u{240d}\n",
        "=== latin.txt (new file)\n@@ -0,0 +1,1 @@\n1 +grün und schön\n",
        "=== empty (new file, empty)\n",
    ] {
        assert!(bundle.text.contains(said), "{said}\n{}", bundle.text);
    }
    let left: Vec<(&str, &str)> =
        plan.left_out.iter().map(|l| (l.path.as_str(), l.reason.as_str())).collect();
    assert_eq!(
        left,
        [("Cargo.lock", "lock file"), ("gen.rs", "generated"), ("pic", "binary (has NUL bytes)")]
    );
    let renamed = patch.files.iter().find(|file| file.change == Change::Renamed).unwrap();
    assert_eq!(
        (renamed.old_path().as_str(), renamed.path().as_str()),
        ("name.rs", "other name.rs")
    );
    assert!(Path::new(&renamed.path()).extension().is_some());
}

#[test]
fn what_is_no_diff_is_told_by_its_line() {
    for (text, want) in [
        ("diff --cc a\n", "line 1 of the diff: the diff of a merge"),
        ("diff --git a/x b/x\n@@ -a +1 @@\n", "line 2 of the diff: a hunk whose ranges"),
        ("diff --git a/x b/x\n@@ -1,2 +1 @@\n-a\n", "line 3 of the diff: the diff ends within"),
        ("diff --git a/x b/x\n@@ -1 +1 @@\n-a\n*b\n", "line 4 of the diff: no line of a hunk"),
        ("diff --git a/x b/x\n@@ -1,0 +1 @@\n-a\n", "line 3 of the diff: a hunk has more lines"),
        ("diff --git a/x b/y\nold mode 100644\n", "line 2 of the diff: no path"),
    ] {
        let said = parse(text.as_bytes()).unwrap_err().to_string();
        assert!(said.starts_with(want), "{said}");
    }
    assert_eq!(parse(b"").unwrap(), Patch::default());
    assert_eq!(parse(b"A message.\n---\n a | 1 +\n").unwrap(), Patch::default());
}
