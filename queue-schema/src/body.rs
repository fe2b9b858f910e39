//! How a job's body stands in Redis: small ones as they are, larger ones packed.
//!
//! A body is JSON, so it never begins with a control character. One that does is a frame, and the
//! character says which: `0x01` stands before a zstd frame that says its content's size and carries
//! a checksum. Where jobs wait by the ten thousands, memory is what they cost.

use std::cell::RefCell;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe;

/// Shorter bodies are not packed: there is nothing to gain.
const PACK_FROM: usize = 256;

/// First byte of a frame that holds a zstd frame.
const ZSTD: u8 = 1;

/// Frames begin with a byte below this one, which no text does.
const FRAMES: u8 = b'\t';

/// Higher ones take longer and gain little: a body is a few KiB, and its letters are what packs.
const LEVEL: i32 = 1;

thread_local! {
    // Made once a thread: that takes longer than packing a body does.
    static PACKER: RefCell<Option<Compressor<'static>>> = RefCell::new(packer().ok());
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = RefCell::new(Decompressor::new().ok());
}

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

fn packer() -> std::io::Result<Compressor<'static>> {
    let mut packer = Compressor::new(LEVEL)?;
    packer.include_checksum(true)?;
    Ok(packer)
}

/// A body as it is kept.
pub fn pack(body: &str) -> Vec<u8> {
    if body.len() >= PACK_FROM
        && let Some(frame) = compress(body.as_bytes())
    {
        return frame;
    }
    body.as_bytes().to_vec()
}

/// A frame that is no longer than the body, if there is one.
fn compress(body: &[u8]) -> Option<Vec<u8>> {
    let mut frame = vec![0; body.len()];
    frame[0] = ZSTD;
    let length = PACKER.with_borrow_mut(|packer| {
        packer.as_mut()?.compress_to_buffer(body, &mut frame[1..]).ok()
    })?;
    frame.truncate(length + 1);
    Some(frame)
}

/// The body that was kept as `bytes`, of no more than `max` bytes once it is unpacked.
///
/// # Errors
/// [`BodyError`].
pub fn unpack(bytes: &[u8], max: usize) -> Result<String, BodyError> {
    let text = match bytes.first() {
        Some(&ZSTD) => decompress(&bytes[1..], max)?,
        Some(&other) if other < FRAMES => return Err(BodyError::Unknown(other)),
        _ => bytes.to_vec(),
    };
    String::from_utf8(text).map_err(|_| BodyError::NotText)
}

fn decompress(packed: &[u8], max: usize) -> Result<Vec<u8>, BodyError> {
    let damaged = |why: &dyn std::fmt::Display| BodyError::Damaged(why.to_string());
    // What the frame says is all the room that it gets.
    let size = match zstd_safe::get_frame_content_size(packed) {
        Ok(Some(size)) => usize::try_from(size).unwrap_or(usize::MAX),
        _ => return Err(damaged(&"it does not say its size")),
    };
    if size > max {
        return Err(BodyError::TooLarge { max });
    }
    let mut text = vec![0; size];
    let length = UNPACKER.with_borrow_mut(|unpacker| {
        let unpacker = unpacker.as_mut().ok_or_else(|| damaged(&"no memory to unpack it"))?;
        unpacker.decompress_to_buffer(packed, &mut text).map_err(|e| damaged(&e))
    })?;
    if length == size { Ok(text) } else { Err(damaged(&"it is not of the size that it says")) }
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
            assert_eq!(packed.first() == Some(&ZSTD), n >= PACK_FROM, "{n} bytes");
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
        let frame = [
            1, 40, 181, 47, 253, 100, 44, 0, 77, 0, 0, 16, 97, 97, 1, 0, 39, 42, 192, 2, 199, 207,
            207, 185,
        ];
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
                // A bit of the frame's head may mean nothing; nothing else comes out of it.
                assert!(unpack(&bad, MAX).is_ok_and(|b| b == body) || unpack(&bad, MAX).is_err());
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
