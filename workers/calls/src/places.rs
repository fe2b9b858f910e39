//! Places in pools: a worker takes one for each call of a provider, just before it, and gives it back when
//! the call has ended.
//!
//! A job of a pool is prepared without a place. When its handler asks for one ([`take`]) it waits here, and gives
//! its permit back meanwhile: `worker.concurrency` bounds calls and the other jobs at work. How many jobs are
//! prepared ahead of their calls is bounded for each pool ([`Places::room`]); the others stay in Redis. One task
//! a pool ([`super::desk`]) gathers who wants a place and what is given back, and does both in one script call.

use super::desk::{self, Ask};
use queue_schema::client::{
    CallEnding, EndedCall, Exchanged, Pauses, PoolLimits, Queue, QueueError,
};
use queue_schema::ids::WorkerId;
use queue_schema::keys::pool_of;
use scrum_config::QueueSettings;
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// Longest pause of a pool after refusals that say no time: one call asks that often.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

tokio::task_local! {
    static SEAT: Arc<Seat>;
}

/// When a job that waits for a place gives up: both after so many refused calls of the pool in a row and after
/// so long, whoever made them.
#[derive(Debug, Clone)]
pub struct Patience {
    /// Of which model: another one of the same provider may still be served, and asks for itself.
    pub model: String,
    /// Refused calls.
    pub refusals: u32,
    /// Time since the first of them.
    pub time: Duration,
}

impl Patience {
    /// It never gives up.
    pub const ENDLESS: Self =
        Self { model: String::new(), refusals: u32::MAX, time: Duration::MAX };
}

/// Why there is no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPlace {
    /// The provider has refused all calls for too long.
    Refusing {
        /// What it said the last time.
        why: String,
        /// For how long.
        time: Duration,
    },
    /// The worker ends, and begins no call any more.
    Stopping,
}

/// Jobs of a pool in this worker, in calls and before them.
#[derive(Debug, Default)]
struct Count {
    /// Calls under way.
    in_call: AtomicU32,
    /// Jobs that are prepared, or wait for a place.
    ahead: AtomicU32,
    /// All jobs.
    jobs: AtomicU32,
    /// Places that the pool had left when it was last asked.
    left: AtomicU32,
}

/// A pool as this worker sees it.
#[derive(Debug)]
pub(super) struct Pool {
    name: String,
    asks: mpsc::UnboundedSender<Ask>,
    count: Count,
}

/// A job at its handler: what it may hold, a permit or a place.
#[derive(Debug)]
pub struct Seat {
    places: Places,
    pool: Option<Arc<Pool>>,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    is_ahead: std::sync::atomic::AtomicBool,
}

impl Seat {
    fn permit(&self) -> MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts it among the jobs that are prepared, or no more.
    fn set_ahead(&self, ahead: bool) {
        let Some(pool) = &self.pool else { return };
        if self.is_ahead.swap(ahead, Ordering::SeqCst) != ahead {
            let by = if ahead { 1 } else { u32::MAX };
            pool.count.ahead.fetch_add(by, Ordering::SeqCst);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.set_ahead(false);
        if let Some(pool) = &self.pool {
            pool.count.jobs.fetch_sub(1, Ordering::SeqCst);
        }
        self.permit().take();
        self.places.busy.fetch_sub(1, Ordering::SeqCst);
        self.places.changed();
    }
}

/// A place: the right to make one call. It goes back to its pool when it is dropped.
#[derive(Debug)]
pub struct Place {
    /// None outside of a worker, where nobody counts.
    at: Option<(Arc<Pool>, Arc<Seat>)>,
    epoch: u64,
    /// The pool refused calls one after the other, and this one asks whether it still does.
    probes: bool,
    model: String,
    why: String,
    began: Instant,
    ended: CallEnding,
    units: u64,
}

impl Place {
    /// True when calls before this one were refused one after the other, and none has been answered since.
    pub fn probes(&self) -> bool {
        self.probes
    }

    /// The call begins now.
    pub fn begin(&mut self) {
        self.began = Instant::now();
        self.ended = CallEnding::Other;
    }

