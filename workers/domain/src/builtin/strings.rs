//! Strings that become something else: formats with too few arguments, queries, commands, secrets.

use super::catalogue::{Found, Place, found};
use super::scan::{Scan, arguments, family};
use crate::redact::Kind;

/// How many arguments a format takes; `None` when that can't be told.
fn wanted(format: &str, braces: bool, lengths: bool) -> Option<usize> {
    let bytes = format.as_bytes();
    let (mut n, mut at) = (0, 0);
    while at < bytes.len() {
        let (c, next) = (bytes[at], bytes.get(at + 1).copied());
        at += 1;
        if braces {
            match (c, next) {
                (b'{', Some(b'{')) | (b'}', Some(b'}')) => at += 1,
                (b'{', Some(b'}' | b':' | b'!')) => {
                    let end = format[at..].find('}')?;
                    if format[at..at + end].contains('{') {
                        return None;
                    }
                    n += 1;
                    at += end + 1;
                }
                _ => {}
            }
        } else if c == b'%' {
            let flag =
                |b: &&u8| b"-+ #0123456789.'".contains(b) || (lengths && b"lhLzjtqI".contains(b));
            let flags = bytes[at..].iter().take_while(flag).count();
            let verb = bytes.get(at + flags).copied()?;
            match verb {
                // `%m` is the last error in C, and `%n` the end of a line in Java.
                b'%' | b'm' => {}
                b'n' if !lengths => {}
                // Hooks of a program's own take any number.
                v if lengths && !b"diouxXeEfFgGaAcspn".contains(&v) => return None,
                v if v.is_ascii_alphabetic() => n += 1,
                _ => return None,
            }
            at += flags + 1;
        }
    }
    Some(n)
}

/// A literal between its quotes, when the argument is nothing but one.
fn literal<'a>(raw: &'a str, code: &str) -> Option<&'a str> {
    let (raw, code) = (raw.trim(), code.trim());
    code.chars().next().filter(|q| matches!(q, '"' | '\'' | '`'))?;
    let inner = code.get(1..code.len().checked_sub(1)?)?;
    let whole = inner.trim().is_empty() && raw.len() == code.len();
    whole.then(|| &raw[1..raw.len() - 1])
}

/// A call with a format whose number of arguments is another one than the format takes.
pub(super) fn format_call(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let (raw, code) = (scan.raw(i), scan.code(i));
    let open = place.end().checked_sub(1)?;
    let name = place.group(0).trim_end_matches('(');
    // Other loggers have places of another form, or pairs of names and values.
    let is_format = (scan.is(family::GO) && name.ends_with('f'))
        || (scan.is(family::JAVA) && (name.ends_with("format") || name.ends_with("printf")))
        || scan.is(family::PYTHON | family::C | family::CPP);
    if !is_format {
        return None;
    }
    let args = arguments(code, open)?;
    // The first literal is the format; before it a file, a buffer, a size, in Java only a locale.
    let at =
        args.iter().take(3).position(|a| literal(&raw[a.clone()], &code[a.clone()]).is_some())?;
    let behind = match name.rsplit(|c| !crate::text::is_ident(c)).next().unwrap_or(name) {
        "fprintf" | "Fprintf" | "sprintf" => 1,
        "snprintf" => 2,
        "format" => usize::from(raw[args[0].clone()].contains("ocale")),
        _ => 0,
    };
    if at != behind {
        return None;
    }
    // Loggers of other makes print what they are given.
    let logs = scan.is(family::PYTHON) && !name.ends_with("printf");
    if logs && !scan.source.contains("logging") {
        return None;
    }
    let format = literal(&raw[args[at].clone()], &code[args[at].clone()])?;
    let rest = &args[at + 1..];
    let spread = rest.iter().any(|a| {
        let text = raw[a.clone()].trim();
        let python = scan.is(family::PYTHON);
        // Names are for places of another form.
        let named = || {
            text.split_once('=')
                .is_some_and(|(n, v)| n.chars().all(crate::text::is_ident) && !v.starts_with('='))
        };
        text.contains("...")
            || text.contains("__VA_ARGS__")
            || (python && (text.starts_with('*') || named()))
    });
    let n = wanted(format, false, scan.is(family::C | family::CPP))?;
    // Places of another form belong to a logger of another make.
    let others = n == 0 && format.contains('{');
    if scan.is(family::PYTHON) && (name.ends_with("printf") || others) {
        return None;
    }
    // An array may stand for all arguments.
    let one_for_all = rest.len() == 1 && n != 0 && scan.is(family::JAVA);
    let bare = scan.is(family::PYTHON) && rest.is_empty();
    if spread || one_for_all || bare || n == rest.len() {
        return None;
    }
    found(i, &format!("{n} for {}", rest.len()))
}

