//! A file, read once for all checks, and what they ask of it.

use super::functions::{Blocks, Function, functions};
use super::lex::{self, Line};
use crate::redact::{self, Span};
use crate::target::language;
use crate::text::is_ident;

/// Lines of one block that a check reads at most: what is nested deeply is read once for each level.
pub(crate) const MOST_BLOCK: usize = 400;

/// Families of languages, as bits.
pub(crate) mod family {
    pub(crate) const PYTHON: u16 = 1;
    pub(crate) const SCRIPT: u16 = 2;
    pub(crate) const GO: u16 = 4;
    pub(crate) const JAVA: u16 = 8;
    pub(crate) const C: u16 = 16;
    pub(crate) const CPP: u16 = 32;
    pub(crate) const RUST: u16 = 64;
    pub(crate) const PHP: u16 = 128;
    pub(crate) const KOTLIN: u16 = 256;
    pub(crate) const SHARP: u16 = 512;
    pub(crate) const RUBY: u16 = 1024;
    /// Formats of settings, which hold no code but may hold secrets.
    pub(crate) const DATA: u16 = 2048;
    /// All that write blocks in braces.
    pub(crate) const BRACES: u16 = SCRIPT | GO | JAVA | C | CPP | RUST | PHP | KOTLIN | SHARP;
    pub(crate) const CODE: u16 = BRACES | PYTHON | RUBY;
}

/// Another project's code that is kept in the tree, by its name: mending it is not this project's.
fn is_borrowed(path: &str, language: &str) -> bool {
    #[rustfmt::skip]
    const NAMES: [&str; 24] = [
        "polyfill", "ext-all", "pdf.", "jquery", "bootstrap", "angular.", "fontawesome", "moment", "lodash",
        "underscore", "d3.", "vue.", "datatables", "hls.", "less.", "select2", "knockout", "handlebars", "mustache",
        "codemirror", "tinymce", "socket.io", "backbone", "require.",
    ];
    const KEPT: [&str; 4] = ["js/lib", "static/lib", "assets/lib", "public/lib"];
    let others = ["thirdparty", "third-party", "3rdparty", "autosetup/", "extjs/"]
        .iter()
        .any(|w| path.contains(w));
    let (dirs, name) = path.rsplit_once('/').unwrap_or(("", path));
    let versioned = |dir: &str| {
        dir.rsplit_once('-')
            .is_some_and(|(_, v)| v.contains('.') && v.starts_with(|c: char| c.is_ascii_digit()))
    };
    let script = [".js", ".mjs", ".ts"].iter().any(|end| name.ends_with(end));
    // Where there is no other way to depend on something, copies of it lie in a directory of their own.
    let bundling =
        script || [".c", ".h", ".cpp", ".hpp", ".py"].iter().any(|end| name.ends_with(end));
    let kept = |dir: &str| ["vendors", "fontawesome"].contains(&dir);
    let shows = |dir: &str| ["example", "sample", "demo"].iter().any(|w| dir.contains(w));
    others
        || dirs.split('/').any(shows)
        || (script && KEPT.iter().any(|end| dirs.ends_with(end)))
        || dirs.split('/').any(|dir| versioned(dir) || (bundling && kept(dir)))
        || (language == "Python" && path.starts_with("lib/"))
        || (name.ends_with(".php") && (path.starts_with("lib/") || path.contains("/lib/")))
        || (script && (NAMES.iter().any(|n| name.starts_with(n)) || dirs.contains("static/plugin")))
}

/// What only developers run, and what nobody runs any more: tests, their data, helpers of the build, by the words of the path.
fn is_aside(path: &str) -> bool {
    #[rustfmt::skip]
    const WORDS: &[&str] = &[
        "testing", "e2e", "spec", "fixtures", "doc", "depends", "libs", "devscripts", "external", "example", "examples",
        "playwright", "script", "scripts", "tools", "hack", "hacking", "ci", "extra", "dev", "attic", "deps",
        "libraries", "migrations", "versions",
    ];
    let lower = path.to_lowercase();
    let mut words = lower.split(|c: char| !c.is_alphanumeric());
    words.any(|w| {
        WORDS.contains(&w) || w.starts_with("test") || (w.len() >= 8 && w.ends_with("test"))
    })
}

/// The banner of a library's release: a name with its version, and a licence.
fn is_release(source: &str) -> bool {
    let head = crate::text::clip(source.trim_start(), 800);
    let Some(banner) = head.strip_prefix("/*!").and_then(|b| b.split("*/").next()) else {
        return false;
    };
    let version = |w: &str| {
        let number = w.trim_start_matches(['v', 'V']);
        number.starts_with(|c: char| c.is_ascii_digit()) && number.contains('.')
    };
    banner.split_whitespace().any(version) && banner.to_ascii_lowercase().contains("licen")
}

