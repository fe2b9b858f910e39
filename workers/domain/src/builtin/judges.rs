//! Judges of single rows: what a form alone can't tell.

use super::catalogue::{Found, Place, found};
use super::scan::{family as f, has_word};
use super::strings;

pub(super) fn add_inside(place: &Place<'_, '_>) -> Option<Found> {
    let before = place.scan.before(place.line)?;
    let head = place.scan.code(before).trim();
    let starts = head.starts_with("go func(") && head.ends_with('{');
    if starts { found(place.line, place.group(1)) } else { None }
}

/// Not with a word on it, and not on the way back once something has failed.
pub(super) fn dropped_go(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let undone = place.group(1).starts_with("os.")
        && scan.next(i).is_some_and(|n| scan.code(n).trim() == "return err");
    if undone || scan.commented(i..i + 1) { None } else { found(i, place.group(1)) }
}

/// `replaceAll(".", "*")` is meant: each sign becomes the same one.
pub(super) fn masks_all(place: &Place<'_, '_>) -> Option<Found> {
    let then = &place.text[place.end()..];
    let one = then.trim_start().strip_prefix('"').and_then(|t| t.split('"').next());
    // With one argument it is a matcher's, and the argument is what to put in.
    let put = place.group(1).starts_with("replace") && place.group(0).ends_with(')');
    let meant =
        put || place.group(0).contains("\".\",") && one.is_some_and(|t| t.chars().count() == 1);
    if meant { None } else { found(place.line, place.group(1)) }
}

/// Whether the first value that is put in was made a number before.
fn is_number(place: &Place<'_, '_>) -> bool {
    let (scan, i) = (place.scan, place.line);
    let put = place.scan.raw(i).get(place.start()..).unwrap_or_default();
    let name = put.split(['+', '{']).nth(1).unwrap_or_default().trim_start();
    let name = &name[..name.find(|c| !crate::text::is_ident(c)).unwrap_or(name.len())];
    let made = ["parseInt(", "Number(", "int("].map(|call| format!("{name} = {call}"));
    !name.is_empty() && scan.scope(i).any(|j| made.iter().any(|m| scan.code(j).contains(m)))
}

/// Not where the command is put together from what the program knows.
pub(super) fn shell_script(place: &Place<'_, '_>) -> Option<Found> {
    let scan = place.scan;
    let code = scan.code(place.line);
    let aside = ["build", "release", "gulp"].iter().any(|w| scan.path.contains(w))
        || (scan.is(f::SCRIPT) && scan.path.starts_with("bin/"))
        || ["(cmd +", "(command +", "(cmd+"].iter().any(|w| code.contains(w));
    let script = scan.is(f::SCRIPT)
        && !["child_process", "childProcess"].iter().any(|w| scan.source.contains(w));
    // Only what a request or a command line gives: callers mostly give what they know.
    let put = scan.raw(place.line).get(place.start()..).unwrap_or_default();
    let given = ["${", "{", "+ ", "% ", ".format(", "\", "]
        .iter()
        .any(|mark| put.split(mark).skip(1).any(strings::asked));
    if aside || script || !given || is_number(place) { None } else { found(place.line, "") }
}

/// Reads whose result nobody looks at, in a loop until the end.
pub(super) fn reads_unchecked(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let reads = ["fgets(", "fscanf(", "fread("];
    let bare = scan.body(i).any(|j| reads.iter().any(|r| scan.code(j).trim_start().starts_with(r)));
    if bare { found(i, place.group(1)) } else { None }
}

/// Not in a file that tells properties apart by their names: these are literals on both sides, and the library itself
/// compares them by identity.
pub(super) fn identity(place: &Place<'_, '_>) -> Option<Found> {
    let source = place.scan.source;
    let names = ["getPropertyName()", "PropertyChangeEvent", "propertyName"];
    if names.iter().any(|n| source.contains(n)) { None } else { found(place.line, "") }
}

/// Not a constant text of the same file.
pub(super) fn open_format(place: &Place<'_, '_>) -> Option<Found> {
    let call = place.group(1).trim_end_matches([')', ';', ' ']);
    let name = call.rsplit(['(', ',']).next().unwrap_or_default().trim();
    let fixed = place.scan.lines.iter().any(|l| {
        let code = l.code.as_str();
        code.contains(&format!("{name}[]")) && code.contains('=') && code.contains("char ")
    });
    if fixed || name == "__VA_ARGS__" { None } else { found(place.line, place.group(1)) }
}

