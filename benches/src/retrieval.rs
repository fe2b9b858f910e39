//! Queries a second over 10,000 chunks: by vectors of 768 numbers, and by words.
//!
//! `cargo run --release -p scrum-benches --bin bench-retrieval [CHUNKS]`
#![allow(clippy::print_stdout)]

use scrum_benches::figures::Figures;
use scrum_benches::usage;
use scrum_domain::retrieve::{Chunk, LexicalIndex, VectorIndex};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Numbers of a vector; what nomic-embed-text gives.
const DIMENSION: usize = 768;
/// Passages asked for.
const K: usize = 5;
/// Each ranking is measured for so long, so often.
const LASTS: Duration = Duration::from_secs(2);
const REPETITIONS: u32 = 3;

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
    let mut figures = Figures::default();
    println!("{chunks} chunks, one thread; load average {}", usage::load());
    for _ in 0..REPETITIONS {
        vectors(&mut numbers, chunks, &mut figures)?;
        words(&mut numbers, chunks, &mut figures)?;
    }
    figures.print();
    Ok(())
}

fn vectors(numbers: &mut Numbers, chunks: usize, figures: &mut Figures) -> anyhow::Result<()> {
    let vectors: Vec<Vec<f32>> = (0..chunks).map(|_| numbers.vector()).collect();
    let started = usage::cpu_us(std::process::id());
    let index = VectorIndex::new(&vectors)?;
    figures
        .add("vectors: index made in, CPU ms", (usage::cpu_us(std::process::id()) - started) / 1e3);
    let flat = vectors.concat();
    drop(vectors);
    let queries: Vec<Vec<f32>> = (0..64).map(|_| numbers.vector()).collect();
    let (rate, wall) = measure(|n| black_box(index.top(&queries[n % queries.len()], K)).is_ok())?;
    figures.add("vectors: queries a second of CPU", rate);
    figures.add("  a second of this run", wall);
    // What reading the same numbers once takes, and nothing else.
    let (most, _) = measure(|_| black_box(sum(black_box(&flat))).is_finite())?;
    figures.add("  of what only reading the vectors allows", rate / most);
    Ok(())
}

/// By index, as the ranking does it: iterators over so few numbers are not always seen through.
#[allow(clippy::needless_range_loop)]
fn sum(numbers: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 16];
    for part in numbers.as_chunks::<16>().0 {
        for i in 0..16 {
            sums[i] += part[i];
        }
    }
    sums.iter().sum()
}

fn words(numbers: &mut Numbers, chunks: usize, figures: &mut Figures) -> anyhow::Result<()> {
    let passages: Vec<Chunk> = (0..chunks)
        .map(|n| Chunk {
            id: String::new(),
            origin: "prd".to_owned(),
            offset: u32::try_from(n * 680).unwrap_or(u32::MAX),
            text: numbers.text(),
        })
        .collect();
    let started = usage::cpu_us(std::process::id());
    let index = LexicalIndex::new(&passages);
    figures
        .add("words: index made in, CPU ms", (usage::cpu_us(std::process::id()) - started) / 1e3);
    let queries: Vec<String> = (0..64).map(|_| numbers.text()).collect();
    let (rate, wall) =
        measure(|n| !black_box(index.top(&queries[n % queries.len()], K)).is_empty())?;
    figures.add("words: queries a second of CPU", rate);
    figures.add("  a second of this run ", wall);
    Ok(())
}

/// Runs a while on one thread: how often a second of CPU time, and of time.
fn measure(mut one: impl FnMut(usize) -> bool) -> anyhow::Result<(f64, f64)> {
    let (started, cpu, mut done) = (Instant::now(), usage::cpu_us(std::process::id()), 0_usize);
    while started.elapsed() < LASTS {
        anyhow::ensure!(one(done), "a query found nothing");
        done += 1;
    }
    let spent = (usage::cpu_us(std::process::id()) - cpu) / 1e6;
    Ok((done as f64 / spent, done as f64 / started.elapsed().as_secs_f64()))
}
