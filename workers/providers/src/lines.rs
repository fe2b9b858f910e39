//! Lines of a streamed body, bounded in size and time.

use std::time::Duration;

use reqwest::Response;
use tokio::time::timeout_at;

use crate::clock::Clock;
use crate::error::{ChatError, FailedKind, TransientKind};

/// Raw bytes per byte of answer: a token of four bytes comes in a frame of some 250.
const FRAMING: u64 = 128;
/// Room for the framing of an answer that comes as a single line.
const LINE_SLACK: u64 = 64 * 1024;

/// Bytes that may follow a whole answer,
const AFTERWARDS: usize = 64 * 1024;
/// and how long after it.
const LINGER: Duration = Duration::from_secs(1);

/// Why no more lines can be read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// A timer of the [`Clock`] ran out.
    Expired,
    /// The connection broke.
    Cut,
    /// A line, or the whole, is over its bound.
    TooLarge(u64),
    /// A line is not UTF-8.
    NotUtf8,
}

impl ReadError {
    /// The error of the call, after `partial` characters of text.
    pub(crate) fn into_chat(self, clock: &Clock, partial: usize) -> ChatError {
        match self {
            Self::Expired => clock.error(partial),
            Self::Cut if partial == 0 => ChatError::transient(
                TransientKind::Unreachable,
                "the connection broke before any text came",
            ),
            Self::Cut => ChatError::failed(
                FailedKind::Cut,
                format!("the connection broke after {partial} characters"),
                partial,
            ),
            Self::TooLarge(bound) => ChatError::failed(
                FailedKind::TooLarge,
                format!("the answer is larger than {bound} bytes (max_answer_bytes)"),
                partial,
            ),
            Self::NotUtf8 => ChatError::failed(
                FailedKind::InvalidUtf8,
                "the answer holds bytes that are not UTF-8",
                partial,
            ),
        }
    }
}

/// Reads a body line by line. Holds one line, never the body.
pub(crate) struct Lines {
    response: Response,
    buffer: Vec<u8>,
    /// Start of the unread part of `buffer`.
    start: usize,
    /// Up to here `buffer` is known to hold no line end.
    scanned: usize,
    read: u64,
    max_answer: u64,
    ended: bool,
    /// What comes after this is of no use.
    pub(crate) whole: bool,
}

impl Lines {
    pub(crate) fn new(response: Response, max_answer: u64) -> Self {
        Self {
            response,
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            read: 0,
            max_answer,
            ended: false,
            whole: false,
        }
    }

    /// Reads what may follow an answer that is whole: the end of the body, so that its connection can serve the
    /// next call. Nobody waits for that.
    pub(crate) fn finish(mut self) {
        // An answer that was stopped is given up with its connection.
        if self.ended || !self.whole {
            return;
        }
        tokio::spawn(async move {
            let rest = async {
                let mut left = AFTERWARDS;
                while let Ok(Some(bytes)) = self.response.chunk().await {
                    if bytes.len() > left {
                        break;
                    }
                    left -= bytes.len();
                }
            };
            let _ = tokio::time::timeout(LINGER, rest).await;
        });
    }

    /// The next line without its end, or none at the end of the body.
    pub(crate) async fn next(&mut self, clock: &Clock) -> Result<Option<String>, ReadError> {
        loop {
            if let Some(at) = self.buffer[self.scanned..].iter().position(|b| *b == b'\n') {
                let end = self.scanned + at;
                let line = text_of(&self.buffer[self.start..end])?;
                self.start = end + 1;
                self.scanned = self.start;
                return Ok(Some(line));
            }
            if self.ended {
                if self.start == self.buffer.len() {
                    return Ok(None);
                }
                let line = text_of(&self.buffer[self.start..])?;
                self.start = self.buffer.len();
                self.scanned = self.start;
                return Ok(Some(line));
            }
            self.buffer.drain(..self.start);
            self.start = 0;
            self.scanned = self.buffer.len();
            if self.scanned as u64 > self.max_answer.saturating_add(LINE_SLACK) {
                return Err(ReadError::TooLarge(self.max_answer));
            }
            match timeout_at(clock.deadline(), self.response.chunk()).await {
                Err(_) => return Err(ReadError::Expired),
                Ok(Err(_)) => return Err(ReadError::Cut),
                Ok(Ok(None)) => self.ended = true,
                Ok(Ok(Some(bytes))) => {
                    self.read += bytes.len() as u64;
                    if self.read > self.max_answer.saturating_mul(FRAMING).max(LINE_SLACK) {
                        return Err(ReadError::TooLarge(self.max_answer));
                    }
                    self.buffer.extend_from_slice(&bytes);
                }
            }
        }
    }
}

fn text_of(line: &[u8]) -> Result<String, ReadError> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    std::str::from_utf8(line).map(str::to_owned).map_err(|_| ReadError::NotUtf8)
}
