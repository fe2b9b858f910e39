//! Tells code from comments and strings, well enough for checks that must not fire on either.
//!
//! This is no parser. A language it does not know well is read as C-like; what it gets wrong
//! there costs a check, never more, and strings that must end on their line limit the damage.

use crate::target::{is_test_path, language};

/// One line, taken apart. Masked text is blank, so that what is left keeps its shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// As it stands in the file.
    pub(crate) raw: &'a str,
    /// Comments, and the insides of strings, blanked.
    pub(crate) code: String,
    /// Only the comments.
    pub(crate) comment: String,
    /// Inside test code.
    pub(crate) test: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Code,
    LineComment,
    Block(u32),
    /// A string until this delimiter; may span lines; backslash escapes.
    Text {
        end: char,
        multi: bool,
        escapes: bool,
    },
    /// A Rust raw string with this many hashes.
    Raw(usize),
    /// A Python triple-quoted string; one that is a statement of its own is documentation.
    Triple {
        end: char,
        doc: bool,
    },
}

/// How a family of languages writes comments and strings.
struct Syntax {
    line: &'static [&'static str],
    block: Option<(&'static str, &'static str)>,
    nested: bool,
    /// Delimiter, may span lines, has escapes.
    strings: &'static [(char, bool, bool)],
    triple: bool,
    rust: bool,
    /// Has literals of regular expressions, `/x/`.
    slashes: bool,
    /// Bytes that something can open with.
    opens: [bool; 256],
}

const C_LIKE: Syntax = Syntax {
    line: &["//"],
    block: Some(("/*", "*/")),
    nested: false,
    strings: &[('"', false, true), ('\'', false, true)],
    triple: false,
    rust: false,
    slashes: false,
    opens: [false; 256],
};

fn syntax(language: &str) -> Syntax {
    let mut syntax = form_of(language);
    let marks = syntax.line.iter().copied().chain(syntax.block.map(|(start, _)| start));
    let opening = marks.filter_map(|mark| mark.bytes().next());
    let delimiters = syntax.strings.iter().filter_map(|(d, ..)| u8::try_from(*d).ok());
    let of = |has: bool, bytes: &'static str| bytes.bytes().filter(move |_| has);
    let literals = of(syntax.triple, "\"'").chain(of(syntax.slashes, "/"));
    for byte in opening.chain(delimiters).chain(literals).chain(of(syntax.rust, "r'")) {
        syntax.opens[usize::from(byte)] = true;
    }
    syntax
}

fn form_of(language: &str) -> Syntax {
    match language {
        "Rust" => Syntax { nested: true, strings: &[('"', true, true)], rust: true, ..C_LIKE },
        "JavaScript" | "TypeScript" | "Vue" | "Svelte" => Syntax {
            strings: &[('"', false, true), ('\'', false, true), ('`', true, true)],
            slashes: true,
            ..C_LIKE
        },
        "Go" => Syntax {
            strings: &[('"', false, true), ('\'', false, true), ('`', true, false)],
            ..C_LIKE
        },
        "Python" => Syntax { line: &["#"], block: None, triple: true, ..C_LIKE },
        "Java" | "Kotlin" | "Scala" | "Swift" => Syntax { triple: true, ..C_LIKE },
        "Shell" | "Ruby" | "Makefile" | "Dockerfile" | "Just" | "TOML" | "YAML" | "R" | "Perl"
        | "Elixir" | "Nix" | "PowerShell" | "CMake" | "INI" => {
            Syntax { line: &["#"], block: None, ..C_LIKE }
        }
        "SQL" | "Lua" | "Haskell" => Syntax { line: &["--"], block: None, ..C_LIKE },
        "HTML" | "XML" => {
            Syntax { line: &[], block: Some(("<!--", "-->")), strings: &[], ..C_LIKE }
        }
        _ => C_LIKE,
    }
}

/// Languages that are prose: all of it counts as comment.
pub(crate) fn is_prose(language: &str) -> bool {
    matches!(language, "Markdown" | "reStructuredText" | "text")
}

/// Formats that hold data: nothing in them is code.
pub(crate) fn is_data(language: &str) -> bool {
    matches!(language, "JSON" | "TOML" | "YAML" | "XML" | "INI")
}

