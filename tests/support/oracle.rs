//! The one oracle, run after every fault: nothing lost, nothing twice, every job in one state.

use queue_schema::client::{Queue, SweepStatus};
use queue_schema::rows::ReviewRow;
use queue_schema::state::JobState;
use queue_schema::sweep::TargetStatus;
use redis::Commands;
use scrum_config::{LoadOptions, Settings};
use std::collections::{HashMap, HashSet};

/// A queue client for looking.
pub async fn queue(url: &str) -> Queue {
    let settings = Settings::load(LoadOptions::default()).unwrap();
    Queue::connect(settings.queue_options(url)).await.unwrap()
}

/// Checks a sweep against its promises and returns its counters.
///
/// # Panics
/// When a promise is broken.
pub async fn check_sweep(queue: &Queue, id: &str) -> SweepStatus {
    let s = check_sweep_counts(queue, id).await;
    let rows = queue.rows::<ReviewRow>(id).await.unwrap();
    let ids: HashSet<_> = rows.iter().map(|r| r.review_id.clone()).collect();
    assert_eq!(ids.len(), rows.len(), "no review has two rows");
    assert_eq!(rows.len() as u64, s.resolved, "one row for each accepted review");
    s
}

/// Checks the counters of a sweep against its targets, and returns them.
///
/// # Panics
/// When one is off.
pub async fn check_sweep_counts(queue: &Queue, id: &str) -> SweepStatus {
    let s = queue.sweep_status(id).await.unwrap().expect("the sweep has a record");
    let targets = queue.targets(id).await.unwrap();
    assert_eq!(targets.len() as u64, s.total, "as many targets as counted");
    let count = |status| targets.iter().filter(|(_, t)| *t == status).count() as u64;
    assert_eq!(count(TargetStatus::Resolved), s.resolved);
    assert_eq!(count(TargetStatus::Unresolved), s.unresolved);
    assert_eq!(count(TargetStatus::Skipped), s.skipped);
    assert_eq!(count(TargetStatus::Live), s.live);
    assert_eq!(count(TargetStatus::Waiting), s.waiting);
    s
}

/// Checks that every job record is in exactly the one structure that its state names, and that
/// nothing else is anywhere. Returns jobs by state.
///
/// # Panics
/// When a job is in two places, in none, or in one without a record.
pub fn check_jobs(conn: &mut redis::Connection) -> HashMap<String, usize> {
    let p = "{scrum:0}:";
    let keys: Vec<String> = conn.keys(format!("{p}*")).unwrap();
    let zset = |conn: &mut redis::Connection, name: &str| -> HashSet<String> {
        conn.zrange::<_, Vec<String>>(format!("{p}{name}"), 0, -1).unwrap().into_iter().collect()
    };
    let leased = zset(conn, "leases");
    let delayed = zset(conn, "delayed");
    let dead = zset(conn, "dead");
    let mut ready = HashSet::new();
    let mut per_lane: HashMap<String, usize> = HashMap::new();
    for key in keys.iter().filter(|k| k.starts_with(&format!("{p}q:"))) {
        let ids: Vec<String> = conn.lrange(key, 0, -1).unwrap();
        for id in ids {
            let lane: String = conn.hget(format!("{p}j:{id}"), "l").unwrap();
            *per_lane.entry(lane).or_default() += 1;
            assert!(ready.insert(id.clone()), "{id} is ready twice");
        }
    }
    let counted: HashMap<String, usize> = conn.hgetall(format!("{p}ready")).unwrap();
    assert_eq!(counted, per_lane, "the lanes' counters are right");
    let mut states = HashMap::new();
    for key in keys.iter().filter(|k| k.starts_with(&format!("{p}j:"))) {
        let id = key.trim_start_matches(&format!("{p}j:")).to_owned();
        let word: Option<String> = conn.hget(key, "st").unwrap();
        let state = JobState::from_word(word.as_deref()).expect("a known state");
        let places = [
            (&ready, JobState::Ready),
            (&leased, JobState::Leased),
            (&delayed, JobState::Delayed),
            (&dead, JobState::Dead),
        ];
        for (set, place) in places {
            assert_eq!(
                set.contains(&id),
                place == state,
                "{id} says {word:?}; is it in {place:?}?"
            );
        }
        let body: bool = conn.exists(format!("{p}b:{id}")).unwrap();
        assert!(body, "{id} has a body");
        *states.entry(word.unwrap_or_default()).or_default() += 1;
    }
    let index: HashSet<String> = keys
        .iter()
        .filter(|k| k.starts_with(&format!("{p}js:")))
        .flat_map(|k| conn.smembers::<_, Vec<String>>(k).unwrap())
        .collect();
    let all: HashSet<String> =
        [&ready, &leased, &delayed, &dead].into_iter().flatten().cloned().collect();
    assert_eq!(index, all, "the index names each job");
    let records: usize = states.values().sum();
    assert_eq!(
        records,
        ready.len() + leased.len() + delayed.len() + dead.len(),
        "no id without a record"
    );
    states
}
