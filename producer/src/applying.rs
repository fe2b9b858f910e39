//! What `scrum apply` asks for: the reviews of a sweep that are sure enough, and how their patches are checked.

use crate::cli::ApplyArgs;
use crate::progress::Progress;
use crate::session::Session;
use anyhow::{Context, bail};
use queue_schema::apply::{APPLY_VERSION, ApplyFile, ApplyRules, ApplySpec};
use queue_schema::client::SweepState;
use queue_schema::ids::{ReviewId, SweepId};
use queue_schema::sweep::{Rung, SweepSpec};
use scrum_config::{Wire, nearest};
use scrum_domain::apply::PathRules;
use scrum_domain::apply::detect::check_command;
use scrum_domain::apply::policy::{self, Vouched};
use scrum_domain::apply::prove::{self, OwnPlan, Project};
use scrum_domain::apply::select::{Candidate, Criteria, Selection};
use scrum_knowledge::Sweep;
use scrum_repo::Repo;
use std::path::Path;

/// The request, checked; `None` when no review is sure enough, which is told.
///
/// # Errors
/// A sweep that was cancelled or is of a URL, a branch, a check or a model that can't be, a failure of Redis or
/// git.
pub async fn request(
    session: &Session,
    id: &SweepId,
    args: &ApplyArgs,
    progress: &Progress,
) -> anyhow::Result<Option<ApplySpec>> {
    // What becomes a signed request is read as workers read it.
    let sweep = Sweep::open(&session.checking(), id).await?;
    if sweep.status().state == SweepState::Cancelled {
        bail!(
            "sweep {id} was cancelled and gets no more work; start a new sweep without the files that you don't want"
        );
    }
    let mut rules = session.settings.apply.rules();
    rules.min_conf = args.min_conf.unwrap_or(rules.min_conf);
    let repo = local(sweep.spec())?;
    let branch = args.branch.clone().unwrap_or_default();
    if !branch.is_empty() {
        repo.check_branch(&branch, &rules.protected)?;
    }
    let base = repo.resolve(&sweep.spec().rev)?;
    let selection = sweep.selection(&criteria(session, args, &rules)).await?;
    note(&selection, progress);
    if selection.chosen.is_empty() {
        return Ok(None);
    }
    let detected = detected(&repo, &base)?;
    let check = check(args, detected.as_deref())?;
    if session.private.is_none() && !session.queue.options().signer.is_on() {
        note_commands(session, args, detected.as_deref(), progress);
    }
    let files = files(&selection)?;
    let files = if args.prove {
        let planned = planned(session, args, &repo, &base, files, &selection)?;
        for why in planned.iter().filter_map(|(_, why)| why.as_ref()) {
            progress.note(why);
        }
        planned.into_iter().filter(|(_, why)| why.is_none()).map(|(file, _)| file).collect()
    } else {
        files
    };
    if files.is_empty() {
        bail!(
            "no test framework is known for any of these files; set apply.prove_command and apply.prove_test, which say how one test is run and where it stands"
        );
    }
    let model = model(session, args.model.as_deref())?;
    let local = session.settings.local_of(std::iter::once(&model)).contains(&model.provider);
    Ok(Some(ApplySpec {
        v: APPLY_VERSION,
        sweep: id.clone(),
        repo: sweep.spec().repo.clone(),
        base,
        branch,
        commit: args.commit,
        model,
        local,
        check,
        test: args.test.clone().filter(|t| !t.trim().is_empty()),
        rules,
        files,
        again: if args.again { scrum_knowledge::now_ms() } else { 0 },
        unsafe_no_sandbox: args.unsafe_no_sandbox,
        prove: args.prove.then(|| session.settings.apply.prove()),
    }))
}

fn criteria(session: &Session, args: &ApplyArgs, rules: &ApplyRules) -> Criteria {
    let settings = &session.settings.apply;
    Criteria {
        min_conf: rules.min_conf,
        min_each: settings.min_each,
        unconfirmed: rules.unconfirmed,
        prove: args.prove,
        paths: PathRules::new(&rules.deny, &settings.permit, &settings.allow),
        max_files: args.max_files.unwrap_or(settings.max_files) as usize,
    }
}

/// Says which reviews are passed over, the first ones with the reason.
fn note(selection: &Selection, progress: &Progress) {
    let (chosen, all) = (selection.chosen.len(), selection.looked_at);
    progress.note(&format!("{chosen} of {all} reviews are confident enough"));
    for (file, why) in &selection.reasons {
        progress.note(&format!("  not {file}: {why}"));
    }
    let more = selection.passed_over.saturating_sub(selection.reasons.len());
    if more > 0 {
        progress.note(&format!("  nor {more} others"));
    }
}