/// Takes a file apart.
pub(crate) fn lines<'a>(path: &str, source: &'a str) -> Vec<Line<'a>> {
    let language = language(path);
    let test_path = is_test_path(path);
    if is_prose(language) {
        let prose = |raw: &'a str| Line {
            raw,
            code: String::new(),
            comment: raw.to_owned(),
            test: test_path,
        };
        return source.lines().map(prose).collect();
    }
    let syntax = syntax(language);
    let mut state = State::Code;
    let mut out: Vec<Line<'a>> = source
        .lines()
        .map(|raw| {
            let mut comment = String::with_capacity(raw.len());
            let (code, after) = mask(raw, state, &syntax, Some(&mut comment));
            state = after;
            Line { raw, code, comment, test: test_path }
        })
        .collect();
    if language == "Rust" && !test_path {
        mark_rust_tests(&mut out);
    }
    out
}

/// The code of each line, comments and the insides of strings blanked, and whether the line begins
/// inside one of them.
pub(crate) fn code_of(path: &str, source: &str) -> Vec<(String, bool)> {
    let syntax = syntax(language(path));
    let mut state = State::Code;
    source
        .lines()
        .map(|raw| {
            let inside = state != State::Code;
            let (code, after) = mask(raw, state, &syntax, None);
            state = after;
            (code, inside)
        })
        .collect()
}

/// Of each line, whether it holds a comment and no code. Prose and data have no comments.
pub(crate) fn comments_of(path: &str, source: &str) -> Vec<bool> {
    let language = language(path);
    if is_prose(language) || is_data(language) {
        return Vec::new();
    }
    // The marks around a docstring are code.
    let bare =
        |code: &str| code.trim_matches(|c: char| c.is_whitespace() || "\"'".contains(c)).is_empty();
    let only = |line: Line<'_>| bare(&line.code) && !line.comment.trim().is_empty();
    lines(path, source).into_iter().map(only).collect()
}

/// Masks one line: (code, state at its end). Its comments are written to `comment` where somebody wants them.
fn mask(
    raw: &str,
    mut state: State,
    syntax: &Syntax,
    mut comment: Option<&mut String>,
) -> (String, State) {
    let mut code = String::with_capacity(raw.len());
    // Where the last of the code ends that is no blank.
    let mut solid = 0;
    let mut at = 0;
    while at < raw.len() {
        let rest = &raw[at..];
        let before = state;
        let mut len = plain_bytes(rest, state, syntax);
        // Whether the piece is code; everything else is blanked there.
        let mut is_code = state == State::Code;
        if len == 0 {
            (state, len, is_code) = turn(rest, state, &code, solid, syntax);
        }
        let piece = &rest[..len];
        let ink = piece.trim_end().len();
        if is_code && ink > 0 {
            solid = code.len() + ink;
        }
        put(&mut code, piece, is_code);
        if let Some(comment) = &mut comment {
            put(comment, piece, is_comment(before) || is_comment(state));
        }
        at += len;
    }
    let after = match state {
        State::LineComment | State::Text { multi: false, .. } => State::Code,
        other => other,
    };
    (code, after)
}

/// What the start of `rest` changes, where it may: the state behind it, its bytes, and whether they are code.
fn turn(
    rest: &str,
    state: State,
    code: &str,
    solid: usize,
    syntax: &Syntax,
) -> (State, usize, bool) {
    let Some(c) = rest.chars().next() else { return (state, 0, false) };
    let stays = (state, c.len_utf8(), false);
    match state {
        State::Code => match open(rest, code, solid, syntax) {
            Some((next, len)) => (next, len, !matches!(next, State::LineComment | State::Block(_))),
            None => (state, c.len_utf8(), true),
        },
        State::Block(depth) => {
            let (start, end) = syntax.block.unwrap_or(("/*", "*/"));
            if rest.starts_with(end) {
                let outer = if depth > 1 { State::Block(depth - 1) } else { State::Code };
                (outer, end.len(), false)
            } else if syntax.nested && rest.starts_with(start) {
                (State::Block(depth + 1), start.len(), false)
            } else {
                stays
            }
        }
        State::Text { escapes: true, .. } if c == '\\' => {
            (state, 1 + rest[1..].chars().next().map_or(0, char::len_utf8), false)
        }
        State::Text { end, .. } if c == end => (State::Code, c.len_utf8(), true),
        State::Raw(hashes)
            if c == '"' && rest[1..].bytes().take_while(|b| *b == b'#').count() >= hashes =>
        {
            (State::Code, 1 + hashes, true)
        }
        State::Triple { end, .. } if rest.chars().take(3).filter(|c| *c == end).count() == 3 => {
            (State::Code, 3, true)
        }
        State::LineComment | State::Text { .. } | State::Raw(_) | State::Triple { .. } => stays,
    }
}

