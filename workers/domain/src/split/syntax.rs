//! Where a syntax tree would be cut: before functions, types, classes, methods, statements.
//!
//! tree-sitter parses whatever it is given, broken code too. Hostile code is bounded by a number of
//! steps and not by time, so that every worker splits a file in the same way.

use super::{Cut, Cuts, lines};
use crate::target::language;
use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use tree_sitter::{Language, Node, ParseOptions, Parser, Tree};

/// Reports of progress that a parse may take: this many, and one more for each so many bytes.
/// tree-sitter reports about every 100 operations; ordinary code takes a few operations a
/// byte.
const STEPS: usize = 1_000;
const BYTES_A_STEP: usize = 10;
/// Reports of progress while the parser is looking for a way out of an error, which is where hostile
/// text costs most.
const ERROR_STEPS: usize = 100;
/// Brackets open at a time; more are no program that a person wrote, and each costs all that follow.
const NESTING: usize = 250;
/// Levels of the tree that are looked at; no item that matters stands deeper.
const DEPTH: usize = 60;
/// Nodes that are looked at, for each byte of the file.
const NODES_A_BYTE: usize = 4;

/// What is at hand for a language.
struct Grammar {
    language: Language,
    /// Kinds of nodes that are items.
    items: &'static [&'static str],
}

fn grammar(path: &str) -> Option<Grammar> {
    let (language, items): (Language, &[&str]) = match language(path) {
        "Rust" => (
            tree_sitter_rust::LANGUAGE.into(),
            &[
                "function_item",
                "function_signature_item",
                "impl_item",
                "struct_item",
                "enum_item",
                "union_item",
                "trait_item",
                "mod_item",
                "foreign_mod_item",
                "const_item",
                "static_item",
                "type_item",
                "macro_definition",
            ],
        ),
        "Python" => (
            tree_sitter_python::LANGUAGE.into(),
            &["function_definition", "class_definition", "decorated_definition"],
        ),
        // The grammar with JSX reads plain JavaScript too. Only TypeScript's casts with angle
        // brackets need the other one.
        "JavaScript" => (tree_sitter_typescript::LANGUAGE_TSX.into(), SCRIPT),
        "TypeScript" if path.ends_with('x') => {
            (tree_sitter_typescript::LANGUAGE_TSX.into(), SCRIPT)
        }
        "TypeScript" => (tree_sitter_typescript::LANGUAGE_TYPESCRIPT.into(), SCRIPT),
        "Go" => (
            tree_sitter_go::LANGUAGE.into(),
            &[
                "function_declaration",
                "method_declaration",
                "type_declaration",
                "const_declaration",
                "var_declaration",
            ],
        ),
        "C" => (
            tree_sitter_c::LANGUAGE.into(),
            &[
                "function_definition",
                "declaration",
                "type_definition",
                "struct_specifier",
                "union_specifier",
                "enum_specifier",
                "linkage_specification",
                "preproc_function_def",
            ],
        ),
        _ => return None,
    };
    Some(Grammar { language, items })
}

const SCRIPT: &[&str] = &[
    "function_declaration",
    "generator_function_declaration",
    "class_declaration",
    "abstract_class_declaration",
    "interface_declaration",
    "type_alias_declaration",
    "enum_declaration",
    "export_statement",
    "method_definition",
    "internal_module",
    "module",
];

/// Every line start but the first, with how good a cut it is, in order; `None` where no grammar is
/// at hand or the parse was given up.
pub(super) fn candidates(path: &str, text: &str) -> Option<Cuts> {
    let grammar = grammar(path)?;
    let tree = parse(&grammar.language, text)?;
    let found = look(&tree, &grammar, text)?;
    let mut cuts = lines::candidates(path, text);
    for (row, (at, cut)) in (1..).zip(&mut cuts) {
        let in_error = found.errors.iter().any(|range| range.contains(at));
        *cut = match found.rows.get(&row) {
            _ if found.inside.binary_search(&row).is_ok() => Cut::Line,
            Some(cut) => *cut,
            // What can't be parsed is judged by its looks.
            None if in_error => *cut,
            None => (*cut).min(Cut::Blank),
        };
    }
    Some(cuts)
}

