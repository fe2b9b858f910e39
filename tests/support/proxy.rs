//! A proxy between workers and redis-server that knows the protocol: it tells the test of every call
//! before Redis sees it and after Redis has answered it, and there it can be held, its reply lost,
//! the network cut or gone silent, or a process killed. So a test stands at an exact step boundary,
//! and the product needs no hook for it.

mod pump;
mod resp;

use queue_schema::client::Script;
use std::collections::HashMap;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

/// One call on its way.
#[derive(Debug, Clone)]
pub struct Call {
    /// Name of the script, or of the command in capitals.
    pub name: String,
    /// 1 for the first call of this name.
    pub n: usize,
    /// 1 for the first call at all.
    pub serial: usize,
    /// The words of the command; for a script, what it gets as `ARGV`.
    pub args: Vec<Vec<u8>>,
    /// What Redis answered, as it stood on the wire; `None` before that.
    pub reply: Option<Vec<u8>>,
    /// When it came by.
    pub at: Instant,
}

/// Where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// The client has sent it, Redis has not seen it.
    Before,
    /// Redis has done it and answered; the client does not know.
    After,
}

/// What becomes of a call at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// It goes on.
    Pass,
    /// It goes no further, and the connection breaks: a lost request, or a lost reply.
    Lose,
}

type Hook = dyn Fn(&Call, Point) -> Act + Send + Sync;

/// A commit that came by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentCommit {
    /// Which job.
    pub job: String,
    /// Under which token.
    pub token: String,
    /// How it should end: `done`, `retry`, `dead`, `back`.
    pub ending: String,
    /// What Redis answered; `None` when it did not.
    pub applied: Option<bool>,
    /// The answer went on to the client.
    pub told: bool,
}

/// How the network is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    Up,
    Cut,
    Silent,
}

pub(crate) struct Shared {
    upstream: PathBuf,
    /// Scripts by their hash and by their text.
    names: HashMap<String, &'static str>,
    hook: Mutex<Arc<Hook>>,
    network: Mutex<Network>,
    changed: Condvar,
    /// Both ends of each connection, by its number.
    open: Mutex<HashMap<usize, (UnixStream, UnixStream)>>,
    counts: Mutex<(usize, HashMap<String, usize>)>,
    commits: Mutex<Vec<SentCommit>>,
}

/// A running proxy.
pub struct Proxy {
    dir: tempfile::TempDir,
    shared: Arc<Shared>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Proxy {
    /// A proxy before the server at a socket.
    ///
    /// # Panics
    /// When it can't listen.
    pub fn to(upstream: PathBuf) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let names = queue_schema::client::scripts();
        let both = |(name, script): &(&'static str, &'static Script)| {
            [(script.sha().to_owned(), *name), (script.source().to_owned(), *name)]
        };
        let names = names.iter().flat_map(both).collect();
        let shared = Arc::new(Shared {
            upstream,
            names,
            hook: Mutex::new(Arc::new(|_: &Call, _| Act::Pass)),
            network: Mutex::new(Network::Up),
            changed: Condvar::new(),
            open: Mutex::default(),
            counts: Mutex::default(),
            commits: Mutex::default(),
        });
        let listener = UnixListener::bind(dir.path().join("p")).unwrap();
        let served = Arc::clone(&shared);
        std::thread::spawn(move || pump::accept(&listener, &served));
        Self { dir, shared }
    }

    /// The URL for clients.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.dir.path().join("p").display())
    }

    /// Asks `hook` at every point from now on. It may take its time: that holds the call, and
    /// nothing else on other connections.
    pub fn on(&self, hook: impl Fn(&Call, Point) -> Act + Send + Sync + 'static) {
        *lock(&self.shared.hook) = Arc::new(hook);
    }

    /// Breaks every connection and refuses new ones, until [`Proxy::mend`].
    pub fn cut(&self) {
        self.handle().cut();
    }

    /// From now on nothing passes, and nobody is told: a half-open network, until [`Proxy::mend`].
    pub fn silence(&self) {
        self.shared.set(Network::Silent);
    }

    /// The network is whole again. What was on its way when it went silent is lost.
    pub fn mend(&self) {
        self.shared.set(Network::Up);
    }

    /// For hooks, which outlive the borrow.
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.shared))
    }

    /// Calls of a name so far.
    pub fn count(&self, name: &str) -> usize {
        lock(&self.shared.counts).1.get(name).copied().unwrap_or(0)
    }

    /// All calls so far.
    pub fn calls(&self) -> usize {
        lock(&self.shared.counts).0
    }

    /// All commits so far.
    pub fn commits(&self) -> Vec<SentCommit> {
        lock(&self.shared.commits).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // The listening thread ends with the process; what it serves ends now.
        self.cut();
    }
}

/// A proxy's switch.
#[derive(Clone)]
pub struct Handle(Arc<Shared>);

impl Handle {
    /// See [`Proxy::cut`].
    pub fn cut(&self) {
        self.0.set(Network::Cut);
        for (one, other) in lock(&self.0.open).values() {
            let _ = one.shutdown(std::net::Shutdown::Both);
            let _ = other.shutdown(std::net::Shutdown::Both);
        }
    }

    /// See [`Proxy::silence`].
    pub fn silence(&self) {
        self.0.set(Network::Silent);
    }
}

impl Shared {
    fn set(&self, network: Network) {
        *lock(&self.network) = network;
        self.changed.notify_all();
    }
}

/// A place where a hook waits until the test lets it go on. Clones are the same place.
#[derive(Clone, Default)]
pub struct Latch(Arc<(Mutex<(bool, bool)>, Condvar)>);

impl Latch {
    /// Reports to the test, and waits.
    pub fn pass(&self) {
        let mut state = lock(&self.0.0);
        state.0 = true;
        while !state.1 {
            state = self.0.1.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
    }

    /// Whether a hook has come here.
    pub fn is_reached(&self) -> bool {
        lock(&self.0.0).0
    }

    /// Lets it go on, and all that come later.
    pub fn open(&self) {
        lock(&self.0.0).1 = true;
        self.0.1.notify_all();
    }
}
