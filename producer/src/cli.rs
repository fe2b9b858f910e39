//! The command line.

mod apply;
mod audit;
mod calibrate;
mod diff;
mod dlq;
mod estimate;
mod eval;
mod findings;
mod kb;
mod ladder;
mod mcp;
mod memory;
mod metrics;
mod observe;
mod parity;
mod schedule;

pub use apply::ApplyArgs;
pub use audit::AuditArgs;
pub use calibrate::CalibrateArgs;
pub use diff::DiffArgs;
pub use dlq::{DlqAction, DlqArgs, LetterFilter};
pub use estimate::EstimateArgs;
pub use eval::{EvalAction, EvalArgs};
pub use findings::{FindingFilter, FindingsAction, FindingsArgs};
pub use kb::{KbAction, KbArgs, RowFilter};
pub use ladder::{CostBy, LadderAction, LadderArgs, SuggestArgs};
pub use mcp::McpArgs;
pub use memory::{MemoryAction, MemoryArgs};
pub use metrics::MetricsArgs;
pub use observe::ObserveArgs;
pub use parity::{ParityArgs, ParityForm};
pub use schedule::{ScheduleAction, ScheduleArgs, WhenArgs};

use clap::{Args, Parser, Subcommand};
use queue_schema::effects::Priority;
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
    /// Review a change by several models at once, and tally what they agree on.
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(DiffArgs),
    /// What a sweep would take: calls, tokens, dollars and time, as ranges, from what earlier ones took.
    #[command(after_help = estimate::EXAMPLES)]
    Estimate(EstimateArgs),
    /// Enqueue a sweep on the fleet; prints its id.
    #[command(after_help = SWEEP_EXAMPLES)]
    Sweep(SweepArgs),
    /// Sweeps by the clock: each due time once, and what is new is told.
    #[command(after_help = schedule::EXAMPLES)]
    Schedule(ScheduleArgs),
    /// Progress of sweeps, lanes and workers.
    Status(StatusArgs),
    /// Write the report files of a sweep, or show what they say of one file.
    #[command(after_help = REPORT_EXAMPLES)]
    Report(ReportArgs),
    /// Turn confident reviews of a sweep into small commits on a separate branch; dry run unless --commit.
    #[command(after_help = APPLY_EXAMPLES)]
    Apply(ApplyArgs),
    /// Results of each model: attempts, outcomes, latency, tokens, cost.
    Models(ModelsArgs),
    /// Figures of each sweep, compared with the sweep before of the same repository.
    Metrics(MetricsArgs),
    /// The findings of a repository over all its sweeps: which stand, and what people decided about them.
    #[command(after_help = FINDINGS_EXAMPLES)]
    Findings(FindingsArgs),
    /// The dead-letter queue: unresolved files and other jobs that need a person.
    #[command(after_help = DLQ_EXAMPLES)]
    Dlq(DlqArgs),
    /// Pause a lane or a sweep: workers take no more of its jobs.
    Pause(PauseArgs),
    /// Resume a paused lane or sweep.
    Resume(PauseArgs),
    /// Cancel a sweep; accepted reviews are kept.
    Cancel(CancelArgs),
    /// Delete ended sweeps, with their targets, rows, attempts and dead letters.
    Forget(ForgetArgs),
    /// Check Redis, providers, models and git; say what to do.
    Doctor(DoctorArgs),
    /// What earlier sweeps taught: models that do well in an area, mistakes that come back.
    #[command(after_help = memory::EXAMPLES)]
    Memory(MemoryArgs),
    /// Let a coding agent ask the fleet, by the Model Context Protocol on stdin and stdout.
    #[command(after_help = mcp::EXAMPLES)]
    Mcp(McpArgs),
    /// What happened in the fleet lately: events, and failures that pile up.
    #[command(after_help = observe::EXAMPLES)]
    Observe(ObserveArgs),
    /// The knowledge base: the rows that sweeps leave behind.
    Kb(KbArgs),
    /// Second opinions: the findings of a sweep, or what the author of a change says of it, put to the vote of models.
    #[command(after_help = AUDIT_EXAMPLES)]
    Audit(AuditArgs),
    /// What the confidences of models are worth, from findings that were judged; keeps a map for each model.
    #[command(after_help = calibrate::EXAMPLES)]
    Calibrate(CalibrateArgs),
    /// How right reviews are: faults that are put into files on purpose, and which of them each ladder finds.
    #[command(after_help = eval::EXAMPLES)]
    Eval(EvalArgs),
    /// Which ladder costs least, by what was counted.
    #[command(after_help = ladder::EXAMPLES)]
    Ladder(LadderArgs),
    /// Hold two servers against each other: the same requests, and where their answers differ in status and shape.
    #[command(after_help = parity::EXAMPLES)]
    Parity(ParityArgs),
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
  scrum run . --web                               with the dashboard, for a browser
Ctrl-C keeps the sweep; run the same command again to continue it.";

