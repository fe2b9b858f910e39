//! Looks names up in the other files of a commit: whether what a finding calls unused is used there. Done only when a
//! finding makes such a claim.

use crate::context::Context;
use crate::runtime::HandlerError;
use queue_schema::sweep::SweepSpec;
use scrum_domain::checks::{found_in, names_to_look_up};
use scrum_domain::parse::Parsed;
use std::collections::BTreeSet;

/// Bytes that are read for one review at most.
const MOST_BYTES: u64 = 32 << 20;

/// Of the names that findings of a file call unused, those that stand in another file. At most
/// `worker.lookup_files` files are read, in the order of the tree.
///
/// # Errors
/// When the tree of the commit can't be read. A file that can't be is passed over.
pub async fn elsewhere(
    ctx: &Context,
    spec: &SweepSpec,
    path: &str,
    source: &str,
    parsed: &Parsed,
) -> Result<BTreeSet<String>, HandlerError> {
    let mut wanted = names_to_look_up(&parsed.findings, path, source);
    let mut found = BTreeSet::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    let tree = ctx.tree(spec).await?;
    let is_read = |bytes| bytes <= spec.limits.max_file_bytes;
    let files = tree
        .iter()
        .filter(|entry| entry.is_regular() && entry.path != path && is_read(entry.bytes));
    let mut bytes = 0;
    for entry in files.take(ctx.settings().worker.lookup_files as usize) {
        bytes += entry.bytes;
        if wanted.is_empty() || bytes > MOST_BYTES {
            break;
        }
        let Ok(content) = ctx.blob(spec, &entry.blob).await else {
            tracing::debug!(file = %entry.path, "not read for a lookup");
            continue;
        };
        let text = String::from_utf8_lossy(&content);
        found.extend(found_in(&wanted, &text).into_iter().cloned());
        wanted.retain(|name| !found.contains(name));
    }
    Ok(found)
}
