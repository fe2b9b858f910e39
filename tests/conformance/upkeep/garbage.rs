//! Foreign values in the keys of the queue: each row of the key table with another type and with invalid values. They
//! are reported and mended, and then a new sweep completes.

use crate::bed::Bed;
use crate::mend::Broken;
use queue_schema::client::{Forgotten, QueueCheck};
use queue_schema::effects::Effects;
use queue_schema::ids::ReviewId;
use queue_schema::keys::{self, Damage, KeyType, TABLE};
use queue_schema::rows::{ReviewRow, Row};
use redis::Commands as _;
use scrum_tests::oracle;
use scrum_tests::redis::at;

/// Passes that mending may take: a loss may have effects that only the next pass finds.
const PASSES: usize = 3;

/// Mends until there are no faults. Returns all that were reported.
async fn mend(bed: &Bed, why: &str) -> Vec<String> {
    let mut told = Vec::new();
    for _ in 0..=PASSES {
        let QueueCheck { faults, .. } = bed.queue.check_all(true).await.unwrap();
        if faults.is_empty() {
            return told;
        }
        told.extend(faults.iter().map(|f| format!("{} {}: {}", f.kind, f.what, f.message)));
    }
    panic!("after {why}, it never comes to an end: {told:#?}");
}

/// A new sweep completes.
async fn a_new_sweep_completes(bed: &Bed, n: u8, why: &str) {
    let sweep = bed.sweep(n, &[], 2).await;
    for _ in 0..100 {
        let status = bed.queue.sweep_status(&sweep).await.unwrap().unwrap();
        if status.is_over() {
            assert_eq!(status.resolved, 2, "after {why}: {status:?}");
            oracle::check_sweep_counts(&bed.queue, &sweep).await;
            oracle::check_jobs(&mut bed.conn());
            return;
        }
        for job in bed.claim(20).await {
            match job.lease.job.strip_prefix(&format!("{sweep}-")) {
                Some(_) => bed.resolve(&sweep, &job).await,
                None => assert!(bed.commit(&job, Effects::retry(60_000, "of another")).await),
            }
        }
    }
    panic!("after {why}, a new sweep never ends: {:?}", bed.queue.sweep_status(&sweep).await);
}

/// Breaks the queue, checks that reporting names the fault and changes nothing, mends, and completes a new sweep.
async fn named_and_mended(commands: &[&str], about: &str) {
    let broken = Broken::new().await;
    for command in commands {
        broken.redis(command);
    }
    let why = format!("{commands:?}");
    let bed = &broken.bed;
    let about = broken.key(about);
    for _ in 0..2 {
        let told = bed.queue.check_all(false).await.unwrap().faults;
        let named = told.iter().any(|f| f.what.contains(&about) || f.message.contains(&about));
        assert!(named, "after {why}, nothing is told of {about}: {told:#?}");
        assert!(told.iter().all(|f| !f.mended));
    }
    mend(bed, &why).await;
    a_new_sweep_completes(bed, 9, &why).await;
    mend(bed, &why).await;
    assert_eq!(bed.queue.check_all(false).await.unwrap().faults, [], "after {why}");
}

/// A key of a row, with names that are in the queue of [`Broken`].
fn example(name: &str) -> String {
    name.replace("STREAM", ReviewRow::STREAM)
        .replace("JOB", "READY")
        .replace("LANE:GROUP", "review:1|SWEEP")
        .replace("LANE", "review")
        .replace("POOL", "review")
        .replace("SWEEP:TARGET", "SWEEP:0")
        .replace("REVIEW", "SWEEP-2")
        .replace("NAME", "SWEEP-2.shards")
        .replace("SWEEP.RUN", "SWEEP.abc")
        .replace("WORKER", "w")
        .replace("SHA", "aa")
}

/// A share of the rows, so that tests run beside each other.
async fn another_type(share: usize) {
    for row in TABLE.iter().skip(share).step_by(2) {
        let key = format!("@{}", example(row.name));
        let other = match row.kind {
            KeyType::Hash => format!("SET {key} garbage"),
            KeyType::String => format!("LPUSH {key} garbage"),
            _ => format!("HSET {key} gar bage"),
        };
        let name = key.trim_start_matches('@').to_owned();
        named_and_mended(&[&format!("DEL {key}"), &other], &name).await;
    }
}

#[tokio::test]
async fn keys_of_another_type_are_reported_and_mended_even_rows() {
    another_type(0).await;
}

#[tokio::test]
async fn keys_of_another_type_are_reported_and_mended_odd_rows() {
    another_type(1).await;
}

