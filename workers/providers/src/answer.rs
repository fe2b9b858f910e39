//! The text of an answer as it grows.

use crate::error::{ChatError, FailedKind};

/// A text with a bound.
#[derive(Debug)]
pub(crate) struct Answer {
    text: String,
    max_bytes: u64,
}

impl Answer {
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self { text: String::new(), max_bytes }
    }

    /// Appends a piece, unless that would break the bound.
    pub(crate) fn push(&mut self, piece: &str) -> Result<(), ChatError> {
        if (self.text.len() + piece.len()) as u64 > self.max_bytes {
            return Err(ChatError::failed(
                FailedKind::TooLarge,
                format!("the answer is larger than {} bytes (max_answer_bytes)", self.max_bytes),
                self.chars(),
            ));
        }
        self.text.push_str(piece);
        Ok(())
    }

    /// Characters so far.
    pub(crate) fn chars(&self) -> usize {
        self.text.chars().count()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The whole text without thoughts.
    pub(crate) fn into_text(self) -> String {
        without_thoughts(self.text)
    }
}

/// Drops a leading `<think>` block: servers that don't know a model's thoughts from its answer
/// send both as content. One that never closes is all thought.
fn without_thoughts(text: String) -> String {
    let Some(inside) = text.trim_start().strip_prefix("<think>") else {
        return text;
    };
    match inside.find("</think>") {
        Some(end) => inside[end + "</think>".len()..].trim_start().to_owned(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_only_a_leading_thought() {
        assert_eq!(without_thoughts("\n<think>a\nb</think>\n\n## Score".into()), "## Score");
        assert_eq!(without_thoughts("<think>never ends".into()), "");
        assert_eq!(without_thoughts("see <think> tag".into()), "see <think> tag");
    }

    #[test]
    fn keeps_its_bound() {
        let mut answer = Answer::new(4);
        answer.push("añ").unwrap();
        assert_eq!(answer.chars(), 2);
        assert!(matches!(
            answer.push("bc"),
            Err(ChatError::Failed { kind: FailedKind::TooLarge, partial_chars: 2, .. })
        ));
        assert!(!answer.is_empty());
    }
}
