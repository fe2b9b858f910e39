//! What is never reached, never waited for, or defined twice.

use super::catalogue::{Found, Place, found};
use super::scan::{MOST_BLOCK, Scan, has_word};
use std::collections::{HashMap, HashSet};

/// Calls of the file's own asynchronous functions whose result nobody takes.
pub(super) fn unawaited(scan: &Scan<'_>) -> Vec<Found> {
    let (mut waits, mut plain): (HashSet<&str>, HashSet<&str>) = (HashSet::new(), HashSet::new());
    for (i, line) in scan.lines.iter().enumerate() {
        let code = line.code.trim();
        // What a decorator makes of it may be a task that runs by itself.
        if scan.before(i).is_some_and(|b| scan.code(b).trim_start().starts_with('@')) {
            continue;
        }
        let name = |rest: &'_ str| rest.find('(').map(|end| rest[..end].trim().len());
        if let Some(rest) = code.strip_prefix("async def ") {
            waits.extend(name(rest).map(|len| &rest[..len]));
        } else if let Some(rest) = code.strip_prefix("def ") {
            plain.extend(name(rest).map(|len| &rest[..len]));
        }
    }
    if waits.is_empty() {
        return Vec::new();
    }
    let mut out = Vec::new();
    for i in 0..scan.lines.len() {
        let code = scan.code(i).trim();
        let own = code.strip_prefix("self.");
        let Some(open) = code.find('(') else { continue };
        let called = own.unwrap_or(code);
        let Some(name) = called.find('(').map(|end| &called[..end]) else { continue };
        let known = waits.contains(name) && !plain.contains(name);
        if !known || scan.lines[i].test || !scan.begins_statement(i) {
            continue;
        }
        let Some(end) = super::scan::closing(code, open) else { continue };
        let goes_on = scan.next(i).is_some_and(|n| scan.code(n).trim_start().starts_with('.'));
        if code[end + 1..].trim().is_empty() && !goes_on && !let_go(scan, i) {
            out.extend(found(i, name));
        }
    }
    out
}

/// Whether a comment says that nobody is to wait.
fn let_go(scan: &Scan<'_>, i: usize) -> bool {
    const SAID: [&str; 5] = ["background", "fire and forget", "fire-and-forget", "await", "wait"];
    (i.saturating_sub(2)..=i).filter_map(|j| scan.lines.get(j)).any(|l| {
        let comment = l.comment.to_lowercase();
        SAID.iter().any(|w| comment.contains(w))
    })
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
    let apart = (f.first..=i).rev().take(12).any(|j| {
        ["spawn_blocking", "thread::spawn", "block_in_place", "lambda", "move ||"]
            .iter()
            .any(|w| scan.code(j).contains(w))
    });
    if waits && !apart { found(i, place.group(1)) } else { None }
}
