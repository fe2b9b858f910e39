//! Repositories for the benches, made by the real git.

use crate::stub::QUOTES;
use anyhow::Context as _;
use std::fmt::Write as _;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// Files of one folder.
const FOLDER: usize = 1000;

/// A repository of one commit.
#[derive(Debug)]
pub struct Source(TempDir);

impl Source {
    /// `files` small Rust files, each different from the others, without a working tree.
    ///
    /// # Errors
    /// When git can't make it.
    pub fn with_files(files: usize) -> anyhow::Result<Self> {
        Self::of((0..files).map(|i| (format!("src/p{}/f{i}.rs", i / FOLDER), file(i).into_bytes())))
    }

    /// `files` files: one like those of [`Self::with_files`], and copies of the files of some repositories.
    ///
    /// # Errors
    /// When git can't read or make one, or they have none.
    pub fn copies_of(repos: &[PathBuf], files: usize) -> anyhow::Result<Self> {
        let mut all = Vec::new();
        for repo in repos {
            let git = |args: &[&str]| Command::new("git").arg("-C").arg(repo).args(args).output();
            let listed =
                git(&["ls-tree", "-rz", "--name-only", "HEAD"]).context("git is needed")?;
            for path in String::from_utf8_lossy(&listed.stdout).split_terminator('\0') {
                all.push((path.to_owned(), git(&["show", &format!("HEAD:{path}")])?.stdout));
            }
        }
        anyhow::ensure!(!all.is_empty(), "there are no files in {repos:?}");
        let copies = all.iter().cycle().take(files.saturating_sub(1)).enumerate();
        let copies = copies
            .map(|(i, (path, text))| (format!("copy_{}/{path}", i / all.len()), text.clone()));
        Self::of(std::iter::once(("src/p0/f0.rs".to_owned(), file(0).into_bytes())).chain(copies))
    }

    fn of(files: impl Iterator<Item = (String, Vec<u8>)>) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let git = |args: &[&str]| {
            let mut git = Command::new("git");
            git.args(args).current_dir(dir.path()).stdin(Stdio::piped());
            git
        };
        let made = git(&["init", "-q", "-b", "main"]).status().context("git is needed")?;
        anyhow::ensure!(made.success(), "git init failed");
        let mut import = git(&["fast-import", "--quiet"]).spawn()?;
        let mut to = BufWriter::new(import.stdin.take().context("no pipe to git")?);
        let head = "commit refs/heads/main\ncommitter b <b@example.com> 0 +0000\ndata 6\nfiles\n\n";
        to.write_all(head.as_bytes())?;
        for (path, text) in files {
            write!(to, "M 644 inline {path}\ndata {}\n", text.len())?;
            to.write_all(&text)?;
            to.write_all(b"\n")?;
        }
        drop(to);
        anyhow::ensure!(import.wait()?.success(), "git fast-import failed");
        Ok(Self(dir))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// About 1 KiB of Rust with the lines that the stub's review quotes.
fn file(i: usize) -> String {
    let mut text = format!("//! Part {i}: reads lines and says how long they are.\n");
    for (n, name) in ["length", "trimmed", "whole", "first", "last"].iter().enumerate() {
        let [trim, empty, some] = QUOTES;
        let _ = write!(
            text,
            "\n/// Number {n} of part {i}.\npub fn {name}_{i}(input: &str) -> Option<usize> {{\n    \
             {trim}\n    {empty}\n        return None;\n    }}\n    {some}\n}}\n"
        );
    }
    text
}

/// A document of about `bytes` bytes in which every paragraph says something else.
pub fn document(bytes: usize) -> String {
    let mut text = String::from("# Requirements\n\n");
    let mut i = 0;
    while text.len() < bytes {
        let _ = write!(
            text,
            "Requirement {i}: the function length_{i} returns how many bytes of its input are left \
             after trimming, and nothing when none are left. Part {i} never panics, whatever it is \
             given, and takes no longer than a millisecond for a line of {i} characters.\n\n"
        );
        i += 1;
    }
    text
}
