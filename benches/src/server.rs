//! A redis-server of the bench's own, and what it says about itself.

use anyhow::Context as _;
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Runs until it is dropped. On a unix socket, so that it meets nobody.
#[derive(Debug)]
pub struct Server {
    child: Child,
    dir: tempfile::TempDir,
}

/// What the server has done so far.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// CPU time used, in microseconds.
    pub cpu_us: f64,
    /// Calls by command.
    pub calls: BTreeMap<String, u64>,
}

impl Reading {
    /// Calls that came over the wire for `command`, or those that scripts made of it.
    pub fn calls_of(&self, command: &str) -> u64 {
        self.calls.get(command).copied().unwrap_or(0)
    }
}

impl Server {
    /// Starts one with an append-only file.
    ///
    /// # Errors
    /// When there is no redis-server, or it does not answer.
    pub fn start(fsync: &str) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let child = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "yes", "--appendfsync", fsync])
            .args(["--auto-aof-rewrite-percentage", "0", "--dir"])
            .arg(dir.path())
            .arg("--unixsocket")
            .arg(dir.path().join("s"))
            .stdout(Stdio::null())
            .spawn()
            .context("redis-server is needed")?;
        let this = Self { child, dir };
        let deadline = Instant::now() + Duration::from_secs(10);
        while this.connection().is_err() {
            anyhow::ensure!(Instant::now() < deadline, "redis-server does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(this)
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.dir.path().join("s").display())
    }

    /// A connection for looking.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn connection(&self) -> anyhow::Result<redis::Connection> {
        Ok(redis::Client::open(self.url())?.get_connection()?)
    }

    /// Removes all data.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn flush(&self) -> anyhow::Result<()> {
        Ok(redis::cmd("FLUSHALL").query(&mut self.connection()?)?)
    }

    fn info(&self) -> anyhow::Result<String> {
        Ok(redis::cmd("INFO").arg("everything").query(&mut self.connection()?)?)
    }

    /// Version of the server.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn version(&self) -> anyhow::Result<String> {
        Ok(field(&self.info()?, "redis_version").unwrap_or_default())
    }

    /// Bytes of data: without buffers of the append-only file and of connections.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn data_bytes(&self) -> anyhow::Result<f64> {
        // Until the buffer of the append-only file is written.
        std::thread::sleep(Duration::from_millis(1300));
        let info = self.info()?;
        let n = |name| number(&info, name);
        Ok(n("used_memory") - n("mem_aof_buffer") - n("mem_clients_normal"))
    }

    /// What it has done so far.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn reading(&self) -> anyhow::Result<Reading> {
        let info = self.info()?;
        let calls = info.lines().filter_map(|line| {
            let (name, rest) = line.strip_prefix("cmdstat_")?.split_once(":calls=")?;
            Some((name.to_owned(), rest.split(',').next()?.parse().ok()?))
        });
        Ok(Reading {
            cpu_us: (number(&info, "used_cpu_user") + number(&info, "used_cpu_sys")) * 1e6,
            calls: calls.collect(),
        })
    }
}

fn field(info: &str, name: &str) -> Option<String> {
    info.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(':').map(|v| v.trim().to_owned()))
}

fn number(info: &str, name: &str) -> f64 {
    field(info, name).and_then(|v| v.parse().ok()).unwrap_or(0.0)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
