//! Where the structure of code would be cut: before functions, types, classes, methods, statements.
//!
//! Blocks are followed by their brackets (in Python by indentation), with comments and strings out
//! of the way. One pass over the lines, whatever they hold. Parsers with real grammars were tried:
//! those of tree-sitter take gigabytes for eight kilobytes of text that was made to be hard, and no
//! count of steps tells it from ordinary code before the worker is dead.

use super::{Cut, Cuts, lines};
use crate::builtin::lex;
use crate::target::language;
use crate::text::clip;

/// Languages whose blocks stand in braces.
const BRACES: &[&str] = &[
    "Rust",
    "JavaScript",
    "TypeScript",
    "Go",
    "C",
    "C++",
    "C#",
    "Java",
    "Kotlin",
    "Scala",
    "Swift",
    "PHP",
    "Dart",
    "Zig",
];

/// Whether the blocks of a language stand in braces.
pub(crate) fn has_braces(language: &str) -> bool {
    BRACES.contains(&language)
}

/// Words that open a block of items, and words that open one of statements.
const CONTAINERS: &[&str] = &[
    "impl",
    "class",
    "mod",
    "trait",
    "interface",
    "namespace",
    "extern",
    "object",
    "module",
    "extension",
    "protocol",
    "struct",
    "enum",
    "union",
    "record",
];
const FUNCTIONS: &[&str] = &["fn", "func", "function", "fun", "def"];
/// The same in languages that are read by indentation alone.
const SUBS: &[&str] = &["sub", "proc", "procedure", "defp", "defmodule", "defmacro", "macro"];
/// Words that begin an item in column 0 even where brackets did not add up before.
const ITEMS: &[&str] = &[
    "fn",
    "pub",
    "impl",
    "struct",
    "enum",
    "trait",
    "mod",
    "class",
    "func",
    "function",
    "export",
    "interface",
    "namespace",
    "public",
    "abstract",
    "type",
    "def",
    "async",
    "macro_rules",
];

/// Every line start but the first, with how good a cut it is, in order; `None` where the structure of
/// the language is not known.
pub(super) fn candidates(path: &str, text: &str) -> Option<Cuts> {
    let language = language(path);
    let code = lex::code_of(path, text);
    let starts = if language == "Python" {
        by_indentation(&code)
    } else if has_braces(language) {
        by_braces(&code).0
    } else {
        return None;
    };
    let raw: Vec<&str> = text.lines().collect();
    let mut found = vec![None; raw.len()];
    let mut leads = Leads::default();
    for (row, cut) in starts {
        let (at, blank) = leads.of(&raw, &code, row);
        let cut = if cut == Cut::Statement && blank { Cut::Paragraph } else { cut };
        found[at] = found[at].max(Some(cut));
    }
    let mut cuts = lines::candidates(path, text);
    for (row, (_, cut)) in (1..).zip(&mut cuts) {
        *cut = match (code.get(row).is_some_and(|c| c.1), found.get(row).copied().flatten()) {
            (true, _) => Cut::Line,
            (_, Some(cut)) => cut,
            (_, None) => (*cut).min(Cut::Blank),
        };
    }
    Some(cuts)
}

/// The comments, attributes and decorators that stand directly above a line. What begins things of its own
/// may look like one that leads to others, so what is known of the line before goes on to the next: each
/// line is looked at once.
#[derive(Default)]
struct Leads {
    /// The line that was come to.
    row: usize,
    /// The first of those that lead to it.
    first: usize,
    /// Whether a blank line stands above that.
    blank: bool,
}

impl Leads {
    /// The first of those that lead to a line, and whether a blank line stands above it. Lines are asked for in order.
    fn of(&mut self, raw: &[&str], code: &[(String, bool)], row: usize) -> (usize, bool) {
        while self.row < row {
            let line = raw[self.row].trim_start();
            let is_comment = !line.is_empty() && code[self.row].0.trim().is_empty();
            self.row += 1;
            if !(is_comment || line.starts_with("#[") || line.starts_with('@')) {
                self.first = self.row;
                self.blank = line.is_empty();
            }
        }
        (self.first, self.blank)
    }
}

/// A block of code that something named may have, with its lines from 0, both inclusive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// What stands before it, comments and the insides of strings blanked.
    pub(crate) header: String,
    /// The line on which that begins.
    pub(crate) row: usize,
    /// The line of what opens it.
    pub(crate) opens: usize,
    /// The first line of what leads to it, as comments and decorators do.
    pub(crate) first: usize,
    /// Its last line.
    pub(crate) last: usize,
}

