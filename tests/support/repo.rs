//! Real git repositories, made by the real git.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A repository in a directory of its own.
pub struct TestRepo {
    dir: TempDir,
}

impl Default for TestRepo {
    fn default() -> Self {
        Self::new()
    }
}

impl TestRepo {
    /// An empty one.
    pub fn new() -> Self {
        let this = Self { dir: tempfile::tempdir().unwrap() };
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
        self.git(&["rev-parse", "HEAD"])
    }
}

/// A small Rust file with something to find.
pub fn small_file(i: usize) -> String {
    format!(
        "//! Part {i}.\n\n/// Reads a number.\npub fn read_{i}(text: &str) -> i64 {{\n    text.trim().parse().unwrap()\n}}\n"
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
