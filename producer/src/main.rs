//! `scrum`: enqueue sweeps, watch them, report, operate the fleet.
//!
//! Data goes to stdout, progress and logs to stderr. Exit codes: 0 fine, 1 ran but something is
//! unresolved or left out, 2 could not run; 130 after Ctrl-C.

mod applying;
mod auditing;
mod change;
mod child;
mod cli;
mod commands;
mod dashboard;
mod embedded;
mod enqueue;
mod eval;
mod ladder;
mod looking;
mod mcp;
mod original;
mod output;
mod posting;
mod progress;
mod report;
mod request;
mod session;
mod signals;
mod wait;
mod watch;
mod workers;

use cli::{Cli, Command};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli: Cli = scrum_shown::print::begin();
    // One thread is plenty for a tool that waits; and the private server's tie to its parent is
    // a tie to the thread that started it, which must live as long as the process.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let done = runtime.block_on(dispatch(cli));
    scrum_traces::finish();
    match done {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&error),
    }
}

async fn dispatch(cli: Cli) -> anyhow::Result<u8> {
    let global = cli.global;
    match cli.command {
        Command::Run(args) => Box::pin(commands::run::execute(&global, args)).await,
        Command::Diff(args) => Box::pin(commands::diff::execute(&global, args)).await,
        Command::Sweep(args) => Box::pin(commands::sweep::execute(&global, args)).await,
        Command::Schedule(args) => Box::pin(commands::schedule::execute(&global, args)).await,
        Command::Status(args) => commands::status::execute(&global, args).await,
        Command::Apply(args) => commands::apply::execute(&global, args).await,
        Command::Report(args) => Box::pin(commands::report::execute(&global, args)).await,
        Command::Models(args) => commands::models::execute(&global, args).await,
        Command::Metrics(args) => commands::metrics::execute(&global, args).await,
        Command::Findings(args) => commands::findings::execute(&global, args).await,
        Command::Dlq(args) => commands::dlq::execute(&global, args).await,
        Command::Pause(args) => commands::operate::pause(&global, args, true).await,
        Command::Resume(args) => commands::operate::pause(&global, args, false).await,
        Command::Cancel(args) => commands::operate::cancel(&global, args).await,
        Command::Forget(args) => commands::forget::execute(&global, args).await,
        Command::Doctor(args) if args.queue => commands::check::execute(&global, args).await,
        Command::Doctor(args) if args.injection => commands::injection::execute(&global, &args),
        Command::Doctor(_) => commands::doctor::execute(&global).await,
        Command::Memory(args) => commands::memory::execute(&global, args).await,
        Command::Mcp(args) => commands::mcp::execute(&global, args).await,
        Command::Observe(args) => commands::observe::execute(&global, args).await,
        Command::Kb(args) => commands::kb::execute(&global, args).await,
        Command::Audit(args) => commands::audit::execute(&global, args).await,
        Command::Estimate(args) => Box::pin(commands::estimate::execute(&global, args)).await,
        Command::Ladder(args) => Box::pin(commands::ladder::execute(&global, args)).await,
        Command::Calibrate(args) => commands::calibrate::execute(&global, args).await,
        Command::Eval(args) => Box::pin(commands::eval::execute(&global, args)).await,
        Command::Parity(args) => commands::parity::execute(&global, &args),
        Command::Completions { shell } => {
            use clap::CommandFactory;
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "scrum", &mut script);
            output::say_lines(String::from_utf8_lossy(&script).trim_end())?;
            Ok(0)
        }
    }
}

/// What was wrong, where, and what to do; then exit code 2. Nothing is lost by it.
fn fail(error: &anyhow::Error) -> ExitCode {
    scrum_shown::print::fail("scrum", error)
}
