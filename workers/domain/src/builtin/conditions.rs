//! Conditions: taken apart at their operators, and what can't be meant in them.

use super::catalogue::{Found, Place, found};
use super::scan::{Scan, family};
use crate::text::is_ident;

/// An operand, as it stands in the file and as code.
#[derive(Clone, Copy)]
struct Part<'a> {
    raw: &'a str,
    code: &'a str,
}

/// Operands joined by one operator; a single one when there is none.
struct Chain<'a> {
    and: bool,
    parts: Vec<Part<'a>>,
}

/// A bracket's inside while it is read.
#[derive(Default)]
struct Level {
    start: usize,
    /// Operands that ended, by their columns, and whether `and` follows.
    done: Vec<(usize, usize, bool)>,
}

const WORDS: [&str; 7] = ["if", "elif", "while", "return", "assert", "else", "case"];

/// The chains of a line. An operand that goes on in the next line is left out.
fn chains<'a>(scan: &'a Scan<'_>, i: usize) -> Vec<Chain<'a>> {
    let (raw, code) = (scan.raw(i), scan.code(i));
    let bytes = code.as_bytes();
    let python = scan.is(family::PYTHON);
    let mut out = Vec::new();
    let mut levels = vec![Level::default()];
    let mut at = 0;
    while at < bytes.len() {
        let two = code.get(at..at + 2).unwrap_or_default();
        let word = if at == 0 || !is_ident(bytes[at - 1] as char) {
            let end = bytes[at..].iter().take_while(|b| is_ident(**b as char)).count();
            code.get(at..at + end).unwrap_or_default()
        } else {
            ""
        };
        let Some(level) = levels.last_mut() else { break };
        let joins = match (word, two) {
            (_, "&&") => Some((true, 2)),
            (_, "||") => Some((false, 2)),
            ("and", _) if python => Some((true, 3)),
            ("or", _) if python => Some((false, 2)),
            _ => None,
        };
        if let Some((and, len)) = joins {
            level.done.push((level.start, at, and));
            at += len;
            level.start = at;
            continue;
        }
        // The body of a lambda begins an expression of its own.
        if two == "=>" || (two == "->" && scan.is(family::JAVA | family::KOTLIN)) {
            finish(&mut out, level, at, raw, code);
            at += two.len();
            level.start = at;
            continue;
        }
        match bytes[at] {
            b'(' | b'[' => levels.push(Level { start: at + 1, ..Level::default() }),
            b')' | b']' => {
                finish(&mut out, level, at, raw, code);
                levels.pop();
                if levels.is_empty() {
                    // What stood before it was another line's.
                    levels.push(Level { start: at + 1, ..Level::default() });
                }
            }
            // Part of `==`, `!=`, `<=`, `>=`.
            b'=' if at > 0 && matches!(bytes[at - 1], b'=' | b'!' | b'<' | b'>') => {}
            b'=' if bytes.get(at + 1) == Some(&b'=') => {}
            b'?' if two == "?." || !code[..at].ends_with([' ', '?']) => {}
            b':' if two == "::" || code[..at].ends_with(':') => {}
            b'{' | b'}' | b';' | b',' | b'?' | b':' | b'=' => {
                finish(&mut out, level, at, raw, code);
                level.start = at + 1;
            }
            _ if WORDS.contains(&word) => {
                finish(&mut out, level, at, raw, code);
                at += word.len();
                level.start = at;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    let goes_on = || {
        let next = scan.next(i).map_or("", |n| scan.code(n).trim_start());
        next.starts_with(['.', '?', '=', '<', '>', '+', '-', '*', '/', '%'])
            || next.starts_with("!=")
    };
    if let [level] = &mut levels[..]
        && !goes_on()
    {
        finish(&mut out, level, code.trim_end().len().max(level.start), raw, code);
    }
    out
}

/// Ends a level's expression: `and` binds closer than `or`.
fn finish<'a>(
    out: &mut Vec<Chain<'a>>,
    level: &mut Level,
    end: usize,
    raw: &'a str,
    code: &'a str,
) {
    let part = |from: usize, to: usize| {
        let (r, c) = (&raw[from..to], &code[from..to]);
        let lead = r.len() - r.trim_start().len();
        Part { raw: r.trim(), code: &c[lead..lead + r.trim().len()] }
    };
    let done = std::mem::take(&mut level.done);
    let last = (level.start, end, false);
    let (mut ands, mut ors, mut from) = (Vec::new(), Vec::new(), None);
    for (start, stop, and) in done.into_iter().chain([last]) {
        let from_here = *from.get_or_insert(start);
        ands.push(part(start, stop));
        if !and {
            ors.push(part(from_here, stop));
            out.push(Chain { and: true, parts: std::mem::take(&mut ands) });
            from = None;
        }
    }
    out.push(Chain { and: false, parts: ors });
}

/// `left op right`, when there is exactly one comparison in it.
fn comparison<'a>(part: &Part<'a>) -> Option<(&'a str, &'a str, &'a str)> {
    const OPS: [&str; 8] = ["===", "!==", "==", "!=", "<=", ">=", " < ", " > "];
    let mut hit: Option<(usize, &str)> = None;
    let mut at = 0;
    while at < part.code.len() {
        let rest = &part.code.as_bytes()[at..];
        if let Some(op) = OPS.iter().find(|op| rest.starts_with(op.as_bytes())) {
            if hit.is_some() {
                return None;
            }
            hit = Some((at, op));
            at += op.len();
        } else {
            at += 1;
        }
    }
    let (at, op) = hit?;
    let (left, right) = (part.raw[..at].trim(), part.raw[at + op.len()..].trim());
    (!left.starts_with("not ")).then_some((left, op.trim(), right))
}

fn is_literal(text: &str) -> bool {
    let quoted = |q: char| text.starts_with(q) && text.ends_with(q) && text.matches(q).count() == 2;
    // A name all in capitals is one of several constants of an enumeration.
    let last = text.rsplit(['.', ':']).next().unwrap_or_default();
    let constant = last.len() > 2
        && last.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
        && last.starts_with(|c: char| c.is_ascii_uppercase());
    text.parse::<f64>().is_ok() || quoted('"') || quoted('\'') || constant
}

/// What runs something may differ from one time to the next.
fn is_still(text: &str) -> bool {
    !text.contains(['(', '`'])
        && !text.contains("++")
        && !text.contains("--")
        && !text.contains("await")
}

/// The same operand twice in one chain.
pub(super) fn repeated(place: &Place<'_, '_>) -> Option<Found> {
    let head = place.scan.code(place.line).trim_start_matches(['}', ' ', '\t']);
    let asked = ["if", "elif", "else if", "while"].iter().any(|w| head.starts_with(w));
    // `{a && a && <b>..}` in a page says one thing twice.
    if place.scan.is(family::SCRIPT) && place.scan.code(place.line).trim_start().starts_with('{') {
        return None;
    }
    for chain in chains(place.scan, place.line) {
        for (n, part) in chain.parts.iter().enumerate() {
            // `a && fits(a) && a` is `a` itself where it fits.
            let given = chain.and && n >= 2 && n + 1 == chain.parts.len() && !asked;
            // `a and a or b` is an old way to write a choice.
            let choice = place.scan.is(family::PYTHON) && chain.and && place.text.contains(" or ");
            if choice || (given && place.scan.is(family::SCRIPT | family::PYTHON)) {
                continue;
            }
            let set = format!("{} = ", part.raw);
            let telling = part.raw.len() > 1
                && !place.scan.raw(place.line).contains(&set)
                && is_still(part.raw)
                && part.raw.starts_with(|c: char| is_ident(c) || c == '!')
                && !is_literal(part.raw);
            if telling && chain.parts[..n].iter().any(|p| p.raw == part.raw) {
                return found(place.line, part.raw);
            }
        }
    }
    None
}

/// Comparisons of one value that can't all hold, or of which one always does.
pub(super) fn contradiction(place: &Place<'_, '_>) -> Option<Found> {
    for chain in chains(place.scan, place.line) {
        let compared: Vec<_> = chain.parts.iter().filter_map(comparison).collect();
        for (n, a) in compared.iter().enumerate() {
            for b in &compared[..n] {
                if a.0 == b.0 && is_still(a.0) && clash(chain.and, *a, *b) {
                    let word = if chain.and { "and" } else { "or" };
                    let text = format!("{} {} {} {word} {} {} {}", b.0, b.1, b.2, a.0, a.1, a.2);
                    return found(place.line, &text);
                }
            }
        }
    }
    None
}

type Compared<'a> = (&'a str, &'a str, &'a str);

