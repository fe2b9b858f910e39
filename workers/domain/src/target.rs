//! Which files are reviewed. A file that is not gets a reason: nothing is skipped in silence.

use std::fmt;

/// Why a file of the tree is not reviewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// Holds NUL bytes.
    Binary,
    /// Not UTF-8 from this byte on.
    NotUtf8 {
        /// Byte offset of the first invalid sequence.
        offset: usize,
    },
    /// No bytes, or white space only.
    Empty,
    /// Over the size cap.
    TooLarge {
        /// Size of the file.
        bytes: u64,
        /// The cap.
        max: u64,
    },
    /// A symbolic link: its content is a path.
    Symlink,
    /// A commit of another repository.
    Submodule,
    /// Written by a program, by its own account or by its name.
    Generated,
    /// Another project's code, kept in this tree.
    Vendored,
    /// Resolved dependency versions.
    LockFile,
    /// Minified script or style, or a source map.
    Minified,
    /// Matched by the ignore file.
    Ignored,
    /// Media, archives and the like, by file name.
    NotText,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Binary => f.write_str("binary (has NUL bytes)"),
            Self::NotUtf8 { offset } => write!(f, "not UTF-8 (first at byte {offset})"),
            Self::Empty => f.write_str("empty"),
            Self::TooLarge { bytes, max } => write!(f, "too large ({bytes} bytes, cap {max})"),
            Self::Symlink => f.write_str("symbolic link"),
            Self::Submodule => f.write_str("submodule"),
            Self::Generated => f.write_str("generated"),
            Self::Vendored => f.write_str("vendored"),
            Self::LockFile => f.write_str("lock file"),
            Self::Minified => f.write_str("minified"),
            Self::Ignored => f.write_str("matched by the ignore file"),
            Self::NotText => f.write_str("not a text file (by its name)"),
        }
    }
}

const VENDOR_DIRS: &[&str] = &[
    "vendor",
    "node_modules",
    "third_party",
    "third-party",
    "thirdparty",
    "bower_components",
    "site-packages",
    "Pods",
];

const LOCK_FILES: &[&str] = &[
    "cargo.lock",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "yarn.lock",
    "pnpm-lock.yaml",
    "bun.lock",
    "bun.lockb",
    "deno.lock",
    "poetry.lock",
    "pipfile.lock",
    "uv.lock",
    "pdm.lock",
    "pixi.lock",
    "gemfile.lock",
    "composer.lock",
    "go.sum",
    "go.work.sum",
    "flake.lock",
    "mix.lock",
    "pubspec.lock",
    "podfile.lock",
    "packages.lock.json",
    "gradle.lockfile",
    "package.resolved",
    "cartfile.resolved",
    "module.bazel.lock",
    ".terraform.lock.hcl",
];

const MINIFIED: &[&str] =
    &[".min.js", ".min.mjs", ".min.css", ".bundle.js", ".js.map", ".mjs.map", ".css.map"];

const GENERATED: &[&str] = &[
    ".pb.go",
    ".pb.cc",
    ".pb.h",
    "_pb2.py",
    "_pb2_grpc.py",
    ".g.dart",
    ".freezed.dart",
    ".designer.cs",
    ".g.cs",
];

#[rustfmt::skip]
const NOT_TEXT: &[&str] = &[
    "png", "jpg", "jpeg", "gif", "bmp", "ico", "icns", "webp", "avif", "tif", "tiff", "psd",
    "mp3", "mp4", "wav", "ogg", "flac", "avi", "mov", "mkv", "webm", "woff", "woff2", "ttf",
    "otf", "eot", "pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "zip", "gz", "tgz", "bz2",
    "xz", "zst", "7z", "rar", "tar", "jar", "war", "class", "exe", "dll", "so", "dylib", "a",
    "o", "obj", "lib", "pdb", "wasm", "pyc", "pyo", "whl", "egg", "gem", "deb", "rpm", "dmg",
    "iso", "bin", "dat", "db", "sqlite", "sqlite3", "parquet", "npy", "npz", "pkl", "onnx",
    "safetensors", "gguf", "pt", "pth", "h5", "der", "p12", "jks", "keystore", "svgz", "snap",
];

