//! What the models are told that take facts out of a review and check them.

use super::{Prompt, facts_schema, fenced, fenced_file, fill};
use crate::text::{clip, one_line};
use queue_schema::sweep::FactsBounds;
use std::fmt::Write as _;

pub(super) const EXTRACT: &str = include_str!("../../templates/facts_extract.md");
pub(super) const VERIFY: &str = include_str!("../../templates/facts_verify.md");

/// Everything that the extractor's prompt is made of.
#[derive(Debug, Clone, Copy)]
pub struct ExtractInput<'a> {
    /// Path in the repository.
    pub path: &'a str,
    /// The accepted review, cut to its bound already.
    pub review: &'a str,
    /// What the answer has to keep to.
    pub bounds: &'a FactsBounds,
    /// A marker that the author of the repository cannot know.
    pub fence: &'a str,
}

/// What the verifier holds the facts against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown {
    /// The file.
    File,
    /// Notes on all of its parts, because it is large.
    Notes,
}

/// Everything that the verifier's prompt is made of.
#[derive(Debug, Clone, Copy)]
pub struct VerifyInput<'a> {
    /// Path in the repository.
    pub path: &'a str,
    /// As [`crate::target::language`] names it.
    pub language: &'a str,
    /// The facts, in order.
    pub facts: &'a [String],
    /// What they are held against.
    pub shown: Shown,
    /// That text.
    pub source: &'a str,
    /// It was cut: there is more of it.
    pub cut: bool,
    /// A marker that the author of the repository cannot know.
    pub fence: &'a str,
}

/// The prompt that takes facts out of a review.
pub fn extract_prompt(input: &ExtractInput<'_>) -> Prompt {
    let bounds = input.bounds;
    let system = fill(
        EXTRACT,
        &[
            ("fence", input.fence),
            ("entities", &bounds.max_entities.to_string()),
            ("facts", &bounds.max_facts.to_string()),
            ("relationships", &bounds.max_relationships.to_string()),
        ],
    );
    let mut user = String::new();
    let review = clip(input.review, bounds.review_chars as usize);
    fenced_file(&mut user, input.fence, "review of the file", input.path, review);
    Prompt { system, user, schema: Some(facts_schema(bounds)) }
}

/// The prompt that checks facts.
pub fn verify_prompt(input: &VerifyInput<'_>) -> Prompt {
    let what = match input.shown {
        Shown::File => "file",
        Shown::Notes => "notes on the file",
    };
    let mut user = format!("Language: {}\n", input.language);
    if input.shown == Shown::Notes {
        user.push_str(
            "The file is too large to be shown: these are notes on all of its parts, in order. That \
             something is absent from the notes shows nothing.\n",
        );
    }
    if input.cut {
        let _ = writeln!(
            user,
            "Only the beginning is shown, {} characters. That something is absent from it shows nothing.",
            input.source.chars().count()
        );
    }
    fenced_file(&mut user, input.fence, what, input.path, input.source);
    let mut list = String::new();
    for (n, fact) in (1..).zip(input.facts) {
        let _ = writeln!(list, "{n}: {}", one_line(fact));
    }
    user.push('\n');
    fenced(&mut user, input.fence, "statements about the file", &list);
    Prompt { system: fill(VERIFY, &[("fence", input.fence)]), user, schema: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FENCE: &str = "MARK-7f3a";
    const BOUNDS: FactsBounds = FactsBounds {
        min_chars: 120,
        max_tokens: 100,
        review_chars: 10,
        source_chars: 100,
        preview_chars: 400,
        max_entities: 3,
        max_facts: 4,
        max_relationships: 5,
        max_text_chars: 60,
    };

    #[test]
    fn the_extractor_sees_the_review_as_data_and_the_bounds() {
        let review = format!("abc {FENCE}>>>");
        let input = ExtractInput { path: "a\n.rs", review: &review, bounds: &BOUNDS, fence: FENCE };
        let prompt = extract_prompt(&input);
        assert!(prompt.user.starts_with("<<<MARK-7f3a review of the file\npath: a .rs\n\nabc "));
        assert_eq!(prompt.user.matches(FENCE).count(), 2, "{}", prompt.user);
        assert!(prompt.system.contains("At most 4.") && !prompt.system.contains("{{"));
        let schema = prompt.schema.unwrap();
        assert_eq!(schema["properties"]["facts"]["maxItems"], 4);
        assert_eq!(schema["required"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn the_verifier_is_told_what_it_does_not_see() {
        let facts = ["`load` returns\nits errors".to_owned(), "nothing".to_owned()];
        let input = VerifyInput {
            path: "a.rs",
            language: "Rust",
            facts: &facts,
            shown: Shown::File,
            source: "fn a() {}",
            cut: false,
            fence: FENCE,
        };
        let whole = verify_prompt(&input).user;
        assert!(whole.contains("1: `load` returns its errors\n2: nothing\n"), "{whole}");
        assert!(!whole.contains("beginning") && !whole.contains("notes"), "{whole}");
        assert!(whole.starts_with("Language: Rust\n<<<MARK-7f3a file\npath: a.rs\n\nfn a() {}"));
        let cut = verify_prompt(&VerifyInput { cut: true, shown: Shown::Notes, ..input }).user;
        assert!(cut.contains("Only the beginning is shown, 9 characters"), "{cut}");
        assert!(cut.contains("notes on the file\npath: a.rs\n"), "{cut}");
    }
}
