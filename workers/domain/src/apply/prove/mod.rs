//! Whether a finding is true, shown by a test: where the test stands and what runs it ([`plan`]), what the model is
//! asked and what it answered ([`ask`]), what a run of the test said ([`told`]), and the gates that it passes.
//!
//! A test that comes with a fix proves little by itself: many pass without the fix too. So the test has to fail by an
//! assertion on the file as it is, to pass with the patch, again and again, and to fail once the patch is taken back.

pub mod ask;
pub mod plan;
pub mod told;

pub use plan::{OwnPlan, Project, plan};
pub use told::{Told, told};

/// The gates of a test, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProofGate {
    /// There is a test.
    Answer,
    /// Its file is a new one that may be written.
    Place,
    /// It fails without the patch, by an assertion.
    Before,
    /// It changes no file of the project.
    Touches,
    /// It passes with the patch.
    After,
    /// It passes as often as it is to.
    Repeat,
    /// It fails again without the patch, by an assertion.
    Revert,
}

impl ProofGate {
    /// The name used in rows.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Place => "place",
            Self::Before => "before",
            Self::Touches => "touches",
            Self::After => "after",
            Self::Repeat => "repeat",
            Self::Revert => "revert",
        }
    }
}

/// Whether a run without the patch passes the gate: the test fails, and by an assertion.
///
/// # Errors
/// Why not. `again` says that the patch was there before.
pub fn fails(told: &Told, again: bool, seconds: u64) -> Result<(), String> {
    let when = if again { "once the patch is taken back" } else { "without the patch" };
    match told {
        Told::Failed => Ok(()),
        Told::Passed => Err(format!("the test passes {when}")),
        other => Err(format!("the test shows nothing {when}: {}", other.why(seconds))),
    }
}

/// Whether the n-th of so many runs with the patch passes its gate.
///
/// # Errors
/// The gate, and why not.
pub fn passes(told: &Told, n: u32, of: u32, seconds: u64) -> Result<(), (ProofGate, String)> {
    if *told == Told::Passed {
        return Ok(());
    }
    let why = told.why(seconds);
    Err(if n <= 1 {
        (ProofGate::After, format!("the test does not pass with the patch: {why}"))
    } else {
        (
            ProofGate::Repeat,
            format!("the test passes with the patch, but not on run {n} of {of}: {why}"),
        )
    })
}

/// Directories and files that tools leave in a project by themselves when they run a test.
const LEFT_BY_TOOLS: [&str; 12] = [
    "target",
    "node_modules",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".hypothesis",
    ".vite",
    ".vitest",
    ".nyc_output",
    "coverage",
    ".coverage",
    "build",
];

/// The first of the paths that a run changed for which it is to blame: a file of the project, or a new one that no
/// tool leaves by itself. `known` says which paths the commit has.
pub fn to_blame(changed: &[String], known: impl Fn(&str) -> bool) -> Option<&str> {
    let of_tools = |path: &str| {
        path.split('/').any(|part| {
            LEFT_BY_TOOLS.contains(&part) || part.ends_with(".pyc") || part.ends_with(".egg-info")
        })
    };
    // Cargo brings its lock file up to date, whoever runs it.
    let locked = |path: &str| path.rsplit('/').next() == Some("Cargo.lock");
    let blamed = |path: &&str| !locked(path) && (known(path) || !of_tools(path));
    changed.iter().map(String::as_str).find(blamed)
}

#[cfg(test)]
mod tests;
