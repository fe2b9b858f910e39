//! What the stub has seen.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use serde_json::Value;
use tokio::sync::watch;

use super::frames::Wire;

/// One chat call as it arrived.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// 1 for the first call.
    pub n: usize,
    /// Which wire format.
    pub wire: Wire,
    /// Path of the request.
    pub path: String,
    /// The model asked for.
    pub model: String,
    /// The system message.
    pub system: String,
    /// All messages, joined; what a rule's prompt matcher sees.
    pub prompt: String,
    /// The whole body.
    pub body: Value,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The caller's end of the connection.
    pub peer: SocketAddr,
    /// When it arrived.
    pub at: Instant,
    /// Calls in flight at that moment, this one included.
    pub in_flight: usize,
}

/// Counters over all chat calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Calls that have arrived.
    pub requests: usize,
    /// Calls being answered now: those whose caller can't have the whole answer yet.
    pub in_flight: usize,
    /// The largest `in_flight` ever.
    pub max_in_flight: usize,
    /// Calls whose answer went out to its end.
    pub completed: usize,
    /// Calls that ended before that: the caller hung up, or the script cut them.
    pub broken: usize,
}

#[derive(Default)]
struct Inner {
    requests: Vec<Recorded>,
    /// Now and at most, by model.
    by_model: BTreeMap<String, (usize, usize)>,
    /// Bytes of answers, by model.
    sent: BTreeMap<String, usize>,
}

pub(crate) struct Log {
    inner: Mutex<Inner>,
    stats: watch::Sender<Stats>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { inner: Mutex::new(Inner::default()), stats: watch::Sender::new(Stats::default()) }
    }

    /// Records a call; it is in flight until the guard is dropped.
    pub(crate) fn arrived(self: &Arc<Self>, mut call: Recorded) -> (Recorded, InFlight) {
        let mut inner = self.inner.lock().expect("log");
        let count = inner.by_model.entry(call.model.clone()).or_default();
        count.0 += 1;
        count.1 = count.1.max(count.0);
        call.n = inner.requests.len() + 1;
        call.in_flight = self.stats.borrow().in_flight + 1;
        inner.requests.push(call.clone());
        self.stats.send_modify(|stats| {
            stats.requests += 1;
            stats.in_flight += 1;
            stats.max_in_flight = stats.max_in_flight.max(stats.in_flight);
        });
        drop(inner);
        let guard = InFlight { log: Arc::clone(self), model: call.model.clone(), whole: false };
        (call, guard)
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.inner.lock().expect("log").requests.clone()
    }

    pub(crate) fn stats(&self) -> Stats {
        *self.stats.borrow()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Stats> {
        self.stats.subscribe()
    }

    pub(crate) fn sent_by(&self, model: &str) -> usize {
        self.inner.lock().expect("log").sent.get(model).copied().unwrap_or_default()
    }

    pub(crate) fn max_in_flight_of(&self, model: &str) -> usize {
        self.inner.lock().expect("log").by_model.get(model).map_or(0, |count| count.1)
    }
}

/// A call that is being answered.
pub(crate) struct InFlight {
    log: Arc<Log>,
    model: String,
    whole: bool,
}

impl InFlight {
    /// A piece of the answer goes out.
    pub(crate) fn sends(&self, bytes: usize) {
        let mut inner = self.log.inner.lock().expect("log");
        *inner.sent.entry(self.model.clone()).or_default() += bytes;
    }

    /// The last of the answer goes out.
    pub(crate) fn complete(mut self) {
        self.whole = true;
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut inner = self.log.inner.lock().expect("log");
        if let Some(count) = inner.by_model.get_mut(&self.model) {
            count.0 -= 1;
        }
        self.log.stats.send_modify(|stats| {
            stats.in_flight -= 1;
            if self.whole {
                stats.completed += 1;
            } else {
                stats.broken += 1;
            }
        });
    }
}
