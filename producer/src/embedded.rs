//! The private Redis: a child on a unix socket in a directory of its own, durable, stopped with
//! its parent, and found again after a crash.

use crate::child;
use anyhow::{Context, anyhow, bail};
use queue_schema::ids::sha256_hex;
use scrum_disk::{self as disk, File, Mode};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest path a unix socket can have, less the terminating zero.
const SOCKET_PATH_MAX: usize = 107;
const SOCKET: &str = "redis.sock";
/// Longest wait for a server that starts: it loads its file first.
const UP: Duration = Duration::from_secs(60);
/// Longest wait for a server that was told to end.
const END: Duration = Duration::from_secs(5);
/// A server that ends sooner than this after its start, so often in a row, is not started again.
const TOO_SOON: Duration = Duration::from_secs(10);
const MOST_SOON_DEAD: u32 = 5;
/// The same on a full disk, which mends itself more rarely.
const MOST_SOON_DEAD_OF_FULL_DISK: u32 = 2;
/// With less room than this on its disk, in bytes, a server can hardly write.
const LEAST_ROOM: u64 = 1 << 20;
/// Where the server keeps its append-only files.
const AOF_DIR: &str = "appendonlydir";

/// A running private server, ours or one that was found.
#[derive(Debug)]
pub struct PrivateRedis {
    dir: PathBuf,
    opened: OwnedFd,
    /// Where its socket is: there, unless that path is too long for one.
    socket: PathBuf,
    socket_dir: OwnedFd,
    child: Option<Child>,
    /// Whoever holds it locked owns the server: starts, revives and stops it. The others connect.
    lock: File,
    owner: bool,
    /// When it was started last, and how often in a row it died soon after that.
    started: Option<Instant>,
    soon_dead: u32,
}

impl PrivateRedis {
    /// Connects to the private server of a state directory, starting it if need be.
    ///
    /// # Errors
    /// When there is no server program, the directory can't be used, or it does not come up.
    pub fn attach(state: &Path) -> anyhow::Result<Self> {
        let dir = state.join("redis");
        let opened = disk::private_root(state)
            .and_then(|state| disk::private_in(state, b"redis"))
            .with_context(|| {
                format!(
                    "the state directory {} can't be used; pass --state-dir or set SCRUM_STATE_DIR",
                    dir.display()
                )
            })?;
        let lock = disk::lock_file(&opened, b"lock", Mode::from(0o600))
            .with_context(|| format!("the lock in {} can't be used", dir.display()))?;
        let (socket, socket_dir) = socket_in(&dir, &opened)?;
        let mut this = Self {
            dir,
            opened,
            socket,
            socket_dir,
            child: None,
            lock,
            owner: false,
            started: None,
            soon_dead: 0,
        };
        // Whoever holds the lock runs the server. Without it: somebody else does, and the server
        // is about to answer.
        if this.own() {
            this.end_orphan();
            // One that does not listen goes on being used.
            if !this.answers() {
                this.start()?;
            }
        } else {
            this.wait_until_up()?;
        }
        Ok(this)
    }

