//! What is left out: waiting, checks, locks, returns.

use super::tokens::Kind;
use super::{At, Category, Mutation};
use crate::builtin::scan::family;
use crate::text::is_ident;

/// Words that leave a block.
const EXITS: [&str; 7] = ["return", "throw", "raise", "break", "continue", "goto", "bail"];
/// Lines of a block that loses its lock at most.
const MOST_LOCKED: usize = 12;

pub(super) fn all(at: &At<'_, '_>, out: &mut Vec<Mutation>) {
    out.extend(waiting(at));
    out.extend(check(at));
    out.extend(lock(at));
    out.extend(returned(at));
}

/// Nobody waits.
fn waiting(at: &At<'_, '_>) -> Option<Mutation> {
    let cat = Category::DroppedAwait;
    let text = at.code.trim();
    if at.is(family::PYTHON | family::SCRIPT) {
        let n = at.tokens.iter().position(|t| t.is("await"))?;
        let next = at.tokens.get(n + 1)?;
        // `for await` and `async with` are no calls.
        return (n == 0 || !at.tokens[n - 1].is("for"))
            .then(|| at.put(cat, at.tokens[n].start, next.start, ""));
    }
    let waits: &[&str] = if at.is(family::RUST) {
        // A `?` behind it would not compile then.
        let whole = text.ends_with(".await;") && !text.contains('=');
        if whole && at.scan.begins_statement(at.i) && text.starts_with(is_ident) {
            let start = at.code.find(".await")?;
            return Some(at.put(cat, start, start + ".await".len(), ""));
        }
        &[".join().unwrap();", ".wait();", ".join();"]
    } else if at.is(family::GO) {
        &[".Wait()"]
    } else if at.is(family::JAVA) {
        &[".join();", ".await();", ".get();", ".acquire();"]
    } else {
        if ["pthread_join", "thrd_join", "waitpid", "wait", "fsync"]
            .iter()
            .any(|name| calls(text, name))
        {
            return gone(at, cat, at.i);
        }
        &[".join();", ".wait();", ".get();"]
    };
    let is_statement =
        !text.contains('=') && text.starts_with(is_ident) && !text.starts_with("return");
    if is_statement && waits.iter().any(|end| text.ends_with(end)) {
        gone(at, cat, at.i)
    } else {
        None
    }
}

/// Whether a statement is a call of that name.
fn calls(text: &str, name: &str) -> bool {
    text.strip_prefix(name).is_some_and(|rest| rest.starts_with('(') && rest.ends_with(';'))
}

/// A branch that only leaves is gone, or an error is thrown away.
fn check(at: &At<'_, '_>) -> Option<Mutation> {
    let cat = Category::DroppedCheck;
    let text = at.code.trim();
    if at.is(family::RUST)
        && text.ends_with(")?;")
        && text.starts_with(is_ident)
        && !text.contains('=')
        && !at.begins(&["return", "if", "match"])
        && at.scan.begins_statement(at.i)
    {
        let start = at.scan.indent(at.i);
        let end = at.code.rfind('?')?;
        let now = format!("{}let _ = {};", &at.raw[..start], &at.raw[start..end]);
        return Some(at.lines(cat, at.i, vec![now]));
    }
    if !text.starts_with("if ") && !text.starts_with("if(") {
        return None;
    }
    let last = guard_end(at)?;
    if at.is(family::GO) && !go_reads_on(at, last) {
        return None;
    }
    gone(at, cat, last)
}

/// The last line of a branch that does nothing but leave, and has no other branch.
fn guard_end(at: &At<'_, '_>) -> Option<usize> {
    let scan = at.scan;
    let code = |i: usize| scan.code(i).trim();
    let leaves = |text: &str| {
        let word = text.trim_start().split(|c: char| !is_ident(c)).next().unwrap_or_default();
        EXITS.contains(&word)
    };
    let text = at.code.trim();
    if at.is(family::PYTHON) {
        let body = scan.body(at.i);
        let mut lines = body.clone().filter(|i| scan.has_code(*i));
        let only = lines.next().filter(|i| leaves(code(*i)))?;
        let closed = lines.next().is_none() && text.ends_with(':');
        let next = scan.next(body.end.checked_sub(1)?);
        let other = next.is_some_and(|i| ["else", "elif"].iter().any(|w| code(i).starts_with(w)));
        // A block must not be left empty.
        let alone = scan.before(at.i).is_none_or(|i| scan.indent(i) < scan.indent(at.i))
            && next.is_none_or(|i| scan.indent(i) < scan.indent(at.i));
        return (closed && !other && !alone).then_some(only);
    }
    if let Some(inner) =
        text.strip_suffix('}').and_then(|t| t.split_once('{')).map(|(_, inner)| inner)
    {
        let single = inner.matches(';').count() <= 1 && leaves(inner) && !inner.contains('{');
        return single.then_some(at.i);
    }
    if text.ends_with('{') {
        let end = scan.blocks.last_closes(at.i)?;
        let mut lines = (at.i + 1..end).filter(|i| scan.has_code(*i));
        let only = lines.next().filter(|i| leaves(code(*i)))?;
        let closed = code(only).ends_with([';', '}', ')'])
            || at.is(family::GO | family::RUST | family::SCRIPT);
        return (lines.next().is_none() && closed && code(end) == "}").then_some(end);
    }
    // `if (c) return x;`, as C, Java and JavaScript have it.
    let open = at.code.find('(').filter(|_| !at.is(family::RUST | family::GO))?;
    let close = crate::builtin::scan::closing(at.code, open)?;
    let rest = at.code[close + 1..].trim();
    let next = scan.next(at.i).is_some_and(|i| code(i).starts_with("else"));
    (leaves(rest) && rest.ends_with(';') && !next).then_some(at.i)
}

