//! What a handler asks for. Handlers write nothing: they return [`Effects`], and one script
//! applies all of them or, when the lease is no longer the worker's, none.

mod job;

pub use job::{NewJob, Priority, Sending};

use crate::ids::SweepId;
use crate::jobs::JobKind;
use crate::keys;
use crate::rows::Row;
use crate::sweep::{Target, TargetStatus};

/// One thing that should happen.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Put a job into the queue, unless its id is there already.
    Enqueue(NewJob),
    /// Append a row, unless its id was written before.
    AppendRow {
        /// Sweep the row belongs to.
        sweep: SweepId,
        /// Row kind.
        stream: &'static str,
        /// Unique within (sweep, stream).
        row_id: String,
        /// The row.
        json: String,
    },
    /// Set a field of a state hash.
    Put {
        /// Key suffix, see [`crate::keys`].
        key: String,
        /// Field.
        field: String,
        /// Value.
        value: String,
    },
    /// Add to a number in a state hash.
    Add {
        /// Key suffix.
        key: String,
        /// Field.
        field: String,
        /// May be negative.
        by: i64,
    },
    /// Add to several numbers of one hash of counters.
    Tally {
        /// Key suffix.
        key: String,
        /// Field, and what is added to it.
        adds: Vec<(String, i64)>,
    },
    /// Append to a list.
    Append {
        /// Key suffix.
        key: String,
        /// Value.
        value: String,
    },
    /// Put a name into an ordered list of names, where it stands once.
    Index {
        /// Key suffix.
        key: String,
        /// The name.
        member: String,
    },
    /// Take a name out of it.
    Unindex {
        /// Key suffix.
        key: String,
        /// The name.
        member: String,
    },
    /// Remove a key.
    Delete {
        /// Key suffix.
        key: String,
    },
    /// Make a barrier: when `size` members have arrived, `then` is enqueued.
    Barrier {
        /// Unique name.
        name: String,
        /// Members expected; at least 1.
        size: u32,
        /// The continuation.
        then: NewJob,
    },
    /// Arrive at a barrier as member `member`, which counts once however often it comes.
    Arrive {
        /// Which barrier.
        name: String,
        /// Member, from 0.
        member: u32,
    },
    /// Record a page of targets; skipped ones carry their reason.
    PlanTargets {
        /// Which sweep.
        sweep: SweepId,
        /// Ordinal of the first.
        first: u32,
        /// The page.
        targets: Vec<Target>,
    },
    /// The last page is written: the sweep can end.
    PlanDone {
        /// Which sweep.
        sweep: SweepId,
    },
    /// Tell whoever watches what happened.
    Event {
        /// See [`crate::events`].
        source: &'static str,
        /// The event, as JSON.
        json: String,
    },
    /// Move a target to a status. Leaving `Live` admits the next target and may end the sweep.
    Settle {
        /// Which sweep.
        sweep: SweepId,
        /// Which target.
        target: u32,
        /// Where to.
        status: TargetStatus,
    },
}

/// Why a job is dead, as a class that filters go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadClass {
    /// All rungs of the ladder are spent.
    LadderExhausted,
    /// The job itself failed more often than allowed.
    AttemptsExhausted,
    /// It took its worker down too often.
    Poison,
    /// Its body can't be read.
    Undecodable,
    /// It can't succeed, so it was not tried again.
    Fatal,
    /// It, or what it needs, lacks the signature of the fleet, so it was not run.
    Unsigned,
}

impl DeadClass {
    /// The word kept in the record.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LadderExhausted => "ladder_exhausted",
            Self::AttemptsExhausted => "attempts_exhausted",
            Self::Poison => "poison",
            Self::Undecodable => "undecodable",
            Self::Fatal => "fatal",
            Self::Unsigned => "unsigned",
        }
    }
}

/// What becomes of the job itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It vanishes; its effects are the record.
    Done,
    /// It failed and comes back after a while; counts an attempt.
    Retry {
        /// Milliseconds by the Redis clock.
        delay_ms: u64,
        /// What went wrong.
        reason: String,
    },
    /// It can't go on now, through no fault of its own: it comes back after a while, and no
    /// attempt is counted.
    Wait {
        /// Milliseconds by the Redis clock.
        delay_ms: u64,
        /// What it waits for.
        reason: String,
    },
    /// It goes to the dead-letter queue.
    Dead {
        /// Class of reason.
        class: DeadClass,
        /// What went wrong.
        reason: String,
    },
    /// It goes back untouched: the worker is leaving.
    HandBack,
}

/// All that a handler wants to happen, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Effects {
    /// In the order of application.
    pub list: Vec<Effect>,
    /// What becomes of the job.
    pub ending: Ending,
}

impl Effects {
    /// Nothing yet, and the job is done.
    pub const fn done() -> Self {
        Self { list: Vec::new(), ending: Ending::Done }
    }

    /// Nothing but another try after a while.
    pub fn retry(delay_ms: u64, reason: impl Into<String>) -> Self {
        Self { list: Vec::new(), ending: Ending::Retry { delay_ms, reason: reason.into() } }
    }