    /// The call has ended: how, what was done in it, in tokens, and what was said if it was refused.
    pub fn end(mut self, how: CallEnding, units: u64, why: String) {
        (self.ended, self.units, self.why) = (how, units, why);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((pool, seat)) = self.at.take() else { return };
        pool.count.in_call.fetch_sub(1, Ordering::SeqCst);
        let took = self.began.elapsed();
        let call = EndedCall { epoch: self.epoch, how: self.ended, took, units: self.units };
        pool.ended(call, std::mem::take(&mut self.model), std::mem::take(&mut self.why));
        seat.permit().take();
        seat.places.changed();
    }
}

/// Waits for a place in a pool, for the job that runs; at once outside of a worker.
///
/// # Errors
/// [`NoPlace`] when the provider has refused calls for longer than the patience, or the worker ends.
pub async fn take(pool: &str, patience: Patience) -> Result<Place, NoPlace> {
    let Ok(seat) = SEAT.try_with(Arc::clone) else {
        return Ok(Place::of(None, 0, false, String::new()));
    };
    let pool = seat.places.pool(pool);
    // While it waits, others work.
    seat.permit().take();
    seat.set_ahead(true);
    seat.places.changed();
    let (reply, answer) = oneshot::channel();
    let model = patience.model.clone();
    let _ = pool.asks.send(Ask::Place { reply, patience });
    let answer = tokio::select! {
        biased;
        answer = answer => answer,
        () = seat.places.stopping.cancelled() => return Err(NoPlace::Stopping),
    };
    match answer {
        Ok(Ok(given)) => {
            given.unread.taken();
            *seat.permit() = Some(given.permit);
            seat.set_ahead(false);
            pool.count.in_call.fetch_add(1, Ordering::SeqCst);
            seat.places.changed();
            Ok(Place::of(Some((pool, seat)), given.epoch, given.probes, model))
        }
        Ok(Err(refusing)) => Err(refusing),
        Err(_) => Err(NoPlace::Stopping),
    }
}

impl Place {
    fn of(at: Option<(Arc<Pool>, Arc<Seat>)>, epoch: u64, probes: bool, model: String) -> Self {
        let ended = CallEnding::Unused;
        Self {
            at,
            epoch,
            probes,
            model,
            why: String::new(),
            began: Instant::now(),
            ended,
            units: 0,
        }
    }
}

/// What the tasks of the pools share.
#[derive(Debug)]
pub(super) struct Shared {
    pub queue: Queue,
    pub worker: WorkerId,
    pub permits: Arc<Semaphore>,
    pub pauses: Pauses,
    pub backoff: (Duration, Duration, f64),
    pub longest: Duration,
    /// What is renewed: by pool, calls under way and whether places are lacking.
    pub held: HeldPlaces,
}

/// The places that a worker has, by pool, and whether it lacks some.
#[derive(Debug, Clone, Default)]
pub struct HeldPlaces(Arc<Mutex<BTreeMap<String, (u32, bool)>>>);

impl HeldPlaces {
    pub(super) fn set(&self, pool: &str, held: u32, lacks: bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if held > 0 || lacks {
            all.insert(pool.to_owned(), (held, lacks));
        } else {
            all.remove(pool);
        }
    }

    /// Keeps those that lie in the partition of this handle, for another lease.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn keep(&self, queue: &Queue, worker: &WorkerId) -> Result<(), QueueError> {
        let (here, mut pools) = (queue.number(), self.all());
        pools.retain(|(pool, ..)| queue.of_pool(pool).number() == here);
        if pools.is_empty() { Ok(()) } else { queue.hold_places(worker, &pools).await }
    }

    /// Name, calls under way, and whether places are lacking.
    fn all(&self) -> Vec<(String, u32, bool)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(pool, (held, lacks))| (pool.clone(), *held, *lacks)).collect()
    }
}

/// The places of this process. When the last handle, seat and place are gone, and what was given back has
/// arrived, the tasks behind it end.
#[derive(Debug, Clone)]
pub struct Places {
    shared: Arc<Shared>,
    concurrency: u32,
    ahead: bool,
    /// Jobs at their handlers, of whatever pool.
    busy: Arc<AtomicU32>,
    limits: Arc<BTreeMap<String, PoolLimits>>,
    pools: Arc<Mutex<HashMap<String, Arc<Pool>>>>,
    tasks: mpsc::UnboundedSender<JoinHandle<()>>,
    changes: Arc<watch::Sender<()>>,
    stopping: CancellationToken,
}

/// What a worker has room for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Room {
    /// Jobs, by pool.
    pub pools: BTreeMap<String, u32>,
    /// Of them all at most.
    pub most: u32,
    /// Jobs of no pool at most.
    pub others: u32,
}