/// The family of a file; 0 where no check applies: prose, and stubs that only declare types.
fn family_of(path: &str, language: &str, source: &str) -> u16 {
    use family as f;
    const MADE: [&str; 8] = [
        "template/",
        "templates/",
        "contrib/",
        ".dist.",
        "dist/",
        ".min.",
        ".bundle.",
        "bundle.js",
    ];
    let head = || source.lines().take(5).map(str::to_lowercase);
    let generated = head().any(|l| l.contains("generated") || l.contains("do not edit"));
    let declares = [".pyi", ".d.ts", ".d.mts", ".d.cts"];
    let aside = is_borrowed(path, language)
        || is_aside(path)
        || generated
        || path.starts_with("issues/")
        || MADE.iter().any(|w| path.contains(w))
        || is_release(source)
        || path.starts_with("docs/")
        || path.contains("/docs/")
        || path.ends_with("setup.py");
    if aside || declares.iter().any(|end| path.ends_with(end)) {
        return 0;
    }
    match language {
        "Python" => f::PYTHON,
        "JavaScript" | "TypeScript" | "Vue" | "Svelte" => f::SCRIPT,
        "Go" => f::GO,
        "Java" => f::JAVA,
        // Most headers of C++ are called as those of C.
        "C" if path.ends_with(".h")
            && ["class ", "namespace ", "std::", "template"].iter().any(|w| source.contains(w)) =>
        {
            f::CPP
        }
        "C" => f::C,
        "C++" => f::CPP,
        "Rust" => f::RUST,
        "PHP" => f::PHP,
        "Kotlin" => f::KOTLIN,
        "C#" => f::SHARP,
        "Ruby" => f::RUBY,
        "YAML" | "TOML" | "INI" | "JSON" | "Shell" | "Dockerfile" => f::DATA,
        _ => 0,
    }
}

/// A file, read once for all checks.
pub(crate) struct Scan<'a> {
    pub(crate) path: &'a str,
    pub(crate) source: &'a str,
    pub(crate) language: &'static str,
    pub(crate) family: u16,
    pub(crate) lines: Vec<Line<'a>>,
    pub(crate) functions: Vec<Function>,
    pub(crate) blocks: Blocks,
    /// Where secrets stand: line, column and kind, in order.
    pub(crate) secrets: Vec<(usize, usize, Span)>,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(path: &'a str, source: &'a str) -> Self {
        let language = language(path);
        let lines = lex::lines(path, source);
        let blocks = Blocks::of(&lines);
        let secrets = secrets(source, &lines);
        let functions = functions(language, &lines, &blocks);
        Self {
            path,
            source,
            language,
            family: family_of(path, language, source),
            lines,
            functions,
            blocks,
            secrets,
        }
    }

    /// A line as it may be shown: up to where a secret begins.
    pub(crate) fn shown(&self, i: usize) -> &'a str {
        let raw = self.raw(i);
        let first = self.secrets.partition_point(|(line, ..)| *line < i);
        match self.secrets.get(first) {
            Some((line, column, _)) if *line == i => raw.get(..*column).unwrap_or_default(),
            _ => raw,
        }
    }

    pub(crate) fn is(&self, families: u16) -> bool {
        self.family & families != 0
    }

    pub(crate) fn code(&self, i: usize) -> &str {
        self.lines.get(i).map_or("", |l| l.code.as_str())
    }

    /// The line as it stands.
    pub(crate) fn raw(&self, i: usize) -> &'a str {
        self.lines.get(i).map_or("", |l| l.raw)
    }

    /// Columns of white space before the code of a line.
    pub(crate) fn indent(&self, i: usize) -> usize {
        let raw = self.raw(i);
        raw.len() - raw.trim_start().len()
    }

    pub(crate) fn has_code(&self, i: usize) -> bool {
        !self.code(i).trim().is_empty()
    }

    /// The next line with code.
    pub(crate) fn next(&self, i: usize) -> Option<usize> {
        let end = self.lines.len().min(i + MOST_BLOCK);
        (i + 1..end).find(|j| self.has_code(*j))
    }

    /// The line with code before this one.
    pub(crate) fn before(&self, i: usize) -> Option<usize> {
        (i.saturating_sub(MOST_BLOCK)..i).rev().find(|j| self.has_code(*j))
    }

    /// Whether a comment stands on one of the lines: its author has thought of the matter.
    pub(crate) fn commented(&self, mut lines: std::ops::Range<usize>) -> bool {
        lines.any(|i| self.lines.get(i).is_some_and(|l| !l.comment.trim().is_empty()))
    }

    /// The lines of the block that line `i` opens, without its closing one. Empty when there is
    /// none, or when it stands on the same line.
    pub(crate) fn body(&self, i: usize) -> std::ops::Range<usize> {
        if !self.is(family::PYTHON | family::RUBY) {
            let end = self.blocks.last_closes(i).unwrap_or(i + 1);
            return i + 1..end.min(i + MOST_BLOCK).max(i + 1);
        }
        let own = self.indent(i);
        let most = self.lines.len().min(i + MOST_BLOCK);
        let mut end = i + 1;
        for j in i + 1..most {
            // What is blank in code may be the middle of a long string, at any column.
            if self.has_code(j) {
                if self.indent(j) <= own && !self.code(j).trim_start().starts_with([')', ']', '}'])
                {
                    break;
                }
                end = j + 1;
            }
        }
        i + 1..end
    }

    /// The innermost function around a line.
    pub(crate) fn function(&self, line: usize) -> Option<&Function> {
        let inside = self.functions.iter().filter(|f| f.first <= line && line <= f.last);
        inside.min_by_key(|f| f.len())
    }

    /// Whether a name is a parameter of the function around a line.
    pub(crate) fn is_parameter(&self, line: usize, name: &str) -> bool {
        let Some(f) = self.function(line) else { return false };
        let end =
            |j: &usize| self.code(*j).contains('{') || self.code(*j).trim_end().ends_with(':');
        let until = (f.first..f.first + 12).find(end).unwrap_or(f.first).min(line);
        (f.first..=until).any(|j| {
            let code = self.code(j).trim_start();
            // The receiver of a method of Go is its own.
            let code =
                code.strip_prefix("func (").and_then(|c| c.split_once(") ")).map_or(code, |c| c.1);
            let names =
                if j == f.first { code.split_once('(').map_or("", |(_, l)| l) } else { code };
            has_word(names.split('{').next().unwrap_or(names), name)
        })
    }

    /// The lines of the function around a line, at most [`MOST_BLOCK`] to either side; without a
    /// function, those around it.
    pub(crate) fn scope(&self, line: usize) -> std::ops::Range<usize> {
        let (first, last) =
            self.function(line).map_or((0, self.lines.len()), |f| (f.first, f.last + 1));
        first.max(line.saturating_sub(MOST_BLOCK))..last.min(line + MOST_BLOCK)
    }

    /// Whether a statement begins on this line, as far as the line before tells.
    pub(crate) fn begins_statement(&self, i: usize) -> bool {
        let Some(before) = self.before(i) else { return true };
        let end = self.code(before).trim_end();
        let open = ['(', ',', '[', '=', '+', '\\', '|', '&', '?', '.', '<', '*', '-', '%'];
        let property =
            self.is(family::SCRIPT) && end.ends_with(':') && !end.trim_start().starts_with("case");
        !(end.ends_with(open) || property || end.ends_with("return"))
    }
}

