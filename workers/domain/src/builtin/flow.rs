//! What is never reached, never waited for, or defined twice.

use super::catalogue::{Found, Place, found};
use super::scan::{MOST_BLOCK, Scan, family, has_word};
use std::collections::{HashMap, HashSet};

/// A statement right behind one that leaves the block.
pub(super) fn unreachable(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let code = scan.code(i).trim();
    let count = |open, close| code.matches(open).count() == code.matches(close).count();
    if !count('(', ')') || !count('[', ']') || !count('{', '}') || !scan.begins_statement(i) {
        return None;
    }
    let next = scan.next(i)?;
    // Elsewhere `raise` is the name of a function.
    let raises = word_of(code) == "raise" && !scan.is(family::PYTHON);
    if scan.indent(next) != scan.indent(i) || next > i + 12 || raises {
        return None;
    }
    let then = scan.code(next).trim();
    let word = word_of(then);
    if scan.is(family::PYTHON) {
        let raw = scan.raw(i);
        let open = ["\"\"\"", "'''"].iter().any(|q| raw.matches(q).count() % 2 == 1);
        let goes_on = open
            || matches!(then, "pass" | "...")
            || code.ends_with(['\\', ','])
            || then.starts_with([')', ']', '}', '.'])
            || matches!(
                word,
                "else"
                    | "elif"
                    | "except"
                    | "finally"
                    | "case"
                    | "yield"
                    | "and"
                    | "or"
                    | "def"
                    | "class"
            );
        return if goes_on || then.contains("yield") { None } else { found(next, word_of(code)) };
    }
    let ends = code.ends_with(';')
        || (scan.is(family::GO) && !code.ends_with(['+', ',', '.', '|', '&', '=']));
    let label = then
        .split_once(':')
        .is_some_and(|(l, _)| !l.is_empty() && l.chars().all(crate::text::is_ident));
    let goes_on = !ends
        || scan.lines[i].raw.matches('`').count() % 2 == 1
        || then.starts_with(['}', ')', ']', '.', '?', ':', '#', '{', '+', '&', '|', '"', '<', '@'])
        || matches!(
            word,
            "case"
                | "default"
                | "else"
                | "function"
                | "async"
                | "class"
                | "break"
                | "catch"
                | "finally"
                | "public"
                | "private"
                | "protected"
                | "while"
        )
        || label;
    // The one statement of an `if` without braces.
    let before = scan.before(i).map_or("", |b| scan.code(b).trim());
    let braceless = before.ends_with([')', ','])
        || before.ends_with("else")
        || before.ends_with("&&")
        || before.ends_with("||")
        || before.ends_with("do");
    // A macro, which may be nothing at all, or a label.
    let by_macro = word.len() > 1
        && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    let leftover = then == code || by_macro;
    let directive = (i..=next).any(|j| scan.code(j).trim_start().starts_with('#'))
        || scan.before(i).is_some_and(|b| scan.code(b).trim_start().starts_with('#'));
    let goto =
        before.ends_with(':') && !before.starts_with("case") && !before.starts_with("default");
    if goes_on || leftover || braceless || directive || goto {
        None
    } else {
        found(next, word_of(code))
    }
}

fn word_of(code: &str) -> &str {
    code.split(|c: char| !crate::text::is_ident(c)).next().unwrap_or_default()
}

