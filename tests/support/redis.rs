//! A real Redis of the test's own: one server in a temp directory on a unix socket, or, when
//! `SCRUM_TEST_REDIS=cluster` says so, a cluster of three on ports that were free.

use crate::cluster::{self, Node};
use crate::wait::eventually;
use redis::{Cmd, ConnectionLike, RedisResult, Value};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A running server or cluster; killed when it is dropped.
pub struct RedisServer {
    dir: TempDir,
    fsync: &'static str,
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
            _ => Self::begin(fsync, Vec::new()),
        }
    }

    /// Starts a cluster of three nodes, whatever the environment says.
    pub fn cluster(fsync: &'static str) -> Self {
        let this = Self::begin(fsync, Node::some(3));
        cluster::join(&this.nodes);
        this
    }

    fn begin(fsync: &'static str, nodes: Vec<Node>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut this = Self { dir, fsync, nodes, children: Vec::new() };
        this.restart();
        this
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
            let mut command = self.command(self.dir.path());
            command.args(["--port", "0", "--unixsocket"]).arg(self.socket());
            self.children.push(command.spawn().expect(MISSING));
        } else {
            self.children = (0..self.nodes.len()).map(|node| self.spawn_node(node)).collect();
        }
        eventually(Duration::from_secs(20), "redis-server answers", || {
            let mut conn = self.urls().into_iter().map(redis::Client::open);
            conn.all(|c| c.is_ok_and(|c| answers(&c))).then_some(())
        });
    }

    fn spawn_node(&self, node: usize) -> Child {
        let dir = self.dir.path().join(format!("node{node}"));
        std::fs::create_dir_all(&dir).unwrap();
        let mut command = self.command(&dir);
        self.nodes[node].arguments(&mut command);
        command.spawn().expect(MISSING)
    }

    fn command(&self, dir: &Path) -> Command {
        let log = std::fs::File::create(dir.join("log")).unwrap();
        let mut command = Command::new("redis-server");
        command
            .args(["--save", "", "--appendonly", "yes", "--appendfsync", self.fsync])
            .args(["--maxmemory-policy", "noeviction", "--dir"])
            .arg(dir)
            .stdin(Stdio::null())
            .stdout(log);
        command
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("s")
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

/// A connection for looking: `KEYS` sees all nodes.
#[allow(missing_docs)]
pub enum Look {
    One(Box<redis::Connection>),
    Cluster(Box<redis::cluster::ClusterConnection>),
}

impl Look {
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
