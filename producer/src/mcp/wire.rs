//! Where the protocol is read and written: stdin from a thread of its own, stdout in whole lines through the one place
//! that prints.

use crate::output::say_part;
use std::io::{self, Read as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::mpsc;

/// Bytes that are read at a time.
const CHUNK: usize = 16 * 1024;
/// Chunks that wait for whoever reads them; then the client waits.
const CHUNKS: usize = 4;

/// Standard input. It ends with the client's end, or when it can't be read.
#[derive(Debug)]
pub struct In {
    chunks: mpsc::Receiver<Vec<u8>>,
    chunk: Vec<u8>,
}

impl In {
    /// Begins to read. The thread may hang in a read until the program ends: nobody waits for it.
    pub fn start() -> Self {
        let (send, chunks) = mpsc::channel(CHUNKS);
        std::thread::spawn(move || {
            let (mut stdin, mut chunk) = (io::stdin().lock(), vec![0; CHUNK]);
            while let Ok(n @ 1..) = stdin.read(&mut chunk) {
                if send.blocking_send(chunk[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { chunks, chunk: Vec::new() }
    }
}

impl AsyncRead for In {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        to: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.chunk.is_empty() {
            let Some(chunk) = ready!(self.chunks.poll_recv(cx)) else { return Poll::Ready(Ok(())) };
            self.chunk = chunk;
        }
        let n = self.chunk.len().min(to.remaining());
        to.put_slice(&self.chunk[..n]);
        self.chunk.drain(..n);
        Poll::Ready(Ok(()))
    }
}

/// Standard output, a line at a time: nothing else gets between two parts of a message.
#[derive(Debug, Default)]
pub struct Out {
    line: Vec<u8>,
}

impl AsyncWrite for Out {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.line.extend_from_slice(bytes);
        if let Some(end) = self.line.iter().rposition(|byte| *byte == b'\n') {
            let whole: Vec<u8> = self.line.drain(..=end).collect();
            say_part(&String::from_utf8_lossy(&whole)).map_err(io::Error::other)?;
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Each message ends with a line break, and is written when that comes.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
