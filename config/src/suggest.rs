//! "Did you mean": the nearest of some known names.

/// The name of `known` nearest to `word`, when one is near enough to be what was meant.
///
/// One slip per three characters is allowed, and at least two, with swapped neighbours counted
/// as one; case does not count.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let slips = (word.chars().count() / 3).max(2);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&word, &name.to_lowercase()), name))
        // A distance as long as the word itself would "find" any short name.
        .filter(|(distance, name)| *distance <= slips && *distance < name.chars().count())
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_refuses_strangers() {
        let known = ["lease_ms", "renew_ms", "url", "concurrency"];
        assert_eq!(nearest("leese_ms", known), Some("lease_ms"));
        assert_eq!(nearest("Concurency", known), Some("concurrency"));
        assert_eq!(nearest("ulr", known), Some("url"));
        assert_eq!(nearest("abc", known), None);
        assert_eq!(nearest("something_else", known), None);
    }
}
