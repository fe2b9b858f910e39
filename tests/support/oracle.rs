//! The one oracle, run after every fault: nothing lost, nothing twice, every job in one state.

use crate::history::History;
use crate::redis::{RedisServer, at};
use crate::repo::TestRepo;
use queue_schema::budget::Amount;
use queue_schema::client::{Queue, SweepState, SweepStatus};
use queue_schema::ids::{ReviewId, SweepId};
use queue_schema::keys;
use queue_schema::rows::{AuditFactsRow, ReviewRow, STREAMS};
use queue_schema::state::JobState;
use queue_schema::sweep::TargetStatus;
use redis::{Commands, ConnectionLike};
use scrum_config::{LoadOptions, Settings};
use std::collections::{HashMap, HashSet};

/// A queue client for looking.
pub async fn queue(url: &str) -> Queue {
    let mut settings = Settings::load(LoadOptions::default()).unwrap();
    settings.redis.partitions = partitions(url);
    Queue::connect(settings.queue_options(url)).await.unwrap()
}

/// Partitions that the tests' programs use at this address.
pub fn partitions(url: &str) -> u16 {
    if url.starts_with("redis+cluster") { 16 } else { 1 }
}

/// What the oracle has seen.
#[derive(Debug)]
pub struct Seen {
    /// The sweep's counters.
    pub sweep: SweepStatus,
    /// Jobs that are in the queue, by state.
    pub jobs: HashMap<String, usize>,
    /// Those that are no dead letter. Diagnoses are left out: a worker asks for one whenever failures pile up, also
    /// when the sweep is over.
    pub left: Vec<String>,
    /// Every move that was made.
    pub history: History,
}

impl Seen {
    /// Checks that the sweep is over and nothing is left but dead letters.
    ///
    /// # Panics
    /// When something is.
    #[track_caller]
    pub fn is_done(&self) -> &Self {
        assert_eq!(self.sweep.state, SweepState::Done, "{:?}", self.sweep);
        assert_eq!(self.sweep.waiting + self.sweep.live, 0, "{:?}", self.sweep);
        assert!(self.left.is_empty(), "jobs are left: {:?}", self.left);
        self
    }
}

/// The whole oracle, after every fault: the sweep's promises, every job in one place, every live
/// target with work that will settle it, every move in the table, every effect in the step in which
/// its job left its lease, and the repository as it was.
///
/// # Panics
/// When a promise is broken.
pub async fn check_all(server: &RedisServer, id: &str, repo: &TestRepo) -> Seen {
    let queue = queue(&server.url()).await;
    let sweep = check_sweep(&queue, id).await;
    let mut conn = server.connection();
    let paused = server.pause_writes();
    let jobs = check_jobs(&mut conn);
    let left = left(&mut conn);
    check_targets(&mut conn, id);
    if sweep.state != SweepState::Planning && sweep.state != SweepState::Failed {
        let all = repo.tracked() as u64;
        assert!(
            sweep.total == all || sweep.state == SweepState::Cancelled,
            "all {all} files are targets: {sweep:?}"
        );
    }
    // A cluster has many files, and a partition's moves are in one of them.
    let history = if server.is_cluster() {
        History::default()
    } else {
        let history = History::read(&server.appendonlydir());
        assert_eq!(by_state(&history), jobs, "the file says the same as the server");
        history
    };
    drop(paused);
    repo.assert_untouched();
    Seen { sweep, jobs, left, history }
}

/// The jobs in the queue that are no dead letters; diagnoses are left out, as [`Seen::left`] says.
///
/// # Panics
/// When Redis does not answer.
pub fn left<C: ConnectionLike>(conn: &mut C) -> Vec<String> {
    let jobs: Vec<String> = conn.keys(format!("{{scrum:*}}:{}", keys::job("*"))).unwrap();
    let mut dead =
        |key: &String| conn.hget::<_, _, Option<String>>(key, "st").unwrap().unwrap() == "dead";
    jobs.into_iter().filter(|key| !key.contains(".diagnose.")).filter(|key| !dead(key)).collect()
}

/// The jobs that a history leaves in the queue, by state.
pub fn by_state(history: &History) -> HashMap<String, usize> {
    let mut count = HashMap::new();
    for state in history.states().values() {
        *count.entry(state.word().unwrap_or_default().to_owned()).or_default() += 1;
    }
    count
}

