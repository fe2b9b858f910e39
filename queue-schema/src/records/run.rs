//! The state of a run of the applier.

use crate::apply::Proposal;
use crate::effects::{Effect, NewJob};
use crate::ids::{RunId, SweepId};
use crate::keys;

/// Names of fields.
pub mod fields {
    /// The request, as JSON; signed.
    pub const SPEC: &str = "spec";
    /// How it ended, as JSON; absent while it is under way.
    pub const ENDED: &str = "ended";
    /// The beginning of fields that hold what was proposed for a file, by its number; signed.
    pub const PROPOSAL: &str = "p";
    /// Those that are a word of their own.
    pub const NAMES: [&str; 2] = [SPEC, ENDED];
}

/// Changes of the state of one run.
#[derive(Debug, Clone, Copy)]
pub struct RunRecord<'a> {
    sweep: &'a SweepId,
    run: &'a RunId,
}

impl<'a> RunRecord<'a> {
    /// Of this run over this sweep.
    pub const fn of(sweep: &'a SweepId, run: &'a RunId) -> Self {
        Self { sweep, run }
    }

    fn put(self, field: String, value: String) -> Effect {
        Effect::Put { key: keys::apply_run(self.sweep, self.run), field, value }
    }

    /// The request.
    pub fn spec(self, json: String) -> Effect {
        self.put(fields::SPEC.into(), json)
    }

    /// The sweep has this run.
    pub fn listed(self) -> Effect {
        Effect::Append { key: keys::apply_runs(self.sweep), value: self.run.to_string() }
    }

    /// The field of what was proposed for a file.
    pub fn proposal_field(member: u32) -> String {
        format!("{}{member}", fields::PROPOSAL)
    }

    /// What was proposed for a file.
    ///
    /// # Errors
    /// Only if it does not serialise.
    pub fn proposal(self, member: u32, proposal: &Proposal) -> Result<Effect, serde_json::Error> {
        Ok(self.put(Self::proposal_field(member), serde_json::to_string(proposal)?))
    }

    /// It is over.
    pub fn ended(self, json: String) -> Effect {
        self.put(fields::ENDED.into(), json)
    }

    /// The proposals for so many files meet; then `then` goes on.
    pub fn wait_for_proposals(self, size: u32, then: NewJob) -> Effect {
        Effect::Barrier { name: keys::apply_barrier(self.sweep, self.run), size, then }
    }

    /// The proposal for a file is there.
    pub fn proposed(self, member: u32) -> Effect {
        Effect::Arrive { name: keys::apply_barrier(self.sweep, self.run), member }
    }
}
