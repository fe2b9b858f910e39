//! Budgets at the level of the scripts: what is held, by whom, and when it goes back.

use super::{Bed, take_when_there};
use futures_util::future::join_all;
use queue_schema::budget::{Amount, BudgetRequest, Caps};
use queue_schema::client::{
    ClaimedJob, Created, DeadFilter, Held, QueueError, Spend, SweepState, SweepStatus,
};
use queue_schema::effects::{DeadClass, Effect, Effects, Ending, Priority};
use queue_schema::ids::SweepId;
use queue_schema::keys;
use queue_schema::ledger::{self, Taken, TaskClass, Tried};
use queue_schema::records::ReviewState;
use queue_schema::rows::Outcome;
use queue_schema::sweep::{Target, TargetStatus};
use redis::Commands;
use scrum_tests::redis::at;
use scrum_tests::{oracle, requests, usage};

const CALL: Spend = Spend { tokens: 100, micro_usd: 7, cheaper: false, further: false };

fn calls(n: u64) -> BudgetRequest {
    let defaults = Caps { degrade_percent: 80, stop_percent: 95, ..Caps::default() };
    BudgetRequest { calls: Some(n), defaults, ..BudgetRequest::default() }
}

/// A sweep of `targets` with a window, planned; its reviews wait to be claimed.
async fn sweep(bed: &Bed, targets: u32, window: u32, budget: &BudgetRequest) -> SweepId {
    let Created { id, .. } = ask(bed, window, budget).await;
    let plan = bed.claim(1).await.remove(0);
    let target = |n: u32| Target {
        path: format!("src/file_{n}.rs"),
        blob: "0".repeat(40),
        bytes: 1,
        skip: None,
    };
    let page = Effect::PlanTargets {
        sweep: id.clone(),
        first: 0,
        targets: (0..targets).map(target).collect(),
    };
    let effects = Effects::done().with(page).with(Effect::PlanDone { sweep: id.clone() });
    assert!(bed.commit(&plan, effects).await);
    id
}

async fn ask(bed: &Bed, window: u32, budget: &BudgetRequest) -> Created {
    let spec = requests::sweep_spec(1, window);
    bed.queue.create_sweep_within(&spec, &[], Priority::Normal, budget).await.unwrap()
}

async fn status(bed: &Bed, id: &SweepId) -> SweepStatus {
    oracle::check_sweep_counts(&bed.queue, id).await
}

async fn held(bed: &Bed, id: &SweepId) -> Amount {
    status(bed, id).await.budget.map(|b| b.reserved).unwrap_or_default()
}

async fn spend(bed: &Bed, job: &ClaimedJob) -> Held {
    bed.queue.hold_budget(&job.lease, &CALL).await.unwrap()
}

fn settle(id: &SweepId, job: &ClaimedJob, status: TargetStatus) -> Effect {
    let target = job.lease.job.review().and_then(|review| review.target()).unwrap();
    Effect::Settle { sweep: id.clone(), target, status }
}

/// The review of a job is over, and its call counted.
async fn resolve(bed: &Bed, id: &SweepId, job: &ClaimedJob) {
    let counted = Effect::Add { key: keys::sweep(id), field: "calls".into(), by: 1 };
    let effects = Effects::done().with(counted).with(settle(id, job, TargetStatus::Resolved));
    assert!(bed.commit(job, effects).await);
}