/// Checks that each live target has a job that will settle it, that nothing of a settled one is left
/// over, and that every row of every kind is there once.
///
/// # Panics
/// When it is not so.
pub fn check_targets<C: ConnectionLike>(conn: &mut C, id: &str) {
    let keys: Vec<String> = conn.keys("{scrum:*}:*").unwrap();
    let names: HashMap<&str, &String> =
        keys.iter().map(|k| (k.split_once("}:").map_or("", |(_, name)| name), k)).collect();
    let codes: Option<String> =
        names.get(keys::statuses(id).as_str()).map(|key| conn.get(*key).unwrap());
    let mut work: HashMap<String, Vec<String>> = HashMap::new();
    for key in
        names.iter().filter(|(name, _)| name.starts_with(&keys::job(""))).map(|(_, key)| *key)
    {
        // Jobs of others may go meanwhile.
        let fields: [Option<String>; 3] =
            redis::cmd("HMGET").arg(key).arg(&["s", "g", "st"]).query(conn).unwrap();
        let [sweep, target, state] = fields.map(Option::unwrap_or_default);
        if sweep == id {
            work.entry(target).or_default().push(state);
        }
    }
    for (i, code) in codes.unwrap_or_default().chars().enumerate() {
        let states = work.remove(&i.to_string()).unwrap_or_default();
        let dead = states.iter().filter(|s| *s == "dead").count();
        let review = ReviewId::from(format!("{id}-{i}"));
        let shards = keys::shard_barrier(&review);
        let left = [
            keys::barrier(&shards),
            keys::barrier_members(&shards),
            keys::review_state(&review),
            keys::attempts(&review),
        ];
        let left = left.into_iter().find(|name| names.contains_key(name.as_str()));
        match TargetStatus::from_code(code) {
            // A barrier alone settles nothing: somebody must still arrive.
            Some(TargetStatus::Live) => {
                assert!(states.len() > dead, "target {i} is live and has no work: {states:?}");
            }
            // Its review was accepted before the work on its facts died; they can be had by a retry.
            Some(TargetStatus::Resolved) if dead > 0 => {
                assert_eq!(states.len(), dead, "target {i} is resolved and has work: {states:?}");
            }
            Some(TargetStatus::Resolved | TargetStatus::Waiting | TargetStatus::Skipped) => {
                assert!(states.is_empty(), "target {i} ({code}) has work: {states:?}");
                assert_eq!(left, None, "target {i} ({code}) left something over");
            }
            Some(TargetStatus::LeftOut) => {
                assert!(states.is_empty(), "target {i} is left out and has work: {states:?}");
            }
            Some(TargetStatus::Unresolved | TargetStatus::Cancelled) => {}
            None => panic!("target {i} has the unknown status {code:?}"),
        }
    }
    for stream in STREAMS {
        let name = keys::rows(stream, id);
        let Some(key) = names.get(name.as_str()) else { continue };
        let index = names.get(keys::row_ids(stream, id).as_str()).expect("rows have an index");
        let page: redis::streams::StreamRangeReply = conn.xrange_all(*key).unwrap();
        let entries: HashMap<String, String> =
            page.ids.iter().map(|e| (e.get("id").unwrap_or_default(), e.id.clone())).collect();
        assert_eq!(entries.len(), page.ids.len(), "{name}: a row is there twice");
        let index: HashMap<String, String> = conn.hgetall(*index).unwrap();
        assert_eq!(index, entries, "{name}: its index names its rows");
    }
}

/// Checks a sweep against its promises and returns its counters.
///
/// # Panics
/// When a promise is broken.
pub async fn check_sweep(queue: &Queue, id: &str) -> SweepStatus {
    let id = &SweepId::from(id);
    let s = check_sweep_counts(queue, id).await;
    let rows = queue.rows::<ReviewRow>(id).await.unwrap();
    let ids: HashSet<_> = rows.iter().map(|r| r.review_id.clone()).collect();
    assert_eq!(ids.len(), rows.len(), "no review has two rows");
    let targets = queue.targets(id).await.unwrap();
    let with = |status: TargetStatus| -> HashSet<String> {
        let found = targets.iter().filter(|(_, t)| *t == status);
        found.map(|(t, _)| t.path.clone()).collect()
    };
    let mut of_rows: HashSet<_> = rows.iter().map(|r| r.file.clone()).collect();
    // Those whose facts are still to be taken out have a row and are live.
    let live = with(TargetStatus::Live);
    of_rows.retain(|file| !live.contains(file));
    assert_eq!(of_rows, with(TargetStatus::Resolved), "one row for each resolved target");
    let facts = queue.rows::<AuditFactsRow>(id).await.unwrap();
    let of_facts: HashSet<_> = facts.iter().map(|r| r.review_id.clone()).collect();
    assert_eq!(of_facts.len(), facts.len(), "no review has two rows of facts");
    assert!(of_facts.is_subset(&ids), "facts are those of accepted reviews");
    assert_eq!(facts.len() as u64, s.facts, "each row of facts is counted");
    s
}

/// Checks that a sweep that is over holds nothing of its budget, and that calls, of which each is
/// known before, are within it.
///
/// # Panics
/// When it is not so.
pub fn check_budget(s: &SweepStatus) {
    let Some(budget) = &s.budget else { return };
    if s.state == SweepState::Done {
        assert_eq!(budget.reserved, Amount::default(), "nothing is held any more: {s:?}");
    }
    let (spent, most) = (budget.spent.calls, budget.caps.most.calls);
    assert!(most == 0 || spent <= most, "no more calls than allowed: {s:?}");
}