const DIFF_EXAMPLES: &str = "Examples:
  scrum diff . main...HEAD                        what this branch changes
  scrum diff . --staged --fail-on block           in a pre-commit hook
  scrum diff ~/src/app v1.4..v1.5 --reviewer a=openai/gpt-5.4 --reviewer b=ollama/qwen3.5:latest
Exit code 1: findings, see --fail-on. 2: fewer than two reviewers answered, or a part was not reviewed.";

const SWEEP_EXAMPLES: &str = "Examples:
  scrum sweep /repos/app --ladder local-first
  scrum sweep /repos/app --budget-usd 5          dollars; only the cheapest rungs when nearly spent
  scrum sweep /repos/app --wait --policy forensic --forensic preamble.md";

const APPLY_EXAMPLES: &str = "Examples:
  scrum apply latest                              what would be committed
  scrum apply latest --commit --branch scrum/fixes --test 'cargo test --workspace'
  scrum apply 3f2a91c07be4d512 --model local_openai/qwen3-coder --check 'make check'
main, master and the branch that is checked out are never written.";

const REPORT_EXAMPLES: &str = "Examples:
  scrum report latest --out report
  scrum report latest src/store.rs                one file, on the terminal";

const FINDINGS_EXAMPLES: &str = "Examples:
  scrum findings list                             open findings of the repository you are in
  scrum findings ~/src/app list --path 'src/**/*.rs' --severity major --since 7d
  scrum findings dismiss 3f2a91c07be4d512 --why 'input is checked by the caller'
  scrum findings export --state dismissed --out dismissed.jsonl";

const AUDIT_EXAMPLES: &str = "Examples:
  scrum audit latest                              the findings of the newest sweep
  scrum audit latest --min-severity major --voter a=openai/gpt-5.4 --voter b=ollama/qwen3.5:latest
  scrum audit --claims . main...HEAD              what the commit messages say
  scrum audit --claims . main...HEAD --text pr.md
Exit code 1 when a finding stays undecided or split. With --claims: 1 when a claim is not backed, 2 when one is
undecided because votes are missing or split.";

const DLQ_EXAMPLES: &str = "Examples:
  scrum dlq list --sweep 3f2a91c07be4d512 --path 'src/**/*.rs' --since 2h
  scrum dlq show 3f2a91c07be4d512-7.rung.6
  scrum dlq retry 3f2a91c07be4d512-7.rung.6 --from-rung 2
  scrum dlq retry --class ladder_exhausted --since 1d --ladder cloud-first
  scrum dlq export --sweep latest --out letters.jsonl";

/// What to review, and how.
#[derive(Debug, Clone, Default, Args)]
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
    /// What linters found, as a SARIF 2.1.0 log: shown to reviewers as hints that may be wrong.
    #[arg(long, value_name = "FILE")]
    pub hints: Option<PathBuf>,
    /// Ladder by name or file; `auto` uses the models that this machine can reach.
    #[arg(long, value_name = "NAME")]
    pub ladder: Option<String>,
    /// Ladder for shard summaries, if it differs.
    #[arg(long, value_name = "NAME")]
    pub shard_ladder: Option<String>,
    /// Only files that match; may be repeated. Default: every tracked text file.
    #[arg(long = "target", value_name = "GLOB")]
    pub targets: Vec<String>,
    /// Acceptance policy: auto, structured, substantial or forensic.
    #[arg(long, value_name = "POLICY")]
    pub policy: Option<String>,
    /// Extract no facts from accepted reviews: saves two calls for each file.
    #[arg(long)]
    pub no_facts: bool,
    /// Confirm no findings by a second call: then no review is in the tier `auto`.
    #[arg(long)]
    pub no_confirm: bool,
    /// Put the findings of accepted reviews to the vote of several models ([audit] of the settings).
    #[arg(long)]
    pub audit: bool,
    /// Rank among the sweeps of the fleet: low, normal or high; jobs of a higher rank go first.
    #[arg(long, value_name = "RANK", default_value = "normal")]
    pub priority: Priority,
    /// Dollars that the sweep may spend on models; 0 for no limit. On an existing sweep, it changes the
    /// budget; with a larger one, files that were left out are reviewed.
    #[arg(long, value_name = "USD", value_parser = dollars, allow_negative_numbers = true)]
    pub budget_usd: Option<u64>,
    /// Tokens that it may spend; 0 for no limit.
    #[arg(long, value_name = "N", value_parser = amount, allow_negative_numbers = true)]
    pub budget_tokens: Option<u64>,
    /// Model calls that it may make; 0 for no limit.
    #[arg(long, value_name = "N", value_parser = amount, allow_negative_numbers = true)]
    pub budget_calls: Option<u64>,
    /// Label shown in reports; may be repeated.
    #[arg(long = "label", value_name = "KEY=VALUE")]
    pub labels: Vec<String>,
    /// Only say what would be reviewed and what skipped, with calls and tokens: no model is asked, nothing is
    /// written.
    #[arg(long)]
    pub dry_run: bool,
    /// Ask again for what an earlier run of the same sweep left unresolved because of provider errors.
    #[arg(long, conflicts_with = "again")]
    pub retry_failed: bool,
    /// Start a new sweep even if the same one was done before. If an earlier --again is not finished,
    /// continue that one.
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
    /// Exit code 1 also for findings: `new` for those that the sweeps before did not have.
    #[arg(long, value_name = "WHICH")]
    pub fail_on: Option<FailOn>,
    /// Start the dashboard, print its address, and keep it after the sweep until Ctrl-C.
    #[arg(long)]
    pub web: bool,
}

