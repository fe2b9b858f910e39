//! The test of each file's finding: it has to fail without the patch, pass with it, and fail once it is taken back.

use super::files::File;
use super::runner::{Runner, tail};
use super::{ApplyError, Work};
use queue_schema::apply::TestPlan;
use queue_schema::rows::Proof;
use queue_schema::rows::apply::ApplyAction;
use scrum_config::ApplySettings;
use scrum_domain::apply::policy;
use scrum_domain::apply::prove::{self, OwnPlan, Project, ProofGate, Told};
use scrum_domain::apply::{Failed, Gate, PathRules, gates};
use scrum_domain::text::{clip_marked, one_line};
use scrum_repo::{ExportBounds, Repo, RepoError, SandboxKind, Worktree};
use std::path::Path;

/// Characters of a claim that a row keeps.
const CLAIM_CHARS: usize = 400;
/// Characters of a path that a reason has.
const PATH_CHARS: usize = 200;

/// The gate that a test failed, and why.
type Stopped = (ProofGate, String);

/// The test of a file's finding.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    pub plan: TestPlan,
    pub text: String,
}

/// What is to be proven of a file, with the record for its row; no test where the model wrote none, or where it may
/// not stand.
pub(super) fn look(work: &Work, rules: &PathRules, k: usize) -> Option<(Proof, Option<Trial>)> {
    let (spec, file) = (&work.spec, &work.spec.files[k]);
    let plan = file.prove.clone().filter(|_| spec.prove.is_some())?;
    let finding = work.reviews[k].findings.get(plan.finding as usize);
    let proposed = work.proposals[k].test.clone().unwrap_or_default();
    let mut proof = Proof {
        finding: plan.finding,
        finding_id: finding.and_then(|f| f.id.clone()),
        claim: clip_marked(finding.map_or("", |f| f.text.as_str()), CLAIM_CHARS),
        test: plan.path.clone(),
        command: plan.command.clone(),
        ..Proof::default()
    };
    if proposed.text.is_empty() {
        let why = match proposed.trouble.as_str() {
            "" => "nobody was asked for a test",
            why => why,
        };
        stop(&mut proof, ProofGate::Answer, format!("there is no test: {why}"));
        return Some((proof, None));
    }
    proof.text.clone_from(&proposed.text);
    if let Err(failed) = gates::path(&plan.path, rules) {
        stop(
            &mut proof,
            ProofGate::Place,
            format!("the test can't stand there: {}", failed.reason),
        );
        return Some((proof, None));
    }
    Some((proof, Some(Trial { plan, text: proposed.text })))
}

fn stop(proof: &mut Proof, gate: ProofGate, reason: String) {
    proof.gate = Some(gate.as_str().to_owned());
    proof.reason = reason;
}

/// Whether this worker runs the commands of the tests: those that it would choose itself, and those that it allows.
///
/// # Errors
/// The refusal, or what git says.
pub(super) fn allowed(
    repo: &Repo,
    work: &Work,
    settings: &ApplySettings,
) -> Result<(), ApplyError> {
    if work.spec.files.iter().all(|file| file.prove.is_none()) {
        return Ok(());
    }
    let files = repo.regular_files(&work.spec.base)?;
    for (file, review) in work.spec.files.iter().zip(&work.reviews) {
        let Some(plan) = &file.prove else { continue };
        let claim = review.findings.get(plan.finding as usize).map_or("", |f| f.text.as_str());
        let project = Project {
            has: &|path| files.has(path),
            has_dir: &|dir| files.has_dir(dir),
            text: &|path| files.text(path),
            test: work.spec.test.as_deref(),
        };
        let own = OwnPlan { command: &settings.prove_command, test: &settings.prove_test };
        let own = prove::plan(&file.path, (plan.finding, claim), own, &project).ok();
        // What its output is taken for goes with the command: all of the plan is held against it.
        if own.as_ref() == Some(plan) {
            continue;
        }
        let fits = own.as_ref().map(|own| own.command.as_str()).filter(|c| *c != plan.command);
        policy::command(&plan.command, fits, &settings.allowed_checks, work.vouched)?;
    }
    Ok(())
}

