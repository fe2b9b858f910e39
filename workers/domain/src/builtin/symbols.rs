//! What the blocks of a file are called: functions, methods, types, modules.

use super::functions::{first_word, function_name, without_modifiers};
use crate::split::{Block, blocks};
use crate::target::language;
use crate::text::is_ident;
use std::collections::HashMap;

/// Words before the name of what is no function.
const CONTAINERS: &[&str] = &[
    "struct",
    "enum",
    "trait",
    "class",
    "interface",
    "type",
    "union",
    "record",
    "protocol",
    "mod",
    "module",
    "namespace",
    "object",
    "extension",
    "package",
    "impl",
    "macro_rules",
    "defmodule",
    "contract",
    "service",
    "message",
    "actor",
];
/// Words before the name of a function.
const FUNCTIONS: &[&str] = &[
    "fn",
    "func",
    "function",
    "fun",
    "def",
    "defp",
    "defmacro",
    "sub",
    "proc",
    "procedure",
    "method",
    "macro",
    "init",
];
/// Words that a call or a statement with parentheses begins with.
const CONTROL: &[&str] = &[
    "if",
    "for",
    "while",
    "switch",
    "match",
    "catch",
    "return",
    "else",
    "do",
    "with",
    "using",
    "lock",
    "try",
    "synchronized",
    "throw",
    "await",
    "elif",
    "unless",
    "until",
    "foreach",
    "guard",
    "case",
    "when",
    "select",
    "loop",
    "function",
    "in",
    "not",
    "and",
    "or",
    "except",
    "yield",
    "new",
    "let",
    "print",
    "assert",
];

/// Blocks around a line that are looked at: nothing is nested deeper that is read by anybody.
const MOST_AROUND: usize = 64;

/// The named blocks of a file.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    /// In order of their first lines.
    all: Vec<Symbol>,
    /// The blocks of each name, by their places in `all`.
    named: HashMap<String, Vec<usize>>,
}

#[derive(Debug)]
struct Symbol {
    names: Vec<String>,
    /// Lines, from 0, both inclusive.
    first: usize,
    last: usize,
    /// The block that it is in.
    parent: Option<usize>,
}

impl Symbols {
    /// `text` has `\n` as its only line end.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let language = language(path);
        let mut symbols = Self::default();
        let mut open: Vec<usize> = Vec::new();
        for block in blocks(path, text) {
            let names = names(language, &block);
            if names.is_empty() {
                continue;
            }
            while open.pop_if(|at| symbols.all[*at].last < block.first).is_some() {}
            let at = symbols.all.len();
            for name in &names {
                symbols.named.entry(name.clone()).or_default().push(at);
            }
            let (first, last, parent) = (block.first, block.last, open.last().copied());
            symbols.all.push(Symbol { names, first, last, parent });
            open.push(at);
        }
        symbols
    }

    /// The lines of all blocks of a name, from 0, both inclusive, in order; empty when there is none.
    pub(crate) fn ranges(&self, name: &str) -> impl Iterator<Item = (usize, usize)> {
        let blocks = self.named.get(name).map(Vec::as_slice).unwrap_or_default();
        blocks.iter().filter_map(|at| self.all.get(*at)).map(|symbol| (symbol.first, symbol.last))
    }

    /// The names of the blocks around a line, counted from 0, the innermost block first.
    pub(crate) fn around(&self, line: usize) -> impl Iterator<Item = &[String]> {
        let before = self.all.partition_point(|symbol| symbol.first <= line);
        let innermost = before.checked_sub(1);
        let up = |at: &usize| self.all.get(*at).and_then(|symbol| symbol.parent);
        std::iter::successors(innermost, up)
            .filter_map(|at| self.all.get(at))
            .filter(move |symbol| symbol.last >= line)
            .take(MOST_AROUND)
            .map(|symbol| symbol.names.as_slice())
    }
}

/// What a block is called; `impl A for B` and `void A::b()` have two names.
pub(crate) fn names(language: &str, block: &Block) -> Vec<String> {
    let header = block.header.trim();
    if header.is_empty() {
        return Vec::new();
    }
    let code = without_modifiers(header);
    let (word, rest) = first_word(code);
    if CONTAINERS.contains(&word) {
        return container(word, rest);
    }
    if let Some(name) = function_name(language, &format!("{header} {{")) {
        let mut names = qualifiers(code, &name);
        names.push(name);
        return names;
    }
    if FUNCTIONS.contains(&word) {
        let name = rest.trim_start_matches(|c: char| !is_ident(c));
        return vec![first_word(name).0.to_owned()];
    }
    if CONTROL.contains(&word) {
        return Vec::new();
    }
    called(code).or_else(|| assigned(code)).into_iter().collect()
}

/// The names of a type, a module or an implementation.
fn container(word: &str, rest: &str) -> Vec<String> {
    let rest = rest.trim_start_matches(['!', ' ', '\t']);
    let end = rest.find([':', '(', '{', '=']).filter(|_| word != "impl").unwrap_or(rest.len());
    let rest = rest[..end].split(" where ").next().unwrap_or_default();
    let words = rest.split(|c: char| !is_ident(c)).filter(|w| !w.is_empty());
    if word == "impl" {
        return words
            .filter(|w| !matches!(*w, "for" | "dyn" | "const"))
            .map(str::to_owned)
            .collect();
    }
    words.take(1).map(str::to_owned).collect()
}

