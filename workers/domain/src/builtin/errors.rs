//! Errors that are dropped, hidden or come too late.

use super::catalogue::{Found, Place, found};
use super::scan::{Scan, family, has_word};
use std::ops::Range;

/// What may fail without anybody minding: putting things away.
const CLEANUP: &[&str] = &[
    "close",
    "unlink",
    "remove",
    "rmdir",
    "delete",
    "kill",
    "terminate",
    "shutdown",
    "disconnect",
    "sleep",
    "cancel",
    "stop",
    "flush",
    "quit",
    "unload",
    ".exit(",
    "disable(",
    "cleanup",
    "import ",
    "cleartimeout",
    "activex",
    "new audio",
    ".play(",
];

/// What tells somebody of an error, or lets it go on.
const SHOWS: &[&str] = &[
    "raise",
    "log",
    "show",
    "print",
    "exit",
    "exc_info",
    "traceback",
    "warn",
    "error",
    "fail",
    "import ",
    "stop",
];

/// Whether a body only puts things away: a few lines, each of them of [`CLEANUP`].
fn is_cleanup(scan: &Scan<'_>, body: Range<usize>) -> bool {
    let lines: Vec<String> = body
        .filter(|i| scan.has_code(*i))
        .map(|i| scan.code(i).trim().to_lowercase())
        .filter(|l| l.as_str() != "}")
        .collect();
    lines.len() <= 4 && lines.iter().any(|l| CLEANUP.iter().any(|w| l.contains(w)))
}

/// The lines of the `try` before the handler at `i`, of the same indentation.
fn tried(scan: &Scan<'_>, i: usize) -> Range<usize> {
    let from = i.saturating_sub(60);
    let indent = scan.indent(i);
    let start = (from..i)
        .rev()
        .find(|j| scan.indent(*j) == indent && scan.code(*j).trim_start().starts_with("try"));
    start.map_or(i..i, |s| s + 1..i)
}

/// `except Exception: pass` and the like, and an `except:` that shows nobody what went wrong.
pub(super) fn swallowed_python(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let what = place.group(1);
    let after = place.group(2).trim();
    let body = scan.body(i);
    let mut lines: Vec<&str> =
        body.clone().map(|j| scan.code(j).trim()).filter(|l| !l.is_empty()).collect();
    if !after.is_empty() {
        lines = vec![after];
    }
    let tries = tried(scan, i);
    let first = tries.clone().find(|j| scan.has_code(*j));
    let imports = first.is_some_and(|j| {
        let code = scan.code(j).trim_start();
        code.starts_with("import ") || code.starts_with("from ")
    });
    // One statement that gives a value or none: its errors are few, and their cause is plain.
    let one = first.and_then(|j| scan.next(j)).is_none_or(|n| n >= i);
    let explained = one && scan.commented(tries.clone());
    if lines.is_empty()
        || imports
        || explained
        || scan.commented(i.saturating_sub(1)..body.end)
        || is_cleanup(scan, tries.clone())
    {
        return None;
    }
    let silent = |l: &&str| matches!(*l, "pass" | "continue" | "..." | "return" | "return None");
    let whole =
        lines.iter().all(silent) && !(lines.iter().all(|l| *l == "pass") && tries_on(scan, &tries));
    let told: String = body.clone().filter_map(|j| scan.lines.get(j)).map(|l| l.raw).collect();
    let told = format!("{told}{after}").to_lowercase();
    // An answer with words in it tells the caller.
    let answers = lines.iter().any(|l| l.starts_with("return ") && l.contains([',', '"', '\'']));
    let shows = answers || SHOWS.iter().any(|w| told.contains(w));
    let bare = what.trim().is_empty();
    let hides = (whole && (bare || !one)) || (bare && !shows);
    if hides { found(i, if bare { "except:" } else { what.trim() }) } else { None }
}

/// Errors of every kind, by their types.
const BROAD: [&str; 6] =
    ["exception", "throwable", "error", "ioexception", "sqlexception", "runtimeexception"];

