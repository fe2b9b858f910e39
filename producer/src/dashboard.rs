//! The dashboard beside a command that does its work on this machine.

use crate::cli::Global;
use crate::ladder::program;
use crate::session::Session;
use crate::workers::{Surroundings, last_line, logs};
use crate::{child, wait};
use anyhow::Context as _;
use scrum_disk as disk;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const PROGRAM: &str = "scrum-web";
const LOG: &str = "web.log";
/// What it says when it listens, before its address.
const LISTENS: &str = "listening on ";
/// Where it listens when another program has its address: at any free port of this machine.
const ELSEWHERE: &str = "127.0.0.1:0";
/// Longest wait for a server that was told to end.
const END: Duration = Duration::from_secs(5);

/// A running `scrum-web`; it ends with this.
pub struct Dashboard {
    child: Child,
    /// Its address, `http://127.0.0.1:3950`.
    pub address: String,
}

impl Dashboard {
    /// Starts one on the Redis of this command, where `web.listen` says, or at a free port if another program is there.
    ///
    /// # Errors
    /// When it is not installed or does not start; what it said.
    pub fn start(global: &Global, session: &Session) -> anyhow::Result<Self> {
        match Self::at(global, session, None) {
            Ok(started) => Ok(started),
            Err(_) => Self::at(global, session, Some(ELSEWHERE)),
        }
    }

    fn at(global: &Global, session: &Session, listen: Option<&str>) -> anyhow::Result<Self> {
        let (logs, dir) = logs(session)?;
        let path = logs.join(LOG);
        let failed = || format!("the log {} can't be written", path.display());
        let log = disk::append(&dir, LOG.as_bytes()).with_context(failed)?;
        let mut command = Command::new(program(PROGRAM)?);
        command.stdout(Stdio::piped()).stderr(log);
        Surroundings::of(global, session).give(&mut command);
        if let Some(listen) = listen {
            command.args(["--listen", listen]);
        }
        let mut child = command.spawn().context("scrum-web could not be started")?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            // It says one line, or ends.
            BufReader::new(out).read_line(&mut line)?;
        }
        let address = line.trim().strip_prefix(LISTENS).map(str::to_owned);
        let mut started = Self { child, address: address.unwrap_or_default() };
        if started.address.is_empty() {
            child::end(&mut started.child, END);
            anyhow::bail!("scrum-web did not start: {}", last_line(&path));
        }
        Ok(started)
    }

    /// Stays until the user leaves; `tend` runs between looks.
    ///
    /// # Errors
    /// What `tend` says, or that it ended by itself.
    pub async fn stay(
        &mut self,
        mut tend: impl FnMut() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        wait::until(wait::EVERY, async || {
            tend()?;
            let ended = self.child.try_wait()?;
            anyhow::ensure!(
                ended.is_none(),
                "scrum-web ended by itself; logs/{LOG} in the state directory says why"
            );
            Ok(None::<()>)
        })
        .await?;
        Ok(())
    }
}

impl Drop for Dashboard {
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        child::end(&mut self.child, END);
    }
}