/// What stands before a name with `::` or as the receiver of a method: `Store::push`, `func (s *Store) Push`.
fn qualifiers(code: &str, name: &str) -> Vec<String> {
    let Some(at) = code.find(name) else { return Vec::new() };
    let before = &code[..at];
    let word = |text: &str| {
        let start = text.rfind(|c: char| !is_ident(c));
        let start = start.map_or(0, |i| i + text[i..].chars().next().map_or(1, char::len_utf8));
        (start < text.len()).then(|| text[start..].to_owned())
    };
    let qualified = before.strip_suffix("::").and_then(word);
    let receiver = before.trim_end().strip_suffix(')').and_then(word);
    qualified.or(receiver).into_iter().collect()
}

/// `name(args)` before a block.
fn called(code: &str) -> Option<String> {
    let (head, _) = code.split_once('(')?;
    let head = head.trim_end();
    let start = head.rfind(|c: char| !is_ident(c));
    let start = start.map_or(0, |i| i + head[i..].chars().next().map_or(1, char::len_utf8));
    let name = &head[start..];
    let sane =
        !name.is_empty() && !head.contains(['=', '.', '"', '\'']) && !CONTROL.contains(&name);
    sane.then(|| name.to_owned())
}

/// `name = (args) =>`, `name: function (args)`.
fn assigned(code: &str) -> Option<String> {
    if !["=>", "function", "lambda", "->", "proc", "fn"].iter().any(|w| code.contains(w)) {
        return None;
    }
    let (head, _) = code.split_once(['=', ':'])?;
    let mut words = head.split(|c: char| !is_ident(c)).filter(|w| !w.is_empty());
    let (first, second) = (words.next()?, words.next());
    let name = if matches!(first, "const" | "let" | "var" | "val") { second? } else { first };
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str, name: &str) -> Vec<(usize, usize)> {
        Symbols::new(path, text).ranges(name).map(|(a, b)| (a + 1, b + 1)).collect()
    }

    #[test]
    fn blocks_have_the_names_that_reviewers_use() {
        let rust = "/// Doc.\npub struct Store {\n}\n\nimpl Drop for Store {\n    // Note.\n    #[inline]\n    fn drop(&mut self) {\n        if a(b) {\n        }\n    }\n}\n";
        let python = "class C1:\n    @prop\n    def send(self,\n             m):\n        '''{'''\n        return m\n\nclass C2(C1):\n    def send(self, m): pass\n";
        let go = "func (s *Server) Run(x int) error {\n\treturn nil\n}\n\nfunc run() {\n}\n";
        let cpp = "void\nStore::push(int x)\n{\n  for (;;) {\n  }\n}\n";
        let js = "(function () {\n  const load = async (x) => {\n    y({ a: 1 });\n  };\n  class B {\n    run({ a }) {\n    }\n  }\n  var o = {\n    go: function () {\n    },\n    stop() {\n    }\n  };\n})();\n";
        let java = "class A {\n  A(int x) {\n  }\n  @Override\n  public <T> int run(T x)\n      throws E {\n  }\n}\n";
        let ruby = "class A\n  def run(x)\n    x\n  end\nend\n";
        let shell = "load() {\n  cat \"$1\"\n}\nload x\n";
        for (path, text, name, want) in [
            ("a.rs", rust, "Store", vec![(1, 3), (5, 12)]),
            ("a.rs", rust, "drop", vec![(6, 11)]),
            ("a.rs", rust, "a", vec![]),
            ("a.py", python, "C1", vec![(1, 6)]),
            ("a.py", python, "send", vec![(2, 6), (9, 9)]),
            ("a.py", python, "C2", vec![(8, 9)]),
            ("a.go", go, "Run", vec![(1, 3)]),
            ("a.go", go, "Server", vec![(1, 3)]),
            ("a.go", go, "run", vec![(5, 6)]),
            ("a.cpp", cpp, "push", vec![(1, 6)]),
            ("a.cpp", cpp, "Store", vec![(1, 6)]),
            ("a.js", js, "load", vec![(2, 4)]),
            ("a.js", js, "run", vec![(6, 7)]),
            ("a.js", js, "B", vec![(5, 8)]),
            ("a.js", js, "go", vec![(10, 11)]),
            ("a.js", js, "stop", vec![(12, 13)]),
            ("A.java", java, "run", vec![(4, 7)]),
            ("A.java", java, "A", vec![(1, 8), (2, 3)]),
            ("a.rb", ruby, "run", vec![(2, 3)]),
            ("a.rb", ruby, "A", vec![(1, 4)]),
            ("a.sh", shell, "load", vec![(1, 2)]),
            (
                "a.ex",
                "defmodule A do\n  defp load(x) do\n    x\n  end\nend\n",
                "load",
                vec![(2, 3)],
            ),
            ("a.rs", "impl<T: Ord> Heap<T> {\n}\n", "Heap", vec![(1, 2)]),
        ] {
            assert_eq!(lines(path, text, name), want, "{path} {name}");
        }
    }
}
