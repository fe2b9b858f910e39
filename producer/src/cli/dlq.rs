//! The command line of `scrum dlq`.

use clap::{Args, Subcommand};
use queue_schema::client::CLASSES;
use queue_schema::jobs::Job;
use scrum_config::nearest;
use std::path::PathBuf;
use std::time::Duration;

/// `scrum dlq`.
#[derive(Debug, Args)]
pub struct DlqArgs {
    /// What to do with it.
    #[command(subcommand)]
    pub action: DlqAction,
}

/// Which dead letters.
#[derive(Debug, Clone, Default, Args)]
pub struct LetterFilter {
    /// Only this sweep's.
    #[arg(long)]
    pub sweep: Option<String>,
    /// Only this class: ladder_exhausted, attempts_exhausted, poison, undecodable, fatal,
    /// unsigned.
    #[arg(long, value_parser = class)]
    pub class: Option<String>,
    /// Only lanes that begin with this.
    #[arg(long, value_parser = lane)]
    pub lane: Option<String>,
    /// Only files that match.
    #[arg(long, value_name = "GLOB")]
    pub path: Option<String>,
    /// Only those that died within the last 30s, 20m, 12h, 7d.
    #[arg(long, value_name = "TIME", value_parser = age)]
    pub since: Option<Duration>,
    /// Maximum number, latest first; 0 for all.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

impl LetterFilter {
    /// True when it says nothing.
    pub fn is_empty(&self) -> bool {
        let Self { sweep, class, lane, path, since, limit } = self;
        [sweep, class, lane, path].iter().all(|f| f.is_none()) && since.is_none() && limit.is_none()
    }
}

/// A class of dead letters.
fn class(text: &str) -> Result<String, String> {
    known("class", text, CLASSES.iter().map(|class| class.as_str()))
}

/// A lane, or how some begin: its kind is known, its pool may be of another machine's settings.
fn lane(text: &str) -> Result<String, String> {
    let kinds = || Job::KINDS.iter().copied();
    match text.split_once(':') {
        None if kinds().any(|kind| kind.starts_with(text)) => Ok(text.to_owned()),
        None => known("kind of lane", text, kinds()),
        Some((kind, _)) => known("kind of lane", kind, kinds()).map(|_| text.to_owned()),
    }
}

/// A word, if it is one of those that are known.
pub(super) fn known<'a>(
    what: &str,
    word: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<String, String> {
    if known.clone().any(|name| name == word) {
        return Ok(word.to_owned());
    }
    let near = nearest(word, known.clone()).map(|near| format!(" (do you mean {near}?)"));
    let all: Vec<_> = known.collect();
    Err(format!("unknown {what} '{word}'{}; known: {}", near.unwrap_or_default(), all.join(", ")))
}

/// `90s`, `20m`, `12h`, `7d`.
pub(super) fn age(text: &str) -> Result<Duration, String> {
    let fail = || format!("'{text}' is not a time; write for instance 30s, 20m, 12h or 7d");
    let unit = text.chars().last().ok_or_else(fail)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(fail()),
    };
    let n: u64 = text[..text.len() - 1].parse().map_err(|_| fail())?;
    n.checked_mul(seconds).map(Duration::from_secs).ok_or_else(fail)
}

/// What to do with the dead-letter queue.
#[derive(Debug, Subcommand)]
pub enum DlqAction {
    /// List dead letters, latest first; 50 unless --limit says otherwise.
    List {
        /// Which.
        #[command(flatten)]
        filter: LetterFilter,
    },
    /// Show a dead letter with its history.
    Show {
        /// Job id as `list` prints it.
        id: String,
    },
    /// Put dead letters back into the queue.
    Retry {
        /// Job ids as `list` prints them; without ids, all that match the filters.
        ids: Vec<String>,
        /// Which.
        #[command(flatten)]
        filter: LetterFilter,
        /// Start at this rung of the ladder, from 0; default: the first.
        #[arg(long, value_name = "N")]
        from_rung: Option<u32>,
        /// Climb another ladder than the sweep's, by name or file.
        #[arg(long, value_name = "NAME")]
        ladder: Option<String>,
    },
    /// Delete them; their files stay as they are, usually unresolved.
    Discard {
        /// Job ids as `list` prints them; without ids, all that match the filters.
        ids: Vec<String>,
        /// Which.
        #[command(flatten)]
        filter: LetterFilter,
    },
    /// Write dead letters with their history, as JSON Lines.
    Export {
        /// Which.
        #[command(flatten)]
        filter: LetterFilter,
        /// Where to; default: standard output.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_with_the_nearest_one() {
        for (found, near) in [
            (class("nonsense"), "known: ladder_exhausted"),
            (class("ladder-exhausted"), "do you mean ladder_exhausted?"),
            (class("poisson"), "do you mean poison?"),
            (lane("rang:ollama"), "do you mean rung?"),
            (lane("nonsense"), "known: plan"),
        ] {
            let said = found.unwrap_err();
            assert!(said.contains(near), "{said}");
        }
        for name in ["rung", "ru", "rung:", "rung:my-provider", "plan"] {
            assert_eq!(lane(name).as_deref(), Ok(name));
        }
    }

    #[test]
    fn ages_are_read_and_nonsense_is_not() {
        assert_eq!(age("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(age("7d").unwrap(), Duration::from_secs(604_800));
        for text in ["", "7", "d", "-1h", "1w", "99999999999999999d", "1é"] {
            assert!(age(text).is_err(), "{text}");
        }
    }
}
