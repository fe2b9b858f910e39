//! Queries a second over 10,000 chunks: by vectors of 768 numbers, and by words.
//!
//! `cargo run --release -p scrum-benches --bin bench-retrieval [CHUNKS]`

use scrum_domain::retrieve::{Chunk, LexicalIndex, VectorIndex};
use std::hint::black_box;
use std::io::Write as _;
use std::time::{Duration, Instant};

/// Numbers of a vector; what nomic-embed-text gives.
const DIMENSION: usize = 768;
/// Passages asked for.
const K: usize = 5;
/// Each ranking is measured for so long.
const LASTS: Duration = Duration::from_secs(3);

/// Numbers that look random and are the same in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn vector(&mut self) -> Vec<f32> {
        (0..DIMENSION).map(|_| (self.next() % 2001) as f32 / 1000.0 - 1.0).collect()
    }

    /// Words of a vocabulary of 5,000, about as many as a passage or a query has.
    fn text(&mut self) -> String {
        let words: Vec<String> = (0..120).map(|_| format!("word{}", self.next() % 5000)).collect();
        words.join(" ")
    }
}

fn main() -> anyhow::Result<()> {
    let chunks = match std::env::args().nth(1) {
        Some(n) => n.parse()?,
        None => 10_000,
    };
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    let mut out = std::io::stdout().lock();

    let vectors: Vec<Vec<f32>> = (0..chunks).map(|_| numbers.vector()).collect();
    let index = VectorIndex::new(&vectors)?;
    drop(vectors);
    let queries: Vec<Vec<f32>> = (0..64).map(|_| numbers.vector()).collect();
    let rate = measure(|n| black_box(index.top(&queries[n % queries.len()], K)).is_ok())?;
    writeln!(out, "vectors: {rate:.0} queries a second at {chunks} chunks of {DIMENSION} numbers")?;

    let passages: Vec<Chunk> = (0..chunks)
        .map(|n| Chunk {
            id: String::new(),
            origin: "prd".to_owned(),
            offset: u32::try_from(n * 680).unwrap_or(u32::MAX),
            text: numbers.text(),
        })
        .collect();
    let index = LexicalIndex::new(&passages);
    let queries: Vec<String> = (0..64).map(|_| numbers.text()).collect();
    let rate = measure(|n| !black_box(index.top(&queries[n % queries.len()], K)).is_empty())?;
    writeln!(out, "words:   {rate:.0} queries a second at {chunks} chunks")?;
    Ok(())
}

/// Runs a second on one thread.
fn measure(mut one: impl FnMut(usize) -> bool) -> anyhow::Result<f64> {
    let (started, mut done) = (Instant::now(), 0_usize);
    while started.elapsed() < LASTS {
        anyhow::ensure!(one(done), "a query found nothing");
        done += 1;
    }
    Ok(done as f64 / started.elapsed().as_secs_f64())
}
