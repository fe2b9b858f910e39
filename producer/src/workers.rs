//! Worker processes of a command that does its work on this machine.

use crate::child;
use crate::cli::Global;
use crate::embedded::PrivateRedis;
use crate::ladder::worker_program;
use crate::progress::Progress;
use crate::session::Session;
use anyhow::Context;
use scrum_disk as disk;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A worker that ends sooner than this after its start is not started again at once.
const TOO_SOON: Duration = Duration::from_secs(2);
/// Starts in a row that may end too soon before something must be wrong with the worker itself.
const MOST_FALSE_STARTS: u32 = 5;
const LOG: &str = "worker.log";
/// Bytes at the end of the log that are looked through for its last line.
const LOG_TAIL: u64 = 64 * 1024;

/// What a command runs on this machine: workers and, without a fleet, the private server. Dropped in this
/// order.
pub struct Local {
    /// The workers.
    pub workers: Workers,
    /// The server.
    pub server: Option<PrivateRedis>,
}

impl Local {
    /// Starts again what has died.
    ///
    /// # Errors
    /// A server that does not come up, workers that end as soon as they start.
    pub fn tend(&mut self, progress: &Progress) -> anyhow::Result<()> {
        if let Some(server) = self.server.as_mut()
            && server.revive()?
        {
            progress.note("the private Redis died and was started again");
        }
        self.workers.tend(progress)
    }

    /// Ends the workers in good order: they have `grace_s` seconds for the calls that are under way. At once where the
    /// server has ended for good: nothing can be given back to it.
    pub fn stop(&mut self, grace_s: u64) {
        let ended = self.server.as_mut().is_some_and(PrivateRedis::has_ended);
        self.workers.stop(if ended { Duration::ZERO } else { Duration::from_secs(grace_s + 5) });
    }
}

/// What programs that a command starts find: its Redis, its state, its settings.
pub struct Surroundings {
    url: String,
    config: Option<PathBuf>,
    state: PathBuf,
    /// The variable with the key of a fleet, where this command does not sign: a private server is no fleet.
    hidden: Option<String>,
}

impl Surroundings {
    /// Those of an invocation.
    pub fn of(global: &Global, session: &Session) -> Self {
        Self {
            url: session.url.clone(),
            config: global.config.clone(),
            state: session.state.clone(),
            hidden: (!session.queue.options().signer.is_on())
                .then(|| session.settings.queue.signing_key_env.clone()),
        }
    }

    /// Gives them to a program.
    pub fn give(&self, command: &mut Command) {
        if let Some(config) = &self.config {
            command.arg("--config").arg(config);
        }
        command
            .env("SCRUM_REDIS_URL", &self.url)
            .env("SCRUM_STATE_DIR", &self.state)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            // Ctrl-C is for us: we drain the workers in good order.
            .process_group(0);
        if let Some(name) = self.hidden.as_ref().filter(|name| !name.is_empty()) {
            command.env_remove(name);
        }
        child::die_with_parent(command);
    }
}

/// The directory of the logs of such programs.
///
/// # Errors
/// When it can't be used.
pub fn logs(session: &Session) -> anyhow::Result<(PathBuf, OwnedFd)> {
    let logs = session.state.join("logs");
    let dir = disk::private_dir(&logs).with_context(|| {
        format!("the log directory {} can't be used; pass another --state-dir", logs.display())
    })?;
    Ok((logs, dir))
}

/// Worker processes, started again when they die.
pub struct Workers {
    program: PathBuf,
    surroundings: Surroundings,
    logs: OwnedFd,
    /// Settings of theirs that differ from ours.
    own: Vec<(&'static str, String)>,
    log: PathBuf,
    children: Vec<Worker>,
}

struct Worker {
    child: Child,
    started: Instant,
    false_starts: u32,
}

impl Workers {
    /// Starts `n` of them with environment variables of their own. Those of a private server run any check:
    /// nobody but this user can ask them to.
    ///
    /// # Errors
    /// No worker program, or one that can't be started.
    pub fn start(
        global: &Global,
        session: &Session,
        n: u16,
        mut own: Vec<(&'static str, String)>,
    ) -> anyhow::Result<Self> {
        if session.settings.redis.is_private() {
            own.push(("SCRUM__APPLY__ALLOWED_CHECKS", "*".to_owned()));
            // Nobody else could do what these can't.
            own.push(("SCRUM__WORKER__SKIP_UNSERVED", "true".to_owned()));
        }
        let (logs, dir) = logs(session)?;
        let mut this = Self {
            program: worker_program()?,
            surroundings: Surroundings::of(global, session),
            own,
            log: logs.join(LOG),
            logs: dir,
            children: Vec::new(),
        };
        for _ in 0..n {
            let worker = this.spawn()?;
            this.children.push(worker);
        }
        Ok(this)
    }

    fn spawn(&self) -> anyhow::Result<Worker> {
        let log = disk::append(&self.logs, LOG.as_bytes())
            .with_context(|| format!("the log {} can't be written", self.log.display()))?;
        let mut command = Command::new(&self.program);
        command.stdout(Stdio::null()).stderr(log);
        self.surroundings.give(&mut command);
        command.envs(self.own.iter().map(|(name, value)| (name, value)));
        let child = command.spawn().with_context(|| {
            format!("the worker {} could not be started", self.program.display())
        })?;
        Ok(Worker { child, started: Instant::now(), false_starts: 0 })
    }

    /// Starts again what has died.
    ///
    /// # Errors
    /// When they end as soon as they start.
    pub fn tend(&mut self, progress: &Progress) -> anyhow::Result<()> {
        for i in 0..self.children.len() {
            let Some(status) = self.children[i].child.try_wait()? else { continue };
            let soon = self.children[i].started.elapsed() < TOO_SOON;
            let false_starts = if soon { self.children[i].false_starts + 1 } else { 0 };
            if false_starts >= MOST_FALSE_STARTS {
                anyhow::bail!(
                    "the worker ends as soon as it starts ({status}): {}",
                    last_line(&self.log)
                );
            }
            progress.note(&format!("a worker ended ({status}); starting another"));
            self.children[i] = Worker { false_starts, ..self.spawn()? };
        }
        Ok(())
    }

    /// SIGTERM, then patience, then the knife: a killed worker loses nothing either.
    fn stop(&mut self, patience: Duration) {
        for worker in &self.children {
            if let Some(pid) = rustix::process::Pid::from_raw(worker.child.id().cast_signed()) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
            }
        }
        let deadline = Instant::now() + patience;
        for worker in &mut self.children {
            child::end(&mut worker.child, deadline.saturating_duration_since(Instant::now()));
        }
    }
}

/// What a log says last.
pub fn last_line(log: &Path) -> String {
    let text = disk::tail(log, LOG_TAIL).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let last = text.lines().rev().find(|l| !l.trim().is_empty()).unwrap_or("its log is empty");
    format!("{last} (log: {})", log.display())
}
