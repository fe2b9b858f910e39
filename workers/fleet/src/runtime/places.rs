//! Places in pools whose limits hold over several partitions, as a worker handles them: it reserves
//! some before it claims, keeps one with each job, and gives it back when the job has ended.

use queue_schema::client::{Place, Queue, QueueError, Reserved};
use scrum_config::QueueSettings;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

/// A place that goes back to its pool when it is dropped.
#[derive(Debug)]
pub struct HeldPlace {
    place: Place,
    used: bool,
    back: mpsc::UnboundedSender<(Place, bool)>,
}

impl HeldPlace {
    /// A job starts in it.
    #[must_use]
    pub fn used(mut self) -> Self {
        self.used = true;
        self
    }

    /// Which it is.
    pub fn place(&self) -> &Place {
        &self.place
    }
}

impl Drop for HeldPlace {
    fn drop(&mut self) {
        let _ = self.back.send((self.place.clone(), self.used));
    }
}

/// The places of this process. When the last handle and the last place are gone, and what was given
/// back has arrived, the task behind it ends.
#[derive(Debug, Clone)]
pub struct Places {
    queue: Queue,
    longest: Duration,
    gates: Arc<Mutex<HashMap<String, Arc<Gate>>>>,
    back: mpsc::UnboundedSender<(Place, bool)>,
}

impl Places {
    /// Begins with none.
    pub fn start(queue: &Queue, settings: &QueueSettings) -> (Self, JoinHandle<()>) {
        let (back, given) = mpsc::unbounded_channel();
        let longest = Duration::from_millis(settings.sweep_interval_ms);
        let returning = tokio::spawn(give_back(queue.clone(), given));
        let gates = Arc::default();
        (Self { queue: queue.clone(), longest, gates, back }, returning)
    }

    /// Reserves places in a pool; see [`Queue::reserve`].
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn reserve(
        &self,
        pool: &str,
        request: &str,
        want: u32,
    ) -> Result<(Vec<HeldPlace>, Option<Duration>), QueueError> {
        let Reserved { places, next_due } = self.queue.reserve_places(pool, request, want).await?;
        let held = places
            .into_iter()
            .map(|place| HeldPlace { place, used: false, back: self.back.clone() })
            .collect();
        Ok((held, next_due))
    }

    /// Waits until the pool has free places, perhaps.
    pub async fn freed(&self, pool: &str) {
        let gate = {
            let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Gate::open(self.queue.clone(), pool.to_owned(), self.longest);
            gates.entry(pool.to_owned()).or_insert_with(new).clone()
        };
        gate.wait().await;
    }
}

/// What listens for free places of one pool while somebody here waits for them.
#[derive(Debug)]
struct Gate {
    inner: Arc<Inner>,
    _listening: AbortOnDropHandle<()>,
}

#[derive(Debug, Default)]
struct Inner {
    waiting: AtomicUsize,
    wanted: Notify,
    free: Notify,
}

impl Gate {
    fn open(queue: Queue, pool: String, longest: Duration) -> Arc<Self> {
        let inner = Arc::new(Inner::default());
        let listening = tokio::spawn(listen(queue, pool, longest, inner.clone()));
        Arc::new(Self { inner, _listening: AbortOnDropHandle::new(listening) })
    }

    async fn wait(&self) {
        let counted = Counted::new(&self.inner.waiting);
        self.inner.wanted.notify_one();
        self.inner.free.notified().await;
        drop(counted);
    }
}

/// Counts one who waits, also when the waiting is given up.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(n: &'a AtomicUsize) -> Self {
        n.fetch_add(1, Ordering::SeqCst);
        Self(n)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn listen(queue: Queue, pool: String, longest: Duration, gate: Arc<Inner>) {
    let mut waiter = None;
    loop {
        if gate.waiting.load(Ordering::SeqCst) == 0 {
            gate.wanted.notified().await;
            continue;
        }
        let heard = match waiter.as_mut() {
            None => match queue.pool_waiter(&pool, longest).await {
                Ok(new) => {
                    waiter = Some(new);
                    continue;
                }
                Err(error) => Err(error),
            },
            Some(waiter) => waiter.wait(longest).await,
        };
        match heard {
            Ok(true) if gate.waiting.load(Ordering::SeqCst) > 0 => gate.free.notify_one(),
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

/// Gives places back, many at a time. Redis away: they run out by themselves, as leases do, so that
/// one try per place is enough.
async fn give_back(queue: Queue, mut given: mpsc::UnboundedReceiver<(Place, bool)>) {
    let mut some = Vec::new();
    while given.recv_many(&mut some, 256).await > 0 {
        let mut pools: BTreeMap<(String, bool), Vec<Place>> = BTreeMap::new();
        for (place, used) in some.drain(..) {
            pools.entry((place.pool.clone(), used)).or_default().push(place);
        }
        for ((pool, used), places) in pools {
            if let Err(error) = queue.return_places(&pool, &places, !used).await {
                tracing::debug!(%error, pool, "places could not be given back; they will run out");
            }
        }
    }
}

/// The longest wait that makes sense when two things may happen first.
pub fn sooner(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
