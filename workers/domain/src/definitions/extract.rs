//! The definitions of one file, in one pass over its lines and blocks.

use super::heads::{
    TYPES, before_body, begin_on_its_line, first_word, implemented, is_type, is_unbalanced, joined,
    type_name, without_modifiers,
};
use super::members::{self, squeezed};
use super::{Definition, Family, Kind, MOST_BYTES, MOST_NAME, MOST_OF_FILE, MOST_REPR};
use crate::builtin::{lex, symbols};
use crate::split::{Block, blocks_of, has_braces};
use crate::target::language;
use crate::text::{clip_marked, is_ident};

const FUNCTIONS: &[&str] = &["fn", "func", "function", "fun", "def", "sub", "macro_rules"];
const VALUES: &[&str] = &["const", "static", "let", "var", "val"];
/// Blocks that hold definitions and are none.
const SPACES: &[&str] = &["mod", "module", "namespace", "package"];
/// Declarations of a file that are put together of their lines.
const MOST_TRIES: usize = 4 * MOST_OF_FILE;

/// A block around a line.
struct Scope {
    last: usize,
    /// The type that its members belong to; empty for a module.
    owner: String,
    /// What is defined in it is nobody else's, and so in all blocks inside of it.
    local: bool,
}

/// The definitions of a file that others can use, in the order of its lines. `text` has `\n` as its line end.
pub fn extract(path: &str, text: &str) -> Vec<Definition> {
    let Some(family) = Family::of(path).filter(|_| text.len() <= MOST_BYTES) else {
        return Vec::new();
    };
    let code = lex::code_of(path, text);
    let language = language(path);
    let mut blocks = blocks_of(language, text, &code);
    if matches!(language, "Kotlin" | "Scala" | "Swift") || family == Family::Script {
        for block in &mut blocks {
            begin_on_its_line(&code, block);
        }
        blocks.sort_by_key(|block| block.row);
    }
    let mut file = File {
        family,
        language,
        code: &code,
        found: Vec::new(),
        open: Vec::new(),
        group: "",
        begun: None,
        tries: 0,
    };
    let mut blocks = blocks.iter().peekable();
    for row in 0..code.len() {
        if file.found.len() >= MOST_OF_FILE {
            break;
        }
        while file.open.pop_if(|scope| scope.last < row).is_some() {}
        let local = file.open.last().is_some_and(|scope| scope.local);
        let mut named = false;
        while let Some(block) = blocks.next_if(|block| block.row <= row) {
            named |= file.enter(block);
        }
        if !named && !local {
            file.line(row);
        }
    }
    file.found
}

struct File<'a> {
    family: Family,
    language: &'static str,
    code: &'a [(String, bool)],
    found: Vec<Definition>,
    open: Vec<Scope>,
    /// The word of the group in parentheses that is open, as Go has them.
    group: &'static str,
    /// What stands before a block that has braces between angle brackets, and its line.
    begun: Option<(String, usize)>,
    /// Declarations that were put together.
    tries: usize,
}