/// Calls of the file's own asynchronous functions whose result nobody takes.
pub(super) fn unawaited(scan: &Scan<'_>) -> Vec<Found> {
    let python = scan.is(family::PYTHON);
    let (mut waits, mut plain): (HashMap<&str, bool>, HashSet<&str>) =
        (HashMap::new(), HashSet::new());
    for (i, line) in scan.lines.iter().enumerate() {
        let code = line.code.trim();
        // What a decorator makes of it may be a task that runs by itself.
        if scan.before(i).is_some_and(|b| scan.code(b).trim_start().starts_with('@')) {
            continue;
        }
        let code = code.strip_prefix("export ").unwrap_or(code);
        let code = code.strip_prefix("static ").unwrap_or(code);
        let name = |rest: &'_ str| rest.find('(').map(|end| rest[..end].trim().len());
        if let Some(rest) = code.strip_prefix("async ") {
            let function =
                rest.trim_start().strip_prefix(if python { "def " } else { "function " });
            let rest = function.unwrap_or(if python { "" } else { rest }).trim_start();
            if let Some(len) = name(rest) {
                waits.insert(&rest[..len], function.is_some());
            }
        } else if let Some(rest) =
            code.strip_prefix("def ").or_else(|| code.strip_prefix("function "))
        {
            if let Some(len) = name(rest) {
                plain.insert(&rest[..len]);
            }
        } else if !python
            && code.ends_with('{')
            && let Some(len) = name(code)
        {
            plain.insert(&code[..len]);
        }
    }
    if waits.is_empty() {
        return Vec::new();
    }
    let mut out = Vec::new();
    for i in 0..scan.lines.len() {
        let code = scan.code(i).trim();
        let own = code.strip_prefix("self.").or_else(|| code.strip_prefix("this."));
        let Some(open) = code.find('(') else { continue };
        let called = own.unwrap_or(code);
        let Some(name) = called.find('(').map(|end| &called[..end]) else { continue };
        let known = waits.get(name).is_some_and(|_| !plain.contains(name));
        if !known || scan.lines[i].test || !scan.begins_statement(i) {
            continue;
        }
        if !python && !in_async(scan, i) {
            continue;
        }
        // A method is called through its object, a function is not.
        if own.is_none() && !python && waits.get(name) == Some(&false) {
            continue;
        }
        let Some(end) = super::scan::closing(code, open) else { continue };
        let rest = code[end + 1..].trim().trim_end_matches(';');
        let goes_on = scan.next(i).is_some_and(|n| scan.code(n).trim_start().starts_with('.'));
        // Without braces: a value that is handed on.
        let arrow = scan.before(i).is_some_and(|b| scan.code(b).trim_end().ends_with("=>"));
        if !python && !is_missed(scan, i, name) {
            continue;
        }
        if rest.is_empty() && !goes_on && !arrow && !let_go(scan, i) {
            out.extend(found(i, name));
        }
    }
    out
}

/// Whether somebody misses the result of a call: a `try` around it is to see its errors, or the function goes on and
/// waits for something else, in an order that matters. And there is something to wait for.
fn is_missed(scan: &Scan<'_>, i: usize, name: &str) -> bool {
    let is_async =
        |f: &&super::functions::Function| f.name == name && has_word(scan.code(f.first), "async");
    let waits = scan.functions.iter().filter(is_async).any(|f| {
        (f.first + 1..f.last.min(f.first + MOST_BLOCK))
            .any(|j| has_word(scan.code(j), "await") && !in_try(scan, j, f.first, true))
    });
    let first = scan.function(i).map_or(0, |f| f.first);
    let later = || {
        let own = scan.indent(i);
        (i + 1..scan.lines.len().min(i + MOST_BLOCK))
            .filter(|j| scan.has_code(*j))
            .take_while(move |j| scan.indent(*j) >= own)
            .filter(move |j| scan.indent(*j) == own)
    };
    let goes_on = || {
        later().any(|j| {
            let code = scan.code(j).trim();
            let value = code.split_once("= ").map_or(code, |(_, v)| v);
            value.starts_with("await ") || code.starts_with("return await ")
        })
    };
    waits && (in_try(scan, i, first, false) || goes_on())
}

/// Whether a `try` of the function that begins at `first` holds a line; one whose handler passes errors on does not
/// count where they are to end there.
fn in_try(scan: &Scan<'_>, i: usize, first: usize, for_good: bool) -> bool {
    (first..i).rev().take(MOST_BLOCK).any(|j| {
        let body = scan.body(j);
        scan.indent(j) < scan.indent(i)
            && scan.code(j).trim_start().starts_with("try")
            && body.contains(&i)
            && !(for_good && scan.body(body.end).any(|k| has_word(scan.code(k), "throw")))
    })
}

/// `forEach` over a function that waits, where somebody goes on as if all were done.
pub(super) fn foreach_async(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let body = scan.body(i);
    let waits = scan.code(i)[place.end()..].contains("await")
        || body.clone().any(|j| has_word(scan.code(j), "await"));
    let goes_on = || {
        scan.next(body.end).is_some_and(|n| {
            scan.indent(n) == scan.indent(i) && !scan.code(n).trim_start().starts_with('}')
        })
    };
    let said = scan.commented(i.saturating_sub(1)..i + 1);
    if waits && !said && (in_async(scan, i) || goes_on()) { found(i, place.group(1)) } else { None }
}

/// Whether a comment says that nobody is to wait.
fn let_go(scan: &Scan<'_>, i: usize) -> bool {
    const SAID: [&str; 5] = ["background", "fire and forget", "fire-and-forget", "await", "wait"];
    (i.saturating_sub(2)..=i).filter_map(|j| scan.lines.get(j)).any(|l| {
        let comment = l.comment.to_lowercase();
        SAID.iter().any(|w| comment.contains(w))
    })
}

/// Whether a line's innermost function could wait. A handler that can't has let it go on purpose.
fn in_async(scan: &Scan<'_>, i: usize) -> bool {
    let mut least = scan.indent(i);
    for j in (i.saturating_sub(MOST_BLOCK)..i).rev() {
        if !scan.has_code(j) || scan.indent(j) >= least {
            continue;
        }
        least = scan.indent(j);
        let code = scan.code(j);
        let head = code.contains("=>")
            || has_word(code, "function")
            || scan.functions.iter().any(|f| f.first == j);
        if head {
            return has_word(code, "async");
        }
    }
    false
}

/// A function that a later one of the same name and place replaces before anybody could call it.
pub(super) fn defined_twice(scan: &Scan<'_>) -> Vec<Found> {
    let mut out = Vec::new();
    // The header of the block that a definition stands in, and its name.
    let mut known: HashMap<(usize, &str), (usize, usize)> = HashMap::new();
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut functions = scan.functions.iter().peekable();
    for i in 0..scan.lines.len() {
        if !scan.has_code(i) {
            continue;
        }
        let indent = scan.indent(i);
        while open.last().is_some_and(|(at, _)| *at >= indent) {
            open.pop();
        }
        let parent = open.last().map_or(usize::MAX, |(_, line)| *line);
        open.push((indent, i));
        while functions.next_if(|f| f.first < i).is_some() {}
        let Some(f) = functions.next_if(|f| f.first == i) else { continue };
        let decorated = scan.before(i).is_some_and(|b| {
            scan.indent(b) == indent && scan.code(b).trim_start().starts_with('@')
        }) || scan.before(i).is_some_and(|b| scan.code(b).trim() == ")");
        let earlier = known.insert((parent, f.name.as_str()), (i, f.last));
        if decorated || f.name == "_" {
            known.remove(&(parent, f.name.as_str()));
            continue;
        }
        let Some((first, last)) = earlier else { continue };
        let most = i.min(last + MOST_BLOCK);
        let used = (last + 1..most).any(|j| has_word(scan.code(j), &f.name));
        if !used && most == i {
            out.extend(found(first, &f.name));
        }
    }
    out
}

/// A list that its own loop takes from or adds to.
pub(super) fn changed_in_loop(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let name = place.group(2);
    // Python 2 makes a list of keys first.
    let view = [".keys()", ".items()", ".values()"].iter().any(|v| place.group(0).contains(v));
    let old =
        ["xrange(", "iteritems(", "urllib2", "unicode(", "basestring", "import Queue", "raw_input"];
    if view && old.iter().any(|w| scan.source.contains(w)) {
        return None;
    }
    // Other objects than dictionaries give their keys as a list of its own.
    let made = ["{", "dict(", "defaultdict(", "OrderedDict(", "Counter("]
        .map(|value| format!("{name} = {value}"));
    let dict = scan.scope(i).any(|j| made.iter().any(|m| scan.code(j).contains(m)));
    for j in scan.body(i) {
        let code = scan.code(j).trim();
        let Some(at) = super::scan::word_at(code, name) else { continue };
        let rest = &code[at + name.len()..];
        let member = code[..at].ends_with('.');
        let changes = [".remove(", ".pop(", ".insert(", ".discard(", ".add("]
            .iter()
            .any(|m| rest.starts_with(m))
            || (code[..at].ends_with("del ")
                && rest.starts_with('[')
                && !rest.trim_end_matches(']').contains("]["));
        let keys = view || code[..at].ends_with("del ");
        if !changes || member || (keys && !dict) {
            continue;
        }
        // Right after it the loop ends.
        let after = std::iter::successors(scan.next(j), |n| scan.next(*n)).take(4);
        let leaves = after.take_while(|n| scan.indent(*n) > scan.indent(i)).any(|n| {
            scan.indent(n) <= scan.indent(j)
                && ["break", "return", "raise"]
                    .iter()
                    .any(|w| scan.code(n).trim_start().starts_with(w))
        });
        let index = rest.starts_with(".pop(") && place.group(0).contains("enumerate");
        return if leaves || index { None } else { found(j, name) };
    }
    None
}

/// `range(len(x))` and friends aside: an `if` or a `for` whose body is a lone semicolon.
pub(super) fn empty_statement(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let next = scan.next(i)?;
    let block = scan.code(next).trim().starts_with('{') || scan.indent(next) > scan.indent(i);
    if block { found(i, place.group(1)) } else { None }
}

/// A call that blocks the thread inside of an asynchronous function.
pub(super) fn blocks_async(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let f = scan.function(i)?;
    let head = scan.code(f.first);
    let waits = has_word(head, "async");
    // A closure or a thread of its own in between.
    let apart = (f.first..i).rev().take(12).any(|j| {
        ["spawn_blocking", "thread::spawn", "block_in_place", "lambda", "move ||"]
            .iter()
            .any(|w| scan.code(j).contains(w))
    });
    if waits && !apart { found(i, place.group(1)) } else { None }
}
