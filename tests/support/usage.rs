//! What a server has done, and what it holds.

use crate::redis::Look;
use std::collections::BTreeMap;

/// Commands that a server has run, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commands(BTreeMap<String, u64>);

fn info(conn: &mut Look) -> String {
    redis::cmd("INFO").arg("everything").query(conn).unwrap()
}

/// All commands so far.
///
/// # Panics
/// When the server does not answer.
pub fn commands(conn: &mut Look) -> Commands {
    let text = info(conn);
    let calls = text.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
        Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
    });
    Commands(calls.collect())
}

impl Commands {
    /// Those that came after an earlier look.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let now = self.0.iter();
        let new = now.map(|(name, n)| (name.clone(), n - before.0.get(name).unwrap_or(&0)));
        Self(new.filter(|(_, n)| *n > 0).collect())
    }

    /// How many calls of scripts.
    pub fn scripts(&self) -> u64 {
        ["evalsha", "eval"].iter().filter_map(|name| self.0.get(*name)).sum()
    }

    /// How many, calls of scripts and of this test not counted.
    pub fn inner(&self) -> u64 {
        const WIRE: [&str; 7] =
            ["evalsha", "eval", "info", "ping", "blpop", "client|setinfo", "hello"];
        self.0.iter().filter(|(name, _)| !WIRE.contains(&name.as_str())).map(|(_, n)| n).sum()
    }
}

/// Lookups that move a table of Redis on in which it has grown: while that is under way it has two of them, and a
/// busy server gets to it late.
const LOOKUPS: usize = 20_000;

/// Bytes of data, without buffers, once its tables have grown.
///
/// # Panics
/// When the server does not answer.
pub fn data_bytes(conn: &mut Look) -> i64 {
    // Short calls, so that no buffer grows by them.
    let asked: Vec<&str> = std::iter::once("EXISTS").chain(["no"; 50]).collect();
    for _ in (0..LOOKUPS).step_by(50) {
        let _: i64 = conn.ask(&asked);
    }
    let text = info(conn);
    let number = |name: &str| -> i64 {
        let line = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|n| n.trim().parse().ok()).unwrap_or(0)
    };
    number("used_memory") - number("mem_aof_buffer") - number("mem_clients_normal")
}
