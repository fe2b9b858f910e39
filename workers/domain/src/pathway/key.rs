//! What a finding is about, as a key that outlives its words: a flag, and the names that its claim quotes.

use crate::parse::code::code_spans;
use queue_schema::rows::FLAGS;
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// One line a language, behind its name.
const KEYWORDS: &str = include_str!("keywords.txt");
/// Names in a key: the first ones in the order of their bytes.
const MOST_NAMES: usize = 3;
/// Characters of a name at most: what is longer is no name.
const NAME_CHARS: usize = 64;

static WORDS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let lines = KEYWORDS.lines().filter(|line| !line.starts_with('#'));
    let words = lines.filter_map(|line| line.split_once(": "));
    words.flat_map(|(_, words)| words.split_whitespace()).collect()
});

/// All words that languages reserve, in the order of their bytes.
pub fn keywords() -> impl Iterator<Item = &'static str> {
    WORDS.iter().copied()
}

/// The names that a text quotes in backquotes, in the order of their bytes, each once: without the semantic flags and
/// without what a language reserves. A quoted path or call (`Store::push`, `self.limit`, `load()`) counts as
/// its last name; any other code counts as none.
pub fn identifiers(text: &str) -> BTreeSet<String> {
    let named = code_spans(text);
    named.iter().filter_map(|span| name_of(span)).map(str::to_owned).collect()
}

/// The key of a flagged line of a review: `OffByOne:count-limit`. `None` where it quotes no name.
pub fn pattern_key(flag: &str, text: &str) -> Option<String> {
    let names: Vec<String> = identifiers(text).into_iter().take(MOST_NAMES).collect();
    (!names.is_empty()).then(|| format!("{flag}:{}", names.join("-")))
}

/// The name that a code span is, or that stands at the end of its path.
fn name_of(span: &str) -> Option<&str> {
    let path = span.trim();
    let path = path.strip_suffix("()").unwrap_or(path);
    let mut name = path;
    for mark in ["::", "->", "."] {
        name = name.rsplit_once(mark).map_or(name, |(_, last)| last);
    }
    let parts = path.split("::").flat_map(|part| part.split("->")).flat_map(|part| part.split('.'));
    let is_path = parts.clone().all(is_identifier);
    (is_path && name.chars().count() <= NAME_CHARS && !is_common(name)).then_some(name)
}

/// A letter of ASCII, `_` or any character beyond ASCII; digits behind the first one.
pub(super) fn is_identifier(word: &str) -> bool {
    let fits = |c: char| c == '_' || c.is_ascii_alphabetic() || !c.is_ascii();
    word.starts_with(fits) && word.chars().all(|c| fits(c) || c.is_ascii_digit())
}

/// A flag, or a word of a language.
fn is_common(name: &str) -> bool {
    let is_flag = FLAGS.iter().any(|flag| flag.eq_ignore_ascii_case(name));
    let in_capitals = !name.contains(|c: char| c.is_ascii_lowercase());
    is_flag
        || WORDS.contains(name)
        || in_capitals && WORDS.contains(name.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_of_the_names_that_a_line_quotes() {
        for (line, key) in [
            ("OffByOne: `limit` is compared with `count`", Some("OffByOne:count-limit")),
            ("`d` `c` `b` `a` `a`", Some("OffByOne:a-b-c")),
            (
                "`OffByOne` in `Store::push`, `self.limit`, `p->head`",
                Some("OffByOne:head-limit-push"),
            ),
            ("`load()` and `load`", Some("OffByOne:load")),
            ("`Select` is no word of SQL, `TYPEOF` is one", Some("OffByOne:Select")),
            ("`if`, `None`, `NULL`, `self`, `SELECT`, `uint`", None),
            ("`values[i + 1]` and `f(x)`, `a b`, `1st`, ``", None),
            ("no name: limit, count", None),
            ("`` `limit` ``, `` limit ``", Some("OffByOne:limit")),
            ("`größe` and `número_2`", Some("OffByOne:größe-número_2")),
            ("`typeconfusion` `x`", Some("OffByOne:x")),
            ("```\nlimit\n``` `count`", Some("OffByOne:count-limit")),
        ] {
            assert_eq!(pattern_key("OffByOne", line).as_deref(), key, "{line}");
        }
        assert_eq!(pattern_key("OffByOne", &format!("`{}`", "x".repeat(65))), None);
    }

    #[test]
    fn every_language_that_is_named_has_its_words() {
        for line in KEYWORDS.lines().filter(|line| !line.starts_with('#')) {
            let (_, words) = line.split_once(": ").expect(line);
            assert!(words.split_whitespace().all(|word| WORDS.contains(word)));
        }
        for word in ["fn", "lambda", "typeof", "chan", "foreach", "elsif", "nil", "select"] {
            assert!(is_common(word), "{word}");
        }
    }
}
