//! Files, connections and memory that are taken and not given back.

use super::catalogue::{Found, Place, found};
use super::scan::{has_word, word_at};

/// Whether a name goes somewhere else in the function, which may then close it: returned, stored,
/// put into something.
fn leaves(scan: &super::scan::Scan<'_>, from: usize, name: &str) -> bool {
    let scope = scan.scope(from);
    (from + 1..scope.end).any(|j| {
        let code = scan.code(j).trim();
        if !has_word(code, name) {
            return false;
        }
        // Not only something of it: `f.read()`.
        let whole = |text: &str| {
            word_at(text, name).is_some_and(|at| !text[at + name.len()..].starts_with('.'))
        };
        let returned = whole(code) && (code.starts_with("return") || code.starts_with("yield"));
        let stored = code.split_once('=').is_some_and(|(left, right)| {
            let right = right.trim().trim_end_matches([';', ',']);
            right == name
                || right.starts_with(&format!("{name}.("))
                || right.ends_with(&format!("&{name}"))
                || right.ends_with(&format!(", {name})"))
                || (left.contains(['.', '[', '>'])
                    && (whole(right) || (has_word(right, name) && !right.contains('('))))
        });
        let kept = [".append(", ".add(", ".put(", ".push(", "enter_context(", "closing("]
            .iter()
            .any(|w| code.split_once(w).is_some_and(|(_, given)| whole(given)));
        let value = code.split_once(':').map_or("", |(_, v)| v.trim().trim_end_matches(','));
        let field = value == name
            || code.contains(&format!(": {name},"))
            || code.contains(&format!(": {name}}}"));
        returned
            || stored
            || kept
            || field
            || code.starts_with("with ")
            || code.starts_with("global ")
    })
}

/// `f = open(..)` in a function in which nothing closes it.
pub(super) fn python_open(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let name = place.group(1);
    let scope = scan.scope(i);
    // The lock lasts as long as the file is open.
    if scan.code(i).to_lowercase().contains("lock") {
        return None;
    }
    let closes = scope.clone().any(|j| {
        let code = scan.code(j);
        has_word(code, name)
            && ["close", "with ", "fdopen", "dup2", "global "].iter().any(|w| code.contains(w))
    });
    // Whoever works on it beside this function closes it.
    let beside = (i + 1..scope.end).any(|j| {
        let code = scan.code(j);
        has_word(code, name) && code.to_lowercase().contains("thread")
    });
    if closes || beside || leaves(scan, i, name) || scan.function(i).is_none() {
        return None;
    }
    found(i, name)
}

/// What Go opens, in a function that does not close it.
pub(super) fn go_open(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let name = place.group(1);
    let close = if place.group(0).contains("os.") { ".Close" } else { "Close" };
    let closes = scan.scope(i).any(|j| {
        let code = scan.code(j);
        // `defer func(body io.Closer) { .. }(r.Body)`: what is called there closes it.
        let called = code.trim_start().starts_with("}(");
        let named = [close, "Drain", "return"].iter().any(|word| code.contains(word));
        has_word(code, name) && (called || named)
    });
    let f = scan.function(i)?;
    // Declared elsewhere, or a result with a name, it is closed elsewhere.
    let head = scan.code(f.first);
    let given = head.find('(').is_some_and(|at| has_word(&head[at..], name));
    let own = !given
        && (scan.code(i).contains(":=")
            || (f.first..i)
                .any(|j| scan.code(j).trim_start().starts_with(&format!("var {name} "))));
    if closes || name == "_" || !own || leaves(scan, i, name) {
        return None;
    }
    if passed(scan, i, name) { None } else { found(i, name) }
}

