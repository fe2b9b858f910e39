//! What the queue costs, as counts that hang on no machine: commands of Redis and bytes of its memory.

use super::Bed;
use queue_schema::client::{ClaimedJob, Commit};
use queue_schema::effects::{Effects, NewJob, Priority};
use scrum_tests::usage;

/// Jobs of a measurement.
const JOBS: usize = 1020;
/// Jobs that one call claims, and one commits: what a busy worker with 64 places comes to.
const BATCH: usize = 17;

fn job(id: String, body: String) -> NewJob {
    NewJob {
        id: id.into(),
        lane: "bench".into(),
        priority: Priority::Normal,
        sweep: "bench".into(),
        target: None,
        delay_ms: 0,
        max_attempts: None,
        body,
    }
}

/// Base64 characters that no compression shortens by more than their quarter.
fn noise(length: usize, seed: u64) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut x = 0x2545_f491_4f6c_dd1d_u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut digit = || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        char::from(DIGITS[(x >> 58) as usize])
    };
    (0..length).map(|_| digit()).collect()
}

/// Of 1 KiB, as the benches have them.
fn body(n: usize) -> String {
    let (head, tail) = (r#"{"v":1,"kind":"bench","pv":1,"p":{"k":"n","id":"#, r#","t":0,"p":""#);
    format!("{head}{n}{tail}{}\"}}}}", noise(960, n as u64))
}

fn jobs() -> Vec<NewJob> {
    (0..JOBS).map(|n| job(format!("n-{n}"), body(n))).collect()
}

/// Takes jobs until there are none, each batch in one claim and one commit.
async fn drain(bed: &Bed, mut effects: impl FnMut(&ClaimedJob) -> Effects) -> usize {
    let mut done = 0;
    loop {
        let claimed = bed.claim(u32::try_from(BATCH).unwrap()).await;
        if claimed.is_empty() {
            return done;
        }
        done += claimed.len();
        let commits: Vec<Commit> = claimed
            .iter()
            .map(|job| Commit { lease: job.lease.clone(), effects: effects(job) })
            .collect();
        assert!(bed.queue.commit(&commits).await.unwrap().iter().all(|applied| *applied));
    }
}

#[tokio::test]
async fn a_job_takes_at_most_five_commands() {
    let bed = Bed::new().await;
    bed.queue.enqueue(&jobs()).await.unwrap();
    let before = usage::commands(&mut bed.server.connection());
    assert_eq!(drain(&bed, |_| Effects::done()).await, JOBS);
    let took = usage::commands(&mut bed.server.connection()).since(&before);
    let each = took.inner() as f64 / JOBS as f64;
    assert!(each <= 5.0, "{each} commands a job: {took:?}");
}

#[tokio::test]
async fn a_job_with_a_follow_up_takes_at_most_twelve() {
    let bed = Bed::new().await;
    bed.queue.enqueue(&jobs()).await.unwrap();
    let before = usage::commands(&mut bed.server.connection());
    let done = drain(&bed, |claimed| match claimed.lease.job.strip_prefix("n-") {
        Some(n) => Effects::done().with(queue_schema::effects::Effect::Enqueue(job(
            format!("f-{n}"),
            body(n.parse().unwrap()),
        ))),
        None => Effects::done(),
    });
    assert_eq!(done.await, 2 * JOBS);
    let took = usage::commands(&mut bed.server.connection()).since(&before);
    let each = took.inner() as f64 / JOBS as f64;
    assert!(each <= 12.0, "{each} commands a pair: {took:?}");
}

#[tokio::test]
async fn a_waiting_job_of_1_kib_takes_at_most_1240_bytes() {
    const MANY: usize = 8000;
    let bed = Bed::new().await;
    let mut conn = bed.server.connection();
    let before = usage::data_bytes(&mut conn);
    for first in (0..MANY).step_by(250) {
        let some: Vec<_> = (first..first + 250).map(|n| job(format!("n-{n}"), body(n))).collect();
        bed.queue.enqueue(&some).await.unwrap();
    }
    let each = (usage::data_bytes(&mut conn) - before) as f64 / MANY as f64;
    assert!(each <= 1240.0, "{each} bytes a waiting job");
}
