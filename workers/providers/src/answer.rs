//! The text of an answer as it grows.

use scrum_domain::clean::without_thoughts;
use scrum_domain::text::Folded;

use crate::error::{ChatError, FailedKind};

/// A text with a bound.
#[derive(Debug)]
pub(crate) struct Answer {
    text: String,
    /// The same, to look for loops in.
    folded: Folded,
    max_bytes: u64,
    /// Repetitions in a row that are a loop; 0 for any number.
    max_repeats: u32,
    /// Where the text is looked at next.
    look_at: usize,
    looping: bool,
}

/// A loop is looked for each time that so many bytes have come,
const LOOK_EVERY: usize = 256;
/// or such a part of what is there already: a look takes longer the more there is.
const LOOK_PART: usize = 16;

impl Answer {
    pub(crate) fn new(max_bytes: u64, max_repeats: u32) -> Self {
        Self {
            text: String::new(),
            folded: Folded::default(),
            max_bytes,
            max_repeats,
            look_at: LOOK_EVERY,
            looping: false,
        }
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
        if self.max_repeats > 0 {
            self.folded.push(piece);
            self.look();
        }
        Ok(())
    }

    fn look(&mut self) {
        let length = self.text.len();
        if length >= self.look_at {
            self.look_at = length + LOOK_EVERY.max(length / LOOK_PART);
            let end = self.folded.repeated_end(&self.text, self.max_repeats as usize);
            self.looping |= end.is_some();
        }
    }

    /// Whether the model goes round in a loop. What would still come is paid for and of no use.
    pub(crate) fn is_looping(&self) -> bool {
        self.looping
    }

    /// The text so far, with its thoughts.
    pub(crate) fn text(&self) -> &str {
        &self.text
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
        let mut answer = Answer::new(4, 8);
        answer.push("añ").unwrap();
        assert_eq!(answer.chars(), 2);
        assert!(matches!(
            answer.push("bc"),
            Err(ChatError::Failed { kind: FailedKind::TooLarge, partial_chars: 2, .. })
        ));
        assert!(!answer.is_empty());
    }

    #[test]
    fn sees_a_loop_as_it_comes() {
        let looping = |max_repeats| {
            let mut answer = Answer::new(1 << 20, max_repeats);
            answer.push("## Suggested changes\n").unwrap();
            (1..=200).find(|_| {
                answer.push("- Quote: `the same line`\n- Change: `again`\n").unwrap();
                answer.is_looping()
            })
        };
        assert!(looping(8).is_some_and(|n| (8..20).contains(&n)), "{:?}", looping(8));
        assert_eq!(looping(0), None);
    }
}
