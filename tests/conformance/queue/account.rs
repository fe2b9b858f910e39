//! Accounts of calls outside of sweeps: a call holds once and is booked once, whatever reply is lost, and what a dead
//! server held is spent.

use super::Bed;
use queue_schema::budget::Amount;
use queue_schema::client::account::{Account, Answer, Took};
use redis::Commands;
use std::time::{Duration, Instant};

const DAY: Duration = Duration::from_secs(86_400);
const LONG: Duration = Duration::from_secs(600);
const HELD: Took = Took { tokens: 100, micro_usd: 7 };

fn account(calls: u64, longest: Duration) -> Account {
    let caps = Amount { calls, ..Amount::default() };
    Account { name: "a".to_owned(), caps, window: DAY, longest }
}

/// Calls, tokens and millionths of a dollar that are spent, and how many calls hold something.
fn spent(bed: &Bed) -> ([u64; 3], usize) {
    let mut conn = bed.server.connection();
    let keys: Vec<String> = conn.keys("*account:a").unwrap();
    let [key] = &keys[..] else { panic!("{keys:?}") };
    let all = ["calls", "tokens", "micro_usd"].map(|name| conn.hget(key, name).unwrap_or(0));
    let names: Vec<String> = conn.hkeys(key).unwrap();
    (all, names.iter().filter(|name| name.starts_with("h:")).count())
}

#[tokio::test]
async fn a_call_holds_once_and_is_booked_once_whatever_reply_is_lost() {
    let bed = Bed::new().await;
    let of = account(2, LONG);
    for call in ["one", "one", "two"] {
        assert_eq!(bed.queue.hold_account(&of, call, HELD).await.unwrap(), Answer::Fine, "{call}");
    }
    assert_eq!(spent(&bed), ([0; 3], 2));
    let refused = bed.queue.hold_account(&of, "three", HELD).await.unwrap();
    let Answer::Spent { cap, spent: 2, most: 2, again } = refused else { panic!("{refused:?}") };
    assert!(cap == "calls" && again <= DAY && !again.is_zero());
    // Both replies were lost: each is sent again.
    for _ in 0..2 {
        bed.queue.book_account(&of, "one", Took { tokens: 60, micro_usd: 5 }).await.unwrap();
        bed.queue.free_account(&of, "two").await.unwrap();
    }
    assert_eq!(spent(&bed), ([1, 60, 5], 0));
    assert_eq!(bed.queue.hold_account(&of, "three", HELD).await.unwrap(), Answer::Fine);
    assert!(matches!(
        bed.queue.hold_account(&of, "four", HELD).await.unwrap(),
        Answer::Spent { .. }
    ));
}

#[tokio::test]
async fn what_a_dead_server_held_is_spent() {
    let bed = Bed::new().await;
    let of = account(2, Duration::from_millis(20));
    assert_eq!(bed.queue.hold_account(&of, "dead", HELD).await.unwrap(), Answer::Fine);
    let deadline = Instant::now() + LONG;
    while spent(&bed) != ([1, 100, 7], 0) {
        assert!(Instant::now() < deadline, "what it held is not spent: {:?}", spent(&bed));
        bed.queue.free_account(&of, "another").await.unwrap();
    }
    // It was not dead, only late: it is not booked once more.
    bed.queue.book_account(&of, "dead", HELD).await.unwrap();
    assert_eq!(spent(&bed), ([1, 100, 7], 0));
}

#[tokio::test]
async fn garbage_in_an_account_is_told_and_holds_nothing() {
    let bed = Bed::new().await;
    let of = account(1, LONG);
    bed.queue.free_account(&of, "none").await.unwrap();
    let mut conn = bed.server.connection();
    let key: Vec<String> = conn.keys("*account:a").unwrap();
    let () = conn.hset(&key[0], "h:foreign", "no numbers").unwrap();
    let () = conn.hset(&key[0], "calls", "many").unwrap();
    assert_eq!(bed.queue.hold_account(&of, "one", HELD).await.unwrap(), Answer::Fine);
    assert_eq!(spent(&bed), ([0; 3], 1));
}