impl Places {
    /// Begins with none. `limits` has the pools whose calls take places, for `concurrency` calls at a time; whether jobs
    /// are prepared `ahead` of their calls. After `stopping`, no place is given any more.
    pub fn start(
        queue: &Queue,
        worker: &WorkerId,
        settings: &QueueSettings,
        limits: BTreeMap<String, PoolLimits>,
        (concurrency, ahead): (u32, bool),
        stopping: CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let ms = Duration::from_millis;
        let shared = Shared {
            queue: queue.clone(),
            worker: worker.clone(),
            permits: Arc::new(Semaphore::new(concurrency as usize)),
            pauses: Pauses {
                first: ms(settings.backoff_base_ms),
                longest: LONGEST_PAUSE.min(ms(settings.backoff_max_ms)),
                told: Duration::from_secs(settings.retry_after_max_s),
            },
            backoff: (
                ms(settings.backoff_base_ms),
                ms(settings.backoff_max_ms),
                settings.backoff_jitter,
            ),
            longest: ms(settings.sweep_interval_ms),
            held: HeldPlaces::default(),
        };
        let (tasks, mut started) = mpsc::unbounded_channel::<JoinHandle<()>>();
        let returning = tokio::spawn(async move {
            let mut all = JoinSet::new();
            while let Some(task) = started.recv().await {
                all.spawn(async move { drop(task.await) });
            }
            while all.join_next().await.is_some() {}
        });
        let places = Self {
            shared: Arc::new(shared),
            concurrency,
            ahead,
            busy: Arc::default(),
            limits: Arc::new(limits),
            pools: Arc::default(),
            tasks,
            changes: Arc::new(watch::Sender::new(())),
            stopping,
        };
        (places, returning)
    }

    /// Permits for calls and for jobs that make none.
    pub fn permits(&self) -> &Arc<Semaphore> {
        &self.shared.permits
    }

    /// What is to be renewed.
    pub fn held(&self) -> HeldPlaces {
        self.shared.held.clone()
    }

    fn changed(&self) {
        self.changes.send_replace(());
    }

    /// Hears when there may be room again.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Whether calls of a lane's jobs take places.
    pub fn counts(&self, lane: &str) -> bool {
        self.limits.contains_key(pool_of(lane))
    }

    /// The seat of a job from a lane: with a permit, or as one that is prepared for a call.
    pub fn seat(&self, lane: &str, permit: Option<OwnedSemaphorePermit>) -> Arc<Seat> {
        let pool = self.counts(lane).then(|| self.pool(pool_of(lane)));
        if let Some(pool) = &pool {
            pool.count.jobs.fetch_add(1, Ordering::SeqCst);
        }
        self.busy.fetch_add(1, Ordering::SeqCst);
        let permit = Mutex::new(permit);
        let seat = Seat { places: self.clone(), pool, permit, is_ahead: false.into() };
        seat.set_ahead(true);
        Arc::new(seat)
    }

    /// Runs a job in its seat.
    pub fn within<F: Future>(seat: Arc<Seat>, job: F) -> impl Future<Output = F::Output> {
        SEAT.scope(seat, job)
    }

    /// Jobs of each pool that this worker has a use for now. So many are prepared ahead as calls are under way, or
    /// as the pool has places left for it; always one. A few are not worth a claim while others are still prepared.
    /// Where none are prepared ahead, there is room for as many jobs as may be at work.
    pub fn room(&self) -> Room {
        let free = u32::try_from(self.permits().available_permits()).unwrap_or(u32::MAX);
        let idle = self.concurrency.saturating_sub(self.busy.load(Ordering::SeqCst));
        let mut room = Room { others: if self.ahead { u32::MAX } else { idle }, ..Room::default() };
        let mut jobs = 0;
        for name in self.limits.keys() {
            let pool = self.pool(name);
            let n = |count: &AtomicU32| count.load(Ordering::SeqCst);
            let ahead = n(&pool.count.ahead);
            let most = n(&pool.count.in_call).max(n(&pool.count.left).min(free)).max(1);
            let more = most.saturating_sub(ahead);
            let worth = ahead == 0 || more >= most.div_ceil(4);
            jobs += n(&pool.count.jobs);
            room.pools.insert(name.clone(), if worth { more } else { 0 });
        }
        let pools = u32::try_from(self.limits.len()).unwrap_or(0);
        let most = (2 * self.concurrency + pools).saturating_sub(jobs);
        room.most = if self.ahead { most } else { idle };
        room
    }

    fn pool(&self, name: &str) -> Arc<Pool> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(name) {
            return pool.clone();
        }
        let (asks, asked) = mpsc::unbounded_channel();
        let limits = self.limits.get(name).copied().unwrap_or_default();
        let count = Count::default();
        // Until it is asked, as many as may be given at first.
        count.left.store(limits.most.unwrap_or(1).min(FIRST_LEFT), Ordering::SeqCst);
        let pool = Arc::new(Pool { name: name.to_owned(), asks, count });
        let task = desk::serve(self.shared.clone(), Arc::downgrade(&pool), asked, limits);
        let _ = self.tasks.send(tokio::spawn(task));
        pools.insert(name.to_owned(), pool.clone());
        pool
    }
}

/// Jobs that are prepared for a pool before it was asked for a place.
const FIRST_LEFT: u32 = 4;

impl Pool {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A place goes back.
    pub(super) fn ended(&self, call: EndedCall, model: String, why: String) {
        let _ = self.asks.send(Ask::Ended { call, model, why });
    }

    /// What it said last.
    pub(super) fn heard(&self, said: &Exchanged) {
        self.count.left.store(said.left, Ordering::SeqCst);
    }
}
