//! How a job's body stands in Redis: small ones as they are, larger ones packed.
//!
//! A body is JSON, so it never begins with a control character. One that does is a frame, and the
//! character says which: `0x01` stands before a raw deflate stream. Where jobs wait by the ten
//! thousands, memory is what they cost.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

/// Shorter bodies are not packed: there is nothing to gain.
const PACK_FROM: usize = 256;

/// First byte of a frame that holds a raw deflate stream.
const DEFLATE: u8 = 1;

/// Frames begin with a byte below this one, which no text does.
const FRAMES: u8 = b'\t';

/// Level and window: a body is a few KiB, and its letters are what packs.
const LEVEL: Compression = Compression::new(2);
const WINDOW_BITS: u8 = 12;

/// Why a body could not be unpacked. Its job becomes a dead letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Written by a newer program.
    #[error(
        "the job's body is packed in a way ({0}) that this program does not know; upgrade the worker"
    )]
    Unknown(u8),
    /// Not what was packed.
    #[error("the job's packed body is damaged: {0}")]
    Damaged(String),
    /// More than any job may have.
    #[error("the job's packed body has more than {max} bytes (queue.max_payload_bytes)")]
    TooLarge {
        /// The bound.
        max: usize,
    },
    /// Not text.
    #[error("the job's body is not text")]
    NotText,
}

/// A body as it is kept.
pub fn pack(body: &str) -> Vec<u8> {
    if body.len() >= PACK_FROM
        && let Some(frame) = deflate(body.as_bytes())
    {
        return frame;
    }
    body.as_bytes().to_vec()
}

/// A frame that is shorter than the body, if there is one.
fn deflate(body: &[u8]) -> Option<Vec<u8>> {
    let mut frame = Vec::with_capacity(body.len());
    frame.push(DEFLATE);
    let mut packer = Compress::new_with_window_bits(LEVEL, false, WINDOW_BITS);
    // Writes no more than fits into the capacity, and then has not ended.
    let status = packer.compress_vec(body, &mut frame, FlushCompress::Finish);
    matches!(status, Ok(Status::StreamEnd)).then_some(frame)
}

/// The body that was kept as `bytes`, of no more than `max` bytes once it is unpacked.
///
/// # Errors
/// [`BodyError`].
pub fn unpack(bytes: &[u8], max: usize) -> Result<String, BodyError> {
    let text = match bytes.first() {
        Some(&DEFLATE) => inflate(&bytes[1..], max)?,
        Some(&other) if other < FRAMES => return Err(BodyError::Unknown(other)),
        _ => bytes.to_vec(),
    };
    String::from_utf8(text).map_err(|_| BodyError::NotText)
}

fn inflate(packed: &[u8], max: usize) -> Result<Vec<u8>, BodyError> {
    let damaged = |why: &dyn std::fmt::Display| BodyError::Damaged(why.to_string());
    let mut text = Vec::with_capacity(packed.len().saturating_mul(2).min(max));
    let mut unpacker = Decompress::new(false);
    loop {
        let read = usize::try_from(unpacker.total_in()).unwrap_or(usize::MAX);
        let rest = packed.get(read..).unwrap_or_default();
        let before = text.len();
        let status = unpacker
            .decompress_vec(rest, &mut text, FlushDecompress::None)
            .map_err(|e| damaged(&e))?;
        let used = unpacker.total_in() == packed.len() as u64;
        if status == Status::StreamEnd {
            return if used { Ok(text) } else { Err(damaged(&"something stands behind it")) };
        }
        if text.len() == text.capacity() {
            if text.len() >= max {
                return Err(BodyError::TooLarge { max });
            }
            text.reserve_exact(text.len().max(PACK_FROM).min(max - text.len()));
        } else if used || text.len() == before {
            return Err(damaged(&"it ends too early"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 65_536;

    fn text(bytes: usize) -> String {
        format!("{{{}}}", "\"k\": 123456789, ".repeat(bytes / 16 + 1))[..bytes].to_owned()
    }

    #[test]
    fn a_body_of_any_size_is_itself_again() {
        for n in [0, 1, 16, 255, 256, 257, 1000, 4096, 65_535, MAX] {
            let body = text(n);
            let packed = pack(&body);
            assert_eq!(packed.first() == Some(&DEFLATE), n >= PACK_FROM, "{n} bytes");
            assert!(packed.len() <= body.len());
            assert_eq!(unpack(&packed, MAX).as_deref(), Ok(body.as_str()), "{n} bytes");
        }
        // Text in which nothing is to be gained stays as it is.
        let all: String = (0..400_u32).filter_map(|i| char::from_u32(0x4e00 + i * 37)).collect();
        assert_eq!(unpack(&pack(&all), MAX), Ok(all));
    }

    /// What is in a user's Redis today must be read tomorrow.
    #[test]
    fn what_earlier_versions_kept_is_read() {
        assert_eq!(unpack(br#"{"v":1}"#, MAX).as_deref(), Ok(r#"{"v":1}"#));
        // 300 times the letter a, as version 1 packed it.
        let frame = [1, 0x4b, 0x4c, 0x1c, 0x05, 0xc4, 0x86, 0x00, 0x00];
        assert_eq!(unpack(&frame, MAX), Ok("a".repeat(300)));
    }

    #[test]
    fn a_damaged_frame_is_an_error_and_no_more() {
        let body = text(2000);
        let packed = pack(&body);
        for cut in 1..packed.len() {
            assert!(unpack(&packed[..cut], MAX).is_err(), "cut at {cut}");
        }
        for at in 1..packed.len() {
            for bit in 0..8 {
                let mut bad = packed.clone();
                bad[at] ^= 1 << bit;
                // There is no checksum: the envelope is what tells the rest.
                let _ = unpack(&bad, MAX);
            }
        }
        let longer = [packed, vec![0]].concat();
        assert!(matches!(unpack(&longer, MAX), Err(BodyError::Damaged(_))));
        assert_eq!(unpack(&[2, 3], MAX), Err(BodyError::Unknown(2)));
        assert_eq!(unpack(&[0xff], MAX), Err(BodyError::NotText));
    }

    #[test]
    fn a_frame_does_not_unpack_to_more_than_a_job_may_have() {
        let bomb = pack(&"a".repeat(50_000_000));
        assert!(bomb.len() < 100_000);
        assert_eq!(unpack(&bomb, MAX), Err(BodyError::TooLarge { max: MAX }));
        let full = pack(&"a".repeat(MAX));
        assert_eq!(unpack(&full, MAX).map(|b| b.len()), Ok(MAX));
        assert_eq!(unpack(&full, MAX - 1), Err(BodyError::TooLarge { max: MAX - 1 }));
    }
}
