//! The append-only file, read as what it is: every write that ever happened, in order, those of one
//! script between `MULTI` and `EXEC`.

use std::path::{Path, PathBuf};

/// One command: its words.
pub type Words = Vec<Vec<u8>>;

/// What happened in one step: one command, or all writes of one script.
#[derive(Debug, Clone)]
pub struct Step {
    /// The writes.
    pub commands: Vec<Words>,
    /// First byte of it in its file.
    pub start: usize,
    /// Byte after its last.
    pub end: usize,
}

/// The incremental files of a server's `appendonlydir`, in order.
///
/// # Panics
/// When there is no manifest that Redis 7 would write.
pub fn incremental_files(appendonlydir: &Path) -> Vec<PathBuf> {
    let manifest = appendonlydir.join("appendonly.aof.manifest");
    let manifest = std::fs::read_to_string(manifest).unwrap();
    let name = |line: &str| -> Option<String> {
        let words: Vec<_> = line.split(' ').collect();
        (words.last() == Some(&"i")).then(|| words[1].to_owned())
    };
    manifest.lines().filter_map(name).map(|n| appendonlydir.join(n)).collect()
}

/// The whole steps of a file; an unfinished one at its end is left out, as Redis does.
///
/// # Panics
/// When the bytes are not those of an append-only file.
pub fn steps(bytes: &[u8]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut at = 0;
    let mut open: Option<Step> = None;
    while let Some((words, end)) = command(bytes, at) {
        let word = words[0].to_ascii_uppercase();
        match word.as_slice() {
            b"MULTI" => {
                assert!(open.is_none(), "byte {at}: half a step stands before this one");
                open = Some(Step { commands: Vec::new(), start: at, end });
            }
            b"EXEC" => {
                let step = open.take().expect("EXEC follows MULTI");
                steps.push(Step { end, ..step });
            }
            _ => match &mut open {
                Some(step) => step.commands.push(words),
                None => steps.push(Step { commands: vec![words], start: at, end }),
            },
        }
        at = end;
    }
    steps
}

/// The command at `at` and where it ends; `None` when it is not all there.
fn command(bytes: &[u8], at: usize) -> Option<(Words, usize)> {
    let (count, mut at) = number(bytes, at, b'*')?;
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        let (length, from) = number(bytes, at, b'$')?;
        let to = from + length;
        bytes.get(to..to + 2)?;
        words.push(bytes[from..to].to_vec());
        at = to + 2;
    }
    Some((words, at))
}

fn number(bytes: &[u8], at: usize, sign: u8) -> Option<(usize, usize)> {
    let first = *bytes.get(at)?;
    assert_eq!(char::from(first), char::from(sign), "byte {at} of the append-only file");
    let length = bytes[at..].iter().position(|b| *b == b'\n')?;
    let text = std::str::from_utf8(&bytes[at + 1..at + length]).unwrap();
    Some((text.trim_end().parse().unwrap(), at + length + 1))
}
