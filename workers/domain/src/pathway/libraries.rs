//! What a file imports, as far as its lines say it by themselves.

use super::key::is_identifier;
use std::collections::BTreeSet;

/// Libraries of a file that are kept.
const MOST: usize = 16;
/// Lines of a file that are looked at: what is imported stands near the top.
const LINES: usize = 400;
/// Bytes of a name.
const NAME_BYTES: usize = 80;

/// The libraries that a file imports, in the order of their bytes: the first part of each path that stands behind a
/// word such as `import`. A relative path is none.
pub fn libraries(source: &str) -> Vec<String> {
    let found = source.lines().take(LINES).filter_map(imported);
    let found: BTreeSet<&str> = found.filter(|name| name.len() <= NAME_BYTES).collect();
    found.into_iter().take(MOST).map(str::to_owned).collect()
}

fn imported(line: &str) -> Option<&str> {
    let line = line.trim();
    let (word, rest) = line.split_once([' ', '<', '"', '(']).unwrap_or((line, ""));
    // `import a from "b"`, `const a = require("b")`
    let quoted = || {
        let (_, rest) = line
            .split_once(" from ")
            .or_else(|| line.split_once("require("))
            .or(matches!(word, "import" | "require" | "require_once").then_some(("", rest)))?;
        let mark = rest.trim_start().chars().next().filter(|c| matches!(c, '"' | '\''))?;
        rest.trim_start()[1..].split(mark).next()
    };
    let path = match word {
        "#include" => rest.trim_matches(|c: char| "<>\" ".contains(c)),
        "import" | "const" | "let" | "var" | "export" | "require" | "require_once" => {
            match quoted() {
                Some(path) => path,
                None if word == "import" => rest.trim_start_matches("static ").trim(),
                None => return None,
            }
        }
        "use" | "from" | "using" | "extern" | "alias" => rest.trim_start_matches("crate ").trim(),
        "pub" => rest.trim().strip_prefix("use ")?,
        _ => return None,
    };
    let scoped = path
        .starts_with('@')
        .then(|| path.match_indices('/').nth(1).map_or(path, |(at, _)| &path[..at]));
    let name = scoped.unwrap_or_else(|| {
        path.split(|c: char| !(is_word(c) || c == '-')).next().unwrap_or_default()
    });
    let own = ["crate", "self", "super"].contains(&name);
    let is_name = scoped.is_some() || is_identifier(&name.replace('-', "_"));
    (is_name && !own).then_some(name)
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_ascii_alphanumeric() || !c.is_ascii()
}
