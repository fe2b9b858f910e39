//! What a file imports: under which names, from which modules.

use super::{Family, dir_of};
use crate::text::is_ident;

/// Imports of a file that are read.
const MOST_IMPORTS: usize = 1_000;
/// Lines and bytes of one statement.
const MOST_LINES: usize = 100;
const MOST_BYTES: usize = 8_000;

/// A module as an import names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Module {
    /// Its path with `/`; from the root of the repository where `exact`, else the end of one.
    pub(super) path: String,
    pub(super) exact: bool,
}

/// A name that a file brings in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Import {
    /// What it is called here; empty for all names of the module.
    pub(super) local: String,
    /// What it is called there; empty for the module itself.
    pub(super) symbol: String,
    pub(super) module: Module,
}

/// The imports of a file.
#[derive(Debug, Default)]
pub(super) struct Imports {
    pub(super) all: Vec<Import>,
    /// Rows that hold them: names there are no uses.
    pub(super) rows: Vec<bool>,
}

impl Imports {
    /// `code` is that of the text, line by line.
    pub(super) fn of(family: Family, path: &str, text: &str, code: &[(String, bool)]) -> Self {
        let raw: Vec<&str> = text.lines().collect();
        let mut imports = Self { all: Vec::new(), rows: vec![false; code.len()] };
        let mut row = 0;
        while row < code.len() && imports.all.len() < MOST_IMPORTS {
            let (line, inside) = &code[row];
            let begins = line.trim_start();
            if *inside || !starts(family, begins) {
                row += 1;
                continue;
            }
            let end = end_of(family, code, row);
            // Modules stand in strings in some languages.
            let statement = raw[row..=end].join("\n");
            if statement.len() <= MOST_BYTES {
                imports.rows[row..=end].fill(true);
                imports.add(family, path, statement.trim());
            }
            row = end + 1;
        }
        if family == Family::Rust {
            imports.children(path, code);
        }
        imports
    }

    /// The import of a name.
    pub(super) fn named(&self, local: &str) -> Option<&Import> {
        self.all.iter().find(|import| import.local == local)
    }

    fn put(&mut self, local: &str, symbol: &str, module: Module) {
        let sane = |name: &str| name == "*" || name.chars().all(|c| is_ident(c) || c == '$');
        if sane(local) && sane(symbol) && !module.path.is_empty() {
            let (local, symbol) = (local.to_owned(), symbol.to_owned());
            self.all.push(Import { local, symbol, module });
        }
    }

    fn add(&mut self, family: Family, path: &str, statement: &str) {
        match family {
            Family::Rust => {
                let tree = statement.split_once("use ").map_or("", |(_, tree)| tree);
                let mut leaves = Vec::new();
                leaves_of("", tree.trim_end_matches(';'), 0, &mut leaves);
                for leaf in leaves {
                    self.rust(path, &leaf);
                }
            }
            Family::Python => self.python(path, statement),
            Family::Script => self.script(path, statement),
            Family::Go => {
                for line in statement.lines() {
                    let mut parts = line
                        .trim_start_matches("import")
                        .trim_start_matches(['(', ' ', '\t'])
                        .split('"');
                    let (alias, Some(module)) =
                        (parts.next().unwrap_or_default().trim(), parts.next())
                    else {
                        continue;
                    };
                    let last = module
                        .rsplit('/')
                        .find(|part| !(part.starts_with('v') && part[1..].parse::<u32>().is_ok()));
                    let local = if alias.is_empty() { last.unwrap_or_default() } else { alias };
                    self.put(
                        local.rsplit(['-', '.']).next().unwrap_or(local),
                        "",
                        Module { path: module.to_owned(), exact: false },
                    );
                }
            }
            Family::C => {
                let Some(name) = statement.split('"').nth(1) else { return };
                let name = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
                self.put(
                    "",
                    "*",
                    Module { path: name.trim_start_matches("../").to_owned(), exact: false },
                );
            }
            Family::Jvm | Family::Other(_) => {
                let (_, rest) = statement.split_once([' ', '\t']).unwrap_or_default();
                let rest = rest.trim_start_matches("static ").trim_end_matches(';').trim();
                let (name, alias) = rest.split_once(" as ").unwrap_or((rest, ""));
                let parts: Vec<&str> =
                    name.split(['.', '\\']).filter(|part| !part.is_empty()).collect();
                let Some((last, before)) = parts.split_last() else { return };
                if matches!(*last, "*" | "_") {
                    return self.put("", "*", Module { path: before.join("/"), exact: false });
                }
                let module = Module { path: parts.join("/"), exact: false };
                self.put(if alias.is_empty() { last } else { alias }, last, module);
            }
        }
    }

