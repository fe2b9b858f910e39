//! A real Redis of the test's own: one server in a temp directory on a unix socket, or, when
//! `SCRUM_TEST_REDIS=cluster` says so, a cluster of three on ports that were free.

use crate::cluster::{self, Node};
use crate::wait::eventually;
use queue_schema::keys::Partition;
use redis::{Cmd, ConnectionLike, FromRedisValue, RedisResult, Value};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How a server is started.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// `appendfsync`.
    pub fsync: &'static str,
    /// Words before `redis-server`, e.g. to run it in another mount namespace.
    pub launcher: Vec<String>,
    /// Environment, e.g. a library that makes its disk slow.
    pub env: Vec<(String, String)>,
    /// Where it keeps its data; its own directory when there is none.
    pub data: Option<PathBuf>,
    /// The same place as this process sees it, when the two differ.
    pub seen: Option<PathBuf>,
}

impl Default for ServerOptions {
    /// `appendfsync always`, as the private server and the compose file have it.
    fn default() -> Self {
        Self { fsync: "always", launcher: Vec::new(), env: Vec::new(), data: None, seen: None }
    }
}

/// A running server or cluster; killed when it is dropped.
pub struct RedisServer {
    dir: TempDir,
    options: ServerOptions,
    /// Of a cluster; none for one server.
    nodes: Vec<Node>,
    children: Vec<Child>,
}

impl RedisServer {
    /// Starts one with `appendfsync always`, as the private server and the compose file do.
    pub fn start() -> Self {
        Self::with_fsync("always")
    }

    /// Starts one with the given `appendfsync`.
    pub fn with_fsync(fsync: &'static str) -> Self {
        match std::env::var("SCRUM_TEST_REDIS").as_deref() {
            Ok("cluster") => Self::cluster(fsync),
            _ => Self::one(ServerOptions { fsync, ..ServerOptions::default() }),
        }
    }

    /// Starts one server, whatever the environment says: for tests that look at its files or stand in
    /// its way.
    pub fn one(options: ServerOptions) -> Self {
        let mut this = Self::down(options, Vec::new());
        this.restart();
        this
    }

    /// Starts one server with `appendfsync always`, whatever the environment says.
    pub fn alone() -> Self {
        Self::one(ServerOptions::default())
    }

    /// Starts one server on a copy of append-only files.
    pub fn on_copy_of(appendonlydir: &Path) -> Self {
        let mut this = Self::down(ServerOptions::default(), Vec::new());
        let to = this.appendonlydir();
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(appendonlydir).unwrap().flatten() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        this.restart();
        this
    }

    /// Starts a cluster of three nodes, whatever the environment says.
    pub fn cluster(fsync: &'static str) -> Self {
        let options = ServerOptions { fsync, ..ServerOptions::default() };
        let mut this = Self::down(options, Node::some(3));
        this.restart();
        cluster::join(&this.nodes);
        this
    }

