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

/// `except Exception: pass` and the like around work that is lost, and an `except:` that shows nobody what went wrong
/// with a file or a request.
pub(super) fn swallowed_python(place: &Place<'_, '_>) -> Option<Found> {
    const READS: [&str; 6] = ["open(", "load(", "loads(", "requests.", "urlopen(", "recv("];
    let (scan, i) = (place.scan, place.line);
    let what = place.group(1).trim();
    let after = place.group(2).trim();
    let body = scan.body(i);
    let mut lines: Vec<&str> =
        body.clone().map(|j| scan.code(j).trim()).filter(|l| !l.is_empty()).collect();
    if !after.is_empty() {
        lines = vec![after];
    }
    let tries = tried(scan, i);
    let code = || tries.clone().map(|j| scan.code(j).trim()).filter(|c| !c.is_empty());
    let imports = code().next().is_some_and(|c| c.starts_with("import ") || c.starts_with("from "));
    let explained = scan.commented(i.saturating_sub(1)..body.end)
        || speaks_of_failure(scan, tries.start.saturating_sub(3)..tries.start);
    let aside = imports || explained || is_cleanup(scan, tries.clone());
    if lines.is_empty() || aside || is_quiet(scan, i, &tries) {
        return None;
    }
    let all = |words: &[&str]| lines.iter().all(|l| words.contains(l));
    let answers = code().any(|c| c.starts_with("return ") || c == "break");
    let bare = what.is_empty();
    let reads = code().any(|c| READS.iter().any(|w| c.contains(w)));
    let hides = if all(&["pass", "...", "continue", "return", "return None"]) {
        // Several statements, of which one does something, or an item of a list that is left out without a word.
        let many = code().count() > 2 && code().any(|c| c.ends_with(')') && !c.contains('='));
        !answers && (works(scan, &tries) || (bare && (many || reads || all(&["continue"]))))
    } else {
        let told: String = body.clone().filter_map(|j| scan.lines.get(j)).map(|l| l.raw).collect();
        let told = format!("{told}{after}").to_lowercase();
        // An answer with words in it tells the caller.
        let says = lines.iter().any(|l| l.starts_with("return ") && l.contains([',', '"', '\'']));
        bare && reads && !says && !SHOWS.iter().any(|w| told.contains(w))
    };
    if hides { found(i, if bare { "except:" } else { what }) } else { None }
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
        || (after.is_empty() && !body.clone().any(|j| scan.has_code(j)) && body.end > i + 1)
        || (after.is_empty() && scan.code(i + 1).trim_start().starts_with('}'));
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
    let plain = !["if ", "for ", "var ", "return "].iter().any(|w| code.starts_with(w));
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

/// What answers an interrupt.
#[rustfmt::skip]
const HANDLES: [&str; 10] =
    ["interrupt", "throw", "return", "break", "exit", "stop", "Thread", ".add(", "= true", "= false"];

/// An interrupt that is caught and neither set again nor passed on, in a loop that goes on.
pub(super) fn interrupt_lost(place: &Place<'_, '_>) -> Option<Found> {
    const WAITS: [&str; 8] =
        ["sleep(", "join(", "wait(", "await(", "take(", "put(", "poll(", "acquire("];
    let (scan, i) = (place.scan, place.line);
    let body = scan.body(i);
    let lines: Vec<&str> =
        body.clone().map(|j| scan.code(j)).filter(|l| !l.trim().is_empty()).collect();
    let handled = lines.iter().any(|l| HANDLES.iter().any(|w| l.contains(w)));
    let commented = scan.commented(i..body.end);
    let tried = tried_braces(scan, i);
    let waits = tried.clone().any(|j| WAITS.iter().any(|w| scan.code(j).contains(w)));
    let words = ["ignore", "expected", "Exception _"];
    // Whoever interrupts the task wants it to end, which it does.
    let task = last_of(scan, i);
    let thread = scan.function(i).is_some_and(|f| f.name == "run")
        && scan.lines.iter().any(|l| l.code.contains("extends ") && l.code.contains("Thread {"));
    let meant = words.iter().any(|w| scan.code(i).contains(w))
        || ["->", " run()", " call()"].iter().any(|w| task.contains(w))
        || thread;
    let handled = handled || meant || !(waits || tried.is_empty());
    if handled || commented || place.group(2).contains('}') { None } else { found(i, "") }
}

/// The head of the function whose last statement the handler at `i` ends; nothing where more comes, or a loop goes on.
fn last_of<'s>(scan: &'s Scan<'_>, i: usize) -> &'s str {
    let mut at = i;
    loop {
        let own = scan.indent(at);
        let end = scan.lines.len().min(at + super::scan::MOST_BLOCK);
        let mut behind =
            (at + 1..end).filter(|j| scan.has_code(*j)).take_while(|j| scan.indent(*j) >= own);
        if behind.any(|j| scan.indent(j) == own && !scan.code(j).trim_start().starts_with('}')) {
            return "";
        }
        let mut around = (0..at).rev().take(super::scan::MOST_BLOCK);
        let head = around.find(|j| scan.has_code(*j) && scan.indent(*j) < own);
        let Some(head) = head else { return "" };
        let code = scan.code(head);
        if has_word(code, "while") || has_word(code, "for") {
            return "";
        }
        if code.contains("->") || scan.functions.iter().any(|f| f.first == head) {
            return code;
        }
        at = head;
    }
}

/// Whether nobody waits for an answer here: at a program's start, and where a window is drawn or set up.
fn is_shown(scan: &Scan<'_>, i: usize) -> bool {
    const DRAWS: [&str; 6] = ["paint", "mouse", "popup", "tooltip", "theme", "laf"];
    let path = scan.path.to_lowercase();
    let name = scan.function(i).map(|f| f.name.to_lowercase()).unwrap_or_default();
    let window = ["/ui/", "/gui/"].iter().any(|w| path.contains(w));
    let sets = tried_braces(scan, i).any(|j| {
        let code = scan.code(j);
        ["LookAndFeel", "UIManager", "invokeAndWait", "Popup", "opup."]
            .iter()
            .any(|w| code.contains(w))
    });
    let ends = window && has_word(last_of(scan, i), "void");
    name == "main"
        || path.contains("test")
        || sets
        || ends
        || DRAWS.iter().any(|w| name.contains(w))
}

/// A handler whose only statement prints the trace.
pub(super) fn printed_only(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let before = scan.before(i)?;
    let alone = scan.code(before).contains("catch")
        && scan.code(before).trim_end().ends_with('{')
        && scan.next(i).is_some_and(|n| scan.code(n).trim_start().starts_with('}'));
    let commented = scan.commented(before..i + 2);
    let aside = is_shown(scan, before) || is_cleanup(scan, tried_braces(scan, before));
    if alone && !commented && !aside { found(i, "") } else { None }
}

/// Parts of the names of calls that look something up.
const LOOKUPS: [&str; 10] =
    ["Get", "Find", "Lookup", "LookPath", ".Info(", "Stat(", "Parse", "Exists", "Abs(", "Cookie"];

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
    const ASKS: [&str; 8] = ["is", "has", "can", "exists", "lookup", "find", "maybe", "try"];
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
    let near = |word: &str| (i.saturating_sub(3)..i).any(|j| scan.code(j).contains(word));
    let looks = LOOKUPS.iter().any(|w| scan.before(i).is_some_and(|b| scan.code(b).contains(w)))
        || near("errors.Is(")
        || speaks_of_failure(scan, i.saturating_sub(9)..i)
        || words_of(&f.name).first().is_some_and(|w| ASKS.contains(&w.as_str()))
        || f.name.contains("Lookup");
    let closes = scan.next(next).is_some_and(|n| scan.code(n).trim() == "}");
    if returns && nil && closes && !looks && !scan.commented(i.saturating_sub(4)..next + 1) {
        found(next, code.trim_start_matches("return "))
    } else {
        None
    }
}