impl File<'_> {
    /// Takes a block in; whether it has told what its line defines.
    fn enter(&mut self, block: &Block) -> bool {
        let (header, row) = match self.begun.take() {
            Some((begun, row)) if block.header.trim_start().starts_with('>') => {
                // What stood there was taken for a line by itself.
                self.found.pop_if(|last| last.line as usize == row + 1);
                (squeezed(&format!("{begun} {{}}{}", block.header)), row)
            }
            _ => (squeezed(&block.header), block.row),
        };
        if self.family == Family::Script && is_unbalanced(&header) && header.len() < 2 * MOST_REPR {
            self.begun = Some((header, row));
            return false;
        }
        let (head, is_async) = without_modifiers(&header);
        let (word, rest) = first_word(head);
        let local = self.open.last().is_some_and(|scope| scope.local);
        let mut scope = Scope { last: block.last, owner: String::new(), local: true };
        if matches!(word, "impl" | "extension") {
            scope.owner = implemented(word, rest);
            // What all types have is told of by the trait.
            scope.local = local || scope.owner.is_empty();
        } else if SPACES.contains(&word) || (word.is_empty() && header.starts_with("extern")) {
            let name = first_word(rest.trim_start()).0;
            scope.local = local || matches!(name, "tests" | "test");
        } else if is_type(self.family, head) {
            let name = type_name(rest);
            (scope.owner, scope.local) = (name.to_owned(), local);
            if !local {
                self.add_type(name, (row, block), head);
            }
        } else if !self.is_function(word, &header) {
            // What stands in an `if` or a `try` of a module belongs to it.
            if self.family == Family::Python {
                return false;
            }
            self.open.push(scope);
            return false;
        } else {
            let named = local || self.add_function((row, block), &header, head, is_async);
            self.open.push(scope);
            return named;
        }
        self.open.push(scope);
        true
    }

    /// Whether a block is that of a function, by what stands before it.
    fn is_function(&self, word: &str, header: &str) -> bool {
        if header.is_empty() {
            return false;
        }
        let typed =
            matches!(self.language, "Java" | "C" | "C++" | "C#" | "Dart" | "Shell" | "Groovy");
        FUNCTIONS.contains(&word)
            || word == "async"
            || (word == "unsafe" || word == "const") && header.contains("fn ")
            || typed
            || self.family == Family::Script
    }

    /// False for a block that is no function after all.
    fn add_function(
        &mut self,
        (row, block): (usize, &Block),
        header: &str,
        head: &str,
        is_async: bool,
    ) -> bool {
        let mut names =
            symbols::names(self.language, &Block { header: header.to_owned(), ..*block });
        let called = head.split('(').next().unwrap_or_default().trim_end();
        // `struct point *make(int x)`.
        if self.family == Family::C && TYPES.contains(&first_word(head).0) {
            names = called.rsplit(|c| !is_ident(c)).take(1).map(str::to_owned).collect();
        }
        // `fun String.ext()`, `function M.go()`: what it is called on is no name of its own.
        if matches!(self.family, Family::Jvm | Family::Other(_))
            && FUNCTIONS.contains(&first_word(head).0)
            && let Some((of, name)) = called.rsplit_once(['.', ':'])
            && name.chars().all(is_ident)
        {
            let of = of.rsplit(' ').next().unwrap_or_default();
            names = vec![first_word(of).0.to_owned(), name.to_owned()];
        }
        let Some((name, qualifiers)) = names.split_last() else { return false };
        let owner = match qualifiers.first() {
            Some(owner) => owner.clone(),
            None => self
                .open
                .iter()
                .rev()
                .find(|s| !s.owner.is_empty())
                .map_or_else(String::new, |s| s.owner.clone()),
        };
        let whole;
        let head = if has_braces(self.language) {
            head
        } else {
            // Its header is the first line alone.
            whole = squeezed(&joined(self.code, row));
            let body = if self.family == Family::Python { ':' } else { '{' };
            before_body(without_modifiers(&whole).0, body)
        };
        let mut repr = String::from(if is_async { "async " } else { "" });
        let head = head.trim_end().trim_end_matches("=>").trim_end().trim_end_matches("...");
        repr.push_str(head.trim_end_matches([':', '{', '=', ' ']));
        self.add(name, owner, &repr, Kind::Function, row);
        true
    }

    fn add_type(&mut self, name: &str, (row, block): (usize, &Block), head: &str) {
        let last = block.last.min(self.code.len() - 1);
        let members = members::of(self.family, head, &self.code[block.opens.min(last)..=last]);
        let head = if self.family == Family::Python {
            squeezed(&joined(self.code, row))
        } else {
            head.to_owned()
        };
        let mut repr = head.trim_end_matches([':', '{', '=', ' ']).to_owned();
        if !members.is_empty() {
            repr.push_str(" { ");
            repr.push_str(&members);
            repr.push_str(" }");
        }
        let owner = String::new();
        self.add(name, owner, &repr, Kind::Type, row);
    }

    /// What a line defines that has no block.
    fn line(&mut self, row: usize) {
        let (code, inside) = &self.code[row];
        let trimmed = code.trim();
        if *inside || trimmed.is_empty() {
            return;
        }
        if trimmed == ")" {
            self.group = "";
            return;
        }
        let (head, is_async) = without_modifiers(trimmed);
        let (word, rest) = first_word(head);
        let at_margin = code.starts_with(trimmed);
        let owner = self.open.last().map_or_else(String::new, |scope| scope.owner.clone());
        if self.family == Family::Go
            && matches!(word, "const" | "var" | "type")
            && rest.trim() == "("
        {
            self.group = if word == "type" { "type" } else { "var" };
        } else if !self.group.is_empty() && word.len() > 1 && !rest.is_empty() {
            let kind = if self.group == "type" { Kind::Type } else { Kind::Value };
            let repr = format!("{} {}", self.group, squeezed(trimmed));
            self.add(word, owner, &repr, kind, row);
        } else if FUNCTIONS.contains(&word)
            || (matches!(word, "const" | "unsafe") && rest.starts_with(" fn "))
        {
            let name = head.split_once("fn ").map_or(rest, |(_, rest)| rest);
            let name = first_word(name.trim_start_matches(|c: char| !is_ident(c))).0.to_owned();
            let repr = self.whole(row, if is_async { "async " } else { "" });
            self.add(&name, owner, &repr, Kind::Function, row);
        } else if is_type(self.family, head) {
            let name = type_name(rest).to_owned();
            if at_margin && (!rest.contains(';') || rest.contains(['=', '(', '<'])) {
                let repr = self.whole(row, "");
                self.add(&name, String::new(), &repr, Kind::Type, row);
            }
        } else if VALUES.contains(&word) && owner.is_empty() {
            let name = rest.trim_start().trim_start_matches("mut ").trim_start_matches("val ");
            let name = first_word(name).0.to_owned();
            let repr = self.whole(row, "");
            self.add(&name, owner, &repr, Kind::Value, row);
        } else if at_margin {
            self.at_margin(row, trimmed);
        }
    }

    /// What a line at the margin defines without a word before it.
    fn at_margin(&mut self, row: usize, trimmed: &str) {
        let (word, rest) = first_word(trimmed);
        let rest = rest.trim_start();
        if self.family == Family::Python {
            let set = rest.starts_with('=') && !rest.starts_with("==");
            if set || rest.starts_with(':') && !trimmed.ends_with(':') {
                let repr = self.whole(row, "");
                self.add(word, String::new(), &repr, Kind::Value, row);
            }
        } else if self.family == Family::C {
            if let Some(macro_) = trimmed.strip_prefix("#define ") {
                let name = first_word(macro_.trim_start()).0.to_owned();
                self.add(&name, String::new(), &squeezed(trimmed), Kind::Value, row);
            } else if trimmed.contains('(') && !trimmed.contains(['=', '{', '}', '#']) {
                let whole = self.whole(row, "");
                let head = whole.split('(').next().unwrap_or_default().trim_end();
                let name =
                    head.rsplit(|c: char| !is_ident(c)).next().unwrap_or_default().to_owned();
                if whole.ends_with(')') && head.len() > name.len() {
                    self.add(&name, String::new(), &whole, Kind::Function, row);
                }
            }
        }
    }

    /// A declaration of one or more lines, without modifiers and what ends it.
    fn whole(&mut self, row: usize, before: &str) -> String {
        self.tries += 1;
        if self.tries > MOST_TRIES {
            return String::new();
        }
        let whole = squeezed(&joined(self.code, row));
        let head = without_modifiers(&whole).0;
        format!("{before}{}", head.trim_end_matches([';', ',', '{', ' ']))
    }

    fn add(&mut self, name: &str, owner: String, repr: &str, kind: Kind, row: usize) {
        let is_name = name.starts_with(|c: char| c.is_alphabetic() || c == '_' || c == '$');
        if !is_name
            || self.found.len() >= MOST_OF_FILE
            || name == "_"
            || name.chars().nth(MOST_NAME).is_some()
            || owner.chars().nth(MOST_NAME).is_some()
        {
            return;
        }
        let line = u32::try_from(row + 1).unwrap_or(u32::MAX);
        let repr = clip_marked(repr.trim(), MOST_REPR);
        self.found.push(Definition { symbol: name.to_owned(), owner, repr, kind, line });
    }
}