/// Where tests are run.
pub(super) struct Prover<'a> {
    pub repo: &'a Repo,
    pub head: &'a str,
    pub trees: &'a Path,
    pub bounds: ExportBounds,
    pub runner: Runner<'a>,
    /// How often in a row a test has to pass.
    pub repeats: u32,
}

impl Prover<'_> {
    /// Puts the test of each file through its gates, and stops the patches of those whose test fails one.
    ///
    /// # Errors
    /// A worktree that can't be written, or a sandbox that can't run.
    pub(super) fn run(&self, files: &mut [File]) -> Result<(), RepoError> {
        for file in files.iter_mut() {
            let Some(mut proof) = file.row.proof.take() else { continue };
            if let Some(trial) = file.trial.clone() {
                let sandbox = self.runner.sandbox.kind();
                sandbox.as_str().clone_into(&mut file.row.sandbox);
                file.row.unsafe_no_sandbox = sandbox == SandboxKind::Plain;
                if let Err((gate, reason)) = self.one(file, &trial, &mut proof)? {
                    stop(&mut proof, gate, reason);
                }
            }
            tracing::info!(file = %file.row.file, proven = proof.proven, reason = proof.reason, "proof");
            if !proof.reason.is_empty() && file.patched.is_some() {
                let failed = Failed::at(Gate::Proof, proof.reason.clone());
                file.stop(ApplyAction::AllRejected, &failed);
            }
            file.row.proof = Some(proof);
        }
        Ok(())
    }

    /// The gates of one test, in a worktree of its own: what one leaves there is met by no other.
    fn one(
        &self,
        file: &File,
        trial: &Trial,
        proof: &mut Proof,
    ) -> Result<Result<(), Stopped>, RepoError> {
        let (path, seconds) = (&file.row.file, self.runner.settings.prove_timeout_s);
        let tree = self.repo.export(self.head, self.trees, self.bounds)?;
        match tree.add(&trial.plan.path, trial.text.as_bytes()) {
            Ok(()) => {}
            Err(RepoError::Change { why, .. }) => {
                return Ok(Err((ProofGate::Place, format!("the test can't stand there: {why}"))));
            }
            Err(error) => return Err(error),
        }
        let told = match self.once(&tree, trial, proof)? {
            Ok(told) => told,
            Err(stopped) => return Ok(Err(stopped)),
        };
        if let Err(why) = prove::fails(&told, false, seconds) {
            return Ok(Err((ProofGate::Before, why)));
        }
        proof.proven = true;
        let Some(patched) = &file.patched else { return Ok(Ok(())) };
        let shown = proof.output_tail.clone();
        tree.write(path, patched)?;
        for n in 1..=self.repeats {
            let told = match self.once(&tree, trial, proof)? {
                Ok(told) => told,
                Err(stopped) => return Ok(Err(stopped)),
            };
            if let Err(stopped) = prove::passes(&told, n, self.repeats, seconds) {
                return Ok(Err(stopped));
            }
        }
        tree.restore(path)?;
        let told = match self.once(&tree, trial, proof)? {
            Ok(told) => told,
            Err(stopped) => return Ok(Err(stopped)),
        };
        if let Err(why) = prove::fails(&told, true, seconds) {
            return Ok(Err((ProofGate::Revert, why)));
        }
        proof.output_tail = shown;
        Ok(Ok(()))
    }

    /// One run of a test, which must leave the project as it is.
    fn once(
        &self,
        tree: &Worktree,
        trial: &Trial,
        proof: &mut Proof,
    ) -> Result<Result<Told, Stopped>, RepoError> {
        let marks = tree.marks()?;
        let seconds = self.runner.settings.prove_timeout_s;
        let ran = self.runner.run(tree, &trial.plan.command, seconds)?;
        proof.runs += 1;
        proof.output_tail = tail(&ran.output);
        let changed = tree.changed(&marks)?;
        if let Some(path) =
            prove::to_blame(&changed, |path| tree.has(path) || path == trial.plan.path)
        {
            let path = clip_marked(&one_line(path), PATH_CHARS);
            return Ok(Err((ProofGate::Touches, format!("the test changes {path}"))));
        }
        Ok(Ok(prove::told(trial.plan.framework, &trial.plan.path, &ran)))
    }
}
