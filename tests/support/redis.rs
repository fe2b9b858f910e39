//! A real redis-server of the test's own: temp directory, unix socket, no port.

use crate::wait::eventually;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// A running server; killed when it is dropped.
pub struct RedisServer {
    dir: TempDir,
    fsync: &'static str,
    child: Option<Child>,
}

impl RedisServer {
    /// Starts one with `appendfsync always`, as the private server and the compose file do.
    pub fn start() -> Self {
        Self::with_fsync("always")
    }

    /// Starts one with the given `appendfsync`.
    pub fn with_fsync(fsync: &'static str) -> Self {
        let mut this = Self { dir: tempfile::tempdir().unwrap(), fsync, child: None };
        this.restart();
        this
    }

    /// The URL for clients.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// Kills it without warning.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Starts it again on the same directory, and waits until it has loaded its file.
    pub fn restart(&mut self) {
        self.kill9();
        let _ = std::fs::remove_file(self.socket());
        let log = std::fs::File::create(self.dir.path().join("log")).unwrap();
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", self.fsync])
            .args(["--maxmemory-policy", "noeviction", "--dir"])
            .arg(self.dir.path())
            .arg("--unixsocket")
            .arg(self.socket())
            .stdin(Stdio::null())
            .stdout(log)
            .spawn()
            .expect("redis-server is needed: make setup installs it");
        self.child = Some(child);
        eventually(Duration::from_secs(20), "redis-server answers", || {
            self.answers().then_some(())
        });
    }

    fn socket(&self) -> PathBuf {
        self.dir.path().join("s")
    }

    fn answers(&self) -> bool {
        let Ok(mut s) = UnixStream::connect(self.socket()) else { return false };
        let mut reply = [0; 5];
        s.write_all(b"PING\r\n").is_ok() && s.read_exact(&mut reply).is_ok() && &reply == b"+PONG"
    }

    /// A plain connection, for looking at keys.
    pub fn connection(&self) -> redis::Connection {
        redis::Client::open(self.url()).unwrap().get_connection().unwrap()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill9();
    }
}
