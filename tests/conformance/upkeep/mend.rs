//! The reconciler: each structure is broken by hand in each way; it names that, and mends it.

use crate::bed::{Bed, P};
use queue_schema::effects::{DeadClass, Effects};
use queue_schema::ids::{JobId, SweepId};
use queue_schema::keys;
use scrum_tests::oracle;
use scrum_tests::redis::at;

/// A queue with jobs in every state, and targets in work.
pub struct Broken {
    pub bed: Bed,
    sweep: SweepId,
    ready: JobId,
    leased: JobId,
    delayed: JobId,
    dead: JobId,
}

impl Broken {
    pub async fn new() -> Self {
        let bed = Bed::new().await;
        let sweep = bed.sweep(1, &[], 8).await;
        let held = bed.claim(4).await;
        assert!(bed.commit(&held[0], Effects::dead(DeadClass::Fatal, "why")).await);
        assert!(bed.commit(&held[1], Effects::retry(60_000, "later")).await);
        bed.split(&sweep, 2, &held[2], 2).await;
        let id = |n: usize| held[n].lease.job.clone();
        let (dead, delayed, leased) = (id(0), id(1), id(3));
        let ready = format!("{sweep}-5.review").into();
        bed.check_clean().await;
        Self { bed, sweep, ready, leased, delayed, dead }
    }

    pub fn redis(&self, command: &str) {
        let mut words = command.split(' ');
        let mut cmd = redis::cmd(words.next().unwrap());
        for word in words {
            cmd.arg(self.key(word));
        }
        cmd.query::<redis::Value>(&mut self.bed.conn()).unwrap();
    }

    /// `@` stands before a key; names in capitals for what is there.
    pub fn key(&self, word: &str) -> String {
        word.replace('@', P)
            .replace("READY", &self.ready)
            .replace("LEASED", &self.leased)
            .replace("DELAYED", &self.delayed)
            .replace("DEAD", &self.dead)
            .replace("SWEEP", &self.sweep)
    }
}

/// Breaks, looks, mends, looks again. `want`: kind and what it is about, in order.
async fn names_and_mends(commands: &[&str], want: &[(&str, &str)]) {
    let broken = Broken::new().await;
    for command in commands {
        broken.redis(command);
    }
    let queue = &broken.bed.queue;
    let found = |check: queue_schema::client::QueueCheck| {
        let mut all: Vec<(String, String)> =
            check.faults.into_iter().map(|f| (f.kind, f.what)).collect();
        all.sort();
        all
    };
    let mut want: Vec<(String, String)> =
        want.iter().map(|(k, w)| ((*k).to_owned(), broken.key(w))).collect();
    want.sort();
    let told = found(queue.check_all(false).await.unwrap());
    assert_eq!(told, want, "told, after {commands:?}");
    let told = found(queue.check_all(false).await.unwrap());
    assert_eq!(told, want, "telling changes nothing");
    let mended = queue.check_all(true).await.unwrap();
    assert!(mended.faults.iter().all(|f| f.mended));
    assert_eq!(found(mended), want, "mended, after {commands:?}");
    broken.bed.check_clean().await;
    oracle::check_sweep_counts(queue, &broken.sweep).await;
}

#[tokio::test]
async fn a_ready_job_that_no_list_has() {
    names_and_mends(&["LREM @q:review:1|SWEEP 0 READY"], &[("lost", "READY")]).await;
}

#[tokio::test]
async fn a_job_twice_in_its_list() {
    names_and_mends(&["RPUSH @q:review:1|SWEEP READY"], &[("twice", "READY")]).await;
}

#[tokio::test]
async fn a_job_in_the_lists_of_two_lanes() {
    let commands = ["RPUSH @q:shard:p:1|SWEEP READY"];
    names_and_mends(&commands, &[("stray", "READY")]).await;
}

#[tokio::test]
async fn a_leased_job_that_is_ready_too() {
    names_and_mends(&["RPUSH @q:review:1|SWEEP LEASED"], &[("stray", "LEASED")]).await;
}

