//! A scripted model server for tests: it speaks the wire formats of the real ones, faults included.
//!
//! ```no_run
//! use scrum_tests::model_stub::{ModelStub, Reply, Rule, answers};
//!
//! let stub = ModelStub::start(vec![
//!     Rule::model("weak", Reply::ok(answers::thin())).times(1),
//!     Rule::prompt("src/main.rs", Reply::rate_limited(1)).times(2),
//!     Rule::any(Reply::ok(answers::markdown_review("src/main.rs"))),
//! ]);
//! let base_url = stub.openai_url();
//! ```
//!
//! It has a thread and a runtime of its own, so it serves worker processes and blocking tests too,
//! and dropping it cuts every connection at once, as a server that is killed would.

pub mod answers;
mod embed;
mod frames;
mod log;
mod script;
mod server;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

pub use embed::{EmbedCall, EmbedReply};
pub use frames::Wire;
pub use log::{Recorded, Stats};
pub use script::{Gate, Reply, Rule, Script, Usage};

use log::Log;

/// A test that waits longer than this for the stub has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running stub. It stops when it is dropped.
pub struct ModelStub {
    addr: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the server and the handle both see.
pub(crate) struct Shared {
    pub(crate) script: std::sync::Mutex<Script>,
    pub(crate) log: Arc<Log>,
    pub(crate) models: std::sync::Mutex<Vec<String>>,
    pub(crate) key: std::sync::Mutex<Option<String>>,
    pub(crate) embed: embed::EmbedSide,
}

impl ModelStub {
    /// Starts a stub on a free port of this machine.
    ///
    /// # Panics
    /// When no port or thread can be had.
    pub fn start(script: impl Into<Script>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        Self::on(listener, script)
    }

    /// Starts a stub on a port of the caller's, e.g. to come back after a crash.
    ///
    /// # Panics
    /// When the thread can't be started.
    pub fn on(listener: TcpListener, script: impl Into<Script>) -> Self {
        let addr = listener.local_addr().expect("an address");
        listener.set_nonblocking(true).expect("a nonblocking listener");
        let shared = Arc::new(Shared {
            script: std::sync::Mutex::new(script.into()),
            log: Arc::new(Log::new()),
            models: std::sync::Mutex::new(vec!["stub-model".to_owned()]),
            key: std::sync::Mutex::new(None),
            embed: embed::EmbedSide::new(),
        });
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("model-stub".to_owned())
            .spawn(move || server::run(listener, served, stopped))
            .expect("a thread");
        Self { addr, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// A stub whose answers a closure decides.
    pub fn with(decide: impl Fn(&Recorded) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(Script::closure(decide))
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `base_url` of an OpenAI-style provider.
    pub fn openai_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// `base_url` of an Ollama provider, and of any other whose base address has no path.
    pub fn ollama_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// `base_url` of a provider of this wire format.
    pub fn url(&self, wire: Wire) -> String {
        if wire == Wire::Openai { self.openai_url() } else { self.ollama_url() }
    }

    /// Replaces the script; calls in flight keep what they were given.
    pub fn set_script(&self, script: impl Into<Script>) {
        *self.shared.script.lock().expect("script") = script.into();
    }

    /// The models it lists.
    pub fn set_models(&self, models: &[&str]) {
        *self.shared.models.lock().expect("models") =
            models.iter().map(|m| (*m).to_owned()).collect();
    }

    /// Answers 401 to whoever does not bear this key.
    pub fn require_key(&self, key: &str) {
        *self.shared.key.lock().expect("key") = Some(key.to_owned());
    }

    /// Decides the answers to embedding calls; without it every text gets a vector of its words.
    pub fn set_embeddings(
        &self,
        decide: impl Fn(&EmbedCall) -> EmbedReply + Send + Sync + 'static,
    ) {
        self.shared.embed.set(Box::new(decide));
    }

    /// All embedding calls so far, in order of arrival.
    pub fn embeddings(&self) -> Vec<EmbedCall> {
        self.shared.embed.calls()
    }

    /// All chat calls so far, in order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.log.requests()
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        self.shared.log.stats()
    }

    /// Bytes of answers that were written for one model, those that nobody read included.
    pub fn sent_by(&self, model: &str) -> usize {
        self.shared.log.sent_by(model)
    }

    /// The largest number of calls that were in flight at once for one model.
    pub fn max_in_flight_of(&self, model: &str) -> usize {
        self.shared.log.max_in_flight_of(model)
    }

    /// Waits until `n` chat calls have arrived.
    pub async fn wait_requests(&self, n: usize) {
        self.wait(|stats| stats.requests >= n).await;
    }

    /// Waits until exactly `n` calls are in flight.
    pub async fn wait_in_flight(&self, n: usize) {
        self.wait(|stats| stats.in_flight == n).await;
    }

    /// Waits for a state of the counters.
    ///
    /// # Panics
    /// When it does not come within a minute.
    pub async fn wait(&self, reached: impl Fn(&Stats) -> bool) {
        let mut changes = self.shared.log.subscribe();
        let waited = tokio::time::timeout(PATIENCE, changes.wait_for(|stats| reached(stats))).await;
        assert!(waited.is_ok(), "the stub never got there: {:?}", self.stats());
    }
}

impl Drop for ModelStub {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