fn parse(language: &Language, text: &str) -> Option<Tree> {
    if nesting(text) > NESTING {
        return None;
    }
    let mut parser = Parser::new();
    parser.set_language(language).ok()?;
    let mut left = STEPS + text.len() / BYTES_A_STEP;
    let mut errors_left = ERROR_STEPS;
    let mut step = |state: &tree_sitter::ParseState| {
        left = left.saturating_sub(1);
        errors_left = errors_left.saturating_sub(usize::from(state.has_error()));
        if left == 0 || errors_left == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let options = ParseOptions::new().progress_callback(&mut step);
    let bytes = text.as_bytes();
    parser.parse_with_options(&mut |at, _| bytes.get(at..).unwrap_or_default(), None, Some(options))
}

/// Brackets open at a time at most, strings and comments included.
fn nesting(text: &str) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'(' | b'[' | b'{' => open += 1,
            b')' | b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

/// What the tree says about the lines, counted from 0.
#[derive(Default)]
struct Found {
    rows: HashMap<usize, Cut>,
    /// Lines that begin inside a string or a comment, ascending.
    inside: Vec<usize>,
    /// Bytes that could not be parsed; few, see [`MOST_ERRORS`].
    errors: Vec<Range<usize>>,
}

/// A file with more unreadable places than this is not written in this language.
const MOST_ERRORS: usize = 50;

/// One level of the walk.
#[derive(Default, Clone, Copy)]
struct Level {
    /// Items around the nodes of this level.
    items: usize,
    /// First and last row of comments and attributes that lead to the next node.
    lead: Option<(usize, usize)>,
}

fn look(tree: &Tree, grammar: &Grammar, text: &str) -> Option<Found> {
    let starts: Vec<usize> =
        std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
    let mut found = Found::default();
    let mut cursor = tree.walk();
    let mut levels = vec![Level::default()];
    let mut nodes_left = text.len().saturating_mul(NODES_A_BYTE);
    if !cursor.goto_first_child() {
        return None;
    }
    loop {
        nodes_left = nodes_left.checked_sub(1)?;
        let node = cursor.node();
        let level = levels.last_mut()?;
        let is_item = visit(&node, level, grammar, text, &starts, &mut found);
        if found.errors.len() > MOST_ERRORS {
            return None;
        }
        let below = Level { items: level.items + usize::from(is_item), lead: None };
        if levels.len() < DEPTH && !node.is_error() && cursor.goto_first_child() {
            levels.push(below);
            continue;
        }
        while !cursor.goto_next_sibling() {
            levels.pop();
            if levels.is_empty() || !cursor.goto_parent() {
                return Some(found);
            }
        }
    }
}

/// Notes what one node says; true for an item.
fn visit(
    node: &Node<'_>,
    level: &mut Level,
    grammar: &Grammar,
    text: &str,
    starts: &[usize],
    found: &mut Found,
) -> bool {
    let (first, last) = rows(node);
    if node.is_error() {
        found.errors.push(node.byte_range());
    }
    if node.child_count() == 0 && last > first {
        found.inside.extend(first + 1..=last);
    }
    let kind = node.kind();
    let opens_line = starts
        .get(first)
        .and_then(|at| text.get(*at..node.start_byte()))
        .is_some_and(|before| before.bytes().all(|b| b == b' ' || b == b'\t'));
    if kind.contains("comment") || kind == "attribute_item" || kind == "decorator" {
        if opens_line {
            level.lead = match level.lead {
                Some((from, to)) if to + 1 >= first => Some((from, last)),
                _ => Some((first, last)),
            };
        }
        return false;
    }
    let lead = level.lead.take();
    let is_item = node.is_named() && grammar.items.contains(&kind);
    if !node.is_named() || !opens_line {
        return is_item;
    }
    let row = lead.filter(|(_, to)| to + 1 >= first).map_or(first, |(from, _)| from);
    let cut = match (is_item, level.items) {
        (true, 0) => Cut::Item,
        (true, 1) => Cut::Inner,
        (true, _) => Cut::Nested,
        (false, _) if is_statement(kind) => {
            let blank = row.checked_sub(1).and_then(|above| {
                text.get(*starts.get(above)?..*starts.get(row)?).map(|l| l.trim().is_empty())
            });
            if blank == Some(true) { Cut::Paragraph } else { Cut::Statement }
        }
        (false, _) => return false,
    };
    let entry = found.rows.entry(row).or_insert(cut);
    *entry = (*entry).max(cut);
    is_item
}

fn is_statement(kind: &str) -> bool {
    const ENDS: &[&str] = &[
        "statement",
        "declaration",
        "definition",
        "arm",
        "variant",
        "pair",
        "assignment",
        "invocation",
        "preproc_def",
        "preproc_include",
    ];
    ENDS.iter().any(|end| kind.ends_with(end))
}

/// First and last row of a node; a line break at its end belongs to its last row.
fn rows(node: &Node<'_>) -> (usize, usize) {
    let (first, end) = (node.start_position().row, node.end_position());
    let last = if end.column == 0 { end.row.saturating_sub(1) } else { end.row };
    (first, last.max(first))
}