#[tokio::test]
async fn a_leased_job_without_a_lease() {
    names_and_mends(&["ZREM @leases LEASED"], &[("lost", "LEASED")]).await;
}

#[tokio::test]
async fn a_delayed_job_without_a_time() {
    names_and_mends(&["ZREM @delayed DELAYED"], &[("lost", "DELAYED")]).await;
}

#[tokio::test]
async fn a_dead_job_that_the_queue_of_the_dead_lacks() {
    names_and_mends(&["ZREM @dead DEAD"], &[("lost", "DEAD")]).await;
}

#[tokio::test]
async fn a_job_in_the_wrong_sorted_set() {
    let commands = ["ZREM @delayed DELAYED", "ZADD @dead 5 DELAYED"];
    names_and_mends(&commands, &[("lost", "DELAYED"), ("stray", "DELAYED")]).await;
}

#[tokio::test]
async fn a_ready_job_with_a_lease() {
    names_and_mends(&["ZADD @leases 1 READY"], &[("stray", "READY")]).await;
}

#[tokio::test]
async fn an_id_without_a_record() {
    names_and_mends(&["ZADD @delayed 1 nobody"], &[("stray", "nobody")]).await;
}

#[tokio::test]
async fn a_job_that_the_index_lacks() {
    names_and_mends(&["SREM @js:SWEEP READY"], &[("index", "READY")]).await;
}

#[tokio::test]
async fn a_job_that_nothing_at_all_names() {
    let commands = ["SREM @js:SWEEP READY", "LREM @q:review:1|SWEEP 0 READY"];
    // Its target has no job as far as the cheap part sees; the deep one finds the job first.
    names_and_mends(&commands, &[("index", "READY"), ("lost", "READY")]).await;
}

#[tokio::test]
async fn a_dead_job_that_its_target_does_not_name() {
    names_and_mends(&["DEL @dt:SWEEP:0"], &[("letter", "DEAD")]).await;
}

#[tokio::test]
async fn a_state_that_is_none() {
    names_and_mends(&["HSET @j:READY st limbo"], &[("state", "READY")]).await;
}

#[tokio::test]
async fn counters_that_are_off() {
    names_and_mends(&["HINCRBY @ready review 3"], &[("counter", "ready review")]).await;
    names_and_mends(&["HDEL @ready review"], &[("counter", "ready review")]).await;
    names_and_mends(&["HSET @ready ghost 2"], &[("counter", "ready ghost")]).await;
    names_and_mends(&["HINCRBY @sw:SWEEP n:r 2"], &[("counter", "sweep SWEEP")]).await;
    names_and_mends(&["HINCRBY @sw:SWEEP total 1"], &[("counter", "sweep SWEEP")]).await;
}

#[tokio::test]
async fn what_is_held_of_a_budget_for_nobody() {
    let commands = ["HSET @sw:SWEEP res:calls 3 res:tokens 40"];
    let of_it = ("counter", "sweep SWEEP");
    names_and_mends(&commands, &[of_it, of_it]).await;
}

/// That targets wait beside room is no fault of a sweep whose budget is spent.
#[tokio::test]
async fn a_sweep_that_its_budget_has_stopped_is_as_it_should_be() {
    let bed = Bed::new().await;
    let sweep = bed.sweep(1, &[], 30).await;
    let key = at(keys::sweep(&sweep));
    let mut cmd = redis::cmd("HSET");
    cmd.arg(key).arg(&["cap:calls", "9", "cap:degrade", "80", "cap:stop", "95", "calls", "9"]);
    cmd.query::<()>(&mut bed.conn()).unwrap();
    let held = bed.claim(1).await.remove(0);
    bed.resolve(&sweep, &held).await;
    let s = bed.queue.sweep_status(&sweep).await.unwrap().unwrap();
    assert_eq!((s.live, s.waiting), (19, 10), "nobody was admitted");
    bed.check_clean().await;
}

#[tokio::test]
async fn a_list_that_takes_no_turns_and_a_turn_without_a_list() {
    let lost = [("turn", "review 1|SWEEP")];
    names_and_mends(&["ZREM @ring:review 1|SWEEP"], &lost).await;
    let extra = [("turn", "review 0|SWEEP")];
    names_and_mends(&["ZADD @ring:review 99 0|SWEEP"], &extra).await;
}