fn clash(and: bool, a: Compared<'_>, b: Compared<'_>) -> bool {
    let wanted: [&str; 2] = if and { ["==", "==="] } else { ["!=", "!=="] };
    if wanted.contains(&a.1) && wanted.contains(&b.1) {
        return a.2 != b.2 && is_literal(a.2) && is_literal(b.2);
    }
    let (Ok(x), Ok(y)) = (a.2.parse::<f64>(), b.2.parse::<f64>()) else { return false };
    let (low, low_open, high, high_open) = match (a.1, b.1) {
        (">" | ">=", "<" | "<=") => (x, a.1 == ">", y, b.1 == "<"),
        ("<" | "<=", ">" | ">=") => (y, b.1 == ">", x, a.1 == "<"),
        _ => return false,
    };
    // Nothing lies between them; or everything lies on one side or the other.
    if and {
        low > high || (low >= high && (low_open || high_open))
    } else {
        low < high || (low <= high && !(low_open && high_open))
    }
}

/// A value compared with itself. `x != x` alone asks for what is not a number.
pub(super) fn itself(place: &Place<'_, '_>) -> Option<Found> {
    let all = chains(place.scan, place.line);
    let parts = all.iter().flat_map(|c| &c.parts);
    for (left, op, right) in parts.filter_map(comparison) {
        let path = left.contains('.') || left.contains('[');
        let same =
            left == right && is_still(left) && left.starts_with(is_ident) && !is_literal(left);
        // The usual way to ask for NaN.
        let lower = place.scan.code(place.line).to_lowercase();
        let nan = place.scan.commented(place.line..place.line + 1)
            || ["nan", "f32", "f64", "float", "double"].iter().any(|w| lower.contains(w));
        if same && !nan && (path || matches!(op, "<" | ">" | "<=" | ">=")) {
            return found(place.line, left);
        }
    }
    None
}

