//! Confirmation: a second call that is shown the findings of an accepted review without their confidences and their
//! author, and has to name an input, what the code does with it and what it should do. A finding that it upholds is
//! confirmed, one that it rejects is doubted, and one that it can't judge stays as it was.

mod ask;
mod judge;

pub use ask::{Asked, ask};
pub use judge::{REJECTED, judge, settle};

pub(crate) use ask::CONFIRM;

use queue_schema::rows::Finding;
use queue_schema::sweep::ConfirmBounds;

/// Which findings are worth a second call, by their place in the list: those that a person should act on, whose code
/// is known, that passed all checks by program, and of which the reviewer is sure. Nobody else has confirmed them.
pub fn candidates(findings: &[Finding], bounds: &ConfirmBounds) -> Vec<usize> {
    let worth = |f: &Finding| {
        f.kind.is_actionable()
            && f.anchored
            && f.checks.is_empty()
            && f.confirmed.is_none()
            && !f.confidence_unreadable
            && f.confidence.is_some_and(|sure| sure >= bounds.min_confidence)
    };
    let worth = findings.iter().enumerate().filter(|(_, f)| worth(f)).map(|(at, _)| at);
    worth.take(bounds.max_findings as usize).collect()
}

#[cfg(test)]
mod tests;