/// An empty `catch`.
pub(super) fn swallowed_braces(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let name = place.group(1).to_lowercase();
    if ["ignore", "expected", "unused", "interrupted", "_)"].iter().any(|w| name.contains(w)) {
        return None;
    }
    // Who names one narrow error has thought of it.
    let typed = scan.is(family::BRACES & !family::SCRIPT) && !name.is_empty();
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    let narrow = typed && !name.contains("...") && !words.any(|w| BROAD.contains(&w));
    // One statement that gives a value or none: its errors are few.
    let block = tried_braces(scan, i);
    let statements = block.clone().filter(|j| scan.code(*j).trim().len() > 1).count();
    let inline = has_word(scan.code(i).split("catch").next().unwrap_or_default(), "try");
    let plain = scan.is(family::SCRIPT) && (statements == 1 || inline);
    if narrow || plain {
        return None;
    }
    let after = place.group(2).trim();
    let body = scan.body(i);
    let empty = after == "}"
        || after.starts_with("} ")
        || (after.is_empty() && !body.clone().any(|j| scan.has_code(j)) && body.end > i + 1)
        || (after.is_empty() && scan.code(i + 1).trim_start().starts_with('}'));
    let commented = scan.commented(i.saturating_sub(1)..body.end.max(i + 1) + 1);
    let tried = scan.code(i).split("catch").next().unwrap_or_default().to_lowercase();
    let inline_cleanup = CLEANUP.iter().any(|w| tried.contains(w));
    let ok = empty
        && !commented
        && !inline_cleanup
        && !tries_on(scan, &block)
        && !is_cleanup(scan, block);
    if ok { found(i, "") } else { None }
}

/// Whether a block ends with the answer: where it fails, the next way is tried.
fn tries_on(scan: &Scan<'_>, block: &Range<usize>) -> bool {
    let lines = || block.clone().filter(|j| scan.has_code(*j));
    let least = lines().map(|j| scan.indent(j)).min().unwrap_or_default();
    let mut own = lines().filter(|j| scan.indent(*j) == least && scan.code(*j).trim() != "}");
    own.next_back().is_some_and(|j| scan.code(j).trim_start().starts_with("return"))
}

fn tried_braces(scan: &Scan<'_>, i: usize) -> Range<usize> {
    let from = i.saturating_sub(60);
    (from..=i).rev().find(|j| has_word(scan.code(*j), "try")).map_or(i..i, |s| s + 1..i)
}

/// An error that the next statement overwrites before anybody looked at it.
pub(super) fn overwritten_go(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let open = scan.code(i).matches('(').count() != scan.code(i).matches(')').count();
    let next = scan.next(i)?;
    let code = scan.code(next).trim();
    let assigned = code.split_once('=').is_some_and(|(left, right)| {
        let names = left.trim_end_matches(':');
        names.split(',').any(|n| n.trim() == "err") && !has_word(right, "err")
    });
    let plain = !code.starts_with("if ") && !code.starts_with("for ") && !code.starts_with("var ");
    let same = scan.indent(next) == scan.indent(i);
    if assigned && plain && same && !open { found(i, "err") } else { None }
}

/// `defer resp.Body.Close()` on the line right after the call, before its error was looked at.
pub(super) fn defer_before_check(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let name = place.group(1);
    let before = scan.before(i)?;
    let made = scan.code(before).trim();
    let names: Vec<&str> = made.split([':', '=']).next()?.split(',').map(str::trim).collect();
    let checked = names.first() == Some(&name) && names.get(1) == Some(&"err");
    let later = scan.next(i).is_some_and(|n| scan.code(n).trim_start().starts_with("if err"));
    if checked && later { found(i, name) } else { None }
}

/// A handler for a class of errors behind one that takes all of them.
pub(super) fn behind_broad(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let next = scan.body(i).end;
    let next = (next..scan.lines.len().min(next + 20)).find(|j| scan.has_code(*j))?;
    let code = scan.code(next).trim();
    let named = code.strip_prefix("except ")?.trim_end_matches(':').trim();
    let further = !named.is_empty()
        && !named.starts_with("BaseException")
        && !named.starts_with("KeyboardInterrupt")
        && !named.starts_with("SystemExit")
        && !named.starts_with('(')
        && !named.contains("GeneratorExit")
        && !named.contains("CancelledError");
    if scan.indent(next) == scan.indent(i) && further { found(next, named) } else { None }
}

/// `return` in a `finally`: an exception on its way out is gone.
pub(super) fn return_in_finally(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let body = scan.body(i);
    let indent = body.clone().find(|j| scan.has_code(*j)).map(|j| scan.indent(j))?;
    let mut lines = body.filter(|j| scan.indent(*j) == indent);
    let at = lines.find(|j| {
        has_word(scan.code(*j), "return") && scan.code(*j).trim_start().starts_with("return")
    })?;
    found(at, "")
}

