//! The gates that need only the texts, for each file of a run.

use super::Work;
use super::prove::{self, Trial};
use queue_schema::rows::apply::{ApplyAction, AutoApplyRow, PatchRecord, SCHEMA_VERSION};
use scrum_domain::apply::{Failed, Gate, Patch, PathRules, gates};
use scrum_domain::decode::decode;
use scrum_repo::{Entry, EntryKind};

/// One file of a run on its way through the gates.
#[derive(Debug, Clone)]
pub(super) struct File {
    /// The row as it stands.
    pub row: AutoApplyRow,
    /// The file with its patches, when any passed.
    pub patched: Option<Vec<u8>>,
    /// Those patches.
    pub passed: Vec<Patch>,
    /// The test that has to prove its finding, when there is one that can be run.
    pub trial: Option<Trial>,
}

/// What the worker's own settings say of files.
pub(super) struct Own {
    /// Which may be changed.
    pub paths: PathRules,
    /// How many of one run.
    pub max_files: usize,
}

/// Everything that is known of a file before any check.
pub(super) fn look(
    work: &Work,
    own: &Own,
    k: usize,
    entry: Option<&Entry>,
    content: Option<&[u8]>,
) -> File {
    let (spec, proposal) = (&work.spec, &work.proposals[k]);
    let mut file = untouched(work, k);
    if k >= own.max_files {
        file.row.action = ApplyAction::AllRejected;
        file.row.reason = too_many(own.max_files);
        return file;
    }
    let read = content.and_then(decode);
    let encoding = read.as_ref().map_or("", |read| read.encoding);
    let failed = whole(spec, &own.paths, k, entry).and_then(|()| gates::encoding(encoding));
    if let Some((proof, trial)) = prove::look(work, &own.paths, k) {
        file.row.proof = Some(proof);
        // What is not the file that was reviewed proves nothing of it.
        file.trial = trial.filter(|_| failed.is_ok() && read.is_some());
    }
    if !proposal.trouble.is_empty() {
        file.row.action = ApplyAction::AllRejected;
        file.row.reason.clone_from(&proposal.trouble);
        return file;
    }
    if proposal.patches.is_empty() {
        "the patch model proposed none".clone_into(&mut file.row.reason);
        return file;
    }
    if let Err(failed) = failed {
        file.row.action =
            if failed.gate == Gate::Fresh { ApplyAction::Stale } else { ApplyAction::AllRejected };
        file.row.reason.clone_from(&failed.reason);
        file.row.patches = proposal.patches.iter().map(|p| record(p, Some(&failed))).collect();
        file.row.patches_rejected = count(proposal.patches.len());
        return file;
    }
    let Some(text) = read.map(|read| read.text) else {
        file.row.action = ApplyAction::AllRejected;
        "the file is no text".clone_into(&mut file.row.reason);
        return file;
    };
    patches(&mut file, &text, work, &proposal.patches);
    file
}

/// A file of which nothing is known but its review and what its models said.
fn untouched(work: &Work, k: usize) -> File {
    let (review, proposal) = (&work.reviews[k], &work.proposals[k]);
    let spec = &work.spec;
    File {
        row: AutoApplyRow {
            action: ApplyAction::NoPatches,
            file: spec.files[k].path.clone(),
            patches_applied: 0,
            patches_rejected: 0,
            reason: String::new(),
            confidence_avg: review.confidence_avg,
            gradient_tier: review.gradient_tier.clone(),
            reviewer_model: review.accepted_model.clone(),
            patch_model: spec.model.name(),
            branch: spec.branch_of(&work.run),
            commit: None,
            ts: work.now.1.clone(),
            sweep_id: spec.sweep.to_string(),
            review_id: review.review_id.clone(),
            run_id: work.run.to_string(),
            repo: queue_schema::url::public_address(&spec.repo),
            base: spec.base.clone(),
            patches: Vec::new(),
            warnings_before: None,
            warnings_after: None,
            output_tail: String::new(),
            sandbox: String::new(),
            tokens_in: proposal.tokens_in,
            tokens_out: proposal.tokens_out,
            cost_usd: proposal.cost_usd,
            masked: proposal.masked,
            schema_version: SCHEMA_VERSION,
            unsafe_no_sandbox: false,
            proof: None,
        },
        patched: None,
        passed: Vec::new(),
        trial: None,
    }
}

