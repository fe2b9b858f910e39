//! A whole fleet on a server of its own: the built `scrum` enqueues, built `scrum-worker`
//! processes do the work, and a stub is the model.

use crate::server::{Reading, Server};
use crate::source::Source;
use crate::stub::{Shape, Stub};
use crate::usage;
use anyhow::Context as _;
use queue_schema::client::{Queue, SweepStatus};
use scrum_config::{LoadOptions, Settings};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest that a sweep is waited for.
const PATIENCE: Duration = Duration::from_secs(600);
/// Between two looks at a sweep.
const LOOK: Duration = Duration::from_millis(20);
/// Jobs that a worker may run beside those that ask the model: looking at files, planning.
const SPARE: u32 = 8;

/// Settings that are off here wherever a version has them, so that each file is one model call.
const OFF: [&str; 1] = ["facts.enabled"];

/// Redis, a stub, settings.
#[derive(Debug)]
pub struct Fleet {
    /// Where the jobs are.
    pub server: Server,
    /// The client of it.
    pub queue: Queue,
    /// The model.
    pub stub: Stub,
    dir: TempDir,
}

/// A process of the fleet; killed when it is dropped.
#[derive(Debug)]
pub struct Process(Child);

/// A dashboard of the fleet; killed when it is dropped.
#[derive(Debug)]
pub struct Web {
    process: Process,
    /// `HOST:PORT`.
    pub address: String,
}

impl Web {
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }
}

/// What a sweep took.
#[derive(Debug, Clone)]
pub struct Swept {
    /// How it ended.
    pub status: SweepStatus,
    /// From its record to its end, by the clock of Redis.
    pub took: Duration,
    /// CPU time of the worker, microseconds.
    pub worker_us: f64,
    /// CPU time of Redis, microseconds.
    pub redis_us: f64,
    /// Calls of scripts.
    pub scripts: u64,
    /// Commands that Redis ran, those of scripts included, without the looks of this bench.
    pub commands: u64,
    /// Resident memory of the worker at the end, MiB.
    pub rss_mib: f64,
}

impl Fleet {
    /// One whose provider may have `in_flight` calls open.
    ///
    /// # Errors
    /// When a part of it does not start.
    pub async fn start(in_flight: u32, latency: Duration) -> anyhow::Result<Self> {
        /// As quick as a small embedding model on a machine of one's own.
        const EMBED: Duration = Duration::from_millis(10);
        let worker = format!("[worker]\nconcurrency = {}\n", in_flight + SPARE);
        let settings = format!("{worker}[providers.stub]\nconcurrency = {in_flight}\n");
        Self::with(Shape::of(latency, EMBED), &settings).await
    }

    /// One whose provider has a shape of its own, with settings as they ship but for `changes`.
    ///
    /// # Errors
    /// When a part of it does not start.
    pub async fn with(shape: Shape, changes: &str) -> anyhow::Result<Self> {
        let server = Server::start("everysec")?;
        let stub = Stub::start(shape)?;
        let settings = Settings::load(LoadOptions::default())?;
        let queue = Queue::connect(settings.queue_options(&server.url())).await?;
        let dir = tempfile::tempdir()?;
        let url = stub.url();
        let stub_settings =
            format!("wire = 'openai'\nbase_url = '{url}'\nlocal = true\ncounts_prompt = false\n");
        let config = match changes.split_once("[providers.stub]\n") {
            Some((before, after)) => format!("{before}[providers.stub]\n{stub_settings}{after}"),
            None => format!("{changes}[providers.stub]\n{stub_settings}"),
        };
        let config = config + "[embedding]\nwire = 'openai'\nconcurrency = 16\nlocal = true\n";
        std::fs::write(dir.path().join("scrum.toml"), config)?;
        let ladder = "name = 'bench'\n[[rungs]]\nprovider = 'stub'\nmodel = 'bench'\n";
        std::fs::write(dir.path().join("ladder.toml"), ladder)?;
        Ok(Self { server, queue, stub, dir })
    }

    /// Settings that the programs are given.
    pub fn config(&self) -> PathBuf {
        self.dir.path().join("scrum.toml")
    }