/// Bytes at the start of `rest` that end nothing and that nothing opens with: most of a file.
fn plain_bytes(rest: &str, state: State, syntax: &Syntax) -> usize {
    let until = |stops: &dyn Fn(u8) -> bool| rest.bytes().position(stops).unwrap_or(rest.len());
    match state {
        State::Code => until(&|b| syntax.opens[usize::from(b)]),
        State::LineComment => rest.len(),
        State::Block(_) => {
            let (start, end) = syntax.block.unwrap_or(("/*", "*/"));
            until(&|b| start.as_bytes().first() == Some(&b) || end.as_bytes().first() == Some(&b))
        }
        State::Text { end, .. } => until(&|b| b == b'\\' || char::from(b) == end),
        State::Raw(_) => until(&|b| b == b'"'),
        State::Triple { end, .. } => until(&|b| char::from(b) == end),
    }
}

fn is_comment(state: State) -> bool {
    matches!(state, State::LineComment | State::Block(_) | State::Triple { doc: true, .. })
}

/// Blanks that are appended at a time.
const BLANKS: &str = "                                                                ";

/// Appends a piece, or a blank for each of its bytes, so that columns stay.
fn put(out: &mut String, piece: &str, shown: bool) {
    if shown {
        out.push_str(piece);
        return;
    }
    let mut left = piece.len();
    while left > 0 {
        let n = left.min(BLANKS.len());
        out.push_str(&BLANKS[..n]);
        left -= n;
    }
}

/// What opens at the start of `rest`: (state, bytes of the opening).
fn open(rest: &str, code: &str, solid: usize, syntax: &Syntax) -> Option<(State, usize)> {
    if let Some(mark) = syntax.line.iter().find(|m| rest.starts_with(**m)) {
        // `${x#y}` and `a#b` are no comments.
        if *mark != "#" || !code.ends_with(|c: char| !c.is_whitespace() && c != ';') {
            return Some((State::LineComment, mark.len()));
        }
    }
    if let Some((start, _)) = syntax.block.filter(|(start, _)| rest.starts_with(start)) {
        return Some((State::Block(1), start.len()));
    }
    let c = rest.chars().next()?;
    if syntax.triple
        && matches!(c, '"' | '\'')
        && rest.chars().take(3).filter(|d| *d == c).count() == 3
    {
        return Some((State::Triple { end: c, doc: solid == 0 }, 3));
    }
    if c == '/' && syntax.slashes {
        // Blanks may be many, and come before each of many marks.
        let before = &code[..solid];
        let starts = before.is_empty()
            || before.ends_with(['(', ',', '=', ':', '[', '!', '&', '|', '?', '{', ';'])
            || before.ends_with("return");
        return starts.then_some((State::Text { end: '/', multi: false, escapes: true }, 1));
    }
    if let Some(found) = rust_literal(rest, c, code).filter(|_| syntax.rust) {
        return Some(found);
    }
    let (end, multi, escapes) = *syntax.strings.iter().find(|(d, ..)| *d == c)?;
    Some((State::Text { end, multi, escapes }, c.len_utf8()))
}

/// Raw strings, and character literals as opposed to lifetimes.
fn rust_literal(rest: &str, c: char, code: &str) -> Option<(State, usize)> {
    if c == 'r' && !code.ends_with(|c: char| c != 'b' && crate::text::is_ident(c)) {
        let hashes = rest[1..].bytes().take_while(|b| *b == b'#').count();
        return rest[1 + hashes..].starts_with('"').then_some((State::Raw(hashes), 2 + hashes));
    }
    if c == '\'' {
        let mut next = rest[1..].chars();
        let (first, second) = (next.next()?, next.next());
        if first == '\\' || second == Some('\'') {
            return Some((State::Text { end: '\'', multi: false, escapes: true }, 1));
        }
    }
    None
}