/// The gates that all patches of a file share.
fn whole(
    spec: &queue_schema::apply::ApplySpec,
    paths: &PathRules,
    k: usize,
    entry: Option<&Entry>,
) -> Result<(), Failed> {
    let wanted = &spec.files[k];
    let stale = |reason: &str| Err(Failed::at(Gate::Fresh, reason));
    match entry {
        None => return stale("the file is gone"),
        Some(e) if e.blob != wanted.blob => return stale("the file has changed since its review"),
        Some(_) => {}
    }
    gates::path(&wanted.path, paths)?;
    if entry.is_some_and(|e| e.path_escaped) {
        return Err(Failed::at(Gate::Path, "its name is not UTF-8"));
    }
    match entry.map(|e| e.kind) {
        Some(EntryKind::File | EntryKind::Executable) => Ok(()),
        _ => Err(Failed::at(Gate::Path, "it is not a regular file")),
    }
}

/// Why a file of a run is left alone that has more of them than the worker takes.
pub fn too_many(most: usize) -> String {
    format!("this worker takes {most} files of a run (its apply.max_files)")
}

fn patches(file: &mut File, text: &str, work: &Work, proposed: &[Patch]) {
    let rules = &work.spec.rules;
    let bounds = gates::Bounds { min_conf: rules.min_conf, max_lines: rules.max_lines };
    let mut content = text.to_owned();
    for (n, patch) in proposed.iter().enumerate() {
        let result = if n < rules.max_patches as usize {
            gates::patch(&content, patch, &bounds)
        } else {
            let reason = format!("a file has {} patches at most", rules.max_patches);
            Err(Failed::at(Gate::Size, reason))
        };
        match result {
            Ok(patched) => {
                content = patched;
                file.passed.push(patch.clone());
                file.row.patches.push(record(patch, None));
            }
            Err(failed) => file.row.patches.push(record(patch, Some(&failed))),
        }
    }
    file.row.patches_rejected = count(proposed.len() - file.passed.len());
    if file.passed.is_empty() {
        let mismatch =
            file.row.patches.iter().find(|p| p.gate.as_deref() == Some(Gate::Rationale.as_str()));
        file.row.action = match mismatch {
            Some(_) => ApplyAction::RationaleMismatchReverted,
            None => ApplyAction::AllRejected,
        };
        let told = mismatch.or(file.row.patches.first());
        file.row.reason = told.map(|p| p.reason.clone()).unwrap_or_default();
    } else {
        file.patched = Some(content.into_bytes());
    }
}

impl File {
    /// All patches that had passed are stopped by a later gate.
    pub(super) fn stop(&mut self, action: ApplyAction, failed: &Failed) {
        self.row.action = action;
        self.row.reason.clone_from(&failed.reason);
        self.row.patches_applied = 0;
        self.row.patches_rejected = count(self.row.patches.len());
        for patch in self.row.patches.iter_mut().filter(|p| p.gate.is_none()) {
            patch.gate = Some(failed.gate.as_str().to_owned());
            patch.reason.clone_from(&failed.reason);
        }
        self.patched = None;
        self.passed.clear();
    }

    /// They have passed all gates.
    pub(super) fn pass(&mut self, action: ApplyAction) {
        self.row.action = action;
        self.row.patches_applied = count(self.passed.len());
        if self.row.patches_rejected > 0 {
            let told = self.row.patches.iter().find(|p| p.gate.is_some());
            self.row.reason = told.map(|p| p.reason.clone()).unwrap_or_default();
        }
    }
}

fn record(patch: &Patch, failed: Option<&Failed>) -> PatchRecord {
    PatchRecord {
        old_string: patch.old_string.clone(),
        new_string: patch.new_string.clone(),
        rationale: patch.rationale.clone(),
        confidence: patch.confidence,
        gate: failed.map(|f| f.gate.as_str().to_owned()),
        reason: failed.map(|f| f.reason.clone()).unwrap_or_default(),
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
