//! The task of one pool: it gathers who wants a place and what is given back, and does both in one script call, so
//! that a call costs few commands.

use super::alarm;
use super::places::{NoPlace, Patience, Pool, Shared};
use queue_schema::client::{Backoff, CallEnding, EndedCall, Exchange, Exchanged, PoolLimits};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::task::AbortOnDropHandle;

/// What a pool's task is asked.
#[derive(Debug)]
pub(super) enum Ask {
    /// A job wants a place.
    Place {
        /// Where to; closed when the job is gone.
        reply: oneshot::Sender<Result<Given, NoPlace>>,
        /// How long it waits while calls are refused.
        patience: Patience,
    },
    /// A call has ended.
    Ended {
        call: EndedCall,
        model: String,
        /// What was said if it was refused.
        why: String,
    },
}

/// A place, and what goes with it.
#[derive(Debug)]
pub(super) struct Given {
    pub epoch: u64,
    pub probes: bool,
    pub unread: Unread,
    pub permit: OwnedSemaphorePermit,
}

/// A place that was sent to a job and is not taken yet. Dropped, it goes back: the job was gone before it looked.
#[derive(Debug)]
pub(super) struct Unread {
    pool: Option<Arc<Pool>>,
    epoch: u64,
}

impl Unread {
    /// The job has it, and gives it back itself.
    pub fn taken(mut self) {
        self.pool = None;
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let Some(pool) = self.pool.take() else { return };
        let (how, took) = (CallEnding::Unused, Duration::ZERO);
        let call = EndedCall { epoch: self.epoch, how, took, units: 0 };
        pool.ended(call, String::new(), String::new());
    }
}

struct Waiting {
    reply: oneshot::Sender<Result<Given, NoPlace>>,
    patience: Patience,
}

struct Desk {
    shared: Arc<Shared>,
    name: String,
    pool: Weak<Pool>,
    limits: PoolLimits,
    serial: u64,
    /// Calls under way whose end was not told yet.
    held: u32,
    waiting: VecDeque<Waiting>,
    ended: Vec<EndedCall>,
    /// Places were refused: until then nobody asks again, unless some are given back.
    full: Option<Instant>,
    /// The pool counts this worker among those that lack places, and gives others no more than their share.
    lacking: bool,
    /// What the pool said last.
    last: Option<Exchanged>,
    /// Models whose calls were refused since their last answer: how often, and what was said.
    refused: BTreeMap<String, (u32, String)>,
    ear: Arc<Ear>,
}

/// Serves until the pool is gone and what was given back has arrived.
pub(super) fn serve(
    shared: Arc<Shared>,
    pool: Weak<Pool>,
    asked: mpsc::UnboundedReceiver<Ask>,
    limits: PoolLimits,
) -> impl Future<Output = ()> {
    let name = pool.upgrade().map(|p| p.name().to_owned()).unwrap_or_default();
    let desk = Desk {
        shared,
        name,
        pool,
        limits,
        serial: 0,
        held: 0,
        waiting: VecDeque::new(),
        ended: Vec::new(),
        full: None,
        lacking: false,
        last: None,
        refused: BTreeMap::new(),
        ear: Arc::default(),
    };
    desk.run(asked)
}