#[tokio::test]
async fn a_window_that_is_not_filled_and_an_end_that_was_missed() {
    // A target that waits behind the cursor is never admitted.
    let commands =
        ["SETRANGE @st:SWEEP 7 q", "HINCRBY @sw:SWEEP n:l -1", "HINCRBY @sw:SWEEP n:q 1"];
    let broken = [&commands[..], &["DEL @j:SWEEP-7.review", "DEL @b:SWEEP-7.review"]].concat();
    let broken = [
        &broken[..],
        &[
            "LREM @q:review:1|SWEEP 0 SWEEP-7.review",
            "SREM @js:SWEEP SWEEP-7.review",
            "HINCRBY @ready review -1",
        ],
    ]
    .concat();
    names_and_mends(&broken, &[("window", "sweep SWEEP")]).await;
}

#[tokio::test]
async fn a_sweep_that_missed_its_end() {
    let bed = Bed::new().await;
    let sweep = bed.sweep(1, &[], 1).await;
    let held = bed.claim(1).await.remove(0);
    bed.resolve(&sweep, &held).await;
    let mut conn = bed.conn();
    let key = at(keys::sweep(&sweep));
    redis::cmd("HSET").arg(&key).arg("state").arg("running").query::<()>(&mut conn).unwrap();
    // It is open again by its state alone.
    let found = bed.queue.check_all(true).await.unwrap().faults;
    assert_eq!(found.iter().map(|f| f.kind.as_str()).collect::<Vec<_>>(), ["ended"]);
    assert!(bed.queue.sweep_status(&sweep).await.unwrap().unwrap().is_over());
    bed.check_clean().await;
}

const FORGET_READY: [&str; 5] = [
    "DEL @j:READY",
    "DEL @b:READY",
    "SREM @js:SWEEP READY",
    "LREM @q:review:1|SWEEP 0 READY",
    "HINCRBY @ready review -1",
];

#[tokio::test]
async fn a_target_in_work_that_no_job_is_about_is_reviewed_again() {
    names_and_mends(&FORGET_READY, &[("target", "SWEEP-5")]).await;
}

#[tokio::test]
async fn a_barrier_that_did_not_open_and_one_that_counts_wrongly() {
    let full = ["SETBIT @barm:SWEEP-2.shards 0 1", "SETBIT @barm:SWEEP-2.shards 1 1"];
    names_and_mends(&full, &[("barrier", "SWEEP-2.shards")]).await;
    let one = ["SETBIT @barm:SWEEP-2.shards 0 1"];
    names_and_mends(&one, &[("barrier", "SWEEP-2.shards")]).await;
}

#[tokio::test]
async fn a_token_that_should_wake_somebody() {
    names_and_mends(&["DEL @wake"], &[("wake", "review"), ("wake", "shard:p")]).await;
    names_and_mends(&["DEL @wake:review"], &[("wake", "review")]).await;
}

/// The cheap part, which workers run, finds what needs no look at each job.
#[tokio::test]
async fn the_cheap_part_mends_what_would_stop_a_sweep() {
    let broken = Broken::new().await;
    for command in FORGET_READY.iter().chain(&["HINCRBY @ready review 5", "DEL @ring:shard:p"]) {
        broken.redis(command);
    }
    let mended = broken.bed.queue.check(false, true).await.unwrap();
    let mut kinds: Vec<_> = mended.faults.iter().map(|f| f.kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["counter", "target", "turn"]);
    broken.bed.check_clean().await;
}

/// A token that somebody has just taken is no fault: the claim that follows tells.
#[tokio::test]
async fn a_worker_on_its_way_to_its_claim_is_no_fault() {
    let broken = Broken::new().await;
    broken.redis("DEL @wake");
    let bed = &broken.bed;
    let (check, claimed) = tokio::join!(bed.queue.check_all(true), bed.claim(1));
    assert_eq!((check.unwrap().faults, claimed.len()), (Vec::new(), 1));
}
