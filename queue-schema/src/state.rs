//! The states of a job and the moves between them: the one transition table.
//!
//! ```text
//!              enqueue (delay)            enqueue
//!      Absent ------------------+   +------------- Absent
//!                               v   v
//!                Delayed --promote--> Ready <----------------+
//!                   ^                  |  ^                  |
//!                   |retry             |  |take_back         |revive
//!                   |wait        claim |  |hand_back         |
//!                   |                  v  |                  |
//!                   +---------------- Leased --bury/poison--> Dead --discard/expire--> Absent
//!                                      |  ^|
//!                              complete|  ++renew
//!                                      v
//!                                    Absent
//! ```
//!
//! From every state a job goes to Absent with its sweep: dropped when that was cancelled, forgotten
//! when that is.
//!
//! Each move is made by one Lua script, named in the table; nothing else writes job keys. (The
//! reconciler, `check_*.lua` and `reconcile.lua`, makes no moves: it mends what no move can have left.)

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Not in the queue: never pushed, completed or discarded.
    Absent,
    /// Waits for its time.
    Delayed,
    /// Waits for a worker.
    Ready,
    /// A worker holds it until the lease's deadline.
    Leased,
    /// In the dead-letter queue until a person says what to do.
    Dead,
}

impl JobState {
    /// The word kept in the job's record; `None` for a job that has no record.
    pub const fn word(self) -> Option<&'static str> {
        match self {
            Self::Absent => None,
            Self::Delayed => Some("delayed"),
            Self::Ready => Some("ready"),
            Self::Leased => Some("leased"),
            Self::Dead => Some("dead"),
        }
    }

    /// The state for a word kept in the record.
    pub fn from_word(word: Option<&str>) -> Option<Self> {
        [Self::Absent, Self::Delayed, Self::Ready, Self::Leased, Self::Dead]
            .into_iter()
            .find(|s| s.word() == word)
    }
}

/// A move from one state to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// What it is called in logs and tests.
    pub name: &'static str,
    /// State before.
    pub from: JobState,
    /// State after.
    pub to: JobState,
    /// The Lua script that makes it.
    pub script: &'static str,
}

const fn t(name: &'static str, from: JobState, to: JobState, script: &'static str) -> Transition {
    Transition { name, from, to, script }
}

/// Every move there is.
pub const TRANSITIONS: &[Transition] = &[
    t("enqueue", JobState::Absent, JobState::Ready, "enqueue"),
    t("enqueue_delayed", JobState::Absent, JobState::Delayed, "enqueue"),
    t("promote", JobState::Delayed, JobState::Ready, "claim"),
    t("claim", JobState::Ready, JobState::Leased, "claim"),
    t("renew", JobState::Leased, JobState::Leased, "renew"),
    t("take_back", JobState::Leased, JobState::Ready, "claim"),
    t("poison", JobState::Leased, JobState::Dead, "claim"),
    t("complete", JobState::Leased, JobState::Absent, "commit"),
    t("retry", JobState::Leased, JobState::Delayed, "commit"),
    t("wait", JobState::Leased, JobState::Delayed, "commit"),
    t("bury", JobState::Leased, JobState::Dead, "commit"),
    t("hand_back", JobState::Leased, JobState::Ready, "commit"),
    t("revive", JobState::Dead, JobState::Ready, "revive"),
    t("discard", JobState::Dead, JobState::Absent, "discard"),
    t("drop_ready", JobState::Ready, JobState::Absent, "claim"),
    t("drop_delayed", JobState::Delayed, JobState::Absent, "claim"),
    t("expire", JobState::Dead, JobState::Absent, "expire"),
    t("forget_ready", JobState::Ready, JobState::Absent, "forget"),
    t("forget_delayed", JobState::Delayed, JobState::Absent, "forget"),
    t("forget_leased", JobState::Leased, JobState::Absent, "forget"),
    t("forget_dead", JobState::Dead, JobState::Absent, "forget"),
];

/// True when the table holds a move between these states.
pub fn is_allowed(from: JobState, to: JobState) -> bool {
    TRANSITIONS.iter().any(|t| t.from == from && t.to == to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back() {
        for state in
            [JobState::Absent, JobState::Delayed, JobState::Ready, JobState::Leased, JobState::Dead]
        {
            assert_eq!(JobState::from_word(state.word()), Some(state));
        }
        assert_eq!(JobState::from_word(Some("lost")), None);
    }

    /// Or what a person has set: letters expire only then, and a sweep with letters is forgotten
    /// only by a person's word.
    #[test]
    fn only_a_person_moves_a_dead_job() {
        let ways: Vec<_> =
            TRANSITIONS.iter().filter(|t| t.from == JobState::Dead).map(|t| t.name).collect();
        assert_eq!(ways, ["revive", "discard", "expire", "forget_dead"]);
        assert!(!is_allowed(JobState::Dead, JobState::Leased));
        assert!(is_allowed(JobState::Dead, JobState::Ready));
    }
}