#[tokio::test]
async fn what_is_held_goes_back_with_the_commit_whatever_it_says() {
    let bed = Bed::new().await;
    let id = sweep(&bed, 6, 6, &calls(6)).await;
    let jobs = bed.claim(6).await;
    let retry = Ending::Retry { delay_ms: 60_000, reason: "later".into() };
    let wait = Ending::Wait { delay_ms: 60_000, reason: "no room".into() };
    let dead = Ending::Dead { class: DeadClass::LadderExhausted, reason: "spent".into() };
    for (job, ending) in jobs.iter().zip([Ending::Done, retry, wait, dead]) {
        assert_eq!(spend(&bed, job).await, Held::Granted);
        let one = Amount { calls: 1, tokens: 100, micro_usd: 7 };
        assert_eq!(held(&bed, &id).await, one, "sent before {ending:?}");
        assert_eq!(spend(&bed, job).await, Held::Granted, "the reply was lost");
        assert_eq!(held(&bed, &id).await, one, "held once");
        let keep = ending == Ending::Done;
        let effects = Effects::done().ending(ending);
        let status = TargetStatus::Resolved;
        let effects = if keep { effects.with(settle(&id, job, status)) } else { effects };
        assert!(bed.commit(job, effects).await);
        assert_eq!(held(&bed, &id).await, Amount::default());
    }
    // Another amount replaces what is held.
    let more = Spend { tokens: 300, micro_usd: 0, ..CALL };
    assert_eq!(spend(&bed, &jobs[4]).await, Held::Granted);
    assert_eq!(bed.queue.hold_budget(&jobs[4].lease, &more).await.unwrap(), Held::Granted);
    assert_eq!(held(&bed, &id).await, Amount { calls: 1, tokens: 300, micro_usd: 0 });
    // A forged or old token holds nothing.
    let mut forged = jobs[5].lease.clone();
    forged.token = "forged".into();
    assert_eq!(bed.queue.hold_budget(&forged, &CALL).await.unwrap(), Held::Stale);
    assert_eq!(held(&bed, &id).await.calls, 1);
    // A job that is handed on takes it along, and nobody else gets it meanwhile.
    assert!(bed.commit(&jobs[4], Effects::done().ending(Ending::HandBack)).await);
    assert_eq!(held(&bed, &id).await.calls, 1);
    let again = bed.claim(1).await.remove(0);
    assert_eq!(again.lease.job, jobs[4].lease.job);
    assert_eq!(spend(&bed, &again).await, Held::Granted, "in the place of the one before");
    assert_eq!(held(&bed, &id).await, Amount { calls: 1, tokens: 100, micro_usd: 7 });
    resolve(&bed, &id, &again).await;
    assert_eq!(held(&bed, &id).await, Amount::default());
}

#[tokio::test]
async fn calls_of_the_same_time_are_answered_together_and_each_for_itself() {
    let bed = Bed::new().await;
    let id = sweep(&bed, 8, 8, &calls(5)).await;
    let mut jobs = bed.claim(8).await;
    assert_eq!(spend(&bed, &jobs[0]).await, Held::Granted);
    jobs[4].lease.token = "forged".into();
    let mut conn = bed.server.connection();
    let before = usage::commands(&mut conn);
    let said = join_all(jobs[1..7].iter().map(|job| spend(&bed, job))).await;
    let scripts = usage::commands(&mut conn).since(&before).scripts();
    assert_eq!(scripts, 2, "the first goes at once, and the others with the next call");
    let granted = Held::Granted;
    assert_eq!(said[..3], [granted.clone(), granted.clone(), granted.clone()]);
    assert_eq!(said[3..5], [Held::Stale, granted]);
    assert!(matches!(said[5], Held::Wait(_)), "{said:?}");
    assert_eq!(held(&bed, &id).await.calls, 5);
    // One whose sweep can't be read fails, and hurts no other.
    let () = conn.hset(at(keys::job(&jobs[7].lease.job)), "s", "foreign").unwrap();
    let () = conn.set(at(keys::sweep(SweepId::from("foreign"))), "text").unwrap();
    let asked = [&jobs[0], &jobs[1], &jobs[7], &jobs[2]];
    let said = join_all(asked.map(|job| bed.queue.hold_budget(&job.lease, &CALL))).await;
    let fine: Vec<bool> = said.iter().map(Result::is_ok).collect();
    assert_eq!(fine, [true, true, false, true], "{said:?}");
    assert!(said[2].as_ref().is_err_and(QueueError::is_damage), "{said:?}");
}

#[tokio::test]
async fn a_call_waits_for_what_others_hold_and_is_refused_when_that_is_spent() {
    let bed = Bed::new().await;
    let id = sweep(&bed, 3, 3, &calls(2)).await;
    let jobs = bed.claim(3).await;
    assert_eq!(spend(&bed, &jobs[0]).await, Held::Granted);
    assert_eq!(spend(&bed, &jobs[1]).await, Held::Granted);
    let Held::Wait(_) = spend(&bed, &jobs[2]).await else { panic!("the others hold it") };
    assert_eq!(held(&bed, &id).await.calls, 2, "who waits holds nothing");
    resolve(&bed, &id, &jobs[0]).await;
    let Held::Wait(_) = spend(&bed, &jobs[2]).await else { panic!("one still holds it") };
    resolve(&bed, &id, &jobs[1]).await;
    let Held::No(why) = spend(&bed, &jobs[2]).await else { panic!("all is spent") };
    assert_eq!(why, "2 of 2 calls are spent");
    let out = Effects::done().with(settle(&id, &jobs[2], TargetStatus::LeftOut));
    assert!(bed.commit(&jobs[2], out).await);
    let s = status(&bed, &id).await;
    assert_eq!((s.state, s.resolved, s.left_out), (SweepState::Done, 2, 1));
}

