//! The end of what a check writes.

use std::collections::VecDeque;

/// Written when the sandbox stands and the command is about to begin: what comes before it is
/// from the tools that make the sandbox.
pub(super) const MARK: &str = "\u{1}the check begins\u{1}\n";
/// Kept of what those say.
const MOST_BEFORE: usize = 16 * 1024;

/// Keeps the last bytes.
#[derive(Debug)]
pub(super) struct Output {
    before: Vec<u8>,
    started: bool,
    tail: VecDeque<u8>,
    bound: usize,
    left_out: u64,
}

impl Output {
    pub(super) fn new(bound: usize) -> Self {
        Self { before: Vec::new(), started: false, tail: VecDeque::new(), bound, left_out: 0 }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.started {
            return self.keep(bytes);
        }
        self.before.extend_from_slice(bytes);
        let mark = MARK.as_bytes();
        if let Some(at) = self.before.windows(mark.len()).position(|part| part == mark) {
            self.started = true;
            let before = std::mem::take(&mut self.before);
            self.keep(&before[at + mark.len()..]);
        } else if self.before.len() > MOST_BEFORE {
            let cut = self.before.len() - MOST_BEFORE;
            self.before.drain(..cut);
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let bytes = match bytes.len().checked_sub(self.bound) {
            Some(over) => {
                self.left_out += over as u64;
                &bytes[over..]
            }
            None => bytes,
        };
        let over = (self.tail.len() + bytes.len()).saturating_sub(self.bound);
        self.left_out += over as u64;
        self.tail.drain(..over);
        self.tail.extend(bytes);
    }

    /// The text and how many bytes before it are not kept, or what was said instead of beginning.
    pub(super) fn end(&mut self) -> Result<(String, u64), String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if self.started {
            Ok((text(self.tail.make_contiguous()), self.left_out))
        } else {
            Err(text(&self.before))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept_and_the_rest_counted() {
        let mut output = Output::new(4);
        output.push(b"warning");
        for byte in MARK.as_bytes().chunks(3) {
            output.push(byte);
        }
        output.push(b"ab");
        output.push(b"cde");
        assert_eq!(output.tail, b"bcde");
        output.push(b"0123456789");
        assert_eq!(output.end(), Ok(("6789".to_owned(), 11)));
        let mut output = Output::new(4);
        output.push(&vec![b'x'; 100_000]);
        output.push(b"no sandbox");
        let said = output.end().unwrap_err();
        assert!(said.ends_with("no sandbox") && said.len() <= MOST_BEFORE);
    }
}
