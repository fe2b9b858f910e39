//! Repositories that are named by URL.

use super::*;

fn url(f: &Fixture) -> String {
    format!("file://{}", f.path().display())
}

#[test]
fn a_commit_that_is_here_needs_no_remote() {
    let f = Fixture::new();
    f.write("a", b"a");
    let commit = f.commit("one");
    let mirrors = tempfile::tempdir().unwrap();
    let url = url(&f);
    // The first worker that needs it clones it.
    Repo::open_at(&url, mirrors.path(), &commit).unwrap();
    f.write("a", b"b");
    let second = f.commit("two");
    // The next commit is fetched, because it is not here.
    Repo::open_at(&url, mirrors.path(), &second).unwrap();
    drop(f);
    let repo = Repo::open_at(&url, mirrors.path(), &commit).unwrap();
    assert_eq!(repo.snapshot(&commit).unwrap().len(), 1);
    // What a revision means now is another matter: an old answer would be a wrong one.
    let error = Repo::open_or_mirror(&url, mirrors.path()).unwrap_err();
    assert!(matches!(error, RepoError::Mirror { .. }), "{error}");
}

#[test]
fn a_commit_that_nobody_has_is_told() {
    let f = Fixture::new();
    f.write("a", b"a");
    f.commit("one");
    let mirrors = tempfile::tempdir().unwrap();
    for none in ["0123456789012345678901234567890123456789", "not an id", "--upload-pack=x"] {
        let error = Repo::open_at(&url(&f), mirrors.path(), none).unwrap_err();
        assert!(matches!(error, RepoError::CommitGone { .. }), "{error}");
        assert!(error.to_string().contains(none), "{error}");
    }
}

#[test]
fn what_is_pushed_away_stays_and_a_renamed_default_branch_is_followed() {
    let f = Fixture::new();
    f.write("a", b"a");
    let old = f.commit("one");
    let mirrors = tempfile::tempdir().unwrap();
    let open = || Repo::open_or_mirror(&url(&f), mirrors.path()).unwrap();
    assert_eq!(open().resolve("HEAD").unwrap(), old);
    f.git(&["checkout", "-q", "--orphan", "trunk"]);
    f.write("b", b"b");
    let new = f.commit("again");
    f.git(&["branch", "-q", "-D", "main"]);
    f.git(&["reflog", "expire", "--expire=now", "--all"]);
    f.git(&["gc", "-q", "--prune=now"]);
    let repo = open();
    assert_eq!(repo.resolve("HEAD").unwrap(), new);
    assert!(repo.resolve("main").is_err(), "branches that are gone are pruned");
    assert_eq!(repo.snapshot(&old).unwrap().len(), 1, "a sweep may be pinned to it");
}

#[test]
fn many_at_once_make_one_mirror() {
    let f = Fixture::new();
    f.write("a", b"a");
    let commit = f.commit("one");
    let mirrors = tempfile::tempdir().unwrap();
    let url = url(&f);
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let repo = Repo::open_at(&url, mirrors.path(), &commit).unwrap();
                assert_eq!(repo.snapshot(&commit).unwrap().len(), 1);
            });
        }
    });
    let names: Vec<_> = std::fs::read_dir(mirrors.path()).unwrap().collect();
    assert_eq!(names.len(), 2, "the mirror and its lock: {names:?}");
}

#[test]
fn a_clone_that_was_cut_short_is_begun_again() {
    let f = Fixture::new();
    f.write("a", b"a");
    let commit = f.commit("one");
    let mirrors = tempfile::tempdir().unwrap();
    let name = &queue_schema::ids::sha256_hex(url(&f).as_bytes())[..32];
    let half = mirrors.path().join(name).with_extension("new");
    std::fs::create_dir_all(half.join("objects")).unwrap();
    std::fs::write(half.join("HEAD"), "ref: refs/heads/none\n").unwrap();
    let repo = Repo::open_or_mirror(&url(&f), mirrors.path()).unwrap();
    assert_eq!(repo.resolve("HEAD").unwrap(), commit);
    assert!(!half.exists());
}

#[test]
fn hooks_of_templates_are_not_taken_over() {
    let f = Fixture::new();
    f.write("a", b"a");
    f.commit("one");
    let mirrors = tempfile::tempdir().unwrap();
    let repo = Repo::open_or_mirror(&url(&f), mirrors.path()).unwrap();
    assert!(!repo.canonical().join("hooks").exists());
    assert!(repo.canonical().starts_with(mirrors.path().canonicalize().unwrap()));
}