/// A command that writes an invalid value, and what the report must name.
const VALUES: [(&str, &str); 37] = [
    ("HSET @ready review many", "ready"),
    ("HSET @ready review -5", "ready"),
    ("HSET @ready review 99999999999999999999", "ready"),
    ("HSET @turn review z", "turn"),
    ("HSET @turn * 9223372036854775807", "turn"),
    ("ZADD @leases 95617584000000 LEASED", "leases"),
    ("ZADD @delayed inf DELAYED", "delayed"),
    ("ZADD @dead 95617584000000 DEAD", "dead"),
    ("ZADD @ring:review 1e300 1|SWEEP", "review 1|SWEEP"),
    ("ZADD @sweeps 5 nobody", "nobody"),
    ("SADD @paused nonsense", "paused"),
    ("SADD @cancelled SWEEP", "cancelled"),
    ("SADD @js:SWEEP nobody", "nobody"),
    ("LPUSH @q:review:1|SWEEP nobody", "nobody"),
    ("SET @upkeep nobody", "upkeep"),
    ("LPUSH @wake 1 1 1 1", "wake"),
    ("DEL @b:READY", "READY"),
    ("HSET @j:READY p high", "READY"),
    ("HDEL @j:READY l", "READY"),
    ("HSET @j:LEASED s other", "LEASED"),
    ("HSET @j:DELAYED g 77", "DELAYED"),
    ("HSET @j:READY e never c many a x", "READY"),
    ("HSET @sw:SWEEP spec {}", "sweep SWEEP"),
    ("HSET @sw:SWEEP state odd", "sweep SWEEP"),
    ("HSET @sw:SWEEP window wide cursor none total no", "sweep SWEEP"),
    ("HSET @sw:SWEEP n:l x n:q -4 n:r 1e9", "sweep SWEEP"),
    ("HDEL @sw:SWEEP head tail lane prio max", "sweep SWEEP"),
    ("HSET @sw:SWEEP cap:calls lots calls few", "sweep SWEEP"),
    ("DEL @sw:SWEEP", "sweep SWEEP"),
    ("DEL @st:SWEEP", "sweep SWEEP"),
    ("SETRANGE @st:SWEEP 3 ?", "sweep SWEEP"),
    ("DEL @tg:SWEEP", "sweep SWEEP"),
    ("HSET @tg:SWEEP 4 {", "SWEEP-4"),
    ("DEL @sweeps", "sweep SWEEP"),
    ("XADD @rows:scrum_reviews:SWEEP * row junk", "scrum_reviews:SWEEP"),
    ("HSET @rowid:scrum_reviews:SWEEP SWEEP-1 1-1", "SWEEP-1"),
    ("RPUSH @aps:SWEEP abc", "abc"),
];

#[tokio::test]
async fn invalid_values_are_reported_and_mended() {
    for (command, about) in VALUES {
        named_and_mended(&[command], about).await;
    }
}

/// Bytes that are not text in place of names.
#[tokio::test]
async fn names_that_are_not_text_are_reported_and_mended() {
    let broken = Broken::new().await;
    let (bed, junk) = (&broken.bed, b"\xff\xfe\x01".to_vec());
    for row in TABLE.iter().filter(|r| r.damage != Damage::Job) {
        let key = at(broken.key(&example(row.name)));
        let (command, args): (_, &[&[u8]]) = match row.kind {
            KeyType::Hash => ("HSET", &[&junk, &junk]),
            KeyType::Set => ("SADD", &[&junk]),
            KeyType::Zset => ("ZADD", &[b"1", &junk]),
            KeyType::List => ("LPUSH", &[&junk]),
            KeyType::Stream => ("XADD", &[b"*", &junk, &junk]),
            KeyType::String => ("APPEND", &[&junk]),
        };
        redis::cmd(command).arg(key).arg(args).query::<redis::Value>(&mut bed.conn()).unwrap();
    }
    let name = [at(keys::wake_of("")).as_bytes(), &junk].concat();
    redis::cmd("RPUSH").arg(&name).arg(1).query::<()>(&mut bed.conn()).unwrap();
    assert!(!bed.queue.check_all(false).await.unwrap().faults.is_empty());
    mend(bed, "junk everywhere").await;
    let left: bool = redis::cmd("EXISTS").arg(&name).query(&mut bed.conn()).unwrap();
    assert!(!left, "a key whose name is none goes");
    a_new_sweep_completes(bed, 9, "junk everywhere").await;
}