/// Marks what `#[cfg(test)]` and `#[test]` cover: up to the brace that closes the next item.
fn mark_rust_tests(lines: &mut [Line<'_>]) {
    let blocks = super::functions::Blocks::of(lines);
    let mut i = 0;
    while i < lines.len() {
        let code = lines[i].code.trim_start();
        let starts = code.starts_with("#[cfg(test)]")
            || code.starts_with("#[cfg(all(test,")
            || (code.starts_with("#[") && (code.contains("test]") || code.contains("test(")));
        if !starts {
            i += 1;
            continue;
        }
        let last = super::functions::block_end(lines, &blocks, i).unwrap_or(i);
        for line in &mut lines[i..=last] {
            line.test = true;
        }
        i = last + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(path: &str, source: &str) -> Vec<String> {
        lines(path, source).into_iter().map(|l| l.code.trim_end().to_owned()).collect()
    }

    #[test]
    fn rust_comments_strings_and_lifetimes() {
        assert_eq!(code("a.rs", "let a = \"todo!()\"; // unwrap()"), ["let a = \"       \";"]);
        assert_eq!(
            code("a.rs", "f(r#\"x \" y\"#, '\"', b'\\'') // z"),
            ["f(r#\"     \"#, ' ', b'  ')"]
        );
        assert_eq!(
            code("a.rs", "fn f<'a>(x: &'a str) {} /* a /* b */ c */ g()")
                .concat()
                .matches("g()")
                .count(),
            1
        );
        assert_eq!(code("a.rs", "let s = \"one\ntwo\"; x()"), ["let s = \"", "   \"; x()"]);
    }

    #[test]
    fn strings_and_comments_of_each_language_are_blank() {
        for (path, source, want) in [
            ("a.go", "x := `a\\b // c`; f() // d", "x := `        `; f()"),
            ("A.java", "x = \"\"\"a \"b\" // c\"\"\"; f();", "x = \"\"\"          \"\"\"; f();"),
            ("a.sh", "a=${x#y}; b#c # d\nx;# e", "a=${x#y}; b#c|x;"),
            ("a.sql", "select 'a -- b' -- c", "select '      '"),
            ("a.html", "<a b=\"c\"> <!-- d -->e", "<a b=\"c\">           e"),
            ("a.js", "/\"/.test(x) // a", "/ /.test(x)"),
            ("a.js", "/* a */ /\"/.test(x)", "        / /.test(x)"),
            ("a.js", "return /\"/ // a", "return / /"),
            ("a.js", "f(/\"/, '/') // a", "f(/ /, ' ')"),
            ("a.js", "x = a / b; // \"", "x = a / b;"),
            ("a.rs", "let a = br\"\\\"; f();", "let a = br\" \"; f();"),
            ("a.rs", "let a = \"ä\"; größe(); // ö", "let a = \"  \"; größe();"),
        ] {
            assert_eq!(code(path, source).join("|"), want, "{source}");
        }
    }

    #[test]
    fn lines_of_comments_are_told_from_code_prose_and_data() {
        let python = "def f():\n    \"\"\"Says.\n    More.\"\"\"\n\n    # Note.\n    x = 1  # a\n";
        for (path, source, want) in [
            ("a.py", python, vec![false, true, true, false, true, false]),
            ("a.md", "Words.\n", vec![]),
            ("a.yml", "# Note.\n", vec![]),
        ] {
            assert_eq!(comments_of(path, source), want, "{path}");
        }
    }

    #[test]
    fn whatever_opens_is_looked_at() {
        const TAILS: [&str; 9] = ["", "/", "*", "-", "!--", "\"\"", "''", "\"x", "#\""];
        for language in ["Rust", "JavaScript", "Go", "Python", "Java", "Shell", "SQL", "HTML", "C"]
        {
            let syntax = syntax(language);
            for byte in 0..128_u8 {
                let opens = TAILS.map(|tail| format!("{}{tail}", char::from(byte)));
                let opens = opens.iter().any(|rest| open(rest, "", 0, &syntax).is_some());
                assert!(!opens || syntax.opens[usize::from(byte)], "{language} {byte}");
            }
        }
    }

    #[test]
    fn comments_are_kept_apart() {
        let l =
            lines("a.py", "x = '# no'  # TODO: yes\n\"\"\"Doc TODO\nmore\"\"\"\ny = \"\"\"s\"\"\"");
        assert_eq!(l[0].comment.trim(), "# TODO: yes");
        assert!(l[1].comment.contains("Doc TODO") && l[2].comment.contains("more"));
        assert!(l[3].comment.trim().is_empty(), "a string that is used is no comment");
    }

    #[test]
    fn rust_tests_are_marked() {
        let src = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { x.unwrap(); }\n}\nfn c() {}";
        let marks: Vec<bool> = lines("src/a.rs", src).iter().map(|l| l.test).collect();
        assert_eq!(marks, [false, true, true, true, true, false]);
        let outside = lines("src/a.rs", "#[cfg(test)]\nmod tests;\nfn c() {}");
        assert_eq!(outside.iter().map(|l| l.test).collect::<Vec<_>>(), [true, true, false]);
    }
}