/// Whether a line of these is one of the preprocessor.
fn directives(scan: &Scan<'_>, mut lines: std::ops::Range<usize>) -> bool {
    scan.is(family::C | family::CPP) && lines.any(|j| scan.code(j).trim_start().starts_with('#'))
}

/// `x == "a" or "b"`, `x == 1 || 2`: the second operand is a value, not a comparison, and always true.
pub(super) fn bare_operand(place: &Place<'_, '_>) -> Option<Found> {
    for chain in chains(place.scan, place.line).iter().filter(|c| !c.and) {
        for (n, part) in chain.parts.iter().enumerate().skip(1) {
            let text =
                part.raw.starts_with(['"', '\'']) && is_literal(part.raw) && part.raw.len() > 2;
            let number = part.raw.starts_with(|c: char| c.is_ascii_digit())
                && part.raw.parse::<f64>().is_ok_and(|n| n != 0.0);
            let first = comparison(&chain.parts[n - 1]);
            if (text || number)
                && first.is_some_and(|c| matches!(c.1, "==" | "===") && is_literal(c.2))
            {
                return found(place.line, part.raw);
            }
        }
    }
    None
}

/// One branch of an `if`.
struct Branch {
    line: usize,
    condition: Option<String>,
    body: std::ops::Range<usize>,
}

/// Branches of one `if` that are looked at.
const MOST_BRANCHES: usize = 60;

