//! The real programs, as processes.

use crate::oracle::partitions;
use crate::repo::TestRepo;
use crate::wait::eventually;
use queue_schema::ids::SweepId;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;
use tempfile::TempDir;

/// What a command may take on a busy machine. Less than a test may take, so that it can tell what hung.
const LONGEST: Duration = Duration::from_secs(200);
/// The same in the long forms.
const LONGEST_OF_LONG: Duration = Duration::from_secs(3000);

/// Whether tests run in their long forms.
pub fn long_form() -> bool {
    std::env::var_os("SCRUM_TEST_LONG").is_some()
}

/// A program of the workspace. `make test` builds them before the tests run.
///
/// # Panics
/// When it is not built.
pub fn program(name: &str) -> PathBuf {
    let me = std::env::current_exe().unwrap();
    let path = me.parent().and_then(Path::parent).unwrap().join(name);
    assert!(
        path.is_file(),
        "{} is not built: run `cargo build --workspace --bins`",
        path.display()
    );
    path
}

/// A place for a test's state, settings and reports.
pub struct Bench {
    /// Its directory.
    pub dir: TempDir,
    config: PathBuf,
    redis: Option<String>,
    env: Vec<(String, String)>,
}

impl Bench {
    /// One that uses the fleet at `redis`, or a private server.
    pub fn new(redis: Option<String>, settings: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("sf").tempdir().unwrap();
        let config = dir.path().join("scrum.toml");
        // Quick to give up waiting: tests should not take the times that people do. But a lease that a busy machine
        // lets run out costs calls, and most tests count these.
        let base = "[queue]\nlease_ms = 20000\nrenew_ms = 500\nsweep_interval_ms = 1000\nbackoff_base_ms = 20\nbackoff_max_ms = 500\nunavailable_backoff_ms = 20\n";
        std::fs::write(&config, format!("{base}{settings}")).unwrap();
        Self { dir, config, redis, env: Vec::new() }
    }

    /// Settings for one provider, `stub`, at an OpenAI-style URL, and a ladder over its models. The tokens that
    /// tests tell for it are made up.
    pub fn with_stub(redis: Option<String>, url: &str, models: &[&str]) -> Self {
        let this = Self::new(
            redis,
            &format!(
                "[providers.stub]\nwire = 'openai'\nbase_url = '{url}'\nlocal = true\nconcurrency = 16\ncounts_prompt = false\n"
            ),
        );
        let mut ladder = String::from("name = 'test'\n");
        for model in models {
            let _ = write!(ladder, "[[rungs]]\nprovider = 'stub'\nmodel = '{model}'\n");
        }
        std::fs::write(this.ladder(), ladder).unwrap();
        this
    }

    /// Leases that run out soon, for tests that kill what holds them.
    #[must_use]
    pub fn short_leases(self) -> Self {
        self.set("queue.lease_ms", "1000").set("queue.renew_ms", "200")
    }

