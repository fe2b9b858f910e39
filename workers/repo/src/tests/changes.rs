//! What people name a change by, and its text.

use super::*;
use queue_schema::sweep::EMPTY_TREE;

const MOST: u64 = 1 << 20;

impl Fixture {
    fn text(&self, change: &DiffRange) -> String {
        let repo = Repo::open(self.path()).unwrap();
        let text = repo.diff(&change.base, &change.head, MOST).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    }

    fn save(&self, subject: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", subject]);
        self.git(&["rev-parse", "HEAD"])
    }
}

/// Lines that say what a change is, without objects' names and words behind `@@`.
fn plain(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|l| !l.starts_with("index "));
    let cut = |l: &str| match l.strip_prefix("@@").and_then(|rest| rest.split_once("@@")) {
        Some((at, _)) => format!("@@{at}@@"),
        // Git alone writes a tab behind a name with a space.
        None => l.trim_end_matches('\t').to_owned(),
    };
    lines.map(cut).collect()
}

#[test]
fn the_text_of_a_change_is_gits_own() {
    let it = Fixture::new();
    let body = (0..40).fold(String::new(), |body, n| body + &format!("line {n}\n"));
    for name in
        ["kept.txt", "moved.txt", "gone.txt", "mode.sh", "a b\"c.txt", "crlf.txt", "end.txt"]
    {
        it.write(name, body.as_bytes());
    }
    it.write("image.png", b"\x89PNG\0\0one");
    std::os::unix::fs::symlink("kept.txt", it.path().join("link")).unwrap();
    let base = it.save("one");
    it.write("kept.txt", body.replace("line 5\n", "line five\n").as_bytes());
    it.write("crlf.txt", body.replace('\n', "\r\n").as_bytes());
    it.write("end.txt", body.trim_end().as_bytes());
    it.write("a b\"c.txt", b"one\n");
    it.write("image.png", b"\x89PNG\0\0two");
    it.write("new/deep/file.rs", b"fn main() {}\n");
    std::fs::rename(it.path().join("moved.txt"), it.path().join("other.txt")).unwrap();
    std::fs::remove_file(it.path().join("gone.txt")).unwrap();
    std::fs::remove_file(it.path().join("link")).unwrap();
    std::os::unix::fs::symlink("mode.sh", it.path().join("link")).unwrap();
    it.git(&["add", "-A"]);
    it.git(&["update-index", "--chmod=+x", "mode.sh"]);
    it.git(&["commit", "-q", "-m", "two"]);
    // Settings and attributes of the working tree say nothing.
    it.git(&["config", "diff.noprefix", "true"]);
    it.git(&["config", "diff.context", "9"]);
    let head = it.git(&["rev-parse", "HEAD"]);
    let own = it.text(&DiffRange { base: base.clone(), head: head.clone() });
    it.git(&["config", "--unset", "diff.noprefix"]);
    it.git(&["config", "--unset", "diff.context"]);
    let git = it.git(&["diff-tree", "-p", "-M", "--no-indent-heuristic", &base, &head]);
    assert_eq!(plain(&own), plain(&git));
    it.write(".gitattributes", b"*.txt -diff\n");
    assert_eq!(it.text(&DiffRange { base: base.clone(), head: head.clone() }), own);
    // A file over the bound is as one that is no text.
    let repo = Repo::open(it.path()).unwrap();
    let small = repo.diff(&base, &head, 100).unwrap();
    let small = String::from_utf8_lossy(&small).into_owned();
    assert!(small.contains("Binary files a/kept.txt and b/kept.txt differ"), "{small}");
    assert!(small.contains("fn main() {}") && small.contains("rename to other.txt"), "{small}");
}

