//! Commits on branches of their own: what is moved, what is left alone, who may.

use super::*;
use crate::step::hooks::at_each_step;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Barrier;

const NONE: &[String] = &[];

pub(super) fn landing<'a>(
    branch: &'a str,
    expected: Option<&'a str>,
    base: &'a str,
) -> Landing<'a> {
    Landing {
        branch,
        expected,
        base,
        run: "run",
        token: "token",
        protected: NONE,
        author_name: "Scrum Fleet",
        author_email: "scrum@example.com",
        time: 1_700_000_000,
    }
}

pub(super) fn change(path: &str, content: &str) -> Change {
    Change {
        path: path.to_owned(),
        content: content.as_bytes().to_vec(),
        message: format!("auto-apply: {path}"),
        added: None,
    }
}

pub(super) fn text(ids: &[String]) -> String {
    format!("rows\n{}", ids.join(" "))
}

/// Three files, one of them executable, one in a directory.
pub(super) fn project() -> (Fixture, String) {
    let f = Fixture::new();
    f.write("a.txt", b"a\n");
    f.write("src/deep/b.rs", b"fn b() {}\n");
    f.write("run.sh", b"#!/bin/sh\n");
    f.git(&["add", "-A"]);
    f.git(&["update-index", "--chmod=+x", "run.sh"]);
    f.git(&["commit", "-q", "-m", "one"]);
    let commit = f.git(&["rev-parse", "HEAD"]);
    (f, commit)
}

#[test]
fn changes_become_one_commit_each_on_a_new_branch() {
    let (f, base) = project();
    let repo = Repo::open(f.path()).unwrap();
    assert_eq!(repo.branch_head("scrum/x").unwrap(), None);
    assert_eq!(repo.begin("scrum/x", "run", "token").unwrap(), Begun::Fresh);
    let changes =
        [change("src/deep/b.rs", "fn b() -> u8 { 1 }\n"), change("run.sh", "#!/bin/sh\nls\n")];
    let ids = repo.land(&landing("scrum/x", None, &base), &changes, text).unwrap();
    assert_eq!(repo.branch_head("scrum/x").unwrap().as_deref(), Some(ids[1].as_str()));
    let log = f.git(&["log", "--format=%H %an %ae %ct %s", "scrum/x", "-2"]);
    let who = "Scrum Fleet scrum@example.com 1700000000 auto-apply:";
    let said = format!("{} {who} run.sh\n{} {who} src/deep/b.rs", ids[1], ids[0]);
    assert_eq!(log, said);
    assert_eq!(f.git(&["rev-parse", &format!("{}^", ids[0])]), base);
    assert!(f.git(&["ls-tree", "scrum/x", "run.sh"]).starts_with("100755"), "its mode is kept");
    assert_eq!(f.git(&["diff", "--stat", "main", &ids[0], "--name-only"]), "src/deep/b.rs");
    f.git(&["fsck", "--strict"]);
    // And on from there.
    let forged = format!("A\nparent {base}\nauthor B");
    let next = Landing {
        run: "next",
        author_name: &forged,
        ..landing("scrum/x", Some(&ids[1]), "unused")
    };
    let more = repo.land(&next, &[change("a.txt", "b\n")], text).unwrap();
    assert_eq!(f.git(&["rev-list", "--count", "main..scrum/x"]), "3");
    assert_eq!(f.git(&["rev-parse", "scrum/x"]), more[0]);
    assert_eq!(f.git(&["reflog", "show", "--format=%gs", "scrum/x", "-1"]), "scrum: apply");
    // Nobody's name adds a line to a commit.
    assert_eq!(f.git(&["log", "--format=%P", "scrum/x", "-1"]), ids[1]);
    assert!(f.git(&["log", "--format=%an", "scrum/x", "-1"]).starts_with("A parent"));
}

#[test]
fn a_run_that_landed_is_found_until_it_is_forgotten() {
    let (f, base) = project();
    let repo = Repo::open(f.path()).unwrap();
    let _ = repo.begin("x", "run", "token").unwrap();
    let ids = repo.land(&landing("x", None, &base), &[change("a.txt", "1\n")], text).unwrap();
    assert_eq!(repo.begin("x", "run", "two").unwrap(), Begun::Landed(text(&ids)));
    assert_eq!(repo.begin("x", "other", "three").unwrap(), Begun::Fresh);
    // Also below what came later.
    let later = Landing { token: "three", run: "other", ..landing("x", Some(&ids[0]), &base) };
    let _ = repo.land(&later, &[change("a.txt", "2\n")], text).unwrap();
    assert_eq!(repo.begin("x", "run", "four").unwrap(), Begun::Landed(text(&ids)));
    repo.forget_landed("run").unwrap();
    repo.forget_landed("run").unwrap();
    assert_eq!(repo.begin("x", "run", "five").unwrap(), Begun::Fresh);
    // A branch that was thrown away takes with it what had landed.
    f.git(&["branch", "-D", "x"]);
    assert_eq!(repo.begin("x", "other", "six").unwrap(), Begun::Fresh);
}

