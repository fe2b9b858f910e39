//! Rounds of check and test over a worktree, and who turns them red.

use super::files::File;
use super::runner::{self, Runner};
use queue_schema::apply::ApplySpec;
use queue_schema::rows::apply::ApplyAction;
use scrum_domain::apply::verdict::{self, Ran};
use scrum_domain::apply::{Bisect, Failed, Gate};
use scrum_repo::{RepoError, SandboxKind, Worktree};

/// Runs the commands of one spec in one worktree.
pub(super) struct Rounds<'a> {
    pub spec: &'a ApplySpec,
    pub runner: Runner<'a>,
    pub worktree: &'a Worktree,
    /// Rounds so far, the one without any patch included.
    pub done: u32,
}

/// What a red round leaves.
#[derive(Debug, Clone)]
struct Red {
    failed: Failed,
    tail: String,
    warnings: u32,
}

impl Rounds<'_> {
    /// Finds the files whose patches pass, and stops the others.
    ///
    /// # Errors
    /// A worktree that can't be written, or a sandbox that can't run.
    pub(super) fn run(&mut self, files: &mut [File]) -> Result<(), RepoError> {
        let members: Vec<usize> =
            (0..files.len()).filter(|k| files[*k].patched.is_some()).collect();
        if members.is_empty() {
            return Ok(());
        }
        let (check, test) = self.round()?;
        let before = verdict::warnings(&check.output);
        for k in &members {
            files[*k].row.warnings_before = Some(before);
            self.runner.sandbox.kind().as_str().clone_into(&mut files[*k].row.sandbox);
            files[*k].row.unsafe_no_sandbox = self.runner.sandbox.kind() == SandboxKind::Plain;
        }
        // What is red without any patch can't tell good ones from bad.
        if let Err(failed) = verdict::judge(&check, test.as_ref(), before) {
            let reason = format!("without any patch, {}", failed.reason);
            let failed = Failed::at(failed.gate, reason);
            for k in &members {
                files[*k].stop(ApplyAction::AllRejected, &failed);
                files[*k].row.output_tail = tail(&check, test.as_ref());
            }
            return Ok(());
        }
        let mut search = Bisect::new(members.len(), self.spec.rules.max_checks.saturating_sub(1));
        let mut written: Vec<usize> = Vec::new();
        while let Some(set) = search.ask() {
            self.put(&members, &written, &set, files)?;
            written = set;
            let (check, test) = self.round()?;
            let warnings = verdict::warnings(&check.output);
            match verdict::judge(&check, test.as_ref(), before) {
                Ok(()) => {
                    for k in &written {
                        files[members[*k]].row.warnings_after = Some(warnings);
                    }
                    search.record(Ok(()));
                }
                Err(failed) => {
                    search.record(Err(Red { failed, tail: tail(&check, test.as_ref()), warnings }));
                }
            }
        }
        for (k, red) in search.dropped() {
            let file = &mut files[members[*k]];
            let action = match red.failed.gate {
                Gate::Warnings => ApplyAction::WarningsIncreasedReverted,
                Gate::Tests => ApplyAction::TestsRedReverted,
                _ => ApplyAction::BuildRedReverted,
            };
            file.stop(action, &red.failed);
            file.row.output_tail.clone_from(&red.tail);
            file.row.warnings_after = Some(red.warnings);
        }
        for k in search.unknown() {
            let reason =
                format!("not checked: a run has {} rounds at most", self.spec.rules.max_checks);
            files[members[*k]].stop(ApplyAction::AllRejected, &Failed::at(Gate::Check, reason));
        }
        let action =
            if self.spec.commit { ApplyAction::Committed } else { ApplyAction::DryRunWouldCommit };
        for k in search.landed() {
            files[members[*k]].pass(action);
        }
        Ok(())
    }

    /// Makes the worktree hold the patches of `set` and no others.
    fn put(
        &self,
        members: &[usize],
        written: &[usize],
        set: &[usize],
        files: &[File],
    ) -> Result<(), RepoError> {
        for k in written.iter().filter(|k| !set.contains(k)) {
            let file = &files[members[*k]];
            self.worktree.restore(&file.row.file)?;
            if let Some(trial) = &file.trial {
                self.worktree.remove(&trial.plan.path)?;
            }
        }
        for k in set.iter().filter(|k| !written.contains(k)) {
            let file = &files[members[*k]];
            self.worktree.write(&file.row.file, file.patched.as_deref().unwrap_or_default())?;
            if let Some(trial) = &file.trial {
                self.worktree.add(&trial.plan.path, trial.text.as_bytes())?;
            }
        }
        self.worktree.settle();
        Ok(())
    }

    /// The check, and the test when the check is green.
    fn round(&mut self) -> Result<(Ran, Option<Ran>), RepoError> {
        self.done += 1;
        let seconds = self.runner.settings.check_timeout_s;
        let check = self.runner.run(self.worktree, &self.spec.check, seconds)?;
        let test = match &self.spec.test {
            Some(test) if check.ok => Some(self.runner.run(self.worktree, test, seconds)?),
            _ => None,
        };
        Ok((check, test))
    }
}

/// The last of what the command wrote that failed.
fn tail(check: &Ran, test: Option<&Ran>) -> String {
    runner::tail(&test.unwrap_or(check).output)
}
