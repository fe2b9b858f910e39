//! The terms of a PRD that a file may be expected to mention: names, not words.

/// Terms taken from a document at most; a long one would drown the file in misses.
const MAX_TERMS: usize = 60;
/// Shorter names occur by chance.
const MIN_CHARS: usize = 4;

/// Names in a document, in order of first appearance: what stands in back-quotes, and what is
/// spelled like an identifier (`snake_case`, `CamelCase`).
pub fn prd_terms(text: &str) -> Vec<String> {
    let mut terms: Vec<String> = Vec::new();
    let mut add = |term: &str| {
        let term = term.trim_matches(|c: char| !crate::text::is_ident(c));
        let fits = term.chars().count() >= MIN_CHARS && term.chars().all(crate::text::is_ident);
        if fits && terms.len() < MAX_TERMS && !terms.iter().any(|t| t == term) {
            terms.push(term.to_owned());
        }
    };
    for (i, part) in text.split('`').enumerate() {
        for word in part.split(|c: char| !crate::text::is_ident(c)) {
            // Odd parts stand between back-quotes.
            if i % 2 == 1 || looks_like_a_name(word) {
                add(word);
            }
        }
    }
    terms
}

fn looks_like_a_name(word: &str) -> bool {
    let snake = word.trim_matches('_').contains('_');
    let camel = word.chars().skip(1).any(char::is_uppercase)
        && word.chars().any(char::is_lowercase)
        && word.chars().next().is_some_and(char::is_alphabetic);
    snake || camel
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_words() {
        let text =
            "The `worker` keeps a LeaseTable; see renew_leases and the README. `x` is short.";
        assert_eq!(prd_terms(text), ["worker", "LeaseTable", "renew_leases"]);
        assert_eq!(prd_terms("A `pool` of `job`s."), ["pool"]);
        let many = (0..=MAX_TERMS).fold(String::new(), |s, n| s + &format!("`term{n}` "));
        assert_eq!(prd_terms(&many).len(), MAX_TERMS);
    }
}
