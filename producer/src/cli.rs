//! The command line.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// A durable fleet that reviews whole code bases with language models.
#[derive(Debug, Parser)]
#[command(name = "scrum", version, max_term_width = 100)]
#[command(about = "A durable fleet that reviews whole code bases with language models")]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Settings file, over the built-in defaults.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Redis of the fleet; without it, a private server is started.
    #[arg(long, global = true, value_name = "URL")]
    pub redis: Option<String>,
    /// Where the private server, mirrors and reports live.
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Machine-readable output on stdout.
    #[arg(long, global = true)]
    pub json: bool,
    /// No progress on stderr.
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Review a repository on this machine: server, workers, sweep, progress, report.
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Enqueue a sweep on the fleet; prints its id.
    #[command(after_help = SWEEP_EXAMPLES)]
    Sweep(SweepArgs),
    /// Progress of sweeps, lanes and workers.
    Status(StatusArgs),
    /// Write the report files of a sweep.
    Report(ReportArgs),
    /// The dead-letter queue: unresolved files and other jobs that need a person.
    #[command(after_help = DLQ_EXAMPLES)]
    Dlq(DlqArgs),
    /// Stop taking jobs from a lane, or of a sweep.
    Pause(PauseArgs),
    /// Go on with a paused lane or sweep.
    Resume(PauseArgs),
    /// Cancel a sweep; what is accepted already stays.
    Cancel(CancelArgs),
    /// Check Redis, providers, models and git; say what to do.
    Doctor,
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

const RUN_EXAMPLES: &str = "Examples:
  scrum run .                                     review the repository you are in
  scrum run . --ladder builtin                    static checks only, no model
  scrum run ~/src/app --target 'src/**/*.rs' --prd docs/prd.md --ladder local-first
Ctrl-C leaves the sweep as it is; the same command goes on with it.";

const SWEEP_EXAMPLES: &str = "Examples:
  scrum sweep /repos/app --ladder local-first
  scrum sweep /repos/app --wait --policy forensic --forensic preamble.md";

const DLQ_EXAMPLES: &str = "Examples:
  scrum dlq list --sweep 3f2a91c07be4d512
  scrum dlq show 3f2a91c07be4d512-7.rung.6
  scrum dlq retry 3f2a91c07be4d512-7.rung.6 --from-rung 2";

/// What to review, and how.
#[derive(Debug, Clone, Args)]
pub struct Request {
    /// Repository: a path or a URL.
    pub repo: String,
    /// Revision to review.
    #[arg(long, default_value = "HEAD")]
    pub rev: String,
    /// Product requirements document.
    #[arg(long, value_name = "FILE")]
    pub prd: Option<PathBuf>,
    /// Change proposal.
    #[arg(long, value_name = "FILE")]
    pub proposal: Option<PathBuf>,
    /// Forensic preamble; asks for forensic JSON.
    #[arg(long, value_name = "FILE")]
    pub forensic: Option<PathBuf>,
    /// Ladder by name or file; `auto` looks for what this machine has.
    #[arg(long, value_name = "NAME")]
    pub ladder: Option<String>,
    /// Ladder for shard summaries, where it differs.
    #[arg(long, value_name = "NAME")]
    pub shard_ladder: Option<String>,
    /// Only files that match; may be repeated. Default: every tracked text file.
    #[arg(long = "target", value_name = "GLOB")]
    pub targets: Vec<String>,
    /// Acceptance policy: auto, structured, substantial or forensic.
    #[arg(long, value_name = "POLICY")]
    pub policy: Option<String>,
    /// Label shown in reports; may be repeated.
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub labels: Vec<String>,
    /// Do it anew even if the same sweep was done before.
    #[arg(long)]
    pub again: bool,
}

/// `scrum run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// What to review.
    #[command(flatten)]
    pub request: Request,
    /// Worker processes.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub workers: u16,
    /// Where the report goes; default: reports/SWEEP under the state directory.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// `scrum sweep`.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// What to review.
    #[command(flatten)]
    pub request: Request,
    /// Stay until it is over.
    #[arg(long)]
    pub wait: bool,
    /// With --wait: where the report goes; default: none is written.
    #[arg(long, value_name = "DIR", requires = "wait")]
    pub out: Option<PathBuf>,
}

/// `scrum status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Which sweep; default: all, newest first.
    pub sweep: Option<String>,
    /// Repeat until the sweep is over.
    #[arg(long)]
    pub watch: bool,
}

/// `scrum report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Which sweep; `latest` for the newest.
    pub sweep: String,
    /// Where to.
    #[arg(long, value_name = "DIR", default_value = "scrum-report")]
    pub out: PathBuf,
    /// Which files: md, json, sarif, jsonl.
    #[arg(long, value_delimiter = ',', default_value = "md,json,sarif,jsonl", value_name = "LIST")]
    pub format: Vec<String>,
}

/// `scrum pause`, `scrum resume`.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct PauseArgs {
    /// Lane, e.g. `rung:ollama`; `scrum status` lists those with jobs.
    pub lane: Option<String>,
    /// A sweep instead of a lane.
    #[arg(long)]
    pub sweep: Option<String>,
}

/// `scrum cancel`.
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// Which sweep; `latest` for the newest.
    pub sweep: String,
}

/// `scrum dlq`.
#[derive(Debug, Args)]
pub struct DlqArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: DlqAction,
}

/// What to do with the dead-letter queue.
#[derive(Debug, Subcommand)]
pub enum DlqAction {
    /// List dead letters, latest first.
    List {
        /// Only this sweep's.
        #[arg(long)]
        sweep: Option<String>,
        /// Only this class: ladder_exhausted, attempts_exhausted, poison, undecodable, fatal.
        #[arg(long)]
        class: Option<String>,
        /// Only lanes that start so.
        #[arg(long)]
        lane: Option<String>,
        /// At most so many; 0 for all.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one with its whole history.
    Show {
        /// Job id as `list` prints it.
        id: String,
    },
    /// Put them back into the queue.
    Retry {
        /// Job ids as `list` prints them.
        #[arg(required_unless_present = "sweep")]
        ids: Vec<String>,
        /// All of this sweep.
        #[arg(long, conflicts_with = "ids")]
        sweep: Option<String>,
        /// Start at this rung of the ladder, from 0; default: the first.
        #[arg(long, value_name = "N")]
        from_rung: Option<u32>,
        /// Climb another ladder than the sweep's, by name or file.
        #[arg(long, value_name = "NAME")]
        ladder: Option<String>,
    },
    /// Throw them away; their files stay unresolved.
    Discard {
        /// Job ids as `list` prints them.
        #[arg(required = true)]
        ids: Vec<String>,
    },
}
