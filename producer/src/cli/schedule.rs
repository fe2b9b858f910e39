//! The command line of `scrum schedule`.

use super::Request;
use super::dlq::age;
use clap::{Args, Subcommand};
use queue_schema::ids::ScheduleName;
use std::time::Duration;

/// Shown below the help.
pub const EXAMPLES: &str = "Examples:
  scrum schedule add ~/src/app --daily 02:00 --tz Europe/Berlin
  scrum schedule add https://example.org/o/app.git --cron '0 */6 * * 1-5' --name app --ladder local-first
  scrum schedule list
  scrum schedule show app";

/// `scrum schedule`.
#[derive(Debug, Args)]
pub struct ScheduleArgs {
    /// What to do with schedules.
    #[command(subcommand)]
    pub action: ScheduleAction,
}

/// When a schedule is due.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub struct WhenArgs {
    /// By a cron expression: minute, hour, day, month, weekday.
    #[arg(long, value_name = "EXPR")]
    pub cron: Option<String>,
    /// Again and again after 30m, 6h, 7d.
    #[arg(long, value_name = "TIME", value_parser = age)]
    pub every: Option<Duration>,
    /// Each day at this time.
    #[arg(long, value_name = "HH:MM")]
    pub daily: Option<String>,
}

/// A name as a person gives it.
fn schedule(text: &str) -> Result<ScheduleName, String> {
    text.parse().map_err(|error: queue_schema::ids::NoId| error.to_string())
}

/// What to do with schedules.
#[derive(Debug, Subcommand)]
pub enum ScheduleAction {
    /// Sweep a repository by the clock, as `scrum sweep` would; prints the name of the schedule.
    Add {
        /// What to review. It is checked now; the commit is looked up each time.
        #[command(flatten)]
        request: Box<Request>,
        /// When.
        #[command(flatten)]
        when: WhenArgs,
        /// Time zone of --cron and --daily, by its IANA name.
        #[arg(long, value_name = "ZONE", default_value = "UTC", conflicts_with = "every")]
        tz: String,
        /// What it is called. Default: the last part of the repository's path.
        #[arg(long, value_name = "NAME", value_parser = schedule)]
        name: Option<ScheduleName>,
        /// Put it in the place of one of the same name.
        #[arg(long)]
        replace: bool,
    },
    /// List the schedules with when they are due next.
    List,
    /// Show one schedule and what came of its latest due times.
    Show {
        /// Which one.
        #[arg(value_parser = schedule)]
        name: ScheduleName,
        /// Due times at most; 0 for all that are kept.
        #[arg(long, value_name = "N", default_value_t = 10)]
        limit: usize,
    },
    /// Remove a schedule; its sweeps stay.
    Remove {
        /// Which one.
        #[arg(value_parser = schedule)]
        name: ScheduleName,
    },
    /// Pause a schedule: what would be due meanwhile is not made up for.
    Pause {
        /// Which one.
        #[arg(value_parser = schedule)]
        name: ScheduleName,
    },
    /// Resume a paused schedule.
    Resume {
        /// Which one.
        #[arg(value_parser = schedule)]
        name: ScheduleName,
    },
}
