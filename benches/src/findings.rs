//! The ledger of findings of a large repository: bytes of Redis for each, and how long a page takes.
//!
//! `cargo run --release -p scrum-benches --bin bench-findings`
#![allow(clippy::disallowed_methods)] // Prints figures of its own.

use queue_schema::client::Queue;
use queue_schema::effects::Effects;
use queue_schema::ids::{FindingId, MemoryId};
use queue_schema::records::{FindingsRecord, Look, Observed, Sighting};
use scrum_benches::server::Server;
use scrum_config::{LoadOptions, Settings};
use scrum_knowledge::{Ledger, Wanted};
use std::io::Write as _;
use std::time::{Duration, Instant};

const FILES: usize = 20_000;
const OF_FILE: usize = 5;
/// Files that are written by one change.
const AT_ONCE: usize = 100;

fn effects(memory: &MemoryId, file: usize) -> anyhow::Result<Effects> {
    let path = format!("services/part_{:02}/src/module_{file:05}.py", file % 40);
    let record = FindingsRecord::of(memory, &path);
    let mut effects = Effects::done().with_all(record.listed());
    effects = effects.with(record.look(&Look { seq: 9, blob: "0123456789".repeat(4) })?);
    let mut counts = Vec::new();
    for n in 0..OF_FILE {
        let id = FindingId::of(&[path.as_bytes(), n.to_string().as_bytes()]);
        let at = Sighting {
            seq: 9,
            sweep: "0123456789abcdef01234567".into(),
            commit: "0123456789".repeat(4),
            at_ms: 1_700_000_000_000,
        };
        let observed = Observed {
            text: format!("`load_{file}` hides the error of its {n}. argument from its callers"),
            quote: Some(format!("    return load_{file}(arguments[{n}], default=None)")),
            code: id.to_string(),
            symbol: Some(format!("Module.load_{file}")),
            line: Some(10),
            end_line: Some(10),
            confidence: Some(80),
            tier: "dry_run".into(),
            model: "ollama/qwen3-coder:480b".into(),
            first: at.clone(),
            last: at,
            ..Observed::default()
        };
        effects = effects.with(record.observed(&id, &observed)?);
        effects = effects.with_all(record.place(&observed.code, &id));
        counts.push((id, 9, 7));
    }
    Ok(effects.with(record.counts(&counts)))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let server = Server::start("no")?;
    let settings = Settings::load(LoadOptions::default())?;
    let queue = Queue::connect(settings.queue_options(&server.url())).await?;
    let memory = MemoryId::of("github.com/someone/large");
    let before = server.data_bytes()?;
    for start in (0..FILES).step_by(AT_ONCE) {
        let mut all = Effects::done();
        for file in start..start + AT_ONCE {
            all.list.extend(effects(&memory, file)?.list);
        }
        queue.change_memory(&memory, &all).await?;
    }
    let mut out = std::io::stdout().lock();
    let (all, bytes) = (FILES * OF_FILE, server.data_bytes()? - before);
    writeln!(out, "{all} findings: {:.0} bytes of Redis each", bytes / all as f64)?;
    let mut ledger = Ledger::of(&queue, &memory, Wanted::default()).await?;
    let (mut pages, mut found) = (Vec::new(), 0);
    loop {
        let started = Instant::now();
        let page = ledger.next_page().await?;
        if page.is_empty() {
            break;
        }
        found += page.len();
        pages.push(started.elapsed());
    }
    pages.sort_unstable();
    let at = |share: usize| pages.get(pages.len() * share / 100).copied().unwrap_or(Duration::MAX);
    let worst = pages.last().copied().unwrap_or_default();
    writeln!(
        out,
        "{found} in {} pages: {:?} in the middle, {:?} for 99 of 100, {worst:?} at worst",
        pages.len(),
        at(50),
        at(99)
    )?;
    let id = FindingId::of(&[b"services/part_07/src/module_19007.py", b"3"]);
    let started = Instant::now();
    Ledger::of(&queue, &memory, Wanted::default()).await?.find(&id).await?;
    Ok(writeln!(out, "one by its id: {:?}", started.elapsed())?)
}
