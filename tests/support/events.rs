//! The events that a fleet has written.

use crate::oracle;
use crate::redis::RedisServer;
use queue_schema::client::Queue;
use serde_json::Value;

/// All that are kept, by source, in the order in which they came.
///
/// # Panics
/// When one is no JSON.
pub async fn kept(queue: &Queue) -> Vec<Value> {
    let mut all = Vec::new();
    for part in queue.each() {
        for source in part.event_sources().await.unwrap() {
            let some = part.events_after(&source, "", 10_000).await.unwrap();
            all.extend(some.iter().map(|event| serde_json::from_str(&event.json).unwrap()));
        }
    }
    all
}

/// The same for tests without a runtime.
#[tokio::main(flavor = "current_thread")]
pub async fn of(server: &RedisServer) -> Vec<Value> {
    kept(&oracle::queue(&server.url()).await).await
}

/// A line for each event: the values of some members, those that are missing as `-`; in the order of the alphabet.
pub fn lines(events: &[Value], members: &[&str]) -> Vec<String> {
    let word = |event: &Value, member: &&str| match &event[member] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let line = |event: &Value| members.iter().map(|m| word(event, m)).collect::<Vec<_>>().join(" ");
    let mut all: Vec<String> = events.iter().map(line).collect();
    all.sort_unstable();
    all
}