#[tokio::test]
async fn a_call_without_a_price_holds_what_those_before_it_cost_and_the_first_goes_alone() {
    let bed = Bed::new().await;
    let budget = BudgetRequest { micro_usd: Some(35_000), ..calls(0) };
    let id = sweep(&bed, 6, 6, &budget).await;
    let jobs = bed.claim(6).await;
    let ask = async |n: usize| {
        let who = ("p", "a model", TaskClass::Review);
        let spend = Spend { tokens: 1, ..Spend::default() };
        bed.queue.hold_unpriced(&jobs[n].lease, &spend, &id, who).await.unwrap()
    };
    let over = async |n: usize, outcome, cost: Option<u64>| {
        let taken = Taken { cost_micro_usd: cost, ..Taken::default() };
        let tried = cost.map_or(Tried::Failed(outcome), |_| Tried::Answered(outcome, taken));
        let adds = ledger::adds("p", "a model", TaskClass::Review, tried);
        let tally = Effect::Tally { key: keys::ledger(&id), adds };
        let by = i64::try_from(cost.unwrap_or(0)).unwrap();
        let spent = Effect::Add { key: keys::sweep(&id), field: "cost_micro_usd".into(), by };
        let status = settle(&id, &jobs[n], TargetStatus::Resolved);
        assert!(bed.commit(&jobs[n], Effects::done().with(tally).with(spent).with(status)).await);
    };
    assert_eq!(ask(0).await, Held::Granted);
    assert_eq!(held(&bed, &id).await.micro_usd, 35_000, "all of it");
    assert!(matches!(ask(1).await, Held::Wait(_)), "the first goes alone");
    // A failed call says nothing of the price: the next one goes alone again.
    over(0, Outcome::Error, None).await;
    assert_eq!(ask(1).await, Held::Granted);
    assert!(matches!(ask(2).await, Held::Wait(_)));
    over(1, Outcome::Accepted, Some(10_000)).await;
    assert_eq!((ask(2).await, ask(3).await), (Held::Granted, Held::Granted));
    assert_eq!(held(&bed, &id).await.micro_usd, 20_000);
    assert!(matches!(ask(4).await, Held::Wait(_)), "30,000 of 35,000 are spent or held");
    over(2, Outcome::Accepted, Some(10_001)).await;
    over(3, Outcome::Thin, Some(10_001)).await;
    let Held::No(why) = ask(4).await else { panic!("it may not fit") };
    assert!(why.ends_with("the next call may take $0.010001"), "{why}");
}

#[tokio::test]
async fn near_the_cap_dear_rungs_are_passed_over_and_rejected_work_ends() {
    let bed = Bed::new().await;
    let budget = BudgetRequest { tokens: Some(1000), micro_usd: Some(100), ..calls(0) };
    let id = sweep(&bed, 3, 3, &budget).await;
    let jobs = bed.claim(3).await;
    let spent =
        |field: &str, by: i64| Effect::Add { key: keys::sweep(&id), field: field.to_owned(), by };
    let ask = async |spend: Spend| bed.queue.hold_budget(&jobs[1].lease, &spend).await.unwrap();
    let (dear, further) = (Spend { cheaper: true, ..CALL }, Spend { further: true, ..CALL });
    let much = Spend { micro_usd: 101, ..dear };
    assert!(matches!(ask(much).await, Held::PassOver(_)), "a cheaper one may fit");
    assert!(matches!(ask(Spend { cheaper: false, ..much }).await, Held::No(_)));
    // What others hold makes it wait; what is spent decides.
    let most = Spend { tokens: 1, micro_usd: 85, ..CALL };
    assert_eq!(bed.queue.hold_budget(&jobs[0].lease, &most).await.unwrap(), Held::Granted);
    assert!(matches!(ask(dear).await, Held::Wait(_)));
    assert_eq!(ask(CALL).await, Held::Granted, "the cheapest goes on");
    let effects = Effects::done().with(spent("cost_micro_usd", 80));
    let effects = effects.with(settle(&id, &jobs[0], TargetStatus::Resolved));
    assert!(bed.commit(&jobs[0], effects).await);
    let Held::PassOver(why) = ask(dear).await else { panic!("near the cap") };
    assert_eq!(why, "$0.00008 of $0.0001 are spent");
    assert_eq!(ask(further).await, Held::Granted, "of tokens there are enough");
    let effects = Effects::done().with(spent("tokens_in", 500)).with(spent("tokens_out", 300));
    assert!(bed.commit(&jobs[2], effects.ending(Ending::HandBack)).await);
    assert!(matches!(ask(further).await, Held::No(_)));
    assert_eq!(ask(CALL).await, Held::Granted, "a first attempt goes on");
    let s = status(&bed, &id).await.budget.unwrap();
    assert_eq!((s.is_degraded(), s.is_stopped()), (true, false));
}

