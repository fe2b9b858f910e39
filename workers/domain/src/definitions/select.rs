//! Which definitions a file uses, by its imports and by where the definitions lie.

use super::imports::{Import, Imports, Module, joined, rust_module};
use super::index::{Found, Index, distance};
use super::uses::{Use, uses};
use super::{Definition, Family, Kind, MOST_BYTES, dir_of, extract};
use crate::builtin::lex;
use crate::text::clip_marked;
use queue_schema::rows::TypeHint;
use std::collections::{BTreeMap, BTreeSet};

/// Names of methods that say nothing of whose they are.
#[rustfmt::skip]
const COMMON: &[&str] = &[
    "new", "get", "set", "put", "push", "pop", "insert", "remove", "delete", "add", "len", "size", "length", "append",
    "extend", "update", "keys", "key", "values", "value", "items", "item", "iter", "map", "filter", "collect", "clone",
    "into", "from", "to_string", "toString", "join", "split", "format", "write", "read", "close", "open", "run", "start",
    "stop", "send", "recv", "next", "find", "contains", "clear", "default", "as_str", "unwrap", "expect", "then", "catch",
    "forEach", "reduce", "slice", "concat", "apply", "call", "bind", "on", "off", "emit", "log", "error", "warn", "info",
    "debug", "test", "exec", "match", "matches", "replace", "trim", "name", "path", "parse", "index", "id", "type", "data",
    "is_empty", "isEmpty", "has", "init", "build", "copy", "sort", "reverse", "min", "max", "count", "sum", "all", "any",
    "first", "last", "take", "skip", "some", "every", "fill", "flush", "seek", "save", "load", "lock", "unlock", "wait",
    "reset", "equals", "hashCode", "compareTo", "compare", "eq", "cmp", "hash", "fmt", "drop", "deref", "as_ref", "as_mut",
    "encode", "decode", "strip", "lower", "upper", "title", "String", "Error", "Close", "Read", "Write", "Len", "Get",
    "Set", "Add", "Run", "Start", "Stop", "New", "end", "begin", "empty", "text", "json", "string", "status", "url", "as_bytes",
    "setdefault",
];

/// Modules whose names are all brought in that are looked at for each name.
const MOST_GLOBS: usize = 30;

/// How many definitions are shown, and how much of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefinitionLimits {
    /// At most so many.
    pub count: usize,
    /// Characters of each.
    pub chars: usize,
}

/// The definitions that a file of the commit uses, nearest first. Those of the file itself are among them where `own`:
/// for a reviewer who does not see it whole.
pub fn select(
    index: &Index,
    path: &str,
    text: &str,
    own: bool,
    limits: DefinitionLimits,
) -> Vec<TypeHint> {
    let Some(family) = Family::of(path).filter(|_| text.len() <= MOST_BYTES) else {
        return Vec::new();
    };
    if limits.count == 0 || limits.chars == 0 {
        return Vec::new();
    }
    let code = lex::code_of(path, text);
    let imports = Imports::of(family, path, text, &code);
    let definitions = extract(path, text);
    let uses = uses(&code, &imports);
    let mut file = File {
        index,
        family,
        path,
        test: crate::target::is_test_path(path),
        imports: &imports,
        own: &definitions,
        related: BTreeSet::new(),
    };
    let mut shown = Shown::default();
    if own {
        for definition in &definitions {
            let count: usize = uses
                .iter()
                .filter(|(used, _)| used.name == definition.symbol)
                .map(|(_, n)| n)
                .sum();
            // Once it stands where it is defined.
            if count > 1 {
                shown.add(0, count, path, definition);
            }
        }
    }
    file.relate();
    let mut methods = Vec::new();
    for (used, count) in &uses {
        match file.resolve(used) {
            Resolved::To(found) => {
                file.related.insert(found.file);
                shown.add(file.tier(&found), *count, found.path, found.definition);
            }
            Resolved::OfValue => methods.push((used, *count)),
            Resolved::Not => {}
        }
    }
    for (used, count) in methods {
        if let Some(found) = file.method(&used.name) {
            shown.add(file.tier(&found), count, found.path, found.definition);
        }
    }
    shown.hints(limits)
}

/// What a use comes to.
enum Resolved<'a> {
    To(Found<'a>),
    /// A member of a value whose type is not told.
    OfValue,
    Not,
}

struct File<'a> {
    index: &'a Index,
    family: Family,
    path: &'a str,
    test: bool,
    imports: &'a Imports,
    own: &'a [Definition],
    /// Files that are imported, or define what is.
    related: BTreeSet<u32>,
}

impl<'a> File<'a> {
    fn relate(&mut self) {
        for import in &self.imports.all {
            // What is imported may be a module itself.
            let path = joined(&import.module.path, &import.symbol);
            let below = Module { path, ..import.module.clone() };
            for module in [&import.module, &below] {
                let found = self.index.module(self.family, self.path, module);
                // A directory of many files says little.
                let files = found.map(|(_, files)| files).filter(|files| files.len() <= 40);
                self.related.extend(files.into_iter().flatten());
            }
        }
    }

