//! The worker of the benches: the real runtime with a handler that only writes down what it did.

use crate::job::{self, Bench, Kind};
use queue_schema::client::{ClaimedJob, Queue};
use queue_schema::effects::{Effect, Effects};
use queue_schema::envelope::{DecodeError, Envelope};
use scrum_config::Settings;
use scrum_fleet::runtime::{self, Handler, HandlerError, WorkerOptions};
use std::fs::File;
use std::future::Future;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Appends to the files of the contract for peers: `count` gets a byte a job, `lat` the
/// nanoseconds that one waited, `crash` a line at the start and one at the end.
#[derive(Debug, Clone)]
pub struct Notes(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    dir: std::path::PathBuf,
    hold: Duration,
    count: OnceLock<File>,
    lat: OnceLock<File>,
    crash: OnceLock<File>,
}

impl Notes {
    /// Files in `dir`; jobs of the crash kind are held for `hold`.
    pub fn new(dir: &Path, hold: Duration) -> Self {
        let (count, lat, crash) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self(Arc::new(Inner { dir: dir.to_owned(), hold, count, lat, crash }))
    }

    /// One `write` each, so that the lines of several processes do not mix.
    fn append(&self, file: &OnceLock<File>, name: &str, text: &str) -> std::io::Result<()> {
        let mut to = if let Some(open) = file.get() {
            open
        } else {
            let open = File::options().append(true).create(true).open(self.0.dir.join(name))?;
            file.get_or_init(|| open)
        };
        to.write_all(text.as_bytes())
    }

    async fn note(&self, job: &Bench) -> std::io::Result<()> {
        match job.k {
            Kind::Count | Kind::Chain => self.append(&self.0.count, "count", "."),
            Kind::Latency => {
                let waited = job::now_ns().saturating_sub(job.t);
                self.append(&self.0.lat, "lat", &format!("{waited}\n"))
            }
            Kind::Crash => {
                let pid = std::process::id();
                let line = |word| format!("{word} {} {} {pid}\n", job.id, job::now_ns());
                self.append(&self.0.crash, "crash", &line("S"))?;
                tokio::time::sleep(self.0.hold).await;
                self.append(&self.0.crash, "crash", &line("F"))
            }
        }
    }
}

impl Handler for Notes {
    fn handle(
        &self,
        job: ClaimedJob,
    ) -> impl Future<Output = Result<Effects, HandlerError>> + Send + 'static {
        let notes = self.clone();
        async move {
            let job: Bench = Envelope::decode(&job.body.map_err(DecodeError::from)?)?.payload()?;
            notes.note(&job).await.map_err(|e| HandlerError::retry("note", e))?;
            if job.k != Kind::Chain {
                return Ok(Effects::done());
            }
            let next = job::jobs(Kind::Count, job.id, 1, 0, &job.p)
                .map_err(|e| HandlerError::Fatal(e.to_string()))?;
            Ok(next.into_iter().fold(Effects::done(), |all, j| all.with(Effect::Enqueue(j))))
        }
    }
}

/// Works until it is killed.
///
/// # Errors
/// When Redis can't be reached at the start.
pub async fn run(
    settings: &Settings,
    queue: Queue,
    notes: Notes,
    conc: usize,
) -> anyhow::Result<()> {
    let options = WorkerOptions {
        concurrency: conc,
        grace: Duration::from_secs(5),
        ..WorkerOptions::default()
    };
    let never = std::future::pending;
    runtime::run(settings.queue.clone(), queue, notes, options, never(), never()).await
}
