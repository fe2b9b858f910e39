//! What has been heard of an answer, in whichever format it came.

use crate::answer::Answer;
use crate::chat::{ChatReply, Finish};
use crate::clock::Clock;
use crate::error::{ChatError, FailedKind};
use crate::live::Told;
use crate::wire::Form;

/// Characters that make a token of thoughts, where the server doesn't count them.
const CHARS_PER_TOKEN: u64 = 4;

/// An answer as it grows.
pub(crate) struct Heard {
    pub(crate) answer: Answer,
    pub(crate) refusal: Answer,
    pub(crate) finish: Option<Finish>,
    /// Nothing of use follows.
    pub(crate) over: bool,
    /// Tokens of the prompt: as such, written to a cache, read from it. Servers that add them up
    /// themselves tell only the first.
    pub(crate) prompt: [u64; 3],
    pub(crate) tokens_out: u64,
    /// Tokens of thoughts, where the server tells them.
    pub(crate) thoughts_told: u64,
    pub(crate) cost_usd: Option<f64>,
    pub(crate) served_by: Option<String>,
    /// Who hears it as it grows.
    pub(crate) told: Option<Told>,
    thought_chars: u64,
}

impl Heard {
    pub(crate) fn new(max_bytes: u64, max_repeats: u32) -> Self {
        Self {
            answer: Answer::new(max_bytes, max_repeats),
            refusal: Answer::new(max_bytes, 0),
            finish: None,
            over: false,
            prompt: [0; 3],
            tokens_out: 0,
            thoughts_told: 0,
            cost_usd: None,
            served_by: None,
            told: None,
            thought_chars: 0,
        }
    }

    /// A piece of the answer.
    pub(crate) fn text(&mut self, piece: &str, clock: &mut Clock) -> Result<(), ChatError> {
        if !piece.is_empty() {
            self.answer.push(piece)?;
            if let Some(told) = &mut self.told {
                told.grown(self.answer.text());
            }
            clock.progress();
        }
        Ok(())
    }

    /// A piece of thought: work, but no part of the answer.
    pub(crate) fn thought(&mut self, piece: &str, clock: &mut Clock) {
        if !piece.is_empty() {
            self.thought_chars += piece.chars().count() as u64;
            clock.progress();
        }
    }

    /// The model is done, for this reason.
    pub(crate) fn done(&mut self, finish: Finish, clock: &mut Clock) {
        self.finish = Some(finish);
        clock.finished();
    }

    /// Who served the call.
    pub(crate) fn served_by(&mut self, name: &str) {
        self.served_by = Some(name.chars().take(100).collect());
    }

    /// Tokens of the whole prompt; 0 when they were not told.
    pub(crate) fn tokens_in(&self) -> u64 {
        self.prompt.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    pub(crate) fn chars(&self) -> usize {
        self.answer.chars()
    }

    pub(crate) fn garbage(&self, message: &str) -> ChatError {
        ChatError::failed(FailedKind::Garbage, message, self.chars())
    }

    /// The whole answer.
    pub(crate) fn reply(self, form: &Form, clock: &Clock) -> Result<ChatReply, ChatError> {
        let refused = !self.refusal.is_empty();
        let Some(finish) = self.finish.or_else(|| refused.then_some(Finish::Refusal)) else {
            return Err(ChatError::cut_off(self.chars(), form.end));
        };
        let tokens_in = self.tokens_in();
        let said = if self.answer.is_empty() { self.refusal } else { self.answer };
        let chars = said.chars() as u64;
        let text = said.into_text();
        // Thoughts may stand in the answer itself.
        let inside = chars.saturating_sub(text.chars().count() as u64);
        let guessed = self.thought_chars.saturating_add(inside).div_ceil(CHARS_PER_TOKEN);
        let most = if self.tokens_out == 0 { u64::MAX } else { self.tokens_out };
        Ok(ChatReply {
            text,
            finish: if refused { Finish::Refusal } else { finish },
            tokens_in,
            tokens_out: self.tokens_out,
            thought_tokens: self.thoughts_told.max(guessed).min(most),
            cost_usd: self.cost_usd,
            served_by: self.served_by,
            duration_ms: clock.elapsed_ms(),
            first_byte_ms: clock.first_byte_ms(),
            masked: 0,
        })
    }
}
