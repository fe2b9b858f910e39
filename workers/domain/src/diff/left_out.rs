//! Which files of a change nobody is shown, and why. A change can't hide itself: what a file was called and what stood in
//! it before decide as well, so that neither a line that is put in nor a new name keeps reviewers from the rest of it.

use super::patch::{Change, FilePatch, Sign};
use super::show;
use crate::target::{self, SkipReason};

/// How the reason begins for a file that reviewers could be shown before the change.
const HIDDEN: &str = "text before the change";

/// Whether the change itself, by this reason, keeps a file from reviewers that they could be shown before.
pub fn is_hidden(reason: &str) -> bool {
    reason.starts_with(HIDDEN)
}

/// Whether reviewers could be shown a file of this path and content.
pub fn can_be_shown(path: &str, content: &[u8]) -> bool {
    let is_text = !content.contains(&0) && target::inspect(content).is_ok();
    is_text && target::skip_by_path(path).is_none()
}

/// Why a file is not shown to anybody.
pub(super) fn left_out(file: &FilePatch, ignored: &dyn Fn(&str) -> bool) -> Option<String> {
    let (old, new) = (file.old_path(), file.path());
    if ignored(&old) && ignored(&new) {
        return Some(SkipReason::Ignored.to_string());
    }
    if show::in_one_line(file) {
        return None;
    }
    if let Some(reason) = target::skip_by_path(&old).and(target::skip_by_path(&new)) {
        return Some(reason.to_string());
    }
    match (file.binary, file.was_text) {
        (true, true) => Some(format!("{HIDDEN}, now binary or too large")),
        (true, false) => Some(SkipReason::Binary.to_string()),
        (false, _) => by_content(file).map(|reason| reason.to_string()),
    }
}

/// What a program writes says so in its first lines; the density of a file can be told of a whole one.
fn by_content(file: &FilePatch) -> Option<SkipReason> {
    let first = file.hunks.first()?;
    let whole = file.hunks.len() == 1 && (first.old_lines == 0 || first.new_lines == 0);
    let without = |sign: Sign, start: u32| {
        if !whole && start > 1 {
            return None;
        }
        let kept = first.lines.iter().filter(|line| line.sign != sign);
        let text = kept.map(|line| line.text.as_slice()).collect::<Vec<_>>().join(&b'\n');
        match target::inspect(&text) {
            Err(reason @ (SkipReason::Generated | SkipReason::Pointer(_))) => Some(reason),
            Err(reason @ SkipReason::Dense { .. }) if whole => Some(reason),
            _ => None,
        }
    };
    let before = || without(Sign::Added, first.old_start);
    let now = || without(Sign::Removed, first.new_start);
    match file.change {
        Change::Added => now(),
        _ if whole && first.new_lines == 0 => before(),
        _ => before().and_then(|_| now()),
    }
}
