//! All that stands in Redis, in the words of the model.

use queue_schema::state::JobState;
use redis::{FromRedisValue, Value};
use scrum_tests::model_queue::{Facts, fields, words};
use scrum_tests::redis::Look;
use std::collections::BTreeMap;

const P: &str = "{scrum:0}:";

/// Keys that no promise of the model is about: turns, tokens that wake, workers, events.
const UNSEEN: &[&str] = &["turn", "wake", "wake:", "freed:", "pool", "workers", "w:", "ev:"];

/// Fields of a sweep's record that change; the others are its request.
const SWEEP: &[&str] = &[
    "state",
    "planned",
    "window",
    "total",
    "n:q",
    "n:l",
    "n:r",
    "n:u",
    "n:s",
    "n:x",
    "n:b",
    "cap:calls",
    "cap:tokens",
    "cap:micro_usd",
    "res:calls",
    "res:tokens",
    "res:micro_usd",
    "calls",
    "tokens_in",
    "tokens_out",
    "tokens_guessed",
    "cost_micro_usd",
];

/// Fields of a job's record that say what may happen to it.
const JOB: &[&str] = &["st", "l", "p", "s", "g", "a", "c", "m", "t", "dc", "res"];

/// What the server holds.
pub fn facts(conn: &mut Look) -> (Facts, BTreeMap<String, JobState>) {
    let mut keys: Vec<String> = redis::cmd("KEYS").arg(format!("{P}*")).query(conn).unwrap();
    keys.sort();
    let keys: Vec<&str> = keys.iter().map(|k| k.strip_prefix(P).unwrap()).filter(seen).collect();
    let mut pipe = redis::pipe();
    for key in &keys {
        ask(&mut pipe, key);
    }
    // Sending no commands at all is an error.
    let values: Vec<Value> = if keys.is_empty() { Vec::new() } else { pipe.query(conn).unwrap() };
    let mut states = BTreeMap::new();
    let mut facts = Facts::new();
    for (key, value) in keys.into_iter().zip(values) {
        if let Some(id) = key.strip_prefix("j:") {
            let record: BTreeMap<String, String> = read(&value);
            let word = record.get("st").map(String::as_str);
            states.insert(id.to_owned(), JobState::from_word(word).expect("a known state"));
        }
        if let Some(text) = text(key, &value) {
            facts.insert(key.to_owned(), text);
        }
    }
    (facts, states)
}

fn seen(key: &&str) -> bool {
    !UNSEEN.iter().any(|u| if u.ends_with(':') { key.starts_with(u) } else { key == u })
}

fn kind(key: &str) -> &str {
    key.split(':').next().unwrap_or(key)
}

fn ask(pipe: &mut redis::Pipeline, key: &str) {
    let (name, range): (&str, &[&str]) = match kind(key) {
        "j" | "sw" | "bar" | "rev" | "left" | "ready" => ("HGETALL", &[]),
        "rowid" | "tg" => ("HKEYS", &[]),
        "b" | "st" | "barm" => ("GET", &[]),
        "q" | "att" => ("LRANGE", &["0", "-1"]),
        "ring" | "sweeps" | "fx" => ("ZRANGE", &["0", "-1"]),
        "leases" | "delayed" | "dead" => ("ZRANGE", &["0", "-1", "WITHSCORES"]),
        "js" | "dt" | "paused" | "cancelled" | "parked" => ("SMEMBERS", &[]),
        "rows" => ("XRANGE", &["-", "+"]),
        _ => panic!("the model does not know the key {key}"),
    };
    pipe.cmd(name).arg(format!("{P}{key}")).arg(range);
}

fn read<T: FromRedisValue>(value: &Value) -> T {
    T::from_redis_value_ref(value).unwrap()
}

/// `None` for what the model does not keep.
fn text(key: &str, value: &Value) -> Option<String> {
    Some(match kind(key) {
        "j" => {
            let mut job = only(JOB, value);
            // A field that has its default is not kept.
            for (field, default) in [("t", ""), ("s", ""), ("g", ""), ("a", "0"), ("c", "0")] {
                job.entry(field.to_owned()).or_insert_with(|| default.to_owned());
            }
            if job["st"] != "dead" {
                job.remove("dc");
            }
            fields(&job)
        }
        "sw" => {
            // A job of a sweep that nobody made may die, and leaves a word of it.
            let sweep = only(SWEEP, value);
            sweep.contains_key("window").then(|| fields(&sweep))?
        }
        "bar" => fields(&only(&["id", "n", "size"], value)),
        "rev" | "left" | "ready" => fields(&read::<BTreeMap<String, String>>(value)),
        "b" | "st" => read(value),
        "barm" => words(bits(&read::<Vec<u8>>(value))),
        "q" | "att" | "ring" | "fx" => words(read::<Vec<String>>(value)),
        "tg" => {
            let mut ordinals: Vec<u32> = read(value);
            ordinals.sort_unstable();
            words(ordinals)
        }
        "leases" | "delayed" | "dead" => {
            let mut entries: Vec<(String, f64)> = read(value);
            entries.sort_by(|a, b| a.0.cmp(&b.0));
            words(
                entries.iter().map(|(id, at)| format!("{id}{}", if *at < 2.0 { "!" } else { "" })),
            )
        }
        "rows" => {
            let rows: redis::streams::StreamRangeReply = read(value);
            words(rows.ids.iter().map(|e| e.get::<String>("id").unwrap()))
        }
        _ => {
            let mut members: Vec<String> = read(value);
            members.sort();
            words(members)
        }
    })
}

fn only(names: &[&str], value: &Value) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = read(value);
    all.retain(|name, _| names.contains(&name.as_str()));
    all
}

fn bits(bytes: &[u8]) -> Vec<usize> {
    (0..bytes.len() * 8).filter(|i| bytes[i / 8] & (0x80 >> (i % 8)) != 0).collect()
}

/// Members of a set in the order in which a script gets them.
pub fn members(conn: &mut Look, key: &str) -> Vec<String> {
    redis::cmd("SMEMBERS").arg(format!("{P}{key}")).query(conn).unwrap()
}

/// Makes a lease run out, or a delayed job due.
pub fn make_late(conn: &mut Look, set: &str, id: &str) {
    let changed: u32 = redis::cmd("ZADD")
        .arg(format!("{P}{set}"))
        .arg("XX")
        .arg("CH")
        .arg(1)
        .arg(id)
        .query(conn)
        .unwrap();
    assert!(changed <= 1);
}

/// Takes the token that wakes a worker which serves these lanes, as the wait before a claim does.
pub fn woken(conn: &mut Look, lanes: &[String]) {
    for key in wake_keys(lanes) {
        redis::cmd("LPOP").arg(key).query::<Option<String>>(conn).unwrap();
    }
}

/// Puts such a token back.
pub fn wake(conn: &mut Look, lanes: &[String]) {
    for key in wake_keys(lanes) {
        let mut pipe = redis::pipe();
        pipe.cmd("DEL").arg(&key).ignore().cmd("RPUSH").arg(&key).arg(1).ignore();
        pipe.query::<()>(conn).unwrap();
    }
}

/// True when such a worker would be woken.
pub fn would_wake(conn: &mut Look, lanes: &[String]) -> bool {
    let tokens: u32 = wake_keys(lanes)
        .iter()
        .map(|k| redis::cmd("LLEN").arg(k).query::<u32>(conn).unwrap())
        .sum();
    tokens > 0
}

fn wake_keys(lanes: &[String]) -> Vec<String> {
    match lanes {
        [] => vec![format!("{P}wake")],
        some => some.iter().map(|l| format!("{P}wake:{l}")).collect(),
    }
}
