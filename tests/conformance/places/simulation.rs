//! Calls to a server of any shape in simulated time: the limits are decided by `lua/include/limit.lua` itself,
//! which a real Redis runs.

use redis::Commands as _;
use scrum_tests::redis::RedisServer;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const PLACES: &str = include_str!("../../../queue-schema/lua/include/limit.lua");

/// What the simulation asks of it, all at one time. `KEYS` are none; the pool comes and goes as JSON.
const STEP: &str = "
local p, now = cjson.decode(ARGV[1]), tonumber(ARGV[2])
for name, value in pairs(p) do if value == cjson.null then p[name] = nil end end
places.begin(p)
local ended = cjson.decode(ARGV[3])
for _, c in ipairs(ended) do
  if c.wait == cjson.null then c.wait = nil end
  places.ended(p, now, c, 500, 5000)
end
local n, due = places.take(p, now, p.used, tonumber(ARGV[4]))
return cjson.encode({ p, n, due or cjson.null })
";

/// A call that begins.
pub struct Call {
    /// Which one, from 0.
    pub n: u64,
    /// When, ms.
    pub at: u64,
    /// Others that are under way.
    pub under_way: usize,
}

/// How a call ends.
#[derive(Clone, Copy)]
pub struct Fate {
    pub ms: u64,
    pub how: &'static str,
    pub units: u64,
    pub code: u16,
    pub wait: Option<u64>,
}

impl Fate {
    pub fn fine(ms: u64) -> Self {
        Self { ms, how: "fine", units: 100, code: 0, wait: None }
    }

    pub fn refused(ms: u64, code: u16, wait: Option<u64>) -> Self {
        Self { ms, how: "refused", units: 0, code, wait }
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Run {
    /// Calls refused; each is made again.
    pub refused: u64,
    /// Calls that were under way at the server at a time.
    pub most: usize,
    /// From the first call to the last answer, ms.
    pub took: u64,
    /// The limit at the end.
    pub limit: u64,
}

pub struct Simulation {
    conn: redis::Connection,
    pool: Value,
    now: u64,
}

impl Simulation {
    pub fn auto(server: &RedisServer, most: u32) -> Self {
        Self::new(server, &json!({ "most": most, "auto": 1 }))
    }

    pub fn fixed(server: &RedisServer, most: u32) -> Self {
        Self::new(server, &json!({ "most": most, "auto": 0 }))
    }

    fn new(server: &RedisServer, pool: &Value) -> Self {
        let client = redis::Client::open(server.url()).unwrap();
        Self { conn: client.get_connection().unwrap(), pool: pool.clone(), now: 0 }
    }

    fn step(&mut self, ended: &[Value], want: u64) -> (u64, Option<u64>) {
        let reply: String = redis::cmd("EVAL")
            .arg(format!("{PLACES}\n{STEP}"))
            .arg(0)
            .arg(self.pool.to_string())
            .arg(self.now)
            .arg(Value::from(ended).to_string())
            .arg(want)
            .query(&mut self.conn)
            .unwrap();
        let reply: Value = serde_json::from_str(&reply).unwrap();
        self.pool = reply[0].clone();
        (reply[1].as_u64().unwrap(), reply[2].as_f64().map(|due| due.ceil() as u64))
    }

    /// Makes calls until `jobs` of them are answered. The times that `shape` sees begin at 0.
    pub fn run(&mut self, jobs: u64, mut shape: impl FnMut(&Call) -> Fate) -> Run {
        let _: String = self.conn.ping().unwrap();
        let begin = self.now;
        let mut flying: BinaryHeap<Reverse<(u64, u64)>> = BinaryHeap::new();
        let mut calls: Vec<(Fate, Value, u64)> = Vec::new();
        let (mut left, mut answered, mut refused, mut most) = (jobs, 0, 0, 0);
        let mut ended = Vec::new();
        while answered < jobs {
            let (n, due) = self.step(&ended, left);
            ended.clear();
            for _ in 0..n {
                let id = calls.len() as u64;
                let at = self.now - begin;
                let fate = shape(&Call { n: id, at, under_way: flying.len() });
                calls.push((fate, self.pool["epoch"].clone(), self.now));
                flying.push(Reverse((self.now + fate.ms, id)));
                left -= 1;
            }
            most = most.max(flying.len());
            let end = flying.peek().map(|Reverse((at, _))| *at);
            let due = due.filter(|_| left > 0).map(|at| at.max(self.now + 1));
            self.now =
                end.into_iter().chain(due).min().expect("nothing under way, and nothing due");
            while let Some(Reverse((at, id))) = flying.peek().copied().filter(|f| f.0.0 <= self.now)
            {
                flying.pop();
                let (fate, epoch, started) = &calls[id as usize];
                ended.push(json!({
                    "how": fate.how, "epoch": epoch, "ms": at - started, "units": fate.units,
                    "code": fate.code, "wait": fate.wait,
                }));
                if fate.how == "fine" {
                    answered += 1;
                } else {
                    refused += 1;
                    left += 1;
                }
            }
        }
        self.step(&ended, 0);
        let limit = self.pool["limit"].as_f64().unwrap() as u64;
        Run { refused, most, took: self.now - begin, limit }
    }
}
