//! `scrum-worker`: one member of the fleet.

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use queue_schema::client::{PoolLimits, Queue};
use queue_schema::jobs::Post;
use scrum_config::{LoadOptions, LogFormat, Settings};
use scrum_fleet::context::Context;
use scrum_fleet::figures;
use scrum_fleet::injection;
use scrum_fleet::lanes;
use scrum_fleet::observe;
use scrum_fleet::probe;
use scrum_fleet::registry::Registry;
use scrum_fleet::runtime::{self, WorkerOptions, alarm};
use scrum_fleet::schedules;
use scrum_fleet::upkeep;
use scrum_providers::{Embedder, Providers, exchange};
use scrum_shown::print;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A worker: pulls jobs, climbs ladders, commits. SIGTERM drains it; a second signal stops it at
/// once. It may be killed at any time: nothing is lost.
#[derive(Debug, Parser)]
#[command(name = "scrum-worker", version)]
#[command(about = "One worker of the fleet: pulls jobs, climbs ladders, commits")]
struct Cli {
    /// Settings file, over the built-in defaults.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Redis of the fleet.
    #[arg(long, global = true, value_name = "URL")]
    redis: Option<String>,
    /// Serve only this lane, e.g. `rung:ollama`; may be repeated. Default: all whose providers can be
    /// called from here.
    #[arg(long = "lane", value_name = "LANE")]
    lanes: Vec<String>,
    /// Calls and other jobs at a time.
    #[arg(long, value_name = "N")]
    concurrency: Option<usize>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Exit with 0 if Redis answers and a worker of this host is alive.
    Health,
    /// Check every provider from this machine, and print the results as JSON.
    Probe,
    /// Print the models of a provider, as JSON.
    Models {
        /// Its name in the settings.
        provider: String,
    },
    /// Read a ladder as JSON from standard input, try which of its models obey hostile files, and print that as JSON.
    Injection {
        /// With the prompts that ask for JSON.
        #[arg(long)]
        forensic: bool,
    },
    /// Read requests for two servers as JSON from standard input, send them, and print the answers as JSON.
    Exchange,
}

/// After the second signal, what is left for handing jobs back. Then the process ends, whatever its
/// threads do; their leases run out.
const HAND_BACK: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let cli: Cli = print::begin();
    let done = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let done = runtime.block_on(run(cli));
            // A thread that hangs in a read of a file would hold the process for ever.
            runtime.shutdown_background();
            done
        }
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => print::fail("scrum-worker", &error),
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let mut overrides = Vec::new();
    if let Some(url) = cli.redis {
        overrides.push(("redis.url".to_owned(), url));
    }
    if let Some(n) = cli.concurrency {
        overrides.push(("worker.concurrency".to_owned(), n.to_string()));
    }
    let settings = Arc::new(Settings::load(LoadOptions::from_process(cli.config, overrides))?);
    start_log(&settings);
    let providers = Providers::new(&settings.providers)?;
    match cli.command {
        Some(Command::Health) => health(&settings).await,
        Some(Command::Probe) => {
            let (mut all, embedding) =
                tokio::join!(probe::providers(&settings, &providers), probe::embedding(&settings));
            all.extend(embedding?);
            print::say_json(&all)
        }
        Some(Command::Models { provider }) => {
            print::say_json(&probe::models(&settings, &providers, &provider).await?)
        }
        Some(Command::Injection { forensic }) => {
            let ladder = serde_json::from_reader(std::io::stdin()).context("no ladder")?;
            print::say_json(&injection::run(&settings, &providers, &ladder, forensic).await)
        }
        Some(Command::Exchange) => {
            let pair = serde_json::from_reader(std::io::stdin()).context("no requests")?;
            print::say_json(&exchange::exchange(&pair).await?)
        }
        None => work(settings, providers, cli.lanes).await,
    }
}

async fn connect(settings: &Settings) -> anyhow::Result<Queue> {
    Ok(Queue::connect(settings.fleet_options(|name| std::env::var(name).ok())?).await?)
}

