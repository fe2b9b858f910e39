//! The read model: what is known of sweeps, their files and findings, and of the fleet. The command line prints
//! it, and whatever else shows it asks the same functions.
//!
//! | question | asked of |
//! |---|---|
//! | which sweep is meant, which are the newest | [`sweeps::find`], [`sweeps::latest`], [`sweeps::latest_of`] |
//! | which unfinished sweep an equal request goes on with | [`sweeps::unfinished`] |
//! | what the operator of a sweep must be told | [`sweeps::alerts`] |
//! | how a sweep stands; its numbers for a report | [`Sweep::open`], [`Sweep::status`], [`Sweep::report`] |
//! | its files with reviews, facts, attempts and reasons; one of them | [`Sweep::files`], [`Sweep::file`], [`Sweep::file_at`] |
//! | its reviews, facts or decisions, as rows | [`Sweep::rows`] |
//! | its findings | [`Sweep::findings`] |
//! | what the reviewers of a change said, and of the one before | [`Change::open`], [`Change::before`] |
//! | a change with all that is told of it | [`Reviewed::read`] |
//! | what became of the claims about a change | [`claims::of_sweep`] |
//! | what an audit says of the findings of a sweep; all audits of it, at its findings | [`audits::of_sweep`], [`Audits`] |
//! | the findings of a repository over all sweeps, one of them | [`Ledger`] |
//! | which reviews may become patches | [`Sweep::selection`] |
//! | what a run of the applier decided, which of its jobs died | [`runs::decisions`], [`runs::dead_of_run`] |
//! | which dead letters there are, one of them | [`Letters`], [`letters::letter`] |
//! | all that is known of a letter; what its retry would be | [`letters::Exporter`], [`letters::retried`] |
//! | a repository over time | [`metrics_of_all`], [`metrics_of`] |
//! | what models have shown | [`models`] |
//! | what earlier sweeps tell of the next one; how far off an expectation was | [`past`], [`Sweep::off`] |
//! | what is remembered of a repository; its pathways; its mistakes | [`memory::memory_stats`], [`memory::pathway`], [`memory::pathways`], [`mistakes::of_memory`] |
//! | which kinds of rows there are, who reads them; the rows of a kind over many sweeps | [`kb::health`], [`kb::KbRows`] |
//! | what happened lately, and what it comes to | [`observe::Events`], [`observe::stats`] |
//! | what came of the due times of a schedule, what its sweep has found anew | [`schedules::runs`], [`schedules::news`] |
//! | which failures pile up | [`observe::troubles`], [`observe::latest_troubles`] |
//! | lanes, workers, jobs, what nobody serves | [`fleet::overview`], [`fleet::unserved_lanes`] |
//! | the fleet in figures, for Prometheus | [`figures::fleet`] |
//!
//! Nothing here loads a whole sweep. What may be many comes in pages of [`PAGE`], letters in pages of
//! [`letters::LETTERS`], and a page takes a fixed number of round trips. `next_page` returns an empty page at
//! the end; `cursor` is a text that another process can go on from, with `from`.
//!
//! This crate only reads: it changes nothing, prints nothing, and knows neither a command line nor a server.

pub mod audits;
mod change;
pub mod claims;
mod expected;
pub mod figures;
mod files;
mod findings;
pub mod fleet;
pub mod kb;
mod ledger;
pub mod letters;
pub mod memory;
pub mod mistakes;
mod models;
pub mod observe;
mod past;
pub mod runs;
pub mod schedules;
mod sweep;
pub mod sweeps;

pub use audits::Audits;
pub use change::{Change, Reviewed, known};
pub use expected::past;
pub use files::Files;
pub use findings::{Findings, Found};
pub use ledger::{Ledger, OfFile, Wanted};
pub use letters::{Letter, Letters};
pub use models::models;
pub use past::{metrics_of, metrics_of_all};
pub use sweep::{Rows, Sweep};

use scrum_shown::shell_quoted;

/// Files or rows that are held at a time.
pub const PAGE: usize = 256;

/// A failure to read, or a question that has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no sweep of this id.
    #[error("there is no sweep {0}; `scrum status` lists them")]
    NoSweep(String),
    /// There is no sweep at all.
    #[error("there are no sweeps yet; start one with `scrum run REPO`")]
    NoSweeps,
    /// No sweep is meant by this name.
    #[error("no sweep is called '{0}'; `scrum status` lists them")]
    Unknown(String),
    /// Several sweeps are meant by a name.
    #[error("'{name}' fits {fits} sweeps; give more of the id")]
    Ambiguous {
        /// The name.
        name: String,
        /// How many it fits.
        fits: usize,
    },
    /// No file of a sweep is meant by this path.
    #[error("the sweep has no file '{name}'{near}; scrum_files.md of its report lists them")]
    NoFile {
        /// The path.
        name: String,
        /// The nearest one, as a question, or nothing.
        near: String,
    },
    /// Several files are meant by the end of a path.
    #[error("'{name}' fits {fits} files, among them {some}; give more of the path")]
    AmbiguousFile {
        /// The path.
        name: String,
        /// How many it fits.
        fits: usize,
        /// Some of them.
        some: String,
    },
    /// There is no dead letter of this id.
    #[error("there is no dead letter '{0}'; `scrum dlq list` lists them")]
    NoLetter(String),
    /// There is no finding of this id.
    #[error("there is no finding '{0}'; `scrum findings list` lists them")]
    NoFinding(String),
    /// Several findings are meant by how an id begins.
    #[error("'{name}' fits {fits} findings; give more of the id")]
    AmbiguousFinding {
        /// The name.
        name: String,
        /// How many it fits.
        fits: usize,
    },
    /// A letter of a sweep that a person has stopped.
    #[error("its sweep {0} was cancelled; discard it, or start a new sweep with --again")]
    Cancelled(String),
    /// A letter whose job lacks the fleet's signature.
    #[error(
        "{why}; a retry of this job would not run (scrum dlq discard {})",
        shell_quoted(letter)
    )]
    Refused {
        /// The letter.
        letter: String,
        /// What is wrong with it.
        why: String,
    },
    /// A letter of a job that is on no rung of a ladder.
    #[error(
        "it is not a job of a ladder, so --from-rung and --ladder do not apply; retry it without them"
    )]
    NoClimb,
    /// A rung that a ladder has not.
    #[error("the ladder '{ladder}' has rungs 0 to {last}; there is no rung {rung}")]
    NoRung {
        /// The ladder.
        ladder: String,
        /// Its last rung.
        last: usize,
        /// The rung that was asked for.
        rung: u32,
    },
    /// A text that is no place in a list.
    #[error("'{0}' is no place in this list; begin at its start")]
    Cursor(String),
    /// A job that can't be written as one.
    #[error("the job can't be written: {0}")]
    Job(String),
    /// The queue did not answer, or holds what can't be read.
    #[error(transparent)]
    Queue(#[from] queue_schema::client::QueueError),
}

impl Error {
    /// True while Redis is away: waiting mends it.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Queue(error) if error.is_outage())
    }
}

/// RFC 3339 without fractions, for milliseconds since the epoch.
pub fn time(ms: u64) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms - ms % 1000).ok())
        .map_or_else(|| "?".to_owned(), |t| t.to_string())
}

/// The same with milliseconds, as rows and reports have it: `2026-04-24T11:06:56.000Z`.
pub fn timestamp(ms: u64) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| "?".to_owned(), |t| format!("{t:.3}"))
}

/// Milliseconds since the epoch, by this machine: for what is shown, never for a decision.
pub fn now_ms() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_millisecond()).unwrap_or(0)
}