#[tokio::test]
async fn a_worker_that_dies_in_mid_call_leaves_its_hold_to_whoever_goes_on() {
    let bed = Bed::with_lease(50).await;
    let id = sweep(&bed, 1, 1, &calls(1)).await;
    let old = bed.claim(1).await.remove(0);
    assert_eq!(spend(&bed, &old).await, Held::Granted);
    let new = take_when_there(&bed).await;
    assert_eq!((new.crashes, new.enqueued_ms), (1, old.enqueued_ms), "the same life of the job");
    assert_eq!(held(&bed, &id).await.calls, 1);
    assert_eq!(spend(&bed, &old).await, Held::Stale);
    assert_eq!(spend(&bed, &new).await, Held::Granted, "the one call there is");
    // It dies of it, and holds nothing as a dead letter.
    let _ = take_when_there(&bed).await;
    assert_eq!(held(&bed, &id).await.calls, 1);
    oracle_until_dead(&bed).await;
    let s = status(&bed, &id).await;
    assert_eq!((s.state, s.unresolved), (SweepState::Done, 1));
    assert_eq!(held(&bed, &id).await, Amount::default());
    let dead = bed.queue.dead_letters(&DeadFilter::default()).await.unwrap();
    assert_eq!(bed.queue.revive(&dead[0].id, None).await.unwrap(), 1);
    let revived = bed.claim(1).await.remove(0);
    assert!(revived.enqueued_ms > old.enqueued_ms, "another life of it");
}

async fn oracle_until_dead(bed: &Bed) {
    for _ in 0..2000 {
        let claim = bed.queue.claim(&bed.request(1)).await.unwrap();
        match claim.next_due {
            Some(due) => tokio::time::sleep(due).await,
            None => return,
        }
    }
    panic!("it never died");
}