impl Desk {
    async fn run(mut self, mut asked: mpsc::UnboundedReceiver<Ask>) {
        let listening = listen(self.shared.clone(), self.name.clone(), self.ear.clone());
        let _listening = AbortOnDropHandle::new(tokio::spawn(listening));
        loop {
            while let Ok(ask) = asked.try_recv() {
                self.hear(ask);
            }
            self.waiting.retain(|w| !w.reply.is_closed());
            if let (Some(_), Some(said)) = (self.full, self.last) {
                self.give_up(&said);
            }
            let permits = self.permits();
            // Who has no permit any more lacks no place: others may have what it was refused.
            let no_more = self.lacking && self.full.is_none();
            if !self.ended.is_empty() || !permits.is_empty() || no_more {
                self.exchange(permits).await;
                continue;
            }
            let lacks = !self.waiting.is_empty();
            let (full, ear) = (self.full, self.ear.clone());
            ear.set_lacks(lacks && full.is_some());
            let again = async {
                match full {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            // Who waits without being refused waits for a permit.
            let permit = async {
                if full.is_some() || !lacks {
                    return std::future::pending().await;
                }
                drop(self.shared.permits.acquire().await);
            };
            tokio::select! {
                ask = asked.recv() => match ask {
                    Some(ask) => self.hear(ask),
                    None => break,
                },
                () = again => self.full = None,
                () = permit => {}
                () = ear.free.notified() => self.full = None,
            }
        }
        self.held = 0;
        self.shared.held.set(&self.name, 0, false);
        if self.serial == 0 {
            return;
        }
        self.serial += 1;
        let said = self.say(&[], 0);
        if let Err(error) = self.shared.queue.exchange(&said).await {
            tracing::debug!(%error, pool = self.name, "places could not be given back; they will run out");
        }
    }

    fn hear(&mut self, ask: Ask) {
        match ask {
            Ask::Place { reply, patience } => self.waiting.push_back(Waiting { reply, patience }),
            Ask::Ended { call, model, why } => {
                match call.how {
                    CallEnding::Refused { .. } => {
                        let refused = self.refused.entry(model).or_default();
                        *refused = (refused.0 + 1, why);
                    }
                    CallEnding::Fine => drop(self.refused.remove(&model)),
                    _ => {}
                }
                self.held = self.held.saturating_sub(1);
                self.ended.push(call);
                // There is room where it was.
                self.full = None;
            }
        }
    }

    /// Permits for those who wait, as far as it makes sense to ask for places.
    fn permits(&self) -> Vec<OwnedSemaphorePermit> {
        let mut permits = Vec::new();
        if self.full.is_none() {
            while permits.len() < self.waiting.len() {
                match self.shared.permits.clone().try_acquire_owned() {
                    Ok(permit) => permits.push(permit),
                    Err(_) => break,
                }
            }
        }
        permits
    }

    fn say<'a>(&'a self, ended: &'a [EndedCall], want: usize) -> Exchange<'a> {
        Exchange {
            pool: &self.name,
            worker: &self.shared.worker,
            serial: self.serial,
            held: self.held,
            want: u32::try_from(want).unwrap_or(u32::MAX),
            ended,
            limits: self.limits,
            pauses: self.shared.pauses,
        }
    }

    /// Gives back what has ended and takes places for the permits, through outages.
    async fn exchange(&mut self, permits: Vec<OwnedSemaphorePermit>) {
        self.serial += 1;
        let ended = std::mem::take(&mut self.ended);
        let (base, max, jitter) = self.shared.backoff;
        let mut backoff = Backoff::new(base, max, jitter);
        let said = loop {
            match self.shared.queue.exchange(&self.say(&ended, permits.len())).await {
                Ok(said) => break said,
                Err(error) => {
                    if error.is_damage() {
                        alarm::damaged("this worker can't get places", &error);
                    } else {
                        tracing::warn!(%error, pool = self.name, "no places can be had; trying again");
                    }
                    tokio::time::sleep(backoff.next_wait()).await;
                }
            }
        };
        if let Some(pool) = self.pool.upgrade() {
            pool.heard(&said);
        }
        let wanted = permits.len();
        self.held += said.given;
        for permit in permits.into_iter().take(said.given as usize) {
            self.give(permit, &said);
        }
        self.lacking = (said.given as usize) < wanted;
        if self.lacking {
            let nap = said.next_due.unwrap_or(self.shared.longest).min(self.shared.longest);
            self.full = Some(Instant::now() + nap);
        }
        self.shared.held.set(&self.name, self.held, self.lacking);
        self.give_up(&said);
        self.last = Some(said);
    }

    fn give(&mut self, permit: OwnedSemaphorePermit, said: &Exchanged) {
        // Without the pool nobody waits any more, and all places go back when this task ends.
        let Some(pool) = self.pool.upgrade() else { return };
        let epoch = said.epoch;
        let unread = Unread { pool: Some(pool), epoch };
        let mut given = Given { epoch, probes: said.refusals > 1, unread, permit };
        while let Some(next) = self.waiting.pop_front() {
            match next.reply.send(Ok(given)) {
                Err(Ok(back)) => given = back,
                Ok(()) | Err(Err(_)) => return,
            }
        }
        // Whoever wanted it is gone: dropped here, it goes back.
    }

    /// Tells those who have waited long enough that the provider refuses all calls.
    fn give_up(&mut self, said: &Exchanged) {
        let refused = std::mem::take(&mut self.refused);
        let over = |p: &Patience| {
            let (n, why) = refused.get(&p.model)?;
            // In a row, and of this model: calls of one round trip are refused together.
            let over = said.refusals > p.refusals && *n > p.refusals && said.refusing >= p.time;
            over.then(|| why.clone())
        };
        for waiting in std::mem::take(&mut self.waiting) {
            match over(&waiting.patience) {
                None => self.waiting.push_back(waiting),
                Some(why) => {
                    let time = said.refusing;
                    let _ = waiting.reply.send(Err(NoPlace::Refusing { why, time }));
                }
            }
        }
        self.refused = refused;
    }
}

/// What the desk and its listener share.
#[derive(Debug, Default)]
struct Ear {
    /// Somebody here lacks a place.
    lacks: AtomicBool,
    wanted: Notify,
    free: Notify,
}

impl Ear {
    fn set_lacks(&self, lacks: bool) {
        if !self.lacks.swap(lacks, Ordering::SeqCst) && lacks {
            self.wanted.notify_one();
        }
    }
}

/// Listens for free places while somebody here lacks one. A task of its own: a wait that is given up half-way
/// would take a word that others need.
async fn listen(shared: Arc<Shared>, pool: String, ear: Arc<Ear>) {
    let queue = &shared.queue;
    let mut waiter = None;
    loop {
        if !ear.lacks.load(Ordering::SeqCst) {
            ear.wanted.notified().await;
            continue;
        }
        let heard = match waiter.as_mut() {
            // A word may have come before there was a connection.
            None => queue.pool_waiter(&pool, shared.longest).await.map(|new| {
                waiter = Some(new);
                true
            }),
            Some(waiter) => waiter.wait(shared.longest).await,
        };
        match heard {
            Ok(true) if ear.lacks.load(Ordering::SeqCst) => ear.free.notify_one(),
            // Nobody here has a use for the word any more: somebody elsewhere may.
            Ok(true) => {
                if let Err(error) = queue.pass_on(&pool).await {
                    tracing::debug!(%error, pool, "a word of free places was lost");
                }
            }
            Ok(false) => {}
            Err(error) => {
                tracing::debug!(%error, pool, "can't listen for free places; trying again");
                waiter = None;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}