async fn work(
    settings: Arc<Settings>,
    providers: Providers,
    lanes: Vec<String>,
) -> anyhow::Result<()> {
    let embedder = Embedder::new(&settings.embedding)?;
    let served = lanes::served(&settings, &providers, &lanes)?;
    if !served.left.is_empty() {
        tracing::info!("left to other workers: {}", served.left.join("; "));
    }
    // What is said of a provider by somebody who can't call it counts for nothing.
    let own = settings.providers.iter().filter(|(name, _)| providers.unusable(name).is_none());
    let own = own.filter_map(|(name, p)| Some((name.clone(), p.pool_limits()?)));
    // One at a time, so that two reviews of a request do not write at once.
    let forges = lanes::forges(&settings).map(|kind| (Post::pool_of(kind), PoolLimits::of(1)));
    let limits: BTreeMap<String, PoolLimits> = own.chain(forges).collect();
    let _figures =
        figures::serve::start(&settings.metrics, |name| std::env::var(name).ok()).await?;
    figures::of_process().may_run(settings.worker.concurrency as usize);
    scrum_traces::start(&settings.traces, "scrum-worker")?;
    let queue = connect(&settings).await?;
    let state = settings.state_dir(|name| std::env::var(name).ok())?;
    scrum_disk::keep_private(&state).with_context(|| {
        let state = state.display();
        format!("the state directory {state} can't be kept private; set SCRUM_STATE_DIR")
    })?;
    let mirrors = state.join("mirrors");
    let context = Context::new(queue.clone(), providers, embedder, settings.clone(), mirrors);
    let options = WorkerOptions {
        known: lanes::known(&settings),
        lanes: served.lanes,
        pools: limits.clone(),
        concurrency: settings.worker.concurrency as usize,
        ahead: settings.worker.prepare_ahead,
        grace: Duration::from_secs(settings.worker.grace_s),
    };
    if let Some(key) = queue.options().signer.fingerprint() {
        tracing::info!(key, "jobs are run when they are signed with this key");
    } else {
        tracing::info!("jobs are run unsigned: there is no key (queue.signing_key_env)");
    }
    let (stop, kill) = signals()?;
    for (name, of_pool) in &limits {
        match queue.set_limits(name, *of_pool).await {
            // Upkeep sets them once the queue is mended.
            Err(error) if error.is_damage() => alarm::damaged("limits can't be set", &error),
            set => set?,
        }
    }
    let _upkeep = upkeep::start(queue.clone(), &settings, limits);
    let _schedules = schedules::start(queue.clone(), &settings);
    let _observing = observe::start(queue.clone(), &settings);
    let done = runtime::run(
        settings.queue.clone(),
        queue,
        Registry::new(context),
        options,
        async move { stop.cancelled().await },
        async move { kill.cancelled().await },
    )
    .await;
    // It blocks, for a bounded time.
    let _ = tokio::task::spawn_blocking(scrum_traces::finish).await;
    done
}

/// The first SIGTERM or SIGINT drains, the second stops. They are heard on a thread of their own, which
/// nothing that the others do can hold up.
fn signals() -> anyhow::Result<(CancellationToken, CancellationToken)> {
    let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
    let (first, second) = (stop.clone(), kill.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut term, mut int) = {
        let _entered = runtime.enter();
        let term = signal(SignalKind::terminate()).context("no signal handler")?;
        (term, signal(SignalKind::interrupt()).context("no signal handler")?)
    };
    let listen = async move {
        for token in [first, second] {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
            token.cancel();
        }
        tokio::select! {
            _ = term.recv() => {}
            () = tokio::time::sleep(HAND_BACK) => {}
        }
        tracing::warn!(
            "ending at once: jobs that could not be handed back run again when their leases run out"
        );
        std::process::exit(1);
    };
    std::thread::Builder::new().name("signals".into()).spawn(move || runtime.block_on(listen))?;
    Ok((stop, kill))
}

async fn health(settings: &Settings) -> anyhow::Result<()> {
    let queue = connect(settings).await?;
    let within = Duration::from_millis(settings.queue.lease_ms);
    let host = runtime::host();
    let alive = queue.workers(within).await?.iter().any(|w| w.host == host);
    anyhow::ensure!(alive, "no worker of {host} has renewed its record within {within:?}");
    Ok(())
}

fn start_log(settings: &Settings) {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| settings.log.filter.clone());
    print::start_log(&filter, settings.log.format == LogFormat::Json);
}
