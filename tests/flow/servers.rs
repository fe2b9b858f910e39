//! Redis as people run it: behind TLS, with users, with Sentinels, as a cluster, and written by strangers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../support/schemas.rs"]
mod schemas;

#[path = "servers/acl.rs"]
mod acl;
#[path = "servers/cluster.rs"]
mod cluster;
#[path = "servers/sentinel.rs"]
mod sentinel;
#[path = "servers/signing.rs"]
mod signing;
#[path = "servers/tls.rs"]
mod tls;
#[path = "servers/work.rs"]
mod work;

use scrum_tests::cluster::free_port;
use scrum_tests::wait::eventually;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Longest a test waits for anything.
const LONG: Duration = Duration::from_secs(60);

/// A server with arguments of the test's own.
struct Server {
    dir: TempDir,
    port: u16,
    child: Child,
}

impl Server {
    /// Starts one; `arguments` are told its directory and its port.
    fn start(arguments: impl Fn(&mut Command, &Path, u16)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let mut command = Command::new("redis-server");
        arguments(&mut command, dir.path(), port);
        command.args(["--bind", "127.0.0.1", "--save", "", "--maxmemory-policy", "noeviction"]);
        command.arg("--dir").arg(dir.path()).stdin(Stdio::null()).stdout(log);
        Self { child: command.spawn().unwrap(), dir, port }
    }

    /// A connection, as soon as it answers.
    fn connection(&self) -> redis::Connection {
        eventually(Duration::from_secs(20), "the server answers", || {
            let client = redis::Client::open(self.url()).unwrap();
            let mut conn = client.get_connection_with_timeout(Duration::from_secs(1)).ok()?;
            redis::cmd("PING").query::<String>(&mut conn).ok()?;
            Some(conn)
        })
    }

    fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection as a user of the server.
fn connect_as(server: &Server, user: &str, password: &str) -> redis::Connection {
    let url = format!("redis://{user}:{password}@127.0.0.1:{}", server.port);
    redis::Client::open(url).unwrap().get_connection().unwrap()
}

/// Like any server: on its port, with an append-only file.
fn plain(command: &mut Command, _: &Path, port: u16) {
    command.args(["--port", &port.to_string(), "--appendonly", "yes", "--appendfsync", "always"]);
}
