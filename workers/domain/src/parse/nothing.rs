//! How reviewers say that there is nothing to say.

/// True for a value that says nothing, as in `Quote: none`.
pub(super) fn is_blank(value: &str) -> bool {
    let plain = value.trim_matches(|c: char| c.is_whitespace() || "*_`\"'.,;:()[]".contains(c));
    let plain = plain.to_ascii_lowercase();
    let words = ["", "none", "n/a", "n.a", "na", "nothing", "null", "nil", "not applicable"];
    words.contains(&plain.as_str()) || plain.chars().all(|c| matches!(c, '-' | '–' | '—'))
}
