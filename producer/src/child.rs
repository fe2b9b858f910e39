//! Programs that a command starts and ends.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Pause between two looks. There is nothing to wait on: a program says that it is up, or gone, only when it
/// is asked.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Looks again and again until there is something; `None` when there is nothing after `longest`.
pub fn poll<T>(longest: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + longest;
    loop {
        let found = look();
        if found.is_some() || Instant::now() >= deadline {
            return found;
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Waits for the end of a child that was told to end, and kills it after `longest`.
pub fn end(child: &mut Child, longest: Duration) {
    let ended = poll(longest, || (!matches!(child.try_wait(), Ok(None))).then_some(()));
    if ended.is_none() {
        let _ = child.kill();
    }
    let _ = child.wait();
}

/// Lets the kernel end a child when this thread ends, however that comes about.
pub fn die_with_parent(command: &mut Command) {
    // SAFETY: between fork and exec only one prctl system call is made, which is
    // async-signal-safe and allocates nothing.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(|| {
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))
                .map_err(Into::into)
        });
    }
}
