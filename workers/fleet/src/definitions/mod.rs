//! The definitions of a commit, for the reviewers of its files: derived data of this machine. They are taken out once,
//! kept by blob in the state directory, so that the next commit reuses what did not change, and made anew when they
//! are lost or damaged. A review goes on without them where they can't be had.

mod store;

use crate::aside::aside;
use crate::context::Context;
use crate::memo::Memo;
use crate::runtime::HandlerError;
use queue_schema::ids::sha256_hex;
use queue_schema::rows::TypeHint;
use queue_schema::sweep::{Rung, SweepSpec};
use scrum_domain::definitions::{self, Index};
use scrum_repo::{Entry, Repo};
use std::sync::Arc;
use store::{Bounds, Store, Wanted};
use tokio::sync::Mutex;

/// Indexes that are held at a time: one may have a hundred MB.
const MOST_HELD: usize = 2;

/// The definitions that a file of the sweep's commit uses; with those of the file itself where `own`, for a reviewer
/// who does not see it whole. None where the sweep shows none, or they can't be had.
pub(crate) async fn of_file(
    ctx: &Context,
    spec: &SweepSpec,
    rung: &Rung,
    (path, source): (&str, &str),
    own: bool,
) -> Vec<TypeHint> {
    let limits = definitions::limits_of(&spec.limits);
    // The built-in checks read no prompt.
    let reads = rung.context_tokens != Some(Rung::ANY_CONTEXT);
    if limits.count == 0 || !reads || !definitions::has_definitions(path) {
        return Vec::new();
    }
    let index = index(ctx, spec).await;
    let (path, source, bytes) = (path.to_owned(), source.to_owned(), source.len());
    let select = move || definitions::select(&index, &path, &source, own, limits);
    aside(bytes, select).await.unwrap_or_default()
}

/// The indexes of a process.
#[derive(Debug)]
pub(crate) struct Indexes {
    of: Memo<Index>,
    /// Held by the job that makes one; the others wait for it.
    making: Mutex<()>,
}

impl Default for Indexes {
    fn default() -> Self {
        Self { of: Memo::new(MOST_HELD), making: Mutex::default() }
    }
}

/// The index of the sweep's commit; an empty one where it can't be made, which is told once.
async fn index(ctx: &Context, spec: &SweepSpec) -> Arc<Index> {
    let (key, indexes) = (format!("{}@{}", spec.repo, spec.commit), ctx.indexes());
    if let Some(found) = indexes.of.get(&key) {
        return found;
    }
    let _one = indexes.making.lock().await;
    if let Some(found) = indexes.of.get(&key) {
        return found;
    }
    let made = make(ctx, spec).await.unwrap_or_else(|error| {
        tracing::warn!(repo = %spec.repo, %error, "files are reviewed without definitions of others");
        Index::default()
    });
    indexes.of.put(&key, made)
}

async fn make(ctx: &Context, spec: &SweepSpec) -> Result<Index, HandlerError> {
    let wanted = wanted(ctx, spec).await?;
    let worker = &ctx.settings().worker;
    let bounds = Bounds {
        files: worker.definition_files as usize,
        bytes: u64::from(worker.definitions_mb) << 20,
    };
    let dir = ctx.state_dir("definitions");
    let name = sha256_hex(spec.repo.as_bytes())[..32].to_owned();
    let most = spec.limits.max_file_bytes;
    let made = ctx.with_repo(spec, move |repo: &Repo| {
        let read = |blob: &str| repo.blob_within(blob, most).ok();
        Ok(Store { dir: &dir, name: &name, bounds }.index(wanted, read))
    });
    made.await
}

/// The files of the commit that definitions are taken from. What the repository's ignore file names stays where it is.
async fn wanted(ctx: &Context, spec: &SweepSpec) -> Result<Vec<Wanted>, HandlerError> {
    let tree = ctx.tree(spec).await?;
    let ignored = ctx.ignore_file(spec, &tree).await?;
    let fits = |entry: &&Entry| {
        entry.is_regular()
            && definitions::is_indexed(&entry.path, entry.bytes)
            && !ignored.as_ref().is_some_and(|rules| rules.is_ignored(&entry.path))
    };
    let wanted = |entry: &Entry| Wanted { path: entry.path.clone(), blob: entry.blob.clone() };
    Ok(tree.iter().filter(fits).map(wanted).collect())
}