    fn resolve(&self, used: &Use) -> Resolved<'a> {
        if used.of_value || used.chain.starts_with('/') {
            return if used.call { Resolved::OfValue } else { Resolved::Not };
        }
        let found = if used.chain.is_empty() {
            self.bare(&used.name, used.call)
        } else {
            self.qualified(used)
        };
        match found {
            Some(found) => Resolved::To(found),
            // A name before it may be a variable.
            None if used.call && self.may_be_value(&used.chain) => Resolved::OfValue,
            None => Resolved::Not,
        }
    }

    /// Whether the names before a name are no module or type that is known.
    fn may_be_value(&self, chain: &str) -> bool {
        let first = chain.split('/').next().unwrap_or_default();
        !first.is_empty()
            && self
                .imports
                .named(first)
                .is_none_or(|i| i.local.starts_with(char::is_lowercase) && chain.contains('/'))
    }

    /// Whether the file itself defines a name; `const name = require('...')` does not.
    fn is_own(&self, name: &str) -> bool {
        let imported = self.imports.named(name).is_some();
        let own = |d: &&Definition| d.symbol == name && d.owner.is_empty();
        self.own.iter().filter(own).any(|d| !(imported && d.kind == Kind::Value))
    }

    /// A name that stands alone.
    fn bare(&self, name: &str, call: bool) -> Option<Found<'a>> {
        if self.is_own(name) {
            return None;
        }
        if let Some(import) = self.imports.named(name) {
            return self.imported(import);
        }
        let globs = self.imports.all.iter().filter(|import| import.symbol == "*").take(MOST_GLOBS);
        let wanted = call || name.starts_with(char::is_uppercase);
        if !wanted || name.len() < 3 {
            return None;
        }
        for import in globs {
            let mut from = import.module.clone();
            if self.family == Family::Jvm {
                // A package has a file for each of its classes.
                from.path = joined(&from.path, name);
            }
            if let Some((module, files)) = self.index.module(self.family, self.path, &from)
                && let Some(found) =
                    self.in_files(&files, name, "").or_else(|| self.handed_on(module, name))
            {
                return Some(found);
            }
        }
        self.in_scope(name)
    }

    /// What languages see without an import.
    fn in_scope(&self, name: &str) -> Option<Found<'a>> {
        let all = self.index.named(self.family, name);
        let all = all.filter(|found| {
            found.definition.owner.is_empty() && found.path != self.path && self.may_see(found)
        });
        let dir = dir_of(self.path);
        match self.family {
            Family::Rust | Family::Python | Family::Script => None,
            Family::Go | Family::Jvm => single(all.filter(|found| dir_of(found.path) == dir)),
            Family::C | Family::Other(_) => single(all),
        }
    }

    fn may_see(&self, found: &Found<'_>) -> bool {
        self.test || !self.index.files[found.file as usize].test
    }

    /// What an import brings in.
    fn imported(&self, import: &Import) -> Option<Found<'a>> {
        let (module, files) = self.index.module(self.family, self.path, &import.module)?;
        let symbol = if import.symbol == "default" { &import.local } else { &import.symbol };
        if symbol.is_empty() {
            return None;
        }
        if let Some(found) = self.in_files(&files, symbol, "") {
            return Some(found);
        }
        let below = Module { path: joined(module, symbol), exact: true };
        let is_module = self.family != Family::Rust
            && self.index.module(self.family, self.path, &below).is_some();
        if is_module || import.symbol == "default" { None } else { self.handed_on(module, symbol) }
    }

    /// What a module hands on from another one: below it, or the only one of its name.
    fn handed_on(&self, module: &str, name: &str) -> Option<Found<'a>> {
        let all = || {
            let all = self.index.named(self.family, name);
            all.filter(|found| {
                found.definition.owner.is_empty() && found.path != self.path && self.may_see(found)
            })
        };
        let below = |found: &Found<'_>| {
            module.is_empty()
                || found.path.strip_prefix(module).is_some_and(|rest| rest.starts_with('/'))
        };
        single(all().filter(below)).or_else(|| single(all()))
    }

    /// The first definition of a name in some files, the nearest file first.
    fn in_files(&self, files: &[u32], name: &str, owner: &str) -> Option<Found<'a>> {
        let all = self.index.named(self.family, name);
        let fitting = all.filter(|found| {
            files.contains(&found.file)
                && found.definition.owner == owner
                && found.path != self.path
        });
        fitting.min_by_key(|found| (distance(self.path, found.path), found.definition.line))
    }

    /// A name behind others: of a module, or of a type.
    fn qualified(&self, used: &Use) -> Option<Found<'a>> {
        let parts: Vec<&str> = used.chain.split('/').collect();
        let (first, rest) = parts.split_first()?;
        let last = parts.last()?;
        if self.is_own(last)
            || matches!(*first, "self" | "this" | "cls" | "Self") && self.family != Family::Rust
            || *first == "Self"
        {
            return None;
        }
        let module = match self.imports.named(first) {
            Some(import) if matches!(import.symbol.as_str(), "" | "default") => Module {
                path: joined(&import.module.path, &rest.join("/")),
                ..import.module.clone()
            },
            Some(import) => {
                let below = joined(&import.symbol, &rest.join("/"));
                let path = if self.family == Family::Jvm {
                    import.module.path.clone()
                } else {
                    joined(&import.module.path, &below)
                };
                Module { path, ..import.module.clone() }
            }
            None if self.family == Family::Rust && first.starts_with(char::is_lowercase) => {
                rust_module(self.path, &parts)
            }
            None => return Some(self.of_type(&self.in_scope(last)?, &used.name)),
        };
        // A type: its members are where it is.
        if last.starts_with(char::is_uppercase) {
            let holder = if parts.len() == 1 {
                self.bare(last, false)
            } else {
                let above = Module { path: dir_of(&module.path).to_owned(), ..module.clone() };
                let (module, files) = self.index.module(self.family, self.path, &above)?;
                self.in_files(&files, last, "").or_else(|| self.handed_on(module, last))
            };
            return Some(self.of_type(&holder?, &used.name));
        }
        let (path, files) = self.index.module(self.family, self.path, &module)?;
        let found = self.in_files(&files, &used.name, "");
        let known = used.call || used.name.starts_with(char::is_uppercase);
        found.or_else(|| {
            known
                .then(|| self.handed_on(path, &used.name))
                .flatten()
                .filter(|f| f.path.starts_with(path))
        })
    }

    /// A member of a type; the type itself where none is defined by that name.
    fn of_type(&self, holder: &Found<'a>, name: &str) -> Found<'a> {
        let of = |found: &Found<'_>| found.definition.owner == holder.definition.symbol;
        let all = self.index.named(self.family, name).filter(of);
        let near =
            all.min_by_key(|found| (found.file != holder.file, distance(holder.path, found.path)));
        near.unwrap_or(*holder)
    }

    /// A method of a value: of one type alone among those that are imported.
    fn method(&self, name: &str) -> Option<Found<'a>> {
        if COMMON.contains(&name) || name.len() < 4 || self.own.iter().any(|d| d.symbol == name) {
            return None;
        }
        let package = matches!(self.family, Family::Go | Family::Jvm);
        let near = |found: &Found<'_>| {
            self.related.contains(&found.file) || package && dir_of(found.path) == dir_of(self.path)
        };
        let all = self.index.named(self.family, name);
        let methods: Vec<Found<'a>> =
            all.filter(|found| !found.definition.owner.is_empty() && self.may_see(found)).collect();
        let fitting = || methods.iter().copied().filter(near);
        let first = fitting().next()?;
        let one = fitting().all(|found| found.definition.owner == first.definition.owner);
        // A name that many types have says nothing, even if one of them is imported.
        (one && methods.len() <= 4).then_some(first)
    }

    fn tier(&self, found: &Found<'_>) -> usize {
        if dir_of(found.path) == dir_of(self.path) {
            1
        } else if self.related.contains(&found.file) {
            2
        } else {
            2 + distance(self.path, found.path)
        }
    }
}