#[tokio::test]
async fn a_stopped_sweep_ends_leaves_the_rest_out_and_a_larger_budget_takes_it_up() {
    let bed = Bed::new().await;
    let id = sweep(&bed, 5, 1, &calls(2)).await;
    for _ in 0..2 {
        let job = bed.claim(1).await.remove(0);
        assert_eq!(spend(&bed, &job).await, Held::Granted);
        resolve(&bed, &id, &job).await;
    }
    assert!(bed.claim(1).await.is_empty(), "no further one is begun");
    let s = status(&bed, &id).await;
    assert_eq!((s.state, s.resolved, s.left_out, s.waiting), (SweepState::Done, 2, 3, 0));
    assert!(s.budget.unwrap().is_stopped());
    // The same budget, or one that is spent too: nothing changes.
    for same in [calls(2), BudgetRequest { calls: None, ..calls(0) }, calls(1)] {
        let created = ask(&bed, 1, &same).await;
        assert_eq!((created.new, created.put_back), (false, 0));
    }
    assert_eq!(status_of_state(&bed, &id).await, SweepState::Done);
    let created = ask(&bed, 1, &calls(4)).await;
    assert_eq!((created.id.as_str(), created.put_back), (id.as_str(), 3));
    assert_eq!(ask(&bed, 1, &calls(4)).await.put_back, 0, "the reply was lost");
    let s = status(&bed, &id).await;
    assert_eq!((s.state, s.live, s.waiting, s.left_out), (SweepState::Running, 1, 2, 0));
    // A review that had begun is left out: what it has gathered goes when it is taken up again.
    let job = bed.claim(1).await.remove(0);
    let review = job.lease.job.review().unwrap();
    let target = review.target().unwrap();
    let put =
        |key: String, field: &str| Effect::Put { key, field: field.into(), value: "x".into() };
    let effects = Effects::done()
        .with(put(keys::review_state(&review), "s0"))
        .with(Effect::Append { key: keys::attempts(&review), value: "{}".into() })
        .with(put(keys::left_out(&id), &target.to_string()))
        .with(settle(&id, &job, TargetStatus::LeftOut));
    assert!(bed.commit(&job, effects).await);
    let left = async || bed.queue.left_out(&id, &[target]).await.unwrap();
    assert_eq!(left().await, [Some("x".to_owned())]);
    // No cap at all.
    assert_eq!(ask(&bed, 1, &calls(0)).await.put_back, 1);
    assert_eq!(left().await, [None]);
    assert_eq!(bed.queue.review_state(&review).await.unwrap(), ReviewState::default());
    for _ in 0..3 {
        let job = bed.claim(1).await.remove(0);
        assert_eq!(spend(&bed, &job).await, Held::Granted);
        resolve(&bed, &id, &job).await;
    }
    let s = status(&bed, &id).await;
    assert_eq!((s.state, s.resolved, s.budget), (SweepState::Done, 5, None));
}

#[tokio::test]
async fn the_time_between_an_end_and_going_on_is_none_of_the_sweeps() {
    const HOUR: u64 = 3_600_000;
    let bed = Bed::new().await;
    let id = sweep(&bed, 2, 1, &calls(1)).await;
    let one = async || {
        let job = bed.claim(1).await.remove(0);
        assert_eq!(spend(&bed, &job).await, Held::Granted);
        resolve(&bed, &id, &job).await;
        status(&bed, &id).await
    };
    let ended = one().await.ended_ms.unwrap();
    // It took an hour, and that was two hours ago.
    let mut conn = bed.server.connection();
    let record = at(keys::sweep(&id));
    let _: () = conn.hset(&record, "created", ended - 3 * HOUR).unwrap();
    let _: () = conn.hset(&record, "ended", ended - 2 * HOUR).unwrap();
    assert_eq!(status(&bed, &id).await.took_ms(0), HOUR);
    assert_eq!(ask(&bed, 1, &calls(9)).await.put_back, 1);
    let s = status(&bed, &id).await;
    assert_eq!((s.state, s.ended_ms), (SweepState::Running, None));
    assert!(!conn.hexists::<_, _, bool>(&record, "ended").unwrap());
    assert!(s.took_ms(ended) <= HOUR, "{s:?}");
    let s = one().await;
    assert_eq!(s.state, SweepState::Done);
    assert!((HOUR..HOUR + 60_000).contains(&s.took_ms(0)), "{s:?}");
}

async fn status_of_state(bed: &Bed, id: &SweepId) -> SweepState {
    bed.queue.sweep_status(id).await.unwrap().unwrap().state
}

#[tokio::test]
async fn a_cancelled_sweep_holds_nothing_and_leaves_nothing_to_be_taken_up() {
    let bed = Bed::new().await;
    let id = sweep(&bed, 2, 2, &calls(9)).await;
    let jobs = bed.claim(2).await;
    for job in &jobs {
        assert_eq!(spend(&bed, job).await, Held::Granted);
    }
    assert!(bed.queue.cancel_sweep(&id).await.unwrap());
    let out = Effects::done().with(settle(&id, &jobs[0], TargetStatus::LeftOut));
    assert!(bed.commit(&jobs[0], out).await);
    assert!(bed.commit(&jobs[1], Effects::done().ending(Ending::HandBack)).await);
    assert!(bed.claim(2).await.is_empty(), "it is dropped");
    let s = status(&bed, &id).await;
    assert_eq!((s.cancelled, s.left_out, s.state), (2, 0, SweepState::Cancelled));
    assert_eq!(held(&bed, &id).await, Amount::default());
    assert_eq!(ask(&bed, 2, &calls(20)).await.put_back, 0);
}
