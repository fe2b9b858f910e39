//! What a commit's effects do, and what jobs carry.

use super::*;

#[tokio::test]
async fn a_tally_counts_once_and_a_stale_one_is_passed_over_in_its_width() {
    let bed = Bed::with_lease(50).await;
    bed.queue.enqueue(&[job("a", "l", "s")]).await.unwrap();
    let old = bed.claim(1).await.remove(0);
    let new = take_when_there(&bed).await;
    let tally = |n: i64| {
        let adds = ["calls", "tokens_in", "ms:10"].map(|m| (format!("p/a model|review|{m}"), n));
        Effects::done()
            .with(Effect::Tally { key: keys::ledger("s"), adds: adds.clone().into() })
            .with(Effect::Tally { key: "trust".into(), adds: adds.into() })
            .with(Effect::Tally { key: keys::loop_counters("s"), adds: Vec::new() })
            .with(Effect::Index { key: keys::finding_files("m"), member: format!("name{n}") })
            .with(Effect::Unindex { key: keys::finding_files("m"), member: "name1".into() })
            .with(Effect::Tally { key: keys::loop_counters("s"), adds: vec![("files".into(), n)] })
    };
    let commits = [(&old, 7), (&new, 2), (&new, 5)]
        .map(|(job, n)| Commit { lease: job.lease.clone(), effects: tally(n) });
    // In one batch: the stale one first, then the right one, then that again.
    assert_eq!(bed.queue.commit(&commits).await.unwrap(), [false, true, false]);
    let ledger = bed.queue.ledger(&"s".into()).await.unwrap();
    let [(asked, counts)] = &ledger.clone().into_iter().collect::<Vec<_>>()[..] else {
        panic!("one model: {ledger:?}")
    };
    assert_eq!((asked.model.as_str(), asked.task.as_str()), ("a model", "review"));
    assert_eq!(counts.values().copied().collect::<Vec<_>>(), [2, 2, 2], "{counts:?}");
    assert_eq!(bed.queue.trust().await.unwrap(), ledger);
    let counters = bed.queue.loop_counters(&"s".into()).await.unwrap();
    assert_eq!(counters.into_iter().collect::<Vec<_>>(), [("files".to_owned(), 2)]);
    let names: Vec<String> =
        bed.server.connection().zrange(at(keys::finding_files("m")), 0, -1).unwrap();
    assert_eq!(names, ["name2"]);
}

#[tokio::test]
async fn effects_that_cant_be_applied_leave_the_job_leased_and_name_the_reason() {
    let bed = Bed::new().await;
    bed.queue.enqueue(&[job("a", "l", "s"), job("b", "l", "s")]).await.unwrap();
    let claimed = bed.claim(2).await;
    let mut conn = bed.server.connection();
    let _: () = conn.set(at(keys::review_state("r")), "no hash").unwrap();
    let put = Effect::Put { key: keys::review_state("r"), field: "f".into(), value: "v".into() };
    let next = Effect::Enqueue(job("next", "l", "s"));
    let commits = [
        Commit { lease: claimed[0].lease.clone(), effects: Effects::done().with(next) },
        Commit { lease: claimed[1].lease.clone(), effects: Effects::done().with(put) },
    ];
    let error = bed.queue.commit(&commits).await.unwrap_err();
    assert!(error.to_string().contains("WRONGTYPE"), "{error}");
    assert!(!error.is_outage());
    // The first is done with all its effects; the second is as it was.
    let _: () = conn.del(at(keys::review_state("r"))).unwrap();
    assert_eq!(bed.states(), vec![("leased".into(), 1), ("ready".into(), 1)]);
    assert_eq!(bed.queue.commit(&commits).await.unwrap(), [false, true]);
}