/// Whether the variable of a condition of Go is read behind it: one that is not does not compile.
fn go_reads_on(at: &At<'_, '_>, last: usize) -> bool {
    let names = at.tokens.iter().skip(1).filter(|t| t.kind == Kind::Word);
    let name = names.map(|t| t.text).find(|name| !["nil", "len", "true", "false"].contains(name));
    let Some(name) = name else { return false };
    let before =
        (at.function.0..at.i).filter(|i| crate::builtin::scan::has_word(at.scan.code(*i), name));
    let behind = (last + 1..=at.function.1).filter(|i| {
        let code = at.scan.code(*i);
        let stores = code.trim_start().starts_with(name) && code.contains('=');
        crate::builtin::scan::has_word(code, name) && !stores && !code.contains(":=")
    });
    behind.count() > 0 || (name != "err" && before.count() > 1)
}

/// A lock is not taken.
fn lock(at: &At<'_, '_>) -> Option<Mutation> {
    let cat = Category::DroppedLock;
    let text = at.code.trim();
    if at.is(family::RUST) {
        let held = text.starts_with("let _") && text.ends_with(';') && !text.starts_with("let _ =");
        let locks = [".lock()", ".write()", ".read()"].iter().any(|call| text.contains(call));
        return (held && locks).then(|| gone(at, cat, at.i)).flatten();
    }
    if at.is(family::GO) {
        let next = at.scan.next(at.i)?;
        let name = text.strip_suffix(".Lock()").or_else(|| text.strip_suffix(".RLock()"))?;
        let pair = at.scan.code(next).trim().strip_prefix("defer ")?.strip_prefix(name)?;
        return pair.ends_with("Unlock()").then(|| gone(at, cat, next)).flatten();
    }
    if at.is(family::JAVA) {
        let open =
            text.strip_prefix("synchronized").filter(|rest| rest.trim_end().ends_with('{'))?;
        let brace = at.code.rfind('{').filter(|_| open.trim_start().starts_with('('))?;
        return Some(at.put(cat, at.scan.indent(at.i), brace, ""));
    }
    if at.is(family::C | family::CPP) {
        let names = [
            "pthread_mutex_lock",
            "mtx_lock",
            "pthread_rwlock_wrlock",
            "pthread_spin_lock",
            "spin_lock",
        ];
        let guard = ["std::lock_guard", "std::unique_lock", "std::scoped_lock"];
        let held =
            names.iter().any(|name| calls(text, name)) || guard.iter().any(|g| text.starts_with(g));
        return held.then(|| gone(at, cat, at.i)).flatten();
    }
    if at.is(family::SCRIPT) {
        let awaits = text.starts_with("await ") && text.ends_with(';') && !text.contains('=');
        let locks = [".acquire(", ".lock(", "mutex."].iter().any(|call| text.contains(call));
        return (awaits && locks).then(|| gone(at, cat, at.i)).flatten();
    }
    unlocked_block(at)
}

/// The block below `with LOCK:`, one step to the left.
fn unlocked_block(at: &At<'_, '_>) -> Option<Mutation> {
    let text = at.code.trim();
    let name = text
        .strip_prefix("with ")
        .or_else(|| text.strip_prefix("async with "))?
        .strip_suffix(':')?;
    let lower = name.to_ascii_lowercase();
    if name.contains(" as ")
        || !["lock", "mutex", "semaphore"].iter().any(|word| lower.contains(word))
    {
        return None;
    }
    let body = at.scan.body(at.i);
    let first = body.clone().find(|i| at.scan.has_code(*i))?;
    let step = at.scan.indent(first).checked_sub(at.scan.indent(at.i))?;
    if body.is_empty() || body.len() > MOST_LOCKED {
        return None;
    }
    // A line that stands further left is the middle of a text: it has to stay where it is.
    let moved = |i: usize| {
        let raw = at.scan.lines[i].raw;
        if raw.trim().is_empty() {
            return Some(raw.to_owned());
        }
        (at.scan.has_code(i) && at.scan.indent(i) >= step).then(|| raw[step..].to_owned())
    };
    let now: Option<Vec<String>> = body.clone().map(moved).collect();
    Some(at.lines(Category::DroppedLock, body.end - 1, now?))
}

/// A function goes on where it should end, or forgets its result.
fn returned(at: &At<'_, '_>) -> Option<Mutation> {
    let cat = Category::DroppedReturn;
    let (first, second) = (at.tokens.first()?, at.tokens.get(1)?);
    if !first.is("return") {
        return None;
    }
    if at.is(family::PYTHON | family::SCRIPT) {
        let value = second.kind == Kind::Word || second.is("(");
        let constant = ["None", "null", "undefined", "true", "false", "True", "False"];
        return (value && !constant.contains(&second.text))
            .then(|| at.put(cat, first.start, second.start, ""));
    }
    // The last statement of a block that does more, in a function that goes on behind it.
    let before = at.scan.before(at.i)?;
    let opens = at.scan.code(before).trim_end().ends_with(['{', ':', ',', '(']);
    let closes = at.scan.next(at.i)?;
    let nested = at.scan.code(closes).trim() == "}"
        && at.scan.next(closes).is_some_and(|i| i < at.function.1);
    let whole = at.code.trim_end().ends_with(';') || at.is(family::GO);
    (!opens && nested && whole).then(|| gone(at, cat, at.i)).flatten()
}

/// The lines up to `last` are gone.
fn gone(at: &At<'_, '_>, category: Category, last: usize) -> Option<Mutation> {
    (last < at.function.1).then(|| at.lines(category, last, Vec::new()))
}