/// The definition, when all are in one file.
fn single<'a>(all: impl Iterator<Item = Found<'a>>) -> Option<Found<'a>> {
    let mut all = all;
    let first = all.next()?;
    all.all(|found| found.file == first.file).then_some(first)
}

/// Definitions that are to be shown: each once, with how near it is and how often it is used.
#[derive(Default)]
struct Shown<'a> {
    all: BTreeMap<(&'a str, u32, &'a str), (usize, usize, &'a Definition)>,
}

impl<'a> Shown<'a> {
    fn add(&mut self, tier: usize, count: usize, path: &'a str, definition: &'a Definition) {
        let key = (path, definition.line, definition.symbol.as_str());
        self.all.entry(key).or_insert((tier, 0, definition)).1 += count;
    }

    fn hints(self, limits: DefinitionLimits) -> Vec<TypeHint> {
        let mut all: Vec<_> = self
            .all
            .into_iter()
            .map(|((path, ..), (tier, count, d))| (tier, path, count, d))
            .collect();
        all.sort_by(|a, b| (a.0, b.2, a.1, a.3.line).cmp(&(b.0, a.2, b.1, b.3.line)));
        all.truncate(limits.count);
        all.sort_by(|a, b| (a.0, a.1, a.3.line).cmp(&(b.0, b.1, b.3.line)));
        all.into_iter()
            .map(|(_, path, _, definition)| {
                let (owner, symbol) = (&definition.owner, &definition.symbol);
                let of = |name: &str| {
                    if owner.is_empty() { name.to_owned() } else { format!("{owner}: {name}") }
                };
                TypeHint {
                    source: path.to_owned(),
                    symbol: if owner.is_empty() {
                        symbol.clone()
                    } else {
                        format!("{owner}.{symbol}")
                    },
                    type_repr: clip_marked(&of(&definition.repr), limits.chars),
                }
            })
            .collect()
    }
}