/// `scrum sweep`.
#[derive(Debug, Args)]
pub struct SweepArgs {
    /// What to review.
    #[command(flatten)]
    pub request: Request,
    /// Wait until it is over.
    #[arg(long)]
    pub wait: bool,
    /// With --wait: where the report goes; default: none is written.
    #[arg(long, value_name = "DIR", requires = "wait")]
    pub out: Option<PathBuf>,
    /// With --wait: exit code 1 also for findings: `new` for those that the sweeps before did not have.
    #[arg(long, value_name = "WHICH", requires = "wait")]
    pub fail_on: Option<FailOn>,
}

/// Findings for which a sweep ends with exit code 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FailOn {
    /// Those that earlier sweeps of the repository did not have, and reopened ones; without those that fail a
    /// check by program.
    New,
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
    /// Show this file on the terminal instead of writing files: its path, or the end of it.
    #[arg(conflicts_with_all = ["out", "format"])]
    pub file: Option<String>,
    /// Where to.
    #[arg(long, value_name = "DIR", default_value = "scrum-report")]
    pub out: PathBuf,
    /// Which files: md, json, sarif, jsonl; `files` for a JSON file for each reviewed file, however many.
    #[arg(long, value_delimiter = ',', default_value = "md,json,sarif,jsonl", value_name = "LIST")]
    pub format: Vec<String>,
}

/// `scrum models`.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// Only this sweep; `latest` for the newest. Default: all sweeps, forgotten ones too.
    #[arg(long)]
    pub sweep: Option<String>,
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

/// `scrum forget`.
#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// Which sweeps; `latest` for the newest.
    #[arg(required = true, value_name = "SWEEP")]
    pub sweeps: Vec<String>,
}

/// `scrum doctor`.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// Check the queue instead: each job in one place, each counter right.
    #[arg(long)]
    pub queue: bool,
    /// With --queue: repair what is wrong.
    #[arg(long, requires = "queue")]
    pub mend: bool,
    /// Try instead which models of a ladder obey hostile files: 40 calls of each.
    #[arg(long, conflicts_with = "queue")]
    pub injection: bool,
    /// With --injection: the ladder, by name or file; `auto` chooses.
    #[arg(long, value_name = "NAME", requires = "injection")]
    pub ladder: Option<String>,
    /// With --injection: with the prompts that ask for JSON.
    #[arg(long, requires = "injection")]
    pub json_reviews: bool,
}

/// `2.50`, in millionths of a dollar.
fn dollars(text: &str) -> Result<u64, String> {
    const MOST: f64 = 1e9;
    let fix = "write dollars, for instance 2.50, or 0 for no limit";
    let usd: f64 = text.parse().map_err(|_| format!("'{text}' is not a number; {fix}"))?;
    if !(0.0..=MOST).contains(&usd) {
        return Err(format!("{text} is not between 0 and {MOST} dollars; {fix}"));
    }
    let micro = (usd * 1e6).round() as u64;
    if micro == 0 && usd > 0.0 {
        return Err(format!("{text} is less than a millionth of a dollar; {fix}"));
    }
    Ok(micro)
}

/// A whole number that Redis can add to exactly.
fn amount(text: &str) -> Result<u64, String> {
    const MOST: u64 = 1 << 50;
    let fix = "write a whole number, for instance 50000, or 0 for no limit";
    let n = text.parse().map_err(|_| format!("'{text}' is not a whole number; {fix}"))?;
    if n > MOST { Err(format!("{text} is over {MOST}; {fix}")) } else { Ok(n) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_read_and_nonsense_is_not() {
        assert_eq!(dollars("2.50"), Ok(2_500_000));
        assert_eq!(dollars("0"), Ok(0));
        assert_eq!(amount("50000"), Ok(50_000));
        for text in ["", "-1", "NaN", "inf", "1e12", "five", "$5", "0.0000001"] {
            assert!(dollars(text).unwrap_err().contains("write dollars"), "{text}");
        }
        for text in ["", "-1", "1.5", "many", "99999999999999999999", "9999999999999999"] {
            assert!(amount(text).unwrap_err().contains("write a whole number"), "{text}");
        }
    }
}
