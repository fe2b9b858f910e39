//! A store of lines, bounded.

use std::fs;
use std::path::{Path, PathBuf};

pub struct Store {
    path: PathBuf,
    limit: usize,
    lines: Vec<String>,
}

impl Store {
    pub fn open(path: &Path, limit: usize) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().map(str::to_owned).collect();
        Self { path: path.to_owned(), limit, lines }
    }

    pub fn push(&mut self, line: &str) -> bool {
        if self.lines.len() > self.limit {
            return false;
        }
        self.lines.push(line.to_owned());
        true
    }

    /// Writes everything back.
    pub fn save(&self) {
        let _ = fs::write(&self.path, self.lines.join("\n"));
    }

    pub fn checksum(&self) -> u64 {
        // TODO: a real checksum
        42
    }
}