#[tokio::test]
async fn a_barrier_opens_once_when_each_member_has_come() {
    let bed = Bed::new().await;
    bed.queue.enqueue(&[job("start", "l", "s")]).await.unwrap();
    let start = bed.claim(1).await.remove(0);
    let mut effects = Effects::done().with(Effect::Barrier {
        name: "r".into(),
        size: 3,
        then: job("then", "l", "s"),
    });
    for k in 0..3 {
        effects = effects.with(Effect::Enqueue(job(&format!("k{k}"), "l", "s")));
    }
    bed.commit(&start, effects).await;
    let arrive = |member| Effects::done().with(Effect::Arrive { name: "r".into(), member });
    let members = bed.claim(3).await;
    assert!(bed.commit(&members[0], arrive(0)).await);
    // A second job that comes as the same member does not count.
    assert!(bed.commit(&members[1], arrive(0)).await);
    assert!(bed.claim(1).await.is_empty());
    bed.queue.enqueue(&[job("k1b", "l", "s")]).await.unwrap();
    let late = bed.claim(1).await.remove(0);
    assert!(bed.commit(&late, arrive(1)).await);
    assert!(bed.claim(1).await.is_empty());
    assert!(bed.commit(&members[2], arrive(2)).await);
    assert_eq!(ids(&bed.claim(5).await), ["then"]);
    let left: Vec<String> = bed.server.connection().keys("*bar*").unwrap();
    assert!(left.is_empty(), "an open barrier leaves nothing: {left:?}");
}

#[tokio::test]
async fn a_row_is_written_once_for_its_id() {
    let bed = Bed::new().await;
    bed.queue.enqueue(&[job("a", "l", "s"), job("b", "l", "s")]).await.unwrap();
    let row = |id: &str| Effect::AppendRow {
        sweep: "s".into(),
        stream: ReviewRow::STREAM,
        row_id: id.into(),
        json: "{}".into(),
    };
    for held in bed.claim(2).await {
        assert!(bed.commit(&held, Effects::done().with(row("same"))).await);
    }
    let n: usize = bed.server.connection().xlen(at(keys::rows(ReviewRow::STREAM, "s"))).unwrap();
    assert_eq!(n, 1);
}

#[tokio::test]
async fn a_body_over_the_bound_is_refused_before_it_is_sent() {
    let bed = Bed::new().await;
    let mut big = job("big", "l", "s");
    big.body = "x".repeat(70_000);
    let error = bed.queue.enqueue(&[job("a", "l", "s"), big]).await.unwrap_err().to_string();
    assert!(error.contains("queue.max_payload_bytes"), "{error}");
    assert!(bed.claim(5).await.is_empty());
}

#[tokio::test]
async fn a_large_body_is_kept_packed_and_a_damaged_one_is_its_jobs_end_alone() {
    let bed = Bed::new().await;
    let text = format!("{{\"p\":\"{}\"}}", "a larger body ".repeat(100));
    let jobs = ["a", "b", "c"].map(|id| NewJob { body: text.clone(), ..job(id, "l", "") });
    bed.queue.enqueue(&jobs).await.unwrap();
    let mut conn = bed.server.connection();
    let kept: Vec<u8> = conn.get(at(keys::body("a"))).unwrap();
    assert!(kept.len() * 4 < text.len(), "{} bytes", kept.len());
    let _: () = conn.set(at(keys::body("b")), &kept[..kept.len() / 2]).unwrap();
    let _: () = conn.set(at(keys::body("c")), b"\xff not text").unwrap();
    let claimed = bed.claim(3).await;
    assert_eq!(claimed[0].body.as_deref(), Ok(text.as_str()));
    assert!(claimed[1].body.is_err() && claimed[2].body.is_err());
    for job in &claimed {
        bed.commit(job, Effects::dead(DeadClass::Undecodable, "damaged")).await;
    }
    assert_eq!(bed.queue.dead_letter(&"a".into()).await.unwrap().unwrap().body, text);
    assert!(bed.queue.dead_letter(&"c".into()).await.unwrap().unwrap().body.ends_with("not text"));
    // What a person writes instead is packed as well.
    assert_eq!(bed.queue.revive(&"b".into(), Some(("l", &text))).await.unwrap(), 1);
    assert_eq!(conn.get::<_, Vec<u8>>(at(keys::body("b"))).unwrap(), kept);
}