/// Checks the counters of a sweep against its targets, and returns them.
///
/// # Panics
/// When one is off.
pub async fn check_sweep_counts(queue: &Queue, id: &str) -> SweepStatus {
    let id = &SweepId::from(id);
    let s = queue.sweep_status(id).await.unwrap().expect("the sweep has a record");
    let targets = queue.targets(id).await.unwrap();
    assert_eq!(targets.len() as u64, s.total, "as many targets as counted");
    let count = |status| targets.iter().filter(|(_, t)| *t == status).count() as u64;
    assert_eq!(count(TargetStatus::Resolved), s.resolved);
    assert_eq!(count(TargetStatus::Unresolved), s.unresolved);
    assert_eq!(count(TargetStatus::Skipped), s.skipped);
    assert_eq!(count(TargetStatus::Live), s.live);
    assert_eq!(count(TargetStatus::Waiting), s.waiting);
    assert_eq!(count(TargetStatus::LeftOut), s.left_out);
    assert_eq!(
        s.total,
        s.resolved + s.unresolved + s.live + s.waiting + s.skipped + s.cancelled + s.left_out,
        "every target has one status"
    );
    check_budget(&s);
    s
}

/// Jobs by state, when none of them is leased: what a test looks at until a worker has come to rest.
pub fn check_jobs_if_still(server: &RedisServer) -> Option<HashMap<String, usize>> {
    let conn = &mut server.connection();
    let _paused = server.pause_writes();
    let ready: usize = conn.hlen(at(keys::READY)).unwrap();
    let leased: usize = conn.zcard(at(keys::LEASES)).unwrap();
    (leased + ready == 0).then(|| check_jobs(conn))
}

/// Checks that every job record is in exactly the one structure that its state names, and that
/// nothing else is anywhere. Returns jobs by state. It takes many looks: where a worker lives, writes must be paused.
///
/// # Panics
/// When a job is in two places, in none, or in one without a record.
pub fn check_jobs<C: ConnectionLike>(conn: &mut C) -> HashMap<String, usize> {
    let keys: Vec<String> = conn.keys("{scrum:*}:*").unwrap();
    let prefix = |key: &String| key.find("}:").map(|end| key[..end + 2].to_owned());
    let partitions: HashSet<String> = keys.iter().filter_map(prefix).collect();
    let mut all = HashMap::new();
    for p in partitions {
        let keys: Vec<_> = keys.iter().filter(|k| k.starts_with(&p)).cloned().collect();
        for (state, n) in check_partition(conn, &p, &keys) {
            *all.entry(state).or_default() += n;
        }
    }
    all
}

fn is_list_of_ready(name: &str) -> bool {
    keys::row_of(name).is_some_and(|row| row.name == keys::queue("LANE", "GROUP"))
}

fn check_partition<C: ConnectionLike>(
    conn: &mut C,
    p: &str,
    keys: &[String],
) -> HashMap<String, usize> {
    let at = |name: &str| format!("{p}{name}");
    let zset = |conn: &mut C, name: &str| -> HashSet<String> {
        conn.zrange::<_, Vec<String>>(at(name), 0, -1).unwrap().into_iter().collect()
    };
    let leased = zset(conn, keys::LEASES);
    let delayed = zset(conn, keys::DELAYED);
    let dead = zset(conn, keys::DEAD);
    let mut ready = HashSet::new();
    let mut per_lane: HashMap<String, usize> = HashMap::new();
    for key in keys.iter().filter(|k| is_list_of_ready(&k[p.len()..])) {
        let ids: Vec<String> = conn.lrange(key, 0, -1).unwrap();
        for id in ids {
            let lane: String = conn.hget(at(&keys::job(&id)), "l").unwrap();
            *per_lane.entry(lane).or_default() += 1;
            assert!(ready.insert(id.clone()), "{id} is ready twice");
        }
    }
    let counted: HashMap<String, usize> = conn.hgetall(at(keys::READY)).unwrap();
    assert_eq!(counted, per_lane, "the lanes' counters are right");
    let mut states = HashMap::new();
    for key in keys.iter().filter(|k| k.starts_with(&at(&keys::job("")))) {
        let id = key.trim_start_matches(&at(&keys::job(""))).to_owned();
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
        let body: bool = conn.exists(at(&keys::body(&id))).unwrap();
        assert!(body, "{id} has a body");
        *states.entry(word.unwrap_or_default()).or_default() += 1;
    }
    let index: HashSet<String> = keys
        .iter()
        .filter(|k| k.starts_with(&at(&keys::jobs(""))))
        .flat_map(|k| conn.smembers::<_, Vec<String>>(k).unwrap())
        .collect();
    let of_sweeps: HashSet<String> = [&ready, &leased, &delayed, &dead]
        .into_iter()
        .flatten()
        .filter(|id| conn.hexists(at(&keys::job(id)), "s").unwrap())
        .cloned()
        .collect();
    assert_eq!(index, of_sweeps, "the index names each job of a sweep");
    let records: usize = states.values().sum();
    assert_eq!(
        records,
        ready.len() + leased.len() + delayed.len() + dead.len(),
        "no id without a record"
    );
    states
}
