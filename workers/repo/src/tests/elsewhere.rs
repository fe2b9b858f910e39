//! Repositories that point at another one: commits land in the named one, or are refused.

use super::*;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;

const BRANCH: &str = "scrum/x";

/// Every file below a directory with its bytes, every link with its target.
fn bytes_of(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            if meta.is_dir() {
                all.insert(path.clone(), Vec::new());
                open.push(path);
            } else if meta.is_symlink() {
                let to = fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes();
                all.insert(path, to);
            } else {
                let bytes = fs::read(&path).unwrap();
                all.insert(path, bytes);
            }
        }
    }
    all
}

/// Lands a change as a sweep and a run of the applier do: the place that the first opening finds is opened again.
fn land_in(place: &Path, base: &str) -> Result<PathBuf, RepoError> {
    let named = Repo::open(place)?.canonical();
    let repo = Repo::open(&named)?;
    let _ = repo.begin(BRANCH, "run", "token")?;
    let landing = super::hostile::landing(BRANCH, base);
    let change =
        Change { path: "a.txt".into(), content: b"new".to_vec(), message: "m".into(), added: None };
    repo.land(&landing, &[change], |_| String::new())?;
    Ok(named)
}

fn fixture() -> (Fixture, String) {
    let f = Fixture::new();
    f.write("a.txt", b"a\n");
    let base = f.commit("one");
    (f, base)
}

/// The hostile part: A's directory, its `.git`, and B's `.git`.
type Bend = fn(&Fixture, &Path, &Path);

/// The cases: none if the change lands in A, else a part of the error.
const BENT: &[(&str, Bend, Option<&str>)] = &[
    ("core.worktree", |a, _, b| drop(a.git(&["config", "core.worktree", parent(b)])), None),
    ("core.bare", |a, _, _| drop(a.git(&["config", "core.bare", "true"])), None),
    (
        "include.path",
        |a, git, b| {
            let text = format!("[core]\n\tworktree = {}\n\tbare = false\n", parent(b));
            fs::write(git.join("more"), text).unwrap();
            a.git(&["config", "include.path", "more"]);
        },
        None,
    ),
    (
        "includeIf",
        |a, git, b| {
            fs::write(git.join("more"), format!("[core]\n\tworktree = {}\n", parent(b))).unwrap();
            a.git(&["config", "includeIf.gitdir:**.path", "more"]);
        },
        None,
    ),
    (
        "config.worktree",
        |a, git, b| {
            fs::write(git.join("config.worktree"), format!("[core]\n\tworktree = {}\n", parent(b)))
                .unwrap();
            a.git(&["config", "extensions.worktreeConfig", "true"]);
        },
        None,
    ),
    ("gitdir file", |_, git, b| fs::write(git.join("gitdir"), parent(b)).unwrap(), None),
    (
        "alternates",
        |_, git, b| {
            let text = format!("{}\n", b.join("objects").display());
            fs::write(git.join("objects/info/alternates"), text).unwrap();
        },
        None,
    ),
    (
        ".git file",
        |_, git, b| {
            fs::rename(git, git.with_extension("old")).unwrap();
            fs::write(git, format!("gitdir: {}\n", b.display())).unwrap();
        },
        Some("does not lead back here"),
    ),
    (
        ".git file to a linked working tree",
        |a, git, b| {
            let tree = b.with_file_name("tree");
            let at = ["worktree", "add", "-q", "-b", "side", tree.to_str().unwrap()];
            let out = Command::new("git").args(at).current_dir(b).output().unwrap();
            assert!(out.status.success(), "{out:?}");
            fs::rename(git, a.path().join("old")).unwrap();
            fs::copy(tree.join(".git"), git).unwrap();
        },
        Some("does not lead back here"),
    ),
    (
        ".git link",
        |_, git, b| {
            fs::rename(git, git.with_extension("old")).unwrap();
            symlink(b, git).unwrap();
        },
        Some("symbolic link"),
    ),
    (
        "commondir",
        |_, git, b| fs::write(git.join("commondir"), path(b)).unwrap(),
        Some("commondir"),
    ),
    (
        "commondir, from a place like a working tree's",
        |_, git, b| {
            let place = git.join("worktrees/x");
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("commondir"), path(b)).unwrap();
            fs::write(place.join("gitdir"), path(&git.with_file_name("linked/.git"))).unwrap();
            fs::write(place.join("HEAD"), "ref: refs/heads/other\n").unwrap();
            fs::create_dir(git.with_file_name("linked")).unwrap();
            let text = format!("gitdir: {}\n", place.display());
            fs::write(git.with_file_name("linked/.git"), text).unwrap();
        },
        Some("commondir"),
    ),
    ("objects", |_, git, b| bend(&git.join("objects"), &b.join("objects")), Some("link")),
    (
        "a directory of objects",
        |_, git, b| {
            for n in 0..=255 {
                let name = format!("objects/{n:02x}");
                fs::create_dir_all(b.join(&name)).unwrap();
                bend(&git.join(&name), &b.join(&name));
            }
        },
        Some("link"),
    ),
    ("refs/heads", |_, git, b| bend(&git.join("refs/heads"), &b.join("refs/heads")), Some("link")),
    (
        "a directory of branches",
        |_, git, b| bend(&git.join("refs/heads/scrum"), &b.join("refs/heads")),
        Some("link"),
    ),
    ("logs", |_, git, b| bend(&git.join("logs"), &b.join("logs")), Some("link")),
    (
        "a log under a second name",
        |_, git, b| {
            let log = git.join("logs/refs/heads").join(BRANCH);
            fs::create_dir_all(log.parent().unwrap()).unwrap();
            fs::hard_link(b.join("logs/HEAD"), log).unwrap();
        },
        Some("link"),
    ),
    (
        "a symbolic branch",
        |_, git, b| {
            fs::create_dir_all(git.join("refs/heads/scrum")).unwrap();
            let text = format!("ref: {}/refs/heads/side\n", b.display());
            fs::write(git.join("refs/heads").join(BRANCH), text).unwrap();
        },
        Some("branch"),
    ),
    ("scrum", |_, git, b| bend(&git.join("scrum"), b), Some("scrum")),
];

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn parent(git: &Path) -> &str {
    path(git.parent().unwrap())
}

