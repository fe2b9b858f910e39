//! Runs the commands of a run of the applier, each in the sandbox.

use scrum_config::ApplySettings;
use scrum_domain::apply::verdict::Ran;
use scrum_repo::{Check, RepoError, Sandbox, Worktree};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Characters of a failed command's output that a row keeps.
const TAIL_CHARS: usize = 2_000;

/// What commands run in.
#[derive(Clone, Copy)]
pub(super) struct Runner<'a> {
    pub settings: &'a ApplySettings,
    pub sandbox: &'a Sandbox,
    pub cache: &'a Path,
    pub cancel: &'a AtomicBool,
}

impl Runner<'_> {
    /// Runs a command to its end over a worktree.
    ///
    /// # Errors
    /// A sandbox that can't run, or a run that was called off.
    pub(super) fn run(
        &self,
        worktree: &Worktree,
        command: &str,
        seconds: u64,
    ) -> Result<Ran, RepoError> {
        let s = self.settings;
        let env: Vec<(String, String)> = s
            .pass_env
            .iter()
            .filter_map(|name| Some((name.clone(), std::env::var(name).ok()?)))
            .collect();
        let ran = self.sandbox.run(
            &Check {
                command,
                dir: worktree.path(),
                cache: self.cache,
                read: &s.readable,
                env: &env,
                timeout: Duration::from_secs(seconds),
                memory_bytes: s.check_memory_mib << 20,
                output_bytes: usize::try_from(s.check_output_bytes).unwrap_or(usize::MAX),
            },
            self.cancel,
        )?;
        tracing::info!(
            command,
            code = ran.code,
            timed_out = ran.timed_out,
            took_ms = ran.took.as_millis() as u64,
            "check"
        );
        if ran.cancelled {
            // Nobody will read this: the job's future is gone. It must not count as red.
            return Err(RepoError::Sandbox("the check was called off".to_owned()));
        }
        Ok(Ran { ok: ran.is_green(), timed_out: ran.timed_out, output: ran.output })
    }
}

/// The last of what a command wrote.
pub(super) fn tail(output: &str) -> String {
    let skip = output.chars().count().saturating_sub(TAIL_CHARS);
    output.chars().skip(skip).collect()
}