/// The branches of the `if` at the place; empty unless it begins there.
fn branches(scan: &Scan<'_>, line: usize) -> Vec<Branch> {
    let mut out: Vec<Branch> = Vec::new();
    let mut at = line;
    let indent = scan.indent(line);
    while out.len() < MOST_BRANCHES {
        let code = scan.code(at).trim();
        let head = code.trim_start_matches(['}', ' ']);
        let rest = match (out.is_empty(), head) {
            (true, _) => head.strip_prefix("if").filter(|_| head == code),
            _ if head.starts_with("elif") => head.strip_prefix("elif"),
            _ => head.strip_prefix("else").map(|r| {
                let r = r.trim_start();
                r.strip_prefix("if").filter(|r| r.starts_with([' ', '('])).unwrap_or(r)
            }),
        };
        let Some(rest) = rest.filter(|r| r.starts_with([' ', '(', ':', '{'])) else { break };
        if !code.ends_with(['{', ':']) {
            break;
        }
        let raw = scan.raw(at).trim();
        let condition = rest.trim().trim_end_matches(['{', ':']).trim();
        // The same columns of the line as it stands.
        let condition = raw.rfind(['{', ':']).and_then(|end| {
            let start = code.len() - rest.len() + (rest.len() - rest.trim_start().len());
            (!condition.is_empty())
                .then(|| raw.get(start..end))
                .flatten()
                .map(|c| c.trim().to_owned())
        });
        let body = scan.body(at);
        let done = condition.is_none();
        let end = body.end;
        out.push(Branch { line: at, condition, body });
        if done {
            break;
        }
        let next = if scan.is(family::PYTHON) {
            (end..scan.lines.len().min(end + 20)).find(|j| scan.has_code(*j))
        } else if scan.code(end).trim() == "}" {
            scan.next(end)
        } else {
            Some(end)
        };
        let Some(next) = next.filter(|n| scan.indent(*n) == indent) else { break };
        at = next;
    }
    out
}

/// The same condition in two branches of one `if`: the second is never reached.
pub(super) fn same_condition(place: &Place<'_, '_>) -> Option<Found> {
    // What reads on gives another result the next time.
    const READS: [&str; 12] = [
        "next", "read", "pop", "shift", "match", "accept", "eat", "consume", "poll", "rand",
        "take", "try",
    ];
    let all = branches(place.scan, place.line);
    // Directives leave one or the other out.
    let last = all.last().map_or(place.line, |b| b.body.end);
    if directives(place.scan, place.line..last) {
        return None;
    }
    for (n, branch) in all.iter().enumerate() {
        let Some(condition) = branch.condition.as_deref() else { continue };
        let lower = condition.to_lowercase();
        let calls = condition.strip_prefix('(').unwrap_or(condition).contains('(');
        if condition.contains("let ")
            || condition.contains(":=")
            || (calls && READS.iter().any(|w| lower.contains(w)))
        {
            continue;
        }
        if all[..n].iter().any(|b| b.condition.as_deref() == Some(condition)) {
            return found(branch.line, condition);
        }
    }
    None
}

/// An `if` and its `else` do the same.
pub(super) fn same_branches(place: &Place<'_, '_>) -> Option<Found> {
    let all = branches(place.scan, place.line);
    // Several branches are a table, of which two rows may be alike.
    let [a, b] = &all[..] else { return None };
    let around = a.body.start.saturating_sub(4)..b.body.end + 2;
    if b.condition.is_some()
        || place.scan.commented(a.body.start..b.body.end)
        || directives(place.scan, around)
    {
        return None;
    }
    let text = |body: &std::ops::Range<usize>| -> Vec<String> {
        let lines = body.clone().filter_map(|i| place.scan.lines.get(i));
        lines.map(|l| l.raw.trim().to_owned()).filter(|l| !l.is_empty()).collect()
    };
    let (first, second) = (text(&a.body), text(&b.body));
    // Where a text over several lines ends is not known here: two that begin alike may differ later.
    let open = first.iter().any(|l| l.contains("\"\"\"") || l.contains("'''"));
    let same = !open && first == second && first.concat().len() >= 8;
    if same { found(a.line, "") } else { None }
}