/// `"..%s.." % (a, b)` and `"..{}..".format(a)`.
pub(super) fn format_python(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let (raw, code) = (scan.raw(i), scan.code(i));
    let braces = place.group(1).starts_with(".f");
    let end = place.start() + 1;
    let quote = code.as_bytes().get(place.start()).copied()? as char;
    let start = code[..end - 1].rfind(quote)?;
    // Joined with a literal before it, or with prefixes that change it.
    let before = code[..start].trim_end().trim_end_matches(['u', 'U', 'r', 'R']).trim_end();
    let prefixed = before.ends_with(['f', 'F', 'b', 'B', quote])
        || (before.is_empty()
            && scan.before(i).is_some_and(|b| {
                scan.code(b).trim_end().trim_end_matches('\\').trim_end().ends_with(['"', '\''])
            }));
    if prefixed {
        return None;
    }
    let args = arguments(code, place.end().checked_sub(1)?)?;
    let named = args
        .iter()
        .any(|a| raw[a.clone()].trim_start().starts_with('*') || code[a.clone()].contains('='));
    let n = wanted(&raw[start + 1..end - 1], braces, false)?;
    // A call in parentheses may give them all.
    let one_call = !braces && args.len() == 1 && code[args[0].clone()].contains('(');
    let wrong = !one_call && if braces { args.len() < n } else { n != args.len() };
    let after = code[super::scan::closing(code, place.end() - 1)? + 1..].trim_start();
    if named || !wrong || (!braces && after.starts_with(['[', '.'])) {
        return None;
    }
    found(i, &format!("{n} for {}", args.len()))
}

/// SQL with a value put into its text, where a parameter belongs.
pub(super) fn sql(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let raw = scan.raw(i);
    let (verb, rest) = (place.start(), &raw[place.start()..]);
    // The verb stands in a string.
    if scan.code(i).get(verb..=verb).is_none_or(|c| c != " ") {
        return None;
    }
    let opened = raw[..verb].rfind(['"', '\'', '`'])?;
    let quote = raw[opened..].chars().next()?;
    let formatted = raw[..opened].ends_with(['f', 'F']);
    let call = raw[..opened].contains("printf(") || raw[..opened].contains("String.format(");
    let lower = rest.to_ascii_lowercase();
    if CATALOGUES.iter().any(|w| lower.contains(w)) {
        return None;
    }
    // Behind its closing quote a query is over.
    let end = rest.find(quote).unwrap_or(rest.len());
    let php = scan.is(family::PHP);
    for word in ["=", "<", ">", "like", "values (", "values(", "in ("] {
        for (at, _) in lower.match_indices(word).take_while(|(at, _)| *at < end) {
            if placeholders(&rest[at..]) {
                continue;
            }
            let then = rest[at + word.len()..].trim_start().trim_start_matches(['\\', '%']);
            let inner = then.trim_start_matches(['\'', '"']);
            // The text ends here, with or without a quote of the query's own.
            let own = then.strip_prefix('\'').map(|t| t.trim_start_matches('%'));
            let ends = |t: &str| {
                t.strip_prefix(quote)
                    .and_then(|t| t.trim_start().strip_prefix(['+', '.']))
                    .is_some_and(|t| given(place, t) && (!php || t.trim_start().starts_with('$')))
            };
            let hole = |open: &str| inner.strip_prefix(open).is_some_and(|v| given(place, v));
            // What stands behind the text.
            let behind = |mark: &str| rest.split_once(mark).is_some_and(|(_, v)| given(place, v));
            let next = || behind(&format!("{quote}, "));
            let percent = inner.starts_with("%s") || inner.starts_with("%v");
            let joined = ends(then) || own.is_some_and(ends);
            let modulo = percent && scan.is(family::PYTHON) && behind(&format!("{quote} % "));
            let braces = inner.starts_with("{}") && behind(".format(");
            let hit = joined
                || modulo
                || braces
                || (percent && call && next())
                || (scan.is(family::PYTHON) && formatted && hole("{"))
                || (scan.is(family::SCRIPT) && quote == '`' && hole("${"))
                || (scan.is(family::RUBY) && quote == '"' && hole("#{"))
                || (scan.is(family::PHP) && quote == '"' && hole("$"));
            if hit {
                return found(i, "");
            }
        }
    }
    None
}

/// Whether what is put in is a list of marks for parameters, by its name.
fn placeholders(text: &str) -> bool {
    let near: String = text.chars().take(40).collect::<String>().to_lowercase();
    ["slots", "placeholder", "params", "marks", "question"].iter().any(|w| near.contains(w))
}

/// How names of parts of queries end.
const QUERY_PARTS: [&str; 18] = [
    "sql",
    "clause",
    "where",
    "condition",
    "subquery",
    "columns",
    "alias",
    "prefix",
    "table",
    "str_repeat",
    "order",
    "column",
    "field",
    "schema",
    "index",
    "trigger",
    "database",
    "intval",
];