    /// One path of a `use`, as `a::b::C as D`.
    fn rust(&mut self, path: &str, leaf: &str) {
        let (name, alias) = leaf.split_once(" as ").unwrap_or((leaf, ""));
        let parts: Vec<&str> =
            name.split("::").map(str::trim).filter(|part| !part.is_empty()).collect();
        let Some((last, before)) = parts.split_last() else { return };
        let (last, before) = match (*last, before.split_last()) {
            // `use a::{self}`.
            ("self", Some((module, before))) => (*module, before),
            _ => (*last, before),
        };
        let module = rust_module(path, before);
        if last == "*" {
            self.put("", "*", module);
        } else {
            let local = if alias.is_empty() || alias == "_" { last } else { alias.trim() };
            self.put(local, last, module);
        }
    }

    /// Modules that are declared in the file are below it.
    fn children(&mut self, path: &str, code: &[(String, bool)]) {
        let below = module_of(Family::Rust, path);
        let declared =
            code.iter().filter(|(line, inside)| !inside && line.trim_end().ends_with(';'));
        let names: Vec<String> = declared
            .filter_map(|(line, _)| {
                let (before, name) = line.trim().trim_end_matches(';').rsplit_once(' ')?;
                (before == "mod" || before.ends_with(" mod")).then(|| name.to_owned())
            })
            .take(MOST_IMPORTS)
            .collect();
        for import in &mut self.all {
            let first = import.module.path.split('/').next().unwrap_or_default();
            if !import.module.exact && names.iter().any(|name| name == first) {
                import.module = Module { path: joined(&below, &import.module.path), exact: true };
            }
        }
        for name in names {
            self.put(&name, "", Module { path: joined(&below, &name), exact: true });
        }
    }

    fn python(&mut self, path: &str, statement: &str) {
        let flat = statement.replace(['(', ')', '\\', '\n', '\r', '\t', ';'], " ");
        if let Some((module, names)) =
            flat.strip_prefix("from ").and_then(|rest| rest.split_once(" import "))
        {
            let module = module.trim();
            let dots = module.len() - module.trim_start_matches('.').len();
            let below = module[dots..].replace('.', "/");
            let module = if dots == 0 {
                Module { path: below, exact: false }
            } else {
                let up = (1..dots).fold(dir_of(path), |dir, _| dir_of(dir));
                let path = if below.is_empty() { up.to_owned() } else { joined(up, &below) };
                Module { path, exact: true }
            };
            for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                let (name, alias) = name.split_once(" as ").unwrap_or((name, ""));
                let (name, alias) = (name.trim(), alias.trim());
                let local = if name == "*" {
                    ""
                } else if alias.is_empty() {
                    name
                } else {
                    alias
                };
                self.put(local, name, module.clone());
            }
        } else if let Some(names) = flat.strip_prefix("import ") {
            for name in names.split(',') {
                let (name, alias) = name.trim().split_once(" as ").unwrap_or((name.trim(), ""));
                let module = Module { path: name.trim().replace('.', "/"), exact: false };
                let first = name.split('.').next().unwrap_or_default();
                let local = if alias.is_empty() { first } else { alias.trim() };
                // `import a.b` is used as `a.b.c`.
                let module = if alias.is_empty() {
                    Module { path: first.to_owned(), ..module }
                } else {
                    module
                };
                self.put(local, "", module);
            }
        }
    }

    fn script(&mut self, path: &str, statement: &str) {
        let quoted = |mark: char| {
            statement.rfind(mark).and_then(|end| {
                let start = statement[..end].rfind(mark)?;
                Some((start, &statement[start + 1..end]))
            })
        };
        let Some((start, spec)) = quoted('\'').max(quoted('"')) else { return };
        let spec = spec
            .trim_end_matches(".js")
            .trim_end_matches(".ts")
            .trim_end_matches(".mjs")
            .trim_end_matches(".jsx");
        let module = if spec.starts_with('.') {
            Module { path: joined(dir_of(path), spec), exact: true }
        } else {
            let aliased = spec.trim_start_matches(['@', '~', '#', '$']).trim_start_matches('/');
            Module { path: aliased.to_owned(), exact: false }
        };
        let module = Module { path: module.path.trim_end_matches("/index").to_owned(), ..module };
        // A bare name is a package of others.
        if !module.exact && !spec.contains('/') {
            return;
        }
        let before = statement[..start].replace('\n', " ");
        let clause = before.trim_start_matches("import").trim_start_matches("export").trim();
        let clause = clause.split(" from").next().unwrap_or_default();
        let clause = clause
            .trim_start_matches("const ")
            .trim_start_matches("let ")
            .trim_start_matches("var ");
        let clause = clause.split('=').next().unwrap_or_default().trim_start_matches("type ");
        let (outer, inner) = clause.split_once('{').unwrap_or((clause, ""));
        for name in outer.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name.strip_prefix("* as ").or(name.strip_prefix("*as ")) {
                Some(local) => self.put(local.trim(), "", module.clone()),
                None => self.put(name, "default", module.clone()),
            }
        }
        for name in inner.trim_end().trim_end_matches(['}', ' ']).split(',') {
            let name = name.trim().trim_start_matches("type ");
            let (name, alias) =
                name.split_once(" as ").or(name.split_once(':')).unwrap_or((name, ""));
            let local = if alias.trim().is_empty() { name } else { alias };
            if !name.trim().is_empty() {
                self.put(local.trim(), name.trim(), module.clone());
            }
        }
    }
}

