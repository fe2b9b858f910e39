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

/// Whether a body only puts things away: each of its lines is of [`CLEANUP`].
fn is_cleanup(scan: &Scan<'_>, body: Range<usize>) -> bool {
    let mut lines = body.filter(|i| scan.has_code(*i)).map(|i| scan.code(i).to_lowercase());
    lines.all(|l| CLEANUP.iter().any(|w| l.contains(w)))
}

/// Whether nobody is meant to hear of an error here: in a function that asks whether something is there or works, in
/// one that puts things away or writes a log, and in what runs seldom and under the eyes of its author.
fn is_quiet(scan: &Scan<'_>, i: usize, block: &Range<usize>) -> bool {
    const ASKS: [&str; 20] = [
        "is", "has", "have", "had", "we", "can", "could", "should", "check", "probe", "detect",
        "support", "supports", "test", "try", "exists", "valid", "validate", "guess", "maybe",
    ];
    const ENDS: [&str; 21] = [
        "close",
        "closed",
        "closing",
        "stop",
        "shutdown",
        "cleanup",
        "clean",
        "dispose",
        "destroy",
        "del",
        "exit",
        "teardown",
        "finalize",
        "disconnect",
        "disconnected",
        "unload",
        "cancel",
        "kill",
        "log",
        "logger",
        "debug",
    ];
    const ASIDE: [&str; 4] = ["migration", "debug", "configure", "fixtures"];
    let words = scan.function(i).map(|f| words_of(&f.name)).unwrap_or_default();
    let named = words.first().is_some_and(|w| ASKS.contains(&w.as_str()))
        || words.iter().any(|w| ENDS.contains(&w.as_str()));
    // Yes or no is the answer.
    let answers = block.clone().chain(scan.body(i)).any(|j| {
        let code = scan.code(j).trim().trim_end_matches(';').to_lowercase();
        matches!(code.as_str(), "return true" | "return false" | "return 1" | "return 0")
    });
    let path = scan.path.to_lowercase();
    named || answers || ASIDE.iter().any(|w| path.contains(w))
}

/// Whether a comment on one of the lines says what is to happen where something fails.
fn speaks_of_failure(scan: &Scan<'_>, mut lines: Range<usize>) -> bool {
    const WORDS: [&str; 12] = [
        "error",
        "fail",
        "ignor",
        "exception",
        "catch",
        "optional",
        "best",
        "may ",
        "might",
        "not ",
        "n't",
        "just in",
    ];
    lines.any(|j| {
        let comment = scan.lines.get(j).map(|l| l.comment.to_lowercase()).unwrap_or_default();
        WORDS.iter().any(|w| comment.contains(w))
    })
}

/// The words of a name in either manner, in small letters.
fn words_of(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut last = '_';
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && !last.is_uppercase()) || words.is_empty() {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c != '_') {
            word.extend(c.to_lowercase());
        }
        last = c;
    }
    words.retain(|w| !w.is_empty());
    words
}

/// Whether one of the lines gives work away that is lost where it fails: it saves, sends or removes something.
fn works(scan: &Scan<'_>, block: &Range<usize>) -> bool {
    const WORKS: [&str; 20] = [
        "save", "write", "insert", "update", "upsert", "send", "sendall", "sendto", "post", "put",
        "commit", "publish", "upload", "persist", "store", "exec", "execute", "dump", "remove",
        "delete",
    ];
    // What a browser may not have, and what goes into a log.
    const ASIDE: [&str; 7] =
        ["storage", "notification", "navigator.", "window.", "document.", "log", "console"];
    block.clone().any(|j| {
        let code = scan.code(j);
        let lower = code.to_lowercase();
        !ASIDE.iter().any(|w| lower.contains(w))
            && code.match_indices('(').any(|(at, _)| {
                let name = code[..at].rsplit(|c: char| !crate::text::is_ident(c)).next();
                let words = words_of(name.unwrap_or_default());
                words.first().is_some_and(|w| WORKS.contains(&w.as_str()))
            })
    })
}

/// Errors of every kind, by their types.
const BROAD: [&str; 6] =
    ["exception", "throwable", "error", "ioexception", "sqlexception", "runtimeexception"];

/// An empty `catch` around work that is lost.
pub(super) fn swallowed_braces(place: &Place<'_, '_>) -> Option<Found> {
    // What answers the failure right behind the handler.
    const ANSWERED: [&str; 6] = ["return ", "callback", "reject(", "throw", "fail", "error"];
    let (scan, i) = (place.scan, place.line);
    let name = place.group(1).to_lowercase();
    if ["ignore", "expected", "unused", "interrupted", "_)"].iter().any(|w| name.contains(w)) {
        return None;
    }
    // Who names one narrow error has thought of it.
    let typed = scan.is(family::BRACES & !family::SCRIPT) && !name.is_empty();
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    if typed && !name.contains("...") && !words.any(|w| BROAD.contains(&w)) {
        return None;
    }
    let after = place.group(2).trim();
    let body = scan.body(i);
    let empty = after == "}"
        || after.starts_with("} ")
        || (after.is_empty()
            && !body.clone().any(|j| scan.has_code(j))
            && scan.code(body.end).trim_start().starts_with('}'));
    let mut block = tried_braces(scan, i);
    if block.end == i && scan.code(i).contains("try") {
        block = i..i + 1;
    }
    let commented = scan.commented(i.saturating_sub(1)..body.end.max(i + 1) + 1)
        || speaks_of_failure(scan, block.start.saturating_sub(3)..block.start);
    let last = if after.starts_with('}') { i } else { body.end };
    let answered = scan
        .next(last)
        .is_some_and(|n| ANSWERED.iter().any(|w| scan.code(n).trim_start().starts_with(w)));
    let told = !empty || commented || answered || is_quiet(scan, i, &block);
    if told || !works(scan, &block) || is_cleanup(scan, block) { None } else { found(i, "") }
}

fn tried_braces(scan: &Scan<'_>, i: usize) -> Range<usize> {
    let from = i.saturating_sub(60);
    (from..=i).rev().find(|j| has_word(scan.code(*j), "try")).map_or(i..i, |s| s + 1..i)
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
        && !named.contains("CancelledError")
        && !named.contains("Timeout");
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
