//! `scrum-web`: the dashboard, and the fleet over HTTP.

mod asked;
mod assets;
mod chat;
mod error;
mod event;
mod front;
mod gate;
mod guard;
mod health;
mod healthy;
mod hooks;
mod layout;
mod metrics;
mod openapi;
mod pages;
mod pathway;
mod posted;
mod routes;
mod sent;
mod server;
mod session;
mod show;
mod signature;
mod sources;
mod tokens;

use clap::{Parser, Subcommand};
use queue_schema::client::Queue;
use scrum_config::{LoadOptions, LogFormat, Settings};
use scrum_shown::print;
use std::path::PathBuf;
use std::process::ExitCode;

/// The web server of the fleet: the dashboard for people, the same as JSON for programs.
#[derive(Debug, Parser)]
#[command(name = "scrum-web", version)]
#[command(
    about = "The web server of the fleet: the dashboard for people, the same as JSON for programs"
)]
struct Cli {
    /// Settings file, over the built-in defaults.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Redis of the fleet.
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Only show: nothing can be changed through this server.
    #[arg(long)]
    read_only: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Exit with 0 if the server of this machine answers, and its Redis too.
    Health,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(print::begin()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => print::fail("scrum-web", &error),
    }
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let mut overrides = Vec::new();
    overrides.extend(cli.redis.map(|url| ("redis.url".to_owned(), url)));
    overrides.extend(cli.listen.map(|listen| ("web.listen".to_owned(), listen)));
    overrides.extend(cli.read_only.then(|| ("web.read_only".to_owned(), "true".to_owned())));
    let (settings, in_force) =
        Settings::load_with_origins(LoadOptions::from_process(cli.config, overrides))?;
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| settings.log.filter.clone());
    print::start_log(&filter, settings.log.format == LogFormat::Json);
    if let Some(Command::Health) = cli.command {
        return healthy::check(&settings.web.listen).await;
    }
    let env = |name: &str| std::env::var(name).ok();
    let guard = guard::Guard::new(&settings.web, &settings.metrics, env)?;
    let hooks = hooks::Hooks::new(&settings.hooks, env)?;
    let queue = Queue::connect(settings.fleet_options(env)?).await?;
    server::serve(queue, (settings, in_force), (guard, hooks)).await
}
