//! How long it takes to split a file, ordinary and hostile.
//!
//! `cargo run --release -p scrum-benches --bin bench-split`
#![allow(clippy::disallowed_methods)] // Prints figures of its own.

use queue_schema::sweep::SplitMode;
use scrum_domain::split::{SplitConfig, split};
use std::io::Write as _;
use std::time::Instant;

/// Bytes of the files: a large one, and the default of `sweep.max_file_bytes`.
const SIZES: [usize; 2] = [128 * 1024, 1 << 20];

const ORDINARY: &str = "/// Trims.\npub fn trim(input: &str) -> Option<usize> {\n    let trimmed = input.trim();\n    if trimmed.is_empty() {\n        return None;\n    }\n    Some(trimmed.len())\n}\n\n";
const HOSTILE: &[&str] = &[
    "(", "[{(", "{\n", "}\n", "fn f(){", "if a {\n", "x = [\n", "a<b<\n", "'\"`\n", "/*\n",
    "#if\n", "\n",
];

fn main() -> anyhow::Result<()> {
    let cfg = SplitConfig { over_bytes: 6000, shard_bytes: 3500, mode: SplitMode::Syntax };
    let mut out = std::io::stdout().lock();
    for size in SIZES {
        let mut worst = (0, String::new());
        for name in ["a.rs", "a.py", "a.js", "a.ts", "a.tsx", "a.go", "a.c", "a.md", "a.txt"] {
            for piece in std::iter::once(&ORDINARY).chain(HOSTILE) {
                let text = piece.repeat(size / piece.len());
                let started = Instant::now();
                let shards = split(name, &text, &cfg).len();
                let ms = started.elapsed().as_millis();
                if *piece == ORDINARY {
                    writeln!(out, "{size} bytes, {name}, ordinary: {shards} shards in {ms} ms")?;
                } else if ms > worst.0 {
                    worst = (ms, format!("{piece:?} as {name}"));
                }
            }
        }
        writeln!(out, "{size} bytes, the worst of the hostile ones: {} ms, {}", worst.0, worst.1)?;
    }
    Ok(())
}