    /// Nothing but the dead-letter queue.
    pub fn dead(class: DeadClass, reason: impl Into<String>) -> Self {
        Self { list: Vec::new(), ending: Ending::Dead { class, reason: reason.into() } }
    }

    /// Adds an effect.
    #[must_use]
    pub fn with(mut self, effect: Effect) -> Self {
        self.list.push(effect);
        self
    }

    /// Adds effects.
    #[must_use]
    pub fn with_all(mut self, effects: impl IntoIterator<Item = Effect>) -> Self {
        self.list.extend(effects);
        self
    }

    /// Adds a follow-up job.
    ///
    /// # Errors
    /// Only if the payload does not serialise.
    pub fn enqueue<J: JobKind>(self, job: &J) -> Result<Self, serde_json::Error> {
        Ok(self.with(Effect::Enqueue(NewJob::of(job)?)))
    }

    /// Adds a row.
    ///
    /// # Errors
    /// Only if the row does not serialise.
    pub fn append_row<R: Row>(self, sweep: &SweepId, row: &R) -> Result<Self, serde_json::Error> {
        Ok(self.with(Effect::AppendRow {
            sweep: sweep.clone(),
            stream: R::STREAM,
            row_id: row.row_id(),
            json: serde_json::to_string(row)?,
        }))
    }

    /// Changes what becomes of the job.
    #[must_use]
    pub fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// Flat form for `lua/commit.lua`: ending, its two arguments, number of effects, effects.
    pub fn encode(&self, with: Sending<'_>, out: &mut Vec<Vec<u8>>) {
        let (word, a, b): (&str, Vec<u8>, &str) = match &self.ending {
            Ending::Done => ("done", Vec::new(), ""),
            Ending::Retry { delay_ms, reason } => ("retry", num(*delay_ms), reason),
            Ending::Wait { delay_ms, reason } => ("wait", num(*delay_ms), reason),
            Ending::Dead { class, reason } => ("dead", class.as_str().into(), reason),
            Ending::HandBack => ("back", Vec::new(), ""),
        };
        out.push(word.into());
        out.push(a);
        out.push(b.as_bytes().to_vec());
        self.encode_list(with, out);
    }

    /// The effects alone, as `apply` in `lua/include/effects.lua` reads them.
    pub fn encode_list(&self, with: Sending<'_>, out: &mut Vec<Vec<u8>>) {
        out.push(num(self.list.len() as u64));
        for effect in &self.list {
            effect.encode(with, out);
        }
    }
}

impl Effect {
    fn encode(&self, with: Sending<'_>, out: &mut Vec<Vec<u8>>) {
        let mut words = |ws: &[&str]| out.extend(ws.iter().map(|w| w.as_bytes().to_vec()));
        match self {
            Self::Enqueue(job) => {
                words(&["enqueue"]);
                job.encode(with, out);
            }
            Self::AppendRow { sweep, stream, row_id, json } => {
                let row = with.signer.seal(&keys::rows(stream, sweep), row_id, json);
                words(&["row", sweep, stream, row_id, &row]);
            }
            Self::Put { key, field, value } if keys::is_signed(key, field) => {
                words(&["put", key, field, &with.signer.seal(key, field, value)]);
            }
            Self::Put { key, field, value } => words(&["put", key, field, value]),
            Self::Add { key, field, by } => words(&["add", key, field, &by.to_string()]),
            Self::Tally { key, adds } => {
                words(&["tally", key, &adds.len().to_string()]);
                for (field, by) in adds {
                    words(&[field, &by.to_string()]);
                }
            }
            Self::Append { key, value } => words(&["append", key, value]),
            Self::Index { key, member } => words(&["index", key, member]),
            Self::Unindex { key, member } => words(&["unindex", key, member]),
            Self::Delete { key } => words(&["delete", key]),
            Self::Barrier { name, size, then } => {
                words(&["barrier", name, &size.to_string()]);
                then.encode(with, out);
            }
            Self::Arrive { name, member } => words(&["arrive", name, &member.to_string()]),
            Self::PlanTargets { sweep, first, targets } => {
                words(&["targets", sweep, &first.to_string(), &targets.len().to_string()]);
                for (ordinal, target) in (*first..).zip(targets) {
                    let status = if target.skip.is_some() {
                        TargetStatus::Skipped
                    } else {
                        TargetStatus::Waiting
                    };
                    out.push(status.code().to_string().into_bytes());
                    let json = serde_json::to_string(target).unwrap_or_default();
                    let (key, field) = (keys::targets(sweep), ordinal.to_string());
                    out.push(with.signer.seal(&key, &field, &json).as_bytes().to_vec());
                }
            }
            Self::PlanDone { sweep } => words(&["listed", sweep]),
            Self::Event { source, json } => words(&["event", source, json]),
            Self::Settle { sweep, target, status } => {
                words(&["settle", sweep, &target.to_string(), &status.code().to_string()]);
            }
        }
    }
}

fn num(n: u64) -> Vec<u8> {
    n.to_string().into_bytes()
}
