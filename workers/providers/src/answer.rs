//! The text of an answer as it grows.

use scrum_domain::clean::without_thoughts;

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

    /// The whole text without thoughts: servers that don't know a model's thoughts from its answer
    /// send both as content.
    pub(crate) fn into_text(self) -> String {
        match without_thoughts(&self.text) {
            text if text.len() == self.text.len() => self.text,
            text => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