/// What the path alone says against a review.
pub fn skip_by_path(path: &str) -> Option<SkipReason> {
    let (dirs, name) = path.rsplit_once('/').unwrap_or(("", path));
    if dirs.split('/').any(|dir| VENDOR_DIRS.contains(&dir)) {
        return Some(SkipReason::Vendored);
    }
    let name = name.to_ascii_lowercase();
    if LOCK_FILES.contains(&name.as_str()) {
        return Some(SkipReason::LockFile);
    }
    if MINIFIED.iter().any(|end| name.ends_with(end)) {
        return Some(SkipReason::Minified);
    }
    if GENERATED.iter().any(|end| name.ends_with(end)) {
        return Some(SkipReason::Generated);
    }
    // A dot file such as `.bin` has no extension.
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty() && NOT_TEXT.contains(&extension)).then_some(SkipReason::NotText)
}

/// What the size alone says against a review.
pub fn skip_by_size(bytes: u64, max: u64) -> Option<SkipReason> {
    if bytes == 0 {
        return Some(SkipReason::Empty);
    }
    (bytes > max).then_some(SkipReason::TooLarge { bytes, max })
}

/// The file's text, or why its content is not reviewed.
pub fn inspect(bytes: &[u8]) -> Result<&str, SkipReason> {
    if bytes.contains(&0) {
        return Err(SkipReason::Binary);
    }
    let text =
        std::str::from_utf8(bytes).map_err(|e| SkipReason::NotUtf8 { offset: e.valid_up_to() })?;
    // U+FEFF is a byte order mark here, and no white space to `trim`.
    if text.trim_start_matches('\u{feff}').trim().is_empty() {
        return Err(SkipReason::Empty);
    }
    if text.lines().take(10).any(says_generated) {
        return Err(SkipReason::Generated);
    }
    Ok(text)
}

/// True when a comment line declares the file generated. Only comment lines count, and only an
/// unquoted marker: code that looks for the marker must not be taken for what it looks for.
fn says_generated(line: &str) -> bool {
    const COMMENT: &[&str] = &["//", "#", "/*", "*", "--", ";", "<!--", "%", "\"\"\"", "'"];
    let line = line.trim_start_matches('\u{feff}').trim();
    if !COMMENT.iter().any(|c| line.starts_with(c)) {
        return false;
    }
    let marker = "@generated";
    let plain = line.find(marker).is_some_and(|at| {
        let quote = |c: Option<char>| matches!(c, Some('"' | '\'' | '`'));
        !quote(line[..at].chars().next_back()) && !quote(line[at + marker.len()..].chars().next())
    });
    let lower = line.to_lowercase();
    plain
        || lower.contains("<auto-generated")
        || lower.contains("generated by the protocol buffer compiler")
        || ((lower.contains("generated by") || lower.contains("generated file"))
            && lower.contains("do not edit"))
}