fn bend(place: &Path, to: &Path) {
    let _ = fs::remove_dir_all(place);
    fs::create_dir_all(place.parent().unwrap()).unwrap();
    symlink(to, place).unwrap();
}

#[test]
fn a_repository_that_points_at_another_never_has_the_other_written() {
    for (name, bent, refused) in BENT {
        let (a, base) = fixture();
        let (b, _) = fixture();
        let git = a.path().join(".git");
        bent(&a, &git, &b.path().join(".git"));
        let before = bytes_of(b.path());
        let place = if a.path().join("linked").is_dir() { "linked" } else { "" };
        let landed = land_in(&a.path().join(place), &base);
        assert!(bytes_of(b.path()) == before, "{name}: the other one is as it was: {landed:?}");
        match (landed, refused) {
            (Ok(named), None) => {
                assert_eq!(named, a.path().canonicalize().unwrap(), "{name}");
                assert!(git.join("refs/heads").join(BRANCH).is_file(), "{name}: it landed");
            }
            (Err(e), Some(part)) => assert!(e.to_string().contains(part), "{name}: {e}"),
            (other, _) => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn working_trees_and_submodules_that_point_back_are_used() {
    let (a, base) = fixture();
    let place = tempfile::tempdir().unwrap();
    let tree = place.path().join("tree");
    a.git(&["worktree", "add", "-q", "-b", "side", path(&tree)]);
    assert_eq!(land_in(&tree, &base).unwrap(), tree.canonicalize().unwrap());
    assert!(a.path().join(".git/refs/heads").join(BRANCH).is_file());

    let (whole, _) = fixture();
    let add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add"];
    whole.git(&[&add[..], &[path(a.path()), "part"]].concat());
    land_in(&whole.path().join("part"), &base).unwrap();
    assert!(whole.path().join(".git/modules/part/refs/heads").join(BRANCH).is_file());

    // The git directory inside, under another name; and one that lies somewhere else.
    fs::rename(a.path().join(".git"), a.path().join(".bare")).unwrap();
    fs::write(a.path().join(".git"), "gitdir: ./.bare\n").unwrap();
    assert_eq!(Repo::open(a.path()).unwrap().resolve("HEAD").unwrap(), base);
    let moved = place.path().join("moved.git");
    fs::rename(a.path().join(".bare"), &moved).unwrap();
    fs::write(a.path().join(".git"), format!("gitdir: {}\n", moved.display())).unwrap();
    let error = Repo::open(a.path()).unwrap_err().to_string();
    assert!(error.contains("moved.git") && error.contains("name that directory"), "{error}");
    assert_eq!(Repo::open(&moved).unwrap().resolve("HEAD").unwrap(), base);
}
