//! Where the structure of code would be cut: before functions, types, classes, methods, statements.
//!
//! Blocks are followed by their brackets (in Python by indentation), with comments and strings out
//! of the way. One pass over the lines, whatever they hold. Parsers with real grammars were tried:
//! those of tree-sitter take gigabytes for eight kilobytes of text that was made to be hard, and no
//! count of steps tells it from ordinary code before the worker is dead.

use super::{Cut, Cuts, lines};
use crate::builtin::lex;
use crate::target::language;

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
    } else if BRACES.contains(&language) {
        by_braces(&code)
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

/// The brackets that are open.
#[derive(Default)]
struct Frames {
    /// For each, whether what stands in it are items.
    open: Vec<bool>,
    /// How many of them hold other things.
    others: usize,
}

impl Frames {
    fn push(&mut self, items: bool) {
        self.open.push(items);
        self.others += usize::from(!items);
    }

    fn pop(&mut self) {
        self.others -= usize::from(self.open.pop() == Some(false));
    }
}

fn by_braces(code: &[(String, bool)]) -> Vec<(usize, Cut)> {
    let mut frames = Frames::default();
    let mut found: Vec<(usize, Cut)> = Vec::new();
    // What the construct at hand says before its block, and where it stands in `found`.
    let mut header = String::new();
    let mut at_hand: Option<usize> = None;
    // The last thing ended: the next line begins another.
    let mut ended = true;
    for (row, (line, inside)) in code.iter().enumerate() {
        let body = line.trim();
        if body.is_empty() {
            continue;
        }
        let first = first_word(body);
        if !inside && line.starts_with(body) && ITEMS.contains(&first) {
            frames = Frames::default();
            ended = true;
        }
        let closes = body.starts_with(['}', ')', ']']);
        if !inside && !closes && !body.starts_with('{') && ended && !is_lead(body) {
            header.clear();
            at_hand = (frames.others == 0).then_some(found.len());
            found.push((row, Cut::Statement));
        }
        for c in body.chars() {
            match c {
                '{' | '(' | '[' => {
                    let items = c == '{' && frames.others == 0 && holds_items(&header);
                    if let Some(entry) = at_hand.take_if(|_| c == '{') {
                        found[entry].1 = rank(frames.open.len());
                    }
                    frames.push(items);
                }
                '}' | ')' | ']' => {
                    frames.pop();
                }
                _ => {}
            }
            // Enough to know what it is; the rest of a long line says nothing more.
            if header.len() < 400 {
                header.push(c);
            }
        }
        header.push(' ');
        ended = if is_lead(body) { ended } else { body.ends_with([';', '}', '{', ':']) };
    }
    found
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
        let count = |these: [char; 3]| body.matches(these).count();
        brackets = (brackets + count(['(', '[', '{'])).saturating_sub(count([')', ']', '}']));
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

fn first_word(body: &str) -> &str {
    let end = body.find(|c: char| !crate::text::is_ident(c)).unwrap_or(body.len());
    &body[..end]
}
