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

impl Red {
    fn of(failed: Failed, check: &Ran, test: Option<&Ran>) -> Self {
        Self { failed, tail: tail(check, test), warnings: verdict::warnings(&check.output) }
    }
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
        let without = self.without(&members, files)?;
        let before = without.as_ref().map_or_else(|red| red.warnings, |warnings| *warnings);
        for k in &members {
            files[*k].row.warnings_before = Some(before);
            self.runner.sandbox.kind().as_str().clone_into(&mut files[*k].row.sandbox);
            files[*k].row.unsafe_no_sandbox = self.runner.sandbox.kind() == SandboxKind::Plain;
        }
        // What is red without any patch can't tell good ones from bad.
        if let Err(red) = without {
            let reason = format!("without any patch, {}", red.failed.reason);
            let failed = Failed::at(red.failed.gate, reason);
            for k in &members {
                files[*k].stop(ApplyAction::AllRejected, &failed);
                files[*k].row.output_tail.clone_from(&red.tail);
            }
            return Ok(());
        }
        let left = self.spec.rules.max_checks.saturating_sub(self.done);
        let mut search = Bisect::new(members.len(), left);
        let mut written: Vec<usize> = Vec::new();
        while let Some(set) = search.ask() {
            self.put(&members, &written, &set, files)?;
            written = set;
            let (check, test) = self.round()?;
            match verdict::judge(&check, test.as_ref(), before) {
                Ok(()) => {
                    let warnings = verdict::warnings(&check.output);
                    for k in &written {
                        files[members[*k]].row.warnings_after = Some(warnings);
                    }
                    search.record(Ok(()));
                }
                Err(failed) => search.record(Err(Red::of(failed, &check, test.as_ref()))),
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

    /// How often a round warns without any patch, or what is red then.
    fn without(
        &mut self,
        members: &[usize],
        files: &[File],
    ) -> Result<Result<u32, Red>, RepoError> {
        let (check, test) = self.round()?;
        let all = verdict::warnings(&check.output);
        if let Err(failed) = verdict::judge(&check, test.as_ref(), all) {
            return Ok(Err(Red::of(failed, &check, test.as_ref())));
        }
        if all == 0 {
            return Ok(Ok(0));
        }
        // That built everything, and some tools warn only of what they build. Every later round builds what is made of
        // the members, so the warnings of that alone are what theirs can be held against.
        self.put(members, &[], &[], files)?;
        let check = self.check()?;
        let before = verdict::warnings(&check.output);
        let judged = verdict::judge(&check, None, before);
        Ok(judged.map(|()| before).map_err(|failed| Red::of(failed, &check, None)))
    }

    /// Makes the worktree hold the patches of `set` and no others. All members are written each time, so that each round
    /// builds the same files again and warns of the same.
    fn put(
        &self,
        members: &[usize],
        written: &[usize],
        set: &[usize],
        files: &[File],
    ) -> Result<(), RepoError> {
        for k in written {
            if let Some(trial) = &files[members[*k]].trial {
                self.worktree.remove(&trial.plan.path)?;
            }
        }
        for (k, member) in members.iter().enumerate() {
            let file = &files[*member];
            match &file.patched {
                Some(patched) if set.contains(&k) => {
                    self.worktree.write(&file.row.file, patched)?;
                    if let Some(trial) = &file.trial {
                        self.worktree.add(&trial.plan.path, trial.text.as_bytes())?;
                    }
                }
                _ => self.worktree.restore(&file.row.file)?,
            }
        }
        self.worktree.settle();
        Ok(())
    }

    /// The check, and the test when the check is green.
    fn round(&mut self) -> Result<(Ran, Option<Ran>), RepoError> {
        let check = self.check()?;
        let seconds = self.runner.settings.check_timeout_s;
        let test = match &self.spec.test {
            Some(test) if check.ok => Some(self.runner.run(self.worktree, test, seconds)?),
            _ => None,
        };
        Ok((check, test))
    }

    /// The check alone, which counts as a round.
    fn check(&mut self) -> Result<Ran, RepoError> {
        self.done += 1;
        let seconds = self.runner.settings.check_timeout_s;
        self.runner.run(self.worktree, &self.spec.check, seconds)
    }
}

/// The last of what the command wrote that failed.
fn tail(check: &Ran, test: Option<&Ran>) -> String {
    runner::tail(&test.unwrap_or(check).output)
}
