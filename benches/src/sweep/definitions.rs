//! The definitions of a large commit, which a worker takes out before its first review there.

use scrum_benches::figures::Figures;
use scrum_benches::fleet::Fleet;
use scrum_benches::source::Source;
use scrum_benches::usage;
use std::path::PathBuf;
use std::time::Duration;

/// Files of the repository.
const FILES: usize = 10_000;
/// Names repositories, separated by `:`, of whose files it is made; else it is this one.
const SOURCES: &str = "BENCH_SOURCES";

pub(crate) async fn measure(figures: &mut Figures) -> anyhow::Result<()> {
    let own = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let dirs = std::env::var_os(SOURCES).map(|dirs| std::env::split_paths(&dirs).collect());
    let source = Source::copies_of(&dirs.unwrap_or_else(|| vec![own()]), FILES)?;
    let fleet = Fleet::start(1, Duration::ZERO).await?;
    for (name, definitions) in [("nothing is kept", "20"), ("all is kept", "20"), ("none", "0")] {
        // A process that remembers nothing.
        let worker = fleet.worker(&[], &[]).await?;
        let idle = usage::rss_mib(worker.pid());
        let env = [("SCRUM__MEMORY__DEFINITIONS", definitions)];
        let args = ["--target", "src/p0/f0.rs", "--again"];
        let swept = fleet.sweep(&worker, &source, &env, &args).await?;
        figures.add(
            format!("a review beside {FILES} files, definitions: {name}, s"),
            swept.took.as_secs_f64(),
        );
        figures.add(format!("  worker CPU, s: {name}"), swept.worker_us / 1e6);
        figures.add(format!("  worker RSS before it, MiB: {name}"), idle);
        figures.add(format!("  worker RSS at most, MiB: {name}"), usage::peak_mib(worker.pid()));
        figures.add(format!("  worker RSS behind it, MiB: {name}"), swept.rss_mib);
    }
    Ok(())
}