#[test]
fn whoever_began_later_fences_off_those_before() {
    let (f, base) = project();
    let repo = Repo::open(f.path()).unwrap();
    let _ = repo.begin("x", "run", "old").unwrap();
    let _ = repo.begin("x", "run", "new").unwrap();
    let old = Landing { token: "old", ..landing("x", None, &base) };
    let error = repo.land(&old, &[change("a.txt", "1\n")], text).unwrap_err();
    assert!(matches!(error, RepoError::Fenced { .. }) && error.is_passing(), "{error}");
    let new = Landing { token: "new", ..landing("x", None, &base) };
    let ids = repo.land(&new, &[change("a.txt", "2\n")], text).unwrap();
    // One that is fenced off must not write over the journal of the one that landed.
    assert!(matches!(
        repo.land(&old, &[change("a.txt", "1\n")], text),
        Err(RepoError::Fenced { .. })
    ));
    assert_eq!(repo.begin("x", "run", "third").unwrap(), Begun::Landed(text(&ids)));
}

#[test]
fn a_branch_that_moved_is_left_as_it_is() {
    let (f, base) = project();
    let repo = Repo::open(f.path()).unwrap();
    f.git(&["branch", "x"]);
    let _ = repo.begin("x", "run", "token").unwrap();
    let fresh = repo.land(&landing("x", None, &base), &[change("a.txt", "1\n")], text);
    assert!(matches!(fresh, Err(RepoError::Moved { head: Some(ref h), .. }) if *h == base));
    f.write("a.txt", b"new\n");
    let two = f.commit("two");
    f.git(&["branch", "-f", "x"]);
    let error = repo.land(&landing("x", Some(&base), &base), &[change("a.txt", "1\n")], text);
    let error = error.unwrap_err();
    assert!(error.is_passing() && error.to_string().contains("'x' moved"), "{error}");
    assert_eq!(repo.branch_head("x").unwrap(), Some(two));
    f.git(&["branch", "-D", "x"]);
    let gone = repo.land(&landing("x", Some(&base), &base), &[change("a.txt", "1\n")], text);
    assert!(matches!(gone, Err(RepoError::Moved { head: None, .. })));
}