    /// The URL at which clients find it.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket.display())
    }

    /// Starts the server again if it has died and nobody else looks after it; the command that
    /// owned it may have ended while this one goes on. True when it had died.
    ///
    /// # Errors
    /// When it does not come up again.
    pub fn revive(&mut self) -> anyhow::Result<bool> {
        if !self.own() {
            return Ok(false);
        }
        let dead = match self.child.as_mut() {
            Some(child) => child.try_wait()?.is_some(),
            None => !self.answers(),
        };
        if dead {
            let soon = self.started.is_some_and(|at| at.elapsed() < TOO_SOON);
            self.soon_dead = if soon { self.soon_dead + 1 } else { 0 };
            let full = self.disk_is_full();
            let most = if full { MOST_SOON_DEAD_OF_FULL_DISK } else { MOST_SOON_DEAD };
            if self.soon_dead >= most {
                bail!("the private Redis ends again and again{}", self.why());
            }
            self.child = None;
            self.start()?;
        }
        Ok(dead)
    }

    /// True when the server that this process started has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None)))
    }

    fn disk_is_full(&self) -> bool {
        disk::room(&self.opened).is_ok_and(|bytes| bytes < LEAST_ROOM)
    }

    /// What may be the cause, and what to do.
    fn why(&self) -> String {
        let log = self.dir.join("redis.log");
        let full = if self.disk_is_full() {
            format!(
                ": the disk of {} is full; make room, or pass another --state-dir",
                self.dir.display()
            )
        } else {
            String::new()
        };
        format!("{full}; its log: {}", log.display())
    }

    /// True when this process owns the server, now or from now on.
    fn own(&mut self) -> bool {
        self.owner = self.owner || disk::exclusive(&self.lock, Duration::ZERO).unwrap_or(false);
        self.owner
    }

    /// Ends a server whose parent was killed. It was told to end by that, and takes a moment: a
    /// command that went on with it would lose it at any step.
    fn end_orphan(&self) {
        child::poll(END, || {
            let answers = self.answers();
            if answers {
                self.shut_down();
            }
            (!answers).then_some(())
        });
    }

    /// Nothing is written that was not written before: with `appendfsync always` the file is complete
    /// at any moment.
    fn shut_down(&self) {
        if let Ok(mut stream) = std::os::unix::net::UnixStream::connect(&self.socket) {
            let _ = stream.write_all(b"SHUTDOWN NOSAVE\r\n");
        }
    }

    fn start(&mut self) -> anyhow::Result<()> {
        let program = ["redis-server", "valkey-server"]
            .into_iter()
            .find(|p| Command::new(p).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok())
            .context("neither redis-server nor valkey-server is installed; install one (apt-get install redis-server), or set SCRUM_REDIS_URL to a server")?;
        let log = disk::append(&self.opened, b"redis.log")
            .with_context(|| format!("the log in {} can't be written", self.dir.display()))?;
        let _ = disk::remove(&self.socket_dir, SOCKET.as_bytes());
        disk::private_in(&self.opened, AOF_DIR.as_bytes())
            .with_context(|| format!("{} can't be used", self.dir.join(AOF_DIR).display()))?;
        self.cut_unfinished_step(program, &log);
        let mut command = Command::new(program);
        command
            .arg("--port")
            .arg("0")
            .arg("--unixsocket")
            .arg(&self.socket)
            .arg("--unixsocketperm")
            .arg("700")
            .arg("--dir")
            .arg(&self.dir)
            .arg("--appendonly")
            .arg("yes")
            // With `always` no acknowledged write is lost on kill -9; model calls of seconds do
            // not notice its price.
            .arg("--appendfsync")
            .arg("always")
            // A crash may leave half a command at the end of the file; that is no reason not to start.
            .arg("--aof-load-truncated")
            .arg("yes")
            .arg("--save")
            .arg("")
            .arg("--maxmemory-policy")
            .arg("noeviction")
            .arg("--daemonize")
            .arg("no")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Not in our process group: Ctrl-C is for us, and we stop the server in good order.
            .process_group(0);
        child::die_with_parent(&mut command);
        private_files(&mut command);
        self.child =
            Some(command.spawn().with_context(|| format!("{program} could not be started"))?);
        self.started = Some(Instant::now());
        self.wait_until_up()
    }

    /// Cuts off a step that a crash of the machine left unfinished at the end of the append-only
    /// file. A server does that by itself when it loads the file, but those before Valkey's change
    /// 4342 cut between two commands of the step and not before it. What is written next then
    /// stands behind half a step, and the load after that runs both. The checker cuts in the right
    /// place; whatever else it finds is the server's to report.
    fn cut_unfinished_step(&self, program: &str, log: &File) {
        let manifest = self.dir.join(AOF_DIR).join("appendonly.aof.manifest");
        let (Ok(out), Ok(err)) = (log.try_clone(), log.try_clone()) else { return };
        if !disk::is_file(&manifest) {
            return;
        }
        // The checker is the server's own program under another name, so it is always there.
        let checker = Command::new(program)
            .arg0(program.replace("-server", "-check-aof"))
            .arg("--fix")
            .arg(manifest)
            .stdin(Stdio::piped())
            .stdout(out)
            .stderr(err)
            .spawn();
        let Ok(mut checker) = checker else { return };
        if let Some(mut stdin) = checker.stdin.take() {
            let _ = stdin.write_all(b"y\n");
        }
        let _ = checker.wait();
    }

    fn wait_until_up(&mut self) -> anyhow::Result<()> {
        let why = self.why();
        let up = child::poll(UP, || {
            if self.answers() {
                return Some(Ok(()));
            }
            match self.child.as_mut().map_or(Ok(None), Child::try_wait) {
                Ok(None) => None,
                Ok(Some(status)) => {
                    Some(Err(anyhow!("the private Redis ended at once ({status}){why}")))
                }
                Err(error) => Some(Err(error.into())),
            }
        });
        let silent = || bail!("the private Redis does not answer{why}");
        up.unwrap_or_else(silent)
    }

    /// PING, answered: loading is over too.
    fn answers(&self) -> bool {
        use std::io::Read;
        use std::os::unix::net::UnixStream;
        let Ok(mut stream) = UnixStream::connect(&self.socket) else { return false };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
        let mut reply = [0_u8; 5];
        stream.write_all(b"PING\r\n").is_ok()
            && stream.read_exact(&mut reply).is_ok()
            && &reply == b"+PONG"
    }
}

/// Where the socket of the server of a directory is, and that directory, opened. A path that is too long for a socket is
/// replaced by one of a directory of its own, whose name hangs on the path and on nothing else: all commands must
/// find it, whatever their environment.
fn socket_in(dir: &Path, opened: &OwnedFd) -> anyhow::Result<(PathBuf, OwnedFd)> {
    let socket = dir.join(SOCKET);
    if socket.as_os_str().len() <= SOCKET_PATH_MAX {
        return Ok((socket, opened.try_clone()?));
    }
    let hash = sha256_hex(dir.as_os_str().as_encoded_bytes());
    let name = format!("scrum-{}-{}", rustix::process::geteuid().as_raw(), &hash[..16]);
    let dir = Path::new("/tmp").join(name);
    let opened = disk::private_dir(&dir).with_context(|| {
        format!(
            "the directory {} of the server's socket can't be used; pass a shorter --state-dir",
            dir.display()
        )
    })?;
    Ok((dir.join(SOCKET), opened))
}

impl Drop for PrivateRedis {
    /// Stops the server if it is ours.
    fn drop(&mut self) {
        if !self.owner {
            return;
        }
        self.shut_down();
        if let Some(child) = self.child.as_mut() {
            child::end(child, END);
        }
    }
}

/// What a child makes is for its owner alone.
fn private_files(command: &mut Command) {
    // SAFETY: between fork and exec only one umask system call is made, which is
    // async-signal-safe and allocates nothing.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(|| {
            rustix::process::umask(Mode::from(0o077));
            Ok(())
        });
    }
}
