//! The definitions of a commit, and where the modules lie that imports name.

use super::imports::{Module, module_of};
use super::{Definition, Family, dir_of};
use crate::target::is_test_path;
use std::collections::HashMap;
use std::sync::Arc;

/// Files that one import may mean.
const MOST_FILES: usize = 400;
/// Definitions of one name that are looked at.
const MOST_NAMED: usize = 200;

/// A file with its definitions.
#[derive(Debug)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) family: Family,
    pub(super) test: bool,
    pub(super) definitions: Arc<Vec<Definition>>,
}

/// The definitions of a commit.
#[derive(Debug, Default)]
pub struct Index {
    pub(super) files: Vec<File>,
    by_name: HashMap<String, Vec<(u32, u32)>>,
    modules: HashMap<String, Vec<u32>>,
    /// Modules by the last part of their paths.
    ends: HashMap<String, Vec<String>>,
    /// The directories that hold sources of crates.
    crates: Vec<String>,
}

/// A definition and its file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) file: u32,
    pub(super) path: &'a str,
    pub(super) definition: &'a Definition,
}

impl Index {
    /// Of the files of a commit.
    pub fn new(files: impl IntoIterator<Item = (String, Arc<Vec<Definition>>)>) -> Self {
        let mut index = Self::default();
        for (path, definitions) in files {
            let Some(family) = Family::of(&path) else { continue };
            let at = u32::try_from(index.files.len()).unwrap_or(u32::MAX);
            for (n, definition) in (0_u32..).zip(definitions.iter()) {
                index.by_name.entry(definition.symbol.clone()).or_default().push((at, n));
            }
            let module = module_of(family, &path);
            if family == Family::Rust && path.ends_with("/lib.rs") {
                index.crates.push(module.clone());
            }
            let all = index.modules.entry(module.clone()).or_default();
            if all.is_empty() {
                let end = module.rsplit('/').next().unwrap_or_default().to_owned();
                index.ends.entry(end).or_default().push(module);
            }
            all.push(at);
            let test = is_test_path(&path);
            index.files.push(File { path, family, test, definitions });
        }
        index
    }

    /// How many definitions it has.
    pub fn len(&self) -> usize {
        self.files.iter().map(|file| file.definitions.len()).sum()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The definitions of a name in one family of languages.
    pub(super) fn named(&self, family: Family, name: &str) -> impl Iterator<Item = Found<'_>> {
        let all = self.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        all.iter().take(MOST_NAMED).filter_map(move |(at, n)| {
            let file = self.files.get(*at as usize).filter(|file| file.family == family)?;
            let definition = file.definitions.get(*n as usize)?;
            Some(Found { file: *at, path: &file.path, definition })
        })
    }

    /// The path of the module that is meant, and its files; none when it is not of this repository.
    pub(super) fn module(
        &self,
        family: Family,
        from: &str,
        module: &Module,
    ) -> Option<(&str, Vec<u32>)> {
        if module.exact {
            return self.at(family, &module.path);
        }
        let path = module.path.as_str();
        match family {
            Family::Rust => self.of_crate(path),
            Family::Go => self.imported_by_url(path),
            Family::C => {
                let beside = super::imports::joined(dir_of(from), path);
                self.at(family, &beside).or_else(|| self.ending(family, from, path))
            }
            Family::Python => {
                let found = self.ending(family, from, path)?;
                // Below a package it would be named with that.
                let above = found.0.strip_suffix(path)?.trim_end_matches('/');
                let is_package = |at: &u32| self.files[*at as usize].path.ends_with("__init__.py");
                let inside = !above.is_empty()
                    && self.modules.get(above).is_some_and(|all| all.iter().any(is_package));
                (!inside).then_some(found)
            }
            Family::Script => self.ending(family, from, path).or_else(|| {
                let (_, package) = path.split_once('/')?;
                self.ending(family, from, package)
                    .or_else(|| self.ending(family, from, &format!("{package}/src")))
            }),
            Family::Jvm | Family::Other(_) => self.ending(family, from, path).or_else(|| {
                // A member of a class, or a class in another one.
                let outer = dir_of(path);
                outer.contains('/').then(|| self.ending(family, from, outer)).flatten()
            }),
        }
    }

    /// The module of exactly that path, or in Rust of its beginning, for what stands in a file may be a module too.
    fn at(&self, family: Family, path: &str) -> Option<(&str, Vec<u32>)> {
        let mut path = path;
        loop {
            if let Some((module, all)) = self.modules.get_key_value(path) {
                let fitting = |at: &&u32| self.files[**at as usize].family == family;
                let all: Vec<u32> = all.iter().filter(fitting).take(MOST_FILES).copied().collect();
                if !all.is_empty() {
                    return Some((module, all));
                }
            }
            if family != Family::Rust
                || self.crates.iter().any(|root| root == path)
                || path.is_empty()
            {
                return None;
            }
            path = dir_of(path);
        }
    }

    /// The module whose path ends so, the nearest to a file.
    fn ending(&self, family: Family, from: &str, path: &str) -> Option<(&str, Vec<u32>)> {
        let ends = |module: &&String| {
            module.as_str() == path
                || module.strip_suffix(path).is_some_and(|before| before.ends_with('/'))
        };
        let fits = |module: &&String| {
            self.modules
                .get(*module)
                .is_some_and(|all| all.iter().any(|at| self.files[*at as usize].family == family))
        };
        let all = self.ends.get(path.rsplit('/').next()?)?;
        let near = all.iter().take(MOST_FILES).filter(ends).filter(fits);
        let best = near.min_by_key(|module| (distance(from, module), module.len()))?;
        self.at(family, best)
    }

    /// A module of another crate of the workspace.
    fn of_crate(&self, path: &str) -> Option<(&str, Vec<u32>)> {
        let (name, rest) = path.split_once('/').unwrap_or((path, ""));
        if matches!(name, "std" | "core" | "alloc" | "proc_macro" | "test") {
            return None;
        }
        let fits = |root: &&String| {
            let dir = root.trim_end_matches("src").trim_end_matches('/');
            let dir = dir.rsplit('/').next().unwrap_or_default().replace('-', "_");
            !dir.is_empty()
                && (name == dir
                    || name.strip_suffix(&dir).is_some_and(|before| before.ends_with('_')))
        };
        let mut roots: Vec<&String> = self.crates.iter().filter(fits).collect();
        // Its own name before the end of one.
        roots.sort_by_key(|root| std::cmp::Reverse(root.len()));
        let root = roots.into_iter().max_by_key(|root| {
            root.trim_end_matches("/src").ends_with(&name.replace('_', "-"))
                || root.trim_end_matches("/src").ends_with(name)
        })?;
        self.at(Family::Rust, &super::imports::joined(root, rest))
    }

    /// The directory that a URL ends with. Of a host of repositories three parts name the repository.
    fn imported_by_url(&self, url: &str) -> Option<(&str, Vec<u32>)> {
        let parts: Vec<&str> = url.split('/').collect();
        let host = parts.first()?;
        if !host.contains('.') {
            return None;
        }
        let first =
            if matches!(*host, "github.com" | "gitlab.com" | "bitbucket.org") { 3 } else { 2 };
        (first..parts.len()).find_map(|at| self.at(Family::Go, &parts[at..].join("/")))
    }
}

/// How far apart two paths lie: the directories that they do not share.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<&str>, Vec<&str>) = (a.split('/').collect(), b.split('/').collect());
    let shared = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    a.len() + b.len() - 2 * shared
}
