//! Real git repositories, made by the real git.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use tempfile::TempDir;

/// What a file is, as far as somebody who touched it would change it.
type Looks = (u64, u32, i64, i64, Vec<u8>);

/// A repository in a directory of its own.
pub struct TestRepo {
    dir: TempDir,
    /// How it was after the last commit.
    as_made: Mutex<BTreeMap<PathBuf, Looks>>,
}

impl Default for TestRepo {
    fn default() -> Self {
        Self::new()
    }
}

impl TestRepo {
    /// An empty one.
    pub fn new() -> Self {
        let this = Self { dir: tempfile::tempdir().unwrap(), as_made: Mutex::default() };
        this.git(&["init", "-q", "-b", "main"]);
        this
    }

    /// One commit of `n` small Rust files, `src/f0.rs` and on.
    pub fn with_files(n: usize) -> Self {
        let this = Self::new();
        for i in 0..n {
            this.write(&format!("src/f{i}.rs"), small_file(i).as_bytes());
        }
        this.commit("files");
        this
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a file into the working tree.
    pub fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Runs git in it.
    pub fn git(&self, args: &[&str]) -> String {
        let out = Command::new("git")
            .args([
                "-c",
                "user.name=t",
                "-c",
                "user.email=t@example.com",
                "-c",
                "commit.gpgsign=false",
                "-c",
                "maintenance.auto=false",
                "-c",
                "gc.auto=0",
            ])
            .args(args)
            .current_dir(self.path())
            .output()
            .unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).trim().to_owned()
    }

    /// Commits everything; returns the commit's id.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", message]);
        let id = self.git(&["rev-parse", "HEAD"]);
        *self.as_made.lock().unwrap() = looks(self.path());
        id
    }

    /// Takes the repository as it is now for how it was made, after a test has changed it by git itself.
    ///
    /// # Panics
    /// When it can't be read.
    pub fn commit_is_made(&self) {
        *self.as_made.lock().unwrap() = looks(self.path());
    }

    /// One commit of `n` tiny files, `NAME/0/f0.rs` and on, without a working tree: quick for many.
    ///
    /// # Panics
    /// When git does not take them.
    pub fn with_many_tiny_files(name: &str, n: usize) -> Self {
        let this = Self::new();
        let mut import = Command::new("git")
            .args(["fast-import", "--quiet"])
            .current_dir(this.path())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut text = String::from(
            "commit refs/heads/main\ncommitter t <t@example.com> 0 +0000\ndata 5\nmany\n\n",
        );
        for i in 0..n {
            let content = format!("pub const {}_{i}: usize = {i};\n", name.to_uppercase());
            let (folder, length) = (i / 1000, content.len());
            let _ =
                write!(text, "M 644 inline {name}/{folder}/f{i}.rs\ndata {length}\n{content}\n");
        }
        import.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        assert!(import.wait().unwrap().success(), "git fast-import");
        *this.as_made.lock().unwrap() = looks(this.path());
        this
    }

    /// Files of the last commit.
    pub fn tracked(&self) -> usize {
        self.git(&["ls-tree", "-r", "--name-only", "HEAD"]).lines().count()
    }

    /// Checks that nothing was touched since the last commit, `.git` included.
    ///
    /// # Panics
    /// When something was.
    #[track_caller]
    pub fn assert_untouched(&self) {
        let (made, now) = (self.as_made.lock().unwrap(), looks(self.path()));
        let changed: Vec<_> = made
            .iter()
            .filter(|(path, looks)| now.get(*path) != Some(looks))
            .map(|(path, _)| path)
            .chain(now.keys().filter(|path| !made.contains_key(*path)))
            .collect();
        assert!(changed.is_empty(), "the repository was touched: {changed:?}");
    }
}

/// Everything under a folder: length, mode, time of change, content.
fn looks(folder: &Path) -> BTreeMap<PathBuf, Looks> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let (path, is) = (entry.path(), entry.metadata().unwrap());
            let content = if is.is_dir() {
                folders.push(path.clone());
                Vec::new()
            } else {
                std::fs::read(&path).unwrap_or_default()
            };
            found.insert(path, (is.len(), is.mode(), is.mtime(), is.mtime_nsec(), content));
        }
    }
    found
}

/// A file of this name somewhere below a directory.
pub fn find_below(dir: &Path, name: &str) -> Option<PathBuf> {
    std::fs::read_dir(dir).ok()?.flatten().find_map(|entry| {
        let found = entry.file_name() == name;
        if found { Some(entry.path()) } else { find_below(&entry.path(), name) }
    })
}

/// A small Rust file with something to find.
pub fn small_file(i: usize) -> String {
    format!(
        "//! Part {i}.\n\n/// Reads a number.\npub fn read_{i}(text: &str, least: Option<f64>) -> Ordering {{\n    text.trim().parse().ok().partial_cmp(&least).unwrap()\n}}\n"
    )
}

/// A Rust file of about `bytes` bytes with many functions: it goes through shards.
pub fn large_file(bytes: usize) -> String {
    let mut text = String::from("//! Many functions.\n\n");
    let mut i = 0;
    while text.len() < bytes {
        let _ = write!(
            text,
            "/// Function number {i}.\npub fn function_{i}(input: &str) -> Option<usize> {{\n    let trimmed = input.trim();\n    if trimmed.is_empty() {{\n        return None;\n    }}\n    trimmed.find('{}')\n}}\n\n",
            char::from(b'a' + u8::try_from(i % 26).unwrap())
        );
        i += 1;
    }
    text
}
