//! Sets of cases, and the runs over them.

mod frozen;
mod mutants;
mod runs;
mod testing;

pub use frozen::{read as read_frozen, write as freeze};
pub use mutants::{Asked, choose};
pub use runs::{labelled, run};

use queue_schema::ids::content_id;
use scrum_domain::eval::case::Built;
use scrum_domain::eval::record::Tried;

/// Where the repositories of sets, worktrees and what tests said are, below the state directory.
const DIR: &str = "eval";
/// Digits of the name of a set.
const NAME_DIGITS: usize = 16;

/// Cases, and where they are from.
#[derive(Debug, Clone)]
pub struct Set {
    /// A repository, or a directory of cases.
    pub source: String,
    /// The commit; empty for a directory.
    pub commit: String,
    /// What their places depend on.
    pub seed: u64,
    /// How mutants were chosen.
    pub mutants: Option<Tried>,
    /// The cases, by their places.
    pub cases: Vec<Built>,
}

impl Set {
    /// A name that depends on the cases and their places.
    pub fn name(&self) -> String {
        let parts = self.cases.iter().flat_map(|built| {
            let case = &built.case;
            [case.id.as_bytes(), case.place.as_bytes(), case.category.as_bytes()]
        });
        content_id(&parts.collect::<Vec<_>>())[..NAME_DIGITS].to_owned()
    }

    /// How many have a fault.
    pub fn seeded(&self) -> usize {
        self.cases.iter().filter(|built| built.case.is_seeded()).count()
    }
}