fn files(selection: &Selection) -> anyhow::Result<Vec<ApplyFile>> {
    let file = |review: &Candidate| {
        let target = ReviewId::from(review.review_id.as_str()).target();
        let target =
            target.with_context(|| format!("the review id {} is none", review.review_id))?;
        let (path, blob) = (review.file.clone(), review.blob.clone());
        Ok(ApplyFile { target, path, blob, prove: None })
    };
    selection.chosen.iter().map(file).collect()
}

/// The files with where the test of each stands and what runs it; why there is none of those that have none.
fn planned(
    session: &Session,
    args: &ApplyArgs,
    repo: &Repo,
    base: &str,
    files: Vec<ApplyFile>,
    selection: &Selection,
) -> anyhow::Result<Vec<(ApplyFile, Option<String>)>> {
    let tree = repo.regular_files(base)?;
    let project = Project {
        has: &|path| tree.has(path),
        has_dir: &|dir| tree.has_dir(dir),
        text: &|path| tree.text(path),
        test: args.test.as_deref().filter(|test| !test.trim().is_empty()),
    };
    let settings = &session.settings.apply;
    let own = OwnPlan { command: &settings.prove_command, test: &settings.prove_test };
    let plan = |(file, review): (ApplyFile, &Candidate)| {
        let claim = review.claim.as_ref().map(|(n, text)| (*n, text.as_str()));
        let claim = claim.ok_or_else(|| "it has no finding to prove".to_owned());
        match claim.and_then(|claim| prove::plan(&file.path, claim, own, &project)) {
            Ok(plan) => (ApplyFile { prove: Some(plan), ..file }, None),
            Err(why) => {
                let why = format!("  not {}: {why} (apply.prove_command says how)", file.path);
                (file, Some(why))
            }
        }
    };
    Ok(files.into_iter().zip(&selection.chosen).map(plan).collect())
}

/// The repository, which must be one that a branch of use can be made in.
fn local(sweep: &SweepSpec) -> anyhow::Result<Repo> {
    if Repo::is_url(&sweep.repo) {
        bail!(
            "sweep {} is of a URL, and commits in this machine's mirror would be lost; clone it, and sweep the clone by its path",
            sweep.id()
        );
    }
    Ok(Repo::open(Path::new(&sweep.repo))?)
}

/// The command that checks the project, from what lies at its root.
fn detected(repo: &Repo, base: &str) -> anyhow::Result<Option<String>> {
    let (names, package) = repo.at_root(base)?;
    Ok(check_command(&names, package.as_deref()))
}

/// The check that is asked for, or the one that fits the project.
fn check(args: &ApplyArgs, detected: Option<&str>) -> anyhow::Result<String> {
    match args.check.as_deref().or(detected) {
        Some(check) if check.trim().is_empty() => {
            bail!("--check is empty; give a command, for instance --check 'make check'")
        }
        Some(check) => Ok(check.to_owned()),
        None => bail!(
            "no check command is known for this project; give one, for instance --check 'make check'"
        ),
    }
}

/// Says which commands a worker with these settings would not run.
fn note_commands(session: &Session, args: &ApplyArgs, detected: Option<&str>, progress: &Progress) {
    let allowed = &session.settings.apply.allowed_checks;
    for command in args.check.iter().chain(&args.test) {
        if policy::command(command, detected, allowed, Vouched::Nobody).is_err() {
            progress.note(&format!(
                "a worker runs `{command}` only where its apply.allowed_checks names it"
            ));
        }
    }
}

fn model(session: &Session, asked: Option<&str>) -> anyhow::Result<Rung> {
    let mut rung = session.settings.apply.rung();
    if let Some(name) = asked {
        let (provider, model) = name.split_once('/').filter(|(p, m)| !p.is_empty() && !m.is_empty()).with_context(|| {
            format!("the patch model '{name}' is not PROVIDER/MODEL; write for instance --model ollama/qwen3-coder")
        })?;
        provider.clone_into(&mut rung.provider);
        model.clone_into(&mut rung.model);
    }
    let providers = &session.settings.providers;
    match providers.get(&rung.provider) {
        Some(p) if p.wire == Wire::Builtin => {
            bail!(
                "the built-in checks are not a model and can't propose patches; give one with --model PROVIDER/MODEL, or set apply.provider and apply.model"
            )
        }
        Some(_) => Ok(rung),
        None => {
            let near = nearest(&rung.provider, providers.keys().map(String::as_str));
            let hint = near.map_or_else(String::new, |n| format!("; did you mean {n}?"));
            bail!("there is no provider '{}' for the patch model{hint}", rung.provider)
        }
    }
}