/// The check of workers gives up no sweep, and mends the rest.
#[tokio::test]
async fn workers_mend_what_can_be_made_anew_and_do_not_give_up_sweeps() {
    let broken = Broken::new().await;
    let other = broken.bed.sweep(2, &[], 1).await;
    for command in ["DEL @ready", "SET @ready x", "DEL @leases", "SET @leases x"] {
        broken.redis(command);
    }
    let key = at(keys::sweep(&other));
    redis::cmd("SET").arg(&key).arg("x").query::<()>(&mut broken.bed.conn()).unwrap();
    let queue = &broken.bed.queue;
    let failed = queue.claim(&broken.bed.request(1)).await.unwrap_err();
    assert!(failed.is_damage() && failed.to_string().contains("scrum doctor"), "{failed}");
    assert!(queue.take_damage().await.unwrap().is_some_and(|what| what.contains("WRONGTYPE")));
    for _ in 0..PASSES {
        queue.check(true, true).await.unwrap();
    }
    let left = queue.check(true, true).await.unwrap().faults;
    assert!(left.iter().all(|f| !f.mended && f.what.contains(other.as_str())), "{left:#?}");
    assert!(!left.is_empty());
    a_new_sweep_completes(&broken.bed, 9, "a sweep is lost").await;
}

/// Numbers that a script would count up to.
#[tokio::test]
async fn huge_numbers_do_not_block_the_server() {
    for fields in [
        "window inf total inf cursor 0",
        "window 9223372036854775807 total 9223372036854775807",
        "cursor -inf window 1e308",
        "total 1e308 forgotten -inf window nan",
    ] {
        let bed = Bed::new().await;
        let sweep = bed.sweep(1, &[], 30).await;
        let mut cmd = redis::cmd("HSET");
        cmd.arg(at(keys::sweep(&sweep))).arg(fields.split(' ').collect::<Vec<_>>());
        cmd.query::<()>(&mut bed.conn()).unwrap();
        let job = bed.claim(1).await.remove(0);
        // A script that never ends is told by the client's own time limit.
        bed.resolve(&sweep, &job).await;
        bed.queue.cancel_sweep(&sweep).await.unwrap();
        let forgotten = bed.queue.forget_sweep(&sweep, 500).await.unwrap();
        assert!(matches!(forgotten, Forgotten::Gone { .. }), "{fields}: {forgotten:?}");
        assert!(
            !bed.conn().exists::<_, bool>(at(keys::attempts(ReviewId::new(&sweep, 0)))).unwrap()
        );
    }
}

/// An accepted review whose row somebody has removed is no accepted review.
#[tokio::test]
async fn a_review_whose_row_is_gone_is_done_again_even_after_its_sweep_ended() {
    let bed = Bed::new().await;
    let sweep = bed.sweep(1, &[], 1).await;
    let job = bed.claim(1).await.remove(0);
    bed.resolve(&sweep, &job).await;
    let rows = at(keys::rows(ReviewRow::STREAM, &sweep));
    redis::cmd("XTRIM").arg(rows).arg("MAXLEN").arg(0).query::<()>(&mut bed.conn()).unwrap();
    let told = mend(&bed, "a row is gone").await;
    assert!(told.iter().any(|t| t.contains("its row is gone: it is reviewed again")), "{told:?}");
    let job = bed.claim(1).await.remove(0);
    bed.resolve(&sweep, &job).await;
    let status = bed.queue.sweep_status(&sweep).await.unwrap().unwrap();
    assert!(status.is_over() && status.resolved == 1, "{status:?}");
    bed.check_clean().await;
}

#[tokio::test]
async fn a_request_of_another_version_is_told_and_left_as_it_is() {
    let bed = Bed::new().await;
    let sweep = bed.sweep(1, &[], 2).await;
    let (mut conn, key) = (bed.conn(), at(keys::sweep(&sweep)));
    let spec: String = conn.hget(&key, "spec").unwrap();
    // Of a version that has another policy.
    let newer = spec.replacen("\"policy\":\"", "\"policy\":\"of_tomorrow_", 1);
    assert_ne!(newer, spec);
    let _: () = conn.hset(&key, "spec", &newer).unwrap();
    for mends in [false, true] {
        let check = bed.queue.check_all(mends).await.unwrap();
        let told: Vec<_> = check.faults.iter().map(|f| (&*f.kind, f.mended)).collect();
        assert_eq!(told, [("unread", false)], "{check:?}");
        assert!(check.faults[0].message.contains("another version wrote"), "{check:?}");
    }
    let _: () = conn.hset(&key, "spec", &spec).unwrap();
    assert_eq!(bed.queue.check_all(true).await.unwrap().faults, []);
    a_new_sweep_completes(&bed, 2, "a request of another version").await;
}