/// The blocks of a file in the order in which they begin. Where the language is not known, what is indented
/// deeper than a line is taken for its block.
pub(crate) fn blocks(path: &str, text: &str) -> Vec<Block> {
    blocks_of(language(path), text, &lex::code_of(path, text))
}

/// The same where the code was told from comments and strings before.
pub(crate) fn blocks_of(language: &str, text: &str, code: &[(String, bool)]) -> Vec<Block> {
    let mut blocks = if has_braces(language) { by_braces(code).1 } else { indented(code) };
    let raw: Vec<&str> = text.lines().collect();
    let mut leads = Leads::default();
    // In order of their first lines, whatever order they were opened in.
    blocks.sort_by_key(|block| block.first);
    for block in &mut blocks {
        block.first = leads.of(&raw, code, block.first).0;
    }
    blocks
}

/// The blocks by indentation alone.
fn indented(code: &[(String, bool)]) -> Vec<Block> {
    // Indentation of each open line, and its place in `found`.
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut found: Vec<Block> = Vec::new();
    let (mut brackets, mut before) = (0_usize, 0);
    for (row, (line, inside)) in code.iter().enumerate() {
        let body = line.trim();
        if body.is_empty() {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        if indent == 0 && !inside && ITEMS.contains(&first_word(body)) {
            brackets = 0;
        }
        if brackets == 0 && !inside {
            while let Some((_, at)) = open.pop_if(|(of, _)| *of >= indent) {
                found[at].last = before;
            }
            open.push((indent, found.len()));
            let header = if opens_block(body) { clip(body, HEADER) } else { "" };
            found.push(Block { header: header.to_owned(), row, opens: row, first: row, last: row });
        }
        // Braces that hold lines are told by their indentation.
        brackets = brackets_after(brackets, body.trim_start_matches('}').trim_end_matches('{'));
        before = row;
    }
    for (_, at) in open {
        found[at].last = before;
    }
    found
}

/// Whether a line may give what is indented below it a name.
fn opens_block(body: &str) -> bool {
    let mut words = body.split(|c: char| !crate::text::is_ident(c));
    body.ends_with(['{', ':', '='])
        || body.ends_with(" do")
        || words.any(|word| [FUNCTIONS, CONTAINERS, SUBS].iter().any(|w| w.contains(&word)))
}

fn brackets_after(before: usize, body: &str) -> usize {
    let count = |these: [char; 3]| body.matches(these).count();
    (before + count(['(', '[', '{'])).saturating_sub(count([')', ']', '}']))
}

/// Characters of what stands before a block that are read.
const HEADER: usize = 400;

/// The brackets that are open.
#[derive(Default)]
struct Frames {
    /// For each, whether what stands in it are items, and which block it is.
    open: Vec<(bool, Option<usize>)>,
    /// How many of them hold other things.
    others: usize,
    blocks: Vec<Block>,
}

impl Frames {
    fn push(&mut self, items: bool, block: Option<Block>) {
        let at = block.map(|block| {
            self.blocks.push(block);
            self.blocks.len() - 1
        });
        self.open.push((items, at));
        self.others += usize::from(!items);
    }

    fn pop(&mut self, row: usize) {
        let Some((items, block)) = self.open.pop() else { return };
        self.others -= usize::from(!items);
        if let Some(block) = block.and_then(|at| self.blocks.get_mut(at)) {
            block.last = row;
        }
    }

    /// Whether the innermost of them is a brace, or there is none.
    fn are_braces(&self) -> bool {
        self.open.last().is_none_or(|(_, block)| block.is_some())
    }

    /// Takes all that is open for closed before a line.
    fn close(&mut self, row: usize) {
        while !self.open.is_empty() {
            self.pop(row.saturating_sub(1));
        }
    }
}

/// The words before a block, from the last brace or semicolon on.
#[derive(Default)]
struct Words {
    text: String,
    row: usize,
}

impl Words {
    fn take(&mut self, c: char, row: usize, in_braces: bool) {
        if in_braces && matches!(c, '{' | '}' | ';') {
            self.text.clear();
        } else if self.text.is_empty() && (c.is_whitespace() || matches!(c, ',' | ')' | ']')) {
            // Nothing begins with these.
        } else if self.text.len() < HEADER {
            if self.text.is_empty() {
                self.row = row;
            }
            self.text.push(c);
        }
    }

    fn block(&self, named: bool, row: usize) -> Block {
        if named && !self.text.is_empty() {
            let (header, first) = (self.text.clone(), self.row);
            Block { header, row: first, opens: row, first, last: row }
        } else {
            Block { header: String::new(), row, opens: row, first: row, last: row }
        }
    }
}

/// Where it can be cut, and the blocks in braces.
fn by_braces(code: &[(String, bool)]) -> (Vec<(usize, Cut)>, Vec<Block>) {
    let mut frames = Frames::default();
    let mut found: Vec<(usize, Cut)> = Vec::new();
    // What the construct at hand says before its block, and where it stands in `found`.
    let mut header = String::new();
    let mut at_hand: Option<usize> = None;
    let mut words = Words::default();
    // The last thing ended: the next line begins another.
    let mut ended = true;
    for (row, (line, inside)) in code.iter().enumerate() {
        let body = line.trim();
        if body.is_empty() {
            continue;
        }
        let first = first_word(body);
        if !inside && line.starts_with(body) && ITEMS.contains(&first) {
            frames.close(row);
            ended = true;
        }
        let closes = body.starts_with(['}', ')', ']']);
        if !inside && !closes && !body.starts_with('{') && ended && !is_lead(body) {
            header.clear();
            words.text.clear();
            at_hand = (frames.others == 0).then_some(found.len());
            found.push((row, Cut::Statement));
        }
        for c in body.chars() {
            let in_braces = frames.are_braces();
            match c {
                '{' | '(' | '[' => {
                    let items = c == '{' && frames.others == 0 && holds_items(&header);
                    if let Some(entry) = at_hand.take_if(|_| c == '{') {
                        found[entry].1 = rank(frames.open.len());
                    }
                    // A brace in parentheses is one of an argument or a callback.
                    let block = || words.block(in_braces, row);
                    frames.push(items, (c == '{').then(block));
                }
                '}' | ')' | ']' => frames.pop(row),
                _ => {}
            }
            // Enough to know what it is; the rest of a long line says nothing more.
            if header.len() < HEADER {
                header.push(c);
            }
            words.take(c, row, if c == '{' { in_braces } else { frames.are_braces() });
        }
        if header.len() < HEADER {
            header.push(' ');
        }
        words.take(' ', row, false);
        ended = if is_lead(body) { ended } else { body.ends_with([';', '}', '{', ':']) };
    }
    frames.close(code.len());
    (found, frames.blocks)
}

fn by_indentation(code: &[(String, bool)]) -> Vec<(usize, Cut)> {
    // Indentation of each open header, and whether it is a class among classes.
    let mut frames: Vec<(usize, bool)> = Vec::new();
    let mut found = Vec::new();
    let (mut brackets, mut goes_on) = (0_usize, false);
    for (row, (line, inside)) in code.iter().enumerate() {
        let body = line.trim();
        if body.is_empty() {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let first = first_word(body);
        if !inside && indent == 0 && ITEMS.contains(&first) {
            brackets = 0;
        }
        if brackets == 0 && !inside && !goes_on {
            while frames.last().is_some_and(|(open, _)| *open >= indent) {
                frames.pop();
            }
            let among_items = frames.last().is_none_or(|(_, items)| *items);
            let item = matches!(first, "def" | "class" | "async") && among_items;
            if !body.starts_with('@') {
                found.push((row, if item { rank(frames.len()) } else { Cut::Statement }));
            }
            if body.ends_with(':') || item {
                frames.push((indent, first == "class" && among_items));
            }
        }
        brackets = brackets_after(brackets, body);
        goes_on = body.ends_with('\\');
    }
    found
}

/// An item with so many around it.
fn rank(level: usize) -> Cut {
    match level {
        0 => Cut::Item,
        1 => Cut::Inner,
        _ => Cut::Nested,
    }
}

/// True when what stands before a brace opens a block of items.
fn holds_items(header: &str) -> bool {
    let words = || header.split(|c: char| !crate::text::is_ident(c));
    if words().any(|word| FUNCTIONS.contains(&word)) {
        return false;
    }
    match words().find(|word| CONTAINERS.contains(word)) {
        // `struct point *make(int x) {` is a function of C.
        Some("struct" | "enum" | "union") => !header.contains('('),
        Some(_) => true,
        None => false,
    }
}

/// Attributes and decorators belong to what follows.
fn is_lead(body: &str) -> bool {
    (body.starts_with("#[") && body.ends_with(']')) || body.starts_with('@')
}

pub(super) fn first_word(body: &str) -> &str {
    let end = body.find(|c: char| !crate::text::is_ident(c)).unwrap_or(body.len());
    &body[..end]
}