pub(super) fn called_now(place: &Place<'_, '_>) -> Option<Found> {
    let name = place.group(1).to_lowercase();
    let factory = ["make", "partial", "wrap", "get", "create", "bind", "build"]
        .iter()
        .any(|w| name.contains(w));
    if factory { None } else { found(place.line, place.group(1)) }
}

/// `if (x == null) { synchronized (..) {` over a field that is not volatile.
pub(super) fn checked_twice(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let before = scan.before(i).map(|b| scan.code(b).trim())?;
    let name =
        before.strip_prefix("if")?.trim_start().strip_prefix('(')?.split("==").next()?.trim();
    let again =
        scan.next(i).is_some_and(|n| scan.code(n).contains("if") && has_word(scan.code(n), name));
    let plain = before.contains("null") && name.chars().all(crate::text::is_ident);
    let field = scan
        .lines
        .iter()
        .map(|l| l.code.as_str())
        .find(|c| c.contains("static ") && has_word(c, name) && !c.contains('('))?;
    if again && plain && !field.contains("volatile") { found(i, name) } else { None }
}

/// Whether a date is one by which something was to be done, not one on which somebody wrote or saw something.
fn is_deadline(before: &str) -> bool {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    const DUE: [&str; 8] = ["by", "until", "before", "after", "end", "expires", "due", "deadline"];
    let lower = before.to_lowercase();
    let opened = lower.trim_end_matches(|c: char| c.is_ascii_digit() || " -/.,".contains(c));
    // `TODO(2024-05-01)`, `FIXME 2024-05-01: ..`
    let at_mark = |t: &str| ["todo", "fixme", "xxx", "hack"].iter().any(|m| t.ends_with(m));
    if at_mark(opened.trim_end_matches(['(', '[', ' '])) {
        return true;
    }
    let words = opened.rsplit(|c: char| !c.is_alphanumeric() && c != '(').filter(|w| !w.is_empty());
    let mut words = words.peekable();
    // The month of the date.
    words.next_if(|word| MONTHS.iter().any(|m| word.starts_with(m)));
    words.next().is_some_and(|word| DUE.contains(&word))
}

/// A date in a comment about open work.
pub(super) fn overdue(place: &Place<'_, '_>) -> Option<Found> {
    let said = place.text.get(..place.groups.get(1).cloned().flatten()?.start)?;
    if !is_deadline(said) {
        return None;
    }
    let line = &place.scan.lines[place.line];
    let range = place.groups.get(1).cloned().flatten()?;
    let in_comment = line.comment.get(range).is_some_and(|c| !c.trim().is_empty());
    let lower = line.comment.to_lowercase();
    let marks = ["#", "//", "/*", "*", "--"];
    let documented = !marks.iter().any(|m| line.comment.trim_start().starts_with(m));
    let other = ["copyright", "http", "(c)", "rfc", "license"].iter().any(|w| lower.contains(w));
    if in_comment && !documented && !other { found(place.line, place.group(1)) } else { None }
}

/// The executor of a promise whose errors get out of it: there is no `try` in its body.
pub(super) fn executor(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let tries = scan.body(i).any(|j| scan.code(j).trim().starts_with("try"));
    if tries { None } else { found(i, place.group(1)) }
}

/// `mktemp` where the same file has `mkstemp` for systems that know it: there is nothing better.
pub(super) fn temp_name(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    // A directory or a pipe of a name that is taken can't be made.
    let near = (i.saturating_sub(6)..i + 6).any(|j| scan.code(j).contains("mkstemp("))
        || (i..i + 4).any(|j| ["mkdir(", "mkfifo("].iter().any(|w| scan.code(j).contains(w)));
    let defined = scan.code(i).trim_start().starts_with('#');
    let name = place.group(1).trim_matches(|c: char| !crate::text::is_ident(c));
    if near || defined { None } else { found(i, name) }
}

/// A request on one line, without a limit.
pub(super) fn no_timeout(place: &Place<'_, '_>) -> Option<Found> {
    let code = place.scan.code(place.line);
    let said = code.contains("timeout")
        || code.contains("**")
        || code.matches('(').count() != code.matches(')').count();
    if said { None } else { found(place.line, place.group(1)) }
}

/// Not where the file makes a loader of its own, which says itself what it may make of a document.
pub(super) fn loads_any(place: &Place<'_, '_>) -> Option<Found> {
    let own = place.scan.source.contains("YAML(");
    if own { None } else { found(place.line, place.group(1)) }
}
