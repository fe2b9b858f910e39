//! What tests have proven, written down in the ledger of findings, where later reviews and readers look.

use crate::context::Context;
use crate::jobs::now_ms;
use crate::runtime::HandlerError;
use queue_schema::client::Queue;
use queue_schema::effects::Effect;
use queue_schema::ids::FindingId;
use queue_schema::records::{FindingsRecord, Proven};
use queue_schema::rows::{AutoApplyRow, FindingProof, ReviewRow};
use queue_schema::sweep::SweepSpec;
use scrum_domain::findings::{View, code_in};

/// The proofs of a run's rows, to be committed with them; `reviews` are in the order of the rows. A finding whose code
/// is another one by now keeps what it has.
///
/// # Errors
/// When Redis or the repository can't be read.
pub(crate) async fn effects(
    ctx: &Context,
    spec: &SweepSpec,
    rows: &[AutoApplyRow],
    reviews: &[ReviewRow],
) -> Result<Vec<Effect>, HandlerError> {
    let Some((memory, _)) = spec.memory() else { return Ok(Vec::new()) };
    let mut effects = Vec::new();
    for (row, review) in rows.iter().zip(reviews) {
        let Some(proof) = row.proof.as_ref().filter(|proof| proof.proven) else { continue };
        let Some(finding) = review.findings.get(proof.finding as usize) else { continue };
        let id = proof.finding_id.as_ref().and_then(|id| id.parse::<FindingId>().ok());
        let Some(id) = id else { continue };
        let (memory, asked) = (&memory, [&id]);
        let read = |queue: Queue| async move { queue.finding_places(memory, &asked).await };
        let place = ctx.read("where a finding is", read).await?.into_iter().flatten().next();
        let path = place.map_or_else(|| review.file.clone(), |(_, path)| path);
        let paths = [&path];
        let read = |queue: Queue| async move { queue.findings_of(memory, &paths).await };
        let files = ctx.read("the findings of a file", read).await?;
        let known = files.iter().find_map(|file| file.get(&id)).map(|kept| &kept.observed);
        let view = View::new(&review.file, &ctx.source(spec, &review.blob).await?);
        let what = Proven {
            proof: FindingProof {
                sweep: row.sweep_id.clone(),
                run: row.run_id.clone(),
                test: proof.test.clone(),
            },
            at_ms: now_ms(),
            code: code_in(&view, finding, known, &review.sweep_id),
        };
        effects.push(FindingsRecord::of(memory, &path).proven(&id, &what)?);
    }
    Ok(effects)
}
