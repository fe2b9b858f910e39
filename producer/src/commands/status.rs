//! `scrum status`: sweeps, lanes, workers.

use crate::cli::{Global, StatusArgs};
use crate::output::{clear_screen, duration, fancy, say, say_json, say_lines, table, time};
use crate::progress::{Pace, done, summary};
use crate::session::Session;
use crate::wait::{self, alert, exit_code, failure};
use queue_schema::client::{LaneStatus, PoolStatus, SweepStatus, WorkerInfo};
use queue_schema::effects::Priority;
use queue_schema::keys;
use scrum_knowledge::fleet::{Overview, overview};
use scrum_knowledge::{now_ms, sweeps};
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
    let code = wait::until(WATCH_EVERY, async || {
        let sweep = match &args.sweep {
            Some(name) => Some(session.find_sweep(name).await?),
            None => None,
        };
        let found = overview(&session.queue, session.asker(), sweep.as_ref(), LIST).await?;
        if args.watch && fancy() && !global.json {
            // The picture stays in place.
            clear_screen()?;
        }
        if global.json {
            say_json(&serde_json::to_value(&found)?)?;
        } else {
            print(&session, &found).await?;
        }
        let is_last = !args.watch || found.sweeps.iter().all(SweepStatus::is_over);
        let one = found.sweeps.first().filter(|_| sweep.is_some());
        Ok(is_last.then(|| one.map_or(0, exit_code)))
    });
    Ok(code.await?.unwrap_or(130))
}

async fn print(session: &Session, found: &Overview) -> anyhow::Result<()> {
    if found.sweeps.is_empty() {
        say("no sweeps yet; start one with `scrum run REPO`")?;
    } else {
        let now = now_ms();
        let rows: Vec<_> = found.sweeps.iter().map(|s| of_sweep(s, now)).collect();
        say_lines(&table(&["SWEEP", "STATE", "FILES", "SINCE", "TOOK", ""], &rows))?;
    }
    for s in &found.sweeps {
        if let Some(failure) = failure(s) {
            say(&failure)?;
        }
        for (rung, message) in sweeps::alerts(&session.queue, &s.id).await? {
            say(&format!("{}: {}", s.id, alert(&rung, &message)))?;
        }
    }
    if let Some(memory) = found.memory {
        let each = memory.bytes_per_review.map(|b| format!(", {b} bytes for each finished review"));
        say(&format!("memory: {} kB of records{}", memory.bytes / 1000, each.unwrap_or_default()))?;
    }
    print_fleet(found)
}

fn print_fleet(found: &Overview) -> anyhow::Result<()> {
    let jobs = &found.jobs;
    say("")?;
    say(&format!("jobs: {} running, {} delayed, {} dead", jobs.leased, jobs.delayed, jobs.dead))?;
    if !found.lanes.is_empty() {
        let rows: Vec<_> = found.lanes.iter().map(of_lane).collect();
        say_lines(&table(&["LANE", "READY", "OLDEST", ""], &rows))?;
    }
    let shown = found.pools.iter().filter(|p| shows(p, &found.lanes));
    let pools: Vec<_> = shown.map(of_pool).collect();
    if !pools.is_empty() {
        say_lines(&table(&["PROVIDER", "IN CALL", "LIMIT", "MOST", "A MINUTE", ""], &pools))?;
    }
    for lane in &found.unserved {
        say(&lane.to_string())?;
    }
    if !found.paused.is_empty() {
        say(&format!("paused: {}", found.paused.join(", ")))?;
    }
    if found.workers.is_empty() {
        return say("workers: none");
    }
    let rows: Vec<_> = found.workers.iter().map(of_worker).collect();
    say_lines(&table(&["WORKER", "PID", "JOBS AT A TIME", "SEEN"], &rows))
}

fn of_sweep(s: &SweepStatus, now: u64) -> Vec<String> {
    let took = s.took_ms(now);
    let rank = match s.priority {
        Priority::Normal => String::new(),
        other => format!("rank {}, ", other.as_str()),
    };
    vec![
        s.id.to_string(),
        s.state.as_str().to_owned(),
        format!("{}/{}", s.settled(), s.total),
        time(s.created_ms),
        duration(took),
        rank + &summary(s, Some(Pace { done: done(s), took: Duration::from_millis(took) })),
    ]
}

fn of_lane(l: &LaneStatus) -> Vec<String> {
    vec![
        l.lane.clone(),
        l.ready.to_string(),
        l.oldest_ms.map_or_else(|| "-".to_owned(), duration),
        if l.paused { "paused" } else { "" }.to_owned(),
    ]
}

fn of_worker(w: &WorkerInfo) -> Vec<String> {
    let seen = format!("{} ms ago", w.silent_ms);
    vec![w.host.clone(), w.pid.to_string(), w.concurrency.to_string(), seen]
}

/// Pools that are used now, or that calls wait for.
fn shows(pool: &PoolStatus, lanes: &[LaneStatus]) -> bool {
    let waited_for = || lanes.iter().any(|l| keys::pool_of(&l.lane) == pool.pool);
    pool.in_call > 0 || pool.paused_ms.is_some() || waited_for()
}

fn of_pool(pool: &PoolStatus) -> Vec<String> {
    let any = |n: Option<u64>| n.map_or_else(|| "-".to_owned(), |n| n.to_string());
    let why = pool.refused_with.map_or_else(String::new, |code| format!(" after HTTP {code}"));
    let until = |ms| time(now_ms() + ms);
    let paused =
        pool.paused_ms.map(|ms| format!("paused for {}{why}, until {}", duration(ms), until(ms)));
    let most = any(pool.most) + if pool.auto { " (auto)" } else { "" };
    vec![
        pool.pool.clone(),
        pool.in_call.to_string(),
        any(pool.limit),
        most,
        any(pool.rate_per_minute),
        paused.unwrap_or_default(),
    ]
}