/// The secrets of a file by line and column.
fn secrets(source: &str, lines: &[Line<'_>]) -> Vec<(usize, usize, Span)> {
    let start = |n: usize| lines.get(n).map(|l| l.raw.as_ptr() as usize - source.as_ptr() as usize);
    let mut line = 0;
    let place = |span: Span| {
        while start(line + 1).is_some_and(|s| s <= span.range.start) {
            line += 1;
        }
        start(line).map(|s| (line, span.range.start - s, span))
    };
    redact::spans(source).into_iter().filter_map(place).collect()
}

/// Whether `word` stands in `text` with no letter, digit or `_` beside it.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    word_at(text, word).is_some()
}

/// Where it stands first.
pub(crate) fn word_at(text: &str, word: &str) -> Option<usize> {
    if word.is_empty() {
        return None;
    }
    text.match_indices(word).map(|(at, _)| at).find(|at| {
        let after = text[at + word.len()..].chars().next();
        !text[..*at].ends_with(is_ident)
            && (word.ends_with(['!', '(']) || !after.is_some_and(is_ident))
    })
}

/// Where the bracket that `open` is the place of closes in a line of code; `None` when no bracket stands there.
pub(crate) fn closing(code: &str, open: usize) -> Option<usize> {
    code.as_bytes().get(open).filter(|b| b"([{".contains(b))?;
    let mut depth = 0i32;
    for (i, b) in code.bytes().enumerate().skip(open) {
        match b {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(i);
        }
    }
    None
}

/// The arguments between the bracket at `open` and its end, by their columns; `None` when the
/// call does not end on its line.
pub(crate) fn arguments(code: &str, open: usize) -> Option<Vec<std::ops::Range<usize>>> {
    let end = closing(code, open)?;
    let (mut depth, mut start, mut out) = (0i32, open + 1, Vec::new());
    for (i, b) in code.bytes().enumerate().take(end).skip(open + 1) {
        match b {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            b',' if depth == 0 => {
                out.push(start..i);
                start = i + 1;
            }
            _ => {}
        }
    }
    if !code[start..end].trim().is_empty() {
        out.push(start..end);
    }
    Some(out)
}
