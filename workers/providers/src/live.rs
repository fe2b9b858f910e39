//! An answer for somebody who hears it as it grows.

use scrum_domain::clean::{may_open_thoughts, without_thoughts};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Bytes of an answer in which thoughts are looked for: they lead.
const THOUGHTS_WITHIN: usize = 16 * 1024;

/// Where the pieces of an answer go. They are held until they are taken, and bounded as the answer is.
#[derive(Debug, Clone)]
pub struct Live(UnboundedSender<String>);

impl Live {
    /// Both ends. The pieces end with the call.
    pub fn new() -> (Self, UnboundedReceiver<String>) {
        let (send, pieces) = unbounded_channel();
        (Self(send), pieces)
    }
}

/// How far somebody has heard an answer.
#[derive(Debug)]
pub(crate) struct Told {
    live: Live,
    /// Bytes of the text, with its thoughts, that were told or passed over.
    at: usize,
}

impl Told {
    pub(crate) fn new(live: Live) -> Self {
        Self { live, at: 0 }
    }

    /// Tells what has come of a text, but for the thoughts that lead it.
    pub(crate) fn grown(&mut self, text: &str) {
        if self.at < THOUGHTS_WITHIN {
            if may_open_thoughts(text) {
                return;
            }
            self.at = self.at.max(text.len() - without_thoughts(text).len());
        }
        if let Some(piece) = text.get(self.at..).filter(|piece| !piece.is_empty()) {
            // Who has gone hears nothing.
            let _ = self.live.0.send(piece.to_owned());
            self.at = text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(pieces: &[&str]) -> Vec<String> {
        let (live, mut heard) = Live::new();
        let (mut told, mut text) = (Told::new(live), String::new());
        for piece in pieces {
            text.push_str(piece);
            told.grown(&text);
        }
        drop(told);
        std::iter::from_fn(|| heard.try_recv().ok()).collect()
    }

    #[test]
    fn pieces_come_as_they_are_and_thoughts_do_not() {
        assert_eq!(heard(&["a", "b", "", "ñ"]), ["a", "b", "ñ"]);
        assert_eq!(heard(&["<th", "ink>x", "y</think>", "\n\nSo", " it is"]), ["So", " it is"]);
        assert_eq!(heard(&["<", "b>bold</b>"]), ["<b>bold</b>"]);
        assert!(heard(&["<think>", "never ends"]).is_empty());
    }
}
