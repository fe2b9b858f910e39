//! Whom a rung asks: whether it can be asked from here, and whether what it is sent stays at home.

use super::ask::wait_ms;
use crate::context::Context;
use crate::registry::JobInfo;
use queue_schema::effects::Effects;
use queue_schema::sweep::{Rung, SweepSpec};
use scrum_providers::Pause;

/// What becomes of a job whose provider can't be called from here. Its lane is not served, so that it came by
/// mistake, and another worker may do it: it is put off, a bounded number of times, as after all errors of the
/// infrastructure. `None` when it can be called, or the worker is to skip such rungs.
pub fn left_to_others(ctx: &Context, info: &JobInfo, rung: &Rung) -> Option<Effects> {
    if ctx.settings().worker.skip_unserved {
        return None;
    }
    let why = ctx.providers().unusable(&rung.provider)?;
    let reason = format!("this worker can't call {}: {why}; it was left to others", rung.provider);
    Some(Effects::retry(wait_ms(ctx, info.attempt, Pause::Away), reason))
}

/// Whether what this rung is asked leaves the user's machines: then secrets are masked. `local` is what the
/// sweep's record says of its provider, or the run's.
pub fn leaves(ctx: &Context, local: bool, rung: &Rung) -> bool {
    !ctx.providers().stays_here(&rung.provider, &rung.model, local)
}

/// As [`leaves`], of a rung of the sweep itself.
pub fn sweep_leaves(ctx: &Context, spec: &SweepSpec, rung: &Rung) -> bool {
    leaves(ctx, spec.says_local(&rung.provider), rung)
}