/// The language of a file by its name, for prompts and reports; `text` when the name says
/// nothing.
pub fn language(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    match name.as_str() {
        "dockerfile" | "containerfile" => return "Dockerfile",
        "makefile" | "gnumakefile" => return "Makefile",
        "justfile" => return "Just",
        "cmakelists.txt" => return "CMake",
        "gemfile" | "rakefile" => return "Ruby",
        "jenkinsfile" => return "Groovy",
        _ => {}
    }
    let extension = name.rsplit_once('.').map_or("", |(_, e)| e);
    match extension {
        "rs" => "Rust",
        "py" | "pyi" => "Python",
        "js" | "mjs" | "cjs" | "jsx" => "JavaScript",
        "ts" | "mts" | "cts" | "tsx" => "TypeScript",
        "go" => "Go",
        "java" => "Java",
        "kt" | "kts" => "Kotlin",
        "scala" => "Scala",
        "c" | "h" => "C",
        "cc" | "cpp" | "cxx" | "hpp" | "hh" | "hxx" => "C++",
        "cs" => "C#",
        "swift" => "Swift",
        "rb" => "Ruby",
        "php" => "PHP",
        "lua" => "Lua",
        "ex" | "exs" => "Elixir",
        "erl" | "hrl" => "Erlang",
        "hs" => "Haskell",
        "ml" | "mli" => "OCaml",
        "clj" | "cljs" => "Clojure",
        "dart" => "Dart",
        "zig" => "Zig",
        "r" => "R",
        "jl" => "Julia",
        "pl" | "pm" => "Perl",
        "sh" | "bash" | "zsh" => "Shell",
        "ps1" => "PowerShell",
        "sql" => "SQL",
        "proto" => "Protocol Buffers",
        "graphql" | "gql" => "GraphQL",
        "tf" | "hcl" => "HCL",
        "nix" => "Nix",
        "vue" => "Vue",
        "svelte" => "Svelte",
        "html" | "htm" => "HTML",
        "css" | "scss" | "sass" | "less" => "CSS",
        "md" | "markdown" | "mdx" => "Markdown",
        "rst" => "reStructuredText",
        "toml" => "TOML",
        "yaml" | "yml" => "YAML",
        "json" | "jsonc" | "json5" => "JSON",
        "xml" | "svg" => "XML",
        "ini" | "cfg" | "conf" => "INI",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_skipped_for_the_right_reason() {
        assert_eq!(skip_by_path("vendor/x/main.go"), Some(SkipReason::Vendored));
        assert_eq!(skip_by_path("web/node_modules/a/i.js"), Some(SkipReason::Vendored));
        assert_eq!(skip_by_path("sub/Cargo.lock"), Some(SkipReason::LockFile));
        assert_eq!(skip_by_path("a/app.min.js"), Some(SkipReason::Minified));
        assert_eq!(skip_by_path("api/x.pb.go"), Some(SkipReason::Generated));
        assert_eq!(skip_by_path("img/LOGO.PNG"), Some(SkipReason::NotText));
        assert_eq!(skip_by_path("src/main.rs"), None);
        assert_eq!(skip_by_path("vendor.rs"), None, "only a directory is vendored");
        assert_eq!(skip_by_path(".bin"), None, "a dot file has no extension");
        assert_eq!(skip_by_path("src/vendored/x.rs"), None);
    }

    #[test]
    fn sizes() {
        assert_eq!(skip_by_size(0, 10), Some(SkipReason::Empty));
        assert_eq!(skip_by_size(10, 10), None);
        assert_eq!(skip_by_size(11, 10), Some(SkipReason::TooLarge { bytes: 11, max: 10 }));
    }

    #[test]
    fn content_is_inspected() {
        assert_eq!(inspect(b"a\0b"), Err(SkipReason::Binary));
        assert_eq!(inspect(b" \n\t"), Err(SkipReason::Empty));
        assert_eq!(inspect("\u{feff}\n".as_bytes()), Err(SkipReason::Empty));
        assert_eq!(inspect(b"ab\xff"), Err(SkipReason::NotUtf8 { offset: 2 }));
        assert_eq!(inspect("fn ä() {}".as_bytes()), Ok("fn ä() {}"));
    }

    #[test]
    fn generated_files_say_so_in_a_comment_near_the_top() {
        let go = b"// Code generated by stringer. DO NOT EDIT.\npackage x\n";
        assert_eq!(inspect(go), Err(SkipReason::Generated));
        assert_eq!(inspect(b"/* @generated */\nlet x;"), Err(SkipReason::Generated));
        let checker = b"//! Skips files that say \"@generated\".\nfn f() { has(\"@generated\") }";
        assert!(inspect(checker).is_ok(), "code that looks for the marker is not generated");
        let late = format!("{}// @generated\n", "x = 1\n".repeat(20));
        assert!(inspect(late.as_bytes()).is_ok());
    }

    #[test]
    fn reasons_read_well() {
        assert_eq!(
            SkipReason::TooLarge { bytes: 9, max: 5 }.to_string(),
            "too large (9 bytes, cap 5)"
        );
        assert_eq!(SkipReason::NotUtf8 { offset: 3 }.to_string(), "not UTF-8 (first at byte 3)");
    }

    #[test]
    fn languages() {
        assert_eq!(language("a/b.rs"), "Rust");
        assert_eq!(language("Dockerfile"), "Dockerfile");
        assert_eq!(language("LICENSE"), "text");
    }
}