    /// Changes one setting, `queue.commit_batch` say, for all programs of this bench.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        let name = format!("SCRUM__{}", key.to_uppercase().replace('.', "__"));
        self.env.push((name, value.to_owned()));
        self
    }

    /// Sets a variable of the environment for all programs of this bench.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The ladder file of [`Bench::with_stub`].
    pub fn ladder(&self) -> PathBuf {
        self.dir.path().join("ladder.toml")
    }

    /// Where reports go.
    pub fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    /// State directory.
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// A command of the workspace with this bench's settings and nothing else of the environment
    /// that could change what it does.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(program(name));
        for (key, _) in std::env::vars_os() {
            let key = key.to_string_lossy().into_owned();
            if key.starts_with("SCRUM") || key.starts_with("LH_") || key.ends_with("_API_KEY") {
                command.env_remove(key);
            }
        }
        command
            .env("SCRUM_CONFIG", &self.config)
            .env("SCRUM_STATE_DIR", self.state())
            // Most tests count calls; those about facts and about confirmation set these.
            .env("SCRUM__FACTS__ENABLED", "false")
            .env("SCRUM__CONFIRM__ENABLED", "false")
            .stdin(Stdio::null())
            .current_dir(self.dir.path());
        command.envs(self.env.iter().cloned());
        if let Some(url) = &self.redis {
            command.env("SCRUM_REDIS_URL", url);
            command.env("SCRUM__REDIS__PARTITIONS", partitions(url).to_string());
        }
        command
    }

    /// `scrum` with arguments.
    pub fn scrum(&self, args: &[&str]) -> Command {
        let mut command = self.command("scrum");
        command.args(args);
        command
    }

    /// Runs `scrum` to its end.
    pub fn run(&self, args: &[&str]) -> Done {
        self.end_of(self.scrum(args))
    }

    /// `scrum VERB REPO` on the ladder of [`Bench::with_stub`], with more arguments.
    pub fn on(&self, verb: &str, repo: &TestRepo, more: &[&str]) -> Command {
        let (repo, ladder) = (repo.path().to_str().unwrap(), self.ladder());
        self.scrum(&[&[verb, repo, "--ladder", ladder.to_str().unwrap()], more].concat())
    }

    /// Runs `scrum sweep` on that ladder.
    pub fn sweep(&self, repo: &TestRepo, more: &[&str]) -> Done {
        self.end_of(self.on("sweep", repo, more))
    }

    /// Runs `scrum run` on that ladder, with its report in [`Bench::out`].
    pub fn review(&self, repo: &TestRepo, more: &[&str]) -> Done {
        let out = self.out();
        let more = [&["--out", out.to_str().unwrap()], more].concat();
        self.end_of(self.on("run", repo, &more))
    }

    /// Waits for a command. One that hangs is killed and fails the test, which prints all that could tell why: what
    /// it has printed, what the workers have logged and how the queue stands.
    #[allow(clippy::print_stderr)]
    fn end_of(&self, mut command: Command) -> Done {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let pid = child.id();
        let longest = if long_form() { LONGEST_OF_LONG } else { LONGEST };
        let (over, ends) = mpsc::channel::<()>();
        let watch = std::thread::spawn(move || {
            let hangs = ends.recv_timeout(longest) == Err(mpsc::RecvTimeoutError::Timeout);
            if hangs {
                signal(pid, "KILL");
            }
            hangs
        });
        let done = Done::from(child.wait_with_output().unwrap());
        drop(over);
        if watch.join().unwrap() {
            eprintln!("stdout:\n{}\nstderr:\n{}", done.stdout, done.stderr);
            eprintln!("workers:\n{}", self.worker_log());
            // Last, because what made it hang may hang these as well.
            for args in [&["status", "--json"][..], &["doctor", "--queue"]] {
                let told = Done::from(self.scrum(args).output().unwrap());
                eprintln!("{args:?}:\n{}{}", told.stdout, told.stderr);
            }
            panic!("{command:?} hangs");
        }
        done
    }

    /// Enqueues a sweep of `repo` on that ladder; returns its id.
    pub fn enqueue(&self, repo: &TestRepo) -> SweepId {
        self.sweep(repo, &[]).expect(0).stdout.trim().into()
    }

    /// Starts a worker process.
    pub fn worker(&self, args: &[&str]) -> Process {
        self.worker_with(args, |_| {})
    }

    /// Starts a worker process that goes to Redis by another way, a proxy's say.
    pub fn worker_at(&self, url: &str, args: &[&str]) -> Process {
        let mut all = vec!["--redis", url];
        all.extend(args);
        self.worker(&all)
    }

    /// Starts a worker process whose command the caller may change.
    pub fn worker_with(&self, args: &[&str], change: impl FnOnce(&mut Command)) -> Process {
        let log = self.dir.path().join("worker.log");
        let log = std::fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
        let mut command = self.command("scrum-worker");
        command.args(args).stdout(Stdio::null()).stderr(log);
        change(&mut command);
        Process(command.spawn().unwrap())
    }

    /// What starts worker processes, from any thread.
    pub fn starter(&self, args: &[&str]) -> impl FnMut() -> Process + Send + 'static {
        let log = self.dir.path().join("worker.log");
        let mut command = self.command("scrum-worker");
        command.args(args).stdout(Stdio::null());
        move || {
            let log = std::fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
            Process(command.stderr(log).spawn().unwrap())
        }
    }

    /// What the workers have logged.
    pub fn worker_log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("worker.log")).unwrap_or_default()
    }
}

/// What a command left.
pub struct Done {
    /// Exit code; -1 for a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl From<Output> for Done {
    fn from(out: Output) -> Self {
        Self {
            code: out.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&out.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&out.stderr).into_owned(),
        }
    }
}

impl Done {
    /// Fails the test unless it ended with `code`.
    ///
    /// # Panics
    /// When it ended otherwise.
    #[track_caller]
    #[allow(clippy::must_use_candidate, clippy::return_self_not_must_use)]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// A running process; killed when dropped.
pub struct Process(pub Child);

impl Process {
    /// Its id.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Kills it without warning.
    pub fn kill9(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Asks it to end and returns its exit code.
    pub fn terminate(self, longest: Duration) -> i32 {
        signal(self.pid(), "TERM");
        self.wait(longest)
    }

    /// Waits for its end and returns its exit code.
    pub fn wait(mut self, longest: Duration) -> i32 {
        let status = eventually(longest, "the process ends", || self.0.try_wait().unwrap());
        status.code().unwrap_or(-1)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A figure of `/proc/PID/status` in KiB, `VmHWM` say.
///
/// # Panics
/// When there is no such process.
pub fn memory_kib(pid: u32, name: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|v| v.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// Sends a signal by name.
///
/// # Panics
/// When `kill` can't be run.
pub fn signal(pid: u32, name: &str) {
    Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status().unwrap();
}

/// Kills a process that is not a child of this one, and waits until it is dead: on a busy machine a
/// server that was sent the signal may still answer for a moment.
pub fn kill9(pid: u32) {
    signal(pid, "KILL");
    eventually(Duration::from_secs(60), "it is dead", || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit_once(") ").and_then(|(_, tail)| tail.chars().next());
        // Gone, or dead and not yet reaped by whoever is its parent now.
        state.is_none_or(|s| s == 'Z' || s == 'X').then_some(())
    });
}

/// Children of a process, by name.
pub fn children(pid: u32, name: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(child) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // "pid (name) state ppid": the name may hold anything, so count from its end.
        let Some((head, tail)) = stat.rsplit_once(')') else { continue };
        let parent = tail.split_whitespace().nth(1).and_then(|p| p.parse().ok());
        if parent == Some(pid) && head.contains(name) {
            found.push(child);
        }
    }
    found
}