/// `fopen` whose file nothing in the function closes.
pub(super) fn c_fopen(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let name = place.group(1);
    let f = scan.function(i)?;
    // Another's variable is closed by others.
    let declared = (f.first..=i)
        .rev()
        .take(super::scan::MOST_BLOCK)
        .any(|j| has_word(scan.code(j), "FILE") && has_word(scan.code(j), name));
    // `*out = fopen(..)`: the caller gets it. What is static or ends by an attribute is not this function's.
    let kept = (f.first..=i).any(|j| {
        let code = scan.code(j);
        has_word(code, name) && (has_word(code, "static") || code.contains("auto"))
    });
    if kept || scan.code(i).trim_start().starts_with('*') {
        return None;
    }
    let handed = (f.first..=f.last.min(i + super::scan::MOST_BLOCK)).any(|j| {
        let code = scan.code(j);
        has_word(code, name) && (code.contains("close") || code.contains("Close"))
    });
    // A program ends with it.
    let ends = f.name == "main" || has_word(scan.code(f.first), "argv");
    if handed || !declared || ends || leaves(scan, i, name) { None } else { found(i, name) }
}

/// A file or memory that the next statement uses without a look at whether there is any.
pub(super) fn c_unchecked(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let name = place.group(1);
    let own = scan.code(i).trim();
    let left = own.split('=').next().unwrap_or_default();
    // A field, or what a pointer leads to, has another name than the one that is looked for.
    let field = left.starts_with('*') || left.contains("->") || left.contains('.');
    // A macro or another call around it may check it.
    let within = left.contains('(');
    // What else stands on the line may check it.
    let more = own.find(';') != own.len().checked_sub(1);
    if field || within || more {
        return None;
    }
    let next = scan.next(i)?;
    let code = scan.code(next);
    // A macro that checks: `REQUIRE(p != NULL)`.
    let macro_call = code.trim().split_once('(').is_some_and(|(m, _)| {
        !m.is_empty() && m.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    });
    let tests = macro_call
        || ["if", "while", "return"].iter().any(|w| has_word(code, w))
        || ["?", "check_", "assert"].iter().any(|w| code.contains(w));
    let at = word_at(code, name)?;
    let rest = code[at + name.len()..].trim_start();
    let before = code[..at].trim_end();
    let memory =
        ["fgets(", "fread(", "memset(", "memcpy(", "strcpy(", "strcat(", "sprintf(", "snprintf("]
            .iter()
            .any(|w| before.ends_with(w));
    let file = ["fprintf(", "fgets(", "fread(", "fwrite(", "fscanf(", "fseek(", "fputs(", "getc("]
        .iter()
        .any(|w| code.contains(w));
    let used = rest.starts_with("->")
        || rest.starts_with('[')
        || before.ends_with('*')
        || memory
        || (place.group(2) == "fopen" && file);
    if used && !tests { found(i, name) } else { None }
}

/// Whether a name is given to a call that may keep or close it; readers and writers only use it.
fn passed(scan: &super::scan::Scan<'_>, from: usize, name: &str) -> bool {
    const USES: [&str; 10] = [
        "Copy(",
        "Decoder(",
        "ReadAll(",
        "Scanner(",
        "Reader(",
        "Fprint",
        "Encoder(",
        "bufio.NewWriter",
        "csv.NewWriter(",
        "gzip.NewWriter",
    ];
    (from + 1..scan.scope(from).end).any(|j| {
        let code = scan.code(j);
        let forms = [
            format!("({name})"),
            format!("({name}, "),
            format!(", {name})"),
            format!(", {name}, "),
        ];
        forms.iter().any(|form| code.contains(form)) && !USES.iter().any(|w| code.contains(w))
    })
}

/// An array of this function that is returned.
pub(super) fn returned_local(place: &Place<'_, '_>) -> Option<Found> {
    let (scan, i) = (place.scan, place.line);
    let name = place.group(1);
    let f = scan.function(i)?;
    let form = format!("return {name};");
    let at =
        (i + 1..=f.last.min(i + super::scan::MOST_BLOCK)).find(|j| scan.code(*j).trim() == form)?;
    // A function that returns an object copies it.
    let copies =
        ["string", "String", "vector", "auto"].iter().any(|w| scan.code(f.first).contains(w));
    if copies { None } else { found(at, name) }
}
