//! Running the system `git`: no hooks, no questions, no time without end, nothing inherited that
//! would point it at another repository.

use scrum_shown::shell_quoted;
use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// One transfer at most; a clone of a very large repository takes minutes, not this.
const TIMEOUT: Duration = Duration::from_secs(30 * 60);
/// Bytes kept of each of git's outputs.
const KEPT_OUTPUT: u64 = 64 * 1024;

/// Settings that win over those of the user and of the repository.
const SETTINGS: [&str; 8] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    // A mirror keeps what was pushed away: a sweep may be pinned to it.
    "gc.auto=0",
    "maintenance.auto=false",
    // What git writes here, mirrors that is, is for their owner alone whatever the umask says.
    "core.sharedRepository=0600",
    // A transfer that stands still for a minute is over.
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
];

/// Variables by which a surrounding git (a hook, an alias) would redirect ours.
const FOREIGN: [&str; 8] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_COMMON_DIR",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_NAMESPACE",
    "GIT_TEMPLATE_DIR",
];

/// Runs git and returns what it wrote to stdout.
///
/// # Errors
/// The last line of what it said, or why it could not run.
pub(crate) fn git(args: &[&str]) -> Result<String, String> {
    let mut command = prepared();
    if !ssh_is_configured() {
        // Without it ssh asks on the terminal for a password or about an unknown host.
        command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes -o ConnectTimeout=30");
    }
    run(command.args(args), TIMEOUT)
}

/// True when the user says how ssh is to be called; then that is what happens.
fn ssh_is_configured() -> bool {
    let set = |name| std::env::var_os(name).is_some();
    let asked = || {
        let mut command = prepared();
        run(command.args(["config", "--get", "core.sshCommand"]), Duration::from_secs(10))
    };
    set("GIT_SSH_COMMAND") || set("GIT_SSH") || asked().is_ok()
}

fn prepared() -> Command {
    let mut command = Command::new("git");
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    for name in FOREIGN {
        command.env_remove(name);
    }
    command
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_ALLOW_PROTOCOL", "https:ssh:git:file")
        .env("GIT_LFS_SKIP_SMUDGE", "1")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn run(command: &mut Command, timeout: Duration) -> Result<String, String> {
    let mut child = command.spawn().map_err(|e| {
        format!("the program `git` could not be started: {e}; install git, or pass a local path")
    })?;
    // Both are read while it runs: a full pipe would stop it.
    let stdout = child.stdout.take().map(|pipe| thread::spawn(|| kept(pipe)));
    let stderr = child.stderr.take().map(|pipe| thread::spawn(|| kept(pipe)));
    let started = Instant::now();
    let mut pause = Duration::from_millis(1);
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if started.elapsed() < timeout => thread::sleep(pause),
            Ok(None) => {
                // Its readers are left behind: a grandchild may still hold the pipes open.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it was not done after {} s", timeout.as_secs()));
            }
            Err(e) => return Err(format!("waiting for git failed: {e}")),
        }
        pause = (pause * 2).min(Duration::from_millis(50));
    };
    let text = |reader: Option<thread::JoinHandle<Vec<u8>>>| {
        let bytes = reader.and_then(|r| r.join().ok()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (stdout, stderr) = (text(stdout), text(stderr));
    if status.success() {
        return Ok(stdout);
    }
    if let Some(why) = of_another_user(&stderr) {
        return Err(why);
    }
    // The line that says why; what follows it is advice about something else.
    let why = stderr.lines().rfind(|l| l.starts_with("fatal:") || l.starts_with("error:"));
    let last = || stderr.lines().rfind(|l| !l.trim().is_empty());
    Err(why.or_else(last).unwrap_or("no reason given").trim_start_matches("fatal: ").to_owned())
}

/// What to do where git refuses a repository because of its owner; it says why first, and last only that it could not
/// read.
fn of_another_user(stderr: &str) -> Option<String> {
    let (_, place) = stderr.split_once("detected dubious ownership in repository at '")?;
    let (place, _) = place.split_once('\'')?;
    let word = shell_quoted(place);
    Some(format!(
        "{place} belongs to another user, and git reads it for you only after \
         `git config --global --add safe.directory {word}`; or pass the path of the repository in place of its URL"
    ))
}

/// The first bytes of a pipe, which is read to its end.
fn kept(mut pipe: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = pipe.by_ref().take(KEPT_OUTPUT).read_to_end(&mut bytes);
    let _ = std::io::copy(&mut pipe, &mut std::io::sink());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_ended() {
        let mut sleep = Command::new("sleep");
        sleep.arg("60").stdout(Stdio::piped()).stderr(Stdio::piped());
        let started = Instant::now();
        let error = run(&mut sleep, Duration::from_millis(100)).unwrap_err();
        assert!(error.contains("not done after"), "{error}");
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn of_a_repository_of_another_user_it_is_said_what_to_do() {
        let told = "fatal: detected dubious ownership in repository at '/srv/a b/.git'\nTo add an exception for this \
                    directory, call:\n\n\tgit config --global --add safe.directory '/srv/a b/.git'\nfatal: Could \
                    not read from remote repository.\n";
        let why = of_another_user(told).unwrap();
        assert!(why.contains("--add safe.directory '/srv/a b/.git'`"), "{why}");
        assert_eq!(of_another_user("fatal: Could not read from remote repository.\n"), None);
        let dir = tempfile::tempdir().unwrap();
        let (origin, into) = (dir.path().join("origin"), dir.path().join("into"));
        let path = origin.to_str().unwrap();
        git(&["init", "--quiet", "--bare", path]).unwrap();
        let mut command = prepared();
        command.env("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        command.args(["clone", "--quiet", &format!("file://{path}"), into.to_str().unwrap()]);
        let error = run(&mut command, Duration::from_secs(60)).unwrap_err();
        assert!(error.contains("belongs to another user") && error.contains(path), "{error}");
    }

    #[test]
    fn what_git_says_is_told() {
        assert!(git(&["--version"]).unwrap().starts_with("git version"));
        let error = git(&["--git-dir", "/no/such", "rev-parse", "HEAD"]).unwrap_err();
        assert!(error.contains("not a git repository"), "{error}");
    }
}
