//! `scrum status`: sweeps, lanes, workers.

use super::unserved::{self, WORKER_SEEN};
use super::wait::{alert, exit_code, failure};
use crate::cli::{Global, StatusArgs};
use crate::output::{clear_screen, duration, fancy, say, say_json, say_lines, table, time};
use crate::progress::summary;
use crate::session::Session;
use crate::signals;
use queue_schema::client::SweepStatus;
use scrum_knowledge::now_ms;
use std::time::Duration;

/// Sweeps listed when none is named.
const LIST: usize = 20;
/// Pause between two looks of `--watch`.
const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Prints progress, once or until it is over.
///
/// # Errors
/// No such sweep, or a failure of Redis.
pub async fn execute(global: &Global, args: StatusArgs) -> anyhow::Result<u8> {
    let session = Session::open(global).await?;
    loop {
        let sweeps = look(&session, args.sweep.as_deref()).await?;
        if args.watch && fancy() && !global.json {
            // The picture stays in place.
            clear_screen()?;
        }
        print(global, &session, &sweeps, args.sweep.is_some()).await?;
        if !args.watch || sweeps.iter().all(SweepStatus::is_over) {
            let one = sweeps.first().filter(|_| args.sweep.is_some());
            return Ok(one.map_or(0, exit_code));
        }
        tokio::select! {
            () = signals::interrupted() => return Ok(130),
            () = tokio::time::sleep(WATCH_EVERY) => {}
        }
    }
}

async fn look(session: &Session, name: Option<&str>) -> anyhow::Result<Vec<SweepStatus>> {
    let ids = match name {
        Some(name) => vec![session.find_sweep(name).await?],
        None => session.queue.sweeps().await?.into_iter().take(LIST).collect(),
    };
    let mut out = Vec::new();
    for id in ids {
        out.extend(session.queue.sweep_status(&id).await?);
    }
    Ok(out)
}

async fn print(
    global: &Global,
    session: &Session,
    sweeps: &[SweepStatus],
    one: bool,
) -> anyhow::Result<()> {
    let lanes = session.queue.lanes().await?;
    let workers = session.queue.workers(WORKER_SEEN).await?;
    let (leased, delayed, dead) = session.queue.totals().await?;
    let paused = session.queue.paused().await?;
    let unserved = unserved::among(session, &lanes, &workers);
    let unserved: Vec<String> = unserved.iter().map(ToString::to_string).collect();
    // Measured for one sweep only: it is asked of the server key by key.
    let memory = match (sweeps, one) {
        ([s], true) => Some(session.queue.sweep_memory(&s.id, s.settled()).await?),
        _ => None,
    };
    if global.json {
        return say_json(&serde_json::json!({
            "memory": memory, "sweeps": sweeps, "lanes": lanes, "workers": workers, "paused": paused,
            "unserved": unserved,
            "jobs": { "leased": leased, "delayed": delayed, "dead": dead },
        }));
    }
    if sweeps.is_empty() {
        say("no sweeps yet; start one with `scrum run REPO`")?;
    } else {
        let now = now_ms();
        let rows: Vec<_> = sweeps
            .iter()
            .map(|s| {
                let took = s.took_ms(now);
                vec![
                    s.id.clone(),
                    format!("{:?}", s.state).to_lowercase(),
                    s.priority.as_str().to_owned(),
                    format!("{}/{}", s.settled(), s.total),
                    time(s.created_ms),
                    duration(took),
                    summary(s, Duration::from_millis(took)),
                ]
            })
            .collect();
        say_lines(&table(&["SWEEP", "STATE", "RANK", "FILES", "SINCE", "TOOK", ""], &rows))?;
    }
    for s in sweeps {
        if let Some(failure) = failure(s) {
            say(&failure)?;
        }
        for (rung, message) in session.queue.alerts(&s.id).await? {
            say(&format!("{}: {}", s.id, alert(&rung, &message)))?;
        }
    }
    if let Some(memory) = memory {
        let each = memory.bytes_per_review.map(|b| format!(", {b} bytes for each finished review"));
        say(&format!("memory: {} kB of records{}", memory.bytes / 1000, each.unwrap_or_default()))?;
    }
    say("")?;
    say(&format!("jobs: {leased} running, {delayed} delayed, {dead} dead"))?;
    if !lanes.is_empty() {
        let any = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let rows: Vec<_> = lanes
            .iter()
            .map(|l| {
                vec![
                    l.lane.clone(),
                    l.ready.to_string(),
                    l.leased.to_string(),
                    any(l.limit),
                    any(l.rate_per_minute),
                    l.oldest_ms.map_or_else(|| "-".to_owned(), duration),
                    if l.paused { "paused" } else { "" }.to_owned(),
                ]
            })
            .collect();
        say_lines(&table(&["LANE", "READY", "RUNNING", "LIMIT", "A MINUTE", "OLDEST", ""], &rows))?;
    }
    for lane in unserved {
        say(&lane)?;
    }
    if !paused.is_empty() {
        say(&format!("paused: {}", paused.join(", ")))?;
    }
    if workers.is_empty() {
        return say("workers: none");
    }
    let rows: Vec<_> = workers
        .iter()
        .map(|w| {
            vec![
                w.host.clone(),
                w.pid.to_string(),
                w.concurrency.to_string(),
                format!("{} ms ago", w.silent_ms),
            ]
        })
        .collect();
    say_lines(&table(&["WORKER", "PID", "JOBS AT A TIME", "SEEN"], &rows))
}