/// Tables in which a database describes itself.
const CATALOGUES: [&str; 4] = ["sqlite_", "information_schema", "pg_", "sys."];

/// What a request or a command line holds, by its name.
const REQUESTS: [&str; 14] = [
    "req", "request", "params", "query", "body", "args", "argv", "form", "input", "payload",
    "_GET", "_POST", "_REQUEST", "_COOKIE",
];

/// The name of the value that a text begins with, and what follows it.
fn split_value(text: &str) -> (&str, &str) {
    let inside = |c: char| crate::text::is_ident(c) || ".$->".contains(c);
    text.split_at(text.find(|c| !inside(c)).unwrap_or(text.len()))
}

/// The parts of such a name.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split(|c| !crate::text::is_ident(c)).filter(|w| !w.is_empty())
}

/// What opens before a value that is put in.
const OPENS: [char; 4] = ['(', ' ', '$', '@'];

/// Whether the value that a text begins with is of a request or of a command line, by its name.
pub(super) fn asked(text: &str) -> bool {
    parts(split_value(text.trim_start_matches(OPENS)).0).any(|w| REQUESTS.contains(&w))
}

/// Whether the values that a text begins with come from outside of the function, and are no part of a query.
pub(super) fn given(place: &Place<'_, '_>, text: &str) -> bool {
    let text = text.trim_start_matches(OPENS);
    let text = ["str(", "String("].iter().find_map(|w| text.strip_prefix(w)).unwrap_or(text);
    let (name, behind) = split_value(text);
    // A part of a query that the program has put together itself, or the name of a part of its schema.
    let lower = name.to_ascii_lowercase();
    let part = lower.starts_with("sql") || QUERY_PARTS.iter().any(|w| lower.ends_with(w));
    let first = parts(name).next().unwrap_or_default();
    // What a call makes of it is another's.
    let own = matches!(first, "self" | "this" | "cls") || behind.starts_with('(');
    // What is no text can't hold a quote.
    let typed = |kind: &str| {
        let head = place.scan.function(place.line).map_or(0, |f| f.first);
        let form = format!("{kind} {first}");
        (head..head + 3).any(|j| place.scan.code(j).contains(&form))
    };
    let other = ["UUID", "int", "Integer", "long", "Long", "boolean", "Instant", "short"];
    let plain = place.scan.is(family::JAVA | family::SHARP | family::KOTLIN)
        && other.iter().any(|kind| typed(kind));
    !part && (asked(text) || (!own && !plain && place.scan.is_parameter(place.line, first)))
}

/// Bytes of a private key with its markers, at least.
const LEAST_KEY: usize = 120;

/// Secrets, by the rules that mask them; the least sure of these left out.
pub(super) fn secrets(scan: &Scan<'_>) -> Vec<Found> {
    let lower = scan.path.to_ascii_lowercase();
    let sample = [
        "example",
        "sample",
        "template",
        ".dist",
        "test",
        "mock",
        "doc/",
        "docs/",
        "demo",
        "spec",
        "schema",
        "swagger",
        "openapi",
        "i18n",
        "locale",
        "/lang/",
        "translations",
    ];
    if sample.iter().any(|w| lower.contains(w)) {
        return Vec::new();
    }
    let mut out = Vec::new();
    for (line, column, span) in scan.secrets.iter().filter(|(.., span)| !span.continued) {
        let (line, column) = (*line, *column);
        let Some(l) = scan.lines.get(line).filter(|l| !l.test) else { continue };
        let sure = !matches!(
            span.kind,
            Kind::Assigned
                | Kind::Authorization
                | Kind::UrlPassword
                | Kind::PasswordHash
                | Kind::GoogleKey
                | Kind::Jwt
        );
        let in_code = scan.is(family::CODE);
        let comment = l.comment.get(column..).is_some_and(|c| !c.trim().is_empty()) && in_code;
        let near = l.raw.to_ascii_lowercase();
        let said = [
            "my-secret",
            "changeme",
            "change-me",
            "change_me",
            "example",
            "your-",
            "your_",
            "dummy",
            "0123456789abcdef",
            "some/random",
        ];
        let comment = comment || said.iter().any(|w| near.contains(w));
        // The keys of some services look like a name with dots in it, of which a figure is a part.
        let value = l.raw.get(column..).unwrap_or_default();
        let value = value.split(|c: char| !c.is_alphanumeric() && !"-_.".contains(c)).next();
        let figures = value.unwrap_or_default().bytes().filter(u8::is_ascii_digit).count();
        let name = (span.kind == Kind::ServiceKey && figures < 2) || near.contains("sk-ssh");
        // The line that a key begins with is no key.
        let marker = span.kind == Kind::PrivateKey && span.range.len() < LEAST_KEY;
        if sure && !comment && !name && !marker {
            out.extend(found(line, span.kind.as_str()));
        }
    }
    out
}
