//! A process group with a bound on its time: started, listened to, ended.

use super::output::Output;
use super::{Check, Ran, SandboxKind};
use crate::RepoError;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io::PipeReader;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Between two looks at the time and at `cancel`.
const LOOK: Duration = Duration::from_millis(50);
/// For the last words in the pipe, when somebody who got away still holds it open.
const LAST_WORDS: Duration = Duration::from_millis(300);
/// How long what was killed may take to be gone: a process that waits for a disk can't be killed.
const DYING: Duration = Duration::from_secs(10);

pub(super) fn run(
    mut command: Command,
    check: &Check<'_>,
    kind: SandboxKind,
    cancel: &AtomicBool,
) -> Result<Ran, RepoError> {
    let failed = |e: std::io::Error| RepoError::Sandbox(format!("no process can be started: {e}"));
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    rustix::io::ioctl_fionbio(&reader, true).map_err(|e| failed(e.into()))?;
    // One pipe for both, so that they come in their order.
    command.stdout(writer.try_clone().map_err(failed)?).stderr(writer);
    let started = Instant::now();
    let child = command.stdin(Stdio::null()).process_group(0).spawn().map_err(failed)?;
    // It holds ends of the pipe, which would never be closed.
    drop(command);
    let mut running = Running::new(child, reader, check.output_bytes);
    let (mut timed_out, mut cancelled) = (false, false);
    while !running.has_ended() {
        running.listen(LOOK);
        cancelled = cancel.load(Ordering::Relaxed);
        timed_out = started.elapsed() >= check.timeout;
        if cancelled || timed_out {
            break;
        }
    }
    // A look that came too late for one that has ended by itself.
    let ended = running.has_ended();
    (timed_out, cancelled) = (timed_out && !ended, cancelled && !ended);
    running.kill();
    let dying = Instant::now();
    while !running.has_ended() && dying.elapsed() < DYING {
        running.listen(LOOK);
    }
    let last_words = Instant::now();
    while running.is_open() && last_words.elapsed() < LAST_WORDS {
        running.listen(LOOK);
    }
    let took = started.elapsed();
    // Not a wait without end: what could not be killed is left to the system.
    let status = if running.has_ended() { running.child.wait().ok() } else { None };
    let (output, output_left_out) = match running.output.end() {
        Ok(said) => said,
        Err(_) if timed_out || cancelled => (String::new(), 0),
        Err(said) => {
            let said = said.trim();
            let said = if said.is_empty() { "it ended without a word" } else { said };
            return Err(RepoError::Sandbox(said.to_owned()));
        }
    };
    Ok(Ran {
        code: status.and_then(|s| s.code()),
        signal: status.and_then(|s| s.signal()),
        timed_out,
        cancelled,
        output,
        output_left_out,
        took,
        kind,
    })
}

struct Running {
    child: Child,
    reader: Option<PipeReader>,
    output: Output,
}

impl Running {
    fn new(child: Child, reader: PipeReader, bound: usize) -> Self {
        Self { child, reader: Some(reader), output: Output::new(bound) }
    }

    fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()).ok()?)
    }

    /// Whether it has ended. It is not waited for yet: until then its number, which is the group's
    /// too, is nobody else's.
    fn has_ended(&self) -> bool {
        let Some(pid) = self.pid() else { return true };
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(pid), look) {
            Ok(ended) => ended.is_some(),
            Err(Errno::INTR) => false,
            Err(_) => true,
        }
    }

    /// Ends all of its group, also those that it has left behind.
    fn kill(&self) {
        if let Some(pid) = self.pid() {
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }

    fn is_open(&self) -> bool {
        self.reader.is_some()
    }

    /// Waits a moment for output and takes some of it: a flood must not keep us from the clock.
    fn listen(&mut self, most: Duration) {
        let Some(reader) = &self.reader else {
            std::thread::sleep(Duration::from_millis(2).min(most));
            return;
        };
        let wait = Timespec { tv_sec: 0, tv_nsec: i64::from(most.subsec_nanos()) };
        let mut fds = [PollFd::new(reader, PollFlags::IN)];
        match poll(&mut fds, Some(&wait)) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let mut bytes = [0_u8; 16 * 1024];
        match rustix::io::read(reader, &mut bytes) {
            Ok(0) => self.reader = None,
            Ok(n) => self.output.push(&bytes[..n]),
            Err(Errno::AGAIN | Errno::INTR) => {}
            Err(_) => self.reader = None,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Also when we leave early: nothing of it stays.
        if !self.has_ended() {
            self.kill();
        }
    }
}
