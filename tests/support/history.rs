//! What a queue went through, from its append-only file: every move of every job, under which
//! token, and which effects came with it. Nothing is missed, whoever was killed in between.

use crate::aof::{self, Step};
use queue_schema::state::{JobState, is_allowed};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// One move of one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Which job.
    pub job: String,
    /// State before.
    pub from: JobState,
    /// State after.
    pub to: JobState,
    /// Token of the lease that it got or lost; empty for none.
    pub token: String,
    /// The lease ran out: its worker was silent too long.
    pub taken_back: bool,
}

/// All moves of a queue, in order.
#[derive(Debug, Default)]
pub struct History {
    /// The moves.
    pub moves: Vec<Move>,
    states: HashMap<String, (JobState, String)>,
}

impl History {
    /// Reads it, and checks on the way that every move is in the table of moves, and that effects
    /// come only in the step in which their job leaves its lease, once for each.
    ///
    /// # Panics
    /// When one of them does not hold.
    pub fn read(appendonlydir: &Path) -> Self {
        let mut this = Self::default();
        for file in aof::incremental_files(appendonlydir) {
            for step in aof::steps(&std::fs::read(file).unwrap()) {
                this.replay(&step);
            }
        }
        this
    }

    /// Takes one step.
    ///
    /// # Panics
    /// When the step is not one that a queue may make.
    pub fn replay(&mut self, step: &Step) {
        let before = self.moves.len();
        let (mut rows, mut counted) = (0, 0);
        let mut silent = Vec::new();
        for words in &step.commands {
            let word = |i: usize| words.get(i).map(|w| String::from_utf8_lossy(w).into_owned());
            let name = word(0).unwrap_or_default().to_uppercase();
            let key = word(1).unwrap_or_default();
            match (name.as_str(), suffix(&key).split_once(':')) {
                ("HSET", Some(("j", job))) => {
                    let fields = words[2..].chunks_exact(2);
                    let fields: HashMap<_, _> = fields
                        .map(|f| (f[0].as_slice(), String::from_utf8_lossy(&f[1]).into_owned()))
                        .collect();
                    if let Some(state) = fields.get(b"st".as_slice()) {
                        let to = JobState::from_word(Some(state)).expect("a known state");
                        let token = fields.get(b"t".as_slice()).cloned().unwrap_or_default();
                        self.go(job, to, token, silent.iter().any(|s| s == job));
                    }
                }
                ("HINCRBY", Some(("j", job))) if word(2).as_deref() == Some("c") => {
                    silent.push(job.to_owned());
                }
                ("HINCRBY", Some(("sw", _))) if word(2).as_deref() == Some("attempts") => {
                    counted += 1;
                }
                ("XADD", Some(("rows", _))) => rows += 1,
                ("UNLINK" | "DEL", _) => {
                    for key in &words[1..] {
                        let key = String::from_utf8_lossy(key).into_owned();
                        if let Some(("j", job)) = suffix(&key).split_once(':') {
                            self.go(job, JobState::Absent, String::new(), false);
                        }
                    }
                }
                _ => {}
            }
        }
        let ended = self.moves[before..].iter().filter(|m| m.is_ending()).count();
        assert!(rows <= ended, "{rows} rows came with {ended} endings: {step:?}");
        assert!(counted <= ended, "{counted} attempts came with {ended} endings: {step:?}");
    }

    fn go(&mut self, job: &str, to: JobState, token: String, silent: bool) {
        let (from, old) =
            self.states.get(job).cloned().unwrap_or((JobState::Absent, String::new()));
        assert!(is_allowed(from, to), "{job} went from {from:?} to {to:?}, which is no move");
        let taken_back = silent && from == JobState::Leased;
        let token = if from == JobState::Leased { old } else { token };
        self.moves.push(Move { job: job.to_owned(), from, to, token: token.clone(), taken_back });
        if to == JobState::Absent {
            self.states.remove(job);
        } else {
            self.states.insert(job.to_owned(), (to, token));
        }
    }

    /// State of each job that is in the queue now.
    pub fn states(&self) -> BTreeMap<&str, JobState> {
        self.states.iter().map(|(job, (state, _))| (job.as_str(), *state)).collect()
    }

    /// The leases that ran out.
    pub fn taken_back(&self) -> Vec<&Move> {
        self.moves.iter().filter(|m| m.taken_back).collect()
    }

    /// Where the job went from the lease with this token by a commit of its holder; `None` when no
    /// such commit happened.
    pub fn ending(&self, job: &str, token: &str) -> Option<JobState> {
        let ended = |m: &&Move| m.job == job && m.token == token && m.is_ending();
        self.moves.iter().find(ended).map(|m| m.to)
    }

    /// How often a lease of this job was ended by its holder's commit.
    pub fn endings(&self, job: &str) -> usize {
        self.moves.iter().filter(|m| m.job == job && m.is_ending()).count()
    }
}

impl Move {
    /// The lease was ended by a commit, not by time.
    pub fn is_ending(&self) -> bool {
        self.from == JobState::Leased && !self.taken_back
    }
}

/// What stands behind a key's hash tag.
fn suffix(key: &str) -> &str {
    key.split_once("}:").map_or(key, |(_, suffix)| suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(commands: &[&str]) -> Step {
        let words = |c: &&str| c.split(' ').map(|w| w.as_bytes().to_vec()).collect();
        Step { commands: commands.iter().map(words).collect(), start: 0, end: 0 }
    }

    const PUSHED: &str = "HSET {scrum:0}:j:a st ready l lane";
    const LEASED: &str = "HSET {scrum:0}:j:a st leased t w/1 w w";
    const GONE: &str = "UNLINK {scrum:0}:j:a {scrum:0}:b:a";

    #[test]
    fn an_ending_and_a_lease_that_ran_out_are_told_apart() {
        let mut history = History::default();
        for commands in [
            &[PUSHED][..],
            &[LEASED],
            &["HINCRBY {scrum:0}:j:a c 1", "HSET {scrum:0}:j:a st ready t "],
            &["HSET {scrum:0}:j:a st leased t w/2 w w"],
            &["XADD {scrum:0}:rows:reviews:s 1-1 id r", GONE],
        ] {
            history.replay(&step(commands));
        }
        assert_eq!(history.ending("a", "w/1"), None);
        assert_eq!(history.ending("a", "w/2"), Some(JobState::Absent));
        assert_eq!((history.taken_back().len(), history.endings("a")), (1, 1));
        assert!(history.states().is_empty());
    }

    #[test]
    #[should_panic(expected = "went from Absent to Leased, which is no move")]
    fn a_move_that_is_not_in_the_table_is_seen() {
        History::default().replay(&step(&[LEASED]));
    }

    #[test]
    #[should_panic(expected = "1 rows came with 0 endings")]
    fn a_row_that_comes_without_its_jobs_ending_is_seen() {
        let mut history = History::default();
        history.replay(&step(&[PUSHED]));
        history.replay(&step(&[LEASED, "XADD {scrum:0}:rows:reviews:s 1-1 id r"]));
    }

    #[test]
    #[should_panic(expected = "2 attempts came with 1 endings")]
    fn an_attempt_that_is_counted_twice_is_seen() {
        let mut history = History::default();
        history.replay(&step(&[PUSHED]));
        history.replay(&step(&[LEASED]));
        let count = "HINCRBY {scrum:0}:sw:s attempts 1";
        history.replay(&step(&[count, count, GONE]));
    }
}
