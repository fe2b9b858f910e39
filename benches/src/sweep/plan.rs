//! Planning: the targets of a large repository are written down.

use scrum_benches::figures::Figures;
use scrum_benches::fleet::Fleet;
use scrum_benches::source::Source;
use scrum_benches::usage;
use std::time::{Duration, Instant};

/// Files of the repository.
const FILES: usize = 100_000;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(20);
/// Longest that it is waited for.
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) async fn measure(figures: &mut Figures) -> anyhow::Result<()> {
    let source = Source::with_files(FILES)?;
    let fleet = Fleet::start(1, Duration::ZERO).await?;
    // It plans and does nothing else, so that nothing else is measured.
    let worker = fleet.worker(&[], &["--lane", "plan"]).await?;
    let before = fleet.server.data_bytes()?;
    let idle = usage::rss_mib(worker.pid());
    let cpu = usage::spent_us(worker.pid());
    let redis = fleet.server.reading()?.cpu_us;
    let deadline = Instant::now() + PATIENCE;
    let id = fleet.enqueue(&source, &[], &[])?;
    let created = fleet.status(&id).await?.created_ms;
    let (mut first, mut quarters) = (None, [0.0_f64; 4]);
    let took = loop {
        let status = fleet.status(&id).await?;
        let passed = now_ms().saturating_sub(created) as f64 / 1e3;
        if status.live > 0 {
            first.get_or_insert(passed);
        }
        let quarter = (status.total as usize * 4 / FILES).min(3);
        quarters[quarter] = quarters[quarter].max(usage::rss_mib(worker.pid()));
        if status.total as usize == FILES && status.live > 0 {
            break passed;
        }
        anyhow::ensure!(Instant::now() < deadline, "planning does not end: {status:?}");
        tokio::time::sleep(LOOK).await;
    };
    let n = FILES as f64;
    figures.add(format!("planning {FILES} targets, s"), took);
    figures.add("  targets a second", n / took);
    figures.add("  first job ready after, s", first.unwrap_or(took));
    figures.add("  worker CPU a target, us", (usage::spent_us(worker.pid()) - cpu) / n);
    figures.add("  Redis CPU a target, us", (fleet.server.reading()?.cpu_us - redis) / n);
    figures.add("  worker RSS before it, MiB", idle);
    for (name, rss) in ["first", "second", "third", "last"].into_iter().zip(quarters) {
        figures.add(format!("  worker RSS in the {name} quarter, MiB"), rss);
    }
    let bytes = (fleet.server.data_bytes()? - before) / n;
    figures.add("  Redis memory a target, bytes", bytes);
    Ok(())
}

fn now_ms() -> u64 {
    scrum_benches::job::now_ns() / 1_000_000
}
