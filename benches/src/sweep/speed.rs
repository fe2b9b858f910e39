//! How near a sweep comes to what the model alone would take, and what each attempt costs beside it.

use scrum_benches::figures::Figures;
use scrum_benches::fleet::{self, Fleet, Swept};
use scrum_benches::source::Source;
use scrum_benches::stub::Asked;
use scrum_domain::prompt::{self, Body, ReviewInput};
use scrum_domain::target;
use scrum_providers::{ChatRequest, Finish, Providers, Talk};
use scrum_repo::Repo;
use std::time::{Duration, Instant};

/// What one model call takes.
const LATENCY: Duration = Duration::from_millis(200);
/// What one takes in the run that shows how much of a loss is the call's shortness.
const LONG: Duration = Duration::from_secs(1);
/// Calls in flight over the fleet, and files: enough for some rounds, the last as the aim says.
const RUNS: [(u32, usize); 4] = [(1, 50), (4, 200), (16, 500), (64, 1000)];
/// Files of the loop that does one after the other.
const LOOP: usize = 50;

pub(crate) async fn measure(figures: &mut Figures) -> anyhow::Result<()> {
    figures.add("a plain loop over the files: ideal / actual", alone().await?);
    for (in_flight, files) in RUNS {
        let source = Source::with_files(files)?;
        let (run, asked) = sweep(&source, in_flight, LATENCY).await?;
        let ratio = ratio(figures, &run, in_flight, LATENCY);
        if (in_flight, files) == RUNS[3] {
            figures.add("  calls in flight at the model, at most", asked.most as f64);
            figures.add("  a call took there, ms", asked.held_us as f64 / asked.chat as f64 / 1e3);
            // A part of the last round waits for its end alone, whoever does the work.
            let rounds = (files as u64).div_ceil(u64::from(in_flight));
            let whole = rounds as f64 * f64::from(in_flight) / files as f64;
            figures.add("  of what whole rounds allow", ratio * whole);
            let made = run.status.created_ms as f64 * 1e3;
            figures.add("  until the first call, ms", (asked.first_us as f64 - made) / 1e3);
            let ended = made + run.took.as_micros() as f64;
            figures
                .add("  from the last answer to the end, ms", (ended - asked.last_us as f64) / 1e3);
            overhead(figures, &run);
        }
    }
    let (in_flight, files) = RUNS[3];
    let (run, _) = sweep(&Source::with_files(files)?, in_flight, LONG).await?;
    ratio(figures, &run, in_flight, LONG);
    Ok(())
}

async fn sweep(
    source: &Source,
    in_flight: u32,
    latency: Duration,
) -> anyhow::Result<(Swept, Asked)> {
    let mut fleet = Fleet::start(in_flight, latency).await?;
    let worker = fleet.worker(&[], &[]).await?;
    let run = fleet.sweep(&worker, source, &[], &[]).await?;
    let asked = fleet.stub.asked()?;
    anyhow::ensure!(asked.chat == run.status.total, "one call a file: {asked:?}");
    Ok((run, asked))
}

fn ratio(figures: &mut Figures, run: &Swept, in_flight: u32, latency: Duration) -> f64 {
    let files = run.status.total;
    let ideal = latency.mul_f64(files as f64 / f64::from(in_flight));
    let ratio = ideal.as_secs_f64() / run.took.as_secs_f64();
    let of = format!("{in_flight} in flight, {} ms, {files} files", latency.as_millis());
    figures.add(format!("{of}: ideal / actual"), ratio);
    ratio
}

/// What an attempt costs, with its share of planning and of looking at the file.
fn overhead(figures: &mut Figures, run: &Swept) {
    let n = run.status.attempts as f64;
    figures.add("  worker CPU an attempt, us", run.worker_us / n);
    figures.add("  Redis CPU an attempt, us", run.redis_us / n);
    figures.add("  script calls an attempt", run.scripts as f64 / n);
    figures.add("  commands that Redis ran an attempt", run.commands as f64 / n);
    figures.add("  worker RSS at the end, MiB", run.rss_mib);
}

/// The same work without a queue: one process asks about one file after the other.
async fn alone() -> anyhow::Result<f64> {
    let source = Source::with_files(LOOP)?;
    let fleet = Fleet::start(1, LATENCY).await?;
    let providers = Providers::new(&fleet::settings(&fleet.config())?.providers)?;
    let repo = Repo::open(source.path())?;
    let commit = repo.resolve("HEAD")?;
    let started = Instant::now();
    for entry in repo.snapshot(&commit)? {
        let bytes = repo.blob(&entry.blob)?;
        let text = String::from_utf8_lossy(&bytes);
        let prompt = prompt::review_prompt(&ReviewInput {
            path: &entry.path,
            language: target::language(&entry.path),
            body: Body::Whole(&text),
            prd_chunks: &[],
            proposal_chunks: &[],
            forensic: None,
            wants_forensic: false,
            hints: &[],
            remembered: "",
            definitions: &[],
            max_findings: 5,
            masked: false,
            history: &[],
            shown_chars: 600,
            reason_chars: 180,
            fence: "0123456789abcdef01234567",
        });
        let request = ChatRequest {
            model: "bench".to_owned(),
            system: prompt.system,
            user: prompt.user,
            schema: prompt.schema,
            max_tokens: 1500,
            temperature: 0.2,
            context_tokens: None,
            local: true,
            unmasked: text.as_ref().into(),
            builtin: None,
            trace: None,
            talk: Talk::default(),
        };
        let reply = providers.chat("stub", &request).await.map_err(|e| anyhow::anyhow!("{e}"))?;
        anyhow::ensure!(reply.finish == Finish::Stop, "the stub's answer was cut");
    }
    Ok((LATENCY * u32::try_from(LOOP)?).as_secs_f64() / started.elapsed().as_secs_f64())
}