#[test]
fn branches_in_use_or_protected_are_refused_and_it_is_said_why() {
    let (f, base) = project();
    let linked = tempfile::tempdir().unwrap();
    let place = linked.path().join("wt");
    f.git(&["worktree", "add", "-q", "-b", "feature/in-use", place.to_str().unwrap()]);
    f.git(&["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    let protected: Vec<String> = ["master", "release/*"].iter().map(|s| (*s).to_owned()).collect();
    // From a linked working tree it is the same.
    for repo in [Repo::open(f.path()).unwrap(), Repo::open(&place).unwrap()] {
        for (name, why) in [
            ("main", "in use in the working tree"),
            ("feature/in-use", "in use in the working tree"),
            ("alias", "another name for 'refs/heads/main'"),
            ("master", "protected ('master')"),
            ("Master", "protected ('master')"),
            ("release/1.0", "protected ('release/*')"),
            ("refs/heads/x", "begins with 'refs/'"),
            ("HEAD", "is not a valid name"),
            ("", "is not a valid name"),
            ("-x", "is not a valid name"),
            ("a..b", "is not a valid name"),
            ("a.lock", "is not a valid name"),
            ("a\0b", "is not a valid name"),
            ("../../x", "is not a valid name"),
        ] {
            let error = repo.check_branch(name, &protected).unwrap_err();
            assert!(matches!(error, RepoError::Branch { .. }), "{error}");
            assert!(error.to_string().contains(why), "{name}: {error}");
            let into = Landing { protected: &protected, ..landing(name, Some(&base), &base) };
            assert!(repo.land(&into, &[change("a.txt", "1\n")], text).is_err(), "{name}");
        }
        for name in ["scrum/auto-apply-1", "released", "feature/other"] {
            repo.check_branch(name, &protected).unwrap();
        }
    }
    assert_eq!(f.git(&["rev-parse", "main", "alias"]), format!("{base}\n{base}"));
    // While it is rebased HEAD names no branch.
    f.git(&["branch", "rebased"]);
    f.git(&["checkout", "-q", "--detach"]);
    fs::create_dir(f.path().join(".git/rebase-merge")).unwrap();
    fs::write(f.path().join(".git/rebase-merge/head-name"), "refs/heads/rebased\n").unwrap();
    let repo = Repo::open(f.path()).unwrap();
    assert!(repo.check_branch("rebased", NONE).is_err());
    repo.check_branch("main", NONE).unwrap();
    // What a bare repository calls HEAD is checked out nowhere.
    let no_tree = tempfile::tempdir().unwrap();
    f.git(&["clone", "-q", "--bare", ".", no_tree.path().to_str().unwrap()]);
    Repo::open(no_tree.path()).unwrap().check_branch("main", NONE).unwrap();
}

#[test]
fn a_branch_that_is_checked_out_meanwhile_is_left_alone() {
    let (f, base) = project();
    f.git(&["branch", "x"]);
    let repo = Repo::open(f.path()).unwrap();
    let _ = repo.begin("x", "run", "token").unwrap();
    let path = f.path().to_owned();
    at_each_step(move |step| {
        if step == "objects" {
            fs::write(path.join(".git/HEAD"), "ref: refs/heads/x\n").unwrap();
        }
    });
    let error = repo.land(&landing("x", Some(&base), &base), &[change("a.txt", "1\n")], text);
    assert!(matches!(error, Err(RepoError::Branch { .. })), "{error:?}");
    assert_eq!(repo.branch_head("x").unwrap(), Some(base));
}

#[test]
fn only_existing_regular_files_are_changed() {
    let (f, _) = project();
    std::os::unix::fs::symlink("a.txt", f.path().join("link")).unwrap();
    let base = f.commit("link");
    let repo = Repo::open(f.path()).unwrap();
    let _ = repo.begin("x", "run", "token").unwrap();
    for path in [
        "new.rs",
        "link",
        "src",
        "src/deep",
        "../x",
        "/etc/passwd",
        "a.txt/x",
        "",
        "a\0b",
        ".git/config",
        "./a.txt",
    ] {
        let error = repo.land(&landing("x", None, &base), &[change(path, "1\n")], text);
        assert!(matches!(error, Err(RepoError::Change { .. })), "{path}: {error:?}");
    }
    let same = repo.land(&landing("x", None, &base), &[change("a.txt", "a\n")], text);
    assert!(same.unwrap_err().to_string().contains("not changed"));
    assert_eq!(repo.land(&landing("x", None, &base), &[], text).unwrap(), Vec::<String>::new());
    assert_eq!(repo.branch_head("x").unwrap(), None, "all or nothing");
}

#[test]
fn a_branch_below_or_above_another_is_refused_in_words() {
    let (f, base) = project();
    f.git(&["branch", "scrum"]);
    let repo = Repo::open(f.path()).unwrap();
    let error = repo.begin("scrum/x", "run", "token").unwrap_err().to_string();
    assert!(error.contains("can't both be"), "{error}");
    f.git(&["branch", "a/b"]);
    let error = repo.begin("a", "run", "token").unwrap_err().to_string();
    assert!(error.contains("can't both be"), "{error}");
    assert_eq!(f.git(&["rev-parse", "a/b"]), base);
}

/// Everything of a user that a landing must not touch, by its bytes.
fn everything(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let below = path.strip_prefix(root).unwrap().to_owned();
            let ours = [
                ".git/objects",
                ".git/scrum",
                ".git/refs/heads/scrum",
                ".git/logs/refs/heads/scrum",
            ];
            if ours.iter().any(|place| below.starts_with(place)) {
                continue;
            }
            let content = if meta.is_symlink() {
                format!("{:?}", fs::read_link(&path).unwrap())
            } else if meta.is_dir() {
                open.push(path.clone());
                String::new()
            } else {
                // The time too: a file that is written anew with the same bytes was touched.
                let hash = queue_schema::ids::sha256_hex(&fs::read(&path).unwrap());
                format!("{:?} {hash}", meta.modified().unwrap())
            };
            found.insert(below, format!("{:o} {content}", meta.mode()));
        }
    }
    found
}

#[test]
fn a_dirty_working_tree_stays_as_it_is_byte_for_byte() {
    let (f, base) = project();
    f.write("a.txt", b"stashed\n");
    f.git(&["stash", "-q"]);
    f.write("a.txt", b"staged\n");
    f.git(&["add", "a.txt"]);
    f.write("a.txt", b"unstaged\n");
    f.write("src/deep/b.rs", b"unstaged\n");
    f.write("untracked", b"u\n");
    f.git(&["config", "some.setting", "1"]);
    // git itself writes the index anew when it is asked.
    let status = f.git(&["status", "--porcelain"]);
    let before = everything(f.path());
    assert!(before.len() > 20, "{before:?}");
    let repo = Repo::open(f.path()).unwrap();
    let _ = repo.begin("scrum/x", "run", "token").unwrap();
    let landing = landing("scrum/x", None, &base);
    let changes = [change("a.txt", "landed\n"), change("src/deep/b.rs", "landed\n")];
    let ids = repo.land(&landing, &changes, text).unwrap();
    let into = tempfile::tempdir().unwrap();
    let bounds = ExportBounds { bytes: 1 << 20, entries: 1000 };
    drop(repo.export(&ids[1], into.path(), bounds).unwrap());
    assert_eq!(everything(f.path()), before);
    assert_eq!(f.git(&["status", "--porcelain"]), status);
    f.git(&["stash", "show", "-p"]);
    // One blob, as both say the same, four trees, two commits, and no more.
    let made: Vec<_> =
        f.git(&["rev-list", "--objects", "main..scrum/x"]).lines().map(str::to_owned).collect();
    assert_eq!(made.len(), 7, "{made:?}");
}

fn count_loose(f: &Fixture) -> usize {
    f.git(&["count-objects"]).split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_landing_that_is_refused_early_makes_no_objects() {
    let (f, base) = project();
    let before = count_loose(&f);
    let repo = Repo::open(f.path()).unwrap();
    let main = repo.land(&landing("main", Some(&base), &base), &[change("a.txt", "1\n")], text);
    assert!(main.is_err());
    assert_eq!(count_loose(&f), before);
}

#[test]
fn sixteen_landings_at_once_make_one_line_and_lose_none() {
    const RUNS: usize = 16;
    let (f, base) = project();
    let all = Barrier::new(RUNS);
    std::thread::scope(|scope| {
        for n in 0..RUNS {
            let (f, base, all) = (&f, &base, &all);
            scope.spawn(move || {
                let repo = Repo::open(f.path()).unwrap();
                let run = format!("run-{n}");
                all.wait();
                for attempt in 0.. {
                    assert!(attempt < 10_000, "it never lands");
                    let token = format!("{n}-{attempt}");
                    let begun = repo.begin("scrum/x", &run, &token).unwrap();
                    assert_eq!(begun, Begun::Fresh);
                    let head = repo.branch_head("scrum/x").unwrap();
                    let at = landing("scrum/x", head.as_deref(), base);
                    let at = Landing { run: &run, token: &token, ..at };
                    match repo.land(&at, &[change("a.txt", &format!("{n}\n"))], text) {
                        Ok(ids) => {
                            assert_eq!(ids.len(), 1);
                            return;
                        }
                        Err(e) => assert!(e.is_passing(), "{e}"),
                    }
                }
            });
        }
    });
    let history = f.git(&["log", "--format=%P", "main..scrum/x"]);
    assert_eq!(history.lines().count(), RUNS);
    assert!(history.lines().all(|parents| parents.split(' ').count() == 1));
    let landed: std::collections::BTreeSet<_> = f
        .git(&["rev-list", "main..scrum/x"])
        .lines()
        .map(|commit| f.git(&["show", &format!("{commit}:a.txt")]))
        .collect();
    assert_eq!(landed.len(), RUNS, "each one's content is there");
    let repo = Repo::open(f.path()).unwrap();
    for n in 0..RUNS {
        let begun = repo.begin("scrum/x", &format!("run-{n}"), "later").unwrap();
        assert!(matches!(begun, Begun::Landed(_)), "{n}");
    }
}

#[test]
fn a_commit_may_bring_one_new_file_where_nothing_is() {
    let (f, base) = project();
    let repo = Repo::open(f.path()).unwrap();
    let adding = |path: &str| Change {
        added: Some((path.to_owned(), b"new\n".to_vec())),
        ..change("a.txt", "changed\n")
    };
    let landing = landing("scrum/x", None, &base);
    assert_eq!(repo.begin("scrum/x", "run", "token").unwrap(), Begun::Fresh);
    for path in ["src/deep/b.rs", "src", "a.txt/x", "../x", "/x", ".git/x", ""] {
        let error = repo.land(&landing, &[adding(path)], text).unwrap_err();
        assert!(matches!(error, RepoError::Change { .. }), "{path}: {error}");
    }
    let made = repo.land(&landing, &[adding("tests/deep/t.rs")], text).unwrap();
    let told = f.git(&["show", "--name-status", "--format=", &made[0]]);
    f.git(&["fsck", "--strict"]);
    assert_eq!(told.trim(), "M\ta.txt\nA\ttests/deep/t.rs");
}
