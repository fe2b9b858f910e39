//! A sweep of what was swept before: no model is asked, nothing is embedded.

use scrum_benches::figures::Figures;
use scrum_benches::fleet::{Fleet, Swept};
use scrum_benches::source::{Source, document};
use scrum_benches::stub::Asked;
use std::time::Duration;

/// Files of the repository.
const FILES: usize = 1000;
/// Calls in flight.
const IN_FLIGHT: u32 = 16;
/// What one model call takes.
const LATENCY: Duration = Duration::from_millis(200);
/// Bytes of the document whose passages go with each file.
const DOCUMENT: usize = 50_000;

pub(crate) async fn measure(figures: &mut Figures) -> anyhow::Result<()> {
    let source = Source::with_files(FILES)?;
    let mut fleet = Fleet::start(IN_FLIGHT, LATENCY).await?;
    let prd = tempfile::NamedTempFile::new()?;
    std::fs::write(prd.path(), document(DOCUMENT))?;
    let prd = prd.path().to_string_lossy().into_owned();
    let url = fleet.stub.url();
    let env = [("SCRUM__EMBEDDING__BASE_URL", url.as_str())];
    let mut run = async |args: &[&str]| -> anyhow::Result<(Swept, Asked)> {
        // A process that remembers nothing.
        let worker = fleet.worker(&env, &[]).await?;
        let before = fleet.stub.asked()?;
        let swept = fleet.sweep(&worker, &source, &env, args).await?;
        let after = fleet.stub.asked()?;
        let asked =
            Asked { chat: after.chat - before.chat, embed: after.embed - before.embed, ..after };
        Ok((swept, asked))
    };
    let (first, asked_first) = run(&["--prd", &prd]).await?;
    let (second, asked_second) = run(&["--prd", &prd, "--again"]).await?;
    let per = |run: &Swept| run.worker_us / run.status.attempts as f64;
    for (name, run, asked) in [("first", &first, asked_first), ("second", &second, asked_second)] {
        figures.add(format!("{name} sweep of {FILES} files with a PRD, s"), run.took.as_secs_f64());
        figures.add(format!("  model calls, {name}"), asked.chat as f64);
        figures.add(format!("  embedding calls, {name}"), asked.embed as f64);
        figures.add(format!("  worker CPU an attempt, us, {name}"), per(run));
        let redis = run.redis_us / run.status.attempts as f64;
        figures.add(format!("  Redis CPU an attempt, us, {name}"), redis);
    }
    let ratio = second.took.as_secs_f64() / first.took.as_secs_f64();
    figures.add("time of the second by that of the first", ratio);
    Ok(())
}
