//! The provider of a rung: whether this worker can call it, and whether text for it must be masked.

use super::ask::wait_ms;
use crate::context::Context;
use crate::registry::JobInfo;
use queue_schema::effects::Effects;
use queue_schema::sweep::{Rung, SweepSpec};
use scrum_providers::Pause;

/// Handles a job whose provider this worker can't call: it is retried later, a bounded number of times, as after a
/// transient error, so that another worker takes it. `None` if the provider can be called, or the worker is set to
/// skip such rungs.
pub fn left_to_others(ctx: &Context, info: &JobInfo, rung: &Rung) -> Option<Effects> {
    if ctx.settings().worker.skip_unserved {
        return None;
    }
    let why = ctx.providers().unusable(&rung.provider)?;
    let reason = format!("this worker can't call {}: {why}; it was left to others", rung.provider);
    Some(Effects::retry(wait_ms(ctx, info.attempt, Pause::Away), reason))
}

/// Whether text for this rung leaves the user's machines, so that secrets must be masked. `local` is what the
/// record of the sweep or run says of its provider.
pub fn leaves(ctx: &Context, local: bool, rung: &Rung) -> bool {
    !ctx.providers().stays_here(&rung.provider, &rung.model, local)
}

/// As [`leaves`], of a rung of the sweep itself.
pub fn sweep_leaves(ctx: &Context, spec: &SweepSpec, rung: &Rung) -> bool {
    leaves(ctx, spec.says_local(&rung.provider), rung)
}
