//! Sweeps of one repository over time: loop metrics, each held against the sweep before.

use crate::sweeps::LOOK_BACK;
use crate::{Error, now_ms, timestamp};
use queue_schema::client::{Mark, Queue, SweepStatus};
use queue_schema::ids::SweepId;
use queue_schema::rows::LoopMetricsRow;
use queue_schema::sweep::SweepSpec;
use scrum_domain::metrics::{self, Swept, same_repository};

/// The metrics of one sweep; `None` when it is gone meanwhile.
///
/// # Errors
/// A failure of Redis.
pub async fn metrics_of(queue: &Queue, id: &SweepId) -> Result<Option<LoopMetricsRow>, Error> {
    let Some((now, mark)) = swept(queue, id).await? else { return Ok(None) };
    for older in queue.sweeps_page(Some(&mark), LOOK_BACK).await?.0 {
        let spec = queue.sweep_spec(&older).await?;
        let is_before =
            |spec: &SweepSpec| spec.reviews_files() && same_repository(&spec.repo, &now.spec.repo);
        if spec.as_ref().is_some_and(is_before) {
            let before = swept(queue, &older).await?.map(|(before, _)| before);
            return Ok(Some(metrics::row(&now, before.as_ref())));
        }
    }
    Ok(Some(metrics::row(&now, None)))
}

/// The metrics of the sweeps of one repository, or of all, newest first and repository by repository:
/// at most `limit` of each, 0 for all.
///
/// # Errors
/// A failure of Redis.
pub async fn metrics_of_all(
    queue: &Queue,
    repo: Option<&str>,
    limit: usize,
) -> Result<Vec<Vec<LoopMetricsRow>>, Error> {
    // One more of each is read than is shown: the last one is held against it.
    let most = if limit == 0 { LOOK_BACK } else { limit };
    let mut by_repo: Vec<Vec<Swept>> = Vec::new();
    for id in &queue.latest_sweeps(LOOK_BACK).await? {
        let Some(spec) = queue.sweep_spec(id).await? else { continue };
        if repo.is_some_and(|repo| !same_repository(repo, &spec.repo)) {
            continue;
        }
        let known = by_repo.iter_mut().find(|all| same_repository(&all[0].spec.repo, &spec.repo));
        if known.as_ref().is_some_and(|all| all.len() > most) {
            if repo.is_some() {
                break;
            }
            continue;
        }
        let Some((sweep, _)) = swept(queue, id).await? else { continue };
        match known {
            Some(all) => all.push(sweep),
            None => by_repo.push(vec![sweep]),
        }
    }
    let rows = |all: &Vec<Swept>| {
        let before = all.iter().skip(1).map(Some).chain(std::iter::once(None));
        all.iter().zip(before).take(most).map(|(now, b)| metrics::row(now, b)).collect()
    };
    Ok(by_repo.iter().map(rows).collect())
}

/// A sweep in numbers, and where it stands among the sweeps. None over a change: it says nothing of the repository.
async fn swept(queue: &Queue, id: &SweepId) -> Result<Option<(Swept, Mark)>, Error> {
    let (Some(spec), Some(status)) = (queue.sweep_spec(id).await?, queue.sweep_status(id).await?)
    else {
        return Ok(None);
    };
    if !spec.reviews_files() {
        return Ok(None);
    }
    let SweepStatus { state, created_ms, .. } = status;
    let mark = Mark { at_ms: created_ms, id: id.to_string() };
    let swept = Swept {
        id: id.to_string(),
        spec,
        state: format!("{state:?}").to_lowercase(),
        started_at: timestamp(created_ms),
        wall_ms: status.took_ms(now_ms()),
        resolved: status.resolved,
        unresolved: status.unresolved,
        skipped: status.skipped,
        left_out: status.left_out,
        attempts: status.attempts,
        tokens_in: status.tokens_in,
        tokens_out: status.tokens_out,
        cost_micro_usd: status.cost_micro_usd,
        counters: queue.loop_counters(id).await?,
        ledger: queue.ledger(id).await?,
    };
    Ok(Some((swept, mark)))
}