#[test]
fn a_change_is_named_by_a_range_a_commit_the_index_or_a_patch() {
    let it = Fixture::new();
    it.write("a.txt", b"one\n");
    let staged = |it: &Fixture| {
        it.git(&["add", "-A"]);
        Repo::open(it.path()).unwrap().staged(None).unwrap()
    };
    // Before the first commit.
    let first = staged(&it);
    assert_eq!(first.base, EMPTY_TREE);
    assert!(it.text(&first).contains("+one"));
    let one = it.save("one");
    it.git(&["checkout", "-q", "-b", "side"]);
    it.write("a.txt", b"two\n");
    let two = it.save("two");
    it.git(&["checkout", "-q", "main"]);
    it.write("b.txt", b"main\n");
    let main = it.save("three");
    let repo = Repo::open(it.path()).unwrap();
    let pair = |base: &str, head: &str| DiffRange { base: base.to_owned(), head: head.to_owned() };
    for (range, want) in [
        ("main..side", pair(&main, &two)),
        ("main...side", pair(&one, &two)),
        ("side..", pair(&two, &main)),
        ("...side", pair(&one, &two)),
        ("side", pair(&one, &two)),
        (&one, pair(EMPTY_TREE, &one)),
    ] {
        assert_eq!(repo.range(range).unwrap(), want, "{range}");
    }
    assert!(repo.range("main..nowhere").unwrap_err().to_string().contains("nowhere"));
    it.git(&["checkout", "-q", "--orphan", "alone"]);
    it.save("alone");
    let apart = Repo::open(it.path()).unwrap().range("main...alone").unwrap_err();
    assert!(apart.to_string().contains("common ancestor"), "{apart}");
    it.git(&["checkout", "-q", "main"]);

    it.write("a.txt", b"staged\n");
    let (one_time, again) = (staged(&it), staged(&it));
    assert_eq!(one_time, again, "the same index has the same commit");
    assert_eq!(one_time.base, main);
    assert!(it.text(&one_time).contains("+staged"));
    it.write("a.txt", b"not staged\n");
    assert_eq!(Repo::open(it.path()).unwrap().staged(None).unwrap(), one_time);
    // The index that a commit of some files is made of.
    let other = it.path().join("other-index");
    std::fs::copy(it.path().join(".git/index"), &other).unwrap();
    it.git(&["add", "-A"]);
    assert_eq!(Repo::open(it.path()).unwrap().staged(Some(&other)).unwrap(), one_time);
    let nowhere = Repo::open(it.path()).unwrap().staged(Some(&it.path().join("nothing")));
    assert!(nowhere.unwrap_err().to_string().contains("is no file"));

    let repo = Repo::open(it.path()).unwrap();
    let patch =
        b"diff --git a/b.txt b/b.txt\n--- a/b.txt\n+++ b/b.txt\n@@ -1 +1 @@\n-main\n+patched\n";
    let patched = repo.patched(patch).unwrap();
    assert_eq!(patched.base, main);
    assert!(it.text(&patched).contains("+patched"));
    for (patch, part) in [
        (&b"no patch at all"[..], "the patch does not apply"),
        (b"", "the patch does not apply"),
        (
            b"diff --git a/b.txt b/b.txt\n--- a/b.txt\n+++ b/b.txt\n@@ -1 +1 @@\n-else\n+x\n",
            "the patch does not apply",
        ),
    ] {
        let said = repo.patched(patch).unwrap_err().to_string();
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(it.git(&["rev-parse", "main"]), main, "no branch was moved");
}

#[test]
fn conflicts_in_the_index_are_said() {
    let it = Fixture::new();
    it.write("a.txt", b"one\n");
    it.save("one");
    it.git(&["checkout", "-q", "-b", "side"]);
    it.write("a.txt", b"side\n");
    it.save("side");
    it.git(&["checkout", "-q", "main"]);
    it.write("a.txt", b"main\n");
    it.save("main");
    let merge =
        Command::new("git").args(["merge", "side"]).current_dir(it.path()).output().unwrap();
    assert!(!merge.status.success());
    let said = Repo::open(it.path()).unwrap().staged(None).unwrap_err().to_string();
    assert!(said.contains("conflicts; resolve"), "{said}");
}

#[test]
fn a_tree_that_names_itself_over_and_over_is_refused() {
    let it = Fixture::new();
    it.write("a.txt", b"one\n");
    let base = it.save("one");
    let mut tree = it.git(&["rev-parse", "HEAD^{tree}"]);
    for _ in 0..8 {
        let line = |n: u32| format!("040000 tree {tree}\td{n}\n");
        let lines = (0..10).map(line).collect::<Vec<_>>().concat();
        std::fs::write(it.path().join("lines"), lines).unwrap();
        let out = Command::new("sh")
            .args(["-c", "git mktree < lines"])
            .current_dir(it.path())
            .output()
            .unwrap();
        tree = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    }
    let bomb = it.git(&["commit-tree", "-m", "bomb", "-p", &base, &tree]);
    let said = Repo::open(it.path()).unwrap().diff(&base, &bomb, MOST).unwrap_err().to_string();
    assert!(said.contains("more than 100000 changed files"), "{said}");
}