    fn down(options: ServerOptions, nodes: Vec<Node>) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), options, nodes, children: Vec::new() }
    }

    /// True for a cluster.
    pub fn is_cluster(&self) -> bool {
        !self.nodes.is_empty()
    }

    /// The URL for clients.
    pub fn url(&self) -> String {
        if self.nodes.is_empty() {
            return format!("redis+unix://{}", self.socket().display());
        }
        let nodes: Vec<_> = self.nodes.iter().map(|n| format!("127.0.0.1:{}", n.port)).collect();
        format!("redis+cluster://{}", nodes.join(","))
    }

    /// Kills it without warning.
    pub fn kill9(&mut self) {
        for mut child in self.children.drain(..) {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Kills one node of a cluster without warning.
    pub fn kill9_node(&mut self, node: usize) {
        let child = &mut self.children[node];
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Starts that node again on its directory.
    pub fn restart_node(&mut self, node: usize) {
        self.children[node] = self.spawn_node(node);
        cluster::settled(&self.nodes);
    }

    /// Starts it again on the same directory, and waits until it has loaded its file.
    pub fn restart(&mut self) {
        self.kill9();
        if self.nodes.is_empty() {
            let _ = std::fs::remove_file(self.socket());
            let data = self.options.data.clone().unwrap_or_else(|| self.dir.path().to_owned());
            let mut command = self.command(&data, self.dir.path());
            command.args(["--port", "0", "--unixsocket"]).arg(self.socket());
            self.children.push(command.spawn().expect(MISSING));
        } else {
            self.children = (0..self.nodes.len()).map(|node| self.spawn_node(node)).collect();
        }
        eventually(Duration::from_secs(20), "redis-server answers", || {
            let mut conn = self.urls().into_iter().map(redis::Client::open);
            (conn.all(|c| c.is_ok_and(|c| answers(&c))) || self.has_ended()).then_some(())
        });
        assert!(!self.has_ended(), "redis-server did not start:\n{}", self.log());
    }

    /// Process id of the one server; `None` while it is down.
    pub fn pid(&self) -> Option<u32> {
        self.children.first().map(Child::id)
    }

    /// Whether one has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.children.iter_mut().any(|c| c.try_wait().unwrap().is_some())
    }

    /// What the one server has said since its last start.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// Where the append-only files of the one server are.
    pub fn appendonlydir(&self) -> PathBuf {
        self.options.seen.as_deref().unwrap_or(self.dir.path()).join("appendonlydir")
    }

    /// Cuts off what a crash left unfinished at the end of its file, as docs/operations.md says and
    /// as the private server does. It must be down.
    ///
    /// # Panics
    /// When the checker can't be run.
    pub fn repair(&mut self) {
        self.kill9();
        let mut checker = Command::new("redis-server")
            .arg0("redis-check-aof")
            .arg("--fix")
            .arg(self.appendonlydir().join("appendonly.aof.manifest"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let _ = checker.stdin.take().unwrap().write_all(b"y\n");
        assert!(checker.wait().unwrap().success(), "redis-check-aof");
    }

    /// Loads the queue's scripts, so that their first calls are answered at once: without it a
    /// client sends a call, is told that the script is not there, and sends it again.
    pub fn load_scripts(&self) {
        let mut conn = self.connection();
        for (_, script) in queue_schema::client::scripts() {
            let load = redis::cmd("SCRIPT").arg("LOAD").arg(script.source()).query(&mut conn);
            let sha: String = load.unwrap();
            assert_eq!(sha, script.sha());
        }
    }

    /// A figure of `INFO`.
    pub fn info(&self, name: &str) -> u64 {
        let mut conn = self.connection();
        let info: String = redis::cmd("INFO").arg("everything").query(&mut conn).unwrap();
        let line = info.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|v| v.trim().parse().ok()).unwrap_or(0)
    }

    fn spawn_node(&self, node: usize) -> Child {
        let dir = self.dir.path().join(format!("node{node}"));
        std::fs::create_dir_all(&dir).unwrap();
        let mut command = self.command(&dir, &dir);
        self.nodes[node].arguments(&mut command);
        command.spawn().expect(MISSING)
    }

    fn command(&self, dir: &Path, log: &Path) -> Command {
        let log = std::fs::File::create(log.join("log")).unwrap();
        let mut words = self.options.launcher.clone();
        words.push("redis-server".to_owned());
        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .args(["--save", "", "--appendonly", "yes", "--appendfsync", self.options.fsync])
            // The history of the queue is read from the file, so nothing may be left out of it.
            .args(["--auto-aof-rewrite-percentage", "0", "--aof-load-truncated", "yes"])
            .args(["--maxmemory-policy", "noeviction", "--dir"])
            .arg(dir)
            .envs(self.options.env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log);
        command
    }

    /// Where the one server listens.
    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("s")
    }

    /// The URL of each node, or of the one server.
    pub fn node_urls(&self) -> Vec<String> {
        self.urls()
    }

    fn urls(&self) -> Vec<String> {
        match self.nodes.as_slice() {
            [] => vec![self.url()],
            nodes => nodes.iter().map(|n| n.url()).collect(),
        }
    }

    /// How many keys each node holds.
    pub fn keys_by_node(&self) -> Vec<u64> {
        let count = |url: String| {
            let mut conn = redis::Client::open(url).unwrap().get_connection().unwrap();
            redis::cmd("DBSIZE").query(&mut conn).unwrap()
        };
        self.urls().into_iter().map(count).collect()
    }

    /// Holds back all writes, so that many looks see one state; at most ten seconds, and until it is dropped.
    pub fn pause_writes(&self) -> Paused {
        let pause = |url: String| {
            let mut conn = redis::Client::open(url).unwrap().get_connection().unwrap();
            redis::cmd("CLIENT").arg("PAUSE").arg(10_000).arg("WRITE").exec(&mut conn).unwrap();
            conn
        };
        Paused(self.urls().into_iter().map(pause).collect())
    }

    /// A plain connection, for looking at keys.
    pub fn connection(&self) -> Look {
        if self.nodes.is_empty() {
            let client = redis::Client::open(self.url()).unwrap();
            return Look::One(Box::new(client.get_connection().unwrap()));
        }
        let client = redis::cluster::ClusterClient::new(self.urls()).unwrap();
        Look::Cluster(Box::new(client.get_connection().unwrap()))
    }
}

const MISSING: &str = "redis-server is needed: make setup installs it";

fn answers(client: &redis::Client) -> bool {
    let conn = client.get_connection_with_timeout(Duration::from_secs(1));
    conn.is_ok_and(|mut c| redis::cmd("PING").query::<String>(&mut c).is_ok())
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill9();
    }
}

/// Writes wait as long as this lives.
pub struct Paused(Vec<redis::Connection>);

impl Drop for Paused {
    fn drop(&mut self) {
        for conn in &mut self.0 {
            let _ = redis::cmd("CLIENT").arg("UNPAUSE").exec(conn);
        }
    }
}

/// A connection for looking: `KEYS` sees all nodes.
#[allow(missing_docs)]
pub enum Look {
    One(Box<redis::Connection>),
    Cluster(Box<redis::cluster::ClusterConnection>),
}

/// A key of the first partition, by its name of `queue_schema::keys`.
pub fn at(name: impl AsRef<str>) -> String {
    Partition::new("scrum", 0).key(name.as_ref())
}

impl Look {
    /// Runs a command on a key of the first partition, which is the second word.
    pub fn ask<T: FromRedisValue>(&mut self, words: &[&str]) -> T {
        redis::cmd(words[0]).arg(at(words[1])).arg(&words[2..]).query(self).unwrap()
    }

    fn inner(&mut self) -> &mut dyn ConnectionLike {
        match self {
            Self::One(conn) => conn.as_mut(),
            Self::Cluster(conn) => conn.as_mut(),
        }
    }
}

impl ConnectionLike for Look {
    fn req_packed_command(&mut self, cmd: &[u8]) -> RedisResult<Value> {
        self.inner().req_packed_command(cmd)
    }
    fn req_packed_commands(
        &mut self,
        cmd: &[u8],
        offset: usize,
        count: usize,
    ) -> RedisResult<Vec<Value>> {
        self.inner().req_packed_commands(cmd, offset, count)
    }
    fn req_command(&mut self, cmd: &Cmd) -> RedisResult<Value> {
        self.inner().req_command(cmd)
    }
    fn get_db(&self) -> i64 {
        0
    }
    fn check_connection(&mut self) -> bool {
        self.inner().check_connection()
    }
    fn is_open(&self) -> bool {
        true
    }
}