/// An interrupt that is caught and neither set again nor passed on, in a loop that goes on.
pub(super) fn interrupt_lost(place: &Place<'_, '_>) -> Option<Found> {
    const WAITS: [&str; 8] =
        ["sleep(", "join(", "wait(", "await(", "take(", "put(", "poll(", "acquire("];
    let (scan, i) = (place.scan, place.line);
    let body = scan.body(i);
    let lines: Vec<&str> =
        body.clone().map(|j| scan.code(j)).filter(|l| !l.trim().is_empty()).collect();
    let handled = lines.iter().any(|l| {
        ["interrupt", "throw", "return", "break", "exit", "stop", "Thread", ".add("]
            .iter()
            .any(|w| l.contains(w))
    });
    let commented = scan.commented(i..body.end);
    let tried = tried_braces(scan, i);
    let waits = tried.clone().any(|j| WAITS.iter().any(|w| scan.code(j).contains(w)));
    let meant = scan.code(i).contains("ignore") || scan.code(i).contains("expected");
    let handled = handled || meant || !(waits || tried.is_empty());
    if handled || commented || place.group(2).contains('}') { None } else { found(i, "") }
}

/// A `.catch` that drops what it gets, but not of what may fail: putting away, going to a page, playing.
pub(super) fn rejection_dropped(place: &Place<'_, '_>) -> Option<Found> {
    const MAY_FAIL: [&str; 10] = [
        "router",
        "navigat",
        "play(",
        "preload",
        "prefetch",
        "release",
        "abort",
        "ping",
        "keepalive",
        "heartbeat",
    ];
    let (scan, i) = (place.scan, place.line);
    let near = format!("{}{}", scan.code(i.saturating_sub(1)), scan.code(i)).to_lowercase();
    let may = MAY_FAIL.iter().chain(CLEANUP).any(|w| near.contains(w));
    if may || scan.commented(i.saturating_sub(2)..i + 1) { None } else { found(i, "") }
}

/// A handler whose only statement prints the trace.
pub(super) fn printed_only(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let before = scan.before(i)?;
    let alone = scan.code(before).contains("catch")
        && scan.code(before).trim_end().ends_with('{')
        && scan.next(i).is_some_and(|n| scan.code(n).trim_start().starts_with('}'));
    let commented = scan.commented(before..i + 2);
    if alone && !commented && !is_cleanup(scan, tried_braces(scan, before)) {
        found(i, "")
    } else {
        None
    }
}

/// Parts of the names of calls that look something up.
const LOOKUPS: [&str; 9] =
    ["Get", "Find", "Lookup", "LookPath", ".Info(", "Stat(", "Parse", "Exists", "Abs("];

/// The head of the innermost function without a name around a line, within the function that begins at `first`.
fn literal_around(scan: &Scan<'_>, i: usize, first: usize) -> Option<usize> {
    let mut least = scan.indent(i);
    for j in (first + 1..i).rev().filter(|j| scan.has_code(*j)) {
        if scan.indent(j) < least {
            least = scan.indent(j);
            if scan.code(j).contains("func(") {
                return Some(j);
            }
        }
    }
    None
}

/// `return nil` right inside of `if err != nil`, in a function that returns an error.
pub(super) fn returns_nil_go(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let next = scan.next(i)?;
    let code = scan.code(next).trim();
    let f = scan.function(i)?;
    let head = scan.code(literal_around(scan, i, f.first).unwrap_or(f.first));
    let returns =
        head.rsplit(')').nth(1).is_some_and(|r| r.contains("error")) || head.contains(") error {");
    let nil = !has_word(code, "err")
        && (code == "return nil" || (code.starts_with("return ") && code.ends_with(", nil")));
    // Where something is looked for, an error mostly says that it is not there.
    let before = scan.before(i).map_or("", |b| scan.code(b));
    let looks = LOOKUPS.iter().any(|w| before.contains(w));
    let closes = scan.next(next).is_some_and(|n| scan.code(n).trim() == "}");
    if returns && nil && closes && !looks && !scan.commented(i.saturating_sub(1)..next + 1) {
        found(next, code.trim_start_matches("return "))
    } else {
        None
    }
}
