//! What a query of a pathway takes in a repository that remembers much, and what a trace takes of Redis.
//!
//! `cargo run --release -p scrum-benches --bin bench-memory [TRACES]`
#![allow(clippy::print_stdout)]

use queue_schema::client::Queue;
use queue_schema::effects::{Effect, Effects};
use queue_schema::ids::MemoryId;
use queue_schema::limits::MemoryLimits;
use queue_schema::records::{AreaCounts, AreaRecord};
use queue_schema::sweep::Ladder;
use scrum_benches::server::Server;
use scrum_benches::usage;
use scrum_config::{Ladders, LoadOptions, Settings};
use scrum_domain::pathway::{
    self, Area, Asked, Fingerprint, REVIEW, Trace, TraceAttempt, TraceChunk, file_prefix,
};
use std::time::{Duration, Instant};

/// Queries that are measured.
const QUERIES: usize = 2_000;
/// Sweeps that each area has seen, and mistakes that it knows.
const SWEEPS: u64 = 100;
const MISTAKES: usize = 40;

fn trace(area: usize, n: usize) -> Trace {
    let attempt =
        |rung: u32, model: &str, accepted| TraceAttempt { rung, model: model.into(), accepted };
    let chunk = |k: usize| TraceChunk {
        source: if k < 5 { "prd" } else { "proposal" }.to_owned(),
        offset: u32::try_from(k * 680).unwrap_or(0),
        score: 0.5,
    };
    let print = |k: usize| Fingerprint {
        flag: "OffByOne".into(),
        pattern_key: format!("OffByOne:count{}-limit{n}", (n + k) % MISTAKES),
        example:
            "`count` is compared with `limit` before the last one was taken | if count <= limit {"
                .into(),
        occurrences: 1,
    };
    Trace {
        task_class: REVIEW.into(),
        file_path: format!("crates/area{area}/src/module/file{n}.rs"),
        signal_class: "converging".into(),
        created_at: format!("2026-11-28T18:{:02}:00.000Z", n % 60),
        ladder_attempts: vec![
            attempt(0, "ollama/qwen3.5:latest", false),
            attempt(1, "ollama/qwen3:latest", false),
            attempt(2, "ollama/gpt-oss:20b", true),
        ],
        kb_chunks: (0..10).map(chunk).collect(),
        bridge_libraries: ["anyhow", "serde", "std", "tokio"].map(str::to_owned).to_vec(),
        sub_pipeline_calls: vec!["facts".to_owned()],
        semantic_flags: vec!["OffByOne".to_owned()],
        bug_fingerprints: (0..2).map(print).collect(),
        replay_count: u32::try_from(n % 7).unwrap_or(0),
        ..Trace::default()
    }
}

/// Fills the memory of a repository: 50 traces a pathway, a pathway an area.
async fn fill(queue: &Queue, memory: &MemoryId, traces: usize, each: usize) -> anyhow::Result<()> {
    for area in 0..traces.div_ceil(each) {
        let mut list: Vec<Effect> = Vec::new();
        for n in 0..each {
            let trace = trace(area, n);
            list.extend(pathway::keep(memory, &format!("{n:016x}"), &trace)?);
            let name = file_prefix(&trace.file_path).to_owned();
            if n < MISTAKES / 2 {
                let known = vec![None; trace.bug_fingerprints.len()];
                let record = AreaRecord::of(memory, &name);
                list.extend(
                    pathway::keep_prints(record, 1, &trace.bug_fingerprints, &known, MISTAKES)?.0,
                );
            }
        }
        let name = format!("crates/area{area}");
        let counts = AreaCounts { findings: 3, prints: 2, back: 1 };
        list.extend((1..=SWEEPS).map(|seq| AreaRecord::of(memory, &name).reviewed(seq, counts)));
        queue.change_memory(memory, &Effects::done().with_all(list)).await?;
    }
    Ok(())
}

/// What a review job does: reads area and pathway, and decides.
async fn query(
    queue: &Queue,
    memory: &MemoryId,
    question: &Trace,
    ladder: &Ladder,
    limits: &MemoryLimits,
) -> anyhow::Result<bool> {
    let area = Area::of(queue.area(memory, file_prefix(&question.file_path)).await?);
    let id = pathway::pathway_id(REVIEW, &question.file_path, &question.signal_class);
    let traces = pathway::traces(queue.pathway(memory, &id).await?);
    let asked = Asked { question, area: &area, seq: SWEEPS + 1, now_ms: 0, ladder, limits };
    let (remembered, _) = asked.recall(&traces);
    Ok(remembered.candidate.is_some_and(|candidate| candidate.similarity > 0.9))
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let traces: usize = match std::env::args().nth(1) {
        Some(n) => n.parse()?,
        None => 100_000,
    };
    let settings = Settings::load(LoadOptions::default())?;
    let (limits, ladder) = (settings.memory, Ladders::load(&settings)?.get("local-first")?);
    let each = limits.traces as usize;
    let server = Server::start("everysec")?;
    let queue = Queue::connect(settings.queue_options(&server.url())).await?;
    let memory = MemoryId::of("host/owner/app");
    println!("{traces} traces, {each} a pathway; load average {}", usage::load());
    let before = server.data_bytes()?;
    let started = Instant::now();
    fill(&queue, &memory, traces, each).await?;
    let bytes = (server.data_bytes()? - before) / traces as f64;
    println!(
        "filled in {:.1} s; {bytes:.0} bytes of Redis a trace, areas included",
        started.elapsed().as_secs_f64()
    );
    let mut took: Vec<Duration> = Vec::new();
    let areas = traces.div_ceil(each);
    for n in 0..QUERIES {
        let question = trace((n * 7919) % areas, n % each);
        let started = Instant::now();
        let found = query(&queue, &memory, &question, &ladder, &limits).await?;
        took.push(started.elapsed());
        anyhow::ensure!(found, "the trace of the file itself is the most similar one");
    }
    took.sort();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{QUERIES} queries, ms: median {:.2}, 99 % {:.2}, longest {:.2}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    Ok(())
}