fn starts(family: Family, line: &str) -> bool {
    let any = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
    match family {
        Family::Rust => any(&["use ", "pub use ", "pub(crate) use ", "pub(super) use "]),
        Family::Python => any(&["import ", "from "]),
        Family::Script => {
            any(&["import ", "import{", "export {", "export *"])
                || line.contains("require(") && any(&["const ", "let ", "var "])
        }
        Family::Go | Family::Jvm => any(&["import "]),
        Family::C => any(&["#include", "# include"]),
        Family::Other(_) => any(&["use ", "import ", "using "]),
    }
}

/// The last row of a statement.
fn end_of(family: Family, code: &[(String, bool)], row: usize) -> usize {
    let last = code.len().min(row + MOST_LINES) - 1;
    let mut depth = 0_i32;
    for (at, (line, _)) in code.iter().enumerate().take(last + 1).skip(row) {
        for c in line.chars() {
            depth += i32::from(matches!(c, '(' | '{')) - i32::from(matches!(c, ')' | '}'));
        }
        let end = line.trim_end();
        let done = match family {
            Family::Rust => end.ends_with(';'),
            Family::Python => !end.ends_with('\\'),
            Family::Script => end.ends_with(';') || end.ends_with(['\'', '"', ')', '}']),
            _ => true,
        };
        if depth <= 0 && done {
            return at;
        }
    }
    row
}

/// The paths of a tree of `use`: `a::{b, c::*}` has two.
fn leaves_of(before: &str, tree: &str, level: usize, out: &mut Vec<String>) {
    const DEEPEST: usize = 8;
    let tree = tree.trim();
    if level > DEEPEST || out.len() > MOST_IMPORTS || tree.is_empty() {
        return;
    }
    let Some((head, rest)) = tree.split_once('{') else {
        out.push(format!("{before}{tree}"));
        return;
    };
    let (head, inner) =
        (format!("{before}{}", head.trim()), rest.trim_end().strip_suffix('}').unwrap_or(rest));
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                leaves_of(&head, &inner[start..at], level + 1, out);
                start = at + 1;
            }
            _ => {}
        }
    }
    leaves_of(&head, &inner[start..], level + 1, out);
}

/// The module of a path in Rust; `crate`, `self` and `super` are known by the file's own.
pub(super) fn rust_module(path: &str, parts: &[&str]) -> Module {
    let own = module_of(Family::Rust, path);
    let Some((first, mut rest)) = parts.split_first() else {
        return Module { path: own, exact: true };
    };
    let mut base = match *first {
        "crate" => crate_root(path).to_owned(),
        "self" => own,
        "super" => dir_of(&own).to_owned(),
        _ => return Module { path: parts.join("/"), exact: false },
    };
    while let Some(("super", after)) = rest.split_first().map(|(first, after)| (*first, after)) {
        base = dir_of(&base).to_owned();
        rest = after;
    }
    Module { path: joined(&base, &rest.join("/")), exact: true }
}

/// The directory of the sources of a crate.
fn crate_root(path: &str) -> &str {
    let dir = dir_of(path);
    let end = if dir.ends_with("/src") || dir == "src" {
        Some(dir.len())
    } else {
        path.rfind("/src/").map(|at| at + 4)
    };
    match end {
        Some(end) => &path[..end],
        None if path.starts_with("src/") => "src",
        None => dir,
    }
}

/// What a file is called by those that import it, from the root of the repository.
pub(super) fn module_of(family: Family, path: &str) -> String {
    if family == Family::Go {
        return dir_of(path).to_owned();
    }
    let stem = path
        .strip_suffix(".d.ts")
        .unwrap_or_else(|| path.rsplit_once('.').map_or(path, |(stem, _)| stem));
    let (dir, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let stands_for_its_directory = match family {
        Family::Rust => matches!(name, "mod" | "lib" | "main"),
        Family::Python => name == "__init__",
        Family::Script => name == "index",
        _ => false,
    };
    if stands_for_its_directory { dir.to_owned() } else { stem.to_owned() }
}

/// A path below a directory, with `.` and `..` followed.
pub(super) fn joined(dir: &str, below: &str) -> String {
    let mut parts: Vec<&str> = dir.split('/').filter(|part| !part.is_empty()).collect();
    for part in below.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
