//! Definitions that a file uses: signatures and fields from other files of the same commit, shown to its reviewer so
//! that calls can be held against what is called.
//!
//! [`extract`] takes the definitions out of one file, an [`Index`] holds those of a commit, and [`select`] finds the
//! ones that a file uses, by its imports. Where several could be meant, none is shown: a wrong signature is worse than
//! a missing one. A definition is shown without comments and without what stands in strings.

mod extract;
mod heads;
mod imports;
mod index;
mod members;
mod select;
mod uses;

pub use extract::extract;
pub use index::Index;
pub use select::{DefinitionLimits, select};

use crate::target::{self, language, skip_by_path};
use crate::text::one_line;
use queue_schema::limits::Limits;
use queue_schema::rows::TypeHint;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// What decides how definitions are read: an index of another version is made anew.
pub const VERSION: u32 = 3;
/// Bytes of a file from which definitions are taken; larger ones are data or made by programs.
pub const MOST_BYTES: usize = 1 << 20;
/// Definitions that are taken from a file at most, in the order of its lines.
pub const MOST_OF_FILE: usize = 1_000;
/// Characters of a name; what is longer is nothing that anybody typed.
const MOST_NAME: usize = 80;
/// Characters that are kept of a signature with its fields.
pub const MOST_REPR: usize = 400;

/// What a definition defines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// A function, or a macro.
    Function,
    /// A structure, class, enumeration, interface or alias.
    Type,
    /// A constant or another value of a module.
    Value,
}

/// A definition of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Its name.
    pub symbol: String,
    /// The type that it belongs to; empty for what stands by itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// Signature or fields, on one line of at most [`MOST_REPR`] characters.
    pub repr: String,
    /// What it is.
    pub kind: Kind,
    /// Line, from 1.
    pub line: u32,
}

/// Languages that use each other's definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Family {
    Rust,
    Python,
    /// JavaScript and what becomes it.
    Script,
    Go,
    /// Java and its like: a file of a package sees the others.
    Jvm,
    /// C and C++.
    C,
    /// Any other one in which something is defined.
    Other(&'static str),
}

impl Family {
    fn of(path: &str) -> Option<Self> {
        Some(match language(path) {
            "Rust" => Self::Rust,
            "Python" => Self::Python,
            "JavaScript" | "TypeScript" | "Vue" | "Svelte" => Self::Script,
            "Go" => Self::Go,
            "Java" | "Kotlin" | "Scala" | "Groovy" => Self::Jvm,
            "C" | "C++" => Self::C,
            other @ ("C#" | "Swift" | "PHP" | "Dart" | "Zig" | "Ruby" | "Shell" | "Lua"
            | "Elixir" | "Perl" | "Julia") => Self::Other(other),
            _ => return None,
        })
    }
}

/// What a sweep shows of definitions; nothing where it shows none.
pub fn limits_of(limits: &Limits) -> DefinitionLimits {
    let memory = limits.memory.as_ref().filter(|memory| memory.enabled);
    let most = memory.map_or((0, 0), |memory| (memory.definitions, memory.definition_chars));
    DefinitionLimits { count: most.0 as usize, chars: most.1 as usize }
}

/// Definitions as a prompt lists them: each file once, and below it what it defines.
pub fn list(hints: &[TypeHint]) -> String {
    let (mut out, mut source) = (String::new(), "");
    for hint in hints {
        if hint.source != source {
            source = &hint.source;
            let _ = writeln!(out, "{}:", one_line(source));
        }
        let _ = writeln!(out, "  {}", one_line(&hint.type_repr));
    }
    out
}

/// Whether definitions are taken from a file: no generated or vendored one, and none that is too large.
pub fn is_indexed(path: &str, bytes: u64) -> bool {
    has_definitions(path) && bytes <= MOST_BYTES as u64 && skip_by_path(path).is_none()
}

/// The definitions of a file's content; none of what is no text, or made by a program.
pub fn of_bytes(path: &str, bytes: &[u8]) -> Vec<Definition> {
    let read = target::inspect(bytes);
    read.map_or_else(|_| Vec::new(), |read| extract(path, &read.text.replace("\r\n", "\n")))
}

/// Whether definitions are taken from a file of this name.
pub fn has_definitions(path: &str) -> bool {
    Family::of(path).is_some()
}

/// The directory of a path; empty at the root.
fn dir_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

#[cfg(test)]
mod tests;
