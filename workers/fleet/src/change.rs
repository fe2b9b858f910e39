//! The change that a sweep is about, cut into its parts: made from the two commits where it is needed, and the same on
//! every machine.

use crate::context::Context;
use crate::runtime::HandlerError;
use queue_schema::client::{Queue, QueueError};
use queue_schema::ids::SweepId;
use queue_schema::sweep::{DiffSpec, EMPTY_TREE, SweepSpec, Target};
use scrum_change::ChangeError;
use scrum_domain::claims::Claim;
use scrum_domain::decode::decode;
use scrum_domain::diff::{Bundle, FilePatch, Known, Plan, Sides, Tally};
use scrum_knowledge::{Change, Error};
use scrum_repo::{DiffRange, Repo};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a sweep over a change is about.
///
/// # Errors
/// Fatal for a sweep over files.
pub(crate) fn spec_of(spec: &SweepSpec) -> Result<&DiffSpec, HandlerError> {
    let no_change = || HandlerError::Fatal("the sweep is about no change".to_owned());
    spec.diff.as_ref().ok_or_else(no_change)
}

/// The change in its parts.
///
/// # Errors
/// Fatal for a change that is too large; when the repository can't be read from this machine.
pub(crate) async fn plan(ctx: &Context, spec: &SweepSpec) -> Result<Arc<Plan>, HandlerError> {
    let change = spec_of(spec)?;
    let key = format!("{}@{}..{}/{:?}", spec.repo, change.base, spec.commit, change.bounds);
    if let Some(found) = ctx.changes().get(&key) {
        return Ok(found);
    }
    let range = DiffRange { base: change.base.clone(), head: spec.commit.clone() };
    let (bounds, most) = (change.bounds, spec.limits.max_file_bytes);
    let read =
        ctx.with_repo(spec, move |repo| match scrum_change::cut(repo, &range, &bounds, most) {
            Err(ChangeError::Repo(error)) => Err(error),
            cut => Ok(cut.map_err(|error| error.to_string())),
        });
    let plan = read.await?.map_err(HandlerError::Fatal)?;
    Ok(ctx.changes().put(&key, plan))
}

/// The files of some parts of a change that are text; as they were before it only where `both` sides are wanted.
///
/// # Errors
/// When the repository can't be read from this machine.
pub(crate) async fn sides(
    ctx: &Context,
    spec: &SweepSpec,
    parts: &[&Bundle],
    both: bool,
) -> Result<Sides, HandlerError> {
    let files = || parts.iter().flat_map(|part| &part.files);
    let was: Vec<String> = files().map(FilePatch::old_path).collect();
    let now: Vec<String> = files().map(FilePatch::path).collect();
    let (base, head) = (spec_of(spec)?.base.clone(), spec.commit.clone());
    let most = spec.limits.max_file_bytes;
    let read = move |repo: &Repo| {
        let is_there = both && base != EMPTY_TREE;
        let before = if is_there { repo.files(&base, &was, most)? } else { BTreeMap::new() };
        Ok((before, repo.files(&head, &now, most)?))
    };
    let (before, after) = ctx.with_repo(spec, read).await?;
    let text = |(path, bytes): (String, Vec<u8>)| Some((path, decode(&bytes)?.text.into_owned()));
    let texts = |files: BTreeMap<String, Vec<u8>>| files.into_iter().filter_map(text).collect();
    Ok(Sides { before: texts(before), after: texts(after) })
}

/// A change with what its reviewers come to; none for a sweep over files.
///
/// # Errors
/// When Redis can't be read.
pub(crate) async fn tallied(
    ctx: &Context,
    sweep: &SweepId,
) -> Result<Option<(Change, Tally)>, HandlerError> {
    let read = |queue: Queue| async move {
        let read = async {
            let Some(change) = Change::open(&queue, sweep).await? else { return Ok(None) };
            let (tally, _) = change.tally(&queue).await?;
            Ok(Some((change, tally)))
        };
        told_apart(read.await)
    };
    ctx.read("the reviews of a change", read).await?.map_err(HandlerError::Fatal)
}

/// What earlier sweeps found in these files; at most `most` of it.
///
/// # Errors
/// When Redis can't be read.
pub(crate) async fn known(
    ctx: &Context,
    spec: &SweepSpec,
    paths: &[String],
    most: u32,
) -> Result<Vec<Known>, HandlerError> {
    let (identity, paths) = (spec.identity.as_str(), &paths.iter().collect::<Vec<_>>());
    let read = |queue: Queue| async move {
        told_apart(scrum_knowledge::known(&queue, identity, paths, most).await)
    };
    ctx.read("the findings of a change's files", read).await?.map_err(HandlerError::Fatal)
}

/// A failure of Redis is waited out; another error stays one.
fn told_apart<T>(read: Result<T, Error>) -> Result<Result<T, String>, QueueError> {
    match read {
        Ok(found) => Ok(Ok(found)),
        Err(Error::Queue(error)) => Err(error),
        Err(error) => Ok(Err(error.to_string())),
    }
}

/// The targets of a change: each part for each reviewer, and what is not reviewed.
pub(crate) fn targets(change: &DiffSpec, plan: &Plan) -> Vec<Target> {
    let part = |bundle: &Bundle| Target {
        path: bundle.name.clone(),
        blob: bundle.id.clone(),
        bytes: bundle.text.len() as u64,
        skip: None,
    };
    let parts = plan.bundles.iter().flat_map(|b| change.reviewers.iter().map(move |_| part(b)));
    let left_out = plan.left_out.iter().map(|file| Target {
        path: file.path.clone(),
        blob: "0".repeat(40),
        bytes: file.bytes as u64,
        skip: Some(file.reason.clone()),
    });
    parts.chain(left_out).collect()
}

/// The targets of claims about a change: the claims.
pub(crate) fn claims(all: &[Claim]) -> Vec<Target> {
    let target = |claim: &Claim| Target {
        path: claim.text.clone(),
        blob: queue_schema::ids::sha256_hex(claim.text.as_bytes()),
        bytes: claim.text.len() as u64,
        skip: None,
    };
    all.iter().map(target).collect()
}