    fn command(&self, name: &str) -> anyhow::Result<Command> {
        let program = std::env::current_exe()?.with_file_name(name);
        let seen = program.display();
        anyhow::ensure!(program.is_file(), "{seen} is needed: build it as `make bench-sweep` does");
        let mut command = Command::new(&program);
        let ours = |name: &str| name.starts_with("SCRUM") || name == "RUST_LOG";
        for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_str().is_some_and(ours)) {
            command.env_remove(name);
        }
        for key in OFF.into_iter().filter(|key| is_setting(key)) {
            let name = format!("SCRUM__{}", key.to_uppercase().replace('.', "__"));
            command.env(name, "false");
        }
        command
            .env("SCRUM_CONFIG", self.config())
            .env("SCRUM_STATE_DIR", self.dir.path().join("state"))
            .env("SCRUM_REDIS_URL", self.server.url())
            .stdin(Stdio::null());
        Ok(command)
    }

    /// Starts a worker, and waits until it is idle. It logs as it does everywhere, into a file.
    ///
    /// # Errors
    /// When it does not show itself.
    pub async fn worker(&self, env: &[(&str, &str)], args: &[&str]) -> anyhow::Result<Process> {
        let log = std::fs::File::create(self.dir.path().join("worker.log"))?;
        let mut command = self.command("scrum-worker")?;
        command.args(args).envs(env.iter().copied()).stdout(Stdio::null()).stderr(log);
        let process = Process(command.spawn()?);
        let deadline = Instant::now() + Duration::from_secs(30);
        // One that was killed a moment ago may still be written down.
        let pid = process.pid();
        let shown = || async { self.queue.workers(Duration::from_secs(60)).await };
        while !shown().await?.iter().any(|w| w.pid == pid) {
            anyhow::ensure!(Instant::now() < deadline, "the worker does not show itself");
            tokio::time::sleep(LOOK).await;
        }
        // Until it has looked, found nothing, and gone to sleep.
        tokio::time::sleep(Duration::from_millis(500)).await;
        Ok(process)
    }

    /// Starts the dashboard on a free port, and waits until it says where it listens.
    ///
    /// # Errors
    /// When it does not say so.
    pub async fn web(&self) -> anyhow::Result<Web> {
        let path = self.dir.path().join("web.log");
        let log = std::fs::File::create(&path)?;
        let mut command = self.command("scrum-web")?;
        command.args(["--listen", "127.0.0.1:0"]).stdout(log.try_clone()?).stderr(log);
        let process = Process(command.spawn()?);
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let said = std::fs::read_to_string(&path)?;
            if let Some(address) = said.split("http://").nth(1) {
                let end = address.find(|c: char| !(c.is_ascii_alphanumeric() || ".:".contains(c)));
                if let Some(end) = end {
                    return Ok(Web { process, address: address[..end].to_owned() });
                }
            }
            anyhow::ensure!(
                Instant::now() < deadline,
                "the dashboard does not say where it is: {said}"
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Enqueues a sweep with the real program; returns its id.
    ///
    /// # Errors
    /// What the program says.
    pub fn enqueue(
        &self,
        source: &Source,
        env: &[(&str, &str)],
        args: &[&str],
    ) -> anyhow::Result<String> {
        let mut command = self.command("scrum")?;
        command.args(["-q", "sweep", "--policy", "structured", "--ladder"]);
        command.arg(self.dir.path().join("ladder.toml")).args(args).arg(source.path());
        let done = command.envs(env.iter().copied()).stderr(Stdio::inherit()).output()?;
        anyhow::ensure!(done.status.success(), "scrum sweep failed");
        Ok(String::from_utf8(done.stdout)?.trim().to_owned())
    }

    /// How far a sweep is.
    ///
    /// # Errors
    /// A failure of Redis.
    pub async fn status(&self, id: &str) -> anyhow::Result<SweepStatus> {
        self.queue.sweep_status(&id.into()).await?.context("the sweep is gone")
    }

    /// Enqueues a sweep and waits for its end; every file must have been resolved.
    ///
    /// # Errors
    /// When it does not end so.
    pub async fn sweep(
        &self,
        worker: &Process,
        source: &Source,
        env: &[(&str, &str)],
        args: &[&str],
    ) -> anyhow::Result<Swept> {
        let (before, cpu) = (self.server.reading()?, usage::spent_us(worker.pid()));
        let deadline = Instant::now() + PATIENCE;
        let (id, mut looks) = (self.enqueue(source, env, args)?, 1);
        let status = loop {
            let status = self.status(&id).await?;
            if status.is_over() {
                break status;
            }
            anyhow::ensure!(Instant::now() < deadline, "the sweep does not end: {status:?}");
            looks += 1;
            tokio::time::sleep(LOOK).await;
        };
        let (after, cpu_after) = (self.server.reading()?, usage::spent_us(worker.pid()));
        anyhow::ensure!(status.resolved == status.total, "not all were resolved: {status:?}");
        let ended = status.ended_ms.context("the sweep has no end")?;
        let all = |r: &Reading| r.calls.values().sum::<u64>();
        Ok(Swept {
            took: Duration::from_millis(ended.saturating_sub(status.created_ms)),
            worker_us: cpu_after - cpu,
            redis_us: after.cpu_us - before.cpu_us,
            scripts: after.calls_of("evalsha") - before.calls_of("evalsha"),
            commands: (all(&after) - all(&before)).saturating_sub(looks),
            rss_mib: usage::rss_mib(worker.pid()),
            status,
        })
    }
}

/// Whether the settings of this version know a key.
fn is_setting(key: &str) -> bool {
    let given = vec![(key.to_owned(), "false".to_owned())];
    Settings::load(LoadOptions { overrides: given, ..LoadOptions::default() }).is_ok()
}

impl Process {
    /// Its id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The settings in a file, as the programs read them.
///
/// # Errors
/// When it can't be read.
pub fn settings(config: &Path) -> anyhow::Result<Settings> {
    let config_path = Some(config.to_owned());
    Ok(Settings::load(LoadOptions { config_path, ..LoadOptions::default() })?)
}
