//! Finds functions and types by how their first line looks, and where they end.

use super::lex::Line;
use crate::text::is_ident;

/// A function with its lines, from 0, both inclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) first: usize,
    pub(crate) last: usize,
    pub(crate) test: bool,
}

impl Function {
    pub(crate) fn len(&self) -> usize {
        self.last - self.first + 1
    }
}

/// Lines after which a search for a block, or for its end by indentation, is given up.
const MOST_LINES: usize = 2_000;
/// Lines between the first one of a declaration and its brace.
const MOST_HEAD: usize = 60;

/// Where the blocks of a file end, for each line with an opening brace.
pub(crate) struct Blocks {
    /// The end of the first one that is opened outside of parentheses on a line.
    first: Vec<Option<usize>>,
    /// The end of the last one that a line leaves open.
    last: Vec<Option<usize>>,
}

impl Blocks {
    /// Matches the braces of a file. What is never closed ends with the file.
    pub(crate) fn of(lines: &[Line<'_>]) -> Self {
        let end = lines.len().saturating_sub(1);
        let mut out = Self { first: vec![None; lines.len()], last: vec![None; lines.len()] };
        // Line, and whether it is the line's first.
        let mut open: Vec<(usize, bool)> = Vec::new();
        let close = |out: &mut Self, (line, is_first): (usize, bool), at: usize| {
            if is_first {
                out.first[line] = Some(at);
            }
            // The innermost is closed before those around it.
            if at > line && out.last[line].is_none() {
                out.last[line] = Some(at);
            }
        };
        for (i, line) in lines.iter().enumerate() {
            let (mut parens, mut seen) = (0i32, false);
            for b in line.code.bytes() {
                match b {
                    b'(' => parens += 1,
                    b')' => parens -= 1,
                    b'{' => {
                        let is_first = !seen && parens <= 0;
                        seen |= is_first;
                        open.push((i, is_first));
                    }
                    b'}' => {
                        if let Some(block) = open.pop() {
                            close(&mut out, block, i);
                        }
                    }
                    _ => {}
                }
            }
        }
        while let Some(block) = open.pop() {
            close(&mut out, block, end);
        }
        out
    }

    /// The line at which the last block that line `i` leaves open ends.
    pub(crate) fn last_closes(&self, i: usize) -> Option<usize> {
        self.last.get(i).copied().flatten()
    }
}

/// The functions of a file, in order.
pub(crate) fn functions(language: &str, lines: &[Line<'_>], blocks: &Blocks) -> Vec<Function> {
    let find = |i: usize| {
        let own = || brace_below(language, lines, i);
        let name = function_name(language, &lines[i].code).or_else(own)?;
        let last = match language {
            "Python" => indented_end(lines, i),
            _ => block_end(lines, blocks, i)?,
        };
        Some(Function { name, first: i, last, test: lines[i].test })
    };
    (0..lines.len()).filter_map(find).collect()
}

/// The name of a function whose brace stands on the next line, as C has it.
fn brace_below(language: &str, lines: &[Line<'_>], i: usize) -> Option<String> {
    let code = lines[i].code.trim_end();
    if !matches!(language, "C" | "C++" | "C#" | "Java") || !code.ends_with(')') {
        return None;
    }
    let below = lines[i + 1..].iter().take(2).map(|l| l.code.trim()).find(|c| !c.is_empty());
    if below != Some("{") {
        return None;
    }
    // The type may stand on the line before: then the name begins at the margin.
    let bare = || {
        let (head, _) = code.split_once('(')?;
        let named = !head.is_empty() && head.chars().all(is_ident) && !CONTROL.contains(&head);
        named.then(|| head.to_owned())
    };
    c_like(&format!("{code} {{"), true).or_else(bare)
}

/// The types that a file defines, in order.
pub(crate) fn types(lines: &[Line<'_>]) -> Vec<String> {
    const WORDS: &[&str] =
        &["struct", "enum", "trait", "class", "interface", "type", "union", "record", "protocol"];
    let name = |line: &Line<'_>| {
        let code = without_modifiers(&line.code);
        let (word, rest) = first_word(code);
        WORDS.contains(&word).then(|| ident_at(rest)).flatten()
    };
    lines.iter().filter_map(name).collect()
}

pub(crate) fn function_name(language: &str, code: &str) -> Option<String> {
    let code = without_modifiers(code);
    let (word, rest) = first_word(code);
    match (language, word) {
        ("Rust", "fn") | ("Python" | "Ruby" | "Scala", "def") | ("Kotlin", "fun") => ident_at(rest),
        ("Go" | "Swift", "func") => {
            // `func (r *T) Name(` has its receiver first.
            let rest = rest.trim_start();
            let rest = match rest.strip_prefix('(') {
                Some(receiver) => receiver.split_once(')')?.1,
                None => rest,
            };
            ident_at(rest)
        }
        ("JavaScript" | "TypeScript" | "PHP" | "Vue" | "Svelte", "function") => {
            ident_at(rest.trim_start_matches(['*', ' ']))
        }
        ("JavaScript" | "TypeScript" | "Vue" | "Svelte", _) => c_like(code, false),
        ("Java" | "C" | "C++" | "C#", _) => c_like(code, true),
        _ => None,
    }
}

/// Words before parentheses that are no function's name.
const CONTROL: &[&str] = &[
    "if",
    "for",
    "while",
    "switch",
    "catch",
    "return",
    "else",
    "do",
    "synchronized",
    "using",
    "lock",
    "new",
    "sizeof",
    "throw",
    "await",
    "function",
];

/// `type name(args) {`, or `name(args) {` for a method of a script language.
fn c_like(code: &str, typed: bool) -> Option<String> {
    let code = code.trim_end();
    let (head, _) = code.split_once('(')?;
    if !code.ends_with('{') || head.contains(['=', '.', '"']) {
        return None;
    }
    let name: String = {
        let tail = head.trim_end();
        let start = tail.rfind(|c: char| !is_ident(c)).map_or(0, |i| i + 1);
        tail.get(start..)?.to_owned()
    };
    let (first, _) = first_word(head);
    let sane = !name.is_empty()
        && !CONTROL.contains(&name.as_str())
        && !CONTROL.contains(&first)
        && (head.trim() != name) == typed;
    sane.then_some(name)
}

pub(crate) fn without_modifiers(code: &str) -> &str {
    const MODIFIERS: &[&str] = &[
        "pub",
        "async",
        "const",
        "unsafe",
        "extern",
        "export",
        "default",
        "public",
        "private",
        "protected",
        "internal",
        "static",
        "final",
        "abstract",
        "override",
        "open",
        "suspend",
        "inline",
        "data",
        "sealed",
    ];
    let mut code = code.trim_start();
    loop {
        let (word, rest) = first_word(code);
        if !MODIFIERS.contains(&word) {
            return code;
        }
        code = rest.trim_start();
        // `pub(crate)`, `extern "C"` (its string is blanked, its quotes are not).
        if let Some((_, tail)) = code.strip_prefix('(').and_then(|c| c.split_once(')')) {
            code = tail.trim_start();
        } else if let Some((_, tail)) = code.strip_prefix('"').and_then(|c| c.split_once('"')) {
            code = tail.trim_start();
        }
    }
}

pub(crate) fn first_word(code: &str) -> (&str, &str) {
    let end = code.find(|c: char| !is_ident(c)).unwrap_or(code.len());
    code.split_at(end)
}

fn ident_at(text: &str) -> Option<String> {
    let (name, _) = first_word(text.trim_start());
    (!name.is_empty()).then(|| name.to_owned())
}

/// The line of the brace that closes the first one opened from line `first` on; `None` for a
/// declaration without a body. A block that is never closed ends with the file.
pub(crate) fn block_end(lines: &[Line<'_>], blocks: &Blocks, first: usize) -> Option<usize> {
    let mut parens = 0i64;
    for (i, line) in lines.iter().enumerate().skip(first).take(MOST_HEAD) {
        for c in line.code.chars() {
            match c {
                '{' if parens <= 0 => return blocks.first[i],
                '(' | '[' => parens += 1,
                ')' | ']' => parens -= 1,
                ';' if parens <= 0 => {
                    return (i > first && is_attribute(lines, first)).then_some(i);
                }
                _ => {}
            }
        }
    }
    None
}

/// An attribute covers the declaration after it even if that has no body (`mod tests;`).
fn is_attribute(lines: &[Line<'_>], i: usize) -> bool {
    lines[i].code.trim_start().starts_with("#[")
}

/// The last line that is indented deeper than line `first`.
fn indented_end(lines: &[Line<'_>], first: usize) -> usize {
    let indent = |l: &Line<'_>| l.raw.len() - l.raw.trim_start().len();
    let own = indent(&lines[first]);
    let mut last = first;
    let mut parens = 0i64;
    for (i, line) in lines.iter().enumerate().skip(first).take(MOST_LINES) {
        let outside = parens <= 0;
        for c in line.code.chars() {
            match c {
                '(' | '[' | '{' => parens += 1,
                ')' | ']' | '}' => parens -= 1,
                _ => {}
            }
        }
        if i == first || line.raw.trim().is_empty() {
            continue;
        }
        // What stands at the margin inside brackets or a long string still belongs.
        if outside && indent(line) <= own && !line.code.trim().is_empty() {
            break;
        }
        last = i;
    }
    last
}

#[cfg(test)]
mod tests {
    use super::super::lex;
    use super::*;

    fn found(path: &str, source: &str) -> Vec<(String, usize, usize)> {
        let lines = lex::lines(path, source);
        functions(crate::target::language(path), &lines, &Blocks::of(&lines))
            .into_iter()
            .map(|f| (f.name, f.first + 1, f.last + 1))
            .collect()
    }

    #[test]
    fn functions_of_several_languages() {
        let rust = "pub(crate) async fn a() {\n    \"}\";\n}\ntrait T {\n    fn decl(&self);\n    fn b() {}\n}";
        assert_eq!(found("a.rs", rust), [("a".into(), 1, 3), ("b".into(), 6, 6)]);
        let python = "def a(x,\n      y):\n    if x:\n        return 1\n\n    return 2\n\nz = 1\n";
        assert_eq!(found("a.py", python), [("a".into(), 1, 6)]);
        let go = "func (s *Server) Run(x int) error {\n\treturn nil\n}\n";
        assert_eq!(found("a.go", go), [("Run".into(), 1, 3)]);
        let js = "export function a() {\n}\nclass B {\n  run(x) {\n    if (x) {\n    }\n  }\n}";
        assert_eq!(found("a.js", js), [("a".into(), 1, 2), ("run".into(), 4, 7)]);
        let java = "class A {\n  public static int run(String x) {\n    for (;;) {\n    }\n  }\n}";
        assert_eq!(found("A.java", java), [("run".into(), 2, 5)]);
    }

    #[test]
    fn heads_over_lines_and_what_only_looks_like_one() {
        for (path, source, want) in [
            ("a.c", "int f(char *p)\n{\n}\n", vec![("f", 1, 3)]),
            ("a.c", "int\nmain(void)\n{\n}\nif(x)\n{\n}\n", vec![("main", 2, 4)]),
            ("a.c", "int f(void)\n{\n  if (x)\n  {\n  }\n}\n", vec![("f", 1, 6)]),
            ("a.js", "foo(x)\n{\n}\n", vec![]),
            ("a.js", "app.get('/a', (req) => {\n});\nit.only('b', function () {\n});\n", vec![]),
            ("a.js", "export default (a) => {\n};\n", vec![]),
            ("a.js", "function f({\n  a,\n}) {\n  g();\n}\n", vec![("f", 1, 5)]),
            ("a.php", "<?php\nif($a)\n{\n} elseif ($b)\n{\n}\n", vec![]),
            ("a.php", "<?php\nfunction f($a)\n{\n}\n", vec![("f", 2, 4)]),
            (
                "A.java",
                "class A {\n  int f() {\n    if (a) {\n    } else if (b) {\n    }\n  }\n}\n",
                vec![("f", 2, 6)],
            ),
            ("A.java", "class A {\n  B b = new B(x) {\n  };\n}\n", vec![]),
            ("a.rs", "fn f(\n    a: [u8; 4],\n) {\n}\n", vec![("f", 1, 4)]),
            ("a.rs", "trait T {\n    fn f(\n        &self,\n    );\n}\n", vec![]),
            ("a.py", "def f(\n    a,\n):\n    return a\n\nx = 1\n", vec![("f", 1, 4)]),
            ("a.py", "def f(x):\n    y = [\n1,\n]\n    return y\nz = 1\n", vec![("f", 1, 5)]),
        ] {
            let want: Vec<_> = want.into_iter().map(|(n, a, b)| (n.to_owned(), a, b)).collect();
            assert_eq!(found(path, source), want, "{source}");
        }
    }

    #[test]
    fn blocks_end_where_their_braces_close() {
        let ends = |source: &str| {
            let blocks = Blocks::of(&lex::lines("a.js", source));
            (blocks.first, blocks.last)
        };
        let some = Some;
        for (source, first, last) in [
            ("f(a = {}) {\n}", vec![some(1), None], vec![some(1), None]),
            ("g(() => { if (a) {\n}\n})", vec![None; 3], vec![some(1), None, None]),
            ("a {} b {\n}", vec![some(0), None], vec![some(1), None]),
            ("if (a) { b({\n})\n}", vec![some(2), None, None], vec![some(1), None, None]),
            ("a {", vec![some(0)], vec![None]),
        ] {
            assert_eq!(ends(source), (first, last), "{source}");
        }
    }

    #[test]
    fn type_names() {
        let lines = lex::lines(
            "a.rs",
            "pub struct A;\npub(crate) enum B {}\nlet structx = 1;\ntype C = u8;",
        );
        assert_eq!(types(&lines), ["A", "B", "C"]);
    }
}
